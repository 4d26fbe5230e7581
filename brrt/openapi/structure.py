"""The structural check: the specification's own JSON Schema, and its errors in plain words.

The schemas are the resource files of openapi-spec-validator and openapi-schema-validator; their
code is not imported (it takes 0.3 s). jsonschema-rs does the work. Its errors about unions are
followed into the branch that was most likely meant. No rule of our own stands here.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec

from brrt.openapi.rules import Finding
from brrt.openapi.sources import escape_token
from brrt.openapi.walk import Found

# What may be missing or wrong while the document still says what to serve.
_DISPENSABLE = frozenset("info title version description responses url paths summary".split())
_DECORATIVE = frozenset(
    "externalDocs example examples xml links summary description deprecated title contact license "
    "termsOfService tags".split()
)
_DECORATIVE_KEYWORDS = frozenset(
    "additionalProperties unevaluatedProperties format uniqueItems minItems propertyNames "
    "minProperties dependentSchemas pattern".split()
)
# The definition of each kind of object in the schemas of 3.0 and of 3.1 and later.
_DEFINITIONS = {
    "path item": ("PathItem", "path-item"),
    "parameter": ("Parameter", "parameter"),
    "header": ("Header", "header"),
    "request body": ("RequestBody", "request-body"),
    "response": ("Response", "response"),
    "media type": ("MediaType", "media-type"),
    "example": ("Example", "example"),
    "link": ("Link", "link"),
    "callback": ("Callback", "callbacks"),
    "security scheme": ("SecurityScheme", "security-scheme"),
    "schema": ("Schema", "schema"),
}
_SHOWN = 60


class Wrong(NamedTuple):
    """One violation: which keyword, at which pointer, what is wrong and what to do."""

    keyword: str
    pointer: str
    message: str
    cure: str


def resource(package: str, path: str) -> Any:
    """A JSON file of an installed package, without importing the package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    return msgspec.json.decode(Path(spec.submodule_search_locations[0], path).read_bytes())


@cache
def _specification(version: tuple[int, int]) -> dict[str, Any]:
    number = ".".join(map(str, version))
    schema: Any = resource("openapi_spec_validator", f"resources/schemas/v{number}/schema.json")
    return dict(schema)


@cache
def _validator(version: tuple[int, int], definition: str) -> Any:
    """The compiled schema of a whole document, or of one definition in it."""
    schema = dict(_specification(version))
    if definition:
        kept = {key: schema[key] for key in ("$schema", "definitions", "$defs") if key in schema}
        container = "definitions" if "definitions" in kept else "$defs"
        schema = {**kept, "allOf": [{"$ref": f"#/{container}/{definition}"}]}
    return jsonschema_rs.validator_cls_for(schema)(schema, offline=True)


def check_structure(found: Found, version: tuple[int, int], main: str) -> Iterator[Finding]:
    """Everything that the specification's schema refuses: in the document, and in what its
    references reach outside of it."""
    root = found.places["document"][0]
    yield from _findings(_validator(version, ""), version, root.value, main, "")
    column = 0 if version == (3, 0) else 1
    for place in found.entrances:
        if place.kind not in _DEFINITIONS or "$ref" in place.value:
            continue
        validator = _validator(version, _DEFINITIONS[place.kind][column])
        yield from _findings(validator, version, place.value, place.uri, place.pointer)


def _findings(
    validator: Any, version: tuple[int, int], value: Any, uri: str, prefix: str
) -> Iterator[Finding]:
    allowed = _allowed(version)
    for wrong in violations(validator, value, allowed):
        pointer = prefix + wrong.pointer
        if pointer == "/paths" and wrong.keyword in ("additionalProperties", "unevaluatedProperties"):
            continue  # paths without a slash: a rule of `checks`
        rule = "decoration" if _decorative(wrong, pointer) else "structure"
        yield Finding(rule, wrong.message, wrong.cure, uri, pointer)


def _allowed(version: tuple[int, int]) -> Callable[[Any], list[str]]:
    def names(error: Any) -> list[str]:
        """The properties that the object of an unexpected one may have."""
        root = _specification(version)
        schema: Any = root
        for step in error.schema_path[:-1]:
            schema = schema.get(str(step)) if isinstance(schema, dict) else None
        return _known_names(schema, root)

    return names


def _known_names(schema: Any, root: dict[str, Any]) -> list[str]:
    """The properties that a schema knows, in its own branches included."""
    if isinstance(schema, list):
        return [name for entry in schema for name in _known_names(entry, root)]
    if not isinstance(schema, dict):
        return []
    names = list(schema.get("properties", ()))
    reference = str(schema.get("$ref", ""))
    if reference.startswith(("#/$defs/", "#/definitions/")):
        inner: Any = root
        for step in reference.split("/")[1:]:
            inner = inner[step]
        names += _known_names(inner, root)
    for keyword in ("allOf", "then", "else"):
        names += _known_names(schema.get(keyword), root)
    return names + _known_names(list(schema.get("dependentSchemas", {}).values()), root)


def _decorative(wrong: Wrong, pointer: str) -> bool:
    tokens = pointer.split("/")[1:]
    if tokens and tokens[0] in ("info", "tags", "externalDocs"):
        return True
    if tokens and tokens[-1] in _DECORATIVE and tokens[-2:-1] != ["properties"]:
        return True
    if wrong.keyword == "required":
        return wrong.cure.removeprefix("add ").split(",")[0] in _DISPENSABLE
    return wrong.keyword in _DECORATIVE_KEYWORDS


def violations(
    validator: Any, value: Any, allowed: Callable[[Any], Sequence[str]] = lambda error: ()
) -> list[Wrong]:
    """What a compiled schema finds wrong with a value, each violation once, in plain words."""
    found: dict[tuple[str, str], Wrong] = {}
    leaves = [leaf for error in validator.iter_errors(value) for leaf in _leaves(error)]
    places = Counter(pointer_to(leaf) for leaf in leaves)
    for leaf in leaves:
        pointer = pointer_to(leaf)
        message, cure = _words(leaf, allowed, places[pointer] == 1)
        if message:
            wrong = Wrong(leaf.kind.name, pointer, message, cure)
            found.setdefault((pointer, message), wrong)
    return list(found.values())


def pointer_to(error: Any) -> str:
    """The JSON pointer of the value that an error of jsonschema-rs is about."""
    return "".join(f"/{escape_token(step)}" for step in error.instance_path)


def _leaves(error: Any) -> list[Any]:
    """The errors that a person should see: unions opened at their most likely branch."""
    branches = [branch for branch in getattr(error.kind, "context", None) or () if branch]
    if not branches or _alternatives(error):
        return [error]
    choice = _choice(branches)
    if choice is not None:
        return [choice]
    best = min(branches, key=lambda branch: _distance(error, branch))
    return [leaf for inner in best for leaf in _leaves(inner)]


class _Kind(NamedTuple):
    name: str
    options: list[Any]


class _Choice(NamedTuple):
    """One error in place of a union whose branches all want another word at one place."""

    kind: _Kind
    instance: Any
    instance_path: list[str | int]


def _choice(branches: list[list[Any]]) -> _Choice | None:
    """The words that the branches want for `in` or `type`, when none of them fits."""
    enums = [inner for branch in branches for inner in branch if inner.kind.name == "enum"]
    places = {pointer_to(inner) for inner in enums if inner.instance_path[-1:] in (["in"], ["type"])}
    if len(enums) < max(2, len(branches)) or len(places) != 1:
        return None
    options = [option for inner in enums for option in inner.kind.options]
    return _Choice(_Kind("enum", options), enums[0].instance, enums[0].instance_path)


def _distance(error: Any, branch: list[Any]) -> tuple[bool, bool, int, int]:
    """How far a branch of a union is from what the value seems to be meant for."""
    value, here = error.instance, len(error.instance_path)
    is_reference = isinstance(value, dict) and "$ref" in value
    wants_reference = any(
        (inner.kind.name == "required" and getattr(inner.kind, "property", "") == "$ref")
        for inner in branch
    )
    refuses_reference = "$ref" in str(
        [getattr(inner.kind, "unexpected", "") for inner in branch if inner.kind.name != "oneOf"]
    )
    other_kind = any(
        inner.kind.name in ("enum", "const", "type")
        and inner.instance_path[here:] in (["type"], ["in"], ["scheme"], ["style"], [])
        for inner in branch
    )
    depth = max(len(leaf.instance_path) for inner in branch for leaf in [inner])
    wrong_side = refuses_reference if is_reference else wants_reference
    return wrong_side, other_kind, -depth, len(branch)


def _alternatives(error: Any) -> list[str]:
    """The properties of a union that only says: one of these must be there."""
    names: list[str] = []
    for branch in getattr(error.kind, "context", None) or ():
        if len(branch) != 1 or branch[0].kind.name != "required":
            return []
        names.append(branch[0].kind.property)
    return [] if "$ref" in names else names


_Words = tuple[str, str]


def _words(error: Any, allowed: Callable[[Any], Sequence[str]], alone: bool) -> _Words:
    """Message and cure for one error; no message for one that only follows from another."""
    speak = _SPEECH.get(error.kind.name)
    if speak is not None:
        return speak(error)
    if error.kind.name in ("additionalProperties", "unevaluatedProperties"):
        return _unexpected(error, allowed(error), alone)
    return str(error.message)[:300], ""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _type(error: Any) -> _Words:
    wanted = " or ".join(sorted(error.kind.types))
    shown = _shown(error.instance)
    if error.instance is None:
        return f"there is no value here; {wanted} is needed", "write the value, or remove the key"
    message = f"{shown} is not of type {wanted}"
    scalar = isinstance(error.instance, (bool, int, float))
    if "string" in error.kind.types and scalar:
        return message, f'put it in quotes: "{shown}"'
    return message, ""


def _required(error: Any) -> _Words:
    name = error.kind.property
    if name == "required":
        return "a path parameter must be required", "add required: true"
    return f"{name!r} is missing", f"add {name}"


def _constant(error: Any) -> _Words:
    if error.instance_path and error.instance_path[-1] == "required":
        return "a path parameter must be required", "write required: true"
    return f"{_shown(error.instance)} must be {_shown(error.kind.expected_value)}", ""


def _enum(error: Any) -> _Words:
    options = error.kind.options
    if options == [True]:
        return "a path parameter must be required", "write required: true"
    message = f"{_shown(error.instance)} is not one of {', '.join(map(_shown, options))}"
    if isinstance(error.instance, str):
        names = [option for option in options if isinstance(option, str)]
        close = get_close_matches(error.instance, names, n=1)
        return message, f"perhaps {close[0]!r}" if close else ""
    return message, ""


def _unexpected(error: Any, allowed: Sequence[str], alone: bool) -> _Words:
    """A failed branch makes the names that only it knows unexpected: those are not told."""
    names = [name for name in error.kind.unexpected if alone or name not in allowed]
    if not names:
        return "", ""
    message = f"{', '.join(map(repr, names))} may not stand here"
    close = ", ".join(map(repr, get_close_matches(names[0], allowed, n=2)))
    guess = f"perhaps {close}; " if close else ""
    return message, f"{guess}names of extensions begin with x-"


def _union(error: Any) -> _Words:
    names = _alternatives(error)
    if names:
        listed = ", ".join(map(repr, names))
        return f"one of {listed} is missing", f"add one of {listed}"
    return f"{_shown(error.instance)} fits none of the forms that are allowed here", ""


def _several(error: Any) -> _Words:
    value = error.instance if isinstance(error.instance, dict) else {}
    for pair in (("schema", "content"), ("operationRef", "operationId")):
        if all(name in value for name in pair):
            return f"{pair[0]!r} and {pair[1]!r} exclude each other", "keep one of the two"
    return f"{_shown(error.instance)} fits more than one of the forms allowed here", ""


def _one_of(error: Any) -> _Words:
    several = isinstance(error.kind, jsonschema_rs.ValidationErrorKind.OneOfMultipleValid)
    return _several(error) if several else _union(error)


def _not(error: Any) -> _Words:
    schema = error.kind.schema
    names = schema.get("required") if isinstance(schema, dict) else None
    if isinstance(names, list):
        listed = " and ".join(map(repr, names))
        return f"{listed} exclude each other", "keep one of them"
    return f"{_shown(error.instance)} has a form that is not allowed here", ""


def _pattern(error: Any) -> _Words:
    return f"{_shown(error.instance)} does not match {error.kind.pattern}", ""


def _format(error: Any) -> _Words:
    return f"{_shown(error.instance)} is not a valid {error.kind.format}", ""


def _unique(error: Any) -> _Words:
    return "an element stands here more than once", "remove the repeated one"


def _property_names(error: Any) -> _Words:
    inner = error.kind.error
    return f"the name {_shown(inner.instance)} is not allowed", "use A-Z a-z 0-9 . _ - only"


def _few(error: Any) -> _Words:
    return f"{_shown(error.instance)} has too few entries", f"at least {error.kind.limit} is needed"


_SPEECH: dict[str, Callable[[Any], _Words]] = {
    "type": _type,
    "required": _required,
    "const": _constant,
    "enum": _enum,
    "oneOf": _one_of,
    "anyOf": _union,
    "not": _not,
    "pattern": _pattern,
    "format": _format,
    "uniqueItems": _unique,
    "propertyNames": _property_names,
    "minItems": _few,
    "minProperties": _few,
}
