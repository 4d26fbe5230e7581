"""Objects in the brackets of a query: style deepObject.

OpenAPI leaves nesting and arrays open; the rule here is that of the class `_Deep`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from brrt.openapi.layouts import Layout, PairsDecoder, one_item, several
from brrt.openapi.shapes import ANYTHING, MISSING, Shape
from brrt.openapi.wire import Excessive, Pairs, decode_query

MAX_DEPTH: Final = 16  # brackets after a deepObject name; the `qs` of Express stops at 5

_INDEX: Final = re.compile("[0-9]*").fullmatch  # or empty brackets
_BRACKETS: Final = re.compile(r"\[[^\[\]]*\]").findall


@dataclass(slots=True)
class _Branch:
    """The texts sent for one bracketed name, and what was sent for names below it."""

    texts: list[str] = field(default_factory=list[str])
    below: dict[str, "_Branch"] = field(default_factory=dict[str, "_Branch"])


class _Deep:
    """Reads a branch as its shape says.

    The rule, as OpenAPI leaves it open: `a[b]=1` is a member. An array comes as `a[b]=1&a[b]=2`,
    as `a[b][]=1&a[b][]=2` or with indexes, which give the order and may have holes. Brackets
    that are all empty or indexes are an array only where the shape allows one or says nothing.
    What has a text of its own beside members keeps it under the name "".
    """

    def __init__(self, shape: Shape, built: dict[int, "_Deep"]) -> None:
        """`built` holds the readers of shapes so far: a recursive schema shares its parts."""
        built[id(shape)] = self

        def reader(one: Shape | None) -> _Deep | None:
            return (built.get(id(one)) or _Deep(one, built)) if one is not None else None

        self._types = shape.types
        self._texts = several(shape, Layout(",", True, decode_query))
        self._item = one_item(shape, decode_query)
        self._items = reader(shape.items)
        self._known = {name: reader(one) for name, one in shape.properties.items()}
        self._other = reader(shape.additional)

    def read(self, branch: _Branch) -> Any:
        if not branch.below:
            return self._texts(branch.texts)
        may_be_array = "array" in self._types or not self._types
        if may_be_array and all(map(_INDEX, branch.below)):
            return list(self._read_items(branch))
        members = {
            name: (self._known.get(name) or self._other or _DEEP_ANYTHING).read(below)
            for name, below in branch.below.items()
        }
        return {"": self._texts(branch.texts), **members} if branch.texts else members

    def _read_items(self, branch: _Branch) -> Iterable[Any]:
        yield from map(self._item, branch.texts)
        for name in sorted(branch.below, key=_index_order):
            below = branch.below[name]
            if not name:
                yield from map(self._item, below.texts)
                below = _Branch([], below.below)
            if below.texts or below.below:
                yield (self._items or _DEEP_ANYTHING).read(below)


_DEEP_ANYTHING: Final = _Deep(ANYTHING, {})


def _index_order(name: str) -> tuple[bool, int, str]:
    """Empty brackets, then digits by value, without making numbers of them."""
    digits = name.lstrip("0")
    return bool(name), len(digits), digits


def deep_object(name: str, shape: Shape) -> PairsDecoder:
    """Decode one parameter from all names that begin with its own and a bracket."""
    reader = _Deep(shape, {})
    prefix = name + "["

    def deep(pairs: Pairs) -> Any:
        root = _Branch()
        for key, texts in pairs.items():
            if key.startswith(prefix):
                _grow(root, key[len(name) :], texts)
        return reader.read(root) if root.below else MISSING

    return deep


def is_below(name: str, key: str) -> bool:
    """Whether a key is a name with brackets behind it, and nothing else."""
    brackets = key[len(name) :]
    return key.startswith(name + "[") and "".join(_BRACKETS(brackets)) == brackets


def _grow(root: _Branch, brackets: str, texts: list[str]) -> None:
    """Add what was sent for `[a][b]`; a name with other characters between is not ours."""
    names = _BRACKETS(brackets)
    if "".join(names) != brackets:
        return
    if len(names) > MAX_DEPTH:
        raise Excessive("levels of brackets", MAX_DEPTH)
    branch = root
    for name in names:
        branch = branch.below.setdefault(name[1:-1], _Branch())
    branch.texts += texts
