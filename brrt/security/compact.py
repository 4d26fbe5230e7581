"""Tokens as text: the compact form of RFC 7515, section 7.1, and the JSON in it.

Strict, since two readers that disagree are how tokens are forged: no padding, no name twice, no
number that JSON does not have, nothing but an object. Nothing here is trusted yet.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from brrt.openapi.json_values import is_mapping

# Header, payload and signature, none of them empty. Five parts would be an encrypted token.
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Unreadable(Exception):
    """The text is no token that brrt reads."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says of its own signature (RFC 7515, section 4.1).

    `jku`, `jwk`, `x5u` and `x5c` are not there: a token does not say which key to trust
    (RFC 8725, section 3.10).
    """

    algorithm: str
    kid: str | None
    type: str | None


def read_header(token: str, limit: int) -> Header:
    """The header of a token of so many characters at the most. Raises `Unreadable`."""
    if len(token) > limit or _COMPACT.fullmatch(token) is None:
        raise Unreadable
    found = parse_object(_decode(token.partition(".")[0]))
    if "crit" in found or "b64" in found:  # RFC 7515, section 4.1.11: we know no extension
        raise Unreadable
    algorithm, kid, kind = found.get("alg"), found.get("kid"), found.get("typ")
    if not isinstance(algorithm, str):
        raise Unreadable
    if not (kid is None or isinstance(kid, str)) or not (kind is None or isinstance(kind, str)):
        raise Unreadable
    return Header(algorithm, kid, kind)


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8 (RFC 7493: each name once). Raises `Unreadable`."""
    try:
        value: Any = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not is_mapping(value):
        raise Unreadable
    return value


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise Unreadable from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
