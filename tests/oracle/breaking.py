"""Broken values: what differs from a valid one in one place.

Nothing here looks at the schema: whether a change breaks anything is for the judges to say.
"""

import json
from typing import Any

from hypothesis import strategies as st

from tests.oracle.primitives import Draw

# Put in the place of any value.
JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, 1.5, 2**31, 2**53 + 1, 2**63, "", "a", "1", "true", "é",
    "2024-02-30", "not a date", [], [1], ["a", "a"], [None], {}, {"a": 1}, {"name": 1},
)  # fmt: skip


def places(value: Any, trail: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all values within a value, itself included."""
    found = [trail]
    if isinstance(value, dict):
        for key, one in value.items():
            found += places(one, (*trail, key))
    if isinstance(value, list):
        for index, one in enumerate(value):
            found += places(one, (*trail, index))
    return found


def broken(draw: Draw, value: Any) -> Any:
    """A value that differs from this one in one place."""
    copy = json.loads(json.dumps(value))
    trail = draw(st.sampled_from(places(copy)))
    kind = draw(st.sampled_from(["replace", "remove", "add"]))
    if not trail:
        return _altered(draw, copy, kind)
    here = copy
    for step in trail[:-1]:
        here = here[step]
    if kind == "remove":
        del here[trail[-1]]
    else:
        here[trail[-1]] = _altered(draw, here[trail[-1]], kind)
    return copy


def _altered(draw: Draw, value: Any, kind: str) -> Any:
    if kind == "add" and isinstance(value, dict):
        names = st.sampled_from(["a", "b", "id", "name", "kind", "extra", ""])
        return value | {draw(names): draw(st.sampled_from(JUNK))}
    if kind == "add" and isinstance(value, list):
        last = value[-1] if value else draw(st.sampled_from(JUNK))
        return [*value, last]
    return draw(st.sampled_from(JUNK))
