"""Defaults are filled in and secrets are taken out, at any depth, and nothing else changes."""

import copy
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from brrt.openapi.document import Document, load
from brrt.openapi.fillings import MAX_DEFAULT_SIZE, filler, prepare, remover
from brrt.openapi.schemas import Direction, Schemas

Page = Any
Json = Any
JSON = "application/json"
REF = "#/components/schemas/"
VERSIONS = ["3.0.4", "3.1.1", "3.2.0"]
A: Json = {"a": {"default": 1}}
OBJECT: Json = {"properties": A}
SECRET: Json = {"properties": {"s": {"type": "string", "writeOnly": True}}}


def added(document: Document, name: str = "Tested") -> tuple[Any, Schemas]:
    """A component's place, and the schemas that know it in every direction."""
    place, schemas = document.root["components"]["schemas"][name], Schemas(document)
    for direction in Direction:
        schemas.add(place, direction)
    return place, schemas


def loaded(page: Page, schema: Json, version: str = "3.1.1", **others: Json) -> Document:
    made = page.document(version=version, schemas={"Tested": schema, **others})
    return load(made, strict=False)


def fill_of(page: Page, schema: Json, version: str = "3.1.1", **others: Json) -> Any:
    """The filler of a schema, which has one."""
    fill = filler(*added(loaded(page, schema, version, **others)))
    assert fill is not None
    return fill


def remove_of(page: Page, schema: Json, version: str = "3.1.1", **others: Json) -> Any:
    remove = remover(*added(loaded(page, schema, version, **others)))
    assert remove is not None
    return remove


def unchanged(function: Any, value: Json) -> Json:
    """What the function makes of a value, which it does not change."""
    before = copy.deepcopy(value)
    result = function(value)
    assert value == before
    return result


def tagged(kind: str, **properties: Json) -> Json:
    return {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"type": "string", "enum": [kind]}, **properties},
    }


CAT, DOG = tagged("cat", mood={"default": "calm"}), tagged("dog", mood={"default": "wild"})
# What each version has: a name, a schema, a value, and what becomes of it.
FILLED: list[tuple[str, Json, Json, Json]] = [
    ("missing", OBJECT, {}, {"a": 1}),
    ("there", OBJECT, {"a": 2}, {"a": 2}),
    ("other members stay", OBJECT, {"b": [2]}, {"b": [2], "a": 1}),
    ("not an object", OBJECT, [], []),
    ("nested", {"properties": {"o": OBJECT}}, {"o": {}}, {"o": {"a": 1}}),
    ("nested and missing", {"properties": {"o": OBJECT}}, {}, {}),
    ("array", {"type": "array", "items": OBJECT}, [{}, {"a": 2}, 3], [{"a": 1}, {"a": 2}, 3]),
    ("map", {"additionalProperties": OBJECT}, {"x": {}, "y": 1}, {"x": {"a": 1}, "y": 1}),
    (
        "map beside a property",
        {"properties": {"x": {}}, "additionalProperties": OBJECT},
        {"x": {}, "y": {}},
        {"x": {}, "y": {"a": 1}},
    ),
    ("reference", {"properties": {"o": {"$ref": REF + "O"}}}, {"o": {}}, {"o": {"a": 1}}),
    ("default by reference", {"properties": {"d": {"$ref": REF + "D"}}}, {}, {"d": 7}),
    ("root reference", {"$ref": REF + "O"}, {}, {"a": 1}),
    ("allOf", {"allOf": [{"$ref": REF + "O"}, {"properties": {"b": {"default": 2}}}]}, {}, None),
    ("default in allOf", {"properties": {"d": {"allOf": [{"$ref": REF + "D"}]}}}, {}, {"d": 7}),
    (
        "last of allOf wins",
        {"allOf": [OBJECT, {"properties": {"a": {"default": 2}}}]},
        {},
        {"a": 2},
    ),
    ("outer default wins", {"allOf": [OBJECT], "properties": {"a": {"default": 3}}}, {}, {"a": 3}),
    (
        "allOf below one property",
        {"properties": {"o": OBJECT}, "allOf": [{"properties": {"o": {"$ref": REF + "P"}}}]},
        {"o": {}},
        {"o": {"a": 1, "p": 2}},
    ),
    ("null, false and zero", {"properties": {"a": {"default": False}}}, {}, {"a": False}),
    ("not", {**OBJECT, "not": {"properties": {"n": {"default": 1}}, "required": ["n"]}}, {}, None),
    ("read-only", {"properties": {**A, "r": {"default": 1, "readOnly": True}}}, {}, {"a": 1}),
    ("write-only", {"properties": {"w": {"default": 1, "writeOnly": True}}}, {}, {"w": 1}),
    ("read-only target", {"properties": {**A, "r": {"$ref": REF + "R"}}}, {}, {"a": 1}),
    (
        "read-only elsewhere",
        {
            "properties": {**A, "r": {"default": 1}},
            "allOf": [{"properties": {"r": {"readOnly": True}}}],
        },
        {},
        {"a": 1},
    ),
    ("wrong default", {"properties": {**A, "b": {"type": "string", "default": 1}}}, {}, {"a": 1}),
    (
        "second default when the first is wrong",
        {"properties": {"a": {"type": "integer", "default": "x"}}, "allOf": [OBJECT]},
        {},
        {"a": 1},
    ),
    (
        "wrong for a sibling",
        {
            "properties": {**A, "b": {"default": 9}},
            "allOf": [{"properties": {"b": {"maximum": 3}}}],
        },
        {},
        {"a": 1},
    ),
    (
        "unknown to a closed sibling",
        {
            "properties": A,
            "additionalProperties": False,
            "allOf": [{"properties": {"b": {"default": 1}}}],
        },
        {},
        {"a": 1},
    ),
    ("the whole breaks", {**OBJECT, "maxProperties": 1}, {"b": 1}, {"b": 1}),
    (
        "default with defaults",
        {"properties": {"o": {**OBJECT, "default": {}}}},
        {},
        {"o": {"a": 1}},
    ),
    (
        "default of objects",
        {"properties": {"o": {"type": "array", "items": OBJECT, "default": [{}, {"a": 2}]}}},
        {},
        {"o": [{"a": 1}, {"a": 2}]},
    ),
    (
        "default that its inner defaults would break",
        {"properties": {"o": {**OBJECT, "maxProperties": 0, "default": {}}}},
        {},
        {"o": {}},
    ),
    ("oneOf", {"oneOf": [CAT, DOG]}, {"kind": "dog"}, {"kind": "dog", "mood": "wild"}),
    ("oneOf by type", {"oneOf": [{"type": "string"}, {**OBJECT, "type": "object"}]}, "x", "x"),
    ("anyOf", {"anyOf": [CAT, DOG]}, {"kind": "dog"}, {"kind": "dog", "mood": "wild"}),
    (
        "anyOf, each valid one",
        {"anyOf": [{"required": ["z"]}, {"properties": {"b": {"default": 2}}}, OBJECT]},
        {},
        {"b": 2, "a": 1},
    ),
    ("anyOf, first one is silent", {"anyOf": [{"type": "object"}, OBJECT]}, {}, {"a": 1}),
    (
        "branch and beside it",
        {"oneOf": [CAT, DOG], "properties": {"name": {"default": "Tom"}}},
        {"kind": "cat"},
        {"kind": "cat", "name": "Tom", "mood": "calm"},
    ),
    (
        "branch by a filled tag",
        {"anyOf": [CAT, DOG, {}], "properties": {"kind": {"default": "dog"}}},
        {},
        {"kind": "dog", "mood": "wild"},
    ),
    (
        "branches in an array",
        {"items": {"oneOf": [{"$ref": REF + "Cat"}, {"$ref": REF + "Dog"}]}, "type": "array"},
        [{"kind": "cat"}, {"kind": "dog"}],
        [{"kind": "cat", "mood": "calm"}, {"kind": "dog", "mood": "wild"}],
    ),
    (
        "branch below a branch",
        {"oneOf": [{"anyOf": [CAT]}, {"type": "array"}]},
        {"kind": "cat"},
        {"kind": "cat", "mood": "calm"},
    ),
]
EXPECTED = {"allOf": {"a": 1, "b": 2}, "not": {"a": 1}}
OTHERS: Json = {
    "O": OBJECT,
    "P": {"properties": {"p": {"default": 2}}},
    "D": {"type": "integer", "default": 7},
    "R": {"type": "integer", "default": 7, "readOnly": True},
    "Cat": CAT,
    "Dog": DOG,
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "schema", "value", "filled"), FILLED, ids=[it[0] for it in FILLED]
)
def test_defaults_at_depth(
    page: Page, version: str, name: str, schema: Json, value: Json, filled: Json
) -> None:
    """What is missing gets its default wherever a schema applies, and only if that is valid."""
    place, schemas = added(loaded(page, schema, version, **OTHERS))
    fill = filler(place, schemas) or (lambda same: same)
    expected = EXPECTED[name] if filled is None else filled
    assert schemas.validator(place, Direction.REQUEST).is_valid(value)
    assert unchanged(fill, value) == expected
    assert schemas.validator(place, Direction.REQUEST).is_valid(expected)


# What only 3.1 and later have: a name, a schema, a value, and what becomes of it.
FILLED_31: list[tuple[str, Json, Json, Json]] = [
    ("beside a reference", {"properties": {"d": {"$ref": REF + "D", "default": 8}}}, {}, {"d": 8}),
    ("properties beside", {"$ref": REF + "P", "properties": A}, {}, {"a": 1, "p": 2}),
    ("described", {"properties": {"d": {"$ref": REF + "D", "description": "d"}}}, {}, {"d": 7}),
    ("null", {"properties": {"a": {"default": None}}}, {}, {"a": None}),
    ("prefix", {"prefixItems": [{}, OBJECT]}, [{}, {}, {}], [{}, {"a": 1}, {}]),
    ("prefix and rest", {"prefixItems": [{}], "items": OBJECT}, [{}, {}], [{}, {"a": 1}]),
    (
        "pattern",
        {"patternProperties": {"^x": OBJECT}},
        {"x1": {}, "y": {}},
        {"x1": {"a": 1}, "y": {}},
    ),
    (
        "pattern, not additional",
        {"patternProperties": {"^x": {}}, "additionalProperties": OBJECT},
        {"x": {}, "y": {}},
        {"x": {}, "y": {"a": 1}},
    ),
    ("pattern in ECMA's words", {"patternProperties": {r"^\d$": OBJECT}}, {"٣": {}}, {"٣": {}}),
    (
        "refused by a pattern",
        {"properties": {**A, "x": {"default": 1}}, "patternProperties": {"^x": {"type": "string"}}},
        {},
        {"a": 1},
    ),
    (
        "then",
        {"if": {"required": ["x"]}, "then": OBJECT, "else": {"properties": {"b": {"default": 2}}}},
        {"x": 1},
        {"x": 1, "a": 1},
    ),
    (
        "else",
        {"if": {"required": ["x"]}, "then": OBJECT, "else": {"properties": {"b": {"default": 2}}}},
        {},
        {"b": 2},
    ),
    (
        "the condition only asks",
        {"if": OBJECT, "then": {"properties": {"b": {"default": 2}}}},
        {},
        {"b": 2},
    ),
    ("without a condition", {"then": OBJECT, "properties": {"b": {"default": 2}}}, {}, {"b": 2}),
    ("dependent", {"dependentSchemas": {"x": OBJECT}}, {"x": 1}, {"x": 1, "a": 1}),
    ("dependent on nothing", {"dependentSchemas": {"x": OBJECT}}, {}, {}),
    ("dependent required", {**OBJECT, "dependentRequired": {"a": ["b"]}}, {}, {}),
    (
        "anchor",
        {"properties": {"o": {"$ref": "#here"}}, "$defs": {"o": {"$anchor": "here", **OBJECT}}},
        {"o": {}},
        None,
    ),
    (
        "dynamic anchor",
        {"$dynamicAnchor": "t", **OBJECT, "additionalProperties": {"$dynamicRef": "#t"}},
        {"x": {"y": {}}},
        None,
    ),
    ("contains and names", {**OBJECT, "contains": OBJECT, "propertyNames": OBJECT}, {}, {"a": 1}),
]
EXPECTED_31: Json = {
    "anchor": {"o": {"a": 1}},
    "dynamic anchor": {"x": {"y": {"a": 1}, "a": 1}, "a": 1},
}


@pytest.mark.parametrize("version", VERSIONS[1:])
@pytest.mark.parametrize(
    ("name", "schema", "value", "filled"), FILLED_31, ids=[it[0] for it in FILLED_31]
)
def test_defaults_of_2020_12(
    page: Page, version: str, name: str, schema: Json, value: Json, filled: Json
) -> None:
    """The applicators that OpenAPI 3.0 does not have are followed from 3.1 on."""
    if "#" in str(schema) and name in EXPECTED_31:
        schema = {"$id": "http://s.example/t", **schema}
    fill = fill_of(page, schema, version, **OTHERS)
    assert unchanged(fill, value) == (EXPECTED_31[name] if filled is None else filled)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"properties": {"d": {"$ref": REF + "Plain", "default": 8}}}, {}),
        ({"$ref": REF + "Plain", **OBJECT}, {}),
        ({"patternProperties": {"^x": OBJECT}}, {"x": {}}),
        ({"prefixItems": [OBJECT]}, [{}]),
        ({"if": {}, "then": OBJECT}, {}),
        ({"dependentSchemas": {"x": OBJECT}}, {"x": 1}),
    ],
)
def test_3_0_does_not_know_these(page: Page, schema: Json, value: Json) -> None:
    """Up to 3.0, siblings of `$ref` and later keywords say nothing."""
    assert filler(*added(loaded(page, schema, "3.0.4", Plain={}))) is None
    assert filler(*added(loaded(page, schema, "3.1.1", Plain={}))) is not None


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"type": "object"},
        {"type": "string", "default": "x"},
        {"properties": {"a": {"type": "integer"}}, "default": {}},
        {"properties": {"r": {"readOnly": True, "default": 1}}},
        {"not": OBJECT},
        {"properties": {"again": {"$ref": REF + "Tested"}}},
        {"anyOf": [{"$ref": REF + "Tested"}, {}]},
        {"enum": [{"properties": A}], "example": OBJECT},
    ],
)
def test_where_nothing_can_be_filled_in_there_is_no_filler(page: Page, schema: Json) -> None:
    """A schema without defaults below it costs nothing at run time."""
    assert filler(*added(loaded(page, schema))) is None
    assert remover(*added(loaded(page, schema))) is None


def test_no_schema_has_no_filler(page: Page) -> None:
    """A body without a schema is left alone."""
    _, schemas = added(loaded(page, OBJECT))
    assert filler(None, schemas) is None
    assert remover(None, schemas) is None


def test_what_does_not_change_is_the_same_value(page: Page) -> None:
    """Where nothing is missing nothing is copied; where something is, the rest is shared."""
    fill = fill_of(page, {"properties": {"o": OBJECT, "p": OBJECT}, "items": OBJECT})
    for value in ({"o": {"a": 1}, "x": []}, [{"a": 1}], "text", None):
        assert fill(value) is value
    value = {"o": {"a": 1}, "p": {}}
    assert fill(value)["o"] is value["o"]


@pytest.mark.parametrize("default", [[], {}, [1], {"x": 1}, [[1]], {"x": {"y": []}}])
def test_defaults_are_never_shared(page: Page, default: Json) -> None:
    """A handler that changes what it got does not change what the next one gets."""
    fill = fill_of(page, {"properties": {"d": {"default": default}}})
    first = fill({})["d"]
    assert first == default
    inner = first
    while inner:
        inner = next(iter(inner.values() if isinstance(inner, dict) else inner))
        if not isinstance(inner, (dict, list)):
            break
        inner.append(0) if isinstance(inner, list) else inner.update(new=0)
        break
    first.append(0) if isinstance(first, list) else first.update(new=0)
    assert fill({})["d"] == default


NODE: Json = {
    "type": "object",
    "properties": {
        "size": {"default": 1},
        "next": {"$ref": REF + "Tested"},
        "kids": {"type": "array", "items": {"$ref": REF + "Tested"}},
    },
}


@pytest.mark.parametrize("version", VERSIONS)
def test_recursion(page: Page, version: str) -> None:
    """A schema that refers to itself is filled in as deep as the value goes."""
    fill = fill_of(page, NODE, version)
    value = {"size": 2, "next": {"next": {}}, "kids": [{"kids": [{}]}]}
    end = {"size": 1}
    assert fill(value) == {
        "size": 2,
        "next": {"size": 1, "next": end},
        "kids": [{"size": 1, "kids": [end]}],
    }


def test_two_schemas_that_refer_to_each_other(page: Page) -> None:
    """Defaults are found wherever the circle is entered, also later through another schema."""
    one = {"properties": {"two": {"$ref": REF + "Two"}}}
    two = {"properties": {"one": {"$ref": REF + "Tested"}, **A}}
    document = loaded(page, one, Two=two)
    place, schemas = added(document)
    second = document.root["components"]["schemas"]["Two"]
    schemas.add(second, Direction.REQUEST)
    fill, again = filler(place, schemas), filler(second, schemas)
    assert fill is not None
    assert again is not None
    assert fill({"two": {"one": {"two": {}}}}) == {"two": {"one": {"two": {"a": 1}}, "a": 1}}
    assert again({"one": {"two": {}}}) == {"one": {"two": {"a": 1}}, "a": 1}


def test_inner_schemas_that_were_compiled_before(page: Page) -> None:
    """A schema whose only defaults are in one that is compiled already has a filler too."""
    document = loaded(page, {"properties": {"o": {"$ref": REF + "O"}}}, O=OBJECT)
    place, schemas = added(document)
    assert filler(document.root["components"]["schemas"]["O"], schemas) is not None
    fill = filler(place, schemas)
    assert fill is not None
    assert fill({"o": {}}) == {"o": {"a": 1}}


def nested(depth: int) -> Json:
    value: Json = {}
    for _ in range(depth):
        value = {"next": value}
    return value


def test_deep_values(page: Page) -> None:
    """200 levels of the plain sort are filled in; the engine itself reads no more than 255."""
    filled = fill_of(page, NODE)(nested(200))
    for _ in range(200):
        assert filled.pop("size") == 1
        filled = filled["next"]
    assert filled == {"size": 1}


def test_values_that_cannot_be_walked(page: Page) -> None:
    """What is nested too deeply says so: nothing is filled in by halves."""
    with pytest.raises(RecursionError):
        fill_of(page, NODE)(nested(5_000))


def test_a_default_inside_itself_is_left_out(page: Page) -> None:
    """A default that would go on for ever ends where it meets itself again."""
    node = {**NODE, "properties": {**NODE["properties"], "next": {"$ref": REF + "Next"}}}
    following = {"allOf": [{"$ref": REF + "Tested"}], "default": {}}
    fill = fill_of(page, node, Next=following)
    filled = {"size": 1, "next": {"size": 1, "next": {"size": 1}}}
    assert fill({}) == filled
    assert fill({"next": {}}) == filled


def test_a_branch_does_not_go_into_a_default(page: Page) -> None:
    """What was filled in is complete: a branch that leads back does not fill it in again."""
    again = {"properties": {"next": {"$ref": REF + "Tested"}}}
    schema = {"properties": {"next": {"default": {}}}, "anyOf": [again], "allOf": [OBJECT]}
    assert fill_of(page, schema)({}) == {"a": 1, "next": {}}


def test_a_branch_that_is_the_schema_itself(page: Page) -> None:
    """A union that lists itself has no end; the other branches count."""
    schema = {"anyOf": [{"$ref": REF + "Tested"}, OBJECT], "properties": {"b": {"default": 2}}}
    fill = fill_of(page, schema)
    assert fill({})["b"] == 2
    loop = {"oneOf": [{"$ref": REF + "Other"}, {"type": "array"}], "properties": A}
    other = {"anyOf": [{"$ref": REF + "Tested"}, {"type": "object"}]}
    assert fill_of(page, loop, Other=other)({}) == {"a": 1}


def doubling(depth: int) -> dict[str, Json]:
    """Schemas that have two properties of the next one, with defaults."""
    others: Json = {}
    for number in range(depth):
        inner = {"allOf": [{"$ref": f"{REF}L{number + 1}"}], "default": {}}
        others[f"L{number}"] = {"properties": {"x": inner, "y": inner}}
    return {**others, f"L{depth}": {}}


def test_defaults_that_double_at_each_level_stay_small(page: Page) -> None:
    """Nested defaults are bounded: no document makes a small request a large value."""
    whole = fill_of(page, {"$ref": REF + "L0"}, **doubling(6))({})
    assert str(whole).count("{") == 2**7 - 1
    for depth in (7, 8, 20, 39):
        filled = fill_of(page, {"$ref": REF + "L0"}, **doubling(depth))({})
        assert str(filled).count("{") <= 2 * MAX_DEFAULT_SIZE + 1


def test_discriminators(page: Page) -> None:
    """The tag chooses the branch, by implied name, by mapping, and by default mapping."""
    branches = [{"$ref": REF + "Cat"}, {"$ref": REF + "Dog"}]
    mapping = {"kitten": "Cat", "puppy": REF + "Dog", "lost": "#/nowhere", "far": REF + "O"}
    cat = {"properties": {"mood": {"default": "calm"}}}
    dog = {"properties": {"mood": {"default": "wild"}}}
    discriminator = {"propertyName": "kind", "mapping": mapping, "defaultMapping": "Dog"}
    schema = {"anyOf": branches, "discriminator": discriminator}
    fill = fill_of(page, schema, "3.2.0", **{**OTHERS, "Cat": cat, "Dog": dog})
    words = {"Cat": "calm", "kitten": "calm", "Dog": "wild", "puppy": "wild"}
    for word, mood in {**words, "far": "calm", "unheard": "wild"}.items():
        assert fill({"kind": word}) == {"kind": word, "mood": mood}
    assert fill({}) == {"mood": "wild"}
    assert fill({"kind": 1}) == {"kind": 1, "mood": "wild"}
    assert fill([]) == []


def test_a_tag_whose_branch_has_no_defaults(page: Page) -> None:
    """A tag has decided, even where its branch has nothing to fill in."""
    schema = {
        "anyOf": [{"$ref": REF + "Open"}, {"$ref": REF + "O"}],
        "discriminator": {"propertyName": "kind"},
    }
    fill = fill_of(page, schema, Open={"type": "object"}, O=OBJECT)
    assert fill({"kind": "Open"}) == {"kind": "Open"}
    assert fill({"kind": "O"}) == {"kind": "O", "a": 1}


def test_other_files(tmp_path: Path) -> None:
    """References into other files, and from there back, are followed."""
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n"
        "    Name: {type: string, default: Tom}\n"
        "    Tested: {properties: {pet: {$ref: 'deep/pet.json'}}}\n"
    )
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "pet.json").write_text(
        '{"properties": {"name": {"$ref": "../api.yaml#/components/schemas/Name"},'
        ' "kind": {"$ref": "#/$defs/a%20b"}}, "$defs": {"a b": {"default": "cat"}}}'
    )
    fill = filler(*added(load(tmp_path / "api.yaml")))
    assert fill is not None
    assert fill({"pet": {}}) == {"pet": {"name": "Tom", "kind": "cat"}}


def test_identifiers(page: Page) -> None:
    """Inside a schema with an `$id`, references are relative to it."""
    inner = {
        "$id": "http://s.example/a/b.json",
        "$defs": {"n": {"type": "integer", "default": 3}},
        "properties": {"n": {"$ref": "#/$defs/n"}, "c": {"$ref": "c.json"}},
    }
    other = {"$id": "http://s.example/a/c.json", "type": "string", "default": "c"}
    fill = fill_of(page, {"properties": {"inner": inner}}, Other=other)
    assert fill({"inner": {}}) == {"inner": {"n": 3, "c": "c"}}


def test_directions_have_their_own_defaults(page: Page) -> None:
    """A default is judged as it would travel; and one walk serves all operations."""
    place, schemas = added(loaded(page, {"properties": {"o": {**NODE, "default": {}}, **A}}))
    assert filler(place, schemas) is not None
    assert filler(place["properties"]["o"], schemas) is not None
    assert filler(place, schemas, Direction.UPLOAD) is not None


# A name, a schema, a value, and what is left of it.
REMOVED: list[tuple[str, Json, Json, Json]] = [
    ("there", SECRET, {"s": "x", "b": 1}, {"b": 1}),
    ("missing", SECRET, {"b": 1}, {"b": 1}),
    ("no object", SECRET, ["s"], ["s"]),
    ("nested", {"properties": {"o": SECRET}}, {"o": {"s": "x"}}, {"o": {}}),
    ("array", {"items": SECRET}, [{"s": "x"}, {"t": 1}], [{}, {"t": 1}]),
    ("tuple", {"items": SECRET}, ({"s": "x"},), [{}]),
    ("map", {"additionalProperties": SECRET}, {"x": {"s": "x"}}, {"x": {}}),
    ("reference", {"$ref": REF + "S"}, {"s": "x"}, {}),
    ("by reference", {"properties": {"p": {"$ref": REF + "Password"}}}, {"p": "x"}, {}),
    ("allOf", {"allOf": [{"$ref": REF + "S"}, OBJECT]}, {"s": "x", "a": 1}, {"a": 1}),
    ("in allOf", {"properties": {"p": {"allOf": [{"$ref": REF + "Password"}]}}}, {"p": "x"}, {}),
    (
        "required",
        {**SECRET, "required": ["s", "b"]},
        {"s": "x", "b": 1},
        {"b": 1},
    ),
    ("whole objects", {"properties": {"o": {"writeOnly": True, **SECRET}}}, {"o": {"s": "x"}}, {}),
    (
        "not write-only",
        {"properties": {"r": {"readOnly": True}, **SECRET["properties"]}},
        {"r": 1},
        None,
    ),
    (
        "oneOf",
        {"oneOf": [tagged("cat", s={"writeOnly": True}), tagged("dog", s={})]},
        {"kind": "dog", "s": "x"},
        {"kind": "dog", "s": "x"},
    ),
    (
        "oneOf, other branch",
        {"oneOf": [tagged("dog", s={}), tagged("cat", s={"writeOnly": True})]},
        {"kind": "cat", "s": "x"},
        {"kind": "cat"},
    ),
    ("anyOf, each that fits", {"anyOf": [{"type": "object"}, SECRET]}, {"s": "x"}, {}),
    (
        "no branch fits",
        {"oneOf": [tagged("dog"), tagged("cat", s={"writeOnly": True})]},
        {"kind": "cow", "s": "x"},
        {"kind": "cow"},
    ),
    (
        "additional secrets",
        {"properties": {"a": {}}, "additionalProperties": {"writeOnly": True}},
        {"a": 1, "x": 2},
        {"a": 1},
    ),
]
REMOVED_31: list[tuple[str, Json, Json, Json]] = [
    ("pattern", {"patternProperties": {"^_": {"writeOnly": True}}}, {"_x": 1, "y": 2}, {"y": 2}),
    ("below a pattern", {"patternProperties": {"^x": SECRET}}, {"x": {"s": 1}}, {"x": {}}),
    ("prefix", {"prefixItems": [{}, SECRET]}, [{"s": 1}, {"s": 1}], [{"s": 1}, {}]),
    ("then", {"if": {"required": ["x"]}, "then": SECRET}, {"x": 1, "s": "x"}, {"x": 1}),
    ("not then", {"if": {"required": ["x"]}, "then": SECRET}, {"s": "x"}, {"s": "x"}),
    ("dependent", {"dependentSchemas": {"x": SECRET}}, {"x": 1, "s": "x"}, {"x": 1}),
    ("beside", {"properties": {"p": {"$ref": REF + "Plain", "writeOnly": True}}}, {"p": 1}, {}),
]
SECRETS: Json = {
    "S": SECRET,
    "Password": {"type": "string", "format": "password", "writeOnly": True},
    "Plain": {},
}
REMOVALS = [
    *((version, *case) for case in REMOVED for version in VERSIONS),
    *((version, *case) for case in REMOVED_31 for version in VERSIONS[1:]),
]


@pytest.mark.parametrize(("version", "name", "schema", "value", "left"), REMOVALS)
def test_secrets_at_depth(
    page: Page, version: str, name: str, schema: Json, value: Json, left: Json
) -> None:
    """What is write-only goes wherever a schema applies, and the handler keeps its own."""
    remove = remove_of(page, schema, version, **SECRETS)
    assert name
    assert unchanged(remove, value) == (value if left is None else left)


def test_what_has_no_secrets_is_the_same_value(page: Page) -> None:
    """A value is copied only as far as something goes."""
    remove = remove_of(page, {"properties": {"o": SECRET, "p": SECRET}})
    value: Json = {"o": {"t": 1}, "p": {}}
    assert remove(value) is value
    value = {"o": {"t": 1}, "p": {"s": 1}}
    assert remove(value)["o"] is value["o"]


def test_a_tag_says_what_is_secret(page: Page) -> None:
    """A discriminator chooses what is taken out; nothing else is asked."""
    cat: Json = {"properties": {"s": {}}}
    schema = {
        "oneOf": [{"$ref": REF + "Cat"}, {"$ref": REF + "Dog"}],
        "discriminator": {"propertyName": "kind"},
    }
    remove = remove_of(page, schema, Cat=cat, Dog=SECRET)
    assert remove({"kind": "Cat", "s": 1}) == {"kind": "Cat", "s": 1}
    assert remove({"kind": "Dog", "s": 1}) == {"kind": "Dog"}


def test_secrets_in_recursion(page: Page) -> None:
    """A schema that refers to itself hides at every depth."""
    schema = {"properties": {**SECRET["properties"], "next": {"$ref": REF + "Tested"}}}
    remove = remove_of(page, schema)
    assert remove({"s": 1, "next": {"s": 1, "next": {"s": 1}}}) == {"next": {"next": {}}}


def test_what_is_left_is_valid(page: Page) -> None:
    """The answer without its secrets passes where the answer with them does not."""
    schema = {"properties": {"o": {**SECRET, "required": ["s"]}}, "required": ["o"]}
    place, schemas = added(loaded(page, schema))
    remove, valid = remover(place, schemas), schemas.validator(place, Direction.RESPONSE).is_valid
    assert remove is not None
    assert not valid({"o": {"s": "x"}})
    assert valid(remove({"o": {"s": "x"}}))


def test_everything_may_be_prepared_before_anything_is_compiled(page: Page) -> None:
    """What is asked later is added early, and the result is the same."""
    schema = {"oneOf": [CAT, DOG], "properties": {"s": {"writeOnly": True}}}
    place, schemas = added(loaded(page, schema))
    for direction in Direction:
        prepare(place, schemas, direction)
    fill, remove = filler(place, schemas), remover(place, schemas)
    assert fill is not None
    assert remove is not None
    assert fill({"kind": "cat"}) == {"kind": "cat", "mood": "calm"}
    assert remove({"kind": "cat", "s": 1}) == {"kind": "cat"}


PARENT: Json = {
    "type": "object",
    "required": ["kind"],
    "properties": {"kind": {"type": "string"}, "legs": {"default": 4}},
    "discriminator": {"propertyName": "kind", "mapping": {"kitten": "Child"}},
}
CHILD: Json = {
    "allOf": [
        {"$ref": REF + "Parent"},
        {"properties": {"mood": {"default": "calm"}, "s": {"writeOnly": True}}},
    ]
}


@pytest.mark.parametrize("version", VERSIONS)
def test_no_defaults_of_children(page: Page, version: str) -> None:
    """A parent fills in its own defaults, whatever the tag says; a child's are for the child."""
    tested = {"properties": {"pet": {"$ref": REF + "Parent"}}}
    sibling = {"allOf": [{"$ref": REF + "Parent"}, {"properties": {"size": {"default": 9}}}]}
    family = {"Parent": PARENT, "Child": CHILD, "Sibling": sibling}
    fill = fill_of(page, tested, version, **family)
    for tag in ("Child", "kitten", "Sibling", "Parent", "unknown"):
        assert fill({"pet": {"kind": tag}}) == {"pet": {"kind": tag, "legs": 4}}
    child = fill_of(page, {"$ref": REF + "Child"}, version, **family)
    assert child({"kind": "Sibling"}) == {"kind": "Sibling", "legs": 4, "mood": "calm"}


GONE: list[tuple[Json, Json]] = [
    ({"kind": "Child", "s": 1, "t": 2}, {"kind": "Child", "t": 2}),
    ({"kind": "kitten", "s": 1, "t": 2}, {"kind": "kitten", "t": 2}),
    ({"kind": "Sibling", "s": 1, "t": 2}, {"kind": "Sibling", "s": 1}),
    ({"kind": "Plain", "s": 1, "t": 2}, {"kind": "Plain", "s": 1, "t": 2}),
    ({"kind": "Parent", "s": 1, "t": 2}, {"kind": "Parent", "s": 1, "t": 2}),
    ({"kind": "both", "s": 1, "t": 2}, {"kind": "both"}),
    ({"kind": "unknown", "s": 1, "t": 2}, {"kind": "unknown"}),
    ({"kind": 5, "s": 1, "t": 2}, {"kind": 5}),
    ({"s": 1, "t": 2}, {}),
]


@pytest.mark.parametrize(("value", "expected"), GONE, ids=str)
@pytest.mark.parametrize("version", VERSIONS)
def test_secrets_of_children_do_not_leave(
    page: Page, version: str, value: Json, expected: Json
) -> None:
    """What goes is what the child hides that the tag names, or any child where it names none."""
    both = {"kind": {"enum": ["both"]}}
    hiding = {"allOf": [CHILD["allOf"][0], {"properties": {**both, **SECRET["properties"]}}]}
    other = {"allOf": [hiding["allOf"][0], {"properties": {**both, "t": {"writeOnly": True}}}]}
    plain = {"allOf": [hiding["allOf"][0], {"required": ["t"]}]}
    family = {"Parent": PARENT, "Child": hiding, "Sibling": other, "Plain": plain}
    remove = remove_of(page, {"items": {"$ref": REF + "Parent"}}, version, **family)
    assert remove([value]) == [expected]
    assert remove(["no object"]) == ["no object"]
    assert remove_of(page, {"$ref": REF + "Child"}, version, **family)({"s": 1, "t": 2}) == {"t": 2}


def test_a_child_that_is_meant_by_default(page: Page) -> None:
    """3.2: a tag that nobody knows means the child which `defaultMapping` names."""
    parent = {**PARENT, "discriminator": {"propertyName": "kind", "defaultMapping": "Child"}}
    other = {"allOf": [CHILD["allOf"][0], {"properties": {"t": {"writeOnly": True}}}]}
    family = {"Parent": parent, "Child": CHILD, "Other": other}
    remove = remove_of(page, {"$ref": REF + "Parent"}, "3.2.0", **family)
    assert remove({"kind": "unknown", "s": 1, "t": 2}) == {"kind": "unknown", "t": 2}


def test_a_child_has_nothing_of_its_siblings(page: Page) -> None:
    """What one child fills in or hides makes neither another child slower, nor more secret."""
    parent: Json = {"discriminator": {"propertyName": "kind"}, "required": ["kind"]}
    sibling = {"allOf": [{"$ref": REF + "Parent"}, OBJECT]}
    child = {"allOf": [{"$ref": REF + "Parent"}]}
    family: Json = {"Parent": parent, "Sibling": sibling, "Child": child}
    for name in ("Parent", "Child"):
        assert filler(*added(loaded(page, {"$ref": REF + name}, **family))) is None
    assert filler(*added(loaded(page, {"$ref": REF + "Sibling"}, **family))) is not None
    family["Sibling"] = {"allOf": [{"$ref": REF + "Parent"}, SECRET]}
    place, schemas = added(loaded(page, {"$ref": REF + "Child"}, **family))
    assert remover(place, schemas) is None
    place, schemas = added(loaded(page, {"$ref": REF + "Parent"}, **family))
    assert remover(place, schemas) is not None


def test_other_drafts(page: Page) -> None:
    """A schema of an older draft is read in its own words."""
    old = "http://json-schema.org/draft-07/schema#"
    tuples = {"$schema": old, "items": [{}, OBJECT], "additionalItems": {"$ref": REF + "P"}}
    fill = fill_of(page, tuples, **OTHERS)
    assert fill([{}, {}, {}]) == [{}, {"a": 1}, {"p": 2}]
    fill = fill_of(page, {"$schema": old, "dependencies": {"x": OBJECT, "y": ["x"]}})
    assert fill({"x": 1}) == {"x": 1, "a": 1}
    siblings = {"$schema": old, "properties": {"d": {"$ref": REF + "D", "default": 8}}}
    assert fill_of(page, siblings, **OTHERS)({}) == {"d": 7}


def under(depth: int, call: Any) -> Any:
    """What a call gives that has little of the stack left."""
    return under(depth - 1, call) if depth else call()


def test_a_default_that_is_too_deep_to_be_walked(page: Page) -> None:
    """A document does not fail for a default that cannot be filled in: it stays as written."""
    default = nested(40)
    node = {"properties": {"size": {"default": 1}, "next": {"$ref": REF + "Node"}}}
    schema = {"properties": {"n": {"allOf": [{"$ref": REF + "Node"}], "default": default}}}
    place, schemas = added(loaded(page, schema, Node=node))
    prepare(place, schemas, Direction.REQUEST)
    left = sys.getrecursionlimit() - len(inspect.stack(0))
    fill = under(left - 70, lambda: filler(place, schemas))
    assert fill({}) == {"n": default}
    unhurried = filler(*added(loaded(page, schema, Node=node)))
    assert unhurried is not None
    assert str(unhurried({})).count("size") == 41


# Where openapi-core gives something else, and why that is not what is wanted.
DIFFERENT = {
    "not an object": "the type that it needs refuses the value",
    "array": "the type that it needs refuses the value",
    "map": "the type that it needs refuses the value",
    "default in allOf": "it looks for the default of a property in the property itself only",
    "allOf below one property": "of two schemas for one property it applies one",
    "read-only": "3.0.4, section 4.7.24.1: such a property is not to be sent in a request",
    "read-only target": "likewise",
    "read-only elsewhere": "likewise",
    "wrong default": "it refuses the document, and has no way to serve it",
    "second default when the first is wrong": "likewise",
    "wrong for a sibling": "the filled value breaks the schema",
    "unknown to a closed sibling": "the filled value breaks the schema",
    "the whole breaks": "the filled value breaks the schema",
    "default that its inner defaults would break": "the filled value breaks the schema",
    "branch by a filled tag": "it chooses branches by what was sent",
}


def typed(schema: Json) -> Json:
    """The schema with the types that openapi-core needs to see that it is one of an object."""
    if isinstance(schema, list):
        return [typed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: typed(one) for name, one in schema.items()}
    is_object = isinstance(schema.get("properties"), dict) or "additionalProperties" in schema
    return {"type": "object", **made} if is_object else made


@pytest.mark.parametrize("version", VERSIONS[:2])
@pytest.mark.parametrize(
    ("name", "schema", "value", "filled"), FILLED, ids=[it[0] for it in FILLED]
)
def test_openapi_core_agrees(
    page: Page, version: str, name: str, schema: Json, value: Json, filled: Json
) -> None:
    """Both fill in the same, but for what is listed; and what is listed does differ."""
    content = {JSON: {"schema": {"$ref": REF + "Tested"}}}
    post = {"post": {**page.get(requestBody={"required": True, "content": content})["get"]}}
    made = page.document(post, version=version, schemas=typed({"Tested": schema, **OTHERS}))
    data = json.dumps(value).encode()
    request = MockRequest("http://a.example", "post", "/x", data=data, content_type=JSON)
    try:
        body = OpenAPI.from_dict(made).unmarshal_request(request).body
    except (OpenAPIError, OpenAPIValidationError):
        body = None
    expected = EXPECTED[name] if filled is None else filled
    assert (body == expected) is (name not in DIFFERENT)


NAMES = st.sampled_from("abc")
# What is often filled in, now and then refused, and now and then has more inside it.
LEAVES = st.sampled_from(
    [
        {},
        {"default": 1},
        {"type": "integer", "default": 1},
        {"maximum": 1, "default": 2},
        {"default": {}},
        {"type": "object", "maxProperties": 1, "default": {"a": 1}},
        {"$ref": REF + "Tested"},
        {"$ref": REF + "O"},
    ]
)


def schemas_around(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Schemas that apply others, with a keyword or two that what is filled in may break."""
    some = st.lists(inner, min_size=1, max_size=2)
    properties = st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    keywords: dict[str, st.SearchStrategy[Json]] = {
        "additionalProperties": inner | st.just(False),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=1),
        "dependentSchemas": st.dictionaries(NAMES, inner, max_size=1),
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=1), max_size=1),
        "maxProperties": st.integers(0, 2),
        "items": inner,
        "allOf": some,
        "anyOf": some,
        "oneOf": some,
        "not": st.sampled_from([{"required": ["a"]}, {"required": ["b", "c"]}]),
        "if": st.sampled_from([{"required": ["a"]}, {"required": ["b"]}, {"maxProperties": 1}]),
        "then": inner,
        "else": inner,
        "default": st.sampled_from([{}, 1, {"a": {}}]),
        "unevaluatedProperties": st.booleans(),
    }
    picked = st.sets(st.sampled_from(sorted(keywords)), max_size=4)
    return picked.flatmap(
        lambda names: st.fixed_dictionaries(
            {"properties": properties, **{name: keywords[name] for name in sorted(names)}}
        )
    )


ANY_SCHEMA = st.recursive(LEAVES, schemas_around, max_leaves=6)
ANY_OBJECT: st.SearchStrategy[Json] = st.recursive(
    st.just({}),
    lambda inner: st.dictionaries(NAMES, inner | st.integers(1, 2) | st.lists(inner), max_size=2),
    max_leaves=5,
)


def holds(filled: Json, sent: Json) -> bool:
    """Whether all that was sent is still there."""
    if isinstance(sent, dict):
        return all(name in filled and holds(filled[name], one) for name, one in sent.items())
    if isinstance(sent, list):
        return len(filled) == len(sent) and all(map(holds, filled, sent))
    return bool(filled == sent)


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schema=schemas_around(ANY_SCHEMA), values=st.lists(ANY_OBJECT, max_size=5))
def test_what_is_filled_in_is_valid(page: Page, schema: Json, values: list[Json]) -> None:
    """Whatever the schema: a filled value is valid, holds what was sent, and is a new one."""
    place, schemas = added(loaded(page, schema, O=OBJECT))
    fill, valid = filler(place, schemas), schemas.validator(place, Direction.REQUEST).is_valid
    for value in [{}, *values]:
        if fill is not None and valid(value):
            filled = unchanged(fill, value)
            assert valid(filled)
            assert holds(filled, value)
