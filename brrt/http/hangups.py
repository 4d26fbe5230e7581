"""Clients that hang up: how to hear of it while something else goes on.

Only `receive()` tells, and only whoever waits in it: a task, so it is started for what takes
long.
"""

import asyncio

from brrt.http.bodies import Receive

# Seconds that a cancelled `receive()` may take; servers end it at once.
RECEIVE_WAIT = 1.0


def listen(receive: Receive) -> "asyncio.Task[None]":
    """A task that ends when the client hangs up; `stop` it, and ask `has_heard`."""
    return asyncio.get_running_loop().create_task(_hangup(receive), name="brrt hangup watch")


def has_heard(listener: "asyncio.Task[None]") -> bool:
    """Whether the client hung up. A `receive` that fails or is cancelled says nothing of that."""
    return listener.done() and not listener.cancelled() and listener.exception() is None


async def _hangup(receive: Receive) -> None:
    """Return when the client hangs up. What is left of a body that nobody wants is dropped."""
    body_is_over = False
    while (message := await receive())["type"] != "http.disconnect":
        if body_is_over:  # a server that repeats itself would keep this loop turning for ever
            await asyncio.get_running_loop().create_future()
        body_is_over = not message.get("more_body", False)
