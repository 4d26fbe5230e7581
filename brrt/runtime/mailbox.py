"""The queue of one handler, and how many jobs may wait in it.

A queue is there for bursts. One that never empties is no burst but the excess of load over
capacity: then every job waits its whole length, and all answers are stale (the "bad queue" of
CoDel, RFC 8289, section 3). `queue_policy` says what happens then:

- `adaptive`: in the order of arrival. When more jobs were taken than a crew does in five rounds,
  or than can run and wait at once, and the queue was not empty in between, half as many may wait
  from then on, down to as many as there are workers. Each job that finds a worker free lets one
  more wait again. Halving and adding one are TCP's (RFC 5681); nothing is measured in time, so it
  suits handlers of any speed.
- `fifo`: in the order of arrival, always as many as `queue_size`.
- `lifo`: the newest first, for clients that hang up when they have waited too long.
"""

import asyncio
import logging
from collections import OrderedDict
from typing import Final

from brrt.config import Limits
from brrt.runtime.jobs import Job

logger = logging.getLogger("brrt")

# Jobs that may always wait. With one worker and one place the worker would be without work for
# an eighth of the time at a load that is just its capacity.
LEAST_ROOM: Final = 4
# Rounds of all workers that a burst may wait, beside the one that is under way: the default queue
# holds four. CoDel's interval of 100 ms is as much where a job takes 20.
PATIENT_ROUNDS: Final = 4


class Mailbox(asyncio.Queue[Job]):
    """A bounded queue from which a job can be taken back.

    A job whose caller has gone leaves at once, so that `qsize` counts only jobs that
    somebody waits for, and no dead job keeps a living one out.
    """

    _queue: OrderedDict[Job, None]
    _loop: asyncio.AbstractEventLoop

    def __init__(self, name: str, limits: Limits) -> None:
        super().__init__(limits.queue_size)
        self.room = limits.queue_size
        self._name = name
        self._rounds = PATIENT_ROUNDS * limits.workers
        self._workers = limits.workers
        self._newest_first = limits.queue_policy == "lifo"
        adapts = limits.queue_policy == "adaptive"
        least = max(limits.workers, LEAST_ROOM) if adapts else limits.queue_size
        self._least_room = min(least, limits.queue_size)
        self._run = 0  # jobs taken since the queue was empty

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to this loop. Must be called before anybody waits."""
        self._loop = loop

    def _get_loop(self) -> asyncio.AbstractEventLoop:
        # What asyncio does here asks the kernel for the process id (CPython 3.11), for each wait.
        return self._loop

    def _init(self, maxsize: int) -> None:
        self._queue = OrderedDict()

    def _put(self, item: Job) -> None:
        self._queue[item] = None

    def _get(self) -> Job:
        job = self._queue.popitem(last=self._newest_first)[0]
        if self._queue:
            self._run += 1
            if self._run > min(self.room, self._rounds) + self._workers:
                self._tighten()
        else:
            self._run = 0
        return job

    def full(self) -> bool:
        """Whether no further job may wait."""
        return len(self._queue) >= self.room

    def relax(self) -> None:
        """A job found a worker free."""
        self.room += 1
        if self.room == self.maxsize:
            logger.info("Handler %s has caught up; %d jobs may wait again", self._name, self.room)

    def _tighten(self) -> None:
        self._run = 0
        if self.room == self._least_room:
            return
        if self.room == self.maxsize:
            logger.warning(
                "Handler %s is asked for more than it can do; fewer jobs may wait until it has"
                " caught up",
                self._name,
            )
        self.room = max(self.room // 2, self._least_room)

    def discard(self, job: Job) -> bool:
        """Take a job back. Tells whether it was still waiting."""
        if job not in self._queue:
            return False
        del self._queue[job]
        if not self._queue:
            self._run = 0
        return True

    def clear(self) -> list[Job]:
        """Take all waiting jobs out, oldest first."""
        jobs = list(self._queue)
        self._queue.clear()
        return jobs
