"""Storm: two processes behind one socket are replaced under full load, one after the other.

    python -m benchmarks.storms.rolls [--seconds 60] [--connections 32] [--seed 0]

In turns: SIGHUP to `brrt run --workers 2`, which renews both; and SIGTERM to one of the two in
mid-load, in whose place another is started. Clients keep their connections, close them now and
then, upload, wait for slow handlers, and are slow themselves; none may notice.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from typing import Final

from benchmarks.loads import Lost, request
from benchmarks.storms.served import Service, served
from benchmarks.storms.verdict import Options, Verdict, main
from benchmarks.storms.wires import CLOSE, mixed

SECONDS: Final = 60.0
WORKERS: Final = 2
# Seconds until processes have been replaced, on a machine that is busy with the load as well.
PATIENCE: Final = 60.0
# Seconds that the slow requests take: many times what a server needs to close its door.
SLOW: Final = 0.7


async def storm(options: Options) -> Verdict:
    """Replace processes for as long as the storm lasts, at least once in each way."""
    verdict, over = Verdict("rolls"), asyncio.Event()
    async with served(verdict, "--workers", str(WORKERS)) as service:
        present = await _arrivals(service, set())
        async with service.load(options, _wires), asyncio.TaskGroup() as slow:
            for _ in range(max(options.connections // 4, 4)):
                slow.create_task(_ask_slowly(service, over))
            try:
                present = await _roll(service, present, options.seconds)
            finally:
                over.set()
        await _rest(service, present)
    return verdict.close()


async def _roll(service: Service, present: set[int], seconds: float) -> set[int]:
    """Replace processes in turns; those that are there at the end."""
    until, hang_ups, ends = time.monotonic() + seconds, 0, 0
    while not service.verdict.faults and (time.monotonic() < until or not ends):
        if ends < hang_ups:
            leaving = min(present)
            os.kill(leaving, signal.SIGTERM)
            present = await _arrivals(service, {leaving})
            ends += 1
        else:
            service.process.send_signal(signal.SIGHUP)
            present = await _arrivals(service, present)
            hang_ups += 1
    service.verdict.facts.append(f"{hang_ups} renewals of both, {ends} ends of one")
    return present


async def _ask_slowly(service: Service, over: asyncio.Event) -> None:
    """Somebody whose requests take two seconds to arrive, most of which is the head."""
    wire = request("POST", "/words", b'{"text": "' + b"w" * 20 + b'"}', CLOSE)
    while not over.is_set():
        await service.ask_slowly(wire, len(wire) // 20, 0.1)


async def _arrivals(service: Service, leaving: set[int]) -> set[int]:
    """The processes that serve, once those that leave are gone and others are there."""
    seen, until = set[int](), time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not any(_is_alive(process) for process in leaving):
            try:
                seen.add((await service.state())["process"])
            except Lost as error:
                service.verdict.tally.lost[f"state: {error}"] += 1
            if len(seen := {one for one in seen if _is_alive(one)}) == WORKERS:
                return seen
        await asyncio.sleep(0.02)
    service.verdict.faults.append(f"not {WORKERS} processes within {PATIENCE:g} s")
    return seen


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def _rest(service: Service, present: set[int]) -> None:
    """Each process is at rest with as many tasks as the other."""
    counts: dict[int, int] = {}
    for _ in range(100 * len(present)):
        state = await service.rest()
        counts[state["process"]] = sum(state["tasks"].values())
        if len(counts) == len(present):
            break
    service.verdict.facts.append(f"tasks {' and '.join(map(str, counts.values()))}")
    if len(set(counts.values())) != 1:
        service.verdict.faults.append("one process has more tasks than the other")


def _wires(choose: random.Random) -> Iterator[bytes]:
    """What everybody asks, and now and then something slow."""
    for wire in mixed(choose):
        yield wire
        if choose.randrange(20) == 0:
            yield request("GET", f"/waits?seconds={SLOW}")


if __name__ == "__main__":
    main(__doc__, storm, SECONDS)
