"""Schemas of every dialect translated to one: JSON Schema 2020-12.

One Translator serves one document and one direction: a read-only property has no place in a
request, a write-only one none in a response (OpenAPI 3.0.4, section 4.7.24.1). Annotations and
definitions are left out, since nothing looks at them; what is added is added to `allOf`. Where
a schema goes and what becomes of the references in it is for the caller to say.

`nullable` counts beside a `type` only, and an `enum` still has to list null: so 3.0.3 says in its
section on Schema Objects, and so do openapi-core and 3.0.4. JSON has one kind of number, so
1.0 is an integer in draft 4 too.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import unquote, urldefrag

from brrt.openapi.binaries import is_binary
from brrt.openapi.constants import inner_base
from brrt.openapi.dialects import (
    DRAFT_2020,
    Dialect,
    Direction,
    declared_dialect,
    dialect_of,
)
from brrt.openapi.discriminators import (
    Discriminator,
    offer,
    read_discriminator,
    steps,
    union_cases,
)
from brrt.openapi.document import Document, Node
from brrt.openapi.families import Families
from brrt.openapi.formats import number_range
from brrt.openapi.hiding import Hiding
from brrt.openapi.json_values import elements, is_list, is_mapping, mapping
from brrt.openapi.patterns import to_engine

# The name that `$recursiveAnchor` gets among the dynamic anchors: none of them is empty.
RECURSION = ""

_UNIONS = ("oneOf", "anyOf")
_IN_PLACE = frozenset({"not", "if", "then", "else"})
_NO_NAMES = frozenset[str]()


class Links(Protocol):
    """Where translated schemas stand: URIs that the engine knows."""

    def schema(self, node: Node, is_plain: bool = False) -> str:
        """The URI of a schema, which is going to be translated as well."""
        ...

    def anchor(self, node: Node, name: str) -> str:
        """The URI of a dynamic anchor in the schema resource around a node."""
        ...


class Translator:
    """Translates the schemas of one document for one direction."""

    def __init__(
        self, document: Document, direction: Direction, links: Links, families: Families
    ) -> None:
        self._document = document
        self._is_upload = direction is Direction.UPLOAD
        self._hiding = Hiding(document, direction)
        self._links = links
        self._families = families
        # The formats that were met: the fewer the engine is told of, the sooner it is ready.
        self.formats: set[str] = set()
        # The patterns that the engine is given in other words, and how they are written.
        self.patterns: dict[str, str] = {}
        self._node = document.root
        self._is_plain = False
        self._base = document.uri
        self._dialect = DRAFT_2020

    def translate(self, node: Node, is_plain: bool = False) -> Any:
        """The schema at a node in 2020-12. What is not a schema at all accepts everything.

        Plain is a schema that another extends: its own discriminator and union choose nothing.
        Raises `LookupError` for references that lead nowhere.
        """
        self._node, self._is_plain = node, is_plain
        self._base, self._dialect = self._document.base(node), dialect_of(node)
        return self._schema(node.value, _NO_NAMES, is_own=True)

    def _schema(self, schema: Any, hidden: frozenset[str], is_own: bool = False) -> Any:
        """`hidden` are properties that are hidden by a schema around this one.

        `is_own` marks the schema at the node and the parts that it is made of by `allOf`.
        """
        if not is_mapping(schema):
            return schema if isinstance(schema, bool) else True
        dialect = self._dialect
        if not dialect.siblings and "$ref" in schema:
            return {"$ref": self._reference(schema["$ref"], is_own)}
        if self._is_upload and is_binary(schema):
            return {"type": schema["type"]} if "type" in schema else True
        hidden |= self._hiding.names(schema, self._base, dialect)
        out = self._keywords(schema, hidden, is_own)
        _put_bounds(out, schema, dialect)
        extra = list(self._constraints(schema, out, hidden, is_own))
        if hidden and is_list(out.get("required")):
            out["required"] = [name for name in out["required"] if name not in hidden]
        if extra:
            out["allOf"] = [*out.get("allOf", ()), *extra]
        return out

    def _keywords(
        self, schema: Mapping[str, Any], hidden: frozenset[str], is_own: bool
    ) -> dict[str, Any]:
        dialect = self._dialect
        out: dict[str, Any] = {}
        for key, value in schema.items():
            if key in dialect.values:
                out[key] = self._pattern(value) if key == "pattern" else value
            elif key in dialect.schemas:
                self._put_schema(out, schema, key, hidden)
            elif key in dialect.lists and is_list(value):
                out[key] = self._list(key, value, hidden, is_own)
            elif key in dialect.maps and is_mapping(value):
                self._put_map(out, key, value)
        return out

    def _inner(self, schema: Any, hidden: frozenset[str] = _NO_NAMES, is_own: bool = False) -> Any:
        """A schema inside another, which may be a resource of its own, or in another dialect."""
        if not is_mapping(schema) or not self._is_resource(schema):
            return self._schema(schema, hidden, is_own)
        resource = self._resource(schema)
        if resource is not None:
            return {"$ref": self._links.schema(resource)}
        outer = self._base, self._dialect
        self._base = inner_base(schema, self._base)
        self._dialect = declared_dialect(schema.get("$schema")) or self._dialect
        try:
            return self._schema(schema, hidden, is_own)
        finally:
            self._base, self._dialect = outer

    def _is_resource(self, schema: Mapping[str, Any]) -> bool:
        """Whether a schema has a name or a dialect of its own."""
        ignored = "$ref" in schema and not self._dialect.siblings
        return (self._dialect.identifier in schema and not ignored) or "$schema" in schema

    def _resource(self, schema: Mapping[str, Any]) -> Node | None:
        """The node of a schema with an `$id`, so that it becomes a resource for the engine."""
        dialect = declared_dialect(schema.get("$schema")) or self._dialect
        identifier = schema.get(dialect.identifier)
        if not isinstance(identifier, str) or self._document.version < (3, 1):
            return None
        try:
            node = self._document.resolve(identifier, self._base)
        except LookupError:
            return None
        return node if node.value is schema else None

    def _list(self, key: str, values: list[Any], hidden: frozenset[str], is_own: bool) -> list[Any]:
        inherited = _NO_NAMES if key == "prefixItems" else hidden
        return [self._inner(one, inherited, is_own and key == "allOf") for one in values]

    def _put_schema(
        self, out: dict[str, Any], schema: Mapping[str, Any], key: str, hidden: frozenset[str]
    ) -> None:
        value = schema[key]
        if key == "items" and is_list(value) and self._dialect.has_tuples:
            out["prefixItems"] = [self._inner(one) for one in value]
            if "additionalItems" in schema:
                out["items"] = self._inner(schema["additionalItems"])
        else:
            out[key] = self._inner(value, hidden if key in _IN_PLACE else _NO_NAMES)

    def _put_map(self, out: dict[str, Any], key: str, value: dict[str, Any]) -> None:
        if key == "patternProperties":
            value = {self._pattern(name): one for name, one in value.items()}
        if key != "dependencies":
            out[key] = {name: self._inner(one) for name, one in value.items()}
            return
        lists = {name: one for name, one in value.items() if is_list(one)}
        out["dependentRequired"] = lists
        others = {name: one for name, one in value.items() if name not in lists}
        out["dependentSchemas"] = {name: self._inner(one) for name, one in others.items()}

    def _pattern(self, pattern: Any) -> Any:
        if not isinstance(pattern, str):
            return pattern
        text = to_engine(pattern)
        if text != pattern:
            self.patterns[text] = pattern
        return text

    def _reference(self, text: Any, is_own: bool = False) -> str:
        """The URI of what a `$ref` names.

        What the schema at the node extends is left plain: a parent that lists its children would
        lead back to them.
        """
        node = self._document.resolve(str(text), self._base)
        if is_own:
            parent = node.follow()
            if _chooses(parent) and self._families.extends(self._node, parent):
                return self._links.schema(parent, is_plain=True)
        return self._links.schema(node)

    def _constraints(
        self, schema: Mapping[str, Any], out: dict[str, Any], hidden: frozenset[str], is_own: bool
    ) -> Iterator[Any]:
        """What is said in other words than the schema's own."""
        if "$ref" in schema:
            out["$ref"] = self._reference(schema["$ref"], is_own)
        if self._dialect.dynamic and self._dialect.dynamic in schema:
            yield self._dynamic(str(schema[self._dialect.dynamic]))
        if "format" in schema:
            self.formats.add(str(schema["format"]))
            bounds = number_range(schema["format"])
            if bounds:
                yield bounds
        own = self._hiding.properties(schema, self._base, self._dialect)
        if own:
            yield {"$comment": self._hiding.word, "properties": dict.fromkeys(own, False)}
        if "discriminator" in schema:
            found = read_discriminator(schema, self._document.version)
            if found is not None and found.property not in hidden:
                yield from self._discriminated(schema, out, found)

    def _dynamic(self, text: str) -> dict[str, str]:
        """JSON Schema 2020-12, section 8.2.3.2; 2019-09, section 8.2.4.2."""
        node = self._document.resolve(text, self._base)
        name = unquote(urldefrag(text)[1])
        schema = mapping(node.value)
        if self._dialect.dynamic == "$recursiveRef":
            name, is_dynamic = RECURSION, schema.get("$recursiveAnchor") is True
        else:
            is_dynamic = bool(name) and schema.get("$dynamicAnchor") == name
        uri = self._links.schema(node)
        return {"$dynamicRef": self._links.anchor(node, name)} if is_dynamic else {"$ref": uri}

    def _discriminated(
        self, schema: Mapping[str, Any], out: dict[str, Any], found: Discriminator
    ) -> Iterator[Any]:
        """What chooses among the branches of a union."""
        keyword = _union(schema)
        if keyword is None:
            return
        if self._is_plain and schema is self._node.value:
            del out[keyword]
            return
        branches = [(one, inner_base(one, self._base)) for one in schema[keyword]]
        hidden = (self._hiding.names(*one, self._dialect) for one in branches)
        if any(found.property in names for names in hidden):
            return
        cases = union_cases(self._document, found, branches, self._base)
        targets = out.pop(keyword)
        plain = {keyword: targets}
        last = offer(found, cases) if cases.is_complete else plain
        made = steps(found, cases, targets, keyword, last)
        yield {"if": {"type": "object"}, "then": {"allOf": made}, "else": plain}


def _union(schema: Mapping[str, Any]) -> str | None:
    """The keyword in whose branches the discriminator of a schema chooses."""
    return next((one for one in _UNIONS if elements(schema.get(one))), None)


def _chooses(node: Node) -> bool:
    return "discriminator" in node and _union(node.value) is not None


def _put_bounds(out: dict[str, Any], schema: Mapping[str, Any], dialect: Dialect) -> None:
    """What 3.0 and draft 4 say in other words: nullable, and boolean exclusive bounds."""
    kind = schema.get("type")
    if dialect.is_nullable and schema.get("nullable") is True and isinstance(kind, str):
        out["type"] = [kind, "null"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if dialect.has_flags or isinstance(out.get(exclusive), bool):
            flag = out.pop(exclusive, None)
            if flag is True and bound in out:
                out[exclusive] = out.pop(bound)
