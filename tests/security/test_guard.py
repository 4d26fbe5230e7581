"""Guards: closed unless a provider says who it is, whatever is required and whatever is shown."""

import base64
from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from brrt import BadRequest, Basic, Forbidden, Problem, Unauthorized
from brrt.openapi.security import Alternative, Requirement, Scheme
from brrt.security.credentials import find
from brrt.security.guard import Guard

KEY = Scheme("key", "apiKey", "header", "X-Key", "")
QUERY = Scheme("query", "apiKey", "query", "key", "")
COOKIE = Scheme("cookie", "apiKey", "cookie", "sid", "")
BASIC = Scheme("basic", "http", "", "", "basic")
BEARER = Scheme("bearer", "http", "", "", "bearer")
OAUTH = Scheme("oauth", "oauth2", "", "", "bearer")
DIGEST = Scheme("digest", "http", "", "", "digest")


def scope(headers: Mapping[str, str] | list[tuple[str, str]] = {}, query: str = "") -> Any:  # noqa: B006 - read only
    """A request, as far as credentials stand in it."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {
        "headers": [(name.encode(), text.encode("latin-1")) for name, text in pairs],
        "query_string": query.encode(),
    }


async def honest(credentials: Any, scopes: Any, request: Any) -> Any:
    """Knows those who show something good."""
    if credentials == "weak":
        raise Forbidden("not for you")
    return "somebody" if credentials == "good" else None


def guard(*alternatives: Alternative, provider: Any = honest) -> Guard:
    """A guard whose every scheme has the same provider."""
    names = {one.scheme.name for each in alternatives for one in each}
    return Guard(alternatives, dict.fromkeys(names, provider), 'Te"st\n')


def needs(scheme: Scheme, *scopes: str) -> Requirement:
    """A scheme that must be met."""
    return Requirement(scheme, scopes)


async def refused(by: Guard, of: Any) -> Problem:
    """Why a request may not pass."""
    with pytest.raises(Problem) as caught:
        await by.admit(of, None)
    return caught.value


# What is required against what is shown, by a reference that is as short as the specification

SHOWN = (None, "good", "bad")
SETS: list[Alternative] = [
    (),
    (needs(KEY),),
    (needs(QUERY),),
    (needs(KEY), needs(QUERY)),
]


def may_pass(required: tuple[Alternative, ...], shown: Mapping[str, str | None]) -> bool:
    """Section 4.8.30: one alternative must be met whole; bad credentials are never anonymous."""
    for each in required:
        if each and all(shown[one.scheme.name] == "good" for one in each):
            return True
    asked = {one.scheme.name for each in required for one in each}
    is_clean = all(shown[name] != "bad" for name in asked)
    return () in required and is_clean


@pytest.mark.parametrize("required", [*product(SETS, repeat=1), *product(SETS, repeat=2)])
async def test_never_open_by_accident(required: tuple[Alternative, ...]) -> None:
    """Every combination of requirements and credentials is decided as the specification says."""
    for key, query in product(SHOWN, repeat=2):
        headers = {} if key is None else {"x-key": key}
        of = scope(headers, "" if query is None else f"key={query}")
        if may_pass(required, {"key": key, "query": query}):
            principals = await guard(*required).admit(of, None)
            assert set(principals.values()) <= {"somebody"}
        elif () in required and "bad" not in (key, query):  # pragma: no cover - the reference
            pytest.fail("it may pass")
        else:
            assert (await refused(guard(*required), of)).status == 401


@pytest.mark.parametrize("error", [RuntimeError("down"), BadRequest("what?"), KeyboardInterrupt()])
async def test_a_provider_that_fails_lets_nobody_pass(error: BaseException) -> None:
    """Whatever it raises goes on; another alternative is not tried in its place."""

    async def broken(*_: Any) -> Any:
        raise error

    with pytest.raises(type(error)):
        await guard((needs(KEY),), (), provider=broken).admit(scope({"x-key": "good"}), None)


async def test_a_provider_is_asked_once() -> None:
    """However many alternatives need it; for other scopes it is asked again."""
    asked: list[Any] = []

    async def provider(credentials: Any, scopes: Any, request: Any) -> Any:
        asked.append((credentials, scopes, request))

    by = guard(
        (needs(OAUTH, "a"),),
        (needs(OAUTH, "a"), needs(KEY)),
        (needs(OAUTH, "b"),),
        provider=provider,
    )
    with pytest.raises(Unauthorized):
        await by.admit(scope({"authorization": "Bearer token"}), "the request")
    assert asked == [("token", ("a",), "the request"), ("token", ("b",), "the request")]


async def test_a_no_is_a_no() -> None:
    """A provider that compares and returns False has not said who it is."""

    async def provider(credentials: Any, scopes: Any, request: Any) -> Any:
        return bool(credentials == "good")

    by = guard((needs(KEY),), provider=provider)
    assert (await refused(by, scope({"x-key": "bad"}))).status == 401
    assert await by.admit(scope({"x-key": "good"}), None) == {"key": True}


async def test_somebody_who_is_equal_to_nobody() -> None:
    """What a provider returns is not compared: some things say that they are equal to anything."""

    class Anybody:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]  # nor is it put anywhere

    async def provider(*_: Any) -> Any:
        return Anybody()

    by = guard((needs(KEY),), provider=provider)
    assert "key" in await by.admit(scope({"x-key": "good"}), None)


async def test_without_credentials_nobody_is_asked() -> None:
    """A provider sees credentials only."""

    async def provider(*_: Any) -> Any:
        pytest.fail("nobody was there")

    assert (await refused(guard((needs(KEY),), provider=provider), scope())).status == 401


# Credentials


def basic(text: str) -> dict[str, str]:
    """An Authorization header."""
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("scheme", "of", "value"),
    [
        (KEY, scope({"x-key": "k"}), "k"),
        (QUERY, scope(query="a=1&key=k%20%C3%A9"), "k é"),
        (COOKIE, scope({"cookie": "a=b; sid=k"}), "k"),
        (BASIC, scope(basic("name:pass:word")), Basic("name", "pass:word")),
        (BASIC, scope(basic(":")), Basic("", "")),
        (BEARER, scope({"authorization": "bearer  token "}), "token"),
        (OAUTH, scope({"authorization": "BEARER token"}), "token"),
        (DIGEST, scope({"authorization": 'Digest username="x", uri="/"'}), 'username="x", uri="/"'),
    ],
)
def test_credentials_are_found(scheme: Scheme, of: Any, value: Any) -> None:
    """In every place; names of schemes have no case (RFC 9110, section 11.1)."""
    shown = find(scheme, of)
    assert shown is not None
    assert shown.value == value


@pytest.mark.parametrize(
    ("scheme", "of"),
    [
        (KEY, scope([("x-key", "good"), ("x-key", "good")])),
        (KEY, scope({"x-key": ""})),
        (QUERY, scope(query="key=good&key=good")),
        (QUERY, scope(query="key=")),
        (QUERY, scope(query="key=%FF")),
        (QUERY, scope(query="a&" * 1_000 + "key=good")),
        (COOKIE, scope({"cookie": "a=b;" * 1_000 + "sid=good"})),
        (COOKIE, scope([("cookie", "sid=good"), ("cookie", "sid=good")])),
        (COOKIE, scope({"cookie": "sid=bad; a=b; sid=good"})),
        (BASIC, scope({"authorization": "Basic ???"})),
        (BASIC, scope(basic("no colon"))),
        (BASIC, scope({"authorization": "Basic"})),
        (BEARER, scope({"authorization": "Bearer "})),
        (BEARER, scope([("authorization", "Bearer good"), ("authorization", "Bearer good")])),
        (BEARER, scope([("authorization", "Other x"), ("authorization", "Bearer good")])),
    ],
)
async def test_what_cannot_be_read_is_no_credential(scheme: Scheme, of: Any) -> None:
    """It is refused, also where nothing would have passed; no provider sees it."""
    assert (await refused(guard((needs(scheme),), ()), of)).status == 401


@pytest.mark.parametrize("space", ["\xa0", "\x85", "\x1f"])
def test_only_white_space_of_http_is_none(space: str) -> None:
    """What others take for a part of a token is one here, too (RFC 9110, section 5.6.3)."""
    shown = find(BEARER, scope({"authorization": f"Bearer good{space}"}))
    assert shown is not None
    assert shown.value == f"good{space}"
    assert find(BEARER, scope({"authorization": f"{space}Bearer good"})) is None


@pytest.mark.parametrize("scheme", [KEY, QUERY, COOKIE, BASIC, BEARER, OAUTH])
def test_other_schemes_are_none(scheme: Scheme) -> None:
    """A request that shows something else shows nothing."""
    of = scope({"authorization": "Other x", "cookie": "a=b", "x-other": "k"}, "other=k")
    assert find(scheme, of) is None


def test_a_password_is_not_shown() -> None:
    """Also not where credentials are printed."""
    assert "secret" not in repr(Basic("name", "secret"))


# What strangers are told


BOTH = (
    'Bearer realm="Test", Basic realm="Test", charset="UTF-8",'
    ' ApiKey realm="Test", in="header", name="X-Key"'
)


@pytest.mark.parametrize(
    ("alternatives", "headers", "status", "challenge"),
    [
        ([(needs(BEARER),)], {}, 401, 'Bearer realm="Test"'),
        (
            [(needs(BEARER),)],
            {"authorization": "Bearer x"},
            401,
            'Bearer realm="Test", error="invalid_token"',
        ),
        (
            [(needs(OAUTH, "read", "write"),)],
            {"authorization": "Bearer weak"},
            403,
            'Bearer realm="Test", error="insufficient_scope", scope="read write"',
        ),
        ([(needs(BASIC),)], {}, 401, 'Basic realm="Test", charset="UTF-8"'),
        ([(needs(KEY),)], {}, 401, 'ApiKey realm="Test", in="header", name="X-Key"'),
        (
            [(needs(BEARER),), (needs(BASIC), needs(KEY))],
            {},
            401,
            BOTH,
        ),
        ([(needs(KEY),)], {"x-key": "weak"}, 403, None),
    ],
)
async def test_challenges(
    alternatives: list[Alternative], headers: dict[str, str], status: int, challenge: str | None
) -> None:
    """RFC 9110, section 11.6.1; RFC 6750, section 3; RFC 7617, section 2."""
    problem = await refused(guard(*alternatives), scope(headers))
    assert (problem.status, problem.headers.get("WWW-Authenticate")) == (status, challenge)


async def test_a_realm_fits_into_a_header() -> None:
    """Whatever a document is called: headers are ASCII (RFC 9110, section 5.5)."""
    by = Guard(((needs(BASIC),),), {"basic": honest}, "Магазин 24\u00e9")
    problem = await refused(by, scope())
    assert problem.headers["WWW-Authenticate"] == 'Basic realm=" 24", charset="UTF-8"'


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_of_any_class(status: int) -> None:
    """A plain `Problem` gets its challenge as well, and another alternative its turn."""

    async def provider(credentials: Any, *_: Any) -> Any:
        if credentials == "bad":
            raise Problem(status)
        return "somebody"

    by = guard((needs(BEARER),), (needs(KEY),), provider=provider)
    problem = await refused(by, scope({"authorization": "Bearer bad"}))
    assert problem.status == status
    assert "Bearer" in problem.headers["WWW-Authenticate"]
    of = scope({"authorization": "Bearer bad", "x-key": "good"})
    assert await by.admit(of, None) == {"key": "somebody"}


async def test_a_challenge_of_the_providers_own() -> None:
    """It is kept."""

    async def provider(*_: Any) -> Any:
        raise Unauthorized("expired", headers={"www-authenticate": "Own"})

    problem = await refused(guard((needs(KEY),), provider=provider), scope({"x-key": "x"}))
    assert problem.headers == {"www-authenticate": "Own"}


async def test_a_forgotten_await_lets_nobody_pass() -> None:
    """What is to be awaited is nobody."""

    async def look_up() -> None:
        return None

    async def provider(*_: Any) -> Any:
        return look_up()

    with pytest.raises(TypeError, match="await"):
        await guard((needs(KEY),), provider=provider).admit(scope({"x-key": "x"}), None)
