"""The document as frozen values: operations, parameters, bodies, responses.

`$ref`s are followed here and path-level parameters merged here, once; nobody after this file
sees a Reference Object, but for those inside schemas, which the schema engine follows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from brrt.openapi.document import Document, Node
from brrt.openapi.json_values import is_mapping, mapping
from brrt.openapi.servers import base_paths
from brrt.openapi.shapes import MISSING

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})

# OpenAPI 3.1.1, section 4.8.12.2: the default style of each location.
DEFAULT_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
EVENT_STREAM = "text/event-stream"
# What says that an operation answers with events where its media types do not.
EVENTS = "x-sse"
# What a client that comes back sends, whether or not the document says so (HTML, section 9.2.4).
LAST_EVENT_ID = "Last-Event-ID"

# Section 4.8.12.2.1: header parameters of these names are described elsewhere and ignored.
IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})


@dataclass(frozen=True, slots=True)
class MediaType:
    """One entry of a `content` map: the media type or range, and its schema if it has one.

    `item_schema` is that of each item of a sequence (`itemSchema`, 3.2). The Encoding Objects
    are kept as they stand: `encoding` by property, the others by position (3.2).
    """

    name: str
    schema: Node | None
    node: Node
    encoding: Mapping[str, Node] = field(default_factory=dict[str, Node])
    item_schema: Node | None = None
    prefix_encoding: tuple[Node, ...] = ()
    item_encoding: Node | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation, with its style and explode made explicit.

    `content` is set, instead of `schema`, for a parameter that is serialised by media type.
    """

    name: str
    location: str
    required: bool
    style: str
    explode: bool
    schema: Node | None
    content: MediaType | None
    node: Node
    allow_reserved: bool = False
    allow_empty: bool = False

    @property
    def value_schema(self) -> Node | None:
        """The schema of the decoded value, whichever way it is serialised."""
        return self.content.schema if self.content else self.schema

    @property
    def default(self) -> Any:
        """What it means that an optional parameter is not there, or MISSING."""
        return MISSING if self.required else _default(self.value_schema)


@dataclass(frozen=True, slots=True)
class Body:
    """A request body: whether there must be one, and what it may be."""

    required: bool
    content: tuple[MediaType, ...]
    node: Node


@dataclass(frozen=True, slots=True)
class Response:
    """What the document says of one status: `200`, a range such as `4XX`, or `default`."""

    status: str
    content: tuple[MediaType, ...]
    headers: Mapping[str, Node]
    node: Node


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    `name` is the operation's id in snake_case, the word by which handlers bind to it; `id` is
    the document's own, or a made-up one (`get_pets_id`) where it has none. `bases` are the base
    paths of its servers. `security` is None where neither the operation nor the document says
    anything, and an empty tuple where it says "public". `item` is its Path Item Object.
    """

    id: str
    name: str
    method: str
    path: str
    bases: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: Mapping[str, Response]
    security: tuple[Mapping[str, tuple[str, ...]], ...] | None
    extensions: Mapping[str, Any]
    node: Node = field(repr=False)
    item: Node = field(repr=False)

    @property
    def safe(self) -> bool:
        """Whether the method is safe (RFC 9110, section 9.2.1)."""
        return self.method in SAFE_METHODS


def is_events(name: str) -> bool:
    """Whether a media type is a stream of server-sent events (HTML, section 9.2)."""
    return name.partition(";")[0].strip().lower() == EVENT_STREAM


def _default(schema: Node | None) -> Any:
    """The `default` of a schema. Beside a `$ref` it counts from 3.1 on."""
    if schema is None:
        return MISSING
    if schema.document.version >= (3, 1) and "default" in schema:
        return schema.value["default"]
    return mapping(schema.follow().value).get("default", MISSING)


def operations(document: Document) -> tuple[Operation, ...]:
    """All operations of a document, in its order."""
    root = document.root
    paths = root.get("paths")
    if paths is None:
        return ()
    return tuple(
        operation
        for path, item in paths.items()
        if path.startswith("/")
        for operation in item_operations(root, path, item.follow())
    )


def snake_case(name: str) -> str:
    """`listPets`, `list-pets`, `X-Request-ID` as `list_pets`, `list_pets`, `x_request_id`."""
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"[^0-9a-zA-Z]+", "_", name).strip("_").lower()


def item_operations(root: Node, path: str, item: Node) -> Iterator[Operation]:
    """The operations of a Path Item Object, wherever it stands; `path` is what leads to it."""
    shared = tuple(_parameters(item))
    for method, node in _methods(item):
        yield _operation(root, path, item, method, node, shared)


def _methods(item: Node) -> Iterator[tuple[str, Node]]:
    """The methods of a path item, those of 3.2's `additionalOperations` included."""
    for method in METHODS:
        node = item.get(method)
        if node is not None and is_mapping(node.value):
            yield method.upper(), node
    additional = item.get("additionalOperations")
    if additional is not None:
        yield from additional.items()


def _operation(
    root: Node, path: str, item: Node, method: str, node: Node, shared: tuple[Parameter, ...]
) -> Operation:
    declared = node.get("operationId")
    identity = str(declared.value) if declared is not None else f"{method.lower()} {path}"
    responses = _responses(node.get("responses"))
    if node.value.get(EVENTS) is True:
        responses = _with_events(responses, node)
    parameters = _merge(shared, tuple(_parameters(node)))
    return Operation(
        id=identity,
        name=snake_case(identity),
        method=method,
        path=path,
        bases=base_paths(node.get("servers") or item.get("servers") or root.get("servers")),
        parameters=_with_last_event(parameters, responses, node),
        body=_body(node.get("requestBody")),
        responses=responses,
        security=_security(node.get("security") or root.get("security")),
        extensions={key: value for key, value in node.value.items() if key.startswith("x-")},
        node=node,
        item=item,
    )


def _with_events(responses: dict[str, Response], node: Node) -> dict[str, Response]:
    """The responses of an operation whose success is a stream of events, whatever they say.

    What they say of JSON is then of the data of each event.
    """
    successes = [status for status in responses if status.startswith("2")]
    status = min(successes, default="200")
    own = responses.get(status, Response(status, (), {}, node))
    if any(is_events(one.name) for one in own.content):
        return responses
    schema = own.content[0].schema if own.content else None
    events = MediaType(EVENT_STREAM, schema, own.node)
    return responses | {status: replace(own, content=(*own.content, events))}


def _with_last_event(
    parameters: tuple[Parameter, ...], responses: Mapping[str, Response], node: Node
) -> tuple[Parameter, ...]:
    """The parameters, and the header by which clients of events say where they were."""
    gives_events = any(is_events(one.name) for each in responses.values() for one in each.content)
    known = {_identity(one) for one in parameters}
    if not gives_events or ("header", LAST_EVENT_ID.lower()) in known:
        return parameters
    return (
        *parameters,
        Parameter(LAST_EVENT_ID, "header", False, "simple", False, None, None, node),
    )


def _merge(shared: tuple[Parameter, ...], own: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """An operation's parameter takes the place of the path's of that name and location."""
    merged = {_identity(one): one for one in (*shared, *own)}
    return tuple(merged.values())


def _identity(one: Parameter) -> tuple[str, str]:
    """Location and name; names of headers are the same in any case (RFC 9110, section 5.1)."""
    return one.location, one.name.lower() if one.location == "header" else one.name


def _parameters(owner: Node) -> Iterator[Parameter]:
    declared = owner.get("parameters")
    for node in declared.elements() if declared is not None else ():
        node = node.follow()
        location, name = node.value["in"], node.value["name"]
        if location == "header" and name.lower() in IGNORED_HEADERS:
            continue
        yield _parameter(node, location, name)


def _parameter(node: Node, location: str, name: str) -> Parameter:
    value = node.value
    style = value.get("style", DEFAULT_STYLES.get(location, "form"))
    content = _content(node.get("content"))
    return Parameter(
        name=name,
        location=location,
        required=value.get("required", False) is True,
        style=style,
        explode=value.get("explode", style in ("form", "cookie")),
        schema=node.get("schema"),
        content=content[0] if content else None,
        node=node,
        allow_reserved=value.get("allowReserved", False) is True,
        allow_empty=value.get("allowEmptyValue", False) is True,
    )


def _body(node: Node | None) -> Body | None:
    if node is None:
        return None
    node = node.follow()
    return Body(
        required=node.value.get("required", False) is True,
        content=_content(node.get("content")),
        node=node,
    )


def _content(node: Node | None) -> tuple[MediaType, ...]:
    if node is None:
        return ()
    return tuple(_media_type(name, entry.follow()) for name, entry in node.items())


def _media_type(name: str, node: Node) -> MediaType:
    encoding, prefix = node.get("encoding"), node.get("prefixEncoding")
    return MediaType(
        name=name,
        schema=node.get("schema"),
        node=node,
        encoding=dict(encoding.items()) if encoding is not None else {},
        item_schema=node.get("itemSchema"),
        prefix_encoding=tuple(prefix.elements()) if prefix is not None else (),
        item_encoding=node.get("itemEncoding"),
    )


def _responses(node: Node | None) -> dict[str, Response]:
    if node is None:
        return {}
    followed = (
        (status, entry.follow()) for status, entry in node.items() if not status.startswith("x-")
    )
    return {status: _response(status, entry) for status, entry in followed}


def _response(status: str, node: Node) -> Response:
    headers = node.get("headers")
    return Response(
        status=status.upper() if status != "default" else status,
        content=_content(node.get("content")),
        headers={name: one.follow() for name, one in headers.items()} if headers else {},
        node=node,
    )


def _security(node: Node | None) -> tuple[Mapping[str, tuple[str, ...]], ...] | None:
    if node is None:
        return None
    return tuple(
        {scheme: tuple(scopes) for scheme, scopes in requirement.items()}
        for requirement in node.value
    )
