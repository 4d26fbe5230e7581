"""Asking an issuer: the only file of this room that imports httpcore.

One connection for each question, closed whatever happens: the library's pool loses the place of
a request that is cancelled in a certain moment. No redirect is followed, no proxy of the
environment used; nothing of an answer stands in an error.
"""

import ssl
from collections.abc import Iterable
from typing import Any, Final

import httpcore

from brrt.security.compact import Unreadable, parse_object
from brrt.security.issuers import (
    Fetched,
    FetchFailed,
    NotFoundThere,
    discovery_urls,
    is_secure,
    keys_url,
    read_max_age,
)

# Bytes of an answer, its head included. The largest sets of keys, with certificates, have 20 KB.
MAX_DOCUMENT: Final = 262_144


class Source:
    """Where the keys of an issuer are had from. `url` is None where the issuer has to tell.

    It is asked each time, so that it may move them; that is once in some minutes.
    """

    def __init__(
        self, issuer: str, url: str | None, *, insecure: bool, tls: ssl.SSLContext | None
    ) -> None:
        self._issuer = issuer
        self._url = url
        self._insecure = insecure
        self._tls = tls

    async def __call__(self) -> Fetched:
        """The JWK Set. Raises `FetchFailed`."""
        return await self._get(self._url or await self._discover())

    async def _discover(self) -> str:
        openid, oauth = discovery_urls(self._issuer)
        try:
            found = await self._get(openid)
        except NotFoundThere:
            found = await self._get(oauth)
        return keys_url(found.document, self._issuer, insecure=self._insecure)

    async def _get(self, url: str) -> Fetched:
        if self._tls is None and is_secure(url):
            self._tls = httpcore.default_ssl_context()  # once: it takes some 20 ms
        try:
            return await get(url, self._tls)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise FetchFailed(_reason(error)) from None


async def get(url: str, tls: ssl.SSLContext | None) -> Fetched:
    """A JSON object from a url. Raises `FetchFailed`, and what the library raises."""
    headers = [("Host", _host(url)), ("Accept", "application/json"), ("Connection", "close")]
    request = httpcore.Request("GET", url, headers=headers)
    backend = OpenedBackend()
    connection = httpcore.AsyncHTTPConnection(
        request.url.origin, tls if is_secure(url) else None, network_backend=backend
    )
    try:
        response = await connection.handle_async_request(request)
        _check(response)
        body = b"".join([chunk async for chunk in response.aiter_stream()])
    finally:
        await backend.aclose()
    try:
        return Fetched(parse_object(body), read_max_age(_header(response, b"cache-control")))
    except Unreadable:
        raise FetchFailed("its answer is no JSON object") from None


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition("?")[0]


def _check(response: httpcore.Response) -> None:
    status = response.status
    if 300 <= status < 400:
        raise FetchFailed(f"it answered {status}, and redirects are not followed")
    if status == 404:
        raise NotFoundThere("it answered 404")
    if status != 200:
        raise FetchFailed(f"it answered {status}")
    if _header(response, b"content-encoding") not in ("", "identity"):
        raise FetchFailed("its answer is encoded, which was not asked for")


def _header(response: httpcore.Response, wanted: bytes) -> str:
    found = [value for name, value in response.headers if name.lower() == wanted]
    return b", ".join(found).decode("latin-1")


def _reason(error: Exception) -> str:
    """Why there was no answer. What is no HTTP is not shown: it may be anything."""
    if isinstance(error, httpcore.ProtocolError):
        return "it hung up, or its answer is no HTTP"
    if isinstance(error, (httpcore.ConnectError, httpcore.ConnectTimeout)):
        return f"it could not be reached: {error}"
    return str(error) or "the connection broke"


class OpenedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections, and closes them whatever the library thinks has become of them."""

    def __init__(self) -> None:
        backend: Any = httpcore.AnyIOBackend  # its type is that of what stands in for it
        self._inner: httpcore.AsyncNetworkBackend = backend()
        self._opened: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises `ConnectError`."""
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        self._opened.append(stream)
        return BoundedStream(stream, MAX_DOCUMENT)

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
