"""Streams of one pool: what is asked of a handler that gives bit by bit, and how that ends."""

import asyncio
import gc
import logging
import sys
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest

from brrt.config import Limits
from brrt.errors import NotFound, Shed
from brrt.runtime.ceiling import Ceiling
from brrt.runtime.jobs import CANCELLED, EXPIRED, STOPPED, Ended, Job, Reason
from brrt.runtime.pool import Pool, serving
from brrt.runtime.registry import Registry
from brrt.runtime.sources import find_generator, is_generator
from brrt.runtime.statistics import Counters, TaskCounters
from brrt.runtime.streams import DONE, LULL, Quota, Stream
from tests.conftest import Until, without_collector

Make = Callable[..., Pool]
Handler = Callable[..., Any]

FOR_EVER = 3_600.0
color: ContextVar[str] = ContextVar("color", default="none")


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Start a pool: `make(handler, streams=2)`. It is retired at the end, and its sums checked."""
    pools: list[Pool] = []

    def start(handler: Handler, quota: Quota | None = None, **limits: Any) -> Pool:
        limits = {"cancel_wait": 1.0} | limits
        pool = Pool("feed", handler, Limits(**limits), Counters(), Ceiling(1_000), quota)
        pool.start()
        pools.append(pool)
        return pool

    yield start
    for pool in pools:
        check(pool)
        await pool.retire(0)
        assert (pool.active, pool.streams) == (0, 0)
        check(pool)


def check(pool: Pool) -> None:
    """The sums that hold at every moment."""
    now = pool.counters.streams
    ended = now.finished + now.failed + now.timed_out + now.cancelled
    assert now.started == ended + pool.streams
    assert now.peak >= pool.streams


def counted(pool: Pool) -> tuple[int, int, int, int]:
    """How streams have ended: finished, failed, timed out, cancelled."""
    now = pool.counters.streams
    return now.finished, now.failed, now.timed_out, now.cancelled


async def begin(pool: Pool, **arguments: Any) -> Stream:
    """The stream that one call opens."""
    stream = await pool.submit(arguments).reply
    assert isinstance(stream, Stream)
    return stream


async def drain(stream: Stream) -> list[Any]:
    """All that a stream gives, and why it ended."""
    taken: list[Any] = []
    while not isinstance(item := await stream.take(FOR_EVER), Ended):
        taken.append(item)
    return [*taken, item]


async def turns(count: int = 5) -> None:
    """Let everybody do what they can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def numbers(count: int = 3) -> AsyncIterator[int]:
    for n in range(count):
        yield n


class Feed:
    """An endless generator that tells what it was asked for and what became of it."""

    def __init__(self) -> None:
        self.asked = 0
        self.closed = 0
        self.go = asyncio.Event()

    async def __call__(self) -> AsyncIterator[int]:
        """Numbers without end."""
        try:
            while True:
                self.asked += 1
                yield self.asked
        finally:
            self.closed += 1

    async def slow(self) -> AsyncIterator[int]:
        """The same, each when it is let go, for ever closed in its own time."""
        try:
            while True:
                await self.go.wait()
                self.go.clear()
                self.asked += 1
                yield self.asked
        finally:
            await asyncio.sleep(0.005)
            self.closed += 1


# Giving and taking


async def test_all_is_given_in_order_and_then_the_end(make: Make) -> None:
    """Every item, once, in order; then `DONE`, however often one asks."""
    pool = make(numbers)
    stream = await begin(pool, count=5)
    assert await drain(stream) == [0, 1, 2, 3, 4, DONE]
    assert await stream.take(0) is DONE
    await turns()
    assert (counted(pool), pool.streams) == ((1, 0, 0, 0), 0)
    assert (pool.counters.served, pool.counters.streams.started) == (1, 1)


async def test_a_stream_of_nothing_is_a_stream(make: Make) -> None:
    """A generator that gives nothing has done all that it had to."""
    pool = make(numbers)
    assert await drain(await begin(pool, count=0)) == [DONE]


async def test_what_is_false_or_none_is_an_item(make: Make) -> None:
    """No value is taken for silence or for the end."""

    async def odd() -> AsyncIterator[Any]:
        for one in (None, 0, "", False, StopAsyncIteration, b""):
            yield one

    stream = await begin(make(odd))
    assert await drain(stream) == [None, 0, "", False, StopAsyncIteration, b"", DONE]


async def test_a_handler_is_never_more_than_one_item_ahead(make: Make) -> None:
    """One item waits; no more is asked for until it is taken, however long that lasts."""
    feed = Feed()
    stream = await begin(make(feed))
    await turns(20)
    assert feed.asked == 1
    for n in range(1, 10):
        assert await stream.take(FOR_EVER) == n
        await turns(20)
        assert feed.asked == n + 1


async def test_a_taker_who_waits_makes_it_no_different(make: Make) -> None:
    """An item that is handed over to one who waits lets at most one more be made."""
    made: list[int] = []
    go = asyncio.Event()

    async def burst() -> AsyncIterator[int]:
        await go.wait()
        for n in range(100):
            made.append(n)
            yield n

    stream = await begin(make(burst))
    taker = asyncio.create_task(stream.take(FOR_EVER))
    await turns()
    go.set()
    await turns(20)
    assert (await taker, made) == (0, [0, 1])


async def test_silence_is_a_lull(make: Make) -> None:
    """Whoever waits too long is told, misses nothing, and may wait again."""
    feed = Feed()
    stream = await begin(make(feed.slow))
    assert await stream.take(0.001) is LULL
    assert await stream.take(0) is LULL
    feed.go.set()
    assert await stream.take(FOR_EVER) == 1
    assert await stream.take(0.001) is LULL


async def test_an_item_that_comes_with_the_lull_is_not_lost(make: Make) -> None:
    """The timer and the handler in the same turn: the one first, the other next."""
    feed = Feed()
    stream = await begin(make(feed.slow))
    taker = asyncio.create_task(stream.take(FOR_EVER))
    await turns()
    assert stream._taker is not None
    stream._taker.set_result(LULL)  # what the timer does
    feed.go.set()
    assert [await taker, await stream.take(FOR_EVER)] == [LULL, 1]


async def test_a_cancelled_taker_leaves_the_stream_as_it_was(make: Make) -> None:
    """Who takes may be cut short while nothing is there, and come back."""
    feed = Feed()
    stream = await begin(make(feed.slow))
    taker = asyncio.create_task(stream.take(FOR_EVER))
    await turns()
    taker.cancel()
    await asyncio.wait([taker])
    feed.go.set()
    assert await stream.take(FOR_EVER) == 1


# Where streams come from


class Countdown:
    """An async iterator that is no generator, and has nothing to close."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __aiter__(self) -> "Countdown":
        return self

    async def __anext__(self) -> int:
        self.count -= 1
        if self.count < 0:
            raise StopAsyncIteration
        return self.count


async def test_any_async_iterator_is_a_stream(make: Make) -> None:
    """A handler may return one, with `aclose` or without."""

    async def count(number: int) -> Countdown:
        return Countdown(number)

    pool = make(count)
    assert await drain(await begin(pool, number=3)) == [2, 1, 0, DONE]
    stream = await begin(pool, number=3)
    await turns()
    pool.end_stream(stream, CANCELLED)
    assert await drain(stream) == [2, CANCELLED]
    await turns()
    assert counted(pool) == (1, 0, 0, 1)


async def test_whatever_is_called_is_seen_through(make: Make) -> None:
    """Methods, partials and objects that are called are known for what they are."""

    class Owner:
        async def method(self) -> AsyncIterator[int]:
            yield 1

    async def plain() -> int:
        return 1

    owner = Owner()
    for one in (numbers, owner.method, partial(numbers, count=2), Feed()):
        assert is_generator(one)
    others: tuple[Any, ...] = (plain, partial(plain), make, find_generator)
    assert not any(map(is_generator, others))
    assert await drain(await begin(make(owner.method))) == [1, DONE]


async def test_what_is_no_stream_stays_a_value(make: Make) -> None:
    """Things that can only be iterated at once are values."""

    async def give() -> Any:
        return [1, 2]

    assert await make(give).submit({}).reply == [1, 2]


# The end


@pytest.mark.parametrize(
    ("error", "figures"),
    [
        (ValueError("bang"), (0, 1, 0, 0)),
        (SystemExit(3), (0, 1, 0, 0)),
        (KeyboardInterrupt(), (0, 1, 0, 0)),
        (GeneratorExit(), (0, 1, 0, 0)),
        (StopAsyncIteration(), (0, 1, 0, 0)),
        (StopIteration(), (0, 1, 0, 0)),
        (MemoryError(), (0, 1, 0, 0)),
        (NotFound("nowhere"), (1, 0, 0, 0)),
        (asyncio.CancelledError(), (0, 0, 0, 1)),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseException) else "",
)
@pytest.mark.parametrize("items", [0, 1])
async def test_whatever_is_raised_is_an_end(
    make: Make, error: BaseException, figures: tuple[int, ...], items: int
) -> None:
    """It reaches the taker after all that was given, is counted, and harms nobody else."""

    async def explode() -> AsyncIterator[int]:
        for n in range(items):
            yield n
        raise error

    pool = make(explode)
    *taken, end = await drain(await begin(pool))
    assert taken == list(range(items))
    if isinstance(error, asyncio.CancelledError):
        assert end is CANCELLED
    else:
        assert end.reason is Reason.RAISED
        named = isinstance(error, (StopIteration, StopAsyncIteration))  # Python says RuntimeError
        assert isinstance(end.error, RuntimeError) if named else end.error is error
    await turns()
    assert (counted(pool), pool.counters.crashed) == (figures, 0)


@pytest.mark.parametrize("reason", [CANCELLED, EXPIRED, STOPPED])
@pytest.mark.parametrize("slow", [False, True])
async def test_who_ends_a_stream_closes_its_generator(
    make: Make, until: Until, reason: Ended, slow: bool
) -> None:
    """Whether it waits for the taker or for itself: its `finally` runs to the end, once."""
    feed = Feed()
    pool = make(feed.slow if slow else feed)
    stream = await begin(pool)
    await turns()
    pool.end_stream(stream, reason)
    pool.end_stream(stream, Ended(Reason.RAISED))  # whoever comes later changes nothing
    assert await drain(stream) == ([reason] if slow else [1, reason])
    await until(lambda: not pool.streams)
    assert feed.closed == 1
    assert sum(counted(pool)) == 1
    assert counted(pool)[2 if reason is EXPIRED else 3] == 1


async def test_a_waiting_taker_is_told_of_the_end(make: Make) -> None:
    """It does not wait for the next item, which never comes."""
    pool = make(Feed().slow)
    stream = await begin(pool)
    taker = asyncio.create_task(stream.take(FOR_EVER))
    await turns()
    pool.end_stream(stream, STOPPED)
    assert await taker is STOPPED


@pytest.mark.parametrize("count", range(8))
async def test_a_stranger_who_cancels_the_task_ends_the_stream(
    make: Make, until: Until, count: int
) -> None:
    """At whatever step: the generator is closed, the taker told, the sums hold."""
    feed = Feed()
    pool = make(feed)
    stream = await begin(pool)
    taken: list[Any] = []

    async def take() -> None:
        taken.extend(await drain(stream))

    taker = asyncio.create_task(take())
    await turns(count)
    stream.task.cancel()
    await asyncio.wait_for(taker, 5)
    await until(lambda: not pool.streams)
    assert taken[-1] is CANCELLED
    assert taken[:-1] == list(range(1, len(taken)))
    assert feed.closed == 1
    assert counted(pool) == (0, 0, 0, 1)


async def started(feed: Feed) -> AsyncGenerator[int, None]:
    """A generator that is at work already when it is returned."""

    async def give() -> AsyncGenerator[int, None]:
        feed.asked += 1
        try:
            yield 1
            yield 2
        finally:
            feed.closed += 1

    made = give()
    await anext(made)
    return made


async def test_a_stream_that_is_ended_before_its_first_step_is_closed(
    make: Make, until: Until
) -> None:
    """Not by the collector, in a task that nobody owns: by its own task, and before it is gone."""
    feed = Feed()
    pool = make(partial(started, feed))
    opened = asyncio.get_running_loop().create_future()
    open_stream = pool._streams.open

    def end_at_once(*arguments: Any) -> Stream:
        stream = open_stream(*arguments)
        pool.end_stream(stream, CANCELLED)
        opened.set_result(stream)
        return stream

    pool._streams.open = end_at_once  # type: ignore[method-assign, assignment]  # no await lies in between
    assert await drain(await begin(pool)) == [CANCELLED]
    await until(lambda: not pool.streams)
    assert feed.closed == 1
    assert counted(pool) == (0, 0, 0, 1)


async def test_what_fails_while_it_is_closed_is_logged(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """The end was told already; the log tells the rest."""

    async def fragile() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            raise ValueError("could not be put away")

    pool = make(fragile)
    for taken in (0, 1):
        stream = await begin(pool)
        await turns()
        for _ in range(taken):
            await stream.take(FOR_EVER)
            await turns()
        pool.end_stream(stream, CANCELLED)
        await until(lambda: not pool.streams)
        assert "could not be put away" in caplog.text
        caplog.clear()
    assert counted(pool) == (0, 0, 0, 2)


async def test_who_yields_while_it_is_closed_is_logged(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """A `yield` in `finally` is a mistake, and not a way to go on."""

    async def chatty() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            yield 2

    pool = make(chatty)
    stream = await begin(pool)
    await turns()
    pool.end_stream(stream, CANCELLED)
    assert await drain(stream) == [1, CANCELLED]
    await until(lambda: not pool.streams)
    assert "ignored GeneratorExit" in caplog.text


async def test_a_swallowed_cancellation_ends_the_stream_all_the_same(
    make: Make, until: Until
) -> None:
    """A generator that goes on after its cancellation is not asked again."""
    given: list[int] = []

    async def tough() -> AsyncIterator[int]:
        for n in range(1_000):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(FOR_EVER)
            given.append(n)
            yield n

    pool = make(tough)
    stream = await begin(pool)
    await turns()
    pool.end_stream(stream, STOPPED)
    assert await drain(stream) == [STOPPED]
    await until(lambda: not pool.streams)
    assert given == [0]


class Stubborn:
    """A generator that swallows every cancellation until it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def __call__(self) -> AsyncIterator[int]:
        """Stay, after one item."""
        yield 1
        failsafe = asyncio.get_running_loop().call_later(5, self.released.set)
        while not self.released.is_set():
            with suppress(asyncio.CancelledError):
                await self.released.wait()
        failsafe.cancel()
        yield 2


async def test_a_stream_that_never_ends_is_named_and_counted(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for it; the log says where it is, once, and the books keep it until it ends."""
    stubborn = Stubborn()
    quota = Quota(5)
    pool = make(stubborn, quota, cancel_wait=0.01)
    stream = await begin(pool)
    assert await stream.take(FOR_EVER) == 1
    await turns()
    pool.end_stream(stream, CANCELLED)
    await until(lambda: pool.counters.streams.stuck)
    assert "A stream of feed ignores its cancellation" in caplog.text
    assert "self.released.wait()" in caplog.text
    retirement = await pool.retire(0)
    assert (retirement.stuck, pool.streams, quota.taken) == (1, 1, 1)
    assert (pool.counters.streams.stuck, caplog.text.count("ignores its")) == (1, 1)
    check(pool)
    stubborn.released.set()
    await until(lambda: not pool.streams)
    assert (counted(pool), quota.taken) == ((0, 0, 0, 1), 0)


async def test_the_registry_keeps_a_pool_whose_stream_never_ends(until: Until) -> None:
    """Its streams count as long as they are there, and its counters are not lost."""
    stubborn, registry = Stubborn(), Registry(Limits(grace=0.01, cancel_wait=0.01))
    limits = Limits(cancel_wait=0.01)
    pool = Pool("feed", stubborn, limits, registry.counters("feed"), registry.ceiling)
    registry.swap({"feed": pool})
    stream = await begin(pool)
    await stream.take(FOR_EVER)
    await registry.wait_retired(registry.swap({}))
    total = registry.statistics().total.streams
    assert (total.active, total.stuck, total.started) == (1, 1, 1)
    stubborn.released.set()
    await until(lambda: not pool.streams)
    await registry.aclose()
    total = registry.statistics().total.streams
    assert (total.active, total.cancelled, total.peak) == (0, 1, 1)


async def test_what_was_given_and_turns_out_wrong_has_failed(make: Make) -> None:
    """Also where the handler had given everything, before or after its task is gone."""
    wrong = Ended(Reason.RAISED, ValueError("not as it was declared"))
    for rest in (0, 5):
        pool = make(numbers)
        stream = await begin(pool, count=1)
        assert await stream.take(FOR_EVER) == 0
        while stream.outcome is None:  # noqa: ASYNC110 - the very turn is what matters
            await asyncio.sleep(0)
        await turns(rest)
        pool.end_stream(stream, wrong)
        await turns()
        assert counted(pool) == (0, 1, 0, 0)
        check(pool)


# Limits


async def test_a_pool_has_no_more_streams_than_it_may(make: Make, until: Until) -> None:
    """One more is refused before its handler is called; when one ends there is room again."""
    feed = Feed()
    pool = make(feed, streams=2)
    streams = [await begin(pool) for _ in range(2)]
    for refuse in (pool.check_room, partial(pool.submit, {})):
        with pytest.raises(Shed, match="as many streams"):
            refuse()
    assert (pool.counters.streams.refused, pool.counters.streams.peak) == (2, 2)
    assert (pool.counters.accepted, pool.counters.shed) == (2, 0)
    pool.end_stream(streams[0], CANCELLED)
    await until(lambda: pool.streams == 1)
    streams.append(await begin(pool))
    check(pool)


async def test_streams_take_no_worker(make: Make) -> None:
    """With every stream open and one worker, what is whole is served."""

    async def both(stream: bool) -> Any:
        return numbers() if stream else "whole"

    pool = make(both, workers=1, streams=3)
    for _ in range(3):
        await begin(pool, stream=True)
    assert (pool.busy, pool.streams) == (0, 3)
    assert await pool.submit({"stream": False}).reply == "whole"
    refused = await pool.submit({"stream": True}).reply
    assert refused.reason is Reason.REFUSED
    assert isinstance(refused.error, Shed)
    assert await pool.submit({"stream": False}).reply == "whole"


async def test_a_refused_stream_is_closed(make: Make) -> None:
    """The handler has returned it, nobody will ask it, and it holds something."""
    feed = Feed()
    pool = make(partial(started, feed), streams=1)
    await begin(pool)
    assert (await pool.submit({}).reply).reason is Reason.REFUSED
    assert feed.closed == 1
    assert pool.counters.streams.refused == 1


async def test_a_refused_iterator_need_not_be_closable(make: Make) -> None:
    """What has no `aclose` is let go."""

    async def count() -> Countdown:
        return Countdown(3)

    pool = make(count, streams=1)
    await begin(pool)
    assert (await pool.submit({}).reply).reason is Reason.REFUSED


async def test_all_pools_share_a_quota(make: Make, until: Until) -> None:
    """One pool's streams are another's lack of room, until they end."""
    quota = Quota(3)
    first, second = make(Feed(), quota), make(Feed(), quota)
    streams = [await begin(first), await begin(first), await begin(second)]
    with pytest.raises(Shed):
        second.submit({})
    assert quota.taken == 3
    first.end_stream(streams[0], CANCELLED)
    await until(lambda: quota.taken == 2)
    await begin(second)
    await first.retire(0)
    assert quota.taken == 2


# Callers that go away


@pytest.mark.parametrize("cancel", [False, True])
async def test_a_caller_who_leaves_an_open_stream_ends_it(
    make: Make, until: Until, cancel: bool
) -> None:
    """It has nobody left to give anything to, whatever the policy for ordinary requests is."""
    feed = Feed()
    pool = make(feed)
    job = pool.submit({})
    await job.reply
    pool.abandon(job, cancel=cancel)
    await until(lambda: not pool.streams)
    assert (feed.closed, counted(pool)) == (feed.asked, (0, 0, 0, 1))


async def test_a_caller_who_leaves_before_the_stream_is_opened(make: Make, until: Until) -> None:
    """The handler finishes; its stream is closed at once and never counted as one."""
    feed, gate = Feed(), asyncio.Event()

    async def late() -> Any:
        made = await started(feed)
        await gate.wait()
        return made

    pool = make(late)
    job = pool.submit({})
    await until(lambda: pool.busy)
    pool.abandon(job, cancel=False)
    gate.set()
    assert await job.reply is CANCELLED
    await until(lambda: not pool.busy)
    assert (feed.closed, pool.counters.streams.started) == (1, 0)
    assert pool.counters.cancelled == 1


async def test_a_stream_that_comes_after_the_deadline_is_closed(make: Make, until: Until) -> None:
    """A handler that swallowed its cancellation has been answered for already."""
    feed = Feed()

    async def late() -> Any:
        made = await started(feed)
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(FOR_EVER)
        return made

    pool = make(late, timeout=0.01)
    job = pool.submit({})
    while not isinstance(outcome := await job.reply, Ended):
        pass
    assert outcome is EXPIRED
    await until(lambda: feed.closed)
    assert pool.counters.streams.started == 0


# Context


async def test_a_generator_sees_the_context_of_its_caller(make: Make) -> None:
    """Also what the handler itself has changed, from the first item to the last step."""
    seen: list[str] = []

    async def paint() -> Any:
        seen.append(color.get())
        color.set("handler")

        async def give() -> AsyncIterator[str]:
            try:
                yield color.get()
                color.set("generator")
                yield color.get()
            finally:
                seen.append(color.get())

        return give()

    color.set("caller")
    assert await drain(await begin(make(paint))) == ["handler", "generator", DONE]
    assert seen == ["caller", "generator"]
    assert color.get() == "caller"


async def test_a_generator_runs_in_one_task_from_first_step_to_last(make: Make) -> None:
    """So timeouts, task groups and cancel scopes hold across its `yield`s."""
    tasks: list[Any] = []

    async def grouped() -> AsyncIterator[str]:
        tasks.append(asyncio.current_task())
        try:
            async with asyncio.TaskGroup() as group, asyncio.timeout(FOR_EVER):
                for n in range(3):
                    yield await group.create_task(asyncio.sleep(0, str(n)))
                    tasks.append(asyncio.current_task())
        finally:
            tasks.append(asyncio.current_task())

    pool = make(grouped)
    stream = await begin(pool)
    assert stream.task.get_name() == "brrt feed stream"
    assert await drain(stream) == ["0", "1", "2", DONE]
    stream = await begin(pool)
    await turns()
    pool.end_stream(stream, CANCELLED)
    await turns(20)
    assert len(set(tasks)) == 2


async def test_a_generator_is_known_to_be_served(make: Make) -> None:
    """`serving` tells it its pool from the first step to the last, and nobody afterwards."""
    seen: list[Any] = []

    async def who() -> AsyncIterator[int]:
        seen.append(serving())
        yield 1
        seen.append(serving())

        async def later() -> None:
            await stream.task
            await turns()
            seen.append(serving())

        child.append(asyncio.create_task(later()))

    child: list[asyncio.Task[None]] = []
    pool = make(who)
    stream = await begin(pool)
    await drain(stream)
    await child[0]
    assert seen == [pool, pool, None]
    assert serving() is None


@pytest.mark.parametrize("change", ["replace", "remove"])
async def test_a_generator_may_replace_its_own_handler(until: Until, change: str) -> None:
    """It waits for nobody, is not cut, and ends as it would have."""
    registry = Registry(Limits(grace=5.0))

    def pool(handler: Handler) -> Pool:
        shared = registry.counters("feed"), registry.ceiling
        return Pool("feed", handler, Limits(), *shared, registry.quota)

    async def suicidal() -> AsyncIterator[str]:
        yield "old"
        with registry.change():
            pools = {"feed": pool(numbers)} if change == "replace" else {}
            await registry.make_way(pools)
            await registry.wait_retired(registry.swap(pools))
        yield "changed"
        yield "still here"

    registry.swap({"feed": pool(suicidal)})
    stream = await begin(registry._pools["feed"])
    assert await asyncio.wait_for(drain(stream), 3) == ["old", "changed", "still here", DONE]
    await until(lambda: not registry.statistics().retiring)
    await registry.aclose()
    assert registry.statistics().total.streams.finished == 1


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks before 3.12")
async def test_streams_may_be_eager(make: Make, until: Until) -> None:
    """In a loop whose tasks begin at once the first item is there at once."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.BaseEventLoop):
        pytest.skip("uvloop has no eager tasks")
    loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009 - 3.11 has none
    try:
        pool = make(numbers)
        assert await drain(await begin(pool, count=0)) == [DONE]
        assert await drain(await begin(pool, count=3)) == [0, 1, 2, DONE]
        stream = await begin(pool, count=3)
        pool.end_stream(stream, CANCELLED)
        await until(lambda: not pool.streams)
    finally:
        loop.set_task_factory(None)


# Retirement


async def test_a_stream_is_finished_within_the_grace(make: Make) -> None:
    """Retirement waits for it, and no longer."""
    pool = make(numbers)
    stream = await begin(pool, count=3)
    retiring = asyncio.create_task(pool.retire(FOR_EVER))
    await turns(20)
    assert not retiring.done()
    assert repr(pool) == "<Pool feed retired: 1 tasks, 0 busy, 0 of 256 queued, 1 streams>"
    assert await drain(stream) == [0, 1, 2, DONE]
    retirement = await asyncio.wait_for(retiring, 5)
    assert (retirement.cancelled, retirement.stuck) == (0, 0)


async def test_a_stream_is_stopped_when_the_grace_is_over(make: Make) -> None:
    """Its taker is told why, its generator is closed with all the time that it needs."""
    feed = Feed()
    pool = make(feed.slow)
    stream = await begin(pool)
    await turns()
    retirement = await pool.retire(0.01)
    assert (retirement.cancelled, retirement.stuck, feed.closed) == (1, 0, 1)
    assert await drain(stream) == [STOPPED]
    assert counted(pool) == (0, 0, 0, 1)


@pytest.mark.parametrize("hurries", [False, True])
async def test_cleaning_up_is_not_cancelled_twice(make: Make, hurries: bool) -> None:
    """What a `finally` awaits is not cut short by the same end a second time."""
    cleaned: list[bool] = []

    async def tidy() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            cleaned.append(True)

    pool = make(tidy)
    stream = await begin(pool)
    await stream.take(FOR_EVER)
    await turns()
    if hurries:
        pool.end_stream(stream, CANCELLED)
        await turns()
    await pool.retire(0)
    assert cleaned == [True]


async def test_who_hangs_after_its_end_is_ended_with_the_pool(make: Make) -> None:
    """An iterator whose `aclose` takes for ever has given all, and is cancelled all the same."""

    class Sticky(Countdown):
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    async def give() -> Sticky:
        return Sticky(1)

    pool = make(give)
    assert await drain(await begin(pool)) == [0, DONE]
    await turns()
    assert pool.streams == 1
    retirement = await pool.retire(0)
    assert (retirement.stuck, retirement.cancelled, counted(pool)) == (0, 0, (1, 0, 0, 0))


async def test_streams_whose_clients_come_back_end_at_once(make: Make, until: Until) -> None:
    """Those that are there, and those that come to be known as such later."""
    feed = Feed()
    pool = make(feed.slow)
    early, late, other = [await begin(pool) for _ in range(3)]
    await turns()
    pool.let_return(early)
    retiring = asyncio.create_task(pool.retire(FOR_EVER))
    await turns()
    assert await drain(early) == [STOPPED]
    assert late.outcome is None
    pool.let_return(late)
    assert await drain(late) == [STOPPED]
    await until(lambda: pool.streams == 1)
    assert not retiring.done()
    pool.end_stream(other, CANCELLED)
    await asyncio.wait_for(retiring, 5)
    pool.let_return(early)  # it is gone, and stays gone
    assert feed.closed == 3


async def test_who_is_sent_away_may_come_back_to_the_same_pool(make: Make) -> None:
    """Before a stop: streams end, ordinary requests go on."""
    feed = Feed()
    pool = make(feed.slow)
    stream = await begin(pool)
    pool.let_return(stream)
    pool.send_away()
    assert await drain(stream) == [STOPPED]
    assert not pool.closed


@pytest.mark.parametrize("phase", range(14))
async def test_a_retirement_at_any_moment_leaves_nothing(make: Make, phase: int) -> None:
    """From the acceptance to the last item: the caller is answered and everything is closed."""
    feed = Feed()

    async def give() -> Any:
        await asyncio.sleep(0)
        return await started(feed)

    pool = make(give)
    job = pool.submit({})

    async def take() -> Any:
        outcome = await job.reply
        return (await drain(outcome))[-1] if isinstance(outcome, Stream) else outcome

    taker = asyncio.create_task(take())
    await turns(phase)
    await pool.retire(0)
    assert await asyncio.wait_for(taker, 5) in (STOPPED, DONE)
    assert (pool.active, pool.streams) == (0, 0)
    assert feed.closed == min(feed.asked, 1)  # whatever has begun
    gc.collect()
    await turns()
    check(pool)


@pytest.mark.parametrize("count", range(1, 14))
async def test_a_cancelled_retirement_leaves_no_stream(make: Make, count: int) -> None:
    """Cut at any await, generators are closed and takers told."""
    feed = Feed()
    pool = make(feed.slow, cancel_wait=1.0)
    streams = [await begin(pool) for _ in range(3)]
    await turns()
    retiring = asyncio.create_task(pool.retire(FOR_EVER))
    await turns(count)
    retiring.cancel()
    await asyncio.wait([retiring])
    assert [await drain(one) for one in streams] == [[STOPPED]] * 3
    assert (pool.active, pool.streams, feed.closed) == (0, 0, 3)


# Memory


class Token:
    """Something that a stream holds."""


ENDS = ["done", "raised", "raised late", "ended", "stopped", "abandoned"]


@pytest.mark.parametrize("end", ENDS)
async def test_nothing_keeps_a_stream_that_has_ended(make: Make, until: Until, end: str) -> None:
    """Neither the pool nor a loop of references: what it held is free at once."""

    async def hold(token: Token) -> AsyncIterator[int]:
        try:
            yield 1
            if end == "raised":
                raise ValueError("bang")
            if end != "done":
                await asyncio.Event().wait()
            assert token
        finally:
            if end == "raised late":
                raise ValueError("bang")

    pool = make(hold, disconnect_after=0.01)  # for so long a settled job is looked after
    with without_collector():
        logging.disable(logging.CRITICAL)  # records hold tracebacks
        token = Token()
        known = weakref.ref(token)
        job: Job | None = pool.submit({"token": token})
        del token
        assert job is not None
        stream: Stream | None = await job.reply
        assert stream is not None
        seen = weakref.ref(stream.task)
        await _bring_about(end, pool, job, stream)
        del job, stream
        await until(lambda: not pool.streams)
        await until(lambda: known() is None)
        await until(lambda: seen() is None)
        logging.disable(logging.NOTSET)


async def _bring_about(end: str, pool: Pool, job: Job, stream: Stream) -> None:
    assert await stream.take(FOR_EVER) == 1
    await turns()
    if end in ("done", "raised"):
        outcome = await stream.take(FOR_EVER)
        if outcome.error is not None:
            outcome.error.__traceback__ = None  # as whoever has logged it does
    elif end in ("ended", "raised late"):
        pool.end_stream(stream, EXPIRED)
    elif end == "abandoned":
        pool.abandon(job, cancel=True)
    else:
        await pool.retire(0)


async def test_nothing_keeps_a_pool_whose_streams_have_ended(until: Until) -> None:
    """Nor do they and their pool keep each other alive."""
    with without_collector():
        pool: Pool | None = Pool("feed", numbers, Limits(), Counters(), Ceiling(10))
        assert pool is not None
        pool.start()
        assert await drain(await begin(pool)) == [0, 1, 2, DONE]
        await begin(pool)
        await pool.retire(0)
        await turns()
        known = weakref.ref(pool)
        pool = None
        await until(lambda: known() is None)


# Figures


def test_figures_of_streams_add_up() -> None:
    """Counts are added, of peaks the higher one stays."""
    one = TaskCounters(started=3, finished=2, failed=1, refused=4, peak=2)
    one.add(TaskCounters(started=1, cancelled=1, stuck=1, timed_out=2, peak=5))
    assert one == TaskCounters(4, 2, 1, 2, 1, 4, 1, 5)
