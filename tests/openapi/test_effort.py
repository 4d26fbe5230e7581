"""Explanations stay cheap, whatever a client sends: what they would take is known beforehand."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from brrt import App, Handlers
from brrt.openapi.effort import Effort, effort
from brrt.openapi.engine_errors import MAX_COST, MAX_NOTED, MAX_VISITS
from brrt.openapi.validation import violations

Page = Any
REF = "#/components/schemas/"
ENOUGH = 1_000


def nothing(uri: str) -> Any:
    raise AssertionError(uri)


def nested(schema: Any, depth: int, leaf: Any) -> Any:
    """A value in which each level stands in the member `l` of the one above."""
    for _ in range(depth):
        leaf = {"l": leaf}
    return leaf


VISITS: list[tuple[Any, Any, int]] = [
    (True, 1, 0),
    ({}, 1, 1),
    ({"properties": {"a": {}, "b": {}}}, {"a": 1, "c": 1}, 2),
    ({"additionalProperties": {}}, {"a": 1, "b": 1}, 3),
    ({"properties": {"a": {}}, "unevaluatedProperties": {}}, {"a": 1}, 3),
    ({"patternProperties": {"^a": {}, "^b": {}}}, {"a": 1}, 3),
    ({"items": {}}, [1, 2, 3], 4),
    ({"prefixItems": [{}, False], "items": {}}, [1, 2, 3], 3),
    ({"unevaluatedItems": {}}, [1], 2),
    ({"items": {}}, {"0": 1}, 1),
    ({"properties": {"0": {}}}, [1], 1),
    # all that applies in place, and what that says of what is inside
    ({"allOf": [{}, {"anyOf": [{}, {}]}]}, 1, 5),
    ({"oneOf": [{"items": {}}] * 3}, [1], 7),
    ({"dependentSchemas": {"a": {}, "b": {}}}, {"a": 1}, 2),
    ({"if": {"minimum": 1}, "then": {}, "else": {}}, 1, 3),
    # of what a tag chooses only that
    ({"if": {"type": "object"}, "then": {}}, {}, 2),
    ({"if": {"type": "object"}, "then": {}}, [], 1),
    (
        {
            "allOf": [
                {
                    "if": {"properties": {"k": {"enum": [tag]}}, "required": ["k"]},
                    "then": {"properties": {"k": {}}},
                }
                for tag in "abc"
            ]
        },
        {"k": "b"},
        6,
    ),
    # `not` and `contains` are only asked, and tell nothing of what is inside
    ({"not": {"items": {}}, "contains": {}}, [1], 1),
]


@pytest.mark.parametrize(("schema", "value", "visits"), VISITS, ids=str)
def test_visits(schema: Any, value: Any, visits: int) -> None:
    """Each schema counts once for each value that it is applied to."""
    assert effort(schema, value, nothing, ENOUGH).visits == visits


def test_what_is_copied_counts() -> None:
    """A visit to a large value costs more than one to a small value."""
    assert effort({}, list(range(8)), nothing, ENOUGH) == Effort(1, 3)
    assert effort({}, [[[[0]]]], nothing, ENOUGH) == Effort(1, 2)


def test_levels_multiply() -> None:
    """In a schema that holds itself twice, each level is looked at twice as often."""
    tree: dict[str, Any] = {"oneOf": [{"properties": {"l": {"$ref": "tree#/"}}}] * 2}
    found = [effort(tree, nested(tree, depth, 1), lambda uri: tree, ENOUGH) for depth in (0, 1, 2)]
    assert [one.visits for one in found] == [3, 3 + 2 + 2 * 3, 3 + 2 + 6 + 4 + 4 * 3]


def test_it_ends() -> None:
    """Circles, and values that multiply without end, are given up."""
    circle: dict[str, Any] = {}
    circle["anyOf"] = [circle, {"$dynamicRef": "circle#name"}]
    seen: list[str] = []

    def lookup(uri: str) -> Any:
        seen.append(uri)
        return circle

    assert effort(circle, 1, lookup, ENOUGH).visits == 2
    assert seen == ["circle#/$defs/name"]
    tree: dict[str, Any] = {"allOf": [{"properties": {"l": {"$ref": "tree#/"}}}] * 9}
    assert effort(tree, nested(tree, 100, 1), lambda uri: tree, ENOUGH).visits < 20 * ENOUGH


# A grammar of filters, as many services have one: each operator is a branch.
NAMES = ("And", "Or", "Not", "Nor", "Any")
FILTERS: dict[str, Any] = {
    name: {
        "type": "object",
        "required": ["op", "of"],
        "properties": {
            "op": {"const": name},
            "of": {"type": "array", "items": {"$ref": REF + "Filter"}},
        },
    }
    for name in NAMES
}
FILTERS["Is"] = {
    "required": ["op", "v"],
    "properties": {"op": {"const": "Is"}, "v": {"type": "integer"}},
}
FILTERS["Filter"] = {"oneOf": [{"$ref": REF + name} for name in (*NAMES, "Is")]}


def filters(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = {"op": "And", "of": [leaf]}
    return leaf


@pytest.mark.parametrize("depth", [2, 5, 20, 60])
def test_a_recursive_union_is_explained_as_far_as_it_is_cheap(page: Page, depth: int) -> None:
    """Each level multiplies the work by the branches: a body of 1 KB is refused all the same."""
    validator = page.validator({"$ref": REF + "Filter"}, **FILTERS)
    value = filters(depth, {"op": "Is", "v": "x"})
    assert not validator.is_valid(value)
    found = list(violations("body", "", validator.errors(value)))
    assert 0 < len(found) <= MAX_NOTED
    if depth == 2:
        assert [one.pointer for one in found] == ["/of/0/of/0/v"]
    if depth >= 20:
        assert [one.keyword for one in found] == ["size"]


def test_tags_keep_it_cheap(page: Page) -> None:
    """With a discriminator one branch is looked at on each level, so that all is told."""
    union = {**FILTERS["Filter"], "discriminator": {"propertyName": "op"}}
    validator = page.validator({"$ref": REF + "Filter"}, **{**FILTERS, "Filter": union})
    [error] = violations("body", "", validator.errors(filters(20, {"op": "Is", "v": "x"})))
    assert error.pointer == "/of/0" * 20 + "/v"


def test_items_are_bounded_together(page: Page) -> None:
    """Values that are checked each by itself are told as the elements of one array would be."""
    validator = page.validator({"type": "string"})
    found = list(validator.item_errors([1, "x", *range(1_000)]))
    assert [one.path for one in found[:3]] == [(0,), (2,), (3,)]
    assert len(found) == MAX_NOTED
    expected = ["type"] * len(found)
    assert [one.keyword for one in found] == expected


def test_items_share_the_effort(page: Page) -> None:
    """What the first ones took is not there for those that follow."""
    branches = 500
    union = {"anyOf": [{"required": [f"n{number}"]} for number in range(branches)]}
    validator = page.validator(union)
    values: list[Any] = [{} for _ in range(1_000)]
    keywords = [one.keyword for one in validator.item_errors(values)]
    assert keywords[0] == "anyOf"
    assert "required" in keywords  # surveyed
    assert branches * keywords.count("anyOf") <= MAX_COST < MAX_VISITS
    assert len(keywords) <= MAX_NOTED


def lines_app(media_type: str) -> App:
    handlers = Handlers()

    @handlers
    async def take(body: Any) -> int:
        return len(body)

    content = {media_type: {"schema": {"type": "string"}}}
    operation = {
        "operationId": "take",
        "requestBody": {"content": content},
        "responses": {"200": {"description": "ok", "content": {"application/json": {}}}},
    }
    document = {"openapi": "3.1.0", "info": {"title": "Lines", "version": "1"}}
    return App({**document, "paths": {"/": {"post": operation}}}, handlers)


@pytest.mark.parametrize(
    ("media_type", "item"), [("application/jsonl", b"1\n"), ("application/json-seq", b"\x1e1")]
)
async def test_many_wrong_lines_cost_little(
    client: Callable[..., Any], media_type: str, item: bytes
) -> None:
    """A megabyte of wrong items is refused like a megabyte of wrong elements."""
    http: httpx.AsyncClient = await client(lines_app(media_type))
    answer = await http.post("/", content=item * 400_000, headers={"content-type": media_type})
    assert answer.status_code == 400
    assert len(json.loads(answer.content)["errors"]) == MAX_NOTED


def test_tuples_are_looked_at_place_by_place(page: Page) -> None:
    """What is secret at one place of a tuple is no secret at another."""
    secret = {"type": "integer", "format": "password"}
    validator = page.validator({"prefixItems": [{"type": "integer"}, secret]})
    told = [one.message for one in violations("body", "", validator.errors(["one", "two"]))]
    assert told == ['0: must be an integer, got "one"', "1: must be an integer"]


def test_a_note_shows_no_value(page: Page) -> None:
    """Of a large object that may have no properties, the engine's words would show one."""
    validator = page.validator({"additionalProperties": False})
    value = {f"n{number}": "hunter2" for number in range(600)}
    [error] = violations("body", "", validator.errors(value))
    assert error.message == "must not have any property"
