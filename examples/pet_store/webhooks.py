"""Telling those who have registered what happens."""

import asyncio
import logging

from brrt import OutgoingError, Sender
from examples.pet_store.models import PetEvent, Subscription
from examples.pet_store.store import Store

log = logging.getLogger("pet_store")


async def announce(event: PetEvent, store: Store, sender: Sender) -> None:
    """Send an event to everybody who wants it, to all at once."""
    async with asyncio.TaskGroup() as group:
        for one in await store.subscriptions(event.event):
            group.create_task(tell(event, one, sender))


async def tell(event: PetEvent, subscription: Subscription, sender: Sender) -> None:
    """Send an event to one receiver; one that does not take it keeps no other from it.

    The id is the same however often an event is sent, so that the receiver knows it again.
    """
    try:
        await sender.send(
            "onPetEvent",
            event,
            url=subscription.url,
            secret=subscription.secret,
            id=f"pet_event_{event.id}",
        )
    except OutgoingError as error:
        log.warning("A webhook was not delivered: %s", error)
