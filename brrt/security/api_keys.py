"""Providers that know all secrets beforehand: keys, and the passwords of HTTP Basic.

Rules of this file:
- No secret is kept, shown, or stands in a message; what is kept are keyed digests.
- Everybody who is refused is refused after the same work.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from brrt.config import SettingError
from brrt.security.credentials import Basic
from brrt.security.digests import Digests, is_same
from brrt.security.scopes import require, scopes_of


class ApiKey:
    """A provider for apiKey schemes, and for opaque bearer tokens.

    `keys` maps each secret text to who shows it, any object but None and False; several texts
    may lead to the same, so that a key can be changed for another while both are good. Where the
    document asks for scopes (or roles) the principal's `scopes`, a text with spaces or some
    texts, must have them all, or the answer is 403.

    Raises `SettingError` for no keys at all, an empty one, and one that is no text.
    """

    def __init__(self, keys: Mapping[str, Any]) -> None:
        if not keys:
            raise SettingError("ApiKey needs a key at least: ApiKey({secret: principal})")
        self._digests = Digests()
        self._known: dict[bytes, tuple[bytes, Any]] = {}
        for text, principal in keys.items():
            _check_secret(text, "a key of ApiKey")
            _check_principal(principal, "ApiKey")
            digest = self._digests.of(text)
            self._known[digest] = (digest, principal)
        self._nobody = (self._digests.of_nothing(), None)
        self.principal_types = _types(principal for _, principal in self._known.values())

    def __repr__(self) -> str:
        return f"<ApiKey {_count(len(self._known), 'key')}>"

    async def __call__(self, credentials: Any, scopes: tuple[str, ...], request: Any) -> Any:
        """Whose key this is. Raises `Forbidden` where that principal lacks a scope."""
        if not isinstance(credentials, str):
            return None
        digest = self._digests.of(credentials)
        kept, principal = self._known.get(digest, self._nobody)
        if not is_same(digest, kept):
            return None
        require(scopes, scopes_of(principal) if scopes else ())
        return principal


@dataclass(frozen=True, slots=True)
class BasicUser:
    """Somebody who has shown the password of a user (HTTP Basic)."""

    username: str


class BasicAuth:
    """A provider for HTTP Basic (RFC 7617).

    `passwords` maps each username to a password, or to several that are good at a time.
    `principals` maps usernames to who that is; by default it is a `BasicUser`. Scopes are held
    against a principal's `scopes`, as by `ApiKey`. An unknown user is refused after the same work
    as a wrong password.

    Raises `SettingError` for no users at all, an empty password, and a principal of nobody.
    """

    def __init__(
        self,
        passwords: Mapping[str, str | Iterable[str]],
        *,
        principals: Mapping[str, Any] | None = None,
    ) -> None:
        if not passwords:
            raise SettingError("BasicAuth needs a user at least: BasicAuth({username: password})")
        self._digests = Digests()
        self._users: dict[bytes, tuple[tuple[bytes, ...], Any]] = {}
        each = {name: _passwords(name, given) for name, given in passwords.items()}
        self._tries = max(map(len, each.values()))
        strangers = set(principals or {}) - set(passwords)
        if strangers:
            raise SettingError(f"principals names {min(strangers)!r}, who has no password")
        for name, texts in each.items():
            principal = (principals or {}).get(name, BasicUser(name))
            _check_principal(principal, "BasicAuth")
            kept = self._padded(self._digests.of(text) for text in texts)
            self._users[self._digests.of(name)] = (kept, principal)
        self._nobody = (self._padded(()), None)
        self.principal_types = _types(principal for _, principal in self._users.values())

    def _padded(self, digests: Iterable[bytes]) -> tuple[bytes, ...]:
        """As many digests for each user, so that each takes as long."""
        kept = list(digests)
        return (*kept, *(self._digests.of_nothing() for _ in range(self._tries - len(kept))))

    def __repr__(self) -> str:
        return f"<BasicAuth {_count(len(self._users), 'user')}>"

    async def __call__(self, credentials: Any, scopes: tuple[str, ...], request: Any) -> Any:
        """Whose name and password these are. Raises `Forbidden` where a scope is lacking."""
        if not isinstance(credentials, Basic):
            return None
        name, password = map(self._digests.of, (credentials.username, credentials.password))
        kept, principal = self._users.get(name, self._nobody)
        if not any([is_same(password, one) for one in kept]):  # noqa: C419 - all, always
            return None
        require(scopes, scopes_of(principal) if scopes else ())
        return principal


def _passwords(name: Any, given: Any) -> tuple[str, ...]:
    if not isinstance(name, str) or ":" in name:  # RFC 7617, section 2
        raise SettingError(f"{name!r} is no username of HTTP Basic: a text without a colon")
    texts: tuple[Any, ...] = (given,) if isinstance(given, str) else _several(name, given)
    for text in texts:
        _check_secret(text, f"the password of {name!r}")
    return texts


def _several(name: str, given: Any) -> tuple[Any, ...]:
    found: tuple[Any, ...] = () if isinstance(given, bytes) else tuple(given or ())
    if not found:
        raise SettingError(f"{name!r} needs a password: a text, or several")
    return found


def _check_secret(text: Any, what: str) -> None:
    """The secret itself stands in no message."""
    if not isinstance(text, str):
        raise SettingError(f"{what} must be a text, got {type(text).__name__}")
    if not text:
        raise SettingError(f"{what} is empty; is a setting missing?")


def _check_principal(principal: Any, who: str) -> None:
    if principal is None or principal is False:
        raise SettingError(f"a principal of {who} is {principal!r}, which means nobody")


def _types(principals: Iterable[Any]) -> tuple[type, ...]:
    found: list[type] = [type(one) for one in principals]
    return tuple(dict.fromkeys(found))


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
