"""What a document says of the events of a `text/event-stream`.

OpenAPI 3.2.0, section 4.14.4: `itemSchema` is of each event as an object of `data`, `event`, `id`
and `retry`; `data` is a text, and what that text holds is described by a `contentSchema` beside
its `contentMediaType`. Before 3.2 there is only a `schema`: one that has a member `data` is of the
event as well, one of any other object, array, number or the like is of what `data` holds, as
JSON, and one of a text says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from brrt.openapi.content import essence, is_json
from brrt.openapi.document import Node
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.operations import MediaType
from brrt.openapi.schema_shapes import read_shape

# How deep a schema is looked into for what the data of its events are.
MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class DataSchema:
    """What `data` holds, as JSON, in events of these names; None stands for all events."""

    names: frozenset[str] | None
    schema: Node


@dataclass(frozen=True, slots=True)
class EventSchemas:
    """What is said of an event as an object, and of what its `data` holds."""

    event: Node | None = None
    data: tuple[DataSchema, ...] = ()


def event_schemas(media_type: MediaType) -> EventSchemas:
    """The schemas of the events of a media type."""
    if media_type.item_schema is not None:
        return _of_event(media_type.item_schema)
    schema = media_type.schema
    shape = read_shape(schema)
    if schema is None or not shape.types or "string" in shape.types:
        return EventSchemas()
    if "data" in shape.properties:
        return _of_event(schema)
    return EventSchemas(data=(DataSchema(None, schema),))


def _of_event(schema: Node) -> EventSchemas:
    return EventSchemas(schema, tuple(_data_schemas(schema, None, MAX_DEPTH)))


def _data_schemas(schema: Node, names: frozenset[str] | None, depth: int) -> Iterator[DataSchema]:
    """The `contentSchema` of `data`, also in the branches that a constant `event` tells apart."""
    if depth == 0 or not is_mapping(schema.value):
        return
    if "$ref" in schema:
        yield from _data_schemas(schema.target(), names, depth - 1)
    properties = schema.get("properties")
    if properties is not None:
        own = _names(properties.get("event"))
        names = own if names is None else names & own if own is not None else names
        yield from _content(properties.get("data"), names, depth)
    for branch in _elements(schema, "allOf"):
        yield from _data_schemas(branch, names, depth - 1)
    for keyword in ("anyOf", "oneOf"):
        for branch, own in _told_apart(_elements(schema, keyword), depth - 1):
            both = own if names is None else names & own
            yield from _data_schemas(branch, both, depth - 1)


def _elements(schema: Node, keyword: str) -> list[Node]:
    branches = schema.get(keyword)
    return list(branches.elements()) if branches is not None else []


def _told_apart(branches: list[Node], depth: int) -> Iterator[tuple[Node, frozenset[str]]]:
    """The branches to which an event belongs by its name and can belong to no other; the names."""
    named = [(one, _event_names(one, depth)) for one in branches]
    for index, (branch, own) in enumerate(named):
        others = [names for _, names in (*named[:index], *named[index + 1 :])]
        if own is not None and all(names is not None and not own & names for names in others):
            yield branch, own


def _event_names(schema: Node, depth: int) -> frozenset[str] | None:
    """The names that events of a schema can have; None where it may be any."""
    if depth == 0 or not is_mapping(schema.value):
        return None
    parts = [schema.target()] if "$ref" in schema else []
    found = [_event_names(one, depth - 1) for one in (*parts, *_elements(schema, "allOf"))]
    properties = schema.get("properties")
    found.append(_names(properties.get("event")) if properties is not None else None)
    known = [names for names in found if names is not None]
    return frozenset[str].intersection(*known) if known else None


def _content(data: Node | None, names: frozenset[str] | None, depth: int) -> Iterator[DataSchema]:
    if data is None or depth == 0 or not is_mapping(data.value):
        return
    if "$ref" in data:
        yield from _content(data.target(), names, depth - 1)
    content = data.get("contentSchema")
    kind = data.value.get("contentMediaType")
    if content is not None and isinstance(kind, str) and is_json(essence(kind)):
        yield DataSchema(names, content)


def _names(event: Node | None) -> frozenset[str] | None:
    """The names that a schema of `event` allows, where it lists them."""
    if event is None or not is_mapping(event.value):
        return None
    if "const" in event.value:
        return frozenset({str(event.value["const"])})
    listed = event.value.get("enum")
    return frozenset(map(str, listed)) if is_list(listed) else None
