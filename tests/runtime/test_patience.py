"""One deadline for many waits."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from benchmarks.simulation.loop import Loop
from brrt.runtime.patience import Patience

Until = Callable[[Callable[[], object]], Awaitable[None]]


async def wait(patience: Patience, event: asyncio.Event) -> str:
    """Wait as a body does. Tells how it ended."""
    going = patience.begin()
    try:
        await event.wait()
        return "done"
    except asyncio.CancelledError:
        if going.is_all():
            return "expired"
        raise
    finally:
        patience.end(going)


def test_waits_expire_in_the_order_in_which_they_began() -> None:
    """Those that are over do not, those that go on do, with one timer for all."""
    loop = Loop(Random(1), shuffle=0)  # type: ignore[abstract]
    now = loop.time

    async def main() -> None:
        patience = Patience(30)
        over, never = asyncio.Event(), asyncio.Event()
        quick = [asyncio.create_task(wait(patience, over)) for _ in range(10)]
        slow = [asyncio.create_task(wait(patience, never)) for _ in range(10)]
        await asyncio.sleep(15)
        late = asyncio.create_task(wait(patience, never))
        over.set()
        assert await asyncio.gather(*quick) == ["done"] * 10
        assert (await asyncio.gather(*slow), now()) == (["expired"] * 10, 30)
        assert not late.done()
        assert (await late, now()) == ("expired", 45)
        patience.close()

    task = loop.create_task(main())
    loop.run_dry()
    task.result()
    loop.close()


async def test_a_wait_that_somebody_else_cancels_is_cancelled() -> None:
    """Before it expires, and in the very turn in which it does."""
    for seconds in (60.0, 0.001):
        patience = Patience(seconds)
        task = asyncio.create_task(wait(patience, asyncio.Event()))
        await asyncio.sleep(0)
        if seconds < 1:
            patience._expire = lambda: None  # type: ignore[method-assign]
            for going in patience._waits:
                going.expired = True
                task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        patience.close()


async def test_a_task_that_was_cancelled_before_may_expire() -> None:
    """What it has lived through earlier is not mistaken for a cancellation of the wait."""
    patience = Patience(0.001)

    async def survivor() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await wait(patience, asyncio.Event())
        return "never"

    task = asyncio.create_task(survivor())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "expired"
    patience.close()


async def test_waits_that_go_on_at_the_end_are_cut_short() -> None:
    """Nobody hangs because the app has stopped meanwhile; one who begins to wait then neither."""
    patience = Patience(60)
    task = asyncio.create_task(wait(patience, asyncio.Event()))
    await asyncio.sleep(0)
    assert not patience.is_closed
    patience.close()
    assert patience.is_closed
    assert await asyncio.wait_for(task, 5) == "expired"
    assert await asyncio.wait_for(wait(patience, asyncio.Event()), 5) == "expired"
    patience.close()
