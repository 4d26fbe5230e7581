"""Bodies that are taken bit by bit: what comes out of pieces, and which hints may ask for them."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brrt import App, Handlers, Problem, SpecError, UploadFile
from brrt.openapi.binding import Taken
from brrt.openapi.content import decode_lines, decode_records
from brrt.openapi.intake import ByteIntake, Intake, ItemIntake, ItemReader
from brrt.openapi.multipart import Size
from brrt.openapi.validation import Invalid

LINES = "application/jsonl"
RECORDS = "application/json-seq"
INTEGERS = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}


def items(*, records: bool = False, limit: int = 1_000) -> ItemIntake:
    """What reads items of any kind."""
    reader = ItemReader(Taken("body", None, optional=False, how="items"), None, None, limit)
    return ItemIntake(reader, records=records)


def drain(intake: Intake, *pieces: bytes) -> list[Any]:
    """All that comes out, piece by piece."""
    found: list[Any] = []
    for piece in pieces:
        intake.feed(piece)
        while intake.has_next():
            found.append(intake.next())
    intake.end()
    while intake.has_next():
        found.append(intake.next())
    return found


VALUES = st.lists(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text())), max_size=6)


@given(VALUES, st.integers(min_value=1, max_value=7), st.booleans(), st.booleans())
def test_items_come_out_however_the_bytes_are_cut(
    values: list[Any], size: int, ends: bool, records: bool
) -> None:
    """Also in the middle of a character; and as they would out of the whole."""
    prefix = b"\x1e" if records else b""
    texts = [prefix + json.dumps(one, ensure_ascii=False).encode() for one in values]
    whole = b"\n".join(texts) + (b"\n" if ends else b"")
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    decode = decode_records if records else decode_lines
    assert drain(items(records=records), *pieces) == values == decode(whole)


def test_an_item_comes_out_as_soon_as_it_is_complete() -> None:
    """A line at its end; a record when the next one begins."""
    lines = items()
    lines.feed(b'{"a":1}')
    assert not lines.has_next()
    lines.feed(b"\n{")
    assert lines.next() == {"a": 1}
    assert not lines.has_next()


def test_empty_lines_say_nothing() -> None:
    """And a body of nothing else has no items."""
    assert drain(items(), b"\n\n 1\r\n\n", b"\n2") == [1, 2]
    assert drain(items(), b"\n \n") == []
    assert drain(items(records=True), b" \x1e\n\x1e 1") == [1]


@pytest.mark.parametrize("size", [1, 4, 100])
def test_an_item_has_a_limit(size: int) -> None:
    """It is refused before it is complete; smaller ones pass, however many."""
    intake = items(limit=10)
    data = b"[1,2,3]\n" * 20 + b"[" + b"1," * 10
    with pytest.raises(Problem, match="413"):
        drain(intake, *(data[at : at + size] for at in range(0, len(data), size)))


def test_what_stands_before_a_bad_item_comes_out() -> None:
    """And the bad one is named by its place."""
    intake = items()
    intake.feed(b"1\n2\n{\n3")
    assert [intake.next(), intake.next()] == [1, 2]
    with pytest.raises(Problem, match="400") as caught:
        intake.next()
    assert "in item 2" in (caught.value.detail or "")


def test_a_sequence_begins_with_a_separator() -> None:
    """RFC 7464: what stands before the first is no record."""
    with pytest.raises(Problem) as caught:
        drain(items(records=True), b"1\x1e2")
    assert "record separator" in (caught.value.detail or "")


def test_bytes_come_as_they_are() -> None:
    """Empty pieces are left out."""
    assert drain(ByteIntake(Size()), b"a", b"", b"bc") == [b"a", b"bc"]


def test_bytes_are_counted() -> None:
    """Too many are refused before they are given, too few at the end."""
    intake = ByteIntake(Size(2, 4))
    intake.feed(b"abc")
    assert intake.next() == b"abc"
    with pytest.raises(Invalid):
        intake.feed(b"de")
    with pytest.raises(Invalid):
        drain(ByteIntake(Size(2, 4)), b"a")


# Hints


@dataclass
class Item:
    """An item."""

    a: int


@dataclass
class Text:
    """No such item."""

    a: str


def faults(hint: Any, *media: str, schema: Any = None, item: Any = None) -> str:
    """What is wrong with a handler that takes a body as this hint."""

    async def put(body: Any) -> None: ...

    put.__annotations__["body"] = hint
    entry = ({"schema": schema} if schema else {}) | ({"itemSchema": item} if item else {})
    operation = {
        "operationId": "put",
        "requestBody": {"required": True, "content": dict.fromkeys(media, entry)},
        "responses": {"204": {"description": "done"}},
    }
    handlers = Handlers()
    handlers(put)
    info = {"title": "T", "version": "1"}
    try:
        App({"openapi": "3.2.0", "info": info, "paths": {"/": {"post": operation}}}, handlers)
    except SpecError as error:
        return str(error)
    return ""


BINARY = {"type": "string", "format": "binary", "maxLength": 9, "title": "A file"}


@pytest.mark.parametrize("hint", [AsyncIterator, AsyncIterable])
def test_hints_that_ask_for_pieces(hint: Any) -> None:
    """Bytes of anything that is not looked into, items of sequences."""
    assert not faults(hint[bytes], "application/octet-stream", "image/*", "*/*")
    assert not faults(hint[bytes], "image/png", schema=BINARY)
    assert not faults(hint[Item], LINES, RECORDS, item=INTEGERS)
    assert not faults(hint[Item], LINES, schema=INTEGERS)
    assert not faults(hint[dict[str, Any]], LINES)
    assert not faults(AsyncGenerator[bytes, None], "text/plain")


@pytest.mark.parametrize("hint", [AsyncIterator[bytes], UploadFile])
@pytest.mark.parametrize(
    ("media", "schema"),
    [
        ("application/json", None),
        ("application/x-www-form-urlencoded", None),
        (LINES, None),
        ("text/plain", {"type": "string", "maxLength": 3}),
        ("image/png", {"type": "string", "pattern": "x"}),
    ],
)
def test_what_has_to_be_checked_as_a_whole(hint: Any, media: str, schema: Any) -> None:
    """No request that breaks the document reaches a handler: so it is a fault to ask for it."""
    assert "put" in faults(hint, media, schema=schema)


def test_cures() -> None:
    """Each fault says what to do instead."""
    assert "as UploadFile" in faults(AsyncIterator[bytes], "multipart/form-data")
    assert "AsyncIterator of what each item is" in faults(AsyncIterator[bytes], LINES)
    assert "application/jsonl" in faults(AsyncIterator[Item], "application/json")
    array = {"type": "array", "items": INTEGERS, "maxItems": 3}
    assert "list[Item]" in faults(AsyncIterator[Item], LINES, schema=array)
    assert "body[].a is hinted as str" in faults(AsyncIterator[Text], LINES, item=INTEGERS)
