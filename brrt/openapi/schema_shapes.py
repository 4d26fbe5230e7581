"""What a schema says that a text may become: a `Shape` is read off it, once, at build.

Nothing is validated here. Where a schema does not say, any text will do, and the validation that
follows says what is wrong.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from brrt.openapi.document import Node
from brrt.openapi.json_values import common_types, is_list, is_mapping, type_name
from brrt.openapi.shapes import ANYTHING, STRUCTURES, Shape

# How deep a parameter's schema is looked into for what its text may become.
MAX_DEPTH = 8

_NO_TYPES = frozenset[str]()


def read_shape(node: Node | None) -> Shape:
    """What types a schema allows, following `$ref` and composition; no schema allows any."""
    return ShapeReader(node.document.version).read(node) if node else ANYTHING


class ShapeReader:
    """Reads each schema once for each depth: without that, a schema of a few members that all
    refer to it again would be read millions of times.
    """

    def __init__(self, version: tuple[int, int]) -> None:
        self._version = version
        self._known: dict[tuple[str, str, int], Shape] = {}
        self._merge = _Merger()

    def read(self, node: Node | None) -> Shape:
        """What `read_shape` says, without reading again what was read before."""
        return self.shape(node, MAX_DEPTH)

    def shape(self, node: Node | None, depth: int) -> Shape:
        """The shape of a schema that is looked into so deep."""
        if node is None or depth == 0:
            return ANYTHING
        key = node.uri, node.pointer, depth
        if key not in self._known:
            self._known[key] = self._read(node, depth)
        return self._known[key]

    def _read(self, node: Node, depth: int) -> Shape:
        parts = list[Shape]()
        if self._version < (3, 1):  # where nothing beside a `$ref` counts
            node = node.follow()
        elif "$ref" in node:
            parts.append(self.shape(node.target(), depth - 1))
        if not is_mapping(node.value):
            return ANYTHING
        parts += [self._own(node, depth), *self._shapes(_elements(node, "allOf"), depth)]
        parts += [
            self._merge.either(self._shapes(_elements(node, keyword), depth))
            for keyword in ("anyOf", "oneOf")
        ]
        parts.append(self._conditional(node, depth))
        return self._merge.all(parts)

    def _shapes(self, nodes: Iterable[Node], depth: int) -> list[Shape]:
        return [self.shape(one, depth - 1) for one in nodes]

    def _own(self, node: Node, depth: int) -> Shape:
        properties, items = node.get("properties"), node.get("items")
        return Shape(
            types=self._types(node.value),
            items=self.shape(items, depth - 1) if items is not None else None,
            properties={name: self.shape(one, depth - 1) for name, one in properties.items()}
            if properties is not None
            else {},
            additional=self._additional(node, depth),
        )

    def _additional(self, node: Node, depth: int) -> Shape | None:
        """What members without a name of their own may be; None where there are none."""
        patterns = node.get("patternProperties")
        rest = node.get("additionalProperties") or node.get("unevaluatedProperties")
        found = [one for _, one in patterns.items()] if patterns is not None else []
        if rest is not None and rest.value is not False:
            found.append(rest)
        return self._merge.either(self._shapes(found, depth)) if found else None

    def _conditional(self, node: Node, depth: int) -> Shape:
        """The members of which `then` and `else` speak."""
        branches = [node.get(keyword) for keyword in ("then", "else")]
        found = self._merge.either(
            self._shapes((one for one in branches if one is not None), depth)
        )
        return replace(found, types=_NO_TYPES, preferred=None, choices=())

    def _types(self, schema: Mapping[str, Any]) -> frozenset[str]:
        kind = schema.get("type")
        if is_list(kind):
            return frozenset(str(one) for one in kind)
        if isinstance(kind, str):
            nullable = schema.get("nullable") is True and self._version < (3, 1)
            return frozenset({kind, "null"} if nullable else {kind})
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        return frozenset(type_name(value) for value in values)


class _Merger:
    """What several shapes mean together. Shapes share their parts, so the same ones meet again
    and again: each pair is merged once.
    """

    def __init__(self) -> None:
        self._done: dict[tuple[str, tuple[int, ...]], tuple[list[Shape], Shape]] = {}

    def all(self, parts: Iterable[Shape]) -> Shape:
        """What several schemas allow together."""
        whole = ANYTHING
        for one in parts:
            if one != ANYTHING:  # so that a mere `$ref` is the very shape that it refers to
                whole = self._both(whole, one) if whole is not ANYTHING else one
        return whole

    def either(self, choices: list[Shape]) -> Shape:
        """What any of several schemas allows: the first to fit a text decides what it becomes."""
        choices = list({id(one): one for one in choices}.values())
        if len(choices) < 2:
            return choices[0] if choices else ANYTHING
        return self._once("either", choices, self._join)

    def _both(self, one: Shape, other: Shape) -> Shape:
        return one if one is other else self._once("both", [one, other], self._meet)

    def _once(self, how: str, shapes: list[Shape], merge: Callable[[list[Shape]], Shape]) -> Shape:
        key = how, tuple(map(id, shapes))
        if key not in self._done:
            self._done[key] = shapes, merge(shapes)  # held, so that no id is given out again
        return self._done[key][1]

    def _meet(self, shapes: list[Shape]) -> Shape:
        one, other = shapes
        both = one.types and other.types
        types = common_types(one.types, other.types) if both else one.types or other.types
        preferred = other.preferred if one.preferred is None else one.preferred
        names = dict.fromkeys([*one.properties, *other.properties])
        choices = [self._both(replace(one, choices=()), choice) for choice in other.choices]
        choices += [self._both(choice, replace(other, choices=())) for choice in one.choices]
        return Shape(
            types=types,
            items=self._together(one.items, other.items),
            properties={
                name: self.all(filter(None, (one.properties.get(name), other.properties.get(name))))
                for name in names
            },
            additional=self._together(one.additional, other.additional),
            preferred=common_types(preferred, types)
            if preferred is not None and types
            else preferred,
            choices=tuple(choices),
        )

    def _together(self, one: Shape | None, other: Shape | None) -> Shape | None:
        return self._both(one, other) if one is not None and other is not None else one or other

    def _join(self, choices: list[Shape]) -> Shape:
        typed = all(one.types for one in choices)
        types = _NO_TYPES.union(*(one.types for one in choices)) if typed else _NO_TYPES
        names = dict.fromkeys(name for one in choices for name in one.properties)
        arrays = [one.items or ANYTHING for one in choices if "array" in one.types]
        additional = [one.additional for one in choices if one.additional is not None]
        return Shape(
            types=types,
            items=self.either(arrays) if arrays else None,
            properties={
                name: self.either(
                    [one.properties[name] for one in choices if name in one.properties]
                )
                for name in names
            },
            additional=self.either(additional) if additional else None,
            preferred=_preferred(choices) if typed else None,
            choices=tuple(choices) if types & STRUCTURES else (),
        )


def _preferred(choices: list[Shape]) -> frozenset[str] | None:
    """The primitive types of the choices up to the first one that is a string, if that is few."""
    found = frozenset[str]()
    for one in choices:
        found |= one.primitives
        if "string" in found:
            break
    every = _NO_TYPES.union(*(one.types for one in choices)) - STRUCTURES
    return None if found >= every - {"null"} else found


def _elements(node: Node, keyword: str) -> Iterator[Node]:
    found = node.get(keyword)
    return found.elements() if found is not None else iter(())
