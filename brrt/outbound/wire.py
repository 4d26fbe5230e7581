"""The library that speaks HTTP, and what stands between it and the network.

Imported only when something is sent. `GuardedBackend` resolves names and connects to nothing that
the guard has not let through; the library keeps the name, so TLS is verified against it. No proxy
of the environment is used, no redirect followed: the library has neither.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, Final

import httpcore

from brrt.network.connections import OpenedBackend, failure
from brrt.outbound.addresses import Address, Guard, Target, literal_address
from brrt.outbound.resolving import Resolver
from brrt.outbound.retries import NoAnswer
from brrt.outbound.settings import Outbound

# Addresses of one name that are tried; each has its share of the attempt's time.
MAX_ADDRESSES: Final = 4


class GuardedBackend(OpenedBackend):
    """Opens connections to addresses that were let through, and to no others."""

    def __init__(self, settings: Outbound, guard: Guard, resolve: Resolver) -> None:
        super().__init__(settings.max_response)
        self._settings = settings
        self._guard = guard
        self._resolve = resolve

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
                return await super().connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    async def _addresses(self, host: str, port: int) -> list[Address]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        try:
            return await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("its name cannot be resolved") from None


class Wire:
    """Exchanges of one event loop, each over a connection of its own.

    The library's pool is not used: it loses the place of a request that is cancelled in a certain
    moment, for ever. So also each attempt looks at what the name means now.
    """

    def __init__(self, settings: Outbound, guard: Guard, resolve: Resolver) -> None:
        self._settings = settings
        self._guard = guard
        self._resolve = resolve
        self._tls = settings.tls
        self._backends: set[GuardedBackend] = set()

    async def exchange(
        self, method: str, target: Target, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, str | None]:
        """Send a request: the status of the answer, and its Retry-After.

        Raises `NoAnswer` and `TargetRefused`. Once there is a status, what may still go wrong with
        the rest of the answer changes nothing.
        """
        known: list[tuple[int, str | None]] = []
        timeout = self._settings.timeout
        try:
            async with asyncio.timeout(timeout):
                await self._exchange(target, _request(method, target, headers, body), known)
        except TimeoutError:
            if not known:
                raise NoAnswer(f"no answer within {timeout:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            if not known:
                raise NoAnswer(failure(error)) from None
        return known[0]

    async def _exchange(
        self, target: Target, request: httpcore.Request, known: list[tuple[int, str | None]]
    ) -> None:
        backend = GuardedBackend(self._settings, self._guard, self._resolve)
        self._backends.add(backend)
        connection = httpcore.AsyncHTTPConnection(
            request.url.origin, self._context(target), network_backend=backend
        )
        try:
            response = await connection.handle_async_request(request)
            known.append((response.status, _retry_after(response)))
            async for _ in response.aiter_stream():
                pass  # heard to its end: to hang up before looks like a failure to the receiver
        finally:
            self._backends.discard(backend)
            await backend.aclose()

    def _context(self, target: Target) -> ssl.SSLContext | None:
        """The context of TLS, made once: to read the authorities takes some 20 ms."""
        if target.scheme == "https" and self._tls is None:
            self._tls = httpcore.default_ssl_context()
        return self._tls

    async def aclose(self) -> None:
        """Close all connections."""
        while self._backends:
            await self._backends.pop().aclose()

    def __repr__(self) -> str:
        return f"<Wire {len(self._backends)} open>"


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
