"""What is served in the storms: an app whose every answer tells which world it came from.

    brrt run benchmarks.storms.service:app

A world is a document and its handlers. The number of the world stands three times: in the
document as the default of a parameter and as the only value that an answer may have, and, where
handlers are bound to it, in these. A request that saw parts of two worlds is answered 500.
`$STORM_DOCUMENT` names a file to serve; without it the document is a mapping, that of world 0.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.storms.door import Door
from brrt import App, Handlers, UploadFile

# Seconds that the two endless handlers may take, the tasks that each may keep, and the jobs that
# may wait for it: few, so that they are all taken at once.
ENDLESS: Final = {"x-brrt-timeout": 0.25, "x-brrt-workers": 4, "x-brrt-queue-size": 8}
SECONDS: Final = {"type": "number", "default": 0, "maximum": 60}


def document(world: int) -> dict[str, Any]:
    """The document of a world. What its operations refer to is at its end."""
    upload = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Storms", "version": str(world)},
        "paths": {
            "/words/{number}": {"get": _operation("getWord", _path("number"))},
            "/words": {"post": _operation("addWord", body=("application/json", _ref("Word")))},
            "/waits": {"get": _operation("waitAWhile", _query("seconds", SECONDS))},
            "/files": {"post": _operation("addFile", body=("multipart/form-data", upload))},
            "/never": {"get": _operation("neverEnd") | ENDLESS},
            "/stubborn": {"get": _operation("neverObey") | ENDLESS},
        },
        "components": {
            "parameters": {"World": _query("world", {"type": "integer", "default": world})},
            "schemas": {
                "Word": {
                    "type": "object",
                    "required": ["text"],
                    "properties": {"text": {"type": "string", "maxLength": 100_000}},
                },
                "Answer": {
                    "type": "object",
                    "required": ["world", "of"],
                    "properties": {"of": {"type": "integer"}, "world": {"const": world}},
                },
            },
        },
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "integer"}}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


def _operation(
    name: str, *parameters: dict[str, Any], body: tuple[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    answer = {"description": "ok", "content": {"application/json": {"schema": _ref("Answer")}}}
    made: dict[str, Any] = {
        "operationId": name,
        "parameters": [*parameters, {"$ref": "#/components/parameters/World"}],
        "responses": {"200": answer},
    }
    if body is not None:
        media_type, schema = body
        content = {media_type: {"schema": schema}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def functions(bound: int | None = None) -> dict[str, Callable[..., Any]]:
    """New handlers by operation. Those that are `bound` refuse to answer for another world."""

    def answer(world: int, of: int) -> dict[str, int]:
        if bound not in (None, world):
            raise RuntimeError(f"a handler of world {bound} was asked by world {world}")
        return {"world": world, "of": of}

    async def get_word(number: int, world: int) -> dict[str, int]:
        return answer(world, number)

    async def add_word(body: dict[str, Any], world: int) -> dict[str, int]:
        return answer(world, len(body["text"]))

    async def wait_a_while(seconds: float, world: int) -> dict[str, int]:
        await asyncio.sleep(seconds)
        return answer(world, round(1000 * seconds))

    async def add_file(file: UploadFile, world: int) -> dict[str, int]:
        return answer(world, len(await file.read()))

    made = (get_word, add_word, wait_a_while, add_file, never_end, never_obey)
    return {function.__name__: function for function in made}


async def never_end(world: int) -> None:
    """Wait for what does not come."""
    await asyncio.get_running_loop().create_future()


async def never_obey(world: int) -> None:
    """Wait for it, whoever says what."""
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()


def collected(made: dict[str, Callable[..., Any]]) -> Handlers:
    """Functions as handlers."""
    handlers = Handlers()
    for name, function in made.items():
        handlers(name)(function)
    return handlers


async def reload(app: App, count: int) -> None:
    """The next world, document and handlers."""
    await app.reload(document(count), collected(functions(count)))


async def replace(app: App, count: int) -> None:
    """Every handler replaced by another that does the same, one after the other."""
    for name, function in functions().items():
        await app.replace(name, function)


def make() -> Door:
    """The app behind the door through which its storms come."""
    changes = {"reload": reload, "replace": replace}
    if file := os.environ.get("STORM_DOCUMENT"):
        return Door(App(Path(file), collected(functions())), changes)
    return Door(App(document(0), collected(functions(0))), changes)


app = make()
