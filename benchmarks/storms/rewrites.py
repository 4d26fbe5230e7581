"""Storm: a watched document is rewritten in place, in pieces and with pauses, under full load.

    python -m benchmarks.storms.rewrites [--seconds 30] [--connections 32] [--seed 0]

The worst that an editor or a copy over a network does: truncate the file, write some bytes, wait,
write some more. Half of the pauses are longer than `brrt run --watch` waits for a file to come to
rest, so that it reads halves of documents. None of them is ever served: each request is answered
by one whole world, and every one that was completely written comes to be served.
"""

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.loads import Client, request
from benchmarks.storms.served import Service, served
from benchmarks.storms.service import document
from benchmarks.storms.verdict import Options, Verdict, main
from brrt.watching import DEBOUNCE

SECONDS: Final = 30.0
# Seconds between pieces: less and more than what the watch waits for.
PAUSES: Final = (DEBOUNCE / 10, 2 * DEBOUNCE)
# Pieces of a document.
MOST_PIECES: Final = 4
# Seconds within which a document that is complete must be served.
PATIENCE: Final = 15.0


async def storm(options: Options) -> Verdict:
    """Rewrite the document until the storm is over; each time the new one must come."""
    verdict, choose, slowest, worlds = Verdict("rewrites"), random.Random(options.seed), 0.0, 0
    with _document() as file:
        environment = {"STORM_DOCUMENT": str(file)}
        async with served(verdict, "--watch", environment=environment) as service:
            before = await service.rest()
            async with service.load(options):
                until = time.monotonic() + options.seconds
                while time.monotonic() < until or not worlds:
                    worlds += 1
                    await _rewrite(file, _text(worlds), choose)
                    slowest = max(slowest, await _arrival(service, worlds))
            await service.compare(before)
        refused = sum("Not reloaded" in line for line in service.log)
    verdict.facts.append(f"{worlds} documents, each served within {slowest:.2f} s")
    verdict.facts.append(f"{refused} halves refused")
    return verdict.close()


@contextmanager
def _document() -> Iterator[Path]:
    """A file with the document of world 0, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "openapi.json")
        file.write_text(_text(0))
        yield file


def _text(world: int) -> str:
    """A document, as long as real ones are."""
    return json.dumps(document(world), indent=2)


async def _rewrite(file: Path, text: str, choose: random.Random) -> None:
    """Truncate a file and write it anew, as badly as can be."""
    cuts = sorted(choose.sample(range(1, len(text)), choose.randrange(MOST_PIECES)))
    with file.open("w") as writing:
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            writing.write(text[start:end])
            writing.flush()
            if end < len(text):
                await asyncio.sleep(choose.choice(PAUSES))


async def _arrival(service: Service, world: int) -> float:
    """Seconds until a world is served."""
    client, began = Client(service.port), time.monotonic()
    try:
        while time.monotonic() < began + PATIENCE:
            answer = await client.ask(request("GET", "/words/1"))
            if answer.status == 200 and json.loads(answer.body)["world"] == world:
                return time.monotonic() - began
            await asyncio.sleep(0.02)
    finally:
        client.close()
    service.verdict.faults.append(f"world {world} was not served within {PATIENCE:g} s")
    return PATIENCE


if __name__ == "__main__":
    main(__doc__, storm, SECONDS)
