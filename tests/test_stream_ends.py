"""How streams end where several things end them at once: found by the simulation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import copy_context
from typing import Any, Self

import httpx
import pytest

from brrt import App, Handlers, Limits
from brrt.http.outflow import StreamBroken
from brrt.runtime.jobs import STOPPED
from brrt.runtime.patience import Patience
from brrt.runtime.streams import Stream

Connect = Callable[..., Awaitable[httpx.AsyncClient]]


def document(media_type: str) -> dict[str, Any]:
    said = {"responses": {"200": {"description": "ok", "content": {media_type: {}}}}}
    paths = {"/a": {"get": {"operationId": "a", **said}}}
    return {"openapi": "3.2.0", "info": {"title": "Ends", "version": "1"}, "paths": paths}


def handlers(function: Callable[..., AsyncIterator[Any]]) -> Handlers:
    made = Handlers()
    made("a")(function)
    return made


@pytest.mark.parametrize("media_type", ["text/event-stream", "application/octet-stream"])
async def test_what_a_handler_does_when_it_is_closed_is_not_cut_short(
    client: Connect, media_type: str
) -> None:
    """It is cancelled once when its grace is over, and has `cancel_wait` for its `finally`."""
    began, put_away = asyncio.Event(), list[str]()

    async def give() -> AsyncIterator[str]:
        try:
            yield "first"
            began.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(50):
                await asyncio.sleep(0)
            put_away.append("all")

    app = App(document(media_type), handlers(give), limits=Limits(grace=0))
    async with app:
        http = await client(app)
        asking = asyncio.create_task(http.get("/a"))
        await began.wait()
        await app.remove("a")
        assert put_away == ["all"]
        assert app.statistics().total.streams.active == 0
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_stream_that_ends_itself_by_a_change_closes_in_peace(client: Connect) -> None:
    """The cancellation that its own change brings does not fall into its `finally`."""
    put_away: list[str] = []

    async def give() -> AsyncIterator[str]:
        try:
            yield "first"
            await app.replace("a", give, workers=2)
            yield "second"
            yield "third"
        finally:
            await asyncio.sleep(0)
            put_away.append("all")

    app = App(document("text/event-stream"), handlers(give))
    async with app:
        answer = await (await client(app)).get("/a")
        assert answer.status_code == 200
        assert "data: first\n\n" in answer.text
        assert "retry: " in answer.text
    assert put_away == ["all"]


class Held:
    """An iterator that holds something until it is closed."""

    def __init__(self) -> None:
        self.is_closed = False
        self.asked = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        self.asked += 1
        return self.asked

    async def aclose(self) -> None:
        self.is_closed = True


async def test_an_iterator_is_closed_where_its_stream_ends_before_it_begins() -> None:
    """Nothing is asked of it, but what it holds is let go."""
    held = Held()
    stream = Stream("a", asyncio.get_running_loop(), held, held, copy_context())
    stream.end(STOPPED)
    await stream.task
    assert held.is_closed
    assert not held.asked
    assert await stream.take(1) is STOPPED


@pytest.mark.parametrize("media_type", ["text/event-stream", "application/octet-stream"])
async def test_a_client_that_does_not_take_the_end_is_let_go(media_type: str) -> None:
    """The last message is no different: it is given up after `stream_timeout`."""
    never = asyncio.Event()

    async def give() -> AsyncIterator[str]:
        yield "all"

    async def receive() -> Any:
        await never.wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            await never.wait()

    app = App(document(media_type), handlers(give), limits=Limits(stream_timeout=0.05))
    scope = {"type": "http", "method": "GET", "path": "/a", "raw_path": b"/a", "root_path": ""}
    scope |= {"query_string": b"", "headers": [], "http_version": "1.1"}
    async with app:
        with pytest.raises(StreamBroken):
            await app(scope, receive, send)


async def test_where_there_is_nothing_to_wait_for_nothing_is_cancelled() -> None:
    """A closed `Patience` cuts waits, and not a task that has gone on without one."""
    patience = Patience(60)
    patience.close()

    async def go_on() -> str:
        patience.end(patience.begin())
        await asyncio.sleep(0)
        return "went on"

    assert await asyncio.create_task(go_on()) == "went on"
