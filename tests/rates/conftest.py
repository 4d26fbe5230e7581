"""A clock under control, and a real Redis."""

from collections.abc import Iterator
from functools import partial

import pytest

from brrt.rates.limiter import Limiter
from tests.programs import find
from tests.rates.asking import Clock
from tests.rates.servers import Redis


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which every app of the test counts in memory."""
    made = Clock()
    monkeypatch.setattr("brrt.running.Limiter", partial(Limiter, clock=made))
    return made


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of the test's own, that runs."""
    server = Redis(find("redis-server"))
    server.start()
    yield server
    server.kill()
