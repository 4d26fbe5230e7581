"""One seed, many seeds, and the shortest plan that still fails."""

import gc
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.simulation.loop import Circle
from benchmarks.simulation.plan import Plan, make_plan
from benchmarks.simulation.rules import Broken
from benchmarks.simulation.scene import Scene

# Virtual seconds after which whatever was begun must be over. Workers that are stuck are looked
# after for as long as they are.
REST: Final = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `failure` is None where every rule held."""

    plan: Plan
    rule: str | None
    failure: str | None
    notes: tuple[tuple[float, int, str], ...]
    steps: int
    seconds: float
    counts: Counter[str]

    def trace(self) -> str:
        """What happened, a line each: virtual time, step, event."""
        lines = [f"{time:9.3f} {step:6} {text}" for time, step, text in self.notes]
        return "\n".join(lines)

    def replay(self) -> str:
        """The command that does it again."""
        numbers = ",".join(str(one.number) for one in self.plan.actions)
        return f"python -m benchmarks.simulate --seed {self.plan.seed} --keep {numbers}"


@contextmanager
def quiet() -> Iterator[None]:
    """No log and no collection of cycles while runs go on."""
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)


def simulate(plan: Plan) -> Outcome:
    """Run a plan to its end, or to the first rule that is broken."""
    scene = Scene(plan)
    rule = failure = None
    try:
        scene.loop.run_dry(REST)
        scene.rules.check_rest()
        scene.finish()
        scene.loop.run_dry()
        scene.rules.check_over()
    except Broken as error:
        rule, failure = error.rule, str(error)
    except Circle as error:
        rule, failure = "circle", str(error)
    if failure is not None:
        scene.wreck()
    scene.loop.close()
    counts = Counter(str(call.status) for call in scene.calls.values())
    counts.update(change.what["kind"] for change in scene.changes.values())
    return Outcome(
        plan, rule, failure, tuple(scene.notes), scene.loop.steps, scene.loop.time(), counts
    )


def shrink(outcome: Outcome) -> Outcome:
    """The shortest plan found that breaks the same rule: ever smaller parts are left out."""
    best = outcome
    size = max(len(best.plan.actions) // 2, 1)
    while True:
        shorter = _without_a_part(best, size)
        if shorter is not None:
            best = shorter
        elif size == 1:
            return best
        else:
            size //= 2


def _without_a_part(best: Outcome, size: int) -> Outcome | None:
    actions = best.plan.actions
    for start in range(0, len(actions), size):
        numbers = frozenset(one.number for one in (*actions[:start], *actions[start + size :]))
        tried = simulate(best.plan.keep(numbers))
        if tried.rule == best.rule:
            return tried
    return None


def explore(seeds: Iterable[int]) -> Iterator[Outcome]:
    """Run seeds one after the other."""
    for count, seed in enumerate(seeds):
        yield simulate(make_plan(seed))
        if count % 200 == 199:
            gc.collect()
