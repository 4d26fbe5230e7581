"""One app under several event loops in turn, and several apps at once, in one process.

`pytest tests/lifecycle/test_loops.py`. An app is not bound to the loop that it was built in, or
served in before; each run of it begins anew and ends completely.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvloop

from brrt import App, Handlers
from tests.lifecycle.hosts import ALONE, HOSTS, PLACE, mounted
from tests.lifecycle.inside import Server, hypercorn_serves, serving, uvicorn_serves

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
TURNS = [("asyncio", "asyncio"), ("asyncio", "uvloop"), ("uvloop", "asyncio"), ("uvloop", "uvloop")]
HINT = "started by its first request"
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Loops", "version": "1"},
    "paths": {
        "/hello": {
            "get": {
                "operationId": "hello",
                "responses": {"200": {"description": "ok", "content": {"application/json": {}}}},
            }
        }
    },
}

in_turn = pytest.mark.parametrize("turns", TURNS, ids="-then-".join)


class Life:
    """An app that keeps a diary of its runs and knows its loop."""

    def __init__(self, name: str = "one") -> None:
        self.diary: list[str] = []
        self.name = name
        handlers = Handlers()
        handlers("hello")(self._hello)
        self.app = App(DOCUMENT, handlers, lifespan=self._lifespan)

    async def _hello(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"name": self.name, "loop": id(asyncio.get_running_loop())}

    @asynccontextmanager
    async def _lifespan(self, _: App) -> AsyncIterator[None]:
        self.diary.append("opened")
        yield
        self.diary.append("closed")

    def check_over(self, runs: int) -> None:
        """So many runs have begun and ended, and nothing is left of them."""
        assert self.diary == ["opened", "closed"] * runs
        now = self.app.statistics()
        assert not now.running
        assert now.total.active == 0
        assert now.total.spawned == now.total.terminated > 0


async def ask(application: Any, path: str = "/hello", times: int = 10) -> list[dict[str, Any]]:
    """Ask several times at once; the answers."""
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answers = await asyncio.gather(*(client.get(path) for _ in range(times)))
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


async def check_here(application: Any, path: str = "/hello") -> None:
    """The app is served by the loop that asks."""
    answers = await ask(application, path)
    assert {answer["loop"] for answer in answers} == {id(asyncio.get_running_loop())}


def run(loop: str, main: Coroutine[Any, Any, None]) -> None:
    """Run in a loop of this kind, which is closed afterwards."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main)


@in_turn
def test_two_loops_in_turn(turns: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """With nothing wired: each loop has a run of its own, which ends with the loop."""
    caplog.set_level("INFO", "brrt")
    life = Life()
    for count, loop in enumerate(turns, 1):
        run(loop, check_here(life.app))
        life.check_over(count)
        assert caplog.text.count(HINT) == count


@in_turn
def test_two_loops_in_turn_with_the_app_open(turns: tuple[str, str]) -> None:
    """`async with app`, and a change in each of the runs."""
    life = Life()

    async def main() -> None:
        async with life.app:
            await check_here(life.app)
            await life.app.replace("hello", life._hello)
            await check_here(life.app)
            assert life.app.statistics().generation == 2

    for count, loop in enumerate(turns, 1):
        run(loop, main())
        life.check_over(count)


@pytest.mark.parametrize("serve", [uvicorn_serves, hypercorn_serves])
@pytest.mark.parametrize("host", [ALONE, *HOSTS])
@pytest.mark.parametrize("turns", TURNS[1:3], ids="-then-".join)
def test_a_server_twice_in_one_process(turns: tuple[str, str], host: str, serve: Server) -> None:
    """One app, or one host with the app in it, under a server in each of two loops."""
    life = Life()
    application = mounted(life.app, host, "lifespan")

    async def main() -> None:
        async with serving(application, serve) as address, httpx.AsyncClient() as client:
            answer = await client.get(f"http://{address}{place(host)}/hello")
        assert answer.json()["loop"] == id(asyncio.get_running_loop())

    for count, loop in enumerate(turns, 1):
        run(loop, main())
        life.check_over(count)


def place(host: str) -> str:
    """What paths begin with."""
    return "" if host == ALONE else PLACE


def client_of(host: str, application: Any) -> Any:
    """The test client of a host."""
    if host == "litestar":
        import litestar.testing

        return litestar.testing.TestClient(application)
    import starlette.testclient

    return starlette.testclient.TestClient(application)


@pytest.mark.filterwarnings("ignore:Using `httpx`")
@pytest.mark.parametrize("wiring", ["lifespan", "with"])
@pytest.mark.parametrize("host", [ALONE, *HOSTS])
def test_test_clients_in_turn(host: str, wiring: str) -> None:
    """Each `with TestClient(...)` is a run in a loop of its own, and the app outlives it."""
    life = Life()
    application: Any = mounted(life.app, host, wiring)
    for count in (1, 2):
        with client_of(host, application) as client:
            answers = [client.get(f"{place(host)}/hello") for _ in range(2)]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["loop"] for answer in answers}) == 1
        life.check_over(count)


@pytest.mark.filterwarnings("ignore:Using `httpx`")
@pytest.mark.parametrize("host", [ALONE, *HOSTS])
def test_bare_test_clients(host: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without `with`, each call is a loop that starts and ends the app by itself."""
    caplog.set_level("INFO", "brrt")
    life = Life()
    client = client_of(host, mounted(life.app, host, "none"))
    for count in (1, 2):
        assert client.get(f"{place(host)}/hello").json()["name"] == "one"
        life.check_over(count)
        assert caplog.text.count(HINT) == count


@pytest.mark.parametrize("host", [ALONE, *HOSTS])
def test_two_apps_in_two_threads(host: str) -> None:
    """At once, each with a loop of its own: they share nothing."""
    lives = [Life("one"), Life("two")]
    meeting = threading.Barrier(2, timeout=20)

    async def main(life: Life) -> None:
        application = mounted(life.app, host, "none")
        for _ in range(5):
            await asyncio.to_thread(meeting.wait)
            answers = await ask(application, f"{place(host)}/hello")
            assert {answer["name"] for answer in answers} == {life.name}
        assert life.app.statistics().total.served == 50

    with ThreadPoolExecutor(2) as threads:
        loops = zip(("asyncio", "uvloop"), lives, strict=True)
        runs = [threads.submit(run, loop, main(life)) for loop, life in loops]
        for one in runs:
            one.result()
    for life in lives:
        life.check_over(1)


def test_one_app_in_two_loops_at_once_is_refused() -> None:
    """With 503 in the second, and the first is not disturbed."""
    life = Life()

    async def elsewhere() -> None:
        transport = httpx.ASGITransport(app=life.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/hello")
        assert answer.status_code == 503

    async def main() -> None:
        async with life.app:
            await asyncio.to_thread(run, "asyncio", elsewhere())
            await check_here(life.app)

    run("asyncio", main())
    life.check_over(1)
