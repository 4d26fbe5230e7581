"""What turns a JSON value into a hint's type, compiled when the app is built.

msgspec converts all that it can, and pydantic what is its own. What neither does is put together
here from what they do: unions told apart by a discriminator, models of pydantic inside other
classes, dataclasses with fields that are not given, unions of several kinds of text.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, cast, get_args

import msgspec

from brrt.openapi.alternatives import FILE, Alternative, Joint, alternatives
from brrt.openapi.composites import (
    ModelConverter,
    UnionConverter,
    array_of,
    by_msgspec,
    by_tag,
    first_that_fits,
    integer,
    key_by_msgspec,
    mapping_of,
    tuple_of,
)
from brrt.openapi.document import Key
from brrt.openapi.hints import (
    LISTS,
    MAPPINGS,
    SETS,
    Convert,
    choices,
    is_plain,
    item_of,
    items_of,
    json_types,
    key_of_hint,
    name_of,
    names_pydantic,
    unalias,
    unwrap,
)
from brrt.openapi.models import class_of, has_computed_fields, is_model, is_pydantic, read_model
from brrt.openapi.unions import read_union


def converter(
    hint: Any,
    schema: Joint = (),
    files: frozenset[type] = frozenset(),
    *,
    has_integers: bool = False,
) -> Convert | None:
    """What turns a JSON value into a hint's type; None where the value is that already.

    `schema` tells the classes of a union apart; `files` are types whose instances stay as they
    are. `has_integers` says that a whole number is an `int` already, never 1.0.

    Raises TypeError for a hint that no JSON value can become, and NameError for one that cannot
    be read; `UndecidedError` for a union that the schema does not tell apart.
    """
    return _Compiler(files, has_integers).compile(hint, schema)


class _Compiler:
    def __init__(self, files: frozenset[type], has_integers: bool) -> None:
        self._files = files
        self._has_integers = has_integers
        self._models: dict[tuple[Any, frozenset[Key]], ModelConverter] = {}

    def compile(self, hint: Any, schema: Joint) -> Convert | None:
        hint = unalias(hint)
        if is_plain(hint):
            wants_int = hint in (int, int | None) and not self._has_integers
            return integer if wants_int else None
        if names_pydantic(hint):
            return _by_pydantic(hint)
        try:
            strangers = list(_strangers(msgspec.inspect.type_info(hint), set(), self._files))
        except TypeError:
            return self._compose(hint, schema)
        if strangers:
            return self._compose(hint, schema)
        return partial(by_msgspec, hint)

    def _inside(self, hint: Any, schema: Joint) -> Convert | None:
        """The same for a part of what is put together here, whose types nobody else looks at."""
        if is_plain(unalias(hint)) and unalias(hint) not in (Any, object):
            return partial(by_msgspec, unalias(hint))
        return self.compile(hint, schema)

    def _compose(self, hint: Any, schema: Joint) -> Convert | None:
        """A converter for what no library makes as a whole."""
        hint = unwrap(hint)
        members = choices(hint)
        if len(members) > 1:
            return self._union(members, schema)
        kind = class_of(hint)
        if is_model(hint):
            return self._model(hint, schema)
        if kind in MAPPINGS:
            return self._mapping(hint, schema)
        if kind in LISTS or kind in SETS or kind is tuple:
            return self._array(hint, schema)
        raise TypeError(f"{name_of(hint)} cannot be made from JSON")

    def _model(self, hint: Any, schema: Joint) -> Convert:
        key = key_of_hint(hint), frozenset(one.key for one in schema)
        if key not in self._models:
            made = self._models[key] = ModelConverter(class_of(hint))
            model = read_model(hint)
            for one in model.fields:
                (name,) = one.names
                inner = self._inside(_present(one.hint), _member(schema, name))
                made.fields[name] = (one.name, inner)
                made.required += [name] * one.required
            made.names = model.names if model.is_closed else None
        return self._models[key]

    def _mapping(self, hint: Any, schema: Joint) -> Convert:
        key, inner = get_args(hint) or (str, Any)
        found = (joint for one in _ways(schema) for joint in one.others())
        name = None if key in (str, Any) else partial(key_by_msgspec, key)
        return partial(mapping_of, name, self._inside(inner, next(found, ())))

    def _array(self, hint: Any, schema: Joint) -> Convert:
        kind, places = class_of(hint), items_of(hint)
        if places is not None:
            inner = [self._inside(one, _item(schema, at)) for at, one in enumerate(places)]
            return partial(tuple_of, inner)
        make = kind if kind in (frozenset, tuple) else set if kind in SETS else list
        return partial(array_of, make, self._inside(item_of(hint), _item(schema, None)))

    def _union(self, members: list[Any], schema: Joint) -> Convert:
        by_type: dict[str, list[Any]] = {}
        for one in members:
            for kind in json_types(one) or self._unknown(one):
                by_type.setdefault(kind, []).append(one)
        return UnionConverter(
            {kind: self._one_type(kind, found, schema) for kind, found in by_type.items()},
            " or ".join(map(name_of, members)),
        )

    def _unknown(self, hint: Any) -> tuple[str, ...]:
        if hint in self._files:
            return (FILE,)
        raise TypeError(f"{name_of(hint)} cannot be made from JSON")

    def _one_type(self, kind: str, members: list[Any], schema: Joint) -> Convert | None:
        """What converts values of one JSON type: of texts, the narrowest kind that fits."""
        if kind == FILE:
            return None
        if len(members) == 1:
            return self._inside(members[0], schema)
        if kind == "object":
            return self._by_discriminator(members, schema)
        members = sorted(members, key=lambda one: one in (str, float))
        return partial(first_that_fits, [self._inside(one, schema) for one in members])

    def _by_discriminator(self, members: list[Any], schema: Joint) -> Convert:
        union = read_union(members, schema)
        classes = {tag: self.compile(one.hint, one.schema) for tag, one in union.classes.items()}
        other = self.compile(union.other.hint, union.other.schema) if union.other else None
        return partial(by_tag, union.property, classes, other)


def _present(hint: Any) -> Any:
    """A field's hint without the mark of msgspec for what is not there."""
    members = [one for one in get_args(hint) if one is not msgspec.UnsetType]
    if len(members) == len(get_args(hint)):
        return hint
    whole = members[0]
    for one in members[1:]:
        whole = whole | one
    return whole


def _ways(schema: Joint) -> list[Alternative]:
    return alternatives(schema) or []


def _member(schema: Joint, name: str) -> Joint:
    found = (one.member(name) for one in _ways(schema))
    return next((joint for joint in found if joint), ())


def _item(schema: Joint, place: int | None) -> Joint:
    found = (one.item(one.prefix() if place is None else place) for one in _ways(schema))
    return next((joint for joint in found if joint), ())


def _by_pydantic(hint: Any) -> Convert:
    from pydantic import PydanticUserError, TypeAdapter

    try:
        return cast(Convert, TypeAdapter(hint).validate_python)
    except PydanticUserError as error:
        raise TypeError(f"pydantic refuses {name_of(hint)}: {error.message}") from None


def _strangers(kind: Any, seen: set[int], files: frozenset[type]) -> Iterator[Any]:
    """The classes inside a type, as msgspec sees it, that it does not make, or not rightly."""
    cls = getattr(kind, "cls", None)
    if isinstance(kind, msgspec.inspect.CustomType) and cls not in files:
        yield cls
        return
    if isinstance(kind, msgspec.inspect.DataclassType) and (
        has_computed_fields(cls) or is_pydantic(cls)
    ):
        yield cls
    if id(kind) in seen:
        return
    seen.add(id(kind))
    inner: Any = ()
    if kind.__class__ is tuple:
        inner = kind
    elif isinstance(kind, (msgspec.inspect.Type, msgspec.inspect.Field)):
        inner = [getattr(kind, name) for name in kind.__struct_fields__ if name != "default"]
    for one in inner:
        yield from _strangers(one, seen, files)
