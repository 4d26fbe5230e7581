"""`Last-Event-ID`: a parameter of every operation that gives events, if the handler wants it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from brrt import App, Event, SpecError
from tests.conftest import Book, Connect

EVENTS: dict[str, Any] = {"text/event-stream": {}}


def build(book: Book, handler: Any) -> App:
    """An app of one stream of events, whose document says nothing of the header."""
    responses = {"200": {"description": "ok", "content": EVENTS}}
    return App(
        book.spec(a={"get": book.operation("a", responses=responses)}), book.serve(a=handler)
    )


async def test_it_may_be_a_number(client: Connect, book: Book) -> None:
    """Then a text that is none is an invalid parameter like any other."""

    async def follow(last_event_id: int = 0) -> AsyncIterator[Event]:
        yield Event("next", id=str(last_event_id + 1))

    asked = await client(build(book, follow))
    for headers, n in (({}, 1), ({"Last-Event-ID": "7"}, 8)):
        assert (await asked.get("/a", headers=headers)).text == f"id: {n}\ndata: next\n\n"
    answer = await asked.get("/a", headers={"Last-Event-ID": "x"})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["in"], error["name"]) == ("header", "Last-Event-ID")


def test_it_is_nothing_else(book: Book) -> None:
    """Unless the document says what."""

    async def follow(last_event_id: list[int] | None = None) -> AsyncIterator[Any]:
        yield last_event_id

    with pytest.raises(SpecError, match="says nothing of it"):
        build(book, follow)
