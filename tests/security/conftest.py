"""What tests of security share: an issuer, time that stands still, providers that are closed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from brrt import JWT
from tests.security.issuer import AUDIENCE, Issuer, Time, serve_issuer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer with one key."""
    made = Issuer()
    made.add("one")
    async with serve_issuer(made) as served:
        yield served


@pytest.fixture
def time() -> Time:
    """Time under the test's control."""
    return Time()


Make = Callable[..., JWT]


@pytest.fixture
async def make(issuer: Issuer, time: Time) -> AsyncIterator[Make]:
    """Make a provider for the issuer, whose time is the test's; it is closed in the end."""
    async with AsyncExitStack() as stack:

        def provider(**settings: Any) -> JWT:
            given = {"issuer": issuer.url, "audience": AUDIENCE, "jwks": issuer.jwks} | settings
            made = JWT(_clock=time.clock, **given)
            stack.push_async_callback(made.aclose)
            return made

        yield provider
