"""Bodies that handlers read themselves: from `receive()` to what a handler iterates over.

Rules of this file:
- Nothing is received before the handler asks for it, and no more than it asks for: so a client
  that waits for `100 Continue` waits for the handler, and a slow handler slows its client down.
- What is wrong with a body is raised where the handler reads it. It is the request's fault, and
  answered as if it had been found before the handler ran.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

from brrt.config import Limits
from brrt.errors import ClientGone, Problem
from brrt.http.bodies import Receive, in_time, too_large
from brrt.http.problems import invalid_problem
from brrt.openapi.intake import Intake
from brrt.openapi.validation import Invalid
from brrt.runtime.patience import Patience


class BodyProblem(Problem):
    """What is wrong with a body that its handler reads."""


class Inflow(AsyncIterator[Any]):
    """One body, read by one task, once. `name` is the handler's parameter for it.

    Iterating raises `Problem` 400, 408, 413 and 415 for what is wrong with it, `ClientGone`, and
    RuntimeError for whoever reads it a second time.
    """

    def __init__(
        self,
        name: str,
        receive: Receive,
        intake: Intake,
        limits: Limits,
        patience: Patience,
    ) -> None:
        self.name = name
        self._receive = receive
        self._intake = intake
        self._limits = limits
        self._patience = patience
        self._size = 0
        self._is_taken = self._is_reading = False
        self._failure: Problem | None = None
        self._over = asyncio.Event()

    def __aiter__(self) -> Self:
        if self._is_taken:
            raise RuntimeError("the body is read once, from its beginning to its end")
        self._is_taken = True
        return self

    async def __anext__(self) -> Any:
        if self._is_reading:
            raise RuntimeError("the body is read by one task; another one is at it")
        if self._failure is not None:
            raise self._failure  # what follows something wrong is never passed off as all
        self._is_reading = True
        try:
            while not self._intake.has_next():
                if self._over.is_set():
                    raise StopAsyncIteration
                await self._more()
            return self._intake.next()
        except Invalid as error:
            self._failure = _as_ours(invalid_problem(error, self._limits))
        except Problem as error:
            self._failure = _as_ours(error)
        finally:
            self._is_reading = False
        raise self._failure

    async def _more(self) -> None:
        """Receive one message. Raises what is wrong with it."""
        message = await in_time(self._receive(), self._patience)
        if message["type"] == "http.disconnect":
            raise ClientGone
        data = message.get("body", b"")
        self._size += len(data)
        if self._size > self._limits.max_upload:
            raise too_large(self._limits.max_upload)
        self._intake.feed(data)
        if not message.get("more_body", False):
            self._over.set()
            self._intake.end()

    async def receive_later(self) -> Any:
        """`receive` for those who listen for the end of the client: only once the body is over."""
        await self._over.wait()
        return await self._receive()


def in_hand(data: bytes) -> Receive:
    """What receives a body that was read already."""

    async def receive() -> Any:
        return {"type": "http.request", "body": data, "more_body": False}

    return receive


def _as_ours(problem: Problem) -> BodyProblem:
    """A problem of the body, which the document need not declare for the handler."""
    return BodyProblem(
        problem.status,
        problem.title,
        detail=problem.detail,
        type=problem.type,
        headers=problem.headers,
        **problem.members,
    )
