"""The rules that documents are checked against, and what breaking each one means.

One table, `RULES`: FATAL prevents serving and is always a fault; FAULT breaks the specification
but can be served, so `strict=False` makes it a warning; WARNING is never a fault. Nothing here
looks at a document.
"""

from enum import Enum
from typing import NamedTuple


class Weight(Enum):
    """What breaking a rule means."""

    FATAL = "always a fault"
    FAULT = "a fault, or a warning with strict=False"
    WARNING = "always a warning"


class Finding(NamedTuple):
    """A broken rule: which, how, what to do, and where."""

    rule: str
    message: str
    cure: str
    uri: str
    pointer: str


RULES = {
    # the document as a whole
    "version": Weight.FATAL,
    "reference": Weight.FATAL,
    "duplicate key": Weight.FAULT,
    # structure: the specification's own JSON Schema
    "structure": Weight.FATAL,
    "decoration": Weight.FAULT,
    # operations and paths
    "duplicate operationId": Weight.FATAL,
    "duplicate parameter": Weight.FATAL,
    "path parameter": Weight.FATAL,
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
    "python pattern": Weight.FAULT,
    "default": Weight.FAULT,
    "required": Weight.FAULT,
    "mapping": Weight.FAULT,
    # the same, where openapi-spec-validator does not look (request bodies, headers, callbacks)
    "schema decoration elsewhere": Weight.WARNING,
    "python pattern elsewhere": Weight.WARNING,
    "default elsewhere": Weight.WARNING,
}
