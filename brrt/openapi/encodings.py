"""The Encoding Object as frozen values, and the decoder of forms that obeys it.

The rules (OpenAPI 3.0.4, 4.7.15; 3.1.1, 4.8.15; 3.2.0, 4.15, "Encoding Object"):

* With an explicit `style`, `explode` or `allowReserved`, a member is read like a parameter in a
  query, and its `contentType` is ignored.
* Otherwise it is read by its media type: the one that `contentType` names, or by default JSON
  for an object (and for an array inside an array) and plain text for everything else. An array is
  sent as one pair for each item; a single text that is a JSON array is the whole of it.
* Entries for what is no property of the schema are ignored (3.2.0, "Encoding By Name").

No bytes here, and no parts: multipart bodies have a file of their own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from brrt.openapi import content
from brrt.openapi.deep_objects import is_below
from brrt.openapi.document import Node
from brrt.openapi.json_values import is_list, mapping
from brrt.openapi.layouts import Layout, is_object_only, one_value
from brrt.openapi.members import member_schemas
from brrt.openapi.operations import MediaType
from brrt.openapi.parameters import query_decoder
from brrt.openapi.shapes import ANYTHING, MISSING, STRUCTURES, Convert, Shape
from brrt.openapi.wire import Pairs, Unreadable, decode_query

FormDecoder: TypeAlias = Callable[[Pairs], dict[str, Any]]
_Texts: TypeAlias = Callable[[list[str]], Any]  # of all that was sent for one name

_RFC6570: Final = ("style", "explode", "allowReserved")
_PLAIN: Final = Layout(",", True, decode_query)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one member of a form, or one part of a multipart body, is written.

    `content_types` are media types and ranges in lower case, without their parameters; none
    means the default. `style` is None where the member is written by its media type, and never
    None where one of `style`, `explode` and `allowReserved` is explicit. `headers` are Header
    Objects without `Content-Type`, which is described by `content_types`. `members`, `prefix`
    and `items` are the nested encodings of 3.2.
    """

    content_types: tuple[str, ...] = ()
    style: str | None = None
    explode: bool = False
    allow_reserved: bool = False
    headers: Mapping[str, Node] = field(default_factory=dict[str, Node])
    members: Mapping[str, "Encoding"] = field(default_factory=dict[str, "Encoding"])
    prefix: tuple["Encoding", ...] = ()
    items: "Encoding | None" = None


NO_ENCODING: Final = Encoding()


class UnreadableForm(Unreadable):
    """Members of a form that are not what their encoding says: `members` by name, in a sentence.

    `rest` is the form without them.
    """

    def __init__(self, members: Mapping[str, str], rest: dict[str, Any]) -> None:
        self.members = members
        self.rest = rest
        super().__init__("; ".join(f"{name}: {text}" for name, text in members.items()))


def encodings(media_type: MediaType) -> dict[str, Encoding]:
    """The encodings of a media type by the property that each describes."""
    if not media_type.encoding:
        return {}
    known = member_schemas(media_type.schema)
    return {name: _encoding(node) for name, node in media_type.encoding.items() if name in known}


def item_encodings(media_type: MediaType) -> tuple[tuple[Encoding, ...], Encoding]:
    """The encodings of the first parts, and of all that follow (3.2.0, "Encoding By Position")."""
    rest = media_type.item_encoding
    prefix = tuple(_encoding(node) for node in media_type.prefix_encoding)
    return prefix, _encoding(rest) if rest is not None else NO_ENCODING


def _encoding(node: Node) -> Encoding:
    value = mapping(node.value)
    by_style = any(key in value for key in _RFC6570)
    style = value.get("style", "form") if by_style else None
    members, prefix = node.get("encoding"), node.get("prefixEncoding")
    items = node.get("itemEncoding")
    return Encoding(
        content_types=_media_types(str(value.get("contentType", ""))),
        style=style,
        explode=value.get("explode", style == "form") is True,
        allow_reserved=value.get("allowReserved") is True,
        headers=dict(_headers(node.get("headers"))),
        members={name: _encoding(one) for name, one in members.items()} if members else {},
        prefix=tuple(_encoding(one) for one in prefix.elements()) if prefix else (),
        items=_encoding(items) if items is not None else None,
    )


def _media_types(declared: str) -> tuple[str, ...]:
    return tuple(one for one in map(content.essence, declared.split(",")) if "/" in one)


def _headers(declared: Node | None) -> Iterable[tuple[str, Node]]:
    for name, node in declared.items() if declared is not None else ():
        if name.lower() != "content-type":
            yield name, node.follow()


def form_decoder(media_type: MediaType | None, shape: Shape) -> FormDecoder:
    """Decode a whole form (`application/x-www-form-urlencoded`): its pairs become one object.

    The pairs are decoded names with values that are still encoded. The decoder raises
    `UnreadableForm` with all members that are not what their encoding says.
    """
    given = encodings(media_type) if media_type is not None else {}
    styled = {name: one for name, one in given.items() if one.style is not None}
    reserved = frozenset(shape.properties)
    read_styled = [
        _styled(name, one, shape.properties.get(name, ANYTHING), reserved)
        for name, one in styled.items()
    ]
    known = {
        name: _by_media_type(one, given.get(name, NO_ENCODING).content_types)
        for name, one in shape.properties.items()
        if name not in styled
    }
    other = _by_media_type(shape.additional or ANYTHING, ())
    if not styled:
        return lambda pairs: _members(
            (name, known.get(name, other), texts) for name, texts in pairs.items()
        )
    return _mixed(read_styled, known, other)


@dataclass(frozen=True, slots=True)
class _Styled:
    """A member that is read like a parameter: what it takes of the pairs, and how."""

    name: str
    takes: Callable[[str], bool]
    decode: Callable[[Pairs], Any]


def _styled(name: str, encoding: Encoding, shape: Shape, reserved: frozenset[str]) -> _Styled:
    style, others = encoding.style or "form", reserved - {name}
    explode = encoding.explode
    decode = query_decoder(name, style, explode, shape, in_form=True, reserved=others)
    if style == "deepObject":
        return _Styled(name, lambda key: is_below(name, key), decode)
    if not encoding.explode or not is_object_only(shape):
        return _Styled(name, name.__eq__, decode)
    if shape.additional is not None:
        return _Styled(name, lambda key: key not in others, decode)
    mine = frozenset(shape.properties) | {name}
    return _Styled(name, lambda key: key in mine and key not in others, decode)


def _mixed(styled: list[_Styled], known: Mapping[str, _Texts], other: _Texts) -> FormDecoder:
    def decode(pairs: Pairs) -> dict[str, Any]:
        rest = {
            key: texts for key, texts in pairs.items() if not any(one.takes(key) for one in styled)
        }
        members = [(name, known.get(name, other), texts) for name, texts in rest.items()]
        return _members([*members, *((one.name, one.decode, pairs) for one in styled)])

    return decode


def _members(found: Iterable[tuple[str, Callable[[Any], Any], Any]]) -> dict[str, Any]:
    """Names, their decoders and what these decode, as one object."""
    form: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for name, decode, raw in found:
        try:
            value = decode(raw)
        except (Unreadable, content.Unreadable) as error:
            unread[name] = str(error)
            continue
        if value is not MISSING:
            form[name] = value
    if unread:
        raise UnreadableForm(unread, form)
    return form


def _by_media_type(shape: Shape, content_types: tuple[str, ...]) -> _Texts:
    """Decode all that was sent for one name, by media type."""
    if "array" in shape.types:
        return _array(shape, content_types)
    one = _value(shape, content_types)
    return lambda texts: one(texts[0]) if len(texts) == 1 else [one(text) for text in texts]


def _array(shape: Shape, content_types: tuple[str, ...]) -> _Texts:
    items = shape.items or ANYTHING
    each, alone = _value(items, content_types), one_value(shape, _PLAIN, whole=True)
    is_json = _is_json(items, content_types)
    nests = "array" in items.types

    def array(texts: list[str]) -> Any:
        if len(texts) != 1:
            return [each(text) for text in texts]
        if not is_json:
            return alone(texts[0])
        value = each(texts[0])
        return value if is_list(value) and not nests else [value]

    return array


def _value(shape: Shape, content_types: tuple[str, ...]) -> Convert:
    """Decode one text that is JSON, or else plain text."""
    text_of = one_value(Shape(shape.primitives), _PLAIN)
    if not _is_json(shape, content_types):
        return text_of
    nullable = "null" in shape.types
    lenient = not content_types and bool(shape.types - STRUCTURES - {"null"})

    def value(raw: str) -> Any:
        if not raw and nullable:
            return None
        try:
            return content.decode_json(decode_query(raw).encode())
        except content.Unreadable:
            if not lenient:
                raise
            return text_of(raw)

    return value


def _is_json(shape: Shape, content_types: tuple[str, ...]) -> bool:
    """Whether texts are JSON: if they say so, or can be nothing else (see the tables of types)."""
    if len(content_types) == 1 and "*" not in content_types[0]:
        return content.is_json(content_types[0])
    return bool(shape.types & STRUCTURES)
