"""Streams over real HTTP, on every server and in every host: on time, whole, or visibly broken."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.lifecycle.servers import Process
from tests.lifecycle.test_lifecycle import everywhere, pytestmark, retiring

Tell = Callable[..., Coroutine[Any, Any, Any]]

__all__ = ["pytestmark"]


@asynccontextmanager
async def opened(ask: httpx.AsyncClient, path: str) -> AsyncIterator[AsyncIterator[str]]:
    """A stream that has begun, by lines."""
    async with ask.stream("GET", path) as answer:
        assert answer.status_code == 200
        yield answer.aiter_lines()


@everywhere
async def test_an_item_arrives_before_the_next_one_is_made(
    served: Process, ask: httpx.AsyncClient
) -> None:
    """What is yielded is sent at once, and the whole is whole."""
    async with opened(ask, "/flow?gate=first") as lines:
        assert await anext(lines) == '{"by":"first","n":0}'
        await served.said("entered flow first first")
        served.open_gate("first")
        assert [line async for line in lines] == ['{"by":"first","n":1}']
    await served.said("closed flow first first")


@everywhere
async def test_a_client_that_hangs_up_closes_the_generator(
    served: Process, ask: httpx.AsyncClient
) -> None:
    """Whatever it waits for: its `finally` runs."""
    for name in ("feed", "flow"):
        async with opened(ask, f"/{name}?gate=gone") as lines:
            await anext(lines)
            await served.said(f"entered {name} gone first")
        await served.said(f"closed {name} gone first")


@everywhere
async def test_a_change_ends_events_with_a_hint_and_lets_others_finish(
    served: Process, ask: httpx.AsyncClient, tell: Tell
) -> None:
    """A client of events comes back to the new handler; a download is finished by the old one."""
    async with opened(ask, "/feed?gate=change") as events:
        assert [await anext(events) for _ in range(3)] == ["id: 0", 'data: {"by":"first"}', ""]
        await tell("replace", name="feed", by="next")
        hint, *rest = [line async for line in events]
        assert hint.startswith("retry: ")
        assert rest == [""]
    async with opened(ask, "/feed?gate=again") as events:
        assert [await anext(events) for _ in range(2)] == ["id: 0", 'data: {"by":"next"}']
    async with opened(ask, "/flow?gate=finish") as lines:
        await anext(lines)
        change = asyncio.create_task(tell("replace", name="flow", by="next"))
        await retiring(served, tell)
        served.open_gate("finish")
        assert [line async for line in lines] == ['{"by":"first","n":1}']
    await change


@everywhere
async def test_what_breaks_in_the_middle_is_seen_to_be_broken(
    served: Process, ask: httpx.AsyncClient
) -> None:
    """No client takes a part for the whole; the log says why, and the server lives."""
    got: list[str] = []
    served.open_gate("broken")

    async def read() -> None:
        async with opened(ask, "/burst?gate=broken") as lines:
            got.extend([line async for line in lines])

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await read()
    await served.until(lambda: "A stream of burst broke off" in served.log, "a word in the log")
    assert not got
    assert (await ask.get("/hello")).json() == {"by": "first"}
