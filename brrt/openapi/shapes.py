"""What a text may become, and what one primitive text does become.

Text that does not fit any of its types stays text: the schema check then says what is wrong.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from math import isinf
from typing import Any, Final, TypeAlias

MAX_DIGITS: Final = 640  # of an integer; below the lowest limit that CPython's `int` can be set to

Convert: TypeAlias = Callable[[str], Any]


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
STRUCTURES: Final = frozenset({"array", "object"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What a schema says that a text may become; no types at all means any text.

    `items` describes the items of arrays, `properties` the members of objects, and `additional`
    the members that `properties` does not name. `preferred` are the primitive types that are
    tried, where these are not all: those of an `anyOf` up to the first branch that is a string.
    `choices` are the branches of an `anyOf` or `oneOf` in which there are arrays or objects.
    """

    types: frozenset[str] = frozenset()
    items: "Shape | None" = None
    properties: Mapping[str, "Shape"] = field(default_factory=dict[str, "Shape"])
    additional: "Shape | None" = None
    preferred: frozenset[str] | None = None
    choices: tuple["Shape", ...] = ()

    @property
    def primitives(self) -> frozenset[str]:
        """The primitive types that a text is tried as."""
        return (self.types if self.preferred is None else self.preferred) - STRUCTURES


ANYTHING: Final = Shape()
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_BOOLEANS: Final[Mapping[str, Any]] = {"true": True, "false": False}


def cast(text: str, shape: Shape) -> Any:
    """The JSON value that `text` stands for, or `text` itself where it fits none of the types.

    Tried in this order: null, boolean, integer, number, string, as far as they are among
    `Shape.primitives`. Numbers follow the grammar of JSON (RFC 8259, section 6): no `+1`, `01`,
    `1_0`, ` 1`, `nan`. `1.0` is no integer, what overflows a float no number, and integers end
    at MAX_DIGITS digits.
    """
    return caster(shape.primitives)(text)


@lru_cache(maxsize=32)  # all sets of the five primitive types
def caster(types: frozenset[str]) -> Convert:
    """What makes a value of one of these types of a text, or gives the text back."""
    attempts = [attempt for name, attempt in _ATTEMPTS.items() if name in types]
    if "null" in types and "string" not in types:
        attempts.insert(0, _null)
    if len(attempts) == 1:
        return attempts[0]

    def first_that_fits(text: str) -> Any:
        for attempt in attempts:
            value = attempt(text)
            if value is not text:
                return value
        return text

    return first_that_fits if attempts else str


def _null(text: str) -> Any:
    return text or None


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text, text)


def _integer(text: str) -> Any:
    if text.isdigit() and text.isascii() and text[0] != "0" and len(text) <= MAX_DIGITS:
        return int(text)  # what nearly all are, without the cost of a regex
    if len(text) <= MAX_DIGITS and _INTEGER(text):
        return int(text)
    return text


def _number(text: str) -> Any:
    integer = _integer(text)
    if integer is not text or not _NUMBER(text):
        return integer
    value = float(text)
    return text if isinf(value) else value


_ATTEMPTS: Final[Mapping[str, Convert]] = {
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
}
