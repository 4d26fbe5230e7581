"""What a handler says beside its value arrives, and forges nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from brrt import Reply
from brrt.http.answers import ContractBroken, encode_headers
from tests.http.responding import ANY, EMPTY, answer, header


@dataclass
class Pet:
    name: str


async def get_pet() -> Reply[Pet]:
    return Reply[Pet](Pet("Rex"), status=201)


async def test_replies_are_typed() -> None:
    """`Reply[Pet]` is a type and a call; without a value there is nothing to type."""
    reply = await get_pet()
    assert reply.value.name == "Rex"
    empty: Reply[None] = Reply(status=204)
    assert empty.value is None
    assert Reply[Pet](Pet("Rex")) == Reply(Pet("Rex"))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("/pets/1", "/pets/1"),
        ("/pets/é", "/pets/%C3%A9"),
        ("/pets/a b", "/pets/a%20b"),
        ("/pets/%C3%A9?a=1&b=[2]#top", "/pets/%C3%A9?a=1&b=[2]#top"),
        ("https://example.com/~me/日本", "https://example.com/~me/%E6%97%A5%E6%9C%AC"),
        ("/a\r\nSet-Cookie: b=1", "/a%0D%0ASet-Cookie:%20b=1"),
        ('/a"<>', "/a%22%3C%3E"),
    ],
)
def test_locations(given: str, sent: str) -> None:
    """A location is a URI: what cannot stand in one is encoded, what is encoded stays."""
    found = answer(Reply({}, 201, location=given), s201=ANY)
    assert header(found, "location") == sent


@pytest.mark.parametrize(
    ("links", "sent"),
    [
        ({"next": "/pets?page=2"}, '</pets?page=2>; rel="next"'),
        (
            {"next": "/pets?page=3", "prev": "/pets?page=1"},
            '</pets?page=3>; rel="next", </pets?page=1>; rel="prev"',
        ),
        ({"item": ["/a", "/b"]}, '</a>; rel="item", </b>; rel="item"'),
        ({"next": "/é>; rel=evil"}, '</%C3%A9%3E;%20rel=evil>; rel="next"'),
        ({"https://example.com/rel": "/a"}, '</a>; rel="https://example.com/rel"'),
    ],
)
def test_links(links: Mapping[str, str | list[str]], sent: str) -> None:
    """RFC 8288, section 3: targets in angle brackets, each with its relation."""
    assert header(answer(Reply({}, links=links), s200=ANY), "link") == sent
    assert header(answer(Reply(None, links=links), s200=EMPTY), "link") == sent


@pytest.mark.parametrize("relation", ["", "a b", 'a"; rel="b', "a\\", "a\r\nb", "é"])
def test_relations_end_where_they_end(relation: str) -> None:
    """What is no relation type does not become part of a header."""
    with pytest.raises(ContractBroken, match="no relation type"):
        answer(Reply({}, links={relation: "/a"}), s200=ANY)


def test_headers_beside_location_and_links() -> None:
    """Given headers stay, in pairs or as a mapping."""
    givens: list[Any] = [{"X-A": "b"}, [("X-A", "b")], (("X-A", "b"),)]
    for given in givens:
        found = answer(Reply({}, headers=given, location="/a", links={"up": "/"}), s200=ANY)
        names = [name for name, _ in found.headers]
        assert sorted(names) == sorted(
            [b"content-type", b"x-a", b"location", b"link", b"content-length"]
        )


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "Transfer-Encoding"])
def test_framing_is_not_the_handlers(name: str) -> None:
    """Two answers to where a body ends are how responses are smuggled: ours is the one."""
    found = answer(Reply({}, headers={name: "chunked"}), s200=ANY)
    assert header(found, "transfer-encoding") is None
    assert header(found, "content-length") == "2"


@pytest.mark.parametrize("text", ["日本", "\ud800"])
def test_headers_that_are_not_latin(text: str) -> None:
    """What no header can hold is found out, and told how to mend."""
    with pytest.raises(ContractBroken, match="encode what is not Latin-1"):
        encode_headers({"X-A": text})
    with pytest.raises(ContractBroken, match=r"cannot be a URI"):
        answer(Reply({}, location="\ud800"), s200=ANY)


@pytest.mark.parametrize("status", [0, 99, 100, 101, 103, 199, 600, 999, -1, "200", 200.0])
def test_statuses_that_are_none(status: Any) -> None:
    """An informational status is no answer, and what HTTP does not have is none either."""
    for mode in ("strict", "warn", "off"):
        with pytest.raises(ContractBroken, match="not the status of an answer"):
            answer(Reply({}, status), mode, default=ANY)


@pytest.mark.parametrize("mode", ["strict", "warn", "off"])
def test_redirects(mode: Any) -> None:
    """A redirect is a status, a location and an empty body."""
    found = answer(Reply(status=303, location="/a"), mode, s200=ANY, s303=EMPTY)
    assert (found.status, found.body) == (303, b"")
    assert header(found, "location") == "/a"
    assert header(found, "content-type") is None
