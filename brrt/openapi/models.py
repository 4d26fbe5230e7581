"""What classes that are made from a JSON object take from it: names, hints, what they need.

Dataclasses, TypedDicts, `msgspec.Struct`s and models of pydantic, as one kind of value. This is
the only file that knows how each of them describes its fields.
"""

import dataclasses
import inspect
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NotRequired, Required, TypeVar, get_args, get_origin

import msgspec

_BEFORE = ("before", "wrap", "plain")
_EARLY_VALIDATORS = frozenset({"BeforeValidator", "WrapValidator", "PlainValidator"})


@dataclass(frozen=True, slots=True)
class ModelField:
    """A field: its name in Python, its names in JSON (any will do), its hint."""

    name: str
    names: tuple[str, ...]
    hint: Any
    required: bool


@dataclass(frozen=True, slots=True)
class Model:
    """The fields of a class; a closed one refuses members that are not in `names`."""

    fields: tuple[ModelField, ...]
    is_closed: bool = False
    names: frozenset[str] = frozenset()


def class_of(hint: Any) -> Any:
    """The class of a hint, `Page` of `Page[Pet]`; the hint itself where it is none."""
    return get_origin(hint) or hint


def is_model(hint: Any) -> bool:
    """Whether a hint is a class whose instances are made from a JSON object."""
    if not isinstance(class_of(hint), type):
        return False
    kind: Any = class_of(hint)
    return (
        dataclasses.is_dataclass(kind)
        or issubclass(kind, msgspec.Struct)
        or typing.is_typeddict(kind)
        or is_pydantic(kind)
    )


def is_pydantic(kind: Any) -> bool:
    """Whether a class is a model, or a dataclass, of pydantic."""
    return isinstance(kind, type) and hasattr(kind, "__pydantic_core_schema__")


def is_early(metadata: Iterable[Any]) -> bool:
    """Whether a validator of pydantic sees values first, so that its hint says nothing."""
    return any(type(one).__name__ in _EARLY_VALIDATORS for one in metadata)


def read_model(hint: Any) -> Model:
    """What a model takes. Raises NameError and TypeError where its hints cannot be read."""
    kind = class_of(hint)
    if is_pydantic(kind):
        return _pydantic_model(kind)
    if issubclass(kind, msgspec.Struct):
        return _struct(hint, kind)
    if typing.is_typeddict(kind):
        return Model(tuple(_keys(hint, kind)))
    return Model(tuple(_dataclass_fields(hint, kind)))


def tag_of(hint: Any) -> tuple[str, str] | None:
    """The tag field of a tagged Struct and its value, as `("type", "Cat")`."""
    kind = class_of(hint)
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return None
    config = kind.__struct_config__
    return None if config.tag_field is None else (config.tag_field, str(config.tag))


def _struct(hint: Any, kind: Any) -> Model:
    fields = tuple(
        ModelField(one.name, (one.encode_name,), one.type, one.required)
        for one in msgspec.structs.fields(hint)
    )
    config = kind.__struct_config__
    names = [*(one.names[0] for one in fields), *([config.tag_field] if config.tag_field else [])]
    return Model(fields, config.forbid_unknown_fields, frozenset(names))


def _keys(hint: Any, kind: Any) -> Iterator[ModelField]:
    for name, inner in field_hints(hint).items():
        wrapper = get_origin(inner)
        required = name in kind.__required_keys__
        if wrapper in (Required, NotRequired):
            required = wrapper is Required
            inner = get_args(inner)[0]
        yield ModelField(name, (name,), inner, required)


def _dataclass_fields(hint: Any, kind: Any) -> Iterator[ModelField]:
    hints = field_hints(hint)
    for one in dataclasses.fields(kind):
        if one.init:
            missing = dataclasses.MISSING
            required = one.default is missing and one.default_factory is missing
            yield ModelField(one.name, (one.name,), hints[one.name], required)


def has_computed_fields(hint: Any) -> bool:
    """Whether a dataclass has fields that its caller must not give."""
    kind = class_of(hint)
    is_plain = dataclasses.is_dataclass(kind) and not is_pydantic(kind)
    return is_plain and any(not one.init for one in dataclasses.fields(kind))


def field_hints(hint: Any) -> dict[str, Any]:
    """The hints of a class's fields, with the arguments of generic classes put in."""
    kind = class_of(hint)
    known: dict[str, Any] = {}
    bound = _bound(hint)
    for one in reversed(_ancestry(kind)):
        names = inspect.get_annotations(one)
        own = typing.get_type_hints(one, include_extras=True) if names else {}
        for name in names:
            if name not in known or not typing.is_typeddict(kind):
                known[name] = _filled(own[name], bound.get(one, {}))
    return known


def _ancestry(kind: Any) -> list[Any]:
    """A class and those that it inherits from; a TypedDict has lost them but for its bases."""
    if not typing.is_typeddict(kind):
        return list(kind.__mro__)
    found = [kind]
    for base in getattr(kind, "__orig_bases__", ()):
        if typing.is_typeddict(class_of(base)):
            found += _ancestry(class_of(base))
    return found


def _bound(hint: Any) -> dict[Any, dict[Any, Any]]:
    """For each generic class above a hint, what its type variables stand for."""
    kind = class_of(hint)
    own = dict(zip(getattr(kind, "__parameters__", ()), get_args(hint), strict=False))
    found: dict[Any, dict[Any, Any]] = {kind: own}
    for base in getattr(kind, "__orig_bases__", ()):
        if get_origin(base) not in (None, Generic):
            found |= _bound(_filled(base, own))
    return found


def _filled(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return arguments.get(hint, Any)
    wanted = getattr(hint, "__parameters__", ())
    if not wanted or isinstance(hint, type):
        return hint
    return hint[tuple(arguments.get(one, Any) for one in wanted)]


def _pydantic_model(kind: Any) -> Model:
    decorators = kind.__pydantic_decorators__
    if any(one.info.mode in _BEFORE[:2] for one in decorators.model_validators.values()):
        return Model(())
    early = {
        name
        for one in decorators.field_validators.values()
        if one.info.mode in _BEFORE
        for name in one.info.fields
    }
    config: Mapping[str, Any] = getattr(kind, "model_config", None) or getattr(
        kind, "__pydantic_config__", {}
    )
    fields = tuple(
        _pydantic_field(name, info, config, bool({name, "*"} & early))
        for name, info in kind.__pydantic_fields__.items()
    )
    names = frozenset(name for one in fields for name in one.names)
    is_readable = all(one.names for one in fields)
    return Model(fields, is_readable and config.get("extra") == "forbid", names)


def _pydantic_field(name: str, info: Any, config: Mapping[str, Any], is_opaque: bool) -> ModelField:
    names = _aliases(name, info, config)
    is_opaque = is_opaque or is_early(info.metadata) or bool(config.get("coerce_numbers_to_str"))
    hint = Any if is_opaque else info.annotation
    return ModelField(name, names, hint, bool(info.is_required()) and bool(names))


def _aliases(name: str, info: Any, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a field in JSON; none for one that is taken from deeper down."""
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    choices: list[Any] = list(getattr(alias, "choices", None) or ([alias] if alias else [name]))
    if not all(isinstance(one, str) for one in choices):
        return ()
    if config.get("validate_by_alias") is False:
        return (name,)
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    return tuple(dict.fromkeys([*choices, *([name] if by_name else [])]))
