"""More than can be done: what is left of a service that is offered 2, 5 and 10 times its capacity.

    python -m benchmarks.overload [--factors 2 5 10] [--seconds 4] [--only brrt] [--png FILE]

An operation that takes 20 ms, of which eight run at a time, serves 400 requests a second. Clients
come at random (the same for all systems), do not wait for each other, and hang up after 200 ms;
beside them somebody checks the health twenty times a second, as an orchestrator does. Each system
has a server of its own, on one core, for each factor: some quiet seconds at half of its capacity,
then the overload, then quiet again. Prints, for each, what was offered, useful answers (200 within
the deadline), how fast they were and how fast the refusals, health checks that were answered, the
time until all was as before, and the server's share of its core. The last lines are the verdict
on brrt with its default policy; FastAPI, and the other policies, are there for comparison. Exits
with 1 where a goal is missed. Needs `pip install 'brrt[benchmark]' fastapi`.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.overloading.apps import CAPACITY, SERVICE, SLOTS
from benchmarks.overloading.trials import DEADLINE, System, keep_to_a_core, measure
from benchmarks.overloading.views import WINDOW, Phase, Record, View
from brrt import Limits

# brrt as it is measured: the limits beside the number of workers.
BRRT: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("brrt", {}),
    ("brrt adaptive 32", {"queue_policy": "adaptive", "queue_size": 32}),
    ("brrt adaptive 256", {"queue_policy": "adaptive", "queue_size": 256}),
    ("brrt lifo 32", {"queue_policy": "lifo", "queue_size": 32}),
    ("brrt lifo 256", {"queue_policy": "lifo", "queue_size": 256}),
    ("brrt fifo 32", {"queue_policy": "fifo", "queue_size": 32}),
    ("brrt fifo 256", {"queue_policy": "fifo", "queue_size": 256}),
)
# The connections that uvicorn is told to bear: those that are served, and as many as wait in the
# shorter of brrt's queues.
CONNECTIONS: Final = SLOTS + 32
SYSTEMS: Final = (
    *(System(name, "brrt", limits={"workers": SLOTS, **limits}) for name, limits in BRRT),
    System("FastAPI", "fastapi"),
    System("FastAPI, limit", "fastapi", ("--limit-concurrency", str(CONNECTIONS))),
)
# The share of its capacity that a quiet service is asked for.
QUIET: Final = 0.5
# The goals: a share of the capacity; seconds for refusals (99 of 100), health checks (all) and the
# recovery; what the slowest useful answer may take beyond what it waits for by calculation.
USEFUL: Final = 0.9
REFUSED_WITHIN: Final = 0.01
HEALTH_WITHIN: Final = 0.1
RECOVERED_WITHIN: Final = 1.0
SLACK: Final = 1.25


@dataclass(frozen=True, slots=True)
class Trial:
    """One system under one load."""

    system: System
    factor: float
    record: Record

    @property
    def overload(self) -> View:
        """What was seen while there was too much to do."""
        return self.record.view("overload", "work")

    @property
    def recovery(self) -> float:
        """Seconds until all was as before."""
        return self.record.recovery("quiet", "again", "work")

    def __str__(self) -> str:
        seen, tally = self.overload, self.overload.tally
        checks = seen.health.count() + seen.health.lost.total() + seen.health.gave_up
        cells = [
            f"{self.system.name:18} {self.factor:4g}x {seen.offered:6.0f}/s {ms(seen.late)} late",
            f"useful {seen.useful:4.0f}/s ({seen.useful / CAPACITY:4.0%})",
            f"p50 {ms(seen.slowest(0.5))} p99 {ms(seen.slowest(0.99))}",
            f"refused {seen.shed:5.0f}/s p99 {ms(tally.percentile(0.99, 503))}",
            f"gave up {tally.gave_up:5} lost {tally.lost.total()}",
            f"health {seen.health.count(200)}/{checks} worst {ms(seen.worst_health)}",
            f"recovered {shown(self.recovery)}",
            f"cpu {seen.cpu:.0%}",
        ]
        return " | ".join(cells) + ("" if seen.is_true else " | THE CLIENTS WERE TOO SLOW")


def ms(seconds: float) -> str:
    """Seconds as milliseconds."""
    return f"{seconds * 1000:6.1f} ms" if math.isfinite(seconds) else "     -   "


def shown(seconds: float) -> str:
    """Seconds, or that they were not enough."""
    return f"{seconds:.1f} s" if math.isfinite(seconds) else "never"


def misses(trial: Trial) -> list[str]:
    """The goals that were missed."""
    seen, recovery = trial.overload, trial.recovery
    slowest, bound = seen.slowest(0.99), bound_of(Limits(**trial.system.limits))
    refused = seen.tally.percentile(0.99, 503)
    checks = {
        f"the clients offered {seen.offered:.0f}/s, {ms(seen.late).strip()} late": seen.is_true,
        f"useful {seen.useful / CAPACITY:.0%} of capacity": seen.useful >= USEFUL * CAPACITY,
        f"p99 {ms(slowest).strip()}, bound {ms(bound).strip()}": slowest <= bound,
        f"refused within {ms(refused).strip()}": refused <= REFUSED_WITHIN,
        f"{seen.tally.lost.total()} lost": not seen.tally.lost,
        f"health {seen.healthy:.0%}, worst {ms(seen.worst_health).strip()}": (
            seen.healthy == 1 and seen.worst_health <= HEALTH_WITHIN
        ),
        f"recovered {shown(recovery)}": recovery <= RECOVERED_WITHIN,
    }
    return [what for what, holds in checks.items() if not holds]


def bound_of(limits: Limits) -> float:
    """Seconds that an answer may take: as many services as there are before it, and its own."""
    return (limits.queue_size / limits.workers + 1) * SERVICE * SLACK


def is_judged(system: System) -> bool:
    """Whether it is brrt with its default policy."""
    ours = system.app == "brrt"
    return ours and Limits(**system.limits).queue_policy == Limits().queue_policy


async def burden(system: System, factor: float, seconds: float, seed: int) -> Trial:
    """One system under one load."""
    phases = [
        Phase("quiet", 2, {"work": QUIET * CAPACITY}),
        Phase("overload", seconds, {"work": factor * CAPACITY}),
        Phase("again", 3, {"work": QUIET * CAPACITY}),
    ]
    return Trial(system, factor, await measure(system, phases, seed))


def plot(trials: Sequence[Trial], path: Path) -> None:
    """Useful answers, their slowest, and health against the load; and one overload in time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, ((useful, slowest), (health, line)) = plt.subplots(
        2, 2, figsize=(13, 9), layout="constrained"
    )
    worst = max(trial.factor for trial in trials)
    for number, name in enumerate(dict.fromkeys(trial.system.name for trial in trials)):
        own = sorted((one for one in trials if one.system.name == name), key=lambda one: one.factor)
        views = [own[0].record.view("quiet", "work"), *(trial.overload for trial in own)]
        offered = [view.offered for view in views]
        kind = "-" if is_judged(own[0].system) else ":" if own[0].system.app == "brrt" else "--"
        style = {"color": f"C{number}", "linestyle": kind}
        useful.plot(offered, [view.useful for view in views], "o", label=name, **style)
        slowest.plot(offered, [view.slowest(0.99) * 1000 for view in views], "o", **style)
        health.plot(offered, [view.healthy * 100 for view in views], "o", **style)
        record = own[-1].record
        if own[-1].factor == worst:
            windows = record.time_line("work")
            line.plot([place * WINDOW for place in range(len(windows))], windows, **style)
    useful.axhline(CAPACITY, color="grey", linewidth=0.8)
    decorate(useful, "useful answers a second", "requests offered a second")
    decorate(slowest, "99th percentile of useful answers (ms)", "requests offered a second")
    decorate(health, "health checks answered (%)", "requests offered a second")
    decorate(line, f"useful answers a second, at {worst:g} times the capacity", "seconds")
    figure.legend(loc="outside lower center", ncols=5, frameon=False)
    figure.suptitle(f"Capacity {CAPACITY:.0f}/s, clients hang up after {DEADLINE * 1000:.0f} ms")
    figure.savefig(path, dpi=110)


def decorate(axes: Any, title: str, label: str) -> None:
    """Words and a grid."""
    axes.set_title(title)
    axes.set_xlabel(label)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)


def judge(trials: Sequence[Trial]) -> bool:
    """Print a verdict for each load of what is judged; whether all is well."""
    found = [(trial, misses(trial)) for trial in trials if is_judged(trial.system)]
    for trial, missed in found:
        verdict = "missed: " + "; ".join(missed) if missed else "every goal is met"
        print(f"{trial.system.name} at {trial.factor:g}x: {verdict}")
    return not any(missed for _, missed in found)


def main() -> None:
    """Measure, print, plot, judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--factors", type=float, nargs="+", default=[2, 5, 10], metavar="N")
    parser.add_argument("--seconds", type=float, default=4, help="of each overload")
    parser.add_argument("--only", default="", help="systems whose name begins with this")
    parser.add_argument("--seed", type=int, default=1, help="of the clients' arrivals")
    parser.add_argument("--png", type=Path, default=Path("overload.png"))
    options = parser.parse_args()
    chosen = [system for system in SYSTEMS if system.name.startswith(options.only)]
    if not chosen:
        parser.error(f"--only is the beginning of {', '.join(one.name for one in SYSTEMS)}")
    keep_to_a_core()
    trials: list[Trial] = []
    for system in chosen:
        for factor in options.factors:
            trials.append(uvloop.run(burden(system, factor, options.seconds, options.seed)))
            print(trials[-1], flush=True)
    plot(trials, options.png)
    print(f"plot: {options.png}")
    sys.exit(0 if judge(trials) else 1)


if __name__ == "__main__":
    main()
