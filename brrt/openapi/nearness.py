"""Of several alternatives that a value does not match: the one that it comes closest to.

Where the alternatives differ in one thing only, that is what is told: the type, or a constant
that tells them apart. Nothing is validated here; there are only errors to be weighed.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from brrt.openapi.engine_errors import SchemaError
from brrt.openapi.json_values import is_list

Path = tuple[str | int, ...]
Branch = tuple[SchemaError, ...]

_CONSTANTS = ("const", "enum")
# Errors that say: the value has another shape than this alternative.
_SHAPE = frozenset(
    [
        "required",
        "additionalProperties",
        "unevaluatedProperties",
        "falseSchema",
        "readOnly",
        "writeOnly",
        "propertyNames",
    ]
)


def closest(error: SchemaError) -> Iterator[SchemaError]:
    """The errors of the nearest branch, for an `anyOf` or `oneOf` that none matches.

    Any other error is given as it is; so is that of a `oneOf` which several branches match.
    """
    if not error.branches or () in error.branches:
        yield error
        return
    common = _common_type(error) or _common_constants(error)
    if common is not None:
        yield common
        return
    depth = len(error.path)
    for one in min(error.branches, key=lambda branch: _distance(branch, depth)):
        yield from closest(one)


def _distance(branch: Branch, depth: int) -> tuple[bool, bool, int, int, int]:
    """How far a branch is from a value that stands at `depth`.

    First the type must be right, then the constants by which variants are told apart, which
    stand in the value or one step below; then the shape; then the fewest errors count, and
    those that lie deepest.
    """
    wrong_type = any(one.keyword == "type" and len(one.path) == depth for one in branch)
    wrong_variant = any(one.keyword in _CONSTANTS and len(one.path) <= depth + 1 for one in branch)
    wrong_shape = sum(one.keyword in _SHAPE and len(one.path) <= depth + 1 for one in branch)
    deepest = max(len(one.path) for one in branch)
    return wrong_type, wrong_variant, wrong_shape, len(branch), -deepest


def _common_type(error: SchemaError) -> SchemaError | None:
    """All types of the branches together, where every branch wants another type."""
    names: list[Any] = []
    for branch in error.branches:
        wrong = next((one for one in branch if _is_type_at(one, error.path)), None)
        if wrong is None:
            return None
        names += wrong.value if is_list(wrong.value) else [wrong.value]
    return _merged(error, error.path, "type", list(dict.fromkeys(names)))


def _is_type_at(error: SchemaError, path: Path) -> bool:
    return error.keyword == "type" and error.path == path


def _common_constants(error: SchemaError) -> SchemaError | None:
    """All constants of the branches together, where they differ in these at one place.

    A branch that wants another type altogether does not count.
    """
    branches = [
        branch
        for branch in error.branches
        if not any(_is_type_at(one, error.path) for one in branch)
    ]
    tables = [_constants(branch, len(error.path) + 1) for branch in branches]
    shared = [path for path in tables[0] if all(path in table for table in tables[1:])]
    if not shared:
        return None
    path = min(shared, key=len)
    values = [value for table in tables for value in table[path]]
    inner = next(one for one in branches[0] if one.path == path and one.keyword in _CONSTANTS)
    secret = error.is_secret or any(one.is_secret for branch in branches for one in branch)
    merged = _merged(error, path, "enum", values)
    return replace(merged, instance=inner.instance, is_secret=secret, hidden=inner.hidden)


def _constants(branch: Branch, depth: int) -> dict[Path, list[Any]]:
    """The constants that a branch wants, by place: in the value or one step below."""
    return {
        one.path: one.value if one.keyword == "enum" else [one.value]
        for one in branch
        if one.keyword in _CONSTANTS and len(one.path) <= depth
    }


def _merged(error: SchemaError, path: Path, keyword: str, value: Any) -> SchemaError:
    return replace(error, path=path, keyword=keyword, value=value, branches=())
