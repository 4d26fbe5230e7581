"""JSON values in Python: what kind one is, pointers into it, and a safe copy of one.

A JSON value is a dict with string keys, a list, a string, a number, a boolean or None. The
questions here exist so that the type checkers know the answer too. No file, no OpenAPI.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeGuard, cast

# Levels of nesting. Real documents stay under 40; jsonschema-rs refuses values beyond 255.
MAX_DEPTH = 200
# Values, aliases written out. GitHub's document of 13 MB, the largest we know, has 258,000.
MAX_NODES = 5_000_000

DEPTH_MESSAGE = "the document is nested too deeply"
DEPTH_CURE = f"brrt reads at most {MAX_DEPTH} levels; move inner parts to components"
SIZE_CURE = f"brrt reads at most {MAX_NODES:,} values; do not nest aliases in each other"

_NAMES = {True: "true", False: "false", None: "null"}
_TYPES: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
}


def is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if is_mapping(value) else {}


def elements(value: Any) -> list[Any]:
    """The value if it is an array, else an empty one."""
    return value if is_list(value) else []


def type_name(value: Any) -> str:
    """The name that JSON Schema has for the type of a value; a float is a number, even 1.0."""
    kind: type[Any] = value.__class__
    return _TYPES.get(kind, "object")


def common_types(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """The types that two schemas allow together; every integer is a number."""
    whole = any("integer" in a and "number" in b for a, b in ((one, other), (other, one)))
    return (one & other) | ({"integer"} if whole else frozenset[str]())


def split_pointer(pointer: str) -> list[str]:
    """The tokens of a JSON pointer, unescaped (RFC 6901, section 4)."""
    tokens = pointer.split("/")[1:]
    if "~" not in pointer:
        return tokens
    return [token.replace("~1", "/").replace("~0", "~") for token in tokens]


def escape_token(token: str | int) -> str:
    """One token of a JSON pointer, escaped (RFC 6901, section 3)."""
    return str(token).replace("~", "~0").replace("/", "~1")


def nearest(word: str, candidates: Sequence[str]) -> str:
    """What `word` may have been meant to be: close names, or the first few that exist."""
    known = sorted(candidates)
    close = get_close_matches(word, known, n=3) or known[:5]
    return ", ".join(repr(name) for name in close)


def is_too_deep(value: Any) -> bool:
    """Whether containers are nested beyond MAX_DEPTH: one level after the other."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [entry for entry in level if entry.__class__ in (dict, list)]
        if not level:
            return False
        level = [entry for one in level for entry in _entries(one)]
    return True


def _entries(value: Any) -> Iterable[Any]:
    return value.values() if is_mapping(value) else elements(value)


class NotJsonError(ValueError):
    """A value that JSON does not have; `pointer` says where, `cure` what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure
        self.pointer = ""


def detach(value: Any) -> Any:
    """A deep copy of a value given by the user, as JSON.

    Keys become strings, tuples lists, dates text in ISO 8601 form. Raises `NotJsonError` for
    anything else that JSON does not have, for cycles and for nesting beyond MAX_DEPTH.
    """
    return _Copier().copy(value, 0)


class _Copier:
    def __init__(self) -> None:
        self._left = MAX_NODES

    def copy(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, (str, bool, int, float)):
            return _plain(value)
        self._left -= 1
        if depth > MAX_DEPTH:
            raise NotJsonError(f"{DEPTH_MESSAGE}, or contains itself", DEPTH_CURE)
        if self._left < 0:
            raise NotJsonError("the document is too large", SIZE_CURE)
        if _is_any_mapping(value):
            return {_key(key): self._child(key, value[key], depth) for key in value}
        if isinstance(value, (list, tuple)):
            entries = cast("Sequence[Any]", value)
            return [self._child(index, entry, depth) for index, entry in enumerate(entries)]
        if hasattr(value, "isoformat"):
            return str(value.isoformat())
        message = f"a value of type {type(value).__name__} is not JSON"
        raise NotJsonError(message, "use strings, numbers, booleans, None, lists and dicts")

    def _child(self, key: Any, value: Any, depth: int) -> Any:
        try:
            return self.copy(value, depth + 1)
        except NotJsonError as error:
            error.pointer = f"/{escape_token(_key(key))}{error.pointer}"
            raise


def _is_any_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _plain(value: Any) -> Any:
    """A scalar as JSON: members of enumerations and the like lose their class."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        if value != value or abs(value) == float("inf"):
            raise NotJsonError(f"{value!r} is not a JSON number", "give a finite number")
        return float(value)
    return int(value) if isinstance(value, int) else str.__str__(value)


def _key(key: Any) -> str:
    if isinstance(key, bool) or key is None:
        return _NAMES[key]
    return str.__str__(key) if isinstance(key, str) else str(key)
