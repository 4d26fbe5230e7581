"""How one declared media type is written: which writer it has, what it checks, and which
Content-Type goes with it.

All of it is decided when the app is built. Nothing here knows statuses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brrt.http.answers import encode_headers
from brrt.http.events import EVENT_HEADERS, EventPieces
from brrt.http.pieces import PieceWriter, piece_writer
from brrt.http.writers import (
    NO_CHECK,
    Check,
    FormWriter,
    JsonWriter,
    StreamWriter,
    TextWriter,
    Writer,
)
from brrt.openapi.content import (
    decode_lines,
    decode_records,
    essence,
    is_form,
    is_json,
    is_lines,
    is_records,
    parameters,
    specificity,
)
from brrt.openapi.document import Node
from brrt.openapi.events import event_schemas
from brrt.openapi.fillings import remover
from brrt.openapi.operations import MediaType, is_events
from brrt.openapi.schemas import Direction, Schemas, Validator
from brrt.openapi.shapes import STRUCTURES, caster
from brrt.openapi.streams import stream_schemas

_RECORD_SEPARATOR = b"\x1e"


@dataclass(frozen=True, slots=True)
class Checks:
    """What the document says of a value, whatever it is written as.

    `whole` is for one value; `stream` for the list, and `items` for each item, of one that is
    sent item by item; `text` checks a text after `cast`; `events` is for a stream of events.
    """

    whole: Check = NO_CHECK
    stream: Check = NO_CHECK
    items: Check = NO_CHECK
    text: Validator | None = None
    cast: Callable[[str], Any] = str
    events: EventPieces = EventPieces()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Plan:
    """One media type of one status, ready to be written. `media_type` may be a range.

    `pieces` writes what is given bit by bit, where that can be. `parameters` are those that tell
    it from others of its kind; the charset is none of them.
    """

    media_type: str
    writer: Writer
    pieces: PieceWriter | None
    headers: tuple[tuple[bytes, bytes], ...]
    checks: Checks
    parameters: frozenset[tuple[str, str]]

    @property
    def is_json(self) -> bool:
        """Whether a value of any kind is written, as JSON."""
        return isinstance(self.writer, JsonWriter)

    def named(self, name: str) -> "Plan":
        """The same checks for a type that is spelt, or chosen from the range, by the handler."""
        return make_plan(name, self.checks)


def declared_plan(media_type: MediaType, schemas: Schemas, strips: bool) -> Plan:
    """The plan of an entry of a `content` map; `strips` where what breaks its schema is sent."""
    return make_plan(media_type.name, _checks(media_type, schemas, strips))


def make_plan(name: str, checks: Checks) -> Plan:
    """The plan for a media type or range."""
    own = parameters(name)
    own.pop("charset", None)
    writer = _writer(name, checks)
    pieces = piece_writer(writer, checks.events if is_events(name) else None)
    return Plan(name, writer, pieces, _type_header(name), checks, frozenset(own.items()))


def _writer(name: str, checks: Checks) -> Writer:
    kind = essence(name)
    if is_json(kind):
        return JsonWriter(checks.whole.validator, checks.whole.strip)
    if is_lines(kind) or is_records(kind):
        each = JsonWriter(checks.items.validator, checks.items.strip)
        if is_lines(kind):
            return StreamWriter(each, checks.stream, b"", decode_lines)
        return StreamWriter(each, checks.stream, _RECORD_SEPARATOR, decode_records)
    if is_form(kind):
        return FormWriter(checks.whole)
    is_text = kind.startswith("text/") and not is_events(kind)
    return TextWriter(name, checks.text if is_text else None, checks.cast)


def _checks(media_type: MediaType, schemas: Schemas, strips: bool) -> Checks:
    """The checks of an entry, for each way in which it could be written.

    A text is checked by a schema that allows anything but structures.
    """

    def check(schema: Node | None) -> Check:
        if schema is None:
            return NO_CHECK
        validator = schemas.validator(schema, Direction.RESPONSE)
        return Check(validator, remover(schema, schemas) if strips else None)

    if is_events(media_type.name):
        return Checks(events=_event_pieces(media_type, check))
    whole = check(media_type.schema)
    if is_json(essence(media_type.name)):  # shapes of large documents take seconds to read
        return Checks(whole)
    types = schemas.shape(media_type.schema).types
    stream, items = map(check, stream_schemas(media_type, types))
    is_text = not types or bool(types - STRUCTURES - {"null"})
    return Checks(whole, stream, items, whole.validator if is_text else None, caster(types))


def _event_pieces(media_type: MediaType, check: Callable[[Node | None], Check]) -> EventPieces:
    found = event_schemas(media_type)
    checks = [(one.names, check(one.schema)) for one in found.data]
    data = tuple((names, JsonWriter(one.validator, one.strip)) for names, one in checks)
    return EventPieces(check(found.event), data)


def _type_header(name: str) -> tuple[tuple[bytes, bytes], ...]:
    """The Content-Type header; a range names no type, so it becomes a stream of octets."""
    if specificity(essence(name)):
        name = "application/octet-stream"
    if essence(name).startswith("text/") and "charset" not in name:
        name += "; charset=utf-8"
    own = EVENT_HEADERS if is_events(name) else ()
    return (*encode_headers({"content-type": name}), *own)
