"""The rules about schemas: valid in their dialect, patterns, defaults, required properties.

openapi-spec-validator looks at the schemas of parameters, of responses and of components, and
from there through references and the plain keywords. Where it looks, its rules are ours: the
same order of the walk, because a schema counts where it is seen first. Everywhere else (request
bodies, headers, callbacks) the same findings are warnings, unless the schema cannot be compiled.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import jsonschema_rs

from brrt.openapi.defaults import Defaults, python_pattern
from brrt.openapi.references import Closure, Target, Unresolvable
from brrt.openapi.rules import Finding
from brrt.openapi.sources import escape_token
from brrt.openapi.structure import resource, violations
from brrt.openapi.walk import METHODS, Found, Place, Trail, pointer_of, trail_of

DRAFT_4 = "http://json-schema.org/draft-04/schema"
OPENAPI_31 = "https://spec.openapis.org/oas/3.1/dialect/base"
OPENAPI_32 = "https://spec.openapis.org/oas/3.2/dialect/2025-09-17"
# The dialects that openapi-spec-validator knows, besides the two above.
_STANDARD = (
    DRAFT_4,
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
)
_DIALECT_FILES = (
    "schemas/oas3.1/metaschema.json",
    "schemas/oas3.1/vocabularies/base",
    "schemas/oas3.2/dialect/2025-09-17.json",
    "schemas/oas3.2/meta/2025-09-17.json",
)
# What a schema may break and still be compiled.
_DECORATIVE = frozenset({"uniqueItems", "minItems", "dependencies"})
# The keywords that openapi-spec-validator descends into, in its order.
_UNIONS = ("allOf", "anyOf", "oneOf")
_COLLECTED = ("allOf", "anyOf", "oneOf", "items", "not")


class _Seen(NamedTuple):
    """A schema on its way through the walk: `top` for those that stand outside of others."""

    value: Any
    uri: str
    base: str
    trail: Trail
    top: bool


def check_schemas(closure: Closure, found: Found, version: tuple[int, int]) -> list[Finding]:
    """All findings about schemas, of the document and of what its references reach."""
    checker = _Checker(closure, version)
    reached = list(_reached(checker, Target(closure.main.uri, "", closure.main.value)))
    places = {id(schema.value) for schema in reached}
    roots = [place for place in found.places["schema"] if place.root and id(place.value) not in places]
    checker.check_dialects(reached, "")
    checker.check_dialects([_seen(place) for place in roots], " elsewhere")
    checker.visit(reached)
    checker.check_rest(found.places["schema"])
    return list(checker.findings)


def _seen(place: Place) -> _Seen:
    return _Seen(place.value, place.uri, place.base, place.trail, True)


class _Checker:
    def __init__(self, closure: Closure, version: tuple[int, int]) -> None:
        self.findings: dict[Finding, None] = {}
        self._closure = closure
        self._version = version
        self._defaults = Defaults(closure, version)
        self._visited: set[int] = set()

    def report(self, rule: str, message: str, cure: str, uri: str, pointer: str) -> None:
        """Note a broken rule; the same one at the same place only once."""
        self.findings[Finding(rule, message, cure, uri, pointer)] = None

    def follow(self, schema: _Seen) -> _Seen | None:
        """The end of a chain of references, or None where it breaks or goes in a circle."""
        for _ in range(64):  # `walk` has reported circles
            value = schema.value
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return schema
            try:
                target = self._closure.resolve(value["$ref"], schema.base)
            except Unresolvable:
                return None
            base = self._closure.base(target.uri, target.pointer)
            trail = trail_of(target.pointer)
            schema = _Seen(target.value, target.uri, base, trail, schema.top)
        return None

    def visit(self, roots: Iterable[_Seen]) -> None:
        """The walk of the oracle: depth first, each schema once, references followed."""
        waiting = list(roots)[::-1]
        while waiting:
            schema = self.follow(waiting.pop())
            if schema is None or not isinstance(schema.value, dict):
                continue
            if id(schema.value) in self._visited:
                continue
            self._visited.add(id(schema.value))
            if "$id" in schema.value:
                base = self._closure.base(schema.uri, pointer_of(schema.trail))
                schema = schema._replace(base=base)
            if schema.top and "allOf" in schema.value:
                self._check_required(schema)
            if "default" in schema.value:
                self._check_default(schema, "default")
            waiting.extend(reversed(list(_inner(schema))))

    def check_rest(self, places: list[Place]) -> None:
        """What no oracle looks at: defaults there, and patterns everywhere."""
        for place in places:
            value = place.value
            if "default" in value and id(value) not in self._visited:
                if self._version >= (3, 1) or "$ref" not in value:
                    self._check_default(_seen(place), "default elsewhere")
            if "pattern" in value:
                self._check_pattern(value["pattern"], place, ("pattern",))
            for pattern in value.get("patternProperties") or ():
                self._check_pattern(pattern, place, ("patternProperties", pattern))

    def _check_default(self, schema: _Seen, rule: str) -> None:
        wrong = self._defaults.wrong(schema.value, schema.base)
        if wrong:
            message = f"the default does not match its schema: {wrong}"
            pointer = f"{pointer_of(schema.trail)}/default"
            self.report(rule, message, "mend the default or the schema", schema.uri, pointer)

    def _check_pattern(self, pattern: Any, place: Place, steps: tuple[str, ...]) -> None:
        if isinstance(pattern, str) and not _compiles(pattern):
            message = f"{pattern!r} is no regular expression"
            pointer = place.pointer + "".join(f"/{escape_token(step)}" for step in steps)
            cure = "write it in the syntax of ECMA-262 (JavaScript)"
            self.report("pattern", message, cure, place.uri, pointer)

    def _check_required(self, schema: _Seen) -> None:
        """ExtraParametersError of openapi-spec-validator: `required` beside `allOf`."""
        required = schema.value.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        known = self._properties(schema) if names else set[str]()
        for index, name in enumerate(names):
            if name not in known:
                message = f"the required property {name!r} is defined neither here nor in allOf"
                cure = f"define {name!r} in properties, or remove it from required"
                pointer = f"{pointer_of(schema.trail)}/required/{index}"
                self.report("required", message, cure, schema.uri, pointer)

    def _properties(self, schema: _Seen) -> set[str]:
        """The properties of a schema and of the members of its allOf, at any depth."""
        names = set(_mapping(schema.value.get("properties")))
        waiting = list(_below(schema, ("allOf",)))
        seen: set[int] = set()
        while waiting:
            inner = self.follow(waiting.pop())
            if inner is None or not isinstance(inner.value, dict) or id(inner.value) in seen:
                continue
            seen.add(id(inner.value))
            names.update(_mapping(inner.value.get("properties")))
            waiting.extend(_below(inner, _COLLECTED))
        return names

    def check_dialects(self, roots: list[_Seen], suffix: str) -> None:
        """Whole schemas against the meta-schemas of their dialects, all of one at once."""
        groups: dict[str, list[_Seen]] = {}
        for root in roots:
            schema = self.follow(root)
            if schema is not None and isinstance(schema.value, dict):
                groups.setdefault(self._dialect(schema), []).append(schema)
        for dialect, schemas in groups.items():
            validator = _meta_validator(dialect)
            if validator is not None:
                self._check_dialect(validator, schemas, suffix)

    def _check_dialect(self, validator: Any, schemas: list[_Seen], suffix: str) -> None:
        unique = list({id(schema.value): schema for schema in schemas}.values())
        for wrong in violations(validator, [schema.value for schema in unique]):
            index, _, rest = wrong.pointer[1:].partition("/")
            schema = unique[int(index)]
            pointer = pointer_of(schema.trail) + (f"/{rest}" if rest else "")
            rule, message, cure = f"schema decoration{suffix}", wrong.message, wrong.cure
            if wrong.keyword == "format":
                rule = f"python pattern{suffix}"
                message = f"{message.split(' is not')[0]} is a pattern that Python's re refuses"
                cure = "other tools refuse it too; write it without what only JavaScript knows"
            elif wrong.keyword not in _DECORATIVE and not _is_dependency(message):
                rule = "schema"
            self.report(rule, message, cure, schema.uri, pointer)

    def _dialect(self, schema: _Seen) -> str:
        """The dialect of a schema; one that nobody knows is a finding."""
        if self._version < (3, 1):
            return DRAFT_4
        own = OPENAPI_31 if self._version == (3, 1) else OPENAPI_32
        declared = schema.value.get("$schema")
        uri, pointer = schema.uri, f"{pointer_of(schema.trail)}/$schema"
        if declared is None:
            declared = self._closure.main.value.get("jsonSchemaDialect", own)
            uri, pointer = self._closure.main.uri, "/jsonSchemaDialect"
        dialect = declared.rstrip("#") if isinstance(declared, str) else ""
        if dialect in (OPENAPI_31, OPENAPI_32, *_STANDARD):
            return dialect
        cure = f"brrt knows {', '.join((OPENAPI_31, *_STANDARD[2:]))}"
        self.report("dialect", f"the JSON Schema dialect {declared!r} is unknown", cure, uri, pointer)
        return own


def _is_dependency(message: str) -> bool:
    """Draft 4 wants `maximum` beside `exclusiveMaximum`; without it nothing is lost."""
    return message in ("'minimum' is missing", "'maximum' is missing")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _inner(schema: _Seen) -> Iterator[_Seen]:
    """The schemas inside, in the order of openapi-spec-validator."""
    yield from _below(schema, (*_UNIONS, "not", "items"))
    _, uri, base, trail, _ = schema
    for name, inner in _mapping(schema.value.get("properties")).items():
        yield _Seen(inner, uri, base, ((trail, "properties"), name), False)


def _below(schema: _Seen, keywords: tuple[str, ...]) -> Iterator[_Seen]:
    value, uri, base, trail, _ = schema
    for keyword in keywords:
        inner = value.get(keyword)
        if isinstance(inner, list):
            for index, entry in enumerate(inner):
                yield _Seen(entry, uri, base, ((trail, keyword), index), False)
        elif isinstance(inner, dict):
            yield _Seen(inner, uri, base, (trail, keyword), False)


@cache
def _compiles(pattern: str) -> bool:
    if python_pattern(pattern) and pattern.isalnum():
        return True
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True)
    except ValueError:
        return False
    return True


@cache
def _meta_validator(dialect: str) -> Any:
    """The compiled meta-schema for a list of schemas; Python judges patterns, as the oracle."""
    formats = {"regex": python_pattern}
    for name in ("uri", "uri-reference", "iri", "iri-reference"):
        formats[name] = _anything
    options: dict[str, Any] = {"formats": formats, "validate_formats": True, "offline": True}
    if dialect in (OPENAPI_31, OPENAPI_32):
        files = [resource("openapi_schema_validator", path) for path in _DIALECT_FILES]
        draft = jsonschema_rs.Draft202012
        registry = jsonschema_rs.Registry([(file["$id"], file) for file in files], draft=draft)
        schema: dict[str, Any] = {"items": {"$ref": dialect}}
        return jsonschema_rs.Draft202012Validator(schema, registry=registry, **options)
    identifier = f"{dialect}#" if "draft-0" in dialect else dialect
    schema = {"$schema": identifier, "items": {"$ref": identifier}}
    return jsonschema_rs.validator_cls_for(schema)(schema, **options)


def _anything(value: Any) -> bool:
    return True


def _reached(checker: _Checker, root: Target) -> Iterator[_Seen]:
    """The schemas where openapi-spec-validator begins, in its order."""
    start = _Seen(root.value, root.uri, root.uri, None, True)
    paths = _step(checker, start, "paths")
    for name in _mapping(paths.value) if paths else ():
        item = _step(checker, paths, name)
        if item is not None:
            yield from _of_item(checker, item)
    components = _step(checker, start, "components")
    schemas = _step(checker, components, "schemas")
    for name in _mapping(schemas.value) if schemas else ():
        schema = _step(checker, schemas, name)
        if schema is not None:
            yield schema


def _step(checker: _Checker, owner: _Seen | None, name: str | int) -> _Seen | None:
    """What stands below, references followed; None where nothing does."""
    if owner is None:
        return None
    value: Any = owner.value
    known = isinstance(value, list if isinstance(name, int) else dict)
    if not known or (isinstance(value, dict) and name not in value):
        return None
    return checker.follow(_Seen(value[name], owner.uri, owner.base, (owner.trail, name), True))


def _of_item(checker: _Checker, item: _Seen) -> Iterator[_Seen]:
    yield from _of_parameters(checker, item)
    for method in _mapping(item.value):
        if method in METHODS:
            yield from _of_operation(checker, _step(checker, item, method))
    more = _step(checker, item, "additionalOperations")
    for method in _mapping(more.value) if more else ():
        yield from _of_operation(checker, _step(checker, more, method))


def _of_operation(checker: _Checker, operation: _Seen | None) -> Iterator[_Seen]:
    responses = _step(checker, operation, "responses")
    for status in _mapping(responses.value) if responses else ():
        content = _step(checker, _step(checker, responses, status), "content")
        for media in _mapping(content.value) if content else ():
            schema = _step(checker, _step(checker, content, media), "schema")
            if schema is not None:
                yield schema
    yield from _of_parameters(checker, operation)


def _of_parameters(checker: _Checker, owner: _Seen | None) -> Iterator[_Seen]:
    parameters = _step(checker, owner, "parameters")
    count = len(parameters.value) if parameters and isinstance(parameters.value, list) else 0
    for index in range(count):
        schema = _step(checker, _step(checker, parameters, index), "schema")
        if schema is not None:
            yield schema
