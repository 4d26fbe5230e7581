"""What is done to every answer on its way out, whoever gives it: CORS, and compression.

It stands around the whole of a request, so that errors, refusals, streams and health have it too;
an app that is told nothing of it has none, and pays nothing.
"""

from collections.abc import Awaitable, Callable, Mapping

from brrt.config import Limits
from brrt.errors import Problem
from brrt.http.additions import ADDITIONS
from brrt.http.answers import Answer, Scope, Send, send_answer
from brrt.http.bodies import Receive
from brrt.http.compression import Compression
from brrt.http.cross_origin import METHOD, ORIGIN, Policy, dressed, question
from brrt.http.packing import Packing
from brrt.http.requests import check_size, local_path, mount_point, request_path
from brrt.snapshot import Snapshot

Serve = Callable[[Scope, Receive, Send], Awaitable[None]]


def make_envelope(
    policy: Policy | None, compression: Compression | bool, limits: Limits
) -> "Envelope | None":
    """What is asked for; None for nothing. `compression` is True for its defaults."""
    if compression is True:
        compression = Compression()
    if policy is None and not compression:
        return None
    return Envelope(policy, compression or None, limits)


class Envelope:
    """Around the requests of one app. `packing` is what compresses, None for nothing."""

    def __init__(
        self, policy: Policy | None, compression: Compression | None, limits: Limits
    ) -> None:
        self.packing = Packing(compression) if compression is not None else None
        self._policy = policy
        self._limits = limits

    async def serve(
        self, serve: Serve, snapshot: Snapshot, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let a request be served, but for preflights, which are answered here and now."""
        if self._policy is not None:
            asked = question(scope)
            if asked is not None:
                answer = self._preflight(self._policy, snapshot, scope, asked)
                if answer is not None:
                    await send_answer(answer, send, False, scope[ADDITIONS])
                    return
            send = self._dressed(self._policy, snapshot, scope, send)
        if self.packing is None:
            await serve(scope, receive, send)
            return
        packer = self.packing.packer(scope, send)
        try:
            await serve(scope, receive, packer.send)
        finally:
            packer.close()

    def _dressed(self, policy: Policy, snapshot: Snapshot, scope: Scope, send: Send) -> Send:
        """The way out for an answer, by the policy of its operation, if that has one of its own.

        Where all have the same that lets everybody, nothing depends on who asks.
        """
        varies = snapshot.has_policies or not policy.is_open
        origin = None
        for name, value in scope["headers"]:  # half the time of `next` and an iterator
            if name == ORIGIN:
                origin = value
                break
        if not snapshot.has_policies:
            return dressed(send, policy, origin, varies)
        if origin is None:
            return dressed(send, None, None, varies)
        own = _policy(policy, snapshot, scope["method"], _paths(scope))
        return dressed(send, own, origin, varies)

    def _preflight(
        self, policy: Policy, snapshot: Snapshot, scope: Scope, asked: Mapping[bytes, bytes]
    ) -> Answer | None:
        """The answer to a preflight, before anybody else is asked; None where no path is there.

        Browsers keep what it says of each method, so only those are named of which all of it is
        true.
        """
        try:
            check_size(scope, self._limits)
        except Problem:
            return None
        paths = _paths(scope)
        methods = next((found for one in paths if (found := snapshot.router.methods(one))), None)
        if methods is None:
            return None
        if snapshot.has_policies:
            wanted = asked[METHOD].decode("latin-1")
            own = {one: _policy(policy, snapshot, one, paths) for one in methods}
            policy = own.get(wanted) or policy
            methods = tuple(one for one in methods if own[one] == policy)
        return policy.preflight(asked, methods)


def _paths(scope: Scope) -> tuple[str, ...]:
    """The path of a request where the app is mounted, and as it stands."""
    path = request_path(scope)
    local = local_path(path, mount_point(scope))
    return (path,) if local == path else (local, path)


def _policy(
    policy: Policy, snapshot: Snapshot, method: str, paths: tuple[str, ...]
) -> Policy | None:
    """The policy of the operation that a method and a path lead to; the app's, if to none."""
    for path in paths:
        match = snapshot.router.find(method, path)
        if match is not None:
            return snapshot.endpoints[match[0]].policy
    return policy
