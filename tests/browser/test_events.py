"""Server-sent events as a browser sees them: an EventSource on a real server.

WHATWG HTML, section 9.2. A stream that is replaced ends cleanly, the browser comes back by itself
with `Last-Event-ID`, and what it sees is what was published: nothing lost, nothing twice.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import pytest
from playwright.async_api import Page

from brrt import App, Event, Handlers
from brrt.openapi.operations import EVENT_STREAM
from tests.lifecycle.inside import serving

# Seconds for something to happen, on a machine that is busy as well.
PATIENCE = 20.0
PAGE = """\
<!doctype html>
<title>Events</title>
<link rel="icon" href="data:,">
<script>
  const seen = [], opened = [], broken = [];
  const source = new EventSource("/events");
  source.onopen = () => opened.push(source.readyState);
  source.onerror = () => broken.push(source.readyState);
  source.onmessage = (event) => seen.push({id: event.lastEventId, ...JSON.parse(event.data)});
</script>
"""


Watch = Callable[..., AsyncGenerator[Event, None]]


def make_app(watch: Watch) -> App:
    """The app that serves the page at `/` and the events at `/events`."""
    paths = {"/": operation("page", "text/html"), "/events": operation("watch", EVENT_STREAM)}
    info = {"title": "Events", "version": "1"}
    return App({"openapi": "3.1.0", "info": info, "paths": paths}, both(watch))


def both(watch: Watch) -> Handlers:
    """The handlers of the app."""

    async def page() -> str:
        return PAGE

    handlers = Handlers()
    handlers("page")(page)
    handlers("watch")(watch)
    return handlers


def operation(name: str, kind: str) -> dict[str, Any]:
    """A GET that answers with one media type."""
    responses = {"200": {"description": "ok", "content": {kind: {}}}}
    return {"get": {"operationId": name, "responses": responses}}


class Feed:
    """Numbers that are published, and everybody who watches them.

    `opened` says with which handler and after which event each watch began, `open` how many go on.
    """

    def __init__(self) -> None:
        self.published = 0
        self.opened: list[tuple[str, str | None]] = []
        self.open = 0
        self._changed = asyncio.Event()

    def publish(self) -> None:
        """One more."""
        self.published += 1
        self._change()

    def _change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that happens here."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self._changed.wait()

    def was_opened(self, times: int) -> bool:
        """Whether so many watches have begun."""
        return len(self.opened) == times

    def handler(self, name: str) -> Watch:
        """A handler that signs its events with a name."""

        async def watch(last_event_id: str | None = None) -> AsyncGenerator[Event, None]:
            self.opened.append((name, last_event_id))
            self.open += 1
            self._change()
            try:
                number = int(last_event_id or 0)
                while True:
                    while number == self.published:
                        await self._changed.wait()
                    number += 1
                    yield Event({"number": number, "by": name}, id=str(number))
            finally:
                self.open -= 1
                self._change()

        return watch


@pytest.fixture
async def feed() -> Feed:
    """What is watched."""
    return Feed()


@pytest.fixture
def app(feed: Feed) -> App:
    """The app with its first handler."""
    return make_app(feed.handler("first"))


@pytest.fixture
async def url(app: App) -> AsyncIterator[str]:
    """Where it is served."""
    async with serving(app) as address:
        yield f"http://{address}"


@pytest.fixture
async def watcher(url: str, page: Page, feed: Feed) -> Page:
    """A page that watches the feed."""
    await page.goto(url)
    await feed.until(lambda: feed.open == 1)
    return page


async def seen(watcher: Page, last: int) -> list[dict[str, Any]]:
    """What a page has seen when it has seen this number."""
    await watcher.wait_for_function("last => seen.some(event => event.number === last)", arg=last)
    events: list[dict[str, Any]] = await watcher.evaluate("seen")
    assert [event["id"] for event in events] == [str(event["number"]) for event in events]
    return events


async def test_events_arrive_one_by_one(watcher: Page, feed: Feed) -> None:
    """Each before the next one is published, in a stream that stays open."""
    for number in (1, 2, 3):
        feed.publish()
        events = await seen(watcher, number)
        assert events[-1] == {"id": str(number), "number": number, "by": "first"}
        assert len(events) == number
    assert feed.opened == [("first", None)]
    assert await watcher.evaluate("[opened.length, broken.length]") == [1, 0]


async def replace(app: App, watch: Watch) -> None:
    """Serve the events by another handler."""
    await app.replace("watch", watch)


async def reload(app: App, watch: Watch) -> None:
    """Serve the document anew, with other handlers."""
    await app.reload(handlers=both(watch))


@pytest.mark.parametrize("change", [replace, reload])
async def test_a_stream_that_is_changed_is_taken_up(
    app: App, watcher: Page, feed: Feed, change: Callable[[App, Watch], Awaitable[None]]
) -> None:
    """Where it ended, by the new handler, whatever was published meanwhile."""
    feed.publish()
    await seen(watcher, 1)
    feed.publish()  # sent or not when the stream ends: the browser knows
    await change(app, feed.handler("second"))
    feed.publish()
    events = await seen(watcher, 3)
    assert [event["number"] for event in events] == [1, 2, 3]
    assert feed.opened[0] == ("first", None)
    assert feed.opened[1:] in ([("second", "1")], [("second", "2")])
    assert [event["by"] for event in events[::2]] == ["first", "second"]
    assert feed.open == 1
    connecting = 0  # it comes back by itself; CLOSED, 2, would be the end
    assert await watcher.evaluate("broken") == [connecting]
    assert await watcher.evaluate("opened.length") == 2


async def test_nothing_is_lost_by_many_replacements(app: App, watcher: Page, feed: Feed) -> None:
    """Each number once and in order, over six streams."""
    for turn in range(5):
        feed.publish()
        await app.replace("watch", feed.handler(f"handler {turn}"))
        feed.publish()
        await feed.until(partial(feed.was_opened, turn + 2))
    feed.publish()
    events = await seen(watcher, feed.published)
    assert [event["number"] for event in events] == list(range(1, 12))
    assert [name for name, _ in feed.opened[1:]] == [f"handler {turn}" for turn in range(5)]


async def test_a_page_that_is_closed_closes_the_generator(watcher: Page, feed: Feed) -> None:
    """Its `finally` runs, without another event."""
    feed.publish()
    await seen(watcher, 1)
    await watcher.close()
    await feed.until(lambda: feed.open == 0)
    assert len(feed.opened) == 1


async def test_a_page_that_goes_elsewhere_closes_the_generator(watcher: Page, feed: Feed) -> None:
    """As does `close()` in a page that stays."""
    await watcher.goto("about:blank")
    await feed.until(lambda: feed.open == 0)
    await watcher.go_back()
    await feed.until(lambda: feed.open == 1)
    await watcher.evaluate("source.close()")
    await feed.until(lambda: feed.open == 0)


async def test_a_replaced_stream_ends_with_a_hint(app: App, url: str, feed: Feed) -> None:
    """`retry` is the last that is said, so that the browser does not wait for its own 3 s."""
    async with (
        httpx.AsyncClient() as client,
        client.stream("GET", f"{url}/events") as response,
        asyncio.timeout(PATIENCE),
    ):
        assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
        await feed.until(lambda: feed.open == 1)
        await app.replace("watch", feed.handler("second"))
        lines = [line async for line in response.aiter_lines() if line]
    assert lines[-1].startswith("retry: ")
