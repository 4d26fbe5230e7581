"""Which components extend which: the models of a document that inherit from others.

OpenAPI 3.1.1, section 4.8.24.2.3: a schema extends another by naming it in its `allOf`. All
components of the closure are looked at, as section 4.8.25.2 recommends.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from brrt.openapi.document import Document, Key, Node
from brrt.openapi.json_values import elements, mapping

# What may stand beside a `$ref`, or an `allOf` of one, and does not make another schema of it.
_ANNOTATIONS = frozenset(
    [
        "$ref",
        "$comment",
        "title",
        "summary",
        "description",
        "type",
        "nullable",
        "default",
        "example",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "externalDocs",
        "xml",
    ]
)


class Families:
    """Who extends whom in one document; looked up when it is first asked."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._children: dict[Key, dict[str, Node]] | None = None
        self._same: dict[Key, list[str]] = {}
        self._descendants: dict[Key, dict[str, Node]] = {}

    def descendants(self, parent: Node) -> Mapping[str, Node]:
        """The components that extend a schema, or one that extends it, by name."""
        known = self._descendants.get(parent.key)
        if known is None:
            known = self._descendants[parent.key] = self._collect(parent)
        return known

    def namesakes(self, parent: Node) -> list[str]:
        """The components that name a schema in their `allOf` and add nothing to it."""
        self.descendants(parent)
        return self._same.get(parent.key, [])

    def extends(self, child: Node, parent: Node) -> bool:
        """Whether a schema is a descendant of another."""
        return any(one.key == child.key for one in self.descendants(parent).values())

    def _collect(self, parent: Node) -> dict[str, Node]:
        if self._children is None:
            self._children = self._survey()
        found, waiting, seen = dict[str, Node](), [parent], {parent.key}
        while waiting:
            for name, child in self._children.get(waiting.pop().key, {}).items():
                if child.key not in seen:
                    seen.add(child.key)
                    found.setdefault(name, child)
                    waiting.append(child)
        return found

    def _survey(self) -> dict[Key, dict[str, Node]]:
        children: dict[Key, dict[str, Node]] = {}
        for uri, value in self._document.resources.items():
            components = Node(self._document, uri, "", value).get("components")
            schemas = components.get("schemas") if components is not None else None
            for name, schema in schemas.items() if schemas is not None else ():
                for parent in self._parents(schema):
                    if _adds_something(schema.value):
                        children.setdefault(parent.key, {}).setdefault(name, schema)
                    else:
                        self._same.setdefault(parent.key, []).append(name)
        return children

    def _parents(self, schema: Node) -> Iterator[Node]:
        """The schemas that one extends: by `allOf`, or from 3.1 on by what stands beside `$ref`."""
        base, waiting = self._document.base(schema), [schema.value]
        while waiting:
            part = mapping(waiting.pop())
            reference = part.get("$ref")
            if isinstance(reference, str):
                if part is not schema.value or _adds_something(part):
                    yield self._document.resolve(reference, base).follow()
                if self._document.version < (3, 1):
                    continue
            waiting.extend(elements(part.get("allOf")))


def _adds_something(schema: Mapping[str, Any]) -> bool:
    """Whether a schema says more than the one that it refers to.

    A description beside an `allOf` of one says that it is the same by another name, as 3.0 has
    to write it; nothing at all says that it is a child which has only its name.
    """
    keywords = {key for key in schema if not key.startswith("x-")} - _ANNOTATIONS
    if keywords != {"allOf"}:
        return bool(keywords)
    parts = [mapping(one).keys() for one in elements(schema["allOf"])]
    references = sum("$ref" in keys for keys in parts)
    return len(schema) == 1 or references > 1 or any(keys - _ANNOTATIONS for keys in parts)
