"""Media types: which one a header names, which entry of a `content` map it meets, and how
bytes of that type become a value.

Types are compared without regard to case and parameters; an exact type comes before a range,
`text/*` before `*/*` (OpenAPI 3.1.1, section 4.8.14).
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from brrt.config import MAX_DEPTH, MAX_PARAMETERS
from brrt.errors import BrrtError
from brrt.openapi.depth import is_deeper
from brrt.openapi.operations import MediaType

TOO_DEEP = "nested too deeply"
# What a client may name: the charsets of WHATWG's Encoding Standard. Python knows more under
# `decode`, some of them slow, and remembers every unknown name for ever.
CHARSETS = re.compile(
    r"(us-)?ascii|utf-?8|utf-?16([bl]e)?|iso-8859-\d{1,2}|latin-?1|windows-(874|125\d)|koi8-[ru]"
    r"|gbk|gb2312|gb18030|big5|euc-(jp|kr)|shift[_-]jis|iso-2022-jp"
)


_PARAMETER = re.compile(
    r""";[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:("(?:[^"\\]|\\.)*")|([^;"]*))"""
)
_ESCAPE = re.compile(r"\\(.)")
_JSON = frozenset(["application/json", "text/json"])
# Values one after the other, each JSON: by lines, or each behind a record separator (RFC 7464).
_LINES = frozenset(
    ["application/jsonl", "application/x-jsonlines", "application/ndjson", "application/x-ndjson"]
)
_RECORD_SEPARATOR = b"\x1e"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Unreadable(BrrtError):
    """Bytes that are not what their media type says. The text goes on after "the body is"."""


def essence(header: str) -> str:
    """`Application/JSON; charset=utf-8` as `application/json` (WHATWG MIME Sniffing, 4.1)."""
    return header.partition(";")[0].strip().lower()


def parameters(header: str) -> dict[str, str]:
    """The parameters of a media type, names in lower case (RFC 9110, section 5.6.6).

    Of a name that is given twice the first counts; what is no parameter is skipped.
    """
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(header):
        value = _ESCAPE.sub(r"\1", quoted[1:-1]) if quoted else plain.strip(" \t")
        found.setdefault(name.lower(), value)
    return found


def charset(header: str, default: str = "utf-8") -> str:
    """The `charset` parameter of a media type in lower case, or the default."""
    if ";" not in header:
        return default
    return parameters(header).get("charset", "").lower() or default


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON by itself or by its suffix (RFC 6839, section 3.1).

    `text/json` was never registered, but is one (WHATWG MIME Sniffing, section 4.6).
    """
    return media_type in _JSON or media_type.endswith("+json")


def is_form(media_type: str) -> bool:
    """Whether a media type is an HTML form in URL encoding."""
    return media_type == "application/x-www-form-urlencoded"


def is_multipart(media_type: str) -> bool:
    """Whether a media type is made of parts (RFC 2046, section 5.1)."""
    return media_type.startswith("multipart/")


def is_lines(media_type: str) -> bool:
    """Whether a media type is JSON values, one on each line (OpenAPI 3.2, 4.14.3)."""
    return media_type in _LINES


def is_records(media_type: str) -> bool:
    """Whether a media type is JSON values, each behind a record separator (RFC 7464, RFC 8091)."""
    return media_type == "application/json-seq" or media_type.endswith("+json-seq")


def specificity(media_type: str) -> int:
    """0 for an exact type, 1 for `text/*`, 2 for `*/*`."""
    return 2 if media_type == "*/*" else int(media_type.endswith("/*"))


def matches(declared: str, actual: str) -> bool:
    """Whether an actual type falls under a declared type or range. Both in lower case."""
    if declared == actual or declared == "*/*":
        return True
    return declared.endswith("/*") and actual.startswith(declared[:-1])


def by_specificity(content: Sequence[MediaType]) -> list[MediaType]:
    """Entries of a `content` map, the most specific first; parameters make a type specific."""

    def rank(entry: MediaType) -> tuple[int, int]:
        return specificity(essence(entry.name)), -len(parameters(entry.name))

    return sorted(content, key=rank)


def decode_json(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """JSON to a value. Raises `Unreadable` for anything but one JSON text (RFC 8259), and for one
    of more than `max_depth` levels.

    Of a name that an object has twice the last value counts, for the checks and for the
    handler alike. A byte order mark is no content (RFC 8259, section 8.1).
    """
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = data.removeprefix(_BYTE_ORDER_MARK)
        if text is not data and not text.startswith(_BYTE_ORDER_MARK):
            return decode_json(text, max_depth)
        raise Unreadable(f"not valid JSON: {error}") from None
    except RecursionError:
        raise Unreadable(TOO_DEEP) from None
    if is_deeper(data, max_depth):
        raise Unreadable(TOO_DEEP)
    return value


def decode_lines(data: bytes, max_depth: int = MAX_DEPTH) -> list[Any]:
    """JSON values, one on each line; empty lines say nothing. Raises `Unreadable`."""
    return _each_json("line", data.split(b"\n"), max_depth)


def decode_records(data: bytes, max_depth: int = MAX_DEPTH) -> list[Any]:
    """JSON values, each behind a record separator (RFC 7464). Raises `Unreadable`."""
    first, *records = data.split(_RECORD_SEPARATOR)
    if first.strip():
        raise Unreadable("not a JSON text sequence: it begins without a record separator")
    return _each_json("record", records, max_depth)


def _each_json(what: str, texts: list[bytes], max_depth: int) -> list[Any]:
    values: list[Any] = []
    for number, text in enumerate(texts, 1):
        if not text or text.isspace():
            continue
        try:
            values.append(decode_json(text, max_depth))
        except Unreadable as error:
            raise Unreadable(f"{error} (in {what} {number})") from None
    return values


def decode_text(data: bytes, encoding: str) -> str:
    """Text in a charset. Raises `Unreadable` for bytes outside it, or for no such charset."""
    if not CHARSETS.fullmatch(encoding):
        raise Unreadable(f"in an unknown charset, {encoding!r}")
    try:
        return data.decode(encoding)
    except LookupError:
        raise Unreadable(f"in an unknown charset, {encoding!r}") from None
    except UnicodeDecodeError as error:
        raise Unreadable(f"not valid {encoding}: {error.reason}") from None


def decode_form(data: bytes, limit: int = MAX_PARAMETERS) -> dict[str, list[str]]:
    """Names and values of a URL-encoded form (WHATWG URL, 5.1), each value still encoded.

    What is not percent-encoded stands in a value as the latin-1 reading of its bytes. Raises
    `Unreadable` beyond `limit` fields.
    """
    fields: dict[str, list[str]] = {}
    pairs = [pair for pair in data.split(b"&") if pair]
    if len(pairs) > limit:
        raise Unreadable(f"a form of more than {limit} fields")
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        try:
            key = unquote_to_bytes(name.replace(b"+", b" ")).decode()
            fields.setdefault(key, []).append(value.decode("latin-1"))
        except UnicodeDecodeError:
            raise Unreadable("not valid UTF-8") from None
    return fields
