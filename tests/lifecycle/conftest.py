"""A server for many tests, a client and a remote control; what must hold after every test."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.lifecycle.servers import Place, Process

Tell = Callable[..., Coroutine[Any, Any, Any]]
# Seconds for an answer, on a machine that is busy as well.
PATIENCE = 20.0
NO_TLS = httpx.create_ssl_context(verify=False)  # once: it takes 6 ms, and nobody needs it


class Ground:
    """One place, and the process that serves there at present."""

    def __init__(self, place: Place, make_folder: Callable[[], Path]) -> None:
        self.place = place
        self._make_folder = make_folder
        self._process: Process | None = None

    def process(self) -> Process:
        """The process that runs; a new one where the last was stopped."""
        if self._process is None or self._process.code is not None:
            self._process = Process(self.place, self._make_folder())
            self._process.start()
        return self._process

    def leave(self) -> None:
        """Stop what runs."""
        if self._process is not None and self._process.code is None:
            self._process.end()


@pytest.fixture(scope="session")
def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """A place that all tests share which are about it; pytest puts them one after the other."""
    found = Ground(request.param, lambda: tmp_path_factory.mktemp("lifecycle"))
    yield found
    found.leave()


@pytest.fixture
async def served(ground: Ground) -> AsyncIterator[Process]:
    """The app where it is served, with its first document; after the test it is at rest.

    Then all sums are right, every handler has one worker, the books agree with the tasks that
    are there, and the log knows of nothing that got lost.
    """
    process = ground.process()
    await process.listening()
    async with httpx.AsyncClient(timeout=PATIENCE, verify=NO_TLS) as client:
        (await client.post(f"{process.control}/reload?world=first")).raise_for_status()
        yield process
        if process.code is None:
            books = (await client.post(f"{process.control}/rest")).json()
            check_books(books)
    assert not process.complaints()


def check_books(books: dict[str, Any]) -> None:
    """What is true of an app at rest."""
    for one in (*books["handlers"].values(), books["total"]):
        assert one["spawned"] == one["terminated"] + one["active"]
    total = books["total"]
    assert (total["busy"], total["queued"], books["retiring"], total["crashed"]) == (0, 0, 0, 0)
    streams = total["streams"]
    ended = [streams[how] for how in ("finished", "failed", "timed_out", "cancelled")]
    assert (streams["active"], streams["started"]) == (0, sum(ended))
    assert total["active"] == len(books["handlers"]) == len(books["workers"])


@pytest.fixture
async def ask(served: Process) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app under test."""
    async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE, verify=NO_TLS) as client:
        yield client


@pytest.fixture
async def tell(served: Process) -> AsyncIterator[Tell]:
    """A remote control: what to do, and with what, as the witness in `served` knows it."""
    async with httpx.AsyncClient(timeout=PATIENCE, verify=NO_TLS) as client:

        async def act(action: str, **query: str) -> Any:
            answer = await client.post(f"{served.control}/{action}", params=query)
            assert answer.status_code in (200, 422), answer.text
            return answer.json()

        yield act
