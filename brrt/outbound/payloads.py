"""A payload and the parameters beside it, checked against the document and written as bytes.

What is checked is what stands on the wire: the payload is encoded, and what a receiver would read
from that must be valid. Everything about a message is found wrong at once, before it is sent.

The direction is that of a response. The app that sends owns the data, as it does when it answers:
`readOnly` members, such as an id, are there, and `writeOnly` ones, such as a password, never
leave (JSON Schema 2020-12, Validation, section 9.4).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

import msgspec

from brrt.errors import OutgoingError
from brrt.openapi.content import essence, is_json, specificity
from brrt.openapi.document import Node
from brrt.openapi.json_encoding import encode_json, to_json_texts
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.operations import Body, MediaType, Operation, Parameter
from brrt.openapi.schemas import Direction, Schemas, Validator
from brrt.openapi.validation import violations

DIRECTION: Final = Direction.RESPONSE
JSON: Final = "application/json"
# Violations that one error tells; those that follow seldom help.
MAX_TOLD = 20

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SEPARATORS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


def schemas_of(operation: Operation) -> Iterator[Node]:
    """The schemas by which what is sent is checked."""
    for parameter in operation.parameters:
        if parameter.value_schema is not None:
            yield parameter.value_schema
    chosen = _json(operation.body)
    if chosen is not None and chosen.schema is not None:
        yield chosen.schema


def _json(body: Body | None) -> MediaType | None:
    """The first entry that is JSON, or a range that JSON is in."""
    for one in body.content if body is not None else ():
        kind = essence(one.name)
        if is_json(kind) or kind in ("*/*", "application/*"):
            return one
    return None


class PayloadWriter:
    """The body of one operation. `media_type` is empty where the document knows no JSON."""

    def __init__(self, operation: Operation, schemas: Schemas) -> None:
        body, chosen = operation.body, _json(operation.body)
        self._required = body is not None and body.required
        self._declared = tuple(one.name for one in body.content) if body is not None else None
        self._validator = _validator(chosen.schema if chosen else None, schemas)
        ranged = chosen is not None and specificity(essence(chosen.name)) > 0
        self.media_type = "" if chosen is None else JSON if ranged else chosen.name

    def write(self, payload: Any, found: list[str]) -> bytes | None:
        """The payload as JSON, or None for no content. What is wrong goes to `found`.

        Raises `OutgoingError` for an operation that has no JSON body.
        """
        if payload is None and not self._required:
            return None
        if self._declared is None:
            found.append("the document declares no body for it, so it takes no payload")
            return b""
        if not self.media_type:
            names = ", ".join(self._declared) or "nothing"
            raise OutgoingError(f"only JSON can be sent, and the document declares {names}")
        return self._checked(payload, found)

    def _checked(self, payload: Any, found: list[str]) -> bytes:
        try:
            body = encode_json(payload)
            value = msgspec.json.decode(body)
            if self._validator is None or self._validator.is_valid(value):
                return body
            other = encode_json(to_json_texts(payload))
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            found.append(f"the payload is not JSON: {error}")
            return b""
        value = msgspec.json.decode(other)
        found += _told(self._validator, value, "body", "")
        return other


@dataclass(frozen=True, slots=True)
class ParameterWriter:
    """One header or query parameter of an operation, and how it is written."""

    parameter: Parameter
    validator: Validator | None

    def write(self, value: Any, found: list[str]) -> Iterator[tuple[str, str]]:
        """Name and text of each line or pair. What is wrong goes to `found`."""
        one = self.parameter
        plain = to_json_texts(value)
        if self.validator is not None and not self.validator.is_valid(plain):
            found += _told(self.validator, plain, one.location, one.name)
            return
        if one.content is not None:
            yield one.name, self._encoded(encode_json(plain).decode())
        elif is_list(plain):
            yield from self._list([_word(each) for each in plain])
        elif is_mapping(plain):
            raise OutgoingError(f"parameter {one.name} is an object, which brrt does not send")
        else:
            yield one.name, self._encoded(_word(plain))

    def _list(self, words: list[str]) -> Iterator[tuple[str, str]]:
        one = self.parameter
        if one.location == "query" and one.explode:
            yield from ((one.name, self._encoded(word)) for word in words)
        else:
            separator = _SEPARATORS.get(one.style, ",")
            yield one.name, separator.join(self._encoded(word) for word in words)

    def _encoded(self, word: str) -> str:
        return quote(word, safe="") if self.parameter.location == "query" else word


def _word(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class ParametersWriter:
    """All parameters of one operation; `given` are headers that the sender itself writes."""

    def __init__(self, operation: Operation, schemas: Schemas, given: frozenset[str]) -> None:
        kept = [one for one in operation.parameters if one.name.lower() not in given]
        self._writers = {
            one.name: ParameterWriter(one, _validator(one.value_schema, schemas)) for one in kept
        }

    def write(
        self, values: Mapping[str, Any], found: list[str]
    ) -> tuple[list[tuple[str, str]], str]:
        """Headers, and the query without its question mark. What is wrong goes to `found`."""
        headers: list[tuple[str, str]] = []
        query: list[str] = []
        for name in values:
            if name not in self._writers:
                known = ", ".join(self._writers) or "none"
                found.append(f"the document has no parameter {name!r}; it has {known}")
        for name, writer in self._writers.items():
            location = writer.parameter.location
            if name not in values:
                if writer.parameter.required:
                    found.append(f"{location} parameter {name} is required")
            elif location == "header":
                headers += writer.write(values[name], found)
            elif location == "query":
                pairs = writer.write(values[name], found)
                query += [f"{quote(key, safe='')}={text}" for key, text in pairs]
            else:
                raise OutgoingError(f"{name} is a {location} parameter, which brrt does not send")
        return headers, "&".join(query)


def check_headers(headers: Iterable[tuple[str, str]], reserved: frozenset[str]) -> None:
    """Raises `OutgoingError` for what HTTP cannot carry, and for what the sender itself writes."""
    for name, text in headers:
        good = text.isascii() and text == text.strip() and not _UNSAFE.search(text)
        if not _TOKEN.fullmatch(name) or not good:
            raise OutgoingError(f"header {name!r} is not one that HTTP can carry")
        if name.lower() in reserved:
            raise OutgoingError(f"header {name!r} is written by brrt; leave it out")


def _validator(schema: Node | None, schemas: Schemas) -> Validator | None:
    return schemas.validator(schema, DIRECTION) if schema is not None else None


def _told(validator: Validator, value: Any, location: str, name: str) -> list[str]:
    """Each violation in a sentence; nothing if there is none."""
    if validator.is_valid(value):
        return []
    place = name or location
    found = list(islice(violations(location, name, validator.errors(value)), MAX_TOLD + 1))
    told = [f"{place}{one.pointer}: {one.message}" for one in found[:MAX_TOLD]]
    return [*told, *["and more"] * (len(found) > MAX_TOLD)]
