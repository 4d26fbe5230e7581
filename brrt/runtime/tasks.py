"""Starting and stopping tasks. `stop` is the only place that cancels and awaits.

`suppress(CancelledError): await task` would swallow the stopper's own cancellation and
raise a stranger's crash; `asyncio.wait` does neither.
"""

import asyncio
import io
from collections.abc import Collection
from typing import Final

# Seconds. However short the wait, a task that obeys needs some turns of the loop to end.
LEAST_WAIT: Final = 0.01


class Ceiling:
    """The bound on worker tasks of all pools together.

    `reserved` places are kept free, so that a reload can always start one worker for each
    new handler while the old ones drain.
    """

    __slots__ = ("active", "limit", "reserved")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.reserved = 0
        self.active = 0

    def has_room(self) -> bool:
        """Whether a pool may grow by one worker."""
        return self.active + self.reserved < self.limit

    def fits(self, count: int) -> bool:
        """Whether this many workers can be started now."""
        return self.active + count <= self.limit


async def stop(tasks: Collection[asyncio.Task[None]], wait: float) -> set[asyncio.Task[None]]:
    """Cancel tasks and wait for them, `wait` seconds at the most. Returns those still alive."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return set()
    _, alive = await asyncio.wait(tasks, timeout=max(wait, LEAST_WAIT))
    return alive


async def outlast(tasks: Collection[asyncio.Task[None]]) -> None:
    """Wait for tasks that end by themselves; a cancellation takes effect when they have ended."""
    cancelled: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def stack(task: asyncio.Task[None]) -> str:
    """Where a task is, as text for the log."""
    text = io.StringIO()
    task.print_stack(file=text)
    return text.getvalue().rstrip()
