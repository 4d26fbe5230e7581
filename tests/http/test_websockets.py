"""The refusal of WebSockets by itself; `lifecycle/test_websockets` has real servers and hosts."""

import json
from typing import Any

import pytest

from brrt.config import Limits
from brrt.http.websockets import refuse
from brrt.openapi.routing import Router

DENIAL: dict[str, Any] = {"websocket.http.response": {}}
CONNECT = {"type": "websocket.connect"}
CLOSE = {
    "type": "websocket.close",
    "code": 1008,
    "reason": "this path serves HTTP, not WebSockets",
}


async def refused(scope: dict[str, Any], first: Any = CONNECT) -> list[Any]:
    """What is sent to a client that wants a WebSocket."""
    router = Router[int]()
    router.add("/pets/{id}", "POST", 0)
    sent: list[Any] = []

    async def receive() -> Any:
        return first

    async def send(message: Any) -> None:
        sent.append(message)

    whole = {"type": "websocket", "path": "/pets/1", **scope}
    await refuse(whole, receive, send, router, Limits())
    return sent


async def status(scope: dict[str, Any]) -> int:
    """The status of a complete refusal, which is a problem document that says the same."""
    start, body = await refused({"extensions": DENIAL, **scope})
    assert start["type"] == "websocket.http.response.start"
    assert body["type"] == "websocket.http.response.body"
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"content-length"] == b"%d" % len(body["body"])
    problem = json.loads(body["body"])
    assert problem["status"] == start["status"]
    found: int = start["status"]
    return found


@pytest.mark.parametrize(
    ("expected", "scope"),
    [
        (400, {}),
        (404, {"path": "/nowhere"}),
        (400, {"path": "/api/pets/1", "root_path": "/api"}),
        (404, {"path": "/api/nowhere", "root_path": "/api"}),
        (400, {"path": "/pets/1", "raw_path": b"/api/pets/1"}),  # as Litestar mounts
        (414, {"query_string": b"x" * 100_000}),
        (431, {"headers": [(b"x", b"x" * 100_000)]}),
    ],
)
async def test_a_refusal_says_what_is_wrong(expected: int, scope: dict[str, Any]) -> None:
    """No such path, or a path that serves HTTP, wherever the app is mounted; or too long."""
    assert await status(scope) == expected


@pytest.mark.parametrize("extensions", [{}, {"extensions": None}, {"extensions": {"tls": {}}}])
async def test_a_server_that_sends_no_responses_gets_a_close(extensions: dict[str, Any]) -> None:
    """Before anything was accepted, with a reason; servers answer 403."""
    assert await refused(extensions) == [CLOSE]


@pytest.mark.parametrize("scope", [{}, {"extensions": DENIAL}])
async def test_a_client_that_has_gone_gets_nothing(scope: dict[str, Any]) -> None:
    """Neither a close nor a response."""
    assert await refused(scope, {"type": "websocket.disconnect", "code": 1006}) == []


@pytest.mark.parametrize("first", [{}, {"type": "websocket.receive", "text": "hi"}])
async def test_an_odd_first_message_is_refused_all_the_same(first: dict[str, Any]) -> None:
    """Whatever a server says first, it gets its answer."""
    assert await refused({}, first) == [CLOSE]


@pytest.mark.parametrize("scope", [{}, {"extensions": DENIAL}])
async def test_a_client_that_goes_meanwhile_is_no_error(scope: dict[str, Any]) -> None:
    """Servers raise an OSError where nobody is there to send to (ASGI 2.4)."""

    async def receive() -> Any:
        return CONNECT

    async def send(_: Any) -> None:
        raise ConnectionResetError

    whole = {"type": "websocket", "path": "/pets/1", **scope}
    await refuse(whole, receive, send, Router[int](), Limits())
