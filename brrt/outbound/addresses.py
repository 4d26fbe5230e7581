"""Which urls may be called at all: what keeps a receiver's url from reaching into our network.

A url that a stranger has given must not make the app call what only the app can reach (server-side
request forgery). So a url is taken apart once, here; names are resolved by us; and only an
address that `Guard` has let through is connected to, so that a name cannot mean one address when
it is checked and another when it is called. Pure: nothing here opens a connection.
"""

import re
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from brrt.errors import TargetRefused
from brrt.outbound.settings import Network, Outbound

Address = IPv4Address | IPv6Address

# Characters of a url; browsers and servers stop at about this.
MAX_URL = 2_048
PORTS = {"http": 80, "https": 443}

# IPv4: everything in IANA's registry of special addresses, globally reachable or not, multicast,
# and the address at which Azure talks to its machines.
_SPECIAL_4 = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# IPv6: only what is global unicast (RFC 4291, section 2.4), without assignments for protocols
# (Teredo is one), documentation, and 6to4, which hides an IPv4 address.
_GLOBAL_6 = ip_network("2000::/3")
_SPECIAL_6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
# IPv4 addresses in the lowest 32 bits: of a network that translates (RFC 6052), or mapped.
_EMBEDDING = (ip_network("64:ff9b::/96"), ip_network("::ffff:0:0/96"))

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_STRANGE = re.compile(r"[\x00-\x20\x7f\\]")
# What stays in path and query (RFC 3986); `%` too, since what is encoded already stays so.
_TARGET = "/?:@!$&'()*+,;=-._~%[]"


class Target(NamedTuple):
    """A url taken apart, in what stands on the wire: `host` without brackets, ASCII."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


class Guard:
    """Decides about urls and addresses, by one set of settings."""

    def __init__(self, settings: Outbound) -> None:
        self._allowed = settings.networks
        self._https_only = settings.https_only
        self._only = settings.only

    def target(self, url: str) -> Target:
        """The parts of a url. Raises `TargetRefused`.

        What needs no look-up of names is decided at once: the scheme, the spelling, and the address
        of a host that is one, in whatever notation the C library takes for one.
        """
        target = read_target(url)
        if self._https_only and target.scheme != "https":
            raise TargetRefused("the url is not https, which https_only demands")
        literal = literal_address(target.host)
        if self._only is not None and not _is_listed(target.host, literal, self._only):
            message = f"{target.host} is none of the hosts that Outbound(only=...) names"
            raise TargetRefused(message)
        if literal is not None:
            self.check(target.host, [literal])
        return target

    def check(self, host: str, addresses: list[Address]) -> list[Address]:
        """Those addresses of a host that may be called. Raises `TargetRefused` for none.

        The address itself is not told: where a name leads inside our network is nobody's business.
        """
        good = [one for one in addresses if self.permits(one)]
        if not good:
            raise TargetRefused(
                f"{host} is not on the public internet; what may be called all the same is said"
                " with Outbound(allow=...)"
            )
        return good

    def permits(self, address: Address) -> bool:
        """Whether an address is public or was allowed."""
        inner = embedded(address)
        if any(_holds(one, address) or _holds(one, inner) for one in self._allowed):
            return True
        return is_public(inner)


def _is_listed(host: str, address: Address | None, only: tuple[str, ...]) -> bool:
    """Whether a host is one of some names, addresses and networks."""
    for one in only:
        if address is None:
            name = one.lower()
            if host == name or (name.startswith(".") and host.endswith(name)):
                return True
            continue
        with suppress(ValueError):
            if _holds(ip_network(one), address):
                return True
    return False


def read_target(url: str) -> Target:
    """Take a url apart. Raises `TargetRefused` for one that is no plain http or https url."""
    if len(url) > MAX_URL:
        raise TargetRefused(f"the url is longer than {MAX_URL:,} characters")
    if _STRANGE.search(url):
        raise TargetRefused("the url holds white space, a backslash or a control character")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise TargetRefused("the url cannot be read") from None
    if parts.scheme not in PORTS:
        raise TargetRefused("the url begins with neither http:// nor https://")
    if "@" in parts.netloc:
        raise TargetRefused("the url has a user or password in front of its host")
    if port == 0:
        raise TargetRefused("the url has no usable port")
    path = quote(parts.path or "/", safe=_TARGET)
    query = f"?{quote(parts.query, safe=_TARGET)}" if parts.query else ""
    return Target(
        parts.scheme, _host(host, parts.netloc), port or PORTS[parts.scheme], path + query
    )


def _host(host: str, netloc: str) -> str:
    if netloc.startswith("["):
        try:
            address = IPv6Address(host)
        except ValueError:
            raise TargetRefused("the host in brackets is no IPv6 address") from None
        if address.scope_id is not None:
            raise TargetRefused("the host is an address of one network only")
        return str(address)
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not _HOST.fullmatch(name) or len(name) > 253:
        raise TargetRefused("the url has no host that could be called")
    return name


def literal_address(host: str) -> Address | None:
    """The address of a host that is one: `127.0.0.1`, `2130706433`, `0x7f.1`, `0177.0.0.1`, `::1`.

    None for a name.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host.removesuffix(".")))
    except OSError:
        return None


def embedded(address: Address) -> Address:
    """The IPv4 address that is really meant by an IPv6 one, or else the address itself."""
    if any(_holds(one, address) for one in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether an address is one that anybody on the internet could call."""
    if isinstance(address, IPv4Address):
        return not any(address in one for one in _SPECIAL_4)
    return address in _GLOBAL_6 and not any(address in one for one in _SPECIAL_6)


def _holds(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network
