"""One walk over everything that has a meaning, by one table of what may stand where.

The table says which fields of which object hold which objects, so a property that is called
`$ref`, or a `$ref` inside an example, is never taken for a reference. The walk follows every
reference into the `$ref` closure, sees each object once, and uses no recursion. It finds; it
judges only references. Rules about what is found are in `checks` and `schema_checks`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from brrt.openapi.references import Closure, Target, Unresolvable
from brrt.openapi.rules import Finding
from brrt.openapi.sources import escape_token, split_pointer

# A path into a resource, as linked pairs, because most are never written out.
Trail = tuple[Any, str | int] | None

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
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SCHEMA_ONES = (
    "items additionalProperties not if then else contains propertyNames additionalItems "
    "unevaluatedItems unevaluatedProperties contentSchema"
).split()
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
        **{method: ("one", "operation") for method in METHODS},
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
        **{name: ("map", "schema") for name in _SCHEMA_MAPS},
        **{name: ("list", "schema") for name in _SCHEMA_LISTS},
        **{name: ("one", "schema") for name in _SCHEMA_ONES},
    },
}


class Place(NamedTuple):
    """An object that has a meaning, and where it stands."""

    kind: str
    value: Any
    uri: str
    trail: Trail
    base: str
    root: bool

    @property
    def pointer(self) -> str:
        """The JSON pointer of the place."""
        return pointer_of(self.trail)


@dataclass(slots=True)
class Found:
    """What the walk met: the objects of each kind, and what is wrong with the references.

    `entrances` are targets of references outside the ordinary parts of the main document.
    """

    places: dict[str, list[Place]] = field(default_factory=lambda: {kind: [] for kind in FIELDS})
    entrances: list[Place] = field(default_factory=list[Place])
    findings: list[Finding] = field(default_factory=list[Finding])


def pointer_of(trail: Trail) -> str:
    """A trail written as a JSON pointer."""
    tokens: list[str] = []
    while trail is not None:
        trail, key = trail
        tokens.append(f"/{escape_token(key)}")
    return "".join(reversed(tokens))


def trail_of(pointer: str) -> Trail:
    """A JSON pointer as a trail."""
    trail: Trail = None
    for token in split_pointer(pointer):
        trail = (trail, token)
    return trail


def walk(closure: Closure, version: tuple[int, int]) -> Found:
    """Visit every object of the document and of the closure of its references.

    Reads the files that references name, through `closure`. References that lead nowhere or
    in a circle become findings.
    """
    walker = _Walker(closure, version)
    main = closure.main
    base = closure.base(main.uri, "")
    walker.visit([Place("document", main.value, main.uri, None, base, False)])
    return walker.found


class _Walker:
    def __init__(self, closure: Closure, version: tuple[int, int]) -> None:
        self.found = Found()
        self._closure = closure
        self._siblings = version >= (3, 1)
        self._seen: dict[str, set[int]] = {kind: set() for kind in FIELDS}
        self._references: dict[tuple[str, str, str], None] = {}

    def visit(self, places: list[Place]) -> None:
        """Walk from these places until nothing new is found."""
        waiting = places[::-1]
        while waiting:
            place = waiting.pop()
            value = place.value
            seen = self._seen[place.kind]
            if type(value) is not dict or id(value) in seen:
                continue
            seen.add(id(value))
            if "$id" in value and place.kind == "schema":
                place = place._replace(base=self._closure.base(place.uri, place.pointer))
            self.found.places[place.kind].append(place)
            if "$ref" in value:
                target = self._follow(place)
                if target is not None:
                    waiting.append(target)
                if not (self._siblings and place.kind == "schema" or place.kind == "path item"):
                    continue
            if place.kind == "schema":
                if "discriminator" in value:
                    waiting.extend(self._mapping(place))
            waiting.extend(reversed(list(_children(place))))

    def _follow(self, place: Place) -> Place | None:
        """The place that a reference leads to, if it is good and was not followed before."""
        reference = place.value["$ref"]
        if not isinstance(reference, str):
            self._report("reference", "$ref must be a string", "write a URI reference", place)
            return None
        target = self._target(place, reference, ("$ref",))
        if target is None:
            return None
        key = (place.kind, target.uri, target.pointer)
        if key in self._references:
            return None
        self._references[key] = None
        if self._circular(target):
            message = f"the references from {reference!r} on go in a circle"
            self._report("reference", message, "let one of them be an object", place)
            return None
        return self._enter(place.kind, target)

    def _enter(self, kind: str, target: Target) -> Place:
        base = self._closure.base(target.uri, target.pointer)
        trail = trail_of(target.pointer)
        place = Place(kind, target.value, target.uri, trail, base, kind == "schema")
        ordinary = target.pointer.startswith(("/components/", "/paths/", "/webhooks/"))
        if not ordinary or target.uri != self._closure.main.uri:
            self.found.entrances.append(place)
        return place

    def _target(self, place: Place, reference: str, steps: tuple[str, ...]) -> Target | None:
        try:
            target = self._closure.resolve(reference, place.base)
        except Unresolvable as error:
            trail = place.trail
            for step in steps:
                trail = (trail, step)
            rule = "reference" if steps == ("$ref",) else "mapping"
            self.found.findings.append(
                Finding(rule, error.message, error.cure, place.uri, pointer_of(trail))
            )
            return None
        if not isinstance(target.value, (dict, bool)):
            message = f"{reference!r} leads to {_article(target.value)}, not to a {place.kind}"
            self._report("reference", message, "refer to an object", place)
            return None
        return target

    def _circular(self, target: Target) -> bool:
        seen: set[tuple[str, str]] = set()
        while isinstance(target.value, dict) and isinstance(target.value.get("$ref"), str):
            if (target.uri, target.pointer) in seen:
                return True
            seen.add((target.uri, target.pointer))
            try:
                base = self._closure.base(target.uri, target.pointer)
                target = self._closure.resolve(target.value["$ref"], base)
            except Unresolvable:
                return False
        return False

    def _mapping(self, place: Place) -> Iterator[Place]:
        """The schemas that `discriminator.mapping` names by URI (OpenAPI 3.1.1, 4.8.25)."""
        discriminator = place.value["discriminator"]
        mapping = discriminator.get("mapping") if isinstance(discriminator, dict) else None
        entries = mapping.items() if isinstance(mapping, dict) else ()
        for name, reference in entries:
            if not isinstance(reference, str) or self._is_name(reference):
                continue
            target = self._target(place, reference, ("discriminator", "mapping", name))
            if target is not None and ("schema", target.uri, target.pointer) not in self._references:
                self._references["schema", target.uri, target.pointer] = None
                yield self._enter("schema", target)

    def _is_name(self, reference: str) -> bool:
        components = self._closure.main.value.get("components")
        schemas = components.get("schemas") if isinstance(components, dict) else None
        return isinstance(schemas, dict) and reference in schemas

    def _report(self, rule: str, message: str, cure: str, place: Place) -> None:
        self.found.findings.append(Finding(rule, message, cure, place.uri, place.pointer))


def _children(place: Place) -> Iterator[Place]:
    """What stands directly below, in document order."""
    kind, value, uri, trail, base, _ = place
    if kind == "callback":
        yield from _mapped("path item", value, uri, trail, base, False, "x-")
        return
    fields = FIELDS[kind]
    outside = kind != "schema"
    for name, child in value.items():
        if name not in fields:
            continue
        shape, inner = fields[name]
        root = outside and inner == "schema"
        below: Trail = (trail, name)
        if shape == "one" and type(child) is not list:
            yield Place(inner, child, uri, below, base, root)
        elif type(child) is dict:
            skip = "x-" if shape == "patterned" else None
            if shape != "list":
                yield from _mapped(inner, child, uri, below, base, root, skip)
        elif type(child) is list and shape != "map":
            for index, entry in enumerate(child):
                yield Place(inner, entry, uri, (below, index), base, root)


def _mapped(
    kind: str, value: dict[str, Any], uri: str, trail: Trail, base: str, root: bool, skip: str | None
) -> Iterable[Place]:
    for key, entry in value.items():
        if skip is None or not key.startswith(skip):
            yield Place(kind, entry, uri, (trail, key), base, root)


def _article(value: Any) -> str:
    names = {list: "a list", str: "a text", int: "a number", float: "a number"}
    return names.get(type(value), "nothing")
