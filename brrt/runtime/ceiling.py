"""The bound on worker tasks of all pools together, and how they share what is below it.

Where there is no room any more, those that have least come first: a pool with two workers more
than one that waits gives up the next worker that has done its job, or one that has none. So a
flooded handler takes what the others do not want, and not what they need.
"""

import asyncio
from typing import Protocol


class Member(Protocol):
    """What the ceiling knows of a pool."""

    @property
    def size(self) -> int:
        """Workers that it holds on to."""
        ...

    @property
    def wants(self) -> bool:
        """Whether one more worker would find work."""
        ...

    def spare(self) -> bool:
        """Let go of a worker that has nothing to do. Tells whether there was one."""
        ...

    def grow(self) -> None:
        """Start one more worker, if there is room."""
        ...


class Ceiling:
    """Shares `limit` worker tasks among pools.

    `reserved` places are kept free, so that a reload can always start one worker for each
    new handler while the old ones drain. `waiting` are pools that found no room.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.reserved = 0
        self.active = 0
        self.waiting: dict[Member, None] = {}
        self._claim: _Claim | None = None
        self._members: dict[Member, None] = {}

    def has_room(self) -> bool:
        """Whether a pool may grow by one worker."""
        claimed = self._claim.count if self._claim is not None else 0
        return self.active + max(self.reserved, claimed) < self.limit

    def fits(self, count: int) -> bool:
        """Whether this many workers can be started now."""
        return self.active + count <= self.limit

    async def clear(self, count: int, patience: float) -> None:
        """Wait until so many workers can be started, `patience` seconds at the most.

        Nobody grows meanwhile, and pools with more than one worker give up those with no job.
        """
        if self.fits(count):
            return
        claim = self._claim = _Claim(self, count)
        self.waiting[claim] = None
        try:
            for _ in range(self.active + count - self.limit):
                self._beg(claim)
            await asyncio.wait([claim.met], timeout=patience)
        finally:
            self.waiting.pop(claim, None)
            self._claim = None
            if not claim.met.done():
                self.hand_on()

    def join(self, pool: Member) -> None:
        """A pool has started."""
        self._members[pool] = None

    def leave(self, pool: Member) -> None:
        """A pool is about to end all its workers."""
        self._members.pop(pool, None)
        self.waiting.pop(pool, None)

    def ask(self, pool: Member) -> None:
        """A pool wants one more worker and finds no room. It is remembered until there is."""
        if pool not in self.waiting:
            self.waiting[pool] = None
            self._beg(pool)

    def is_owed_by(self, pool: Member) -> bool:
        """Whether a pool has so much more than one that waits that it has to give."""
        return any(_owes(pool, other) for other in self.waiting)

    def hand_on(self) -> None:
        """A worker has ended: its place goes to those that have least."""
        if self._claim is not None and not self._claim.wants:
            self._claim.meet()
        while self.waiting:
            poorest = min(self.waiting, key=lambda pool: pool.size)
            if not poorest.wants:
                del self.waiting[poorest]
            elif self.has_room():
                poorest.grow()
            else:
                self._beg(poorest)
                return

    def _beg(self, poor: Member) -> None:
        """Let somebody who has more give up a worker that has nothing to do."""
        for rich in self._members:
            if _owes(rich, poor) and rich.spare():
                return


class _Claim:
    """Room that a change needs. It has nothing, so everybody who has two workers owes it one."""

    size = 0

    def __init__(self, ceiling: Ceiling, count: int) -> None:
        self.count = count
        self.met: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ceiling = ceiling

    @property
    def wants(self) -> bool:
        """Whether there is too little room."""
        return not self._ceiling.fits(self.count)

    def spare(self) -> bool:
        """There is nothing to let go of."""
        return False

    def grow(self) -> None:
        """Whoever claims the room takes it."""

    def meet(self) -> None:
        """There is room now."""
        if not self.met.done():
            self.met.set_result(None)


def _owes(rich: Member, poor: Member) -> bool:
    return rich.size >= poor.size + 2
