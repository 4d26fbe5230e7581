"""The live half: who has asked how often, from a run's start to its end, over all reloads."""

import time
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from brrt.rates.memory import Memory
from brrt.rates.policies import Rates
from brrt.rates.settings import RateLimits
from brrt.rates.windows import COUNTING, Standing, Storage

if TYPE_CHECKING:
    from brrt.rates.shared import Shared

# Seconds. Redis counts in milliseconds, and what a window weighs falls just after a moment.
GRAIN: Final = 0.001
# Seconds by which the end of a fixed window may be later than Redis says: it rounds.
ROUNDED: Final = 0.5


class Verdict(NamedTuple):
    """Whether a client may ask. `wait` is in whole seconds, None where it may.

    `violated` names the limits that it has used up; `field` is the RateLimit header.
    """

    wait: int | None
    violated: tuple[str, ...]
    field: bytes


class Limiter:
    """Counts the requests of clients, in memory or together with other processes."""

    def __init__(
        self, settings: RateLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings or RateLimits()
        self.memory = Memory(clock, self.settings.max_clients)
        self._clock = clock
        self._counting = COUNTING[self.settings.strategy]
        self._shared = self._connect() if self.settings.storage is not None else None

    def _connect(self) -> "Shared":
        from brrt.rates.shared import Shared

        return Shared(self.settings, self._clock)

    async def spend(self, rates: Rates, client: str) -> Verdict:
        """Count a request. What is refused by one limit is not counted by those after it."""
        shared = self._shared
        if shared is not None:
            rounded = ROUNDED if self.settings.strategy == "fixed-window" else GRAIN
            work = partial(self._count, rates, client, shared.storage, time.time, rounded)
            if (verdict := await shared.attempt(work)) is not None:
                return verdict
        return await self._count(rates, client, self.memory, self._clock, GRAIN)

    async def _count(
        self,
        rates: Rates,
        client: str,
        storage: Storage,
        clock: Callable[[], float],
        grain: float,
    ) -> Verdict:
        counting, refused, now = self._counting, None, clock()
        standings: list[Standing] = []
        for policy in rates.policies:
            key = f"{policy.key}/{client}"
            if refused is None and not await counting.hit(storage, policy, key):
                refused = policy
            standings.append(await counting.standing(storage, policy, key, now))
        field = _field(rates, standings)
        if refused is None:
            return Verdict(None, (), field)
        at = rates.policies.index(refused)  # those before it have let the request pass
        later = zip(rates.policies[at + 1 :], standings[at + 1 :], strict=True)
        violated = (refused.name, *(policy.name for policy, one in later if not one.remaining))
        seconds = max(one.wait for one in standings if one is standings[at] or not one.remaining)
        return Verdict(max(1, ceil(seconds + grain)), violated, field)

    async def aclose(self) -> None:
        """Close what is open."""
        if self._shared is not None:
            await self._shared.aclose()

    def __repr__(self) -> str:
        return f"<Limiter {self._shared or self.memory!r}>"


def _field(rates: Rates, standings: list[Standing]) -> bytes:
    """RateLimit (draft-ietf-httpapi-ratelimit-headers, section 4): no time where all is left."""
    items: list[bytes] = []
    for policy, (remaining, wait) in zip(rates.policies, standings, strict=True):
        item = b"%b;r=%d" % (policy.item, remaining)
        items.append(b"%b;t=%d" % (item, ceil(wait)) if wait else item)
    return b", ".join(items)
