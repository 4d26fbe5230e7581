"""Who called, where proxies stand before the app: what they say, and whether to believe it.

Rules of this file:
- Nobody is believed who was not named. Who was is known by the address of the connection.
- One way of telling is read, the one that the proxies write: what they do not write, their
  clients may (RFC 7239, section 8.1).
- A chain is read from its end, as far as its links are trusted: what comes before them anybody
  can make up.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, Literal, NamedTuple, get_args

from brrt.config import SettingError
from brrt.http.answers import Scope

Wording = Literal["x-forwarded", "forwarded"]

# How many links of a chain are looked at. Nobody has so many proxies of his own.
MAX_LINKS: Final = 32
# Addresses of which it is remembered whether they are trusted.
MAX_PEERS: Final = 1_024
# What the connection came by, for what must not believe anybody else (client certificates).
TRUSTED_PEER: Final = "brrt.peer_trusted"
# How a connection without an address, by a Unix socket, is named among those to trust.
UNIX: Final = "unix"
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


@dataclass(frozen=True)
class Proxies:
    """The proxies before the app, by which it learns who its clients are.

    - `trusted`: their addresses and networks, such as `("10.0.0.0/8", "::1")`; `"unix"` is whoever
      comes by a Unix socket. All of them, if there are several in a row.
    - `headers`: what they write: `"x-forwarded"` (`X-Forwarded-For` and `-Proto`) or `"forwarded"`
      (`Forwarded`, RFC 7239). The other one is not looked at.
    - `host`: whether they also write the name that the client asked for (`X-Forwarded-Host`,
      `host=`). Those that do not let their clients' own pass, so it is not believed by default.

    Raises `SettingError` for what is no address or network, and for no proxy at all.
    """

    trusted: tuple[str, ...]
    headers: Wording = "x-forwarded"
    host: bool = False
    _networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        given: Any = self.trusted  # whatever its type says
        if isinstance(given, str) or not given:
            raise SettingError(f"trusted cannot be {given!r}; give a tuple of addresses, networks")
        if self.headers not in get_args(Wording):
            known = " or ".join(map(repr, get_args(Wording)))
            raise SettingError(f"headers of proxies cannot be {self.headers!r}; it is {known}")
        networks = tuple(_network(one) for one in given if one != UNIX)
        object.__setattr__(self, "_networks", networks)

    def trusts(self, address: str) -> bool:
        """Whether an address is that of a proxy."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)  # of a server that listens on `::`
        return any((mapped or found) in network for network in self._networks)


def _network(text: Any) -> IPv4Network | IPv6Network:
    if text == "*":
        cure = "whoever can reach the app could say to be anybody; name the addresses"
        raise SettingError(f"trusted cannot be '*': {cure}")
    try:
        return ip_network(text)
    except ValueError as error:
        message = f"{text!r} is no address or network to trust: {error}"
        raise SettingError(message) from None


class _Link(NamedTuple):
    """What one proxy says of whoever called it: the address, the scheme, and the name asked for."""

    address: str
    scheme: str
    host: str


class Unmasking:
    """Makes scopes tell who the client is."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._trusts = lru_cache(MAX_PEERS)(proxies.trusts)

    def unmask(self, scope: Scope) -> Scope:
        """The scope as it were without proxies; of strangers, as it is."""
        peer = scope.get("client")
        if peer is None or not peer[0]:
            trusted = UNIX in self._proxies.trusted
        else:
            trusted = self._trusts(peer[0])
        if not trusted:
            return scope
        changed = {**scope, TRUSTED_PEER: True}
        link = self._client(scope)
        if link is None:
            return changed
        if link.address:
            changed["client"] = (link.address, 0)
        if link.scheme in ("http", "https"):
            secure = {"ws": "wss", "wss": "wss"} if link.scheme == "https" else {"wss": "ws"}
            changed["scheme"] = secure.get(scope.get("scheme", ""), link.scheme)
        if self._proxies.host and _HOST.fullmatch(link.host):
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            changed["headers"] = [(b"host", link.host.encode()), *others]
        return changed

    def _client(self, scope: Scope) -> _Link | None:
        """The last link that is no trusted proxy, or else the first; None where none is told.

        Who stands before one that has no address cannot be known.
        """
        found: _Link | None = None
        for link in self._links(scope["headers"]):
            if not link.address:
                return found or link
            found = link
            if not self._trusts(link.address):
                break
        return found

    def _links(self, headers: list[tuple[bytes, bytes]]) -> Iterator[_Link]:
        """The chain, from its end."""
        if self._proxies.headers == "forwarded":
            return _forwarded(_joined(headers, b"forwarded"))
        return _x_forwarded(headers)


def _joined(headers: list[tuple[bytes, bytes]], wanted: bytes) -> str:
    return ",".join(text.decode("latin-1") for name, text in headers if name == wanted)


def _x_forwarded(headers: list[tuple[bytes, bytes]]) -> Iterator[_Link]:
    """`X-Forwarded-For`, and what stands beside it: as many schemes as addresses, or the last."""
    addresses = _last(_joined(headers, b"x-forwarded-for"))
    schemes = _last(_joined(headers, b"x-forwarded-proto").lower())
    host = _last(_joined(headers, b"x-forwarded-host"))[:1] or [""]
    if len(schemes) != len(addresses):
        schemes = schemes[:1] * max(len(addresses), 1)
    for index, address in enumerate(addresses or [""] * bool(schemes or host[0])):
        yield _Link(_address(address), schemes[index] if schemes else "", host[0])


def _last(text: str) -> list[str]:
    """The items of a list, from its end; no more than anybody needs."""
    items = text.rsplit(",", MAX_LINKS)[-MAX_LINKS:] if text else []
    return [one.strip() for one in reversed(items)]


def _forwarded(text: str) -> Iterator[_Link]:
    """The elements of `Forwarded` (RFC 7239, section 4), from the last one.

    Commas separate them within quotation marks, too: no proxy writes one there, and a client that
    opens a quotation must not hide what is written behind it.
    """
    for element in _last(text):
        said: dict[str, str] = {}
        for pair in element.split(";"):
            name, _, value = pair.partition("=")
            said.setdefault(name.strip().lower(), value.strip().strip('"'))
        scheme, host = said.get("proto", "").lower(), said.get("host", "")
        yield _Link(_address(said.get("for", "")), scheme, host)


def _address(text: str) -> str:
    """The address in `192.0.2.1:80` or `[2001:db8::1]:80`, written in one way; "" where none is."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return ""
    zone = getattr(found, "scope_id", None)  # means something to the proxy only
    return "" if zone else str(getattr(found, "ipv4_mapped", None) or found)
