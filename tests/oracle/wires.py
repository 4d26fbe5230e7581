"""Values as text: each style of each location, the media types of bodies, and requests.

This is a client's half of the specification ("Style Examples"), written without a look at the
decoders under test. `Sent` is a request as the bytes on the wire; `mock` is the same as a
framework hands it to openapi-core.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

from openapi_core.testing import MockRequest
from starlette.datastructures import QueryParams

Pairs: TypeAlias = list[tuple[str, str]]
DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}
BOUNDARY = "border"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request: a raw target, headers, and a body with its media type.

    Frameworks differ in what they make of cookies; here they are percent-decoded pairs.
    """

    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    method: str = "GET"

    def header(self, name: str) -> str | None:
        """The value of a header."""
        return dict(self.headers).get(name)

    def mock(self) -> MockRequest:
        """The request as openapi-core's integration with Starlette sees it."""
        pairs = [one.partition("=") for one in (self.header("cookie") or "").split(";")]
        cookies = [(name.strip(), unquote(text)) for name, equals, text in pairs if equals]
        return MockRequest(
            "http://test",
            self.method,
            unquote(self.path),
            args=QueryParams(self.query).multi_items(),  # type: ignore[arg-type]
            headers={name: text for name, text in self.headers if name != "cookie"},
            cookies=cookies,  # type: ignore[arg-type]
            data=self.body,
            content_type=self.header("content-type") or "",
        )

    def scope(self) -> dict[str, Any]:
        """The request as an ASGI scope."""
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote(self.path),
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "root_path": "",
            "headers": [(name.encode(), text.encode("latin-1")) for name, text in self.headers],
        }


@dataclass(frozen=True, slots=True)
class Given:
    """A handler's answer, as a value and as bytes."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"

    @property
    def value(self) -> Any:
        """The value that the handler returns."""
        return json.loads(self.body)


def text(value: Any) -> str:
    """A primitive as text; null is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def escaped(value: Any) -> str:
    """A primitive with all that is not unreserved percent-encoded (RFC 6570, section 3.2.1)."""
    return quote(text(value), safe="")


def flat(value: Mapping[str, Any]) -> list[str]:
    """Names and values in turn."""
    return [escaped(half) for pair in value.items() for half in pair]


def joined(value: Mapping[str, Any]) -> list[str]:
    """Names and values with an equals sign between."""
    return [f"{escaped(name)}={escaped(one)}" for name, one in value.items()]


def simple(value: Any, explode: bool) -> str:
    """Style simple: `3,4`, `R,100`, exploded `R=100`."""
    if isinstance(value, dict):
        return ",".join(joined(value) if explode else flat(value))
    return ",".join(map(escaped, value)) if isinstance(value, list) else escaped(value)


def label(value: Any, explode: bool) -> str:
    """Style label: the same after a dot, exploded with dots between."""
    if explode and isinstance(value, dict):
        return "." + ".".join(joined(value))
    if explode and isinstance(value, list):
        return "." + ".".join(map(escaped, value))
    return "." + simple(value, False)


def matrix(name: str, value: Any, explode: bool) -> str:
    """Style matrix: `;name=3,4`, exploded `;name=3;name=4` and `;R=100;G=200`."""
    if explode and isinstance(value, dict):
        return "".join(f";{one}" for one in joined(value))
    if explode and isinstance(value, list):
        return "".join(f";{name}={escaped(one)}" for one in value)
    inner = simple(value, False)
    return f";{name}={inner}" if inner else f";{name}"


def query(name: str, style: str, explode: bool, value: Any) -> str:
    """The styles of a query, and of a URL-encoded form."""
    if style == "deepObject":
        return "&".join(deep(escaped(name), value))
    if explode and isinstance(value, dict):
        return "&".join(joined(value))
    if explode and isinstance(value, list):
        return "&".join(f"{escaped(name)}={escaped(one)}" for one in value)
    between = DELIMITERS[style]
    if isinstance(value, dict):
        return f"{escaped(name)}={between.join(flat(value))}"
    if isinstance(value, list):
        return f"{escaped(name)}={between.join(map(escaped, value))}"
    return f"{escaped(name)}={escaped(value)}"


def deep(prefix: str, value: Any) -> list[str]:
    """Brackets all the way down."""
    if isinstance(value, dict):
        return [
            pair for name, one in value.items() for pair in deep(f"{prefix}[{escaped(name)}]", one)
        ]
    if isinstance(value, list):
        return [f"{prefix}={escaped(one)}" for one in value]
    return [f"{prefix}={escaped(value)}"]


def cookie(name: str, explode: bool, value: Any) -> str:
    """Style form in a cookie."""
    return query(name, "form", explode, value).replace("&", "; ")


def header(value: Any, explode: bool) -> str:
    """Style simple in a header, where nothing is percent-encoded."""
    return unquote(simple(value, explode), "latin-1")


def form(value: Mapping[str, Any]) -> bytes:
    """A URL-encoded form; arrays repeat their name."""
    return "&".join(query(name, "form", True, one) for name, one in value.items()).encode()


def multipart(value: Mapping[str, Any]) -> bytes:
    """A multipart form; arrays repeat their name, objects are JSON."""
    parts = []
    for name, one in value.items():
        for item in one if isinstance(one, list) else [one]:
            structured = isinstance(item, (dict, list))
            kind = "application/json" if structured else "text/plain"
            data = json.dumps(item) if structured else text(item)
            parts.append(
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n'
                f"Content-Type: {kind}\r\n\r\n{data}\r\n"
            )
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()
