"""Where openapi-spec-validator looks for schemas, and in which order.

It begins with the schemas of parameters and of responses, path by path, then those of
`components/schemas`; from there it goes through references and the plain keywords, depth first,
and sees each schema once. What it would refuse there, we refuse; nothing is judged here.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from brrt.openapi.json_values import is_list, is_mapping, mapping
from brrt.openapi.spots import Guide, Spot

# The keywords that it descends into, in its order, and those where it collects properties.
DESCENDED = ("allOf", "anyOf", "oneOf", "not", "items")
COLLECTED = ("allOf", "anyOf", "oneOf", "items", "not")


def reached(guide: Guide) -> Iterator[Spot]:
    """The schemas where it begins."""
    for _, item in guide.path_items():
        followed = guide.follow(item)
        yield from _of_parameters(guide, followed)
        for _, operation in guide.methods(followed):
            for _, response in guide.members(operation, "responses"):
                for _, media in guide.members(response, "content"):
                    yield from _schema(guide, media)
            yield from _of_parameters(guide, operation)
    for _, schema in guide.members(guide.root, "components", "schemas"):
        yield schema._replace(top=True)


def _of_parameters(guide: Guide, owner: Spot | None) -> Iterator[Spot]:
    for parameter in guide.elements(owner, "parameters"):
        yield from _schema(guide, parameter)


def _schema(guide: Guide, owner: Spot) -> Iterator[Spot]:
    schema = guide.step(owner, "schema")
    if schema is not None:
        yield schema._replace(top=True)


def visited(guide: Guide, roots: Iterable[Spot]) -> Iterator[Spot]:
    """Every schema on its way, references followed, each once and outer ones first."""
    seen: set[int] = set()
    waiting = list(roots)[::-1]
    while waiting:
        spot = waiting.pop()
        schema = guide.follow(spot) if "$ref" in mapping(spot.value) else spot
        if schema is None or not is_mapping(schema.value) or id(schema.value) in seen:
            continue
        seen.add(id(schema.value))
        if "$id" in schema.value:
            schema = schema._replace(base=guide.closure.base(schema.uri, schema.pointer))
        yield schema
        waiting.extend(reversed(list(_inner(schema))))


def _inner(schema: Spot) -> Iterator[Spot]:
    yield from below(schema, DESCENDED)
    value, uri, base, trail, _ = schema
    properties = value.get("properties")
    if is_mapping(properties):
        trail = (trail, "properties")
        for name, inner in properties.items():
            yield Spot(inner, uri, base, (trail, name))


def below(schema: Spot, keywords: tuple[str, ...]) -> Iterator[Spot]:
    """The schemas under some keywords that hold one schema or a list of them."""
    value, uri, base, trail, _ = schema
    for keyword in keywords:
        inner: Any = value.get(keyword)
        if is_mapping(inner):
            yield Spot(inner, uri, base, (trail, keyword))
        elif is_list(inner):
            for index, entry in enumerate(inner):
                yield Spot(entry, uri, base, ((trail, keyword), index))


def properties(guide: Guide, schema: Spot) -> set[str]:
    """The properties of a schema and, at any depth, of the members of its allOf."""
    names = set(mapping(schema.value.get("properties")))
    waiting = list(below(schema, ("allOf",)))
    seen: set[int] = set()
    while waiting:
        inner = guide.follow(waiting.pop())
        if inner is None or not is_mapping(inner.value) or id(inner.value) in seen:
            continue
        seen.add(id(inner.value))
        names.update(mapping(inner.value.get("properties")))
        waiting.extend(below(inner, COLLECTED))
    return names
