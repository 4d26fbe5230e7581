"""The animals of the shop."""

from brrt import Background, Handlers, NotFound, Reply, Sender
from examples.pet_store.models import NewPet, Pet
from examples.pet_store.store import Store
from examples.pet_store.webhooks import announce

handlers = Handlers()


@handlers
async def list_pets(
    store: Store, limit: int, offset: int, tags: list[str] | None = None
) -> list[Pet]:
    """The defaults of `limit` and `offset` are in the document."""
    return await store.pets(limit, offset, tags or [])


@handlers
async def add_pet(body: NewPet, store: Store, sender: Sender, background: Background) -> Reply[Pet]:
    """The status is the 201 of the document; a chip that is taken becomes a 409 (see app.py).

    Whoever has registered for it is told in the background: nobody waits for that.
    """
    added = await store.add_pet(body)
    background.start(announce(added, store, sender))
    return Reply(added.pet, location=f"/pets/{added.pet.id}")


@handlers
async def get_pet(id: int, store: Store) -> Pet:
    """The name of the function is the operationId of the document."""
    if pet := await store.pet(id):
        return pet
    raise NotFound(f"no pet {id}")
