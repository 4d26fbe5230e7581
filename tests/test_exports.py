"""What `from brrt import ...` offers."""

import types
from typing import Any

import pytest

import brrt
from brrt.errors import BrrtError, Problem


def test_exports_are_sorted_and_complete() -> None:
    """`__all__` is sorted, and is exactly what the package shows."""
    public = {
        name
        for name, value in vars(brrt).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert brrt.__all__ == sorted(brrt.__all__, key=str)
    assert set(brrt.__all__) == public


NAMED = [
    kind for kind in vars(brrt).values() if isinstance(kind, type) and issubclass(kind, Problem)
]


@pytest.mark.parametrize("kind", [kind for kind in NAMED if kind is not Problem])
def test_every_problem_has_a_status(kind: type[Any]) -> None:
    """A named child knows its status, and its argument is the detail."""
    problem = kind("why")
    assert 400 <= problem.status < 600
    assert problem.document()["detail"] == "why"


def test_every_error_of_ours_is_ours() -> None:
    """One `except BrrtError` catches all that brrt raises on purpose."""
    errors = [value for value in vars(brrt).values() if isinstance(value, type)]
    assert all(issubclass(one, BrrtError) for one in errors if issubclass(one, Exception))
