"""The outage that started this project: seen with a naive registry, impossible here."""

import pytest

from benchmarks.leak import Tally, measure

SECONDS = 2.0


async def run(system: str) -> Tally:
    """A short run of the benchmark: two processes, real sockets, constant load."""
    tally = await measure(system, SECONDS, connections=4)
    assert tally.answered > 100
    assert tally.samples[-1]["changes"] > 10
    return tally


@pytest.mark.timeout(60)
async def test_a_naive_registry_leaks_a_task_for_every_replacement() -> None:
    """The failure is real: each replaced handler leaves a worker that nobody will ever wake."""
    tally = await run("naive")
    last = tally.samples[-1]
    assert last["tasks"] >= 2 * (last["changes"] - 1)


@pytest.mark.timeout(60)
async def test_here_replacements_leave_nothing_behind_and_lose_no_request() -> None:
    """Handlers and document are replaced under load: no task too many, no request lost."""
    tally = await run("brrt")
    assert tally.lost == 0
    steady = [sample["tasks"] for sample in tally.samples[1:]]
    assert max(steady) - min(steady) < 40  # workers of the two busy pools come and go
    assert tally.samples[-1]["tasks"] < 80
