"""Bodies that handlers read themselves: from `receive()` to what a handler iterates over.

Rules of this file:
- Nothing is received before the handler asks for it, and no more than it asks for: so a client
  that waits for `100 Continue` waits for the handler, and a slow handler slows its client down.
- Once a response is being streamed, a little is received ahead of the handler and kept for it:
  only whoever receives hears that the client has left, and the handler may never ask again.
- What is wrong with a body is raised where the handler reads it. It is the request's fault, and
  answered as if it had been found before the handler ran.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Self, final

from brrt.config import Limits
from brrt.errors import ClientGone, Problem
from brrt.http.bodies import Receive, in_time, too_large
from brrt.http.problems import invalid_problem
from brrt.openapi.intake import Intake
from brrt.openapi.validation import Invalid
from brrt.runtime.jobs import Ended
from brrt.runtime.patience import OutOfPatience, Patience

# Bytes that are received ahead of the handler, and what one more message holds: as much as servers
# buffer for a connection anyway.
AHEAD: Final = 65_536


class BodyProblem(Problem):
    """What is wrong with a body that its handler reads."""


@final
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
        self._failure: Exception | None = None
        self._over = asyncio.Event()
        self._turn = asyncio.Lock()  # one receives at a time
        self._kept: deque[Any] = deque()
        self._kept_size = 0
        self._is_all_here = False
        self._goodbye: Any = None
        self._may_listen = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

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
        message = await in_time(self._next_message(), self._patience)
        if message["type"] == "http.disconnect":
            raise ClientGone
        data = message.get("body", b"")
        self._size += len(data)
        if self._size > self._limits.max_upload:
            raise too_large(self._limits.max_upload)
        self._intake.feed(data)
        if not message.get("more_body", False):
            self._over.set()
            self._may_listen.set()
            self._intake.end()

    async def _next_message(self) -> Any:
        async with self._turn:
            if not self._kept:
                return await self._from_client()
            message = self._kept.popleft()
            self._kept_size -= len(message.get("body", b""))
            if self._kept_size < AHEAD:
                self._has_room.set()
            return message

    async def _from_client(self) -> Any:
        if self._goodbye is None:
            message = await self._receive()
            self._is_all_here = not message.get("more_body", False)
            if message["type"] != "http.disconnect":
                return message
            self._goodbye = message
        return self._goodbye  # which both hear, the handler and who listens

    def listen_ahead(self) -> None:
        """The response is a stream: from now on it matters whether the client is still there."""
        self._may_listen.set()

    async def receive_later(self) -> Any:
        """`receive` for those who listen for the end of the client, and want nothing of the body.

        It waits for the end of the body, or for `listen_ahead`. A body of which the handler reads
        nothing for too long is given up, since behind it nobody could be heard.
        """
        await self._may_listen.wait()
        while not self._is_all_here:
            try:
                with self._patience.begin():
                    await self._has_room.wait()
            except OutOfPatience:
                return await self._give_up()
            async with self._turn:
                if not self._is_all_here:
                    await self._keep_one()
        return await self._from_client()

    async def _give_up(self) -> Any:
        """Drop the rest of the body. Returns what its client does after that."""
        seconds = self._patience.seconds
        self._failure = RuntimeError(f"the body was given up: nothing was read for {seconds:g} s")
        self._kept.clear()
        while not self._is_all_here:
            await self._from_client()
        return await self._from_client()

    async def _keep_one(self) -> None:
        """Receive a message for the handler."""
        message = await self._from_client()
        self._kept.append(message)
        self._kept_size += len(message.get("body", b""))
        if self._kept_size >= AHEAD:
            self._has_room.clear()


def in_hand(data: bytes, receive_more: Receive) -> Receive:
    """What receives a body that was read already, and then what its client does."""
    waiting = [{"type": "http.request", "body": data, "more_body": False}]

    async def receive() -> Any:
        return waiting.pop() if waiting else await receive_more()

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


def told_plainly(outcome: Ended) -> Ended:
    """An outcome whose error is the body's own, also where task groups have wrapped it."""
    leaves = list(_leaves(outcome.error))
    is_own = all(isinstance(one, (BodyProblem, ClientGone)) for one in leaves)
    return Ended(outcome.reason, leaves[0]) if is_own else outcome


def _leaves(error: Any) -> Iterator[BaseException]:
    """The errors in a group and in those within it; of any other error, itself."""
    group: Any = getattr(error, "exceptions", None)
    if group is None:
        yield error
    for one in group or ():
        yield from _leaves(one)
