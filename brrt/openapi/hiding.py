"""Which properties do not travel in a direction: read-only ones in requests, write-only ones out.

OpenAPI 3.0.4, section 4.7.24.1. The word may stand in the property's schema, behind `$ref` and
in `allOf`; beside `$ref` it counts where anything does.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from brrt.openapi.constants import inner_base
from brrt.openapi.dialects import HIDDEN, Dialect, Direction
from brrt.openapi.document import Document
from brrt.openapi.json_values import elements, is_mapping, mapping

# How many steps of `$ref` and `allOf` are taken in search of hidden properties.
MAX_DEPTH = 8

_NO_NAMES = frozenset[str]()


class Hiding:
    """The properties that one direction hides in the schemas of one document.

    `word` is the keyword that says so.
    """

    def __init__(self, document: Document, direction: Direction) -> None:
        self._document = document
        self.word = HIDDEN[direction]

    def properties(self, schema: Mapping[str, Any], base: str, dialect: Dialect) -> frozenset[str]:
        """Those among the properties of a schema itself; references are relative to `base`."""
        properties = mapping(schema.get("properties"))
        if not properties:
            return _NO_NAMES
        return frozenset(
            name
            for name, one in properties.items()
            if self._is_hidden(one, _base(one, base, dialect), dialect, MAX_DEPTH)
        )

    def names(
        self, schema: Any, base: str, dialect: Dialect, depth: int = MAX_DEPTH
    ) -> frozenset[str]:
        """The properties that a schema hides, itself or through `$ref` and `allOf`."""
        found = self.properties(mapping(schema), base, dialect)
        if depth:
            for one, place in self._parts(schema, base, dialect):
                found |= self.names(one, place, dialect, depth - 1)
        return found

    def _is_hidden(self, schema: Any, base: str, dialect: Dialect, depth: int) -> bool:
        if not is_mapping(schema):
            return False
        says_so = schema.get(self.word) is True
        if "$ref" not in schema and "allOf" not in schema:  # nearly always
            return says_so
        if says_so and (dialect.siblings or "$ref" not in schema):
            return True
        parts = self._parts(schema, base, dialect) if depth else ()
        return any(self._is_hidden(one, place, dialect, depth - 1) for one, place in parts)

    def _parts(self, schema: Any, base: str, dialect: Dialect) -> Iterator[tuple[Any, str]]:
        """What else must hold where a schema holds, each with what its references start from."""
        reference = mapping(schema).get("$ref")
        if isinstance(reference, str):
            node = self._document.resolve(reference, base)
            yield node.value, self._document.base(node)
        if reference is None or dialect.siblings:
            for one in elements(mapping(schema).get("allOf")):
                yield one, _base(one, base, dialect)


def _base(schema: Any, base: str, dialect: Dialect) -> str:
    """What references inside are relative to: an `$id` may be ignored beside `$ref`."""
    ignored = not dialect.siblings and "$ref" in mapping(schema)
    return base if ignored else inner_base(schema, base)
