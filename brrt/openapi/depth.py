"""How deep JSON is nested, found out at the speed of C and without walking through its values.

Of a text nothing but brackets and quotation marks is kept, and of those the strings are taken
out; then the innermost pairs of brackets are, once for each level, until none is left. What has
many levels is counted instead.
"""

import re
from itertools import accumulate
from typing import Final

_OTHERS: Final = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")  # as signed bytes: one level down, one up
_STRING: Final = re.compile(rb'"[^"]*"')
# Brackets that are taken out or looked at, for each that there is, before they are counted.
_PATIENCE: Final = 4


def is_deeper(text: bytes, limit: int) -> bool:
    """Whether a text has more than `limit` levels of arrays and objects. It must be valid JSON."""
    if len(text) <= 2 * limit or text.count(b"[") + text.count(b"{") <= limit:
        return False
    brackets = _brackets(text)
    left = _PATIENCE * len(brackets)
    for level in range(limit):
        left -= len(brackets)
        if left < 0:
            return level + max(_depths(brackets), default=0) > limit
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _brackets(text: bytes) -> bytes:
    """The brackets that are not within strings, all of one kind."""
    if b"\\" in text:  # which is within strings only
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = text.translate(_ONE_KIND, _OTHERS).replace(b'""', b"")
    return _STRING.sub(b"", brackets) if b'"' in brackets else brackets


def _depths(brackets: bytes) -> "accumulate[int]":
    return accumulate(memoryview(brackets.translate(_STEPS)).cast("b"))
