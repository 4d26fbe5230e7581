"""Which media type a client prefers: the `Accept` header (RFC 9110, section 12.5.1).

The most specific range that a type falls under decides what it is worth. Read leniently: an
element that breaks the grammar is skipped, and a header without a single sound one, or longer
than `MAX_ACCEPT`, means that anything will do, as if it were not there. The `charset` of a range
is not compared: clients write it out of habit, and what is sent is UTF-8 unless declared.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from brrt.openapi.content import essence, matches, parameters, specificity

# Bytes of an Accept header that are looked at. Browsers send some 140.
MAX_ACCEPT = 1_024

_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_WEIGHT = re.compile(r"0?\.[0-9]+|[01](?:\.[0-9]*)?")
_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")


@dataclass(frozen=True, slots=True)
class Range:
    """One element of the header: a type or range, its parameters, and what it is worth."""

    media_type: str
    parameters: frozenset[tuple[str, str]]
    weight: float

    @property
    def rank(self) -> tuple[int, int]:
        """The least for the most specific."""
        return specificity(self.media_type), -len(self.parameters)


@dataclass(frozen=True, slots=True)
class Accept:
    """What a client accepts, the most specific range first."""

    ranges: tuple[Range, ...]

    def weight(self, declared: str) -> float:
        """What a declared media type is worth, from 0 (not acceptable) to 1.

        A declared range is worth as much as the best that may come of it.
        """
        name = essence(declared)
        if specificity(name):
            shared = (one.weight for one in self.ranges if _meet(name, one.media_type))
            return max(shared, default=0.0)
        mine = frozenset(_comparable(parameters(declared)))
        for one in self.ranges:
            if matches(one.media_type, name) and one.parameters <= mine:
                return one.weight
        return 0.0


def parse_accept(header: bytes) -> Accept | None:
    """The header, read; None where it means that anything will do."""
    if len(header) > MAX_ACCEPT:
        return None
    elements = _ELEMENT.findall(header.decode("latin-1"))
    ranges = [one for one in map(_range, elements) if one is not None]
    return Accept(tuple(sorted(ranges, key=lambda one: one.rank))) if ranges else None


def _range(element: str) -> Range | None:
    name = essence(element)
    name = "*/*" if name == "*" else name  # what java.net sends
    if not _TYPE.fullmatch(name):
        return None
    found = parameters(element)
    weight = found.get("q", "1")
    if not _WEIGHT.fullmatch(weight):
        return None
    before = list(found).index("q") if "q" in found else len(found)
    own = dict(list(found.items())[:before])  # what stands behind the weight is no parameter
    return Range(name, frozenset(_comparable(own)), min(float(weight), 1.0))


def _comparable(found: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value.lower()) for name, value in found.items() if name != "charset"]


def _meet(one: str, other: str) -> bool:
    """Whether there is a type that falls under both."""
    return matches(one, other) or matches(other, one)
