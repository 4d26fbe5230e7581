"""The parts put together: the document, the handlers, and the store that they share."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from brrt import App, Forbidden, Outbound, Problem, TargetRefused
from examples.pet_store.handlers import admin, files, items, pets, search, users
from examples.pet_store.security import providers
from examples.pet_store.store import ChipTaken, Store, open_store

DOCUMENT = Path(__file__).with_name("openapi.yaml")


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[Store, None]:
    """Open the store in the file that $PET_STORE_DATABASE names, or else in memory."""
    async with open_store(os.environ.get("PET_STORE_DATABASE", ":memory:")) as store:
        yield store


def refused(_: TargetRefused) -> Problem:
    """The shop calls nobody whom it may not call."""
    return Forbidden("this url is none that may be called: it is not public")


def build() -> App:
    """Build an app; each opens a store of its own.

    Webhooks go to public addresses, or, where $PET_STORE_WEBHOOKS names some, such as `127.0.0.1`,
    to those alone.
    """
    hosts = tuple(os.environ.get("PET_STORE_WEBHOOKS", "").split())
    return App(
        DOCUMENT,
        [
            pets.handlers,
            users.handlers,
            items.handlers,
            search.handlers,
            files.handlers,
            admin.handlers,
        ],
        lifespan=lifespan,
        security=providers(),
        errors={ChipTaken: 409, TargetRefused: refused},
        outbound=Outbound(allow=hosts, only=hosts or None),
    )
