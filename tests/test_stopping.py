"""Connections when `brrt run` stops: whatever a client has begun to say is answered.

A server in this process and sockets by hand, on the loop that `brrt run` takes and on asyncio's
own. The server is told to stop at the very moment that a test is about.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.responses import StreamingResponse

from brrt import App, Handlers, Limits
from brrt.cli.connections import PatientProtocol
from brrt.cli.server import bind

PATIENCE = 10.0  # seconds
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [uvloop.new_event_loop]
LOOPS.append(asyncio.new_event_loop)

NAMES = ("getThing", "getStream", "waitForEver")
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Stopping", "version": "1"},
    "paths": {
        f"/{name}": {
            "get": {
                "operationId": name,
                "responses": {"200": {"description": "ok", "content": {"application/json": {}}}},
            }
        }
        for name in NAMES
    },
}


def wire(name: str) -> bytes:
    """A request."""
    return f"GET /{name} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


class Stage:
    """A server, its app, and what the handlers wait for and tell."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = 0
        self.cancelled = 0
        handlers = Handlers()
        for handler in (self.get_thing, self.get_stream, self.wait_for_ever):
            handlers(handler.__name__)(handler)
        self.app = App(DOCUMENT, handlers, limits=Limits(grace=0.5))
        config = uvicorn.Config(self.app, http=PatientProtocol, log_config=None, lifespan="on")
        config.timeout_graceful_shutdown = 2
        self.server = uvicorn.Server(config)
        self.listener = bind("127.0.0.1", 0)

    async def get_thing(self) -> str:
        return "here"

    async def get_stream(self) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b'"st'
            self.begun += 1
            await self.go.wait()
            yield b'ream"'

        return StreamingResponse(pieces(), media_type="application/json")

    async def wait_for_ever(self) -> None:
        self.begun += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def stop(self) -> None:
        """Tell the server to stop, and return when it has told its connections."""
        self.server.should_exit = True
        await until(lambda: not self.server.servers[0].is_serving())


async def until(condition: Callable[[], object]) -> None:
    """Wait until something has happened that has no event."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


@asynccontextmanager
async def playing() -> AsyncIterator[tuple[Stage, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A server with one connection; the server has stopped when the block has ended."""
    stage = Stage()
    serving = asyncio.create_task(stage.server.serve([stage.listener]))
    try:
        async with asyncio.timeout(PATIENCE):
            await until(lambda: stage.server.started)
            reader, writer = await asyncio.open_connection(*stage.listener.getsockname())
            await until(lambda: stage.server.server_state.connections)
            yield stage, reader, writer
            writer.close()
    finally:
        stage.server.should_exit = True
        await serving


@pytest.fixture(params=LOOPS, ids=["uvloop", "asyncio"])
def play(request: pytest.FixtureRequest) -> Iterator[Callable[[Any], None]]:
    """Run a coroutine on one of the loops."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield lambda scene: runner.run(scene)


Play = Callable[[Any], None]


def test_a_head_that_has_begun_is_waited_for(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is in the middle of a request's head is not silent."""
    monkeypatch.setattr("brrt.cli.connections.LAST_CALL", 0.02)

    async def scene() -> None:
        async with playing() as (stage, reader, writer):
            writer.write(wire("getThing")[:20])
            await asyncio.sleep(0.02)
            await stage.stop()
            await asyncio.sleep(0.2)
            writer.write(wire("getThing")[20:])
            answer = await reader.read()
            assert answer.endswith(b'"here"')
            assert b"connection: close" in answer

    play(scene())


def test_a_head_that_never_ends_is_cut(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an end to that."""
    monkeypatch.setattr("brrt.cli.connections.LAST_CALL", 0.02)
    monkeypatch.setattr("brrt.cli.connections.LAST_HEAD", 0.1)

    async def scene() -> None:
        async with playing() as (stage, reader, writer):
            writer.write(wire("getThing")[:20])
            await asyncio.sleep(0.02)
            await stage.stop()
            assert await reader.read() == b""

    play(scene())


def test_what_has_come_meanwhile_is_read_first(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is kept busy, until its time is up, does not cut what it has not looked at."""
    monkeypatch.setattr("brrt.cli.connections.LAST_CALL", 0.1)

    async def scene() -> None:
        async with playing() as (stage, reader, _):
            loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()
            client = socket.create_connection(stage.listener.getsockname())
            await until(lambda: len(stage.server.server_state.connections) == 2)
            await stage.stop()

            def be_busy() -> None:
                loop.remove_reader(ours)
                client.sendall(wire("getThing"))
                time.sleep(0.2)

            loop.add_reader(ours, be_busy)
            theirs.send(b"now")
            assert await reader.read() == b""
            answer = await loop.run_in_executor(None, client.recv, 10_000)
            assert answer.endswith(b'"here"')
            for one in (ours, theirs, client):
                one.close()

    play(scene())


def test_a_connection_goes_on_after_an_answer_that_did_not_say_otherwise(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that had begun at the stop could not announce the end: the next one does."""
    monkeypatch.setattr("brrt.cli.connections.LAST_CALL", PATIENCE)

    async def scene() -> None:
        async with playing() as (stage, reader, writer):
            writer.write(wire("getStream"))
            await until(lambda: stage.begun)
            await stage.stop()
            stage.go.set()
            assert b"connection: close" not in await reader.readuntil(b'ream"\r\n0\r\n\r\n')
            writer.write(wire("getThing"))
            answer = await reader.read()
            assert answer.endswith(b'"here"')
            assert b"connection: close" in answer

    play(scene())


def test_all_that_is_asked_at_once_is_answered(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several requests in one piece only the last one is told that the connection ends."""
    monkeypatch.setattr("brrt.cli.connections.LAST_CALL", PATIENCE)

    async def scene() -> None:
        async with playing() as (stage, reader, writer):
            await stage.stop()
            writer.write(wire("getThing") * 3)
            answer = await reader.read()
            assert answer.count(b'"here"') == 3
            assert answer.count(b"connection: close") == 1

    play(scene())


def test_one_who_asks_several_things_and_hangs_up_is_gone(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler of the first request is cancelled, and nobody writes where nobody reads."""

    async def scene() -> None:
        async with playing() as (stage, _, writer):
            writer.write(wire("waitForEver") + wire("getThing") * 2)
            await until(lambda: stage.begun)
            writer.transport.abort()
            await until(lambda: stage.cancelled)

    with caplog.at_level(logging.ERROR):
        play(scene())
    assert not caplog.records
