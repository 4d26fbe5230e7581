"""The service under a storm, seen from outside: its load, its state, its log and its end.

Nothing may be left behind: as many tasks and open files as before, one active worker for each
handler, `spawned == terminated + active`, no traceback in the log, and a clean exit.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from typing import Any, Final

import psutil

from benchmarks.loads import Answer, Client, Tally, ask_on, request
from benchmarks.servers import free_port, serve
from benchmarks.storms.verdict import Options, Verdict
from benchmarks.storms.wires import Wires, mixed

# Seconds for a service to come to rest, and to stop.
REST: Final = 20.0
# Seconds between two looks at a service that is about to come to rest.
LOOK: Final = 0.05
# Surplus workers end soon, and most uploads go to disk.
SETTINGS: Final = {"BRRT_IDLE_TIMEOUT": "0.5", "BRRT_SPOOL_SIZE": "16384"}
# Lines of a log that are printed where it tells of a failure.
MOST_LINES: Final = 60

State = dict[str, Any]


class Service:
    """`brrt run` with the app of the storms, seen from outside."""

    def __init__(
        self, port: int, process: asyncio.subprocess.Process, verdict: Verdict, log: list[str]
    ) -> None:
        self.port = port
        self.process = process
        self.verdict = verdict
        self.log = log

    async def tell(self, command: str) -> State:
        """Do something to the app through its door; its state afterwards."""
        async with self._asking() as ask:
            return await ask(f"/storm/{command}")

    async def state(self) -> State:
        """The state of the process that answers this time."""
        return await self.tell("state")

    async def rest(self, kept: int = 0) -> State:
        """The state at rest, which must be reached. `kept` workers are stuck for good."""
        until = time.monotonic() + REST
        async with self._asking() as ask:  # one connection leads to one process
            while not _rests(health := await ask("/health"), kept):
                if time.monotonic() > until:
                    self.verdict.faults.append(f"no rest: {health}")
                    break
                await asyncio.sleep(LOOK)
            if health["spawned"] != health["terminated"] + health["active"]:
                self.verdict.faults.append(f"the books do not balance: {health}")
            return await ask("/storm/state")

    async def ask_slowly(self, wire: bytes, size: int, pause: float) -> None:
        """Ask in pieces of `size` bytes with a pause after each. The answer counts like any other.

        The request must ask for the connection to be closed.
        """
        tally, began = self.verdict.tally, time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            with closing(writer):
                for start in range(0, len(wire), size):
                    writer.write(wire[start : start + size])
                    await writer.drain()
                    await asyncio.sleep(pause)
                answer = await reader.read()
            status = int(answer.split(b" ", 2)[1])
        except (OSError, IndexError) as error:
            tally.lost[f"slow: {type(error).__name__}"] += 1
        else:
            tally.add(Answer(status, {}, answer, time.perf_counter() - began, keeps=False))

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Callable[[str], Awaitable[State]]]:
        client = Client(self.port)

        async def ask(target: str) -> State:
            value: State = json.loads((await client.ask(request("GET", target))).body)
            return value

        try:
            yield ask
        finally:
            client.close()

    async def compare(self, before: State, kept: int = 0) -> None:
        """Come to rest, and have no more tasks and files than before."""
        until = time.monotonic() + REST
        after = await self.rest(kept)
        while _left(before, after) and time.monotonic() < until:
            await asyncio.sleep(LOOK)
            after = await self.rest(kept)
        self.verdict.faults += _left(before, after)
        counts = [sum(state["tasks"].values()) for state in (before, after)]
        self.verdict.facts.append(f"tasks {counts[0]} -> {counts[1]}")

    @asynccontextmanager
    async def load(
        self, options: Options, wires: Wires = mixed, tally: Tally | None = None
    ) -> AsyncIterator[None]:
        """Clients that ask as fast as they are answered, until the block ends."""
        over, tally = asyncio.Event(), tally or self.verdict.tally
        async with asyncio.TaskGroup() as clients:
            for number in range(options.connections):
                source = wires(random.Random(f"{options.seed}/{number}"))
                clients.create_task(ask_on(self.port, source, tally, over.is_set))
            try:
                yield
            finally:
                over.set()


def _rests(health: State, kept: int) -> bool:
    """Whether nothing is done or waits, and there is one worker for each handler.

    Beside `kept` workers that are busy for good; these are of one handler.
    """
    surplus = health["active"] - health["handlers"] - max(kept - 1, 0)
    works = surplus, health["busy"] - kept, health["queued"], health["streams"]
    return works == (0, 0, 0, 0)


def _left(before: State, after: State) -> list[str]:
    """What there is more of than before."""
    more: Counter[str] = Counter(after["tasks"]) - Counter(before["tasks"])
    left = [f"{count} x task {name!r} left" for name, count in more.items()]
    if after["files"] > before["files"]:
        left.append(f"{after['files'] - before['files']} open files left")
    return left


@asynccontextmanager
async def served(
    verdict: Verdict,
    *options: str,
    app: str = "benchmarks.storms.service:app",
    environment: Mapping[str, str] | None = None,
    foreseen: str | None = None,
) -> AsyncIterator[Service]:
    """Run the service until the block ends. How it ended, and what it logged, is judged too.

    `foreseen` is the name of an error whose tracebacks mean no harm.
    """
    port = free_port()
    words = ["brrt", "run", app, "--port", str(port)]
    words += ["--log-level", "warning", *options]
    variables = {**SETTINGS, **(environment or {})}
    async with (
        _log() as (log, stderr),
        serve(words, port, environment=variables, stderr=stderr) as process,
    ):
        try:
            yield Service(port, process, verdict, log)
        finally:
            began = time.monotonic()
            if await _ended(process, verdict):
                verdict.facts.append(f"stopped in {time.monotonic() - began:.1f} s")
    _judge_log(log, verdict, foreseen)


async def _ended(process: asyncio.subprocess.Process, verdict: Verdict) -> bool:
    """Stop a process. Tells whether it ended by itself; its exit code must be 0."""
    family = psutil.Process(process.pid).children(recursive=True)
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(REST):
            code = await process.wait()
    except TimeoutError:
        verdict.faults.append(f"the service did not stop within {REST:g} s")
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.kill()
        return False
    if code != 0:
        verdict.faults.append(f"the exit code is {code}")
    return True


@asynccontextmanager
async def _log() -> AsyncIterator[tuple[list[str], int]]:
    """The lines of a log, and what to write it to: a pipe, which is full at no size of files."""
    lines: list[str] = []
    reads, writes = os.pipe()
    reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reads, "rb")
    )
    reading = asyncio.create_task(_read(reader, lines))
    try:
        yield lines, writes
    except RuntimeError:  # it did not start, or did not stop, and may have said why
        print("\n".join(lines), file=sys.stderr)
        raise
    finally:
        os.close(writes)
        await asyncio.wait([reading], timeout=1)
        transport.close()
        await asyncio.wait([reading])


async def _read(reader: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await reader.readline():
        lines.append(line.decode(errors="replace").rstrip())


def _judge_log(lines: list[str], verdict: Verdict, foreseen: str | None) -> None:
    """Nothing happens in a storm that nobody foresaw: no traceback. The first is printed."""
    found = [
        place
        for place, line in enumerate(lines)
        if line.startswith("Traceback") and not (foreseen and _names(lines[place + 1 :], foreseen))
    ]
    if found:
        verdict.faults.append(f"{len(found)} tracebacks in the log")
        first = max(found[0] - 1, 0)
        print("\n".join(lines[first : first + MOST_LINES]), file=sys.stderr)


def _names(lines: list[str], error: str) -> bool:
    """Whether the rest of a traceback ends with this error."""
    last = next((line for line in lines if line and not line[0].isspace()), "")
    return last.split(":")[0].endswith(error)
