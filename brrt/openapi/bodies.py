"""The body of a request against its operation: bytes or parts in, a checked value out.

Which media types there are and how each is read is decided when the app is built. Bytes come as
bytes and multipart bodies as parts; how they were read off the wire is not known here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from brrt.config import Limits
from brrt.errors import Problem
from brrt.openapi import content
from brrt.openapi.binding import Binding, Taken
from brrt.openapi.conversion import convert
from brrt.openapi.document import Node
from brrt.openapi.encodings import UnreadableForm, form_decoder
from brrt.openapi.fillings import filler, prepare
from brrt.openapi.intake import ByteIntake, Intake, ItemIntake, ItemReader, NoIntake
from brrt.openapi.json_values import mapping
from brrt.openapi.multipart import MultipartReader, Size, file_size, with_files, without_files
from brrt.openapi.multipart import add_schemas as add_part_schemas
from brrt.openapi.operations import Body, MediaType
from brrt.openapi.parts import IsFile, Part
from brrt.openapi.schemas import Direction, SchemaError, Schemas, Validator
from brrt.openapi.secrets import ItemSecrets, Secrets
from brrt.openapi.shapes import MISSING
from brrt.openapi.streams import body_schemas
from brrt.openapi.validation import Invalid, Violation, pointer, violations
from brrt.openapi.wire import Unreadable

Data: TypeAlias = bytes | list[Part]
Fill: TypeAlias = Callable[[Any], Any]


class BodyReader:
    """Reads the body of one operation. `how` it comes is what the handler asks for (`Taken`)."""

    def __init__(
        self, body: Body, binding: Binding, schemas: Schemas, limits: Limits | None = None
    ) -> None:
        self._required = body.required
        self._taken = binding.body
        self.how = binding.body.how if binding.body is not None else "whole"
        self._members = binding.members
        self._limits = limits = limits or Limits()
        entries = [_entry(one, schemas, limits) for one in content.by_specificity(body.content)]
        self._plain = {one.media_type.encode(): one for one in entries if not one.parameters}
        self._entries = entries
        self._accept = ", ".join(one.media_type for one in entries)

    def accept(self, content_type: bytes | None, encoding: bytes | None) -> IsFile | None:
        """Whether a body is welcome, before it is read. Raises `Problem` 415.

        For a multipart body: which of its parts are files; for any other, None.
        """
        if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
            detail = f"got a body in {encoding.decode('latin-1')}; send it without a coding"
            raise Problem(415, detail=detail, headers={"accept-encoding": "identity"})
        if content_type is None:
            return None
        reader = self._find(content_type).multipart
        if reader is None:
            return None
        is_multipart = content.is_multipart(content.essence(content_type.decode("latin-1")))
        return reader.is_file if is_multipart else None

    @property
    def name(self) -> str:
        """The handler's parameter for the body."""
        assert self._taken is not None
        return self._taken.name

    def intake(self, content_type: bytes | None, limit: int) -> Intake:
        """What reads a body bit by bit; an item may have `limit` bytes. Raises `Problem` 415."""
        assert self._taken is not None
        if content_type is None and not self._required:
            return NoIntake(lambda: _ignore(self._find(b"")))
        entry = self._find(content_type or b"")
        if self.how == "pieces":
            return ByteIntake(entry.size)
        reader = ItemReader(
            self._taken, entry.items, entry.fill_item, limit, self._limits.max_depth
        )
        kind = content.essence((content_type or b"").decode("latin-1"))
        return ItemIntake(reader, records=content.is_records(kind))

    def read(self, content_type: bytes | None, data: Data, found: list[Violation]) -> Any:
        """The body's value, or MISSING. Raises `Problem` 415 and 400; violations go to `found`."""
        raw = content_type or b""
        header = raw.decode("latin-1")
        if self.how == "file" and type(data) is list:
            return self._file(raw, data[0], found)
        if data == b"" and (not header or content.is_json(content.essence(header))):
            return self._absent(found)
        try:
            return self._find(raw).read(data, header, found)
        except Unreadable as error:
            raise Invalid([Violation("body", "", "", f"the form: {error}", "encoding")]) from None
        except content.Unreadable as error:
            raise Problem(400, detail=f"the body is {error}") from None
        except (ValueError, RecursionError):  # the engine's depth is less than that of JSON
            raise Problem(400, detail=f"the body is {content.TOO_DEEP}") from None

    def _file(self, content_type: bytes, part: Part, found: list[Violation]) -> Any:
        """A body that was kept as a file; one that need not be there and is empty is absent."""
        if not part.size and not content_type:
            return self._absent(found)
        self._find(content_type).size.check(part.size, "", "", found)
        return part.file

    def _absent(self, found: list[Violation]) -> Any:
        if self._required:
            found.append(Violation("body", "", "", "a body is required", "required"))
        return MISSING

    def finish(self, arguments: dict[str, Any], value: Any, found: list[Violation]) -> None:
        """Give the body, or its members, to the handler as its hints want them."""
        if self._taken is not None:
            _give(arguments, self._taken, value, "", found, self._secrets)
        if self._members:
            members = mapping(value)
            for name, taken in self._members.items():
                _give(arguments, taken, members.get(name, MISSING), name, found, self._secrets)

    def _secrets(self) -> list[Secrets]:
        """Which places in a body are secret, of whichever media type it was."""
        whole = [one.validator.secrets() for one in self._entries if one.validator is not None]
        items = [one.items.secrets() for one in self._entries if one.items is not None]
        return [*whole, *map(ItemSecrets, items)]

    def _find(self, content_type: bytes) -> "_Entry":
        """The entry for a Content-Type: mostly it is written as the document has it."""
        return self._plain.get(content_type) or self._search(content_type.decode("latin-1"))

    def _search(self, header: str) -> "_Entry":
        """The most specific entry that says the same, or else one that is not contradicted."""
        actual, sent = content.essence(header), content.parameters(header)
        entries = [one for one in self._entries if content.matches(one.media_type, actual)]
        for one in entries:
            if one.parameters.items() <= sent.items():
                return one
        for one in entries:
            if (one.parameters | sent).items() >= one.parameters.items():
                return one
        got = header or "no Content-Type"
        raise Problem(
            415, detail=f"got {got}; send {self._accept}", headers={"accept": self._accept}
        )


def _ignore(_: object) -> None:
    """What was asked for is not needed; that it could be had was all."""


def _unread_members(error: UnreadableForm) -> Iterator[Violation]:
    for name, text in error.members.items():
        yield Violation("body", "", pointer((name,)), f"{name}: {text}", "encoding")


def _give(
    arguments: dict[str, Any],
    taken: Taken,
    value: Any,
    name: str,
    found: list[Violation],
    secrets: Callable[[], list[Secrets]],
) -> None:
    if value is not MISSING:
        arguments[taken.name] = value
        if taken.convert is not None:
            convert(arguments, taken, "body", name, found, secrets, (name,) if name else ())
    elif not taken.optional:
        arguments[taken.name] = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """How a body of one media type is read: `decode` takes it and its Content-Type.

    `parameters` are those that a Content-Type must have to be meant; `items` checks each
    element of a list by itself; `size` is that of a body which stays bytes.
    """

    media_type: str
    parameters: dict[str, str]
    decode: Callable[[bytes, str], Any]
    multipart: MultipartReader | None
    validator: Validator | None
    items: Validator | None
    fill: Fill | None
    fill_item: Fill | None
    size: Size

    def read(self, data: Data, header: str, found: list[Violation]) -> Any:
        """The value; what is wrong with it goes to `found`."""
        if not isinstance(data, bytes):
            return self._read_parts(data, found)
        try:
            value = self.decode(data, header)
        except UnreadableForm as error:
            found.extend(_unread_members(error))
            self._tell(error.rest | dict.fromkeys(error.members), found)
            return MISSING
        if type(value) is bytes:
            self.size.check(len(value), "", "", found)
            return value
        is_valid = self.validator is None or self.validator.is_valid(value)
        if (not is_valid or self.items is not None) and self._tell(value, found):
            return value
        return value if self.fill is None else self.fill(value)

    def _read_parts(self, parts: list[Part], found: list[Violation]) -> Any:
        """The value of a multipart body; the engine looks at it without its files."""
        assert self.multipart is not None
        value = self.multipart.read(parts, found)
        checked = without_files(value)
        if self._tell(checked, found) or self.fill is None:
            return value
        return with_files(self.fill(checked), value)

    def _tell(self, value: Any, found: list[Violation]) -> bool:
        """Note what is wrong with a value, but not again with members that could not be read."""
        unread = {
            one.pointer for one in found if one.location == "body" and one.keyword == "encoding"
        }
        errors = list(self._errors(value))
        told = violations("body", "", errors)
        found.extend(one for one in told if one.pointer not in unread)
        return bool(errors)

    def _errors(self, value: Any) -> Iterator[SchemaError]:
        if self.validator is not None and not self.validator.is_valid(value):
            yield from self.validator.errors(value)
        if self.items is not None:
            yield from self.items.item_errors(value)


def add_schemas(body: Body, schemas: Schemas) -> None:
    """Make the schemas of a body known to the engine, before anything is compiled."""
    for media_type in body.content:
        direction = _direction(media_type)
        for schema in (media_type.schema, media_type.item_schema):
            if schema is not None:
                schemas.add(schema, direction)
                prepare(schema, schemas, direction)
        if _may_be_multipart(media_type):
            add_part_schemas(media_type, schemas)


def _direction(media_type: MediaType) -> Direction:
    multipart = content.is_multipart(content.essence(media_type.name))
    return Direction.UPLOAD if multipart else Direction.REQUEST


def _may_be_multipart(media_type: MediaType) -> bool:
    name = content.essence(media_type.name)
    return content.is_multipart(name) or name == "*/*"


def _entry(media_type: MediaType, schemas: Schemas, limits: Limits) -> _Entry:
    direction = _direction(media_type)
    whole, items = body_schemas(media_type)
    named = content.parameters(media_type.name)
    named.pop("charset", None)  # a body in another charset is read all the same
    return _Entry(
        media_type=content.essence(media_type.name),
        parameters=named,
        decode=_decoder(media_type, schemas, limits),
        multipart=_multipart(media_type, schemas, limits),
        validator=schemas.validator(whole, direction) if whole is not None else None,
        items=schemas.validator(items, direction) if items is not None else None,
        fill=_filler(whole, items, schemas, direction),
        fill_item=filler(items, schemas, direction),
        size=file_size(whole),
    )


def _multipart(media_type: MediaType, schemas: Schemas, limits: Limits) -> MultipartReader | None:
    if not _may_be_multipart(media_type):
        return None
    return MultipartReader(media_type, schemas, limits.max_depth)


def _filler(
    whole: Node | None, items: Node | None, schemas: Schemas, direction: Direction
) -> Fill | None:
    """What fills the defaults into a value and, where they have a schema, into its items.

    A list that would not be valid any more stays as it was.
    """
    fill, each = filler(whole, schemas, direction), filler(items, schemas, direction)
    if each is None:
        return fill
    validator = schemas.validator(whole, direction) if whole is not None else None

    def fill_items(values: list[Any]) -> Any:
        filled = [each(one) for one in values]
        if validator is not None and not validator.is_valid(filled):
            filled = values
        return filled if fill is None else fill(filled)

    return fill_items


def _decoder(
    media_type: MediaType, schemas: Schemas, limits: Limits
) -> Callable[[bytes, str], Any]:
    """What makes a value of bytes, by the type that a body has, since a range may be declared."""
    max_depth, max_fields = limits.max_depth, limits.max_parameters
    if content.is_json(content.essence(media_type.name)):
        return lambda data, header: content.decode_json(data, max_depth)
    form = form_decoder(media_type, schemas.shape(media_type.schema))
    charset = content.charset(media_type.name)

    def decode(data: bytes, header: str) -> Any:
        actual = content.essence(header)
        decode_values = _json_decoder(actual)
        if decode_values is not None:
            return decode_values(data, max_depth)
        if content.is_form(actual):
            return form(content.decode_form(data, max_fields))
        if actual.startswith("text/"):
            return content.decode_text(data, content.charset(header, charset))
        return bytes(data)

    return decode


def _json_decoder(actual: str) -> Callable[[bytes, int], Any] | None:
    """What decodes a type of JSON values, one or several; None for any other type."""
    if content.is_json(actual):
        return content.decode_json
    if content.is_lines(actual):
        return content.decode_lines
    return content.decode_records if content.is_records(actual) else None
