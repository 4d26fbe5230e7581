"""All storms, one after the other, a summary line for each.

    python -m benchmarks.storms [--seconds SECONDS] [--connections 32] [--seed 0] [NAME ...]

Without `--seconds` each takes as long as it does by itself, six minutes in all. Exits with 1 if
any verdict is bad.
"""

import argparse
import asyncio
import sys
from typing import Final

from benchmarks.storms import (
    clients,
    endless,
    full_disk,
    reloads,
    replacements,
    rewrites,
    rolls,
    streams,
)
from benchmarks.storms.verdict import CONNECTIONS, Options, Storm

# By name, and how many seconds each takes.
STORMS: Final[dict[str, tuple[Storm, float]]] = {
    "reloads": (reloads.storm, reloads.SECONDS),
    "replacements": (replacements.storm, replacements.SECONDS),
    "rolls": (rolls.storm, rolls.SECONDS),
    "clients": (clients.storm, clients.SECONDS),
    "endless": (endless.storm, endless.SECONDS),
    "full_disk": (full_disk.storm, full_disk.SECONDS),
    "rewrites": (rewrites.storm, rewrites.SECONDS),
    "streams": (streams.storm, streams.SECONDS),
}


async def run(names: list[str], seconds: float | None, connections: int, seed: int) -> bool:
    """Run storms and print their verdicts; tells whether all are good."""
    good = True
    for name in names or STORMS:
        storm, usual = STORMS[name]
        length = usual if seconds is None else seconds
        verdict = await storm(Options(seconds=length, connections=connections, seed=seed))
        print(verdict, flush=True)
        good = good and not verdict.faults
    return good


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(prog="benchmarks.storms", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(STORMS)}")
    parser.add_argument("--seconds", type=float, help="of each; by default what it takes by itself")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--seed", type=int, default=0, help="of what is random")
    given = parser.parse_args()
    if unknown := set(given.names) - set(STORMS):
        parser.error(f"no storm {', '.join(unknown)}")
    good = asyncio.run(run(given.names, given.seconds, given.connections, given.seed))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
