"""What must hold of streams, and of work in the background."""

import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks.simulation.calls import Call, Giving, asked
from benchmarks.simulation.loop import Task
from brrt.http.events import HEARTBEAT
from brrt.runtime.registry import Registry
from brrt.runtime.statistics import TaskStatistics

if TYPE_CHECKING:
    from benchmarks.simulation.rules import Displaced
    from benchmarks.simulation.scene import Scene

# Seconds for what is no rule: the last messages of a slow client.
SLACK: Final = 0.1
# Items that a handler may be asked for before the client has taken them: one is on its way, one
# waits.
AHEAD: Final = 2
ENDS: Final = {"problem": 409, "raise": 500, "exit": 500, "give up": 500, "cancel itself": 500}


class StreamRules:
    """Watches the streams of a scene."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        self._loop = scene.loop

    # What comes out

    def check_call(self, call: Call) -> None:
        """P1: a whole stream, or one that is visibly broken, and both for a reason."""
        given = next((one.given for one in call.givings), [])
        bodies = call.messages[1:]
        last = [place for place, one in enumerate(bodies) if not one.get("more_body", False)]
        self._expect(last in ([], [len(bodies) - 1]), "P1", f"{call.number} has two ends")
        pieces = [one["body"] for one in bodies if one.get("more_body", False)]
        items = [_item(one) for one in pieces if one != HEARTBEAT]
        told = f"{call.number} was sent {items} of {given}"
        self._expect(items == given[: len(items)], "P1", told)
        beats = call.operation == "feed" or HEARTBEAT not in pieces
        self._expect(beats, "P1", f"{call.number} was sent heartbeats")
        if last:
            self._check_whole(call, bodies[-1]["body"], items == given)
        elif call.broken is not None:
            why = self._is_broken_rightly(call)
            self._expect(why, "P1", f"{call.number} broke off for no reason")
        else:
            left = call.gone is not None or call.cancelled
            self._expect(left, "P1", f"{call.number} neither ended nor broke off")

    def _check_whole(self, call: Call, last: bytes, is_all: bool) -> None:
        """A stream that looks complete is, or its client was told to come back."""
        self._expect(call.broken is None, "P1", f"{call.number} broke off after its end")
        finished = any(one.finished for one in call.givings)
        if not last:
            told = f"{call.number} looks complete, and is not"
            self._expect(finished and is_all, "P1", told)
            return
        right = call.operation == "feed" and last.startswith(b"retry: ")
        self._expect(right, "P1", f"{call.number} ends with {last!r}")
        self._check_return(call)

    def _check_return(self, call: Call) -> None:
        """P6: a stream of events is told to come back by a change or a stop, at once."""
        rules = self._scene.rules
        found = [one for one in rules.displaced if self._concerns(one, call)]
        right = bool(found) or rules.last_down >= call.step
        self._expect(right, "P6", f"{call.number} was told to come back for no reason")
        if found and call.begun_at is not None and not call.was_slow:
            since = max(found[0].time, call.begun_at)
            late = self._loop.time() - since - (self._loop.stalled - found[0].stalled)
            self._expect(late <= SLACK, "P6", f"{call.number} was sent away {late:g} s late")

    def _is_broken_rightly(self, call: Call) -> bool:
        if self._scene.vandals or any(self._failed(one, call) for one in call.givings):
            return True
        now = self._loop.time()
        if self.is_too_slow(call):
            return True
        if call.operation == "flow" and self._is_retired(call, now):
            return True
        return self._is_idle(call, now)

    def is_too_slow(self, call: Call) -> bool:
        """Whether a client takes nothing, or had not taken everything when the app was over."""
        over = self._scene.rules.last_down >= call.step
        return call.was_slow and (over or self._is_idle(call, self._loop.time()))

    def _failed(self, giving: Giving, call: Call) -> bool:
        """Whether the handler has failed by itself, or has given what breaks the document."""
        if "wrong" in giving.words:
            return True
        return giving.words[-1:] == [call.does[-1][0]] and call.does[-1][0] in ENDS

    def _is_idle(self, call: Call, when: float) -> bool:
        """Whether the handler, or the client, has stood still for too long."""
        stood = when - call.moved >= self._scene.plan.limits.stream_timeout - 1e-9
        return stood and (call.operation == "flow" or call.was_slow)

    def _is_retired(self, call: Call, when: float) -> bool:
        """Whether the handler was displaced, and its grace is over."""
        rules = self._scene.rules
        return any(
            self._concerns(one, call) and (rules.is_hasty or one.time + one.grace <= when + 1e-9)
            for one in rules.displaced
        )

    def _concerns(self, displaced: "Displaced", call: Call) -> bool:
        """Whether a handler that was displaced is that of a request, which may not have begun."""
        serials = {one.serial for one in (*call.givings, *call.performances)}
        same = displaced.serial in serials if serials else displaced.operation == call.operation
        return same and displaced.step >= call.step

    def is_said(self, call: Call) -> bool:
        """Whether a stream that has a status of its own was to have it."""
        if call.status == 200:
            return self._may_begin(call)
        if self._scene.vandals and call.status == 500:
            return True
        wrong = any("wrong" in one.words for one in call.givings)
        return ENDS.get(call.does[-1][0]) == call.status or (wrong and call.status == 500)

    def _may_begin(self, call: Call) -> bool:
        """Whether there was an item, or the end; streams of events may begin with silence."""
        rules, since = self._scene.rules, self._scene.plan.limits.open_after - 1e-9
        if any(one.given or one.finished for one in call.givings) or self._scene.vandals:
            return True
        assert call.begun_at is not None
        returns = any(self._concerns(one, call) for one in rules.displaced)
        began = call.givings[0].began if call.givings else call.arrived
        is_silent = call.begun_at - began >= since
        return call.operation == "feed" and (is_silent or returns or rules.is_hasty)

    def check_over(self, call: Call) -> None:
        """P7: a stream ends with its request."""
        for one in call.givings:
            told = one.ended is not None or one.task.cancelling() or one.cancelled is not None
            self._expect(bool(told), "P7", f"{call.number} is over, its stream is not told")

    # What a handler does

    def check_start(self, call: Call, mine: Giving) -> None:
        """P7: what nobody waits for is not begun."""
        self._expect(len(call.givings) == 1, "P1", f"{call.number} is given twice")
        self._expect(asked.get() == call.number, "P1", f"{call.number} lost its context")
        self._expect(not call.done, "P7", f"{call.number} is given, but nobody waits for it")
        self._scene.rules.check_retired(mine, "begins")

    def check_item(self, call: Call, mine: Giving) -> None:
        """P3: what is not taken is not asked for; P6: who has gone gives nothing."""
        if mine.cancelled is not None:
            mine.late += 1
            stopped = mine.late <= 1 or bool(self._scene.vandals)
            self._expect(stopped, "P6", f"{call.number} gives and gives after its end")
            return
        sent = [one["body"] for one in call.messages[1:] if one.get("more_body", False)]
        ahead = len(mine.given) - sum(one != HEARTBEAT for one in sent)
        self._expect(ahead <= AHEAD, "P3", f"{call.number} is {ahead} items ahead")
        self._scene.rules.check_retired(mine, "gives")
        if call.operation == "feed" and call.begun_at is not None:
            for one in self._scene.rules.displaced:
                at_once = self._concerns(one, call) and self._scene.rules.is_out(one)
                late = self._loop.time() - max(one.time, call.begun_at) > 1e-9
                self._expect(not (at_once and late), "P6", f"{call.number} goes on after a change")

    def check_end(self, call: Call, mine: Giving) -> None:
        """P7: a stream is ended for a reason, and has time for its last words."""
        when, limits = mine.cancelled, self._scene.plan.limits
        if self._scene.vandals or self._scene.rules.is_hasty:
            return
        own = mine.words[-1:] in (["give up"], ["cancel itself"])
        if mine.interrupted is not None and when is not None and not own:
            since = mine.interrupted - when
            told = f"the last words of {call.number} were cut short after {since:g} s"
            self._expect(since >= limits.cancel_wait - 1e-9, "P7", told)
        if when is not None and not own:
            self._check_stuck(call, mine, when)
        if when is None or self._failed(mine, call):
            return
        late = call.status in (None, 504) and when - call.arrived >= limits.timeout - 1e-9
        returns = call.operation == "feed" and any(
            self._concerns(one, call) for one in self._scene.rules.displaced
        )
        left = call.gone is not None or call.cancelled or (call.is_inner and call.is_given_up)
        retired = returns or self._is_retired(call, when)
        because = left or late or retired or self._is_idle(call, when)
        self._expect(because, "P7", f"the stream of {call.number} was ended for no reason")

    def _check_stuck(self, call: Call, mine: Giving, when: float) -> None:
        """P7: a stream that ignores its end for too long is told of, and no other is."""
        ignored = self._loop.time() - when - self._scene.plan.limits.cancel_wait
        streams = [
            stream
            for registry in self._scene.rules.registries
            for pool in registry._all_pools()
            for stream in pool._streams._open
            if stream.task is mine.task
        ]
        if "ask" in mine.words:  # whom it asks may have swallowed its cancellation
            return
        if streams and abs(ignored) > 1e-9 and not self._loop.stalled:
            right = streams[0].stuck == (ignored > 0)
            self._expect(right, "P7", f"{call.number} ignored its end for {ignored:g} s too long")

    def check_task(self, task: Any) -> None:
        """P2: when the task of a stream has ended, what it ran is closed."""
        if not isinstance(task, Task) or not task.done():
            return
        if not task.get_name().endswith(" stream"):
            return
        for call in self._scene.calls.values():
            for one in call.givings:
                closed = one.task is not task or one.ended is not None
                self._expect(closed, "P2", f"the stream of {call.number} is not closed")

    # Bounds and sums

    def check_bounds(self, registry: Registry) -> None:
        """P3: streams keep to their bounds and take no worker; so does the background."""
        open_now = 0
        for pool in registry._all_pools():
            open_now += pool.streams
            if pool.streams > pool.limits.streams:
                self._scene.fail("P3", f"over its streams: {pool!r}")
            for job in pool._crew.workers.values():
                if job is not None and job.stream is not None:
                    self._scene.fail("P3", f"a stream keeps a worker: {pool!r}")
        quota = registry.quota
        if not open_now == quota.taken <= quota.limit:
            told = f"{quota.taken} of {quota.limit} streams are taken, {open_now} are open"
            self._scene.fail("P3", told)
        if len(registry.background) > registry.limits.max_background:
            self._scene.fail("P3", f"{registry.background!r}")

    def check_sums(self, name: str, one: TaskStatistics) -> None:
        """Of those that were started each is running or has ended, in one way."""
        ended = one.finished + one.failed + one.timed_out + one.cancelled
        if one.started != ended + one.active:
            self._scene.fail("sums", f"{name}: {one}")

    # When something is over

    def check_stop(self, registry: Registry) -> None:
        """P2: background work is over when the app is, but for what resists."""
        resists = any(
            one.cancelled is not None and (one.ended is None or one.ended >= self._loop.time())
            for one in self._scene.troupe.toils
        )
        over = resists or not len(registry.background)
        self._expect(over, "P2", f"the app has stopped, and {registry.background!r}")

    def check_closed(self) -> None:
        """P2: at the end every iterator is closed, whether it was begun or not."""
        held = sum(not one.is_closed for one in self._scene.troupe.sources)
        self._expect(
            not held or bool(self._scene.vandals), "P2", f"{held} iterators are not closed"
        )

    def check_counts(self, counted: list[TaskStatistics]) -> None:
        """What was sent was counted."""
        calls = self._scene.calls.values()
        started = sum(self._loop.names[f"brrt {name} stream"] for name in ("flow", "feed"))
        sums = {
            name: sum(getattr(one, name) for one in counted)
            for name in ("started", "finished", "failed", "cancelled")
        }
        self._expect(started == sums["started"], "sums", f"{started} streams, counted: {sums}")
        whole = [one for one in calls if one.is_stream and one.is_whole]
        hints = sum(one.messages[-1]["body"] != b"" for one in whole)
        self._expect(len(whole) - hints <= sums["finished"], "sums", f"finished: {sums}")
        self._expect(hints <= sums["cancelled"], "sums", f"told to come back: {sums}")

    def _expect(self, holds: bool, rule: str, text: str) -> None:
        if not holds:
            self._scene.fail(rule, text)


def _item(piece: bytes) -> Any:
    """What one piece says."""
    return json.loads(piece.removeprefix(b"data: "))
