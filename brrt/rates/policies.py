"""Rate limits as frozen values: so many requests in so many seconds, and what they count together.

How a limit is written is the `limits` library's, which is imported when one is read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from brrt.config import LARGEST
from brrt.errors import MissingExtra

CURE = 'write it as "100/minute" or "10 per 5 seconds", several as a list; false for none'
# The library takes "1/0 hours" for an hour.
_ZERO = re.compile(r"(/|per)\s*0+\s*[a-z]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Policy:
    """`amount` requests in `window` seconds.

    `name` is what clients are told, and `item` the same as a Structured Fields String; `key` is
    the same for all that is counted together.
    """

    name: str
    item: bytes
    amount: int
    window: int
    key: str


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits of an operation, the shortest window first.

    `field` is their RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers, section 3).
    """

    policies: tuple[Policy, ...]
    field: bytes


def require_library() -> None:
    """Raises `MissingExtra` where the library that reads limits is not installed."""
    if find_spec("limits") is None:
        raise MissingExtra("to limit rates brrt needs limits: pip install 'brrt[rates]'")


def parse(value: Any) -> tuple[tuple[int, int], ...]:
    """Limits as pairs of amount and seconds, the shortest window first.

    `value` is a text such as "100/minute", or a list of such. Raises `ValueError` for what cannot
    be read or be kept to, and `MissingExtra`.
    """
    require_library()
    from limits import parse_many

    texts: Sequence[Any] = (value,) if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not texts:
        raise ValueError(f"{value!r} is no rate limit")
    found: set[tuple[int, int]] = set()
    for text in texts:
        if not isinstance(text, str) or not text.isascii() or _ZERO.search(text):
            raise ValueError(f"{text!r} is no rate limit")
        try:
            items = parse_many(text)
        except ValueError:
            raise ValueError(f"{text!r} is no rate limit") from None
        found.update((one.amount, one.get_expiry()) for one in items)
    for amount, window in found:
        if not 1 <= amount <= LARGEST or window > LARGEST:
            raise ValueError(f"{amount} in {window} s is none that can be kept to")
    return tuple(sorted(found, key=lambda one: (one[1], one[0])))


def make_rates(pairs: Sequence[tuple[int, int]], name: str, key: str) -> Rates:
    """Limits under a name. Whatever is counted under the same `key` is counted together."""
    policies: list[Policy] = []
    for amount, window in pairs:
        own = _text(name) if len(pairs) == 1 else f"{_text(name)} {amount} in {window}"
        item = f'"{own}"'.encode("ascii")
        policies.append(Policy(own, item, amount, window, f"{key}/{amount}/{window}"))
    items = [b"%b;q=%d;w=%d" % (one.item, one.amount, one.window) for one in policies]
    return Rates(tuple(policies), b", ".join(items))


def _text(text: str) -> str:
    """What may stand between quotation marks (RFC 9651, section 3.3.3)."""
    return "".join(one for one in text if " " <= one <= "~" and one not in '"\\')
