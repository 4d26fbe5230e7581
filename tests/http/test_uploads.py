"""Multipart bodies come in part by part: bounded, on disk beyond a size, and closed in time."""

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable
from tempfile import SpooledTemporaryFile
from typing import Any

import httpx
import pytest
from starlette.datastructures import UploadFile

from brrt import App, Handlers, Limits, Request
from brrt.http import uploads

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Serve = Callable[..., Awaitable[httpx.AsyncClient]]
Until = Callable[[Callable[[], object]], Awaitable[None]]

FILE = {"type": "string", "format": "binary"}
SCHEMA = {
    "type": "object",
    "properties": {
        "file": FILE,
        "files": {"type": "array", "items": FILE},
        "text": {"type": "string"},
    },
}
RESPONSES = {"200": {"description": "ok", "content": {"application/json": {}}}}


class Handler:
    """Keeps the files that it was given."""

    def __init__(self) -> None:
        self.files: list[UploadFile] = []
        self.rolled: list[bool] = []
        self.read = b""
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, request: Request) -> int:
        content = request.content
        self.files = [content["file"]] if "file" in content else content.get("files", [])
        self.rolled = [getattr(one.file, "_rolled", None) is True for one in self.files]
        self.begun.set()
        await self.go.wait()
        for one in self.files:
            self.read += await one.read()
        return len(self.read)

    @property
    def are_closed(self) -> bool:
        return bool(self.files) and all(one.file.closed for one in self.files)


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def serve(handler: Handler, client: Connect) -> Serve:
    """A client of an app that takes uploads."""

    async def make(**limits: Any) -> httpx.AsyncClient:
        app = make_app(handler, Limits(**limits))
        return await client(app)

    return make


def make_app(handler: Any, limits: Limits | None = None, extensions: Any = None) -> App:
    return App(make_document(extensions), serving(handler), limits=limits)


def serving(handler: Any) -> Handlers:
    handlers = Handlers()
    handlers("op")(handler)
    return handlers


def make_document(extensions: Any = None, schema: Any = SCHEMA) -> Any:
    body = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    item = {"operationId": "op", "requestBody": body, "responses": RESPONSES, **(extensions or {})}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Uploads", "version": "1"},
        "paths": {"/x": {"post": item}},
    }


async def test_small_files_stay_in_memory_and_large_ones_go_to_disk(
    serve: Serve, handler: Handler
) -> None:
    """`spool_size` is where that changes; what is read is the same."""
    http = await serve(spool_size=1000)
    sent = [("files", ("a", b"a" * 1000)), ("files", ("b", b"b" * 1001))]
    response = await http.post("/x", files=sent)
    assert response.json() == 2001
    assert handler.rolled == [False, True]
    assert handler.read == b"a" * 1000 + b"b" * 1001
    assert [one.size for one in handler.files] == [1000, 1001]
    assert handler.are_closed


async def test_the_whole_upload_is_bounded(serve: Serve, handler: Handler) -> None:
    """By `max_upload`, by its declared length before anything is read, or while it comes."""
    http = await serve(max_upload=2000)
    ok = await http.post("/x", files={"file": ("a", b"a" * 1500)})
    assert ok.status_code == 200
    declared = await http.post("/x", files={"file": ("a", b"a" * 2000)})
    assert declared.status_code == 413
    assert "2000 bytes" in declared.json()["detail"]

    async def chunks() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(3):
            yield b"a" * 1000

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    streamed = await http.post("/x", content=chunks(), headers=headers)
    assert streamed.status_code == 413


async def test_what_is_no_file_is_bounded_like_any_body(serve: Serve) -> None:
    """All parts that stay in memory share `max_body`."""
    http = await serve(max_body=100)
    assert (await http.post("/x", files={"text": (None, "a" * 100)})).status_code == 200
    response = await http.post("/x", files={"text": (None, "a" * 101)})
    assert response.status_code == 413
    assert "beside files" in response.json()["detail"]
    assert (await http.post("/x", files={"file": ("a", b"a" * 5000)})).status_code == 200


async def test_the_number_of_parts_is_bounded(serve: Serve) -> None:
    """By `max_parts`."""
    http = await serve(max_parts=3)
    sent = [("files", (str(at), b"a")) for at in range(4)]
    assert (await http.post("/x", files=sent[:3])).json() == 3
    response = await http.post("/x", files=sent)
    assert response.status_code == 413
    assert "more than 3 parts" in response.json()["detail"]


async def test_an_operation_has_a_limit_of_its_own(client: Connect, handler: Handler) -> None:
    """`x-brrt-max-upload` in the document."""
    http = await client(make_app(handler, extensions={"x-brrt-max-upload": 300}))
    assert (await http.post("/x", files={"file": ("a", b"a" * 400)})).status_code == 413


def scope() -> dict[str, Any]:
    """An upload that comes in pieces."""
    return {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "raw_path": b"/x",
        "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
    }


HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


class Messages:
    """A `receive` under the test's control."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        return await self.queue.get()

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def put(self, body: bytes, more: bool = True) -> None:
        self.queue.put_nowait({"type": "http.request", "body": body, "more_body": more})

    @property
    def status(self) -> Any:
        return self.sent[0]["status"] if self.sent else None


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every file that is opened for an upload."""
    made: list[Any] = []

    def remember(*args: Any, **more: Any) -> Any:
        made.append(SpooledTemporaryFile(*args, **more))  # noqa: SIM115 - the caller closes it
        return made[-1]

    monkeypatch.setattr(uploads, "SpooledTemporaryFile", remember)
    return made


@pytest.mark.parametrize("end", ["gone", "broken", "cancelled"])
async def test_an_upload_that_ends_early_leaves_no_file_open(
    handler: Handler, opened: list[Any], until: Until, end: str
) -> None:
    """The client hangs up, sends nonsense, or the server gives up in the middle of a file."""
    app, messages = make_app(handler, Limits(spool_size=10)), Messages()
    async with app:
        request = asyncio.create_task(app(scope(), messages.receive, messages.send))
        messages.put(HEAD + b"a" * 100)
        await until(lambda: opened and getattr(opened[0], "_rolled", False))
        if end == "gone":
            messages.queue.put_nowait({"type": "http.disconnect"})
        elif end == "broken":
            messages.put(b"\r\n--x!", more=False)
        else:
            request.cancel()
        await asyncio.wait([request])
        assert messages.status == (400 if end == "broken" else None)
        assert opened[0].closed
        assert not handler.begun.is_set()


async def test_a_thread_that_writes_is_waited_for(
    handler: Handler, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    """Given up while the disk is slow, the file that a thread is about to open is closed too."""
    begun, go = threading.Event(), threading.Event()
    made: list[Any] = []

    class Slow(SpooledTemporaryFile[bytes]):
        def rollover(self) -> None:
            begun.set()
            go.wait(10)
            super().rollover()

    def remember(*args: Any, **more: Any) -> Any:
        made.append(Slow(*args, **more))
        return made[-1]

    monkeypatch.setattr(uploads, "SpooledTemporaryFile", remember)
    app, messages = make_app(handler, Limits(spool_size=10)), Messages()
    async with app:
        request = asyncio.create_task(app(scope(), messages.receive, messages.send))
        messages.put(HEAD + b"a" * 100)
        await until(begun.is_set)
        request.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        go.set()
        await asyncio.wait([request])
        assert request.cancelled()
        assert made[0].closed


async def test_an_upload_has_a_time_of_its_own(handler: Handler, opened: list[Any]) -> None:
    """`upload_timeout`, not the `timeout` of other bodies; then it is 408 and closed."""
    app, messages = make_app(handler, Limits(upload_timeout=0.02, timeout=30)), Messages()
    async with app:
        messages.put(HEAD + b"a")
        await app(scope(), messages.receive, messages.send)
    assert messages.status == 408
    assert opened[0].closed


async def test_files_stay_open_while_a_handler_goes_on(
    handler: Handler, opened: list[Any], until: Until
) -> None:
    """A client that hangs up does not take the file from a handler that finishes all the same."""
    app, messages = make_app(handler, Limits(disconnect_after=0.001)), Messages()
    handler.go.clear()
    async with app:
        request = asyncio.create_task(app(scope(), messages.receive, messages.send))
        messages.put(HEAD + b"abc\r\n--x--\r\n", more=False)
        await handler.begun.wait()
        messages.queue.put_nowait({"type": "http.disconnect"})
        await request
        assert not opened[0].closed
        handler.go.set()
        await until(lambda: handler.read)
    assert handler.read == b"abc"
    assert handler.are_closed


@pytest.mark.parametrize("was_file", [True, False])
@pytest.mark.parametrize(
    ("limit", "spool_size", "status"), [(100, 50, 200), (100, 200, 200), (90, 50, 413)]
)
async def test_a_document_that_changes_in_the_middle_of_an_upload(
    handler: Handler,
    opened: list[Any],
    until: Until,
    was_file: bool,
    limit: int,
    spool_size: int,
    status: int,
) -> None:
    """What was a file is a text when the new document says so, and the other way round."""
    text = {"type": "object", "properties": {"file": {"type": "string"}}}
    schemas = [SCHEMA, text] if was_file else [text, SCHEMA]
    taken: list[Any] = []

    async def take(body: Any) -> None:
        one = body["file"]
        taken.append(one if isinstance(one, str) else (await one.read()).decode())

    documents = [make_document({"x-brrt-max-body": limit}, schema) for schema in schemas]
    app = App(documents[0], serving(handler), limits=Limits(spool_size=spool_size))
    messages = Messages()
    async with app:
        request = asyncio.create_task(app(scope(), messages.receive, messages.send))
        messages.put(HEAD + b"a" * 90)
        await until(messages.queue.empty)
        await app.reload(documents[1], serving(take))
        messages.put(b"a" * 10 + b"\r\n--x--\r\n", more=False)
        await request
    refused = status == 413
    assert messages.status == status
    assert taken == ([] if refused else ["a" * 100])
    assert not handler.begun.is_set()
    assert all(one.closed for one in opened)
    assert len(opened) == (0 if refused and not was_file else 1)


async def test_files_are_closed_when_a_handler_fails(serve: Serve, handler: Handler) -> None:
    """Or is never called, because the rest of the request is wrong."""
    http = await serve()
    handler.go = None  # type: ignore[assignment]
    response = await http.post("/x", files={"file": ("a", b"a")})
    assert response.status_code == 500
    assert handler.are_closed


async def test_a_request_that_is_refused_closes_its_files(serve: Serve, opened: list[Any]) -> None:
    """Violations elsewhere keep the handler from the file, and nothing is left open."""
    http = await serve()
    response = await http.post("/x", files=[("file", ("a", b"a")), ("file", ("b", b"b"))])
    assert response.status_code == 400
    assert len(opened) == 2
    assert all(one.closed for one in opened)


async def test_a_full_disk_is_503(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file cannot be stored, the client may try again; the app goes on."""

    class Full(SpooledTemporaryFile[bytes]):
        def rollover(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "SpooledTemporaryFile", Full)
    http = await serve(spool_size=10)
    response = await http.post("/x", files={"file": ("a", b"a" * 100)})
    assert response.status_code == 503
    assert "could not be stored" in response.json()["detail"]
    assert (await http.post("/x", files={"file": ("a", b"a")})).status_code == 200


async def test_a_disk_that_is_full_at_the_last_bytes_is_503(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last bytes are in a buffer until a file is rewound, and again until it is closed."""
    made: list[Any] = []

    class Full(SpooledTemporaryFile[bytes]):
        def __init__(self, max_size: int) -> None:
            super().__init__(max_size)
            made.append(self)

        def seek(self, *place: int) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            super().close()
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "SpooledTemporaryFile", Full)
    http = await serve()
    response = await http.post("/x", files=[("file", ("a", b"a")), ("file", ("b", b"b"))])
    assert response.status_code == 503
    assert "could not be stored" in response.json()["detail"]
    assert [one.closed for one in made] == [True, True]
