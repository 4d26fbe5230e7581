"""The provider for JSON Web Tokens (RFC 7519), by the best current practice of RFC 8725.

What is checked stands in the files beside: `compact` (the text), `algorithms` and `keys` (the
signature), `key_sets` (where keys come from), `claims` (what is said). Here they are put together.

A token, and what it says, stand in no log and in no message.
"""

import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from inspect import isawaitable
from typing import Any, Final

from brrt.config import SettingError
from brrt.errors import MissingExtra, Unauthorized
from brrt.security.algorithms import public_algorithms, secret_algorithms
from brrt.security.claims import SCOPE_CLAIMS, Claims, Rules
from brrt.security.compact import Header, Unreadable, parse_object, read_header
from brrt.security.decisions import DECISIONS, Decision, Decisions, digest_of
from brrt.security.issuers import Fetched, check_url
from brrt.security.key_sets import (
    COOLDOWN,
    FETCH_TIMEOUT,
    STALE,
    Clock,
    FetchedKeys,
    FixedKeys,
    KeySet,
    KeyStatistics,
)
from brrt.security.keys import Keys
from brrt.security.providers import returned_types
from brrt.security.scopes import is_several, require

# Seconds by which clocks may differ. NTP keeps hosts within one; RFC 7519, section 4.1.4, speaks
# of a few minutes at the most.
LEEWAY: Final = 30.0
MAX_LEEWAY: Final = 300.0
# Characters of a token. Servers take 8 to 64 KiB of headers; tokens with many groups have 8.
MAX_TOKEN: Final = 16_384
# Of any time that can be set: a year, in seconds.
LONGEST: Final = 31_536_000.0


@dataclass(frozen=True, slots=True)
class TokenStatistics:
    """What a `JWT` knows of its issuer's keys, and how many tokens it remembers as good."""

    keys: KeyStatistics
    decisions: int


class JWT:
    """A provider for bearer tokens that are JWTs: http bearer, oauth2 and openIdConnect schemes.

    - `issuer`: what `iss` must be, exactly.
    - `audience`: what `aud` must name: a text, or several of which one is enough. None has to be
      said; then a token that names any audience is refused (RFC 7519, section 4.1.3).
    - Keys: `jwks`, the url of a JWK Set; or `keys`, a JWK Set itself; or `secret`, a shared one
      (several where it is being changed); or none of them, and the issuer is asked for them by
      OpenID discovery. Urls are https, or of a loopback host; `insecure=True` allows http for
      others, and `tls` is the context for an issuer with an authority of its own.
    - `algorithms`: RS, PS and ES 256 to 512 and EdDSA by default; with `secret` HS256, and with
      it none but HS.
    - `typ`: the type that a token must have, such as `at+jwt` (RFC 9068).
    - `scopes_claim`: where scopes stand; by default in `scope`, or else in `scp`.
    - `principal`: a function (or a class) that makes of `Claims` who that is, or None for nobody;
      plain or async, called for each request. By default it is the `Claims`.
    - `leeway`: seconds by which clocks may differ; `max_token`: characters of a token;
      `decisions`: tokens that are remembered as good until they expire, 0 for none.
    - `stale`: seconds beyond their age that keys serve while the issuer is down; `cooldown`:
      seconds between two fetches for keys that are not known; `timeout`: seconds for a fetch.

    Raises `SettingError`, and `MissingExtra` where the library is not installed.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | Collection[str] | None,
        jwks: str | None = None,
        keys: Mapping[str, Any] | None = None,
        secret: str | bytes | Collection[str | bytes] | None = None,
        algorithms: Collection[str] | None = None,
        typ: str | None = None,
        scopes_claim: str | None = None,
        principal: Callable[[Claims], Any] | None = None,
        leeway: float = LEEWAY,
        max_token: int = MAX_TOKEN,
        decisions: int = DECISIONS,
        stale: float = STALE,
        cooldown: float = COOLDOWN,
        timeout: float = FETCH_TIMEOUT,
        insecure: bool = False,
        tls: ssl.SSLContext | None = None,
        _clock: Clock | None = None,
    ) -> None:
        _check_texts(issuer=issuer, typ=typ, scopes_claim=scopes_claim)
        _check_number("leeway", leeway, 0, MAX_LEEWAY)
        _check_number("decisions", decisions, 0, 1_000_000)
        _check_number("max_token", max_token, 1, 1_000_000)
        _check_number("stale", stale, 0, LONGEST)
        _check_number("cooldown", cooldown, 0, LONGEST)
        _check_number("timeout", timeout, 0.001, LONGEST)
        claims = SCOPE_CLAIMS if scopes_claim is None else (scopes_claim,)
        self._rules = Rules(issuer, _audience(audience), float(leeway), typ, claims)
        self._max_token = max_token
        self._clock = _clock or Clock()
        self._decisions = Decisions(decisions)
        self._principal = principal
        self.principal_types = (Claims,) if principal is None else returned_types(principal)
        _require_library("pyjwt", "jwt")
        from brrt.security.jwk import Signatures, read_set

        choose = public_algorithms if secret is None else secret_algorithms
        self._signatures = Signatures(choose(algorithms))
        allowed = self._signatures.algorithms
        found: KeySet | None = _fixed(jwks, keys, secret, allowed)
        if found is None:
            source, read = _source(issuer, jwks, insecure, tls), partial(read_set, allowed=allowed)
            timing = {"stale": stale, "cooldown": cooldown, "timeout": timeout}
            found = FetchedKeys(issuer, source, read, clock=self._clock, **timing)
        self._keys = found

    def __repr__(self) -> str:
        return f"<JWT of {self._rules.issuer}: {self._keys!r}, {len(self._decisions)} decisions>"

    def statistics(self) -> TokenStatistics:
        """What is known of the keys, and how many tokens are remembered."""
        return TokenStatistics(self._keys.statistics(), len(self._decisions))

    def begin_run(self) -> None:
        """A run of an app begins to use this provider in the present loop."""
        self._keys.begin_run()

    async def aclose(self) -> None:
        """A run uses it no more; the last one in this loop stops what is being fetched."""
        await self._keys.aclose()

    async def __call__(self, credentials: Any, scopes: tuple[str, ...], request: Any) -> Any:
        """Who a token speaks for.

        Raises `Unauthorized` for one that is not good, `Forbidden` where it lacks a scope, and
        `ServiceUnavailable` where no key can be had to say so.
        """
        if not isinstance(credentials, str):
            return None
        claims = await self._believe(credentials)
        require(scopes, claims.scopes)
        if self._principal is None:
            return claims
        found = self._principal(claims)
        return await found if isawaitable(found) else found

    async def _believe(self, token: str) -> Claims:
        """What a good token says: as it was decided before, or else found out now."""
        if len(token) > self._max_token:
            raise Unauthorized("the token cannot be read")
        digest = digest_of(token)
        decision = self._decisions.find(digest)
        header = self._header(token) if decision is None else None  # no fetch for what is no token
        keys = await self._keys.current()
        now = self._clock.now()
        if decision is not None:
            if keys.has(decision.key) and self._rules.is_still_good(decision.claims, now):
                return decision.claims
            self._decisions.drop(digest)
        decision = await self._decide(token, header or self._header(token), keys)
        if self._rules.is_still_good(decision.claims, now):
            self._decisions.keep(digest, decision)
        return decision.claims

    def _header(self, token: str) -> Header:
        try:
            header = read_header(token, self._max_token)
        except Unreadable:
            raise Unauthorized("the token cannot be read") from None
        if header.algorithm not in self._signatures.algorithms:
            raise Unauthorized("the token is signed by an algorithm that is not allowed")
        self._rules.check_type(header.type)
        return header

    async def _decide(self, token: str, header: Header, keys: Keys) -> Decision:
        found = self._signatures.find(token, header, keys)
        if found is None and not keys.knows(header.kid):
            newer = await self._keys.newer(keys)
            found = self._signatures.find(token, header, newer) if newer is not None else None
        if found is None:
            raise Unauthorized("the token is not signed by its issuer")
        key, payload = found
        try:
            claims = parse_object(payload)
        except Unreadable:
            raise Unauthorized("the token cannot be read") from None
        return Decision(self._rules.believe(claims, self._clock.now()), key.identity)


def _fixed(
    jwks: str | None, keys: Mapping[str, Any] | None, secret: Any, allowed: frozenset[str]
) -> FixedKeys | None:
    """The keys that were given; None where they are fetched. Raises `SettingError`."""
    from brrt.security.jwk import fixed_set, secret_keys

    sources = {"jwks": jwks, "keys": keys, "secret": secret}
    given = [name for name, value in sources.items() if value is not None]
    if len(given) > 1:
        raise SettingError(f"{' and '.join(given)} were given; keys come from one of them")
    if secret is not None:
        several = secret if is_several(secret) else (secret,)
        return FixedKeys(secret_keys(several, allowed))
    return FixedKeys(fixed_set(keys, allowed)) if keys is not None else None


def _source(
    issuer: str, jwks: str | None, insecure: bool, tls: ssl.SSLContext | None
) -> Callable[[], Awaitable[Fetched]]:
    """What fetches keys. Raises `SettingError` for a url that may not be asked."""
    name, url = ("issuer", issuer) if jwks is None else ("jwks", jwks)
    try:
        check_url(url, insecure=insecure)
    except (ValueError, TypeError, AttributeError) as error:
        cure = "; give jwks=, keys= or secret= where the issuer is no url" if jwks is None else ""
        raise SettingError(f"{name} {error}{cure}") from None
    _require_library("httpcore", "httpcore")
    from brrt.security.fetching import Source

    return Source(issuer, jwks, insecure=insecure, tls=tls)


def _require_library(name: str, module: str) -> None:
    """Raises `MissingExtra`."""
    if find_spec(module) is None or find_spec("cryptography") is None:
        raise MissingExtra(f"to check JWTs brrt needs {name}: pip install 'brrt[jwt]'")


def _audience(given: Any) -> frozenset[str] | None:
    if given is None:
        return None
    each = given if is_several(given) else (given,)
    if not each or not all(isinstance(one, str) and one for one in each):
        message = "write the name of this service, several, or None where tokens name nobody"
        raise SettingError(f"audience cannot be {given!r}; {message}")
    return frozenset(each)


def _check_texts(**texts: Any) -> None:
    for name, text in texts.items():
        if not (isinstance(text, str) and text) and (text is not None or name == "issuer"):
            raise SettingError(f"{name} must be a text, got {text!r}")


def _check_number(name: str, value: Any, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SettingError(f"{name} must be a number, got {value!r}")
    if not least <= value <= most:
        raise SettingError(f"{name} must be {least:g} to {most:g}, got {value!r}")
