"""How deep JSON is nested, counted in its text."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brrt.openapi.depth import is_deeper

TEXT = st.text(alphabet='[]{}"\\,:\n a', max_size=6)
VALUES: Any = st.recursive(
    TEXT | st.none() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=30,
)


def levels(value: Any) -> int:
    """The same, by walking through the value."""
    if not isinstance(value, (dict, list)):
        return 0
    children = value.values() if isinstance(value, dict) else value
    return 1 + max(map(levels, children), default=0)


@given(VALUES)
def test_levels_are_those_of_the_value(value: Any) -> None:
    """Whatever strings hold, a text is as deep as its value is."""
    text = msgspec.json.encode(value) + b" " * 50  # or it is too short to be looked at
    deepest = levels(value)
    assert [is_deeper(text, limit) for limit in range(1, 12)] == [
        deepest > limit for limit in range(1, 12)
    ]


@pytest.mark.parametrize("limit", [1, 2, 50, 99, 100, 150])
def test_many_chains_are_counted(limit: int) -> None:
    """What would take too many turns is counted, and comes out the same."""
    chain = b"[" * 99 + b"]" * 99
    text = b"[" + b",".join([chain] * 50) + b"]"
    assert is_deeper(text, limit) == (limit < 100)
