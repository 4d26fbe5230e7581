"""What a token claims, and whether it may be believed now, here (RFC 7519, section 4.1).

Only for tokens whose signature has been found good. Times are seconds since 1970.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from brrt.errors import Unauthorized
from brrt.openapi.json_values import is_list
from brrt.security.scopes import read_scopes

# Where a provider does not ask for a type: what access tokens have. Others, such as `logout+jwt`
# or `secevent+jwt`, are not meant to open doors (RFC 8725, sections 3.11 and 3.12).
ACCESS_TYPES: Final = frozenset({None, "jwt", "at+jwt"})
# Where scopes stand: RFC 8693, section 4.2, and what Entra ID and Okta write.
SCOPE_CLAIMS: Final = ("scope", "scp")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says: who calls, on whose word, until when, and what that allows.

    `subject` is None where the token has none; `claims` is everything, as it stands there. All
    requests with the same token share it, so nothing in it is to be changed.
    """

    subject: str | None
    issuer: str
    scopes: frozenset[str]
    expires: float
    claims: Mapping[str, Any] = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token must claim. `audience` None: the token must not name any."""

    issuer: str
    audience: frozenset[str] | None
    leeway: float
    type: str | None
    scope_claims: tuple[str, ...]

    def check_type(self, given: str | None) -> None:
        """Raises `Unauthorized` for a token of another kind (RFC 7515, section 4.1.9)."""
        kind = None if given is None else given.lower().removeprefix("application/")
        if self.type is None:
            good = kind in ACCESS_TYPES
        else:
            good = kind == self.type.lower().removeprefix("application/")
        if not good:
            raise Unauthorized("the token is of another type")

    def believe(self, found: Mapping[str, Any], now: float) -> Claims:
        """The claims, if they are good at this moment. Raises `Unauthorized`."""
        if found.get("iss") != self.issuer:
            raise Unauthorized("the token is of another issuer")
        self._check_audience(found.get("aud"))
        expires = _time(found, "exp")
        if expires is None:
            raise Unauthorized("the token does not say when it expires")
        if expires <= now - self.leeway:
            raise Unauthorized("the token has expired")
        if (_time(found, "nbf") or 0) > now + self.leeway:
            raise Unauthorized("the token is not valid yet")
        if (_time(found, "iat") or 0) > now + self.leeway:
            raise Unauthorized("the token was issued in the future")
        subject = found.get("sub")
        if not (subject is None or isinstance(subject, str)):
            raise Unauthorized("the token cannot be read")
        claims = MappingProxyType(dict(found))
        return Claims(subject, self.issuer, self._scopes(found), expires, claims)

    def is_still_good(self, claims: Claims, now: float) -> bool:
        """Whether claims that were believed still are; after `expires` they are read again."""
        begins = claims.claims.get("nbf") or 0
        return begins - self.leeway <= now < claims.expires

    def _check_audience(self, given: Any) -> None:
        """RFC 7519, section 4.1.3: who is not named must refuse a token that names somebody."""
        if self.audience is None:
            good = given is None or given == []
        else:
            named = given if is_list(given) else [given]
            texts = [one for one in named if isinstance(one, str)]
            good = len(texts) == len(named) and not self.audience.isdisjoint(texts)
        if not good:
            raise Unauthorized("the token is for another audience")

    def _scopes(self, found: Mapping[str, Any]) -> frozenset[str]:
        """Those of the first claim that is there."""
        return read_scopes(next((found[one] for one in self.scope_claims if one in found), None))


def _time(found: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519, section 2), if it is there. Raises `Unauthorized`."""
    if name not in found:
        return None
    value = found[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unauthorized("the token cannot be read")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not 0 <= seconds < math.inf:
        raise Unauthorized("the token cannot be read")
    return seconds
