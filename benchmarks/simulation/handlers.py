"""Handlers that do what the request says they do."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from benchmarks.simulation.calls import Call, Performance
from brrt import Handlers, Problem, Request

if TYPE_CHECKING:
    from benchmarks.simulation.scene import Scene


class Troupe:
    """Makes handlers, each with a serial number, and lets them perform."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        self.serials: dict[Any, int] = {}
        self.released = asyncio.Event()

    def handlers(self, *operations: str) -> Handlers:
        """A collection of new handlers."""
        made = Handlers()
        for operation in operations:
            made(operation)(self.handler(operation))
        return made

    def handler(self, operation: str) -> Any:
        """A new handler for an operation."""
        serial = len(self.serials) + 1

        async def with_body(body: dict[str, Any], request: Request) -> Any:
            return await self._perform(body["n"], serial, request)

        async def with_number(n: int, request: Request) -> Any:
            return await self._perform(n, serial, request)

        made: Any = with_body if operation == "make" else with_number
        self.serials[made] = serial
        return made

    async def _perform(self, number: int, serial: int, request: Request) -> Any:
        scene = self._scene
        call, loop = scene.calls[number], scene.loop
        edition = request.operation.extensions["x-edition"]
        task = asyncio.current_task()
        assert task is not None
        mine = Performance(task, serial, edition, loop.steps, loop.time())
        call.performances.append(mine)
        scene.note(f"handler {serial} begins with {number}")
        scene.rules.check_start(call, mine)
        try:
            for word, value in call.does:
                await getattr(self, "_" + word.replace(" ", "_"))(value, call, mine)
        except asyncio.CancelledError:
            self._was_cancelled(mine)
            raise
        finally:
            mine.ended = loop.time()
            scene.note(f"handler {serial} ends with {number}")
            scene.rules.check_end(call, mine)
        return {"n": number, "serial": serial, "edition": edition}

    def _was_cancelled(self, mine: Performance) -> None:
        if mine.cancelled is None:
            mine.cancelled = self._scene.loop.time()

    # What a request may say

    async def _sleep(self, seconds: float, call: Call, mine: Performance) -> None:
        await asyncio.sleep(seconds)

    async def _turns(self, count: int, call: Call, mine: Performance) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def _resist(self, seconds: float, call: Call, mine: Performance) -> None:
        """Swallow one cancellation, and go on for a while."""
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self._was_cancelled(mine)
            await asyncio.sleep(seconds)

    async def _stay(self, _: None, call: Call, mine: Performance) -> None:
        """Swallow every cancellation."""
        while not self.released.is_set():
            with suppress(asyncio.CancelledError):
                await self.released.wait()
            self._was_cancelled(mine)

    async def _child(self, seconds: float, call: Call, mine: Performance) -> None:
        """Have a task of its own, as good handlers do: they wait for it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(seconds), name="sim child")

    async def _change(self, what: dict[str, Any], call: Call, mine: Performance) -> None:
        try:
            await self._scene.change(what)
        except asyncio.CancelledError:
            self._was_cancelled(mine)
            raise

    async def _ask(self, operation: str, call: Call, mine: Performance) -> None:
        """Ask the app that it belongs to."""
        inner = self._scene.call(operation, (("give", None),), ())
        inner.task = asyncio.create_task(inner.serve(), name=f"sim request {inner.number}")
        inner.task.add_done_callback(inner.end)
        inner.is_inner = True
        await inner.task

    async def _riot(self, _: None, call: Call, mine: Performance) -> None:
        """Cancel everything in sight."""
        self._scene.riot()

    async def _give(self, _: None, call: Call, mine: Performance) -> None:
        """Answer."""

    async def _raise(self, _: None, call: Call, mine: Performance) -> None:
        raise KeyError(call.number)

    async def _problem(self, _: None, call: Call, mine: Performance) -> None:
        raise Problem(409, detail="as the request says")

    async def _exit(self, _: None, call: Call, mine: Performance) -> None:
        raise SystemExit(call.number)

    async def _give_up(self, _: None, call: Call, mine: Performance) -> None:
        raise asyncio.CancelledError

    async def _cancel_itself(self, _: None, call: Call, mine: Performance) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)
