"""What must hold: after every step, when a request or a change is over, at rest and at the end."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.simulation.bounds import Bounds
from benchmarks.simulation.calls import Call, Performance, asked
from benchmarks.simulation.changes import Change
from benchmarks.simulation.expected import Expected, Known, Service
from benchmarks.simulation.loop import Task
from benchmarks.simulation.plan import OPERATIONS
from brrt.running import Run
from brrt.runtime.ages import Ages
from brrt.runtime.crew import Crew
from brrt.runtime.patience import Patience
from brrt.runtime.pool import Pool, _serving
from brrt.runtime.registry import Registry
from brrt.runtime.streams import Streams
from brrt.snapshot import Snapshot

if TYPE_CHECKING:
    from benchmarks.simulation.scene import Scene

# Steps between two looks at all tasks and all sums.
EVERY: Final = 7
# Seconds for what is no rule: the last messages of a slow client.
SLACK: Final = 0.1
ENDS: Final = {"give": 200, "problem": 409}


class Broken(Exception):
    """A rule was broken: its name, and how."""

    def __init__(self, rule: str, text: str) -> None:
        self.rule = rule
        super().__init__(f"{rule}: {text}")


def _is_worker(name: str) -> bool:
    """Whether a task of this name serves a handler: `brrt look/3`, and not `brrt look/3 job`."""
    return name.startswith("brrt ") and "/" in name and not name.endswith(" job")


@dataclass(frozen=True, slots=True)
class Publication:
    """What was served from a step on: by operation, the edition and the handler's serial."""

    step: int
    serves: dict[str, tuple[int, int | None]]


@dataclass(frozen=True, slots=True)
class Displaced:
    """A handler that was taken out of service."""

    operation: str
    serial: int | None
    step: int
    time: float
    stalled: float
    grace: float


class Rules:
    """Watches a scene."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        self._loop = scene.loop
        self._bounds = Bounds(scene)
        self._streams = scene.stream_rules
        self.expected = self._expect_first()
        self._current: Snapshot = scene.app._world.current
        self._generation = 0
        self._sums: dict[str, int] = {}
        self._run: Run | None = None
        self._snapshot: Any = None
        self._pools: Any = None
        self.registries: list[Registry] = []
        self._published = [Publication(0, {})]
        self.displaced: list[Displaced] = []
        self.last_down = 0
        self.is_hasty = False  # a stop without grace

    @property
    def publications(self) -> int:
        """How often something was published."""
        return len(self._published)

    def shed(self) -> int:
        """Requests that were shed so far, in all runs of the app."""
        return sum(
            one.shed + one.streams.refused
            for registry in self.registries
            for one in (*registry._counters.values(), registry._gone)
        )

    def _expect_first(self) -> Expected:
        known: Known = {}
        for one in self._scene.app.endpoints:
            if one.served is not None:
                known[one.name] = self._scene.troupe.serials[one.served.registration.function], None
        return Expected(self._scene.plan, known)

    # After every step

    def after_step(self, task: Any) -> None:
        """Look at everything. Raises `Broken`."""
        self._raise()
        self._notice(task)
        self._check_death(task)
        self._streams.check_task(task)
        run = self._run
        if run is None or not run.registry.running:
            self.last_down = self._loop.steps
        if run is not None:
            grace = self._scene.plan.limits.grace
            self.is_hasty = self.is_hasty or run.registry.limits.grace < grace
        self._check_hosts()
        for registry in self.registries:
            self._bounds.check_bounds(registry)
            self._streams.check_bounds(registry)
        if not self._loop.is_busy:
            self._check_quiet()
        if self._loop.steps % EVERY == 0:
            self._check_owners()
            self._check_sums()
        self._raise()

    def _check_quiet(self) -> None:
        """Look at what is so when nobody has anything to do at this moment."""
        run = self._run
        if run is not None and run.registry.running:
            self._bounds.check_shares(run.registry)
        for registry in self.registries:
            self._bounds.check_retiring(registry)
            self._bounds.check_generations(registry)
        left = self._loop.timers_of(Patience) if run is None else []
        self._expect(not left, "P2", f"timers after the stop: {left}")

    def _notice(self, task: Any) -> None:
        """See whether something else is served now, and whose doing that is."""
        current = self._scene.app._world.current
        if current is not self._current:
            self._compare(current, task)
        run = self._scene.app._world.run
        if run is not self._run or (
            run and (run.snapshot is not self._snapshot or run.registry._pools is not self._pools)
        ):
            self._publish(run, task)

    def _publish(self, run: Run | None, task: Any) -> None:
        """Another snapshot is served, or none."""
        old = self._snapshot.pool_map() if self._run and self._snapshot else {}
        is_new, self._run = run is not self._run, run
        self._snapshot, self._pools = (run.snapshot, run.registry._pools) if run else (None, None)
        if run is not None and run.registry not in self.registries:
            self.registries.append(run.registry)
        serves = self._serves(run) if run else {}
        self._published.append(Publication(self._loop.steps, serves))
        new = run.snapshot.pool_map() if run and run.registry.running else {}
        if run and run.registry.running:
            self._expect(new == run.registry._pools, "P5", "snapshot and registry differ")
            self._expect(not any(one.closed for one in new.values()), "P5", "a closed pool serves")
            self._check_pools(run, {} if is_new else old, is_new)
        gone = [pool for name, pool in old.items() if new.get(name) is not pool]
        for pool in gone:
            self._displace(pool, run)
        for change in self._scene.changes.values():
            if change.task is task and not change.done:
                change.displaced += gone

    def _compare(self, current: Snapshot, task: Any) -> None:
        """P5: what is served is what was there, and what was changed since."""
        self._current = current
        for change in self._scene.changes.values():
            if change.task is task and not change.done and not change.is_published:
                change.is_published = True
                self.expected = self.expected.after(change)
        served = {one.name: self._service(one) for one in current.endpoints}
        told = f"{served} is served instead of {self.expected.serves()}"
        self._expect(served == self.expected.serves(), "P5", told)
        self._expect(not self.expected.is_faulty, "P5", f"faulty, and served: {served}")

    def _service(self, endpoint: Any) -> Service:
        edition, served = endpoint.operation.extensions["x-edition"], endpoint.served
        if served is None:
            return edition, None, None
        serial = self._scene.troupe.serials[served.registration.function]
        return edition, serial, served.limits.workers

    def _check_pools(self, run: Run, old: dict[str, Pool], is_new: bool) -> None:
        """P5: a pool stays if its handler and limits do, and only then."""
        generation, self._generation = self._generation, run.registry.generation
        for endpoint, pool in zip(run.snapshot.endpoints, run.snapshot.pools, strict=True):
            if endpoint.served is not None and pool is not None:
                wanted = endpoint.served.registration.function, endpoint.served.limits
                self._expect((pool.handler, pool.limits) == wanted, "P5", f"not changed: {pool!r}")
                before = old.get(pool.name)
                stays = before is not None and (before.handler, before.limits) == wanted
                self._expect(not stays or before is pool, "P5", f"changed for nothing: {pool!r}")
        counted = generation + 1 == self._generation if not is_new else self._generation == 1
        self._expect(counted, "P5", f"generation {self._generation} follows {generation}")

    def _serves(self, run: Run) -> dict[str, tuple[int, int | None]]:
        serials = self._scene.troupe.serials
        return {
            one.name: (
                one.operation.extensions["x-edition"],
                serials[one.served.registration.function] if one.served else None,
            )
            for one in run.snapshot.endpoints
        }

    def _displace(self, pool: Pool, run: Run | None) -> None:
        serial = self._scene.troupe.serials[pool.handler]
        grace = run.registry.limits.grace if run else 0.0
        now, stalled = self._loop.time(), self._loop.stalled
        self.displaced.append(Displaced(pool.name, serial, self._loop.steps, now, stalled, grace))
        self._scene.note(f"handler {serial} is taken out of service")

    def _check_hosts(self) -> None:
        """The app runs for as long as somebody holds it open and nobody stops it."""
        for host in self._scene.hosts:
            if host.holds and not self._scene.is_over:
                run = self._scene.app._world.run
                runs = run is not None and run.registry.running
                self._expect(runs, "host", "the app is stopped although it is held open")

    def _check_death(self, task: Any) -> None:
        """P2: a worker ends because it is told to, and never of a failure of its own."""
        if isinstance(task, Task) and task.done() and _is_worker(task.get_name()):
            failure = None if task.cancelled() else task.exception()
            self._expect(failure is None, "P2", f"{task.get_name()} died of {failure!r}")

    def _check_owners(self) -> None:
        """P2: every task belongs to somebody who will wait for it."""
        owned = self._owned()
        for task, parent in self._loop.alive.items():
            name = task.get_name()
            if task in owned or name.startswith("sim ") or task.done():
                continue
            if name == "brrt hangup watch" and parent is not None and not parent.done():
                continue
            self._scene.fail("P2", f"nobody owns the task {name}")

    def _owned(self) -> set[Any]:
        life = self._scene.app._lifespan._life
        owned: set[Any] = {life._keeper} if life is not None else set()
        for registry in self.registries:
            owned.update(registry._retiring.values(), registry.background._tasks)
            for pool in registry._all_pools():
                owned.update(pool._crew.workers, pool._crew.leaving)
                owned.update(stream.task for stream in pool._streams._open)
                owned.update(job.task for job in pool._crew.workers.values() if job is not None)
        return owned

    def _check_sums(self) -> None:
        """P2: spawned == terminated + active, for each handler and for all."""
        now = self._scene.app.statistics()
        for name, one in (*now.handlers.items(), ("all", now.total)):
            ended = one.served + one.failed + one.timed_out + one.cancelled
            running = one.accepted - ended - one.queued
            if one.spawned != one.terminated + one.active:
                self._scene.fail("P2", f"{name}: {one}")
            if not 0 <= running <= one.busy:
                self._scene.fail("sums", f"{name}: {one}")
            self._streams.check_sums(name, one.streams)
        self._streams.check_sums("background", now.background)

    def _expect(self, holds: bool, rule: str, text: str) -> None:
        if not holds:
            self._scene.fail(rule, text)

    # When something is over

    def check_call(self, call: Call) -> None:
        """P1: one complete answer, in time, and one that is right."""
        if call.is_stream and call.status == 200:
            self._streams.check_call(call)
            whole = kinds = [message["type"] for message in call.messages]
        else:
            whole, kinds = self._check_kinds(call)
        self._check_time(call)
        self._check_heard(call)
        self._check_leftovers(call)
        self._scene.door.check_call(call)
        if kinds == whole and not self._scene.failures:
            self._check_status(call)

    def _check_kinds(self, call: Call) -> tuple[list[str], list[str]]:
        kinds = [message["type"] for message in call.messages]
        whole = ["http.response.start", "http.response.body"]
        if call.broken is not None and not kinds and self._streams.is_too_slow(call):
            return whole, kinds
        self._expect(call.broken is None, "P1", f"{call.number} broke off with {kinds}")
        if call.gone is not None or call.cancelled:
            self._expect(kinds == whole[: len(kinds)], "P1", f"{call.number} was sent {kinds}")
        else:
            self._expect(kinds == whole, "P1", f"{call.number} was sent {kinds}")
        return whole, kinds

    def _check_time(self, call: Call) -> None:
        limits = self._scene.plan.limits
        bound = 2 * limits.timeout + self._scene.plan.start_time + SLACK
        bound += self._scene.door.delay(call)
        over = self._loop.time() if call.begun_at is None else call.begun_at
        taken = over - call.arrived - (self._loop.stalled - call.stalled)
        self._expect(taken <= bound, "P7", f"{call.number} took {taken:g} s, {bound:g} at most")

    def _check_heard(self, call: Call) -> None:
        """P7: a client that hangs up is noticed, at the latest when its request counts as slow."""
        if call.gone is not None and call.complete_at <= call.gone and not self._scene.vandals:
            ready = max(call.complete_at, self._scene.door.left(call))
            slow = ready + self._scene.plan.limits.disconnect_after
            late = self._loop.time() - max(call.gone, slow)
            late -= self._loop.stalled - call.stalled_then + self._scene.plan.start_time
            self._expect(late <= SLACK, "P7", f"nobody saw for {late:g} s that {call.number} left")

    def _check_leftovers(self, call: Call) -> None:
        """P7: a handler that nobody waits for any more is told so, unless it is to finish."""
        left = (call.gone is not None or call.cancelled) and call.is_safe
        self._streams.check_over(call)
        if left or call.status in (503, 504):
            for one in call.performances:
                told = one.ended is not None or one.task.cancelling() or one.cancelled is not None
                self._expect(bool(told), "P7", f"{call.number} is over, its handler is not told")

    def _check_status(self, call: Call) -> None:
        status = call.status
        checks = {
            200: self._is_given,
            409: self._is_said,
            500: self._is_said,
            501: self._is_missing,
            404: self._is_missing,
            408: self._is_late,
            503: self._is_refused,
            504: self._is_late,
        }
        if self._scene.door.is_kept_out(call):
            return
        check = checks.get(status or 0)
        self._expect(
            check is not None and check(call),
            "P1",
            f"{call.number} was answered {status} for no reason",
        )

    def _is_given(self, call: Call) -> bool:
        """The answer is that of the handler that the world of the request had for it."""
        if call.is_stream:
            serve = [*call.performances, *call.givings]
            right = all(self._was_served(call, one) for one in serve)
            return right and self._is_said(call)
        [one] = call.performances
        answer = call.answer
        same = answer == {"n": call.number, "serial": one.serial, "edition": one.edition}
        return same and self._is_said(call) and self._was_served(call, one)

    def _was_served(self, call: Call, one: Performance) -> bool:
        """P5: document and handler were published together, since the request arrived."""
        served = (one.edition, one.serial)
        return any(
            published.serves.get(call.operation) == served
            for published in self._between(call.step, one.step)
        )

    def _between(self, first: int, last: int) -> list[Publication]:
        """What was served at some moment from one step to another."""
        ends = [one.step for one in self._published[1:]] + [last]
        pairs = zip(self._published, ends, strict=True)
        return [one for one, end in pairs if one.step <= last and end >= first]

    def _is_said(self, call: Call) -> bool:
        """The handler ended as the request told it to, having run once."""
        if call.is_stream:
            return self._streams.is_said(call)
        said = ENDS.get(call.does[-1][0], 500)
        vandalised = self._scene.vandals and call.status == 500
        return (said == call.status or bool(vandalised)) and len(call.performances) <= 1

    def _is_missing(self, call: Call) -> bool:
        served = [one.serves for one in self._between(call.step, self._loop.steps)]
        if call.status == 404:
            return any(call.operation not in one for one in served)
        return any(one.get(call.operation, (0, 0))[1] is None for one in served)

    def _is_late(self, call: Call) -> bool:
        taken = self._loop.time() - call.arrived
        body = call.status == 408 and call.is_safe
        return not body and taken >= self._scene.plan.limits.timeout - 1e-9

    def _is_refused(self, call: Call) -> bool:
        """503: the queue was full, the app was not running, or the handler's grace was over.

        What was not complete when its handler was displaced is for the next one.
        """
        headers = dict(call.messages[0]["headers"])
        if b"retry-after" not in headers:
            return False
        if "busy" in call.answer["detail"]:
            ran = call.givings if call.is_stream else call.performances
            return self._scene.shed() > call.shed and not ran
        if self.last_down >= call.step or self._scene.vandals:
            return True
        now = self._loop.time() + 1e-9
        return any(
            one.operation == call.operation
            and one.step >= call.step
            and one.time + one.grace <= now
            for one in self.displaced
        )

    def check_change(self, change: Change) -> None:
        """P2: when a change returns, every task of what it displaced has ended."""
        self._notice(change.task)
        if change.what["kind"] == "close":
            self._check_close(change)
        for pool in change.displaced:
            if (
                (pool.active or pool.streams)
                and not self._bounds.is_inside(pool)
                and not self._is_stuck(pool)
            ):
                self._scene.fail("P2", f"{change} returned, but {pool!r}")

    def _check_close(self, change: Change) -> None:
        """P6: a stop takes no longer than its grace, but for handlers that resist."""
        plan, grace = self._scene.plan, change.what["grace"]
        bound = (plan.limits.grace if grace is None else grace) + plan.limits.cancel_wait
        bound += 3 * plan.start_time + SLACK
        if any(one.cancelled is not None for one in self._scene.troupe.toils):
            bound += plan.limits.cancel_wait  # they may resist after the handlers have done so
        taken = self._loop.time() - change.began - (self._loop.stalled - change.stalled)
        self._expect(taken <= bound, "P6", f"{change} took {taken:g} s, {bound:g} at most")

    def is_faulty(self, change: Change) -> bool:
        """Whether a change cannot be made, for what it says."""
        return change.what["kind"] == "bad reload" or self.expected.after(change).is_faulty

    def check_refusal(self, change: Change, why: str) -> None:
        """P5: a change is refused for a reason only."""
        if "no operation" in why:
            right = change.what["operation"] == self.expected.without
        elif "max_tasks" in why:
            right = self._is_crowded()
        else:
            right = self.last_down >= change.step
        self._expect(right, "P5", f"{change} was refused for no reason: {why}")

    def _is_crowded(self) -> bool:
        """Whether handlers that do not end, or that make changes themselves, keep their workers."""
        if any(one.inside is not None and not one.done for one in self._scene.changes.values()):
            return True
        performances = [one for call in self._scene.calls.values() for one in call.performances]
        return any(one.cancelled is not None and one.ended is None for one in performances)

    def _is_stuck(self, pool: Pool) -> bool:
        """Whether what is left of a pool is the fault of handlers that resist."""
        if not any(pool in registry._stuck for registry in self.registries):
            return False
        serial = self._scene.troupe.serials[pool.handler]
        return any(self._resists(call, serial) for call in self._scene.calls.values())

    def _resists(self, call: Call, serial: int) -> bool:
        """Whether a request makes its handler resist now, or has done so until now."""
        words = {word for word, _ in call.does}
        return bool(words & {"resist", "stay", "change"}) and any(
            one.serial == serial and (one.ended is None or one.ended >= self._loop.time())
            for one in (*call.performances, *call.givings)
        )

    def check_stop(self) -> None:
        """P2: the user's lifespan ends after the workers, and no timer is left of them."""
        if not any(pool.active for registry in self.registries for pool in registry._all_pools()):
            left = self._loop.timers_of(Pool, Crew, Ages, Streams)
            self._expect(not left, "P2", f"timers after the stop: {left}")
        for registry in self.registries:
            self._streams.check_stop(registry)
            for pool in registry._all_pools():
                if (
                    (pool.active or pool.streams)
                    and not self._bounds.is_inside(pool)
                    and not self._is_stuck(pool)
                ):
                    self._scene.fail("P2", f"the lifespan ends before {pool!r}")

    # When a handler begins and ends

    def check_start(self, call: Call, mine: Performance) -> None:
        """P7: what nobody waits for and what is too late is never run; P6: nor what is retired."""
        pool, job = _serving.get() or (None, None)
        assert pool is not None
        assert job is not None
        self._expect(len(call.performances) == 1, "P1", f"{call.number} is run twice")
        self._scene.door.check_start(call)
        self._check_order(pool, job)
        self._expect(asked.get() == call.number, "P1", f"{call.number} lost its context")
        given_up = call.done and (call.is_safe or call.status in (503, 504))
        self._expect(not given_up, "P7", f"{call.number} is run, but nobody waits for it")
        age = self._loop.time() - job.accepted
        self._expect(age < pool.limits.timeout, "P7", f"{call.number} is run {age:g} s old")
        self.check_retired(mine, "runs")

    def _check_order(self, pool: Pool, job: Any) -> None:
        """Jobs are taken in the order that the policy says."""
        waiting = [one.accepted for one in pool._mailbox._queue]
        if pool.limits.queue_policy != "lifo":
            right = all(one >= job.accepted for one in waiting)
        else:
            right = self._loop.stalled > 0 or all(
                one <= job.accepted or one >= self._loop.time() for one in waiting
            )
        self._expect(right, "order", f"{pool!r} has others whose turn it is")

    def check_retired(self, mine: Performance, what: str) -> None:
        """P6: nothing goes on after its grace."""
        now, stalled = self._loop.time(), self._loop.stalled
        for one in self.displaced:
            late = now - one.time - one.grace - (stalled - one.stalled)
            if one.serial == mine.serial and late > 1e-9 and self.is_out(one):
                self._scene.fail("P6", f"handler {mine.serial} {what} {late:g} s after its grace")

    def is_out(self, displaced: Displaced) -> bool:
        """Whether the handler has not come back into service since."""
        later = [one for one in self._published if one.step >= displaced.step]
        served = (displaced.operation, displaced.serial)
        return not any(
            one.serves.get(displaced.operation, (0, None))[1] == served[1] for one in later
        )

    def check_end(self, call: Call, mine: Performance) -> None:
        """P7: a handler is cancelled for a reason."""
        when = mine.cancelled
        if when is None or self._scene.vandals or self.is_hasty:
            return
        ends = {word for word, _ in call.does}
        if ends & {"give up", "cancel itself"}:
            return
        left = call.gone is not None or call.cancelled
        late = when - call.arrived >= self._scene.plan.limits.timeout - 1e-9
        retired = any(
            one.serial == mine.serial and one.time + one.grace <= when + 1e-9
            for one in self.displaced
        )
        because = (left and call.is_safe) or late or retired
        self._expect(because, "P7", f"handler of {call.number} was cancelled for no reason")

    # At rest and at the end

    def check_rest(self) -> None:
        """Nothing is left to be done: everybody was answered, one task serves each handler."""
        scene = self._scene
        for call in scene.calls.values():
            goes_on = call.operation == "feed" and call.status == 200 and call.is_open
            goes_on = goes_on or (call.is_stream and scene.vandals > 0)  # who is deaf now
            self._expect(call.done or goes_on, "P1", f"{call.number} is never answered")
        for change in scene.changes.values():
            self._expect(change.done, "P2", f"never returns: {change}")
        run = scene.app._world.run
        for pool in run.registry._pools.values() if run else ():
            if not any(job for job in pool._crew.workers.values()):
                self._expect(pool.active == 1, "P2", f"at rest: {pool!r}")
            self._expect(pool._reading == 0, "P3", f"{pool._reading} are read for ever: {pool!r}")
        self._check_owners()
        self._check_sums()
        self._check_stuck()
        self._raise()

    def _check_stuck(self) -> None:
        """P7: a handler that ignores its deadline for too long is counted, once."""
        if self.displaced or self._scene.vandals or self._loop.stalled:
            return
        allowed = self._scene.plan.limits.cancel_wait
        ignored = [
            (one.ended or self._loop.time()) - one.cancelled - allowed
            for call in self._scene.calls.values()
            for one in call.performances
            if one.cancelled is not None
        ]
        least = sum(one > 1e-9 for one in ignored)
        counted = self._scene.app.statistics().total.stuck
        most = sum(one > -1e-9 for one in ignored)
        told = f"{counted} counted as stuck, {least} to {most} are"
        self._expect(least <= counted <= most, "P7", told)

    def check_over(self) -> None:
        """All have left: nothing is left of the app, and all sums are right."""
        scene = self._scene
        names = [task.get_name() for task in self._loop.alive]
        self._expect(not names, "P2", f"tasks at the end: {', '.join(names)}")
        total = scene.app.statistics().total
        self._expect(total.active == total.busy == total.queued == 0, "P2", f"at the end: {total}")
        self._expect(total.spawned == total.terminated, "P2", f"at the end: {total}")
        ended = total.served + total.failed + total.timed_out + total.cancelled
        self._expect(total.accepted == ended, "sums", f"at the end: {total}")
        self._check_counts()
        self._streams.check_closed()
        for registry in self.registries:
            self._bounds.check_empty(registry)
        self._expect(not self._loop.timers(), "P2", f"{self._loop.timers()} timers at the end")
        for complaint in self._loop.complaints:
            scene.fail("asyncio", complaint)
        self._raise()

    def _check_counts(self) -> None:
        """What was answered was counted."""
        calls = self._scene.calls.values()
        # Whoever hangs up when the time is up is answered 504, and may be counted as gone.
        statuses = Counter(one.status for one in calls if one.gone is None)
        counted = [one.statistics().total for one in self.registries]
        for name, status in (("timed_out", 504), ("served", 200), ("served", 409)):
            many = sum(getattr(one, name) for one in counted)
            if name == "timed_out":  # also before the first item
                many += sum(one.streams.timed_out for one in counted)
            told = f"{statuses[status]} answers {status}, {many} counted as {name}"
            self._expect(many >= statuses[status], "sums", told)
        self._streams.check_counts([one.streams for one in counted])
        started = sum(self._loop.names[f"brrt {name}/"] for name in OPERATIONS)
        spawned = sum(one.spawned for one in counted)
        self._expect(started == spawned, "sums", f"{started} workers, {spawned} counted")

    def _raise(self) -> None:
        if self._scene.failures:
            raise Broken(*self._scene.failures[0])
