"""A request is read as its operation says, and one answer tells all that is wrong with it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

import httpx
import pydantic
import pytest

from brrt import App, Handlers, Limits, Request

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]

OPEN = {"200": {"description": "ok", "content": {"application/json": {}}}}
INTEGER, STRING = {"type": "integer"}, {"type": "string"}
JSON = "application/json"


def parameter(name: str, location: str = "query", schema: Any = None, **more: Any) -> Any:
    required = location == "path"
    made = {"name": name, "in": location, "required": required, "schema": schema or STRING}
    return made | more


def content(schema: Any, media_type: str = JSON, **more: Any) -> dict[str, Any]:
    return {"content": {media_type: {"schema": schema}}, "required": True, **more}


async def echo(request: Request) -> dict[str, Any]:
    """What was read, before any hint."""
    body = request.content
    return {
        "parameters": dict(request.parameters),
        "body": repr(body) if isinstance(body, bytes) else body,
    }


@pytest.fixture
def serve(client: Connect, page: Page) -> Callable[..., Awaitable[httpx.AsyncClient]]:
    """A client of an app with one operation: its handler, its path and its members."""

    async def make(
        handler: Callable[..., Any] = echo,
        path: str = "/x",
        version: str = "3.1.0",
        root: Any = None,
        limits: Limits | None = None,
        **members: Any,
    ) -> httpx.AsyncClient:
        handlers = Handlers()
        handlers("op")(handler)
        operation = {"operationId": "op", "responses": OPEN, **members}
        made = page.document({"post": operation}, path=path, version=version, **(root or {}))
        return await client(App(made, handlers, limits=limits))

    return make


def errors(response: httpx.Response) -> list[tuple[str, str, str, str]]:
    """Place, name, pointer and keyword of each violation."""
    assert response.status_code == 400, response.text
    found = response.json()["errors"]
    return [(one["in"], one["name"], one["pointer"], one["keyword"]) for one in found]


def detail(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    found: str = response.json()["detail"]
    return found


async def test_everything_is_told_at_once(serve: Any) -> None:
    """Violations in path, query, header, cookie and body stand in one answer."""
    http = await serve(
        path="/x/{id}",
        parameters=[
            parameter("id", "path", INTEGER),
            parameter("limit", "query", INTEGER | {"maximum": 5}),
            parameter("tags", "query", {"type": "array", "items": INTEGER}),
            parameter("X-Id", "header", INTEGER, required=True),
            parameter("c", "cookie", INTEGER),
        ],
        requestBody=content({"properties": {"a": INTEGER, "b": INTEGER}}),
    )
    response = await http.post(
        "/x/a?limit=6&tags=1&tags=b", json={"a": "x", "b": "y"}, headers={"Cookie": "c=d"}
    )
    assert sorted(errors(response)) == [
        ("body", "", "/a", "type"),
        ("body", "", "/b", "type"),
        ("cookie", "c", "", "type"),
        ("header", "X-Id", "", "required"),
        ("path", "id", "", "type"),
        ("query", "limit", "", "maximum"),
        ("query", "tags", "/1", "type"),
    ]


async def test_what_cannot_be_decoded_is_told_with_the_rest(serve: Any) -> None:
    """Bytes that are no UTF-8 are one violation among others, and not said to be missing."""
    given = [
        parameter("a", required=True),
        parameter("b", schema=INTEGER, required=True),
        parameter("j", content={JSON: {"schema": {}}}),
    ]
    del given[2]["schema"]
    http = await serve(parameters=given)
    assert errors(await http.post("/x?a=%FF&b=c&j={")) == [
        ("query", "a", "", "encoding"),
        ("query", "j", "", "encoding"),
        ("query", "b", "", "type"),
    ]


async def test_names_are_those_of_the_document(serve: Any) -> None:
    """The request object holds checked values by the document's names; absent ones are absent."""
    http = await serve(
        parameters=[
            parameter("petId", schema=INTEGER),
            parameter("X-Id", "header", INTEGER),
            parameter("none"),
            parameter("size", schema={"type": "array", "items": INTEGER, "default": [1]}),
        ]
    )
    response = await http.post("/x?petId=1&other=2", headers={"x-id": "3"})
    assert response.json()["parameters"] == {"petId": 1, "X-Id": 3, "size": [1]}


async def test_a_default_is_a_fresh_value(serve: Any) -> None:
    """A handler that changes a default changes it for nobody else."""

    async def op(size: list[Any]) -> list[Any]:
        size.append(2)
        return size

    http = await serve(op, parameters=[parameter("size", schema={"type": "array", "default": [1]})])
    for _ in range(2):
        assert (await http.post("/x")).json() == [1, 2]


async def test_a_required_parameter_is_required_whatever_its_default(serve: Any) -> None:
    """`default` is for what may be left out, and has no meaning for what may not."""
    schema = INTEGER | {"default": 5}
    http = await serve(parameters=[parameter("n", schema=schema, required=True)])
    assert errors(await http.post("/x")) == [("query", "n", "", "required")]


async def test_absent_values(serve: Any) -> None:
    """What is absent is the handler's own default, or else None."""

    async def op(a: int | None, b: int = 7, body: dict[str, Any] | None = None) -> list[Any]:
        return [a, b, body]

    given = [parameter("a", schema=INTEGER), parameter("b", schema=INTEGER)]
    body = content({"type": "object"}, required=False)
    http = await serve(op, parameters=given, requestBody=body)
    assert (await http.post("/x")).json() == [None, 7, None]
    assert (await http.post("/x?a=1&b=2", json={})).json() == [1, 2, {}]


async def test_allow_empty_value(serve: Any) -> None:
    """With `allowEmptyValue` the empty text is not checked by the schema, and all else is."""
    http = await serve(parameters=[parameter("n", schema=INTEGER, allowEmptyValue=True)])
    assert (await http.post("/x?n=")).json()["parameters"] == {"n": ""}
    assert (await http.post("/x?n=5")).json()["parameters"] == {"n": 5}
    assert errors(await http.post("/x?n=a")) == [("query", "n", "", "type")]


async def test_parameters_serialised_by_media_type(serve: Any) -> None:
    """JSON in a query is decoded once, checked, and told apart from broken JSON."""
    given = parameter("f", content={JSON: {"schema": {"properties": {"a": INTEGER}}}})
    del given["schema"]
    http = await serve(parameters=[given])
    response = await http.post("/x", params={"f": '{"a": 1}'})
    assert response.json()["parameters"] == {"f": {"a": 1}}
    assert errors(await http.post("/x", params={"f": '{"a": "b"}'})) == [
        ("query", "f", "/a", "type")
    ]
    broken = await http.post("/x", params={"f": "{"})
    assert detail(broken, 400).startswith("f: not valid JSON")
    deep = await http.post("/x", params={"f": "[" * 600 + "]" * 600})
    assert deep.status_code in (200, 400)


@pytest.mark.parametrize("location", ["path", "query", "header", "cookie"])
async def test_json_in_every_place(serve: Any, location: str) -> None:
    """`content` is read in every place, by that place's own escapes."""
    schema = {"properties": {"a": {"type": "array", "items": STRING}}}
    given = parameter("f", location, content={JSON: {"schema": schema}})
    del given["schema"]
    http = await serve(path="/x/{f}" if location == "path" else "/x", parameters=[given])

    async def send(text: str) -> httpx.Response:
        escaped = quote(text, safe="")
        url = {"path": f"/x/{escaped}", "query": f"/x?f={escaped}"}.get(location, "/x")
        headers = {"header": {"F": text.encode()}, "cookie": {"Cookie": f"f={escaped}"}}
        response: httpx.Response = await http.post(url, headers=headers.get(location))
        return response

    value = {"a": ["é,;+ %41&=/", "2"]}
    text = json.dumps(value, ensure_ascii=False)
    assert (await send(text)).json()["parameters"] == {"f": value}
    assert errors(await send('{"a": [1]}')) == [(location, "f", "/a/0", "type")]
    assert errors(await send("{")) == [(location, "f", "", "encoding")]


@pytest.mark.parametrize(
    ("media_type", "schema", "text", "expected"),
    [
        ("text/plain", INTEGER, "5", 5),
        ("text/plain", STRING, "a+b%2B", "a b+"),
        ("application/x-www-form-urlencoded", {"properties": {"n": INTEGER}}, "n%3D1", {"n": 1}),
        ("application/x-www-form-urlencoded", {}, "%C3%A9%3D%25C3%25A9", {"é": "é"}),
        ("application/vnd.pet+json", {"type": "array"}, "[1]", [1]),
        ("application/xml", {"type": "object"}, "%3Ca/%3E", "<a/>"),
        ("application/xml", STRING | {"maxLength": 9}, "%3Ca/%3E", "<a/>"),
        ("*/*", {}, "x", "x"),
    ],
)
async def test_media_types_of_parameters(
    serve: Any, media_type: str, schema: Any, text: str, expected: Any
) -> None:
    """JSON and forms become values; of a type that nobody can read, the text is handed on."""
    given = parameter("f", content={media_type: {"schema": schema}})
    del given["schema"]
    http = await serve(parameters=[given])
    assert (await http.post(f"/x?f={text}")).json()["parameters"] == {"f": expected}


async def test_a_parameter_by_media_type_comes_once(serve: Any) -> None:
    """It has no form for several values, and none for an empty one."""
    given = parameter("f", content={JSON: {"schema": {"default": {"a": [1]}}}})
    del given["schema"]
    http = await serve(parameters=[given])
    response = await http.post("/x?f=1&f=2")
    assert errors(response) == [("query", "f", "", "encoding")]
    assert response.json()["errors"][0]["message"] == "f: sent more than once"
    assert errors(await http.post("/x?f=")) == [("query", "f", "", "encoding")]
    assert (await http.post("/x")).json()["parameters"] == {"f": {"a": [1]}}
    http = await serve(parameters=[given | {"allowEmptyValue": True}])
    assert (await http.post("/x?f=")).json()["parameters"] == {"f": ""}


async def test_defaults_of_structures(serve: Any) -> None:
    """Arrays, exploded objects and deepObjects have defaults too, in every place."""
    numbers = {"type": "array", "items": INTEGER}
    color = {"type": "object", "properties": {"R": INTEGER}, "default": {"R": 5}}
    http = await serve(
        parameters=[
            parameter("q", schema=numbers | {"default": []}),
            parameter("o", schema=color),
            parameter("d", schema=color, style="deepObject"),
            parameter("H", "header", numbers | {"default": [1]}),
            parameter("c", "cookie", color),
        ]
    )
    assert (await http.post("/x")).json()["parameters"] == {
        "q": [],
        "o": {"R": 5},
        "d": {"R": 5},
        "H": [1],
        "c": {"R": 5},
    }
    response = await http.post("/x?R=1&d[R]=2&q=3", headers={"H": "4, 5", "Cookie": "R=6"})
    assert response.json()["parameters"] == {
        "q": [3],
        "o": {"R": 1},
        "d": {"R": 2},
        "H": [4, 5],
        "c": {"R": 6},
    }


async def test_one_name_in_several_places(serve: Any) -> None:
    """Both values reach the handler: a name that is not enough has its place before it."""
    http = await serve(
        path="/x/{id}",
        parameters=[
            parameter("id", "path", INTEGER),
            parameter("id", "query", INTEGER),
            parameter("id", "header", STRING),
            parameter("Id", "query", INTEGER),
        ],
    )
    response = await http.post("/x/1?id=2&Id=3", headers={"ID": "4"})
    assert response.json()["parameters"] == {
        "path.id": 1,
        "query.id": 2,
        "header.id": "4",
        "Id": 3,
    }
    assert (await http.post("/x/1")).json()["parameters"] == {"path.id": 1}


async def test_headers(serve: Any) -> None:
    """Names in any case; lines of one name are one list, and too many for a single value."""
    http = await serve(
        parameters=[
            parameter("X-Ids", "header", {"type": "array", "items": INTEGER}),
            parameter("x-one", "header", INTEGER),
        ]
    )
    response = await http.post("/x", headers=[("x-iDS", "1,2"), ("X-Ids", "3"), ("X-ONE", "4")])
    assert response.json()["parameters"] == {"X-Ids": [1, 2, 3], "x-one": 4}
    response = await http.post("/x", headers=[("X-Ids", ""), ("X-One", "1"), ("X-One", "2")])
    assert errors(response) == [("header", "x-one", "", "type")]


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        (INTEGER, str(2**53 + 1), 2**53 + 1),
        (INTEGER, "-" + "9" * 30, -int("9" * 30)),
        (INTEGER, "1e3", None),
        (INTEGER, "1.0", None),
        (INTEGER, "%2B1", None),
        (INTEGER, "", None),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "number"}, "-1.5E-3", -0.0015),
        ({"type": "number"}, "1e999", None),
        ({"type": "number"}, "NaN", None),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "False", None),
        ({"type": "boolean"}, "1", None),
        (STRING, "", ""),
        (STRING | {"minLength": 1}, "", None),
        (STRING, "a%2Bb+c%20d", "a+b c d"),
        (STRING, "%00", "\0"),
        (STRING, "%C3%A9%F0%9F%8E%A8", "é🎨"),
        (STRING, "%", "%"),
        (STRING, "%FF", None),
        (STRING, "%ED%A0%80", None),
        (STRING, "x&v=y", None),
    ],
)
async def test_values_on_the_wire(serve: Any, schema: Any, text: str, expected: Any) -> None:
    """A value is exactly what was sent, or 400: nothing is rounded, guessed or repaired."""
    http = await serve(parameters=[parameter("v", schema=schema)])
    response = await http.post(f"/x?v={text}")
    if expected is None:
        assert len(errors(response)) == 1
    else:
        assert response.json()["parameters"] == {"v": expected}
        assert type(response.json()["parameters"]["v"]) is type(expected)


async def test_a_server_variable_in_the_path(client: Connect, page: Page) -> None:
    """A base path with a variable nobody described does not shift the path's own."""
    handlers = Handlers()
    handlers("op")(echo)
    operation = {"operationId": "op", "responses": OPEN, "parameters": [parameter("id", "path")]}
    servers = [{"url": "https://a.example/{tenant}"}]
    made = page.document({"post": operation}, path="/x/{id}", servers=servers)
    http = await client(App(made, handlers, strict=False))
    assert (await http.post("/acme/x/7")).json()["parameters"] == {"id": "7"}


# Conversion to hints


class Color(Enum):
    RED = "red"


@dataclass
class Pet:
    name: str
    age: int = 0
    born: date | None = None


class Owner(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(default=0, ge=0)
    pets: list["Owner"] = []


async def test_hints_convert(serve: Any) -> None:
    """Each hint of the documentation gets a value of its type."""

    async def op(
        i: int,
        f: float,
        b: bool,
        d: date,
        u: UUID,
        m: Decimal,
        c: Color,
        k: Literal["x", "y"],
        t: list[Color],
    ) -> list[str]:
        return [repr(one) for one in (i, f, b, d, u, m, c, k, t)]

    schemas = {
        "i": INTEGER,
        "f": {"type": "number"},
        "b": {"type": "boolean"},
        "d": STRING | {"format": "date"},
        "u": STRING | {"format": "uuid"},
        "m": STRING | {"format": "decimal"},
        "c": STRING | {"enum": ["red"]},
        "k": STRING | {"enum": ["x", "y"]},
        "t": {"type": "array", "items": STRING | {"enum": ["red"]}},
    }
    given = [parameter(name, schema=schema, required=True) for name, schema in schemas.items()]
    http = await serve(op, parameters=given)
    query = f"i=1&f=2&b=true&d=2020-02-29&u={UUID(int=1)}&m=1.10&c=red&k=y&t=red&t=red"
    response = await http.post("/x?" + query)
    assert response.json() == [
        "1",
        "2.0",
        "True",
        "datetime.date(2020, 2, 29)",
        f"UUID('{UUID(int=1)}')",
        "Decimal('1.10')",
        "<Color.RED: 'red'>",
        "'y'",
        "[<Color.RED: 'red'>, <Color.RED: 'red'>]",
    ]
    wrong = query.replace("c=red", "c=blue").replace("d=2020-02-29", "d=today")
    assert errors(await http.post("/x?" + wrong)) == [
        ("query", "d", "", "format"),
        ("query", "c", "", "enum"),
    ]


@pytest.mark.parametrize("hint", [Pet, Owner, Pet | None, Owner | None, list[Pet], list[Owner]])
async def test_models(serve: Any, hint: Any) -> None:
    """A body becomes a model, alone or in a list; what it refuses is told with its place."""

    async def op(body: Any) -> str:
        return repr(body)

    op.__annotations__["body"] = hint
    http = await serve(op, requestBody=content({}))
    is_list = str(hint).startswith("list")
    good: Any = {"name": "Tom", "age": 1}
    bad: Any = {"name": "Tom", "age": "x"}
    response = await http.post("/x", json=[good] if is_list else good)
    assert "(name='Tom', age=1" in response.json()
    response = await http.post("/x", json=[bad] if is_list else bad)
    assert errors(response) == [("body", "", "/0/age" if is_list else "/age", "conversion")]
    message = response.json()["errors"][0]["message"]
    assert message.startswith("0.age: " if is_list else "age: ")
    assert "pydantic" not in message
    assert "$" not in message


async def test_all_that_a_model_refuses(serve: Any) -> None:
    """Pydantic tells everything at once, and so does the answer."""

    async def op(body: Owner) -> None: ...

    properties: Any = {"name": STRING, "age": INTEGER}
    pet = {"type": "object", "required": ["name"], "properties": dict(properties)}
    properties["pets"] = {"type": "array", "items": pet}
    http = await serve(op, requestBody=content(pet | {"properties": properties}))
    pets = [{"name": "U", "age": -2}]
    response = await http.post("/x", json={"name": "T", "age": -1, "pets": pets})
    assert [one[2] for one in errors(response)] == ["/age", "/pets/0/age"]


# Bodies


async def test_media_types(serve: Any) -> None:
    """The type of the body picks the entry: exact, by range, or 415 with what is accepted."""
    http = await serve(
        requestBody={
            "required": True,
            "content": {
                "text/*": {"schema": {"type": "string", "maxLength": 3}},
                "application/json": {"schema": {"type": "object"}},
                "application/vnd.pet+json; version=1": {"schema": {"type": "array"}},
                "image/png": {},
            },
        }
    )

    async def send(data: bytes, media_type: str | None) -> httpx.Response:
        headers = {"Content-Type": media_type} if media_type else {}
        response: httpx.Response = await http.post("/x", content=data, headers=headers)
        return response

    assert (await send(b"{}", "Application/JSON; charset=utf-8")).json()["body"] == {}
    assert (await send(b"[1]", "application/vnd.pet+json")).json()["body"] == [1]
    assert (await send(b"{}", "application/vnd.pet+json")).status_code == 400
    assert (await send("é".encode(), "text/plain")).json()["body"] == "é"
    assert errors(await send(b"long", "text/csv")) == [("body", "", "", "maxLength")]
    assert (await send(b"\xff", "image/png")).json()["body"] == repr(b"\xff")
    for media_type in ("application/xml", "image/gif", "nonsense", None):
        response = await send(b"<a/>", media_type)
        assert detail(response, 415).startswith(f"got {media_type or 'no Content-Type'}; send ")
        assert "application/json" in response.headers["accept"]


@pytest.mark.parametrize("declared", ["text/json", "text/*", "*/*"])
async def test_json_that_calls_itself_text(serve: Any, declared: str) -> None:
    """`text/json` is JSON (WHATWG MIME Sniffing, 4.6): decoded and checked, no text."""
    http = await serve(requestBody=content({"properties": {"a": INTEGER}}, declared))
    headers = {"Content-Type": "text/json; charset=utf-8"}
    sent = await http.post("/x", content=b'{"a": 1}', headers=headers)
    assert sent.json()["body"] == {"a": 1}
    bad = await http.post("/x", content=b'{"a": "b"}', headers=headers)
    assert errors(bad) == [("body", "", "/a", "type")]


@pytest.mark.parametrize("declared", ["*/*", "application/*"])
async def test_a_range_is_read_by_what_was_sent(serve: Any, declared: str) -> None:
    """Under a range JSON is JSON and is checked, a form is a form, and the rest stays bytes."""
    http = await serve(requestBody=content({"properties": {"a": INTEGER}}, declared))
    assert (await http.post("/x", json={"a": 1})).json()["body"] == {"a": 1}
    assert errors(await http.post("/x", json={"a": "b"})) == [("body", "", "/a", "type")]
    merge = {"Content-Type": "application/merge-patch+json"}
    assert (await http.post("/x", content=b'{"a": 1}', headers=merge)).json()["body"] == {"a": 1}
    assert (await http.post("/x", data={"a": "1"})).json()["body"] == {"a": 1}
    zipped = {"Content-Type": "application/zip"}
    assert (await http.post("/x", content=b"\xff", headers=zipped)).json()["body"] == "b'\\xff'"


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        ("text/plain", "é".encode()),
        ("text/plain; charset=iso-8859-1", b"\xe9"),
        ('text/plain; charset="UTF-16"', "é".encode("utf-16")),
        ("text/plain; charset", "é".encode()),
    ],
)
async def test_charsets(serve: Any, media_type: str, data: bytes) -> None:
    """Text is read in the charset that the request names."""
    http = await serve(requestBody=content(STRING, "text/plain"))
    response = await http.post("/x", content=data, headers={"Content-Type": media_type})
    assert response.json()["body"] == "é"


async def test_charsets_that_fail(serve: Any) -> None:
    """An unknown charset and bytes outside a known one are told as such."""
    http = await serve(requestBody=content(STRING, "text/plain; charset=us-ascii"))
    unknown = {"Content-Type": "text/plain; charset=klingon"}
    assert "unknown charset" in detail(await http.post("/x", content=b"a", headers=unknown), 400)
    plain = {"Content-Type": "text/plain"}
    response = await http.post("/x", content=b"\xe9", headers=plain)
    assert detail(response, 400).startswith("the body is not valid us-ascii")


@pytest.mark.parametrize("data", [b"{", b"\xff", b"NaN", b"1e999", b"9" * 5000, b'"\\ud800"', b" "])
async def test_unreadable_json(serve: Any, data: bytes) -> None:
    """What is no JSON is 400, whatever the schema."""
    http = await serve(requestBody=content(True))
    response = await http.post("/x", content=data, headers={"Content-Type": JSON})
    assert detail(response, 400).startswith("the body is not valid JSON")


async def test_numbers(serve: Any) -> None:
    """Large numbers arrive with all their digits and are measured exactly."""
    http = await serve(requestBody=content(INTEGER | {"maximum": 10**30}))
    headers = {"Content-Type": JSON}
    body = str(10**30).encode()
    response = await http.post("/x", content=body, headers=headers)
    assert response.json()["body"] == 10**30
    body = str(10**30 + 1).encode()
    assert errors(await http.post("/x", content=body, headers=headers)) == [
        ("body", "", "", "maximum")
    ]


async def test_repeated_names(serve: Any) -> None:
    """The handler gets the value that was checked."""
    http = await serve(requestBody=content({"properties": {"a": INTEGER}}))
    headers = {"Content-Type": JSON}
    response = await http.post("/x", content=b'{"a": "x", "a": 1}', headers=headers)
    assert response.json()["body"] == {"a": 1}
    response = await http.post("/x", content=b'{"a": 1, "a": "x"}', headers=headers)
    assert errors(response) == [("body", "", "/a", "type")]


@pytest.mark.parametrize(
    "schema", [{"type": "object"}, {"items": {"$ref": "#/components/schemas/T"}}]
)
@pytest.mark.parametrize("depth", [300, 600, 100_000])
async def test_deep_json(serve: Any, schema: Any, depth: int) -> None:
    """Nesting beyond what the engine can walk is the client's fault, not a crash."""
    tree = {"T": {"type": "array", "items": {"$ref": "#/components/schemas/T"}, "maxItems": 1}}
    http = await serve(requestBody=content(schema), root={"components": {"schemas": tree}})
    inner = b"[1, 1]" if "items" in schema else b""
    data = b"[" * depth + inner + b"]" * depth
    response = await http.post("/x", content=data, headers={"Content-Type": JSON})
    assert response.status_code == 400


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("headers", [{}, {"Content-Type": JSON}])
async def test_no_body(serve: Any, required: bool, headers: dict[str, str]) -> None:
    """An empty body is no body, also where a client says that it is JSON."""
    http = await serve(requestBody=content({"type": "object"}, required=required))
    response = await http.post("/x", headers=headers)
    if required:
        assert errors(response) == [("body", "", "", "required")]
    else:
        assert response.json()["body"] is None


async def test_empty_text_is_text(serve: Any) -> None:
    """For a type that can be empty, nothing is a value."""
    http = await serve(requestBody=content(STRING, "text/plain", required=False))
    response = await http.post("/x", headers={"Content-Type": "text/plain"})
    assert response.json()["body"] == ""


async def test_forms(serve: Any) -> None:
    """A form's members are typed by the schema."""
    schema = {
        "properties": {"n": INTEGER, "tags": {"type": "array", "items": INTEGER}, "name": STRING},
        "required": ["n"],
    }
    http = await serve(requestBody=content(schema, "application/x-www-form-urlencoded"))
    response = await http.post("/x", data={"n": "1", "tags": ["1", "2"], "name": "a b&c"})
    assert response.json()["body"] == {"n": 1, "tags": [1, 2], "name": "a b&c"}
    assert errors(await http.post("/x", data={"tags": ["a"]})) == [
        ("body", "", "", "required"),
        ("body", "", "/tags/0", "type"),
    ]


async def test_a_large_broken_body_is_refused_at_once(serve: Any) -> None:
    """Explaining all that is wrong with 1 MiB would stop every other request."""
    http = await serve(requestBody=content({"type": "array", "items": STRING}))
    response = await http.post("/x", json=[1] * 300_000)
    assert errors(response) == [("body", "", "", "size")]
    assert len(response.content) < 1_000


async def test_violations_are_shown_up_to_a_limit(serve: Any) -> None:
    """Beyond `max_errors` they are counted only."""
    schema = {"type": "array", "items": STRING}
    http = await serve(requestBody=content(schema), limits=Limits(max_errors=2))
    response = await http.post("/x", json=[1, 2, 3])
    assert len(errors(response)) == 2
    assert response.json()["total"] == 3
