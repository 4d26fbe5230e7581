"""Background tasks: owned, bounded, counted, and awaited at the end."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from brrt import App, Background, LifecycleError, Limits, ServiceUnavailable, TaskStatistics
from tests.conftest import Book, Call, Until

asked: ContextVar[str] = ContextVar("asked", default="nobody")
Make = Callable[..., Background]


@pytest.fixture
def make() -> Make:
    """A background with its limits."""
    return lambda **limits: Background(Limits(**limits))


def check(background: Background) -> TaskStatistics:
    """The sum that holds at every moment."""
    now = background.statistics()
    assert now.started == now.finished + now.failed + now.cancelled + now.active
    return now


async def test_a_task_runs_beside_whoever_started_it(make: Make) -> None:
    """In its context, under a name, and counted."""
    background, gate = make(), asyncio.Event()

    async def work() -> str:
        await gate.wait()
        return asked.get()

    asked.set("somebody")
    task = background.start(work())
    assert task in background
    assert task.get_name().endswith("work")
    assert (check(background).active, len(background)) == (1, 1)
    gate.set()
    assert await task == "somebody"
    assert check(background).finished == 1
    await background.end(0)


async def test_a_crash_is_logged_and_counted(
    make: Make, caplog: pytest.LogCaptureFixture, until: Until
) -> None:
    """And takes nothing with it."""
    background = make()

    async def crash() -> None:
        raise KeyError("a detail")

    background.start(crash(), name="the invoice")
    other = background.start(asyncio.sleep(0, "fine"))
    await until(lambda: not len(background))
    assert (check(background).failed, await other) == (1, "fine")
    (record,) = caplog.records
    assert "background the invoice failed" in record.getMessage()
    assert record.exc_info is not None
    await background.end(0)


async def test_too_many_are_refused(make: Make) -> None:
    """With a word, before they begin: the coroutine is closed and never awaited."""
    background, gate = make(max_background=2), asyncio.Event()
    for _ in range(2):
        background.start(gate.wait())
    with pytest.raises(ServiceUnavailable) as caught:
        background.start(gate.wait())
    assert caught.value.headers == {"Retry-After": "1"}
    now = check(background)
    assert (now.refused, now.peak, now.active) == (1, 2, 2)
    gate.set()
    await background.end(5.0)
    assert check(background).finished == 2


async def test_the_end_waits_within_the_grace(make: Make) -> None:
    """What is done by then is finished, also what was started meanwhile."""
    background = make()

    async def first() -> None:
        await asyncio.sleep(0.01)
        background.start(asyncio.sleep(0.01))

    background.start(first())
    await background.end(30.0)
    assert check(background).finished == 2
    with pytest.raises(LifecycleError):
        background.start(asyncio.sleep(0))


@pytest.mark.parametrize("grace", [0.0, 0.01])
async def test_the_rest_is_cancelled_and_awaited(
    make: Make, grace: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Its `finally` has run when the end is reached."""
    background, ended = make(), False

    async def work() -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended = True

    background.start(work())
    await asyncio.sleep(0)
    await background.end(grace)
    assert ended
    assert check(background).cancelled == 1
    assert "1 background tasks are cancelled" in caplog.text


async def test_a_task_that_will_not_end_is_named(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The end goes on without it."""
    background, gate = make(cancel_wait=0.01), asyncio.Event()

    async def stubborn() -> None:
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()

    task = background.start(stubborn())
    await asyncio.sleep(0)
    await background.end(0)
    assert check(background).stuck == 1
    assert "ignores its cancellation" in caplog.text
    assert "stubborn" in caplog.text
    gate.set()
    await task
    assert check(background).finished == 1


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancelled_end_leaves_nothing(make: Make, turns: int) -> None:
    """Whenever it is cut."""
    background = make()
    background.start(asyncio.Event().wait())
    ending = asyncio.ensure_future(background.end(60.0))
    for _ in range(turns):
        await asyncio.sleep(0)
    ending.cancel()
    await asyncio.wait([ending])
    if turns:  # else it had not begun
        assert len(background) == 0
    await background.end(0)


# In an app


async def test_what_a_handler_starts_goes_on_after_the_answer(
    book: Book, wire: Call, until: Until
) -> None:
    """It is injected by type, and outlives the handler, and a replacement of it."""
    gate, done = asyncio.Event(), asyncio.Event()

    async def later() -> None:
        await gate.wait()
        done.set()

    async def a(background: Background) -> dict[str, int]:
        background.start(later())
        return {}

    async def other() -> dict[str, int]:
        return {}

    async with App(book.spec("a"), book.serve(a=a)) as app:
        assert await wire(app, "GET", "/a", body=b"").status() == 200
        await app.replace("a", other)
        assert app.statistics().background.active == 1
        gate.set()
        await done.wait()
        await until(lambda: app.statistics().background.finished == 1)


async def test_a_stop_waits_for_it_and_the_state_is_still_there(book: Book) -> None:
    """The lifespan is left after the last background task."""
    told: list[str] = []

    async def lifespan(_: App) -> Any:
        yield None
        told.append("closed")

    async def work() -> None:
        await asyncio.sleep(0.01)
        told.append("worked")

    async with App(book.spec("a"), book.serve(a=_ok), lifespan=lifespan) as app:
        app.background.start(work())
    assert told == ["worked", "closed"]
    with pytest.raises(LifecycleError):
        _ = app.background


async def test_a_background_task_may_stop_the_app(book: Book, caplog: Any) -> None:
    """It does not wait for itself."""
    caplog.set_level(logging.ERROR)
    app = App(book.spec("a"), book.serve(a=_ok), limits=Limits(grace=30.0))
    async with app:
        task = app.background.start(app.aclose())
        await task
    assert app.statistics().background.finished == 1


async def test_a_grace_that_is_cut_counts_for_the_background(book: Book) -> None:
    """`aclose(grace=0)` while a stop waits for a task."""
    app = App(book.spec("a"), book.serve(a=_ok), limits=Limits(grace=30.0))
    await app.__aenter__()
    app.background.start(asyncio.Event().wait())
    stopping = asyncio.ensure_future(app.__aexit__(None, None, None))
    await asyncio.sleep(0.01)
    await app.aclose(grace=0)
    await stopping
    assert app.statistics().background.cancelled == 1


async def _ok() -> dict[str, int]:
    return {}
