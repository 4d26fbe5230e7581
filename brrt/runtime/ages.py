"""The ages of a pool's jobs, kept by one timer for all of them.

A job is young, then slow, then past its deadline; one that was cancelled has a while to obey.
Jobs of one pool pass these marks in the order in which they were accepted, so only the first of
each kind needs to be looked at, and a request pays for no timer of its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context

from brrt.config import Limits
from brrt.runtime.jobs import Job


class Ages:
    """Tells callers of slow jobs, and calls `expire` and `report` for what does not end.

    `expire` must settle the job; `report` is called for a job whose task may still be alive
    `cancel_wait` seconds after it was told to end.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._patience = min(limits.disconnect_after, limits.timeout)
        self._context = Context()  # of the timer, and not of the request that set it
        self._expire: Callable[[Job], None] = _nothing
        self._report: Callable[[Job], None] = _nothing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._young: deque[Job] = deque()
        self._elders: dict[Job, None] = {}
        self._doomed: deque[tuple[float, Job]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        expire: Callable[[Job], None],
        report: Callable[[Job], None],
    ) -> None:
        """Keep time by this loop."""
        self._loop, self._expire, self._report = loop, expire, report

    def add(self, job: Job) -> None:
        """A job was accepted."""
        young = self._young
        while young and young[0].settled:
            young.popleft()
        young.append(job)
        if self._timer is None or self._due > job.accepted + self._patience:
            self._arm(job.accepted + self._patience)

    def discard(self, job: Job) -> None:
        """A job was settled."""
        if self._elders:
            self._elders.pop(job, None)

    def doom(self, job: Job) -> None:
        """A running job was told to end."""
        assert self._loop is not None
        self._doomed.append((self._loop.time() + self._limits.cancel_wait, job))
        self._arm(self._doomed[0][0])

    def stop(self) -> None:
        """Look at nothing any more, and let go of the pool."""
        self._expire = self._report = _nothing
        self._elders.clear()
        self._young.clear()
        self._doomed.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        """Let `_tick` run at `when`, or earlier if it already will."""
        assert self._loop is not None
        if self._timer is not None:
            if self._due <= when:
                return
            self._timer.cancel()
        self._due = when  # not `timer.when()`: uvloop gives no timer for a time that is past
        self._timer = self._loop.call_at(when, self._tick, context=self._context)

    def _tick(self) -> None:
        """Age the young, expire the old, report the disobedient; then sleep until the next."""
        assert self._loop is not None
        self._timer = None
        now = self._loop.time()
        while self._young and self._is_past_youth(self._young[0], now):
            job = self._young.popleft()
            if not job.settled:
                self._elders[job] = None
                job.nudge()
        while self._elders and (job := next(iter(self._elders))):
            if job.accepted + self._limits.timeout > now:
                break
            self._expire(job)
        while self._doomed and self._doomed[0][0] <= now:
            self._report(self._doomed.popleft()[1])
        self._sleep()

    def _is_past_youth(self, job: Job, now: float) -> bool:
        return job.settled or job.accepted + self._patience <= now

    def _sleep(self) -> None:
        if self._young:
            self._arm(self._young[0].accepted + self._patience)
        if self._elders:
            self._arm(next(iter(self._elders)).accepted + self._limits.timeout)
        if self._doomed:
            self._arm(self._doomed[0][0])


def _nothing(_: Job) -> None:
    """What is done before the start and after the end."""
