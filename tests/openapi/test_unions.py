"""Unions of classes that a discriminator tells apart: each value becomes the class it names."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from brrt.openapi.complaints import complaints
from brrt.openapi.converters import converter
from brrt.openapi.document import Node, load
from brrt.openapi.hint_checks import check_hint
from brrt.openapi.unions import UndecidedError

Page = Any


@dataclass
class Cat:
    kind: str
    lives: int = 9


@dataclass
class PolarBear:
    """It does not say what kind it is of: its name does."""

    weight: int = 0


@dataclass
class House:
    first: Cat | PolarBear
    others: list[Cat | PolarBear] = field(default_factory=list)
    best: Cat | PolarBear | None = None


class Feline(TypedDict):
    kind: Literal["cat", "kitten"]
    lives: int


class Bear(msgspec.Struct):
    kind: Literal["bear"] | None = None
    weight: int = 0


class TaggedCat(msgspec.Struct, tag_field="kind", tag="cat"):
    lives: int = 9


class TaggedBear(msgspec.Struct, tag_field="kind", tag="bear"):
    weight: int = 0


class Mistagged(msgspec.Struct, tag_field="type", tag="bear"):
    weight: int = 0


@dataclass
class Fish:
    fins: int = 0


@dataclass
class Animal:
    kind: str


@dataclass
class Wrong:
    kind: Literal["bear"]
    weight: str = ""


class ModelCat(pydantic.BaseModel):
    kind: str
    lives: int


class ModelBear(pydantic.BaseModel):
    kind: str
    weight: int


def branch(*required: str, **properties: Any) -> dict[str, Any]:
    every = {"kind": {"type": "string"}, **properties}
    return {"type": "object", "properties": every, "required": ["kind", *required]}


CAT = branch("lives", lives={"type": "integer"})
BEAR = branch("weight", weight={"type": "integer"})


KIND = {"propertyName": "kind"}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def union(*names: str, keyword: str = "oneOf", **mapping: str) -> dict[str, Any]:
    discriminator: dict[str, Any] = {"propertyName": "kind"}
    if mapping:
        discriminator["mapping"] = mapping
    return {keyword: [ref(one) for one in names], "discriminator": discriminator}


def place(page: Page, tested: Any, version: Any = "3.1.0", **schemas: Any) -> Node:
    known = {"Cat": CAT, "PolarBear": BEAR, "Tested": tested, **schemas}
    made = load(page.document(version=version, schemas=known), strict=False)
    found: Node = made.root["components"]["schemas"]["Tested"]
    return found


def compiled(hint: Any, node: Node) -> Callable[[Any], Any]:
    assert not check_hint(hint, (node,))
    convert = converter(hint, (node,))
    assert convert is not None
    return convert


PLAIN = union("Cat", "PolarBear")
MAPPED = union("Cat", "PolarBear", cat="Cat", kitten="Cat", bear="#/components/schemas/PolarBear")
CHOICES: list[tuple[Any, Any, str, Any]] = [
    (PLAIN, Cat | PolarBear, "Cat", Cat),
    (PLAIN, Cat | PolarBear, "PolarBear", PolarBear),
    (PLAIN, PolarBear | Cat | None, "Cat", Cat),
    (union("Cat", "PolarBear", keyword="anyOf"), Cat | PolarBear, "Cat", Cat),
    (MAPPED, Cat | PolarBear, "kitten", Cat),
    (MAPPED, Cat | PolarBear, "bear", PolarBear),
    (MAPPED, Feline | Bear, "kitten", dict),
    (MAPPED, Feline | Bear, "bear", Bear),
    (MAPPED, Feline | PolarBear, "bear", PolarBear),
    (MAPPED, TaggedCat | TaggedBear, "cat", TaggedCat),
    (MAPPED, TaggedCat | PolarBear, "bear", PolarBear),
    (MAPPED, Cat | str | list[int] | PolarBear, "cat", Cat),
]


@pytest.mark.parametrize("version", ["3.0.4", "3.1.1"])
@pytest.mark.parametrize(("schema", "hint", "tag", "expected"), CHOICES, ids=str)
def test_the_discriminator_chooses(
    page: Page, version: str, schema: Any, hint: Any, tag: str, expected: Any
) -> None:
    """By its name, by its `Literal` or by its tag: the class of the branch is made."""
    convert = compiled(hint, place(page, schema, version))
    value = {"kind": tag, "lives": 7.0, "weight": 300}
    made = convert(value)
    assert type(made) is expected
    if expected is dict:
        assert made == {"kind": tag, "lives": 7}


def test_everywhere(page: Page) -> None:
    """In fields, in lists, and beside None."""
    pets = {"type": "array", "items": ref("Pet")}
    best = {"anyOf": [ref("Pet"), {"type": "null"}]}
    properties = {"first": ref("Pet"), "others": pets, "best": best}
    house = {"type": "object", "required": ["first"], "properties": properties}
    node = place(page, house, Pet=PLAIN)
    convert = compiled(House, node)
    cat, bear = {"kind": "Cat", "lives": 3}, {"kind": "PolarBear", "weight": 4}
    made = convert({"first": cat, "others": [bear, cat], "best": bear})
    assert made == House(Cat("Cat", 3), [PolarBear(4), Cat("Cat", 3)], PolarBear(4))
    assert convert({"first": cat, "best": None}) == House(Cat("Cat", 3))
    houses = compiled(
        dict[str, list[House]],
        place(
            page,
            {"type": "object", "additionalProperties": {"type": "array", "items": ref("House")}},
            Pet=PLAIN,
            House=house,
        ),
    )
    assert houses({"a": [{"first": bear}]}) == {"a": [House(PolarBear(4))]}
    with pytest.raises(ValueError) as caught:
        houses({"a": [{"first": {"kind": "Dog"}, "others": [{"kind": "Cat", "lives": "x"}]}]})
    found = {".".join(one.path): one.text for one in complaints(caught.value)}
    assert found["a.0.first.kind"] == "must be one of Cat, PolarBear"
    assert found["a.0.others.0.lives"].startswith("Expected `int`")


COMPLAINTS = {"kind": "must be one of Cat, cat, PolarBear", "lives": "Expected `int`"}


def test_a_parent_and_its_children(page: Page) -> None:
    """The components that extend a schema are its branches; the parent itself may be one."""
    animal = branch() | {"discriminator": {"propertyName": "kind", "mapping": {"cat": "Cat"}}}
    extended = {
        "Tested": animal,
        "Cat": {"allOf": [ref("Tested"), CAT]},
        "PolarBear": {"allOf": [ref("Tested"), BEAR]},
    }
    node = place(page, animal, **extended)
    convert = compiled(Cat | PolarBear, node)
    assert convert({"kind": "cat", "lives": 1}) == Cat("cat", 1)
    assert convert({"kind": "PolarBear", "weight": 1}) == PolarBear(1)
    assert compiled(Cat, node)({"kind": "cat"}) == Cat("cat")
    for value in ({"kind": "cow"}, {"kind": "cat", "lives": "x"}):  # the parent accepts them
        with pytest.raises(ValueError) as caught:
            convert(value)
        ((path, text),) = [(one.path, one.text) for one in complaints(caught.value)]
        assert path[0] in COMPLAINTS
        assert text.startswith(COMPLAINTS[path[0]])


def test_a_branch_that_is_meant_by_default(page: Page) -> None:
    """3.2: where the property is missing, `defaultMapping` says what is meant."""
    schema = union("Cat", "PolarBear")
    schema["discriminator"]["defaultMapping"] = "PolarBear"
    bear = BEAR | {"required": ["weight"]}
    convert = compiled(Cat | PolarBear, place(page, schema, "3.2.0", PolarBear=bear))
    assert convert({"weight": 1}) == PolarBear(1)
    assert convert({"kind": "Cat"}) == Cat("Cat")


def test_a_branch_that_is_no_object(page: Page) -> None:
    """Null is no class, and needs none."""
    schema = PLAIN | {"oneOf": [*PLAIN["oneOf"], {"type": "null"}]}
    node = place(page, schema)
    assert compiled(Cat | PolarBear | None, node)(None) is None
    (problem,) = check_hint(Cat | PolarBear, (node,))
    assert problem.message.endswith("allows null")


def test_branches_without_a_name(page: Page) -> None:
    """A branch that stands in place is known by its constant."""
    cat = branch("lives", kind={"const": "cat"}, lives={"type": "integer"})
    schema = {"oneOf": [cat, branch(kind={"const": "bear"})], "discriminator": KIND}
    convert = compiled(Feline | Bear, place(page, schema))
    assert convert({"kind": "bear"}) == Bear("bear")


def test_unions_of_pydantic_are_its_own(page: Page) -> None:
    """Pydantic finds the class that fits."""
    convert = compiled(ModelCat | ModelBear, place(page, PLAIN))
    assert convert({"kind": "x", "weight": 1}) == ModelBear(kind="x", weight=1)


def test_structs_with_tags_need_no_discriminator(page: Page) -> None:
    """Their tags tell them apart."""
    schema = {"oneOf": [ref("Cat"), ref("PolarBear")]}
    convert = compiled(TaggedCat | TaggedBear, place(page, schema))
    assert convert({"kind": "bear", "weight": 1}) == TaggedBear(1)


FAULTS: list[tuple[Any, Any, str]] = [
    (PLAIN, Cat | Fish, "but none of them is the document's 'PolarBear'"),
    (PLAIN, Cat | PolarBear | Fish, "may be Fish, which is none of the branches Cat, PolarBear"),
    (MAPPED, Feline | Fish, "none of them is the document's 'PolarBear'"),
    (MAPPED, TaggedCat | Mistagged, "whose tag is in 'type', but the document's in 'kind'"),
    ({"oneOf": [ref("Cat"), ref("PolarBear")]}, Cat | PolarBear, "does not say which"),
    (MAPPED, Feline | Wrong, ".weight is hinted as str"),
]


@pytest.mark.parametrize(("schema", "hint", "message"), FAULTS, ids=str)
def test_faults(page: Page, schema: Any, hint: Any, message: str) -> None:
    """A branch without a class, a class without a branch: both are told when the app is built."""
    node = place(page, schema)
    (problem,) = check_hint(hint, (node,))
    assert message in problem.path + " " + problem.message or message in (
        problem.path + problem.message
    )
    assert problem.cure
    if not problem.path:
        with pytest.raises(UndecidedError):
            converter(hint, (node,))
