"""The document becomes operations: parameters merged, references followed, bases known."""

from pathlib import Path
from typing import Any

import pytest

from brrt.openapi.document import load
from brrt.openapi.operations import Operation, operations, snake_case
from brrt.openapi.shapes import MISSING

Page = Any
STRING = {"type": "string"}


def parameter(name: str, location: str = "query", **members: Any) -> dict[str, Any]:
    return {"name": name, "in": location, "schema": STRING, **members}


def test_parameters_of_path_and_operation_merge(page: Page) -> None:
    """An operation's parameter replaces the path's of that name and location, and no other."""
    shared = [parameter("a", schema={"type": "integer"}), parameter("b"), parameter("a", "header")]
    own = [parameter("a", required=True), parameter("c")]
    one = page.only(page.document({"parameters": shared, **page.get(parameters=own)}))
    assert [(each.location, each.name) for each in one.parameters] == [
        ("query", "a"),
        ("query", "b"),
        ("header", "a"),
        ("query", "c"),
    ]
    first = one.parameters[0]
    assert first.required
    assert first.schema is not None
    assert first.schema.value == STRING


def test_references_are_followed(page: Page) -> None:
    """Parameters, bodies, responses, headers and path items may all be references."""
    content = {"application/json": {"schema": STRING}}
    components = {
        "parameters": {"P": parameter("p"), "Q": {"$ref": "#/components/parameters/P"}},
        "requestBodies": {"B": {"required": True, "content": content}},
        "responses": {
            "R": {"description": "r", "headers": {"X-A": {"$ref": "#/components/headers/H"}}}
        },
        "headers": {"H": {"schema": STRING}},
        "pathItems": {
            "I": {
                "post": {
                    "operationId": "op",
                    "parameters": [{"$ref": "#/components/parameters/Q"}],
                    "requestBody": {"$ref": "#/components/requestBodies/B"},
                    "responses": {"200": {"$ref": "#/components/responses/R"}},
                }
            }
        },
    }
    made = page.document({"$ref": "#/components/pathItems/I"}, components=components)
    one = page.only(made)
    assert [each.name for each in one.parameters] == ["p"]
    assert one.body is not None
    assert one.body.required
    assert [each.name for each in one.body.content] == ["application/json"]
    assert one.responses["200"].headers["X-A"].value == {"schema": STRING}


def test_styles_have_their_defaults(page: Page) -> None:
    """Style and explode are explicit, whether the document says them or not."""
    given = [
        parameter("q"),
        parameter("h", "header"),
        parameter("c", "cookie"),
        parameter("p", "path", required=True),
        parameter("s", style="pipeDelimited"),
        parameter("e", explode=False),
    ]
    one = page.only(page.document(page.get(parameters=given), path="/x/{p}"))
    assert [(each.name, each.style, each.explode) for each in one.parameters] == [
        ("q", "form", True),
        ("h", "simple", False),
        ("c", "form", True),
        ("p", "simple", False),
        ("s", "pipeDelimited", False),
        ("e", "form", False),
    ]


def test_header_names_are_the_same_in_any_case(page: Page) -> None:
    """An operation's `x-id` takes the place of the path's `X-Id`."""
    shared, own = parameter("X-Id", "header"), parameter("x-id", "header", required=True)
    one = page.only(page.document({"parameters": [shared], **page.get(parameters=[own])}))
    assert [(each.name, each.required) for each in one.parameters] == [("x-id", True)]


def test_what_a_media_type_says_beside_its_schema(page: Page) -> None:
    """Encoding Objects and 3.2's `itemSchema` are kept as they stand."""
    described = {
        "schema": {"type": "array"},
        "itemSchema": STRING,
        "prefixEncoding": [{"contentType": "a/b"}],
        "itemEncoding": {"contentType": "c/d"},
    }
    form = {"schema": {"properties": {"a": STRING}}, "encoding": {"a": {"style": "form"}}}
    content = {"multipart/mixed": described, "application/x-www-form-urlencoded": form}
    made = page.document(page.get(requestBody={"content": content}), version="3.2.0")
    body = page.only(made).body
    assert body is not None
    mixed, urlencoded = body.content
    assert mixed.item_schema.value == STRING
    assert [one.value for one in mixed.prefix_encoding] == [{"contentType": "a/b"}]
    assert mixed.item_encoding.value == {"contentType": "c/d"}
    assert mixed.encoding == {}
    assert {name: one.value for name, one in urlencoded.encoding.items()} == form["encoding"]
    assert (urlencoded.item_schema, urlencoded.prefix_encoding) == (None, ())


def test_headers_described_elsewhere_are_ignored(page: Page) -> None:
    """Accept, Content-Type and Authorization are no parameters (3.1.1, section 4.8.12.2.1)."""
    given = [parameter(name, "header") for name in ("accept", "Content-Type", "AUTHORIZATION", "x")]
    one = page.only(page.document(page.get(parameters=given)))
    assert [each.name for each in one.parameters] == ["x"]


@pytest.mark.parametrize(
    ("version", "schema", "expected"),
    [
        ("3.1.0", {"type": "integer", "default": 5}, 5),
        ("3.1.0", {"default": None}, None),
        ("3.1.0", {"$ref": "#/components/schemas/Seven"}, 7),
        ("3.1.0", {"$ref": "#/components/schemas/Seven", "default": 5}, 5),
        ("3.0.3", {"$ref": "#/components/schemas/Seven", "default": 5}, 7),
        ("3.1.0", STRING, MISSING),
        ("3.1.0", True, MISSING),
    ],
)
def test_defaults(page: Page, version: str, schema: Any, expected: Any) -> None:
    """A default stands in the schema or behind its `$ref`; beside one it counts from 3.1 on."""
    made = page.document(
        page.get(parameters=[parameter("a", schema=schema)]),
        version=version,
        schemas={"Seven": {"type": "integer", "default": 7}},
    )
    assert page.only(made, strict=False).parameters[0].default is expected


def test_a_required_parameter_has_no_default(page: Page) -> None:
    """A default is for what may be left out."""
    given = [parameter("a", schema={"type": "string", "default": "x"}, required=True)]
    assert page.only(page.document(page.get(parameters=given))).parameters[0].default is MISSING


SERVERS = [
    ([], [""]),
    ([{"url": "/"}], [""]),
    ([{"url": "/v1"}], ["/v1"]),
    ([{"url": "/v1/"}], ["/v1"]),
    ([{"url": "v1"}], ["/v1"]),
    ([{"url": "../a/./b"}], ["/a/b"]),
    ([{"url": "https://a.example/v1"}, {"url": "//b.example/v2"}], ["/v1", "/v2"]),
    ([{"url": "https://a.example"}, {"url": "https://b.example/"}], [""]),
    ([{"url": "/v1?a=b#c"}], ["/v1"]),
    ([{"url": "http://[::1/v1"}], ["/v1"]),
]


@pytest.mark.parametrize(("servers", "expected"), SERVERS, ids=str)
def test_base_paths(page: Page, servers: Any, expected: list[str]) -> None:
    """Only the path of a server counts; several servers are several bases, each once."""
    made = page.document(page.get(), servers=servers)
    assert list(page.only(made, strict=False).bases) == expected


def test_server_variables_take_all_their_values(page: Page) -> None:
    """A variable stands for each value of its enum, or else for its default."""
    variables = {
        "host": {"default": "a.example"},
        "port": {"default": "443", "enum": ["443", "80"]},
        "stage": {"default": "live", "enum": ["live", "test"]},
        "version": {"default": "v1"},
    }
    server = {"url": "https://{host}:{port}/{stage}/{version}", "variables": variables}
    made = page.document(page.get(), servers=[server])
    assert sorted(page.only(made).bases) == ["/live/v1", "/test/v1"]


def test_a_whole_url_may_be_a_variable(page: Page) -> None:
    """Variables are filled in before the URL is read."""
    server = {"url": "{base}", "variables": {"base": {"default": "https://a.example/v3"}}}
    assert page.only(page.document(page.get(), servers=[server])).bases == ("/v3",)


def test_server_variables_are_bounded(page: Page) -> None:
    """A page of enums does not become a million bases."""
    values = {"default": "0", "enum": [str(one) for one in range(10)]}
    names = "abcdef"
    server = {
        "url": "/" + "/".join(f"{{{name}}}" for name in names),
        "variables": dict.fromkeys(names, values),
    }
    assert len(page.only(page.document(page.get(), servers=[server])).bases) <= 64


def test_the_nearest_servers_count(page: Page) -> None:
    """An operation's servers replace the path's, which replace the document's."""
    root, own, inner = [{"url": "/root"}], [{"url": "/item"}], [{"url": "/op"}]
    assert page.only(page.document(page.get(), servers=root)).bases == ("/root",)
    item = {"servers": own, **page.get()}
    assert page.only(page.document(item, servers=root)).bases == ("/item",)
    item = {"servers": own, **page.get(servers=inner)}
    assert page.only(page.document(item, servers=root)).bases == ("/op",)


def test_security_is_inherited_and_may_be_lifted(page: Page) -> None:
    """Nothing said is None, and an empty list means public."""
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}

    def security(document_says: Any, operation_says: Any) -> Any:
        members = {} if operation_says is None else {"security": operation_says}
        root = {} if document_says is None else {"security": document_says}
        components = {"securitySchemes": schemes}
        return page.only(page.document(page.get(**members), components=components, **root)).security

    assert security(None, None) is None
    assert security([{"key": []}], None) == ({"key": ()},)
    assert security([{"key": []}], []) == ()
    assert security([], [{"key": []}, {}]) == ({"key": ()}, {})


def test_methods_of_3_2(page: Page) -> None:
    """QUERY and additional operations are methods as others are; PURGE is not made safe."""
    operation = {"responses": {"200": {"description": "ok"}}}
    item = {"query": operation, "additionalOperations": {"PURGE": operation}}
    found = operations(load(page.document(item, version="3.2.0")))
    assert [(one.method, one.safe) for one in found] == [("QUERY", True), ("PURGE", False)]
    assert [one.name for one in found] == ["query_x", "purge_x"]


def test_ids_and_extensions(page: Page) -> None:
    """An operation without an id is named after method and path; `x-` members are kept."""
    item = {"get": {"responses": {"2XX": {"description": "r"}}, "x-brrt-workers": 3}}
    one: Operation = page.only(page.document(item, path="/pets/mine"))
    assert (one.id, one.name) == ("get /pets/mine", "get_pets_mine")
    assert one.extensions == {"x-brrt-workers": 3}
    assert one.responses["2XX"].status == "2XX"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("listPets", "list_pets"),
        ("list-pets", "list_pets"),
        ("X-Request-ID", "x_request_id"),
        ("HTTPServer2Name", "http_server2_name"),
        ("repos/list-for-org", "repos_list_for_org"),
        ("pet_id", "pet_id"),
        ("a.b[c]", "a_b_c"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    """Names of the document read as names of Python."""
    assert snake_case(name) == expected


def test_operations_of_other_files(tmp_path: Path) -> None:
    """A path item in another file brings references of its own, relative to that file."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "openapi.yaml").write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
        "paths:\n  /a: {$ref: 'parts/items.yaml#/all%20of/~1a'}\n"
    )
    (tmp_path / "parts" / "items.yaml").write_text(
        "all of:\n  /a:\n    get:\n      operationId: op\n"
        "      parameters: [{$ref: 'more.json#/p'}]\n"
        "      responses: {'200': {description: ok}}\n"
    )
    (tmp_path / "parts" / "more.json").write_text(
        '{"p": {"name": "p", "in": "query", "schema": {"type": "integer"}}}'
    )
    one = operations(load(tmp_path / "openapi.yaml"))[0]
    assert one.parameters[0].name == "p"
    assert one.parameters[0].node.uri.endswith("/parts/more.json")


def test_a_document_without_paths_has_no_operations(page: Page) -> None:
    """Webhooks alone are a document too."""
    hook = {"post": {"responses": {"200": {"description": "ok"}}}}
    made = page.document(webhooks={"h": hook})
    del made["paths"]
    assert operations(load(made)) == ()
