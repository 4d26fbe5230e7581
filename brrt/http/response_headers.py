"""The headers that the document declares for a response: which count, and what is wrong with
those of an answer (OpenAPI 3.1.1, section 4.8.17).

Read once at build; operations that declare none have no rules.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from brrt.http.answers import Headers
from brrt.openapi.document import Node
from brrt.openapi.headers import HeaderRule, header_rule, header_schema
from brrt.openapi.operations import Response
from brrt.openapi.schemas import Direction, Schemas

# Section 4.8.17.1: described by `content`, so an entry of this name is ignored.
_IGNORED = "content-type"
# What the server adds to every response, behind our back.
_SERVERS = frozenset({b"date", b"server"})


def header_rules(response: Response, schemas: Schemas) -> tuple[HeaderRule, ...]:
    """The rules for the headers of one response, compiled."""
    declared = _declared(response)
    rules = [header_rule(name, node, schemas, Direction.RESPONSE) for name, node in declared]
    return tuple(replace(one, required=False) if one.key in _SERVERS else one for one in rules)


def header_schemas(response: Response) -> Iterator[Node]:
    """The schemas of the headers of a response."""
    for _, node in _declared(response):
        schema = header_schema(node)
        if schema is not None:
            yield schema


def wrong_headers(rules: Iterable[HeaderRule], headers: Headers) -> Iterator[str]:
    """What is wrong with the headers of a complete response, in words for the log."""
    for rule in rules:
        values = [value.decode("latin-1") for name, value in headers if name == rule.key]
        if values and rule.key != b"set-cookie":  # its lines cannot be joined (RFC 9110, 5.3)
            values = [", ".join(values)]
        yield from (one.message for one in rule.check(values))


def _declared(response: Response) -> Iterator[tuple[str, Node]]:
    for name, node in response.headers.items():
        if name.lower() != _IGNORED:
            yield name, node
