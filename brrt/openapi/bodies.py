"""The body of a request against its operation: bytes in, a checked value out.

Which media types there are and how each is read is decided when the app is built.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from brrt.errors import Fault, Problem
from brrt.openapi import content
from brrt.openapi.binding import Taken
from brrt.openapi.conversion import convert
from brrt.openapi.operations import Body, MediaType, Operation
from brrt.openapi.parameters import form_decoder
from brrt.openapi.schemas import Direction, Schemas, Validator
from brrt.openapi.shapes import MISSING
from brrt.openapi.validation import Invalid, Violation, violations
from brrt.openapi.wire import Unreadable


@dataclass(frozen=True, slots=True)
class _Entry:
    """How a body of one media type is read: `decode` takes it and its Content-Type."""

    media_type: str
    decode: Callable[[bytes, str], Any]
    validator: Validator | None


class BodyReader:
    """Reads the body of one operation."""

    def __init__(self, body: Body, taken: Taken | None, schemas: Schemas) -> None:
        self._required = body.required
        self._taken = taken
        entries = [_entry(one, schemas) for one in content.by_specificity(body.content)]
        self._exact = {one.media_type: one for one in entries}
        self._ranges = [one for one in entries if content.specificity(one.media_type)]
        self._accept = ", ".join(one.media_type for one in entries)

    def check_type(self, content_type: bytes | None) -> None:
        """Refuse a media type before its body is read. Raises `Problem` 415."""
        if content_type is not None:
            self._find(content_type.decode("latin-1"))

    def read(self, content_type: bytes | None, data: bytes, found: list[Violation]) -> Any:
        """The body's value, or MISSING. Raises `Problem` 415 and 400; violations go to `found`."""
        header = (content_type or b"").decode("latin-1")
        if not data and (not header or content.is_json(content.essence(header))):
            return self._absent(found)
        entry = self._find(header)
        validator = entry.validator
        try:
            value = entry.decode(data, header)
            if validator is not None and type(value) is not bytes and not validator.is_valid(value):
                found.extend(violations("body", "", validator.errors(value)))
        except Unreadable as error:
            raise Invalid([Violation("body", "", "", f"the form: {error}", "encoding")]) from None
        except content.Unreadable as error:
            raise Problem(400, detail=f"the body is {error}") from None
        except (ValueError, RecursionError):  # the engine's depth is less than that of JSON
            raise Problem(400, detail=f"the body is {content.TOO_DEEP}") from None
        return value

    def _absent(self, found: list[Violation]) -> Any:
        if self._required:
            found.append(Violation("body", "", "", "a body is required", "required"))
        return MISSING

    def finish(self, arguments: dict[str, Any], value: Any, found: list[Violation]) -> None:
        """Give the body to the handler as its hint wants it."""
        taken = self._taken
        if taken is None:
            return
        if value is not MISSING:
            arguments[taken.name] = value
            if taken.convert is not None:
                convert(arguments, taken, "body", "", found)
        elif not taken.optional:
            arguments[taken.name] = None

    def _find(self, header: str) -> _Entry:
        """The entry for a Content-Type: mostly it is written as the document has it."""
        return self._exact.get(header) or self._search(content.essence(header))

    def _search(self, media_type: str) -> _Entry:
        entry = self._exact.get(media_type)
        if entry is not None:
            return entry
        for one in self._ranges:
            if content.matches(one.media_type, media_type):
                return one
        got = media_type or "no Content-Type"
        raise Problem(
            415, detail=f"got {got}; send {self._accept}", headers={"accept": self._accept}
        )


def unsupported(operation: Operation) -> Iterable[Fault]:
    """Faults for what a document may say and brrt cannot read yet; nothing is let through."""
    body = operation.body
    for entry in body.content if body else ():
        if content.essence(entry.name).startswith("multipart/"):
            yield entry.node.fault(
                f"{entry.name} bodies are not supported yet",
                "declare another media type, or leave the operation without a handler",
            )


def _entry(media_type: MediaType, schemas: Schemas) -> _Entry:
    name = content.essence(media_type.name)
    schema = media_type.schema
    validator = schemas.validator(schema, Direction.REQUEST) if schema is not None else None
    if content.is_json(name):
        return _Entry(name, lambda data, header: content.decode_json(data), validator)
    form, charset = form_decoder(schemas.shape(schema)), content.charset(media_type.name)

    def decode(data: bytes, header: str) -> Any:
        """The value of a body by the type that it has, since a range may be declared."""
        actual = content.essence(header)
        if content.is_json(actual):
            return content.decode_json(data)
        if content.is_form(actual):
            return form(content.decode_form(data))
        if actual.startswith("text/"):
            return content.decode_text(data, content.charset(header, charset))
        return bytes(data)

    return _Entry(name, decode, validator)
