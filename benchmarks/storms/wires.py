"""What the clients of the storms ask: requests as they are written to the wire."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from benchmarks.loads import request

# Bytes of the files that are uploaded: most of them go to disk.
FILE_SIZES: Final = (1_000, 50_000, 200_000)
# What files consist of: the end of a line begins like a boundary, so that they come in pieces.
LINE: Final = b"f" * 3_998 + b"\r\n"
# Bytes of the words that are posted.
WORD_SIZES: Final = (1, 100, 20_000)
# Seconds that some requests take: less than a reload has until the next one.
WAITS: Final = (0.001, 0.01, 0.03)
# One request in this many asks for the connection to be closed.
CLOSING: Final = 20
CLOSE: Final = {"Connection": "close"}

Kind = Callable[[random.Random, Mapping[str, str]], bytes]
Wires = Callable[[random.Random], Iterator[bytes]]


def mixed(choose: random.Random) -> Iterator[bytes]:
    """Requests of every kind, some of which take a while, without end."""
    return mixture(choose, word, word, word, new_word, wait, upload)


def mixture(choose: random.Random, *kinds: Kind) -> Iterator[bytes]:
    """Requests of these kinds without end; now and then one closes its connection."""
    while True:
        yield choose.choice(kinds)(choose, {} if choose.randrange(CLOSING) else CLOSE)


def word(choose: random.Random, headers: Mapping[str, str]) -> bytes:
    """A GET that is answered at once."""
    return request("GET", f"/words/{choose.randrange(1_000)}", headers=headers)


def new_word(choose: random.Random, headers: Mapping[str, str]) -> bytes:
    """A POST with a body that is checked."""
    body = json.dumps({"text": "w" * choose.choice(WORD_SIZES)}).encode()
    return request("POST", "/words", body, headers)


def wait(choose: random.Random, headers: Mapping[str, str]) -> bytes:
    """A GET that takes a while."""
    return request("GET", f"/waits?seconds={choose.choice(WAITS)}", headers=headers)


def upload(choose: random.Random, headers: Mapping[str, str]) -> bytes:
    """A file, small or large."""
    return upload_of(choose.choice(FILE_SIZES), headers)


def upload_of(size: int, headers: Mapping[str, str]) -> bytes:
    """A file of a size in bytes."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    content = LINE * (size // len(LINE)) + b"f" * (size % len(LINE))
    body = head + content + b"\r\n--b--\r\n"
    lines = ["POST /files HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: multipart/form-data; boundary=b"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
