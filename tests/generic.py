"""An app around any document, whose handlers give the examples that the document has.

`DOCUMENT=tests/specs/library.yaml uvicorn --factory tests.generic:build`
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import yaml

from brrt import App, Basic, Handlers, Reply, Request

Document = Mapping[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


def build() -> App:
    """The app for the document that $DOCUMENT names."""
    path = os.environ["DOCUMENT"]
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        document: Document = yaml.safe_load(file)
    handlers = Handlers()
    for item in document["paths"].values():
        operations = [item[name] for name in METHODS if name in item]
        for operation in [*operations, *item.get("additionalOperations", {}).values()]:
            handlers(operation["operationId"])(_handler(operation["responses"]))
    schemes = document.get("components", {}).get("securitySchemes", {})
    return App(path, handlers, security=dict.fromkeys(schemes, _knows))


async def _knows(shown: Any, scopes: tuple[str, ...], request: Request) -> bool:
    """Whoever shows the one token of all schemes is let in."""
    return (shown.password if isinstance(shown, Basic) else shown) == "t0ken"


def _handler(responses: Document) -> Callable[[Request], Awaitable[Any]]:
    """A handler that gives the example of the first success, whatever it is asked."""
    status = min(one for one in responses if one.startswith("2"))
    response = responses[status]
    headers = {name: str(one["example"]) for name, one in response.get("headers", {}).items()}
    contents: Document = response.get("content", {})
    media_type = next(iter(contents), None)
    value = contents[media_type].get("example") if media_type else None

    async def handler(request: Request) -> Reply[Any]:
        return Reply(value, int(status), headers, media_type)

    return handler
