"""The pet store's stream of events, over a real socket."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.shops import DOG, PATIENCE, announced_address, problem, shop_at

ROOT = Path(__file__).parent.parent


@pytest.fixture
def shop() -> Iterator[httpx.Client]:
    """A shop in memory where nothing has happened yet."""
    with shop_at(":memory:") as client:
        yield client


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """The events of a stream, as a browser would take it apart; comments are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, text = line.partition(":")
        if line and name:
            fields[name] = text.removeprefix(" ")
        elif not line and fields:
            yield fields
            fields = {}


def add(shop: httpx.Client, name: str) -> dict[str, Any]:
    """Add a pet."""
    response = shop.post("/pets", json=DOG | {"name": name})
    assert response.status_code == 201
    pet: dict[str, Any] = response.json()
    return pet


def test_the_stream_shows_pets_being_added(shop: httpx.Client) -> None:
    """Each pet is an event with a name, a number and the pet itself, sent when it is added."""
    add(shop, "Before")
    with shop.stream("GET", "/events") as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        told = events(stream.iter_lines())
        for number, name in enumerate(("Ann", "Ben"), start=2):
            pet = add(shop, name)
            event = next(told)
            assert (event["event"], event["id"]) == ("pet.added", str(number))
            data = json.loads(event["data"])
            assert data == {"id": number, "event": "pet.added", "pet": pet}


def test_the_stream_is_taken_up_where_it_ended(shop: httpx.Client) -> None:
    """A client that comes back is told what it has missed, in order, and nothing twice."""
    names = [add(shop, name)["name"] for name in ("Ann", "Ben", "Cleo")]
    for seen in range(3):
        headers = {"Last-Event-ID": str(seen)}
        with shop.stream("GET", "/events", headers=headers) as stream:
            told = events(stream.iter_lines())
            rest = [json.loads(next(told)["data"])["pet"]["name"] for _ in names[seen:]]
            assert rest == names[seen:]


@pytest.mark.parametrize("wrong", ["x", "-1", "1.5", ""])
def test_a_place_that_is_none_is_refused(shop: httpx.Client, wrong: str) -> None:
    """What is no number of an event is an invalid parameter like any other."""
    problem(shop.get("/events", headers={"Last-Event-ID": wrong}), 400)


def test_two_shops_at_one_file_tell_of_each_other(tmp_path: Path) -> None:
    """With several processes a stream tells also what another one has added."""
    path = str(tmp_path / "shop.db")
    with shop_at(path) as one, shop_at(path) as other, one.stream("GET", "/events") as stream:
        add(other, "Ann")
        assert json.loads(next(events(stream.iter_lines()))["data"])["pet"]["name"] == "Ann"


def test_curl_sees_an_event_at_once_and_the_end_when_the_server_stops(tmp_path: Path) -> None:
    """`curl -N` shows a pet while it is added; SIGTERM ends the stream cleanly, with a hint."""
    command = [str(Path(sys.executable).with_name("brrt")), "run", "examples.pet_store:app"]
    with subprocess.Popen(
        [*command, "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"PET_STORE_DATABASE": str(tmp_path / "shop.db")},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            address = announced_address(server)
            curl = ["curl", "-sSN", "--max-time", "20", "-D", "-", f"{address}/events"]
            with subprocess.Popen(curl, stdout=subprocess.PIPE, text=True) as client:
                assert client.stdout is not None
                assert client.stdout.readline().startswith("HTTP/1.1 200")
                while client.stdout.readline().strip():
                    """The headers."""
                with httpx.Client(base_url=address) as shop:
                    add(shop, "Ann")
                told = events(line.rstrip("\n") for line in client.stdout)
                assert json.loads(next(told)["data"])["pet"]["name"] == "Ann"
                server.send_signal(signal.SIGTERM)
                (hint,) = told
                assert 1_000 <= int(hint["retry"]) <= 2_000
            assert client.returncode == 0  # 18 would be a transfer that was cut
            _, rest = server.communicate(timeout=PATIENCE)
        finally:
            server.kill()
    assert "Traceback" not in rest
