"""The apps that are offered more than they can do.

For overload: one operation that takes `SERVICE` seconds and runs `SLOTS` times at once, in brrt
because its handler has so many workers, in FastAPI by a semaphore. For fairness: the same one, a
faster one that shall not suffer from it, and one that never returns. The limits of brrt come as
JSON in the environment. What is stuck is stuck on purpose, so brrt does not log it.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from brrt import App, Handlers, Limits

SLOTS: Final = 8
SERVICE: Final = 0.02
# Requests a second that this serves.
CAPACITY: Final = SLOTS / SERVICE
# Seconds that the operation beside it takes.
BESIDE: Final = 0.005
# The environment variables with the limits of brrt; with the seconds for which what is stuck
# ignores its cancellation: as long as it is measured, and then the server can stop by itself; and
# with how many times longer the others take, for machines that have something else to do.
LIMITS: Final = "OVERLOADING_LIMITS"
STUBBORN: Final = "OVERLOADING_STUBBORN"
SLOWER: Final = "OVERLOADING_SLOWER"


def get(name: str) -> dict[str, Any]:
    """A path with one operation, which answers an object."""
    schema = {"type": "object", "required": ["done"], "properties": {"done": {"type": "boolean"}}}
    answer = {"description": "ok", "content": {"application/json": {"schema": schema}}}
    return {"get": {"operationId": name, "responses": {"200": answer}}}


def document(*names: str) -> dict[str, Any]:
    """A document of operations, each at a path of its name."""
    paths = {f"/{name}": get(name) for name in names}
    return {"openapi": "3.1.0", "info": {"title": "Overload", "version": "1"}, "paths": paths}


async def work() -> dict[str, bool]:
    """What takes its time, as a query to a database does."""
    await asyncio.sleep(SERVICE * float(os.environ[SLOWER]))
    return {"done": True}


async def beside() -> dict[str, bool]:
    """Something else."""
    await asyncio.sleep(BESIDE * float(os.environ[SLOWER]))
    return {"done": True}


async def stuck() -> dict[str, bool]:
    """What waits for ever for something that does not come, as far as anybody can see."""
    loop = asyncio.get_running_loop()
    until = loop.time() + float(os.environ[STUBBORN])
    while loop.time() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(until - loop.time())
    return {"done": True}


def brrt() -> App:
    """One operation on brrt."""
    return app_of(work)


def three() -> App:
    """Three operations on brrt."""
    return app_of(work, beside, stuck)


def app_of(*functions: Callable[..., Any]) -> App:
    """An app on brrt with the limits that the environment gives."""
    logging.getLogger("brrt").setLevel(logging.CRITICAL)
    handlers = Handlers()
    for function in functions:
        handlers(function)
    limits = Limits(**json.loads(os.environ[LIMITS]))
    return App(document(*(one.__name__ for one in functions)), handlers, limits=limits)


def fastapi() -> Any:
    """FastAPI, with a semaphore for what brrt's workers are."""
    from fastapi import FastAPI

    app, slots = FastAPI(), asyncio.Semaphore(SLOTS)

    @app.get("/work")
    async def wait_and_work() -> dict[str, bool]:
        async with slots:
            return await work()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app
