"""The differences in what schemas say of JSON, in bodies and answers; see `differences`."""

import re

from tests.oracle.differences import CRASHED, REFUSED, Difference, body
from tests.oracle.facts import Facts
from tests.oracle.primitives import Schema

ANIMALS: dict[str, Schema] = {
    "Cat": {"type": "object", "properties": {"kind": {"type": "string"}}},
    "Other": {"type": "object"},
}
CHOICE = {
    "oneOf": [{"$ref": "#/components/schemas/Cat"}],
    "discriminator": {"propertyName": "kind"},
}
HIDDEN = {"type": "object", "required": ["id"], "properties": {"id": {"readOnly": True}}}


def _is_hidden(facts: Facts) -> bool:
    is_answer = facts.part.location == "answer"
    return facts.let_through("500" if is_answer else "'keyword': 'readOnly'")


VALUE_DIFFERENCES = (
    Difference(
        "readOnly since 3.1",
        "looks at readOnly and writeOnly in 3.0 documents only",
        "Validating readOnly and writeOnly: a resource"
        ' "MAY either ignore a readOnly field or treat it as an error"',
        lambda facts: (
            facts.case.version > "3.1"
            and (facts.has("readOnly") or facts.has("writeOnly"))
            and (_is_hidden(facts) or facts.refused("is a required property"))
        ),
        body(HIDDEN, b"{}"),
        {},
        REFUSED,
    ),
    Difference(
        "false as a schema",
        "fails where `items` is a boolean",
        "JSON Schema Core 2020-12, 4.3.2: true and false are schemas",
        lambda facts: facts.crashed("'bool' object has no attribute 'resolve'"),
        body({"type": "array", "prefixItems": [{}], "items": False}, b"[1]"),
        [1],
        CRASHED,
    ),
    Difference(
        "prefixItems",
        "holds all members of an array to `items`",
        "JSON Schema Core 2020-12, 10.3.1.2: items is for what comes after prefixItems",
        lambda facts: facts.has("prefixItems") and facts.refused("InvalidSchemaValue"),
        body(
            {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
            b'["a", 1]',
        ),
        ["a", 1],
        REFUSED,
    ),
    Difference(
        "tags that are no text",
        "fails on a discriminating value that is a list or an object",
        'Discriminator Object: mapping is of "payload values" to schema names, which are strings',
        lambda facts: facts.has("discriminator") and facts.crashed("unhashable type"),
        body(
            {
                "oneOf": [{"$ref": "#/components/schemas/Cat"}],
                "discriminator": {
                    "propertyName": "kind",
                    "mapping": {"c": "#/components/schemas/Cat"},
                },
            },
            b'{"kind": ["a"]}',
            components={"Cat": {"type": "object", "properties": {"kind": {"type": "string"}}}},
        ),
        REFUSED,
        CRASHED,
    ),
    Difference(
        "tags of other schemas",
        "takes the name of any schema for a tag, one that is no alternative too",
        'Discriminator Object: "the expected schema" is one of those that oneOf or anyOf list',
        lambda facts: (
            facts.has("discriminator")
            and any(f'"{name}"' in facts.raw for name in facts.components)
            and facts.let_through("'pointer': '/kind'")
        ),
        body(CHOICE, b'{"kind": "Other"}', components=ANIMALS),
        REFUSED,
        {"kind": "Other"},
    ),
    Difference(
        "names in mappings",
        "reads every value of a mapping as a URI",
        'Discriminator Object: mapping is of "payload values and schema names or URI references"',
        lambda facts: (
            any("#" not in target for target in facts.mapped)
            and facts.refused("could not be resolved")
        ),
        body(
            CHOICE | {"discriminator": {"propertyName": "kind", "mapping": {"c": "Cat"}}},
            b'{"kind": "c"}',
            components=ANIMALS,
        ),
        {"kind": "c"},
        REFUSED,
    ),
    Difference(
        "unknown formats in bodies",
        "refuses every value of a format that it does not know",
        'Appendix B: "unrecognized formats are ignored"',
        lambda facts: facts.has("format") and facts.refused("FormatterNotFoundError"),
        body({"type": "string", "format": "x-unknown"}, b'"a"'),
        "a",
        REFUSED,
    ),
    Difference(
        "defaults that break the whole",
        "fills in defaults although the value is no longer valid then",
        "no request that breaks the document reaches a handler, not by our own doing either",
        lambda facts: facts.both_accept and facts.has("default") and facts.has("uniqueItems"),
        body(
            {
                "type": "array",
                "uniqueItems": True,
                "items": {"type": "object", "properties": {"a": {"default": 1}}},
            },
            b'[{}, {"a": 1}]',
        ),
        [{}, {"a": 1}],
        [{"a": 1}, {"a": 1}],
    ),
    Difference(
        "whole floats in 3.0",
        "refuses 1.0 for an integer in 3.0 documents",
        'OpenAPI 3.0.4, Appendix B: "integers are not a distinct type from other numbers", whatever'
        ' "the presence or absence of a decimal point"',
        lambda facts: (
            facts.case.version < "3.1"
            and "integer" in facts.types
            and re.search(r"[0-9](\.0|e[0-9])", facts.raw) is not None
            and facts.refused("InvalidSchemaValue")
        ),
        body({"type": "integer"}, b"1.0", version="3.0.4"),
        1.0,
        REFUSED,
    ),
)
