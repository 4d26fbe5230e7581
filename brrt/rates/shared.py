"""Counts that several processes share, in Redis, and what is done while it does not answer.

Rules of this file:
- A request waits for Redis no longer than `timeout`, and one at a time tries it again.
- Nobody is let in or kept out because Redis is gone: the caller counts for itself then.
- An outage is logged once, and so is its end. Nothing of the url is: it may hold a password.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from limits.aio.storage import RedisStorage
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from brrt.rates.settings import RateLimits
from brrt.rates.windows import Storage

logger = logging.getLogger("brrt")

Result = TypeVar("Result")

# Connections at a time. With an answer in 1 ms that is 32,000 a second, more than one process asks.
CONNECTIONS: Final = 32
# Seconds after a failure before Redis is asked again: while it is gone, one request in so many
# seconds waits for it, and it is back for all that much later.
COOL_DOWN: Final = 1.0
# What the keys begin with.
PREFIX: Final = "brrt"
# Times that a connection that broke is made anew at once: Redis was started again, or closed it.
RETRIES: Final = 1
# What becomes of a Redis that is gone. Where it is something else, the log has its trace.
EXPECTED: Final = (RedisError, OSError, TimeoutError)


class Shared:
    """The storage in Redis, for one event loop. `attempt` what asks it.

    State: `_down_until`, the moment before which it is not asked; None while it answers; and
    `_asking`, the time that each question still has.
    """

    def __init__(self, settings: RateLimits, clock: Callable[[], float]) -> None:
        assert settings.storage is not None
        self._timeout = settings.timeout
        self._clock = clock
        self._pool = _pool(settings.storage, settings.timeout)
        options: Any = {"connection_pool": self._pool}  # which the library passes on as it is
        self.storage: Storage = RedisStorage(
            "async+redis://", implementation="redispy", key_prefix=PREFIX, **options
        )
        self._room = asyncio.Semaphore(CONNECTIONS)
        self._asking: set[asyncio.Timeout] = set()
        self._down_until: float | None = None
        self._is_closed = False

    async def attempt(self, work: Callable[[], Awaitable[Result]]) -> Result | None:
        """What `work` makes of the storage; None where that does not answer."""
        if self._is_resting():
            return None
        async with self._room:  # time in which Redis was not asked is not held against it
            if self._is_resting():  # what went before has failed
                return None
            if self._down_until is not None:  # this request tries, others do not wait with it
                self._down_until = self._clock() + COOL_DOWN
            return await self._ask(work)

    async def _ask(self, work: Callable[[], Awaitable[Result]]) -> Result | None:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                self._asking.add(limit)
                result = await work()
        except Exception as error:  # whatever becomes of what Redis says, or does not say
            if not self._is_closed:
                self._fail(error)
            return None
        finally:
            self._asking.discard(limit)
        if self._down_until is not None:
            self._down_until = None
            logger.warning("Rates are counted in Redis again")
        return result

    def _is_resting(self) -> bool:
        if self._is_closed:
            return True
        return self._down_until is not None and self._clock() < self._down_until

    def _fail(self, error: Exception) -> None:
        if self._down_until is None:
            text = "Redis does not answer (%s): until it is back, rates are counted in this process"
            cause = None if isinstance(error, EXPECTED) else error
            logger.warning(text, type(error).__name__, exc_info=cause)
        self._down_until = self._clock() + COOL_DOWN

    async def aclose(self) -> None:
        """Close all connections. From now on nothing is asked, and who waits is let go.

        The library forgets connections that are being made, and makes those anew that are closed
        while they are used. So they are put back first.
        """
        if self._is_closed:
            return
        self._is_closed = True
        now = asyncio.get_running_loop().time()
        for limit in self._asking:
            if not limit.expired():
                limit.reschedule(now)
        try:
            for _ in range(CONNECTIONS):
                await self._room.acquire()
        finally:
            await self._close_pool()

    async def _close_pool(self) -> None:
        try:
            await self._pool.aclose()
        except (RedisError, OSError) as error:  # all are closed, but one does not say goodbye
            logger.warning("A connection to Redis was cut off (%s)", type(error).__name__)

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "up" if self._down_until is None else "down"
        return f"<Shared {state}>"


def _pool(url: str, seconds: float) -> ConnectionPool:
    """Connections that the library's storage uses, and we close."""
    untyped: Any = ConnectionPool
    pool: ConnectionPool = untyped.from_url(
        url,
        max_connections=CONNECTIONS,
        retry=Retry(NoBackoff(), RETRIES),
        socket_connect_timeout=seconds,
    )
    return pool
