"""The server under the soak: the pet store, which is changed all the time and watches itself.

`benchmarks.soak` runs it. Each line that it prints is a sample: what this process holds, and how
often it was changed so far. Memory is in MiB; strays are tasks that are no worker of a pool.
"""

import argparse
import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import psutil
import uvicorn

from benchmarks.servers import PATIENCE
from benchmarks.soaking.record import FIRST
from brrt import App, SpecError
from examples.pet_store import app
from examples.pet_store.handlers import pets, search

# Seconds between two changes.
CHANGE_EVERY: Final = 0.1
HANDLERS: Final[tuple[tuple[str, Callable[..., Awaitable[Any]]], ...]] = (
    ("listPets", pets.list_pets),
    ("getPet", pets.get_pet),
    ("searchPets", search.search_pets),
)
# Of so many changes one is a reload, a refused reload, a removal; the others are replacements.
RELOAD_EVERY: Final = 10
REFUSAL_EVERY: Final = 25
REMOVAL_EVERY: Final = 35
# Has no handler for what it describes.
BROKEN: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {"title": "Broken", "version": "1"},
    "paths": {"/x": {"get": {"operationId": "x", "responses": {"200": {"description": "x"}}}}},
}


@dataclass(slots=True)
class Changes:
    """What was changed so far."""

    replaced: int = 0
    reloads: int = 0
    refused: int = 0

    async def reload(self) -> None:
        """Read the document again."""
        await app.reload()
        self.reloads += 1

    async def refuse(self) -> None:
        """Read a broken one, which changes nothing."""
        try:
            await app.reload(BROKEN)
        except SpecError:
            self.refused += 1

    async def replace(self, number: int, *, is_gone: bool) -> None:
        """Put another handler in the place of one, which may have been missing for a moment."""
        name, handler = HANDLERS[number % len(HANDLERS)]
        if is_gone:
            await app.remove(name)
        await app.replace(name, partial(handler))
        self.replaced += 1

    async def change(self, number: int) -> None:
        """The next change of a mixed run."""
        if number % RELOAD_EVERY == 0:
            await self.reload()
        elif number % REFUSAL_EVERY == 0:
            await self.refuse()
        else:
            await self.replace(number, is_gone=number % REMOVAL_EVERY == 0)


async def mixed(changes: Changes) -> AsyncIterator[None]:
    """Change after change, with a little time between them."""
    number = 0
    while True:
        await asyncio.sleep(CHANGE_EVERY)
        await changes.change(number)
        number += 1
        yield


async def reloads(changes: Changes, count: int) -> AsyncIterator[None]:
    """So many reloads, as fast as it goes."""
    for _ in range(count):
        await changes.reload()
        yield


async def watch(server: uvicorn.Server, pause: float, count: int | None) -> None:
    """Change and print samples: one each `pause` seconds, and of reloads the hundredth and last."""
    async with asyncio.timeout(PATIENCE):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    changes, process = Changes(), psutil.Process()
    began = due = time.monotonic()
    source = mixed(changes) if count is None else reloads(changes, count)
    async for _ in source:
        now = time.monotonic()
        if now >= due or (count is not None and changes.reloads in (FIRST, count)):
            due = max(due + pause, now)
            print(json.dumps(sample(app, process, changes, now - began)), flush=True)
    await asyncio.sleep(PATIENCE)  # who started us has what was asked for and ends us


def sample(app: App, process: psutil.Process, changes: Changes, seconds: float) -> dict[str, float]:
    """What this process holds now."""
    statistics, tasks = app.statistics(), len(asyncio.all_tasks())
    return {
        "time": round(seconds, 3),
        "memory": process.memory_info().rss / 2**20,
        "blocks": sys.getallocatedblocks(),
        "tasks": tasks,
        "strays": tasks - statistics.total.active,
        "files": process.num_fds(),
        "threads": threading.active_count(),
        "queued": statistics.total.queued,
        "busy": statistics.total.busy,
        "workers": statistics.total.active,
        "handlers": len(statistics.handlers),
        "retiring": statistics.retiring,
        "replaced": changes.replaced,
        "reloads": changes.reloads,
        "refused": changes.refused,
    }


async def run(server: uvicorn.Server, pause: float, count: int | None) -> None:
    """Serve until told to stop. A change that fails stops it too."""
    serving = asyncio.create_task(server.serve(), name="server")
    watching = asyncio.create_task(watch(server, pause, count), name="changes")
    await asyncio.wait([serving, watching], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    watching.cancel()
    await asyncio.wait([serving, watching])
    if not watching.cancelled():
        watching.result()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two samples")
    parser.add_argument("--reloads", type=int, help="only reload, so many times")
    options = parser.parse_args()
    config = uvicorn.Config(app, port=options.port, log_level="warning", access_log=False)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run(uvicorn.Server(config), options.pause, options.reloads))


if __name__ == "__main__":
    main()
