"""What the shop talks about, as typed values.

The document says what is valid, so nothing is checked here: these classes only give the values
names and types. Names are in camelCase on the wire and in snake_case in Python.
"""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

Kind = Literal["cat", "dog"]
Color = Literal["black", "brown", "white", "ginger", "grey"]
Breed = Literal["beagle", "collie", "dachshund", "poodle", "terrier", "mixed"]
Day = Literal["mon", "tue", "wed", "thu", "fri"]
EventName = Literal["pet.added", "pet.adopted"]


class Model(Struct, frozen=True, rename="camel"):
    """A value that never changes."""


class Cat(Model, frozen=True, tag_field="kind", tag="cat"):
    """An `Animal` whose `kind` is `cat`."""

    indoor: bool = False


class Dog(Model, frozen=True, tag_field="kind", tag="dog"):
    """An `Animal` whose `kind` is `dog`."""

    breed: Breed
    trained: bool = False


Animal = Cat | Dog


class NewPet(Model, frozen=True):
    """A pet that the shop does not know yet."""

    name: str
    animal: Animal
    age: int | None = None
    color: Color = "brown"
    chip: str | None = None
    tags: list[str] = []


class Pet(NewPet, frozen=True, kw_only=True):
    """A pet of the shop."""

    id: int


class PetFilter(Model, frozen=True):
    """Conditions of a search; None asks for nothing."""

    kind: Kind | None = None
    color: Color | None = None
    min_age: int | None = None
    max_age: int | None = None


class SearchResult(Model, frozen=True):
    """The pets that are shown, and how many were found."""

    total: int
    pets: list[Pet]


class Stall(Model, frozen=True):
    """A place in the kennel."""

    coords: list[int]
    name: str


class User(Model, frozen=True):
    """A person."""

    id: int
    name: str
    email: str
    phone: str | None
    joined: date


class UserPage(Model, frozen=True):
    """Some of the users, and where the next ones are."""

    users: list[User]
    total: int
    next: str | None


class Post(Model, frozen=True):
    """What a user wrote."""

    id: int
    user_id: int
    title: str
    text: str
    written: datetime


class NewItem(Model, frozen=True):
    """What an item is to be."""

    name: str
    quantity: int
    cents: int | None = None


class Item(NewItem, frozen=True, kw_only=True):
    """Something on a shelf."""

    id: UUID
    changed: datetime


class NewApplication(Model, frozen=True):
    """Somebody would like to adopt a pet."""

    pet_id: int
    name: str
    email: str
    message: str = ""
    garden: bool = False
    days: list[Day] = []


class Application(NewApplication, frozen=True, kw_only=True):
    """An application as it was received."""

    id: int


class StoredFile(Model, frozen=True):
    """A file that can be downloaded."""

    id: UUID
    name: str
    media_type: str
    content: bytes


class File(Model, frozen=True):
    """What is told of a file that is kept."""

    id: UUID
    name: str
    media_type: str
    size: int


class NewWebhook(Model, frozen=True):
    """A wish to be told what happens."""

    url: str
    events: list[EventName]
    secret: str | None = None


class Webhook(Model, frozen=True):
    """A url that is told what happens. The secret is never shown again."""

    id: int
    url: str
    events: list[EventName]


class PetEvent(Model, frozen=True):
    """Something that has happened to a pet."""

    id: int
    event: EventName
    pet: Pet


class Subscription(Model, frozen=True):
    """Where an event is to be sent, and what signs it."""

    url: str
    secret: str | None


class Caller(Model, frozen=True):
    """Somebody who has shown a token, and what that allows."""

    subject: str
    scopes: list[str]
