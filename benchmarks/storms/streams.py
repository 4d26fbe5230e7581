"""Storm: streams while documents are reloaded and handlers are replaced.

    python -m benchmarks.storms.streams [--seconds 30] [--connections 32] [--seed 0]

As many clients as there are ordinary ones watch events, and come back with `Last-Event-ID` when
they are sent away; half as many download lines and bytes, some of them slowly, some of them more
than a change waits for, and some hang up half-way. No event may be lost or seen twice, no stream
of events may break off, and no download may look complete that is not.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httptools
import psutil

from benchmarks.loads import Client, request
from benchmarks.storms.channel import PIECE
from benchmarks.storms.served import Service, served
from benchmarks.storms.verdict import Options, Verdict, main
from benchmarks.storms.wires import mixture

SECONDS: Final = 30.0
EVERY: Final = 0.05  # seconds between changes
# Seconds that a change waits for downloads, and after which who takes nothing is let go.
SETTINGS: Final = {"BRRT_GRACE": "0.5", "BRRT_STREAM_TIMEOUT": "5"}
# Clients come back in this share of the time that they are told, so that they do so often.
HASTE: Final = 0.05
# Seconds within which everybody has seen the last event of the storm.
PATIENCE: Final = 15.0
# Bytes that a reader takes at once, and that it may have in hand.
TAKE: Final = 4_096
# Mebibytes that the service may have grown by.
GROWTH: Final = 32
_HINT = re.compile(rb"retry: (\d+)\n\n\Z")


class Reader:
    """One response as it comes: `body` so far, and whether it was complete."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.body = b""
        self.hint: int | None = None  # milliseconds until one may come back
        self.is_complete = self.is_over = False

    async def more(self) -> bool:
        """Read on. Tells whether more may come."""
        try:
            data = await self._reader.read(TAKE)
        except OSError:
            data = b""
        if data:
            self._parser.feed_data(data)
        self.is_over = not data or self.is_complete
        return not self.is_over

    def take(self, size: int) -> bytes:
        """Take bytes off the front of what has come."""
        taken, self.body = self.body[:size], self.body[size:]
        return taken

    # What the parser calls

    def on_headers_complete(self) -> None:
        """The head."""
        self.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """A piece."""
        self.body += data

    def on_message_complete(self) -> None:
        """The end."""
        self.is_complete = True


@asynccontextmanager
async def reading(
    port: int, target: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Reader]:
    """Ask, and read as one likes. Who leaves early hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=TAKE)
    try:
        writer.write(request("GET", target, headers=headers))
        yield Reader(reader, writer)
    finally:
        writer.transport.abort()


class Watcher:
    """Somebody who watches events as browsers do. `seen` is the last one."""

    def __init__(self, service: Service, choose: random.Random) -> None:
        self._service = service
        self._choose = choose
        self.seen = 0
        self.visits = 0

    async def watch(self, until: "asyncio.Future[int]") -> None:
        """Watch, and come back, until the storm is over and its last event was seen."""
        while not self._is_done(until):
            self.visits += 1
            last = {"Last-Event-ID": str(self.seen)} if self.seen else {}
            async with reading(self._service.port, "/ticks", last) as events:
                while await events.more() and not self._is_done(until):
                    self._read(events)
                self._read(events)
            if events.is_over:
                await asyncio.sleep(self._pause(events))

    def _is_done(self, until: "asyncio.Future[int]") -> bool:
        return until.done() and self.seen >= until.result()

    def _read(self, events: Reader) -> None:
        """Take the events that are complete; what follows stays for the next time."""
        end = events.body.rfind(b"\n\n") + 2 if b"\n\n" in events.body else 0
        for block in events.body[:end].split(b"\n\n"):
            lines = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
            if b"id" not in lines:
                continue
            number, tick = int(lines[b"id"]), json.loads(lines[b"data"])["tick"]
            if number != tick or number != self.seen + 1:
                self._fault(f"event {tick} (id {number}) follows {self.seen}")
            self.seen = number
        hint = _HINT.search(events.body[:end])
        events.hint = int(hint[1]) if hint else events.hint
        events.take(end)

    def _pause(self, events: Reader) -> float:
        """Seconds until it comes back. It must have been told, and the stream must be whole."""
        if events.status != 200:
            self._fault(f"events were answered {events.status}")
        elif not events.is_complete or events.hint is None:
            self._fault("a stream of events broke off")
        return HASTE * self._choose.random() * (events.hint or 1_000) / 1_000

    def _fault(self, text: str) -> None:
        self._service.verdict.faults.append(text)


async def _download(
    service: Service, choose: random.Random, over: asyncio.Event, done: Counter[str]
) -> None:
    """Download one thing after the other, each in another way."""
    while not over.is_set():
        kind, way = choose.choice(("lines", "bytes")), choose.choice(("all", "slowly", "half"))
        count = choose.choice((0, 1, 10, 200))
        pause = choose.choice((0, 0, 0.001, 0.02))
        async with reading(service.port, f"/{kind}?count={count}&pause={pause}") as answer:
            body = await _take(answer, way, choose)
        whole = b"".join(b'{"line":%d}\n' % line for line in range(count))
        whole = whole if kind == "lines" else PIECE * count
        _judge(service.verdict, answer, body, whole, done)


async def _take(answer: Reader, way: str, choose: random.Random) -> bytes:
    """Read an answer, slowly or not, perhaps not to its end."""
    body, turns = b"", choose.randint(1, 10)
    while await answer.more():
        body += answer.take(len(answer.body))
        turns -= 1
        if way == "half" and turns < 0:
            break
        if way == "slowly":
            await asyncio.sleep(0.005)
    return body + answer.body


def _judge(verdict: Verdict, answer: Reader, body: bytes, whole: bytes, done: Counter[str]) -> None:
    """What came is the beginning of the whole; it is the whole if the answer is complete."""
    if not answer.is_over:
        done["left half-way"] += 1
    elif answer.status != 200 and answer.is_complete:
        verdict.faults.append(f"a download was answered {answer.status}")
    elif not whole.startswith(body):
        verdict.faults.append(f"a download has {len(body)} wrong bytes")
    elif answer.is_complete and body != whole:
        verdict.faults.append(f"{len(body)} of {len(whole)} bytes look complete")
    else:
        done["whole" if answer.is_complete else "broken off"] += 1


def _ordinary(choose: random.Random) -> Iterator[bytes]:
    return mixture(choose, lambda _, headers: request("GET", "/now", headers=headers))


async def storm(options: Options) -> Verdict:
    """Change everything while streams are open; then everybody leaves."""
    verdict, over, done = Verdict("streams", allowed=(200,)), asyncio.Event(), Counter[str]()
    service_of = {"app": "benchmarks.storms.channel:app", "foreseen": "StreamBroken"}
    async with served(verdict, environment=SETTINGS, **service_of) as service:
        before, memory = await service.rest(), _memory(service)
        until: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        watchers = [
            Watcher(service, random.Random(f"{options.seed}/watcher {number}"))
            for number in range(options.connections)
        ]
        watching = [asyncio.create_task(one.watch(until)) for one in watchers]
        async with service.load(options, _ordinary), asyncio.TaskGroup() as downloads:
            for number in range(max(options.connections // 2, 2)):
                choose = random.Random(f"{options.seed}/download {number}")
                downloads.create_task(_download(service, choose, over, done))
            await service.tell(f"begin?change=change&every={EVERY}")
            await asyncio.sleep(options.seconds)
            over.set()
            after = await service.tell("end")
        until.set_result(await _now(service))
        await _await_all(watching, verdict)
        verdict.facts.append(f"{after['changes']} changes")
        verdict.faults += [f"a change failed: {one}" for one in after["failed"]]
        _judge_watchers(watchers, verdict)
        verdict.facts += [f"{count} downloads {way}" for way, count in sorted(done.items())]
        await service.compare(before)
        grown = (_memory(service) - memory) / 2**20
        verdict.facts.append(f"{grown:+.1f} MiB")
        if grown > GROWTH:
            verdict.faults.append(f"the service has grown by {grown:.0f} MiB")
    return verdict.close()


def _judge_watchers(watchers: list[Watcher], verdict: Verdict) -> None:
    visits, least = sum(one.visits for one in watchers), min(one.seen for one in watchers)
    verdict.facts.append(f"{least} events at the least, {visits} visits of {len(watchers)}")
    if visits <= len(watchers):
        verdict.faults.append("nobody was sent away")


async def _await_all(watching: list["asyncio.Task[None]"], verdict: Verdict) -> None:
    """Everybody sees the last event."""
    _, late = await asyncio.wait(watching, timeout=PATIENCE)
    for one in late:
        one.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    if late:
        verdict.faults.append(f"{len(late)} have not seen every event after {PATIENCE:g} s")
    failed = [one.exception() for one in watching if not one.cancelled() and one.exception()]
    verdict.faults += [f"watching failed: {error!r}" for error in failed[:1]]


async def _now(service: Service) -> int:
    client = Client(service.port)
    try:
        ticks: int = json.loads((await client.ask(request("GET", "/now"))).body)["ticks"]
        return ticks
    finally:
        client.close()


def _memory(service: Service) -> int:
    return int(psutil.Process(service.process.pid).memory_info().rss)


if __name__ == "__main__":
    main(__doc__, storm, SECONDS)
