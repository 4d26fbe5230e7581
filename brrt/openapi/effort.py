"""How much work it would be to explain what is wrong with a value.

The engine tells a value from a wrong one in microseconds, but it explains every branch of every
union, and in a schema that holds itself each level all over again: a body of a hundred bytes
could cost it minutes. So what it would have to visit is counted beforehand. Schemas are those
that the engine is given (2020-12, without annotations). Nothing is validated here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from brrt.openapi.json_values import elements, is_list, is_mapping, mapping

_REFERENCES = ("$ref", "$dynamicRef")
_LISTS = ("allOf", "anyOf", "oneOf")
# Values that a visit copies at the price of the visit itself.
_COPIED = 4

# Schemas by their identity, and how often each is applied to one value.
_Applied = dict[int, tuple[Any, int]]


class Effort(NamedTuple):
    """`visits` of schemas to values at the most; `cost` counts each with the values it copies."""

    visits: int
    cost: int


def effort(schema: Any, instance: Any, lookup: Callable[[str], Any], enough: int) -> Effort:
    """What explaining an instance takes; counts not far beyond `enough` visits.

    `lookup` gives what stands at a URI that the schemas refer to.
    """
    sizes = _sizes(instance)
    visits = cost = 0
    waiting: list[Iterator[tuple[Any, _Applied]]] = [iter([(instance, {id(schema): (schema, 1)})])]
    while waiting and visits <= enough:
        value, roots = next(waiting[-1], (None, None))
        if roots is None:
            waiting.pop()
            continue
        applied = _Spread(value, lookup, enough).all(roots)
        times = sum(count for _, count in applied.values())
        visits += times
        cost += times * (_COPIED + sizes.get(id(value), 1)) // _COPIED
        waiting.append(_children(value, applied))
    return Effort(visits, cost)


def _sizes(instance: Any) -> dict[int, int]:
    """How many values each array and object holds, itself included, by identity."""
    found: list[Any] = [instance]
    for one in found:
        found.extend(inner for inner in _inner(one) if is_mapping(inner) or is_list(inner))
    sizes: dict[int, int] = {}
    for one in reversed(found):
        sizes[id(one)] = 1 + sum(sizes.get(id(inner), 1) for inner in _inner(one))
    return sizes


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if is_mapping(value) else elements(value)


class _Spread:
    """Which schemas apply to one value, and how often, where some are known to apply."""

    def __init__(self, value: Any, lookup: Callable[[str], Any], enough: int) -> None:
        self._value = value
        self._lookup = lookup
        self._enough = enough
        self._found: _Applied = {}
        self._total = 0

    def all(self, roots: _Applied) -> _Applied:
        """All schemas that are applied, the roots included."""
        for schema, count in roots.values():
            self._apply(schema, count, frozenset())
        return self._found

    def _apply(self, schema: Any, count: int, above: frozenset[int]) -> None:
        if not is_mapping(schema) or id(schema) in above or self._total > self._enough:
            return
        self._total += count
        known = self._found.get(id(schema), (schema, 0))[1]
        self._found[id(schema)] = schema, known + count
        above |= {id(schema)}
        for inner in self._in_place(schema):
            self._apply(inner, count, above)

    def _in_place(self, schema: dict[str, Any]) -> Iterator[Any]:
        for keyword in _REFERENCES:
            if keyword in schema:
                yield self._lookup(_by_pointer(schema[keyword]))
        for keyword in _LISTS:
            yield from elements(schema.get(keyword))
        for name, inner in mapping(schema.get("dependentSchemas")).items():
            if name in mapping(self._value):
                yield inner
        if "if" in schema:
            holds = _holds(schema["if"], self._value)
            for keyword, wanted in (("then", True), ("else", False)):
                if holds in (wanted, None):
                    yield schema.get(keyword)


def _by_pointer(uri: str) -> str:
    """A dynamic anchor stands beside the schemas that have numbers."""
    resource, _, fragment = uri.partition("#")
    return uri if fragment.startswith("/") else f"{resource}#/$defs/{fragment}"


def _holds(condition: Any, value: Any) -> bool | None:
    """Whether a condition holds, of those that choose by a tag; None for any other."""
    if condition == {"type": "object"}:
        return is_mapping(value)
    tags = mapping(mapping(condition).get("properties"))
    if len(tags) != 1 or condition.keys() != {"properties", "required"}:
        return None
    [(name, tag)] = tags.items()
    if mapping(tag).keys() != {"enum"} or condition["required"] != [name]:
        return None
    return not is_mapping(value) or value.get(name, tag) in tag["enum"]


def _children(value: Any, applied: _Applied) -> Iterator[tuple[Any, _Applied]]:
    """Each value inside of one, with the schemas that apply to it."""
    pairs = value.items() if is_mapping(value) else enumerate(elements(value))
    for step, inner in pairs:
        counts, schemas = Counter[int](), dict[int, Any]()
        for schema, count in applied.values():
            for one in _below(schema, step):
                counts[id(one)] += count
                schemas[id(one)] = one
        yield inner, {key: (schemas[key], count) for key, count in counts.items()}


def _below(schema: dict[str, Any], step: str | int) -> Iterator[Any]:
    if isinstance(step, int):
        first = elements(schema.get("prefixItems"))
        yield from first[step : step + 1] or _some(schema, "items")
        yield from _some(schema, "unevaluatedItems")
        return
    properties = mapping(schema.get("properties"))
    if step in properties:
        yield properties[step]
    else:
        yield from _some(schema, "additionalProperties")
    yield from mapping(schema.get("patternProperties")).values()
    yield from _some(schema, "unevaluatedProperties")


def _some(schema: dict[str, Any], keyword: str) -> Iterator[Any]:
    if is_mapping(schema.get(keyword)):
        yield schema[keyword]
