"""Forms are read as their Encoding Objects say, and by the specification's defaults without."""

from typing import Any

import pytest

from brrt import App, Handlers
from brrt.openapi.document import load
from brrt.openapi.encodings import (
    Encoding,
    UnreadableForm,
    encodings,
    form_decoder,
    item_encodings,
)
from brrt.openapi.operations import MediaType, operations
from brrt.openapi.schema_shapes import read_shape
from brrt.openapi.shapes import ANYTHING
from brrt.openapi.wire import parse_query

Page = Any
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
STRING, INTEGER = {"type": "string"}, {"type": "integer"}
POINT = {"type": "object", "properties": {"x": INTEGER, "y": STRING}}
POINTS = {"type": "array", "items": POINT}
VERSIONS = ["3.0.4", "3.1.1", "3.2.0"]


@pytest.fixture
def media_type(page: Page) -> Any:
    """The media type of a request body."""

    def make(
        properties: Any = None, version: str = "3.1.1", name: str = FORM, **members: Any
    ) -> MediaType:
        described = {"schema": {"type": "object", "properties": properties or {}}} | members
        item = {"operationId": "op", "responses": {"200": {"description": "ok"}}}
        item["requestBody"] = {"content": {name: described}}
        body = operations(load(page.document({"post": item}, version=version)))[0].body
        assert body is not None
        made: MediaType = body.content[0]
        return made

    return make


@pytest.fixture
def read(media_type: Any) -> Any:
    """What a form becomes."""

    def make(raw: str, properties: Any, version: str = "3.1.1", **members: Any) -> Any:
        made = media_type(properties, version, **members)
        return form_decoder(made, read_shape(made.schema))(parse_query(raw))

    return make


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("raw", "schema", "expected"),
    [
        ("m=5", INTEGER, 5),
        ("m=a+b%2B", STRING, "a b+"),
        ("m=5", {}, "5"),
        ("m=true", {"type": "boolean"}, True),
        ("m=1&m=2", {"type": "array", "items": INTEGER}, [1, 2]),
        ("m=1", {"type": "array", "items": INTEGER}, [1]),
        ("m=1,2", {"type": "array", "items": STRING}, ["1,2"]),
        ("m=", {"type": "array", "items": STRING}, [""]),
        ("m=1&m=2", INTEGER, [1, 2]),
        ("m=%7B%22x%22:1%7D", POINT, {"x": 1}),
        ("m={%22y%22:%22a+b%2Bc%22}", POINT, {"y": "a b+c"}),
        ("m={}&m={%22x%22:1}", POINTS, [{}, {"x": 1}]),
        ("m={}", POINTS, [{}]),
        ("m=[{%22x%22:1},{}]", POINTS, [{"x": 1}, {}]),
        ("m=[1]&m=[2]", {"type": "array", "items": {"type": "array"}}, [[1], [2]]),
        ("m=[[1],[2]]", {"type": "array", "items": {"type": "array"}}, [[[1], [2]]]),
    ],
)
def test_defaults(read: Any, version: str, raw: str, schema: Any, expected: Any) -> None:
    """Without an Encoding Object, primitives are text and objects JSON, an array one by one."""
    assert read(raw, {"m": schema}, version) == {"m": expected}


def test_the_example_of_the_specification(read: Any) -> None:
    """3.2.0, section 4.15.4.1: an `id`, and an address in JSON."""
    raw = (
        "id=f81d4fae-7dec-11d0-a765-00a0c91e6bf6&address=%7B%22streetAddress%22%3A%22123+Example+Dr"
        ".%22%2C%22city%22%3A%22Somewhere%22%2C%22state%22%3A%22CA%22%2C%22zip%22%3A%2299999%2B1234"
        "%22%7D"
    )
    assert read(raw, {"id": STRING, "address": {"type": "object"}}) == {
        "id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "address": {
            "streetAddress": "123 Example Dr.",
            "city": "Somewhere",
            "state": "CA",
            "zip": "99999+1234",
        },
    }


@pytest.mark.parametrize(
    ("raw", "schema", "encoding", "expected"),
    [
        ("m=%22a%22", STRING, {"contentType": "application/json"}, "a"),
        ("m=%22a%22", STRING, {"contentType": "Application/Problem+JSON; a=b"}, "a"),
        ("m=1&m=2", {"type": "array"}, {"contentType": "application/json"}, [1, 2]),
        ("m=[1,2]", {"type": "array"}, {"contentType": "application/json"}, [1, 2]),
        ("m={%22x%22:1}", POINT, {"contentType": "text/plain"}, '{"x":1}'),
        ("m=iVBO%3D", STRING, {"contentType": "image/png, image/jpeg"}, "iVBO="),
        ("m={%22x%22:1}", POINT, {"contentType": "application/*"}, {"x": 1}),
        ("x=1&y=a", POINT, {"style": "form"}, {"x": 1, "y": "a"}),
        ("x=1&y=a", POINT, {"explode": True}, {"x": 1, "y": "a"}),
        ("m=x,1,y,a", POINT, {"style": "form", "explode": False}, {"x": 1, "y": "a"}),
        ("m=x,1", POINT, {"explode": False}, {"x": 1}),
        ("m[x]=1&m%5By%5D=a", POINT, {"style": "deepObject"}, {"x": 1, "y": "a"}),
        ("m=1,2", {"type": "array", "items": INTEGER}, {"explode": False}, [1, 2]),
        ("m=a%2Cb", {"type": "array", "items": STRING}, {"explode": False}, ["a", "b"]),
        ("m=a%2Cb,c", {"type": "array", "items": STRING}, {"explode": False}, ["a,b", "c"]),
        ("m=1%7C2", {"type": "array", "items": INTEGER}, {"style": "pipeDelimited"}, [1, 2]),
        ("m=1+2%203", {"type": "array", "items": INTEGER}, {"style": "spaceDelimited"}, [1, 2, 3]),
        ("m=1&m=2", {"type": "array", "items": INTEGER}, {"allowReserved": True}, [1, 2]),
        ("x=1", POINT, {"allowReserved": True, "contentType": "application/json"}, {"x": 1}),
        ("m=a/b?c", STRING, {"allowReserved": True}, "a/b?c"),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_encoding(
    read: Any, version: str, raw: str, schema: Any, encoding: Any, expected: Any
) -> None:
    """A style is read like a query parameter and beats `contentType`, which beats the default."""
    assert read(raw, {"m": schema}, version, encoding={"m": encoding}) == {"m": expected}


def test_styled_members_beside_others(read: Any) -> None:
    """Each name belongs to one member: the styled ones take theirs, and the rest is the form's."""
    properties = {"deep": POINT, "flat": POINT, "n": INTEGER}
    encoding = {"deep": {"style": "deepObject"}, "flat": {"style": "form"}}
    assert read("deep[x]=1&x=2&n=3&z=4&deep[q=5", properties, encoding=encoding) == {
        "deep": {"x": 1},
        "flat": {"x": 2},
        "n": 3,
        "z": "4",
        "deep[q": "5",
    }
    assert read("n=3", properties, encoding=encoding) == {"n": 3}


def test_an_open_styled_member_leaves_the_others_alone(read: Any) -> None:
    """An exploded object that takes any name takes no name of another property."""
    rest = {"type": "object", "additionalProperties": INTEGER}
    assert read(
        "a=1&n=2&b=3", {"rest": rest, "n": INTEGER}, encoding={"rest": {"style": "form"}}
    ) == {
        "rest": {"a": 1, "b": 3},
        "n": 2,
    }


def test_additional_members(read: Any) -> None:
    """What the schema does not name is read by `additionalProperties`, and as text without it."""
    schema = {"type": "object", "additionalProperties": POINT}
    assert read("a={%22x%22:1}", None, schema=schema) == {"a": {"x": 1}}
    assert read("a=1&a=2", {}) == {"a": ["1", "2"]}
    assert read("", {"n": INTEGER}) == {}
    assert form_decoder(None, ANYTHING)(parse_query("a=1")) == {"a": "1"}


def test_null_and_alternatives(read: Any) -> None:
    """Nothing is null where null may be; what may be text is text where it is no JSON."""
    nullable = POINT | {"type": ["object", "null"]}
    assert read("m=", {"m": nullable}) == {"m": None}
    either = {"anyOf": [POINT, STRING]}
    assert read("m=hello", {"m": either}) == {"m": "hello"}
    assert read("m={%22x%22:1}", {"m": either}) == {"m": {"x": 1}}


def test_all_that_cannot_be_read(read: Any) -> None:
    """Members that are not what their encoding says are told together, by name."""
    properties = {"a": POINT, "b": STRING, "c": POINT, "d": POINT}
    encoding = {"d": {"style": "deepObject"}}
    raw = "a={&b=%FF&c={}&d[x]=%FF&e=1"
    with pytest.raises(UnreadableForm, match="a: not valid JSON") as caught:
        read(raw, properties, encoding=encoding)
    assert list(caught.value.members) == ["a", "b", "d"]
    with pytest.raises(UnreadableForm, match="levels of brackets"):
        read("d" + "[a]" * 99 + "=1", properties, encoding=encoding)


def test_values(media_type: Any) -> None:
    """Encodings are plain values with their defaults made explicit."""
    header = {"schema": INTEGER}
    encoding = {
        "a": {"contentType": "image/PNG, Text/*;charset=x,", "headers": {"X-A": header}},
        "b": {"explode": False},
        "c": {"style": "deepObject"},
        "d": {"allowReserved": True},
        "none": {"contentType": "text/plain"},
    }
    made = media_type(dict.fromkeys("abcd", STRING), name=MULTIPART, encoding=encoding)
    found = encodings(made)
    assert found["a"].content_types == ("image/png", "text/*")
    assert found["a"].headers["X-A"].value == header
    assert found["a"].style is None
    assert (found["b"].style, found["b"].explode) == ("form", False)
    assert (found["c"].style, found["c"].explode) == ("deepObject", False)
    assert (found["d"].style, found["d"].explode) == ("form", True)
    assert found["d"].allow_reserved
    assert "none" not in found
    assert encodings(media_type()) == {}


def test_the_content_type_header_is_described_elsewhere(media_type: Any) -> None:
    """`Content-Type` among the headers of an encoding is ignored."""
    encoding = {"a": {"headers": {"content-type": {"schema": STRING}}}}
    assert encodings(media_type({"a": STRING}, name=MULTIPART, encoding=encoding)) == {
        "a": Encoding()
    }


def test_by_position(media_type: Any) -> None:
    """3.2: the first parts one by one, all that follow together, and encodings inside others."""
    nested = {"contentType": "multipart/mixed", "prefixEncoding": [{"contentType": "a/b"}]}
    made = media_type(
        version="3.2.0",
        name="multipart/mixed",
        schema={"type": "array"},
        itemSchema=STRING,
        prefixEncoding=[{}, nested | {"itemEncoding": {"contentType": "c/d"}}],
        itemEncoding={"contentType": "image/*", "encoding": {"x": {"contentType": "e/f"}}},
    )
    assert made.item_schema is not None
    assert made.item_schema.value == STRING
    prefix, rest = item_encodings(made)
    assert prefix == (
        Encoding(),
        Encoding(
            ("multipart/mixed",),
            prefix=(Encoding(("a/b",)),),
            items=Encoding(("c/d",)),
        ),
    )
    assert rest == Encoding(("image/*",), members={"x": Encoding(("e/f",))})
    assert item_encodings(media_type()) == ((), Encoding())


async def test_an_unreadable_member_hides_no_other_fault(client: Any, page: Page) -> None:
    """What is wrong with other members of a form is told in the same answer, each thing once."""
    schema = {
        "type": "object",
        "required": ["a", "b"],
        "properties": {"a": {"type": "object"}, "n": {"type": "integer"}},
    }
    handlers = Handlers()

    @handlers
    async def op(body: dict[str, Any]) -> None: ...

    form = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}
    item = {"operationId": "op", "requestBody": form, "responses": {"204": {"description": "ok"}}}
    http = await client(App(page.document({"post": item}), handlers))
    response = await http.post("/x", data={"a": "{", "n": "x"})
    found = {(one["pointer"], one["keyword"]) for one in response.json()["errors"]}
    assert found == {("/a", "encoding"), ("", "required"), ("/n", "type")}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = "a={}&b=é".encode()
    assert (await http.post("/x", content=sent, headers=headers)).status_code == 204
