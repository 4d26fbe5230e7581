"""Whole requests: several parameters and a body, of which any number is wrong or missing."""

from typing import Any

from hypothesis import strategies as st

from tests.oracle import wires
from tests.oracle.breaking import broken
from tests.oracle.cases import REQUESTS, Case, Part, body_bytes, document
from tests.oracle.grammar import Grammar
from tests.oracle.primitives import Draw, Sample
from tests.oracle.wires import Sent

LOCATIONS = ("path", "query", "query", "header", "cookie")
BODY = {"type": "object", "required": ["on"], "properties": {"on": {"type": "boolean"}}}
WRONG = "x!"  # for every schema of a parameter here
Named = dict[str, tuple[str, Sample]]


@st.composite
def whole_cases(draw: Draw, version: str) -> list[Case]:
    """Some requests to one operation."""
    grammar = Grammar(draw, version)
    named: Named = {
        f"p{index}": (location, grammar.pick(*_schemas(grammar)))
        for index, location in enumerate(LOCATIONS)
    }
    parameters = [
        {"name": name, "in": location, "schema": one.schema, "required": True}
        for name, (location, one) in named.items()
    ]
    content = {"application/json": {"schema": BODY}}
    operation = {
        "parameters": parameters,
        "requestBody": {"required": True, "content": content},
    }
    part = Part(version, document(grammar, operation, "/x/{p0}"), BODY, None, "whole")
    return [Case(part, _request(draw, named)) for _ in range(REQUESTS)]


def _schemas(grammar: Grammar) -> list[Sample]:
    return [grammar.integer(), grammar.boolean(), grammar.enum()]


def _request(draw: Draw, named: Named) -> Sent:
    """Each part is right, or wrong, or not there at all."""
    texts: dict[str, dict[str, str]] = {location: {} for location in LOCATIONS}
    for name, (location, sample) in named.items():
        how = draw(st.integers(0, 9))
        if how == 9 and location != "path":
            continue
        texts[location][name] = WRONG if how == 8 else wires.text(draw(sample.values))
    value: Any = {"on": draw(st.booleans())}
    if draw(st.integers(0, 3)) == 3:
        value = broken(draw, value)
    cookies = "; ".join(f"{name}={text}" for name, text in texts["cookie"].items())
    return Sent(
        f"/x/{texts['path']['p0']}",
        "&".join(f"{name}={text}" for name, text in texts["query"].items()),
        (
            ("content-type", "application/json"),
            *texts["header"].items(),
            *([("cookie", cookies)] if cookies else ()),
        ),
        body_bytes("application/json", value),
        "POST",
    )
