"""Names to addresses. The seam where a test says what a name means, and when it changes."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Protocol

from brrt.outbound.addresses import Address


class Resolver(Protocol):
    """Finds the addresses of a name. Raises OSError for none."""

    async def __call__(self, host: str, port: int) -> list[Address]:
        """All of them, the best first."""
        ...


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses that the operating system knows, each once, in its order (RFC 6724)."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope (fe80::1%eth0) is of link-local addresses, which no receiver has.
    words = (str(address[0]).partition("%")[0] for *_, address in found)
    return list(dict.fromkeys(map(ip_address, words)))
