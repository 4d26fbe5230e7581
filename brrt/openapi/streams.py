"""Bodies of several values: which schema is of the whole, and which of each item.

OpenAPI 3.2.0, section 4.14.3: `itemSchema` is of each item of a sequential media type, `schema`
of all of them together, as an array.
"""

from brrt.openapi.content import essence, is_lines, is_multipart, is_records
from brrt.openapi.document import Node
from brrt.openapi.operations import MediaType
from brrt.openapi.schema_shapes import read_shape

Whole = Node | None
Items = Node | None


def is_stream(name: str) -> bool:
    """Whether a media type is JSON values one after the other."""
    return is_lines(name) or is_records(name)


def body_schemas(media_type: MediaType) -> tuple[Whole, Items]:
    """What the document says of a whole value, and of each of its items where it has some."""
    name = essence(media_type.name)
    if is_stream(name):
        return stream_schemas(media_type, read_shape(media_type.schema).types)
    return media_type.schema, media_type.item_schema if is_multipart(name) else None


def stream_schemas(media_type: MediaType, types: frozenset[str]) -> tuple[Whole, Items]:
    """The same for what is known to be a stream; `types` are those that its `schema` allows.

    Where there is only a `schema`, that is of each item, unless it is of an array: so documents
    before 3.2 say it.
    """
    schema, items = media_type.schema, media_type.item_schema
    if items is None and "array" not in types:
        return None, schema
    return schema, items
