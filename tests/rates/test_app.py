"""Rate limits through the whole app: what is limited, when, and what a client is told."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import FileResponse

from brrt import (
    App,
    Forbidden,
    Handlers,
    Limits,
    NotFound,
    RateLimits,
    Request,
    SettingError,
    SpecError,
)
from brrt.errors import ClientGone, LifecycleError
from tests.conftest import operation, serve
from tests.rates.asking import ADA, BOB, KEY, Asked, Clock, ask, document, limited, statuses

QUOTA = "https://iana.org/assignments/http-problem-types#quota-exceeded"
EVENTS = {"200": {"description": "ok", "content": {"text/event-stream": {}}}}
ANY_FILE = {"200": {"description": "ok", "content": {"*/*": {}}}}


async def hello() -> str:
    """Anybody who gets here is told."""
    return "in"


def simple(limit: Any = "2/minute", **options: Any) -> App:
    """An app with one operation that has this limit."""
    return App(document(a=limited(limit)), serve(a=hello), **options)


def shop(root: Any = None, rates: RateLimits | None = None, **items: Any) -> App:
    """An app whose every operation says hello."""
    made = document(root, **items)
    names = [
        one["operationId"]
        for item in items.values()
        for one in item.values()
        if one and isinstance(one, dict)
    ]
    return App(made, serve(**dict.fromkeys(names, hello)), rates=rates)


# What is told


async def test_a_client_that_asks_too_often_is_told_when_to_come_back(clock: Clock) -> None:
    """429 with Retry-After, which limit it was, and how it stands."""
    async with simple() as app:
        answers = [await ask(app) for _ in range(3)]
        assert [one.status for one in answers] == [200, 200, 429]
        left = [one.headers["ratelimit"] for one in answers]
        assert left == ['"a";r=1;t=60', '"a";r=0;t=60', '"a";r=0;t=60']
        assert {one.headers["ratelimit-policy"] for one in answers} == {'"a";q=2;w=60'}
        last = answers[2]
        assert last.headers["retry-after"] == "61"
        assert last.headers["content-type"] == "application/problem+json"
        assert json.loads(last.body) == {
            "type": QUOTA,
            "title": "Request cannot be satisfied as assigned quota has been exceeded",
            "status": 429,
            "detail": "too many requests; try again in 61 seconds",
            "violated-policies": ["a"],
        }
        assert (await ask(app, client=BOB)).status == 200
        clock.now += 61
        assert (await ask(app)).status == 200


async def test_every_answer_of_a_limited_operation_tells_how_it_stands(tmp_path: Path) -> None:
    """A value, an error of any kind, a stream, a file, 401, 304 and HEAD."""
    file = tmp_path / "file.txt"
    file.write_text("text")

    async def stream() -> AsyncIterator[dict[str, int]]:
        yield {"n": 1}

    async def missing() -> None:
        raise NotFound

    async def broken() -> None:
        raise ZeroDivisionError

    async def files() -> FileResponse:
        return FileResponse(file)

    async def nobody(*_: Any) -> None: ...

    needs = [{"name": "n", "in": "query", "required": True, "schema": {"type": "integer"}}]
    made = document(
        "100/hour",
        value={"get": operation("value")},
        stream={"get": operation("stream", responses=EVENTS)},
        missing={"get": operation("missing")},
        broken={"get": operation("broken")},
        invalid={"get": operation("invalid", parameters=needs)},
        files={"get": operation("files", responses=ANY_FILE)},
        guarded={"get": operation("guarded", security=[{"key": []}])},
    )
    made["components"] = {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}

    async def invalid(n: int) -> None: ...

    handlers = serve(
        value=hello,
        stream=stream,
        missing=missing,
        broken=broken,
        invalid=invalid,
        files=files,
        guarded=hello,
    )
    async with App(made, handlers, security={"key": nobody}) as app:
        targets = {
            "value": 200,
            "stream": 200,
            "missing": 404,
            "broken": 500,
            "invalid": 400,
            "files": 200,
            "guarded": 401,
        }
        answers = [await ask(app, f"/{name}") for name in targets]
        answers.append(await ask(app, "/value", method="HEAD"))
        tag = answers[5].headers["etag"]
        answers.append(await ask(app, "/files", headers={"if-none-match": tag}))
        assert [one.status for one in answers] == [*targets.values(), 200, 304]
        left = [one.headers["ratelimit"].split(";")[1] for one in answers]
        assert left == [f"r={99 - number}" for number in range(9)]
        assert b"text" in answers[5].body


async def test_whoever_is_not_limited_is_told_nothing() -> None:
    """An operation without a limit, what is no operation, and the health check."""
    async with shop(a=limited("1/hour"), b={"get": operation("b")}) as app:
        for target in ("/b", "/nothing", "/health"):
            answer = await ask(app, target)
            assert not {"ratelimit", "ratelimit-policy"} & answer.headers.keys()
        assert (await ask(app, "/b", method="OPTIONS")).status == 204
        assert (await ask(app)).headers["ratelimit"].startswith('"a";r=0')


async def test_what_a_429_is_the_document_says() -> None:
    """A declared one is written in its own media type."""
    refused = {"description": "slow", "content": {"application/json": {}}}
    responses = operation("a")["responses"] | {"429": refused}
    app = App(document(a=limited("1/hour", responses=responses)), serve(a=hello))
    async with app:
        last = [await ask(app) for _ in range(2)][1]
        assert (last.status, last.headers["content-type"]) == (429, "application/json")


# What is counted together


async def test_the_nearest_limit_wins() -> None:
    """App, document, path item, operation."""
    item = {KEY: "3/hour", "get": operation("c"), "put": operation("d", **{KEY: "4/hour"})}
    paths = {"c": item, "b": {"get": operation("b")}}
    async with shop(**paths, rates=RateLimits(default="1/hour")) as app:
        assert [await count(app, "/b"), await count(app, "/c")] == [1, 3]
    async with shop("2/hour", **paths, rates=RateLimits(default="1/hour")) as app:
        assert [await count(app, "/b"), await count(app, "/c")] == [2, 3]
        assert [(await ask(app, "/c", method="PUT")).status for _ in range(5)] == [200] * 4 + [429]


@pytest.mark.parametrize("where", ["operation", "path", "document"])
async def test_a_limit_can_be_switched_off(where: str) -> None:
    """Wherever it may stand, and for what is below it."""
    item: dict[str, Any] = {"get": operation("a")}
    if where == "operation":
        item["get"][KEY] = False
    elif where == "path":
        item[KEY] = False
    root = False if where == "document" else "1/hour"
    async with shop(root, a=item, rates=RateLimits(default="1/hour")) as app:
        assert await statuses(app, 3) == [200] * 3


async def count(app: App, target: str, client: str = ADA) -> int:
    """How many of ten requests pass."""
    return (await statuses(app, 10, target, client)).count(200)


@pytest.mark.parametrize("root", [None, "4/hour"])
async def test_what_has_no_limit_of_its_own_is_counted_together(root: Any) -> None:
    """The limit of all operations is one count; those of some are each its own."""
    paths = {
        "a": {"get": operation("a")},
        "b": {"get": operation("b"), "put": operation("c")},
        "d": limited("4/hour", "d"),
        "e": {KEY: "4/hour", "get": operation("e"), "put": operation("f")},
    }
    rates = RateLimits(default="4/hour") if root is None else None
    async with shop(root, rates, **paths) as app:
        assert await statuses(app, 2, "/a") == [200, 200]
        assert await statuses(app, 2, "/b") == [200, 200]
        assert (await ask(app, "/b", method="PUT")).status == 429
        assert await statuses(app, 5, "/d") == [200] * 4 + [429]
        assert await statuses(app, 3, "/e") == [200] * 3
        assert [(await ask(app, "/e", method="PUT")).status for _ in range(2)] == [200, 429]
        assert await statuses(app, 4, "/a", BOB) == [200] * 4


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("often", "'often' is no rate limit"),
        (100, "100 is no rate limit"),
        (True, "True is no rate limit"),
        ([], r"\[\] is no rate limit"),
        ("0/minute", "none that can be kept to"),
    ],
)
@pytest.mark.parametrize("where", ["#/paths/~1a/get", "#/paths/~1a", "#"])
def test_what_cannot_be_read_is_a_fault(value: Any, says: str, where: str) -> None:
    """Told once, at its place and with its cure, before anything is served."""
    made = document(a={"get": operation("a"), "put": operation("b")})
    place = {"#": made, "#/paths/~1a": made["paths"]["/a"]}.get(where, made["paths"]["/a"]["get"])
    place[KEY] = value
    with pytest.raises(SpecError, match=says) as caught:
        App(made, serve(a=hello, b=hello))
    (fault,) = caught.value.faults
    assert fault.pointer == where
    assert '"100/minute"' in fault.cure


def test_a_moving_window_has_no_room_for_millions() -> None:
    """It remembers each request; the fault names what does not."""
    with pytest.raises(SpecError, match="take a sliding window"):
        simple("2000000/day", rates=RateLimits(strategy="moving-window"))
    with pytest.raises(SettingError, match="take a sliding window"):
        RateLimits(default="2000000/day", strategy="moving-window")
    simple("2000000/day")


@pytest.mark.parametrize("where", ["#", "#/paths/~1a", "#/paths/~1a/get"])
def test_a_misspelt_limit_is_told(where: str) -> None:
    """Or there would be none, and nobody would know."""
    made = document(a={"get": operation("a")})
    item = made["paths"]["/a"]
    place = {"#": made, "#/paths/~1a": item}.get(where, item["get"])
    place["x-brrt-ratelimit"] = "1/hour"
    (warning,) = App(made, serve(a=hello)).document.warnings
    assert "perhaps x-brrt-rate-limit" in str(warning)
    assert where in str(warning)


def test_a_setting_of_operations_says_nothing_elsewhere() -> None:
    """It is told where it belongs."""
    made = document(a={"get": operation("a"), "x-brrt-workers": 4})
    (warning,) = App(made, serve(a=hello)).document.warnings
    assert "says nothing here" in str(warning)


def test_a_missing_library_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the document that asks for it, and of no other."""
    monkeypatch.setattr("brrt.rates.policies.find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"pip install 'brrt\[rates\]'"):
        simple()
    simple(False)


def test_a_wrong_option_is_told() -> None:
    """What is no `RateLimits` is none."""
    rates: Any = "100/minute"
    with pytest.raises(SettingError, match=r"give brrt.RateLimits"):
        simple(rates=rates)


# When


async def test_guessing_is_counted() -> None:
    """Before anybody is asked who he is, and before the body: no "100 Continue" is said."""
    judged: list[str] = []

    async def judge(token: str, scopes: tuple[str, ...], request: Request) -> None:
        judged.append(token)

    async def write(body: Any) -> None: ...

    body = {"required": True, "content": {"application/json": {}}}
    item = {"post": operation("a", security=[{"key": []}], requestBody=body, **{KEY: "2/hour"})}
    made = document(a=item)
    made["components"] = {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}
    async with App(made, serve(a=write), security={"key": judge}) as app:
        headers = {"authorization": "Bearer guess", "content-type": "no/such"}
        answers = [await ask(app, method="POST", headers=headers) for _ in range(4)]
        assert [one.status for one in answers] == [401, 401, 429, 429]
        assert len(judged) == 2
        assert [one.received for one in answers] == [0] * 4


async def test_a_full_queue_sheds_first() -> None:
    """503 costs the least, and uses up nobody's limit."""
    release, busy = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        busy.set()
        await release.wait()
        return "in"

    limits = Limits(workers=1, queue_size=1)
    async with App(document(a=limited("3/hour")), serve(a=wait), limits=limits) as app:
        first = asyncio.create_task(ask(app), name="a client")
        await busy.wait()
        second = asyncio.create_task(ask(app), name="a client")
        await asyncio.sleep(0)
        assert [(await ask(app)).status for _ in range(5)] == [503] * 5
        release.set()
        assert [(await one).status for one in (first, second)] == [200, 200]
        assert await statuses(app, 2) == [200, 429]


@pytest.mark.parametrize("strategy", ["sliding-window", "fixed-window", "moving-window"])
async def test_of_many_at_once_so_many_pass(strategy: Any) -> None:
    """Requests do not overtake the count."""
    async with simple("7/hour", rates=RateLimits(strategy=strategy)) as app:
        answers = await asyncio.gather(*(ask(app) for _ in range(50)))
        assert sorted(one.status for one in answers) == [200] * 7 + [429] * 43
        now = app.statistics()
        assert (now.handlers["a"].limited, now.total.limited) == (43, 43)
        assert (now.total.accepted, now.total.shed) == (7, 0)


# Changes


async def test_counts_outlive_a_reload_and_another_handler() -> None:
    """As long as the operation and its limit stay the same; another limit begins anew."""

    async def other() -> str:
        return "other"

    async with simple("2/hour") as app:
        assert await statuses(app, 3) == [200, 200, 429]
        await app.reload(
            document(a=limited("2/hour"), b={"get": operation("b")}), serve(a=hello, b=hello)
        )
        await app.replace("a", other)
        assert (await ask(app)).status == 429
        await app.reload(document(a=limited("3/hour")))
        assert await statuses(app, 4) == [200, 200, 200, 429]
        with pytest.raises(SpecError):
            await app.reload(document(a=limited("many")))
        assert (await ask(app)).status == 429
        await app.reload(document(a={"get": operation("a")}))
        assert await statuses(app, 3) == [200] * 3


async def test_a_request_that_begins_again_is_counted_once() -> None:
    """One whose pool was replaced while its body came was never accepted, but it has asked."""
    body = {"required": True, "content": {"application/json": {}}}
    made = document(a={"post": operation("a", requestBody=body, **{KEY: "5/hour"})})

    async def take(body: Any) -> str:
        return "in"

    async def other(body: Any) -> str:
        return "other"

    app = App(made, serve(a=take))
    async with app:
        reading, go_on = asyncio.Event(), asyncio.Event()
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            reading.set()
            await go_on.wait()
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/a",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "client": (ADA, 1),
        }
        task = asyncio.create_task(app(scope, receive, send), name="a client")
        await reading.wait()
        await app.replace("a", other)
        go_on.set()
        await task
        assert sent[1]["body"] == b'"other"'
        assert dict(sent[0]["headers"])[b"ratelimit"].startswith(b'"a";r=4')


async def test_a_stop_leaves_no_thread_and_begins_anew() -> None:
    """Counts in memory are those of one run."""
    threads = set(threading.enumerate())
    app = simple("1/hour")
    for _ in range(2):
        async with app:
            assert await statuses(app, 2) == [200, 429]
            assert set(threading.enumerate()) == threads
    assert set(threading.enumerate()) == threads


async def test_two_apps_share_nothing() -> None:
    """Each counts for itself."""
    async with simple("1/hour") as one, simple("1/hour") as other:
        assert await statuses(one, 2) == await statuses(other, 2) == [200, 429]


# Who


async def test_who_a_client_is_a_function_may_say() -> None:
    """By what the request says; None is not limited."""
    seen: list[str] = []

    def key(request: Request) -> str | None:
        seen.append(request.operation.id)
        return request.headers.get("x-key")

    async with simple("1/hour", rates=RateLimits(key=key)) as app:
        for name in ("ada", "bob"):
            answers = [await ask(app, headers={"x-key": name}) for _ in range(2)]
            assert [one.status for one in answers] == [200, 429]
        free = [await ask(app) for _ in range(3)]
        assert [one.status for one in free] == [200] * 3
        assert "ratelimit" not in free[0].headers
        assert seen == ["a"] * 7


async def refused_by(error: BaseException | None, gives: Any = None) -> Asked:
    """The answer where the function fails, or gives something."""

    def key(request: Request) -> Any:
        if error is not None:
            raise error
        return gives

    async with simple(rates=RateLimits(key=key)) as app:
        return await ask(app)


async def test_a_function_that_fails_lets_nobody_in() -> None:
    """A problem is an answer; anything else is a failure of the app."""
    assert (await refused_by(Forbidden("no"))).status == 403
    assert (await refused_by(KeyError("x"))).status == 500
    assert (await refused_by(None, 7)).status == 500


@pytest.mark.parametrize("error", [ClientGone(), LifecycleError("stopping")])
async def test_a_function_does_not_speak_for_the_framework(error: BaseException) -> None:
    """Nobody is told that the app stops, or nothing at all, because it said so."""
    assert (await refused_by(error)).status == 500


async def test_whoever_has_no_address_is_limited() -> None:
    """Together with all others that have none."""
    async with simple("1/hour") as app:
        assert await statuses(app, 2, client=None) == [200, 429]
        assert await statuses(app, 2, client="2001:db8::1") == [200, 429]
        assert (await ask(app, client="2001:db8::2")).status == 429


def test_handlers_know_nothing_of_it() -> None:
    """A collection of handlers serves a document with limits as one without."""
    handlers = Handlers()
    handlers("a")(hello)
    assert App(document(a=limited("1/hour")), handlers).endpoints[0].served is not None


async def test_an_operation_may_be_called_default(clock: Clock) -> None:
    """It has a count of its own, also where its limit is that of the whole document."""
    own = {"get": operation("default", **{KEY: "2/minute"})}
    made = document("2/minute", a=own, b={"get": operation("b")})
    async with App(made, serve(default=hello, b=hello)) as app:
        assert await statuses(app, 3) == [200, 200, 429]
        assert await statuses(app, 1, "/b") == [200]
