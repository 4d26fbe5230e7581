"""The app that servers and hosts are tried with: `uvicorn tests.lifecycle.served:app`.

The environment says what it is mounted in (`LIFECYCLE_HOST`, `LIFECYCLE_WIRING`, see `hosts`) and
where the gates are (`LIFECYCLE_GATES`, a folder). Every handler tells in its answer which
generation it is of; one that is asked to wait at a gate stays until a file of that name is there,
since a file is the only thing that still reaches a process whose server takes no more requests.
What happens inside is written to stderr, line by line, among what the server itself logs.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse

from brrt import App, Event, Handlers, Limits, SpecError
from tests.lifecycle.hosts import mounted

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

CONTROL: Final = "/control/"
# Seconds between two looks for the file that opens a gate.
LOOK: Final = 0.01
# Seconds that a resting app may take to let go of workers that it does not need any more.
REST: Final = 10.0


def record(*words: object) -> None:
    """Tell what happened, in one write, so that lines of several processes do not mix."""
    sys.stderr.write(" ".join(("RECORD", *map(str, words))) + "\n")
    sys.stderr.flush()


class Generation:
    """One set of handlers. `by` is what they say of themselves."""

    def __init__(self, by: str) -> None:
        self.by = by

    def handlers(self, *names: str) -> Handlers:
        """The handlers of these names."""
        handlers = Handlers()
        for name in names:
            handlers(name)(getattr(self, name))
        return handlers

    async def hello(self) -> dict[str, str]:
        """Answer at once."""
        return {"by": self.by}

    async def extra(self) -> dict[str, str]:
        """Answer at once; only the second document knows it."""
        return {"by": self.by}

    async def echo(self, word: str) -> dict[str, str]:
        """Tell what stood in the path."""
        return {"word": word}

    async def slow(self, gate: str) -> dict[str, str]:
        """Answer when the gate opens."""
        return await self._stay("slow", gate)

    async def work(self, gate: str) -> dict[str, str]:
        """The same for a POST, which is not undone by a client that goes away."""
        return await self._stay("work", gate)

    async def narrow(self, gate: str) -> dict[str, str]:
        """The same; one may run and one may wait."""
        return await self._stay("narrow", gate)

    async def late(self, gate: str) -> dict[str, str]:
        """The same, with a short deadline."""
        return await self._stay("late", gate)

    async def crash(self) -> dict[str, str]:
        """Fail."""
        raise RuntimeError("a secret of the server")

    async def upload(self, gate: str, body: bytes) -> dict[str, Any]:
        """Tell how much was sent."""
        return {"by": self.by, "size": len(body)}

    async def renew(self) -> dict[str, str]:
        """Replace this very handler, and answer as the old one."""
        await inner.replace("renew", Generation("renewed").renew)
        return {"by": self.by}

    async def feed(self, gate: str) -> AsyncIterator[Event]:
        """Give an event at once, and another when the gate opens."""
        async for number in self._give("feed", gate):
            yield Event({"by": self.by}, id=str(number))

    async def flow(self, gate: str) -> AsyncIterator[dict[str, Any]]:
        """The same as JSON lines, which nobody takes up again."""
        async for number in self._give("flow", gate):
            yield {"by": self.by, "n": number}

    async def burst(self, gate: str) -> AsyncIterator[dict[str, Any]]:
        """The same, but it fails at the end."""
        async for number in self._give("burst", gate):
            yield {"by": self.by, "n": number}
        raise RuntimeError("a secret of the server")

    async def _give(self, name: str, gate: str) -> AsyncIterator[int]:
        try:
            yield 0
            await self._stay(name, gate)
            yield 1
        finally:
            record("closed", name, gate, self.by)

    async def _stay(self, name: str, gate: str) -> dict[str, str]:
        record("entered", name, gate, self.by)
        try:
            while not (GATES / gate).exists():  # noqa: ASYNC110 - the test is another process
                await asyncio.sleep(LOOK)
        except asyncio.CancelledError:
            record("cancelled", name, gate, self.by)
            raise
        record("finished", name, gate, self.by)
        return {"by": self.by}


def document(*names: str) -> dict[str, Any]:
    """The document that has these operations."""
    paths = {
        PATHS.get(name, f"/{name}"): {METHODS.get(name, "get"): operation(name)} for name in names
    }
    return {"openapi": "3.1.0", "info": {"title": "Lives", "version": "1"}, "paths": paths}


def operation(name: str) -> dict[str, Any]:
    """One operation. Those that wait take the name of their gate."""
    kind = KINDS.get(name, "application/json")
    responses = {"200": {"description": "ok", "content": {kind: {}}}}
    found: dict[str, Any] = {"operationId": name, "responses": responses, **LIMITS.get(name, {})}
    if name in GATED:
        gate = {"name": "gate", "in": "query", "required": True, "schema": {"type": "string"}}
        found["parameters"] = [gate]
    if name == "echo":
        found["parameters"] = [
            {"name": "word", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    if name == "upload":
        found["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return found


PATHS: Final = {"echo": "/echo/{word}"}
METHODS: Final = {"work": "post", "upload": "post", "renew": "post"}
GATED: Final = ("slow", "work", "narrow", "late", "upload", "feed", "flow", "burst")
KINDS: Final = {
    "feed": "text/event-stream",
    "flow": "application/jsonl",
    "burst": "application/jsonl",
}
LIMITS: Final[dict[str, dict[str, Any]]] = {
    "narrow": {"x-brrt-workers": 1, "x-brrt-queue-size": 1},
    "late": {"x-brrt-timeout": 0.1},
}
STREAMS: Final = ("feed", "flow", "burst")
SHARED: Final = ("echo", "slow", "work", "narrow", "late", "crash", "upload", "renew", *STREAMS)
WORLDS: Final = {"first": ("hello", *SHARED), "second": ("extra", *SHARED)}
BROKEN: Final = document("hello", "nobody", "noone")  # two operations that have no handler


class Witness:
    """ASGI around everything: it changes the app when told to, and records what it sees.

    `app` is the one that is tried, `application` what the server would serve without a witness.
    """

    def __init__(self, application: Any, app: App) -> None:
        self.app = app
        self._application = application
        self._loop: asyncio.AbstractEventLoop | None = None
        Finalize(None, self._report, args=("exit",), exitpriority=0)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        self._loop = asyncio.get_running_loop()
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["path"].startswith(CONTROL):
            await self._control(scope, receive, send)
        else:
            await self._application(scope, self._overheard(scope, receive), send)

    async def _lifespan(self, scope: Any, receive: Receive, send: Send) -> None:
        """What the host says at its end is held back until its tasks were counted."""

        async def tell(message: Any) -> None:
            if message["type"].startswith("lifespan.shutdown"):
                self._report(message["type"])
            await send(message)

        await self._application(scope, receive, tell)

    def _overheard(self, scope: Any, receive: Receive) -> Receive:
        """`receive`, with a record of who begins, listens to its client, and hears it go away."""
        name = f"{scope['path']}?{scope['query_string'].decode()}"
        record("began", name)

        async def hear() -> Any:
            record("listens", name)
            message = await receive()
            if message["type"] == "http.disconnect":
                record("gone", name)
            return message

        return hear

    async def _control(self, scope: Any, receive: Receive, send: Send) -> None:
        action: Callable[..., Awaitable[Any]] = getattr(
            self, f"do_{scope['path'].removeprefix(CONTROL)}"
        )
        try:
            content, status = await action(**dict(parse_qsl(scope["query_string"].decode()))), 200
        except SpecError as error:
            content, status = [str(fault) for fault in error.faults], 422
        await JSONResponse(content, status)(scope, receive, send)

    # What tests ask for: POST /control/…

    async def do_replace(self, name: str, by: str) -> None:
        """Serve an operation by a handler of another generation."""
        await self.app.replace(name, getattr(Generation(by), name))

    async def do_remove(self, name: str) -> None:
        """Serve an operation no more."""
        await self.app.remove(name)

    async def do_reload(self, world: str) -> None:
        """Serve another document, with handlers of its generation."""
        names = WORLDS[world]
        await self.app.reload(document(*names), Generation(world).handlers(*names))

    async def do_break(self) -> None:
        """Try to serve a document that is broken."""
        await self.app.reload(BROKEN)

    async def do_statistics(self) -> dict[str, Any]:
        """The books, and beside them the worker tasks that are really there."""
        workers = [name for name in self._tasks() if "/" in name and not name.endswith(" job")]
        return {**self.app.statistics().as_dict(), "workers": workers}

    async def do_rest(self) -> dict[str, Any]:
        """The same, as soon as nothing is in flight, and surplus workers and streams have gone."""
        until = asyncio.get_running_loop().time() + REST
        while asyncio.get_running_loop().time() < until:
            now = self.app.statistics()
            idle = not (now.total.busy or now.retiring or now.total.streams.active)
            if idle and now.total.active == len(now.handlers):
                break
            await asyncio.sleep(LOOK)
        return await self.do_statistics()

    def _tasks(self) -> list[str]:
        """Tasks that are alive and ours."""
        assert self._loop is not None
        names = [task.get_name() for task in asyncio.all_tasks(self._loop)]
        return sorted(name for name in names if name.startswith("brrt "))

    def _report(self, when: str) -> None:
        """The last word: what lives where nothing should."""
        if self._loop is not None:
            total = self.app.statistics().as_dict()["total"]
            record("end", json.dumps({"when": when, "tasks": self._tasks(), "total": total}))


@asynccontextmanager
async def diary(_: App) -> AsyncIterator[None]:
    """The app's own lifespan."""
    record("opened")
    yield
    record("closed")


GATES: Final = Path(os.environ["LIFECYCLE_GATES"])
logging.getLogger("brrt").setLevel(logging.INFO)
logging.getLogger("brrt").addHandler(logging.StreamHandler())
inner: Final = App(
    document(*WORLDS["first"]),
    Generation("first").handlers(*WORLDS["first"]),
    limits=Limits(idle_timeout=0.02, cancel_wait=2.0),
    lifespan=diary,
)
app: Final = Witness(
    mounted(inner, os.environ["LIFECYCLE_HOST"], os.environ["LIFECYCLE_WIRING"]), inner
)
