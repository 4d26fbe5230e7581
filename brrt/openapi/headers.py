"""Header Objects compiled: how a header is read, and what it must hold.

OpenAPI 3.1.1, section 4.8.21. They describe the headers of responses and of the parts of
multipart bodies; those of requests are parameters.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from brrt.openapi.content import Unreadable, decode_json, essence, is_json
from brrt.openapi.document import Node
from brrt.openapi.json_values import mapping
from brrt.openapi.parameters import header_decoder
from brrt.openapi.schemas import Direction, Schemas, Validator
from brrt.openapi.validation import Violation, violations


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """What the document says of one header.

    `name` is as it is written there, `key` as it stands on the wire, in lower case. Values are the
    Latin-1 reading of what was sent.
    """

    name: str
    key: bytes
    required: bool
    read: Callable[[str], Any]
    validator: Validator | None

    def check(self, values: Iterable[str]) -> Iterator[Violation]:
        """What is wrong with the values of this header, of which there may be none."""
        is_there = False
        for text in values:
            is_there = True
            yield from self._wrong(text)
        if self.required and not is_there:
            yield self._violation("is required", "required")

    def _wrong(self, text: str) -> Iterator[Violation]:
        try:
            value = self.read(text)
        except Unreadable as error:
            yield self._violation(f"is {error}", "encoding")
            return
        if self.validator is not None and not self.validator.is_valid(value):
            for one in violations("header", self.name, self.validator.errors(value)):
                yield replace(one, message=f"header {one.message}")

    def _violation(self, text: str, keyword: str) -> Violation:
        return Violation("header", self.name, "", f"header {self.name} {text}", keyword)


def header_rule(name: str, node: Node, schemas: Schemas, direction: Direction) -> HeaderRule:
    """The rule of a Header Object, whose schema was added to `schemas`."""
    schema = header_schema(node)
    return HeaderRule(
        name=name,
        key=name.lower().encode("latin-1", "replace"),
        required=mapping(node.value).get("required") is True,
        read=_reader(name, node, schemas),
        validator=schemas.validator(schema, direction) if schema is not None else None,
    )


def header_schema(node: Node) -> Node | None:
    """The schema of a header, whichever way it is serialised."""
    content = _content(node)
    return content[1].get("schema") if content is not None else node.get("schema")


def _reader(name: str, node: Node, schemas: Schemas) -> Callable[[str], Any]:
    content = _content(node)
    if content is not None:
        as_json = is_json(essence(content[0]))
        return (lambda text: decode_json(text.encode("latin-1"))) if as_json else str
    explode = mapping(node.value).get("explode") is True
    return header_decoder(name, "simple", explode, schemas.shape(header_schema(node)))


def _content(node: Node) -> tuple[str, Node] | None:
    """Media type and entry of a header that is serialised by media type."""
    content = node.get("content")
    for name, entry in content.items() if content is not None else ():
        return name, entry.follow()
    return None
