"""A violation as one sentence that a person understands: what must be, and what came.

Texts, numbers, booleans and null are shown, shortened; objects and arrays are only named, for
what is inside them may be secret. Of a secret nothing is shown, nor what would be right.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from brrt.openapi.engine_errors import SchemaError
from brrt.openapi.json_values import is_list, is_mapping

# Characters of a value, of a pattern, of the place and of a whole message.
MAX_SHOWN = 60
MAX_PATTERN = 200
MAX_SUBJECT = 200
MAX_MESSAGE = 500
# Values of an `enum`, and names of properties, that a message lists.
MAX_LISTED = 20

_HUGE = "a number of thousands of digits"


def describe(error: SchemaError, subject: str) -> str:
    """One sentence of at most MAX_MESSAGE characters; `subject` names the place, if it has one."""
    text = _phrase(error)
    if subject:
        text = f"{shorten(_printable(subject), MAX_SUBJECT)}: {text}"
    return shorten(text, MAX_MESSAGE)


def show(value: Any) -> str:
    """A value as JSON, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # the limit of Python on the digits of a number
        return _HUGE
    return shorten(_printable(text), MAX_SHOWN)


def shorten(text: str, limit: int) -> str:
    """A text, cut to so many characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _printable(text: str) -> str:
    """Without line breaks, control characters and halves of surrogate pairs."""
    if text.isprintable():
        return text
    escaped = (one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return "".join(escaped)


def _phrase(error: SchemaError) -> str:
    if error.is_secret and error.keyword in _REVEALING:
        return _REVEALING[error.keyword]
    if error.keyword == "propertyNames" and isinstance(error.value, SchemaError):
        inner = error.value
        return f"the name {show(inner.instance)} {_phrase(inner)}"
    if error.keyword == "oneOf" and () in error.branches:
        return _several(error)
    if error.message and error.is_note:
        return error.message
    counted = _COUNTS.get(error.keyword)
    if counted is not None and error.value is not None:
        return _count(error, *counted)
    phrase = _PHRASES.get(error.keyword)
    if phrase is None or (error.value is None and error.keyword not in _WITHOUT_VALUE):
        return f"breaks the rule {error.keyword!r} of its schema"
    text = phrase(error.value)
    return f"{text}, got {_got(error.instance)}" if _shows_value(error) else text


def _shows_value(error: SchemaError) -> bool:
    return error.keyword in _SHOWING and not error.is_secret


def _got(value: Any) -> str:
    if is_mapping(value):
        return "an object"
    return "an array" if isinstance(value, (list, tuple)) else show(value)


def _several(error: SchemaError) -> str:
    valid = [str(place) for place, branch in enumerate(error.branches, 1) if not branch]
    places = f"{', '.join(valid[:-1])} and {valid[-1]}"
    return (
        f"matches more than one of {len(error.branches)} alternatives"
        f" (number {places}), which must exclude each other"
    )


def _count(error: SchemaError, word: str, noun: str, plural: str) -> str:
    text = f"must have {word} {error.value} {noun if error.value == 1 else plural}"
    return text if error.is_secret else f"{text}, got {len(error.instance)}"


def _types(value: Any) -> str:
    names = [str(name) for name in (value if is_list(value) else [value])]
    wanted = [_ARTICLES.get(name, name) for name in sorted(names, key="null".__eq__)]
    return f"must be {' or '.join(wanted)}"


def _enum(value: Any) -> str:
    if len(value) == 1:
        return f"must be {show(value[0])}"
    return f"must be one of {_listed(map(show, value), len(value))}"


def _listed(texts: Iterable[str], count: int) -> str:
    shown = [text for _, text in zip(range(MAX_LISTED), texts, strict=False)]
    rest = f" and {count - MAX_LISTED:,} more" if count > MAX_LISTED else ""
    return ", ".join(shown) + rest


def _names(value: Any) -> str:
    names = (shorten(_printable(str(one)), MAX_SHOWN) for one in value)
    return f"must not have {_listed(names, len(value))}"


def _not(value: Any) -> str:
    """What must not be, where that is a single word."""
    if is_mapping(value) and len(value) == 1:
        keyword, inner = next(iter(value.items()))
        if keyword in ("type", "enum", "const"):
            return _PHRASES[keyword](inner).replace("must be", "must not be", 1)
        if keyword == "required" and is_list(inner) and inner:
            return f"must not have {' together with '.join(map(str, inner[:MAX_LISTED]))}"
    return "must not match what its schema excludes"


def _pattern(value: Any) -> str:
    return f"must match {shorten(str(value), MAX_PATTERN)}"


def _number(text: str) -> Callable[[Any], str]:
    return lambda value: f"{text} {show(value)}"


_ARTICLES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}

_COUNTS = {
    "minLength": ("at least", "character", "characters"),
    "maxLength": ("at most", "character", "characters"),
    "minItems": ("at least", "item", "items"),
    "maxItems": ("at most", "item", "items"),
    "minProperties": ("at least", "property", "properties"),
    "maxProperties": ("at most", "property", "properties"),
}

_PHRASES: dict[str, Callable[[Any], str]] = {
    "required": lambda value: f"{value} is required",
    "type": _types,
    "enum": _enum,
    "const": lambda value: f"must be {show(value)}",
    "minimum": _number("must be at least"),
    "maximum": _number("must be at most"),
    "exclusiveMinimum": _number("must be more than"),
    "exclusiveMaximum": _number("must be less than"),
    "multipleOf": _number("must be a multiple of"),
    "pattern": _pattern,
    "format": lambda value: f"must be a valid {value}",
    "uniqueItems": lambda value: "must not repeat an item",
    "contains": lambda value: "must have at least one item that fits",
    "minContains": _number("the number of items that fit must be at least"),
    "maxContains": _number("the number of items that fit must be at most"),
    "not": _not,
    "anyOf": lambda value: "must match one of the alternatives",
    "oneOf": lambda value: "must match exactly one of the alternatives",
    "falseSchema": lambda value: "is not allowed here" if value is None else _names([value]),
    "readOnly": lambda value: "is read-only, so it must not be sent",
    "writeOnly": lambda value: "is write-only, so it must not be sent",
    "propertyNames": lambda value: "must not have any property",
    "additionalProperties": _names,
    "unevaluatedProperties": _names,
    "unevaluatedItems": lambda value: f"has {len(value)} more than the items that it may have",
    "size": lambda value: "breaks its schema, and is too large to say where",
    "pattern limit": lambda value: "takes too long to match with its pattern",
}
_WITHOUT_VALUE = frozenset(
    [
        "const",
        "uniqueItems",
        "contains",
        "anyOf",
        "oneOf",
        "falseSchema",
        "readOnly",
        "writeOnly",
        "propertyNames",
        "size",
        "pattern limit",
    ]
)
_SHOWING = frozenset(
    [
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "pattern",
        "format",
        "not",
    ]
)
# What is said instead where the keyword's value or a name would tell what the secret is.
_REVEALING = {
    "enum": "must be one of the values that are allowed",
    "const": "must be the value that is allowed",
    "not": "must not match what its schema excludes",
    "propertyNames": "has a property whose name is not allowed",
    "additionalProperties": "has a property that is not allowed",
    "unevaluatedProperties": "has a property that is not allowed",
}
