"""Problems are bounded documents, in the type and the shape that the document declares."""

import json
import logging
from typing import Any

import pytest

from brrt import App, Conflict, Limits, NotFound, Problem, SettingError
from brrt.http.answers import Answer, ContractBroken
from brrt.http.failures import ErrorMap
from brrt.http.problems import MAX_DETAIL, invalid_problem, problem_answer
from brrt.openapi.validation import Invalid, Violation
from tests.http.responding import ANY, EMPTY, JSON, having, header, responder

PROBLEM = "application/problem+json"
CODED = {
    "type": "object",
    "required": ["status", "code"],
    "properties": {"status": {"const": 409}, "code": {"type": "integer"}},
}


# Problems of the user's own


class OutOfStock(Conflict):
    type = "https://example.com/out-of-stock"
    title = "Out of stock"


class Teapot(Problem):
    status = 418
    title = "I'm a teapot"


def test_kinds_of_problems() -> None:
    """A child says once what does not change; members are given when it is raised."""
    assert OutOfStock("no balls", item=7).document() == {
        "type": "https://example.com/out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "no balls",
        "item": 7,
    }
    assert Teapot(detail="short").document() == {
        "type": "about:blank",
        "title": "I'm a teapot",
        "status": 418,
        "detail": "short",
    }
    assert OutOfStock(title="Sold", type="urn:t").document()["title"] == "Sold"
    assert Teapot(503).status == 503
    assert Conflict().document() == {"type": "about:blank", "title": "Conflict", "status": 409}
    assert Conflict.title == ""
    with pytest.raises(TypeError, match="Problem needs a status"):
        Problem()


# The size of a problem


def violation(name: str) -> Violation:
    return Violation("query", name, "", f"{name} is wrong", "type")


def told(found: list[Violation], **limits: Any) -> tuple[dict[str, Any], int]:
    body = problem_answer(invalid_problem(Invalid(found), Limits(**limits))).body
    document: dict[str, Any] = json.loads(body)
    return document, len(body)


@pytest.mark.parametrize("limit", [300, 1_000, 5_000, 20_000])
@pytest.mark.parametrize("name", ["n", "é", "\0", '"'])
def test_problems_are_bounded(limit: int, name: str) -> None:
    """As many violations as fit into the limit, and how many there are."""
    found = [violation(name * 10) for _ in range(100)]
    document, size = told(found, max_problem=limit)
    assert size <= limit or not document["errors"]
    assert document.get("total", 100) == 100
    assert len(document["errors"]) < 100 or "total" not in document
    if document["errors"]:  # and no fewer than fit
        assert size + len(json.dumps(document["errors"][0])) + 20 > limit or size <= limit


def test_one_that_is_too_long_is_left_out() -> None:
    """A name of a megabyte does not come back, and does not hide what else is wrong."""
    document, size = told([violation("x" * 1_000_000), violation("a")])
    assert [one["name"] for one in document["errors"]] == ["a"]
    assert document["total"] == 2
    assert len(document["detail"]) == MAX_DETAIL
    assert size < 65_536


def test_the_shape_does_not_change() -> None:
    """Each violation has the same members; a body's name is empty."""
    found = [Violation("body", "", "/a", "a: is wrong", "type"), violation("b")]
    document, _ = told(found)
    keys = [sorted(one) for one in document["errors"]]
    assert keys == [["in", "keyword", "message", "name", "pointer"]] * 2
    assert document["errors"][0]["name"] == ""


def test_the_limit_has_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default, an environment variable, and a range."""
    assert Limits().max_problem == 65_536
    monkeypatch.setenv("BRRT_MAX_PROBLEM", "1000")
    assert Limits().max_problem == 1_000
    with pytest.raises(SettingError):
        Limits(max_problem=0)


# Against the document


def refuse(
    problem: Problem, checked: bool = True, mode: Any = "strict", **responses: Any
) -> Answer:
    return responder(mode, **responses).refuse(problem, checked)


@pytest.mark.parametrize(
    ("media_types", "expected"),
    [
        ((PROBLEM,), PROBLEM),
        ((JSON, PROBLEM), PROBLEM),
        (("*/*",), PROBLEM),
        (("application/*",), PROBLEM),
        ((JSON, "application/*"), PROBLEM),
        ((JSON,), JSON),
        (("application/vnd.error+json",), "application/vnd.error+json"),
        (("text/html", JSON), JSON),
        (("text/html",), PROBLEM),
    ],
)
@pytest.mark.parametrize("checked", [True, False])
def test_the_type_of_a_problem(media_types: Any, expected: str, checked: bool) -> None:
    """problem+json where that or a range with it is declared, or else the declared JSON."""
    found = refuse(Conflict(), checked, s200=ANY, s409=having(True, *media_types))
    assert header(found, "content-type") == expected
    assert json.loads(found.body)["status"] == 409
    assert header(found, "content-length") == str(len(found.body))


@pytest.mark.parametrize("key", ["s409", "s4XX", "default"])
def test_problems_are_checked(key: str, caplog: pytest.LogCaptureFixture) -> None:
    """A handler's problem keeps the contract, like any answer: strict, warn, off."""
    responses: Any = {"s200": ANY, key: having(CODED, JSON)}
    assert json.loads(refuse(Conflict(code=1), **responses).body)["code"] == 1
    with pytest.raises(ContractBroken, match="code is required"):
        refuse(Conflict(), **responses)
    with caplog.at_level(logging.WARNING, "brrt"):
        assert refuse(Conflict(), mode="off", **responses).status == 409
        assert refuse(Conflict(), checked=False, **responses).status == 409
        assert not caplog.records
        assert refuse(Conflict(), mode="warn", **responses).status == 409
    assert "code is required" in caplog.records[0].getMessage()


def test_problems_without_a_schema() -> None:
    """A status that declares no content, or nothing that is JSON, is sent as it is."""
    for response in (EMPTY, having({"type": "string"}, "text/plain"), ANY):
        assert json.loads(refuse(Conflict("x"), s200=ANY, s409=response).body)["detail"] == "x"


def test_undeclared_statuses_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A problem that the document forgot is sent, and logged once for each status."""
    made = responder(s200=ANY)
    with caplog.at_level(logging.WARNING, "brrt"):
        for problem in (Conflict(), Conflict(), NotFound(), Conflict()):
            assert made.refuse(problem, True).status == problem.status
        responder("off", s200=ANY).refuse(Conflict(), True)
        responder(s200=ANY).refuse(Conflict(), False)
        responder(s200=ANY, default=ANY).refuse(Conflict(), True)
    texts = [one.getMessage() for one in caplog.records]
    expected = "op raised a problem of status {}, which the document does not declare"
    assert texts == [expected.format(409), expected.format(404)]


def test_headers_of_problems() -> None:
    """They are sent, but for the type, which follows from what is sent."""
    problem = Conflict(headers={"X-A": "b", "Content-Type": "text/html"})
    for found in (problem_answer(problem), refuse(problem, s200=ANY, s409=having(True, JSON))):
        assert header(found, "x-a") == "b"
        assert "json" in (header(found, "content-type") or "")


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_statuses_that_are_none(status: int) -> None:
    """A problem that HTTP has no answer for is ours to find."""
    with pytest.raises(ContractBroken, match="not the status of an answer"):
        problem_answer(Problem(status))


async def test_through_the_app(client: Any, book: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The user's problems and map are held to the document; the framework's own are not."""

    async def op(kind: str) -> Any:
        if kind == "mapped":
            raise KeyError("a")
        if kind == "function":
            raise LookupError("a")
        if kind == "crash":
            raise RuntimeError("secret")
        raise OutOfStock("none", code=7) if kind == "good" else OutOfStock("none")

    kinds = ["good", "bad", "mapped", "function", "crash"]
    schema = {"type": "string", "enum": kinds}
    parameter = {"name": "kind", "in": "query", "required": True, "schema": schema}
    responses = {"200": ANY, "default": having(CODED, JSON)}
    item = {"get": book.operation("op", parameters=[parameter], responses=responses)}
    errors: ErrorMap = {KeyError: 404, LookupError: lambda error: Conflict(str(error), code=1)}
    app = await client(App(book.spec(op=item), book.serve(op=op), errors=errors))

    async def get(kind: str) -> Any:
        return await app.get("/op", params={"kind": kind})

    good = await get("good")
    assert (good.status_code, good.headers["content-type"]) == (409, JSON)
    assert good.json() == {
        "type": "https://example.com/out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "none",
        "code": 7,
    }
    assert (await get("function")).json()["code"] == 1
    with caplog.at_level(logging.ERROR, "brrt"):
        for kind in ("bad", "mapped", "crash"):
            found = await get(kind)
            assert (found.status_code, found.headers["content-type"]) == (500, PROBLEM)
            assert set(found.json()) == {"type", "title", "status", "request_id"}
    assert "broke its contract" in caplog.records[0].getMessage()
    ours = await get("unknown")
    assert (ours.status_code, ours.headers["content-type"]) == (400, JSON)
    assert ours.json()["errors"][0]["keyword"] == "enum"
