"""Security through the whole app: who is asked, when, and what a stranger is told."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest

from brrt import App, Forbidden, Handlers, Limits, Request, SettingError, SpecError, Unauthorized
from brrt.errors import ClientGone, LifecycleError, Refused, Retired
from tests.conftest import Call, Connect, Until, operation, serve

BEARER = {"type": "http", "scheme": "bearer"}
KEY = {"type": "apiKey", "in": "header", "name": "X-Key"}
BAD = {"authorization": "Bearer bad"}
GOOD = {"authorization": "Bearer good"}
TEXT = {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}
MUST: list[dict[str, list[str]]] = [{"bearer": []}]


@dataclass
class User:
    """Somebody with a token."""

    name: str


@dataclass
class Robot:
    """Something with a key."""

    serial: int


async def bearer(token: str, scopes: tuple[str, ...], request: Request) -> User | None:
    """Knows one token."""
    return User("ada") if token == "good" else None


async def key(text: str, scopes: tuple[str, ...], request: Request) -> Robot | None:
    """Knows one key."""
    return Robot(7) if text == "good" else None


PROVIDERS: Mapping[str, Any] = {"bearer": bearer, "key": key}


def document(
    schemes: Mapping[str, Any] | None = None, security: Any = None, **items: Any
) -> dict[str, Any]:
    """A document with these path items; `security` is that of the document as a whole."""
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {f"/{name}": item for name, item in items.items()},
        "components": {"securitySchemes": schemes or {"bearer": BEARER, "key": KEY}},
    }
    return made | ({} if security is None else {"security": security})


def behind(security: Any = MUST, name: str = "read", **members: Any) -> dict[str, Any]:
    """A GET that requires something."""
    return {"get": operation(name, security=security, **members)}


async def read() -> str:
    """Anybody who gets here is told."""
    return "in"


async def admitted(app: App, connect: Connect, headers: Mapping[str, str] = {}) -> int:
    """The status of GET /read."""
    return (await (await connect(app)).get("/read", headers=dict(headers))).status_code


# When


WRITE: dict[str, Any] = {
    "post": operation(
        "write",
        security=MUST,
        parameters=[{"name": "n", "in": "query", "required": True, "schema": {"type": "integer"}}],
        requestBody={"required": True, "content": {"application/json": {"schema": False}}},
    )
}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"{}"),
        ({"content-type": "image/png"}, b"x"),
        ({"content-type": "application/json", "accept": "image/png"}, b"{"),
        ({"content-type": "application/json", "content-length": "99999999"}, b""),
        ({"content-type": "application/json", "content-encoding": "br"}, b"{}"),
    ],
)
async def test_a_stranger_learns_nothing_else(
    wire: Call, headers: dict[str, str], body: bytes
) -> None:
    """401 comes before 400, 406, 413 and 415, and nothing of the body is asked for."""

    async def write(n: int, body: Any) -> None:
        pytest.fail("a stranger got in")

    async with App(document(write=WRITE), serve(write=write), security=PROVIDERS) as app:
        for shown in ({}, BAD):
            call = wire(app, "POST", "/write?n=x", headers | shown, body=body)
            assert await call.status() == 401
            assert call.inbox.qsize() == 1  # so no server says "100 Continue"


async def test_whoever_is_known_is_told_everything(client: Connect) -> None:
    """The checks that come after are the usual ones."""

    async def write(n: int, body: Any) -> None: ...

    connect = await client(App(document(write=WRITE), serve(write=write), security=PROVIDERS))
    statuses = [
        (await connect.post("/write?n=x", headers=GOOD | more, content=b"{")).status_code
        for more in (
            {"content-type": "application/json"},
            {"content-type": "image/png"},
            {"content-type": "application/json", "accept": "image/png"},
        )
    ]
    assert statuses == [400, 415, 406]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_way_to_an_operation_is_guarded(client: Connect, method: str) -> None:
    """HEAD is GET; a declared OPTIONS is an operation like others."""
    item = behind() | {"options": operation("ask", security=MUST)}
    handlers = serve(read=read, ask=read)
    connect = await client(App(document(read=item), handlers, security=PROVIDERS))
    answer = await connect.request(method, "/read")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="Shop"'
    assert (await connect.request(method, "/read", headers=GOOD)).status_code == 200
    assert (await connect.options("/read")).status_code == 401


async def test_what_the_document_says_of_itself_is_told_to_anybody(client: Connect) -> None:
    """404, 405 and the automatic OPTIONS need no credentials."""
    connect = await client(App(document(read=behind()), serve(read=read), security=PROVIDERS))
    assert (await connect.options("/read")).status_code == 204
    assert (await connect.post("/read")).status_code == 405
    assert (await connect.get("/other")).status_code == 404
    assert (await connect.get("/health")).status_code == 200


# What is required


@pytest.mark.parametrize(
    ("whole", "own", "headers", "status"),
    [
        (MUST, None, {}, 401),
        (MUST, None, GOOD, 200),
        (MUST, [], {}, 200),
        (MUST, [{}], BAD, 200),
        (MUST, [{"key": []}], GOOD, 401),
        (MUST, [{"key": []}], {"x-key": "good"}, 200),
        (None, None, {}, 200),
        (None, [{"bearer": []}, {}], {}, 200),
        (None, [{}, {"bearer": []}], BAD, 401),
        (None, [{"bearer": [], "key": []}], GOOD, 401),
        (None, [{"bearer": [], "key": []}], GOOD | {"x-key": "good"}, 200),
        (None, [{"bearer": []}, {"key": []}], BAD | {"x-key": "good"}, 200),
    ],
)
async def test_requirements(
    client: Connect, whole: Any, own: Any, headers: dict[str, str], status: int
) -> None:
    """An operation's own `security` replaces the document's; an empty list opens it."""
    item = {"get": operation("read", **({} if own is None else {"security": own}))}
    app = App(document(security=whole, read=item), serve(read=read), security=PROVIDERS)
    assert await admitted(app, client, headers) == status


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (None, "application/problem+json"),
        ({"application/json": {"schema": {"required": ["status"]}}}, "application/json"),
    ],
)
async def test_a_refusal_is_answered_as_it_is_declared(
    client: Connect, content: Any, kind: str
) -> None:
    """In the media type of the document, with its challenge."""
    item = behind()
    if content is not None:
        item["get"]["responses"]["401"] = {"description": "who?", "content": content}
    connect = await client(App(document(read=item), serve(read=read), security=PROVIDERS))
    refusal = await connect.get("/read", headers=BAD)
    assert refusal.status_code == 401
    assert refusal.headers["content-type"] == kind
    assert refusal.json()["status"] == 401
    assert 'error="invalid_token"' in refusal.headers["www-authenticate"]


async def test_forbidden_is_403(client: Connect) -> None:
    """Who is known but may not is told so."""

    async def picky(token: str, scopes: tuple[str, ...], request: Request) -> User:
        raise Forbidden("not you")

    item = behind([{"bearer": ["admin"]}])
    connect = await client(App(document(read=item), serve(read=read), security={"bearer": picky}))
    refusal = await connect.get("/read", headers=GOOD)
    assert (refusal.status_code, refusal.json()["detail"]) == (403, "not you")
    assert 'scope="admin"' in refusal.headers["www-authenticate"]


async def test_a_title_in_any_script(client: Connect) -> None:
    """What no header can hold is left out of the challenge."""
    made = document(read=behind())
    made["info"]["title"] = "Магазин"
    assert await admitted(App(made, serve(read=read), security=PROVIDERS), client) == 401


# Providers that fail


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("postgres://secret"),
        asyncio.CancelledError("secret"),
        ClientGone("secret"),
        LifecycleError("secret"),
        Refused("secret"),
        Retired("secret"),
    ],
    ids=repr,
)
async def test_a_provider_that_crashes_is_an_opaque_500(
    client: Connect, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """Nobody passes, the client hears nothing of it, and the log says what it was."""

    async def broken(token: str, scopes: tuple[str, ...], request: Request) -> User:
        raise error

    app = App(document(read=behind()), serve(read=read), security={"bearer": broken})
    connect = await client(app)
    with caplog.at_level(logging.ERROR, "brrt"):
        answer = await connect.get("/read", headers=GOOD)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "provider" in caplog.text or "secret" in caplog.text


async def test_a_provider_that_is_slow_is_503(client: Connect) -> None:
    """After `timeout`, with Retry-After; its `finally` runs."""
    ended: list[bool] = []

    async def slow(token: str, scopes: tuple[str, ...], request: Request) -> User:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        raise AssertionError

    limits = Limits(timeout=0.05)
    app = App(document(read=behind()), serve(read=read), security={"bearer": slow}, limits=limits)
    answer = await (await client(app)).get("/read", headers=GOOD)
    assert (answer.status_code, ended) == (503, [True])
    assert answer.headers["retry-after"] == "1"


async def test_a_provider_that_swallows_its_end(wire: Call) -> None:
    """Its word counts, and the server's task is as it was: not one that is being cancelled."""

    async def late(token: str, scopes: tuple[str, ...], request: Request) -> User:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return User("ada")

    cancelling: list[int] = []
    limits = Limits(timeout=0.02)
    app = App(document(read=behind()), serve(read=read), security={"bearer": late}, limits=limits)

    async def host(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        task = asyncio.current_task()
        assert task is not None
        cancelling.append(task.cancelling())

    async with app:
        assert await wire(host, "GET", "/read", GOOD).status() == 200
    assert cancelling == [0]


class Gate:
    """A provider that waits to be let go on."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = asyncio.Event()

    def is_asked_after(self, count: int) -> bool:
        """Whether it was asked more often than that."""
        return self.asked > count

    async def __call__(self, token: str, scopes: tuple[str, ...], request: Request) -> User:
        """Somebody, in the end."""
        self.asked += 1
        await self.open.wait()
        return User(token)


async def test_providers_have_the_bounds_of_their_handler(wire: Call, until: Until) -> None:
    """At most `workers` and `queue_size` are asked at a time; the next is refused at once."""
    gate = Gate()
    limits = Limits(workers=2, queue_size=3)
    made = document(read=behind(), free={"get": operation("free")})
    async with App(
        made, serve(read=read, free=read), security={"bearer": gate}, limits=limits
    ) as app:
        calls = [wire(app, "GET", "/read", GOOD) for _ in range(5)]
        await until(lambda: gate.asked == 5)
        assert await wire(app, "GET", "/read", GOOD).status() == 503
        assert await wire(app, "GET", "/free").status() == 200
        gate.open.set()
        assert {await call.status() for call in calls} <= {200, 503}
        assert await wire(app, "GET", "/read", GOOD).status() == 200
        assert gate.asked == 6


async def test_a_stop_does_not_wait_for_a_provider(wire: Call, until: Until) -> None:
    """Who is still being asked about is told 503."""
    gate = Gate()
    app = App(document(read=behind()), serve(read=read), security={"bearer": gate})
    async with app:
        call = wire(app, "GET", "/read", GOOD)
        await until(lambda: gate.asked)
    assert await call.status() == 503


async def test_a_server_that_gives_up_ends_the_provider(wire: Call, until: Until) -> None:
    """Its cancellation goes through, and the place is free again."""
    gate = Gate()
    limits = Limits(workers=1, queue_size=1)
    made = document(read=behind())
    async with App(made, serve(read=read), security={"bearer": gate}, limits=limits) as app:
        for _ in range(5):
            asked, call = gate.asked, wire(app, "GET", "/read", GOOD)
            await until(partial(gate.is_asked_after, asked))
            call.task.cancel()
            await asyncio.wait([call.task])
            assert call.task.cancelled()
            assert call.sent == []
        gate.open.set()
        assert await wire(app, "GET", "/read", GOOD).status() == 200


async def test_a_client_that_hangs_up_meanwhile(wire: Call, until: Until) -> None:
    """Nothing is left of it when its provider is done."""
    gate = Gate()
    async with App(document(read=behind()), serve(read=read), security={"bearer": gate}) as app:
        call = wire(app, "GET", "/read", GOOD)
        await until(lambda: gate.asked)
        call.hang_up()
        gate.open.set()
        await asyncio.wait_for(call.task, 10)
        assert app.statistics().total.busy == 0


# Who it is

BOTH: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}, {}]


def asking(hint: Any, name: str = "who") -> Callable[..., Awaitable[Any]]:
    """A handler with one parameter, which tells what it was given."""

    async def handler(**given: Any) -> Any:
        return repr(given[name])

    async def call(who: Any) -> Any:
        return await handler(who=who)

    async def call_principal(principal: Any) -> Any:
        return await handler(principal=principal)

    made = call if name == "who" else call_principal
    made.__annotations__[name] = hint
    return made


@pytest.mark.parametrize(
    ("hint", "name", "headers", "told"),
    [
        (User | None, "who", GOOD, "User(name='ada')"),
        (User | None, "who", {"x-key": "good"}, "None"),
        (User | None, "who", {}, "None"),
        (User | Robot | None, "who", {"x-key": "good"}, "Robot(serial=7)"),
        (Any, "principal", GOOD, "User(name='ada')"),
        (Any, "principal", {}, "None"),
        (object, "principal", {"x-key": "good"}, "Robot(serial=7)"),
    ],
)
async def test_handlers_get_who_calls(
    client: Connect, hint: Any, name: str, headers: dict[str, str], told: str
) -> None:
    """By type, by several types, by the name `principal`; None where nobody has to say."""
    handlers = serve(read=asking(hint, name))
    connect = await client(App(document(read=behind(BOTH)), handlers, security=PROVIDERS))
    assert (await connect.get("/read", headers=headers)).json() == told


async def test_requests_know_who_calls(client: Connect) -> None:
    """`request.principals` by scheme for handlers; providers see the app's state."""
    seen: list[Any] = []

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, str]]:
        yield {"tokens": "good"}

    async def stateful(token: str, scopes: tuple[str, ...], request: Request) -> User | None:
        seen.append((request.app_state, request.operation.id, request.parameters))
        return User("ada") if token == request.app_state["tokens"] else None

    async def tell(request: Request) -> str:
        return repr(dict(request.principals))

    app = App(
        document(read=behind([{"bearer": [], "key": []}])),
        serve(read=tell),
        security={"bearer": stateful, "key": key},
        lifespan=lifespan,
    )
    connect = await client(app)
    answer = await connect.get("/read", headers=GOOD | {"x-key": "good"})
    assert answer.json() == "{'bearer': User(name='ada'), 'key': Robot(serial=7)}"
    assert seen == [({"tokens": "good"}, "read", {})]


# Changes


async def test_a_reload_closes_and_opens(client: Connect) -> None:
    """The very next request is held to what the document says now, also without schemes."""
    open_ = {"openapi": "3.1.0", "info": {"title": "Shop", "version": "2"}}
    open_ |= {"paths": {"/read": {"get": operation("read")}}}
    app = App(document(read=behind()), serve(read=read), security=PROVIDERS)
    connect = await client(app)
    for made, status in ((open_, 200), (document(read=behind()), 401), (open_, 200)):
        await app.reload(made)
        assert (await connect.get("/read")).status_code == status
    other = document({"other": BEARER}, read=behind([{"other": []}]))
    with pytest.raises(SpecError, match="no provider"):
        await app.reload(other)
    assert (await connect.get("/read")).status_code == 200


async def take(body: str) -> str:
    """Anybody who gets here has brought something."""
    return body


async def test_a_slow_body_does_not_get_through_a_door_that_is_closed_now(
    wire: Call, until: Until
) -> None:
    """Also where the handler stays the same: who may is what the document says when the body is
    there, and who asked before is asked again.
    """

    def made(security: Any) -> dict[str, Any]:
        return document(read={"post": operation("take", security=security, requestBody=TEXT)})

    async with App(made([]), serve(take=take), security=PROVIDERS) as app:
        headers = {"content-type": "text/plain", "content-length": "2"}
        stranger = wire(app, "POST", "/read", headers)
        friend = wire(app, "POST", "/read", headers | GOOD)
        for one in (stranger, friend):
            one.body(b"a", more=True)
        await until(lambda: stranger.inbox.empty() and friend.inbox.empty())
        await app.reload(made(MUST))
        for one in (stranger, friend):
            one.body(b"b")
        assert (await stranger.status(), await friend.status()) == (401, 200)


async def test_another_handler_is_behind_the_same_door(client: Connect) -> None:
    """`replace` and `remove` change nothing about who may call."""
    app = App(document(read=behind()), serve(read=read), security=PROVIDERS)
    connect = await client(app)

    async def other(who: User) -> str:
        return who.name

    await app.replace("read", other)
    assert (await connect.get("/read")).status_code == 401
    assert (await connect.get("/read", headers=GOOD)).json() == "ada"


async def test_a_change_while_a_provider_is_asked(wire: Call, until: Until) -> None:
    """The request begins again under the new document, and is judged by that."""
    gate = Gate()
    async with App(document(read=behind()), serve(read=read), security={"bearer": gate}) as app:
        call = wire(app, "GET", "/read", GOOD)
        await until(lambda: gate.asked)

        async def other() -> str:
            return "other"

        await app.replace("read", other)
        gate.open.set()
        assert await call.status() == 200
        assert call.sent[1]["body"] == b'"other"'
        assert gate.asked == 2


# What is wrong when the app is built


@pytest.mark.parametrize(
    ("schemes", "required", "providers", "words"),
    [
        (None, MUST, {}, ["read is behind bearer, which has no provider", "security={'bearer'"]),
        (None, MUST, {"bearer": bearer, "baerer": bearer}, ["no such scheme", "mean bearer?"]),
        (None, [{"other": []}], PROVIDERS, ["called 'other'", "'bearer'"]),
        ({"tls": {"type": "mutualTLS"}}, [{"tls": []}], {}, ["behind tls, which has no provider"]),
        (None, [{"bearer": [], "key": []}], {"key": key}, ["behind bearer"]),
    ],
)
def test_faults(schemes: Any, required: Any, providers: Any, words: list[str]) -> None:
    """Each with its cure; nothing that is protected is served open."""
    with pytest.raises(SpecError) as caught:
        App(document(schemes, read=behind(required)), serve(read=read), security=providers)
    assert all(word in str(caught.value) for word in words)


def plain(token: str, scopes: tuple[str, ...], request: Request) -> None:
    """No coroutine function."""


async def short(token: str) -> None:
    """Too few parameters."""


@pytest.mark.parametrize("provider", [plain, short, None, "bearer"])
def test_what_is_no_provider(provider: Any) -> None:
    """It is said at once, with the signature that it must have."""
    with pytest.raises(SettingError, match="async def provider"):
        App(document(read=behind()), serve(read=read), security={"bearer": provider})


async def test_what_nobody_serves_needs_no_provider(client: Connect) -> None:
    """A missing handler is 501 for anybody."""
    app = App(document(read=behind()), Handlers(), missing={"read"})
    assert await admitted(app, client) == 501


async def test_an_open_door_needs_no_provider(client: Connect) -> None:
    """Where anybody may pass nobody has to be able to say who he is."""
    app = App(document(read=behind([{"bearer": []}, {}])), serve(read=read))
    assert await admitted(app, client, BAD) == 200


async def test_a_refusal_that_is_shared(client: Connect) -> None:
    """An exception that a provider keeps and raises again takes nothing along."""
    kept = Unauthorized("no")

    async def provider(token: str, scopes: tuple[str, ...], request: Request) -> User:
        raise kept

    made = document(read=behind([{"bearer": ["a"]}]), more=behind([{"bearer": ["b"]}], "more"))
    handlers = serve(read=read, more=read)
    connect: httpx.AsyncClient = await client(App(made, handlers, security={"bearer": provider}))
    for path, scope in (("/read", "a"), ("/more", "b"), ("/read", "a")):
        refusal = await connect.get(path, headers=GOOD)
        assert f'scope="{scope}"' in refusal.headers["www-authenticate"]


@pytest.mark.parametrize("given", ["s3cret", {"key": "s3cret"}, {"key": {"s3cret": "printer"}}])
def test_a_secret_in_place_of_a_provider_is_not_shown(given: Any) -> None:
    """Whoever forgets `ApiKey(...)` around it finds no key in the log of the start."""
    with pytest.raises(SettingError, match=r"security.* cannot be a value of") as caught:
        App(document(read=behind([{"key": []}])), serve(read=read), security=given)
    assert "s3cret" not in str(caught.value)
