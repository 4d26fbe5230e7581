"""Names in the query that the operation does not know: let through, or refused."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, SettingError, SpecError

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]
STRING, INTEGER = {"type": "string"}, {"type": "integer"}
COLOR = {"type": "object", "properties": {"R": INTEGER, "G": INTEGER}}
KEYS = {
    "query": {"type": "apiKey", "in": "query", "name": "api_key"},
    "referred": {"$ref": "#/components/securitySchemes/query"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "basic": {"type": "http", "scheme": "basic"},
}


def parameter(name: str, schema: Any, **more: Any) -> Any:
    return {"name": name, "in": "query", "schema": schema, **more}


async def op() -> None:
    """Takes whatever the document allows."""


@pytest.fixture
def build(page: Page) -> Callable[..., App]:
    """An app with one operation."""

    def make(*parameters: Any, strict_query: Any = True, **members: Any) -> App:
        handlers = Handlers()
        handlers("op")(op)
        made = page.document(
            page.get(parameters=list(parameters), **members),
            components={"securitySchemes": KEYS},
        )
        return App(made, handlers, strict_query=strict_query)

    return make


async def refused(http: httpx.AsyncClient, query: str) -> list[str]:
    """The names that are refused."""
    response = await http.get(f"/x?{query}")
    if response.status_code in (200, 204):
        return []
    found = response.json()["errors"]
    assert response.status_code == 400
    assert {(one["in"], one["pointer"], one["keyword"]) for one in found} == {
        ("query", "", "unknown")
    }
    return [one["name"] for one in found]


@pytest.mark.parametrize(
    ("parameters", "query", "expected"),
    [
        ([], "", []),
        ([], "a", ["a"]),
        ([], "a=1&b=2&a=3", ["a", "b"]),
        ([parameter("limit", INTEGER)], "limit=1", []),
        ([parameter("limit", INTEGER)], "Limit=1&l%69mit=2&&", ["Limit"]),
        ([parameter("p", COLOR)], "R=1&G=2&B=3", ["B"]),
        ([parameter("p", COLOR)], "p=", []),
        ([parameter("p", COLOR, explode=False)], "p=R,1&R=1", ["R"]),
        ([parameter("p", COLOR | {"additionalProperties": INTEGER})], "x=1", []),
        ([parameter("p", COLOR | {"additionalProperties": False})], "x=1", ["x"]),
        ([parameter("p", COLOR, style="deepObject")], "p[R]=1&p%5BG%5D=2&p[x]=3", []),
        (
            [parameter("p", COLOR, style="deepObject")],
            "p=1&p[R=2&pp[R]=3&R=4&p[R]x=5",
            ["p", "p[R", "pp[R]", "R", "p[R]x"],
        ),
        ([], "api_key=1&X-Key=2", ["X-Key"]),
        ([parameter("p", COLOR | {"additionalProperties": INTEGER})], "api_key=secret", []),
        (
            [{"name": "p", "in": "query", "content": {"application/json": {"schema": COLOR}}}],
            "p={}&R=1",
            ["R"],
        ),
    ],
)
async def test_unknown_names(
    client: Connect, build: Any, parameters: Any, query: str, expected: list[str]
) -> None:
    """Each name that is no parameter's, no member's and no API key's is told, once."""
    assert await refused(await client(build(*parameters)), query) == expected


async def test_the_message_names_the_nearest(client: Connect, build: Any) -> None:
    """A slip of the pen gets a hint; a name like no other gets none, and long ones cost nothing."""
    long = parameter("l" * 99, INTEGER)
    http = await client(
        build(parameter("limit", INTEGER), parameter("p", COLOR, style="deepObject"), long)
    )
    response = await http.get("/x?limt=1&zzz=2&" + "l" * 98)
    messages = [one["message"] for one in response.json()["errors"]]
    assert messages[:2] == [
        'the operation has no query parameter "limt"; did you mean "limit"?',
        'the operation has no query parameter "zzz"',
    ]
    assert len(messages[2]) < 120
    assert "did you mean" not in messages[2]


async def test_unknown_names_are_told_with_the_rest(client: Connect, build: Any) -> None:
    """They are violations among others."""
    http = await client(build(parameter("limit", INTEGER, required=True)))
    response = await http.get("/x?limit=a&x=1")
    assert [one["keyword"] for one in response.json()["errors"]] == ["unknown", "type"]


@pytest.mark.parametrize(
    ("strict_query", "members", "expected"),
    [
        (False, {}, []),
        (True, {}, ["x"]),
        (False, {"x-brrt-strict-query": True}, ["x"]),
        (True, {"x-brrt-strict-query": False}, []),
    ],
)
async def test_who_decides(
    client: Connect, build: Any, strict_query: bool, members: Any, expected: list[str]
) -> None:
    """By default everything is let through; the app says otherwise, and the operation last."""
    http = await client(build(strict_query=strict_query, **members))
    assert await refused(http, "x=1") == expected


def test_what_it_cannot_be(build: Any) -> None:
    """Neither the app nor the document may say it by anything but true and false."""
    with pytest.raises(SettingError, match="strict_query cannot be 'yes'"):
        build(strict_query="yes")
    with pytest.raises(SpecError, match="x-brrt-strict-query of op is 'yes'"):
        build(**{"x-brrt-strict-query": "yes"})


async def test_a_reload_keeps_it(client: Connect, build: Any) -> None:
    """The option is the app's: a new document is served under it too."""
    app = build()
    http = await client(app)
    await app.reload()
    assert await refused(http, "x=1") == ["x"]
