"""What hints say: which JSON types they hold, what they are made of, and how they are written."""

import enum
import socket
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
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

from brrt.openapi.hints import accepts_none, holds_model, json_types, name_of
from brrt.openapi.models import is_model
from tests.conftest import plainly


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


T = TypeVar("T")
Number = NewType("Number", int)
Numbers = TypeAliasType("Numbers", list[int])
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))
Either = TypeAliasType("Either", str | None)


@dataclass
class Page(Generic[T]):
    items: list[T]


class Row(msgspec.Struct, array_like=True):
    name: str


class Root(pydantic.RootModel[list[int]]):
    pass


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
    (Number, {"integer"}),
    (Numbers, {"array"}),
    (Pair[int], {"array"}),
    (Either, {"string", "null"}),
    (Page[Pet], {"object"}),
    (Row, {"array"}),
    (Root, {"array"}),
    (Sequence[int], {"array"}),
    (Iterable[int], {"array"}),
    (Mapping[str, int], {"object"}),
    (Required[int], {"integer"}),
    (str | msgspec.UnsetType, {"string"}),
    (Annotated[int, pydantic.BeforeValidator(str)], None),
    (socket.socket, None),
]


@pytest.mark.parametrize(("hint", "types"), TYPES, ids=plainly)
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
    assert all(map(is_model, (Page[Pet], Page[int])))
    assert all(
        map(
            holds_model,
            (
                Pet,
                Page[int],
                Annotated[list[Pet], "note"],
                Pet | None,
                list[Toy],
                dict[str, Owner | None],
            ),
        )
    )
    assert not any(map(holds_model, (list[int], UUID, str | None, Any)))


def test_names() -> None:
    """A hint is named as it is written."""
    assert name_of(int) == "int"
    assert name_of(int | None) == "int | None"
    assert name_of(list[Pet | None]) == "list[Pet | None]"
    assert name_of(Annotated[Pet, "note"]) == "Pet"
    assert name_of(Literal["a", 1]) == "Literal['a', 1]"
    assert name_of(tuple[int, ...]) == "tuple[int, ...]"
    assert name_of(Page[Pet]) == "Page[Pet]"
    assert name_of(Number) == "Number"
    assert name_of(typing.Optional[int]) in ("Optional[int]", "int | None")  # noqa: UP045
