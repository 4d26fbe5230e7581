"""The pet store's webhooks, sent over real sockets to a receiver of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from brrt import SignatureInvalid, verify_webhook
from tests.shops import DOG, PATIENCE, problem, served, shop_at

SECRET = "0123456789abcdef"


@dataclass
class Receiver:
    """Somebody who wants to be told. It answers with `statuses`, and with 204 after those."""

    url: str
    statuses: list[int]
    came: "Queue[tuple[dict[str, str], bytes]]"

    def take(self) -> tuple[dict[str, str], bytes]:
        """The next message."""
        return self.came.get(timeout=PATIENCE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a loopback port."""
    statuses: list[int] = []
    came: Queue[tuple[dict[str, str], bytes]] = Queue()

    async def hook(request: Request) -> Response:
        came.put((dict(request.headers), await request.body()))
        return Response(status_code=statuses.pop(0) if statuses else 204)

    with served(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as url:
        yield Receiver(f"{url}/hook", statuses, came)


@pytest.fixture
def shop() -> Iterator[httpx.Client]:
    """A shop that may call this machine, and nobody else."""
    with shop_at(":memory:") as client:
        yield client


def register(shop: httpx.Client, receiver: Receiver, **members: Any) -> None:
    """Ask to be told of new pets."""
    hook = {"url": receiver.url, "events": ["pet.added"], "secret": SECRET} | members
    assert shop.post("/webhooks", json=hook).status_code == 201


def test_a_new_pet_is_told_to_who_has_registered(shop: httpx.Client, receiver: Receiver) -> None:
    """The event of the document arrives, signed with the secret that was registered."""
    register(shop, receiver)
    pet = shop.post("/pets", json=DOG).json()
    headers, body = receiver.take()
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "pet_event_1"
    assert httpx.Response(200, content=body).json() == {"id": 1, "event": "pet.added", "pet": pet}
    verify_webhook(SECRET, headers, body)
    with pytest.raises(SignatureInvalid):
        verify_webhook("another secret", headers, body)


def test_a_receiver_that_fails_is_told_again(shop: httpx.Client, receiver: Receiver) -> None:
    """Under the same id, so that it knows what it has had already."""
    receiver.statuses += [503]
    register(shop, receiver, secret=None)
    shop.post("/pets", json=DOG)
    (first, body), (second, again) = receiver.take(), receiver.take()
    assert first["webhook-id"] == second["webhook-id"]
    assert body == again
    assert "webhook-signature" not in second


def test_only_what_was_asked_for_is_told(shop: httpx.Client, receiver: Receiver) -> None:
    """Whoever wants to hear of adoptions hears nothing of new pets."""
    register(shop, receiver, events=["pet.adopted"])
    shop.post("/pets", json=DOG | {"name": "Untold"})
    assert shop.post("/webhooks", json={"url": receiver.url, "events": ["pet.added"]}).is_success
    shop.post("/pets", json=DOG | {"name": "Told"})
    assert b"Told" in receiver.take()[1]


def test_a_receiver_that_is_gone_keeps_nobody_from_being_told(
    shop: httpx.Client, receiver: Receiver
) -> None:
    """A pet is added at once, and the others are told."""
    gone = {"url": "http://127.0.0.1:9/", "events": ["pet.added"]}
    assert shop.post("/webhooks", json=gone).status_code == 201
    register(shop, receiver)
    assert shop.post("/pets", json=DOG).status_code == 201
    receiver.take()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/", "http://169.254.169.254/", "http://[::1]/", "http://10.0.0.1/"],
)
def test_what_is_not_public_is_refused(url: str) -> None:
    """A webhook is no way into the network of the shop."""
    with shop_at(":memory:", webhooks="") as shop:
        answer = shop.post("/webhooks", json={"url": url, "events": ["pet.added"]})
        assert "public" in problem(answer, 403)["detail"]
