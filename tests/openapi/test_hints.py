"""Hints convert JSON values, say which JSON types they hold, and refuse what they cannot make."""

import enum
import socket
import typing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from brrt.openapi.hints import (
    accepts_none,
    converter,
    holds_model,
    is_model,
    json_types,
    name_of,
)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Named(TypedDict):
    name: str


@dataclass
class Pet:
    name: str
    age: int = 0
    born: date | None = None
    friends: "list[Pet]" = field(default_factory=list)


class Toy(msgspec.Struct):
    name: str
    price: Decimal = Decimal(0)


class Owner(pydantic.BaseModel):
    name: str
    age: int = 0


class Dog(pydantic.BaseModel):
    bark: str


@dataclass
class Mixed:
    where: socket.socket


DAY, UTC = date(2020, 2, 29), UTC
ID = UUID("12345678-1234-5678-1234-567812345678")
CONVERSIONS: list[tuple[Any, Any, Any]] = [
    (float, 3, 3.0),
    (float | None, None, None),
    (date, "2020-02-29", DAY),
    (datetime, "2020-02-29T01:02:03Z", datetime(2020, 2, 29, 1, 2, 3, tzinfo=UTC)),
    (time, "01:02:03", time(1, 2, 3)),
    (timedelta, "PT90S", timedelta(seconds=90)),
    (UUID, str(ID), ID),
    (UUID | None, str(ID), ID),
    (Decimal, "1.10", Decimal("1.10")),
    (Decimal, 0.1, Decimal("0.1")),
    (Color, "red", Color.RED),
    (Level, 1, Level.LOW),
    (Literal["a", 1], 1, 1),
    (bytes, "aGk=", b"hi"),
    (bytes, b"hi", b"hi"),
    (list[date], ["2020-02-29"], [DAY]),
    (list[int], [1.0, 2], [1, 2]),
    (set[str], ["a", "a"], {"a"}),
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (dict[str, Color], {"a": "red"}, {"a": Color.RED}),
    (Named, {"name": "Tom"}, {"name": "Tom"}),
    (Pet, {"name": "Tom", "born": "2020-02-29"}, Pet("Tom", 0, DAY)),
    (Pet, {"name": "Tom", "age": 1.0}, Pet("Tom", 1)),
    (Pet, {"name": "Tom", "friends": [{"name": "Kit"}]}, Pet("Tom", friends=[Pet("Kit")])),
    (Optional[Pet], None, None),  # noqa: UP045
    (list[Pet], [{"name": "Tom"}], [Pet("Tom")]),
    (Toy, {"name": "ball", "price": 1.5}, Toy("ball", Decimal("1.5"))),
    (Owner, {"name": "Ann", "age": 3}, Owner(name="Ann", age=3)),
    (Owner | None, {"name": "Ann"}, Owner(name="Ann")),
    (Owner | None, None, None),
    (list[Owner], [{"name": "Ann"}], [Owner(name="Ann")]),
    (dict[str, Owner], {"a": {"name": "Ann"}}, {"a": Owner(name="Ann")}),
    (Owner | Dog, {"bark": "wow"}, Dog(bark="wow")),
    (Annotated[Owner, "note"], {"name": "Ann"}, Owner(name="Ann")),
    (Annotated[int, msgspec.Meta(gt=0)], 1, 1),
]


@pytest.mark.parametrize(("hint", "value", "expected"), CONVERSIONS, ids=str)
def test_conversions(hint: Any, value: Any, expected: Any) -> None:
    """A JSON value becomes what the hint says, whole numbers included."""
    convert = converter(hint)
    assert convert is not None
    found = convert(value)
    assert found == expected
    assert type(found) is type(expected)


PLAIN = [str, int, bool, dict, list, Any, object, str | None, dict[str, Any], list[str], list[Any]]


@pytest.mark.parametrize("hint", [*PLAIN, list[str] | None, str | dict[str, Any]], ids=str)
def test_plain_hints_cost_nothing(hint: Any) -> None:
    """What JSON gives already is not converted."""
    assert converter(hint) is None


REFUSALS: list[tuple[Any, Any]] = [
    (Color, "blue"),
    (Literal["a"], "b"),
    (UUID, "x"),
    (date, "2021-02-29"),
    (datetime, "yesterday"),
    (Pet, {"age": 1}),
    (Pet, {"name": "Tom", "age": 1.5}),
    (list[Pet], [{"name": 1}]),
    (Owner, {"name": "Ann", "age": "x"}),
    (Annotated[int, msgspec.Meta(gt=0)], 0),
]


@pytest.mark.parametrize(("hint", "value"), REFUSALS, ids=str)
def test_refusals(hint: Any, value: Any) -> None:
    """What cannot become the hint's type is a ValueError, whichever library says so."""
    convert = converter(hint)
    assert convert is not None
    with pytest.raises(ValueError):
        convert(value)


@pytest.mark.parametrize(
    "hint", [complex, socket.socket, list[complex], dict[str, complex], Mixed, complex | None]
)
def test_hints_that_no_json_can_become(hint: Any) -> None:
    """A type that JSON cannot become is refused when the app is built, however deep it lies."""
    with pytest.raises(TypeError, match=r"complex|socket"):
        converter(hint)


TYPES: list[tuple[Any, set[str] | None]] = [
    (int, {"integer"}),
    (float, {"number", "integer"}),
    (str | None, {"string", "null"}),
    (Optional[int], {"integer", "null"}),  # noqa: UP045
    (Literal["a", 1, None], {"string", "integer", "null"}),  # noqa: PYI061
    (Color, {"string"}),
    (Level, {"integer"}),
    (list[int], {"array"}),
    (frozenset[str], {"array"}),
    (dict[str, int], {"object"}),
    (Pet, {"object"}),
    (Owner | None, {"object", "null"}),
    (Named, {"object"}),
    (Toy, {"object"}),
    (Annotated[UUID, "x"], {"string"}),
    (Decimal, {"number", "integer", "string"}),
    (Any, None),
    (int | Any, None),
    (socket.socket, None),
]


@pytest.mark.parametrize(("hint", "types"), TYPES, ids=str)
def test_json_types(hint: Any, types: set[str] | None) -> None:
    """A hint says which JSON types it can hold, or does not say."""
    assert json_types(hint) == types


def test_none() -> None:
    """A hint accepts None if it says so, or says nothing."""
    assert [accepts_none(one) for one in (int, int | None, Any)] == [False, True, True]


def test_models() -> None:
    """Classes made from a JSON object are models; unions and lists may hold one."""
    assert all(map(is_model, (Pet, Toy, Owner, Named)))
    assert not any(map(is_model, (int, Color, list[Pet], Any, Pet | None)))
    assert all(map(holds_model, (Pet, Pet | None, list[Toy], dict[str, Owner | None])))
    assert not any(map(holds_model, (list[int], UUID, str | None, Any)))


def test_names() -> None:
    """A hint is named as it is written."""
    assert name_of(int) == "int"
    assert name_of(typing.Optional[int]) in ("Optional[int]", "int | None")  # noqa: UP045
