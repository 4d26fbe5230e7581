"""Parameters by location and style: raw text in, values out.

The rules (OpenAPI 3.0.4, 3.1.1 and 3.2, "Style Values" and "Style Examples"):

* Split first, decode after: a delimiter that was percent-encoded is data (3.1.1, Appendix C),
  except `|` and space, which must be encoded to stand in a URL at all, and commas between what
  can hold none (numbers and booleans), which many clients encode. `+` is a space in queries
  only. Headers and cookies of style `cookie` are never percent-decoded (3.2, Parameter Object).
* A parameter that is not there, or lacks the prefix of its style, is `MISSING`.
* `allowReserved` needs nothing here: it widens what a client may leave unencoded.

Decoders are built once; calling one only reads. Pure: no ASGI, no schema engine.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

from brrt.openapi.deep_objects import deep_object
from brrt.openapi.layouts import (
    Layout,
    PairsDecoder,
    is_object_only,
    object_members,
    one_item,
    one_value,
)
from brrt.openapi.shapes import ANYTHING, MISSING, STRUCTURES, Convert, Shape
from brrt.openapi.wire import Pairs, decode, decode_query, group, trim

PathDecoder: TypeAlias = Callable[[str], Any]  # of the raw text of one variable
HeaderDecoder: TypeAlias = Callable[[str | None], Any]  # of the header's value, if it was sent

QUERY_SEPARATORS: Final = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


def path_decoder(name: str, style: str, explode: bool, shape: Shape) -> PathDecoder:
    """Decode the raw text of a variable as `Router.find` gives it.

    Styles: simple, label, matrix. Label without explode is `.3,4` as in 3.0.4 and later, not
    `.3.4` as in the table of 3.0.3. Raises ValueError for any other style.
    """
    if style == "simple":
        return one_value(shape, Layout(",", explode, decode))
    if style == "label":
        layout = Layout("." if explode else ",", explode, decode)
        return _after(".", one_value(shape, layout))
    if style == "matrix":
        return _after(";", _matrix(name, shape, Layout(",", explode, decode)))
    raise _unknown(style, "path")


def header_decoder(name: str, style: str, explode: bool, shape: Shape) -> HeaderDecoder:
    """Decode a header's value, the lines of one name joined by commas; None is `MISSING`.

    Style: simple; raises ValueError for any other. White space around the members of a list is
    no data (RFC 9110, section 5.6.1).
    """
    if style != "simple":
        raise _unknown(style, "header")
    one = one_value(shape, Layout(",", explode, trim))
    return lambda raw: MISSING if raw is None else one(raw)


def query_decoder(
    name: str,
    style: str,
    explode: bool,
    shape: Shape,
    *,
    allow_empty: bool = False,
    in_form: bool = False,
    reserved: frozenset[str] = frozenset(),
) -> PairsDecoder:
    """Decode a parameter from what `parse_query` gave.

    Styles: form; spaceDelimited and pipeDelimited, both with explode like form; deepObject,
    always exploded. Raises ValueError for any other. An exploded object takes the names in
    `shape.properties` and, if there is a `shape.additional`, all that are not `reserved` (the
    names of the other parameters). With `allow_empty` (allowEmptyValue) an empty text is ""
    whatever the types, and means "unused": do not check it by the schema. A member of a form
    (`in_form`) may have its commas encoded, as every writer of forms does (WHATWG URL, 5.2).
    """
    if style == "deepObject":
        return deep_object(name, shape)
    if style not in QUERY_SEPARATORS:
        raise _unknown(style, "query")
    layout = Layout(QUERY_SEPARATORS[style], explode, decode_query, any_comma=in_form)
    decoder = _from_pairs(name, shape, layout, reserved)
    if not allow_empty or style != "form":
        return decoder
    return lambda pairs: "" if pairs.get(name) == [""] else decoder(pairs)


def cookie_decoder(
    name: str,
    style: str,
    explode: bool,
    shape: Shape,
    *,
    reserved: frozenset[str] = frozenset(),
) -> PairsDecoder:
    """Decode a parameter from what `parse_cookies` gave.

    Styles: form (percent-decoded) and 3.2's cookie (verbatim); raises ValueError for any other.
    Exploded arrays and objects are taken from cookies of their own (`a=1; a=2`), in style form
    also from one that holds the `&` of the style table (`a=1&a=2`). `reserved`: see above.
    """
    if style not in ("form", "cookie"):
        raise _unknown(style, "cookie")
    verbatim = style == "cookie"
    decoder = _from_pairs(name, shape, Layout(",", explode, str if verbatim else decode), reserved)
    if verbatim or not explode or not shape.types & STRUCTURES:
        return decoder
    return lambda pairs: decoder(_split_ampersands(pairs))


def _from_pairs(name: str, shape: Shape, layout: Layout, reserved: frozenset[str]) -> PairsDecoder:
    if layout.explode and is_object_only(shape):
        return _exploded_object(name, shape, layout, reserved)
    one = one_value(shape, layout, whole=layout.explode)
    exploded_array = layout.explode and "array" in shape.types
    each = one_item(shape, layout.decode) if exploded_array else one

    def named(pairs: Pairs) -> Any:
        raw = pairs.get(name)
        if raw is None:
            return MISSING
        return one(raw[0]) if len(raw) == 1 else [each(text) for text in raw]

    return named


def _exploded_object(
    name: str, shape: Shape, layout: Layout, reserved: frozenset[str]
) -> PairsDecoder:
    """The object's members are names beside others; its own name says only that it is empty."""
    members = object_members(shape, layout)
    known, is_open, taken = shape.properties, shape.additional is not None, reserved | {name}
    nullable = "null" in shape.types

    def exploded(pairs: Pairs) -> Any:
        mine = {
            key: raw for key, raw in pairs.items() if key in known or (is_open and key not in taken)
        }
        if mine:
            return members(mine)
        if pairs.get(name) != [""]:
            return MISSING
        return None if nullable else {}

    return exploded


def _matrix(name: str, shape: Shape, layout: Layout) -> Convert:
    """`color=1,2`, or exploded `color=1;color=2` and `R=100;G=200`; `color` alone is empty."""
    all_mine = replace(shape, additional=shape.additional or ANYTHING)
    decoder = _from_pairs(name, all_mine, layout, frozenset())
    empty = one_value(shape, layout)  # an exploded pair is an item, but a path has to hold none
    any_name = layout.explode and is_object_only(shape)

    def matrix(raw: str) -> Any:
        halves = [pair.partition("=") for pair in raw.split(";")]
        pairs = group((decode(key), value) for key, _, value in halves)
        if pairs == {name: [""]}:
            return empty("")
        return decoder(pairs) if any_name or pairs.keys() == {name} else MISSING

    return matrix


def _after(prefix: str, decoder: Convert) -> PathDecoder:
    return lambda raw: decoder(raw[1:]) if raw.startswith(prefix) else MISSING


def _split_ampersands(pairs: Pairs) -> dict[str, list[str]]:
    joined = "&".join(f"{name}={value}" for name, values in pairs.items() for value in values)
    halves = [pair.partition("=") for pair in joined.split("&")]
    return group((name, value) for name, _, value in halves)


def _unknown(style: str, location: str) -> ValueError:
    return ValueError(f"{location} parameters have no style {style!r}")
