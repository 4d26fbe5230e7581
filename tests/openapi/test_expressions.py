"""Runtime expressions mean what the specification says, or it is said why they mean nothing."""

from typing import Any

import pytest

from brrt.errors import Unresolved
from brrt.openapi.document import load
from brrt.openapi.expressions import (
    Exchange,
    MalformedError,
    Message,
    parse_expression,
    parse_template,
)
from brrt.openapi.outgoing import outgoing

# The example of OpenAPI 3.1.1, section 4.8.18.2.
URL = "https://example.org/subscribe/myevent?queryUrl=https://client.example.com/hook"
EXCHANGE = Exchange(
    url=URL,
    method="POST",
    request=Message(
        headers={"content-type": "application/json"},
        query={"queryUrl": "https://client.example.com/hook"},
        path={"eventType": "myevent"},
        body={
            "successUrls": ["https://a.example.com/ok", "https://b.example.com/ok"],
            "a/b": {"m~n": 7, "": True},
            "none": None,
        },
    ),
    response=Message(headers={"location": "https://example.org/subscription/1"}, body={"id": 3}),
    status=201,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$url", URL),
        ("$method", "POST"),
        ("$statusCode", 201),
        ("$request.path.eventType", "myevent"),
        ("$request.query.queryUrl", "https://client.example.com/hook"),
        ("$request.header.content-Type", "application/json"),
        ("$request.body#/successUrls/1", "https://b.example.com/ok"),
        ("$request.body#/a~1b/m~0n", 7),
        ("$request.body#/a~1b/", True),
        ("$request.body#/none", None),
        ("$response.header.Location", "https://example.org/subscription/1"),
        ("$response.body#/id", 3),
        ("$response.body", {"id": 3}),
        ("$response.body#", {"id": 3}),
    ],
)
def test_an_expression_means_what_was_there(text: str, value: Any) -> None:
    """Every source of the grammar, and the examples of the specification."""
    assert parse_expression(text).evaluate(EXCHANGE) == value


@pytest.mark.parametrize(
    "text",
    [
        "$request.query.other",
        "$request.header.other",
        "$request.body#/successUrls/2",
        "$request.body#/successUrls/01",
        "$request.body#/successUrls/x",
        "$request.body#/none/x",
        "$response.header.other",
    ],
)
def test_what_is_not_there_is_named(text: str) -> None:
    """The error says which expression had no value."""
    with pytest.raises(Unresolved) as caught:
        parse_expression(text).evaluate(EXCHANGE)
    assert str(caught.value).startswith(f"{text} has no value: ")


@pytest.mark.parametrize("text", ["$statusCode", "$response.body#/id", "$response.header.x"])
def test_before_the_response_there_is_none(text: str) -> None:
    """What is sent before the answer cannot ask for it."""
    with pytest.raises(Unresolved, match="no response yet"):
        parse_expression(text).evaluate(Exchange("http://x", "GET", Message()))
    with pytest.raises(Unresolved, match="no body"):
        parse_expression("$request.body#/x").evaluate(Exchange("http://x", "GET", Message()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$",
        "url",
        "$uri",
        "$url.x",
        "$request",
        "$request.",
        "$request.cookie.x",
        "$request.header.",
        "$request.header.a b",
        "$request.query.",
        "$request.body.x",
        "$request.body#x",
        "$request.body#/~2",
        "$response.query.x",
        "$response.path.x",
        "$statuscode",
    ],
)
def test_what_is_no_expression_is_malformed(text: str) -> None:
    """The error has a cure."""
    with pytest.raises(MalformedError) as caught:
        parse_expression(text)
    assert caught.value.cure


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("$request.query.queryUrl", "https://client.example.com/hook"),
        ("{$request.query.queryUrl}/data", "https://client.example.com/hook/data"),
        ("https://x.test/{$request.path.eventType}/{$statusCode}", "https://x.test/myevent/201"),
        (
            "http://notify.test?url={$request.body#/successUrls/0}",
            "http://notify.test?url=https%3A%2F%2Fa.example.com%2Fok",
        ),
        ("https://x.test/fixed", "https://x.test/fixed"),
    ],
)
def test_a_template_becomes_a_url(text: str, url: str) -> None:
    """Values inside of a url are encoded; one that begins it is the url."""
    assert parse_template(text).url(EXCHANGE) == url


def test_a_value_moves_no_url() -> None:
    """Nothing that a client says leads a fixed url to another host or path."""
    found = parse_template("https://x.test{$request.query.a}/hooks/{$request.query.b}")
    evil = Exchange("", "GET", Message(query={"a": ".evil.test/?", "b": "../../admin#"}))
    assert found.url(evil) == "https://x.test.evil.test%2F%3F/hooks/..%2F..%2Fadmin%23"


@pytest.mark.parametrize("place", ["/none", "/successUrls", "/a~1b"])
def test_only_words_stand_in_urls(place: str) -> None:
    """Null, arrays and objects have no obvious text."""
    with pytest.raises(Unresolved, match="no text"):
        parse_template(f"$request.body#{place}").url(EXCHANGE)


@pytest.mark.parametrize("text", ["{$url", "$url}", "a}b", "{id}", "{}", "a{$url}}"])
def test_braces_come_in_pairs_around_expressions(text: str) -> None:
    """What is not is malformed, not taken for text."""
    with pytest.raises(MalformedError):
        parse_template(text)


# In documents


def called(**members: Any) -> dict[str, Any]:
    """An operation that is called."""
    return {"responses": {"200": {"description": "ok"}}, **members}


def document(key: str, item: Any, **root: Any) -> dict[str, Any]:
    """A document of one operation with one callback, `done`."""
    parameter = {"name": "u", "in": "query", "schema": {"type": "string"}}
    operation = called(operationId="start", parameters=[parameter], callbacks={"done": {key: item}})
    info = {"title": "t", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": {"/x": {"post": operation}}, **root}


def test_callbacks_and_webhooks_are_found_through_references() -> None:
    """Callback Objects and Path Items may be elsewhere; callbacks may have callbacks."""
    inner = called(operationId="inner")
    outer = called(operationId="outer", callbacks={"then": {"$request.body#/u": {"put": inner}}})
    made = document("", {}, webhooks={"new": {"$ref": "#/components/pathItems/New"}})
    made["paths"]["/x"]["post"]["callbacks"] = {"done": {"$ref": "#/components/callbacks/Done"}}
    made["components"] = {
        "callbacks": {"Done": {"{$request.query.u}": {"post": outer}, "x-note": {}}},
        "pathItems": {"New": {"post": called()}},
    }
    found, faults = outgoing(load(made))
    assert not faults
    told = [
        (one.key, one.operation.id, one.operation.method, one.owner.id if one.owner else None)
        for one in found
    ]
    assert told == [
        ("new", "post new", "POST", None),
        ("done", "outer", "POST", "start"),
        ("then", "inner", "PUT", "outer"),
    ]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("{$request.body/url}", "asks a request for"),
        ("{$request.query.v}", "start declares no query parameter 'v'"),
        ("{url}", "does not begin with a dollar sign"),
    ],
)
def test_a_malformed_expression_is_a_fault(key: str, message: str) -> None:
    """It is told with its place and a cure, and the operation is left out."""
    found, (fault,) = outgoing(load(document(key, {"post": called()})))
    assert not found
    assert message in fault.message
    assert fault.cure
    assert fault.pointer.startswith("#/paths/~1x/post/callbacks/done/")
