"""The outage that started this project: seen with a naive registry, impossible here."""

import pytest

from benchmarks.leak import Result, measure

SECONDS = 2.0


async def run(system: str) -> Result:
    """A short run of the benchmark: two processes, real sockets, constant load."""
    result = await measure(system, SECONDS, connections=4)
    assert result.tally.count(200) > 100
    assert result.samples[-1]["changes"] > 10
    return result


@pytest.mark.timeout(60)
async def test_a_naive_registry_leaks_a_task_for_every_replacement() -> None:
    """The failure is real: each replaced handler leaves a worker that nobody will ever wake."""
    result = await run("naive")
    last = result.samples[-1]
    assert last["tasks"] >= 2 * (last["changes"] - 1)


@pytest.mark.timeout(60)
async def test_here_replacements_leave_nothing_behind_and_lose_no_request() -> None:
    """Handlers and document are replaced under load: no task too many, no request lost."""
    result = await run("brrt")
    assert not result.tally.lost
    assert result.tally.count() == result.tally.count(200, 503)
    steady = [sample["tasks"] for sample in result.samples[1:]]
    assert max(steady) - min(steady) < 40  # workers of the two busy pools come and go
    assert result.samples[-1]["tasks"] < 80
