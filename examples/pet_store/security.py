"""Who is asking: one provider for each security scheme of the document.

A provider is given what a request shows, and says who that is; for None the answer is 401.
"""

import os
from typing import Any

from brrt import JWT, ApiKey, Claims, Forbidden, Request
from examples.pet_store.models import Caller
from examples.pet_store.store import Store

# For trying it out; $PET_STORE_API_KEYS names others, of which each is good.
DEMO_KEY = "demo-key"


def providers() -> dict[str, Any]:
    """The providers, each app its own.

    Where $PET_STORE_ISSUER is an issuer of OpenID Connect, the tokens of `oauth2` are its JWTs, for
    the audience $PET_STORE_AUDIENCE; without it they are those of the store.
    """
    keys = os.environ.get("PET_STORE_API_KEYS", DEMO_KEY).split()
    machine = Caller("a machine", [])
    return {
        "apiKey": ApiKey(dict.fromkeys(keys, machine)),
        "bearer": bearer,
        "oauth2": issued() if "PET_STORE_ISSUER" in os.environ else oauth2,
    }


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


def issued() -> JWT:
    """Somebody with a JWT of the issuer; it tells where its keys are, and brrt keeps them fresh."""
    return JWT(
        issuer=os.environ["PET_STORE_ISSUER"],
        audience=os.environ.get("PET_STORE_AUDIENCE", "pet-store"),
        principal=caller_of,
    )


def caller_of(claims: Claims) -> Caller | None:
    """Whom a good token speaks for; one without a subject for nobody."""
    return Caller(claims.subject, sorted(claims.scopes)) if claims.subject else None
