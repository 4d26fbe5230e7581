"""A connection of uvicorn's that loses nothing at a stop.

It knows uvicorn's insides: `cycle` is the request that was read last, `scope` that of the head
which is being read, `pipeline` what was read and is not answered yet.
"""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Seconds that a silent connection has for a last request when the server stops: many times what
# a client that is talking pauses, and not yet a wait for the one who pressed Ctrl+C.
LAST_CALL: Final = 0.5
# Seconds until what has arrived is read, at the least: a turn of the event loop, in which uvloop
# looks at its clock first and at its sockets afterwards.
LAST_LOOK: Final = 0.005
# Seconds after a stop in which a request that has begun must have a whole head: ten pauses of a
# client that talks, and an end to those that never will.
LAST_HEAD: Final = 5.0


class PatientProtocol(HttpToolsProtocol):
    """A connection that loses nothing at a stop, and tells all who serve it when it is lost.

    uvicorn closes a silent connection at once, and with it the request that is on its way, so
    that replacing processes under load loses some. Here that request is answered, with
    `Connection: close` (RFC 9112, section 9.6), and only a connection that stays silent is cut.
    """

    _running: Any = None  # whose answer is next; `cycle` is the request that was read last
    _stopped = 0.0

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody reads answers any more: neither the last one nor, with pipelining, the next."""
        self.pipeline.clear()
        if self._running is not None:
            self._running.disconnected = not self._running.response_complete
            self._running.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server is about to stop."""
        cycle: Any = self.cycle  # None before the first request
        self.app = _Farewell(self.app, self)
        if cycle is None or cycle.response_started:
            self._stopped = self.loop.time()
            self._call_last()
        else:
            super().shutdown()  # the answer will say that it is the last one

    def _call_last(self) -> None:
        """Give the client some time, and then see whether it used it."""
        self.loop.call_later(LAST_CALL, self._look, self._is_silent(), self.cycle)

    def _look(self, was_silent: bool, cycle: Any) -> None:
        """A process that was kept busy first reads what has come meanwhile."""
        self.loop.call_later(LAST_LOOK, self._cut, was_silent, cycle)

    def _cut(self, was_silent: bool, cycle: Any) -> None:
        if self.transport.is_closing():
            return
        is_silent = was_silent and self._is_silent() and self.cycle is cycle
        if is_silent or (self._is_answered() and self.loop.time() > self._stopped + LAST_HEAD):
            self.transport.close()
        else:
            self._call_last()

    def _is_answered(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    def _is_silent(self) -> bool:
        """Whether everything was answered, and of no further request the head has begun."""
        scope: Any = self.scope  # of the head that is being read, or was read last
        cycle: Any = self.cycle
        has_begun = scope is not None and (cycle is None or cycle.scope is not scope)
        return self._is_answered() and not has_begun


class _Farewell:
    """An app whose answers say that the connection ends with them, unless more were asked for."""

    def __init__(self, application: Any, connection: PatientProtocol) -> None:
        self._application = application
        self._connection = connection

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "http.response.start" and not self._connection.pipeline:
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        await self._application(scope, receive, tell)
