"""The registry: what it owns, how sets of pools are exchanged, and what it counts."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from brrt.config import Limits
from brrt.errors import LifecycleError, Retired
from brrt.runtime.jobs import STOPPED
from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry

Until = Callable[[Callable[[], object]], Awaitable[None]]
Cut = Callable[[Callable[[], Any], int], Awaitable[bool]]
Open = Callable[..., Registry]
Workers = Callable[[str], set[asyncio.Task[Any]]]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Open a registry: `opened(grace=1)`. It is closed at the end, and its sums are checked."""
    registries: list[Registry] = []

    def start(**limits: Any) -> Registry:
        registries.append(Registry(Limits(**limits)))
        return registries[-1]

    yield start
    for registry in registries:
        await registry.aclose()
        total = registry.statistics().total
        assert (total.active, total.busy, total.queued) == (0, 0, 0)
        assert total.spawned == total.terminated
        assert total.accepted == total.served + total.failed + total.timed_out + total.cancelled


async def idle() -> str:
    return "idle"


def gated(gate: asyncio.Event) -> Callable[[], Awaitable[str]]:
    async def wait() -> str:
        await gate.wait()
        return "done"

    return wait


def pool(registry: Registry, name: str, handler: Any = idle, **limits: Any) -> Pool:
    own = Limits(cancel_wait=0.02, **limits)
    return Pool(name, handler, own, registry.counters(name), registry.ceiling)


def pools(registry: Registry, *names: str, handler: Any = idle) -> dict[str, Pool]:
    return {name: pool(registry, name, handler) for name in names}


async def test_a_swap_starts_what_arrives_and_ends_what_is_displaced(
    opened: Open, workers: Workers
) -> None:
    """After the wait every task of the displaced is done, and one task serves each handler."""
    registry = opened()
    registry.swap(pools(registry, "a", "b"))
    await asyncio.sleep(0)
    old = workers("a") | workers("b")
    displaced = registry.swap(pools(registry, "b", "c"))
    await registry.wait_retired(displaced)
    assert all(task.done() for task in old)
    total = registry.statistics().total
    assert (total.spawned, total.terminated, total.active) == (4, 2, 2)
    assert not workers("a")


async def test_a_pool_that_stays_is_not_touched(opened: Open, workers: Workers) -> None:
    """The very task goes on."""
    registry = opened()
    first = pools(registry, "a", "b")
    registry.swap(first)
    await asyncio.sleep(0)
    kept = workers("a")
    displaced = registry.swap({"a": first["a"], "b": pool(registry, "b")})
    assert displaced == [first["b"]]
    await registry.wait_retired(displaced)
    assert workers("a") == kept


async def test_the_displaced_refuse_at_once_and_finish_what_they_have(
    opened: Open, until: Until
) -> None:
    """Closed in the same synchronous step in which the new ones are published."""
    registry, gate = opened(), asyncio.Event()
    registry.swap({"a": pool(registry, "a", gated(gate))})
    old = registry._pools["a"]
    job = old.submit({})
    await until(lambda: old.busy)
    displaced = registry.swap({"a": pool(registry, "a")})
    with pytest.raises(Retired):
        old.submit({})
    assert registry.statistics().retiring == 1
    gate.set()
    await registry.wait_retired(displaced)
    assert await job.reply == "done"


async def test_counters_go_on_over_a_replacement(opened: Open) -> None:
    """They belong to the name."""
    registry = opened()
    for _ in range(3):
        current = pool(registry, "a")
        displaced = registry.swap({"a": current})
        await current.submit({}).reply
        await registry.wait_retired(displaced)
    one = registry.statistics().handlers["a"]
    assert (one.served, one.spawned, one.terminated, one.active) == (3, 3, 2, 1)


async def test_the_sum_keeps_what_removed_handlers_did(opened: Open) -> None:
    """A name that nobody bears is forgotten, its figures are not."""
    registry = opened()
    for name in ("a", "b", "c"):
        current = pool(registry, name)
        displaced = registry.swap({name: current})
        await current.submit({}).reply
        await registry.wait_retired(displaced)
    now = registry.statistics()
    assert list(now.handlers) == ["c"]
    assert (now.total.served, now.total.spawned, now.total.active) == (3, 3, 1)


async def test_a_name_may_come_back_while_it_is_retiring(opened: Open, until: Until) -> None:
    """Its counters are neither lost nor counted twice."""
    registry, gate = opened(), asyncio.Event()
    registry.swap({"a": pool(registry, "a", gated(gate))})
    job = registry._pools["a"].submit({})
    await until(lambda: registry._pools["a"].busy)
    displaced = registry.swap({})
    back = registry.swap(pools(registry, "a"))
    assert (back, registry.statistics().handlers["a"].active) == ([], 2)
    gate.set()
    await registry.wait_retired(displaced)
    await job.reply
    now = registry.statistics()
    assert now.handlers["a"] == now.total
    assert (now.total.served, now.total.spawned, now.total.active) == (1, 2, 1)


async def test_a_refused_swap_changes_nothing(opened: Open) -> None:
    """Too many handlers for `max_tasks`: no task, no name, no generation."""
    registry = opened(max_tasks=2)
    registry.swap(pools(registry, "a"))
    before = registry.statistics()
    with pytest.raises(LifecycleError, match="max_tasks is 2"):
        registry.swap(pools(registry, "x", "y", "z"))
    assert registry.statistics() == before


async def test_a_swap_keeps_to_max_tasks(opened: Open, until: Until) -> None:
    """The new ones wait until the old ones have made room, rather than exceed the bound."""
    registry, gate = opened(max_tasks=4), asyncio.Event()
    registry.swap(pools(registry, "a", "b", handler=gated(gate)))
    for one in registry._pools.values():
        one.submit({})
    await until(lambda: registry.statistics().total.busy == 2)
    registry.swap(pools(registry, "c", "d"))
    third = pools(registry, "e", "f")
    waiting = asyncio.create_task(registry.make_way(third))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    with pytest.raises(LifecycleError):
        registry.swap(third)
    gate.set()
    await waiting
    await registry.wait_retired(registry.swap(third))
    assert registry.statistics().total.active == 2


async def test_of_one_name_at_most_two_generations_live(opened: Open, until: Until) -> None:
    """A replacement waits until the last but one has ended."""
    registry, gate = opened(), asyncio.Event()
    registry.swap({"a": pool(registry, "a", gated(gate))})
    registry._pools["a"].submit({})
    await until(lambda: registry._pools["a"].busy)
    registry.swap(pools(registry, "a"))
    waiting = asyncio.create_task(registry.make_way(pools(registry, "a")))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    await waiting
    assert registry.statistics().handlers["a"].active == 1


async def test_a_closed_registry_refuses(opened: Open) -> None:
    """It can be closed twice, by two at once, and never opened again."""
    registry = opened()
    registry.swap(pools(registry, "a"))
    await asyncio.gather(registry.aclose(), registry.aclose())
    await registry.aclose()
    with pytest.raises(LifecycleError, match="stopping"):
        registry.swap(pools(registry, "a"))
    assert repr(registry) == "<Registry closed: 0 handlers, 0 tasks, 0 retiring, generation 1>"


@pytest.mark.parametrize("turns", range(10))
async def test_a_cancelled_close_has_closed(
    opened: Open, until: Until, cut: Cut, workers: Workers, turns: int
) -> None:
    """Cut at any await, it comes back when every task has ended and every caller is answered."""
    registry, gate = opened(grace=0.01), asyncio.Event()
    registry.swap(pools(registry, "a", "b", handler=gated(gate)))
    jobs = [one.submit({}) for one in registry._pools.values() for _ in range(3)]
    await until(lambda: registry.statistics().total.busy == 6)
    await cut(registry.aclose, turns + 1)
    assert not registry.running
    assert not workers("a")
    assert [await job.reply for job in jobs] == [STOPPED] * 6


async def test_a_close_shortens_the_grace_of_what_was_retiring(
    opened: Open, until: Until, workers: Workers
) -> None:
    """A stop does not wait longer than it was told because a reload was under way."""
    registry, gate = opened(grace=3_600.0), asyncio.Event()
    registry.swap({"a": pool(registry, "a", gated(gate))})
    job = registry._pools["a"].submit({})
    await until(lambda: registry._pools["a"].busy)
    registry.swap({})
    await asyncio.sleep(0)
    registry.limits = Limits(grace=0.01)
    await asyncio.wait_for(registry.aclose(), 5)
    assert await job.reply == STOPPED
    assert not workers("a")


async def test_a_handler_that_cleans_up_is_asked_only_once(opened: Open, until: Until) -> None:
    """Whoever cancels the retirement meanwhile does not cut the clean-up short."""
    registry, cleaned = opened(grace=0), []

    async def careful() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            cleaned.append(1)

    registry.swap({"a": pool(registry, "a", careful)})
    registry._pools["a"].submit({})
    for _ in range(5):
        await asyncio.sleep(0)
    displaced = registry.swap({})
    for _ in range(8):
        await asyncio.sleep(0)
        for task in asyncio.all_tasks():
            if task.get_name() == "brrt retire a":
                task.cancel()
    await registry.wait_retired(displaced)
    assert cleaned == [1]


@pytest.mark.parametrize("turns", range(8))
async def test_a_stranger_who_cancels_retirements_leaves_no_task(
    opened: Open, until: Until, workers: Workers, turns: int
) -> None:
    """The retirement task may be cancelled at any await; the pool ends all the same."""
    registry, gate = opened(grace=30.0), asyncio.Event()
    registry.swap({"a": pool(registry, "a", gated(gate))})
    job = registry._pools["a"].submit({})
    await until(lambda: registry._pools["a"].busy)
    displaced = registry.swap({})
    for _ in range(turns + 1):
        await asyncio.sleep(0)
    for task in asyncio.all_tasks():
        if task.get_name() == "brrt retire a":
            task.cancel()
    await registry.wait_retired(displaced)
    assert await job.reply == STOPPED
    assert not workers("a")
    assert registry.statistics().total.active == 0


async def test_a_handler_that_will_not_end_stays_on_the_books(
    opened: Open, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """Its tasks are counted until they have ended, and its name is forgotten only then."""
    registry, released = opened(grace=0), asyncio.Event()
    failsafe = asyncio.get_running_loop().call_later(5, released.set)

    async def stubborn() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    registry.swap({"a": pool(registry, "a", stubborn)})
    registry._pools["a"].submit({})
    for _ in range(5):
        await asyncio.sleep(0)
    await registry.wait_retired(registry.swap(pools(registry, "b")))
    now = registry.statistics()
    assert now.handlers["a"].active == now.handlers["a"].stuck == 1
    assert now.total.spawned == now.total.terminated + now.total.active
    assert "1 tasks would not end" in caplog.text
    released.set()
    await until(lambda: registry.statistics().total.active == 1)
    await registry.wait_retired(registry.swap(pools(registry, "c")))
    assert list(registry.statistics().handlers) == ["c"]
    failsafe.cancel()


async def test_a_handler_does_not_wait_for_itself(opened: Open) -> None:
    """What it displaces of its own pool ends after it; waiting would be a deadlock."""
    registry = opened(grace=30.0)

    async def replace_me() -> int:
        displaced = registry.swap(pools(registry, "a"))
        await registry.wait_retired(displaced)
        return len(displaced)

    registry.swap({"a": pool(registry, "a", replace_me)})
    job = registry._pools["a"].submit({})
    assert await asyncio.wait_for(job.reply, 5) == 1


async def test_a_task_that_outlives_its_handler_does_wait(opened: Open, workers: Workers) -> None:
    """Only a handler that still runs is exempt, not what it left running in the background."""
    registry = opened(grace=30.0)
    background: list[asyncio.Task[None]] = []
    finished = asyncio.Event()

    async def later() -> None:
        await finished.wait()
        old = workers("a")
        await registry.wait_retired(registry.swap(pools(registry, "a")))
        assert all(task.done() for task in old)

    async def start() -> None:
        background.append(asyncio.create_task(later()))

    registry.swap({"a": pool(registry, "a", start)})
    await registry._pools["a"].submit({}).reply
    for _ in range(5):
        await asyncio.sleep(0)
    finished.set()
    await background[0]


async def test_two_registries_share_nothing(opened: Open) -> None:
    """Neither counters, nor ceilings, nor fates."""
    one, two = opened(), opened()
    for registry in (one, two):
        registry.swap(pools(registry, "a"))
    await one._pools["a"].submit({}).reply
    await one.aclose()
    assert two.running
    assert (two.statistics().total.served, two.ceiling.active) == (0, 1)
    assert await two._pools["a"].submit({}).reply == "idle"


async def test_a_replacement_is_logged_with_its_figures(
    opened: Open, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """`Replaced handler a: 3 tasks drained in 12 ms`."""
    caplog.set_level(logging.INFO, "brrt")
    registry, gate = opened(grace=0.01), asyncio.Event()
    registry.swap({"a": pool(registry, "a", gated(gate))})
    for _ in range(3):
        registry._pools["a"].submit({})
    await until(lambda: registry.statistics().total.busy == 3)
    waiting = asyncio.create_task(registry.wait_retired(registry.swap(pools(registry, "a"))))
    gate.set()
    await waiting
    assert "Replaced handler a: 3 tasks drained in " in caplog.text
    registry._pools["a"].submit({})
    gate.clear()
    await registry.wait_retired(registry.swap({}))
    assert "Removed handler a: 1 tasks drained in " in caplog.text


async def test_statistics_are_plain_values(opened: Open) -> None:
    """They can be written as JSON, and the repr agrees with them."""
    registry = opened()
    registry.swap(pools(registry, "a", "b"))
    picture = registry.statistics().as_dict()
    assert json.loads(json.dumps(picture)) == picture
    assert picture["total"]["active"] == 2
    assert repr(registry) == "<Registry running: 2 handlers, 2 tasks, 0 retiring, generation 1>"


async def test_a_storm_of_swaps_under_load_keeps_every_sum(opened: Open) -> None:
    """Sixty generations while callers call: everybody is answered, nothing is left."""
    registry = opened(grace=5.0)

    async def work(n: int) -> int:
        await asyncio.sleep(0)
        return n

    answered = 0
    stop = asyncio.Event()

    async def caller(name: str) -> None:
        nonlocal answered
        while not stop.is_set():
            assert await registry._pools[name].submit({"n": answered}).reply is not None
            answered += 1

    names = ("a", "b", "c")
    registry.swap(pools(registry, *names, handler=work))
    callers = [asyncio.create_task(caller(name)) for name in names for _ in range(4)]
    for _ in range(60):
        fresh = pools(registry, *names, handler=work)
        await registry.make_way(fresh)
        await registry.wait_retired(registry.swap(fresh))
        total = registry.statistics().total
        assert total.spawned == total.terminated + total.active
    stop.set()
    await asyncio.gather(*callers)
    total = registry.statistics().total
    assert total.served == total.accepted == answered > 100


async def test_a_retirement_that_is_cancelled_before_it_begins_takes_place(
    opened: Open, workers: Workers
) -> None:
    """As a runner does that cancels all tasks: no pool is left without anybody to end it."""
    registry = opened()
    registry.swap(pools(registry, "a"))
    await asyncio.sleep(0)
    old = workers("a")
    displaced = registry.swap({})
    registry._retiring[displaced[0]].cancel()
    await registry.wait_retired(displaced)
    assert all(task.done() for task in old)
    assert registry.statistics().retiring == 0


async def test_a_stop_outlasts_retirements_that_are_cancelled_before_they_begin(
    opened: Open, workers: Workers
) -> None:
    """The end of a registry is the end of every task, whoever cancels what."""
    registry = opened()
    registry.swap(pools(registry, "a", "b"))
    await asyncio.sleep(0)
    old = workers("a") | workers("b")
    closing = asyncio.create_task(registry.aclose())
    await asyncio.sleep(0)
    for task in list(registry._retiring.values()):
        task.cancel()
    await closing
    assert old
    assert all(task.done() for task in old)
