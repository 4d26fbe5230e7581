"""The parameters of a request against their operation: raw text in, arguments out.

All that can be decided before a request is decided here, when the app is built: one decoder
for each parameter, one validator for all parameters together. A fault of the client is a
`Violation`, and all of them are collected.
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from typing import Any

from brrt.config import MAX_PARAMETERS
from brrt.errors import Problem
from brrt.openapi import content
from brrt.openapi.arguments import Reading, read_parameter
from brrt.openapi.binding import Binding, Taken
from brrt.openapi.conversion import convert
from brrt.openapi.decoders import checked_schema
from brrt.openapi.fillings import filler
from brrt.openapi.operations import Operation, Parameter
from brrt.openapi.query_names import QueryNames
from brrt.openapi.routing import Template
from brrt.openapi.schemas import Schemas, Validator
from brrt.openapi.secrets import Secrets
from brrt.openapi.validation import Invalid, Violation, violations
from brrt.openapi.wire import Unreadable, parse_cookies, parse_query


class ParameterReader:
    """Reads all parameters of one operation.

    With `strict_query`, names in the query that the operation does not know are refused;
    `api_keys` are the names under which API keys come there; a query, and the cookies, have at most
    `max_parameters`.
    """

    def __init__(
        self,
        operation: Operation,
        binding: Binding,
        schemas: Schemas,
        *,
        strict_query: bool = False,
        api_keys: Collection[str] = (),
        max_parameters: int = MAX_PARAMETERS,
    ) -> None:
        self._taken = binding.parameters
        self._limit = max_parameters
        readings = list(self._readings_of(operation, schemas, api_keys))
        by_place: dict[str, list[Reading]] = {}
        for one in readings:
            by_place.setdefault(one.parameter.location, []).append(one)
        # Counted from the end: a server's base path may have variables of its own in front.
        order = Template.parse(operation.path).names[::-1]
        self._path = [(~order.index(one.parameter.name), one) for one in by_place.get("path", ())]
        self._query = by_place.get("query", [])
        self._querystring = by_place.get("querystring", [])
        self._names = _query_names(readings, api_keys) if strict_query else None
        self._header = [
            (one.parameter.name.lower().encode(), one) for one in by_place.get("header", ())
        ]
        self._cookie = by_place.get("cookie", [])
        self.headers = frozenset(name for name, _ in self._header)
        if self._cookie:
            self.headers |= {b"cookie"}
        self._readings = {one.key: one for one in readings}
        self._choices = [one for one in readings if one.others is not None]
        self._labels = _labels(readings)
        self._fills = list(_fills(readings, schemas))
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
        if self._names is not None and raw_query:
            found.extend(self._names.check(self._pairs("query", parse_query, raw_query)))
        if self._readings:
            self._decode(arguments, raw_path, raw_query, headers, found)
            try:
                if not self._validator.is_valid(arguments):
                    self._settle(arguments, raw_path, raw_query, headers)
                    unread = {(one.location, one.name) for one in found}
                    found.extend(self._violations(arguments, unread))
                for key, fill in self._fills:
                    if key in arguments and not found:
                        arguments[key] = fill(arguments[key])
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
            fields = self._pairs("query", parse_query, raw_query)
            for one in self._query:
                one.put(arguments, fields, found)
        for one in self._querystring:
            one.put(arguments, raw_query, found)
        for name, one in self._header:
            if name in headers:
                one.put(arguments, headers[name].decode("latin-1"), found)
            else:
                one.put_default(arguments)
        if self._cookie:
            raw = headers.get(b"cookie", b"").decode("latin-1")
            cookies = self._pairs("cookie", parse_cookies, raw)
            for one in self._cookie:
                one.put(arguments, cookies, found)

    def _pairs(
        self, location: str, parse: Callable[[str, int], dict[str, list[str]]], raw: str
    ) -> dict[str, list[str]]:
        try:
            return parse(raw, self._limit)
        except Unreadable as error:
            raise Invalid([Violation(location, "", "", str(error), "encoding")]) from None

    def _settle(
        self,
        arguments: dict[str, Any],
        raw_path: tuple[str, ...],
        raw_query: str,
        headers: Mapping[bytes, bytes],
    ) -> None:
        """Read again what may be read in another way, if the schema refuses the first one."""
        for one in self._choices:
            if one.key in arguments and one.others is not None:
                raw = self._raw(one, raw_path, raw_query, headers)
                arguments[one.key] = one.others.settle(arguments[one.key], raw)

    def _raw(
        self,
        one: Reading,
        raw_path: tuple[str, ...],
        raw_query: str,
        headers: Mapping[bytes, bytes],
    ) -> Any:
        """What was sent for one parameter, as its decoder takes it."""
        parameter = one.parameter
        if parameter.location == "path":
            return next(raw_path[index] for index, each in self._path if each is one)
        if parameter.location == "header":
            raw = headers.get(parameter.name.lower().encode())
            return raw.decode("latin-1") if raw is not None else None
        if parameter.location == "query":
            return parse_query(raw_query, self._limit)
        return parse_cookies(headers.get(b"cookie", b"").decode("latin-1"), self._limit)

    def by_name(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Values by the names that the document gives.

        A name that stands in several places is told apart by these: `path.id`, `query.id`.
        """
        labels = self._labels
        return {labels[key]: value for key, value in arguments.items()}

    def finish(self, arguments: dict[str, Any], found: list[Violation]) -> None:
        """Convert to the handler's hints; drop what it does not take; fill in None."""
        for key, taken in self._finish:
            if taken is None:
                arguments.pop(key, None)
            elif key in arguments:
                if taken.convert is not None:
                    reading = self._readings[key].parameter
                    place = reading.location, reading.name
                    convert(arguments, taken, *place, found, self._secrets, (key,))
            elif not taken.optional:
                arguments[key] = None

    def _secrets(self) -> tuple[Secrets]:
        return (self._validator.secrets(),)

    def _key(self, parameter: Parameter) -> str:
        """The handler's name for a parameter, or a key that no Python name can be."""
        taken = self._taken.get(_place(parameter))
        return taken.name if taken else f"{parameter.location} {parameter.name}"

    def _readings_of(
        self, operation: Operation, schemas: Schemas, api_keys: Collection[str]
    ) -> Iterator[Reading]:
        names = frozenset(one.name for one in operation.parameters).union(api_keys)
        for one in operation.parameters:
            yield read_parameter(one, self._key(one), names - {one.name}, schemas)

    def _compile(self, readings: list[Reading], schemas: Schemas) -> Validator:
        members = {one.key: checked_schema(one.parameter, one.shape) for one in readings}
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


def _fills(
    readings: Iterable[Reading], schemas: Schemas
) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """What fills in the defaults inside of parameters that are objects or arrays."""
    for one in readings:
        fill = filler(one.parameter.value_schema, schemas)
        if fill is not None:
            yield one.key, fill


def _place(parameter: Parameter) -> tuple[str, str]:
    return parameter.location, parameter.name


def _needs_finish(taken: Taken | None) -> bool:
    return taken is None or taken.convert is not None or not taken.optional


def _query_names(readings: Iterable[Reading], api_keys: Collection[str]) -> QueryNames | None:
    names = QueryNames(((one.parameter, one.shape) for one in readings), api_keys)
    return None if names.is_open else names


def _labels(readings: Iterable[Reading]) -> dict[str, str]:
    """What each parameter is called in `Request.parameters`, by its key."""
    places: dict[str, list[Reading]] = {}
    for one in readings:
        places.setdefault(one.parameter.name, []).append(one)
    return {
        one.key: name if len(several) == 1 else f"{one.parameter.location}.{name}"
        for name, several in places.items()
        for one in several
    }
