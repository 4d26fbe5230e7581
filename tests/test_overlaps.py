"""Stops, starts and changes that overlap: whoever comes second is not punished for the first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from brrt import App, Handlers, Limits

Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


def document(*names: str) -> dict[str, Any]:
    said = {"responses": {"200": {"description": "ok", "content": {"application/json": {}}}}}
    paths = {f"/{name}": {"get": {"operationId": name, **said}} for name in names}
    return {"openapi": "3.1.0", "info": {"title": "Overlaps", "version": "1"}, "paths": paths}


def handlers(*names: str, wait: Callable[[], Awaitable[Any]] | None = None) -> Handlers:
    made = Handlers()
    for name in names:

        async def serve() -> dict[str, Any]:
            if wait is not None:
                await wait()
            return {}

        made(name)(serve)
    return made


async def test_whoever_leaves_a_run_that_is_over_leaves_the_next_one_alone() -> None:
    """Two tasks that hold an app one after the other each leave what they have entered."""
    app, leave = App(document("a"), handlers("a")), asyncio.Event()

    async def hold() -> None:
        async with app:
            await leave.wait()

    first = asyncio.create_task(hold())
    async with app:
        await app.aclose()
    async with app:
        leave.set()
        await first
        assert app.statistics().running
    assert not app.statistics().running


async def test_a_stop_with_less_grace_overtakes_the_one_before(
    client: Connect, until: Until
) -> None:
    """`aclose(grace=0)` ends at once what an earlier `aclose()` still waits for."""
    never = asyncio.Event()
    app = App(document("a"), handlers("a", wait=never.wait), limits=Limits(grace=3600))
    async with app:
        http = await client(app)
        asked = asyncio.create_task(http.get("/a"))
        await until(lambda: app.statistics().total.busy == 1)
        patient = asyncio.create_task(app.aclose())
        registry = app._world._registry
        await until(lambda: any(pool._drained for pool in registry._retiring))
        await app.aclose(grace=0)
        await patient
        assert (await asked).status_code == 503


async def test_a_stop_leaves_no_timer_of_what_was_retiring(client: Connect, until: Until) -> None:
    """Nothing keeps a pool alive that has ended."""
    go = asyncio.Event()
    app = App(document("a"), handlers("a", wait=go.wait), limits=Limits(grace=3600))
    async with app:
        http = await client(app)
        asked = asyncio.create_task(http.get("/a"))
        await until(lambda: app.statistics().total.busy == 1)
        reload = asyncio.create_task(app.reload(None, handlers("a")))
        await until(lambda: app.statistics().retiring == 1)
        stop = asyncio.create_task(app.aclose())
        await until(lambda: not app.statistics().running)
        registry = app._world._registry
        [alarm] = registry._alarms.values()
        go.set()
        await asyncio.gather(asked, reload, stop)
        assert all(one.cancelled() for one in alarm)
        assert not registry._alarms


async def test_a_reload_that_fits_is_not_refused_for_workers_that_can_go(
    client: Connect, until: Until
) -> None:
    """Handlers that have grown give up what new operations need: at once, or after their job."""
    go = asyncio.Event()
    limits = Limits(workers=8, max_tasks=10)
    app = App(document("a", "b"), handlers("a", "b", wait=go.wait), limits=limits)
    async with app:
        http = await client(app)
        asked = [asyncio.create_task(http.get("/a")) for _ in range(8)]
        await until(lambda: app.statistics().total.busy == 7)
        names = ("a", "b", "c", "d", "e")
        reload = asyncio.create_task(app.reload(document(*names), handlers(*names)))
        await until(lambda: app._world.run and app._world.run.registry.ceiling.waiting)
        go.set()
        await reload
        assert {one.status_code for one in await asyncio.gather(*asked)} == {200}
        assert (await http.get("/e")).status_code == 200
        assert app.statistics().total.active <= 10
