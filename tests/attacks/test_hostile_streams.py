"""Clients that do harm to streams: each case is one that did."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from brrt import App, Event, Handlers, Limits
from tests.conftest import Call, Connect, Until
from tests.test_streaming_requests import served

OCTETS, EVENTS, LINES = "application/octet-stream", "text/event-stream", "application/jsonl"


def document(name: str, takes: str, gives: str) -> dict[str, Any]:
    """One operation, `POST /` and its name."""
    operation = {
        "operationId": name,
        "requestBody": {"required": True, "content": {takes: {}}},
        "responses": {"200": {"description": "ok", "content": {gives: {}}}},
    }
    info = {"title": "Hostile", "version": "1"}
    return {"openapi": "3.2.0", "info": info, "paths": {f"/{name}": {"post": operation}}}


def tell(handlers: Handlers, reads: int) -> None:
    """A handler `tell` that reads so many pieces of its body and then gives events for long."""

    @handlers("tell")
    async def handle(body: AsyncIterator[bytes]) -> AsyncIterator[Event]:
        for _ in range(reads):
            await anext(body)
        for _ in range(1_000):  # far longer than any test; a server that stops waits for the end
            yield Event("still here")
            await asyncio.sleep(0.01)


def repeat(handlers: Handlers) -> None:
    """A handler `repeat` that gives back each line as it comes."""

    @handlers("repeat")
    async def handle(body: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for one in body:
            yield one


async def post(address: str, target: str, kind: str, length: int, data: bytes) -> Any:
    """Begin a request, and read the beginning of its response."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode() + data)
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
    await reader.readuntil(b"\r\n\r\n")
    await reader.readline()
    return writer


def active(app: App) -> int:
    return app.statistics().total.streams.active


@pytest.mark.parametrize("protocol", ["httptools", "h11"])
@pytest.mark.parametrize(("reads", "length"), [(0, 3), (1, 3), (0, 30), (1, 30)])
async def test_who_leaves_is_heard_though_the_handler_does_not_read(
    protocol: str, reads: int, length: int, until: Until
) -> None:
    """A stream ends with its client, whatever its handler has left of the body."""
    handlers = Handlers()
    tell(handlers, reads)
    app = App(document("tell", OCTETS, EVENTS), handlers, limits=Limits(grace=0.0))
    async with served(app, protocol) as address:
        writer = await post(address, "/tell", OCTETS, length, b"abc")
        assert active(app) == 1
        writer.transport.abort()
        await until(lambda: not active(app))
        assert app.statistics().total.streams.cancelled == 1


async def test_what_is_received_ahead_is_bounded_and_kept(
    client: Connect, wire: Call, until: Until
) -> None:
    """Beside a response little is taken before it is asked for, and all of it comes in order."""
    go, seen, handlers = asyncio.Event(), list[bytes](), Handlers()

    @handlers("late")
    async def handle(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        yield b"begun"
        await go.wait()
        async for piece in body:
            seen.append(piece)

    app = App(document("late", OCTETS, OCTETS), handlers)
    await client(app)
    request = wire(app, "POST", "/late", {"content-type": OCTETS})
    pieces = [bytes([n]) * 40_000 for n in range(6)]
    for data in pieces:
        request.body(data, more=True)
    request.body()
    await until(lambda: request.inbox.qsize() < 7)
    for _ in range(50):
        await asyncio.sleep(0)
    assert request.inbox.qsize() == 5
    go.set()
    await asyncio.wait_for(request.task, 10)
    assert seen == pieces


async def test_a_client_that_goes_is_heard_after_a_reload_too(
    client: Connect, wire: Call, until: Until
) -> None:
    """A body that was in hand when its handler changed ends before its client does."""
    handlers = Handlers()

    @handlers("tell")
    async def handle(body: bytes) -> Event:
        return Event("whole")

    app = App(document("tell", OCTETS, EVENTS), handlers)
    await client(app)
    request = wire(app, "POST", "/tell", {"content-type": OCTETS})
    request.body(b"a", more=True)
    await until(lambda: not request.inbox.qsize())
    tell(changed := Handlers(), 1)
    await app.reload(handlers=changed)
    request.body(b"b")
    await until(lambda: active(app))
    request.hang_up()
    await until(lambda: not active(app))


@pytest.mark.parametrize("protocol", ["httptools", "h11"])
async def test_a_client_that_leaves_while_it_is_read_is_no_failure(
    protocol: str, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """Who goes in the middle of what is read and given back leaves nothing in the log."""
    repeat(handlers := Handlers())
    app = App(document("repeat", LINES, LINES), handlers)
    async with served(app, protocol) as address:
        writer = await post(address, "/repeat", LINES, 1_000, b"1\n")
        writer.transport.abort()
        await until(lambda: not active(app))
    assert app.statistics().total.streams.cancelled == 1
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_what_is_wrong_with_a_request_is_not_logged_as_a_failure(
    client: Connect, wire: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sends a bad line after good ones breaks its own stream, and fills no log."""
    repeat(handlers := Handlers())
    app = App(document("repeat", LINES, LINES), handlers)
    await client(app)
    request = wire(app, "POST", "/repeat", {"content-type": LINES})
    request.body(b"1\n1e999\n")
    with pytest.raises(Exception, match="broke off"):
        await asyncio.wait_for(request.task, 10)
    (record,) = (one for one in caplog.records if one.name == "brrt")
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert "its request is wrong: the body is not valid JSON" in record.getMessage()


async def test_who_leaves_a_large_body_unread_is_heard_in_the_end(
    client: Connect, wire: Call, until: Until
) -> None:
    """A body of which nothing is read for `stream_timeout` is given up, and its client heard."""
    tell(handlers := Handlers(), 0)
    app = App(document("tell", OCTETS, EVENTS), handlers, limits=Limits(stream_timeout=0.05))
    await client(app)
    request = wire(app, "POST", "/tell", {"content-type": OCTETS})
    for _ in range(5):
        request.body(b"x" * 65_536, more=True)
    await until(lambda: active(app) and request.inbox.qsize() < 5)
    request.hang_up()
    await until(lambda: not active(app))
    assert app.statistics().total.streams.cancelled == 1


async def test_a_body_that_was_given_up_is_not_passed_off_as_read(
    client: Connect, wire: Call, until: Until
) -> None:
    """Whoever reads on is told."""
    go, told, handlers = asyncio.Event(), list[str](), Handlers()

    @handlers("late")
    async def handle(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while not go.is_set():
            yield b"."
            await asyncio.sleep(0.01)
        with pytest.raises(RuntimeError) as caught:
            await anext(body)
        told.append(str(caught.value))

    app = App(document("late", OCTETS, OCTETS), handlers, limits=Limits(stream_timeout=0.2))
    await client(app)
    request = wire(app, "POST", "/late", {"content-type": OCTETS})
    for _ in range(5):
        request.body(b"x" * 65_536, more=True)
    await until(lambda: not request.inbox.qsize())
    go.set()
    await until(lambda: told)
    assert "given up" in told[0]


@pytest.mark.parametrize("streams", [True, False])
async def test_what_is_wrong_with_a_body_is_told_out_of_a_task_group(
    client: Connect, wire: Call, streams: bool
) -> None:
    """A handler may read in a task of its own; the client is told the same."""

    async def read(body: AsyncIterator[Any]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_drain(body))

    async def whole(body: AsyncIterator[Any]) -> Any:
        await read(body)

    async def bit_by_bit(body: AsyncIterator[Any]) -> AsyncIterator[Any]:
        await read(body)
        yield None

    handlers = Handlers()
    handlers("group")(bit_by_bit if streams else whole)
    app = App(document("group", LINES, LINES), handlers)
    await client(app)
    request = wire(app, "POST", "/group", {"content-type": LINES}, body=b"1\n{")
    assert await request.status() == 400


async def _drain(body: AsyncIterator[Any]) -> None:
    async for _ in body:
        pass
