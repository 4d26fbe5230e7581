"""How what is given bit by bit becomes bytes: one writer for each kind of media type.

What can only be checked as a whole, a JSON text or a list whose schema is of all of it, has none.
"""

from codecs import IncrementalEncoder, getincrementalencoder
from dataclasses import dataclass
from typing import Any, Protocol

from brrt.http.events import EventPieces
from brrt.http.writers import NO_CHECK, StreamWriter, TextWriter, Writer
from brrt.openapi.content import charset


class PieceWriter(Protocol):
    """How the pieces of a stream become bytes."""

    def begin(self) -> "PieceWriter":
        """The writer of one stream. It may remember what it has written."""
        ...

    def piece(self, value: Any, check: bool) -> bytes:
        """One piece as bytes.

        Raises `ContractBroken` for one that breaks its schema, TypeError, ValueError and others
        for one that cannot be written.
        """
        ...


@dataclass(slots=True)
class BytePieces:
    """Bytes, and texts in the charset of the media type, whose mark stands before the first only.

    `encoder` is that of a stream that has begun.
    """

    writer: TextWriter
    encoder: IncrementalEncoder | None = None

    def begin(self) -> "BytePieces":
        """One that remembers where in the text it is."""
        return BytePieces(self.writer)

    def piece(self, value: Any, check: bool) -> bytes:
        """Bytes or a text, as they are. A schema is of the whole, so it is not looked at."""
        if not isinstance(value, str):
            return self.writer.encode(value, False)
        if self.encoder is None:
            self.encoder = getincrementalencoder(charset(self.writer.media_type))()
        return self.encoder.encode(value)


@dataclass(frozen=True, slots=True)
class ItemPieces:
    """JSON values, each on a line or behind a record separator."""

    writer: StreamWriter

    def begin(self) -> "ItemPieces":
        """Each item stands for itself."""
        return self

    def piece(self, value: Any, check: bool) -> bytes:
        """One item."""
        return self.writer.line(value, check)


def piece_writer(writer: Writer, events: EventPieces | None) -> PieceWriter | None:
    """How a media type that is written whole by `writer` is written bit by bit, if it can be."""
    if events is not None:
        return events
    if isinstance(writer, TextWriter):
        return BytePieces(writer)
    if isinstance(writer, StreamWriter) and writer.whole is NO_CHECK:
        return ItemPieces(writer)
    return None
