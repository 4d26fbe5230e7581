"""The pet store: its document, its store, and every operation over a real socket."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import httpx
import openapi_spec_validator
import pytest
import yaml
from jsonschema_rs import validator_for

from examples.pet_store import database
from examples.pet_store.app import DOCUMENT, build
from examples.pet_store.database import open_database
from examples.pet_store.models import Cat, Dog, NewItem, NewPet, NewWebhook
from examples.pet_store.schema import MIGRATIONS, SEED
from examples.pet_store.store import ChipTaken, Store, open_store
from tests.shops import DOG, PATIENCE, announced_address, problem, shop_at

ROOT = Path(__file__).parent.parent
METHODS = {"get", "put", "post", "delete", "head", "options"}

LEASH = "0b9f3a52-6f0e-4c8e-9d8a-3c1f5b7e2a10"
FILES = "5d1f3c1e-8a44-4a0e-b6cb-0f7f0f6f1c0"


@pytest.fixture(scope="module")
def shop() -> Iterator[httpx.Client]:
    """One shop in memory for all tests of this file; a test changes only what it added."""
    with shop_at(":memory:") as client:
        yield client


def violations(response: httpx.Response) -> set[tuple[str, str]]:
    """The places (in, name) of everything that a 400 complains about."""
    errors = problem(response, 400)["errors"]
    assert all(error["message"] for error in errors)
    return {(error["in"], error.get("name") or "") for error in errors}


def document() -> dict[str, Any]:
    """The document, as any YAML parser sees it."""
    value: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    return value


# The document.


def test_the_document_follows_the_specification() -> None:
    """openapi-spec-validator, an independent judge, finds nothing wrong."""
    openapi_spec_validator.validate(document())


def test_the_document_has_22_operations() -> None:
    """The store covers as many operations as its ancestor, each with an id, a tag and words."""
    operations = [
        operation
        for path in document()["paths"].values()
        for method, operation in path.items()
        if method in METHODS
    ]
    assert len({operation["operationId"] for operation in operations}) == 22
    assert all(operation["tags"] and operation["summary"] for operation in operations)


def test_every_example_and_default_fits_its_schema() -> None:
    """What the document shows as good is good, formats included."""
    whole = document()
    checked = 0
    for schema, value in samples(whole):
        root = {"$defs": {"sample": schema}, "components": whole["components"]}
        validator = validator_for(root | {"$ref": "#/$defs/sample"}, validate_formats=True)
        faults = [fault.message for fault in validator.iter_errors(value)]
        assert not faults, (schema, value, faults)
        checked += 1
    assert checked > 50


def samples(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each (schema, value) that stands anywhere in a document."""
    if isinstance(node, list):
        for part in cast("Sequence[Any]", node):
            yield from samples(part)
    elif isinstance(node, dict):
        whole = cast("dict[str, Any]", node)
        yield from own_samples(whole)
        for key in whole.keys() - {"example", "default"}:
            yield from samples(whole[key])


def own_samples(node: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """The samples that one object of the document gives by itself."""
    schema = node.get("schema", node)
    if "default" in node and ("type" in node or "$ref" in node):
        yield node, node["default"]
    if "example" in node:
        yield schema, node["example"]
    if isinstance(node.get("examples"), list):
        yield from ((node, value) for value in node["examples"])
    if isinstance(node.get("examples"), dict):
        yield from ((schema, named["value"]) for named in node["examples"].values())


# The store.


@pytest.mark.asyncio
async def test_a_new_store_is_seeded_once(tmp_path: Path) -> None:
    """The seed comes with the tables; what is changed afterwards stays changed."""
    path = str(tmp_path / "shop.db")
    async with open_store(path) as store:
        assert await store.post(1, 1)
        assert await store.delete_user(1)
        assert not await store.delete_user(1)
        assert not await store.post(1, 1)
    async with open_store(path) as store:
        users, total = await store.users(10, 0)
    assert [user.name for user in users] == ["Grace", "Alan"]
    assert total == 2


@pytest.mark.asyncio
async def test_a_file_is_in_wal_mode(tmp_path: Path) -> None:
    """Readers in other processes do not wait for a writer."""
    path = tmp_path / "shop.db"
    async with open_store(str(path)):
        reader = sqlite3.connect(path)
        (mode,) = reader.execute("PRAGMA journal_mode").fetchone()
        reader.close()
    assert mode == "wal"


@pytest.mark.asyncio
async def test_a_migration_runs_once_and_keeps_what_is_there(tmp_path: Path) -> None:
    """A newer release takes an older file over; an older release refuses a newer file."""
    path = str(tmp_path / "shop.db")
    async with open_database(path, [["CREATE TABLE a (x)"]], ["INSERT INTO a VALUES (1)"]):
        pass
    steps = [["not run again"], ["ALTER TABLE a ADD y DEFAULT 2"]]
    async with open_database(path, steps, ["not run again"]) as opened:
        assert [tuple(row) for row in await opened.query("SELECT * FROM a")] == [(1, 2)]
    with pytest.raises(sqlite3.DatabaseError, match="version 2, this release knows 1"):
        async with open_database(path, steps[:1], []):
            pytest.fail("it must not open")  # pragma: no cover


@pytest.mark.asyncio
async def test_a_broken_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    """All steps are one transaction."""
    path = str(tmp_path / "shop.db")
    with pytest.raises(sqlite3.OperationalError):
        async with open_database(path, [["CREATE TABLE a (x)"], ["nonsense"]], []):
            pytest.fail("it must not open")  # pragma: no cover
    async with open_database(path, [["CREATE TABLE a (x)"]], []) as opened:
        assert await opened.query("SELECT * FROM a") == []


@pytest.mark.asyncio
async def test_a_failed_transaction_is_undone() -> None:
    """Nothing of a transaction that raises is kept, and the next one works."""

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM pets")
        raise KeyError("oops")

    async with open_database(":memory:", MIGRATIONS, SEED) as opened:
        with pytest.raises(KeyError):
            await opened.write(fail)
        (row,) = await opened.query("SELECT count(*) AS pets FROM pets")
    assert row["pets"] == 5


@pytest.mark.asyncio
async def test_a_cancelled_caller_leaves_no_transaction_open() -> None:
    """What runs when its caller is cancelled ends in the thread; what waits is never run."""
    entered, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE pets SET name = 'Tiger' WHERE id = 1")
        loop.call_soon_threadsafe(entered.set)
        assert release.wait(PATIENCE)

    def never(connection: sqlite3.Connection) -> None:
        raise AssertionError("this was cancelled before its turn")  # pragma: no cover

    async with open_database(":memory:", MIGRATIONS, SEED) as opened:
        running = asyncio.create_task(opened.write(slow))
        await entered.wait()  # the loop goes on while the thread is busy
        waiting = asyncio.create_task(opened.write(never))
        reading = asyncio.create_task(opened.query("SELECT name FROM pets WHERE id = 1"))
        await asyncio.sleep(0)
        for task in (running, waiting):
            task.cancel()
        await asyncio.wait([running, waiting])
        assert running.cancelled()
        assert waiting.cancelled()
        assert not reading.done()
        release.set()
        assert [row["name"] for row in await reading] == ["Tiger"]
        assert not await opened.read(lambda connection: connection.total_changes == 0)


@pytest.mark.asyncio
async def test_two_stores_share_a_file(tmp_path: Path) -> None:
    """Two processes may open one new file at once, and both write to it."""
    path = str(tmp_path / "shop.db")

    async def add(name: str) -> None:
        async with open_store(path) as store:
            for _ in range(20):
                await store.add_pet(NewPet(name=name, animal=Cat()))

    await asyncio.gather(add("Castor"), add("Pollux"))
    async with open_store(path) as store:
        pets = await store.pets(100, 5, [])
    assert sorted(pet.name for pet in pets) == ["Castor"] * 20 + ["Pollux"] * 20


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another process in the middle of reading a new file, and a store with little patience."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.001)
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM sqlite_master")
    yield connection
    connection.close()


@pytest.mark.asyncio
async def test_opening_waits_for_another_process(
    tmp_path: Path, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file that is busy at first is opened as soon as it is free."""
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        reader.execute("ROLLBACK")

    monkeypatch.setattr(database, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=sleep))
    async with open_store(str(tmp_path / "shop.db")) as store:
        assert await store.pet(1)
    assert len(sleeps) == 1


@pytest.mark.asyncio
async def test_opening_does_not_wait_for_ever(tmp_path: Path, reader: sqlite3.Connection) -> None:
    """A new file that stays busy is an error that names it."""
    assert reader.in_transaction
    with pytest.raises(sqlite3.OperationalError, match=r"shop\.db is locked"):
        async with open_store(str(tmp_path / "shop.db")):
            pytest.fail("it must not open")  # pragma: no cover


@pytest.mark.asyncio
async def test_what_waiting_would_not_cure_is_raised_at_once(tmp_path: Path) -> None:
    """A file that is no database, and a journal that cannot be written."""
    text = tmp_path / "list.txt"
    text.write_text("This is a shopping list. " * 100)
    (tmp_path / "shop.db-journal").mkdir()
    for path, message in ((text, "not a database"), (tmp_path / "shop.db", "unable to open")):
        with pytest.raises(sqlite3.DatabaseError, match=message):
            async with open_store(str(path)):
                pytest.fail("it must not open")  # pragma: no cover


@pytest.mark.asyncio
async def test_what_is_put_in_comes_out_again() -> None:
    """Animals, tags, text of all sorts and dates survive the way through the tables."""
    new = NewPet(name="Zoë\0 'x'; --", animal=Dog(breed="poodle"), chip="1" * 15, tags=["a", "b"])
    async with open_store(":memory:") as store:
        pet = (await store.add_pet(new)).pet
        assert await store.pet(pet.id) == pet
        assert (pet.name, pet.animal, pet.tags) == (new.name, new.animal, new.tags)
        with pytest.raises(ChipTaken, match="1" * 15):
            await store.add_pet(new)
        item, is_new = await store.put_item(uuid4(), NewItem(name="Ball", quantity=1))
        assert is_new
        assert await store.item(item.id) == item


@pytest.mark.asyncio
async def test_a_webhook_registered_again_is_changed() -> None:
    """One url is one row, with the events and the secret of the last registration."""
    first = NewWebhook(url="https://example.com", events=["pet.added"], secret="x" * 16)
    second = NewWebhook(url="https://example.com", events=["pet.adopted"], secret="y" * 16)
    async with open_database(":memory:", MIGRATIONS, SEED) as opened:
        for hook in (first, second):
            await Store(opened).register_webhook(hook)
        rows = await opened.query("SELECT url, events, secret FROM webhooks")
    assert [tuple(row) for row in rows] == [(second.url, '["pet.adopted"]', second.secret)]


# The operations.


def test_list_pets(shop: httpx.Client) -> None:
    """Pages and tags choose; the default of `limit` is the document's."""
    first = shop.get("/pets", params={"limit": 2}).json()
    assert [pet["name"] for pet in first] == ["Minka", "Rex"]
    second = shop.get("/pets", params={"limit": 2, "offset": 2}).json()
    assert [pet["name"] for pet in second] == ["Luna", "Bello"]
    both = shop.get("/pets", params={"tags": ["calm", "friendly"]}).json()
    assert [pet["name"] for pet in both] == ["Bello"]
    assert len(shop.get("/pets").json()) >= 5
    assert shop.get("/pets", params={"offset": 1000000}).json() == []


def test_list_pets_names_all_violations(shop: httpx.Client) -> None:
    """One answer tells everything that is wrong."""
    response = shop.get("/pets", params={"limit": 1000, "offset": "x", "tags": ["calm", "NO"]})
    assert violations(response) == {("query", "limit"), ("query", "offset"), ("query", "tags")}


def test_add_pet(shop: httpx.Client) -> None:
    """201, the pet with its defaults, and a Location that leads to it."""
    response = shop.post("/pets", json=DOG)
    assert response.status_code == 201
    pet = response.json()
    assert pet == {
        "id": pet["id"],
        "name": "Rex",
        "animal": {"kind": "dog", "breed": "terrier", "trained": False},
        "age": None,
        "color": "brown",
        "chip": None,
        "tags": [],
    }
    assert shop.get(response.headers["location"]).json() == pet


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 51},
        {"age": -3},
        {"color": "green"},
        {"chip": "12"},
        {"tags": ["a", "a"]},
        {"animal": {"kind": "cat", "breed": "terrier"}},
        {"animal": {"kind": "dog"}},
        {"animal": {"kind": "hamster"}},
        {"surprise": 1},
        {"id": 7},
    ],
    ids=str,
)
def test_add_pet_refuses_what_breaks_the_document(
    shop: httpx.Client, change: dict[str, Any]
) -> None:
    """Every constraint of the schema holds, and the complaint is about the body."""
    assert {place for place, _ in violations(shop.post("/pets", json=DOG | change))} == {"body"}


def test_add_pet_without_a_good_body(shop: httpx.Client) -> None:
    """Missing and unreadable bodies are 400, another media type is 415, too much is 413."""
    json_type = {"Content-Type": "application/json"}
    problem(shop.post("/pets"), 400)
    problem(shop.post("/pets", content=b"{", headers=json_type), 400)
    problem(shop.post("/pets", content=b"x", headers={"Content-Type": "text/plain"}), 415)
    problem(shop.post("/pets", json={"name": "x" * 2_000_000}), 413)


def test_add_pet_twice_with_one_chip(shop: httpx.Client) -> None:
    """An exception of the store becomes the 409 that app.py maps it to."""
    chipped = DOG | {"chip": "276098100000099"}
    assert shop.post("/pets", json=chipped).status_code == 201
    assert "276098100000099" in problem(shop.post("/pets", json=chipped), 409)["detail"]


def test_get_pet(shop: httpx.Client) -> None:
    """The pet; 404 for an unknown id, 400 for something that is not an id."""
    pet = shop.get("/pets/1").json()
    assert (pet["id"], pet["name"], pet["animal"]["kind"]) == (1, "Minka", "cat")
    assert problem(shop.get("/pets/4711"), 404)["detail"] == "no pet 4711"
    assert violations(shop.get("/pets/minka")) == {("path", "id")}
    assert violations(shop.get("/pets/0")) == {("path", "id")}


def test_list_users(shop: httpx.Client) -> None:
    """Following `next` meets every user once."""
    page = shop.get("/users?limit=1").json()
    pages = [[user["name"] for user in page["users"]]]
    while page["next"]:
        page = shop.get(page["next"]).json()
        pages.append([user["name"] for user in page["users"]])
    assert pages[:2] == [["Ada"], ["Grace"]]
    assert len(pages) == page["total"]
    assert violations(shop.get("/users?limit=0")) == {("query", "limit")}


def test_get_user(shop: httpx.Client) -> None:
    """The user, whose telephone may be null."""
    assert shop.get("/users/1").json() == {
        "id": 1,
        "name": "Ada",
        "email": "ada@example.com",
        "phone": "+4420946000",
        "joined": "2024-02-29",
    }
    assert shop.get("/users/2").json()["phone"] is None
    problem(shop.get("/users/4711"), 404)
    assert violations(shop.get("/users/ada")) == {("path", "userId")}


def test_delete_user(shop: httpx.Client) -> None:
    """204 and gone; the second time there is nothing to delete."""
    assert shop.head("/users/3").headers["x-post-count"] == "0"
    response = shop.delete("/users/3")
    assert (response.status_code, response.content) == (204, b"")
    problem(shop.delete("/users/3"), 404)
    problem(shop.get("/users/3"), 404)
    problem(shop.get("/users/3/posts"), 404)
    assert violations(shop.delete("/users/-1")) == {("path", "userId")}


def test_head_user(shop: httpx.Client) -> None:
    """The declared HEAD answers with a header that GET does not have; never with a body."""
    response = shop.head("/users/1")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["x-post-count"] == "2"
    assert "x-post-count" not in shop.get("/users/1").headers
    for path, status in (("/users/4711", 404), ("/users/ada", 400)):
        response = shop.head(path)
        assert (response.status_code, response.content) == (status, b"")


def test_options_user(shop: httpx.Client) -> None:
    """The declared OPTIONS answers, and checks its parameters like any operation."""
    response = shop.options("/users/1")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, DELETE, HEAD, OPTIONS"
    assert violations(shop.options("/users/ada")) == {("path", "userId")}


def test_list_user_posts(shop: httpx.Client) -> None:
    """The posts of one user, page by page; 404 without the user."""
    assert [post["title"] for post in shop.get("/users/1/posts").json()] == ["On cats", "On dogs"]
    second = shop.get("/users/1/posts", params={"limit": 1, "offset": 1}).json()
    assert [post["title"] for post in second] == ["On dogs"]
    problem(shop.get("/users/4711/posts"), 404)
    response = shop.get("/users/x/posts?limit=x")
    assert violations(response) == {("path", "userId"), ("query", "limit")}


def test_get_post(shop: httpx.Client) -> None:
    """Both ids must fit together."""
    assert shop.get("/users/1/posts/2").json() == {
        "id": 2,
        "userId": 1,
        "title": "On dogs",
        "text": "They never sleep enough.",
        "written": "2024-03-02T09:30:00Z",
    }
    problem(shop.get("/users/2/posts/2"), 404)
    assert violations(shop.get("/users/x/posts/y")) == {("path", "userId"), ("path", "postId")}


def test_get_item(shop: httpx.Client) -> None:
    """The item; an id that is not a UUID is a 400."""
    item = shop.get(f"/items/{LEASH}").json()
    assert (item["id"], item["name"], item["cents"]) == (LEASH, "Leash", 1495)
    problem(shop.get(f"/items/{uuid4()}"), 404)
    assert violations(shop.get("/items/leash")) == {("path", "id")}


def test_upsert_item(shop: httpx.Client) -> None:
    """201 with Location the first time, 200 without it afterwards."""
    path = f"/items/{uuid4()}"
    first = shop.put(path, json={"name": "Ball", "quantity": 3})
    assert (first.status_code, first.headers["location"]) == (201, path)
    assert first.json()["cents"] is None
    second = shop.put(path, json={"name": "Ball", "quantity": 2, "cents": 99})
    assert second.status_code == 200
    assert "location" not in second.headers
    assert shop.get(path).json() == second.json()
    assert (second.json()["quantity"], second.json()["cents"]) == (2, 99)


def test_upsert_item_refuses_what_breaks_the_document(shop: httpx.Client) -> None:
    """The path and the body are reported together, and nothing is kept."""
    response = shop.put("/items/ball", json={"name": "Ball", "quantity": -1})
    assert {place for place, _ in violations(response)} == {"path", "body"}
    path = f"/items/{uuid4()}"
    violations(shop.put(path, json={"name": "Ball"}))
    problem(shop.get(path), 404)


def test_find_stall(shop: httpx.Client) -> None:
    """A matrix parameter arrives as a list of integers."""
    assert shop.get("/matrix/;coords=2,14").json() == {"coords": [2, 14], "name": "B14"}
    for wrong in (";coords=2", ";coords=2,14,3", ";coords=2,x", ";coords=0,27", ";other=2,14"):
        assert violations(shop.get(f"/matrix/{wrong}")) == {("path", "coords")}, wrong


def test_list_pets_by_color(shop: httpx.Client) -> None:
    """A label parameter arrives as a list."""
    pets = shop.get("/labels/.black.white").json()
    assert [pet["name"] for pet in pets] == ["Luna", "Bello"]
    assert [pet["name"] for pet in shop.get("/labels/.grey").json()] == ["Mimi"]
    assert violations(shop.get("/labels/.green")) == {("path", "color")}
    assert violations(shop.get("/labels/black")) == {("path", "color")}


def test_search_pets(shop: httpx.Client) -> None:
    """Every style of the query chooses; the header and the cookie shape the answer."""

    def names(**request: Any) -> list[str]:
        response = shop.get("/search", **request)
        assert response.status_code == 200, response.text
        return [pet["name"] for pet in response.json()["pets"]]

    assert names(params={"q": "MIN"}) == ["Minka"]
    assert names(params={"tags": "calm|indoor"}) == ["Minka"]
    assert names(params={"filter[kind]": "dog", "filter[maxAge]": "5"}) == ["Rex"]
    assert names(params={"filter[color]": "black", "filter[minAge]": "1"}) == ["Luna"]
    assert names(params={"filter[minAge]": "9", "filter[maxAge]": "9"}) == ["Bello"]
    assert names(headers={"X-Max-Results": "2"}) == ["Minka", "Rex"]
    dogs_first = {"Cookie": "favorite=dog", "X-Max-Results": "2"}
    assert names(headers=dogs_first) == ["Rex", "Bello"]
    response = shop.get("/search", params={"tags": "friendly"}, headers={"X-Max-Results": "1"})
    assert (response.json()["total"], len(response.json()["pets"])) == (2, 1)


def test_search_pets_names_all_violations(shop: httpx.Client) -> None:
    """The query in three styles, the header and the cookie are all checked."""
    response = shop.get(
        "/search",
        params={"q": "", "tags": "calm|NO", "filter[minAge]": "old", "filter[size]": "1"},
        headers={"X-Max-Results": "51", "Cookie": "favorite=hamster"},
    )
    assert violations(response) == {
        ("query", "q"),
        ("query", "tags"),
        ("query", "filter"),
        ("header", "X-Max-Results"),
        ("cookie", "favorite"),
    }


@pytest.mark.parametrize(
    ("number", "media_type", "name"),
    [
        (1, "image/png", "minka.png"),
        (2, "application/octet-stream", "purr.bin"),
        (3, "application/json", "pedigree.json"),
    ],
)
def test_download_file(shop: httpx.Client, number: int, media_type: str, name: str) -> None:
    """The bytes as they are, under the media type of the file."""
    response = shop.get(f"/download/{FILES}{number}")
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert int(response.headers["content-length"]) == len(response.content)


def test_download_file_is_byte_for_byte(shop: httpx.Client) -> None:
    """Nothing on the way touches the content."""
    assert shop.get(f"/download/{FILES}1").content.startswith(b"\x89PNG\r\n\x1a\n")
    assert shop.get(f"/download/{FILES}2").content == b"\x00\x01\x02\x03\xfd\xfe\xff"
    assert shop.get(f"/download/{FILES}3").json() == {"name": "Minka", "parents": ["Mila", "Tom"]}
    problem(shop.get(f"/download/{uuid4()}"), 404)
    assert violations(shop.get("/download/minka.png")) == {("path", "id")}


@pytest.mark.parametrize(
    ("name", "header"),
    [("a.bin", 'attachment; filename="a.bin"'), ("ä b", "attachment; filename*=UTF-8''%C3%A4%20b")],
)
def test_upload_file(shop: httpx.Client, name: str, header: str) -> None:
    """What is uploaded is downloaded again, byte for byte, under the name that it came with."""
    content = bytes(range(256)) * 8192
    response = shop.post("/upload", files={"file": (name, content, "application/octet-stream")})
    assert response.status_code == 201, response.text
    file = response.json()
    assert response.headers["location"] == f"/download/{file['id']}"
    assert (file["name"], file["size"]) == (name, len(content))
    downloaded = shop.get(response.headers["location"])
    assert downloaded.content == content
    assert downloaded.headers["content-disposition"] == header


def test_upload_file_with_a_title(shop: httpx.Client) -> None:
    """The title is the name, where there is one."""
    sent: Any = {"file": ("a.png", b"x", "image/png"), "title": (None, "Minka")}
    file = shop.post("/upload", files=sent).json()
    assert (file["name"], file["mediaType"]) == ("Minka", "image/png")


def test_upload_file_refuses_what_breaks_the_document(shop: httpx.Client) -> None:
    """Another type, another part, no file at all, or too large a one."""
    good = ("a.bin", b"abc", "application/octet-stream")
    refused: list[Any] = [
        {"file": ("a.txt", b"abc", "text/plain")},
        {"file": good, "title": (None, "")},
        {"file": good, "other": (None, "x")},
        {"title": (None, "Minka")},
    ]
    for wrong in refused:
        response = shop.post("/upload", files=wrong)
        assert {place for place, _ in violations(response)} == {"body"}, wrong
    assert shop.post("/upload", json={}).status_code == 415
    large = ("a.bin", bytes(11_000_000), "application/octet-stream")
    problem(shop.post("/upload", files={"file": large}), 413)


def test_apply_for_pet(shop: httpx.Client) -> None:
    """A form becomes typed values: integer, boolean and list included."""
    form = {"petId": "1", "name": "Ada L.", "email": "ada@example.com", "garden": "true"}
    response = shop.post("/form", data=form | {"days": ["mon", "fri"]})
    assert response.status_code == 201, response.text
    application = response.json()
    assert application.pop("id") >= 1
    assert application == {
        "petId": 1,
        "name": "Ada L.",
        "email": "ada@example.com",
        "message": "",
        "garden": True,
        "days": ["mon", "fri"],
    }


def test_apply_for_pet_refuses_what_breaks_the_document(shop: httpx.Client) -> None:
    """A form is checked like any body; another media type is refused."""
    good = {"petId": "1", "name": "Ada", "email": "ada@example.com"}
    for wrong in ({"petId": "one"}, {"garden": "perhaps"}, {"days": "sun"}, {"other": "1"}):
        response = shop.post("/form", data=good | wrong)
        assert {place for place, _ in violations(response)} == {"body"}, wrong
    assert len(problem(shop.post("/form", data={"garden": "true"}), 400)["errors"]) == 3
    problem(shop.post("/form", data=good | {"petId": "4711"}), 404)
    problem(shop.post("/form", json=good), 415)


def test_get_settings(shop: httpx.Client) -> None:
    """Declared settings and others beside them."""
    settings = shop.get("/admin/settings").json()
    assert settings["shopName"] == "Paws & Co"
    assert settings["open"] is True
    assert settings["maxPetsPerUser"] == 3


def test_register_webhook(shop: httpx.Client) -> None:
    """201, then 200 for the same url; the secret is never shown."""
    hook = {"url": "http://127.0.0.1:9/hook", "events": ["pet.added"], "secret": "x" * 16}
    first = shop.post("/webhooks", json=hook)
    assert first.status_code == 201
    number = first.json()["id"]
    assert first.json() == {"id": number, "url": hook["url"], "events": ["pet.added"]}
    second = shop.post("/webhooks", json=hook | {"events": ["pet.adopted"]})
    assert second.status_code == 200
    assert second.json() == {"id": number, "url": hook["url"], "events": ["pet.adopted"]}


def test_register_webhook_refuses_what_breaks_the_document(shop: httpx.Client) -> None:
    """Other schemes, unknown events and short secrets are refused; the secret is not echoed."""
    hook = {"url": "http://127.0.0.1:9/hook", "events": ["pet.added"]}
    for wrong in ({"url": "ftp://example.com"}, {"events": "all"}, {"events": ["pet.lost"]}):
        violations(shop.post("/webhooks", json=hook | wrong))
    response = shop.post("/webhooks", json=hook | {"secret": "hush"})
    problem(response, 400)
    assert "hush" not in response.text


@pytest.mark.parametrize(
    ("token", "caller"),
    [
        ("demo-token", {"subject": "ada", "scopes": []}),
        ("demo-reader", {"subject": "grace", "scopes": ["read"]}),
    ],
)
def test_get_secret(shop: httpx.Client, token: str, caller: dict[str, Any]) -> None:
    """A bearer token, or one of OAuth 2 with the scope, opens the door."""
    response = shop.get("/secure", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    assert response.json() == caller


def test_get_secret_with_a_key(shop: httpx.Client) -> None:
    """The key of a machine opens the door, too."""
    response = shop.get("/secure", headers={"X-API-Key": "demo-key"})
    assert response.status_code == 200
    assert response.json() == {"subject": "a machine", "scopes": []}


SHOP = 'Bearer realm="Pet store"'
KEY = 'ApiKey realm="Pet store", in="header", name="X-API-Key"'


@pytest.mark.parametrize(
    ("headers", "status", "challenge"),
    [
        ({}, 401, f'{SHOP}, {SHOP}, scope="read", {KEY}'),
        ({"X-API-Key": "guessed"}, 401, f'{SHOP}, {SHOP}, scope="read", {KEY}'),
        (
            {"Authorization": "Bearer guessed"},
            401,
            f'{SHOP}, error="invalid_token", {SHOP}, error="invalid_token", scope="read", {KEY}',
        ),
        (
            {"Authorization": "Bearer demo-writer"},
            403,
            f'{SHOP}, error="insufficient_scope", scope="read"',
        ),
    ],
)
def test_get_secret_is_closed(
    shop: httpx.Client, headers: dict[str, str], status: int, challenge: str
) -> None:
    """Without a token, with a wrong one, or without the scope; and the token is not repeated."""
    response = shop.get("/secure", headers=headers)
    problem(response, status)
    assert "guessed" not in response.text
    assert response.headers["www-authenticate"] == challenge


def test_every_operation_works() -> None:
    """No operation of the document answers 501."""
    assert all(endpoint.served is not None for endpoint in build().endpoints)


# Around the operations.


def test_health(shop: httpx.Client) -> None:
    """The shop tells how many handlers and tasks it has; at rest one task for each handler."""
    response = shop.get("/health")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"


def test_paths_and_methods_that_are_not_declared(shop: httpx.Client) -> None:
    """404 for a path, 405 with Allow for a method; HEAD and OPTIONS come with GET."""
    problem(shop.get("/hamsters"), 404)
    response = shop.delete("/pets")
    problem(response, 405)
    allowed = {"GET", "HEAD", "OPTIONS", "POST"}
    assert set(re.split(r",\s*", response.headers["allow"])) == allowed
    response = shop.options("/pets")
    assert response.is_success
    assert set(re.split(r",\s*", response.headers["allow"])) == allowed
    response = shop.head("/pets/1")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(shop.get("/pets/1").content))


@pytest.mark.asyncio
async def test_many_at_once(shop: httpx.Client) -> None:
    """Two hundred writers at once lose nothing and get an id each."""
    limit = asyncio.Semaphore(50)
    async with httpx.AsyncClient(base_url=shop.base_url, timeout=PATIENCE) as client:

        async def add() -> httpx.Response:
            async with limit:
                return await client.post("/pets", json=DOG | {"tags": ["crowd"]})

        responses = await asyncio.gather(*(add() for _ in range(200)))
        found = await client.get("/search?tags=crowd")
    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["id"] for response in responses}) == 200
    assert found.json()["total"] == 200


def test_the_store_survives_a_restart(tmp_path: Path) -> None:
    """What was written to a file is there after a stop and a start."""
    path = str(tmp_path / "shop.db")
    with shop_at(path) as first:
        location = first.post("/pets", json=DOG).headers["location"]
        assert first.delete("/users/2").status_code == 204
        before = first.get(location).json()
    with shop_at(path) as second:
        assert second.get(location).json() == before
        problem(second.get("/users/2"), 404)


def test_two_shops_share_nothing() -> None:
    """Each app built is a world of its own."""
    with shop_at(":memory:") as one, shop_at(":memory:") as other:
        location = one.post("/pets", json=DOG).headers["location"]
        assert one.get(location).status_code == 200
        problem(other.get(location), 404)


@pytest.mark.parametrize("command", ["uvicorn", "brrt run"])
def test_the_commands_of_the_readme(command: str, tmp_path: Path) -> None:
    """Both commands serve from the repository root, and end on SIGTERM without a complaint."""
    program, *words = command.split()
    server = subprocess.Popen(
        [Path(sys.executable).with_name(program), *words, "examples.pet_store:app", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"PET_STORE_DATABASE": str(tmp_path / "shop.db")},
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            assert httpx.get(f"{announced_address(server)}/pets/1").json()["name"] == "Minka"
            server.terminate()
            _, rest = server.communicate(timeout=PATIENCE)
        finally:
            server.kill()
    assert server.returncode in {0, -signal.SIGTERM}
    assert "Traceback" not in rest


def test_importing_the_shop_touches_no_disk(tmp_path: Path) -> None:
    """The import reads the document; the database appears when the app starts, not before."""
    path = tmp_path / "shop.db"
    subprocess.run(
        [sys.executable, "-c", "import examples.pet_store"],
        cwd=ROOT,
        env=os.environ | {"PET_STORE_DATABASE": str(path)},
        check=True,
    )
    assert not path.exists()
