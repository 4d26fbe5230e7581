"""Bugs that are planted, one at a time, to see that the rules find them.

Each is a line of the real code that is written differently. One that does not fit the code any
more says so, so that none is forgotten when the code changes.
"""

import inspect
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from benchmarks.simulation.runs import Outcome, explore
from brrt import app, exchange, snapshot, world
from brrt.http.outflow import Outflow
from brrt.lifespan import Life, Lifespan
from brrt.running import Run
from brrt.runtime.ages import Ages
from brrt.runtime.background import Background
from brrt.runtime.ceiling import Ceiling
from brrt.runtime.crew import Crew
from brrt.runtime.jobs import Job
from brrt.runtime.mailbox import Mailbox
from brrt.runtime.patience import Patience, Wait
from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry
from brrt.runtime.streams import Stream, Streams
from brrt.security.guard import Guard


@dataclass(frozen=True, slots=True)
class Mutation:
    """A bug: what it is, and how a function of `owner` is written with it.

    `seed` is one that found it, and is tried first.
    """

    bug: str
    owner: Any
    function: str
    old: str
    new: str
    seed: int = 0

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
            found = (one for one in explore(chain((self.seed,), seeds)) if one.failure is not None)
            return next(found, None)


MUTATIONS: Final = (
    Mutation(
        "what is queued when the grace is over is never answered",
        *(Pool, "_settle_all"),
        "for job in queued + running:",
        "for job in running:",
        seed=10,
    ),
    Mutation(
        "what runs when the grace is over is never answered",
        *(Pool, "_settle_all"),
        "for job in queued + running:",
        "for job in queued:",
        seed=10,
    ),
    Mutation(
        "a worker does not see a cancellation that its handler swallowed",
        *(Crew, "_work"),
        "while not me.cancelling():",
        "while True:",
        seed=6,
    ),
    Mutation(
        "a job whose task was cancelled before it began is never answered",
        *(Crew, "_work"),
        "self._lose(job)",
        "pass",
        seed=109,
    ),
    Mutation(
        "a worker that dies has no successor", Crew, "_replace", "self._spawn()", "pass", seed=6
    ),
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
        "the last idle worker is let go",
        *(Crew, "_shrink"),
        "len(self.workers) - 1)",
        "len(self.workers))",
        seed=1,
    ),
    Mutation(
        "one worker more than allowed",
        *(Crew, "grow"),
        ">= self._limits.workers",
        "> self._limits.workers",
    ),
    Mutation("one job more than allowed", Mailbox, "full", ">= self.room", "> self.room", seed=4),
    Mutation(
        "a queued job whose caller has gone is run",
        *(Pool, "abandon"),
        "if self._mailbox.discard(job):",
        "if False:",
        seed=4,
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
        seed=10,
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
        seed=36,
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
        seed=16,
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
        seed=245,
    ),
    Mutation(
        "a retirement that is cancelled before it begins never takes place",
        *(Registry, "_end_retirement"),
        "if pool in self._retiring:",
        "if False:",
        seed=28,
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
        seed=14,
    ),
    Mutation(
        "nobody ends the watch for a hang-up",
        *(exchange.Exchange, "_watch"),
        "await stop((listener,), RECEIVE_WAIT)",
        "pass",
    ),
    Mutation("a body that stalls is waited for", Patience, "_expire", "_cut(wait)", "pass"),
    Mutation(
        "whoever waits for a start that was given up waits for ever",
        *(Life, "_give_up"),
        "if not self._started.done():",
        "if False:",
        seed=145,
    ),
    Mutation(
        "a replacement is forgotten at the next reload",
        *(world.World, "_exchange"),
        "self._remember(key, registration)",
        "pass",
        seed=7,
    ),
    Mutation(
        "what was removed comes back with a reload",
        *(world.World, "_remember"),
        "self._registrations, self._removed = known, self._removed | {key}",
        "pass",
        seed=7,
    ),
    Mutation(
        "what was removed is missed by a reload",
        *(world.World, "_remember"),
        "self._registrations, self._removed = known, self._removed | {key}",
        "self._registrations = known",
        seed=40,
    ),
    Mutation(
        "a handler is remembered before it is served",
        *(world.World, "_exchange"),
        "displaced = await self._publish(changed)",
        "self._remember(key, registration); displaced = await self._publish(changed)",
        seed=100,
    ),
    Mutation(
        "a reload forgets its document",
        *(world.World, "_reload"),
        "self._source, self._registrations = source, known",
        "self._registrations = known",
        seed=47,
    ),
    Mutation(
        "a reload forgets its handlers",
        *(world.World, "_reload"),
        "self._source, self._registrations = source, known",
        "self._source = source",
        seed=10,
    ),
    Mutation(
        "the next run begins with what was served first",
        *(world.World, "_publish"),
        "run.snapshot, self.blueprint = changed, replace(snapshot, pools=())",
        "run.snapshot = changed",
    ),
    Mutation(
        "changes run into each other",
        *(world.World, "_exchange"),
        "async with self._turn():",
        "if True:",
    ),
    Mutation(
        "a pool stays although its limits changed",
        *(snapshot, "_pool"),
        "and old.limits == served.limits",
        "",
    ),
    Mutation(
        "a pool goes although nothing changed",
        *(snapshot, "_pool"),
        "if old is not None and old.handler is handler and old.limits == served.limits:",
        "if False:",
    ),
    Mutation(
        "three generations of a handler live",
        *(Registry, "make_way"),
        "if one.name in names",
        "if False",
        seed=37,
    ),
    Mutation(
        "a reload is refused while others have more than they need",
        *(Registry, "make_way"),
        "await self._clear(len(arriving))",
        "pass",
        seed=1099,
    ),
    Mutation(
        "no place is kept free for a reload",
        *(Registry, "swap"),
        "self.ceiling.reserved = len(pools)",
        "pass",
    ),
    Mutation(
        "a handler that makes a change is waited for",
        *(Registry, "_retire"),
        "if pool in self._changing:",
        "if False:",
        seed=40,
    ),
    Mutation(
        "a handler that has made a change is never waited for again",
        *(Registry, "change"),
        "self._changing -= Counter({own: 1})",
        "pass",
        seed=14,
    ),
    Mutation(
        "the figures of a removed handler are lost",
        *(Registry, "_forget"),
        "self._gone.add(counters)",
        "pass",
    ),
    Mutation(
        "the figures of removed handlers are kept for ever",
        *(Registry, "_see_off"),
        "self._forget(one.name)",
        "pass",
    ),
    Mutation(
        "a stop does not hurry what was retiring",
        *(Registry, "_leave"),
        "self._hurry_later()",
        "pass",
        seed=0,
    ),
    Mutation(
        "a second stop with less grace is not heard",
        *(Registry, "grant"),
        "self._hurry_later()",
        "pass",
        seed=94,
    ),
    Mutation(
        "a stop leaves timers in the loop",
        *(Registry, "_see_off"),
        "alarm.cancel()",
        "pass",
        seed=100,
    ),
    Mutation(
        "the crew leaves a timer in the loop",
        *(Crew, "end"),
        "self._shrinker.cancel()",
        "pass",
        seed=36,
    ),
    Mutation(
        "a pool that found no room is never served",
        *(Ceiling, "ask"),
        "self.waiting[pool] = None",
        "pass",
        seed=80,
    ),
    Mutation(
        "the place of a worker that ended goes to nobody",
        *(Ceiling, "hand_on"),
        "while self.waiting:",
        "while False:",
        seed=80,
    ),
    Mutation(
        "who has more gives nothing",
        *(Ceiling, "_beg"),
        "if _owes(rich, poor) and rich.spare():",
        "if False:",
        seed=80,
    ),
    Mutation(
        "members of the ceiling never leave it",
        *(Ceiling, "leave"),
        "self._members.pop(pool, None)",
        "pass",
    ),
    Mutation(
        "surplus workers stay for ever",
        *(Crew, "_shrink"),
        "surplus = min(self._least_idle, len(self.workers) - 1)",
        "surplus = 0",
        seed=1,
    ),
    Mutation(
        "a pool that has nothing to do waits for its grace",
        *(Crew, "put_down"),
        "self._rest()",
        "pass",
    ),
    Mutation(
        "a worker whose job was lost counts as busy",
        *(Crew, "_work"),
        "self.put_down(me)",
        "self.workers[me] = None",
    ),
    Mutation(
        "the newest come first where the oldest should",
        *(Mailbox, "_get"),
        "last=self._newest_first",
        "last=True",
    ),
    Mutation(
        "the oldest come first where the newest should",
        *(Mailbox, "_get"),
        "last=self._newest_first",
        "last=False",
        seed=191,
    ),
    Mutation(
        "a body that was read counts as one that is read",
        *(Pool, "end_reading"),
        "self._reading -= 1",
        "pass",
        seed=11,
    ),
    Mutation(
        "a handler has another request's context",
        *(Crew, "_work"),
        ", context=job.context",
        "",
    ),
    Mutation(
        "a handler that ignores its cancellation is not counted",
        *(Pool, "_cancel"),
        "self._ages.doom(job)",
        "pass",
        seed=23,
    ),
    Mutation(
        "whoever leaves a run that is over stops the next one",
        *(app.App, "__aexit__"),
        "self._left()",
        "self._entered.pop()[1]",
        seed=5388,
    ),
    Mutation(
        "the first who leaves stops the app for all",
        *(Lifespan, "exit"),
        "if life.holders <= 0:",
        "if True:",
        seed=1,
    ),
    Mutation(
        "a start that is cancelled is counted as one that holds",
        *(Lifespan, "enter"),
        "life.holders -= 1",
        "pass",
        seed=90,
    ),
    # Streams
    Mutation(
        "a retirement does not wait for streams",
        *(Pool, "retire"),
        "await self._streams.outlast(max(until - self._loop.time(), 0.0))",
        "pass",
        seed=37,
    ),
    Mutation(
        "the grace of a pool is over for streams when its jobs are done",
        *(Pool, "_is_at_rest"),
        "and not self.streams",
        "",
        seed=29,
    ),
    Mutation(
        "streams go on after their grace",
        *(Pool, "retire"),
        " + self._streams.end_all()",
        "",
        seed=40,
    ),
    Mutation(
        "a stream that ended keeps its place in the quota",
        *(Streams, "_ended"),
        "self._quota.taken -= 1",
        "pass",
    ),
    Mutation(
        "one stream more than allowed",
        *(Streams, "check_room"),
        "len(self._open) >= self._limits.streams",
        "len(self._open) > self._limits.streams",
    ),
    Mutation(
        "the streams of all handlers are not bounded together",
        *(Streams, "check_room"),
        "or self._quota.taken >= self._quota.limit",
        "",
        seed=14,
    ),
    Mutation(
        "the item that the taker waits for is lost",
        *(Stream, "_hand_over"),
        "self._taker.set_result(item)",
        "self._taker.set_result(LULL)",
    ),
    Mutation(
        "a handler is asked for more than its client takes",
        *(Stream, "_hand_over"),
        "await self._room",
        "pass",
    ),
    Mutation(
        "a client that hangs up does not end its stream",
        *(Outflow, "_heard"),
        "self._pool.end_stream(self._stream, CANCELLED)",
        "pass",
    ),
    Mutation(
        "a stream outlives its request",
        *(Outflow, "close"),
        "self._pool.end_stream(self._stream, CANCELLED)",
        "pass",
        seed=9,
    ),
    Mutation(
        "streams of events are not ended by a change",
        *(Streams, "leave"),
        "self.end(stream, STOPPED)",
        "pass",
        seed=71,
    ),
    Mutation(
        "a stream of events that opens during a change is not ended",
        *(Streams, "returns"),
        "if self._is_leaving:",
        "if False:",
        seed=14,
    ),
    Mutation(
        "a stream of events that a change ends breaks off",
        *(Outflow, "_may_come_back"),
        "self._head.comes_back and",
        "False and",
        seed=14,
    ),
    Mutation(
        "every stream is ended by a change at once",
        *(Outflow, "begin"),
        "if head.comes_back:",
        "if True:",
        seed=29,
    ),
    Mutation(
        "a stream that was cut looks complete",
        *(Outflow, "_finish"),
        "raise self._broken(outcome)",
        "pass",
    ),
    Mutation(
        "a failure before the first item looks like success",
        *(Outflow, "begin"),
        "is_over = item.reason is Reason.DONE",
        "is_over = True",
        seed=9,
    ),
    Mutation(
        "an iterator is not closed when its stream ends",
        *(Stream, "_give"),
        "await self._close(source)",
        "pass",
        seed=6,
    ),
    Mutation(
        "an iterator whose stream ends before it begins is not closed",
        *(Stream, "end"),
        "self._has_begun and",
        "",
        seed=26,
    ),
    Mutation(
        "an iterator that nobody waits for is not closed",
        *(Pool, "_open"),
        "await close()",
        "pass",
        seed=18,
    ),
    Mutation(
        "what a handler does when it is closed is cut short",
        *(Streams, "outlast"),
        "await wait_for(tasks, wait)",
        "pass",
        seed=10,
    ),
    Mutation(
        "a stream whose handler stands still is waited for",
        *(Outflow, "_flow"),
        "item is LULL and not beats",
        "item is LULL and False",
        seed=4,
    ),
    Mutation(
        "a client that does not take the last piece is waited for",
        *(Outflow, "_finish"),
        'await self._put(send, {"type": "http.response.body", "body": last})',
        'await send({"type": "http.response.body", "body": last})',
        seed=83,
    ),
    Mutation(
        "a client that takes nothing is waited for",
        *(Outflow, "_put"),
        "with self._patience.begin():",
        "if True:",
        seed=41,
    ),
    Mutation(
        "a stream is counted twice",
        *(Streams, "_ended"),
        "if stream not in self._open:",
        "if False:",
        seed=37,
    ),
    Mutation(
        "a stream that failed is not counted",
        *(Streams, "_count"),
        "counters.failed += 1",
        "pass",
    ),
    Mutation(
        "a stream that ignores its end is not counted",
        *(Streams, "end"),
        "if stream in self._open and self._open[stream] is None",
        "if False",
        seed=10,
    ),
    Mutation(
        "a stream leaves a timer in the loop",
        *(Streams, "_ended"),
        "alarm.cancel()",
        "pass",
        seed=7,
    ),
    Mutation(
        "a handler that swallows its end goes on giving",
        *(Stream, "_give"),
        "if self.outcome is not None:",
        "if False:",
        seed=79,
    ),
    Mutation(
        "a stream keeps the worker that opened it",
        *(Pool, "_open"),
        "job.stream = stream",
        "job.stream = stream; await asyncio.wait([stream.task])",
    ),
    Mutation(
        "a stream is opened for a caller who has gone",
        *(Pool, "_open"),
        "if not job.deserted and not job.settled:",
        "if True:",
        seed=18,
    ),
    # The background
    Mutation(
        "a stop does not wait for the background",
        *(Registry, "aclose"),
        "await self.background.end(self._until - asyncio.get_running_loop().time())",
        "pass",
        seed=94,
    ),
    Mutation(
        "more in the background than allowed",
        *(Background, "_check_room"),
        ">= self._limits.max_background",
        "> self._limits.max_background",
        seed=4,
    ),
    Mutation(
        "a crash in the background is not counted",
        *(Background, "_ended"),
        "self._counters.failed += 1",
        "pass",
    ),
    Mutation(
        "the background is not ended when the grace is over",
        *(Background, "hurry"),
        "self._drained.set_result(None)",
        "pass",
        seed=94,
    ),
    # The door
    Mutation(
        "somebody who was asked about is asked about for ever",
        *(exchange, "admit"),
        "pool.end_reading()",
        "pass",
        seed=7,
    ),
    Mutation(
        "a provider that does not end is waited for",
        *(exchange, "admit"),
        "with run.patience.begin() as wait:",
        "wait = run.patience.begin(); run.patience.end(wait)\n        if True:",
        seed=7,
    ),
    Mutation(
        "a provider that swallows its end leaves the task of the server cancelled",
        *(Wait, "__exit__"),
        "if self.is_all() and kind is asyncio.CancelledError:",
        "if kind is asyncio.CancelledError and self.is_all():",
        seed=7,
    ),
    Mutation(
        "whoever is not known passes",
        *(Guard, "admit"),
        "raise self._refusal(asking.refusals)",
        "return {}",
        seed=11,
    ),
    Mutation(
        "who was counted is counted for ever as one who waits",
        *(exchange, "spend"),
        "pool.end_reading()",
        "pass",
        seed=7,
    ),
    Mutation(
        "a change makes a request count twice",
        *(app, "respond"),
        "is_counted = True",
        "pass",
        seed=555,
    ),
    Mutation(
        "counts are forgotten",
        *(Run, "rate_limiter"),
        "if self.limiter is None:",
        "if True:",
        seed=39,
    ),
)
