"""Does the `default` of a schema match the schema?

The verdicts are those of openapi-spec-validator: OpenAPI 3.0 schemas mean what draft 4 means,
with `nullable`; 3.1 and later mean 2020-12; and the same formats are checked. Most defaults are
a plain value of a plain type and are judged here; the rest is rewritten into one schema without
outside references and given to jsonschema-rs. Nothing is reported here.
"""

import base64
import ipaddress
import re
import warnings
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import jsonschema_rs

from brrt.openapi.references import Closure, Target, Unresolvable
from brrt.openapi.structure import violations
from brrt.openapi.walk import FIELDS

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)
_INTEGERS = {"int32": 1 << 31, "int64": 1 << 63}


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
    return bool(datetime.strptime(text, "%H:%M:%S"))


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
_BYTE = {"byte": _parses(lambda text: base64.b64decode(text, validate=True) is not None)}

_PLAIN_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}
_SILENT = frozenset(
    "type default description title example examples deprecated readOnly writeOnly nullable "
    "$comment externalDocs xml".split()
)
# What a schema of each version can say about a value, apart from the schemas inside it.
_ASSERTIONS_30 = (
    "multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern "
    "maxItems minItems uniqueItems maxProperties minProperties enum"
).split()
_ASSERTIONS = [*_ASSERTIONS_30, *"const type required dependentRequired minContains".split()]
_ASSERTIONS.append("maxContains")
_INNER_30 = "allOf oneOf anyOf not items properties additionalProperties".split()
_INNER = [name for name in FIELDS["schema"] if name not in ("$defs", "definitions")]
_HOME = "definitions"


class Defaults:
    """Judges defaults of one document; what a reference leads to is rewritten once."""

    def __init__(self, closure: Closure, version: tuple[int, int]) -> None:
        self._closure = closure
        self._old = version < (3, 1)
        self._names: dict[tuple[str, str], str] = {}
        self._rewritten: dict[str, tuple[Any, list[str]]] = {}
        self._targets: dict[str, Target] = {}
        self._used: list[str] = []
        self._formats = {**FORMATS, **_BYTE} if self._old else FORMATS
        draft4, latest = jsonschema_rs.Draft4Validator, jsonschema_rs.Draft202012Validator
        self._compile: Any = draft4 if self._old else latest

    def wrong(self, schema: dict[str, Any], base: str) -> str:
        """What is wrong with the default of a schema, or an empty text."""
        value = schema["default"]
        if value is None and schema.get("nullable") is True:
            return ""
        if isinstance(schema.get("type"), str) and schema.keys() <= _SILENT:
            fits = _PLAIN_TYPES.get(schema["type"])
            if fits is not None and fits(value):
                return ""
        try:
            validator = self._validator(schema, base)
        except (ValueError, jsonschema_rs.ReferencingError, RecursionError):
            return ""  # a broken schema: reported as such
        found = violations(validator, value)
        return "; ".join(f"{wrong.message}{_at(wrong.pointer)}" for wrong in found)

    def _validator(self, schema: dict[str, Any], base: str) -> Any:
        self._used = []
        rewritten = self._rewrite(schema, base)
        waiting, home = list(self._used), dict[str, Any]()
        while waiting:
            name = waiting.pop()
            if name not in home:
                home[name], used = self._definition(name)
                waiting.extend(used)
        whole = {"allOf": [rewritten], _HOME: home}
        return self._compile(whole, formats=self._formats, validate_formats=True, offline=True)

    def _definition(self, name: str) -> tuple[Any, list[str]]:
        known = self._rewritten.get(name)
        if known is None:
            target = self._targets[name]
            self._used = []
            rewritten = self._rewrite(
                target.value, self._closure.base(target.uri, target.pointer)
            )
            known = self._rewritten[name] = (rewritten, self._used)
        return known

    def _rewrite(self, schema: Any, base: str) -> Any:
        """The schema with inner references, in the keywords that the dialect knows."""
        if not isinstance(schema, dict):
            return schema
        result: dict[str, Any] = {}
        for keyword in _ASSERTIONS_30 if self._old else _ASSERTIONS:
            if keyword in schema:
                result[keyword] = schema[keyword]
        if str(schema.get("format")) in self._formats:
            result["format"] = str(schema["format"])
        bound = _INTEGERS.get(str(schema.get("format")))
        if bound is not None:
            result["allOf"] = [{"minimum": -bound, "maximum": bound - 1}]
        if self._old:
            _rewrite_old(schema, result)
        for keyword in _INNER_30 if self._old else _INNER:
            if keyword in schema:
                inner = self._rewrite_inner(keyword, schema[keyword], base)
                more = result.get(keyword)
                result[keyword] = [*more, *inner] if more and isinstance(inner, list) else inner
        if "discriminator" in schema:
            _rewrite_discriminator(schema, result)
        return self._rewrite_reference(schema, result, base)

    def _rewrite_inner(self, keyword: str, value: Any, base: str) -> Any:
        shape = FIELDS["schema"][keyword][0]
        if shape == "map" and isinstance(value, dict):
            return {name: self._rewrite(inner, base) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._rewrite(inner, base) for inner in value]
        return self._rewrite(value, base)

    def _rewrite_reference(self, schema: dict[str, Any], result: Any, base: str) -> Any:
        """Draft 4 ignores what stands beside `$ref`, the oracle does not: both apply."""
        reference = schema.get("$ref", schema.get("$dynamicRef"))
        if not isinstance(reference, str):
            return result
        try:
            target = self._closure.resolve(reference, base)
        except Unresolvable:
            return result
        key = (target.uri, target.pointer)
        name = self._names.setdefault(key, str(len(self._names)))
        self._targets[name] = target
        self._used.append(name)
        refers = {"$ref": f"#/{_HOME}/{name}"}
        return {"allOf": [refers, result]} if result else refers


def _rewrite_old(schema: dict[str, Any], result: dict[str, Any]) -> None:
    """OpenAPI 3.0.3, section 4.7.24: `nullable`, and what need not be sent."""
    kind = schema.get("type")
    if isinstance(kind, str):
        result["type"] = [kind, "null"] if schema.get("nullable") is True else kind
    required = schema.get("required")
    if isinstance(required, list):
        properties: Any = schema.get("properties")
        known: Any = properties if isinstance(properties, dict) else {}
        kept = [name for name in required if not _one_way(known, name)]
        if kept:
            result["required"] = kept


def _one_way(properties: dict[str, Any], name: Any) -> bool:
    entry = properties.get(name) if isinstance(name, str) else None
    return isinstance(entry, dict) and bool(entry.get("readOnly") or entry.get("writeOnly"))


def _rewrite_discriminator(schema: dict[str, Any], result: dict[str, Any]) -> None:
    """With a union beside it, a discriminator demands an object that has its property."""
    discriminator: Any = schema["discriminator"]
    name = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
    if isinstance(name, str) and any(union in schema for union in ("allOf", "anyOf", "oneOf")):
        result["allOf"] = [*result.get("allOf", ()), {"type": "object", "required": [name]}]


def _at(pointer: str) -> str:
    return f" (at {pointer})" if pointer else ""
