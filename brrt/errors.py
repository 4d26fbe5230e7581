"""The words for what can go wrong.

    BrrtError
    ├── SpecError            the document or the handlers are wrong; lists every fault
    ├── LifecycleError       the app was used in a way it cannot be (wrong loop, unknown handler)
    ├── ClientGone           the client hung up before its request was complete
    ├── Refused              the runtime did not take a job
    │   ├── Shed             the queue is full
    │   └── Retired          the pool is closed: replaced, removed or stopping
    ├── OutgoingError        a callback or webhook cannot be sent as it was asked for
    │   ├── Unresolved       a runtime expression asks for what is not there
    │   ├── PayloadInvalid   what is to be sent breaks the document; lists every violation
    │   ├── TargetRefused    the url is none that may be called
    │   └── DeliveryFailed   the receiver did not take it
    ├── SignatureInvalid     a webhook that came in was not signed with the secret
    ├── MissingExtra         a library that is not installed with brrt itself is needed
    └── Problem              an HTTP answer, RFC 9457; raise it in a handler
        ├── BadRequest           400
        ├── Unauthorized         401
        ├── Forbidden            403
        ├── NotFound             404
        ├── Conflict             409
        ├── Gone                 410
        ├── UnprocessableContent 422
        ├── TooManyRequests      429
        └── ServiceUnavailable   503

Only names and data live here; nothing in this file decides anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any


class BrrtError(Exception):
    """Everything that brrt raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a document or its handlers, and what to do about it.

    `line` and `column` count from 1; they are None where no text stands behind the place
    (a mapping as input, a handler). `pointer` is a JSON Pointer as a URI fragment (RFC 6901,
    section 6), such as `#/paths/~1pets/get`.
    """

    message: str
    cure: str = ""
    file: str = ""
    pointer: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        head = " ".join(part for part in (place, self.pointer) if part)
        text = f"{head}: {self.message}" if head else self.message
        return f"{text}\n    {self.cure}" if self.cure else text


class SpecError(BrrtError):
    """The document, or what the handlers make of it, is wrong. `faults` holds all of it.

    `files` are those that were read or sought for it, where a mend may come from.
    """

    def __init__(self, faults: Iterable[Fault], files: Iterable[Path] = ()) -> None:
        self.faults = tuple(faults)
        self.files = frozenset(files)
        super().__init__(self.faults)

    def __str__(self) -> str:
        count = len(self.faults)
        noun = "fault" if count == 1 else "faults"
        return "\n".join([f"{count} {noun}", *(f"  {fault}" for fault in self.faults)])


class LifecycleError(BrrtError):
    """The app was asked for something that its present state does not allow."""


class ClientGone(BrrtError):
    """The client hung up before its request was complete; there is nobody to answer.

    A handler that reads a body bit by bit sees it there.
    """


class Refused(BrrtError):
    """The runtime did not accept a job; it was not and will not be run."""


class Shed(Refused):
    """The queue is full: the caller should try again later (503 with Retry-After)."""


class Retired(Refused):
    """The pool takes no more work: it was replaced or removed, or the app is stopping."""


class OutgoingError(BrrtError):
    """A callback or webhook cannot be sent as it was asked for; nothing has been sent."""


class Unresolved(OutgoingError, LookupError):
    """A runtime expression asks for something that the request or response does not have."""


class PayloadInvalid(OutgoingError):
    """A payload, or a parameter beside it, breaks the document. `violations` tells each."""

    def __init__(self, operation: str, violations: Iterable[str]) -> None:
        self.operation = operation
        self.violations = tuple(violations)
        super().__init__(operation, self.violations)

    def __str__(self) -> str:
        return f"{self.operation} was not sent: {'; '.join(self.violations)}"


class TargetRefused(OutgoingError):
    """A url that brrt does not call: no http, a private address, or one that hides its host."""


class DeliveryFailed(OutgoingError):
    """The receiver did not take it, however often it was tried.

    `host` is of the url, the rest of which may be secret; `status` of the last answer, None
    where the last attempt had none, and `reason` then says why; `id` is the webhook-id.
    """

    def __init__(self, host: str, status: int | None, reason: str, attempts: int, id: str) -> None:
        self.host = host
        self.status = status
        self.reason = reason
        self.attempts = attempts
        self.id = id
        super().__init__(host, status, reason, attempts, id)

    def __str__(self) -> str:
        times = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        return f"{self.host} did not take {self.id} in {times}: {self.reason}"


class SignatureInvalid(BrrtError):
    """A webhook that came in is unsigned, signed with another secret, altered, or too old."""


class MissingExtra(BrrtError, ImportError):
    """A library is needed that is not installed with brrt itself; the text says how."""


class Problem(BrrtError):
    """An answer in RFC 9457 form, `application/problem+json`.

    `status` is the HTTP status; `title` a short text that does not change between
    occurrences (default: the status phrase); `detail` what happened this time; `type` a URI
    that names the kind of problem. `headers` are sent with the answer. Any other keyword
    becomes a member of the document (RFC 9457, section 3.2).

    A kind of problem of your own is a child that says `status`, `title` and `type` once:

        class OutOfStock(Conflict):
            type = "https://example.com/out-of-stock"
            title = "Out of stock"

        raise OutOfStock("no more balls", item=7)
    """

    status: int
    title: str = ""
    type: str = "about:blank"

    def __init__(
        self,
        status: int | None = None,
        title: str | None = None,
        *,
        detail: str | None = None,
        type: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.status = self._own_status() if status is None else status
        self.title = title or self.title or phrase(self.status)
        self.detail = detail
        self.type = type or self.type
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(self.status, self.title, detail)

    def _own_status(self) -> int:
        status = getattr(self, "status", None)
        if status is None:
            raise TypeError(f"{self.__class__.__name__} needs a status")
        return int(status)

    def document(self) -> dict[str, Any]:
        """The problem as a JSON object. Members cannot replace the standard fields."""
        standard: dict[str, Any] = {"type": self.type, "title": self.title, "status": self.status}
        if self.detail is not None:
            standard["detail"] = self.detail
        return {**self.members, **standard}


def phrase(status: int) -> str:
    """The reason phrase of an HTTP status, or a neutral word for one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


class _Named(Problem):
    """A problem whose class fixes the status; the argument is the detail."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        title: str | None = None,
        type: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(None, title, detail=detail, type=type, headers=headers, **members)


class BadRequest(_Named):
    """400: the request cannot be understood."""

    status = 400


class Unauthorized(_Named):
    """401: no credentials, or bad ones."""

    status = 401


class Forbidden(_Named):
    """403: known, but not allowed."""

    status = 403


class NotFound(_Named):
    """404: there is no such thing."""

    status = 404


class Conflict(_Named):
    """409: it contradicts the present state."""

    status = 409


class Gone(_Named):
    """410: it was here and will not come back."""

    status = 410


class UnprocessableContent(_Named):
    """422: well formed, but it makes no sense here."""

    status = 422


class TooManyRequests(_Named):
    """429: this client asks too often."""

    status = 429


class ServiceUnavailable(_Named):
    """503: not now; try again later."""

    status = 503
