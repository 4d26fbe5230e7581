"""A client is told what it accepts, or that there is nothing of the kind, before work is done."""

import json
from typing import Any

import pytest

from brrt import App, Problem, Reply
from brrt.http.negotiation import MAX_ACCEPT, parse_accept
from brrt.http.responses import MAX_PREFERENCES
from tests.http.responding import ANY, EMPTY, JSON, answer, having, header, responder

PROBLEM = "application/problem+json"


def weight(accept: str, declared: str) -> float:
    read = parse_accept(accept.encode("latin-1"))
    return 1.0 if read is None else read.weight(declared)


@pytest.mark.parametrize(
    ("accept", "declared", "expected"),
    [
        ("application/json", JSON, 1),
        ("APPLICATION/JSON", JSON, 1),
        ("application/json;q=0.5", JSON, 0.5),
        ("application/json ; q=0.5", JSON, 0.5),
        ("application/json;Q=0.25", JSON, 0.25),
        ("text/html", JSON, 0),
        ("*/*", JSON, 1),
        ("*", JSON, 1),
        ("text/*", "text/html", 1),
        ("text/*", JSON, 0),
        ("*/*;q=0.1, text/*;q=0.2, text/html;q=0.3", "text/html", 0.3),
        ("*/*;q=0.1, text/*;q=0.2, text/html;q=0.3", "text/plain", 0.2),
        ("*/*;q=0.1, text/*;q=0.2, text/html;q=0.3", JSON, 0.1),
        ("text/html;q=0, */*", "text/html", 0),
        ("text/html;q=0.000, */*", "text/html", 0),
        ("application/json;q=0", JSON, 0),
        # RFC 9110, section 12.5.1: its own example
        ("text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5", "text/html", 0.3),
        ("text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5", "text/plain", 0.7),
        ("text/*;q=0.3, text/plain;format=flowed", "text/plain; format=flowed", 1),
        ("text/plain;format=flowed", "text/plain; format=fixed", 0),
        ("text/plain;format=flowed", "text/plain", 0),
        ("text/plain", "text/plain; format=flowed", 1),
        ('a/b;x="1,2";q=0.4, c/d', 'a/b; x="1,2"', 0.4),
        ('a/b;x="1,2";q=0.4, c/d', "c/d", 1),
        ("application/json;charset=utf-8", JSON, 1),
        ("application/json;q=0.5;ext=1", JSON, 0.5),
        ("image/png", "image/*", 1),
        ("image/*;q=0.2", "image/*", 0.2),
        ("text/plain", "image/*", 0),
        ("text/plain;q=0.3", "*/*", 0.3),
        ("*/*;q=0", "*/*", 0),
        # what breaks the grammar is skipped, and alone it means anything
        ("", JSON, 1),
        (" , ,", JSON, 1),
        ("json", JSON, 1),
        ("json, text/html", JSON, 0),
        ("application/json;q=nan", JSON, 1),
        ("application/json;q=2", JSON, 1),
        ("text/html;q=x, application/json;q=.5", JSON, 0.5),
        ('text/html;x="unterminated, application/json', "text/html", 0),
        ("\xff\xfe", JSON, 1),
        ("text/html," * 2_000, JSON, 1),
    ],
)
def test_what_a_media_type_is_worth(accept: str, declared: str, expected: float) -> None:
    """The most specific range decides; q=0 refuses; what cannot be read asks for nothing."""
    assert weight(accept, declared) == expected


def test_the_longest_header_is_read() -> None:
    """A header is read up to its limit, and beyond it means that anything will do."""
    start = "text/html" + " " * (MAX_ACCEPT - len("text/html"))
    assert weight(start, JSON) == 0
    assert weight(start + " ", JSON) == 1


THREE = having(True, JSON, "text/plain", "application/vnd.x+json")


@pytest.mark.parametrize(
    ("accept", "value", "expected"),
    [
        (None, {}, JSON),
        ("*/*", {}, JSON),
        ("application/vnd.x+json", {}, "application/vnd.x+json"),
        ("application/vnd.x+json, */*;q=0.1", {}, "application/vnd.x+json"),
        ("application/*", {}, JSON),
        ("text/plain", "a", "text/plain; charset=utf-8"),
        (None, "a", JSON),
        ("application/json;q=0.5, text/plain", "a", "text/plain; charset=utf-8"),
        ("application/json;q=0.5, text/plain;q=0.5", "a", JSON),
        ("text/plain, application/vnd.x+json;q=0.1", {}, "application/vnd.x+json"),
        ("text/plain", {}, JSON),
        ("application/json", b"raw", "text/plain; charset=utf-8"),
        ("application/vnd.x+json", None, "application/vnd.x+json"),
        ("application/vnd.x+json", [1], "application/vnd.x+json"),
    ],
)
def test_the_client_chooses(accept: str | None, value: Any, expected: str) -> None:
    """Of the types that can write a value, the preferred one; the document's order breaks ties."""
    found = answer(value, accept=accept, s200=THREE)
    assert (header(found, "content-type"), header(found, "vary")) == (expected, "Accept")


@pytest.mark.parametrize("accept", [None, "*/*", "application/*"])
def test_parameters_do_not_push_a_type_ahead(accept: str | None) -> None:
    """Who has no preference gets what the document has first; ranges come last all the same."""
    newer = "application/vnd.x+json;version=2"
    for names in ((JSON, newer), (newer, JSON), ("*/*", JSON, newer), ("text/*", newer, JSON)):
        expected = next(one for one in names if "*" not in one)
        found = answer({}, accept=accept, s200=having(True, *names))
        assert header(found, "content-type") == expected


def test_one_type_varies_with_nothing() -> None:
    """Where there is nothing to choose, caches need not know what was asked for."""
    values: list[Any] = [{}, [], "a", Reply({})]
    for value in values:
        assert header(answer(value, accept=JSON, s200=ANY), "vary") is None


def test_the_handlers_own_choice_wins() -> None:
    """A media type or a content-type of the handler is sent, whatever the client likes better."""
    for reply in (
        Reply("a", media_type="text/plain"),
        Reply("a", headers={"Content-Type": "text/plain"}),
    ):
        found = answer(reply, accept=JSON, s200=THREE)
        assert (header(found, "content-type") or "").startswith("text/plain")
        assert found.body == b"a"
        assert header(found, "vary") is None


def test_vary_of_the_handler_is_kept() -> None:
    """What the handler says of caches is not replaced by what negotiation says."""
    found = answer(Reply({}, headers={"Vary": "Origin"}), accept=JSON, s200=THREE)
    assert [text for name, text in found.headers if name == b"vary"] == [b"Accept", b"Origin"]


PROFILES: dict[str, Any] = {
    "description": "two",
    "content": {
        "application/json; profile=a": {"schema": {"const": "a"}},
        "application/json; profile=b": {"schema": {"const": "b"}},
    },
}


@pytest.mark.parametrize("profile", ["a", "b"])
def test_parameters_tell_types_apart(profile: str) -> None:
    """Each entry has its own schema, chosen by the client or by the handler."""
    name = f"application/json; profile={profile}"
    body = json.dumps(profile).encode()
    for accept in (name, f"application/json;profile={profile}", f'{JSON};profile="{profile}"'):
        found = answer(profile, accept=accept, s200=PROFILES)
        assert (header(found, "content-type"), found.body) == (name, body)
    for named in (name, f"application/json;charset=utf-8;profile={profile}"):
        found = answer(Reply(profile, media_type=named), s200=PROFILES)
        assert (header(found, "content-type"), found.body) == (named, body)
    assert answer(Reply("a", media_type=JSON), s200=PROFILES).body == b'"a"'
    with pytest.raises(Exception, match="profile=c is not declared"):
        answer(Reply("a", media_type=f"{JSON}; profile=c"), s200=PROFILES)


def test_the_plainest_entry_is_the_plain_names() -> None:
    """A name without parameters is of the entry without, and a charset tells nothing apart."""
    profiled = "application/json; profile=a"
    both = {profiled: {"schema": {"const": "a"}}, JSON: {"schema": {"const": 1}}}
    response = {"description": "two", "content": both}
    assert answer(Reply(1, media_type=JSON), s200=response).body == b"1"
    latin = having(True, "text/plain; charset=iso-8859-1")
    found = answer(Reply("é", media_type="text/plain; charset=UTF-8"), s200=latin)
    assert (header(found, "content-type"), found.body) == (
        "text/plain; charset=UTF-8",
        "é".encode(),
    )


def refused(accept: str, **responses: Any) -> Problem | None:
    try:
        responder(**responses).negotiate(accept.encode())
    except Problem as problem:
        return problem
    return None


@pytest.mark.parametrize(
    ("accept", "responses", "is_refused"),
    [
        ("text/html", {"s200": ANY}, True),
        ("application/json;q=0", {"s200": ANY}, True),
        ("text/html", {"s200": ANY, "s201": having(True, "text/html")}, False),
        ("text/html", {"s200": ANY, "s404": having(True, "text/html")}, True),
        ("text/html", {"s200": ANY, "s204": EMPTY}, True),
        ("text/html", {"s2XX": ANY}, True),
        ("text/html", {"default": ANY}, True),
        ("text/html", {"s200": ANY, "default": having(True, "text/html")}, True),
        ("text/html", {"s204": EMPTY}, False),
        ("text/html", {"s200": EMPTY, "s404": ANY}, False),
        ("text/html", {"s200": having(True, "image/*")}, False),
        ("text/html", {"s200": having(True, "*/*")}, False),
        ("text/html", {"s200": having(True, JSON, "*/*")}, False),
        ("text/html", {"s200": having(True, JSON, "image/*")}, True),
        ("*/*", {"s200": ANY}, False),
        ("nonsense", {"s200": ANY}, False),
    ],
)
def test_nothing_acceptable(accept: str, responses: Any, is_refused: bool) -> None:
    """406 where no declared success can be accepted; never where nothing is named."""
    problem = refused(accept, **responses)
    assert (problem.status if problem else None) == (406 if is_refused else None)


def test_a_refusal_says_what_there_is() -> None:
    """RFC 9110, section 15.5.7: a list of what is available, by which the client can choose."""
    problem = refused("image/png", s200=THREE)
    assert problem is not None
    assert problem.members["media_types"] == [JSON, "text/plain", "application/vnd.x+json"]
    assert "application/vnd.x+json" in (problem.detail or "")
    assert problem.headers == {"Vary": "Accept"}


def test_what_is_remembered_is_bounded() -> None:
    """Headers without end are each read, and few of them kept; long ones are not kept at all."""
    made = responder(s200=THREE)
    first = made.negotiate(b"text/plain")
    assert made.negotiate(b"text/plain") is first
    for number in range(MAX_PREFERENCES):
        made.negotiate(b"text/plain;q=1, x/%d" % number)
    assert made.negotiate(b"text/plain") is not first
    for _ in range(2):
        long = b"text/plain," + b"x/y," * MAX_ACCEPT
        assert made.negotiate(long) is not made.negotiate(long)


async def test_it_is_decided_before_the_handler_runs(client: Any, book: Any) -> None:
    """A refused request changes nothing; lines of one header are one list."""
    calls = list[int]()

    async def op() -> Any:
        calls.append(1)
        return {"a": 1}

    both = {"200": THREE}
    item = {"post": book.operation("op", responses=both)}
    app = await client(App(book.spec(op=item), book.serve(op=op)))
    found = await app.post("/op", headers={"accept": "image/png"})
    assert (found.status_code, found.headers["content-type"]) == (406, PROBLEM)
    assert found.json()["media_types"][0] == JSON
    assert not calls
    lines = [("accept", "image/png"), ("accept", "application/vnd.x+json")]
    found = await app.post("/op", headers=lines)
    assert (found.status_code, found.headers["content-type"]) == (200, "application/vnd.x+json")
    assert calls == [1]


async def test_problems_are_sent_to_everybody(client: Any, book: Any) -> None:
    """What went wrong is told in JSON, whatever the client would rather have."""

    async def op(kind: int) -> Any:
        raise Problem(409, detail="no")

    parameter = {"name": "kind", "in": "query", "required": True, "schema": {"type": "integer"}}
    responses = {"200": having(True, "text/html"), "409": having(True, PROBLEM)}
    item = {"get": book.operation("op", parameters=[parameter], responses=responses)}
    app = await client(App(book.spec(op=item), book.serve(op=op)))
    for target, status in (("/op?kind=1", 409), ("/op?kind=x", 400), ("/nowhere", 404)):
        found = await app.get(target, headers={"accept": "text/html"})
        assert (found.status_code, found.headers["content-type"]) == (status, PROBLEM)
