"""The app that is attacked: one operation for each way in, with handlers that give back what came.

The handlers are those of an honest author: names of files are looked up below a folder, values of
headers are made by what Starlette and brrt have for it. Two of them are careless on purpose, and
put what came into a header as it is.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any, Final

from starlette.responses import FileResponse, JSONResponse, Response

from brrt import App, Basic, Event, Handlers, Header, NotFound, Reply, Request, UploadFile

# What no answer may ever hold: it lies beside the folder that is served.
SECRET: Final = "the secret beside the folder"
FOLDER: Final = Path(mkdtemp(prefix="attacked-")).resolve() / "public"
FOLDER.mkdir()
(FOLDER / "page.txt").write_text("a page")
(FOLDER / "large.bin").write_bytes(bytes(range(250)) * 40)
(FOLDER.parent / "secret.txt").write_text(SECRET)

JSON: Final = "application/json"
TEXT: Final = {"type": "string"}
INTEGER: Final = {"type": "integer"}
TREE: Final = {"$ref": "#/components/schemas/Tree"}
PROBLEMS: Final = {str(status): {"description": "refused"} for status in (400, 401, 404, 413, 415)}


def parameter(name: str, place: str = "query", schema: Any = TEXT, **more: Any) -> dict[str, Any]:
    """A parameter; one of a path is required."""
    made = {"name": name, "in": place, **more}
    if "content" not in more:
        made["schema"] = schema
    return made | ({"required": True} if place == "path" else {})


def gives(name: str, media: str | None = JSON, status: int = 200, **more: Any) -> dict[str, Any]:
    """An operation that answers with one media type."""
    success: dict[str, Any] = {"description": "ok"}
    if media is not None:
        success["content"] = {media: {}}
    return {"operationId": name, "responses": {str(status): success, **PROBLEMS}, **more}


def takes(name: str, media: str, schema: Any = True, **more: Any) -> dict[str, Any]:
    """An operation that takes one media type and answers with JSON."""
    described = more or {"schema": schema}
    body = {"required": True, "content": {media: described}}
    return {"post": gives(name) | {"requestBody": body}}


def asks(name: str, *parameters: Any, **more: Any) -> dict[str, Any]:
    """A GET with parameters."""
    return {"get": gives(name, **more) | {"parameters": list(parameters)}}


def closed(name: str, scheme: str) -> dict[str, Any]:
    """A GET behind a scheme."""
    return {"get": gives(name) | {"security": [{scheme: []}]}}


FORM: Final = {
    "type": "object",
    "properties": {
        "title": TEXT,
        "count": INTEGER,
        "meta": {"type": "object"},
        "file": {"type": "string", "format": "binary"},
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
    },
}
TYPED: Final = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": {"type": "integer"},
    "properties": {
        "name": TEXT,
        "price": {"type": "number", "multipleOf": 0.01},
        "even": {"type": "number", "multipleOf": 2},
        "tags": {"type": "array", "uniqueItems": True},
        "kind": {"enum": ["cat", "dog", 1e300, None]},
        "child": TREE,
    },
}
SEARCH: Final = (
    parameter("q"),
    parameter("n", schema=INTEGER),
    parameter("x", schema={"type": "number", "multipleOf": 0.5}),
    parameter("flags", schema={"type": "array", "items": INTEGER}),
    parameter("filter", schema={"type": "object"}, style="deepObject"),
    parameter("j", content={JSON: {"schema": True}}),
    parameter("X-Note", "header"),
    parameter("session", "cookie"),
)
PATHS: Final[dict[str, Any]] = {
    "/files/{name}": asks(
        "readFile",
        parameter("name", "path", {"type": "string", "pattern": "^[a-z]+\\.[a-z]+$"}),
        media="*/*",
    ),
    "/open/{name}": asks("openFile", parameter("name", "path"), media="*/*"),
    "/pair/{a}/{b}": asks("pair", parameter("a", "path"), parameter("b", "path")),
    "/search": asks("search", *SEARCH),
    "/redirect": asks("redirect", parameter("to", required=True), media=None, status=303),
    "/attachment": asks("attachment", parameter("name", required=True), media="*/*"),
    "/cookie": asks("cookie", parameter("value", required=True)),
    "/careless": asks("careless", parameter("value", required=True)),
    "/careless-response": asks("carelessResponse", parameter("value", required=True)),
    "/fail/{x}": asks("fail", parameter("x", "path")),
    "/where": asks("where"),
    "/events": asks(
        "events", parameter("q"), parameter("Last-Event-ID", "header"), media="text/event-stream"
    ),
    "/json": takes("takeJson", JSON),
    "/typed": takes("takeTyped", JSON, TYPED),
    "/lines": takes("takeLines", "application/jsonl", {"type": "array"}),
    "/items": takes("takeItems", "application/jsonl", itemSchema={"type": "object"}),
    "/form": takes("takeForm", "application/x-www-form-urlencoded", {"type": "object"}),
    "/upload": takes("takeUpload", "multipart/form-data", FORM),
    "/text": takes("takeText", "text/plain", TEXT),
    "/octets": takes("takeOctets", "application/octet-stream"),
    "/bearer": closed("withBearer", "bearer"),
    "/basic": closed("withBasic", "basic"),
    "/key": closed("withKey", "key"),
}
SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "key": {"type": "apiKey", "in": "query", "name": "key"},
}
DOCUMENT: Final[dict[str, Any]] = {
    "openapi": "3.2.0",
    "info": {"title": "Target", "version": "1"},
    "paths": PATHS,
    "components": {
        "schemas": {
            "Tree": {
                "type": "object",
                "properties": {"child": TREE, "kids": {"type": "array", "items": TREE}},
            }
        },
        "securitySchemes": SCHEMES,
    },
}

handlers = Handlers()


@handlers
async def read_file(name: str) -> FileResponse:
    """What the document's `pattern` lets through is a name and nothing else."""
    return _file(FOLDER / name)


@handlers
async def open_file(name: str) -> FileResponse:
    """Anything may come here."""
    if "\0" in name:
        raise NotFound
    return _file(FOLDER / name)


def _file(path: Path) -> FileResponse:
    """Any file below the folder; `os.path` says no to names that are too long for one."""
    is_inside = os.path.realpath(path).startswith(f"{FOLDER}{os.sep}")  # of links as well
    if not is_inside or not os.path.isfile(path):  # noqa: PTH113
        raise NotFound
    return FileResponse(path)


@handlers
async def pair(a: str, b: str) -> list[str]:
    return [a, b]


@handlers
async def search(request: Request) -> Any:
    return dict(request.parameters)


@handlers
async def redirect(to: str) -> Reply[None]:
    return Reply(status=303, location=to)


@handlers
async def attachment(name: str) -> FileResponse:
    return FileResponse(FOLDER / "page.txt", filename=name)


@handlers
async def cookie(value: str) -> JSONResponse:
    """Starlette quotes what a cookie cannot hold, but for what Latin-1 has no bytes for."""
    response = JSONResponse({})
    response.set_cookie("value", value.encode("latin-1", "replace").decode("latin-1"))
    return response


@handlers
async def careless(value: str) -> Reply[Any]:
    return Reply({}, headers={"X-Value": value})


@handlers
async def careless_response(value: str) -> Response:
    return Response("{}", media_type=JSON, headers={"X-Value": value})


@handlers
async def fail(x: str) -> None:
    raise RuntimeError("a secret of the server")


@handlers
async def where(request: Request) -> Any:
    client = request.client
    return {"client": client.host if client else None, "scheme": request.url.scheme}


@handlers
async def events(
    q: str = "", last_event_id: Annotated[str, Header("Last-Event-ID")] = ""
) -> AsyncIterator[Event]:
    yield Event({"after": last_event_id})
    yield Event(q)


@handlers
async def take_json(body: Any) -> Any:
    return body


@handlers
async def take_typed(body: dict[str, Any]) -> Any:
    return body


@handlers
async def take_lines(body: list[Any]) -> int:
    return len(body)


@handlers
async def take_items(body: AsyncIterator[dict[str, Any]]) -> int:
    return len([None async for _ in body])


@handlers
async def take_form(body: dict[str, Any]) -> Any:
    return {name: repr(value)[:100] for name, value in body.items()}


@handlers
async def take_upload(body: dict[str, Any]) -> Any:
    """Tell the names of files, and what the other members are."""

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(one) for one in value]
        return {"filename": value.filename} if isinstance(value, UploadFile) else value

    return {name: told(value) for name, value in body.items()}


@handlers
async def take_text(body: str) -> int:
    return len(body)


@handlers
async def take_octets(body: AsyncIterator[bytes]) -> int:
    return sum([len(piece) async for piece in body])


@handlers
async def with_bearer() -> str:
    return SECRET


@handlers
async def with_basic() -> str:
    return SECRET


@handlers
async def with_key() -> str:
    return SECRET


async def knows_token(token: str, scopes: tuple[str, ...], request: Request) -> bool:
    return token == "t0ken"


async def knows_basic(shown: Basic, scopes: tuple[str, ...], request: Request) -> bool:
    return (shown.username, shown.password) == ("ada", "t0ken")


def build(**options: Any) -> App:
    """The app."""
    providers: dict[str, Any] = {"bearer": knows_token, "basic": knows_basic, "key": knows_token}
    return App(DOCUMENT, handlers, security=providers, **options)
