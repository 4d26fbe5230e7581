"""When an app lives: one keeper task holds its session open, whatever road led there.

The roads: ASGI's lifespan protocol, `lifespan=app.lifespan` of a host, `async with app`, and
none at all, where the first request starts the keeper. Because the session is entered and left
in the keeper itself, it never matters which task started or stopped it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context
from typing import Any

from brrt.errors import LifecycleError

logger = logging.getLogger("brrt")

Session = Callable[[], AbstractAsyncContextManager[None]]


class Life:
    """One run of an app in one event loop."""

    def __init__(self, session: Session, context: Context | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.holders = 0
        self._session = session
        self._stop = asyncio.Event()
        self._started: asyncio.Future[None] = self.loop.create_future()
        self._keeper = self.loop.create_task(self._keep(), name="brrt keeper", context=context)
        self._keeper.add_done_callback(self._give_up)

    @property
    def over(self) -> bool:
        """Whether the session is closed, or its loop is."""
        return self._keeper.done() or self.loop.is_closed()

    @property
    def stopping(self) -> bool:
        """Whether the session is over or about to be."""
        return self._stop.is_set() or self.over

    @property
    def failed(self) -> bool:
        """Whether the session never opened."""
        return self._started.done() and self._started.exception() is not None

    async def started(self) -> None:
        """Wait until the session is open. Raises what its start raised."""
        await asyncio.wait([self._started])
        self._started.result()

    def begin_stop(self) -> None:
        """Close the session; one that is not open yet is given up."""
        self._stop.set()
        if not self._started.done():
            self._keeper.cancel()

    async def ended(self) -> None:
        """Wait until the session is closed."""
        await asyncio.wait([self._keeper])

    async def stop(self) -> None:
        """Close the session and wait until it is closed. Raises what its end raised."""
        self.begin_stop()
        await self.ended()
        if not self._keeper.cancelled():
            self._keeper.result()

    async def _keep(self) -> None:
        try:
            async with self._session():
                self._started.set_result(None)
                await self._stopped()
        except BaseException as error:
            if self._started.done():
                raise
            self._fail(_startup_error(error))
            if not self.holders and isinstance(error, Exception):
                logger.exception("The app did not start", exc_info=error)

    def _give_up(self, _: object) -> None:
        """The keeper has ended, perhaps before it had begun."""
        if not self._started.done():
            self._fail(LifecycleError("the start was interrupted"))

    def _fail(self, error: BaseException) -> None:
        self._started.set_exception(error)
        self._started.exception()  # retrieved: whoever holds the app open sees it raised

    async def _stopped(self) -> None:
        """Wait for the stop. A loop that ends cancels its tasks, and to the keeper that is a stop.

        A lifespan is then left as it always is: what stands after its `yield` is done.
        """
        try:
            await self._stop.wait()
        except asyncio.CancelledError:
            keeper = asyncio.current_task()
            assert keeper is not None
            keeper.uncancel()
            self._stop.set()


def _startup_error(error: BaseException) -> BaseException:
    if isinstance(error, Exception):
        return error
    return LifecycleError(f"the start was interrupted by {type(error).__name__}")


class Lifespan:
    """The current life of an app, if any, and the roads to it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._life: Life | None = None

    async def enter(self) -> Life:
        """Start the app, or join it if it runs in this loop already. Returns what to `exit`."""
        life = await self._joinable()
        life.holders += 1
        try:
            await life.started()
        except BaseException:
            life.holders -= 1
            if not life.holders:
                life.begin_stop()
                await life.ended()
            raise
        return life

    async def _joinable(self) -> Life:
        """The present life, or a new one once that has ended."""
        while (life := self._here()) is not None and life.stopping and not life.over:
            await life.ended()
        if life is None or life.over:
            life = self._life = Life(self._session)
        return life

    async def exit(self, life: Life) -> None:
        """Stop the life that was entered, if nobody else holds it."""
        life.holders -= 1
        if life.holders <= 0:
            await life.stop()

    async def close(self, *, wait: bool = True) -> None:
        """Stop the app, whoever holds it."""
        life = self._here()
        if life is not None:
            life.begin_stop()
            if wait:
                await life.stop()

    async def ensure(self) -> None:
        """Start the app for a request if no road was taken, or if its start has failed.

        Raises `LifecycleError` if that fails, or if the app has been stopped.
        """
        life = self._here()
        if life is None or life.failed:
            life = self._life = Life(self._session, Context())
            logger.info(
                "The app was started by its first request. To start and stop it with its host,"
                " use Starlette(lifespan=app.lifespan), FastAPI(lifespan=app.lifespan) or"
                " `async with app`"
            )
        if life.stopping:
            raise LifecycleError("the app has stopped")
        try:
            await life.started()
        except Exception as error:
            raise LifecycleError("the app did not start") from error

    def _here(self) -> Life | None:
        """The life in this loop. One whose loop was closed under it is forgotten."""
        life = self._life
        if life is None or life.loop is asyncio.get_running_loop():
            return life
        if life.loop.is_closed() or life.over:
            self._life = None
            return None
        raise LifecycleError("the app is running in another event loop; give each loop its own App")

    @asynccontextmanager
    async def manager(self, host: Any = None) -> AsyncGenerator[None, None]:
        """What hosts call: `lifespan(host)` gives an async context manager."""
        life = await self.enter()
        try:
            yield
        finally:
            await self.exit(life)

    async def protocol(self, receive: Any, send: Any) -> None:
        """ASGI's lifespan protocol."""
        await receive()
        try:
            life = await self.enter()
        except Exception as error:
            logger.exception("The app did not start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        try:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        except BaseException:
            await self.exit(life)
            raise
        try:
            await self.exit(life)
        except Exception as error:
            logger.exception("The app did not stop as it should")
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})
