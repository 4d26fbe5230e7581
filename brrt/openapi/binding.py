"""Handlers meet operations: each parameter of a handler finds its place in the document.

The document says where a value comes from; the handler's parameter names only pick. Hints
convert, they do not define. Every fault is collected, with the handler's file and line.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Literal

from brrt.errors import Fault
from brrt.openapi.body_hints import (
    Member,
    body_converter,
    body_problems,
    form_members,
    stream_items,
)
from brrt.openapi.converters import converter
from brrt.openapi.hint_checks import Problem, check_hint
from brrt.openapi.hints import (
    PLAIN,
    Convert,
    accepts_none,
    choices,
    holds_model,
    json_types,
    name_of,
)
from brrt.openapi.intake_hints import file_problems, intake_problems, is_file, item_hint
from brrt.openapi.markers import Cookie, Form, Header, Path, Query, QueryString, Source
from brrt.openapi.operations import Body, Operation, Parameter, snake_case
from brrt.openapi.schema_shapes import read_shape
from brrt.openapi.shapes import MISSING
from brrt.openapi.signatures import (
    UnusableError,
    is_defaulted,
    place_of,
    read_signature,
    read_source,
)
from brrt.openapi.unions import UndecidedError


@dataclass(frozen=True, slots=True)
class Taken:
    """A value that the handler takes: under which name, converted how.

    `optional` means that the handler has a default of its own, so nothing is passed where the
    request has nothing; otherwise None is passed. `how` is said of bodies only: whole, as a file,
    as pieces of bytes, or as items of which each is converted.
    """

    name: str
    convert: Convert | None
    optional: bool
    how: Literal["whole", "file", "pieces", "items"] = "whole"


@dataclass(frozen=True, slots=True)
class Principal:
    """Stands for who calls, where a handler asks for that: one of these types, or anybody."""

    kinds: tuple[type, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """How an operation's handler is called, with keyword arguments only.

    `parameters` is keyed by location and name, `members` by the names of a form's properties.
    `injected` maps the handler's parameter names to what is put there: a kind (`"request"`), a
    `Principal`, or, for the lifespan's state, its type.
    """

    parameters: Mapping[tuple[str, str], Taken]
    body: Taken | None
    injected: Mapping[str, Any]
    members: Mapping[str, Taken] = field(default_factory=dict[str, Taken])


def bind(
    operation: Operation,
    handler: Callable[..., Any],
    injectables: Mapping[type, str],
    state: type | None,
    has_state: bool,
    files: frozenset[type] = frozenset(),
    principals: tuple[type, ...] | None = None,
) -> tuple[Binding, list[Fault]]:
    """Bind a handler to an operation.

    `injectables` are the types that the framework itself supplies; `state` is the type of the
    lifespan's state where it is known, and `has_state` says whether there is one; `files` are
    the types of uploaded files, `principals` those of who may call, None where anybody may.
    """
    binder = _Binder(operation, handler, injectables, state, has_state, files, principals)
    return binder.bind(), binder.faults


class _Binder:
    """One handler and one operation, on the way to a binding."""

    def __init__(
        self,
        operation: Operation,
        handler: Callable[..., Any],
        injectables: Mapping[type, str],
        state: type | None,
        has_state: bool,
        files: frozenset[type],
        principals: tuple[type, ...] | None,
    ) -> None:
        self.operation = operation
        self.handler = handler
        self.faults: list[Fault] = []
        self._injectables = injectables
        self._state = state
        self._has_state = has_state
        self._files = files
        self._principals = principals
        self._form = form_members(operation.body)
        self._parameters: dict[tuple[str, str], Taken] = {}
        self._members: dict[str, Taken] = {}
        self._body: Taken | None = None
        self._injected: dict[str, Any] = {}

    def bind(self) -> Binding:
        try:
            for parameter, hint in read_signature(self.handler):
                self._place(parameter, hint)
        except UnusableError as error:
            self.fault(str(error), error.cure)
        return Binding(self._parameters, self._body, self._injected, self._members)

    def fault(self, message: str, cure: str) -> None:
        """Note a fault at the handler's own line."""
        name = getattr(self.handler, "__name__", repr(self.handler))
        message = f"handler {name} of {self.operation.id}: {message}"
        self.faults.append(Fault(message, cure, *place_of(self.handler)))

    def _place(self, parameter: inspect.Parameter, hint: Any) -> None:
        """Find what a handler's parameter means, in the order of the document's rights."""
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            self.fault(
                f"it has {parameter}",
                "name each parameter, or take `request: Request` for all of them",
            )
            return
        source, hint = read_source(hint)
        if source is not None:
            self._place_marked(parameter, hint, source)
        elif (kind := self._injectable(parameter, hint)) is not None:
            self._injected[parameter.name] = kind
        elif found := self._candidates(parameter.name):
            self._place_named(parameter, hint, found)
        elif members := _named(self._form, parameter.name):
            self._place_member(parameter, hint, members)
        elif (principal := self._principal(parameter, hint)) is not None:
            self._injected[parameter.name] = principal
        elif self._is_state(hint):
            self._injected[parameter.name] = hint
        elif (
            self.operation.body is not None
            and self._body is None
            and self._is_body(parameter, hint)
        ):
            self._take_body(parameter, hint)
        else:
            self._unknown(parameter)

    def _injectable(self, parameter: inspect.Parameter, hint: Any) -> str | None:
        if hint is inspect.Parameter.empty and parameter.name == "request":
            return "request" if not self._candidates("request") else None
        return self._injectables.get(hint) if isinstance(hint, type) else None

    def _candidates(self, name: str) -> list[Parameter]:
        names = _named((one.name for one in self.operation.parameters), name)
        return [one for one in self.operation.parameters if one.name in names]

    def _principal(self, parameter: inspect.Parameter, hint: Any) -> Principal | None:
        """Who calls: by the name `principal`, or by the type of those whom a provider knows."""
        if self._principals is None:
            return None
        kinds = [one for one in choices(hint) if one is not type(None)]
        known = tuple(one for one in kinds if isinstance(one, type) and one not in PLAIN)
        meant = [any(issubclass(each, one) for each in self._principals) for one in known]
        if known and len(known) == len(kinds) and all(meant):
            return Principal(known)
        return Principal(()) if parameter.name == "principal" else None

    def _is_state(self, hint: Any) -> bool:
        if not self._has_state or not isinstance(hint, type) or hint in PLAIN:
            return False
        if self._state is not None:
            return issubclass(self._state, hint)
        return json_types(hint) is None

    def _is_body(self, parameter: inspect.Parameter, hint: Any) -> bool:
        names = {
            parameter.name for parameter in inspect.signature(self.handler).parameters.values()
        }
        is_body = holds_model(hint) or item_hint(hint) is not MISSING
        return parameter.name == "body" or (is_body and "body" not in names)

    def _place_marked(self, parameter: inspect.Parameter, hint: Any, source: Source) -> None:
        if isinstance(source, Form) and source.name in self._form:
            self._take_member(parameter, hint, source.name)
            return
        for one in self.operation.parameters:
            same = (
                one.name.lower() == source.name.lower()
                if source.location == "header"
                else (one.name == source.name)
            )
            if one.location == source.location and same:
                self._take(parameter, hint, one)
                return
        names = [one.name for one in self.operation.parameters if one.location == source.location]
        kind = f"{source.location} parameter"
        if isinstance(source, Form):
            names, kind = list(self._form), "form member"
        self.fault(
            f"{parameter.name} asks for the {kind} {source.name!r}, which the document does not"
            " have",
            f"it has {', '.join(names)}" if names else f"it has no {kind}",
        )

    def _place_named(self, parameter: inspect.Parameter, hint: Any, found: list[Parameter]) -> None:
        if len(found) == 1:
            self._take(parameter, hint, found[0])
            return
        places = " and ".join(f"{one.location} {one.name!r}" for one in found)
        kind = _MARKERS[found[0].location].__name__
        self.fault(
            f"{parameter.name} could be {places}",
            f'say which: Annotated[..., {kind}("{found[0].name}")]',
        )

    def _place_member(self, parameter: inspect.Parameter, hint: Any, found: list[str]) -> None:
        if len(found) == 1:
            self._take_member(parameter, hint, found[0])
            return
        self.fault(
            f"{parameter.name} could be the form's {' and '.join(map(repr, found))}",
            f'say which: Annotated[..., Form("{found[0]}")]',
        )

    def _take(self, parameter: inspect.Parameter, hint: Any, one: Parameter) -> None:
        place = (one.location, one.name)
        if self._is_taken(self._parameters.get(place), parameter, f"{one.location} {one.name!r}"):
            return
        is_filled = one.default is not MISSING or is_defaulted(parameter)
        self._check_none(parameter, hint, may_be_none=not one.required and not is_filled)
        if one.schema is None and one.content is None:
            self._parameters[place] = self._undeclared(parameter, hint)
            return
        schema = (one.value_schema,) if one.value_schema is not None else ()
        also = frozenset({"string"} if one.allow_empty else ())  # whatever the schema says
        problems = check_hint(hint, schema, files=self._files, also=also)
        has_integers = one.content is None and "number" not in read_shape(one.schema).types
        self._parameters[place] = self._taken(
            parameter,
            problems,
            lambda: converter(hint, schema, self._files, has_integers=has_integers),
        )

    def _undeclared(self, parameter: inspect.Parameter, hint: Any) -> Taken:
        """A header that the document need not declare (`Last-Event-ID`): a text, or its number."""
        kinds = [one for one in choices(hint) if one is not type(None)]
        convert: Convert | None = int if kinds == [int] else None
        if convert is None and kinds not in ([str], [Any], [inspect.Parameter.empty]):
            message = f"is hinted as {name_of(hint)}, but the document says nothing of it"
            self.fault(f"{parameter.name} {message}", "hint it as str or int, or declare it")
        return Taken(parameter.name, convert, is_defaulted(parameter))

    def _take_member(self, parameter: inspect.Parameter, hint: Any, name: str) -> None:
        if self._is_taken(self._members.get(name), parameter, f"the form's {name!r}"):
            return
        member: Member = self._form[name]
        is_certain = member.is_certain or is_defaulted(parameter)
        self._check_none(parameter, hint, may_be_none=not is_certain)
        problems = [
            problem
            for schema, has_files in member.schemas
            for problem in check_hint(hint, schema, files=self._files, has_files=has_files)
        ]
        schema = member.schemas[0][0] if member.schemas else ()
        self._members[name] = self._taken(
            parameter, problems, lambda: converter(hint, schema, self._files)
        )

    def _take_body(self, parameter: inspect.Parameter, hint: Any) -> None:
        body = self.operation.body
        assert body is not None
        item = item_hint(hint)
        if item is not MISSING:
            self._body = self._taken_bit_by_bit(parameter, body, item)
            return
        self._check_none(
            parameter, hint, may_be_none=not body.required and not is_defaulted(parameter)
        )
        if is_file(body, hint, self._files):
            taken = self._taken(parameter, file_problems(body, hint), lambda: None)
            self._body = replace(taken, how="file")
            return
        problems = body_problems(body, hint, self._files)
        self._body = self._taken(
            parameter, problems, lambda: body_converter(body, hint, self._files)
        )

    def _taken_bit_by_bit(self, parameter: inspect.Parameter, body: Body, item: Any) -> Taken:
        """A body that the handler reads itself. One that is not there has nothing to give."""
        problems = intake_problems(body, item, self._files)
        if item is bytes:
            return replace(self._taken(parameter, problems, lambda: None), how="pieces")
        schemas = [one for one in map(stream_items, body.content) if one is not None]
        schema = schemas[0] if schemas else ()
        taken = self._taken(parameter, problems, lambda: converter(item, schema, self._files))
        return replace(taken, how="items")

    def _is_taken(self, other: Taken | None, parameter: inspect.Parameter, what: str) -> bool:
        if other is not None:
            message = f"{other.name} and {parameter.name} both mean {what}"
            self.fault(message, "keep one of them")
        return other is not None

    def _taken(
        self,
        parameter: inspect.Parameter,
        problems: Iterable[Problem],
        compiled: Callable[[], Convert | None],
    ) -> Taken:
        """A value that the handler takes; what its hint cannot hold is told, each thing once."""
        convert: Convert | None = None
        found = dict.fromkeys(problems)
        for one in found:
            self.fault(f"{parameter.name}{one.path} {one.message}", one.cure)
        try:
            convert = compiled()
        except UndecidedError as error:
            if not found:  # else it is told, with the place in the schema
                self.fault(f"{parameter.name} {error}", error.cure)
        except (TypeError, NameError) as error:
            self.fault(
                f"{parameter.name}: {error}",
                "use a JSON type, a dataclass, a TypedDict, a msgspec.Struct or a pydantic model",
            )
        return Taken(parameter.name, convert, is_defaulted(parameter))

    def _check_none(self, parameter: inspect.Parameter, hint: Any, *, may_be_none: bool) -> None:
        takes_none = any(one not in self._files and accepts_none(one) for one in choices(hint))
        if may_be_none and not takes_none:
            name, written = parameter.name, name_of(hint)
            self.fault(
                f"{name} is optional in the document, but its hint {written} does not allow None",
                f"write `{name}: {written} | None = None`, or give the schema a default",
            )

    def _unknown(self, parameter: inspect.Parameter) -> None:
        names = {snake_case(one.name): one.name for one in self.operation.parameters}
        names |= {snake_case(name): name for name in self._form}
        offered = [*names, *(["body"] if self.operation.body else []), "request"]
        close = get_close_matches(parameter.name, offered, n=1)
        self.fault(
            f"the document has no parameter {parameter.name!r}",
            f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(offered)}",
        )


_MARKERS = {kind.location: kind for kind in (Path, Query, QueryString, Header, Cookie)}


def _named(names: Iterable[str], name: str) -> list[str]:
    """The names of the document that a handler's name means: exactly, or else in snake_case."""
    known = list(dict.fromkeys(names))
    return (
        [name] if name in known else [one for one in known if snake_case(one) == name.rstrip("_")]
    )
