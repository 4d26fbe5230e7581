"""Which schemas describe the content of a file rather than a value.

A file in a multipart form is a string of format `binary` in OpenAPI 3.0 (3.0.4, section
4.7.14.2), and from 3.1 on a string with a `contentMediaType` that no `contentEncoding` has
turned into text (3.1.1, section 4.8.14.2). Nothing here follows a reference.
"""

from collections.abc import Mapping
from typing import Any

from brrt.openapi.json_values import is_list

_NULLABLE = frozenset({"string", "null"})


def is_binary(schema: Mapping[str, Any]) -> bool:
    """Whether a schema, by its own words, means raw content: of a file, not of a text."""
    if "$ref" in schema or not _may_be_string(schema.get("type", "string")):
        return False
    if schema.get("format") == "binary":
        return True
    return "contentMediaType" in schema and "contentEncoding" not in schema


def _may_be_string(kind: Any) -> bool:
    return kind == "string" or (is_list(kind) and "string" in kind and _NULLABLE.issuperset(kind))
