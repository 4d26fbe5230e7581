"""How the app ends where it is served: `test_lifecycle` goes before, on the same processes.

Its name puts this file behind the others that share a process, since that is stopped here.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from tests.lifecycle.servers import LEAVES_UNWIRED, LOOKS_AFTER_THE_END, Process, exit_code
from tests.lifecycle.test_lifecycle import everywhere, pytestmark, queued

Tell = Callable[..., Coroutine[Any, Any, Any]]

__all__ = ["pytestmark"]


@everywhere
async def test_a_stop_answers_what_is_in_flight_and_leaves_nothing(
    served: Process, ask: httpx.AsyncClient, tell: Tell
) -> None:
    """SIGTERM: running and waiting requests are answered, every task ends, the log is calm."""
    requests = [
        asyncio.create_task(ask.get("/slow?gate=stop")),
        asyncio.create_task(ask.post("/work?gate=stop")),
        asyncio.create_task(ask.get("/narrow?gate=stop")),
    ]
    for name in ("slow", "work", "narrow"):
        await served.said(f"entered {name} stop")
    requests.append(asyncio.create_task(ask.get("/narrow?gate=stop")))
    await queued(served, tell)
    said_before = len(served.log)
    await served.stop_begins()
    assert not any(request.done() for request in requests)
    served.open_gate("stop")
    answers = await asyncio.gather(*requests)
    assert [answer.status_code for answer in answers] == [200] * 4
    await served.until(lambda: served.code is not None, "an end")
    assert served.code == exit_code(served.place)
    last_words = served.log[said_before:]
    assert not re.search("Traceback|ERROR|WARNING|Exception", last_words)
    check_ends(served)


def check_ends(served: Process) -> None:
    """What was alive when the host's lifespan had ended, and when the process had."""
    ends, place = served.ends(), served.place
    closed = served.log.splitlines().count("RECORD closed")  # by itself: the app, and no stream
    if place.unwired and place.server in LEAVES_UNWIRED:
        assert not closed
        assert ends.get("exit", {"tasks": ["brrt keeper"]})["tasks"]
        return
    assert closed == 1
    last = ends["exit" if place.unwired else "lifespan.shutdown.complete"]
    assert set(last["tasks"]) <= LOOKS_AFTER_THE_END.get(place.server, set())
    assert last["total"]["active"] == 0
    assert last["total"]["spawned"] == last["total"]["terminated"]
