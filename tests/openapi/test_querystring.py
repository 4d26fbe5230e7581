"""3.2's querystring: the whole query string is one value, in the media type that is declared."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from brrt import App, Handlers, Request

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]
FORM, JSON, PLAIN = "application/x-www-form-urlencoded", "application/json", "text/plain"
STRING, INTEGER = {"type": "string"}, {"type": "integer"}
FILTER = {"type": "object", "properties": {"n": INTEGER, "tags": {"type": "array"}}}


async def echo(request: Request) -> Any:
    """What was read."""
    return dict(request.parameters)


@pytest.fixture
def serve(client: Connect, page: Page) -> Callable[..., Awaitable[httpx.AsyncClient]]:
    """A client of an app with one querystring parameter."""

    async def make(
        media_type: str, schema: Any, handler: Any = echo, strict: bool = False, **more: Any
    ) -> httpx.AsyncClient:
        handlers = Handlers()
        handlers("op")(handler)
        encoding = {"encoding": more.pop("encoding")} if "encoding" in more else {}
        content = {media_type: {"schema": schema, **encoding}}
        given = {"name": "q", "in": "querystring", "content": content, **more}
        made = page.document(
            page.get(
                parameters=[given],
                responses={"200": {"description": "ok", "content": {JSON: {}}}},
            ),
            version="3.2.0",
        )
        return await client(App(made, handlers, strict_query=strict))

    return make


async def ask(http: httpx.AsyncClient, raw: str) -> httpx.Response:
    return await http.get(httpx.URL("http://test/x", query=raw.encode()))


def errors(response: httpx.Response) -> list[tuple[str, str, str, str]]:
    assert response.status_code == 400, response.text
    found = response.json()["errors"]
    return [(one["in"], one["name"], one["pointer"], one["keyword"]) for one in found]


@pytest.mark.parametrize(
    ("media_type", "schema", "raw", "expected"),
    [
        (FORM, FILTER, "n=1&tags=a&tags=b&x=c+d", {"n": 1, "tags": ["a", "b"], "x": "c d"}),
        (JSON, FILTER, quote('{"n": 1, "tags": ["é+"]}'), {"n": 1, "tags": ["é+"]}),
        (JSON, FILTER, "{%22tags%22:[%22a+b%22],%22n%22:1}", {"n": 1, "tags": ["a+b"]}),
        ("application/vnd.x+json", {}, "1e%2B2", 100.0),
        (PLAIN, STRING, "a+b%20c&d=%26", "a+b c&d=&"),
        (PLAIN, INTEGER, "42", 42),
        ("application/xml", STRING, "%3Ca/%3E", "<a/>"),
        ("application/xml", FILTER, "%3Ca/%3E", "<a/>"),
    ],
)
async def test_media_types(
    serve: Any, media_type: str, schema: Any, raw: str, expected: Any
) -> None:
    """A form and JSON become values, everything else is text; only a form has plus for space."""
    response = await ask(await serve(media_type, schema), raw)
    assert response.json() == {"q": expected}


async def test_encoding(serve: Any) -> None:
    """A form in the query obeys its Encoding Objects like one in a body."""
    schema = {"properties": {"p": {"type": "object", "properties": {"x": INTEGER}}}}
    http = await serve(FORM, schema, encoding={"p": {"style": "deepObject"}})
    assert (await ask(http, "p[x]=1")).json() == {"q": {"p": {"x": 1}}}


async def test_violations(serve: Any) -> None:
    """What breaks the schema, and what is not of the media type, is told with its place."""
    http = await serve(FORM, FILTER)
    assert errors(await ask(http, "n=x")) == [("querystring", "q", "/n", "type")]
    assert errors(await ask(http, "n=%FF&tags=%FE")) == [
        ("querystring", "q", "/n", "encoding"),
        ("querystring", "q", "/tags", "encoding"),
    ]
    assert errors(await ask(http, "&a" * 1001)) == [("querystring", "q", "", "encoding")]
    http = await serve(JSON, FILTER)
    assert errors(await ask(http, "{")) == [("querystring", "q", "", "encoding")]
    assert errors(await ask(http, "%FF")) == [("querystring", "q", "", "encoding")]


async def test_absent(serve: Any) -> None:
    """An empty query string is no value: the default counts, or it is missing."""
    http = await serve(JSON, FILTER | {"default": {"n": 7}})
    assert (await http.get("/x?")).json() == {"q": {"n": 7}}
    for media_type in (FORM, JSON, PLAIN):
        http = await serve(media_type, FILTER, required=True)
        assert errors(await http.get("/x")) == [("querystring", "q", "", "required")]


async def test_it_binds_by_name(serve: Any) -> None:
    """A handler takes the whole value under the parameter's name."""

    async def op(q: dict[str, Any]) -> Any:
        return q

    http = await serve(FORM, FILTER, op, required=True)
    assert (await ask(http, "n=1")).json() == {"n": 1}


async def test_strict_query_leaves_it_to_the_schema(serve: Any) -> None:
    """What names a querystring may hold is for its own schema to say."""
    http = await serve(FORM, FILTER, strict=True)
    assert (await ask(http, "x=1")).json() == {"q": {"x": "1"}}
    http = await serve(FORM, FILTER | {"additionalProperties": False}, strict=True)
    assert errors(await ask(http, "x=1")) == [("querystring", "q", "", "additionalProperties")]
