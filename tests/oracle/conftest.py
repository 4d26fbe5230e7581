"""What the tests of the oracle share."""

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.oracle.tally import Tally


@pytest.fixture(scope="session")
def tally(say: Callable[[str], None]) -> Iterator[Tally]:
    """The count of the whole run, which is told at its end."""
    counted = Tally()
    yield counted
    say(str(counted))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of broken answers and bodies are not worth a line each."""
    names = ("brrt", "python_multipart.multipart")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
