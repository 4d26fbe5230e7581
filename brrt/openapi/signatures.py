"""What a handler's signature says: the only file that reflects on functions.

What the parameters mean is the affair of `binding`.
"""

import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

from brrt.openapi.markers import Source


class UnusableError(Exception):
    """A handler that cannot be called as one; `cure` says what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


def read_signature(handler: Callable[..., Any]) -> list[tuple[inspect.Parameter, Any]]:
    """The parameters of a handler with their hints. Raises `UnusableError`."""
    _refuse_others(handler)
    try:
        signature = inspect.signature(handler)
        hints = typing.get_type_hints(hinted_function(handler), include_extras=True)
    except (NameError, TypeError, ValueError) as error:
        message = f"its hints cannot be read: {error}"
        raise UnusableError(message, "import the names at module level") from None
    return [
        (parameter, hints.get(name, inspect.Parameter.empty))
        for name, parameter in signature.parameters.items()
    ]


def _refuse_others(handler: Callable[..., Any]) -> None:
    """Refuse what is neither a coroutine function nor an async generator function."""
    called = called_function(handler)
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        return
    cure = "write `async def`, and call blocking code with anyio.to_thread.run_sync"
    raise UnusableError("it is not a coroutine function", cure)


def called_function(handler: Callable[..., Any]) -> Any:
    """The function or method that is called with a callable object or a partial."""
    if inspect.isfunction(handler) or inspect.ismethod(handler):
        return handler
    return getattr(handler, "func", None) or getattr(handler, "__call__", handler)  # noqa: B004 - the method, not a test


def hinted_function(handler: Callable[..., Any]) -> Any:
    """The function that carries the hints of a callable object or a partial."""
    handler = getattr(handler, "func", handler)
    if inspect.isfunction(handler) or inspect.ismethod(handler):
        return handler
    return type(handler).__call__


def place_of(handler: Callable[..., Any]) -> tuple[str, str, int | None]:
    """File, pointer (none) and line of a handler, as a `Fault` has them."""
    code = getattr(inspect.unwrap(handler), "__code__", None)
    return (code.co_filename, "", code.co_firstlineno) if code else ("", "", None)


def read_source(hint: Any) -> tuple[Source | None, Any]:
    """`Annotated[T, Header("X")]` as the source and T; other annotations stay."""
    if get_origin(hint) is not Annotated:
        return None, hint
    kind, *extras = get_args(hint)
    sources = [extra for extra in extras if isinstance(extra, Source)]
    if not sources:
        return None, hint
    others = tuple(extra for extra in extras if not isinstance(extra, Source))
    return sources[0], Annotated[kind, *others] if others else kind


def is_defaulted(parameter: inspect.Parameter) -> bool:
    """Whether a handler's parameter has a default of its own."""
    return parameter.default is not inspect.Parameter.empty
