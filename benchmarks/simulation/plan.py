"""What is going to happen: settings and a list of actions, drawn from a seed.

An action that is left out changes nothing in the others, so a plan can be made shorter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from brrt import Limits

# Virtual seconds in which actions begin.
HORIZON: Final = 4.0
# Times are drawn from a grid, so that many things happen at once.
GRID: Final = 0.05
# GET, POST with a body, GET with a single worker; GET of JSON lines, GET of events.
OPERATIONS: Final = ("look", "make", "turn", "flow", "feed")
STREAMS: Final = ("flow", "feed")
# Virtual seconds that a handler's last words may take without being late: less than `cancel_wait`.
LAST_WORDS: Final = (0.0, 0.01, 0.04)

Behaviour = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that happens: `steps` steps after `when`. `of` is the action that it is about."""

    number: int
    when: float
    steps: int
    verb: str
    what: dict[str, Any] = field(default_factory=dict[str, Any])
    of: int | None = None

    def __str__(self) -> str:
        words = [f"{key}={value}" for key, value in self.what.items() if value not in (None, ())]
        about = [] if self.of is None else [f"of {self.of}"]
        return " ".join(
            [f"{self.number}: at {self.when:g}+{self.steps}", self.verb, *about, *words]
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run is made from."""

    seed: int
    shuffle: float
    limits: Limits
    missing: str
    sends_slowly: bool
    start_time: float
    guarded: bool
    actions: tuple[Action, ...]

    def keep(self, numbers: frozenset[int]) -> "Plan":
        """The same with some of its actions."""
        kept = tuple(one for one in self.actions if one.number in numbers)
        return replace(self, actions=kept)


def make_plan(seed: int) -> Plan:
    """The plan of a seed."""
    random = Random(seed)
    limits = Limits(
        workers=random.choice([1, 2, 3, 4]),
        queue_size=random.choice([1, 2, 4, 8]),
        queue_policy=random.choice(["adaptive", "adaptive", "fifo", "lifo"]),
        timeout=random.choice([0.3, 0.5, 1.0]),
        grace=random.choice([0.0, 0.1, 0.4, 2.0]),
        cancel_wait=random.choice([0.05, 0.2]),
        idle_timeout=random.choice([0.1, 0.5]),
        max_tasks=random.choice([10, 11, 12, 16, 100]),
        disconnect_after=0.03,
        streams=random.choice([1, 2, 4]),
        max_streams=random.choice([2, 3, 6]),
        stream_timeout=random.choice([0.1, 0.3, 1.0]),
        heartbeat=random.choice([0.2, 1.0, 15.0]),
        open_after=random.choice([0.0, 0.05, 0.3]),
        max_background=random.choice([1, 2, 8]),
    )
    return Plan(
        seed=seed,
        shuffle=random.choice([0.0, 0.1, 0.5, 1.0]),
        limits=limits,
        missing=random.choice(["501", "501", ""]),
        sends_slowly=random.random() < 0.3,
        start_time=random.choice([0.0, 0.0, 0.1]),
        guarded=seed % 4 == 3,
        actions=_Writer(random).write(),
    )


class _Writer:
    """Draws the actions of a plan."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.actions: list[Action] = []
        self.is_wild = random.random() < 0.2  # somebody cancels tasks that are not his
        self.calm = random.random() < 0.3  # no stops, so that nothing else hides a loss

    def write(self) -> tuple[Action, ...]:
        random = self.random
        if random.random() < 0.9:
            self._add("enter", road=random.choice(["protocol", "with", "lifespan"]), when=0.0)
        if random.random() < 0.1:
            self._add("close", when=0.0, grace=None)
        writers: dict[Callable[[float], None], int] = {
            self._asks: 10,
            self._change: 4,
            self._stall: 1,
            self._life: 0 if self.calm else 1,
            self._vandal: 4 if self.is_wild else 0,
        }
        kinds, weights = list(writers), list(writers.values())
        for write in random.choices(kinds, weights, k=random.randint(3, 24)):
            write(round(random.uniform(0, HORIZON) / GRID) * GRID)
        return tuple(self.actions)

    def _add(self, verb: str, *, when: float, of: int | None = None, **what: Any) -> int:
        number = len(self.actions)
        steps = self.random.choice([0, 0, self.random.randint(0, 5), self.random.randint(0, 40)])
        self.actions.append(Action(number, when, steps, verb, what, of))
        return number

    def _asks(self, when: float) -> None:
        """One request, or a crowd of them for one operation."""
        crowd = self.random.choice([1, 1, 1, 2, 3, 12])
        operation = self.random.choice(OPERATIONS)
        draw = self.stream if operation in STREAMS else self.behaviour
        behaviour = draw() if self.random.random() < 0.5 else None
        for _ in range(crowd):
            self._ask(when, operation, behaviour or draw())

    def _ask(self, when: float, operation: str, behaviour: Behaviour) -> None:
        random = self.random
        pieces: tuple[float, ...] = ()
        if operation == "make":
            pieces = tuple(random.choice([0, 0, 0, 0.1, 0.6]) for _ in range(random.randint(1, 3)))
        rests = self._rests() if operation in STREAMS else None
        what: dict[str, Any] = {
            "operation": operation,
            "does": behaviour,
            "pieces": pieces,
            "rests": rests,
        }
        number = self._add("ask", when=when, **what)
        if random.random() < 0.25:
            self._add("hang up", when=self._soon(when), of=number)
        if random.random() < 0.1:
            self._add("cancel", when=self._soon(when), of=number)

    def _soon(self, when: float) -> float:
        return when + self.random.choice([0.0, 0.0, 0.05, 0.1, 0.3, 0.5])

    def _rests(self) -> tuple[int, float | None] | None:
        """Before which piece a client takes nothing, and for how long; None for ever."""
        if self.random.random() < 0.8:
            return None
        return self.random.randint(1, 4), self.random.choice([0.02, 0.2, 0.6, None])

    def behaviour(self) -> Behaviour:
        """What a handler does before it ends, and how it ends."""
        before = [self._passes_time() for _ in range(self.random.choice([0, 1, 1, 2]))]
        return (*before, *self._is_odd(), self._ends())

    def stream(self) -> Behaviour:
        """What the handler of a stream does: the same, between items."""
        random = self.random
        words: list[tuple[str, Any]] = []
        for _ in range(random.choice([0, 1, 1, 2, 3, 5])):
            if random.random() < 0.5:
                words.append(self._passes_time())
            words.append(("yield", None))
        if random.random() < 0.3:
            words.append(self._passes_time())
        if random.random() < 0.1:
            words.append((random.choice(["wrong", "wait"]), None))
        place = random.randint(0, len(words))
        words[place:place] = self._is_odd()
        return ("last words", random.choice(LAST_WORDS)), *words, self._ends()

    def _passes_time(self) -> tuple[str, Any]:
        random = self.random
        kind = random.choice(["sleep", "sleep", "sleep", "turns", "resist", "child"])
        value = random.randint(1, 5) if kind == "turns" else random.choice([0.05, 0.2, 0.4, 2.0])
        return kind, value

    def _is_odd(self) -> list[tuple[str, Any]]:
        """What few handlers do."""
        random, rare = self.random, self.random.random()
        if rare < 0.04:
            return [("change", self._what_change())]
        if rare < 0.06:
            return [("ask", random.choice(OPERATIONS))]
        if rare < 0.08:
            return [("stay", None)]
        if rare < 0.16:
            return [("toil", self._toil())]
        if rare < 0.28 and self.is_wild:
            return [("riot", None)]
        return []

    def _toil(self) -> Behaviour:
        """What a handler starts in the background."""
        last: tuple[str, Any] = self.random.choice(
            [("give", None), ("give", None), ("raise", None)]
        )
        if self.random.random() < 0.2:
            last = ("change", self._what_change())
        return self._passes_time(), last

    def _ends(self) -> tuple[str, Any]:
        ends = ["give"] * 12 + ["raise", "raise", "problem", "exit", "give up", "cancel itself"]
        return self.random.choice(ends), None

    def _change(self, when: float) -> None:
        number = self._add("change", when=when, **self._what_change())
        if self.random.random() < 0.25:
            self._add("cancel", when=self._soon(when), of=number)
        if self.is_wild and self.random.random() < 0.5:  # what a change has just started is hit
            self._add("vandalise", when=when, draw=self.random.choice([0.99, self.random.random()]))
        if self.random.random() < 0.2:  # several at once
            self._add("change", when=when, **self._what_change())

    def _what_change(self) -> dict[str, Any]:
        random = self.random
        kind = random.choice(["replace"] * 5 + ["remove"] * 2 + ["reload"] * 4 + ["bad reload"])
        what: dict[str, Any] = {"kind": kind}
        if kind in ("replace", "remove"):
            what["operation"] = random.choice(OPERATIONS)
        if kind == "replace" and random.random() < 0.3:
            what["workers"] = random.choice([1, 2, 5])
        if kind == "replace":
            what["same"] = random.random() < 0.2  # the handler that is there, with other limits
        if kind == "reload":
            what["again"] = random.random() < 0.2  # what was read last, with the same handlers
            what["handlers"] = not what["again"] and random.random() < 0.6
            what["without"] = random.choice([None, None, None, *OPERATIONS])
            what["workers"] = random.choice([None, None, 1, 2])
        return what

    def _stall(self, when: float) -> None:
        self._add("stall", when=when, seconds=self.random.choice([0.01, 0.2, 0.7, 3.0]))

    def _life(self, when: float) -> None:
        """The app is stopped by its host, by itself, or by nobody's leave; and started again."""
        random = self.random
        kind = random.choice(["leave", "leave", "close", "close", "cancel host"])
        if random.random() < 0.2:
            self._add("enter", when=when, road="with")
        what: dict[str, Any] = {"grace": random.choice([None, None, 0.0])}
        if kind == "leave":
            what = {"first": random.random() < 0.3}  # or else whoever came last
        number = self._add(kind, when=when, **what)
        if kind == "close" and random.random() < 0.5:  # somebody has less patience
            self._add("close", when=self._soon(when), grace=0.0)
        if kind == "close" and random.random() < 0.2:
            self._add("cancel", when=self._soon(when), of=number)
        if random.random() < 0.6:
            self._add(
                "enter",
                when=when + random.choice([0.0, 0.05, 0.5]),
                road=random.choice(["protocol", "with", "lifespan"]),
            )

    def _vandal(self, when: float) -> None:
        self._add("vandalise", when=when, draw=self.random.random())
