"""Asking an issuer. Imported only where keys are fetched.

One connection for each question, closed whatever happens. No redirect is followed, no proxy of the
environment used; nothing of an answer stands in an error.
"""

import ssl
from typing import Final

import httpcore

from brrt.network.connections import OpenedBackend, failure
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
            raise FetchFailed(failure(error)) from None


async def get(url: str, tls: ssl.SSLContext | None) -> Fetched:
    """A JSON object from a url. Raises `FetchFailed`, and what the library raises."""
    headers = [("Host", _host(url)), ("Accept", "application/json"), ("Connection", "close")]
    request = httpcore.Request("GET", url, headers=headers)
    backend = OpenedBackend(MAX_DOCUMENT)
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
