"""Violations say where, what was expected and what came, in words that a client understands."""

from typing import Any

import pytest

from brrt.openapi.dialects import DRAFT_2020
from brrt.openapi.engine_errors import SchemaError
from brrt.openapi.phrases import MAX_MESSAGE, MAX_SHOWN, describe, show
from brrt.openapi.validation import MAX_POINTER, Violation, pointer, violations

Page = Any


def told(page: Page, schema: Any, value: Any, name: str = "") -> list[tuple[str, str]]:
    """Pointer and message of every violation."""
    found = violations("body", name, page.validator(schema).errors(value))
    return [(one.pointer, one.message) for one in found]


MESSAGES: list[tuple[Any, Any, str]] = [
    ({"type": "integer"}, "a", 'must be an integer, got "a"'),
    ({"type": "object"}, [], "must be an object, got an array"),
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
    ({"pattern": "^.$"}, "ab", 'must match ^.$, got "ab"'),
    ({"format": "uuid"}, "x", 'must be a valid uuid, got "x"'),
    ({"uniqueItems": True}, [1, 1], "must not repeat an item"),
    ({"required": ["a"]}, {}, "a is required"),
    ({"additionalProperties": False, "properties": {"a": {}}}, {"b": 1}, "must not have b"),
    ({"additionalProperties": False}, {"b": 1, "c": 2}, "must not have any property"),
    ({"unevaluatedProperties": False}, {"b": 1}, "must not have b"),
    (False, 1, "is not allowed here"),
    ({"enum": [1]}, 2, "must be 1, got 2"),
    ({"contains": {"const": 1}}, [2], "must have at least one item that fits"),
    (
        {"contains": {"const": 1}, "minContains": 2},
        [1],
        "the number of items that fit must be at least 2",
    ),
    (
        {"contains": {"const": 1}, "maxContains": 1},
        [1, 1],
        "the number of items that fit must be at most 1",
    ),
    ({"not": {"type": "string"}}, "a", 'must not be a string, got "a"'),
    ({"not": {"const": 1}}, 1, "must not be 1, got 1"),
    ({"not": {"enum": [1, 2]}}, 1, "must not be one of 1, 2, got 1"),
    (
        {"not": {"required": ["a", "b"]}},
        {"a": 1, "b": 1},
        "must not have a together with b, got an object",
    ),
    ({"not": {}}, 1, "must not match what its schema excludes, got 1"),
    ({"not": True}, 1, "must not match what its schema excludes, got 1"),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "b is required"),
    ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}, "b is required"),
    ({"dependentSchemas": {"a": False}}, {"a": 1}, "must not have a"),
    (
        {"propertyNames": {"maxLength": 1}},
        {"ab": 1},
        'the name "ab" must have at most 1 character, got 2',
    ),
    (
        {"propertyNames": {"enum": ["a", "b"]}},
        {"c": 1},
        'the name "c" must be one of "a", "b", got "c"',
    ),
    ({"propertyNames": False}, {"a": 1}, "must not have any property"),
    (
        {"prefixItems": [True], "unevaluatedItems": False},
        [1, "secret", 3],
        "has 2 more than the items that it may have",
    ),
    ({"if": {"minimum": 1}, "then": {"multipleOf": 2}}, 3, "must be a multiple of 2, got 3"),
    ({"if": {"minimum": 1}, "else": {"maximum": -5}}, 0, "must be at most -5, got 0"),
    ({"if": {"minimum": 1}, "then": False}, 3, "is not allowed here"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, "must be a string or null, got 1"),
    ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "c", 'must be one of "a", "b", got "c"'),
    (
        {"oneOf": [{"minimum": 1}, {"type": "string"}, {"minimum": 2}]},
        3,
        "matches more than one of 3 alternatives (number 1 and 3), which must exclude each other",
    ),
    ({"pattern": "^(?=a)(a|ab)(c|bcd)(d*)$"}, "x", 'must match ^(?=a)(a|ab)(c|bcd)(d*)$, got "x"'),
    ({"pattern": r"^(a*)*\1$"}, "a" * 5000 + "b", "takes too long to match with its pattern"),
]

INSIDE: list[tuple[Any, Any, str, str]] = [
    ({"properties": {"a": False}}, {"a": 1}, "/a", "a: is not allowed here"),
    ({"patternProperties": {"^a": {"minimum": 1}}}, {"a": 0}, "/a", "a: must be at least 1, got 0"),
    ({"additionalProperties": {"minimum": 1}}, {"a": 0}, "/a", "a: must be at least 1, got 0"),
    ({"prefixItems": [{}, False]}, [1, 1], "/1", "1: is not allowed here"),
    ({"prefixItems": [{}], "items": False}, [1, 1], "/1", "1: is not allowed here"),
    ({"items": {"minimum": 1}}, [1, 0], "/1", "1: must be at least 1, got 0"),
    ({"allOf": [{"properties": {"a": {"minimum": 1}}}]}, {"a": 0}, "/a", "a: must be at least 1"),
]


@pytest.mark.parametrize(("schema", "value", "message"), MESSAGES, ids=str)
def test_messages(page: Page, schema: Any, value: Any, message: str) -> None:
    """Each keyword has a sentence; with a name in front, if there is one."""
    assert told(page, schema, value) == [("", message)]
    assert told(page, schema, value, "limit") == [("", f"limit: {message}")]


@pytest.mark.parametrize(("schema", "value", "place", "message"), INSIDE, ids=str)
def test_messages_about_what_is_inside(
    page: Page, schema: Any, value: Any, place: str, message: str
) -> None:
    """What applies to a member or an element is told of that."""
    ((found, text),) = told(page, schema, value)
    assert found == place
    assert text.startswith(message)


@pytest.mark.parametrize("others", [0, 600])
def test_what_does_not_travel_is_told_by_its_own_word(page: Page, others: int) -> None:
    """A read-only member in a request is refused as such; one that is `false` is not allowed.

    Both are told so in a large value as well.
    """
    schema = {"properties": {"a/b": {"allOf": [{"readOnly": True}]}, "c": False}}
    errors = page.validator(schema).errors({"a/b": 1, "c": 1, "d": [1] * others})
    found = {(one.pointer, one.keyword, one.message) for one in violations("body", "", errors)}
    assert found == {
        ("/a~1b", "readOnly", "a/b: is read-only, so it must not be sent"),
        ("/c", "falseSchema", "c: is not allowed here"),
    }


def test_every_keyword_has_a_sentence() -> None:
    """Each keyword of JSON Schema 2020-12 that can fail is in the tables above."""
    tested = {
        word
        for schema, *_ in (*MESSAGES, *INSIDE)
        if isinstance(schema, dict)
        for word in (*schema, *schema.get("allOf", [{}])[0])
    }
    words = DRAFT_2020.values | DRAFT_2020.schemas | DRAFT_2020.lists | DRAFT_2020.maps
    assert words - tested == set()


@pytest.mark.parametrize(("schema", "value", "message"), MESSAGES, ids=str)
def test_notes_have_the_same_sentences(page: Page, schema: Any, value: Any, message: str) -> None:
    """Of a value in a large one the same is said, as far as it is known; nothing breaks."""
    many = {"properties": {"a": schema, "b": {}}}
    found = told(page, many, {"a": value, "b": [1] * 600})
    assert all(place.startswith("/a") for place, _ in found)
    assert found
    if not SAID_OTHERWISE & set(schema or {"false": 1}):
        assert found == [("/a", f"a: {message}")]


# In notes of these the engine tells less, or all that is wrong in each branch.
SAID_OTHERWISE = {
    "pattern",
    *("anyOf", "oneOf", "additionalProperties", "unevaluatedProperties", "unevaluatedItems"),
    *("propertyNames", "contains", "dependentSchemas", "false", "if"),
}


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


NEAREST: list[tuple[list[Any], Any, list[tuple[str, str]]]] = [
    # the type is right in one of them only
    ([{"type": "string", "maxLength": 1}, {"type": "integer"}], "ab", [("", "at most 1 char")]),
    ([{"type": "null"}, {"type": "object", "required": ["a"]}], {}, [("", "a is required")]),
    # the types of all, where none is right
    ([{"type": ["null", "integer"]}, {"type": "string"}], [], [("", "an integer or a string or")]),
    # constants by which variants are told apart, one step below
    (VARIANTS["oneOf"][:2], {"kind": "cow", "bark": "x"}, [("/kind", '"dog", "cat", got "cow"')]),
    (VARIANTS["oneOf"], {"kind": "cow"}, [("/kind", 'must be one of "dog", "cat", got "cow"')]),
    # the shape before the number of errors
    (
        [
            {"required": ["a", "b"], "properties": {"a": {"minimum": 1}, "b": {"minimum": 1}}},
            {"required": ["c"]},
        ],
        {"a": 0, "b": 0},
        [("/a", "at least 1"), ("/b", "at least 1")],
    ),
    (
        [
            {"additionalProperties": False, "properties": {"a": {"minimum": 1}}},
            {"additionalProperties": False, "properties": {"b": {"minimum": 1}}},
        ],
        {"b": 0},
        [("/b", "at least 1")],
    ),
    # the fewest errors, then the deepest
    ([{"minimum": 5, "multipleOf": 2}, {"minimum": 4}], 3, [("", "at least 4")]),
    (
        [{"properties": {"a": {"maxItems": 0}}}, {"properties": {"a": {"items": {"minimum": 1}}}}],
        {"a": [0]},
        [("/a/0", "at least 1")],
    ),
    # alternatives inside alternatives
    ([{"anyOf": [{"type": "string"}, {"minimum": 5}]}, {"type": "array"}], 3, [("", "least 5")]),
]


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize(("branches", "value", "expected"), NEAREST, ids=str)
def test_the_closest_alternative_is_told(
    page: Page, keyword: str, branches: Any, value: Any, expected: list[tuple[str, str]]
) -> None:
    """By type, constants, shape, number of errors and depth, in this order."""
    found = told(page, {keyword: branches}, value)
    assert [place for place, _ in found] == [place for place, _ in expected]
    for (_, message), (_, part) in zip(found, expected, strict=True):
        assert part in message


def test_the_same_is_told_once(page: Page) -> None:
    """Two parts of a schema that say the same make one violation."""
    schema = {"allOf": [{"required": ["a"]}, {"required": ["a"]}], "required": ["a"]}
    assert told(page, schema, {}) == [("", "a is required")]


def test_what_is_only_unevaluated_because_of_another_error(page: Page) -> None:
    """A property that a failing part knows is not called unknown; one that nobody knows is."""
    part = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
    closed = {"allOf": [part], "unevaluatedProperties": False}
    assert told(page, closed, {"a": 1, "b": 1}) == [("/a", "a: must be a string, got 1")]
    assert told(page, closed, {"a": "x", "b": 1}) == [("", "must not have b")]
    beside = {**part, "unevaluatedProperties": False}
    assert told(page, beside, {"b": 1}) == [("", "a is required"), ("", "must not have b")]


LONG: list[tuple[Any, Any]] = [
    ({"pattern": "^" + "a" * 10_000}, "b" * 10_000),
    ({"enum": [f"value {index}" for index in range(5_000)]}, "b"),
    (
        {"additionalProperties": False, "properties": {"x": {}}},
        {f"n{index}" * 20: 1 for index in range(480)},
    ),
    ({"additionalProperties": {"type": "string"}}, {"k" * 100_000: 1}),
    ({"propertyNames": {"maxLength": 1}}, {"k" * 100_000: 1}),
    ({"const": "c" * 10_000}, "d" * 10_000),
    ({"required": ["r" * 10_000]}, {}),
    ({"maximum": 1}, 10**4_000),
    ({"type": "string"}, 10**5_000),
]


@pytest.mark.parametrize(("schema", "value"), LONG, ids=[str(index) for index in range(len(LONG))])
def test_messages_are_short(page: Page, schema: Any, value: Any) -> None:
    """Whatever the document and the client write, a violation has a bounded size."""
    for place, message in told(page, schema, value):
        assert 0 < len(message) <= MAX_MESSAGE
        assert len(place) <= MAX_POINTER


def test_messages_are_one_line_of_unicode() -> None:
    """Line breaks, control characters and half surrogates of a client are written as escapes."""
    error = SchemaError(("a\nb",), "type", "integer", "", "x\ud800\x1b\u2028", ())
    text = describe(error, "a\nb")
    assert text == 'a\\nb: must be an integer, got "x\\ud800\\u001b\\u2028"'
    text.encode()


def test_notes_of_a_large_value_are_limited(page: Page) -> None:
    """Of a large value the first violations are told, shortened."""
    found = told(page, {"type": "array", "items": {"maxLength": 1}}, ["x" * 1000] * 3_000)
    assert len(found) == 100
    assert found[0] == ("/0", "0: must have at most 1 character, got 1000")


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
