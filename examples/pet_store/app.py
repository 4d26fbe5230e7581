"""The parts put together: the document, the handlers, and the store that they share."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from brrt import App
from examples.pet_store.handlers import admin, files, items, pets, search, users
from examples.pet_store.store import ChipTaken, Store, open_store

DOCUMENT = Path(__file__).with_name("openapi.yaml")

# These answer 501 until brrt can do what they need.
MISSING = {
    "getSecret",  # bearer tokens and OAuth 2
}


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[Store, None]:
    """Open the store in the file that $PET_STORE_DATABASE names, or else in memory."""
    async with open_store(os.environ.get("PET_STORE_DATABASE", ":memory:")) as store:
        yield store


def build() -> App:
    """Build an app; each opens a store of its own."""
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
        missing=MISSING,
        errors={ChipTaken: 409},
    )
