"""The three ways of counting, as arithmetic over what a storage knows.

A storage is what the `limits` library calls one, asynchronous, with these methods: Redis's is the
library's own. Times are in seconds, moments those of the storage's clock.
"""

from collections.abc import Mapping
from math import floor
from typing import Final, NamedTuple, Protocol

from brrt.rates.policies import Policy
from brrt.rates.settings import Strategy


class Storage(Protocol):
    """Counts by key. `expiry` is the length of the window."""

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count one more in a fixed window, and say how many it then has."""
        ...

    async def get(self, key: str) -> int:
        """How many a fixed window has."""
        ...

    async def get_expiry(self, key: str) -> float:
        """The moment at which a fixed window ends."""
        ...

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count one more in a moving window, if it has less than `limit`."""
        ...

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """The oldest moment in a moving window, and how many it has."""
        ...

    async def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count one more, if both windows, weighed, have less than `limit`."""
        ...

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Count and remaining time of the previous window, and of the present one.

        The present one's time is until it is forgotten, one window after its end.
        """
        ...


class Standing(NamedTuple):
    """How many more a client may ask, and the seconds after which it is more; 0 if it is all."""

    remaining: int
    wait: float


class Counting(Protocol):
    """One way of counting."""

    async def hit(self, storage: Storage, policy: Policy, key: str) -> bool:
        """Count one more. False if that is too many."""
        ...

    async def standing(self, storage: Storage, policy: Policy, key: str, now: float) -> Standing:
        """Where a client stands."""
        ...


class FixedWindow:
    """A window begins with the first request, and what is refused counts as well."""

    async def hit(self, storage: Storage, policy: Policy, key: str) -> bool:
        """See `Counting`."""
        return await storage.incr(key, policy.window) <= policy.amount

    async def standing(self, storage: Storage, policy: Policy, key: str, now: float) -> Standing:
        """See `Counting`."""
        count = await storage.get(key)
        wait = await storage.get_expiry(key) - now if count else 0.0
        return Standing(max(0, policy.amount - count), max(0.0, wait))


class MovingWindow:
    """In no window, wherever it begins, are there more than the limit."""

    async def hit(self, storage: Storage, policy: Policy, key: str) -> bool:
        """See `Counting`."""
        return await storage.acquire_entry(key, policy.amount, policy.window)

    async def standing(self, storage: Storage, policy: Policy, key: str, now: float) -> Standing:
        """See `Counting`."""
        oldest, count = await storage.get_moving_window(key, policy.amount, policy.window)
        wait = oldest + policy.window - now if count else 0.0
        return Standing(max(0, policy.amount - count), max(0.0, wait))


class SlidingWindow:
    """The previous window counts for as much of it as the last `window` seconds still hold."""

    async def hit(self, storage: Storage, policy: Policy, key: str) -> bool:
        """See `Counting`."""
        return await storage.acquire_sliding_window_entry(key, policy.amount, policy.window)

    async def standing(self, storage: Storage, policy: Policy, key: str, now: float) -> Standing:
        """See `Counting`. The library's own says when the *next* window begins."""
        window = policy.window
        previous, previous_ttl, current, current_ttl = await storage.get_sliding_window(key, window)
        weighed = floor(previous * previous_ttl / window)
        wait = 0.0
        if weighed:
            wait = previous_ttl - weighed * window / previous
        elif current:
            wait = current_ttl - window
        return Standing(max(0, policy.amount - weighed - current), max(0.0, wait))


COUNTING: Final[Mapping[Strategy, Counting]] = {
    "sliding-window": SlidingWindow(),
    "fixed-window": FixedWindow(),
    "moving-window": MovingWindow(),
}
