"""What an app is told, checked before anything is built from it.

A wrong option must not wait for the first request to show, and must never switch a check off.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, get_args

from brrt.config import Limits
from brrt.http.answers import is_token
from brrt.http.compression import Compression
from brrt.http.cors import CORS
from brrt.http.proxies import Proxies
from brrt.http.responses import Mode
from brrt.http.settings import wrong
from brrt.outbound.settings import Outbound
from brrt.rates.settings import RateLimits

_SETTINGS: Final[Mapping[str, type]] = {
    "limits": Limits,
    "outbound": Outbound,
    "proxies": Proxies,
    "rates": RateLimits,
    "cors": CORS,
    "compression": Compression,
}


def check_options(
    document: Any,
    lifespan: Any,
    errors: Any,
    mode: Any,
    health: Any,
    strict_query: Any,
    request_id: Any,
) -> None:
    """Check the options of `App`. Raises `SettingError`, which names the option and the cure."""
    if not isinstance(document, (str, os.PathLike, Mapping)):
        raise wrong("document", document, "give a path, the text of a document, or a mapping")
    if lifespan is not None and not callable(lifespan):
        raise wrong("lifespan", lifespan, "give an async context manager function")
    if mode not in get_args(Mode):
        near = get_close_matches(str(mode).lower(), get_args(Mode), n=1) or get_args(Mode)
        raise wrong("validate_responses", mode, f"did you mean {near[0]!r}?")
    if health is not None and not (isinstance(health, str) and health.startswith("/")):
        raise wrong("health", health, "give a path that starts with a slash, or None")
    if not isinstance(strict_query, bool):
        raise wrong("strict_query", strict_query, "give True or False")
    if request_id is not None and not (isinstance(request_id, str) and is_token(request_id)):
        raise wrong("request_id", request_id, "give the name of a header, or None")
    _check_errors(errors or {})


def check_settings(**given: Any) -> None:
    """Check the options that are settings of a class of their own. Raises `SettingError`."""
    for name, value in given.items():
        kind = _SETTINGS[name]
        is_switch = kind is Compression and isinstance(value, bool)
        if value is not None and not isinstance(value, kind) and not is_switch:
            raise wrong(name, value, f"give brrt.{kind.__name__}(...)")


def _check_errors(errors: Any) -> None:
    if not hasattr(errors, "items"):
        raise wrong("errors", errors, "give a mapping of exception classes")
    kind: Any
    mapped: Any
    for kind, mapped in errors.items():
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise wrong("errors", kind, "its keys are exception classes")
        is_status = isinstance(mapped, int) and 400 <= mapped <= 599
        if not is_status and (isinstance(mapped, int) or not callable(mapped)):
            raise wrong("errors", mapped, "give a status from 400 to 599, or a function")
