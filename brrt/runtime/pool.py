"""The pool: one handler, its bounded queue, and the workers that read from it.

Rules of this file:
- All state changes happen in synchronous methods; no half-made change is held over an await.
- Every accepted job is settled exactly once (`_settle`), whatever ends it.
- `retire` keeps to one order: refuse, drain, answer the queued, answer the running, cancel,
  wait. Leaving a step out leaves callers hanging.
- Time is kept by one timer for the whole pool (`Ages`); the workers are the `Crew`'s, what goes
  on after a job is done the `Streams`'.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

from brrt.config import Limits
from brrt.errors import ClientGone, Problem, Refused, Retired, Shed
from brrt.runtime.ages import Ages
from brrt.runtime.ceiling import Ceiling
from brrt.runtime.crew import Crew
from brrt.runtime.jobs import CANCELLED, EXPIRED, STOPPED, Ended, Handler, Job, Reason
from brrt.runtime.mailbox import Mailbox
from brrt.runtime.sources import FindStream, as_coroutine, find_generator, is_generator
from brrt.runtime.statistics import Counters
from brrt.runtime.streams import Quota, Stream, Streams
from brrt.runtime.tasks import stack

logger = logging.getLogger("brrt")

# The pool and the job whose handler is running, so that a handler that replaces itself is not
# waited for. Tasks that a handler starts inherit it.
_serving: ContextVar["tuple[Pool, Job] | None"] = ContextVar("brrt_serving", default=None)


def serving() -> "Pool | None":
    """The pool whose handler, still running, is asking; None for everybody else."""
    pool, job = _serving.get() or (None, None)
    return pool if job is not None and job.is_running() else None


@dataclass(frozen=True, slots=True)
class Retirement:
    """How a pool ended: tasks that ended, jobs that were cancelled, tasks that would not end."""

    name: str
    tasks: int
    cancelled: int
    stuck: int
    seconds: float


class Pool:
    """The workers of one handler. Build it anywhere; `start` it inside a running loop.

    `handler` is called with the keyword arguments of each job. `limits` are the handler's
    own. `counters` may outlive the pool; `ceiling` and `quota` are shared by all pools of an app.
    `find_stream` tells which values of the handler go on as a stream.
    """

    def __init__(
        self,
        name: str,
        handler: Handler,
        limits: Limits,
        counters: Counters,
        ceiling: Ceiling,
        quota: Quota | None = None,
        find_stream: FindStream | None = None,
    ) -> None:
        self.name = name
        self.handler = handler
        self._only_streams = is_generator(handler)
        self._call = as_coroutine(handler)
        self._find_stream = find_stream or find_generator
        self.limits = limits
        self.counters = counters
        self._mailbox = Mailbox(name, limits)
        self._crew = Crew(name, limits, counters, ceiling, self._mailbox)
        quota = quota or Quota(limits.max_streams)
        self._streams = Streams(name, limits, counters.streams, quota)
        self._ages = Ages(limits)
        self._reading = 0
        self._is_hasty = False
        self._drained: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "retired" if self.closed else "open"
        return (
            f"<Pool {self.name} {state}: {self.active} tasks, {self.busy} busy,"
            f" {self.queued} of {self._mailbox.room} queued, {self.streams} streams>"
        )

    @property
    def active(self) -> int:
        """Worker tasks that are alive."""
        return self._crew.active

    @property
    def busy(self) -> int:
        """Workers that serve a job."""
        return self._crew.busy

    @property
    def queued(self) -> int:
        """Jobs that wait for a worker."""
        return self._mailbox.qsize()

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return len(self._streams)

    @property
    def closed(self) -> bool:
        """Whether the pool refuses work for good."""
        return self._crew.closed

    # What callers do

    def start(self) -> None:
        """Start the first worker. Must be called in a running loop."""
        self._loop = asyncio.get_running_loop()
        self._mailbox.bind(self._loop)
        self._ages.start(self._loop, expire=self._expire, report=self._report_stuck)
        self._streams.start(self._note_rest)
        self._crew.start(self._loop, run=self._run, lose=self._lose, rest=self._note_rest)

    def check_room(self) -> None:
        """Refuse early, before anything is read or checked. Raises `Shed` or `Retired`."""
        if self._crew.closed:
            raise Retired(f"{self.name} takes no more work")
        if self._mailbox.full():
            self.counters.shed += 1
            raise Shed(f"the queue of {self.name} is full")
        if self._only_streams:
            self._streams.check_room()

    def begin_reading(self) -> None:
        """A body for this handler is about to be read. Raises `Shed`; else `end_reading` follows.

        No more bodies are in memory than jobs could be accepted.
        """
        if self._reading >= self.limits.workers + self.limits.queue_size:
            self.counters.shed += 1
            raise Shed(f"{self.name} reads as many bodies as it could take")
        self._reading += 1

    def end_reading(self) -> None:
        """A body was read, or given up."""
        self._reading -= 1

    def submit(self, arguments: Mapping[str, Any]) -> Job:
        """Accept a job at once or refuse it at once. Raises `Shed` or `Retired`.

        The handler will see the context variables of this moment. The caller awaits
        `job.reply`, and calls `abandon` when it stops waiting.
        """
        self.check_room()
        job = Job(arguments, copy_context(), self._loop)
        mailbox, crew, counters = self._mailbox, self._crew, self.counters
        mailbox.put_nowait(job)
        waiting = mailbox.qsize()
        counters.accepted += 1
        if waiting > counters.peak_queue:
            counters.peak_queue = waiting
        if waiting > len(crew.workers) - crew.busy:
            crew.grow()
        if mailbox.room < mailbox.maxsize and waiting <= len(crew.workers) - crew.busy:
            mailbox.relax()
        self._ages.add(job)
        return job

    def abandon(self, job: Job, *, cancel: bool) -> None:
        """The caller has gone. A queued job is dropped; a running one ends if `cancel`.

        A stream ends in any case: it has nobody left to give anything to.
        """
        job.deserted = True
        if job.stream is not None:
            self._streams.end(job.stream, CANCELLED)
        elif self._mailbox.discard(job):
            self._settle(job, CANCELLED)
            self._note_rest()
        elif cancel and not job.settled:
            self._settle(job, CANCELLED)
            self._cancel(job)

    def end_stream(self, stream: Stream, outcome: Ended) -> None:
        """Whoever takes from a stream of this pool takes no more, for this reason."""
        self._streams.end(stream, outcome)

    def let_return(self, stream: Stream) -> None:
        """The client of a stream comes back by itself, so a change ends it at once."""
        self._streams.returns(stream)

    def send_away(self) -> None:
        """End the streams whose clients come back by themselves, now and from now on."""
        self._streams.leave()

    # Jobs

    async def _run(self, worker: asyncio.Task[None], job: Job) -> None:
        """The child task of one job: whatever the handler does becomes an outcome.

        It puts the job down itself, so that a caller who asks again at once finds the worker
        free.
        """
        _serving.set((self, job))
        try:
            late = self._loop.time() >= job.accepted + self.limits.timeout  # the loop was blocked
            outcome: Any = EXPIRED if late else await self._call(**job.arguments)
            if outcome.__class__ is not dict and (source := self._find_stream(outcome)) is not None:
                outcome = await self._open(job, outcome, source)
        except asyncio.CancelledError:
            outcome = CANCELLED
        except BaseException as error:  # SystemExit too: a handler does not stop the server
            if self._is_disposal(error, job):
                raise
            outcome = Ended(Reason.RAISED, error)
        self._settle(job, outcome)
        self._crew.put_down(worker)
        _serving.set(None)  # or the job and its context would keep each other alive

    async def _open(self, job: Job, value: Any, source: AsyncIterator[Any]) -> Any:
        """The stream that a job goes on as; one that nobody waits for any more is closed."""
        refusal = CANCELLED
        if not job.deserted and not job.settled:
            try:
                context = copy_context()  # a context is entered once, and this one is
                stream = self._streams.open(self._loop, source, value, context)
                stream.task.add_done_callback(lambda _: context.run(_serving.set, None))
                job.stream = stream
                return stream
            except Refused as error:
                refusal = Ended(Reason.REFUSED, error)
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
        return refusal

    def _is_disposal(self, error: BaseException, job: Job) -> bool:
        """Whether nobody raised this: the loop is gone and the coroutine is being thrown away."""
        if not isinstance(error, GeneratorExit):
            return False
        return asyncio.current_task(self._loop) is not job.task

    def _lose(self, job: Job) -> None:
        """The task of a job was cancelled before it began."""
        self._settle(job, CANCELLED)

    # Outcomes

    def _settle(self, job: Job, outcome: Any) -> None:
        """Answer a job and count it, once."""
        if not job.settle(outcome):
            return
        self._ages.discard(job)
        if type(outcome) is not Ended:
            self.counters.served += 1
        else:
            self._count(outcome)

    def _count(self, outcome: Ended) -> None:
        error = outcome.error
        if outcome.reason is Reason.EXPIRED:
            self.counters.timed_out += 1
        elif outcome.reason is not Reason.RAISED or isinstance(error, ClientGone):
            self.counters.cancelled += 1
        elif isinstance(error, Problem) and error.status < 500:
            self.counters.served += 1
        else:
            self.counters.failed += 1

    def _cancel(self, job: Job) -> None:
        """Cancel a running handler, and remember to look whether it obeys."""
        if job.task is not None and not job.task.done():
            job.task.cancel()
            self._ages.doom(job)

    def _expire(self, job: Job) -> None:
        queued = self._mailbox.discard(job)
        self._settle(job, EXPIRED)
        if queued:
            self._note_rest()
        else:
            self._cancel(job)

    def _report_stuck(self, job: Job) -> None:
        task = job.task
        if task is None or task.done() or job.stuck:
            return
        job.stuck = True
        self.counters.stuck += 1
        logger.error(
            "Handler %s ignores its cancellation and keeps a worker:\n%s", self.name, stack(task)
        )

    # The end

    def close(self) -> None:
        """Refuse new work from now on. What was accepted goes on."""
        self._crew.closed = True
        self.send_away()

    def hurry(self) -> None:
        """The grace is over. What is not done is ended now."""
        self._is_hasty = True
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def retire(self, grace: float) -> Retirement:
        """Close, give accepted work `grace` seconds, end the rest, and wait for every task.

        A cancellation ends the grace and nothing else: no task is left behind.
        """
        began = self._loop.time()
        self.close()
        with suppress(asyncio.CancelledError):
            await self._drain(grace)
        unfinished = self._settle_all() + self._streams.end_all()
        until = self._loop.time() + self.limits.cancel_wait
        ended, left = await self._crew.end()
        for job in left:
            if job is not None:
                self._report_stuck(job)
        await self._streams.outlast(max(until - self._loop.time(), 0.0))
        self._ages.stop()
        seconds = self._loop.time() - began
        return Retirement(self.name, ended, unfinished, len(left) + self.streams, seconds)

    async def _drain(self, grace: float) -> None:
        if not self._is_at_rest() and not self._is_hasty:
            self._drained = self._loop.create_future()
            await asyncio.wait([self._drained], timeout=grace)

    def _settle_all(self) -> int:
        """Answer all that is queued, then all that runs. Returns how many had no answer yet."""
        queued = self._mailbox.clear()
        running = [job for job in self._crew.workers.values() if job and not job.settled]
        for job in queued + running:
            self._settle(job, STOPPED)
        return len(queued) + len(running)

    def _note_rest(self) -> None:
        """Wake `retire` when nothing is queued and nothing runs."""
        drained = self._drained
        if drained is not None and not drained.done() and self._is_at_rest():
            drained.set_result(None)

    def _is_at_rest(self) -> bool:
        return not self.busy and not self.queued and not self.streams
