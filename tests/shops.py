"""Pet stores on real sockets, for the tests."""

import re
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from examples.pet_store.app import build

# Seconds that a server may take to start or to stop before a test fails.
PATIENCE = 20.0
DOG = {"name": "Rex", "animal": {"kind": "dog", "breed": "terrier"}}


class LoopbackServer(uvicorn.Server):
    """uvicorn on a free port, which tells when it is up, or that it never will be."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app, host="127.0.0.1", port=0, lifespan="on", ws="none", log_level="warning"
            )
        )
        self.decided = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        """Start as uvicorn does, and say so."""
        try:
            await super().startup(sockets=sockets)
        finally:
            self.decided.set()

    @property
    def address(self) -> str:
        """Where it listens."""
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"


@contextmanager
def served(app: Any) -> Generator[str, None, None]:
    """The address of an app, on a real socket."""
    server = LoopbackServer(app)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        assert server.decided.wait(PATIENCE)
        assert server.started
        yield server.address
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()


@contextmanager
def shop_at(database: str, webhooks: str = "127.0.0.1") -> Generator[httpx.Client, None, None]:
    """A client of a new pet store, with its store in `database`.

    `webhooks` are the addresses that it may call; for none, all that are public.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PET_STORE_DATABASE", database)
        patch.setenv("PET_STORE_WEBHOOKS", webhooks)
        with served(build()) as url, httpx.Client(base_url=url, timeout=PATIENCE) as client:
            yield client


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of an error, which must be one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["title"]
    return document


def announced_address(server: subprocess.Popen[str]) -> str:
    """Where a server says that it listens, as soon as it does."""
    lines: list[str] = []
    for line in server.stderr or ():
        lines.append(line)
        if address := re.search(r"http://[0-9.]+:[1-9][0-9]*", line):
            return address[0]
    raise AssertionError("".join(lines))  # pragma: no cover
