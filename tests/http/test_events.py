"""Server-sent events on the wire, read by the specification's own algorithm."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brrt import App, Event, Handlers
from brrt.http.answers import ContractBroken
from brrt.http.events import EventPieces, retry_hint
from brrt.http.responses import Responder
from brrt.openapi.operations import EVENT_STREAM


@dataclass
class Seen:
    """What a browser dispatches: HTML, section 9.2.6."""

    kind: str
    data: str
    last_id: str


class Browser:
    """An independent reader, step by step as the specification has it."""

    def __init__(self) -> None:
        self.dispatched: list[Seen] = []
        self.retry: int | None = None
        self.last_id = ""

    def read(self, stream: bytes) -> list[Seen]:
        """Interpret a whole stream (section 9.2.6)."""
        data, kind, self._pending = "", "", self.last_id
        for line in re.split(r"\r\n|\n|\r", stream.decode("utf-8"))[:-1]:
            if line == "":
                self.last_id = self._pending
                if data != "":
                    self.dispatched.append(Seen(kind or "message", data[:-1], self.last_id))
                data, kind = "", ""
            elif not line.startswith(":"):
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "event":
                    kind = value
                elif field == "data":
                    data += value + "\n"
                elif field == "id" and "\0" not in value:
                    self._pending = value
                elif field == "retry" and value.isascii() and value.isdigit():
                    self.retry = int(value)
        return self.dispatched


LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ID = st.text(st.characters(min_codepoint=32, max_codepoint=126))
EVENTS = st.builds(
    Event,
    st.one_of(TEXT, st.integers(), st.lists(TEXT), st.dictionaries(TEXT, st.none())),
    st.none() | LINE,
    st.none() | ID,
    st.none() | st.integers(0, 10**9),
    st.none() | TEXT,
)


@given(st.lists(EVENTS, max_size=5))
def test_what_is_read_is_what_was_given(events: list[Event]) -> None:
    """Names, ids and texts of any lines; data that is no text is JSON."""
    browser, last = Browser(), ""
    wire = b"".join(EventPieces().piece(one, True) for one in events)
    found = iter(browser.read(wire))
    for one in events:
        last = last if one.id is None else one.id
        seen = next(found)
        text = one.data if isinstance(one.data, str) else None
        if text is not None:
            assert seen.data == re.sub(r"\r\n|\r", "\n", text)
        assert (seen.kind, seen.last_id) == (one.event or "message", last)
    assert next(found, None) is None


def test_the_examples_of_the_specification() -> None:
    """One field, several lines, names, ids; in the order that reads best."""
    piece = EventPieces().piece
    assert piece("YHOO\n+2\n10", True) == b"data: YHOO\ndata: +2\ndata: 10\n\n"
    assert piece(Event("1", "add", "7", 10), True) == b"event: add\nid: 7\nretry: 10\ndata: 1\n\n"
    assert piece({"a": [1, None]}, True) == b'data: {"a":[1,null]}\n\n'
    assert piece(b"raw", True) == b"data: raw\n\n"
    assert piece(Event(comment="two\nlines"), True) == b": two\n: lines\n\n"
    assert piece(Event(id="8"), True) == b"id: 8\n\n"


def test_an_event_of_nothing_keeps_the_connection_open() -> None:
    """And so do heartbeats: nothing is dispatched."""
    assert Browser().read(EventPieces().piece(None, True)) == []
    browser = Browser()
    assert browser.read(retry_hint(1_500)) == []
    assert browser.retry == 1_500


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "two\nlines"},
        {"event": "two\rlines"},
        {"event": 3},
        {"id": "é"},
        {"id": "a\nb"},
        {"id": "a\0"},
        {"id": 3},
        {"retry": -1},
        {"retry": 1.5},
        {"retry": True},
    ],
)
def test_what_no_event_can_have(wrong: dict[str, Any]) -> None:
    """It is said where the event is made."""
    with pytest.raises(ValueError, match="event"):
        Event("data", **wrong)


def test_data_is_text() -> None:
    """Bytes that are no UTF-8, and what is no JSON, cannot be sent."""
    with pytest.raises(ContractBroken, match="UTF-8"):
        EventPieces().piece(b"\xff", True)
    with pytest.raises((TypeError, ValueError)):
        EventPieces().piece(object(), True)
    with pytest.raises((TypeError, ValueError)):
        EventPieces().piece(float("nan"), True)


# What the document says of events


def responder(content: dict[str, Any], *, mode: Any = "strict", **members: Any) -> Responder:
    """The responder of an operation that answers with this."""
    operation = {
        "operationId": "watch",
        "responses": {"200": {"description": "ok", "content": content}},
        **members,
    }
    handlers = Handlers()

    @handlers
    async def watch() -> Any: ...

    paths = {"/": {"get": operation}}
    document = {"openapi": "3.2.0", "info": {"title": "T", "version": "1"}, "paths": paths}
    return App(document, handlers, validate_responses=mode).endpoints[0].responder


async def nothing() -> Any:
    """A stream."""
    yield


def piece(content: dict[str, Any], item: Any, **members: Any) -> bytes:
    """What becomes of an item."""
    return responder(content, **members).stream(nothing()).piece(item)


# OpenAPI 3.2.0, section 4.14.4.2: the example, with a schema for what the JSON holds.
ITEM = {
    "type": "object",
    "required": ["event"],
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string"},
        "retry": {"type": "integer"},
    },
    "oneOf": [
        {"properties": {"event": {"const": "addString"}}},
        {"properties": {"event": {"const": "addNumber"}, "data": {"pattern": "^[0-9]+$"}}},
        {
            "properties": {
                "event": {"const": "addJSON"},
                "data": {
                    "contentMediaType": "application/json",
                    "contentSchema": {
                        "type": "object",
                        "required": ["foo"],
                        "properties": {"foo": {"type": "integer"}},
                    },
                },
            }
        },
    ],
}
OF_ITEM = {EVENT_STREAM: {"itemSchema": ITEM}}


@pytest.mark.parametrize(
    "good",
    [
        Event("text", "addString"),
        Event("12", "addNumber", "1", 5),
        Event({"foo": 1}, "addJSON"),
        Event('{"foo":1}', "addJSON"),
    ],
)
def test_an_event_that_fits(good: Event) -> None:
    """By its name: also what its data holds."""
    assert piece(OF_ITEM, good).endswith(b"\n\n")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Event("text"), "event is required"),
        (Event("text", "other"), "oneOf|must|match"),
        (Event("no number", "addNumber"), "/data"),
        (Event({"foo": "text"}, "addJSON"), "/foo"),
        (Event({}, "addJSON"), "foo is required"),
        (Event("no JSON", "addJSON"), "not JSON"),
    ],
)
def test_an_event_that_breaks_its_schema(bad: Event, why: str) -> None:
    """It is not sent."""
    with pytest.raises(ContractBroken, match=why):
        piece(OF_ITEM, bad)


OBJECT = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
WHOLE = {"type": "object", "properties": {"data": {"type": "string", "maxLength": 2}}}


def test_before_3_2_a_schema_is_of_the_data_or_of_the_event() -> None:
    """An object without `data` is of what that holds; a text says nothing."""
    assert piece({EVENT_STREAM: {"schema": OBJECT}}, {"a": 1}) == b'data: {"a":1}\n\n'
    with pytest.raises(ContractBroken, match="a is required"):
        piece({EVENT_STREAM: {"schema": OBJECT}}, {"b": 1})
    assert piece({EVENT_STREAM: {"schema": {"type": "string"}}}, {"b": 1})
    assert piece({EVENT_STREAM: {"schema": WHOLE}}, "ok")
    with pytest.raises(ContractBroken, match="/data"):
        piece({EVENT_STREAM: {"schema": WHOLE}}, "long")
    assert piece({EVENT_STREAM: {}}, 5) == b"data: 5\n\n"


def test_an_operation_that_says_it_gives_events() -> None:
    """`x-sse`: what it says of JSON is of the data of each."""
    content = {"application/json": {"schema": OBJECT}}
    assert piece(content, {"a": 1}, **{"x-sse": True}) == b'data: {"a":1}\n\n'
    with pytest.raises(ContractBroken):
        piece(content, {}, **{"x-sse": True})
    with pytest.raises(ContractBroken, match="bit by bit"):
        piece(content, {"a": 1})


def test_checks_may_only_warn_or_not_look(caplog: pytest.LogCaptureFixture) -> None:
    """As for whole answers."""
    content = {EVENT_STREAM: {"schema": OBJECT}}
    assert piece(content, {"b": 1}, mode="warn") == b'data: {"b":1}\n\n'
    assert "a is required" in caplog.text
    caplog.clear()
    assert piece(content, {"b": 1}, mode="off") == b'data: {"b":1}\n\n'
    assert not caplog.text


def test_headers_of_events() -> None:
    """No cache and no proxy holds them back; the handler's own win."""
    head = responder({EVENT_STREAM: {}}).stream(nothing())
    assert dict(head.headers) == {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-store",
        b"x-accel-buffering": b"no",
    }
    assert (head.may_rest, head.beats, head.comes_back) == (True, True, True)
