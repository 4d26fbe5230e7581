"""The parameters of a request against their operation: raw text in, arguments out.

All that can be decided before a request is decided here, when the app is built: one decoder
for each parameter, one validator for all parameters together. A fault of the client is a
`Violation`, and all of them are collected.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from brrt.errors import Problem
from brrt.openapi import content
from brrt.openapi.binding import Binding, Taken
from brrt.openapi.conversion import convert
from brrt.openapi.operations import DEFAULT_STYLES, Operation, Parameter
from brrt.openapi.parameters import (
    cookie_decoder,
    header_decoder,
    path_decoder,
    query_decoder,
)
from brrt.openapi.routing import Template
from brrt.openapi.schemas import Schemas, Validator
from brrt.openapi.shapes import MISSING, Shape
from brrt.openapi.validation import Invalid, Violation, violations
from brrt.openapi.wire import Unreadable, parse_cookies, parse_query

TEXT = Shape(frozenset({"string"}))
NO_NAMES = frozenset[str]()


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
        taken = [(one.key, self._taken.get(_place(one.parameter))) for one in readings]
        self._finish = [pair for pair in taken if _needs_finish(pair[1])]

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
                    convert(arguments, taken, reading.location, reading.name, found)
            elif not taken.optional:
                arguments[key] = None

    def _key(self, parameter: Parameter) -> str:
        """The handler's name for a parameter, or a key that no Python name can be."""
        taken = self._taken.get(_place(parameter))
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


def _place(parameter: Parameter) -> tuple[str, str]:
    return parameter.location, parameter.name


def _needs_finish(taken: Taken | None) -> bool:
    return taken is None or taken.convert is not None or not taken.optional


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
        if isinstance(text, list):
            raise content.Unreadable("sent more than once")
        return content.decode_json(text.encode()) if json and isinstance(text, str) else text

    return decode
