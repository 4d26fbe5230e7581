r"""What `format` demands beyond what the engine knows: the OpenAPI Format Registry.

https://spec.openapis.org/registry/format. The engine judges what the vocabulary of JSON Schema
2020-12 registers; here stand the others that have a plain rule. A format of numbers is a range,
and says nothing about texts; a format of texts says nothing about numbers. Formats that only
annotate (password, html, commonmark, binary) and those that nobody knows let everything pass
(JSON Schema 2020-12 Validation, section 7.2.3).

Patterns are in the syntax of Python and always matched whole, ASCII digits only.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Any

_FLOAT = 3.4028234663852886e38  # the largest finite numbers of IEEE 754
_DOUBLE = 1.7976931348623157e308
_EXACT = 2**53 - 1  # up to here every integer is a double of its own
_DIGITS_15 = 10**15 - 1
# Significant digits of IEEE 754 decimal128.
_DECIMAL128_DIGITS = 34

# Lowest and highest value of the formats of numbers.
_RANGES: dict[str, tuple[float, float]] = {
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
    "double-int": (-_EXACT, _EXACT),
    "sf-integer": (-_DIGITS_15, _DIGITS_15),
    "float": (-_FLOAT, _FLOAT),
    "double": (-_DOUBLE, _DOUBLE),
}


def number_range(name: Any) -> dict[str, Any] | None:
    """The bounds that a format sets to numbers, as a schema; None where it sets none."""
    bounds = _RANGES.get(name) if isinstance(name, str) else None
    return {"minimum": bounds[0], "maximum": bounds[1]} if bounds else None


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


_DATE = r"\d{4}-\d\d-\d\d"
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?", re.ASCII)
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # `token` of RFC 9110, section 5.6.2
_QUOTED = r'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
# Possessive: spaces between two semicolons belong to one place, or there are as many ways to part
# them as take for ever.
_PARAMETERS = rf"(?:[ \t]*+;[ \t]*+(?:{_WORD}+=(?:{_WORD}+|{_QUOTED}))?+)*+"
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_LONG_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_CLOCK = r"(?P<clock>\d\d:\d\d:\d\d)"
# RFC 9110, section 5.6.7: the fixed form, and the two obsolete ones that recipients must accept.
_HTTP_DATES = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?P<day>{_DAYS}), (?P<date>\d\d (?:{_MONTHS}) \d{{4}}) {_CLOCK} GMT",
        rf"(?:{_LONG_DAYS}), (?P<date>\d\d-(?:{_MONTHS})-\d\d) {_CLOCK} GMT",
        rf"(?:{_DAYS}) (?P<date>(?:{_MONTHS}) (?:\d\d| \d)) {_CLOCK} (?P<year>\d{{4}})",
    )
)
_HTTP_DATE_FORMATS = ("%d %b %Y", "%d-%b-%y", "%b %d %Y")
# RFC 5646, section 2.1, well-formed tags; the irregular ones are listed there.
_LANGUAGE = (
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?|x(?:-[a-z0-9]{1,8})+"
    r"|en-gb-oed|sgn-(?:be-fr|be-nl|ch-de)|i-[a-z]{3,8}|art-lojban|cel-gaulish"
    r"|no-(?:bok|nyn)|zh-(?:guoyu|hakka|min|min-nan|xiang)"
)
_is_decimal = _matches(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_is_integer = _matches(r"[+-]?\d{1,40}")
_is_language = _matches(_LANGUAGE)
_is_base64url_text = _matches(r"[A-Za-z0-9_-]*={0,2}")


def _is_base64(text: str) -> bool:
    """RFC 4648, section 4."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_base64url(text: str) -> bool:
    """RFC 4648, section 5; the padding may be left out."""
    bare = text.rstrip("=")
    padded = len(text) % 4 == 0 or bare == text
    return _is_base64url_text(text) and padded and len(bare) % 4 != 1


def _integer_between(lowest: float, highest: float) -> Callable[[str], bool]:
    """A number written as text, as the registry recommends beyond 53 bits."""
    return lambda text: _is_integer(text) and lowest <= int(text) <= highest


def _is_decimal128(text: str) -> bool:
    if text in ("NaN", "INF", "-INF"):
        return True
    if not _is_decimal(text):
        return False
    digits = re.split("[eE]", text)[0].replace(".", "").lstrip("+-0")
    return len(digits) <= _DECIMAL128_DIGITS


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_date_time_local(text: str) -> bool:
    """RFC 3339, section 5.6: `date-time` without `time-offset`."""
    separated = text[10:11] in ("T", "t", " ")
    return separated and _is_full_date(text[:10]) and _is_time_local(text[11:])


_has_form_of_date = _matches(_DATE)


def _is_full_date(text: str) -> bool:
    return _has_form_of_date(text) and _is_date(text)


def _is_time_local(text: str) -> bool:
    """RFC 3339, section 5.6: `partial-time`, a leap second only where one can be."""
    found = _TIME.fullmatch(text)
    return found is not None and (found[2] != "60" or text.startswith("23:59"))


def _is_http_date(text: str) -> bool:
    for pattern, layout in zip(_HTTP_DATES, _HTTP_DATE_FORMATS, strict=True):
        found = pattern.fullmatch(text)
        if found is None:
            continue
        parts = found.groupdict()
        day = " ".join(filter(None, (parts["date"], parts.get("year"))))
        try:
            moment = datetime.strptime(day, layout)  # noqa: DTZ007 - only whether there is such a day
        except ValueError:
            return False
        is_right_day = parts.get("day") in (None, _DAYS.split("|")[moment.weekday()])
        return is_right_day and _is_time_local(parts["clock"])
    return False


def _cidr(address: type[IPv4Address] | type[IPv6Address], bits: int) -> Callable[[str], bool]:
    """An address, a slash and the number of bits that count (RFC 4632, section 3.1)."""

    def judge(text: str) -> bool:
        head, slash, prefix = text.partition("/")
        if not slash or not re.fullmatch(r"0|[1-9]\d{0,2}", prefix, re.ASCII) or "%" in head:
            return False
        try:
            address(head)
        except AddressValueError:
            return False
        return int(prefix) <= bits

    return judge


def _is_sf_binary(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] == ":" and _is_base64(text[1:-1])


# For the engine, which calls them for texts only.
STRING_FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "byte": _is_base64,
        "base64url": _is_base64url,
        "char": lambda text: len(text) == 1,
        "int64": _integer_between(*_RANGES["int64"]),
        "uint64": _integer_between(*_RANGES["uint64"]),
        "decimal": _is_decimal,
        "decimal128": _is_decimal128,
        "date-time-local": _is_date_time_local,
        "time-local": _is_time_local,
        "http-date": _is_http_date,
        "media-range": _matches(rf"(?:\*/\*|{_WORD}/\*|{_WORD}/{_WORD}){_PARAMETERS}"),
        "language": lambda text: _is_language(text.lower()),
        "ipv4-cidr": _cidr(IPv4Address, 32),
        "ipv6-cidr": _cidr(IPv6Address, 128),
        # RFC 9651, section 3.3
        "sf-binary": _is_sf_binary,
        "sf-boolean": _matches(r"\?[01]"),
        "sf-decimal": _matches(r"-?\d{1,12}\.\d{1,3}"),
        "sf-integer": _matches(r"-?\d{1,15}"),
        "sf-string": _matches(r'"(?:[ !#-\[\]-~]|\\["\\])*"'),
        "sf-token": _matches(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*"),
    }
)
