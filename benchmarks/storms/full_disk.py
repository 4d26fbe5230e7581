"""Storm: the disk under the uploads is full, for a while.

    python -m benchmarks.storms.full_disk [--seconds 20] [--connections 32] [--folder FOLDER]

By default the service is kept from writing files (`RLIMIT_FSIZE`: every write fails with `EFBIG`),
which needs no rights. With `--folder`, uploads go to a folder of yours on a small disk, such as
`mount -t tmpfs -o size=4m tmpfs FOLDER`, and the storm fills it, so that they fail with `ENOSPC`.
What cannot be kept is answered 503, everything else goes on, and uploads work again afterwards.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.loads import Tally
from benchmarks.storms.served import Service, served
from benchmarks.storms.verdict import Options, Verdict, main
from benchmarks.storms.wires import mixture, new_word, upload_of, wait, word

SECONDS: Final = 20.0
# Bytes of a file on a full disk: none, and some, so that it is full when the last bytes of a file
# are written, which are in a buffer until then.
ROOMS: Final = (0, 21_000)
# Bytes that are uploaded, all of which go to disk.
SIZES: Final = (22_000, 25_000, 70_000, 300_000)
# Bytes that are written at once to fill a disk.
FILLING: Final = 4_096
# Bytes that are uploaded and stay in memory.
SMALL: Final = 1_000


async def storm(options: Options) -> Verdict:
    """Fill the disk for the second third of the storm."""
    verdict, folder = Verdict("full disk", allowed=(200,)), options.folder
    environment = {"TMPDIR": str(folder)} if folder else {}
    async with served(verdict, environment=environment) as service:
        before = await service.rest()
        async with service.load(options, _others):
            third = replace(options, seconds=options.seconds / 3)
            await _upload(service, third, "room", 200)
            for room in ROOMS:
                async with _full(service, folder, room):
                    part = replace(third, seconds=third.seconds / len(ROOMS))
                    await _upload(service, part, f"{room} bytes of room", 503)
            await _upload(service, third, "room again", 200)
        await service.compare(before)
    return verdict.close()


async def _upload(service: Service, options: Options, what: str, status: int) -> None:
    """Upload for a while; every answer must have this status."""
    verdict, tally = service.verdict, Tally()
    few = replace(options, connections=max(options.connections // 4, 1))
    async with service.load(few, _uploads, tally):
        await asyncio.sleep(options.seconds)
    verdict.facts.append(f"{what}: {tally}")
    if tally.lost or set(tally.seconds) != {status}:
        verdict.faults.append(f"with {what}, uploads must be answered {status}")


@asynccontextmanager
async def _full(service: Service, folder: Path | None, room: int) -> AsyncIterator[None]:
    """The disk is full in this block, but for `room` bytes of each file, or of all."""
    filling = folder / "filling" if folder else None
    if filling is None:
        await service.tell(f"disk?bytes={room}")
    else:
        await asyncio.to_thread(_fill, filling, room)
    try:
        yield
    finally:
        if filling is None:
            await service.tell("disk?bytes=-1")
        else:
            filling.unlink()


def _fill(file: Path, room: int) -> None:
    """Write until the disk is full, and leave some room."""
    with suppress(OSError), file.open("wb", buffering=0) as filling:
        while True:
            filling.write(bytes(FILLING))
    os.truncate(file, file.stat().st_size - room)


def _others(choose: random.Random) -> Iterator[bytes]:
    return mixture(choose, word, new_word, wait, lambda _, headers: upload_of(SMALL, headers))


def _uploads(choose: random.Random) -> Iterator[bytes]:
    return mixture(choose, lambda _, headers: upload_of(choose.choice(SIZES), headers))


if __name__ == "__main__":
    main(__doc__, storm, SECONDS, has_folder=True)
