"""One parameter of the document as one function: what was sent in its place, to its value.

By `schema` it is read by style, by `content` as its media type says (OpenAPI 3.1.1, 4.8.12.2).
Which function that is, is decided when the app is built.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

from brrt.openapi import content
from brrt.openapi.document import Node
from brrt.openapi.encodings import form_decoder
from brrt.openapi.operations import DEFAULT_STYLES, MediaType, Parameter
from brrt.openapi.parameters import (
    cookie_decoder,
    header_decoder,
    path_decoder,
    query_decoder,
)
from brrt.openapi.shapes import MISSING, STRUCTURES, Convert, Shape, caster
from brrt.openapi.wire import decode, parse_query

# Takes the raw text of a path variable, a header or a whole query string, or the pairs of a
# query or of cookies. Raises `wire.Unreadable` and `content.Unreadable`.
ParameterDecoder: TypeAlias = Callable[[Any], Any]

_TEXT: Final = Shape(frozenset({"string"}))
_NO_NAMES: Final = frozenset[str]()


def parameter_decoder(one: Parameter, shape: Shape, others: frozenset[str]) -> ParameterDecoder:
    """The decoder of a parameter; `others` are the names that an exploded object leaves alone."""
    if one.location == "querystring":
        return _querystring(one.content, shape)
    if one.content is None:
        return _by_style(one, shape, others)
    return _by_content(one, one.content, shape)


def checked_schema(one: Parameter, shape: Shape) -> Node | None:
    """The schema that the decoded value must meet.

    None for an array or object in a media type that is neither JSON nor a form: it stays text.
    """
    if one.content is not None and not _is_structured(one.content):
        stays_text = shape.types and shape.types <= STRUCTURES
        return None if stays_text else one.value_schema
    return one.value_schema


def _by_style(one: Parameter, shape: Shape, others: frozenset[str]) -> ParameterDecoder:
    text = (one.name, one.style, one.explode, shape)
    if one.location == "path":
        return path_decoder(*text)
    if one.location == "header":
        return header_decoder(*text)
    if one.location == "query":
        return query_decoder(*text, allow_empty=one.allow_empty, reserved=others)
    return cookie_decoder(*text, reserved=others)


def _by_content(one: Parameter, media_type: MediaType, shape: Shape) -> ParameterDecoder:
    """A parameter serialised by media type, such as JSON in a query (3.1.1, 4.8.12.2.3)."""
    by_style = replace(one, content=None, style=DEFAULT_STYLES[one.location])
    as_text = _by_style(by_style, _TEXT, _NO_NAMES)
    value = _text_decoder(media_type, shape, "latin-1" if one.location == "header" else "utf-8")
    may_be_empty = one.allow_empty

    def by_content(raw: Any) -> Any:
        text = as_text(raw)
        if isinstance(text, list):
            raise content.Unreadable("sent more than once")
        if text is MISSING or (may_be_empty and not text):
            return text
        return value(text)

    return by_content


def _text_decoder(media_type: MediaType, shape: Shape, charset: str) -> Convert:
    """The value of a text by media type; `charset` gives back the bytes that were sent."""
    name = content.essence(media_type.name)
    if content.is_json(name):
        return lambda text: content.decode_json(text.encode(charset))
    if content.is_form(name):
        form = form_decoder(media_type, shape)
        return lambda text: form(parse_query(text.encode(charset).decode("latin-1")))
    return caster(shape.primitives)


def _querystring(media_type: MediaType | None, shape: Shape) -> ParameterDecoder:
    """The whole query string as one value (3.2.0, 4.12.1); an empty one is no value.

    A `+` is a space in a form only: in any other type nothing but percent-encoding is undone.
    Where no type is named, as none may be in a document that is not held to the rules, it is text.
    """
    if media_type is None:
        return lambda raw: decode(raw) if raw else MISSING
    if content.is_form(content.essence(media_type.name)):
        form = form_decoder(media_type, shape)
        return lambda raw: form(parse_query(raw)) if raw else MISSING
    value = _text_decoder(media_type, shape, "utf-8")
    return lambda raw: value(decode(raw)) if raw else MISSING


def _is_structured(media_type: MediaType) -> bool:
    name = content.essence(media_type.name)
    return content.is_json(name) or content.is_form(name)
