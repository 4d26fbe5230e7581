"""Schema Objects of 3.0, 3.1 and 3.2 translated to one dialect: JSON Schema 2020-12.

A translation keeps the structure of its source, so that JSON Pointers into the document stay
true; what it adds, it adds at the end of `allOf`. It depends on the direction: a read-only
property has no place in a request, a write-only one none in a response (OpenAPI 3.0.4,
section 4.7.24.1). Annotations are left out, since nothing looks at them.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from brrt.openapi.json_values import is_list, is_mapping

Reference = Callable[[str], str]
Lookup = Callable[[str], Any]


class Direction(Enum):
    """Which way a value travels."""

    REQUEST = "request"
    RESPONSE = "response"


HIDDEN = {Direction.REQUEST: "readOnly", Direction.RESPONSE: "writeOnly"}

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
_VALUES = _VALUES_30 | frozenset(
    ["const", "maxContains", "minContains", "dependentRequired", "$dynamicAnchor", "$dynamicRef"]
)
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

    `reference` turns a `$ref` into the engine's URI (and sees to it that the target is
    translated as well); `lookup` gives the schema that a `$ref` means.
    """

    def __init__(
        self, version: tuple[int, int], direction: Direction, reference: Reference, lookup: Lookup
    ) -> None:
        self._old = version < (3, 1)
        self._hidden = HIDDEN[direction]
        self._reference = reference
        self._lookup = lookup
        self._values = _VALUES_30 if self._old else _VALUES
        self._schemas = _SCHEMAS_30 if self._old else _SCHEMAS
        self._lists = _LISTS_30 if self._old else _LISTS
        self._maps = _MAPS_30 if self._old else _MAPS

    def translate(self, schema: Any) -> Any:
        """The schema in 2020-12. What is not a schema at all accepts everything."""
        if not is_mapping(schema):
            return schema if isinstance(schema, bool) else True
        if self._old and "$ref" in schema:
            return {"$ref": self._reference(schema["$ref"])}
        out = {key: self._keyword(key, value) for key, value in schema.items() if self._has(key)}
        if "$ref" in schema:
            out["$ref"] = self._reference(schema["$ref"])
        if self._old:
            _modernise(out, schema)
        self._add_constraints(out, schema)
        return out

    def _has(self, key: str) -> bool:
        groups = (self._values, self._schemas, self._lists, self._maps)
        return any(key in group for group in groups)

    def _keyword(self, key: str, value: Any) -> Any:
        if key in self._values:
            return value
        if key in self._lists and is_list(value):
            return [self.translate(one) for one in value]
        if key in self._maps and is_mapping(value):
            return {name: self.translate(one) for name, one in value.items()}
        return self.translate(value)

    def _add_constraints(self, out: dict[str, Any], schema: Mapping[str, Any]) -> None:
        extra: list[Any] = []
        bounds = _INTEGER_RANGES.get(str(schema.get("format")))
        if bounds:
            extra.append(bounds)
        hidden = self._hidden_properties(schema.get("properties"))
        if hidden:
            extra.append({"properties": dict.fromkeys(hidden, False)})
            out["required"] = [name for name in out.get("required", ()) if name not in hidden]
        if extra:
            out["allOf"] = [*out.get("allOf", ()), *extra]

    def _hidden_properties(self, properties: Any) -> frozenset[str]:
        if not is_mapping(properties):
            return frozenset()
        return frozenset(name for name, one in properties.items() if self._is_hidden(one))

    def _is_hidden(self, schema: Any) -> bool:
        if not is_mapping(schema):
            return False
        if schema.get(self._hidden) is True:
            return True
        target = self._lookup(schema["$ref"]) if "$ref" in schema else None
        return is_mapping(target) and target.get(self._hidden) is True


def _modernise(out: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """What 3.0 says in other words: nullable, and boolean exclusive bounds."""
    kind = schema.get("type")
    if schema.get("nullable") is True and isinstance(kind, str):
        out["type"] = [kind, "null"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        flag = out.pop(exclusive, None)
        if flag is True and bound in out:
            out[exclusive] = out.pop(bound)
