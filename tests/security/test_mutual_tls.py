"""Certificates of clients: from the connection, or from a proxy that is trusted, and else never."""

import base64
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from brrt import App, ClientCertificate, Forbidden, MissingExtra, MutualTLS, SettingError
from brrt.security.certificates import Unreadable, read_chain, read_header, subject_of
from tests.conftest import Connect, operation, serve
from tests.security.issuer import make_key

BILLING = "CN=billing,O=Paws & Co"
SCHEME = {"tls": {"type": "mutualTLS"}}


@cache
def certificate(name: str = BILLING) -> x509.Certificate:
    """A certificate of somebody, signed by himself."""
    key, subject = make_key("ES256"), x509.Name.from_rfc4514_string(name)
    since = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(since)
        .not_valid_after(since + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )


def pem(name: str = BILLING) -> str:
    """The same as text."""
    return certificate(name).public_bytes(Encoding.PEM).decode()


def rfc9440(name: str = BILLING) -> str:
    """As RFC 9440 writes it into `Client-Cert`."""
    return f":{base64.b64encode(certificate(name).public_bytes(Encoding.DER)).decode()}:"


@dataclass(frozen=True)
class Service:
    """Who calls, as the app knows it."""

    name: str
    scopes: tuple[str, ...] = ()


async def who(caller: ClientCertificate) -> str:
    """The certificate, by type."""
    return caller.subject


async def who_service(caller: Service) -> str:
    """A service, by type."""
    return caller.name


def shop(provider: Any, handler: Any = who, scopes: tuple[str, ...] = ()) -> App:
    """An app with one operation, behind a provider."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {"/read": {"get": operation("read", security=[{"tls": list(scopes)}])}},
        "components": {"securitySchemes": SCHEME},
    }
    return App(document, serve(read=handler), security={"tls": provider})


class Server:
    """What a server or an app puts into the scope before brrt."""

    def __init__(self, app: App, **members: Any) -> None:
        self.app, self.members = app, members

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass it on."""
        await self.app(scope | self.members, receive, send)


@asynccontextmanager
async def connected(app: App, **members: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests have these members in their scope."""
    async with app:
        transport = httpx.ASGITransport(app=Server(app, **members))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
            yield made


def tls(**members: Any) -> dict[str, Any]:
    """ASGI's TLS extension."""
    return {"extensions": {"tls": members}}


# The connection


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"client_cert_name": BILLING, "client_cert_chain": (pem(),)}, 200),
        ({"client_cert_name": BILLING}, 200),
        ({"client_cert_chain": [pem()]}, 200),
        ({"client_cert_name": BILLING, "client_cert_chain": [pem("CN=eve")]}, 401),
        ({"client_cert_name": "CN=eve"}, 401),
        ({"client_cert_name": "O=Paws & Co,CN=billing"}, 401),
        ({"client_cert_name": "no name"}, 401),
        ({"client_cert_chain": ["no certificate"]}, 401),
        ({"client_cert_name": BILLING, "client_cert_error": "expired"}, 401),
        ({"client_cert_chain": [pem()], "client_cert_error": "expired"}, 401),
        ({"client_cert_error": "unknown authority"}, 401),
        ({"client_cert_name": None, "client_cert_chain": (), "client_cert_error": None}, 401),
        ({}, 401),
    ],
)
async def test_the_certificate_of_the_connection(members: dict[str, Any], status: int) -> None:
    """By its name, or what stands in it; never one with an error."""
    async with connected(shop(MutualTLS(names=[BILLING])), **tls(**members)) as connect:
        answer = await connect.get("/read")
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == 'ClientCertificate realm="Shop"'
    else:
        assert answer.json() == BILLING


async def test_a_plain_function(client: Connect) -> None:
    """A provider like any other; what the server found wrong is not shown to it."""
    seen: list[ClientCertificate] = []

    async def provider(shown: ClientCertificate, scopes: Any, request: Any) -> ClientCertificate:
        seen.append(shown)
        return shown

    good = tls(client_cert_name=BILLING, client_cert_chain=(pem(),))
    async with connected(shop(provider), **good) as connect:
        assert (await connect.get("/read")).status_code == 200
    bad = tls(client_cert_name=BILLING, client_cert_error="revoked")
    async with connected(shop(provider), **bad) as connect:
        assert (await connect.get("/read")).status_code == 401
    connect = await client(shop(provider))
    assert (await connect.get("/read")).status_code == 401
    assert seen == [ClientCertificate(BILLING, (pem(),), None)]


# A proxy


@pytest.mark.parametrize(
    ("header", "value"),
    [("Client-Cert", rfc9440()), ("X-Client-Cert", quote(pem(), safe=""))],
)
async def test_a_header_counts_only_of_a_trusted_proxy(header: str, value: str) -> None:
    """RFC 9440, or nginx; from anybody else it is as if it were not there."""
    provider = MutualTLS(names=[BILLING], header=header)
    for trusted, status in ((True, 200), (False, 401), (1, 401), ("yes", 401), (None, 401)):
        members = {} if trusted is None else {"brrt.peer_trusted": trusted}
        async with connected(shop(provider), **members) as connect:
            answer = await connect.get("/read", headers={header: value})
            assert answer.status_code == status
            assert (await connect.get("/read")).status_code == 401


async def test_no_header_counts_unless_it_is_said() -> None:
    """A trusted proxy alone is not enough, and neither is the connection to it."""
    plain = MutualTLS(names=[BILLING])
    async with connected(shop(plain), **{"brrt.peer_trusted": True}) as connect:
        answer = await connect.get("/read", headers={"Client-Cert": rfc9440()})
        assert answer.status_code == 401
    proxied = MutualTLS(names=[BILLING], header="Client-Cert")
    members = tls(client_cert_name=BILLING, client_cert_chain=(pem(),))
    async with connected(shop(proxied), **members, **{"brrt.peer_trusted": True}) as connect:
        assert (await connect.get("/read")).status_code == 401


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([rfc9440()], 200),
        ([""], 401),
        ([rfc9440(), rfc9440()], 401),
        ([rfc9440("CN=eve"), rfc9440()], 401),
        ([rfc9440("CN=eve")], 401),
        ([":AAAA:"], 401),
        (["AAAA"], 401),
        ([rfc9440() + ", " + rfc9440()], 401),
        ([quote(pem()).replace("%20", "+")], 401),
        ([quote(pem() + pem("CN=eve"))], 401),
        (["%ff%fe"], 401),
    ],
)
async def test_headers_that_are_wrong(values: list[str], status: int) -> None:
    """Twice, unreadable, of somebody else: nobody passes."""
    provider = MutualTLS(names=[BILLING], header="Client-Cert")
    async with connected(shop(provider), **{"brrt.peer_trusted": True}) as connect:
        headers = [("Client-Cert", one) for one in values]
        assert (await connect.get("/read", headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("verdict", "status"),
    [("SUCCESS", 200), ("FAILED:expired", 401), ("NONE", 401), ("success", 401), (None, 401)],
)
async def test_a_proxy_that_tells_its_verdict(verdict: str | None, status: int) -> None:
    """Where it passes on what it did not check, only its SUCCESS counts."""
    provider = MutualTLS(names=[BILLING], header="X-Cert", verified="X-Verified")
    headers = {"X-Cert": quote(pem())} | ({"X-Verified": verdict} if verdict else {})
    async with connected(shop(provider), **{"brrt.peer_trusted": True}) as connect:
        assert (await connect.get("/read", headers=headers)).status_code == status


def test_reading_headers() -> None:
    """Both ways give the same; what is none is refused."""
    for value in (rfc9440(), quote(pem()), quote(pem(), safe=""), f" {rfc9440()} "):
        assert read_header(value.encode()) == ClientCertificate(BILLING, (pem(),))
    with pytest.raises(Unreadable):
        read_header(b":" + b"A" * 10_000 + b":")


def test_a_certificate_of_no_version() -> None:
    """It is refused like others that cannot be read, and no failure of the app."""
    der = certificate().public_bytes(Encoding.DER)
    wrong = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)
    text = base64.b64encode(wrong)
    with pytest.raises(Unreadable):
        read_header(b":" + text + b":")
    chain = f"-----BEGIN CERTIFICATE-----\n{text.decode()}\n-----END CERTIFICATE-----\n"
    with pytest.raises(Unreadable):
        read_chain((chain,))
    assert subject_of(ClientCertificate(BILLING, (chain,))) is None


# Who it is


async def test_who_it_is() -> None:
    """By a mapping of names, or by a function, plain or async."""
    members = tls(client_cert_name=BILLING, client_cert_chain=(pem(),))

    def check(shown: ClientCertificate) -> Service | None:
        return Service("checked") if "billing" in shown.subject else None

    async def later(shown: ClientCertificate) -> Service | None:
        return check(shown)

    for provider, told in (
        (MutualTLS(names={BILLING: Service("named")}), "named"),
        (MutualTLS(check=check), "checked"),
        (MutualTLS(check=later), "checked"),
    ):
        async with connected(shop(provider, who_service), **members) as connect:
            assert (await connect.get("/read")).json() == told
    async with connected(
        shop(MutualTLS(check=check), who_service), **tls(client_cert_name="CN=eve")
    ) as connect:
        assert (await connect.get("/read")).status_code == 401


async def test_scopes() -> None:
    """Held against the principal's; a certificate has none."""
    named = MutualTLS(names={BILLING: Service("named", ("read",))})
    members = tls(client_cert_name=BILLING)
    async with connected(shop(named, who_service, ("read",)), **members) as connect:
        assert (await connect.get("/read")).status_code == 200
    async with connected(shop(named, who_service, ("write",)), **members) as connect:
        assert (await connect.get("/read")).status_code == 403
    with pytest.raises(Forbidden):
        await MutualTLS(names=[BILLING])(ClientCertificate(BILLING), ("read",), None)
    assert await MutualTLS(names=[BILLING])("no certificate", (), None) is None

    def says_no_with_false(shown: ClientCertificate) -> Any:
        return shown if shown.subject == "CN=somebody" else False

    async def anybody() -> str:
        return "in"

    says_no = MutualTLS(check=says_no_with_false)
    assert not await says_no(ClientCertificate(BILLING), ("read",), None)
    async with connected(shop(says_no, anybody, ("read",)), **members) as connect:
        assert (await connect.get("/read")).status_code == 401


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "names= or check="),
        ({"names": [BILLING], "check": print}, "names= or check="),
        ({"names": []}, "a name at least"),
        ({"names": BILLING}, "a name at least"),
        ({"names": ["billing"]}, "RFC 4514"),
        ({"names": [""]}, "RFC 4514"),
        ({"names": [7]}, "RFC 4514"),
        ({"names": {BILLING: None}}, "means nobody"),
        ({"names": [BILLING], "header": ""}, "name of a header"),
        ({"names": [BILLING], "header": "X Cert"}, "name of a header"),
        ({"names": [BILLING], "verified": "X-Verified"}, "goes with header="),
    ],
)
def test_settings(settings: Any, words: str) -> None:
    """Each says what is wrong with it."""
    with pytest.raises(SettingError, match=words):
        MutualTLS(**settings)


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how to install it."""
    monkeypatch.setattr("brrt.security.mutual_tls.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'brrt\[jwt\]'"):
        MutualTLS(names=[BILLING])


def test_repr() -> None:
    """Where it looks, and for how many."""
    assert repr(MutualTLS(names=[BILLING])) == "<MutualTLS of the connection: 1 known>"
    assert (
        repr(MutualTLS(check=print, header="Client-Cert")) == "<MutualTLS in client-cert: checked>"
    )
