"""Server-sent events as bytes: what is parsed by the rules of HTML is what was given."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brrt import Event, Reply
from brrt.http.answers import ContractBroken
from brrt.http.events import HEARTBEAT, EventPieces, retry_hint
from brrt.http.responses import Mode
from tests.http.responding import responder
from tests.openapi.test_events import SPECIFICATION

EVENTS = "text/event-stream"


@dataclass
class Parser:
    """HTML, section 9.2.6, word by word: what a browser makes of a stream."""

    dispatched: list[tuple[str, str, str]] = field(default_factory=list)
    last_event_id: str = ""
    reconnection_time: int | None = None
    data: str = ""
    event_type: str = ""
    id_buffer: str = ""

    def feed(self, stream: bytes) -> None:
        """A whole stream. Lines end with CRLF, LF or CR; one BOM at its beginning is dropped."""
        text = stream.decode("utf-8")
        text = text.removeprefix("\ufeff")
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines[:-1]:  # what follows the last line end is no line yet
            self._line(line)

    def _line(self, line: str) -> None:
        if line == "":
            self._dispatch()
        elif line.startswith(":"):
            return
        elif ":" in line:
            name, _, value = line.partition(":")
            self._field(name, value.removeprefix(" "))
        else:
            self._field(line, "")

    def _field(self, name: str, value: str) -> None:
        if name == "event":
            self.event_type = value
        elif name == "data":
            self.data += value + "\n"
        elif name == "id":
            if "\0" not in value:
                self.id_buffer = value
        elif name == "retry" and value and all(one in "0123456789" for one in value):
            self.reconnection_time = int(value)

    def _dispatch(self) -> None:
        self.last_event_id = self.id_buffer
        if self.data == "":
            self.event_type = ""
            return
        data = self.data.removesuffix("\n")
        self.dispatched.append((self.event_type or "message", data, self.last_event_id))
        self.data, self.event_type = "", ""


def parse(stream: bytes) -> Parser:
    parser = Parser()
    parser.feed(stream)
    return parser


def encode(*events: Any) -> bytes:
    return b"".join(EventPieces().piece(one, False) for one in events)


def lines_of(text: str) -> str:
    """A text as every parser gives it back: its line ends are all alike."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("\r\n: \0\ufeffdataevent")
names = texts.filter(lambda one: "\n" not in one and "\r" not in one)
ids = st.from_regex(r"([!-~]([ -~]*[!-~])?)?", fullmatch=True)
made = st.builds(
    Event,
    data=st.none() | texts,
    event=st.none() | names,
    id=st.none() | ids,
    retry=st.none() | st.integers(0, 10**9),
    comment=st.none() | texts,
)


@given(st.lists(made, max_size=5))
@example([Event("a\rb\r\nc\nd\n\n")])
@example([Event("")])
@example([Event(" x", event=" y")])
@example([Event("x", id="1"), Event("y"), Event("z", id="")])
@example([Event(comment="data: no\n\ndata: neither\rdata: nor")])
@example([Event("\u2028\u2029\x0b\x0c\x85")])
def test_what_is_parsed_is_what_was_given(events: list[Event]) -> None:
    """Names, ids and data, whatever they hold; nothing forges another event."""
    parser = parse(encode(*events))
    expected, last, retry = [], "", None
    for one in events:
        last = last if one.id is None else one.id
        retry = retry if one.retry is None else one.retry
        if one.data is not None:
            expected.append((one.event or "message", lines_of(one.data), last))
    assert parser.dispatched == expected
    assert (parser.last_event_id, parser.reconnection_time) == (last, retry)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text("ab\n\r\u2028é"), st.lists))
def test_values_are_sent_as_json(value: Any) -> None:
    """What is no text is JSON, on one line; a plain value is an event by itself."""
    if value is None or isinstance(value, str):
        value = [value]
    ((_, data, _),) = parse(encode(value)).dispatched
    assert json.loads(data) == value
    assert encode(value) == encode(Event(value))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Event("x"), b"data: x\n\n"),
        ("x", b"data: x\n\n"),
        ({"a": 1}, b'data: {"a":1}\n\n'),
        (b"x\ny", b"data: x\ndata: y\n\n"),
        (
            Event("x", event="add", id="7", retry=5, comment="c\nd"),
            b": c\n: d\nevent: add\nid: 7\nretry: 5\ndata: x\n\n",
        ),
        (Event(retry=0), b"retry: 0\n\n"),
        (Event(""), b"data: \n\n"),
        (Event(), HEARTBEAT),
        (None, HEARTBEAT),
        (Event(False), b"data: false\n\n"),
        (Event(0), b"data: 0\n\n"),
    ],
)
def test_an_event_is_written_so(event: Any, expected: bytes) -> None:
    """The bytes themselves."""
    assert encode(event) == expected


def test_what_fills_silence_is_no_event() -> None:
    """Neither a heartbeat nor the hint when to come back is dispatched."""
    parser = parse(HEARTBEAT + retry_hint(1_234) + HEARTBEAT)
    assert (parser.dispatched, parser.reconnection_time) == ([], 1_234)


@pytest.mark.parametrize(
    "members",
    [
        {"event": "a\nb"},
        {"event": "a\rb"},
        {"event": 7},
        {"id": "a\nb"},
        {"id": "a\0b"},
        {"id": "é"},
        {"id": " 1"},
        {"id": "1 "},
        {"id": 7},
        {"retry": -1},
        {"retry": 1.5},
        {"retry": True},
        {"retry": "1"},
    ],
)
def test_what_no_event_can_be_is_refused_where_it_is_made(members: Any) -> None:
    """A ValueError in the handler, which knows what it meant."""
    with pytest.raises(ValueError, match="of an event"):
        Event("x", **members)


@pytest.mark.parametrize("event", [b"\xff", Event(b"\xff")])
def test_bytes_that_are_no_text_break_the_contract(event: Any) -> None:
    """A stream of events is UTF-8."""
    with pytest.raises(ContractBroken, match="UTF-8"):
        encode(event)


def stream(media_type: Any, *events: Any, mode: Mode = "strict", version: str = "3.2.0") -> bytes:
    """What an operation sends of some events."""
    made = responder(mode, version, s200={"description": "events", "content": {EVENTS: media_type}})
    head = made.stream(None)
    return b"".join(head.piece(one) for one in events)


def test_each_event_is_checked_as_the_specification_says() -> None:
    """The example of section 4.14.4."""
    example = {"itemSchema": SPECIFICATION}
    good = [
        Event("This data is formatted\nacross two lines", event="addString", retry=5),
        Event("1234", event="addInt64"),
        Event({"foo": 42}, event="addJson"),
        Event('{"foo": 42}', event="addJson"),
        Event(b'{"foo": 42}', event="addJson"),
    ]
    parser = parse(stream(example, *good))
    assert [name for name, _, _ in parser.dispatched] == [one.event for one in good]
    for bad in (
        Event({"foo": "x"}, event="addJson"),
        Event('{"foo": "x"}', event="addJson"),
        Event("not JSON", event="addJson"),
        Event("x", event="unknown"),
        Event("x"),
        "x",
        {"foo": 42},
    ):
        with pytest.raises(ContractBroken):
            stream(example, bad)


def test_ids_and_retries_are_members_of_the_event() -> None:
    """The schema is of all that an event has, and of nothing that it has not."""
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "minLength": 2},
            "retry": {"type": "integer", "maximum": 10},
        },
        "required": ["data", "id"],
    }
    assert stream({"itemSchema": schema}, Event("x", id="12", retry=10, comment="c"))
    for bad in (Event("x"), Event("x", id="1"), Event("x", id="12", retry=11), Event(id="12")):
        with pytest.raises(ContractBroken):
            stream({"itemSchema": schema}, bad)


def test_before_items_a_schema_is_of_the_data() -> None:
    """As documents of 3.0 and 3.1 say it."""
    pet = {"schema": {"type": "object", "required": ["name"]}}
    for version in ("3.0.4", "3.1.0"):
        sent = stream(pet, {"name": "Rex"}, Event({"name": "Tom"}, event="cat"), version=version)
        assert [json.loads(data)["name"] for _, data, _ in parse(sent).dispatched] == ["Rex", "Tom"]
        with pytest.raises(ContractBroken, match="name"):
            stream(pet, {"nome": "Rex"}, version=version)


def test_what_breaks_the_document_may_be_sent_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With `warn` the log tells, with `off` nobody; what cannot be written fails in all modes."""
    pet = {"schema": {"type": "object", "required": ["name"]}}
    assert stream(pet, {}, mode="warn") == b"data: {}\n\n"
    assert "name" in caplog.text
    caplog.clear()
    assert stream(pet, {}, "text", mode="off") == b"data: {}\n\ndata: text\n\n"
    assert caplog.text == ""
    modes: list[Mode] = ["strict", "warn", "off"]
    for mode in modes:
        with pytest.raises(ContractBroken):
            stream({}, object(), mode=mode)
        with pytest.raises(ContractBroken):
            stream({}, "\ud800", mode=mode)


def test_a_stream_of_events_has_its_headers() -> None:
    """No cache keeps it, no proxy holds it back; a handler's own headers win."""
    made = responder(s200={"description": "events", "content": {EVENTS: {}}})
    headers = dict(made.stream(None).headers)
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert (headers[b"cache-control"], headers[b"x-accel-buffering"]) == (b"no-store", b"no")


# Other pieces


def pieces(name: str, *items: Any, schema: Any = None) -> list[bytes]:
    """What becomes of items under a media type."""
    content = {name: {"schema": schema} if schema else {}}
    made = responder(s200={"description": "some", "content": content})
    head = made.stream(None)
    return [head.piece(one) for one in items]


def test_lines_and_records_are_items() -> None:
    """Each JSON text on its line, or behind its separator."""
    assert pieces("application/jsonl", {"a": 1}, "x", None) == [b'{"a":1}\n', b'"x"\n', b"null\n"]
    assert pieces("application/json-seq", [1]) == [b"\x1e[1]\n"]
    assert pieces("application/x-ndjson", b'{"a":1}') == [b'{"a":1}\n']
    with pytest.raises(ContractBroken, match="more than one line"):
        pieces("application/jsonl", b'{"a":\n1}')


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "utf-16", "utf-32", "utf-8-sig"])
def test_texts_are_one_text_in_the_charset_of_the_media_type(charset: str) -> None:
    """A mark of the byte order stands at its beginning, and not before every piece."""
    sent = b"".join(pieces(f"text/plain; charset={charset}", "gr\u00fc", "", "\u00dfe", "!"))
    assert sent == "gr\u00fc\u00dfe!".encode(charset)


def test_streams_of_one_operation_do_not_share_their_place() -> None:
    """Each has its own beginning."""
    content: dict[str, Any] = {"text/plain; charset=utf-16": {}}
    made = responder(s200={"description": "some", "content": content})
    first, second = made.stream(None), made.stream(None)
    assert first.piece("a") == second.piece("a") == "a".encode("utf-16")


def test_bytes_are_sent_as_they_are() -> None:
    """Of whatever kind; anything else breaks the contract."""
    assert pieces("image/png", b"a", bytearray(b"b"), memoryview(b"c")) == [b"a", b"b", b"c"]
    for bad in (7, None, [1]):
        with pytest.raises(ContractBroken, match="needs bytes or str"):
            pieces("image/png", bad)
    with pytest.raises(ContractBroken):
        pieces("text/plain; charset=ascii", "\u00fc")


def test_what_must_be_whole_has_no_pieces() -> None:
    """A JSON text, a form, a list whose schema is of all of it."""
    for name, schema in (
        ("application/json", None),
        ("application/x-www-form-urlencoded", None),
        ("application/jsonl", {"type": "array", "maxItems": 2}),
    ):
        with pytest.raises(ContractBroken, match="bit by bit"):
            pieces(name, schema=schema)


def test_a_media_type_that_is_not_declared_is_refused_or_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As for a value that is whole: a fault in strict mode, a warning or nothing in others."""
    some = {"description": "some", "content": {"text/plain": {}}}
    reply = Reply(None, media_type="text/csv")
    with pytest.raises(ContractBroken, match="text/csv is not declared"):
        responder(s200=some).stream(reply)
    head = responder("warn", s200=some).stream(reply)
    assert "text/csv is not declared" in caplog.text
    assert dict(head.headers)[b"content-type"] == b"text/csv; charset=utf-8"
    assert head.piece("a,b") == b"a,b"
