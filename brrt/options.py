"""What an app is told, checked before anything is built from it.

A wrong option must not wait for the first request to show, and must never switch a check off.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from brrt.config import Limits, SettingError
from brrt.http.compression import Compression
from brrt.http.cors import CORS
from brrt.http.responses import Mode
from brrt.outbound.settings import Outbound


def check_options(
    document: Any,
    limits: Any,
    lifespan: Any,
    errors: Any,
    mode: Any,
    health: Any,
    strict_query: Any = False,
    outbound: Any = None,
) -> None:
    """Check the options of `App`. Raises `SettingError`, which names the option and the cure."""
    if not isinstance(document, (str, os.PathLike, Mapping)):
        raise _wrong("document", document, "give a path, the text of a document, or a mapping")
    if limits is not None and not isinstance(limits, Limits):
        raise _wrong("limits", limits, "give brrt.Limits(...)")
    if lifespan is not None and not callable(lifespan):
        raise _wrong("lifespan", lifespan, "give an async context manager function")
    if mode not in get_args(Mode):
        near = get_close_matches(str(mode).lower(), get_args(Mode), n=1) or get_args(Mode)
        raise _wrong("validate_responses", mode, f"did you mean {near[0]!r}?")
    if health is not None and not (isinstance(health, str) and health.startswith("/")):
        raise _wrong("health", health, "give a path that starts with a slash, or None")
    if not isinstance(strict_query, bool):
        raise _wrong("strict_query", strict_query, "give True or False")
    if outbound is not None and not isinstance(outbound, Outbound):
        raise _wrong("outbound", outbound, "give brrt.Outbound(...)")
    _check_errors(errors or {})


def check_envelope(cors: Any, compression: Any) -> None:
    """Check what is done to every answer. Raises `SettingError`."""
    if cors is not None and not isinstance(cors, CORS):
        raise _wrong("cors", cors, "give brrt.CORS(origins=...)")
    if not isinstance(compression, (bool, Compression)):
        raise _wrong("compression", compression, "give True, False or brrt.Compression(...)")


def _check_errors(errors: Any) -> None:
    if not hasattr(errors, "items"):
        raise _wrong("errors", errors, "give a mapping of exception classes")
    kind: Any
    mapped: Any
    for kind, mapped in errors.items():
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise _wrong("errors", kind, "its keys are exception classes")
        is_status = isinstance(mapped, int) and 400 <= mapped <= 599
        if not is_status and (isinstance(mapped, int) or not callable(mapped)):
            raise _wrong("errors", mapped, "give a status from 400 to 599, or a function")


def _wrong(name: str, value: Any, cure: str) -> SettingError:
    return SettingError(f"{name} cannot be {value!r}; {cure}")
