"""Overload and fairness for a few seconds, over real sockets; and whether they are measured right.

The goals of the benchmarks are strict and for a quiet machine. Here they are loose: what must not
happen on any machine is that useful answers collapse, that health checks fail, that a flooded or
a stuck handler takes another one with it, or that one starves. So everything takes longer here,
and there are fewer requests: a share of a core is enough for them.
"""

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise, repeat
from typing import Final

import pytest

from benchmarks.fairness import GREEDY, ISOLATED, SHARED
from benchmarks.loads import request
from benchmarks.overload import QUIET
from benchmarks.overloading.apps import BESIDE, CAPACITY, SLOTS
from benchmarks.overloading.crowds import Asked, arrivals, ask_when
from benchmarks.overloading.trials import System, measure
from benchmarks.overloading.views import Phase, Record, percentile

WIRE: Final = request("GET", "/")
# Times longer than in the benchmarks: what one request takes, and what its client waits.
SLOWER: Final = 5.0
# Requests a second: what the flooded handler serves, of what both share half of the workers can do
# of the faster one, and what is asked of a handler that shall not notice anything.
SERVED: Final = CAPACITY / SLOWER
HALF: Final = SHARED / 2 / BESIDE / SLOWER
MODERATE: Final = 40.0

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]


async def run(system: System, *phases: Phase) -> Record:
    """One trial, without cores of its own."""
    system = replace(system, slower=SLOWER)
    return await measure(system, phases, seed=1, pin=False, tries=1)


async def test_overload() -> None:
    """Three times the capacity: useful answers, quick refusals, health; afterwards all is well."""
    record = await run(
        System("brrt", "brrt", limits={"workers": SLOTS}),
        Phase("quiet", 1, {"work": QUIET * SERVED}),
        Phase("overload", 3, {"work": 3 * SERVED}),
        Phase("again", 2, {"work": QUIET * SERVED}),
    )
    seen, again = record.view("overload", "work"), record.view("again", "work")
    assert not seen.tally.lost, str(seen.tally)
    assert seen.useful > SERVED / 2
    assert seen.shed > SERVED / 2
    assert seen.tally.percentile(0.5, 503) < 0.05
    assert seen.healthy > 0.9, str(seen.health)
    later = [one for one in again.asked if one.due > again.begin + 1]
    assert sum(one.status == 200 for one in later) > 0.9 * len(later)


async def test_isolation() -> None:
    """A handler that is flooded, and one whose every worker is stuck, are no trouble for others."""
    record = await run(
        ISOLATED,
        Phase("quiet", 1, {"beside": MODERATE}),
        Phase("flood", 2, {"beside": MODERATE, "work": 3 * SERVED}),
        Phase("stuck", 2, {"beside": MODERATE, "stuck": 3 * SERVED}),
    )
    assert record.view("flood", "work").shed > 0
    assert not record.view("stuck", "stuck").answered
    for name in ("flood", "stuck"):
        seen = record.view(name, "beside")
        assert seen.tally.count(200) > 0.9 * len(seen.asked), f"{name}: {seen.tally}"
        assert seen.slowest(0.5) < 10 * BESIDE * SLOWER
        assert seen.healthy > 0.9


async def test_shares() -> None:
    """Where a flooded handler has taken all worker tasks, another one gets its share of them."""
    record = await run(
        replace(GREEDY, limits={**GREEDY.limits, "queue_size": 32}),  # no answer is stale
        Phase("taken", 1, {"work": 3 * SERVED}),
        Phase("shared", 2, {"work": 3 * SERVED, "beside": HALF / 2}),
    )
    beside, work = record.view("shared", "beside"), record.view("shared", "work")
    assert beside.useful > 0.6 * beside.offered
    assert work.useful > SERVED / 2


# The measurement itself


def test_arrivals_are_as_many_as_was_said() -> None:
    """A phase has its rate, and the next begins where it ends; chance is the same for all."""
    even = list(arrivals([(10, 1), (0, 1), (100, 1)]))
    assert len([due for due in even if due < 1]) == pytest.approx(10, abs=1)
    assert not [due for due in even if 1.01 <= due < 2]
    assert len([due for due in even if due >= 2]) == pytest.approx(100, abs=1)
    chance = list(arrivals([(1000, 10)], seed=1))
    assert chance == list(arrivals([(1000, 10)], seed=1)) != list(arrivals([(1000, 10)], seed=2))
    assert len(chance) == pytest.approx(10_000, rel=0.05)
    gaps = sorted(later - earlier for earlier, later in pairwise(chance))
    assert percentile(gaps, 0.5) == pytest.approx(math.log(2) / 1000, rel=0.1)  # exponential


@dataclass(slots=True)
class Listener:
    """A server that gives everybody the same answer, or none."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list[bytes])
    hung_up: int = 0


@asynccontextmanager
async def listening(answer: bytes | None) -> AsyncIterator[Listener]:
    """Run a server that says this to everybody; with None it waits until they have gone."""
    listener = Listener()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.heard.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await reader.read()
            listener.hung_up += 1
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_clients_do_not_wait_for_each_other_and_hang_up(until: Until) -> None:
    """A server that never answers is asked as often, and every client leaves when it said."""
    asked: list[Asked] = []
    async with listening(None) as listener:
        dues = arrivals([(100, 0.5)])
        await ask_when(listener.port, dues, repeat(WIRE), asked.append, deadline=0.1)
        await until(lambda: listener.hung_up == len(asked))
    assert len(asked) == pytest.approx(50, abs=1)
    assert {(one.status, one.lost) for one in asked} == {(0, "")}
    assert all(0.09 < one.seconds < 5 for one in asked)
    assert set(listener.heard) == {WIRE}


async def test_answers_and_losses_are_told_apart() -> None:
    """An answer has its status; a connection that is closed without one has lost the request."""
    for answer, status, lost in (
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 503, ""),
        (b"", 0, "closed without an answer"),
    ):
        asked: list[Asked] = []
        async with listening(answer) as listener:
            await ask_when(listener.port, [0.0, 0.01], repeat(WIRE), asked.append, deadline=5)
        assert [(one.status, one.lost) for one in asked] == [(status, lost)] * 2
    asked = []
    await ask_when(listener.port, [0.0], repeat(WIRE), asked.append, deadline=5)
    assert [one.lost for one in asked] == ["connecting: ConnectionRefusedError"]


async def test_a_crowd_that_is_cancelled_leaves_nothing(until: Until) -> None:
    """Whoever stops an open loop hangs up everywhere."""
    asked: list[Asked] = []
    async with listening(None) as listener:
        dues = arrivals([(100, 60)])
        asking = asyncio.ensure_future(
            ask_when(listener.port, dues, repeat(WIRE), asked.append, deadline=60)
        )
        await until(lambda: len(listener.heard) > 5)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        await until(lambda: listener.hung_up == len(listener.heard))


PHASES: Final = (Phase("quiet", 1, {"work": 50}), Phase("again", 2, {"work": 50}))


def test_recovery_begins_with_some_calm_windows_in_a_row() -> None:
    """Neither refusals nor slow answers may follow at once; one calm moment is no recovery."""

    def record(*troubled: float, status: int = 503, seconds: float = 0.001) -> Record:
        kept = Record(PHASES, cpu=[0.0, 0.0, 0.0])
        kept.asked["work"] = [
            Asked(due, 0.0, seconds, status)
            if any(begin <= due - 1 < begin + 0.1 for begin in troubled)
            else Asked(due, 0.0, 0.02, 200)
            for due in islice(arrivals([(50, 3)]), 149)
        ]
        return kept

    assert record().recovery("quiet", "again", "work") == 0
    assert record(0.0, 0.1).recovery("quiet", "again", "work") == pytest.approx(0.2)
    assert record(0.0, 0.3).recovery("quiet", "again", "work") == pytest.approx(0.4)
    slow = record(0.0, status=200, seconds=0.19)
    assert slow.recovery("quiet", "again", "work") == pytest.approx(0.1)
    never = record(*(0.2 * place for place in range(10)))
    assert never.recovery("quiet", "again", "work") == math.inf


def test_useful_answers_are_counted_when_they_come() -> None:
    """An answer that came after the end of a phase is none of its own; what was late is told."""
    kept = Record(PHASES, cpu=[0.0, 0.5, 0.7])
    kept.asked["work"] = [Asked(0.95, 0.0, 0.1, 200), Asked(0.5, 0.1, 0.1, 200)]
    quiet, again = kept.view("quiet", "work"), kept.view("again", "work")
    assert (quiet.useful, again.useful) == (1, 0.5)
    assert quiet.offered == 2
    assert quiet.cpu == 0.5
    assert again.cpu == pytest.approx(0.1)
    assert quiet.late == 0.1
    assert not quiet.is_true
