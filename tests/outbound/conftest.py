"""What tests of sending share: a document, receivers on the loopback, and time that does not pass."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from brrt.openapi.document import load
from brrt.outbound.addresses import Address
from brrt.outbound.connections import Connections
from brrt.outbound.resolving import resolve
from brrt.outbound.retries import Timing
from brrt.outbound.sender import Sender, compile_hooks
from brrt.outbound.settings import Outbound

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = ("127.0.0.0/8",)

EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "event"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "event": {"enum": ["added", "adopted"]},
        "name": {"type": "string", "maxLength": 10},
        "price": {"type": "number"},
        "password": {"type": "string", "writeOnly": True},
    },
}


def body(schema: Any, media_type: str = "application/json") -> dict[str, Any]:
    """A request body that must be there."""
    return {"required": True, "content": {media_type: {"schema": schema}}}


def document(**webhooks: Any) -> dict[str, Any]:
    """A document with one callback, `onEvent`, and these webhooks."""
    called = {"operationId": "onEvent", "requestBody": body(EVENT), "responses": {"2XX": {"description": "taken"}}}
    register: dict[str, Any] = {
        "operationId": "register",
        "requestBody": body({"type": "object"}),
        "responses": {"200": {"description": "ok"}},
        "callbacks": {"event": {"{$request.body#/url}": {"post": called}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tests", "version": "1"},
        "paths": {"/hooks": {"post": register}},
        "webhooks": {name: {"post": one} for name, one in webhooks.items()},
    }


@dataclass
class Clock:
    """Time that passes only when somebody waits. `waits` is how long each wait was to be."""

    time: float = 1_000.0
    waits: list[float] = field(default_factory=list[float])
    luck: float = 0.5

    @property
    def timing(self) -> Timing:
        """The same as the sender wants it; the wall clock is the real one."""
        return Timing(monotonic=lambda: self.time, sleep=self.sleep, chance=lambda: self.luck)

    async def sleep(self, seconds: float) -> None:
        """Wait without waiting."""
        self.waits.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


@dataclass
class Heard:
    """A request as a receiver heard it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """An app that answers with one prepared answer after the other, the last one for ever."""

    def __init__(self, *answers: int | Response) -> None:
        self.answers = list(answers) or [204]
        self.heard: list[Heard] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        query = f"?{request.url.query}" if request.url.query else ""
        target = scope["raw_path"].decode() + query
        self.heard.append(
            Heard(request.method, target, dict(request.headers), await request.body())
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        response = answer if isinstance(answer, Response) else Response(status_code=answer)
        await response(scope, receive, send)


Listen = Callable[..., Awaitable[Receiver]]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Start a receiver with prepared answers under uvicorn on a loopback port."""
    async with AsyncExitStack() as stack:

        async def start(*answers: int | Response, **options: Any) -> Receiver:
            receiver = Receiver(*answers)
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            stack.callback(listener.close)
            receiver.port = listener.getsockname()[1]
            config = uvicorn.Config(receiver, lifespan="off", log_config=None, **options)
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve([listener]), name="the receiver")
            while not server.started:
                await asyncio.sleep(0)

            async def stop() -> None:
                server.should_exit = True
                await task

            stack.push_async_callback(stop)
            return receiver

        yield start


@pytest.fixture
def clock() -> Clock:
    """Time under the test's control."""
    return Clock()


Make = Callable[..., Sender]


@pytest.fixture
async def make(clock: Clock) -> AsyncIterator[Make]:
    """Make a sender whose time is the clock's; it is closed in the end.

    Settings are those of `Outbound`; the loopback is allowed unless `allow` says otherwise.
    """
    async with AsyncExitStack() as stack:

        def sender(
            made: Mapping[str, Any] | None = None, resolver: Any = resolve, **settings: Any
        ) -> Sender:
            outbound = Outbound(**({"allow": LOOPBACK} | settings))
            connections = Connections(outbound, timing=clock.timing, resolver=resolver)
            stack.push_async_callback(connections.aclose)
            return Sender(compile_hooks(load(made or document())), connections)

        yield sender


def names(known: Mapping[str, list[Address]]) -> Callable[[str, int], Awaitable[list[Address]]]:
    """A resolver that knows these names. Lists are used up from the front, one at a time."""

    async def find(host: str, port: int) -> list[Address]:
        if host not in known:
            raise OSError("no such name")
        return known[host]

    return find


Answerer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Answerer], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve raw bytes on a loopback port: what no honest server would say."""
    async with AsyncExitStack() as stack:

        async def start(answer: Answerer) -> str:
            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tasks.append(asyncio.current_task())
                try:
                    await answer(reader, writer)
                except (ConnectionError, asyncio.CancelledError):
                    pass
                finally:
                    writer.close()

            tasks: list[Any] = []
            server = await asyncio.start_server(handle, "127.0.0.1", 0)

            async def stop() -> None:
                server.close()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await server.wait_closed()

            stack.push_async_callback(stop)
            return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"

        yield start
