"""The rules that documents are checked against, and what breaking each one means.

One table, `RULES`: FATAL prevents serving and is always a fault; FAULT breaks the specification
but can be served, so `strict=False` makes it a warning; WARNING is never a fault. Nothing here
looks at a document.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple, Protocol

from brrt.openapi.json_values import escape_token


class Weight(Enum):
    """What breaking a rule means."""

    FATAL = "always a fault"
    FAULT = "a fault, or a warning with strict=False"
    WARNING = "always a warning"


RULES = {
    "reference": Weight.FATAL,
    "duplicate key": Weight.FAULT,
    # structure: the specification's own JSON Schema
    "structure": Weight.FATAL,
    "decoration": Weight.FAULT,
    # operations and paths
    "duplicate operationId": Weight.FATAL,
    "duplicate parameter": Weight.FATAL,
    "path parameter": Weight.FATAL,
    "querystring": Weight.FATAL,
    "template": Weight.FATAL,
    "conflicting paths": Weight.FATAL,
    "identical paths": Weight.FAULT,  # but no method in common: each request has one operation
    "security scheme": Weight.FATAL,
    "tag": Weight.FAULT,
    "ignored header": Weight.WARNING,
    "unknown setting": Weight.WARNING,
    # schemas
    "schema": Weight.FATAL,
    "schema decoration": Weight.FAULT,
    "dialect": Weight.FAULT,
    "pattern": Weight.FATAL,
    "pattern cost": Weight.FAULT,
    "python pattern": Weight.FAULT,
    "default": Weight.FAULT,
    "required": Weight.FAULT,
    "mapping": Weight.FAULT,
    # the same, where openapi-spec-validator does not look (request bodies, headers, callbacks)
    "schema decoration elsewhere": Weight.WARNING,
    "python pattern elsewhere": Weight.WARNING,
    "default elsewhere": Weight.WARNING,
}


class Finding(NamedTuple):
    """A broken rule: which, how, what to do, and where."""

    rule: str
    message: str
    cure: str
    uri: str
    pointer: str


class Located(Protocol):
    """Anything that stands in a document."""

    @property
    def uri(self) -> str:
        """The resource."""
        ...

    @property
    def pointer(self) -> str:
        """The JSON pointer in it."""
        ...


class Findings:
    """Broken rules in the order in which they were met, each once."""

    def __init__(self) -> None:
        self._known: dict[Finding, None] = {}

    def add(self, rule: str, message: str, cure: str, spot: Located, *steps: str | int) -> None:
        """Note that a rule is broken at `spot`, or some steps below it."""
        pointer = spot.pointer + "".join(f"/{escape_token(step)}" for step in steps)
        self._known[Finding(rule, message, cure, spot.uri, pointer)] = None

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._known)
