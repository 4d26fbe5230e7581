"""A document and its handlers compiled into one immutable value.

A snapshot is built completely, off the event loop if need be, before anybody sees it; then one
assignment publishes it. A request reads it once and so sees one world only. All faults of the
document and of all handlers are found here, together.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from brrt.config import PER_HANDLER, Limits, SettingError
from brrt.errors import Fault, MissingExtra, SpecError
from brrt.handlers import Registration
from brrt.http.declared import response_schemas
from brrt.http.requests import Request
from brrt.http.responses import Mode, Responder
from brrt.http.sources import find_stream
from brrt.http.uploads import UploadFile
from brrt.openapi.binding import Binding, bind
from brrt.openapi.bodies import BodyReader
from brrt.openapi.bodies import add_schemas as add_body_schemas
from brrt.openapi.document import Document
from brrt.openapi.fillings import prepare
from brrt.openapi.operations import EVENTS, Operation, operations
from brrt.openapi.outgoing import outgoing
from brrt.openapi.query_names import api_key_names
from brrt.openapi.requests import ParameterReader
from brrt.openapi.routing import Router
from brrt.openapi.schemas import Direction, Schemas
from brrt.outbound.connections import require_library
from brrt.outbound.hooks import Hooks
from brrt.outbound.hooks import add_schemas as add_outgoing_schemas
from brrt.outbound.sender import Sender
from brrt.outbound.settings import Outbound
from brrt.runtime.background import Background
from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry
from brrt.runtime.sources import is_generator

INJECTABLES: Mapping[type, str] = {
    Request: "request",
    Background: "background",
    Sender: "sender",
}
FILES = frozenset({UploadFile})
ALL_MISSING = "501"
ON_DISCONNECT = "x-brrt-on-disconnect"
STRICT_QUERY = "x-brrt-strict-query"
DISCONNECT_POLICIES = ("cancel", "finish")
BODY_HEADERS = frozenset(
    {b"content-type", b"content-length", b"content-encoding", b"content-disposition"}
)


@dataclass(frozen=True, slots=True)
class Options:
    """What an app was told, apart from its document and handlers.

    `missing` names operations that may be without a handler (`"501"` for all); `state` is the
    type of the lifespan's state, where it is known; `strict_query` refuses unknown names in
    queries, unless an operation says otherwise; `outbound` is how callbacks and webhooks are sent.
    """

    limits: Limits
    missing: Collection[str]
    mode: Mode
    state: type | None
    has_state: bool
    strict_query: bool = False
    outbound: Outbound = Outbound()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Served:
    """The half of an endpoint that exists only where there is a handler."""

    registration: Registration
    limits: Limits
    parameters: ParameterReader
    body: BodyReader | None
    injected: Mapping[str, Any]
    wanted: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation, compiled. `cancels`: a client that hangs up cancels the handler."""

    operation: Operation
    responder: Responder
    cancels: bool
    served: Served | None

    @property
    def name(self) -> str:
        """The name under which the handler runs, is logged and counted."""
        return self.operation.name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All endpoints, the way to them, and the pools that serve them.

    `pools` has the place of `endpoints`; it is empty until the app runs. `hooks` are what the app
    itself may send.
    """

    document: Document
    schemas: Schemas
    hooks: Hooks
    router: Router[int]
    endpoints: tuple[Endpoint, ...]
    pools: tuple[Pool | None, ...]

    def index(self, name: str) -> int | None:
        """The place of an operation, by its snake_case name."""
        for index, endpoint in enumerate(self.endpoints):
            if endpoint.name == name:
                return index
        return None

    def with_pools(self, registry: Registry, old: "Snapshot | None") -> "Snapshot":
        """The same with pools. A pool of `old` whose handler and limits did not change stays."""
        kept = old.pool_map() if old else {}
        pools = tuple(_pool(one, registry, kept.get(one.name)) for one in self.endpoints)
        return replace(self, pools=pools)

    def pool_map(self) -> dict[str, Pool]:
        """The pools by operation name."""
        return {pool.name: pool for pool in self.pools if pool}

    def with_handler(
        self, index: int, registration: Registration | None, options: Options
    ) -> "Snapshot":
        """The same with another handler for one operation, or none. Raises `SpecError`."""
        faults: list[Fault] = []
        old = self.endpoints[index]
        served = _served(old.operation, registration, self.schemas, options, faults)
        faults += _stream_faults(old.responder, registration)
        if faults:
            raise SpecError(faults)
        endpoint = replace(old, served=served)
        endpoints = (*self.endpoints[:index], endpoint, *self.endpoints[index + 1 :])
        return replace(self, endpoints=endpoints)


def compile_snapshot(
    document: Document,
    registrations: Mapping[str, Registration],
    options: Options,
    faults: list[Fault] | None,
) -> Snapshot:
    """Compile a document and its handlers. Raises `SpecError` with every fault of both.

    `faults` are those of the handlers so far; with None, handlers (and names in `missing`) of
    operations that the document does not have are left out rather than refused.
    """
    found = operations(document)
    missing = options.missing
    if faults is None:
        names = {alias for one in found for alias in (one.id, one.name)} | {ALL_MISSING}
        registrations = {name: one for name, one in registrations.items() if name in names}
        missing = [one for one in missing if one in names]
    faults = [
        *(faults or ()),
        *_name_faults(found),
        *_match_faults(found, registrations, missing),
    ]
    sent, wrong = outgoing(document, found)
    faults += wrong
    schemas = Schemas(document)
    for operation in found:
        _add_schemas(operation, schemas, options.mode)
    add_outgoing_schemas(sent, schemas)
    endpoints = tuple(
        _endpoint(operation, registrations.get(operation.name), schemas, options, faults)
        for operation in found
    )
    router = _route(found, faults)
    if faults:
        raise SpecError(faults)
    return Snapshot(document, schemas, Hooks(sent, schemas), router, endpoints, ())


def _name_faults(found: tuple[Operation, ...]) -> list[Fault]:
    """Operations that one handler name would mean."""
    faults: list[Fault] = []
    seen: dict[str, Operation] = {}
    for one in found:
        other = seen.setdefault(one.name, one)
        if other is not one:
            message = f"operations {other.id} and {one.id} both read {one.name} in snake_case"
            faults.append(one.node.fault(message, "rename one of them"))
    return faults


def _match_faults(
    found: tuple[Operation, ...],
    registrations: Mapping[str, Registration],
    missing: Collection[str],
) -> list[Fault]:
    """Handlers that the document does not know, and operations that have none."""
    names = {one.name: one for one in found}
    faults: list[Fault] = []
    for name, registration in registrations.items():
        if name not in names:
            faults += [registration.fault(*_unknown(registration.name, found))]
    for name in missing:
        if name not in {ALL_MISSING, *(one.id for one in found), *names}:
            message, cure = _unknown(name, found)
            faults.append(Fault(f"missing={name!r}: {message}", cure))
    for one in found:
        if one.name not in registrations and not _may_miss(one, missing):
            faults.append(
                one.node.fault(
                    f"operation {one.id} has no handler",
                    f"write `@handlers` and `async def {one.name}(...)`, or declare it:"
                    f" App(..., missing={{{one.id!r}}})",
                )
            )
    return faults


def _unknown(name: str, found: tuple[Operation, ...]) -> tuple[str, str]:
    """Message and cure for a name that is no operation's."""
    offered = {alias: one.id for one in found for alias in (one.id, one.name)}
    close = get_close_matches(name, offered, n=3)
    nearest = ", ".join(dict.fromkeys(offered[one] for one in close))
    known = ", ".join(sorted(one.id for one in found)[:10]) or "none at all"
    return (
        f"the document has no operation {name!r}",
        f"did you mean {nearest}?" if nearest else f"it has: {known}",
    )


def _may_miss(operation: Operation, missing: Collection[str]) -> bool:
    return any(name in missing for name in (ALL_MISSING, operation.id, operation.name))


def _add_schemas(operation: Operation, schemas: Schemas, mode: Mode) -> None:
    """Make all schemas known before any is compiled.

    What takes write-only members out of responses is needed only where these are sent although
    they break the document; to look for it is a tenth of the time that a large one takes.
    """
    for parameter in operation.parameters:
        if parameter.value_schema is not None:
            schemas.add(parameter.value_schema, Direction.REQUEST)
            prepare(parameter.value_schema, schemas, Direction.REQUEST)
    if operation.body is not None:
        add_body_schemas(operation.body, schemas)
    for schema in response_schemas(operation):
        schemas.add(schema, Direction.RESPONSE)
        if mode != "strict":
            prepare(schema, schemas, Direction.RESPONSE)


def _endpoint(
    operation: Operation,
    registration: Registration | None,
    schemas: Schemas,
    options: Options,
    faults: list[Fault],
) -> Endpoint:
    policy = operation.extensions.get(ON_DISCONNECT)
    if policy not in (None, *DISCONNECT_POLICIES):
        message = f"{ON_DISCONNECT} of {operation.id} is {policy!r}"
        faults.append(operation.node.fault(message, "write cancel or finish"))
    if not isinstance(operation.extensions.get(EVENTS, False), bool):
        message = f"{EVENTS} of {operation.id} is {operation.extensions[EVENTS]!r}"
        faults.append(operation.node.fault(message, "write true or false"))
    responder = Responder(operation, schemas, options.mode)
    faults += _stream_faults(responder, registration)
    return Endpoint(
        operation=operation,
        responder=responder,
        cancels=policy == "cancel" or (policy != "finish" and operation.safe),
        served=_served(operation, registration, schemas, options, faults),
    )


def _stream_faults(responder: Responder, registration: Registration | None) -> list[Fault]:
    """A handler that gives bit by bit what the document says must be whole."""
    if registration is None or responder.streams or not is_generator(registration.function):
        return []
    message = (
        f"the handler of {registration.name} is an async generator, but the document declares no"
        " success that can be given bit by bit"
    )
    cure = (
        "declare text/event-stream, JSON lines with an itemSchema, or bytes or text; or return the"
        " whole"
    )
    return [registration.fault(message, cure)]


def _served(
    operation: Operation,
    registration: Registration | None,
    schemas: Schemas,
    options: Options,
    faults: list[Fault],
) -> Served | None:
    if registration is None:
        return None
    faults += _security_faults(operation)
    binding, found = bind(
        operation,
        registration.function,
        INJECTABLES,
        options.state,
        options.has_state,
        FILES,
    )
    faults += found
    if "sender" in binding.injected.values():
        faults += _sender_faults(registration)
    limits = _limits(operation, registration, options.limits, faults)
    if binding.body is not None and binding.body.how in ("pieces", "items"):
        limits = replace(limits, timeout=limits.timeout + limits.upload_timeout)
    strict_query = _strict_query(operation, options, faults)
    if faults:
        return None
    return _compile_served(operation, registration, binding, schemas, limits, strict_query)


def _sender_faults(registration: Registration) -> list[Fault]:
    """A handler that sends, where the library for it is not installed."""
    try:
        require_library()
    except MissingExtra as error:
        message = f"the handler of {registration.name} asks for a Sender"
        return [registration.fault(message, str(error))]
    return []


def _strict_query(operation: Operation, options: Options, faults: list[Fault]) -> bool:
    """Whether unknown names in the query are refused: as the operation says, or else the app."""
    strict = operation.extensions.get(STRICT_QUERY, options.strict_query)
    if not isinstance(strict, bool):
        message = f"{STRICT_QUERY} of {operation.id} is {strict!r}"
        faults.append(operation.node.fault(message, "write true or false"))
    return strict is True


def _compile_served(
    operation: Operation,
    registration: Registration,
    binding: Binding,
    schemas: Schemas,
    limits: Limits,
    strict_query: bool,
) -> Served:
    api_keys = api_key_names(operation.node.document)
    parameters = ParameterReader(
        operation, binding, schemas, strict_query=strict_query, api_keys=api_keys
    )
    body = BodyReader(operation.body, binding, schemas) if operation.body else None
    wanted = parameters.headers | (BODY_HEADERS if body else frozenset[bytes]())
    if any(one.content for one in operation.responses.values()):
        wanted |= {b"accept"}
    return Served(registration, limits, parameters, body, binding.injected, wanted)


def _security_faults(operation: Operation) -> list[Fault]:
    """Closed by default: what the document protects is not served without protection."""
    if not operation.security or {} in operation.security:
        return []
    schemes = sorted({name for requirement in operation.security for name in requirement})
    return [
        operation.node.fault(
            f"operation {operation.id} is behind {', '.join(schemes)}, which has no provider",
            "security providers are not built yet; leave the operation without a handler, and"
            f" declare it: App(..., missing={{{operation.id!r}}})",
        )
    ]


def _limits(
    operation: Operation, registration: Registration, limits: Limits, faults: list[Fault]
) -> Limits:
    """The app's limits, overridden by the document, overridden by the decorator."""
    extensions = operation.extensions
    keys = {name: "x-brrt-" + name.replace("_", "-") for name in PER_HANDLER}
    document = {name: extensions[key] for name, key in keys.items() if key in extensions}
    changes: list[tuple[Mapping[str, Any], Callable[[str, str], Fault]]] = [
        (document, operation.node.fault),
        (registration.limits, registration.fault),
    ]
    for values, fault in changes:
        for name, value in values.items():
            try:
                limits = replace(limits, **{name: value})
            except SettingError as error:
                cure = "write another" if name == "queue_policy" else "give a number in range"
                faults.append(fault(f"limit of {operation.id}: {error}", cure))
    return limits


def _route(found: tuple[Operation, ...], faults: list[Fault]) -> Router[int]:
    router = Router[int]()
    for index, operation in enumerate(found):
        for base in operation.bases:
            try:
                router.add(base + operation.path, operation.method, index)
            except ValueError as error:
                faults.append(operation.node.fault(str(error), "rename or remove one of them"))
    return router


def _pool(endpoint: Endpoint, registry: Registry, old: Pool | None) -> Pool | None:
    served = endpoint.served
    if served is None:
        return None
    handler = served.registration.function
    if old is not None and old.handler is handler and old.limits == served.limits:
        return old
    counters = registry.counters(endpoint.name)
    shared = registry.ceiling, registry.quota
    return Pool(endpoint.name, handler, served.limits, counters, *shared, find_stream)
