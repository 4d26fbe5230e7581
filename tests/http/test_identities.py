"""The id of a request: where it comes from, and that every answer says it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from brrt import App, Limits, NotFound, Reply, Request, SettingError
from brrt.http.identities import request_id
from tests.conftest import Connect, operation, serve, spec

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def scope(*headers: tuple[str, str]) -> dict[str, Any]:
    return {"headers": [(name.encode(), text.encode("latin-1")) for name, text in headers]}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-1.2_Z", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("a b", False),
        ("a\nforged line", False),
        ("\xff", False),
    ],
)
def test_the_clients_own_id_is_kept_if_it_is_harmless(given: str, kept: bool) -> None:
    """One that could forge a line of a log is replaced."""
    found = request_id(scope(("other", "x"), ("x-request-id", given)))
    assert (found == given) is kept
    assert found


@pytest.mark.parametrize(
    ("parent", "kept"),
    [
        (PARENT, True),
        (PARENT + "-more", True),  # a version to come may say more
        (PARENT.replace("00-4", "ff-4"), False),
        (PARENT.replace(TRACE, "0" * 32), False),
        (PARENT.replace("00f067aa0ba902b7", "0" * 16), False),
        (PARENT.upper(), False),
        (TRACE, False),
        ("", False),
    ],
)
def test_a_trace_names_its_requests(parent: str, kept: bool) -> None:
    """A valid `traceparent` gives the id (W3C Trace Context, 3.2.2), unless there is one."""
    assert (request_id(scope(("traceparent", parent))) == TRACE) is kept
    both = scope(("traceparent", parent), ("x-request-id", "mine"))
    assert request_id(both) == "mine"


def test_an_id_is_made_once() -> None:
    """Whoever asks for the id of one request gets the same one; of another, another."""
    one, other = scope(), scope()
    assert request_id(one) == request_id(one) != request_id(other)
    assert len(request_id(one)) == 32


def shop(**options: Any) -> App:
    """Answers of every kind."""

    async def plain(request: Request) -> dict[str, str]:
        return {"id": request.id}

    async def lost() -> None:
        raise NotFound("no such thing")

    async def broken() -> None:
        raise RuntimeError

    async def lines() -> AsyncIterator[str]:
        yield "a"

    async def starlette() -> PlainTextResponse:
        return PlainTextResponse("x")

    async def own() -> Reply[str]:
        return Reply("x", headers={"X-Request-ID": "its own"})

    text = {"200": {"description": "ok", "content": {"text/plain": {}}}}
    document = spec("plain", "lost", "broken", "own")
    for name in ("lines", "starlette"):
        document["paths"][f"/{name}"] = {"get": operation(name, responses=text)}
    functions = {one.__name__: one for one in (plain, lost, broken, lines, starlette, own)}
    return App(document, serve(**functions), **options)


KINDS = ["plain", "lost", "broken", "lines", "starlette", "nowhere", "health"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
async def test_every_answer_says_the_id(client: Connect, kind: str, method: str) -> None:
    """Whatever it is: of a handler, of a stream, a refusal, a failure, the health check."""
    http = await client(shop())
    found = await http.request(method, f"/{kind}", headers={"x-request-id": "abc"})
    assert found.headers.get_list("x-request-id") == ["abc"]
    first, second = [await http.request(method, f"/{kind}") for _ in range(2)]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_handlers_know_it(client: Connect) -> None:
    """What the handler sees is what the client sees."""
    found = await (await client(shop())).get("/plain")
    assert found.json()["id"] == found.headers["x-request-id"]


async def test_it_is_known_even_where_it_is_not_sent(
    client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever asks for it, the handler or the log, gets the same."""
    seen: list[str] = []

    async def broken(request: Request) -> None:
        seen.append(request.id)
        raise RuntimeError

    http = await client(App(spec("broken"), serve(broken=broken), request_id=None))
    assert (await http.get("/broken")).json()["request_id"] == seen[0]
    assert f"(request {seen[0]})" in caplog.text


async def test_a_handler_may_say_another(client: Connect) -> None:
    """Its own header is the only one then."""
    found = await (await client(shop())).get("/own")
    assert found.headers.get_list("x-request-id") == ["its own"]


async def test_too_long_to_be_looked_at(client: Connect) -> None:
    """Refusals by size say it, too."""
    http = await client(shop(limits=Limits(max_target=20)))
    found = await http.get("/plain?" + "x" * 30)
    assert (found.status_code, "x-request-id" in found.headers) == (414, True)


async def test_the_header_has_another_name_or_none(client: Connect) -> None:
    """`request_id` names it; with None answers say nothing, and a 500 tells it in its document."""
    named = await client(shop(request_id="X-Correlation-ID"))
    found = await named.get("/plain", headers={"x-request-id": "abc"})
    assert found.headers["x-correlation-id"] == "abc"
    assert "x-request-id" not in found.headers
    silent = await client(shop(request_id=None))
    for kind in ("plain", "broken"):
        assert "x-request-id" not in (await silent.get(f"/{kind}")).headers
    assert (await silent.get("/broken")).json()["request_id"]


@pytest.mark.parametrize("name", ["", "a b", "x\r\ny", 7])
def test_what_is_no_name_of_a_header(name: Any) -> None:
    """It is refused when the app is built."""
    with pytest.raises(SettingError, match="request_id cannot be"):
        shop(request_id=name)


async def test_pages_of_our_own_are_locked_up(client: Connect) -> None:
    """The health check is not kept, framed, sniffed at, and does nothing."""
    headers = (await (await client(shop())).get("/health")).headers
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
