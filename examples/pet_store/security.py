"""Who is asking: one provider for each security scheme of the document.

A provider is given what a request shows, and says who that is; for None the answer is 401.
"""

from brrt import Forbidden, Request
from examples.pet_store.models import Caller
from examples.pet_store.store import Store


async def bearer(token: str, scopes: tuple[str, ...], request: Request) -> Caller | None:
    """Somebody to whom the shop has given a token."""
    store: Store = request.app_state
    return await store.caller("bearer", token)


async def oauth2(token: str, scopes: tuple[str, ...], request: Request) -> Caller | None:
    """Somebody with a token of the shop's authorization server, and the scopes that are needed."""
    store: Store = request.app_state
    caller = await store.caller("oauth2", token)
    if caller is not None and not set(scopes) <= set(caller.scopes):
        raise Forbidden(f"this needs the scope {' '.join(scopes)}")
    return caller


PROVIDERS = {"bearer": bearer, "oauth2": oauth2}
