"""The live half of sending: the connections of a run, shared by all its documents.

They belong to the loop that first sends, until they are closed.
"""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol

from brrt.errors import LifecycleError, MissingExtra
from brrt.outbound.addresses import Guard, Target
from brrt.outbound.resolving import Resolver, resolve
from brrt.outbound.retries import Timing
from brrt.outbound.settings import Outbound


class Exchanger(Protocol):
    """Sends a request: `wire.Wire`, whose library is not imported before it is needed."""

    async def exchange(
        self, method: str, target: Target, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, str | None]:
        """Status and Retry-After of the answer."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def require_library() -> None:
    """Raises `MissingExtra` where the library that speaks HTTP is not installed."""
    if find_spec("httpcore") is None:
        raise MissingExtra("to send webhooks brrt needs httpcore: pip install 'brrt[webhooks]'")


class Connections:
    """Connections to receivers. Raises `MissingExtra` where the library is not installed.

    State: `_wire` and `_loop`, which are there from the first request on, and `_closed`. At most
    `connections` requests are under way; others wait for their turn, and no time of theirs runs.
    """

    def __init__(
        self,
        settings: Outbound | None = None,
        *,
        timing: Timing | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        require_library()
        self.settings = settings or Outbound()
        self.timing = timing or Timing()
        self.guard = Guard(self.settings)
        self._resolver = resolver
        self._room = asyncio.Semaphore(self.settings.connections)
        self._wire: Exchanger | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def exchange(
        self,
        method: str,
        target: Target,
        headers: Callable[[], list[tuple[str, str]]],
        body: bytes,
    ) -> tuple[int, str | None]:
        """Send a request, with headers as they are when its turn comes: status and Retry-After.

        Raises `NoAnswer`, `TargetRefused`, and `LifecycleError` after `aclose` or in another loop.
        """
        async with self._room:
            return await self._open().exchange(method, target, headers(), body)

    def _open(self) -> Exchanger:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise LifecycleError("nothing more is sent: the sender was closed")
        if self._wire is None:
            from brrt.outbound.wire import Wire

            self._wire, self._loop = Wire(self.settings, self.guard, self._resolver), loop
        elif self._loop is not loop:
            raise LifecycleError("the sender belongs to another event loop; make one for each")
        return self._wire

    async def aclose(self) -> None:
        """Close all connections. What is under way fails; nothing can be sent any more."""
        self._closed = True
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._closed else repr(self._wire) if self._wire else "not used yet"
        return f"<Connections {state}>"
