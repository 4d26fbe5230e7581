"""The words of these tests: documents with limits, clients with addresses, and a clock."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import http_scope, operation

KEY = "x-brrt-rate-limit"
ADA, BOB = "192.0.2.1", "192.0.2.2"


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The moment, in seconds."""
        return self.now


def limited(value: Any, name: str = "a", **members: Any) -> dict[str, Any]:
    """A path item with one operation that has a limit of its own."""
    return {"get": operation(name, **{KEY: value}, **members)}


def document(root: Any = None, **items: Any) -> dict[str, Any]:
    """A document with these path items; `root` is the limit of all."""
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {f"/{name}": item for name, item in items.items()},
    }
    return made if root is None else made | {KEY: root}


@dataclass
class Asked:
    """An answer, as it was sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    received: int = 0


async def ask(
    app: Any,
    target: str = "/a",
    client: str | None = ADA,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> Asked:
    """Ask once. `received` counts how often the app asked for the body."""
    scope = http_scope(method, target, headers or {})
    scope["client"] = None if client is None else (client, 1234)
    asked = Asked()

    async def receive() -> dict[str, Any]:
        asked.received += 1
        if asked.received > 1:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            asked.status = message["status"]
            asked.headers = {name.decode(): text.decode() for name, text in message["headers"]}
        else:
            asked.body += message.get("body", b"")

    await app(scope, receive, send)
    return asked


async def statuses(app: Any, times: int, target: str = "/a", client: str | None = ADA) -> list[int]:
    """The statuses of so many requests, one after the other."""
    return [(await ask(app, target, client)).status for _ in range(times)]
