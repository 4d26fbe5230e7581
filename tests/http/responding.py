"""What the tests of responses share: operations in few words, and what they answer."""

from typing import Any

from brrt.http.answers import Answer
from brrt.http.declared import response_schemas
from brrt.http.responses import Mode, Responder
from brrt.openapi.document import load
from brrt.openapi.operations import operations
from brrt.openapi.schemas import Direction, Schemas

JSON = "application/json"
ANY: dict[str, Any] = {"description": "any", "content": {JSON: {}}}
EMPTY = {"description": "empty"}


def having(schema: Any, *media_types: str) -> dict[str, Any]:
    """A response whose content has this schema."""
    names = media_types or (JSON,)
    return {"description": "some", "content": {name: {"schema": schema} for name in names}}


def responder(mode: Mode = "strict", version: str = "3.1.0", **responses: Any) -> Responder:
    """What answers for an operation with these responses: `s200={...}`."""
    found = {status.removeprefix("s"): one for status, one in responses.items()}
    declared = {"responses": found} if found else {}  # 3.1 may leave them out
    item = {"get": {"operationId": "op"} | declared}
    info = {"title": "t", "version": "1"}
    document = load({"openapi": version, "info": info, "paths": {"/x": item}})
    (operation,) = operations(document)
    schemas = Schemas(document)
    for schema in response_schemas(operation):
        schemas.add(schema, Direction.RESPONSE)
    return Responder(operation, schemas, mode)


def answer(
    value: Any, mode: Mode = "strict", accept: str | None = None, **responses: Any
) -> Answer:
    """What is answered with a handler's value, to a client that accepts this."""
    made = responder(mode, **responses)
    wanted = made.negotiate(accept.encode() if accept is not None else None)
    found = made.respond(value, wanted)
    assert isinstance(found, Answer)
    return found


def header(found: Answer, name: str) -> str | None:
    """The one value of a header, if it is there."""
    values = [value.decode("latin-1") for key, value in found.headers if key == name.encode()]
    assert len(values) <= 1
    return values[0] if values else None
