"""Schemas are found wherever references lead, and compiled once; their violations are told."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from brrt.errors import SpecError
from brrt.openapi.document import Document, load
from brrt.openapi.engine_errors import MAX_EXPLAINED, MAX_NOTED, MAX_SURVEYED
from brrt.openapi.schema_shapes import read_shape
from brrt.openapi.schemas import Direction, Schemas, Validator
from tests.conftest import plainly

Page = Any
REF = "#/components/schemas/"


def compiled(document: Document, name: str = "Tested") -> Validator:
    """The validator of a component."""
    place = document.root["components"]["schemas"][name]
    schemas = Schemas(document)
    schemas.add(place, Direction.REQUEST)
    return schemas.validator(place, Direction.REQUEST)


TREE = {"type": "object", "properties": {"next": {"$ref": REF + "Tested"}}, "required": ["v"]}
STRINGS = {"properties": {"a": {"items": {"type": "string"}}}}
REFERENCES: list[tuple[str, Any, Any, Any]] = [
    (REF + "Other", {"type": "string"}, "a", 1),
    (REF + "Other/properties/a/items", STRINGS, "a", 1),
    (REF + "Other/allOf/1", {"allOf": [{}, {"type": "string"}]}, "a", 1),
    (REF + "Other/properties/x~1y%7Ez", {"properties": {"x/y~z": {"type": "string"}}}, "a", 1),
    (REF + "Other/properties/x~1y~0z", {"properties": {"x/y~z": {"type": "string"}}}, "a", 1),
    (REF + "Other/properties/%C3%A9%20b", {"properties": {"é b": {"type": "string"}}}, "a", 1),
    (REF + "Other/$defs/inner", {"$defs": {"inner": {"type": "string"}}}, "a", 1),
    (REF + "Other/properties/a%25b", {"properties": {"a%b": {"type": "string"}}}, "a", 1),
    ("#name", {"$anchor": "name", "type": "string"}, "a", 1),
    ("http://s.example/o", {"$id": "http://s.example/o", "type": "string"}, "a", 1),
]


@pytest.mark.parametrize(("reference", "other", "right", "wrong"), REFERENCES)
@pytest.mark.parametrize("beside", [False, True])
def test_references(
    page: Page, reference: str, other: Any, right: Any, wrong: Any, beside: bool
) -> None:
    """A reference may lead into the middle of a schema, also of one that is used as a whole."""
    schema: Any = {"$ref": reference}
    if beside:
        schema = {"allOf": [schema, {"anyOf": [{"$ref": REF + "Other"}, {}]}]}
    validator = page.validator(schema, Other=other)
    assert validator.is_valid(right)
    assert not validator.is_valid(wrong)


def test_recursion(page: Page) -> None:
    """A schema may refer to itself, and to one that refers back."""
    validator = page.validator(TREE)
    assert validator.is_valid({"v": 1, "next": {"v": 2, "next": {"v": 3}}})
    (error,) = validator.errors({"v": 1, "next": {"v": 2, "next": {}}})
    assert (error.path, error.keyword, error.value) == (("next", "next"), "required", "v")


def test_identifiers_change_what_references_mean(page: Page) -> None:
    """Inside a schema with an `$id`, references are relative to it, at any depth."""
    inner = {
        "$id": "http://s.example/a/b.json",
        "$defs": {"n": {"type": "integer"}},
        "properties": {
            "n": {"$ref": "#/$defs/n"},
            "c": {"$ref": "c.json"},
            "deeper": {"$id": "../d.json", "properties": {"c": {"$ref": "a/c.json#text"}}},
        },
    }
    other = {"$id": "http://s.example/a/c.json", "$anchor": "text", "type": "string"}
    validator = page.validator({"properties": {"inner": inner}}, Other=other)
    assert validator.is_valid({"inner": {"n": 1, "c": "a", "deeper": {"c": "a"}}})
    for wrong in ({"n": "a"}, {"c": 1}, {"deeper": {"c": 1}}):
        assert not validator.is_valid({"inner": wrong})


TREE_OF_ANYTHING = {
    "$id": "http://s.example/tree",
    "$dynamicAnchor": "node",
    "type": "object",
    "properties": {"kids": {"type": "array", "items": {"$dynamicRef": "#node"}}},
}
STRICT_TREE = {
    "$id": "http://s.example/strict",
    "$dynamicAnchor": "node",
    "$ref": "tree",
    "unevaluatedProperties": False,
}


def test_a_dynamic_reference_is_a_reference(page: Page) -> None:
    """A `$dynamicRef` leads to its `$dynamicAnchor` where nothing overrides it."""
    validator = page.validator({"$ref": "http://s.example/tree"}, Other=TREE_OF_ANYTHING)
    assert validator.is_valid({"kids": [{"kids": [], "x": 1}]})
    assert not validator.is_valid({"kids": [{"kids": [1]}]})


@pytest.mark.parametrize("direction", Direction)
def test_a_dynamic_reference_is_overridden(page: Page, direction: Direction) -> None:
    """A schema that extends a recursive one by the same anchor means itself at every depth."""
    schemas = {"Other": TREE_OF_ANYTHING, "Strict": STRICT_TREE}
    for schema in ({"$ref": REF + "Strict"}, {"items": {"$ref": "http://s.example/strict"}}):
        validator = page.validator(schema, direction, **schemas)
        right, wrong = ({"kids": [{"kids": [one]}]} for one in ({}, {"x": 1}))
        wrapped = (lambda one: [one]) if "items" in schema else (lambda one: one)
        assert validator.is_valid(wrapped(right))
        assert not validator.is_valid(wrapped(wrong))


def test_a_recursive_reference_is_overridden(page: Page) -> None:
    """`$recursiveRef` and `$recursiveAnchor` of 2019-09 do the same."""
    draft = "https://json-schema.org/draft/2019-09/schema"
    swapped = {"$dynamicRef": "$recursiveRef", "$dynamicAnchor": "$recursiveAnchor"}
    old = json.loads(
        json.dumps([TREE_OF_ANYTHING, STRICT_TREE]),
        object_pairs_hook=lambda pairs: {
            swapped.get(key, key): {"#node": "#", "node": True}.get(str(value), value)
            for key, value in pairs
        },
    )
    tree, strict = ({"$schema": draft, **one} for one in old)
    validator = page.validator({"$ref": REF + "Strict"}, Other=tree, Strict=strict)
    assert validator.is_valid({"kids": [{"kids": [{}]}]})
    assert not validator.is_valid({"kids": [{"kids": [{"x": 1}]}]})
    lax = page.validator({"$ref": REF + "Other"}, Other=tree, Strict=strict)
    assert lax.is_valid({"kids": [{"kids": [{"x": 1}]}]})
    assert not lax.is_valid({"kids": [1]})


GENERIC = {
    "genericArrayComponent": {
        "$id": "fully_generic_array",
        "type": "array",
        "items": {"$dynamicRef": "#generic-array"},
        "$defs": {"allowAll": {"$dynamicAnchor": "generic-array"}},
    },
    "numberArray": {
        "$id": "array_of_numbers",
        "$ref": "fully_generic_array",
        "$defs": {"numbersOnly": {"$dynamicAnchor": "generic-array", "type": "number"}},
    },
    "stringArray": {
        "$id": "array_of_strings",
        "$ref": "fully_generic_array",
        "$defs": {"stringsOnly": {"$dynamicAnchor": "generic-array", "type": "string"}},
    },
    "objWithTypedArray": {
        "$id": "obj_with_typed_array",
        "type": "object",
        "required": ["dataType", "data"],
        "properties": {"dataType": {"enum": ["string", "number"]}},
        "oneOf": [
            {
                "properties": {
                    "dataType": {"const": "string"},
                    "data": {"$ref": "array_of_strings"},
                }
            },
            {
                "properties": {
                    "dataType": {"const": "number"},
                    "data": {"$ref": "array_of_numbers"},
                }
            },
        ],
    },
}


def test_the_generic_structures_of_the_specification(page: Page) -> None:
    """OpenAPI 3.1.1, section 4.8.24.9.7: an array whose items are said by who uses it."""
    validator = page.validator({"$ref": REF + "objWithTypedArray"}, **GENERIC)
    assert validator.is_valid({"dataType": "string", "data": ["a"]})
    assert validator.is_valid({"dataType": "number", "data": [1]})
    assert not validator.is_valid({"dataType": "string", "data": [1]})
    assert not validator.is_valid({"dataType": "number", "data": ["a"]})


def test_dynamic_references_across_files(tmp_path: Path) -> None:
    """A file is a schema resource too, and its anchors are found though nothing refers to them."""
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n"
        "    Tested: {$ref: numbers.json}\n    Any: {$ref: list.json}\n"
    )
    (tmp_path / "list.json").write_text(
        '{"items": {"$dynamicRef": "#of"}, "$defs": {"of": {"$dynamicAnchor": "of"}}}'
    )
    (tmp_path / "numbers.json").write_text(
        '{"$ref": "list.json", "$defs": {"n": {"$dynamicAnchor": "of", "type": "number"}}}'
    )
    document = load(tmp_path / "api.yaml")
    assert compiled(document).is_valid([1])
    assert not compiled(document).is_valid(["a"])
    assert compiled(document, "Any").is_valid(["a"])


def test_other_files_and_their_fragments(tmp_path: Path) -> None:
    """A file, a fragment of it, and references inside it, there and back."""
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n"
        "    Name: {type: string, maxLength: 3}\n"
        "    Tested:\n      properties:\n"
        "        whole: {$ref: 'deep/pet.json'}\n"
        "        part: {$ref: 'deep/pet.json#/$defs/a%20b'}\n"
    )
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "pet.json").write_text(
        '{"properties": {"name": {"$ref": "../api.yaml#/components/schemas/Name"},'
        ' "kind": {"$ref": "#/$defs/a%20b"}}, "$defs": {"a b": {"enum": ["cat"]}}}'
    )
    validator = compiled(load(tmp_path / "api.yaml"))
    assert validator.is_valid({"whole": {"name": "Tom", "kind": "cat"}, "part": "cat"})
    for wrong in ({"whole": {"name": "Thomas"}}, {"whole": {"kind": "dog"}}, {"part": "dog"}):
        assert not validator.is_valid(wrong)


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_what_is_referred_to_is_compiled_once(page: Page, version: str) -> None:
    """Mere references to one schema share its validator; what stands beside one still counts."""
    pet = {"$ref": REF + "Pet"}
    named = {"Pet": {"type": "string"}, "A": pet, "B": pet, "C": {**pet, "minLength": 2}}
    document = load(page.document(version=version, schemas=named))
    places = [document.root["components"]["schemas"][name] for name in named]
    schemas = Schemas(document)
    for place in places:
        schemas.add(place, Direction.REQUEST)
    found = [schemas.validator(place, Direction.REQUEST) for place in places]
    assert found[0] is found[1] is found[2]
    assert found[3].is_valid("a") is (version == "3.0.3")
    assert [str(one.message) for one in found[1].errors(1)]
    assert schemas.validator(places[1], Direction.REQUEST) is found[0]


def test_directions_do_not_mix(page: Page) -> None:
    """One document holds both directions of a schema at once."""
    secret = {"properties": {"secret": {"type": "string", "writeOnly": True}}}
    document = load(page.document(schemas={"Tested": secret}))
    place, schemas = document.root["components"]["schemas"]["Tested"], Schemas(document)
    for direction in Direction:
        schemas.add(place, direction)
        assert schemas.validator(place, direction) is schemas.validator(place, direction)
    assert schemas.validator(place, Direction.REQUEST).is_valid({"secret": "s"})
    assert not schemas.validator(place, Direction.RESPONSE).is_valid({"secret": "s"})


def test_examples_and_constants_are_not_followed(page: Page) -> None:
    """What looks like a reference inside a value is a value."""
    value = {"$ref": "#/nowhere"}
    assert page.validator({"const": value, "default": value, "examples": [value]}).is_valid(value)
    assert not page.validator({"enum": [value]}).is_valid({})


def test_what_only_the_engine_refuses_is_a_fault(page: Page) -> None:
    """A schema that cannot be compiled is a fault with its place, not a crash."""
    schema = {"$dynamicRef": "#/components/schemas/Tested/x-bad", "x-bad": {"minimum": "one"}}
    with pytest.raises(SpecError) as caught:
        page.validator(schema)
    (fault,) = caught.value.faults
    assert fault.pointer == "#/components/schemas/Tested"
    assert "cannot be compiled" in fault.message


@pytest.mark.parametrize("reference", ["#nowhere", "#/nowhere", "http://s.example/x#node"])
def test_a_dynamic_reference_that_leads_nowhere_is_a_fault(page: Page, reference: str) -> None:
    """It is found when schemas are compiled, with its place and a cure."""
    with pytest.raises(SpecError) as caught:
        page.validator({"items": {"$ref": REF + "Other"}}, Other={"$dynamicRef": reference})
    (fault,) = caught.value.faults
    assert fault.pointer == "#/components/schemas/Other"
    assert fault.cure


def test_an_object_of_several_schemas(page: Page) -> None:
    """Parameters are checked together, each by its own schema; the empty text may be allowed."""
    document = load(page.document(schemas={"N": {"type": "integer"}}))
    schemas, node = Schemas(document), document.root["components"]["schemas"]["N"]
    schemas.add(node, Direction.REQUEST)
    members = {"a": node, "b": None, "c": node}
    validator = schemas.object_validator(members, ("a",), frozenset({"c"}))
    assert validator.is_valid({"a": 1, "b": "anything", "c": ""})
    found = list(validator.errors({"c": "x"}))
    assert {(one.path, one.keyword) for one in found} == {((), "required"), (("c",), "type")}


def test_branches_hold_their_errors(page: Page) -> None:
    """An `anyOf` that fails says why each branch did."""
    (error,) = page.validator({"anyOf": [{"type": "string"}, {"minimum": 5}]}).errors(3)
    assert [[one.keyword for one in branch] for branch in error.branches] == [
        ["type"],
        ["minimum"],
    ]


@pytest.mark.parametrize(
    ("count", "found", "is_note"),
    [(MAX_EXPLAINED - 2, MAX_EXPLAINED - 2, False), (MAX_EXPLAINED, MAX_NOTED, True)],
)
def test_a_large_instance_is_explained_in_fewer_words(
    page: Page, count: int, found: int, is_note: bool
) -> None:
    """Up to a size every violation is told in full; beyond it the first ones are noted."""
    validator = page.validator({"type": "array", "items": {"type": "string", "x": "é"}})
    errors = list(validator.errors([1] * count))
    assert len(errors) == found
    assert {one.is_note for one in errors} == {is_note}
    assert [[str(step) for step in one.path] for one in errors[:2]] == [["0"], ["1"]]
    assert errors[0].keyword == "type"


def test_a_huge_instance_does_not_stop_the_world(page: Page) -> None:
    """1 MiB of wrong values is refused in a moment, not explained for a minute."""
    items = {"anyOf": [{"type": "string"}, {"type": "object"}]}
    validator = page.validator({"type": "array", "items": items})
    begin = time.perf_counter()
    (error,) = validator.errors([1] * 10 * MAX_SURVEYED)
    assert time.perf_counter() - begin < 1
    assert error.path == ()
    assert "too large" in error.message


SHAPES: list[tuple[Any, set[str]]] = [
    ({}, set()),
    ({"type": "integer"}, {"integer"}),
    ({"type": ["integer", "null"]}, {"integer", "null"}),
    ({"enum": [1, "a", None, True, 1.5, [], {}]}, {"integer", "string", "null", "boolean"}),
    ({"const": "a"}, {"string"}),
    ({"$ref": REF + "Other"}, {"boolean"}),
    ({"$ref": REF + "Open", "type": "integer"}, {"integer"}),
    ({"allOf": [{"$ref": REF + "Other"}, {}]}, {"boolean"}),
    ({"allOf": [{"type": ["string", "boolean"]}, {"$ref": REF + "Other"}]}, {"boolean"}),
    ({"allOf": [{"type": "number"}], "type": "integer"}, {"integer"}),
    ({"allOf": [{"type": ["integer", "number"]}], "type": "string"}, set()),
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"string", "integer"}),
    ({"anyOf": [{"type": "string"}, {}]}, set()),
    ({"type": "string", "anyOf": [{"type": "string"}, {"type": "integer"}]}, {"string"}),
    ({"allOf": [{"$ref": REF + "Tested"}], "type": "string"}, {"string"}),
]


@pytest.mark.parametrize(("schema", "types"), SHAPES, ids=plainly)
def test_shapes(page: Page, schema: Any, types: set[str]) -> None:
    """What a text may become is read off type, enum, const, `$ref` and composition."""
    schemas = {"Tested": schema, "Other": {"type": "boolean"}, "Open": {"minimum": 2}}
    document = load(page.document(schemas=schemas), strict=False)
    found = read_shape(document.root["components"]["schemas"]["Tested"]).types
    assert found - {"number", "array", "object"} == types
    assert ("number" in found) is ("enum" in schema)


def test_a_shape_is_read_once(page: Page) -> None:
    """Many bodies of one document that share a schema share its shape."""
    named = {"Pet": {"properties": {"a": {"type": "string"}}}, "A": {"$ref": REF + "Pet"}}
    document = load(page.document(schemas=named))
    place = document.root["components"]["schemas"]["A"]
    schemas = Schemas(document)
    assert schemas.shape(place) is schemas.shape(place)
    assert schemas.shape(place) == read_shape(place)


def test_shapes_of_structures(page: Page) -> None:
    """Items and members have shapes of their own; nullable adds null in 3.0 only."""
    schema = {
        "type": "object",
        "nullable": True,
        "properties": {"a": {"type": "array", "items": {"type": "integer"}}},
        "additionalProperties": {"type": "boolean"},
    }
    made = page.document(version="3.0.3", schemas={"Tested": schema})
    shape = read_shape(load(made).root["components"]["schemas"]["Tested"])
    assert shape.types == {"object", "null"}
    assert shape.properties["a"].items is not None
    assert shape.properties["a"].items.types == {"integer"}
    assert shape.additional is not None
    assert shape.additional.types == {"boolean"}
