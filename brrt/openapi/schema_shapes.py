"""What a schema says that a text may become: a `Shape` is read off it, once, at build.

Nothing is validated here. Where a schema does not say, any text will do, and the validation that
follows says what is wrong.
"""

from collections.abc import Mapping
from typing import Any

from brrt.openapi.document import Node
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.shapes import ANYTHING, Shape

# How deep a parameter's schema is looked into for what its text may become.
MAX_DEPTH = 8


def read_shape(node: Node | None) -> Shape:
    """What types a schema allows, following `$ref` and composition; no schema allows any."""
    return _Reader(node.document.version).shape(node, MAX_DEPTH) if node else ANYTHING


class _Reader:
    def __init__(self, version: tuple[int, int]) -> None:
        self._version = version

    def shape(self, node: Node | None, depth: int) -> Shape:
        if node is None or depth == 0:
            return ANYTHING
        parts = list[Shape]()
        if self._version < (3, 1):  # where nothing beside a `$ref` counts
            node = node.follow()
        elif "$ref" in node:
            parts.append(self.shape(node.follow(), depth - 1))
        if not is_mapping(node.value):
            return ANYTHING
        parts += [self.shape(one, depth - 1) for one in _elements(node, "allOf")]
        choices = [
            self.shape(one, depth - 1)
            for keyword in ("anyOf", "oneOf")
            for one in _elements(node, keyword)
        ]
        own = self._own(node, depth)
        return _combine([own, *parts], choices)

    def _own(self, node: Node, depth: int) -> Shape:
        properties, items = node.get("properties"), node.get("items")
        additional = node.get("additionalProperties")
        return Shape(
            types=self._types(node.value),
            items=self.shape(items, depth - 1) if items is not None else None,
            properties={name: self.shape(one, depth - 1) for name, one in properties.items()}
            if properties is not None
            else {},
            additional=self._additional(additional, depth),
        )

    def _additional(self, node: Node | None, depth: int) -> Shape | None:
        open_ended = node is not None and node.value is not False
        return self.shape(node, depth - 1) if open_ended else None

    def _types(self, schema: Mapping[str, Any]) -> frozenset[str]:
        kind = schema.get("type")
        if is_list(kind):
            return frozenset(str(one) for one in kind)
        if isinstance(kind, str):
            nullable = schema.get("nullable") is True and self._version < (3, 1)
            return frozenset({kind, "null"} if nullable else {kind})
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        return frozenset(_type_of(value) for value in values)


def _combine(parts: list[Shape], choices: list[Shape]) -> Shape:
    """All of the parts, and any of the choices."""
    types = frozenset[str]()
    for one in parts:
        types = _meet(types, one.types) if types and one.types else types or one.types
    if choices and all(one.types for one in choices) and not types:
        types = frozenset[str]().union(*(one.types for one in choices))
    known = [*parts, *choices]
    return Shape(
        types=types,
        items=next((one.items for one in known if one.items is not None), None),
        properties={name: shape for one in known for name, shape in one.properties.items()},
        additional=next((one.additional for one in known if one.additional is not None), None),
    )


def _meet(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """The types that two schemas allow together; every integer is a number."""
    whole = any("integer" in a and "number" in b for a, b in ((one, other), (other, one)))
    return (one & other) | ({"integer"} if whole else frozenset[str]())


def _elements(node: Node, keyword: str) -> list[Node]:
    found = node.get(keyword)
    return list(found.elements()) if found is not None else []


_TYPE_NAMES: dict[type[Any] | None, str] = {
    None: "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
}


def _type_of(value: Any) -> str:
    kind: type[Any] | None = None if value is None else value.__class__
    return _TYPE_NAMES.get(kind, "object")
