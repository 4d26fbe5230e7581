"""A real app, and the world around it that does what a plan says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from functools import partial
from random import Random
from typing import Any, Final

from benchmarks.simulation.calls import METHODS, Call
from benchmarks.simulation.changes import Change
from benchmarks.simulation.door import GUARDED, Door, guard, settings
from benchmarks.simulation.handlers import Troupe
from benchmarks.simulation.hosts import Host
from benchmarks.simulation.loop import Circle, Loop
from benchmarks.simulation.plan import OPERATIONS, Action, Behaviour, Plan
from benchmarks.simulation.rules import Rules
from benchmarks.simulation.stream_rules import StreamRules
from brrt import App

ITEM: Final = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
DOOR: Final = {"type": "http", "scheme": "bearer"}
JSON: Final[dict[str, Any]] = {"application/json": {}}
CONTENT: Final[dict[str, Any]] = {
    "flow": {"application/jsonl": {"itemSchema": ITEM}},
    "feed": {"text/event-stream": {}},
}


def document(
    edition: int,
    without: str | None = None,
    workers: int | None = None,
    guarded: bool = False,
) -> dict[str, Any]:
    """An edition of the document, perhaps without one of the operations, or with other workers."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        if operation != without:
            path = f"/{operation}" if operation == "make" else f"/{operation}/{{n}}"
            said = _operation(operation, edition, workers)
            if guarded and operation == GUARDED:
                said = guard(said)
            paths[path] = {METHODS[operation].lower(): said}
    info = {"title": "Simulation", "version": str(edition)}
    made = {"openapi": "3.2.0", "info": info, "paths": paths}
    return made | {"components": {"securitySchemes": {"door": DOOR}}} if guarded else made


def _operation(name: str, edition: int, workers: int | None) -> dict[str, Any]:
    whole: dict[str, Any] = {"type": "integer"}
    said: dict[str, Any] = {
        "operationId": name,
        "x-edition": edition,
        "responses": {"200": {"description": "ok", "content": CONTENT.get(name, JSON)}},
    }
    if name == "make":
        schema = {"type": "object", "properties": {"n": whole}, "required": ["n"]}
        said["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    else:
        said["parameters"] = [{"name": "n", "in": "path", "required": True, "schema": whole}]
    workers = 1 if name == "turn" else workers
    return said | ({} if workers is None else {"x-brrt-workers": workers})


class State:
    """What the user's lifespan yields."""


class Scene:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = Loop(Random(plan.seed), plan.shuffle)  # type: ignore[abstract]
        self.calls: dict[int, Call] = {}
        self.changes: dict[int, Change] = {}
        self.hosts: list[Host] = []
        self.failures: list[tuple[str, str]] = []
        self.notes: list[tuple[float, int, str]] = []
        self.vandals = 0
        self.is_over = False
        self.closings = 0  # whoever holds the app open
        self.edition = 1
        self.troupe = Troupe(self)
        self.door = Door(self)
        handlers = self.troupe.handlers(*OPERATIONS)
        self.app = App(
            *(document(1, guarded=plan.guarded), handlers),
            limits=plan.limits,
            lifespan=self._lifespan,
            missing=plan.missing or (),
            security={"door": self.door} if plan.guarded else {},
            **settings(plan.guarded),
        )
        self.stream_rules = StreamRules(self)
        self.rules = Rules(self)
        self.loop.watch = self.rules.after_step
        for action in plan.actions:
            self.loop.inject(action.when, action.steps, partial(self._act, action))

    def note(self, text: str) -> None:
        """Something happened."""
        self.notes.append((self.loop.time(), self.loop.steps, text))

    def fail(self, rule: str, text: str) -> None:
        """A rule was broken. The run ends after this step."""
        self.note(f"BROKEN {rule}: {text}")
        self.failures.append((rule, text))

    def shed(self) -> int:
        """Requests that were shed so far."""
        return self.rules.shed()

    @asynccontextmanager
    async def _lifespan(self, _: App) -> AsyncIterator[State]:
        await asyncio.sleep(self.plan.start_time)
        self.note("the app starts")
        self.door.is_shut = False
        yield State()
        self.note("the app has stopped")
        self.door.is_shut = True
        self.rules.check_stop()
        await asyncio.sleep(self.plan.start_time)

    def finish(self) -> None:
        """Everybody leaves; what nobody holds is cancelled, as a loop's runner does."""
        self.note("the end: everybody leaves")
        self.is_over = True
        self.troupe.released.set()
        for host in self.hosts:
            host.leave()
        life = self.app._lifespan._life
        if life is not None and not life.holders:
            life._keeper.cancel()

    def wreck(self) -> None:
        """Get rid of everything after a failure."""
        self.loop.watch = lambda _: None
        self.troupe.released.set()
        with suppress(Circle):
            for _ in range(50):
                for task in list(self.loop.alive):
                    task.cancel()
                self.loop.run_dry()

    # What actions do

    def _act(self, action: Action) -> None:
        if action.verb != "ask":
            self.note(str(action))
        getattr(self, "_" + action.verb.replace(" ", "_"))(action)

    def call(self, operation: str, does: Behaviour) -> Call:
        """A new request that a handler makes."""
        number = 1_000 + len(self.calls)
        made = self.calls[number] = Call(self, number, operation, does, ())
        return made

    def _start(self, coroutine: Any, name: str) -> Any:
        return self.loop.create_task(coroutine, name=f"sim {name}", context=Context())

    def _ask(self, action: Action) -> None:
        what = action.what
        words = what["operation"], what["does"], what["pieces"], what["rests"]
        call = self.calls[action.number] = Call(self, action.number, *words)
        call.task = self._start(call.serve(), f"request {action.number}")
        call.task.add_done_callback(call.end)

    def _hang_up(self, action: Action) -> None:
        if action.of in self.calls:
            self.calls[action.of].hang_up()

    def _cancel(self, action: Action) -> None:
        if action.of in self.calls:
            self.calls[action.of].cancel()
        elif action.of in self.changes:
            self.changes[action.of].cancel()

    def _change(self, action: Action) -> None:
        self._begin(Change(self, action.what), action.number)

    def _close(self, action: Action) -> None:
        self._begin(Change(self, {"kind": "close", "grace": action.what["grace"]}), action.number)

    def _begin(self, change: Change, number: int) -> None:
        self.changes[number] = change
        change.task = self._start(change.run(), f"change {number}")
        change.task.add_done_callback(change.end)

    async def change(self, what: dict[str, Any]) -> None:
        """A change that a handler makes."""
        change = self.changes[1_000 + len(self.changes)] = Change(self, what)
        await change.make()

    def _stall(self, action: Action) -> None:
        self.loop.stall(action.what["seconds"])

    def _enter(self, action: Action) -> None:
        host = Host(self, action.what["road"])
        self.hosts.append(host)
        host.task = self._start(host.hold(), f"host {len(self.hosts)}")

    def _leave(self, action: Action) -> None:
        if self.hosts:
            self.hosts[0 if action.what["first"] else -1].leave()

    def _cancel_host(self, action: Action) -> None:
        if self.hosts and self.hosts[-1].task is not None and not self.hosts[-1].task.done():
            self.hosts[-1].cancelled = True
            self.hosts[-1].task.cancel()

    def _vandalise(self, action: Action) -> None:
        """Cancel a task of the app's own. No promise of mildness holds then, all others do."""
        prey = self._prey()
        if prey:
            self._strike(prey[int(action.what["draw"] * len(prey))])

    def riot(self) -> None:
        """Cancel all tasks of the app but the one that holds it open."""
        for task in self._prey():
            self._strike(task)

    def _prey(self) -> list[Any]:
        names = [(one, one.get_name()) for one in self.loop.alive]
        return [one for one, name in names if name.startswith("brrt ") and "keeper" not in name]

    def _strike(self, task: Any) -> None:
        self.note(f"cancelled by a stranger: {task.get_name()}")
        self.vandals += 1
        task.cancel()
