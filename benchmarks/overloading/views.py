"""What clients saw of a trial. A useful answer is a 200 within their deadline.

Useful answers are counted in the phase in which they came; all else is of the requests that were
due in it.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from benchmarks.loads import Tally
from benchmarks.overloading.crowds import Asked

# Seconds of one point of a time line, and points in a row that make a recovery.
WINDOW: Final = 0.1
IN_A_ROW: Final = 3
# What must have been asked of what was meant to be, and the seconds that 99 of 100 requests may be
# late: else it is the client that was measured.
OFFERED: Final = 0.95
LATE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Phase:
    """Some seconds in which operations are asked for, each at its rate."""

    name: str
    seconds: float
    rates: Mapping[str, float]


@dataclass(frozen=True)
class View:
    """What was seen of one operation in one phase. `cpu` is the server's share of a core."""

    rate: float
    seconds: float
    begin: float
    asked: Sequence[Asked]
    answered: Sequence[Asked]
    health: Tally
    cpu: float

    @cached_property
    def tally(self) -> Tally:
        """What became of the requests."""
        return tally_of(self.asked)

    @property
    def offered(self) -> float:
        """Requests a second that were truly asked."""
        return len(self.asked) / self.seconds

    @property
    def useful(self) -> float:
        """Useful answers a second."""
        return len(self.answered) / self.seconds

    @property
    def shed(self) -> float:
        """Requests a second that were refused."""
        return self.tally.count(503) / self.seconds

    @property
    def late(self) -> float:
        """Seconds within which 99 of 100 requests were asked after they were due."""
        return percentile([one.late for one in self.asked], 0.99)

    @property
    def is_true(self) -> bool:
        """Whether the clients asked what they were meant to, and when."""
        wanted = self.rate * self.seconds
        enough = wanted - 3 * wanted**0.5  # chance
        return len(self.asked) >= min(enough, OFFERED * wanted) and not self.late > LATE

    def slowest(self, share: float) -> float:
        """Seconds within which this share of the useful answers came."""
        return percentile([one.seconds for one in self.answered], share)

    @property
    def healthy(self) -> float:
        """The share of health checks that were answered with 200."""
        unanswered = self.health.lost.total() + self.health.gave_up
        return self.health.count(200) / max(self.health.count() + unanswered, 1)

    @property
    def worst_health(self) -> float:
        """Seconds until the slowest answer to a health check; infinite if one had none."""
        if self.health.lost or self.health.gave_up:
            return math.inf
        return self.health.percentile(1.0)


@dataclass(slots=True)
class Record:
    """Everything that clients saw in all phases of a trial, by operation.

    `cpu` is what the server had used when each phase began, and at the end.
    """

    phases: Sequence[Phase]
    asked: dict[str, list[Asked]] = field(default_factory=dict[str, list[Asked]])
    health: list[Asked] = field(default_factory=list[Asked])
    cpu: list[float] = field(default_factory=list[float])

    @property
    def seconds(self) -> float:
        """How long the trial lasted."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def is_true(self) -> bool:
        """Whether the clients did what they were meant to, all the time."""
        names = [phase.name for phase in self.phases]
        return all(self.view(name, one).is_true for name in names for one in self.asked)

    def plan(self, operation: str) -> list[tuple[float, float]]:
        """The rates at which an operation is asked for, each with its seconds."""
        return [(phase.rates.get(operation, 0.0), phase.seconds) for phase in self.phases]

    def view(self, name: str, operation: str) -> View:
        """What was seen in the phase of this name."""
        place = [phase.name for phase in self.phases].index(name)
        phase, begin = self.phases[place], sum(one.seconds for one in self.phases[:place])
        asked, end = self.asked[operation], begin + phase.seconds
        return View(
            phase.rates.get(operation, 0.0),
            phase.seconds,
            begin,
            between(asked, begin, end),
            [one for one in asked if one.status == 200 and begin <= over(one) < end],
            tally_of(between(self.health, begin, end)),
            (self.cpu[place + 1] - self.cpu[place]) / phase.seconds,
        )

    def time_line(self, operation: str) -> list[float]:
        """Useful answers a second, from window to window."""
        counts = [0] * math.ceil(self.seconds / WINDOW)
        for one in self.asked[operation]:
            if one.status == 200 and over(one) < self.seconds:
                counts[int(over(one) / WINDOW)] += 1
        return [count / WINDOW for count in counts]

    def recovery(self, before: str, after: str, operation: str) -> float:
        """Seconds of the phase `after` until all is as it was `before`; infinite if it never was.

        From then on, for some windows in a row, all is answered and nothing takes much longer.
        """
        quiet, again = self.view(before, operation), self.view(after, operation)
        longest = 2 * quiet.slowest(0.99) + 0.01
        in_a_row = 0
        for window in range(round(again.seconds / WINDOW)):
            begin = again.begin + window * WINDOW
            found = between(again.asked, begin, begin + WINDOW)
            is_calm = all(one.status == 200 and one.seconds <= longest for one in found)
            in_a_row = in_a_row + 1 if is_calm else 0
            if in_a_row == IN_A_ROW:
                return (window + 1 - IN_A_ROW) * WINDOW
        return math.inf


def over(one: Asked) -> float:
    """When a request was over, in seconds from the beginning."""
    return one.due + one.late + one.seconds


def between(asked: Collection[Asked], begin: float, end: float) -> list[Asked]:
    """What was due in some time."""
    return [one for one in asked if begin <= one.due < end]


def tally_of(asked: Collection[Asked]) -> Tally:
    """What became of many requests."""
    tally = Tally()
    for one in asked:
        one.count(tally)
    return tally


def percentile(values: Collection[float], share: float) -> float:
    """The value that this share of the values does not exceed; NaN for none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else math.nan
