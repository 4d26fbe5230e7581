"""The arithmetic of windows, by a clock that the test moves."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits.storage import MemoryStorage

from brrt import RateLimits
from brrt.rates.limiter import Limiter
from brrt.rates.memory import Memory
from brrt.rates.policies import Rates, make_rates
from tests.rates.asking import Clock

STRATEGIES = ("sliding-window", "fixed-window", "moving-window")


def made(strategy: Any, clock: Clock, **others: Any) -> Limiter:
    """What counts in this way."""
    return Limiter(RateLimits(strategy=strategy, **others), clock)


def rates(*pairs: tuple[int, int]) -> Rates:
    """Limits."""
    return make_rates(pairs, "x", "x")


async def passes(limiter: Limiter, limit: Rates, client: str = "ada") -> bool:
    """Whether one more request passes."""
    return (await limiter.spend(limit, client)).wait is None


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_so_many_pass_and_no_more(strategy: str) -> None:
    """Exactly the limit at one moment, and again when its window is over for good."""
    clock = Clock()
    limiter, limit = made(strategy, clock), rates((3, 10))
    assert [await passes(limiter, limit) for _ in range(5)] == [True] * 3 + [False] * 2
    assert await passes(limiter, limit, "bob")
    clock.now += 20.001
    assert [await passes(limiter, limit) for _ in range(4)] == [True] * 3 + [False]


async def test_a_sliding_window_weighs_the_previous_one() -> None:
    """A quarter into a window, three quarters of the last one still count."""
    clock = Clock()
    limiter, limit = made("sliding-window", clock), rates((8, 100))
    for _ in range(8):
        assert await passes(limiter, limit)
    clock.now += 125.0
    assert [await passes(limiter, limit) for _ in range(3)] == [True, True, False]
    clock.now += 25.0  # half of 8 is left of the last window, and 2 are new
    assert [await passes(limiter, limit) for _ in range(3)] == [True, True, False]


async def test_a_fixed_window_begins_with_the_first_request() -> None:
    """Not with the minute, where everybody would come back at once."""
    clock = Clock()
    limiter, limit = made("fixed-window", clock), rates((1, 10))
    assert await passes(limiter, limit)
    clock.now += 9.9
    assert not await passes(limiter, limit)
    clock.now += 0.1
    assert await passes(limiter, limit)


async def test_a_moving_window_is_exact() -> None:
    """Each request makes room when it is as old as the window."""
    clock = Clock()
    limiter, limit = made("moving-window", clock), rates((2, 10))
    assert await passes(limiter, limit)
    clock.now += 5.0
    assert await passes(limiter, limit)
    clock.now += 5.001
    assert [await passes(limiter, limit) for _ in range(2)] == [True, False]
    clock.now += 5.0
    assert [await passes(limiter, limit) for _ in range(2)] == [True, False]


async def test_what_is_left_is_told() -> None:
    """How many, and when there are more; nothing of a time where nothing is used."""
    clock = Clock()
    limiter, limit = made("sliding-window", clock), rates((1, 1), (3, 60))
    first = await limiter.spend(limit, "ada")
    assert first.field == b'"x 1 in 1";r=0;t=1, "x 3 in 60";r=2;t=60'
    second = await limiter.spend(limit, "ada")
    assert second.field == b'"x 1 in 1";r=0;t=1, "x 3 in 60";r=2;t=60'
    assert (second.wait, second.violated) == (2, ("x 1 in 1",))
    clock.now += 2.5
    for _ in range(2):
        await limiter.spend(limit, "ada")
        clock.now += 2.5
    last = await limiter.spend(limit, "ada")
    assert (last.wait, last.violated) == (53, ("x 3 in 60",))  # 60 after the first, 7.5 are over


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_short_limit_spares_the_long_one(strategy: str) -> None:
    """What the limit of a second refuses does not use up that of an hour."""
    clock = Clock()
    limiter, limit = made(strategy, clock), rates((1, 1), (3, 3_600))
    for _ in range(10):
        await limiter.spend(limit, "ada")
    clock.now += 2.5
    assert await passes(limiter, limit)


async def test_a_client_is_sent_back_once() -> None:
    """Its wait is for all limits, also for one that this very request has used up."""
    clock = Clock()
    limiter, limit = made("fixed-window", clock), rates((1, 10), (1, 12))
    assert await passes(limiter, limit)
    clock.now += 10.5
    verdict = await limiter.spend(limit, "ada")
    assert (verdict.wait, verdict.violated) == (11, ("x 1 in 12",))
    clock.now += 11
    assert await passes(limiter, limit)


async def test_what_a_request_did_not_come_to_is_told_as_it_is() -> None:
    """A limit that was not asked has all that it had."""
    limiter = made("sliding-window", Clock())
    assert await passes(limiter, rates((1, 1)))
    verdict = await limiter.spend(rates((1, 1), (3, 60)), "ada")
    assert verdict.field == b'"x 1 in 1";r=0;t=1, "x 3 in 60";r=3'


@settings(deadline=None, max_examples=150)
@given(
    strategy=st.sampled_from(STRATEGIES),
    amount=st.integers(1, 7),
    window=st.integers(1, 50),
    steps=st.lists(st.floats(0, 60, allow_subnormal=False), max_size=40),
)
def test_whoever_waits_as_told_passes(
    strategy: str, amount: int, window: int, steps: list[float]
) -> None:
    """Retry-After is long enough, and not a second longer than it must be."""

    async def go() -> None:
        clock = Clock()
        limiter, limit = made(strategy, clock), rates((amount, window))
        for step in steps:
            clock.now += step
            verdict = await limiter.spend(limit, "ada")
            if verdict.wait is None:
                continue
            refused = clock.now
            if strategy != "fixed-window":  # where asking counts
                clock.now = refused + verdict.wait - 1.01
                assert clock.now < refused or not await passes(limiter, limit)
            clock.now = refused + verdict.wait
            assert await passes(limiter, limit)

    asyncio.run(go())


@settings(deadline=None, max_examples=60)
@given(
    amount=st.integers(1, 6),
    window=st.integers(1, 40),
    steps=st.lists(st.integers(0, 30), max_size=40),
)
def test_the_library_counts_the_same(amount: int, window: int, steps: list[int]) -> None:
    """Fixed and moving windows are those of the library, which is not bounded and has a thread."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("limits.storage.memory.time", SimpleNamespace(time=clock))
        theirs, ours = MemoryStorage(), Memory(clock)

        async def go() -> None:
            for step in steps:
                clock.now += step + 0.001  # at the very end of a window its thread decides
                assert await ours.incr("a", window) == theirs.incr("a", window)
                assert await ours.get_expiry("a") == theirs.get_expiry("a")
                mine = await ours.acquire_entry("a", amount, window)
                assert mine == theirs.acquire_entry("a", amount, window)
                seen = await ours.get_moving_window("a", amount, window)
                assert seen == theirs.get_moving_window("a", amount, window)

        asyncio.run(go())
        theirs.timer.join()


# Bounds


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_flood_of_clients_takes_no_memory(strategy: str) -> None:
    """No more counters than were asked for, whatever comes."""
    limiter, limit = made(strategy, Clock(), max_clients=100), rates((1, 1), (2, 60))
    for number in range(5_000):
        await limiter.spend(limit, str(number))
        assert len(limiter.memory) <= 100


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_whoever_goes_on_asking_is_not_forgotten(strategy: str) -> None:
    """A flood of others does not give him his limit again."""
    limiter, limit = made(strategy, Clock(), max_clients=10), rates((1, 60))
    assert await passes(limiter, limit, "ada")
    for number in range(100):
        await limiter.spend(limit, str(number))
        if number % 5 == 0:
            assert not await passes(limiter, limit, "ada")


async def test_the_moments_of_moving_windows_are_bounded_together() -> None:
    """Also where few clients ask often, and what is over is forgotten."""
    clock = Clock()
    memory = Memory(clock, max_clients=100, max_moments=50)
    for number in range(20):
        for _ in range(10):
            await memory.acquire_entry(str(number), 10, 60)
        assert (
            repr(memory)
            == f"<Memory {min(number + 1, 5)} counters, {min(number + 1, 5) * 10} moments>"
        )
    clock.now += 61
    assert await memory.get_moving_window("19", 10, 60) == (clock.now, 0)
    assert repr(memory) == "<Memory 5 counters, 40 moments>"
    assert await memory.get_moving_window("0", 10, 60) == (clock.now, 0)
