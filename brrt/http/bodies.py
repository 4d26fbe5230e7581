"""Bodies in: from ASGI messages to bytes, bounded in size and in time.

Nothing here knows what the bytes mean.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from brrt.errors import BrrtError, Problem
from brrt.runtime.patience import Patience

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]

# Digits of a Content-Length: an exabyte. Python refuses to read numbers of thousands of them.
MAX_DIGITS = 18


class ClientGone(BrrtError):
    """The client hung up before its request was complete; there is nobody to answer."""


async def read_body(
    receive: Receive, declared: bytes | None, limit: int, patience: Patience
) -> bytes:
    """The whole body of a request.

    `declared` is the Content-Length header, `limit` the most bytes to take, `patience` the time
    that the body may take. Raises `Problem` 413 or 408, and `ClientGone`.
    """
    if declared is not None and _exceeds(declared, limit):
        raise too_large(limit)
    wait = patience.begin()
    try:
        return await _read(receive, limit)
    except asyncio.CancelledError:
        if wait.is_all():
            detail = f"the body did not arrive within {patience.seconds:g} s"
            raise Problem(408, detail=detail) from None
        raise
    finally:
        patience.end(wait)


def _exceeds(declared: bytes, limit: int) -> bool:
    """Whether a Content-Length is over the limit; what is no number is the server's affair."""
    digits = declared.lstrip(b"0")
    return digits.isdigit() and (len(digits) > MAX_DIGITS or int(digits) > limit)


async def _read(receive: Receive, limit: int) -> bytes:
    data: bytes | bytearray = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        data = _joined(data, message.get("body", b""))
        if len(data) > limit:
            raise too_large(limit)
        more = message.get("more_body", False)
    return bytes(data)


def _joined(data: bytes | bytearray, piece: bytes) -> bytes | bytearray:
    """Both, without copying what is already there a second time."""
    if not data:
        return piece
    if isinstance(data, bytes):
        data = bytearray(data)
    data += piece
    return data


def too_large(limit: int) -> Problem:
    """413, naming the limit."""
    return Problem(413, detail=f"the body is larger than {limit} bytes")
