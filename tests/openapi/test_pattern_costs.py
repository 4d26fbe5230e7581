"""A document whose pattern could stop the service is not served: the fault says the cure."""

import time
from typing import Any

import pytest

from brrt import SpecError
from brrt.openapi.document import load
from brrt.openapi.pattern_costs import MAX_WIDTH, cost

Page = Any

WIDTHS: list[tuple[str, float]] = [
    ("", 0),
    ("a", 1),
    ("^a$", 1),
    ("^[a-z]{1,9000}$", 1),
    ("[a-z]{1,9000}", 1),  # a match is one as soon as there is one letter
    ("[a-z]{90}", 90),
    ("a{1,90}b", 91),
    ("^a{1,90}b", 2),
    ("^a{0,90}a{0,90}b", 92),
    ("(a{1,30}){1,30}b", 901),
    ("^(a{1,30}){1,30}b", 901),
    ("^(?:ab|cd){1,90}x", 2),
    ("^(?:[ab]c|[ac]d)x$", 2),
    ("^(?:" + "|".join(f"word{n}" for n in range(2_000)) + ")$", 1),
    ("|".join(f"word{n}" for n in range(2_000)), 8),
    ("^a|b{90}c", 92),
    ("^a*a{90}b", 92),
    (r"^\p{Lu}\u{1F600}\x41\u0041\cA[\]a]{2}$", 1),
    (r"^(?<a>b)\k<a>$", 1),
    ("(|a)*", 0),
    ("*", 0),  # no pattern at all: told elsewhere
    (")(", 0),
]
TRIED = [
    r"^(a*)*\1$",
    r"^(?:a+)+(?=b)",
    r"^((?!x)a+)*$",
    r"^(([a-z])+.)+[A-Z]([a-z])+$(?<!x)",
    r"^(a{1,2}){20}\1$",
]
HARMLESS = [
    "(a+)+$",  # all ways at once
    "^(?=a)(a+)+$",  # what comes behind is no more than that
    "^(?=.*[0-9])(?=.*[a-z])[a-z0-9]{8,200}$",
    r"^(?!.{256,})(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]+$",
    "^(?:(?!foo).)*$",
    r"^(a?){2}\1$",
    r"^(a)\1+b$",
]


@pytest.mark.parametrize(("pattern", "width"), WIDTHS)
def test_widths(pattern: str, width: float) -> None:
    """The places of a pattern that may be alive at once."""
    assert cost(pattern).width == width


@pytest.mark.parametrize("pattern", TRIED + HARMLESS)
def test_what_is_tried(pattern: str) -> None:
    """What is repeated and varies is harmless, unless something behind it makes it be tried."""
    assert cost(pattern).is_tried == (pattern in TRIED)


REFUSED: list[Any] = [
    {"pattern": "a{1,10000}b"},
    {"pattern": "(a{1,100}){1,100}b"},
    {"pattern": "[ab]*a[ab]{1000}c"},
    {"pattern": "a{1,10000}b", "maxLength": MAX_WIDTH + 1},
    {"patternProperties": {"a{1,10000}b": {}}},
    {"propertyNames": {"pattern": "a{1,10000}b"}},
    {"pattern": r"^(a*)*\1$"},
]
SERVED: list[Any] = [
    {"pattern": "^[a-z]{1,10000}$"},
    {"pattern": "a{1,10000}b", "maxLength": MAX_WIDTH},
    {"patternProperties": {"a{1,10000}b": {}}, "propertyNames": {"maxLength": 100}},
]


@pytest.mark.parametrize("schema", REFUSED, ids=str)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_costly_patterns_are_faults(page: Page, schema: Any, version: str) -> None:
    """They are told where they stand, and are warnings to who does not want to be strict."""
    if version == "3.0.3" and "pattern" not in schema:
        return
    made = page.document(version=version, schemas={"Costly": schema})
    with pytest.raises(SpecError, match=r"(?s)keeps everything|takes for ever.*"):
        load(made)
    (warning,) = load(made, strict=False).warnings
    assert "/components/schemas/Costly/" in warning.pointer
    assert warning.cure


@pytest.mark.parametrize("schema", SERVED, ids=str)
def test_bounded_texts_are_no_fault(page: Page, schema: Any) -> None:
    """Where a text cannot be long, its pattern may be wide."""
    assert load(page.document(schemas={"Wide": schema})).warnings == ()


def test_what_is_tried_all_the_same_has_a_limit(page: Page) -> None:
    """Who is not strict gets such a pattern: 200 texts are refused in 0.2 s, and not in 8."""
    validator = page.validator({"items": {"pattern": r"^(a*)*\1$"}})
    begin = time.process_time()
    assert not any(validator.is_valid(["a" * 40 + "b"]) for _ in range(200))
    assert time.process_time() - begin < 1.5


def test_honest_texts_are_below_the_limit(page: Page) -> None:
    """What looks around at each character is matched in texts of some kilobytes."""
    validator = page.validator({"pattern": "^(?:(?!<script)[^\\0])*$"})
    assert validator.is_valid("a<" * 2_500)
    assert not validator.is_valid("a<" * 100 + "<script")
