"""Violations say where, what was expected and what came, in words that a client understands."""

from typing import Any

import pytest

from brrt.openapi.validation import MAX_SHOWN, Violation, pointer, show, violations

Page = Any


def told(page: Page, schema: Any, value: Any, name: str = "") -> list[tuple[str, str]]:
    """Pointer and message of every violation."""
    found = violations("body", name, page.validator(schema).errors(value))
    return [(one.pointer, one.message) for one in found]


MESSAGES: list[tuple[Any, Any, str]] = [
    ({"type": "integer"}, "a", 'must be an integer, got "a"'),
    ({"type": "object"}, [], "must be an object, got []"),
    ({"type": "boolean"}, 1, "must be true or false, got 1"),
    ({"type": ["null", "string"]}, 1, "must be a string or null, got 1"),
    ({"enum": ["a", None, 1]}, "b", 'must be one of "a", null, 1, got "b"'),
    ({"const": {"a": 1}}, 1, 'must be {"a": 1}, got 1'),
    ({"minimum": 1}, 0, "must be at least 1, got 0"),
    ({"maximum": 1.5}, 2, "must be at most 1.5, got 2"),
    ({"exclusiveMinimum": 1}, 1, "must be more than 1, got 1"),
    ({"exclusiveMaximum": 1}, 1, "must be less than 1, got 1"),
    ({"multipleOf": 5}, 7, "must be a multiple of 5, got 7"),
    ({"minLength": 2}, "é", "must have at least 2 characters, got 1"),
    ({"maxLength": 1}, "ab", "must have at most 1 character, got 2"),
    ({"minItems": 1}, [], "must have at least 1 item, got 0"),
    ({"maxItems": 2}, [1, 2, 3], "must have at most 2 items, got 3"),
    ({"minProperties": 1}, {}, "must have at least 1 property, got 0"),
    ({"maxProperties": 0}, {"a": 1}, "must have at most 0 properties, got 1"),
    ({"pattern": "^a"}, "b", 'must match ^a, got "b"'),
    ({"format": "uuid"}, "x", 'must be a valid uuid, got "x"'),
    ({"uniqueItems": True}, [1, 1], "must not repeat an item"),
    ({"required": ["a"]}, {}, "a is required"),
    ({"additionalProperties": False, "properties": {"a": {}}}, {"b": 1}, "must not have b"),
    ({"additionalProperties": False}, {"b": 1, "c": 2}, "must not have any property"),
    ({"unevaluatedProperties": False}, {"b": 1}, "must not have b"),
    (False, 1, "is not allowed here"),
]


@pytest.mark.parametrize(("schema", "value", "message"), MESSAGES, ids=str)
def test_messages(page: Page, schema: Any, value: Any, message: str) -> None:
    """Each keyword has a sentence; with a name in front, if there is one."""
    assert told(page, schema, value) == [("", message)]
    assert told(page, schema, value, "limit") == [("", f"limit: {message}")]


def test_places(page: Page) -> None:
    """A pointer leads to the value, escaped; the message names it with dots."""
    schema = {"properties": {"a/b": {"items": {"properties": {"c~d": {"type": "string"}}}}}}
    assert told(page, schema, {"a/b": [{}, {"c~d": 1}]}) == [
        ("/a~1b/1/c~0d", "a/b.1.c~d: must be a string, got 1")
    ]
    assert pointer(()) == ""


def test_all_violations_are_told(page: Page) -> None:
    """One problem with everything that is wrong, not one problem after the other."""
    schema = {
        "required": ["a", "b"],
        "properties": {"c": {"type": "integer"}, "d": {"items": {"minimum": 1}}},
    }
    found = told(page, schema, {"c": "x", "d": [0, 1, 0]})
    assert sorted(pointer for pointer, _ in found) == ["", "", "/c", "/d/0", "/d/2"]


VARIANTS = {
    "oneOf": [
        {
            "required": ["kind", "bark"],
            "properties": {"kind": {"const": "dog"}, "bark": {"type": "string"}},
        },
        {
            "required": ["kind", "lives"],
            "properties": {"kind": {"enum": ["cat"]}, "lives": {"type": "integer"}},
        },
        {"type": "string"},
    ]
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"kind": "cat", "lives": "x"}, [("/lives", 'lives: must be an integer, got "x"')]),
        ({"kind": "cat"}, [("", "lives is required")]),
        ({"kind": "dog"}, [("", "bark is required")]),
        ({"kind": "dog", "bark": 1}, [("/bark", "bark: must be a string, got 1")]),
    ],
    ids=str,
)
def test_the_nearest_branch_is_told(page: Page, value: Any, expected: Any) -> None:
    """Of variants, the one that the value tries to be is the one it is measured by."""
    assert told(page, VARIANTS, value) == expected


def test_the_nearest_branch_at_depth(page: Page) -> None:
    """The same holds where the variants stand inside a value."""
    schema = {"properties": {"pets": {"items": VARIANTS}}}
    assert told(page, schema, {"pets": [{"kind": "cat", "lives": "x"}]}) == [
        ("/pets/0/lives", 'pets.0.lives: must be an integer, got "x"')
    ]


def test_more_than_one_branch(page: Page) -> None:
    """A value that fits two branches of `oneOf` has no nearest one."""
    ((place, message),) = told(page, {"oneOf": [{}, {"type": "integer"}]}, 1)
    assert place == ""
    assert "more than one" in message


def test_notes_stand_as_they_are(page: Page) -> None:
    """Of a large value the engine's own words are shown, shortened."""
    found = told(page, {"type": "array", "items": {"maxLength": 1}}, ["x" * 1000] * 3_000)
    assert len(found) == 100
    assert found[0][0] == "/0"
    assert all(len(message) < 250 for _, message in found)


def test_values_are_shortened() -> None:
    """A message shows the beginning of a value, and text as it is."""
    assert show("é") == '"é"'
    assert len(show("x" * 1000)) == MAX_SHOWN
    assert show("x" * 1000).endswith("…")


def test_as_a_member_of_a_problem() -> None:
    """A violation is told under the names of the problem document."""
    assert Violation("query", "limit", "/0", "m", "type").as_dict() == {
        "in": "query",
        "name": "limit",
        "pointer": "/0",
        "message": "m",
        "keyword": "type",
    }
