"""Connections of httpcore that are closed whatever happens, and bounded in what they bring.

One backend for each exchange: the library's own pool loses the place of a request that is
cancelled in a certain moment, for ever.
"""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore


class OpenedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections, and closes them whatever the library thinks has become of them.

    No more than `limit` bytes are read from each.
    """

    def __init__(self, limit: int) -> None:
        backend: Any = httpcore.AnyIOBackend  # its type is that of what stands in for it
        self._inner: httpcore.AsyncNetworkBackend = backend()
        self._limit = limit
        self._opened: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises `ConnectError` and `ConnectTimeout`."""
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        self._opened.append(stream)
        return BoundedStream(stream, self._limit)

    async def aclose(self) -> None:
        """Close what was opened."""
        while self._opened:
            await self._opened.pop().aclose()


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection from which no more than so many bytes are read."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._left = limit

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> bytes:
        """Some bytes. Raises `ReadError` where it is too long: that ends all that is reading."""
        if self._left <= 0:
            raise httpcore.ReadError(f"its answer is longer than {self._limit:,} bytes")
        data = await self._stream.read(min(max_bytes, self._left), timeout)
        self._left -= len(data)
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> None:
        """Send some bytes."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> httpcore.AsyncNetworkStream:
        """The same with TLS."""
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return BoundedStream(stream, self._limit)

    def get_extra_info(self, info: str) -> Any:
        """What the library wants to know about the socket."""
        return self._stream.get_extra_info(info)


def failure(error: Exception) -> str:
    """Why there was no answer. What is no HTTP is not shown: it may be anybody's secret."""
    if isinstance(error, httpcore.ProtocolError):
        return "it hung up, or its answer is no HTTP"
    if isinstance(error, httpcore.ConnectTimeout):
        return "it could not be reached in time"
    if isinstance(error, httpcore.ConnectError):
        return f"it could not be reached: {error}"
    return str(error) or "the connection broke"
