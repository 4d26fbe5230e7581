"""Who called, where proxies stand before the app: believed as far as it may be, and no further."""

from typing import Any

import pytest

from brrt import App, Proxies, Request, SettingError
from brrt.http.proxies import MAX_LINKS, TRUSTED_PEER, Unmasking
from tests.conftest import Connect, serve, spec

PROXIES = ("10.0.0.0/8", "2001:db8::/32")


def unmasked(
    *headers: tuple[str, str], peer: str | None = "10.0.0.1", **options: Any
) -> dict[str, Any]:
    """What the app sees of a request that comes over `peer`."""
    scope = {
        "type": "http",
        "scheme": "http",
        "client": None if peer is None else (peer, 4711),
        "headers": [(b"host", b"inner"), *((n.lower().encode(), t.encode()) for n, t in headers)],
    }
    return dict(Unmasking(Proxies(PROXIES, **options)).unmask(scope))


def address(*headers: tuple[str, str], **options: Any) -> str:
    found: str = unmasked(*headers, **options)["client"][0]
    return found


CHAINS = [
    ("198.51.100.7", "198.51.100.7"),
    ("198.51.100.7:80", "198.51.100.7"),
    ("[2001:db9::1]:80", "2001:db9::1"),
    ("2001:DB9:0::1", "2001:db9::1"),
    ("::ffff:198.51.100.7", "198.51.100.7"),
    ("forged, 198.51.100.7", "198.51.100.7"),  # what comes before anybody can write
    ("10.9.9.9, 198.51.100.7", "198.51.100.7"),
    ("203.0.113.9, 198.51.100.7, 10.0.0.2, 10.0.0.3", "198.51.100.7"),
    ("203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"),  # nobody knows who stands behind it
    ("10.0.0.9, 10.0.0.2", "10.0.0.9"),  # a client of our own network
    ("unknown", "10.0.0.1"),
    ("", "10.0.0.1"),
    (",", "10.0.0.1"),
    ("<script>", "10.0.0.1"),
    ("fe80::1%eth0", "10.0.0.1"),
    ("1.2.3.4.5", "10.0.0.1"),
    (", ".join(["203.0.113.9"] + ["10.0.0.2"] * MAX_LINKS), "10.0.0.2"),
]


@pytest.mark.parametrize(("chain", "expected"), CHAINS)
def test_a_chain_is_read_from_its_end(chain: str, expected: str) -> None:
    """The client is the last link that is no proxy of ours."""
    assert address(("X-Forwarded-For", chain)) == expected


def test_lines_are_one_list() -> None:
    """Several headers are joined in their order (RFC 9110, section 5.3)."""
    assert address(("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "2.2.2.2")) == "2.2.2.2"


FORWARDED = [
    ("for=198.51.100.7", "198.51.100.7"),
    ('for="198.51.100.7:4711"', "198.51.100.7"),
    ('For="[2001:db9:cafe::17]:4711";proto=https', "2001:db9:cafe::17"),
    ("for=203.0.113.9, for=198.51.100.7;by=10.0.0.2, for=10.0.0.3", "198.51.100.7"),
    ("for=unknown", "10.0.0.1"),
    ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
    ("proto=https", "10.0.0.1"),
    ('for="a, for=203.0.113.9', "203.0.113.9"),  # a client opens a quotation
    ('for="a, for="[2001:db9::1]"', "2001:db9::1"),
    ("for=1.1.1.1;for=198.51.100.7", "1.1.1.1"),  # what is said first counts
    ("nonsense", "10.0.0.1"),
]


@pytest.mark.parametrize(("chain", "expected"), FORWARDED)
def test_the_standard_way_of_telling(chain: str, expected: str) -> None:
    """`Forwarded` as RFC 7239 has it: quoted, with ports, hidden, unknown."""
    assert address(("Forwarded", chain), headers="forwarded") == expected


def test_only_what_the_proxies_write_is_read() -> None:
    """A header of the other kind comes from the client itself, and is not looked at."""
    forged = [("Forwarded", "for=203.0.113.9"), ("X-Forwarded-For", "198.51.100.7")]
    assert address(*forged) == "198.51.100.7"
    assert address(*forged, headers="forwarded") == "203.0.113.9"


@pytest.mark.parametrize("peer", ["198.51.100.1", "testclient", "", None, "::ffff:198.51.100.1"])
def test_strangers_are_not_believed(peer: str | None) -> None:
    """Whoever is no proxy of ours is the client, whatever he says."""
    said = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "for=203.0.113.9;proto=https;host=evil.example"),
    ]
    for headers in ("x-forwarded", "forwarded"):
        found = unmasked(*said, peer=peer, headers=headers, host=True)
        assert found["client"] == (None if peer is None else (peer, 4711))
        assert found["scheme"] == "http"
        assert dict(found["headers"])[b"host"] == b"inner"
        assert TRUSTED_PEER not in found


def test_a_proxy_may_come_as_ipv6() -> None:
    """A server that listens on `::` sees its IPv4 peers mapped."""
    assert address(("X-Forwarded-For", "1.1.1.1"), peer="::ffff:10.0.0.1") == "1.1.1.1"


@pytest.mark.parametrize("peer", [None, ""])
def test_a_unix_socket_is_trusted_if_it_is_named(peer: str | None) -> None:
    """It has no address: `"unix"` stands for it."""
    client = None if peer is None else (peer, 0)
    scope = {"client": client, "headers": [(b"x-forwarded-for", b"1.1.1.1")]}
    assert Unmasking(Proxies(("unix",))).unmask(scope)["client"] == ("1.1.1.1", 0)
    assert Unmasking(Proxies(("10.0.0.1",))).unmask(scope) is scope


SCHEMES = [
    ("https", "1.1.1.1", "https"),
    ("HTTPS", "1.1.1.1", "https"),
    ("https", "", "https"),
    ("https, http", "1.1.1.1, 10.0.0.2", "https"),  # how the client of the first proxy came
    ("https, http", "1.1.1.1", "http"),  # the client wrote one itself
    ("javascript", "1.1.1.1", "http"),
    ("", "1.1.1.1", "http"),
]


@pytest.mark.parametrize(("schemes", "chain", "expected"), SCHEMES)
def test_the_scheme_is_that_of_the_client(schemes: str, chain: str, expected: str) -> None:
    """The scheme that stands beside the client's address; of a lone one, that one."""
    found = unmasked(("X-Forwarded-Proto", schemes), ("X-Forwarded-For", chain))
    assert found["scheme"] == expected
    if "," not in schemes:
        standard = unmasked(("Forwarded", f"for={chain};proto={schemes}"), headers="forwarded")
        assert standard["scheme"] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("shop.example", "shop.example"),
        ("shop.example:8443", "shop.example:8443"),
        ("evil.example, shop.example", "shop.example"),
        ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ("a b", "inner"),
        ("a/b", "inner"),
        ("user@evil.example", "inner"),
        ("", "inner"),
    ],
)
def test_the_name_is_believed_only_where_it_is_asked_for(said: str, expected: str) -> None:
    """`host=True` reads it; otherwise the Host header stays as it is."""
    header = ("X-Forwarded-Host", said)
    assert dict(unmasked(header, host=True)["headers"])[b"host"] == expected.encode()
    assert dict(unmasked(header)["headers"])[b"host"] == b"inner"


@pytest.mark.parametrize(
    ("trusted", "text"),
    [
        ((), "give a tuple"),
        ("10.0.0.1", "give a tuple"),
        (("*",), "name the addresses"),
        (("10.0.0.1/8",), "has host bits set"),
        (("proxy.internal",), "is no address or network"),
    ],
)
def test_what_cannot_be_trusted(trusted: Any, text: str) -> None:
    """Faults are told when the settings are made."""
    with pytest.raises(SettingError, match=text):
        Proxies(trusted)


async def who(request: Request) -> list[Any]:
    """The client as a handler sees it."""
    assert request.client is not None
    return [request.client.host, str(request.url)]


def test_settings_are_checked() -> None:
    """Another way of telling, or no settings at all, is refused when the app is built."""
    wrong: Any = "both"
    with pytest.raises(SettingError, match="it is 'x-forwarded' or 'forwarded'"):
        Proxies(PROXIES, headers=wrong)
    with pytest.raises(SettingError, match=r"give brrt\.Proxies"):
        App(spec("who"), serve(who=who), proxies=wrong)


async def test_handlers_see_the_client(client: Connect) -> None:
    """Through the whole app: `request.client` and `request.url` are the client's."""
    said = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"}
    for proxies, expected in [
        (Proxies(("127.0.0.1",)), ["198.51.100.7", "https://test/who"]),
        (Proxies(("10.0.0.1",)), ["127.0.0.1", "http://test/who"]),
        (None, ["127.0.0.1", "http://test/who"]),
    ]:
        http = await client(App(spec("who"), serve(who=who), proxies=proxies))
        assert (await http.get("/who", headers=said)).json() == expected
