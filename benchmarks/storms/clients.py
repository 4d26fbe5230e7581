"""Storm: clients that are slow, stop half-way through an upload, or hang up at random.

    python -m benchmarks.storms.clients [--seconds 30] [--connections 32] [--seed 0]

Half as many of them as there are good clients ill-treat the service, each way in turn. The slow
ones are served like anybody; of the others nothing may be left, and nobody else may notice them.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import Final

from benchmarks.loads import request
from benchmarks.storms.served import Service, served
from benchmarks.storms.verdict import Options, Verdict, main
from benchmarks.storms.wires import CLOSE, upload_of, word

SECONDS: Final = 30.0
# Bytes that slow clients send at once, and seconds between. Those that they send in all.
PIECE: Final = 40
PAUSE: Final = 0.005
SLOW_UPLOAD: Final = 4_000
# Bytes of uploads of which one half is sent: several spools.
HALF_UPLOAD: Final = 200_000
# Seconds that those who hang up wait at the most.
NERVE: Final = 0.1
# What takes longer than anybody waits for the service to come to rest, unless it is cancelled.
WAIT: Final = request("GET", "/waits?seconds=60")


Assault = Callable[[Service, random.Random], Awaitable[None]]


async def storm(options: Options) -> Verdict:
    """Good clients and bad ones at once; then only what was there before."""
    verdict, over, assaults = Verdict("clients"), asyncio.Event(), Counter[str]()
    async with served(verdict) as service:
        before = await service.rest()
        async with service.load(options), asyncio.TaskGroup() as bad:
            for number in range(max(options.connections // 2, len(ASSAULTS))):
                choose = random.Random(f"{options.seed}/bad {number}")
                bad.create_task(_ill_treat(service, choose, number, over, assaults))
            await asyncio.sleep(options.seconds)
            over.set()
        verdict.facts += [f"{count} x {name}" for name, count in sorted(assaults.items())]
        await service.compare(before)
    if missing := {one.__name__ for one in ASSAULTS} - set(assaults):
        verdict.faults.append(f"nobody did {', '.join(sorted(missing))}")
    return verdict.close()


async def _ill_treat(
    service: Service, choose: random.Random, first: int, over: asyncio.Event, done: Counter[str]
) -> None:
    for assault in cycle(ASSAULTS[first % len(ASSAULTS) :] + ASSAULTS[: first % len(ASSAULTS)]):
        if over.is_set():
            return
        await assault(service, choose)
        done[assault.__name__] += 1


# --- the ways ---------------------------------------------------------------------------------


async def slow_request(service: Service, choose: random.Random) -> None:
    """Send head and body in small pieces: the request is answered like any other."""
    size = choose.choice((100, SLOW_UPLOAD))
    await service.ask_slowly(upload_of(size, CLOSE), PIECE, PAUSE)


async def half_upload(service: Service, choose: random.Random) -> None:
    """Stop in the middle of an upload, hold the connection for a while, and hang up."""
    wire = upload_of(HALF_UPLOAD, {})
    await _send_and_hang_up(service, wire[: HALF_UPLOAD // 2], NERVE + choose.random())


async def half_head(service: Service, choose: random.Random) -> None:
    """Stop in the middle of a head, hold the connection for a while, and hang up."""
    await _send_and_hang_up(service, b"GET /words/1 HTTP/1.1\r\nHo", choose.random())


async def impatient(service: Service, choose: random.Random) -> None:
    """Send a whole request and hang up before, while or after it is answered."""
    wire = choose.choice((WAIT, upload_of(HALF_UPLOAD, {}), word(choose, {})))
    await _send_and_hang_up(service, wire, choose.choice((0, NERVE)) * choose.random())


async def pipelined(service: Service, choose: random.Random) -> None:
    """Send several requests at once and hang up in the middle of their answers."""
    wires = [choose.choice((WAIT, word(choose, {}))) for _ in range(10)]
    await _send_and_hang_up(service, b"".join(wires), NERVE * choose.random())


async def _send_and_hang_up(service: Service, wire: bytes, nerve: float) -> None:
    """Send, read nothing, and reset the connection after `nerve` seconds."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    except OSError as error:
        service.verdict.tally.lost[f"bad: {type(error).__name__}"] += 1
        return
    writer.write(wire)
    await asyncio.sleep(nerve)
    writer.transport.abort()


ASSAULTS: Final[tuple[Assault, ...]] = (
    slow_request,
    half_upload,
    half_head,
    impatient,
    pipelined,
)


if __name__ == "__main__":
    main(__doc__, storm, SECONDS)
