"""Bugs that are planted, one at a time, to see that the rules find them.

Each is a line of the real code that is written differently. One that does not fit the code any
more says so, so that none is forgotten when the code changes.
"""

import inspect
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.simulation.runs import Outcome, explore
from brrt import app, exchange, world
from brrt.lifespan import Life
from brrt.runtime.ages import Ages
from brrt.runtime.crew import Crew
from brrt.runtime.jobs import Job
from brrt.runtime.mailbox import Mailbox
from brrt.runtime.patience import Patience
from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry


@dataclass(frozen=True, slots=True)
class Mutation:
    """A bug: what it is, and how a function of `owner` is written with it."""

    bug: str
    owner: Any
    function: str
    old: str
    new: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have the bug for a while. Raises `ValueError` where the code is another one."""
        original = getattr(self.owner, self.function)
        source = textwrap.dedent(inspect.getsource(original))
        if source.count(self.old) != 1:
            raise ValueError(f"{self.function} does not say {self.old!r} once:\n{source}")
        made: dict[str, Any] = {}
        plain = inspect.unwrap(original)
        exec(source.replace(self.old, self.new), plain.__globals__, made)
        setattr(self.owner, self.function, made[self.function])
        try:
            yield
        finally:
            setattr(self.owner, self.function, original)

    def hunt(self, seeds: Iterable[int]) -> Outcome | None:
        """The first run that breaks a rule while the bug is there."""
        with self.planted():
            return next((one for one in explore(seeds) if one.failure is not None), None)


MUTATIONS: Final = (
    Mutation(
        "what is queued when the grace is over is never answered",
        *(Pool, "_settle_all"),
        "for job in queued + running:",
        "for job in running:",
    ),
    Mutation(
        "what runs when the grace is over is never answered",
        *(Pool, "_settle_all"),
        "for job in queued + running:",
        "for job in queued:",
    ),
    Mutation(
        "a worker does not see a cancellation that its handler swallowed",
        *(Crew, "_work"),
        "while not me.cancelling():",
        "while True:",
    ),
    Mutation(
        "a job whose task was cancelled before it began is never answered",
        *(Crew, "_work"),
        "self._lose(job)",
        "pass",
    ),
    Mutation("a worker that dies has no successor", Crew, "_replace", "self._spawn()", "pass"),
    Mutation(
        "the end of a worker is not counted",
        *(Crew, "_ended"),
        "self._counters.terminated += 1",
        "pass",
    ),
    Mutation(
        "the end of a worker makes no room under max_tasks",
        *(Crew, "_ended"),
        "self._ceiling.active -= 1",
        "pass",
    ),
    Mutation(
        "a worker that is let go is still counted as one",
        *(Crew, "_dismiss"),
        "del self.workers[worker]",
        "pass",
    ),
    Mutation(
        "a worker that is let go lets itself go once more",
        *(Crew, "_is_to_give"),
        "worker in self.workers and",
        "",
    ),
    Mutation(
        "the last idle worker is let go",
        *(Crew, "_shrink"),
        "len(self.workers) - 1)",
        "len(self.workers))",
    ),
    Mutation(
        "one worker more than allowed",
        *(Crew, "grow"),
        ">= self._limits.workers",
        "> self._limits.workers",
    ),
    Mutation("one job more than allowed", Mailbox, "full", ">= self.room", "> self.room"),
    Mutation(
        "a queued job whose caller has gone is run",
        *(Pool, "abandon"),
        "if self._mailbox.discard(job):",
        "if False:",
    ),
    Mutation(
        "a client that hangs up does not cancel its handler",
        *(Pool, "abandon"),
        "self._cancel(job)",
        "pass",
    ),
    Mutation(
        "a client that hangs up cancels a handler that is to finish",
        *(app, "respond"),
        "cancel=endpoint.cancels",
        "cancel=True",
    ),
    Mutation(
        "a client that hangs up is not seen beside a slower request",
        *(Ages, "add"),
        "if self._timer is None or self._due > job.accepted + self._patience:",
        "if self._timer is None:",
    ),
    Mutation("a handler goes on after its deadline", Pool, "_expire", "self._cancel(job)", "pass"),
    Mutation(
        "a queued job is run after its deadline",
        *(Pool, "_expire"),
        "queued = self._mailbox.discard(job)",
        "queued = False",
    ),
    Mutation(
        "a job that expires while the loop is blocked is run",
        *(Pool, "_run"),
        "late = self._loop.time() >= job.accepted + self.limits.timeout",
        "late = False",
    ),
    Mutation("a job is answered twice", Job, "settle", "if self.settled:", "if False:"),
    Mutation(
        "the caller of a slow job waits for a reply that nobody gives",
        *(Job, "nudge"),
        "waiting, self.reply = self.reply, self.reply.get_loop().create_future()",
        "waiting = self.reply",
    ),
    Mutation(
        "a change does not wait for what it displaced",
        *(Registry, "wait_retired"),
        "await asyncio.wait(ends)",
        "pass",
    ),
    Mutation(
        "a change that is cancelled cuts the grace short",
        *(Registry, "wait_retired"),
        "await asyncio.wait(ends)",
        "try: await asyncio.wait(ends)\n        finally: [pool.hurry() for pool in pools]",
    ),
    Mutation(
        "the new is published in two steps",
        *(world.World, "_publish"),
        "displaced = run.registry.swap",
        "run.snapshot = changed; await asyncio.sleep(0); displaced = run.registry.swap",
    ),
    Mutation(
        "a pool is closed only when its retirement begins",
        *(Registry, "_retire"),
        "pool.close()",
        "pass",
    ),
    Mutation(
        "a retirement that is cancelled ends nothing",
        *(Pool, "retire"),
        "with suppress(asyncio.CancelledError):",
        "if True:",
    ),
    Mutation(
        "a retirement that is cancelled before it begins never takes place",
        *(Registry, "_end_retirement"),
        "if pool in self._retiring:",
        "if False:",
    ),
    Mutation(
        "a stop does not wait for the workers",
        *(world.World, "_end"),
        "await registry.aclose()",
        "registry._leave()",
    ),
    Mutation(
        "a request that meets a closed pool is refused",
        *(app, "respond"),
        "_require_another(run, snapshot)",
        "raise",
    ),
    Mutation(
        "the pool is looked up again when the arguments are there",
        *(app, "respond"),
        "job = pool.submit(arguments)",
        "job = (run.snapshot.pool_map().get(endpoint.name) or pool).submit(arguments)",
    ),
    Mutation(
        "nobody ends the watch for a hang-up",
        *(exchange, "_watch"),
        "await stop((listener,), RECEIVE_WAIT)",
        "pass",
    ),
    Mutation("a body that stalls is waited for", Patience, "_expire", "_cut(wait)", "pass"),
    Mutation(
        "whoever waits for a start that was given up waits for ever",
        *(Life, "_give_up"),
        "if not self._started.done():",
        "if False:",
    ),
)
