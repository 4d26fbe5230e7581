"""Bodies that handlers read themselves, over real sockets and by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from brrt import App, Handlers, Limits, Problem, UploadFile
from tests.conftest import Call, Connect, Until

OCTETS = "application/octet-stream"
LINES = "application/jsonl"
ITEM = {
    "type": "object",
    "required": ["a"],
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 7}},
}
PATIENCE = 10.0


class Taker:
    """Handlers that read their bodies, and what they have seen."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.ended: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def take(self, body: AsyncIterator[bytes]) -> dict[str, int]:
        """Read everything, piece by piece, at the pace of the gate."""
        try:
            async for piece in body:
                self.seen.append(piece)
                await self.gate.wait()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        finally:
            self.ended.append("closed")
        return {"size": sum(map(len, self.seen))}

    async def items(self, body: AsyncIterator[dict[str, Any]]) -> dict[str, int]:
        """Read items."""
        async for one in body:
            self.seen.append(one)
        return {"size": len(self.seen)}

    async def first(self, body: AsyncIterator[bytes]) -> dict[str, int]:
        """Read no more than the first piece."""
        async for piece in body:
            return {"size": len(piece)}
        return {"size": 0}

    async def ignore(self, body: AsyncIterator[bytes]) -> dict[str, int]:
        """Read nothing."""
        return {"size": -1}

    async def keep(self, body: UploadFile | None) -> dict[str, Any]:
        """Take a file."""
        if body is None:
            return {"size": None}
        return {
            "size": body.size,
            "name": body.filename,
            "type": body.content_type,
            "rolled": getattr(body.file, "_rolled", None),
            "read": len(await body.read()),
        }

    async def echo(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Give back what comes, while it comes."""
        async for piece in body:
            yield piece


def operation(name: str, media: str = OCTETS, **members: Any) -> dict[str, Any]:
    """A POST that takes one media type."""
    answers = OCTETS if name == "echo" else "application/json"
    return {
        "operationId": name,
        "requestBody": {"required": True, "content": {media: {"itemSchema": ITEM}}}
        if media == LINES
        else {"required": members.pop("required", True), "content": {media: {}}},
        "responses": {"200": {"description": "ok", "content": {answers: {}}}},
        **members,
    }


def document(**members: Any) -> dict[str, Any]:
    """All operations."""
    names = ("take", "first", "ignore", "keep", "echo")
    paths = {f"/{name}": {"post": operation(name, **members)} for name in names}
    paths["/items"] = {"post": operation("items", LINES)}
    return {"openapi": "3.2.0", "info": {"title": "T", "version": "1"}, "paths": paths}


def make(taker: Taker, *, limits: Limits | None = None, **members: Any) -> App:
    """An app of these handlers."""
    handlers = Handlers()
    for name in ("take", "items", "first", "ignore", "keep", "echo"):
        handlers(name)(getattr(taker, name))
    return App(document(**members), handlers, limits=limits)


@pytest.fixture
async def taker() -> Taker:
    """Handlers that nothing was asked of."""
    return Taker()


@asynccontextmanager
async def served(app: Any, http: Any = "httptools") -> AsyncIterator[str]:
    """The address of an app under uvicorn, in this loop."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http=http, log_level="error", access_log=False)
    )
    task = asyncio.create_task(server.serve(), name="the server")
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture(params=["httptools", "h11"])
async def address(request: pytest.FixtureRequest, taker: Taker) -> AsyncIterator[str]:
    """Where the app is served, on each of uvicorn's parsers."""
    limits = Limits(max_upload=100_000, max_body=1_000, spool_size=50_000, stream_timeout=5.0)
    async with served(make(taker, limits=limits), request.param) as found:
        yield found


@pytest.fixture
async def asked(address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=PATIENCE) as found:
        yield found


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    """A body that is sent in chunks."""
    for piece in pieces:
        yield piece


# Over real sockets


@pytest.mark.parametrize("size", [0, 1, 1_000, 100_000])
async def test_bytes_arrive_whole(asked: httpx.AsyncClient, taker: Taker, size: int) -> None:
    """With a length and in chunks, up to the very limit."""
    headers = {"content-type": OCTETS}
    for content in (b"x" * size, chunks(b"x" * (size // 2), b"x" * (size - size // 2))):
        taker.seen.clear()
        answer = await asked.post("/take", content=content, headers=headers)
        assert answer.json() == {"size": size}
        assert b"".join(taker.seen) == b"x" * size


async def test_one_byte_more_than_may_come(asked: httpx.AsyncClient, taker: Taker) -> None:
    """By its length it is refused before the handler runs, in chunks while it is read."""
    headers = {"content-type": OCTETS}
    answer = await asked.post("/take", content=b"x" * 100_001, headers=headers)
    assert (answer.status_code, taker.ended) == (413, [])
    body = chunks(*[b"x" * 10_000] * 10, b"x")
    answer = await asked.post("/take", content=body, headers=headers)
    assert answer.status_code == 413
    assert taker.ended == ["BodyProblem", "closed"]
    assert (await asked.post("/take", content=b"", headers=headers)).status_code == 200


async def test_items_are_checked_one_by_one(asked: httpx.AsyncClient, taker: Taker) -> None:
    """Those before a bad one are given, with their defaults; the bad one is told like any other."""
    headers = {"content-type": LINES}
    body = chunks(b'{"a":1}\n{"a', b'":2,"b":3}\n{"b":"x"}\n{"a":4}\n')
    answer = await asked.post("/items", content=body, headers=headers)
    assert taker.seen == [{"a": 1, "b": 7}, {"a": 2, "b": 3}]
    assert answer.status_code == 400
    found = {(one["in"], one["pointer"], one["keyword"]) for one in answer.json()["errors"]}
    assert found == {("body", "/2", "required"), ("body", "/2/b", "type")}
    answer = await asked.post("/items", content=b'{"a":1}\n' * 500, headers=headers)
    assert answer.json() == {"size": 502}
    answer = await asked.post("/items", content=b'{"a":' + b"1" * 1_000, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/first", "/ignore"])
async def test_what_is_not_read_poisons_no_other_request(
    asked: httpx.AsyncClient, path: str
) -> None:
    """The rest of a body is the server's affair."""
    headers = {"content-type": OCTETS}
    for _ in range(3):
        answer = await asked.post(path, content=b"x" * 90_000, headers=headers)
        assert answer.status_code == 200
        answer = await asked.post("/items", content=b'{"a":1}', headers={"content-type": LINES})
        assert answer.status_code == 200


async def test_a_file_of_any_size(asked: httpx.AsyncClient) -> None:
    """In memory or on disk, with the name and type that were sent."""
    headers = {"content-type": OCTETS, "content-disposition": 'attachment; filename="a.bin"'}
    for size, is_large in ((10, False), (60_000, True)):
        answer = await asked.post("/keep", content=chunks(b"x" * size), headers=headers)
        told = {"size": size, "name": "a.bin", "type": OCTETS, "rolled": is_large, "read": size}
        assert answer.json() == told
    answer = await asked.post("/keep", content=chunks(b"x" * 100_001), headers=headers)
    assert answer.status_code == 413


async def test_what_comes_is_given_back_while_it_comes(address: str) -> None:
    """A body and an answer at the same time."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: {OCTETS}\r\nContent-Length: 6\r\n\r\n"
    writer.write(head.encode())
    writer.write(b"abc")
    assert b"abc" in await asyncio.wait_for(reader.readuntil(b"abc"), PATIENCE)
    writer.write(b"def")
    assert b"def" in await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), PATIENCE)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "media", "length", "first"),
    [
        ("/take", OCTETS, 3, b"HTTP/1.1 100"),
        ("/ignore", OCTETS, 3, b"HTTP/1.1 200"),
        ("/take", OCTETS, 100_001, b"HTTP/1.1 413"),
        ("/take", "text/css", 3, b"HTTP/1.1 415"),
    ],
)
async def test_100_continue_is_said_when_the_handler_reads(
    address: str, path: str, media: str, length: int, first: bytes
) -> None:
    """And not at all to a client whose body nobody wants."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media}\r\n"
        f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    )
    writer.write(head.encode())
    line = await asyncio.wait_for(reader.readline(), PATIENCE)
    assert line.startswith(first)
    if first.endswith(b"100"):
        await reader.readline()
        writer.write(b"abc")
        assert (await asyncio.wait_for(reader.readline(), PATIENCE)).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_leaves_in_the_middle(address: str, taker: Taker, until: Until) -> None:
    """The handler learns of it where it reads, and its `finally` runs."""
    host, _, port = address.partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /take HTTP/1.1\r\nHost: x\r\nContent-Type: {OCTETS}\r\nContent-Length: 9\r\n\r\n"
    writer.write(head.encode() + b"abc")
    await until(lambda: taker.seen)
    writer.close()
    await writer.wait_closed()
    await until(lambda: taker.ended == ["ClientGone", "closed"])


# By hand


async def test_no_more_is_received_than_is_asked_for(
    client: Connect, wire: Call, taker: Taker, until: Until
) -> None:
    """A handler that is busy with a piece gets no further one."""
    app = make(taker)
    await client(app)
    taker.gate.clear()
    request = wire(app, "POST", "/take", {"content-type": OCTETS})
    for _ in range(5):
        request.body(b"x", more=True)
    await until(lambda: taker.seen)
    for _ in range(50):
        await asyncio.sleep(0)
    assert (len(taker.seen), request.inbox.qsize()) == (1, 4)
    taker.gate.set()
    request.body(b"", more=False)
    assert await request.status() == 200
    assert len(taker.seen) == 5


async def test_a_slow_handler_is_not_listened_past_its_body(
    client: Connect, wire: Call, taker: Taker, until: Until
) -> None:
    """Whoever listens for the client to leave takes no piece away; afterwards it is heard."""
    app = make(taker, limits=Limits(disconnect_after=0.0), **{"x-brrt-on-disconnect": "cancel"})
    await client(app)
    taker.gate.clear()
    request = wire(app, "POST", "/take", {"content-type": OCTETS})
    request.body(b"a", more=True)
    await until(lambda: taker.seen)
    request.body(b"b")
    for _ in range(50):
        await asyncio.sleep(0)
    assert request.inbox.qsize() == 1
    taker.gate.set()
    taker.gate.clear()
    await until(lambda: len(taker.seen) == 2)
    request.hang_up()
    await request.silence()
    await until(lambda: taker.ended == ["CancelledError", "closed"])


async def test_a_drip_is_cut(client: Connect, wire: Call, taker: Taker, until: Until) -> None:
    """A client that sends nothing for too long is told so, where the handler reads."""
    app = make(taker, limits=Limits(stream_timeout=0.02))
    await client(app)
    request = wire(app, "POST", "/take", {"content-type": OCTETS})
    request.body(b"a", more=True)
    assert await request.status() == 408
    assert taker.ended == ["BodyProblem", "closed"]


async def test_the_deadline_counts_the_time_that_a_body_may_take(taker: Taker) -> None:
    """`timeout` and `upload_timeout` together, for handlers that read their bodies."""
    limits = Limits(timeout=2.0, upload_timeout=3.0)
    found = {one.name: one.served for one in make(taker, limits=limits).endpoints}
    assert found["take"] is not None
    assert found["keep"] is not None
    assert (found["take"].limits.timeout, found["keep"].limits.timeout) == (5.0, 2.0)


async def test_a_body_is_read_once_and_by_one(
    client: Connect, wire: Call, taker: Taker, until: Until
) -> None:
    """What cannot work is said at once."""
    errors: list[str] = []

    async def take(body: AsyncIterator[bytes]) -> dict[str, int]:
        reading = asyncio.ensure_future(anext(body))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError) as caught:
            await anext(body)
        errors.append(str(caught.value))
        await reading
        assert [piece async for piece in body] == []
        with pytest.raises(RuntimeError) as caught:
            aiter(body)
        errors.append(str(caught.value))
        return {"size": 0}

    app = make(taker)
    await client(app)
    await app.replace("take", take)
    request = wire(app, "POST", "/take", {"content-type": OCTETS})
    await until(lambda: errors)
    request.body(b"abc")
    assert await request.status() == 200
    assert "one task" in errors[0]
    assert "once" in errors[1]


async def test_a_handler_may_take_a_problem_for_its_own(
    client: Connect, wire: Call, taker: Taker
) -> None:
    """What is wrong with the body is a `Problem` that it can catch."""

    async def items(body: AsyncIterator[dict[str, Any]]) -> dict[str, int]:
        try:
            return {"size": len([one async for one in body])}
        except Problem as problem:
            with pytest.raises(Problem):  # and never a clean end
                await anext(body)
            return {"size": -problem.status}

    app = make(taker)
    await client(app)
    await app.replace("items", items)
    request = wire(app, "POST", "/items", {"content-type": LINES}, body=b'{}\n{"a":1}')
    assert await request.status() == 200
    assert request.sent[1]["body"] == b'{"size":-400}'


async def test_a_body_that_need_not_be_there(client: Connect, wire: Call, taker: Taker) -> None:
    """Without a type it must be empty."""
    app = make(taker, required=False)
    await client(app)
    assert await wire(app, "POST", "/take", body=b"").status() == 200
    assert await wire(app, "POST", "/take", body=b"x").status() == 415
    assert await wire(app, "POST", "/keep", {"content-type": OCTETS}, body=b"").status() == 200


# A reload while a body is on its way


async def whole(body: bytes) -> dict[str, int]:
    """Take everything at once."""
    return {"size": len(body)}


@pytest.mark.parametrize("old", ["keep", "whole"])
@pytest.mark.parametrize("new", ["take", "keep", "whole"])
async def test_a_body_that_is_in_hand_is_made_what_the_new_handler_wants(
    client: Connect, wire: Call, taker: Taker, until: Until, old: str, new: str
) -> None:
    """Bytes, a file or pieces: nobody has to send it again."""
    kinds: dict[str, Any] = {"keep": taker.keep, "whole": whole, "take": taker.take}
    app = make(taker)
    await client(app)
    await app.replace("take", kinds[old])
    request = wire(app, "POST", "/take", {"content-type": OCTETS})
    request.body(b"ab", more=True)
    await until(lambda: request.inbox.empty())
    await app.replace("take", kinds[new])
    request.body(b"c")
    assert await request.status() == 200
    assert b'"size":3' in request.sent[1]["body"]


async def test_nothing_was_taken_before_a_handler_accepts(
    client: Connect, wire: Call, taker: Taker
) -> None:
    """What the new handler is does not matter to a body that nobody has read."""
    app = make(taker)
    await client(app)
    request = wire(app, "POST", "/take", {"content-type": OCTETS})
    await app.replace("take", whole)
    request.body(b"abc")
    assert await request.status() == 200


async def test_cancelled_anywhere(client: Connect, taker: Taker, cut: Any) -> None:
    """A request that the server cancels at any await leaves nothing behind."""
    app = make(taker)
    found = await client(app)
    headers = {"content-type": OCTETS}
    turns = 0
    while await cut(
        lambda: found.post("/take", content=chunks(b"a", b"b"), headers=headers), turns
    ):
        turns += 1
    assert turns > 3
