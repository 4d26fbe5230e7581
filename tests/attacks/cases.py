"""What one hostile request is: the bytes that are sent, and the answers that must come back."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

# Seconds until a connection that should have been closed is given up.
PATIENCE: Final = 20.0
# In the place of a status: uvicorn's own 400, which never reaches the app.
SERVER: Final = -400
_SERVERS_WORDS: Final = b"Invalid HTTP request received."

Answers: TypeAlias = int | tuple[int, ...]
BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Case:
    """One attack.

    `expected` are the statuses of all responses on the connection, for both of uvicorn's parsers
    or for each by its name; none where the client leaves without an answer. `absent` must be in
    no response, `present` in one.
    """

    name: str
    raw: bytes
    expected: Answers | Mapping[str, Answers]
    absent: tuple[bytes, ...] = ()
    present: tuple[bytes, ...] = ()

    def answers(self, http: str) -> tuple[int, ...]:
        """What is expected of one of the parsers."""
        found = self.expected[http] if isinstance(self.expected, Mapping) else self.expected
        return found if isinstance(found, tuple) else (found,)


def ask(target: str | bytes, *headers: str | bytes, method: str = "GET") -> bytes:
    """A request without a body, the last one on its connection."""
    return request(method, target, headers, b"")


def send(
    target: str, kind: str, body: str | bytes, *headers: str | bytes, method: str = "POST"
) -> bytes:
    """A request with a body of this type, and with its length."""
    data = body.encode() if isinstance(body, str) else body
    own = (f"Content-Type: {kind}", f"Content-Length: {len(data)}")
    return request(method, target, (*own, *headers), data)


def request(
    method: str, target: str | bytes, headers: tuple[str | bytes, ...], body: bytes
) -> bytes:
    """The bytes of a request that asks for the connection to be closed."""
    lines = [
        b"%s %s HTTP/1.1" % (method.encode(), _bytes(target)),
        b"Host: x",
        b"Connection: close",
        *map(_bytes, headers),
    ]
    return b"\r\n".join([*lines, b"", b""]) + body


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


# A request behind an attack, which tells whether the two were told apart.
SENTINEL: Final = ask("/pair/sent/inel")


@dataclass(frozen=True, slots=True)
class Response:
    """One response, taken apart."""

    status: int
    head: bytes
    body: bytes


def attack(port: int, case: Case, http: str) -> list[Response]:
    """Send it, and read everything until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as wire:
        with suppress(ConnectionError):  # answered before it was all sent, and closed
            wire.sendall(case.raw)
        if not case.answers(http):
            return []
        data = bytearray()
        with suppress(ConnectionResetError):  # likewise: what had come by then counts
            while piece := wire.recv(65_536):
                data += piece
    return list(_taken_apart(bytes(data), case.raw.startswith(b"HEAD ")))


def _taken_apart(data: bytes, is_head: bool) -> list[Response]:
    found: list[Response] = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        body, data = (b"", rest) if is_head or status < 200 else _body(status, head.lower(), rest)
        is_servers = status == 400 and body == _SERVERS_WORDS
        found.append(Response(SERVER if is_servers else status, head, body))
    return found


def _body(status: int, head: bytes, rest: bytes) -> tuple[bytes, bytes]:
    """A body, and what comes behind it."""
    if status in BODILESS:
        return b"", rest
    if b"\r\ntransfer-encoding: chunked" in head:
        body = b""
        while True:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size or b"0", 16)
            body, rest = body + rest[:length], rest[length + 2 :]
            if not length:
                return body, rest
    _, found, value = head.partition(b"\r\ncontent-length: ")
    length = int(value.split(b"\r\n")[0]) if found else len(rest)
    return rest[:length], rest[length:]
