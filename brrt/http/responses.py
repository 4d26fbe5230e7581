"""Responses out: from what a handler returned to a status, headers and bytes.

Everything that can be known before a request is known (`Responder`): which status a plain
value gets, which media types there are, which schemas. A value that breaks the document is found
here, and so is a client that accepts nothing of what the document offers.

* A plain value has the lowest 2xx that is declared, or else 200; None has 204 or 205, if one of
  them is declared, or else is the empty body of a status without content.
* The media type is the one that the handler names, or else, of those that can write the value,
  the one that the client prefers; the document's order breaks ties. A client that accepts none
  of them gets 406 before the handler runs; once it has run, the first one is sent.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from starlette.responses import StreamingResponse

from brrt.errors import Problem
from brrt.http.answers import (
    BODILESS,
    Answer,
    ContractBroken,
    Headers,
    ResponseApp,
    StreamHead,
    check_raw_headers,
    check_status,
    content_length,
    encode_headers,
    given_length,
    is_response_app,
)
from brrt.http.declared import JSON, NOTHING, Declared, declare, default_status
from brrt.http.negotiation import MAX_ACCEPT, Accept, parse_accept
from brrt.http.plans import Checks, Plan, make_plan
from brrt.http.problems import problem_answer, with_body
from brrt.http.replies import Reply, is_reply
from brrt.http.response_headers import wrong_headers
from brrt.openapi.content import essence, specificity
from brrt.openapi.json_encoding import encode_json, is_bytes
from brrt.openapi.operations import Operation, is_events
from brrt.openapi.schemas import Schemas

logger = logging.getLogger("brrt")

Mode = Literal["strict", "warn", "off"]

# Accept headers of one operation that are remembered. A service has a handful of kinds of client.
MAX_PREFERENCES: Final = 16
_UNCHECKED: Final = Checks()


@dataclass(frozen=True, slots=True)
class Preference:
    """An Accept header, read: `plan` is that of an object as a plain value, if that is quick."""

    accept: Accept | None
    plan: Plan | None


class Responder:
    """What one operation may answer, compiled. `offers` are the media types of its successes.

    Each of its schemas (`response_schemas`) was added to `schemas` for responses.
    """

    def __init__(self, operation: Operation, schemas: Schemas, mode: Mode) -> None:
        self._operation = operation
        self._mode = mode
        self._checks = mode != "off"
        self._declared = {
            status: declare(response, schemas, strips=mode != "strict")
            for status, response in operation.responses.items()
        }
        self._status = default_status(operation.responses)
        self._own = self._find(self._status) or NOTHING
        empty = [status for status in (204, 205) if str(status) in operation.responses]
        self._none_status = empty[0] if empty else self._status
        self._none_is_empty = bool(empty) or not self._own.plans
        self._plan = self._object_plan(None)
        is_only = len(self._own.plans) == 1 and self._own.plans[0].is_json
        self._only = self._plan if is_only else None
        self.offers = self._offers()
        self._known: dict[bytes, Preference] = {}
        self._undeclared: set[int] = set()

    # Before the handler runs

    def negotiate(self, header: bytes | None) -> Preference | None:
        """What the client accepts, by its Accept header. Raises `Problem` 406.

        None where there is nothing to prefer. Remembered, so that it is read once.
        """
        if header is None:
            return None
        return self._known.get(header) or self._negotiate(header)

    def _negotiate(self, header: bytes) -> Preference:
        accept = parse_accept(header)
        if accept is not None and self.offers and not any(map(accept.weight, self.offers)):
            detail = f"this operation answers with {', '.join(self.offers)}"
            vary = {"Vary": "Accept"}
            raise Problem(406, detail=detail, headers=vary, media_types=list(self.offers))
        preference = Preference(accept, self._object_plan(accept))
        if len(header) <= MAX_ACCEPT:
            if len(self._known) >= MAX_PREFERENCES:
                self._known.clear()
            self._known[header] = preference
        return preference

    def _offers(self) -> tuple[str, ...]:
        """The media types of all successes; none where only ranges are declared."""
        successes = [one for status, one in self._declared.items() if status.startswith("2")]
        names = [plan.media_type for one in successes or [self._own] for plan in one.plans]
        if all(specificity(essence(name)) for name in names):
            return ()
        return tuple(dict.fromkeys(names))

    def _object_plan(self, accept: Accept | None) -> Plan | None:
        """The plan of an object as a plain value; None where more is to be looked at."""
        plan = None if self._own.rules else self._own.fitting({}, accept)
        return plan if plan is not None and plan.is_json else None

    # Values

    def respond(self, value: Any, wanted: Preference | None = None) -> Answer | ResponseApp:
        """The response for what a handler returned. Raises `ContractBroken` in strict mode."""
        if value.__class__ is dict:
            plan = self._plan if wanted is None else wanted.plan
        else:
            plan = self._only
            if is_reply(value):
                return self._reply(value, wanted)
            if value is None and self._none_is_empty:
                return self._reply(Reply(status=self._none_status), wanted)
            if is_response_app(value):
                self._check_response(value)
                return value
        if plan is None:
            return self._reply(Reply(value), wanted)
        body = self._written(plan.writer.encode, value)
        return Answer(self._status, [*plan.headers, (b"content-length", b"%d" % len(body))], body)

    @property
    def streams(self) -> bool:
        """Whether some success of the operation can be given bit by bit."""
        found = [self._own, *(self._declared[one] for one in self._declared if one[0] == "2")]
        return any(one.for_streams for one in found)

    def stream(self, value: Any, wanted: Preference | None = None) -> StreamHead:
        """The response for a stream that a handler gives, by itself, in a `Reply` or in Starlette's
        response. Raises `ContractBroken`.
        """
        if isinstance(value, StreamingResponse):
            self._check_response(value)
            return _as_it_is(value, self._operation.safe)
        reply = value if is_reply(value) else Reply(value)
        status, declared, headers = self._head(reply)
        named = reply.media_type or _content_type(headers)
        accept = wanted.accept if wanted else None
        plan = self._choose(declared, named, None, None) if named else declared.streaming(accept)
        if plan is None or plan.pieces is None or status in BODILESS:
            text = f"status {status} has no content that can be given bit by bit"
            raise ContractBroken(f"the answer of {self._operation.id}: {text}")
        headers = _joined(plan, headers)
        self._check_headers(declared, headers)
        events = is_events(plan.media_type)
        return StreamHead(
            status,
            headers,
            partial(self._written, plan.pieces.begin().piece),
            may_rest=events,
            beats=events,
            comes_back=events and self._operation.safe,
            length=given_length(reply.all_headers()),
        )

    def _head(self, reply: Reply[Any]) -> tuple[int, Declared, Headers]:
        """The status of a reply, what is declared of it, and the handler's own headers."""
        status = self._status if reply.status is None else check_status(reply.status)
        return status, self._require(status), encode_headers(reply.all_headers())

    def _reply(self, reply: Reply[Any], wanted: Preference | None) -> Answer:
        status, declared, headers = self._head(reply)
        if status in BODILESS or (reply.value is None and not declared.plans):
            return self._empty(declared, status, headers, reply.value)
        named = reply.media_type or _content_type(headers)
        plan = self._choose(declared, named, reply.value, wanted)
        body = self._written(plan.writer.encode, reply.value)
        headers = [*_joined(plan, headers), *content_length(body, status)]
        self._check_headers(declared, headers)
        return Answer(status, headers, body)

    def _empty(self, declared: Declared, status: int, headers: Headers, value: Any) -> Answer:
        """An answer without content, and so without its type."""
        if value is not None:
            self._broken(f"status {status} carries no content, but there is a value")
        headers = [pair for pair in headers if pair[0] != b"content-type"]
        headers += content_length(b"", status)
        self._check_headers(declared, headers)
        return Answer(status, headers, b"")

    def _choose(
        self, declared: Declared, named: str | None, value: Any, wanted: Preference | None
    ) -> Plan:
        """The plan for the media type that a reply names, or for the one that the client wants."""
        if named is None:
            plan = declared.fitting(value, wanted.accept if wanted else None)
            if plan is None:
                self._broken("it has a value, but the document declares no content")
                return make_plan(JSON, _UNCHECKED)
            return plan
        plan = declared.named(named)
        if plan is None:
            self._broken(f"media type {named} is not declared")
            return make_plan(named, _UNCHECKED)
        return plan

    def _check_response(self, response: ResponseApp) -> None:
        """What a response that sends itself says of itself. A stream is not looked into."""
        headers: Headers = getattr(response, "raw_headers", [])
        check_raw_headers(headers)
        if not self._checks:
            return
        declared = self._require(check_status(response.status_code))
        self._check_headers(declared, headers)
        body = getattr(response, "body", None)
        data = body if isinstance(body, bytes) else None
        if response.status_code in BODILESS:
            if data:
                self._broken(f"status {response.status_code} carries no content")
            return
        named: str | None = getattr(response, "media_type", None) or _content_type(headers)
        if named is None:
            return
        if declared.plans or data:
            plan = self._choose(declared, named, None, None)
            if data is not None:
                self._written(plan.writer.encode, data)

    # Problems

    def refuse(self, problem: Problem, checked: bool) -> Answer:
        """A problem that befell this operation, under the JSON type that the document declares.

        It is `application/problem+json` where the status declares that, or no JSON at all. With
        `checked` it is the handler's own: its document and headers are checked where they are
        declared, and a status that is not is logged, once. Raises `ContractBroken`.
        """
        declared = self._find(problem.status)
        if checked and declared is None:
            self._warn_undeclared(problem.status)
        if declared is None:
            return problem_answer(problem)
        plan, document = declared.for_problem, problem.document()
        if plan is None:
            answer = problem_answer(problem)
        else:
            body = self._written(plan.writer.encode, document) if checked else encode_json(document)
            answer = with_body(problem, body, plan.headers)
        if checked:
            self._check_headers(declared, answer.headers)
        return answer

    def _warn_undeclared(self, status: int) -> None:
        if self._checks and status not in self._undeclared:
            self._undeclared.add(status)
            name = self._operation.id
            text = "%s raised a problem of status %s, which the document does not declare"
            logger.warning(text, name, status)

    # The document

    def _written(self, write: Callable[[Any, bool], bytes], value: Any) -> bytes:
        """A value, or a piece of one, as bytes: checked, and written all the same where it may."""
        try:
            return write(value, self._checks)
        except ContractBroken as error:
            self._broken(str(error))
        except _UNWRITABLE as error:
            raise self._unwritable(error) from error
        try:
            return write(value, False)
        except _UNWRITABLE as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> ContractBroken:
        return ContractBroken(f"{self._operation.id}: {error}")

    def _check_headers(self, declared: Declared, headers: Headers) -> None:
        if declared.rules and self._checks:
            found = list(wrong_headers(declared.rules, headers))
            if found:
                self._broken("; ".join(found))

    def _broken(self, text: str) -> None:
        """In strict mode raise; in warn mode log and go on."""
        text = f"the answer of {self._operation.id} breaks the document: {text}"
        if self._mode == "strict":
            raise ContractBroken(text) from None
        if self._mode == "warn":
            logger.warning("%s", text)

    def _require(self, status: int) -> Declared:
        declared = self._find(status)
        if declared is None:
            self._broken(f"status {status} is not declared")
        return declared or NOTHING

    def _find(self, status: int) -> Declared | None:
        """What is declared of a status, its range, or `default`; None where nothing is.

        An operation without any responses (3.1) leaves the status open, and has no content.
        """
        if not self._declared:
            return NOTHING
        for key in (str(int(status)), f"{status // 100}XX", "default"):
            if key in self._declared:
                return self._declared[key]
        return None


# What encoders raise for values that they cannot write, in whatever mode.
_UNWRITABLE: Final = (TypeError, ValueError, LookupError, RecursionError)


def _joined(plan: Plan, headers: Headers) -> Headers:
    """A plan's headers and the handler's own, which win."""
    own = {name for name, _ in headers}
    return [*(pair for pair in plan.headers if pair[0] == b"vary" or pair[0] not in own), *headers]


def _as_it_is(response: StreamingResponse, is_safe: bool) -> StreamHead:
    """Starlette's response: its iterator is ours, what it gives is sent as it is."""

    def piece(item: Any) -> bytes:
        if is_bytes(item):
            return bytes(item)
        if isinstance(item, str):
            try:
                return item.encode(response.charset)
            except _UNWRITABLE as error:
                raise ContractBroken(str(error)) from error
        raise ContractBroken(f"a response gives bytes or str, not {type(item).__qualname__}")

    events = is_events(response.headers.get("content-type", ""))
    return StreamHead(
        response.status_code,
        list(response.raw_headers),
        piece,
        may_rest=events,
        comes_back=events and is_safe,
        length=given_length(list(response.headers.items())),
        after=response.background,
    )


def _content_type(headers: Headers) -> str | None:
    return next((text.decode("latin-1") for name, text in headers if name == b"content-type"), None)
