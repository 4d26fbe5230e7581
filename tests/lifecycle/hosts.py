"""What an app may be mounted in, and the ways in which a host may start and stop it.

Beside the app each host has a WebSocket of its own, which sends everything back.

Wirings: `lifespan` is the host's own parameter, `with` a lifespan of the host's owner that says
`async with app`, and `none` says nothing at all, so that the first request starts the app.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from starlette.websockets import WebSocket

from brrt import App

Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]

PLACE: Final = "/api"
# Under the place of the app, which the host asks only where it has no route of its own.
ECHO: Final = f"{PLACE}/echo"
ALONE: Final = "alone"


def wired(app: App, wiring: str) -> Lifespan | None:
    """What the host is to do at its start and at its end."""

    @asynccontextmanager
    async def own(_: Any) -> AsyncIterator[None]:
        async with app:
            yield

    return {"lifespan": app.lifespan, "with": own, "none": None}[wiring]


async def echo(socket: WebSocket) -> None:
    """Send back what comes."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


def starlette(app: App, lifespan: Lifespan | None) -> Any:
    """Mounted in Starlette."""
    from starlette.applications import Starlette
    from starlette.routing import Mount, WebSocketRoute

    return Starlette(routes=[WebSocketRoute(ECHO, echo), Mount(PLACE, app)], lifespan=lifespan)


def fastapi(app: App, lifespan: Lifespan | None) -> Any:
    """Mounted in FastAPI."""
    from fastapi import FastAPI

    host = FastAPI(lifespan=lifespan)
    host.add_api_websocket_route(ECHO, echo)
    host.mount(PLACE, app)
    return host


async def said_again(data: str) -> str:
    """What comes, for a listener."""
    return data


def litestar(app: App, lifespan: Lifespan | None) -> Any:
    """Mounted in Litestar."""
    from litestar import Litestar, asgi
    from litestar.handlers import websocket_listener

    mount = asgi(PLACE, is_mount=True, copy_scope=True)(app)
    back = websocket_listener(ECHO)(said_again)
    lifespans = [lifespan] if lifespan else []
    return Litestar([mount, back], lifespan=lifespans, openapi_config=None, logging_config=None)


HOSTS: Final = {"starlette": starlette, "fastapi": fastapi, "litestar": litestar}


def mounted(app: App, host: str, wiring: str) -> Any:
    """What the server serves."""
    return app if host == ALONE else HOSTS[host](app, wired(app, wiring))
