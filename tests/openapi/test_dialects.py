"""Schemas of 3.0 and 3.1 mean what the specification says, whatever the engine speaks.

The oracle is openapi-schema-validator, in the tests only. Where the two part, the specification
decides, and a test of its own says so.
"""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import (
    OAS30ReadValidator,
    OAS30WriteValidator,
    OAS31Validator,
    oas30_format_checker,
    oas31_format_checker,
)

from brrt.openapi.document import load
from brrt.openapi.schemas import Direction, Schemas

Page = Any
REF = "#/components/schemas/"

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
    # `nullable` without a `type` beside it has no effect, whatever stands around it
    ({"nullable": True, "allOf": [{"type": "string"}]}, [None, "a"]),
    ({"nullable": True, "oneOf": [{"type": "string"}, {"type": "integer"}]}, [None, "a"]),
    ({"nullable": True, "anyOf": [{"$ref": "#/components/schemas/Short"}]}, [None, "a"]),
    ({"nullable": True, "enum": ["a"]}, [None, "a"]),
    ({"nullable": True, "minLength": 2}, [None, "a", "ab"]),
    ({"type": "object", "nullable": True, "allOf": [{"type": "object"}]}, [None, {}]),
    ({"allOf": [{"type": "string", "nullable": True}, {"maxLength": 1}]}, [None, "a", "ab"]),
    ({"oneOf": [{"type": "string", "nullable": True}, {"type": "integer"}]}, [None, "a", 1]),
    ({"type": "string", "nullable": True, "format": "date"}, [None, "2020-01-01", "x"]),
    ({"type": "integer", "nullable": True, "minimum": 1}, [None, 1, 0]),
    ({"not": {"type": "string", "nullable": True}}, [None, "a", 1]),
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
    """A schema of 3.0 accepts what the oracle accepts, in every direction."""
    is_response = direction is Direction.RESPONSE
    oracle = OAS30ReadValidator if is_response else OAS30WriteValidator
    whole = {"components": {"schemas": COMPONENTS}, "allOf": [schema]}
    expected = oracle(whole, format_checker=oas30_format_checker).is_valid(instance)
    found = page.validator(schema, direction, version="3.0.3", **COMPONENTS)
    assert found.is_valid(instance) is expected


@pytest.mark.parametrize(("schema", "instance"), cases(TABLE, TABLE_31), ids=str)
def test_3_1_agrees_with_the_oracle(page: Page, schema: Any, instance: Any) -> None:
    """A schema of 3.1 accepts what the oracle accepts."""
    whole = {"components": {"schemas": COMPONENTS}, "allOf": [schema]}
    expected = OAS31Validator(whole, format_checker=oas31_format_checker).is_valid(instance)
    assert page.validator(schema, version="3.1.0", **COMPONENTS).is_valid(instance) is expected


OLD = "http://json-schema.org/draft-0{}/schema#"
D4, D6, D7 = (OLD.format(number) for number in (4, 6, 7))
D2019 = "https://json-schema.org/draft/2019-09/schema"
D2020 = "https://json-schema.org/draft/2020-12/schema"
OAS31 = "https://spec.openapis.org/oas/3.1/dialect/base"
OAS32 = "https://spec.openapis.org/oas/3.2/dialect/2025-09-17"

# Schemas that mean one thing in these dialects: what is right and what is wrong.
WORDS: list[tuple[list[str], Any, list[Any], list[Any]]] = [
    ([D4], {"minimum": 1, "exclusiveMinimum": True}, [2, "a"], [1]),
    ([D4], {"maximum": 1, "exclusiveMaximum": False}, [1], [2]),
    # not so in these, but only one thing can be meant
    ([D2020, OAS31, OAS32], {"minimum": 1, "exclusiveMinimum": True}, [2, "a"], [1]),
    ([D6, D2020, OAS31], {"maximum": 1, "exclusiveMaximum": False}, [1], [2]),
    ([D2020, OAS31], {"exclusiveMinimum": True}, [0], []),
    ([D6, D7, D2019, D2020, OAS31, OAS32], {"exclusiveMinimum": 1}, [2], [1]),
    ([D4], {"const": 1, "contains": False, "propertyNames": False}, [2, [2], {"a": 1}], []),
    ([D6, D7, D2019, D2020], {"const": 1}, [1], [2]),
    ([D6, D7, D2019, D2020], {"contains": {"const": 1}}, [[1]], [[2], []]),
    ([D6, D7, D2019, D2020], {"propertyNames": {"maxLength": 1}}, [{"a": 1}], [{"ab": 1}]),
    ([D6], {"if": {}, "then": False}, [1], []),
    ([D7, D2019, D2020], {"if": {"const": 1}, "then": False}, [2], [1]),
    ([D6, D7], {"contains": {"const": 1}, "minContains": 2}, [[1]], []),
    ([D2019, D2020, OAS31], {"contains": {"const": 1}, "minContains": 2}, [[1, 1]], [[1]]),
    ([D4, D6, D7], {"dependencies": {"a": ["b"]}}, [{"b": 1}, {"a": 1, "b": 1}], [{"a": 1}]),
    ([D4, D6, D7], {"dependencies": {"a": {"required": ["b"]}}}, [{"b": 1}], [{"a": 1}]),
    ([D6, D7], {"dependencies": {"a": False}}, [{"b": 1}], [{"a": 1}]),
    ([D6, D7], {"dependentRequired": {"a": ["b"]}}, [{"a": 1}], []),
    ([D2019, D2020], {"dependentRequired": {"a": ["b"]}}, [{"a": 1, "b": 1}], [{"a": 1}]),
    ([D4, D6, D7, D2019], {"items": [{"type": "integer"}]}, [[1, "a"], [], "a"], [["a"]]),
    (
        [D4, D6, D7, D2019],
        {"items": [{"type": "integer"}], "additionalItems": {"type": "string"}},
        [[1, "a"], [1]],
        [["a"], [1, 1]],
    ),
    ([D4, D6, D7, D2019], {"items": [{}], "additionalItems": False}, [[1], []], [[1, 1]]),
    (
        [D4, D6, D7, D2019, D2020],
        {"items": {"type": "integer"}, "additionalItems": False},
        [[1, 1]],
        [["a"]],
    ),
    ([D4, D6, D7, D2019], {"prefixItems": [False]}, [[1]], []),
    ([D2020, OAS31, OAS32], {"prefixItems": [False]}, [[]], [[1]]),
    ([D4, D6, D7], {"$ref": REF + "Short", "minLength": 2}, ["a"], ["abc"]),
    ([D2019, D2020, OAS31], {"$ref": REF + "Short", "minLength": 2}, ["ab"], ["a", "abc"]),
    ([D4, D6, D7], {"unevaluatedProperties": False}, [{"a": 1}], []),
    ([D2019, D2020], {"unevaluatedProperties": False}, [{}], [{"a": 1}]),
    ([D4, D6, D7], {"patternProperties": {"^a": {"type": "integer"}}}, [{"a": 1}], [{"a": "x"}]),
    ([D4, D6, D7, D2020], {"type": ["string", "null"]}, ["a", None], [1]),
    ([D4, D7, D2020], {"type": "string", "nullable": True}, ["a"], [None]),
    ([D4, D7, D2020], {"format": "int8"}, [127], [128]),
]


def dialect_cases() -> list[tuple[str, Any, list[Any], list[Any]]]:
    return [(one, *row) for dialects, *row in WORDS for one in dialects]


@pytest.mark.parametrize(("dialect", "schema", "right", "wrong"), dialect_cases(), ids=str)
@pytest.mark.parametrize("where", ["schema", "around", "document", "file"])
def test_the_words_of_a_dialect(
    page: Page, dialect: str, schema: Any, right: Any, wrong: Any, where: str, tmp_path: Path
) -> None:
    """`$schema` of a schema or around it, or `jsonSchemaDialect`, says what the words mean."""
    document = page.document(schemas={"Tested": schema, **COMPONENTS})
    schemas = document["components"]["schemas"]
    if where == "schema":
        schemas["Tested"] = {"$schema": dialect, **schema}
    elif where == "around":
        schemas["Outer"] = {"$schema": dialect, "properties": {"inner": schema}}
        schemas["Tested"] = {"$ref": REF + "Outer/properties/inner"}
    elif where == "document":
        document["jsonSchemaDialect"] = dialect
    else:
        inner = json.loads(json.dumps(schema).replace(REF, "main.json" + REF))
        (tmp_path / "main.json").write_text(json.dumps(document))
        (tmp_path / "other.json").write_text(json.dumps({"$schema": dialect, **inner}))
        schemas["Tested"] = {"$ref": "other.json"}
        (tmp_path / "main.json").write_text(json.dumps(document))
    loaded = load(tmp_path / "main.json" if where == "file" else document, strict=False)
    place, compiled = loaded.root["components"]["schemas"]["Tested"], Schemas(loaded)
    compiled.add(place, Direction.REQUEST)
    is_valid = compiled.validator(place, Direction.REQUEST).is_valid
    assert [is_valid(one) for one in right] == [True] * len(right)
    assert [is_valid(one) for one in wrong] == [False] * len(wrong)


def test_a_schema_inside_another_has_its_own_dialect(page: Page) -> None:
    """`$schema` counts for what is inside it, and nothing else."""
    old = {"$schema": D4, "exclusiveMaximum": True, "maximum": 5}
    with_id = {"$id": "http://s.example/old", **old}
    schema = {
        "properties": {"old": old, "too": with_id, "new": {"exclusiveMaximum": 5}},
        "allOf": [{"$schema": D7, "$ref": REF + "Short", "type": "string"}],
    }
    validator = page.validator(schema, Short={})
    assert validator.is_valid({"old": 4, "too": 4, "new": 4})
    for name in ("old", "too", "new"):
        assert not validator.is_valid({name: 5})


def test_beside_a_reference_there_is_no_identifier(page: Page) -> None:
    """Up to draft 7 an `$id` beside `$ref` is ignored with all else."""
    schema = {
        "$schema": D7,
        "$id": "http://s.example/a/",
        "definitions": {"x": {"$id": "x.json", "type": "integer"}},
        "allOf": [{"$id": "http://s.example/b/", "$ref": "x.json"}],
    }
    validator = page.validator(schema)
    assert validator.is_valid(1)
    assert not validator.is_valid("a")


def test_read_only_counts_in_every_dialect(page: Page) -> None:
    """What a property is hidden by is a word of OpenAPI, not of the dialect."""
    schema = {"required": ["id"], "properties": {"id": {"readOnly": True}}}
    for dialect in (D4, D6, D7, D2019, D2020):
        validator = page.validator({"$schema": dialect, **schema})
        assert validator.is_valid({})
        assert not validator.is_valid({"id": 1})


FILES: list[tuple[str, Any, bool]] = [
    ("3.0.3", {"type": "string", "format": "binary", "minLength": 9}, True),
    ("3.0.3", {"type": "string", "format": "binary", "pattern": "^a"}, True),
    ("3.0.3", {"type": "string", "minLength": 9}, False),
    ("3.0.3", {"type": "string", "format": "byte", "minLength": 9}, False),
    ("3.1.0", {"type": "string", "format": "binary", "minLength": 9}, True),
    ("3.1.0", {"type": "string", "contentMediaType": "image/png", "minLength": 9}, True),
    ("3.1.0", {"contentMediaType": "image/png", "minLength": 9}, True),
    ("3.1.0", {"type": ["string", "null"], "contentMediaType": "image/png", "minLength": 9}, True),
    (
        "3.1.0",
        {"contentMediaType": "image/png", "contentEncoding": "base64", "minLength": 9},
        False,
    ),
    ("3.1.0", {"$ref": REF + "Content"}, True),
    ("3.2.0", {"contentMediaType": "image/png", "minLength": 9}, True),
]


@pytest.mark.parametrize(("version", "schema", "accepted"), FILES, ids=str)
def test_the_content_of_a_file_is_not_checked_in_uploads(
    page: Page, version: str, schema: Any, accepted: bool
) -> None:
    """In a form, the empty text that stands for a file is valid, whatever the schema wants."""
    content = {"type": "string", "contentMediaType": "image/png", "minLength": 9}
    body = {"properties": {"files": {"items": schema}}, "required": ["files"]}
    uploads = page.validator(body, Direction.UPLOAD, version=version, Content=content)
    assert uploads.is_valid({"files": ["", ""]}) is accepted
    assert not uploads.is_valid({})
    requests = page.validator(body, Direction.REQUEST, version=version, Content=content)
    assert not requests.is_valid({"files": [""]})


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
def test_a_whole_number_is_an_integer(page: Page, version: str) -> None:
    """JSON has one kind of number: 1.0 is an integer, though draft 4 had it otherwise."""
    assert page.validator({"type": "integer"}, version=version).is_valid(1.0)


def test_beside_a_reference_nothing_counts_in_3_0(page: Page) -> None:
    """Siblings of `$ref` are ignored (3.0.3, Reference Object); the oracle does not ignore them."""
    schema = {"$ref": "#/components/schemas/Short", "maxLength": 1, "nullable": True}
    validator = page.validator(schema, version="3.0.3", **COMPONENTS)
    assert [validator.is_valid(one) for one in ("ab", "abc", None)] == [True, False, False]


# Patterns of ECMA-262 with the `u` flag (JSON Schema 2020-12, section 6.4): what matches and
# what does not.
PATTERNS: list[tuple[str, list[str], list[str]]] = [
    (r"^\d$", ["1"], ["\u0663", "1\n", ""]),
    (r"^\w+$", ["a_1"], ["é", "a-b"]),
    (r"^\W$", ["é", "-"], ["a"]),
    (r"^\s$", [" ", "\t", "\u00a0", "\ufeff", "\u2028"], ["\u0085", "a"]),
    (r"^\S$", ["a"], ["\u2003", "\ufeff"]),
    (r"\bfoo\b", ["a foo b"], ["afoo"]),
    (r"^\p{L}+$", ["é", "a"], ["1"]),
    (r"^\p{Letter}+$", ["é"], ["1"]),
    (r"^\P{L}$", ["1"], ["a"]),
    (r"^\p{Script=Greek}+$", ["\u03b1"], ["a"]),
    (r"^[\p{L}\d]+$", ["é1"], ["-"]),
    (r"^\u{1F600}$", ["😀"], ["a"]),
    (r"^\u0041\x42$", ["AB"], ["ab"]),
    (r"^\cA\cC$", ["\x01\x03"], ["cA"]),
    (r"^\t\n\v\f\r$", ["\t\n\v\f\r"], ["tnvfr"]),
    (r"^.$", ["😀", "é"], ["\n", "\r", "\u2028", "\u2029", "ab", ""]),
    (r"^[.]$", ["."], ["a"]),
    (r"^\.$", ["."], ["a"]),
    (r"^[^]$", ["a", "\n"], ["", "ab"]),
    (r"^[]$", [], ["", "a"]),
    (r"^a$|^b$", ["a", "b"], ["ab", "a\n"]),
    (r"b", ["abc"], ["ac"]),
    (r"^(?:a|b){2,3}?$", ["ab"], ["a"]),
    (r"^[\w-]+$", ["a-b"], ["a b"]),
    (r"^[^\s@]+@[^\s@]+$", ["a@b"], ["a @b"]),
    (r"^[[]$", ["["], ["]"]),
    (r"^[a-c&&[b]$", ["a", "&", "["], ["]", "d"]),
    (r"^[a--]$", ["-", "a"], ["b"]),
    (r"^[a[]$", ["a", "["], ["]", "a]"]),
    (r"^[a[^]$", ["a", "[", "^"], ["b"]),
    (r"^\/\-$", ["/-"], ["\\/"]),
    (r"^[\b]$", ["\b"], ["b"]),
    (r"^\0$", ["\0"], ["0"]),
    (r"^#a b$", ["#a b"], ["", "#ab"]),
    (r"^\ud83d\ude00$", ["😀"], ["a"]),
    (r"^[\ud83d\ude00]$", ["😀"], ["a"]),
    (r"^(?=a)\w$", ["a"], ["b"]),
    (r"^(?!a)\w$", ["b"], ["a"]),
    (r"(?<=a)b", ["ab"], ["cb"]),
    (r"(?<!a)b", ["cb"], ["ab"]),
    (r"^(a|b)\1$", ["aa", "bb"], ["ab"]),
    (r"^(?<x>a|b)\k<x>$", ["aa", "bb"], ["ab"]),
    (r"^(?<year>\d{4})-\d\d$", ["2020-01"], ["20-01"]),
]


@pytest.mark.parametrize(("pattern", "right", "wrong"), PATTERNS, ids=str)
@pytest.mark.parametrize("where", ["pattern", "patternProperties"])
def test_patterns_are_those_of_ecma(
    page: Page, where: str, pattern: str, right: list[str], wrong: list[str]
) -> None:
    """Classes are ASCII, the end is the end, and a dot is no line terminator."""
    if where == "pattern":
        is_valid = page.validator({"pattern": pattern}).is_valid
        found = [[is_valid(text) for text in texts] for texts in (right, wrong)]
    else:
        is_valid = page.validator({where: {pattern: False}}).is_valid
        found = [[not is_valid({text: 1}) for text in texts] for texts in (right, wrong)]
    assert found == [[True] * len(right), [False] * len(wrong)]


HOSTILE = [
    ("(a+)+$", "a" * 50_000 + "b"),
    ("^(a|aa)+$", "a" * 50_000 + "b"),
    ("^(?=a)(a+)+$", "a" * 50_000 + "b"),
    (r"^(a*)*\1$", "a" * 50_000 + "b"),
    (r"^(?!x)(.*a){20}$", "a" * 50_000),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$(?<!x)", "a" * 50_000),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE, ids=[pattern for pattern, _ in HOSTILE])
def test_a_catastrophic_pattern_ends(page: Page, pattern: str, text: str) -> None:
    """50 KB against a pattern that would backtrack for ever: what cannot be matched is refused."""
    validator = page.validator({"pattern": pattern})
    begin = time.perf_counter()
    validator.is_valid(text)
    assert len(list(validator.errors(text))) <= 1
    assert time.perf_counter() - begin < 1


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
    assert validator.is_valid(request) is (direction is not Direction.RESPONSE)
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


def test_one_way_properties_of_an_embedded_resource(page: Page) -> None:
    """References in a part with an `$id` of its own are relative to that."""
    part = {
        "$id": "http://s.example/part",
        "properties": {"id": {"$ref": "#/$defs/id"}},
        "$defs": {"id": ID},
    }
    validator = page.validator({"required": ["id"], "allOf": [part]}, Direction.REQUEST)
    assert validator.is_valid({})
    assert not validator.is_valid({"id": 1})


def test_a_hidden_property_is_known_to_unevaluated_properties(page: Page) -> None:
    """What is left out of a direction is not mistaken for something unknown."""
    schema = {"properties": {"id": ID, "name": {}}, "unevaluatedProperties": False}
    assert page.validator(schema, Direction.REQUEST).is_valid({"name": 1})
    assert page.validator(schema, Direction.RESPONSE).is_valid({"name": 1, "id": 1})
