"""What a real server makes of answers without content, seen byte by byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.responses import PlainTextResponse, Response

from brrt import App, Problem, Reply
from tests.http.responding import ANY, EMPTY

STATUSES = {"200": ANY, "201": ANY, "204": EMPTY, "205": EMPTY, "303": EMPTY, "304": EMPTY}


@asynccontextmanager
async def served(app: App, http: Any) -> AsyncIterator[int]:
    """The app on a port of its own, until the end."""
    config = uvicorn.Config(app, port=0, http=http, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(), name="uvicorn")
    while not server.started:
        await asyncio.sleep(0)
        assert not task.done()
    port: int = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        server.should_exit = True
        await task


async def exchange(port: int, *requests: str) -> bytes:
    """Everything that a server says to requests on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    *first, last = requests
    for line in first:
        writer.write(f"{line} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    writer.write(f"{last} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
    said = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return said


async def op(kind: str) -> Any:
    """Answers of every kind that has no content, or too much of it."""
    if kind.isdigit():
        return Reply(status=int(kind), location="/a")
    if kind == "none":
        return None
    if kind == "app204":
        return Response(b"too much", 204)
    if kind == "app304":
        return PlainTextResponse("too much", 304)
    if kind == "value204":
        return Reply({"too": "much"}, 204)
    if kind == "problem304":
        raise Problem(304, detail="too much")
    return {"a": 1}


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_answers_without_content(http: str, book: Any) -> None:
    """No body, no type and no wrong length; the next answer on the connection is whole."""
    parameter = {"name": "kind", "in": "query", "required": True, "schema": {"type": "string"}}
    item = {"get": book.operation("op", parameters=[parameter], responses=STATUSES)}
    app = App(book.spec(op=item), book.serve(op=op), validate_responses="warn")
    lengths = {"204": None, "205": b"0", "303": b"0", "304": None, "none": None}
    lengths |= dict.fromkeys(["app204", "app304", "value204", "problem304"])
    async with served(app, http) as port:
        for kind, length in lengths.items():
            said = await exchange(port, f"GET /op?kind={kind}", "GET /op?kind=value")
            head, _, rest = said.partition(b"\r\n\r\n")
            assert rest.startswith(b"HTTP/1.1 200 OK"), (kind, said)
            assert rest.endswith(b'{"a":1}')
            lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            assert lines.get(b"content-length") == length, kind
            assert b"transfer-encoding" not in lines
            assert b"content-type" not in lines or kind == "app304"
        said = await exchange(port, "HEAD /op?kind=value", "HEAD /op?kind=value")
        assert said.count(b"content-length: 7") == 2
        assert b"{" not in said
