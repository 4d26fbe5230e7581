"""A response that is given bit by bit: from a handler's stream to the server.

Rules of this file:
- Nothing is sent before the first item is there, so what fails before that has its own status;
  only events are opened after a moment of silence.
- Whoever stands still too long, the handler or the client, ends the stream.
- What fails later ends the connection: a part never looks like the whole. A stream of events
  that a change or a stop ends is whole: its client comes back, and is told when.
"""

import asyncio
import logging
import random
from typing import Any, Final

from brrt.config import Limits
from brrt.errors import BrrtError, ClientGone
from brrt.http.answers import ContractBroken, Scope, Send, StreamHead
from brrt.http.bodies import Receive
from brrt.http.events import HEARTBEAT, retry_hint
from brrt.http.hangups import RECEIVE_WAIT, has_heard, listen
from brrt.http.identities import request_id
from brrt.http.intake import BodyProblem, told_plainly
from brrt.runtime.jobs import CANCELLED, EXPIRED, Ended, Reason
from brrt.runtime.patience import OutOfPatience, Patience
from brrt.runtime.pool import Pool
from brrt.runtime.streams import LULL, Stream
from brrt.runtime.tasks import let_go, stop

logger = logging.getLogger("brrt")

# Seconds that a wait without a bound of its own may take: a day.
LONG: Final = 86_400.0


class StreamBroken(BrrtError):
    """A stream ended before its end, so its connection does. The log has told why."""


class Outflow:
    """The sending side of one stream. `begin` it, then `send` it or `close` it."""

    def __init__(
        self,
        head: StreamHead,
        pool: Pool,
        stream: Stream,
        limits: Limits,
        patience: Patience,
        scope: Scope,
        receive: Receive,
    ) -> None:
        self._head = head
        self._pool = pool
        self._stream = stream
        self._limits = limits
        self._patience = patience
        self._scope = scope
        self._left = head.length
        self._first: bytes | None = None
        self._listener = listen(receive)
        self._listener.add_done_callback(self._heard)

    def _heard(self, listener: "asyncio.Task[None]") -> None:
        if has_heard(listener):
            self._pool.end_stream(self._stream, CANCELLED)

    async def begin(self, seconds: float) -> Ended | None:
        """Wait for what decides about the status: the first item, or `seconds` without one.

        Returns why there will be no response; None if there will. Raises `ClientGone`, and
        `ContractBroken` for a first item that breaks the document.
        """
        head = self._head
        wait = self._limits.open_after if head.may_rest else max(seconds, 0.0)
        item = await self._stream.take(wait)
        if head.comes_back:
            self._pool.let_return(self._stream)
        if item is LULL:
            if head.may_rest:
                return None
            self._pool.end_stream(self._stream, EXPIRED)
            return EXPIRED
        if not isinstance(item, Ended):
            self._first = self._first_piece(item)
            return None
        if item.reason is Reason.CANCELLED and has_heard(self._listener):
            raise ClientGone
        is_over = item.reason is Reason.DONE
        return None if is_over or self._may_come_back(item) else told_plainly(item)

    def _first_piece(self, item: Any) -> bytes:
        try:
            return self._piece(item)
        except ContractBroken as error:
            self._fail(error)
            raise

    def _may_come_back(self, outcome: Ended) -> bool:
        """Whether a stream was ended only because its client comes back by itself."""
        return self._head.comes_back and outcome.reason is Reason.STOPPED

    async def send(self, send: Send, *, head: bool) -> None:
        """Send everything; for HEAD only the headers. Raises `StreamBroken` and `ClientGone`."""
        try:
            await self._send(send, head)
            if self._head.after is not None:
                await self._head.after()
        finally:
            await self.close()

    async def _send(self, send: Send, head: bool) -> None:
        try:
            await self._start(send, head)
            if not head:
                await self._finish(send, await self._flow(send))
        except OSError as error:  # what servers raise where nobody listens any more
            raise ClientGone from error

    async def close(self) -> None:
        """Give up what is left."""
        self._pool.end_stream(self._stream, CANCELLED)
        await stop((self._listener,), RECEIVE_WAIT)
        has_heard(self._listener)

    async def _start(self, send: Send, head: bool) -> None:
        headers = self._head.headers
        if self._head.length is not None:
            length = (b"content-length", b"%d" % self._head.length)
            headers = [*(one for one in headers if one[0] != length[0]), length]
        start = {"type": "http.response.start", "status": self._head.status, "headers": headers}
        await self._put(send, start)
        if head:
            await self._put(send, {"type": "http.response.body", "body": b""})

    async def _flow(self, send: Send) -> Ended:
        """Send piece after piece, as fast as the client takes them. Returns why it ended."""
        stream, beats, wait = self._stream, self._head.beats, self._limits.stream_timeout
        if self._head.may_rest:
            wait = self._limits.heartbeat if beats else LONG
        piece, self._first = self._first, None
        while True:
            if piece is not None:
                body = {"type": "http.response.body", "body": piece, "more_body": True}
                await self._put(send, body)
            item = await stream.take(wait)
            if isinstance(item, Ended):
                return item
            if item is LULL and not beats:
                self._pool.end_stream(stream, EXPIRED)
                return EXPIRED
            try:
                piece = HEARTBEAT if item is LULL else self._piece(item)
            except ContractBroken as error:
                return self._fail(error)

    def _piece(self, item: Any) -> bytes:
        """An item as bytes. Raises `ContractBroken`, also for more than was said to come."""
        piece = self._head.piece(item)
        if self._left is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise ContractBroken("the stream is longer than its Content-Length")
        return piece

    def _fail(self, error: Exception) -> Ended:
        outcome = Ended(Reason.RAISED, error)
        self._pool.end_stream(self._stream, outcome)
        return outcome

    async def _put(self, send: Send, message: Any) -> None:
        """Send one message. Raises `StreamBroken` if the client does not take it in time."""
        try:
            with self._patience.begin():
                await send(message)
        except OutOfPatience:
            self._pool.end_stream(self._stream, EXPIRED)
            raise self._broken(EXPIRED) from None

    async def _finish(self, send: Send, outcome: Ended) -> None:
        """End the response as the stream has ended. Raises `StreamBroken` and `ClientGone`."""
        outcome = told_plainly(outcome)
        if outcome.reason is Reason.CANCELLED and has_heard(self._listener):
            raise ClientGone
        if isinstance(outcome.error, ClientGone):  # whose handler was reading when it left
            raise outcome.error
        last = b""
        if self._may_come_back(outcome):
            last = retry_hint(self._return_time()) if self._head.beats else b""
        elif outcome.reason is not Reason.DONE:
            raise self._broken(outcome)
        elif self._left:
            raise self._broken(self._fail(ContractBroken("shorter than its Content-Length")))
        await self._put(send, {"type": "http.response.body", "body": last})

    def _return_time(self) -> int:
        """Milliseconds; not the same for all, or they would come back all at once."""
        return int(1_000 * self._limits.retry_after * (1 + random.random()))  # noqa: S311 - a delay

    def _broken(self, outcome: Ended) -> StreamBroken:
        """Log why a stream ended before its end."""
        identity, name = request_id(self._scope), self._pool.name
        reasons = {
            Reason.EXPIRED: f"it made no progress for {self._limits.stream_timeout:g} s",
            Reason.STOPPED: "its handler was replaced, or the app stopped, and the grace is over",
            Reason.CANCELLED: "it was cancelled",
        }
        reason, error = reasons.get(outcome.reason, "it failed"), outcome.error
        level = logging.ERROR if outcome.reason is Reason.RAISED else logging.WARNING
        if isinstance(error, BodyProblem):  # the client's fault is no failure, and needs no trace
            level, reason, error = logging.WARNING, f"its request is wrong: {error.detail}", None
        text = "A stream of %s broke off: %s (request %s)"
        logger.log(level, text, name, reason, identity, exc_info=error)
        let_go(outcome.error)
        return StreamBroken(f"a stream of {name} broke off (request {identity})")
