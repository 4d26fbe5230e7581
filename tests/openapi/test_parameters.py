"""Wire text becomes values as the specification's table says, and nothing is guessed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from brrt.config import MAX_PARAMETERS
from brrt.openapi.deep_objects import MAX_DEPTH
from brrt.openapi.parameters import (
    cookie_decoder,
    header_decoder,
    path_decoder,
    query_decoder,
)
from brrt.openapi.shapes import MAX_DIGITS, MISSING, Shape, cast
from brrt.openapi.wire import (
    Excessive,
    Undecodable,
    Unreadable,
    parse_cookies,
    parse_query,
)


def shape(*types: str, **parts: Any) -> Shape:
    return Shape(frozenset(types), **parts)


INTEGER = shape("integer")
NUMBER = shape("number")
STRING = shape("string")
STRINGS = shape("array", items=STRING)
INTEGERS = shape("array", items=INTEGER)
COLOR = shape("object", properties={"R": INTEGER, "G": INTEGER, "B": INTEGER})
OPEN = shape("object", properties={"R": INTEGER}, additional=STRING)


def query(
    raw: str,
    kind: Shape,
    style: str = "form",
    explode: bool = True,
    name: str = "color",
    **more: Any,
) -> Any:
    """What a query parameter becomes."""
    return query_decoder(name, style, explode, kind, **more)(parse_query(raw))


def path(raw: str, kind: Shape, style: str = "simple", explode: bool = False) -> Any:
    """What the path parameter `color` becomes."""
    return path_decoder("color", style, explode, kind)(raw)


def header(raw: str | None, kind: Shape, explode: bool = False) -> Any:
    """What a header becomes."""
    return header_decoder("color", "simple", explode, kind)(raw)


def cookie(raw: str, kind: Shape, style: str = "form", explode: bool = True, **more: Any) -> Any:
    """What the cookie `color` becomes."""
    return cookie_decoder("color", style, explode, kind, **more)(parse_cookies(raw))


class Row(NamedTuple):
    """A line of the table; None is its "n/a"."""

    style: str
    explode: bool
    undefined: str | None
    string: str | None
    array: str | None
    object: str | None


# OpenAPI 3.1.1 and 3.2.0, "Style Examples"; the two last lines are 3.2's. No "?" in front, as 3.2
# has it; deepObject stands with explode as in 3.1.1.
# fmt: off
STYLE_EXAMPLES = [
    Row("matrix", False,
        ";color", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"),
    Row("matrix", True,
        ";color", ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"),
    Row("label", False, ".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
    Row("label", True, ".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
    Row("simple", False, "", "blue", "blue,black,brown", "R,100,G,200,B,150"),
    Row("simple", True, "", "blue", "blue,black,brown", "R=100,G=200,B=150"),
    Row("form", False,
        "color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"),
    Row("form", True,
        "color=", "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
    Row("spaceDelimited", False,
        None, None, "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"),
    Row("spaceDelimited", True, None, None, None, None),
    Row("pipeDelimited", False,
        None, None, "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"),
    Row("pipeDelimited", True, None, None, None, None),
    Row("deepObject", False, None, None, None, None),
    Row("deepObject", True,
        None, None, None, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
    Row("cookie", False,
        "color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"),
    Row("cookie", True,
        "color=", "color=blue", "color=blue; color=black; color=brown", "R=100; G=200; B=150"),
]
# fmt: on


def read(place: str, raw: str, kind: Shape, row: Row) -> Any:
    """The value of the parameter `color`, sent at a place in the style of a row."""
    if place == "header":
        return header(raw, kind, row.explode)
    return {"path": path, "query": query, "cookie": cookie}[place](
        raw, kind, row.style, row.explode
    )


PLACES = {
    "matrix": ["path"],
    "label": ["path"],
    "simple": ["path", "header"],
    "form": ["query", "cookie"],
    "cookie": ["cookie"],
}
PER_ITEM = {"form", "cookie"}  # exploded, they have one pair for each item
COLUMNS: list[tuple[str, Shape, Any]] = [
    ("undefined", STRING, ""),
    ("undefined", shape("string", "null"), ""),
    ("undefined", shape("integer", "null"), None),
    ("undefined", STRINGS, []),
    ("undefined", COLOR, {}),
    ("undefined", shape("array", "null"), None),
    ("undefined", shape("object", "null"), None),
    ("string", STRING, "blue"),
    ("array", STRINGS, ["blue", "black", "brown"]),
    ("object", COLOR, {"R": 100, "G": 200, "B": 150}),
]


@pytest.mark.parametrize(("column", "kind", "expected"), COLUMNS)
@pytest.mark.parametrize("row", STYLE_EXAMPLES, ids=lambda row: f"{row.style}-{row.explode}")
def test_style_examples(row: Row, column: str, kind: Shape, expected: Any) -> None:
    """Each cell of the specification's table is read as the value that it was made from."""
    raw = getattr(row, column)
    if raw is not None:
        if expected == [] and row.explode and row.style in PER_ITEM:
            expected = [""]
        for place in PLACES.get(row.style, ["query"]):
            assert read(place, raw, kind, row) == expected


@pytest.mark.parametrize(
    ("style", "kind", "raw", "expected"),
    [
        ("spaceDelimited", STRINGS, "color=blue&color=black", ["blue", "black"]),
        ("pipeDelimited", STRINGS, "color=blue&color=a%7Cb", ["blue", "a|b"]),
        ("spaceDelimited", COLOR, "R=100&G=200", {"R": 100, "G": 200}),
        ("pipeDelimited", COLOR, "R=100&G=200", {"R": 100, "G": 200}),
        ("spaceDelimited", STRING, "color=a%20b", "a b"),
        ("pipeDelimited", STRING, "color=a|b", "a|b"),
    ],
)
def test_not_applicable(style: str, kind: Shape, raw: str, expected: Any) -> None:
    """Where the table says n/a, exploded delimiters and primitives are read like form."""
    assert query(raw, kind, style) == expected


def test_cookie_form_with_ampersands() -> None:
    """Exploded form cookies are read with `&`, as in the table, and with `;`, as sent."""
    assert cookie("color=a; color=b%2C", STRINGS) == ["a", "b,"]
    assert cookie("x=1; color=a&color=b; y=2", STRINGS) == ["a", "b"]
    assert cookie("R=100; G=200", COLOR) == {"R": 100, "G": 200}
    assert cookie("color=a&b=c", STRING) == "a&b=c"


def test_cookie_style_is_verbatim() -> None:
    """3.2's cookie style decodes nothing; form decodes escapes, but no plus."""
    assert cookie("color=a%20b+c", STRING, "cookie") == "a%20b+c"
    assert cookie("color=a&color=b", STRINGS, "cookie") == ["a&color=b"]
    assert cookie("color=a%20b+c", STRING) == "a b+c"
    assert cookie('color="a"', STRING) == '"a"'


@pytest.mark.parametrize(
    ("decoder", "raw", "kind", "expected"),
    [
        (path, "a%2Cb,c", STRINGS, ["a,b", "c"]),
        (path, "a+b%2Fc", STRING, "a+b/c"),
        (path, "%zz%4", STRING, "%zz%4"),
        (path, "%2525", STRING, "%25"),
        (path, "caf%C3%A9", STRING, "café"),
        (path, "%31", INTEGER, 1),
        (path, "%00", STRING, "\0"),
        (path, "R,a%2Cb", shape("object"), {"R": "a,b"}),
        (path, "%52,100", COLOR, {"R": 100}),
        (query, "color=a%2Cb,c", STRINGS, ["a,b,c"]),
        (query, "color=a+b%20c%2B", STRING, "a b c+"),
        (query, "c%6Flor=1", INTEGER, 1),
        (query, "color=\xc3\xa9", STRING, "é"),
        (query, "color", STRING, ""),
        (query, "color=a=b", STRING, "a=b"),
        (query, "&&color=1&", INTEGER, 1),
        (query, "Color=1", INTEGER, MISSING),
        (query, "", INTEGER, MISSING),
        (query, "color=1e+3", NUMBER, "1e 3"),
        (header, "a%20b", STRING, "a%20b"),
        (header, "a, b\t,c", STRINGS, ["a", "b", "c"]),
        (header, "R, 100, G, 200", COLOR, {"R": 100, "G": 200}),
        (header, "1, 2", INTEGER, "1, 2"),
        (header, None, STRING, MISSING),
        (cookie, "a=b", STRING, MISSING),
    ],
)
def test_decoding(
    decoder: Callable[[Any, Shape], Any], raw: Any, kind: Shape, expected: Any
) -> None:
    """Delimiters split before decoding, each place decodes by its own rules, and once."""
    assert decoder(raw, kind) == expected


def test_encoded_delimiters() -> None:
    """`%2C` is data where it can be; `|` and spaces separate however they are spelled."""
    assert query("color=1%2C2%2c3", INTEGERS, explode=False) == [1, 2, 3]
    assert query("color=1%2C2,3", INTEGERS, explode=False) == ["1,2", 3]
    assert query("color=1%2C2", INTEGERS) == ["1,2"]
    assert path("1%2C2", INTEGERS) == [1, 2]
    assert header("1%2C2", INTEGERS) == ["1%2C2"]
    assert query("color=a%2Cb,c", STRINGS, explode=False) == ["a,b", "c"]
    assert query("color=a|b%7Cc%7cd,e", STRINGS, "pipeDelimited", False) == ["a", "b", "c", "d,e"]
    assert query("color=a+b%20c%2Bd", STRINGS, "spaceDelimited", False) == ["a", "b", "c+d"]
    assert path(";color=a%3Bb%2Cc,d", STRINGS, "matrix") == ["a;b,c", "d"]
    assert path(".a%2Eb.c", STRINGS, "label", explode=True) == ["a.b", "c"]
    assert path(".1.5,2.5", shape("array", items=NUMBER), "label") == [1.5, 2.5]


@pytest.mark.parametrize(
    ("raw", "style", "explode", "kind"),
    [
        ("blue", "label", False, STRING),
        ("blue", "matrix", False, STRING),
        (";colour=blue", "matrix", False, STRING),
        (";color=1;x=2", "matrix", False, INTEGER),
        (";color=1;x=2", "matrix", True, INTEGERS),
        ("color=1", "matrix", True, INTEGERS),
        ("", "label", True, STRINGS),
    ],
)
def test_prefix_is_required(raw: str, style: str, explode: bool, kind: Shape) -> None:
    """A path segment without the prefix, or with another name, does not hold the parameter."""
    assert path(raw, kind, style, explode) is MISSING


def test_matrix_names_are_decoded() -> None:
    """The name in a matrix segment may be percent-encoded."""
    assert path_decoder("größe", "matrix", False, INTEGER)(";gr%C3%B6%C3%9Fe=3") == 3


@pytest.mark.parametrize(
    ("raw", "kind", "explode", "expected"),
    [
        ("color=1&color=2", INTEGER, True, [1, 2]),
        ("color=1&color=2", INTEGER, False, [1, 2]),
        ("color=a&color=a", STRING, True, ["a", "a"]),
        ("color=1&color=2", shape(), True, ["1", "2"]),
        ("color=1,2&color=3", INTEGERS, False, [[1, 2], [3]]),
        ("R=1&R=2&G=3", COLOR, True, {"R": [1, 2], "G": 3}),
        ("color=R,1,R,2", COLOR, False, {"R": [1, 2]}),
    ],
)
def test_sent_twice(raw: str, kind: Shape, explode: bool, expected: Any) -> None:
    """What may be sent once and comes twice becomes a list, for the schema check to refuse."""
    assert query(raw, kind, explode=explode) == expected


@pytest.mark.parametrize(
    ("raw", "kind", "explode", "expected"),
    [
        ("color=1", INTEGERS, True, [1]),
        ("color=x&color=1", INTEGERS, True, ["x", 1]),
        ("color=&color=1", INTEGERS, True, ["", 1]),
        ("color=1,,2", INTEGERS, False, [1, "", 2]),
        ("color=1,2", INTEGERS, True, ["1,2"]),
        ("color=1", shape("array"), True, ["1"]),
        ("color=1", shape("array", "integer", items=STRING), True, 1),
        ("color=1&color=2", shape("array", "integer", items=STRING), True, ["1", "2"]),
        ("color=1", shape("array", "integer", items=STRING), False, 1),
        ("color=1,2", shape("array", "integer", items=STRING), False, ["1", "2"]),
        ("color=", shape("array", "string"), True, ""),
        ("color=1", shape("array", "null", items=INTEGER), True, [1]),
        ("color=1", shape("array", "object", items=INTEGER), True, [1]),
        ("color=R,1,G", COLOR, False, "R,1,G"),
        ("color=7", shape("object", "integer"), False, 7),
        ("R=1&x=y", OPEN, True, {"R": 1, "x": "y"}),
        ("R=1&x=y", COLOR, True, {"R": 1}),
        ("x=y", COLOR, True, MISSING),
        ("color=R,1,x,y", COLOR, False, {"R": 1, "x": "y"}),
        ("color=&x=y", OPEN, True, {"x": "y"}),
        ("R=1&R=2", shape("object", properties={"R": INTEGERS}), True, {"R": [1, 2]}),
        ("R=1", shape("object", properties={"R": INTEGERS}), True, {"R": [1]}),
        ("R=1,2", shape("object", properties={"R": INTEGERS}), True, {"R": ["1,2"]}),
        ("P=R,1", shape("object", properties={"P": COLOR}), True, {"P": "R,1"}),
    ],
)
def test_structures(raw: str, kind: Shape, explode: bool, expected: Any) -> None:
    """Arrays and objects take what is theirs; what does not fit stays text."""
    assert query(raw, kind, explode=explode) == expected


@pytest.mark.parametrize(
    ("decoder", "raw", "kind", "explode", "expected"),
    [
        (query, "color=", STRINGS, True, [""]),
        (query, "color", STRINGS, True, [""]),
        (query, "color=", INTEGERS, True, [""]),
        (query, "color=&color=", STRINGS, True, ["", ""]),
        (query, "color=", shape("array", "null", items=STRING), True, None),
        (query, "", STRINGS, True, MISSING),
        (query, "color=", STRINGS, False, []),
        (query, "color=", INTEGERS, False, []),
        (query, "color=,", STRINGS, False, ["", ""]),
        (cookie, "color=", STRINGS, True, [""]),
        (cookie, "color=", STRINGS, False, []),
        (path, "", STRINGS, True, []),
        (header, "", STRINGS, True, []),
    ],
)
def test_empty_arrays(
    decoder: Callable[..., Any], raw: str, kind: Shape, explode: bool, expected: Any
) -> None:
    """One pair is one item, even an empty one; one text that may hold several holds none."""
    assert decoder(raw, kind, explode=explode) == expected


@pytest.mark.parametrize("raw", ["color=", "color=&x=1"])
def test_an_empty_array_by_allow_empty_value(raw: str) -> None:
    """What stands in place of an omitted array is told from an array of one empty text."""
    assert query(raw, STRINGS, allow_empty=True) == ""


@pytest.mark.parametrize(
    "raw", ["color=:/?@!$'()*,;", "color=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B"]
)
def test_reserved_characters(raw: str) -> None:
    """What allowReserved lets a client leave unencoded is read the same either way."""
    assert query(raw, STRING) == ":/?@!$'()*,;"


@pytest.mark.parametrize("explode", [True, False])
def test_deep_object_is_always_exploded(explode: bool) -> None:
    """3.2: `explode` has no effect on deepObject."""
    raw = "color%5BR%5D=100&color%5BG%5D=200"
    assert query(raw, COLOR, "deepObject", explode) == {"R": 100, "G": 200}


def test_members() -> None:
    """All that a path segment holds are members; one without `=` makes the text no object."""
    assert path("R=1,G", COLOR, explode=True) == "R=1,G"
    assert path(";R=1;x=y", COLOR, "matrix", explode=True) == {"R": 1, "x": "y"}
    assert path(";R=1;x=2", OPEN, "matrix", explode=True) == {"R": 1, "x": "2"}
    assert path("R=1=2,x=", shape("object"), explode=True) == {"R": "1=2", "x": ""}
    assert path("R=1,G,B=2,x", COLOR, explode=True) == "R=1,G,B=2,x"


def test_reserved_names() -> None:
    """An open exploded object leaves the other parameters' names alone, unless they are its own."""
    assert query("R=1&limit=3&x=y", OPEN, reserved=frozenset({"limit"})) == {"R": 1, "x": "y"}
    assert query("R=1", OPEN, reserved=frozenset({"R"})) == {"R": 1}
    assert query("limit=3", OPEN, reserved=frozenset({"limit"})) is MISSING
    assert cookie("R=1; s=3", OPEN, reserved=frozenset({"s"})) == {"R": 1}


@pytest.mark.parametrize("kind", [STRING, INTEGER, INTEGERS, COLOR, shape("integer", "null")])
@pytest.mark.parametrize("raw", ["color", "color="])
def test_allow_empty_value(raw: str, kind: Shape) -> None:
    """With allowEmptyValue an empty text passes as it is, whatever the type."""
    assert query(raw, kind, allow_empty=True) == ""
    assert query("color=1&color=", STRING, allow_empty=True) == ["1", ""]
    assert query("", kind, allow_empty=True) is MISSING


def test_allow_empty_value_is_ignored() -> None:
    """Where the table says n/a for the empty value, allowEmptyValue means nothing."""
    assert query("color=", STRINGS, "pipeDelimited", False, allow_empty=True) == []


@pytest.mark.parametrize(
    ("raw", "kind", "expected"),
    [
        ("color[R]=100&color%5BG%5d=200", COLOR, {"R": 100, "G": 200}),
        ("color=1&colors[R]=2&color[R=3&color[R]x=4&color]R[=5", COLOR, MISSING),
        ("color[R]=1&color[[G]]=2", COLOR, {"R": 1}),
        ("color[a][b][c]=1", OPEN, {"a": {"b": {"c": "1"}}}),
        ("color[]=1", OPEN, {"": "1"}),
        ("color[R]=1&color[R]=2", COLOR, {"R": [1, 2]}),
        ("color[R]=1&color[R][x]=2", COLOR, {"R": {"": 1, "x": "2"}}),
        ("color[0]=a", shape("object"), {"0": "a"}),
        ("color[R]=a+b%26", shape("object"), {"R": "a b&"}),
        ("color[%F0%9F%8E%A8]=1", OPEN, {"🎨": "1"}),
    ],
)
def test_deep_object(raw: str, kind: Shape, expected: Any) -> None:
    """Brackets are names, to any depth; what is not `color[...]...` is not the parameter's."""
    assert query(raw, kind, "deepObject") == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("c[a]=1&c[a]=2", [1, 2]),
        ("c[a]=1", [1]),
        ("c[a][]=1", [1]),
        ("c[a][]=1&c[a][]=2", [1, 2]),
        ("c[a][1]=1&c[a][0]=0", [0, 1]),
        ("c[a][10]=10&c[a][9]=9&c[a][007]=7", [7, 9, 10]),
        ("c[a][%s]=1" % ("9" * 5000), [1]),
        ("c[a]=1&c[a][]=2&c[a][5]=3", [1, 2, 3]),
        ("c[a]=", [""]),
        ("c[a][x]=1", {"x": "1"}),
        ("c[a][0]=1&c[a][x]=2", {"0": "1", "x": "2"}),
        ("c[a][²]=1", {"²": "1"}),
    ],
)
@pytest.mark.parametrize("kind", [INTEGERS, shape("array", "null", items=INTEGER)])
def test_deep_object_arrays(raw: str, expected: Any, kind: Shape) -> None:
    """Arrays come repeated, with empty brackets or with indexes, as users send them."""
    expected = None if expected == [""] and "null" in kind.types else expected
    holder = shape("object", properties={"a": kind})
    raw = raw.encode().decode("latin-1")
    assert query(raw, holder, "deepObject", name="c") == {"a": expected}


def test_deep_object_array_of_objects() -> None:
    """Indexes build arrays of objects; empty brackets cannot tell one object from the next."""
    items = shape("object", properties={"b": INTEGER})
    kind = shape("object", properties={"a": shape("array", items=items)})
    raw = "c[a][1][b]=2&c[a][0][b]=1&c[a][][b]=0"
    assert query(raw, kind, "deepObject", name="c") == {"a": [{"b": 0}, {"b": 1}, {"b": 2}]}
    raw = "c[a][][b]=1&c[a][][b]=2"
    assert query(raw, kind, "deepObject", name="c") == {"a": [{"b": [1, 2]}]}


def test_deep_object_without_types() -> None:
    """Where the schema says nothing, brackets that are all indexes are an array."""
    raw = "c[a][0]=1&c[b][x]=2&c[d][]=3"
    assert query(raw, shape("object"), "deepObject", name="c") == {
        "a": ["1"],
        "b": {"x": "2"},
        "d": ["3"],
    }


def test_deep_object_depth_is_bounded() -> None:
    """MAX_DEPTH pairs of brackets are read, one more is refused."""
    assert query("color" + "[a]" * MAX_DEPTH + "=1", OPEN, "deepObject") is not MISSING
    with pytest.raises(Excessive, match=str(MAX_DEPTH)):
        query("color" + "[a]" * (MAX_DEPTH + 1) + "=1", OPEN, "deepObject")


@pytest.mark.parametrize(
    ("text", "types", "expected"),
    [
        ("0", "integer", 0),
        ("-0", "integer", 0),
        ("123", "integer", 123),
        ("-5", "integer", -5),
        ("9007199254740993", "integer", 2**53 + 1),
        ("1" * MAX_DIGITS, "integer", int("1" * MAX_DIGITS)),
        ("1.5", "number", 1.5),
        ("-1.5e-3", "number", -0.0015),
        ("1e3", "number", 1000.0),
        ("1E+3", "number", 1000.0),
        ("12", "number", 12),
        ("1.0", "number", 1.0),
        ("true", "boolean", True),
        ("false", "boolean", False),
        ("", "null", None),
        ("", "integer null", None),
        ("1", "integer null", 1),
        ("true", "boolean string", True),
        ("1", "integer string", 1),
        ("1.0", "integer number", 1.0),
        ("1", "number boolean", 1),
    ],
)
def test_cast(text: str, types: str, expected: Any) -> None:
    """Text in JSON's grammar becomes the JSON value, exactly and with its type."""
    value = cast(text, shape(*types.split()))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        *((text, "integer") for text in ["+1", "01", "1_0", " 1", "1 ", "1\n", "", "-", "0x1"]),
        *(
            (text, "integer")
            for text in ["1.0", "1e3", "٣", "²", "--1", "-01", "1" * (MAX_DIGITS + 1)]
        ),
        *((text, "number") for text in ["nan", "NaN", "inf", "Infinity", "1e999", "-1e999", ".5"]),
        *((text, "number") for text in ["5.", "01.5", "1e", "+1.5", "1_0.5", "1.5 ", "1,5", ""]),
        *((text, "number") for text in ["1" * 5000, "٣.٣"]),
        *((text, "boolean") for text in ["True", "TRUE", "1", "0", "yes", "on", ""]),
        ("null", "null"),
        ("", "null string"),
        ("123", "string"),
        ("true", "string"),
        ("123", ""),
        ("123", "array"),
        ("abc", "integer number boolean null"),
    ],
)
def test_cast_leaves_text(text: str, types: str) -> None:
    """Text that fits no type stays what it is, for the schema check to report."""
    assert cast(text, shape(*types.split())) == text


def test_cast_of_a_long_fraction() -> None:
    """A fraction may be longer than an integer, as it becomes a float."""
    assert cast("0." + "3" * 5000, NUMBER) == pytest.approx(1 / 3)


@pytest.mark.parametrize("raw", ["%FF", "%C3", "%C3%28", "a%80", "%ED%A0%80"])
def test_undecodable(raw: str) -> None:
    """Escapes that are not UTF-8 are an error of the client, wherever they stand."""
    for kind in (STRING, INTEGER, STRINGS, shape()):
        with pytest.raises(Undecodable):
            path(raw, kind)
        with pytest.raises(Undecodable):
            query(f"color={raw}", kind)
        with pytest.raises(Undecodable):
            cookie(f"color={raw}", kind)
    with pytest.raises(Undecodable):
        path(f"{raw},1", COLOR)
    with pytest.raises(Undecodable):
        query(f"color[R]={raw}", COLOR, "deepObject")
    with pytest.raises(Undecodable):
        parse_query(f"{raw}=1")


def test_undecodable_tells_where() -> None:
    """The error carries the text and the place of the first bad byte; it is an Unreadable."""
    with pytest.raises(Unreadable) as caught:
        path("ab%20%FFc", STRING)
    assert isinstance(caught.value, Undecodable)
    assert (caught.value.text, caught.value.position) == ("ab%20%FFc", 3)


def test_raw_bytes_are_utf8() -> None:
    """Bytes that a client forgot to escape are UTF-8 too."""
    with pytest.raises(Undecodable):
        query("color=\xe9", STRING)
    assert parse_query("caf\xc3\xa9=1") == {"café": ["1"]}


def test_parse_query() -> None:
    """Names are decoded and values are not; order is kept and empty pairs are skipped."""
    assert parse_query("limit=10&offset=20&tags=a&tags=b&name=x%20y+z") == {
        "limit": ["10"],
        "offset": ["20"],
        "tags": ["a", "b"],
        "name": ["x%20y+z"],
    }
    assert parse_query("t%5B%5D=a&t[]=b&t%5b%5D=c") == {"t[]": ["a", "b", "c"]}
    assert parse_query("a+b=1&a%20b=2&a;b=3") == {"a b": ["1", "2"], "a;b": ["3"]}
    assert parse_query("&a&&=b&=&c==") == {"a": [""], "": ["b", ""], "c": ["="]}
    assert parse_query("") == {}


def test_parse_query_is_bounded() -> None:
    """MAX_PARAMETERS pairs are read, one more is refused, and the error says the limit."""
    raw = "&".join(["a=1"] * MAX_PARAMETERS)
    assert len(parse_query(raw)["a"]) == MAX_PARAMETERS
    with pytest.raises(Excessive) as caught:
        parse_query(raw + "&a=1")
    assert caught.value.limit == MAX_PARAMETERS


def test_parse_cookies() -> None:
    """Cookies are split at semicolons, with or without a space; what is no pair is skipped."""
    assert parse_cookies("a=1; b=2;a=3 ;\tc==;d; =e;;") == {
        "a": ["1", "3"],
        "b": ["2"],
        "c": ["="],
        "": ["e"],
    }
    assert parse_cookies("") == {}
    with pytest.raises(Excessive):
        parse_cookies("a=1;" * MAX_PARAMETERS)


@pytest.mark.parametrize(
    ("decoder", "style"),
    [
        (path_decoder, "form"),
        (header_decoder, "matrix"),
        (query_decoder, "simple"),
        (cookie_decoder, "deepObject"),
        (query_decoder, "cookie"),
    ],
)
def test_unknown_style(decoder: Callable[..., Any], style: str) -> None:
    """A style that its location does not have is refused at build, by name."""
    with pytest.raises(ValueError, match=style):
        decoder("color", style, False, STRING)


def test_values_are_fresh() -> None:
    """No decoder hands out the same list or object twice."""
    empty = query_decoder("color", "form", False, STRINGS)
    empty(parse_query("color=")).append("mine")
    assert empty(parse_query("color=")) == []
    decoder = query_decoder("color", "form", True, STRINGS)
    pairs = parse_query("color=a&color=b")
    decoder(pairs).append("mine")
    assert decoder(pairs) == ["a", "b"]
