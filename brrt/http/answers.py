"""What goes out on the wire: a complete answer, its headers, and how it is sent.

Which answer a value becomes is decided elsewhere; nothing here knows the document.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeGuard

from brrt.errors import BrrtError

HeaderPair: TypeAlias = tuple[bytes, bytes]
Headers: TypeAlias = list[HeaderPair]
# Headers as users write them; pairs, for a name that occurs more than once, such as Set-Cookie.
GivenHeaders: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Any], Awaitable[None]]

# Statuses that carry no content (RFC 9110, sections 15.3.5, 15.3.6, 15.4.5).
BODILESS = frozenset({204, 205, 304})
# How long the content is and how it is framed is counted here and told by the server, whatever
# else is said: two answers to that question are how requests are smuggled (RFC 9112, 11.2).
_FRAMING = frozenset({"content-length", "transfer-encoding"})
# What pages of brrt's own are sent with: nobody keeps, frames, or sniffs at them, and what they
# might hold does nothing (OWASP, REST Security Cheat Sheet, "Security headers").
PAGE_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RAW_TOKEN = re.compile(_TOKEN.pattern.encode())
_RAW_UNSAFE = re.compile(_UNSAFE.pattern.encode())


class ContractBroken(BrrtError):
    """A handler's answer is not what the document promises. The text is for the log only."""


class Answer(NamedTuple):
    """A complete response, ready to be sent."""

    status: int
    headers: Headers
    body: bytes


class StreamHead(NamedTuple):
    """All of a response but its content, which is given bit by bit.

    `piece` makes bytes of an item and raises what a `PieceWriter` does. `may_rest`: silence means
    nothing; `beats`: it is filled with comments; `comes_back`: the client does so by itself when
    the stream ends. `length` is that of the content in bytes, where the handler knows it; `after`
    is called when all was sent.
    """

    status: int
    headers: Headers
    piece: Callable[[Any], bytes]
    may_rest: bool = False
    beats: bool = False
    comes_back: bool = False
    length: int | None = None
    after: Callable[[], Awaitable[None]] | None = None


class ResponseApp(Protocol):
    """A response that sends itself, such as Starlette's."""

    status_code: int

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the response."""
        ...


def is_response_app(value: object) -> TypeGuard[ResponseApp]:
    """Whether a value is a response that sends itself."""
    return callable(value) and hasattr(value, "status_code")


def check_status(status: Any) -> int:
    """The status as a number. Raises `ContractBroken` for what no final response can have.

    An informational status (1xx) is no answer (RFC 9110, section 15.2).
    """
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ContractBroken(f"{status!r} is not the status of an answer, from 200 to 599")
    return int(status)


def is_token(name: str) -> bool:
    """Whether a text can be the name of a header (RFC 9110, section 5.6.2)."""
    return _TOKEN.fullmatch(name) is not None


def encode_headers(headers: GivenHeaders) -> Headers:
    """Headers as ASGI wants them, without a length of their own: that is always counted.

    Raises `ContractBroken` for what a server would choke on, or what would forge other headers.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    encoded: Headers = []
    for name, text in pairs:
        if not is_token(name) or _UNSAFE.search(text):
            raise ContractBroken(f"header {name!r} is not one that HTTP can carry")
        if name.lower() not in _FRAMING:
            encoded.append((name.lower().encode("latin-1"), _latin(name, text.strip(" \t"))))
    return encoded


def check_raw_headers(headers: Headers) -> None:
    """The headers of a response that sends itself. Raises `ContractBroken` like `encode_headers`.

    A server that is given others ends the connection without any answer, or lets them forge one.
    """
    for name, value in headers:
        if not _RAW_TOKEN.fullmatch(name) or _RAW_UNSAFE.search(value):
            text = name.decode("latin-1")
            raise ContractBroken(f"header {text!r} is not one that HTTP can carry")


def _latin(name: str, text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        message = f"header {name!r} is not one that HTTP can carry: encode what is not Latin-1"
        raise ContractBroken(message) from None


def content_length(body: bytes, status: int) -> Headers:
    """The Content-Length header: none for 204 and 304, 0 for 205 (RFC 9110, section 15.3.6)."""
    if status in (204, 304):
        return []
    return [(b"content-length", b"%d" % (0 if status in BODILESS else len(body)))]


def given_length(headers: GivenHeaders) -> int | None:
    """The Content-Length that a handler gives for a stream. Raises `ContractBroken` for none."""
    for name, text in headers.items() if isinstance(headers, Mapping) else headers:
        if name.lower() == "content-length":
            if not text.isascii() or not text.isdigit():
                raise ContractBroken(f"{text!r} is no Content-Length")
            return int(text)
    return None


def with_header(headers: Headers, extra: HeaderPair) -> Headers:
    """Headers and one more, which does not come in place of one that is there."""
    wanted = extra[0]
    for name, _ in headers:
        if name == wanted:
            return headers
    return [*headers, extra]


async def send_answer(
    answer: Answer, send: Send, head: bool, added: Iterable[HeaderPair] = ()
) -> None:
    """Send a complete response; for HEAD only its headers, with those that are `added`."""
    status, headers, body = answer
    for one in added:
        headers = with_header(headers, one)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head or status in BODILESS else body})
