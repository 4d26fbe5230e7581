"""What hints mean: how they are read, and which JSON types they can hold.

How values become what a hint says stands in `converters`; what a schema says of a hint in
`hint_checks`.
"""

import collections.abc
import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin
from uuid import UUID

import msgspec

from brrt.openapi.models import class_of, is_early, is_model, is_pydantic

Convert = Callable[[Any], Any]

# Python 3.13 and typing_extensions: `ReadOnly`. It says nothing about a value.
_WRAPPERS = (Required, NotRequired, typing.Final, typing.ClassVar)


def unalias(hint: Any) -> Any:
    """What a `NewType` or a `type` statement (PEP 695) stands for, at the top of a hint."""
    while True:
        origin = class_of(hint)
        if isinstance(origin, typing.NewType):
            hint = origin.__supertype__
        elif type(origin).__name__ == "TypeAliasType":
            inner = origin.__value__
            hint = inner[get_args(hint)] if get_args(hint) else inner
        elif origin in _WRAPPERS or getattr(origin, "_name", None) == "ReadOnly":
            hint = get_args(hint)[0]
        else:
            return hint


def unwrap(hint: Any) -> Any:
    """A hint without its other names, its notes, and the root models around it."""
    while True:
        hint = unalias(hint)
        if get_origin(hint) is Annotated:
            hint = Any if is_early(hint.__metadata__) else get_args(hint)[0]
        elif is_pydantic(hint) and getattr(hint, "__pydantic_root_model__", False):
            hint = hint.__pydantic_fields__["root"].annotation
        else:
            return hint


def choices(hint: Any) -> list[Any]:
    """The members of a union, unwrapped, and those of unions among them; else the hint itself."""
    hint = unwrap(hint)
    if get_origin(hint) not in (Union, types.UnionType):
        return [] if hint is msgspec.UnsetType else [hint]
    return [one for inner in get_args(hint) for one in choices(inner)]


def items_of(hint: Any) -> list[Any] | None:
    """The hints of a tuple's items, one by one; None for what takes any number of items."""
    inner = get_args(hint)
    if class_of(hint) is not tuple or inner[-1:] == (...,) or not inner:
        return None
    return list(inner)


def item_of(hint: Any) -> Any:
    """The hint of each item of a list or set."""
    return get_args(hint)[0] if get_args(hint) else Any


def holds_model(hint: Any) -> bool:
    """Whether a hint is a model, or is made of one: `list[Pet]`, `Pet | None`."""
    hint = unwrap(hint)
    return is_model(hint) or any(map(holds_model, get_args(hint)))


def names_pydantic(hint: Any) -> bool:
    """Whether a hint is, or is made of, what only pydantic can make."""
    hint = unalias(hint)
    if get_origin(hint) is Annotated and any(map(_is_pydantic_note, hint.__metadata__)):
        return True
    own = isinstance(hint, type) and (
        is_pydantic(hint) or hasattr(hint, "__get_pydantic_core_schema__")
    )
    return own or any(map(names_pydantic, get_args(hint)))


def _is_pydantic_note(note: Any) -> bool:
    return type(note).__module__.partition(".")[0] in ("pydantic", "annotated_types")


PLAIN: tuple[Any, ...] = (
    inspect.Parameter.empty,
    Any,
    object,
    str,
    bool,
    int,
    dict,
    list,
    str | None,
    bool | None,
    int | None,
    dict[str, Any] | None,
    list[Any] | None,
)


# Not int: JSON may write it as 1.0, which is a float in Python.
_SAME_IN_JSON = (str, bool, Any)


def is_plain(hint: Any) -> bool:
    """Whether JSON gives what a hint wants already."""
    return _is_listed(hint) or _is_plain_container(hint)


def _is_listed(hint: Any) -> bool:
    # By type, too: `Literal[1] == Literal[True]`, and unhashable hints can be compared only.
    return any(hint is one or (hint == one and type(hint) is type(one)) for one in PLAIN)


def _is_plain_container(hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return all(
            one is type(None) or one in PLAIN or _is_plain_container(one) for one in get_args(hint)
        )
    inner = get_args(hint)
    if get_origin(hint) is dict:
        return inner[0] in (str, Any) and inner[1] in _SAME_IN_JSON
    return get_origin(hint) is list and inner[0] in _SAME_IN_JSON


def accepts_none(hint: Any) -> bool:
    """Whether a hint can hold None, or does not say."""
    accepted = json_types(hint)
    return accepted is None or "null" in accepted


def json_types(hint: Any) -> frozenset[str] | None:
    """The JSON types that a hint can hold; None for a hint that does not say."""
    parts = [_own_types(one) for one in choices(hint)]
    known = [one for one in parts if one is not None]
    return frozenset[str]().union(*known) if len(known) == len(parts) else None


def _own_types(hint: Any) -> frozenset[str] | None:
    """The types of what is no union."""
    kind = class_of(hint)
    if kind is Literal:
        return _types_of(get_args(hint))
    if is_enum(kind):
        return _types_of(member.value for member in kind)
    if is_model(hint):
        return _ARRAY if _is_array(kind) else frozenset({"object"})
    return _ACCEPTED.get(kind)


def _is_array(kind: Any) -> bool:
    return issubclass(kind, msgspec.Struct) and kind.__struct_config__.array_like


def is_enum(kind: Any) -> bool:
    """Whether a hint is an enumeration."""
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _types_of(values: Iterable[Any]) -> frozenset[str]:
    accepted = (_ACCEPTED.get(type(value), frozenset[str]()) for value in values)
    return frozenset[str]().union(*accepted)


_STRING, _ARRAY, _OBJECT = frozenset({"string"}), frozenset({"array"}), frozenset({"object"})
LISTS = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Collection,
    collections.abc.Iterable,
)
SETS = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)
MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
TEXTS = (UUID, date, datetime, time, timedelta, bytes)
_ACCEPTED: dict[Any, frozenset[str]] = {
    type(None): frozenset({"null"}),
    str: _STRING,
    bool: frozenset({"boolean"}),
    int: frozenset({"integer"}),
    float: frozenset({"number", "integer"}),
    Decimal: frozenset({"number", "integer", "string"}),
    **dict.fromkeys(TEXTS, _STRING),
    **dict.fromkeys((*LISTS, *SETS, tuple), _ARRAY),
    **dict.fromkeys(MAPPINGS, _OBJECT),
}


def key_of_hint(hint: Any) -> Any:
    """The hint itself, or its words where notes make it unhashable."""
    try:
        hash(hint)
    except TypeError:
        return repr(hint)
    return hint


def name_of(hint: Any) -> str:
    """A hint as it is written, without modules and notes."""
    inner, origin = get_args(hint), get_origin(hint)
    if hint is type(None) or hint is ...:
        return "None" if hint is not ... else "..."
    if origin in (Union, types.UnionType):
        return " | ".join(map(name_of, inner))
    if origin is Annotated:
        return name_of(inner[0])
    if inner and origin is not Literal:
        return f"{name_of(origin)}[{', '.join(map(name_of, inner))}]"
    name = getattr(hint, "__name__", None) if not inner else None
    return name or str(hint).replace("typing.", "")
