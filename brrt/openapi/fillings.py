"""What becomes of a checked value: defaults filled in coming in, secrets taken out going out.

`filler` and `remover` are compiled when the app is built. Both are one walk over the schemas,
which looks at each schema of a document once for each direction and keeps only those below which
there is something to do. What applies where is read in `applicators`; what is done at run time
stands in `rewriting`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from brrt.openapi.applicators import (
    FAMILY,
    Applicators,
    Choice,
    Rest,
    family,
)
from brrt.openapi.dialects import Direction
from brrt.openapi.document import Document, Key, Node
from brrt.openapi.families import Families
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.places import Compiler, Facts, family_tag, inner_first, tag_of
from brrt.openapi.rewriting import Default, EveryBranch, Place, Run, ValidBranches, copier
from brrt.openapi.schemas import Schemas

# Values that a default may have when the defaults inside it are filled in; a larger one is filled
# in as it is written. Those in published documents have less than 10, but schemas that nest
# `default: {}` twice in each other double at each level.
MAX_DEFAULT_SIZE = 100


def prepare(node: Node, schemas: Schemas, direction: Direction) -> None:
    """Add the schemas that `filler` or `remover` will ask, before anything is compiled.

    They do so themselves, but what is added later makes the engine read all schemas once more.
    """
    _compiler(node, schemas, direction).prepare(node)


def filler(
    node: Node | None, schemas: Schemas, direction: Direction = Direction.REQUEST
) -> Callable[[Any], Any] | None:
    """What fills the defaults into a valid JSON value; None where there are none to fill in.

    The schema was added to `schemas` in this direction. The function returns a new value, or the
    one given where nothing is missing; that is never changed, and defaults are copied.

    Filled in is each missing property that has a `default`, itself or through `$ref` and `allOf`,
    at any depth: in properties, elements, and the branches that apply. Of `oneOf` and `anyOf`
    that is the branch which the discriminator names, or else each one that is valid (JSON Schema
    2020-12, core, section 7.7.1: annotations are collected from all of them). Of
    several defaults for one property, that beside a `$ref` comes before that of the target, the
    schema's own before those in its `allOf`, and there the last one first. A default which is an
    object or array gets the defaults inside it, but where it leads back to itself.

    Not filled in are properties that are `readOnly`, and defaults that their own schema, or
    another one for the same property, refuses (a strict document has none of the former); nor,
    for a parent that others extend by `allOf`, the defaults of those, which are no branches.
    Where the whole value would not be valid any more, it is returned as it was.

    The function raises RecursionError for values nested beyond some 200 levels.
    """
    if node is None:
        return None
    place = _compiler(node, schemas, direction).place(node)
    if place is None:
        return None
    run, is_valid = place.run, schemas.validator(node, direction).is_valid

    def fill(value: Any) -> Any:
        filled = run(value, value)
        if filled is value:
            return value
        return filled if is_valid(filled) else value

    return fill


def remover(node: Node | None, schemas: Schemas) -> Callable[[Any], Any] | None:
    """What takes `writeOnly` properties out of a response; None where there are none.

    OpenAPI 3.0.4, section 4.7.24.1. The schema was added to `schemas` for responses. The function
    takes JSON (dicts, lists or tuples, and scalars: anything else is not looked into) and returns
    a new value, or the one given where nothing is to go; that is never changed.

    A property goes where one of the schemas that apply says so, itself or through `$ref` and
    `allOf`. Of `oneOf` and `anyOf` that is the branch which the discriminator names, or else each
    one in which the rest is valid; a value that is valid in none loses what any of them hides.
    Where others extend a schema by `allOf`, the one goes with it that the discriminator names;
    a value whose tag nobody knows loses what any of them hides, since validation lets it pass.

    The function raises RecursionError for values nested beyond some 200 levels, and ValueError
    for what is not JSON.
    """
    if node is None:
        return None
    place = _compiler(node, schemas, Direction.RESPONSE).place(node)
    if place is None:
        return None
    run = place.run
    return lambda value: run(value, value)


class _RemovingCompiler(Compiler):
    def __init__(self, document: Document, schemas: Schemas) -> None:
        super().__init__(schemas, Direction.RESPONSE)
        self._families = Families(document)

    def applied(self, parts: list[Node]) -> Applicators:
        """The children of a parent as well; but for a child, which has been chosen already."""
        applied = super().applied(parts)
        parents = [part for part in parts if "discriminator" in part]
        others = [one for one in parents if not self._families.extends(parts[0], one)]
        families = tuple(filter(None, (family(one, self._families) for one in others)))
        return replace(applied, choices=(*applied.choices, *families)) if families else applied

    def acts(self, facts: Facts) -> bool:
        rests = facts.applied.rests
        others = [node for rest in rests for _, node in rest.patterns]
        others += [rest.additional for rest in rests if rest.additional is not None]
        return bool(facts.hidden) or self.hides(others)

    def hiding(self, node: Node) -> bool:
        return self.hides([node])

    def compile(self, facts: Facts, place: Place) -> None:
        super().compile(facts, place)
        place.hidden = facts.hidden

    def choice(self, choice: Choice, runs: list[Run | None]) -> Run:
        if choice.keyword == FAMILY:
            return ValidBranches(family_tag(choice, runs), ()).run
        tests = [self.test(one) for one in choice.branches]
        return EveryBranch(tag_of(choice, runs), tuple(zip(tests, runs, strict=True))).run


class _FillingCompiler(Compiler):
    def acts(self, facts: Facts) -> bool:
        return any(True for _ in self._wishes(facts))

    def choice(self, choice: Choice, runs: list[Run | None]) -> Run:
        """Of `oneOf` only one is valid; of `anyOf` an earlier one wins where two speak of one."""
        branches = zip(choice.branches, runs, strict=True)
        tested = tuple((self.test(node), run) for node, run in branches if run is not None)
        return ValidBranches(tag_of(choice, runs), tested).run

    def tested(self, facts: Facts) -> Iterator[Node]:
        yield from super().tested(facts)
        for name, _ in self._wishes(facts):
            yield from facts.applied.properties[name]
        if self.acts(facts):
            for rest in facts.applied.rests:
                yield from (node for _, node in rest.patterns)
                yield from (one for one in (rest.additional,) if one is not None)

    def _wishes(self, facts: Facts) -> Iterator[tuple[str, list[Any]]]:
        """The properties that have defaults, and these: the outermost first."""
        for name, nodes in facts.applied.properties.items():
            parts = (part for node in nodes for part in self.parts(node))
            defaults = [part.value["default"] for part in parts if "default" in part.value]
            if defaults and name not in facts.hidden:
                yield name, defaults

    def finish(self, busy: dict[Key, Facts]) -> None:
        """Plain defaults first, then those that have defaults inside, inner ones before outer.

        A place that is still without its defaults when another needs them is one that leads
        back to itself: there the default stays as it is written.
        """
        ordered = inner_first(busy)
        for nested in (False, True):
            for facts in ordered:
                place = self.places[facts.node.key]
                for name, defaults in self._wishes(facts):
                    runs = self.runs(facts.applied.properties[name])
                    if place is not None and bool(runs) is nested:
                        place.defaults.extend(self._default(facts, name, defaults, runs))

    def _default(
        self, facts: Facts, name: str, defaults: list[Any], runs: list[Run]
    ) -> Iterator[Default]:
        """The first default that every schema of the property accepts; nothing if none is."""
        candidates = (value for written in defaults for value in _candidates(written, runs))
        for value in candidates:
            if self._accepts(facts, name, value):
                yield Default(name, value, copier(value))
                return

    def _accepts(self, facts: Facts, name: str, value: Any) -> bool:
        nodes = [*facts.applied.properties[name], *self._others(facts.applied.rests, name)]
        return all(self.test(node)(value) for node in nodes)

    def _others(self, rests: Iterable[Rest], name: str) -> Iterator[Node]:
        """The schemas that a property has although it is not named there."""
        for rest in rests:
            matching = [node for word, node in rest.patterns if self.schemas.matcher(word)(name)]
            yield from matching
            if not matching and name not in rest.known and rest.additional is not None:
                yield rest.additional


def _compiler(node: Node, schemas: Schemas, direction: Direction) -> Compiler:
    """The one compiler for these schemas and this direction, so that they share their work."""
    made: Compiler | None = schemas.derived.get(direction)
    if made is None:
        if direction is Direction.RESPONSE:
            made = _RemovingCompiler(node.document, schemas)
        else:
            made = _FillingCompiler(schemas, direction)
        schemas.derived[direction] = made
    return made


def _candidates(written: Any, runs: Iterable[Run]) -> Iterator[Any]:
    """A default with the defaults inside it, if it does not become too large; then without."""
    filled = written
    try:
        for run in runs:
            filled = run(filled, filled)
    except RecursionError:  # nested deeper than can be walked
        filled = written
    if filled is not written and _size(filled) <= MAX_DEFAULT_SIZE:
        yield filled
    yield written


def _size(value: Any) -> int:
    """How many values a value holds, itself included."""
    inner = value.values() if is_mapping(value) else value if is_list(value) else ()
    return 1 + sum(map(_size, inner))
