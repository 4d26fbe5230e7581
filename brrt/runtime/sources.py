"""Where streams come from: handlers that are async generator functions, and values that go on."""

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeGuard

from brrt.runtime.jobs import Handler

# What of a handler's value is given bit by bit; None for a value that is whole.
FindStream = Callable[[Any], AsyncIterator[Any] | None]


def is_generator(handler: Callable[..., Any]) -> bool:
    """Whether a handler is an async generator function, also as a method or a partial."""
    inner: Any = getattr(handler, "func", handler)
    if not inspect.isfunction(inner) and not inspect.ismethod(inner):
        inner = getattr(inner, "__call__", inner)  # noqa: B004 - the method, not a test
    return inspect.isasyncgenfunction(inner)


def as_coroutine(handler: Callable[..., Any]) -> Handler:
    """An async generator function as what is awaited: calling it is all there is to do."""

    async def call(**arguments: Any) -> Any:
        return handler(**arguments)

    return call


def find_generator(value: Any) -> AsyncIterator[Any] | None:
    """What of a value is a stream, where nothing else is known of it: an async iterator."""
    return value if is_iterator(value) else None


def is_iterator(value: object) -> TypeGuard[AsyncIterator[Any]]:
    """Whether a value can be asked for item after item."""
    return isinstance(value, AsyncIterator)
