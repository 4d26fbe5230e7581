"""Which schemas apply to which part of a value: the applicators of a schema, as facts.

JSON Schema 2020-12 (core), section 10, with the keywords that OpenAPI 3.0 has of them. What
`$ref` and `allOf` join is taken as one, since all of it holds of the same value. `not`,
`contains`, `propertyNames` and the condition of `if` say nothing about what a value means, so
nothing is read off them; nor off `unevaluatedProperties` and `unevaluatedItems`, where only the
engine knows what they apply to. A dynamic reference is read as a `$ref`. No value is looked at
here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from brrt.errors import SpecError
from brrt.openapi.dialects import Dialect, dialect_of
from brrt.openapi.discriminators import (
    Cases,
    Discriminator,
    family_cases,
    read_discriminator,
    union_cases,
)
from brrt.openapi.document import Key, Node
from brrt.openapi.families import Families
from brrt.openapi.json_values import is_list, is_mapping, mapping

# The keyword of a choice that no keyword makes.
FAMILY = "discriminator"
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
# What may stand beside a `$ref` that is nothing but one.
_SAYS_NOTHING = frozenset({"$ref", "description", "summary", "title"})


@dataclass(frozen=True, slots=True)
class Rest:
    """What one schema says about properties that it does not know by name.

    A name that is in `known` or matches a pattern is not an additional one.
    """

    known: frozenset[str]
    patterns: tuple[tuple[str, Node], ...]
    additional: Node | None


@dataclass(frozen=True, slots=True)
class Items:
    """What one schema says about the elements of an array: the first ones, and all others."""

    prefix: tuple[Node, ...]
    rest: Node | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A `oneOf` or `anyOf`; or the schemas that extend a parent, which only the tag can choose.

    `named` leads from the values of the property `tag` to branches, several where these do not
    differ; `other` is the branch of all values that are not named (3.2, `defaultMapping`).
    """

    keyword: str
    branches: tuple[Node, ...]
    tag: str | None
    named: Mapping[str, tuple[int, ...]]
    other: int | None


@dataclass(frozen=True, slots=True)
class Condition:
    """An `if` and its two branches."""

    test: Node
    then: Node | None
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Applicators:
    """All that apply at one place: each entry comes from one of the schemas joined there."""

    properties: Mapping[str, tuple[Node, ...]]
    rests: tuple[Rest, ...]
    arrays: tuple[Items, ...]
    choices: tuple[Choice, ...]
    conditions: tuple[Condition, ...]
    dependents: tuple[tuple[str, Node], ...]

    def below(self) -> Iterator[Node]:
        """The schemas of properties and elements."""
        for nodes in self.properties.values():
            yield from nodes
        for rest in self.rests:
            yield from (node for _, node in rest.patterns)
            if rest.additional is not None:
                yield rest.additional
        for items in self.arrays:
            yield from items.prefix
            if items.rest is not None:
                yield items.rest

    def in_place(self) -> Iterator[Node]:
        """The branches, which may apply to the value itself."""
        for choice in self.choices:
            yield from choice.branches
        for condition in self.conditions:
            yield from (one for one in (condition.then, condition.otherwise) if one is not None)
        yield from (node for _, node in self.dependents)


def joined(node: Node) -> list[Node]:
    """The schema and those that it joins by `$ref` and `allOf`.

    Outer ones stand before inner ones, and later ones of `allOf` before those they extend.
    Nothing beside a `$ref` counts in 3.0 (3.0.4, section 4.7.23) and up to draft 7.
    """
    found, seen, waiting = list[Node](), set[Key](), [node]
    while waiting:
        one = waiting.pop()
        if one.key in seen or not is_mapping(one.value):
            continue
        seen.add(one.key)
        if _has_siblings(one):
            found.append(one)
        waiting.extend(_direct(one))
    return found


def home(node: Node) -> Node:
    """The schema that a bare `$ref` leads to, or the node itself; `load` has refused circles."""
    while isinstance(mapping(node.value).get("$ref"), str):
        if node.value.keys() - _SAYS_NOTHING and _has_siblings(node):
            break
        node = node.document.resolve(node.value["$ref"], node.document.base(node))
    return node


def applicators(parts: list[Node]) -> Applicators:
    """What applies where these schemas, which `joined` gave, hold."""
    spoken = [(part, dialect_of(part)) for part in parts]
    properties: dict[str, tuple[Node, ...]] = {}
    for part in parts:
        for name, node in _members(part, "properties"):
            properties[name] = (*properties.get(name, ()), node)
    return Applicators(
        properties=properties,
        rests=tuple(rest for part in spoken for rest in _rests(*part)),
        arrays=tuple(items for part in spoken for items in _arrays(*part)),
        choices=tuple(choice for part in parts for choice in _choices(part)),
        conditions=tuple(one for part in spoken for one in _conditions(*part)),
        dependents=tuple(pair for part in spoken for pair in _dependents(*part)),
    )


def family(parent: Node, families: Families) -> Choice | None:
    """The schemas that extend a parent with a discriminator, unless it has a union as well."""
    found = read_discriminator(parent.value, parent.document.version)
    children = families.descendants(parent)
    if found is None or not children or "oneOf" in parent or "anyOf" in parent:
        return None
    cases = family_cases(families, found, parent)
    return _choice(FAMILY, tuple(children.values()), found, cases)


def _has_siblings(node: Node) -> bool:
    return "$ref" not in node or dialect_of(node).siblings


def _direct(node: Node) -> Iterator[Node]:
    for keyword in _REFERENCES:
        reference = node.value.get(keyword)
        if isinstance(reference, str) and keyword in ("$ref", dialect_of(node).dynamic):
            yield _resolve(node, reference)
    if _has_siblings(node):
        yield from _branches(node, "allOf")


def _resolve(node: Node, reference: str) -> Node:
    """Raises `SpecError` for a dynamic reference that leads nowhere; `load` looks at others."""
    try:
        return node.document.resolve(reference, node.document.base(node))
    except LookupError as error:
        cure = getattr(error, "cure", "") or "mend the reference"
        raise SpecError([node.fault(str(error), cure)]) from None


def _members(node: Node, keyword: str) -> Iterator[tuple[str, Node]]:
    inner = node.get(keyword)
    if inner is not None:
        yield from inner.items()


def _branches(node: Node, keyword: str) -> tuple[Node, ...]:
    inner = node.get(keyword)
    return tuple(inner.elements()) if inner is not None else ()


def _rests(node: Node, dialect: Dialect) -> Iterator[Rest]:
    additional = node.get("additionalProperties")
    has_patterns = "patternProperties" in dialect.maps
    patterns = tuple(_members(node, "patternProperties")) if has_patterns else ()
    if patterns or additional is not None:
        known = frozenset(mapping(node.value.get("properties")))
        yield Rest(known, patterns, additional)


def _arrays(node: Node, dialect: Dialect) -> Iterator[Items]:
    """A tuple is `prefixItems` and `items`, up to 2019-09 `items` and `additionalItems`."""
    prefix = _branches(node, "prefixItems") if "prefixItems" in dialect.lists else ()
    rest = node.get("items")
    if is_list(node.value.get("items")):
        prefix, rest = _branches(node, "items"), node.get("additionalItems")
    if prefix or rest is not None:
        yield Items(prefix, rest)


def _conditions(node: Node, dialect: Dialect) -> Iterator[Condition]:
    test = node.get("if")
    if test is not None and "if" in dialect.schemas:
        yield Condition(test, node.get("then"), node.get("else"))


def _dependents(node: Node, dialect: Dialect) -> Iterator[tuple[str, Node]]:
    for keyword in ("dependentSchemas", "dependencies"):
        if keyword in dialect.maps:
            yield from _members(node, keyword)


def _choices(node: Node) -> Iterator[Choice]:
    found = read_discriminator(node.value, node.document.version)
    for keyword in ("oneOf", "anyOf"):
        branches = _branches(node, keyword)
        if not branches:
            continue
        if found is None:
            yield Choice(keyword, branches, None, {}, None)
            continue
        base = node.document.base(node)
        cases = union_cases(node.document, found, [(one.value, base) for one in branches], base)
        yield _choice(keyword, branches, found, cases)
        found = None  # one discriminator chooses in one union


def _choice(keyword: str, branches: tuple[Node, ...], found: Discriminator, cases: Cases) -> Choice:
    named = {tag: where for tags, where in cases.chosen for tag in tags if isinstance(tag, str)}
    return Choice(keyword, branches, found.property, named, cases.default)
