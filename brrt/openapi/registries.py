"""Translated schemas laid out as resources of the engine: where each stands, and by which URI.

No engine is known here: what comes out are URIs and JSON.
"""

from typing import Any
from urllib.parse import unquote

from brrt.errors import SpecError
from brrt.openapi.dialects import Direction
from brrt.openapi.document import Document, Key, Node
from brrt.openapi.families import Families
from brrt.openapi.json_values import is_list, mapping, split_pointer
from brrt.openapi.translation import RECURSION, Translator


class Addresses:
    """Where the translated schemas of one direction stand, and which of them wait for that.

    A schema resource of the document, which is a file or a schema with an `$id`, is one resource
    of the engine, since the scope of dynamic references is made of those. In it all schemas that
    anything refers to stand side by side, by number, and each dynamic anchor is a schema that
    refers to one of them. A schema may stand there twice: as it is, and plain.

    `trees` are the schemas of each resource, by name; `waiting` are places with what to make of
    them: whether plain, and the resource and the name where the outcome goes.
    """

    def __init__(self, direction: Direction, document: Document) -> None:
        self._direction = direction
        self._document = document
        self.trees: dict[int, dict[str, Any]] = {}
        self.waiting: list[tuple[Node, bool, int, str]] = []
        self._numbers: dict[Key, int] = {}
        self._homes: list[Node] = []
        self._uris: dict[tuple[str, str, bool], str] = {}
        self._anchor_names: dict[str, str] = {}
        self._anchored = 0

    def schema(self, node: Node, is_plain: bool = False) -> str:
        """The URI of a schema, which waits to be translated if it was not known."""
        key = (node.uri, node.pointer, is_plain)
        uri = self._uris.get(key)
        if uri is None:
            number = self._number(self._document.home(node))
            name = str(len(self._uris))
            uri = self._uris[key] = f"{self.uri(number)}#/$defs/{name}"
            self.waiting.append((node, is_plain, number, name))
        return uri

    def anchor(self, node: Node, name: str) -> str:
        """The URI of a dynamic anchor in the schema resource around a node."""
        known = self._anchor_names.setdefault(name, f"dynamic{len(self._anchor_names)}")
        return f"{self.uri(self._number(self._document.home(node)))}#{known}"

    def anchor_all(self) -> bool:
        """Put the dynamic anchors into resources that came since; whether schemas wait now.

        There is nothing to do before the first dynamic reference.
        """
        while self._anchor_names and self._anchored < len(self._homes):
            home, tree = self._homes[self._anchored], self.trees[self._anchored]
            self._anchored += 1
            for name, node in _dynamic_anchors(self._document, home):
                anchor = self.anchor(home, name).partition("#")[2]
                tree[anchor] = {"$dynamicAnchor": anchor, "$ref": self.schema(node)}
        return bool(self.waiting)

    def uri(self, number: int) -> str:
        """The URI of a resource."""
        return f"urn:brrt:{self._direction.value}:{number}"

    def number(self, uri: str) -> int | None:
        """The number of the resource of this URI, where it is one of these."""
        number = uri.removeprefix(f"urn:brrt:{self._direction.value}:")
        return int(number) if number.isdecimal() else None

    def _number(self, home: Node) -> int:
        key = home.key
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._homes)
            self._homes.append(home)
            self.trees[number] = {}
        return number


class Resources:
    """The translated schemas of one direction, as resources of the engine."""

    def __init__(self, direction: Direction, document: Document, families: Families) -> None:
        self._addresses = Addresses(direction, document)
        self._translator = Translator(document, direction, self._addresses, families)

    def add(self, node: Node) -> bool:
        """Translate a schema and what it refers to; whether there was anything to do."""
        addresses = self._addresses
        addresses.schema(node)
        if not addresses.waiting:
            return False
        while addresses.waiting or addresses.anchor_all():
            place, is_plain, number, name = addresses.waiting.pop()
            try:
                addresses.trees[number][name] = self._translator.translate(place, is_plain)
            except LookupError as error:
                cure = getattr(error, "cure", "") or "mend the reference"
                raise SpecError([place.fault(str(error), cure)]) from None
        return True

    def schema(self, node: Node) -> str:
        """The URI of a schema, which waits to be translated if it was not known."""
        return self._addresses.schema(node)

    @property
    def formats(self) -> set[str]:
        """The names of all formats in these schemas."""
        return self._translator.formats

    @property
    def patterns(self) -> dict[str, str]:
        """Patterns as they are written in the document, by what the engine was given."""
        return self._translator.patterns

    def entries(self) -> list[tuple[str, Any]]:
        """What goes into the engine's registry."""
        trees = self._addresses.trees.items()
        return [(self._addresses.uri(number), {"$defs": tree}) for number, tree in trees]

    def lookup(self, location: str) -> Any:
        """What stands at a URI in these resources, or None."""
        resource, _, pointer = location.partition("#")
        number = self._addresses.number(resource)
        here: Any = None if number is None else {"$defs": self._addresses.trees[number]}
        for token in split_pointer(unquote(pointer)):
            here = here[int(token)] if is_list(here) else mapping(here).get(token)
        return here


def _dynamic_anchors(document: Document, home: Node) -> list[tuple[str, Node]]:
    found = [
        (name, node)
        for name, node in document.anchors(home)
        if node.value.get("$dynamicAnchor") == name
    ]
    if "$recursiveAnchor" in home and home.value["$recursiveAnchor"] is True:
        found.append((RECURSION, home))
    return found
