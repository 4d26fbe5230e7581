"""Who stands before `look` in one world of four: a provider that waits, says no, crashes, never
ends or swallows its cancellation, and a limit that counts in memory. And what must hold of both.
"""

import asyncio
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from benchmarks.simulation.calls import Call
from brrt import RateLimits, Request

if TYPE_CHECKING:
    from benchmarks.simulation.scene import Scene

GUARDED: Final = "look"
# What a client may ask while the app runs. Real time hardly passes, so none comes back.
LIMIT: Final = 12
KINDS: Final = ("open", "open", "open", "wait", "wait", "deny", "fail", "never", "swallow")
SLACK: Final = 1e-9


def guard(said: dict[str, Any]) -> dict[str, Any]:
    """An operation behind the door."""
    return said | {"security": [{"door": []}], "x-brrt-rate-limit": f"{LIMIT}/day"}


def settings(guarded: bool) -> dict[str, Any]:
    """What the app is told of limits. Those that are kept in Redis need a real loop."""
    return {"rates": RateLimits(strategy="fixed-window")} if guarded else {}


@dataclass(slots=True)
class Visit:
    """One time that somebody was asked about."""

    began: float
    ended: float | None = None
    cancelled: float | None = None
    said: Any = None


class Door:
    """The provider, and the rules."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        self.visits: dict[int, list[Visit]] = {}
        self.is_shut = True

    def guards(self, call: Call) -> bool:
        """Whether a request has to come this way."""
        return self._scene.plan.guarded and call.operation == GUARDED

    async def __call__(self, credentials: Any, scopes: tuple[str, ...], request: Request) -> Any:
        """Do what is drawn for a request."""
        scene, number = self._scene, int(credentials)
        random = Random(f"{scene.plan.seed} {number}")
        kind, seconds = random.choice(KINDS), random.choice((0.0, 0.05, 0.2, 0.4))
        mine = Visit(scene.loop.time())
        self.visits.setdefault(number, []).append(mine)
        scene.note(f"the door is asked about {number}: {kind}")
        self._expect(not self.is_shut, "P2", f"{number} is asked about, and the app has stopped")
        try:
            mine.said = await self._decide(kind, seconds, mine)
            return mine.said
        except asyncio.CancelledError:
            mine.cancelled = scene.loop.time()
            raise
        finally:
            mine.ended = scene.loop.time()

    async def _decide(self, kind: str, seconds: float, mine: Visit) -> Any:
        if kind == "never":
            await self._scene.troupe.released.wait()
        if kind in ("wait", "swallow"):
            try:
                await asyncio.sleep(seconds if kind == "wait" else 10.0)
            except asyncio.CancelledError:
                if kind == "wait":
                    raise
                mine.cancelled = self._scene.loop.time()
                await asyncio.sleep(seconds)
        if kind == "fail":
            raise KeyError(seconds)
        return None if kind == "deny" else "somebody"

    # Rules

    def delay(self, call: Call) -> float:
        """Seconds that a request may have spent here: each time at most its patience."""
        swallowed = 0.4
        return len(self._of(call)) * (self._scene.plan.limits.timeout + swallowed)

    def left(self, call: Call) -> float:
        """When a request was last asked about; until then nobody hears its client leave."""
        return max((one.ended or self._scene.loop.time() for one in self._of(call)), default=0.0)

    def _of(self, call: Call) -> list[Visit]:
        return self.visits.get(call.number, [])

    def check_call(self, call: Call) -> None:
        """P2, P7: nobody is asked about who has his answer, nor for longer than it may take."""
        limits = self._scene.plan.limits
        for one in self._of(call):
            self._expect(one.ended is not None, "P2", f"{call.number} is still asked about")
            over = (one.cancelled or one.ended or 0.0) - one.began - limits.timeout
            late = over > SLACK and not self._scene.loop.stalled
            self._expect(not late, "P7", f"{call.number} was asked about {over:g} s too long")
        others = call.cancelled or call.is_inner  # whose asker may have been cancelled
        swallowed = call.is_given_up and not others
        self._expect(not swallowed, "P7", f"the task of {call.number} is being cancelled for ever")

    def check_start(self, call: Call) -> None:
        """P9: nobody passes of whom the last word is not yes; nor more than may."""
        if not self.guards(call):
            return
        visits = self._of(call)
        passed = bool(visits) and visits[-1].said is not None
        self._expect(passed, "P9", f"{call.number} is let in, and nobody said so")
        calls = [one for one in self._scene.calls.values() if self.guards(one)]
        ran, runs = sum(bool(one.performances) for one in calls), len(self._scene.rules.registries)
        self._expect(ran <= LIMIT * runs, "rates", f"{ran} were let in, in {runs} runs")

    def is_kept_out(self, call: Call) -> bool:
        """Whether an answer is the doing of the door, and rightly so."""
        if not self.guards(call) or call.performances:
            return False
        visits = self._of(call)
        if call.status == 429:
            asked = [one for one in self._scene.calls.values() if self.guards(one)]
            return not visits and len(asked) > LIMIT
        if call.status == 503:
            is_it = "could not be found out" in call.answer["detail"]
            return is_it and visits[-1].cancelled is not None
        if not visits or visits[-1].said is not None:
            return False
        return call.status in (401, 500) and visits[-1].cancelled is None

    def _expect(self, holds: bool, rule: str, text: str) -> None:
        if not holds:
            self._scene.fail(rule, text)
