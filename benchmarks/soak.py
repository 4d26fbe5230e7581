"""Does anything grow? The pet store under load for as long as wanted, changed all the time.

    python -m benchmarks.soak [--minutes 5] [--connections 16] [--csv soak.csv] [--png soak.png]
    python -m benchmarks.soak --reloads 10000 [--connections 0]

The first serves a mixed load (answers, refusals, large and broken bodies, clients that hang up)
while handlers are replaced and removed and the document is reloaded, at times with a broken one.
After the warm-up, memory, open files and tasks that belong to no pool must not grow, by the slope
of a regression; and when the load is gone every pool must come to rest at one task. The second
reloads the document as fast as it can, with clients or without: the memory at the end must be
what it was after the first hundred. Nothing that is asked adds a row to the store.

The server is a process of its own on a real socket. Both write a CSV and a plot, end with a
verdict of one line, and exit with 1 if that is bad. Needs `pip install 'brrt[benchmark]'`.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.loads import Tally, ask_on
from benchmarks.servers import free_port, serve
from benchmarks.soaking.mix import hang_up_on, wires
from benchmarks.soaking.record import (
    BOUNDS,
    FIRST,
    Record,
    Sample,
    judge_reloads,
    judge_soak,
    plot,
    write,
)

# Samples in a run, and the least seconds between two.
SAMPLES: Final = 600
LEAST_PAUSE: Final = 0.25
LEAST_SECONDS: Final = 5.0
# Pools shrink soon after they have grown, so that tasks come and go.
RESTLESS: Final = {
    "PET_STORE_WEBHOOKS": "127.0.0.1",  # nobody else is called
    "BRRT_IDLE_TIMEOUT": "1",
}
# Clients that hang up before they are answered, for each one that waits.
IMPATIENT: Final = 0.25
# Seconds in which pools come to rest without load.
REST_WITHIN: Final = 30.0


async def soak(seconds: float, connections: int) -> Record:
    """Load and changes until the time is over; then no load, until the pools are at rest."""
    pause = max(seconds / SAMPLES, LEAST_PAUSE)
    async with watched(["--pause", str(pause)], connections) as server:
        while (await server.sample())["time"] < seconds:
            pass
        await server.leave()
        await server.rest()
    return server.record


async def reload(count: int, connections: int) -> Record:
    """So many reloads, one after the other."""
    arguments = ["--pause", str(LEAST_PAUSE), "--reloads", str(count)]
    async with watched(arguments, connections) as server:
        while (await server.sample())["reloads"] < count:
            pass
    return server.record


class Watched:
    """A server with clients, and what both have shown so far."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, connections: int) -> None:
        assert process.stdout is not None
        self.record = Record()
        self._process, self._stdout = process, process.stdout
        self._tally, self._over = Tally(), asyncio.Event()
        impatient = round(connections * IMPATIENT)
        kinds = [ask_on] * connections + [hang_up_on] * impatient
        self._clients = [
            asyncio.create_task(
                ask(port, wires(seed), self._tally, self._over.is_set), name=f"client {seed}"
            )
            for seed, ask in enumerate(kinds)
        ]

    async def read(self) -> Sample:
        """The next sample. Raises `RuntimeError` when the server ends before we do."""
        line = await self._stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with {await self._process.wait()}")
        sample: Sample = json.loads(line)
        return sample

    async def sample(self) -> Sample:
        """The next sample, which is recorded."""
        sample = await self.read()
        self.record.add(sample, self._tally)
        return sample

    async def leave(self) -> None:
        """The clients ask no more. Raises what went wrong in one of them."""
        self._over.set()
        await asyncio.gather(*self._clients)
        self.record.count(self._tally)

    async def rest(self) -> None:
        """Wait until each handler has the one task that it has without work."""
        sample = await self.read()
        until = sample["time"] + REST_WITHIN
        while sample["workers"] > sample["handlers"] and sample["time"] < until:
            sample = await self.read()
        if sample["workers"] > sample["handlers"]:
            self.record.restless = f"{sample['workers']:.0f} tasks for {sample['handlers']:.0f}"


@asynccontextmanager
async def watched(arguments: Sequence[str], connections: int) -> AsyncIterator[Watched]:
    """Serve the pet store, change it, and ask it."""
    port = free_port()
    command = ["benchmarks.soaking.server", "--port", str(port), *arguments]
    async with serve(command, port, environment=RESTLESS, stdout=subprocess.PIPE) as process:
        server = Watched(process, port, connections)
        try:
            yield server
        finally:
            await server.leave()


def arguments(given: Sequence[str] | None) -> Any:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=5.0, help="of load and changes")
    length.add_argument("--seconds", type=float, help="the same, shorter")
    length.add_argument("--reloads", type=int, help="so many, as fast as it goes, and nothing else")
    parser.add_argument("--connections", type=int, help="clients: 16, or none with --reloads")
    parser.add_argument("--memory", type=float, default=BOUNDS["memory"], help="MiB of growth")
    parser.add_argument("--csv", type=Path, default=Path("soak.csv"))
    parser.add_argument("--png", type=Path, default=Path("soak.png"))
    options = parser.parse_args(given)
    if options.reloads is not None and options.reloads <= FIRST:
        parser.error(f"memory is compared with what it was after {FIRST} reloads; ask for more")
    if options.seconds is not None and options.seconds < LEAST_SECONDS:
        parser.error(f"in less than {LEAST_SECONDS:g} seconds there is nothing to see")
    if options.connections is None:
        options.connections = 0 if options.reloads else 16
    return options


def main(given: Sequence[str] | None = None) -> int:
    """Run, write, judge; the exit code."""
    options = arguments(given)
    if options.reloads:
        record = asyncio.run(reload(options.reloads, options.connections))
        verdict = judge_reloads(record, options.memory)
    else:
        seconds = options.seconds or 60 * options.minutes
        record = asyncio.run(soak(seconds, options.connections))
        verdict = judge_soak(record, {**BOUNDS, "memory": options.memory})
    write(record, options.csv)
    plot(record, options.png)
    print(verdict)
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
