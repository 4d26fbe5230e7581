"""Media types are matched as the specification says, and bytes become values or are refused."""

from typing import Any

import pytest

from brrt.config import MAX_PARAMETERS
from brrt.openapi.content import (
    Unreadable,
    by_specificity,
    charset,
    decode_form,
    decode_json,
    decode_lines,
    decode_records,
    decode_text,
    essence,
    is_form,
    is_json,
    matches,
    specificity,
)

Page = Any


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json", "application/json"),
        (" Application/JSON ; charset=utf-8", "application/json"),
        ("application/json;", "application/json"),
        ("", ""),
        (";", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_essence(header: str, expected: str) -> None:
    """Case, white space and parameters do not matter."""
    assert essence(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text/plain", "utf-8"),
        ("text/plain; charset=ISO-8859-1", "iso-8859-1"),
        ('text/plain; boundary=x=y; Charset="UTF-16"', "utf-16"),
        ("text/plain; charset", "utf-8"),
        ("text/plain; charset=", "utf-8"),
        ("text/plain; =x; ;", "utf-8"),
    ],
)
def test_charset(header: str, expected: str) -> None:
    """The charset is read, quoted or not, and broken parameters are no trouble."""
    assert charset(header) == expected


def test_charset_of_last_resort() -> None:
    """What the header does not say, the document may."""
    assert charset("text/plain", "iso-8859-1") == "iso-8859-1"
    assert charset("text/plain; charset=utf-8", "iso-8859-1") == "utf-8"


def test_what_is_json() -> None:
    """JSON by itself, by its suffix, and nothing else."""
    assert all(map(is_json, ("application/json", "text/json", "a/b+json")))
    assert not any(map(is_json, ("text/json5", "application/jsonl", "application/json-seq", "")))
    assert is_form("application/x-www-form-urlencoded")
    assert not is_form("multipart/form-data")


@pytest.mark.parametrize(
    ("declared", "actual", "expected"),
    [
        ("text/plain", "text/plain", True),
        ("text/*", "text/plain", True),
        ("text/*", "text/", True),
        ("text/*", "texts/plain", False),
        ("text/*", "application/json", False),
        ("*/*", "application/json", True),
        ("*/*", "", True),
        ("text/plain", "text/html", False),
        ("text/plain", "", False),
    ],
)
def test_matching(declared: str, actual: str, expected: bool) -> None:
    """A type matches itself and the ranges around it."""
    assert matches(declared, actual) is expected


def test_the_most_specific_comes_first(page: Page) -> None:
    """Types before ranges, `text/*` before `*/*`, parameters before none; then as written."""
    names = ["*/*", "text/*", "text/plain", "image/*", "application/json; v=1"]
    body: dict[str, Any] = {"content": {name: {} for name in names}}
    content = page.only(page.document(page.get(requestBody=body))).body.content
    found = [one.name for one in by_specificity(content)]
    assert found == ["application/json; v=1", "text/plain", "text/*", "image/*", "*/*"]
    assert [specificity(essence(name)) for name in found] == [0, 0, 1, 1, 2]


JSON = [
    (b"{}", {}),
    (b"\xef\xbb\xbf{}", {}),
    (b' [1, 2.5, "\xc3\xa9", null, true] ', [1, 2.5, "é", None, True]),
    (b'"\\u00e9\\ud83d\\udc4d"', "é👍"),
    (b'{"a": 1, "a": 2}', {"a": 2}),
    (b"18446744073709551616", 2**64),
    (b"123456789012345678901234567890", 123456789012345678901234567890),
    (b"1e308", 1e308),
    (b"1e-400", 0.0),
    (b"-0", 0),
]


@pytest.mark.parametrize(("data", "expected"), JSON, ids=repr)
def test_json(data: bytes, expected: Any) -> None:
    """Numbers keep their digits; of a repeated name the last counts, for schema and handler."""
    assert decode_json(data) == expected


BROKEN = [
    b"",
    b" ",
    b"{",
    b"1 2",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"-1e999",
    b"01",
    b"+1",
    b"'a'",
    b'{"a": 1,}',
    b"// 1",
    b'"\xff"',
    b'"\\ud800"',
    b"\xff",
    b'"\x00"',
    b"9" * 5_000,
    b"\xef\xbb\xbf" * 2 + b"{}",
    b"\xef\xbb\xbf" * 100_000,
    "{}".encode("utf-16"),
]


@pytest.mark.parametrize("data", BROKEN, ids=lambda data: repr(data[:20]))
def test_what_is_no_json(data: bytes) -> None:
    """Whatever is not one JSON text in UTF-8 is refused, and the message goes on from "is"."""
    with pytest.raises(Unreadable, match=r"^not valid JSON: "):
        decode_json(data)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_deep_json(opening: bytes) -> None:
    """Nesting has an end, and it is not that of the interpreter."""
    with pytest.raises(Unreadable, match=r"^nested too deeply$"):
        decode_json(opening * 100_000)


def nested(levels: int, start: str = "", inner: str = "1") -> bytes:
    """Arrays and objects in turn, and something in the innermost."""
    opening = "".join("[" if level % 2 else '{"a":' for level in range(levels))
    closing = "".join("]" if level % 2 else "}" for level in reversed(range(levels)))
    return f"[{start}{opening}{inner}{closing}]".encode()


@pytest.mark.parametrize(
    "flat", ["", '"[[[[[[[[{{{{{{{{[[[[[[[[{{{{{{{{",', '"}]}]",', "[],{}," * 500]
)
def test_json_is_as_deep_as_is_allowed(flat: str) -> None:
    """Levels are counted, and neither brackets within strings nor values beside each other."""
    decode_json(nested(9, flat), 10)
    with pytest.raises(Unreadable, match=r"^nested too deeply$"):
        decode_json(nested(10, flat), 10)


@pytest.mark.parametrize("decode", [decode_lines, decode_records])
def test_each_text_of_a_sequence_is_as_deep_as_is_allowed(decode: Any) -> None:
    """The levels of a line are its own, and what is too deep is told with its place."""
    separator = b"\n" if decode is decode_lines else b"\x1e"
    decode(separator + nested(9) + separator + nested(9), 10)
    with pytest.raises(Unreadable, match=r"^nested too deeply \(in (line|record) \d\)$"):
        decode(separator + nested(9) + separator + nested(10), 10)


def test_text() -> None:
    """Text is decoded in the charset that it says."""
    assert decode_text("é".encode(), "utf-8") == "é"
    assert decode_text(b"\xe9", "iso-8859-1") == "é"
    assert decode_text("é".encode("utf-16"), "utf-16") == "é"
    assert decode_text(b"", "us-ascii") == ""


@pytest.mark.parametrize(
    "encoding", ["klingon", "hex", "zlib", "idna", "punycode", "unicode_escape", "a\0b", "", "é"]
)
def test_charsets_that_are_none(encoding: str) -> None:
    """Codecs of Python that no media type means are unknown charsets."""
    with pytest.raises(Unreadable, match="unknown charset"):
        decode_text(b"a", encoding)


def test_charsets_that_python_lacks() -> None:
    """A charset with a number that does not exist is unknown too."""
    with pytest.raises(Unreadable, match="unknown charset"):
        decode_text(b"a", "iso-8859-99")


def test_text_outside_its_charset() -> None:
    """Bytes that the charset does not have are refused."""
    with pytest.raises(Unreadable, match="not valid utf-8: "):
        decode_text(b"\xff", "utf-8")


def test_forms() -> None:
    """Names are decoded, values stay raw for the style table, order is kept."""
    assert decode_form(b"a=1&a=%32+&%C3%A9+b=&c&&=x") == {
        "a": ["1", "%32+"],
        "é b": [""],
        "c": [""],
        "": ["x"],
    }
    assert decode_form(b"") == {}


@pytest.mark.parametrize("data", [b"%ff=1", b"\xff=1"])
def test_forms_that_are_none(data: bytes) -> None:
    """A form is UTF-8 under its percent-encoding."""
    with pytest.raises(Unreadable, match="not valid UTF-8"):
        decode_form(data)


def test_forms_are_bounded() -> None:
    """A form has so many fields at most."""
    assert len(decode_form(b"a=1&" * MAX_PARAMETERS)["a"]) == MAX_PARAMETERS
    with pytest.raises(Unreadable, match="more than 1000 fields"):
        decode_form(b"a=1&" * (MAX_PARAMETERS + 1))
