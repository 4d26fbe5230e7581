"""Documents around the answers of one operation, and answers that they may or may not allow."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.oracle.breaking import broken
from tests.oracle.cases import REQUESTS, Case, Part, document
from tests.oracle.grammar import Grammar
from tests.oracle.primitives import Draw, Sample
from tests.oracle.wires import Given, Sent

COUNT = "X-Count"
PROBLEM = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}
# Values of a header that is an integer of at least 1.
COUNTS = ("1", "20", "0", "-1", "x", "1.5", "")


@st.composite
def answer_cases(draw: Draw, version: str, kind: str) -> list[Case]:
    """Some answers of one operation, whose JSON has a schema of this kind."""
    grammar = Grammar(draw, version)
    sample = grammar.kind(kind)
    header = draw(st.sampled_from([None, False, True, True]))
    responses = _responses(grammar, sample, header)
    made = document(grammar, {"responses": responses}, "/x")
    part = Part(version, made, sample.schema, sample.values, "answer")
    return [Case(part, Sent("/x"), _answer(draw, sample, header)) for _ in range(REQUESTS)]


def _responses(grammar: Grammar, sample: Sample, header: bool | None) -> dict[str, Any]:
    """A 200 with a header, perhaps required; for errors a range, a status or `default`."""
    count = {"schema": {"type": "integer", "minimum": 1}} | ({"required": True} if header else {})
    headers = {} if header is None else {"headers": {COUNT: count}}
    content = {"application/json": {"schema": sample.schema}}
    errors = grammar.pick("4XX", "404", "default")
    problem = {"application/json": {"schema": PROBLEM}}
    return {
        "200": {"description": "ok", "content": content, **headers},
        errors: {"description": "not ok", "content": problem},
    }


def _answer(draw: Draw, sample: Sample, header: bool | None) -> Given:
    """Mostly a 200 that is right but for its value."""
    value = draw(sample.values)
    if draw(st.booleans()):
        value = broken(draw, value)
    how = draw(st.integers(0, 9))
    is_there = header is not None and how != 9
    headers = ((COUNT, draw(st.sampled_from(COUNTS))),) if is_there else ()
    body = json.dumps(value).encode()
    if how == 7:
        problem = draw(st.sampled_from([b'{"title": "gone"}', b"{}", b'{"title": 1}', b"null"]))
        return Given(problem, draw(st.sampled_from([404, 400, 422])))
    if how == 8:
        return Given(body, headers=headers, media_type="application/xml+json")
    return Given(body, draw(st.sampled_from([200, 200, 200, 200, 201])), headers)
