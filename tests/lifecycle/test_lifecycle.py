"""The promises of the lifecycle, over real HTTP, on every server and in every host.

`pytest tests/lifecycle` runs all of it. A place is a server with a host on it (see `servers` and
`hosts`); one process serves all tests of a place, here, in `test_streams` and, where it is stopped,
in `test_the_end`. Every test ends with what the fixture `served` checks: the sums, the tasks, the
log.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests.lifecycle.hosts import HOSTS
from tests.lifecycle.servers import (
    RESETS_UNREAD,
    SERVERS,
    Place,
    Process,
)

Tell = Callable[..., Coroutine[Any, Any, Any]]

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]

# All promises on every server, and in every host on two servers, wired on one and not on the other.
FULL = [
    *(Place(server) for server in SERVERS),
    *(Place("uvicorn-asyncio-h11", host, "none") for host in HOSTS),
    *(Place("uvicorn-uvloop-httptools", host, "lifespan") for host in HOSTS),
]
# Those that hosts and servers have a share in: everywhere else, too.
ELSEWHERE = [
    *(Place("uvicorn-asyncio-httptools", host, "with") for host in HOSTS),
    *(Place("uvicorn-uvloop-httptools", host, "none") for host in HOSTS),
    *(Place("hypercorn-asyncio", host, "none") for host in HOSTS),
    *(Place("hypercorn-uvloop", host, "lifespan") for host in HOSTS),
    *(Place("granian-asyncio", host, "none") for host in HOSTS),
    *(Place("granian-uvloop", host, "lifespan") for host in HOSTS),
    Place("brrt-run", "starlette", "none"),
]
in_full = pytest.mark.parametrize("ground", FULL, indirect=True, scope="session", ids=str)
everywhere = pytest.mark.parametrize(
    "ground", [*FULL, *ELSEWHERE], indirect=True, scope="session", ids=str
)

HINT = "The app was started by its first request"
# Clients that ask without a pause, and changes that are made meanwhile.
CLIENTS = 4
CHANGES = 10
LARGE = 4 * 1024 * 1024  # bytes: more than the kernel keeps between a client and a server


async def retiring(served: Process, tell: Tell) -> None:
    """Wait until a change is published and something that it displaced is not yet done."""
    for _ in range(1000):
        if (await tell("statistics"))["retiring"]:
            return
    pytest.fail(f"nothing was displaced:\n{served.log}")


async def hang_up(*requests: "asyncio.Task[httpx.Response]") -> None:
    """Close the connections of requests that are on their way."""
    for request in requests:
        request.cancel()
    await asyncio.wait(requests)


@everywhere
async def test_the_app_is_started_once(served: Process, ask: httpx.AsyncClient) -> None:
    """By its server or host; or by the first requests, and then the log says so, once."""
    answers = await asyncio.gather(*(ask.get("/hello") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert served.log.count("RECORD opened") == 1
    assert served.log.count(HINT) == (1 if served.place.unwired else 0)


@everywhere
async def test_every_request_gets_one_complete_answer(ask: httpx.AsyncClient) -> None:
    """Many at once, of every kind, on few connections."""
    kinds = [
        ("GET", "/hello", 200),
        ("HEAD", "/hello", 200),
        ("OPTIONS", "/hello", 204),
        ("DELETE", "/hello", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/slow", 400),
        ("GET", "/crash", 500),
        ("POST", "/upload?gate=-", 400),
        ("GET", "/health", 200),
    ]
    answers = await asyncio.gather(
        *(ask.request(method, path) for method, path, _ in kinds for _ in range(5))
    )
    expected = [status for _, _, status in kinds for _ in range(5)]
    assert [answer.status_code for answer in answers] == expected
    for answer in answers:
        if answer.request.method != "HEAD" and answer.status_code != 204:
            assert len(answer.content) == int(answer.headers["content-length"])
            assert answer.json()
    assert (await ask.get("/echo/a%2Fb%20c")).json() == {"word": "a/b c"}
    assert (await ask.get("/echo/a/b")).status_code == 404


@in_full
async def test_an_early_answer_to_a_large_body(served: Process, ask: httpx.AsyncClient) -> None:
    """It arrives, though nobody reads the body; some servers lose it, but never what comes next."""
    headers = {"content-type": "application/octet-stream"}
    for path, status in (("/nowhere", 404), ("/upload?gate=-", 413)):
        try:
            answer = await ask.post(path, content=b"x" * LARGE, headers=headers)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            assert served.place.server in RESETS_UNREAD
        else:
            assert answer.status_code == status
    assert (await ask.get("/hello")).json() == {"by": "first"}
    if served.place.server in RESETS_UNREAD:
        served.kill()  # what waits for room in a queue would keep it from stopping


@everywhere
async def test_the_old_handler_finishes_and_the_new_one_serves(
    served: Process, ask: httpx.AsyncClient, tell: Tell
) -> None:
    """A replacement is done when what was in flight has been answered by the old handler."""
    old = asyncio.create_task(ask.get("/slow?gate=old"))
    await served.said("entered slow old first")
    change = asyncio.create_task(tell("replace", name="slow", by="next"))
    await retiring(served, tell)
    new = asyncio.create_task(ask.get("/slow?gate=new"))
    await served.said("entered slow new next")
    assert not change.done()
    served.open_gate("old")
    assert (await old).json() == {"by": "first"}
    await change
    assert not new.done()
    served.open_gate("new")
    assert (await new).json() == {"by": "next"}


@in_full
async def test_a_removed_handler_finishes_what_it_accepted(
    served: Process, ask: httpx.AsyncClient, tell: Tell
) -> None:
    """And nobody else is let in: 501 from then on, and not one task is left of it."""
    old = asyncio.create_task(ask.get("/slow?gate=removed"))
    await served.said("entered slow removed")
    change = asyncio.create_task(tell("remove", name="slow"))
    await retiring(served, tell)
    assert (await ask.get("/slow?gate=removed")).status_code == 501
    served.open_gate("removed")
    assert (await old).json() == {"by": "first"}
    await change
    books = await tell("statistics")
    assert "slow" not in books["handlers"]
    assert not [name for name in books["workers"] if name.startswith("brrt slow/")]


@in_full
async def test_a_reload_is_another_world(
    served: Process, ask: httpx.AsyncClient, tell: Tell
) -> None:
    """What is new is served, what is gone is 404, what was in flight is answered by the old."""
    old = asyncio.create_task(ask.post("/work?gate=world"))
    await served.said("entered work world first")
    change = asyncio.create_task(tell("reload", world="second"))
    await retiring(served, tell)
    assert (await ask.get("/extra")).json() == {"by": "second"}
    assert (await ask.get("/hello")).status_code == 404
    served.open_gate("world")
    assert (await old).json() == {"by": "first"}
    await change
    assert (await tell("statistics"))["retiring"] == 0


@in_full
async def test_a_bad_reload_changes_nothing(ask: httpx.AsyncClient, tell: Tell) -> None:
    """It names every fault."""
    before = await tell("statistics")
    faults = await tell("break")
    assert len(faults) == 2
    assert "nobody" in faults[0]
    assert "noone" in faults[1]
    after = await tell("statistics")
    assert after["generation"] == before["generation"]
    assert after["workers"] == before["workers"]
    assert (await ask.get("/hello")).json() == {"by": "first"}
    assert (await ask.get("/nobody")).status_code == 404


@in_full
async def test_a_handler_replaces_itself(ask: httpx.AsyncClient) -> None:
    """It answers, and the next request is another's."""
    assert (await ask.post("/renew")).json() == {"by": "first"}
    assert (await ask.post("/renew")).json() == {"by": "renewed"}


@in_full
async def test_a_full_queue_sheds_and_health_answers(
    served: Process, ask: httpx.AsyncClient, tell: Tell
) -> None:
    """One runs, one waits, and the third is told at once to come back."""
    running = asyncio.create_task(ask.get("/narrow?gate=full"))
    await served.said("entered narrow full")
    waiting = asyncio.create_task(ask.get("/narrow?gate=full"))
    await queued(served, tell)
    shed = await ask.get("/narrow?gate=full")
    assert (shed.status_code, shed.headers["retry-after"]) == (503, "1")
    health = await ask.get("/health")
    assert (health.status_code, health.json()["queued"]) == (200, 1)
    assert not running.done()
    assert not waiting.done()
    served.open_gate("full")
    assert {(await running).status_code, (await waiting).status_code} == {200}


async def queued(served: Process, tell: Tell) -> None:
    """Wait until a request waits for a worker."""
    for _ in range(1000):
        if (await tell("statistics"))["total"]["queued"]:
            return
    pytest.fail(f"nothing waits:\n{served.log}")


@in_full
async def test_a_deadline_is_kept(served: Process, ask: httpx.AsyncClient) -> None:
    """A handler that takes too long is cancelled, and its caller told: 504."""
    answer = await ask.get("/late?gate=never")
    assert answer.status_code == 504
    await served.said("cancelled late never first")


@everywhere
async def test_a_client_that_hangs_up_cancels_what_is_safe_to_cancel(
    served: Process, ask: httpx.AsyncClient
) -> None:
    """A GET ends where it is, a POST is finished; also beside a request that is watched already."""
    older = asyncio.create_task(ask.get("/slow?gate=older"))
    await served.said("listens", f"{served.place.prefix}/slow?gate=older")
    get = asyncio.create_task(ask.get("/slow?gate=hung"))
    post = asyncio.create_task(ask.post("/work?gate=hung"))
    await served.said("entered slow hung")
    await served.said("entered work hung")
    await hang_up(get, post)
    await served.said("cancelled slow hung first")
    await served.said("gone", f"{served.place.prefix}/work?gate=hung")
    served.open_gate("hung")
    await served.said("finished work hung first")
    served.open_gate("older")
    assert (await older).json() == {"by": "first"}
    assert "cancelled work" not in served.log


@in_full
async def test_a_crash_is_a_500_and_nothing_more(served: Process, ask: httpx.AsyncClient) -> None:
    """The client learns nothing, the log everything, and the next request is served."""
    crash = await ask.get("/crash")
    assert crash.status_code == 500
    assert "secret" not in crash.text
    assert "a secret of the server" in served.log
    assert (await ask.get("/hello")).json() == {"by": "first"}


@in_full
async def test_an_upload_over_a_reload_is_served_by_the_new_world(
    served: Process, ask: httpx.AsyncClient, tell: Tell
) -> None:
    """It was never accepted by the old one, and it is not failed: not a byte is lost."""
    rest = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        await rest.wait()
        yield b"y" * 1000

    headers = {"content-type": "application/octet-stream"}
    upload = asyncio.create_task(ask.post("/upload?gate=-", content=body(), headers=headers))
    await served.said("began", f"{served.place.prefix}/upload?gate=-")
    await tell("reload", world="second")
    assert not upload.done()
    rest.set()
    assert (await upload).json() == {"by": "second", "size": 2000}


@in_full
async def test_changes_under_load_lose_nothing(ask: httpx.AsyncClient, tell: Tell) -> None:
    """Every request is answered, by a handler that is no older than when it was asked."""
    done = 0

    async def keep_asking() -> int:
        asked = 0
        while done < CHANGES:
            known = done
            answer = await ask.get("/hello")
            assert answer.status_code == 200
            assert int(answer.json()["by"]) >= known
            asked += 1
        return asked

    await tell("replace", name="hello", by="0")
    clients = [asyncio.create_task(keep_asking()) for _ in range(CLIENTS)]
    while done < CHANGES:
        await tell("replace", name="hello", by=str(done + 1))
        done += 1
    assert min(await asyncio.gather(*clients)) > 0
