"""Whether a storm did harm: what was lost, what was answered, and what was left behind."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.loads import Tally

CONNECTIONS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How long and how hard. `folder` is a small disk, for the storm that fills one."""

    seconds: float = 10.0
    connections: int = CONNECTIONS
    seed: int = 0
    folder: Path | None = None


@dataclass(slots=True)
class Verdict:
    """What became of a storm. `allowed` are the statuses that clients may see."""

    name: str
    allowed: tuple[int, ...] = (200, 503)
    tally: Tally = field(default_factory=Tally)
    facts: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])

    def close(self) -> "Verdict":
        """Judge the tally."""
        strange = sorted(set(self.tally.seconds) - set(self.allowed))
        if strange:
            self.faults.append(f"answers {', '.join(map(str, strange))}")
        if self.tally.lost:
            self.faults.append("requests were lost")
        if not self.tally.count(200):
            self.faults.append("nothing was answered 200")
        return self

    def __str__(self) -> str:
        slowest = f"slowest {self.tally.percentile(1.0):.2f} s"
        outcome = f"BAD: {'; '.join(self.faults)}" if self.faults else "good"
        return f"{self.name}: {'; '.join([str(self.tally), slowest, *self.facts, outcome])}"


Storm: TypeAlias = Callable[[Options], Coroutine[Any, Any, Verdict]]


def main(
    text: str | None,
    storm: Storm,
    seconds: float,
    *,
    has_folder: bool = False,
) -> None:
    """Run one storm with the options of the command line; exits with 1 if the verdict is bad."""
    parser = argparse.ArgumentParser(description=(text or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=seconds, help="of load")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--seed", type=int, default=0, help="of what is random")
    if has_folder:
        parser.add_argument("--folder", type=Path, help="on a small disk, which is filled")
    verdict = asyncio.run(storm(Options(**vars(parser.parse_args()))))
    print(verdict)
    sys.exit(1 if verdict.faults else 0)
