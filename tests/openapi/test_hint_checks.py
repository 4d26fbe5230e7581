"""What a schema allows and a hint cannot hold: pairs of both, and what is told of them."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from brrt.openapi.document import load
from brrt.openapi.hint_checks import check_hint

T = TypeVar("T")
Page = Any
Schema = Any

Name = NewType("Name", str)
Names = TypeAliasType("Names", list[str])
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))


class Upload:
    """Stands for an uploaded file."""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Anything(enum.Enum):
    KNOWN = "known"

    @classmethod
    def _missing_(cls, value: object) -> "Anything":
        return cls.KNOWN


@dataclass
class Pet:
    name: str
    age: int = 0


@dataclass
class Renamed(Pet):
    """A field of another type than the parent's."""

    age: str = ""  # type: ignore[assignment]


@dataclass(kw_only=True)
class Node:
    """A class that holds itself."""

    value: int = 0
    children: "list[Node]" = field(default_factory=list)


@dataclass
class Owner:
    pets: list[Pet]
    best: Pet | None = None


@dataclass
class Computed:
    a: int
    b: int = field(init=False)


@dataclass
class Box(Generic[T]):
    item: T


@dataclass
class PetBox(Box[Pet]):
    label: str = ""


class Keys(TypedDict):
    name: str
    age: NotRequired[int]


class BoxKeys(TypedDict, Generic[T]):
    item: T


class IntKeys(BoxKeys[int]):
    pass


class Loose(TypedDict, total=False):
    name: Required[str]
    age: int


class Camel(msgspec.Struct, rename="camel"):
    first_name: str
    other: int = msgspec.field(default=0, name="OTHER")


class Closed(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class Tagged(msgspec.Struct, forbid_unknown_fields=True, tag_field="kind", tag="tagged"):
    name: str = ""


class Row(msgspec.Struct, array_like=True):
    name: str


class Unset(msgspec.Struct):
    name: str | msgspec.UnsetType = msgspec.UNSET


class Model(pydantic.BaseModel):
    name: str
    age: int = 0


class Aliased(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    first: str = pydantic.Field(alias="firstName")
    other: int = pydantic.Field(0, validation_alias=pydantic.AliasChoices("a", "b"))


class ByName(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True, extra="forbid")
    first: str = pydantic.Field(alias="firstName")


class Deep(pydantic.BaseModel):
    first: str = pydantic.Field(validation_alias=pydantic.AliasPath("a", "b"))


class Before(pydantic.BaseModel):
    day: date

    @pydantic.field_validator("day", mode="before")
    @classmethod
    def parse(cls, value: Any) -> Any:
        return value


class Whole(pydantic.BaseModel):
    day: date

    @pydantic.model_validator(mode="before")
    @classmethod
    def parse(cls, value: Any) -> Any:
        return value


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Photo(TypedDict):
    photo: Upload


class PhotoModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    photo: Upload
    more: list[Upload] = []


class A(pydantic.BaseModel):
    a: int


class B(pydantic.BaseModel):
    b: int


STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
BOOLEAN, NULL = {"type": "boolean"}, {"type": "null"}


def text(**words: Any) -> Schema:
    return {"type": "string", **words}


def array(items: Any, **words: Any) -> Schema:
    return {"type": "array", "items": items, **words}


def obj(*required: str, **properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def either(*branches: Any, keyword: str = "oneOf") -> Schema:
    return {keyword: list(branches)}


def maybe(schema: Any) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


PET = obj("name", name=STRING, age=INTEGER)
TREE = {"$ref": "#/components/schemas/Tree"}
OTHER_KID = {"$ref": "#/components/schemas/OtherKid"}
SCHEMAS = {
    "Pet": PET,
    "Nullable": maybe(PET),
    "Tree": obj(value=INTEGER, children=array(TREE)),
    "BadTree": obj(value=STRING, children=array({"$ref": "#/components/schemas/BadTree"})),
    "Parent": {"type": "object", "oneOf": [{"$ref": "#/components/schemas/Kid"}, OTHER_KID]},
    "Kid": {"allOf": [{"$ref": "#/components/schemas/Parent"}, obj("name", name=STRING)]},
    "OtherKid": {"allOf": [{"$ref": "#/components/schemas/Parent"}, obj(toy=STRING)]},
    "Loop": {"anyOf": [{"$ref": "#/components/schemas/Loop"}, STRING]},
}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


ANY = "but the document's schema allows"
# Schema, hint, and the part of the message that must be there; None where the hint will do.
PAIRS: list[tuple[Schema, Any, str | None]] = [
    # Plain types
    (STRING, str, None),
    (STRING, int, f"is hinted as int, {ANY} string"),
    (INTEGER, int, None),
    (INTEGER, float, None),
    (INTEGER, Decimal, None),
    (INTEGER, bool, f"is hinted as bool, {ANY} integer"),
    (NUMBER, int, "allows number"),
    (NUMBER | {"multipleOf": 1}, int, None),
    (NUMBER | {"multipleOf": 0.5}, int, "allows number"),
    (NUMBER | {"format": "int64"}, int, None),
    (NUMBER, float, None),
    (BOOLEAN, bool, None),
    (BOOLEAN, int, "allows boolean"),
    (NULL, None, None),
    ({}, int, None),
    (True, int, None),
    (False, int, None),
    (STRING, Any, None),
    (STRING, object, None),
    (STRING, int | Any, None),
    (STRING, Name, None),
    (INTEGER, Name, "is hinted as Name"),
    (INTEGER, Annotated[int, msgspec.Meta(gt=3)], None),
    (STRING, Annotated[int, "note"], "allows string"),
    # Several types
    ({"type": ["string", "integer"]}, str, f"is hinted as str, {ANY} integer"),
    ({"type": ["string", "integer"]}, bool, "allows integer and string"),
    ({"type": ["string", "integer"]}, int | str, None),
    (maybe(STRING), str, "allows null"),
    (maybe(STRING), str | None, None),
    (maybe(STRING), Optional[str], None),  # noqa: UP045
    (either(STRING, INTEGER), str, "allows integer"),
    (either(STRING, INTEGER, keyword="anyOf"), str | int, None),
    (either(STRING, NULL), str, "allows null"),
    (either(STRING, {}), str, None),
    (either({"minLength": 1}, {"minLength": 2}) | STRING, str, None),
    ({"allOf": [STRING, {"minLength": 1}]}, int, "allows string"),
    ({"allOf": [{"type": ["string", "null"]}, STRING]}, str, None),
    ({"allOf": [NUMBER, INTEGER]}, int, None),
    ({"allOf": [either(STRING, NULL), STRING]}, str, None),
    (ref("Loop"), str, None),
    (ref("Pet"), Pet, None),
    (STRING | {"nullable": True}, str, None),
    (text(format="binary"), str, None),
    (ref("Kid"), Closed, None),
    (ref("Kid"), Camel, "has no property 'firstName'"),
    (obj(name=STRING) | {"oneOf": [False, {"required": ["name"]}]}, Pet, None),
    # What is excluded in words that are not read is not told
    (maybe(STRING) | {"not": NULL}, str, None),
    ({"type": ["string", "null"], "if": {}, "then": STRING}, str, None),
    ({"$dynamicRef": "#x", "type": ["string", "null"]}, str, None),
    (obj(a=INTEGER) | {"not": {"required": ["a"]}}, list[int], "allows object"),
    # Values
    (text(enum=["red", "blue"]), Color, None),
    (text(enum=["red", "green"]), Color, f'is hinted as Color, {ANY} "green"'),
    (text(enum=["red"]), Literal["red", "blue"], None),
    (text(enum=["red", "green", "grey"]), Literal["red"], 'allows "green" and "grey"'),
    ({"enum": ["red", None]}, Color, "allows null"),
    ({"enum": ["red", None]}, Color | None, None),
    ({"enum": ["red", 1]}, Literal["red", 1], None),
    ({"enum": [1, 2]}, Size, None),
    ({"enum": [1, 3]}, Size, "allows 3"),
    ({"enum": [1]}, Literal[True], "allows 1"),
    ({"enum": [1]}, Literal[True, 2], "allows 1"),
    ({"enum": [1.0]}, int, None),
    ({"enum": [1.5]}, int, "allows 1.5"),
    ({"type": "string", "enum": ["red", None]}, str, None),
    ({"const": "red"}, Literal["red"], None),
    ({"const": "red"}, Literal["blue"], 'allows "red"'),
    ({"const": {"a": 1}}, dict[str, int], None),
    (text(enum=["2020-02-29"]), date, None),
    (text(enum=["2020-02-30"]), date, 'allows "2020-02-30"'),
    (text(enum=["red", "green"]), Anything, None),
    (STRING, Anything, None),
    (STRING, Color, "allows any string"),
    (STRING, Literal["a"], "allows any string"),
    (STRING, Color | str, None),
    (text(pattern="^(red|blue)$"), Color, None),
    (INTEGER, Size, "allows any integer"),
    (INTEGER | {"minimum": 1, "maximum": 2}, Size, None),
    (BOOLEAN, Literal[True], "allows false"),
    (BOOLEAN, Literal[True, False], None),
    ({"allOf": [{"enum": ["red", "green"]}, {"enum": ["red"]}]}, Color, None),
    # Formats
    (text(format="date"), date, None),
    (STRING, date, f"is hinted as date, {ANY} any string"),
    (text(format="date-time"), date, "allows strings of format date-time"),
    (text(pattern="^2020"), date, None),
    (text(format="date-time"), datetime, None),
    (text(format="date"), datetime, "allows strings of format date"),
    (text(format="time"), time, None),
    (text(format="duration"), timedelta, None),
    (text(format="uuid"), UUID, None),
    (text(format="email"), UUID, "allows strings of format email"),
    (text(format="decimal"), Decimal, None),
    (STRING, Decimal, "allows any string"),
    (NUMBER, Decimal, None),
    (text(format="byte"), bytes, None),
    (text(contentEncoding="base64"), bytes, None),
    (STRING, bytes, "allows any string"),
    (STRING, date | str, None),
    (STRING, date | datetime, "allows any string"),
    (text(format="date"), date | datetime, None),
    (text(format="email"), str, None),
    ({"allOf": [STRING, {"format": "date"}]}, date, None),
    # Lists
    (array(STRING), list[str], None),
    (array(STRING), list, None),
    (array(STRING), str, "allows array"),
    (array(STRING), list[int], "x[] is hinted as int"),
    (array(STRING), Names, None),
    (array(INTEGER), Names, "x[] is hinted as str"),
    (array(maybe(STRING)), list[str], f"x[] is hinted as str, {ANY} null"),
    (array(STRING), list[str] | None, None),
    ({"type": "array"}, list[int], None),
    (array(array(STRING)), list[list[int]], "x[][] is hinted as int"),
    (array(STRING), set[str], None),
    (array(STRING), frozenset[int], "x[]"),
    (array(STRING), Sequence[int], "x[]"),
    (array(STRING), Iterable[str], None),
    (array(STRING), tuple[str, ...], None),
    (array(STRING), tuple[int, ...], "x[]"),
    (array(STRING), tuple[str, str], "allows other numbers of items"),
    (array(STRING, minItems=2, maxItems=2), tuple[str, str], None),
    (array(STRING, minItems=2, maxItems=2), tuple[str, int], "x[1] is hinted as int"),
    (array(STRING, minItems=2, maxItems=2), Pair[str], None),
    (array(False, prefixItems=[STRING, INTEGER], minItems=2), tuple[str, int], None),
    (array(False, prefixItems=[STRING, INTEGER]), tuple[str, int], "other numbers of items"),
    (array(STRING, prefixItems=[INTEGER]), list[str], "x[0] is hinted as str"),
    ({"items": STRING}, tuple[str, str], None),
    (array(STRING), Row, None),
    # Dicts
    (obj(a=STRING), dict[str, str], None),
    (obj(a=STRING), dict, None),
    (obj(a=STRING), dict[str, Any], None),
    (obj(a=STRING), str, "allows object"),
    (obj(a=STRING), dict[str, int], "x.a is hinted as int"),
    ({"type": "object", "additionalProperties": STRING}, Mapping[str, str], None),
    ({"type": "object", "additionalProperties": STRING}, dict[str, int], "x.* is hinted as int"),
    ({"type": "object", "patternProperties": {"^a": STRING}}, dict[str, int], "x.*"),
    # Models
    (PET, Pet, None),
    (PET, Pet | None, None),
    (maybe(PET), Pet, f"is hinted as Pet, {ANY} null"),
    (PET, list[Pet], "allows object"),
    (PET, Keys, None),
    (PET, Loose, None),
    (PET, Model, None),
    ({"type": "object"}, Pet, None),
    ({"properties": PET["properties"], "required": ["name"]}, Pet, None),
    (obj(name=STRING), Pet, "is read as Pet, whose field name has no default, but the document"),
    (obj(name=STRING), Keys, "does not require 'name'"),
    (obj(name=STRING), Loose, "does not require 'name'"),
    (obj(name=STRING), Closed, "does not require 'name'"),
    (obj(name=STRING), Model, "does not require 'name'"),
    (obj(name=STRING | {"default": "Tom"}), Pet, None),
    (obj(age=INTEGER), Pet, "has no property 'name' that is required"),
    ({"type": "object", "required": ["name"]}, Pet, None),
    (obj("name", name=STRING | {"readOnly": True}), Pet, "makes it readOnly"),
    (obj("name", name=INTEGER), Pet, "x.name is hinted as str"),
    (obj("name", name=STRING, age=maybe(INTEGER)), Pet, f"x.age is hinted as int, {ANY} null"),
    (obj("name", name=STRING, age=maybe(INTEGER)), Keys, "x.age"),
    (obj("name", name=STRING, age=maybe(INTEGER)), Model, "x.age"),
    (obj("name", name=INTEGER), Closed, "x.name"),
    (obj("pets", pets=array(PET), best=maybe(PET)), Owner, None),
    (obj("pets", pets=array(ref("Nullable"))), Owner, "x.pets[] is hinted as Pet"),
    (obj("pets", pets=array(obj("name", name=NUMBER))), Owner, "x.pets[].name is hinted as str"),
    ({"allOf": [ref("Pet"), {"required": ["age"]}]}, Pet, None),
    ({"allOf": [obj(name=STRING), {"required": ["name"]}]}, Pet, None),
    (either(PET, obj("age", age=INTEGER)), Pet, "has no property 'name' that is required"),
    (obj("a", a=INTEGER), Computed, None),
    (obj("firstName", firstName=STRING, OTHER=INTEGER), Camel, None),
    (obj("first_name", first_name=STRING), Camel, "has no property 'firstName'"),
    (obj("firstName", firstName=STRING, OTHER=STRING), Camel, "x.OTHER is hinted as int"),
    (obj("name", name=STRING, age=INTEGER), Closed, "forbids the document's property 'age'"),
    (obj("name", name=STRING, id=INTEGER | {"readOnly": True}), Closed, None),
    (obj("name", name=INTEGER) | {"additionalProperties": False}, Pet, "x.name is hinted as str"),
    (obj("name", name=STRING, age=STRING), Renamed, None),
    (obj("name", name=STRING, age=INTEGER), Renamed, "x.age is hinted as str"),
    (obj("item", item=INTEGER), IntKeys, None),
    (obj("item", item=STRING), IntKeys, "x.item is hinted as int"),
    (obj(name=STRING, kind=STRING), Tagged, None),
    (obj(name=STRING), Unset, None),
    (obj(name=maybe(STRING)), Unset, "x.name"),
    (obj("firstName", firstName=STRING, a=INTEGER, b=INTEGER), Aliased, None),
    (obj("firstName", firstName=STRING, b=STRING), Aliased, "x.b is hinted as int"),
    (obj("firstName", firstName=STRING, c=STRING), Aliased, "forbids the document's property 'c'"),
    (obj("first", first=STRING), Aliased, "'firstName'"),
    (obj("first", first=STRING), ByName, None),
    (obj("a", a=STRING), Deep, None),
    (obj("day", day=STRING), Before, None),
    (STRING, Before, "allows string"),
    (obj(day=STRING), Whole, None),
    (array(INTEGER), Numbers, None),
    (array(STRING), Numbers, "x[] is hinted as int"),
    (obj("item", item=STRING), Box[str], None),
    (obj("item", item=STRING), Box[int], "x.item is hinted as int"),
    (obj("item", item=PET), PetBox, None),
    (obj("item", item=STRING), PetBox, "x.item is hinted as Pet"),
    # What holds itself
    (ref("Tree"), Node, None),
    (ref("BadTree"), Node, "x.value is hinted as int"),
    # What pydantic makes of more
    (INTEGER, Annotated[datetime, pydantic.Field()], None),
    (text(pattern="^[0-9]+$"), Annotated[int, pydantic.Field()], None),
    (text(pattern="^[0-9]+$"), int, "allows string"),
    (text(enum=["1", "2"]), Annotated[int, pydantic.Field()], None),
    (text(enum=["1", "x"]), Annotated[int, pydantic.Field()], 'allows "x"'),
    (STRING, Annotated[int, pydantic.Field()], "allows string"),
    (STRING, Annotated[int, pydantic.BeforeValidator(len)], None),
    (STRING, pydantic.PositiveInt, "allows string"),
    (STRING, Annotated[bytes, pydantic.Field()], None),
    # Unions of classes
    (obj("a", a=INTEGER), A | B, None),
    (obj(a=INTEGER), Pet | Owner, "could be Pet and Owner, and the document does not say which"),
    (array(obj(a=INTEGER)), list[Pet | Owner], "x[] could be Pet and Owner"),
    (STRING, Pet | Owner, "allows string"),
    # Files
    (STRING, Upload, "files come in multipart bodies only"),
]


def told(made: Any, hint: Any, has_files: bool = False) -> list[str]:
    place = load(made, strict=False).root["components"]["schemas"]["Tested"]
    problems = check_hint(hint, (place,), files=frozenset({Upload}), has_files=has_files)
    assert all(one.cure for one in problems)
    return [f"x{one.path} {one.message}" for one in problems]


def matches(found: list[str], message: str | None) -> bool:
    return not found if message is None else any(message in one for one in found)


@pytest.mark.parametrize(("schema", "hint", "message"), PAIRS, ids=str)
def test_pairs(page: Page, schema: Schema, hint: Any, message: str | None) -> None:
    """Told is what a hint certainly cannot hold, with its place; and nothing else."""
    found = told(page.document(schemas={"Tested": schema, **SCHEMAS}), hint)
    assert matches(found, message), found


# In 3.0 a type is one, `nullable` adds null, and nothing beside a `$ref` counts.
PAIRS_30: list[tuple[Schema, Any, str | None]] = [
    (STRING | {"nullable": True}, str, "allows null"),
    (STRING | {"nullable": True}, str | None, None),
    (STRING | {"nullable": True, "enum": ["a"]}, Literal["a"], None),
    ({"allOf": [ref("Pet")], "nullable": True}, Pet, None),
    (obj("name", name=STRING, age=INTEGER | {"nullable": True}), Pet, "x.age is hinted as int"),
    ({"$ref": "#/components/schemas/Pet", "nullable": True}, Pet, None),
    (obj("name", name={"$ref": "#/components/schemas/Text", "default": 1}), Pet, None),
    (obj(name={"$ref": "#/components/schemas/Text", "default": "a"}), Pet, "does not require"),
    (text(format="date"), date, None),
    (text(format="byte"), bytes, None),
    (NUMBER | {"minimum": 0, "exclusiveMinimum": True}, float, None),
    (array(STRING | {"nullable": True}), list[str], "x[] is hinted as str"),
    (either(STRING, INTEGER), str, "allows integer"),
    (text(const="a"), str, None),
    (text(const="a"), Literal["a"], "allows any string"),
]


@pytest.mark.parametrize(("schema", "hint", "message"), PAIRS_30, ids=str)
def test_pairs_of_30(page: Page, schema: Schema, hint: Any, message: str | None) -> None:
    """The dialect of 3.0 is read as such."""
    schemas = {"Tested": schema, "Pet": PET, "Text": STRING}
    found = told(page.document(version="3.0.3", schemas=schemas), hint)
    assert matches(found, message), found


FILE = text(format="binary")
PAIRS_OF_FILES: list[tuple[Schema, Any, str | None]] = [
    (FILE, Upload, None),
    ({"contentMediaType": "image/png"}, Upload, None),
    (FILE, Upload | None, None),
    (array(FILE), list[Upload], None),
    (FILE, list[Upload], "allows a file"),
    (FILE, bytes, "is hinted as bytes, but the document's schema allows a file"),
    (FILE, str, "allows a file"),
    (FILE, str | Upload, None),
    (STRING, Upload, "is hinted as Upload, but the document's schema allows string"),
    ({}, Upload, None),
    (obj("photo", photo=FILE), Photo, None),
    (obj("photo", photo=FILE), PhotoModel, None),
    (obj("photo", photo=STRING), Photo, "x.photo is hinted as Upload"),
    (obj("photo", photo=FILE, more=array(STRING)), PhotoModel, "x.more[] is hinted as Upload"),
    (obj(photo=FILE), Photo, "does not require 'photo'"),
    (FILE, Any, None),
]


@pytest.mark.parametrize("version", ["3.0.4", "3.1.1"])
@pytest.mark.parametrize(("schema", "hint", "message"), PAIRS_OF_FILES, ids=str)
def test_files(page: Page, version: str, schema: Schema, hint: Any, message: str | None) -> None:
    """Where files come, what is binary is a file and nothing else is."""
    if version < "3.1" and "contentMediaType" in schema:
        return
    found = told(page.document(version=version, schemas={"Tested": schema}), hint, has_files=True)
    assert matches(found, message), found


def test_all_is_told_at_once(page: Page) -> None:
    """Every place is told, each once, and in the order of the fields."""
    schema = obj("pets", pets=array(obj(name=maybe(STRING), age=STRING)), best=maybe(PET))
    found = told(page.document(schemas={"Tested": schema}), Owner)
    missing = "is read as Pet, whose field name has no default, but the document does not require"
    assert found == [
        "x.pets[].name is hinted as str, but the document's schema allows null",
        f"x.pets[] {missing} 'name'",
        "x.pets[].age is hinted as int, but the document's schema allows string",
    ]


def test_too_many_ways_are_not_looked_at(page: Page) -> None:
    """A schema that multiplies is left alone, in no time."""
    many = [either(*(text(minLength=place) for place in range(9))) for _ in range(9)]
    assert not told(page.document(schemas={"Tested": {"allOf": many}}), int)


def test_a_long_list_of_values_is_cut(page: Page) -> None:
    """Of many values that do not fit, the first ones are named."""
    schema = {"enum": [str(one) for one in range(100)]}
    (found,) = told(page.document(schemas={"Tested": schema}), int)
    assert found.endswith('allows "0" and "1" and "2" and "3" and "4" and 95 more')
