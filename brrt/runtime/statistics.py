"""What the runtime counts: mutable counters inside, frozen pictures outside.

Counters belong to a handler's name, not to a pool, so they go on over a replacement.
Nothing here decides or waits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(slots=True)
class Counters:
    """What has happened to one handler since the app started.

    Worker tasks: `spawned`, `terminated`, `crashed` (ended without being told to). Jobs:
    `accepted`, and of these `served` (the handler gave a value), `failed` (it raised),
    `timed_out` (504), `cancelled` (caller gone, or retired past grace); `shed` were refused.
    `stuck` handlers ignored their cancellation. `peak_queue` is the deepest queue seen.
    """

    spawned: int = 0
    terminated: int = 0
    crashed: int = 0
    accepted: int = 0
    served: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0
    shed: int = 0
    stuck: int = 0
    peak_queue: int = 0

    def add(self, other: "Counters") -> None:
        """Add what another has counted; of peaks the higher one stays."""
        for spec in fields(self):
            mine, theirs = getattr(self, spec.name), getattr(other, spec.name)
            both = max(mine, theirs) if spec.name == "peak_queue" else mine + theirs
            setattr(self, spec.name, both)


@dataclass(frozen=True, slots=True)
class HandlerStatistics:
    """One handler at one moment: its counters, and what it is doing now.

    `active` worker tasks, of which `busy` serve a job; `queued` jobs wait. During a
    replacement the outgoing pool is included, so the sums are true at every moment.
    """

    spawned: int
    terminated: int
    crashed: int
    accepted: int
    served: int
    failed: int
    timed_out: int
    cancelled: int
    shed: int
    stuck: int
    peak_queue: int
    active: int
    busy: int
    queued: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """All handlers at one moment. `total` includes handlers that were removed since.

    `running` tells whether the app accepts work; `generation` counts published snapshots;
    `retiring` counts pools that are being drained.
    """

    running: bool
    generation: int
    handlers: Mapping[str, HandlerStatistics]
    total: HandlerStatistics
    retiring: int

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


_COUNTED = tuple(spec.name for spec in fields(Counters))
_SUMMED = tuple(spec.name for spec in fields(HandlerStatistics) if spec.name != "peak_queue")


def picture(counters: Counters, active: int, busy: int, queued: int) -> HandlerStatistics:
    """Freeze counters together with the present state."""
    counted = {name: getattr(counters, name) for name in _COUNTED}
    return HandlerStatistics(**counted, active=active, busy=busy, queued=queued)


def total(pictures: Iterable[HandlerStatistics], gone: Counters) -> HandlerStatistics:
    """The sum over handlers, and over those that are gone."""
    pictures = tuple(pictures)
    sums = {
        name: sum(getattr(one, name) for one in pictures) + getattr(gone, name, 0)
        for name in _SUMMED
    }
    peak = max([gone.peak_queue, *(one.peak_queue for one in pictures)])
    return HandlerStatistics(**sums, peak_queue=peak)
