"""The roads to a running app, and from it: all of them, and what happens on the way."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Self

import anyio
import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from brrt import App, Handlers, LifecycleError, Limits, Request

Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Cut = Callable[[Callable[[], Any], int], Awaitable[bool]]
Book = Any
Call = Callable[..., Any]

trace: ContextVar[str] = ContextVar("trace", default="none")


async def hello() -> dict[str, Any]:
    return {"trace": trace.get()}


class Server:
    """The lifespan half of an ASGI server."""

    def __init__(self, app: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.spoken = asyncio.Event()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self.task = asyncio.create_task(app(scope, self.inbox.get, self._send), name="the server")

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self.spoken.set()

    async def __aenter__(self) -> Self:
        self.inbox.put_nowait({"type": "lifespan.startup"})
        await self.spoken.wait()
        return self

    async def __aexit__(self, *reason: object) -> None:
        self.inbox.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait_for(self.task, 5)

    @property
    def said(self) -> list[str]:
        """What the app told the server."""
        return [message["type"].removeprefix("lifespan.") for message in self.sent]


class Diary:
    """A lifespan that writes down what happens, and when the workers were alive."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.fail_at = ""
        self.gate: asyncio.Event | None = None

    @asynccontextmanager
    async def __call__(self, app: App) -> AsyncIterator[dict[str, str]]:
        """Keep the diary."""
        await self.note("enter", app)
        try:
            yield {"from": "diary"}
        finally:
            await self.note("leave", app)

    async def note(self, what: str, app: App) -> None:
        """Write an entry, wait at the gate, and fail where that is asked for."""
        self.entries.append(f"{what} {app.statistics().total.active}")
        if self.gate is not None:
            await self.gate.wait()
        if self.fail_at == what:
            raise OSError(f"no {what}")


# The roads


async def test_asgi_lifespan_starts_and_stops_the_app(book: Book, wire: Call) -> None:
    """The user's lifespan enters before the workers start and leaves after they have ended."""
    diary = Diary()
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    async with Server(app) as server:
        assert server.said == ["startup.complete"]
        assert await wire(app, "GET", "/a").status() == 200
        assert diary.entries == ["enter 0"]
        assert app.statistics().total.active == 1
    assert server.said == ["startup.complete", "shutdown.complete"]
    assert diary.entries == ["enter 0", "leave 0"]
    assert await wire(app, "GET", "/a").status() == 503


async def test_async_with_starts_and_stops_the_app(book: Book, wire: Call) -> None:
    """And it may be nested: the last one to leave turns off the light."""
    app = App(book.spec("a"), book.serve(a=hello))
    async with app as same:
        assert same is app
        async with app, app.lifespan():
            assert await wire(app, "GET", "/a").status() == 200
        assert await wire(app, "GET", "/a").status() == 200
    assert await wire(app, "GET", "/a").status() == 503
    book.rest(app, 0)


@pytest.mark.parametrize("make_host", [Starlette, FastAPI])
async def test_a_host_takes_the_lifespan_as_its_own(
    book: Book, caplog: pytest.LogCaptureFixture, make_host: Any
) -> None:
    """`lifespan=app.lifespan`, in Starlette and in FastAPI."""
    caplog.set_level(logging.INFO, "brrt")
    app = App(book.spec("a"), book.serve(a=hello))
    host = make_host(lifespan=app.lifespan)
    host.mount("/api", app)
    async with Server(host) as server:
        assert (await _get(host, "/api/a")).status_code == 200
        assert app.statistics().total.active == 1
    assert server.said == ["startup.complete", "shutdown.complete"]
    assert app.statistics().total.active == 0
    assert "started by its first request" not in caplog.text


@pytest.mark.parametrize("make_host", [Starlette, FastAPI])
async def test_a_host_with_a_lifespan_of_its_own_holds_the_app_open(
    book: Book, make_host: Any
) -> None:
    """`async with app` inside the host's lifespan."""
    app = App(book.spec("a"), book.serve(a=hello))

    @asynccontextmanager
    async def lifespan(host: Any) -> AsyncIterator[dict[str, str]]:
        async with app:
            yield {"own": "state"}

    host = make_host(lifespan=lifespan)
    host.mount("/api", app)
    async with Server(host):
        assert (await _get(host, "/api/a")).status_code == 200
    assert not app.statistics().running


@pytest.mark.parametrize("make_host", [Starlette, FastAPI])
def test_mounted_with_nothing_at_all_the_first_request_starts_the_keeper(
    book: Book, caplog: pytest.LogCaptureFixture, make_host: Any
) -> None:
    """It is said once how to do better, and the loop's end closes everything in order."""
    caplog.set_level(logging.INFO, "brrt")
    diary = Diary()
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    host = make_host()
    host.mount("/api", app)

    async def main() -> None:
        responses = await asyncio.gather(*(_get(host, "/api/a") for _ in range(10)))
        assert {one.status_code for one in responses} == {200}
        assert app.statistics().total.active <= 10

    asyncio.run(main())
    assert diary.entries == ["enter 0", "leave 0"]
    total = app.statistics().total
    assert (total.active, total.spawned) == (0, total.terminated)
    assert caplog.text.count("started by its first request") == 1


def test_the_keeper_leaves_a_lifespan_in_order_when_its_loop_ends(book: Book) -> None:
    """What stands after the `yield` is done, without a `finally`, as after any other stop."""
    entries: list[str] = []

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncIterator[None]:
        entries.append("enter")
        yield
        await asyncio.sleep(0)
        entries.append("leave")

    app = App(book.spec("a"), book.serve(a=hello), lifespan=lifespan)

    async def main() -> None:
        assert (await _get(app, "/a")).status_code == 200

    asyncio.run(main())
    assert entries == ["enter", "leave"]


def test_the_keeper_finishes_what_runs_when_its_loop_ends(book: Book) -> None:
    """A loop that is closed while a handler works leaves no task behind."""
    ends: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("ended")

    app = App(book.spec("a"), book.serve(a=slow), limits=Limits(grace=0.01))

    async def main() -> None:
        task = asyncio.create_task(_get(app, "/a"))
        for _ in range(100):
            await asyncio.sleep(0)
        assert app.statistics().total.busy == 1
        assert not task.done()

    asyncio.run(main())
    assert ends == ["ended"]
    total = app.statistics().total
    assert (total.active, total.busy, total.queued) == (0, 0, 0)


@pytest.mark.filterwarnings("ignore:Using `httpx`")
def test_the_test_client_of_starlette_works_with_and_without_a_block(book: Book) -> None:
    """Each call of a bare TestClient has a loop of its own."""
    from starlette.testclient import TestClient

    app = App(book.spec("a"), book.serve(a=hello))
    with TestClient(app) as client:
        assert [client.get("/a").status_code for _ in range(3)] == [200] * 3
    bare = TestClient(app)
    assert [bare.get("/a").status_code for _ in range(3)] == [200] * 3


def test_an_app_can_be_started_again_in_another_loop(book: Book) -> None:
    """And in a loop that replaced one which was closed under it."""
    app = App(book.spec("a"), book.serve(a=hello))

    async def session() -> int:
        async with app:
            await app.replace("a", _fresh())
            return (await _get(app, "/a")).status_code

    assert [asyncio.run(session()) for _ in range(3)] == [200] * 3


CLOSED_UNDER_IT = """
import asyncio, os
from brrt import App, Handlers

handlers = Handlers()

@handlers
async def a(): return {}

async def b(): return {}

item = {"get": {"operationId": "a", "responses": {"200": {"description": "ok"}}}}
info = {"title": "t", "version": "1"}
app = App({"openapi": "3.1.0", "info": info, "paths": {"/a": item}}, handlers)
loop = asyncio.new_event_loop()
loop.run_until_complete(app.__aenter__())
kept = asyncio.all_tasks(loop)
loop.close()

async def session():
    await app.replace("a", b)
    async with app:
        return app.statistics().total.active

print(asyncio.run(session()), flush=True)
os._exit(0)  # the old loop's tasks cannot be ended any more
"""


def test_an_app_whose_loop_was_closed_under_it_starts_anew() -> None:
    """Without a proper end: what is left of the old run is not mistaken for a running app."""
    done = subprocess.run(
        [sys.executable, "-c", CLOSED_UNDER_IT], capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


async def test_an_app_that_runs_elsewhere_cannot_be_used_here(book: Book) -> None:
    """Entering, calling and changing it from another loop is refused; it goes on unharmed."""
    app = App(book.spec("a"), book.serve(a=hello))

    def elsewhere(make: Callable[[], Any]) -> Any:
        async def main() -> Any:
            return await make()

        return asyncio.run(main())

    async with app:
        for change in (app.__aenter__, lambda: app.replace("a", _fresh()), app.reload):
            with pytest.raises(LifecycleError, match="another event loop"):
                await asyncio.to_thread(elsewhere, change)
        response = await asyncio.to_thread(elsewhere, lambda: _get(app, "/a"))
        assert response.status_code == 503
        assert (await _get(app, "/a")).status_code == 200
        book.rest(app, 1)


# On the way up


async def test_requests_that_arrive_while_it_starts_wait(
    book: Book, wire: Call, until: Until
) -> None:
    """They are answered once it has started, whichever road started it."""
    for road in ("lifespan", "keeper"):
        diary = Diary()
        diary.gate = asyncio.Event()
        app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
        starting = asyncio.create_task(app.__aenter__()) if road == "lifespan" else None
        await asyncio.sleep(0)
        early = [wire(app, "GET", "/a") for _ in range(5)]
        await until(partial(getattr, diary, "entries"))
        assert not any(one.task.done() for one in early)
        diary.gate.set()
        assert [await one.status() for one in early] == [200] * 5
        if starting:
            await starting
        await app.aclose()
        assert diary.entries == ["enter 0", "leave 0"]


async def test_a_start_that_fails_is_told_to_the_server(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """`lifespan.startup.failed`, a traceback in the log, and no task."""
    diary = Diary()
    diary.fail_at = "enter"
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    server = Server(app)
    server.inbox.put_nowait({"type": "lifespan.startup"})
    await server.task
    assert server.sent == [{"type": "lifespan.startup.failed", "message": "no enter"}]
    assert "OSError: no enter" in caplog.text
    assert app.statistics().total.spawned == 0


async def test_a_start_that_fails_is_raised_and_can_be_tried_again(book: Book) -> None:
    """`async with app` raises what the lifespan raised."""
    diary = Diary()
    diary.fail_at = "enter"
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    for _ in range(2):
        with pytest.raises(OSError, match="no enter"):
            async with app:
                raise AssertionError("it has not started")
    diary.fail_at = ""
    async with app:
        assert (await _get(app, "/a")).status_code == 200


async def test_a_start_by_request_that_fails_is_503_and_tried_again(
    book: Book, wire: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why, once for each attempt; when the cause has gone, the app serves."""
    diary = Diary()
    diary.fail_at = "enter"
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    together = [wire(app, "GET", "/a") for _ in range(5)]
    assert [await one.status() for one in together] == [503] * 5
    assert caplog.text.count("The app did not start") == 1
    assert await wire(app, "GET", "/a").status() == 503
    assert caplog.text.count("The app did not start") == 2
    diary.fail_at = ""
    assert await wire(app, "GET", "/a").status() == 200
    await app.aclose()


@pytest.mark.parametrize("turns", range(8))
async def test_a_start_that_is_cancelled_leaves_nothing(book: Book, cut: Cut, turns: int) -> None:
    """Cut at any await, the lifespan is left again and no keeper stays."""
    diary = Diary()
    diary.gate = asyncio.Event()
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    assert await cut(app.__aenter__, turns)
    assert not app.statistics().running
    diary.gate.set()
    async with app:
        assert (await _get(app, "/a")).status_code == 200


async def test_a_cancelled_start_does_not_stop_those_who_share_it(book: Book) -> None:
    """Of two who enter, one is cancelled; the other gets its app."""
    diary = Diary()
    diary.gate = asyncio.Event()
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    one, two = (asyncio.create_task(app.__aenter__()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait([one])
    diary.gate.set()
    await two
    assert (await _get(app, "/a")).status_code == 200
    await app.__aexit__(None, None, None)
    assert not app.statistics().running


@pytest.mark.parametrize("turns", range(8))
async def test_a_server_that_drops_its_lifespan_task_leaves_nothing(
    book: Book, until: Until, turns: int
) -> None:
    """The lifespan call is cancelled: the app ends."""
    app = App(book.spec("a"), book.serve(a=hello))
    server = Server(app)
    server.inbox.put_nowait({"type": "lifespan.startup"})
    for _ in range(turns):
        await asyncio.sleep(0)
    server.task.cancel()
    await asyncio.wait([server.task])
    await until(lambda: not app.statistics().running)
    assert app.statistics().total.active == 0


async def test_what_the_lifespan_yields_must_be_what_handlers_ask_for(book: Book) -> None:
    """Found at the start, with both types named."""

    class Database:
        pass

    async def handler(database: Database) -> dict[str, Any]:
        return {}

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:  # the point is that it does not say
        yield {"not": "a database"}

    app = App(book.spec("a"), book.serve(a=handler), lifespan=lifespan)
    with pytest.raises(LifecycleError, match=r"Database.*yielded dict"):
        async with app:
            pass


# On the way down


async def test_the_lifespan_is_left_after_the_last_handler(
    book: Book, wire: Call, until: Until
) -> None:
    """Handlers that finish within grace still have their state."""
    diary, gate = Diary(), asyncio.Event()

    async def slow() -> dict[str, Any]:
        await gate.wait()
        diary.entries.append("served")
        return {}

    app = App(book.spec("a"), book.serve(a=slow), lifespan=diary)
    async with Server(app):
        request = wire(app, "GET", "/a")
        await until(lambda: app.statistics().total.busy)
        asyncio.get_running_loop().call_later(0.01, gate.set)
    assert await request.status() == 200
    assert diary.entries == ["enter 0", "served", "leave 0"]


async def test_an_end_that_fails_is_told_to_the_server(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """`lifespan.shutdown.failed`; the workers have ended all the same."""
    diary = Diary()
    diary.fail_at = "leave"
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    async with Server(app) as server:
        pass
    assert server.said == ["startup.complete", "shutdown.failed"]
    assert "OSError: no leave" in caplog.text
    assert app.statistics().total.active == 0


async def test_a_task_group_that_dies_in_the_lifespan_stops_the_app_in_order(
    book: Book, wire: Call, until: Until
) -> None:
    """What runs is finished before the lifespan is left; what comes later is 503."""
    events: list[str] = []
    crash = asyncio.Event()

    async def background() -> None:
        await crash.wait()
        raise OSError("the background task died")

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(background)
            try:
                yield "state"
            finally:
                events.append(f"left with {app.statistics().total.active} tasks")

    async def slow() -> dict[str, Any]:
        await asyncio.sleep(0.3)
        events.append("served")
        return {}

    app = App(book.spec("a"), book.serve(a=slow), lifespan=lifespan)
    await app.__aenter__()
    request = wire(app, "GET", "/a")
    await until(lambda: app.statistics().total.busy)
    crash.set()
    spent = time.process_time()
    assert await request.status() == 200
    assert time.process_time() - spent < 0.15  # it waits, and does not turn in circles
    await until(lambda: not app.statistics().running)
    assert await wire(app, "GET", "/a").status() == 503
    with pytest.raises(ExceptionGroup):
        await app.__aexit__(None, None, None)
    assert events == ["served", "left with 0 tasks"]


async def test_a_keeper_that_is_cancelled_again_and_again_still_ends_in_order(
    book: Book, wire: Call, until: Until
) -> None:
    """The keeper owns the workers: it does not go before they have."""
    diary, gate = Diary(), asyncio.Event()

    async def slow() -> dict[str, Any]:
        await gate.wait()
        return {}

    app = App(book.spec("a"), book.serve(a=slow), lifespan=diary)
    await app.__aenter__()
    request = wire(app, "GET", "/a")
    await until(lambda: app.statistics().total.busy)
    keeper = next(task for task in asyncio.all_tasks() if task.get_name() == "brrt keeper")
    for _ in range(5):
        keeper.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not keeper.done()
    gate.set()
    assert await request.status() == 200
    await asyncio.wait([keeper])
    assert diary.entries == ["enter 0", "leave 0"]
    await app.__aexit__(None, None, None)


async def test_those_who_enter_while_it_stops_share_the_next_life(book: Book) -> None:
    """Two enter during a slow stop: one new life, with one set of workers."""
    diary = Diary()
    app = App(book.spec("a"), book.serve(a=hello), lifespan=diary)
    await app.__aenter__()
    diary.gate = asyncio.Event()
    leaving = asyncio.create_task(app.__aexit__(None, None, None))
    await asyncio.sleep(0)
    entering = [asyncio.create_task(app.__aenter__()) for _ in range(2)]
    for _ in range(10):
        await asyncio.sleep(0)
    diary.gate.set()
    await asyncio.gather(leaving, *entering)
    assert (await _get(app, "/a")).status_code == 200
    book.rest(app, 1)
    for _ in entering:
        await app.__aexit__(None, None, None)
    assert diary.entries == ["enter 0", "leave 0"] * 2


async def test_a_stopped_app_answers_503_until_it_is_started_again(book: Book, wire: Call) -> None:
    """A request never revives what somebody has stopped on purpose."""
    app = App(book.spec("a"), book.serve(a=hello))
    async with app:
        pass
    for path in ("/a", "/health"):
        request = wire(app, "GET", path)
        assert await request.status() == 503
    async with app:
        assert await wire(app, "GET", "/a").status() == 200
        assert await wire(app, "GET", "/health").status() == 200


# Where it is mounted


async def test_context_variables_of_outer_middleware_are_seen_by_handlers(book: Book) -> None:
    """Each request sees its own, however many are under way at once."""
    app = App(book.spec("a"), book.serve(a=hello))

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            trace.set(dict(scope["headers"])[b"x-trace"].decode())
        await app(scope, receive, send)

    async with app:
        calls = [_get(middleware, "/a", {"x-trace": str(n)}) for n in range(20)]
        responses = await asyncio.gather(*calls)
    assert [one.json()["trace"] for one in responses] == [str(n) for n in range(20)]


async def test_the_keeper_does_not_inherit_the_first_request(book: Book) -> None:
    """What outer middleware has set for one request is not set for the app's whole life."""
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        seen.append(trace.get())
        yield

    app = App(book.spec("a"), book.serve(a=hello), lifespan=lifespan)
    trace.set("the first request")
    assert (await _get(app, "/a")).json() == {"trace": "the first request"}
    await app.aclose()
    assert seen == ["none"]


@pytest.mark.parametrize("root", ["", "/api", "/api/v1"])
async def test_mounted_under_a_prefix_it_finds_its_paths(book: Book, root: str) -> None:
    """`root_path`, nested mounts included; health moves along; elsewhere is 404."""

    async def where(request: Request) -> dict[str, Any]:
        return {"root": request.scope.get("root_path", "")}

    app = App(book.spec("a"), book.serve(a=where))
    host: Any = app
    for part in reversed([one for one in root.split("/") if one]):
        host = Starlette(routes=[Mount(f"/{part}", app=host)])
    async with app:
        assert (await _get(host, f"{root}/a")).json() == {"root": root}
        assert (await _get(host, f"{root}/health")).json()["status"] == "ok"
        assert (await _get(host, f"{root}/nowhere")).status_code == 404


@pytest.mark.parametrize(
    ("raw", "path", "status"),
    [
        (b"/api/a", "/a/", 200),  # Litestar, which puts a slash at the end
        (b"/api/a", "/a", 200),
        (b"/api/health", "/health/", 200),
        (b"/%61pi/%61", "/a/", 200),
        (b"/api", "/", 404),
        (b"/api/", "/", 404),
        (b"/api//a", "/a/", 404),
        (b"/api/a/", "/a/", 404),
        (b"/api/a", "/b", 404),
        (b"/a/", "/a/", 404),
    ],
)
async def test_a_host_may_cut_its_mount_off_the_path_and_say_nothing(
    book: Book, wire: Call, raw: bytes, path: str, status: int
) -> None:
    """Litestar leaves `root_path` empty: where the app is, `raw_path` still tells."""
    app = App(book.spec("a"), book.serve(a=hello))

    async def host(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "raw_path": raw, "path": path}, receive, send)

    async with app:
        assert await wire(host, "GET", "/").status() == status


async def test_two_apps_in_one_host_live_and_die_alone(book: Book) -> None:
    """Mounted side by side, each with its own document, state and end."""
    diaries = [Diary(), Diary()]
    apps = [App(book.spec("a"), book.serve(a=hello), lifespan=diary) for diary in diaries]
    host = Starlette(routes=[Mount(f"/{n}", app=app) for n, app in enumerate(apps)])
    async with apps[0]:
        async with apps[1]:
            assert (await _get(host, "/0/a")).status_code == 200
        assert (await _get(host, "/1/a")).status_code == 503
        assert (await _get(host, "/0/a")).status_code == 200
        assert (apps[0].statistics().total.accepted, apps[1].statistics().total.accepted) == (2, 0)
    assert [diary.entries for diary in diaries] == [["enter 0", "leave 0"]] * 2


def _fresh() -> Callable[[], Awaitable[dict[str, Any]]]:
    async def fresh() -> dict[str, Any]:
        return {}

    return fresh


async def _get(app: Any, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=headers)


def test_handlers_of_one_collection_serve_many_apps(book: Book) -> None:
    """A collection is a list and nothing more: apps do not fight over it."""
    handlers = Handlers()
    handlers("a")(hello)
    one, two = App(book.spec("a"), handlers), App(book.spec("a"), handlers)

    async def main() -> list[int]:
        async with one, two:
            return [(await _get(app, "/a")).status_code for app in (one, two)]

    assert asyncio.run(main()) == [200, 200]


async def test_who_leaves_ends_the_life_that_was_entered(book: Book) -> None:
    """One who leaves after a stop and a new start by others does not stop the new life."""
    app = App(book.spec("a"), book.serve(a=hello))
    await app.__aenter__()
    await app.aclose()
    async with app.lifespan():
        await app.__aexit__(None, None, None)
        assert app.statistics().running
    assert not app.statistics().running


async def test_a_stop_before_the_start_has_begun_is_told_to_who_starts(book: Book) -> None:
    """The one who starts the app does not wait for ever for what will not come."""
    app = App(book.spec("hello"), book.serve(hello=hello))
    starting = asyncio.create_task(app.__aenter__())
    await asyncio.sleep(0)  # it has begun to wait, and what it waits for has not begun
    await app.aclose()
    with pytest.raises(LifecycleError, match="the start was interrupted"):
        await asyncio.wait_for(starting, 5)


async def test_the_last_figures_are_true_of_what_ended_after_the_end(
    book: Book, until: Until, wire: Call
) -> None:
    """A handler that outlives the app is counted as alive while it is, and then no more."""
    gate = asyncio.Event()

    async def stay() -> None:
        while not gate.is_set():
            with suppress(asyncio.CancelledError):
                await gate.wait()

    app = App(book.spec("stay"), book.serve(stay=stay), limits=Limits(grace=0, cancel_wait=0.01))
    async with app:
        asking = wire(app, "GET", "/stay")
        await until(lambda: app.statistics().total.busy)
    assert await asking.status() == 503
    assert app.statistics().total.active == 1
    gate.set()
    await until(lambda: app.statistics().total.active == 0)
    total = app.statistics().total
    assert total.spawned == total.terminated
