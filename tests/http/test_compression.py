"""Compressed answers: when, how, and what is said of them; Starlette's gzip is the oracle."""

import asyncio
import importlib.util
import json
import threading
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest
import zstandard
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from brrt import CORS, App, Compression, Event, MissingExtra, Problem, Reply, SettingError
from brrt.http.codings import MAX_ACCEPT, Taken, choose, make_codings
from brrt.http.compression import LIBRARIES
from brrt.http.packing import IN_THREAD, MAX_TAKEN, Packing
from tests.conftest import Call, Connect, Until, operation, serve, spec
from tests.lifecycle.inside import serving

CODINGS = ("gzip", "br", "zstd")
ALL = "gzip, deflate, br, zstd"
LONG = "brrt " * 1_000
SHORT = "brrt"
LINES = "application/jsonl"


def decoder(coding: str) -> Callable[[bytes], bytes]:
    """What decodes a coding piece by piece."""
    if coding == "gzip":
        return zlib.decompressobj(31).decompress
    if coding == "br":
        made: Callable[[bytes], bytes] = brotli.Decompressor().process
        return made
    return zstandard.ZstdDecompressor().decompressobj().decompress


def giving(*kinds: str) -> dict[str, Any]:
    """A GET that answers with these media types."""
    content: dict[str, Any] = {kind: {} for kind in kinds}
    return {"get": operation("a", responses={"200": {"description": "x", "content": content}})}


def make(function: Any, *kinds: str, compression: Any = True, **options: Any) -> App:
    """An app with one operation, `GET /a`."""
    made = spec(a=giving(*(kinds or ("text/plain",))))
    return App(made, serve(a=function), compression=compression, **options)


def returning(value: Any) -> Callable[[], Awaitable[Any]]:
    """A handler."""

    async def handler() -> Any:
        return value

    return handler


async def raw(connect: httpx.AsyncClient, **headers: str) -> tuple[httpx.Response, bytes]:
    """The answer to GET /a, and its bytes as they came."""
    given = {"accept-encoding": ""} | {name.replace("_", "-"): one for name, one in headers.items()}
    async with connect.stream("GET", "/a", headers=given) as answer:
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


# Whole bodies


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_body_is_compressed(coding: str) -> None:
    """By each coding, over a real server: smaller, of the length that is told, and the same."""
    async with (
        serving(make(returning(LONG))) as place,
        httpx.AsyncClient(base_url=f"http://{place}") as connect,
    ):
        answer, data = await raw(connect, accept_encoding=coding)
        assert answer.headers["content-encoding"] == coding
        assert answer.headers["vary"] == "Accept-Encoding"
        assert int(answer.headers["content-length"]) == len(data) < len(LONG) / 10
        assert decoder(coding)(data) == LONG.encode()
        assert (await connect.get("/a", headers={"accept-encoding": coding})).text == LONG
        answer, data = await raw(connect)
        assert data == LONG.encode()
        assert "content-encoding" not in answer.headers
        assert answer.headers["vary"] == "Accept-Encoding"


async def test_off_by_default(client: Connect) -> None:
    """Nothing is compressed, and nothing varies."""
    for compression in (False, None):
        options: dict[str, Any] = {} if compression is None else {"compression": compression}
        app = App(spec(a=giving("text/plain")), serve(a=returning(LONG)), **options)
        answer, data = await raw(await client(app), accept_encoding=ALL)
        assert data == LONG.encode()
        assert "vary" not in answer.headers


@pytest.mark.parametrize("coding", CODINGS)
async def test_what_takes_long_does_not_hold_the_loop(
    coding: str, client: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large body is compressed in a thread; the loop goes on meanwhile."""
    begun, let, text = asyncio.Event(), threading.Event(), "x" * IN_THREAD
    app = make(returning(text), compression=Compression(codings=(coding,)))
    connect = await client(app)
    loop, kind = asyncio.get_running_loop(), type(make_codings((coding,), 4)[coding])
    whole = kind.whole

    def watched(self: Any, data: bytes) -> bytes:
        loop.call_soon_threadsafe(begun.set)
        assert let.wait(10)
        return whole(self, data)

    monkeypatch.setattr(kind, "whole", watched)
    asked = asyncio.create_task(raw(connect, accept_encoding=coding))
    await begun.wait()
    let.set()
    _, data = await asked
    assert decoder(coding)(data) == text.encode()


async def test_what_is_small_is_done_here(client: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread costs more than it saves."""
    connect = await client(make(returning("x" * (IN_THREAD - 1))))
    monkeypatch.setattr("anyio.to_thread.run_sync", None)
    answer, _ = await raw(connect, accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"


# The oracle


def oracle(response: Callable[[], Response]) -> Starlette:
    """The same in Starlette."""

    async def answer(request: Any) -> Response:
        return response()

    middleware = Middleware(GZipMiddleware, minimum_size=1_024, compresslevel=4)
    return Starlette(routes=[Route("/a", answer)], middleware=[middleware])


async def pieces() -> AsyncIterator[bytes]:
    """A stream."""
    for _ in range(3):
        yield LONG.encode()


def words(text: str) -> list[str]:
    """The words of a list."""
    return [one.strip() for one in text.lower().split(",")]


PlainText = partial(Response, media_type="text/plain")
RESPONSES: dict[str, Callable[[], Response]] = {
    "long": lambda: PlainText(LONG),
    "short": lambda: PlainText("x" * 1_023),
    "just long enough": lambda: PlainText("x" * 1_024),
    "empty": lambda: PlainText(""),
    "encoded": lambda: PlainText(LONG, headers={"Content-Encoding": "deflate"}),
    "an error": lambda: PlainText(LONG, status_code=404),
    "varies": lambda: PlainText(LONG, headers={"Vary": "Accept"}),
    "varies so": lambda: PlainText(LONG, headers={"Vary": "accept-encoding"}),
    "an image": lambda: Response(LONG, media_type="image/png"),
    "a drawing": lambda: Response(LONG, media_type="image/svg+xml"),
    "a film": lambda: Response(LONG, media_type="video/mp4"),
    "an archive": lambda: Response(LONG, media_type="application/zip"),
    "events": lambda: Response(LONG, media_type="text/event-stream"),
    "a stream": lambda: StreamingResponse(pieces(), media_type="text/plain"),
    "a stream of events": lambda: StreamingResponse(pieces(), media_type="text/event-stream"),
}


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("header", ["gzip", "identity"])
async def test_it_is_as_in_starlette(name: str, header: str, client: Connect) -> None:
    """What is compressed, and what comes out.

    But that here all says that it varies that could, also where it is not compressed.
    """
    response = RESPONSES[name]
    made = spec(a={"get": operation("a")})

    async def a() -> Any:
        return response()

    app = App(
        made, serve(a=a), compression=Compression(codings=("gzip",)), validate_responses="off"
    )
    connect = await client(app)
    reference = await client(oracle(response), lifespan=False)
    (mine, data), (wanted, expected) = [
        await raw(one, accept_encoding=header) for one in (connect, reference)
    ]
    assert mine.status_code == wanted.status_code
    assert mine.headers.get("content-encoding") == wanted.headers.get("content-encoding")
    assert mine.headers.get("content-type") == wanted.headers.get("content-type")
    assert ("content-length" in mine.headers) == ("content-length" in wanted.headers)
    assert int(mine.headers.get("content-length", len(data))) == len(data)
    if mine.headers.get("content-encoding") == "gzip":
        data, expected = decoder("gzip")(data), decoder("gzip")(expected)
        assert sorted(words(mine.headers["vary"])) == sorted(set(words(wanted.headers["vary"])))
    assert data == expected
    assert len(mine.headers.get_list("vary")) <= 1


# What is left alone


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "public, No-Transform"},
        {"Content-Encoding": "identity"},
        {"Content-Range": "bytes 0-9/10"},
        {"Content-Digest": "sha-256=:x:"},
        {"Repr-Digest": "sha-256=:x:"},
    ],
)
async def test_what_must_not_be_changed(headers: Mapping[str, str], client: Connect) -> None:
    """Because somebody said so, or since what is said of the bytes would not be true."""
    answer, data = await raw(
        await client(make(returning(Reply(LONG, headers=headers)))), accept_encoding=ALL
    )
    assert data == LONG.encode()
    assert "vary" not in answer.headers


async def test_events_are_not_held_back(client: Connect) -> None:
    """Whatever is compressed."""

    async def a() -> AsyncGenerator[Event, None]:
        yield Event(LONG)

    for types in (None, ("text/*",)):
        app = make(a, "text/event-stream", compression=Compression(types=types))
        answer, data = await raw(await client(app), accept_encoding=ALL)
        assert "content-encoding" not in answer.headers
        assert data.startswith(b"data: brrt")


async def test_no_content(client: Connect) -> None:
    """What has no content has no coding."""
    made = spec(a={"get": operation("a", responses={"204": {"description": "x"}})})
    answer, data = await raw(
        await client(App(made, serve(a=returning(None)), compression=True)), accept_encoding=ALL
    )
    assert (answer.status_code, data) == (204, b"")
    assert "content-encoding" not in answer.headers
    assert "content-length" not in answer.headers


async def test_types_are_a_setting(client: Connect) -> None:
    """Those that are named are compressed, and no others."""
    kinds = ("text/plain", "image/png", "application/json")
    settings = Compression(types=("image/*", "application/json"))
    wanted = {"text/plain": False, "image/png": True, "application/json": True}
    for kind in kinds:
        data = Reply(LONG.encode() if kind != "application/json" else [LONG], media_type=kind)
        app = make(returning(data), *kinds, compression=settings)
        answer, _ = await raw(await client(app), accept_encoding=ALL)
        assert ("content-encoding" in answer.headers) == wanted[kind]
        assert answer.headers.get("vary", "") in (
            ("Accept, Accept-Encoding", "Accept-Encoding") if wanted[kind] else ("Accept", "")
        )


@pytest.mark.parametrize(
    ("kind", "is_taken"),
    [
        ("application/json", True),
        ("application/octet-stream", True),
        ("application/vnd.api+json", True),
        ("application/wasm", True),
        ("font/ttf", True),
        ("image/svg+xml", True),
        ("text/html", True),
        ("", False),
        ("application/epub+zip", False),
        ("application/grpc+proto", False),
        ("application/pdf", False),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", False),
        ("audio/mpeg", False),
        ("font/woff2", False),
        ("image/jpeg", False),
        ("text/event-stream", False),
        ("video/mp4", False),
    ],
)
def test_what_is_compressed_already(kind: str, is_taken: bool) -> None:
    """Is not compressed again; all else is, unless it has no type."""
    assert Compression().takes(kind) is is_taken


# Problems, CORS, HEAD


async def test_errors_and_cors(client: Connect) -> None:
    """Problems are answers like others, and both say what they depend on in one line."""

    async def a() -> None:
        raise Problem(409, detail=LONG, headers={"Vary": "Accept"})

    app = make(a, cors=CORS(origins=("https://app.example",)))
    async with serving(app) as place, httpx.AsyncClient(base_url=f"http://{place}") as connect:
        answer = await connect.get(
            "/a", headers={"origin": "https://app.example", "accept-encoding": "br"}
        )
    assert (answer.status_code, answer.json()["detail"]) == (409, LONG)
    assert answer.headers["content-encoding"] == "br"
    assert answer.headers.get_list("vary") == ["Accept, Accept-Encoding, Origin"]
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


@pytest.mark.parametrize("header", [ALL, "gzip", "identity", ""])
@pytest.mark.parametrize("text", [LONG, SHORT])
async def test_head_is_get_without_content(header: str, text: str) -> None:
    """And without the length of what was not made; over a real server, for a whole and a file."""

    async def stream() -> AsyncIterator[str]:
        yield text

    async with (
        serving(make(returning(Reply(text, headers={"ETag": '"x"'})))) as place,
        serving(make(stream)) as other,
        httpx.AsyncClient() as connect,
    ):
        for where in (place, other):
            headers = {"accept-encoding": header, "x-request-id": "same"}
            got = await connect.get(f"http://{where}/a", headers=headers)
            head = await connect.head(f"http://{where}/a", headers=headers)
            assert (head.status_code, head.content) == (200, b"")
            wanted, found = dict(got.headers), dict(head.headers)
            if "content-encoding" in wanted:
                assert "content-length" not in found
                wanted.pop("content-length", None)
            for one in (wanted, found):
                one.pop("date")
                one.pop("transfer-encoding", None)
            assert found == wanted


# Files


FILE = LONG.encode() * 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of several pieces."""
    made = tmp_path / "file.txt"
    made.write_bytes(FILE)
    return made


@pytest.fixture
async def files(file: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An app that sends the file, on a real server."""

    async def a() -> FileResponse:
        return FileResponse(file)

    made = spec(a=giving("text/plain"))
    made["paths"]["/a"]["get"]["responses"]["206"] = {"description": "a part"}
    app = App(made, serve(a=a), compression=True)
    async with serving(app) as place, httpx.AsyncClient(base_url=f"http://{place}") as connect:
        yield connect


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_file_is_compressed_as_it_is_read(coding: str, files: httpx.AsyncClient) -> None:
    """Its ETag is weak then, and no part of it can be had by bytes that are not there."""
    answer, data = await raw(files, accept_encoding=coding)
    assert decoder(coding)(data) == FILE
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["etag"].startswith('W/"')
    assert {"content-length", "accept-ranges"}.isdisjoint(answer.headers)
    plain, data = await raw(files)
    assert data == FILE
    assert "W/" + plain.headers["etag"] == answer.headers["etag"]
    assert plain.headers["accept-ranges"] == "bytes"
    assert plain.headers["vary"] == "Accept-Encoding"


async def test_whoever_has_a_file_is_told_so(files: httpx.AsyncClient) -> None:
    """304 by the ETag that was given, weak or strong, and with that."""
    for header in ("gzip", "identity"):
        first, _ = await raw(files, accept_encoding=header)
        answer, data = await raw(files, accept_encoding=header, if_none_match=first.headers["etag"])
        assert (answer.status_code, data) == (304, b"")
        assert answer.headers["etag"] == first.headers["etag"]
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "content-encoding" not in answer.headers
    modified = first.headers["last-modified"]
    answer, _ = await raw(files, accept_encoding="gzip", if_modified_since=modified)
    assert (answer.status_code, answer.headers["vary"]) == (304, "Accept-Encoding")


async def test_a_part_of_a_file_is_of_its_own_bytes(files: httpx.AsyncClient) -> None:
    """A range is counted in what is not compressed; what was begun compressed begins again."""
    answer, data = await raw(files, accept_encoding="gzip", range="bytes=0-3")
    assert (answer.status_code, data) == (206, b"brrt")
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    answer, data = await raw(files, accept_encoding="gzip", range="bytes=0-3,9-2000")
    assert (answer.status_code, int(answer.headers["content-length"])) == (206, len(data))
    assert "content-encoding" not in answer.headers
    etag = (await raw(files, accept_encoding="gzip"))[0].headers["etag"]
    answer, _ = await raw(files, accept_encoding="gzip", range="bytes=0-3", if_range=etag)
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")


async def test_a_file_that_the_server_sends(wire: Call, file: Path) -> None:
    """Where a server sends files by itself, it does."""

    async def a() -> FileResponse:
        return FileResponse(file)

    async with make(a) as app:

        async def host(scope: Any, receive: Any, send: Any) -> None:
            extensions: dict[str, Any] = {"http.response.pathsend": {}}
            await app({**scope, "extensions": extensions}, receive, send)

        call = wire(host, "GET", "/a", {"accept-encoding": "gzip"})
        await asyncio.wait_for(call.task, 10)
    start, path = call.sent
    names = {name for name, _ in start["headers"]}
    assert path["type"] == "http.response.pathsend"
    assert b"content-encoding" not in names
    assert {b"content-length", b"vary"} <= names


# Streams


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_stream_holds_nothing_back(coding: str) -> None:
    """Each item is there before the next one is given, over a real server."""
    turn = asyncio.Semaphore(0)

    async def a() -> AsyncGenerator[dict[str, int], None]:
        for number in range(3):
            yield {"number": number}
            await turn.acquire()

    app = make(a, LINES)
    async with serving(app) as place, httpx.AsyncClient(base_url=f"http://{place}") as connect:
        decode, got = decoder(coding), b""
        async with connect.stream("GET", "/a", headers={"accept-encoding": coding}) as answer:
            assert answer.headers["content-encoding"] == coding
            assert "content-length" not in answer.headers
            received = answer.aiter_raw()
            for number in range(3):
                while got.count(b"\n") <= number:
                    got += decode(await anext(received))
                assert got.count(b"\n") == number + 1
                turn.release()
            async for piece in received:
                got += decode(piece)
    assert [json.loads(line) for line in got.splitlines()] == [{"number": n} for n in range(3)]


async def test_a_length_that_was_told(client: Connect) -> None:
    """A stream of known length is compressed only if there is enough of it."""
    for text in (SHORT, LONG):

        async def given(text: str) -> AsyncGenerator[str, None]:
            yield text[:2]
            yield text[2:]

        length = {"Content-Length": str(len(text))}
        app = make(returning(Reply(given(text), headers=length)))
        answer, data = await raw(await client(app), accept_encoding="gzip")
        assert ("content-encoding" in answer.headers) == (text is LONG)
        assert ("content-length" in answer.headers) == (text is SHORT)
        assert (decoder("gzip")(data) if text is LONG else data) == text.encode()


@pytest.mark.parametrize("coding", CODINGS)
async def test_large_and_empty_pieces(coding: str, client: Connect) -> None:
    """Large ones go through a thread, empty ones stay empty, and all come in order."""
    given = ["", "a" * IN_THREAD, "", "b", "c" * IN_THREAD]

    async def a() -> AsyncGenerator[str, None]:
        for piece in given:
            yield piece

    answer, data = await raw(await client(make(a)), accept_encoding=coding)
    assert answer.headers["content-encoding"] == coding
    assert decoder(coding)(data) == "".join(given).encode()


def packing(app: App) -> Packing:
    """What compresses the answers of an app."""
    envelope = app._envelope
    assert envelope is not None
    assert envelope.packing is not None
    return envelope.packing


async def test_a_client_that_leaves_frees_all(until: Until) -> None:
    """The compressor goes with the stream, over a real server."""
    left = asyncio.Event()

    async def a() -> AsyncGenerator[dict[str, int], None]:
        try:
            while True:
                yield {}
                await asyncio.sleep(0.001)
        finally:
            left.set()

    app = make(a, LINES)
    async with serving(app) as place, httpx.AsyncClient(base_url=f"http://{place}") as connect:
        async with connect.stream("GET", "/a", headers={"accept-encoding": "zstd"}) as answer:
            await anext(answer.aiter_raw())
            assert packing(app).streams == 1
        await left.wait()
        await until(lambda: packing(app).streams == 0)
        await until(lambda: app.statistics().total.streams.active == 0)


async def test_a_stream_that_breaks_frees_all(wire: Call) -> None:
    """And its end does not look like one."""

    async def a() -> AsyncGenerator[dict[str, int], None]:
        yield {}
        raise RuntimeError

    async with make(a, LINES) as app:
        call = wire(app, "GET", "/a", {"accept-encoding": "gzip"}, body=b"")
        with pytest.raises(Exception, match="broke off"):
            await call.task
        assert call.sent[-1]["more_body"]
        assert packing(app).streams == 0


async def test_only_so_many_streams_are_compressed(until: Until) -> None:
    """Further ones are sent as they are: memory is bounded, and nobody is refused."""
    let = asyncio.Event()

    async def a() -> AsyncGenerator[dict[str, int], None]:
        yield {}
        await let.wait()

    app = make(a, LINES, compression=Compression(streams=1))
    headers = {"accept-encoding": "gzip"}
    async with serving(app) as place, httpx.AsyncClient(base_url=f"http://{place}") as connect:
        async with (
            connect.stream("GET", "/a", headers=headers) as first,
            connect.stream("GET", "/a", headers=headers) as second,
        ):
            assert first.headers["content-encoding"] == "gzip"
            assert "content-encoding" not in second.headers
            assert second.headers["vary"] == "Accept-Encoding"
            let.set()
            assert await second.aread() == b"{}\n"
            assert await first.aread() == b"{}\n"
        await until(lambda: packing(app).streams == 0)
        assert (await connect.get("/a", headers=headers)).headers["content-encoding"] == "gzip"


async def test_a_file_beyond_the_streams_is_sent_as_it_is(client: Connect, file: Path) -> None:
    """With the length that it has."""

    async def a() -> FileResponse:
        return FileResponse(file)

    app = make(a, compression=Compression(streams=0))
    answer, data = await raw(await client(app), accept_encoding="gzip")
    assert data == FILE
    assert int(answer.headers["content-length"]) == len(data)


async def test_a_stream_is_over_with_its_last_piece() -> None:
    """What is done behind it, such as Starlette's background tasks, holds no compressor."""

    async def send(message: Any) -> None: ...

    made = Packing(Compression())
    packer = made.packer({"method": "GET", "headers": [(b"accept-encoding", b"gzip")]}, send)
    headers = [(b"content-type", b"text/plain")]
    await packer.send({"type": "http.response.start", "status": 200, "headers": headers})
    assert made.streams == 1
    await packer.send({"type": "http.response.early_hint", "links": []})
    await packer.send({"type": "http.response.body", "body": b"x"})
    assert made.streams == 0
    packer.close()
    assert made.streams == 0


async def test_an_empty_body_stays_empty(client: Connect) -> None:
    """However small what is compressed may be."""
    connect = await client(make(returning(""), compression=Compression(minimum=0)))
    answer, data = await raw(connect, accept_encoding="gzip, identity;q=0")
    assert (answer.headers["content-length"], data) == ("0", b"")
    assert "content-encoding" not in answer.headers
    connect = await client(make(returning("x"), compression=Compression(minimum=0)))
    assert (await raw(connect, accept_encoding="gzip"))[0].headers["content-encoding"] == "gzip"


async def test_trailers(client: Connect) -> None:
    """What comes after the content is passed on; a length cannot be told then."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
    packer = Packing(Compression()).packer(scope, send)
    kind, length = (b"content-type", b"text/plain"), (b"content-length", b"%d" % len(LONG))
    start = {"status": 200, "headers": [kind, length], "trailers": True}
    early = {"type": "http.response.early_hint", "links": []}
    await packer.send(early)
    await packer.send({"type": "http.response.start", **start})
    await packer.send({"type": "http.response.body", "body": LONG.encode()})
    await packer.send({"type": "http.response.trailers", "headers": []})
    packer.close()
    assert [one["type"].rpartition(".")[2] for one in sent] == [
        "early_hint",
        "start",
        "body",
        "trailers",
    ]
    assert {name for name, _ in sent[1]["headers"]} == {
        b"content-type",
        b"content-encoding",
        b"vary",
    }
    assert decoder("gzip")(sent[2]["body"]) == LONG.encode()


# Accept-Encoding


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip; q=0.5 , br ;Q=0.6", "br"),
        ("gzip;q=0", None),
        ("gzip;q=0.000, *", "zstd"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("*;q=0.5, zstd;q=0.1", "br"),
        ("deflate", None),
        ("identity", None),
        ("identity, gzip", "gzip"),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("gzip;q=0.1", "gzip"),
        ("gzip;q=2", None),
        ("gzip;q=x", None),
        ("gzip;level=9", None),
        ("gzip;q=0.1234", None),
        (",, gzip ,", "gzip"),
        ("gzip" + " " * MAX_ACCEPT, None),
    ],
)
def test_what_a_client_likes(header: str, coding: str | None) -> None:
    """RFC 9110, section 12.5.3: weights, `*`, `identity`; among equals the server's order."""
    assert choose(header, tuple(LIBRARIES)).coding == coding


def test_whoever_takes_nothing_plain() -> None:
    """Has it compressed if that is possible, however small it is."""
    codings = tuple(LIBRARIES)
    assert choose("gzip, identity;q=0", codings) == Taken("gzip", True)
    assert choose("gzip, *;q=0", codings) == Taken("gzip", True)
    assert choose("identity;q=0", codings) == Taken(None, False)
    assert choose("gzip", codings) == Taken("gzip", False)
    assert choose("gzip, br", ("gzip", "br")) == Taken("gzip", False)


async def test_a_short_text_for_who_takes_nothing_plain(client: Connect) -> None:
    """RFC 9110, section 12.5.3: identity is not acceptable where it is excluded."""
    connect = await client(make(returning(SHORT)))
    answer, _ = await raw(connect, accept_encoding="gzip, identity;q=0")
    assert answer.headers["content-encoding"] == "gzip"
    answer, data = await raw(connect, accept_encoding="deflate, identity;q=0")
    assert (answer.status_code, data) == (200, SHORT.encode())


async def test_what_is_remembered_is_bounded(client: Connect) -> None:
    """A client that asks in ever new words does not fill the memory."""
    app = make(returning(SHORT))
    connect = await client(app)
    for number in range(2 * MAX_TAKEN):
        await raw(connect, accept_encoding=f"gzip, x{number}")
    await raw(connect, accept_encoding="gzip" + " " * MAX_ACCEPT)
    known = packing(app)._known
    assert 0 < len(known) <= MAX_TAKEN
    assert all(len(one) <= MAX_ACCEPT for one in known)


async def test_lines_of_one_header_are_one(wire: Call) -> None:
    """RFC 9110, section 5.3."""
    async with make(returning(LONG)) as app:

        async def host(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"accept-encoding", b"gzip;q=0.5"), (b"accept-encoding", b"br;q=0.7")]
            await app({**scope, "headers": headers}, receive, send)

        call = wire(host, "GET", "/a")
        assert await call.status() == 200
    assert (b"content-encoding", b"br") in call.sent[0]["headers"]


# Settings


@pytest.mark.parametrize("level", [1, 4, 9])
@pytest.mark.parametrize("coding", CODINGS)
def test_levels(coding: str, level: int) -> None:
    """Each coding knows each level; a stream of them takes bounded memory."""
    made = make_codings((coding,), level)[coding]
    for text in (b"", b"x", LONG.encode() * 100):
        assert decoder(coding)(made.whole(text)) == text
    flow, decode = made.begin(), decoder(coding)
    assert decode(flow.piece(b"one")) == b"one"
    assert decode(flow.piece(b"two")) == b"two"
    assert decode(flow.end(b"")) == b""


def test_windows_of_zstd() -> None:
    """RFC 9659: no decoder needs more than 8 MiB; for streams it is 64 KiB."""
    coding = make_codings(("zstd",), 9)["zstd"]
    whole = coding.whole(bytes(range(256)) * 40_000)
    assert zstandard.get_frame_parameters(whole).window_size <= 1 << 20
    assert zstandard.get_frame_parameters(coding.begin().piece(b"x")).window_size <= 1 << 16


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"minimum": -1}, "whole number from 0"),
        ({"minimum": True}, "whole number"),
        ({"minimum": 1.5}, "whole number"),
        ({"level": 0}, "from 1 to 9"),
        ({"level": 10}, "from 1 to 9"),
        ({"streams": -1}, "whole number"),
        ({"types": "text/html"}, "tuple of strings"),
        ({"types": ()}, "name some, or give None"),
        ({"types": (5,)}, "tuple of strings"),
        ({"types": ("Text/HTML",)}, "in lower case"),
        ({"types": ("text/html; charset=utf-8",)}, "without parameters"),
        ({"types": ("text/event-stream",)}, "events are never held back"),
        ({"codings": ("deflate",)}, "it is one of zstd, br, gzip"),
        ({"codings": ["gzip"]}, "tuple of strings"),
    ],
)
def test_what_cannot_be_is_refused(settings: Mapping[str, Any], cure: str) -> None:
    """With the cure."""
    with pytest.raises(SettingError) as caught:
        Compression(**settings)
    assert cure in str(caught.value)


def test_an_option_that_cannot_be() -> None:
    """`compression` is a yes, a no, or settings."""
    for wrong in ("gzip", 1):
        with pytest.raises(SettingError, match="compression cannot be"):
            make(returning(SHORT), compression=wrong)


def test_without_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gzip is always there; what is asked for by name and is not installed is told."""
    find = importlib.util.find_spec
    gone = {"brotli", "zstandard"}
    monkeypatch.setattr(
        "brrt.http.compression.find_spec", lambda name: None if name in gone else find(name)
    )
    assert Compression().installed() == ("gzip",)
    assert Compression(codings=("gzip",)).installed() == ("gzip",)
    with pytest.raises(MissingExtra, match=r"pip install 'brrt\[compression\]'"):
        Compression(codings=("br",))
