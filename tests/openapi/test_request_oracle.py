"""The same requests under openapi-core: the two must agree on what breaks the document.

Where openapi-core is known to be wrong (styles that it cannot read, `int("1_0")`, NaN, charsets,
bodies that it leaves as bytes), the tests of each part say what is right.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest

from brrt import App, Handlers, Request

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]

INTEGER, STRING = {"type": "integer"}, {"type": "string"}
PET = {
    "type": "object",
    "required": ["name", "kind"],
    "properties": {
        "id": {"type": "integer", "format": "int64", "readOnly": True},
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "kind": {"enum": ["cat", "dog"]},
        "tags": {"type": "array", "items": STRING, "uniqueItems": True, "maxItems": 2},
        "born": {"type": "string", "format": "date"},
        "mother": {"$ref": "#/components/schemas/Pet"},
        "weight": {"type": "number", "minimum": 0},
        "chip": {"oneOf": [{"type": "integer"}, {"type": "string", "pattern": "^c[0-9]+$"}]},
    },
    "additionalProperties": False,
}


def parameter(name: str, location: str, schema: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": location, "required": location == "path", "schema": schema} | more


PARAMETERS = [
    parameter("id", "path", INTEGER | {"minimum": 1}),
    parameter("limit", "query", INTEGER | {"maximum": 100, "default": 10}),
    parameter("must", "query", STRING | {"minLength": 2}, required=True),
    parameter("ids", "query", {"type": "array", "items": INTEGER, "minItems": 1}),
    parameter("csv", "query", {"type": "array", "items": INTEGER}, explode=False),
    parameter("bars", "query", {"type": "array", "items": STRING}, style="pipeDelimited"),
    parameter("flag", "query", {"type": "boolean"}),
    parameter("size", "query", {"type": "number", "exclusiveMaximum": 2.5}),
    parameter("kind", "query", STRING | {"enum": ["a", "b"]}),
    parameter("day", "query", STRING | {"format": "date"}),
    parameter("X-Count", "header", INTEGER),
    parameter("session", "cookie", INTEGER),
]
for one in PARAMETERS:
    if one.get("style") == "pipeDelimited":
        one["explode"] = False

QUERIES = [
    "must=ok",
    "",
    "must=",
    "must=x",
    "must=ok&limit=5",
    "must=ok&limit=101",
    "must=ok&limit=x",
    "must=ok&limit=1.5",
    "must=ok&ids=1&ids=2",
    "must=ok&ids=1&ids=x",
    "must=ok&csv=1,2,3",
    "must=ok&csv=1,,3",
    "must=ok&bars=a%7Cb",
    "must=ok&flag=true",
    "must=ok&flag=maybe",
    "must=ok&size=2.4",
    "must=ok&size=2.5",
    "must=ok&size=x",
    "must=ok&kind=a",
    "must=ok&kind=c",
    "must=ok&day=2020-02-29",
    "must=ok&day=2021-02-29",
    "must=ok&unknown=1",
    "must=%C3%A9%C3%A9",
]
PATHS = ["/pets/1", "/pets/0", "/pets/-1", "/pets/x", "/pets/1.5"]
HEADERS = [{"X-Count": "1"}, {"X-Count": "x"}, {"x-count": "2"}]
COOKIES = [{"session": "1"}, {"session": "x"}, {"other": "x"}]
BODIES: list[Any] = [
    {"name": "Tom", "kind": "cat"},
    {"name": "Tom"},
    {"name": "", "kind": "cat"},
    {"name": "Thomas", "kind": "cat"},
    {"name": "Tom", "kind": "cow"},
    {"name": "Tom", "kind": "cat", "tags": ["a", "b"]},
    {"name": "Tom", "kind": "cat", "tags": ["a", "a"]},
    {"name": "Tom", "kind": "cat", "tags": ["a", "b", "c"]},
    {"name": "Tom", "kind": "cat", "tags": "a"},
    {"name": "Tom", "kind": "cat", "born": "2020-02-29"},
    {"name": "Tom", "kind": "cat", "born": "someday"},
    {"name": "Tom", "kind": "cat", "mother": {"name": "Kit", "kind": "cat"}},
    {"name": "Tom", "kind": "cat", "mother": {"name": "Kit"}},
    {"name": "Tom", "kind": "cat", "weight": -1},
    {"name": "Tom", "kind": "cat", "weight": 1.5},
    {"name": "Tom", "kind": "cat", "chip": 5},
    {"name": "Tom", "kind": "cat", "chip": "c5"},
    {"name": "Tom", "kind": "cat", "chip": "5"},
    {"name": "Tom", "kind": "cat", "extra": 1},
    {"name": None, "kind": "cat"},
    [],
    None,
    "Tom",
]


def spec(page: Page, version: str) -> dict[str, Any]:
    parameters = json.loads(json.dumps(PARAMETERS))
    if version < "3.1":
        size = next(one for one in parameters if one["name"] == "size")
        size["schema"] = {"type": "number", "maximum": 2.5, "exclusiveMaximum": True}
    body = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
    }
    answer = {"200": {"description": "ok", "content": {"application/json": {}}}}
    item = {
        "parameters": parameters[:1],
        "get": {"operationId": "look", "parameters": parameters[1:], "responses": answer},
        "put": {"operationId": "change", "requestBody": body, "responses": answer},
    }
    made: dict[str, Any] = page.document(
        item, path="/pets/{id}", version=version, schemas={"Pet": PET}
    )
    return made


async def generic(request: Request) -> None:
    """Takes whatever the document allows."""


def accepts(oracle: OpenAPI, request: httpx.Request) -> bool:
    """Whether openapi-core finds no fault in a request."""
    cookies = dict(
        one.split("=", 1) for one in request.headers.get("cookie", "").split("; ") if one
    )
    mock = MockRequest(
        "http://test",
        request.method.lower(),
        request.url.path,
        args=list(request.url.params.multi_items()),  # type: ignore[arg-type]
        headers=dict(request.headers),
        cookies=cookies,
        data=request.content or None,
        content_type=request.headers.get("content-type", ""),
        view_args={"id": request.url.path.rpartition("/")[2]},
    )
    try:
        oracle.validate_request(mock)
    except OpenAPIError:
        return False
    return True


def requests(http: httpx.AsyncClient) -> list[httpx.Request]:
    """All requests, each broken in one way or not at all."""
    made = [http.build_request("GET", f"/pets/1?{query}") for query in QUERIES]
    made += [http.build_request("GET", f"{path}?must=ok") for path in PATHS]
    made += [http.build_request("GET", "/pets/1?must=ok", headers=one) for one in HEADERS]
    for cookies in COOKIES:
        text = "; ".join(f"{name}={value}" for name, value in cookies.items())
        made.append(http.build_request("GET", "/pets/1?must=ok", headers={"Cookie": text}))
    headers = {"Content-Type": "application/json"}
    for body in BODIES:
        data = json.dumps(body)
        made.append(http.build_request("PUT", "/pets/1", content=data, headers=headers))
    made += [
        http.build_request("PUT", "/pets/1"),
        http.build_request("PUT", "/pets/1", headers=headers),
        http.build_request("PUT", "/pets/1", content="{", headers=headers),
        http.build_request("PUT", "/pets/1", content="{}", headers={"Content-Type": "text/plain"}),
    ]
    return made


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
async def test_requests_agree_with_the_oracle(client: Connect, page: Page, version: str) -> None:
    """A handler is reached if and only if openapi-core finds no fault in the request."""
    document = spec(page, version)
    handlers = Handlers()
    for name in ("look", "change"):
        handlers(name)(generic)
    http = await client(App(document, handlers))
    oracle = OpenAPI.from_dict(document)
    differences, verdicts = [], []
    for request in requests(http):
        status = (await http.send(request)).status_code
        assert status in (200, 400, 415), request
        verdicts.append(status == 200)
        if verdicts[-1] is not accepts(oracle, request):
            differences.append((request.method, request.url.raw_path, request.content, status))
    assert not differences
    assert min(verdicts.count(True), verdicts.count(False)) > 20
