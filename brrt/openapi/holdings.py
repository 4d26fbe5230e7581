"""What a hint can hold of one kind of value: its types, its formats, the values it lists.

What is inside objects and arrays is the affair of `hint_checks`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

from brrt.openapi.alternatives import FILE, Alternative, type_of
from brrt.openapi.hints import is_enum, json_types, name_of
from brrt.openapi.models import class_of

# The formats whose texts each type is made of.
FORMATS: Mapping[Any, frozenset[str]] = {
    date: frozenset({"date"}),
    datetime: frozenset({"date-time", "date-time-local"}),
    time: frozenset({"time", "time-local"}),
    timedelta: frozenset({"duration"}),
    UUID: frozenset({"uuid"}),
    Decimal: frozenset({"decimal", "decimal128"}),
    bytes: frozenset({"byte", "base64"}),
}
# What pydantic makes of more than its JSON type, if it can.
_LAX: Mapping[Any, frozenset[str]] = {
    **dict.fromkeys((date, datetime, time, timedelta), frozenset({"integer", "number"})),
    **dict.fromkeys((int, float), frozenset({"boolean"})),
}
# What it reads out of texts and numbers that are of the right kind.
_READ = (bool, int, float)
CURE = "change the hint to what the schema says, or the schema"
# Values of an `enum` that are named one by one.
_MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a hint does not hold itself, and how to mend it."""

    what: str
    cure: str = CURE


def types_of(hint: Any, *, lax: bool) -> frozenset[str] | None:
    """The JSON types that a member of a union can hold; None where it does not say."""
    types = json_types(hint)
    return types | _LAX.get(hint, frozenset()) if lax and types is not None else types


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a union, or a hint alone, with their JSON types."""

    hints: list[Any]
    types: list[frozenset[str]]
    lax: bool

    def holders(self, kind: str) -> list[Any]:
        """The members that hold values of a JSON type."""
        pairs = zip(self.hints, self.types, strict=True)
        return [hint for hint, types in pairs if kind in types]

    def _may_read(self, one: Alternative) -> bool:
        """Whether pydantic may make something of texts or numbers that are of one kind only."""
        return self.lax and one.is_narrow and any(hint in _READ for hint in self.hints)

    def refusals(self, one: Alternative) -> Iterator[Refusal]:
        """What the members do not hold of an alternative, but for what is inside it."""
        if one.values is not None:
            refused = [value for value in one.values if not self._holds_value(value)]
            for value in refused[:_MAX_NAMED]:
                yield Refusal(msgspec.json.encode(value).decode())
            if len(refused) > _MAX_NAMED:
                yield Refusal(f"{len(refused) - _MAX_NAMED} more")
            return
        for kind in sorted(one.types):
            holders = self.holders(kind)
            reasons = [self._misfit(hint, kind, one) for hint in holders]
            if None not in reasons and not (kind != "null" and self._may_read(one)):
                yield next(filter(None, reasons), self._refused(kind))

    def _refused(self, kind: str) -> Refusal:
        if kind == FILE:
            return Refusal("a file", "hint it as UploadFile")
        if kind == "null" and len(self.hints) == 1:
            return Refusal(kind, f"write `{name_of(self.hints[0])} | None`")
        return Refusal(kind)

    def _misfit(self, hint: Any, kind: str, one: Alternative) -> Refusal | None:
        """Why a hint does not hold all values of one of its types; None where it may."""
        if hint is type(None):
            return None
        is_values = class_of(hint) is Literal or is_enum(hint)
        if is_values:
            return self._misfit_values(hint, kind, one)
        formats = FORMATS.get(hint)
        if kind != "string" or formats is None or one.is_narrow or one.formats & formats:
            return None
        if self.lax and (hint is bytes or one.formats & FORMATS[date]):
            return None
        wanted = min(formats)
        what = f"strings of format {min(one.formats)}" if one.formats else "any string"
        return Refusal(what, f"give the schema `format: {wanted}`, or hint it as str")

    def _misfit_values(self, hint: Any, kind: str, one: Alternative) -> Refusal | None:
        if kind == "boolean":
            missing = [value for value in (True, False) if not _holds(hint, value)]
            return Refusal("false" if missing == [False] else "true") if missing else None
        if kind not in ("string", "integer", "number") or one.is_narrow or _is_open(hint):
            return None
        return Refusal(f"any {kind}", "list the values in the schema's `enum`, or widen the hint")

    def _holds_value(self, value: Any) -> bool:
        if self.lax:
            return any(_pydantic_takes(hint, value) for hint in self.hints)
        return any(_holds(hint, value) for hint in self.holders(type_of(value)))


def _is_open(hint: Any) -> bool:
    """Whether an enumeration makes members of values that it does not list."""
    return is_enum(hint) and hint._missing_.__func__ is not Enum._missing_.__func__  # type: ignore[attr-defined]


def _holds(hint: Any, value: Any) -> bool:
    """Whether a hint that holds the type of a value holds the value."""
    if class_of(hint) is Literal:
        return any(_is_same(one, value) for one in get_args(hint))
    if is_enum(hint):
        return _is_open(hint) or any(_is_same(one.value, value) for one in hint)
    if hint not in FORMATS:
        return True
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _pydantic_takes(hint: Any, value: Any) -> bool:
    from pydantic import TypeAdapter

    try:
        TypeAdapter(hint).validate_python(value)
    except ValueError:
        return False
    except Exception:  # its own trouble with a type of the user is told when it is used
        return True
    return True


def _is_same(one: Any, value: Any) -> bool:
    return bool(one == value) and isinstance(one, bool) == isinstance(value, bool)
