"""What is served in the storm of streams: ticks as events, and downloads as lines and as bytes.

    brrt run benchmarks.storms.channel:app

Ticks are numbered, so whoever misses one or sees one twice knows it. They go on by themselves
while handlers and documents come and go.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from benchmarks.storms.door import Door
from brrt import App, Event, Handlers

# Seconds between two ticks.
EVERY: Final = 0.02
# Bytes of a piece of a download: what they consist of.
PIECE: Final = bytes(range(256)) * 16
COUNT: Final = {"type": "integer", "minimum": 0, "maximum": 100_000}
PAUSE: Final = {"type": "number", "minimum": 0, "default": 0}


class Clock:
    """Counts ticks, and wakes those who wait for one."""

    def __init__(self) -> None:
        self.ticks = 0
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Wait for a tick."""
        await self._next.wait()

    async def run(self) -> None:
        """Tick until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            self.ticks += 1
            self._next.set()
            self._next = asyncio.Event()


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[Clock]:
    """A clock that runs for as long as the app."""
    clock = Clock()
    running = asyncio.create_task(clock.run(), name="clock")
    try:
        yield clock
    finally:
        running.cancel()
        await asyncio.wait([running])


def document(world: int) -> dict[str, Any]:
    """The document of a world."""
    item = {"type": "object", "required": ["line"], "properties": {"line": {"type": "integer"}}}
    last = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer", "default": 0}}
    download = _query("count", COUNT, required=True), _query("pause", PAUSE, required=False)
    return {
        "openapi": "3.2.0",
        "info": {"title": "Streams", "version": str(world)},
        "paths": {
            "/ticks": {"get": _operation("watchTicks", {"text/event-stream": {}}, last)},
            "/now": {"get": _operation("getNow", {"application/json": {}})},
            "/lines": {
                "get": _operation(
                    "getLines", {"application/jsonl": {"itemSchema": item}}, *download
                )
            },
            "/bytes": {"get": _operation("getBytes", {"application/octet-stream": {}}, *download)},
        },
    }


def _query(name: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _operation(name: str, content: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "parameters": list(parameters),
        "responses": {"200": {"description": "ok", "content": content}},
    }


def functions() -> dict[str, Callable[..., Any]]:
    """New handlers by operation."""

    async def watch_ticks(last_event_id: int, clock: Clock) -> AsyncIterator[Event]:
        seen = last_event_id
        while True:
            while seen < clock.ticks:
                seen += 1
                yield Event({"tick": seen}, id=str(seen))
            await clock.wait()

    async def get_now(clock: Clock) -> dict[str, int]:
        return {"ticks": clock.ticks}

    async def get_lines(count: int, pause: float) -> AsyncIterator[dict[str, int]]:
        for line in range(count):
            yield {"line": line}
            await asyncio.sleep(pause)

    async def get_bytes(count: int, pause: float) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield PIECE
            await asyncio.sleep(pause)

    made = (watch_ticks, get_now, get_lines, get_bytes)
    return {function.__name__: function for function in made}


def collected() -> Handlers:
    """New handlers."""
    handlers = Handlers()
    for name, function in functions().items():
        handlers(name)(function)
    return handlers


async def reload(app: App, count: int) -> None:
    """Another document and other handlers, and now and then only other handlers one by one."""
    if count % 3:
        await app.reload(document(count), collected())
        return
    for name, function in functions().items():
        await app.replace(name, function)


def make() -> Door:
    """The app behind the door through which its storm comes."""
    return Door(App(document(0), collected(), lifespan=lifespan), {"change": reload})


app = make()
