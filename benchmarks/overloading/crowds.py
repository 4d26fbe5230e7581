"""An open loop: requests come when they are due, whatever becomes of the earlier ones.

A closed loop, whose clients wait for an answer before they ask again, never offers a service more
than it can do. Here people come, ask once, and hang up when they have waited for too long.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.loads import Answer, Connection, Lost, Tally

# Requests that are late and asked at once, before the answers are looked at again.
MOST_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of an open loop, when it is over.

    It was `due` so many seconds after the beginning, was asked `late` seconds after that, and was
    over after further `seconds`. A `status` of 0 is no answer: the client gave up, or the request
    was `lost` for this reason.
    """

    due: float
    late: float
    seconds: float
    status: int
    lost: str = ""

    def count(self, tally: Tally) -> None:
        """Add it to a tally."""
        if self.status:
            tally.seconds.setdefault(self.status, []).append(self.seconds)
        elif self.lost:
            tally.lost[self.lost] += 1
        else:
            tally.gave_up += 1


def arrivals(phases: Iterable[tuple[float, float]], seed: int | None = None) -> Iterator[float]:
    """When requests are due, in seconds from the beginning. A phase is a rate and its seconds.

    They come evenly, or, with a `seed`, as from people who know nothing of each other (Poisson).
    """
    chance = random.Random(seed)
    begin = 0.0
    for rate, seconds in phases:
        due, begin = begin, begin + seconds
        while rate and due < begin:
            yield due
            due += 1 / rate if seed is None else chance.expovariate(rate)


async def ask_when(
    port: int,
    dues: Iterable[float],
    wires: Iterable[bytes],
    note: Callable[[Asked], None],
    *,
    deadline: float,
) -> None:
    """An open loop: ask when it is due, whatever becomes of the earlier requests.

    A client that was not answered within `deadline` seconds hangs up. Connections are kept and
    used again. Each request is noted when it is over; returns when all are.
    """
    crowd, wire, began = Crowd(port, deadline, note), iter(wires), time.perf_counter()
    try:
        for count, due in enumerate(dues):
            early = began + due - time.perf_counter()
            if early > 0 or count % MOST_AT_ONCE == 0:
                await asyncio.sleep(max(early, 0))
            crowd.ask(next(wire), due, time.perf_counter() - began - due)
        await crowd.rest()
    finally:
        await crowd.close()


class _Request:
    """A request of a crowd, from when it is asked until it is over."""

    __slots__ = ("at", "connecting", "connection", "due", "is_over", "late", "wire")

    def __init__(self, wire: bytes, due: float, late: float) -> None:
        self.wire, self.due, self.late = wire, due, late
        self.at = time.perf_counter()
        self.connection: Connection | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.is_over = False


class Crowd:
    """The clients of an open loop: as many as there are requests at once.

    Its own costs are low, since whoever is late measures itself: a request has no task and no
    timer of its own. All have the same deadline, so the oldest is the first to give up.
    """

    def __init__(self, port: int, deadline: float, note: Callable[[Asked], None]) -> None:
        self._port, self._deadline, self._note = port, deadline, note
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._asking: deque[_Request] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._open = 0
        self._rest = asyncio.Event()

    def ask(self, wire: bytes, due: float, late: float) -> None:
        """Ask now, over a connection that is idle or a new one."""
        one = _Request(wire, due, late)
        self._asking.append(one)
        self._open += 1
        if self._timer is None:
            self._timer = self._loop.call_later(self._deadline, self._look)
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._send(one, connection)
                return
        one.connecting = self._loop.create_task(self._connect(one))
        self._connecting.add(one.connecting)
        one.connecting.add_done_callback(self._connecting.discard)

    async def rest(self) -> None:
        """Wait until every request is over."""
        while self._open:
            self._rest.clear()
            await self._rest.wait()

    async def close(self) -> None:
        """Hang up everywhere."""
        if self._timer is not None:
            self._timer.cancel()
        for one in self._asking:
            if not one.is_over:
                self._give_up(one)
        for connection in self._idle:
            connection.close()
        if self._connecting:
            await asyncio.wait(self._connecting)

    async def _connect(self, one: _Request) -> None:
        try:
            self._send(one, await Connection.open(self._port))
        except Lost as error:
            self._end(one, lost=str(error))

    def _send(self, one: _Request, connection: Connection) -> None:
        one.connection = connection
        connection.send(one.wire).add_done_callback(partial(self._answered, one))

    def _answered(self, one: _Request, answer: "asyncio.Future[Answer]") -> None:
        error = answer.exception()
        if one.is_over:
            return
        if error is not None:
            self._end(one, lost=str(error))
            return
        assert one.connection is not None
        self._end(one, answer.result().status)
        if answer.result().keeps:
            self._idle.append(one.connection)

    def _look(self) -> None:
        """Who has waited for too long gives up."""
        self._timer, asking = None, self._asking
        oldest = time.perf_counter() - self._deadline
        while asking and (asking[0].is_over or asking[0].at <= oldest):
            one = asking.popleft()
            if not one.is_over:
                self._give_up(one)
        if asking:
            self._timer = self._loop.call_later(asking[0].at - oldest, self._look)

    def _give_up(self, one: _Request) -> None:
        if one.connection is not None:
            one.connection.close()
        elif one.connecting is not None:
            one.connecting.cancel()
        self._end(one)

    def _end(self, one: _Request, status: int = 0, lost: str = "") -> None:
        one.is_over = True
        seconds = time.perf_counter() - one.at
        self._note(Asked(one.due, one.late, seconds, status, lost))
        self._open -= 1
        if not self._open:
            self._rest.set()
