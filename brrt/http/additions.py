"""Headers that an answer gets beside its own, whatever it becomes: a value, an error, a stream.

Whoever knows them while the request is judged leaves them in its scope.
"""

from typing import Any, Final

from brrt.http.answers import Headers, Send

ADDITIONS: Final = "brrt.headers"


def with_headers(send: Send, added: Headers) -> Send:
    """The same `send`, which adds to the headers of the response."""

    async def adding(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return adding
