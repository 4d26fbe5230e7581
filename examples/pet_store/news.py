"""How those who wait for news hear of them."""

import asyncio
from contextlib import suppress

# Seconds after which somebody who waits looks for himself: another process may write to the same
# file, and nobody rings here for that.
PATIENCE = 1.0


class Bell:
    """Wakes everybody who waits for the next ring."""

    def __init__(self) -> None:
        self.next = asyncio.Event()

    def ring(self) -> None:
        """There are news."""
        self.next.set()
        self.next = asyncio.Event()


async def heard(ring: asyncio.Event) -> None:
    """Wait for a ring, or as long as patience lasts.

    Take `bell.next` before looking for news: then no ring is missed in between.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await ring.wait()
