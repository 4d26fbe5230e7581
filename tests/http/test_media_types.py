"""What is not one JSON text: streams, forms, text; and what JSON does not have."""

import json
import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from brrt import Reply
from brrt.http.answers import ContractBroken
from brrt.http.writers import MAX_TOLD
from brrt.openapi.json_encoding import encode_json
from tests.http.responding import JSON, answer, having, header, responder

FORM = "application/x-www-form-urlencoded"
LINES = ["application/jsonl", "application/x-ndjson", "application/ndjson"]
PET = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


@dataclass
class Pet:
    name: str


def test_json_that_calls_itself_text() -> None:
    """`text/json` is JSON (WHATWG MIME Sniffing, 4.6), written and checked as such."""
    found = answer({"name": "é"}, s200=having(PET, "text/json"))
    assert found.body == '{"name":"é"}'.encode()
    with pytest.raises(ContractBroken, match="name is required"):
        answer({}, s200=having(PET, "text/json"))
    with pytest.raises(ContractBroken, match="must be an object"):
        answer("no object", s200=having(PET, "text/json"))


# Streams


@pytest.mark.parametrize("media_type", LINES)
@pytest.mark.parametrize("value", [[{"name": "a"}, {"name": "é\n"}], (Pet("a"), Pet("é\n"))])
def test_lines(media_type: str, value: Any) -> None:
    """Each item of a list is one line, whatever it holds."""
    for schema in (PET, {"type": "array", "items": PET}, True):
        found = answer(value, s200=having(schema, media_type))
        assert found.body == '{"name":"a"}\n{"name":"é\\n"}\n'.encode()
        assert header(found, "content-type") == media_type


def test_records() -> None:
    """RFC 7464: each text behind a record separator and before a line feed."""
    found = answer([1, "a"], s200=having(True, "application/json-seq"))
    assert found.body == b'\x1e1\n\x1e"a"\n'
    assert answer([], s200=having(True, "application/json-seq")).body == b""


def streaming(media_type: str, **schemas: Any) -> dict[str, Any]:
    return {"description": "d", "content": {media_type: schemas}}


@pytest.mark.parametrize(
    ("schemas", "wrong"),
    [
        ({"schema": PET}, "in item 1, /name: name: must be a string"),
        ({"schema": {"type": "array", "items": PET}}, "/1/name: 1.name: must be a string"),
        ({"itemSchema": PET}, "in item 1, /name: name: must be a string"),
        ({"schema": {"type": "array"}, "itemSchema": PET}, "in item 1, /name"),
        ({"schema": {"type": "array", "maxItems": 1}, "itemSchema": True}, "at most 1 item"),
    ],
)
@pytest.mark.parametrize("media_type", [LINES[0], "application/json-seq"])
def test_streams_are_checked(media_type: str, schemas: Any, wrong: str) -> None:
    """Each item by `itemSchema`, the list by `schema`; a schema of no array is of the items."""
    bad = [{"name": "a"}, {"name": 1}]
    made = responder(version="3.2.0", s200=streaming(media_type, **schemas))
    prefix = b"\x1e" if media_type.endswith("seq") else b""
    encoded = b"".join(prefix + json.dumps(one).encode() + b"\n" for one in bad)
    for value in (bad, encoded, encoded.decode()):
        with pytest.raises(ContractBroken, match=wrong):
            made.respond(value)
    assert made.respond([{"name": "a"}])
    assert made.respond(prefix + b'{"name":"a"}\n')


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"name": "a"}, "needs a list, not dict"),
        (b'{"name":', "its bytes are not valid JSON"),
        ([b'{"name":\n"a"}'], "more than one line"),
        ([math.nan], "JSON has no NaN"),
    ],
)
def test_what_is_no_stream(value: Any, wrong: str) -> None:
    """What cannot be a line is not sent as one."""
    with pytest.raises(ContractBroken, match=wrong):
        answer(value, s200=having(True, LINES[0]))


def test_a_list_may_be_either() -> None:
    """The client chooses between one JSON text and lines; an object can only be the former."""
    both = having(True, JSON, LINES[0])
    assert answer([1], accept=LINES[0], s200=both).body == b"1\n"
    assert answer([1], accept="*/*", s200=both).body == b"[1]"
    assert answer({}, accept=LINES[0], s200=both).body == b"{}"


# Forms


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"a": "b c", "d": "é&="}, b"a=b+c&d=%C3%A9%26%3D"),
        ({"a": [1, True, None, 1.5]}, b"a=1&a=true&a=&a=1.5"),
        ({"a": {"b": 1}}, b"a=%7B%22b%22%3A1%7D"),
        ({"a": date(2020, 2, 29)}, b"a=2020-02-29"),
        (Pet("Rex"), b"name=Rex"),
        ({}, b""),
        ("a=1", b"a=1"),
        (b"a=1", b"a=1"),
    ],
)
def test_forms(value: Any, body: bytes) -> None:
    """Names and values of an object, a list as its name repeated, an object as JSON."""
    assert answer(value, s200=having({}, FORM)).body == body


def test_forms_are_checked() -> None:
    """By the object that they are made from."""
    with pytest.raises(ContractBroken, match="/name: name: must be a string"):
        answer({"name": 1}, s200=having(PET, FORM))
    assert answer({"name": 1}, "off", s200=having(PET, FORM)).body == b"name=1"
    with pytest.raises(ContractBroken, match="a form needs an object"):
        answer([1], s200=having({}, FORM))


# Text


@pytest.mark.parametrize(
    ("schema", "value", "wrong"),
    [
        ({"type": "string", "pattern": "^a"}, "abc", None),
        ({"type": "string", "pattern": "^a"}, "bc", "must match"),
        ({"type": "string", "pattern": "^a"}, b"bc", "must match"),
        ({"type": "string", "maxLength": 1}, "é", None),
        ({"type": "string"}, "5", None),
        ({"type": "integer"}, "5", None),
        ({"type": "integer"}, "x", "must be an integer"),
        ({"enum": ["a", "b"]}, "c", "must be one of"),
        ({"type": "object"}, "<a/>", None),
        ({"type": ["array", "null"]}, "a,b", None),
    ],
)
def test_text_is_checked(schema: Any, value: Any, wrong: str | None) -> None:
    """Text, encoded or not, by a schema of texts; that of a structure describes something else."""
    both: list[dict[str, Any]] = [
        {"s200": having(schema, "text/plain")},
        {"s200": having(schema, "text/*")},
    ]
    for responses in both:
        if wrong is None:
            assert answer(value, **responses).body
            continue
        with pytest.raises(ContractBroken, match=wrong):
            answer(value, **responses)


@pytest.mark.parametrize("media_type", ["application/xml", "image/png", "text/event-stream"])
def test_what_is_not_read_is_not_checked(media_type: str) -> None:
    """XML, images and events are sent as they are."""
    assert answer("<a/>", s200=having({"const": "b"}, media_type)).body == b"<a/>"


@pytest.mark.parametrize(
    ("media_type", "value", "expected"),
    [
        ("text/*", "a", "text/plain; charset=utf-8"),
        ("text/*", b"a", "text/plain; charset=utf-8"),
        ("*/*", "a", "text/plain; charset=utf-8"),
        ("*/*", b"a", "application/octet-stream"),
        ("*/*", {}, JSON),
        ("image/*", b"a", "application/octet-stream"),
    ],
)
def test_ranges_become_types(media_type: str, value: Any, expected: str) -> None:
    """A range is sent as a type inside it, where one can be told from the value."""
    assert header(answer(value, s200=having(True, media_type)), "content-type") == expected


@pytest.mark.parametrize(
    ("value", "media_type"),
    [
        ("\ud800", "text/plain"),
        ("日", "text/plain; charset=iso-8859-1"),
        ("a", "text/plain; charset=no-such"),
        (b"\xff", "text/plain"),
        ("\ud800", LINES[0]),
        ({"a": "\ud800"}, FORM),
    ],
)
def test_text_that_cannot_be_encoded(value: Any, media_type: str) -> None:
    """What its charset does not have is found out."""
    with pytest.raises(ContractBroken):
        answer(value, s200=having({"type": ["string", "object"]}, media_type))


# JSON

SCHEMAS: list[Any] = [True, {}, {"type": "object"}, {"type": ["number", "null", "object"]}]


@pytest.mark.parametrize("mode", ["strict", "warn", "off"])
@pytest.mark.parametrize("schema", SCHEMAS, ids=repr)
@pytest.mark.parametrize(
    "number", [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("-Infinity")], ids=repr
)
def test_no_number_becomes_null(mode: Any, schema: Any, number: Any) -> None:
    """NaN is a broken contract, whatever the schema allows: it never turns into null or a word."""
    for value in (
        {"a": number},
        {"a": None, "b": [1, {"c": number}]},
        {"a": [None, (number,)]},
        {"a": {number, "x"}},
        Reply({"a": number}),
    ):
        with pytest.raises(ContractBroken):
            answer(value, mode, s200=having(schema))


@dataclass
class Measure:
    at: date
    value: float | None


@pytest.mark.parametrize("value", [{"a": "null"}, {"a": None, "b": 1.5}, [None, {"é": None}]])
def test_nulls_that_are_meant(value: Any) -> None:
    """None is null, and a text may say so."""
    assert json.loads(encode_json(value)) == value


def test_nan_inside_of_objects() -> None:
    """It is found in what is not made of JSON types, too."""
    day = date(2020, 2, 29)
    assert encode_json(Measure(day, None)) == b'{"at":"2020-02-29","value":null}'
    for value in (Measure(day, math.nan), {"a": [Measure(day, math.inf)], "b": None}):
        with pytest.raises(ValueError, match="no NaN"):
            encode_json(value)


@pytest.mark.parametrize("value", ["\ud800", {"a": "\ud800"}, {"\ud800": 1}, [["\udfff"]]])
@pytest.mark.parametrize("schema", [True, {"type": ["string", "object", "array"]}], ids=repr)
def test_half_characters(value: Any, schema: Any) -> None:
    """A lone surrogate is no text that UTF-8 has: a broken contract, and no crash."""
    for mode in ("strict", "warn", "off"):
        with pytest.raises(ContractBroken):
            answer(value, mode, s200=having(schema))


def test_values_without_end() -> None:
    """A value that holds itself is found out."""
    loop: list[Any] = []
    loop.append(loop)
    for mode in ("strict", "warn", "off"):
        with pytest.raises(ContractBroken):
            answer(loop, mode, s200=having(True))


# Write-only members

SECRET = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "password": {"type": "string", "writeOnly": True},
    },
}


@dataclass
class Account:
    name: str
    password: str


@pytest.mark.parametrize("mode", ["warn", "off"])
@pytest.mark.parametrize(
    ("schema", "media_type", "value", "body"),
    [
        (SECRET, JSON, {"name": "a", "password": "s"}, b'{"name":"a"}'),
        (SECRET, JSON, Account("a", "s"), b'{"name":"a"}'),
        (SECRET, JSON, b'{"name":"a","password":"s"}', b'{"name":"a"}'),
        (SECRET, JSON, b"not JSON", b"not JSON"),
        (SECRET, FORM, {"name": "a", "password": "s"}, b"name=a"),
        (SECRET, LINES[0], [Account("a", "s")], b'{"name":"a"}\n'),
        ({"type": "array", "items": SECRET}, LINES[0], [Account("a", "s")], b'{"name":"a"}\n'),
        ({"type": "array", "items": SECRET}, JSON, [{"password": "s"}], b"[{}]"),
    ],
)
def test_secrets_never_leave(
    mode: Any, schema: Any, media_type: str, value: Any, body: bytes
) -> None:
    """Where what breaks the document is sent, write-only members are not."""
    before = dict(value) if isinstance(value, dict) else None
    assert answer(value, mode, s200=having(schema, media_type)).body == body
    assert before is None or value == before
    with pytest.raises(ContractBroken):
        answer(value, s200=having(schema, media_type))


# What the log is told


def test_the_log_is_told_enough() -> None:
    """Pointer and shortened value, and not more violations than anybody reads."""
    schema = {"type": "array", "items": {"type": "string"}}
    with pytest.raises(ContractBroken) as caught:
        answer([*range(MAX_TOLD + 5)], s200=having(schema))
    text = str(caught.value)
    assert "/0: 0: must be a string, got 0" in text
    assert text.count("must be a string") == MAX_TOLD
    assert text.endswith("and more")
    with pytest.raises(ContractBroken) as caught:
        answer(["x" * 10_000], s200=having({"items": {"maxLength": 3, "pattern": "^y"}}))
    assert len(str(caught.value)) < 500
