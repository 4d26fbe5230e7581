"""Which places in a value are secret, so that no message shows what stands there.

Secret is what a schema of format `password` or with `writeOnly` describes, and all inside it
(OpenAPI 3.1.1, sections 4.4.3 and 4.8.24.1: a password is to be obscured, a write-only value
never to be sent back). It is looked up only when something has gone wrong. Every schema that may
apply at a place is asked, whether or not it does: in doubt a value is secret.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from brrt.openapi.document import Key, Node
from brrt.openapi.families import Families
from brrt.openapi.json_values import elements, is_mapping

# Schemas that are looked at for one place; where there are more, the place is secret.
MAX_SCHEMAS = 2_000
# What stands in a path instead of a secret name.
HIDDEN_NAME = "…"

Path = tuple[str | int | None, ...]

_LISTS = ("allOf", "anyOf", "oneOf")
_ONES = ("if", "then", "else", "not")
_MAPS = ("dependentSchemas", "dependencies")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_MEMBERS = ("additionalProperties", "unevaluatedProperties")
_ITEMS = ("items", "additionalItems", "contains", "unevaluatedItems")


class _Place(NamedTuple):
    """The schemas that may apply at a place, and whether what stands there is secret."""

    schemas: list[Node]
    is_secret: bool


class Secrets:
    """The secret places in values of one schema; what was found out about a place is kept."""

    def __init__(self, families: Families, *roots: Node) -> None:
        self._families = families
        self._places: dict[Path, _Place] = {(): self._at_once(roots)}
        self._holding: dict[Path, bool] = {}

    def is_secret(self, path: Sequence[str | int | None]) -> bool:
        """Whether a value, or one that it stands in, is secret; None steps to any child."""
        return self._find(tuple(path)).is_secret

    def holds_secret(self, path: Sequence[str | int | None]) -> bool:
        """Whether anything at a place or below it is secret."""
        path = tuple(path)
        if path not in self._holding:
            place = self._find(path)
            self._holding[path] = place.is_secret or self._search(place.schemas)
        return self._holding[path]

    def hides_names(self, path: Sequence[str | int | None]) -> bool:
        """Whether the names are secret that a client makes up for the members of an object."""
        place = self._find(tuple(path))
        named = (one.get("propertyNames") for one in place.schemas)
        return place.is_secret or self._at_once([one for one in named if one]).is_secret

    def hidden_steps(self, path: Sequence[str | int]) -> list[int]:
        """Which steps of a path are secret names."""
        steps = enumerate(path)
        return [at for at, step in steps if self._is_secret_name(tuple(path[:at]), step)]

    def _is_secret_name(self, path: Path, step: str | int) -> bool:
        """Whether a client made up a name where that may be a secret; what is declared is none."""
        if isinstance(step, int) or not self.hides_names(path):
            return False
        declared = (one.get("properties") for one in self._find(path).schemas)
        return not any(step in one for one in declared if one is not None)

    def _search(self, schemas: list[Node]) -> bool:
        """Whether anything below these schemas is secret."""
        seen = {one.key for one in schemas}
        while schemas:
            below = self._at_once(list(_children(schemas)))
            if below.is_secret or len(seen) > MAX_SCHEMAS:
                return True
            schemas = [one for one in below.schemas if one.key not in seen]
            seen.update(one.key for one in schemas)
        return False

    def _find(self, path: Path) -> _Place:
        depth = len(path)
        while path[:depth] not in self._places:
            depth -= 1
        place = self._places[path[:depth]]
        for end in range(depth + 1, len(path) + 1):
            step, schemas = path[end - 1], place.schemas
            inner = _children(schemas) if step is None else _below(schemas, step)
            found = self._at_once(list(inner))
            place = found._replace(is_secret=place.is_secret or found.is_secret)
            self._places[path[:end]] = place
        return place

    def _at_once(self, roots: Sequence[Node]) -> _Place:
        """These schemas and all that may apply to the same value."""
        found: dict[Key, Node] = {}
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node.key in found or not is_mapping(node.value):
                continue
            if len(found) >= MAX_SCHEMAS:
                return _Place([], is_secret=True)
            found[node.key] = node
            waiting.extend(self._in_place(node))
        return _Place(list(found.values()), any(map(_hides, found.values())))

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
            self._places[(name,)] = self._at_once([node])


class ItemSecrets(Secrets):
    """The secret places in a list whose items have them, each by itself."""

    def __init__(self, each: Secrets) -> None:
        self._each = each

    def is_secret(self, path: Sequence[str | int | None]) -> bool:
        """Whether it is so in the item that the path leads through."""
        return bool(path) and self._each.is_secret(path[1:])

    def holds_secret(self, path: Sequence[str | int | None]) -> bool:
        """Likewise; the list holds what its items do."""
        return self._each.holds_secret(path[1:])

    def hides_names(self, path: Sequence[str | int | None]) -> bool:
        """Likewise."""
        return bool(path) and self._each.hides_names(path[1:])

    def hidden_steps(self, path: Sequence[str | int]) -> list[int]:
        """Likewise."""
        return [at + 1 for at in self._each.hidden_steps(path[1:])]


def _hides(node: Node) -> bool:
    return node.value.get("format") == "password" or node.value.get("writeOnly") is True


def _below(schemas: list[Node], step: str | int) -> Iterator[Node]:
    """What may apply to a property or to an element."""
    for node in schemas:
        if isinstance(step, int):
            yield from _item(node, step)
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


def _item(node: Node, place: int) -> Iterator[Node]:
    for keyword in ("prefixItems", "items"):
        inner = node.get(keyword)
        if inner is not None and place < len(elements(inner.value)):
            yield inner[place]
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
