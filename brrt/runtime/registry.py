"""The registry: the owner of all pools, and so of every worker task, from birth to death.

Its whole mutable state is the collections named in `Registry.__init__`, and `swap` is the one
synchronous method that publishes a new set of pools. Pools that were displaced are
drained by retirement tasks which belong to the registry and not to whoever asked: a caller
that is cancelled while it waits leaves nothing behind.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from brrt.config import Limits
from brrt.errors import LifecycleError
from brrt.runtime.background import Background
from brrt.runtime.ceiling import Ceiling
from brrt.runtime.pool import Pool, Retirement, serving
from brrt.runtime.statistics import Counters, Statistics, picture, total
from brrt.runtime.streams import Quota
from brrt.runtime.tasks import outlast

logger = logging.getLogger("brrt")


class Registry:
    """All pools of one running app. `limits` are the app's own (grace, max_tasks)."""

    def __init__(self, limits: Limits, *, running: bool = True) -> None:
        self.limits = limits
        self.ceiling = Ceiling(limits.max_tasks)
        self.quota = Quota(limits.max_streams)
        self.background = Background(limits)
        self.generation = 0
        self.running = running
        self._pools: dict[str, Pool] = {}
        self._retiring: dict[Pool, asyncio.Task[None]] = {}
        self._ends: dict[Pool, asyncio.Future[None]] = {}
        self._alarms: dict[Pool, list[asyncio.TimerHandle]] = {}
        self._changing: Counter[Pool] = Counter()
        self._stuck: list[Pool] = []
        self._counters: dict[str, Counters] = {}
        self._gone = Counters()
        self._bell: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        state = "running" if self.running else "closed"
        tasks = sum(pool.active for pool in self._all_pools())
        return (
            f"<Registry {state}: {len(self._pools)} handlers, {tasks} tasks,"
            f" {len(self._retiring)} retiring, generation {self.generation}>"
        )

    def counters(self, name: str) -> Counters:
        """The counters for a new pool of this name: they go on while the name is known.

        Ask for them right before `swap`, which makes them known.
        """
        return self._counters.get(name) or Counters()

    def swap(self, pools: Mapping[str, Pool]) -> list[Pool]:
        """Start the new pools, close those that are displaced, and return these.

        A pool that stays is not touched. Raises `LifecycleError`, and changes nothing, if the
        registry is closed or the new pools do not fit under `max_tasks`.
        """
        arriving, displaced = self._difference(pools)
        self._check_swap(pools, arriving)
        for pool in arriving:
            self._counters[pool.name] = pool.counters
            pool.start()
        self._pools = dict(pools)
        self.ceiling.reserved = len(pools)
        self.generation += 1
        for pool in displaced:
            self._retire(pool)
        self.ceiling.hand_on()
        return displaced

    def _difference(self, pools: Mapping[str, Pool]) -> tuple[list[Pool], list[Pool]]:
        """The pools that would arrive, and those that they would displace."""
        arriving = [pool for name, pool in pools.items() if self._pools.get(name) is not pool]
        displaced = [pool for name, pool in self._pools.items() if pools.get(name) is not pool]
        return arriving, displaced

    def _check_swap(self, pools: Mapping[str, Pool], arriving: Collection[Pool]) -> None:
        if not self.running:
            raise LifecycleError("the app is stopping; its handlers cannot be changed any more")
        if not self.ceiling.fits(len(arriving)):
            raise LifecycleError(
                f"{len(pools)} handlers need {len(arriving)} new tasks beside the"
                f" {self.ceiling.active} that are alive, but max_tasks is"
                f" {self.ceiling.limit}; raise BRRT_MAX_TASKS or Limits(max_tasks=...)"
            )

    async def make_way(self, pools: Mapping[str, Pool]) -> None:
        """Wait until `pools` can be swapped in.

        Of each name at most two generations live; and where the new tasks would not fit under
        `max_tasks`, what is retiring has to end first.
        """
        arriving, displaced = self._difference(pools)
        names = {pool.name for pool in displaced}
        await self.wait_retired([one for one in self._retiring if one.name in names])
        if not self.ceiling.fits(len(arriving)):
            await self.wait_retired(list(self._retiring))
        await self._clear(len(arriving))

    async def _clear(self, count: int) -> None:
        """Wait until so many workers can be started, where pools have more than they need.

        What they do is over when their handlers' time is. Where it is hopeless nobody waits.
        """
        others = sum(pool.active for pool in (*self._retiring, *self._stuck))
        if len(self._pools) + others + count <= self.ceiling.limit:
            longest = max((pool.limits.timeout for pool in self._pools.values()), default=0.0)
            await self.ceiling.clear(count, longest + self.limits.cancel_wait)

    def _retire(self, pool: Pool) -> None:
        pool.close()
        self._ends[pool] = asyncio.get_running_loop().create_future()
        self._begin_retirement(pool)
        if pool in self._changing:
            self._release(self._ends[pool])

    def _begin_retirement(self, pool: Pool) -> None:
        task = asyncio.get_running_loop().create_task(
            self._see_off(pool), name=f"brrt retire {pool.name}"
        )
        self._retiring[pool] = task
        task.add_done_callback(lambda _: self._end_retirement(pool))

    def _end_retirement(self, pool: Pool) -> None:
        if pool in self._retiring:  # somebody cancelled the task before it had begun
            self._begin_retirement(pool)
        else:
            self._release(self._ends.pop(pool))

    def _release(self, end: asyncio.Future[None]) -> None:
        """Let those go on who wait for the end of a pool."""
        if not end.done():
            end.set_result(None)

    @contextmanager
    def change(self) -> Generator[None, None, None]:
        """Around every change: nobody waits for the pool of a handler that is inside one.

        Such a handler may itself be waiting, for its turn or for the pool of the one that waits
        for it; both would wait until `grace` is over. Its pool ends after it, unobserved.
        """
        own = serving()
        if own is None:
            yield
            return
        self._changing[own] += 1
        if own in self._ends:
            self._release(self._ends[own])
        try:
            yield
        finally:
            self._changing -= Counter({own: 1})
            if own in self._ends and own not in self._changing:  # from now on it can be waited for
                self._ends[own] = asyncio.get_running_loop().create_future()

    async def _see_off(self, pool: Pool) -> None:
        """The retirement task of one pool."""
        try:
            outcome = await pool.retire(self.limits.grace)
        finally:
            del self._retiring[pool]
            for alarm in self._alarms.pop(pool, ()):
                alarm.cancel()
        candidates = [*self._stuck, pool]
        self._stuck = [one for one in candidates if one.active or one.streams]
        for one in candidates:
            self._forget(one.name)
        self._log(outcome)

    def _forget(self, name: str) -> None:
        """Fold the counters of a name that nobody bears any more into the sum."""
        if not any(pool.name == name for pool in self._all_pools()):
            counters = self._counters.pop(name, None)
            if counters is not None:
                self._gone.add(counters)

    def _log(self, outcome: Retirement) -> None:
        verb = "Replaced" if outcome.name in self._pools else "Removed"
        text = "%s handler %s: %d tasks drained in %d ms"
        values = [verb, outcome.name, outcome.tasks, round(outcome.seconds * 1000)]
        if outcome.cancelled:
            text += ", %d jobs cancelled after %g s of grace"
            values += [outcome.cancelled, self.limits.grace]
        if outcome.stuck:
            text += ", %d tasks would not end"
            values.append(outcome.stuck)
        calm = logging.INFO if self.running else logging.DEBUG  # at a stop the sum is enough
        troubled = outcome.stuck or outcome.cancelled
        logger.log(logging.WARNING if troubled else calm, text, *values)

    async def wait_retired(self, pools: Collection[Pool]) -> None:
        """Wait until displaced pools have ended; a cancelled wait leaves them to the registry.

        A handler's own pool is not waited for, since it cannot end before its handler does; nor
        is one whose handler is making a change (see `change`).
        """
        own = serving()
        ends = [self._ends[pool] for pool in pools if pool in self._ends and pool is not own]
        if ends:
            await asyncio.wait(ends)

    def serves_caller(self) -> bool:
        """Whether it is one of the registry's own handlers or background tasks that asks."""
        return serving() in self._all_pools() or asyncio.current_task() in self.background

    async def aclose(self) -> None:
        """Refuse everything, drain all pools under `grace`, and wait for every task.

        Pools that were retiring already have no more than this grace either.
        A cancellation does not cut it short; it takes effect when every task has ended.
        """
        if self.running:
            self.running = False
            self._leave()
        own = serving()
        try:
            await outlast(
                lambda: [task for pool, task in self._retiring.items() if pool is not own]
            )
        finally:
            await self.background.end(self._until - asyncio.get_running_loop().time())
            self._silence()

    def _leave(self) -> None:
        leaving = self._pools
        self._pools = {}
        self.ceiling.reserved = 0
        logger.info("Stopping %d handlers with %d tasks", len(leaving), self.ceiling.active)
        self._hurry_later()
        for pool in leaving.values():
            self._retire(pool)

    def grant(self, grace: float) -> None:
        """What retires from now on has so much grace; while all retires, what does so already."""
        self.limits = replace(self.limits, grace=grace)
        if not self.running:
            self._hurry_later()

    def _hurry_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._until = loop.time() + self.limits.grace
        self._silence()
        self._bell = loop.call_at(self._until, self.background.hurry)
        for pool in self._retiring:
            alarm = loop.call_later(self.limits.grace, pool.hurry)
            self._alarms.setdefault(pool, []).append(alarm)

    def last_moment(self) -> float:
        """When a stop is over, whatever is not: after the grace, and what a cancellation may take.

        By the loop's clock. Only while the app stops.
        """
        return self._until + self.limits.cancel_wait

    def _silence(self) -> None:
        """The bell for background tasks rings no more: another does, or all have ended."""
        if self._bell is not None:
            self._bell.cancel()

    def send_away(self) -> None:
        """The process is about to stop: end the streams whose clients come back by themselves."""
        for pool in self._all_pools():
            pool.send_away()

    def _all_pools(self) -> list[Pool]:
        return [*self._pools.values(), *self._retiring, *self._stuck]

    def statistics(self) -> Statistics:
        """What every handler has done and is doing, and the sum."""
        active, busy, queued, streams = (dict.fromkeys(self._counters, 0) for _ in range(4))
        for pool in self._all_pools():
            active[pool.name] += pool.active
            busy[pool.name] += pool.busy
            queued[pool.name] += pool.queued
            streams[pool.name] += pool.streams
        handlers = {
            name: picture(counters, active[name], busy[name], queued[name], streams[name])
            for name, counters in self._counters.items()
        }
        return Statistics(
            running=self.running,
            generation=self.generation,
            handlers=handlers,
            total=total(handlers.values(), self._gone),
            retiring=len(self._retiring),
            background=self.background.statistics(),
        )
