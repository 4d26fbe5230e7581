"""Answers, compressed on their way out (RFC 9110, section 8.4).

Rules of this file:
- Whether an answer is compressed is decided when its headers are there, for GET and HEAD alike.
  Those of a body whose length was told wait for it: if it comes at once, its new length is told.
- Whatever could be compressed says that it varies, also where it is not.
- A stream is compressed piece by piece, and each goes out at once.
- What takes long is done in a thread, one for each processor; what is small where it is.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from brrt.http.answers import BODILESS, Headers, Send
from brrt.http.codings import MAX_ACCEPT, Flow, Taken, choose, make_codings
from brrt.http.compression import Compression
from brrt.http.vary import with_vary
from brrt.openapi.content import essence

# Bytes that are compressed in a thread: what is less takes some 3 ms at most, what a thread costs
# is 0.1 ms.
IN_THREAD: Final = 262_144
# Accept-Encoding headers that are remembered. There is one for each kind of client.
MAX_TAKEN: Final = 16

_RANGE: Final = b"content-range"
# What an answer has that says it is not to be changed: it is encoded already, a part of a whole,
# or its bytes have been summed up (RFC 9530; RFC 3230; RFC 1864).
_AS_IT_IS: Final = frozenset(
    {
        b"content-encoding",
        _RANGE,
        b"content-digest",
        b"repr-digest",
        b"digest",
        b"content-md5",
    }
)
_IF_NONE: Final = b"if-none-match"
_VARY: Final = (b"Accept-Encoding",)
# What is not true of the compressed content: its length, and that parts of it could be had.
_UNTRUE: Final = frozenset({b"content-length", b"accept-ranges"})


class Packing:
    """Compresses the answers of one app. `streams` counts those that are under way."""

    def __init__(self, settings: Compression) -> None:
        self.settings = settings
        self.streams = 0
        self._names = settings.installed()
        self._codings = make_codings(self._names, settings.level)
        self._known: dict[str, Taken] = {}
        self._threads = RunVar[anyio.CapacityLimiter]("brrt compression")

    def packer(self, scope: Mapping[str, Any], send: Send) -> "Packer":
        """What the answer to one request is sent through. It must be closed."""
        lines = [value for name, value in scope["headers"] if name == b"accept-encoding"]
        return Packer(self, self._taken(b",".join(lines).decode("latin-1")), scope, send)

    def _taken(self, header: str) -> Taken:
        taken = self._known.get(header)
        if taken is None:
            taken = choose(header, self._names)
            if len(header) > MAX_ACCEPT:
                return taken
            if len(self._known) >= MAX_TAKEN:
                self._known.clear()
            self._known[header] = taken
        return taken

    async def whole(self, coding: str, data: bytes) -> bytes:
        """All of a body, compressed."""
        return await self.done(self._codings[coding].whole, data)

    async def done(self, compress: Callable[[bytes], bytes], data: bytes) -> bytes:
        """What comes of it: here, or in a thread for what takes long."""
        if len(data) < IN_THREAD:
            return compress(data)
        return await anyio.to_thread.run_sync(compress, data, limiter=self._limiter())

    def _limiter(self) -> anyio.CapacityLimiter:
        """Threads at a time, apart from those that read files: more would only take turns."""
        try:
            return self._threads.get()
        except LookupError:
            limiter = anyio.CapacityLimiter(os.cpu_count() or 1)
            self._threads.set(limiter)
            return limiter

    def begin(self, coding: str) -> Flow | None:
        """What compresses a stream; None where there are enough of them. `end` it."""
        if self.streams >= self.settings.streams:
            return None
        self.streams += 1
        return self._codings[coding].begin()

    def end(self) -> None:
        """A stream that has begun is over."""
        self.streams -= 1


class Packer:
    """One answer on its way. `send` takes what the app sends.

    `_held` is a start that waits for its body, `_flow` compresses a stream. Where neither is
    there, everything is passed on.
    """

    def __init__(
        self, packing: Packing, taken: Taken, scope: Mapping[str, Any], send: Send
    ) -> None:
        self._packing = packing
        self._taken = taken
        self._scope = scope
        self._send = send
        self._held: Any = None
        self._flow: Flow | None = None

    def send(self, message: Any) -> Awaitable[None]:
        """Send a message, compressed where it can be. A plain function: most are passed on."""
        if message["type"] == "http.response.start":
            return self._start(message)
        if self._held is not None or self._flow is not None:
            return self._next(message)
        return self._send(message)

    def close(self) -> None:
        """The answer is over, or nobody wants it."""
        self._held = None
        if self._flow is not None:
            self._flow = None
            self._packing.end()

    # The start

    def _start(self, message: Any) -> Awaitable[None]:
        headers, status = message.get("headers", ()), message["status"]
        if status == 304:
            return self._send({**message, "headers": self._unmodified(headers)})
        if status in BODILESS or not self._may_pack(headers, status == 206):
            return self._send(message)
        message = {**message, "headers": with_vary(headers, _VARY)}
        length = _length(headers)
        coding = self._taken.coding
        if coding is None or status == 206 or not self._is_worth_it(length):
            return self._send(message)
        if self._scope["method"] == "HEAD":
            return self._send(_packed(message, coding, None))
        if length is not None:
            self._held = message
            return _nothing()
        self._flow = self._packing.begin(coding)
        return self._send(_packed(message, coding, None) if self._flow else message)

    def _may_pack(self, headers: Headers, is_part: bool) -> bool:
        """Whether the content may be changed, and is of a type that is worth it.

        A part never is, but it varies as the whole does (section 15.3.7).
        """
        kind = b""
        for name, value in headers:
            if name in _AS_IT_IS and not (is_part and name == _RANGE):
                return False
            if name == b"cache-control" and b"no-transform" in value.lower():
                return False
            if name == b"content-type":
                kind = value
        return self._packing.settings.takes(essence(kind.decode("latin-1")))

    def _is_worth_it(self, length: int | None) -> bool:
        """Whether there is enough of it, or the client takes nothing else."""
        if length is None:
            return True
        return length > 0 and (self._taken.must or length >= self._packing.settings.minimum)

    def _unmodified(self, headers: Headers) -> Headers:
        """A 304 has the ETag of what the client has, and varies as that does (section 15.4.5)."""
        asked = b",".join(value for name, value in self._scope["headers"] if name == _IF_NONE)
        return with_vary(
            (
                (name, _weak(value)) if name == b"etag" and _weak(value) in asked else (name, value)
                for name, value in headers
            ),
            _VARY,
        )

    # The rest

    async def _next(self, message: Any) -> None:
        held, coding = self._held, self._taken.coding or ""
        if message["type"] != "http.response.body":  # such as a path, which the server sends
            await self._unhold()
            await self._send(message)
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        if held is not None and not more:
            self._held = None
            data = await self._packing.whole(coding, data)
            await self._send(_packed(held, coding, len(data)))
            await self._send({**message, "body": data})
            return
        if held is not None:
            self._flow = self._packing.begin(coding)
            if self._flow is None:
                await self._unhold()
                await self._send(message)
                return
            self._held = None
            await self._send(_packed(held, coding, None))
        await self._pour(message, data, more)

    async def _unhold(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            await self._send(held)

    async def _pour(self, message: Any, data: bytes, more: bool) -> None:
        """A piece of a stream. An empty one stays empty, unless it is the last."""
        flow = self._flow
        if flow is not None and (data or not more):
            data = await self._packing.done(flow.piece if more else flow.end, data)
        if not more:
            self.close()
        await self._send({**message, "body": data})


async def _nothing() -> None:
    """What is awaited for a message that waits itself."""


def _length(headers: Headers) -> int | None:
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def _packed(message: Any, coding: str, length: int | None) -> Any:
    """The start of a compressed answer; of one whose length is not known before it is over."""
    headers: Headers = [
        (name, _weak(value)) if name == b"etag" else (name, value)
        for name, value in message["headers"]
        if name not in _UNTRUE
    ]
    headers.append((b"content-encoding", coding.encode("ascii")))
    if length is not None and not message.get("trailers", False):
        headers.append((b"content-length", b"%d" % length))
    return {**message, "headers": headers}


def _weak(tag: bytes) -> bytes:
    """A weak ETag: the same content, in other bytes (RFC 9110, section 8.8.3)."""
    return tag if tag.startswith(b"W/") else b"W/" + tag
