"""The promises of the runtime, by name, under concurrent load and through HTTP.

P1 answer, P2 no leak, P3 bounded, P4 shed, P5 atomic reload, P6 graceful, P7 deadline,
P10 no surprise. The three doors through which tasks once leaked stand under P2.
"""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, Limits, Problem, SpecError
from brrt.runtime.jobs import Job

Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Cut = Callable[[Callable[[], Any], int], Awaitable[bool]]
Workers = Callable[[str], set[asyncio.Task[Any]]]
Book = Any
Call = Callable[..., Any]

JSON = {"content-type": "application/json"}
BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


def say(word: Any) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A handler that answers a word, after letting others go first."""

    async def handler() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"said": word}

    return handler


class Load:
    """Callers that never rest, and everything that they were told."""

    def __init__(self, client: httpx.AsyncClient, pause: float) -> None:
        self.client = client
        self.pause = pause
        self.statuses: dict[int, int] = {}
        self.words: list[Any] = []
        self.over = False

    async def call(self, path: str) -> None:
        """Call a path until the load is over."""
        while not self.over:
            response = await self.client.get(path)
            self.statuses[response.status_code] = self.statuses.get(response.status_code, 0) + 1
            if response.status_code == 200:
                self.words.append(response.json()["said"])
            await asyncio.sleep(self.pause)  # a refusal comes without any wait: let others go on

    @property
    def calls(self) -> int:
        """All answers."""
        return sum(self.statuses.values())


@asynccontextmanager
async def under_load(
    client: httpx.AsyncClient, *paths: str, callers: int = 4, pause: float = 0
) -> AsyncIterator[Load]:
    """Callers on each path, while the block runs. Every one of them ends with an answer."""
    load = Load(client, pause)
    tasks = [asyncio.create_task(load.call(path)) for path in paths for _ in range(callers)]
    try:
        yield load
    finally:
        load.over = True
        done, pending = await asyncio.wait(tasks, timeout=10)
        for task in done:
            task.result()
        assert not pending


# P1, every request gets exactly one complete answer.


async def naughty_swallow() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def naughty_cancel_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.Event().wait()


async def naughty_cancel_workers() -> None:
    for task in asyncio.all_tasks():
        if task.get_name().startswith("brrt naughty"):
            task.cancel()
    await asyncio.Event().wait()


async def naughty_cancel_runtime() -> None:
    for task in asyncio.all_tasks():
        if task.get_name().startswith("brrt ") and "keeper" not in task.get_name():
            task.cancel()


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def naughty_raise() -> None:
        raise error

    return naughty_raise


@pytest.mark.parametrize(
    ("handler", "statuses"),
    [
        (naughty_swallow, {504}),
        (naughty_cancel_itself, {500}),
        (naughty_cancel_workers, {500}),
        (naughty_cancel_runtime, {500, 204, 200}),
        (raising(SystemExit(1)), {500}),
        (raising(KeyboardInterrupt()), {500}),
        (raising(GeneratorExit()), {500}),
        (raising(asyncio.CancelledError()), {500}),
        (raising(RecursionError("deep")), {500}),
        (raising(BaseExceptionGroup("many", [KeyboardInterrupt()])), {500}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_p1_a_naughty_handler_is_answered_and_hurts_nobody_else(
    client: Connect, book: Book, handler: Any, statuses: set[int]
) -> None:
    """Whatever a handler does, its callers are answered and its neighbours are served."""
    limits = Limits(timeout=0.1, disconnect_after=0.02)
    app = App(
        book.spec("naughty", "nice"), book.serve(naughty=handler, nice=say("hi")), limits=limits
    )
    http = await client(app)
    bad, good = ([http.get(path) for _ in range(12)] for path in ("/naughty", "/nice"))
    responses = await asyncio.gather(*bad, *good)
    assert {one.status_code for one in responses[:12]} <= statuses
    if handler is not naughty_cancel_runtime:
        assert [one.status_code for one in responses[12:]] == [200] * 12
    assert (await http.get("/nice")).json() == {"said": "hi"}
    book.balance(app.statistics())


async def test_p1_a_handler_that_never_returns_is_answered(
    client: Connect, book: Book, until: Until
) -> None:
    """Not even one that cannot be cancelled keeps a caller waiting, or the app from stopping."""
    released = asyncio.Event()
    failsafe = asyncio.get_running_loop().call_later(5, released.set)

    async def for_ever() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    limits = Limits(timeout=0.02, disconnect_after=0.01, grace=0.01, cancel_wait=0.01)
    app = App(book.spec("a"), book.serve(a=for_ever), limits=limits)
    http = await client(app)
    assert (await http.get("/a")).status_code == 504
    await app.replace("a", say("new"))
    assert (await http.get("/a")).json() == {"said": "new"}
    assert app.statistics().total.stuck >= 1
    assert app.statistics().total.active == 2
    released.set()
    await until(lambda: app.statistics().total.active == 1)
    failsafe.cancel()


async def test_p1_an_app_stopped_from_inside_answers_the_one_who_stopped_it(book: Book) -> None:
    """`aclose` in a handler starts the stop, and the handler still finishes."""

    async def stop() -> dict[str, Any]:
        await app.aclose()
        return {"said": "stopping"}

    app = App(book.spec("stop", "other"), book.serve(stop=stop, other=say("hi")))
    async with app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            began = asyncio.get_running_loop().time()
            answer = await http.get("/stop")
            assert answer.json() == {"said": "stopping"}
            assert asyncio.get_running_loop().time() - began < 2
            refused = await http.get("/other")
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
    assert app.statistics().total.active == 0


async def test_p1_a_handler_may_replace_itself(client: Connect, book: Book) -> None:
    """It does not wait for its own end, and the next request meets the new one."""

    async def first() -> dict[str, Any]:
        await app.replace("a", say("second"))
        return {"said": "first"}

    app = App(book.spec("a"), book.serve(a=first))
    http = await client(app)
    assert (await asyncio.wait_for(http.get("/a"), 5)).json() == {"said": "first"}
    assert (await http.get("/a")).json() == {"said": "second"}


async def test_p1_every_client_is_answered_while_the_app_stops(
    book: Book, wire: Call, until: Until
) -> None:
    """Running and queued requests are finished or told 503; those that come later, 503."""
    gate = asyncio.Event()

    async def wait() -> dict[str, Any]:
        await gate.wait()
        return {}

    handlers = Handlers()
    handlers("a", workers=2)(wait)
    app = App(book.spec("a"), handlers, limits=Limits(grace=0.05))
    async with app:
        accepted = [wire(app, "GET", "/a") for _ in range(6)]
        await until(lambda: app.statistics().total.accepted == 6)
        stopping = asyncio.create_task(app.aclose())
        await asyncio.sleep(0.01)
        late = [wire(app, "GET", "/a") for _ in range(3)]
        assert [await one.status() for one in late] == [503] * 3
        assert [await one.status() for one in accepted] == [503] * 6
        await stopping
    assert [await wire(app, "GET", "/a").status() for _ in range(2)] == [503, 503]
    book.rest(app, 0)


@pytest.mark.parametrize("turns", range(24))
async def test_p1_a_client_may_hang_up_at_any_moment(
    client: Connect, book: Book, wire: Call, until: Until, turns: int
) -> None:
    """Cut at any await of its request, nothing is left running, queued or uncounted."""

    async def handler(body: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return body

    app = App(book.spec(a={"post": book.operation("a", requestBody=BODY)}), book.serve(a=handler))
    await client(app)
    request = wire(app, "POST", "/a", JSON)
    for turn in range(turns):
        if turn == 4:
            request.body(b'{"a":', more=True)
        if turn == 8:
            request.body(b"1}")
        await asyncio.sleep(0)
    request.hang_up()
    await asyncio.wait_for(request.task, 5)
    assert len(request.sent) in (0, 2)
    await until(lambda: not app.statistics().total.busy)
    book.rest(app, 1)


@pytest.mark.parametrize("turns", range(20))
async def test_p1_a_server_may_cancel_a_request_at_any_moment(
    client: Connect, book: Book, wire: Call, until: Until, turns: int
) -> None:
    """Servers cancel request tasks when they stop: the job is abandoned, nothing is left."""
    gate = asyncio.Event()

    async def handler(body: dict[str, Any]) -> dict[str, Any]:
        await gate.wait()
        return body

    path = {"post": book.operation("a", requestBody=BODY, **{"x-brrt-on-disconnect": "cancel"})}
    limits = Limits(disconnect_after=0.001)
    app = App(book.spec(a=path), book.serve(a=handler), limits=limits)
    await client(app)
    request = wire(app, "POST", "/a", JSON, body=b"{}")
    for turn in range(turns):
        await asyncio.sleep(0.002 if turn == 12 else 0)
    request.task.cancel()
    await asyncio.wait([request.task])
    assert request.sent == []
    await until(lambda: not app.statistics().total.busy)
    book.rest(app, 1)


# P2, no leak, and the three doors.


async def test_p2_adding_a_route_whose_handler_exists_replaces_it(
    client: Connect, book: Book, workers: Workers
) -> None:
    """`replace`: when it returns, every task of the old handler is done."""
    app = App(book.spec("a", "b"), book.serve(a=say(0), b=say("b")))
    http = await client(app)
    async with under_load(http, "/a", "/b") as load:
        for number in range(1, 40):
            old = workers("a")
            await app.replace("a", say(number))
            assert all(task.done() for task in old)
            now = app.statistics().total
            assert now.spawned == now.terminated + now.active
            assert (await http.get("/a")).json() == {"said": number}
    assert load.statuses == {200: load.calls}
    await app.replace("a", say("last"))
    await app.replace("b", say("last"))
    book.rest(app, 2)


async def test_p2_registering_a_typed_handler_twice_replaces_it(
    client: Connect, book: Book, workers: Workers
) -> None:
    """In one collection the second wins; in a running app it takes the place of the first."""
    parameter = {"name": "n", "in": "query", "required": True, "schema": {"type": "integer"}}
    document = book.spec(a={"get": book.operation("a", parameters=[parameter])})
    handlers = Handlers()

    @handlers("a")
    async def first(n: int) -> dict[str, Any]:
        return {"said": n}

    app = App(document, handlers)
    http = await client(app)
    async with under_load(http, "/a?n=1") as load:
        for factor in range(2, 30):

            @handlers("a")
            async def again(n: int, factor: int = 0) -> dict[str, Any]:
                return {"said": 10 * n}

            assert len(handlers) == 1
            old = workers("a")
            await app.reload(handlers=_typed(factor))
            assert all(task.done() for task in old)
            assert (await http.get("/a?n=2")).json() == {"said": 2 * factor}
            now = app.statistics().total
            assert now.spawned == now.terminated + now.active
    assert load.statuses == {200: load.calls}
    await app.reload(handlers=_typed(1))
    book.rest(app, 1)


def _typed(factor: int) -> Handlers:
    handlers = Handlers()

    @handlers("a")
    async def typed(n: int) -> dict[str, Any]:
        return {"said": factor * n}

    return handlers


async def test_p2_registering_from_a_document_again_retires_what_it_does_not_keep(
    client: Connect, book: Book, workers: Workers
) -> None:
    """`reload`: what the new document lacks is gone, what it keeps goes on untouched."""
    everything = book.serve(a=say("a"), b=say("b"), c=say("c"))
    app = App(book.spec("a", "b", "c"), everything)
    http = await client(app)
    await asyncio.sleep(0)
    kept = workers("a")
    async with under_load(http, "/a") as load:
        for _ in range(15):
            displaced = workers("b") | workers("c")
            await app.reload(book.spec("a"))
            assert all(task.done() for task in displaced)
            now = app.statistics()
            assert list(now.handlers) == ["a"]
            assert now.total.spawned == now.total.terminated + now.total.active
            assert (await http.get("/b")).status_code == 404
            await app.reload(book.spec("a", "b", "c"))
            assert (await http.get("/b")).json() == {"said": "b"}
    assert load.statuses == {200: load.calls}
    assert kept <= workers("a")
    now = app.statistics()
    assert now.total.spawned == now.total.terminated + now.total.active
    await app.reload(book.spec("b"))
    book.rest(app, 1)


async def test_p2_removing_a_handler_ends_its_tasks(
    client: Connect, book: Book, workers: Workers
) -> None:
    """`remove`: the operation answers 501, and nobody serves it."""
    app = App(book.spec("a", "b"), book.serve(a=say("a"), b=say("b")))
    http = await client(app)
    await http.get("/a")
    old = workers("a")
    await app.remove("a")
    assert all(task.done() for task in old)
    assert (await http.get("/a")).status_code == 501
    book.rest(app, 1)


async def test_p2_a_name_that_comes_back_while_it_retires_is_counted_once(
    client: Connect, book: Book, until: Until
) -> None:
    """Removed, still draining, added again while another handler drains: every sum is right."""
    gates = {name: asyncio.Event() for name in ("a", "b")}

    def gated(name: str) -> Any:
        async def wait() -> dict[str, Any]:
            await gates[name].wait()
            return {"said": name}

        return wait

    app = App(book.spec("a", "b"), book.serve(a=gated("a"), b=gated("b")))
    http = await client(app)
    slow = [asyncio.create_task(http.get(path)) for path in ("/a", "/b")]
    await until(lambda: app.statistics().total.busy == 2)
    away = asyncio.create_task(app.reload(book.spec("b"), book.serve(b=say("new"))))
    await until(lambda: app.statistics().retiring == 2)
    back = asyncio.create_task(
        app.reload(book.spec("a", "b"), book.serve(a=say("new"), b=say("newer")))
    )
    for _ in range(50):
        await asyncio.sleep(0.001)
    gates["a"].set()
    await slow[0]
    await asyncio.sleep(0.005)
    gates["b"].set()
    await asyncio.gather(away, back, *slow)
    assert [one.result().json()["said"] for one in slow] == ["a", "b"]
    book.balance(app.statistics())
    book.rest(app, 2)
    assert app.statistics().total.spawned == 5


@pytest.mark.parametrize("turns", range(30))
@pytest.mark.parametrize("change", ["replace", "remove", "reload", "aclose"])
async def test_p2_a_cancelled_change_leaves_nothing(
    book: Book, wire: Call, until: Until, cut: Cut, change: str, turns: int
) -> None:
    """Cut at any await, the old world or the new one goes on whole and every caller is answered."""
    gate = asyncio.Event()

    async def wait() -> dict[str, Any]:
        await gate.wait()
        return {}

    handlers = Handlers()
    handlers("a", workers=2)(wait)
    app = App(book.spec("a"), handlers, limits=Limits(grace=5.0))
    changes: dict[str, Callable[[], Any]] = {
        "replace": lambda: app.replace("a", say("new")),
        "remove": lambda: app.remove("a"),
        "reload": lambda: app.reload(handlers=book.serve(a=say("new"))),
        "aclose": app.aclose,
    }
    async with app:
        accepted = [wire(app, "GET", "/a") for _ in range(4)]
        await until(lambda: app.statistics().total.busy == 2)
        assert await cut(changes[change], turns)
        book.balance(app.statistics())
        gate.set()
        assert [await one.status() for one in accepted] == [200] * 4
        await until(lambda: not app.statistics().retiring and not app.statistics().total.busy)
        now = app.statistics().total
        assert now.spawned == now.terminated + now.active
        assert now.accepted == now.served == 4
        if change == "aclose":
            expected = 503 if turns else 200
        else:
            expected = 501 if change == "remove" and now.active == 0 else 200
        assert await wire(app, "GET", "/a").status() == expected
        if change != "aclose" and expected == 200:
            await app.replace("a", say("after"))
            assert await wire(app, "GET", "/a").status() == 200
    book.rest(app, 0)


async def test_p2_a_storm_of_reloads_leaks_nothing_and_ends_soon(
    client: Connect, book: Book
) -> None:
    """Everybody changes everything at once, under load: it ends, and the sums are right."""
    names = ("a", "b", "c", "d")
    app = App(book.spec(*names), book.serve(**{name: say(0) for name in names}))
    http = await client(app)

    async def replace(name: str) -> None:
        for number in range(15):
            await app.replace(name, say(number))

    async def reload() -> None:
        for number in range(8):
            await app.reload(handlers=book.serve(**{name: say(number) for name in names}))

    # A loop that never rests lets go of the GIL too briefly for a thread that compiles to get it.
    async with under_load(http, *(f"/{name}" for name in names), callers=2, pause=0.001) as load:
        changes = [*(replace(name) for name in names), reload(), reload()]
        await asyncio.wait_for(asyncio.gather(*changes), 5)
    assert load.statuses == {200: load.calls}
    book.balance(app.statistics())
    await app.reload(handlers=book.serve(**{name: say("last") for name in names}))
    book.rest(app, 4)


# P3, bounded.


async def test_p3_queue_and_workers_keep_to_their_limits(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """Of a hundred callers at once, as many are served as there is room for, the rest is told."""
    gate = asyncio.Event()

    async def wait() -> dict[str, Any]:
        await gate.wait()
        return {}

    handlers = Handlers()
    handlers("a", workers=3, queue_size=5)(wait)
    app = App(book.spec("a"), handlers)
    await client(app)
    callers = []
    for _ in range(20):
        callers += [wire(app, "GET", "/a") for _ in range(5)]
        await asyncio.sleep(0)
    await until(lambda: app.statistics().total.shed == 92)
    now = app.statistics().total
    assert (now.active, now.busy, now.queued, now.peak_queue) == (3, 3, 5, 5)
    gate.set()
    statuses = [await one.status() for one in callers]
    assert (statuses.count(200), statuses.count(503)) == (8, 92)


async def test_p3_all_tasks_together_keep_to_max_tasks(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """Under load and over a reload alike."""
    gate, names, peak = asyncio.Event(), ("a", "b", "c"), 0

    async def wait() -> dict[str, Any]:
        nonlocal peak
        peak = max(peak, app.statistics().total.active)
        await gate.wait()
        return {}

    handlers = book.serve(a=wait, b=wait, c=wait)
    app = App(book.spec(*names), handlers, limits=Limits(max_tasks=10))
    await client(app)
    callers = [wire(app, "GET", f"/{name}") for name in names for _ in range(20)]
    await until(lambda: app.statistics().total.busy == 7)
    reloading = asyncio.create_task(app.reload(handlers=book.serve(a=say(1), b=say(1), c=say(1))))
    await until(lambda: app.statistics().generation == 2)
    assert app.statistics().total.active == 10
    gate.set()
    await reloading
    assert [await one.status() for one in callers] == [200] * 60
    assert peak <= 10
    book.rest(app, 3)


async def test_p3_of_one_handler_at_most_two_generations_live(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """Whoever replaces faster than the old ones finish has to wait for them."""
    gate = asyncio.Event()

    async def wait() -> dict[str, Any]:
        await gate.wait()
        return {}

    app = App(book.spec("a"), book.serve(a=wait))
    await client(app)
    callers = []
    changes = []
    for number in range(5):
        callers.append(wire(app, "GET", "/a"))
        await asyncio.sleep(0.002)
        changes.append(asyncio.create_task(app.replace("a", _another(gate, number))))
        await asyncio.sleep(0.002)
        assert app.statistics().retiring <= 1
    assert app.statistics().generation == 2
    gate.set()
    await asyncio.gather(*changes)
    assert [await one.status() for one in callers] == [200] * 5
    assert app.statistics().generation == 6
    await app.replace("a", say("last"))
    book.rest(app, 1)


def _another(gate: asyncio.Event, number: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def wait() -> dict[str, Any]:
        await gate.wait()
        return {"said": number}

    return wait


async def test_p3_a_reload_that_does_not_fit_is_refused(client: Connect, book: Book) -> None:
    """More handlers than `max_tasks`: the old world goes on, and the books know no new name."""
    app = App(book.spec("a"), book.serve(a=say("old")), limits=Limits(max_tasks=2), missing="501")
    http = await client(app)
    with pytest.raises(Exception, match="BRRT_MAX_TASKS"):
        await app.reload(book.spec("x", "y", "z"), book.serve(x=say(1), y=say(1), z=say(1)))
    assert (await http.get("/a")).json() == {"said": "old"}
    assert list(app.statistics().handlers) == ["a"]
    book.rest(app, 1)


async def test_p3_a_body_keeps_to_its_limits_in_size_and_time(
    client: Connect, book: Book, wire: Call
) -> None:
    """Too large by its length, too large in pieces, and one that never comes."""
    document = book.spec(a={"post": book.operation("a", requestBody=BODY)})
    limits = Limits(max_body=100, timeout=0.05)
    app = App(document, book.serve(a=say("never")), limits=limits)
    await client(app)
    declared = wire(app, "POST", "/a", JSON | {"content-length": "101"})
    pieces = wire(app, "POST", "/a", JSON)
    for _ in range(3):
        pieces.body(b" " * 40, more=True)
    nothing = wire(app, "POST", "/a", JSON | {"content-length": "5"})
    half = wire(app, "POST", "/a", JSON)
    half.body(b"{", more=True)
    calls = (declared, pieces, nothing, half)
    assert [await one.status() for one in calls] == [413, 413, 408, 408]
    assert app.statistics().total.accepted == 0


async def test_p3_an_upload_that_stalls_over_the_end_is_answered(book: Book, wire: Call) -> None:
    """At once, when the app has stopped: whatever still comes, nobody will serve it."""
    document = book.spec(a={"post": book.operation("a", requestBody=BODY)})
    app = App(document, book.serve(a=say("never")), limits=Limits(timeout=600))
    async with app:
        stalled = wire(app, "POST", "/a", JSON)
        stalled.body(b"{", more=True)
        await asyncio.sleep(0.01)
    assert await stalled.status() == 503


# P4, shed.


async def test_p4_a_full_queue_refuses_before_the_body_is_read(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """503 with Retry-After at once; and health does not queue behind anybody."""
    gate = asyncio.Event()

    async def wait() -> dict[str, Any]:
        await gate.wait()
        return {}

    handlers = Handlers()
    handlers("a", workers=1, queue_size=1)(wait)
    document = book.spec(a={"post": book.operation("a", requestBody=BODY)})
    app = App(document, handlers)
    http = await client(app)
    accepted = [wire(app, "POST", "/a", JSON, body=b"{}")]
    await until(lambda: app.statistics().total.busy)
    accepted.append(wire(app, "POST", "/a", JSON, body=b"{}"))
    await until(lambda: app.statistics().total.queued)
    shed = [wire(app, "POST", "/a", {"content-type": "no/such"}) for _ in range(50)]
    assert {await one.status() for one in shed} == {503}
    headers = dict(shed[0].sent[0]["headers"])
    assert headers[b"retry-after"] == b"1"
    assert headers[b"content-type"] == b"application/problem+json"
    health = (await http.get("/health")).json()
    assert (health["status"], health["busy"], health["queued"]) == ("ok", 1, 1)
    gate.set()
    assert [await one.status() for one in accepted] == [200, 200]
    assert app.statistics().total.shed == 50


# P5, atomic reload.


async def test_p5_a_bad_reload_names_every_fault_and_changes_nothing(
    client: Connect, book: Book, workers: Workers
) -> None:
    """The old document and handlers go on, with the very same tasks."""

    async def wrong(nonsense: int) -> dict[str, Any]:
        return {"said": nonsense}

    app = App(book.spec("a"), book.serve(a=say("old")))
    http = await client(app)
    async with under_load(http, "/a") as load:
        tasks = workers("a")
        bad = book.spec("a", "b")
        bad["paths"]["/c"] = {"get": {"operationId": "a", "responses": {}}}
        for _ in range(3):
            with pytest.raises(SpecError) as caught:
                await app.reload(bad, book.serve(a=wrong, unknown=say("?")))
            assert len(caught.value.faults) >= 1
            with pytest.raises(SpecError) as caught:
                await app.reload(book.spec("a", "b"), book.serve(a=wrong, unknown=say("?")))
            assert len(caught.value.faults) == 3
        with pytest.raises(SpecError):
            await app.replace("a", wrong)
        assert tasks <= workers("a")
    assert load.statuses == {200: load.calls}
    assert set(load.words) == {"old"}
    assert app.statistics().generation == 1
    book.rest(app, len(workers("a")))


async def test_p5_a_request_sees_one_world_and_never_a_mix(client: Connect, book: Book) -> None:
    """Documents and handlers change together: no answer is ever of one half each."""

    def world(number: int) -> tuple[dict[str, Any], Handlers]:
        parameter = {
            "name": "n",
            "in": "query",
            "schema": {"type": "integer", "default": number},
        }
        content = {
            "application/json": {"schema": {"properties": {"said": {"const": [number, number]}}}}
        }
        responses = {"200": {"description": "ok", "content": content}}
        item = {"get": book.operation("a", parameters=[parameter], responses=responses)}

        async def handler(n: int) -> dict[str, Any]:
            await asyncio.sleep(0)
            return {"said": [n, number]}

        return book.spec(a=item), book.serve(a=handler)

    app = App(*world(0))
    http = await client(app)
    async with under_load(http, "/a", callers=8) as load:
        for number in range(1, 25):
            await app.reload(*world(number))
    assert load.statuses == {200: load.calls}
    assert all(default == code for default, code in load.words)
    assert len({one[0] for one in load.words}) > 5


# P6, graceful.


async def test_p6_what_was_accepted_is_finished_by_the_old_handler(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """Running and queued alike, while the new handler already serves the others."""
    gate = asyncio.Event()
    served: list[str] = []

    async def old() -> dict[str, Any]:
        await gate.wait()
        served.append("old")
        return {}

    async def new() -> dict[str, Any]:
        served.append("new")
        return {}

    handlers = Handlers()
    handlers("a", workers=2)(old)
    app = App(book.spec("a"), handlers)
    await client(app)
    accepted = [wire(app, "GET", "/a") for _ in range(7)]
    await until(lambda: app.statistics().total.busy == 2)
    replacing = asyncio.create_task(app.replace("a", new))
    await until(lambda: app.statistics().generation == 2)
    assert await wire(app, "GET", "/a").status() == 200
    assert served == ["new"]
    assert not replacing.done()
    gate.set()
    assert [await one.status() for one in accepted] == [200] * 7
    await replacing
    assert served == ["new", *["old"] * 7]


async def test_p6_what_is_not_finished_within_grace_is_told_so(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """503 with Retry-After for the running and the queued, and nothing is left of the old."""

    async def wait() -> None:
        await asyncio.Event().wait()

    handlers = Handlers()
    handlers("a", workers=2)(wait)
    app = App(book.spec("a"), handlers, limits=Limits(grace=0.03))
    await client(app)
    accepted = [wire(app, "GET", "/a") for _ in range(5)]
    await until(lambda: app.statistics().total.busy == 2)
    await app.replace("a", say("new"))
    assert [await one.status() for one in accepted] == [503] * 5
    assert all(dict(one.sent[0]["headers"])[b"retry-after"] for one in accepted)
    assert app.statistics().total.cancelled == 5
    book.rest(app, 1)


async def test_p6_a_slow_upload_over_a_reload_is_served_by_the_new_world(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """It was never accepted by the old one, and its body is not read twice."""

    async def old(body: dict[str, Any]) -> dict[str, Any]:
        return {"old": body}

    async def new(body: dict[str, Any]) -> dict[str, Any]:
        return {"new": body}

    document = book.spec(a={"post": book.operation("a", requestBody=BODY)})
    app = App(document, book.serve(a=old))
    await client(app)
    uploads = [wire(app, "POST", "/a", JSON) for _ in range(5)]
    for one in uploads:
        one.body(b'{"half":', more=True)
    for _ in range(5):
        await asyncio.sleep(0)
    await app.replace("a", new)
    await app.reload(handlers=book.serve(a=new))
    for one in uploads:
        one.body(b"1}")
    assert [await one.status() for one in uploads] == [200] * 5
    assert {one.sent[1]["body"] for one in uploads} == {b'{"new":{"half":1}}'}


async def test_p6_a_slow_upload_whose_operation_is_gone_is_told_so(
    client: Connect, book: Book, wire: Call
) -> None:
    """404 after a reload that dropped the path, 501 after a removal, 503 after the end."""
    item = {"post": book.operation("a", requestBody=BODY)}

    async def handler(body: dict[str, Any]) -> dict[str, Any]:
        return body

    for change, status in (("reload", 404), ("remove", 501), ("aclose", 503)):
        app = App(book.spec("b", a=item), book.serve(a=handler, b=say("b")))
        await client(app)
        upload = wire(app, "POST", "/a", JSON)
        upload.body(b"{", more=True)
        for _ in range(5):
            await asyncio.sleep(0)
        if change == "reload":
            await app.reload(book.spec("b"))
        elif change == "remove":
            await app.remove("a")
        else:
            await app.aclose()
        upload.body(b"}")
        assert await upload.status() == status


async def test_p6_no_request_is_lost_over_a_rolling_stop(book: Book) -> None:
    """Of two apps behind one door, one is stopped under load: whoever was let in is answered."""

    async def work() -> dict[str, Any]:
        await asyncio.sleep(0.001)
        return {"said": "ok"}

    apps = [App(book.spec("a"), book.serve(a=work)) for _ in range(2)]
    door = list(apps)

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        await door[0](scope, receive, send)

    async with apps[0], apps[1]:
        transport = httpx.ASGITransport(app=proxy)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://test") as http,
            under_load(http, "/a", callers=8) as load,
        ):
            await asyncio.sleep(0.02)
            door.pop(0)
            await apps[0].aclose()
            await asyncio.sleep(0.01)
    assert load.statuses == {200: load.calls}


# P7, deadlines, and clients that have gone.


async def test_p7_a_handler_past_its_timeout_is_cancelled_and_answered_504(
    client: Connect, book: Book, until: Until
) -> None:
    """Thirty at once: each is told at its deadline, and the workers are free again."""
    cancelled = 0

    async def slow() -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled += 1
            raise

    handlers = Handlers()
    handlers("a", timeout=0.05)(slow)
    app = App(book.spec("a"), handlers, limits=Limits(disconnect_after=0.01))
    http = await client(app)
    responses = await asyncio.gather(*(http.get("/a") for _ in range(30)))
    assert {one.status_code for one in responses} == {504}
    await until(lambda: not app.statistics().total.busy)
    assert (cancelled, app.statistics().total.timed_out) == (30, 30)


async def test_p7_a_queued_request_past_its_deadline_is_never_run(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """Whoever waited too long in the queue is told 504, and its handler does not begin."""
    began, gate = 0, asyncio.Event()

    async def slow() -> None:
        nonlocal began
        began += 1
        with suppress(asyncio.CancelledError):
            await gate.wait()
        await gate.wait()  # it keeps its worker, so that nobody else has a turn

    handlers = Handlers()
    handlers("a", workers=1, timeout=0.03)(slow)
    app = App(book.spec("a"), handlers, limits=Limits(disconnect_after=0.01))
    await client(app)
    callers = [wire(app, "GET", "/a") for _ in range(10)]
    assert [await one.status() for one in callers] == [504] * 10
    gate.set()
    await until(lambda: not app.statistics().total.busy)
    assert began == 1


async def test_p7_a_blocked_loop_does_not_run_what_has_expired_meanwhile(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """When the loop comes back, the queued requests are past their deadline: none begins."""
    began, gate = [], asyncio.Event()

    async def handler() -> dict[str, Any]:
        began.append(1)
        await gate.wait()
        time.sleep(0.2)  # noqa: ASYNC251  (the crime itself)
        return {}

    handlers = Handlers()
    handlers("a", workers=1, timeout=0.15)(handler)
    app = App(book.spec("a"), handlers, limits=Limits(disconnect_after=0.01))
    await client(app)
    first = wire(app, "GET", "/a")
    await until(lambda: began)
    queued = [wire(app, "GET", "/a") for _ in range(5)]
    await until(lambda: app.statistics().total.queued == 5)
    gate.set()
    assert await first.status() in (200, 504)
    assert [await one.status() for one in queued] == [504] * 5
    assert began == [1]


@pytest.mark.parametrize(
    ("method", "policy", "finishes"),
    [
        ("get", None, False),
        ("get", "finish", True),
        ("post", None, True),
        ("post", "cancel", False),
        ("delete", None, True),
    ],
)
async def test_p7_a_client_that_disconnects_cancels_safe_methods(
    client: Connect, book: Book, wire: Call, until: Until, method: str, policy: Any, finishes: bool
) -> None:
    """Others finish by default; the document may say otherwise; and nobody is answered."""
    gate, ends = asyncio.Event(), []

    async def handler() -> dict[str, Any]:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        ends.append("finished")
        return {}

    extra = {"x-brrt-on-disconnect": policy} if policy else {}
    app = App(
        book.spec(a={method: book.operation("a", **extra)}),
        book.serve(a=handler),
        limits=Limits(disconnect_after=0.005),
    )
    await client(app)
    callers = [wire(app, method.upper(), "/a", body=b"") for _ in range(5)]
    await until(lambda: app.statistics().total.busy == 5)
    for one in callers:
        one.hang_up()
    for one in callers:
        await one.silence()
    gate.set()
    await until(lambda: len(ends) == 5)
    assert set(ends) == {"finished" if finishes else "cancelled"}
    await until(lambda: not app.statistics().total.busy)
    total = app.statistics().total
    assert (total.served, total.cancelled) == ((5, 0) if finishes else (0, 5))


async def test_p7_a_queued_request_whose_client_has_gone_is_never_run(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """It makes room in the queue at once."""
    gate, began = asyncio.Event(), []

    async def handler() -> dict[str, Any]:
        began.append(1)
        await gate.wait()
        return {}

    handlers = Handlers()
    handlers("a", workers=1, queue_size=3)(handler)
    app = App(
        book.spec(a={"post": book.operation("a")}), handlers, limits=Limits(disconnect_after=0.005)
    )
    await client(app)
    running = wire(app, "POST", "/a", body=b"")
    await until(lambda: app.statistics().total.busy)
    waiting = [wire(app, "POST", "/a", body=b"") for _ in range(3)]
    await until(lambda: app.statistics().total.queued == 3)
    for one in waiting:
        one.hang_up()
        await one.silence()
    assert app.statistics().total.queued == 0
    gate.set()
    assert await running.status() == 200
    assert began == [1]


async def test_p7_a_receive_that_breaks_does_not_cost_the_answer(
    client: Connect, book: Book, until: Until
) -> None:
    """Middleware whose `receive` raises, is cancelled, or will not be: the answer goes out."""
    gate, released = asyncio.Event(), asyncio.Event()

    async def handler() -> dict[str, Any]:
        await gate.wait()
        return {}

    async def raises() -> Any:
        raise RuntimeError("broken middleware")

    async def stubborn() -> Any:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()
        return {"type": "http.disconnect"}

    async def patient() -> Any:
        await asyncio.Event().wait()

    app = App(book.spec("a"), book.serve(a=handler), limits=Limits(disconnect_after=0.005))
    await client(app)
    answers: list[list[Any]] = []
    calls = []
    for receive in (raises, stubborn, patient):
        sent: list[Any] = []
        answers.append(sent)
        calls.append(asyncio.create_task(_call(app, receive, sent)))
    watchers = "brrt hangup watch"
    await until(lambda: [t for t in asyncio.all_tasks() if t.get_name() == watchers])
    await asyncio.sleep(0.02)
    for task in asyncio.all_tasks():
        if task.get_name() == watchers:
            task.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*calls)
    released.set()
    assert [sent[0]["status"] for sent in answers] == [200] * 3


async def _call(app: App, receive: Any, sent: list[Any]) -> None:
    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/a",
        "raw_path": b"/a",
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)


# P10, no surprise.


async def test_p10_a_500_tells_nothing_and_the_log_tells_all(
    client: Connect, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """The request id is the only thing that both sides see."""

    async def leak() -> None:
        raise RuntimeError("password=hunter2")

    http = await client(App(book.spec("a"), book.serve(a=leak)))
    responses = await asyncio.gather(*(http.get("/a") for _ in range(10)))
    for response in responses:
        assert response.status_code == 500
        assert "hunter2" not in response.text
        identity = response.json()["request_id"]
        assert response.headers["x-request-id"] == identity
        assert identity in caplog.text
    assert caplog.text.count("RuntimeError: password=hunter2") == 10
    assert len({one.json()["request_id"] for one in responses}) == 10


async def test_p10_what_the_runtime_says_is_not_said_by_handlers(
    client: Connect, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that misuses the app is a 500 with a log line, not a silent "stopping"."""

    async def misuse() -> None:
        await app.replace("nowhere", say("?"))

    app = App(book.spec("a"), book.serve(a=misuse))
    http = await client(app)
    assert (await http.get("/a")).status_code == 500
    assert "no operation 'nowhere'" in caplog.text


async def test_p10_what_fails_on_the_way_out_is_a_500_too(
    client: Connect, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """An error map that raises, a problem that is no JSON, a response that fails at once."""
    from starlette.responses import FileResponse

    def broken(error: Exception) -> Problem:
        raise ZeroDivisionError("broken map")

    async def mapped() -> None:
        raise KeyError("x")

    async def unwritable() -> None:
        raise Problem(409, secret=object())

    async def nowhere() -> FileResponse:
        return FileResponse("/no/such/file")

    app = App(
        book.spec("a", "b", "c"),
        book.serve(a=mapped, b=unwritable, c=nowhere),
        errors={KeyError: broken},
    )
    http = await client(app)
    for path in ("/a", "/b", "/c"):
        response = await http.get(path)
        assert response.status_code == 500
        assert response.json()["request_id"] in caplog.text
    assert "broken map" in caplog.text


async def test_p10_two_apps_in_one_process_share_nothing(client: Connect, book: Book) -> None:
    """Load, changes and the end of one are nothing to the other."""
    handler = say("shared")
    one, two = (App(book.spec("a"), book.serve(a=handler)) for _ in range(2))
    first, second = await client(one), await client(two)
    async with under_load(second, "/a") as load:
        await one.replace("a", say("changed"))
        assert (await first.get("/a")).json() == {"said": "changed"}
        await one.aclose()
        assert (await first.get("/a")).status_code == 503
        await asyncio.sleep(0)
    assert load.statuses == {200: load.calls}
    assert set(load.words) == {"shared"}
    assert (two.statistics().generation, one.statistics().running) == (1, False)
    assert two.statistics().total.served == load.calls


async def test_p10_a_request_leaves_no_cycle_behind(
    client: Connect, book: Book, wire: Call
) -> None:
    """Neither served nor failed requests are left for the garbage collector to find."""

    async def refuse() -> None:
        raise Problem(404)

    async def fail() -> None:
        raise KeyError("x")

    app = App(
        book.spec("ok", "refuse", "fail"),
        book.serve(ok=say("ok"), refuse=refuse, fail=fail),
        errors={KeyError: 409},
    )
    await client(app)
    for path, status in (("/ok", 200), ("/refuse", 404), ("/fail", 409), ("/nowhere", 404)):
        assert await wire(app, "GET", path).status() == status
    jobs = _count_jobs()
    gc.disable()
    try:
        for path in ("/ok", "/refuse", "/fail", "/nowhere"):
            for _ in range(20):
                await wire(app, "GET", path).status()
        assert _count_jobs() <= jobs + 3  # the last of each handler, until the next
    finally:
        gc.enable()


def _count_jobs() -> int:
    return sum(type(one) is Job for one in gc.get_objects())


async def test_p10_a_request_leaves_no_trace_in_the_runtime(
    client: Connect, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing but warnings is ever written to the log without a cause: serving is silent."""
    caplog.set_level(logging.INFO)
    http = await client(App(book.spec("a"), book.serve(a=say("hi"))))
    caplog.clear()
    for _ in range(3):
        await http.get("/a")
    assert [record for record in caplog.records if record.name == "brrt"] == []


async def test_p2_handlers_that_replace_each_other_do_not_wait_for_each_other(
    until: Any,
) -> None:
    """Two handlers that each change the other are both answered, long before the grace is over."""
    book = {
        "openapi": "3.1.0",
        "info": {"title": "Two", "version": "1"},
        "paths": {
            f"/{name}": {"get": {"operationId": name, "responses": {"200": {"description": ""}}}}
            for name in ("a", "b")
        },
    }
    handlers = Handlers()
    both = asyncio.Barrier(2)

    @handlers
    async def a() -> None:
        await both.wait()
        await app.replace("b", fresh)

    @handlers
    async def b() -> None:
        await both.wait()
        await app.replace("a", fresh)

    async def fresh() -> None: ...

    app = App(book, handlers, limits=Limits(grace=30))
    transport = httpx.ASGITransport(app)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        async with asyncio.timeout(5):
            answers = await asyncio.gather(client.get("/a"), client.get("/b"))
        assert [answer.status_code for answer in answers] == [200, 200]
        await until(lambda: not app.statistics().retiring)
        assert app.statistics().total.active == 2


async def test_p2_a_handler_that_reloads_does_not_block_those_that_do_the_same() -> None:
    """Several requests that each replace every handler are all answered, one change at a time."""
    book = {
        "openapi": "3.1.0",
        "info": {"title": "One", "version": "1"},
        "paths": {"/a": {"get": {"operationId": "a", "responses": {"200": {"description": ""}}}}},
    }

    def make() -> Handlers:
        handlers = Handlers()

        @handlers
        async def a() -> None:
            await app.reload(handlers=make())

        return handlers

    app = App(book, make(), limits=Limits(grace=30))
    transport = httpx.ASGITransport(app)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*(client.get("/a") for _ in range(6)))
        assert [answer.status_code for answer in answers] == [200] * 6
    total = app.statistics().total
    assert total.spawned == total.terminated
