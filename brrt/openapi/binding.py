"""Handlers meet operations: the only file that reflects on signatures.

The document says where a value comes from; the handler's parameter names only pick. Hints
convert, they do not define. Every fault is collected, with the handler's file and line.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin

from brrt.errors import Fault
from brrt.openapi.content import essence, is_json
from brrt.openapi.hints import (
    PLAIN,
    Convert,
    accepts_none,
    converter,
    holds_model,
    json_types,
    name_of,
)
from brrt.openapi.operations import Operation, Parameter, snake_case
from brrt.openapi.shapes import MISSING, Shape


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands, for names in two places: `Annotated[str, Header("X-Id")]`."""

    name: str
    location: typing.ClassVar[str] = ""


class Path(Source):
    """A path parameter by its name in the document."""

    location = "path"


class Query(Source):
    """A query parameter by its name in the document."""

    location = "query"


class Header(Source):
    """A header by its name in the document."""

    location = "header"


class Cookie(Source):
    """A cookie by its name in the document."""

    location = "cookie"


@dataclass(frozen=True, slots=True)
class Taken:
    """A value that the handler takes: under which name, converted how.

    `optional` means that the handler has a default of its own, so nothing is passed where the
    request has nothing; otherwise None is passed.
    """

    name: str
    convert: Convert | None
    optional: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """How an operation's handler is called, with keyword arguments only.

    `parameters` is keyed by location and name. `injected` maps the handler's parameter names
    to what is put there: a kind (`"request"`) or, for the lifespan's state, its type.
    """

    parameters: Mapping[tuple[str, str], Taken]
    body: Taken | None
    injected: Mapping[str, Any]


def bind(
    operation: Operation,
    handler: Callable[..., Any],
    shape: Callable[[Any], Shape],
    injectables: Mapping[type, str],
    state: type | None,
    has_state: bool,
) -> tuple[Binding, list[Fault]]:
    """Bind a handler to an operation.

    `shape` gives the shape of a schema; `injectables` the types that the framework itself
    supplies; `state` the type of the lifespan's state where it is known, and `has_state`
    whether there is one.
    """
    binder = _Binder(operation, handler, shape, injectables, state, has_state)
    return binder.bind(), binder.faults


class _Binder:
    """One handler and one operation, on the way to a binding."""

    def __init__(
        self,
        operation: Operation,
        handler: Callable[..., Any],
        shape: Callable[[Any], Shape],
        injectables: Mapping[type, str],
        state: type | None,
        has_state: bool,
    ) -> None:
        self.operation = operation
        self.handler = handler
        self.faults: list[Fault] = []
        self._shape = shape
        self._injectables = injectables
        self._state = state
        self._has_state = has_state
        self._parameters: dict[tuple[str, str], Taken] = {}
        self._body: Taken | None = None
        self._injected: dict[str, Any] = {}

    def bind(self) -> Binding:
        if self._is_coroutine():
            for parameter, hint in self._signature():
                self._place(parameter, hint)
        return Binding(self._parameters, self._body, self._injected)

    def fault(self, message: str, cure: str) -> None:
        """Note a fault at the handler's own line."""
        code = getattr(inspect.unwrap(self.handler), "__code__", None)
        name = getattr(self.handler, "__name__", repr(self.handler))
        self.faults.append(
            Fault(
                message=f"handler {name} of {self.operation.id}: {message}",
                cure=cure,
                file=code.co_filename if code else "",
                line=code.co_firstlineno if code else None,
            )
        )

    def _is_coroutine(self) -> bool:
        called: Any = self.handler
        if not inspect.isfunction(called) and not inspect.ismethod(called):
            called = getattr(called, "func", None) or getattr(called, "__call__", called)  # noqa: B004 - the method, not a test
        if inspect.iscoroutinefunction(called):
            return True
        if inspect.isasyncgenfunction(called):
            self.fault("it is an async generator", "streams are not supported yet; return a value")
        else:
            self.fault(
                "it is not a coroutine function",
                "write `async def`, and call blocking code with anyio.to_thread.run_sync",
            )
        return False

    def _signature(self) -> list[tuple[inspect.Parameter, Any]]:
        try:
            signature = inspect.signature(self.handler)
            hints = typing.get_type_hints(_hinted(self.handler), include_extras=True)
        except (NameError, TypeError, ValueError) as error:
            self.fault(f"its hints cannot be read: {error}", "import the names at module level")
            return []
        return [
            (parameter, hints.get(name, inspect.Parameter.empty))
            for name, parameter in signature.parameters.items()
        ]

    def _place(self, parameter: inspect.Parameter, hint: Any) -> None:
        """Find what a handler's parameter means, in the order of the document's rights."""
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            self.fault(
                f"it has {parameter}",
                "name each parameter, or take `request: Request` for all of them",
            )
            return
        source, hint = _unwrap(hint)
        if source is not None:
            self._place_marked(parameter, hint, source)
        elif (kind := self._injectable(parameter, hint)) is not None:
            self._injected[parameter.name] = kind
        elif found := self._candidates(parameter.name):
            self._place_named(parameter, hint, found)
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
        exact = [one for one in self.operation.parameters if one.name == name]
        return exact or [
            one for one in self.operation.parameters if snake_case(one.name) == name.rstrip("_")
        ]

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
        return parameter.name == "body" or (holds_model(hint) and "body" not in names)

    def _place_marked(self, parameter: inspect.Parameter, hint: Any, source: Source) -> None:
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
        self.fault(
            f"{parameter.name} asks for the {source.location} parameter {source.name!r}, which the"
            " document does not have",
            f"it has {', '.join(names)}" if names else f"it has no {source.location} parameter",
        )

    def _place_named(self, parameter: inspect.Parameter, hint: Any, found: list[Parameter]) -> None:
        if len(found) == 1:
            self._take(parameter, hint, found[0])
            return
        places = " and ".join(f"{one.location} {one.name!r}" for one in found)
        kind = found[0].location.capitalize()
        self.fault(
            f"{parameter.name} could be {places}",
            f'say which: Annotated[..., {kind}("{found[0].name}")]',
        )

    def _take(self, parameter: inspect.Parameter, hint: Any, one: Parameter) -> None:
        other = self._parameters.get((one.location, one.name))
        if other is not None:
            message = f"{other.name} and {parameter.name} both mean {one.location} {one.name!r}"
            self.fault(message, "keep one of them")
            return
        shape = self._shape(one.schema)
        if one.allow_empty:  # whatever the schema says, the text may be empty
            shape = replace(shape, types=shape.types and shape.types | {"string"})
        is_filled = one.default is not MISSING or _defaulted(parameter)
        may_be_none = not one.required and not is_filled
        self._check_hint(parameter.name, hint, shape, may_be_none)
        self._parameters[one.location, one.name] = Taken(
            parameter.name, self._converter(parameter, hint), _defaulted(parameter)
        )

    def _take_body(self, parameter: inspect.Parameter, hint: Any) -> None:
        body = self.operation.body
        assert body is not None
        if not body.required and not _defaulted(parameter) and not accepts_none(hint):
            self._needs_none(parameter.name, hint)
        for entry in body.content:
            if is_json(essence(entry.name)):
                self._check_hint(parameter.name, hint, self._shape(entry.schema), False)
        self._body = Taken(parameter.name, self._converter(parameter, hint), _defaulted(parameter))

    def _converter(self, parameter: inspect.Parameter, hint: Any) -> Convert | None:
        try:
            return converter(hint)
        except TypeError as error:
            self.fault(
                f"{parameter.name}: {error}",
                "use a JSON type, a dataclass, a TypedDict, a msgspec.Struct or a pydantic model",
            )
            return None

    def _check_hint(self, name: str, hint: Any, shape: Shape, may_be_none: bool) -> None:
        accepted = json_types(hint)
        if accepted is None:
            return
        if may_be_none and "null" not in accepted:
            self._needs_none(name, hint)
        refused = sorted(shape.types - accepted)
        if refused:
            self.fault(
                f"{name} is hinted as {name_of(hint)}, but the document's schema allows"
                f" {' and '.join(refused)}",
                "change the hint to what the schema says, or the schema",
            )

    def _needs_none(self, name: str, hint: Any) -> None:
        self.fault(
            f"{name} is optional in the document, but its hint {name_of(hint)} does not allow None",
            f"write `{name}: {name_of(hint)} | None = None`, or give the schema a default",
        )

    def _unknown(self, parameter: inspect.Parameter) -> None:
        names = {snake_case(one.name): one.name for one in self.operation.parameters}
        offered = [*names, *(["body"] if self.operation.body else []), "request"]
        close = get_close_matches(parameter.name, offered, n=1)
        self.fault(
            f"the document has no parameter {parameter.name!r}",
            f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(offered)}",
        )


def _hinted(handler: Callable[..., Any]) -> Any:
    """The function that carries the hints of a callable object or a partial."""
    handler = getattr(handler, "func", handler)
    if inspect.isfunction(handler) or inspect.ismethod(handler):
        return handler
    return type(handler).__call__


def _unwrap(hint: Any) -> tuple[Source | None, Any]:
    """`Annotated[T, Header("X")]` as the source and T; other annotations stay."""
    if get_origin(hint) is not Annotated:
        return None, hint
    kind, *extras = get_args(hint)
    sources = [extra for extra in extras if isinstance(extra, Source)]
    return (sources[0], kind) if sources else (None, hint)


def _defaulted(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty
