"""One request by hand, whatever its bytes, and the rules that its answer must keep."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from brrt import App

# Seconds that one request may take on a busy machine. The slowest of honest ones take some
# milliseconds.
PATIENCE: Final = 10.0
# What a value may not hold, or a server would make two headers of it.
_UNSAFE: Final = frozenset(b"\r\n\0")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a server would give it on: nothing in it need be right."""

    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    pieces: tuple[bytes, ...] = ()

    def scope(self) -> dict[str, Any]:
        """The ASGI scope."""
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote_to_bytes(self.path).decode(errors="replace"),
            "raw_path": self.path,
            "query_string": self.query,
            "root_path": "",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "headers": [*self.headers],
        }


class Broken(AssertionError):
    """An answer that breaks a rule."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


async def ask(app: App, one: Ask) -> Told:
    """Send a request; the answer. Raises `Broken` where it breaks a rule, and what escapes."""
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in one.pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    begin = time.perf_counter()
    async with asyncio.timeout(PATIENCE):
        await app(one.scope(), receive, send)
    _require(time.perf_counter() - begin < PATIENCE, "the loop stood still")
    return _judged(one, sent)


def _judged(one: Ask, sent: list[Any]) -> Told:
    kinds = [message["type"] for message in sent]
    _require(kinds[:1] == ["http.response.start"], f"it begins with {kinds[:1]}")
    _require(set(kinds[1:]) == {"http.response.body"}, f"it goes on with {kinds[1:]}")
    ends = [message.get("more_body", False) for message in sent[1:]]
    _require(ends == [True] * (len(ends) - 1) + [False], f"its pieces end with {ends[-3:]}")
    status, raw = sent[0]["status"], sent[0]["headers"]
    _require(200 <= status < 500, f"the status is {status}")
    for name, value in raw:
        _require(not _UNSAFE & {*name, *value}, f"the header {name!r} is {value!r}")
    body = b"".join(message.get("body", b"") for message in sent[1:])
    told = Told(status, dict(raw), body)
    if told.headers.get(b"content-type") == b"application/problem+json" and one.method != "HEAD":
        _require(json.loads(body)["status"] == status, "its problem has another status")
    return told


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


class Session:
    """An app that runs in a loop of its own, for tests that are no coroutines."""

    def __init__(self, make: Callable[[], App]) -> None:
        self._runner = asyncio.Runner()
        self.app = make()
        self._runner.run(self._enter())
        self.tasks = self._count()

    async def _enter(self) -> None:
        await self.app.__aenter__()

    def ask(self, one: Ask) -> Told:
        """Send a request. Raises `Broken`."""
        return self._runner.run(ask(self.app, one))

    def _count(self) -> int:
        async def count() -> int:
            return len(asyncio.all_tasks()) - 1

        return self._runner.run(count())

    def close(self) -> None:
        """End the app. Raises `Broken` where requests have left something behind."""

        async def rest() -> None:
            for _ in range(100):
                if self.app.statistics().total.busy == 0:
                    break
                await asyncio.sleep(0.001)

        self._runner.run(rest())
        total, left = self.app.statistics().total, self._count() - self.tasks
        self._runner.run(self.app.aclose())
        self._runner.close()
        _require((total.busy, total.queued, total.streams.active) == (0, 0, 0), f"{total}")
        _require(left <= total.active, f"{left} tasks are left")
