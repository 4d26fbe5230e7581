"""The library that speaks HTTP, and what stands between it and the network.

The only file that imports httpcore, and therefore itself imported only when something is sent.
`GuardedBackend` resolves names and connects to nothing that the guard has not let through; the
library keeps the name, so TLS is verified against it. `BoundedStream` reads no more of an answer
than is allowed, and leaves nothing open. No proxy of the environment is used, no redirect
followed: the library has neither.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, Final

import httpcore

from brrt.outbound.addresses import Address, Guard, Target, literal_address
from brrt.outbound.resolving import Resolver
from brrt.outbound.retries import NoAnswer
from brrt.outbound.settings import Outbound

# Addresses of one name that are tried; each has its share of the attempt's time.
MAX_ADDRESSES: Final = 4


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that were let through."""

    def __init__(self, settings: Outbound, guard: Guard, resolve: Resolver) -> None:
        self._settings = settings
        self._guard = guard
        self._resolve = resolve
        backend: Any = httpcore.AnyIOBackend  # its type is that of what stands in for it
        self._inner: httpcore.AsyncNetworkBackend = backend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises `TargetRefused`, `ConnectError`."""
        addresses = self._guard.check(host, await self._addresses(host, port))[:MAX_ADDRESSES]
        share = self._settings.timeout / len(addresses)
        error: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                stream = await self._inner.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
            else:
                return BoundedStream(stream, self._settings.max_response)
        raise error

    async def _addresses(self, host: str, port: int) -> list[Address]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        try:
            return await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("its name cannot be resolved") from None


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection from which one answer at a time is read, up to so many bytes."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._left = limit

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> bytes:
        """Some bytes of an answer. Raises `ReadError` where it is too long.

        An error, since only that ends all that is reading.
        """
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
        """Send a piece of a request; what is read after it is another answer."""
        self._left = self._limit
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
        """The same with TLS. What is cancelled meanwhile is closed, which the library forgets."""
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._stream.aclose()
            raise
        return BoundedStream(stream, self._limit)

    def get_extra_info(self, info: str) -> Any:
        """What the library wants to know about the socket."""
        return self._stream.get_extra_info(info)


class Wire:
    """The connections of one event loop, kept for whom they lead to.

    The library's own pool is not used: a connection that is cancelled between its opening and its
    first request, or while an answer is put away, stays in there as busy for ever. Here one that
    did not come to rest by itself is closed, whatever ended its request.
    State: `_idle`, the oldest first, and `_busy`. Callers see to it that no more than
    `connections` are busy; idle ones make room for them.
    """

    def __init__(self, settings: Outbound, guard: Guard, resolve: Resolver) -> None:
        self._settings = settings
        self._backend = GuardedBackend(settings, guard, resolve)
        self._tls = settings.tls or httpcore.default_ssl_context()
        self._idle: list[httpcore.AsyncHTTPConnection] = []
        self._busy: set[httpcore.AsyncHTTPConnection] = set()
        self._closed = False

    async def exchange(
        self, method: str, target: Target, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, str | None]:
        """Send a request: the status of the answer, and its Retry-After.

        Raises `NoAnswer` and `TargetRefused`. Once there is a status, what may still go wrong with
        the rest of the answer changes nothing.
        """
        known: list[tuple[int, str | None]] = []
        try:
            async with asyncio.timeout(self._settings.timeout):
                await self._exchange(_request(method, target, headers, body), known)
        except TimeoutError:
            if not known:
                raise NoAnswer(f"no answer within {self._settings.timeout:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            if not known:
                raise NoAnswer(_reason(error)) from None
        return known[0]

    async def _exchange(
        self, request: httpcore.Request, known: list[tuple[int, str | None]]
    ) -> None:
        connection = await self._take(request.url.origin)
        try:
            response = await connection.handle_async_request(request)
            try:
                known.append((response.status, _retry_after(response)))
                async for _ in response.aiter_stream():
                    pass  # read to its end, so that the connection can be used again
            finally:
                await response.aclose()
        finally:
            await self._put_back(connection)

    async def _take(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        """An idle connection, the one used last, or a new one."""
        over = [one for one in self._idle if one.has_expired()]
        self._idle = [one for one in self._idle if one not in over]
        fitting = [one for one in self._idle if one.can_handle_request(origin)]
        if fitting:
            connection = fitting[-1]
            self._idle.remove(connection)
        else:
            room = self._settings.connections - len(self._busy) - 1
            surplus = max(0, len(self._idle) - room)
            over += self._idle[:surplus]
            del self._idle[:surplus]
            connection = self._connection(origin)
        self._busy.add(connection)
        try:
            await _close(over)
        except BaseException:
            await self._put_back(connection)
            raise
        return connection

    def _connection(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(
            origin,
            ssl_context=self._tls,
            keepalive_expiry=self._settings.keep_alive,
            network_backend=self._backend,
        )

    async def _put_back(self, connection: httpcore.AsyncHTTPConnection) -> None:
        """Keep a connection that is at rest; close any other, which begins before it waits."""
        self._busy.discard(connection)
        if connection.is_idle() and not connection.is_closed() and not self._closed:
            self._idle.append(connection)
        else:
            await connection.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        self._closed = True
        left = [*self._idle, *self._busy]
        self._idle.clear()
        await _close(left)

    def __repr__(self) -> str:
        return f"<Wire {len(self._busy)} busy, {len(self._idle)} idle>"


async def _close(connections: list[httpcore.AsyncHTTPConnection]) -> None:
    """Close all of them, also where that is cancelled meanwhile."""
    try:
        while connections:
            await connections.pop().aclose()
    finally:
        if connections:
            await _close(connections)


def _request(
    method: str, target: Target, headers: list[tuple[str, str]], body: bytes
) -> httpcore.Request:
    """The parts of the url go one by one: nobody reads it a second time, and otherwise."""
    url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    return httpcore.Request(method, url, headers=headers, content=body)


def _retry_after(response: httpcore.Response) -> str | None:
    for name, value in response.headers:
        if name.lower() == b"retry-after":
            return value.decode("latin-1")
    return None


def _reason(error: Exception) -> str:
    """Why there was no answer. What is no HTTP is not shown: it may be anybody's secret."""
    if isinstance(error, httpcore.ProtocolError):
        return "it hung up, or its answer is no HTTP"
    if isinstance(error, httpcore.ConnectTimeout):
        return "it could not be reached in time"
    if isinstance(error, httpcore.ConnectError):
        return f"it could not be reached: {error}"
    return str(error) or "the connection broke"
