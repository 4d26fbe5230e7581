"""What turns JSON values into what hints say, and what is refused."""

import enum
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from annotated_types import Gt
from typing_extensions import TypeAliasType

from brrt.openapi.complaints import UnfitError, complaints
from brrt.openapi.converters import converter


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


@pydantic.dataclasses.dataclass
class Checked:
    size: int = pydantic.Field(gt=0)


@dataclass
class Shelf:
    checked: Checked


class Upload:
    """Stands for an uploaded file."""


@dataclass
class House:
    """What msgspec cannot make: a model of pydantic is inside."""

    owner: Owner
    rooms: list[str] = field(default_factory=list)
    houses: "list[House]" = field(default_factory=list)

    def __post_init__(self) -> None:
        if "cellar" in self.rooms:
            raise ValueError("it has no cellar")


class Street(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    main_house: House
    by_number: dict[int, House] = {}
    end: House | msgspec.UnsetType = msgspec.UNSET


class City(TypedDict):
    owners: tuple[Owner, str]
    mayor: NotRequired[Owner | str]


@dataclass
class Computed:
    side: int
    area: int = field(init=False)

    def __post_init__(self) -> None:
        self.area = self.side * self.side


@dataclass(kw_only=True)
class Keyword:
    name: str = "x"
    size: Computed


@dataclass(frozen=True)
class Point:
    x: int


@dataclass
class Photos:
    photo: Upload
    more: list[Upload] = field(default_factory=list)
    other: Upload | None = None


T = TypeVar("T")
Number = NewType("Number", int)
Numbers = TypeAliasType("Numbers", list[int])
Maybe = TypeAliasType("Maybe", T | None, type_params=(T,))


@dataclass
class Page(Generic[T]):
    items: list[T]
    next: "Page[T] | None" = None


@dataclass
class OwnerPage(Page[Owner]):
    total: int = 0


DAY = date(2020, 2, 29)
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
    (Annotated[int, pydantic.Field(gt=0)], 1, 1),
    (Annotated[int, Gt(0)], 1, 1),
    (pydantic.PositiveInt, 1, 1),
    (int, 1.0, 1),
    (int | None, 1.0, 1),
    (Number, 1.0, 1),
    (Numbers, [1.0], [1]),
    (Maybe[date], "2020-02-29", DAY),
    (list[Numbers], [[1.0]], [[1]]),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (dict[UUID, int], {str(ID): 1}, {ID: 1}),
    (Sequence[int], [1.0], [1]),
    (Iterable[date], ["2020-02-29"], [DAY]),
    (list[Iterable[int]], [[1.0]], [[1]]),
    (Mapping[str, float], {"a": 1}, {"a": 1.0}),
    (date | str, "2020-02-29", DAY),
    (date | str, "today", "today"),
    (str | UUID | int, 1.0, 1),
    (list[date] | date, ["2020-02-29"], [DAY]),
    (float | int | Iterable[int], 1.5, 1.5),
    (House, {"owner": {"name": "A"}, "rooms": ["b"]}, House(Owner(name="A"), ["b"])),
    (
        House,
        {"owner": {"name": "A"}, "houses": [{"owner": {"name": "B"}}]},
        House(Owner(name="A"), [], [House(Owner(name="B"))]),
    ),
    (
        Street,
        {"mainHouse": {"owner": {"name": "A"}}, "byNumber": {"7": {"owner": {"name": "B"}}}},
        Street(House(Owner(name="A")), {7: House(Owner(name="B"))}),
    ),
    (
        City,
        {"owners": [{"name": "A"}, "b"], "mayor": "c"},
        {"owners": (Owner(name="A"), "b"), "mayor": "c"},
    ),
    (Computed, {"side": 3.0}, Computed(3)),
    (Keyword, {"size": {"side": 2}}, Keyword(size=Computed(2))),
    (set[Point], [{"x": 1}, {"x": 1}], {Point(1)}),
    (frozenset[Iterable[int]] | None, None, None),
    (tuple[House, ...], [{"owner": {"name": "A"}}], (House(Owner(name="A")),)),
    (Page[Pet], {"items": [{"name": "a"}]}, Page([Pet("a")])),
    (Page[Owner], {"items": [{"name": "a"}]}, Page([Owner(name="a")])),
    (OwnerPage, {"items": [{"name": "a"}], "total": 1}, OwnerPage([Owner(name="a")], None, 1)),
    (
        Page[Owner],
        {"items": [], "next": {"items": [{"name": "a"}]}},
        Page([], Page([Owner(name="a")])),
    ),
]


@pytest.mark.parametrize(("hint", "value", "expected"), CONVERSIONS, ids=str)
def test_conversions(hint: Any, value: Any, expected: Any) -> None:
    """A JSON value becomes what the hint says, whole numbers included."""
    convert = converter(hint)
    assert convert is not None
    found = convert(value)
    assert found == expected
    assert type(found) is type(expected)


PLAIN = [str, bool, dict, list, Any, object, str | None, dict[str, Any], list[str], list[Any]]


@pytest.mark.parametrize("hint", [*PLAIN, list[str] | None, str | dict[str, Any]], ids=str)
def test_plain_hints_cost_nothing(hint: Any) -> None:
    """What JSON gives already is not converted."""
    assert converter(hint) is None


@pytest.mark.parametrize("hint", [int, int | None, Number])
def test_integers_cost_nothing_where_they_are_integers(hint: Any) -> None:
    """A text becomes an int when it is decoded; only JSON may have written it as 1.0."""
    assert converter(hint, has_integers=True) is None


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


@pytest.mark.parametrize("hint", [Photos, Photos | None, dict[str, Upload | str], list[Upload]])
def test_files_stay_what_they_are(hint: Any) -> None:
    """A file is put where the hint has it, as it came."""
    file = Upload()
    values: dict[str, Any] = {"dict": {"a": file, "b": "c"}, "list": [file]}
    fields = {"photo": file, "more": [file], "other": file}
    value: Any = next((one for key, one in values.items() if str(hint).startswith(key)), fields)
    convert = converter(hint, files=frozenset({Upload}))
    assert convert is not None
    made = convert(value)
    if made != value:
        assert isinstance(made, Photos)
        assert (made.photo, made.more, made.other) == (file, [file], file)
    with pytest.raises(TypeError, match="cannot be made from JSON"):
        converter(hint)


COMPLAINTS: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    (House, [], [("", "must be an object")]),
    (House, {}, [("", "the member 'owner' is missing")]),
    (House, {"owner": {"name": 1}}, [("owner.name", "valid string")]),
    (House, {"owner": {"name": "A"}, "rooms": ["cellar"]}, [("", "it has no cellar")]),
    (
        House,
        {"owner": {"age": "x"}, "rooms": [1], "houses": [{"owner": {"name": "B"}}, {}]},
        [
            ("owner.name", "Field required"),
            ("owner.age", "valid integer"),
            ("rooms.0", "Expected `str`"),
            ("houses.1", "'owner' is missing"),
        ],
    ),
    (Street, {"mainHouse": {}, "x": 1}, [("x", "not expected"), ("mainHouse", "missing")]),
    (
        Street,
        {"mainHouse": {"owner": {"name": "A"}}, "byNumber": {"a": {}}},
        [("byNumber.a", "Expected `int`"), ("byNumber.a", "'owner' is missing")],
    ),
    (Shelf, {"checked": {"size": 0}}, [("checked.size", "greater than 0")]),
    (dict[int, str], {"a": "b"}, [("", "Expected `int`, got `str`")]),
    (tuple[House, str], [], [("", "must have 2 items, got 0")]),
    (list[House], {}, [("", "must be a list")]),
    (date | str, 1, [("", "must be date or str")]),
    (UUID | date, "x", [("", "Invalid RFC3339 encoded date")]),
    (set[Any], [[1]], [("", "unhashable type")]),
    (set[House], [{"owner": {"name": "A"}}], [("", "unhashable type")]),
    (list[Pet], [{"name": "a"}, {"name": "b", "age": 1.5}], [("1.age", "Expected `int")]),
]


@pytest.mark.parametrize(("hint", "value", "expected"), COMPLAINTS, ids=str)
def test_complaints(hint: Any, value: Any, expected: list[tuple[str, str]]) -> None:
    """All that does not fit is told, each with the way to it."""
    convert = converter(hint)
    assert convert is not None
    with pytest.raises(ValueError) as caught:
        convert(value)
    found = [(".".join(one.path), one.text) for one in complaints(caught.value)]
    assert len(found) == len(expected)
    for (path, text), (place, part) in zip(found, expected, strict=True):
        assert path == place
        assert part in text
        assert "$" not in text


def test_an_error_says_all_of_it() -> None:
    """The text of the error itself is there for logs."""
    convert = converter(House)
    assert convert is not None
    with pytest.raises(UnfitError, match="Field required; "):
        convert({"owner": {}, "rooms": 1})


def test_what_pydantic_refuses_is_refused_at_build() -> None:
    """A union that neither library takes is a fault, not a surprise."""
    with pytest.raises(TypeError, match=r"pydantic refuses Owner \| Toy"):
        converter(Owner | Toy)


def test_msgspec_does_the_work_where_it_can() -> None:
    """What is put together by hand is what must be."""
    for hint in (Pet, list[Pet], Page[Pet], Toy, Named, tuple[int, str]):
        convert = converter(hint)
        assert isinstance(convert, partial)
        assert convert.func.__name__ == "by_msgspec"
