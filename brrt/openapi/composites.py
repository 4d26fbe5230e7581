"""Values put together as hints want them: the run-time half of `converters`.

Each takes a value that JSON can be, or a file, and gives what a hint says. A value that does not
fit raises `UnfitError`, or the error of the library whose part it is; all of them are ValueErrors.
No hint is read here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from brrt.openapi.alternatives import FILE, type_of
from brrt.openapi.complaints import Complaint, UnfitError, below
from brrt.openapi.json_values import is_list, is_mapping

Convert: TypeAlias = Callable[[Any], Any]


def integer(value: Any) -> Any:
    """1.0 is an integer (JSON Schema 2020-12, core, section 4.2.1), and the handler gets one."""
    return int(value) if value.__class__ is float and value.is_integer() else value


def by_msgspec(hint: Any, value: Any) -> Any:
    """What msgspec makes of a value. To JSON Schema 3.0 is an integer, to msgspec it is not."""
    try:
        try:
            return msgspec.convert(value, hint, str_keys=True)
        except msgspec.ValidationError:
            return msgspec.convert(_whole_numbers(value), hint, str_keys=True)
    except TypeError as error:  # items of a set that cannot be in one
        raise _unfit(str(error)) from None


def _whole_numbers(value: Any) -> Any:
    """The same value with every float that is a whole number as an int."""
    if is_list(value):
        return [_whole_numbers(one) for one in value]
    if is_mapping(value):
        return {key: _whole_numbers(one) for key, one in value.items()}
    return integer(value)


@dataclass(slots=True)
class ModelConverter:
    """Makes an object of a class; `names` are all that it may have, or None for any.

    `fields` maps names in JSON to the argument that takes the value, and how. It is filled in
    after it is made, since a class may hold itself.
    """

    make: Convert
    fields: dict[str, tuple[str, Convert | None]] = field(
        default_factory=dict[str, tuple[str, Convert | None]]
    )
    required: list[str] = field(default_factory=list[str])
    names: frozenset[str] | None = None

    def __call__(self, value: Any) -> Any:
        """The object."""
        members = _object(value)
        missing = [name for name in self.required if name not in members]
        found = [Complaint((), f"the member {name!r} is missing") for name in missing]
        if self.names is not None:
            found += [Complaint((name,), "is not expected") for name in members.keys() - self.names]
        arguments: dict[str, Any] = {}
        for name, (argument, convert) in self.fields.items():
            if name in members:
                arguments[argument] = _converted(convert, name, members[name], found)
        return _made(self.make, arguments, found)


@dataclass(frozen=True, slots=True)
class UnionConverter:
    """Chooses by the JSON type of a value; `wanted` are the members of the union."""

    by_type: Mapping[str, Convert | None]
    wanted: str

    def __call__(self, value: Any) -> Any:
        """The value as the member of its type makes it."""
        kind = _kind_of(value)
        if kind == "integer" and kind not in self.by_type:
            kind = "number"
        if kind not in self.by_type:
            raise _unfit(f"must be {self.wanted}")
        convert = self.by_type[kind]
        return value if convert is None else convert(value)


def _kind_of(value: Any) -> str:
    if isinstance(value, bytes):
        return "string"
    kind = type_of(value)
    return FILE if kind == "object" and not is_mapping(value) else kind


def first_that_fits(converters: Sequence[Convert | None], value: Any) -> Any:
    """What the first converter that does not complain makes of a value."""
    last: ValueError = _unfit("does not fit")
    for convert in converters:
        try:
            return value if convert is None else convert(value)
        except ValueError as error:
            last = error
    raise last


def by_tag(
    name: str, classes: Mapping[str, Convert | None], other: Convert | None, value: Any
) -> Any:
    """What the class makes that the discriminator names."""
    tag = _object(value).get(name)
    convert = classes.get(tag, other) if isinstance(tag, str) else other
    if convert is None:
        raise UnfitError([Complaint((name,), f"must be one of {', '.join(classes)}")])
    return convert(value)


def key_by_msgspec(hint: Any, name: str) -> Any:
    """What msgspec makes of the name of a member, which JSON can only write as a text."""
    made = by_msgspec(dict[hint, Any], {name: None})
    return next(iter(made))


def mapping_of(key: Convert | None, member: Convert | None, value: Any) -> Any:
    """A dict whose members, and names where these are no texts, are converted."""
    found: list[Complaint] = []
    made = {
        _converted(key, name, name, found): _converted(member, name, one, found)
        for name, one in _object(value).items()
    }
    return _made(lambda: made, {}, found)


def array_of(make: Callable[[Iterable[Any]], Any], item: Convert | None, value: Any) -> Any:
    """A list, or what `make` makes of one, whose items are converted."""
    found: list[Complaint] = []
    items = [_converted(item, at, one, found) for at, one in enumerate(_array(value))]
    return _made(lambda: make(items), {}, found)


def tuple_of(converters: Sequence[Convert | None], value: Any) -> Any:
    """A tuple with a converter for each place."""
    items, found = _array(value), list[Complaint]()
    if len(items) != len(converters):
        raise _unfit(f"must have {len(converters)} items, got {len(items)}")
    pairs = zip(converters, items, strict=True)
    made = tuple(_converted(convert, at, one, found) for at, (convert, one) in enumerate(pairs))
    return _made(lambda: made, {}, found)


def _converted(convert: Convert | None, step: str | int, value: Any, found: list[Complaint]) -> Any:
    """The converted value; complaints go to `found`, with the step that led here."""
    try:
        return value if convert is None else convert(value)
    except ValueError as error:
        found += below(step, error)
        return None


def _made(make: Callable[..., Any], arguments: dict[str, Any], found: list[Complaint]) -> Any:
    """What a class makes, if there are no complaints. Its own refusals are complaints too."""
    if found:
        raise UnfitError(found)
    try:
        return make(**arguments)
    except (ValueError, TypeError) as error:
        raise _unfit(str(error)) from None


def _object(value: Any) -> dict[str, Any]:
    if not is_mapping(value):
        raise _unfit("must be an object")
    return value


def _array(value: Any) -> list[Any]:
    if not is_list(value):
        raise _unfit("must be a list")
    return value


def _unfit(text: str) -> UnfitError:
    return UnfitError([Complaint((), text)])
