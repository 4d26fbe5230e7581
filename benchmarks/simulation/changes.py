"""Changes: what is replaced, removed, reloaded or closed, by whom, and what that displaced."""

import asyncio
from typing import TYPE_CHECKING, Any

from benchmarks.simulation.plan import OPERATIONS
from brrt import LifecycleError, SpecError
from brrt.runtime.pool import Pool, serving

if TYPE_CHECKING:
    from benchmarks.simulation.scene import Scene


class Change:
    """One change. `displaced` are the pools that it took out of service."""

    def __init__(self, scene: "Scene", what: dict[str, Any]) -> None:
        self._scene = scene
        self.what = what
        self.task: asyncio.Task[Any] | None = None
        self.displaced: list[Pool] = []
        self.inside: Pool | None = None
        self.edition = 0
        self.serials: dict[str, int] = {}
        self.is_published = False
        self.began, self.stalled, self.step = (
            scene.loop.time(),
            scene.loop.stalled,
            scene.loop.steps,
        )
        self.done = self.cancelled = False

    def __str__(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.what.items() if value is not None)

    def cancel(self) -> None:
        """Whoever makes the change is cancelled."""
        if self.task is not None and not self.task.done():
            self._scene.note(f"cancelled: {self}")
            self.cancelled = True
            self.task.cancel()

    def end(self, _: object) -> None:
        """The change is over, perhaps before it had begun."""
        self.done = True

    async def run(self) -> None:
        """Make the change in a task of its own."""
        try:
            await self.make()
        except asyncio.CancelledError:
            if not self.cancelled:
                self._scene.fail("P2", f"the app cancelled who made a change: {self}")
        except BaseException as error:
            self._scene.fail("P5", f"{self} raised {error!r}")

    async def make(self) -> None:
        """Make the change in the current task."""
        scene, before = self._scene, self._scene.rules.publications
        self.task, self.inside = asyncio.current_task(), serving()
        self.began, self.stalled, self.step = (
            scene.loop.time(),
            scene.loop.stalled,
            scene.loop.steps,
        )
        try:
            await self._make()
        except LifecycleError as error:
            scene.note(f"refused: {self}: {error}")
            if self.displaced or self.is_published:
                scene.fail("P5", f"{self} raised {error!r} after it was made")
            scene.rules.check_refusal(self, str(error))
        except SpecError as error:
            if not scene.rules.is_faulty(self):
                scene.fail("P5", f"{self} raised {error!r}")
            if self.displaced or self.is_published:
                scene.fail("P5", f"a bad document was published after {before}")
        else:
            scene.note(f"made: {self}")
            scene.rules.check_change(self)
        finally:
            self.done = True

    async def _make(self) -> None:
        scene, what = self._scene, self.what
        kind = what["kind"]
        if kind == "replace":
            handler = self._handler(what["operation"])
            await scene.app.replace(what["operation"], handler, workers=what.get("workers"))
        elif kind == "remove":
            await scene.app.remove(what["operation"])
        elif kind == "close":
            scene.closings += 1
            await scene.app.aclose(grace=what["grace"])
        elif kind == "bad reload":
            await scene.app.reload({"openapi": "3.1.0", "paths": {"/x": {"get": {}}}})
        else:
            await self._reload()

    def _handler(self, operation: str) -> Any:
        """The handler that is served now, or another one."""
        troupe, known = self._scene.troupe, self._scene.rules.expected.known
        if self.what["same"] and operation in known:
            self.serials = {operation: known[operation][0]}
            return next(
                one for one, serial in troupe.serials.items() if serial == known[operation][0]
            )
        handler = troupe.handler(operation)
        self.serials = {operation: troupe.serials[handler]}
        return handler

    async def _reload(self) -> None:
        from benchmarks.simulation.scene import document

        scene, without, new = self._scene, self.what["without"], None
        if not self.what["again"]:
            scene.edition += 1
            self.edition = scene.edition
            new = document(scene.edition, without, self.what["workers"], scene.plan.guarded)
        handlers = None
        if self.what["handlers"]:
            handlers = scene.troupe.handlers(*(one for one in OPERATIONS if one != without))
            self.serials = {one.name: scene.troupe.serials[one.function] for one in handlers}
        await scene.app.reload(new, handlers)
