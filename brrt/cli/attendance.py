"""An app with somebody who attends to it while it is served: signals, and its document.

It is plain ASGI around the app and knows no server, so it does the same in a single process
and in each of several. Its tasks live from the lifespan's start until its end.

- SIGHUP reloads the document, unless the terminal hung up: then it is a stop.
- A stop signal is the server's business: it closes its door and waits for the requests in
  flight. Streams of events end at once, since their clients come back to somebody else. What is
  still running after `grace` is cancelled and answered here, before the server loses its patience
  with it.
- With `watching`, a change of the document reloads it.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, Final

from brrt.cli.targets import Loaded
from brrt.runtime.tasks import stop
from brrt.watching import log_failure, watch

logger = logging.getLogger("brrt")

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# Seconds that an attendant may take to end; nothing that it waits for resists.
STOP_WAIT: Final = 5.0

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Terminal:
    """Tells the two meanings of SIGHUP apart: "reload", and "your terminal was closed".

    Made when the process starts, while the terminal, if any, is still there.
    """

    def __init__(self) -> None:
        self._had = os.isatty(0)

    @property
    def gone(self) -> bool:
        """Whether there was a terminal and is none any more."""
        return self._had and not os.isatty(0)


class EarlyHangups:
    """Hears SIGHUP until an app is attended to: a reload that is asked for too early is no death.

    Not where there is a terminal: if that hangs up during the start, the process is to end.
    """

    def __init__(self) -> None:
        self.came = False
        if hasattr(signal, "SIGHUP") and not os.isatty(0):
            signal.signal(signal.SIGHUP, self)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Remember it."""
        self.came = True


class Attended:
    """An ASGI app that is attended to. `watching`: reload its document when it changes."""

    def __init__(self, loaded: Loaded, *, watching: bool) -> None:
        self._application = loaded.application
        self._app = loaded.app
        self._watching = watching
        self._terminal = Terminal()
        self._hung_up = asyncio.Event()
        self._stopping = asyncio.Event()

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Awaitable[None]:
        """ASGI 3. Requests pass through untouched."""
        if scope["type"] == "lifespan":
            return self._lifespan(scope, receive, send)
        passed: Awaitable[None] = self._application(scope, receive, send)
        return passed

    async def _lifespan(self, scope: Any, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        self._listen(loop)
        attendant = loop.create_task(self._attend(), name="brrt attendant")
        closer = loop.create_task(self._close_after_grace(), name="brrt close after grace")

        async def hear() -> Any:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await stop((attendant,), STOP_WAIT)  # an app that stops is not reloaded any more
            return message

        async def tell(message: Any) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self._app.aclose()  # if its host knows nothing of it, nobody else does it
            await send(message)

        try:
            await self._application(scope, hear, tell)
        finally:
            left = [task for task in (attendant, closer) if not task.done()]
            if left:  # after the last word servers wait for nothing any more
                await stop(left, STOP_WAIT)

    async def _attend(self) -> None:
        async with asyncio.TaskGroup() as duties:
            duties.create_task(self._reload_on_request(), name="brrt reload on SIGHUP")
            if self._watching:
                duties.create_task(self._watch(), name="brrt watch")

    async def _reload_on_request(self) -> None:
        while True:
            await self._hung_up.wait()
            self._hung_up.clear()
            try:
                await self._app.reload()
            except Exception as error:
                log_failure(error)

    async def _close_after_grace(self) -> None:
        """End what a stop signal found. It counts for handlers whose clients have gone, too."""
        await self._stopping.wait()
        self._app.send_away()
        await asyncio.sleep(self._app.limits.grace)
        with suppress(Exception):  # whoever holds the app open hears it as well, and tells it
            await self._app.aclose(grace=0)

    async def _watch(self) -> None:
        try:
            await watch(self._app)
        except Exception:
            logger.exception("The document is not watched any more; SIGHUP still reloads it")

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear the signals. The server hears those that stop it as before, after us."""
        if hasattr(signal, "SIGHUP"):
            # Not the loop's own way: that makes the signal deadly again when the loop is closed.
            before = signal.signal(signal.SIGHUP, partial(self._hear, loop, self._hang_up))
            if isinstance(before, EarlyHangups) and before.came:
                self._hung_up.set()
        for number in STOP_SIGNALS:
            servers = signal.getsignal(number)

            def heard(number: int, frame: FrameType | None, servers: Any = servers) -> None:
                self._hear(loop, self._stopping.set)
                if callable(servers):
                    servers(number, frame)

            signal.signal(number, heard)

    def _hear(self, loop: asyncio.AbstractEventLoop, duty: Callable[[], None], *_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: there is nothing to do any more
            loop.call_soon_threadsafe(duty)

    def _hang_up(self) -> None:
        if self._terminal.gone:
            signal.raise_signal(signal.SIGTERM)
        else:
            self._hung_up.set()
