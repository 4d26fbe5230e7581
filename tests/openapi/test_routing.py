"""The router finds the one template that a path means, at a cost that no request can raise."""

import re
from itertools import permutations, product
from typing import Any

import pytest

from brrt.openapi.routing import Router, Template, canonical, canonical_from_decoded


def router(*routes: str) -> Router[str]:
    """A router for `GET /pets/{id}` and the like; each leads to its own text."""
    made: Router[str] = Router()
    for route in routes:
        method, template = route.split(" ", 1)
        made.add(template, method, route)
    return made


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/", "/"),
        (b"/pets/1", "/pets/1"),
        (b"/pets?limit=1", "/pets"),
        (b"/a%20b?x=%2F", "/a%20b"),
        (b"/%61%7E%2d%2E%5f", "/a~-._"),
        (b"/a%2fb%2Cc", "/a%2Fb%2Cc"),
        (b"/caf\xc3\xa9", "/caf%C3%A9"),
        (b"/caf%c3%a9", "/caf%C3%A9"),
        (b"/%zz%4", "/%25zz%254"),
        (b"/%%34%31", "/%2541"),
        (b'/a|b"{c}', "/a%7Cb%22%7Bc%7D"),
        (b"/\x00 ", "/%00%20"),
        (b"/!$&'()*+,;=:@", "/!$&'()*+,;=:@"),
        (b"", ""),
        (b"*", "*"),
    ],
)
def test_canonical(raw: bytes, expected: str) -> None:
    """Equivalent spellings of a path (RFC 3986, 6.2.2) become one, and the query is cut off."""
    assert canonical(raw) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/pets/1", "/pets/1"),
        ("/café", "/caf%C3%A9"),
        ("/100%", "/100%25"),
        ("/a b?", "/a%20b%3F"),
        ("/!$&'()*+,;=:@", "/!$&'()*+,;=:@"),
        ("/\udcff", "/%ED%B3%BF"),
    ],
)
def test_canonical_from_decoded(path: str, expected: str) -> None:
    """A path that the server has decoded is quoted again; nothing in it can raise."""
    assert canonical_from_decoded(path) == expected


def test_canonical_knows_every_byte() -> None:
    """No path of two arbitrary bytes, or of an arbitrary escape, makes `canonical` fail."""
    for first, second in product(range(256), repeat=2):
        assert canonical(bytes([first, second])).isascii()
        assert canonical(b"%%%c%c" % (first, second)).isascii()


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("/", b"/", ()),
        ("/pets", b"/pets", ()),
        ("/pets/", b"/pets/", ()),
        ("/a//b", b"/a//b", ()),
        ("/café", b"/caf%C3%A9", ()),
        ("/caf%c3%a9", "/café".encode(), ()),
        ("/pets/{id}", b"/pets/7", ("7",)),
        ("/pets/{id}/", b"/pets/7/", ("7",)),
        ("/pets/{id}", b"/pets/a%2Fb", ("a%2Fb",)),
        ("/pets/{id}", b"/pets/%C3%28", ("%C3%28",)),
        ("/pets/{id}", b"/pets/a+b,c;d", ("a+b,c;d",)),
        ("/{a}/{b}/x/{c}/{d}", b"/1/2/x/3/4", ("1", "2", "3", "4")),
        ("/{a/b}/{with space}", b"/1/2", ("1", "2")),
        ("/a-{x}", b"/a-1", ("1",)),
        ("/{x}.json", b"/1.json", ("1",)),
        ("/files/{name}.{ext}", b"/files/a.b.c", ("a.b", "c")),
        ("/files/{name}.{ext}", b"/files/a..", ("a", ".")),
        ("/{base}...{head}", b"/v1...v2...v3", ("v1...v2", "v3")),
        ("/{base}...{head}", b"/.......", ("...", ".")),
        ("/{a}{b}", b"/xyz", ("xy", "z")),
        ("/{a}-{b}-{c}", b"/1-2-3-4", ("1-2", "3", "4")),
        ("/{x}2{y}", b"/a%2Fb2c", ("a%2Fb", "c")),
        ("/é{x}è", b"/%c3%a91%C3%A8", ("1",)),
        ("/{x}é{y}", b"/%C3%C3%A9%A9", ("%C3", "%A9")),
        ("/{a}.{b}/{c}", b"/1.2/3", ("1", "2", "3")),
    ],
)
def test_match(template: str, path: bytes, values: tuple[str, ...]) -> None:
    """A template matches its paths; values are raw and stand in template order."""
    assert router(f"GET {template}").find("GET", canonical(path)) == (f"GET {template}", values)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/", b""),
        ("/", b"//"),
        ("/", b"*"),
        ("/pets", b"/pets/"),
        ("/pets", b"/Pets"),
        ("/pets", b"pets"),
        ("/pets/", b"/pets"),
        ("/pets/{id}", b"/pets/"),
        ("/pets/{id}", b"/pets"),
        ("/pets/{id}", b"/pets/1/"),
        ("/pets/{id}", b"/pets/1/2"),
        ("/pets/{id}", b"/pets//1"),
        ("/pets/{id}/toys", b"/pets//toys"),
        ("/a/b", b"/a%2Fb"),
        ("/{a}.{b}", b"/.x"),
        ("/{a}.{b}", b"/x."),
        ("/{a}.{b}", b"/."),
        ("/{a}.{b}", b"/"),
        ("/{a}-{b}-{c}", b"/1-2"),
        ("/{a}-{b}-{c}", b"/---"),
        ("/aa{x}aa", b"/aaa"),
        ("/aa{x}aa", b"/aaaa"),
        ("/{a}{b}", b"/x"),
        ("/{x}2{y}", b"/a%2Fb"),
        ("/{x}2F", b"/a%2F"),
    ],
)
def test_no_match(template: str, path: bytes) -> None:
    """Slashes count, no variable is empty, and an escape is one character."""
    made = router(f"GET {template}")
    assert made.find("GET", canonical(path)) is None
    assert made.methods(canonical(path)) == ()


PRECEDENCE = [
    "GET /x/me",
    "GET /x/a-{n}.{e}",
    "GET /x/a-{n}",
    "GET /x/{n}.{e}",
    "GET /x/{n}",
]


def test_precedence() -> None:
    """Static, then patterns by literal characters, then a variable, however they were added."""
    paths = ["/x/me", "/x/a-1.2", "/x/a-1", "/x/b-1.2", "/x/you"]
    for order in permutations(PRECEDENCE):
        made = router(*order)
        found = [made.find("GET", path) for path in paths]
        assert [match and match[0] for match in found] == PRECEDENCE


def test_leftmost_segment_decides() -> None:
    """Of two ambiguous templates the one that is static further left is taken."""
    made = router("GET /{entity}/me", "GET /books/{id}")
    assert made.find("GET", "/books/me") == ("GET /books/{id}", ("me",))


SEGMENTS = ["a", "ab", "b", ""]


def test_backtracks() -> None:
    """A static segment that leads nowhere gives way to the variable beside it."""
    made = router("GET /a/b/c", "GET /a/{x}/d", "GET /{y}/b/e", "GET /{p}.{q}/b/f")
    assert made.find("GET", "/a/b/d") == ("GET /a/{x}/d", ("b",))
    assert made.find("GET", "/a/b/e") == ("GET /{y}/b/e", ("a",))
    assert made.find("GET", "/a.z/b/e") == ("GET /{y}/b/e", ("a.z",))
    assert made.find("GET", "/a.z/b/f") == ("GET /{p}.{q}/b/f", ("a", "z"))
    assert made.find("GET", "/a/b/f") is None


def test_backtracks_across_methods() -> None:
    """A template without the method gives way to a less specific one that has it."""
    made = router("POST /users/me", "GET /users/{id}", "PUT /users/{a}-{b}", "DELETE /{any}/me")
    assert made.find("GET", "/users/me") == ("GET /users/{id}", ("me",))
    assert made.find("DELETE", "/users/me") == ("DELETE /{any}/me", ("users",))
    assert made.find("GET", "/users/x-y") == ("GET /users/{id}", ("x-y",))
    assert made.find("PATCH", "/users/me") is None


def test_methods_is_the_union() -> None:
    """`Allow` names what any matching template offers, sorted; no template at all is a 404."""
    made = router("POST /users/me", "GET /users/{id}", "PUT /users/{a}-{b}", "DELETE /{any}/me")
    assert made.methods("/users/me") == ("DELETE", "GET", "HEAD", "POST")
    assert made.methods("/users/x-y") == ("GET", "HEAD", "PUT")
    assert made.methods("/users/") == ()
    assert made.methods("/nothing/here/at/all") == ()


def test_agrees_with_trying_all() -> None:
    """For every path the tree finds what a scan of all templates in order of rank finds."""
    parts = {"a": "a", "a{%d}": "a(.+)", "{%d}": "(.+)"}  # in order of rank
    routes: dict[str, tuple[str, re.Pattern[str]]] = {}
    for depth in (1, 2, 3):
        for number, chosen in enumerate(product(parts, repeat=depth)):
            template = "".join(
                "/" + (part % place if "%" in part else part) for place, part in enumerate(chosen)
            )
            pattern = "".join("/" + parts[part].replace(".", "[^/]") for part in chosen)
            routes[template] = (["GET", "POST", "PUT"][number % 3], re.compile(pattern))
    made = router(*(f"{method} {template}" for template, (method, _) in routes.items()))
    for path in ("/" + "/".join(parts) for n in (1, 2, 3) for parts in product(SEGMENTS, repeat=n)):
        matching = [(*route, template) for template, route in routes.items()]
        matching = [route for route in matching if route[1].fullmatch(path)]
        for wanted in ("GET", "POST", "PUT"):
            expected = next((one for one in matching if one[0] == wanted), None)
            found = made.find(wanted, path)
            assert (found and found[0]) == (expected and f"{wanted} {expected[2]}")
            if found and expected and (match := expected[1].fullmatch(path)):
                assert found[1] == match.groups()
        assert set(made.methods(path)) - {"HEAD"} == {route[0] for route in matching}


@pytest.mark.parametrize("routes", list(permutations(["GET /pets/{id}", "HEAD /pets/{id}"])))
def test_head_of_its_own(routes: tuple[str, ...]) -> None:
    """A declared HEAD is never hidden by GET's, whichever was added first."""
    assert router(*routes).find("HEAD", "/pets/1") == ("HEAD /pets/{id}", ("1",))


@pytest.mark.parametrize("template", ["/pets", "/{x}"])
def test_head_from_get(template: str) -> None:
    """HEAD is answered by GET's target, and by no other method's."""
    assert router(f"GET {template}").find("HEAD", "/pets") is not None
    assert router(f"POST {template}").find("HEAD", "/pets") is None
    assert router(f"GET {template}").methods("/pets") == ("GET", "HEAD")


@pytest.mark.parametrize("method", ["QUERY", "OPTIONS", "TRACE", "PURGE", "lock", "M-SEARCH"])
def test_any_method(method: str) -> None:
    """Methods are tokens, compared with their case; OPTIONS is nothing special."""
    made = router(f"{method} /pets")
    assert made.find(method, "/pets") is not None
    assert made.find(method.swapcase(), "/pets") is None
    assert made.methods("/pets") == (method,)


def test_names_differ() -> None:
    """One position may carry different names, with different ends or different methods."""
    made = router("GET /a/{x}/b", "GET /a/{y}/c", "DELETE /a/{z}/b")
    assert made.find("GET", "/a/1/b") == ("GET /a/{x}/b", ("1",))
    assert made.find("GET", "/a/1/c") == ("GET /a/{y}/c", ("1",))
    assert made.find("DELETE", "/a/1/b") == ("DELETE /a/{z}/b", ("1",))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/pets", "/pets"),
        ("/pets/{id}", "/pets/{name}"),
        ("/{a}.{b}", "/{b}.{a}"),
        ("/café", "/caf%c3%a9"),
        ("/~me", "/%7Eme"),
    ],
)
def test_conflict(first: str, second: str) -> None:
    """The same method on templates that match the same paths is refused; both are named."""
    made = router(f"GET {first}")
    with pytest.raises(ValueError, match="matches the same paths") as caught:
        made.add(second, "GET", "second")
    assert f"GET {first}" in str(caught.value)
    assert f"GET {second}" in str(caught.value)
    assert repr(made) == f"<Router operations=1 depth={first.count('/') + 1}>"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("pets", "slash"),
        ("", "slash"),
        ("/{a", "braces"),
        ("/a}", "braces"),
        ("/{{a}}", "braces"),
        ("/{}", "braces"),
        ("/{a}/{b}/{a}", r"\{a\} and \{a\} again"),
    ],
)
def test_bad_template(template: str, message: str) -> None:
    """What is no template is refused in a sentence that names it."""
    with pytest.raises(ValueError, match=message):
        Template.parse(template)


def test_template_parts() -> None:
    """A template tells its names in order and, apart from them, its segments."""
    template = Template.parse("/a-{x}.{y}/b/{z/ö}")
    assert template.names == ("x", "y", "z/ö")
    assert template.segments == (("",), ("a-", ".", ""), ("b",), ("", ""))


def test_empty_router() -> None:
    """A router without templates answers everything with nothing."""
    made: Router[str] = Router()
    assert made.find("GET", "/") is None
    assert made.methods("/a/b/c") == ()


class CountedSegment(str):
    """A segment that counts how often it is looked up."""

    visits = 0

    def __hash__(self) -> int:
        CountedSegment.visits += 1
        return super().__hash__()


def test_each_node_is_entered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree with a choice at each of 10 levels is walked at most once, however it fails."""
    made: Router[Any] = Router()
    for number, choice in enumerate(product(["a", "{x}"], repeat=10)):
        names = [part.replace("x", f"x{place}") for place, part in enumerate(choice)]
        made.add("/" + "/".join(names) + "/end", "GET", number)
    segments = [CountedSegment(part) for part in ["", *["a"] * 10, "no"]]
    monkeypatch.setattr(CountedSegment, "visits", 0)
    assert list(made._walk(list(segments))) == []  # pyright: ignore[reportPrivateUsage]
    nodes = 2**11  # each looks a segment up twice: is it there, and then what is it
    assert 0 < CountedSegment.visits <= 2 * nodes
    assert made.find("GET", "/a" * 10 + "/end") == (0, ())


def test_long_path_against_a_long_chain() -> None:
    """4,096 segments against a template as long neither recurse nor backtrack for ever."""
    pairs = 1024
    chain = "".join(f"/a/{{x{number}}}" for number in range(pairs))
    made = router(f"GET {chain}/b", f"GET {chain}/{{last}}/c")
    assert made.find("GET", "/a" * 4096) is None
    assert made.methods("/a" * 4096) == ()
    assert made.find("GET", "/a" * (2 * pairs + 1)) is None
    found = made.find("GET", "/a" * (2 * pairs + 1) + "/c")
    assert found == (f"GET {chain}/{{last}}/c", ("a",) * (pairs + 1))


def test_long_segment_against_a_pattern() -> None:
    """A segment of 8,192 characters is matched from the right, not by trial."""
    made = router("GET /" + "".join(f"{{x{number}}}a" for number in range(50)) + "b")
    assert made.find("GET", "/" + "a" * 8191) is None
    found = made.find("GET", "/" + "a" * 8190 + "b")
    assert found is not None
    assert [len(value) for value in found[1]] == [8190 - 50 - 49] + [1] * 49
