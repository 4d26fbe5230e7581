"""WebSockets are refused: OpenAPI describes none. Who wants them routes them beside the app.

A handshake is a GET with `Upgrade` (RFC 6455, section 4.1), refused with an HTTP status like any
request that cannot be served:

* 404 where no path of the document matches, as for any other request.
* 400 where one does: the client asks for what is not spoken there. 501 would say the same, but
  every 5xx counts against the server where proxies and alarms judge it by its answers, and it is
  the client who chooses to open WebSockets. 403 sends people to look for a credential, and 426
  asks for an upgrade, which is the opposite.
* 414 and 431 where it is too long to be looked at.

Nothing is started and no pool is asked: a refusal reads the document and nothing else.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from brrt.config import Limits
from brrt.errors import NotFound, Problem
from brrt.http.answers import Answer, Scope, Send
from brrt.http.bodies import Receive
from brrt.http.problems import problem_answer
from brrt.http.requests import check_size, local_path, mount_point, request_path
from brrt.openapi.routing import Router

# The ASGI extension "WebSocket Denial Response": the app may answer a handshake with a response.
DENIAL: Final = "websocket.http.response"
# WebSocket close code 1008, "policy violation" (RFC 6455, section 7.4.1). Nothing was accepted
# yet, so that no client sees it: servers answer 403 (ASGI, "Close - send event").
POLICY: Final = 1008
REASON: Final = "this path serves HTTP, not WebSockets"
# What ASGI lets a server leave out of the scope of a WebSocket.
_DEFAULTS: Final[Mapping[str, Any]] = {"query_string": b"", "headers": ()}


async def refuse(
    scope: Scope, receive: Receive, send: Send, router: Router[Any], limits: Limits
) -> None:
    """Refuse a handshake: with a problem document where the server can send one, else by a close.

    A client that has gone is no error.
    """
    if (await receive()).get("type") == "websocket.disconnect":
        return
    with suppress(OSError):  # what servers raise when nobody is there to send to (ASGI 2.4)
        if DENIAL in (scope.get("extensions") or ()):
            await _deny(_refusal({**_DEFAULTS, **scope}, router, limits), send)
        else:
            await send({"type": "websocket.close", "code": POLICY, "reason": REASON})


async def _deny(answer: Answer, send: Send) -> None:
    status, headers, body = answer
    await send({"type": f"{DENIAL}.start", "status": status, "headers": headers})
    await send({"type": f"{DENIAL}.body", "body": body})
    # uvicorn (websockets-sansio, its default) logs an error for an app that is done before the
    # connection is: Kludex/uvicorn, pull request 3138. That takes one turn of the loop; only with
    # TLS of uvicorn's own it takes the client's goodbye, which is not worth a wait.
    await asyncio.sleep(0)


def _refusal(scope: Scope, router: Router[Any], limits: Limits) -> Answer:
    try:
        check_size(scope, limits)
    except Problem as too_long:
        return problem_answer(too_long)
    path = request_path(scope)
    local = local_path(path, mount_point(scope))
    if router.methods(local) or router.methods(path):
        return problem_answer(Problem(400, detail=REASON))
    return problem_answer(NotFound())
