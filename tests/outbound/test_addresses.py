"""A url that a stranger gave leads to the public internet or nowhere, however it is spelled."""

from ipaddress import ip_address
from typing import Any

import pytest

from brrt.errors import DeliveryFailed, TargetRefused
from brrt.outbound.addresses import MAX_URL, Guard
from brrt.outbound.settings import Outbound
from tests.outbound.conftest import Listen, Make, names

GOOD: dict[str, Any] = {"id": 7, "event": "added"}
LOCAL, OTHER, PRIVATE = map(ip_address, ("127.0.0.1", "127.0.0.2", "10.0.0.1"))

# What some resolver, library or browser takes for an address inside.
INSIDE = [
    "127.0.0.1",
    "127.1",
    "127.0.0.1.",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "172.31.255.255",
    "192.0.0.170",
    "192.168.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[2001:db8::1]",
    "[100::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
]


@pytest.mark.parametrize("host", INSIDE)
def test_nothing_inside_is_called(host: str) -> None:
    """Every notation of an address is read before it is judged (RFC 6890, RFC 4291)."""
    with pytest.raises(TargetRefused, match="not on the public internet"):
        Guard(Outbound()).target(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1@127.0.0.1/",
        "http://user:word@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://exam\tple.com/",
        "http://example.com/a b",
        "http://example.com/\r\nHost: other",
        "http://127.0.0.1 .example.com/",
        "http://127%2e0%2e0%2e1/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.x]/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:+80/",
        "http://example.com:\u0668\u0660/",
        "http:///path",
        "http:example.com",
        "//example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "http://..",
        "http://" + "a" * MAX_URL,
        "",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    """Nobody reads it otherwise than we do, since nobody reads it."""
    with pytest.raises(TargetRefused):
        Guard(Outbound()).target(url)


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("HTTP://Example.COM", "example.com", "/"),
        ("http://b\u00fccher.example/\u00e9?q=\u00e9", "xn--bcher-kva.example", "/%C3%A9?q=%C3%A9"),
        ("https://example.com:443/%0d%0aHost:x", "example.com", "/%0d%0aHost:x"),
        ("http://[2606:4700::1111]/", "2606:4700::1111", "/"),
        ("http://1.1.1.1/a?b=c&d=%20", "1.1.1.1", "/a?b=c&d=%20"),
    ],
)
def test_what_is_public_may_be_called(url: str, host: str, path: str) -> None:
    """With what stands on the wire: ASCII, and what was encoded stays so."""
    target = Guard(Outbound()).target(url)
    assert (target.host, target.path) == (host, path)
    assert target.authority in (host, f"[{host}]")


def test_https_only() -> None:
    """Plain http is refused where that is said."""
    guard = Guard(Outbound(https_only=True))
    assert guard.target("https://example.com/").port == 443
    with pytest.raises(TargetRefused, match="https"):
        guard.target("http://example.com/")


async def test_a_name_is_judged_by_all_that_it_means(make: Make, listen: Listen) -> None:
    """Of several addresses only those are called that may be; without one nothing is."""
    receiver = await listen()
    known = {"mixed.test": [PRIVATE, LOCAL], "inside.test": [PRIVATE, ip_address("::1")]}
    sender = make(resolver=names(known), allow=("127.0.0.1",))
    url = receiver.url.replace("127.0.0.1", "mixed.test")
    assert (await sender.send("onEvent", GOOD, url=url)).status == 204
    assert receiver.heard[0].headers["host"] == f"mixed.test:{receiver.port}"
    with pytest.raises(TargetRefused) as caught:
        await sender.send("onEvent", GOOD, url="http://inside.test/")
    assert "10.0.0.1" not in str(caught.value)


async def test_a_name_that_turns_inside(make: Make, listen: Listen) -> None:
    """It is resolved by us and anew for each connection, and what was found is what is called."""
    receiver = await listen(503)
    known = {"turn.test": [LOCAL]}
    sender = make(resolver=names(known), allow=("127.0.0.1",), attempts=1, keep_alive=0)
    url = receiver.url.replace("127.0.0.1", "turn.test")
    with pytest.raises(DeliveryFailed):
        await sender.send("onEvent", GOOD, url=url)
    known["turn.test"] = [PRIVATE]
    with pytest.raises(TargetRefused):
        await sender.send("onEvent", GOOD, url=url)
    assert len(receiver.heard) == 1


async def test_an_address_that_does_not_answer(make: Make, listen: Listen) -> None:
    """The next one of the same name is tried."""
    receiver = await listen()
    sender = make(resolver=names({"two.test": [OTHER, LOCAL]}), attempts=1)
    url = receiver.url.replace("127.0.0.1", "two.test")
    assert (await sender.send("onEvent", GOOD, url=url)).status == 204
