"""The pet store with an issuer of its own: JWTs for OAuth 2, whatever happens to the issuer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from examples.pet_store.app import build
from tests.security.issuer import AUDIENCE, Issuer, serve_issuer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer with one key."""
    made = Issuer()
    made.add("one", "RS256")
    async with serve_issuer(made) as served:
        yield served


@asynccontextmanager
async def shop_of(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A shop that believes this issuer."""
    monkeypatch.setenv("PET_STORE_ISSUER", issuer.url)
    monkeypatch.setenv("PET_STORE_AUDIENCE", AUDIENCE)
    async with build() as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            yield client


def showing(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"authorization": f"Bearer {token}"}


FAR = 10_000_000_000


async def test_jwts_are_believed(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the right issuer, for this shop, with the scope; the shop's own bearer tokens stay."""
    async with shop_of(issuer, monkeypatch) as shop:
        good = await shop.get("/secure", headers=showing(issuer.token(exp=FAR, iat=1)))
        assert (good.status_code, good.json()) == (200, {"subject": "ada", "scopes": ["read"]})
        own = await shop.get("/secure", headers=showing("demo-token"))
        assert own.status_code == 200
        opaque = await shop.get("/secure", headers=showing("demo-reader"))
        assert opaque.status_code == 401
        key = await shop.get("/secure", headers={"X-API-Key": "demo-key"})
        assert key.status_code == 200
        assert (await shop.get("/pets")).status_code == 200
    assert (issuer.discoveries, issuer.fetches) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"exp": 1_700_000_000}, 401),
        ({"aud": "https://other.example"}, 401),
        ({"iss": "https://other.example"}, 401),
        ({"sub": None}, 401),
        ({"scope": "write"}, 403),
    ],
)
async def test_jwts_that_are_not_good(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], status: int
) -> None:
    """Expired, for somebody else, of somebody else, of nobody, without the scope."""
    token = issuer.token(**({"exp": FAR, "iat": 1} | changes))
    async with shop_of(issuer, monkeypatch) as shop:
        answer = await shop.get("/secure", headers=showing(token))
    assert answer.status_code == status
    error = "insufficient_scope" if status == 403 else "invalid_token"
    assert f'error="{error}"' in answer.headers["www-authenticate"]
    assert token not in answer.text


async def test_keys_that_change(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop finds the new key by the first token, and no longer believes the old one."""
    async with shop_of(issuer, monkeypatch) as shop:
        old = showing(issuer.token(exp=FAR, iat=1))
        assert (await shop.get("/secure", headers=old)).status_code == 200
        issuer.rotate("two")
        new = showing(issuer.token(exp=FAR, iat=1))
        assert (await shop.get("/secure", headers=new)).status_code == 200
        assert (await shop.get("/secure", headers=old)).status_code == 401


async def test_an_issuer_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody passes by what cannot be checked: 503. What needs no issuer goes on."""
    issuer = Issuer()
    issuer.add("one")
    async with serve_issuer(issuer):
        pass
    async with shop_of(issuer, monkeypatch) as shop:
        answer = await shop.get("/secure", headers=showing(issuer.token(exp=FAR, iat=1)))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await shop.get("/pets")).status_code == 200
        assert (await shop.get("/secure", headers=showing("demo-token"))).status_code == 200
        key = await shop.get("/secure", headers={"X-API-Key": "demo-key"})
        assert key.status_code == 200
