"""Does a limit on workers that finds itself earn its place? Reckoned, not run: here it does not.

    python -m benchmarks.adaptive_limit [--seconds 60]

The question comes up where the bottleneck is inside of a handler: 64 workers share 8 connections
to a database, say, so what waits does so inside, where no queue policy sees it. Netflix's Gradient2
(concurrency-limits, with its default constants) takes the time that jobs take for a sign of that.
A model of one handler, in virtual time: requests come at random, their clients hang up after ten
mean services, the queue is `adaptive`. Printed is the share of the capacity that was answered in
time, from the fifth second on:

- with 8 places inside, where a limit should find some 8 workers;
- with none inside, where it should leave the 64 alone;
- for services that all take the same time, that vary as a Poisson process, and of which nine in
  ten come from a cache.
"""

import argparse
import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

MEAN: Final = 0.02
DEADLINE: Final = 10 * MEAN
WORKERS: Final = 64
PLACES: Final = 8
QUEUE: Final = 256
FROM: Final = 5.0
RATES: Final = (0.5, 0.9, 2.0, 5.0)

SERVICES: Final[dict[str, Callable[[Random], float]]] = {
    "equal": lambda _: MEAN,
    "random": lambda random: random.expovariate(1 / MEAN),
    "cached": lambda random: MEAN * (0.25 if random.random() < 0.9 else 7.75),
}


@dataclass(slots=True)
class Fixed:
    """As many workers as somebody said."""

    workers: float

    def learn(self, seconds: float, busy: int) -> None:
        """Nothing."""


@dataclass(slots=True)
class Gradient:
    """Gradient2: fewer workers when jobs take longer than they did in the long run."""

    workers: float = 20.0
    _long: float = 0.0

    def learn(self, seconds: float, busy: int) -> None:
        """A job took so long, beside so many others."""
        self._long += (seconds - self._long) * 2 / 601 if self._long else seconds
        if self._long > 2 * seconds:
            self._long *= 0.95
        if busy >= self.workers / 2:
            gradient = min(max(1.5 * self._long / seconds, 0.5), 1.0)
            wanted = self.workers * gradient + 4
            self.workers = min(max(0.8 * self.workers + 0.2 * wanted, 4.0), float(WORKERS))


LIMITS: Final[dict[str, Callable[[], Fixed | Gradient]]] = {
    "64 workers": lambda: Fixed(WORKERS),
    "8 workers": lambda: Fixed(PLACES),
    "Gradient2": Gradient,
}


@dataclass(slots=True)
class Model:
    """One handler: a queue, workers, and places inside that they share."""

    limit: Fixed | Gradient
    places: int
    service: Callable[[Random], float]
    random: Random
    queue: deque[float] = field(default_factory=deque[float])
    inside: deque[tuple[float, float]] = field(default_factory=deque[tuple[float, float]])
    ends: list[tuple[float, float, float]] = field(default_factory=list[tuple[float, float, float]])
    busy: int = 0
    room: int = QUEUE
    run: int = 0

    def arrive(self, now: float) -> None:
        """A request; beyond the room in the queue it is refused."""
        if len(self.queue) < self.room:
            self.queue.append(now)
            if self.busy < int(self.limit.workers) and self.room < QUEUE:
                self.room += 1
            self.take(now)

    def end(self) -> tuple[float, float]:
        """The next job that is done: when it came, and when it ended."""
        now, came, began = heapq.heappop(self.ends)
        self.busy -= 1
        while self.inside and now - self.inside[0][0] > DEADLINE:
            self.inside.popleft()
            self.busy -= 1
        if self.inside:
            self.serve(now, *self.inside.popleft())
        self.limit.learn(now - began, self.busy)
        self.take(now)
        return came, now

    def take(self, now: float) -> None:
        """Workers take what waits, and tighten the queue as the runtime does."""
        while self.queue and self.busy < int(self.limit.workers):
            came = self.queue.popleft()
            self.run = self.run + 1 if self.queue else 0
            workers = int(self.limit.workers)
            if self.run > min(self.room, 4 * workers) + workers:
                self.room, self.run = max(self.room // 2, workers, 4), 0
            if now - came <= DEADLINE:
                self.busy += 1
                if len(self.ends) < self.places:
                    self.serve(now, came, now)
                else:
                    self.inside.append((came, now))

    def serve(self, now: float, came: float, began: float) -> None:
        """A place inside is taken."""
        heapq.heappush(self.ends, (now + self.service(self.random), came, began))


def arrivals(random: Random, rate: float, seconds: float) -> Iterator[float]:
    """When requests come."""
    now = random.expovariate(rate)
    while now < seconds:
        yield now
        now += random.expovariate(rate)


def share(limit: Fixed | Gradient, places: int, service: str, load: float, seconds: float) -> float:
    """The share of the capacity that is answered in time."""
    random, capacity, good = Random(1), places / MEAN, 0
    model = Model(limit, places, SERVICES[service], random)
    for now in arrivals(random, load * capacity, seconds):
        while model.ends and model.ends[0][0] <= now:
            came, ended = model.end()
            good += ended - came <= DEADLINE and ended >= FROM
        model.arrive(now)
    return good / capacity / (seconds - FROM)


def main() -> None:
    """Reckon and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="of virtual time for each figure")
    options = parser.parse_args()
    for places in (PLACES, WORKERS):
        for service in SERVICES:
            for name, limit in LIMITS.items():
                if places == WORKERS and name == "8 workers":
                    continue
                shares = [share(limit(), places, service, one, options.seconds) for one in RATES]
                told = "  ".join(
                    f"{load:g}x {value:4.0%}" for load, value in zip(RATES, shares, strict=True)
                )
                print(f"{places:2} places, {service:6} services, {name:10}  {told}", flush=True)


if __name__ == "__main__":
    main()
