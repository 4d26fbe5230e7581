"""What a soak has shown, and what follows from it: the verdict, the table and the plot."""

import csv
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Final

from benchmarks.loads import Tally

# The share of a run that counts as warm-up, and what each figure may grow by over the rest: MiB,
# tasks that are no pool's (a few for each client; zombies would come by the hundred), files.
WARM_UP: Final = 0.3
BOUNDS: Final = {"memory": 2.0, "strays": 20.0, "files": 5.0}
# Reloads after which memory is what it stays.
FIRST: Final = 100
# What may be answered: what the mix asks for, 501 for a handler that is removed, 503 by the rule.
EXPECTED: Final = frozenset({200, 201, 204, 400, 404, 405, 409, 415, 501, 503})

Sample = dict[str, float]


@dataclass(slots=True)
class Record:
    """What one run showed: a sample at each moment, and answers by status over all of it.

    `restless` says what did not come to rest when the load was gone.
    """

    samples: list[Sample] = field(default_factory=list[Sample])
    answers: Counter[int] = field(default_factory=Counter[int])
    lost: Counter[str] = field(default_factory=Counter[str])
    restless: str = ""

    def add(self, sample: Sample, tally: Tally) -> None:
        """A sample of the server, and what clients saw since the last one."""
        seen = {"answers": tally.count(), "lost": tally.lost.total()}
        times = {f"p{share}": 1000 * tally.percentile(share / 100) for share in (50, 99)}
        self.samples.append({**sample, **seen, **times})
        self.count(tally)

    def count(self, tally: Tally) -> None:
        """What clients saw since it was last counted. It is cleared: a run may last for days."""
        self.answers.update({status: len(times) for status, times in tally.seconds.items()})
        self.lost.update(tally.lost)
        tally.seconds.clear()
        tally.lost.clear()

    def growth(self, name: str) -> float:
        """What a figure grew by after the warm-up, by regression."""
        steady = self.steady()
        times = [sample["time"] for sample in steady]
        slope = linear_regression(times, [sample[name] for sample in steady]).slope
        return slope * (times[-1] - times[0])

    def steady(self) -> list[Sample]:
        """The samples after the warm-up."""
        return self.samples[int(len(self.samples) * WARM_UP) :]

    def faults(self) -> list[str]:
        """What must not be seen, whatever grows."""
        wrong = [f"{count} x {one}" for one, count in self.answers.items() if one not in EXPECTED]
        wrong += [f"{count} lost ({reason})" for reason, count in self.lost.items()]
        return [*wrong, self.restless] if self.restless else wrong


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a record: the figures, and what is wrong."""

    figures: str
    faults: list[str]

    def __str__(self) -> str:
        return f"{self.figures}: {', '.join(self.faults) or 'steady'}"


def judge_soak(record: Record, bounds: Mapping[str, float]) -> Verdict:
    """The verdict on load and changes. Each of `bounds` is what a figure may grow by."""
    steady = record.steady()
    grown = {name: record.growth(name) for name in bounds}
    faults = [f"{name} grows" for name, bound in bounds.items() if grown[name] > bound]
    figures = ", ".join(f"{name} {grown[name]:+.2f} of {bounds[name]:g}" for name in bounds)
    seconds = steady[-1]["time"] - steady[0]["time"]
    text = f"{told(record)}; growth over the last {seconds:.0f} s, and what is allowed: {figures}"
    return Verdict(text, faults + record.faults())


def judge_reloads(record: Record, bound: float) -> Verdict:
    """The verdict on reloads; `bound` is what memory may grow by after the first of them."""
    last = record.samples[-1]
    first = next(one for one in record.samples if one["reloads"] >= FIRST)
    grown, pace = last["memory"] - first["memory"], 1000 * last["time"] / last["reloads"]
    text = (
        f"{told(record)}; {pace:.1f} ms each; memory {first['memory']:.2f} MiB after the first"
        f" {first['reloads']:.0f}, {last['memory']:.2f} at the end, {grown:+.2f} of {bound:g}"
    )
    return Verdict(text, (["memory grows"] if grown > bound else []) + record.faults())


def told(record: Record) -> str:
    """What happened in a run."""
    last = record.samples[-1]
    counts = ", ".join(f"{last[name]:.0f} {name}" for name in ("replaced", "reloads", "refused"))
    text = f"{last['time']:.0f} s, {counts}"
    if not record.answers:
        return f"{text}, no load"
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(record.answers.items()))
    p50, p99 = (slowest(record, name) for name in ("p50", "p99"))
    deepest = max(one["queued"] for one in record.samples)
    return (
        f"{text}; {answers}, lost {record.lost.total()}; worst p50 {p50:.0f} ms,"
        f" p99 {p99:.0f} ms, queues {deepest:.0f} deep"
    )


def slowest(record: Record, name: str) -> float:
    """The highest value of a latency after the warm-up; a second may pass without an answer."""
    return max((one[name] for one in record.steady() if not math.isnan(one[name])), default=0)


def write(record: Record, path: Path) -> None:
    """All samples as a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(record.samples[0]))
        table.writeheader()
        table.writerows(record.samples)


def plot(record: Record, path: Path) -> None:
    """Each figure over time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = (
        ("memory (MiB)", ["memory"]),
        ("how many", ["tasks", "workers", "strays", "files", "threads"]),
        ("jobs", ["queued", "busy"]),
        ("latency (ms)", ["p50", "p99"]),
    )
    figure, all_axes = plt.subplots(len(rows), 1, sharex=True, figsize=(9, 10))
    times = [sample["time"] for sample in record.samples]
    for axes, (label, names) in zip(all_axes, rows, strict=True):
        for name in names:
            axes.plot(times, [sample[name] for sample in record.samples], label=name, linewidth=0.8)
        axes.set_ylabel(label)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(loc="upper right", ncols=len(names), fontsize="small")
    all_axes[-1].set_xlabel("seconds")
    last = record.samples[-1]
    all_axes[0].set_title(
        f"{last['replaced']:.0f} handlers replaced, {last['reloads']:.0f} reloads"
    )
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)
