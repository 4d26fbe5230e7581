"""JWTs: which are believed, by the sections of RFC 8725, and what becomes of those that are not."""

import base64
import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brrt import (
    JWT,
    App,
    Basic,
    Claims,
    Forbidden,
    MissingExtra,
    Request,
    SettingError,
    Unauthorized,
)
from brrt.security.algorithms import FAMILIES, SECRET_BYTES
from tests.conftest import Connect, operation, serve
from tests.security.issuer import AUDIENCE, NOW, SECRET, Time, claims_of, make_key, public_jwk, sign

ISSUER = "https://issuer.example"


def fixed(algorithm: str = "ES256", **settings: Any) -> JWT:
    """A provider that knows one key, named `one`."""
    keys = {"keys": [public_jwk(make_key(algorithm), "one")]}
    given: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "keys": keys,
        "_clock": Time().clock,
    }
    return JWT(**(given | settings))


def shared(**settings: Any) -> JWT:
    """A provider with a shared secret."""
    return fixed(keys=None, **({"secret": SECRET} | settings))


def token(algorithm: str = "ES256", kid: str | None = "one", **changes: Any) -> str:
    """A good token but for these claims."""
    return sign(claims_of(ISSUER, **changes), make_key(algorithm), algorithm, kid)


def headed(**headers: Any) -> str:
    """A token with these members in its header, signed by the right key."""
    return sign(claims_of(ISSUER), make_key("ES256"), "ES256", "one", headers)


def by_hand(header: Any, payload: Any, signature: str = "c2ln") -> str:
    """A token as somebody writes it who has no key."""
    parts = [
        base64.urlsafe_b64encode(one if isinstance(one, bytes) else json.dumps(one).encode())
        for one in (header, payload)
    ]
    return ".".join([*(one.decode().rstrip("=") for one in parts), signature])


async def refusal(provider: JWT, text: str) -> str:
    """Why a token is not believed."""
    with pytest.raises(Unauthorized) as caught:
        await provider(text, (), None)
    assert caught.value.detail
    return caught.value.detail


# What is believed


async def test_a_good_token() -> None:
    """Its claims, typed."""
    found = await fixed()(token(email="ada@example.com"), ("read",), None)
    assert (found.subject, found.issuer, found.scopes) == ("ada", ISSUER, {"read"})
    assert found.expires == NOW + 300
    assert found.claims["email"] == "ada@example.com"
    assert "ada@example.com" not in repr(found)


async def test_what_is_no_text_is_no_token() -> None:
    """Such as the name and password of HTTP Basic."""
    assert await fixed()(Basic("ada", token()), (), None) is None


@pytest.mark.parametrize("algorithm", FAMILIES)
async def test_asymmetric_algorithms(algorithm: str) -> None:
    """All are allowed by default, each with its own kind of key."""
    assert await fixed(algorithm)(token(algorithm), (), None)


@pytest.mark.parametrize("algorithm", SECRET_BYTES)
async def test_shared_secrets(algorithm: str) -> None:
    """With a secret HS256; the others where they are asked for."""
    secret = SECRET * 2
    provider = shared(secret=[b"x" * 64, secret], algorithms=[algorithm])
    assert await provider(sign(claims_of(ISSUER), secret, algorithm), (), None)
    if algorithm != "HS256":
        text = sign(claims_of(ISSUER), secret, algorithm)
        assert "algorithm" in await refusal(shared(secret=secret), text)


# RFC 8725, section by section


@pytest.mark.parametrize("name", ["none", "None", "nOnE"])
async def test_3_2_none_is_never_allowed(name: str) -> None:
    """Neither in a token nor as a setting (sections 2.1 and 3.2)."""
    for provider in (fixed(), shared()):
        text = by_hand({"alg": name, "kid": "one"}, claims_of(ISSUER))
        assert "algorithm" in await refusal(provider, text)
        unsigned = by_hand({"alg": name}, claims_of(ISSUER), "")
        assert await refusal(provider, unsigned) == "the token cannot be read"
    with pytest.raises(SettingError, match="none"):
        fixed(algorithms=["ES256", name])


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_3_1_no_public_key_is_a_secret(algorithm: str) -> None:
    """HMAC with the public key, in whatever form, signs nothing (section 2.1)."""
    import hashlib
    import hmac

    public = make_key(algorithm).public_key()
    for form in (Encoding.PEM, Encoding.DER):
        secret = public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
        unsigned = by_hand({"alg": "HS256", "kid": "one"}, claims_of(ISSUER), "")
        mac = hmac.digest(secret, unsigned.rstrip(".").encode(), hashlib.sha256)
        signed = unsigned + base64.urlsafe_b64encode(mac).decode().rstrip("=")
        assert "algorithm" in await refusal(fixed(algorithm), signed)
        with pytest.raises(SettingError, match="key, a certificate or a JWK"):
            shared(secret=secret)


async def test_3_1_no_secret_is_a_public_key() -> None:
    """A provider with a secret takes no token that a public key would check."""
    assert "algorithm" in await refusal(shared(), token("RS256"))
    with pytest.raises(SettingError, match="shared secret goes with"):
        shared(algorithms=["HS256", "RS256"])
    with pytest.raises(SettingError, match="give the shared secret"):
        fixed(algorithms=["HS256"])


async def test_3_1_algorithms_are_pinned() -> None:
    """What is not allowed is refused, however good the signature is."""
    provider = fixed("RS256", algorithms=["RS256"])
    assert await provider(token("RS256"), (), None)
    assert "algorithm" in await refusal(provider, token("PS256"))


@pytest.mark.parametrize(
    ("members", "algorithm"),
    [
        ({"alg": "PS256"}, "RS256"),
        ({"alg": "RS256"}, "RS512"),
        ({"alg": "ES256"}, "RS256"),
    ],
)
async def test_3_1_the_key_says_its_algorithm(members: dict[str, str], algorithm: str) -> None:
    """A key with `alg` checks no other."""
    keys = {
        "keys": [
            public_jwk(make_key("RS256"), "one", **members),
            public_jwk(make_key("ES256"), "two"),
        ]
    }
    if members["alg"] == "ES256":
        with pytest.raises(SettingError, match="no allowed algorithm"):
            fixed(keys=keys)
    else:
        text = sign(claims_of(ISSUER), make_key("RS256"), algorithm, "one")
        assert await refusal(fixed(keys=keys), text) == "the token is not signed by its issuer"


@pytest.mark.parametrize(
    ("jwk", "words"),
    [
        (public_jwk(make_key("RS256"), "a", use="enc"), "use"),
        (public_jwk(make_key("RS256"), "a", key_ops=["encrypt"]), "key_ops"),
        (public_jwk(make_key("RS256", 0, 1024), "a"), "1024 bits"),
        (public_jwk(make_key("ES256"), "a") | {"x": "AAAA"}, "cannot be read"),
        (public_jwk(make_key("ES256"), "a") | {"crv": "secp256k1"}, "no allowed algorithm"),
        (public_jwk(make_key("EdDSA"), "a") | {"crv": "X25519"}, "no allowed algorithm"),
        (public_jwk(make_key("ES256"), "a") | {"d": "AAAA"}, "private"),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}, "shared secret"),
        ({"kid": "a"}, "no kty"),
        ({"kty": "RSA", "kid": "a"}, "cannot be read"),
        (public_jwk(make_key("ES256"), "a") | {"kid": 7}, "kid"),
        ("no key", "no JSON object"),
    ],
)
def test_3_5_keys_that_are_not_good_enough(jwk: Any, words: str) -> None:
    """Each says why; nothing of it is shown (sections 3.4 and 3.5)."""
    with pytest.raises(SettingError) as caught:
        fixed(keys={"keys": [jwk]})
    assert words in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(("algorithm", "least"), SECRET_BYTES.items())
def test_3_5_short_secrets_are_refused(algorithm: str, least: int) -> None:
    """RFC 7518, section 3.2; and the secret is not shown."""
    with pytest.raises(SettingError, match=f"needs {least}") as caught:
        shared(secret="s3cret" + "x" * (least - 7), algorithms=[algorithm])
    assert "s3cret" not in str(caught.value)
    shared(secret="x" * least, algorithms=[algorithm])


@pytest.mark.parametrize("changed", ["header", "payload", "signature"])
async def test_3_3_every_part_is_signed(changed: str) -> None:
    """A part of another token, or a bit of the signature, and it is refused."""
    parts, others = token().split("."), token(sub="eve", jti="2").split(".")
    index = ["header", "payload", "signature"].index(changed)
    if changed == "header":
        others[0] = headed(x="y").split(".")[0]
    parts[index] = others[index]
    assert await refusal(fixed(), ".".join(parts)) == "the token is not signed by its issuer"


async def test_3_8_issuer() -> None:
    """Exactly, as text (section 3.8)."""
    for other in (ISSUER + "/", ISSUER.upper(), [ISSUER], None, 7):
        assert await refusal(fixed(), token(iss=other)) == "the token is of another issuer"


async def test_3_8_subject() -> None:
    """A text, if there is one."""
    assert await refusal(fixed(), token(sub=7)) == "the token cannot be read"
    assert (await fixed()(token(sub=None), (), None)).subject is None


@pytest.mark.parametrize(
    ("mine", "its", "good"),
    [
        (AUDIENCE, AUDIENCE, True),
        (AUDIENCE, ["other", AUDIENCE], True),
        (["a", "b"], "b", True),
        (AUDIENCE, "other", False),
        (AUDIENCE, ["other"], False),
        (AUDIENCE, [], False),
        (AUDIENCE, None, False),
        (AUDIENCE, [AUDIENCE, 7], False),
        (AUDIENCE, {AUDIENCE: 1}, False),
        (AUDIENCE, AUDIENCE + "/", False),
        (None, None, True),
        (None, AUDIENCE, False),
    ],
)
async def test_3_9_audience(mine: Any, its: Any, good: bool) -> None:
    """Who is not named refuses; None refuses whatever names somebody (RFC 7519, 4.1.3)."""
    provider = fixed(audience=mine)
    if good:
        assert await provider(token(aud=its), (), None)
    else:
        assert await refusal(provider, token(aud=its)) == "the token is for another audience"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
async def test_3_10_tokens_do_not_say_which_key(name: str) -> None:
    """A key that a token brings along, or where it is, is not looked at."""
    mine = make_key("ES256", 7)
    brought = {"jwk": public_jwk(mine, "one"), "x5c": ["AAAA"]}.get(name, "http://127.0.0.1:1/")
    text = sign(claims_of(ISSUER), mine, "ES256", "one", {name: brought})
    assert await refusal(fixed(), text) == "the token is not signed by its issuer"


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1", "x" * 5_000, "\x00", "two", ""])
async def test_3_10_kids_are_names_only(kid: str) -> None:
    """Whatever it is, it is compared and nothing else."""
    assert await refusal(fixed(), token(kid=kid)) == "the token is not signed by its issuer"


@pytest.mark.parametrize(
    ("wanted", "given", "good"),
    [
        (None, None, True),
        (None, "JWT", True),
        (None, "at+jwt", True),
        (None, "application/at+jwt", True),
        (None, "logout+jwt", False),
        (None, "dpop+jwt", False),
        ("at+jwt", "AT+JWT", True),
        ("at+jwt", "application/at+jwt", True),
        ("at+jwt", "JWT", False),
        ("at+jwt", None, False),
    ],
)
async def test_3_11_types(wanted: str | None, given: str | None, good: bool) -> None:
    """A token of another kind opens no door (sections 3.11 and 3.12)."""
    provider, text = fixed(typ=wanted), headed(typ=given)
    if good:
        assert await provider(text, (), None)
    else:
        assert await refusal(provider, text) == "the token is of another type"


# The rest of RFC 7515 and 7519


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a.b",
        "a.b.c.d.e",
        "..",
        "a.b.",
        "a b.c.d",
        "é.b.c",
        token() + "=",
        token() + "\n",
        " " + token(),
        by_hand(b"[]", {}),
        by_hand(b"no json", {}),
        by_hand(b"\xff", {}),
        by_hand(b'{"alg":"ES256","alg":"none"}', {}),
        by_hand(b'{"alg":NaN}', {}),
        by_hand({"alg": 7}, {}),
        by_hand({}, {}),
        by_hand({"alg": "ES256", "kid": 7}, {}),
        by_hand({"alg": "ES256", "typ": 7}, {}),
        by_hand({"alg": "ES256", "crit": ["exp"], "exp": 1}, {}),
        by_hand({"alg": "ES256", "crit": []}, {}),
        by_hand({"alg": "ES256", "b64": False}, {}),
        by_hand(b'{"a":' * 5_000, {}),
        by_hand({"alg": "ES256", "pad": "x" * 20_000}, {}),
        "x" * 20_000,
    ],
)
async def test_what_cannot_be_read(text: str) -> None:
    """It is no token, whatever else it is; long ones are not even looked at."""
    assert await refusal(fixed(), text) == "the token cannot be read"


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"null",
        b"not json",
        b"\xff\xfe",
        b'{"iss":NaN}',
        b'{"sub":"ada","sub":"eve"}',
        b'{"a":{"b":1,"b":2}}',
        b"[" * 5_000,
    ],
)
async def test_claims_that_are_no_object(payload: bytes) -> None:
    """Also where the signature is good, and where a name stands there twice."""
    text = sign(payload, make_key("ES256"), "ES256", "one")
    assert await refusal(fixed(), text) == "the token cannot be read"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"exp": NOW - 29}, None),
        ({"exp": NOW - 30}, "the token has expired"),
        ({"exp": 0}, "the token has expired"),
        ({"exp": None}, "the token does not say when it expires"),
        ({"exp": "1800000000"}, "the token cannot be read"),
        ({"exp": True}, "the token cannot be read"),
        ({"exp": -1}, "the token cannot be read"),
        ({"exp": 10**400}, "the token cannot be read"),
        ({"exp": [NOW]}, "the token cannot be read"),
        ({"nbf": NOW + 30}, None),
        ({"nbf": NOW + 31}, "the token is not valid yet"),
        ({"nbf": "soon"}, "the token cannot be read"),
        ({"iat": NOW + 30}, None),
        ({"iat": NOW + 31}, "the token was issued in the future"),
        ({"iat": {}}, "the token cannot be read"),
        ({"iat": None}, None),
    ],
)
async def test_times(changes: dict[str, Any], told: str | None) -> None:
    """RFC 7519, sections 4.1.4 to 4.1.6, with 30 seconds by which clocks may differ."""
    if told is None:
        assert await fixed()(token(**changes), (), None)
    else:
        assert await refusal(fixed(), token(**changes)) == told


async def test_no_leeway() -> None:
    """It can be none."""
    assert await refusal(fixed(leeway=0), token(exp=NOW)) == "the token has expired"


async def test_a_token_without_a_kid() -> None:
    """Any key that fits may have signed it."""
    keys = {"keys": [public_jwk(make_key("ES256", number), None) for number in range(3)]}
    for number in range(3):
        text = sign(claims_of(ISSUER), make_key("ES256", number), "ES256")
        assert await fixed(keys=keys)(text, (), None)
    assert "not signed" in await refusal(
        fixed(keys=keys), sign(claims_of(ISSUER), make_key("ES256", 3), "ES256")
    )


async def test_keys_without_a_kid() -> None:
    """They may be what any token means, shared secrets too; the signature says."""
    keys = {"keys": [public_jwk(make_key("ES256", number), None) for number in range(2)]}
    text = sign(claims_of(ISSUER), make_key("ES256", 1), "ES256", "some-name")
    assert await fixed(keys=keys)(text, (), None)
    named = sign(claims_of(ISSUER), SECRET, "HS256", "some-name")
    assert await shared()(named, (), None)
    others = fixed(keys={"keys": [public_jwk(make_key("ES256", 1), "other-name")]})
    assert "not signed" in await refusal(others, text)


# Scopes


@pytest.mark.parametrize(
    ("claims", "setting", "has"),
    [
        ({"scope": "read write"}, None, True),
        ({"scope": "readwrite"}, None, False),
        ({"scope": "READ"}, None, False),
        ({"scope": ""}, None, False),
        ({"scope": None}, None, False),
        ({"scope": None, "scp": ["read"]}, None, True),
        ({"scope": None, "scp": "a read"}, None, True),
        ({"scope": "other", "scp": ["read"]}, None, False),
        ({"scope": {"read": True}}, None, False),
        ({"scope": [["read"]]}, None, False),
        ({"scope": None, "roles": ["read"]}, "roles", True),
        ({"scope": "read", "roles": []}, "roles", False),
    ],
)
async def test_scopes(claims: dict[str, Any], setting: str | None, has: bool) -> None:
    """In `scope`, or else in `scp`, or where it is said; lacking ones are 403."""
    provider = fixed(scopes_claim=setting)
    if has:
        assert await provider(token(**claims), ("read",), None)
    else:
        with pytest.raises(Forbidden, match="needs the scope read"):
            await provider(token(**claims), ("read",), None)


async def test_scopes_are_asked_for_each_time() -> None:
    """A token that is remembered as good is not good for everything."""
    provider, text = fixed(), token()
    assert await provider(text, ("read",), None)
    with pytest.raises(Forbidden, match="scopes write admin"):
        await provider(text, ("read", "write", "admin"), None)
    assert provider.statistics().decisions == 1


# Decisions


async def test_decisions_are_bounded() -> None:
    """The oldest goes first; none are kept where none are wanted."""
    provider = fixed(decisions=2)
    for number in range(5):
        assert await provider(token(jti=str(number)), (), None)
    assert provider.statistics().decisions == 2
    none = fixed(decisions=0)
    assert await none(token(), (), None)
    assert none.statistics().decisions == 0


async def test_decisions_end_with_the_token() -> None:
    """What was good is not good for ever, nor before its time if clocks go back."""
    time = Time()
    provider, text = fixed(_clock=time.clock), token(nbf=NOW)
    assert await provider(text, (), None)
    time.passed = -31
    assert await refusal(provider, text) == "the token is not valid yet"
    time.passed = 301
    assert await provider(text, (), None)
    assert provider.statistics().decisions == 0
    time.passed = 329
    assert await provider(text, (), None)
    time.passed = 330
    assert await refusal(provider, text) == "the token has expired"
    assert provider.statistics().decisions == 0


async def test_refusals_are_not_remembered() -> None:
    """Whoever sends garbage fills nothing."""
    provider = fixed()
    for text in (token(aud="other"), token(exp=1), token(kid="two"), "a.b.c"):
        await refusal(provider, text)
    assert provider.statistics().decisions == 0


# Who it is


@dataclass(frozen=True)
class Person:
    """Somebody, as the app knows him."""

    name: str


class Customer:
    """Made of claims."""

    def __init__(self, claims: Claims) -> None:
        self.name = claims.subject


def person(claims: Claims) -> Person | None:
    """Knows ada."""
    return Person("Ada") if claims.subject == "ada" else None


async def looked_up(claims: Claims) -> Person | None:
    """The same, later."""
    return person(claims)


async def who_claims(claims: Claims) -> str:
    """The claims themselves, by type."""
    return claims.subject or ""


async def who_person(who: Person) -> str:
    """A person, by type."""
    return who.name


async def who_customer(who: Customer) -> str:
    """A customer, by type."""
    return who.name or ""


def shop(provider: Any, handler: Any = who_claims, kind: Any = None) -> App:
    """An app with one operation, behind a provider."""
    item = {"get": operation("read", security=[{"it": ["read"]}])}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {"/read": item},
        "components": {"securitySchemes": {"it": kind or {"type": "http", "scheme": "bearer"}}},
    }
    return App(document, serve(read=handler), security={"it": provider})


FLOW = {"tokenUrl": "/token", "scopes": {"read": "reading"}}
KINDS = [
    {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    {"type": "oauth2", "flows": {"clientCredentials": FLOW}},
    {"type": "openIdConnect", "openIdConnectUrl": "https://issuer.example/x"},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind["type"]))
async def test_through_the_app(client: Connect, kind: Any) -> None:
    """200, 401 with `invalid_token`, 403 with `insufficient_scope`."""
    connect = await client(shop(fixed(), kind=kind))

    async def ask(text: str) -> Any:
        return await connect.get("/read", headers={"authorization": f"Bearer {text}"})

    good = await ask(token())
    assert (good.status_code, good.json()) == (200, "ada")
    for wrong, told in (
        (token(exp=1), "the token has expired"),
        (token(aud="other"), "the token is for another audience"),
        ("garbage", "the token cannot be read"),
    ):
        answer = await ask(wrong)
        assert (answer.status_code, answer.json()["detail"]) == (401, told)
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    lacking = await ask(token(scope="write"))
    assert lacking.status_code == 403
    assert 'error="insufficient_scope", scope="read"' in lacking.headers["www-authenticate"]
    stranger = await connect.get("/read")
    assert stranger.status_code == 401
    assert "error" not in stranger.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("principal", "handler", "told"),
    [
        (None, who_claims, "ada"),
        (person, who_person, "Ada"),
        (looked_up, who_person, "Ada"),
        (Customer, who_customer, "ada"),
    ],
)
async def test_handlers_get_who_it_is(
    client: Connect, principal: Any, handler: Any, told: str
) -> None:
    """By type: claims, what a function says, plain or async, or a class."""
    connect = await client(shop(fixed(principal=principal), handler))
    good = await connect.get("/read", headers={"authorization": f"Bearer {token()}"})
    assert good.json() == told
    if principal in (person, looked_up):
        eve = await connect.get("/read", headers={"authorization": f"Bearer {token(sub='eve')}"})
        assert eve.status_code == 401


async def test_a_principal_that_fails_is_a_500(client: Connect) -> None:
    """Nobody passes, and nothing of it is told."""

    def broken(claims: Claims) -> Person:
        raise RuntimeError("secret")

    connect = await client(shop(fixed(principal=broken), who_person))
    answer = await connect.get("/read", headers={"authorization": f"Bearer {token()}"})
    assert answer.status_code == 500
    assert "secret" not in answer.text


async def test_requests_have_the_claims(client: Connect) -> None:
    """By the name of the scheme."""

    async def tell(request: Request) -> str:
        found: Claims = request.principals["it"]
        return found.issuer

    connect = await client(shop(fixed(), tell))
    answer = await connect.get("/read", headers={"authorization": f"Bearer {token()}"})
    assert answer.json() == ISSUER


async def test_no_token_and_no_secret_is_shown(
    client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in answers nor in the log, whatever is wrong with a token; nor in `repr`."""
    provider = shared()
    connect = await client(shop(provider))
    claims = claims_of(ISSUER, sub="sub-of-mine")
    texts = [
        sign(claims | changes, SECRET, "HS256", "one", headers)
        for changes, headers in (
            ({}, {}),
            ({"exp": 1}, {}),
            ({"aud": "x"}, {}),
            ({"iss": "x"}, {}),
            ({"nbf": NOW * 2}, {}),
            ({"scope": ""}, {}),
            ({}, {"typ": "x"}),
        )
    ]
    texts += [by_hand({"alg": "HS256"}, claims), token("RS256"), "part.of.it"]
    with caplog.at_level(logging.DEBUG):
        told = "".join(
            [
                (await connect.get("/read", headers={"authorization": f"Bearer {text}"})).text
                for text in texts[1:]
            ]
        )
        good = await connect.get("/read", headers={"authorization": f"Bearer {texts[0]}"})
    assert good.status_code == 200
    shown = told + caplog.text + repr(provider) + repr(provider.statistics())
    for text in texts:
        assert not any(part in shown for part in text.split(".") if len(part) > 4)
    assert "sub-of-mine" not in shown
    assert SECRET.decode() not in shown
    assert SECRET.decode() not in repr(vars(provider))


# What is wrong when it is made


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"issuer": ""}, "issuer must be a text"),
        ({"issuer": None}, "issuer must be a text"),
        ({"audience": ""}, "audience cannot be"),
        ({"audience": []}, "audience cannot be"),
        ({"audience": [7]}, "audience cannot be"),
        ({"audience": 7}, "audience cannot be"),
        ({"keys": None, "secret": 7}, "got int"),
        ({"keys": {}}, "no JWK Set"),
        ({"keys": {"keys": []}}, "no usable key"),
        ({"keys": None, "issuer": "shop"}, "issuer is no absolute https url"),
        ({"keys": None, "issuer": "http://issuer.example"}, "insecure=True"),
        ({"keys": None, "issuer": "https://a:b@issuer.example"}, "password"),
        ({"keys": None, "jwks": "http://10.0.0.1/keys"}, "jwks is not https"),
        ({"keys": None, "jwks": "ftp://x"}, "jwks is no absolute"),
        ({"jwks": "https://issuer.example/keys"}, "jwks and keys were given"),
        ({"secret": SECRET}, "keys and secret were given"),
        ({"keys": None, "secret": []}, "secret is empty"),
        ({"keys": None, "secret": [7]}, "got int"),
        ({"algorithms": []}, "algorithms cannot be"),
        ({"algorithms": "RS256"}, "algorithms cannot be"),
        ({"algorithms": ["RS1"]}, "not known"),
        ({"typ": ""}, "typ must be a text"),
        ({"scopes_claim": ""}, "scopes_claim must be a text"),
        ({"leeway": -1}, "leeway must be"),
        ({"leeway": 3_600}, "leeway must be"),
        ({"leeway": True}, "leeway must be a number"),
        ({"max_token": 0}, "max_token must be"),
        ({"decisions": -1}, "decisions must be"),
        ({"stale": "1"}, "stale must be a number"),
        ({"cooldown": -1}, "cooldown must be"),
        ({"timeout": 0}, "timeout must be"),
    ],
)
def test_settings(settings: dict[str, Any], words: str) -> None:
    """Each says what is wrong with it."""
    with pytest.raises(SettingError, match=words):
        fixed(**settings)


def test_the_audience_has_to_be_said() -> None:
    """It is not left out by accident."""
    with pytest.raises(TypeError, match="audience"):
        JWT(issuer=ISSUER)  # type: ignore[call-arg]  # it is the point


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how to install it."""
    monkeypatch.setattr("brrt.security.jwt.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'brrt\[jwt\]'"):
        fixed()


def test_nothing_is_imported_that_is_not_used() -> None:
    """`import brrt` asks for none of the optional libraries."""
    import subprocess
    import sys

    code = "import brrt, sys; print({'jwt', 'cryptography', 'httpcore'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
