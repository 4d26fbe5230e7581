"""Which branch of a union a value means: the tags of a Discriminator Object.

The specification calls it a hint that does not change what is valid (3.0.4, section 4.7.25;
3.1.1, 4.8.25; 3.2.0, 4.25), and says that validation should fail where no schema can be found
for a tag. Where a tag is known, its branch alone decides and gives the errors: a value that two
branches of a `oneOf` accept is the one that it says it is. So it is too for openapi-core 0.23.

A branch is known by the keys of `mapping`; by its name, the last segment of its `$ref`; and by
the constants that it allows for the property, since a document that writes `const: cat` in `Cat`
means them. A branch that has none of these cannot be chosen. A `mapping` that leads to no branch
chooses nothing: the union decides as if there were no discriminator.

A parent is extended by components with `allOf`. Its current text says that validation with the
parent does not look for the children, those of 3.0.3 and 3.1.0 that the child is to be used. We
do the latter: a tag that names a child is held to the child. A tag that names none is refused,
unless the parent has constants of its own; a missing one is left to the parent's `required`.

Here tags are found, and the schemas of 2020-12 written that choose by them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urldefrag

from brrt.openapi.constants import Branch, tag_constants
from brrt.openapi.document import Document, Node
from brrt.openapi.families import Families
from brrt.openapi.json_values import mapping, split_pointer

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Discriminator:
    """A Discriminator Object. `default` is `defaultMapping`, which 3.2 brings."""

    property: str
    mapping: Mapping[str, str]
    default: str | None


@dataclass(frozen=True, slots=True)
class Cases:
    """What the tags of a union choose.

    `chosen` pairs tags with the places of the branches that they choose, which are several
    where constants are ambiguous; `offered` are the tags that a message lists; `is_complete`
    says whether every branch can be chosen; `default` is the branch for all other values.
    """

    chosen: tuple[tuple[tuple[Any, ...], tuple[int, ...]], ...]
    offered: tuple[Any, ...]
    is_complete: bool
    default: int | None

    @property
    def tags(self) -> list[Any]:
        """All tags that choose something."""
        return [tag for tags, _ in self.chosen for tag in tags]


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
) -> Cases:
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
    return Cases(chosen, table.offered, known.issuperset(everything), places.find(default))


def family_cases(families: Families, found: Discriminator, parent: Node) -> Cases:
    """The tags of the schemas that extend a parent; the parent's own choose no branch."""
    document = parent.document
    base, children = document.base(parent), families.descendants(parent)
    places = {_key(child): place for place, child in enumerate(children.values())}

    def find(text: str) -> int | None:
        node = named_schema(document, text, base)
        return places.get(_key(node), places.get(_key(node.follow()))) if node is not None else None

    table = _Table()
    for tag, target in found.mapping.items():
        place = find(target)
        table.put(tag, () if place is None else (place,))
    mapped = {place for place in table.places if place}
    for name in (_last_name(parent.pointer), *families.namesakes(parent)):
        table.put(name, (), offered=False)
    for place, (name, child) in enumerate(children.items()):
        branch = child.value, document.base(child)
        values = tag_constants(document, branch, found.property, _key(parent))
        table.put(name, (place,), offered=(place,) not in mapped and values is None)
        for value in values or ():
            table.add(value, place, offered=(place,) not in mapped)
    own = tag_constants(document, (parent.value, base), found.property)
    default = find(found.default) if found.default is not None else None
    return Cases(table.chosen(), table.offered, own is None, default)


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


def offer(found: Discriminator, cases: Cases, *, is_required: bool) -> dict[str, Any]:
    """What fails for an unknown tag, and says which ones there are."""
    made: dict[str, Any] = {"properties": {found.property: {"enum": list(cases.offered)}}}
    return {**made, "required": [found.property]} if is_required else made


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

    def add(self, tag: Any, place: int, *, offered: bool) -> None:
        """One more branch that a tag may choose, unless it was put before."""
        key = json.dumps(tag)
        if key in self._fixed:
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
                self._places.setdefault(_key(node), place)
                self._places.setdefault(_key(node.follow()), place)
                name = _name_of(reference)
            self.names.append(name)

    def find(self, node: Node | None) -> int | None:
        if node is None:
            return None
        place = self._places.get(_key(node))
        return self._places.get(_key(node.follow())) if place is None else place


def _name_of(reference: str) -> str:
    """The last segment of a `$ref`: of its pointer, or else of its file without the suffix."""
    resource, fragment = urldefrag(reference)
    return _last_name(unquote(fragment)) if fragment else PurePosixPath(unquote(resource)).stem


def _last_name(pointer: str) -> str:
    return split_pointer(pointer)[-1] if "/" in pointer else pointer


def _key(node: Node) -> Key:
    return node.uri, node.pointer
