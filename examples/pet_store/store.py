"""What the shop knows and how to ask for it: one method for each question.

A method is one transaction. A thing that is not there is None; a contradiction is an exception of
this module. Nothing here knows of HTTP.
"""

import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID, uuid4

from msgspec import Struct, convert, json, structs, to_builtins

from examples.pet_store.database import Database, open_database
from examples.pet_store.models import (
    Application,
    Caller,
    Color,
    EventName,
    Item,
    Kind,
    NewApplication,
    NewItem,
    NewPet,
    NewWebhook,
    Pet,
    PetEvent,
    PetFilter,
    Post,
    SearchResult,
    StoredFile,
    Subscription,
    User,
    Webhook,
)
from examples.pet_store.news import Bell, heard
from examples.pet_store.schema import MIGRATIONS, SEED

M = TypeVar("M", bound=Struct)

# The conditions of a search; one that is NULL asks for nothing.
FOUND = """
    FROM pets
    WHERE (:text IS NULL OR instr(lower(name), lower(:text)))
      AND (:kind IS NULL OR kind = :kind)
      AND (:color IS NULL OR color = :color)
      AND (:minAge IS NULL OR age >= :minAge)
      AND (:maxAge IS NULL OR age <= :maxAge)
      AND NOT EXISTS (SELECT value FROM json_each(:tags)
                      EXCEPT SELECT value FROM json_each(pets.tags))
"""


class ChipTaken(Exception):
    """Another pet has the same chip."""


@asynccontextmanager
async def open_store(path: str) -> AsyncGenerator["Store", None]:
    """The store in the file at `path`, or one in ":memory:"; closed at the end."""
    async with open_database(path, MIGRATIONS, SEED) as database:
        yield Store(database)


class Store:
    """The memory of the shop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._news = Bell()

    async def pets(self, limit: int, offset: int, tags: Sequence[str]) -> list[Pet]:
        """Pets that carry all of `tags`, by id."""
        rows = await self._database.query(
            """SELECT * FROM pets
               WHERE NOT EXISTS (SELECT value FROM json_each(:tags)
                                 EXCEPT SELECT value FROM json_each(pets.tags))
               ORDER BY id LIMIT :limit OFFSET :offset""",
            tags=_text(tags),
            limit=limit,
            offset=offset,
        )
        return [_pet(row) for row in rows]

    async def pets_by_color(self, colors: Sequence[Color]) -> list[Pet]:
        """The first hundred pets that have one of `colors`, by id."""
        rows = await self._database.query(
            """SELECT * FROM pets WHERE color IN (SELECT value FROM json_each(:colors))
               ORDER BY id LIMIT 100""",
            colors=_text(colors),
        )
        return [_pet(row) for row in rows]

    async def search(
        self,
        text: str | None,
        tags: Sequence[str],
        conditions: PetFilter,
        favorite: Kind | None,
        limit: int,
    ) -> SearchResult:
        """The first pets for which everything holds; those of the `favorite` kind lead."""
        values = _columns(conditions) | {
            "text": text,
            "tags": _text(tags),
            "favorite": favorite,
            "limit": limit,
        }

        def find(connection: sqlite3.Connection) -> SearchResult:
            (total,) = connection.execute("SELECT count(*)" + FOUND, values).fetchone()
            rows = connection.execute(
                "SELECT *" + FOUND + "ORDER BY kind IS NOT :favorite, id LIMIT :limit", values
            )
            return SearchResult(total=total, pets=[_pet(row) for row in rows])

        return await self._database.read(find)

    async def pet(self, id: int) -> Pet | None:
        """The pet with this id."""
        rows = await self._database.query("SELECT * FROM pets WHERE id = :id", id=id)
        return _pet(rows[0]) if rows else None

    async def add_pet(self, new: NewPet) -> PetEvent:
        """Keep a new pet, and that it was added. Raises `ChipTaken` if another has its chip."""

        def add(connection: sqlite3.Connection) -> PetEvent:
            row = connection.execute(
                """INSERT INTO pets (name, animal, age, color, chip, tags)
                   VALUES (:name, :animal, :age, :color, :chip, :tags)
                   ON CONFLICT (chip) DO NOTHING
                   RETURNING *""",
                _columns(new),
            ).fetchone()
            if row is None:
                raise ChipTaken(f"chip {new.chip} belongs to another pet")
            pet = _pet(row)
            event: EventName = "pet.added"
            (number,) = connection.execute(
                "INSERT INTO events (event, pet) VALUES (?, ?) RETURNING id", (event, _text(pet))
            ).fetchone()
            return PetEvent(number, event, pet)

        added = await self._database.write(add)
        self._news.ring()
        return added

    async def last_event(self) -> int:
        """The number of the last thing that happened."""
        rows = await self._database.query("SELECT coalesce(max(id), 0) AS last FROM events")
        return int(rows[0]["last"])

    async def events(self, last: int) -> AsyncGenerator[PetEvent, None]:
        """What has happened since the event of that number, and what happens from now on."""
        while True:
            ring = self._news.next
            found = await self._events_after(last)
            for event in found:
                yield event
                last = event.id
            if not found:
                await heard(ring)

    async def _events_after(self, last: int) -> list[PetEvent]:
        rows = await self._database.query(
            "SELECT * FROM events WHERE id > :last ORDER BY id LIMIT 100", last=last
        )
        return [
            convert(dict(row) | {"pet": json.decode(row["pet"])}, PetEvent, strict=False)
            for row in rows
        ]

    async def users(self, limit: int, offset: int) -> tuple[list[User], int]:
        """Users by id, and how many there are in all."""

        def find(connection: sqlite3.Connection) -> tuple[list[User], int]:
            (total,) = connection.execute("SELECT count(*) FROM users").fetchone()
            rows = connection.execute(
                "SELECT * FROM users ORDER BY id LIMIT ? OFFSET ?", (limit, offset)
            )
            return [_value(row, User) for row in rows], total

        return await self._database.read(find)

    async def user(self, id: int) -> User | None:
        """The user with this id."""
        rows = await self._database.query("SELECT * FROM users WHERE id = :id", id=id)
        return _value(rows[0], User) if rows else None

    async def delete_user(self, id: int) -> bool:
        """Forget a user and their posts; False if there was none."""
        return bool(
            await self._database.query("DELETE FROM users WHERE id = :id RETURNING id", id=id)
        )

    async def post_count(self, user_id: int) -> int | None:
        """How many posts a user has written."""
        rows = await self._database.query(
            """SELECT (SELECT count(*) FROM posts WHERE userId = users.id) AS posts
               FROM users WHERE id = :id""",
            id=user_id,
        )
        return rows[0]["posts"] if rows else None

    async def posts(self, user_id: int, limit: int, offset: int) -> list[Post]:
        """Posts of a user, the oldest first."""
        rows = await self._database.query(
            "SELECT * FROM posts WHERE userId = :id ORDER BY id LIMIT :limit OFFSET :offset",
            id=user_id,
            limit=limit,
            offset=offset,
        )
        return [_value(row, Post) for row in rows]

    async def post(self, user_id: int, post_id: int) -> Post | None:
        """One post of a user."""
        rows = await self._database.query(
            "SELECT * FROM posts WHERE userId = :user AND id = :post", user=user_id, post=post_id
        )
        return _value(rows[0], Post) if rows else None

    async def item(self, id: UUID) -> Item | None:
        """The item with this id."""
        rows = await self._database.query("SELECT * FROM items WHERE id = :id", id=str(id))
        return _value(rows[0], Item) if rows else None

    async def put_item(self, id: UUID, new: NewItem) -> tuple[Item, bool]:
        """Create an item or replace it; True if it is new."""
        item = Item(id=id, changed=datetime.now(UTC), **structs.asdict(new))
        values = _columns(item)

        def put(connection: sqlite3.Connection) -> bool:
            known = connection.execute("SELECT id FROM items WHERE id = :id", values).fetchone()
            connection.execute(
                "REPLACE INTO items VALUES (:id, :name, :quantity, :cents, :changed)", values
            )
            return known is None

        return item, await self._database.write(put)

    async def file(self, id: UUID) -> StoredFile | None:
        """The file with this id."""
        rows = await self._database.query("SELECT * FROM files WHERE id = :id", id=str(id))
        return _value(rows[0], StoredFile) if rows else None

    async def add_file(self, name: str, media_type: str, content: bytes) -> StoredFile:
        """Keep a file."""
        file = StoredFile(uuid4(), name, media_type, content)
        await self._database.query(
            "INSERT INTO files VALUES (:id, :name, :mediaType, :content)",
            id=str(file.id),
            name=name,
            mediaType=media_type,
            content=content,
        )
        return file

    async def add_application(self, new: NewApplication) -> Application | None:
        """Keep an application; None if there is no such pet."""
        rows = await self._database.query(
            """INSERT INTO applications (petId, name, email, message, garden, days)
               SELECT id, :name, :email, :message, :garden, :days FROM pets WHERE id = :petId
               RETURNING id""",
            **_columns(new),
        )
        return Application(id=rows[0]["id"], **structs.asdict(new)) if rows else None

    async def register_webhook(self, new: NewWebhook) -> tuple[Webhook, bool]:
        """Register a url, or change what it is told; True if it is new."""
        values = _columns(new)

        def register(connection: sqlite3.Connection) -> tuple[int, bool]:
            find = "SELECT id FROM webhooks WHERE url = :url"
            known = connection.execute(find, values).fetchone()
            (number,) = connection.execute(
                """INSERT INTO webhooks (url, events, secret) VALUES (:url, :events, :secret)
                   ON CONFLICT (url) DO UPDATE SET events = :events, secret = :secret
                   RETURNING id""",
                values,
            ).fetchone()
            return number, known is None

        number, is_new = await self._database.write(register)
        return Webhook(id=number, url=new.url, events=new.events), is_new

    async def subscriptions(self, event: EventName) -> list[Subscription]:
        """Who wants to be told of an event."""
        rows = await self._database.query(
            """SELECT url, secret FROM webhooks
               WHERE :event IN (SELECT value FROM json_each(events)) ORDER BY id""",
            event=event,
        )
        return [_value(row, Subscription) for row in rows]

    async def caller(self, scheme: str, token: str) -> Caller | None:
        """Whose token of a scheme this is."""
        digest = sha256(token.encode()).hexdigest()  # tokens are long and random: no salt is needed
        rows = await self._database.query(
            "SELECT subject, scopes FROM tokens WHERE sha256 = :digest AND scheme = :scheme",
            digest=digest,
            scheme=scheme,
        )
        return Caller(rows[0]["subject"], json.decode(rows[0]["scopes"])) if rows else None

    async def settings(self) -> dict[str, Any]:
        """All settings by name."""
        rows = await self._database.query("SELECT * FROM settings ORDER BY rowid")
        return {row["name"]: json.decode(row["value"]) for row in rows}


def _pet(row: sqlite3.Row) -> Pet:
    """A row of the pets, with its JSON columns decoded."""
    decoded = {name: json.decode(row[name]) for name in ("animal", "tags")}
    return convert(dict(row) | decoded, Pet)


def _value(row: sqlite3.Row, model: type[M]) -> M:
    """A row as a value; columns that the model does not have are left out."""
    return convert(dict(row), model)


def _columns(value: Struct) -> dict[str, Any]:
    """A value as columns, with its lists and objects as JSON text."""
    return {
        name: _text(part) if type(part) in (list, dict) else part
        for name, part in to_builtins(value).items()
    }


def _text(value: object) -> str:
    return json.encode(value).decode()
