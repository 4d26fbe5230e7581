"""The attacked app in a process of its own: `python -m tests.attacks.served h11`.

It says its port on stdout and logs on stderr. Beside the app there is one page, which no document
knows and no attack asks for: what the process is made of at the moment.
"""

import asyncio
import gc
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, cast

import uvicorn

from tests.attacks.target import build

ROOT: Final = Path(__file__).parent.parent.parent
STATE: Final = "/state-of-the-process"
PATIENCE: Final = 20.0  # seconds that anything may take here
PAGE: Final = os.sysconf("SC_PAGE_SIZE")

app = build()


server: uvicorn.Server


def state() -> dict[str, int]:
    """What the process is made of now."""
    gc.collect()
    total = app.statistics().total
    return {
        "tasks": len(asyncio.all_tasks()),
        "handlers": total.active,
        "busy": total.busy,
        "queued": total.queued,
        "streams": total.streams.active,
        "connections": len(server.server_state.connections),
        "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - of names
        "resident": int(Path("/proc/self/statm").read_text().split()[1]) * PAGE,
    }


async def watched(scope: Any, receive: Any, send: Any) -> None:
    """The app, and the page beside it."""
    if scope["type"] == "http" and scope["path"] == STATE:
        body = json.dumps(state()).encode()
        headers = [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await app(scope, receive, send)


def main() -> None:
    """Serve until somebody says stop. Whoever asks here is no proxy that is trusted."""
    logging.basicConfig(level=logging.INFO)
    http = cast("Literal['h11', 'httptools']", sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    config = uvicorn.Config(
        watched,
        http=http,
        log_config=None,
        forwarded_allow_ips="192.0.2.1",
        timeout_keep_alive=1,
    )
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - to who has started it
    global server
    server = uvicorn.Server(config)
    server.run(sockets=[listener])


class Served:
    """A running one: where, and what it has logged."""

    operations = len(app.endpoints)

    def __init__(self, http: str, process: "subprocess.Popen[str]", port: int, log: Path) -> None:
        self.http = http
        self.process = process
        self.port = port
        self._log = log

    @property
    def log(self) -> bytes:
        """Everything on stderr so far."""
        return self._log.read_bytes()

    def state(self) -> dict[str, int]:
        """What the process is made of now."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as wire:
            wire.sendall(f"GET {STATE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            data = b"".join(iter(lambda: wire.recv(65_536), b""))
        found: dict[str, int] = json.loads(data.partition(b"\r\n\r\n")[2])
        return found

    def at_rest(self) -> dict[str, int]:
        """The same, as soon as every connection is gone."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.state()
            if (found["busy"], found["streams"]) == (0, 0) and found["connections"] == 1:
                return found
            time.sleep(0.05)
        return found


@contextmanager
def serve(http: str, folder: Path) -> Iterator[Served]:
    """Run one as long as the block lasts."""
    log = folder / f"{http}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.served", http],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        yield Served(http, process, int(process.stdout.readline()), log)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


if __name__ == "__main__":
    main()
