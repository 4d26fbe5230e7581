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


class Resources:
    """The translated schemas of one direction, as resources of the engine.

    A schema resource of the document, which is a file or a schema with an `$id`, is one resource
    of the engine, since the scope of dynamic references is made of those. In it all schemas that
    anything refers to stand side by side, by number, and each dynamic anchor is a schema that
    refers to one of them. A schema may stand there twice: as it is, and plain.
    """

    def __init__(self, direction: Direction, document: Document, families: Families) -> None:
        self._direction = direction
        self._document = document
        self._translator = Translator(document, direction, self, families)
        self._numbers: dict[Key, int] = {}
        self._homes: list[Node] = []
        self._uris: dict[tuple[str, str, bool], str] = {}
        self._trees: dict[int, dict[str, Any]] = {}
        self._waiting: list[tuple[Node, bool, int, str]] = []
        self._anchor_names: dict[str, str] = {}
        self._anchored = 0

    def add(self, node: Node) -> bool:
        """Translate a schema and what it refers to; whether there was anything to do."""
        self.schema(node)
        if not self._waiting:
            return False
        while self._waiting or self._anchor_all():
            place, is_plain, number, name = self._waiting.pop()
            try:
                self._trees[number][name] = self._translator.translate(place, is_plain)
            except LookupError as error:
                cure = getattr(error, "cure", "") or "mend the reference"
                raise SpecError([place.fault(str(error), cure)]) from None
        return True

    def schema(self, node: Node, is_plain: bool = False) -> str:
        """The URI of a schema, which waits to be translated if it was not known."""
        key = (node.uri, node.pointer, is_plain)
        uri = self._uris.get(key)
        if uri is None:
            number = self._number(self._document.home(node))
            name = str(len(self._uris))
            uri = self._uris[key] = f"{self._uri(number)}#/$defs/{name}"
            self._waiting.append((node, is_plain, number, name))
        return uri

    def anchor(self, node: Node, name: str) -> str:
        """The URI of a dynamic anchor in the schema resource around a node."""
        known = self._anchor_names.setdefault(name, f"dynamic{len(self._anchor_names)}")
        return f"{self._uri(self._number(self._document.home(node)))}#{known}"

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
        return [(self._uri(number), {"$defs": tree}) for number, tree in self._trees.items()]

    def lookup(self, location: str) -> Any:
        """What stands at a URI in these resources, or None."""
        resource, _, pointer = location.partition("#")
        number = resource.removeprefix(f"urn:brrt:{self._direction.value}:")
        here: Any = {"$defs": self._trees[int(number)]} if number.isdecimal() else None
        for token in split_pointer(unquote(pointer)):
            here = here[int(token)] if is_list(here) else mapping(here).get(token)
        return here

    def _uri(self, number: int) -> str:
        return f"urn:brrt:{self._direction.value}:{number}"

    def _number(self, home: Node) -> int:
        key = home.key
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._homes)
            self._homes.append(home)
            self._trees[number] = {}
        return number

    def _anchor_all(self) -> bool:
        """Put the dynamic anchors into resources that came since; whether schemas wait now.

        There is nothing to do before the first dynamic reference.
        """
        while self._anchor_names and self._anchored < len(self._homes):
            home, tree = self._homes[self._anchored], self._trees[self._anchored]
            self._anchored += 1
            for name, node in _dynamic_anchors(self._document, home):
                anchor = self.anchor(home, name).partition("#")[2]
                tree[anchor] = {"$dynamicAnchor": anchor, "$ref": self.schema(node)}
        return bool(self._waiting)


def _dynamic_anchors(document: Document, home: Node) -> list[tuple[str, Node]]:
    found = [
        (name, node)
        for name, node in document.anchors(home)
        if node.value.get("$dynamicAnchor") == name
    ]
    if "$recursiveAnchor" in home and home.value["$recursiveAnchor"] is True:
        found.append((RECURSION, home))
    return found
