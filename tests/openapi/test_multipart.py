"""Multipart bodies: every part is read as the document says, and files stay files."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, Limits, Request, SpecError
from brrt.openapi.multipart import with_files, without_files

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]
Serve = Callable[..., Awaitable[httpx.AsyncClient]]

OPEN = {"200": {"description": "ok", "content": {"application/json": {}}}}
INTEGER, STRING = {"type": "integer"}, {"type": "string"}
FILE = {"type": "string", "format": "binary"}
FORM = "multipart/form-data"


def form(properties: Any, media_type: str = FORM, required: Any = (), **entry: Any) -> Any:
    """A request body with one media type."""
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return {"required": True, "content": {media_type: {"schema": schema, **entry}}}


async def show(value: Any) -> Any:
    """A value with its files read."""
    if isinstance(value, dict):
        return {key: await show(one) for key, one in value.items()}
    if isinstance(value, list):
        return [await show(one) for one in value]
    if hasattr(value, "filename"):
        data = (await value.read()).decode("latin-1")
        return {"file": data, "name": value.filename, "type": value.content_type}
    return value


async def echo(request: Request) -> Any:
    return {"body": await show(request.content)}


@pytest.fixture
def serve(client: Connect, page: Page) -> Serve:
    """A client of an app whose one operation takes this body."""

    async def make(
        body: Any, handler: Any = echo, version: str = "3.1.0", limits: Limits | None = None
    ) -> httpx.AsyncClient:
        handlers = Handlers()
        handlers("op")(handler)
        item = {"operationId": "op", "responses": OPEN, "requestBody": body}
        return await client(
            App(page.document({"post": item}, version=version), handlers, limits=limits)
        )

    return make


def part(data: bytes, *headers: str) -> bytes:
    """One part, with the boundary `x` before it."""
    lines = [b"--x", *(one.encode() for one in headers), b"", data]
    return b"\r\n".join(lines) + b"\r\n"


def named(name: str, data: bytes = b"", *headers: str, filename: str | None = None) -> bytes:
    """One part of a form."""
    tail = f'; filename="{filename}"' if filename is not None else ""
    return part(data, f'Content-Disposition: form-data; name="{name}"{tail}', *headers)


async def post(http: httpx.AsyncClient, *parts: bytes, media_type: str = FORM) -> httpx.Response:
    headers = {"Content-Type": f"{media_type}; boundary=x"}
    return await http.post("/x", content=b"".join(parts) + b"--x--\r\n", headers=headers)


async def value(http: httpx.AsyncClient, *parts: bytes, media_type: str = FORM) -> Any:
    response = await post(http, *parts, media_type=media_type)
    assert response.status_code == 200, response.text
    return response.json()["body"]


async def wrong(http: httpx.AsyncClient, *parts: bytes, media_type: str = FORM) -> Any:
    """Pointer and keyword of each violation."""
    response = await post(http, *parts, media_type=media_type)
    assert response.status_code == 400, response.text
    return [(one["pointer"], one["keyword"]) for one in response.json()["errors"]]


# What one part becomes

AS_JSON = "Content-Type: application/json"
VALUES: list[tuple[str, Any, bytes, list[str], Any]] = [
    ("text", STRING, b"abc", [], "abc"),
    ("text that looks like a number", STRING, b"5", [], "5"),
    ("empty text", STRING, b"", [], ""),
    ("text in UTF-8", STRING, "é".encode(), [], "é"),
    (
        "text in its own charset",
        STRING,
        b"\xe9",
        ["Content-Type: text/plain; charset=latin-1"],
        "é",
    ),
    ("integer", INTEGER, b"5", [], 5),
    ("number", {"type": "number"}, b"1e3", [], 1000.0),
    ("boolean", {"type": "boolean"}, b"true", [], True),
    ("null", {"type": ["integer", "null"]}, b"", [], None),
    ("object", {"type": "object"}, b'{"a": 1}', [], {"a": 1}),
    ("object that says so", {"type": "object"}, b'{"a": 1}', [AS_JSON], {"a": 1}),
    ("object that says it is text", {"type": "object"}, b"{}", ["Content-Type: text/plain"], {}),
    ("integer in JSON", INTEGER, b" 5 ", [AS_JSON], 5),
    ("one item", {"type": "array", "items": INTEGER}, b"5", [], [5]),
    ("list in JSON", {"type": "array", "items": INTEGER}, b"[1, 2]", [AS_JSON], [1, 2]),
    ("item in JSON", {"type": "array", "items": INTEGER}, b"1", [AS_JSON], [1]),
    ("objects", {"type": "array", "items": {"type": "object"}}, b"{}", [], [{}]),
    ("anything", {}, b"5", [], "5"),
    ("anything in JSON", {}, b"[5]", [AS_JSON], [5]),
    ("referenced", {"$ref": "#/components/schemas/Number"}, b"5", [], 5),
    ("one of two types", {"oneOf": [INTEGER, STRING]}, b"a", [], "a"),
]


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case[0])
@pytest.mark.parametrize("version", ["3.0.4", "3.1.1", "3.2.0"])
async def test_a_part_becomes_a_value(client: Connect, page: Page, version: str, case: Any) -> None:
    """By its own Content-Type, or else as its schema wants it (3.1.1, section 4.8.15.1.1)."""
    name, schema, data, headers, expected = case
    if name == "null" and version == "3.0.4":
        schema = INTEGER | {"nullable": True}
    handlers = Handlers()
    handlers("op")(echo)
    item = {"operationId": "op", "responses": OPEN, "requestBody": form({"a": schema})}
    made = page.document({"post": item}, version=version, schemas={"Number": INTEGER})
    http = await client(App(made, handlers))
    assert await value(http, named("a", data, *headers)) == {"a": expected}


async def test_a_file_is_given_as_a_file(serve: Serve) -> None:
    """With its name and its type, whether or not it has a name."""
    http = await serve(form({"a": FILE}))
    sent = named("a", b"\xff\x00", "Content-Type: image/png", filename="ä b.png")
    assert await value(http, sent) == {
        "a": {"file": "ÿ\x00", "name": "ä b.png", "type": "image/png"}
    }
    assert await value(http, named("a", b"x")) == {"a": {"file": "x", "name": None, "type": None}}


@pytest.mark.parametrize(
    "schema",
    [
        FILE,
        {"type": "string", "contentMediaType": "image/png"},
        {"contentMediaType": "application/octet-stream"},
        {"type": ["string", "null"], "format": "binary"},
        {"allOf": [FILE, {"description": "a picture"}]},
        {"$ref": "#/components/schemas/File"},
        {},
    ],
)
async def test_what_is_a_file(client: Connect, page: Page, schema: Any) -> None:
    """A schema that is binary in any of the ways of saying so."""
    handlers = Handlers()
    handlers("op")(echo)
    item = {"operationId": "op", "responses": OPEN, "requestBody": form({"a": schema})}
    http = await client(App(page.document({"post": item}, schemas={"File": FILE}), handlers))
    sent = await value(http, named("a", b"x", filename="f"))
    assert sent == {"a": {"file": "x", "name": "f", "type": None}}


async def test_a_file_name_does_not_make_a_file(serve: Serve) -> None:
    """What the document calls a text or JSON is that, even if a client sends it as a file."""
    http = await serve(form({"a": {"type": "object"}, "b": STRING}))
    sent = [named("a", b'{"c": 1}', AS_JSON, filename="a.json"), named("b", b"x", filename="b.txt")]
    assert await value(http, *sent) == {"a": {"c": 1}, "b": "x"}


async def test_an_array_is_one_part_for_each_item(serve: Serve) -> None:
    """Of files and of values alike, in the order in which they were sent."""
    http = await serve(
        form(
            {
                "files": {"type": "array", "items": FILE, "maxItems": 2},
                "n": {"type": "array", "items": INTEGER},
            }
        )
    )
    sent = [
        named("files", b"1", filename="a"),
        named("n", b"2"),
        named("files", b"3", filename="b"),
        named("n", b"4"),
    ]
    got = await value(http, *sent)
    assert [one["file"] for one in got["files"]] == ["1", "3"]
    assert got["n"] == [2, 4]
    assert await wrong(http, *(named("files", b"1", filename="a") for _ in range(3))) == [
        ("/files", "maxItems")
    ]
    assert await wrong(http, named("n", b"1"), named("n", b"x")) == [("/n/1", "type")]


async def test_members_without_a_schema(serve: Serve) -> None:
    """What the schema does not name is a file if it has a file name, and else a text."""
    http = await serve(form({}))
    got = await value(http, named("a", b"x", filename="f"), named("b", b"y"), named("b", b"z"))
    assert got == {"a": {"file": "x", "name": "f", "type": None}, "b": ["y", "z"]}


async def test_additional_members_have_a_schema(serve: Serve) -> None:
    """That of additionalProperties."""
    body = form({})
    body["content"][FORM]["schema"]["additionalProperties"] = INTEGER
    http = await serve(body)
    assert await value(http, named("a", b"5")) == {"a": 5}
    assert await wrong(http, named("a", b"x")) == [("/a", "type")]


# What is wrong with it


async def test_everything_is_told_at_once(serve: Serve) -> None:
    """Parts that cannot be read, files of the wrong size and type, and what the schema says."""
    http = await serve(
        form(
            {
                "file": FILE | {"minLength": 2, "maxLength": 3},
                "meta": {"type": "object"},
                "n": INTEGER,
            },
            required=["file", "must"],
            encoding={"file": {"contentType": "image/png, image/webp"}},
        )
    )
    big = named("file", b"1234", "Content-Type: text/plain", filename="f")
    assert await wrong(http, big, named("meta", b"{"), named("n", b"x")) == [
        ("/file", "contentType"),
        ("/file", "maxLength"),
        ("/meta", "encoding"),
        ("", "required"),
        ("/n", "type"),
    ]
    small = named("file", b"1", "Content-Type: image/webp", filename="f")
    assert await wrong(http, small) == [("/file", "minLength"), ("", "required")]


async def test_required_headers_of_parts(serve: Serve) -> None:
    """Headers in an encoding are checked: there or not, and by their schema."""
    headers = {"X-Count": {"required": True, "schema": INTEGER | {"maximum": 9}}}
    http = await serve(form({"a": FILE}, encoding={"a": {"headers": headers}}))
    assert (await value(http, named("a", b"x", "x-count: 5", filename="f")))["a"]["file"] == "x"
    assert await wrong(http, named("a", b"x", filename="f")) == [("/a", "required")]
    assert await wrong(http, named("a", b"x", "X-Count: 10", filename="f")) == [("/a", "maximum")]
    assert await wrong(http, named("a", b"x", "X-Count: x", filename="f")) == [("/a", "type")]


async def test_headers_of_parts_that_are_json(serve: Serve) -> None:
    """A header that is described by `content` is read by that media type."""
    headers = {"X-Tag": {"content": {"application/json": {"schema": {"const": ["é"]}}}}}
    http = await serve(form({"a": FILE}, encoding={"a": {"headers": headers}}))
    assert (await value(http, named("a", b"x", 'X-Tag: ["é"]', filename="f")))["a"]["file"] == "x"
    assert await wrong(http, named("a", b"x", 'X-Tag: ["e"]', filename="f")) == [("/a", "const")]
    assert await wrong(http, named("a", b"x", "X-Tag: [", filename="f")) == [("/a", "encoding")]


async def test_a_missing_body_or_form(serve: Serve) -> None:
    """No body at all is told as such; a form without parts lacks its members."""
    http = await serve(form({"a": STRING}, required=["a"]))
    assert await wrong(http) == [("", "required")]
    assert (await http.post("/x")).json()["errors"][0]["message"] == "a body is required"
    assert (
        await http.post("/x", content=b"{}", headers={"Content-Type": "application/json"})
    ).status_code == 415


BROKEN = [
    (b"--x\r\n", "ends before its last boundary"),
    (b"", "ends before its last boundary"),
    (named("a", b"1"), "ends before its last boundary"),
    (b"nonsense", "not valid multipart"),
    (b"--x\r\nno colon\r\n\r\n--x--\r\n", "not valid multipart"),
    (b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--x--\r\n', "not UTF-8"),
    (part(b"1") + b"--x--\r\n", "has no name"),
    (part(b"1", "A: " + "b" * 9000) + b"--x--\r\n", "not valid multipart"),
    (part(b"1", *(f"A{at}: b" for at in range(9))) + b"--x--\r\n", "not valid multipart"),
]


@pytest.mark.parametrize(("data", "words"), BROKEN)
async def test_what_is_no_multipart(
    serve: Serve, data: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Is 400, says why, and writes nothing to the log, which a client could fill."""
    http = await serve(form({"a": FILE}))
    headers = {"Content-Type": f"{FORM}; boundary=x"}
    response = await http.post("/x", content=data, headers=headers)
    assert response.status_code == 400
    assert words in response.json()["detail"]
    assert not [one for one in caplog.records if "multipart" in one.name]


@pytest.mark.parametrize("header", [FORM, f"{FORM}; boundary=", f"{FORM}; boundary={'x' * 300}"])
async def test_a_boundary_is_needed(serve: Serve, header: str) -> None:
    """Without a usable one the body cannot be read."""
    http = await serve(form({"a": FILE}))
    response = await http.post("/x", content=b"--x--\r\n", headers={"Content-Type": header})
    assert response.status_code == 400


# Styles, lists of parts


async def test_styles_split_a_part(serve: Serve) -> None:
    """An encoding with a style without explode splits one part, as in a query (3.1.1, 4.8.15)."""
    numbers = {"type": "array", "items": INTEGER}
    encoding = {
        "a": {"style": "form", "explode": False},
        "b": {"style": "pipeDelimited", "explode": False},
        "c": {"style": "form"},
    }
    http = await serve(form({"a": numbers, "b": numbers, "c": numbers}, encoding=encoding))
    sent = [named("a", b"1,2"), named("b", b"3|4"), named("c", b"5"), named("c", b"6")]
    assert await value(http, *sent) == {"a": [1, 2], "b": [3, 4], "c": [5, 6]}


async def test_a_list_of_parts(serve: Serve) -> None:
    """A body whose schema is an array is its parts in their order, without names (RFC 2046)."""
    schema = {"type": "array", "prefixItems": [{"type": "object"}], "items": FILE, "maxItems": 3}
    http = await serve({"content": {"multipart/mixed": {"schema": schema}}})
    sent = [part(b'{"a": 1}', AS_JSON), part(b"x"), part(b"y", "Content-Type: image/png")]
    got = await value(http, *sent, media_type="multipart/mixed")
    assert got[0] == {"a": 1}
    assert [one["file"] for one in got[1:]] == ["x", "y"]
    assert await wrong(http, *sent, sent[1], media_type="multipart/mixed") == [("", "maxItems")]
    assert await wrong(http, part(b"[]"), media_type="multipart/mixed") == [("/0", "type")]
    assert await wrong(http, part(b"{"), media_type="multipart/mixed") == [("/0", "encoding")]


async def test_a_range_reads_parts(serve: Serve) -> None:
    """Under `*/*` a multipart body is read by what was sent."""
    http = await serve(form({"n": INTEGER}, "*/*"))
    assert await value(http, named("n", b"5"), named("f", b"x", filename="f")) == {
        "n": 5,
        "f": {"file": "x", "name": "f", "type": None},
    }


# The engine sees texts for files


def test_files_leave_and_come_back() -> None:
    """At any depth; everything else stays as it is."""
    file, other = object(), object()
    original = {"a": file, "b": [1, other, {"c": None}], "d": "x"}
    seen = without_files(original)
    assert seen == {"a": "", "b": [1, "", {"c": None}], "d": "x"}
    assert with_files(seen | {"e": 5}, original) == original | {"e": 5}


def test_a_broken_encoding_is_a_fault(page: Page) -> None:
    """What an encoding says is checked when the app is built."""
    body = form({"a": STRING}, encoding={"a": {"style": "nonsense"}})
    handlers = Handlers()
    handlers("op")(echo)
    item = {"operationId": "op", "responses": OPEN, "requestBody": body}
    with pytest.raises(SpecError):
        App(page.document({"post": item}), handlers)
