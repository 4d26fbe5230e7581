"""Pages of other origins: what they are told, with Starlette's middleware as the oracle."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route

from brrt import CORS, App, Limits, Problem, Reply, Request, SettingError, SpecError
from brrt.http.cors import MAX_AGE
from brrt.http.cross_origin import MAX_ORIGIN, Policy
from brrt.http.vary import with_vary
from tests.conftest import Call, Connect, Until, operation, serve, spec
from tests.lifecycle.inside import serving

PAGE = "https://app.example"
STRANGER = "https://evil.example"
ONE = CORS(origins=(PAGE,))
METHODS = ("DELETE", "GET", "HEAD", "PUT")


async def ok() -> dict[str, Any]:
    return {"ok": True}


def document(own: Any = None, **more: Any) -> dict[str, Any]:
    """`/a` with three methods; `own` is the `x-cors` of its PUT."""
    put = operation("put_a", **({} if own is None else {"x-cors": own}))
    item = {"get": operation("get_a"), "put": put, "delete": operation("delete_a")}
    return spec(a=item, **more)


def make(own: Any = None, cors: CORS | None = ONE, **options: Any) -> App:
    """An app with that document."""
    return App(document(own), serve(get_a=ok, put_a=ok, delete_a=ok), cors=cors, **options)


def asking(method: str, origin: str = PAGE, **more: str) -> dict[str, str]:
    """The headers of a preflight."""
    names = {name.replace("_", "-"): text for name, text in more.items()}
    return {"origin": origin, "access-control-request-method": method} | names


def told(answer: httpx.Response) -> dict[str, Any]:
    """What an answer says of other origins; lists as sets of words."""
    found = {name: text for name, text in answer.headers.items() if name.startswith("access-")}
    lists = {name: words(text) for name, text in found.items() if "," in text}
    return found | lists


def words(text: str) -> set[str]:
    """The words of a list, each of which stands there once."""
    found = [one.strip() for one in text.split(",") if one.strip()]
    assert len(set(found)) == len(found)
    return set(found)


# The oracle


SETTINGS = [
    CORS(origins=(PAGE,)),
    CORS(origins=(PAGE, "http://localhost:3000"), credentials=True, max_age=5),
    CORS(origins=("*",)),
    CORS(origins=("*",), headers=("*",), expose=("X-Total", "Link")),
    CORS(origins=(PAGE,), headers=("X-Token", "Accept"), expose=("X-Total",), credentials=True),
    CORS(origin_regex=r"https://[a-z]+\.example", headers=("*",), private_network=True),
    CORS(origins=("null",), origin_regex=r"http://localhost:\d+", methods=("GET", "PUT")),
]
ASKED: list[tuple[str, dict[str, str]]] = [
    *(("OPTIONS", asking(one)) for one in ("PUT", "GET", "HEAD", "PATCH", "put")),
    *(("OPTIONS", asking("PUT", one)) for one in (STRANGER, "null", "http://localhost:3000")),
    ("OPTIONS", asking("PUT", access_control_request_headers="x-token, content-type")),
    ("OPTIONS", asking("PUT", access_control_request_headers="X-Token,x-other")),
    ("OPTIONS", asking("PUT", STRANGER, access_control_request_headers="x-other")),
    ("OPTIONS", asking("POST", STRANGER + "/", access_control_request_headers="x")),
    ("OPTIONS", asking("PUT", access_control_request_private_network="true")),
    *(("GET", {"origin": one}) for one in (PAGE, STRANGER, "null", "http://localhost:3000")),
    ("PUT", {"origin": PAGE, "access-control-request-method": "PUT"}),
    ("HEAD", {"origin": PAGE}),
    ("GET", {}),
]


def oracle(cors: CORS) -> Starlette:
    """The same in Starlette."""

    async def answer(request: Any) -> JSONResponse:
        return JSONResponse({"ok": True})

    middleware = Middleware(
        CORSMiddleware,
        allow_origins=cors.origins,
        allow_methods=METHODS if isinstance(cors.methods, str) else cors.methods,
        allow_headers=cors.headers,
        allow_credentials=cors.credentials,
        allow_origin_regex=cors.origin_regex,
        allow_private_network=cors.private_network,
        expose_headers=cors.expose,
        max_age=cors.max_age,
    )
    return Starlette(routes=[Route("/a", answer, methods=list(METHODS))], middleware=[middleware])


@pytest.mark.parametrize("cors", SETTINGS, ids=range(len(SETTINGS)))
async def test_it_is_as_in_starlette(cors: CORS, client: Connect) -> None:
    """Statuses, texts, what is allowed, and what an answer depends on.

    Three times it is not: a refusal is a problem document, a stranger is told nothing at all, and
    where everybody may, whoever asks, no answer depends on who asks.
    """
    ours, theirs = await client(make(cors=cors)), await client(oracle(cors), lifespan=False)
    for method, headers in ASKED:
        mine = await ours.request(method, "/a", headers=headers)
        wanted = await theirs.request(method, "/a", headers=headers)
        assert mine.status_code == wanted.status_code, headers
        expected, varies = told(wanted), words(wanted.headers.get("vary", ""))
        if mine.status_code == 400:
            assert mine.headers["content-type"] == "application/problem+json"
            assert mine.json()["detail"] == wanted.text
        else:
            assert mine.content == wanted.content.replace(b'"ok": ', b'"ok":')
        if method != "OPTIONS" and "*" in cors.origins:
            assert expected.items() <= told(mine).items()
            assert "vary" not in mine.headers
            continue
        if method != "OPTIONS" and "access-control-allow-origin" not in expected:
            expected = {}
        assert told(mine) == expected, headers
        assert words(mine.headers["vary"]) == varies


async def test_everybody_is_told_the_same(client: Connect) -> None:
    """Also who sent no Origin: what a cache keeps for one is right for all."""
    connect = await client(make(cors=CORS(origins=("*",))))
    for headers in ({}, {"origin": PAGE}, {"origin": "null"}):
        answer = await connect.get("/a", headers=headers)
        assert told(answer) == {"access-control-allow-origin": "*"}
        assert "vary" not in answer.headers


# Every answer


async def slow(started: asyncio.Event, let: asyncio.Event) -> dict[str, Any]:
    started.set()
    await let.wait()
    return {}


async def test_every_answer_can_be_read(client: Connect, tmp_path: Path) -> None:
    """Errors, refusals, streams, files and health: a page is told what went wrong as well."""
    (tmp_path / "file.txt").write_text("of a file")

    async def broken() -> None:
        raise RuntimeError

    async def problem() -> None:
        raise Problem(409, headers={"Vary": "Accept"})

    async def stream() -> AsyncIterator[str]:
        yield "bit by bit"

    async def file() -> FileResponse:
        return FileResponse(tmp_path / "file.txt")

    async def text() -> PlainTextResponse:
        return PlainTextResponse("x", headers={"Vary": "origin, Accept"})

    plain = {"200": {"description": "ok", "content": {"text/plain": {}}}}
    paths = {name: {"get": operation(name, responses=plain)} for name in ("stream", "file", "text")}
    made = spec("broken", "problem", "missing", **paths)
    handlers = serve(broken=broken, problem=problem, stream=stream, file=file, text=text)
    app = App(made, handlers, missing="missing", cors=CORS(origins=(PAGE,), expose=("X-Total",)))
    wanted = {
        "/broken": 500,
        "/problem": 409,
        "/missing": 501,
        "/stream": 200,
        "/file": 200,
        "/text": 200,
        "/health": 200,
        "/nowhere": 404,
        "/" + "x" * 9_000: 414,
    }
    async with serving(app) as place, httpx.AsyncClient(base_url=f"http://{place}") as connect:
        for path, status in wanted.items():
            answer = await connect.get(path, headers={"origin": PAGE})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert answer.headers["access-control-expose-headers"] == "X-Total"
            assert "origin" in answer.headers["vary"].lower()
            words(answer.headers["vary"].lower())
            answer = await connect.get(path)
            assert "access-control-allow-origin" not in answer.headers
            assert "origin" in answer.headers["vary"].lower()
        answer = await connect.post("/text", headers={"origin": PAGE})
        assert (answer.status_code, told(answer)["access-control-allow-origin"]) == (405, PAGE)
        head = await connect.head("/file", headers={"origin": PAGE})
        assert told(head) == told(await connect.get("/file", headers={"origin": PAGE}))


async def test_an_overload_can_be_read(client: Connect, wire: Call, until: Until) -> None:
    """503 as well; and a preflight does not wait in the queue that is full."""
    started, let = asyncio.Event(), asyncio.Event()

    async def busy() -> dict[str, Any]:
        return await slow(started, let)

    limits = Limits(workers=1, queue_size=1)
    app = App(spec("busy"), serve(busy=busy), cors=ONE, limits=limits)
    connect = await client(app)
    async with asyncio.TaskGroup() as group:
        group.create_task(connect.get("/busy"))
        await until(started.is_set)
        group.create_task(connect.get("/busy"))
        await until(lambda: app.statistics().total.queued == 1)
        answer = await connect.get("/busy", headers={"origin": PAGE})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["access-control-allow-origin"] == PAGE
        plain = await connect.get("/busy")
        assert plain.status_code == 503
        assert told(plain) == {}  # what was prepared for all was not changed for one
        asked = await connect.options("/busy", headers=asking("GET"))
        assert asked.status_code == 200
        let.set()


async def test_a_handlers_own_words_are_replaced(client: Connect) -> None:
    """Two Access-Control-Allow-Origin would let nobody read the answer."""

    async def a() -> Reply[dict[str, Any]]:
        return Reply({}, headers={"Access-Control-Allow-Origin": "*"})

    connect = await client(App(spec("a"), serve(a=a), cors=ONE))
    answer = await connect.get("/a", headers={"origin": PAGE})
    assert answer.headers.get_list("access-control-allow-origin") == [PAGE]


# Preflights


async def test_a_preflight_asks_nobody(client: Connect) -> None:
    """Not the provider, not the handler of a declared OPTIONS, and no handler at all."""

    async def never() -> None:
        pytest.fail("it was asked")

    async def provider(token: str, scopes: tuple[str, ...], request: Request) -> None:
        pytest.fail("it was asked")

    bearer = {"bearer": {"type": "http", "scheme": "bearer"}}
    item = {
        "options": operation("ask"),
        "put": operation("put", security=[{"bearer": []}]),
        "patch": operation("patch"),
    }
    made = spec(a=item) | {"components": {"securitySchemes": bearer}}
    handlers = serve(ask=never, put=never)
    app = App(made, handlers, security={"bearer": provider}, missing="patch", cors=ONE)
    connect = await client(app)
    for method in ("PUT", "PATCH", "OPTIONS"):
        answer = await connect.options("/a", headers=asking(method))
        assert (answer.status_code, answer.text) == (200, "OK")
        assert words(answer.headers["access-control-allow-methods"]) == {"OPTIONS", "PATCH", "PUT"}
        assert answer.headers["access-control-max-age"] == str(MAX_AGE)
    assert app.statistics().total.accepted == 0


async def test_options_as_ever(client: Connect) -> None:
    """Without the question, from the page's own origin, and for a path that is not there."""
    connect = await client(make())
    for headers in ({}, {"origin": PAGE}, asking("PUT", "http://test"), asking("X", "http://test")):
        answer = await connect.options("/a", headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (
            204,
            "DELETE, GET, HEAD, OPTIONS, PUT",
        )
    own = await connect.put("/a", headers={"origin": "http://test"})
    assert own.status_code == 200
    answer = await connect.options("/nowhere", headers=asking("GET"))
    assert (answer.status_code, told(answer)["access-control-allow-origin"]) == (404, PAGE)
    asked = asking("GET", x="y" * 40_000)
    assert (await connect.options("/a", headers=asked)).status_code == 431


async def test_a_question_before_the_start(client: Connect) -> None:
    """What the document says is known before anything runs."""
    connect = await client(make(), lifespan=False)
    assert (await connect.options("/a", headers=asking("PUT"))).status_code == 200


async def test_a_mounted_app(wire: Call) -> None:
    """A path is found where the app is mounted."""
    async with make({"credentials": True}) as app:

        async def mounted(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "root_path": "/api"}, receive, send)

        call = wire(mounted, "OPTIONS", "/api/a", asking("PUT"))
        assert await call.status() == 200
        assert (b"access-control-allow-credentials", b"true") in call.sent[0]["headers"]
        call = wire(mounted, "PUT", "/api/a", {"origin": PAGE}, body=b"")
        assert await call.status() == 200
        assert (b"access-control-allow-credentials", b"true") in call.sent[0]["headers"]


async def test_two_origins_are_none(wire: Call) -> None:
    """A preflight whose Origin stands there twice is of nobody who is known."""
    async with make() as app:

        async def doubled(scope: Any, receive: Any, send: Any) -> None:
            headers = [*scope["headers"], (b"origin", PAGE.encode())]
            await app({**scope, "headers": headers}, receive, send)

        assert await wire(doubled, "OPTIONS", "/a", asking("PUT")).status() == 400


# Operations that say otherwise


async def test_an_operation_has_a_policy_of_its_own(client: Connect) -> None:
    """It begins with the app's; what it does not name stays."""
    own = {"headers": ["X-Token"], "credentials": True, "expose": ["X-Total"], "max-age": 5}
    connect = await client(make(own, CORS(origins=(PAGE,), headers=("X-Other",))))
    answer = await connect.put("/a", headers={"origin": PAGE})
    assert told(answer) == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Total",
    }
    asked = asking("PUT", access_control_request_headers="x-token")
    answer = await connect.options("/a", headers=asked)
    assert (answer.status_code, answer.headers["access-control-max-age"]) == (200, "5")
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert (await connect.options("/a", headers=asked | asking("GET"))).status_code == 400
    for method in ("GET", "PATCH"):  # one that has none of its own, and one that is not there
        answer = await connect.request(method, "/a", headers={"origin": PAGE})
        assert told(answer) == {"access-control-allow-origin": PAGE}


async def test_a_preflight_names_only_methods_of_the_same_policy(client: Connect) -> None:
    """Browsers keep each method that is named, and would ask no more for one that differs."""
    connect = await client(make({"credentials": True}))
    named = {
        method: words((await connect.options("/a", headers=asking(method))).headers[ALLOWED])
        for method in ("GET", "PUT")
    }
    assert named == {"GET": {"DELETE", "GET", "HEAD"}, "PUT": {"PUT"}}


ALLOWED = "access-control-allow-methods"


async def test_an_operation_without_cors(client: Connect) -> None:
    """It is refused to whoever asks first, and tells nobody anything; but caches are told."""
    connect = await client(make(False))
    answer = await connect.options("/a", headers=asking("PUT"))
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Disallowed CORS method"
    assert "PUT" not in answer.headers[ALLOWED]
    for headers in ({"origin": PAGE}, {}):
        answer = await connect.put("/a", headers=headers)
        assert (answer.status_code, answer.headers["vary"], told(answer)) == (200, "Origin", {})
    assert (await connect.options("/a", headers=asking("GET"))).status_code == 200


async def test_nothing_is_named_where_nothing_is_let(client: Connect) -> None:
    """A path without any method for other pages has no list of them."""
    item = {"put": operation("put_b", **{"x-cors": False})}
    connect = await client(App(spec(b=item), serve(put_b=ok), cors=ONE))
    answer = await connect.options("/b", headers=asking("PUT"))
    assert answer.status_code == 400
    assert ALLOWED not in answer.headers


async def test_everybody_but_for_one_operation(client: Connect) -> None:
    """What is told depends on who asks as soon as one operation differs."""
    connect = await client(make(False, CORS(origins=("*",))))
    answer = await connect.get("/a", headers={"origin": STRANGER})
    assert told(answer) == {"access-control-allow-origin": "*"}
    assert answer.headers["vary"] == "Origin"
    assert told(await connect.get("/a")) == {}
    assert told(await connect.put("/a", headers={"origin": STRANGER})) == {}


@pytest.mark.parametrize("own", [True, "inherit", {}, {"max-age": MAX_AGE}])
async def test_an_operation_that_says_the_same(own: Any, client: Connect) -> None:
    """It is no exception, and costs nothing."""
    app = make(own)
    connect = await client(app)
    answer = await connect.put("/a", headers={"origin": PAGE})
    assert told(answer) == {"access-control-allow-origin": PAGE}
    assert not app._world.current.has_policies


async def test_a_reload_changes_policies(client: Connect) -> None:
    """With the document, and not without it."""
    app = make(False)
    connect = await client(app)
    asked = asking("PUT")
    assert (await connect.options("/a", headers=asked)).status_code == 400
    with pytest.raises(SpecError):
        await app.reload(document({"origins": ["*"]}))
    assert (await connect.options("/a", headers=asked)).status_code == 400
    await app.reload(document(True))
    assert (await connect.options("/a", headers=asked)).status_code == 200
    await app.replace("put_a", ok)
    await app.remove("put_a")
    assert (await connect.options("/a", headers=asked)).status_code == 200


@pytest.mark.parametrize(
    ("own", "message", "cure"),
    [
        (None, "x-cors of put_a is None", "inherit, false"),
        ("off", "x-cors of put_a is 'off'", "inherit, false"),
        (1, "x-cors of put_a is 1", "inherit, false"),
        ({"origins": ["*"]}, "origins is not the document's to say", "App(..., cors=CORS("),
        ({"allowedOrigins": []}, "allowedOrigins is not the document's to say", "App("),
        ({"maxAge": 5}, "maxAge is unknown", "methods, headers, expose, credentials, max-age"),
        ({"methods": "PUT"}, "methods is 'PUT'", "write a list of names"),
        ({"methods": ["put"]}, "methods cannot be 'put'", "did you mean 'PUT'?"),
        ({"methods": ["GET"]}, "methods are without PUT, its own", "add PUT"),
        ({"headers": [5]}, "headers is [5]", "write a list of names"),
        ({"headers": ["a b"]}, "headers cannot be 'a b'", "names of headers"),
        ({"credentials": "yes"}, "credentials cannot be 'yes'", "give True or False"),
        ({"max-age": -1}, "max_age cannot be -1", "whole number"),
        ({"max-age": 1.5}, "max_age cannot be 1.5", "whole number"),
        ({"expose": {"a": 1}}, "expose is {'a': 1}", "write a list of names"),
    ],
)
def test_what_a_document_cannot_say(own: Any, message: str, cure: str) -> None:
    """Each fault has its place and a cure."""
    made = document()
    made["paths"]["/a"]["put"]["x-cors"] = own
    with pytest.raises(SpecError) as caught:
        App(made, missing="501", cors=ONE)
    (fault,) = caught.value.faults
    assert message in fault.message
    assert cure in fault.cure
    assert fault.pointer == "#/paths/~1a/put/x-cors"


def test_all_faults_are_told_at_once() -> None:
    """Those of one object, too."""
    with pytest.raises(SpecError) as caught:
        App(document({"origins": 1, "max": 2, "expose": 3}), missing="501", cors=ONE)
    assert len(caught.value.faults) == 3


def test_credentials_for_everybody_are_refused_in_a_document() -> None:
    """The app's origins count, whoever asks for credentials."""
    with pytest.raises(SpecError, match="name the origins one by one"):
        App(document({"credentials": True}), missing="501", cors=CORS(origins=("*",)))


@pytest.mark.parametrize(("own", "is_fault"), [({}, True), (True, False), (False, False)])
async def test_a_document_alone_opens_nothing(own: Any, is_fault: bool, client: Connect) -> None:
    """Without a setting nobody is let; a document that would let somebody is told so."""
    if is_fault:
        with pytest.raises(SpecError, match="the app has no CORS policy"):
            make(own, None)
        return
    connect = await client(make(own, None))
    answer = await connect.put("/a", headers={"origin": PAGE})
    assert told(answer) == {}
    assert "vary" not in answer.headers
    assert (await connect.options("/a", headers=asking("PUT"))).status_code == 204


# Settings


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({}, "name an origin"),
        ({"origins": "https://app.example"}, "give a tuple"),
        ({"origins": ["https://app.example"]}, "give a tuple"),
        ({"origins": (5,)}, "give a tuple of strings"),
        ({"origins": ("https://app.example/",)}, "did you mean 'https://app.example'?"),
        ({"origins": ("https://app.example/x?y#z",)}, "did you mean 'https://app.example'?"),
        ({"origins": ("https://App.Example",)}, "did you mean 'https://app.example'?"),
        ({"origins": ("HTTPS://app.example:8443",)}, "did you mean 'https://app.example:8443'?"),
        ({"origins": ("https://app.example:443",)}, "did you mean 'https://app.example'?"),
        ({"origins": ("http://app.example:80",)}, "did you mean 'http://app.example'?"),
        ({"origins": ("https://me@app.example",)}, "did you mean 'https://app.example'?"),
        ({"origins": ("https://bücher.example",)}, "did you mean 'https://xn--bcher-kva.example'?"),
        ({"origins": ("https://" + "ü" * 99,)}, "write scheme://host"),
        ({"origins": ("app.example",)}, "write scheme://host"),
        ({"origins": ("https://",)}, "write scheme://host"),
        ({"origins": ("https://app.example:x",)}, "write scheme://host"),
        ({"origins": ("https://[::1",)}, "write scheme://host"),
        ({"origins": ("https://a b",)}, "write scheme://host"),
        ({"origins": ("https://*.example",)}, "origin_regex"),
        ({"origins": ("*", PAGE)}, "leave the rest out"),
        ({"origins": ("*",), "origin_regex": "x"}, "leave the rest out"),
        ({"origins": ("*",), "credentials": True}, "name the origins one by one"),
        ({"origins": (PAGE, "null"), "credentials": True}, "'null' may be anybody"),
        ({"origin_regex": ".*", "credentials": True}, "it matches every origin"),
        ({"origin_regex": "https://.+", "credentials": True}, "it matches every origin"),
        ({"origin_regex": "http://.+", "credentials": True}, "it matches every origin"),
        ({"origin_regex": "("}, "no regular expression"),
        ({"origin_regex": 5}, "as a string"),
        ({"origins": (PAGE,), "methods": ("put",)}, "did you mean 'PUT'?"),
        ({"origins": (PAGE,), "methods": ("*",)}, "leave methods out"),
        ({"origins": (PAGE,), "methods": ("A B",)}, "names of methods"),
        ({"origins": (PAGE,), "methods": "all"}, "give a tuple"),
        ({"origins": (PAGE,), "headers": ("a b",)}, "names of headers"),
        ({"origins": (PAGE,), "headers": ("*", "a")}, "leave the rest out"),
        ({"origins": (PAGE,), "expose": ("x:y",)}, "names of headers"),
        ({"origins": (PAGE,), "expose": ("*",), "credentials": True}, "a name like any other"),
        ({"origins": (PAGE,), "credentials": 1}, "True or False"),
        ({"origins": (PAGE,), "private_network": None}, "True or False"),
        ({"origins": (PAGE,), "max_age": -1}, "whole number"),
        ({"origins": (PAGE,), "max_age": True}, "whole number"),
        ({"origins": (PAGE,), "max_age": 1.5}, "whole number"),
    ],
)
def test_what_cannot_be_is_refused(settings: Mapping[str, Any], cure: str) -> None:
    """When it is written, with the cure; and never in somebody's browser first."""
    with pytest.raises(SettingError) as caught:
        CORS(**settings)
    assert cure in str(caught.value)


def test_what_can_be() -> None:
    """What browsers send as origins, also of apps and extensions, is taken."""
    CORS(
        origins=(
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:8000",
            "https://a.example.",
            "chrome-extension://abcdefghijklmnop",
            "capacitor://localhost",
        ),
        max_age=0,
    )
    with pytest.raises(SettingError, match=r"give brrt\.CORS"):
        make(cors=cast("CORS", {"origins": "*"}))


def test_an_expression_is_of_whole_origins() -> None:
    """Of sound length, and never of those who have none."""
    policy = Policy(CORS(origin_regex=r".*\.example|null|https://a+"))
    assert policy.allows(b"https://app.example")
    assert not policy.allows(b"https://app.example.evil")
    assert not policy.allows(b"null")
    assert policy.allows(b"https://" + b"a" * (MAX_ORIGIN - 8))
    assert not policy.allows(b"https://" + b"a" * (MAX_ORIGIN - 7))
    assert not policy.allows(b"https://\xff")
    assert Policy(CORS(origins=("null",))).allows(b"null")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([], [b"Origin"]),
        ([b"Accept"], [b"Accept, Origin"]),
        ([b"accept , ,", b"ORIGIN"], [b"accept, ORIGIN"]),
        ([b"*"], [b"*"]),
    ],
)
def test_vary_is_merged(given: list[bytes], wanted: list[bytes]) -> None:
    """One line, each name once, whatever its case."""
    headers = with_vary([(b"vary", one) for one in given], (b"Origin",))
    assert [value for _, value in headers] == wanted
    assert with_vary([(b"a", b"b")], ()) == [(b"a", b"b")]
