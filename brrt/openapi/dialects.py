"""Schema Objects of 3.0, 3.1 and 3.2 translated to one dialect: JSON Schema 2020-12.

A translation keeps the structure of its source, so that JSON Pointers into the document stay
true; what it adds, it adds at the end of `allOf`. It depends on the direction: a read-only
property has no place in a request, a write-only one none in a response (OpenAPI 3.0.4,
section 4.7.24.1). Annotations are left out, since nothing looks at them.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any
from urllib.parse import urldefrag, urljoin

from brrt.openapi.json_values import elements, is_list, is_mapping, mapping

Reference = Callable[[str, str], str]
Lookup = Callable[[str, str], tuple[Any, str]]


class Direction(Enum):
    """Which way a value travels."""

    REQUEST = "request"
    RESPONSE = "response"


HIDDEN = {Direction.REQUEST: "readOnly", Direction.RESPONSE: "writeOnly"}

# How many steps of `$ref` and `allOf` are taken in search of hidden properties.
MAX_HIDING_DEPTH = 8

# Keywords of the 3.0 dialect (a subset of draft 5), and those which 2020-12 adds.
_VALUES_30 = frozenset(
    [
        "type",
        "enum",
        "multipleOf",
        "maximum",
        "exclusiveMaximum",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
        "pattern",
        "maxItems",
        "minItems",
        "uniqueItems",
        "maxProperties",
        "minProperties",
        "required",
        "format",
    ]
)
_VALUES = _VALUES_30 | frozenset(["const", "maxContains", "minContains", "dependentRequired"])
_SCHEMAS_30 = frozenset({"not", "items", "additionalProperties"})
_SCHEMAS = _SCHEMAS_30 | frozenset(
    ["if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"]
)
_LISTS_30 = frozenset({"allOf", "anyOf", "oneOf"})
_LISTS = _LISTS_30 | frozenset({"prefixItems"})
_MAPS_30 = frozenset({"properties"})
_MAPS = _MAPS_30 | frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})

# OpenAPI Format Registry: these formats bound numbers, which JSON Schema formats cannot.
_INTEGER_RANGES = {
    "int32": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"minimum": -(2**63), "maximum": 2**63 - 1},
}


class Translator:
    """Translates the schemas of one resource for one direction.

    `base` is what references are relative to. `reference` turns a `$ref` into the engine's URI
    (and sees to it that the target is translated as well); `lookup` gives the schema that a
    `$ref` means, and its own base.

    A `$dynamicRef` is read as a `$ref`: which is all it is where nothing overrides its anchor.
    """

    def __init__(
        self,
        version: tuple[int, int],
        direction: Direction,
        base: str,
        reference: Reference,
        lookup: Lookup,
    ) -> None:
        self._base = base
        self._old = version < (3, 1)
        self._hidden = HIDDEN[direction]
        self._reference = reference
        self._lookup = lookup
        self._values = _VALUES_30 if self._old else _VALUES
        self._schemas = _SCHEMAS_30 if self._old else _SCHEMAS
        self._lists = _LISTS_30 if self._old else _LISTS
        self._maps = _MAPS_30 if self._old else _MAPS

    def translate(self, schema: Any, hidden: frozenset[str] = frozenset()) -> Any:
        """The schema in 2020-12. What is not a schema at all accepts everything.

        `hidden` are properties that are hidden by a schema around this one.
        """
        if not is_mapping(schema):
            return schema if isinstance(schema, bool) else True
        if self._old and "$ref" in schema:
            return {"$ref": self._reference(schema["$ref"], self._base)}
        hidden |= self._hidden_names(schema, self._base, MAX_HIDING_DEPTH)
        out = {
            key: self._keyword(key, value, hidden)
            for key, value in schema.items()
            if self._has(key)
        }
        if self._old:
            _modernise(out, schema)
        self._add_constraints(out, schema, hidden)
        return out

    def _translate_inner(self, schema: Any, hidden: frozenset[str] = frozenset()) -> Any:
        """A schema inside another, which may have a base of its own."""
        outer = self._base
        identifier = mapping(schema).get("$id")
        if isinstance(identifier, str) and not self._old:
            self._base = urldefrag(urljoin(outer, identifier))[0]
        try:
            return self.translate(schema, hidden)
        finally:
            self._base = outer

    def _has(self, key: str) -> bool:
        groups = (self._values, self._schemas, self._lists, self._maps)
        return any(key in group for group in groups)

    def _keyword(self, key: str, value: Any, hidden: frozenset[str]) -> Any:
        if key in self._values:
            return value
        if key in self._lists and is_list(value):
            inherited = hidden if key in _LISTS_30 else frozenset[str]()
            return [self._translate_inner(one, inherited) for one in value]
        if key in self._maps and is_mapping(value):
            return {name: self._translate_inner(one) for name, one in value.items()}
        return self._translate_inner(value)

    def _add_constraints(
        self, out: dict[str, Any], schema: Mapping[str, Any], hidden: frozenset[str]
    ) -> None:
        extra: list[Any] = []
        if not self._old and "$ref" in schema:
            out["$ref"] = self._reference(schema["$ref"], self._base)
        if not self._old and "$dynamicRef" in schema:
            extra.append({"$ref": self._reference(schema["$dynamicRef"], self._base)})
        bounds = _INTEGER_RANGES.get(str(schema.get("format")))
        if bounds:
            extra.append(bounds)
        own = self._hidden_properties(schema, self._base)
        if own:
            extra.append({"properties": dict.fromkeys(own, False)})
        if hidden and "required" in out:
            out["required"] = [name for name in out["required"] if name not in hidden]
        if extra:
            out["allOf"] = [*out.get("allOf", ()), *extra]

    def _hidden_properties(self, schema: Mapping[str, Any], base: str) -> frozenset[str]:
        properties = mapping(schema.get("properties"))
        return frozenset(
            name for name, one in properties.items() if self._is_hidden(one, base, MAX_HIDING_DEPTH)
        )

    def _hidden_names(self, schema: Any, base: str, depth: int) -> frozenset[str]:
        """The properties that a schema hides, itself or through `$ref` and `allOf`."""
        names = self._hidden_properties(mapping(schema), base)
        return names.union(
            *(self._hidden_names(one, place, depth - 1) for one, place in self._parts(schema, base))
            if depth
            else ()
        )

    def _is_hidden(self, schema: Any, base: str, depth: int) -> bool:
        ignored = self._old and "$ref" in mapping(schema)
        if mapping(schema).get(self._hidden) is True and not ignored:
            return True
        parts = self._parts(schema, base) if depth else ()
        return any(self._is_hidden(one, place, depth - 1) for one, place in parts)

    def _parts(self, schema: Any, base: str) -> Iterator[tuple[Any, str]]:
        """What else must hold where a schema holds, each with what its references start from."""
        reference = mapping(schema).get("$ref")
        if isinstance(reference, str):
            yield self._lookup(reference, base)
        if not (self._old and reference is not None):
            for one in elements(mapping(schema).get("allOf")):
                yield one, base


def _modernise(out: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """What 3.0 says in other words: nullable, and boolean exclusive bounds."""
    kind = schema.get("type")
    if schema.get("nullable") is True and isinstance(kind, str):
        out["type"] = [kind, "null"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        flag = out.pop(exclusive, None)
        if flag is True and bound in out:
            out[exclusive] = out.pop(bound)
