"""The checks of a document: our own rules, their messages, and what strict=False lets pass."""

import copy
from typing import Any

import pytest

from brrt.config import PER_HANDLER
from brrt.errors import Fault, SpecError
from brrt.openapi.document import load
from brrt.openapi.rules import RULES, Weight

OK = {"200": {"description": "fine"}}
STRING = {"type": "string"}


def document(paths: Any = None, version: str = "3.1.0", **members: Any) -> dict[str, Any]:
    info = {"title": "x", "version": "1"}
    return {"openapi": version, "info": info, "paths": paths or {}, **members}


def path(name: str, *parameters: str, **members: Any) -> dict[str, Any]:
    declared = [
        {"name": parameter, "in": "path", "required": True, "schema": STRING}
        for parameter in parameters
    ]
    return {name: {"parameters": declared, "get": {"responses": OK, **members}}}


def schema(version: str = "3.1.0", **members: Any) -> dict[str, Any]:
    return document(version=version, components={"schemas": {"A": members}})


def faults(source: dict[str, Any], *, strict: bool = True) -> tuple[Fault, ...]:
    try:
        load(source, strict=strict)
    except SpecError as error:
        return error.faults
    return ()


def warnings(source: dict[str, Any], *, strict: bool = False) -> tuple[Fault, ...]:
    return load(source, strict=strict).warnings


@pytest.mark.parametrize(
    ("paths", "message", "cure"),
    [
        (path("/a/{x"), "braces", "{name}"),
        (path("/a/x}"), "braces", "{name}"),
        (path("/a/{{x}}", "x"), "braces", "{name}"),
        (path("/a/{}"), "has no name", "between the braces"),
        (path("/{x}/{x}", "x"), "stands twice", "rename"),
        (path("/{x:int}", "x:int"), "contains ':'", "write {x}"),
        (path("a"), "slash", "'/a'"),
        (path("/a/{x}"), "declares no path parameter 'x'", "in: path, name: x"),
        (path("/a/{x}", "y"), "declares no path parameter 'x'", "perhaps 'y'"),
        (path("/a/{x}", "x", "y"), "no variable {y}", "it has 'x'"),
        (path("/a", "y"), "no variable {y}", "put {y}"),
        (path("/{x}", "x") | path("/{y}", "y"), "same requests as '/{x}'", "move its operations"),
    ],
)
def test_templates(paths: Any, message: str, cure: str) -> None:
    """Every malformed, conflicting or mismatched path template is told with its cure."""
    found = [fault for fault in faults(document(paths)) if message in fault.message]
    assert found
    assert cure in found[0].cure
    assert found[0].pointer.startswith("#/paths/")
    assert [fault for fault in faults(document(paths), strict=False) if message in fault.message]


def test_templates_that_are_not_alike() -> None:
    """Paths that differ in a fixed part do not conflict, nor do other suffixes of a variable."""
    paths = path("/a/{x}", "x") | path("/a/b") | path("/a/{x}.json", "x") | path("/{x}/a", "x")
    assert faults(document(paths)) == ()


def test_identical_templates_with_other_methods_can_be_served() -> None:
    """Two spellings of one path break the specification, but each request has one operation."""
    paths = path("/{x}", "x") | path("/{y}", "y")
    paths["/{y}"]["put"] = paths["/{y}"].pop("get")
    assert "same requests" in faults(document(paths))[0].message
    assert "same requests" in warnings(document(paths))[0].message


def test_all_methods_of_one_path_are_told() -> None:
    """Each operation that lacks a parameter is named; a shared surplus one is told once."""
    paths = path("/a/{x}", "y")
    paths["/a/{x}"]["put"] = {"responses": OK}
    messages = [fault.message for fault in faults(document(paths))]
    assert len([message for message in messages if "declares no" in message]) == 2
    assert len([message for message in messages if "no variable" in message]) == 1


def test_duplicate_operation_ids_name_the_first() -> None:
    """The second use of an operationId is the fault, and tells where the first is."""
    paths = path("/a", operationId="x") | path("/b", operationId="x")
    (fault,) = faults(document(paths))
    assert fault.pointer == "#/paths/~1b/get/operationId"
    assert "get /a" in fault.message
    assert faults(document(paths), strict=False) == (fault,)
    shared = {
        "/a": {"$ref": "#/components/pathItems/P"},
        "/b": {"$ref": "#/components/pathItems/P"},
    }
    items = {"pathItems": {"P": {"get": {"operationId": "x", "responses": OK}}}}
    (fault,) = faults(document(shared, components=items))
    assert "same path item" in fault.message


def test_path_parameters_must_be_required() -> None:
    """A path parameter without required: true says so in words, in every version."""
    for version in ("3.0.0", "3.1.0", "3.2.0"):
        for required in ({}, {"required": False}):
            paths = path("/{x}", "x")
            del paths["/{x}"]["parameters"][0]["required"]
            paths["/{x}"]["parameters"][0].update(required)
            (fault,) = faults(document(paths, version))
            assert fault.message == "a path parameter must be required"
            assert "required: true" in fault.cure


def test_security_schemes_must_exist() -> None:
    """A requirement of an undeclared scheme is never let pass."""
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    source = document(path("/a", security=[{"kye": []}]), components={"securitySchemes": schemes})
    (fault,) = faults(source, strict=False)
    assert fault.pointer == "#/paths/~1a/get/security/0/kye"
    assert "'key'" in fault.cure
    assert "declare it" in faults(document(security=[{"key": []}]))[0].cure


def test_security_schemes_by_uri_in_32() -> None:
    """In 3.2 a requirement may name a scheme by URI."""
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    security: Any = [{"#/components/securitySchemes/key": []}]
    members: Any = {"components": {"securitySchemes": schemes}, "security": security}
    assert faults(document(version="3.2.0", **members)) == ()
    assert len(faults(document(version="3.1.0", **members))) == 1


@pytest.mark.parametrize(
    ("own", "shared", "message"),
    [
        (["s"], ["q"], "'s' stands beside 'q'"),
        (["q"], ["s"], "'s' stands beside 'q'"),
        (["s"], ["t"], "'t' stands beside 's'"),
        (["s", "q"], [], "'s' stands beside 'q'"),
        (["s", "t"], [], "'s' stands beside 't'"),
        (["ref"], ["q"], "'s' stands beside 'q'"),
        (["s"], ["s"], ""),
        (["s"], [], ""),
        (["s", "h"], [], ""),
        (["q"], ["q"], ""),
    ],
)
def test_a_querystring_stands_alone(own: list[str], shared: list[str], message: str) -> None:
    """3.2: one querystring parameter and no query parameters, those of the path included."""
    whole = {"in": "querystring", "content": {"text/plain": {"schema": STRING}}}
    known = {
        "s": {"name": "s", **whole},
        "t": {"name": "t", **whole},
        "q": {"name": "q", "in": "query", "schema": STRING},
        "h": {"name": "h", "in": "header", "schema": STRING},
        "ref": {"$ref": "#/components/parameters/s"},
    }
    item = {
        "parameters": [known[name] for name in shared],
        "get": {"responses": OK, "parameters": [known[name] for name in own]},
    }
    made = document({"/x": item}, "3.2.0", components={"parameters": {"s": known["s"]}})
    found = [
        fault.message for fault in faults(made, strict=False) if "stands beside" in fault.message
    ]
    assert len(found) == bool(message)
    assert not message or message in found[0]


def test_ignored_headers_and_unknown_settings_are_warnings() -> None:
    """What has no effect is said, but is never a fault."""
    header = {"name": "accept", "in": "header", "schema": STRING}
    paths = path("/a", parameters=[header], **{"x-brrt-worker": 3, "x-brrt-timeout": 2, "x-b": 1})
    first, second = warnings(document(paths), strict=True)
    assert "ignored" in first.message
    assert "'x-brrt-worker'" in second.message
    assert "x-brrt-workers" in second.cure
    assert "brrt knows" in warnings(document(path("/a", **{"x-brrt-zzz": 1})))[0].cure


def test_every_setting_of_a_handler_is_known() -> None:
    """What an operation may say is what the limits of a handler are, and no warning."""
    for name in PER_HANDLER:
        paths = path("/a", **{"x-brrt-" + name.replace("_", "-"): 3})
        assert not warnings(document(paths))


@pytest.mark.parametrize(
    "source",
    [
        schema(required=["a", "a"]),
        schema(type="integer", default="x"),
        schema(pattern="^\\p{L}+$"),
        schema(allOf=[STRING], required=["x"]),
        schema("3.0.0", type="string", const="x"),
        schema("3.0.0", enum=["a", "a"]),
        schema("3.0.0", exclusiveMinimum=True),
        schema(minimum=1, exclusiveMinimum=True),
        schema(examples={"a": 1}),
        document(components={"schemas": {"A": {"$recursiveAnchor": True}}}),
        {"openapi": "3.1.0", "paths": {}},
        {"openapi": "3.1", "info": {"title": "x", "version": "1"}, "paths": {}},
        {"openapi": "3.0.0", "info": {"title": 5, "version": 1.0}, "paths": {}},
        document({"/a": {"get": {"responses": {"200": {}}}}}),
        document({"/a": {"get": {}}}, "3.0.0"),
        document({"/a": {"get": {"responses": {}}}}),
        document({"/a": {"get": {"responses": OK, "unknown": 1}}}),
        document({"/a": {"get": {"responses": OK, "summary": 5}}}),
        document({"/a": {"get": {"responses": OK, "tags": "x"}}}),
        document(tags=[{"name": "a"}, {"name": "a"}]),
        document(tags=[{}]),
        document(version="3.2.0", tags=[{"name": "a", "parent": "a"}]),
        document(externalDocs={}),
        document(unknown=1),
        document(components={"schemas": {"a b": {}}}),
        document(
            jsonSchemaDialect="https://example.com/dialect", components={"schemas": {"A": {}}}
        ),
    ],
)
def test_what_can_be_served_is_a_warning_when_not_strict(source: dict[str, Any]) -> None:
    """What breaks the specification but not the service is a warning with strict=False."""
    strict = faults(source)
    assert strict
    assert warnings(source) == strict


@pytest.mark.parametrize(
    "source",
    [
        document(path("/a/{x}")),
        document({"/a": {"get": 5}}),
        document({"/a": {"get": {"operationId": 5, "responses": OK}}}),
        document({"/a": {"get": {"parameters": [{"name": "q", "in": "qery", "schema": {}}]}}}),
        document({"/a": {"get": {"parameters": [{"in": "query", "schema": {}}]}}}),
        document({"/a": {"get": {"parameters": [{"name": "q", "in": "query"}]}}}),
        document({"/a": {"get": {"requestBody": {"$ref": "#/nowhere"}}}}),
        document({"/a": {"get": {"parameters": [{"$ref": "#/paths/~1a/get"}]}}}),
        document(
            {"/a": {"get": {"parameters": [{"$ref": "#/components/x-own/P"}]}}},
            components={"x-own": {"P": {"schema": {}}}},
        ),
        schema(properties={"examples": {"type": "strin"}}),
        schema(properties={"exclusiveMinimum": 5}),
        schema(exclusiveMinimum="x"),
        schema(type="strin"),
        schema(properties=[]),
        schema(pattern="("),
        schema(patternProperties={"(": {}}),
        schema("3.0.0", type=["string"]),
        {"openapi": "3.1.0", "paths": []},
    ],
)
def test_what_prevents_serving_is_always_a_fault(source: dict[str, Any]) -> None:
    """strict=False does not let pass what the app could not serve."""
    assert faults(source, strict=False)


def test_real_documents_with_repeated_required_entries_load_when_not_strict() -> None:
    """The case of published documents: an allOf with a repeated `required` entry is a warning."""
    member = {"required": ["a", "a"], "properties": {"a": STRING}}
    for version in ("3.0.0", "3.1.0"):
        source = schema(version, allOf=[member])
        assert [fault.message for fault in faults(source)] == [
            "an element stands here more than once"
        ]
        assert len(warnings(source)) == 1


def test_duplicate_keys_are_warnings_when_not_strict() -> None:
    """A repeated key in YAML is a fault that strict=False lets pass, with both lines."""
    text = 'openapi: 3.1.0\ninfo: {title: x, version: "1"}\npaths: {}\npaths: {}\n'
    with pytest.raises(SpecError, match="stood in line 3 before"):
        load(text)
    assert [fault.line for fault in load(text, strict=False).warnings] == [4]


def test_schemas_where_the_oracle_does_not_look() -> None:
    """In request bodies a bad default is a warning, a broken schema is a fault."""
    body = {"content": {"text/plain": {"schema": {"type": "integer", "default": "x"}}}}
    source = document(path("/a", requestBody=body))
    (warning,) = warnings(source, strict=True)
    assert warning.pointer.endswith("/schema/default")
    broken = copy.deepcopy(source)
    broken["paths"]["/a"]["get"]["requestBody"]["content"]["text/plain"]["schema"]["type"] = "x"
    assert faults(broken, strict=False)


@pytest.mark.parametrize(
    ("source", "pointer", "message", "cure"),
    [
        (
            document({"/a": {"get": {"respones": {}}}}),
            "/paths/~1a/get",
            "'respones' may not stand here",
            "perhaps 'responses'",
        ),
        (
            {"openapi": "3.1.0", "info": {"title": "x", "version": 1.5}, "paths": {}},
            "/info/version",
            "1.5 is not of type string",
            'put it in quotes: "1.5"',
        ),
        (
            document(version="3.0.0", components={"schemas": {"A": {"items": {"type": "strin"}}}}),
            "/components/schemas/A/items/type",
            '"strin" is not one of "array", "boolean", "integer", "number", "object", "string"',
            "perhaps 'string'",
        ),
        (
            document(version="3.0.0", components={"securitySchemes": {"a": {"type": "oauth"}}}),
            "/components/securitySchemes/a/type",
            '"oauth" is not one of "apiKey", "http", "oauth2", "openIdConnect"',
            "perhaps 'oauth2'",
        ),
        (
            document({"/a": {"get": {"parameters": [{"name": "q", "in": "query"}]}}}),
            "/paths/~1a/get/parameters/0",
            "one of 'schema', 'content' is missing",
            "add one of",
        ),
        (
            schema(properties={"a": None}),
            "/components/schemas/A/properties/a",
            "there is no value here; boolean or object is needed",
            "write the value",
        ),
        (
            schema(type="integer", default="x"),
            "/components/schemas/A/default",
            'the default does not match its schema: "x" is not of type integer',
            "mend the default",
        ),
        (
            schema(type="array", items=STRING, default=["a", 1]),
            "/components/schemas/A/default",
            "the default does not match its schema: 1 is not of type string (at /1)",
            "mend the default",
        ),
    ],
)
def test_messages(source: dict[str, Any], pointer: str, message: str, cure: str) -> None:
    """A fault says in one line what is wrong, at the innermost place, and what to do."""
    found = [fault for fault in faults(source) if fault.pointer == f"#{pointer}"]
    assert [fault.message for fault in found] == [message]
    assert cure in found[0].cure


def test_a_parameter_is_no_header() -> None:
    """A reference from a list of parameters to another kind of component is a fault, there."""
    parameters = [{"$ref": "#/components/headers/H"}]
    paths = {"/a": {"get": {"parameters": parameters, "responses": OK}}}
    (fault,) = faults(document(paths, components={"headers": {"H": {"schema": STRING}}}))
    assert fault.message == "'#/components/headers/H' leads to a header, not to a parameter"
    assert fault.pointer == "#/paths/~1a/get/parameters/0/$ref"


def test_one_mistake_is_told_once() -> None:
    """Structure, meta-schema and semantics do not repeat each other."""
    for version in ("3.0.0", "3.1.0", "3.2.0"):
        assert len(faults(schema(version, type="strin"))) == 1
        assert len(faults(schema(version, properties={"a": 5}))) == 1
        assert len(faults(schema(version, pattern="("))) == 1


def test_every_rule_has_a_weight() -> None:
    """The table of rules knows three weights, and each is used."""
    assert set(RULES.values()) == set(Weight)
