"""Counts in this process, bounded: what the `limits` library's storage in memory is not.

That one keeps every key until a thread, or a task without an owner, comes by; here what was not
needed for longest makes way. Every method is done without waiting, so nothing comes between.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from math import floor
from typing import TypeVar

from brrt.rates.settings import MAX_CLIENTS, MAX_MOMENTS

Kept = TypeVar("Kept")


class Fixed:
    """A fixed window: what it has, and when it ends."""

    __slots__ = ("count", "ends")

    def __init__(self) -> None:
        self.count = 0
        self.ends = 0.0


class Sliding:
    """Two windows, the present one from `start` on."""

    __slots__ = ("current", "previous", "start")

    def __init__(self, start: float) -> None:
        self.start = start
        self.previous = 0
        self.current = 0

    def move(self, now: float, window: int) -> None:
        """Begin with another window if this one is over."""
        passed = now - self.start
        if passed < window:
            return
        if passed < 2 * window:
            self.start += window
            self.previous = self.current
        else:
            self.start, self.previous = now, 0
        self.current = 0


class Memory:
    """A storage of at most `max_clients` counters, and as many `moments` of moving windows.

    State: the three kinds of counters, of which an app uses one, the latest last; and how many
    moments there are.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        max_clients: int = MAX_CLIENTS,
        max_moments: int = MAX_MOMENTS,
    ) -> None:
        self._clock = clock
        self._max_clients = max_clients
        self._max_moments = max_moments
        self._fixed: OrderedDict[str, Fixed] = OrderedDict()
        self._sliding: OrderedDict[str, Sliding] = OrderedDict()
        self._moving: OrderedDict[str, deque[float]] = OrderedDict()
        self._moments = 0

    def __len__(self) -> int:
        return len(self._fixed) + len(self._sliding) + len(self._moving)

    def __repr__(self) -> str:
        return f"<Memory {len(self)} counters, {self._moments} moments>"

    # Fixed windows

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See `Storage`."""
        one = self._fixed.get(key)
        if one is None:
            one = self._fixed[key] = Fixed()
            self._make_room(self._fixed)
        else:
            self._fixed.move_to_end(key)
        now = self._clock()
        if now >= one.ends:
            one.count, one.ends = 0, now + expiry
        one.count += amount
        return one.count

    async def get(self, key: str) -> int:
        """See `Storage`."""
        one = self._fixed.get(key)
        return one.count if one is not None and self._clock() < one.ends else 0

    async def get_expiry(self, key: str) -> float:
        """See `Storage`."""
        one = self._fixed.get(key)
        return one.ends if one is not None else self._clock()

    # Moving windows

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """See `Storage`."""
        moments = self._moving.get(key)
        if moments is None:
            moments = self._moving[key] = deque()
        else:
            self._moving.move_to_end(key)
        now = self._clock()
        self._forget(moments, now - expiry)
        allowed = len(moments) + amount <= limit
        if allowed:
            moments.extend((now,) * amount)
            self._moments += amount
        while len(self._moving) > self._max_clients or self._moments > self._max_moments:
            _, gone = self._moving.popitem(last=False)
            self._moments -= len(gone)
        return allowed

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """See `Storage`."""
        moments, now = self._moving.get(key), self._clock()
        if moments is None:
            return now, 0
        self._forget(moments, now - expiry)
        return (moments[0], len(moments)) if moments else (now, 0)

    def _forget(self, moments: deque[float], until: float) -> None:
        while moments and moments[0] < until:
            moments.popleft()
            self._moments -= 1

    # Sliding windows

    async def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """See `Storage`."""
        one, now = self._sliding.get(key), self._clock()
        if one is None:
            one = self._sliding[key] = Sliding(now)
            self._make_room(self._sliding)
        else:
            self._sliding.move_to_end(key)
        one.move(now, expiry)
        weighed = floor(one.previous * (one.start + expiry - now) / expiry)
        if weighed + one.current + amount > limit:
            return False
        one.current += amount
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """See `Storage`."""
        one, now = self._sliding.get(key), self._clock()
        if one is None:
            return 0, 0.0, 0, 0.0
        one.move(now, expiry)
        left = one.start + expiry - now
        return one.previous, left, one.current, left + expiry

    def _make_room(self, kept: OrderedDict[str, Kept]) -> None:
        """Forget whoever did not ask for longest: he has his whole limit again."""
        if len(kept) > self._max_clients:
            kept.popitem(last=False)
