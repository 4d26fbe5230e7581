"""Who is one client."""

from typing import Any

import pytest

from brrt.rates.clients import NO_ADDRESS, by_address, by_name


def address(host: Any) -> str:
    """The client behind an address."""
    return by_address({"client": (host, 1)})


@pytest.mark.parametrize(
    "others",
    [
        ("192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:0201"),
        (
            "2001:db8:1:2::1",
            "2001:db8:1:2:ffff:ffff:ffff:ffff",
            "2001:DB8:1:2:0::9",
            "2001:db8:1:2::",
        ),
        ("fe80::1", "fe80::2%eth0"),
    ],
)
def test_many_addresses_may_be_one_client(others: tuple[str, ...]) -> None:
    """A /64 of IPv6, and an address of IPv4 however it is written."""
    assert len({address(one) for one in others}) == 1


def test_others_are_others() -> None:
    """Neighbours in IPv4, and in the next /64, are counted apart."""
    hosts = ("192.0.2.1", "192.0.2.2", "2001:db8:1:2::1", "2001:db8:1:3::1", "::1", "testclient")
    assert len({address(one) for one in hosts}) == len(hosts)
    assert address("2001:db8:1:2::1") == "2001:db8:1:2::/64"


@pytest.mark.parametrize("scope", [{}, {"client": None}, {"client": ("", 0)}])
def test_whoever_has_no_address_shares_one_count(scope: dict[str, Any]) -> None:
    """Nobody gets around a limit by having none."""
    assert by_address(scope) == NO_ADDRESS


@pytest.mark.parametrize("host", ["x" * 10_000, "x:" * 10_000, "::\0", "not:an:address", "\ud800"])
def test_what_is_no_address_is_bounded(host: str) -> None:
    """A proxy that passes on what clients say does not fill the memory."""
    assert len(address(host)) <= 45
    assert address(host).isascii()


def test_a_name_is_kept_as_its_digest() -> None:
    """It may be long, or secret; and it is nobody's address."""
    assert by_name("secret" * 10_000) == by_name("secret" * 10_000)
    assert len(by_name("secret")) == 32
    assert by_name("192.0.2.1") != address("192.0.2.1")


@pytest.mark.parametrize("name", [1, b"a", ("a",), False])
def test_a_name_is_a_text(name: Any) -> None:
    """What is none is an error in the app, and not a client that is never the same."""
    with pytest.raises(TypeError, match="gives a text, or None"):
        by_name(name)


def test_a_name_that_is_no_text_is_not_shown() -> None:
    """It may be a key, such as a header that was not decoded, and the error is logged."""
    with pytest.raises(TypeError, match="of bytes") as caught:
        by_name(b"secret")
    assert "secret" not in str(caught.value)
