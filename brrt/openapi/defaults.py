"""Whether the `default` of a schema matches the schema.

The verdicts are those of openapi-spec-validator: OpenAPI 3.0 schemas mean what draft 4 means,
with `nullable`; 3.1 and later mean 2020-12; and the same formats are checked. Most defaults are
a plain value of a plain type and are judged here; the rest is rewritten into one schema without
outside references and given to jsonschema-rs. Nothing is reported here.
"""

import base64
import ipaddress
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import jsonschema_rs

from brrt.openapi.json_values import elements, is_list, is_mapping, mapping
from brrt.openapi.references import Unresolvable
from brrt.openapi.spots import Guide, Spot
from brrt.openapi.violations import violations
from brrt.openapi.walk import FIELDS

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)
_BOUNDS = {"int32": 1 << 31, "int64": 1 << 63}


def _parses(parse: Callable[[str], Any]) -> Callable[[Any], bool]:
    def parses(value: Any) -> bool:
        if not isinstance(value, str):
            return True
        try:
            return bool(parse(value))
        except ValueError:
            return False

    return parses


def _date(text: str) -> bool:
    return bool(_DATE.fullmatch(text) and date.fromisoformat(text))


def _date_time(text: str) -> bool:
    """RFC 3339, section 5.6; the letters may be small."""
    day, letter, time = text[:10], text[10:11], text[11:]
    return letter in ("T", "t") and _date(day) and _clock(time)


def _clock(text: str) -> bool:
    """RFC 3339, section 5.6: full-time."""
    if not _TIME.fullmatch(text):
        return False
    offset = text[8:].lstrip(".0123456789").upper()
    return bool(datetime.fromisoformat(f"1970-01-01T{text[:8]}{'' if offset == 'Z' else offset}"))


def _time(text: str) -> bool:
    """Hours, minutes and seconds only: what the oracle takes for a time."""
    return bool(datetime.strptime(text, "%H:%M:%S"))  # noqa: DTZ007 (no date, no zone)


def _ipv6(text: str) -> bool:
    return not ipaddress.IPv6Address(text).scope_id


def _uuid(text: str) -> bool:
    return bool(UUID(text)) and all(text[place : place + 1] == "-" for place in (8, 13, 18, 23))


def python_pattern(text: Any) -> bool:
    """Whether Python's own `re` reads a pattern, as openapi-spec-validator demands."""
    if not isinstance(text, str):
        return True
    try:
        with warnings.catch_warnings():  # a pattern of another language may look odd
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


# The formats that are checked; all others say nothing about a default.
FORMATS: dict[str, Callable[[Any], bool]] = {
    "email": _parses(lambda text: "@" in text),
    "idn-email": _parses(lambda text: "@" in text),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(_ipv6),
    "date": _parses(_date),
    "date-time": _parses(_date_time),
    "time": _parses(_time),
    "uuid": _parses(_uuid),
    "regex": python_pattern,
}
_BYTE = {"byte": _parses(lambda text: len(base64.b64decode(text, validate=True)) >= 0)}

_PLAIN_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}
_SILENT = frozenset(
    [
        "type",
        "default",
        "description",
        "title",
        "example",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "nullable",
        "$comment",
        "externalDocs",
        "xml",
    ]
)
# What a schema of each version can say about a value, apart from the schemas inside it.
_ASSERTIONS_30 = [
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxProperties",
    "minProperties",
    "enum",
]
_ASSERTIONS = [*_ASSERTIONS_30, *["const", "type", "required", "dependentRequired", "minContains"]]
_ASSERTIONS.append("maxContains")
_UNIONS = ("allOf", "anyOf", "oneOf")
_INNER_30 = ["allOf", "oneOf", "anyOf", "not", "items", "properties", "additionalProperties"]
_INNER = [name for name in FIELDS["schema"] if name not in ("$defs", "definitions")]
_HOME = "definitions"


class Defaults:
    """Judges the defaults of one document."""

    def __init__(self, guide: Guide) -> None:
        self._guide = guide
        self._old = guide.version < (3, 1)
        self._formats = {**FORMATS, **_BYTE} if self._old else FORMATS
        draft4, latest = jsonschema_rs.Draft4Validator, jsonschema_rs.Draft202012Validator
        self._compile: Any = draft4 if self._old else latest

    def wrong(self, schema: Spot) -> str:
        """What is wrong with the default of a schema, or an empty text."""
        value, kind = schema.value["default"], schema.value.get("type")
        if value is None and schema.value.get("nullable") is True:
            return ""
        if isinstance(kind, str) and schema.value.keys() <= _SILENT:
            fits = _PLAIN_TYPES.get(kind)
            if fits is not None and fits(value):
                return ""
        rewriter = _Rewriter(self._guide, self._formats, set(_words(value)))
        try:
            options = {"formats": self._formats, "validate_formats": True, "offline": True}
            validator = self._compile(rewriter.whole(schema), **options)
        except (ValueError, jsonschema_rs.ReferencingError, RecursionError):
            return ""  # a broken schema: reported as such
        found = violations(validator, value)
        return "; ".join(f"{wrong.message}{_at(wrong.pointer)}" for wrong in found)


class _Rewriter:
    """Rewrites one schema, and all that it refers to, into one without outside references.

    `words` are the texts in the default: only these can be names in a discriminator.
    """

    def __init__(self, guide: Guide, formats: Mapping[str, Any], words: set[str]) -> None:
        self._guide = guide
        self._formats = formats
        self._words = words
        self._old = guide.version < (3, 1)
        self._names: dict[tuple[str, str], str] = {}
        self._waiting: list[tuple[str, Spot]] = []

    def whole(self, schema: Spot) -> dict[str, Any]:
        """The schema, and what it refers to as definitions."""
        rewritten = self._rewrite(schema.value, schema)
        home: dict[str, Any] = {}
        while self._waiting:
            name, target = self._waiting.pop()
            home[name] = self._rewrite(target.value, target)
        return {"allOf": [rewritten], _HOME: home}

    def _rewrite(self, schema: Any, owner: Spot) -> Any:
        """The schema in the keywords that the dialect knows; `owner` says where it stands."""
        if not is_mapping(schema):
            return schema
        asserted = _ASSERTIONS_30 if self._old else _ASSERTIONS
        result = {keyword: schema[keyword] for keyword in asserted if keyword in schema}
        conditions: list[Any] = []
        name = str(schema.get("format"))
        if name in self._formats:
            result["format"] = name
        elif name in _BOUNDS:
            conditions.append({"minimum": -_BOUNDS[name], "maximum": _BOUNDS[name] - 1})
        if self._old:
            _rewrite_old(schema, result)
        replaced = self._discriminated(schema, owner, conditions)
        for keyword in _INNER_30 if self._old else _INNER:
            if keyword in schema and keyword not in replaced:
                result[keyword] = self._inner(keyword, schema[keyword], owner)
        reference = schema.get("$ref", schema.get("$dynamicRef"))
        if isinstance(reference, str):
            conditions.extend(self._reference(reference, owner))
        # Draft 4 ignores what stands beside `$ref`; the oracle does not.
        return {"allOf": [result, *conditions]} if conditions else result

    def _inner(self, keyword: str, value: Any, owner: Spot) -> Any:
        if FIELDS["schema"][keyword][0] == "map" and is_mapping(value):
            return {name: self._rewrite(inner, owner) for name, inner in value.items()}
        if is_list(value):
            return [self._rewrite(inner, owner) for inner in value]
        return self._rewrite(value, owner)

    def _reference(self, reference: str, owner: Spot) -> list[Any]:
        """The definition that stands for what a reference leads to."""
        try:
            target = self._guide.resolve(owner, reference)
        except Unresolvable:
            return []
        key = (target.uri, target.pointer)
        if key not in self._names:
            self._names[key] = str(len(self._names))
            self._waiting.append((self._names[key], target))
        return [{"$ref": f"#/{_HOME}/{self._names[key]}"}]

    def _discriminated(
        self, schema: dict[str, Any], owner: Spot, conditions: list[Any]
    ) -> tuple[str, ...]:
        """A discriminator replaces the unions beside it: the schema that it names decides."""
        discriminator = mapping(schema.get("discriminator"))
        name = discriminator.get("propertyName")
        if not isinstance(name, str) or not any(union in schema for union in _UNIONS):
            return ()
        named = mapping(discriminator.get("mapping"))
        branches: list[Any] = []
        for word in sorted(self._words - {""}):
            reference = str(named.get(word) or f"#/components/schemas/{word}")
            chosen = {"properties": {name: {"enum": [word]}}}
            branches += [{"allOf": [chosen, it]} for it in self._reference(reference, owner)]
        conditions.append({"type": "object", "required": [name]})
        conditions.append({"anyOf": branches} if branches else {"not": {}})
        return _UNIONS


def _words(value: Any) -> Iterator[str]:
    """Every text in a value."""
    waiting = [value]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, str):
            yield entry
        elif is_mapping(entry):
            waiting.extend(entry.values())
        elif is_list(entry):
            waiting.extend(entry)


def _rewrite_old(schema: dict[str, Any], result: dict[str, Any]) -> None:
    """OpenAPI 3.0.3, section 4.7.24: `nullable`, and what need not be sent."""
    kind = schema.get("type")
    if isinstance(kind, str):
        result["type"] = [kind, "null"] if schema.get("nullable") is True else kind
    known = mapping(schema.get("properties"))
    kept = [name for name in elements(schema.get("required")) if not _is_one_way(known, name)]
    if kept:
        result["required"] = kept


def _is_one_way(properties: dict[str, Any], name: Any) -> bool:
    entry = mapping(properties.get(str(name)))
    return bool(entry.get("readOnly") or entry.get("writeOnly"))


def _at(pointer: str) -> str:
    return f" (at {pointer})" if pointer else ""
