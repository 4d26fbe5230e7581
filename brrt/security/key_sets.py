"""The keys of an issuer, kept fresh: fetched once for all who wait, and never too often.

Rules of this file:
- One fetch at a time in each event loop, in a task that the set owns. Who waits for it may be
  cancelled without harm to others; who stops it leaves nobody waiting.
- No timers: a fetch begins because somebody needs keys, or soon will.
- Closed: without keys that are young enough nobody passes.

State: `_held`, and what is counted beside it, changed by `_succeed` and `_fail` alone; `_loops`,
the fetch and the holders of each event loop.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Protocol

from brrt.errors import ServiceUnavailable
from brrt.runtime.tasks import stop
from brrt.security.issuers import Fetched, FetchFailed
from brrt.security.keys import Keys, Unusable

logger = logging.getLogger("brrt")

# Seconds for a whole fetch, discovery included. Issuers answer within a second, and requests wait.
FETCH_TIMEOUT: Final = 5.0
# Seconds that keys are good for where the issuer does not say, and the bounds of what it may say:
# so soon at the earliest is it asked again, and so late at the latest is a withdrawn key unknown.
DEFAULT_AGE: Final = 600.0
MIN_AGE: Final = 60.0
MAX_AGE: Final = 86_400.0
# Parts of that age after which keys are fetched anew while the old ones serve. Somewhere between,
# so that many processes do not ask at the same moment.
REFRESH: Final = (0.7, 0.9)
# Seconds beyond their age that keys still serve while the issuer is down. An hour is long enough
# to mend it, and short for a key that was withdrawn meanwhile.
STALE: Final = 3_600.0
# Seconds between two fetches for keys that nobody knows, whatever clients send.
COOLDOWN: Final = 10.0
# Seconds after a first failure, and at the most, before the issuer is asked again; of each wait
# at least half, so that many processes do not ask at the same moment.
FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 60.0
# Names of unusable keys that are remembered as logged.
LOGGED: Final = 256
# Seconds that a cancelled fetch may take to close its connection.
CANCEL_WAIT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from: of day, for tokens, and since some moment, for ages; and luck."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class KeyStatistics:
    """What is known of an issuer's keys. `age` is in seconds; both are None before any are had.

    `is_stale`: they are older than they should be, since the issuer does not answer. `fetches`
    counts those that were begun, `failures` those that failed; `last_error` is that of the last
    one, None if it succeeded.
    """

    keys: int
    age: float | None
    is_stale: bool
    fetches: int
    failures: int
    last_error: str | None


class KeySet(Protocol):
    """Where keys come from."""

    async def current(self) -> Keys:
        """The keys that are good now. Raises `ServiceUnavailable` where there are none."""
        ...

    async def newer(self, keys: Keys) -> Keys | None:
        """Others than these, if there are any; for a token whose key is not among them."""
        ...

    def statistics(self) -> KeyStatistics:
        """What is known of them."""
        ...

    def begin_run(self) -> None:
        """A run of an app begins to use them in this loop."""
        ...

    async def aclose(self) -> None:
        """It uses them no more."""
        ...


class FixedKeys:
    """Keys that never change."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def __repr__(self) -> str:
        return f"<fixed keys: {len(self._keys.each)}>"

    async def current(self) -> Keys:
        """The keys."""
        return self._keys

    async def newer(self, keys: Keys) -> Keys | None:
        """There are none."""
        return None

    def statistics(self) -> KeyStatistics:
        """How many there are."""
        return KeyStatistics(len(self._keys.each), 0.0, False, 0, 0, None)

    def begin_run(self) -> None:
        """Nothing is begun."""

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Held:
    """Keys, and the moments after which they are fetched anew, too old, and useless."""

    keys: Keys
    since: float
    refresh: float
    expires: float
    useless: float


@dataclass(slots=True)
class InLoop:
    """What belongs to one event loop: the runs that use the keys there, and the last fetch."""

    holders: int = 0
    task: asyncio.Task[None] | None = None


class FetchedKeys:
    """Keys that are fetched from an issuer. `name` is what the log calls it.

    `source` fetches a JWK Set or raises `FetchFailed`; `read` makes keys of it or raises
    `Unusable`. Times are in seconds.
    """

    def __init__(
        self,
        name: str,
        source: Callable[[], Awaitable[Fetched]],
        read: Callable[[Mapping[str, Any]], Keys],
        *,
        stale: float = STALE,
        cooldown: float = COOLDOWN,
        timeout: float = FETCH_TIMEOUT,
        clock: Clock | None = None,
    ) -> None:
        self._name, self._source, self._read = name, source, read
        self._stale, self._cooldown, self._timeout = stale, cooldown, timeout
        self._clock = clock or Clock()
        self._held: Held | None = None
        self._fetches = self._failures = self._streak = 0
        self._last_error: str | None = None
        self._again = self._extra = -math.inf  # when it may be asked again
        self._logged: set[tuple[str, str]] = set()
        self._loops: dict[asyncio.AbstractEventLoop, InLoop] = {}

    def __repr__(self) -> str:
        now = self.statistics()
        age = "never had" if now.age is None else f"{now.age:.0f} s old"
        error = f", last error: {now.last_error}" if now.last_error else ""
        return f"<keys of {self._name}: {now.keys}, {age}, {now.fetches} fetches{error}>"

    def statistics(self) -> KeyStatistics:
        """What is known of the keys, and of how they were had."""
        held, now = self._held, self._clock.monotonic()
        return KeyStatistics(
            len(held.keys.each) if held else 0,
            now - held.since if held else None,
            held is not None and now >= held.expires,
            self._fetches,
            self._failures,
            self._last_error,
        )

    # For requests

    async def current(self) -> Keys:
        """The keys that are good now, fetched if there are none. Raises `ServiceUnavailable`."""
        held, now = self._held, self._clock.monotonic()
        if held is not None and now < held.refresh:
            return held.keys
        task = self._begin(now)
        # Where the issuer is known to be down nobody waits to see that again.
        until = (held.useless if self._streak else held.expires) if held else -math.inf
        if held is not None and now < until:
            return held.keys
        if task is not None:
            await self._wait(task)
        held = self._held
        if held is None or self._clock.monotonic() >= held.useless:
            raise self._unavailable()
        return held.keys

    async def newer(self, keys: Keys) -> Keys | None:
        """Others than these: such as came meanwhile, or one fetch in each `cooldown` may bring.

        Where none may be made now, nobody waits.
        """
        if (others := self._others(keys)) is not None:
            return others
        now, here = self._clock.monotonic(), self._here()
        task = here.task if here.task is not None and not here.task.done() else None
        if task is None and now >= self._extra:
            self._extra = now + self._cooldown
            task = self._begin(now)
        if task is None:
            return None
        await self._wait(task)
        return self._others(keys)

    def _others(self, keys: Keys) -> Keys | None:
        return self._held.keys if self._held and self._held.keys is not keys else None

    # The fetch

    def _begin(self, now: float) -> "asyncio.Task[None] | None":
        """The fetch that is under way, or a new one; None where it is too early for another."""
        here = self._here()
        if here.task is not None and not here.task.done():
            return here.task
        if now < self._again:
            return None
        loop = asyncio.get_running_loop()
        name = f"brrt keys of {self._name}"
        # In a context of its own: it is nobody's request.
        here.task = loop.create_task(self._fetch(), name=name, context=Context())
        return here.task

    async def _wait(self, task: "asyncio.Task[None]") -> None:
        """Wait for a fetch that others may wait for too. Raises `ServiceUnavailable` if stopped."""
        await asyncio.wait([task])
        if task.cancelled():
            raise self._unavailable()

    async def _fetch(self) -> None:
        self._fetches += 1
        try:
            async with asyncio.timeout(self._timeout):
                fetched = await self._source()
            keys = self._read(fetched.document)
        except (FetchFailed, Unusable) as error:
            self._fail(str(error))
        except TimeoutError:
            self._fail(f"no answer within {self._timeout:g} s")
        except Exception as error:
            logger.exception("The keys of %s could not be read", self._name)
            self._fail(type(error).__name__)
        else:
            self._succeed(keys, fetched.max_age)

    def _succeed(self, keys: Keys, max_age: float | None) -> None:
        now = self._clock.monotonic()
        age = DEFAULT_AGE if max_age is None else min(max(max_age, MIN_AGE), MAX_AGE)
        least, most = REFRESH
        refresh = now + age * (least + (most - least) * self._clock.chance())
        self._held = Held(keys, now, refresh, now + age, now + age + self._stale)
        self._streak, self._last_error, self._again = 0, None, -math.inf
        for kid, reason in keys.skipped:
            self._log_once(kid, reason)

    def _fail(self, reason: str) -> None:
        self._failures += 1
        self._last_error = reason
        wait = min(FIRST_RETRY * 2.0 ** min(self._streak, 30), LAST_RETRY)
        self._streak += 1
        wait *= 0.5 + 0.5 * self._clock.chance()
        self._again = self._clock.monotonic() + wait
        text = "The keys of %s could not be fetched: %s; it is asked again after %.1f s"
        logger.warning(text, self._name, reason, wait)

    def _log_once(self, kid: str, reason: str) -> None:
        if (kid, reason) in self._logged:
            return
        if len(self._logged) >= LOGGED:
            self._logged.clear()
        self._logged.add((kid, reason))
        logger.warning("The key %r of %s is not used: %s", kid, self._name, reason)

    def _unavailable(self) -> ServiceUnavailable:
        wait = max(1, math.ceil(self._again - self._clock.monotonic())) if self._streak else 1
        detail = "the keys of the issuer cannot be had now"
        return ServiceUnavailable(detail, headers={"Retry-After": str(wait)})

    # The life

    def _here(self) -> InLoop:
        """What belongs to this loop; what belonged to loops that are closed is forgotten."""
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop)
        if here is None:
            alive = {one: kept for one, kept in self._loops.items() if not one.is_closed()}
            here = InLoop()
            self._loops = {**alive, loop: here}
        return here

    def begin_run(self) -> None:
        """A run of an app begins to use the keys in this loop; `aclose` is called at its end."""
        self._here().holders += 1

    async def aclose(self) -> None:
        """A run uses them no more. The last one in this loop stops what is being fetched."""
        here = self._here()
        here.holders = max(0, here.holders - 1)
        if here.holders:
            return
        self._loops = {loop: one for loop, one in self._loops.items() if one is not here}
        if here.task is not None and not here.task.done():
            await stop((here.task,), CANCEL_WAIT)
