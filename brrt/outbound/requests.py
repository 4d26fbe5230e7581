"""What a callback's expression may ask: a request that came in, and what was answered to it.

Only what is needed of them is said here, as protocols: brrt's `Request` and `Reply` fit, and so
does anything of the same shape that an application has kept.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from brrt.openapi.expressions import Exchange, Message
from brrt.openapi.json_encoding import to_json_texts
from brrt.openapi.operations import Operation
from brrt.openapi.shapes import MISSING


class Received(Protocol):
    """A request: `parameters` by the document's names, `content` the decoded body."""

    @property
    def operation(self) -> Operation:
        """The operation that was matched."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Decoded values; of a name in several places `path.id` and `query.id`."""
        ...

    @property
    def content(self) -> Any:
        """The decoded body; None where there is none."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...

    @property
    def method(self) -> str:
        """The method."""
        ...

    @property
    def url(self) -> Any:
        """The whole url; its text counts."""
        ...


class Answered(Protocol):
    """A response: brrt's `Reply`."""

    @property
    def value(self) -> Any:
        """What was answered."""
        ...

    @property
    def status(self) -> int | None:
        """The status, where it is known."""
        ...

    @property
    def headers(self) -> Any:
        """A mapping, or pairs."""
        ...


def exchange(request: Received, response: Answered | None = None) -> Exchange:
    """A request and its response, as expressions see them."""
    return Exchange(
        url=str(request.url),
        method=request.method,
        request=Message(
            headers=_lower(request.headers),
            query=_located(request, "query"),
            path=_located(request, "path"),
            body=MISSING if request.content is None else request.content,
        ),
        response=None if response is None else _answer(response),
        status=None if response is None else response.status,
    )


def _answer(response: Answered) -> Message:
    body = to_json_texts(response.value)
    return Message(headers=_lower(dict(response.headers)), body=body)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): text for name, text in headers.items()}


def _located(request: Received, location: str) -> dict[str, Any]:
    """The values of one location, by name."""
    found: dict[str, Any] = {}
    for one in request.operation.parameters:
        if one.location == location:
            for label in (f"{location}.{one.name}", one.name):
                if label in request.parameters:
                    found[one.name] = request.parameters[label]
                    break
    return found
