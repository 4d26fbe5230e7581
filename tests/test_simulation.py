"""The lifecycle, simulated: thousands of random worlds, and bugs that are planted to be found.

What is simulated and what must hold is told in `benchmarks/simulate.py`. `python -m
benchmarks.simulate --mutations` lists the planted bugs with the seed and the rule that finds
each; here all of them are hunted again, so a rule that goes blind is a failure.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.simulate import report
from benchmarks.simulation.loop import Circle, Loop
from benchmarks.simulation.mutations import MUTATIONS, Mutation
from benchmarks.simulation.plan import make_plan
from benchmarks.simulation.runs import explore, quiet, shrink, simulate
from brrt.runtime.pool import Pool

ROOT = Path(__file__).parent.parent
SEEDS = 2_000
AT_ONCE = 250
# Seeds within which each planted bug must be found. Most are found by the first.
HUNT = 2_000


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_every_rule_holds_in_every_world(first: int) -> None:
    """P1 to P7: whatever happens, in whatever order."""
    with quiet():
        for outcome in explore(range(first, first + AT_ONCE)):
            assert outcome.failure is None, report(shrink(outcome))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.bug)
def test_a_planted_bug_is_found(mutation: Mutation) -> None:
    """The rules are not blind: each of these bugs breaks one."""
    with quiet():
        outcome = mutation.hunt(range(HUNT))
    assert outcome is not None, mutation.bug


def test_a_failing_seed_is_cut_down_and_replays_exactly() -> None:
    """What is left breaks the same rule at the same step, and can spare nothing."""
    bug = next(one for one in MUTATIONS if one.bug == "a job is answered twice")
    with quiet(), bug.planted():
        found = next(one for one in explore(range(HUNT)) if one.failure is not None)
        short = shrink(found)
        again = simulate(short.plan)
        numbers = [action.number for action in short.plan.actions]
        for number in numbers:
            fewer = simulate(short.plan.keep(frozenset(numbers) - {number}))
            assert fewer.rule != short.rule
    assert (again.failure, again.steps, again.notes) == (short.failure, short.steps, short.notes)
    assert len(numbers) < len(found.plan.actions)
    told = report(short)
    assert f"--seed {short.plan.seed} --keep {','.join(map(str, numbers))}" in told
    assert f"BROKEN {short.rule}" in told


def test_a_seed_says_everything() -> None:
    """In another process, with other addresses and other hashes, the same things happen."""
    code = (
        "from benchmarks.simulation.runs import explore, quiet\n"
        "with quiet():\n"
        "    for outcome in explore(range(40)): print(outcome.steps, outcome.notes)"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_a_bug_that_does_not_fit_the_code_says_so() -> None:
    """Or a mutation would be forgotten when the code changes."""
    stale = Mutation("stale", Pool, "close", "self._open = False", "pass")
    with pytest.raises(ValueError, match=r"does not say 'self\._open = False' once"):
        stale.hunt(range(1))
    assert Pool.close.__qualname__ == "Pool.close"


# The loop


def loop(shuffle: float = 0.0, seed: int = 1) -> Loop:
    return Loop(Random(seed), shuffle)  # type: ignore[abstract]


def test_hours_pass_in_no_time() -> None:
    """Time goes on when nothing is ready, and only then; a stall moves it all the same."""
    times: list[float] = []

    async def sleep() -> None:
        for _ in range(3):
            await asyncio.sleep(3600)
            times.append(asyncio.get_running_loop().time())

    mine = loop()
    mine.create_task(sleep())
    mine.inject(1800, 0, lambda: mine.stall(10_000))
    mine.run_dry()
    assert times == [11_800, 15_400, 19_000]
    assert not mine.alive
    assert not mine.timers()
    mine.close()


@pytest.mark.parametrize(("shuffle", "orders"), [(0.0, 1), (1.0, 24)])
def test_what_is_ready_runs_in_an_order_that_is_drawn(shuffle: float, orders: int) -> None:
    """In asyncio's order without a shuffle, in every order with one."""
    seen: set[str] = set()
    for seed in range(300):
        mine, order = loop(shuffle, seed), list[str]()
        for name in "abcd":
            mine.call_soon(order.append, name)
        mine.run_dry()
        seen.add("".join(order))
        mine.close()
    assert len(seen) == orders
    assert "abcd" in seen


def test_an_injection_falls_between_any_two_steps() -> None:
    """So a task can be cancelled at each of its awaits."""
    reached: list[int] = []

    async def walk() -> None:
        try:
            for step in range(5):
                place = step
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            reached.append(place)

    for steps in range(1, 6):
        mine = loop()
        task = mine.create_task(walk())
        mine.inject(0, steps, task.cancel)
        mine.run_dry()
        mine.close()
    assert reached == [0, 1, 2, 3, 4]


def test_a_thread_works_in_the_loop() -> None:
    """What threads do takes virtual time and comes out in the same order each time."""
    mine = loop()

    async def work() -> tuple[str, float]:
        with pytest.raises(KeyError):
            await asyncio.to_thread(dict[str, str]().__getitem__, "a")
        return await asyncio.to_thread("{}".format, 1), asyncio.get_running_loop().time()

    task = mine.create_task(work())
    mine.run_dry()
    value, now = task.result()
    assert value == "1"
    assert 0 < now < 1
    mine.close()


def test_a_run_that_goes_in_circles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failure like any other."""
    monkeypatch.setattr("benchmarks.simulation.loop.MAX_STEPS", 100)

    mine = loop()

    async def turn() -> None:
        for _ in range(1_000):
            await asyncio.sleep(0)

    task = mine.create_task(turn())
    with pytest.raises(Circle, match="more than 100 steps"):
        mine.run_dry()
    task.cancel()
    monkeypatch.undo()
    mine.run_dry()
    assert task.cancelled()
    mine.close()


def test_plans_differ_and_are_the_same_each_time() -> None:
    """A seed is a plan."""
    plans = [make_plan(seed) for seed in range(50)]
    assert plans == [make_plan(seed) for seed in range(50)]
    assert len({str(plan.actions) for plan in plans}) == 50
