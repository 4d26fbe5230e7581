"""What users write to say who somebody is: a provider for each scheme of the document."""

import asyncio
import inspect
import logging
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_args

from brrt.config import SettingError
from brrt.openapi.hints import choices
from brrt.openapi.signatures import called_function, hinted_function
from brrt.runtime.tasks import stack, stop, wait_for

logger = logging.getLogger("brrt")

# `(credentials, scopes, request) -> principal | None`
Provider = Callable[..., Awaitable[Any]]


def check_providers(providers: Any) -> None:
    """Raises `SettingError` for what are no async functions of three parameters, by scheme."""
    if not hasattr(providers, "items"):
        message = "give a mapping of the document's schemes to providers"
        raise SettingError(f"security cannot be {_shown(providers)}; {message}")
    for name, provider in providers.items():
        _check(name, provider)


def _check(name: Any, provider: Any) -> None:
    cure = "write `async def provider(credentials, scopes, request)`, which returns who it is"
    if not inspect.iscoroutinefunction(called_function(provider)):
        raise SettingError(f"security[{name!r}] cannot be {_shown(provider)}; {cure}")
    try:
        inspect.signature(provider).bind(None, (), None)
    except TypeError as error:
        raise SettingError(f"security[{name!r}] takes other parameters: {error}; {cure}") from None


def _shown(given: Any) -> str:
    """What was given, unless it may be a secret itself: then its type."""
    return repr(given) if callable(given) else f"a value of {type(given).__name__}"


def principal_types(provider: Provider) -> tuple[type, ...]:
    """The types of those whom a provider knows, as it says itself in `principal_types`, or by its
    annotation; none where it says nothing.
    """
    own: tuple[type, ...] | None = getattr(provider, "principal_types", None)
    if own is not None:
        return own
    return returned_types(provider)


def returned_types(function: Callable[..., Any]) -> tuple[type, ...]:
    """The types of what a function returns, by its annotation; a class returns itself."""
    if isinstance(function, type):
        return (function,)
    try:
        hint = typing.get_type_hints(hinted_function(function)).get("return")
    except (NameError, TypeError):
        return ()
    found = [one for one in choices(hint) if isinstance(one, type) and one is not type(None)]
    return tuple(one for one in found if one is not object and not get_args(one))


class Holdings:
    """The providers that hold something open while an app runs: those with an `aclose`.

    Each once, under however many schemes it stands. One that also has `begin_run` is told of a
    run before it is closed for it, so that it may serve several.

    State: `_open`, those that this run has to close.
    """

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        each: dict[int, Any] = {id(one): one for one in providers.values()}
        self._each = [one for one in each.values() if hasattr(one, "aclose")]
        self._open: list[Any] = []

    def begin_run(self) -> None:
        """An app begins to run in the present loop. Raises what a provider raises."""
        for one in self._each:
            if hasattr(one, "begin_run"):
                one.begin_run()
            self._open.append(one)

    async def aclose(self, patience: float) -> None:
        """Its run has ended. Whatever one does, in so many seconds, the others are closed too."""
        while self._open:
            await _close(self._open.pop(0), patience)


async def _close(provider: Any, patience: float) -> None:
    """In a task, since one that ignores its cancellation must not hold up the stop."""

    async def close() -> None:
        try:
            await provider.aclose()
        except Exception:
            logger.exception("A security provider was not closed: %r", provider)

    task = asyncio.create_task(close(), name="brrt closing a provider")
    if not await wait_for((task,), patience):
        return
    left = await stop((task,), patience)
    state = f"and ignores its cancellation:\n{stack(task)}" if left else "and was cut short"
    text = "A security provider was not closed in %g s, %s: %r"
    logger.error(text, patience, state, provider)
