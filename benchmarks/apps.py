"""The apps under measurement: bare ASGI, and brrt with everything on, giving equal answers."""

from typing import Any
from urllib.parse import parse_qs

import msgspec

from brrt import App, Handlers

STRING = {"type": "string", "minLength": 1, "maxLength": 60}
PET = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer"},
        "name": STRING,
        "age": {"type": "integer", "minimum": 0, "maximum": 100},
        "tags": {"type": "array", "items": STRING, "maxItems": 10},
        "owner": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": STRING, "email": {"type": "string", "maxLength": 100}},
        },
    },
}


def _answer(status: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {status: {"description": "ok", "content": {"application/json": {"schema": schema}}}}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Benchmark", "version": "1"},
    "paths": {
        "/pets/{id}": {
            "get": {
                "operationId": "getPet",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
                ],
                "responses": _answer("200", {"$ref": "#/components/schemas/Pet"}),
            }
        },
        "/pets": {
            "get": {
                "operationId": "listPets",
                "parameters": [
                    _query("limit", {"type": "integer", "minimum": 1, "maximum": 100}),
                    _query("offset", {"type": "integer", "minimum": 0}),
                    _query("tag", {"type": "string", "maxLength": 20}),
                    _query("sort", {"type": "string", "enum": ["name", "age"]}),
                    _query("desc", {"type": "boolean"}),
                ],
                "responses": _answer("200", {"type": "object"}),
            },
            "post": {
                "operationId": "addPet",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}
                    },
                },
                "responses": _answer("201", {"$ref": "#/components/schemas/Pet"}),
            },
        },
    },
    "components": {"schemas": {"Pet": PET}},
}

handlers = Handlers()


@handlers
async def get_pet(id: int) -> dict[str, Any]:
    """A pet by its id."""
    return {"id": id, "name": "Rex"}


@handlers
async def list_pets(
    limit: int | None = None,
    offset: int | None = None,
    tag: str | None = None,
    sort: str | None = None,
    desc: bool | None = None,
) -> dict[str, Any]:
    """The query, given back."""
    return {"limit": limit, "offset": offset, "tag": tag, "sort": sort, "desc": desc}


@handlers
async def add_pet(body: dict[str, Any]) -> dict[str, Any]:
    """The pet, given back with an id."""
    return {"id": 1, **body}


brrt = App(DOCUMENT, handlers)


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The same answers by hand, with nothing checked."""
    if scope["type"] != "http":
        await _lifespan(receive, send)
        return
    path, status = scope["path"], 200
    value: dict[str, Any]
    if path != "/pets":
        value = {"id": int(path.rpartition("/")[2]), "name": "Rex"}
    elif scope["method"] == "POST":
        message = await receive()
        value, status = {"id": 1, **msgspec.json.decode(message["body"])}, 201
    else:
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        value = {
            "limit": int(query["limit"]),
            "offset": int(query["offset"]),
            "tag": query["tag"],
            "sort": query["sort"],
            "desc": query["desc"] == "true",
        }
    body = msgspec.json.encode(value)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
