"""Starting and stopping tasks. `stop` is the only place that cancels and awaits.

`suppress(CancelledError): await task` would swallow the stopper's own cancellation and
raise a stranger's crash; `asyncio.wait` does neither.
"""

import asyncio
import traceback
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

# Seconds. A task that obeys needs some turns of the loop to end, however short the wait, and
# also where the loop was blocked for as long as the wait: ten waits are ten turns at least.
LAST_TURNS: Final = (0.001,) * 10


async def stop(tasks: Collection[asyncio.Task[None]], wait: float) -> set[asyncio.Task[None]]:
    """Cancel tasks and wait for them, for `wait` seconds and `LAST_TURNS`. Returns those alive.

    A cancellation does not cut it short; it takes effect afterwards.
    """
    for task in tasks:
        task.cancel()
    return await see_end(tasks, wait)


async def see_end(tasks: Collection[asyncio.Task[None]], wait: float) -> set[asyncio.Task[None]]:
    """Wait for tasks that were told to end, as `stop` does."""
    cancelled: asyncio.CancelledError | None = None
    alive = set(tasks)
    for seconds in (wait, *LAST_TURNS):
        alive, error = await _wait(alive, seconds)
        cancelled = cancelled or error
        if not alive:
            break
    if cancelled is not None:
        raise cancelled
    return alive


async def _wait(
    tasks: set[asyncio.Task[None]], seconds: float
) -> tuple[set[asyncio.Task[None]], asyncio.CancelledError | None]:
    """Wait for tasks. Those still alive after that time, and a cancellation that came meanwhile."""
    loop, cancelled = asyncio.get_running_loop(), None
    until = loop.time() + seconds
    while (alive := {task for task in tasks if not task.done()}) and loop.time() < until:
        try:
            await asyncio.wait(alive, timeout=until - loop.time())
        except asyncio.CancelledError as error:
            cancelled = error
    return alive, cancelled


async def outlast(find: Callable[[], Collection[asyncio.Task[None]]]) -> None:
    """Wait until `find` finds no task any more; a cancellation takes effect after that."""
    cancelled: asyncio.CancelledError | None = None
    while tasks := find():
        pending = [task for task in tasks if not task.done()]
        try:
            # A task that is done and still found is so until its callbacks have been called.
            await (asyncio.wait(pending) if pending else asyncio.sleep(0))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def stack(task: asyncio.Task[None], source: Any = None) -> str:
    """Where a task is, down to the innermost await, as text for the log.

    `Task.print_stack` knows the outermost coroutine of a waiting task only. `source` is an async
    generator that the task asks: no await leads from one to the other.
    """
    lines: list[str] = []
    for place in (task.get_coro(), source):
        lines += _lines(place)
    return "".join(lines).rstrip()


def _lines(place: Any) -> Iterator[str]:
    while place is not None:
        frame = _first(place, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None:
            yield from traceback.format_list(traceback.extract_stack(frame, limit=1))
        place = _first(place, "cr_await", "gi_yieldfrom", "ag_await")


def _first(place: Any, *names: str) -> Any:
    """What the first of these attributes holds that is there."""
    return next((found for one in names if (found := getattr(place, one, None))), None)
