"""Headers that the document promises are there, and hold what it says."""

import logging
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, RedirectResponse

from brrt import App, Problem, Reply
from brrt.http.answers import Answer, ContractBroken
from tests.http.responding import ANY, answer, responder

INTEGER = {"schema": {"type": "integer", "minimum": 0}}


def with_headers(**headers: Any) -> dict[str, Any]:
    """A response of JSON with these headers; `_` stands for `-`."""
    return ANY | {"headers": {name.replace("_", "-"): one for name, one in headers.items()}}


def required(header: Any) -> Any:
    return header | {"required": True}


@pytest.mark.parametrize(
    ("headers", "given", "wrong"),
    [
        ({"X_Left": INTEGER}, {}, None),
        ({"X_Left": INTEGER}, {"x-left": "5"}, None),
        ({"X_Left": INTEGER}, {"X-LEFT": "-5"}, "header X-Left: must be at least 0, got -5"),
        ({"X_Left": INTEGER}, {"X-Left": "many"}, "header X-Left: must be an integer"),
        ({"X_Left": required(INTEGER)}, {}, "header X-Left is required"),
        ({"X_Left": required(INTEGER)}, {"X-Left": "0"}, None),
        ({"X_Left": required({"schema": {}})}, {"X-Left": ""}, None),
        ({"X": {"schema": {"type": "array", "items": {"type": "integer"}}}}, {"X": "1, 2"}, None),
        ({"X": {"schema": {"type": "array", "maxItems": 1}}}, {"X": "1,2"}, "header X: must have"),
        (
            {"X": {"explode": True, "schema": {"properties": {"a": {"type": "integer"}}}}},
            {"X": "a=1"},
            None,
        ),
        (
            {
                "X": {
                    "explode": True,
                    "schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
                }
            },
            {"X": "a=b"},
            r"header X\.a: must be an integer",
        ),
        ({"X": {"content": {"application/json": INTEGER}}}, {"X": "5"}, None),
        (
            {"X": {"content": {"application/json": INTEGER}}},
            {"X": "{"},
            "X is not valid JSON",
        ),
        ({"X": {"content": {"application/json": INTEGER}}}, {"X": "-1"}, "header X: must be"),
        ({"X": {"content": {"text/plain": {"schema": {"maxLength": 1}}}}}, {"X": "ab"}, "header X"),
        ({"Content_Type": required(INTEGER)}, {}, None),
        ({"content_type": INTEGER}, {}, None),
        ({"Content_Length": required(INTEGER)}, {}, None),
        ({"Date": required({"schema": {}}), "Server": required({"schema": {}})}, {}, None),
        ({"Location": required({"schema": {}})}, {"Location": "/a"}, None),
    ],
)
def test_headers(headers: Any, given: dict[str, str], wrong: str | None) -> None:
    """Required ones are there, all of them fit; ours and the server's count."""
    response = with_headers(**headers)
    if wrong is None:
        answer(Reply({}, headers=given), s200=response)
        return
    with pytest.raises(ContractBroken, match=wrong):
        answer(Reply({}, headers=given), s200=response)


def test_a_plain_value_has_no_headers() -> None:
    """A promise is not forgotten because a handler says nothing of headers."""
    values: list[Any] = [{}, [], None]
    for value in values:
        with pytest.raises(ContractBroken, match="X-A is required"):
            answer(value, s200=with_headers(X_A=required({"schema": {}})))
    empty = {"description": "d", "headers": {"X-A": required({"schema": {}})}}
    with pytest.raises(ContractBroken, match="X-A is required"):
        answer(None, s204=empty)


def test_cookies_are_checked_one_by_one() -> None:
    """Lines of Set-Cookie cannot be joined, and each must fit."""
    response = with_headers(Set_Cookie=required({"schema": {"type": "string", "pattern": "^a="}}))
    pairs = [("Set-Cookie", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), ("set-cookie", "a=2")]
    answer(Reply({}, headers=pairs), s200=response)
    with pytest.raises(ContractBroken, match="header Set-Cookie: must match"):
        answer(Reply({}, headers=[*pairs, ("Set-Cookie", "b=1")]), s200=response)


def test_location_and_links_count() -> None:
    """What a reply makes of a location and links is as good as a header."""
    uri = required({"schema": {"type": "string", "format": "uri-reference"}})
    response = with_headers(Location=uri, Link=required({"schema": {}}))
    answer(Reply({}, location="/a", links={"next": "/b"}), s200=response)


def test_modes(caplog: pytest.LogCaptureFixture) -> None:
    """Warn logs and sends, off only sends."""
    response = with_headers(X_A=required({"schema": {}}))
    with caplog.at_level(logging.WARNING, "brrt"):
        assert answer({}, "off", s200=response).status == 200
        assert not caplog.records
        assert answer({}, "warn", s200=response).status == 200
    assert "header X-A is required" in caplog.records[0].getMessage()


def test_responses_that_send_themselves() -> None:
    """Their headers are looked at too, and their body and status."""
    text = {"description": "d", "content": {"text/plain": {"schema": {"maxLength": 3}}}}
    limited = text | {"headers": {"X-Left": required(INTEGER)}}
    good = PlainTextResponse("abc", headers={"X-Left": "1"})
    assert responder(s200=limited).respond(good) is good
    for bad, wrong in (
        (PlainTextResponse("abc"), "X-Left is required"),
        (PlainTextResponse("abc", headers={"X-Left": "a"}), "must be an integer"),
        (PlainTextResponse("abcd", headers={"X-Left": "1"}), "at most 3 characters"),
        (PlainTextResponse("abc", 404), "status 404 is not declared"),
        (PlainTextResponse("abc", 204), "status 204 carries no content"),
    ):
        with pytest.raises(ContractBroken, match=wrong):
            responder(s200=limited, s204={"description": "d"}).respond(bad)
        assert responder("off", s200=limited).respond(bad) is bad
    moved = {"description": "d", "headers": {"Location": required({"schema": {}})}}
    redirect = RedirectResponse("/a")
    assert responder(s307=moved).respond(redirect) is redirect


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
def test_every_version(version: str) -> None:
    """Nothing that is declared costs nothing, and 3.0's dialect is understood."""
    schema = {"type": "integer", "minimum": 0, "exclusiveMinimum": version == "3.0.3" or 0}
    made = responder(version=version, s200=with_headers(X={"schema": schema}))
    assert isinstance(made.respond(Reply({}, headers={"X": "1"})), Answer)
    with pytest.raises(ContractBroken, match="must be more than 0"):
        made.respond(Reply({}, headers={"X": "0"}))


async def test_through_the_app(client: Any, book: Any) -> None:
    """A broken promise is an opaque 500, and headers of a raised problem are promises too."""

    async def op(kind: str) -> Any:
        if kind == "busy":
            raise Problem(429)
        return Reply({}, headers={"X-Left": kind})

    parameter = {"name": "kind", "in": "query", "required": True, "schema": {"type": "string"}}
    busy = {"description": "d", "headers": {"Retry-After": required({"schema": {}})}}
    responses = {"200": with_headers(X_Left=INTEGER), "429": busy}
    item = {"get": book.operation("op", parameters=[parameter], responses=responses)}
    app = await client(App(book.spec(op=item), book.serve(op=op)))
    found = [
        (await app.get("/op", params={"kind": kind})).status_code for kind in ("1", "a", "busy")
    ]
    assert found == [200, 500, 500]
