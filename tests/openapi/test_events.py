"""What a document says of the events of a stream: of each as an object, and of its data."""

from typing import Any

import pytest

from brrt.openapi.document import load
from brrt.openapi.events import event_schemas
from brrt.openapi.operations import LAST_EVENT_ID, Operation, operations

EVENTS = "text/event-stream"
X_SSE: dict[str, Any] = {"x-sse": True}

# OpenAPI 3.2.0, section 4.14.4, the example of its own.
SPECIFICATION: dict[str, Any] = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
    "required": ["event"],
    "oneOf": [
        {"properties": {"event": {"const": "addString"}}},
        {"properties": {"event": {"const": "addInt64"}, "data": {"format": "int64"}}},
        {
            "properties": {
                "event": {"const": "addJson"},
                "data": {
                    "contentMediaType": "application/json",
                    "contentSchema": {
                        "type": "object",
                        "required": ["foo"],
                        "properties": {"foo": {"type": "integer"}},
                    },
                },
            }
        },
    ],
}


def operation(
    content: Any, *, version: str = "3.2.0", schemas: Any = None, **members: Any
) -> Operation:
    """An operation with this content."""
    response = {"description": "ok", "content": content}
    item = {"operationId": "feed", "responses": {"200": response}} | members
    document = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "paths": {"/feed": {"get": item}},
        "components": {"schemas": schemas or {}},
    }
    return operations(load(document, strict=False))[0]


def found(media_type: Any, **options: Any) -> tuple[bool, list[tuple[Any, Any]]]:
    """Whether the event has a schema, and the names and schemas of what `data` holds."""
    (only,) = operation({EVENTS: media_type}, **options).responses["200"].content
    schemas = event_schemas(only)
    data = [(one.names and sorted(one.names), one.schema.value) for one in schemas.data]
    return schemas.event is not None, data


def holds(schema: Any, kind: str = "application/json", **event: Any) -> dict[str, Any]:
    """The schema of an event whose data holds this."""
    data = {"type": "string", "contentMediaType": kind, "contentSchema": schema}
    names = {"event": event} if event else {}
    return {"properties": {"data": data} | names}


A, B = {"title": "A"}, {"title": "B"}


def test_the_example_of_the_specification() -> None:
    """Each event is checked as an object, and the data of one kind also as JSON."""
    schema = SPECIFICATION["oneOf"][2]["properties"]["data"]["contentSchema"]
    assert found({"itemSchema": SPECIFICATION}) == (True, [(["addJson"], schema)])


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (holds(A), [(None, A)]),
        (holds(A, "application/json; charset=utf-8"), [(None, A)]),
        (holds(A, "application/vnd.pet+json"), [(None, A)]),
        (holds(A, "text/plain"), []),
        (holds(A, const="a"), [(["a"], A)]),
        (holds(A, enum=["b", "a"]), [(["a", "b"], A)]),
        (holds(A, type="string"), [(None, A)]),
        ({"allOf": [holds(A), {"properties": {"id": {}}}]}, [(None, A)]),
        ({"oneOf": [holds(A, const="a"), holds(B, const="b")]}, [(["a"], A), (["b"], B)]),
        ({"anyOf": [holds(A, const="a"), holds(B, const="b")]}, [(["a"], A), (["b"], B)]),
        (
            {"oneOf": [{"allOf": [{"properties": {"event": {"const": "a"}}}, holds(A)]}]},
            [(["a"], A)],
        ),
        (
            {"properties": {"event": {"enum": ["a", "x"]}}, "oneOf": [holds(A, enum=["a", "c"])]},
            [(["a"], A)],
        ),
        ({"properties": {"data": True, "event": True}}, []),
        ({"properties": {"data": {"contentSchema": A}}}, []),
        (True, []),
    ],
)
def test_what_data_holds_is_found(schema: Any, data: Any) -> None:
    """In the event's own schema, in all of `allOf`, and in branches that names tell apart."""
    assert found({"itemSchema": schema}) == (True, data)


@pytest.mark.parametrize(
    "branches",
    [
        [holds(A), holds(B)],
        [holds(A, const="a"), holds(B)],
        [holds(A, const="a"), holds(B, enum=["a", "b"])],
        [holds(A, const="a"), {"properties": {"data": {"type": "string"}}}],
        [holds(A, const="a"), True],
    ],
)
def test_what_an_event_might_not_hold_is_not_asked_of_it(branches: list[Any]) -> None:
    """An event that could belong to another branch breaks nothing by not being of this one."""
    (_, data) = found({"itemSchema": {"anyOf": branches}})
    assert all(names is not None and "a" not in names for names, _ in data)


def test_references_are_followed_and_end() -> None:
    """Also those that lead back to themselves."""
    schemas: dict[str, Any] = {
        "Event": {"oneOf": [{"$ref": "#/components/schemas/Added"}]},
        "Added": {
            "properties": {"event": {"const": "a"}, "data": {"$ref": "#/components/schemas/Data"}}
        },
        "Loop": {"allOf": [{"$ref": "#/components/schemas/Loop"}]},
        "Data": {"contentMediaType": "application/json", "contentSchema": A},
    }
    event = {"$ref": "#/components/schemas/Event"}
    assert found({"itemSchema": event}, schemas=schemas) == (True, [(["a"], A)])
    loop = {"$ref": "#/components/schemas/Loop"}
    assert found({"itemSchema": loop}, schemas=schemas) == (True, [])
    either: Any = {"oneOf": [{"$ref": "#/components/schemas/Loop"}]}
    assert found({"itemSchema": either}, schemas=schemas) == (True, [])


@pytest.mark.parametrize("version", ["3.0.4", "3.1.0", "3.2.0"])
def test_a_schema_without_items_is_of_the_data(version: str) -> None:
    """An object without a member `data`, a list or a number is what `data` holds, as JSON."""
    pet = {"type": "object", "properties": {"name": {"type": "string"}}}
    assert found({"schema": pet}, version=version) == (False, [(None, pet)])
    numbers = {"type": "array", "items": {"type": "integer"}}
    assert found({"schema": numbers}, version=version) == (False, [(None, numbers)])


def test_a_schema_with_data_is_of_the_event() -> None:
    """What has a member `data` is meant as the event."""
    event = {"type": "object", **holds(A)}
    assert found({"schema": event}) == (True, [(None, A)])


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": ["string", "null"]}, {}, True])
def test_a_schema_of_a_text_says_nothing(schema: Any) -> None:
    """It is what every stream of events is."""
    assert found({"schema": schema}) == (False, [])


def test_no_schema_says_nothing() -> None:
    """An empty media type object."""
    assert found({}) == (False, [])


# Operations


def last_event_ids(one: Operation) -> list[tuple[str, str, bool]]:
    """The parameters by which a client says where it was."""
    named = [each for each in one.parameters if each.name.lower() == LAST_EVENT_ID.lower()]
    return [(each.name, each.location, each.required) for each in named]


def test_an_operation_with_events_knows_the_last_event_id() -> None:
    """The header is a parameter, once, whether or not the document says so."""
    assert last_event_ids(operation({EVENTS: {}})) == [("Last-Event-ID", "header", False)]
    assert last_event_ids(operation({"Text/Event-Stream; charset=utf-8": {}}))
    assert last_event_ids(operation({"application/json": {}})) == []
    own = {"name": "last-event-id", "in": "header", "required": True, "schema": {"type": "integer"}}
    made = operation({EVENTS: {}}, parameters=[own])
    assert last_event_ids(made) == [("last-event-id", "header", True)]


def test_x_sse_adds_events_to_the_success() -> None:
    """What it says of JSON is of the data of each event; its other media types stay."""
    pet = {"type": "object"}
    made = operation({"application/json": {"schema": pet}}, **X_SSE)
    names = [one.name for one in made.responses["200"].content]
    assert names == ["application/json", EVENTS]
    events = made.responses["200"].content[1]
    assert [one.schema.value for one in event_schemas(events).data] == [pet]
    assert last_event_ids(made)


@pytest.mark.parametrize(
    ("responses", "status"),
    [
        ({}, "200"),
        ({"default": {"description": "d"}}, "200"),
        ({"404": {"description": "d"}}, "200"),
        ({"2XX": {"description": "d"}}, "2XX"),
        ({"202": {"description": "d"}, "201": {"description": "d"}}, "201"),
    ],
)
def test_x_sse_finds_the_success(responses: Any, status: str) -> None:
    """The lowest one, or 200 where there is none."""
    made = operation({}, **X_SSE, responses=responses)
    assert [one.name for one in made.responses[status].content] == [EVENTS]


def test_x_sse_beside_events_changes_nothing() -> None:
    """Nor does `false`, or anything that is not true."""
    made = operation({EVENTS: {"schema": {"type": "object"}}}, **X_SSE)
    assert len(made.responses["200"].content) == 1
    for value in (False, "yes", 1):
        other: dict[str, Any] = {"x-sse": value}
        made = operation({"application/json": {}}, **other)
        assert [one.name for one in made.responses["200"].content] == ["application/json"]
