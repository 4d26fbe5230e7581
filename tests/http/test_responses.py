"""What a handler returns becomes the answer that the document promises, or is found out."""

import enum
import json
import logging
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pydantic
import pytest
from starlette.responses import PlainTextResponse

from brrt import Problem, Reply, SpecError
from brrt.http.answers import Answer, ContractBroken, encode_headers, send_answer
from brrt.http.problems import problem_answer
from brrt.http.responses import Mode
from tests.conftest import plainly
from tests.http.responding import ANY, EMPTY, JSON, answer, having, header, responder

# Which status


@pytest.mark.parametrize(
    ("responses", "status"),
    [
        ({"s200": ANY}, 200),
        ({"s201": ANY, "s202": ANY, "s404": ANY}, 201),
        ({"s404": ANY, "s299": ANY, "s206": ANY}, 206),
        ({"s2XX": ANY}, 200),
        ({"s2XX": ANY, "s201": ANY}, 201),
        ({"default": ANY}, 200),
        ({"default": ANY, "s404": ANY}, 200),
        ({"s302": ANY, "s200": ANY}, 200),
        ({"s404": ANY, "s303": ANY, "s302": ANY}, 302),
    ],
)
def test_a_plain_value_has_the_operations_own_status(responses: Any, status: int) -> None:
    """The lowest 2xx that is declared, or 200 where a range or a default is."""
    assert answer({}, **responses).status == status


def test_ranges_are_in_capitals() -> None:
    """A range in small letters is a fault, which says how it is written."""
    for text in ("2xx", "2Xx"):
        responses: Any = {text: ANY}
        with pytest.raises(SpecError, match=r"perhaps '2XX'"):
            responder(**responses)


def test_a_reply_chooses_its_status() -> None:
    """A declared status, one in a declared range, or any where there is a default."""
    assert answer(Reply({}, 404), s200=ANY, s404=ANY).status == 404
    assert answer(Reply({}, 418), s200=ANY, s4XX=ANY).status == 418
    assert answer(Reply({}, 503), s200=ANY, default=ANY).status == 503
    assert answer(Reply({}), s201=ANY).status == 201
    with pytest.raises(ContractBroken, match="status 404 is not declared"):
        answer(Reply({}, 404), s200=ANY)


def test_the_exact_status_comes_before_its_range() -> None:
    """404 before 4XX before default."""
    responses: dict[str, Any] = {
        "s200": ANY,
        "s404": having({"const": "exact"}),
        "s4XX": having({"const": "range"}),
        "default": having({"const": "default"}),
    }
    for status, value in ((404, "exact"), (400, "range"), (500, "default")):
        assert json.loads(answer(Reply(value, status), **responses).body) == value
        with pytest.raises(ContractBroken):
            answer(Reply("other", status), **responses)


# None


def test_none_is_204_where_that_is_declared() -> None:
    """Nothing to say is no content, without a length and a type."""
    for responses in ({"s204": EMPTY}, {"s200": ANY, "s204": EMPTY}):
        assert answer(None, **responses) == Answer(204, [], b"")


def test_none_without_content() -> None:
    """Where a status has no content, None is its empty body."""
    assert answer(None, s201=EMPTY) == Answer(201, [(b"content-length", b"0")], b"")
    found = answer(Reply(None, 404), s200=ANY, s404=EMPTY)
    assert (found.status, found.body) == (404, b"")


def test_none_with_content_is_null() -> None:
    """Where content is declared, None is JSON's null, if the schema allows it."""
    assert answer(None, s200=ANY).body == b"null"
    with pytest.raises(ContractBroken, match="must be an object, got null"):
        answer(None, s200=having({"type": "object"}))


def test_without_any_responses() -> None:
    """An operation that declares no responses may answer with any status, and no content."""
    found = answer(Reply(status=404))
    assert (found.status, found.body) == (404, b"")
    assert answer(None).status == 200
    with pytest.raises(ContractBroken, match="declares no content"):
        answer({})


def test_a_value_without_content_breaks_the_document() -> None:
    """What the document does not declare is not sent by accident."""
    for value, responses in (({}, {"s204": EMPTY}), (Reply({}, 404), {"s200": ANY, "s404": EMPTY})):
        with pytest.raises(ContractBroken, match=r"(declares|carries) no content"):
            answer(value, **responses)


# Which media type


@pytest.mark.parametrize(
    ("media_types", "value", "expected", "body"),
    [
        ((JSON,), {"a": 1}, JSON, b'{"a":1}'),
        ((JSON,), "a", JSON, b'"a"'),
        ((JSON,), b"[1]", JSON, b"[1]"),
        ((JSON,), bytearray(b"[1]"), JSON, b"[1]"),
        (("application/vnd.pet+json",), {}, "application/vnd.pet+json", b"{}"),
        (("application/json; v=1",), {}, "application/json; v=1", b"{}"),
        (("text/plain",), "é", "text/plain; charset=utf-8", "é".encode()),
        (("text/plain; charset=iso-8859-1",), "é", "text/plain; charset=iso-8859-1", b"\xe9"),
        (("text/html",), b"<p>", "text/html; charset=utf-8", b"<p>"),
        (("image/png",), b"\xff", "image/png", b"\xff"),
        (("text/plain", JSON), "a", "text/plain; charset=utf-8", b"a"),
        (("text/plain", JSON), {}, JSON, b"{}"),
        (("*/*", JSON), [], JSON, b"[]"),
        (("*/*",), {"a": 1}, JSON, b'{"a":1}'),
        (("application/*",), [1], JSON, b"[1]"),
        (("*/*",), b"\xff", "application/octet-stream", b"\xff"),
        (("image/*",), b"\xff", "application/octet-stream", b"\xff"),
    ],
)
def test_media_types(media_types: tuple[str, ...], value: Any, expected: str, body: bytes) -> None:
    """Bytes and text are sent as they are, all else as JSON, under a declared type."""
    found = answer(value, s200=having(True, *media_types))
    assert (header(found, "content-type"), found.body) == (expected, body)
    assert header(found, "content-length") == str(len(body))


@pytest.mark.parametrize("media_type", ["text/plain", "image/*"])
def test_what_cannot_be_written(media_type: str) -> None:
    """A dict is no text, and no image."""
    with pytest.raises(ContractBroken, match="needs bytes or str, not dict"):
        answer({}, s200=having(True, media_type))


def test_a_reply_names_its_media_type() -> None:
    """By argument or header; a range takes any type inside it, and JSON is checked there too."""
    found = answer(Reply("a", media_type="text/plain"), s200=having(True, JSON, "text/plain"))
    assert (header(found, "content-type"), found.body) == ("text/plain; charset=utf-8", b"a")
    png = Reply(b"\xff", headers={"Content-Type": "image/png"})
    assert header(answer(png, s200=having(True, "image/*")), "content-type") == "image/png"
    as_json = Reply({"a": 1}, media_type="application/json")
    assert answer(as_json, s200=having({"type": "object"}, "*/*")).body == b'{"a":1}'
    with pytest.raises(ContractBroken, match="must be an array"):
        answer(as_json, s200=having({"type": "array"}, "*/*"))
    with pytest.raises(ContractBroken, match="media type text/html is not declared"):
        answer(Reply("a", media_type="text/html"), s200=ANY)


def test_headers_of_a_reply() -> None:
    """They are sent in lower case; pairs may repeat; the length is always the true one."""
    found = answer(Reply({}, headers={"X-A": "é", "Content-Length": "99"}), s200=ANY)
    assert header(found, "x-a") == "é"
    assert header(found, "content-length") == "2"
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    found = answer(Reply({}, headers=cookies), s200=ANY)
    assert [value for name, value in found.headers if name == b"set-cookie"] == [b"a=1", b"b=2"]


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: b", "a\nb", "a\0", "\x7f"])
def test_no_header_is_forged(text: str) -> None:
    """A value that ends its line is refused, in names too; a tab is harmless."""
    for pair in (("X-A", text), (text, "a")):
        with pytest.raises(ContractBroken, match="HTTP can carry"):
            encode_headers([pair])
    assert encode_headers({"X-A": "a\tb"}) == [(b"x-a", b"a\tb")]


@pytest.mark.parametrize("mode", ["strict", "warn", "off"])
@pytest.mark.parametrize("headers", [{"X-A": "a\r\nSet-Cookie: b"}, {"X-A": "\0"}, {"X A": "b"}])
def test_no_header_of_a_response_is_forged(mode: Mode, headers: dict[str, str]) -> None:
    """Neither by a response of Starlette, whose headers no server looks at: in no mode."""
    with pytest.raises(ContractBroken, match="HTTP can carry"):
        responder(mode, s200=ANY).respond(PlainTextResponse("a", headers=headers))


def test_responses_that_send_themselves() -> None:
    """A response of Starlette is passed on as it is."""
    response = PlainTextResponse("a")
    assert responder("off", s200=ANY).respond(response) is response


# Which values

NOON = datetime(2020, 2, 29, 12, tzinfo=UTC)
ID = UUID(int=1)


class Color(enum.Enum):
    RED = "red"


@dataclass
class Pet:
    name: str
    price: Decimal
    born: datetime


class Toy(msgspec.Struct, rename={"name": "toyName"}):
    name: str
    when: date


class Owner(pydantic.BaseModel):
    name: str = pydantic.Field(serialization_alias="ownerName")
    id: UUID


VALUES: list[tuple[Any, Any]] = [
    ({"a": [1, 2.5, None, True, "é"]}, {"a": [1, 2.5, None, True, "é"]}),
    ((1, 2), [1, 2]),
    ({1}, [1]),
    (frozenset({"a"}), ["a"]),
    ({1: 2}, {"1": 2}),
    ({ID: 1}, {str(ID): 1}),
    (NOON, "2020-02-29T12:00:00Z"),
    (date(2020, 2, 29), "2020-02-29"),
    (timedelta(seconds=90), "PT90S"),
    (ID, str(ID)),
    (Color.RED, "red"),
    ({"color": Color.RED, "at": NOON}, {"color": "red", "at": "2020-02-29T12:00:00Z"}),
    ({"raw": b"hi"}, {"raw": "aGk="}),
    (Toy("ball", date(2020, 2, 29)), {"toyName": "ball", "when": "2020-02-29"}),
    ([Owner(name="Ann", id=ID)], [{"ownerName": "Ann", "id": str(ID)}]),
    (2**70, 2**70),
    (0, 0),
    (False, False),
    ("", ""),
    ([], []),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=repr)
@pytest.mark.parametrize("schema", [None, True, {"not": {"const": "never"}}], ids=repr)
def test_values(value: Any, expected: Any, schema: Any) -> None:
    """What Python has becomes the JSON that it means, whether it is checked or not."""
    response = ANY if schema is None else having(schema)
    assert json.loads(answer(value, s200=response).body) == expected


def test_values_are_checked_as_they_are_sent() -> None:
    """A model, a date and an enum are measured by the JSON that they become."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 3},
            "price": {"type": "number"},
            "born": {"type": "string", "format": "date-time"},
        },
        "additionalProperties": False,
    }
    good = Pet("Tom", Decimal("1.10"), NOON)
    assert answer(good, s200=having(schema)).body == (
        b'{"name":"Tom","price":1.10,"born":"2020-02-29T12:00:00Z"}'
    )
    with pytest.raises(ContractBroken, match="/name: name: must have at most 3 characters"):
        answer(Pet("Thomas", Decimal(1), NOON), s200=having(schema))


@pytest.mark.parametrize(
    ("kind", "text"), [("number", b"1.10"), ("string", b'"1.10"'), (["number", "null"], b"1.10")]
)
@pytest.mark.parametrize("beside", [1, NOON])
def test_decimals(kind: Any, text: bytes, beside: Any) -> None:
    """A decimal is a number with all its digits, or a text where the schema wants one."""
    schema = {"properties": {"price": {"type": kind}}}
    found = answer({"price": Decimal("1.10"), "beside": beside}, s200=having(schema))
    assert found.body.startswith(b'{"price":' + text + b",")


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf], {"a": math.nan}], ids=repr)
def test_what_json_has_no_number_for(value: Any) -> None:
    """NaN and infinity are never sent as a number that they are not."""
    schema = {"anyOf": [{"type": "number"}, {"items": {"type": "number"}, "type": "array"}]}
    schema["anyOf"].append({"additionalProperties": {"type": "number"}, "type": "object"})
    with pytest.raises(ContractBroken):
        answer(value, s200=having(schema))


async def stream() -> AsyncIterator[int]:
    yield 1


def generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("mode", ["strict", "warn", "off"])
@pytest.mark.parametrize(
    "value",
    [object(), [object()], generator(), stream(), "\ud800", {"a": {1: object()}}],
    ids=plainly,
)
@pytest.mark.parametrize("response", [ANY, having(True)])
def test_values_that_json_does_not_have(mode: Mode, value: Any, response: Any) -> None:
    """What cannot be written is found out in every mode, generators among it."""
    with pytest.raises(ContractBroken, match="op: "):
        answer(value, mode, s200=response)


def test_values_nested_too_deeply() -> None:
    """A value without end ends in an error."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises((ContractBroken, RecursionError)):
        answer(loop, s200=ANY)


def test_write_only_properties_do_not_leave() -> None:
    """A secret in an answer breaks the document."""
    schema = {"properties": {"secret": {"type": "string", "writeOnly": True}}}
    assert answer({"id": 1}, s200=having(schema)).body == b'{"id":1}'
    with pytest.raises(ContractBroken, match="/secret"):
        answer({"id": 1, "secret": "s"}, s200=having(schema))


# How strictly

BREAKING: list[tuple[Any, dict[str, Any], int, bytes]] = [
    (1, {"s200": having({"type": "string"})}, 200, b"1"),
    (b"[1", {"s200": having({"type": "array"})}, 200, b"[1"),
    (b"{}", {"s200": having({"type": "array"})}, 200, b"{}"),
    (Reply({}, 404), {"s200": ANY}, 404, b"{}"),
    (Reply("a", media_type="text/html"), {"s200": ANY}, 200, b"a"),
    (Reply({}, 200), {"s200": EMPTY}, 200, b"{}"),
    ({}, {"s200": EMPTY}, 200, b"{}"),
]


@pytest.mark.parametrize(("value", "responses", "status", "body"), BREAKING, ids=repr)
def test_modes(
    caplog: pytest.LogCaptureFixture,
    value: Any,
    responses: dict[str, Any],
    status: int,
    body: bytes,
) -> None:
    """Strict refuses what breaks the document, warn logs it and sends it, off sends it."""
    with pytest.raises(ContractBroken):
        answer(value, "strict", **responses)
    with caplog.at_level(logging.WARNING, "brrt"):
        assert answer(value, "off", **responses)[::2] == (status, body)
        assert not caplog.records
        assert answer(value, "warn", **responses)[::2] == (status, body)
    assert "the answer of op breaks the document" in caplog.records[0].getMessage()


def test_all_that_is_wrong_is_logged() -> None:
    """One message names every violation with its place."""
    schema = {"required": ["a"], "properties": {"b": {"type": "integer"}}}
    with pytest.raises(ContractBroken, match=r"a is required; /b: b: must be an integer"):
        answer({"b": "x"}, s200=having(schema))


# Sending


@pytest.mark.parametrize(
    ("status", "head", "body"),
    [(200, False, b"abc"), (200, True, b""), (204, False, b""), (304, False, b"")],
)
async def test_sending(status: int, head: bool, body: bytes) -> None:
    """One start and one complete body; none for HEAD and for statuses without content."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await send_answer(Answer(status, [(b"x-a", b"b")], b"abc"), send, head)
    assert sent == [
        {"type": "http.response.start", "status": status, "headers": [(b"x-a", b"b")]},
        {"type": "http.response.body", "body": body},
    ]


def test_problems() -> None:
    """A problem is JSON of its own type; a 204 or 304 carries no length."""
    found = problem_answer(Problem(409, "taken", headers={"X-A": "b"}))
    assert header(found, "content-type") == "application/problem+json"
    assert header(found, "x-a") == "b"
    assert header(found, "content-length") == str(len(found.body))
    assert header(problem_answer(Problem(304)), "content-length") is None
