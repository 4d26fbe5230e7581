"""A request from first to last: ten steps, each somebody else's work.

The snapshot is read once. A request that was not submitted when another takes its place begins
again under that one, with the body already in hand: who may, and what, is what is served now.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from brrt.allowances import spend
from brrt.arguments import admit, make_arguments
from brrt.endpoints import Endpoint, Served
from brrt.errors import (
    ClientGone,
    LifecycleError,
    NotFound,
    Problem,
    Refused,
    Retired,
)
from brrt.http.answers import Answer, ContractBroken, ResponseApp, Scope
from brrt.http.bodies import Receive
from brrt.http.failures import Failed
from brrt.http.hangups import RECEIVE_WAIT, has_heard, listen
from brrt.http.intake import BodyProblem, Inflow, told_plainly
from brrt.http.outflow import Outflow
from brrt.http.requests import (
    check_size,
    local_path,
    mount_point,
    pick_headers,
    request_path,
)
from brrt.http.responses import Preference, Responder
from brrt.openapi.validation import Invalid
from brrt.reading import Body, read, release
from brrt.running import Run
from brrt.runtime.jobs import RUNNING, Ended, Job, Reason, Still
from brrt.runtime.pool import Pool
from brrt.runtime.streams import Stream
from brrt.runtime.tasks import stop
from brrt.snapshot import Snapshot

Found = tuple[Endpoint, Served, Pool, tuple[str, ...]]

# What only the framework itself may say to a client: "stopping" and "busy" are about this app,
# not about what a handler did.
OURS: Final = (LifecycleError, Refused)
# What the reply of a job may be beside the handler's value.
NOT_YET: Final = frozenset({Still, Stream, Ended})
NOBODY: Final[Mapping[str, Any]] = {}


async def respond(run: Run, scope: Scope, receive: Receive) -> Answer | ResponseApp | Outflow:
    """The answer to a request. Raises what `Failures` turns into one, and `ClientGone`."""
    check_size(scope, run.limits)
    body: Body | None = None
    job: Job | None = None
    is_counted = False
    try:
        while True:
            snapshot = run.snapshot
            endpoint, served, pool, raw_path = _find(snapshot, scope)
            responder = endpoint.responder
            try:
                pool.check_room()
                if served.rates is not None and not is_counted:
                    is_counted = True
                    await spend(run, pool, endpoint, served.rates, scope)
                    pool.check_room()  # counting may have taken time
                principals = NOBODY
                if served.guard is not None:
                    principals = await admit(run, pool, endpoint, served.guard, scope)
                headers = pick_headers(scope, served.wanted)
                wanted = responder.negotiate(headers.get(b"accept"))
                if served.body is not None:
                    body = await read(run, pool, served.body, served.limits, headers, receive, body)
                _require_same(run, snapshot)
                asked = endpoint, served, scope, principals
                arguments = make_arguments(run, asked, raw_path, headers, body)
                job = pool.submit(arguments)
                break
            except Retired:
                _require_another(run, snapshot)
            except (Problem, Invalid) as error:
                raise Failed(error, responder, raised=False) from None
        try:
            outcome = await job.reply
            if type(outcome) in NOT_YET:
                exchange = Exchange(run, endpoint, pool, job, wanted, scope, receive, body)
                return await exchange.see_through(outcome)
        except BaseException:
            pool.abandon(job, cancel=endpoint.cancels)
            raise
        return responder.respond(outcome, wanted)
    finally:
        if type(body) is list:
            release(body, job)


def _require_same(run: Run, snapshot: Snapshot) -> None:
    """Raises `Retired` where another is served by now: it may say otherwise who may."""
    if run.snapshot is not snapshot:
        raise Retired("the document has changed meanwhile")


def _require_another(run: Run, snapshot: Snapshot) -> None:
    """Raises `LifecycleError` where a closed pool has no successor: the app is stopping."""
    if run.snapshot is snapshot:
        raise LifecycleError("the app is stopping") from None


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


@dataclass(slots=True)
class Exchange:
    """An accepted job that has no plain value at once: slow, failed, or given bit by bit."""

    run: Run
    endpoint: Endpoint
    pool: Pool
    job: Job
    wanted: Preference | None
    scope: Scope
    receive: Receive
    body: Body | None

    async def see_through(self, outcome: Any) -> Answer | ResponseApp | Outflow:
        """What comes of it. Raises what is answered where nothing does, and `ClientGone`."""
        if type(self.body) is Inflow:
            self.receive = self.body.receive_later
        if outcome is RUNNING:
            outcome = await self._watch()
        if type(outcome) is Stream:
            return await self._begin(outcome)
        if type(outcome) is Ended:
            raise _failed(told_plainly(outcome), self.endpoint.responder)
        return self.endpoint.responder.respond(outcome, self.wanted)

    async def _watch(self) -> Any:
        """Wait for a slow handler and for its client at once. Raises `ClientGone`."""
        job, listener = self.job, listen(self.receive)
        try:
            await asyncio.wait((listener, job.reply), return_when=asyncio.FIRST_COMPLETED)
            if not job.reply.done() and has_heard(listener):
                raise ClientGone
            return await job.reply
        finally:
            await stop((listener,), RECEIVE_WAIT)
            has_heard(listener)

    async def _begin(self, stream: Stream) -> Outflow:
        """The response that a stream becomes, as soon as it has begun to give something.

        Raises what is answered instead where it ends before that, and `ClientGone`.
        """
        run, pool, responder = self.run, self.pool, self.endpoint.responder
        try:
            head = responder.stream(stream.value, self.wanted)
        except ContractBroken as error:
            pool.end_stream(stream, Ended(Reason.RAISED, error))
            raise
        patience, receive = run.stream_patience, self.receive
        outflow = Outflow(head, pool, stream, run.limits, patience, self.scope, receive)
        try:
            outcome = await outflow.begin(self.job.accepted + pool.limits.timeout - run.loop.time())
            if outcome is not None:
                raise _failed(outcome, responder)
        except BaseException:
            await outflow.close()
            raise
        if type(self.body) is Inflow:
            self.body.listen_ahead()
        return outflow


def _failed(outcome: Ended, responder: Responder) -> ClientGone | Failed:
    """What is raised for a job that has no value."""
    if isinstance(outcome.error, ClientGone):
        return outcome.error
    failure = _failure(outcome)
    is_own = failure is outcome.error and not isinstance(failure, BodyProblem)
    return Failed(failure, responder, raised=is_own)


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
