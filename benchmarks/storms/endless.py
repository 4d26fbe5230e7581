"""Storm: handlers that never return, under full load.

    python -m benchmarks.storms.endless [--seconds 20] [--connections 32] [--seed 0]

Half as many clients as there are good ones ask for a handler that never ends, and for one that
ignores its cancellation as well. They are answered 504 when their time is up, or 503
while the queue is full; nobody else may notice. Then the service is stopped: with handlers that
cannot be ended it must still end, by itself and in time.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from benchmarks.loads import Tally, request
from benchmarks.storms.served import served
from benchmarks.storms.service import ENDLESS
from benchmarks.storms.verdict import Options, Verdict, main

SECONDS: Final = 20.0
# Environment: a stop takes no longer than this.
SHORT: Final = {"BRRT_GRACE": "1", "BRRT_CANCEL_WAIT": "0.5"}
# Times the time limit within which everybody who waits in vain is answered.
LATE: Final = 8.0
# Workers that are stuck for good, and the tasks beyond one worker at rest that this is.
STUCK: Final = int(ENDLESS["x-brrt-workers"])
KEPT: Final = Counter({"brrt never_obey/N": STUCK - 1, "brrt never_obey/N job": STUCK})


async def storm(options: Options) -> Verdict:
    """Flood the endless handlers; everything else must go on."""
    verdict, vain = Verdict("endless", allowed=(200,)), Tally()
    flood = replace(options, connections=max(options.connections // 2, 4 * STUCK))
    async with served(verdict, environment=SHORT) as service:
        before = await service.rest()
        async with service.load(options), service.load(flood, _endless, vain):
            await asyncio.sleep(options.seconds)
        before["tasks"] = Counter(before["tasks"]) + KEPT
        await service.compare(before, kept=STUCK)
    _judge(verdict, vain)
    return verdict.close()


def _endless(choose: random.Random) -> Iterator[bytes]:
    while True:
        yield request("GET", choose.choice(("/never", "/stubborn")))


def _judge(verdict: Verdict, vain: Tally) -> None:
    """Those who wait in vain are all answered, with the two statuses for that, and in time."""
    slowest, limit = vain.percentile(1.0), LATE * ENDLESS["x-brrt-timeout"]
    verdict.facts.append(f"in vain: {vain}, slowest {slowest:.2f} s")
    if vain.lost:
        verdict.faults.append("requests in vain were lost")
    if set(vain.seconds) - {503, 504} or not vain.count(504):
        verdict.faults.append("answers in vain must be 504, and 503 while the queue is full")
    if slowest > limit:
        verdict.faults.append(f"an answer in vain took longer than {limit:g} s")


if __name__ == "__main__":
    main(__doc__, storm, SECONDS)
