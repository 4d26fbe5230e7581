"""How what is given bit by bit becomes bytes: one writer for each kind of media type.

What can only be checked as a whole, a JSON text or a list whose schema is of all of it, has none.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from brrt.http.events import EventPieces
from brrt.http.writers import NO_CHECK, StreamWriter, TextWriter, Writer


class PieceWriter(Protocol):
    """How the pieces of a stream become bytes."""

    def piece(self, value: Any, check: bool) -> bytes:
        """One piece as bytes.

        Raises `ContractBroken` for one that breaks its schema, TypeError, ValueError and others
        for one that cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class BytePieces:
    """Bytes, and texts in the charset of the media type."""

    writer: TextWriter

    def piece(self, value: Any, check: bool) -> bytes:
        """Bytes or a text, as they are. A schema is of the whole, so it is not looked at."""
        return self.writer.encode(value, False)


@dataclass(frozen=True, slots=True)
class ItemPieces:
    """JSON values, each on a line or behind a record separator."""

    writer: StreamWriter

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
