"""Each storm for a few seconds: real processes, real sockets, and no request lost.

What a verdict demands is in `benchmarks/storms/verdict.py` and `served.py`: no lost request, no
status but those that the storm allows, as many tasks and open files as before, balanced books,
no traceback in the log, and a clean exit.
"""

import sys
from typing import Final

import pytest

from benchmarks.storms import (
    clients,
    endless,
    full_disk,
    reloads,
    replacements,
    rewrites,
    rolls,
    streams,
)
from benchmarks.storms.verdict import Options, Storm, Verdict

SECONDS: Final = 2.0
CONNECTIONS: Final = 8
# Answers that must come in a few seconds, however busy the machine is.
LEAST: Final = 100

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and limits"),
]


async def good(storm: Storm) -> Verdict:
    """Run a storm, which must do no harm."""
    verdict = await storm(Options(seconds=SECONDS, connections=CONNECTIONS))
    assert not verdict.faults, str(verdict)
    assert not verdict.tally.lost
    assert verdict.tally.count(200) > LEAST
    return verdict


async def test_reloads() -> None:
    """Documents and handlers that change every 50 ms: a request sees one world, and is served."""
    await good(reloads.storm)


async def test_replacements() -> None:
    """All handlers replaced without pause: what was accepted is finished, and no task is left."""
    await good(replacements.storm)


async def test_rolls() -> None:
    """Processes that are renewed and ended in mid-load: their clients do not notice."""
    await good(rolls.storm)


async def test_clients() -> None:
    """Slow clients are served, and of those that hang up half-way nothing is left."""
    await good(clients.storm)


async def test_endless() -> None:
    """Handlers that never return keep nobody waiting, and cannot keep the service from stopping."""
    await good(endless.storm)


async def test_full_disk() -> None:
    """Uploads that cannot be kept are answered 503, all else goes on, until there is room."""
    await good(full_disk.storm)


async def test_rewrites() -> None:
    """Of a document that is written in pieces no half is served, and the whole of it is."""
    await good(rewrites.storm)


async def test_streams() -> None:
    """Events are neither lost nor seen twice, and no download looks complete that is not."""
    await good(streams.storm)


def test_a_verdict_is_bad_for_a_lost_request() -> None:
    """One request without an answer is enough; so is one answer that the storm does not allow."""
    for harm in ("lost", "strange"):
        verdict = Verdict("test")
        verdict.tally.seconds = {200: [0.1]} | ({500: [0.1]} if harm == "strange" else {})
        assert bool(Verdict("calm", tally=verdict.tally).close().faults) == (harm == "strange")
        if harm == "lost":
            verdict.tally.lost["reset"] += 1
        assert verdict.close().faults
        assert "BAD" in str(verdict)
