"""The table of style x explode, read backwards: how one text holds several values.

Rules (OpenAPI 3.0.4, 3.1.1 and 3.2, "Style Values" and "Style Examples"):

* An empty text is the empty array or object, or null if the schema allows null but no string
  (the table's "undefined" column; RFC 6570, section 2.3, counts a list without members there).
* But an exploded array in a query, a form or cookies has one pair for each item, so `tags=` is
  `[""]`: an array without items is left out, and "a zero-length string value in place of
  parameters that would otherwise be omitted entirely" stands there only by `allowEmptyValue`.
* Where an array and a primitive are both allowed, one value without a delimiter is the
  primitive; where an array and an object are, the array.
* A thing sent twice that can be sent once becomes a list of both. Nothing is repaired or dropped.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from brrt.openapi.shapes import ANYTHING, Convert, Shape, caster
from brrt.openapi.wire import Decode, Pairs, decode, decode_query, group

PairsDecoder: TypeAlias = Callable[[Pairs], Any]  # of what parse_query or parse_cookies gave

_COMMALESS: Final = frozenset({"integer", "number", "boolean", "null"})


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text holds several values: what separates them, and how each is decoded.

    With `any_comma`, a comma that was percent-encoded separates as well, where there is no bare
    one.
    """

    separator: str
    explode: bool
    decode: Decode
    any_comma: bool = False

    def split(self, raw: str) -> list[str]:
        """The parts of a raw text, each still raw."""
        if self.separator == "|":
            raw = raw.replace("%7C", "|").replace("%7c", "|")
        elif self.separator == " ":
            raw = raw.replace("%20", " ").replace("+", " ")
        elif self.any_comma and "," not in raw:
            raw = raw.replace("%2C", ",").replace("%2c", ",")
        return raw.split(self.separator)

    def pairs(self, raw: str) -> list[tuple[str, str]] | None:
        """Names and raw values of an object, or None if the text is not made of pairs."""
        parts = self.split(raw)
        if self.explode:
            parts = [half for part in parts for half in part.partition("=")]
            if "" in parts[1::3]:
                return None
            del parts[1::3]
        if len(parts) % 2:
            return None
        return list(zip(map(self.decode, parts[::2]), parts[1::2], strict=True))


def one_value(shape: Shape, layout: Layout, *, whole: bool = False) -> Convert:
    """Decode one raw text; a `whole` one is at most one item of an array."""
    if "array" in shape.types:
        return _array(shape, layout, whole=whole)
    if "object" in shape.types:
        return _object(shape, layout)
    return _primitive(shape, layout.decode)


def _primitive(shape: Shape, decode: Decode) -> Convert:
    convert = caster(shape.primitives)
    return decode if convert is str else lambda raw: convert(decode(raw))


def _array(shape: Shape, layout: Layout, *, whole: bool) -> Convert:
    item = one_item(shape, layout.decode)
    alone = _alternative(shape, layout.decode)
    if _holds_no_comma(shape.items, layout.decode):
        layout = replace(layout, any_comma=True)
    nullable = "null" in shape.types

    def array(raw: str) -> Any:
        parts = [raw] if whole else layout.split(raw)
        if alone is not None and len(parts) == 1:
            return alone(raw)
        if not raw and nullable:
            return None
        return [item(part) for part in parts] if raw or whole else []

    return array


def _holds_no_comma(items: Shape | None, decoder: Decode) -> bool:
    """Whether an encoded comma can only be a delimiter: many clients encode them all."""
    is_decoded = decoder is decode or decoder is decode_query
    return is_decoded and items is not None and bool(items.types) and items.types <= _COMMALESS


def one_item(shape: Shape, decode: Decode) -> Convert:
    """Decode one item of an array."""
    return _primitive(shape.items or ANYTHING, decode)


def _alternative(shape: Shape, decode: Decode) -> Convert | None:
    """For a shape that may be a structure or a primitive, the decoder of the primitive."""
    return _primitive(shape, decode) if shape.primitives - {"null"} else None


def _object(shape: Shape, layout: Layout) -> Convert:
    """`R,100,G,200`, or exploded `R=100,G=200`; what is neither is left as it is."""
    members = object_members(shape, layout)
    alone = _alternative(shape, layout.decode) or layout.decode
    nullable = "null" in shape.types

    def object_(raw: str) -> Any:
        if not raw:
            return None if nullable else {}
        pairs = layout.pairs(raw)
        return alone(raw) if pairs is None else members(group(pairs))

    return object_


def object_members(shape: Shape, layout: Layout) -> PairsDecoder:
    """Decode all pairs as the members of one object."""
    known = {name: several(one, layout) for name, one in shape.properties.items()}
    other = several(shape.additional or ANYTHING, layout)
    return lambda pairs: {name: known.get(name, other)(raw) for name, raw in pairs.items()}


def several(shape: Shape, layout: Layout) -> Callable[[list[str]], Any]:
    """Decode all that was sent for one exploded name; an object in there stays text."""
    plain = Shape(shape.primitives) if is_object_only(shape) else shape
    one = one_value(plain, layout, whole=True)
    each = one_item(shape, layout.decode) if "array" in shape.types else one
    return lambda raw: one(raw[0]) if len(raw) == 1 else [each(text) for text in raw]


def is_object_only(shape: Shape) -> bool:
    """Whether a shape is an object and cannot be an array."""
    return "object" in shape.types and "array" not in shape.types
