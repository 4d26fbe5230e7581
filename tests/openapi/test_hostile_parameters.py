"""Whatever a client sends as parameters, it is read in linear time or refused by name."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from brrt import App, Handlers, Limits, Request
from brrt.openapi.encodings import form_decoder
from brrt.openapi.parameters import (
    cookie_decoder,
    header_decoder,
    path_decoder,
    query_decoder,
)
from brrt.openapi.shapes import ANYTHING, Shape
from brrt.openapi.wire import Unreadable, parse_cookies, parse_query

Page = Any
Connect = Callable[..., Awaitable[httpx.AsyncClient]]
SIZE = 100_000  # ten times what any server lets through
INTEGER, STRING = Shape(frozenset({"integer"})), Shape(frozenset({"string"}))
EVERY = Shape(frozenset({"null", "boolean", "integer", "number", "string"}))
ARRAY = Shape(frozenset({"array"}), items=EVERY)
OBJECT = Shape(frozenset({"object"}), properties={"p": ARRAY}, additional=EVERY)
SHAPES = [ANYTHING, INTEGER, STRING, EVERY, ARRAY, OBJECT]
# Each a text of some SIZE characters that a careless reader goes over again and again.
TEXTS = [
    "9" * SIZE,
    "0." + "9" * SIZE,
    "1e" + "9" * SIZE,
    "-" * SIZE,
    "," * SIZE,
    "|" * SIZE,
    "." * SIZE,
    "+" * SIZE,
    "%" * SIZE,
    "%20" * (SIZE // 3),
    "%7C" * (SIZE // 3),
    "%25" * (SIZE // 3),
    "%zz" * (SIZE // 3),
    "=" * SIZE,
    "a=b," * (SIZE // 4),
    "a,b," * (SIZE // 4),
    "\0" * SIZE,
    "%00" * (SIZE // 3),
    "é" * SIZE,
    "[" * SIZE,
    "[]" * (SIZE // 2),
    "[a" * (SIZE // 2),
    " \t" * (SIZE // 2),
    "{" * SIZE,
]
NAMES = [
    "p[" + "a" * SIZE + "]",
    "p" + "[" * SIZE,
    "p" + "[a]" * (SIZE // 3),
    "p" + "[a" * (SIZE // 2),
    "p]" * (SIZE // 2),
    "p[" + "9" * SIZE + "]",
    "%" * SIZE,
]


def attempt(decode: Callable[[Any], Any], parse: Callable[[str], Any], raw: str) -> None:
    """Read, where nothing but what is documented may be raised."""
    with suppress(Unreadable):
        decode(parse(raw))


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:6]))
def test_long_texts(text: str) -> None:
    """A text of any kind, in any place and style."""
    text = text.encode().decode("latin-1")
    for shape in SHAPES:
        for explode in (True, False):
            for style, prefix in (("simple", ""), ("label", "."), ("matrix", ";p=")):
                attempt(path_decoder("p", style, explode, shape), str, prefix + text)
            for style in ("form", "spaceDelimited", "pipeDelimited", "deepObject"):
                attempt(query_decoder("p", style, explode, shape), parse_query, "p=" + text)
            for style in ("form", "cookie"):
                attempt(cookie_decoder("p", style, explode, shape), parse_cookies, "p=" + text)
            attempt(header_decoder("p", "simple", explode, shape), str, text)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:6]))
def test_long_names(name: str) -> None:
    """Long names, brackets above all."""
    for shape in SHAPES:
        attempt(query_decoder("p", "deepObject", True, shape), parse_query, name + "=1")
        attempt(query_decoder("p", "form", True, shape), parse_query, name + "=1")
        attempt(form_decoder(None, shape), parse_query, name + "=1")


def test_many_pairs() -> None:
    """As many pairs as are allowed, all different, each with brackets."""
    raw = "&".join(f"p[{n}][{'9' * 500}{n}]={n}" for n in range(1000))
    nested = Shape(frozenset({"array"}), items=ARRAY)
    for shape in (nested, OBJECT, ANYTHING):
        assert len(query_decoder("p", "deepObject", True, shape)(parse_query(raw))) == 1000


RAW = [
    b"p=%ED%A0%80",
    b"p=%ED%B0%80&p=%ED%A0%80",
    b"p=\xed\xa0\x80",
    b"p=%C0%80",
    b"p=%F5%80%80%80",
    b"p=\xff",
    b"%FF=1",
    b"p=%",
    b"p=%1",
    b"p=%GG",
    b"p=%00",
    b"p=\x00",
    b"p%00=1",
    b"p=" + b"[" * 5000,
    b"p=" + b"9" * 5000,
    b"p=1e999999",
    b"p[" * 2000,
    b"p=1&" * 2000,
    b"p[a]" + b"[b]" * 100 + b"=1",
    b"=&=&&=",
    b"p=1;p=2",
    b"p=%2525",
    b"p=%u0041",
]
SCHEMAS: list[Any] = [
    {"type": "integer"},
    {"type": "string", "minLength": 1},
    {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"enum": ["1", None]}]}},
    {"oneOf": [{"type": "object", "additionalProperties": {"type": "integer"}}, {"type": "null"}]},
    {"enum": ["1", 2, None]},
]
FORMS: list[Any] = [
    {"style": "form"},
    {"style": "pipeDelimited", "explode": False},
    {"style": "spaceDelimited", "explode": False},
    {"style": "deepObject"},
    {"content": {"application/json": {}}},
    {"content": {"application/x-www-form-urlencoded": {}}},
    {"content": {"text/plain": {}}},
]


async def status(app: App, query: bytes) -> int:
    """The status of a request with this query, which no client would send."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "headers": []}
    await app(scope | {"query_string": query}, receive, send)
    found: int = sent[0]["status"]
    return found


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("strict", [True, False])
async def test_hostile_queries(client: Connect, page: Page, form: Any, strict: bool) -> None:
    """Through the whole app the answer is 200 or 400, never a failure of ours."""

    async def op(request: Request) -> None: ...

    for schema in SCHEMAS:
        given: Any = {"name": "p", "in": "query", **form}
        if "content" in form:
            given["content"] = {name: {"schema": schema} for name in form["content"]}
        else:
            given["schema"] = schema
        handlers = Handlers()
        handlers("op")(op)
        made = page.document(page.get(parameters=[given]))
        app = App(made, handlers, strict_query=strict, limits=Limits(max_target=100_000))
        await client(app)
        for raw in RAW:
            assert await status(app, raw) in (200, 204, 400), raw
