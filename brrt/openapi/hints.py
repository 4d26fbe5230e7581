"""What hints mean: which JSON types they can hold, and what turns a JSON value into one."""

import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin
from uuid import UUID

import msgspec

from brrt.openapi.json_values import is_list, is_mapping

Convert = Callable[[Any], Any]


def is_model(hint: Any) -> bool:
    """Whether a hint is a class whose instances are made from a JSON object."""
    if not isinstance(hint, type):
        return False
    kind: Any = hint
    return (
        dataclasses.is_dataclass(kind)
        or issubclass(kind, msgspec.Struct)
        or typing.is_typeddict(kind)
        or hasattr(kind, "__pydantic_core_schema__")
    )


def holds_model(hint: Any) -> bool:
    """Whether a hint is a model, or is made of one: `list[Pet]`, `Pet | None`."""
    return is_model(hint) or any(map(holds_model, get_args(hint)))


def converter(hint: Any) -> Convert | None:
    """What turns a JSON value into a hint's type; None where the value is that already.

    Raises TypeError for a hint that no JSON value can become.
    """
    if hint in PLAIN or _is_plain_container(hint):
        return None
    if _names_pydantic(hint):
        from pydantic import TypeAdapter

        return cast(Convert, TypeAdapter(hint).validate_python)
    for strange in _strangers(msgspec.inspect.type_info(hint), set()):
        raise TypeError(f"{name_of(strange)} cannot be made from JSON")
    return partial(_convert, hint)


def _names_pydantic(hint: Any) -> bool:
    """Whether a hint is, or is made of, a model of pydantic."""
    own = isinstance(hint, type) and hasattr(hint, "__pydantic_core_schema__")
    return own or any(map(_names_pydantic, get_args(hint)))


def _strangers(kind: Any, seen: set[int]) -> Iterator[Any]:
    """The classes inside a type, as msgspec sees it, that it cannot make."""
    if isinstance(kind, msgspec.inspect.CustomType):
        yield kind.cls
        return
    if id(kind) in seen:
        return
    seen.add(id(kind))
    inner: Iterable[Any] = ()
    if kind.__class__ is tuple:
        inner = kind
    elif isinstance(kind, (msgspec.inspect.Type, msgspec.inspect.Field)):
        inner = [getattr(kind, name) for name in kind.__struct_fields__ if name != "default"]
    for one in inner:
        yield from _strangers(one, seen)


def _convert(hint: Any, value: Any) -> Any:
    """What msgspec makes of a value. To JSON Schema 3.0 is an integer, to msgspec it is not."""
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return msgspec.convert(_whole_numbers(value), hint)


def _whole_numbers(value: Any) -> Any:
    """The same value with every float that is a whole number as an int."""
    if is_list(value):
        return [_whole_numbers(one) for one in value]
    if is_mapping(value):
        return {key: _whole_numbers(one) for key, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


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
    origin = get_origin(hint)
    if origin is Annotated:
        return json_types(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        parts = [json_types(one) for one in get_args(hint)]
        known = [one for one in parts if one is not None]
        return frozenset[str]().union(*known) if len(known) == len(parts) else None
    if origin is Literal:
        return _types_of(get_args(hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _types_of(member.value for member in hint)
    if is_model(hint):
        return frozenset({"object"})
    return _ACCEPTED.get(origin or hint)


def _types_of(values: Any) -> frozenset[str]:
    accepted = (_ACCEPTED.get(type(value), frozenset[str]()) for value in values)
    return frozenset[str]().union(*accepted)


_STRING, _ARRAY = frozenset({"string"}), frozenset({"array"})
_ACCEPTED: dict[Any, frozenset[str]] = {
    type(None): frozenset({"null"}),
    str: _STRING,
    bool: frozenset({"boolean"}),
    int: frozenset({"integer"}),
    float: frozenset({"number", "integer"}),
    Decimal: frozenset({"number", "integer", "string"}),
    **dict.fromkeys((UUID, date, datetime, time, timedelta, bytes), _STRING),
    **dict.fromkeys((list, tuple, set, frozenset), _ARRAY),
    dict: frozenset({"object"}),
}


def name_of(hint: Any) -> str:
    """A hint as it is written."""
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
