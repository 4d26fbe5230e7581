"""Schemas of 3.0 and 3.1 mean what the specification says, whatever the engine speaks.

The oracle is openapi-schema-validator, in the tests only. Where the two part, the specification
decides, and a test of its own says so.
"""

import base64
from typing import Any

import pytest
from openapi_schema_validator import (
    OAS30ReadValidator,
    OAS30WriteValidator,
    OAS31Validator,
    oas30_format_checker,
    oas31_format_checker,
)

from brrt.openapi.schemas import Direction

Page = Any

TABLE: list[tuple[Any, list[Any]]] = [
    ({"type": "string"}, ["", "a", 1, None, [], {}, True]),
    ({"type": "integer"}, [1, -1, 0, 1.5, "1", True, None, 2**70]),
    ({"type": "number"}, [1, 1.5, "1", False, None, -0.0]),
    ({"type": "boolean"}, [True, False, 0, 1, "true", None]),
    ({"type": "array", "items": {"type": "integer"}}, [[], [1], ["a"], [1, None], {}, None]),
    ({"type": "object"}, [{}, [], None, {"a": 1}]),
    ({}, [1, None, {}, [], "a"]),
    ({"type": "string", "enum": ["a", "b"]}, ["a", "c", None, 1]),
    ({"enum": [1, "1", None, {"a": [1]}]}, [1, "1", None, {"a": [1]}, {"a": []}, 2]),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["a", "ab", "abc", "abcd", "é€", "👍"]),
    ({"type": "string", "pattern": "^a+$"}, ["a", "aaa", "b", "", "ab"]),
    ({"pattern": "b"}, ["abc", "ac", 5]),
    ({"type": "number", "multipleOf": 0.5}, [1, 1.5, 1.25, 0]),
    ({"type": "integer", "multipleOf": 3}, [3, 4, 0, -3]),
    ({"type": "integer", "minimum": 1, "maximum": 3}, [0, 1, 3, 4]),
    ({"type": "array", "minItems": 1, "maxItems": 2}, [[], [1], [1, 2], [1, 2, 3]]),
    ({"type": "array", "uniqueItems": True}, [[1, 2], [1, 1], [1, True], [{}, {}], [[1], [1]]]),
    ({"type": "object", "required": ["a"]}, [{}, {"a": None}, {"b": 1}]),
    ({"properties": {"a": {"type": "integer"}}}, [{"a": 1}, {"a": "x"}, {"b": "x"}, [], 5]),
    ({"additionalProperties": False, "properties": {"a": {}}}, [{}, {"a": 1}, {"b": 1}]),
    ({"additionalProperties": {"type": "integer"}}, [{}, {"a": 1}, {"a": "x"}]),
    ({"type": "object", "minProperties": 1, "maxProperties": 1}, [{}, {"a": 1}, {"a": 1, "b": 2}]),
    ({"allOf": [{"minimum": 2}, {"maximum": 4}]}, [1, 2, 4, 5, "a"]),
    ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ["a", 5, 4]),
    ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, [1, 2, 2.5, 1.5]),
    ({"not": {"type": "string"}}, [1, "a"]),
    ({"type": "integer", "format": "int32"}, [2**31 - 1, 2**31, -(2**31), -(2**31) - 1]),
    ({"type": "integer", "format": "int64"}, [2**63 - 1, 2**63, -(2**63), -(2**63) - 1]),
    ({"type": "string", "format": "date"}, ["2020-02-29", "2021-02-29", "20200229", "x"]),
    ({"type": "string", "format": "date-time"}, ["2020-01-02T03:04:05Z", "2020-01-02", "x"]),
    ({"type": "string", "format": "uuid"}, ["12345678-1234-5678-1234-567812345678", "x"]),
    ({"type": "string", "format": "password"}, ["x", ""]),
    ({"type": "string", "format": "no-such-format"}, ["x"]),
    ({"description": "d", "example": 1, "x-more": {"type": "string"}, "deprecated": True}, [1]),
]

TABLE_30: list[tuple[Any, list[Any]]] = [
    ({"type": "string", "nullable": True}, ["a", None, 1]),
    ({"type": "string", "nullable": False}, ["a", None]),
    ({"type": "string", "nullable": True, "enum": ["a"]}, ["a", "b"]),
    ({"type": "string", "nullable": True, "enum": ["a", None]}, ["a", None, "b"]),
    ({"type": "array", "items": {"type": "integer", "nullable": True}}, [[None], [1], ["a"]]),
    ({"type": "object", "properties": {"a": {"type": "string", "nullable": True}}}, [{"a": None}]),
    ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, [1, 2]),
    ({"type": "integer", "minimum": 1, "exclusiveMinimum": False}, [0, 1]),
    ({"type": "integer", "maximum": 1, "exclusiveMaximum": True}, [1, 0]),
    ({"type": "integer", "exclusiveMinimum": True}, [0]),
    ({"$ref": "#/components/schemas/Short"}, ["a", "ab", "abc"]),
    ({"$ref": "#/components/schemas/Short", "nullable": True}, [None, "a"]),
    ({"type": "string", "format": "byte"}, [base64.b64encode(b"hi").decode(), "a"]),
    ({"type": "string", "const": "a", "if": {}, "then": False}, ["b"]),
]

TABLE_31: list[tuple[Any, list[Any]]] = [
    (True, [1, None]),
    (False, [1, None]),
    ({"type": ["string", "null"]}, ["a", None, 1]),
    ({"const": {"a": 1}}, [{"a": 1}, {"a": 2}]),
    ({"exclusiveMinimum": 1, "exclusiveMaximum": 3}, [1, 2, 3]),
    ({"$ref": "#/components/schemas/Short", "minLength": 2}, ["a", "ab", "abc"]),
    ({"prefixItems": [{"type": "integer"}], "items": False}, [[], [1], ["a"], [1, 2]]),
    ({"contains": {"const": 1}, "maxContains": 1}, [[], [1], [1, 1], [2]]),
    ({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 2}}, ["a", "ab", 1]),
    ({"dependentRequired": {"a": ["b"]}}, [{}, {"a": 1}, {"a": 1, "b": 1}]),
    ({"dependentSchemas": {"a": {"minProperties": 2}}}, [{"a": 1}, {"a": 1, "c": 1}]),
    ({"patternProperties": {"^x": {"type": "integer"}}}, [{"xa": 1}, {"xa": "a"}, {"a": "a"}]),
    ({"propertyNames": {"maxLength": 1}}, [{"a": 1}, {"ab": 1}]),
    ({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}, [{"a": 1}, {"b": 1}]),
    ({"prefixItems": [{}], "unevaluatedItems": False}, [[1], [1, 2]]),
    ({"nullable": True, "type": "string"}, [None, "a"]),
    ({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}, []),
    ({"properties": {"$ref": {"type": "string"}, "properties": {}}}, [{"$ref": 1}, {"$ref": "a"}]),
]
COMPONENTS = {"Short": {"type": "string", "maxLength": 2}}


def cases(*tables: list[tuple[Any, list[Any]]]) -> list[tuple[Any, Any]]:
    rows = [row for table in tables for row in table]
    return [(schema, instance) for schema, instances in rows for instance in instances]


@pytest.mark.parametrize(("schema", "instance"), cases(TABLE, TABLE_30), ids=str)
@pytest.mark.parametrize("direction", Direction)
def test_3_0_agrees_with_the_oracle(
    page: Page, schema: Any, instance: Any, direction: Direction
) -> None:
    """A schema of 3.0 accepts what the oracle accepts, in both directions."""
    oracle = {Direction.REQUEST: OAS30WriteValidator, Direction.RESPONSE: OAS30ReadValidator}
    whole = {"components": {"schemas": COMPONENTS}, "allOf": [schema]}
    expected = oracle[direction](whole, format_checker=oas30_format_checker).is_valid(instance)
    found = page.validator(schema, direction, version="3.0.3", **COMPONENTS)
    assert found.is_valid(instance) is expected


@pytest.mark.parametrize(("schema", "instance"), cases(TABLE, TABLE_31), ids=str)
def test_3_1_agrees_with_the_oracle(page: Page, schema: Any, instance: Any) -> None:
    """A schema of 3.1 accepts what the oracle accepts."""
    whole = {"components": {"schemas": COMPONENTS}, "allOf": [schema]}
    expected = OAS31Validator(whole, format_checker=oas31_format_checker).is_valid(instance)
    assert page.validator(schema, version="3.1.0", **COMPONENTS).is_valid(instance) is expected


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
def test_a_whole_number_is_an_integer(page: Page, version: str) -> None:
    """JSON has one kind of number: 1.0 is an integer, though draft 4 had it otherwise."""
    assert page.validator({"type": "integer"}, version=version).is_valid(1.0)


def test_beside_a_reference_nothing_counts_in_3_0(page: Page) -> None:
    """Siblings of `$ref` are ignored (3.0.3, Reference Object); the oracle does not ignore them."""
    schema = {"$ref": "#/components/schemas/Short", "maxLength": 1, "nullable": True}
    validator = page.validator(schema, version="3.0.3", **COMPONENTS)
    assert [validator.is_valid(one) for one in ("ab", "abc", None)] == [True, False, False]


def test_patterns_are_those_of_ecma(page: Page) -> None:
    r"""`\d` is ASCII, `$` is the end and not a line break before it (ECMA-262)."""
    digits = page.validator({"type": "string", "pattern": r"^\d$"})
    assert digits.is_valid("1")
    assert not digits.is_valid("\u0663")
    assert not digits.is_valid("1\n")


def test_patterns_with_look_around(page: Page) -> None:
    """What linear time cannot do, the backtracking engine does."""
    assert not page.validator({"pattern": "^(?!a)"}).is_valid("a")
    assert page.validator({"pattern": r"^(a|b)\1$"}).is_valid("aa")


def test_a_catastrophic_pattern_ends(page: Page) -> None:
    """A pattern that would backtrack for ever gives up soon, and what it could not match fails."""
    assert not page.validator({"pattern": "^(?=a)(a+)+$"}).is_valid("a" * 60 + "b")


WRITE_ONCE = {
    "type": "object",
    "required": ["id", "secret", "name"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "secret": {"type": "string", "writeOnly": True},
        "name": {"type": "string"},
    },
}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize("direction", Direction)
def test_one_way_properties(page: Page, version: str, direction: Direction) -> None:
    """What goes one way only is neither demanded nor accepted on the other."""
    validator = page.validator(WRITE_ONCE, direction, version=version)
    request, response = {"secret": "s", "name": "n"}, {"id": 1, "name": "n"}
    assert validator.is_valid(request) is (direction is Direction.REQUEST)
    assert validator.is_valid(response) is (direction is Direction.RESPONSE)
    assert not validator.is_valid({"id": 1, "secret": "s", "name": "n"})
    assert not validator.is_valid({"id": 1, "secret": "s"})


ID = {"type": "integer", "readOnly": True}
BASE = {"type": "object", "properties": {"id": ID}}
HIDING = [
    {"required": ["id"], "properties": {"id": {"$ref": "#/components/schemas/Id"}}},
    {"required": ["id"], "properties": {"id": {"$ref": "#/components/schemas/IdToo"}}},
    {
        "required": ["id"],
        "properties": {"id": {"allOf": [{"$ref": "#/components/schemas/IdToo"}, {}]}},
    },
    {"required": ["id"], "allOf": [{"$ref": "#/components/schemas/Base"}]},
    {"allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["id"]}]},
    {"allOf": [{"allOf": [BASE]}, {"allOf": [{"required": ["id"]}]}]},
    {"anyOf": [{"required": ["id"]}], "properties": {"id": ID}},
]


@pytest.mark.parametrize("schema", HIDING, ids=str)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_one_way_properties_in_other_places(page: Page, schema: Any, version: str) -> None:
    """`readOnly` counts behind `$ref` and `allOf`, and `required` may stand beside or around."""
    schemas = {"Id": ID, "IdToo": {"$ref": "#/components/schemas/Id"}, "Base": BASE}
    asked = page.validator(schema, Direction.REQUEST, version=version, **schemas)
    assert asked.is_valid({})
    assert not asked.is_valid({"id": 1})
    answered = page.validator(schema, Direction.RESPONSE, version=version, **schemas)
    assert answered.is_valid({"id": 1})
    assert not answered.is_valid({})


def test_read_only_beside_a_reference(page: Page) -> None:
    """Beside `$ref` it counts from 3.1 on, and is ignored with all else before."""
    schema = {
        "required": ["id"],
        "properties": {"id": {"$ref": "#/components/schemas/Id", "readOnly": True}},
    }
    schemas = {"Id": {"type": "integer"}}
    assert page.validator(schema, version="3.1.0", **schemas).is_valid({})
    assert not page.validator(schema, version="3.0.3", **schemas).is_valid({})


def test_a_hidden_property_is_known_to_unevaluated_properties(page: Page) -> None:
    """What is left out of a direction is not mistaken for something unknown."""
    schema = {"properties": {"id": ID, "name": {}}, "unevaluatedProperties": False}
    assert page.validator(schema, Direction.REQUEST).is_valid({"name": 1})
    assert page.validator(schema, Direction.RESPONSE).is_valid({"name": 1, "id": 1})
