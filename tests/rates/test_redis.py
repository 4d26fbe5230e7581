"""Counts that processes share in a real Redis, and what happens while it is gone."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from brrt import App, RateLimits
from brrt.rates.limiter import Limiter
from brrt.rates.policies import make_rates
from brrt.rates.shared import COOL_DOWN
from tests.conftest import Call, Until, serve
from tests.programs import find
from tests.rates.asking import BOB, Clock, ask, document, limited, statuses
from tests.rates.servers import Redis
from tests.security.test_keys import make_certificate

STRATEGIES = ("sliding-window", "fixed-window", "moving-window")
THREE = make_rates(((3, 3_600),), "x", "x")
PATIENT = 10.0  # seconds that a healthy Redis may take on a busy machine


async def hello() -> str:
    """Anybody who gets here is told."""
    return "in"


def shop(redis: Redis, limit: Any = "3/hour", **settings: Any) -> App:
    """An app that counts in Redis."""
    rates = RateLimits(storage=redis.url, timeout=PATIENT, **settings)
    return App(document(a=limited(limit)), serve(a=hello), rates=rates)


@asynccontextmanager
async def counting(redis: Redis, clock: Clock, **settings: Any) -> AsyncIterator[Limiter]:
    """What counts in Redis, and asks again after an outage by this clock."""
    limiter = Limiter(RateLimits(storage=redis.url, **{"timeout": PATIENT, **settings}), clock)
    try:
        yield limiter
    finally:
        await limiter.aclose()


async def passing(limiter: Limiter, times: int, client: str = "ada") -> list[bool]:
    """Whether so many requests pass."""
    return [(await limiter.spend(THREE, client)).wait is None for _ in range(times)]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_two_apps_count_together(redis: Redis, strategy: Any) -> None:
    """What one has let in, the other knows; of every client apart."""
    async with shop(redis, strategy=strategy) as one, shop(redis, strategy=strategy) as other:
        assert await statuses(one, 2) == [200, 200]
        answers = [await ask(other) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 429]
        assert answers[0].headers["ratelimit"].startswith('"a";r=0;t=3')
        assert 3_595 <= int(answers[1].headers["retry-after"]) <= 3_602
        assert (await ask(one)).status == 429
        assert (await ask(one, client=BOB)).status == 200
    async with shop(redis, strategy=strategy) as later:
        assert (await ask(later)).status == 429


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_of_many_at_once_in_two_apps_so_many_pass(redis: Redis, strategy: Any) -> None:
    """Redis counts one after the other, over fewer connections than there are requests."""
    options: dict[str, Any] = {"limit": "30/hour", "strategy": strategy}
    async with shop(redis, **options) as one, shop(redis, **options) as other:
        answers = await asyncio.gather(*(ask(app) for app in (one, other) for _ in range(100)))
    assert sorted(answer.status for answer in answers) == [200] * 30 + [429] * 170


async def test_what_other_services_count_is_theirs(redis: Redis) -> None:
    """Documents of other titles share a Redis, but no counts."""
    other = document(a=limited("3/hour"))
    other["info"]["title"] = "Bank"
    rates = RateLimits(storage=redis.url, timeout=PATIENT)
    async with shop(redis) as one, App(other, serve(a=hello), rates=rates) as two:
        assert await statuses(one, 4) == await statuses(two, 4) == [200] * 3 + [429]


async def test_a_stop_closes_every_connection(redis: Redis) -> None:
    """And no task and no thread is left, of how many requests soever."""
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with shop(redis) as app:
        await asyncio.gather(*(ask(app) for _ in range(20)))
        assert len(await connections(redis)) > 1
    assert len(await connections(redis)) == 1  # the one that asks
    assert asyncio.all_tasks() == tasks
    assert set(threading.enumerate()) == threads


async def test_a_stop_while_redis_is_asked(redis: Redis, wire: Call) -> None:
    """Wherever it is cut: who waits is answered, and no connection stays or is made anew."""
    for turns in range(25):
        async with shop(redis, "1000/hour") as app:
            calls = [wire(app, "GET", "/a") for _ in range(2)]
            for _ in range(turns):
                await asyncio.sleep(0)
            await app.aclose(grace=0)
            assert {await call.status() for call in calls} <= {200, 503}
        await only_the_asker_is_connected(redis)


async def test_a_stop_while_redis_hangs(redis: Redis, wire: Call, until: Until) -> None:
    """It is not waited for, and nobody is asked any more who the client is."""
    asked: list[str] = []

    async def bearer(token: str, scopes: tuple[str, ...], request: Any) -> str:
        asked.append(token)
        return token

    made = document(a=limited("3/hour", security=[{"bearer": []}]), free=limited("3/hour", "free"))
    made["components"] = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    rates = RateLimits(storage=redis.url, timeout=PATIENT)
    handlers = serve(a=hello, free=hello)
    async with App(made, handlers, rates=rates, security={"bearer": bearer}) as app:
        assert (await ask(app, "/free")).status == 200
        redis.freeze()
        call = wire(app, "GET", "/a", {"authorization": "Bearer ada"})
        await until(lambda: waiting(app))
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < PATIENT / 2
    assert await call.status() == 503
    assert asked == []
    redis.thaw()
    await only_the_asker_is_connected(redis)


async def test_a_stop_while_redis_hangs_behind_tls(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """That it does not say goodbye is logged, and the stop is a stop."""
    redis = Redis(find("redis-server"), make_certificate(tmp_path))
    redis.start()
    try:
        rates = RateLimits(storage=redis.url, timeout=1.0)
        async with App(document(a=limited("3/hour")), serve(a=hello), rates=rates) as app:
            assert (await ask(app)).status == 200
            assert not caplog.records
            redis.freeze()
    finally:
        redis.kill()
    assert "was cut off" in caplog.text


def waiting(app: App) -> bool:
    """Whether a request waits for Redis."""
    run = app._world.run
    assert run is not None
    shared = run.rate_limiter()._shared
    assert shared is not None
    return bool(shared._asking)


async def only_the_asker_is_connected(redis: Redis) -> None:
    """Redis hears of what is closed when it comes to it."""
    for _ in range(100):
        if len(await connections(redis)) == 1:
            return
    raise AssertionError(await connections(redis))


async def connections(redis: Redis) -> list[bytes]:
    """What is connected to Redis, whoever asks included."""
    reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
    writer.write(b"CLIENT LIST\r\n")
    size = int((await reader.readline())[1:])
    lines = (await reader.readexactly(size)).splitlines()
    writer.close()
    await writer.wait_closed()
    return [line for line in lines if line]


# Outages


async def test_while_redis_is_gone_each_process_counts_alone(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither open nor closed; told once when it goes, and once when it is back."""
    clock = Clock()
    async with counting(redis, clock) as limiter:
        assert await passing(limiter, 2) == [True] * 2
        redis.kill()
        assert await passing(limiter, 5) == [True] * 3 + [False] * 2
        assert [one.levelname for one in caplog.records] == ["WARNING"]
        assert "Redis does not answer" in caplog.text
        clock.now += COOL_DOWN  # it is asked again, in vain
        assert await passing(limiter, 1) == [False]
        redis.start()
        assert await passing(limiter, 1) == [False]  # not before it has cooled down
        assert len(caplog.records) == 1
        clock.now += COOL_DOWN
        assert await passing(limiter, 4) == [True] * 3 + [False]  # it has forgotten all
        assert [one.message for one in caplog.records[1:]] == ["Rates are counted in Redis again"]
        redis.kill()
        assert await passing(limiter, 1) == [False]
        assert len(caplog.records) == 3
        assert str(redis.port) not in caplog.text


async def test_a_redis_that_starts_later_is_found(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """The app starts without it."""
    redis.kill()
    clock = Clock()
    async with counting(redis, clock) as limiter:
        assert await passing(limiter, 4) == [True] * 3 + [False]
        redis.start()
        clock.now += COOL_DOWN
        assert await passing(limiter, 1) == [True]
        assert repr(limiter) == "<Limiter <Shared up>>"
    assert repr(limiter) == "<Limiter <Shared closed>>"


async def test_a_restart_between_two_requests_is_no_outage(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that is dead when it is needed is made anew."""
    async with counting(redis, Clock()) as limiter:
        assert await passing(limiter, 1) == [True]
        redis.kill()
        redis.start()
        assert await passing(limiter, 4) == [True] * 3 + [False]
    assert not caplog.records


async def test_a_redis_that_is_slow_is_not_waited_for(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Many that wait for it are let go together, also those that it was not yet asked for."""
    clock = Clock()
    async with counting(redis, clock, timeout=0.2) as limiter:
        redis.freeze()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        verdicts = await asyncio.gather(*(limiter.spend(THREE, "ada") for _ in range(500)))
        assert loop.time() - begun < 1.5  # 16 times as many as are asked at once, each 0.2
        assert sum(one.wait is None for one in verdicts) == 3
        assert len(caplog.records) == 1
        redis.thaw()
        clock.now += COOL_DOWN
        await limiter.spend(THREE, "bob")
        assert "again" in caplog.text


async def test_one_request_at_a_time_asks_again(redis: Redis) -> None:
    """The others do not wait with it for what may still be gone."""
    clock = Clock()
    async with counting(redis, clock, timeout=0.2) as limiter:
        redis.freeze()
        await limiter.spend(THREE, "ada")
        clock.now += COOL_DOWN
        probe = asyncio.create_task(limiter.spend(THREE, "ada"), name="probe")
        await asyncio.sleep(0)
        assert len(await passing(limiter, 20)) == 20
        assert not probe.done()
        await probe


async def test_after_the_stop_nothing_is_asked(redis: Redis) -> None:
    """What still comes is counted in memory; no connection is opened again."""
    async with counting(redis, Clock()) as limiter:
        assert await passing(limiter, 3) == [True] * 3
    assert await passing(limiter, 4) == [True] * 3 + [False]
    assert len(await connections(redis)) == 1


async def test_what_memory_counts_meanwhile_is_bounded(redis: Redis) -> None:
    """An outage is no way to fill it."""
    redis.kill()
    async with counting(redis, Clock(), max_clients=50) as limiter:
        for number in range(500):
            await limiter.spend(THREE, str(number))
        assert len(limiter.memory) == 50


async def test_an_answer_that_is_no_count_is_an_outage(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """A Redis that asks for a password counts nothing, and its url is not logged."""
    url = redis.url.replace("redis://", "redis://ada:secret@")
    limiter = Limiter(RateLimits(storage=url, timeout=PATIENT), Clock())
    assert await passing(limiter, 4) == [True] * 3 + [False]
    await limiter.aclose()
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("strategy", ["sliding-window", "fixed-window"])
async def test_what_is_no_redis_is_an_outage(
    strategy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Something listens there that agrees to everything: nobody gets an error for it."""

    async def agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1_000):
                writer.write(b"+OK\r\n" * data.count(b"*"))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(agree, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    limiter = Limiter(RateLimits(storage=url, strategy=strategy, timeout=PATIENT), Clock())
    assert await passing(limiter, 4) == [True] * 3 + [False]
    await limiter.aclose()
    server.close()
    await server.wait_closed()
    [record] = caplog.records
    assert record.exc_info is not None
    assert "Redis does not answer" in caplog.text


async def test_an_app_lives_through_an_outage(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Through the whole app: nobody gets an error, and a stop meanwhile is a stop."""
    monkeypatch.setattr("brrt.rates.shared.COOL_DOWN", 0.0)
    caplog.set_level(logging.WARNING, "brrt")
    async with shop(redis) as app:
        assert await statuses(app, 1) == [200]
        redis.kill()
        assert await statuses(app, 4) == [200] * 3 + [429]
        redis.start()
        assert await statuses(app, 4) == [200] * 3 + [429]
        redis.kill()
        assert await statuses(app, 1) == [429]
    assert len(caplog.records) == 3
