"""brrt and openapi-spec-validator give the same verdict, but for the rules of our own.

The corpus is made by machine: every node of a valid document is deleted or replaced, one at a
time, and a list of hand-made documents breaks one semantic rule each. A crash of the oracle
counts as a refusal.
"""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import (
    OpenAPIV30SpecValidator,
    OpenAPIV31SpecValidator,
    OpenAPIV32SpecValidator,
)

from brrt.errors import SpecError
from brrt.openapi.document import load

Json = Any
VERSIONS = ("3.0", "3.1", "3.2")
VALIDATORS: dict[str, Any] = {
    "3.0": OpenAPIV30SpecValidator,
    "3.1": OpenAPIV31SpecValidator,
    "3.2": OpenAPIV32SpecValidator,
}

# What we refuse and the oracle does not: the rules of our own.
OWN = re.compile(
    r"matches the same requests|the braces in|has no name|stands twice in '/|contains '.'"
    r"|does not begin with a slash|no security scheme is called|is no regular expression"
    r"|there is no '|cannot be read|is no JSON pointer|leads to|go in a circle|\$ref must be"
    r"|names no file|brrt never fetches|is relative, but|JSON Schema dialect .* is unknown"
    r"|OpenAPI '.*' is unknown"
    # broken schemas where the oracle does not look
    r"|/(requestBody|headers|callbacks)/[^:]*/schema(/|:| )"
)


def pet_store(version: str) -> Json:
    """A valid document that has a little of everything that the checks look at."""
    nullable: Json = (
        {"type": "string", "nullable": True, "default": None}
        if version == "3.0"
        else {"type": ["string", "null"], "default": None}
    )
    document: Json = {
        "openapi": f"{version}.0",
        "info": {"title": "Pets", "version": "1", "license": {"name": "MIT"}},
        "servers": [
            {"url": "https://example.com/{stage}", "variables": {"stage": {"default": "v"}}}
        ],
        "tags": [{"name": "pets"}, {"name": "other"}],
        "security": [{"key": []}],
        "paths": {
            "/pets/{id}": {
                "parameters": [{"$ref": "#/components/parameters/Id"}],
                "get": {
                    "operationId": "getPet",
                    "tags": ["pets"],
                    "parameters": [
                        {
                            "name": "limit",
                            "in": "query",
                            "style": "form",
                            "explode": False,
                            "schema": {"type": "integer", "default": 3, "maximum": 9},
                        },
                        {"name": "X-A", "in": "header", "schema": {"type": "string"}},
                    ],
                    "responses": {
                        "200": {
                            "description": "a pet",
                            "headers": {"X-Rate": {"schema": {"type": "integer"}}},
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "#/components/schemas/Dog"},
                                    "examples": {"one": {"value": {"name": "Rex"}}},
                                }
                            },
                        },
                        "default": {"$ref": "#/components/responses/Error"},
                    },
                },
                "put": {
                    "operationId": "putPet",
                    "security": [{"login": ["write"]}, {}],
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
                            "multipart/form-data": {
                                "schema": {
                                    "type": "object",
                                    "properties": {"a": {"type": "string"}},
                                },
                                "encoding": {"a": {"contentType": "text/plain"}},
                            },
                        },
                    },
                    "responses": {"204": {"description": "done"}},
                    "callbacks": {
                        "changed": {
                            "{$request.body#/url}": {
                                "post": {"responses": {"200": {"description": "fine"}}}
                            }
                        }
                    },
                },
            }
        },
        "components": {
            "schemas": {
                "Pet": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "pattern": "^[A-Z]", "minLength": 1},
                        "kind": {"type": "string", "enum": ["dog", "cat"], "default": "dog"},
                        "born": {"type": "string", "format": "date", "default": "2020-02-29"},
                        "tags": {"type": "array", "items": {"type": "string"}, "default": ["a"]},
                        "owner": nullable,
                        "mother": {"$ref": "#/components/schemas/Pet"},
                    },
                    "additionalProperties": {"type": "integer"},
                },
                "Dog": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Pet"},
                        {"type": "object", "properties": {"bark": {"type": "boolean"}}},
                    ],
                    "required": ["name", "bark"],
                },
                "Choice": {
                    "oneOf": [{"$ref": "#/components/schemas/Dog"}, {"type": "object"}],
                    "discriminator": {"propertyName": "kind"},
                },
            },
            "parameters": {
                "Id": {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            },
            "responses": {
                "Error": {
                    "description": "an error",
                    "content": {"application/json": {"schema": {"not": {"type": "null"}}}},
                }
            },
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
                "login": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": "https://example.com/token",
                            "scopes": {"write": "to write"},
                        }
                    },
                },
            },
        },
    }
    if version == "3.0":
        document["components"]["responses"]["Error"]["content"]["application/json"] = {
            "schema": {"not": {"type": "string"}}
        }
    if version == "3.2":
        document["tags"][0]["parent"] = "other"
        document["paths"]["/pets/{id}"]["query"] = {"responses": {"200": {"description": "x"}}}
        document["paths"]["/pets/{id}"]["additionalOperations"] = {
            "COPY": {"operationId": "copyPet", "responses": {"200": {"description": "x"}}}
        }
    return document


def oracle_refuses(document: Json, version: str) -> str:
    """The oracle's first objection, or an empty text."""
    try:
        for error in VALIDATORS[version](copy.deepcopy(document)).iter_errors():
            return error.message or "refused"
    except Exception as error:
        return f"crash: {error!r}"
    return ""


def faults(document: Json) -> list[str]:
    """Our objections."""
    try:
        load(document)
    except SpecError as error:
        return [str(fault) for fault in error.faults]
    return []


def disagreement(document: Json, version: str) -> str:
    """How the two verdicts differ, or an empty text."""
    refused, ours = oracle_refuses(document, version), faults(document)
    if refused and not ours:
        return f"only the oracle refuses: {refused[:200]}"
    if ours and not refused:
        strange = [fault for fault in ours if not OWN.search(fault)]
        return f"only we refuse: {strange[:2]}" if strange else ""
    return ""


def paths_of(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every node below the root."""
    entries: Any = value.items() if isinstance(value, dict) else ()
    entries = enumerate(value) if isinstance(value, list) else entries
    for key, inner in entries:
        yield (*path, key)
        yield from paths_of(inner, (*path, key))


def mutants(document: Json) -> Iterator[tuple[str, Json]]:
    """The document with one node deleted or replaced, for every node."""
    absent = object()
    for path in paths_of(document):
        for replacement in (absent, None, 5, "x", [], {}):
            mutant = copy.deepcopy(document)
            parent = mutant
            for key in path[:-1]:
                parent = parent[key]
            if replacement is absent:
                del parent[path[-1]]
            else:
                parent[path[-1]] = replacement
            name = "deleted" if replacement is absent else repr(replacement)
            yield f"{'/'.join(map(str, path))} {name}", mutant


@pytest.mark.parametrize("version", VERSIONS)
def test_valid_documents_pass_both(version: str) -> None:
    """A document that breaks no rule is accepted by the oracle and by us."""
    assert oracle_refuses(pet_store(version), version) == ""
    assert faults(pet_store(version)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_mutants_get_the_same_verdict(version: str) -> None:
    """Whatever node of a document is deleted or replaced, the verdicts agree."""
    count, wrong = 0, []
    for name, mutant in mutants(pet_store(version)):
        count += 1
        difference = disagreement(mutant, version)
        if difference:
            wrong.append(f"{name}: {difference}")
    assert count > 700
    assert not wrong, "\n".join(wrong)


# Changes of one valid document: a path (keys joined by spaces) and what to put there. The first
# word of a name says what the oracle thinks of it: bad, good, or "own" for a rule of our own.
PETS = "paths /pets/{id}"
PET = "components schemas Pet"
PROPERTIES = f"{PET} properties"
STRING: Json = {"type": "string"}
ID: Json = {"name": "id", "in": "path", "required": True, "schema": STRING}
QUERY: Json = {"name": "q", "in": "query", "schema": STRING}
OK: Json = {"200": {"description": "fine"}}
LOOP: Json = {"$ref": "#/components/schemas/Loop"}
CHANGES: list[tuple[str, dict[str, Json]]] = [
    ("good default of a number", {f"{PROPERTIES} n": {"type": "number", "default": 1}}),
    ("bad default of an integer", {f"{PROPERTIES} n": {"type": "integer", "default": "1"}}),
    ("bad default boolean for integer", {f"{PROPERTIES} n": {"type": "integer", "default": True}}),
    ("bad default above the maximum", {f"{PROPERTIES} n": {"maximum": 3, "default": 4}}),
    ("bad default outside of the enum", {f"{PROPERTIES} n": {"enum": ["a"], "default": "b"}}),
    ("bad default of a format date", {f"{PROPERTIES} born default": "2021-02-29"}),
    ("bad default of a date-time", {f"{PROPERTIES} n": {"format": "date-time", "default": "x"}}),
    (
        "good default date-time",
        {f"{PROPERTIES} n": {"format": "date-time", "default": "2020-01-01T10:00:00Z"}},
    ),
    (
        "bad default of an offset time",
        {f"{PROPERTIES} n": {"format": "time", "default": "10:00:00+01:00"}},
    ),
    ("bad default of a time", {f"{PROPERTIES} n": {"format": "time", "default": "25:00:00"}}),
    ("good default of a time", {f"{PROPERTIES} n": {"format": "time", "default": "23:00:00"}}),
    ("bad default of a uuid", {f"{PROPERTIES} n": {"format": "uuid", "default": "1234"}}),
    ("bad default of an email", {f"{PROPERTIES} n": {"format": "email", "default": "me"}}),
    ("bad default of an ipv4", {f"{PROPERTIES} n": {"format": "ipv4", "default": "1.2.3"}}),
    ("bad default of an ipv6", {f"{PROPERTIES} n": {"format": "ipv6", "default": "::g"}}),
    ("bad default of an int32", {f"{PROPERTIES} n": {"format": "int32", "default": 2**31}}),
    ("good default of an int32", {f"{PROPERTIES} n": {"format": "int32", "default": 2**31 - 1}}),
    ("bad default of an int64", {f"{PROPERTIES} n": {"format": "int64", "default": 2**63}}),
    ("good default of an unchecked uri", {f"{PROPERTIES} n": {"format": "uri", "default": "%%"}}),
    (
        "good default of an unchecked hostname",
        {f"{PROPERTIES} n": {"format": "hostname", "default": "_"}},
    ),
    ("bad default of a pattern", {f"{PROPERTIES} n": {"pattern": "^a", "default": "b"}}),
    ("bad default too short", {f"{PROPERTIES} n": {"minLength": 3, "default": "b"}}),
    ("bad default of a list", {f"{PROPERTIES} tags default": [1]}),
    ("bad default of an object", {f"{PET} default": {"kind": "dog"}}),
    ("good default of an object", {f"{PET} default": {"name": "Rex"}}),
    (
        "bad default through a reference",
        {"components schemas Dog default": {"name": "rex", "bark": True}},
    ),
    (
        "good default through a reference",
        {
            "components schemas Choice default": {"kind": "Dog", "name": "Rex"},
            f"{PROPERTIES} kind": STRING,
            "components schemas Dog required": ["name"],
        },
    ),
    ("bad default of a parameter", {f"{PETS} get parameters 0 schema default": 10}),
    ("bad default null", {f"{PROPERTIES} n": {"type": "string", "default": None}}),
    ("good default null without type", {f"{PROPERTIES} n": {"default": None}}),
    (
        "bad default in a response",
        {
            f"{PETS} put responses 204 content": {
                "a/b": {"schema": {"type": "string", "default": 1}}
            }
        },
    ),
    ("bad default in a union", {f"{PROPERTIES} n": {"oneOf": [{"type": "string"}], "default": 1}}),
    ("bad default in not", {f"{PROPERTIES} n": {"not": {"type": "string"}, "default": "x"}}),
    (
        "bad default in items",
        {f"{PROPERTIES} n": {"type": "array", "items": {"type": "string", "default": 1}}},
    ),
    (
        "good default in a request body",
        {
            f"{PETS} put requestBody content application/json schema": {
                "type": "string",
                "default": 1,
            }
        },
    ),
    ("bad duplicate operationId", {f"{PETS} put operationId": "getPet"}),
    (
        "bad duplicate operationId elsewhere",
        {"paths /other": {"get": {"operationId": "getPet", "responses": OK}}},
    ),
    ("bad duplicate parameter", {f"{PETS} get parameters": [QUERY, QUERY]}),
    (
        "bad duplicate parameter in the path item",
        {f"{PETS} parameters": [ID, {"$ref": "#/components/parameters/Id"}]},
    ),
    ("good parameter overridden", {f"{PETS} get parameters": [ID]}),
    ("good parameters of one name", {f"{PETS} get parameters": [QUERY, {**QUERY, "in": "header"}]}),
    ("bad path parameter undeclared", {"paths /a/{x}": {"get": {"responses": OK}}}),
    ("bad path parameter unused", {"paths /a": {"get": {"parameters": [ID], "responses": OK}}}),
    (
        "bad path parameter unused in the path item",
        {"paths /a": {"parameters": [ID], "get": {"responses": OK}}},
    ),
    ("good path item without operations", {"paths /a": {"parameters": [ID]}}),
    (
        "bad path parameter of another name",
        {"paths /a/{ID}": {"parameters": [ID], "get": {"responses": OK}}},
    ),
    ("bad path parameter not required", {"components parameters Id required": False}),
    ("bad braces", {"paths /a/}": {"get": {"responses": OK}}}),
    ("bad open brace", {"paths /a/{x": {"get": {"responses": OK}}}),
    ("own empty variable", {"paths /a/{}": {"get": {"responses": OK}}}),
    ("own variable twice", {"paths /a/{id}/{id}": {"parameters": [ID], "get": {"responses": OK}}}),
    ("own converter", {"paths /a/{id:int}": {"parameters": [ID], "get": {"responses": OK}}}),
    (
        "own conflicting templates",
        {"paths /pets/{name}": {"parameters": [{**ID, "name": "name"}], "get": {"responses": OK}}},
    ),
    ("own security scheme", {f"{PETS} get security": [{"nobody": []}]}),
    ("bad path without a slash", {"paths pets": {"get": {"responses": OK}}}),
    ("bad required with allOf", {"components schemas Dog required": ["name", "wings"]}),
    ("good required without allOf", {f"{PET} required": ["wings"]}),
    (
        "good required of a nested allOf",
        {f"{PROPERTIES} n": {"allOf": [STRING], "required": ["wings"]}},
    ),
    (
        "good required of a member seen before",
        {
            "components schemas Z": {"allOf": [{"$ref": "#/components/schemas/Y"}]},
            "components schemas Y": {"allOf": [STRING], "required": ["w"]},
            "components schemas Dog allOf 1": {"$ref": "#/components/schemas/Y"},
            "components schemas Dog required": ["name"],
        },
    ),
    ("bad repeated required", {f"{PET} required": ["name", "name"]}),
    ("bad type of a schema", {f"{PROPERTIES} n": {"type": "strin"}}),
    ("bad minimum of a schema", {f"{PROPERTIES} n": {"minimum": "1"}}),
    ("bad additionalProperties", {f"{PET} additionalProperties": {"type": "strin"}}),
    ("bad pattern", {f"{PROPERTIES} name pattern": "("}),
    ("bad pattern for Python only", {f"{PROPERTIES} name pattern": "^\\p{Lu}"}),
    (
        "good pattern elsewhere",
        {
            f"{PETS} put requestBody content application/json schema": {
                "type": "string",
                "pattern": "^\\p{Lu}",
            }
        },
    ),
    ("bad reference", {f"{PROPERTIES} n": {"$ref": "#/components/schemas/Nobody"}}),
    (
        "bad reference of a parameter",
        {f"{PETS} get parameters 0": {"$ref": "#/components/parameters/Nobody"}},
    ),
    (
        "bad reference of a response",
        {f"{PETS} get responses 200": {"$ref": "#/components/responses/Nobody"}},
    ),
    (
        "own reference in a request body",
        {f"{PETS} put requestBody": {"$ref": "#/components/requestBodies/Nobody"}},
    ),
    ("good property called $ref", {f"{PET} example": {"$ref": "#/nowhere"}}),
    ("bad tags", {"tags": [{"name": "pets"}, {"name": "pets"}]}),
    ("bad status", {f"{PETS} get responses 20": {"description": "x"}}),
    ("bad unknown field", {f"{PETS} get reponses": {}}),
    ("bad schema and content", {f"{PETS} get parameters 0 content": {"a/b": {}}}),
    (
        "good path item reference",
        {
            "paths /b/{id}": {"$ref": "#/paths/~1c~1{id}"},
            "paths /c/{id}": {"parameters": [ID], "get": {"responses": OK}},
        },
    ),
    ("bad path item reference with ids", {"paths /b/{id}": {"$ref": "#/paths/~1pets~1{id}"}}),
    (
        "good recursive schema",
        {"components schemas Loop": {"type": "object", "properties": {"more": LOOP}}},
    ),
    ("bad reference circle", {"components schemas Loop": LOOP}),
]
CHANGES_30: list[tuple[str, dict[str, Json]]] = [
    (
        "good default null when nullable",
        {f"{PROPERTIES} n": {"type": "string", "nullable": True, "default": None}},
    ),
    (
        "bad default with nullable",
        {f"{PROPERTIES} n": {"type": "string", "nullable": True, "default": 1}},
    ),
    ("bad default of bytes", {f"{PROPERTIES} n": {"format": "byte", "default": "*"}}),
    (
        "bad default at an exclusive maximum",
        {f"{PROPERTIES} n": {"maximum": 3, "exclusiveMaximum": True, "default": 3}},
    ),
    ("bad exclusive maximum without maximum", {f"{PROPERTIES} n": {"exclusiveMaximum": True}}),
    ("bad exclusive maximum of 3.1", {f"{PROPERTIES} n": {"exclusiveMaximum": 3}}),
    ("bad list of types", {f"{PROPERTIES} n": {"type": ["string", "null"]}}),
    ("bad const", {f"{PROPERTIES} n": {"const": 3}}),
    ("bad float for integer", {f"{PROPERTIES} n": {"type": "integer", "default": 1.0}}),
    (
        "good read-only required",
        {
            f"{PROPERTIES} n": {
                "required": ["a"],
                "properties": {"a": {"readOnly": True}},
                "default": {},
            }
        },
    ),
    ("bad empty required", {f"{PET} required": []}),
    ("bad repeated enum", {f"{PROPERTIES} n": {"enum": ["a", "a"]}}),
    ("bad empty enum", {f"{PROPERTIES} n": {"enum": []}}),
    ("bad version", {"openapi": "3.0"}),
    ("bad paths", {"paths": None}),
]
CHANGES_31: list[tuple[str, dict[str, Json]]] = [
    ("good default integral float", {f"{PROPERTIES} n": {"type": "integer", "default": 1.0}}),
    ("bad default of a const", {f"{PROPERTIES} n": {"const": 1, "default": 2}}),
    (
        "bad default of a list of types",
        {f"{PROPERTIES} n": {"type": ["string", "null"], "default": 2}},
    ),
    (
        "bad default of a conditional",
        {f"{PROPERTIES} n": {"if": True, "then": {"minimum": 3}, "default": 2}},
    ),
    (
        "bad default of unevaluated properties",
        {f"{PROPERTIES} n": {"unevaluatedProperties": False, "default": {"a": 2}}},
    ),
    ("bad exclusive maximum of 3.0", {f"{PROPERTIES} n": {"exclusiveMaximum": True}}),
    ("good boolean schema", {f"{PROPERTIES} n": True}),
    (
        "good definitions",
        {
            f"{PET} $defs": {"a": STRING},
            f"{PROPERTIES} n": {"$ref": "#/components/schemas/Pet/$defs/a"},
        },
    ),
    (
        "good reference with siblings",
        {f"{PROPERTIES} n": {"$ref": "#/components/schemas/Dog", "description": "x"}},
    ),
    ("bad pattern property", {f"{PET} patternProperties": {"(": {}}}),
    ("bad dialect of a schema", {f"{PET} $schema": "https://example.com/dialect"}),
    ("bad dialect of the document", {"jsonSchemaDialect": "https://example.com/dialect"}),
    ("good dialect of a schema", {f"{PET} $schema": "http://json-schema.org/draft-07/schema#"}),
    (
        "bad draft 7 schema",
        {f"{PET} $schema": "http://json-schema.org/draft-07/schema#", f"{PET} items": 5},
    ),
    (
        "bad draft 4 schema",
        {f"{PET} $schema": "http://json-schema.org/draft-04/schema#", f"{PET} exclusiveMaximum": 5},
    ),
    ("good webhooks", {"webhooks": {"new": {"post": {"responses": OK}}}}),
    ("bad webhooks", {"webhooks": {"new": {"post": []}}}),
    ("bad version", {"openapi": "3.1"}),
    ("bad enum", {f"{PROPERTIES} n": {"enum": "a"}}),
    ("bad $id", {f"{PET} $id": "a#b"}),
    ("bad externalDocs", {f"{PET} externalDocs": {}}),
]
CHANGES_32: list[tuple[str, dict[str, Json]]] = [
    ("bad parent of a tag", {"tags 0 parent": "nobody"}),
    ("bad circle of tags", {"tags 1 parent": "pets"}),
    ("bad own parent", {"tags 0 parent": "pets"}),
    ("bad operation of a new method", {f"{PETS} query parameters": [QUERY, QUERY]}),
    ("bad additional operation", {f"{PETS} additionalOperations COPY operationId": "getPet"}),
    ("bad schema of an item", {f"{PETS} get responses 200 content": {"a/b": {"itemSchema": 5}}}),
    (
        "good schema of an item",
        {f"{PETS} get responses 200 content": {"a/b": {"itemSchema": STRING}}},
    ),
    (
        "good querystring",
        {f"{PETS} query parameters": [{"name": "q", "in": "querystring", "content": {"a/b": {}}}]},
    ),
]
CASES = [
    (version, name, change)
    for version in VERSIONS
    for name, change in [
        *CHANGES,
        *(CHANGES_30 if version == "3.0" else CHANGES_31),
        *(CHANGES_32 if version == "3.2" else ()),
    ]
]


def changed(version: str, change: dict[str, Json]) -> Json:
    """The valid document with some places set."""
    document = pet_store(version)
    for path, value in change.items():
        parent = document
        *steps, last = path.split(" ")
        for step in steps:
            parent = parent[int(step) if isinstance(parent, list) else step]
        parent[int(last) if isinstance(parent, list) else last] = copy.deepcopy(value)
    return document


@pytest.mark.parametrize(
    ("version", "name", "change"), CASES, ids=[f"{case[0]} {case[1]}" for case in CASES]
)
def test_semantic_rules_get_the_same_verdict(
    version: str, name: str, change: dict[str, Json]
) -> None:
    """Each semantic rule of the oracle is ours, and what it lets pass passes with us."""
    document = changed(version, change)
    verdict = name.split(" ")[0]
    assert (oracle_refuses(document, version) != "") == (verdict == "bad")
    assert (faults(document) != []) == (verdict in ("bad", "own"))


@pytest.mark.parametrize("version", VERSIONS)
def test_corpus_is_large(version: str) -> None:
    """At least 60 broken documents are made by hand for each version."""
    assert sum(case[0] == version and case[1].startswith("bad") for case in CASES) >= 60
