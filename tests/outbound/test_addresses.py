"""No url leads into our own network, however it is spelt and whatever its name means later."""

import asyncio
import shutil
import ssl
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from brrt.config import SettingError
from brrt.errors import DeliveryFailed, TargetRefused
from brrt.outbound.addresses import Guard, is_public, read_target
from brrt.outbound.settings import Outbound
from tests.outbound.conftest import LOOPBACK, Listen, Make, names

GOOD = {"id": 7, "event": "added"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "[::]",
        "[::1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[2001:db8::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fec0::1]",
        "[ff02::1]",
        "①②⑦.⓪.⓪.①",
        "localhost",
        "LOCALHOST",
    ],
)
async def test_private_addresses_are_refused_in_every_spelling(make: Make, host: str) -> None:
    """At once, without an attempt to connect, and finally."""
    sender = make(allow=())
    with pytest.raises(TargetRefused, match="not on the public internet"):
        await sender.send("onEvent", GOOD, url=f"http://{host}:9/hook")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/hook",
        "//example.com/hook",
        "ftp://example.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://example.com/",
        "http://",
        "http:///hook",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://example.com@127.0.0.1/",
        "http://:80/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:x/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/a b",
        "http://example.com/\r\nx: y",
        " http://example.com/",
        "http://exa%6dple.com/",
        "http://ex*mple.com/",
        "http://[::1/",
        "http://[127.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://-example.com/",
        f"http://{'a' * 64}.com/",
        f"http://example.com/{'a' * 2_048}",
    ],
)
def test_urls_that_are_no_plain_ones_are_refused(url: str) -> None:
    """Other schemes, users, strange characters: what readers of urls disagree about."""
    with pytest.raises(TargetRefused):
        Guard(Outbound(allow=("0.0.0.0/0", "::/0"))).target(url)


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("http://Example.COM", ("http", "example.com", 80, "/"), "example.com"),
        ("HTTPS://x.test:443/a?b=c#d", ("https", "x.test", 443, "/a?b=c"), "x.test"),
        ("https://x.test:8443/ä%20", ("https", "x.test", 8443, "/%C3%A4%20"), "x.test:8443"),
        ("http://bücher.test/", ("http", "xn--bcher-kva.test", 80, "/"), "xn--bcher-kva.test"),
        ("http://[2A00:1450::1]:81/", ("http", "2a00:1450::1", 81, "/"), "[2a00:1450::1]:81"),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Any, authority: str) -> None:
    """What is called is what stands on the wire."""
    found = read_target(url)
    assert tuple(found) == target
    assert found.authority == authority


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2a00:1450:4001::1", "2606:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    """Those of the internet; also behind a network that translates."""
    assert is_public(ip_address(address))
    if "." in address:
        number = int(ip_address(address))
        assert Guard(Outbound()).permits(ip_address(int(ip_address("64:ff9b::")) + number))


def test_what_is_allowed_is_called() -> None:
    """A network or one address, also where IPv6 only carries it; nothing beside."""
    guard = Guard(Outbound(allow=("10.1.0.0/16", "192.168.7.7", "fd00::/8")))
    for good in ("10.1.2.3", "192.168.7.7", "::ffff:10.1.2.3", "fd12::1"):
        assert guard.permits(ip_address(good))
    for bad in ("10.2.0.1", "192.168.7.8", "127.0.0.1", "fe80::1"):
        assert not guard.permits(ip_address(bad))


def test_https_only_refuses_http() -> None:
    """Where the setting says so."""
    with pytest.raises(TargetRefused, match="https_only"):
        Guard(Outbound(https_only=True)).target("http://example.com")


async def test_a_name_is_called_at_the_address_that_was_checked(listen: Listen, make: Make) -> None:
    """Among the addresses of a name the private ones are passed over; the name stays in Host."""
    receiver = await listen()
    known = {"shop.test": [ip_address("10.0.0.1"), ip_address("127.0.0.1")]}
    sender = make(resolver=names(known))
    await sender.send("onEvent", GOOD, url=f"http://shop.test:{receiver.port}/hook")
    assert receiver.heard[0].headers["host"] == f"shop.test:{receiver.port}"


async def test_a_name_that_changes_its_meaning_is_refused(listen: Listen, make: Make) -> None:
    """Each attempt asks once, and calls what it was told: there is no gap to rebind in."""
    receiver = await listen(503)
    asked: list[str] = []

    async def rebind(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    sender = make(resolver=rebind)
    with pytest.raises(TargetRefused):
        await sender.send("onEvent", GOOD, url=f"http://shop.test:{receiver.port}/hook")
    assert (len(asked), len(receiver.heard)) == (2, 1)


async def test_the_error_does_not_tell_where_a_name_leads(make: Make) -> None:
    """Nobody maps our network with refusals."""
    sender = make(allow=(), resolver=names({"inner.test": [ip_address("10.9.8.7")]}))
    with pytest.raises(TargetRefused) as caught:
        await sender.send("onEvent", GOOD, url="http://inner.test/")
    assert "10.9.8.7" not in str(caught.value)


async def test_a_name_that_nobody_knows_is_tried_again(make: Make) -> None:
    """It may be a passing fault."""
    with pytest.raises(DeliveryFailed, match="name cannot be resolved") as caught:
        await make(resolver=names({})).send("onEvent", GOOD, url="http://nowhere.test")
    assert caught.value.attempts == 5


async def test_looking_up_a_name_has_an_end(make: Make) -> None:
    """The time of an attempt begins with it."""

    async def never(host: str, port: int) -> list[Any]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    with pytest.raises(DeliveryFailed, match="no answer within"):
        await make(resolver=never, timeout=0.05, attempts=1).send(
            "onEvent", GOOD, url="http://x.test"
        )


async def test_proxies_of_the_environment_are_not_used(
    listen: Listen, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would resolve the name itself."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    receiver = await listen()
    await make().send("onEvent", GOOD, url=receiver.url)
    assert len(receiver.heard) == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_tls_is_verified_against_the_name(listen: Listen, make: Make, tmp_path: Path) -> None:
    """Though an address is connected to, the certificate must be the name's."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.test"
    extra = ["-addext", "subjectAltName=DNS:shop.test", "-keyout", key, "-out", certificate]
    command = ("openssl", *words.split(), *map(str, extra))
    made = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    assert await made.wait() == 0
    receiver = await listen(ssl_keyfile=key, ssl_certfile=certificate)
    loopback = [ip_address("127.0.0.1")]
    known = {"shop.test": loopback, "other.test": loopback}
    trusting = ssl.create_default_context(cafile=certificate)
    sender = make(resolver=names(known), tls=trusting, attempts=1)
    await sender.send("onEvent", GOOD, url=f"https://shop.test:{receiver.port}/")
    with pytest.raises(DeliveryFailed, match=r"not valid for 'other\.test'"):
        await sender.send("onEvent", GOOD, url=f"https://other.test:{receiver.port}/")
    strict = make(resolver=names(known), attempts=1)
    with pytest.raises(DeliveryFailed, match="self-signed certificate"):
        await strict.send("onEvent", GOOD, url=f"https://shop.test:{receiver.port}/")
    assert len(receiver.heard) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"attempts": 0},
        {"attempts": 1.5},
        {"attempts": True},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"backoff": -1},
        {"max_payload": "1"},
        {"allow": "127.0.0.1"},
        {"allow": ("localhost",)},
        {"allow": ("10.0.0.1/8",)},
        {"allow": (1,)},
        {"user_agent": "a\r\nb"},
    ],
)
def test_settings_are_checked(settings: Any) -> None:
    """A value out of range is refused when it is given."""
    with pytest.raises(SettingError):
        Outbound(**settings)
    assert Outbound(allow=LOOPBACK, backoff=0).networks
