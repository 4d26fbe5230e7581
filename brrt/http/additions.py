"""Headers that an answer gets beside its own, whatever it becomes: a value, an error, a stream.

Whoever knows them while the request is judged leaves them in its scope, in the list that is begun
with the request's id (`identify`). None comes in place of one that the answer has itself.
"""

from collections.abc import Iterable
from typing import Any, Final

from brrt.http.answers import HeaderPair, Send, with_header

ADDITIONS: Final = "brrt.headers"


def with_headers(send: Send, added: Iterable[HeaderPair]) -> Send:
    """The same `send`, which adds to the headers of the response."""

    def adding(message: Any) -> Any:
        if message["type"] == "http.response.start":
            headers = message.get("headers", [])
            for one in added:
                headers = with_header(headers, one)
            message = {**message, "headers": headers}
        return send(message)

    return adding
