"""Which values of a handler are given bit by bit."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from brrt.http.replies import is_reply
from brrt.runtime.sources import is_iterator


def find_stream(value: Any) -> AsyncIterator[Any] | None:
    """The iterator of a value that is a stream: by itself, in a `Reply`, or in Starlette's
    `StreamingResponse`. None for all other values, and for responses that send themselves.
    """
    if is_reply(value):
        value = value.value
    elif isinstance(value, StreamingResponse):
        return aiter(value.body_iterator) if _is_plain(type(value)) else None
    return value if is_iterator(value) else None


def _is_plain(kind: type[StreamingResponse]) -> bool:
    """Whether a class sends as Starlette's does, whatever else it adds."""
    base = StreamingResponse
    return kind.__call__ is base.__call__ and kind.stream_response is base.stream_response
