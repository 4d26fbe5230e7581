"""What one request is called: in its answer, in the log, and by its handler.

The client's own `X-Request-ID` if it is harmless, or else the trace of its `traceparent` (W3C
Trace Context, section 3.2), so that one word finds it everywhere; a new one where there is none.
"""

import random
import re
from binascii import hexlify
from collections.abc import Iterable
from typing import Final

from brrt.http.additions import ADDITIONS
from brrt.http.answers import HeaderPair, Scope

# What is accepted as a request id from a client: long enough for a UUID or a trace id, and
# nothing that could forge a log line.
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
_NAMES: Final = frozenset({b"x-request-id", b"traceparent"})
# Where it is kept for as long as the request lasts.
_KEY: Final = "brrt.request_id"


def identify(scope: Scope, header: bytes | None) -> None:
    """Call a request something, from here on; answers say so, if there is a name for the header."""
    found = b""
    for name, _ in scope["headers"]:
        if name in _NAMES:
            found = _given(scope["headers"])
            break
    if not found:  # random, but no secret: a third of what the kernel's own randomness takes
        found = hexlify(random.getrandbits(128).to_bytes(16))
    scope[_KEY] = found
    scope[ADDITIONS] = [] if header is None else [(header, found)]


def request_id(scope: Scope) -> str:
    """The id of a request."""
    if _KEY not in scope:
        identify(scope, None)
    return str(scope[_KEY], "ascii")


def _given(headers: Iterable[HeaderPair]) -> bytes:
    trace = b""
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value
        if name == b"traceparent" and (match := _TRACEPARENT.fullmatch(value)):
            trace = match[1]
    return trace
