"""The differences in how bodies are read; see `differences`."""

import re

from tests.oracle.cases import FORM, MULTIPART
from tests.oracle.differences import CRASHED, REFUSED, Difference, body
from tests.oracle.facts import Facts
from tests.oracle.parameter_differences import has_large_number, has_python_words
from tests.oracle.primitives import Schema
from tests.oracle.wires import multipart

FORMS = (FORM, MULTIPART)


def _is_json(facts: Facts) -> bool:
    return "json" in facts.part.media_type


def _is_form(facts: Facts) -> bool:
    return facts.part.media_type in FORMS


def _field_names(facts: Facts) -> list[str]:
    if facts.part.media_type == FORM:
        return facts.whole[::2]
    return re.findall('name="(.*?)"', facts.raw)


def named_properties(schemas: list[Schema]) -> set[str]:
    """Every name that `properties` has anywhere."""
    return {name for one in schemas for name in one.get("properties", ())}


BODY_DIFFERENCES = (
    Difference(
        "bodies without a byte",
        "takes an empty text or form for no body at all",
        "WHATWG URL, 5.1: the empty form is empty; RFC 2046, 4.1: so is the empty text",
        lambda facts: not _is_json(facts) and not facts.case.sent.body,
        body({"type": "string"}, b"", "text/plain"),
        "",
        REFUSED,
    ),
    Difference(
        "fields without a property",
        "drops the fields of a form that `properties` does not name",
        "JSON Schema Core 2020-12, 10.3.2.3: without additionalProperties they are allowed",
        lambda facts: (
            _is_form(facts)
            and bool({*_field_names(facts)} - named_properties(facts.schemas))
            and (facts.both_accept or facts.let_through())
        ),
        body({"type": "object"}, b"a=1", FORM),
        {"a": "1"},
        {},
    ),
    Difference(
        "lone surrogates",
        "lets half of a pair through",
        "RFC 8259, section 8.2: such a text is no Unicode, and what it does is unpredictable",
        lambda facts: b"\\ud800" in facts.case.sent.body and facts.let_through("not valid JSON"),
        body({"type": "string"}, b'"\\ud800"'),
        REFUSED,
        "\ud800",
    ),
    Difference(
        "numbers that are none",
        "reads NaN, Infinity and what is too large for a number",
        "RFC 8259, section 6: numeric values such as Infinity and NaN are not permitted",
        lambda facts: (
            _is_json(facts)
            and re.search(r"NaN|Infinity|1e400", facts.raw) is not None
            and facts.let_through()
        ),
        body({"type": "number"}, b"1e400"),
        REFUSED,
        float("inf"),
    ),
    Difference(
        "broken multipart",
        "fails on what is no multipart body",
        "RFC 2046, 5.1.1: a boundary begins each part; anything else is a fault of the client",
        lambda facts: facts.part.media_type == MULTIPART and facts.crashed("AssertionError"),
        body({"type": "object"}, b"x", MULTIPART, parameters="; boundary=border"),
        REFUSED,
        CRASHED,
    ),
    Difference(
        "fields sent twice",
        "takes one of two values of a field that is no list",
        "RFC 6570, 3.2.8: of a value that is no list, the name is written once",
        lambda facts: (
            _is_form(facts)
            and len(set(_field_names(facts))) < len(_field_names(facts))
            and facts.let_through("'keyword': 'type'")
        ),
        body({"type": "object", "properties": {"a": {"type": "integer"}}}, b"a=1&a=2", FORM),
        REFUSED,
        {"a": 1},
    ),
    Difference(
        "lists without a part",
        "makes an empty list of an array that no part was sent for",
        "RFC 7578, 4.3: a list is one part for each member; what is not sent is not there",
        lambda facts: (
            facts.part.media_type == MULTIPART
            and "array" in facts.types
            and (
                facts.both_accept
                or facts.let_through("'keyword': 'required'")
                or facts.refused("InvalidSchemaValue", "[]")
            )
        ),
        body(
            {"type": "object", "properties": {"a": {"type": "array", "items": {}}}},
            multipart({}),
            MULTIPART,
            parameters="; boundary=border",
        ),
        {},
        {"a": []},
    ),
    Difference(
        "composed parts",
        "leaves a part as bytes if its type does not stand beside it",
        "JSON Schema Core 2020-12, 10.2: what allOf and $ref say of a value holds for it",
        lambda facts: (
            facts.part.media_type == MULTIPART and facts.refused("InvalidSchemaValue", "b'")
        ),
        body(
            {"type": "object", "properties": {"a": {"allOf": [{"type": "string"}]}}},
            multipart({"a": "x"}),
            MULTIPART,
            parameters="; boundary=border",
        ),
        {"a": "x"},
        REFUSED,
    ),
    Difference(
        "parts that say that they are JSON",
        "leaves a part as text where a text is expected, whatever its Content-Type",
        "RFC 7578, 4.4: a part's own Content-Type says what its data are",
        lambda facts: (
            facts.part.media_type == MULTIPART
            and "application/json" in facts.raw
            and facts.let_through("'keyword': 'type'")
        ),
        body(
            {"type": "object", "properties": {"a": {"type": "string"}}},
            multipart({"a": {}}),
            MULTIPART,
            parameters="; boundary=border",
        ),
        REFUSED,
        {"a": "{}"},
    ),
    Difference(
        "numbers in multipart",
        "leaves parts as texts, so that no number or boolean is ever valid",
        "Encoding Object: number, integer and boolean have the default contentType text/plain",
        lambda facts: (
            facts.part.media_type == MULTIPART
            and bool(facts.types & {"integer", "number", "boolean"})
            and facts.refused("InvalidSchemaValue")
        ),
        body(
            {"type": "object", "properties": {"a": {"type": "integer"}}},
            multipart({"a": 1}),
            MULTIPART,
            parameters="; boundary=border",
        ),
        {"a": 1},
        REFUSED,
    ),
    Difference(
        "texts that are not UTF-8",
        "replaces what it cannot read by surrogates",
        "RFC 6838, 4.2.1: text is in the charset that its media type names",
        lambda facts: (
            not _is_json(facts)
            and (facts.let_through("not valid utf-8") or facts.let_through("not UTF-8"))
        ),
        body({"type": "string"}, b"\xff", "text/plain"),
        REFUSED,
        "\udcff",
    ),
    Difference(
        "forms in Python's words",
        "reads 1_0, +1, 01, nan and yes",
        "RFC 8259, sections 3 and 6: the JSON data model has no such numbers and literals",
        lambda facts: _is_form(facts) and (has_python_words(facts) or has_large_number(facts)),
        body({"type": "object", "properties": {"a": {"type": "integer"}}}, b"a=1_0", FORM),
        REFUSED,
        {"a": 10},
    ),
)
