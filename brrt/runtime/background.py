"""Work that outlives the response: tasks that nobody waits for, and that are owned all the same.

Rules of this file:
- Too much is refused before it begins, and never lost without a word.
- A crash is logged and counted; it takes nothing else with it.
- When the app stops, what runs has what is left of `grace`; then it is cancelled and awaited.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from brrt.config import Limits
from brrt.errors import LifecycleError, ServiceUnavailable
from brrt.runtime.statistics import TaskCounters, TaskStatistics, task_picture
from brrt.runtime.tasks import stack, stop

logger = logging.getLogger("brrt")

T = TypeVar("T")


class Background:
    """Background tasks of one running app.

    Ask for it by type, `async def add_pet(body: NewPet, background: Background)`, or take
    `app.background`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counters = TaskCounters()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_over = False
        self._drained: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Background: {len(self._tasks)} of {self._limits.max_background} tasks>"

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, task: object) -> bool:
        return task in self._tasks

    def statistics(self) -> TaskStatistics:
        """What has been started, how it ended, and what runs now."""
        return task_picture(self._counters, len(self._tasks))

    def start(
        self, coroutine: Coroutine[Any, Any, T], *, name: str | None = None
    ) -> "asyncio.Task[T]":
        """Run a coroutine beside everything else, in the context of whoever calls.

        Returns its task, which may be awaited, or cancelled, but need not be. Raises
        `ServiceUnavailable` if `max_background` tasks run already, and `LifecycleError` if the
        app does not run any more; the coroutine is closed then.
        """
        try:
            self._check_room()
        except BaseException:
            coroutine.close()
            raise
        label = name or getattr(coroutine, "__qualname__", "task")
        task = asyncio.get_running_loop().create_task(coroutine, name=f"brrt background {label}")
        self._tasks.add(task)
        self._counters.started += 1
        self._counters.peak = max(self._counters.peak, len(self._tasks))
        task.add_done_callback(self._ended)
        return task

    def _check_room(self) -> None:
        if self._is_over:
            raise LifecycleError("the app has stopped; nothing can be started in the background")
        if len(self._tasks) >= self._limits.max_background:
            self._counters.refused += 1
            retry = {"Retry-After": str(self._limits.retry_after)}
            raise ServiceUnavailable("too much is going on; try again later", headers=retry)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        if task not in self._tasks:
            return  # `end` has seen it before its own callback was called
        self._tasks.discard(task)
        if task.cancelled():
            self._counters.cancelled += 1
        elif (error := task.exception()) is not None:
            self._counters.failed += 1
            logger.error("%s failed", task.get_name().removeprefix("brrt "), exc_info=error)
        else:
            self._counters.finished += 1
        if self._drained is not None and not self._tasks:
            self.hurry()

    def hurry(self) -> None:
        """The grace is over."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def end(self, grace: float) -> None:
        """Wait `grace` seconds for what runs, cancel the rest, and wait for that.

        A cancellation ends the grace and nothing else.
        """
        if self._tasks and grace > 0:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._drained], timeout=grace)
        self._is_over = True
        left = list(self._tasks)
        if left:
            logger.warning("%d background tasks are cancelled: the app stops", len(left))
            with suppress(asyncio.CancelledError):
                await stop(left, self._limits.cancel_wait)
        for task in left:
            if task.done():
                self._ended(task)
            else:
                self._counters.stuck += 1
                text = "%s ignores its cancellation:\n%s"
                logger.error(text, task.get_name().removeprefix("brrt "), stack(task))
