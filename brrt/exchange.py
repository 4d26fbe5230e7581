"""A request from first to last: ten steps, each somebody else's work.

The snapshot is read once. A pool that closes between that and the submission never accepted
the request, so it begins again under the current snapshot, with the body already in hand.
"""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from brrt.config import Limits
from brrt.errors import LifecycleError, NotFound, Problem, Refused, Retired
from brrt.http.answers import Answer, ContractBroken, ResponseApp
from brrt.http.bodies import ClientGone, Receive, read_body
from brrt.http.failures import Failed
from brrt.http.hangups import RECEIVE_WAIT, has_heard, listen
from brrt.http.outflow import Outflow
from brrt.http.requests import (
    Request,
    check_size,
    local_path,
    mount_point,
    pick_headers,
    request_path,
)
from brrt.http.responses import Preference, Responder
from brrt.http.uploads import close_files, read_parts, refit_parts
from brrt.openapi.bodies import Data
from brrt.openapi.parts import Part
from brrt.openapi.shapes import MISSING
from brrt.openapi.validation import Invalid, Violation
from brrt.runtime.jobs import RUNNING, Ended, Job, Reason
from brrt.runtime.patience import Patience
from brrt.runtime.pool import Pool
from brrt.runtime.registry import Registry
from brrt.runtime.streams import Stream
from brrt.runtime.tasks import stop
from brrt.snapshot import Endpoint, Served, Snapshot

Scope = Mapping[str, Any]
Found = tuple[Endpoint, Served, Pool, tuple[str, ...]]

# What only the framework itself may say to a client: "stopping" and "busy" are about this app,
# not about what a handler did.
OURS: Final = (LifecycleError, Refused)


@dataclass(slots=True)
class Run:
    """A running app. `snapshot` is the one reference that a reload changes."""

    snapshot: Snapshot
    registry: Registry
    limits: Limits
    state: Any
    loop: asyncio.AbstractEventLoop
    patience: Patience
    upload_patience: Patience
    stream_patience: Patience
    thread: int = field(default_factory=threading.get_ident)

    def is_here(self) -> bool:
        """Whether the caller runs in this run's loop.

        It asks for the thread, since `asyncio.get_running_loop` asks the kernel for the process
        id each time (CPython 3.11), which costs a twentieth of a request.
        """
        return self.thread == threading.get_ident() and self.loop.is_running()


async def respond(run: Run, scope: Scope, receive: Receive) -> Answer | ResponseApp | Outflow:
    """The answer to a request. Raises what `Failures` turns into one, and `ClientGone`."""
    check_size(scope, run.limits)
    body: Data | None = None
    job: Job | None = None
    try:
        while True:
            snapshot = run.snapshot
            endpoint, served, pool, raw_path = _find(snapshot, scope)
            responder = endpoint.responder
            try:
                pool.check_room()
                headers = pick_headers(scope, served.wanted)
                wanted = responder.negotiate(headers.get(b"accept"))
                if served.body is not None:
                    body = await _read(run, pool, served, receive, headers, body)
                arguments = _arguments(run, endpoint, served, scope, raw_path, headers, body)
                job = pool.submit(arguments)
                break
            except Retired:
                _require_another(run, snapshot)
            except (Problem, Invalid) as error:
                raise Failed(error, responder, raised=False) from None
        try:
            outcome = await job.reply
            if outcome is RUNNING:
                outcome = await _watch(job, receive)
            if type(outcome) is Stream:
                return await _begin(run, endpoint, pool, job, wanted, scope, receive)
        except BaseException:
            pool.abandon(job, cancel=endpoint.cancels)
            raise
        if type(outcome) is Ended:
            raise _failed(outcome, responder)
        return responder.respond(outcome, wanted)
    finally:
        if type(body) is list:
            _release(body, job)


def _require_another(run: Run, snapshot: Snapshot) -> None:
    """Raises `LifecycleError` where a closed pool has no successor: the app is stopping."""
    if run.snapshot is snapshot:
        raise LifecycleError("the app is stopping") from None


def _release(parts: list[Part], job: Job | None) -> None:
    """Close the files of a request as soon as no handler can read them any more."""
    task: asyncio.Task[None] | None = None
    if job is not None:
        task = job.task if job.stream is None else job.stream.task
    if task is None or task.done():
        close_files(parts)
    else:
        task.add_done_callback(partial(_close_files, parts))


def _close_files(parts: list[Part], _: asyncio.Task[None]) -> None:
    close_files(parts)


async def _read(
    run: Run,
    pool: Pool,
    served: Served,
    receive: Receive,
    headers: Mapping[bytes, bytes],
    in_hand: Data | None,
) -> Data:
    """The body: bytes, or the parts of a multipart one. Raises `Problem` 400, 408, 413 and 415.

    What is `in_hand` was read for a document that has changed since.
    """
    assert served.body is not None
    if isinstance(in_hand, bytes):
        return in_hand
    is_file = served.body.accept(headers.get(b"content-type"), headers.get(b"content-encoding"))
    limits = served.limits
    if in_hand is not None:
        if is_file is not None:
            await refit_parts(in_hand, is_file, limits)
        return in_hand
    pool.begin_reading()
    try:
        if is_file is not None:
            return await read_parts(receive, headers, is_file, limits, run.upload_patience)
        length = headers.get(b"content-length")
        return await read_body(receive, length, limits.max_body, run.patience)
    finally:
        pool.end_reading()


def _find(snapshot: Snapshot, scope: Scope) -> Found:
    """Match method and path once. Raises `Problem` 404, 405 and 501, and `Allowed`."""
    method, path, root = scope["method"], request_path(scope), mount_point(scope)
    local = local_path(path, root) if root else path
    match = snapshot.router.find(method, local)
    if match is None and root:
        match = snapshot.router.find(method, path)
    if match is None:
        allowed = snapshot.router.methods(local) or snapshot.router.methods(path)
        raise _not_found(method, allowed)
    index, raw_path = match
    endpoint, pool = snapshot.endpoints[index], snapshot.pools[index]
    if endpoint.served is None or pool is None:
        raise Problem(501, detail=f"{endpoint.operation.id} has no handler")
    return endpoint, endpoint.served, pool, raw_path


class Unrouted(NotFound):
    """No path of the document matches; a built-in page may still."""


class Allowed(Exception):
    """An OPTIONS request that the document answers by itself: 204 with Allow."""

    def __init__(self, methods: str) -> None:
        self.answer = Answer(204, [(b"allow", methods.encode("latin-1"))], b"")
        super().__init__(methods)


def _not_found(method: str, allowed: tuple[str, ...]) -> Exception:
    if not allowed:
        return Unrouted()
    methods = ", ".join(sorted({*allowed, "OPTIONS"}))
    if method == "OPTIONS":
        return Allowed(methods)
    return Problem(405, headers={"Allow": methods})


def _arguments(
    run: Run,
    endpoint: Endpoint,
    served: Served,
    scope: Scope,
    raw_path: tuple[str, ...],
    headers: Mapping[bytes, bytes],
    body: Data | None,
) -> dict[str, Any]:
    """Decode and check everything. Raises `Invalid` with all violations together."""
    found: list[Violation] = []
    raw_query = scope["query_string"].decode("latin-1")
    arguments = served.parameters.read(raw_path, raw_query, headers, found)
    content: Any = MISSING
    if served.body is not None:
        data = b"" if body is None else body
        content = served.body.read(headers.get(b"content-type"), data, found)
    if found:
        raise Invalid(found)
    values = served.parameters.by_name(arguments) if served.injected else {}
    served.parameters.finish(arguments, found)
    if served.body is not None:
        served.body.finish(arguments, content, found)
    if found:
        raise Invalid(found)
    for name, kind in served.injected.items():
        if kind == "request":
            arguments[name] = _request(endpoint, scope, values, content)
        else:
            arguments[name] = run.registry.background if kind == "background" else run.state
    return arguments


def _request(endpoint: Endpoint, scope: Scope, values: Mapping[str, Any], content: Any) -> Request:
    request = Request(dict(scope))
    request.operation = endpoint.operation
    request.parameters = values
    request.content = None if content is MISSING else content
    return request


async def _watch(job: Job, receive: Receive) -> Any:
    """Wait for a slow handler and for its client at once. Raises `ClientGone`."""
    listener = listen(receive)
    try:
        await asyncio.wait((listener, job.reply), return_when=asyncio.FIRST_COMPLETED)
        if not job.reply.done() and has_heard(listener):
            raise ClientGone
        return await job.reply
    finally:
        await stop((listener,), RECEIVE_WAIT)
        has_heard(listener)


async def _begin(
    run: Run,
    endpoint: Endpoint,
    pool: Pool,
    job: Job,
    wanted: Preference | None,
    scope: Scope,
    receive: Receive,
) -> Outflow:
    """The response that a stream becomes, as soon as it has begun to give something.

    Raises what is answered instead where it ends before that, and `ClientGone`.
    """
    stream: Stream = job.stream
    try:
        head = endpoint.responder.stream(stream.value, wanted)
    except ContractBroken as error:
        pool.end_stream(stream, Ended(Reason.RAISED, error))
        raise
    outflow = Outflow(head, pool, stream, run.limits, run.stream_patience, scope, receive)
    try:
        outcome = await outflow.begin(job.accepted + pool.limits.timeout - run.loop.time())
    except BaseException:
        await outflow.close()
        raise
    if outcome is None:
        return outflow
    await outflow.close()
    raise _failed(outcome, endpoint.responder)


def _failed(outcome: Ended, responder: Responder) -> Failed:
    """What is raised for a job that has no value."""
    failure = _failure(outcome)
    return Failed(failure, responder, raised=failure is outcome.error)


def _failure(outcome: Ended) -> Exception:
    """What a job that has no value means for its caller."""
    if outcome.reason is Reason.EXPIRED:
        return Problem(504, detail="the handler did not finish in time")
    if outcome.reason is Reason.STOPPED:
        return Retired("the handler was stopped before it was done")
    error = outcome.error
    if outcome.reason is Reason.REFUSED and isinstance(error, Refused):
        return error
    if isinstance(error, Exception) and not isinstance(error, OURS):
        return error
    what = repr(error) if error is not None else "its own cancellation"
    failure = RuntimeError(f"the handler ended with {what}")
    failure.__cause__ = error
    return failure
