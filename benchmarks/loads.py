"""Clients: what they ask, what they were answered, and what they lost.

A request is lost when its connection is refused, reset or closed before the answer is complete,
or when no answer comes at all. A client that gives up by itself has lost nothing.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httptools

# Seconds after which an answer is not late but lost.
SILENCE: Final = 30.0


class Lost(Exception):
    """A request that got no complete answer. The message is the reason, in a word or two."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. `seconds` it took; `keeps` whether the connection goes on."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    keeps: bool


def request(
    method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """A request as it is written to the wire."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One connection: one request after the other, by the parser that the server uses too."""

    def __init__(self) -> None:
        self.is_open = False
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._asked = 0.0

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect. Raises `Lost`."""
        try:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        except OSError as error:
            raise Lost(f"connecting: {type(error).__name__}") from error
        return connection

    async def ask(self, wire: bytes, patience: float = SILENCE) -> Answer:
        """Send a request and wait for its answer. Raises `Lost`; `TimeoutError` after `patience`.

        Whoever stops waiting hangs up.
        """
        waiting = self.send(wire)
        try:
            async with asyncio.timeout(patience):
                return await waiting
        except BaseException:
            self.close()
            raise

    def send(self, wire: bytes) -> "asyncio.Future[Answer]":
        """Send a request; its answer comes into the future. Raises `Lost`."""
        if self._transport is None or not self.is_open:
            raise Lost("closed while idle")
        self._waiting = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = b""
        self._asked = time.perf_counter()
        self._transport.write(wire)
        return self._waiting

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._waiting = None
        if self._transport is not None:
            self._transport.abort()

    # What asyncio and the parser call

    def connection_made(self, transport: Any) -> None:
        """The connection is there."""
        self._transport, self.is_open = transport, True

    def data_received(self, data: bytes) -> None:
        """Some bytes of an answer."""
        if self._waiting is not None:
            self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, and with it the answer that was not complete."""
        self.is_open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Lost("reset" if error else "closed without an answer"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._body += data

    def on_message_complete(self) -> None:
        """The answer is complete."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.done():
            return
        status, keeps = self._parser.get_status_code(), self._parser.should_keep_alive()
        seconds = time.perf_counter() - self._asked
        waiting.set_result(Answer(status, self._headers, self._body, seconds, keeps))
        if not keeps:
            self.close()


class Client:
    """Somebody who asks over one connection, and connects again when that was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: Connection | None = None

    async def ask(self, wire: bytes, patience: float = SILENCE) -> Answer:
        """Ask and wait. Raises `Lost`; `TimeoutError` after `patience` seconds."""
        if self._connection is None or not self._connection.is_open:
            self._connection = await Connection.open(self._port)
        return await self._connection.ask(wire, patience)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()


@dataclass(slots=True)
class Tally:
    """What clients saw: answers by status, with the seconds that each took, and what was lost."""

    seconds: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    lost: Counter[str] = field(default_factory=Counter[str])
    gave_up: int = 0

    def add(self, answer: Answer) -> None:
        """An answer came."""
        self.seconds.setdefault(answer.status, []).append(answer.seconds)

    def count(self, *statuses: int) -> int:
        """Answers of these statuses, or of all."""
        return sum(len(self.seconds.get(one, ())) for one in statuses or self.seconds)

    def percentile(self, share: float, *statuses: int) -> float:
        """The time within which this share of the answers came, in seconds; NaN for none."""
        times = sorted(
            time for one in statuses or self.seconds for time in self.seconds.get(one, ())
        )
        return times[min(int(share * len(times)), len(times) - 1)] if times else math.nan

    def __str__(self) -> str:
        counts = ", ".join(f"{len(times)} x {one}" for one, times in sorted(self.seconds.items()))
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.lost.items())
        return f"{counts or 'no answers'}; lost {self.lost.total()}" + (reasons and f" ({reasons})")


async def ask_on(
    port: int,
    wires: Iterable[bytes],
    tally: Tally,
    is_over: Callable[[], bool],
    *,
    patience: float = SILENCE,
) -> None:
    """One client of a closed loop: it asks as soon as it was answered, until it is over.

    An answer that does not come within `patience` seconds is lost.
    """
    client = Client(port)
    try:
        for wire in wires:
            if is_over():
                break
            try:
                tally.add(await client.ask(wire, patience))
            except Lost as error:
                tally.lost[str(error)] += 1
            except TimeoutError:
                tally.lost["silence"] += 1
    finally:
        client.close()
