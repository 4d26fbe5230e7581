"""The crew: the worker tasks of one pool, from the first that starts to the last that ends.

Rules of this file:
- One worker rests; others come on demand, up to `workers` and to what the ceiling allows, and
  leave when they were not needed for `idle_timeout` seconds.
- A worker never dies of its handler; should it die all the same, it is counted, logged and
  replaced.
- What a job is, how it is run and what it answers is the pool's affair.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any

from brrt.config import Limits
from brrt.runtime.ceiling import Ceiling
from brrt.runtime.jobs import Job
from brrt.runtime.mailbox import Mailbox
from brrt.runtime.statistics import Counters
from brrt.runtime.tasks import stop

logger = logging.getLogger("brrt")

Worker = asyncio.Task[None]


class Crew:
    """Workers that take jobs out of a mailbox.

    From `start` on, `run(worker, job)` sees a job through, and calls `put_down` when it is done;
    `lose(job)` is told of a job whose task was cancelled before it began; `rest()` is called when
    a worker of a closed crew has nothing to do any more.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        counters: Counters,
        ceiling: Ceiling,
        mailbox: Mailbox,
    ) -> None:
        self.workers: dict[Worker, Job | None] = {}
        self.leaving: set[Worker] = set()
        self.busy = 0
        self.closed = False
        self._name = name
        self._limits = limits
        self._counters = counters
        self._ceiling = ceiling
        self._mailbox = mailbox
        self._context = Context()  # of the workers, and not of who woke them
        self._serial = 0
        self._least_idle = 0
        self._shrinker: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        """Workers that are to stay."""
        return len(self.workers)

    @property
    def active(self) -> int:
        """Workers that are alive."""
        return len(self.workers) + len(self.leaving)

    @property
    def wants(self) -> bool:
        """Whether one more worker would find work."""
        is_open = not self.closed and len(self.workers) < self._limits.workers
        return is_open and self._mailbox.qsize() > len(self.workers) - self.busy

    # Coming

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        run: Callable[[Worker, Job], Coroutine[Any, Any, None]],
        lose: Callable[[Job], None],
        rest: Callable[[], None],
    ) -> None:
        """Start the first worker."""
        self._loop = loop
        self._run, self._lose, self._rest = run, lose, rest
        self._ceiling.join(self)
        self._spawn()

    def grow(self) -> None:
        """One more worker, if both the handler's limit and the app's ceiling allow it."""
        if self.closed or len(self.workers) >= self._limits.workers:
            return
        if self._ceiling.has_room():
            self._spawn()
        else:
            self._ceiling.ask(self)

    def _spawn(self) -> None:
        self._serial += 1
        name = f"brrt {self._name}/{self._serial}"
        worker = self._loop.create_task(self._work(), name=name, context=self._context)
        self.workers.setdefault(worker, None)  # an eager task (Python 3.12) may have a job by now
        self._counters.spawned += 1
        self._ceiling.active += 1
        worker.add_done_callback(self._ended)
        if len(self.workers) > 1 and self._shrinker is None:
            self._least_idle = len(self.workers)
            self._shrink_later()

    # Working

    async def _work(self) -> None:
        """A worker's life: take a job, see it through, take the next.

        It looks at its own cancellation and not only for `CancelledError`, because a handler
        that swallows the cancellation would make it vanish.
        """
        me = asyncio.current_task()
        assert me is not None
        child_name = f"{me.get_name()} job"
        try:
            while not me.cancelling():
                job = await self._mailbox.get()
                self._take(me, job)
                try:
                    job.task = self._loop.create_task(
                        self._run(me, job), name=child_name, context=job.context
                    )
                    await job.task
                except asyncio.CancelledError:
                    pass
                finally:
                    if self.workers.get(me) is job:  # the child was cancelled before it began
                        self._lose(job)
                        self.put_down(me)
                del job  # a worker that rests keeps nothing of what it was asked and answered
                if self._ceiling.waiting and self._is_to_give(me):
                    self._dismiss(me)
                    if self.wants:  # what it gives up it is given back when there is room
                        self._ceiling.ask(self)
                    return
        finally:
            del me  # or the task and the cancellation that ends it keep each other alive

    def _is_to_give(self, worker: Worker) -> bool:
        """Whether a worker has to make room for another pool, and has not been let go for it."""
        return worker in self.workers and self._ceiling.is_owed_by(self)

    def _take(self, worker: Worker, job: Job) -> None:
        self.workers[worker] = job
        self.busy += 1
        idle = len(self.workers) - self.busy
        if idle < self._least_idle:
            self._least_idle = idle

    def put_down(self, worker: Worker) -> None:
        """A worker is done with its job."""
        self.workers[worker] = None
        self.busy -= 1
        if self.closed:
            self._rest()

    # Leaving

    def spare(self) -> bool:
        """Let go of a worker that has nothing to do. Tells whether there was one."""
        if self._mailbox.qsize():
            return False
        idle = next((worker for worker, job in self.workers.items() if job is None), None)
        if idle is None:
            return False
        self._dismiss(idle)
        idle.cancel()
        return True

    def _shrink_later(self) -> None:
        self._shrinker = self._loop.call_later(
            self._limits.idle_timeout, self._shrink, context=self._context
        )

    def _shrink(self) -> None:
        """Let go of workers that had nothing to do for a whole idle time."""
        self._shrinker = None
        surplus = min(self._least_idle, len(self.workers) - 1)
        for _ in range(surplus):
            self.spare()
        self._least_idle = len(self.workers) - self.busy
        if len(self.workers) > 1:
            self._shrink_later()

    def _dismiss(self, worker: Worker) -> None:
        del self.workers[worker]
        self.leaving.add(worker)

    def _ended(self, worker: Worker) -> None:
        if worker not in self.workers and worker not in self.leaving:
            return  # `end` has seen it before its own callback was called
        self._counters.terminated += 1
        self._ceiling.active -= 1
        error = None if worker.cancelled() else worker.exception()
        if worker in self.leaving:
            self.leaving.discard(worker)
        else:
            del self.workers[worker]
            self._replace(error)
        self._ceiling.hand_on()

    def _replace(self, error: BaseException | None) -> None:
        """A worker ended that was not told to leave: it died, or the whole crew ends."""
        if not self.closed or self._mailbox.qsize():
            self._counters.crashed += 1
            logger.error("A worker of %s died; a new one takes over", self._name, exc_info=error)
            self._spawn()
        if self.closed:
            self._rest()

    async def end(self) -> tuple[int, list[Job | None]]:
        """End every worker, whoever cancels the wait.

        Returns how many ended, and the jobs of those that would not.
        """
        self._ceiling.leave(self)
        workers = (*self.workers, *self.leaving)
        with suppress(asyncio.CancelledError):
            await stop(workers, self._limits.cancel_wait)
        alive = [worker for worker in workers if not worker.done()]
        for worker in set(workers).difference(alive):
            self._ended(worker)
        if self._shrinker is not None:
            self._shrinker.cancel()
            self._shrinker = None
        if workers and not alive:
            del self._run, self._lose, self._rest  # or pool and crew would keep each other alive
        return len(workers) - len(alive), [self.workers.get(worker) for worker in alive]
