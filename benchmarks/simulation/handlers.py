"""Handlers that do what the request says they do."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from benchmarks.simulation.calls import Call, Giving, Performance
from benchmarks.simulation.plan import STREAMS, Behaviour
from brrt import Handlers, LifecycleError, Problem, Request, ServiceUnavailable

if TYPE_CHECKING:
    from benchmarks.simulation.scene import Scene


class Source:
    """An iterator that is no generator, and holds something until it is closed."""

    def __init__(self, items: AsyncIterator[Any]) -> None:
        self._items = items
        self.is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._items)

    async def aclose(self) -> None:
        """Let go of what it holds."""
        self.is_closed = True
        await self._items.aclose()  # type: ignore[attr-defined]


class Troupe:
    """Makes handlers, each with a serial number, and lets them perform."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        self.serials: dict[Any, int] = {}
        self.sources: list[Source] = []
        self.toils: list[Performance] = []
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
        if operation in STREAMS:
            made = self._streaming(serial)
        self.serials[made] = serial
        return made

    def _streaming(self, serial: int) -> Any:
        """A generator function, or a coroutine that gives a generator or another iterator."""
        kind = (serial + self._scene.plan.seed) % 4

        async def giving(n: int, request: Request) -> AsyncIterator[Any]:
            items = self._items(n, serial, request, self._scene.calls[n].does)
            try:
                async for item in items:
                    yield item
            finally:
                await items.aclose()

        async def opening(n: int, request: Request) -> Any:
            does = self._scene.calls[n].does
            gives = (place for place, one in enumerate(does) if one[0] in ("yield", "wrong"))
            first = next(gives, len(does) - 1)
            await self._perform(n, serial, request, does[:first])
            items = self._items(n, serial, request, (does[0], *does[first:]))
            if kind == 0:
                return items
            self.sources.append(Source(items))
            return self.sources[-1]

        return opening if kind < 2 else giving

    async def _items(
        self, number: int, serial: int, request: Request, words: Behaviour
    ) -> AsyncGenerator[Any, None]:
        """Items between everything else."""
        scene, call = self._scene, self._scene.calls[number]
        mine = Giving(*self._facts(serial, request))
        call.givings.append(mine)
        scene.note(f"stream {serial} begins with {number}")
        scene.stream_rules.check_start(call, mine)
        try:
            for word, value in words:
                mine.words.append(word)
                if word in ("yield", "wrong"):
                    item = self._item(word, call, mine)
                    scene.stream_rules.check_item(call, mine)
                    yield item
                else:
                    await getattr(self, "_" + word.replace(" ", "_"))(value, call, mine)
            mine.finished = True
        except (asyncio.CancelledError, GeneratorExit):
            self._was_cancelled(mine)
            raise
        finally:
            try:
                await self._speak_last(words[0][1], mine)
            finally:
                mine.ended = scene.loop.time()
                scene.note(f"stream {serial} ends with {number}")
                scene.stream_rules.check_end(call, mine)

    def _item(self, word: str, call: Call, mine: Giving) -> Any:
        """The next item, or one that breaks the document."""
        if word == "wrong":
            return {"n": "wrong"} if call.operation == "flow" else object()
        index = len(mine.given)
        facts = {"n": call.number, "serial": mine.serial, "edition": mine.edition, "item": index}
        mine.given.append(facts)
        return facts

    async def _speak_last(self, seconds: float, mine: Giving) -> None:
        """Put away what was used, as `finally` does."""
        if seconds:
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                if mine.cancelled is not None:
                    mine.interrupted = self._scene.loop.time()
                self._was_cancelled(mine)
                raise

    def _facts(self, serial: int, request: Request) -> tuple[Any, ...]:
        """Who performs, for whom, and since when."""
        loop, task = self._scene.loop, asyncio.current_task()
        edition = request.operation.extensions["x-edition"]
        return task, serial, edition, loop.steps, loop.time()

    async def _perform(
        self, number: int, serial: int, request: Request, words: Behaviour | None = None
    ) -> Any:
        scene = self._scene
        call, loop = scene.calls[number], scene.loop
        mine = Performance(*self._facts(serial, request))
        call.performances.append(mine)
        scene.note(f"handler {serial} begins with {number}")
        scene.rules.check_start(call, mine)
        try:
            for word, value in call.does if words is None else words:
                await getattr(self, "_" + word.replace(" ", "_"))(value, call, mine)
        except asyncio.CancelledError:
            self._was_cancelled(mine)
            raise
        finally:
            mine.ended = loop.time()
            scene.note(f"handler {serial} ends with {number}")
            scene.rules.check_end(call, mine)
        return {"n": number, "serial": serial, "edition": mine.edition}

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
            try:
                await self.released.wait()
            except asyncio.CancelledError:
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
        does: Behaviour = (("give", None),)
        if operation in STREAMS:
            does = (("last words", 0.0), ("yield", None), ("yield", None), *does)
        inner = self._scene.call(operation, does)
        inner.task = asyncio.create_task(inner.serve(), name=f"sim request {inner.number}")
        inner.task.add_done_callback(inner.end)
        inner.is_inner = True
        await inner.task

    async def _toil(self, does: Behaviour, call: Call, mine: Performance) -> None:
        """Start work in the background."""
        with suppress(ServiceUnavailable, LifecycleError):
            self._scene.app.background.start(self._toils(does, call, mine), name="toil")

    async def _toils(self, does: Behaviour, call: Call, starter: Performance) -> None:
        loop, task = self._scene.loop, asyncio.current_task()
        assert task is not None
        mine = Performance(task, starter.serial, starter.edition, loop.steps, loop.time())
        self.toils.append(mine)
        try:
            for word, value in does:
                await getattr(self, "_" + word)(value, call, mine)
        except asyncio.CancelledError:
            self._was_cancelled(mine)
            raise
        finally:
            mine.ended = loop.time()

    async def _wait(self, _: None, call: Call, mine: Performance) -> None:
        """Give nothing more, and obey."""
        await self.released.wait()

    async def _last_words(self, _: float, call: Call, mine: Performance) -> None:
        """What is done at the end is told at the beginning."""

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
