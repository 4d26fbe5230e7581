"""The headers that the document declares for a response: whether they are there, and what they
hold (OpenAPI 3.1.1, sections 4.8.17 and 4.8.21).

Read once at build; operations that declare none have no rules.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from brrt.http.answers import Headers
from brrt.openapi.content import Unreadable, decode_json, essence, is_json
from brrt.openapi.document import Node
from brrt.openapi.operations import Response
from brrt.openapi.parameters import header_decoder
from brrt.openapi.schemas import Direction, Schemas, Validator
from brrt.openapi.validation import violations

# Section 4.8.17.1: described by `content`, so an entry of this name is ignored.
_IGNORED = "content-type"
# What the server adds to every response, behind our back.
_SERVERS = frozenset({"date", "server"})


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """What the document says of one header. `name` is as it is written there."""

    name: str
    key: bytes
    required: bool
    read: Callable[[str], Any]
    validator: Validator | None

    def wrongs(self, headers: Headers) -> Iterator[str]:
        """What is wrong with this header in a complete response, in words for the log."""
        values = [value.decode("latin-1") for name, value in headers if name == self.key]
        if not values:
            if self.required:
                yield f"header {self.name} is required"
            return
        if self.key != b"set-cookie":  # its lines cannot be joined (RFC 9110, section 5.3)
            values = [", ".join(values)]
        for text in values:
            yield from self._wrong_values(text)

    def _wrong_values(self, text: str) -> Iterator[str]:
        try:
            value = self.read(text)
        except Unreadable as error:
            yield f"header {self.name} is {error}"
            return
        if self.validator is not None and not self.validator.is_valid(value):
            for one in violations("header", self.name, self.validator.errors(value)):
                yield f"header {one.message}"


def header_rules(response: Response, schemas: Schemas) -> tuple[HeaderRule, ...]:
    """The rules for the headers of one response, compiled."""
    declared = ((name, node) for name, node in response.headers.items() if _counts(name))
    return tuple(_rule(name, node, schemas) for name, node in declared)


def header_schemas(response: Response) -> Iterator[Node]:
    """The schemas of the headers of a response."""
    for name, node in response.headers.items():
        schema = _schema(node)
        if _counts(name) and schema is not None:
            yield schema


def _counts(name: str) -> bool:
    return name.lower() != _IGNORED


def _rule(name: str, node: Node, schemas: Schemas) -> HeaderRule:
    schema = _schema(node)
    required = node.value.get("required", False) is True and name.lower() not in _SERVERS
    return HeaderRule(
        name=name,
        key=name.lower().encode("latin-1"),
        required=required,
        read=_reader(name, node, schemas),
        validator=schemas.validator(schema, Direction.RESPONSE) if schema is not None else None,
    )


def _reader(name: str, node: Node, schemas: Schemas) -> Callable[[str], Any]:
    content = _content(node)
    if content is not None:
        as_json = is_json(essence(content[0]))
        return (lambda text: decode_json(text.encode())) if as_json else str
    explode = node.value.get("explode", False) is True
    return header_decoder(name, "simple", explode, schemas.shape(_schema(node)))


def _schema(node: Node) -> Node | None:
    content = _content(node)
    return content[1].get("schema") if content is not None else node.get("schema")


def _content(node: Node) -> tuple[str, Node] | None:
    """Media type and entry of a header that is serialised by media type."""
    content = node.get("content")
    for name, entry in content.items() if content is not None else ():
        return name, entry.follow()
    return None
