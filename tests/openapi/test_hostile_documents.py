"""Documents that a careless author wrote: they serve, or a `SpecError` says why not."""

from copy import deepcopy
from typing import Any

import pytest

from brrt import App, Handlers, Request, SpecError

FORM = {"type": "object", "properties": {"t": {"type": "array", "items": {"type": "integer"}}}}
RESPONSES = {
    "200": {
        "description": "ok",
        "headers": {"X-A": {"schema": {"type": "integer"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}},
    }
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Careless", "version": "1"},
    "paths": {
        "/x": {
            "post": {
                "operationId": "op",
                "parameters": [{"name": "q", "in": "query", "schema": {"type": "integer"}}],
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": FORM,
                            "encoding": {"t": {"headers": {"X-B": {"schema": {}}}}},
                        }
                    }
                },
                "responses": RESPONSES,
            }
        }
    },
    "components": {
        "schemas": {
            "Tree": {
                "type": "object",
                "properties": {"kids": {"items": {"$ref": "#/components/schemas/Tree"}}},
            }
        },
        "securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "key"}},
    },
}
ENCODING = "paths /x post requestBody content multipart/form-data encoding t"
PROPERTY = "paths /x post requestBody content multipart/form-data schema properties t"

# Where something is put, and what.
CARELESS: list[tuple[str, Any]] = [
    ("paths /x query", "no operation"),
    (f"{ENCODING} itemEncoding", "#n"),
    (f"{ENCODING} headers deprecated", "no header"),
    (f"{ENCODING} headers X-B", True),
    (f"{ENCODING} contentType", ["image/png"]),
    ("paths /x post responses 200 headers examples", "no header"),
    ("components securitySchemes key", {"$ref": "#/components/schemas/Tree"}),
    ("components securitySchemes key", "no scheme"),
    ("components securitySchemes $ref", "#/components/schemas/Tree"),
    ("components securitySchemes key", {"type": "apiKey", "in": "query"}),
]
# Dynamic references that lead nowhere, where they are met before the engine sees them.
NOWHERE: list[tuple[str, Any]] = [
    (f"{PROPERTY} $dynamicRef", "nowhere"),
    (f"{PROPERTY} items $dynamicRef", "#nowhere"),
    (PROPERTY, {"type": "string", "format": "binary", "$dynamicRef": "nowhere"}),
    ("components schemas Tree $dynamicRef", "#/components/schemas/Nobody"),
]


async def op(request: Request) -> dict[str, Any]:
    return {}


def build(place: str, value: Any, version: str, strict: bool) -> App:
    """The app of the document with a value put at a place."""
    document = deepcopy(DOCUMENT)
    document["openapi"] = version
    *steps, last = place.split(" ")
    here = document
    for step in steps:
        here = here[step]
    here[last] = value
    handlers = Handlers()
    handlers(op)
    return App(document, handlers, strict=strict, missing="501")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
@pytest.mark.parametrize(("place", "value"), CARELESS, ids=str)
def test_what_nobody_should_write(place: str, value: Any, version: str, strict: bool) -> None:
    """What is none of what should stand there is a fault, or is passed over."""
    try:
        app = build(place, value, version, strict)
    except SpecError:
        return
    assert app.endpoints


@pytest.mark.parametrize("version", ["3.1.0", "3.2.0"])
@pytest.mark.parametrize(("place", "value"), NOWHERE, ids=str)
def test_dynamic_references_that_lead_nowhere(place: str, value: Any, version: str) -> None:
    """They are a fault of the schema in which they stand."""
    with pytest.raises(SpecError, match=r"mend|there is|not part of|not read from a file"):
        build(place, value, version, strict=True)


async def test_a_query_string_of_no_type_is_text(client: Any) -> None:
    """Where a document may break the rules, such a parameter is served as far as it goes."""
    document = deepcopy(DOCUMENT) | {"openapi": "3.2.0"}
    operation = document["paths"]["/x"]["post"]
    operation["parameters"] = [{"name": "whole", "in": "querystring", "content": {}}]
    handlers = Handlers()

    @handlers("op")
    async def told(whole: Any = None) -> Any:
        return {"whole": whole}

    with pytest.raises(SpecError):
        App(document, handlers)
    http = await client(App(document, handlers, strict=False))
    assert (await http.post("/x?a=%20b")).json() == {"whole": "a= b"}
    assert (await http.post("/x")).json() == {"whole": None}


def test_the_document_itself_is_good() -> None:
    """What the cases spoil is what they say."""
    assert build("x-nothing", 1, "3.1.0", strict=True).endpoints
