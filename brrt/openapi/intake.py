"""Bodies that are read bit by bit: bytes go in as they come, and what is complete comes out.

An item is decoded, checked and converted when it is asked for, so that what stands before a bad
one has been given by then. Nothing here waits, or knows where the bytes come from.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from brrt.config import MAX_DEPTH
from brrt.errors import Problem
from brrt.openapi import content
from brrt.openapi.binding import Taken
from brrt.openapi.conversion import convert
from brrt.openapi.multipart import Size
from brrt.openapi.schemas import Validator
from brrt.openapi.validation import Invalid, Violation, violations

_RECORD_SEPARATOR = b"\x1e"


class Intake(Protocol):
    """One body on its way. Everything raises `Problem` and `Invalid` for what is wrong with it."""

    def feed(self, data: bytes) -> None:
        """Some more bytes have come."""
        ...

    def end(self) -> None:
        """There are no more."""
        ...

    def has_next(self) -> bool:
        """Whether something can be taken."""
        ...

    def next(self) -> Any:
        """The next piece or item."""
        ...


class ByteIntake:
    """Bytes as they come. `size` is what the document says of their number."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._count = 0
        self._waiting: deque[bytes] = deque()

    def feed(self, data: bytes) -> None:
        """Some more bytes; too many are refused before they are given."""
        self._count += len(data)
        self._check(replace(self._size, least=0))
        if data:
            self._waiting.append(data)

    def end(self) -> None:
        """There must be enough of them."""
        self._check(self._size)

    def _check(self, size: Size) -> None:
        found: list[Violation] = []
        size.check(self._count, "", "", found)
        if found:
            raise Invalid(found)

    def has_next(self) -> bool:
        """Whether some have come."""
        return bool(self._waiting)

    def next(self) -> bytes:
        """What has come."""
        return self._waiting.popleft()


@dataclass(frozen=True, slots=True)
class ItemReader:
    """What each item of a sequence must be, and becomes.

    `limit` is in bytes of its text, `max_depth` in levels of JSON.
    """

    taken: Taken
    validator: Validator | None
    fill: Callable[[Any], Any] | None
    limit: int
    max_depth: int = MAX_DEPTH

    def read(self, index: int, text: bytes) -> Any:
        """The item at a place, checked, with its defaults, as the handler wants it."""
        try:
            value = content.decode_json(text, self.max_depth)
        except content.Unreadable as error:
            raise Problem(400, detail=f"the body is {error} (in item {index})") from None
        if self.validator is not None:
            value = self._checked(index, value, self.validator)
        if self.taken.convert is None:
            return value
        found: list[Violation] = []
        holder = {self.taken.name: value}
        validator = self.validator
        convert(
            holder,
            self.taken,
            "body",
            "",
            found,
            lambda: [validator.secrets()] if validator is not None else [],
        )
        if found:
            raise Invalid([replace(one, pointer=f"/{index}{one.pointer}") for one in found])
        return holder[self.taken.name]

    def _checked(self, index: int, value: Any, validator: Validator) -> Any:
        try:
            if not validator.is_valid(value):
                errors = validator.item_errors([value], index)
                raise Invalid(list(violations("body", "", errors)))
        except (ValueError, RecursionError):  # the engine's depth is less than that of JSON
            raise Problem(400, detail=f"the body is {content.TOO_DEEP}") from None
        return value if self.fill is None else self.fill(value)


class ItemIntake:
    """JSON values one after the other: on lines, or behind record separators (RFC 7464)."""

    def __init__(self, reader: ItemReader, *, records: bool) -> None:
        self._reader = reader
        self._separator = _RECORD_SEPARATOR if records else b"\n"
        self._is_inside = not records  # what stands before the first separator is no record
        self._texts: deque[bytes] = deque()
        self._rest = bytearray()
        self._index = 0

    def feed(self, data: bytes) -> None:
        """Some more bytes. What is not complete yet may not be longer than an item may be."""
        first, *others = data.split(self._separator)
        self._rest += first
        self._check_length()
        for one in others:
            self._put_away()
            self._rest += one
            self._check_length()

    def end(self) -> None:
        """What is there is the last item."""
        self._put_away()

    def _check_length(self) -> None:
        if len(self._rest) > self._reader.limit:
            limit = self._reader.limit
            raise Problem(413, detail=f"an item of the body is larger than {limit} bytes")

    def _put_away(self) -> None:
        text, self._rest = bytes(self._rest), bytearray()
        if text and not text.isspace():
            if not self._is_inside:
                message = "a JSON text sequence: it begins without a record separator"
                raise Problem(400, detail=f"the body is not {message}")
            self._texts.append(text)
        self._is_inside = True

    def has_next(self) -> bool:
        """Whether an item is complete."""
        return bool(self._texts)

    def next(self) -> Any:
        """The next item."""
        index, self._index = self._index, self._index + 1
        return self._reader.read(index, self._texts.popleft())


class NoIntake:
    """A body that need not be there, and says not what it is: it must be empty."""

    def __init__(self, refuse: Callable[[], None]) -> None:
        self._refuse = refuse

    def feed(self, data: bytes) -> None:
        """There must not be any."""
        if data:
            self._refuse()

    def end(self) -> None:
        """That is right."""

    def has_next(self) -> bool:
        """There is nothing."""
        return False

    def next(self) -> Any:
        """There is nothing."""
        raise LookupError
