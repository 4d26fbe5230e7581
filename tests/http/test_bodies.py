"""Bodies come in whole, within their limits in size and time, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from brrt import App, Limits, Problem
from brrt.errors import ClientGone
from brrt.http.bodies import read_body
from brrt.runtime.patience import Patience

Book = Any
Call = Callable[..., Any]


def pieces(*parts: bytes, then: str = "") -> tuple[Callable[[], Awaitable[Any]], list[Any]]:
    """A `receive` that gives these pieces of a body, and what it has not given yet."""
    messages: list[Any] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    if then:
        messages.append({"type": then})
    elif messages:
        messages[-1]["more_body"] = False

    async def receive() -> Any:
        return messages.pop(0)

    return receive, messages


@pytest.fixture
async def patience() -> AsyncIterator[Patience]:
    """More patience than any of these bodies needs."""
    made = Patience(30)
    yield made
    made.close()


@pytest.mark.parametrize(
    "parts", [[b""], [b"abc"], [b"a", b"b", b"c"], [b"", b"abc", b""], [b"ab", b"", b"c"]]
)
async def test_pieces_become_one(patience: Patience, parts: list[bytes]) -> None:
    """A body may come in any number of messages, empty ones among them."""
    receive, left = pieces(*parts)
    assert await read_body(receive, None, 100, patience) == b"".join(parts)
    assert not left


async def test_messages_may_leave_out_what_is_usual(patience: Patience) -> None:
    """A message without body and more_body is an empty body (ASGI, HTTP)."""

    async def receive() -> Any:
        return {"type": "http.request"}

    assert await read_body(receive, None, 100, patience) == b""


@pytest.mark.parametrize("declared", [None, b"2", b"0", b"99", b"abc", b"-1", b"", b"1e3"])
async def test_a_wrong_content_length_decides_nothing(
    patience: Patience, declared: bytes | None
) -> None:
    """The length is what came; what was promised serves only to refuse early."""
    receive, _ = pieces(b"abc")
    assert await read_body(receive, declared, 100, patience) == b"abc"


@pytest.mark.parametrize("declared", [b"11", b"0011", b"9" * 30, b"9" * 5_000])
async def test_a_declared_size_is_refused_before_reading(
    patience: Patience, declared: bytes
) -> None:
    """What says that it is too large is not read at all."""
    receive, left = pieces(b"abc")
    with pytest.raises(Problem) as caught:
        await read_body(receive, declared, 10, patience)
    assert caught.value.status == 413
    assert len(left) == 1


async def test_leading_zeros_are_no_size(patience: Patience) -> None:
    """A length is a number and not a text."""
    receive, _ = pieces(b"abc")
    assert await read_body(receive, b"0" * 5_000 + b"3", 10, patience) == b"abc"


async def test_the_limit_is_exact(patience: Patience) -> None:
    """A body as large as the limit is taken; one byte more is not, and the rest is not read."""
    receive, _ = pieces(b"12345", b"67890")
    assert len(await read_body(receive, None, 10, patience)) == 10
    receive, left = pieces(b"12345", b"678901", b"more")
    with pytest.raises(Problem) as caught:
        await read_body(receive, None, 10, patience)
    assert (caught.value.status, caught.value.detail) == (
        413,
        "the body is larger than 10 bytes",
    )
    assert len(left) == 1


async def test_a_limit_of_nothing(patience: Patience) -> None:
    """`max_body=0` allows the empty body only."""
    assert await read_body(pieces(b"")[0], b"0", 0, patience) == b""
    with pytest.raises(Problem):
        await read_body(pieces(b"a")[0], None, 0, patience)


@pytest.mark.parametrize("parts", [[], [b"a"]])
async def test_a_client_that_goes(patience: Patience, parts: list[bytes]) -> None:
    """Half a body is none, and there is nobody to tell."""
    receive, _ = pieces(*parts, then="http.disconnect")
    with pytest.raises(ClientGone):
        await read_body(receive, None, 100, patience)


async def test_a_slow_body_is_408() -> None:
    """A body that does not come in time is given up, and the time is named."""
    patience = Patience(0.01)

    async def receive() -> Any:
        await asyncio.Event().wait()

    with pytest.raises(Problem) as caught:
        await read_body(receive, None, 100, patience)
    patience.close()
    assert (caught.value.status, caught.value.detail) == (
        408,
        "the body did not arrive within 0.01 s",
    )


async def test_a_cancelled_read_stays_cancelled(patience: Patience) -> None:
    """A server that cancels a request is not told that its client is slow."""
    begun = asyncio.Event()

    async def receive() -> Any:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(read_body(receive, None, 100, patience), name="the reader")
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_large_body_in_small_pieces_is_quick(patience: Patience) -> None:
    """Pieces are joined without copying what is there again and again."""
    receive, _ = pieces(*[b"x" * 16] * 20_000)
    async with asyncio.timeout(5):
        assert len(await read_body(receive, None, 1 << 20, patience)) == 320_000


async def test_the_statuses_reach_the_client(wire: Call, book: Book) -> None:
    """413 by promise and by fact, 408 by the clock, and silence where nobody listens."""

    async def op(body: Any) -> None: ...

    body = {"required": True, "content": {"application/json": {}}}
    item = {"post": book.operation("op", requestBody=body, **{"x-brrt-max-body": 4})}
    app = App(book.spec(op=item), book.serve(op=op), limits=Limits(timeout=0.05))
    json = {"content-type": "application/json"}
    async with app:
        assert await wire(app, "POST", "/op", json | {"content-length": "5"}).status() == 413
        assert await wire(app, "POST", "/op", json, body=b"[1,2]").status() == 413
        assert await wire(app, "POST", "/op", json, body=b"null").status() == 200
        slow = wire(app, "POST", "/op", json)
        slow.body(b"nu", more=True)
        assert await slow.status() == 408
        gone = wire(app, "POST", "/op", json)
        gone.body(b"nu", more=True)
        gone.hang_up()
        await gone.silence()
