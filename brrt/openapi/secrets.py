"""Which places in a value are secret, so that no message shows what stands there.

Secret is what a schema of format `password` or with `writeOnly` describes, and all inside it
(OpenAPI 3.1.1, sections 4.4.3 and 4.8.24.1: a password is to be obscured, a write-only value
never to be sent back). It is looked up only when something has gone wrong. Every schema that may
apply at a place is asked, whether or not it does: in doubt a value is secret.
"""

from collections.abc import Iterator, Mapping, Sequence

from brrt.openapi.document import Node
from brrt.openapi.families import Families
from brrt.openapi.json_values import is_mapping

# Schemas that are looked at for one place; where there are more, the place is secret.
MAX_SCHEMAS = 2_000

Path = tuple[str | int | None, ...]
Key = tuple[str, str]

_LISTS = ("allOf", "anyOf", "oneOf")
_ONES = ("if", "then", "else", "not")
_MAPS = ("dependentSchemas", "dependencies")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_MEMBERS = ("additionalProperties", "unevaluatedProperties")
_ITEMS = ("items", "additionalItems", "contains", "unevaluatedItems")


class Secrets:
    """The secret places in values of one schema; what was found out about a place is kept."""

    def __init__(self, families: Families, *roots: Node) -> None:
        self._families = families
        self._schemas: dict[Path, list[Node] | None] = {(): self._at_once(roots)}

    def is_secret(self, path: Sequence[str | int | None]) -> bool:
        """Whether a value, or one that it stands in, is secret; None steps to any child."""
        return self._find(tuple(path)) is None

    def holds_secret(self, path: Sequence[str | int | None]) -> bool:
        """Whether anything at a place or below it is secret."""
        schemas = self._find(tuple(path))
        if schemas is None:
            return True
        seen = {_key(one) for one in schemas}
        while schemas:
            below = self._at_once(list(_children(schemas)))
            if below is None or len(seen) > MAX_SCHEMAS:
                return True
            schemas = [one for one in below if _key(one) not in seen]
            seen.update(map(_key, schemas))
        return False

    def _find(self, path: Path) -> list[Node] | None:
        """The schemas that may apply at a place, or None where one of them makes it secret."""
        depth = len(path)
        while path[:depth] not in self._schemas:
            depth -= 1
        schemas = self._schemas[path[:depth]]
        for end in range(depth + 1, len(path) + 1):
            if schemas is not None:
                step = path[end - 1]
                inner = _children(schemas) if step is None else _below(schemas, step)
                schemas = self._at_once(list(inner))
            self._schemas[path[:end]] = schemas
        return schemas

    def _at_once(self, roots: Sequence[Node]) -> list[Node] | None:
        """These schemas and all that may apply to the same value; None where one is secret."""
        found: dict[Key, Node] = {}
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if _key(node) in found or not is_mapping(node.value):
                continue
            if _hides(node) or len(found) >= MAX_SCHEMAS:
                return None
            found[_key(node)] = node
            waiting.extend(self._in_place(node))
        return list(found.values())

    def _in_place(self, node: Node) -> Iterator[Node]:
        for keyword in _REFERENCES:
            yield from _target(node, node.value.get(keyword))
        for keyword in _LISTS:
            yield from _elements(node, keyword)
        for keyword in _ONES:
            yield from _one(node, keyword)
        for keyword in _MAPS:
            yield from _values(node, keyword)
        if "discriminator" in node:
            yield from self._families.descendants(node).values()


class MemberSecrets(Secrets):
    """The secret places in an object whose members have these schemas, each by itself."""

    def __init__(self, families: Families, members: Mapping[str, Node]) -> None:
        super().__init__(families)
        for name, node in members.items():
            self._schemas[(name,)] = self._at_once([node])


def _hides(node: Node) -> bool:
    return node.value.get("format") == "password" or node.value.get("writeOnly") is True


def _below(schemas: list[Node], step: str | int) -> Iterator[Node]:
    """What may apply to a property or to an element."""
    for node in schemas:
        if isinstance(step, int):
            yield from _items(node)
            continue
        properties = node.get("properties")
        member = properties.get(step) if properties is not None else None
        yield from _rest(node) if member is None else (member, *_values(node, "patternProperties"))


def _children(schemas: list[Node]) -> Iterator[Node]:
    for node in schemas:
        yield from _items(node)
        yield from _values(node, "properties")
        yield from _rest(node)


def _items(node: Node) -> Iterator[Node]:
    yield from _elements(node, "prefixItems")
    yield from _elements(node, "items")
    for keyword in _ITEMS:
        yield from _one(node, keyword)


def _rest(node: Node) -> Iterator[Node]:
    yield from _values(node, "patternProperties")
    for keyword in _MEMBERS:
        yield from _one(node, keyword)


def _target(node: Node, reference: object) -> Iterator[Node]:
    if isinstance(reference, str):
        document = node.document
        try:
            yield document.resolve(reference, document.base(node))
        except LookupError:
            return


def _one(node: Node, keyword: str) -> Iterator[Node]:
    inner = node.get(keyword)
    if inner is not None:
        yield inner


def _elements(node: Node, keyword: str) -> Iterator[Node]:
    for inner in _one(node, keyword):
        yield from inner.elements()


def _values(node: Node, keyword: str) -> Iterator[Node]:
    for inner in _one(node, keyword):
        yield from (value for _, value in inner.items())


def _key(node: Node) -> Key:
    return node.uri, node.pointer
