"""Raw text off the wire: percent-decoding, and the pairs of queries and cookies.

Raw text is the latin-1 reading of the bytes on the wire; they are UTF-8, or `Undecodable`.
Values of pairs stay raw, because a delimiter that was percent-encoded is data: split first,
decode after.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from brrt.config import MAX_PARAMETERS
from brrt.errors import BrrtError

Decode: TypeAlias = Callable[[str], str]
Pairs: TypeAlias = Mapping[str, list[str]]

_ASCII: Final = "".join(map(chr, range(128)))


class Unreadable(BrrtError):
    """The request's parameters cannot be read at all: 400, whatever the schemas say."""


class Undecodable(Unreadable):
    """Bytes that are not UTF-8; `position` is that of the first one after percent-decoding."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        super().__init__(f"the text is not UTF-8 at byte {position}")


class Excessive(Unreadable):
    """More pairs or a deeper nesting than `limit`."""

    def __init__(self, what: str, limit: int) -> None:
        self.limit = limit
        super().__init__(f"more than {limit} {what}")


def decode(raw: str) -> str:
    """Percent-decode once, as UTF-8; a malformed escape stays as it is. Raises Undecodable."""
    if "%" not in raw and raw.isascii():
        return raw
    try:
        return unquote_to_bytes(raw.encode("latin-1")).decode()
    except UnicodeError as error:
        raise Undecodable(raw, getattr(error, "start", 0)) from None


def decode_query(raw: str) -> str:
    """Like `decode`, and `+` is a space (WHATWG URL, `application/x-www-form-urlencoded`)."""
    if "+" in raw:
        raw = raw.replace("+", " ")
    return decode(raw)


def parse_query(raw: str, limit: int = MAX_PARAMETERS) -> dict[str, list[str]]:
    """The pairs of a query string: decoded names, and *raw* values in the order they came in.

    `a` is `a=`; empty pairs are skipped. Raises Excessive beyond `limit` pairs, and
    Undecodable for a name.
    """
    if not raw.isascii():
        raw = quote(raw, safe=_ASCII, encoding="latin-1")
    pairs: dict[str, list[str]] = {}
    if raw.count("&") >= limit:
        raise Excessive("query parameters", limit)
    for pair in raw.split("&"):
        name, _, value = pair.partition("=")
        if "%" in name or "+" in name:
            name = decode_query(name)
        if name in pairs:
            pairs[name].append(value)
        elif pair:
            pairs[name] = [value]
    return pairs


def parse_cookies(raw: str, limit: int = MAX_PARAMETERS) -> dict[str, list[str]]:
    """The pairs of a `Cookie` header (RFC 6265, section 4.2.1), values raw, in their order.

    What holds no `=` is skipped. Raises Excessive beyond `limit` pairs.
    """
    if raw.count(";") >= limit:
        raise Excessive("cookies", limit)
    pairs = [pair.partition("=") for pair in raw.split(";")]
    return group((trim(name), trim(value)) for name, equals, value in pairs if equals)


def group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Pairs by name, the values of each name in their order."""
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def trim(raw: str) -> str:
    """Without the white space that HTTP allows around a value (RFC 9110, section 5.6.3)."""
    return raw.strip(" \t")
