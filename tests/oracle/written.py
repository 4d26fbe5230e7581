"""What a client writes by the table of styles, where the table leaves no doubt what is meant."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from tests.oracle.cases import REQUESTS, Case, parameter_part, with_value
from tests.oracle.primitives import Draw
from tests.oracle.wires import text

# Characters that a style cannot carry within a value (OpenAPI 3.1.1, Appendix E.6; a header
# value is not percent-encoded at all).
DOUBTFUL = {
    "spaceDelimited": re.compile(r"[ ]"),
    "pipeDelimited": re.compile(r"\|"),
    "label": re.compile(r"\."),  # unreserved, and so never percent-encoded
    "header": re.compile(r"[^!-~]|[,=]"),
}


@st.composite
def written_cases(
    draw: Draw, version: str, place: tuple[str, str, bool]
) -> tuple[list[Case], list[Any]]:
    """Requests with one parameter of a valid value, and these values."""
    part = parameter_part(draw, version, place)
    values = [draw(part.values) for _ in range(REQUESTS)]
    pattern = DOUBTFUL.get(part.style) or DOUBTFUL.get(part.location)
    sure = [one for one in values if all(_is_sure(leaf, pattern) for leaf in leaves(one))]
    assume(sure)
    sent = [with_value(part, one) for one in sure]
    if part.location == "query" and draw(st.booleans()):  # as HTML forms write a space
        sent = [replace(one, query=one.query.replace("%20", "+")) for one in sent]
    return [Case(part, one) for one in sent], sure


def leaves(value: Any) -> Iterator[Any]:
    """What stands in a value; of an empty structure itself."""
    if isinstance(value, dict) and value:
        yield from value
        value = list(value.values())
    if isinstance(value, list) and value:
        for one in value:
            yield from leaves(one)
    else:
        yield value


def _is_sure(leaf: Any, pattern: "re.Pattern[str] | None") -> bool:
    """Neither empty nor null, which look the same, nor with a character that is doubtful."""
    if leaf is None or leaf in ("", [], {}):
        return False
    return not (pattern and pattern.search(text(leaf)))
