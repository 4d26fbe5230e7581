"""Bodies of a request: which entry of the document they fall under, and what they become."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, Request

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Serve = Callable[..., Awaitable[httpx.AsyncClient]]

OPEN = {"200": {"description": "ok", "content": {"application/json": {}}}}
INTEGER, STRING = {"type": "integer"}, {"type": "string"}
JSON, LINES, RECORDS = "application/json", "application/jsonl", "application/json-seq"


async def echo(request: Request) -> Any:
    content = request.content
    return {"body": repr(content) if isinstance(content, bytes) else content}


@pytest.fixture
def serve(client: Connect, page: Page) -> Serve:
    """A client of an app whose one operation takes a body of these media types."""

    async def make(content: Any, version: str = "3.2.0", **schemas: Any) -> httpx.AsyncClient:
        handlers = Handlers()
        handlers("op")(echo)
        body = {"required": True, "content": content}
        item = {"operationId": "op", "responses": OPEN, "requestBody": body}
        made = page.document({"post": item}, version=version, schemas=schemas or {"A": {}})
        return await client(App(made, handlers))

    return make


async def post(http: httpx.AsyncClient, data: bytes, media_type: str) -> httpx.Response:
    return await http.post("/x", content=data, headers={"Content-Type": media_type})


async def value(http: httpx.AsyncClient, data: bytes, media_type: str = JSON) -> Any:
    response = await post(http, data, media_type)
    assert response.status_code == 200, response.text
    return response.json()["body"]


async def wrong(http: httpx.AsyncClient, data: bytes, media_type: str = JSON) -> Any:
    """Pointer and keyword of each violation."""
    response = await post(http, data, media_type)
    assert response.status_code == 400, response.text
    return [(one["pointer"], one["keyword"]) for one in response.json()["errors"]]


NAMES = [LINES, "application/x-ndjson", "application/ndjson", "application/x-jsonlines"]


@pytest.mark.parametrize("media_type", NAMES)
async def test_json_lines(serve: Serve, media_type: str) -> None:
    """One value on each line; each is checked by `itemSchema` (3.2.0, section 4.14.3)."""
    http = await serve({media_type: {"itemSchema": INTEGER}})
    assert await value(http, b"1\n2\r\n\n 3 ", media_type) == [1, 2, 3]
    assert await value(http, b"\n", media_type) == []
    assert await wrong(http, b'1\n"a"\n3\n{}', media_type) == [("/1", "type"), ("/3", "type")]
    response = await post(http, b"1\n{", media_type)
    assert response.status_code == 400
    assert "in line 2" in response.json()["detail"]


async def test_defaults_in_items(serve: Serve) -> None:
    """Each item of a stream gets its defaults, unless the list as a whole may not hold them."""
    item = {"type": "object", "properties": {"a": {"default": 1}}}
    http = await serve({LINES: {"itemSchema": item}})
    assert await value(http, b'{}\n{"a":2}', LINES) == [{"a": 1}, {"a": 2}]
    http = await serve({LINES: {"schema": item}}, version="3.1.1")
    assert await value(http, b"{}", LINES) == [{"a": 1}]
    http = await serve({LINES: {"itemSchema": item, "schema": {"uniqueItems": True}}})
    assert await value(http, b'{}\n{"a":1}', LINES) == [{}, {"a": 1}]


async def test_what_cannot_be_read_elsewhere_hides_nothing(client: Connect, page: Page) -> None:
    """A parameter that is no UTF-8 and a body that is too short are both told."""
    parts = {"type": "object", "properties": {"a": STRING}, "minProperties": 1}
    item = {
        "operationId": "op",
        "responses": OPEN,
        "parameters": [{"name": "q", "in": "query", "schema": STRING}],
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": parts}}},
    }
    handlers = Handlers()
    handlers("op")(echo)
    http = await client(App(page.document({"post": item}), handlers))
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = await http.post("/x?q=%FF", content=b"--x--\r\n", headers=headers)
    assert response.status_code == 400
    found = [(one["in"], one["keyword"]) for one in response.json()["errors"]]
    assert found == [("query", "encoding"), ("body", "minProperties")]


@pytest.mark.parametrize("media_type", [RECORDS, "application/geo+json-seq"])
async def test_json_sequences(serve: Serve, media_type: str) -> None:
    """Each value stands behind a record separator (RFC 7464)."""
    http = await serve({media_type: {"itemSchema": INTEGER}})
    assert await value(http, b"\x1e1\n\x1e\n2\n", media_type) == [1, 2]
    assert await wrong(http, b'\x1e1\n\x1e"a"\n', media_type) == [("/1", "type")]
    for broken in (b"1\n\x1e2\n", b"\x1e1 2\n"):
        assert (await post(http, broken, media_type)).status_code == 400


@pytest.mark.parametrize("version", ["3.0.4", "3.1.1", "3.2.0"])
async def test_a_stream_before_item_schemas(serve: Serve, version: str) -> None:
    """A `schema` alone means each value, unless it is one of an array: then it means them all."""
    http = await serve({LINES: {"schema": INTEGER}}, version)
    assert await wrong(http, b'1\n"a"', LINES) == [("/1", "type")]
    array = {"type": "array", "items": INTEGER, "maxItems": 2}
    http = await serve({LINES: {"schema": array}}, version)
    assert await wrong(http, b'1\n"a"', LINES) == [("/1", "type")]
    assert await wrong(http, b"1\n2\n3", LINES) == [("", "maxItems")]


async def test_a_whole_and_its_items(serve: Serve) -> None:
    """With both, both count; outside of streams `itemSchema` says nothing."""
    both = {"schema": {"maxItems": 2}, "itemSchema": INTEGER}
    http = await serve({LINES: both, JSON: {"itemSchema": INTEGER}})
    assert await wrong(http, b'1\n"a"', LINES) == [("/1", "type")]
    assert await wrong(http, b"1\n2\n3", LINES) == [("", "maxItems")]
    assert await value(http, b'{"a": 1}') == {"a": 1}


VERSIONED = {
    "application/json; v=1": {"schema": {"const": 1}},
    "application/json; v=2": {"schema": {"const": 2}},
    JSON: {"schema": {"const": 0}},
}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json; v=1", 1),
        ("application/json;V=2", 2),
        ('application/json; charset=utf-8; v="2"', 2),
        (JSON, 0),
        ("application/json; v=3", 0),
        ("application/json; charset=utf-8", 0),
    ],
)
async def test_parameters_tell_types_apart(serve: Serve, header: str, expected: int) -> None:
    """An entry with parameters is for bodies that say the same, one without them for all others."""
    http = await serve(VERSIONED)
    for number in (0, 1, 2):
        status = (await post(http, b"%d" % number, header)).status_code
        assert status == (200 if number == expected else 400)


async def test_parameters_that_are_not_contradicted(serve: Serve) -> None:
    """A client that leaves them out is understood; one that says something else is not."""
    http = await serve({"application/vnd.a+json; version=1": {}})
    assert await value(http, b"1", "application/vnd.a+json") == 1
    assert (await post(http, b"1", "application/vnd.a+json; version=2")).status_code == 415


async def test_bytes_are_counted(serve: Serve) -> None:
    """`minLength` and `maxLength` of a body that stays bytes are of bytes."""
    binary = {"type": "string", "format": "binary", "minLength": 1, "maxLength": 3}
    http = await serve({"application/octet-stream": {"schema": binary}})
    stream = "application/octet-stream"
    assert await value(http, b"\xff\xff\xff", stream) == repr(b"\xff\xff\xff")
    assert await wrong(http, b"1234", stream) == [("", "maxLength")]
    assert await wrong(http, b"", stream) == [("", "minLength")]


async def test_a_byte_order_mark_is_no_content(serve: Serve) -> None:
    """RFC 8259, section 8.1: it may be ignored."""
    http = await serve({JSON: {}})
    assert await value(http, b"\xef\xbb\xbf{}") == {}
    assert (await post(http, b"\xef\xbb\xbf{", JSON)).status_code == 400


async def test_codings_are_refused(serve: Serve) -> None:
    """A compressed body is 415 and told what is taken (RFC 9110, section 12.5.3), unread."""
    http = await serve({JSON: {}})

    async def unread() -> Any:
        raise AssertionError("it was read")
        yield b""

    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    response = await http.post("/x", content=unread(), headers=headers)
    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"
    plain = {"Content-Type": JSON, "Content-Encoding": "Identity"}
    assert (await http.post("/x", content=b"{}", headers=plain)).status_code == 200


FILLED = {
    "type": "object",
    "properties": {
        "size": {"type": "integer", "default": 5},
        "owner": {"$ref": "#/components/schemas/Owner"},
        "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Owner"}},
        "id": {"type": "integer", "readOnly": True, "default": 7},
    },
}
OWNER = {"type": "object", "properties": {"name": {"type": "string", "default": "nobody"}}}


@pytest.mark.parametrize("version", ["3.0.4", "3.1.1", "3.2.0"])
@pytest.mark.parametrize("media_type", [JSON, "application/*", "multipart/form-data"])
async def test_defaults_are_filled_in(serve: Serve, version: str, media_type: str) -> None:
    """At any depth, in JSON and in forms; never what a client must not send."""
    http = await serve({media_type: {"schema": FILLED}}, version, Owner=OWNER)
    expected = {"size": 5, "owner": {"name": "nobody"}, "tags": [{"name": "a"}, {"name": "nobody"}]}
    if media_type == "multipart/form-data":
        parts = [("owner", "{}"), ("tags", '{"name": "a"}'), ("tags", "{}")]
        files: Any = [(name, (None, text)) for name, text in parts]
        assert (await http.post("/x", files=files)).json()["body"] == expected
    else:
        assert await value(http, b'{"owner": {}, "tags": [{"name": "a"}, {}]}') == expected


async def test_defaults_inside_of_parameters(client: Connect, page: Page) -> None:
    """An object in a query gets the defaults of its members, as one in a body does."""
    handlers = Handlers()

    @handlers("op")
    async def op(request: Request) -> Any:
        return dict(request.parameters)

    schema = {"type": "object", "properties": {"size": INTEGER | {"default": 5}, "name": STRING}}
    parameter = {"name": "filter", "in": "query", "style": "deepObject", "schema": schema}
    item = {"operationId": "op", "parameters": [parameter], "responses": OPEN}
    http = await client(App(page.document({"get": item}), handlers))
    assert (await http.get("/x?filter[name]=a")).json() == {"filter": {"name": "a", "size": 5}}
    assert (await http.get("/x")).json() == {}
