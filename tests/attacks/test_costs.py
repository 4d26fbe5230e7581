"""What is cheap to send must be cheap to refuse: names that collide, and bodies that never end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from itertools import product

import httpx
import pytest

from brrt import Limits
from brrt.config import MAX_PARAMETERS
from tests.attacks.target import build
from tests.conftest import Connect
from tests.test_streaming_requests import served

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# What CPython hashes integers by: multiples of it all have the hash 0.
PRIME = 2**61 - 1
MANY = 20_000


def colliding() -> dict[str, list[str]]:
    """Names that collide in tables of some language that does not salt its hashes."""
    return {
        "java": ["".join(one) for one in product(("Aa", "BB"), repeat=14)],
        "php": ["".join(one) for one in product(("Ez", "FY", "G8"), repeat=9)],
        "integers": [str(PRIME * number) for number in range(MANY)],
        "nul": ["\0" * number for number in range(1, 400)],
    }


def ordinary(names: Iterable[str]) -> list[str]:
    """As many names of the same lengths that have nothing in common."""
    return [f"{number:x}".rjust(len(name), "k") for number, name in enumerate(names)]


async def seconds(http: httpx.AsyncClient, names: list[str]) -> float:
    """What a body, a form and a query of these names take, at the best of three."""
    body = json.dumps(dict.fromkeys(names, 1))
    form = "&".join(f"{name}=1" for name in names[:MAX_PARAMETERS])
    query = "&".join(f"filter[{name}]=1" for name in names[:150]).replace("\0", "%00")
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        for path, kind, text in (("/json", JSON, body), ("/form", FORM, form)):
            answer = await http.post(path, content=text, headers={"content-type": kind})
            assert answer.status_code == 200
        assert (await http.get(f"/search?{query}")).status_code in (200, 414)
        best = min(best, time.process_time() - begin)
    return best


@pytest.mark.parametrize("kind", colliding())
async def test_names_that_collide_cost_no_more(client: Connect, kind: str) -> None:
    """Within four times of ordinary names; where they did collide it would be a thousand."""
    http = await client(build())
    names = colliding()[kind]
    usual = await seconds(http, ordinary(names))
    assert await seconds(http, names) < 4 * usual + 0.1


@pytest.mark.parametrize(("count", "status"), [(MAX_PARAMETERS, 200), (MAX_PARAMETERS + 1, 400)])
async def test_the_number_of_names_is_bounded(client: Connect, count: int, status: int) -> None:
    """Pairs of a query, cookies and fields of a form: so many and no more."""
    http = await client(build(limits=Limits(max_target=100_000, max_headers=100_000)))
    pairs = [f"a{number}=1" for number in range(count)]
    assert MAX_PARAMETERS == MAX_PARAMETERS
    answers = [
        await http.get(f"/search?{'&'.join(pairs)}"),
        await http.get("/search", headers={"cookie": "; ".join(pairs)}),
        await http.post("/form", content="&".join(pairs), headers={"content-type": FORM}),
    ]
    assert [one.status_code for one in answers] == [status] * 3


PART = b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n'
SLOW = [
    ("/json", JSON, b'"'),
    ("/form", FORM, b"a="),
    ("/text", "text/plain", b""),
    ("/upload", "multipart/form-data; boundary=b", PART),
    ("/items", "application/jsonl", b"{}\n"),
    ("/octets", "application/octet-stream", b""),
]
PATIENCE = 0.1


@pytest.fixture(params=["h11", "httptools"])
async def address(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """An app that waits for little."""
    # A handler that reads its body has the time of an upload beside its own.
    limits = Limits(upload_timeout=PATIENCE, stream_timeout=PATIENCE, timeout=2 * PATIENCE)
    async with served(build(limits=limits), request.param) as found:
        yield found


@pytest.mark.parametrize(("path", "kind", "begin"), SLOW, ids=[path for path, *_ in SLOW])
@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
async def test_a_body_that_trickles_is_given_up(
    address: str, path: str, kind: str, begin: bytes, framing: str
) -> None:
    """Byte by byte: 408, or 504 where the handler reads, and no longer than that."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n"
    writer.write(head.encode())

    async def trickle() -> None:
        piece = begin or b"a"
        while not writer.is_closing():
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if "chunked" in framing else piece)
            await asyncio.sleep(PATIENCE / 20)
            piece = b"a"

    trickling = asyncio.create_task(trickle())
    try:
        line = await asyncio.wait_for(reader.readline(), 5)
    finally:
        trickling.cancel()
        await asyncio.wait([trickling])
        writer.transport.abort()
    assert line.split(b" ")[1] in (b"408", b"504")
