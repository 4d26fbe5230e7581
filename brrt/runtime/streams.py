"""Streams: what handlers give bit by bit, each in a task of its own that the pool owns.

Rules of this file:
- From its first step to its last an iterator runs in one task, with the context of its request,
  and is closed there.
- One item waits to be taken, and no more is asked of the handler until it is: whoever sends
  slowly slows the handler down.
- A stream ends once, for the reason that comes first.
- Streams have a limit of their own and take no worker, so they starve no ordinary request.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from brrt.config import Limits
from brrt.errors import ClientGone, Problem, Shed
from brrt.runtime.jobs import CANCELLED, STOPPED, Ended, Reason
from brrt.runtime.statistics import TaskCounters
from brrt.runtime.tasks import let_go, stack, stop, wait_for

logger = logging.getLogger("brrt")

DONE: Final = Ended(Reason.DONE)


class Lull(Enum):
    """What is taken where nothing came in time."""

    LULL = "lull"


LULL: Final = Lull.LULL
_NOTHING: Final = object()


@dataclass(slots=True)
class Quota:
    """How many streams all handlers of an app may have at a time, and how many they have."""

    limit: int
    taken: int = 0


class Stream:
    """One stream, from both sides: its `task` runs the handler's iterator, one taker takes items.

    `value` is what the handler returned.
    """

    __slots__ = (
        "_has_begun",
        "_item",
        "_loop",
        "_name",
        "_room",
        "_taker",
        "outcome",
        "stuck",
        "task",
        "value",
    )

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        source: AsyncIterator[Any],
        value: Any,
        context: Context,
    ) -> None:
        self.value = value
        self.outcome: Ended | None = None
        self.stuck = False
        self._has_begun = False
        self._name = name
        self._loop = loop
        self._item: Any = _NOTHING
        self._taker: asyncio.Future[Any] | None = None
        self._room: asyncio.Future[None] | None = None
        self.task = loop.create_task(
            self._give(source), name=f"brrt {name} stream", context=context
        )

    async def take(self, wait: float) -> Any:
        """The next item, `LULL` if none comes for `wait` seconds, or an `Ended` at the end."""
        if self._item is not _NOTHING:
            item, self._item = self._item, _NOTHING
            _wake(self._room, None)
            return item
        if self.outcome is not None:
            return self.outcome
        taker = self._taker = self._loop.create_future()
        timer = self._loop.call_later(wait, _wake, taker, LULL)
        try:
            return await taker
        finally:
            self._taker = None
            timer.cancel()

    def end(self, outcome: Ended) -> None:
        """End it, if it has not ended. What waits to be taken still can be.

        A task that has not begun is not cancelled: it would never run, and close nothing.
        """
        if self.settle(outcome) and self._has_begun and not self.task.done():
            self.task.cancel()

    def settle(self, outcome: Ended) -> bool:
        """Note why it ended, and tell the taker. Tells whether it was this call."""
        if self.outcome is not None:
            return False
        self.outcome = outcome
        _wake(self._taker, outcome)
        return True

    async def _give(self, source: AsyncIterator[Any]) -> None:
        """The task: hand over item by item, until there is none or somebody ends it."""
        self._has_begun = True
        outcome = DONE
        try:
            if self.outcome is None:
                async for item in source:
                    await self._hand_over(item)
                    if self.outcome is not None:
                        # The handler has swallowed its cancellation. Or it has ended itself, by
                        # a change, and the cancellation is yet to come: not while it is closed.
                        await asyncio.sleep(0)
                        break
        except asyncio.CancelledError:
            outcome = CANCELLED
        except GeneratorExit:  # the loop is gone, and the coroutine is being thrown away
            raise
        except BaseException as error:  # SystemExit too: a handler does not stop the server
            outcome = Ended(Reason.RAISED, error)
        if not self.settle(outcome) and outcome.error is not None:
            self._log(outcome.error)
        await self._close(source)

    async def _hand_over(self, item: Any) -> None:
        """Give an item to the taker, or leave it for him and wait until he has come."""
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(item)
        elif self.outcome is None:
            self._item = item
            self._room = self._loop.create_future()
            await self._room

    async def _close(self, source: AsyncIterator[Any]) -> None:
        close = getattr(source, "aclose", None)
        if close is None:
            return
        try:
            await close()
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            self._log(error)

    def _log(self, error: BaseException) -> None:
        """What goes wrong when a stream is over already changes nothing for its client."""
        logger.error("The end of a stream of %s failed", self._name, exc_info=error)
        let_go(error)


def _nothing() -> None:
    """What is done when nobody waits for the end any more."""


def _wake(future: "asyncio.Future[Any] | None", result: Any) -> None:
    if future is not None and not future.done():
        future.set_result(result)


class Streams:
    """The streams of one pool. `quota` is shared by all pools of an app.

    From `start` on, `rest()` is called whenever one has ended.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        counters: TaskCounters,
        quota: Quota,
    ) -> None:
        self._name = name
        self._limits = limits
        self._counters = counters
        self._quota = quota
        self._rest: Callable[[], None] = _nothing
        self._open: dict[Stream, asyncio.TimerHandle | None] = {}
        self._returning: dict[Stream, None] = {}  # in the order in which they came
        self._is_leaving = False

    def __len__(self) -> int:
        return len(self._open)

    def start(self, rest: Callable[[], None]) -> None:
        """Be of a pool that has started."""
        self._rest = rest

    def check_room(self) -> None:
        """Raises `Shed` where one more would be too many."""
        if len(self._open) >= self._limits.streams or self._quota.taken >= self._quota.limit:
            self._counters.refused += 1
            raise Shed(f"{self._name} has as many streams as it may have")

    def open(
        self,
        loop: asyncio.AbstractEventLoop,
        source: AsyncIterator[Any],
        value: Any,
        context: Context,
    ) -> Stream:
        """Start a stream. Raises `Shed`; then `source` was not touched."""
        self.check_room()
        stream = Stream(self._name, loop, source, value, context)
        self._open[stream] = None
        self._quota.taken += 1
        self._counters.started += 1
        self._counters.peak = max(self._counters.peak, len(self._open))
        stream.task.add_done_callback(lambda _: self._ended(stream))
        return stream

    def end(self, stream: Stream, outcome: Ended) -> None:
        """End one, and see to it that it is told of if it does not obey.

        One that has given everything has failed all the same if what it gave was wrong.
        """
        if outcome.reason is Reason.RAISED and stream.outcome is DONE:
            stream.outcome = outcome
            if stream not in self._open:
                self._counters.finished -= 1
                self._counters.failed += 1
        stream.end(outcome)
        if stream in self._open and self._open[stream] is None and not stream.task.done():
            loop = stream.task.get_loop()
            self._open[stream] = loop.call_later(
                self._limits.cancel_wait, self._report_stuck, stream, context=Context()
            )

    def returns(self, stream: Stream) -> None:
        """The client of this one comes back by itself: no change needs to wait for it."""
        if stream in self._open:
            self._returning[stream] = None
            if self._is_leaving:
                self.end(stream, STOPPED)

    def leave(self) -> None:
        """End those whose clients come back by themselves, now and from now on."""
        self._is_leaving = True
        for stream in list(self._returning):
            self.end(stream, STOPPED)

    def end_all(self) -> int:
        """End all that are left. Returns how many had not ended."""
        left = [stream for stream in self._open if stream.outcome is None]
        for stream in list(self._open):
            self.end(stream, STOPPED)
        return len(left)

    async def outlast(self, wait: float) -> None:
        """Wait for those that were told to end, for `wait` seconds.

        They are told again only then: a second cancellation would cut short what a handler does
        when it is closed.
        """
        tasks = [stream.task for stream in self._open]
        if tasks:
            with suppress(asyncio.CancelledError):
                await wait_for(tasks, wait)
            with suppress(asyncio.CancelledError):
                await stop([task for task in tasks if not task.done()], 0)
        for stream in list(self._open):
            if stream.task.done():
                self._ended(stream)  # its own callback has not been called yet
            else:
                self._report_stuck(stream)
        if not self._open:
            self._rest = _nothing  # or the pool and its streams would keep each other alive

    def _ended(self, stream: Stream) -> None:
        if stream not in self._open:
            return
        alarm = self._open.pop(stream)
        if alarm is not None:
            alarm.cancel()
        self._returning.pop(stream, None)
        self._quota.taken -= 1
        error = None if stream.task.cancelled() else stream.task.exception()
        stream.settle(CANCELLED if error is None else Ended(Reason.RAISED, error))
        assert stream.outcome is not None
        self._count(stream.outcome)
        self._rest()

    def _count(self, outcome: Ended) -> None:
        counters, error = self._counters, outcome.error
        is_refusal = isinstance(error, Problem) and error.status < 500
        if outcome.reason is Reason.DONE or is_refusal:
            counters.finished += 1
        elif outcome.reason is Reason.RAISED and not isinstance(error, ClientGone):
            counters.failed += 1
        elif outcome.reason is Reason.EXPIRED:
            counters.timed_out += 1
        else:
            counters.cancelled += 1

    def _report_stuck(self, stream: Stream) -> None:
        if stream.task.done() or stream.stuck:
            return
        stream.stuck = True
        self._counters.stuck += 1
        text = "A stream of %s ignores its cancellation:\n%s"
        logger.error(text, self._name, stack(stream.task))
