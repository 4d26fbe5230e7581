"""JSON Schema: the only file that knows the engine (jsonschema-rs).

All schemas of a document are translated once into one registry; a validator is a small
schema that points into it. Nothing is ever fetched. Patterns run in linear time; only a
document whose patterns need look-around gets the backtracking engine, which has a limit.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import jsonschema_rs

from brrt.openapi.dialects import Direction, Translator
from brrt.openapi.document import Document, Node
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.shapes import Shape

# How deep a parameter's schema is looked into for what its text may become.
MAX_SHAPE_DEPTH = 8

_LINEAR = jsonschema_rs.RegexOptions()
_BACKTRACKING = jsonschema_rs.FancyRegexOptions()


@dataclass(frozen=True, slots=True)
class SchemaError:
    """One violation, in the engine's terms.

    `path` leads into the instance; `value` is the keyword's own value where it has one;
    `branches` holds the errors of each branch of an `anyOf` or `oneOf`.
    """

    path: tuple[str | int, ...]
    keyword: str
    value: Any
    message: str
    instance: Any
    branches: tuple[tuple["SchemaError", ...], ...] = ()


class Validator:
    """A compiled schema. `is_valid` is the engine's own bound method: nothing in between.

    `is_valid` raises ValueError for an instance that is not made of JSON types.
    """

    __slots__ = ("_engine", "is_valid")

    def __init__(self, engine: jsonschema_rs.Draft202012Validator) -> None:
        self._engine = engine
        self.is_valid = engine.is_valid

    def errors(self, instance: Any) -> Iterator[SchemaError]:
        """Every violation, one by one."""
        return (_error(one) for one in self._engine.iter_errors(instance))


class Schemas:
    """The schemas of one document, compiled on demand.

    Call `add` for every schema first; the first `validator` after that compiles the registry.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._translated: dict[Direction, dict[tuple[str, str], Any]] = {
            direction: {} for direction in Direction
        }
        self._numbers = {uri: number for number, uri in enumerate(document.resources)}
        self._registry: jsonschema_rs.Registry | None = None
        self._patterns: jsonschema_rs.RegexOptions | jsonschema_rs.FancyRegexOptions = _LINEAR

    def add(self, node: Node, direction: Direction) -> None:
        """Translate a schema and everything that it refers to."""
        done = self._translated[direction]
        waiting = [node]
        while waiting:
            place = waiting.pop()
            if (place.uri, place.pointer) in done:
                continue
            done[place.uri, place.pointer] = True
            translator = self._translator(place.uri, direction, waiting)
            done[place.uri, place.pointer] = translator.translate(place.value)
            self._registry = None

    def validator(self, node: Node, direction: Direction) -> Validator:
        """The validator of a schema that was added."""
        return self._compile({"$ref": self._uri(node, direction)})

    def object_validator(
        self, members: Mapping[str, Node | None], required: tuple[str, ...], direction: Direction
    ) -> Validator:
        """A validator of an object whose members have these schemas."""
        properties = {
            name: {"$ref": self._uri(node, direction)} if node else True
            for name, node in members.items()
        }
        return self._compile({"properties": properties, "required": list(required)})

    def shape(self, node: Node | None) -> Shape:
        """What a parameter's text may become under a schema."""
        return _Shapes(self._document.version).shape(node, MAX_SHAPE_DEPTH)

    def _translator(self, base: str, direction: Direction, waiting: list[Node]) -> Translator:
        def reference(text: str) -> str:
            node = self._document.resolve(text, base)
            waiting.append(node)
            return self._uri(node, direction)

        def lookup(text: str) -> Any:
            return self._document.resolve(text, base).value

        return Translator(self._document.version, direction, reference, lookup)

    def _uri(self, node: Node, direction: Direction) -> str:
        fragment = quote(node.pointer, safe="/~")
        return f"{self._resource_uri(node.uri, direction)}#{fragment}"

    def _resource_uri(self, uri: str, direction: Direction) -> str:
        return f"urn:brrt:{direction.value}:{self._numbers[uri]}"

    def _compile(self, schema: dict[str, Any]) -> Validator:
        if self._registry is None:
            self._registry = self._build_registry()
        try:
            return Validator(self._engine(schema, self._registry))
        except jsonschema_rs.ValidationError:
            if self._patterns is _BACKTRACKING:
                raise
        self._patterns = _BACKTRACKING
        return Validator(self._engine(schema, self._registry))

    def _engine(
        self, schema: dict[str, Any], registry: jsonschema_rs.Registry
    ) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(
            schema,
            registry=registry,
            validate_formats=True,
            formats={"byte": _is_base64},
            pattern_options=self._patterns,
            offline=True,
        )

    def _build_registry(self) -> jsonschema_rs.Registry:
        resources: list[tuple[str, Any]] = []
        for direction, translated in self._translated.items():
            trees: dict[str, Any] = {}
            for (uri, pointer), schema in sorted(translated.items(), key=_depth):
                trees[uri] = _place(trees.get(uri, {}), pointer, schema)
            for uri, tree in trees.items():
                resources.append((self._resource_uri(uri, direction), tree))
        return jsonschema_rs.Registry(resources, draft=jsonschema_rs.Draft202012)


class _Shapes:
    """Reads off a schema what types it allows, following `$ref` and composition."""

    def __init__(self, version: tuple[int, int]) -> None:
        self._version = version

    def shape(self, node: Node | None, depth: int) -> Shape:
        if node is None or depth == 0:
            return Shape(frozenset())
        node = node.follow()
        if not is_mapping(node.value):
            return Shape(frozenset())
        parts = [self.shape(one, depth - 1) for one in _elements(node, "allOf")]
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
        types = types & one.types if types and one.types else types or one.types
    if choices and all(one.types for one in choices) and not types:
        types = frozenset[str]().union(*(one.types for one in choices))
    known = [*parts, *choices]
    return Shape(
        types=types,
        items=next((one.items for one in known if one.items is not None), None),
        properties={name: shape for one in known for name, shape in one.properties.items()},
        additional=next((one.additional for one in known if one.additional is not None), None),
    )


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


def _depth(entry: tuple[tuple[str, str], Any]) -> int:
    return entry[0][1].count("/")


def _place(tree: Any, pointer: str, schema: Any) -> Any:
    """Put a schema at its pointer, unless an enclosing schema has brought it already."""
    if not pointer:
        return schema
    here: Any = tree
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]
    for token in tokens[:-1]:
        here = here[int(token)] if is_list(here) else here.setdefault(token, {})
    if not is_list(here):
        here.setdefault(tokens[-1], schema)
    return tree


def _error(error: jsonschema_rs.ValidationError) -> SchemaError:
    kind = error.kind
    context = getattr(kind, "context", ())
    return SchemaError(
        path=tuple(error.instance_path),
        keyword=kind.name,
        value=kind.value,
        message=error.message,
        instance=error.instance,
        branches=tuple(tuple(_error(one) for one in branch) for branch in context),
    )


def _is_base64(text: str) -> bool:
    """RFC 4648, section 4."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


__all__ = ["Direction", "SchemaError", "Schemas", "Validator"]
