"""A WebSocket beside a mounted app works, and one inside it is refused cleanly.

`pytest tests/lifecycle/test_websockets.py`: on every implementation of WebSockets that servers
bring, alone and in every host.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from brrt import App, Handlers
from tests.lifecycle.hosts import ALONE, ECHO, HOSTS, PLACE, mounted
from tests.lifecycle.inside import Server, hypercorn_serves, serving, uvicorn_serves
from tests.lifecycle.servers import Place, Process

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Lives", "version": "1"},
    "paths": {
        "/hello": {
            "get": {
                "operationId": "hello",
                "responses": {"200": {"description": "ok", "content": {"application/json": {}}}},
            }
        }
    },
}
SERVERS: dict[str, Server] = {
    "uvicorn-sansio": partial(uvicorn_serves, ws="websockets-sansio"),
    "uvicorn-wsproto": partial(uvicorn_serves, ws="wsproto"),
    "hypercorn": hypercorn_serves,
}
# Clients at once.
CLIENTS = 5


def small_app() -> App:
    """One operation."""
    handlers = Handlers()

    @handlers
    async def hello() -> str:
        return "hello"

    return App(DOCUMENT, handlers)


def dial(address: str, path: str) -> AbstractAsyncContextManager[ClientConnection]:
    """Ask for a WebSocket."""
    return connect(f"ws://{address}{path}", proxy=None)


async def refusal(address: str, path: str) -> Response:
    """What a client gets that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with dial(address, path):
            pass
    return caught.value.response


def check_problem(response: Response, status: int) -> None:
    """A problem document, whole and without surprises."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.body is not None
    assert json.loads(response.body)["status"] == status


async def check_socket(socket: ClientConnection) -> None:
    """It sends everything back."""
    await socket.send("are you there?")
    assert await socket.recv() == "are you there?"


@pytest.fixture
def nothing_is_wrong(caplog: pytest.LogCaptureFixture) -> Callable[[], None]:
    """Nothing was logged that anybody would have to look at."""
    caplog.set_level("INFO")

    def check() -> None:
        assert not [one.getMessage() for one in caplog.records if one.levelname != "INFO"]

    return check


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("serve", SERVERS.values(), ids=SERVERS)
async def test_beside_the_app_and_inside(
    serve: Server, host: str, nothing_is_wrong: Callable[[], None]
) -> None:
    """One beside works before, while and after others are refused; requests are answered.

    A refusal starts nothing and asks no pool.
    """
    app = small_app()
    async with (
        serving(mounted(app, host, "none"), serve) as address,
        dial(address, ECHO) as socket,
        httpx.AsyncClient(base_url=f"http://{address}{PLACE}") as client,
    ):
        await check_socket(socket)
        check_problem(await refusal(address, f"{PLACE}/hello"), 400)
        check_problem(await refusal(address, f"{PLACE}/nowhere?query=1"), 404)
        assert not app.statistics().running
        async with app:
            doings: list[Awaitable[Any]] = []
            for _ in range(CLIENTS):
                doings += [refusal(address, f"{PLACE}/hello"), client.get("/hello")]
            results = await asyncio.gather(*doings)
            assert {one.status_code for one in results[::2]} == {400}
            assert {one.status_code for one in results[1::2]} == {200}
            total = app.statistics().total
            assert (total.accepted, total.shed) == (CLIENTS, 0)
        await check_socket(socket)
    nothing_is_wrong()


@pytest.mark.parametrize("serve", SERVERS.values(), ids=SERVERS)
async def test_alone(serve: Server, nothing_is_wrong: Callable[[], None]) -> None:
    """The app by itself refuses as well, and goes on serving."""
    async with serving(small_app(), serve) as address, httpx.AsyncClient() as client:
        check_problem(await refusal(address, "/hello"), 400)
        check_problem(await refusal(address, "/"), 404)
        assert (await client.get(f"http://{address}/hello")).status_code == 200
    nothing_is_wrong()


@pytest.mark.parametrize("serve", SERVERS.values(), ids=SERVERS)
async def test_a_client_that_does_not_wait(
    serve: Server, nothing_is_wrong: Callable[[], None]
) -> None:
    """It asks and goes at once; the server goes on, and nothing is logged."""
    async with serving(small_app(), serve) as address, httpx.AsyncClient() as client:
        host, _, port = address.partition(":")
        for _ in range(CLIENTS):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            writer.transport.abort()
        assert (await client.get(f"http://{address}/hello")).status_code == 200
    nothing_is_wrong()


@pytest.mark.parametrize(
    "place", [Place("brrt-run"), Place("granian-asyncio", "starlette", "lifespan")], ids=str
)
async def test_servers_of_their_own(place: Place, tmp_path: Path) -> None:
    """`brrt run` and granian, each a process, refuse many at once and say nothing of it."""
    process = Process(place, tmp_path)
    process.start()
    try:
        await process.listening()
        address = f"127.0.0.1:{process.port}"
        refusals = (refusal(address, f"{place.prefix}/hello") for _ in range(CLIENTS))
        for response in await asyncio.gather(*refusals):
            check_problem(response, 400)
        if place.host != ALONE:
            async with dial(address, ECHO) as socket:
                await check_socket(socket)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{process.url}/hello")).status_code == 200
    finally:
        process.end()
    assert "ERROR" not in process.log
    assert not process.complaints()
