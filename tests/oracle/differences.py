"""Where brrt and openapi-core 0.23.1 differ, and the sentence that decides for brrt.

A difference is met only by cases to which its `applies` holds, a predicate as narrow as the
fault of openapi-core that it names. Each has an example, which a test sends to both: so the
list shrinks when openapi-core mends one. Sentences without a source are from OpenAPI 3.1.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.oracle.cases import NAME, Case, Part
from tests.oracle.facts import Facts
from tests.oracle.judges import Accepted, Verdict
from tests.oracle.primitives import Schema
from tests.oracle.wires import Sent

REFUSED, CRASHED, MISSING = "refused", "crashed", "missing"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference: what openapi-core does, what is written, and an example.

    `mine` and `theirs` are what a handler gets in the example, or one of the words above.
    """

    name: str
    does: str
    sentence: str
    applies: Callable[[Facts], bool]
    example: Case
    mine: Any
    theirs: Any


def outcome(case: Case, verdict: Verdict) -> Any:
    """A verdict as it stands in an example: the value of the part, or a word."""
    if isinstance(verdict, Accepted):
        return verdict.values.get("body" if case.part.location == "body" else NAME, MISSING)
    return type(verdict).__name__.lower()


def parameter(
    schema: Schema, sent: Sent, location: str = "query", version: str = "3.1.1", **more: Any
) -> Case:
    """A case of one parameter."""
    ordinary = "form" if location in ("query", "cookie") else "simple"
    style = more.get("style", ordinary)
    explode = more.get("explode", style == "form")
    one = {"name": NAME, "in": location, "schema": schema, "required": True, **more}
    path = f"/x/{{{NAME}}}" if location == "path" else "/x"
    item = {"get": {"operationId": "op", "parameters": [one], "responses": _RESPONSES}}
    part = Part(
        version, _document(version, path, item), schema, None, location, style, explode, True
    )
    return Case(part, sent)


def body(
    schema: Schema,
    data: bytes,
    media_type: str = "application/json",
    version: str = "3.1.1",
    components: dict[str, Schema] | None = None,
    parameters: str = "",
) -> Case:
    """A case of one body."""
    content = {media_type: {"schema": schema}}
    operation = {"operationId": "op", "responses": _RESPONSES}
    item = {"post": {**operation, "requestBody": {"required": True, "content": content}}}
    made = _document(version, "/x", item) | {"components": {"schemas": components or {}}}
    part = Part(version, made, schema, None, "body", required=True, media_type=media_type)
    headers = (("content-type", media_type + parameters),)
    return Case(part, Sent("/x", headers=headers, body=data, method="POST"))


_RESPONSES = {"200": {"description": "ok"}}


def _document(version: str, path: str, item: dict[str, Any]) -> dict[str, Any]:
    info = {"title": "Oracle", "version": "1"}
    return {"openapi": version, "info": info, "paths": {path: item}}
