"""What bounds the rate of one client: each setting with a default and the reason for it.

Only frozen data lives here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.util import find_spec
from inspect import iscoroutinefunction
from typing import Any, Final, Literal, get_args

from brrt.config import LARGEST, SettingError
from brrt.errors import MissingExtra
from brrt.rates.policies import CURE, parse, require_library

Strategy = Literal["sliding-window", "fixed-window", "moving-window"]

# Two numbers for each client, and never more than the limit in any window but for rounding.
# A fixed window lets twice as many through around its end.
STRATEGY: Final = "sliding-window"
# Counters, one for each limit of each client. One takes some 250 bytes, and 1 KB where its window
# moves: this many stay under 10 MB.
MAX_CLIENTS = 10_000
# Seconds for the counts that are shared. Redis in the same network answers in less than 1 ms; who
# waits longer than this for a count would rather be counted here.
TIMEOUT = 0.1
# Moments that a moving window remembers, of all clients. One takes some 32 bytes: 32 MB.
MAX_MOMENTS = 1_000_000
SCHEMES = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """How often one client may ask.

    `default` is the limit of all operations that have none of their own, together: "1000/hour",
    or several as a list; None for no limit. The document says the same with
    `x-brrt-rate-limit`, for all, for a path or for an operation.

    `key` tells who a client is: a function `(request) -> str | None`, where None is not limited.
    By default it is the peer's address, of IPv6 its /64. It is called before anybody has shown
    who he is, so what it reads of a request is only what the client says.

    `strategy`: "sliding-window" (two counters, weighed), "fixed-window" (one, from the first
    request on), or "moving-window" (exact; remembers each request, of all clients 1,000,000).

    `storage`: where several processes count together, such as "redis://localhost:6379/0"; by
    default each counts in its own memory. Redis is waited for no longer than `timeout` seconds, a
    new connection included; while it does not answer, this process counts alone. `max_clients`
    counters are in memory at the most; those that were not needed for longest are forgotten.

    Raises `SettingError` for a value that cannot be, and `MissingExtra`.
    """

    default: str | Sequence[str] | None = None
    key: Callable[[Any], str | None] | None = None
    storage: str | None = field(default=None, repr=False)  # may hold a password
    strategy: Strategy = STRATEGY
    max_clients: int = MAX_CLIENTS
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        require_library()
        _check_strategy(self.strategy)
        _check_default(self.default, self.strategy)
        _check_key(self.key)
        _check_storage(self.storage)
        _check_number("max_clients", self.max_clients, whole=True)
        _check_number("timeout", self.timeout, whole=False)


def read_limit(value: Any, strategy: Strategy) -> tuple[tuple[int, int], ...]:
    """Limits, read, that a strategy can keep to. Raises `ValueError` and `MissingExtra`."""
    pairs = parse(value)
    for amount, _ in pairs:
        if strategy == "moving-window" and amount > MAX_MOMENTS:
            most = f"{MAX_MOMENTS:,}, and {amount:,} are more; take a sliding window"
            raise ValueError(f"a moving window remembers each request, at the most {most}")
    return pairs


def _check_default(value: Any, strategy: Strategy) -> None:
    if value is None:
        return
    try:
        read_limit(value, strategy)
    except ValueError as error:
        raise SettingError(f"default of the rate limits: {error}; {CURE}") from None


def _check_key(value: Any) -> None:
    if value is None:
        return
    if not callable(value) or iscoroutinefunction(value):
        cure = "write `def key(request) -> str | None`, which must not wait for anything"
        raise SettingError(f"key cannot be {value!r}; {cure}")


def _check_strategy(value: Any) -> None:
    known = get_args(Strategy)
    if value not in known:
        near = get_close_matches(str(value).lower(), known, n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"it is one of {', '.join(known)}"
        raise SettingError(f"strategy cannot be {value!r}; {cure}")


def _check_storage(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value.startswith(SCHEMES):
        cure = "write a url such as redis://localhost:6379/0, or None to count in memory"
        raise SettingError(f"storage is no url that begins with {', '.join(SCHEMES)}; {cure}")
    if find_spec("redis") is None:
        raise MissingExtra("to share counts brrt needs redis: pip install 'brrt[redis]'")
    from redis.asyncio.connection import parse_url

    try:
        parse_url(value)
    except ValueError:  # what it says may be a piece of the password
        cure = "percent-encode the password (urllib.parse.quote), and look at port and options"
        raise SettingError(f"storage is a url that cannot be read; {cure}") from None


def _check_number(name: str, value: Any, *, whole: bool) -> None:
    kinds = int if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise SettingError(f"{name} must be a {'whole ' if whole else ''}number, got {value!r}")
    if not 0 < value <= LARGEST:
        raise SettingError(f"{name} must be more than 0 and at most {LARGEST:,}, got {value!r}")
