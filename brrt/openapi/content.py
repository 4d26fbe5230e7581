"""Media types: which one a header names, which entry of a `content` map it meets, and how
bytes of that type become a value.

Types are compared without regard to case and parameters; an exact type comes before a range,
`text/*` before `*/*` (OpenAPI 3.1.1, section 4.8.14).
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from brrt.errors import BrrtError
from brrt.openapi.operations import MediaType

# Fields of one form: the default of PHP, Starlette and Django.
MAX_FORM_FIELDS = 1000


class Unreadable(BrrtError):
    """Bytes that are not what their media type says. The text is fit for the client."""


Decode = Callable[[bytes], Any]


def essence(header: str) -> str:
    """`Application/JSON; charset=utf-8` as `application/json` (WHATWG MIME Sniffing, 4.1)."""
    return header.partition(";")[0].strip().lower()


def charset(header: str) -> str:
    """The `charset` parameter of a media type, or UTF-8."""
    for parameter in header.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return "utf-8"


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
        raise Unreadable(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise Unreadable("the body is nested too deeply") from None


def decode_text(encoding: str) -> Decode:
    """Text in a charset. Raises `Unreadable` for bytes outside it, or for no such charset."""

    def decode(data: bytes) -> str:
        try:
            return data.decode(encoding)
        except LookupError:
            raise Unreadable(f"charset {encoding!r} is unknown") from None
        except UnicodeDecodeError as error:
            raise Unreadable(f"the body is not valid {encoding}: {error.reason}") from None

    return decode


def decode_form(data: bytes) -> dict[str, list[str]]:
    """Names and values of a URL-encoded form (WHATWG URL, 5.1), each value still encoded."""
    fields: dict[str, list[str]] = {}
    pairs = [pair for pair in data.split(b"&") if pair]
    if len(pairs) > MAX_FORM_FIELDS:
        raise Unreadable(f"the form has more than {MAX_FORM_FIELDS} fields")
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        try:
            key = unquote_to_bytes(name.replace(b"+", b" ")).decode()
            fields.setdefault(key, []).append(value.decode("ascii"))
        except UnicodeDecodeError:
            raise Unreadable("the form is not valid UTF-8") from None
    return fields
