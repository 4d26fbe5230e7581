"""Storm: a reload every 50 ms under full load.

    python -m benchmarks.storms.reloads [--seconds 60] [--connections 32] [--seed 0]

Each reload brings another document and other handlers, so that every worker is displaced, while
requests that take longer than that are in flight. A request that saw parts of two worlds is a 500.
"""

import asyncio
from typing import Final

from benchmarks.storms.served import served
from benchmarks.storms.verdict import Options, Verdict, main

SECONDS: Final = 60.0
EVERY: Final = 0.05  # seconds


async def storm(options: Options) -> Verdict:
    """Reload without pause under load."""
    return await changing(options, "reloads", "reload", EVERY)


async def changing(options: Options, name: str, change: str, every: float) -> Verdict:
    """Change the app under load, whenever so many seconds are over."""
    verdict = Verdict(name)
    async with served(verdict) as service:
        before = await service.rest()
        async with service.load(options):
            await service.tell(f"begin?change={change}&every={every}")
            await asyncio.sleep(options.seconds)
            after = await service.tell("end")
        verdict.facts.append(f"{after['changes']} changes in {options.seconds:g} s")
        verdict.faults += [f"a change failed: {one}" for one in after["failed"]]
        if not after["changes"]:
            verdict.faults.append("nothing was changed")
        await service.compare(before)
    return verdict.close()


if __name__ == "__main__":
    main(__doc__, storm, SECONDS)
