"""A discriminator chooses the branch that decides, and the error that is told."""

from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30WriteValidator, OAS31Validator

from brrt.openapi.discriminators import family_cases, read_discriminator
from brrt.openapi.document import load
from brrt.openapi.families import Families
from brrt.openapi.schemas import Direction, Schemas
from brrt.openapi.validation import violations

Page = Any
REF = "#/components/schemas/"
VERSIONS = ["3.0.3", "3.1.0", "3.2.0"]

CAT: Any = {
    "type": "object",
    "required": ["kind", "lives"],
    "properties": {"kind": {"type": "string"}, "lives": {"type": "integer", "minimum": 1}},
}
DOG: Any = {
    "type": "object",
    "required": ["kind", "bark"],
    "properties": {"kind": {"type": "string"}, "bark": {"type": "string"}},
}
BRANCHES = [{"$ref": REF + "Cat"}, {"$ref": REF + "Dog"}]
MAPPING = {"cat": REF + "Cat", "dog": "Dog"}


def union(keyword: str = "oneOf", branches: Any = BRANCHES, **discriminator: Any) -> Any:
    """A union by the property `kind`."""
    return {keyword: branches, "discriminator": {"propertyName": "kind", **discriminator}}


def told(
    page: Page,
    schema: Any,
    value: Any,
    *,
    version: str = "3.1.0",
    direction: Direction = Direction.REQUEST,
    **schemas: Any,
) -> list[tuple[str, str]]:
    """Pointer and message of every violation."""
    known = {"Cat": CAT, "Dog": DOG, **schemas}
    validator = page.validator(schema, direction, version=version, **known)
    found = list(violations("body", "", validator.errors(value)))
    assert validator.is_valid(value) is (not found)
    return [(one.pointer, one.message) for one in found]


NAMED: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"kind": "Cat", "lives": 9}, []),
    ({"kind": "Dog", "bark": "wow"}, []),
    ({"kind": "Cat", "lives": "x"}, [("/lives", 'lives: must be an integer, got "x"')]),
    ({"kind": "Cat", "lives": 0}, [("/lives", "lives: must be at least 1, got 0")]),
    ({"kind": "Cat", "bark": "wow"}, [("", "lives is required")]),
    ({"kind": "Dog", "lives": 9}, [("", "bark is required")]),
    ({"kind": "Cow"}, [("/kind", 'kind: must be one of "Cat", "Dog", got "Cow"')]),
    ({"kind": 1, "lives": 9}, [("/kind", 'kind: must be one of "Cat", "Dog", got 1')]),
    ({"kind": None}, [("/kind", 'kind: must be one of "Cat", "Dog", got null')]),
    ({"lives": 9}, [("", "kind is required")]),
    ({}, [("", "kind is required")]),
    ("Cat", [("", 'must be an object, got "Cat"')]),
    (None, [("", "must be an object, got null")]),
]
MAPPED: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"kind": "cat", "lives": 9}, []),
    ({"kind": "dog", "bark": "wow"}, []),
    ({"kind": "Cat", "lives": 9}, []),  # a name counts beside the mapping
    ({"kind": "dog", "bark": 1}, [("/bark", "bark: must be a string, got 1")]),
    ({"kind": "cow"}, [("/kind", 'kind: must be one of "cat", "dog", got "cow"')]),
]


@pytest.mark.parametrize(("value", "expected"), NAMED, ids=str)
@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
@pytest.mark.parametrize("version", VERSIONS)
def test_by_the_names_of_schemas(
    page: Page, version: str, keyword: str, value: Any, expected: Any
) -> None:
    """Without a mapping a tag is the name of a schema; only its errors are told."""
    assert told(page, union(keyword), value, version=version) == expected


@pytest.mark.parametrize(("value", "expected"), MAPPED, ids=str)
@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
@pytest.mark.parametrize("version", VERSIONS)
def test_by_a_mapping(page: Page, version: str, keyword: str, value: Any, expected: Any) -> None:
    """A mapping gives tags of its own, to names of schemas and to references."""
    assert told(page, union(keyword, mapping=MAPPING), value, version=version) == expected


@pytest.mark.parametrize(("value", "expected"), [*NAMED, *MAPPED], ids=str)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_the_verdict_is_that_of_the_oracle(
    page: Page, version: str, value: Any, expected: Any
) -> None:
    """What openapi-core accepts is accepted. Its mappings know no bare names."""
    mapping = {"cat": REF + "Cat", "dog": REF + "Dog"}
    schema = union(mapping=mapping) if (value, expected) in MAPPED else union()
    whole = {**schema, "components": {"schemas": {"Cat": CAT, "Dog": DOG}}}
    oracle = OAS30WriteValidator if version == "3.0.3" else OAS31Validator
    assert (told(page, schema, value, version=version) == []) is oracle(whole).is_valid(value)


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_the_tag_decides_between_branches_that_both_accept(page: Page, keyword: str) -> None:
    """A value is what it says that it is, even where another branch would take it as well."""
    loose = {"properties": {"kind": {"type": "string"}}}
    schemas: Any = {"Loose": loose, "Strict": {**loose, "required": ["x"]}}
    schema = union(keyword, [{"$ref": REF + "Loose"}, {"$ref": REF + "Strict"}])
    assert told(page, schema, {"kind": "Loose", "x": 1}, **schemas) == []
    assert told(page, schema, {"kind": "Strict", "x": 1}, **schemas) == []
    assert told(page, schema, {"kind": "Strict"}, **schemas) == [("", "x is required")]


@pytest.mark.parametrize("version", VERSIONS)
def test_pointers_at_depth(page: Page, version: str) -> None:
    """Inside arrays, and where unions stand in branches of unions, pointers lead to the value."""
    wild = {
        "type": "object",
        "required": ["kind", "of"],
        "properties": {"kind": {"type": "string"}, "of": {"$ref": REF + "Pet"}},
    }
    pets = {
        "type": "object",
        "properties": {
            "pets": {"type": "array", "items": union(branches=[*BRANCHES, {"$ref": REF + "Wild"}])}
        },
    }
    value = {
        "pets": [
            {"kind": "Cat", "lives": 1},
            {"kind": "Wild", "of": {"kind": "Dog", "bark": 1}},
            {"kind": "Cow"},
            {"kind": "Wild", "of": {"kind": "Cow"}},
            {"kind": "Wild", "of": {}},
            {"kind": "Cat"},
        ]
    }
    found = told(page, pets, value, version=version, Pet=union(), Wild=wild)
    assert found == [
        ("/pets/1/of/bark", "pets.1.of.bark: must be a string, got 1"),
        ("/pets/2/kind", 'pets.2.kind: must be one of "Cat", "Dog", "Wild", got "Cow"'),
        ("/pets/3/of/kind", 'pets.3.of.kind: must be one of "Cat", "Dog", got "Cow"'),
        ("/pets/4/of", "pets.4.of: kind is required"),
        ("/pets/5", "pets.5: lives is required"),
    ]


CONSTANTS: list[tuple[str, Any]] = [
    ("3.1.0", {"const": "cat"}),
    ("3.0.3", {"type": "string", "enum": ["cat"]}),
    ("3.1.0", {"$ref": REF + "KindOfCat"}),
    ("3.0.3", {"$ref": REF + "KindOfCat"}),
    ("3.1.0", {"allOf": [{"type": "string"}, {"enum": ["cat", "kitten"]}]}),
    ("3.1.0", {"oneOf": [{"const": "cat"}, {"const": "kitten"}]}),
    ("3.1.0", {"anyOf": [{"$ref": REF + "KindOfCat"}, {"$ref": REF + "KindOfCat"}]}),
]


@pytest.mark.parametrize(("version", "kind"), CONSTANTS, ids=str)
@pytest.mark.parametrize("deeper", [False, True])
def test_by_the_constants_of_branches(page: Page, version: str, kind: Any, deeper: bool) -> None:
    """What a branch allows for the property is a tag, wherever in the branch that is said."""
    cat: Any = {**CAT, "properties": {"kind": kind, "lives": {"type": "integer"}}}
    dog = {**DOG, "properties": {**DOG["properties"], "kind": {"enum": ["dog"]}}}
    schemas: Any = {"KindOfCat": {"enum": ["cat"]}, "Inner": cat, "Dog": dog}
    schemas["Cat"] = {"allOf": [{"$ref": REF + "Inner"}, {}]} if deeper else cat
    assert told(page, union(), {"kind": "cat", "lives": 1}, version=version, **schemas) == []
    found = told(page, union(), {"kind": "cat", "lives": "x"}, version=version, **schemas)
    assert found == [("/lives", 'lives: must be an integer, got "x"')]
    ((place, message),) = told(page, union(), {"kind": "cow"}, version=version, **schemas)
    assert place == "/kind"
    assert message.startswith('kind: must be one of "cat", ')
    assert message.endswith('"dog", got "cow"')


def test_constants_that_are_the_names_of_branches(page: Page) -> None:
    """A tag that is a name and a constant at once is listed like any other."""
    schemas: Any = {
        name: {"required": ["kind"], "properties": {"kind": {"const": name}}}
        for name in ("Cat", "Dog")
    }
    ((_, message),) = told(page, union(), {"kind": "cow"}, **schemas)
    assert message == 'kind: must be one of "Cat", "Dog", got "cow"'


def test_constants_that_two_branches_allow(page: Page) -> None:
    """Where a constant does not tell, the branches that have it are a union among themselves."""
    branches = [
        {"properties": {"kind": {"enum": ["a", "b"]}, "x": {"type": "integer"}}, "required": ["x"]},
        {"properties": {"kind": {"enum": ["b", "c"]}, "y": {"type": "integer"}}, "required": ["y"]},
    ]
    schema = union("anyOf", branches)
    for value in ({"kind": "a", "x": 1}, {"kind": "b", "x": 1}, {"kind": "b", "y": 1}):
        assert told(page, schema, value) == []
    assert told(page, schema, {"kind": "a", "y": 1}) == [("", "x is required")]
    assert told(page, schema, {"kind": "b"})
    assert told(page, schema, {"kind": "d"})[0][0] == "/kind"


def test_branches_without_a_name(page: Page) -> None:
    """In-line branches cannot be chosen: then the union decides, as it does without."""
    inline = {"required": ["z"], "properties": {"z": {"type": "integer"}}}
    schema = union("oneOf", [*BRANCHES, inline])
    assert told(page, schema, {"kind": "Cat", "lives": 0})[0][0] == "/lives"
    assert told(page, schema, {"kind": "else", "z": 1}) == []
    assert told(page, schema, {"z": "x"}) == [("/z", 'z: must be an integer, got "x"')]
    alone = union("oneOf", [{"type": "object", **inline}, {"type": "string"}])
    assert told(page, alone, {"z": 1}) == told(page, alone, "x") == []
    assert told(page, alone, {}) == [("", "z is required")]


def test_a_union_of_objects_and_null(page: Page) -> None:
    """What is no object has no tag, and is judged by the branches."""
    schema = union("oneOf", [*BRANCHES, {"type": "null"}], mapping=MAPPING)
    assert told(page, schema, None) == []
    assert told(page, schema, {"kind": "cat", "lives": 1}) == []
    assert told(page, schema, 1) == [("", "must be an object or null, got 1")]


def test_a_mapping_to_what_is_no_branch(page: Page) -> None:
    """It chooses nothing: all branches decide, and so the outcome is that of the union."""
    schema = union("oneOf", mapping={"cat": REF + "Cat", "bird": REF + "Bird", "x": "no-such"})
    bird: Any = {"Bird": {"required": ["wings"]}}
    strict_cat = {"kind": "bird", "lives": 1}
    assert told(page, schema, strict_cat, **bird) == []
    assert told(page, schema, {"kind": "bird", "wings": 2}, **bird) != []


def test_siblings_count_beside_it(page: Page) -> None:
    """What else the schema says is checked as well, and told once."""
    schema = {**union(mapping=MAPPING), "required": ["kind", "name"]}
    assert told(page, schema, {"lives": 1}) == [("", "kind is required"), ("", "name is required")]
    found = told(page, schema, {"kind": "cat", "lives": 0})
    assert sorted(found) == [
        ("", "name is required"),
        ("/lives", "lives: must be at least 1, got 0"),
    ]


def test_unevaluated_properties_know_the_branch(page: Page) -> None:
    """The branch that is chosen says which properties there are."""
    schema = {**union(mapping=MAPPING), "unevaluatedProperties": False}
    assert told(page, schema, {"kind": "cat", "lives": 1}) == []
    assert told(page, schema, {"kind": "cat", "lives": 1, "bark": "x"}) == [
        ("", "must not have bark")
    ]


def test_a_tag_that_does_not_travel(page: Page) -> None:
    """A read-only tag cannot be demanded of a request: there the union decides."""
    cat, dog = (
        {**one, "properties": {**one["properties"], "kind": {"readOnly": True}}}
        for one in (CAT, DOG)
    )
    schemas: Any = {"Cat": cat, "Dog": dog}
    assert told(page, union(), {"lives": 1}, **schemas) == []
    response = Direction.RESPONSE
    assert told(page, union(), {"kind": "Cat", "lives": 1}, direction=response, **schemas) == []
    assert told(page, union(), {"lives": 1}, direction=response, **schemas) == [
        ("", "kind is required")
    ]


def test_a_default_branch(page: Page) -> None:
    """`defaultMapping` of 3.2 takes what has no tag, or one that nobody knows."""
    other: Any = {"type": "object", "properties": {"name": {"type": "string"}}}
    branches = [*BRANCHES, {"$ref": REF + "Other"}]
    for default in ("Other", REF + "Other"):
        schema = union("oneOf", branches, mapping=MAPPING, defaultMapping=default)
        for value in ({"name": "x"}, {"kind": "cow"}, {"kind": "cat", "lives": 1}):
            assert told(page, schema, value, version="3.2.0", Other=other) == []
        found = told(page, schema, {"kind": "cow", "name": 1}, version="3.2.0", Other=other)
        assert found == [("/name", "name: must be a string, got 1")]


def test_branches_in_other_files(tmp_path: Path) -> None:
    """A branch in a file is called by the end of its reference; mappings are relative URIs."""
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n"
        "    Tested:\n      oneOf: [{$ref: Cat.yaml}, {$ref: 'more.yaml#/Dog'}]\n"
        "      discriminator:\n        propertyName: kind\n"
        "        mapping: {tom: ./Cat.yaml, rex: 'more.yaml#/Dog'}\n"
    )
    (tmp_path / "Cat.yaml").write_text("required: [lives]\n")
    (tmp_path / "more.yaml").write_text("Dog: {required: [bark]}\n")
    document = load(tmp_path / "api.yaml")
    place, schemas = document.root["components"]["schemas"]["Tested"], Schemas(document)
    schemas.add(place, Direction.REQUEST)
    validator = schemas.validator(place, Direction.REQUEST)
    for tag, key in (("tom", "lives"), ("rex", "bark"), ("Cat", "lives"), ("Dog", "bark")):
        assert validator.is_valid({"kind": tag, key: 1})
        (error,) = validator.errors({"kind": tag})
        assert error.value == key
    assert not validator.is_valid({"kind": "more", "bark": 1})


# The models of OpenAPI 3.0.4, section 4.7.24.2.3, and of 4.7.25.4.
PARENT: Any = {
    "type": "object",
    "required": ["kind"],
    "properties": {"kind": {"type": "string"}, "name": {"type": "string"}},
    "discriminator": {"propertyName": "kind", "mapping": {"dog": "Dog"}},
}


def child(**members: Any) -> Any:
    return {"allOf": [{"$ref": REF + "Pet"}, {"type": "object", **members}]}


FAMILY: Any = {
    "Pet": PARENT,
    "Cat": child(required=["lives"], properties={"lives": {"type": "integer"}}),
    "Dog": child(properties={"bark": {"type": "string"}, "friend": {"$ref": REF + "Pet"}}),
}
NO_NAME = [("/name", "name: must be a string, got 1")]
VALUES: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"kind": "Cat", "lives": 9}, []),
    ({"kind": "Pet", "name": "x"}, []),
    ({"kind": "Cat"}, []),
    ({"kind": "dog", "bark": 1}, []),
    ({"kind": "Dog", "bark": 1}, []),
    ({"kind": "cow"}, []),
    ({"kind": "Cat", "name": 1}, NO_NAME),
    ({"kind": "cow", "name": 1}, NO_NAME),
    ({"kind": 1}, [("/kind", "kind: must be a string, got 1")]),
    ({}, [("", "kind is required")]),
    (1, [("", "must be an object, got 1")]),
    ({"kind": "dog", "friend": {"kind": "Cat"}}, []),
    ({"kind": "dog", "friend": {"kind": "cow", "name": 1}}, []),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=str)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_parent_does_not_look_for_its_children(
    page: Page, version: str, value: Any, expected: Any, wrapped: bool
) -> None:
    """An unknown tag, and a value that breaks the child it names, are valid for the parent."""
    schema: Any = {"$ref": REF + "Pet"}
    if wrapped:  # as 3.0 has to write a description beside a reference
        schema = {"allOf": [schema], "description": "a pet"}
    found = told(page, schema, value, version=version, **FAMILY)
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(("value", "_"), VALUES, ids=str)
@pytest.mark.parametrize("name", ["Pet", "Cat", "Dog"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_verdict_on_a_family_is_that_of_the_oracle(
    page: Page, version: str, name: str, value: Any, _: Any
) -> None:
    """Of a parent, and of its children, openapi-core accepts the same values."""
    schema = {"$ref": REF + name}
    oracle = OAS30WriteValidator if version == "3.0.3" else OAS31Validator
    whole = {**schema, "components": {"schemas": FAMILY}}
    found = told(page, schema, value, version=version, **FAMILY)
    assert (found == []) is oracle(whole).is_valid(value)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_child_is_held_to_its_parent(page: Page, version: str) -> None:
    """Where a child is asked for, both decide, and the tag chooses nothing."""
    cat: Any = {"$ref": REF + "Cat"}
    for tag in ("Cat", "dog", "anything"):
        assert told(page, cat, {"kind": tag, "lives": 1}, version=version, **FAMILY) == []
    found = told(page, cat, {"kind": "dog", "name": 1}, version=version, **FAMILY)
    assert sorted(found) == [("", "lives is required"), *NO_NAME]
    assert told(page, cat, {"lives": 1}, version=version, **FAMILY) == [("", "kind is required")]


@pytest.mark.parametrize("version", VERSIONS)
def test_children_of_children(page: Page, version: str) -> None:
    """Each generation is held to those before it, and to none that comes after."""
    kitten: Any = {"allOf": [{"$ref": REF + "Cat"}, {"required": ["age"]}]}
    cat: Any = {**FAMILY["Cat"], "discriminator": {"propertyName": "kind"}}
    family: Any = {**FAMILY, "Cat": cat, "Kitten": kitten}
    missing = {"Pet": [], "Cat": ["lives"], "Kitten": ["age", "lives"]}
    for name, members in missing.items():
        found = told(page, {"$ref": REF + name}, {"kind": "Kitten"}, version=version, **family)
        assert sorted(found) == [("", f"{member} is required") for member in members]


@pytest.mark.parametrize(
    "discriminator",
    [
        {"propertyName": "kind", "mapping": {"cow": "Cat"}},
        {"propertyName": "kind", "defaultMapping": "Cat"},
    ],
    ids=str,
)
def test_no_mapping_makes_branches_of_children(page: Page, discriminator: Any) -> None:
    """Whatever leads to a child, validation does not go there."""
    family: Any = {**FAMILY, "Pet": {**PARENT, "discriminator": discriminator}}
    for tag in ("Cat", "cow", "pig"):
        assert told(page, {"$ref": REF + "Pet"}, {"kind": tag}, version="3.2.0", **family) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_parent_that_lists_its_children(page: Page, version: str) -> None:
    """A parent with `oneOf` of schemas that extend it again does not go in a circle."""
    pet: Any = {**PARENT, "oneOf": [{"$ref": REF + "Cat"}, {"$ref": REF + "Dog"}]}
    family: Any = {**FAMILY, "Pet": pet}
    schema = {"$ref": REF + "Pet"}
    assert told(page, schema, {"kind": "Cat", "lives": 1}, version=version, **family) == []
    found = told(page, schema, {"kind": "Cat"}, version=version, **family)
    assert found == [("", "lives is required")]
    found = told(page, schema, {"kind": "cow"}, version=version, **family)
    assert found == [("/kind", 'kind: must be one of "dog", "Cat", got "cow"')]


def test_a_child_by_what_stands_beside_a_reference(page: Page) -> None:
    """From 3.1 on a schema extends another by `$ref` and more; a bare reference is an alias."""
    family: Any = {
        "Pet": {**PARENT, "oneOf": [{"$ref": REF + "Dog"}]},
        "Dog": {"$ref": REF + "Pet", "required": ["bark"]},
        "Alias": {"$ref": REF + "Pet", "description": "the same"},
    }
    for name in ("Pet", "Alias"):
        schema = {"$ref": REF + name}
        assert told(page, schema, {"kind": "dog"}, **family) == [("", "bark is required")]
        assert told(page, schema, {"kind": "cow"}, **family)[0][0] == "/kind"
    assert told(page, {"$ref": REF + "Dog"}, {"kind": "x", "bark": 1}, **family) == []


SAME: list[tuple[Any, bool]] = [
    ({"allOf": [{"$ref": REF + "Pet"}]}, True),
    ({"allOf": [{"$ref": REF + "Pet"}, {"required": ["a"]}]}, True),
    ({"allOf": [{"$ref": REF + "Pet"}, {"$ref": REF + "Other"}], "title": "t"}, True),
    ({"allOf": [{"$ref": REF + "Pet"}], "minProperties": 2, "title": "t"}, True),
    ({"allOf": [{"$ref": REF + "Pet"}], "description": "the same", "x-y": 1}, False),
    ({"allOf": [{"$ref": REF + "Pet"}, {"description": "the same"}], "nullable": True}, False),
]


@pytest.mark.parametrize(("schema", "is_child"), SAME, ids=str)
def test_who_is_a_child(page: Page, schema: Any, is_child: bool) -> None:
    """What refers to a parent with nothing but a description is the parent by another name."""
    document = load(
        page.document(
            version="3.0.3", schemas={"Pet": PARENT, "It": schema, "Other": {}, "Dog": {}}
        )
    )
    families, parent = Families(document), document.root["components"]["schemas"]["Pet"]
    assert ("It" in families.descendants(parent)) is is_child
    assert ("It" in families.namesakes(parent)) is not is_child


def test_recursive_unions_end(page: Page) -> None:
    """Unions that contain themselves are surveyed once."""
    node: Any = union("oneOf", [{"$ref": REF + "Node"}, {"$ref": REF + "Other"}, *BRANCHES])
    schemas: Any = {
        "Node": node,
        "Other": {"oneOf": [{"$ref": REF + "Node"}, {"$ref": REF + "Other"}]},
    }
    assert told(page, {"$ref": REF + "Node"}, {"kind": "Cat", "lives": 1}, **schemas) == []


@pytest.mark.parametrize(
    "discriminator",
    [{}, {"propertyName": 5}, [], "kind", {"propertyName": "kind", "mapping": {"cat": 5}}],
    ids=str,
)
def test_what_is_no_discriminator(page: Page, discriminator: Any) -> None:
    """One that says nothing is not there, in a document that is read all the same."""
    assert read_discriminator({"discriminator": discriminator}, (3, 1)) is None or (
        read_discriminator({"discriminator": discriminator}, (3, 1)).mapping == {}  # type: ignore[union-attr]
    )


def test_the_tags_of_a_family(page: Page) -> None:
    """Which tag means which child is known to those who do not validate."""
    wrapped = {"description": "a pet", "allOf": [{"$ref": REF + "Pet"}]}
    document = load(page.document(schemas={**FAMILY, "Wrapped": wrapped}))
    parent = document.root["components"]["schemas"]["Pet"]
    families = Families(document)
    assert list(families.descendants(parent)) == ["Cat", "Dog"]
    assert families.namesakes(parent) == ["Wrapped"]
    found = read_discriminator(parent.value, (3, 1))
    assert found is not None
    cases = family_cases(families, found, parent)
    assert cases.chosen == ((("dog", "Dog"), (1,)), (("Pet", "Wrapped"), ()), (("Cat",), (0,)))
    assert sorted(cases.tags) == ["Cat", "Dog", "Pet", "Wrapped", "dog"]
    assert cases.default is None


def test_the_constants_of_a_family(page: Page) -> None:
    """A child is known by its own constants, and not by those that all have from their parent."""
    cat = child(properties={"kind": {"enum": ["cat", "tom"]}})
    own = {**PARENT, "properties": {"kind": {"enum": ["cat", "tom", "dog", "cow"]}}}
    document = load(page.document(schemas={**FAMILY, "Pet": own, "Cat": cat}))
    parent = document.root["components"]["schemas"]["Pet"]
    found = read_discriminator(parent.value, (3, 1))
    assert found is not None
    cases = family_cases(Families(document), found, parent)
    assert cases.chosen == ((("dog", "Dog"), (1,)), (("Pet",), ()), (("Cat", "cat", "tom"), (0,)))
