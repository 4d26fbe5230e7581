"""Errors become answers in one place; what is internal stays in the log."""

import json
import logging
from typing import Any

import pytest

from brrt import Conflict, Limits, NotFound, Problem
from brrt.errors import LifecycleError, Retired, Shed
from brrt.http.answers import Answer, ContractBroken
from brrt.http.failures import ErrorMap, Failures
from brrt.openapi.validation import Invalid, Violation


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/pets", "headers": list(headers)}


def answer(error: Exception, errors: ErrorMap | None = None, **limits: Any) -> Answer:
    return Failures(errors or {}, Limits(**limits)).answer(error, scope())


def document(found: Answer) -> dict[str, Any]:
    headers = dict(found.headers)
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"content-length"] == b"%d" % len(found.body)
    decoded: dict[str, Any] = json.loads(found.body)
    assert decoded["status"] == found.status
    return decoded


def test_problems_are_what_they_say() -> None:
    """Status, title, detail, type, members and headers arrive (RFC 9457)."""
    found = answer(
        Problem(418, "teapot", detail="d", type="urn:t", headers={"X-Tea": "green"}, pot=[1])
    )
    assert document(found) == {
        "type": "urn:t",
        "title": "teapot",
        "status": 418,
        "detail": "d",
        "pot": [1],
    }
    assert (b"x-tea", b"green") in found.headers
    assert document(answer(NotFound("no pet 1")))["detail"] == "no pet 1"


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (Shed("full"), "busy; try again later"),
        (Retired("closed"), "stopping or changing; try again later"),
        (LifecycleError("stopping"), "stopping or changing; try again later"),
    ],
)
def test_refusals_are_503_with_a_time_to_wait(error: Exception, detail: str) -> None:
    """What was not taken may be sent again; nothing of the inside is told."""
    found = answer(error, retry_after=7)
    assert found.status == 503
    assert (b"retry-after", b"7") in found.headers
    assert document(found)["detail"] == detail


def test_violations_are_listed_up_to_a_limit() -> None:
    """All of them, or as many as `max_errors` and how many there are."""
    found = [Violation("query", f"n{one}", "", f"n{one} is wrong", "type") for one in range(5)]
    told = document(answer(Invalid(found)))
    assert [one["name"] for one in told["errors"]] == ["n0", "n1", "n2", "n3", "n4"]
    assert told["detail"] == "n0 is wrong; n1 is wrong; n2 is wrong"
    assert "total" not in told
    told = document(answer(Invalid(found), max_errors=2))
    assert (len(told["errors"]), told["total"]) == (2, 5)


class Base(Exception):
    pass


class Special(Base):
    pass


def test_the_users_own_errors() -> None:
    """Statuses and functions by class, the nearest class first."""
    errors: ErrorMap = {
        KeyError: 404,
        Base: lambda error: Conflict(f"base {error}"),
        Special: lambda error: Problem(422, detail="special"),
    }
    assert answer(KeyError("x"), errors).status == 404
    assert document(answer(Base("b"), errors))["detail"] == "base b"
    assert answer(Special(), errors).status == 422
    assert answer(LookupError(), errors).status == 500
    assert answer(type("Derived", (Special,), {})(), errors).status == 422


def failing(error: Exception) -> Problem:
    raise RuntimeError("the map failed")


@pytest.mark.parametrize(
    ("error", "errors"),
    [
        (RuntimeError("secret"), {}),
        (ContractBroken("secret"), {}),
        (Problem(400, detail="d", member=object()), {}),
        (Problem(400, headers={"X-A": "a\r\nSet-Cookie: forged"}), {}),
        (KeyError("secret"), {KeyError: failing}),
    ],
)
def test_whatever_else_is_an_opaque_500(
    caplog: pytest.LogCaptureFixture, error: Exception, errors: ErrorMap
) -> None:
    """The client gets a request id, the log gets the traceback under the same one."""
    with caplog.at_level(logging.ERROR, "brrt"):
        found = answer(error, errors)
    told = document(found)
    assert set(told) == {"type", "title", "status", "request_id"}
    assert found.status == 500
    (record,) = caplog.records
    assert told["request_id"] in record.getMessage()
    assert record.exc_info is not None
