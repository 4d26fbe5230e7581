"""A value rewritten where its schemas say so: the compiled half of `fillings`.

A `Place` is what is to be done with a value that stands at one schema. Nothing given is ever
changed: what changes is copied first, level by level, and the rest is shared. Each step takes
the value as rewritten so far and the value as it was sent; only what was sent is descended into,
which is why every walk ends. No schema is read here, and nothing is decided but what depends
on the value.

Two calls of Python for each level of a value, four where it goes through a branch: what is
nested beyond some 200 levels raises RecursionError.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from brrt.openapi.json_values import is_list, is_mapping

Run = Callable[[Any, Any], Any]
Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Default:
    """What a missing property gets; `copy` makes a new one of what can be changed."""

    name: str
    value: Any
    copy: Callable[[Any], Any] | None


@dataclass(slots=True)
class Place:
    """What happens to a value at one schema, and to what is inside it.

    `hidden` are properties to be taken out, `defaults` properties to be filled in.
    """

    members: list[tuple[str, Run]] = field(default_factory=list[tuple[str, Run]])
    rests: list[Run] = field(default_factory=list[Run])
    arrays: list[Run] = field(default_factory=list[Run])
    hidden: tuple[str, ...] = ()
    defaults: list[Default] = field(default_factory=list[Default])
    branches: list[Run] = field(default_factory=list[Run])

    def run(self, value: Any, sent: Any) -> Any:
        """The value rewritten; the value itself where there was nothing to do."""
        result: Any = value
        if is_mapping(value):
            result = self._own(self._inner(value, sent))
        elif isinstance(value, (list, tuple)):
            for rewrite in self.arrays:
                result = rewrite(result, sent)
        for rewrite in self.branches:
            result = rewrite(result, sent)
        return result

    def _inner(self, value: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        result = value
        for name, rewrite in self.members:
            if name in sent and name in value:
                old = value[name]
                new = rewrite(old, old)
                if new is not old:
                    if result is value:
                        result = dict(value)
                    result[name] = new
        for rewrite in self.rests:
            result = rewrite(result, sent)
        return result

    def _own(self, value: dict[str, Any]) -> dict[str, Any]:
        result = value
        for name in self.hidden:
            if name in result:
                if result is value:
                    result = dict(value)
                del result[name]
        for one in self.defaults:
            if one.name not in result:
                if result is value:
                    result = dict(value)
                result[one.name] = one.value if one.copy is None else one.copy(one.value)
        return result


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What happens to a property or an element: it is taken out, or rewritten, or neither."""

    hides: bool
    run: Run | None


@dataclass(frozen=True, slots=True)
class RestRewriting:
    """Properties by pattern, and those that neither a name nor a pattern knows."""

    known: frozenset[str]
    patterns: tuple[tuple[Test, Rewriting], ...]
    additional: Rewriting

    def run(self, value: dict[str, Any], sent: Any) -> dict[str, Any]:
        """The object with its properties rewritten."""
        result = value
        for name, old in value.items():
            if name not in sent:
                continue
            hides, new = self._property(name, old)
            if hides or new is not old:
                if result is value:
                    result = dict(value)
                if hides:
                    del result[name]
                else:
                    result[name] = new
        return result

    def _property(self, name: str, value: Any) -> tuple[bool, Any]:
        matching = [one for matches, one in self.patterns if matches(name)]
        if not matching and name not in self.known:
            matching = [self.additional]
        for one in matching:
            if one.run is not None:
                value = one.run(value, value)
        return any(one.hides for one in matching), value


@dataclass(frozen=True, slots=True)
class ItemsRewriting:
    """The elements of an array: the first ones by place, then all others alike."""

    prefix: tuple[Run | None, ...]
    rest: Run | None

    def run(self, value: Any, sent: Any) -> Any:
        """The array with its elements rewritten."""
        result = value
        first = len(self.prefix)
        for index, old in enumerate(value):
            rewrite = self.prefix[index] if index < first else self.rest
            new = old if rewrite is None else rewrite(old, old)
            if new is not old:
                if result is value:
                    result = list(value)
                result[index] = new
        return result


@dataclass(frozen=True, slots=True)
class Tag:
    """A discriminator: the property that says which branch is meant.

    A tuple holds all that are meant, even those that have nothing to do; an empty one says that
    none is. `other` is for all values that `branches` do not know.
    """

    name: str
    branches: Mapping[str, tuple[Run | None, ...]]
    other: tuple[Run | None, ...]

    def find(self, value: Any) -> tuple[Run | None, ...]:
        """The branch of a value, if one is meant."""
        if not is_mapping(value):
            return ()
        word = value.get(self.name)
        return self.branches.get(word, self.other) if isinstance(word, str) else self.other


@dataclass(frozen=True, slots=True)
class ValidBranches:
    """All branches that the value is valid in; a tag decides before that."""

    tag: Tag | None
    branches: tuple[tuple[Test, Run], ...]

    def run(self, value: Any, sent: Any) -> Any:
        """The value as its branches rewrite it."""
        chosen = self.tag.find(value) if self.tag is not None else ()
        if not chosen:
            chosen = tuple(run for is_valid, run in self.branches if is_valid(value))
        return _through(chosen, value, sent)


@dataclass(frozen=True, slots=True)
class EveryBranch:
    """Every branch that the value is valid in when it is rewritten; where there is none, all.

    Which branch is meant cannot be asked before: what has to go makes the value invalid in it.
    """

    tag: Tag | None
    branches: tuple[tuple[Test, Run | None], ...]

    def run(self, value: Any, sent: Any) -> Any:
        """The value as its branches rewrite it."""
        chosen = self.tag.find(value) if self.tag is not None else ()
        if chosen:
            return _through(chosen, value, sent)
        valid = False
        for is_valid, run in self.branches:
            candidate = value if run is None else run(value, sent)
            if is_valid(candidate):
                valid, value = True, candidate
        return value if valid else _through((run for _, run in self.branches), value, sent)


@dataclass(frozen=True, slots=True)
class TestedBranch:
    """One of two branches: by a schema, or by the presence of a property."""

    test: Test
    then: Run | None
    otherwise: Run | None

    def run(self, value: Any, sent: Any) -> Any:
        """The value as its branch rewrites it."""
        run = self.then if self.test(value) else self.otherwise
        return value if run is None else run(value, sent)


def _through(runs: Iterable[Run | None], value: Any, sent: Any) -> Any:
    for run in runs:
        if run is not None:
            value = run(value, sent)
    return value


def in_turn(runs: list[Run]) -> Run:
    """Several steps as one."""
    if len(runs) == 1:
        return runs[0]
    steps = tuple(runs)
    return lambda value, sent: _through(steps, value, sent)


def has_property(name: str) -> Test:
    """Whether a value is an object with this property."""
    return lambda value: isinstance(value, dict) and name in value


def copier(value: Any) -> Callable[[Any], Any] | None:
    """How a value is copied so that nobody can change the original; None for what nobody can."""
    if is_mapping(value):
        return _copy if any(map(_is_container, value.values())) else dict
    if is_list(value):
        return _copy if any(map(_is_container, value)) else list
    return None


def _is_container(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _copy(value: Any) -> Any:
    if is_mapping(value):
        return {name: _copy(one) for name, one in value.items()}
    return [_copy(one) for one in value] if is_list(value) else value
