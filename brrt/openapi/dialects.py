"""Which words a schema is written in: the dialects, and which one counts at a place.

A dialect is a table of keywords and a few facts. What the words mean is said in `translation`.

OpenAPI 3.0 has a dialect of its own (3.0.4, section 4.7.24), a subset of draft 5. From 3.1 on,
`$schema` in a schema chooses, for it and all inside it; else `jsonSchemaDialect` of the OpenAPI
document that it stands in; else it is the base dialect of OpenAPI, which adds annotations to
JSON Schema 2020-12 (3.1.1, section 4.8.24.5).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from brrt.openapi.document import Node
from brrt.openapi.json_values import is_list, is_mapping, mapping, split_pointer


class Direction(Enum):
    """Which way a value travels. An upload is a request whose files are checked elsewhere."""

    REQUEST = "request"
    RESPONSE = "response"
    UPLOAD = "upload"


HIDDEN = {
    Direction.REQUEST: "readOnly",
    Direction.RESPONSE: "writeOnly",
    Direction.UPLOAD: "readOnly",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The keywords of a dialect by what they hold: plain values, one schema, a list, a map.

    `siblings` says whether anything beside `$ref` counts; `is_nullable` whether `nullable`
    does; `has_flags` whether `exclusiveMinimum` is a boolean; `has_tuples` whether `items` may
    be a list; `dynamic` is the keyword for references that are resolved where they are used, and
    `identifier` that for the name of a schema.
    """

    values: frozenset[str]
    schemas: frozenset[str]
    lists: frozenset[str]
    maps: frozenset[str]
    siblings: bool = False
    is_nullable: bool = False
    has_flags: bool = False
    has_tuples: bool = True
    dynamic: str = ""
    identifier: str = "$id"


_VALUES = frozenset(
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
_SCHEMAS = frozenset({"not", "items", "additionalProperties"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
_MAPS = frozenset({"properties"})
_MAPS_4 = _MAPS | {"patternProperties", "dependencies"}
_SCHEMAS_6 = _SCHEMAS | {"contains", "propertyNames"}
_SCHEMAS_7 = _SCHEMAS_6 | {"if", "then", "else"}
_VALUES_2019 = _VALUES | {"const", "maxContains", "minContains", "dependentRequired"}
_SCHEMAS_2019 = _SCHEMAS_7 | {"unevaluatedItems", "unevaluatedProperties"}
_MAPS_2019 = _MAPS | {"patternProperties", "dependentSchemas"}

OPENAPI_30 = Dialect(
    _VALUES, _SCHEMAS, _LISTS, _MAPS, is_nullable=True, has_flags=True, has_tuples=False
)
DRAFT_4 = Dialect(_VALUES, _SCHEMAS, _LISTS, _MAPS_4, has_flags=True, identifier="id")
DRAFT_6 = Dialect(_VALUES | {"const"}, _SCHEMAS_6, _LISTS, _MAPS_4)
DRAFT_7 = Dialect(_VALUES | {"const"}, _SCHEMAS_7, _LISTS, _MAPS_4)
DRAFT_2019 = Dialect(
    _VALUES_2019, _SCHEMAS_2019, _LISTS, _MAPS_2019, siblings=True, dynamic="$recursiveRef"
)
DRAFT_2020 = Dialect(
    _VALUES_2019,
    _SCHEMAS_2019,
    _LISTS | {"prefixItems"},
    _MAPS_2019,
    siblings=True,
    has_tuples=False,
    dynamic="$dynamicRef",
)

# By `$schema`, without the empty fragment. Every other one is read as 2020-12: a document that
# names one is refused before it gets here, unless it is read with `strict=False`.
_DIALECTS = {
    "http://json-schema.org/draft-04/schema": DRAFT_4,
    "http://json-schema.org/draft-06/schema": DRAFT_6,
    "http://json-schema.org/draft-07/schema": DRAFT_7,
    "https://json-schema.org/draft/2019-09/schema": DRAFT_2019,
}


def declared_dialect(declaration: Any) -> Dialect | None:
    """The dialect that `$schema` or `jsonSchemaDialect` names; None where there is neither."""
    if not isinstance(declaration, str):
        return None
    return _DIALECTS.get(declaration.removesuffix("#"), DRAFT_2020)


def dialect_of(node: Node) -> Dialect:
    """The dialect of the schema that stands at a node."""
    document = node.document
    if document.version < (3, 1):
        return OPENAPI_30
    value = document.resources[node.uri]
    found = declared_dialect(mapping(value).get("jsonSchemaDialect")) or DRAFT_2020
    found = declared_dialect(mapping(value).get("$schema")) or found
    for token in split_pointer(node.pointer):
        if is_list(value):
            value = value[int(token)]
        elif is_mapping(value):
            value = value[token]
        found = declared_dialect(mapping(value).get("$schema")) or found
    return found
