"""What values a schema allows, as alternatives: one for each way through `oneOf` and `anyOf`.

Read when an app is built, to be held against the hints of handlers. An alternative says what all
the schemas that hold together say of types, values, members and items. Where a schema excludes
values in words that are not read here, nothing is said at all rather than something false.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from brrt.errors import SpecError
from brrt.openapi.applicators import Applicators, applicators, home, joined
from brrt.openapi.binaries import is_binary
from brrt.openapi.dialects import dialect_of
from brrt.openapi.document import Node
from brrt.openapi.json_values import (
    common_types,
    elements,
    is_list,
    is_mapping,
    mapping,
    type_name,
)
from brrt.openapi.matching import matches

# Ways through a schema that are looked at. Unions in published documents have less than 40.
MAX_ALTERNATIVES = 64

# Schemas that hold of one value together.
Joint: TypeAlias = tuple[Node, ...]

FILE = "file"
_STRICT = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_UNREAD = frozenset({"if", "$dynamicRef", "$recursiveRef", "dependentSchemas", "dependencies"})
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_WHOLE_FORMATS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"})


class TooManyWaysError(Exception):
    """A schema with more alternatives than are looked at."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to be valid.

    `types` is empty where the schema does not say; `values` is None where any value of the
    types will do; `is_narrow` says that a pattern, or bounds, exclude values of these types.
    """

    types: frozenset[str]
    values: tuple[Any, ...] | None
    formats: frozenset[str]
    is_narrow: bool
    required: frozenset[str]
    lengths: tuple[int, int | None]
    applied: Applicators

    def member(self, name: str) -> Joint | None:
        """What holds of the member of an object; None where there can be none."""
        found = list(self.applied.properties.get(name, ()))
        for rest in self.applied.rests:
            if name in rest.known:
                continue
            matching = [node for pattern, node in rest.patterns if matches(pattern, name)]
            found += matching
            if not matching and rest.additional is not None:
                found.append(rest.additional)
        return None if any(one.value is False for one in found) else tuple(found)

    def others(self) -> Iterator[Joint]:
        """What holds of members that have no name in the document."""
        for rest in self.applied.rests:
            yield from ((node,) for _, node in rest.patterns)
        found = tuple(one.additional for one in self.applied.rests if one.additional is not None)
        if found and all(is_mapping(one.value) for one in found):
            yield found

    def item(self, place: int) -> Joint:
        """What holds of the item at a place of an array."""
        found: list[Node] = []
        for one in self.applied.arrays:
            if place < len(one.prefix):
                found.append(one.prefix[place])
            elif one.rest is not None:
                found.append(one.rest)
        return tuple(found)

    def prefix(self) -> int:
        """How many items have a schema of their own."""
        return max((len(one.prefix) for one in self.applied.arrays), default=0)

    def guarantees(self, name: str) -> bool:
        """Whether every request has the member, or gets it by its default."""
        nodes = self.applied.properties.get(name, ())
        parts = [part.value for node in nodes for part in joined(node)]
        if any(one.get("readOnly") is True for one in parts):
            return False
        return name in self.required or any("default" in one for one in parts)


def is_read_only(schema: Joint) -> bool:
    """Whether no request may have the member."""
    return any(part.value.get("readOnly") is True for node in schema for part in joined(node))


def alternatives(schema: Joint, *, has_files: bool = False) -> list[Alternative] | None:
    """All ways to be valid, or None for a schema that says more than can be read here.

    With `has_files`, what the schema calls binary has the type FILE.
    """
    try:
        ways = _ways(schema, frozenset())
    except (TooManyWaysError, LookupError, RecursionError, SpecError):
        return None
    if any(_says_more(part.value) for way in ways for part in way):
        return None
    found = (_alternative(way, has_files) for way in ways)
    return [one for one in found if one is not None]


def _ways(schema: Iterable[Node], above: frozenset[tuple[str, str]]) -> list[list[Node]]:
    nodes = list(schema)
    if any(one.value is False for one in nodes):
        return []
    parts = list({part.key: part for one in nodes for part in joined(one)}.values())
    above |= {one.key for one in parts}
    ways = [parts]
    for choice in applicators(parts).choices:
        if any(home(branch).key in above for branch in choice.branches):
            continue  # a child that extends the parent which lists it
        branches = [way for branch in choice.branches for way in _ways([branch], above)]
        if len(ways) * len(branches) > MAX_ALTERNATIVES:
            raise TooManyWaysError
        ways = [[*way, *branch] for way in ways for branch in branches]
    return ways


def _says_more(schema: Mapping[str, Any]) -> bool:
    """Whether values are excluded in words that are not read. `not: {required}` keeps types."""
    if not _UNREAD.isdisjoint(schema):
        return True
    return "not" in schema and mapping(schema["not"]).keys() != {"required"}


def _alternative(way: list[Node], has_files: bool) -> Alternative | None:
    """What all parts of a way say together; None where no value can be all that."""
    parts = list({part.key: part for part in way}.values())
    words = [part.value for part in parts]
    types = _types(parts)
    values = _values(parts)
    if values is not None and types:
        values = tuple(one for one in values if _has_type(one, types))
    if types == frozenset({""}) or values == ():
        return None
    if has_files and any(is_binary(one) for one in words):
        types = frozenset({FILE})
    return Alternative(
        types=types,
        values=values,
        formats=frozenset(_formats(words)),
        is_narrow=any("pattern" in one or not _BOUNDS.isdisjoint(one) for one in words),
        required=frozenset(str(name) for one in words for name in elements(one.get("required"))),
        lengths=_lengths(words),
        applied=applicators(parts),
    )


def _types(parts: list[Node]) -> frozenset[str]:
    """The types that all parts allow; `{""}` where they allow none together."""
    types = frozenset[str]()
    for part in parts:
        own = _own_types(part)
        if own:
            types = common_types(types, own) or frozenset({""}) if types else own
    if "number" in types and any(_is_whole(part.value) for part in parts):
        types = types - {"number"} | {"integer"}
    return types


def _own_types(part: Node) -> frozenset[str]:
    kind = part.value.get("type")
    if is_list(kind):
        return frozenset(str(one) for one in kind) & _STRICT
    if not isinstance(kind, str):
        return frozenset()
    nullable = part.value.get("nullable") is True and dialect_of(part).is_nullable
    return (frozenset({kind, "null"}) if nullable else frozenset({kind})) & _STRICT


def _is_whole(schema: Mapping[str, Any]) -> bool:
    step = schema.get("multipleOf")
    is_step = isinstance(step, (int, float)) and step == int(step)
    return is_step or schema.get("format") in _WHOLE_FORMATS


def _values(parts: list[Node]) -> tuple[Any, ...] | None:
    """The values of all `enum` and `const` together."""
    found: list[Any] | None = None
    for part in parts:
        lists = [elements(part.value["enum"])] if "enum" in part.value else []
        if "const" in part.value and "const" in dialect_of(part).values:
            lists.append([part.value["const"]])
        for own in lists:
            found = own if found is None else [one for one in found if one in own]
    return None if found is None else tuple(found)


def _has_type(value: Any, types: frozenset[str]) -> bool:
    kind = type_of(value)
    return kind in types or (kind == "integer" and "number" in types)


def type_of(value: Any) -> str:
    """The JSON type of a value; 1.0 is an integer (JSON Schema 2020-12, core, section 4.2.1)."""
    if isinstance(value, float) and value.is_integer():
        return "integer"
    return type_name(value)


def _formats(schemas: list[dict[str, Any]]) -> Iterator[str]:
    for schema in schemas:
        if isinstance(schema.get("format"), str):
            yield schema["format"]
        if schema.get("contentEncoding") == "base64":
            yield "byte"


def _lengths(schemas: list[dict[str, Any]]) -> tuple[int, int | None]:
    """The fewest and the most items of an array."""
    least = [one["minItems"] for one in schemas if isinstance(one.get("minItems"), int)]
    most = [one["maxItems"] for one in schemas if isinstance(one.get("maxItems"), int)]
    most += [len(elements(one.get("prefixItems"))) for one in schemas if one.get("items") is False]
    return max(least, default=0), min(most, default=None)
