"""From the engine's errors to violations that a person understands.

A violation says where (`in`, `name`, a JSON Pointer into the value), which keyword, and in a
sentence what was expected and what came.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from brrt.errors import BrrtError
from brrt.openapi.json_values import is_list
from brrt.openapi.schemas import SchemaError

# Characters of a value that a message shows.
MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a request breaks the document.

    `location` is path, query, header, cookie or body; `name` the parameter's name (empty for a
    body); `pointer` a JSON Pointer (RFC 6901) into the value.
    """

    location: str
    name: str
    pointer: str
    message: str
    keyword: str

    def as_dict(self) -> dict[str, str]:
        """The violation as it stands in a problem document."""
        return {
            "in": self.location,
            "name": self.name,
            "pointer": self.pointer,
            "message": self.message,
            "keyword": self.keyword,
        }


class Invalid(BrrtError):
    """The request breaks the document; `violations` is all that was found."""

    def __init__(self, found: list[Violation]) -> None:
        self.violations = found
        super().__init__(found)


def violations(
    location: str, name: str, errors: Iterable[SchemaError], skip: int = 0
) -> Iterator[Violation]:
    """Violations for the engine's errors; the first `skip` steps of each path are left out."""
    for error in errors:
        for leaf in closest(error):
            path = leaf.path[skip:]
            subject = ".".join(str(step) for step in (*([name] if name else []), *path))
            yield Violation(location, name, pointer(path), describe(leaf, subject), leaf.keyword)


def closest(error: SchemaError) -> Iterator[SchemaError]:
    """The errors of the branch that came nearest, for `anyOf` and `oneOf`; else the error.

    The nearest branch is the one that got the type and the constants right (those are what
    variants are told apart by), and whose errors lie deepest, or are fewest.
    """
    branches = [branch for branch in error.branches if branch]
    if not branches:
        yield error
        return
    depth = len(error.path)
    for one in min(branches, key=lambda branch: _distance(branch, depth)):
        yield from closest(one)


def _distance(branch: tuple[SchemaError, ...], depth: int) -> tuple[bool, bool, int, int]:
    """How far a branch of a schema is from a value that stands at `depth`."""
    wrong_type = any(one.keyword == "type" and len(one.path) == depth for one in branch)
    wrong_variant = any(one.keyword in ("const", "enum") for one in branch)
    return wrong_type, wrong_variant, -max(len(one.path) for one in branch), len(branch)


def pointer(path: Iterable[str | int]) -> str:
    """A path as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def show(value: Any) -> str:
    """A value as JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def describe(error: SchemaError, subject: str) -> str:
    """One sentence: what must be, and what came."""
    phrase = None if error.is_note else _PHRASES.get(error.keyword)
    text = phrase(error.value, error.instance) if phrase else error.message
    return f"{subject}: {text}" if subject else text


def _types(value: Any, got: Any) -> str:
    names = [str(name) for name in (value if is_list(value) else [value])]
    wanted = " or ".join(_ARTICLES.get(name, name) for name in sorted(names, key="null".__eq__))
    return f"must be {wanted}, got {show(got)}"


def _count(what: str, least: bool) -> Callable[[Any, Any], str]:
    word = "at least" if least else "at most"

    def phrase(value: Any, got: Any) -> str:
        noun = what if value != 1 else _SINGULAR.get(what, what)
        return f"must have {word} {value} {noun}, got {len(got)}"

    return phrase


_SINGULAR = {"characters": "character", "items": "item", "properties": "property"}
_ARTICLES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}

_PHRASES: dict[str, Callable[[Any, Any], str]] = {
    "required": lambda value, got: f"{value} is required",
    "type": _types,
    "enum": lambda value, got: f"must be one of {', '.join(map(show, value))}, got {show(got)}",
    "const": lambda value, got: f"must be {show(value)}, got {show(got)}",
    "minimum": lambda value, got: f"must be at least {value}, got {show(got)}",
    "maximum": lambda value, got: f"must be at most {value}, got {show(got)}",
    "exclusiveMinimum": lambda value, got: f"must be more than {value}, got {show(got)}",
    "exclusiveMaximum": lambda value, got: f"must be less than {value}, got {show(got)}",
    "multipleOf": lambda value, got: f"must be a multiple of {value}, got {show(got)}",
    "minLength": _count("characters", least=True),
    "maxLength": _count("characters", least=False),
    "minItems": _count("items", least=True),
    "maxItems": _count("items", least=False),
    "minProperties": _count("properties", least=True),
    "maxProperties": _count("properties", least=False),
    "pattern": lambda value, got: f"must match {value}, got {show(got)}",
    "format": lambda value, got: f"must be a valid {value}, got {show(got)}",
    "uniqueItems": lambda value, got: "must not repeat an item",
    "falseSchema": lambda value, got: "is not allowed here",
    "additionalProperties": lambda value, got: f"must not have {', '.join(value)}",
    "unevaluatedProperties": lambda value, got: f"must not have {', '.join(value)}",
}
