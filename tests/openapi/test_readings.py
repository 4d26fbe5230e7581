"""Where a schema leaves a choice, a text becomes what the schema allows."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, Request
from brrt.openapi.document import load
from brrt.openapi.parameters import query_decoder
from brrt.openapi.readings import MAX_READINGS, other_shapes
from brrt.openapi.schema_shapes import read_shape
from brrt.openapi.shapes import MISSING, Shape
from brrt.openapi.wire import parse_query

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]
STRING, INTEGER, BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
NUMBER, NULL = {"type": "number"}, {"type": "null"}
JSON = {"200": {"description": "ok", "content": {"application/json": {}}}}
LARGE = {"type": "integer", "minimum": 10}
DIGIT = {"type": "string", "pattern": "^[0-9]$"}
CAT = {
    "type": "object",
    "required": ["kind", "size"],
    "properties": {"kind": {"const": "cat"}, "size": INTEGER},
}
DOG = {
    "type": "object",
    "required": ["kind", "size"],
    "properties": {"kind": {"const": "dog"}, "size": STRING, "age": INTEGER},
}
REFUSED = object()


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


@pytest.fixture
def read(client: Connect, page: Page) -> Callable[..., Awaitable[Any]]:
    """What the query parameter `p` becomes, or REFUSED."""

    async def make(raw: str, schema: Any, version: str = "3.1.0", **more: Any) -> Any:
        async def op(request: Request) -> Any:
            return dict(request.parameters)

        handlers = Handlers()
        handlers("op")(op)
        given = {"name": "p", "in": "query", "schema": schema, **more}
        made = page.document(page.get(parameters=[given], responses=JSON), version=version)
        response = await (await client(App(made, handlers))).get(f"/x?{raw}")
        if response.status_code == 400:
            return REFUSED
        assert response.status_code == 200, response.text
        return response.json()["p"]

    return make


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        ({"anyOf": [INTEGER, STRING]}, "5", 5),
        ({"anyOf": [STRING, INTEGER]}, "5", "5"),
        ({"oneOf": [INTEGER, STRING]}, "5", 5),
        ({"oneOf": [STRING, INTEGER]}, "a", "a"),
        ({"anyOf": [INTEGER, STRING, BOOLEAN]}, "true", "true"),
        ({"anyOf": [INTEGER, BOOLEAN, STRING]}, "true", True),
        ({"anyOf": [INTEGER, BOOLEAN]}, "x", REFUSED),
        ({"type": ["integer", "string"]}, "5", 5),
        ({"type": ["string", "integer"]}, "5", 5),
        ({"type": ["string", "integer"]}, "x", "x"),
        ({"type": ["boolean", "integer", "null"]}, "", None),
        ({"type": ["string", "null"]}, "", ""),
        ({"anyOf": [INTEGER, NULL]}, "", None),
        ({"anyOf": [STRING, NULL]}, "", ""),
        ({"anyOf": [STRING | {"minLength": 1}, NULL]}, "", None),
        ({"type": ["string", "null"], "format": "date"}, "", None),
        ({"type": "string", "format": "date"}, "", REFUSED),
        ({"enum": ["1", 2, True, None, "x"]}, "1", "1"),
        ({"enum": ["1", 2, True, None, "x"]}, "2", 2),
        ({"enum": ["1", 2, True, None, "x"]}, "true", True),
        ({"enum": ["1", 2, True, None, "x"]}, "", None),
        ({"enum": ["1", 2, True, None, "x"]}, "3", REFUSED),
        ({"enum": ["5", 5]}, "5", 5),
        ({"enum": [1.5, 2]}, "1.5", 1.5),
        ({"const": "7"}, "7", "7"),
        ({"const": 7}, "7", 7),
        ({"const": True}, "true", True),
        ({"anyOf": [{"const": "1"}, {"const": 2}]}, "1", "1"),
        ({"anyOf": [{"const": "1"}, {"const": 2}]}, "2", 2),
        ({"anyOf": [LARGE, STRING]}, "5", "5"),
        ({"anyOf": [LARGE, STRING]}, "12", 12),
        ({"anyOf": [DIGIT, INTEGER]}, "12", 12),
        ({"anyOf": [DIGIT, INTEGER]}, "1", "1"),
        ({"anyOf": [LARGE, DIGIT]}, "x", REFUSED),
        ({"oneOf": [NUMBER, INTEGER]}, "5", REFUSED),
        ({"oneOf": [NUMBER, INTEGER]}, "5.5", 5.5),
        ({"allOf": [{"type": ["integer", "string"]}, {"type": "string"}]}, "5", "5"),
        ({"type": ["integer", "string"], "anyOf": [INTEGER, BOOLEAN]}, "5", 5),
        ({"allOf": [{"anyOf": [INTEGER, STRING]}, {"not": INTEGER}]}, "5", "5"),
        (
            {"if": {"type": "integer"}, "then": {"minimum": 9}, "type": ["integer", "string"]},
            "5",
            "5",
        ),
        ({"anyOf": [INTEGER, {}]}, "5", "5"),
        (True, "5", "5"),
        (False, "5", REFUSED),
    ],
)
async def test_primitives(read: Any, schema: Any, text: str, expected: Any) -> None:
    """Branches are tried in the document's order, types the most special first."""
    found = await read(f"p={text}", schema)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        (INTEGER | {"nullable": True}, "", None),
        (INTEGER | {"nullable": True}, "5", 5),
        (STRING | {"nullable": True}, "", ""),
        ({"enum": ["1", 2], "nullable": True}, "1", "1"),
        ({"anyOf": [LARGE, STRING]}, "5", "5"),
    ],
)
async def test_in_the_older_dialect(read: Any, schema: Any, text: str, expected: Any) -> None:
    """3.0 has `nullable`, and reads everything else alike."""
    assert await read(f"p={text}", schema, "3.0.4") == expected


@pytest.mark.parametrize(
    ("schema", "raw", "more", "expected"),
    [
        (array({"enum": [1, "2"]}), "p=1&p=2", {}, [1, "2"]),
        (array({"anyOf": [LARGE, DIGIT]}), "p=5,12,7", {"explode": False}, ["5", 12, "7"]),
        (array({"anyOf": [LARGE, DIGIT]}), "p=5&p=12&p=x", {}, REFUSED),
        ({"anyOf": [array(INTEGER), array(STRING)]}, "p=1&p=2", {}, [1, 2]),
        ({"anyOf": [array(INTEGER), array(STRING)]}, "p=1&p=a", {}, ["1", "a"]),
        ({"anyOf": [array(INTEGER), STRING]}, "p=1", {}, "1"),
        ({"anyOf": [array(INTEGER), STRING]}, "p=1&p=2", {}, [1, 2]),
        ({"anyOf": [array(INTEGER) | {"minItems": 1}, STRING | {"pattern": "x"}]}, "p=1", {}, [1]),
        ({"oneOf": [CAT, DOG]}, "kind=cat&size=5", {}, {"kind": "cat", "size": 5}),
        (
            {"oneOf": [CAT, DOG]},
            "kind=dog&size=5&age=3",
            {},
            {"kind": "dog", "size": "5", "age": 3},
        ),
        ({"oneOf": [CAT, DOG]}, "kind=cow&size=5", {}, REFUSED),
        (
            {"oneOf": [CAT, DOG]},
            "p[kind]=dog&p[size]=5&p[age]=3",
            {"style": "deepObject"},
            {"kind": "dog", "size": "5", "age": 3},
        ),
        (
            {"type": "object", "properties": {"a": {"enum": ["1", 2]}, "b": INTEGER}},
            "p=a,1,b,3",
            {"explode": False},
            {"a": "1", "b": 3},
        ),
        (
            {"properties": {"m": {"anyOf": [array(INTEGER), array(STRING)]}}},
            "p[m][]=1&p[m][]=a",
            {"style": "deepObject"},
            {"m": ["1", "a"]},
        ),
        (
            {"type": "object", "patternProperties": {"^n": INTEGER}},
            "p[n1]=5&p[n2]=6",
            {"style": "deepObject"},
            {"n1": 5, "n2": 6},
        ),
        (
            {"type": "object", "if": True, "then": {"properties": {"a": INTEGER}}},
            "p[a]=5",
            {"style": "deepObject"},
            {"a": 5},
        ),
    ],
)
async def test_structures(read: Any, schema: Any, raw: str, more: Any, expected: Any) -> None:
    """Items, members and whole branches are chosen by the schema, each for itself."""
    assert await read(raw, schema, **more) == expected


@pytest.mark.parametrize("location", ["path", "header", "cookie"])
async def test_in_other_places(client: Connect, page: Page, location: str) -> None:
    """Every place reads again what was sent there."""

    async def op(request: Request) -> Any:
        return dict(request.parameters)

    handlers = Handlers()
    handlers("op")(op)
    schema = {"enum": ["5", 7]}
    given = {"name": "p", "in": location, "schema": schema, "required": location == "path"}
    path = "/x/{p}" if location == "path" else "/x"
    made = page.document(page.get(parameters=[given], responses=JSON), path=path)
    http = await client(App(made, handlers))
    headers = {"header": {"P": "5"}, "cookie": {"Cookie": "p=5"}}.get(location, {})
    response = await http.get(path.replace("{p}", "5"), headers=headers)
    assert response.json() == {"p": "5"}


def shape(page: Page, schema: Any, **schemas: Any) -> Shape:
    loaded = load(page.document(schemas={"It": schema, **schemas}), strict=False)
    return read_shape(loaded.root["components"]["schemas"]["It"])


@pytest.mark.parametrize("schema", [INTEGER, STRING, {"type": ["integer", "null"]}, CAT, True])
def test_nothing_is_compiled_where_nothing_can_be_chosen(page: Page, schema: Any) -> None:
    """A schema that leaves no choice has one reading only."""
    assert other_shapes(shape(page, schema)) == []


def test_readings_are_bounded(page: Page) -> None:
    """However many branches there are, MAX_READINGS are tried."""
    branches = [{"type": "object", "properties": {f"p{n}": INTEGER}} for n in range(50)]
    assert len(other_shapes(shape(page, {"oneOf": branches}))) == MAX_READINGS


def test_recursive_schemas_are_read_once(page: Page) -> None:
    """Members that refer to their own schema do not multiply."""
    names = [f"m{n}" for n in range(400)]
    again = {"$ref": "#/components/schemas/Tree"}
    tree = {"type": "object", "properties": dict.fromkeys(names, again)}
    either = {"oneOf": [tree, tree | {"properties": {"m0": STRING, **dict.fromkeys(names, again)}}]}
    found = shape(page, again, Tree=tree)
    assert list(found.properties) == names
    for style in ("form", "deepObject"):
        assert query_decoder("p", style, True, found)(parse_query("x=1")) is MISSING
    assert other_shapes(shape(page, again, Tree=either))
    second = {"$ref": again["$ref"] + "2"}
    other = {"type": "object", "properties": dict.fromkeys(names, second)}
    for keyword in ("anyOf", "allOf"):
        two = {keyword: [again, second]}
        assert list(shape(page, two, Tree=tree, Tree2=other).properties) == names
