"""Streams through the whole app: on time, whole or visibly broken, and owned to the end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from brrt import App, Event, Limits, NotFound, Problem, Reply, SpecError, UploadFile
from brrt.http.outflow import StreamBroken
from tests.conftest import Book, Call, Connect, Until, Wire

LINES, EVENTS, OCTETS, TEXT = (
    "application/jsonl",
    "text/event-stream",
    "application/octet-stream",
    "text/plain",
)
ITEM = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
Make = Callable[..., App]


@pytest.fixture
def make(book: Book) -> Make:
    """An app with one operation, `GET /a`, that answers with some media types."""

    def build(
        handler: Any, *kinds: str, options: dict[str, Any] | None = None, **members: Any
    ) -> App:
        content = {kind: {"schema": ITEM} if kind in (LINES, EVENTS) else {} for kind in kinds}
        responses = {"200": {"description": "ok", "content": content}}
        responses |= members.pop("responses", {})
        operation = book.operation("a", responses=responses, **members)
        return App(book.spec(a={"get": operation}), book.serve(a=handler), **(options or {}))

    return build


async def numbers() -> AsyncIterator[dict[str, int]]:
    """Three items."""
    for n in range(3):
        yield {"n": n}


def body(wire: Wire) -> bytes:
    """All that was sent as content."""
    return b"".join(one.get("body", b"") for one in wire.sent)


def is_whole(wire: Wire) -> bool:
    """Whether the end of the content was sent."""
    last: dict[str, Any] = wire.sent[-1]
    return last["type"] == "http.response.body" and not last.get("more_body", False)


async def answered(wire: Wire) -> int:
    """The status of an answer that is whole."""
    await asyncio.wait_for(wire.task, 10)
    assert is_whole(wire)
    status: int = wire.sent[0]["status"]
    return status


def ask(wire: Call, app: App, method: str = "GET", **headers: str) -> Wire:
    """Ask for the stream."""
    return wire(app, method, "/a", {k.replace("_", "-"): v for k, v in headers.items()}, body=b"")


# What is given


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (LINES, b'{"n":0}\n{"n":1}\n{"n":2}\n'),
        ("application/json-seq", b'\x1e{"n":0}\n\x1e{"n":1}\n\x1e{"n":2}\n'),
        (EVENTS, b'data: {"n":0}\n\ndata: {"n":1}\n\ndata: {"n":2}\n\n'),
    ],
)
async def test_items(client: Connect, wire: Call, make: Make, kind: str, expected: bytes) -> None:
    """One by one, as the media type has them; the connection tells where the end is."""
    app = make(numbers, kind)
    await client(app)
    request = ask(wire, app)
    assert await answered(request) == 200
    assert body(request) == expected
    headers = dict(request.sent[0]["headers"])
    assert headers[b"content-type"].startswith(kind.encode())
    assert b"content-length" not in headers


async def test_bytes_and_text(client: Connect, wire: Call, make: Make) -> None:
    """Bytes as they are, text in the charset of the media type."""

    async def pieces() -> AsyncIterator[Any]:
        yield "é"
        yield b"\xff"
        yield bytearray(b"!")

    app = make(pieces, "text/plain; charset=latin-1")
    await client(app)
    request = ask(wire, app)
    assert await answered(request) == 200
    assert body(request) == b"\xe9\xff!"


async def test_what_the_client_accepts(client: Connect, wire: Call, make: Make) -> None:
    """Of the media types that can be given bit by bit it has its choice."""
    app = make(numbers, "application/json", LINES, EVENTS)
    await client(app)
    for accept, kind in (
        (EVENTS, EVENTS),
        (LINES, LINES),
        ("*/*", LINES),
        ("application/json", LINES),
    ):
        request = ask(wire, app, accept=accept)
        assert await answered(request) == 200
        assert dict(request.sent[0]["headers"])[b"content-type"].startswith(kind.encode())
    assert await ask(wire, app, accept="image/png").status() == 406


async def test_a_reply_says_more(client: Connect, wire: Call, make: Make) -> None:
    """Status, headers, media type and length, of a coroutine that returns a generator."""

    async def handler() -> Reply[AsyncIterator[bytes]]:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"ab"
            yield b"cd"

        headers = {"Content-Length": "4", "X-Own": "1", "Cache-Control": "private"}
        return Reply(pieces(), status=206, headers=headers, media_type="image/png")

    app = make(handler, responses={"206": {"description": "", "content": {"image/*": {}}}})
    await client(app)
    request = ask(wire, app)
    assert await answered(request) == 206
    headers = dict(request.sent[0]["headers"])
    assert (headers[b"content-type"], headers[b"content-length"]) == (b"image/png", b"4")
    assert (headers[b"x-own"], headers[b"cache-control"]) == (b"1", b"private")
    assert body(request) == b"abcd"


async def test_head_is_told_the_headers(
    client: Connect, wire: Call, make: Make, until: Until
) -> None:
    """And the generator is closed."""
    closed: list[str] = []

    async def forever() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append("closed")

    app = make(forever, OCTETS)
    await client(app)
    request = ask(wire, app, "HEAD")
    assert await answered(request) == 200
    assert body(request) == b""
    await until(lambda: closed)


async def test_the_context_of_the_request(client: Connect, wire: Call, make: Make) -> None:
    """The generator runs in one task from first to last, and can have timeouts and task groups."""
    tasks: set[Any] = set()

    async def grouped() -> AsyncIterator[dict[str, int]]:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            waiting = group.create_task(asyncio.sleep(0))
            for n in range(2):
                tasks.add(asyncio.current_task())
                yield {"n": n}
                await waiting
            tasks.add(asyncio.current_task())

    app = make(grouped, LINES)
    await client(app)
    assert await answered(ask(wire, app)) == 200
    assert len(tasks) == 1


async def test_where_a_client_was(client: Connect, wire: Call, make: Make) -> None:
    """`Last-Event-ID` is a parameter of every operation that gives events, if wanted."""

    async def follow(last_event_id: int = 0) -> AsyncIterator[Event]:
        yield Event({"n": last_event_id + 1}, id=str(last_event_id + 1))

    app = make(follow, EVENTS)
    await client(app)
    for headers, n in (({}, b"1"), ({"last_event_id": "7"}, b"8")):
        request = ask(wire, app, **headers)
        assert await answered(request) == 200
        assert body(request) == b'id: %b\ndata: {"n":%b}\n\n' % (n, n)
    request = ask(wire, app, last_event_id="x")
    assert await answered(request) == 400
    assert b"Last-Event-ID" in body(request)


def test_hints_of_where_a_client_was(make: Make) -> None:
    """A text or a number, unless the document says what it is."""

    async def follow(last_event_id: list[int] | None = None) -> AsyncIterator[Any]:
        yield last_event_id

    with pytest.raises(SpecError, match="says nothing of it"):
        make(follow, EVENTS)


# Before the first item


@pytest.mark.parametrize("kind", [LINES, EVENTS])
async def test_an_error_before_the_first_item_has_its_status(
    client: Connect, wire: Call, make: Make, kind: str
) -> None:
    """As if the handler were an ordinary one."""

    async def missing() -> AsyncIterator[Any]:
        raise NotFound("no such thing")
        yield

    app = make(missing, kind)
    await client(app)
    assert await ask(wire, app).status() == 404
    now = app.statistics().handlers["a"].streams
    assert (now.started, now.finished, now.failed) == (1, 1, 0)


async def test_a_crash_before_the_first_item_is_opaque(
    client: Connect, wire: Call, make: Make
) -> None:
    """500, and the log knows why."""

    async def broken() -> AsyncIterator[Any]:
        raise RuntimeError("a secret")
        yield

    app = make(broken, LINES)
    await client(app)
    request = ask(wire, app)
    assert await request.status() == 500
    assert b"secret" not in body(request)
    assert app.statistics().total.streams.failed == 1


async def test_a_first_item_that_breaks_the_document(
    client: Connect, wire: Call, make: Make
) -> None:
    """Nothing was sent yet: it is a 500 like any other."""

    async def wrong() -> AsyncIterator[Any]:
        yield {"n": "text"}

    app = make(wrong, LINES)
    await client(app)
    assert await ask(wire, app).status() == 500


async def test_a_deadline_for_the_first_item(client: Connect, wire: Call, make: Make) -> None:
    """504 after `timeout`; the generator is closed."""
    closed: list[str] = []

    async def slow() -> AsyncIterator[Any]:
        try:
            await asyncio.Event().wait()
            yield {}
        finally:
            closed.append("closed")

    app = make(slow, LINES, options={"limits": Limits(timeout=0.02)})
    await client(app)
    assert await ask(wire, app).status() == 504
    assert closed
    assert app.statistics().total.streams.timed_out == 1


async def test_events_are_opened_without_one(
    client: Connect, wire: Call, make: Make, until: Until
) -> None:
    """After a moment; then silence is filled with comments."""
    gate = asyncio.Event()

    async def silent() -> AsyncIterator[Any]:
        await gate.wait()
        yield {"n": 1}

    limits = Limits(open_after=0.01, heartbeat=0.01, timeout=0.02)
    app = make(silent, EVENTS, options={"limits": limits})
    await client(app)
    request = ask(wire, app)
    await until(lambda: body(request).count(b":\n\n") > 2)
    gate.set()
    assert await answered(request) == 200
    assert body(request).endswith(b'data: {"n":1}\n\n')


# In the middle


async def broken_off(request: Wire) -> None:
    """The server is told that what was sent is not the whole."""
    with pytest.raises(StreamBroken):
        await asyncio.wait_for(request.task, 10)
    assert not is_whole(request)


async def test_a_failure_in_the_middle(
    client: Connect, wire: Call, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection ends without an end; the log says why, under the request's id."""

    async def broken() -> AsyncIterator[Any]:
        yield {"n": 1}
        raise RuntimeError("the disk")

    app = make(broken, LINES)
    await client(app)
    request = ask(wire, app, x_request_id="abc")
    await broken_off(request)
    assert body(request) == b'{"n":1}\n'
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "A stream of a broke off: it failed (request abc)" in record.getMessage()
    assert record.exc_info is not None
    assert app.statistics().total.streams.failed == 1


@pytest.mark.parametrize(("mode", "is_sent"), [("strict", False), ("warn", True), ("off", True)])
async def test_an_item_in_the_middle_that_breaks_the_document(
    client: Connect, wire: Call, make: Make, mode: str, is_sent: bool
) -> None:
    """It is never sent where answers are checked strictly."""

    async def wrong() -> AsyncIterator[Any]:
        yield {"n": 1}
        yield {"n": "text"}

    app = make(wrong, LINES, options={"validate_responses": mode})
    await client(app)
    request = ask(wire, app)
    if is_sent:
        assert await answered(request) == 200
    else:
        await broken_off(request)
        assert app.statistics().total.streams.failed == 1
    assert (b"text" in body(request)) is is_sent


@pytest.mark.parametrize(("length", "is_right"), [(3, False), (4, True), (5, False)])
async def test_a_length_is_kept(
    client: Connect, wire: Call, make: Make, length: int, is_right: bool
) -> None:
    """Neither more nor less is passed off as the whole."""

    async def handler() -> Reply[AsyncIterator[bytes]]:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"ab"
            yield b"cd"

        return Reply(pieces(), headers={"content-length": str(length)})

    app = make(handler, OCTETS)
    await client(app)
    request = ask(wire, app)
    if is_right:
        assert await answered(request) == 200
    else:
        await broken_off(request)
        assert len(body(request)) <= length


async def test_a_handler_that_stands_still(client: Connect, wire: Call, make: Make) -> None:
    """It is ended after `stream_timeout`."""

    async def still() -> AsyncIterator[Any]:
        yield {"n": 1}
        await asyncio.Event().wait()

    app = make(still, LINES, options={"limits": Limits(stream_timeout=0.02)})
    await client(app)
    await broken_off(ask(wire, app))
    assert app.statistics().total.streams.timed_out == 1


async def test_a_client_that_stands_still(client: Connect, make: Make, until: Until) -> None:
    """The handler is asked for no more than one item ahead, and then the client is let go."""
    asked, sent = 0, 0

    async def quick() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b"x"

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        nonlocal sent
        sent += message["type"] == "http.response.body"
        if sent == 3:
            await asyncio.Event().wait()

    app = make(quick, OCTETS, options={"limits": Limits(stream_timeout=0.02)})
    await client(app)
    scope = {"type": "http", "method": "GET", "path": "/a", "query_string": b"", "headers": []}
    with pytest.raises(StreamBroken):
        await app(scope, receive, send)
    await until(lambda: app.statistics().total.streams.active == 0)
    assert (sent, asked) == (3, 4)
    assert app.statistics().total.streams.timed_out == 1


@pytest.mark.parametrize("kind", [LINES, EVENTS])
async def test_a_client_that_leaves(
    client: Connect, wire: Call, make: Make, until: Until, kind: str, caplog: Any
) -> None:
    """Whatever the generator waits for, it is closed, and nothing is logged."""
    ended: list[str] = []

    async def watched() -> AsyncIterator[Any]:
        try:
            yield {"n": 1}
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        finally:
            ended.append("closed")

    app = make(watched, kind)
    await client(app)
    request = ask(wire, app)
    await until(lambda: body(request))
    request.hang_up()
    await asyncio.wait_for(request.task, 10)
    await until(lambda: ended == ["cancelled", "closed"])
    await until(lambda: app.statistics().total.streams.cancelled == 1)
    assert not [one for one in caplog.records if one.levelno > logging.INFO]


# Limits and figures


async def test_streams_have_a_limit_and_starve_nobody(
    client: Connect, wire: Call, make: Make, until: Until
) -> None:
    """One stream too many is refused; ordinary answers of the same handler go on."""

    async def either(n: int) -> Any:
        async def endless() -> AsyncIterator[Any]:
            yield {"n": n}
            await asyncio.Event().wait()

        return {"n": n} if n == 0 else endless()

    parameters = [{"name": "n", "in": "query", "required": True, "schema": {"type": "integer"}}]
    members = {"parameters": parameters, "x-brrt-streams": 2, "x-brrt-workers": 1}
    app = make(either, "application/json", LINES, **members)
    await client(app)
    open_ones = [wire(app, "GET", "/a?n=1", body=b"") for _ in range(2)]
    await until(lambda: all(map(body, open_ones)))
    refused = wire(app, "GET", "/a?n=1", body=b"")
    assert await refused.status() == 503
    assert (b"retry-after", b"1") in refused.sent[0]["headers"]
    assert await wire(app, "GET", "/a?n=0", body=b"").status() == 200
    now = app.statistics().handlers["a"]
    assert (now.busy, now.streams.active, now.streams.refused, now.streams.peak) == (0, 2, 1, 2)
    health = wire(app, "GET", "/health", body=b"")
    assert await health.status() == 200
    assert b'"streams":2' in body(health)
    for one in open_ones:
        one.hang_up()
        await asyncio.wait_for(one.task, 10)


async def test_a_limit_for_all_handlers(
    client: Connect, wire: Call, make: Make, until: Until
) -> None:
    """`max_streams` holds over a handler's own limit, and its places are given back."""

    async def endless() -> AsyncIterator[Any]:
        yield {"n": 1}
        await asyncio.Event().wait()

    app = make(endless, EVENTS, options={"limits": Limits(max_streams=1)})
    await client(app)
    for _ in range(3):
        first = ask(wire, app)
        await until(partial(body, first))
        assert await ask(wire, app).status() == 503
        first.hang_up()
        await asyncio.wait_for(first.task, 10)
        await until(lambda: app.statistics().total.streams.active == 0)


def test_a_generator_where_the_document_wants_a_whole(make: Make) -> None:
    """It is a fault when the app is built, with a cure."""
    with pytest.raises(SpecError, match="async generator"):
        make(numbers, "application/json")


# Files


async def test_a_file_is_there_as_long_as_the_stream_reads_it(client: Connect, book: Book) -> None:
    """An upload is closed when the stream that gives it back has ended, not before."""
    files: list[UploadFile] = []

    async def echo(file: UploadFile) -> AsyncIterator[bytes]:
        files.append(file)
        while piece := await file.read(3):
            yield piece

    file: dict[str, Any] = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    operation = book.operation(
        "echo",
        requestBody={"required": True, "content": {"multipart/form-data": {"schema": form}}},
        responses={"200": {"description": "ok", "content": {OCTETS: {}}}},
    )
    asked = await client(App(book.spec(echo={"post": operation}), book.serve(echo=echo)))
    answer = await asked.post("/echo", files={"file": ("a", b"0123456789")})
    assert answer.content == b"0123456789"
    assert files[0].file.closed


@pytest.fixture
async def file(client: Connect, make: Make, tmp_path: Path) -> httpx.AsyncClient:
    """An app that serves a file of ten bytes."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123456789")

    async def send() -> FileResponse:
        return FileResponse(path, media_type=OCTETS)

    return await client(make(send, OCTETS))


@pytest.mark.parametrize(
    ("headers", "status", "content"),
    [
        ({}, 200, b"0123456789"),
        ({"range": "bytes=2-4"}, 206, b"234"),
        ({"range": "bytes=-3"}, 206, b"789"),
        ({"range": "bytes=20-"}, 416, None),
        ({"range": "bytes=0-1", "if-range": '"another"'}, 200, b"0123456789"),
        ({"if-none-match": '"another"'}, 200, b"0123456789"),
        ({"if-none-match": "*"}, 304, b""),
    ],
)
async def test_parts_of_a_file(
    file: httpx.AsyncClient, headers: dict[str, str], status: int, content: bytes | None
) -> None:
    """Ranges and conditions as RFC 9110 has them, sections 13 and 14."""
    answer = await file.get("/a", headers=headers)
    assert answer.status_code == status
    if content is not None:
        assert answer.content == content


async def test_a_file_that_the_client_has(file: httpx.AsyncClient) -> None:
    """Its ETag or its date are enough for 304; HEAD is told as much."""
    first = await file.get("/a")
    etag, date = first.headers["etag"], first.headers["last-modified"]
    for headers in ({"if-none-match": etag}, {"if-modified-since": date}):
        for method in ("GET", "HEAD"):
            answer = await file.request(method, "/a", headers=headers)
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == etag
    parts = await file.get("/a", headers={"range": "bytes=0-1,8-9"})
    assert parts.status_code == 206
    assert parts.headers["content-type"].startswith("multipart/byteranges")


@pytest.mark.parametrize("what", ["missing", "."])
async def test_a_file_that_is_none(client: Connect, make: Make, tmp_path: Path, what: str) -> None:
    """An opaque 500: which files there are is nobody's business."""

    async def send() -> FileResponse:
        return FileResponse(tmp_path / what, media_type=OCTETS)

    asked = await client(make(send, OCTETS))
    answer = await asked.get("/a")
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text


# Starlette's responses


async def test_a_streaming_response_is_a_stream(
    client: Connect, wire: Call, make: Make, until: Until
) -> None:
    """Of an async or an ordinary iterator; its background task runs when all was sent."""
    done: list[str] = []

    async def handler() -> Response:
        task = BackgroundTask(done.append, "done")
        pieces: list[str | bytes] = ["a", b"b"]
        return StreamingResponse(pieces, media_type=TEXT, background=task)

    app = make(handler, TEXT)
    await client(app)
    request = ask(wire, app)
    assert await answered(request) == 200
    assert (body(request), done) == (b"ab", ["done"])
    assert app.statistics().total.streams.finished == 1


async def test_a_streaming_response_ends_with_its_handler(
    client: Connect, wire: Call, make: Make, until: Until
) -> None:
    """It is owned like any stream: after the grace it is cut."""
    closed: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            closed.append("closed")

    async def handler() -> Response:
        return StreamingResponse(pieces(), media_type=OCTETS)

    app = make(handler, OCTETS, options={"limits": Limits(grace=0.01)})
    await client(app)
    request = ask(wire, app)
    await until(lambda: body(request))
    await app.remove("a")
    assert closed == ["closed"]
    await broken_off(request)


async def test_problems_of_a_stream_are_checked_like_any(client: Connect, make: Make) -> None:
    """What the handler raises is answered as the document declares it."""

    async def refuse() -> AsyncIterator[Any]:
        raise Problem(409, "taken")
        yield

    responses = {"409": {"description": "", "content": {"application/json": {"schema": ITEM}}}}
    asked = await client(make(refuse, LINES, responses=responses))
    assert (await asked.get("/a")).status_code == 500
