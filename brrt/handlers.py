"""The handlers that a user registers: names, functions and their own limits.

This is a list and nothing more; what it means is found out when an app is built.
"""

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from brrt.config import PER_HANDLER, QueuePolicy
from brrt.errors import Fault
from brrt.openapi.operations import snake_case

logger = logging.getLogger("brrt")

Function = TypeVar("Function", bound=Callable[..., Awaitable[Any] | AsyncIterator[Any]])


@dataclass(frozen=True, slots=True)
class Registration:
    """A handler as it was registered. `name` is an operationId, or its snake_case form."""

    name: str
    function: Callable[..., Any]
    limits: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def place(self) -> tuple[str, int | None]:
        """File and line of the function, where it has them."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return (code.co_filename, code.co_firstlineno) if code else ("", None)

    def fault(self, message: str, cure: str) -> Fault:
        """A fault at this handler."""
        file, line = self.place
        return Fault(message=message, cure=cure, file=file, line=line)


class Handlers:
    """A collection of handlers, filled by decoration.

        handlers = Handlers()

        @handlers                       # the function's name is the operationId
        async def get_pet(id: int): ...

        @handlers("listPets", workers=16, timeout=2.0)
        async def pets(limit: int): ...

    The function is returned unchanged. Registering a name again replaces the earlier handler.
    """

    def __init__(self) -> None:
        self._registered: dict[str, Registration] = {}

    def __repr__(self) -> str:
        return f"<Handlers {', '.join(self._registered) or 'none'}>"

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._registered.values())

    def __len__(self) -> int:
        return len(self._registered)

    @overload
    def __call__(self, name: Function) -> Function: ...

    @overload
    def __call__(
        self,
        name: str | None = None,
        *,
        workers: int | None = None,
        queue_size: int | None = None,
        queue_policy: QueuePolicy | None = None,
        timeout: float | None = None,
        max_body: int | None = None,
        max_upload: int | None = None,
        streams: int | None = None,
    ) -> Callable[[Function], Function]: ...

    def __call__(self, name: Any = None, **limits: Any) -> Any:
        """Register a handler: bare, or with an operationId and limits of its own."""
        if callable(name):
            function: Any = name
            return self._register(getattr(function, "__name__", ""), function, {})
        unknown = sorted(set(limits) - set(PER_HANDLER))
        if unknown:
            raise TypeError(f"unknown limits {', '.join(unknown)}; known: {', '.join(PER_HANDLER)}")
        own = given(**limits)

        def decorate(function: Function) -> Function:
            return self._register(name or getattr(function, "__name__", ""), function, own)

        return decorate

    def _register(self, name: str, function: Function, limits: Mapping[str, Any]) -> Function:
        key = snake_case(name)
        if not key:
            raise TypeError("a handler without a name needs its operationId: @handlers('getPet')")
        if key in self._registered:
            logger.warning("Handler %s was registered again and replaces the first", key)
        self._registered[key] = Registration(name, function, limits)
        return function


def given(**limits: Any) -> dict[str, Any]:
    """The limits that were given at all."""
    return {name: value for name, value in limits.items() if value is not None}


def merge(
    collections: "Handlers | Iterable[Handlers]",
) -> tuple[dict[str, Registration], list[Fault]]:
    """All registrations by snake_case name, and a fault for each name that two collections have."""
    merged: dict[str, Registration] = {}
    faults: list[Fault] = []
    for handlers in _each(collections):
        for one in handlers:
            key = snake_case(one.name)
            if key in merged:
                file, line = merged[key].place
                faults.append(
                    one.fault(
                        f"the operation {one.name} has another handler at {file}:{line}",
                        "remove one of them",
                    )
                )
            merged[key] = one
    return merged, faults


def _each(collections: Any) -> Iterable[Handlers]:
    """The collections, or a TypeError for what newcomers try first: functions."""
    listed = hasattr(collections, "__iter__") and not hasattr(collections, "keys")
    single = isinstance(collections, Handlers) or not listed
    each: list[Any] = [collections] if single else list(collections)
    for one in each:
        if not isinstance(one, Handlers):
            raise TypeError(
                f"handlers cannot be {one!r}; collect functions with `handlers = Handlers()` and"
                " `@handlers`, and give one collection or a list of them"
            )
    return each
