"""When a message is sent again, and how long to wait before. Pure: a table and arithmetic."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from brrt.outbound.settings import Outbound

# Statuses that mean "not now": Request Timeout, Too Early, Too Many Requests; and all 5xx.
_AGAIN = frozenset({408, 425, 429})
# Digits of a Retry-After; more are longer than anybody waits.
_MAX_DIGITS = 9


class NoAnswer(Exception):
    """An attempt that no answer came of. The text says why, and nothing that the receiver sent."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Clocks, waiting and chance. `now` is Unix time; `chance` gives 0 to 1, 1 excluded."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random


def is_temporary(status: int) -> bool:
    """Whether another attempt may have another answer."""
    return status >= 500 or status in _AGAIN


def delay(attempt: int, retry_after: float, settings: Outbound, chance: float) -> float:
    """Seconds to wait after the failure of an attempt, counted from 1.

    Full jitter: anything from 0 to a bound that doubles each time, so that those who failed
    together do not come back together. Never before the receiver asked for, up to `max_backoff`.
    """
    doubled = settings.backoff * 2.0 ** min(attempt - 1, 64)
    return max(chance * min(settings.max_backoff, doubled), min(retry_after, settings.max_backoff))


def read_retry_after(text: str | None, now: float) -> float:
    """Seconds that `Retry-After` asks for (RFC 9110, section 10.2.3); 0 for anything else."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:_MAX_DIGITS])
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
