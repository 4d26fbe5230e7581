"""Requests: what a server gives the app, what it gets back, and what the handler did meanwhile."""

import asyncio
import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.simulation.plan import STREAMS, Behaviour
from brrt.http.outflow import StreamBroken

if TYPE_CHECKING:
    from benchmarks.simulation.scene import Scene

# The request that is served, as middleware would note it for its log.
asked: ContextVar[int] = ContextVar("asked", default=-1)
METHODS: Final = {"look": "GET", "make": "POST", "turn": "GET", "flow": "GET", "feed": "GET"}
DISCONNECT: Final = {"type": "http.disconnect"}


@dataclass(slots=True)
class Performance:
    """What a handler did for one request. Times are virtual seconds."""

    task: "asyncio.Task[Any]"
    serial: int
    edition: int
    step: int
    began: float
    ended: float | None = None
    cancelled: float | None = None


@dataclass(slots=True)
class Giving(Performance):
    """What an iterator did for one stream: `given` are the items, `finished` whether it gave all.

    `words` are those that it reached; `interrupted` tells when its last words were cut short;
    `late` counts items after its end.
    """

    given: list[Any] = field(default_factory=list[Any])
    finished: bool = False
    words: list[str] = field(default_factory=list[str])
    interrupted: float | None = None
    late: int = 0


class Call:
    """One request, from its arrival to the return of the app."""

    def __init__(
        self,
        scene: "Scene",
        number: int,
        operation: str,
        does: Behaviour,
        pieces: tuple[float, ...],
        rests: tuple[int, float | None] | None = None,
    ) -> None:
        self.scene = scene
        self.number = number
        self.operation = operation
        self.does = does
        self.arrived, self.step = scene.loop.time(), scene.loop.steps
        self.complete = self.step  # when the app had all that has come of the body
        self.complete_at = self.arrived
        self.stalled = scene.loop.stalled
        self.shed = scene.shed()
        self.gone: float | None = None
        self.stalled_then = 0.0
        self.cancelled = False
        self.is_inner = False  # a handler asks, and may be cancelled while it does
        self.done = False
        self.messages: list[Any] = []
        self.performances: list[Performance] = []
        self.givings: list[Giving] = []
        self.broken: float | None = None  # when the app broke off its answer
        self.begun_at: float | None = None  # when the head of the answer came
        self.moved = self.arrived  # when the client last took something
        self.is_slow = False  # the client takes nothing now
        self.was_slow = False
        self._rests = rests
        self.task: asyncio.Task[Any] | None = None
        self._stirred: asyncio.Future[None] | None = None
        self._has_come: list[Any] = []
        self._schedule(pieces)

    @property
    def is_safe(self) -> bool:
        """Whether a client that hangs up cancels the handler."""
        return self.operation != "make"

    @property
    def is_stream(self) -> bool:
        """Whether what is answered is given bit by bit."""
        return self.operation in STREAMS

    @property
    def status(self) -> int | None:
        """The status of the answer, or None where there was none."""
        return self.messages[0]["status"] if self.messages else None

    @property
    def is_given_up(self) -> bool:
        """Whether its task is being cancelled."""
        return self.task is not None and self.task.cancelling() > 0

    @property
    def is_open(self) -> bool:
        """Whether the handler of a stream has more to give, and the client takes it."""
        gives = any(one.ended is None and one.cancelled is None for one in self.givings)
        return gives and self.gone is None and not self.is_slow

    @property
    def is_whole(self) -> bool:
        """Whether the answer is a stream that came to its end."""
        return (
            self.status == 200
            and len(self.messages) > 1
            and not self.messages[-1].get("more_body", False)
        )

    @property
    def answer(self) -> Any:
        """The body of the answer."""
        return json.loads(self.messages[1]["body"])

    def _schedule(self, pieces: tuple[float, ...]) -> None:
        """The body comes in pieces, each a while after the one before; that of a GET is empty."""
        data = b"" if self.is_safe else json.dumps({"n": self.number}).encode()
        pieces = pieces or (0,)
        when, size = self.arrived, -(-len(data) // len(pieces))
        for index, wait in enumerate(pieces):
            when += wait
            piece = data[index * size : (index + 1) * size]
            message = {"type": "http.request", "body": piece, "more_body": index + 1 < len(pieces)}
            self.scene.loop.inject(when, 0, partial(self._bring, message))

    def _bring(self, message: Any) -> None:
        self._has_come.append(message)
        self._stir()

    def hang_up(self) -> None:
        """The client goes away."""
        if self.gone is None and not self.done:
            self.gone, self.stalled_then = self.scene.loop.time(), self.scene.loop.stalled
            self.scene.note(f"the client of {self.number} hangs up")
            self._stir()
            if self.is_slow and not self._back.done():
                self._back.set_result(None)

    def cancel(self) -> None:
        """The server cancels the request."""
        if self.task is not None and not self.task.done():
            self.cancelled = True
            self.scene.note(f"the server cancels {self.number}")
            self.task.cancel()

    def _stir(self) -> None:
        if self._stirred is not None and not self._stirred.done():
            self._stirred.set_result(None)

    def end(self, _: object) -> None:
        """The request is over, perhaps before it had begun."""
        self.done = True

    async def serve(self) -> None:
        """Let the app answer."""
        self.task = asyncio.current_task()
        asked.set(self.number)
        self.scene.note(f"request {self.number}: {self.operation}")
        try:
            await self.scene.app(self._scope(), self._receive, self._send)
        except asyncio.CancelledError:
            self.cancelled = self.cancelled or self.is_inner
            if not self.cancelled:
                self.scene.fail("P1", f"the app cancelled request {self.number} by itself")
        except StreamBroken as error:
            self.broken = self.scene.loop.time()
            if not self.is_stream:
                self.scene.fail("P1", f"request {self.number} raised {error!r}")
        except OSError as error:
            if self.gone is None:
                self.scene.fail("P1", f"request {self.number} raised {error!r}")
        except BaseException as error:
            self.scene.fail("P1", f"request {self.number} raised {error!r}")
        finally:
            self.done = True
            self.scene.note(f"answer to {self.number}: {self.status}")
            self.scene.rules.check_call(self)

    def _scope(self) -> dict[str, Any]:
        path = f"/{self.operation}" + (f"/{self.number}" if self.is_safe else "")
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": METHODS[self.operation],
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": self._headers(),
            "client": ("192.0.2.1", 1),
        }

    def _headers(self) -> list[tuple[bytes, bytes]]:
        if self.scene.door.guards(self):
            return [(b"authorization", b"Bearer %d" % self.number)]
        return [] if self.is_safe else [(b"content-type", b"application/json")]

    async def _receive(self) -> Any:
        while True:
            if self.gone is not None:
                return DISCONNECT
            if self._has_come:
                message = self._has_come.pop(0)
                self.complete = self.scene.loop.steps
                self.complete_at = self.scene.loop.time()
                return message
            self._stirred = asyncio.get_running_loop().create_future()
            await self._stirred

    async def _send(self, message: Any) -> None:
        """Take a message, as a server does: first there must be room for it."""
        if self._rests is not None and self._rests[0] == len(self.messages) and self.status == 200:
            await self._rest(self._rests[1])
        if self.scene.plan.sends_slowly:
            self.was_slow = True
            await asyncio.sleep(0.01 * (self.number % 3))
        if self.gone is not None and self.number % 2:
            raise OSError("the client is gone")
        self.messages.append(message)
        self.moved = self.scene.loop.time()
        if self.begun_at is None:
            self.begun_at = self.moved

    async def _rest(self, seconds: float | None) -> None:
        """Take nothing for a while."""
        self._rests, self.is_slow, self.was_slow = None, True, True
        self._back = asyncio.get_running_loop().create_future()
        if self.gone is None:
            await asyncio.wait([self._back], timeout=seconds)
        self.is_slow = False
