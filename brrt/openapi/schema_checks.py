"""The rules about schemas: valid in their dialect, patterns, defaults, required properties.

Where openapi-spec-validator looks (see `reach`), its rules are ours. Everywhere else (request
bodies, headers, callbacks) the same findings are warnings, unless the schema cannot be compiled.
Whole schemas are checked against the meta-schemas of their dialects at once, by jsonschema-rs.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from brrt.openapi.defaults import Defaults, python_pattern
from brrt.openapi.json_values import elements, is_list, is_mapping, mapping, split_pointer
from brrt.openapi.matching import compiles
from brrt.openapi.pattern_costs import MAX_WIDTH, cost
from brrt.openapi.reach import properties, reached, visited
from brrt.openapi.references import DOCUMENT_URI
from brrt.openapi.rules import Findings
from brrt.openapi.spots import Guide, Spot, Trail
from brrt.openapi.structure import resource
from brrt.openapi.violations import Wrong, violations
from brrt.openapi.walk import Found

DRAFT_4 = "http://json-schema.org/draft-04/schema"
OPENAPI_31 = "https://spec.openapis.org/oas/3.1/dialect/base"
OPENAPI_32 = "https://spec.openapis.org/oas/3.2/dialect/2025-09-17"
# The dialects that openapi-spec-validator knows and jsonschema-rs brings along.
_STANDARD = (
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
)
_DIALECTS = (DRAFT_4, OPENAPI_31, OPENAPI_32, *_STANDARD)
_OPENAPI_FILES = (
    "schemas/oas3.1/metaschema.json",
    "schemas/oas3.1/vocabularies/base",
    "schemas/oas3.2/dialect/2025-09-17.json",
    "schemas/oas3.2/meta/2025-09-17.json",
)
# What a schema may break and still be compiled.
_DECORATIVE = frozenset({"uniqueItems", "minItems"})
# Words that decide about no value, and those of 2019-09 that later dialects have dropped.
_SILENT = frozenset(
    ["title", "description", "$comment", "examples", "deprecated", "$recursiveAnchor"]
)
_BOUNDS = frozenset(["exclusiveMinimum", "exclusiveMaximum"])
_MEMBERS = frozenset(["properties", "patternProperties", "dependentSchemas", "$defs"])
# Draft 4 wants `maximum` beside `exclusiveMaximum`; without it nothing is lost.
_DEPENDENCIES = frozenset({"'minimum' is missing", "'maximum' is missing"})
_FOR_PYTHON = "other tools refuse it too: write it without what only JavaScript knows"
_ELSEWHERE = " elsewhere"


def check_schemas(guide: Guide, found: Found) -> Findings:
    """All findings about schemas, of the document and of what its references reach."""
    findings = Findings()
    defaults = Defaults(guide)
    roots = list(reached(guide))
    known = {id(root.value) for root in roots}
    schemas = found.places["schema"]
    others = [one.spot for one in schemas if one.top or "$schema" in one.value]
    _check_dialects(findings, guide, roots, "")
    others = [spot for spot in others if id(spot.value) not in known]
    _check_dialects(findings, guide, others, _ELSEWHERE)
    seen: set[int] = set()
    for schema in visited(guide, roots):
        seen.add(id(schema.value))
        if schema.top and "allOf" in schema.value:
            _check_required(findings, guide, schema)
        if "default" in schema.value:
            _check_default(findings, defaults, schema, "default")
    for place in found.places["schema"]:
        if "pattern" in place.value or "patternProperties" in place.value:
            _check_patterns(findings, place.spot)
        unseen = "default" in place.value and id(place.value) not in seen
        if unseen and (guide.version >= (3, 1) or "$ref" not in place.value):
            _check_default(findings, defaults, place.spot, f"default{_ELSEWHERE}")
    return findings


def _check_default(findings: Findings, defaults: Defaults, schema: Spot, rule: str) -> None:
    wrong = defaults.wrong(schema)
    if wrong:
        message = f"the default does not match its schema: {wrong}"
        findings.add(rule, message, "mend the default or the schema", schema, "default")


def _check_patterns(findings: Findings, schema: Spot) -> None:
    cure = "write it in the syntax of ECMA-262 (JavaScript)"
    pattern = schema.value.get("pattern")
    if isinstance(pattern, str) and not compiles(pattern):
        findings.add("pattern", f"{pattern!r} is no regular expression", cure, schema, "pattern")
    elif isinstance(pattern, str):
        _check_cost(findings, schema, pattern, schema.value, "pattern")
    names = mapping(schema.value.get("propertyNames"))
    for name in mapping(schema.value.get("patternProperties")):
        if not compiles(name):
            message = f"{name!r} is no regular expression"
            findings.add("pattern", message, cure, schema, "patternProperties", name)
        else:
            _check_cost(findings, schema, name, names, "patternProperties", name)


def _check_cost(
    findings: Findings, schema: Spot, pattern: str, texts: dict[str, Any], *steps: str
) -> None:
    """A pattern that some texts keep busy for ever; `texts` says how long they may be."""
    found, longest = cost(pattern), texts.get("maxLength")
    if found.is_tried:
        message = f"{pattern!r} takes for ever with texts that nearly match"
        cure = (
            "write it without what looks around or refers back, or repeat nothing behind a + or *"
            " that is repeated itself"
        )
        findings.add("pattern cost", message, cure, schema, *steps)
    elif found.width > MAX_WIDTH and not (isinstance(longest, int) and longest <= MAX_WIDTH):
        message = (
            f"{pattern!r} keeps everything waiting: a text may be at {found.width:,.0f} places of"
            " it at once"
        )
        cure = (
            f"let it begin with ^, repeat less (up to {MAX_WIDTH} places are fine), or say how"
            f" long a text may be: maxLength up to {MAX_WIDTH}"
        )
        findings.add("pattern cost", message, cure, schema, *steps)


def _check_required(findings: Findings, guide: Guide, schema: Spot) -> None:
    """ExtraParametersError of openapi-spec-validator: `required` beside `allOf`."""
    required = elements(schema.value.get("required"))
    known = properties(guide, schema) if required else set[str]()
    for index, name in enumerate(required):
        if isinstance(name, str) and name not in known:
            message = f"the required property {name!r} is defined neither here nor in allOf"
            cure = f"define {name!r} in properties, or remove it from required"
            findings.add("required", message, cure, schema, "required", index)


def _check_dialects(findings: Findings, guide: Guide, roots: list[Spot], suffix: str) -> None:
    """Whole schemas against the meta-schemas of their dialects, all of one at once."""
    groups: dict[str, dict[int, Spot]] = {}
    for root in roots:
        schema = guide.follow(root)
        if schema is not None and is_mapping(schema.value):
            dialect = _dialect(findings, guide, schema)
            groups.setdefault(dialect, {}).setdefault(id(schema.value), schema)
    for dialect, schemas in groups.items():
        _check_dialect(findings, _meta_validator(dialect), list(schemas.values()), suffix)


def _check_dialect(findings: Findings, validator: Any, schemas: list[Spot], suffix: str) -> None:
    for wrong in violations(validator, [schema.value for schema in schemas]):
        index, *steps = wrong.pointer[1:].split("/")
        plain = [step.replace("~1", "/").replace("~0", "~") for step in steps]
        inward = _inward(schemas[int(index)].value, plain)
        if any(isinstance(one.get("$schema"), str) for one in inward):
            continue  # that one is checked by itself
        rule, message, cure = f"schema decoration{suffix}", wrong.message, wrong.cure
        if wrong.keyword == "format":
            rule = f"python pattern{suffix}"
            message = f"{message.removesuffix(' is not a valid regex')} is no pattern for Python"
            cure = _FOR_PYTHON
        elif wrong.keyword == "propertyNames" and plain[-1:] == ["patternProperties"]:
            rule, cure = f"python pattern{suffix}", _FOR_PYTHON
            message = "a pattern here is none for Python"
        elif _is_old_bound(wrong, plain):
            cure = "write the bound itself here; a boolean is a word of OpenAPI 3.0"
        elif not _is_harmless(wrong, plain):
            rule = "schema"
        findings.add(rule, message, cure, schemas[int(index)], *plain)


def _is_harmless(wrong: Wrong, steps: list[str]) -> bool:
    """Whether a schema means something without what is wrong in it."""
    if wrong.keyword in _DECORATIVE or wrong.message in _DEPENDENCIES:
        return True
    return _is_keyword(steps, _SILENT)


def _is_old_bound(wrong: Wrong, steps: list[str]) -> bool:
    """Whether an exclusive bound is a boolean, as in 3.0; it is read so."""
    is_boolean = wrong.message.startswith(("true is not of type", "false is not of type"))
    return is_boolean and _is_keyword(steps, _BOUNDS)


def _is_keyword(steps: list[str], names: frozenset[str]) -> bool:
    """Whether the last step is one of these keywords, and no member of that name."""
    return bool(steps) and steps[-1] in names and not _MEMBERS & set(steps[-2:-1])


def _dialect(findings: Findings, guide: Guide, schema: Spot) -> str:
    """The dialect of a schema; one that nobody knows is a finding."""
    if guide.version < (3, 1):
        return DRAFT_4
    own = OPENAPI_31 if guide.version == (3, 1) else OPENAPI_32
    spot, keyword = _declaration(guide, schema)
    declared = mapping(spot.value).get(keyword, own)
    dialect = declared.rstrip("#") if isinstance(declared, str) else ""
    if dialect in _DIALECTS:
        return dialect
    cure = f"brrt knows {', '.join((OPENAPI_31, *_STANDARD[1:]))}"
    findings.add("dialect", f"the JSON Schema dialect {declared!r} is unknown", cure, spot, keyword)
    return own


def _declaration(guide: Guide, schema: Spot) -> tuple[Spot, str]:
    """Where the dialect of a schema is said: the nearest `$schema`, or else in its document."""
    whole = guide.closure.resources[schema.uri].value
    spot, keyword = Spot(whole, schema.uri, schema.base), "jsonSchemaDialect"
    if isinstance(mapping(whole).get("$schema"), str):
        keyword = "$schema"
    tokens = split_pointer(schema.pointer)
    trail: Trail = None
    for token, outer in zip(tokens, _inward(whole, tokens), strict=True):
        trail = (trail, token)
        if isinstance(outer.get("$schema"), str):
            spot, keyword = Spot(outer, schema.uri, schema.base, trail), "$schema"
    return spot, keyword


def _inward(value: Any, tokens: list[str]) -> Iterator[dict[str, Any]]:
    """The objects that stand on the way to a place, the one there included."""
    for token in tokens:
        value = value[int(token)] if is_list(value) else mapping(value).get(token)
        yield mapping(value)


@cache
def _meta_validator(dialect: str) -> Any:
    """The compiled meta-schema for a list of schemas; Python judges patterns, as the oracle."""
    formats: dict[str, Callable[[Any], bool]] = {"regex": python_pattern}
    for name in ("uri", "uri-reference", "iri", "iri-reference"):
        formats[name] = _anything
    options: dict[str, Any] = {"formats": formats, "validate_formats": True, "offline": True}
    if dialect == DRAFT_4:
        return _draft_4(options)
    if dialect in (OPENAPI_31, OPENAPI_32):
        files = [resource("openapi_schema_validator", path) for path in _OPENAPI_FILES]
        entries = [(str(file["$id"]), file) for file in files]
        registry = jsonschema_rs.Registry(entries, draft=jsonschema_rs.Draft202012)
        schema: dict[str, Any] = {"items": {"$ref": dialect}}
        return jsonschema_rs.Draft202012Validator(schema, registry=registry, **options)
    identifier = f"{dialect}#" if "draft-0" in dialect else dialect
    schema = {"$schema": identifier, "items": {"$ref": identifier}}
    return jsonschema_rs.validator_cls_for(schema)(schema, **options)


def _draft_4(options: dict[str, Any]) -> Any:
    """The published meta-schema under a name of ours: the one in jsonschema-rs is laxer."""
    name = f"{DOCUMENT_URI}:draft-04"
    schema = resource("jsonschema_specifications", "schemas/draft4/metaschema.json")
    entries = [(name, {**schema, "id": name})]
    registry = jsonschema_rs.Registry(entries, draft=jsonschema_rs.Draft4)
    return jsonschema_rs.Draft4Validator({"items": {"$ref": name}}, registry=registry, **options)


def _anything(_value: Any) -> bool:
    return True
