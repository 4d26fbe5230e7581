"""Which branch of a union a value means: the tags of a Discriminator Object.

The specification calls it a hint that does not change what is valid (3.0.4, section 4.7.25;
3.1.1, 4.8.25; 3.2.0, 4.25), and says that validation should fail where no schema can be found
for a tag. Where a tag is known, its branch alone decides and gives the errors: a value that two
branches of a `oneOf` accept is the one that it says it is. So it is too for openapi-core 0.23.

A branch is known by the keys of `mapping`; by its name, the last segment of its `$ref`; and by
the constants that it allows for the property, since a document that writes `const: cat` in `Cat`
means them. A branch that has none of these cannot be chosen. A `mapping` that leads to no branch
chooses nothing: the union decides as if there were no discriminator.

A parent is extended by components with `allOf`. Those are no branches: "validation with the
parent schema with this form of `discriminator` _does not_ perform a search for child schemas or
use them in validation in any way", say the same sections, though 3.0.3 and 3.1.0 did not. So a
value is held to the parent alone, whatever its tag, as it is by openapi-core; and no defaults of
a child are filled in. What the tags of a family mean is still asked where nothing is validated:
which class a value becomes, and what has to be kept secret or taken out of a response.

Here tags are found, and the schemas of 2020-12 written that choose among the branches of a union.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urldefrag

from brrt.openapi.constants import Branch, tag_constants
from brrt.openapi.document import Document, Key, Node
from brrt.openapi.families import Families
from brrt.openapi.json_values import mapping, split_pointer


@dataclass(frozen=True, slots=True)
class Discriminator:
    """A Discriminator Object. `default` is `defaultMapping`, which 3.2 brings."""

    property: str
    mapping: Mapping[str, str]
    default: str | None


@dataclass(frozen=True, slots=True)
class Cases:
    """What the tags of a union, or of a family, choose.

    `chosen` pairs tags with the places of the branches that they choose, which are several
    where constants are ambiguous; `default` is the branch for all other values.
    """

    chosen: tuple[tuple[tuple[Any, ...], tuple[int, ...]], ...]
    default: int | None

    @property
    def tags(self) -> list[Any]:
        """All tags that choose something."""
        return [tag for tags, _ in self.chosen for tag in tags]


@dataclass(frozen=True, slots=True)
class UnionCases(Cases):
    """What the tags of a union choose.

    `offered` are those that a message lists; `is_complete` says whether every branch can be
    chosen.
    """

    offered: tuple[Any, ...]
    is_complete: bool


def read_discriminator(schema: Mapping[str, Any], version: tuple[int, int]) -> Discriminator | None:
    """The discriminator of a schema, if it has one that says anything."""
    entry = mapping(schema.get("discriminator"))
    name, default = entry.get("propertyName"), entry.get("defaultMapping")
    if not isinstance(name, str):
        return None
    pairs = mapping(entry.get("mapping")).items()
    targets = {tag: target for tag, target in pairs if isinstance(target, str)}
    known = isinstance(default, str) and version >= (3, 2)
    return Discriminator(name, targets, default if known else None)


def named_schema(document: Document, text: str, base: str) -> Node | None:
    """The schema that a mapping means: the name of a component before a URI reference.

    OpenAPI 3.1.1, section 4.8.25.3, recommends this order. None where there is no such schema.
    """
    components = document.root.get("components")
    schemas = components.get("schemas") if components is not None else None
    named = schemas.get(text) if schemas is not None else None
    if named is not None:
        return named
    try:
        return document.resolve(text, base)
    except LookupError:
        return None


def union_cases(
    document: Document, found: Discriminator, branches: list[Branch], base: str
) -> UnionCases:
    """The tags of the branches of a `oneOf` or `anyOf`; `base` is that of the union."""
    places = _Places(document, branches)
    everything = tuple(range(len(branches)))
    table = _Table()
    for tag, target in found.mapping.items():
        place = places.find(named_schema(document, target, base))
        table.put(tag, everything if place is None else (place,), offered=place is not None)
    mapped = {place for place in table.places if len(place) == 1}
    constants = [tag_constants(document, one, found.property) for one in branches]
    for place, name in enumerate(places.names):
        if name is not None:
            is_offered = (place,) not in mapped and constants[place] is None
            table.put(name, (place,), offered=is_offered)
    for place, values in enumerate(constants):
        for value in values or ():
            table.add(value, place, offered=(place,) not in mapped)
    chosen = table.chosen()
    known = {place for _, where in chosen for place in where}
    default = named_schema(document, found.default, base) if found.default else None
    is_complete = known.issuperset(everything)
    return UnionCases(chosen, places.find(default), table.offered, is_complete)


def family_cases(families: Families, found: Discriminator, parent: Node) -> Cases:
    """The tags of the schemas that extend a parent; the parent's own choose no branch."""
    document = parent.document
    base, children = document.base(parent), families.descendants(parent)
    places = {child.key: place for place, child in enumerate(children.values())}

    def find(text: str) -> int | None:
        node = named_schema(document, text, base)
        return places.get(node.key, places.get(node.follow().key)) if node is not None else None

    table = _Table()
    for tag, target in found.mapping.items():
        place = find(target)
        table.put(tag, () if place is None else (place,))
    for name in (_last_name(parent.pointer), *families.namesakes(parent)):
        table.put(name, ())
    for place, (name, child) in enumerate(children.items()):
        branch = child.value, document.base(child)
        values = tag_constants(document, branch, found.property, parent.key)
        table.put(name, (place,))
        for value in values or ():
            table.add(value, place)
    return Cases(table.chosen(), find(found.default) if found.default is not None else None)


def steps(
    found: Discriminator, cases: Cases, targets: list[Any], keyword: str, last: Any
) -> list[Any]:
    """One condition for each tag, and what is to be where the tag is none of them.

    `targets` are the translated branches of a union with this keyword.
    """
    made = list[Any]()
    for tags, where in cases.chosen:
        chosen = [targets[place] for place in where]
        if chosen:
            then = chosen[0] if len(chosen) == 1 else {keyword: chosen}
            made.append({"if": _is_tagged(found, tags), "then": then})
    if cases.default is not None:
        last = targets[cases.default]
    if last is not True:
        made.append({"if": _is_tagged(found, cases.tags), "else": last})
    return made


def _is_tagged(found: Discriminator, tags: Any) -> dict[str, Any]:
    return {"properties": {found.property: {"enum": list(tags)}}, "required": [found.property]}


def offer(found: Discriminator, cases: UnionCases) -> dict[str, Any]:
    """What fails for an unknown tag, or without one, and says which ones there are."""
    return _is_tagged(found, cases.offered)


class _Table:
    """Tags, in the order in which they came, and what each chooses."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Any, tuple[int, ...]]] = {}
        self._fixed: set[str] = set()
        self._offered: dict[str, Any] = {}

    @property
    def places(self) -> set[tuple[int, ...]]:
        return {where for _, where in self._rows.values()}

    @property
    def offered(self) -> tuple[Any, ...]:
        return tuple(self._offered.values())

    def put(self, tag: Any, where: tuple[int, ...], *, offered: bool = True) -> None:
        """Say what a tag chooses, unless that was said before."""
        key = json.dumps(tag)
        if key not in self._rows:
            self._rows[key] = tag, where
            self._fixed.add(key)
            if offered:
                self._offered[key] = tag

    def add(self, tag: Any, place: int, *, offered: bool = True) -> None:
        """One more branch that a tag may choose, unless it was put before."""
        key = json.dumps(tag)
        if key in self._fixed:
            if offered and self._rows[key][1] == (place,):
                self._offered[key] = tag
            return
        where = self._rows[key][1] if key in self._rows else ()
        self._rows[key] = tag, (*where, place)
        if offered:
            self._offered[key] = tag

    def chosen(self) -> tuple[tuple[tuple[Any, ...], tuple[int, ...]], ...]:
        groups: dict[tuple[int, ...], list[Any]] = {}
        for tag, where in self._rows.values():
            groups.setdefault(where, []).append(tag)
        return tuple((tuple(tags), where) for where, tags in groups.items())


class _Places:
    """The branches of a union by what they refer to and by their names."""

    def __init__(self, document: Document, branches: Iterable[Branch]) -> None:
        self._places: dict[Key, int] = {}
        self.names: list[str | None] = []
        for place, (schema, base) in enumerate(branches):
            reference = mapping(schema).get("$ref")
            name = None
            if isinstance(reference, str):
                node = document.resolve(reference, base)
                self._places.setdefault(node.key, place)
                self._places.setdefault(node.follow().key, place)
                name = _name_of(reference)
            self.names.append(name)

    def find(self, node: Node | None) -> int | None:
        if node is None:
            return None
        place = self._places.get(node.key)
        return self._places.get(node.follow().key) if place is None else place


def _name_of(reference: str) -> str:
    """The last segment of a `$ref`: of its pointer, or else of its file without the suffix."""
    resource, fragment = urldefrag(reference)
    return _last_name(unquote(fragment)) if fragment else PurePosixPath(unquote(resource)).stem


def _last_name(pointer: str) -> str:
    return split_pointer(pointer)[-1] if "/" in pointer else pointer
