"""The app: what is built from a document and handlers, and how its life is changed.

A change builds a new snapshot completely, publishes it with one assignment, and only then
retires what it displaced. Changes come one after the other; requests never wait for them.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from os import PathLike
from types import TracebackType
from typing import Any, Final, Self, get_args, get_type_hints

from anyio import CancelScope

from brrt.config import Limits
from brrt.errors import Fault, LifecycleError, SpecError
from brrt.exchange import Allowed, Run, Unrouted, respond
from brrt.handlers import Handlers, Registration, merge
from brrt.http.bodies import ClientGone, Receive
from brrt.http.failures import ErrorMap, Failures
from brrt.http.requests import Scope, local_path, request_path
from brrt.http.responses import Answer, Mode, ResponseApp, Send, encode_json, send_answer
from brrt.lifespan import Lifespan
from brrt.openapi.document import Document, Source, load
from brrt.openapi.operations import snake_case
from brrt.runtime.patience import Patience
from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry
from brrt.runtime.statistics import Statistics
from brrt.snapshot import Endpoint, Options, Snapshot, compile_snapshot

logger = logging.getLogger("brrt")

HEALTH: Final = "/health"
# WebSocket close code 1008, "policy violation" (RFC 6455, section 7.4.1).
WEBSOCKET_REFUSED: Final = 1008


class App:
    """An ASGI app made from an OpenAPI document and async handlers. Complete when built.

    `document` is a path, a text or a mapping; `handlers` one collection or several.

    - `limits`: what is bounded, and where (`Limits`); the environment and defaults otherwise.
    - `lifespan`: an async context manager function; it is called with the app, and what it
      yields is injected by type into handlers. It is entered before the workers start.
    - `errors`: statuses, or functions that make a `Problem`, for exception classes of the user.
    - `missing`: operations that may be without a handler and answer 501; `"501"` for all.
    - `strict`: refuse a document that breaks the specification in ways that would not prevent
      serving it; with False these become `app.document.warnings`.
    - `validate_responses`: `"strict"` (a broken promise becomes a 500), `"warn"` or `"off"`.
    - `base`: the folder that `$ref`s may not leave; by default the document's own.
    - `health`: the path of the health check, None for none. The document's own paths win.

    Raises `SpecError` with all faults of the document and the handlers together.
    """

    def __init__(
        self,
        document: Source,
        handlers: Handlers | Iterable[Handlers] = (),
        *,
        limits: Limits | None = None,
        lifespan: Callable[[Any], Any] | None = None,
        errors: ErrorMap | None = None,
        missing: str | Collection[str] = (),
        strict: bool = True,
        validate_responses: Mode = "strict",
        base: str | PathLike[str] | None = None,
        health: str | None = HEALTH,
    ) -> None:
        self._limits = limits or Limits()
        self._source, self._base, self._strict = document, base, strict
        self._health = health
        self._user_lifespan = lifespan
        self._options = Options(
            limits=self._limits,
            missing=missing,
            mode=validate_responses,
            state=_state_type(lifespan),
            has_state=lifespan is not None,
        )
        self._failures = Failures(errors or {}, self._limits)
        self._registrations, faults = merge(handlers)
        self._blueprint = self._compile(document, self._registrations, faults)
        self._run: Run | None = None
        self._lifespan = Lifespan(self._session)
        self._changing: tuple[asyncio.AbstractEventLoop | None, asyncio.Lock]
        self._changing = None, asyncio.Lock()
        self._last_statistics: Statistics | None = None

    def __repr__(self) -> str:
        state = repr(self._run.registry) if self._run else "not running"
        return f"<App {self.document.uri}, {len(self._blueprint.endpoints)} operations: {state}>"

    # Requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan.protocol(receive, send)
        elif kind == "websocket":
            await receive()
            reason = "this app serves HTTP only"
            await send({"type": "websocket.close", "code": WEBSOCKET_REFUSED, "reason": reason})
        else:
            raise NotImplementedError(f"brrt does not speak {kind!r}; it serves http and lifespan")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer exactly once, whatever happens."""
        run = self._run
        answer: Answer | ResponseApp
        try:
            if run is None or run.loop is not asyncio.get_running_loop():
                run = await self._wake()
            answer = await respond(run, scope, receive)
        except ClientGone:
            return
        except Exception as error:
            answer = self._instead(error, scope)
            error.__traceback__ = None  # it holds the frames that hold it: a cycle for each failure
        if isinstance(answer, Answer):
            await send_answer(answer, send, scope["method"] == "HEAD")
        else:
            await self._relay(answer, scope, receive, send)

    async def _relay(
        self, response: ResponseApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let a response send itself; one that fails before it has begun becomes a 500."""
        begun = False

        async def watched(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await response(scope, receive, watched)
        except Exception as error:
            if begun:
                raise
            await send_answer(self._instead(error, scope), send, scope["method"] == "HEAD")

    def _instead(self, error: Exception, scope: Scope) -> Answer:
        """What is answered where no handler gave an answer."""
        if isinstance(error, Allowed):
            return error.answer
        if self._is_health(scope, error):
            return self._health_answer()
        return self._failures.answer(error, scope)

    async def _wake(self) -> Run:
        await self._lifespan.ensure()
        if self._run is None:
            raise LifecycleError("the app is stopping")
        return self._run

    # Health

    def _is_health(self, scope: Scope, error: Exception) -> bool:
        """Whether this is a health check that no path of the document took."""
        if self._health is None or scope["method"] not in ("GET", "HEAD"):
            return False
        if not isinstance(error, (Unrouted, LifecycleError)):
            return False
        path, root = request_path(scope), scope.get("root_path", "")
        return self._health in (path, local_path(path, root))

    def _health_answer(self) -> Answer:
        """Active tasks beside handlers: at rest the two are equal."""
        now = self.statistics()
        status = 200 if now.running else 503
        document = {
            "status": "ok" if now.running else "stopping",
            "handlers": len(self._current.pool_map()),
            "active": now.total.active,
            "busy": now.total.busy,
            "queued": now.total.queued,
            "spawned": now.total.spawned,
            "terminated": now.total.terminated,
            "generation": now.generation,
        }
        body = encode_json(document)
        headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(body)),
        ]
        return Answer(status, headers, body)

    # Life

    async def __aenter__(self) -> Self:
        await self._lifespan.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._lifespan.exit()

    def lifespan(self, host: Any = None) -> AbstractAsyncContextManager[None]:
        """For a host's own lifespan: `Starlette(lifespan=app.lifespan)`."""
        return self._lifespan.manager(host)

    async def aclose(self, *, grace: float | None = None) -> None:
        """Stop now, whoever holds the app open: drain under `grace`, then end every task.

        `grace`, in seconds, is that of the limits where none is given. Called inside one of
        the app's own handlers, it starts the stop and does not wait for it.
        """
        if grace is not None and self._run is not None:
            self._run.registry.limits = replace(self._limits, grace=grace)
        inside = self._run is not None and self._run.registry.serves_caller()
        await self._lifespan.close(wait=not inside)

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[None, None]:
        """The user's lifespan around the workers' life."""
        async with _enter(self._user_lifespan, self) as state:
            self._check_state(state)
            registry, patience = Registry(self._limits), Patience(self._limits.timeout)
            try:
                snapshot = self._blueprint.with_pools(registry, None)
                registry.swap(snapshot.pool_map())
                loop = asyncio.get_running_loop()
                self._run = Run(snapshot, registry, self._limits, state, loop, patience)
                yield
            finally:
                await self._end(registry)
                patience.close()

    async def _end(self, registry: Registry) -> None:
        """End every task, even if a task group of the user's lifespan has cancelled the keeper."""
        try:
            with CancelScope(shield=True):
                await registry.aclose()
        finally:
            self._last_statistics = registry.statistics()
            self._run = None

    def _check_state(self, state: Any) -> None:
        """What the lifespan yielded must be what the handlers ask for."""
        for endpoint in self._blueprint.endpoints:
            for name, kind in endpoint.served.injected.items() if endpoint.served else ():
                if isinstance(kind, type) and not isinstance(state, kind):
                    raise LifecycleError(
                        f"handler {endpoint.name} asks for {name}: {kind.__qualname__}, but the"
                        f" lifespan yielded {type(state).__qualname__}"
                    )

    # Changes

    @property
    def document(self) -> Document:
        """The document that is served now."""
        return self._current.document

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The operations that are served now, in the document's order, with their handlers."""
        return self._current.endpoints

    @property
    def limits(self) -> Limits:
        """The app's own limits; an endpoint may have others."""
        return self._limits

    @property
    def _current(self) -> Snapshot:
        return self._run.snapshot if self._run else self._blueprint

    def statistics(self) -> Statistics:
        """What every handler has done and is doing. After the end: the last figures."""
        if self._run is not None:
            return self._run.registry.statistics()
        return self._last_statistics or Registry(self._limits, running=False).statistics()

    async def replace(self, name: str, handler: Callable[..., Any], **limits: float) -> None:
        """Serve an operation with another handler from now on.

        `name` is the operationId or its snake_case form; `limits` are the handler's own, as in
        the decorator. Returns when every task of the old handler has ended; what it had accepted
        it finishes within `grace`. Called inside that very handler, it does not wait for it.

        Raises `LifecycleError` for an unknown operation, `SpecError` if the handler does not
        fit; then nothing has changed.
        """
        await self._exchange_handler(name, Registration(name, handler, limits))

    async def remove(self, name: str) -> None:
        """Serve an operation no more: it answers 501. Waits for the old tasks like `replace`."""
        await self._exchange_handler(name, None)

    async def _exchange_handler(self, name: str, registration: Registration | None) -> None:
        async with self._turn():
            snapshot = self._current
            index = snapshot.index(snake_case(name))
            if index is None:
                raise LifecycleError(f"the document has no operation {name!r}")
            changed = snapshot.with_handler(index, registration, self._options)
            displaced = await self._publish(changed)
            known = {
                key: one for key, one in self._registrations.items() if key != snake_case(name)
            }
            self._registrations = known | ({snake_case(name): registration} if registration else {})
        await self._retired(displaced)

    async def reload(
        self,
        document: Source | None = None,
        handlers: Handlers | Iterable[Handlers] | None = None,
    ) -> None:
        """Serve another document, other handlers, or both; without arguments, read the file again.

        All or nothing: a fault raises `SpecError`, names every fault, and changes nothing. A
        handler that stays the same keeps its tasks. Returns when every displaced task has ended.
        """
        async with self._turn():
            source = self._source if document is None else document
            known, faults = (self._registrations, None) if handlers is None else merge(handlers)
            compiled = await asyncio.to_thread(self._compile, source, known, faults)
            displaced = await self._publish(compiled)
            self._source, self._registrations = source, known
        logger.info("Reloaded %s", self.document.uri)
        await self._retired(displaced)

    def _compile(
        self, source: Source, known: Mapping[str, Registration], faults: list[Fault] | None
    ) -> Snapshot:
        """Check everything, faults of the document and of the handlers together.

        `faults` are those of the handlers so far; with None, handlers that the document does
        not know (any more) are left out.
        """
        document = load(source, base=self._base, strict=self._strict)
        try:
            return compile_snapshot(document, known, self._options, faults)
        except SpecError as error:
            raise SpecError(error.faults, document.files) from None

    def _turn(self) -> asyncio.Lock:
        """What makes changes come one after the other, in the loop in which the app runs."""
        loop = asyncio.get_running_loop()
        if self._run is not None and self._run.loop is not loop:
            if not self._run.loop.is_closed():
                raise LifecycleError("the app is running in another event loop; change it there")
            self._run = None
        if self._changing[0] is not loop:
            self._changing = loop, asyncio.Lock()
        return self._changing[1]

    async def _publish(self, snapshot: Snapshot) -> list[Pool]:
        """Make a snapshot the current one: start the new, swap, close the old."""
        run = self._run
        if run is None:
            self._blueprint = snapshot
            return []
        draft = snapshot.with_pools(run.registry, run.snapshot)
        await run.registry.make_way(draft.pool_map())
        changed = snapshot.with_pools(run.registry, run.snapshot)
        displaced = run.registry.swap(changed.pool_map())
        run.snapshot, self._blueprint = changed, replace(snapshot, pools=())
        return displaced

    async def _retired(self, displaced: list[Pool]) -> None:
        if self._run is not None:
            await self._run.registry.wait_retired(displaced)


def _state_type(lifespan: Callable[[Any], Any] | None) -> type | None:
    """The type that a lifespan yields, read off its annotation `AsyncIterator[T]`."""
    if lifespan is None:
        return None
    try:
        hint = get_type_hints(inspect.unwrap(lifespan)).get("return")
    except (NameError, TypeError):
        return None
    inner = get_args(hint)
    return inner[0] if inner and isinstance(inner[0], type) else None


@asynccontextmanager
async def _enter(lifespan: Callable[[Any], Any] | None, app: App) -> AsyncGenerator[Any, None]:
    if lifespan is None:
        yield None
        return
    if inspect.isasyncgenfunction(lifespan):
        lifespan = asynccontextmanager(lifespan)
    async with lifespan(app) as state:
        yield state
