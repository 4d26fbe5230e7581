"""Which names a query may hold, for operations that refuse all others (`strict_query`).

Known are the names of query parameters, a deepObject's name with brackets behind it, the members
of exploded objects, and the names under which API keys are sent. An exploded object that is open
to any member makes every name known, and a `querystring` parameter is judged by its own schema.
"""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from brrt.openapi.deep_objects import is_below
from brrt.openapi.document import Document
from brrt.openapi.json_values import mapping
from brrt.openapi.layouts import is_object_only
from brrt.openapi.operations import Parameter
from brrt.openapi.phrases import show
from brrt.openapi.shapes import Shape
from brrt.openapi.validation import Violation

# Unknown names for which the nearest known one is looked up, and how long they may be: the search
# takes some 10 us for each pair of short names, and a client may send a thousand long ones.
MAX_GUESSES: Final = 8
MAX_GUESSED: Final = 40


class QueryNames:
    """The names that the query of one operation may hold."""

    def __init__(
        self, parameters: Iterable[tuple[Parameter, Shape]], api_keys: Collection[str]
    ) -> None:
        self._names = set(api_keys)
        self._deep: list[str] = []
        self.is_open = False
        for parameter, shape in parameters:
            self._add(parameter, shape)

    def _add(self, one: Parameter, shape: Shape) -> None:
        if one.location == "querystring":
            self.is_open = True
        elif one.location == "query" and one.content is None and one.style == "deepObject":
            self._deep.append(one.name)
        elif one.location == "query":
            self._names.add(one.name)
            if one.content is None and one.explode and is_object_only(shape):
                self._names.update(shape.properties)
                self.is_open = self.is_open or shape.additional is not None

    def check(self, sent: Iterable[str]) -> Iterator[Violation]:
        """A violation for each unknown name, with the nearest known one."""
        unknown = [name for name in sent if not self._knows(name)]
        for index, name in enumerate(unknown):
            guess = self._guess(name) if index < MAX_GUESSES else ""
            message = f"the operation has no query parameter {show(name)}{guess}"
            yield Violation("query", name, "", message, "unknown")

    def _knows(self, name: str) -> bool:
        return name in self._names or any(is_below(deep, name) for deep in self._deep)

    def _guess(self, name: str) -> str:
        if len(name) > MAX_GUESSED:
            return ""
        near = get_close_matches(name, [*self._names, *self._deep], n=1)
        return f"; did you mean {show(near[0])}?" if near else ""


def api_key_names(document: Document) -> frozenset[str]:
    """The names under which the document's API keys are sent in a query (3.1.1, 4.8.27)."""
    components = document.root.get("components")
    schemes = components.get("securitySchemes") if components is not None else None
    nodes = schemes.items() if schemes is not None else ()
    found = [mapping(node.follow().value) for _, node in nodes]
    keys = [one for one in found if one.get("type") == "apiKey" and one.get("in") == "query"]
    return frozenset(str(one["name"]) for one in keys if "name" in one)
