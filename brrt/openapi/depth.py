"""How deep JSON is nested, found out without walking through it where that can be avoided.

Of a text nothing but its brackets is kept, and innermost pairs are taken out of those until none
is left: once for each level, at the speed of C. Where that does not soon come to an end, because
of brackets in strings or very many levels, the value is walked through after all.
"""

from itertools import chain
from typing import Any, Final

_OTHERS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
# Brackets that are looked at, for each that there is, before the value is walked through.
_PATIENCE: Final = 3


def is_deeper(text: bytes, value: Any, limit: int) -> bool:
    """Whether a JSON text, and the value that it says, has more than `limit` levels."""
    if len(text) <= 2 * limit:
        return False
    brackets = text.translate(_ONE_KIND, _OTHERS)
    left = _PATIENCE * len(brackets)
    for _ in range(limit):
        if not brackets:
            return False
        left -= len(brackets)
        if left < 0:
            break
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets) and _has_level(value, limit + 1)


def _has_level(value: Any, number: int) -> bool:
    level = [value]
    for _ in range(number):
        level = [one for one in level if type(one) is dict or type(one) is list]
        if not level:
            return False
        level = list(chain.from_iterable(map(_children, level)))
    return True


def _children(value: Any) -> Any:
    return value.values() if type(value) is dict else value
