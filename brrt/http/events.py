"""Server-sent events (HTML, section 9.2): what handlers give, and the bytes that it becomes."""

import re
from dataclasses import dataclass
from typing import Any, Final

from brrt.http.answers import ContractBroken
from brrt.http.writers import NO_CHECK, Check, JsonWriter, require
from brrt.openapi.json_encoding import encode_json, is_bytes

# What keeps a silent connection open (HTML, section 9.2.7).
HEARTBEAT: Final = b":\n\n"
# Headers that keep caches and proxies from holding events back; `X-Accel-Buffering` is nginx's.
EVENT_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
_ID = re.compile(r"([!-~]([ -~]*[!-~])?)?")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event (HTML, section 9.2.5).

    `data` is sent as it is if it is a text, and else as JSON; an event without data is not
    dispatched by browsers, but its `id` and `retry` count. `event` is its name (`message` where
    there is none), `id` what a client that comes back sends as `Last-Event-ID`, `retry` the
    milliseconds after which it may come back. `comment` is seen by nobody but whoever debugs.

    Raises ValueError for a name of more than one line, an id that is not ASCII or has spaces around
    it, since no header could bring it back as it was, and a negative `retry`.
    """

    data: Any = None
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        name: Any = self.event
        if name is not None and (not isinstance(name, str) or _LINE_END.search(name)):
            raise ValueError(f"the name of an event is a text of one line, got {name!r}")
        identity: Any = self.id
        if identity is not None and not (isinstance(identity, str) and _ID.fullmatch(identity)):
            raise ValueError(
                f"the id of an event is visible ASCII without spaces around, got {identity!r}"
            )
        retry: Any = self.retry
        if retry is not None and (type(retry) is not int or retry < 0):
            raise ValueError(f"retry of an event is a number of milliseconds, got {retry!r}")


@dataclass(frozen=True, slots=True)
class EventPieces:
    """Writes events. `event` checks each as an object, `data` what it holds, by event names."""

    event: Check = NO_CHECK
    data: tuple[tuple[frozenset[str] | None, JsonWriter], ...] = ()

    def begin(self) -> "EventPieces":
        """Each event stands for itself."""
        return self

    def piece(self, value: Any, check: bool) -> bytes:
        """An `Event`, or the data of one, as bytes. Raises what `PieceWriter` says."""
        one = value if isinstance(value, Event) else Event(value)
        text = self._text(one, check)
        if check and self.event.validator is not None:
            require(self.event.validator, _as_object(one, text))
        return _encode(one, text)

    def _text(self, one: Event, check: bool) -> str | None:
        data = one.data
        if data is None:
            return None
        encoded = data.encode() if isinstance(data, str) else data
        name = one.event or "message"
        for names, writer in self.data:
            if names is None or name in names:
                encoded = writer.encode(encoded, check)
        whole = bytes(encoded) if is_bytes(encoded) else encode_json(encoded)
        try:
            return whole.decode()
        except UnicodeDecodeError:
            raise ContractBroken("the data of an event is UTF-8, and these bytes are not") from None


def retry_hint(milliseconds: int) -> bytes:
    """What tells a client when to come back."""
    return b"retry: %d\n\n" % milliseconds


def _as_object(one: Event, text: str | None) -> dict[str, Any]:
    """An event as the document describes it (OpenAPI 3.2.0, section 4.14.4)."""
    found = {"data": text, "event": one.event, "id": one.id, "retry": one.retry}
    return {name: value for name, value in found.items() if value is not None}


def _encode(one: Event, text: str | None) -> bytes:
    lines: list[str] = []
    if one.comment is not None:
        lines += [f": {line}" for line in _LINE_END.split(one.comment)]
    if one.event is not None:
        lines.append(f"event: {one.event}")
    if one.id is not None:
        lines.append(f"id: {one.id}")
    if one.retry is not None:
        lines.append(f"retry: {one.retry}")
    if text is not None:
        lines += [f"data: {line}" for line in _LINE_END.split(text)]
    return ("\n".join(lines) + "\n\n").encode() if lines else HEARTBEAT
