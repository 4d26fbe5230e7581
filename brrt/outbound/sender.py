"""Sending a callback or webhook: found, checked, signed, sent, and sent again where that helps.

A send has no task of its own: it lives and dies with the handler that waits for it. Secrets and
payloads, and of a url all but the host, stand in no message and no log.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from brrt.errors import DeliveryFailed, OutgoingError, SpecError
from brrt.openapi.document import Document, Source, load
from brrt.openapi.outgoing import outgoing
from brrt.openapi.schemas import Schemas
from brrt.outbound.addresses import Target
from brrt.outbound.connections import Connections
from brrt.outbound.hooks import Draft, Hook, Hooks, add_schemas
from brrt.outbound.requests import Answered, Received, exchange
from brrt.outbound.retries import NoAnswer, delay, is_temporary, read_retry_after
from brrt.outbound.settings import Outbound
from brrt.outbound.signatures import ID, SIGNATURE, TIMESTAMP, Secrets, keys, sign

log = logging.getLogger("brrt.outbound")

# Without a full stop, which joins the parts of what is signed.
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was taken: with which status, in which attempt, after how many seconds."""

    status: int
    attempts: int
    id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message with all that its attempts have in common."""

    hook: Hook
    target: Target
    draft: Draft
    signing: tuple[bytes, ...]
    id: str


class Sender:
    """Sends the callbacks and webhooks of one document.

    A handler that asks for one (`sender: Sender`) gets that of the app. Elsewhere
    `Sender.load("openapi.yaml")` makes one, which is closed with `aclose` or `async with`.
    """

    def __init__(self, hooks: Hooks, connections: Connections) -> None:
        self._hooks = hooks
        self._connections = connections

    @classmethod
    def load(cls, document: Document | Source, outbound: Outbound | None = None) -> Self:
        """A sender outside of an app. Raises `SpecError` and `MissingExtra`."""
        loaded = document if isinstance(document, Document) else load(document)
        return cls(compile_hooks(loaded), Connections(outbound))

    async def send(
        self,
        name: str,
        payload: Any = None,
        *,
        url: str | None = None,
        request: Received | None = None,
        response: Answered | None = None,
        secret: Secrets | None = None,
        parameters: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        id: str | None = None,
    ) -> Delivery:
        """Send a message and wait until it was taken.

        `name` is an operationId, the name of a callback or webhook, or either in snake_case. The
        `url` is given, or a callback's expression gives it from `request` (and `response`). The
        payload is anything that JSON can say; it and `parameters`, by the document's names, are
        checked against the document before anything is sent. With a `secret`, or several, the
        message is signed. `id` is the webhook-id, the same in every attempt, by which a receiver
        knows what it has had already.

        Raises `PayloadInvalid`, `TargetRefused`, `Unresolved` and other `OutgoingError`s, and
        `DeliveryFailed` where it was not taken: after `attempts` where another attempt could have
        helped (no answer, 408, 425, 429, 5xx), else at once. Redirects are not followed.
        """
        hook = self._hooks.find(name, request.operation if request is not None else None)
        draft = hook.draft(payload, parameters or {}, headers or {})
        limit = self._connections.settings.max_payload
        if len(draft.body) > limit:
            raise OutgoingError(f"the payload of {name} is longer than {limit:,} bytes")
        signing = keys(secret)
        if hook.needs_signature and not signing:
            raise OutgoingError(f"{name} must be signed, as the document says: give its secret")
        where = url if url is not None else _resolve(name, hook, request, response)
        target = self._connections.guard.target(_with_query(where, draft.query))
        return await self._deliver(_Letter(hook, target, draft, signing, _checked(id)))

    def target(self, name: str, request: Received, response: Answered | None = None) -> str:
        """The url that a callback's expression gives, to be kept until there is something to send.

        Raises `Unresolved`, `TargetRefused` as `check` does, and `OutgoingError`.
        """
        url = _resolve(name, self._hooks.find(name, request.operation), request, response)
        self.check(url)
        return url

    def check(self, url: str) -> None:
        """Raises `TargetRefused` for a url that would never be called, as far as it shows.

        What a name leads to is seen, and checked, at each attempt only.
        """
        self._connections.guard.target(url)

    async def aclose(self) -> None:
        """Close the connections. An app does that itself, when it stops."""
        await self._connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _deliver(self, letter: _Letter) -> Delivery:
        settings, timing = self._connections.settings, self._connections.timing
        begun = timing.monotonic()
        attempt = 0
        while True:
            attempt += 1
            status, reason, retry_after = await self._attempt(letter)
            if status is not None and letter.hook.accepts(status):
                return Delivery(status, attempt, letter.id, timing.monotonic() - begun)
            temporary = status is None or is_temporary(status)
            failed = DeliveryFailed(letter.target.host, status, reason, attempt, letter.id)
            if not temporary or attempt >= settings.attempts:
                log.warning("%s: %s", letter.hook.operation.id, failed)
                raise failed
            wait = delay(attempt, retry_after, settings, timing.chance())
            log.info("%s: %s; again in %.1f s", letter.hook.operation.id, failed, wait)
            await timing.sleep(wait)

    async def _attempt(self, letter: _Letter) -> tuple[int | None, str, float]:
        """The status, if any, what was wrong, and the seconds to wait that were asked for."""
        timing = self._connections.timing
        try:
            status, retry_after = await self._connections.exchange(
                letter.hook.operation.method,
                letter.target,
                lambda: self._headers(letter, int(timing.now())),
                letter.draft.body,
            )
        except NoAnswer as error:
            return None, str(error), 0.0
        reason = f"it answered {status}"
        if 300 <= status < 400:
            reason += ", and redirects are not followed"
        return status, reason, read_retry_after(retry_after, timing.now())

    def _headers(self, letter: _Letter, now: int) -> list[tuple[str, str]]:
        """The headers of one attempt, whose time is signed with the rest."""
        headers = [
            ("host", letter.target.authority),
            ("user-agent", self._connections.settings.user_agent),
            ("content-length", str(len(letter.draft.body))),
            ("connection", "close"),
            *letter.draft.headers,
            (ID, letter.id),
            (TIMESTAMP, str(now)),
        ]
        if letter.signing:
            headers.append((SIGNATURE, sign(letter.signing, letter.id, now, letter.draft.body)))
        return headers

    def __repr__(self) -> str:
        return f"<Sender {self._hooks!r} {self._connections!r}>"


def compile_hooks(document: Document) -> Hooks:
    """What a document lets an app send. Raises `SpecError`."""
    found, faults = outgoing(document)
    if faults:
        raise SpecError(faults)
    schemas = Schemas(document)
    add_schemas(found, schemas)
    return Hooks(found, schemas)


def _resolve(name: str, hook: Hook, request: Received | None, response: Answered | None) -> str:
    if hook.url is None:
        raise OutgoingError(
            f"{name} is a webhook, so its url is nowhere in the document: give url="
        )
    if request is None:
        raise OutgoingError(f"the url of {name} comes from a request: give url= or request=")
    return hook.url.url(exchange(request, response))


def _with_query(url: str, query: str) -> str:
    """The url with a query added to its own. A fragment is never sent."""
    url = url.partition("#")[0]
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _checked(id: str | None) -> str:
    if id is None:
        return f"msg_{uuid4().hex}"
    if not _ID.fullmatch(id):
        raise OutgoingError("an id is 1 to 128 letters, digits, hyphens and low lines")
    return id
