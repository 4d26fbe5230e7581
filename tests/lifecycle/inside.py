"""Servers that run in the very loop of a test, each on a loopback port of its own."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import hypercorn.asyncio
import hypercorn.config
import uvicorn

Server = Callable[[Any, socket.socket, asyncio.Event], Coroutine[Any, Any, None]]
# Seconds that a stop waits for answers that go on: a test that left one open fails, and ends.
PATIENCE: Final = 10
WebSockets = Literal["auto", "websockets", "websockets-sansio", "wsproto"]


async def uvicorn_serves(
    application: Any, listener: socket.socket, stop: asyncio.Event, ws: WebSockets = "auto"
) -> None:
    """A uvicorn in this very loop, until it is told to stop."""
    config = uvicorn.Config(
        application, lifespan="on", log_config=None, ws=ws, timeout_graceful_shutdown=PATIENCE
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await stop.wait()
    server.should_exit = True
    await serving


async def hypercorn_serves(application: Any, listener: socket.socket, stop: asyncio.Event) -> None:
    """A hypercorn in this very loop, until it is told to stop."""
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = logging.getLogger("hypercorn.error")  # its own keeps records to itself
    await hypercorn.asyncio.serve(application, config, shutdown_trigger=stop.wait)


@asynccontextmanager
async def serving(application: Any, serve: Server = uvicorn_serves) -> AsyncIterator[str]:
    """Serve an app as long as the block lasts; gives `host:port`."""
    listener, stop = socket.create_server(("127.0.0.1", 0)), asyncio.Event()
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    server = asyncio.create_task(serve(application, listener, stop), name="the server")
    try:
        yield place
    finally:
        stop.set()
        await server
