"""The errors of jsonschema-rs in plain words: what is wrong, where, and what to do about it.

Errors about unions are opened at the branch that was most likely meant. The words for each
keyword are in one table, `_SPEECH`. Which schema is checked, and what an error weighs, is
decided elsewhere.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import jsonschema_rs

from brrt.openapi.json_values import elements, escape_token, mapping

# Characters of a value that a message shows.
_SHOWN = 60
_UNEXPECTED = ("additionalProperties", "unevaluatedProperties")

# A range of statuses is written `2XX` (OpenAPI 3.1.1, section 4.8.16.2).
_LOWER_RANGE = re.compile(r"[1-5][xX]{2}")

_Words = tuple[str, str]
_Allowed = Callable[[Any], Sequence[str]]


class Wrong(NamedTuple):
    """One violation: which keyword, at which pointer, what is wrong and what to do."""

    keyword: str
    pointer: str
    message: str
    cure: str


def _nothing(_error: Any) -> Sequence[str]:
    return ()


def violations(validator: Any, value: Any, allowed: _Allowed = _nothing) -> list[Wrong]:
    """What a compiled schema finds wrong with a value, each violation once.

    `allowed` gives, for an error about an unexpected property, the names that were expected.
    """
    found: dict[tuple[str, str], Wrong] = {}
    leaves = [leaf for error in validator.iter_errors(value) for leaf in _leaves(error)]
    places = Counter(_pointer(leaf) for leaf in leaves)
    for leaf in leaves:
        pointer = _pointer(leaf)
        message, cure = _words(leaf, allowed, places[pointer] == 1)
        if message:
            found.setdefault((pointer, message), Wrong(leaf.kind.name, pointer, message, cure))
    return list(found.values())


def _pointer(error: Any) -> str:
    return "".join(f"/{escape_token(step)}" for step in error.instance_path)


class _Kind(NamedTuple):
    name: str
    options: list[Any]


class _Choice(NamedTuple):
    """One error in place of a union whose branches all want another word at one place."""

    kind: _Kind
    instance: Any
    instance_path: list[str | int]


def _leaves(error: Any) -> list[Any]:
    """The errors that a person should see."""
    branches: list[list[Any]] = [branch for branch in elements(_context(error)) if branch]
    if not branches or _alternatives(error):
        return [error]
    choice = _choice(branches)
    if choice is not None:
        return [choice]
    best = min(branches, key=lambda branch: _distance(error, branch))
    return [leaf for inner in best for leaf in _leaves(inner)]


def _context(error: Any) -> Any:
    return getattr(error.kind, "context", None)


def _choice(branches: list[list[Any]]) -> _Choice | None:
    """The words that the branches want for `in` or `type`, when none of them fits."""
    enums = [inner for branch in branches for inner in branch if inner.kind.name == "enum"]
    words = [inner for inner in enums if inner.instance_path[-1:] in (["in"], ["type"])]
    if len(words) < max(2, len(branches)) or len({_pointer(inner) for inner in words}) != 1:
        return None
    options = [option for inner in words for option in inner.kind.options]
    return _Choice(_Kind("enum", options), words[0].instance, words[0].instance_path)


def _distance(error: Any, branch: list[Any]) -> tuple[bool, bool, int, int]:
    """How far a branch of a union is from what the value seems to be meant for."""
    here = len(error.instance_path)
    is_reference = "$ref" in mapping(error.instance)
    wants_reference = any(_property(inner) == "$ref" for inner in branch)
    refuses_reference = any("$ref" in _unexpected_names(inner) for inner in branch)
    other_kind = any(
        inner.kind.name in ("enum", "const", "type")
        and inner.instance_path[here:] in (["type"], ["in"], ["scheme"], ["style"], [])
        for inner in branch
    )
    depth = max(len(inner.instance_path) for inner in branch)
    wrong_side = refuses_reference if is_reference else wants_reference
    return wrong_side, other_kind, -depth, len(branch)


def _property(error: Any) -> str:
    return error.kind.property if error.kind.name == "required" else ""


def _unexpected_names(error: Any) -> Sequence[str]:
    return error.kind.unexpected if error.kind.name in _UNEXPECTED else ()


def _alternatives(error: Any) -> list[str]:
    """The properties of a union that only says: one of these must be there."""
    names: list[str] = []
    for branch in elements(_context(error)):
        if len(branch) != 1 or branch[0].kind.name != "required":
            return []
        names.append(branch[0].kind.property)
    return [] if "$ref" in names else names


def _words(error: Any, allowed: _Allowed, alone: bool) -> _Words:
    """Message and cure for one error; no message for one that only follows from another."""
    speak = _SPEECH.get(error.kind.name)
    if speak is not None:
        return speak(error)
    if error.kind.name in _UNEXPECTED:
        return _unexpected(error, allowed(error), alone)
    return str(error.message)[:300], ""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _type(error: Any) -> _Words:
    wanted = " or ".join(sorted(error.kind.types))
    if error.instance is None:
        return f"there is no value here; {wanted} is needed", "write the value, or remove the key"
    shown = _shown(error.instance)
    message = f"{shown} is not of type {wanted}"
    if "string" in error.kind.types and isinstance(error.instance, (bool, int, float)):
        return message, f'put it in quotes: "{shown}"'
    return message, ""


def _required(error: Any) -> _Words:
    name = error.kind.property
    if name == "required":
        return "a path parameter must be required", "add required: true"
    return f"{name!r} is missing", f"add {name}"


def _constant(error: Any) -> _Words:
    if error.instance_path[-1:] == ["required"]:
        return "a path parameter must be required", "write required: true"
    return f"{_shown(error.instance)} must be {_shown(error.kind.expected_value)}", ""


def _enum(error: Any) -> _Words:
    options: list[Any] = error.kind.options
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
    unexpected: list[str] = error.kind.unexpected
    names = [name for name in unexpected if alone or name not in allowed]
    if not names:
        return "", ""
    message = f"{', '.join(map(repr, names))} may not stand here"
    close = ", ".join(map(repr, get_close_matches(names[0], allowed, n=2)))
    if _LOWER_RANGE.fullmatch(names[0]):
        close = repr(names[0].upper())
    guess = f"perhaps {close}; " if close else ""
    return message, f"{guess}names of extensions begin with x-"


def _union(error: Any) -> _Words:
    names = _alternatives(error)
    if names:
        listed = ", ".join(map(repr, names))
        return f"one of {listed} is missing", f"add one of {listed}"
    return f"{_shown(error.instance)} fits none of the forms that are allowed here", ""


def _one_of(error: Any) -> _Words:
    if not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.OneOfMultipleValid):
        return _union(error)
    value = mapping(error.instance)
    for one, other in (("schema", "content"), ("operationRef", "operationId")):
        if one in value and other in value:
            return f"{one!r} and {other!r} exclude each other", "keep one of the two"
    return f"{_shown(error.instance)} fits more than one of the forms allowed here", ""


def _not(error: Any) -> _Words:
    names = elements(mapping(error.kind.schema).get("required"))
    if names:
        listed = " and ".join(repr(name) for name in names)
        return f"{listed} exclude each other", "keep one of them"
    return f"{_shown(error.instance)} has a form that is not allowed here", ""


def _pattern(error: Any) -> _Words:
    return f"{_shown(error.instance)} does not match {error.kind.pattern}", ""


def _format(error: Any) -> _Words:
    return f"{_shown(error.instance)} is not a valid {error.kind.format}", ""


def _unique(_error: Any) -> _Words:
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
