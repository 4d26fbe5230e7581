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
        self.cancelled = False
        self.task: asyncio.Task[Any] | None = None

    def leave(self) -> None:
        """Stop the app."""
        self._leaving.set()

    async def hold(self) -> None:
        """Start the app, and stop it when it is time."""
        self.task = asyncio.current_task()
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
            await self._leaving.wait()

    async def _lifespan(self) -> None:
        async with self._scene.app.lifespan(None):
            await self._leaving.wait()

    async def _protocol(self) -> None:
        await self._scene.app({"type": "lifespan"}, self._receive, self._send)

    async def _receive(self) -> Any:
        if not self._is_started:
            self._is_started = True
            return {"type": "lifespan.startup"}
        await self._leaving.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "lifespan.shutdown.failed":
            self._scene.fail("host", f"the stop failed: {message['message']}")
