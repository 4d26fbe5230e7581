"""Responses that send themselves, Starlette's, and what is watched while they do.

They run in the server's task, after the handler is done; a client that takes nothing does not
hold them for ever.
"""

from typing import Any

from brrt.errors import BrrtError
from brrt.http.answers import BODILESS, ResponseApp, Scope, Send
from brrt.http.bodies import Receive
from brrt.http.files import conditional
from brrt.runtime.patience import OutOfPatience, Patience


class NothingTaken(BrrtError):
    """The client took nothing of a response for too long, so its connection ends."""


class Relay:
    """Lets one response send itself. `begun` tells whether it has sent anything."""

    def __init__(self, response: ResponseApp, patience: Patience, send: Send) -> None:
        self.begun = False
        self._response = response
        self._patience = patience
        self._send = send

    async def run(self, scope: Scope, receive: Receive) -> None:
        """Send it, or 304 for a file that the client has. Raises what the response raises."""
        response = await conditional(self._response, scope)
        self._is_bodiless = scope["method"] == "HEAD" or response.status_code in BODILESS
        await response(scope, receive, self._pass)

    async def _pass(self, message: Any) -> None:
        self.begun = True
        if self._is_bodiless and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        try:
            with self._patience.begin():
                await self._send(message)
        except OutOfPatience:
            seconds = self._patience.seconds
            raise NothingTaken(f"the client took nothing for {seconds:g} s") from None
