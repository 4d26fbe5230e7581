"""Large bodies both ways, through real uvicorn: how fast, and how much memory the server takes.

    python -m benchmarks.transfer --mebibytes 1024

Uploads: bytes that the handler reads, a file that is spooled to disk, JSON lines item by item.
Downloads: bytes, a file, JSON lines that are checked one by one, events. Memory is that of the
server's process, sampled while the body is on its way, beyond what it was before.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from starlette.responses import FileResponse

from benchmarks.servers import free_port, serve
from brrt import App, Handlers, Limits, Reply, UploadFile

PIECE: Final = b"x" * 262_144
LINE: Final = b'{"a":1}\n'
MEBIBYTE: Final = 1 << 20
# Items that are sent for each mebibyte of bytes.
ITEMS: Final = 256
# Seconds between two looks at the memory.
LOOK: Final = 0.02
OCTETS, LINES, EVENTS = "application/octet-stream", "application/jsonl", "text/event-stream"
ITEM: Final = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}

handlers = Handlers()


@handlers
async def take_bytes(body: AsyncIterator[bytes]) -> int:
    """Count bytes."""
    size = 0
    async for piece in body:
        size += len(piece)
    return size


@handlers
async def take_file(body: UploadFile) -> int:
    """Take a file."""
    return body.size or 0


@handlers
async def take_lines(body: AsyncIterator[dict[str, Any]]) -> int:
    """Count items."""
    count = 0
    async for _ in body:
        count += 1
    return count


@handlers
async def give_bytes(size: int) -> Reply[AsyncIterator[bytes]]:
    """So many mebibytes."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size * MEBIBYTE // len(PIECE)):
            yield PIECE

    return Reply(pieces(), headers={"Content-Length": str(size * MEBIBYTE)})


@handlers
async def give_file(path: str) -> FileResponse:
    """A file."""
    return FileResponse(path)


@handlers
async def give_lines(size: int) -> AsyncIterator[dict[str, int]]:
    """So many items."""
    for _ in range(size):
        yield {"a": 1}


@handlers
async def give_events(size: int) -> AsyncIterator[dict[str, int]]:
    """So many events."""
    for _ in range(size):
        yield {"a": 1}


def document() -> dict[str, Any]:
    """One operation for each kind of transfer."""
    paths: dict[str, Any] = {}
    for name, kind in (("bytes", OCTETS), ("file", OCTETS), ("lines", LINES)):
        body = {"required": True, "content": {kind: {"schema": ITEM} if kind == LINES else {}}}
        answer = {"200": {"description": "ok", "content": {"application/json": {}}}}
        paths[f"/take-{name}"] = {
            "post": {"operationId": f"take_{name}", "requestBody": body, "responses": answer}
        }
    for name, kind in (("bytes", OCTETS), ("file", OCTETS), ("lines", LINES), ("events", EVENTS)):
        content = {kind: {} if kind == OCTETS else {"schema": ITEM}}
        what = "path" if name == "file" else "size"
        schema = {"type": "string" if name == "file" else "integer"}
        paths[f"/give-{name}"] = {
            "get": {
                "operationId": f"give_{name}",
                "parameters": [{"name": what, "in": "query", "required": True, "schema": schema}],
                "responses": {"200": {"description": "ok", "content": content}},
            }
        }
    return {"openapi": "3.1.0", "info": {"title": "Transfers", "version": "1"}, "paths": paths}


app = App(document(), handlers, limits=Limits(max_upload=1 << 33, timeout=600.0))


class Watch:
    """The memory of a process while a transfer goes on."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._before = self._peak = process.memory_info().rss

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._peak = max(self._peak, self._process.memory_info().rss)
            await asyncio.sleep(LOOK)

    @property
    def growth(self) -> float:
        """Mebibytes beyond those before."""
        return (self._peak - self._before) / MEBIBYTE


async def body(piece: bytes, count: int) -> AsyncIterator[bytes]:
    """A body in chunks."""
    for _ in range(count):
        yield piece


async def transfer(client: httpx.AsyncClient, name: str, size: int, file: Path) -> int:
    """One transfer of about `size` mebibytes; how many bytes it was."""
    way, _, what = name.partition("-")
    items = size * ITEMS
    if way == "take":
        piece, kind = (LINE * 4096, LINES) if what == "lines" else (PIECE, OCTETS)
        count = (
            items * len(LINE) // len(piece) if what == "lines" else size * MEBIBYTE // len(piece)
        )
        sent = body(piece, count)
        answer = await client.post(f"/{name}", content=sent, headers={"content-type": kind})
        answer.raise_for_status()
        return len(piece) * count
    query = {"path": str(file)} if what == "file" else {"size": items if what != "bytes" else size}
    length = 0
    async with client.stream("GET", f"/{name}", params=query) as answer:
        answer.raise_for_status()
        async for piece in answer.aiter_raw():
            length += len(piece)
    return length


async def measure(size: int) -> None:
    """Each transfer once, one after the other."""
    port = free_port()
    command = ["uvicorn", "benchmarks.transfer:app", f"--port={port}", "--log-level=warning"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        with file.open("wb") as made:
            made.truncate(size * MEBIBYTE)
        async with serve([*command, "--no-access-log"], port) as process:
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=600) as client:
                for name in ("take-bytes", "take-file", "take-lines"):
                    await report(client, name, size, file, process.pid)
                for name in ("give-bytes", "give-file", "give-lines", "give-events"):
                    await report(client, name, size, file, process.pid)


async def report(client: httpx.AsyncClient, name: str, size: int, file: Path, pid: int) -> None:
    """Measure one transfer, and print a line."""
    watch = Watch(psutil.Process(pid))
    watching = asyncio.create_task(watch.run())
    began = time.perf_counter()
    count = await transfer(client, name, size, file)
    seconds = time.perf_counter() - began
    watching.cancel()
    await asyncio.wait([watching])
    rate = f"{count / seconds / 1e6:9.0f} MB/s     "
    if name.endswith(("lines", "events")):
        rate = f"{size * ITEMS / seconds:9,.0f} items/s  "
    print(f"{name:12} {count / MEBIBYTE:8.1f} MiB {rate} memory {watch.growth:+6.1f} MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=1024, help="of each transfer of bytes")
    asyncio.run(measure(parser.parse_args().mebibytes))
