"""`max_tasks` is shared: who has much gives to who has little, and nobody is starved."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from brrt.config import Limits
from brrt.runtime.ceiling import Ceiling
from brrt.runtime.pool import Pool
from brrt.runtime.statistics import Counters

Until = Callable[[Callable[[], object]], Awaitable[None]]
TURNS = 400


def pool(name: str, ceiling: Ceiling, handler: Any, **limits: Any) -> Pool:
    made = Pool(name, handler, Limits(**limits), Counters(), ceiling)
    made.start()
    return made


async def quick() -> None:
    await asyncio.sleep(0)


class Flood:
    """Callers that never rest: `count` jobs are always asked for."""

    def __init__(self, target: Pool, count: int) -> None:
        self.target = target
        self.over = False
        self.tasks = [asyncio.create_task(self._ask()) for _ in range(count)]

    async def _ask(self) -> None:
        while not self.over:
            await self.target.submit({}).reply

    async def end(self) -> None:
        self.over = True
        await asyncio.wait(self.tasks)


@pytest.mark.parametrize("demands", [(20, 20), (20, 3), (20, 20, 20), (3, 20, 1)])
async def test_workers_are_shared_evenly_among_those_that_want_them(
    demands: tuple[int, ...],
) -> None:
    """Max-min fairness: nobody has two workers more than somebody else who wants one."""
    ceiling = Ceiling(14)
    ceiling.reserved = 2
    pools = [pool(f"h{place}", ceiling, quick) for place in range(len(demands))]
    floods: list[Flood] = []
    for one, demand in zip(pools, demands, strict=True):
        floods.append(Flood(one, demand))
        for _ in range(20):  # the first has its fill before the next one comes
            await asyncio.sleep(0)
    for _ in range(TURNS):
        await asyncio.sleep(0)
        assert ceiling.active <= 12
    sizes = [one._crew.size for one in pools]
    wanting = [size for size, demand in zip(sizes, demands, strict=True) if size < demand]
    assert not wanting or max(sizes) - min(wanting) <= 1
    assert sum(sizes) >= 10
    for flood in floods:
        await flood.end()
    for one in pools:
        await one.retire(1)
    assert ceiling.active == 0
    assert not ceiling.waiting


async def test_idle_workers_are_given_up_at_once(until: Until) -> None:
    """Not only after `idle_timeout`: who has nothing to do keeps nobody out."""
    ceiling, gate = Ceiling(10), asyncio.Event()
    first = pool("first", ceiling, gate.wait, idle_timeout=3600)
    jobs = [first.submit({}) for _ in range(10)]
    await until(lambda: first.busy == 10)
    gate.set()
    await asyncio.wait([job.reply for job in jobs])
    gate.clear()
    assert (first._crew.size, first.busy) == (10, 0)
    ceiling.limit = 11
    second = pool("second", ceiling, gate.wait)
    jobs = [second.submit({}) for _ in range(5)]
    await until(lambda: second.busy == 5)
    assert first._crew.size == 6
    gate.set()
    await asyncio.wait([job.reply for job in jobs])
    await first.retire(1)
    await second.retire(1)


async def test_what_ends_makes_room_for_those_that_wait(until: Until) -> None:
    """A pool that retires hands its places on; jobs that waited for one are run."""
    ceiling, gate = Ceiling(5), asyncio.Event()
    stuck = pool("stuck", ceiling, gate.wait)
    held = [stuck.submit({}) for _ in range(4)]
    await until(lambda: stuck.busy == 4)
    late = pool("late", ceiling, gate.wait)
    jobs = [late.submit({}) for _ in range(3)]
    await until(lambda: late.busy == 1)
    assert late.queued == 2
    await stuck.retire(0)
    await until(lambda: late.busy == 3)
    gate.set()
    await asyncio.wait([job.reply for job in (*held, *jobs)])
    await late.retire(1)
    assert (ceiling.active, ceiling.waiting) == (0, {})


async def test_a_worker_that_is_let_go_while_it_puts_down_its_job_leaves_in_order(
    until: Until,
) -> None:
    """It has made room then, and does not try to do so again, which would be its death."""
    ceiling, gate = Ceiling(12), asyncio.Event()
    rich = pool("rich", ceiling, gate.wait)
    poor = pool("poor", ceiling, quick)
    jobs = [rich.submit({}) for _ in range(11)]
    await until(lambda: rich.busy == 11)
    workers = list(rich._crew.workers)
    gate.set()
    while rich.busy:  # noqa: ASYNC110 - not one turn more
        await asyncio.sleep(0)
    jobs += [poor.submit({}) for _ in range(5)]  # the jobs are done, the workers do not know yet
    await asyncio.wait([job.reply for job in jobs])
    await rich.retire(1)
    await poor.retire(1)
    assert [one for one in workers if not one.cancelled() and one.exception()] == []


async def test_a_worker_that_nobody_wanted_in_the_end_comes_back(until: Until) -> None:
    """Who gives one up while jobs wait is given one when there is room."""
    ceiling, short, long = Ceiling(4), asyncio.Event(), asyncio.Event()

    async def serve(gate: asyncio.Event) -> None:
        await gate.wait()

    rich, poor = pool("rich", ceiling, serve, workers=3), pool("poor", ceiling, serve)
    jobs = [rich.submit({"gate": gate}) for gate in (short, long, long, long)]
    jobs.append(poor.submit({"gate": long}))
    await until(lambda: (rich.busy, poor.busy) == (3, 1))
    poor.abandon(poor.submit({"gate": long}), cancel=True)  # and so it asked for nothing
    short.set()
    await until(lambda: rich.busy == 3 and rich.queued == 0)
    long.set()
    await asyncio.wait([job.reply for job in jobs])
    await rich.retire(1)
    await poor.retire(1)


async def test_who_was_refused_a_worker_once_is_heard_again(until: Until) -> None:
    """A pool that wanted one in vain, and later wants one, gets one of those that rest by then."""
    ceiling, short, long = Ceiling(4), asyncio.Event(), asyncio.Event()

    async def serve(gate: asyncio.Event) -> None:
        await gate.wait()

    rich, poor = pool("rich", ceiling, serve), pool("poor", ceiling, serve)
    jobs = [rich.submit({"gate": short}) for _ in range(3)]
    jobs.append(poor.submit({"gate": long}))
    await until(lambda: (rich.busy, poor.busy) == (3, 1))
    poor.abandon(poor.submit({"gate": long}), cancel=True)
    short.set()
    await until(lambda: not rich.busy)
    for _ in range(20):
        await asyncio.sleep(0)
    jobs.append(poor.submit({"gate": long}))
    await until(lambda: poor.busy == 2)
    long.set()
    await asyncio.wait([job.reply for job in jobs])
    await rich.retire(1)
    await poor.retire(1)
