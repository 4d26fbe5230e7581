"""The differences in how parameters are read; see `differences`."""

import re
from math import isinf

from tests.oracle.cases import NAME
from tests.oracle.differences import CRASHED, REFUSED, Difference, parameter
from tests.oracle.facts import Facts
from tests.oracle.wires import Sent

# JSON's own grammar, beside what openapi-core casts with Python's `int` and `float`, and its
# words for true and false.
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
WORDS = ("y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0")
INTEGER, STRING = {"type": "integer"}, {"type": "string"}
INTEGERS, STRINGS = {"type": "array", "items": INTEGER}, {"type": "array", "items": STRING}
COLOR = {"type": "object", "properties": {"R": INTEGER, "G": INTEGER}}


def has_python_words(facts: Facts) -> bool:
    """A text that Python reads as a number or as true or false, and JSON does not."""
    has_numbers, has_booleans = facts.types & {"integer", "number"}, "boolean" in facts.types
    return any(
        (has_numbers and not NUMBER.fullmatch(text) and _is_python_number(text))
        or (has_booleans and text.lower() in WORDS and text not in ("true", "false"))
        for text in facts.texts
    )


def _is_python_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_exploded_object(facts: Facts) -> bool:
    is_named = facts.part.style in ("form", "pipeDelimited", "spaceDelimited")
    return is_named and facts.part.explode and "object" in facts.top


def _is_repeated(facts: Facts) -> bool:
    if facts.part.location not in ("query", "cookie"):
        return False
    if facts.part.explode and "array" in facts.top:
        return False
    return facts.whole[::2].count(NAME) > 1


def is_halved(facts: Facts) -> bool:
    """An object whose names and values are not in pairs, or of which one name comes twice."""
    if "object" not in facts.top or facts.part.style in ("", "deepObject"):
        return False
    between = {"pipeDelimited": "|", "spaceDelimited": "%20"}.get(facts.part.style, ",")
    pieces = facts.whole[-1].split(between)
    if facts.part.explode:
        names = [one.partition("=")[0] for one in pieces]
        is_paired = all(len(one.split("=")) == 2 for one in pieces)
        return not is_paired or "" in names or len(set(names)) < len(names)
    return len(pieces) % 2 == 1 or len(set(pieces[::2])) < len(pieces[::2])


def _ends_in_delimiter(raw: str) -> bool:
    return raw.lower().endswith(("%3b", "%3f", "%23"))


def _has_empty_member(text: str) -> bool:
    return "" in re.split(r"[,|=]|%20", text)


def has_large_number(facts: Facts) -> bool:
    """A number that a float cannot hold."""
    return "number" in facts.types and any(map(_is_large, facts.texts))


def _is_large(text: str) -> bool:
    if not NUMBER.fullmatch(text):
        return False
    return isinf(float(text)) or (text.lstrip("-").isdigit() and int(float(text)) != int(text))


PARAMETER_DIFFERENCES = (
    Difference(
        "label and matrix",
        "label and matrix parameters are always missing",
        'Style Values: matrix and label are "parameters defined by RFC6570"',
        lambda facts: (
            facts.part.style in ("label", "matrix") and facts.refused("MissingRequiredParameter")
        ),
        parameter(STRINGS, Sent("/x/.a,b"), "path", style="label"),
        ["a", "b"],
        REFUSED,
    ),
    Difference(
        "lists of types",
        "a parameter whose `type` is a list raises TypeError",
        "JSON Schema Validation 2020-12, 6.1.1: type is a string or an array of strings",
        lambda facts: (
            facts.has("type", list)
            and (facts.crashed("got <class 'list'>") or facts.refused("CastError(value={"))
        ),
        parameter({"type": ["integer", "null"]}, Sent("/x", f"{NAME}=1")),
        1,
        CRASHED,
    ),
    Difference(
        "exploded objects",
        "looks for the parameter's own name, not for those of its properties",
        'Fixed Fields, explode: "separate parameters for each [...] key-value pair"',
        _is_exploded_object,
        parameter(COLOR, Sent("/x", "R=100&G=200")),
        {"R": 100, "G": 200},
        REFUSED,
    ),
    Difference(
        "exploded pipes and spaces",
        "refuses pipeDelimited and spaceDelimited with explode",
        'Style Examples: "The behavior of combinations marked n/a is undefined"; taken like form',
        lambda facts: (
            facts.part.explode
            and facts.part.style in ("pipeDelimited", "spaceDelimited")
            and facts.refused("DeserializeError")
        ),
        parameter(INTEGERS, Sent("/x", f"{NAME}=1&{NAME}=2"), style="pipeDelimited", explode=True),
        [1, 2],
        REFUSED,
    ),
    Difference(
        "spaces",
        "splits at the three characters %20, which are a space by then",
        "Style Examples: spaceDelimited: ?color=blue%20black%20brown",
        lambda facts: (
            facts.part.style == "spaceDelimited" and re.search(r"%20|\+", facts.raw) is not None
        ),
        parameter(STRINGS, Sent("/x", f"{NAME}=a%20b"), style="spaceDelimited", explode=False),
        ["a", "b"],
        ["a b"],
    ),
    Difference(
        "encoded delimiters",
        "decodes first, and then splits at what was data",
        'Appendix C: "first split values by delimiter before percent-decoding values"',
        lambda facts: (
            facts.is_structure and re.search("%2C|%3D", facts.raw, re.IGNORECASE) is not None
        ),
        parameter(STRINGS, Sent("/x", f"{NAME}=a%2Cb,c"), explode=False),
        ["a,b", "c"],
        ["a", "b", "c"],
    ),
    Difference(
        "numbers and booleans in Python's words",
        "reads 1_0, +1, 01, nan and yes",
        "Appendix B leaves it to implementations; here as in JSON (RFC 8259, sections 3 and 6)",
        has_python_words,
        parameter(INTEGER, Sent("/x", f"{NAME}=1_0")),
        REFUSED,
        10,
    ),
    Difference(
        "large numbers",
        "makes a float of every number, or infinity",
        'RFC 8259, section 6: "numeric values [...] such as Infinity and NaN are not permitted"',
        has_large_number,
        parameter({"type": "number"}, Sent("/x", f"{NAME}=9007199254740993")),
        9007199254740993,
        9007199254740992.0,
    ),
    Difference(
        "unknown formats",
        "refuses every value of a format that it does not know",
        'Appendix B: "unrecognized formats are ignored"',
        lambda facts: facts.has("format") and facts.refused("FormatterNotFoundError"),
        parameter({"type": "string", "format": "x-unknown"}, Sent("/x", f"{NAME}=a")),
        "a",
        REFUSED,
    ),
    Difference(
        "values sent twice",
        "takes one of two values of what is no list",
        "RFC 6570, 3.2.8: of a value that is no list, the name is written once",
        _is_repeated,
        parameter(INTEGER, Sent("/x", f"{NAME}=1&{NAME}=2")),
        REFUSED,
        1,
    ),
    Difference(
        "empty lists",
        "an array that is the empty text has one empty member",
        'RFC 6570, 2.3: a list is "undefined if the list contains zero members"; Style Examples:'
        " what is undefined is written color=",
        lambda facts: facts.is_structure and any(map(_has_empty_member, facts.whole)),
        parameter(INTEGERS, Sent("/x", headers=((NAME, ""),)), "header"),
        [],
        REFUSED,
    ),
    Difference(
        "halves of pairs",
        "drops from an object what has no partner",
        "Style Examples: an object is written in names and values, R,100,G,200,B,150",
        is_halved,
        parameter(COLOR, Sent("/x/R,1,G"), "path"),
        REFUSED,
        {"R": 1},
    ),
    Difference(
        "empty texts",
        "refuses an empty text in a query unless allowEmptyValue says so",
        "Fixed Fields, allowEmptyValue: \"Interactions between this field and the parameter's"
        ' Schema Object are implementation-defined"',
        lambda facts: (
            facts.part.location == "query"
            and facts.raw == f"{NAME}="
            and facts.refused("EmptyQueryParameterValue")
        ),
        parameter(STRING, Sent("/x", f"{NAME}=")),
        "",
        REFUSED,
    ),
    Difference(
        "null as text",
        "cannot cast the empty text to null",
        'Style Examples: null is among the "undefined" values, and they are written color=',
        lambda facts: (
            "" in facts.texts
            and (
                facts.refused("CastError(value=''") or facts.refused("InvalidSchemaValue(value=''")
            )
        ),
        parameter(
            INTEGER | {"nullable": True}, Sent("/x", headers=((NAME, ""),)), "header", "3.0.4"
        ),
        None,
        REFUSED,
    ),
    Difference(
        "members without a name",
        "never casts what additionalProperties describes",
        "JSON Schema Core 2020-12, 10.3.2.3: its schema applies to every other member",
        lambda facts: (
            "object" in facts.top
            and facts.has("additionalProperties", dict)
            and facts.refused("InvalidSchemaValue", "is not of type 'integer'")
        ),
        parameter(
            {"type": "object", "additionalProperties": INTEGER},
            Sent("/x", f"{NAME}[a]=1"),
            style="deepObject",
            explode=True,
        ),
        {"a": 1},
        REFUSED,
    ),
    Difference(
        "encoded slashes",
        "matches paths after decoding",
        "RFC 3986, section 2.4: components are separated before they are decoded",
        lambda facts: (
            facts.part.location == "path"
            and "%2f" in facts.raw.lower()
            and facts.refused("PathNotFound")
        ),
        parameter(STRING, Sent("/x/a%2Fb"), "path"),
        "a/b",
        REFUSED,
    ),
    Difference(
        "dot segments",
        "removes the segment .. from a path",
        "RFC 3986, 5.2.4: that is done to a relative reference, not to the target of a request",
        lambda facts: facts.part.location == "path" and facts.raw in (".", ".."),
        parameter(STRING, Sent("/x/.."), "path"),
        "..",
        REFUSED,
    ),
    Difference(
        "delimiters of URLs",
        "drops a semicolon, ? or # at the end of a path after decoding",
        "RFC 3986, section 2.4: components are separated before they are decoded",
        lambda facts: facts.part.location == "path" and _ends_in_delimiter(facts.raw),
        parameter(STRING, Sent("/x/a%3B"), "path"),
        "a;",
        "a",
    ),
    Difference(
        "white space in headers",
        "keeps the spaces between the members of a list",
        "RFC 9110, 5.6.1: white space around the commas is no part of a member",
        lambda facts: (
            facts.part.location == "header"
            and facts.is_structure
            and re.search(r"\s[,=]|[,=]\s", facts.raw) is not None
        ),
        parameter(STRINGS, Sent("/x", headers=((NAME, "a, b"),)), "header"),
        ["a", "b"],
        ["a", " b"],
    ),
    Difference(
        "nested brackets",
        "reads one level of a deepObject, names of letters, and one of several values",
        'Style Values, deepObject: "The representation of array or object properties is not'
        ' defined"; the README has the rule',
        lambda facts: (
            facts.part.style == "deepObject"
            and (
                any(re.search(r"\]\[|\[\W*\]", text) for text in facts.whole)
                or len(set(facts.whole[::2])) < len(facts.whole[::2])
            )
        ),
        parameter(
            {"type": "object", "properties": {"a": INTEGERS}},
            Sent("/x", f"{NAME}[a]=1&{NAME}[a]=2"),
            style="deepObject",
            explode=True,
        ),
        {"a": [1, 2]},
        REFUSED,
    ),
)
