"""What the shop keeps on its shelves."""

from uuid import UUID

from brrt import Handlers, NotFound, Reply
from examples.pet_store.models import Item, NewItem
from examples.pet_store.store import Store

handlers = Handlers()


@handlers
async def get_item(id: UUID, store: Store) -> Item:
    """The hint makes the id a UUID."""
    if item := await store.item(id):
        return item
    raise NotFound(f"no item {id}")


@handlers
async def upsert_item(id: UUID, body: NewItem, store: Store) -> Reply[Item]:
    """200 or 201: the handler chooses between the answers of the document."""
    item, is_new = await store.put_item(id, body)
    if is_new:
        return Reply(item, status=201, location=f"/items/{id}")
    return Reply(item, status=200)
