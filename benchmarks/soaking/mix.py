"""What the clients of the soak ask the pet store for, and those who do not wait for the answer.

Some of it is answered and some refused, in every way that there is. None of it adds a row, so
that a store that grows is not mistaken for a server that leaks.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from benchmarks.loads import Client, Lost, Tally, request

ITEM: Final = "0b9f3a52-6f0e-4c8e-9d8a-3c1f5b7e2a10"
PICTURE: Final = "5d1f3c1e-8a44-4a0e-b6cb-0f7f0f6f1c01"
CAT: Final = {"kind": "cat", "indoor": True}
# Its chip belongs to another pet already: 409.
PET: Final = {"name": "Rex", "animal": CAT, "chip": "276098100000001"}
# There is no such pet: 404.
FORM: Final = b"petId=999999&name=Ada&email=ada%40example.com&days=mon&days=fri"
BOUNDARY: Final = "soak"
# Seconds after which the impatient hang up: some are answered before, some are not.
PATIENCES: Final = (0.0005, 0.002, 0.01)


def _json(method: str, target: str, body: Any) -> bytes:
    return request(method, target, json.dumps(body).encode())


def _typed(target: str, media_type: str, body: bytes) -> bytes:
    """A body of another type than JSON."""
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _upload(title: str, content: bytes) -> bytes:
    """A form with a file."""
    disposition = "Content-Disposition: form-data; name="
    parts = [
        f'{disposition}"title"\r\n\r\n{title}'.encode(),
        f'{disposition}"file"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content,
    ]
    body = b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in parts)
    end = f"--{BOUNDARY}--\r\n".encode()
    return _typed("/upload", f"multipart/form-data; boundary={BOUNDARY}", body + end)


# Each with how often it is asked in proportion to the others.
MIX: Final[tuple[tuple[int, bytes], ...]] = (
    (20, request("GET", "/pets/1")),
    (20, request("GET", "/pets?limit=5")),
    (10, request("GET", "/search?tags=calm|indoor&filter[maxAge]=5")),
    (5, request("GET", "/labels/.black.white")),
    (5, request("GET", "/matrix/;coords=2,14")),
    (5, request("GET", "/users?limit=2")),
    (5, request("GET", "/users/1/posts/2")),
    (5, request("GET", f"/download/{PICTURE}")),
    (5, request("GET", "/admin/settings")),
    (5, request("OPTIONS", "/users/1")),
    (5, _json("PUT", f"/items/{ITEM}", {"name": "Leash", "quantity": 12, "cents": 1495})),
    (5, _json("POST", "/webhooks", {"url": "http://127.0.0.1:9/a", "events": ["pet.adopted"]})),
    (5, _json("POST", "/pets", PET)),
    (2, _json("POST", "/pets", {"name": "", "animal": CAT, "age": "old"})),
    (2, _json("POST", "/pets", {**PET, "tags": [f"tag {number}" for number in range(100)]})),
    (2, request("POST", "/pets", b'{"name"')),
    (2, _typed("/pets", "text/weird", b"pet")),
    (2, _typed("/form", "application/x-www-form-urlencoded", FORM)),
    (2, _upload("x" * 101, bytes(100_000))),
    (2, request("GET", "/pets/999999")),
    (2, request("GET", "/pets?limit=1000&offset=x")),
    (2, request("GET", "/nowhere")),
    (2, request("DELETE", "/users/999999")),
    (2, request("PATCH", "/pets")),
    (2, request("GET", "/events", headers={"Last-Event-ID": "none"})),
)


def wires(seed: int) -> Iterator[bytes]:
    """One request of the mix after the other, for ever; the same for the same seed."""
    chance = random.Random(seed)
    weights, mix = zip(*MIX, strict=True)
    while True:
        yield from chance.choices(mix, weights, k=100)


async def hang_up_on(
    port: int, wires: Iterable[bytes], tally: Tally, is_over: Callable[[], bool]
) -> None:
    """A client that waits a moment for each answer, hangs up, and asks for the next thing."""
    client = Client(port)
    for number, wire in enumerate(wires):
        if is_over():
            break
        try:
            tally.add(await client.ask(wire, PATIENCES[number % len(PATIENCES)]))
        except TimeoutError:
            tally.gave_up += 1
        except Lost as error:
            tally.lost[str(error)] += 1
    client.close()
