"""What must be served: every change that was published, made again in a model of a few lines."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks.simulation.plan import OPERATIONS, Plan

if TYPE_CHECKING:
    from benchmarks.simulation.changes import Change

# The handler of an operation: its serial, and the workers that were asked for with it.
Known = dict[str, tuple[int, int | None]]
# What is served for an operation: the edition of the document, the handler, and its workers.
Service = tuple[int, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Expected:
    """The document, the handlers that are known, and the operations that may be without one."""

    plan: Plan
    known: Known
    edition: int = 1
    without: str | None = None
    workers: int | None = None
    removed: frozenset[str] = frozenset()

    @property
    def operations(self) -> tuple[str, ...]:
        """What the document has."""
        return tuple(one for one in OPERATIONS if one != self.without)

    @property
    def is_faulty(self) -> bool:
        """Whether an operation lacks a handler that nobody took away."""
        lacking = set(self.operations) - self.known.keys() - self.removed
        return self.plan.missing != "501" and bool(lacking)

    def serves(self) -> dict[str, Service]:
        """What is served by operation."""
        return {one: self._service(one) for one in self.operations}

    def _service(self, operation: str) -> Service:
        if operation not in self.known:
            return self.edition, None, None
        serial, workers = self.known[operation]
        said = 1 if operation == "turn" else self.workers
        return self.edition, serial, workers or said or self.plan.limits.workers

    def after(self, change: "Change") -> "Expected":
        """The same with a change."""
        what = change.what
        if what["kind"] == "reload":
            return self._reloaded(what, change)
        operation = what["operation"]
        rest = {name: one for name, one in self.known.items() if name != operation}
        if what["kind"] == "remove":
            return replace(self, known=rest, removed=self.removed | {operation})
        known = rest | {operation: (change.serials[operation], what.get("workers"))}
        return replace(self, known=known, removed=self.removed - {operation})

    def _reloaded(self, what: dict[str, Any], change: "Change") -> "Expected":
        new = self
        if not what["again"]:
            said = {"without": what["without"], "workers": what["workers"]}
            new = replace(self, edition=change.edition, **said)
        if not what["handlers"]:
            return new
        known: Known = {name: (serial, None) for name, serial in change.serials.items()}
        return replace(new, known=known, removed=frozenset())
