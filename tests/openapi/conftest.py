"""What tests of the contract share: a document around one operation, and what stands in it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from brrt.openapi.document import Document, load
from brrt.openapi.operations import Operation, operations
from brrt.openapi.schemas import Direction, Schemas, Validator

Schema = Any


def document(
    item: Mapping[str, Any] | None = None,
    *,
    path: str = "/x",
    version: str = "3.1.0",
    schemas: Mapping[str, Schema] | None = None,
    **root: Any,
) -> dict[str, Any]:
    """A document of one path item."""
    made = {"openapi": version, "info": {"title": "Tests", "version": "1"}, "paths": {}, **root}
    if item is not None:
        made["paths"] = {path: dict(item)}
    if schemas is not None:
        made["components"] = {"schemas": dict(schemas)}
    return made


def get(**members: Any) -> dict[str, Any]:
    """A path item with a GET named `op`."""
    return {"get": {"operationId": "op", "responses": {"200": {"description": "ok"}}, **members}}


def only(made: Mapping[str, Any] | Document, *, strict: bool = True) -> Operation:
    """The first operation of a document."""
    loaded = made if isinstance(made, Document) else load(made, strict=strict)
    return operations(loaded)[0]


def validator(
    schema: Schema,
    direction: Direction = Direction.REQUEST,
    *,
    version: str = "3.1.0",
    **schemas: Schema,
) -> Validator:
    """The validator of a schema that stands in a document of this version."""
    made = document(version=version, schemas={"Tested": schema, **schemas})
    loaded = load(made, strict=False)
    place = loaded.root["components"]["schemas"]["Tested"]
    compiled = Schemas(loaded)
    compiled.add(place, direction)
    return compiled.validator(place, direction)


class Page:
    """The words of these tests."""

    document = staticmethod(document)
    get = staticmethod(get)
    only = staticmethod(only)
    validator: Callable[..., Validator] = staticmethod(validator)


@pytest.fixture
def page() -> type[Page]:
    """Documents and their parts in few words."""
    return Page
