"""Nothing grows, and what a reload displaces is gone at once: `benchmarks/soak.py` in short."""

import asyncio
import gc
import importlib
import math
import pkgutil
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import brrt
from benchmarks.loads import Answer, Tally
from benchmarks.soak import main, reload, soak
from benchmarks.soaking.record import (
    BOUNDS,
    Record,
    Sample,
    judge_reloads,
    judge_soak,
    plot,
    write,
)
from benchmarks.soaking.server import BROKEN
from brrt import App, Handlers, SpecError
from brrt.snapshot import Snapshot, compile_snapshot
from examples.pet_store.app import build
from examples.pet_store.handlers import pets
from tests import generic
from tests.conftest import Until, operation, serve, spec, without_collector

SPECS = Path(__file__).parent / "specs"
# Blocks of memory that may be held after many changes and were not before: what the interpreter
# keeps in tables that it enlarges at times. The pool of a handler has 35, the snapshot of the pet
# store 13,000.
SLACK = 1_000
# Caches without a bound whose keys are versions, dialects and definitions that brrt itself names.
ENUMERATED = {"_specification", "_validator", "_meta_validator"}


# --- what a change leaves behind --------------------------------------------------------------


def pieces(app: App) -> list[Any]:
    """What the snapshot is made of that is served now, as far as it can be weakly referred to."""
    snapshot: Snapshot = app._world.current
    return [snapshot.document, snapshot.schemas, *snapshot.schemas.derived.values()]


@pytest.mark.parametrize(
    ("document", "left"),
    # msgspec leaves a small loop for each model that a handler has (0.22).
    [("", 100), ("library.yaml", 0), ("workshop.yaml", 0), ("observatory.yaml", 0)],
)
async def test_a_reload_waits_for_no_collector(
    document: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a reload displaces, or has needed for a while, is freed by the reload itself."""
    monkeypatch.setenv("DOCUMENT", str(SPECS / document))
    app = generic.build() if document else build()
    async with app:
        for _ in range(2):  # what the app started with, and what it was given
            with without_collector():
                displaced = [weakref.ref(one) for one in pieces(app)]
                assert len(displaced) > 2
                await app.reload()
                assert [one() for one in displaced] == [None] * len(displaced)
                assert gc.collect() <= left


async def test_a_refused_document_waits_for_no_collector() -> None:
    """Nor is anything left of a document that was read and then refused."""
    app = build()
    async with app:
        await refused_reload(app)
        with without_collector():
            before = sys.getallocatedblocks()
            for _ in range(20):
                await refused_reload(app)
            assert sys.getallocatedblocks() - before < SLACK


async def plain_reload(app: App) -> None:
    await app.reload()


async def refused_reload(app: App) -> None:
    with pytest.raises(SpecError):
        await app.reload(BROKEN)


async def replacement(app: App) -> None:
    await app.replace("listPets", partial(pets.list_pets))


async def test_a_replacement_waits_for_no_collector() -> None:
    """Of a handler that was replaced nothing is left, not even for the collector."""
    app = build()
    async with app:
        await replacement(app)
        with without_collector():
            for _ in range(5):
                await replacement(app)
            await asyncio.sleep(0)
            assert gc.collect() == 0


async def removal(app: App) -> None:
    await app.remove("listPets")
    await app.replace("listPets", pets.list_pets)


@pytest.mark.parametrize(
    ("change", "rounds"),
    [
        (plain_reload, 20),
        (refused_reload, 50),
        (replacement, 200),
        (removal, 100),
    ],
)
async def test_no_change_leaves_anything(
    change: Callable[[App], Awaitable[None]], rounds: int
) -> None:
    """As much memory is held after many changes as before, and as many tasks."""
    app = build()
    async with app:
        for _ in range(3):
            await change(app)
        gc.collect()
        before, tasks = sys.getallocatedblocks(), len(asyncio.all_tasks())
        for _ in range(rounds):
            await change(app)
        gc.collect()
        assert sys.getallocatedblocks() - before < SLACK
        assert len(asyncio.all_tasks()) == tasks


def world(number: int) -> tuple[dict[str, Any], Handlers]:
    """A document and its handler, in which every name and every text is of this number."""

    async def handler(id: str) -> None: ...

    name = f"op{number}"
    schema = {"type": "string", "pattern": f"^{name}$", "description": name}
    parameter = {"name": "id", "in": "path", "required": True, "schema": schema}
    item = {"get": operation(name, parameters=[parameter])}
    return {**spec(), "paths": {f"/{name}/{{id}}": item}}, serve(**{name: handler})


async def test_nothing_is_remembered_of_other_documents() -> None:
    """Each time another one, and another handler: what was known of the last one is forgotten."""
    app = App(*world(0))
    async with app:
        for number in range(1, 200):
            await app.reload(*world(number))
            if number == 100:
                gc.collect()
                before = sys.getallocatedblocks()
        gc.collect()
        assert sys.getallocatedblocks() - before < SLACK
        assert list(app.statistics().handlers) == ["op199"]


async def test_reloads_compile_in_one_thread_of_their_own(
    monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    """However busy the threads are that handlers use; and it ends with the app.

    Each thread that allocates has memory of its own in the C library, and keeps it.
    """
    seen: list[int] = []

    def note_and_compile(*arguments: Any) -> Snapshot:
        seen.append(threading.get_ident())
        return compile_snapshot(*arguments)

    app = build()
    monkeypatch.setattr("brrt.world.compile_snapshot", note_and_compile)
    released = threading.Event()
    async with app:
        await app.reload()
        busy = [asyncio.create_task(asyncio.to_thread(released.wait)) for _ in range(3)]
        await app.reload()
        released.set()
        await asyncio.wait(busy)
        await app.reload()
        assert len(seen) == 3
        assert len(set(seen)) == 1
        assert threading.get_ident() not in seen
    await until(lambda: not {one.ident for one in threading.enumerate()} & set(seen))


def test_every_cache_is_bounded() -> None:
    """A service whose documents are replaced for ever remembers no more of them than a bound."""
    found: dict[str, int | None] = {}
    for module in pkgutil.walk_packages(brrt.__path__, "brrt."):
        if module.name != "brrt.__main__":
            members = vars(importlib.import_module(module.name))
            caches = {
                name: one for name, one in members.items() if hasattr(one, "cache_parameters")
            }
            found |= {name: one.cache_parameters()["maxsize"] for name, one in caches.items()}
    assert {name for name, size in found.items() if size is None} == ENUMERATED
    assert len(found) > len(ENUMERATED)


# --- the soak itself --------------------------------------------------------------------------


def sample(time: float, **figures: float) -> Sample:
    """A sample in which nothing happens."""
    names = "memory strays files queued busy tasks workers threads replaced reloads refused"
    return {"time": time, **dict.fromkeys(names.split(), 0.0), **figures}


def record(*samples: Sample) -> Record:
    """A record of these samples, without load."""
    made = Record()
    for one in samples:
        made.add(one, Tally())
    return made


def answer(status: int, seconds: float) -> Answer:
    return Answer(status, {}, b"", seconds, keeps=True)


@pytest.mark.parametrize("name", ["memory", "strays", "files"])
def test_what_grows_is_found(name: str) -> None:
    """A slope that comes to more than the bound over the steady part is a fault, and named."""
    growing = 1.2 * BOUNDS[name] / 70
    leaks = record(*(sample(time, **{name: growing * time}) for time in range(100)))
    assert judge_soak(leaks, BOUNDS).faults == [f"{name} grows"]
    slower = record(*(sample(time, **{name: growing * time / 2}) for time in range(100)))
    assert not judge_soak(slower, BOUNDS).faults


def test_what_only_rises_and_falls_is_steady() -> None:
    """Nor is it growth what the first requests take once and for all."""
    saw = [sample(time, memory=min(time, 20) * 3 + time % 10) for time in range(200)]
    verdict = judge_soak(record(*saw), BOUNDS)
    assert str(verdict).endswith(": steady")


def test_reloads_are_compared_with_the_first_hundred() -> None:
    """What the first ones take does not count; what comes later does."""
    counts = [1, 50, 100, 5_000, 10_000]
    warm = [sample(count, reloads=count, memory=50 + min(count, 100)) for count in counts]
    assert not judge_reloads(record(*warm), 2).faults
    leaky = [sample(count, reloads=count, memory=50 + count / 4_000) for count in counts]
    assert judge_reloads(record(*leaky), 2).faults == ["memory grows"]


def test_what_clients_saw_counts() -> None:
    """A lost request and an unexpected status are faults; each sample tells its own latencies."""
    made, tally = Record(), Tally()
    for time in range(10):
        for number in range(100):
            tally.add(answer(200, (time + 1) * number / 1000))
        made.add(sample(time), tally)
    assert [one["answers"] for one in made.samples] == [100] * 10
    assert [round(one["p99"]) for one in made.samples] == [99 * (time + 1) for time in range(10)]
    assert not judge_soak(made, BOUNDS).faults
    tally.add(answer(500, 0.1))
    tally.lost["reset"] += 2
    made.count(tally)
    made.restless = "3 tasks for 2"
    expected = ["1 x 500", "2 lost (reset)", "3 tasks for 2"]
    assert judge_soak(made, BOUNDS).faults == expected


def test_a_window_without_an_answer_is_no_number(tmp_path: Path) -> None:
    """It is written as such, and does not spoil the verdict."""
    made, tally = Record(), Tally()
    tally.add(answer(200, 0.25))
    for time in range(10):
        made.add(sample(time), tally)
        if time == 6:
            tally.add(answer(200, 0.5))
    assert math.isnan(made.samples[-1]["p99"])
    assert "p99 500 ms" in str(judge_soak(made, BOUNDS))
    write(made, tmp_path / "soak.csv")
    lines = (tmp_path / "soak.csv").read_text().splitlines()
    assert len(lines) == 11
    assert lines[0].split(",") == list(made.samples[0])


def test_the_plot(tmp_path: Path) -> None:
    """It shows every figure."""
    pytest.importorskip("matplotlib")
    plot(record(*(sample(time) for time in range(10))), tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("given", [["--seconds", "1"], ["--reloads", "100"]])
def test_runs_that_show_nothing_are_refused(given: list[str]) -> None:
    """Too short is not steady."""
    with pytest.raises(SystemExit, match="2"):
        main(given)


@pytest.mark.timeout(60)
async def test_a_short_soak() -> None:
    """Mixed load and changes for some seconds: nothing is lost, and no task is left."""
    made = await soak(5, 8)
    verdict = judge_soak(made, {"strays": 20, "files": 5})
    assert not verdict.faults, str(verdict)
    last = made.samples[-1]
    assert last["replaced"] > 5
    assert last["reloads"] > 0
    assert made.answers[200] > 100
    assert {400, 404, 405, 409, 415} < made.answers.keys()


@pytest.mark.timeout(60)
async def test_a_few_reloads() -> None:
    """As many as were asked for, the last one in the record."""
    made = await reload(25, connections=2)
    assert made.samples[-1]["reloads"] == 25
    assert not made.faults()
    assert made.answers
