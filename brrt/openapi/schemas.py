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

from brrt.errors import SpecError
from brrt.openapi.dialects import Direction, Translator
from brrt.openapi.document import Document, Node
from brrt.openapi.json_values import is_list, is_mapping, split_pointer
from brrt.openapi.schema_shapes import read_shape
from brrt.openapi.shapes import Shape

# Values in an instance whose violations are explained one by one. The engine takes some 20 us
# to explain one, all of them at once: 1 MiB of wrong numbers would stop everything for 16 s.
MAX_EXPLAINED = 500
# Values in an instance whose violations are looked for at all: this takes up to 5 us for each.
MAX_SURVEYED = 10_000
# Violations that are noted of a large instance, and characters of such a note.
MAX_NOTED = 100
MAX_NOTE = 200

_UNSURVEYED = "breaks its schema, and is too large to say where"

_LINEAR = jsonschema_rs.RegexOptions()
_BACKTRACKING = jsonschema_rs.FancyRegexOptions()


@dataclass(frozen=True, slots=True)
class SchemaError:
    """One violation, in the engine's terms.

    `path` leads into the instance; `value` is the keyword's own value where it has one;
    `branches` holds the errors of each branch of an `anyOf` or `oneOf`. Of a note there are
    only path, keyword and message.
    """

    path: tuple[str | int, ...]
    keyword: str
    value: Any
    message: str
    instance: Any
    branches: tuple[tuple["SchemaError", ...], ...] = ()
    is_note: bool = False


class Validator:
    """A compiled schema. `is_valid` is the engine's own bound method: nothing in between.

    `is_valid` raises ValueError for an instance that is not made of JSON types.
    """

    __slots__ = ("_engine", "is_valid")

    def __init__(self, engine: jsonschema_rs.Draft202012Validator) -> None:
        self._engine = engine
        self.is_valid = engine.is_valid

    def errors(self, instance: Any) -> Iterator[SchemaError]:
        """Every violation, one by one; of a large instance the first ones, in fewer words."""
        size = _size(instance, MAX_SURVEYED)
        if size < MAX_EXPLAINED:
            return (_error(one) for one in self._engine.iter_errors(instance))
        if size < MAX_SURVEYED:
            noted = self._engine.evaluate(instance).errors()
            return (_note(one) for one in noted[:MAX_NOTED])
        return iter([SchemaError((), "size", None, _UNSURVEYED, None, is_note=True)])


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
            translator = self._translator(self._document.base(place), direction, waiting)
            done[place.uri, place.pointer] = translator.translate(place.value)
            self._registry = None

    def validator(self, node: Node, direction: Direction) -> Validator:
        """The validator of a schema that was added."""
        return self._compile({"$ref": self._uri(node, direction)}, node)

    def object_validator(
        self,
        members: Mapping[str, Node | None],
        required: tuple[str, ...],
        may_be_empty: frozenset[str],
    ) -> Validator:
        """A validator of an object in a request whose members have these schemas.

        Those in `may_be_empty` are not checked where they are the empty text.
        """
        properties: dict[str, Any] = {
            name: {"$ref": self._uri(node, Direction.REQUEST)} if node else True
            for name, node in members.items()
        }
        for name in may_be_empty:
            properties[name] = {"if": {"const": ""}, "else": properties[name]}
        places = [node for node in members.values() if node is not None]
        schema = {"properties": properties, "required": list(required)}
        return self._compile(schema, places[0] if places else self._document.root)

    def shape(self, node: Node | None) -> Shape:
        """What a parameter's text may become under a schema."""
        return read_shape(node)

    def _translator(self, base: str, direction: Direction, waiting: list[Node]) -> Translator:
        def reference(text: str, base: str) -> str:
            node = self._document.resolve(text, base)
            waiting.append(node)
            return self._uri(node, direction)

        def lookup(text: str, base: str) -> tuple[Any, str]:
            node = self._document.resolve(text, base)
            return node.value, self._document.base(node)

        return Translator(self._document.version, direction, base, reference, lookup)

    def _uri(self, node: Node, direction: Direction) -> str:
        fragment = quote(node.pointer, safe="/~")
        return f"{self._resource_uri(node.uri, direction)}#{fragment}"

    def _resource_uri(self, uri: str, direction: Direction) -> str:
        return f"urn:brrt:{direction.value}:{self._numbers[uri]}"

    def _compile(self, schema: dict[str, Any], node: Node) -> Validator:
        """Raises `SpecError`, at `node`, for what only the engine can find out."""
        try:
            if self._registry is None:
                self._registry = self._build_registry()
            return Validator(self._engine(schema, self._registry))
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            if self._patterns is _BACKTRACKING:
                message = f"the schema cannot be compiled: {getattr(error, 'message', error)}"
                cure = "mend it; brrt knows the keywords of JSON Schema 2020-12"
                raise SpecError([node.fault(message, cure)]) from None
        self._patterns = _BACKTRACKING
        return self._compile(schema, node)

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
    keyword, value = kind.name, kind.value
    if keyword == "falseSchema" and error.schema_path[-1:] == ["additionalProperties"]:
        keyword, value = "additionalProperties", ["any property"]  # the engine gives no names
    return SchemaError(
        path=tuple(error.instance_path),
        keyword=keyword,
        value=value,
        message=error.message,
        instance=error.instance,
        branches=tuple(tuple(_error(one) for one in branch) for branch in context),
    )


def _note(error: Mapping[str, Any]) -> SchemaError:
    """A line of the engine's evaluation: where, and in its own words what."""
    text = str(error["error"])
    return SchemaError(
        path=tuple(split_pointer(error["instanceLocation"])),
        keyword=split_pointer(error["schemaLocation"])[-1],
        value=None,
        message=text if len(text) <= MAX_NOTE else text[: MAX_NOTE - 1] + "…",
        instance=None,
        is_note=True,
    )


def _size(instance: Any, enough: int) -> int:
    """How many values an instance holds; counts no further than `enough`."""
    count, waiting = 1, [instance]
    while waiting and count < enough:
        one = waiting.pop()
        inner = list(one.values()) if is_mapping(one) else one if is_list(one) else ()
        count += len(inner)
        waiting.extend(inner[:enough])
    return count


def _is_base64(text: str) -> bool:
    """RFC 4648, section 4."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


__all__ = ["Direction", "SchemaError", "Schemas", "Validator"]
