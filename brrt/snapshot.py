"""A document and its handlers compiled into one immutable value.

A snapshot is built completely, off the event loop if need be, before anybody sees it; then one
assignment publishes it. A request reads it once and so sees one world only. All faults of the
document and of all handlers are found here, together.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from brrt.endpoints import Endpoint, Options, add_schemas, make_endpoint, make_served, stream_faults
from brrt.errors import Fault, SpecError
from brrt.handlers import Registration
from brrt.http.sources import find_stream
from brrt.openapi.document import Document
from brrt.openapi.operations import Operation, operations
from brrt.openapi.outgoing import outgoing
from brrt.openapi.routing import Router
from brrt.openapi.schemas import Schemas
from brrt.openapi.security import security_schemes
from brrt.outbound.hooks import Hooks
from brrt.outbound.hooks import add_schemas as add_outgoing_schemas
from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry

ALL_MISSING = "501"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All endpoints, the way to them, and the pools that serve them.

    `pools` has the place of `endpoints`; it is empty until the app runs. `hooks` are what the app
    itself may send. `has_policies`: some operation tells pages of other origins something of its
    own.
    """

    document: Document
    schemas: Schemas
    hooks: Hooks
    router: Router[int]
    endpoints: tuple[Endpoint, ...]
    pools: tuple[Pool | None, ...]
    has_policies: bool = False

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
        served = make_served(old.operation, registration, self.schemas, options, faults)
        faults += stream_faults(old.responder, registration)
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
    operations that the document does not have are left out rather than refused, and so are
    providers of schemes that it does not have.
    """
    found = operations(document)
    missing = options.missing
    providers: Collection[str] = list(options.security)
    if faults is None:
        providers = ()
        names = {alias for one in found for alias in (one.id, one.name)} | {ALL_MISSING}
        registrations = {name: one for name, one in registrations.items() if name in names}
        missing = [one for one in missing if one in names]
    faults = [
        *(faults or ()),
        *_name_faults(found),
        *_match_faults(found, registrations, missing),
        *_provider_faults(document, providers),
    ]
    sent, wrong = outgoing(document, found)
    faults += wrong
    schemas = Schemas(document)
    for operation in found:
        add_schemas(operation, schemas, options.mode)
    add_outgoing_schemas(sent, schemas)
    endpoints = tuple(
        make_endpoint(operation, registrations.get(operation.name), schemas, options, faults)
        for operation in found
    )
    router = _route(found, faults)
    if faults:
        raise SpecError(faults)
    has_policies = any(one.policy != options.policy for one in endpoints)
    hooks = Hooks(sent, schemas)
    return Snapshot(document, schemas, hooks, router, endpoints, (), has_policies)


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


def _provider_faults(document: Document, providers: Collection[str]) -> list[Fault]:
    """Providers of schemes that the document does not have."""
    known = security_schemes(document)
    faults: list[Fault] = []
    for name in providers:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            cure = f"did you mean {close[0]}?" if close else f"it has: {', '.join(known) or 'none'}"
            faults.append(Fault(f"security[{name!r}]: the document has no such scheme", cure))
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
