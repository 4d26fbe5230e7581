"""The outage that started this project, reproduced, and shown to be impossible here.

    python -m benchmarks.leak [--seconds 60] [--connections 8] [--png leak.png]

A router gave each handler a worker and a queue; a handler that was replaced lost its queue, but
its worker went on waiting for messages that could not come. Under load and hot reload the
zombies piled up until the service died. Here the pet store runs under constant load while its
handlers are replaced and its document is reloaded all the time: once on brrt, and once on a
naive registry of twenty lines that does what the failed one did. Both run in a process of their
own on a real socket. Prints, for each, replacements, requests answered and lost, and the slopes
of memory and tasks after the warm-up; writes a plot. Needs `pip install 'brrt[benchmark]'`.
"""

import argparse
import asyncio
import json
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import linear_regression
from typing import Any

import psutil

from benchmarks.loads import Tally, ask_on, request
from benchmarks.servers import free_port
from benchmarks.servers import serve as serve_process

SYSTEMS = ("brrt", "naive")
# Seconds between two samples, and the share of a run that counts as warm-up.
SAMPLE_EVERY = 0.25
WARM_UP = 0.3
RELOAD_EVERY = 10  # replacements
WIRES = [request("GET", "/pets"), request("GET", "/pets/1")]


class NaiveRegistry:
    """What failed: replacing a handler drops its queue, and forgets its worker."""

    def __init__(self) -> None:
        self.queues: dict[str, asyncio.Queue[Any]] = {}
        self.tasks: set[asyncio.Task[None]] = set()  # strong references, as asyncio advises

    def register(self, name: str, handler: Callable[..., Awaitable[Any]]) -> None:
        """Put a handler in the place of another."""
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self.queues[name] = queue
        self.tasks.add(asyncio.create_task(self.work(queue, handler)))

    async def work(self, queue: asyncio.Queue[Any], handler: Callable[..., Awaitable[Any]]) -> None:
        """Wait for messages, even when nobody can send any more."""
        while True:
            arguments, reply = await queue.get()
            reply.set_result(await handler(**arguments))

    async def call(self, name: str, **arguments: Any) -> Any:
        """Send a message and wait for its answer."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.queues[name].put_nowait((arguments, reply))
        return await reply


# --- the server side: one process for each system ---------------------------------------------


async def serve(system: str, port: int) -> None:
    """Serve one system under uvicorn, change its handlers without pause, print samples."""
    import uvicorn

    app, change = _brrt() if system == "brrt" else _naive()
    config = uvicorn.Config(app, port=port, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(), name="server")
    changing = asyncio.create_task(_change(server, change), name="changes")
    await asyncio.wait([serving])
    changing.cancel()
    await asyncio.wait([changing])


async def _change(server: Any, change: Callable[[int], Awaitable[None]]) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    process, began, count, due = psutil.Process(), time.monotonic(), 0, 0.0
    while True:
        await change(count)
        count += 1
        await asyncio.sleep(0.001)
        now = time.monotonic() - began
        if now >= due:
            due = now + SAMPLE_EVERY
            tasks = len(asyncio.all_tasks())
            sample = {"time": now, "rss": process.memory_info().rss, "tasks": tasks}
            print(json.dumps({**sample, "changes": count}), flush=True)


def _brrt() -> tuple[Any, Callable[[int], Awaitable[None]]]:
    """The pet store; each change replaces a handler, every tenth reloads the document."""
    from examples.pet_store import app
    from examples.pet_store.handlers import pets

    async def change(count: int) -> None:
        await app.replace("listPets", partial(pets.list_pets))
        await app.replace("getPet", partial(pets.get_pet))
        if count % RELOAD_EVERY == 0:
            await app.reload()

    return app, change


def _naive() -> tuple[Any, Callable[[int], Awaitable[None]]]:
    """The same two handlers behind the registry that failed."""
    registry = NaiveRegistry()

    async def list_pets() -> bytes:
        return b'[{"id":1,"name":"Rex"}]'

    async def get_pet(id: str) -> bytes:
        return b'{"id":%s,"name":"Rex"}' % id.encode()

    async def change(count: int) -> None:
        registry.register("listPets", partial(list_pets))
        registry.register("getPet", partial(get_pet))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        head, _, tail = scope["path"].rpartition("/")
        call = registry.call("getPet", id=tail) if head == "/pets" else registry.call("listPets")
        body = await call
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app, change


# --- the client side --------------------------------------------------------------------------


@dataclass(slots=True)
class Result:
    """What the clients of one system saw, and what its process measured of itself."""

    tally: Tally = field(default_factory=Tally)
    samples: list[dict[str, float]] = field(default_factory=list[dict[str, float]])


async def measure(system: str, seconds: float, connections: int) -> Result:
    """Run one system in its own process under load."""
    port, result = free_port(), Result()
    command = ["benchmarks.leak", "--serve", system, "--port", str(port)]
    async with serve_process(command, port, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        result.samples.append(json.loads(await process.stdout.readline()))
        reading = asyncio.create_task(_read_samples(process.stdout, result))
        until = time.monotonic() + seconds
        clients = [
            ask_on(port, cycle(WIRES), result.tally, lambda: time.monotonic() > until)
            for _ in range(connections)
        ]
        await asyncio.gather(*clients)
    await reading
    return result


async def _read_samples(stdout: asyncio.StreamReader, result: Result) -> None:
    while line := await stdout.readline():
        result.samples.append(json.loads(line))


def slope(samples: Sequence[dict[str, float]], key: str) -> float:
    """Growth in a minute, by regression over everything after the warm-up."""
    steady = samples[int(len(samples) * WARM_UP) :]
    times = [sample["time"] for sample in steady]
    return 60 * linear_regression(times, [sample[key] for sample in steady]).slope


def report(system: str, result: Result) -> str:
    """One line for a system."""
    samples = result.samples
    memory, tasks = slope(samples, "rss") / 2**20, slope(samples, "tasks")
    return (
        f"{system:6} {samples[-1]['changes']:.0f} rounds of changes, {result.tally};"
        f" memory {memory:+.2f} MiB/min, tasks {tasks:+.1f}/min"
        f" ({samples[-1]['tasks']:.0f} at the end)"
    )


def plot(results: dict[str, Result], path: Path) -> None:
    """Memory and tasks over time, one line for each system."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (upper, lower) = plt.subplots(2, 1, sharex=True, figsize=(9, 6))
    for system, result in results.items():
        times = [sample["time"] for sample in result.samples]
        upper.plot(times, [sample["rss"] / 2**20 for sample in result.samples], label=system)
        lower.plot(times, [sample["tasks"] for sample in result.samples], label=system)
    upper.set_ylabel("resident memory (MiB)")
    lower.set_ylabel("asyncio tasks")
    lower.set_yscale("log")
    lower.set_xlabel("seconds under load, handlers replaced all the time")
    for axes in (upper, lower):
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    figure.suptitle("Replacing handlers under load")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main() -> None:
    """Measure both, print, plot."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="of load for each system")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--png", type=Path, default=Path("leak.png"))
    parser.add_argument("--serve", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve, options.port))
        return
    results: dict[str, Result] = {}
    for system in SYSTEMS:
        results[system] = asyncio.run(measure(system, options.seconds, options.connections))
        print(report(system, results[system]), flush=True)
    plot(results, options.png)
    print(f"plot: {options.png}")


if __name__ == "__main__":
    main()
