"""What came in from outside and did harm once: each case is a request that did."""

import asyncio
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, Limits, Request


def parameter(name: str, place: str = "query", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, **more}


FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Hostile", "version": "1"},
    "paths": {
        "/form": {
            "post": {
                "operationId": "form",
                "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": FORM}}},
                "responses": {"200": {"description": "ok", "content": {"application/json": {}}}},
            }
        },
        "/json": {
            "get": {
                "operationId": "json",
                "parameters": [parameter("j", content={"application/json": {"schema": {}}})],
                "responses": {"200": {"description": "ok", "content": {"application/json": {}}}},
            }
        },
    },
}
handlers = Handlers()


@handlers
async def form(body: Any = None) -> Any:
    return body


@handlers
async def json(j: Any = None) -> Any:
    return j


async def call(app: App, scope: dict[str, Any], *messages: dict[str, Any]) -> int:
    """Drive the app by hand; the status, or 0 where it said nothing."""
    waiting = list(messages)
    status = 0

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    base = {"type": "http", "method": "GET", "query_string": b"", "headers": [], "path": "/json"}
    await app({**base, **scope}, receive, send)
    return status


@pytest.mark.parametrize("data", ["name=%ff", "zz=%ff", "name=%ed%a0%80", "%ff=1"])
async def test_a_form_that_is_no_text_is_told_so(data: str) -> None:
    """Bytes that are not UTF-8 are the client's fault, wherever in a form they stand."""
    app = App(DOCUMENT, handlers)
    transport = httpx.ASGITransport(app)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.post("/form", content=data, headers=kind)).status_code == 400


async def test_a_json_parameter_is_sent_once() -> None:
    """Two texts of one JSON parameter are refused, and never passed on as text."""
    app = App(DOCUMENT, handlers)
    transport = httpx.ASGITransport(app)
    async with app, httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get('/json?j={"a":1}')).json() == {"a": 1}
        assert (await client.get("/json?j=nope&j={}")).status_code == 400


async def test_a_target_in_absolute_form_is_routed() -> None:
    """RFC 9112, section 3.2.2: a server accepts `GET http://host/path`, as a server gives it."""
    app = App(DOCUMENT, handlers)
    async with app:
        assert await call(app, {"raw_path": b"http://host/json"}) == 200


@pytest.mark.parametrize("query", [b"q=\x80", b"q=\xff&r=\xfe", b"q=%ff\xc3\xa9"])
async def test_a_query_that_is_not_ascii_is_no_failure(query: bytes) -> None:
    """Some servers let such bytes through; who asks for the URL of the request gets one."""
    urls: list[str] = []

    async def told(request: Request) -> None:
        urls.append(str(request.url))

    told_handlers = Handlers()
    told_handlers("json")(told)
    app = App(DOCUMENT, told_handlers, missing="501", validate_responses="off")
    async with app:
        assert await call(app, {"query_string": query}) == 200
    assert urls[0].isascii()


async def test_a_wrong_type_is_refused_before_the_body_is_read() -> None:
    """Who announces a type that is not declared need not send the body at all."""
    app = App(DOCUMENT, handlers)
    headers = [(b"content-type", b"text/html"), (b"content-length", b"9")]
    async with app, asyncio.timeout(5):
        assert await call(app, {"method": "POST", "path": "/form", "headers": headers}) == 415


async def test_bodies_in_flight_are_bounded() -> None:
    """No more bodies are read at once than jobs could be accepted; the next one is shed."""
    app = App(DOCUMENT, handlers, limits=Limits(workers=1, queue_size=2, grace=0.01))
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"method": "POST", "path": "/form", "headers": headers}
    part = {"type": "http.request", "body": b"name=", "more_body": True}
    async with app:
        slow = [asyncio.create_task(call(app, scope, part)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await call(app, scope, part) == 503
        for one in slow:
            one.cancel()
        await asyncio.wait(slow)
        rest = {"type": "http.request", "body": b"Rex", "more_body": False}
        assert await call(app, scope, part, rest) == 200
