"""What the runtime counts: mutable counters inside, frozen pictures outside.

Counters belong to a handler's name, not to a pool, so they go on over a replacement.
Nothing here decides or waits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class TaskCounters:
    """What has happened to streams, or to background tasks, since the app started.

    Of those `started`: `finished` (all was done), `failed` (an error), `timed_out` (a stream made
    no progress), `cancelled` (client gone, a change, a stop). `refused` were too many; `stuck`
    ones ignored their cancellation; `peak` is the most at a time.
    """

    started: int = 0
    finished: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0
    refused: int = 0
    stuck: int = 0
    peak: int = 0

    def add(self, other: "TaskCounters | TaskStatistics") -> None:
        """Add what another has counted; of peaks the higher one stays."""
        for name in _OF_TASKS:
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, theirs) if name == "peak" else mine + theirs)


_OF_TASKS = tuple(spec.name for spec in fields(TaskCounters))


@dataclass(slots=True)
class Counters:
    """What has happened to one handler since the app started.

    Worker tasks: `spawned`, `terminated`, `crashed` (ended without being told to). Jobs:
    `accepted`, and of these `served` (the handler gave a value), `failed` (it raised),
    `timed_out` (504), `cancelled` (caller gone, or retired past grace); `shed` were refused, and
    `limited` because their clients asked too often.
    `stuck` handlers ignored their cancellation. `peak_queue` is the deepest queue seen.
    `streams` is about what a call has opened, apart from the call itself.
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
    limited: int = 0
    stuck: int = 0
    peak_queue: int = 0
    streams: TaskCounters = field(default_factory=TaskCounters)

    def add(self, other: "Counters") -> None:
        """Add what another has counted; of peaks the higher one stays."""
        for name in _COUNTED:
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, theirs) if name == "peak_queue" else mine + theirs)
        self.streams.add(other.streams)


_COUNTED = tuple(spec.name for spec in fields(Counters) if spec.name != "streams")


@dataclass(frozen=True, slots=True)
class TaskStatistics:
    """Streams, or background tasks, at one moment: `TaskCounters`, and how many are `active`.

    `started` is the sum of `finished`, `failed`, `timed_out`, `cancelled` and `active`.
    """

    started: int
    finished: int
    failed: int
    timed_out: int
    cancelled: int
    refused: int
    stuck: int
    peak: int
    active: int


@dataclass(frozen=True, slots=True)
class HandlerStatistics:
    """One handler at one moment: its counters, and what it is doing now.

    `active` worker tasks, of which `busy` serve a job; `queued` jobs wait; `streams` is about the
    streams that jobs have opened. During a replacement the outgoing pool is included, so the sums
    are true at every moment.
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
    limited: int
    stuck: int
    peak_queue: int
    active: int
    busy: int
    queued: int
    streams: TaskStatistics


@dataclass(frozen=True, slots=True)
class Statistics:
    """All handlers at one moment. `total` includes handlers that were removed since.

    `running` tells whether the app accepts work; `generation` counts published snapshots;
    `retiring` counts pools that are being drained; `background` is about background tasks.
    """

    running: bool
    generation: int
    handlers: Mapping[str, HandlerStatistics]
    total: HandlerStatistics
    retiring: int
    background: TaskStatistics

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


_SUMMED = (*(name for name in _COUNTED if name != "peak_queue"), "active", "busy", "queued")


def task_picture(counters: TaskCounters, active: int) -> TaskStatistics:
    """Freeze the counters of tasks together with how many there are."""
    counted = {name: getattr(counters, name) for name in _OF_TASKS}
    return TaskStatistics(**counted, active=active)


def picture(
    counters: Counters, active: int, busy: int, queued: int, streams: int
) -> HandlerStatistics:
    """Freeze counters together with the present state; `streams` are those that are open."""
    counted = {name: getattr(counters, name) for name in _COUNTED}
    return HandlerStatistics(
        **counted,
        active=active,
        busy=busy,
        queued=queued,
        streams=task_picture(counters.streams, streams),
    )


def total(pictures: Iterable[HandlerStatistics], gone: Counters) -> HandlerStatistics:
    """The sum over handlers, and over those that are gone."""
    pictures = tuple(pictures)
    sums = {
        name: sum(getattr(one, name) for one in pictures) + getattr(gone, name, 0)
        for name in _SUMMED
    }
    peak = max([gone.peak_queue, *(one.peak_queue for one in pictures)])
    streams = _all_streams(pictures, gone.streams)
    return HandlerStatistics(**sums, peak_queue=peak, streams=streams)


def _all_streams(pictures: tuple[HandlerStatistics, ...], gone: TaskCounters) -> TaskStatistics:
    counters = TaskCounters()
    counters.add(gone)
    for one in pictures:
        counters.add(one.streams)
    return task_picture(counters, sum(one.streams.active for one in pictures))
