"""One pool: its workers, its queue, its time, its end."""

import asyncio
import gc
import logging
import sys
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any

import pytest

from brrt.config import Limits
from brrt.errors import NotFound, Retired, Shed
from brrt.runtime.ceiling import Ceiling
from brrt.runtime.jobs import CANCELLED, EXPIRED, RUNNING, STOPPED, Ended, Job, Reason
from brrt.runtime.mailbox import Mailbox
from brrt.runtime.pool import Pool
from brrt.runtime.statistics import Counters
from brrt.runtime.tasks import outlast

Until = Callable[[Callable[[], object]], Awaitable[None]]
Cut = Callable[[Callable[[], Any], int], Awaitable[bool]]
Make = Callable[..., Pool]

color: ContextVar[str] = ContextVar("color", default="none")


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Start a pool: `make(handler, workers=2)`. It is retired at the end."""
    pools: list[Pool] = []

    def start(
        handler: Callable[..., Awaitable[Any]], ceiling: Ceiling | None = None, **limits: Any
    ) -> Pool:
        pool = Pool("echo", handler, Limits(**limits), Counters(), ceiling or Ceiling(1_000))
        pool.start()
        pools.append(pool)
        return pool

    yield start
    for pool in pools:
        await pool.retire(0)
        assert pool.active == 0
        check(pool)


def check(pool: Pool) -> None:
    """The sums that hold at every moment."""
    now = pool.counters
    assert now.spawned == now.terminated + pool.active
    ended = now.served + now.failed + now.timed_out + now.cancelled
    assert 0 <= now.accepted - ended - pool.queued <= pool.busy


async def echo(value: Any = None) -> Any:
    return value


class Gate:
    """A handler that waits until it is let through."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.began: list[Any] = []
        self.cancelled: list[Any] = []

    async def __call__(self, value: Any = None) -> Any:
        """Wait, and tell what happened."""
        self.began.append(value)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(value)
            raise
        return value


class Stubborn:
    """A handler that swallows every cancellation until it is released."""

    def __init__(self) -> None:
        self.began = False
        self.cancellations = 0
        self.released = asyncio.Event()

    async def __call__(self) -> str:
        """Stay."""
        self.began = True
        failsafe = asyncio.get_running_loop().call_later(5, self.released.set)
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                self.cancellations += 1
        failsafe.cancel()
        return "late"


# Serving


async def test_a_job_is_answered_with_what_the_handler_returned(make: Make) -> None:
    """The reply is the handler's value, and it is counted."""
    pool = make(echo)
    assert await pool.submit({"value": 7}).reply == 7
    assert (pool.counters.accepted, pool.counters.served, pool.busy) == (1, 1, 0)


async def test_a_pool_rests_at_one_task(make: Make) -> None:
    """A pool without work costs one task."""
    pool = make(echo)
    assert pool.active == 1


async def test_a_handler_sees_the_context_of_its_caller(make: Make) -> None:
    """Context variables of the submission are seen, and changes do not leak out."""

    async def paint() -> str:
        seen = color.get()
        color.set("handler")
        return seen

    pool = make(paint)
    color.set("blue")
    assert await pool.submit({}).reply == "blue"
    assert color.get() == "blue"
    color.set("green")
    assert await pool.submit({}).reply == "green"


async def test_a_handler_runs_in_a_task_of_its_own(make: Make) -> None:
    """`current_task()` differs from job to job, so timeouts and task groups are the job's own."""

    async def who() -> Any:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return asyncio.current_task()

    pool = make(who, workers=1)
    first, second = await pool.submit({}).reply, await pool.submit({}).reply
    assert first is not second
    assert first.get_name() == "brrt echo/1 job"


async def test_a_pool_grows_by_one_task_for_each_waiting_job(make: Make, until: Until) -> None:
    """64 callers of a waiting handler are inside it at the same time."""
    gate = Gate()
    pool = make(gate, workers=64)
    jobs = [pool.submit({"value": n}) for n in range(64)]
    await until(lambda: len(gate.began) == 64)
    assert (pool.active, pool.busy, pool.queued) == (64, 64, 0)
    gate.open.set()
    assert [await job.reply for job in jobs] == list(range(64))


async def test_a_pool_never_has_more_tasks_than_workers(make: Make, until: Until) -> None:
    """What comes on top waits in the queue, in order."""
    gate = Gate()
    pool = make(gate, workers=3, queue_size=10)
    jobs = [pool.submit({"value": n}) for n in range(8)]
    await until(lambda: len(gate.began) == 3)
    assert (pool.active, pool.queued) == (3, 5)
    gate.open.set()
    assert [await job.reply for job in jobs] == list(range(8))
    assert gate.began == list(range(8))


async def test_surplus_workers_end_after_the_idle_time(make: Make, until: Until) -> None:
    """A pool that has grown shrinks back to one task, and still serves."""
    gate = Gate()
    pool = make(gate, workers=20, idle_timeout=0.02)
    jobs = [pool.submit({}) for _ in range(20)]
    await until(lambda: pool.busy == 20)
    gate.open.set()
    await asyncio.gather(*(job.reply for job in jobs))
    await until(lambda: pool.active == 1)
    assert (pool.counters.terminated, pool.counters.crashed) == (19, 0)
    assert await pool.submit({"value": "still here"}).reply == "still here"


async def test_no_job_is_lost_while_a_pool_shrinks(make: Make, until: Until) -> None:
    """Jobs that arrive in the very turns in which workers are let go are served."""
    pool = make(echo, workers=8, idle_timeout=0.001)
    for turn in range(200):
        jobs = [pool.submit({"value": n}) for n in range(8)]
        assert await asyncio.gather(*(job.reply for job in jobs)) == list(range(8))
        if turn % 10 == 0:
            await asyncio.sleep(0.001)
        check(pool)
    await until(lambda: pool.active == 1)


async def test_busy_workers_are_not_let_go(make: Make, until: Until) -> None:
    """Only what was idle for a whole idle time ends."""
    gate = Gate()
    pool = make(gate, workers=4, idle_timeout=0.005)
    jobs = [pool.submit({}) for _ in range(4)]
    await until(lambda: pool.busy == 4)
    await asyncio.sleep(0.03)
    assert pool.active == 4
    gate.open.set()
    await asyncio.gather(*(job.reply for job in jobs))


# Bounds


async def test_a_full_queue_refuses_at_once(make: Make, until: Until) -> None:
    """Depth never exceeds `queue_size`; what is refused is counted and was never accepted."""
    gate = Gate()
    pool = make(gate, workers=1, queue_size=2)
    pool.submit({})
    await until(lambda: pool.busy)
    for _ in range(2):
        pool.submit({})
    for _ in range(3):
        with pytest.raises(Shed):
            pool.submit({})
    with pytest.raises(Shed):
        pool.check_room()
    assert (pool.queued, pool.counters.peak_queue) == (2, 2)
    assert (pool.counters.accepted, pool.counters.shed) == (3, 4)


async def test_a_pool_grows_only_under_the_common_ceiling(make: Make, until: Until) -> None:
    """Places that are reserved for new handlers are not taken by growth."""
    gate, ceiling = Gate(), Ceiling(6)
    ceiling.reserved = 2
    pools = [make(gate, ceiling, workers=10) for _ in range(2)]
    for pool in pools:
        for _ in range(10):
            pool.submit({})
    await until(lambda: len(gate.began) == 4)
    assert ceiling.active == sum(pool.active for pool in pools) == 4
    gate.open.set()
    await until(lambda: sum(pool.counters.served for pool in pools) == 20)


async def test_settled_jobs_are_not_kept(make: Make) -> None:
    """However long the patience for slow jobs is, quick ones leave nothing behind."""

    class Body:
        pass

    pool = make(echo, disconnect_after=60.0, timeout=60.0)
    kept = []
    for _ in range(5):
        body = Body()
        kept.append(weakref.ref(body))
        job = pool.submit({"value": body})
        del body
        await job.reply
        del job
    assert sum(one() is not None for one in kept) <= 1


# Whatever the handler does


@pytest.mark.parametrize(
    "error",
    [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, StopAsyncIteration, MemoryError],
)
async def test_whatever_is_raised_becomes_an_outcome(
    make: Make, error: type[BaseException]
) -> None:
    """No exception kills a worker, the loop, or the next job."""

    async def explode(bang: bool) -> str:
        if bang:
            raise error
        return "fine"

    pool = make(explode, workers=1)
    outcome = await pool.submit({"bang": True}).reply
    assert (outcome.reason, type(outcome.error)) == (Reason.RAISED, error)
    assert await pool.submit({"bang": False}).reply == "fine"
    assert (pool.counters.failed, pool.counters.crashed, pool.counters.spawned) == (1, 0, 1)


async def test_a_problem_of_the_client_is_served_and_not_failed(make: Make) -> None:
    """A 404 that a handler raises is an answer; the figures tell it from a failure."""

    async def nowhere() -> None:
        raise NotFound("no such pet")

    pool = make(nowhere)
    assert (await pool.submit({}).reply).error.status == 404
    assert (pool.counters.served, pool.counters.failed) == (1, 0)


@pytest.mark.parametrize("waits", [True, False])
async def test_a_handler_that_cancels_itself_is_answered(make: Make, waits: bool) -> None:
    """Its caller is answered, and the worker goes on."""

    async def suicidal() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if waits:
            await asyncio.Event().wait()
        return "survived"

    pool = make(suicidal, workers=1)
    expected = CANCELLED if waits else "survived"
    for _ in range(3):
        assert await pool.submit({}).reply == expected
    assert pool.counters.crashed == 0


async def test_a_handler_that_raises_cancelled_error_is_answered(make: Make) -> None:
    """Raising it by hand is no way to vanish."""

    async def pretend() -> None:
        raise asyncio.CancelledError

    pool = make(pretend, workers=1)
    assert await pool.submit({}).reply == CANCELLED
    assert pool.counters.crashed == 0


async def test_a_worker_that_is_killed_is_replaced(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger cancels the worker task: its job is answered, a new worker takes over."""

    async def kill(value: int) -> int:
        if value == 0:
            for task in asyncio.all_tasks():
                if task.get_name().startswith("brrt echo/") and "job" not in task.get_name():
                    task.cancel()
            await asyncio.Event().wait()
        return value

    pool = make(kill, workers=1)
    jobs = [pool.submit({"value": n}) for n in range(3)]
    assert [await job.reply for job in jobs] == [CANCELLED, 1, 2]
    await until(lambda: pool.counters.crashed == 1)
    assert (pool.active, pool.counters.spawned) == (1, 2)
    assert "A worker of echo died" in caplog.text


async def test_a_worker_killed_during_the_drain_is_replaced_too(make: Make, until: Until) -> None:
    """What was accepted is finished, even if the last worker dies while the pool retires."""
    gate = Gate()
    pool = make(gate, workers=1)
    jobs = [pool.submit({"value": n}) for n in range(3)]
    await until(lambda: pool.busy)
    retiring = asyncio.create_task(pool.retire(5))
    await until(lambda: pool.closed)
    for task in asyncio.all_tasks():
        if task.get_name() == "brrt echo/1":
            task.cancel()
    gate.open.set()
    assert [await job.reply for job in jobs] == [CANCELLED, 1, 2]
    assert (await retiring).cancelled == 0


async def test_a_swallowed_cancellation_does_not_keep_a_worker_alive(
    make: Make, until: Until
) -> None:
    """The handler eats its CancelledError and returns: the worker still ends."""

    async def swallow() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "eaten"
        return "never"

    pool = make(swallow, workers=1)
    job = pool.submit({})
    await until(lambda: pool.busy)
    outcome = await pool.retire(0)
    assert (outcome.tasks, outcome.stuck, outcome.cancelled) == (1, 0, 1)
    assert await job.reply == STOPPED
    assert pool.active == 0


async def test_a_handler_that_never_ends_is_named_and_counted(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """It cannot be killed, so the log says where it is, and the books keep it until it ends."""
    stubborn = Stubborn()
    pool = make(stubborn, cancel_wait=0.02)
    job = pool.submit({})
    await until(lambda: stubborn.began)
    outcome = await pool.retire(0)
    assert await job.reply == STOPPED
    assert (outcome.stuck, pool.active, pool.counters.stuck) == (1, 1, 1)
    assert "echo ignores its cancellation" in caplog.text
    assert "self.released.wait()" in caplog.text
    check(pool)
    stubborn.released.set()
    await until(lambda: pool.active == 0)


# Time


async def test_a_handler_past_its_deadline_is_cancelled(make: Make) -> None:
    """The caller gets its answer at the deadline, and the worker is free again."""
    gate = Gate()
    pool = make(gate, workers=1, timeout=0.03, disconnect_after=0.01)
    job = pool.submit({"value": "slow"})
    assert await job.reply is RUNNING
    assert await job.reply == EXPIRED
    assert pool.counters.timed_out == 1
    gate.open.set()
    assert await pool.submit({"value": "next"}).reply == "next"
    assert gate.cancelled == ["slow"]


async def test_a_queued_job_past_its_deadline_never_runs(make: Make, until: Until) -> None:
    """It is answered and leaves the queue, whose places are for those who still wait."""
    stubborn = Stubborn()
    ran: list[int] = []

    async def handler(value: int) -> None:
        ran.append(value)
        await stubborn()

    pool = make(handler, workers=1, timeout=0.02, disconnect_after=0.02)
    jobs = [pool.submit({"value": n}) for n in range(4)]
    for job in jobs:
        while (outcome := await job.reply) is RUNNING:
            pass
        assert outcome == EXPIRED
    assert (ran, pool.queued) == ([0], 0)
    stubborn.released.set()
    await until(lambda: not pool.busy)
    assert (ran, pool.counters.timed_out) == ([0], 4)


async def test_the_deadline_counts_from_acceptance(make: Make) -> None:
    """A job that has waited in the queue has less time left to run."""
    gate = Gate()
    pool = make(gate, workers=1, timeout=0.05, disconnect_after=0.01)
    loop = asyncio.get_running_loop()
    first = pool.submit({"value": 1})
    await asyncio.sleep(0.03)
    second = pool.submit({"value": 2})
    began = loop.time()
    for job in (first, second):
        while (outcome := await job.reply) is RUNNING:
            pass
        assert outcome == EXPIRED
    assert loop.time() - began < 0.5
    assert gate.began == [1, 2]  # the second had its turn when the first was cancelled


async def test_a_job_is_watched_in_time_beside_one_that_is_older(make: Make) -> None:
    """What is accepted while only the deadline of an older job is waited for has its own youth."""
    pool = make(Gate(), timeout=60.0, disconnect_after=0.01)
    older = pool.submit({})
    assert await older.reply is RUNNING
    job = pool.submit({})
    assert await asyncio.wait_for(job.reply, 10) is RUNNING


async def test_a_deadline_before_the_patience_ends_is_kept(make: Make) -> None:
    """A timeout shorter than `disconnect_after` is a timeout all the same."""
    pool = make(Gate(), timeout=0.01, disconnect_after=10.0)
    job = pool.submit({})
    while (outcome := await job.reply) is RUNNING:
        pass
    assert outcome == EXPIRED


async def test_a_handler_that_outstays_its_deadline_is_reported(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller is answered at once; the worker is missed, and the log says so."""
    stubborn = Stubborn()
    seen: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(color.get())

    listener = Listener()
    logging.getLogger("brrt").addHandler(listener)
    try:
        pool = make(stubborn, timeout=0.01, disconnect_after=0.01, cancel_wait=0.01)
        color.set("caller")
        job = pool.submit({})
        while (outcome := await job.reply) is RUNNING:
            pass
        assert outcome == EXPIRED
        await until(lambda: pool.counters.stuck == 1)
    finally:
        logging.getLogger("brrt").removeHandler(listener)
    assert "ignores its cancellation" in caplog.text
    assert seen == ["none"]  # the pool's own log lines carry nobody's request
    stubborn.released.set()
    await until(lambda: not pool.busy)


# Callers that go away


async def test_an_abandoned_queued_job_never_runs(make: Make, until: Until) -> None:
    """Its place in the queue is free at once."""
    gate = Gate()
    pool = make(gate, workers=1, queue_size=1)
    first = pool.submit({"value": 1})
    await until(lambda: pool.busy)
    second = pool.submit({"value": 2})
    pool.abandon(second, cancel=False)
    third = pool.submit({"value": 3})
    gate.open.set()
    assert (await first.reply, await second.reply, await third.reply) == (1, CANCELLED, 3)
    assert gate.began == [1, 3]
    assert pool.counters.cancelled == 1


async def test_an_abandoned_running_job_ends_if_told_so(make: Make, until: Until) -> None:
    """With `cancel` the handler is cancelled and its worker free; without it goes on."""
    gate = Gate()
    pool = make(gate, workers=2)
    kept, ended = pool.submit({"value": "kept"}), pool.submit({"value": "ended"})
    await until(lambda: len(gate.began) == 2)
    pool.abandon(kept, cancel=False)
    pool.abandon(ended, cancel=True)
    await until(lambda: pool.busy == 1)
    assert gate.cancelled == ["ended"]
    gate.open.set()
    assert await kept.reply == "kept"
    assert (pool.counters.served, pool.counters.cancelled) == (1, 1)


async def test_abandoning_a_finished_job_changes_nothing(make: Make) -> None:
    """A caller that leaves late is not counted twice."""
    pool = make(echo)
    job = pool.submit({"value": 1})
    await job.reply
    pool.abandon(job, cancel=True)
    assert (pool.counters.served, pool.counters.cancelled) == (1, 0)


async def test_a_job_cancelled_before_its_handler_began_is_put_down(make: Make) -> None:
    """In the turn between a worker's taking a job and the handler's first step."""
    began: list[int] = []

    async def handler(value: int) -> int:
        began.append(value)
        return value

    pool = make(handler, workers=1)
    for turns in range(4):
        job = pool.submit({"value": turns})
        for _ in range(turns):
            await asyncio.sleep(0)
        pool.abandon(job, cancel=True)
        assert await job.reply in (CANCELLED, turns)
        assert await pool.submit({"value": -1}).reply == -1
        check(pool)
    assert pool.counters.crashed == 0


async def test_a_job_is_settled_once() -> None:
    """Whoever comes second changes nothing."""
    job = Job({}, _context(), _loop())
    assert job.settle("first")
    assert not job.settle("second")
    job.nudge()
    assert await job.reply == "first"


async def test_a_caller_that_stopped_waiting_breaks_nothing() -> None:
    """Its cancelled reply is left alone, whoever settles or nudges."""
    job = Job({}, _context(), _loop())
    job.reply.cancel()
    job.nudge()
    assert job.settle("unheard")
    assert job.reply.cancelled()


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _context() -> Context:
    return copy_context()


async def test_a_mailbox_gives_back_what_was_put_in() -> None:
    """First in, first out; and any job can be taken back, once."""
    mailbox = Mailbox("echo", Limits(queue_size=3))
    jobs = [Job({}, _context(), _loop()) for _ in range(3)]
    for job in jobs:
        mailbox.put_nowait(job)
    assert mailbox.full()
    assert mailbox.discard(jobs[1])
    assert not mailbox.discard(jobs[1])
    assert await mailbox.get() is jobs[0]
    assert mailbox.clear() == [jobs[2]]
    assert mailbox.empty()


# The end


async def test_a_retired_pool_finishes_what_it_accepted(make: Make, until: Until) -> None:
    """Running and queued jobs alike are served within the grace."""
    gate = Gate()
    pool = make(gate, workers=2)
    jobs = [pool.submit({"value": n}) for n in range(10)]
    await until(lambda: pool.busy == 2)
    retiring = asyncio.create_task(pool.retire(10))
    await until(lambda: pool.closed)
    with pytest.raises(Retired):
        pool.submit({})
    gate.open.set()
    outcome = await retiring
    assert [await job.reply for job in jobs] == list(range(10))
    assert (outcome.cancelled, outcome.stuck, outcome.tasks) == (0, 0, 2)
    assert (pool.active, pool.counters.served) == (0, 10)


async def test_what_outlasts_the_grace_is_answered_and_cancelled(make: Make, until: Until) -> None:
    """The queued and the running are all answered, and every task is done."""
    gate = Gate()
    pool = make(gate, workers=2)
    jobs = [pool.submit({"value": n}) for n in range(5)]
    await until(lambda: pool.busy == 2)
    outcome = await pool.retire(0.01)
    assert [await job.reply for job in jobs] == [STOPPED] * 5
    assert (outcome.cancelled, outcome.tasks, pool.active) == (5, 2, 0)
    assert (sorted(gate.began), sorted(gate.cancelled)) == ([0, 1], [0, 1])
    assert pool.counters.cancelled == 5


async def test_callers_are_answered_before_the_tasks_have_ended(make: Make, until: Until) -> None:
    """A handler that is slow to obey does not keep its caller waiting."""
    stubborn = Stubborn()
    pool = make(stubborn, cancel_wait=10.0)
    job = pool.submit({})
    await until(lambda: stubborn.began)
    retiring = asyncio.create_task(pool.retire(0))
    assert await job.reply == STOPPED
    assert not retiring.done()
    stubborn.released.set()
    assert (await retiring).stuck == 0


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_retirement_leaves_nothing(
    make: Make, until: Until, cut: Cut, turns: int
) -> None:
    """Cut at any await, all callers are answered and all tasks ended."""
    gate = Gate()
    pool = make(gate, workers=2)
    jobs = [pool.submit({}) for _ in range(4)]
    await until(lambda: pool.busy == 2)

    async def retire() -> None:
        await pool.retire(30)

    await cut(retire, turns + 1)
    assert [await job.reply for job in jobs] == [STOPPED] * 4
    assert pool.active == 0


async def test_a_retirement_does_not_wait_for_nothing(make: Make) -> None:
    """An idle pool ends within a few turns, whatever its grace."""
    pool = make(echo)
    outcome = await pool.retire(3_600)
    assert outcome.seconds < 1
    assert outcome.tasks == 1


async def test_a_retirement_ends_as_soon_as_the_last_caller_has_gone(
    make: Make, until: Until
) -> None:
    """Abandoned and expired jobs are nothing to wait for."""
    gate = Gate()
    pool = make(gate, workers=1)
    jobs = [pool.submit({}) for _ in range(3)]
    await until(lambda: pool.busy)
    retiring = asyncio.create_task(pool.retire(3_600))
    await until(lambda: pool.closed)
    for job in jobs:
        pool.abandon(job, cancel=True)
    assert (await asyncio.wait_for(retiring, 5)).cancelled == 0


@pytest.mark.parametrize("busy", [False, True])
async def test_the_shortest_wait_is_long_enough_for_tasks_that_obey(
    make: Make, until: Until, busy: bool
) -> None:
    """With `cancel_wait=0` no worker is left alive or taken for stuck, idle or busy."""
    gate = Gate()
    pool = make(gate, cancel_wait=0)
    if busy:
        pool.submit({})
        await until(lambda: gate.began)
    outcome = await pool.retire(0)
    assert (outcome.stuck, pool.active) == (0, 0)


async def test_a_pool_tells_the_truth_about_itself(make: Make, until: Until) -> None:
    """The repr shows the true counts."""
    gate = Gate()
    pool = make(gate, workers=2, queue_size=7)
    for _ in range(5):
        pool.submit({})
    await until(lambda: pool.busy == 2)
    assert repr(pool) == "<Pool echo open: 2 tasks, 2 busy, 3 of 7 queued, 0 streams>"
    await pool.retire(0)
    assert repr(pool) == "<Pool echo retired: 0 tasks, 0 busy, 0 of 7 queued, 0 streams>"


@pytest.mark.parametrize("turns", range(4))
async def test_a_wait_that_is_not_to_be_cut_short_is_cancelled_afterwards(turns: int) -> None:
    """`outlast` waits for the tasks, and then lets the cancellation take effect."""
    release = asyncio.Event()

    async def work() -> None:
        await release.wait()

    task = asyncio.create_task(work())
    waiting = asyncio.create_task(outlast(lambda: [] if task.done() else [task]))
    for _ in range(turns):
        await asyncio.sleep(0)
    if turns:
        waiting.cancel()
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
    release.set()
    await asyncio.wait([waiting])
    assert task.done()
    assert waiting.cancelled() == bool(turns)


def test_a_pool_lives_on_uvloop() -> None:
    """Growth, deadline and retirement, on the loop that servers use."""
    uvloop = pytest.importorskip("uvloop")

    async def main() -> tuple[Any, ...]:
        async def handler(value: float) -> float:
            await asyncio.sleep(value)
            return value

        limits = Limits(timeout=0.05, disconnect_after=0.01)
        pool = Pool("echo", handler, limits, Counters(), Ceiling(100))
        pool.start()
        quick = [pool.submit({"value": 0.001}) for _ in range(10)]
        slow = pool.submit({"value": 30})
        assert [await job.reply for job in quick] == [0.001] * 10
        while (outcome := await slow.reply) is RUNNING:
            pass
        last = pool.submit({"value": 30})
        await asyncio.sleep(0)
        return outcome, await pool.retire(0), await last.reply, pool

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome, retirement, last, pool = runner.run(main())
    assert (outcome, last, retirement.stuck, pool.active) == (EXPIRED, STOPPED, 0, 0)
    assert isinstance(outcome, Ended)
    check(pool)


async def test_what_is_past_its_deadline_before_it_begins_is_not_run(
    make: Make, until: Until
) -> None:
    """A loop that is blocked between a worker's taking and the handler's beginning costs no run."""
    gate = Gate()
    pool = make(gate, timeout=0.02)
    job = pool.submit({})
    await until(lambda: pool.busy)
    time.sleep(0.03)  # noqa: ASYNC251  (the crime itself)
    while (outcome := await job.reply) is RUNNING:
        pass
    await until(lambda: not pool.busy)
    assert outcome is EXPIRED
    assert gate.began == []
    assert pool.counters.timed_out == 1


async def test_a_stuck_handler_is_counted_once(make: Make, until: Until) -> None:
    """Whoever finds it: the one who looks after its deadline, or the one who retires its pool."""
    gate = asyncio.Event()

    async def stay() -> None:
        while not gate.is_set():
            with suppress(asyncio.CancelledError):
                await gate.wait()

    pool = make(stay, timeout=0.01, cancel_wait=0.01)
    pool.submit({})
    await until(lambda: pool.counters.stuck)
    outcome = await pool.retire(0)
    assert (outcome.stuck, pool.counters.stuck) == (1, 1)
    gate.set()
    await until(lambda: not pool.active)


async def test_who_is_hurried_has_no_grace_left(make: Make) -> None:
    """Before the retirement has begun to wait, and while it waits."""
    for early in (True, False):
        gate = Gate()
        pool = make(gate)
        job = pool.submit({})
        for _ in range(4):
            await asyncio.sleep(0)
        assert pool.busy
        if early:
            pool.hurry()
        retiring = asyncio.create_task(pool.retire(3600))
        await asyncio.sleep(0)
        if not early:
            pool.hurry()
        assert (await retiring).cancelled == 1
        assert job.reply.result() is STOPPED


async def test_what_was_asked_and_answered_is_not_kept(make: Make, until: Until) -> None:
    """A worker that rests holds nothing of its last job: neither arguments nor value."""

    class Value: ...

    async def give_back(value: Value) -> Value:
        return value

    pool = make(give_back, disconnect_after=0.01)  # for so long a settled job is looked after
    gc.disable()
    try:
        value = Value()
        known = weakref.ref(value)
        await pool.submit({"value": value}).reply
        del value
        await until(lambda: known() is None)
    finally:
        gc.enable()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks before 3.12")
async def test_tasks_may_be_eager(make: Make, until: Until) -> None:
    """In a loop whose tasks begin at once, a new worker is as busy as it is, and its job is kept.

    Otherwise it would count as idle and could be let go, or not be answered at the end.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.BaseEventLoop):
        pytest.skip("uvloop has no eager tasks")
    loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009 - 3.11 has none
    try:
        pool = make(Gate(), cancel_wait=0.01)
        jobs = [pool.submit({}) for _ in range(3)]
        await until(lambda: pool.busy == 3)
        assert sum(job is not None for job in pool._crew.workers.values()) == 3
        assert (await pool.retire(0)).cancelled == 3
        assert [job.reply.result() for job in jobs] == [STOPPED] * 3
    finally:
        loop.set_task_factory(None)
