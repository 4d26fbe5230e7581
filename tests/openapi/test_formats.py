"""Formats of the OpenAPI Format Registry mean what is registered; others let everything pass."""

from typing import Any

import pytest

from brrt.openapi.formats import STRING_FORMATS, number_range

Page = Any

# https://spec.openapis.org/registry/format: what is right and what is wrong.
TEXTS: list[tuple[str, list[str], list[str]]] = [
    ("byte", ["", "aGk=", "+/+/"], ["a", "aGk", "-_-_", "aG k="]),
    ("base64url", ["", "aGk", "aGk=", "-_-_"], ["a", "aGk==", "+/+/", "a====", "é"]),
    ("char", ["a", "é", "😀", " "], ["", "ab"]),
    ("int64", ["0", "-9223372036854775808", "9223372036854775807"], ["9223372036854775808", "x"]),
    ("uint64", ["0", "18446744073709551615"], ["-1", "18446744073709551616", "1.0", "\u0661"]),
    ("decimal", ["1", "-1.50", "+0.1", ".5", "1e3"], ["", "1,5", "abc", "1.2.3", "NaN", "1_0"]),
    ("decimal128", ["1.5", "NaN", "INF", "-INF", "9" * 34], ["9" * 35, "nan", "Infinity", ""]),
    (
        "date-time-local",
        ["2020-02-29T23:59:60", "2020-01-02T03:04:05.123", "2020-01-02t03:04:05"],
        ["2020-01-02T03:04:05Z", "2021-02-29T00:00:00", "2020-01-02", "2020-01-02T03:04"],
    ),
    ("time-local", ["00:00:00", "23:59:60", "12:34:56.7"], ["24:00:00", "12:34", "12:34:56Z"]),
    (
        "http-date",
        [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ],
        [
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "1994-11-06T08:49:37Z",
            "",
        ],
    ),
    (
        "media-range",
        ["*/*", "text/*", "text/html", "text/html;charset=utf-8", 'a/b; x="y;z"', "a/b;"],
        ["", "text", "text/html; x", "te xt/html", "a/b/c", "text/html;=x"],
    ),
    (
        "language",
        ["en", "de-CH-1996", "zh-Hant-TW", "x-own", "i-klingon", "sl-rozaj-biske", "de-a-ext1"],
        ["", "e", "en_US", "en-", "-en", "12", "en-x", "de-a"],
    ),
    (
        "ipv4-cidr",
        ["10.0.0.0/8", "1.2.3.4/32", "0.0.0.0/0"],
        ["10.0.0.0", "10.0.0/8", "1.2.3.4/33"],
    ),
    ("ipv6-cidr", ["2001:db8::/32", "::1/128"], ["::1", "::1/129", "1.2.3.4/8", "::1/01"]),
    ("sf-binary", [":aGk=:", "::"], [":", "aGk=", ":a:", ":aGk="]),
    ("sf-boolean", ["?0", "?1"], ["?2", "true", "?"]),
    ("sf-decimal", ["1.5", "-123456789012.123"], ["1", "1.", "1.1234", "1234567890123.1"]),
    ("sf-integer", ["0", "-999999999999999"], ["1000000000000000", "1.0", "+1"]),
    ("sf-string", ['""', '"a b"', r'"a\"b\\"'], ["a", '"', '"é"', r'"\n"', '"a"b"']),
    ("sf-token", ["a", "*a", "text/html", "a:b"], ["1a", "", "a b", "é"]),
]
NUMBERS: list[tuple[str, list[Any], list[Any]]] = [
    ("int8", [-128, 127, 0.0], [-129, 128]),
    ("uint8", [0, 255], [-1, 256]),
    ("int16", [-(2**15), 2**15 - 1], [-(2**15) - 1, 2**15]),
    ("uint16", [0, 2**16 - 1], [-1, 2**16]),
    ("int32", [-(2**31), 2**31 - 1], [-(2**31) - 1, 2**31]),
    ("uint32", [0, 2**32 - 1], [-1, 2**32]),
    ("int64", [-(2**63), 2**63 - 1], [-(2**63) - 1, 2**63]),
    ("uint64", [0, 2**64 - 1], [-1, 2**64]),
    ("double-int", [-(2**53) + 1, 2**53 - 1], [-(2**53), 2**53]),
    ("sf-integer", [999_999_999_999_999], [10**15]),
    ("float", [3.4e38, -3.4e38, 10**38], [3.5e38, -(10**39)]),
    ("double", [1.7e308, 10**308], [10**309, -(10**309)]),
]
OTHER_TYPES: list[Any] = [None, True, [], {}, {"a": 1}]
# Those that say nothing about a value, and those that only look like one that does.
OTHERS = [
    "password",
    "html",
    "commonmark",
    "binary",
    "unixtime",
    "no-such",
    "Int32",
    "DATE",
    "",
    "uint",
]


@pytest.mark.parametrize(("name", "right", "wrong"), TEXTS, ids=str)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
def test_formats_of_texts(
    page: Page, version: str, name: str, right: list[str], wrong: list[str]
) -> None:
    """A text is judged, anything else is not."""
    is_valid = page.validator({"format": name}, version=version).is_valid
    assert [one for one in right if not is_valid(one)] == []
    assert [one for one in wrong if is_valid(one)] == []
    assert all(map(is_valid, OTHER_TYPES))
    assert is_valid(5)


@pytest.mark.parametrize(("name", "right", "wrong"), NUMBERS, ids=str)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_formats_of_numbers(
    page: Page, version: str, name: str, right: list[Any], wrong: list[Any]
) -> None:
    """A number is judged, anything else is not."""
    is_valid = page.validator({"format": name}, version=version).is_valid
    assert [one for one in right if not is_valid(one)] == []
    assert [one for one in wrong if is_valid(one)] == []
    assert all(map(is_valid, OTHER_TYPES))
    assert is_valid("12")


def test_bounds_of_a_format_are_added_to_those_of_the_schema(page: Page) -> None:
    """The narrower one counts."""
    is_valid = page.validator({"type": "integer", "format": "int8", "maximum": 300}).is_valid
    assert is_valid(127)
    assert not is_valid(128)
    assert not page.validator({"format": "uint8", "maximum": 3}).is_valid(4)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_other_formats_say_nothing(page: Page, version: str, name: str) -> None:
    """Annotations, unknown names and names in another case accept every value."""
    is_valid = page.validator({"format": name}, version=version).is_valid
    assert all(map(is_valid, ["x", "", 2**70, -1.5, *OTHER_TYPES]))


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date", "2020-02-29", "2021-02-29"),
        ("date-time", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05"),
        ("time", "03:04:05Z", "03:04:05"),
        ("duration", "P1DT12H", "1 day"),
        ("email", "a@b.example", "a"),
        ("idn-email", "é@b.example", "é"),
        ("hostname", "b.example", "-b"),
        ("idn-hostname", "é.example", "〮"),
        ("ipv4", "1.2.3.4", "1.2.3"),
        ("ipv6", "::1", "1.2.3.4"),
        ("uri", "http://b.example/", "/a"),
        ("uri-reference", "/a", "\\"),
        ("iri", "http://b.example/é", "é"),
        ("iri-reference", "é", "\\"),
        ("uuid", "12345678-1234-5678-1234-567812345678", "1234"),
        ("uri-template", "/a/{b}", "/a/{b"),
        ("json-pointer", "/a/b", "a"),
        ("relative-json-pointer", "1/a", "/a"),
        ("regex", "^a$", "("),
    ],
)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_formats_of_json_schema(
    page: Page, version: str, name: str, right: str, wrong: str
) -> None:
    """Those of the vocabulary of JSON Schema 2020-12 are asserted too."""
    is_valid = page.validator({"format": name}, version=version).is_valid
    assert is_valid(right)
    assert not is_valid(wrong)
    assert is_valid(5)


def test_every_format_is_tested() -> None:
    """The tables above hold all formats that there are."""
    assert {name for name, *_ in TEXTS} == set(STRING_FORMATS)
    assert all(number_range(name) for name, *_ in NUMBERS)
    assert number_range(["int32"]) is None
    assert number_range("date") is None


@pytest.mark.parametrize("name", STRING_FORMATS)
def test_long_texts_are_judged_quickly(name: str) -> None:
    """No rule backtracks for ever on what a client may send."""
    for text in ("a" * 50_000, "1" * 50_000 + "x", "a/b" + "; x=y" * 20_000 + "!", "a-b1" * 10_000):
        STRING_FORMATS[name](text)
