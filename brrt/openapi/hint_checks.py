"""Hints held against schemas: what a document allows and a handler's hint cannot hold.

Told is only what is certain: that some value which the schema allows would never become what the
hint says. Where a schema or a hint says more than can be read, nothing is told; nor where a schema
says nothing, of types, of members or of items: then the hint is all there is. Bounds that a hint
has of its own (`Annotated[int, Meta(gt=0)]`) are left to its library.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from brrt.openapi.alternatives import FILE, Alternative, Joint, alternatives, is_read_only
from brrt.openapi.document import Key
from brrt.openapi.hints import (
    MAPPINGS,
    choices,
    item_of,
    items_of,
    key_of_hint,
    name_of,
    names_pydantic,
)
from brrt.openapi.holdings import CURE, Members, Refusal, types_of
from brrt.openapi.models import Model, ModelField, class_of, is_model, read_model
from brrt.openapi.unions import UndecidedError, read_union


@dataclass(frozen=True, slots=True)
class Problem:
    """What a hint cannot hold; `path` leads from the value to the place, as `.owner.tags[]`."""

    path: str
    message: str
    cure: str


def check_hint(
    hint: Any,
    schema: Joint,
    *,
    files: frozenset[type] = frozenset(),
    has_files: bool = False,
    also: frozenset[str] = frozenset(),
) -> list[Problem]:
    """What of a schema's values a hint cannot hold.

    `files` are the types of uploaded files, `has_files` says whether what the schema calls
    binary comes as one; `also` are JSON types that may come whatever the schema says.
    """
    checker = _Checker(files, has_files)
    return list(dict.fromkeys(checker.check(hint, schema, also=also)))


class _Checker:
    """Compares each pair of hint and schema once; a pair inside itself is taken to fit."""

    def __init__(self, files: frozenset[type], has_files: bool) -> None:
        self._files = files
        self._has_files = has_files
        self._done: dict[tuple[Any, frozenset[Key], bool], list[Problem]] = {}

    def check(
        self,
        hint: Any,
        schema: Joint,
        *,
        lax: bool = False,
        also: frozenset[str] = frozenset(),
    ) -> list[Problem]:
        lax = lax or names_pydantic(hint)
        key = key_of_hint(hint), frozenset(one.key for one in schema), lax
        if key not in self._done:
            self._done[key] = []
            self._done[key] = list(self._compare(hint, schema, lax, also))
        return self._done[key]

    def _compare(
        self, hint: Any, schema: Joint, lax: bool, also: frozenset[str]
    ) -> Iterator[Problem]:
        members = choices(hint)
        if not self._has_files and any(one in self._files for one in members):
            message = f"is hinted as {name_of(hint)}, but files come in multipart bodies only"
            yield Problem("", message, "hint it as what the schema says")
            return
        accepted = [self._types(one, lax) for one in members]
        found = alternatives(schema, has_files=self._has_files)
        if found is None or any(one is None for one in accepted):
            return
        known = [one or frozenset[str]() for one in accepted]
        objects = [one for one, types in zip(members, known, strict=True) if "object" in types]
        is_union = len(objects) > 1
        if is_union and not lax and any("object" in one.types or not one.types for one in found):
            yield from self._check_union(objects, schema)
        refusals: dict[Refusal, None] = {}
        problems: list[Problem] = []
        for one in found:
            one = replace(one, types=one.types | also if one.types else one.types)
            pairs = Members(members, known, lax)
            refusals |= dict.fromkeys(pairs.refusals(one))
            problems += [] if is_union else self._check_objects(objects, one, lax)
            problems += self._check_arrays(pairs.holders("array"), one, lax)
        if refusals:
            what = " and ".join(refusal.what for refusal in refusals)
            message = f"is hinted as {name_of(hint)}, but the document's schema allows {what}"
            cures = dict.fromkeys(refusal.cure for refusal in refusals)
            yield Problem("", message, next(iter(cures)) if len(cures) == 1 else CURE)
        yield from problems

    def _types(self, hint: Any, lax: bool) -> frozenset[str] | None:
        if hint in self._files:
            return frozenset({FILE})
        return types_of(hint, lax=lax)

    def _check_union(self, objects: list[Any], schema: Joint) -> Iterator[Problem]:
        """Each class of a union against its own branch."""
        try:
            union = read_union(objects, schema)
        except UndecidedError as error:
            yield Problem("", str(error), error.cure)
            return
        tag = f".{union.property}"  # whose values are those that lead here
        for chosen in union.chosen():
            found = self.check(chosen.hint, chosen.schema)
            yield from (problem for problem in found if problem.path != tag)

    def _check_objects(self, hints: list[Any], one: Alternative, lax: bool) -> Iterator[Problem]:
        is_object = "object" in one.types or not one.types
        is_free = not one.applied.properties and not one.applied.rests and not one.required
        if len(hints) != 1 or not is_object or is_free or one.values is not None:
            return
        (hint,) = hints
        if is_model(hint):
            yield from self._check_model(hint, one, lax)
        elif class_of(hint) in MAPPINGS and len(get_args(hint)) == 2:
            inner = get_args(hint)[1]
            for name in one.applied.properties:
                yield from _under(f".{name}", self.check(inner, one.member(name) or (), lax=lax))
            for schema in one.others():
                yield from _under(".*", self.check(inner, schema, lax=lax))

    def _check_arrays(self, hints: list[Any], one: Alternative, lax: bool) -> Iterator[Problem]:
        if len(hints) != 1 or is_model(hints[0]) or not get_args(hints[0]):
            return
        (hint,) = hints
        places = items_of(hint)
        if places is None:
            for place in range(one.prefix() + 1):
                path = "[]" if place == one.prefix() else f"[{place}]"
                yield from _under(path, self.check(item_of(hint), one.item(place), lax=lax))
            return
        if one.types and one.lengths != (len(places), len(places)):
            message = f"is hinted as {name_of(hint)}, but the document's schema allows other"
            cure = f"give the schema minItems and maxItems {len(places)}, or hint it as a list"
            yield Problem("", f"{message} numbers of items", cure)
        for place, inner in enumerate(places):
            yield from _under(f"[{place}]", self.check(inner, one.item(place), lax=lax))

    def _check_model(self, hint: Any, one: Alternative, lax: bool) -> Iterator[Problem]:
        try:
            model = read_model(hint)
        except (NameError, TypeError):
            return  # told when the converter is made
        for field in model.fields:
            yield from self._check_field(hint, field, one, lax)
        if model.is_closed:
            yield from _strange_members(hint, model, one)

    def _check_field(
        self, hint: Any, field: ModelField, one: Alternative, lax: bool
    ) -> Iterator[Problem]:
        for name in field.names:
            schema = one.member(name)
            if name in one.applied.properties and schema is not None:
                yield from _under(f".{name}", self.check(field.hint, schema, lax=lax))
        if field.required and not any(map(one.guarantees, field.names)):
            yield _missing(hint, field, one)


def _missing(hint: Any, field: ModelField, one: Alternative) -> Problem:
    name = field.names[0]
    what = f"is read as {name_of(hint)}, whose field {field.name} has no default, but the document"
    cure = f"give the field {field.name} a default"
    nodes = one.applied.properties.get(name)
    if nodes is None:
        return Problem("", f"{what}'s schema has no property {name!r} that is required", cure)
    if is_read_only(nodes):
        return Problem("", f"{what} makes it readOnly, so that no request has it", cure)
    return Problem("", f"{what} does not require {name!r}", f"{cure}, or list it in `required`")


def _strange_members(hint: Any, model: Model, one: Alternative) -> Iterator[Problem]:
    for name, nodes in one.applied.properties.items():
        if name not in model.names and one.member(name) is not None and not is_read_only(nodes):
            message = f"is read as {name_of(hint)}, which forbids the document's property {name!r}"
            yield Problem("", message, "add the field, or let the class ignore what it has not")


def _under(path: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    for one in problems:
        yield replace(one, path=path + one.path)
