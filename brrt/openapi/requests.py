"""A request against its operation: raw text in, arguments for the handler out.

All that can be decided before a request is decided here, when the app is built: one decoder
for each parameter, one validator for all parameters together, one entry for each media type.
A fault of the client is a `Violation`, and all of them are collected.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from brrt.errors import BrrtError, Fault, Problem
from brrt.openapi import content
from brrt.openapi.binding import Binding, Taken
from brrt.openapi.operations import DEFAULT_STYLES, Body, MediaType, Operation, Parameter
from brrt.openapi.parameters import (
    cookie_decoder,
    form_decoder,
    header_decoder,
    path_decoder,
    query_decoder,
)
from brrt.openapi.routing import Template
from brrt.openapi.schemas import Direction, Schemas, Validator
from brrt.openapi.shapes import MISSING, Shape
from brrt.openapi.validation import Violation, pointer, violations
from brrt.openapi.wire import Unreadable, parse_cookies, parse_query

TEXT = Shape(frozenset({"string"}))
NO_NAMES = frozenset[str]()


class Invalid(BrrtError):
    """The request breaks the document; `violations` is all that was found."""

    def __init__(self, found: list[Violation]) -> None:
        self.violations = found
        super().__init__(found)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one parameter is read: its key among the arguments, decoder and default."""

    key: str
    decode: Callable[[Any], Any]
    default: Any
    mutable: bool
    parameter: Parameter

    def put(self, arguments: dict[str, Any], raw: Any, found: list[Violation]) -> None:
        try:
            value = self.decode(raw)
        except (Unreadable, content.Unreadable) as error:
            one = self.parameter
            message = f"{one.name}: {error}"
            found.append(Violation(one.location, one.name, "", message, "encoding"))
            return
        if value is MISSING:
            self.put_default(arguments)
        else:
            arguments[self.key] = value

    def put_default(self, arguments: dict[str, Any]) -> None:
        default = self.default
        if default is not MISSING:
            arguments[self.key] = deepcopy(default) if self.mutable else default


@dataclass(frozen=True, slots=True)
class _Entry:
    """How a body of one media type is read: `decode` takes it and its Content-Type."""

    media_type: str
    decode: Callable[[bytes, str], Any]
    validator: Validator | None


class ParameterReader:
    """Reads all parameters of one operation."""

    def __init__(self, operation: Operation, binding: Binding, schemas: Schemas) -> None:
        self._taken = binding.parameters
        names = frozenset(one.name for one in operation.parameters)
        readings = [self._reading(one, schemas, names) for one in operation.parameters]
        by_place: dict[str, list[_Reading]] = {}
        for one in readings:
            by_place.setdefault(one.parameter.location, []).append(one)
        # Counted from the end: a server's base path may have variables of its own in front.
        order = Template.parse(operation.path).names[::-1]
        self._path = [(~order.index(one.parameter.name), one) for one in by_place.get("path", ())]
        self._query = by_place.get("query", [])
        self._header = [
            (one.parameter.name.lower().encode("latin-1"), one)
            for one in by_place.get("header", ())
        ]
        self._cookie = by_place.get("cookie", [])
        self.headers = frozenset(name for name, _ in self._header)
        if self._cookie:
            self.headers |= {b"cookie"}
        self._readings = {one.key: one for one in readings}
        self._validator = self._compile(readings, schemas)
        self._finish = [
            (
                self._key(one.parameter),
                self._taken.get((one.parameter.location, one.parameter.name)),
            )
            for one in readings
        ]
        self._finish = [pair for pair in self._finish if _needs_finish(pair[1])]

    def read(
        self,
        raw_path: tuple[str, ...],
        raw_query: str,
        headers: Mapping[bytes, bytes],
        found: list[Violation],
    ) -> dict[str, Any]:
        """The decoded values of all parameters that are there; violations go to `found`."""
        arguments: dict[str, Any] = {}
        if self._readings:
            self._decode(arguments, raw_path, raw_query, headers, found)
            try:
                if not self._validator.is_valid(arguments):
                    unread = {(one.location, one.name) for one in found}
                    found.extend(self._violations(arguments, unread))
            except (ValueError, RecursionError):  # the engine's depth is less than that of JSON
                raise Problem(400, detail=f"a parameter is {content.TOO_DEEP}") from None
        return arguments

    def _decode(
        self,
        arguments: dict[str, Any],
        raw_path: tuple[str, ...],
        raw_query: str,
        headers: Mapping[bytes, bytes],
        found: list[Violation],
    ) -> None:
        for index, one in self._path:
            one.put(arguments, raw_path[index], found)
        if self._query:
            fields = _pairs("query", parse_query, raw_query)
            for one in self._query:
                one.put(arguments, fields, found)
        for name, one in self._header:
            if name in headers:
                one.put(arguments, headers[name].decode("latin-1"), found)
            else:
                one.put_default(arguments)
        if self._cookie:
            cookies = _pairs("cookie", parse_cookies, headers.get(b"cookie", b"").decode("latin-1"))
            for one in self._cookie:
                one.put(arguments, cookies, found)

    def by_name(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Values by the names that the document gives."""
        readings = self._readings
        return {readings[key].parameter.name: value for key, value in arguments.items()}

    def finish(self, arguments: dict[str, Any], found: list[Violation]) -> None:
        """Convert to the handler's hints; drop what it does not take; fill in None."""
        for key, taken in self._finish:
            if taken is None:
                arguments.pop(key, None)
            elif key in arguments:
                if taken.convert is not None:
                    reading = self._readings[key].parameter
                    _convert(arguments, taken, reading.location, reading.name, found)
            elif not taken.optional:
                arguments[key] = None

    def _key(self, parameter: Parameter) -> str:
        """The handler's name for a parameter, or a key that no Python name can be."""
        taken = self._taken.get((parameter.location, parameter.name))
        return taken.name if taken else f"{parameter.location} {parameter.name}"

    def _reading(self, one: Parameter, schemas: Schemas, names: frozenset[str]) -> _Reading:
        decode = _decoder(one, schemas.shape(one.schema), names - {one.name})
        default = one.default
        return _Reading(self._key(one), decode, default, isinstance(default, (dict, list)), one)

    def _compile(self, readings: list[_Reading], schemas: Schemas) -> Validator:
        members = {one.key: one.parameter.value_schema for one in readings}
        required = tuple(one.key for one in readings if one.parameter.required)
        empty = frozenset(one.key for one in readings if one.parameter.allow_empty)
        return schemas.object_validator(members, required, empty)

    def _violations(
        self, arguments: Mapping[str, Any], unread: Container[tuple[str, str]]
    ) -> Iterable[Violation]:
        """What is wrong with the values; `unread` are those that are there all the same."""
        for error in self._validator.errors(arguments):
            if not error.path:
                missing = self._readings[error.value].parameter
                message = f"{missing.name} is required"
                if (missing.location, missing.name) not in unread:
                    yield Violation(missing.location, missing.name, "", message, "required")
                continue
            one = self._readings[str(error.path[0])].parameter
            yield from violations(one.location, one.name, [error], skip=1)


class BodyReader:
    """Reads the body of one operation."""

    def __init__(self, body: Body, taken: Taken | None, schemas: Schemas) -> None:
        self._required = body.required
        self._taken = taken
        self._key = taken.name if taken else "request body"
        entries = [_entry(one, schemas) for one in content.by_specificity(body.content)]
        self._exact = {one.media_type: one for one in entries}
        self._ranges = [one for one in entries if content.specificity(one.media_type)]
        self._accept = ", ".join(one.media_type for one in entries)

    def read(self, content_type: bytes | None, data: bytes, found: list[Violation]) -> Any:
        """The body's value, or MISSING. Raises `Problem` 415 and 400; violations go to `found`."""
        header = (content_type or b"").decode("latin-1")
        if not data and (not header or content.is_json(content.essence(header))):
            if self._required:
                found.append(Violation("body", "", "", "a body is required", "required"))
            return MISSING
        entry = self._find(header)
        validator = entry.validator
        try:
            value = entry.decode(data, header)
            if validator is not None and type(value) is not bytes and not validator.is_valid(value):
                found.extend(violations("body", "", validator.errors(value)))
        except content.Unreadable as error:
            raise Problem(400, detail=f"the body is {error}") from None
        except (ValueError, RecursionError):  # the engine's depth is less than that of JSON
            raise Problem(400, detail=f"the body is {content.TOO_DEEP}") from None
        return value

    def finish(self, arguments: dict[str, Any], value: Any, found: list[Violation]) -> None:
        """Give the body to the handler as its hint wants it."""
        taken = self._taken
        if taken is None:
            return
        if value is not MISSING:
            arguments[taken.name] = value
            if taken.convert is not None:
                _convert(arguments, taken, "body", "", found)
        elif not taken.optional:
            arguments[taken.name] = None

    def _find(self, header: str) -> _Entry:
        media_type = content.essence(header)
        entry = self._exact.get(media_type)
        if entry is None:
            for one in self._ranges:
                if content.matches(one.media_type, media_type):
                    return one
            got = media_type or "no Content-Type"
            raise Problem(
                415, detail=f"got {got}; send {self._accept}", headers={"accept": self._accept}
            )
        return entry


def unsupported(operation: Operation) -> Iterable[Fault]:
    """Faults for what a document may say and brrt cannot read yet; nothing is let through."""
    body = operation.body
    for entry in body.content if body else ():
        if content.essence(entry.name).startswith("multipart/"):
            yield entry.node.fault(
                f"{entry.name} bodies are not supported yet",
                "declare another media type, or leave the operation without a handler",
            )


def _needs_finish(taken: Taken | None) -> bool:
    return taken is None or taken.convert is not None or not taken.optional


def _convert(
    arguments: dict[str, Any], taken: Taken, location: str, name: str, found: list[Violation]
) -> None:
    assert taken.convert is not None
    try:
        arguments[taken.name] = taken.convert(arguments[taken.name])
    except ValueError as error:
        for path, text in _complaints(error):
            message = ": ".join(filter(None, (".".join([name, *path]).strip("."), text)))
            found.append(Violation(location, name, pointer(path), message, "conversion"))


def _complaints(error: ValueError) -> Iterable[tuple[list[str], str]]:
    """Path and text of all that pydantic, or else msgspec, has to say."""
    details: Any = getattr(error, "errors", None)
    if details is not None:
        for one in details(include_url=False, include_context=False, include_input=False):
            yield [str(step) for step in one["loc"]], one["msg"]
        return
    text = str(error)
    place = _PLACE.search(text)
    steps = _STEP.findall(place[1]) if place else []
    yield [key or index for key, index in steps], text[: place.start()] if place else text


# msgspec ends its messages with a place such as " - at `$.pets[0].age`"; it writes `[...]` for
# a member of a dict, whose name it does not tell.
_PLACE = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"(?<![.\[])\.([^.\[\]]+)|\[(\d+)\]")


def _pairs(
    location: str, parse: Callable[[str], dict[str, list[str]]], raw: str
) -> dict[str, list[str]]:
    try:
        return parse(raw)
    except Unreadable as error:
        raise Invalid([Violation(location, "", "", str(error), "encoding")]) from None


def _decoder(one: Parameter, shape: Shape, others: frozenset[str]) -> Callable[[Any], Any]:
    """The decoder of a parameter; `others` are the names that an exploded object leaves alone."""
    text = (one.name, one.style, one.explode, shape)
    if one.content is not None:
        return _content_decoder(one)
    if one.location == "path":
        return path_decoder(*text)
    if one.location == "header":
        return header_decoder(*text)
    if one.location == "query":
        return query_decoder(*text, allow_empty=one.allow_empty, reserved=others)
    return cookie_decoder(*text, reserved=others)


def _content_decoder(one: Parameter) -> Callable[[Any], Any]:
    """A parameter serialised by media type, such as JSON in a query (OpenAPI 3.1.1, 4.8.12.3)."""
    assert one.content is not None
    as_text = _decoder(
        replace(one, content=None, style=DEFAULT_STYLES[one.location]), TEXT, NO_NAMES
    )
    json = content.is_json(content.essence(one.content.name))

    def decode(raw: Any) -> Any:
        text = as_text(raw)
        return content.decode_json(text.encode()) if json and isinstance(text, str) else text

    return decode


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
