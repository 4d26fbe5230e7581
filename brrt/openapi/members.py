"""Where the schemas of an object's members and of an array's items stand in a document.

A schema may say so itself, or through `$ref`, `allOf`, `anyOf` and `oneOf`. The first place that
speaks of a member is taken. Nothing is validated here.
"""

from collections.abc import Iterator

from brrt.openapi.document import Node
from brrt.openapi.json_values import is_mapping


def member_schemas(schema: Node | None) -> dict[str, Node]:
    """The schema of each named member, in the document's order."""
    found: dict[str, Node] = {}
    for part in all_parts(schema):
        properties = part.get("properties")
        for name, node in properties.items() if properties is not None else ():
            found.setdefault(name, node)
    return found


def item_schema(schema: Node | None) -> Node | None:
    """The schema of an array's items, if there is one."""
    found = (part.get("items") for part in all_parts(schema))
    return next((node for node in found if node is not None), None)


def all_parts(schema: Node | None) -> Iterator[Node]:
    """A schema, and all that it is composed of, each place once."""
    return _parts(schema, set())


def _parts(schema: Node | None, seen: set[tuple[str, str]]) -> Iterator[Node]:
    if schema is None or not is_mapping(schema.value) or schema.key in seen:
        return
    seen.add(schema.key)
    if "$ref" in schema:
        yield from _parts(schema.target(), seen)
        if schema.document.version < (3, 1):  # what stands beside a `$ref` says nothing there
            return
    yield schema
    for keyword in ("allOf", "anyOf", "oneOf"):
        branches = schema.get(keyword)
        for branch in branches.elements() if branches is not None else ():
            yield from _parts(branch, seen)
