"""What is served now, and how that is changed.

A change builds a new snapshot completely, publishes it with one assignment, and only then
retires what it displaced. Changes come one after the other; requests never wait for them.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from contextvars import copy_context
from dataclasses import replace
from os import PathLike
from typing import Any, get_args, get_type_hints

from anyio import CancelScope

from brrt.endpoints import Options
from brrt.errors import Fault, LifecycleError, SpecError
from brrt.handlers import Handlers, Registration, merge
from brrt.openapi.document import Source, load
from brrt.openapi.operations import snake_case
from brrt.running import Run
from brrt.runtime.patience import Patience
from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry
from brrt.runtime.statistics import Statistics
from brrt.security.providers import Holdings
from brrt.snapshot import Snapshot, compile_snapshot

logger = logging.getLogger("brrt")

UserLifespan = Callable[[Any], Any]


class World:
    """The document and the handlers of one app, compiled, and, while it runs, their pools.

    `blueprint` is what the next run starts from; `run` is the present one. `source`, `base` and
    `strict` say what the document is read from and how.
    """

    def __init__(
        self,
        source: Source,
        handlers: Handlers | Iterable[Handlers],
        options: Options,
        base: str | PathLike[str] | None,
        strict: bool,
    ) -> None:
        self._source, self._base, self._strict = source, base, strict
        self._options = options
        self._registrations, faults = merge(handlers)
        self._removed: frozenset[str] = frozenset()
        self.blueprint = self._compile(source, self._registrations, faults)
        self.run: Run | None = None
        self._changing: tuple[asyncio.AbstractEventLoop | None, asyncio.Lock]
        self._changing = None, asyncio.Lock()
        self._registry = Registry(options.limits, running=False)
        self._aside = _thread()

    @property
    def current(self) -> Snapshot:
        """The snapshot that is served now, or will be after the start."""
        return self.run.snapshot if self.run else self.blueprint

    def statistics(self) -> Statistics:
        """The figures of the present run, or of the last one."""
        return self._registry.statistics()

    # The life of a run

    @asynccontextmanager
    async def session(self, lifespan: UserLifespan | None, app: Any) -> AsyncGenerator[None, None]:
        """One run: the user's lifespan around the workers' life."""
        limits = self._options.limits
        async with _enter(lifespan, app) as state:
            _check_state(self.blueprint, state)
            registry, patience = Registry(limits), Patience(limits.timeout)
            uploads, streams = Patience(limits.upload_timeout), Patience(limits.stream_timeout)
            try:
                self._registry = registry
                self.run = Run(
                    self._first(registry),
                    registry,
                    limits,
                    state,
                    asyncio.get_running_loop(),
                    patience,
                    uploads,
                    streams,
                    self._options.outbound,
                    Holdings(self._options.security),
                    rates=self._options.rates,
                )
                self.run.holdings.begin_run()
                yield
            finally:
                await self._end(registry)
                patience.close()
                uploads.close()
                streams.close()

    def _first(self, registry: Registry) -> Snapshot:
        """The blueprint with pools that run. `session` lasts too long to keep it in a variable."""
        snapshot = self.blueprint.with_pools(registry, None)
        registry.swap(snapshot.pool_map())
        return snapshot

    async def _end(self, registry: Registry) -> None:
        """End every task, even if a task group of the user's lifespan has cancelled the keeper."""
        run = self.run
        try:
            with CancelScope(shield=True):
                await registry.aclose()
                if run is not None:
                    await run.finish()
        finally:
            self.run = None
            self._aside.shutdown(wait=False)
            self._aside = _thread()

    # Changes

    async def exchange(self, name: str, registration: Registration | None) -> None:
        """Serve an operation with another handler, or with none."""
        key = snake_case(name)
        with self._change():
            await self._exchange(name, key, registration)

    async def _exchange(self, name: str, key: str, registration: Registration | None) -> None:
        async with self._turn():
            index = self.current.index(key)
            if index is None:
                raise LifecycleError(f"the document has no operation {name!r}")
            changed = self.current.with_handler(index, registration, self._options)
            displaced = await self._publish(changed)
            self._remember(key, registration)
        await self._retired(displaced)

    def _remember(self, key: str, registration: Registration | None) -> None:
        """What the next reload of the document keeps: this handler, or that there is none."""
        known = {name: one for name, one in self._registrations.items() if name != key}
        if registration is None:
            self._registrations, self._removed = known, self._removed | {key}
        else:
            self._registrations = known | {key: registration}
            self._removed -= {key}

    async def reload(
        self, document: Source | None, handlers: Handlers | Iterable[Handlers] | None
    ) -> None:
        """Serve another document, other handlers, or both."""
        with self._change():
            await self._reload(document, handlers)

    async def _reload(
        self, document: Source | None, handlers: Handlers | Iterable[Handlers] | None
    ) -> None:
        async with self._turn():
            source = self._source if document is None else document
            known, faults = (self._registrations, None) if handlers is None else merge(handlers)
            compiled = await self._compile_aside(source, known, faults)
            displaced = await self._publish(compiled)
            self._source, self._registrations = source, known
            if handlers is not None:
                self._removed = frozenset()
        logger.info("Reloaded %s", self.current.document.uri)
        await self._retired(displaced)

    async def _compile_aside(
        self, source: Source, known: Mapping[str, Registration], faults: list[Fault] | None
    ) -> Snapshot:
        """Compile off the event loop, always in the same thread.

        C libraries keep what is freed apart for each thread that allocated it, so a pool of
        threads that take turns would come to hold as many times the memory of one.
        """
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._aside, lambda: context.run(self._compile, source, known, faults)
        )

    def _compile(
        self, source: Source, known: Mapping[str, Registration], faults: list[Fault] | None
    ) -> Snapshot:
        """Check everything, faults of the document and of the handlers together.

        `faults` are those of the handlers so far. With None the handlers are those that were
        there: what the document does not know any more is left out, and what was removed may
        be missing.
        """
        try:
            document = load(source, base=self._base, strict=self._strict)
        except SpecError as error:
            raise SpecError([*(faults or ()), *error.faults], error.files) from None
        options = self._options
        if faults is None:
            options = replace(options, missing={*options.missing, *self._removed})
        try:
            return compile_snapshot(document, known, options, faults)
        except SpecError as error:
            raise SpecError(error.faults, document.files) from None
        except RecursionError:
            message = "the schemas of the document hold each other too deeply"
            fault = document.root.fault(message, "let fewer than some hundred follow each other")
            raise SpecError([fault], document.files) from None

    def _change(self) -> AbstractContextManager[None]:
        return self.run.registry.change() if self.run else nullcontext()

    def _turn(self) -> asyncio.Lock:
        """What makes changes come one after the other, in the loop in which the app runs."""
        loop = asyncio.get_running_loop()
        if self.run is not None and self.run.loop is not loop:
            if not self.run.loop.is_closed():
                raise LifecycleError("the app is running in another event loop; change it there")
            self.run = None
        if self._changing[0] is not loop:
            self._changing = loop, asyncio.Lock()
        return self._changing[1]

    async def _publish(self, snapshot: Snapshot) -> list[Pool]:
        """Make a snapshot the current one: start the new, swap, close the old."""
        run = self.run
        if run is None:
            self.blueprint = snapshot
            return []
        _check_state(snapshot, run.state)
        draft = snapshot.with_pools(run.registry, run.snapshot)
        await run.registry.make_way(draft.pool_map())
        changed = snapshot.with_pools(run.registry, run.snapshot)
        displaced = run.registry.swap(changed.pool_map())
        run.snapshot, self.blueprint = changed, replace(snapshot, pools=())
        return displaced

    async def _retired(self, displaced: list[Pool]) -> None:
        if self.run is not None:
            await self.run.registry.wait_retired(displaced)


def _thread() -> ThreadPoolExecutor:
    """A thread that starts when it is first needed."""
    return ThreadPoolExecutor(1, thread_name_prefix="brrt compile")


def _check_state(snapshot: Snapshot, state: Any) -> None:
    """What the lifespan yielded must be what the handlers ask for."""
    for endpoint in snapshot.endpoints:
        for name, kind in endpoint.served.injected.items() if endpoint.served else ():
            if isinstance(kind, type) and not isinstance(state, kind):
                raise LifecycleError(
                    f"handler {endpoint.name} asks for {name}: {kind.__qualname__}, but the"
                    f" lifespan yielded {type(state).__qualname__}"
                )


def state_type(lifespan: UserLifespan | None) -> type | None:
    """The type that a lifespan yields, read off its annotation `AsyncIterator[T]`."""
    if lifespan is None:
        return None
    try:
        hint = get_type_hints(inspect.unwrap(lifespan)).get("return")
    except (NameError, TypeError):
        return None
    inner = get_args(hint)
    says = inner and isinstance(inner[0], type) and inner[0] not in (Any, object)
    return inner[0] if says else None


@asynccontextmanager
async def _enter(lifespan: UserLifespan | None, app: Any) -> AsyncGenerator[Any, None]:
    if lifespan is None:
        yield None
        return
    if inspect.isasyncgenfunction(lifespan):
        lifespan = asynccontextmanager(lifespan)
    async with lifespan(app) as state:
        yield state
