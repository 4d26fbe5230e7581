"""A trial: one server on one core, offered requests from another, in phases without a pause."""

import asyncio
import gc
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final

import psutil

from benchmarks.loads import request
from benchmarks.overloading.apps import LIMITS, SLOWER, STUBBORN
from benchmarks.overloading.crowds import Asked, arrivals, ask_when
from benchmarks.overloading.views import Phase, Record
from benchmarks.servers import free_port, serve

# Seconds after which a client hangs up.
DEADLINE: Final = 0.2
# Health checks a second, each over a connection of its own, and the seconds after which one has
# failed: those of a Kubernetes probe.
PROBES: Final = 20.0
PROBE_DEADLINE: Final = 1.0
HEALTH: Final = request("GET", "/health", headers={"Connection": "close"})
# What a server is asked before anything counts: requests a second, and for how many seconds.
WARM_UP: Final = (50.0, 0.5)
# Trials at the most, on a machine that has other things to do.
TRIES: Final = 3
# Where the server runs, and where the clients, if there are so many cores.
SERVER_CORE: Final = 0
CLIENT_CORE: Final = 1


@dataclass(frozen=True, slots=True)
class System:
    """What is measured: an app, the arguments of its server, and the limits of brrt.

    Where it is `slower`, everything takes so many times longer, and clients wait so much longer.
    """

    name: str
    app: str
    arguments: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict[str, Any])
    slower: float = 1.0

    def command(self, port: int) -> list[str]:
        """What `python -m` runs: the same server for all, without logs."""
        where = f"benchmarks.overloading.apps:{self.app}"
        command = ["uvicorn", "--factory", where, "--port", str(port), "--no-access-log"]
        return [*command, "--loop=uvloop", "--http=httptools", "--log-level=error", *self.arguments]


def keep_to_a_core() -> None:
    """Keep the clients off the server's core, where there is another."""
    if (os.cpu_count() or 1) > CLIENT_CORE and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {CLIENT_CORE})


async def measure(
    system: System, phases: Sequence[Phase], seed: int, *, pin: bool = True, tries: int = TRIES
) -> Record:
    """Offer a system everything. A trial in which the clients were too slow is made again."""
    for _ in range(tries - 1):
        record = await _attempt(system, phases, seed, pin)
        if record.is_true:
            return record
    return await _attempt(system, phases, seed, pin)


async def _attempt(system: System, phases: Sequence[Phase], seed: int, pin: bool) -> Record:
    """Start a system, warm it up, offer it everything, and stop it."""
    port, record = free_port(), Record(phases)
    environment = {
        LIMITS: json.dumps(dict(system.limits)),
        STUBBORN: str(record.seconds),
        SLOWER: str(system.slower),
    }
    core = SERVER_CORE if pin else None
    async with serve(system.command(port), port, core=core, environment=environment) as process:
        await _warm_up(port, phases[0].rates)
        gc.collect()
        gc.disable()  # a full collection takes longer than a request
        try:
            await _offer(port, psutil.Process(process.pid), record, DEADLINE * system.slower, seed)
        finally:
            gc.enable()
    return record


async def _warm_up(port: int, operations: Mapping[str, float]) -> None:
    unheard: list[Asked] = []
    for name in operations:
        wires = repeat(_get(name))
        await ask_when(port, arrivals([WARM_UP]), wires, unheard.append, deadline=PROBE_DEADLINE)


async def _offer(
    port: int, server: psutil.Process, record: Record, deadline: float, seed: int
) -> None:
    operations = sorted({name for phase in record.phases for name in phase.rates})
    async with asyncio.TaskGroup() as group:
        for number, name in enumerate(operations):
            asked = record.asked[name] = []
            dues, wires = arrivals(record.plan(name), seed + number), repeat(_get(name))
            group.create_task(ask_when(port, dues, wires, asked.append, deadline=deadline))
        probes = arrivals([(PROBES, record.seconds)])
        note = record.health.append
        group.create_task(ask_when(port, probes, repeat(HEALTH), note, deadline=PROBE_DEADLINE))
        group.create_task(_watch(server, record))


def _get(name: str) -> bytes:
    return request("GET", f"/{name}")


async def _watch(server: psutil.Process, record: Record) -> None:
    """Read the server's processor time whenever a phase begins, and at the end."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for phase in record.phases:
        record.cpu.append(_used(server))
        begin += phase.seconds
        await asyncio.sleep(begin - loop.time())
    record.cpu.append(_used(server))


def _used(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system)
