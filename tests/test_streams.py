"""Streaming responses and server-sent events, from the request to the last byte.

By ASGI messages, where every step is in the test's hand, and on real servers, where bytes,
buffers and connections are.
"""

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, StreamingResponse
from starlette.routing import Mount

from brrt import (
    App,
    Background,
    Event,
    Handlers,
    Limits,
    NotFound,
    Reply,
    SpecError,
    UploadFile,
)
from brrt.cli.server import bind
from brrt.http.outflow import StreamBroken
from brrt.http.relays import NothingTaken

Until = Callable[[Callable[[], object]], Awaitable[None]]
Connect = Callable[..., Awaitable[httpx.AsyncClient]]

EVENTS = "text/event-stream"
LINES = "application/jsonl"
FOR_EVER = 3_600.0
color: ContextVar[str] = ContextVar("color", default="none")


def item(name: str, *media_types: str, schema: Any = None, **members: Any) -> dict[str, Any]:
    """An operation whose success has these media types."""
    content = {one: {"itemSchema": schema} if schema else {} for one in media_types}
    responses = {"200": {"description": "ok", "content": content}}
    return {"operationId": name, "responses": responses} | members


ITEM = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
UPLOAD = {
    "type": "object",
    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
}
UPLOAD_BODY = {"content": {"multipart/form-data": {"schema": UPLOAD}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.2.0",
    "info": {"title": "Streams", "version": "1"},
    "paths": {
        "/events": {"get": item("events", EVENTS), "post": item("postEvents", EVENTS)},
        "/lines": {"get": item("lines", LINES, schema=ITEM)},
        "/both": {"get": item("both", LINES, EVENTS)},
        "/bytes": {"get": item("bytes", "application/octet-stream")},
        "/text": {"get": item("text", "text/plain; charset=latin-1")},
        "/mixed": {"get": item("mixed", "application/json", LINES)},
        "/upload": {"post": item("upload", "application/octet-stream", requestBody=UPLOAD_BODY)},
    },
}
DOCUMENT["paths"]["/bytes"]["get"]["responses"]["202"] = {
    "description": "later",
    "content": {"application/octet-stream": {}},
}


def build(
    *, limits: Limits | None = None, mode: Any = "strict", **functions: Callable[..., Any]
) -> App:
    """An app with some of the handlers."""
    handlers = Handlers()
    for name, function in functions.items():
        handlers(name)(function)
    limits = limits or Limits(cancel_wait=1.0)
    return App(DOCUMENT, handlers, limits=limits, missing="501", validate_responses=mode)


class Wire:
    """One exchange by ASGI messages: a server that repeats `http.disconnect`, as servers do.

    While `takes` is cleared, the client takes nothing.
    """

    def __init__(self, app: Any, target: str, method: str = "GET", **headers: str) -> None:
        pairs = {name.replace("_", "-").lower(): text for name, text in headers.items()}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), text.encode()) for name, text in pairs.items()],
        }
        self.sent: list[dict[str, Any]] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.is_asked = True
        self.fails: BaseException | None = None
        self.has_gone = asyncio.Event()
        self.task = asyncio.create_task(app(scope, self._receive, self._send), name="the server")

    async def _receive(self) -> dict[str, Any]:
        if self.is_asked:
            self.is_asked = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.has_gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self.fails is not None:
            raise self.fails
        await self.takes.wait()
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): text.decode() for name, text in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(one.get("body", b"") for one in self.sent[1:])

    @property
    def is_whole(self) -> bool:
        """Whether the response has its end."""
        last = self.sent[-1]
        return last["type"] == "http.response.body" and not last.get("more_body", False)

    async def end(self) -> "Wire":
        """Wait for the end of the exchange; raises what the app raises."""
        await asyncio.wait_for(asyncio.shield(self.task), 10)
        return self


Ask = Callable[..., Wire]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Ask an app by hand: `ask(app, "/events")`."""
    wires: list[Wire] = []

    def make(*arguments: Any, **headers: str) -> Wire:
        wires.append(Wire(*arguments, **headers))
        return wires[-1]

    yield make
    for one in wires:
        one.has_gone.set()
        one.task.cancel()
    await asyncio.gather(*(one.task for one in wires), return_exceptions=True)


def check(app: App) -> None:
    """The sums that hold at every moment."""
    now = app.statistics()
    for one in (*(each.streams for each in now.handlers.values()), now.total.streams):
        assert one.started == one.finished + one.failed + one.timed_out + one.cancelled + one.active


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Source:
    """Handlers that give what the test puts in, and tell when they are closed."""

    def __init__(self) -> None:
        self.items: asyncio.Queue[Any] = asyncio.Queue()
        self.begun = 0
        self.closed = 0

    async def give(self) -> AsyncIterator[Any]:
        """Whatever comes; an exception is raised, None is the end."""
        self.begun += 1
        try:
            while (one := await self.items.get()) is not None:
                if isinstance(one, BaseException):
                    raise one
                yield one
        finally:
            await asyncio.sleep(0)
            self.closed += 1

    def put(self, *items: Any) -> None:
        for one in items:
            self.items.put_nowait(one)


@pytest.fixture
def source() -> Source:
    return Source()


# Giving


async def test_an_event_arrives_before_the_next_is_made(
    source: Source, ask: Ask, until: Until
) -> None:
    """Each is flushed at once, in a message of its own."""
    async with build(events=source.give) as app:
        wire = ask(app, "/events")
        for n in range(1, 4):
            source.put({"n": n})
            await until(lambda n=n: len(wire.sent) == n + 1)  # type: ignore[misc]  # of a loop
            assert wire.sent[n]["body"] == b'data: {"n":%d}\n\n' % n
            assert wire.sent[n]["more_body"]
        source.put(None)
        await wire.end()
        assert wire.is_whole
        assert wire.status == 200
        assert wire.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert wire.headers["cache-control"] == "no-store"
        assert "content-length" not in wire.headers
        check(app)
        streams = app.statistics().handlers["events"].streams
        assert (streams.finished, streams.active, source.closed) == (1, 0, 1)


async def test_where_a_client_was_is_told_to_the_handler(ask: Ask) -> None:
    """As it was given, whatever it holds; None for a client that is new."""
    seen: list[str | None] = []

    async def resume(last_event_id: str | None = None) -> AsyncIterator[Event]:
        seen.append(last_event_id)
        yield Event("x", id=last_event_id)

    async with build(events=resume) as app:
        given = 'a,b;c="d" %41+1=2'
        first = await ask(app, "/events", last_event_id=given).end()
        await ask(app, "/events").end()
        assert seen == [given, None]
        assert first.body == b"id: %s\ndata: x\n\n" % given.encode()


async def test_silence_is_filled_with_comments(source: Source, ask: Ask, until: Until) -> None:
    """On a stream of events, and as soon as there is one again, with events."""
    limits = Limits(heartbeat=0.005, open_after=0.001, stream_timeout=0.01)
    async with build(events=source.give, limits=limits) as app:
        wire = ask(app, "/events")
        await until(lambda: wire.body.count(b":\n\n") >= 4)  # longer than any other may be silent
        source.put("x", None)
        await wire.end()
        assert wire.body.replace(b":\n\n", b"") == b"data: x\n\n"


async def test_a_stream_of_events_is_opened_though_nothing_comes(
    source: Source, ask: Ask, until: Until
) -> None:
    """Its client knows that it is connected."""
    async with build(events=source.give, limits=Limits(open_after=0.001)) as app:
        wire = ask(app, "/events")
        await until(lambda: wire.sent)
        assert (wire.status, wire.body) == (200, b"")


async def test_what_fails_before_the_first_item_has_its_own_status(ask: Ask) -> None:
    """As if nothing were a stream: 404, 500, and 503 of the handler's own."""

    async def nowhere() -> AsyncIterator[Any]:
        raise NotFound("no such feed")
        yield

    async def explode() -> AsyncIterator[Any]:
        raise ValueError("secret")
        yield

    async def give_up() -> AsyncIterator[Any]:
        raise asyncio.CancelledError
        yield

    async def wrong() -> AsyncIterator[Any]:
        yield {"n": "not a number"}

    functions: dict[str, Any] = {
        "events": nowhere,
        "lines": wrong,
        "both": explode,
        "bytes": give_up,
    }
    async with build(**functions) as app:
        assert (await ask(app, "/events").end()).status == 404
        for target in ("/lines", "/both", "/bytes"):
            wire = await ask(app, target).end()
            assert (wire.status, b"secret" in wire.body, wire.is_whole) == (500, False, True)
            assert len(wire.sent) == 2
        await turns()
        check(app)
        ends = {name: one.streams for name, one in app.statistics().handlers.items()}
        assert (ends["events"].finished, ends["lines"].failed, ends["both"].failed) == (1, 1, 1)
        assert ends["bytes"].cancelled == 1


async def test_a_head_that_breaks_the_document_has_failed(ask: Ask) -> None:
    """A status, a type or a length that cannot be: 500, and the generator is closed."""
    closed: list[int] = []

    async def give() -> AsyncIterator[bytes]:
        try:
            yield b"x"
        finally:
            closed.append(1)

    replies: list[Any] = [
        Reply(give(), status=299),
        Reply(give(), media_type="text/csv"),
        Reply(give(), headers={"Content-Length": "-1"}),
        Reply(give(), headers={"Content-Length": "ten"}),
        Reply(give(), status=204),
    ]

    async def reply() -> Any:
        return replies.pop()

    async with build(bytes=reply) as app:
        for _ in range(5):
            assert (await ask(app, "/bytes").end()).status == 500
        await turns()
        streams = app.statistics().total.streams
        assert (streams.failed, streams.active, len(closed)) == (5, 0, 5)


async def test_the_first_byte_has_a_deadline(source: Source, ask: Ask, until: Until) -> None:
    """504, and the generator is closed; events may be silent as long as they like."""
    limits = Limits(timeout=0.02, open_after=0.01)
    async with build(lines=source.give, events=source.give, limits=limits) as app:
        assert (await ask(app, "/lines").end()).status == 504
        await until(lambda: source.closed)
        assert app.statistics().handlers["lines"].streams.timed_out == 1
        wire = ask(app, "/events")
        await asyncio.sleep(0.04)
        source.put("late", None)
        assert (await wire.end()).body == b"data: late\n\n"


async def test_the_deadline_counts_from_the_acceptance(source: Source, ask: Ask) -> None:
    """What the handler took before it returned its stream is taken off."""

    async def slow() -> Any:
        await asyncio.sleep(0.03)
        return source.give()

    async with build(lines=slow, limits=Limits(timeout=0.05)) as app:
        began = asyncio.get_running_loop().time()
        assert (await ask(app, "/lines").end()).status == 504
        assert asyncio.get_running_loop().time() - began < 0.5


async def test_a_stream_that_makes_no_progress_is_cut(
    source: Source, ask: Ask, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """After the first item there is a time for each; the connection ends visibly."""
    async with build(lines=source.give, limits=Limits(stream_timeout=0.02)) as app:
        wire = ask(app, "/lines")
        source.put({"n": 1})
        with pytest.raises(StreamBroken):
            await wire.end()
        assert wire.body == b'{"n":1}\n'
        assert not wire.is_whole
        await until(lambda: source.closed)
        assert app.statistics().total.streams.timed_out == 1
        assert "made no progress for 0.02 s" in caplog.text


async def test_a_slow_reader_slows_the_handler_and_is_cut_in_the_end(
    ask: Ask, until: Until
) -> None:
    """The generator is not asked meanwhile; also one whose events nobody takes."""
    asked, closed = [], []

    async def flood() -> AsyncIterator[Any]:
        try:
            while True:
                asked.append(1)
                yield {"n": 1}
        finally:
            closed.append(1)

    async with build(lines=flood, events=flood, limits=Limits(stream_timeout=0.05)) as app:
        for target in ("/lines", "/events"):
            wire = ask(app, target)
            wire.takes.clear()
            await turns(50)
            assert len(asked) <= 2  # one that is being sent, one that waits
            wire.takes.set()
            await until(lambda: len(asked) > 20)
            wire.takes.clear()
            await turns()
            before = len(asked)
            with pytest.raises(StreamBroken):
                await wire.end()
            assert len(asked) <= before + 1
            assert not wire.is_whole
            asked.clear()
        await until(lambda: len(closed) == 2)
        assert app.statistics().total.streams.timed_out == 2


# Clients that leave


async def test_a_client_that_leaves_closes_its_generator(
    source: Source, ask: Ask, until: Until
) -> None:
    """While it waits for the first item, for the next one, or for the client; nothing fails."""
    functions: dict[str, Any] = dict.fromkeys(("events", "postEvents", "lines"), source.give)
    async with build(**functions) as app:
        for target, method in (("/events", "GET"), ("/events", "POST"), ("/lines", "GET")):
            for given in (0, 1):
                closed = source.closed
                wire = ask(app, target, method)
                await until(lambda: source.begun == closed + 1)  # noqa: B023
                source.put(*[{"n": 1}] * given)
                await until(lambda: len(wire.sent) >= given + 1 or not given)  # noqa: B023
                wire.has_gone.set()
                await wire.end()
                await until(lambda: source.closed == closed + 1)  # noqa: B023
                assert not wire.sent or not wire.is_whole
        await turns()
        check(app)
        assert app.statistics().total.streams.cancelled == 6


async def test_a_client_that_cannot_be_sent_to_has_left(
    source: Source, ask: Ask, until: Until
) -> None:
    """Servers may say so by an OSError (ASGI, since 2.4)."""
    async with build(lines=source.give) as app:
        wire = ask(app, "/lines")
        wire.fails = OSError("gone")
        source.put({"n": 1})
        await wire.end()
        await until(lambda: source.closed)
        assert app.statistics().total.streams.cancelled == 1


async def test_a_server_that_cancels_the_exchange_ends_the_stream(
    source: Source, ask: Ask, until: Until
) -> None:
    """And gets its cancellation."""
    async with build(lines=source.give) as app:
        for given in (0, 1):
            wire = ask(app, "/lines")
            await until(lambda: source.begun == given + 1)  # noqa: B023
            source.put(*[{"n": 1}] * given)
            await until(lambda: len(wire.sent) >= 2 or not given)  # noqa: B023
            wire.task.cancel()
            await asyncio.wait([wire.task])
            assert wire.task.cancelled()
            await until(lambda: source.closed == given + 1)  # noqa: B023


async def test_a_client_that_left_a_slow_handler_gets_no_stream(ask: Ask, until: Until) -> None:
    """An unsafe method finishes, and what it gives is closed."""
    gate, begun = asyncio.Event(), asyncio.Event()
    made: list[Any] = []

    async def late() -> Any:
        async def give() -> AsyncIterator[str]:
            yield "never"

        begun.set()
        await gate.wait()
        made.append(give())
        return made[0]

    async with build(postEvents=late, limits=Limits(disconnect_after=0.001)) as app:
        wire = ask(app, "/events", "POST")
        await begun.wait()
        wire.has_gone.set()
        await wire.end()
        gate.set()
        await until(lambda: made and made[0].ag_frame is None)
        assert app.statistics().total.streams.started == 0


# Ends that are none


async def test_a_failure_in_mid_stream_is_visible(
    ask: Ask, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """The server is told, the log says why, the response has no end."""

    async def explode() -> AsyncIterator[Any]:
        yield {"n": 1}
        raise ValueError("secret")

    async with build(lines=explode, events=explode) as app:
        for target in ("/lines", "/events"):
            wire = ask(app, target)
            with pytest.raises(StreamBroken):
                await wire.end()
            assert (wire.status, wire.is_whole) == (200, False)
            assert b"secret" not in wire.body
        assert caplog.text.count("ValueError: secret") == 2
        await turns()
        assert app.statistics().total.streams.failed == 2


@pytest.mark.parametrize(("mode", "is_whole"), [("strict", False), ("warn", True), ("off", True)])
async def test_an_item_that_breaks_its_schema(
    ask: Ask, caplog: pytest.LogCaptureFixture, mode: str, is_whole: bool
) -> None:
    """It is never sent in strict mode; in others it is, with a warning or without."""

    async def give() -> AsyncIterator[Any]:
        for one in ({"n": 1}, {"n": 2}, {"n": "three"}, {"n": 4}):
            yield one

    async with build(lines=give, mode=mode) as app:
        wire = ask(app, "/lines")
        await asyncio.wait([wire.task])
        assert isinstance(wire.task.exception(), StreamBroken) == (not is_whole)
        assert wire.is_whole == is_whole
        assert [json.loads(one) for one in wire.body.splitlines()] == (
            [{"n": 1}, {"n": 2}, *([{"n": "three"}, {"n": 4}] if is_whole else [])]
        )
        assert ("three" in caplog.text) == (mode != "off")
        await turns()
        streams = app.statistics().total.streams
        assert (streams.failed, streams.finished) == ((0, 1) if is_whole else (1, 0))


async def test_the_last_item_may_be_the_wrong_one(ask: Ask) -> None:
    """Also when the handler has given everything already."""

    async def give() -> AsyncIterator[Any]:
        yield {"n": 1}
        yield {}

    async with build(lines=give) as app:
        wire = ask(app, "/lines")
        await asyncio.wait([wire.task])
        assert isinstance(wire.task.exception(), StreamBroken)
        await turns()
        assert (app.statistics().total.streams.failed, app.statistics().total.streams.active) == (
            1,
            0,
        )
        check(app)


@pytest.mark.parametrize(("length", "is_whole"), [(6, True), (7, False), (5, False), (0, False)])
async def test_a_length_that_was_announced_is_kept(ask: Ask, length: int, is_whole: bool) -> None:
    """Shorter or longer, the connection ends; no byte too much is sent."""

    async def give() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"

    async def reply() -> Any:
        return Reply(give(), headers={"Content-Length": str(length)})

    async with build(bytes=reply) as app:
        wire = ask(app, "/bytes")
        await asyncio.wait([wire.task])
        if length == 0:  # found out before anything was sent
            assert wire.status == 500
            return
        assert (wire.task.exception() is None) == is_whole
        assert wire.headers["content-length"] == str(length)
        assert (wire.is_whole, len(wire.body) <= length) == (is_whole, True)
        await turns()
        assert app.statistics().total.streams.failed == (not is_whole)


# What goes out


async def test_a_head_request_gets_the_head(source: Source, ask: Ask, until: Until) -> None:
    """No body, the generator is closed, the length is told where it is known."""

    async def reply() -> Any:
        return Reply(source.give(), headers={"Content-Length": "3", "X-Own": "1"}, status=202)

    async with build(bytes=reply, events=source.give) as app:
        source.put(b"abc")
        wire = await ask(app, "/bytes", "HEAD").end()
        assert (wire.status, wire.body, wire.is_whole) == (202, b"", True)
        assert (wire.headers["content-length"], wire.headers["x-own"]) == ("3", "1")
        await until(lambda: source.closed == 1)
        wire = await ask(app, "/events", "HEAD").end()
        assert (wire.status, wire.body) == (200, b"")
        await until(lambda: source.closed == 2)


async def test_the_client_chooses_between_lines_and_events(ask: Ask) -> None:
    """The same handler gives both, and what depends on Accept says so."""

    async def give() -> AsyncIterator[Any]:
        yield {"n": 1}

    async with build(both=give) as app:
        lines = await ask(app, "/both", accept=LINES).end()
        assert (lines.body, lines.headers["vary"]) == (b'{"n":1}\n', "Accept")
        events = await ask(app, "/both", accept=EVENTS).end()
        assert (events.body, events.headers["vary"]) == (b'data: {"n":1}\n\n', "Accept")
        assert (await ask(app, "/both").end()).body == lines.body
        assert (await ask(app, "/both", accept="image/png").end()).status == 406


async def test_text_is_sent_in_its_charset(ask: Ask) -> None:
    """That of the media type."""

    async def give() -> AsyncIterator[str | bytes]:
        yield "gr\u00fc\u00df"
        yield b"e"

    async with build(text=give) as app:
        wire = await ask(app, "/text").end()
        assert wire.body == "gr\u00fc\u00dfe".encode("latin-1")
        assert wire.headers["content-type"] == "text/plain; charset=latin-1"


async def test_a_generator_has_the_context_of_its_request(ask: Ask) -> None:
    """What middleware has set is there, from the first item on."""

    async def give() -> AsyncIterator[str]:
        yield color.get()
        await asyncio.sleep(0)
        yield color.get()

    async with build(text=give) as app:

        async def middleware(*arguments: Any) -> None:
            color.set("blue")
            await app(*arguments)

        assert (await ask(middleware, "/text").end()).body == b"blueblue"


def test_a_generator_for_what_must_be_whole_is_refused_at_build() -> None:
    """With the cure; where there is something else that is given bit by bit it is taken."""

    async def give() -> AsyncIterator[int]:
        yield 1

    paths = {"/x": {"get": item("x", "application/json")}}
    handlers = Handlers()
    handlers("x")(give)
    with pytest.raises(SpecError, match="declare text/event-stream"):
        App(DOCUMENT | {"paths": paths}, handlers)
    build(mixed=give)


def test_x_sse_is_true_or_false() -> None:
    """Anything else is a fault."""
    paths = {"/x": {"get": item("x", "application/json") | {"x-sse": "yes"}}}
    with pytest.raises(SpecError, match="write true or false"):
        App(DOCUMENT | {"paths": paths}, missing="501")


# Starlette's responses


async def test_a_response_of_starlette_is_a_stream_of_ours(
    source: Source, ask: Ask, until: Until
) -> None:
    """It is sent as it is, counted, and its background task runs when all was sent."""
    done: list[str] = []

    async def respond() -> StreamingResponse:
        task = BackgroundTask(done.append, "done")
        headers = {"X-Own": "1"}
        return StreamingResponse(
            source.give(), headers=headers, media_type="application/octet-stream", background=task
        )

    async with build(bytes=respond) as app:
        wire = ask(app, "/bytes")
        source.put(b"a", "\u00fc", memoryview(b"b"))
        await until(lambda: len(wire.sent) == 4)
        assert (app.statistics().total.streams.active, done) == (1, [])
        source.put(None)
        await wire.end()
        assert (wire.body, wire.headers["x-own"]) == ("a\u00fcb".encode(), "1")
        assert done == ["done"]
        source.put(b"a", 7)
        wire = ask(app, "/bytes")
        with pytest.raises(StreamBroken):
            await wire.end()
        assert (wire.body, done) == (b"a", ["done"])
        wire = ask(app, "/bytes")
        wire.has_gone.set()
        await wire.end()
        await until(lambda: source.closed == 3)
        assert done == ["done"]


async def test_a_background_task_that_fails_is_not_a_client_that_left(ask: Ask) -> None:
    """An OSError of its own reaches the server's log."""

    def fail() -> None:
        raise FileNotFoundError("no such file")

    async def give() -> AsyncIterator[bytes]:
        yield b"x"

    async def respond() -> StreamingResponse:
        media_type = "application/octet-stream"
        return StreamingResponse(give(), media_type=media_type, background=BackgroundTask(fail))

    async with build(bytes=respond) as app:
        wire = ask(app, "/bytes")
        with pytest.raises(FileNotFoundError):
            await wire.end()
        assert wire.is_whole


async def test_a_text_that_its_charset_does_not_know_breaks_the_contract(ask: Ask) -> None:
    """500 before anything was sent, as for whatever a response cannot give."""

    async def respond() -> StreamingResponse:
        async def give() -> AsyncIterator[Any]:
            yield "\ud800"

        return StreamingResponse(give(), media_type="application/octet-stream")

    async with build(bytes=respond) as app:
        assert (await ask(app, "/bytes").end()).status == 500
        await turns()
        assert app.statistics().total.streams.failed == 1


async def test_events_of_a_response_of_starlette_may_rest(source: Source, ask: Ask) -> None:
    """Its bytes are its own, so nothing is put in between; a change ends it in a clean way."""

    async def respond() -> StreamingResponse:
        return StreamingResponse(source.give(), media_type=EVENTS)

    limits = Limits(heartbeat=0.001, open_after=0.001, stream_timeout=0.001, grace=5.0)
    async with build(events=respond, limits=limits) as app:
        wire = ask(app, "/events")
        await asyncio.sleep(0.02)
        source.put(b"data: x\n\n")
        await asyncio.sleep(0.02)
        await asyncio.wait_for(app.remove("events"), 2)
        assert (await wire.end()).body == b"data: x\n\n"
        assert wire.is_whole


# Changes and stops


async def change(app: App, kind: str) -> None:
    """Make a change that displaces the handlers, or stop."""
    if kind == "aclose":
        await app.aclose()
    elif kind == "reload":
        await app.reload(handlers=Handlers())
    else:
        for name in ("events", "lines"):
            await app.remove(name)


@pytest.mark.parametrize("kind", ["remove", "reload", "aclose"])
@pytest.mark.parametrize("given", [0, 1])
async def test_a_change_ends_events_at_once_and_whole(
    source: Source, ask: Ask, until: Until, kind: str, given: int
) -> None:
    """With a hint when to come back; the grace is not waited for."""
    limits = Limits(grace=30.0, retry_after=2, open_after=0.01)
    async with build(events=source.give, limits=limits) as app:
        wire = ask(app, "/events")
        source.put(*["x"] * given)
        await until(lambda: len(wire.sent) == 1 + given)
        await asyncio.wait_for(change(app, kind), 5)
        await wire.end()
        *events, retry, end = wire.body.decode().split("\n\n")
        assert (events, end, wire.is_whole) == (["data: x"] * given, "", True)
        assert 2_000 <= int(retry.removeprefix("retry: ")) <= 4_000
        assert source.closed == 1
        check(app)


@pytest.mark.parametrize("kind", ["remove", "reload", "aclose"])
async def test_any_other_stream_is_finished_under_grace(
    source: Source, ask: Ask, until: Until, kind: str
) -> None:
    """It loses nothing."""
    async with build(lines=source.give, events=source.give, limits=Limits(grace=30.0)) as app:
        wire = ask(app, "/lines")
        source.put({"n": 1})
        await until(lambda: len(wire.sent) == 2)
        changing = asyncio.create_task(change(app, kind))
        await asyncio.sleep(0.01)
        assert not changing.done()
        source.put({"n": 2}, None)
        await wire.end()
        assert (wire.body, wire.is_whole) == (b'{"n":1}\n{"n":2}\n', True)
        await asyncio.wait_for(changing, 5)


@pytest.mark.parametrize("kind", ["remove", "reload", "aclose"])
async def test_what_is_not_finished_then_is_cut_visibly(
    source: Source, ask: Ask, until: Until, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also a stream of events whose client does not come back by itself."""
    limits = Limits(grace=0.02, cancel_wait=1.0)
    functions = dict.fromkeys(("lines", "postEvents", "events"), source.give)
    async with build(**functions, limits=limits) as app:
        wires = [ask(app, "/lines"), ask(app, "/events", "POST")]
        source.put({"n": 1}, {"n": 2})
        await until(lambda: all(len(one.sent) == 2 for one in wires))
        await change(app, kind)
        if kind == "remove":
            await app.remove("postEvents")
        for one in wires:
            with pytest.raises(StreamBroken):
                await one.end()
            assert not one.is_whole
        assert source.closed == 2
        assert "the grace is over" in caplog.text


async def test_a_stop_gives_a_slow_reader_its_last_event(ask: Ask, until: Until) -> None:
    """What was in hand when the app stopped is still sent, and the hint, if it is taken."""

    async def flood() -> AsyncIterator[str]:
        while True:
            yield "x"

    async with build(events=flood) as app:
        wire = ask(app, "/events")
        await until(lambda: len(wire.sent) > 2)
        wire.takes.clear()
        await turns()
        stopping = asyncio.create_task(app.aclose())
        await turns()
        wire.takes.set()
        await wire.end()
        await stopping
        assert wire.is_whole
        assert b"retry: " in wire.body


async def test_events_that_come_while_their_handler_retires_end_at_once(
    source: Source, ask: Ask, until: Until
) -> None:
    """A job that was accepted before opens its stream after: 200, and the hint."""
    gate, begun = asyncio.Event(), asyncio.Event()

    async def late() -> Any:
        begun.set()
        await gate.wait()
        return source.give()

    async with build(events=late, limits=Limits(grace=30.0, open_after=0.01)) as app:
        wire = ask(app, "/events")
        await begun.wait()
        removing = asyncio.create_task(app.remove("events"))
        await turns()
        gate.set()
        await wire.end()
        assert (wire.status, wire.is_whole) == (200, True)
        assert wire.body.startswith(b"retry: ")
        await asyncio.wait_for(removing, 5)


async def test_clients_are_sent_away_before_a_stop(source: Source, ask: Ask, until: Until) -> None:
    """Events end; other streams and requests go on."""
    functions: dict[str, Any] = {"events": source.give, "lines": source.give}
    async with build(**functions, limits=Limits(open_after=0.001)) as app:
        events = ask(app, "/events")
        await until(lambda: events.sent)
        app.send_away()
        assert b"retry: " in (await events.end()).body
        lines = ask(app, "/lines")
        source.put({"n": 1}, None)
        assert (await lines.end()).is_whole
    app.send_away()  # nobody is there any more


async def test_a_generator_replaces_its_own_handler(ask: Ask) -> None:
    """It waits for nobody, gives on, and the next client meets the new one."""

    async def new() -> AsyncIterator[Any]:
        yield {"n": 9}

    async def old() -> AsyncIterator[Any]:
        yield {"n": 1}
        await app.replace("lines", new)
        yield {"n": 2}

    async with build(lines=old) as app:
        assert (await ask(app, "/lines").end()).body == b'{"n":1}\n{"n":2}\n'
        assert (await ask(app, "/lines").end()).body == b'{"n":9}\n'


async def test_a_generator_stops_the_app(ask: Ask) -> None:
    """It does not wait for its own end."""

    async def stop() -> AsyncIterator[Any]:
        yield {"n": 1}
        await app.aclose()
        yield {"n": 2}

    app = build(lines=stop, limits=Limits(grace=5.0))
    async with app:
        assert (await asyncio.wait_for(ask(app, "/lines").end(), 3)).is_whole
    assert app.statistics().total.streams.finished == 1


# Limits and figures


async def test_streams_starve_no_ordinary_request(source: Source, ask: Ask, until: Until) -> None:
    """With every stream taken, one more is told when to come back, and what is whole is served."""
    wants: list[bool] = []

    async def mixed() -> Any:
        return source.give() if wants.pop(0) else {"whole": True}

    limits = Limits(streams=2, workers=1, retry_after=3, grace=0.01)
    async with build(mixed=mixed, limits=limits) as app:
        wants += [True, True, True, False, True]
        wires = [ask(app, "/mixed", accept=LINES) for _ in range(2)]
        await until(lambda: source.begun == 2)
        refused = await ask(app, "/mixed", accept=LINES).end()
        assert (refused.status, refused.headers["retry-after"]) == (503, "3")
        whole = await ask(app, "/mixed", accept="application/json").end()
        assert (whole.status, whole.body) == (200, b'{"whole":true}')
        wires[0].has_gone.set()
        await until(lambda: source.closed == 1)
        again = ask(app, "/mixed", accept=LINES)
        await until(lambda: source.begun == 3)
        assert not again.task.done()
        streams = app.statistics().handlers["mixed"].streams
        assert (streams.refused, streams.peak, streams.active, streams.started) == (1, 2, 2, 3)
        check(app)


async def test_all_streams_of_an_app_are_limited(source: Source, ask: Ask, until: Until) -> None:
    """Those of one handler leave no room to those of another."""
    functions: dict[str, Any] = {"events": source.give, "lines": source.give}
    async with build(**functions, limits=Limits(max_streams=1)) as app:
        ask(app, "/events")
        await until(lambda: source.begun)
        assert (await ask(app, "/lines").end()).status == 503


async def test_health_tells_of_streams_and_background_tasks(
    source: Source, ask: Ask, until: Until
) -> None:
    """How many there are now."""
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()

    async def both(background: Background) -> AsyncIterator[Any]:
        background.start(work())
        async for one in source.give():
            yield one

    async with build(both=both) as app:
        wire = ask(app, "/both")
        source.put("x")
        await until(lambda: len(wire.sent) == 2)
        health = json.loads((await ask(app, "/health").end()).body)
        assert (health["streams"], health["background"], health["busy"]) == (1, 1, 0)
        assert app.background.statistics().active == 1
        gate.set()
        source.put(None)
        await wire.end()
        await until(lambda: not app.statistics().background.active)
        health = json.loads((await ask(app, "/health").end()).body)
        assert (health["streams"], health["background"]) == (0, 0)


# Files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "letters.bin"
    path.write_bytes(b"abcdefghij")
    return path


async def test_a_file_is_sent_in_ranges(file: Path, client: Connect) -> None:
    """206 for one and for several, 416 for none that is there, 200 for one that is not meant."""

    async def give() -> FileResponse:
        return FileResponse(file, media_type="application/octet-stream")

    asking = await client(build(bytes=give))
    whole = await asking.get("/bytes")
    assert (whole.status_code, whole.content) == (200, b"abcdefghij")
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", "10")
    part = await asking.get("/bytes", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"cde")
    assert part.headers["content-range"] == "bytes 2-4/10"
    last = await asking.get("/bytes", headers={"Range": "bytes=-3"})
    assert last.content == b"hij"
    parts = await asking.get("/bytes", headers={"Range": "bytes=0-1,5-6"})
    assert parts.status_code == 206
    assert parts.headers["content-type"].startswith("multipart/byteranges")
    assert b"ab" in parts.content
    assert b"fg" in parts.content
    beyond = await asking.get("/bytes", headers={"Range": "bytes=50-60"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")
    for validator in (whole.headers["etag"], whole.headers["last-modified"]):
        headers = {"Range": "bytes=0-0", "If-Range": validator}
        assert (await asking.get("/bytes", headers=headers)).status_code == 206
    headers = {"Range": "bytes=0-0", "If-Range": '"another"'}
    assert (await asking.get("/bytes", headers=headers)).status_code == 200


async def test_a_file_that_the_client_has_is_not_sent(file: Path, client: Connect) -> None:
    """304 by its ETag or its date, for GET and HEAD; else all of it. Background tasks run."""
    done: list[int] = []

    async def give() -> FileResponse:
        task = BackgroundTask(done.append, 1)
        return FileResponse(file, media_type="application/octet-stream", background=task)

    asking = await client(build(bytes=give))
    head = await asking.head("/bytes")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")
    etag, date = head.headers["etag"], head.headers["last-modified"]
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": f'"x", W/{etag}'}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-Modified-Since": date}, 304),
        ({"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": date}, 200),
        ({"If-None-Match": etag, "Range": "bytes=0-1"}, 304),
    ):
        for method in ("GET", "HEAD"):
            answer = await asking.request(method, "/bytes", headers=headers)
            assert answer.status_code == status, headers
            assert answer.content == (b"abcdefghij" if (method, status) == ("GET", 200) else b"")
            assert answer.headers["etag"] == etag
    assert len(done) == 15


async def test_a_file_that_is_not_there_tells_nothing(tmp_path: Path, client: Connect) -> None:
    """500 without its name, also for a folder, and whatever the client has."""
    paths = [tmp_path / "secret", tmp_path]

    async def give() -> FileResponse:
        return FileResponse(paths[0], media_type="application/octet-stream")

    asking = await client(build(bytes=give))
    for _ in range(2):
        answer = await asking.get("/bytes", headers={"If-None-Match": "*"})
        assert (answer.status_code, "secret" in answer.text) == (500, False)
        assert answer.headers["content-type"] == "application/problem+json"
        paths.pop(0)
        paths.append(tmp_path)


async def test_a_file_with_another_status_or_method_is_sent(file: Path, ask: Ask) -> None:
    """Conditions are about what a GET would have (RFC 9110, section 13.2.1)."""

    async def later() -> FileResponse:
        return FileResponse(file, status_code=202, media_type="application/octet-stream")

    found = os.stat(file)  # noqa: PTH116 - what is given to Starlette

    async def known() -> FileResponse:
        return FileResponse(file, stat_result=found, media_type="application/octet-stream")

    async with build(bytes=later, upload=known) as app:
        assert (await ask(app, "/bytes", if_none_match="*").end()).status == 202
        await app.replace("bytes", known)
        wire = await ask(app, "/bytes", if_none_match="*").end()
        assert wire.status == 304


async def test_a_client_that_takes_nothing_of_a_file_is_let_go(file: Path, ask: Ask) -> None:
    """As of any stream: the connection ends visibly."""

    async def give() -> FileResponse:
        return FileResponse(file, media_type="application/octet-stream")

    async with build(bytes=give, limits=Limits(stream_timeout=0.03)) as app:
        wire = ask(app, "/bytes")
        wire.takes.clear()
        with pytest.raises(NothingTaken, match=r"took nothing for 0\.03 s"):
            await wire.end()
        assert not wire.sent


async def test_a_server_that_cancels_a_file_gets_its_cancellation(file: Path, ask: Ask) -> None:
    """It is not taken for a client that takes nothing."""

    async def give() -> FileResponse:
        return FileResponse(file, media_type="application/octet-stream")

    async with build(bytes=give) as app:
        wire = ask(app, "/bytes")
        wire.takes.clear()
        await asyncio.sleep(0.02)
        wire.task.cancel()
        await asyncio.wait([wire.task])
        assert wire.task.cancelled()


# Uploads


async def test_a_generator_reads_an_upload_after_its_handler_has_returned(
    client: Connect, until: Until
) -> None:
    """The file is open as long as the stream is, and closed then."""
    files: list[UploadFile] = []

    async def give(body: dict[str, Any] | None = None) -> AsyncIterator[bytes]:
        assert body is not None
        file: UploadFile = body["file"]
        files.append(file)
        await asyncio.sleep(0.01)
        while piece := await file.read(4):
            assert not file.file.closed
            yield piece

    asking = await client(build(upload=give, limits=Limits(spool_size=2, cancel_wait=1.0)))
    answer = await asking.post("/upload", files={"file": ("a.bin", b"0123456789")})
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    await until(lambda: files[0].file.closed)


# In other apps


@pytest.mark.parametrize("host", ["starlette", "fastapi"])
async def test_streams_work_in_other_apps(host: str, source: Source, client: Connect) -> None:
    """Mounted under a path."""

    async def give() -> AsyncIterator[Any]:
        yield "x"

    app = build(events=give)
    outer: Any = (
        Starlette(routes=[Mount("/api", app)], lifespan=app.lifespan)
        if host == "starlette"
        else FastAPI(lifespan=app.lifespan)
    )
    if host == "fastapi":
        outer.mount("/api", app)
    async with app:
        asking = await client(outer, lifespan=False)
        answer = await asking.get("/api/events")
        assert answer.content == b"data: x\n\n"


# On real servers


@pytest.fixture(params=["httptools", "h11"])
def protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@asynccontextmanager
async def serving(app: App, protocol: Any) -> AsyncIterator[tuple[str, int]]:
    """The app on a loopback port."""
    config = uvicorn.Config(app, http=protocol, log_config=None, lifespan="on", ws="none")
    config.timeout_graceful_shutdown = 2
    server, listener = uvicorn.Server(config), bind("127.0.0.1", 0)
    task = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.001)
        yield listener.getsockname()
    finally:
        server.should_exit = True
        await task


def request(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


async def test_each_event_is_on_the_wire_before_the_next(source: Source, protocol: str) -> None:
    """The head too, where nothing has come yet; and the end is that of a chunked body."""
    app = build(events=source.give, limits=Limits(open_after=0.01, cancel_wait=1.0))
    async with serving(app, protocol) as place, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*place)
        writer.write(request("/events"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"text/event-stream" in head
        for n in range(3):
            source.put(f"event {n}")
            await reader.readuntil(b"data: event %d\n\n" % n)
        source.put(None)
        await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.close()


async def test_a_client_that_hangs_up_is_noticed(
    source: Source, protocol: str, until: Until
) -> None:
    """Its generator is closed although it waits."""
    app = build(events=source.give, limits=Limits(cancel_wait=1.0))
    async with serving(app, protocol) as place, asyncio.timeout(10):
        _, writer = await asyncio.open_connection(*place)
        writer.write(request("/events"))
        await until(lambda: source.begun)
        writer.transport.abort()
        await until(lambda: source.closed)
        await until(lambda: app.statistics().total.streams.cancelled == 1)


async def test_a_failure_in_mid_stream_ends_the_connection(
    protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No final chunk by hand, an error for httpx: a part never looks like the whole."""
    gate = asyncio.Event()

    async def explode() -> AsyncIterator[Any]:
        yield {"n": 1}
        await gate.wait()
        raise ValueError("secret")

    async def short() -> Any:
        async def give() -> AsyncIterator[bytes]:
            yield b"abc"

        return Reply(give(), headers={"Content-Length": "10"})

    app = build(lines=explode, bytes=short)
    async with serving(app, protocol) as place, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*place)
        writer.write(request("/lines"))
        await reader.readuntil(b'{"n":1}\n')
        gate.set()
        rest = await reader.read()
        assert b"0\r\n\r\n" not in rest
        writer.close()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{place[1]}") as asking:
            for target in ("/lines", "/bytes"):
                with pytest.raises(httpx.RemoteProtocolError):
                    await asking.get(target)
    assert "ValueError: secret" in caplog.text


async def test_a_client_that_does_not_read_costs_little(
    protocol: str, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """What is made is what fits into the buffers; then nothing is asked, and in the end it is cut.

    A socket whose buffer is small, and a mebibyte in each piece that nobody reads.
    """
    made: list[int] = []
    closed = asyncio.Event()

    async def flood() -> AsyncIterator[bytes]:
        try:
            while True:
                made.append(1)
                yield bytes(1 << 20)
        finally:
            closed.set()

    app = build(bytes=flood, limits=Limits(stream_timeout=0.3, cancel_wait=1.0))
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        async with serving(app, protocol) as place, asyncio.timeout(20):
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                client.connect(place)
                client.sendall(request("/bytes"))
                await asyncio.wait_for(closed.wait(), 10)
                assert len(made) < 20
                await until(lambda: app.statistics().total.streams.timed_out == 1)


async def test_a_server_that_stops_ends_events_first(source: Source, protocol: str) -> None:
    """`send_away` before the stop: a clean end with the hint, and nobody waits for the grace."""
    app = build(events=source.give, limits=Limits(open_after=0.01, grace=30.0))
    async with (
        serving(app, protocol) as place,
        asyncio.timeout(10),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{place[1]}") as asking,
        asking.stream("GET", "/events") as answer,
    ):
        app.send_away()
        assert b"retry: " in await answer.aread()
