"""Hosts that may be called at all: decided before any name is looked up."""

import pytest

from brrt import Outbound, SettingError, TargetRefused
from brrt.outbound.addresses import Guard

ONLY = ("hooks.example.com", ".example.org", "127.0.0.1", "10.1.0.0/16")


@pytest.mark.parametrize(
    "host", ["hooks.example.com", "HOOKS.example.COM", "a.example.org", "127.0.0.1", "10.1.2.3"]
)
def test_what_is_listed_may_be_called(host: str) -> None:
    """By its name, below a name, by its address or its network."""
    guard = Guard(Outbound(only=ONLY, allow=("127.0.0.0/8", "10.0.0.0/8")))
    assert guard.target(f"http://{host}/").host == host.lower()


@pytest.mark.parametrize(
    "host",
    ["example.com", "xhooks.example.com", "example.org", "a.example.org.evil.com", "8.8.8.8"],
)
def test_what_is_not_listed_may_not(host: str) -> None:
    """Also what is public."""
    with pytest.raises(TargetRefused, match="only"):
        Guard(Outbound(only=ONLY)).target(f"https://{host}/")


def test_being_listed_opens_no_private_network() -> None:
    """That takes `allow` as well; and an empty list lets nobody be called."""
    with pytest.raises(TargetRefused, match="public"):
        Guard(Outbound(only=ONLY)).target("http://10.1.2.3/")
    with pytest.raises(TargetRefused, match="only"):
        Guard(Outbound(only=())).target("https://example.com/")
    with pytest.raises(SettingError, match="only"):
        Outbound(only="example.com")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host", ["https://example.com", "10.1.0.1/16", "b\u00fccher.example", "", ".", 7]
)
def test_what_would_never_be_a_host_is_refused(host: str) -> None:
    """A list that nothing can be on is a mistake, and is told at once."""
    with pytest.raises(SettingError, match="only"):
        Outbound(only=(host,))
