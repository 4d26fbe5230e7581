"""Settings, webhooks, events, and what needs credentials."""

from collections.abc import AsyncIterator
from typing import Any

from brrt import Event, Handlers, Reply, Request, Sender
from examples.pet_store.models import Caller, NewWebhook, Webhook
from examples.pet_store.store import Store

handlers = Handlers()


@handlers
async def get_settings(store: Store) -> dict[str, Any]:
    """Whatever JSON can say may be answered; the document still decides whether it is right."""
    return await store.settings()


@handlers
async def get_secret(caller: Caller) -> Caller:
    """Who asks is known by the time that a handler runs; its type says that it wants to know."""
    return caller


@handlers
async def register_webhook(
    body: NewWebhook, request: Request, store: Store, sender: Sender
) -> Reply[Webhook]:
    """The document says where in the request the url is; one that is not public is refused."""
    sender.target("onPetEvent", request)
    webhook, is_new = await store.register_webhook(body)
    return Reply(webhook, status=201 if is_new else 200)


@handlers
async def stream_events(store: Store, last_event_id: int | None = None) -> AsyncIterator[Event]:
    """Where the stream begins is known before it is opened. A client that comes back says where."""
    last = await store.last_event() if last_event_id is None else last_event_id
    return feed(store, last)


async def feed(store: Store, last: int) -> AsyncIterator[Event]:
    """What is yielded is sent at once."""
    async for one in store.events(last):
        yield Event(one, event=one.event, id=str(one.id))
