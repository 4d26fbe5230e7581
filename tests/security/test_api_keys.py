"""Keys and passwords: who shows the right one passes, and none of them is ever shown."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from brrt import ApiKey, App, Basic, BasicAuth, BasicUser, Forbidden, SettingError
from brrt.security import api_keys
from brrt.security.digests import is_same
from tests.conftest import Connect, operation, serve

OLD, NEW, OTHER = "old-key-0123", "new-key-4567", "other-key-89"


@dataclass(frozen=True)
class Robot:
    """Something with a key."""

    name: str
    scopes: Any = ()


@dataclass(frozen=True)
class Mute:
    """Something that says nothing of scopes."""

    name: str


PRINTER = Robot("printer", ["read"])
KEYS = {OLD: PRINTER, NEW: PRINTER, OTHER: Mute("clock")}


@pytest.mark.parametrize(
    ("shown", "who"),
    [
        (OLD, PRINTER),
        (NEW, PRINTER),
        (OTHER, Mute("clock")),
        (OLD[:-1], None),
        (OLD + " ", None),
        (OLD.upper(), None),
        ("", None),
        ("\udc80", None),
        ("ключ", None),
        (None, None),
        (7, None),
        (Basic("a", OLD), None),
    ],
)
async def test_keys(shown: Any, who: Any) -> None:
    """Several may be good at a time; whatever else is shown is nobody's."""
    assert await ApiKey(KEYS)(shown, (), None) == who


@pytest.mark.parametrize(
    ("scopes", "wanted", "good"),
    [
        (["read", "write"], ("read",), True),
        ("read write", ("read", "write"), True),
        (frozenset({"read"}), ("write",), False),
        ("readwrite", ("read",), False),
        (None, ("read",), False),
        ((), (), True),
    ],
)
async def test_scopes(scopes: Any, wanted: tuple[str, ...], good: bool) -> None:
    """What is asked for is held against the principal's `scopes`."""
    provider = ApiKey({OLD: Robot("a", scopes)})
    if good:
        assert await provider(OLD, wanted, None)
    else:
        with pytest.raises(Forbidden):
            await provider(OLD, wanted, None)


async def test_who_cannot_say_his_scopes_has_none() -> None:
    """Closed."""
    with pytest.raises(Forbidden, match="scope read"):
        await ApiKey(KEYS)(OTHER, ("read",), None)
    assert await ApiKey(KEYS)(OTHER, (), None)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "needs a key"),
        ({"": PRINTER}, "is empty"),
        ({OLD: PRINTER, "": PRINTER}, "is empty"),
        ({7: PRINTER}, "must be a text, got int"),
        ({b"k3y": PRINTER}, "must be a text, got bytes"),
        ({OLD: None}, "means nobody"),
        ({OLD: False}, "means nobody"),
    ],
)
def test_keys_that_cannot_be(keys: Any, words: str) -> None:
    """It is said when the provider is made, and shows none of them."""
    with pytest.raises(SettingError, match=words) as caught:
        ApiKey(keys)
    assert OLD not in str(caught.value)
    assert "k3y" not in str(caught.value)


PASSWORDS = {"ada": "correct horse", "grace": ["first one", "second:one"]}


@pytest.mark.parametrize(
    ("name", "password", "good"),
    [
        ("ada", "correct horse", True),
        ("grace", "first one", True),
        ("grace", "second:one", True),
        ("ada", "first one", False),
        ("Ada", "correct horse", False),
        ("ada", "", False),
        ("eve", "correct horse", False),
        ("", "", False),
    ],
)
async def test_passwords(name: str, password: str, good: bool) -> None:
    """Several may be good at a time; each only for its user."""
    found = await BasicAuth(PASSWORDS)(Basic(name, password), (), None)
    assert found == (BasicUser(name) if good else None)


async def test_principals_of_users() -> None:
    """Who a user is, where that is said; the others are themselves."""
    provider = BasicAuth(PASSWORDS, principals={"ada": PRINTER})
    assert await provider(Basic("ada", "correct horse"), ("read",), None) == PRINTER
    with pytest.raises(Forbidden):
        await provider(Basic("ada", "correct horse"), ("write",), None)
    with pytest.raises(Forbidden):
        await provider(Basic("grace", "first one"), ("read",), None)
    assert set(provider.principal_types) == {Robot, BasicUser}
    assert await provider("ada", (), None) is None


@pytest.mark.parametrize(
    ("passwords", "principals", "words"),
    [
        ({}, None, "needs a user"),
        ({"ada": ""}, None, "is empty"),
        ({"ada": []}, None, "needs a password"),
        ({"ada": None}, None, "needs a password"),
        ({"ada": b"pa55word"}, None, "needs a password"),
        ({"ada": ["pa55word", ""]}, None, "is empty"),
        ({"ada": [b"pa55word"]}, None, "got bytes"),
        ({"a:da": "pa55word"}, None, "no username"),
        ({7: "pa55word"}, None, "no username"),
        ({"ada": "pa55word"}, {"eve": PRINTER}, "'eve', who has no password"),
        ({"ada": "pa55word"}, {"ada": None}, "means nobody"),
    ],
)
def test_passwords_that_cannot_be(passwords: Any, principals: Any, words: str) -> None:
    """It is said when the provider is made, and shows none of them."""
    with pytest.raises(SettingError, match=words) as caught:
        BasicAuth(passwords, principals=principals)
    assert "pa55word" not in str(caught.value)


class Counter:
    """Counts comparisons, all of them in constant time."""

    def __init__(self, compare: Callable[[bytes, bytes], bool]) -> None:
        self.compare = compare
        self.count = 0

    def __call__(self, one: bytes, other: bytes) -> bool:
        """Compare digests, which are of the same length."""
        assert len(one) == len(other) == 32
        self.count += 1
        return self.compare(one, other)


async def test_everybody_is_refused_after_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown user, a wrong password and a right one take as many comparisons."""
    counter = Counter(is_same)
    monkeypatch.setattr(api_keys, "is_same", counter)
    provider = BasicAuth(PASSWORDS)
    for name, password in (
        ("eve", "x"),
        ("ada", "x"),
        ("ada", "correct horse"),
        ("grace", "first one"),
        ("grace", "second:one"),
    ):
        counter.count = 0
        await provider(Basic(name, password), (), None)
        assert counter.count == 2
    keys = ApiKey(KEYS)
    for shown in (OLD, "x", OLD[:-1]):
        counter.count = 0
        await keys(shown, (), None)
        assert counter.count == 1


async def test_nothing_of_a_secret_decides_where_it_is_looked_up() -> None:
    """Digests are keyed anew by each provider, so nobody can know them beforehand."""
    one, other = ApiKey({OLD: PRINTER}), ApiKey({OLD: PRINTER})
    assert set(vars(one)["_known"]) != set(vars(other)["_known"])


# Through the app


async def who_robot(robot: Robot | None) -> str:
    """A robot, by type."""
    return robot.name if robot else "nobody"


async def who_user(user: BasicUser) -> str:
    """A user, by type."""
    return user.username


def shop(provider: Any, handler: Any, scheme: Any) -> App:
    """An app with one operation, behind a provider."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {"/read": {"get": operation("read", security=[{"it": ["read"]}])}},
        "components": {"securitySchemes": {"it": scheme}},
    }
    if scheme.get("scheme") == "basic":
        document["paths"]["/read"]["get"]["security"] = [{"it": []}]  # type: ignore[index]  # our own document
    return App(document, serve(read=handler), security={"it": provider})


HEADER = {"type": "apiKey", "in": "header", "name": "X-Key"}
QUERY = {"type": "apiKey", "in": "query", "name": "key"}
COOKIE = {"type": "apiKey", "in": "cookie", "name": "key"}
BEARER = {"type": "http", "scheme": "bearer"}


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [
        (HEADER, lambda key: {"headers": {"x-key": key}}),
        (QUERY, lambda key: {"params": {"key": key}}),
        (COOKIE, lambda key: {"headers": {"cookie": f"key={key}"}}),
        (BEARER, lambda key: {"headers": {"authorization": f"Bearer {key}"}}),
    ],
)
async def test_keys_through_the_app(
    client: Connect, caplog: pytest.LogCaptureFixture, scheme: Any, asked: Any
) -> None:
    """From wherever the document says; the handler gets whose it is by type; nothing is shown."""
    provider = ApiKey({OLD: PRINTER, NEW: Robot("lamp", "write")})
    app = shop(provider, who_robot, scheme)
    connect = await client(app)
    with caplog.at_level(logging.DEBUG):
        good = await connect.get("/read", **asked(OLD))
        lacking = await connect.get("/read", **asked(NEW))
        guessed = await connect.get("/read", **asked("guessed-key"))
        stranger = await connect.get("/read")
    assert (good.status_code, good.json()) == (200, "printer")
    assert (lacking.status_code, guessed.status_code, stranger.status_code) == (403, 401, 401)
    told = "".join(one.text + str(one.headers) for one in (lacking, guessed, stranger))
    ours = "".join(one.getMessage() for one in caplog.records if one.name.startswith("brrt"))
    shown = told + ours + repr(provider) + repr(vars(provider)) + repr(app)
    for secret in (OLD, NEW, "guessed-key"):
        assert secret not in shown
    assert repr(provider) == "<ApiKey 2 keys>"


async def test_passwords_through_the_app(client: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """Name and password; nothing is shown."""
    provider = BasicAuth(PASSWORDS)
    connect = await client(shop(provider, who_user, {"type": "http", "scheme": "basic"}))
    with caplog.at_level(logging.DEBUG):
        good = await connect.get("/read", auth=("ada", "correct horse"))
        answers = [
            await connect.get("/read", auth=auth, headers={"x-request-id": "same"})
            for auth in (("ada", "guessed-it"), ("eve", "correct horse"))
        ]
    assert good.json() == "ada"
    assert [one.status_code for one in answers] == [401, 401]
    assert answers[0].text == answers[1].text
    assert answers[0].headers == answers[1].headers
    shown = "".join(one.text for one in answers) + caplog.text + repr(vars(provider))
    for secret in ("guessed-it", "correct horse", "first one"):
        assert secret not in shown
    assert repr(provider) == "<BasicAuth 2 users>"
