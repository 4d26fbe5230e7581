"""The two judges: brrt, called as an ASGI app, and openapi-core.

Both are asked for a verdict on each request and, where it is accepted, for the values that a
handler gets. What one of them raises that it should not is a verdict as well: `Crashed`.
"""

import asyncio
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockResponse

from brrt import App, Handlers, Limits, Reply, Request
from tests.oracle.wires import Given, Sent

# openapi-core makes objects of these; as texts they can be compared.
OBJECTS = ("date", "date-time", "uuid", "byte", "binary")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The values that a handler gets: parameters by name, and the body under `body`."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The request breaks the document; `places` are the parts of it that do."""

    why: str
    places: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Crashed:
    """The judge itself failed."""

    why: str


Verdict = Accepted | Refused | Crashed


def oracle(document: Mapping[str, Any]) -> OpenAPI:
    """openapi-core for a document that is known to be sound.

    It is told to leave texts alone, and that `+json` is JSON (RFC 6839, section 3.1).
    """
    config = Config(
        spec_validator_cls=None,
        extra_format_unmarshallers=dict.fromkeys(OBJECTS, _same),
        extra_media_type_deserializers={"application/merge-patch+json": _load},
    )
    return OpenAPI.from_dict(document, config=config)


def _load(data: bytes, **parameters: str) -> Any:
    return json.loads(data)


def _same(value: Any) -> Any:
    return value


def ask_oracle(judge: OpenAPI, sent: Sent) -> Verdict:
    """openapi-core's verdict on a request."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = judge.unmarshal_request(sent.mock())
    except Exception as error:
        return Crashed(repr(error))
    if result.errors:
        places = frozenset(map(_place, result.errors))
        return Refused("; ".join(map(_reason, result.errors)), places)
    parameters = result.parameters
    values: dict[str, Any] = {}
    for place in (parameters.path, parameters.query, parameters.header, parameters.cookie):
        values |= dict(place)
    return Accepted(values | {"body": result.body})


def _place(error: Any) -> tuple[str, str]:
    return getattr(error, "location", "body"), getattr(error, "name", "")


def _reason(error: BaseException) -> str:
    cause = error.__cause__
    details = getattr(cause, "schema_errors", ())
    return "; ".join([repr(error), *([repr(cause)] if cause else ()), *map(str, details)])


def ask_oracle_of_answer(judge: OpenAPI, sent: Sent, answer: Given) -> Verdict:
    """openapi-core's verdict on a response."""
    response = MockResponse(answer.body, answer.status, dict(answer.headers), answer.media_type)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            judge.validate_response(sent.mock(), response)
    except OpenAPIError as error:
        return Refused(_reason(error))
    except Exception as error:
        return Crashed(repr(error))
    return Accepted({})


class Brrt:
    """An app around one document, whose handler keeps what it gets and answers as it is told."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.seen: list[Request] = []
        self.answer: Reply[Any] | None = None
        handlers = Handlers()
        handlers("op")(self._handle)
        self._app = App(document, handlers, limits=Limits(max_target=65_536))

    async def _handle(self, request: Request) -> Any:
        self.seen.append(request)
        return self.answer

    def judge(self, requests: Sequence[Sent]) -> list[Verdict]:
        """The verdicts on some requests."""
        return asyncio.run(self._run([(sent, None) for sent in requests]))

    def judge_answers(self, sent: Sent, answers: Sequence[Given]) -> list[Verdict]:
        """The verdicts on some answers to one request."""
        return asyncio.run(self._run([(sent, _reply(one)) for one in answers]))

    async def _run(self, exchanges: Sequence[tuple[Sent, Reply[Any] | None]]) -> list[Verdict]:
        async with self._app:
            return [await self._exchange(sent, reply) for sent, reply in exchanges]

    async def _exchange(self, sent: Sent, reply: Reply[Any] | None) -> Verdict:
        self.seen.clear()
        self.answer = reply
        status, body = await call(self._app, sent)
        if reply is not None:
            return Refused(f"{status}") if status == 500 else Accepted({})
        if status in (400, 404, 415):
            problem = json.loads(body)
            errors = problem.get("errors", ())
            places = frozenset((one["in"], one.get("name", "")) for one in errors)
            return Refused(f"{status} {errors or problem.get('detail')}", places)
        if status != 200 or len(self.seen) != 1:
            return Crashed(f"{status} {body!r}")
        (request,) = self.seen
        return Accepted({**request.parameters, "body": request.content})


def _reply(answer: Given) -> Reply[Any]:
    return Reply(answer.value, answer.status, answer.headers, answer.media_type)


async def call(app: Any, sent: Sent) -> tuple[int, bytes]:
    """Status and body of the answer to a request."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(sent.scope(), receive, send)
    body = b"".join(one.get("body", b"") for one in messages[1:])
    return messages[0]["status"], body


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def agree(mine: Verdict, theirs: Verdict) -> bool:
    """Whether two verdicts say the same of a request, values included."""
    if isinstance(mine, Accepted) and isinstance(theirs, Accepted):
        return same(mine.values, theirs.values)
    return isinstance(mine, Refused) and isinstance(theirs, Refused)
