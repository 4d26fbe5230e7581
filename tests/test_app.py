"""A request from first to last: which answer each case gets, and what stands in it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse, RedirectResponse, StreamingResponse

from brrt import (
    App,
    Conflict,
    Handlers,
    LifecycleError,
    Limits,
    NotFound,
    Problem,
    Reply,
    Request,
    ServiceUnavailable,
    SettingError,
    SpecError,
)

Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Until = Callable[[Callable[[], object]], Awaitable[None]]
Book = Any
Call = Callable[..., Any]

PROBLEM = "application/problem+json"
SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 2}, "age": {"type": "integer"}},
}
BODY = {"required": True, "content": {"application/json": {"schema": SCHEMA}}}


async def ok() -> dict[str, Any]:
    return {"ok": True}


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def handler() -> None:
        raise error

    return handler


def returning(value: Any) -> Callable[[], Awaitable[Any]]:
    async def handler() -> Any:
        return value

    return handler


def answers(**responses: Any) -> dict[str, Any]:
    """The `responses` of an operation: `answers(s200="application/json", s204=None)`."""
    made: dict[str, Any] = {}
    for status, content in responses.items():
        one: dict[str, Any] = {"description": "an answer"}
        if isinstance(content, str):
            one["content"] = {content: {}}
        elif content:
            one["content"] = content
        made[status.removeprefix("s")] = one
    return made


def json_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of an answer, which must be one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["title"]
    assert document["type"] == "about:blank"
    return document


# Found, not found, not allowed


async def test_a_path_that_is_not_there_is_404(client: Connect, book: Book) -> None:
    """A problem document; a trailing slash makes another path."""
    http = await client(App(book.spec("a"), book.serve(a=ok)))
    for path in ("/b", "/a/", "/", "/a/b"):
        problem(await http.get(path), 404)


async def test_a_method_that_is_not_there_is_405_with_allow(client: Connect, book: Book) -> None:
    """Allow names what is declared, and what is answered without that."""
    app = App(
        book.spec(a={"get": book.operation("a"), "put": book.operation("b")}),
        book.serve(a=ok, b=ok),
    )
    http = await client(app)
    response = await http.delete("/a")
    problem(response, 405)
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, PUT"


async def test_head_is_answered_from_get(client: Connect, book: Book, wire: Call) -> None:
    """The same headers, no body."""
    app = App(book.spec("a"), book.serve(a=ok))
    http = await client(app)
    same = {"x-request-id": "same"}
    get, head = await http.get("/a", headers=same), await http.head("/a", headers=same)
    assert head.headers == get.headers
    request = wire(app, "HEAD", "/a")
    assert await request.status() == 200
    assert request.sent[1]["body"] == b""


async def test_options_is_answered_from_the_document(client: Connect, book: Book) -> None:
    """204 with Allow where it is not declared; by the handler where it is."""
    app = App(
        book.spec("a", b={"options": book.operation("b")}),
        book.serve(a=ok, b=returning({"mine": 1})),
    )
    http = await client(app)
    response = await http.options("/a")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await http.options("/b")).json() == {"mine": 1}
    problem(await http.options("/nowhere"), 404)


async def test_an_operation_without_a_handler_is_501(client: Connect, book: Book) -> None:
    """Only by declaration; otherwise the app is not built."""
    with pytest.raises(SpecError, match="operation b has no handler"):
        App(book.spec("a", "b"), book.serve(a=ok))
    for missing in ("501", {"b"}):
        http = await client(App(book.spec("a", "b"), book.serve(a=ok), missing=missing))
        assert problem(await http.get("/b"), 501)["detail"] == "b has no handler"
        assert (await http.get("/a")).status_code == 200


# Too large, not understood


async def test_what_is_too_long_is_refused_before_it_is_looked_at(
    client: Connect, book: Book
) -> None:
    """414 for the target, 431 for the headers, 413 for the body, each by its own limit."""
    limits = Limits(max_target=50, max_headers=400, max_body=30)
    app = App(
        book.spec("a", b={"post": book.operation("b", requestBody=BODY)}),
        book.serve(a=ok, b=_echo()),
        limits=limits,
    )
    http = await client(app)
    assert (await http.get("/a?" + "x" * 47)).status_code == 200
    problem(await http.get("/a?" + "x" * 49), 414)
    problem(await http.get("/a", headers={"x-long": "x" * 400}), 431)
    assert (await http.post("/b", json={"name": "x" * 17})).status_code == 200
    problem(await http.post("/b", json={"name": "x" * 31}), 413)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 10

    problem(await http.post("/b", content=pieces()), 413)


def _echo() -> Callable[..., Awaitable[Any]]:
    async def echo(body: dict[str, Any]) -> dict[str, Any]:
        return body

    return echo


async def test_a_handler_may_have_a_body_limit_of_its_own(client: Connect, book: Book) -> None:
    """From the document, and from the decorator, which wins."""
    item = {"post": book.operation("b", requestBody=BODY, **{"x-brrt-max-body": 30})}
    handlers = Handlers()
    handlers("b")(_echo())
    http = await client(App(book.spec(b=item), handlers))
    problem(await http.post("/b", json={"name": "x" * 31}), 413)
    handlers = Handlers()
    handlers("b", max_body=100)(_echo())
    http = await client(App(book.spec(b=item), handlers))
    assert (await http.post("/b", json={"name": "x" * 31})).status_code == 200


async def test_a_media_type_that_is_not_declared_is_415(client: Connect, book: Book) -> None:
    """The answer says what would have been accepted."""
    app = App(book.spec(a={"post": book.operation("a", requestBody=BODY)}), book.serve(a=_echo()))
    http = await client(app)
    for headers in ({"content-type": "text/plain"}, {}):
        response = await http.post("/a", content=b"{}", headers=headers)
        assert "application/json" in problem(response, 415)["detail"]
        assert response.headers["accept"] == "application/json"


@pytest.mark.parametrize("data", [b"{", b"", b"\xff", b'{"name": "xx"} trailing', b"[1,]"])
async def test_a_body_that_cannot_be_read_is_400(client: Connect, book: Book, data: bytes) -> None:
    """And so is one that is promised by its media type and then empty."""
    app = App(book.spec(a={"post": book.operation("a", requestBody=BODY)}), book.serve(a=_echo()))
    http = await client(app)
    response = await http.post("/a", content=data, headers={"content-type": "application/json"})
    assert problem(response, 400)["detail"]


async def test_all_violations_are_told_at_once(client: Connect, book: Book) -> None:
    """Path, query, header, cookie and body together, each with its place and keyword."""
    integer = {"type": "integer", "minimum": 1}
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": integer},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 10}},
        {"name": "tag", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "X-Level", "in": "header", "schema": {"enum": ["low", "high"]}},
        {"name": "color", "in": "cookie", "schema": {"type": "string", "minLength": 3}},
    ]
    operation = book.operation("a", parameters=parameters, requestBody=BODY)
    document = book.spec()
    document["paths"]["/a/{id}"] = {"post": operation}

    async def handler(id: int, body: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError("no request that breaks the document reaches a handler")

    app = App(document, book.serve(a=handler))
    http = await client(app)
    response = await http.post(
        "/a/0?limit=99",
        json={"name": "x", "age": "old"},
        headers={"x-level": "middle", "cookie": "color=no"},
    )
    errors = problem(response, 400)["errors"]
    found = {(one["in"], one["name"], one["pointer"], one["keyword"]) for one in errors}
    assert found == {
        ("path", "id", "", "minimum"),
        ("query", "limit", "", "maximum"),
        ("query", "tag", "", "required"),
        ("header", "X-Level", "", "enum"),
        ("cookie", "color", "", "minLength"),
        ("body", "", "/name", "minLength"),
        ("body", "", "/age", "type"),
    }
    assert all(one["message"] for one in errors)
    assert app.statistics().total.accepted == 0


async def test_a_list_of_violations_is_bounded(client: Connect, book: Book) -> None:
    """At most `max_errors` are shown, and the total is told."""
    schema = {"type": "array", "items": {"type": "integer"}}
    body = {"required": True, "content": {"application/json": {"schema": schema}}}

    async def handler(body: list[int]) -> dict[str, Any]:
        return {}

    app = App(
        book.spec(a={"post": book.operation("a", requestBody=body)}),
        book.serve(a=handler),
        limits=Limits(max_errors=3),
    )
    http = await client(app)
    document = problem(await http.post("/a", json=["x"] * 50), 400)
    assert (len(document["errors"]), document["total"]) == (3, 50)


# Errors


async def test_problems_are_told_as_they_are(client: Connect, book: Book) -> None:
    """Status, title, detail, type, members and headers; members do not hide the standard ones."""
    error = Problem(
        409,
        "Name taken",
        detail="there is a Rex already",
        type="https://example.com/taken",
        headers={"Retry-After": "7"},
        name="Rex",
        others=[1, 2],
    )
    http = await client(App(book.spec("a"), book.serve(a=raising(error))))
    response = await http.get("/a")
    assert response.json() == {
        "type": "https://example.com/taken",
        "title": "Name taken",
        "status": 409,
        "detail": "there is a Rex already",
        "name": "Rex",
        "others": [1, 2],
    }
    assert response.headers["retry-after"] == "7"
    assert response.headers["content-type"] == PROBLEM


@pytest.mark.parametrize(
    ("error", "status"), [(NotFound("no pet"), 404), (Conflict(), 409), (ServiceUnavailable(), 503)]
)
async def test_named_problems_have_their_status(
    client: Connect, book: Book, error: Problem, status: int
) -> None:
    """The argument is the detail; without it there is none."""
    http = await client(App(book.spec("a"), book.serve(a=raising(error))))
    document = problem(await http.get("/a"), status)
    assert document.get("detail") == error.detail


@pytest.mark.parametrize("status", [204, 304])
async def test_a_problem_without_content_announces_none(
    client: Connect, book: Book, wire: Call, status: int
) -> None:
    """A Content-Length that no content follows would break the connection."""
    app = App(book.spec("a"), book.serve(a=raising(Problem(status))))
    await client(app)
    request = wire(app, "GET", "/a")
    assert await request.status() == status
    assert request.sent[1]["body"] == b""
    assert b"content-length" not in dict(request.sent[0]["headers"])


async def test_errors_are_mapped_by_their_class(
    client: Connect, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """The nearest class of the MRO wins; a function may make the problem; others are 500."""

    class Missing(KeyError):
        pass

    class Rare(Missing):
        pass

    errors: Any = {
        LookupError: 404,
        Missing: 410,
        ValueError: lambda error: Problem(422, detail=str(error), given=error.args[0]),
    }
    app = App(
        book.spec("a", "b", "c", "d"),
        book.serve(
            a=raising(KeyError("x")),
            b=raising(Rare("y")),
            c=raising(ValueError("z")),
            d=raising(TypeError("not mapped")),
        ),
        errors=errors,
    )
    http = await client(app)
    assert problem(await http.get("/a"), 404)["detail"] == "'x'"
    problem(await http.get("/b"), 410)
    assert problem(await http.get("/c"), 422)["given"] == "z"
    assert "failed" not in caplog.text
    problem(await http.get("/d"), 500)
    assert "TypeError: not mapped" in caplog.text


async def test_a_500_is_opaque_and_carries_the_request_id(
    client: Connect, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """A harmless id of the client is used; one that could forge a log line is not."""
    http = await client(App(book.spec("a"), book.serve(a=raising(RuntimeError("secret")))))
    mine = await http.get("/a", headers={"x-request-id": "trace-42"})
    assert problem(mine, 500) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "request_id": "trace-42",
    }
    assert mine.headers["x-request-id"] == "trace-42"
    assert "(request trace-42)" in caplog.text
    forged = await http.get("/a", headers={"x-request-id": "a b(c)"})
    assert problem(forged, 500)["request_id"] != "a b(c)"
    assert "secret" not in mine.text + forged.text


async def test_a_full_queue_is_503_and_a_timeout_504(
    client: Connect, book: Book, wire: Call, until: Until
) -> None:
    """With Retry-After as the limits say."""
    gate = asyncio.Event()

    async def wait() -> dict[str, Any]:
        await gate.wait()
        return {}

    handlers = Handlers()
    handlers("a", workers=1, queue_size=1, timeout=0.05)(wait)
    app = App(book.spec("a"), handlers, limits=Limits(retry_after=9, disconnect_after=0.01))
    http = await client(app)
    first = wire(app, "GET", "/a")
    await until(lambda: app.statistics().total.busy)
    second = wire(app, "GET", "/a")
    await until(lambda: app.statistics().total.queued)
    shed = await http.get("/a")
    problem(shed, 503)
    assert shed.headers["retry-after"] == "9"
    assert [await first.status(), await second.status()] == [504, 504]


# Answers


@dataclass
class Pet:
    name: str
    age: int = 0


async def test_values_become_json_of_the_declared_status(client: Connect, book: Book) -> None:
    """Dicts, lists, dataclasses, numbers; the lowest 2xx that is declared."""
    values: dict[str, Any] = {"a": {"x": 1}, "b": [1, 2], "c": Pet("Rex"), "d": 1.5, "e": "text"}
    operations = {
        name: {"get": book.operation(name, responses=answers(s201="application/json"))}
        for name in values
    }
    handlers = book.serve(**{name: returning(value) for name, value in values.items()})
    http = await client(App(book.spec(**operations), handlers))
    for name, value in values.items():
        response = await http.get(f"/{name}")
        assert response.status_code == 201
        assert response.headers["content-type"] == "application/json"
        assert int(response.headers["content-length"]) == len(response.content)
        expected = {"name": "Rex", "age": 0} if name == "c" else value
        if name != "e":
            assert response.json() == expected
        else:
            assert response.json() == "text"


async def test_none_is_204(client: Connect, book: Book) -> None:
    """Where 204 is declared, or no content is."""
    app = App(
        book.spec(
            a={"get": book.operation("a", responses=answers(s204=None))},
            b={"get": book.operation("b", responses=answers(s200="application/json", s204=None))},
        ),
        book.serve(a=returning(None), b=returning(None)),
    )
    http = await client(app)
    for path in ("/a", "/b"):
        response = await http.get(path)
        assert (response.status_code, response.content) == (204, b"")
        assert "content-length" not in response.headers
        assert "content-type" not in response.headers


async def test_a_reply_chooses_status_headers_and_media_type(client: Connect, book: Book) -> None:
    """Among what is declared; its own Content-Type wins."""
    responses = answers(
        s200={"application/json": {}, "text/csv": {}}, s202="application/json", s303=None
    )
    replies = {
        "a": Reply({"x": 1}, status=202, headers={"Location": "/jobs/1", "X-One": "1"}),
        "b": Reply("1,2", media_type="text/csv"),
        "c": Reply("1;2", headers={"Content-Type": "text/csv; header=absent"}),
        "d": Reply(status=303, headers={"Location": "/a"}),
    }
    operations = {name: {"get": book.operation(name, responses=responses)} for name in replies}
    handlers = book.serve(**{name: returning(value) for name, value in replies.items()})
    http = await client(App(book.spec(**operations), handlers))
    first = await http.get("/a")
    assert (first.status_code, first.headers["location"]) == (202, "/jobs/1")
    second = await http.get("/b")
    assert (second.text, second.headers["content-type"]) == ("1,2", "text/csv; charset=utf-8")
    third = await http.get("/c")
    assert third.headers.get_list("content-type") == ["text/csv; header=absent"]
    fourth = await http.get("/d")
    assert (fourth.status_code, fourth.headers["location"], fourth.content) == (303, "/a", b"")


async def test_bytes_and_text_go_out_as_they_are(client: Connect, book: Book) -> None:
    """By the declared media type; JSON that is encoded already is not encoded twice."""
    app = App(
        book.spec(
            a={"get": book.operation("a", responses=answers(s200="image/png"))},
            b={"get": book.operation("b", responses=answers(s200="text/plain"))},
            c={"get": book.operation("c", responses=answers(s200="application/json"))},
        ),
        book.serve(a=returning(b"\x89PNG"), b=returning("grüezi"), c=returning(b'{"x": 1}')),
    )
    http = await client(app)
    png, text, encoded = [await http.get(path) for path in ("/a", "/b", "/c")]
    assert (png.content, png.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert (text.text, text.headers["content-type"]) == ("grüezi", "text/plain; charset=utf-8")
    assert encoded.json() == {"x": 1}


async def test_responses_of_starlette_send_themselves(client: Connect, book: Book) -> None:
    """Plain, redirecting and streaming."""

    async def numbers() -> AsyncIterator[str]:
        for number in range(3):
            yield str(number)

    async def stream() -> StreamingResponse:
        return StreamingResponse(numbers())

    app = App(
        book.spec("a", "b", "c"),
        book.serve(
            a=returning(PlainTextResponse("hi", 418)),
            b=returning(RedirectResponse("/a")),
            c=stream,
        ),
        validate_responses="off",
    )
    http = await client(app)
    assert ((await http.get("/a")).status_code, (await http.get("/a")).text) == (418, "hi")
    assert (await http.get("/b")).headers["location"] == "/a"
    assert (await http.get("/c")).text == "012"


async def test_responses_of_starlette_keep_the_contract(client: Connect, book: Book) -> None:
    """A status that the document does not know becomes a 500, whoever would send it."""
    app = App(book.spec("a"), book.serve(a=returning(PlainTextResponse("hi", 299))))
    assert (await (await client(app)).get("/a")).status_code == 500


async def test_what_is_the_servers_fault_stays_opaque(client: Connect, book: Book) -> None:
    """A class mapped to a 5xx tells the client no more than any failure does."""
    app = App(
        book.spec("a"), book.serve(a=raising(RuntimeError("password"))), errors={Exception: 503}
    )
    answer = await (await client(app)).get("/a")
    assert answer.status_code == 503
    assert "password" not in answer.text
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "options",
    [
        {"validate_responses": "Strict"},
        {"errors": {KeyError: "404"}},
        {"errors": {KeyError: 9999}},
        {"errors": {"KeyError": 404}},
        {"health": "health"},
        {"lifespan": 3},
        {"limits": {}},
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], book: Book) -> None:
    """A typo in an option is told when the app is built, and never switches a check off."""
    with pytest.raises(SettingError, match=next(iter(options))):
        App(book.spec(), **options)


@pytest.mark.parametrize("handlers", [print, [print], {"a": print}, 3])
def test_what_newcomers_try_first_is_explained(handlers: Any, book: Book) -> None:
    """Functions instead of a collection are refused with the cure."""
    with pytest.raises(TypeError, match="@handlers"):
        App(book.spec(), handlers)


async def test_a_stream_that_breaks_is_not_passed_off_as_complete(
    client: Connect, book: Book, wire: Call
) -> None:
    """Once a response has begun, its failure is the server's to see: never two responses."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise OSError("disk")

    async def stream() -> StreamingResponse:
        return StreamingResponse(broken())

    app = App(book.spec("a"), book.serve(a=stream))
    await client(app)
    request = wire(app, "GET", "/a")
    with pytest.raises(Exception, match="broke off"):
        await request.task
    kinds = [message["type"] for message in request.sent]
    assert kinds.count("http.response.start") == 1
    assert request.sent[-1].get("more_body") is True


BROKEN = json_of({"type": "object", "properties": {"x": {"type": "integer"}}})


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"x": "text"}, "/x"),
        (Reply({"x": 1}, status=418), "status 418 is not declared"),
        (Reply("x", media_type="text/csv"), "media type text/csv is not declared"),
    ],
)
async def test_an_answer_that_breaks_the_document(
    client: Connect, book: Book, caplog: pytest.LogCaptureFixture, value: Any, what: str
) -> None:
    """Strict: a 500, told to the log. Warn: goes out, told to the log. Off: goes out."""
    item = {"get": book.operation("a", responses=answers(s200=BROKEN))}
    statuses: dict[str, int] = {}
    logs: dict[str, str] = {}
    for mode in ("strict", "warn", "off"):
        caplog.clear()
        app = App(book.spec(a=item), book.serve(a=returning(value)), validate_responses=mode)
        http = await client(app)
        response = await http.get("/a")
        statuses[mode], logs[mode] = response.status_code, caplog.text
        if mode == "strict":
            assert what not in response.text
    expected = value.status if isinstance(value, Reply) and value.status else 200
    assert statuses == {"strict": 500, "warn": expected, "off": expected}
    assert what in logs["strict"]
    assert what in logs["warn"]
    assert logs["off"] == ""


async def test_what_cannot_become_json_is_a_500(client: Connect, book: Book) -> None:
    """In every mode, since there is nothing to send."""
    for mode in ("strict", "warn", "off"):
        app = App(
            book.spec("a", "b"),
            book.serve(a=returning(object()), b=returning(Reply({}, headers={"X": "\N{SNOWMAN}"}))),
            validate_responses=mode,
        )
        http = await client(app)
        problem(await http.get("/a"), 500)
        problem(await http.get("/b"), 500)


# What handlers get


class Store:
    """The state of an app under test."""

    def __init__(self) -> None:
        self.open = True


@asynccontextmanager
async def store_lifespan(app: App) -> AsyncIterator[Store]:
    store = Store()
    try:
        yield store
    finally:
        store.open = False


async def test_state_and_request_are_injected_by_type(client: Connect, book: Book) -> None:
    """Under any name; the request carries the contract's part of itself."""
    parameter = {"name": "n", "in": "query", "schema": {"type": "integer"}}

    async def handler(anything: Store, request: Request, n: int = 3) -> dict[str, Any]:
        return {
            "open": anything.open,
            "operation": request.operation.id,
            "parameters": request.parameters,
            "content": request.content,
            "agent": request.headers["user-agent"],
            "n": n,
        }

    app = App(
        book.spec(a={"post": book.operation("a", parameters=[parameter], requestBody=BODY)}),
        book.serve(a=handler),
        lifespan=store_lifespan,
    )
    http = await client(app)
    response = await http.post("/a?n=5", json={"name": "xx"}, headers={"user-agent": "tests"})
    assert response.json() == {
        "open": True,
        "operation": "a",
        "parameters": {"n": 5},
        "content": {"name": "xx"},
        "agent": "tests",
        "n": 5,
    }


async def test_handlers_stay_plain_coroutines() -> None:
    """The decorator returns the function; calling it is a unit test."""
    handlers = Handlers()

    @handlers
    async def get_pet(id: int) -> dict[str, Any]:
        return {"id": id}

    assert await get_pet(7) == {"id": 7}


# Changes


async def test_changes_before_the_start_are_changes_of_what_will_start(
    client: Connect, book: Book
) -> None:
    """`replace`, `remove` and `reload` on an app that does not run yet."""
    app = App(book.spec("a", "b"), book.serve(a=ok, b=ok))
    await app.replace("a", returning({"new": 1}))
    await app.remove("b")
    http = await client(app)
    assert (await http.get("/a")).json() == {"new": 1}
    assert (await http.get("/b")).status_code == 501
    book.rest(app, 1)


async def test_a_replacement_may_bring_limits_and_another_name_form(
    client: Connect, book: Book
) -> None:
    """`operationId` or snake_case; limits as in the decorator, checked like them."""
    document = book.spec()
    document["paths"]["/a"] = {"get": book.operation("getPet")}
    app = App(document, book.serve(get_pet=ok))
    http = await client(app)
    await app.replace("getPet", returning({"n": 1}), queue_size=1, workers=1)
    assert (await http.get("/a")).json() == {"n": 1}
    await app.replace("get_pet", returning({"n": 2}))
    assert (await http.get("/a")).json() == {"n": 2}
    with pytest.raises(SpecError, match="workers"):
        await app.replace("get_pet", returning({}), workers=0)
    with pytest.raises(LifecycleError, match="no operation 'nope'"):
        await app.replace("nope", ok)
    with pytest.raises(LifecycleError, match="no operation 'nope'"):
        await app.remove("nope")
    assert (await http.get("/a")).json() == {"n": 2}
    book.rest(app, 1)


async def test_what_was_removed_stays_removed_over_a_reload(client: Connect, book: Book) -> None:
    """Until a handler comes for it again; then everything is as before."""
    app = App(book.spec("a", "b"), book.serve(a=ok, b=ok))
    http = await client(app)
    await app.remove("b")
    await app.reload(book.spec("a", "b"))
    assert (await http.get("/b")).status_code == 501
    await app.replace("b", returning({"back": 1}))
    await app.reload(book.spec("a", "b"))
    assert (await http.get("/b")).json() == {"back": 1}
    book.rest(app, 2)


async def test_a_change_whose_handler_asks_for_the_wrong_state_is_refused(
    client: Connect, book: Book
) -> None:
    """Whether the lifespan says what it yields or not: nothing changes."""

    class Other:
        pass

    async def wrong(other: Other) -> dict[str, Any]:
        return {}

    @asynccontextmanager
    async def silent(app: App) -> AsyncIterator[Any]:
        yield Store()

    for lifespan, error in ((store_lifespan, SpecError), (silent, LifecycleError)):
        app = App(book.spec("a"), book.serve(a=ok), lifespan=lifespan)
        http = await client(app)
        with pytest.raises(error):
            await app.replace("a", wrong)
        with pytest.raises(error):
            await app.reload(handlers=book.serve(a=wrong))
        assert (await http.get("/a")).json() == {"ok": True}
        book.rest(app, 1)


async def test_a_reload_without_arguments_reads_the_file_again(
    client: Connect, book: Book, tmp_path: Any
) -> None:
    """Replaced handlers stay replaced; a file that is broken changes nothing."""
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(book.spec("a")))
    app = App(file, book.serve(a=ok), missing="501")
    http = await client(app)
    await app.replace("a", returning({"replaced": True}))
    file.write_text(json.dumps(book.spec("a", "b")))
    await app.reload()
    assert (await http.get("/a")).json() == {"replaced": True}
    assert (await http.get("/b")).status_code == 501
    file.write_text("{")
    with pytest.raises(SpecError):
        await app.reload()
    assert (await http.get("/a")).json() == {"replaced": True}


# Other protocols, health


async def test_websockets_are_refused_and_other_protocols_unknown(book: Book) -> None:
    """A handshake is refused before it is accepted, and the app is not started for it."""
    app = App(book.spec("a"), book.serve(a=ok))
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/a"}, receive, send)
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]
    assert not app.statistics().running
    with pytest.raises(NotImplementedError, match="'carrier pigeon'"):
        await app({"type": "carrier pigeon"}, receive, send)


async def test_health_tells_active_tasks_beside_handlers(client: Connect, book: Book) -> None:
    """At rest the two are equal."""
    app = App(book.spec("a", "b"), book.serve(a=ok, b=ok))
    http = await client(app)
    await http.get("/a")
    response = await http.get("/health")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert document["status"] == "ok"
    assert document["active"] == document["handlers"] == 2
    assert (document["busy"], document["queued"], document["generation"]) == (0, 0, 1)
    assert (await http.head("/health")).status_code == 200
    assert (await http.post("/health")).status_code == 404
    await app.aclose()
    stopped = await http.get("/health")
    assert (stopped.status_code, stopped.json()["status"]) == (503, "not running")


async def test_health_gives_way_to_the_document(client: Connect, book: Book) -> None:
    """A path of the document wins, a 404 of its handler included; and health can be moved."""
    app = App(book.spec("health"), book.serve(health=raising(NotFound("mine"))))
    http = await client(app)
    assert problem(await http.get("/health"), 404)["detail"] == "mine"
    moved = await client(App(book.spec("a"), book.serve(a=ok), health="/alive"))
    assert (await moved.get("/alive")).status_code == 200
    problem(await moved.get("/health"), 404)
    none = await client(App(book.spec("a"), book.serve(a=ok), health=None))
    problem(await none.get("/health"), 404)


async def test_an_app_tells_the_truth_about_itself(client: Connect, book: Book) -> None:
    """Its repr shows what runs."""
    app = App(book.spec("a"), book.serve(a=ok))
    assert "1 operations: not running" in repr(app)
    await client(app)
    assert "<Registry running: 1 handlers, 1 tasks" in repr(app)
    await app.aclose()
    assert "not running" in repr(app)


async def test_registering_twice_is_said_in_the_log(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """The second handler of a collection replaces the first; two collections are a fault."""
    caplog.set_level(logging.WARNING, "brrt")
    handlers = book.serve(a=ok)
    handlers("a")(returning({}))
    assert "Handler a was registered again" in caplog.text
    with pytest.raises(SpecError, match="has another handler at"):
        App(book.spec("a"), [handlers, book.serve(a=ok)])
