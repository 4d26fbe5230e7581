"""What one document lets the app send, compiled: names to operations, with their checks.

The pure half of a sender, one for each document. It is built with the rest of the document's
schemas, and says before anything is sent what exactly will be.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from brrt.errors import OutgoingError, PayloadInvalid
from brrt.openapi.expressions import Template
from brrt.openapi.operations import Operation, snake_case
from brrt.openapi.outgoing import Outgoing
from brrt.openapi.schemas import Schemas
from brrt.outbound.payloads import (
    DIRECTION,
    ParametersWriter,
    PayloadWriter,
    check_headers,
    schemas_of,
)
from brrt.outbound.signatures import ID, SIGNATURE, TIMESTAMP

# What the sender writes itself; a document may well declare some of it as parameters.
_SIGNED: Final = frozenset({ID, TIMESTAMP, SIGNATURE})
_RESERVED: Final = _SIGNED | frozenset(
    ["host", "content-length", "transfer-encoding", "connection", "content-type", "user-agent"]
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that was found right, and may be sent. `query` is to be added to the url's own."""

    headers: tuple[tuple[str, str], ...]
    query: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Hook:
    """One operation that the app calls. `needs_signature` where the document demands one."""

    outgoing: Outgoing
    payload: PayloadWriter
    parameters: ParametersWriter
    needs_signature: bool

    @property
    def operation(self) -> Operation:
        """The operation as the document has it."""
        return self.outgoing.operation

    @property
    def url(self) -> Template | None:
        """Where a callback goes; None for a webhook."""
        return self.outgoing.url

    def draft(
        self, payload: Any, parameters: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Draft:
        """The message. Raises `PayloadInvalid` for what breaks the document, `OutgoingError`."""
        found: list[str] = []
        body = self.payload.write(payload, found)
        own, query = self.parameters.write(parameters, found)
        if found:
            raise PayloadInvalid(self.operation.id, found)
        check_headers([*own, *headers.items()], _RESERVED)
        if body is not None:
            own.append(("content-type", self.payload.media_type))
        return Draft((*own, *headers.items()), query, body or b"")

    def accepts(self, status: int) -> bool:
        """Whether a status says that it arrived: any 2xx, or a 3xx that the document declares."""
        declared = self.operation.responses
        is_declared = str(status) in declared or f"{status // 100}XX" in declared
        return 200 <= status < 300 or (300 <= status < 400 and is_declared)


class Hooks:
    """All callbacks and webhooks of one document, by every name that means them.

    A name is an operationId, a callback's or webhook's name, or either in snake_case; that of a
    callback may stand behind the operation that it belongs to: `registerWebhook.petEvent`.
    """

    def __init__(self, found: Iterable[Outgoing], schemas: Schemas) -> None:
        """`schemas` must know those of `found` (`add_schemas`). Raises `SpecError`."""
        self._hooks = [_hook(one, schemas) for one in found]
        self._names: dict[str, list[Hook]] = {}
        for hook in self._hooks:
            for name in _names(hook.outgoing):
                self._names.setdefault(name, []).append(hook)

    def find(self, name: str, owner: Operation | None = None) -> Hook:
        """The one that a name means, in doubt that of `owner`. Raises `OutgoingError`."""
        found = self._names.get(name, [])
        if owner is not None and len(found) > 1:
            found = [one for one in found if _belongs(one.outgoing, owner)] or found
        alike = {(one.operation.node.key, one.url): one for one in found}
        if not alike:
            raise OutgoingError(
                f"the document has no callback or webhook {name!r}; {self._near(name)}"
            )
        if len(alike) > 1:
            known = ", ".join(sorted(_full_name(one.outgoing) for one in alike.values()))
            raise OutgoingError(f"{name!r} means several: {known}; name the operation's id")
        return found[0]

    def _near(self, name: str) -> str:
        close = get_close_matches(name, self._names, n=3)
        if close:
            return f"did you mean {', '.join(close)}?"
        return f"it has {', '.join(sorted(self._names)[:10]) or 'none at all'}"

    def __repr__(self) -> str:
        return f"<Hooks {', '.join(_full_name(one.outgoing) for one in self._hooks)}>"


def add_schemas(found: Iterable[Outgoing], schemas: Schemas) -> None:
    """Make the schemas of all that is sent known before any is compiled. Raises `SpecError`."""
    for one in found:
        for node in schemas_of(one.operation):
            schemas.add(node, DIRECTION)


def _hook(one: Outgoing, schemas: Schemas) -> Hook:
    operation = one.operation
    signed = any(
        each.required and each.location == "header" and each.name.lower() == SIGNATURE
        for each in operation.parameters
    )
    parameters = ParametersWriter(operation, schemas, _RESERVED)
    return Hook(one, PayloadWriter(operation, schemas), parameters, signed)


def _names(one: Outgoing) -> set[str]:
    return set(_each_name(one))


def _each_name(one: Outgoing) -> Iterator[str]:
    yield from (one.key, snake_case(one.key))
    if "operationId" in one.operation.node:
        yield from (one.operation.id, one.operation.name)
    if one.owner is not None:
        yield from (f"{one.owner.id}.{one.key}", f"{one.owner.name}.{snake_case(one.key)}")


def _full_name(one: Outgoing) -> str:
    if "operationId" in one.operation.node:
        return one.operation.id
    return f"{one.owner.id}.{one.key}" if one.owner is not None else one.key


def _belongs(one: Outgoing, owner: Operation) -> bool:
    return one.owner is not None and one.owner.node.key == owner.node.key
