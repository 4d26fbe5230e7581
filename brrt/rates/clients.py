"""Who is one client: whom an address stands for, and what is kept of other names.

Rules of this file:
- What is kept has a bounded length, whatever the client sent.
- What a user's function reads from a request may be secret: only its digest is kept.
"""

import socket
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

# Whoever has one address of IPv6 has its /64 at least (RFC 6177), so it is all the same client.
IPV6_PREFIX: Final = 8  # bytes
MAPPED: Final = bytes(10) + b"\xff\xff"  # an address of IPv4 in IPv6 (RFC 4291, section 2.5.5.2)
# All whose address the server does not tell, such as behind a Unix socket, are one client.
NO_ADDRESS: Final = "no address"
# Characters. No address is longer.
LONGEST: Final = 45
DIGEST: Final = 16  # bytes


def by_address(scope: Mapping[str, Any]) -> str:
    """The client that a request comes from, by the address of its peer."""
    peer = scope.get("client")
    host: str = peer[0] if peer else ""
    if ":" in host:
        return _network(host)
    if len(host) > LONGEST or not host.isascii():
        return digest(host)
    return host or NO_ADDRESS


def _network(host: str) -> str:
    try:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except (OSError, ValueError):  # no address, or not even text that C could read
        return digest(host)
    if packed.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[len(MAPPED) :])
    prefix = packed[:IPV6_PREFIX]
    return f"{socket.inet_ntop(socket.AF_INET6, prefix + bytes(16 - IPV6_PREFIX))}/64"


def digest(text: str) -> str:
    """What stands for a text that may be long, or secret."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=DIGEST).hexdigest()


def by_name(name: Any) -> str:
    """The client of whom a user's function says who it is. Raises `TypeError` for no text."""
    if not isinstance(name, str):
        kind = type(name).__name__  # not what it is: it may be secret
        raise TypeError(f"key of the rate limits gave a value of {kind}; it gives a text, or None")
    return digest(name)
