"""One walk over everything that has a meaning, by one table of what may stand where.

The table says which fields of which object hold which objects, so a property that is called
`$ref`, or a `$ref` inside an example, is never taken for a reference. The walk follows every
reference into the `$ref` closure, sees each object once, and uses no recursion. It finds; it
judges only references. Rules about what is found are in `checks` and `schema_checks`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from brrt.openapi.json_values import is_list, is_mapping, mapping, split_pointer
from brrt.openapi.references import Unresolvable
from brrt.openapi.rules import Findings
from brrt.openapi.spots import METHODS_32, Guide, Spot, Trail, pointer_of

# The kinds, and their fields by shape: "one" object, a "list" or a "map" of them, or
# "patterned": the object itself is a map whose keys other than x-... lead to that kind.
_Fields = dict[str, tuple[str, str]]
_MEDIA: _Fields = {
    "schema": ("one", "schema"),
    "itemSchema": ("one", "schema"),
    "examples": ("map", "example"),
    "encoding": ("map", "encoding"),
    "prefixEncoding": ("list", "encoding"),
    "itemEncoding": ("one", "encoding"),
}
_PARAMETER: _Fields = {
    "schema": ("one", "schema"),
    "content": ("map", "media type"),
    "examples": ("map", "example"),
}
_SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SCHEMA_ONES = [
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "additionalItems",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
]
FIELDS: dict[str, _Fields] = {
    "document": {
        "paths": ("patterned", "path item"),
        "webhooks": ("map", "path item"),
        "components": ("one", "components"),
    },
    "components": {
        "schemas": ("map", "schema"),
        "responses": ("map", "response"),
        "parameters": ("map", "parameter"),
        "examples": ("map", "example"),
        "requestBodies": ("map", "request body"),
        "headers": ("map", "header"),
        "securitySchemes": ("map", "security scheme"),
        "links": ("map", "link"),
        "callbacks": ("map", "callback"),
        "pathItems": ("map", "path item"),
        "mediaTypes": ("map", "media type"),
    },
    "path item": {
        **dict.fromkeys(METHODS_32, ("one", "operation")),
        "additionalOperations": ("map", "operation"),
        "parameters": ("list", "parameter"),
    },
    "operation": {
        "parameters": ("list", "parameter"),
        "requestBody": ("one", "request body"),
        "responses": ("patterned", "response"),
        "callbacks": ("map", "callback"),
    },
    "parameter": _PARAMETER,
    "header": _PARAMETER,
    "request body": {"content": ("map", "media type")},
    "response": {
        "headers": ("map", "header"),
        "content": ("map", "media type"),
        "links": ("map", "link"),
    },
    "media type": _MEDIA,
    "encoding": {"headers": ("map", "header"), **_MEDIA},
    "callback": {},
    "example": {},
    "link": {},
    "security scheme": {},
    "schema": {
        **dict.fromkeys(_SCHEMA_MAPS, ("map", "schema")),
        **dict.fromkeys(_SCHEMA_LISTS, ("list", "schema")),
        **dict.fromkeys(_SCHEMA_ONES, ("one", "schema")),
    },
}


# The kind of the objects in each section of `components`.
_SECTIONS = {name: kind for name, (_, kind) in FIELDS["components"].items()}


class Place(NamedTuple):
    """An object that has a meaning, and where it stands: a spot with its kind.

    `top` marks a schema that stands outside of other schemas.
    """

    kind: str
    value: Any
    uri: str
    base: str
    trail: Trail
    top: bool

    @property
    def pointer(self) -> str:
        """The JSON pointer of the place."""
        return pointer_of(self.trail)

    @property
    def spot(self) -> Spot:
        """The same without its kind."""
        return Spot(*self[1:])


@dataclass(slots=True)
class Found:
    """What the walk met: the objects of each kind, and what is wrong with the references.

    `entrances` are targets of references that the check of the main document leaves out.
    """

    places: dict[str, list[Place]] = field(default_factory=lambda: {kind: [] for kind in FIELDS})
    entrances: list[Place] = field(default_factory=list[Place])
    findings: Findings = field(default_factory=Findings)


def walk(guide: Guide) -> Found:
    """Visit every object of the document and of the closure of its references.

    Reads the files that references name. References that lead nowhere or in a circle become
    findings.
    """
    walker = _Walker(guide)
    walker.visit(Place("document", *guide.root))
    return walker.found


# References that lead to nothing but the next one. Each place that begins such a chain follows it.
MAX_CHAIN: Final = 100


class _Walker:
    def __init__(self, guide: Guide) -> None:
        self.found = Found()
        self._guide = guide
        self._siblings = guide.version >= (3, 1)
        self._seen: dict[str, set[int]] = {kind: set() for kind in FIELDS}
        self._followed: set[tuple[str, str, str]] = set()
        self._is_long = False  # whether a chain of references was too long

    def visit(self, place: Place) -> None:
        """Walk from this place until nothing new is found."""
        waiting = [place]
        while waiting:
            place = waiting.pop()
            value: Any = place.value
            seen = self._seen[place.kind]
            identity = id(value)
            if identity in seen or not is_mapping(value):
                continue
            seen.add(identity)
            if place.kind == "schema" and ("$id" in value or "id" in value):
                place = place._replace(base=self._guide.closure.base(place.uri, place.pointer))
            self.found.places[place.kind].append(place)
            if "$ref" in value:
                waiting.extend(self._target(place, value["$ref"], ("$ref",)))
                if not self._has_siblings(place.kind):
                    continue
            if place.kind == "schema" and "discriminator" in value:
                waiting.extend(self._mapping(place))
            waiting.extend(reversed(list(_children(place))))

    def _has_siblings(self, kind: str) -> bool:
        """Whether what stands beside `$ref` counts (3.1.1, sections 4.8.9 and 4.8.24)."""
        return kind == "path item" or (self._siblings and kind == "schema")

    def _target(self, place: Place, reference: Any, steps: tuple[str, ...]) -> Iterator[Place]:
        """The place that a reference leads to, if it is good and was not followed before."""
        rule = "reference" if steps == ("$ref",) else "mapping"
        if not isinstance(reference, str):
            message, cure = "$ref must be a string", "write a URI reference"
            self.found.findings.add(rule, message, cure, place, *steps)
            return
        try:
            spot = self._guide.resolve(place.spot, reference)
        except Unresolvable as error:
            self.found.findings.add(rule, error.message, error.cure, place, *steps)
            return
        if not isinstance(spot.value, (dict, bool)):
            message = f"{reference!r} leads to {_article(spot.value)}, not to a {place.kind}"
            self.found.findings.add(rule, message, "refer to an object", place, *steps)
            return
        yield from self._enter(place, spot, reference)

    def _enter(self, place: Place, spot: Spot, reference: str) -> Iterator[Place]:
        key = (place.kind, spot.uri, spot.pointer)
        if key in self._followed:
            return
        self._followed.add(key)
        wrong = self._wrong_chain(spot)
        if wrong:
            message = f"the references from {reference!r} on {wrong}"
            cure = "let one of them be an object"
            self.found.findings.add("reference", message, cure, place, "$ref")
            return
        other = self._other_kind(place.kind, spot)
        if other:
            message = f"{reference!r} leads to a {other}, not to a {place.kind}"
            cure = f"refer to a {place.kind}, or write one here"
            self.found.findings.add("reference", message, cure, place, "$ref")
            return
        target = Place(place.kind, *spot[:4], place.kind == "schema")
        if not self._is_ordinary(place.kind, spot):
            self.found.entrances.append(target)
        yield target

    def _other_kind(self, kind: str, spot: Spot) -> str:
        """The kind of component that stands for a parameter: it has no location and no name."""
        steps = split_pointer(spot.pointer)
        if kind != "parameter" or len(steps) != 3 or spot.uri != self._guide.root.uri:
            return ""
        section = _SECTIONS.get(steps[1], kind) if steps[0] == "components" else kind
        return section if section != kind else ""

    def _is_ordinary(self, kind: str, spot: Spot) -> bool:
        """Whether the check of the whole document looks at a place, and as this kind."""
        if spot.uri != self._guide.root.uri:
            return False
        top, section = [*split_pointer(spot.pointer), "", ""][:2]
        if kind == "parameter":
            return top == "components" and section == "parameters"
        return top in ("paths", "webhooks") or (top == "components" and section in _SECTIONS)

    def _wrong_chain(self, spot: Spot) -> str:
        """What is wrong with references that lead to references; of one that is too long once."""
        seen: set[tuple[str, str]] = set()
        while isinstance(mapping(spot.value).get("$ref"), str):
            key = (spot.uri, spot.pointer)
            if key in seen:
                return "go in a circle"
            if len(seen) == MAX_CHAIN:
                is_first, self._is_long = not self._is_long, True
                return f"are more than {MAX_CHAIN} in a row" if is_first else ""
            seen.add(key)
            try:
                spot = self._guide.resolve(spot, spot.value["$ref"])
            except Unresolvable:
                return ""
        return ""

    def _mapping(self, place: Place) -> Iterator[Place]:
        """The schemas that `discriminator.mapping` names by URI (3.1.1, section 4.8.25)."""
        entries = mapping(mapping(place.value["discriminator"]).get("mapping"))
        components = mapping(mapping(self._guide.root.value).get("components"))
        names = mapping(components.get("schemas"))
        for name, reference in entries.items():
            if isinstance(reference, str) and reference not in names:
                steps = ("discriminator", "mapping", name)
                yield from self._target(place, reference, steps)


def _children(place: Place) -> Iterator[Place]:
    """What stands directly below, in document order."""
    kind, value, uri, base, trail, _ = place
    if kind == "callback":
        yield from _mapped(Place("path item", value, uri, base, trail, False), "x-")
        return
    fields = FIELDS[kind]
    outside = kind != "schema"
    for name, child in value.items():
        if name not in fields:
            continue
        shape, inner = fields[name]
        below = Place(inner, child, uri, base, (trail, name), outside and inner == "schema")
        if is_list(child):
            if shape == "list" or name == "items":
                for index, entry in enumerate(child):
                    yield below._replace(value=entry, trail=(below.trail, index))
        elif shape == "one":
            yield below
        elif shape != "list" and is_mapping(child):
            yield from _mapped(below, "x-" if shape == "patterned" else None)


def _mapped(owner: Place, skipped: str | None) -> Iterator[Place]:
    """The members of a map, all of the kind of `owner`."""
    kind, value, uri, base, trail, top = owner
    for key, entry in value.items():
        if skipped is None or not key.startswith(skipped):
            yield Place(kind, entry, uri, base, (trail, key), top)


def _article(value: Any) -> str:
    names: dict[str, str] = {"list": "a list", "str": "a text", "int": "a number"}
    return names.get(value.__class__.__name__, "nothing that is one")
