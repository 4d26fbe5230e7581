"""Moving about in a document: from one object to those below it, references followed.

A `Spot` is a value and where it stands, cheap enough for a hundred thousand of them: pointers
are kept as linked pairs and written out only when a fault needs one. Nothing here judges; what
is missing or of the wrong type is simply not there.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from brrt.openapi.json_values import escape_token, is_list, is_mapping, mapping, split_pointer
from brrt.openapi.references import Closure, Target, Unresolvable

# A path into a resource, innermost step first; None is the root.
Trail = tuple[Any, str | int] | None

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
METHODS_32 = (*METHODS, "query")

# Longer chains of references are circles, which `walk` reports.
_LONGEST_CHAIN = 64


def pointer_of(trail: Trail, *steps: str | int) -> str:
    """A trail, and steps below it, as a JSON pointer."""
    tokens = [f"/{escape_token(step)}" for step in reversed(steps)]
    while trail is not None:
        trail, key = trail
        tokens.append(f"/{escape_token(key)}")
    return "".join(reversed(tokens))


class Spot(NamedTuple):
    """A value and where it stands; references in it are relative to `base`.

    `top` marks a schema that stands outside of other schemas.
    """

    value: Any
    uri: str
    base: str
    trail: Trail = None
    top: bool = False

    @property
    def pointer(self) -> str:
        """The JSON pointer of the value."""
        return pointer_of(self.trail)


class Guide:
    """Knows the way: steps down and along the references of one document."""

    def __init__(self, closure: Closure, version: tuple[int, int]) -> None:
        self.closure = closure
        self.version = version
        main = closure.main
        self.root = Spot(main.value, main.uri, closure.base(main.uri, ""))
        self._spots: dict[tuple[str, str], Spot] = {}

    def resolve(self, spot: Spot, reference: str) -> Spot:
        """Where a reference that stands at `spot` leads. Raises `Unresolvable`."""
        known = self._spots.get((reference, spot.base))
        if known is None:
            known = self._enter(self.closure.resolve(reference, spot.base))
            self._spots[reference, spot.base] = known
        return known

    def _enter(self, target: Target) -> Spot:
        trail: Trail = None
        for token in split_pointer(target.pointer):
            trail = (trail, token)
        base = self.closure.base(target.uri, target.pointer)
        return Spot(target.value, target.uri, base, trail)

    def follow(self, spot: Spot) -> Spot | None:
        """The end of a chain of references, or None where it breaks or goes in a circle."""
        top = spot.top
        for _ in range(_LONGEST_CHAIN):
            value = spot.value
            if not is_mapping(value) or not isinstance(value.get("$ref"), str):
                return spot if spot.top == top else spot._replace(top=top)
            try:
                spot = self.resolve(spot, value["$ref"])
            except Unresolvable:
                return None
        return None

    def step(self, spot: Spot | None, *names: str | int) -> Spot | None:
        """What stands below, references followed on the way; None where nothing does."""
        for name in names:
            if spot is None:
                return None
            value = spot.value
            if is_list(value) and isinstance(name, int):
                inner = value[name]
            elif is_mapping(value) and name in value:
                inner = value[str(name)]
            else:
                return None
            spot = self.follow(Spot(inner, spot.uri, spot.base, (spot.trail, name), spot.top))
        return spot

    def members(self, spot: Spot | None, *names: str | int) -> Iterator[tuple[str, Spot]]:
        """Name and spot of each member of an object below, references followed."""
        owner = self.step(spot, *names)
        if owner is not None:
            for name in mapping(owner.value):
                member = self.step(owner, name)
                if member is not None:
                    yield name, member

    def elements(self, spot: Spot | None, *names: str | int) -> list[Spot]:
        """The elements of an array below, references followed."""
        owner = self.step(spot, *names)
        count = len(owner.value) if owner is not None and is_list(owner.value) else 0
        found = (self.step(owner, index) for index in range(count))
        return [element for element in found if element is not None]

    def path_items(self) -> Iterator[tuple[str, Spot]]:
        """Path and path item, as they stand in the document; extensions left out."""
        paths = self.step(self.root, "paths")
        for path, item in mapping(paths.value if paths else None).items():
            if paths is not None and not path.startswith("x-"):
                yield path, Spot(item, paths.uri, paths.base, (paths.trail, path))

    def methods(self, item: Spot | None) -> Iterator[tuple[str, Spot]]:
        """Method and operation, in document order."""
        known = METHODS_32 if self.version >= (3, 2) else METHODS
        for name in mapping(item.value if item else None):
            operation = self.step(item, name) if name in known else None
            if operation is not None:
                yield name, operation
            elif name == "additionalOperations" and self.version >= (3, 2):
                yield from self.members(item, name)
