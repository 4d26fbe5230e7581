"""Runtime expressions: a small language for what a request or its response held.

OpenAPI 3.1.1, section 4.8.20.3. An expression is read once, when the app is built, and evaluated
against an `Exchange`. A template is text with expressions in braces; one that is nothing but an
expression may leave the braces out. Pure: nothing here knows documents or HTTP libraries.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from brrt.errors import Unresolved
from brrt.openapi.json_values import is_list, is_mapping, split_pointer
from brrt.openapi.shapes import MISSING

_SOURCES = {
    "request": ("header", "query", "path", "body"),
    "response": ("header", "body"),
}
_ALONE = ("url", "method", "statusCode")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_POINTER = re.compile(r"(/([^/~]|~[01])*)*")  # RFC 6901, section 3
_KNOWN = (
    "write $url, $method, $statusCode, $request. with header.NAME, query.NAME, path.NAME or"
    " body#/POINTER, or $response. with header.NAME or body#/POINTER"
)


class MalformedError(ValueError):
    """A text is no runtime expression, or no template of them. `cure` says what may be meant."""

    def __init__(self, message: str, cure: str = _KNOWN) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Message:
    """What a request or a response held: headers by lower-case name, decoded parameters, body.

    `body` is made of JSON types, and MISSING where there is none.
    """

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    path: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Any = MISSING


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and its response as far as there is one."""

    url: str
    method: str
    request: Message
    response: Message | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """One runtime expression. `name` is that of the parameter or header, or a JSON pointer.

    `side` is `request`, `response` or empty; `place` what stands behind it: `header`, `query`,
    `path`, `body`, `url`, `method` or `statusCode`.
    """

    text: str
    side: str
    place: str
    name: str = ""

    def evaluate(self, exchange: Exchange) -> Any:
        """What it means, as JSON types. Raises `Unresolved` for what is not there."""
        if not self.side:
            alone = {"url": exchange.url, "method": exchange.method, "statusCode": exchange.status}
            return self._present(alone[self.place], "there is no response yet")
        message = exchange.request if self.side == "request" else exchange.response
        if message is None:
            raise self._unresolved("there is no response yet")
        if self.place == "body":
            return self._point(message.body)
        known: Mapping[str, Any] = getattr(message, _FIELDS[self.place])
        name = self.name.lower() if self.place == "header" else self.name
        return self._present(known.get(name), f"the {self.side} has no {self.place} {name!r}")

    def _point(self, value: Any) -> Any:
        if value is MISSING:
            raise self._unresolved(f"the {self.side} has no body that can be looked into")
        for token in split_pointer(self.name):
            try:
                value = value[_index(token) if is_list(value) else token]
            except (LookupError, TypeError):
                raise self._unresolved(f"the body has no {token!r} there") from None
        return value

    def _present(self, value: Any, otherwise: str) -> Any:
        if value is None:
            raise self._unresolved(otherwise)
        return value

    def word(self, exchange: Exchange) -> str:
        """The value as a text. Raises `Unresolved`, also for what has no obvious one."""
        value = self.evaluate(exchange)
        if isinstance(value, str):
            return value
        if value is None or is_list(value) or is_mapping(value):
            kind = "null" if value is None else "an array" if is_list(value) else "an object"
            raise self._unresolved(f"it is {kind}, which is no text")
        try:
            return msgspec.json.encode(value).decode().strip('"')
        except TypeError:
            raise self._unresolved(f"a {type(value).__qualname__} is no text") from None

    def _unresolved(self, why: str) -> Unresolved:
        return Unresolved(f"{self.text} has no value: {why}")


_FIELDS = {"header": "headers", "query": "query", "path": "path"}


@dataclass(frozen=True, slots=True)
class Template:
    """A url with expressions in it."""

    text: str
    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> Iterator[Expression]:
        """The expressions, in their order."""
        return (one for one in self.parts if isinstance(one, Expression))

    def url(self, exchange: Exchange) -> str:
        """The url. Raises `Unresolved`.

        A value with which the url begins is that url, or the base of it. Any other is a piece of
        one and percent-encoded, so that nobody moves the url to another host or path with it.
        """
        return "".join(self._words(exchange))

    def _words(self, exchange: Exchange) -> Iterator[str]:
        for index, part in enumerate(self.parts):
            if isinstance(part, str):
                yield part
            else:
                word = part.word(exchange)
                yield quote(word, safe="") if index else word


def parse_template(text: str) -> Template:
    """Read a text with expressions in braces. Raises `MalformedError`."""
    if text.startswith("$"):
        return Template(text, (parse_expression(text),))
    return Template(text, tuple(_parts(text)))


def _parts(text: str) -> Iterator[str | Expression]:
    rest = text
    while rest:
        fixed, brace, rest = rest.partition("{")
        if "}" in fixed:
            raise MalformedError(f"a brace in {text!r} closes nothing", "write {$...} in pairs")
        if fixed:
            yield fixed
        if brace:
            inner, end, rest = rest.partition("}")
            if not end:
                raise MalformedError(f"a brace in {text!r} is not closed", "write {$...} in pairs")
            yield parse_expression(inner)


def parse_expression(text: str) -> Expression:
    """Read one expression, without braces. Raises `MalformedError`."""
    if not text.startswith("$"):
        raise MalformedError(f"{text!r} does not begin with a dollar sign")
    if text[1:] in _ALONE:
        return Expression(text, "", text[1:])
    side, _, source = text[1:].partition(".")
    if side not in _SOURCES:
        raise MalformedError(f"{text!r} is no runtime expression")
    if source == "body" or source.startswith("body#"):
        return Expression(text, side, "body", _pointer(text, source[len("body#") :]))
    place, _, name = source.partition(".")
    if place not in _SOURCES[side] or place == "body":
        known = ", ".join(_SOURCES[side])
        raise MalformedError(f"{text!r} asks a {side} for {place!r}", f"it has {known}")
    if not name or (place == "header" and not _TOKEN.fullmatch(name)):
        raise MalformedError(f"{text!r} does not name a {place}", f"write ${side}.{place}.NAME")
    return Expression(text, side, place, name)


def _pointer(text: str, pointer: str) -> str:
    if not _POINTER.fullmatch(pointer):
        cure = "begin it with a slash, and write ~0 for a tilde"
        raise MalformedError(f"{pointer!r} in {text!r} is no JSON pointer", cure)
    return pointer


def _index(token: str) -> int:
    """RFC 6901, section 4: digits without a leading zero."""
    if not token.isascii() or not token.isdecimal() or token[:-1].startswith("0"):
        raise IndexError(token)
    return int(token[:20])
