"""The provider for mutualTLS: certificates that clients show (OpenAPI 3.1.1, section 4.8.27).

A header says who a client is only if a proxy wrote it that is trusted to: the app marks requests
of such a peer with `brrt.peer_trusted`, and nothing else is proof.
"""

from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from inspect import isawaitable
from typing import Any, Final, cast

from brrt.config import SettingError
from brrt.errors import MissingExtra
from brrt.security.credentials import ClientCertificate, Shown, certificate_of
from brrt.security.providers import returned_types
from brrt.security.scopes import require, scopes_of

# The key of the scope that the app sets where the direct peer is a proxy of its own.
PEER_TRUSTED: Final = "brrt.peer_trusted"
# What nginx writes in $ssl_client_verify for a certificate that it has found good.
SUCCESS: Final = b"SUCCESS"


class MutualTLS:
    """A provider for mutualTLS schemes.

    - `names`: whose certificates are accepted, as RFC 4514 writes subjects (`CN=billing,O=Shop`);
      a mapping says who each is, by default it is the `ClientCertificate`.
    - `check`: instead, a function of a `ClientCertificate` that says who it is, or None; plain or
      async.
    - `header`: where a trusted proxy passes the certificate on: `Client-Cert` (RFC 9440), or
      another one with url-encoded PEM (nginx: `$ssl_client_escaped_cert`). Then nothing else
      counts; without it the certificate is that of the connection (ASGI's TLS extension).
    - `verified`: another header, in which the proxy says that it has found the certificate good;
      its value must be SUCCESS (nginx: `$ssl_client_verify`). Needed where the proxy passes on
      what it did not check (`ssl_verify_client optional_no_ca`).

    Scopes are held against a principal's `scopes`, as by `ApiKey`. Raises `SettingError`, and
    `MissingExtra` where the library is not installed.
    """

    def __init__(
        self,
        *,
        names: Collection[str] | Mapping[str, Any] | None = None,
        check: Callable[[ClientCertificate], Any] | None = None,
        header: str | None = None,
        verified: str | None = None,
    ) -> None:
        if find_spec("cryptography") is None:
            message = "to read certificates brrt needs cryptography"
            raise MissingExtra(f"{message}: pip install 'brrt[jwt]'")
        if (names is None) == (check is None):
            raise SettingError("MutualTLS needs either names= or check=")
        if verified is not None and header is None:
            raise SettingError("verified= goes with header=, which passes the certificate on")
        self._header, self._verified = _header("header", header), _header("verified", verified)
        self._names = {} if names is None else _names(names)
        self._check = check
        self.principal_types = self._types() if check is None else returned_types(check)

    def _types(self) -> tuple[type, ...]:
        kinds: list[type] = [type(one) for one in self._names.values()]
        return tuple(dict.fromkeys(ClientCertificate if one is _Itself else one for one in kinds))

    def __repr__(self) -> str:
        where = f"in {self._header.decode()}" if self._header else "of the connection"
        who = "checked" if self._check else f"{len(self._names)} known"
        return f"<MutualTLS {where}: {who}>"

    def find_certificate(self, scope: Mapping[str, Any]) -> Shown | None:
        """The certificate of a request, where this provider looks for it; None if there is none.

        One that is wrong, or that stands there twice, cannot be read.
        """
        if self._header is None:
            return _of_connection(scope)
        if scope.get(PEER_TRUSTED) is not True:
            return None
        found = [value for name, value in scope["headers"] if name == self._header and value]
        if not found:
            return None
        if self._verified is not None:
            verdicts = [value for name, value in scope["headers"] if name == self._verified]
            if verdicts != [SUCCESS]:
                return Shown(None)
        return Shown(_read(found[0]) if len(found) == 1 else None)

    async def __call__(self, credentials: Any, scopes: tuple[str, ...], request: Any) -> Any:
        """Whose certificate this is. Raises `Forbidden` where that principal lacks a scope."""
        if not isinstance(credentials, ClientCertificate):
            return None
        if self._check is not None:
            principal = self._check(credentials)
            if isawaitable(principal):
                principal = await principal
        else:
            principal = self._known(credentials)
        if scopes and principal is not None and principal is not False:
            require(scopes, scopes_of(principal))
        return principal

    def _known(self, shown: ClientCertificate) -> Any:
        from brrt.security.certificates import subject_of

        subject = subject_of(shown)
        found = None if subject is None else self._names.get(subject)
        return shown if found is _ITSELF else found


class _Itself:
    """Stands for the certificate, where nobody says who that is."""


_ITSELF: Final = _Itself()


def _of_connection(scope: Mapping[str, Any]) -> Shown | None:
    """That of the connection; a server need not say a name that stands in the certificate."""
    shown = certificate_of(scope)
    tls: Any = scope["extensions"]["tls"] if shown is not None and shown.value is None else None
    if tls is None or tls.get("client_cert_error"):
        return shown
    from brrt.security.certificates import Unreadable, read_chain

    try:
        return Shown(read_chain(tuple(tls["client_cert_chain"])))
    except Unreadable:
        return shown


def _read(value: bytes) -> ClientCertificate | None:
    from brrt.security.certificates import Unreadable, read_header

    try:
        return read_header(value)
    except Unreadable:
        return None


def _header(setting: str, name: str | None) -> bytes | None:
    if name is None:
        return None
    if not name or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise SettingError(f"{setting} cannot be {name!r}; write the name of a header")
    return name.lower().encode()


def _names(given: Any) -> dict[Any, Any]:
    """Who is known by which subject, a `Name` of the library."""
    from brrt.security.certificates import read_name

    if not given or isinstance(given, str):
        raise SettingError("names must have a name at least: names={'CN=billing,O=Shop'}")
    known: dict[Any, Any] = {}
    for text in given:
        name = read_name(text) if isinstance(text, str) else None
        if name is None or not text:
            cure = "write it as RFC 4514 does, such as CN=billing,O=Shop"
            raise SettingError(f"names cannot have {text!r}; {cure}")
        principal: Any = cast("Any", given)[text] if isinstance(given, Mapping) else _ITSELF
        if principal is None or principal is False:
            raise SettingError(f"the principal of {text!r} is {principal!r}, which means nobody")
        known[name] = principal
    return known
