"""A running app: what is served now, by whom, and what all its requests share."""

import asyncio
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from brrt.config import Limits
from brrt.outbound.connections import Connections
from brrt.outbound.sender import Sender
from brrt.outbound.settings import Outbound
from brrt.rates.limiter import Limiter
from brrt.rates.settings import RateLimits
from brrt.runtime.patience import Patience
from brrt.runtime.registry import Registry
from brrt.security.providers import Holdings
from brrt.snapshot import Snapshot


@dataclass(slots=True)
class Run:
    """A running app. `snapshot` is the one reference that a reload changes."""

    snapshot: Snapshot
    registry: Registry
    limits: Limits
    state: Any
    loop: asyncio.AbstractEventLoop
    patience: Patience
    upload_patience: Patience
    stream_patience: Patience
    outbound: Outbound
    holdings: Holdings
    thread: int = field(default_factory=threading.get_ident)
    connections: Connections | None = None
    rates: RateLimits | None = None
    limiter: Limiter | None = None

    def sender(self) -> Sender:
        """What sends the callbacks and webhooks of the document that is served now."""
        if self.connections is None:
            self.connections = Connections(self.outbound)
        return Sender(self.snapshot.hooks, self.connections)

    def rate_limiter(self) -> Limiter:
        """What counts the requests of clients, under one document after the other."""
        if self.limiter is None:
            self.limiter = Limiter(self.rates)
        return self.limiter

    async def finish(self) -> None:
        """When all tasks have ended: let what is being sent be taken, and close what is open.

        Whatever one of them raises, the others are closed too.
        """
        async with AsyncExitStack() as stack:  # what is pushed last is closed first
            stack.push_async_callback(self.holdings.aclose, self.limits.cancel_wait)
            stack.callback(self.patience.close)  # who is still being asked about is not waited for
            if self.limiter is not None:
                stack.push_async_callback(self.limiter.aclose)
            if self.connections is not None:
                stack.push_async_callback(self.connections.aclose)
            await self.stream_patience.finish(self.registry.last_moment() - self.loop.time())

    def grant(self, grace: float) -> None:
        """Stop within so many seconds, also if the stop has begun."""
        self.registry.grant(grace)
        if not self.registry.running:
            self.stream_patience.hurry(self.registry.last_moment() - self.loop.time())

    def is_here(self) -> bool:
        """Whether the caller runs in this run's loop.

        It asks for the thread, since `asyncio.get_running_loop` asks the kernel for the process
        id each time (CPython 3.11), which costs a twentieth of a request.
        """
        return self.thread == threading.get_ident() and self.loop.is_running()
