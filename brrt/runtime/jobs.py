"""A job: one call of a handler, and the slot its answer goes into.

A job is settled exactly once, in `Job.settle`; whoever comes later changes nothing. The
answer is a value and never an exception, so that nobody has to retrieve it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

Handler = Callable[..., Awaitable[Any] | AsyncIterator[Any]]


class Reason(Enum):
    """Why a job ended without a value, or a stream without a further item."""

    DONE = "done"
    REFUSED = "refused"
    RAISED = "raised"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of a job that has no value: why, and what the handler raised."""

    reason: Reason
    error: BaseException | None = None


EXPIRED: Final = Ended(Reason.EXPIRED)
CANCELLED: Final = Ended(Reason.CANCELLED)
STOPPED: Final = Ended(Reason.STOPPED)


class Still(Enum):
    """What a caller is woken with when its job is slow: look after your client."""

    RUNNING = "running"


RUNNING: Final = Still.RUNNING


class Job:
    """One accepted call. `reply` resolves to the handler's value, an `Ended`, or `RUNNING`.

    After `RUNNING` there is a new `reply` to wait for. `stream` is the one that the handler has
    opened; `deserted`: its caller has gone and lets it finish.
    """

    __slots__ = (
        "accepted",
        "arguments",
        "context",
        "deserted",
        "reply",
        "settled",
        "stream",
        "stuck",
        "task",
    )

    def __init__(
        self,
        arguments: Mapping[str, Any],
        context: Context,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.arguments = arguments
        self.context = context
        self.accepted = loop.time()
        self.reply: asyncio.Future[Any] = loop.create_future()
        self.task: asyncio.Task[None] | None = None
        self.settled = False
        self.stuck = False
        self.deserted = False
        self.stream: Any = None

    def is_running(self) -> bool:
        """Whether the handler, or the stream that it has opened, is at work."""
        tasks = (self.task, None if self.stream is None else self.stream.task)
        return any(task is not None and not task.done() for task in tasks)

    def settle(self, outcome: Any) -> bool:
        """Answer the caller, if nobody has done so before. Tells whether it was this call."""
        if self.settled:
            return False
        self.settled = True
        if not self.reply.done():
            self.reply.set_result(outcome)
        return True

    def nudge(self) -> None:
        """Wake the caller of a slow job, so that it can watch its client."""
        if not self.reply.done():
            waiting, self.reply = self.reply, self.reply.get_loop().create_future()
            waiting.set_result(RUNNING)
