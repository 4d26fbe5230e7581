"""Background tasks: what may run, who is told of a crash, and how all of them end."""

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import pytest

from brrt.config import Limits
from brrt.errors import LifecycleError, ServiceUnavailable
from brrt.runtime.background import Background
from brrt.runtime.registry import Registry

Until = Callable[[Callable[[], object]], Awaitable[None]]
Make = Callable[..., Background]

FOR_EVER = 3_600.0
color: ContextVar[str] = ContextVar("color", default="none")


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Background tasks with limits: `make(max_background=2)`. They are ended after the test."""
    made: list[Background] = []

    def start(**limits: Any) -> Background:
        made.append(Background(Limits(**({"cancel_wait": 1.0} | limits))))
        return made[-1]

    yield start
    for one in made:
        check(one)
        await one.end(0)
        check(one)
        assert len(one) == 0


def check(background: Background) -> None:
    """The sum that holds at every moment."""
    now = background.statistics()
    ended = now.finished + now.failed + now.timed_out + now.cancelled
    assert now.started == ended + now.active
    assert now.active == len(background)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def add(one: int, other: int) -> int:
    await asyncio.sleep(0)
    return one + other


class Work:
    """A task that waits until it is let go, and tells what became of it."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.ends: list[str] = []

    async def run(self) -> None:
        """Work."""
        try:
            await self.go.wait()
            self.ends.append("done")
        except asyncio.CancelledError:
            await asyncio.sleep(0.005)
            self.ends.append("cancelled")
            raise


async def test_a_task_runs_and_is_counted(make: Make) -> None:
    """Its value can be had by whoever wants it; its name says what it does."""
    background = make()
    task = background.start(add(1, 2))
    assert (task.get_name(), len(background), task in background) == (
        "brrt background add",
        1,
        True,
    )
    assert repr(background) == "<Background: 1 of 100 tasks>"
    assert await task == 3
    await turns()
    assert (len(background), task in background) == (0, False)
    now = background.statistics()
    assert (now.started, now.finished, now.peak, now.active) == (1, 1, 1, 0)
    assert background.start(add(1, 2), name="sum").get_name() == "brrt background sum"


async def test_a_task_has_the_context_of_its_starter(make: Make) -> None:
    """Request ids and the like are seen; what the task changes is its own."""
    seen: list[str] = []

    async def look() -> None:
        seen.append(color.get())
        color.set("changed")

    color.set("caller")
    await make().start(look())
    assert (seen, color.get()) == (["caller"], "caller")


async def test_too_much_is_refused_before_it_begins(make: Make, until: Until) -> None:
    """503 with Retry-After; the coroutine is closed, and there is room again when one has ended."""
    background, work = make(max_background=2, retry_after=7), Work()
    first = background.start(work.run())
    background.start(work.run())
    coroutine = work.run()
    with pytest.raises(ServiceUnavailable) as refused:
        background.start(coroutine)
    assert refused.value.headers == {"Retry-After": "7"}
    with pytest.raises(RuntimeError, match=r"already awaited|cannot reuse"):
        coroutine.send(None)
    assert (background.statistics().refused, background.statistics().started) == (1, 2)
    first.cancel()
    await until(lambda: len(background) == 1)
    background.start(work.run())
    assert background.statistics().peak == 2


async def test_a_crash_is_logged_and_counted(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, by its name, and it takes nothing else with it."""

    async def explode() -> None:
        raise ValueError("bang")

    background, work = make(), Work()
    other = background.start(work.run())
    background.start(explode(), name="explosion")
    await until(lambda: len(background) == 1)
    assert background.statistics().failed == 1
    assert "background explosion failed" in caplog.text
    assert caplog.text.count("ValueError: bang") == 1
    assert not other.done()


async def test_who_awaits_a_crash_sees_it_too(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The log's line does not take the exception away."""

    async def explode() -> None:
        raise ValueError("bang")

    with pytest.raises(ValueError, match="bang"):
        await make().start(explode())
    await turns()
    assert "bang" in caplog.text


async def test_a_cancelled_task_is_no_crash(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever has started it may end it."""
    background, work = make(), Work()
    task = background.start(work.run())
    await turns()
    task.cancel()
    await asyncio.wait([task])
    await turns()
    assert (background.statistics().cancelled, caplog.text) == (1, "")


async def test_at_the_end_what_runs_is_awaited(make: Make) -> None:
    """Within the grace it finishes, also what it starts itself meanwhile."""
    background, work = make(), Work()

    async def chain() -> None:
        await work.run()
        background.start(work.run())

    background.start(chain())
    ending = asyncio.create_task(background.end(FOR_EVER))
    await turns()
    assert not ending.done()
    work.go.set()
    await asyncio.wait_for(ending, 5)
    assert work.ends == ["done", "done"]
    assert background.statistics().finished == 2


async def test_an_end_without_tasks_waits_for_nothing(make: Make) -> None:
    """However long the grace is."""
    ending = asyncio.create_task(make().end(FOR_EVER))
    await turns()
    is_done = ending.done()
    ending.cancel()
    assert is_done


@pytest.mark.parametrize("grace", [-1.0, 0.0, 0.01])
async def test_what_is_not_done_in_time_is_cancelled(
    make: Make, grace: float, caplog: pytest.LogCaptureFixture
) -> None:
    """And awaited, with its cleaning up; the log says how many there were."""
    background, work = make(), Work()
    for _ in range(3):
        background.start(work.run())
    await turns()
    await background.end(grace)
    assert work.ends == ["cancelled"] * 3
    assert "3 background tasks are cancelled: the app stops" in caplog.text
    assert background.statistics().cancelled == 3


async def test_after_the_end_nothing_is_started(make: Make) -> None:
    """The error says why, and the coroutine is closed."""
    background = make()
    await background.end(0)
    with pytest.raises(LifecycleError, match="the app has stopped"):
        background.start(add(1, 2))
    assert background.statistics().started == 0


async def test_who_is_cancelled_cannot_start_another(make: Make) -> None:
    """Nothing escapes the end by starting anew."""
    background = make()
    refused: list[Exception] = []

    async def phoenix() -> None:
        try:
            await asyncio.sleep(FOR_EVER)
        finally:
            try:
                background.start(add(1, 2))
            except LifecycleError as error:
                refused.append(error)

    background.start(phoenix())
    await turns()
    await background.end(0)
    assert len(refused) == 1


async def test_a_hurry_ends_the_grace(make: Make) -> None:
    """Whoever waited for it waits no longer."""
    background, work = make(), Work()
    background.hurry()  # nobody waits yet
    background.start(work.run())
    ending = asyncio.create_task(background.end(FOR_EVER))
    await turns()
    background.hurry()
    background.hurry()
    await asyncio.wait_for(ending, 5)
    assert work.ends == ["cancelled"]


@pytest.mark.parametrize("count", range(1, 12))
async def test_a_cancelled_end_leaves_nothing(make: Make, count: int) -> None:
    """Cut at any await: the grace is over, and all is cancelled and awaited."""
    background, work = make(), Work()
    for _ in range(2):
        background.start(work.run())
    await turns()
    ending = asyncio.create_task(background.end(FOR_EVER))
    await turns(count)
    ending.cancel()
    await asyncio.wait([ending])
    assert (work.ends, len(background)) == (["cancelled"] * 2, 0)


async def test_two_may_end_it(make: Make) -> None:
    """At the same time, or one after the other."""
    background, work = make(), Work()
    background.start(work.run())
    ends = [asyncio.create_task(background.end(FOR_EVER)) for _ in range(2)]
    await turns()
    work.go.set()
    await asyncio.wait_for(asyncio.gather(*ends), 5)
    await background.end(FOR_EVER)
    assert work.ends == ["done"]


async def test_who_does_not_obey_is_named_and_counted(
    make: Make, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    """The end does not wait for ever; the books keep the task until it is gone."""
    released = asyncio.Event()

    async def stay() -> None:
        failsafe = asyncio.get_running_loop().call_later(5, released.set)
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()
        failsafe.cancel()

    background = make(cancel_wait=0.01)
    background.start(stay())
    await turns()
    await background.end(0)
    assert (background.statistics().stuck, background.statistics().active) == (1, 1)
    assert "background test_who_does_not_obey" in caplog.text
    assert "await released.wait()" in caplog.text
    check(background)
    released.set()
    await until(lambda: not len(background))
    assert background.statistics().finished == 1


async def test_what_has_ended_is_not_kept(make: Make) -> None:
    """Neither a task nor what it held, whether it was well or not."""

    class Token:
        pass

    async def hold(token: Token, fails: bool) -> None:
        await asyncio.sleep(0)
        if fails:
            raise ValueError(token)

    background = make()
    gc.collect()
    gc.disable()
    logging.disable(logging.CRITICAL)  # records hold tracebacks
    try:
        for fails in (False, True):
            token = Token()
            known = weakref.ref(token)
            background.start(hold(token, fails))
            del token
            await turns(8)
            assert known() is None
    finally:
        logging.disable(logging.NOTSET)
        gc.enable()


# Under a registry


async def test_the_registry_ends_them_after_the_handlers(until: Until) -> None:
    """Under one grace for both; its figures show them."""
    registry, work = Registry(Limits(grace=0.02, cancel_wait=1.0)), Work()
    task = registry.background.start(work.run())
    assert registry.statistics().background.active == 1
    assert not registry.serves_caller()
    began = asyncio.get_running_loop().time()
    await registry.aclose()
    assert asyncio.get_running_loop().time() - began < 1
    assert (task.cancelled(), work.ends) == (True, ["cancelled"])
    assert registry.statistics().background.cancelled == 1


async def test_a_background_task_knows_that_it_is_the_apps(until: Until) -> None:
    """So that one which stops the app does not wait for itself."""
    registry = Registry(Limits(grace=0.02))
    inside: list[bool] = []

    async def ask() -> None:
        inside.append(registry.serves_caller())

    await registry.background.start(ask())
    await registry.aclose()
    assert inside == [True]


async def test_a_shorter_grace_is_kept() -> None:
    """It counts from when it is granted; nothing rings for a registry that has ended."""
    registry, work = Registry(Limits(grace=FOR_EVER, cancel_wait=1.0)), Work()
    registry.background.start(work.run())
    closing = asyncio.create_task(registry.aclose())
    await turns()
    first = registry._bell
    registry.grant(0.01)
    await asyncio.wait_for(closing, 5)
    assert work.ends == ["cancelled"]
    assert first is not None
    assert first.cancelled()
