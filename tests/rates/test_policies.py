"""Limits as they are written, and as clients are told of them."""

from typing import Any

import pytest

from brrt import MissingExtra, RateLimits, SettingError
from brrt.rates.policies import make_rates, parse


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("100/minute", ((100, 60),)),
        ("100 per minute", ((100, 60),)),
        ("5/10seconds", ((5, 10),)),
        ("10 PER 2 Hours", ((10, 7_200),)),
        ("1/day", ((1, 86_400),)),
        ("1000/hour; 10/second", ((10, 1), (1_000, 3_600))),
        (["1000/hour", "10/second"], ((10, 1), (1_000, 3_600))),
        (["1/second", "1/second"], ((1, 1),)),
    ],
)
def test_a_limit_is_read(written: Any, meant: Any) -> None:
    """Several are sorted by their windows, so that the shortest is asked first."""
    assert parse(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        *("", "many", "100", "100/", "/minute", "100/fortnight", "-1/minute", "1.5/minute"),
        *(
            "0/minute",
            "1/0minutes",
            "1 per 0 minute",
            "\u0661/minute",
            f"1/{10**9}years",
            f"{10**11}/day",
        ),
        *(100, True, None, {}, [], [100], ["1/second", ""], b"1/second"),
    ],
)
def test_what_cannot_be_read_is_refused(written: Any) -> None:
    """Nothing is guessed, and a limit of nothing is none."""
    with pytest.raises(ValueError):
        parse(written)


def test_clients_are_told_of_every_limit() -> None:
    """Each has a name of its own, and is a Structured Fields String."""
    assert make_rates(((5, 60),), "search", "k").field == b'"search";q=5;w=60'
    both = make_rates(((10, 1), (1_000, 3_600)), "default", "k").field
    assert both == b'"default 10 in 1";q=10;w=1, "default 1000 in 3600";q=1000;w=3600'
    assert make_rates(((1, 1),), 'a"\\\r\nü b', "k").field == b'"a b";q=1;w=1'


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"default": "often"}, r"'often' is no rate limit; write it as \"100/minute\""),
        ({"default": []}, "is no rate limit"),
        ({"key": "x-api-key"}, "write `def key"),
        ({"strategy": "sliding_window"}, "did you mean 'sliding-window'"),
        ({"strategy": 1}, "it is one of"),
        ({"storage": "localhost:6379"}, "write a url such as redis://"),
        ({"storage": "redis://localhost:port"}, "cannot be read"),
        ({"storage": 1}, "write a url"),
        ({"max_clients": 0}, "more than 0"),
        ({"max_clients": 1.5}, "whole number"),
        ({"max_clients": True}, "whole number"),
        ({"timeout": "1"}, "must be a number"),
        ({"timeout": float("nan")}, "more than 0"),
    ],
)
def test_a_wrong_setting_is_told_with_its_cure(setting: dict[str, Any], says: str) -> None:
    """It does not wait for the first request."""
    with pytest.raises(SettingError, match=says):
        RateLimits(**setting)


async def slow(request: Any) -> str:
    """A key that waits."""
    return "a"


def test_a_key_does_not_wait() -> None:
    """It is asked for every request, before anything bounds how many there are."""
    key: Any = slow
    with pytest.raises(SettingError, match="must not wait"):
        RateLimits(key=key)


def test_a_password_is_not_shown() -> None:
    """Settings are printed and logged; the url of a storage is not."""
    assert "secret" not in repr(RateLimits(storage="redis://:secret@localhost"))


@pytest.mark.parametrize(
    "url",
    [
        "redis+tls://:secret@localhost",
        "redis://me:secret#1@localhost",
        "redis://:secret/1@localhost",
        "redis://:secret?1@localhost",
        "redis://:secret\u2100@localhost",
    ],
)
def test_a_password_is_not_shown_in_errors(url: str) -> None:
    """One with a character that ends the name of the host is read as its port, which is no number:
    those who read urls say which.
    """
    with pytest.raises(SettingError) as caught:
        RateLimits(storage=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("library", "extra"), [("limits", "rates"), ("redis", "redis")])
def test_a_library_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, extra: str
) -> None:
    """And so is what installs it."""
    monkeypatch.setattr(
        f"brrt.rates.{'policies' if library == 'limits' else 'settings'}.find_spec",
        lambda name: None,
    )
    with pytest.raises(MissingExtra, match=rf"pip install 'brrt\[{extra}\]'"):
        RateLimits(storage="redis://localhost")
