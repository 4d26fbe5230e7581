"""What a handler is called with: who calls, what the request says, and what the app supplies."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from brrt.endpoints import Endpoint, Served
from brrt.errors import ClientGone, LifecycleError, Refused, ServiceUnavailable
from brrt.http.answers import Scope
from brrt.http.intake import Inflow
from brrt.http.requests import Request, tidy
from brrt.openapi.binding import Principal
from brrt.openapi.shapes import MISSING
from brrt.openapi.validation import Invalid, Violation
from brrt.reading import Body
from brrt.running import Run
from brrt.runtime.patience import OutOfPatience, Wait
from brrt.runtime.pool import Pool
from brrt.security.guard import Guard

# What only the framework itself may say of a request; from a provider it is a failure like others.
OURS: Final = (ClientGone, LifecycleError, Refused)


async def admit(
    run: Run, pool: Pool, endpoint: Endpoint, guard: Guard, scope: Scope
) -> Mapping[str, Any]:
    """Who calls, by scheme. Raises `Problem` 401, 403 and 503, and what providers raise."""
    request = make_request(run, endpoint, scope, {}, MISSING, {})
    pool.begin_reading()
    try:
        with run.patience.begin() as wait:
            return await _principals(guard, scope, request, wait)
    except OutOfPatience:
        retry = {"Retry-After": str(run.limits.retry_after)}
        detail = "who calls could not be found out in time"
        raise ServiceUnavailable(detail, headers=retry) from None
    finally:
        pool.end_reading()


async def _principals(
    guard: Guard, scope: Scope, request: Request, wait: Wait
) -> Mapping[str, Any]:
    """What the guard finds out. A provider cannot speak for the framework."""
    try:
        return await guard.admit(scope, request)
    except asyncio.CancelledError:
        if wait.is_unasked():
            raise RuntimeError("a provider ended with its own cancellation") from None
        raise
    except OURS as error:
        raise RuntimeError(f"a provider ended with {error!r}") from error


def make_arguments(
    run: Run,
    asked: tuple[Endpoint, Served, Scope, Mapping[str, Any]],
    raw_path: tuple[str, ...],
    headers: Mapping[bytes, bytes],
    body: Body | None,
) -> dict[str, Any]:
    """Decode and check everything. Raises `Invalid` with all violations together."""
    endpoint, served, scope, principals = asked
    found: list[Violation] = []
    raw_query = scope["query_string"].decode("latin-1")
    arguments = served.parameters.read(raw_path, raw_query, headers, found)
    content: Any = MISSING
    if served.body is not None and type(body) is not Inflow:
        data = b"" if body is None else body
        content = served.body.read(headers.get(b"content-type"), data, found)
    if found:
        raise Invalid(found)
    values = served.parameters.by_name(arguments) if served.injected else {}
    served.parameters.finish(arguments, found)
    if type(body) is Inflow:
        arguments[body.name] = body
    elif served.body is not None:
        served.body.finish(arguments, content, found)
    if found:
        raise Invalid(found)
    for name, kind in served.injected.items():
        if kind == "request":
            arguments[name] = make_request(run, endpoint, scope, values, content, principals)
        elif isinstance(kind, Principal):
            arguments[name] = _principal(kind, principals)
        else:
            arguments[name] = _supplied(run, kind)
    return arguments


def _supplied(run: Run, kind: Any) -> Any:
    """What the app itself gives to handlers that ask for it by type."""
    if kind == "background":
        return run.registry.background
    return run.sender() if kind == "sender" else run.state


def _principal(wanted: Principal, principals: Mapping[str, Any]) -> Any:
    """Who calls, if it is one of those that are asked for; None where nobody has to say."""
    kinds = wanted.kinds or (object,)
    return next((one for one in principals.values() if isinstance(one, kinds)), None)


def make_request(
    run: Run,
    endpoint: Endpoint,
    scope: Scope,
    values: Mapping[str, Any],
    content: Any,
    principals: Mapping[str, Any],
) -> Request:
    """The request as users see it, as far as it is known."""
    request = Request(tidy(scope))
    request.principals = principals
    request.app_state = run.state
    request.operation = endpoint.operation
    request.parameters = values
    request.content = None if content is MISSING else content
    return request
