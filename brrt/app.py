"""The app: what users build, and what servers call.

The way of a request is in `exchange`, what is served and how it changes in `world`; here is the
face that both show.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Any, Final, Self

from brrt.config import Limits, QueuePolicy
from brrt.endpoints import Endpoint, Options
from brrt.envelope import make_envelope
from brrt.errors import ClientGone, LifecycleError
from brrt.exchange import Allowed, Unrouted, respond
from brrt.handlers import Handlers, Registration, given
from brrt.http.additions import ADDITIONS, with_headers
from brrt.http.answers import (
    PAGE_HEADERS,
    Answer,
    ResponseApp,
    Scope,
    Send,
    send_answer,
)
from brrt.http.bodies import Receive
from brrt.http.compression import Compression
from brrt.http.cors import CORS
from brrt.http.cross_origin import Policy
from brrt.http.failures import ErrorMap, Failures
from brrt.http.identities import identify
from brrt.http.outflow import Outflow
from brrt.http.proxies import Proxies, Unmasking
from brrt.http.relays import Relay
from brrt.http.requests import local_path, mount_point, request_path
from brrt.http.responses import Mode
from brrt.http.websockets import refuse
from brrt.lifespan import Life, Lifespan
from brrt.openapi.document import Document, Source
from brrt.openapi.json_encoding import encode_json
from brrt.options import check_options, check_settings
from brrt.outbound.sender import Sender
from brrt.outbound.settings import Outbound
from brrt.rates.settings import RateLimits
from brrt.running import Run
from brrt.runtime.background import Background
from brrt.runtime.statistics import Statistics
from brrt.security.providers import Provider, check_providers
from brrt.world import World, state_type

logger = logging.getLogger("brrt")

HEALTH: Final = "/health"
REQUEST_ID: Final = "X-Request-ID"


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
    - `strict_query`: refuse names in a query that the operation does not know; a single one says
      it for itself with `x-brrt-strict-query`.
    - `base`: the folder that `$ref`s may not leave; by default the document's own.
    - `health`: the path of the health check, None for none. The document's own paths win.
    - `outbound`: how callbacks and webhooks are sent, and where to (`Outbound`).
    - `proxies`: who stands before the app and says who its clients are (`Proxies`). Nobody is
      believed by default.
    - `request_id`: the header in which answers tell the id of their request; None for none.
    - `security`: for each scheme of the document an async function `(credentials, scopes,
      request)` that returns who it is, or None, or a ready one: `ApiKey`, `BasicAuth`, `JWT`,
      `MutualTLS`. A scheme without one cannot be served. Those that have an `aclose` are closed
      when a run has ended.
    - `rates`: how often one client may ask (`RateLimits`); the document's `x-brrt-rate-limit`
      wins.
    - `cors`: which pages of other origins may use the app (`CORS`); none where it is not given.
    - `compression`: compress answers (`Compression`; True for its defaults). Off by default: who
      can put text beside a secret and see how long the answer is, guesses the secret (BREACH), and
      a proxy in front does it as well.

    Raises `SpecError` with all faults: of the document, or, where that has none, of all handlers
    and what the document asks of them. Raises `SettingError` for an option that cannot be.
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
        strict_query: bool = False,
        base: str | PathLike[str] | None = None,
        health: str | None = HEALTH,
        outbound: Outbound | None = None,
        proxies: Proxies | None = None,
        request_id: str | None = REQUEST_ID,
        security: Mapping[str, Provider] | None = None,
        rates: RateLimits | None = None,
        cors: CORS | None = None,
        compression: Compression | bool = False,
    ) -> None:
        mode, edge = validate_responses, {"cors": cors, "compression": compression}
        check_options(document, lifespan, errors, mode, health, strict_query, request_id)
        check_settings(limits=limits, outbound=outbound, proxies=proxies, rates=rates, **edge)
        check_providers(security or {})
        self._limits = limits or Limits()
        self._health = health
        self._unmasking = None if proxies is None else Unmasking(proxies)
        self._request_id = None if request_id is None else request_id.lower().encode()
        self._failures = Failures(errors or {}, self._limits)
        policy = None if cors is None else Policy(cors)
        self._envelope = make_envelope(policy, compression, self._limits)
        options = Options(
            limits=self._limits,
            missing=(missing,) if isinstance(missing, str) else frozenset(missing),
            mode=mode,
            state=state_type(lifespan),
            has_state=lifespan is not None,
            strict_query=strict_query,
            outbound=outbound or Outbound(),
            security=dict(security or {}),
            rates=rates,
            policy=policy,
        )
        self._world = World(document, handlers, options, base, strict)
        self._lifespan = Lifespan(partial(self._world.session, lifespan, self))
        self._entered: list[tuple[Any, Life]] = []  # and by which task

    def __repr__(self) -> str:
        run = self._world.run
        state = repr(run.registry) if run else "not running"
        return f"<App {self.document.uri}, {len(self.endpoints)} operations: {state}>"

    # Requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        kind = scope["type"]
        if kind == "http":
            if self._unmasking is not None:
                scope = self._unmasking.unmask(scope)
            identify(scope, self._request_id)
            if self._envelope is None:
                await self._http(scope, receive, send)
            else:
                current = self._world.current
                await self._envelope.serve(self._http, current, scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan.protocol(receive, send)
        elif kind == "websocket":
            await refuse(scope, receive, send, self._world.current.router, self._limits)
        else:
            raise NotImplementedError(f"brrt does not speak {kind!r}; it serves http and lifespan")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer exactly once, whatever happens."""
        run = self._world.run
        answer: Answer | ResponseApp | Outflow
        try:
            if run is None or not run.is_here():
                run = await self._wake()
            answer = await respond(run, scope, receive)
        except ClientGone:
            return
        except Exception as error:
            answer = self._instead(error, scope)
            error.__traceback__ = None  # it holds the frames that hold it: a cycle for each failure
        added = scope[ADDITIONS]
        if isinstance(answer, Answer):
            await send_answer(answer, send, scope["method"] == "HEAD", added)
            return
        send = with_headers(send, added)
        if isinstance(answer, Outflow):
            with suppress(ClientGone):
                await answer.send(send, head=scope["method"] == "HEAD")
        elif run is not None:
            await self._relay(run, answer, scope, receive, send)

    async def _relay(
        self, run: Run, response: ResponseApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let a response send itself; one that fails before it has begun becomes a 500."""
        relay = Relay(response, run.stream_patience, send)
        try:
            await relay.run(scope, receive)
        except Exception as error:
            if relay.begun:
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
        if self._world.run is None:
            raise LifecycleError("the app is stopping")
        return self._world.run

    # Health

    def _is_health(self, scope: Scope, error: Exception) -> bool:
        """Whether this is a health check that no path of the document took."""
        if self._health is None or scope["method"] not in ("GET", "HEAD"):
            return False
        if not isinstance(error, (Unrouted, LifecycleError)):
            return False
        path = request_path(scope)
        return self._health in (path, local_path(path, mount_point(scope)))

    def _health_answer(self) -> Answer:
        """Active tasks beside handlers: at rest the two are equal."""
        now = self.statistics()
        status = 200 if now.running else 503
        document = {
            "status": "ok" if now.running else "not running",
            "handlers": len(self._world.current.pool_map()),
            "active": now.total.active,
            "busy": now.total.busy,
            "queued": now.total.queued,
            "streams": now.total.streams.active,
            "background": now.background.active,
            "spawned": now.total.spawned,
            "terminated": now.total.terminated,
            "generation": now.generation,
        }
        body = encode_json(document)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *PAGE_HEADERS,
        ]
        return Answer(status, headers, body)

    # Life

    async def __aenter__(self) -> Self:
        life = await self._lifespan.enter()
        self._entered.append((asyncio.current_task(), life))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._lifespan.exit(self._left())

    def _left(self) -> Life:
        """What the task that leaves has entered; what was entered last, if others leave for it."""
        task, entered = asyncio.current_task(), self._entered
        own = (index for index in reversed(range(len(entered))) if entered[index][0] is task)
        return entered.pop(next(own, -1))[1]

    def lifespan(self, host: Any = None) -> AbstractAsyncContextManager[None]:
        """For a host's own lifespan: `Starlette(lifespan=app.lifespan)`."""
        return self._lifespan.manager(host)

    async def aclose(self, *, grace: float | None = None) -> None:
        """Stop now, whoever holds the app open: drain under `grace`, then end every task.

        `grace`, in seconds, is that of the limits where none is given; given while the app is
        stopping, it counts from then on. Called inside one of the app's own handlers, it starts
        the stop and does not wait for it.
        """
        run = self._world.run
        if grace is not None and run is not None:
            run.grant(grace)
        inside = run is not None and run.registry.serves_caller()
        await self._lifespan.close(wait=not inside)

    def send_away(self) -> None:
        """End the streams of events whose clients come back by themselves, now and from now on.

        For a server that is about to stop and waits for its connections first; `brrt run` does
        it when it is told to stop.
        """
        if self._world.run is not None:
            self._world.run.registry.send_away()

    @property
    def background(self) -> Background:
        """Tasks beside the requests. Raises `LifecycleError` while the app does not run."""
        if self._world.run is None:
            raise LifecycleError("the app does not run, so it has no background tasks")
        return self._world.run.registry.background

    @property
    def sender(self) -> Sender:
        """What sends the document's callbacks and webhooks, for whoever is no handler.

        Raises `LifecycleError` while the app does not run, and `MissingExtra`.
        """
        if self._world.run is None:
            raise LifecycleError("the app does not run, so it sends nothing")
        return self._world.run.sender()

    # Changes

    @property
    def document(self) -> Document:
        """The document that is served now."""
        return self._world.current.document

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The operations that are served now, in the document's order, with their handlers."""
        return self._world.current.endpoints

    @property
    def limits(self) -> Limits:
        """The app's own limits; an endpoint may have others."""
        return self._limits

    def statistics(self) -> Statistics:
        """What every handler has done and is doing. After the end: the last figures."""
        return self._world.statistics()

    async def replace(
        self,
        name: str,
        handler: Callable[..., Any],
        *,
        workers: int | None = None,
        queue_size: int | None = None,
        queue_policy: QueuePolicy | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the handler's, not this call's
        max_body: int | None = None,
        max_upload: int | None = None,
        streams: int | None = None,
    ) -> None:
        """Serve an operation with another handler from now on.

        `name` is the operationId or its snake_case form; the limits are the handler's own, as in
        the decorator. Returns when every task of the old handler has ended; what it had accepted
        it finishes within `grace`. Called inside that very handler, it does not wait for it.

        Raises `LifecycleError` for an unknown operation, `SpecError` if the handler does not
        fit; then nothing has changed.
        """
        limits = given(
            workers=workers,
            queue_size=queue_size,
            queue_policy=queue_policy,
            timeout=timeout,
            max_body=max_body,
            max_upload=max_upload,
            streams=streams,
        )
        await self._world.exchange(name, Registration(name, handler, limits))

    async def remove(self, name: str) -> None:
        """Serve an operation no more: it answers 501. Waits for the old tasks like `replace`."""
        await self._world.exchange(name, None)

    async def reload(
        self,
        document: Source | None = None,
        handlers: Handlers | Iterable[Handlers] | None = None,
    ) -> None:
        """Serve another document, other handlers, or both; without arguments, read the file again.

        All or nothing: a fault raises `SpecError`, names every fault, and changes nothing. A
        handler that stays the same keeps its tasks. Returns when every displaced task has ended.
        """
        await self._world.reload(document, handlers)
