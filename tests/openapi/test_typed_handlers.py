"""Typed handlers in a real app: values, files and members of forms arrive as their hints say."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, TypedDict, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from brrt import App, Form, Handlers, Query, QueryString, SpecError, UploadFile

Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Page = Any
T = TypeVar("T")
Count = NewType("Count", int)
Days = TypeAliasType("Days", list[date])
INTEGER, STRING = {"type": "integer"}, {"type": "string"}
FILE = {"type": "string", "format": "binary"}
DAY = {"type": "string", "format": "date"}
OPEN = {"200": {"description": "ok", "content": {"text/plain": {}}}}


class Color(Enum):
    RED = "red"


@dataclass(kw_only=True)
class Point:
    x: int
    y: int = 2
    sum: int = field(init=False)

    def __post_init__(self) -> None:
        self.sum = self.x + self.y


class Owner(pydantic.BaseModel):
    name: str


@dataclass
class Home:
    owner: Owner
    days: Days = field(default_factory=list)


@dataclass
class Batch(Generic[T]):
    items: list[T]


class Keys(TypedDict):
    a: int
    b: NotRequired[int]


@dataclass
class Cat:
    kind: Literal["cat"]


@dataclass
class Dog:
    kind: Literal["dog"]
    bark: int = 0


def obj(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def array(items: Any, **words: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **words}


def content(schema: Any, *names: str, required: bool = True) -> dict[str, Any]:
    names = names or ("application/json",)
    return {"required": required, "content": {name: {"schema": schema} for name in names}}


@pytest.fixture
def serve(client: Connect, page: Page) -> Callable[..., Awaitable[httpx.AsyncClient]]:
    """A client of an app with one operation."""

    async def make(handler: Any, schemas: Any = None, **members: Any) -> httpx.AsyncClient:
        return await client(App(document(page, schemas, **members), handlers(handler)))

    return make


def document(page: Page, schemas: Any = None, **members: Any) -> Any:
    operation = {"operationId": "op", "responses": OPEN, **members}
    return page.document({"post": operation}, schemas=schemas)


def handlers(handler: Any) -> Handlers:
    made = Handlers()
    made("op")(handler)
    return made


TAG = {"propertyName": "kind", "mapping": {"cat": "Cat", "dog": "Dog"}}
SCHEMAS = {
    "Cat": obj("kind", kind=STRING),
    "Dog": obj("kind", kind=STRING, bark=INTEGER),
    "Animal": {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": TAG,
    },
}
ANIMAL = {"$ref": "#/components/schemas/Animal"}
OWNER = obj("name", name=STRING)
BODIES: list[tuple[Any, Any, str, str]] = [
    (int, INTEGER, "1.0", "1"),
    (int | None, {"type": ["integer", "null"]}, "null", "None"),
    (float, {"type": "number"}, "1", "1.0"),
    (Count, INTEGER, "1.0", "1"),
    (list[int], array(INTEGER), "[1.0, 2]", "[1, 2]"),
    (Days, array(DAY), '["2020-02-29"]', "[datetime.date(2020, 2, 29)]"),
    (Sequence[Color], array({"enum": ["red"]}), '["red"]', "[<Color.RED: 'red'>]"),
    (Iterable[date], array(DAY), '["2020-02-29"]', "[datetime.date(2020, 2, 29)]"),
    (set[int], array(INTEGER), "[1, 1.0]", "{1}"),
    (frozenset[str], array(STRING), '["a"]', "frozenset({'a'})"),
    (tuple[int, ...], array(INTEGER), "[1, 2.0]", "(1, 2)"),
    (
        tuple[int, str],
        array(False, prefixItems=[INTEGER, STRING], minItems=2),
        '[1, "a"]',
        "(1, 'a')",
    ),
    (Mapping[str, float], {"type": "object", "additionalProperties": INTEGER}, '{"a": 1}', "1.0}"),
    (Point, obj("x", x=INTEGER, y=INTEGER), '{"x": 1.0}', "Point(x=1, y=2, sum=3)"),
    (
        Home,
        obj("owner", owner=OWNER, days=array(DAY)),
        '{"owner": {"name": "A"}, "days": ["2020-02-29"]}',
        "Home(owner=Owner(name='A'), days=[datetime.date(2020, 2, 29)])",
    ),
    (
        Batch[Owner],
        obj("items", items=array(OWNER)),
        '{"items": [{"name": "A"}]}',
        "Batch(items=[Owner(name='A')])",
    ),
    (Keys, obj("a", a=INTEGER), '{"a": 1.0}', "{'a': 1}"),
    (Annotated[int, msgspec.Meta(lt=5)], INTEGER, "1", "1"),
    (Annotated[int, pydantic.Field(lt=5)], INTEGER, "1.0", "1"),
    (Cat | Dog, ANIMAL, '{"kind": "dog", "bark": 1.0}', "Dog(kind='dog', bark=1)"),
    (list[Cat | Dog], array(ANIMAL), '[{"kind": "cat"}]', "[Cat(kind='cat')]"),
    (
        dict[str, Cat | Dog],
        {"type": "object", "additionalProperties": ANIMAL},
        '{"a": {"kind": "cat"}}',
        "{'a': Cat(kind='cat')}",
    ),
]


@pytest.mark.parametrize(("hint", "schema", "sent", "expected"), BODIES, ids=str)
async def test_bodies(serve: Any, hint: Any, schema: Any, sent: str, expected: str) -> None:
    """A body arrives as what its hint says."""

    async def op(body: Any) -> str:
        return repr(body)

    op.__annotations__["body"] = hint
    http = await serve(op, SCHEMAS, requestBody=content(schema))
    response = await http.post("/x", content=sent, headers={"Content-Type": "application/json"})
    assert response.status_code == 200, response.text
    assert response.text.endswith(expected)


PARENT = {**obj("kind", kind=STRING), "discriminator": TAG}
EXTENDED = {
    "Parent": PARENT,
    "Cat": {"allOf": [{"$ref": "#/components/schemas/Parent"}, obj("lives", lives=INTEGER)]},
    "Dog": {"allOf": [{"$ref": "#/components/schemas/Parent"}, obj(bark=INTEGER)]},
}
FAMILY: list[tuple[Any, Any]] = [
    ({"kind": "cat"}, "Cat(kind='cat')"),  # the schema of Cat wants lives, the class does not
    ({"kind": "dog", "bark": 1.0}, "Dog(kind='dog', bark=1)"),
    ({"kind": "dog", "bark": "x"}, ["/bark"]),
    ({"kind": "dog", "bark": [{}]}, ["/bark"]),
    ({"kind": "cow"}, ["/kind"]),
    ({"kind": "Parent"}, ["/kind"]),
]


@pytest.mark.parametrize(("sent", "expected"), FAMILY, ids=str)
async def test_the_children_of_a_parent(serve: Any, sent: Any, expected: Any) -> None:
    """A tag chooses the class, not the schema: what does not fit the class is a violation."""

    async def op(body: Cat | Dog) -> str:
        return repr(body)

    http = await serve(op, EXTENDED, requestBody=content({"$ref": "#/components/schemas/Parent"}))
    response = await http.post("/x", json=sent)
    if response.status_code == 200:
        assert response.text == expected
        return
    assert response.status_code == 400, response.text
    assert [one["pointer"] for one in response.json()["errors"]] == expected


async def test_bounds_of_the_hint_are_the_clients_fault(serve: Any) -> None:
    """What the schema allows and a note of the hint forbids is a violation."""

    async def op(body: dict[str, Annotated[int, msgspec.Meta(lt=5)]]) -> None: ...

    http = await serve(op, requestBody=content({"type": "object", "additionalProperties": INTEGER}))
    response = await http.post("/x", json={"a": 7})
    assert response.status_code == 400
    assert response.json()["errors"][0]["keyword"] == "conversion"


async def test_lines_of_a_stream(serve: Any) -> None:
    """A stream of JSON is a list of what each line is."""

    async def op(body: list[Cat | Dog]) -> str:
        return repr(body)

    http = await serve(op, SCHEMAS, requestBody=content(ANIMAL, "application/jsonl"))
    sent = b'{"kind": "cat"}\n{"kind": "dog"}\n'
    response = await http.post("/x", content=sent, headers={"Content-Type": "application/jsonl"})
    assert response.text == "[Cat(kind='cat'), Dog(kind='dog', bark=0)]"


# Forms


@dataclass
class NewPhoto:
    photo: UploadFile
    title: str = "none"
    more: list[UploadFile] = field(default_factory=list)
    other: UploadFile | None = None


class PhotoStruct(msgspec.Struct):
    photo: UploadFile
    title: str = "none"
    more: list[UploadFile] = []
    other: UploadFile | None = None


class PhotoDict(TypedDict):
    photo: UploadFile
    title: NotRequired[str]


class PhotoModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    photo: UploadFile
    title: str = "none"
    more: list[UploadFile] = []
    other: UploadFile | None = None


PHOTO = obj("photo", photo=FILE, title=STRING, more=array(FILE), other=FILE)


@pytest.mark.parametrize("hint", [NewPhoto, PhotoStruct, PhotoDict, PhotoModel])
async def test_files_in_a_body(serve: Any, hint: Any) -> None:
    """A file stands in its field as it came, whatever the class."""

    async def op(body: Any) -> str:
        members = (
            body
            if isinstance(body, dict)
            else {name: getattr(body, name) for name in ("photo", "title", "more", "other")}
        )
        files = [members["photo"], *members.get("more", ()), members.get("other")]
        assert all(isinstance(one, UploadFile) for one in files if one is not None)
        read = [(await one.read()).decode() for one in files if one is not None]
        return f"{members['title']}: {read}"

    op.__annotations__["body"] = hint
    http = await serve(op, requestBody=content(PHOTO, "multipart/form-data"))
    files = [("photo", ("a.png", b"A")), ("more", ("b.png", b"B")), ("more", ("c.png", b"C"))]
    response = await http.post("/x", files=files, data={"title": "Tom"})
    expected = ["A"] if hint is PhotoDict else ["A", "B", "C"]
    assert response.text == f"Tom: {expected}"


async def test_members_of_a_form(serve: Any) -> None:
    """The members of a form are the handler's parameters, each converted and with its default."""

    async def op(
        id: int,
        photo: UploadFile,
        more_photos: list[UploadFile] | None,
        day: date | None,
        count: int,
        title: str = "none",
    ) -> str:
        assert isinstance(photo, UploadFile)
        names = [one.filename for one in more_photos or ()]
        return repr((id, photo.filename, names, day, count, title))

    form = obj(
        "photo",
        photo=FILE,
        morePhotos=array(FILE),
        day=DAY,
        count=INTEGER | {"default": 7},
        title=STRING,
    )
    http = await serve(
        op,
        parameters=[{"name": "id", "in": "query", "required": True, "schema": INTEGER}],
        requestBody=content(form, "multipart/form-data"),
    )
    response = await http.post("/x?id=1", files={"photo": ("a.png", b"A")})
    assert response.text == "(1, 'a.png', [], None, 7, 'none')"
    files = [("photo", ("a.png", b"A")), ("morePhotos", ("b.png", b"B"))]
    response = await http.post("/x?id=1", files=files, data={"day": "2020-02-29", "count": "3"})
    assert response.text == "(1, 'a.png', ['b.png'], datetime.date(2020, 2, 29), 3, 'none')"


async def test_members_of_a_plain_form(serve: Any) -> None:
    """A form in either encoding gives its members; a marker tells clashes apart."""

    async def op(
        body: dict[str, Any],
        a: Annotated[int, Query("id")],
        b: Annotated[int | None, Form("id")],
        color: Color = Color.RED,
    ) -> str:
        return repr((a, b, color, body))

    forms = ("multipart/form-data", "application/x-www-form-urlencoded")
    http = await serve(
        op,
        parameters=[{"name": "id", "in": "query", "required": True, "schema": INTEGER}],
        requestBody=content(obj(id=INTEGER, color={"enum": ["red"]}), *forms),
    )
    response = await http.post("/x?id=1", data={"id": "2", "color": "red"})
    assert response.text == "(1, 2, <Color.RED: 'red'>, {'id': 2, 'color': 'red'})"
    assert (await http.post("/x?id=1", data={"color": "blue"})).status_code == 400


MULTIPART = "multipart/form-data"
FAULTS: list[tuple[str, Any, str]] = [
    ("photo: UploadFile", content(obj(photo=FILE), MULTIPART), "photo is optional"),
    ("photo: UploadFile | None", content(obj(photo=FILE), MULTIPART), ""),
    ("photo: UploadFile", content(obj("photo", photo=FILE), MULTIPART, required=False), "optional"),
    ("photo: bytes", content(obj("photo", photo=FILE), MULTIPART), "allows a file"),
    ("photo: str = ''", content(obj(photo=FILE), MULTIPART), "hint it as UploadFile"),
    ("title: UploadFile", content(obj("title", title=STRING), MULTIPART), "allows string"),
    ("title: int", content(obj("title", title=STRING), MULTIPART), "title is hinted as int"),
    ("photo: UploadFile", content(obj("photo", photo=FILE)), "no parameter 'photo'"),
    (
        "body: NewPhoto",
        content(obj("photo", photo=FILE)),
        "body.photo is hinted as UploadFile, but files come in multipart bodies only",
    ),
    ("body: NewPhoto", content(PHOTO, MULTIPART), ""),
    ("body: NewPhoto", content(obj("photo", photo=STRING), MULTIPART), "body.photo is hinted"),
    ("nothing: str", content(PHOTO, MULTIPART), "it has: photo, title, more, other, body"),
    ("a: Annotated[str, Form('nope')]", content(PHOTO, MULTIPART), "the form member 'nope'"),
    ("a: Annotated[str, Form('nope')]", content(PHOTO), "it has no form member"),
    ("a_b: str, aB: str", content(obj("aB", aB=STRING), MULTIPART), "both mean the form's 'aB'"),
    (
        "a_b: str",
        content(obj("aB", "a-b", **{"aB": STRING, "a-b": STRING}), MULTIPART),
        'Form("aB")',
    ),
    ("body: int", content(STRING, "text/plain"), "allows string"),
    ("body: int", {"required": True, "content": {"text/plain": {}}}, "text/plain gives a text"),
    ("body: str", content(FILE, "image/png"), "image/png gives bytes"),
    ("body: bytes", content(FILE, "image/png"), ""),
    ("body: bytes | str", content(FILE, "image/png"), ""),
    ("body: str", content(INTEGER, "*/*"), ""),
    ("body: int", content(INTEGER, "application/jsonl"), "application/jsonl gives a list"),
    ("body: list[str]", content(INTEGER, "application/jsonl"), "body[] is hinted as str"),
    ("body: list[int]", content(array(INTEGER), "application/jsonl"), ""),
    ("body: Cat | Dog", content(obj()), "could be Cat and Dog"),
]


@pytest.mark.parametrize(("source", "body", "message"), FAULTS)
def test_faults(page: Page, source: str, body: Any, message: str) -> None:
    """What cannot fit is told when the app is built, with the handler's place and a cure."""
    space: dict[str, Any] = {**globals()}
    exec(f"async def op({source}): ...", space)
    made = document(page, requestBody=body)
    if not message:
        assert App(made, handlers(space["op"]))
        return
    with pytest.raises(SpecError) as caught:
        App(made, handlers(space["op"]))
    (fault,) = caught.value.faults
    assert message in f"{fault.message} {fault.cure}"
    assert (fault.file, fault.line) == ("<string>", 1)
    assert fault.cure


async def test_the_whole_query(client: Connect, page: Page) -> None:
    """3.2: a parameter that is the whole query is found by its name, or by its marker."""
    parameter: dict[str, Any] = {"name": "theQuery", "in": "querystring", "required": True}
    parameter["content"] = {"application/json": {"schema": obj("a", a=INTEGER)}}
    operation = {"operationId": "op", "responses": OPEN, "parameters": [parameter]}
    made = page.document({"post": operation}, version="3.2.0")

    async def named(the_query: Keys) -> str:
        return repr(the_query)

    http = await client(App(made, handlers(named)))
    sent = json.dumps({"a": 1.0})
    assert (await http.post(f"/x?{quote(sent)}")).text == "{'a': 1}"

    async def marked(keys: Annotated[Keys, QueryString("theQuery")]) -> str:
        return repr(keys)

    http = await client(App(made, handlers(marked)))
    assert (await http.post(f"/x?{quote(sent)}")).text == "{'a': 1}"
