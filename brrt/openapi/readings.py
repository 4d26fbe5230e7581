"""Texts that may be read in several ways, where the first way is not what the schema wants.

`"5"` under `anyOf: [{type: integer, minimum: 10}, {type: string}]` is the text, and under
`enum: ["5", 7]` too. The first reading is nearly always right and costs nothing more; the others
are looked at only after the schema has refused it, and only for schemas that leave a choice.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from brrt.openapi import content
from brrt.openapi.schemas import Validator
from brrt.openapi.shapes import MISSING, STRUCTURES, Shape
from brrt.openapi.wire import Unreadable

# Other readings of one parameter that are tried: each costs the client's fault one more check.
MAX_READINGS: Final = 16

_STRING: Final = frozenset({"string"})


def other_shapes(shape: Shape) -> list[Shape]:
    """The shapes of other readings, in the order of trial; none where nothing can be chosen.

    Each branch of `anyOf` and `oneOf`, then mere text, and last all that is no text: so the
    empty text is null where the schema wants no such string.
    """
    if not _Choice().may_choose(shape):
        return []
    branches = [branch for branch in shape.choices for branch in (branch, _Textual().of(branch))]
    return [*branches[: MAX_READINGS - 2], _Textual().of(shape), _Special().of(shape)]


class _Choice:
    """Whether a shape leaves a choice. Shapes share their parts, so each is looked at once."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def may_choose(self, shape: Shape | None) -> bool:
        if shape is None or id(shape) in self._seen:
            return False
        self._seen.add(id(shape))
        return (
            bool(shape.choices)
            or shape.preferred is not None
            or shape.primitives > _STRING
            or any(map(self.may_choose, (shape.items, shape.additional)))
            or any(map(self.may_choose, shape.properties.values()))
        )


class _Rewritten:
    """The same shape, trying other primitive types. Shared parts stay shared."""

    def __init__(self) -> None:
        self._done: dict[int, Shape] = {}

    def of(self, shape: Shape) -> Shape:
        if id(shape) not in self._done:
            self._done[id(shape)] = replace(
                shape,
                items=self.of(shape.items) if shape.items else None,
                properties={name: self.of(one) for name, one in shape.properties.items()},
                additional=self.of(shape.additional) if shape.additional else None,
                preferred=self.preferred(shape),
                choices=(),
            )
        return self._done[id(shape)]

    def preferred(self, shape: Shape) -> frozenset[str] | None:
        """The types that are tried, or None for all of them."""
        raise NotImplementedError


class _Textual(_Rewritten):
    """The same shape, leaving a text as it is wherever it may be one."""

    def preferred(self, shape: Shape) -> frozenset[str] | None:
        return _STRING if "string" in shape.types else None


class _Special(_Rewritten):
    """The same shape, leaving no text as it is where it may be something else."""

    def preferred(self, shape: Shape) -> frozenset[str] | None:
        return shape.types - STRUCTURES - _STRING or None


class Readings:
    """All readings of one parameter: its validator, and the decoders of the later ones."""

    def __init__(self, validator: Validator, decoders: Iterable[Callable[[Any], Any]]) -> None:
        self._validator = validator
        self._decoders = tuple(decoders)

    def settle(self, first: Any, raw: Any) -> Any:
        """The first reading that the schema allows, or else the one that is given.

        Where none is right as a whole, the parts that the schema refuses are replaced by those
        of another. Raises what `Validator.is_valid` raises.
        """
        is_valid = self._validator.is_valid
        if is_valid(first):
            return first
        refused = [error.path for error in self._validator.errors(first)]
        for decode in self._decoders:
            try:
                other = decode(raw)
            except (Unreadable, content.Unreadable):
                continue
            if other is MISSING:
                continue
            for value in (other, _mixed(first, other, refused)):
                if is_valid(value):
                    return value
        return first


def _mixed(first: Any, other: Any, refused: Iterable[tuple[str | int, ...]]) -> Any:
    """The first value, with the other's parts in the places that were refused."""
    whole = {"": deepcopy(first)}
    for path in refused:
        _put(whole, {"": other}, ("", *path))
    return whole[""]


def _put(target: Any, source: Any, path: tuple[str | int, ...]) -> None:
    """Put what `source` has at a path into `target`, if both have such a place."""
    *parents, last = path
    try:
        for step in parents:
            target, source = target[step], source[step]
        if target[last] != source[last]:
            target[last] = source[last]
    except (LookupError, TypeError):  # the two readings are built differently there
        return
