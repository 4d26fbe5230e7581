"""The keys of an issuer: had once for all, kept fresh, never asked for too often, and closed."""

import asyncio
import datetime as dt
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from brrt import JWT, App, Claims, Limits, ServiceUnavailable, SettingError, Unauthorized
from brrt.security.fetching import MAX_DOCUMENT
from brrt.security.issuers import (
    Fetched,
    FetchFailed,
    check_url,
    discovery_urls,
    keys_url,
    read_max_age,
)
from brrt.security.jwk import MAX_KEYS
from brrt.security.key_sets import DEFAULT_AGE, LOGGED, MAX_AGE, MIN_AGE, STALE, FetchedKeys
from brrt.security.keys import Keys
from tests.conftest import Call, Connect, Step, Until, operation, serve
from tests.security.conftest import Make
from tests.security.issuer import AUDIENCE, Issuer, Time, make_key, public_jwk, serve_issuer

LOOPBACK = ip_address("127.0.0.1")
NOT_SIGNED = "the token is not signed by its issuer"


async def who(claims: Claims) -> str:
    """Who calls."""
    return claims.subject or ""


def shop(provider: Any, *others: Any, **settings: Any) -> App:
    """An app with one operation, behind a provider, or else another."""
    providers = {f"scheme{number}": one for number, one in enumerate((provider, *others))}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {"/read": {"get": operation("read", security=[{one: []} for one in providers])}},
        "components": {
            "securitySchemes": {one: {"type": "http", "scheme": "bearer"} for one in providers}
        },
    }
    return App(document, serve(read=who), security=providers, **settings)


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"authorization": f"Bearer {token}"}


async def refusal(provider: JWT, text: str) -> str | None:
    """Why a token is not believed."""
    with pytest.raises(Unauthorized) as caught:
        await provider(text, (), None)
    return caught.value.detail


def fetching() -> list[str]:
    """The tasks that fetch keys."""
    names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith("brrt keys")]


@asynccontextmanager
async def one_issuer() -> AsyncIterator[Issuer]:
    """An issuer with one key, for as long as the block."""
    made = Issuer()
    made.add("one")
    async with serve_issuer(made) as served:
        yield served


# Where they are


async def test_discovery(issuer: Issuer, make: Make, time: Time) -> None:
    """The issuer says where its keys are, and may say something else the next time."""
    provider, text = make(jwks=None), issuer.token(exp=10**10)
    assert (await provider(text, (), None)).subject == "ada"
    time.passed = DEFAULT_AGE + 1
    assert (await provider(text, (), None)).subject == "ada"
    assert (issuer.discoveries, issuer.fetches) == (2, 2)


async def test_discovery_of_oauth(issuer: Issuer, make: Make) -> None:
    """An authorization server that knows no OpenID (RFC 8414)."""
    issuer.openid = False
    assert await make(jwks=None)(issuer.token(), (), None)
    assert issuer.discoveries == 2


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"issuer": "https://evil.example"}, "of another issuer"),
        ({"issuer": "/"}, "of another issuer"),
        ({"issuer": None}, "of another issuer"),
        ({"jwks_uri": None}, "no jwks_uri"),
        ({"jwks_uri": "http://keys.example/"}, "jwks_uri is not https"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri is no absolute"),
    ],
)
async def test_a_configuration_that_is_wrong(
    issuer: Issuer, make: Make, told: dict[str, Any], words: str
) -> None:
    """Discovery 4.3: the issuer must be exactly who was asked, and TLS says who has the keys."""
    good: dict[str, Any] = {"issuer": issuer.url, "jwks_uri": issuer.jwks}
    made = good | told
    if told.get("issuer") == "/":
        made["issuer"] = issuer.url + "/"
    issuer.configuration = made
    provider = make(jwks=None)
    with pytest.raises(ServiceUnavailable):
        await provider(issuer.token(), (), None)
    assert words in str(provider.statistics().keys.last_error)
    assert issuer.fetches == 0


@pytest.mark.parametrize(
    ("issuer", "openid", "oauth"),
    [
        (
            "https://a.example",
            "https://a.example/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://a.example/t/",
            "https://a.example/t/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server/t",
        ),
    ],
)
def test_where_an_issuer_is_asked(issuer: str, openid: str, oauth: str) -> None:
    """Discovery, section 4.1, and RFC 8414, section 3.1."""
    assert discovery_urls(issuer) == (openid, oauth)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://a.example/keys?x=1", True),
        ("http://localhost:80/keys", True),
        ("http://127.0.0.9/keys", True),
        ("http://[::1]/keys", True),
        ("http://localhost.evil.example/keys", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://a.example/", False),
        ("https://user@a.example/", False),
        ("https://a.example/#x", False),
        ("https://ä.example/", False),
        ("https:///keys", False),
        ("https://a.example/ x", False),
        ("//a.example", False),
        ("", False),
    ],
)
def test_urls(url: str, good: bool) -> None:
    """https, or a loopback host; whatever else only where it is said to be insecure."""
    if good:
        assert check_url(url, insecure=False) == url
    else:
        with pytest.raises(ValueError, match=r"https|password"):
            check_url(url, insecure=False)
    assert check_url("http://a.example/", insecure=True)


# How fresh they are


async def test_one_fetch_for_all(issuer: Issuer, make: Make, until: Until) -> None:
    """However many wait; none of them is made to wait again."""
    issuer.gate = asyncio.Event()
    provider, text = make(), issuer.token()
    waiting = [asyncio.ensure_future(provider(text, (), None)) for _ in range(50)]
    await until(lambda: issuer.fetches)
    issuer.gate.set()
    assert {one.subject for one in await asyncio.gather(*waiting)} == {"ada"}
    assert issuer.fetches == 1
    assert not fetching()


async def test_keys_are_fetched_ahead(issuer: Issuer, make: Make, time: Time, until: Until) -> None:
    """Beside the requests, which the old keys serve meanwhile."""
    provider, text = make(), issuer.token(exp=10**10)
    await provider(text, (), None)
    time.passed = DEFAULT_AGE * 0.79
    await provider(text, (), None)
    assert not fetching()
    issuer.gate = asyncio.Event()
    time.passed = DEFAULT_AGE * 0.81
    for _ in range(5):
        assert await provider(text, (), None)
    await until(lambda: issuer.fetches == 2)
    issuer.gate.set()
    await until(lambda: not fetching())
    assert provider.statistics().keys.age == 0


@pytest.mark.parametrize(
    ("told", "age"),
    [
        ({}, DEFAULT_AGE),
        ({"cache-control": "public, max-age=1000"}, 1000),
        ({"cache-control": "max-age=1"}, MIN_AGE),
        ({"cache-control": "no-store"}, MIN_AGE),
        ({"cache-control": "max-age=999999999"}, MAX_AGE),
        ({"cache-control": "max-age=soon"}, DEFAULT_AGE),
    ],
)
async def test_how_long_they_are_good(
    issuer: Issuer, make: Make, time: Time, told: dict[str, str], age: float
) -> None:
    """As their server says, within bounds; after that nobody passes before they are fetched."""
    issuer.headers = told
    provider, text = make(), issuer.token(exp=10**10)
    await provider(text, (), None)
    time.passed = age - 1
    assert not provider.statistics().keys.is_stale
    time.passed = age
    assert provider.statistics().keys.is_stale
    await provider(text, (), None)
    assert issuer.fetches == 2
    assert not provider.statistics().keys.is_stale


@pytest.mark.parametrize(
    ("text", "age"),
    [("", None), ("private", None), ("max-age=5", 5), ('a, MAX-AGE="7", b', 7), ("no-cache", 0)],
)
def test_cache_control(text: str, age: float | None) -> None:
    """RFC 9111, section 5.2."""
    assert read_max_age(text) == age


async def test_rotation(client: Connect, issuer: Issuer, make: Make, time: Time) -> None:
    """A new key is found by the first token that it signs; what the old one signed is refused
    from then on, also where it was remembered as good.
    """
    connect = await client(shop(make()))
    old = issuer.token(exp=10**10)
    assert (await connect.get("/read", headers=bearer(old))).status_code == 200
    issuer.rotate("two")
    assert (await connect.get("/read", headers=bearer(old))).status_code == 200
    new = issuer.token(exp=10**10)
    assert (await connect.get("/read", headers=bearer(new))).status_code == 200
    refused = await connect.get("/read", headers=bearer(old))
    assert (refused.status_code, refused.json()["detail"]) == (401, NOT_SIGNED)
    assert issuer.fetches == 2


async def test_another_key_of_the_same_name(issuer: Issuer, make: Make, time: Time) -> None:
    """What the first has signed is not good because the second has its name."""
    provider, old = make(), issuer.token(exp=10**10)
    await provider(old, (), None)
    issuer.rotate("one", number=5)
    time.passed = DEFAULT_AGE + 1
    assert await refusal(provider, old) == NOT_SIGNED
    assert await provider(issuer.token(exp=10**10), (), None)


async def test_a_key_that_is_for_something_else_now(issuer: Issuer, make: Make, time: Time) -> None:
    """What it has signed by an algorithm that it is no longer for is not remembered as good."""
    provider, key = make(), make_key("RS256")
    issuer.keys["one"] = ("RS256", key)
    old = issuer.token("one", exp=10**10)
    assert await provider(old, (), None)
    issuer.keys["one"] = ("PS256", key)
    time.passed = DEFAULT_AGE + 1
    assert await refusal(provider, old) == NOT_SIGNED
    assert await provider(issuer.token("one", exp=10**10), (), None)


async def test_kids_that_nobody_knows(client: Connect, issuer: Issuer, time: Time) -> None:
    """A flood of them asks the issuer once in each cooldown, and good tokens do not wait."""
    provider = JWT(
        issuer=issuer.url, audience=AUDIENCE, jwks=issuer.jwks, cooldown=10, _clock=time.clock
    )
    connect = await client(shop(provider))
    stranger = Issuer(port=issuer.port)
    for number in range(60):
        stranger.add(f"made-up-{number}")

    async def flood() -> set[int]:
        asked = [connect.get("/read", headers=bearer(stranger.token(kid))) for kid in stranger.keys]
        asked.append(connect.get("/read", headers=bearer(issuer.token())))
        *answers, good = await asyncio.gather(*asked)
        assert good.status_code == 200
        return {one.status_code for one in answers}

    assert await flood() == {401}
    assert issuer.fetches == 2
    time.passed = 9.9
    assert await flood() == {401}
    assert issuer.fetches == 2
    time.passed = 10
    assert await flood() == {401}
    assert issuer.fetches == 3


async def test_a_bad_signature_asks_nobody(issuer: Issuer, make: Make) -> None:
    """The key is known, so no other can help."""
    provider = make()
    for number in range(5):
        forged = Issuer({"one": ("ES256", make_key("ES256", 9))}, port=issuer.port)
        assert await refusal(provider, forged.token(jti=str(number))) == NOT_SIGNED
    assert issuer.fetches == 1


async def test_garbage_asks_nobody(issuer: Issuer, make: Make) -> None:
    """What is no token costs the issuer nothing."""
    provider = make()
    for text in ("garbage", "a.b.c", "x" * 100_000):
        await refusal(provider, text)
    assert issuer.fetches == 0


# When the issuer is down


async def test_an_issuer_that_never_answered(client: Connect, time: Time) -> None:
    """503 with Retry-After for everybody; it is asked again after a while, not each time."""
    async with one_issuer() as issuer:
        provider = JWT(issuer=issuer.url, audience=AUDIENCE, jwks=issuer.jwks, _clock=time.clock)
        connect = await client(shop(provider))
        issuer.answer = Response(status_code=500)
        for _ in range(10):
            answer = await connect.get("/read", headers=bearer(issuer.token()))
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["detail"] == "the keys of the issuer cannot be had now"
        assert issuer.fetches == 1
        assert (await connect.get("/read")).status_code == 401
        waits = []
        for _ in range(10):
            time.passed += 100
            answer = await connect.get("/read", headers=bearer(issuer.token()))
            waits.append(int(answer.headers["retry-after"]))
        assert waits == [2, 3, 6, 12, 24, 45, 45, 45, 45, 45]
        issuer.answer = None
        time.passed += 46
        good = await connect.get("/read", headers=bearer(issuer.token(exp=10**10)))
        assert good.status_code == 200
        statistics = provider.statistics().keys
        assert (statistics.fetches, statistics.failures, statistics.last_error) == (12, 11, None)


async def test_an_issuer_that_goes_down(client: Connect, time: Time, until: Until) -> None:
    """Old keys serve for a bounded time; then nobody passes, whatever was remembered."""
    async with AsyncIssuer() as running:
        issuer = running.issuer
        provider = JWT(issuer=issuer.url, audience=AUDIENCE, jwks=issuer.jwks, _clock=time.clock)
        connect = await client(shop(provider))
        text = bearer(issuer.token(exp=10**10))
        assert (await connect.get("/read", headers=text)).status_code == 200
        await running.stop()
        for passed in (DEFAULT_AGE + 1, DEFAULT_AGE + 2, DEFAULT_AGE + STALE - 1):
            time.passed = passed
            assert (await connect.get("/read", headers=text)).status_code == 200
            await until(lambda: not fetching())
        assert provider.statistics().keys.is_stale
        time.passed = DEFAULT_AGE + STALE
        assert (await connect.get("/read", headers=text)).status_code == 503
        assert "could not be reached" in str(provider.statistics().keys.last_error)
        await running.start()
        time.passed += 60
        assert (await connect.get("/read", headers=text)).status_code == 200


class AsyncIssuer:
    """An issuer that can be stopped and started."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.issuer.add("one")
        self._serving: Any = None

    async def start(self) -> None:
        """Serve, at the same port as before."""
        self._serving = serve_issuer(self.issuer)
        await self._serving.__aenter__()

    async def stop(self) -> None:
        """Be down."""
        if self._serving is not None:
            await self._serving.__aexit__(None, None, None)
        self._serving = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def test_nobody_waits_for_an_issuer_that_is_known_to_be_down(
    issuer: Issuer, make: Make, time: Time, until: Until
) -> None:
    """After one failure the old keys serve at once, and it is asked beside the requests."""
    provider, text = make(), issuer.token(exp=10**10)
    await provider(text, (), None)
    issuer.answer = Response(status_code=502)
    time.passed = DEFAULT_AGE + 1
    assert await provider(text, (), None)
    issuer.gate = asyncio.Event()
    time.passed += 10
    for _ in range(3):
        assert await provider(text, (), None)
    await until(lambda: issuer.fetches == 3)
    assert fetching()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(status_code=404), "404"),
        (Response(status_code=204), "204"),
        (RedirectResponse("/keys", status_code=302), "redirects are not followed"),
        (PlainTextResponse("<html>hush-hush"), "no JSON object"),
        (JSONResponse([]), "no JSON object"),
        (JSONResponse({}), "no JWK Set"),
        (JSONResponse({"keys": {}}), "no JWK Set"),
        (JSONResponse({"keys": []}), "no usable key"),
        (JSONResponse({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}), "no usable key"),
        (Response('{"keys": [], "keys": []}'), "no JSON object"),
        (Response("[" * 100_000), "no JSON object"),
        (Response(b"{}", headers={"content-encoding": "gzip"}), "encoded"),
        (Response(b" " * (MAX_DOCUMENT + 1)), "longer than"),
    ],
)
async def test_answers_that_are_no_keys(
    issuer: Issuer,
    make: Make,
    time: Time,
    caplog: pytest.LogCaptureFixture,
    answer: Response,
    words: str,
) -> None:
    """They replace no good ones; without any nobody passes; nothing of them is shown."""
    issuer.answer = answer
    with caplog.at_level(logging.DEBUG, "brrt"):
        with pytest.raises(ServiceUnavailable):
            await make()(issuer.token(), (), None)
        issuer.answer = None
        provider, text = make(), issuer.token(exp=10**10)
        await provider(text, (), None)
        issuer.answer, time.passed = answer, DEFAULT_AGE + 1
        assert await provider(text, (), None)
    assert words in str(provider.statistics().keys.last_error)
    assert "hush-hush" not in caplog.text
    assert "c2VjcmV0" not in caplog.text
    assert issuer.fetches == 3


async def test_an_issuer_that_is_slow(issuer: Issuer, make: Make) -> None:
    """The whole fetch has a time."""
    issuer.gate = asyncio.Event()
    provider = make(timeout=0.05)
    with pytest.raises(ServiceUnavailable):
        await provider(issuer.token(), (), None)
    assert provider.statistics().keys.last_error == "no answer within 0.05 s"
    assert not fetching()


async def test_a_server_that_speaks_no_http(make: Make) -> None:
    """What it says is not shown."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 secret greeting\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = make(jwks=f"http://127.0.0.1:{port}/keys")
        with pytest.raises(ServiceUnavailable):
            await provider(Issuer({"one": ("ES256", make_key("ES256"))}).token(), (), None)
        error = str(provider.statistics().keys.last_error)
    assert error == "it hung up, or its answer is no HTTP"


async def test_tls_has_to_be_good(make: Make) -> None:
    """Who speaks no TLS is not believed."""
    async with one_issuer() as issuer:
        provider = make(jwks=issuer.jwks.replace("http:", "https:"))
        with pytest.raises(ServiceUnavailable):
            await provider(issuer.token(), (), None)
        assert issuer.fetches == 0


def test_nobody_leads_from_tls_to_this_host() -> None:
    """An issuer on the loopback may have its keys there; one with TLS does not have us ask it."""
    told = {"issuer": "https://a.example", "jwks_uri": "http://127.0.0.1:8500/keys"}
    with pytest.raises(FetchFailed, match="not https, as the issuer is"):
        keys_url(told, "https://a.example", insecure=False)
    assert keys_url(told, "https://a.example", insecure=True)
    assert keys_url(told | {"issuer": "http://[::1]"}, "http://[::1]", insecure=False)


async def test_the_authority_counts_however_a_url_is_written(tmp_path: Path) -> None:
    """Schemes are the same in upper case (RFC 3986, section 3.1), and so is who is believed."""
    file = make_certificate(tmp_path)
    issuer = Issuer(scheme="https")
    issuer.add("one")
    async with serve_issuer(issuer, ssl_certfile=str(file), ssl_keyfile=str(file)):
        url = issuer.jwks.replace("https", "HTTPS")
        trusted = ssl.create_default_context(cafile=str(file))
        settings: dict[str, Any] = {"issuer": issuer.url, "audience": AUDIENCE, "jwks": url}
        provider = JWT(tls=trusted, _clock=Time().clock, **settings)
        assert await provider(issuer.token(), (), None)
        await provider.aclose()


def make_certificate(folder: Path) -> Path:
    """A certificate for the loopback, and its key, in one file."""
    key, name = make_key("ES256", 20), x509.Name.from_rfc4514_string("CN=127.0.0.1")
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "issuer.pem"
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


async def test_an_issuer_with_an_authority_of_its_own(tmp_path: Path, cut: Step) -> None:
    """Believed where its authority is, and by nobody else; also when it is cut, nothing is left."""
    file = make_certificate(tmp_path)
    issuer = Issuer(scheme="https")
    issuer.add("one")
    async with serve_issuer(issuer, ssl_certfile=str(file), ssl_keyfile=str(file)):
        settings: dict[str, Any] = {"audience": AUDIENCE, "_clock": Time().clock}
        stranger = JWT(issuer=issuer.url, **settings)
        with pytest.raises(ServiceUnavailable):
            await stranger(issuer.token(), (), None)
        assert "certificate" in str(stranger.statistics().keys.last_error).lower()
        assert issuer.discoveries == 0
        trusted = ssl.create_default_context(cafile=str(file))
        for turns in (3, 6, 9, 12):
            provider = JWT(issuer=issuer.url, tls=trusted, **settings)
            await cut(partial(provider, issuer.token(), (), None), turns)
            await provider.aclose()
            assert not fetching()
        provider = JWT(issuer=issuer.url, tls=trusted, **settings)
        assert await provider(issuer.token(), (), None)
        await provider.aclose()


async def test_nothing_of_a_token_is_logged(
    client: Connect, caplog: pytest.LogCaptureFixture, time: Time
) -> None:
    """Whatever happens to the issuer, and however much is logged."""
    async with one_issuer() as issuer:
        provider = JWT(issuer=issuer.url, audience=AUDIENCE, _clock=time.clock)
        connect = await client(shop(provider))
        texts = [issuer.token(sub="sub-of-mine", exp=10**10)]
        with caplog.at_level(logging.DEBUG):
            told = [(await connect.get("/read", headers=bearer(texts[0]))).text]
            assert told == ['"sub-of-mine"']
            told.clear()
            issuer.rotate("two")
            texts.append(issuer.token(sub="sub-of-mine", exp=10**10))
            told.append((await connect.get("/read", headers=bearer(texts[1]))).text)
            assert told == ['"sub-of-mine"']
            told = [(await connect.get("/read", headers=bearer(texts[0]))).text]
            issuer.answer = Response(status_code=500)
            time.passed = DEFAULT_AGE + STALE
            told.append((await connect.get("/read", headers=bearer(texts[1]))).text)
    assert "cannot be had" in told[-1]
    shown = "".join(told) + repr(provider) + repr(provider.statistics())
    logged = "".join(one.getMessage() for one in caplog.records)
    for text in texts:
        for part in text.split(".")[1:]:
            assert part not in shown + logged
    assert "sub-of-mine" not in shown + logged


async def test_unusable_keys_are_skipped(
    issuer: Issuer, make: Make, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """They are logged once, by name, and take no others with them."""
    weak = public_jwk(make_key("RS256", 0, 1024), "weak")
    issuer.extra = [weak, {"kty": "oct", "k": "c2VjcmV0", "kid": "leak"}, 7]
    provider = make()
    with caplog.at_level(logging.WARNING, "brrt"):
        for passed in (0, DEFAULT_AGE + 1, 2 * DEFAULT_AGE + 2):
            time.passed = passed
            assert await provider(issuer.token(exp=10**10), (), None)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert "'weak'" in told[0]
    assert "1024 bits" in told[0]
    assert "'leak'" in told[1]
    assert "c2VjcmV0" not in caplog.text


async def test_what_an_issuer_writes_begins_no_line(
    issuer: Issuer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Its words are in the log, and nothing that looks like another entry."""
    rsa = public_jwk(make_key("RS256"), "a\nb")
    issuer.extra = [rsa | {"alg": "X\nERROR forged \u2028"}, rsa | {"alg": [["\n"]]}]
    with caplog.at_level(logging.WARNING, "brrt"):
        await make()(issuer.token(), (), None)
    shown = [one.getMessage() for one in caplog.records]
    assert r"(RSA X\nERROR forged \u2028)" in shown[0]
    assert "(RSA list)" in shown[1]
    assert all(len(one.splitlines()) == 1 for one in shown)


async def test_keys_are_bounded(issuer: Issuer, make: Make) -> None:
    """So many are looked at, and no more."""
    for number in range(MAX_KEYS + 20):
        issuer.keys[f"k{number}"] = ("ES256", make_key("ES256"))
    provider = make()
    assert await provider(issuer.token("k1"), (), None)
    assert provider.statistics().keys.keys == MAX_KEYS


# Whoever gives up, and whoever stops


async def test_a_waiter_that_is_cancelled_harms_nobody(
    issuer: Issuer, make: Make, until: Until
) -> None:
    """The others are served by the same fetch."""
    issuer.gate = asyncio.Event()
    provider, text = make(), issuer.token()
    waiting = [asyncio.ensure_future(provider(text, (), None)) for _ in range(3)]
    await until(lambda: issuer.fetches)
    waiting[0].cancel()
    await asyncio.wait([waiting[0]])
    assert waiting[0].cancelled()
    issuer.gate.set()
    assert await waiting[1]
    assert await waiting[2]
    assert issuer.fetches == 1


async def test_cancellation_at_every_await(issuer: Issuer, make: Make, cut: Step) -> None:
    """Wherever a request is cut, the next one is served, and nothing is left."""
    for turns in range(40):
        provider = make(jwks=None)

        async def ask(provider: JWT = provider) -> Any:
            return await provider(issuer.token(), (), None)

        is_cut = await cut(ask, turns)
        assert await ask()
        await provider.aclose()
        assert not fetching()
        if not is_cut:
            return


async def test_a_fetch_that_is_stopped_at_every_await(issuer: Issuer, make: Make) -> None:
    """Who waits for it hears so at once; no task and no connection is left."""
    for turns in range(40):
        provider = make(jwks=None)
        asked = asyncio.ensure_future(provider(issuer.token(), (), None))
        for _ in range(turns):
            await asyncio.sleep(0)
        await provider.aclose()
        assert not fetching()
        if turns == 0:
            asked.cancel()
        done, _ = await asyncio.wait([asked], timeout=5)
        assert done
        await provider.aclose()
        assert not fetching()
        if not asked.cancelled() and asked.exception() is None:
            return
        assert asked.cancelled() or isinstance(asked.exception(), ServiceUnavailable)


async def test_a_stop_during_a_fetch(wire: Call, issuer: Issuer, time: Time, until: Until) -> None:
    """Whoever is still being asked about is told 503, and no task is left."""
    issuer.gate = asyncio.Event()
    provider = JWT(issuer=issuer.url, audience=AUDIENCE, jwks=issuer.jwks, _clock=time.clock)
    async with shop(provider) as app:
        call = wire(app, "GET", "/read", bearer(issuer.token()))
        await until(lambda: issuer.fetches)
        assert fetching()
    assert not fetching()
    assert await call.status() == 503


class Stubborn:
    """A provider that asks another once more where that has no answer."""

    def __init__(self, inner: JWT) -> None:
        self.inner, self.again = inner, 0

    async def __call__(self, token: str, scopes: tuple[str, ...], request: Any) -> Claims | None:
        """Who it is."""
        try:
            return await self.inner(token, scopes, request)  # type: ignore[no-any-return]  # claims
        except ServiceUnavailable:
            self.again += 1
            return await self.inner(token, scopes, request)  # type: ignore[no-any-return]  # claims

    async def aclose(self) -> None:
        """Close the other one."""
        await self.inner.aclose()


async def test_nobody_asks_once_more_while_it_stops(
    wire: Call, issuer: Issuer, make: Make, until: Until
) -> None:
    """Whoever still waits is sent away before the providers are closed."""
    issuer.gate = asyncio.Event()
    stubborn = Stubborn(make())
    async with shop(stubborn) as app:
        call = wire(app, "GET", "/read", bearer(issuer.token()))
        await until(lambda: issuer.fetches)
    assert not fetching()
    assert await call.status() == 503
    assert stubborn.again == 0


async def test_a_stop_while_a_new_key_is_sought(issuer: Issuer, make: Make, until: Until) -> None:
    """Whether it is good cannot be said: 503, not 401."""
    provider = make()
    await provider(issuer.token(), (), None)
    issuer.rotate("two")
    issuer.gate = asyncio.Event()
    asked = asyncio.ensure_future(provider(issuer.token(), (), None))
    await until(lambda: issuer.fetches == 2)
    await provider.aclose()
    with pytest.raises(ServiceUnavailable):
        await asked


async def test_a_fetch_is_nobodys_request() -> None:
    """It does not run in the context of the request that happens to begin it."""
    request: ContextVar[str] = ContextVar("request", default="none")
    seen: list[str] = []

    async def source() -> Fetched:
        seen.append(request.get())
        raise FetchFailed("down")

    keys = FetchedKeys("issuer", source, lambda document: Keys(()))
    request.set("mine")
    with pytest.raises(ServiceUnavailable):
        await keys.current()
    assert seen == ["none"]


async def test_keys_that_came_meanwhile() -> None:
    """Whoever looked at older ones looks at those, and nobody is asked."""
    asked: list[int] = []

    async def source() -> Fetched:
        asked.append(len(asked))
        return Fetched({}, None)

    def read(document: Any) -> Keys:
        return Keys((), tuple((f"kid-{len(asked)}-{one}", "bad") for one in range(LOGGED - 1)))

    time = Time()
    keys = FetchedKeys("issuer", source, read, clock=time.clock)
    old = await keys.current()
    time.passed = DEFAULT_AGE + 1
    new = await keys.current()
    assert new is not old
    assert await keys.newer(old) is new
    assert len(asked) == 2
    assert len(vars(keys)["_logged"]) < LOGGED


async def test_a_source_that_crashes(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and is a failure like others."""

    async def source() -> Fetched:
        raise RuntimeError("oh")

    keys = FetchedKeys("issuer", source, lambda document: Keys(()))
    with pytest.raises(ServiceUnavailable):
        await keys.current()
    assert keys.statistics().last_error == "RuntimeError"
    assert "could not be read" in caplog.text


async def test_two_apps_in_one_loop(wire: Call, issuer: Issuer, time: Time, until: Until) -> None:
    """The end of one takes nothing from the other, which waits for the same fetch."""
    issuer.gate = asyncio.Event()
    provider = JWT(issuer=issuer.url, audience=AUDIENCE, jwks=issuer.jwks, _clock=time.clock)
    async with shop(provider) as stays:
        async with shop(provider) as goes:
            calls = [wire(app, "GET", "/read", bearer(issuer.token())) for app in (stays, goes)]
            await until(lambda: issuer.fetches)
        assert await calls[1].status() == 503
        issuer.gate.set()
        assert await calls[0].status() == 200
    assert issuer.fetches == 1
    assert not fetching()


async def test_an_app_that_starts_again(client: Connect, issuer: Issuer, time: Time) -> None:
    """What was closed is opened by its next use; keys that are fresh are kept."""
    provider = JWT(issuer=issuer.url, audience=AUDIENCE, jwks=issuer.jwks, _clock=time.clock)
    app = shop(provider)
    for _ in range(3):
        async with app:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as connect:
                answer = await connect.get("/read", headers=bearer(issuer.token()))
        assert answer.status_code == 200
    assert issuer.fetches == 1


def test_two_loops_one_after_the_other() -> None:
    """The same provider serves in both, also where the first ended in the middle of a fetch."""
    made = Issuer()
    made.add("one")
    times = Time()
    providers: list[JWT] = []

    async def abandon() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            made.port = silent.getsockname()[1]
            settings: dict[str, Any] = {"audience": AUDIENCE, "jwks": made.jwks}
            providers.append(JWT(issuer=made.url, _clock=times.clock, **settings))
            asked = asyncio.ensure_future(providers[0](made.token(), (), None))
            while not fetching():  # noqa: ASYNC110 - some turns
                await asyncio.sleep(0)
            assert not asked.done()

    async def use() -> int:
        async with serve_issuer(made):
            app = shop(providers[0])
            async with app:
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://x") as connect:
                    answer = await connect.get("/read", headers=bearer(made.token()))
        return answer.status_code

    asyncio.run(abandon())
    assert asyncio.run(use()) == 200
    assert asyncio.run(use()) == 200
    assert made.fetches == 1


async def test_a_provider_that_cannot_be_closed(
    client: Connect, issuer: Issuer, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the others are closed all the same; each once."""
    closed: list[str] = []

    class Provider:
        def __init__(self, name: str, error: Exception | None) -> None:
            self.name, self.error = name, error

        async def __call__(self, token: str, scopes: Any, request: Any) -> Claims | None:
            return None

        async def aclose(self) -> None:
            closed.append(self.name)
            if self.error:
                raise self.error

    broken, good = Provider("broken", RuntimeError("no")), Provider("good", None)
    bearer_scheme = {"type": "http", "scheme": "bearer"}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {"/read": {"get": operation("read", security=[{"a": []}, {"b": []}, {"c": []}])}},
        "components": {"securitySchemes": dict.fromkeys("abc", bearer_scheme)},
    }
    providers: Any = {"a": broken, "b": good, "c": good}
    async with App(document, serve(read=who), security=providers):
        assert closed == []
    assert closed == ["broken", "good"]
    assert "was not closed" in caplog.text


async def test_a_provider_that_does_not_end(
    issuer: Issuer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """It holds up neither the stop nor the others, and is named."""
    let, closed = asyncio.Event(), asyncio.Event()

    class Endless:
        async def __call__(self, token: str, scopes: Any, request: Any) -> None: ...

        async def aclose(self) -> None:
            while not let.is_set():
                with suppress(asyncio.CancelledError):
                    await let.wait()
            closed.set()

    issuer.gate, provider = asyncio.Event(), make()
    async with shop(Endless(), provider, limits=Limits(cancel_wait=0.05)):
        asked = asyncio.ensure_future(provider(issuer.token(), (), None))
        await asyncio.sleep(0)
        assert fetching()
    assert not fetching()
    with pytest.raises(ServiceUnavailable):
        await asked
    assert "ignores its cancellation" in caplog.text
    assert "let.wait()" in caplog.text
    let.set()
    await closed.wait()


async def test_a_run_that_does_not_begin(
    wire: Call, issuer: Issuer, time: Time, until: Until
) -> None:
    """It closes what it has begun to use, and takes nothing from another app."""

    class Broken:
        async def __call__(self, token: str, scopes: Any, request: Any) -> None: ...

        def begin_run(self) -> None:
            raise RuntimeError("no")

        async def aclose(self) -> None: ...

    issuer.gate = asyncio.Event()
    provider = JWT(issuer=issuer.url, audience=AUDIENCE, jwks=issuer.jwks, _clock=time.clock)
    other, broken = shop(provider), shop(Broken(), provider)
    async with other:
        call = wire(other, "GET", "/read", bearer(issuer.token()))
        await until(lambda: issuer.fetches)
        with pytest.raises(RuntimeError, match="no"):
            await broken.__aenter__()
        issuer.gate.set()
        assert await call.status() == 200


# What is told of them


async def test_statistics_and_repr(issuer: Issuer, make: Make, time: Time) -> None:
    """They tell the truth, and nothing secret."""
    provider = make()
    assert provider.statistics().keys.age is None
    assert "never had, 0 fetches" in repr(provider)
    await provider(issuer.token(), (), None)
    time.passed = 5
    now = provider.statistics()
    assert (now.keys.keys, now.keys.age, now.keys.fetches, now.decisions) == (1, 5, 1, 1)
    assert f"<keys of {issuer.url}: 1, 5 s old, 1 fetches>" in repr(provider)


def test_an_insecure_issuer_has_to_be_called_so() -> None:
    """Only the loopback goes without."""
    with pytest.raises(SettingError, match="insecure=True"):
        JWT(issuer="http://10.1.2.3", audience="a")
    assert JWT(issuer="http://10.1.2.3", audience="a", insecure=True)
