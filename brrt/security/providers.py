"""What users write to say who somebody is: a provider for each scheme of the document."""

import inspect
import typing
from collections.abc import Awaitable, Callable
from typing import Any, get_args

from brrt.config import SettingError
from brrt.openapi.hints import choices
from brrt.openapi.signatures import called_function, hinted_function

# `(credentials, scopes, request) -> principal | None`
Provider = Callable[..., Awaitable[Any]]


def check_providers(providers: Any) -> None:
    """Raises `SettingError` for what are no async functions of three parameters, by scheme."""
    if not hasattr(providers, "items"):
        message = "give a mapping of the document's schemes to providers"
        raise SettingError(f"security cannot be {providers!r}; {message}")
    for name, provider in providers.items():
        _check(name, provider)


def _check(name: Any, provider: Any) -> None:
    cure = "write `async def provider(credentials, scopes, request)`, which returns who it is"
    if not inspect.iscoroutinefunction(called_function(provider)):
        raise SettingError(f"security[{name!r}] cannot be {provider!r}; {cure}")
    try:
        inspect.signature(provider).bind(None, (), None)
    except TypeError as error:
        raise SettingError(f"security[{name!r}] takes other parameters: {error}; {cure}") from None


def principal_types(provider: Provider) -> tuple[type, ...]:
    """The types of those whom a provider knows, by its annotation; none where it has none."""
    try:
        hint = typing.get_type_hints(hinted_function(provider)).get("return")
    except (NameError, TypeError):
        return ()
    found = [one for one in choices(hint) if isinstance(one, type) and one is not type(None)]
    return tuple(one for one in found if one is not object and not get_args(one))
