"""Background tasks in an app: injected, outliving the answer, awaited at the stop."""

import asyncio
import logging
from typing import Any

import pytest

from brrt import App, Background, LifecycleError, Limits
from tests.conftest import Book, Call, Until


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
