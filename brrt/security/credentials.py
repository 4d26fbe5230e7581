"""Where a request shows who it is: keys, the Authorization header (RFC 9110, section 11.6.2), and
the certificate of a connection.

What is found is never logged, and stands in no message. Nothing here says whether it is right.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from brrt.config import MAX_PARAMETERS
from brrt.openapi.security import API_KEY, BASIC, MUTUAL_TLS, Scheme
from brrt.openapi.wire import Unreadable, decode_query, parse_cookies, parse_query, trim

AUTHORIZATION: Final = b"authorization"


@dataclass(frozen=True, slots=True)
class Basic:
    """What a client of HTTP Basic shows (RFC 7617)."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What a client of mutual TLS shows, checked by who ended the TLS connection.

    `subject` is its name as RFC 4514 writes it; `chain` the certificates in PEM, its own first,
    as far as they are known. `error` is always None: one that was found wrong is not shown to
    anybody.
    """

    subject: str
    chain: tuple[str, ...] = field(default=(), repr=False)
    error: None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows for a scheme. `value` is None where it cannot be read."""

    value: Any


def find(
    scheme: Scheme, scope: Mapping[str, Any], max_parameters: int = MAX_PARAMETERS
) -> Shown | None:
    """The credentials of a request for a scheme: a text, `Basic`, or `ClientCertificate`.

    None where it shows none.

    What stands there twice cannot be read: whoever checks one of them may mean the other.
    """
    if scheme.kind == API_KEY:
        try:
            return _one(_keys(scheme, scope, max_parameters))
        except Unreadable:  # too much to be looked at, or no UTF-8
            return Shown(None)
    if scheme.kind == MUTUAL_TLS:
        return certificate_of(scope)
    return _authorization(
        scheme.http, [text for name, text in scope["headers"] if name == AUTHORIZATION]
    )


def _authorization(wanted: str, found: list[bytes]) -> Shown | None:
    """What stands behind the name of a scheme, in whichever of the lines it is."""
    for line in found:
        kind, _, rest = trim(line.decode("latin-1")).partition(" ")
        if kind.lower() == wanted:
            value: Any = trim(rest) or None
            if wanted == BASIC and value is not None:
                value = _basic(value)
            return Shown(value if len(found) == 1 else None)
    return None


def certificate_of(scope: Mapping[str, Any]) -> Shown | None:
    """The certificate of the connection, by the server (ASGI's TLS extension).

    One that the server found wrong cannot be read, and neither can one without a name.
    """
    extensions: Any = scope.get("extensions")
    tls: Any = extensions.get("tls") if extensions else None
    if not tls:
        return None
    chain: tuple[str, ...] = tuple(tls.get("client_cert_chain") or ())
    name, error = tls.get("client_cert_name"), tls.get("client_cert_error")
    if not (chain or name or error):
        return None
    return Shown(None if error or not name else ClientCertificate(str(name), chain))


def _one(found: list[str]) -> Shown | None:
    if not found:
        return None
    return Shown(found[0] if len(found) == 1 and found[0] else None)


def _keys(scheme: Scheme, scope: Mapping[str, Any], limit: int) -> list[str]:
    """Every value under the name of an API key."""
    if scheme.location == "query":
        pairs = parse_query(scope["query_string"].decode("latin-1"), limit)
        return [decode_query(one) for one in pairs.get(scheme.parameter, ())]
    wanted = b"cookie" if scheme.location == "cookie" else scheme.parameter.lower().encode()
    headers = [text.decode("latin-1") for name, text in scope["headers"] if name == wanted]
    if scheme.location != "cookie":
        return headers
    cookies = [parse_cookies(text, limit) for text in headers]
    return [one for each in cookies for one in each.get(scheme.parameter, ())]


def _basic(text: str) -> Basic | None:
    """Name and password, which is all behind the first colon (RFC 7617, section 2)."""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    username, colon, password = decoded.partition(":")
    return Basic(username, password) if colon else None
