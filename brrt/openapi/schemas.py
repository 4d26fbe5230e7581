"""JSON Schema: the only file that knows the engine (jsonschema-rs).

All schemas of a document are translated once into one registry; a validator is a small
schema that points into it. Nothing is ever fetched. Patterns run in linear time, with a factor
that `pattern_costs` bounds; only a document whose patterns need look-around gets the backtracking
engine, which has a limit.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, Final

import jsonschema_rs

from brrt.errors import SpecError
from brrt.openapi.dialects import Direction
from brrt.openapi.document import Document, Node
from brrt.openapi.effort import effort
from brrt.openapi.engine_errors import Background, SchemaError, Validator
from brrt.openapi.families import Families
from brrt.openapi.formats import STRING_FORMATS
from brrt.openapi.json_values import mapping
from brrt.openapi.patterns import to_engine
from brrt.openapi.registries import Resources
from brrt.openapi.schema_shapes import ShapeReader
from brrt.openapi.secrets import MemberSecrets, Secrets
from brrt.openapi.shapes import Shape

_LINEAR = jsonschema_rs.RegexOptions()
# Steps that one text may take: 1 ms. The engine's own million is 40 ms, and a body has room for
# thousands of texts; honest texts of 5,000 characters need fewer than these.
MAX_STEPS: Final = 25_000
# Schemas that apply to one value in place: each takes the engine some 20 ns, for every value of a
# body. Hundreds of branches that share tens of parts stay under a tenth.
MAX_SPREAD: Final = 50_000
_BACKTRACKING = jsonschema_rs.FancyRegexOptions(backtrack_limit=MAX_STEPS)


class Schemas:
    """The schemas of one document, compiled on demand.

    Call `add` for every schema first; the first `validator` after that compiles the registry.
    The same schema in the same direction is one validator. What is kept here never leads back
    here: so all goes at once when a document is displaced, and waits for no collector.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._families = Families(document)
        self._resources = {one: Resources(one, document, self._families) for one in Direction}
        self._originals: dict[str, str] = {}
        self._background = Background(partial(_lookup, self._resources), self._originals)
        # What others have compiled from these schemas, kept for as long as they are.
        self.derived: dict[Any, Any] = {}
        self._shapes = ShapeReader(document.version)
        self._validators: dict[Hashable, Validator] = {}
        self._formats: dict[str, Callable[[str], bool]] = {}
        self._registry: jsonschema_rs.Registry | None = None
        self._patterns: jsonschema_rs.RegexOptions | jsonschema_rs.FancyRegexOptions = _LINEAR

    def add(self, node: Node, direction: Direction) -> None:
        """Translate a schema and everything that it refers to.

        Raises `SpecError` for a reference that leads nowhere.
        """
        if self._resources[direction].add(node):
            self._registry = None

    def validator(self, node: Node, direction: Direction) -> Validator:
        """The validator of a schema that was added."""
        uri = self._resources[direction].schema(node)
        known = self._validators.get(uri)
        if known is None:
            named = self._named(uri, node)
            known = self._validators.get(named)
            if known is None:
                known = self._validators[named] = self._validator(named, node)
            self._validators[uri] = known
        return known

    def _named(self, uri: str, node: Node) -> str:
        """The URI of the schema that a mere reference names, which is compiled once for all.

        In another resource it may mean something else, by its dynamic references.
        """
        if self._document.version >= (3, 1) and len(mapping(node.value)) > 1:
            return uri
        named = mapping(self._background.lookup(uri)).get("$ref")
        if isinstance(named, str) and named.partition("#")[0] == uri.partition("#")[0]:
            return named
        return uri

    def _validator(self, uri: str, node: Node) -> Validator:
        schema = {"$ref": uri}
        engine = self._compile(schema, node)
        self._check_spread(uri, node)
        secrets = partial(Secrets, self._families, node)
        return Validator(engine, schema, secrets, self._background)

    def _check_spread(self, uri: str, node: Node) -> None:
        """Raises `SpecError` for a schema that multiplies until every value takes for ever."""
        spread = effort({"$ref": uri}, {}, self._background.lookup, MAX_SPREAD)
        if spread.visits > MAX_SPREAD:
            message = f"every value is held to more than {MAX_SPREAD:,} schemas here"
            cure = (
                "let allOf, anyOf and oneOf refer to each schema once: what is repeated multiplies"
            )
            raise SpecError([node.fault(message, cure)])

    def matcher(self, pattern: str) -> Callable[[str], bool]:
        """Whether a name matches a pattern, as the engine reads it (ECMA-262)."""
        return self._compile({"pattern": to_engine(pattern)}, self._document.root).is_valid

    def object_validator(
        self,
        members: Mapping[str, Node | None],
        required: tuple[str, ...],
        may_be_empty: frozenset[str],
    ) -> Validator:
        """A validator of an object in a request whose members have these schemas.

        Those in `may_be_empty` are not checked where they are the empty text.
        """
        resources = self._resources[Direction.REQUEST]
        uris = {name: resources.schema(node) for name, node in members.items() if node is not None}
        key = (tuple(members), tuple(uris.items()), required, may_be_empty)
        known = self._validators.get(key)
        if known is None:
            properties: dict[str, Any] = {
                name: {"$ref": uris[name]} if name in uris else True for name in members
            }
            for name in may_be_empty:
                properties[name] = {"if": {"const": ""}, "else": properties[name]}
            places = {name: node for name, node in members.items() if node is not None}
            first = next(iter(places.values()), self._document.root)
            schema = {"properties": properties, "required": list(required)}
            engine = self._compile(schema, first)
            for name, uri in uris.items():
                self._check_spread(uri, places[name])
            secrets = partial(MemberSecrets, self._families, places)
            known = self._validators[key] = Validator(engine, schema, secrets, self._background)
        return known

    def shape(self, node: Node | None) -> Shape:
        """What a parameter's text may become under a schema."""
        return self._shapes.read(node)

    def _compile(self, schema: dict[str, Any], node: Node) -> jsonschema_rs.Draft202012Validator:
        """Raises `SpecError`, at `node`, for what only the engine can find out."""
        try:
            if self._registry is None:
                self._registry = self._build_registry()
            return self._engine(schema, self._registry)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            if self._patterns is _BACKTRACKING:
                message = f"the schema cannot be compiled: {getattr(error, 'message', error)}"
                cure = "mend it; brrt knows the keywords of JSON Schema 2020-12"
                raise SpecError([node.fault(message, cure)]) from None
        self._patterns = _BACKTRACKING
        return self._compile(schema, node)

    def _engine(
        self, schema: dict[str, Any], registry: jsonschema_rs.Registry
    ) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(
            schema,
            registry=registry,
            validate_formats=True,
            formats=self._formats,
            pattern_options=self._patterns,
            offline=True,
        )

    def _build_registry(self) -> jsonschema_rs.Registry:
        used = set[str]().union(*(one.formats for one in self._resources.values()))
        for one in self._resources.values():
            self._originals.update(one.patterns)
        self._formats = {name: STRING_FORMATS[name] for name in STRING_FORMATS.keys() & used}
        resources = [entry for one in self._resources.values() for entry in one.entries()]
        return jsonschema_rs.Registry(resources, draft=jsonschema_rs.Draft202012)


def _lookup(resources: Mapping[Direction, Resources], location: str) -> Any:
    """What stands at a URI of the engine, or None."""
    found = (one.lookup(location) for one in resources.values())
    return next((one for one in found if one is not None), None)


__all__ = ["Direction", "SchemaError", "Schemas", "Validator"]
