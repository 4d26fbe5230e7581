"""How requests are drawn: each is nearly right, and wrong in a place that a parser looks at.

Pure noise is refused at the first byte. So everything here is built as it should be, of parts of
which any may be hostile: words that have done harm to parsers, or noise.
"""

import json
from itertools import pairwise
from typing import Any, Final

from hypothesis import strategies as st

from benchmarks.fuzzing.asking import Ask

_WORDS: Final = [
    *(bytes([one]) for one in b"%&=+;,:/\\?#@!$'()*[]{}\"<>|^~`.- \t_0"),
    *(
        b"%2f",
        b"%2F",
        b"%00",
        b"%0d%0a",
        b"%ff",
        b"%c0%af",
        b"%ed%a0%80",
        b"%25",
        b"%u0041",
        b"%zz",
    ),
    *(b"..", b"../", b"//", b"a", b"name", b"true", b"null", b"NaN", b"Infinity", b"-0", b"1.0"),
    *(b"1e400", b"1e-400", b"9" * 700, b"0x1", b"1_0", b"01", b"[]", b"[0]", b"[a]", b"{}", b'""'),
    *(b"\xff", b"\xc3\xa9", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b"\xc2\x85"),
    *(
        b"\x1b[31m",
        b"\x7f",
        b"\x0b",
        b"__proto__",
        b"__class__",
        b"${7*7}",
        b"{{7*7}}",
        b"' OR 1=1--",
    ),
    *(b"a" * 300, b'"a', b'\\"', b"utf-16", b"identity", b"*/*", b"bytes=", b"q=0", b"charset="),
]
noise: Final = st.binary(max_size=12)
words: Final = st.lists(st.sampled_from(_WORDS) | noise, max_size=6).map(b"".join)
# What may stand in a header: a server lets no line break and no NUL through.
values: Final = words.map(lambda text: text.translate(None, b"\r\n\0").strip(b" \t"))


def near(*right: bytes) -> st.SearchStrategy[bytes]:
    """One of these, often whole, or with hostile words at a place in it, or cut off there."""
    one = st.sampled_from(right)
    whole = [st.sampled_from(right) for _ in range(5)]
    place = st.integers(0, 200)
    spoilt = st.builds(lambda text, at, word: text[:at] + word + text[at:], one, place, words)
    return st.one_of(*whole, spoilt, st.builds(lambda text, at: text[:at], one, place), words)


def safe(strategy: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """The same as the value of a header."""
    return strategy.map(lambda text: text.translate(None, b"\r\n\0"))


def joined(part: st.SearchStrategy[bytes], glue: bytes, most: int = 6) -> st.SearchStrategy[bytes]:
    """Several of a kind."""
    return st.lists(part, max_size=most).map(glue.join)


def pairs(names: st.SearchStrategy[bytes], equals: bytes = b"=") -> st.SearchStrategy[bytes]:
    """A name and a value."""
    return st.builds(lambda name, value: name + equals + value, names, words)


_NAMES: Final = near(
    b"q", b"n", b"x", b"flags", b"filter[a]", b"filter[a][]", b"filter[0][b]", b"j"
)
_COOKIES: Final = joined(pairs(near(b"session", b"other")), b"; ")
_PARAMETERS: Final = joined(
    pairs(near(b";q", b";charset", b"; boundary", b';profile="a"', b";")), b"", 3
)
_RANGES: Final = st.builds(
    lambda kind, more: kind + more,
    near(b"*/*", b"application/json", b"text/*", b"application/problem+json", b"image/png"),
    _PARAMETERS,
)
HEADERS: Final[dict[bytes, st.SearchStrategy[bytes]]] = {
    b"accept": safe(joined(_RANGES, b",")),
    b"authorization": safe(near(b"Bearer abc", b"Basic YWRhOng=", b"bearer  a", b"Negotiate")),
    b"content-encoding": safe(near(b"gzip", b"identity", b"br, gzip")),
    b"content-length": safe(near(b"0", b"12", b"9" * 30, b"1_0", b"+1", b"0x1")),
    b"cookie": safe(_COOKIES),
    b"expect": safe(near(b"100-continue")),
    b"host": safe(near(b"localhost", b"[::1]:80", b"a:b@c")),
    b"if-modified-since": safe(near(b"Thu, 01 Jan 1970 00:00:00 GMT")),
    b"if-none-match": safe(near(b'"abc"', b'W/"abc", *')),
    b"if-range": safe(near(b'"abc"', b"Thu, 01 Jan 1970 00:00:00 GMT")),
    b"last-event-id": safe(words),
    b"range": safe(
        st.builds(
            lambda unit, ranges: unit + ranges,
            near(b"bytes="),
            joined(near(b"0-1", b"-1", b"5-", b"9-1", b"0-" + b"9" * 50), b","),
        )
    ),
    b"transfer-encoding": safe(near(b"chunked", b"gzip, chunked")),
    b"x-forwarded-for": safe(words),
    b"x-note": safe(words),
    b"x-request-id": safe(near(b"abc-1.2_3")),
}


def heads(*names: bytes) -> st.SearchStrategy[tuple[tuple[bytes, bytes], ...]]:
    """Some headers, of these names or of any; some of them twice."""
    known = names or tuple(HEADERS)
    one = st.sampled_from(known).flatmap(lambda name: st.tuples(st.just(name), HEADERS[name]))
    return st.lists(one, max_size=4).map(tuple)


def cut(body: st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple[bytes, ...]]:
    """A body as it comes: in one piece, or in several that end anywhere."""

    def apart(data: bytes, places: list[int]) -> tuple[bytes, ...]:
        edges = [0, *sorted(min(one, len(data)) for one in places), len(data)]
        return tuple(data[a:b] for a, b in pairwise(edges))

    return st.builds(apart, body, st.lists(st.integers(0, 300), max_size=4))


_LEAVES: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()  # NaN and infinities, as Python writes them
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "\0", "__proto__", 10**400, -(10**700), "a" * 300])
)
_KEYS: Final = st.sampled_from(["name", "price", "tags", "kind", "child", "kids", "", "__proto__"])
VALUES: Final[st.SearchStrategy[Any]] = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=15,
)


def written(value: Any) -> bytes:
    """As JSON, with whatever JSON does not have."""
    return json.dumps(value).encode()


JSON: Final = (
    VALUES.map(written)
    | VALUES.map(written).flatmap(lambda text: near(text))
    | st.integers(1, 3_000).map(lambda depth: b"[" * depth)
    | st.builds(
        lambda depth, text: text * depth,
        st.integers(1, 400),
        st.sampled_from([b'{"child":', b'{"a":[']),
    )
)
# What the schema of the attacked app describes, with members that are often what they should be.
_TREES: Final = st.recursive(
    st.just({}) | _LEAVES,
    lambda inner: st.fixed_dictionaries({}, optional={"child": inner, "kids": st.lists(inner)}),
    max_leaves=6,
)
TYPED: Final = st.fixed_dictionaries(
    {"name": st.text(max_size=5)},
    optional={
        "price": st.integers() | st.floats() | st.just(0.1) | st.just(10**400),
        "even": st.sampled_from([2, 1e308, 1e-300, -0.0, 3]),
        "tags": st.lists(VALUES, max_size=4),
        "kind": st.sampled_from(["cat", 1e300, None, "bird"]),
        "child": _TREES,
        "__proto__": st.integers(),
    },
)
LINES: Final = joined(JSON | words, b"\n", 8)
FORM: Final = joined(pairs(near(b"title", b"a[b]", b"__proto__")), b"&", 10)

_DISPOSITION: Final = near(
    b'form-data; name="title"',
    b'form-data; name="file"; filename="a.txt"',
    b"form-data; name=\"files\"; filename*=utf-8''%2e%2e%2fa",
    b'form-data; name="count"',
    b'form-data; name="meta"',
)
_PART: Final = st.builds(
    lambda edge, disposition, kind, content: b"".join(
        (edge, b"Content-Disposition: ", disposition, b"\r\n", kind, b"\r\n", content, b"\r\n")
    ),
    near(b"--b\r\n"),
    _DISPOSITION,
    near(
        b"", b"Content-Type: application/json\r\n", b"Content-Type: text/plain;charset=utf-16\r\n"
    ),
    JSON | words,
)
MULTIPART: Final = st.builds(
    lambda before, parts, end: before + b"".join(parts) + end,
    st.just(b"") | words,
    st.lists(_PART, max_size=5),
    near(b"--b--\r\n", b"--b--"),
)
TYPES: Final = safe(
    st.builds(
        lambda kind, more: kind + more,
        near(b"application/json", b"multipart/form-data; boundary=b", b"text/plain"),
        _PARAMETERS,
    )
)


def post(
    path: bytes, kind: bytes, body: st.SearchStrategy[bytes], *names: bytes
) -> st.SearchStrategy[Ask]:
    """A request with a body, of its type or of one that is nearly right."""
    types = st.just(kind) | safe(near(kind)) | TYPES
    return st.builds(
        lambda types, more, pieces: Ask(
            "POST", path, b"", ((b"content-type", types), *more), pieces
        ),
        types,
        st.just(()) | heads(*names),
        cut(body),
    )


_SEGMENT: Final = near(b"a", b"page.txt", b"large.bin", b"..%2fsecret.txt")
_PLACES: Final = near(b"/search", b"/where", b"/events", b"/redirect", b"/cookie", b"/attachment")
METHODS: Final = st.sampled_from(
    ["GET"] * 6 + ["HEAD", "OPTIONS", "POST", "TRACE", "PRI", "get", "", "Ä"]
)

PATHS: Final = st.builds(
    lambda method, place, segments, behind: Ask(method, place + segments + behind),
    METHODS,
    near(b"/files/", b"/open/", b"/pair/", b"http://evil/open/", b"/"),
    _SEGMENT | joined(_SEGMENT, b"/", 3),
    st.just(b"") | words,
)
QUERIES: Final = st.builds(
    lambda path, query, headers: Ask("GET", path, query, headers),
    _PLACES,
    joined(pairs(_NAMES | near(b"to", b"value", b"name")), b"&", 8),
    heads(b"cookie", b"x-note", b"last-event-id"),
)
HEADS: Final = st.builds(
    lambda method, path, headers: Ask(method, path, b"q=a", headers),
    METHODS,
    st.sampled_from(
        [b"/search", b"/where", b"/bearer", b"/basic", b"/key", b"/events", b"/health"]
    ),
    heads(),
)
FILES: Final = st.builds(
    lambda headers: Ask("GET", b"/open/large.bin", b"", headers),
    heads(b"range", b"if-range", b"if-none-match", b"if-modified-since", b"accept"),
)
EVENTS: Final = st.builds(
    lambda query, headers: Ask("GET", b"/events", b"q=" + query, headers),
    words,
    heads(b"last-event-id", b"accept"),
)
WAYS: Final[dict[str, st.SearchStrategy[Ask]]] = {
    "paths": PATHS,
    "queries": QUERIES,
    "heads": HEADS,
    "files": FILES,
    "events": EVENTS,
    "json": post(b"/json", b"application/json", JSON),
    "typed": post(b"/typed", b"application/json", TYPED.map(written) | JSON),
    "lines": post(b"/lines", b"application/jsonl", LINES),
    "items": post(b"/items", b"application/jsonl", LINES),
    "form": post(b"/form", b"application/x-www-form-urlencoded", FORM),
    "upload": post(b"/upload", b"multipart/form-data; boundary=b", MULTIPART),
    "text": post(b"/text", b"text/plain; charset=utf-16", words),
}
