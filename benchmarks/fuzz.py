"""Requests that are nearly right, for as long as is wanted.

    python -m benchmarks.fuzz [--minutes 10] [--first 0] [--way upload]
    python -m benchmarks.fuzz --seed 42 --way upload

Every seed draws some hundreds of requests for each way into the attacked app of the tests
(`tests/attacks/target.py`) and sends them by hand. Each must have one answer that is no failure,
within ten seconds; after each seed nothing may be left of them. One that breaks a rule is cut
down by Hypothesis, printed, and stored beside the command that replays it.
"""

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, given, seed, settings

from benchmarks.fuzzing.asking import Ask, Broken, Session
from benchmarks.fuzzing.strategies import WAYS
from tests.attacks.target import build

EXAMPLES: Final = 300
# Seconds between two lines of progress.
EVERY: Final = 10.0


class Failure(Exception):
    """A request that breaks a rule, as small as it can be."""

    def __init__(self, one: Ask | None, error: BaseException) -> None:
        self.one = one
        self.error = error
        super().__init__(one, error)


def draw(number: int, way: str, session: Session, counts: Counter[int]) -> None:
    """Send the requests of one seed for one way. Raises `Failure`."""
    last: list[Ask] = []

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(WAYS[way])
    def holds(one: Ask) -> None:
        last[:] = [one]
        counts[session.ask(one).status] += 1

    try:
        holds()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise Failure(last[0] if last else None, error) from error


def run(numbers: Iterable[int], ways: list[str], until: float) -> bool:
    """Seed after seed until the time is over. Whether every rule held."""
    counts, told = Counter[int](), time.monotonic()
    done = 0
    for number in numbers:
        for way in ways:
            session = Session(build)
            try:
                draw(number, way, session, counts)
                session.close()
            except (Failure, Broken) as error:
                _report(number, way, error)
                with suppress(Broken):
                    session.close()
                return False
        done += 1
        if time.monotonic() > until:
            break
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            print(f"{done:,} seeds, {counts.total():,} requests", file=sys.stderr, flush=True)
    answers = ", ".join(f"{many:,} x {status}" for status, many in counts.most_common())
    print(f"{done:,} seeds, {counts.total():,} requests: every rule held\n{answers}")
    return True


def _report(number: int, way: str, error: Exception) -> None:
    """Print a failure, and store it."""
    replay = f"python -m benchmarks.fuzz --seed {number} --way {way}"
    one, why = (error.one, error.error) if isinstance(error, Failure) else (None, error)
    text = f"{replay}\n{one!r}\n{type(why).__name__}: {why}\n"
    path = Path(f"fuzz-{way}-{number}.txt")
    path.write_text(text)
    print(f"{text}stored in {path}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with")
    parser.add_argument("--seed", type=int, help="this seed only")
    parser.add_argument("--way", choices=sorted(WAYS), help="this way only")
    options = parser.parse_args()
    logging.disable(logging.ERROR)  # what fails is told below, as small as it can be
    one = options.seed
    numbers = count(options.first) if one is None else range(one, one + 1)
    ways = [options.way] if options.way else list(WAYS)
    if not run(numbers, ways, time.monotonic() + 60 * options.minutes):
        sys.exit(1)


if __name__ == "__main__":
    main()
