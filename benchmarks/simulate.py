"""The lifecycle, simulated: random worlds around a real app, on a loop without a clock.

    python -m benchmarks.simulate [--seeds 3000] [--first 0]
    python -m benchmarks.simulate --seed 42 [--keep 1,5,7]
    python -m benchmarks.simulate --mutations

In each run a seed decides what happens: requests, bursts, slow bodies, clients that hang up,
cancellations between any two steps, handlers that crash, sleep past their deadline, swallow
cancellations, never end, or change the app they belong to; streams to clients that take slowly or
leave half-way; work in the background; in one world of four a provider before an operation that
waits, says no, crashes, never ends or swallows its cancellation, and a limit that is counted;
replacements, removals, reloads good and bad, stops and starts, a blocked loop, strangers who cancel
the app's own tasks. After every step the rules are checked (`benchmarks/simulation/rules.py`): each
request is answered exactly once and rightly, no task is without an owner, every bound holds, a
change that returned has nothing left of what it displaced, and so on. A failing seed is cut down to
the shortest plan that still fails; the command that is printed with it replays it exactly.
"""

import argparse
import sys
import time
from collections import Counter

from benchmarks.simulation.mutations import MUTATIONS
from benchmarks.simulation.plan import make_plan
from benchmarks.simulation.runs import Outcome, explore, quiet, shrink, simulate

# Seconds between two lines of progress.
EVERY = 5.0


def report(outcome: Outcome) -> str:
    """A failure: its plan, what happened, and how to see it again."""
    plan = outcome.plan
    actions = "\n".join(f"  {action}" for action in plan.actions)
    return (
        f"seed {plan.seed} breaks a rule\n{plan.limits}, shuffle {plan.shuffle}\n{actions}\n\n"
        f"{outcome.trace()}\n\n{outcome.failure}\nreplay: {outcome.replay()}"
    )


def run_many(first: int, count: int) -> bool:
    """Run seeds until one fails; tell how far it came. Whether all held."""
    began = told = time.perf_counter()
    done = steps = 0
    virtual, counts = 0.0, Counter[str]()
    for outcome in explore(range(first, first + count)):
        done, steps, virtual = done + 1, steps + outcome.steps, virtual + outcome.seconds
        counts += outcome.counts
        if outcome.failure is not None:
            print(report(shrink(outcome)))
            return False
        if time.perf_counter() - told > EVERY:
            told = time.perf_counter()
            print(f"{done:,} of {count:,} seeds", file=sys.stderr, flush=True)
    rate = done / (time.perf_counter() - began)
    answers = ", ".join(f"{many:,} x {what}" for what, many in counts.most_common())
    print(
        f"{done:,} seeds, {steps:,} steps, {virtual / 3600:.1f} hours of virtual time,"
        f" {rate:.0f} seeds a second: every rule held\n{answers}"
    )
    return True


def run_one(seed: int, keep: str | None) -> bool:
    """Run one seed, or some of its actions, and tell what happened. Whether all rules held."""
    plan = make_plan(seed)
    if keep is not None:
        plan = plan.keep(frozenset(int(number) for number in keep.split(",") if number))
    outcome = simulate(plan)
    if outcome.failure is not None:
        print(report(outcome if keep is not None else shrink(outcome)))
        return False
    print(f"{outcome.trace()}\nevery rule held")
    return True


def run_mutations(count: int) -> bool:
    """Plant each bug and hunt it. Whether all were found."""
    found = 0
    for mutation in MUTATIONS:
        outcome = mutation.hunt(range(count))
        found += outcome is not None
        seen = f"seed {outcome.plan.seed}: {outcome.failure}" if outcome else "NOT FOUND"
        print(f"{mutation.bug}: {seen[:120]}", flush=True)
    print(f"{found} of {len(MUTATIONS)} bugs found")
    return found == len(MUTATIONS)


def main() -> None:
    """Simulate, and exit with 1 if a rule is broken or a bug is not found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="one seed, with everything that happens")
    parser.add_argument("--keep", help="with --seed: only these actions, by number")
    parser.add_argument("--mutations", action="store_true", help="plant bugs, and find them")
    options = parser.parse_args()
    with quiet():
        if options.mutations:
            held = run_mutations(options.seeds)
        elif options.seed is not None:
            held = run_one(options.seed, options.keep)
        else:
            held = run_many(options.first, options.seeds)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
