"""One handler flooded, stuck or greedy: what the others notice of it.

    python -m benchmarks.fairness [--seconds 4] [--seed 1]

Three handlers of one app: `work` takes 20 ms, `beside` 5 ms, `stuck` never returns and ignores its
cancellation. Clients hang up after 200 ms, and `beside` is asked at a moderate rate all the time.

- flood: `work` is offered ten times what its eight workers can do.
- stuck: `stuck` is offered as much, until all its workers are stuck and its queue is full.
- shared: there are sixteen worker tasks for both (`max_tasks`), and `work`, flooded, has taken all
  of them when `beside` begins to ask: for half of its fair share, then for more than all of it.

The goals: the 99th percentile of `beside` stays within twice its quiet value, and where tasks are
short it has its fair share. Prints a line for each and the verdict; exits with 1 where a goal is
missed. Needs `pip install 'brrt[benchmark]'`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import uvloop

from benchmarks.overloading.apps import BESIDE, CAPACITY, SERVICE, SLOTS
from benchmarks.overloading.trials import System, keep_to_a_core, measure
from benchmarks.overloading.views import Phase, View

# Requests a second for `beside` where it shall not matter how many, and of a flood.
MODERATE: Final = 200.0
FLOOD: Final = 10 * CAPACITY
# What clients may notice: times the quiet 99th percentile, and the seconds that this may be at
# least, since a timer of a millisecond decides below that.
SLOWER: Final = 2.0
LEAST: Final = 0.002
# The share of its fair share that a handler must get.
FAIR: Final = 0.85
# Worker tasks that two handlers share; beside them one of the third handler rests, and as many
# are reserved as there are handlers.
SHARED: Final = 2 * SLOTS
MAX_TASKS: Final = SHARED + 1 + 3
GREEDY: Final = System("shared", "three", limits={"workers": 64, "max_tasks": MAX_TASKS})
ISOLATED: Final = System(
    "isolated",
    "three",
    limits={"workers": SLOTS, "timeout": 1, "grace": 1, "cancel_wait": 0.5},
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the result, and whether it is as it should be."""

    name: str
    text: str
    holds: bool

    def __str__(self) -> str:
        return f"{self.name:8} {self.text} | {'as it should be' if self.holds else 'MISSED'}"


async def disturb(other: str, seconds: float, seed: int) -> tuple[View, View, View]:
    """`beside` while it is quiet, while another handler is flooded, and the view of that one."""
    phases = [
        Phase("quiet", seconds, {"beside": MODERATE}),
        Phase("flood", seconds, {"beside": MODERATE, other: FLOOD}),
    ]
    record = await measure(ISOLATED, phases, seed)
    return (
        record.view("quiet", "beside"),
        record.view("flood", "beside"),
        record.view("flood", other),
    )


def isolation(name: str, quiet: View, flooded: View, other: View) -> Finding:
    """Whether `beside` noticed anything."""
    before, after = quiet.slowest(0.99), flooded.slowest(0.99)
    text = (
        f"{other.offered:.0f}/s for the other ({other.useful:.0f}/s useful, {other.shed:.0f}/s"
        f" refused) | beside: {flooded.offered:.0f}/s, {flooded.useful:.0f}/s useful, p50"
        f" {ms(quiet.slowest(0.5))} -> {ms(flooded.slowest(0.5))}, p99 {ms(before)} -> {ms(after)}"
        f" ({after / before:.1f} x) | clients {ms(other.late)} late | cpu {flooded.cpu:.0%}"
    )
    is_served = flooded.tally.count(200) == len(flooded.asked)
    return Finding(name, text, is_served and other.is_true and after <= SLOWER * before + LEAST)


async def compete(seconds: float, seed: int) -> list[Finding]:
    """`beside` asks when there is no worker left: modestly, and then for more than its share."""
    own = SHARED / 2 / BESIDE
    flood = {"work": FLOOD / 3}
    phases = [
        Phase("alone", 1, {"beside": MODERATE}),
        Phase("taken", 1, flood),
        Phase("modest", seconds, flood | {"beside": own / 2}),
        Phase("greedy", seconds, flood | {"beside": own * 1.25}),
    ]
    record = await measure(GREEDY, phases, seed)
    service = record.view("alone", "beside").slowest(0.5)
    return [
        share(name, record.view(name, "beside"), record.view(name, "work"), service)
        for name in ("modest", "greedy")
    ]


def share(name: str, own: View, other: View, service: float) -> Finding:
    """How much of its fair share each got. What `beside` leaves over, `work` may take too."""
    half = SHARED / 2
    fair, others_fair = min(own.offered, half / service), min(other.offered, half / SERVICE)
    left = min(other.offered, (SHARED - min(own.offered * service, half)) / SERVICE)
    text = (
        f"beside: {own.offered:.0f}/s, {own.useful:.0f}/s useful, {own.useful / fair:.0%} of its"
        f" fair {fair:.0f}/s, p99 {ms(own.slowest(0.99))} | work: {other.offered:.0f}/s,"
        f" {other.useful:.0f}/s useful, {other.useful / others_fair:.0%} of its fair"
        f" {others_fair:.0f}/s, {other.useful / left:.0%} of the {left:.0f}/s that are left"
        f" | clients {ms(own.late)} late | cpu {own.cpu:.0%}"
    )
    holds = own.useful >= FAIR * fair and other.useful >= FAIR * others_fair
    return Finding(name, text, own.is_true and holds)


def ms(seconds: float) -> str:
    """Seconds as milliseconds."""
    return f"{seconds * 1000:.1f} ms"


def verdict(findings: Sequence[Finding]) -> bool:
    """Print the last line; whether all is well."""
    missed = [one.name for one in findings if not one.holds]
    print(f"fairness: {'missed in ' + ', '.join(missed) if missed else 'every goal is met'}")
    return not missed


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=4, help="of each phase")
    parser.add_argument("--seed", type=int, default=1, help="of the clients' arrivals")
    options = parser.parse_args()
    keep_to_a_core()
    findings: list[Finding] = []
    for name, other in (("flood", "work"), ("stuck", "stuck")):
        views = uvloop.run(disturb(other, options.seconds, options.seed))
        findings.append(isolation(name, *views))
        print(findings[-1], flush=True)
    for finding in uvloop.run(compete(options.seconds, options.seed)):
        findings.append(finding)
        print(finding, flush=True)
    sys.exit(0 if verdict(findings) else 1)


if __name__ == "__main__":
    main()
