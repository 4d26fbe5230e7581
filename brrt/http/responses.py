"""Responses out: from what a handler returned to a status, headers and bytes.

Everything that can be known before a request is known (`Responder`): which status a plain
value gets, which media type, which schema. A value that breaks the document is found here.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, TypeGuard

import msgspec

from brrt.errors import BrrtError, Problem
from brrt.openapi.content import charset, essence, is_json, matches, specificity
from brrt.openapi.operations import MediaType, Operation, Response
from brrt.openapi.schemas import Direction, Schemas, Validator
from brrt.openapi.validation import violations

logger = logging.getLogger("brrt")

Headers = list[tuple[bytes, bytes]]
Send = Callable[[Any], Awaitable[None]]
Mode = Literal["strict", "warn", "off"]

PROBLEM_JSON = b"application/problem+json"
# Statuses that carry no content (RFC 9110, sections 15.2, 15.3.5, 15.3.6, 15.4.5).
BODILESS = frozenset({204, 205, 304})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Reply:
    """A value with a status, headers or a media type of the handler's choice.

    `headers` may be pairs, for a name that occurs more than once, such as `Set-Cookie`.
    """

    value: Any = None
    status: int | None = None
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    media_type: str | None = None


class Answer(NamedTuple):
    """A complete response, ready to be sent."""

    status: int
    headers: Headers
    body: bytes


class ResponseApp(Protocol):
    """A response that sends itself, such as Starlette's."""

    status_code: int

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the response."""
        ...


def is_response_app(value: object) -> TypeGuard[ResponseApp]:
    """Whether a value is a response that sends itself."""
    return callable(value) and hasattr(value, "status_code")


def is_bytes(value: object) -> TypeGuard[bytes | bytearray]:
    """Whether a value is encoded already."""
    return isinstance(value, (bytes, bytearray, memoryview))


class ContractBroken(BrrtError):
    """A handler's answer is not what the document promises. The text is for the log only."""


def _plain(value: Any) -> Any:
    """What msgspec does not know: pydantic models."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"a value of type {type(value).__qualname__} cannot become JSON")
    return dump(mode="json", by_alias=True)


_to_builtins = partial(msgspec.to_builtins, str_keys=True, enc_hook=_plain)
_encoder = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
encode_json = _encoder.encode


@dataclass(frozen=True, slots=True)
class Plan:
    """How one media type of one status is written."""

    media_type: str
    json: bool
    validator: Validator | None
    headers: tuple[tuple[bytes, bytes], ...]

    def encode(self, value: Any, check: bool) -> bytes:
        """The value as bytes. Raises `ContractBroken`."""
        if not self.json or is_bytes(value):
            return self._encode_raw(value, check)
        validator = self.validator
        if validator is None or not check:
            return encode_json(value)
        try:
            if validator.is_valid(value):
                return encode_json(value)
        except ValueError:  # not made of JSON types: dataclasses, dates, keys that are numbers
            pass
        return encode_json(self._plain(validator, value))

    def _plain(self, validator: Validator, value: Any) -> Any:
        """The value in JSON types. A decimal is a number, or else, where that is wrong, a text."""
        plain = _to_builtins(value, builtin_types=(Decimal,))
        if not validator.is_valid(plain):
            plain = _to_builtins(value)
            self._check(validator, plain)
        return plain

    def _encode_raw(self, value: Any, check: bool) -> bytes:
        if isinstance(value, str):
            return value.encode(charset(self.media_type))
        if not is_bytes(value):
            kind = type(value).__qualname__
            raise ContractBroken(f"{self.media_type} needs bytes or str, not {kind}")
        data = bytes(value)
        if self.json and check and self.validator is not None:
            try:
                decoded = msgspec.json.decode(data)
            except msgspec.DecodeError as error:
                raise ContractBroken(f"its bytes are not JSON: {error}") from None
            self._check(self.validator, decoded)
        return data

    def _check(self, validator: Validator, value: Any) -> None:
        if validator.is_valid(value):
            return
        found = violations("response", "", validator.errors(value))
        raise ContractBroken("; ".join(f"{one.pointer or '/'}: {one.message}" for one in found))


class Responder:
    """What one operation may answer, compiled."""

    def __init__(self, operation: Operation, schemas: Schemas, mode: Mode) -> None:
        self._operation = operation
        self._mode = mode
        self._plans = {
            status: _plans(response, schemas) for status, response in operation.responses.items()
        }
        self._status = _default_status(operation.responses)
        plans = self._find(self._status)
        self._default = plans[0] if plans and plans[0].json else None
        self._none_status = 204 if "204" in operation.responses else self._status
        self._none_is_empty = self._none_status == 204 or not plans

    def respond(self, value: Any) -> Answer | ResponseApp:
        """The response for what a handler returned. Raises `ContractBroken` in strict mode."""
        plan = self._default
        if isinstance(value, Reply):
            return self._reply(value)
        if not isinstance(value, dict):
            if value is None and self._none_is_empty:
                return Answer(self._none_status, _length(b"", self._none_status), b"")
            if is_response_app(value):
                self._check_response(value)
                return value
        if plan is None:
            return self._reply(Reply(value))
        body = self._encode(plan, value)
        return Answer(self._status, [*plan.headers, (b"content-length", b"%d" % len(body))], body)

    def _check_response(self, response: ResponseApp) -> None:
        """What a response that sends itself says of itself. A stream is not looked into."""
        plans = self._find(response.status_code)
        if plans is None:
            self._broken(f"status {response.status_code} is not declared")
        named: str | None = getattr(response, "media_type", None)
        if not plans or named is None:
            return
        plan = self._choose(plans, Reply(media_type=named), None)
        body = getattr(response, "body", None)
        if plan.json and isinstance(body, bytes):
            self._encode(plan, body)

    def _reply(self, reply: Reply) -> Answer:
        status = self._status if reply.status is None else reply.status
        plans = self._find(status)
        headers = encode_headers(reply.headers)
        if plans is None:
            self._broken(f"status {status} is not declared")
        if reply.value is None and not plans:
            return Answer(status, [*headers, *_length(b"", status)], b"")
        plan = self._choose(plans or (), reply, dict(headers).get(b"content-type"))
        body = self._encode(plan, reply.value)
        own = {name for name, _ in headers}
        kept = [pair for pair in plan.headers if pair[0] not in own]
        return Answer(status, [*kept, *headers, *_length(body, status)], body)

    def _choose(self, plans: Sequence[Plan], reply: Reply, header: bytes | None) -> Plan:
        """The plan for the media type that a reply names, or for the first declared one."""
        named = reply.media_type or (header.decode("latin-1") if header else None)
        if named is None:
            if plans:
                return _fitting(plans, reply.value)
            self._broken("it has a value, but the document declares no content")
            return _plan("application/json", None)
        for plan in plans:
            if matches(essence(plan.media_type), essence(named)):
                return _plan(named, plan.validator)
        self._broken(f"media type {named} is not declared")
        return _plan(named, None)

    def _encode(self, plan: Plan, value: Any) -> bytes:
        try:
            return plan.encode(value, self._mode != "off")
        except ContractBroken as error:
            self._broken(str(error))
        except (TypeError, ValueError, msgspec.DecodeError) as error:
            raise ContractBroken(f"{self._operation.id}: {error}") from error
        return plan.encode(value, False)

    def _broken(self, text: str) -> None:
        """In strict mode raise; in warn mode log and go on."""
        text = f"the answer of {self._operation.id} breaks the document: {text}"
        if self._mode == "strict":
            raise ContractBroken(text)
        if self._mode == "warn":
            logger.warning("%s", text)

    def _find(self, status: int) -> Sequence[Plan] | None:
        """The plans of a status, its range, or `default`; None where it is not declared."""
        if not self._plans:
            return ()
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self._plans:
                return self._plans[key]
        return None


def _plans(response: Response, schemas: Schemas) -> tuple[Plan, ...]:
    """The plans of a response: as declared, ranges last, so that the first can be the default."""
    content = sorted(response.content, key=lambda one: specificity(essence(one.name)))
    return tuple(_declared_plan(media_type, schemas) for media_type in content)


def _fitting(plans: Sequence[Plan], value: Any) -> Plan:
    """The first plan that can write a value: any for text and bytes, JSON for all else."""
    if not plans[0].json and not isinstance(value, str) and not is_bytes(value):
        for plan in plans:
            if plan.json:
                return plan
            if matches(essence(plan.media_type), "application/json"):
                return _plan("application/json", plan.validator)
    return plans[0]


def _declared_plan(media_type: MediaType, schemas: Schemas) -> Plan:
    schema = media_type.schema
    name = essence(media_type.name)
    may_be_json = is_json(name) or specificity(name) > 0
    validator = schemas.validator(schema, Direction.RESPONSE) if schema and may_be_json else None
    return _plan(media_type.name, validator)


def _plan(name: str, validator: Validator | None) -> Plan:
    return Plan(name, is_json(essence(name)), validator, _type_header(name))


def _type_header(name: str) -> tuple[tuple[bytes, bytes], ...]:
    """The Content-Type header; a range names no type, so it becomes a stream of octets."""
    if specificity(essence(name)):
        name = "application/octet-stream"
    if essence(name).startswith("text/") and "charset" not in name:
        name += "; charset=utf-8"
    return tuple(encode_headers({"content-type": name}))


def _default_status(responses: Mapping[str, Response]) -> int:
    """What a plain value is answered with: the lowest 2xx declared, or else 200."""
    numbers = sorted(int(status) for status in responses if status.isdigit())
    for low, high in ((200, 300), (300, 400)):
        for number in numbers:
            if low <= number < high:
                return number
        if low == 200 and ("2XX" in responses or "default" in responses):
            return 200
    return 200


def encode_headers(headers: Mapping[str, str] | Sequence[tuple[str, str]]) -> Headers:
    """Headers as ASGI wants them, without a length of their own: that is always counted.

    Raises `ContractBroken` for what a server would choke on, or what would forge other headers.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    encoded: Headers = []
    for name, text in pairs:
        if not _TOKEN.fullmatch(name) or _UNSAFE.search(text):
            raise ContractBroken(f"header {name!r} is not one that HTTP can carry")
        if name.lower() != "content-length":
            encoded.append((name.lower().encode("latin-1"), text.strip(" \t").encode("latin-1")))
    return encoded


def _length(body: bytes, status: int) -> Headers:
    if status in BODILESS or status < 200:
        return []
    return [(b"content-length", b"%d" % len(body))]


def problem_answer(problem: Problem) -> Answer:
    """A problem as a response (RFC 9457, section 3)."""
    body = encode_json(problem.document())
    headers = encode_headers(problem.headers)
    return Answer(
        problem.status,
        [(b"content-type", PROBLEM_JSON), *headers, *_length(body, problem.status)],
        body,
    )


async def send_answer(answer: Answer, send: Send, head: bool) -> None:
    """Send a complete response; for HEAD only its headers."""
    status, headers, body = answer
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head or status in BODILESS else body})


__all__ = [
    "Answer",
    "ContractBroken",
    "Mode",
    "Reply",
    "Responder",
    "ResponseApp",
    "encode_json",
    "problem_answer",
    "send_answer",
]
