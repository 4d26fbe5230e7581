"""The servers that the app is tried on, each a process of its own, and what each cannot do.

An exception is a fact about a server, read off its source and asserted by the tests: where the
server begins to do better, its test fails and the exception goes.
"""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.servers import ROOT, free_port
from tests.lifecycle.hosts import ALONE, PLACE

TARGET: Final = "tests.lifecycle.served:app"
# Seconds within which a process must have done something, on a machine that is busy as well.
PATIENCE: Final = 20.0
# Seconds between two looks at a log.
LOOK: Final = 0.01

UVICORN: Final = ("uvicorn", TARGET, "--port={port}", "--no-access-log")
HYPERCORN: Final = ("hypercorn", TARGET, "--bind=127.0.0.1:{port}", "--graceful-timeout=30")
GRANIAN: Final = ("granian", "--interface=asgi", "--host=127.0.0.1", "--port={port}", TARGET)
SERVERS: Final = {
    "uvicorn-asyncio-h11": (*UVICORN, "--loop=asyncio", "--http=h11"),
    "uvicorn-asyncio-httptools": (*UVICORN, "--loop=asyncio", "--http=httptools"),
    "uvicorn-uvloop-h11": (*UVICORN, "--loop=uvloop", "--http=h11"),
    "uvicorn-uvloop-httptools": (*UVICORN, "--loop=uvloop", "--http=httptools"),
    "brrt-run": ("brrt", "run", TARGET, "--port={port}"),
    "hypercorn-asyncio": (*HYPERCORN, "--worker-class=asyncio"),
    "hypercorn-uvloop": (*HYPERCORN, "--worker-class=uvloop"),
    "granian-asyncio": (*GRANIAN, "--loop=asyncio"),
    "granian-uvloop": (*GRANIAN, "--loop=uvloop"),
}

# How a server ends after SIGTERM, where that is not by exit code 0.
# uvicorn repeats the signal that stopped it when all is done (`Server.capture_signals`), so that
# whoever started it sees why it ended. `brrt run` turns that into 0.
ENDS_BY_SIGNAL: Final = frozenset(name for name in SERVERS if name.startswith("uvicorn"))
# Servers that leave alone what nobody stops: an app in a host that knows nothing of it is started
# by its first request, and it is the end of the event loop that stops it.
# uvicorn: the repeated signal kills the process before `asyncio.run` can cancel what is left.
# granian: the worker ends without cancelling tasks or closing its loop (`MPServer`,
# `_spawn_asgi_lifespan_worker`: `run_until_complete`, and then the process is over).
LEAVES_UNWIRED: Final = frozenset(
    name for name in SERVERS if name.startswith(("uvicorn", "granian"))
)

# Tasks of a server that see to it that the app's lifespan ends, and so end after it.
LOOKS_AFTER_THE_END: Final = {"brrt-run": {"brrt close after grace"}}

# Servers that may close a connection with a reset while the client still sends a body that nobody
# reads, so that the early answer (404, 413, 503) is lost; any other app shares this fate. Bodies
# that fit into the buffers of the kernel, some 300 KB, are safe.
# hypercorn: `H11Protocol._maybe_recycle` closes at once; a piece of the body that finds the app's
# queue full (`max_app_queue_size`) waits there until `--graceful-timeout` ends it.
# granian: hyper drops a body that was not read to its end, and with it the connection.
RESETS_UNREAD: Final = frozenset(
    name for name in SERVERS if name.startswith(("hypercorn", "granian"))
)

# What asyncio, a server or Python itself says of a task or an exception that got lost.
COMPLAINTS: Final = (
    "was never retrieved",
    "was destroyed but it is pending",
    "was never awaited",
    "Exception in callback",
    "Exception in ASGI application",
    "Error in ASGI Framework",
    "Application callable raised an exception",
    "ASGI callable returned without",
    "Lifespan errored",
    "Fatal Python error",
)
# How it is told that a stream broke. Litestar does not pass on what an app raises, but that it did.
BROKEN_STREAM: Final = (
    "StreamBroken: ",
    "LitestarException: Exception caught after response started",
)
# Lines that a traceback may have.
TRACEBACK: Final = 120


@dataclass(frozen=True, slots=True)
class Place:
    """Where the app runs: a server, a host, and how the host starts and stops the app."""

    server: str
    host: str = ALONE
    wiring: str = "none"

    def __str__(self) -> str:
        return self.server if self.host == ALONE else f"{self.server}-{self.host}-{self.wiring}"

    @property
    def prefix(self) -> str:
        """What paths begin with."""
        return "" if self.host == ALONE else PLACE

    @property
    def unwired(self) -> bool:
        """Whether nobody starts the app but its first request."""
        return self.host != ALONE and self.wiring == "none"


def exit_code(place: Place) -> int:
    """How a server ends after SIGTERM."""
    return -signal.SIGTERM if place.server in ENDS_BY_SIGNAL else 0


@dataclass(slots=True)
class Process:
    """A server that runs in a place. Its log is all that it and the app have said."""

    place: Place
    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where the app under test is reached."""
        return f"http://127.0.0.1:{self.port}{self.place.prefix}"

    @property
    def control(self) -> str:
        """Where the witness is reached."""
        return f"http://127.0.0.1:{self.port}/control"

    @property
    def log(self) -> str:
        """All that was said so far."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start, if it does not run. Does not wait; see `wait`."""
        if self._process is not None:
            return
        words = [word.replace("{port}", str(self.port)) for word in SERVERS[self.place.server]]
        environment = {
            "LIFECYCLE_HOST": self.place.host,
            "LIFECYCLE_WIRING": self.place.wiring,
            "LIFECYCLE_GATES": str(self.folder),
        }
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def open_gate(self, gate: str) -> None:
        """Let all handlers go on that wait there."""
        (self.folder / gate).touch()

    def end(self) -> int:
        """Stop it and wait; its exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(PATIENCE)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it and the processes that it started, whatever they do."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    async def stop_begins(self) -> None:
        """Ask it to stop, and wait until it has begun to.

        Its door is closed then, or, where another process keeps that open, a connection on which
        nothing is going on.
        """
        assert self._process is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {self.place.prefix}/health HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readuntil(b"}")
        idle = asyncio.create_task(reader.read())
        self._process.terminate()
        await self.until(lambda: idle.done() or not self.accepts(), "a stop")
        writer.close()
        await asyncio.wait([idle])

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Look until something has happened; fail with the log if it does not."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until, f"{what} never happened:\n{self.log}"
            await asyncio.sleep(LOOK)

    async def said(self, *words: str) -> None:
        """Wait until the app has recorded this."""
        line = " ".join(("RECORD", *words))
        await self.until(lambda: line in self.log, line)

    async def listening(self) -> None:
        """Wait until it accepts connections."""
        await self.until(lambda: self.code is not None or self.accepts(), "a start")
        assert self.code is None, self.log

    def accepts(self) -> bool:
        """Whether somebody accepts connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def complaints(self) -> list[str]:
        """What the log says of lost tasks and exceptions.

        That a stream broke is told to the server, and the server tells of it: that is its way.
        """
        lines = self.log.splitlines()
        return [
            line
            for index, line in enumerate(lines)
            if any(one in line for one in COMPLAINTS)
            and not any(one in "\n".join(lines[index : index + TRACEBACK]) for one in BROKEN_STREAM)
        ]

    def ends(self) -> dict[str, Any]:
        """What the witness counted when the lifespan ended and when the process did."""
        reports = map(json.loads, re.findall(r"^RECORD end (.*)$", self.log, re.MULTILINE))
        return {report["when"]: report for report in reports}
