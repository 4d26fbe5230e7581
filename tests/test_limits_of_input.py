"""How much, and how deep: what one request may say is bounded by settings, with a plain answer."""

from typing import Any

import pytest

from brrt import App, Handlers, Limits
from tests.conftest import Connect, operation, serve, spec

JSON_BODY: dict[str, Any] = {"content": {"application/json": {}}}
FORM_BODY = {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
LINES_BODY: dict[str, Any] = {"content": {"application/jsonl": {"itemSchema": {}}}}
PARTS_BODY = {
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"a": {"type": "object"}}},
        }
    }
}
TIGHT = Limits(max_parameters=4, max_depth=5)
handlers = Handlers()


@handlers
async def ask(q: list[str] | None = None, c: str | None = None) -> int:
    return len(q or ())


@handlers
async def put_json(body: Any = None) -> str:
    return "ok"


@handlers
async def put_form(body: Any = None) -> str:
    return "ok"


@handlers
async def put_lines(body: Any = None) -> str:
    return "ok"


@handlers
async def put_parts(body: Any = None) -> str:
    return "ok"


def app(limits: Limits | None) -> App:
    """All kinds of input, and these limits."""
    array = {"type": "array", "items": {"type": "string"}}
    parameters = [
        {"name": "q", "in": "query", "schema": array},
        {"name": "c", "in": "cookie", "schema": {"type": "string"}},
    ]
    document = spec() | {"openapi": "3.2.0"}
    document["paths"] = {"/ask": {"get": operation("ask", parameters=parameters)}}
    bodies = {"json": JSON_BODY, "form": FORM_BODY, "lines": LINES_BODY, "parts": PARTS_BODY}
    for name, body in bodies.items():
        document["paths"][f"/{name}"] = {"post": operation(f"put_{name}", requestBody=body)}
    return App(document, handlers, limits=limits)


async def test_a_query_has_so_many_parameters(client: Connect) -> None:
    """`max_parameters` pass, and one more is told with the limit."""
    http = await client(app(TIGHT))
    assert (await http.get("/ask?q=1&q=2&q=3&z=4")).json() == 3
    refused = await http.get("/ask?q=1&q=2&q=3&z=4&z=5")
    assert refused.status_code == 400
    assert "more than 4 query parameters" in refused.json()["detail"]


async def test_so_many_cookies_are_read(client: Connect) -> None:
    """The same for the cookies of one request."""
    http = await client(app(TIGHT))
    assert (await http.get("/ask", headers={"cookie": "c=1; d=2; e=3; f=4"})).is_success
    refused = await http.get("/ask", headers={"cookie": "c=1; d=2; e=3; f=4; g=5"})
    assert refused.status_code == 400
    assert "more than 4 cookies" in refused.json()["detail"]


async def test_a_form_has_so_many_fields(client: Connect) -> None:
    """The same for the fields of a form."""
    http = await client(app(TIGHT))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert (await http.post("/form", content="a=1&b=2&c=3&d=4", headers=kind)).is_success
    refused = await http.post("/form", content="a=1&b=2&c=3&d=4&e=5", headers=kind)
    assert refused.status_code == 400
    assert "more than 4 fields" in refused.json()["detail"]


PART = (
    b'--x\r\ncontent-disposition: form-data; name="a"\r\n'
    b"content-type: application/json\r\n\r\n%b\r\n--x--\r\n"
)


@pytest.mark.parametrize(
    ("path", "kind", "wrap"),
    [
        ("/json", "application/json", b"%b"),
        ("/lines", "application/jsonl", b"{}\n%b\n"),
        ("/parts", "multipart/form-data; boundary=x", PART),
    ],
)
@pytest.mark.parametrize(("limits", "deepest"), [(TIGHT, 5), (None, 100)])
async def test_json_is_nested_so_deeply(
    client: Connect, path: str, kind: str, wrap: bytes, limits: Limits | None, deepest: int
) -> None:
    """`max_depth` levels pass, in whatever body, and one more is refused."""
    http = await client(app(limits))
    headers = {"content-type": kind}
    text = b'{"a":' * deepest + b"1" + b"}" * deepest
    assert (await http.post(path, content=wrap % text, headers=headers)).is_success
    text = b'{"a":%b}' % text
    refused = await http.post(path, content=wrap % text, headers=headers)
    assert refused.status_code == 400
    assert "nested too deeply" in refused.json()["detail"]


@pytest.mark.parametrize(("place", "most"), [("query", 1_500), ("cookie", 1_500), ("query", 3)])
async def test_keys_are_found_among_as_many(client: Connect, place: str, most: int) -> None:
    """An API key is looked for in as many parameters as there may be, whatever the default is."""

    async def key(text: str, scopes: Any, request: Any) -> str | None:
        return "somebody" if text == "good" else None

    scheme = {"type": "apiKey", "in": place, "name": "key"}
    document = spec()
    document["paths"] = {"/ask": {"get": operation("ask", security=[{"key": []}])}}
    document["components"] = {"securitySchemes": {"key": scheme}}
    limits = Limits(max_parameters=most)
    http = await client(App(document, serve(ask=nothing), limits=limits, security={"key": key}))
    for count, status in ((most, 200), (most + 1, 401)):
        glue = "&" if place == "query" else "; "
        text = glue.join(["a=1"] * (count - 1) + ["key=good"])
        query = f"?{text}" if place == "query" else ""
        headers = {} if query else {"cookie": text}
        assert (await http.get(f"/ask{query}", headers=headers)).status_code == status


async def nothing() -> None: ...
