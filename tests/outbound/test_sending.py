"""A message arrives as the document says, once, signed; or it is said why not."""

import asyncio
import json
import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest
from standardwebhooks import Webhook
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from brrt.errors import DeliveryFailed, LifecycleError, OutgoingError, PayloadInvalid
from brrt.outbound.sender import Delivery, Sender
from brrt.outbound.settings import Outbound
from brrt.outbound.signatures import verify_webhook
from tests.outbound.conftest import LOOPBACK, SECRET, Clock, Listen, Make, Serve, body, document

GOOD: dict[str, Any] = {"id": 7, "event": "added"}


# What arrives


async def test_a_message_arrives_signed_and_as_json(listen: Listen, make: Make) -> None:
    """The reference implementation of Standard Webhooks takes it; so does our own check."""
    receiver = await listen(204)
    delivery = await make().send("onEvent", GOOD, url=receiver.url, secret=SECRET)
    assert delivery == Delivery(204, 1, delivery.id, 0.0)
    (heard,) = receiver.heard
    assert (heard.method, heard.target) == ("POST", "/hook")
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["webhook-id"] == delivery.id
    assert Webhook(SECRET).verify(heard.body, dict(heard.headers)) == GOOD
    verify_webhook(SECRET, heard.headers, heard.body)


async def test_without_a_secret_there_is_no_signature(listen: Listen, make: Make) -> None:
    """Id and time are there all the same."""
    receiver = await listen()
    await make().send("onEvent", GOOD, url=receiver.url, id="msg_1")
    headers = receiver.heard[0].headers
    assert headers["webhook-id"] == "msg_1"
    assert "webhook-timestamp" in headers
    assert "webhook-signature" not in headers


async def test_several_secrets_give_several_signatures(listen: Listen, make: Make) -> None:
    """While a secret is being changed, either one fits."""
    receiver = await listen()
    await make().send("onEvent", GOOD, url=receiver.url, secret=[SECRET, "old one"])
    heard = receiver.heard[0]
    for secret in (SECRET, b"old one"):
        Webhook(secret).verify(heard.body, dict(heard.headers))
        verify_webhook(secret, heard.headers, heard.body)


@dataclass
class Plain:
    """An event as a dataclass."""

    id: int
    event: str


class Struct(msgspec.Struct):
    """An event as a struct."""

    id: int
    event: str


class Model(pydantic.BaseModel):
    """An event as a model."""

    id: int
    event: str


@pytest.mark.parametrize("kind", [dict, Plain, Struct, Model])
async def test_payloads_are_what_handlers_return(listen: Listen, make: Make, kind: Any) -> None:
    """Dicts, dataclasses, structs and pydantic models are the same on the wire."""
    receiver = await listen()
    await make().send("on_event", kind(id=7, event="added"), url=receiver.url)
    assert json.loads(receiver.heard[0].body) == GOOD


async def test_a_decimal_is_what_the_schema_wants(listen: Listen, make: Make) -> None:
    """A number, or a text where the schema knows no number."""
    receiver = await listen()
    made = document(paid={"operationId": "paid", "requestBody": body({"type": "string"})})
    sender = make(made)
    await sender.send("onEvent", GOOD | {"price": Decimal("1.50")}, url=receiver.url)
    await sender.send("paid", Decimal("1.50"), url=receiver.url)
    assert [one.body for one in receiver.heard] == [
        b'{"id":7,"event":"added","price":1.50}',
        b'"1.50"',
    ]


async def test_connections_are_used_again(listen: Listen, make: Make) -> None:
    """A second message does not open a second connection."""
    receiver = await listen()
    sender = make()
    for _ in range(3):
        await sender.send("onEvent", GOOD, url=receiver.url)
    assert "0 busy, 1 idle" in repr(sender)


async def test_parameters_of_the_document_are_sent(listen: Listen, make: Make) -> None:
    """Headers and queries, beside what the url has already; wrong ones are told, all of them."""
    told: dict[str, Any] = {
        "operationId": "told",
        "parameters": [
            {"name": "X-Shop", "in": "header", "required": True, "schema": {"type": "string"}},
            {"name": "tags", "in": "query", "schema": {"type": "array"}},
            {"name": "n", "in": "query", "schema": {"type": "integer"}},
        ],
    }
    receiver = await listen()
    sender = make(document(told=told))
    values = {"X-Shop": "main", "tags": ["a b", "c&d"], "n": 3}
    await sender.send("told", url=receiver.url + "?key=1#top", parameters=values)
    (heard,) = receiver.heard
    assert heard.target == "/hook?key=1&tags=a%20b&tags=c%26d&n=3"
    assert heard.headers["x-shop"] == "main"
    assert heard.body == b""
    with pytest.raises(PayloadInvalid) as caught:
        await sender.send("told", url=receiver.url, parameters={"n": "x", "m": 1})
    assert len(caught.value.violations) == 3
    for text in ("a\r\nb: c", "a\n", " a", "a\t", "a\0", "\u00e9", "a\x0bb"):
        with pytest.raises(OutgoingError, match="not one that HTTP can carry"):
            await sender.send("told", url=receiver.url, parameters={"X-Shop": text})
    assert len(receiver.heard) == 1


async def test_headers_of_the_senders_own_cannot_be_replaced(make: Make) -> None:
    """Nobody frames the message otherwise, or forges a signature."""
    for name in ("Host", "Content-Length", "Transfer-Encoding", "Webhook-Signature"):
        with pytest.raises(OutgoingError, match="written by brrt"):
            await make().send("onEvent", GOOD, url="http://127.0.0.1:1", headers={name: "x"})


async def test_a_document_may_demand_a_signature(listen: Listen, make: Make) -> None:
    """A required `webhook-signature` is no parameter to be given: the secret makes it."""
    signed = {
        "operationId": "signed",
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in ("webhook-id", "Webhook-Signature")
        ],
    }
    receiver = await listen()
    sender = make(document(signed=signed))
    with pytest.raises(OutgoingError, match="give its secret"):
        await sender.send("signed", url=receiver.url)
    await sender.send("signed", url=receiver.url, secret="s")
    assert len(receiver.heard) == 1


# What is refused before anything is sent


async def test_all_violations_are_told_and_nothing_is_sent(listen: Listen, make: Make) -> None:
    """A payload that breaks the document never leaves; the error lists everything."""
    receiver = await listen()
    payload = {"event": "sold", "name": "x" * 11, "more": 1}
    with pytest.raises(PayloadInvalid, match="onEvent was not sent") as caught:
        await make().send("onEvent", payload, url=receiver.url)
    told = "\n".join(caught.value.violations)
    assert all(word in told for word in ("id", "body/event", "body/name", "more"))
    assert receiver.heard == []


async def test_a_write_only_member_never_leaves(listen: Listen, make: Make) -> None:
    """And its value stands in no message; the id, which is read-only, is ours to send."""
    with pytest.raises(PayloadInvalid) as caught:
        await make().send("onEvent", GOOD | {"password": "hunter2"}, url="http://127.0.0.1:1")
    assert "password" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), Decimal("Infinity"), object(), {1, 2} | {object()}])
async def test_what_is_no_json_is_refused(make: Make, value: Any) -> None:
    """NaN is not `null`, and not everything is data."""
    with pytest.raises(PayloadInvalid, match="not JSON"):
        await make().send("onEvent", GOOD | {"price": value}, url="http://127.0.0.1:1")


async def test_only_json_is_sent(make: Make) -> None:
    """Another media type is refused in clear words, as is a payload where none is declared."""
    text = {"operationId": "text", "requestBody": body({}, "text/plain")}
    sender = make(document(text=text, none={"operationId": "none"}))
    with pytest.raises(OutgoingError, match="declares text/plain"):
        await sender.send("text", "x", url="http://127.0.0.1:1")
    with pytest.raises(PayloadInvalid, match="takes no payload"):
        await sender.send("none", "x", url="http://127.0.0.1:1")


async def test_a_payload_has_a_limit(make: Make) -> None:
    """A message that is too long is not sent."""
    free = {"operationId": "free", "requestBody": body({})}
    with pytest.raises(OutgoingError, match="longer than 10 bytes"):
        await make(document(free=free), max_payload=10).send("free", "x" * 9, url="http://x.test")


async def test_names_that_mean_nothing_have_near_ones(make: Make) -> None:
    """The error guesses what was meant."""
    with pytest.raises(OutgoingError, match=r"did you mean onEvent"):
        await make().send("onEvnt", GOOD, url="http://127.0.0.1:1")


@pytest.mark.parametrize("id", ["", "a.b", "a b", "x" * 129])
async def test_an_id_is_a_word(make: Make, id: str) -> None:
    """No full stop, which would make a signature mean two messages."""
    with pytest.raises(OutgoingError, match="an id is"):
        await make().send("onEvent", GOOD, url="http://127.0.0.1:1", id=id)


# When it is sent again


async def test_what_is_not_taken_is_sent_again(listen: Listen, make: Make, clock: Clock) -> None:
    """503 twice, then 200: three attempts with one id, after waits that double."""
    receiver = await listen(503, 503, 200)
    delivery = await make().send("onEvent", GOOD, url=receiver.url, secret=SECRET)
    assert (delivery.status, delivery.attempts, delivery.seconds) == (200, 3, 0.75)
    assert {one.headers["webhook-id"] for one in receiver.heard} == {delivery.id}
    for heard in receiver.heard:
        Webhook(SECRET).verify(heard.body, dict(heard.headers))
    assert clock.waits == [0.25, 0.5]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 599])
async def test_statuses_that_pass_are_tried_again(
    listen: Listen, make: Make, status: int
) -> None:
    """Another attempt may have another answer."""
    receiver = await listen(status, 202)
    assert (await make().send("onEvent", GOOD, url=receiver.url)).attempts == 2


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
async def test_other_statuses_are_final(
    listen: Listen, make: Make, clock: Clock, status: int
) -> None:
    """Who says 410 is not asked again."""
    receiver = await listen(status)
    with pytest.raises(DeliveryFailed, match=f"1 attempt: it answered {status}") as caught:
        await make().send("onEvent", GOOD, url=receiver.url)
    failed = caught.value
    assert (failed.status, failed.attempts, failed.host) == (status, 1, "127.0.0.1")
    assert (len(receiver.heard), clock.waits) == (1, [])


async def test_attempts_have_an_end(
    listen: Listen, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """After the last one it is an error, and one warning, which tell no secret of anybody."""
    caplog.set_level(logging.INFO, "brrt.outbound")
    receiver = await listen(500)
    with pytest.raises(DeliveryFailed, match="5 attempts") as caught:
        await make().send("onEvent", GOOD, url=receiver.url + "?token=T0K", secret="hush")
    assert len(receiver.heard) == 5
    ours = [one for one in caplog.records if one.name == "brrt.outbound"]
    assert [one.levelname for one in ours] == ["INFO"] * 4 + ["WARNING"]
    for text in (str(caught.value), *(one.getMessage() for one in ours)):
        assert not any(word in text for word in ("T0K", "hush", "added", "/hook"))


@pytest.mark.parametrize(
    ("text", "wait"), [("7", 7.0), ("3600", 30.0), ("0", 0.25), ("soon", 0.25), ("-1", 0.25)]
)
async def test_retry_after_is_honoured_within_bounds(
    listen: Listen, make: Make, clock: Clock, text: str, wait: float
) -> None:
    """Not before the receiver asks for, but never later than `max_backoff`."""
    receiver = await listen(Response(status_code=429, headers={"retry-after": text}), 200)
    await make().send("onEvent", GOOD, url=receiver.url)
    assert clock.waits == [wait]


async def test_a_redirect_is_not_followed(listen: Listen, make: Make) -> None:
    """It is final: where it leads, nobody has checked."""
    other = await listen(200)
    receiver = await listen(RedirectResponse(other.url))
    with pytest.raises(DeliveryFailed, match="redirects are not followed"):
        await make().send("onEvent", GOOD, url=receiver.url)
    assert other.heard == []


async def test_a_redirect_that_is_declared_is_an_answer(listen: Listen, make: Make) -> None:
    """A 3xx in the document means: taken."""
    hook: dict[str, Any] = {"operationId": "seen", "responses": {"303": {"description": "seen"}}}
    receiver = await listen(RedirectResponse("/elsewhere", 303))
    assert (await make(document(seen=hook)).send("seen", url=receiver.url)).status == 303


async def test_nobody_there_is_tried_again(listen: Listen, make: Make) -> None:
    """A refused connection may be a restart."""
    with pytest.raises(DeliveryFailed, match="could not be reached") as caught:
        await make(attempts=2).send("onEvent", GOOD, url="http://127.0.0.1:9")
    assert (caught.value.status, caught.value.attempts) == (None, 2)


# Receivers that are no good


async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hang up without an answer."""
    await reader.read(1)


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    while await reader.read(1000):
        pass


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer something else."""
    await reader.read(1)
    writer.write(b"SSH-2.0-the secret banner of somebody\r\n\r\n")
    await writer.drain()
    await reader.read()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(drop, "hung up"), (stay_silent, "no answer within 0.1 s"), (babble, "is no HTTP")],
)
async def test_an_attempt_without_an_answer_is_a_failure(
    serve: Serve, make: Make, answer: Any, reason: str
) -> None:
    """It is said what happened, but not what was read: that may be anybody's secret."""
    url = await serve(answer)
    with pytest.raises(DeliveryFailed, match=reason) as caught:
        await make(attempts=2, timeout=0.1).send("onEvent", GOOD, url=url)
    assert "banner" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.attempts == 2


def endless(head: bytes, piece: bytes, read: list[int]) -> Any:
    """Answer with something that has no end; `read` counts the bytes that were taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            read.append(len(piece))

    return answer


async def test_an_endless_answer_is_cut(serve: Serve, make: Make) -> None:
    """The status counts, and not more than `max_response` is read of the rest."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    url = await serve(endless(head, b"400\r\n" + b"x" * 1024 + b"\r\n", []))
    sender = make(max_response=5_000)
    assert (await sender.send("onEvent", GOOD, url=url)).attempts == 1
    assert "0 busy, 0 idle" in repr(sender)


@pytest.mark.parametrize(
    ("head", "piece"),
    [(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), (b"", b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n")],
)
async def test_endless_headers_are_cut(
    serve: Serve, make: Make, head: bytes, piece: bytes
) -> None:
    """Without a status it is a failure; informational answers without end are none."""
    url = await serve(endless(head, piece, []))
    with pytest.raises(DeliveryFailed, match="longer than 5,000 bytes"):
        await make(max_response=5_000, attempts=1).send("onEvent", GOOD, url=url)


async def test_the_allowance_is_for_each_answer(listen: Listen, make: Make) -> None:
    """A connection that is used again does not run out of it."""
    receiver = await listen(PlainTextResponse("x" * 3_000))
    sender = make(max_response=5_000)
    for _ in range(4):
        await sender.send("onEvent", GOOD, url=receiver.url)
    assert "1 idle" in repr(sender)


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer, but never finish."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")
    while await reader.read(1000):
        pass


async def test_an_answer_that_does_not_end_is_an_answer(serve: Serve, make: Make) -> None:
    """A message that was taken is not sent a second time since the rest is late."""
    url = await serve(drip)
    delivery = await make(timeout=0.2).send("onEvent", GOOD, url=url)
    assert (delivery.status, delivery.attempts) == (200, 1)


# Ending


async def test_a_cancelled_send_leaves_nothing_open(serve: Serve, make: Make, until: Any) -> None:
    """Wherever it is cut, the connection is closed and its place is free."""
    gone = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        while await reader.read(1000):
            pass
        gone.set()

    heard = asyncio.Event()
    url = await serve(wait)
    sender = make(connections=1)
    task = asyncio.create_task(sender.send("onEvent", GOOD, url=url))
    await heard.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await asyncio.wait_for(gone.wait(), 5)
    assert "0 busy, 0 idle" in repr(sender)


@pytest.mark.parametrize("warm", [False, True])
async def test_a_send_can_be_cut_anywhere(
    listen: Listen, make: Make, cut: Any, warm: bool
) -> None:
    """After any number of turns: no place is lost, and the next message goes through."""
    receiver = await listen()
    sender = make(connections=1)
    turns = 0
    if warm:
        await sender.send("onEvent", GOOD, url=receiver.url)
    while await cut(lambda: sender.send("onEvent", GOOD, url=receiver.url), turns):
        assert " 0 busy" in repr(sender) or "not used" in repr(sender)
        turns += 1
        if warm:
            await sender.send("onEvent", GOOD, url=receiver.url)
    assert turns > 3
    await sender.send("onEvent", GOOD, url=receiver.url)


async def test_more_messages_than_connections_wait_their_turn(
    listen: Listen, make: Make
) -> None:
    """Their time runs only when they are under way."""
    receiver = await listen()
    sender = make(connections=2)
    sends = (sender.send("onEvent", GOOD, url=receiver.url) for _ in range(20))
    found = await asyncio.gather(*sends)
    assert {one.attempts for one in found} == {1}
    assert "2 idle" in repr(sender)


async def test_a_closed_sender_sends_nothing(listen: Listen, make: Make) -> None:
    """It says so, and closing it again does nothing."""
    receiver = await listen()
    sender = make()
    await sender.send("onEvent", GOOD, url=receiver.url)
    await sender.aclose()
    await sender.aclose()
    with pytest.raises(LifecycleError, match="closed"):
        await sender.send("onEvent", GOOD, url=receiver.url)


def test_a_sender_belongs_to_one_loop() -> None:
    """Connections of another loop are not used."""
    sender = Sender.load(document(), Outbound(attempts=1, allow=LOOPBACK))
    with pytest.raises(DeliveryFailed):
        asyncio.run(sender.send("onEvent", GOOD, url="http://127.0.0.1:9"))
    with pytest.raises(LifecycleError, match="another event loop"):
        asyncio.run(sender.send("onEvent", GOOD, url="http://127.0.0.1:9"))
    asyncio.run(sender.aclose())
