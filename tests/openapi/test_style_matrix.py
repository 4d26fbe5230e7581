"""Every location, style and explode with every kind of value: what is written is read again.

The writer here is RFC 6570's, with the delimiters of OpenAPI's own styles; it knows nothing of
the reader.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from brrt.openapi.parameters import (
    cookie_decoder,
    header_decoder,
    path_decoder,
    query_decoder,
)
from brrt.openapi.shapes import MISSING, Shape
from brrt.openapi.wire import parse_cookies, parse_query

NAME = "größe"
STRING, INTEGER = Shape(frozenset({"string"})), Shape(frozenset({"integer"}))
NUMBER, BOOLEAN = Shape(frozenset({"number"})), Shape(frozenset({"boolean"}))
NULLABLE = Shape(frozenset({"integer", "null"}))
STRINGS = Shape(frozenset({"array"}), items=STRING)
INTEGERS = Shape(frozenset({"array"}), items=INTEGER)
OBJECT = Shape(
    frozenset({"object"}), properties={"R": INTEGER, "on": BOOLEAN, "a b,c": STRING, "é": STRING}
)
SEPARATORS = {"spaceDelimited": " ", "pipeDelimited": "|"}
DELIMITERS = ",.;=&|+/?#[]% \"'"
VALUES: list[tuple[Shape, Any]] = [
    (STRING, "blue"),
    (STRING, "é🎨" + DELIMITERS),
    (STRING, "%41+%"),
    (INTEGER, 2**53 + 1),
    (INTEGER, -(10**30)),
    (NUMBER, 1e21),
    (NUMBER, -2.5e-7),
    (BOOLEAN, True),
    (BOOLEAN, False),
    (STRINGS, ["blue", "black", "brown"]),
    (STRINGS, ["one"]),
    (STRINGS, ["a,b", "c;d", "", "e.f", "g=h&i", "%2C", "é"]),
    (INTEGERS, [1, -2, 2**64]),
    (OBJECT, {"R": 100, "on": True}),
    (OBJECT, {"R": 1, "a b,c": "x,y=z&w;v.u", "é": "ü"}),
]
STYLES = [
    ("path", "simple"),
    ("path", "label"),
    ("path", "matrix"),
    ("query", "form"),
    ("query", "spaceDelimited"),
    ("query", "pipeDelimited"),
    ("query", "deepObject"),
    ("header", "simple"),
    ("cookie", "form"),
    ("cookie", "cookie"),
]


def plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def encode(value: Any) -> str:
    """Percent-encoded, the dot too, since the label style makes a delimiter of it."""
    return quote(plain(value), safe="").replace(".", "%2E")


def pairs(value: Any, name: str, style: str, explode: bool, write: Any) -> Iterator[str]:
    """`name=value` as often as needed."""
    joint = write(SEPARATORS[style]) if style in SEPARATORS else ","
    if isinstance(value, dict) and style == "deepObject":
        yield from (f"{write(f'{name}[{key}]')}={write(one)}" for key, one in value.items())
    elif isinstance(value, dict) and explode:
        yield from (f"{write(key)}={write(one)}" for key, one in value.items())
    elif isinstance(value, dict):
        flat = [write(half) for pair in value.items() for half in pair]
        yield f"{write(name)}={joint.join(flat)}"
    elif isinstance(value, list) and explode:
        yield from (f"{write(name)}={write(one)}" for one in value)
    elif isinstance(value, list):
        yield f"{write(name)}={joint.join(map(write, value))}"
    else:
        yield f"{write(name)}={write(value)}"


def simple(value: Any, explode: bool, joint: str, write: Any) -> str:
    """The value alone."""
    if isinstance(value, dict) and explode:
        return joint.join(f"{write(key)}={write(one)}" for key, one in value.items())
    if isinstance(value, dict):
        return joint.join(write(half) for pair in value.items() for half in pair)
    return joint.join(map(write, value)) if isinstance(value, list) else write(value)


def round_trip(location: str, style: str, explode: bool, shape: Shape, value: Any) -> Any:
    """The value as it comes back."""
    if location == "path":
        if style == "matrix":
            raw = ";" + ";".join(pairs(value, NAME, style, explode, encode))
        else:
            joint = "." if style == "label" and explode else ","
            raw = "." * (style == "label") + simple(value, explode, joint, encode)
        return path_decoder(NAME, style, explode, shape)(raw)
    if location == "header":
        return header_decoder(NAME, style, explode, shape)(simple(value, explode, ",", plain))
    if location == "query":
        raw = "&".join(pairs(value, NAME, style, explode, encode))
        return query_decoder(NAME, style, explode, shape)(parse_query("x=1&" + raw + "&y="))
    write = plain if style == "cookie" else encode
    name = NAME if style == "cookie" else "color"
    raw = "; ".join(pairs(value, name, style, explode, write))
    return cookie_decoder(name, style, explode, shape)(parse_cookies(f"x=1; {raw}; y=2"))


def texts(value: Any) -> list[str]:
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    return list(map(plain, inner)) if isinstance(inner, list) else [plain(inner)]


def can_be_written(location: str, style: str, explode: bool, value: Any) -> bool:
    """Whether the style can tell this value: where nothing is escaped, not every one can."""
    found = texts(value)
    if style == "deepObject":
        return isinstance(value, dict)
    if style in SEPARATORS and not explode and not isinstance(value, (list, dict)):
        return True
    if style in SEPARATORS and not explode:
        return not any(SEPARATORS[style] in one for one in found)
    if location == "header" or style == "cookie":
        return all(one.isalnum() or one.lstrip("-").replace(".", "").isalnum() for one in found)
    if location == "cookie":
        return all(one.isascii() for one in found) or not isinstance(value, dict) or not explode
    return True


@pytest.mark.parametrize(("shape", "value"), VALUES, ids=lambda one: str(one)[:30])
@pytest.mark.parametrize("explode", [True, False])
@pytest.mark.parametrize(("location", "style"), STYLES)
def test_what_is_written_is_read(
    location: str, style: str, explode: bool, shape: Shape, value: Any
) -> None:
    """Each value comes back from each place in each style, with its type."""
    if can_be_written(location, style, explode, value):
        found = round_trip(location, style, explode, shape, value)
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize("explode", [True, False])
@pytest.mark.parametrize(("location", "style"), STYLES)
def test_null_is_the_empty_text(location: str, style: str, explode: bool) -> None:
    """What may be null and is no text is null where nothing was written, in every place."""
    expected = MISSING if style == "deepObject" else None
    assert round_trip(location, style, explode, NULLABLE, "") is expected


def test_the_matrix_is_whole() -> None:
    """Every combination of the specification is written at least once with each kind of value."""
    for location, style in STYLES:
        for explode in (True, False):
            kinds = {
                type(value) if isinstance(value, (list, dict)) else str
                for _, value in VALUES
                if can_be_written(location, style, explode, value)
            }
            assert kinds == ({dict} if style == "deepObject" else {str, list, dict})
