"""One operation, compiled: what its requests must be, who serves it, and what it may answer.

All that is wrong between an operation and its handler is found here, and told at once.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from brrt.config import PER_HANDLER, Limits, SettingError
from brrt.errors import Fault, MissingExtra
from brrt.handlers import Registration
from brrt.http.cross_origin import Policy, operation_policy
from brrt.http.declared import response_schemas
from brrt.http.requests import Request
from brrt.http.responses import Mode, Responder
from brrt.http.uploads import UploadFile
from brrt.openapi.binding import Binding, bind
from brrt.openapi.bodies import BodyReader
from brrt.openapi.bodies import add_schemas as add_body_schemas
from brrt.openapi.fillings import prepare
from brrt.openapi.operations import EVENTS, Operation
from brrt.openapi.query_names import api_key_names
from brrt.openapi.requests import ParameterReader
from brrt.openapi.schemas import Direction, Schemas
from brrt.openapi.security import alternatives, security_schemes, unknown_schemes
from brrt.outbound.connections import require_library
from brrt.outbound.sender import Sender
from brrt.outbound.settings import Outbound
from brrt.rates.declared import declared
from brrt.rates.policies import Rates
from brrt.rates.settings import RateLimits
from brrt.runtime.background import Background
from brrt.runtime.sources import is_generator
from brrt.security.guard import Guard
from brrt.security.providers import Provider, principal_types

INJECTABLES: Mapping[type, str] = {
    Request: "request",
    Background: "background",
    Sender: "sender",
}
FILES = frozenset({UploadFile})
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
    queries, unless an operation says otherwise; `outbound` is how callbacks and webhooks are sent;
    `security` are the providers by the names of their schemes; `rates` is how often one client may
    ask where the document does not say it; `policy` is for pages of other origins, None where they
    are told nothing.
    """

    limits: Limits
    missing: Collection[str]
    mode: Mode
    state: type | None
    has_state: bool
    strict_query: bool = False
    outbound: Outbound = Outbound()  # noqa: RUF009 - frozen
    security: Mapping[str, Provider] = field(default_factory=dict[str, Provider])
    rates: RateLimits | None = None
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """The half of an endpoint that exists only where there is a handler.

    `guard` lets requests pass, None where anybody may; `rates` is how often one client may ask,
    None where there is no limit.
    """

    registration: Registration
    limits: Limits
    parameters: ParameterReader
    body: BodyReader | None
    injected: Mapping[str, Any]
    wanted: frozenset[bytes]
    guard: Guard | None = None
    rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation, compiled. `cancels`: a client that hangs up cancels the handler.

    `policy` is for pages of other origins, None where they are told nothing.
    """

    operation: Operation
    responder: Responder
    cancels: bool
    served: Served | None
    policy: Policy | None = None

    @property
    def name(self) -> str:
        """The name under which the handler runs, is logged and counted."""
        return self.operation.name


def add_schemas(operation: Operation, schemas: Schemas, mode: Mode) -> None:
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


def make_endpoint(
    operation: Operation,
    registration: Registration | None,
    schemas: Schemas,
    options: Options,
    faults: list[Fault],
) -> Endpoint:
    """An operation with its handler, if it has one; what is wrong goes to `faults`."""
    policy = operation.extensions.get(ON_DISCONNECT)
    if policy not in (None, *DISCONNECT_POLICIES):
        message = f"{ON_DISCONNECT} of {operation.id} is {policy!r}"
        faults.append(operation.node.fault(message, "write cancel or finish"))
    if not isinstance(operation.extensions.get(EVENTS, False), bool):
        message = f"{EVENTS} of {operation.id} is {operation.extensions[EVENTS]!r}"
        faults.append(operation.node.fault(message, "write true or false"))
    responder = Responder(operation, schemas, options.mode)
    faults += stream_faults(responder, registration)
    return Endpoint(
        operation=operation,
        responder=responder,
        cancels=policy == "cancel" or (policy != "finish" and operation.safe),
        served=make_served(operation, registration, schemas, options, faults),
        policy=operation_policy(operation, options.policy, faults),
    )


def stream_faults(responder: Responder, registration: Registration | None) -> list[Fault]:
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


def make_served(
    operation: Operation,
    registration: Registration | None,
    schemas: Schemas,
    options: Options,
    faults: list[Fault],
) -> Served | None:
    """The half that a handler adds. None where there is none, or where something is wrong."""
    if registration is None:
        return None
    guard = _guard(operation, options, faults)
    rates = declared(operation, options.rates, faults)
    binding, found = bind(
        operation,
        registration.function,
        INJECTABLES,
        options.state,
        options.has_state,
        FILES,
        _principals(operation, options),
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
    served = _compile_served(operation, registration, binding, schemas, limits, strict_query)
    return replace(served, guard=guard, rates=rates)


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
        operation,
        binding,
        schemas,
        strict_query=strict_query,
        api_keys=api_keys,
        max_parameters=limits.max_parameters,
    )
    body = BodyReader(operation.body, binding, schemas, limits) if operation.body else None
    wanted = parameters.headers | (BODY_HEADERS if body else frozenset[bytes]())
    if any(one.content for one in operation.responses.values()):
        wanted |= {b"accept"}
    return Served(registration, limits, parameters, body, binding.injected, wanted)


def _guard(operation: Operation, options: Options, faults: list[Fault]) -> Guard | None:
    """Closed by default: what the document protects is not served without its providers."""
    document = operation.node.document
    schemes = security_schemes(document)
    wrong = [_undeclared(operation, name) for name in unknown_schemes(operation, schemes)]
    faults += wrong
    required = None if wrong else alternatives(operation, schemes)
    if required is None:
        return None
    if () in required:  # anybody may pass, so nobody has to be able to show who he is
        known = options.security
        required = tuple(one for one in required if all(each.scheme.name in known for each in one))
        if not any(required):
            return None
    needed = {one.scheme.name: one.scheme for each in required for one in each}
    for scheme in needed.values():
        if scheme.name not in options.security:
            message = f"operation {operation.id} is behind {scheme.name}, which has no provider"
            cure = (
                f"App(..., security={{{scheme.name!r}: provider}}); or leave it without a handler:"
                f" App(..., missing={{{operation.id!r}}})"
            )
            faults.append(operation.node.fault(message, cure))
    realm, limit = str(document.root.value["info"]["title"]), options.limits.max_parameters
    return Guard(required, options.security, realm, limit)


def _undeclared(operation: Operation, name: str) -> Fault:
    message = f"operation {operation.id} is behind {name}, which is no scheme of the document"
    return operation.node.fault(message, "declare it in components.securitySchemes")


def _principals(operation: Operation, options: Options) -> tuple[type, ...] | None:
    """The types of who may call; None where anybody may, unseen."""
    names = {name for requirement in operation.security or () for name in requirement}
    if not names:
        return None
    providers = [options.security[name] for name in sorted(names) if name in options.security]
    return tuple(kind for one in providers for kind in principal_types(one))


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
