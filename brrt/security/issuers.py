"""Where an issuer keeps its keys: what may be asked, and what its answers must be.

OpenID Connect Discovery 1.0, section 4, and RFC 8414, section 3. Nothing is sent here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

OPENID: Final = "/.well-known/openid-configuration"
OAUTH: Final = "/.well-known/oauth-authorization-server"
_MAX_AGE: Final = re.compile(r'(?:^|,)\s*max-age="?(\d{1,10})"?\s*(?=,|$)', re.IGNORECASE)
_NOT_KEPT: Final = re.compile(r"(?:^|,)\s*no-(?:store|cache)\s*(?=,|$)", re.IGNORECASE)


class FetchFailed(Exception):
    """What was asked for was not had, and why; the text may be logged."""


class NotFoundThere(FetchFailed):
    """The server has answered 404."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and for how many seconds its server says that it is good; None if it does not."""

    document: Mapping[str, Any]
    max_age: float | None


def check_url(url: str, *, insecure: bool) -> str:
    """An absolute url that may be asked for keys. Raises `ValueError`.

    TLS is what says that keys are the issuer's, so http is for loopback hosts, or where it is
    said that it is insecure.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or not url.isascii():
        raise ValueError("is no absolute https url")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("has a username, a password or a fragment")
    if any(one <= " " for one in url) or parts.port == 0:
        raise ValueError("is no absolute https url")
    if parts.scheme == "http" and not insecure and not _is_loopback(parts.hostname):
        raise ValueError("is not https; on any other host than this one that needs insecure=True")
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def discovery_urls(issuer: str) -> tuple[str, str]:
    """Where an issuer tells of itself: of OpenID, and of OAuth alone."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return _at(parts, path + OPENID), _at(parts, OAUTH + path)


def _at(parts: SplitResult, path: str) -> str:
    return parts._replace(path=path, query="", fragment="").geturl()


def keys_url(document: Mapping[str, Any], issuer: str, *, insecure: bool) -> str:
    """Where the keys are, by what an issuer tells of itself. Raises `FetchFailed`."""
    if document.get("issuer") != issuer:  # Discovery, section 4.3; RFC 8414, section 3.3
        raise FetchFailed("its configuration is of another issuer")
    url = document.get("jwks_uri")
    if not isinstance(url, str):
        raise FetchFailed("its configuration has no jwks_uri")
    try:
        check_url(url, insecure=insecure)
    except ValueError as error:
        raise FetchFailed(f"its jwks_uri {error}") from None
    if is_secure(issuer) and not is_secure(url) and not insecure:
        # The loopback is for issuers that are there: this one would have us ask our own host.
        raise FetchFailed("its jwks_uri is not https, as the issuer is")
    return url


def is_secure(url: str) -> bool:
    """Whether a url is asked by TLS."""
    return urlsplit(url).scheme == "https"


def read_max_age(cache_control: str) -> float | None:
    """Seconds, by Cache-Control (RFC 9111, section 5.2.2); None where it says nothing."""
    if _NOT_KEPT.search(cache_control):
        return 0.0
    found = _MAX_AGE.search(cache_control)
    return float(found[1]) if found else None
