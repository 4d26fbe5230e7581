"""The constants that a schema allows for one of its properties: what variants are told apart by.

Nothing is validated here, and what is not found is not there: a search has its limits.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urldefrag, urljoin

from brrt.openapi.document import Document, Key
from brrt.openapi.json_values import elements, is_list, is_mapping, mapping

# Schemas that are looked at in search of the constants of one property of one schema.
MAX_LOOKS = 1_000

# A schema as it stands in the document, and what references in it are relative to.
Branch = tuple[Any, str]

_Look = Callable[[Any, str], list[Any] | None]


def tag_constants(
    document: Document, branch: Branch, name: str, skipped: Key | None = None
) -> list[Any] | None:
    """The constants that a schema allows for a property; None where it allows anything else.

    Looked for in the schema, behind `$ref` and `allOf`, and in all branches of a union.
    `skipped` is a schema that is not looked into.
    """
    return _Constants(document, name, skipped).find(*branch)


def inner_base(schema: Any, base: str) -> str:
    """What references inside a schema are relative to, if it stands where `base` counts."""
    identifier = mapping(schema).get("$id")
    return urldefrag(urljoin(base, identifier))[0] if isinstance(identifier, str) else base


class _Constants:
    def __init__(self, document: Document, name: str, skipped: Key | None) -> None:
        self._document = document
        self._name = name
        self._skipped = skipped
        self._looks = 0
        self._open: set[int] = set()

    def find(self, schema: Any, base: str) -> list[Any] | None:
        """The constants of the property in a schema of the object."""
        return self._narrowest(schema, base, self._of_member, self.find)

    def _of_member(self, schema: Mapping[str, Any], base: str) -> list[Any] | None:
        member = mapping(schema.get("properties")).get(self._name)
        return self._allowed(member, inner_base(member, base))

    def _allowed(self, schema: Any, base: str) -> list[Any] | None:
        """The constants in a schema of the property itself."""
        return self._narrowest(schema, base, _own, self._allowed)

    def _narrowest(self, schema: Any, base: str, own: _Look, inner: _Look) -> list[Any] | None:
        """All parts of a schema hold, and one branch of each union: so the fewest constants."""
        self._looks += 1
        if self._looks > MAX_LOOKS or not is_mapping(schema) or id(schema) in self._open:
            return None
        self._open.add(id(schema))
        found = [own(schema, base)]
        found += [inner(*part) for part in self._parts(schema, base)]
        for keyword in ("oneOf", "anyOf"):
            branches = [inner(one, inner_base(one, base)) for one in elements(schema.get(keyword))]
            if branches:
                found.append(_together(branches))
        self._open.discard(id(schema))
        return min((one for one in found if one is not None), key=len, default=None)

    def _parts(self, schema: Mapping[str, Any], base: str) -> Iterator[Branch]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            node = self._document.resolve(reference, base)
            if node.key != self._skipped:
                yield node.value, self._document.base(node)
            if self._document.version < (3, 1):
                return
        for one in elements(schema.get("allOf")):
            yield one, inner_base(one, base)


def _own(schema: Mapping[str, Any], _base: str) -> list[Any] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not is_list(values) or not all(isinstance(one, (str, int)) for one in values):
        return None
    return values


def _together(found: list[list[Any] | None]) -> list[Any] | None:
    """The constants of several branches, if each has some."""
    if any(one is None for one in found):
        return None
    values: list[Any] = []
    for one in found:
        values += [value for value in one or () if value not in values]
    return values
