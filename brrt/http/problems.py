"""Problems as answers (RFC 9457): the framework's own, and those of requests that are invalid.

Bounded in number and in size: what a client did wrong is told in full only as far as it helps.
"""

from typing import Any, Final

from brrt.config import Limits
from brrt.errors import Problem
from brrt.http.answers import (
    BODILESS,
    Answer,
    Headers,
    check_status,
    content_length,
    encode_headers,
)
from brrt.openapi.json_encoding import encode_json
from brrt.openapi.validation import Invalid

PROBLEM_TYPE: Final = ((b"content-type", b"application/problem+json"),)
# Violations that `detail` repeats, and characters of it.
MAX_SUMMARY = 3
MAX_DETAIL = 500


def problem_answer(problem: Problem) -> Answer:
    """A problem as a response (RFC 9457, section 3). Raises `ContractBroken` for bad headers."""
    return with_body(problem, encode_json(problem.document()), PROBLEM_TYPE)


def with_body(
    problem: Problem, body: bytes, content_type: tuple[tuple[bytes, bytes], ...]
) -> Answer:
    """A problem with its document encoded already."""
    status = check_status(problem.status)
    length = content_length(body, status)
    given = [pair for pair in encode_headers(problem.headers) if pair[0] != b"content-type"]
    kind = () if status in BODILESS else content_type
    headers: Headers = [*kind, *given, *length]
    return Answer(status, headers, body)


def invalid_problem(error: Invalid, limits: Limits) -> Problem:
    """All violations as one problem: at most `max_errors`, and `max_problem` bytes in all.

    Each has the same members: `name` is empty for a body, `pointer` for a whole value. Where
    some are left out, `total` says how many there are.
    """
    found = error.violations
    detail = "; ".join(one.message for one in found[:MAX_SUMMARY])
    if len(detail) > MAX_DETAIL:
        detail = detail[: MAX_DETAIL - 1] + "…"
    shown = [one.as_dict() for one in found[: limits.max_errors]]
    problem = _listing(detail, shown, len(found))
    if len(encode_json(problem.document())) > limits.max_problem:
        room = limits.max_problem - len(encode_json(_listing(detail, [], len(found)).document()))
        problem = _listing(detail, _fitting(shown, room), len(found))
    return problem


def _listing(detail: str, shown: list[dict[str, str]], total: int) -> Problem:
    members: dict[str, Any] = {"errors": shown}
    if total > len(shown):
        members["total"] = total
    return Problem(400, detail=detail, **members)


def _fitting(shown: list[dict[str, str]], room: int) -> list[dict[str, str]]:
    """As many as fit into `room` bytes. One that is too long by itself is left out."""
    kept: list[dict[str, str]] = []
    for one in shown:
        size = len(encode_json(one)) + 1  # and a comma
        if size <= room:
            room -= size
            kept.append(one)
    return kept
