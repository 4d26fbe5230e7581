"""The parts put together: the document, the handlers, and the store that they share."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from brrt import App, BadRequest, Outbound, Problem, TargetRefused
from examples.pet_store.handlers import admin, files, items, pets, search, users
from examples.pet_store.security import PROVIDERS
from examples.pet_store.store import ChipTaken, Store, open_store

DOCUMENT = Path(__file__).with_name("openapi.yaml")


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[Store, None]:
    """Open the store in the file that $PET_STORE_DATABASE names, or else in memory."""
    async with open_store(os.environ.get("PET_STORE_DATABASE", ":memory:")) as store:
        yield store


def refused(_: TargetRefused) -> Problem:
    """A webhook that would never be called is the mistake of whoever registers it."""
    return BadRequest("only a public url can be called")


def build() -> App:
    """Build an app; each opens a store of its own.

    Webhooks go to public addresses, and to those that $PET_STORE_WEBHOOKS names, such as
    `127.0.0.1`.
    """
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
        security=PROVIDERS,
        errors={ChipTaken: 409, TargetRefused: refused},
        outbound=Outbound(allow=tuple(os.environ.get("PET_STORE_WEBHOOKS", "").split())),
    )
