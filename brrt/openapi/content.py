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

from brrt.errors import BrrtError
from brrt.openapi.operations import MediaType

# Fields of one form: the default of PHP, Starlette and Django.
MAX_FORM_FIELDS = 1000


TOO_DEEP = "nested too deeply"
# What a client may name: the charsets of WHATWG's Encoding Standard. Python knows more under
# `decode`, some of them slow, and remembers every unknown name for ever.
CHARSETS = re.compile(
    r"(us-)?ascii|utf-?8|utf-?16([bl]e)?|iso-8859-\d{1,2}|latin-?1|windows-(874|125\d)|koi8-[ru]"
    r"|gbk|gb2312|gb18030|big5|euc-(jp|kr)|shift[_-]jis|iso-2022-jp"
)


class Unreadable(BrrtError):
    """Bytes that are not what their media type says. The text goes on after "the body is"."""


def essence(header: str) -> str:
    """`Application/JSON; charset=utf-8` as `application/json` (WHATWG MIME Sniffing, 4.1)."""
    return header.partition(";")[0].strip().lower()


def charset(header: str, default: str = "utf-8") -> str:
    """The `charset` parameter of a media type, or the default."""
    for parameter in header.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower() or default
    return default


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON by itself or by its suffix (RFC 6839, section 3.1)."""
    return media_type == "application/json" or media_type.endswith("+json")


def is_form(media_type: str) -> bool:
    """Whether a media type is an HTML form in URL encoding."""
    return media_type == "application/x-www-form-urlencoded"


def specificity(media_type: str) -> int:
    """0 for an exact type, 1 for `text/*`, 2 for `*/*`."""
    return 2 if media_type == "*/*" else int(media_type.endswith("/*"))


def matches(declared: str, actual: str) -> bool:
    """Whether an actual type falls under a declared type or range. Both in lower case."""
    if declared == actual or declared == "*/*":
        return True
    return declared.endswith("/*") and actual.startswith(declared[:-1])


def by_specificity(content: Sequence[MediaType]) -> list[MediaType]:
    """Entries of a `content` map, the most specific first."""
    return sorted(content, key=lambda entry: specificity(essence(entry.name)))


def decode_json(data: bytes) -> Any:
    """JSON to a value. Raises `Unreadable` for anything but one JSON text (RFC 8259)."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"not valid JSON: {error}") from None
    except RecursionError:
        raise Unreadable(TOO_DEEP) from None


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


def decode_form(data: bytes) -> dict[str, list[str]]:
    """Names and values of a URL-encoded form (WHATWG URL, 5.1), each value still encoded."""
    fields: dict[str, list[str]] = {}
    pairs = [pair for pair in data.split(b"&") if pair]
    if len(pairs) > MAX_FORM_FIELDS:
        raise Unreadable(f"a form of more than {MAX_FORM_FIELDS} fields")
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        try:
            key = unquote_to_bytes(name.replace(b"+", b" ")).decode()
            fields.setdefault(key, []).append(value.decode("ascii"))
        except UnicodeDecodeError:
            raise Unreadable("not valid UTF-8") from None
    return fields
