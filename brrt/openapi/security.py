"""What the document says of who may call: schemes, and what each operation requires.

OpenAPI 3.1.1, sections 4.8.27 (Security Scheme Object) and 4.8.30 (Security Requirement Object).
A list of requirements is of alternatives; of each alternative all schemes must be met; an empty
one lets anybody through, and so does an empty list.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from brrt.openapi.document import Document, Node
from brrt.openapi.json_values import is_mapping
from brrt.openapi.operations import Operation

API_KEY, HTTP, OAUTH2, OPEN_ID, MUTUAL_TLS = KINDS = (
    "apiKey",
    "http",
    "oauth2",
    "openIdConnect",
    "mutualTLS",
)
# The scheme of the Authorization header by which tokens travel (RFC 6750, section 2.1).
BEARER: Final = "bearer"
BASIC: Final = "basic"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One security scheme. `location` and `parameter` are of an apiKey.

    `http` is the scheme of the Authorization header in lower case; tokens of OAuth 2 and OpenID
    Connect are bearer tokens.
    """

    name: str
    kind: str
    location: str
    parameter: str
    http: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """A scheme that must be met, with the scopes (or roles) that it must grant."""

    scheme: Scheme
    scopes: tuple[str, ...]


Alternative = tuple[Requirement, ...]


def security_schemes(document: Document) -> dict[str, Scheme]:
    """The schemes of a document, by name; what is none, in a document that is not checked, is not
    there.
    """
    components = document.root.get("components")
    declared = components.get("securitySchemes") if components is not None else None
    if declared is None:
        return {}
    followed = ((name, node.follow()) for name, node in declared.items())
    return {name: _scheme(name, node) for name, node in followed if is_mapping(node.value)}


def _scheme(name: str, node: Node) -> Scheme:
    value = node.value
    kind = str(value.get("type"))
    http = str(value.get("scheme", "")).lower() if kind == HTTP else ""
    if kind in (OAUTH2, OPEN_ID):
        http = BEARER
    return Scheme(name, kind, str(value.get("in", "")), str(value.get("name", "")), http)


def unknown_schemes(operation: Operation, schemes: Mapping[str, Scheme]) -> Iterator[str]:
    """The names that an operation requires and that the document does not declare."""
    for requirement in operation.security or ():
        yield from (name for name in requirement if name not in schemes)


def alternatives(
    operation: Operation, schemes: Mapping[str, Scheme]
) -> tuple[Alternative, ...] | None:
    """What an operation requires; None where it is open to anybody, without looking at anything.

    All names must be known.
    """
    if not operation.security or not any(operation.security):
        return None
    return tuple(
        tuple(Requirement(schemes[name], scopes) for name, scopes in one.items())
        for one in operation.security
    )
