"""Hosts: whoever starts the app and stops it, on one of the roads that there are."""

import asyncio
from typing import TYPE_CHECKING, Any

from brrt import LifecycleError

if TYPE_CHECKING:
    from benchmarks.simulation.scene import Scene


class Host:
    """Holds the app open until it is told to leave."""

    def __init__(self, scene: "Scene", road: str) -> None:
        self._scene = scene
        self._road = road
        self._leaving = asyncio.Event()
        self._is_started = False
        self._closings = 0
        self._is_inside = False
        self.cancelled = False
        self.task: asyncio.Task[Any] | None = None

    @property
    def holds(self) -> bool:
        """Whether it holds an app open that nobody else has stopped since."""
        untouched = self._closings == self._scene.closings and not self.cancelled
        return self._is_inside and untouched and not self._leaving.is_set()

    async def _hold(self) -> None:
        self._is_inside = True
        await self._leaving.wait()

    def leave(self) -> None:
        """Stop the app."""
        self._leaving.set()

    async def hold(self) -> None:
        """Start the app, and stop it when it is time."""
        self.task, self._closings = asyncio.current_task(), self._scene.closings
        try:
            await getattr(self, "_" + self._road)()
        except asyncio.CancelledError:
            if not self.cancelled:
                self._scene.fail("host", "the app cancelled its host")
        except LifecycleError as error:
            self._scene.note(f"the host is told: {error}")
        except BaseException as error:
            self._scene.fail("host", f"the host got {error!r}")

    async def _with(self) -> None:
        async with self._scene.app:
            await self._hold()

    async def _lifespan(self) -> None:
        async with self._scene.app.lifespan(None):
            await self._hold()

    async def _protocol(self) -> None:
        await self._scene.app({"type": "lifespan"}, self._receive, self._send)

    async def _receive(self) -> Any:
        if not self._is_started:
            self._is_started = True
            return {"type": "lifespan.startup"}
        await self._hold()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "lifespan.shutdown.failed":
            self._scene.fail("host", f"the stop failed: {message['message']}")
