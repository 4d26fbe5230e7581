"""Multipart bodies against their schema: parts in, a value out.

The rules (OpenAPI 3.0.4, 4.7.15; 3.1.1, 4.8.15; 3.2, 4.15; RFC 7578):

* A part's own Content-Type says how it is read; without one it is text, or JSON where the schema
  wants an object. `encoding.contentType` says what may come, `encoding.headers` what must.
* An array is sent as one part for each item, under one name, or as one part of JSON.
* What the schema calls binary is a file, with or without a file name; so is what has a file name
  and no schema. The schema engine sees an empty text in the place of a file.
* A body whose schema is an array is a list of parts in their order (`multipart/mixed`).

How bytes become parts is the edge's affair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from brrt.config import MAX_DEPTH
from brrt.openapi import content
from brrt.openapi.binaries import is_binary
from brrt.openapi.document import Node
from brrt.openapi.encodings import NO_ENCODING, Encoding, encodings, item_encodings
from brrt.openapi.headers import header_rule, header_schema
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.layouts import Layout, one_value
from brrt.openapi.members import all_parts, item_schema, member_schemas
from brrt.openapi.operations import MediaType
from brrt.openapi.parameters import QUERY_SEPARATORS
from brrt.openapi.parts import Part
from brrt.openapi.schemas import Direction, Schemas
from brrt.openapi.validation import Violation, pointer

_VERBATIM = Layout(",", False, str)
_JSON_TYPES = (dict, list, str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Size:
    """How many bytes a file may have (`minLength` and `maxLength` of its schema)."""

    least: int = 0
    most: int | None = None

    def check(self, size: int, place: str, subject: str, found: list[Violation]) -> None:
        """Note what is wrong with a number of bytes."""
        if size < self.least:
            found.append(_violation(place, subject, f"at least {self.least}", size, "minLength"))
        if self.most is not None and size > self.most:
            found.append(_violation(place, subject, f"at most {self.most}", size, "maxLength"))


def _violation(place: str, subject: str, bound: str, size: int, keyword: str) -> Violation:
    message = f"must have {bound} bytes, got {size}"
    return Violation("body", "", place, f"{subject}: {message}" if subject else message, keyword)


def file_size(schema: Node | None) -> Size:
    """What a schema says of the number of bytes."""
    parts = [one.value for one in all_parts(schema)]
    least = max((one["minLength"] for one in parts if "minLength" in one), default=0)
    most = min((one["maxLength"] for one in parts if "maxLength" in one), default=None)
    return Size(least, most)


class _Slot:
    """How the parts of one name, or of one place in a list, are read."""

    def __init__(
        self, schema: Node | None, encoding: Encoding, schemas: Schemas, max_depth: int
    ) -> None:
        self._max_depth = max_depth
        shape = schemas.shape(schema)
        self.is_list = "array" in shape.types
        inner = item_schema(schema) if self.is_list else schema
        self._item = schemas.shape(inner) if self.is_list else shape
        self.is_file = any(is_binary(one.value) for one in all_parts(inner))
        self.may_be_file = self.is_file or not self._item.types
        self._size = file_size(inner) if self.is_file else Size()
        self._allowed = encoding.content_types
        self._headers = [
            header_rule(name, node, schemas, Direction.REQUEST)
            for name, node in encoding.headers.items()
        ]
        separator = QUERY_SEPARATORS.get(encoding.style or "")
        exploded = separator is None or encoding.explode
        self._split = None if exploded else one_value(shape, Layout(separator or ",", False, str))
        self._is_object = "object" in self._item.types

    def read(
        self, parts: Sequence[Part], path: tuple[str | int, ...], found: list[Violation]
    ) -> Any:
        """The value of all parts of one name. Raises `content.Unreadable`."""
        whole = len(parts) == 1 and not self.is_file
        if whole and self._split is not None:
            return self._split(content.decode_text(parts[0].data, "utf-8"))
        if not self.is_list:
            values = [self.read_one(part, path, found) for part in parts]
            return values[0] if len(values) == 1 else values
        if whole and content.is_json(content.essence(parts[0].content_type)):
            value = self.read_one(parts[0], path, found)
            return value if is_list(value) else [value]
        return [self.read_one(part, (*path, at), found) for at, part in enumerate(parts)]

    def read_one(self, part: Part, path: tuple[str | int, ...], found: list[Violation]) -> Any:
        """The value of one part."""
        subject, place = ".".join(map(str, path)), pointer(path)
        actual = content.essence(part.content_type)
        if actual and self._allowed and not _allows(self._allowed, actual):
            wanted = " or ".join(self._allowed)
            message = f"{subject}: must be {wanted}, got {actual}"
            found.append(Violation("body", "", place, message, "contentType"))
        for rule in self._headers:
            sent = part.headers.get(rule.key)
            for one in rule.check([] if sent is None else [sent.decode("latin-1")]):
                message = f"{subject}: {one.message}"
                found.append(Violation("body", "", place, message, one.keyword))
        if part.file is not None:
            self._size.check(part.size, place, subject, found)
            return part.file
        return self._decode(part, actual or self._default_type())

    def _default_type(self) -> str:
        """What a part without a Content-Type is (the tables in the sections named above)."""
        if len(self._allowed) == 1 and "*" not in self._allowed[0]:
            return self._allowed[0]
        return "application/json" if self._is_object else "text/plain"

    def _decode(self, part: Part, actual: str) -> Any:
        if content.is_json(actual) or (self._is_object and not self._allowed):
            return content.decode_json(part.data, self._max_depth)
        text = content.decode_text(part.data, content.charset(part.content_type))
        return one_value(self._item, _VERBATIM)(text) if self._item.types else text


def _allows(allowed: Sequence[str], actual: str) -> bool:
    return any(content.matches(one, actual) for one in allowed)


def add_schemas(media_type: MediaType, schemas: Schemas) -> None:
    """Make known what a reader of this media type will ask for."""
    prefix, rest = item_encodings(media_type)
    for encoding in (*encodings(media_type).values(), *prefix, rest):
        for node in encoding.headers.values():
            schema = header_schema(node)
            if schema is not None:
                schemas.add(schema, Direction.REQUEST)


class MultipartReader:
    """Reads the parts of one media type of one operation; JSON in `max_depth` levels."""

    def __init__(self, media_type: MediaType, schemas: Schemas, max_depth: int = MAX_DEPTH) -> None:
        schema = media_type.schema
        described, names = encodings(media_type), member_schemas(schema)
        self._slots = {
            name: _Slot(names.get(name), described.get(name, NO_ENCODING), schemas, max_depth)
            for name in (names | described)
        }
        self._other = _Slot(_additional(schema), NO_ENCODING, schemas, max_depth)
        is_list = media_type.item_schema is not None or "array" in schemas.shape(schema).types
        self._places = _places(media_type, schemas, max_depth) if is_list else []

    def is_file(self, place: int, name: str | None, filename: str | None) -> bool:
        """Whether a part is kept as a file."""
        slot = self._place(place) if self._places else self._slots.get(name or "", self._other)
        return slot.is_file or (slot.may_be_file and filename is not None)

    def read(self, parts: Sequence[Part], found: list[Violation]) -> Any:
        """The value of a body; what is wrong with single parts goes to `found`.

        Raises `content.Unreadable` for a form with a part that has no name.
        """
        if self._places:
            slots = [(at, self._place(at), [part]) for at, part in enumerate(parts)]
            return [self._read(slot, one, at, found) for at, slot, one in slots]
        grouped: dict[str, list[Part]] = {}
        for part in parts:
            if part.name is None:
                raise content.Unreadable("a form with a part that has no name")
            grouped.setdefault(part.name, []).append(part)
        return {
            name: self._read(self._slots.get(name, self._other), group, name, found)
            for name, group in grouped.items()
        }

    def _place(self, at: int) -> _Slot:
        return self._places[min(at, len(self._places) - 1)]

    def _read(
        self, slot: _Slot, parts: Sequence[Part], step: str | int, found: list[Violation]
    ) -> Any:
        try:
            return slot.read(parts, (step,), found)
        except content.Unreadable as error:
            message = f"{step}: the part is {error}"
            found.append(Violation("body", "", pointer((step,)), message, "encoding"))
            return None


def _places(media_type: MediaType, schemas: Schemas, max_depth: int) -> list[_Slot]:
    """How each part of a list is read; the last one stands for all that follow."""
    prefix, rest = item_encodings(media_type)
    schema = media_type.item_schema or item_schema(media_type.schema)
    first = _prefix_items(media_type.schema)
    named = zip_longest(first, prefix)
    slots = [_Slot(one or schema, how or rest, schemas, max_depth) for one, how in named]
    return [*slots, _Slot(schema, rest, schemas, max_depth)]


def _prefix_items(schema: Node | None) -> list[Node]:
    found = (part.get("prefixItems") for part in all_parts(schema))
    items = next((node for node in found if node is not None), None)
    return list(items.elements()) if items is not None else []


def _additional(schema: Node | None) -> Node | None:
    """The schema of members that have no name in the document."""
    found = (part.get("additionalProperties") for part in all_parts(schema))
    return next((node for node in found if node and not isinstance(node.value, bool)), None)


def without_files(value: Any) -> Any:
    """The same value with an empty text for each file: what the schema engine can look at."""
    if is_list(value):
        return [without_files(one) for one in value]
    if is_mapping(value):
        return {key: without_files(one) for key, one in value.items()}
    kind: type[Any] = value.__class__
    return value if issubclass(kind, _JSON_TYPES) else ""


def with_files(value: Any, original: Any) -> Any:
    """The value with the files of the original in their places again."""
    if is_list(original):
        return [with_files(*pair) for pair in zip(value, original, strict=True)]
    if is_mapping(original):
        return value | {key: with_files(value[key], one) for key, one in original.items()}
    return value if isinstance(original, _JSON_TYPES) else original
