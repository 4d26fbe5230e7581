"""Wire text of parameters into values: the table of style x explode, read backwards.

The rules of this file (OpenAPI 3.0.4, 3.1.1 and 3.2, "Style Values" and "Style Examples"):

* Split first, decode after: a delimiter that was percent-encoded is data (3.1.1, Appendix C),
  except `|` and space, which must be encoded to stand in a URL at all. `+` is a space in queries
  only. Headers and cookies of style `cookie` are never percent-decoded (3.2, Parameter Object).
* Text that does not fit its type stays text, and a thing sent twice that can be sent once becomes
  a list of both: the schema check then says what is wrong. Nothing is repaired or dropped.
* An empty text is the empty array or object, or null if the schema allows null but no string
  (the table's "undefined" column). Where an array and a primitive are both allowed, one value
  without a delimiter is the primitive; where an array and an object are, the array.
* A parameter that is not there, or lacks the prefix of its style, is `MISSING`.
* `allowReserved` needs nothing here: it widens what a client may leave unencoded.
* Raw text is the latin-1 reading of the bytes on the wire; they are UTF-8, or `Undecodable`.

Decoders are built once; calling one only reads. Pure: no ASGI, no schema engine.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from math import isinf
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from brrt.errors import BrrtError

MAX_PAIRS: Final = 1000  # names and values in one query; Django's default, PHP's `max_input_vars`
MAX_DEPTH: Final = 16  # brackets after a deepObject name; the `qs` of Express stops at 5
MAX_DIGITS: Final = 640  # of an integer; below the lowest limit that CPython's `int` can be set to


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

Convert: TypeAlias = Callable[[str], Any]
Decode: TypeAlias = Callable[[str], str]
Pairs: TypeAlias = Mapping[str, list[str]]
PathDecoder: TypeAlias = Callable[[str], Any]  # of the raw text of one variable
HeaderDecoder: TypeAlias = Callable[[str | None], Any]  # of the header's value, if it was sent
PairsDecoder: TypeAlias = Callable[[Pairs], Any]  # of what parse_query or parse_cookies gave


class Unreadable(BrrtError):
    """The request's parameters cannot be read at all: 400, whatever the schemas say."""


class Undecodable(Unreadable):
    """Bytes that are not UTF-8; `position` is that of the first one after percent-decoding."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        super().__init__(f"the text is not UTF-8 at byte {position}")


class Excessive(Unreadable):
    """More pairs or a deeper nesting than `limit`."""

    def __init__(self, what: str, limit: int) -> None:
        self.limit = limit
        super().__init__(f"more than {limit} {what}")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a schema says that a text may become; no types at all means any text.

    `items` describes the items of arrays, `properties` the members of objects, and `additional`
    the members that `properties` does not name.
    """

    types: frozenset[str] = frozenset()
    items: "Shape | None" = None
    properties: Mapping[str, "Shape"] = field(default_factory=dict[str, "Shape"])
    additional: "Shape | None" = None


ANYTHING: Final = Shape()
_ASCII: Final = "".join(map(chr, range(128)))
_STRUCTURES: Final = frozenset({"array", "object"})
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_INDEX: Final = re.compile("[0-9]*").fullmatch  # or empty brackets
_BOOLEANS: Final[Mapping[str, Any]] = {"true": True, "false": False}
_BRACKETS: Final = re.compile(r"\[[^\[\]]*\]").findall


# --- text to primitive values -----------------------------------------------------------------


def cast(text: str, shape: Shape) -> Any:
    """The JSON value that `text` stands for, or `text` itself where it fits none of the types.

    Tried in this order: null, boolean, integer, number, string. Numbers follow the grammar of
    JSON (RFC 8259, section 6): no `+1`, `01`, `1_0`, ` 1`, `nan`. `1.0` is no integer, what
    overflows a float no number, and integers end at MAX_DIGITS digits.
    """
    return _caster(shape.types)(text)


@lru_cache(maxsize=128)  # all sets of the seven types
def _caster(types: frozenset[str]) -> Convert:
    attempts = [attempt for name, attempt in _ATTEMPTS.items() if name in types]
    if "null" in types and "string" not in types:
        attempts.insert(0, _null)
    if len(attempts) == 1:
        return attempts[0]

    def first_that_fits(text: str) -> Any:
        for attempt in attempts:
            value = attempt(text)
            if value is not text:
                return value
        return text

    return first_that_fits if attempts else str


def _null(text: str) -> Any:
    return text or None


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text, text)


def _integer(text: str) -> Any:
    if text.isdigit() and text.isascii() and text[0] != "0" and len(text) <= MAX_DIGITS:
        return int(text)  # what nearly all are, without the cost of a regex
    if len(text) <= MAX_DIGITS and _INTEGER(text):
        return int(text)
    return text


def _number(text: str) -> Any:
    integer = _integer(text)
    if integer is not text or not _NUMBER(text):
        return integer
    value = float(text)
    return text if isinf(value) else value


_ATTEMPTS: Final[Mapping[str, Convert]] = {
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
}


# --- raw text to text -------------------------------------------------------------------------


def decode(raw: str) -> str:
    """Percent-decode once, as UTF-8; a malformed escape stays as it is. Raises Undecodable."""
    if "%" not in raw and raw.isascii():
        return raw
    try:
        return unquote_to_bytes(raw.encode("latin-1")).decode()
    except UnicodeError as error:
        raise Undecodable(raw, getattr(error, "start", 0)) from None


def decode_query(raw: str) -> str:
    """Like `decode`, and `+` is a space (WHATWG URL, `application/x-www-form-urlencoded`)."""
    if "+" in raw:
        raw = raw.replace("+", " ")
    return decode(raw)


def parse_query(raw: str) -> dict[str, list[str]]:
    """The pairs of a query string: decoded names, and *raw* values in the order they came in.

    `a` is `a=`; empty pairs are skipped. Raises Excessive beyond MAX_PAIRS pairs, and
    Undecodable for a name.
    """
    if not raw.isascii():
        raw = quote(raw, safe=_ASCII, encoding="latin-1")
    pairs: dict[str, list[str]] = {}
    if raw.count("&") >= MAX_PAIRS:
        raise Excessive("query parameters", MAX_PAIRS)
    for pair in raw.split("&"):
        name, _, value = pair.partition("=")
        if "%" in name or "+" in name:
            name = decode_query(name)
        if name in pairs:
            pairs[name].append(value)
        elif pair:
            pairs[name] = [value]
    return pairs


def parse_cookies(raw: str) -> dict[str, list[str]]:
    """The pairs of a `Cookie` header (RFC 6265, section 4.2.1), values raw, in their order.

    What holds no `=` is skipped. Raises Excessive beyond MAX_PAIRS pairs.
    """
    if raw.count(";") >= MAX_PAIRS:
        raise Excessive("cookies", MAX_PAIRS)
    pairs = [pair.partition("=") for pair in raw.split(";")]
    return _group((_trim(name), _trim(value)) for name, equals, value in pairs if equals)


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


# --- decoders by location ---------------------------------------------------------------------


def path_decoder(name: str, style: str, explode: bool, shape: Shape) -> PathDecoder:
    """Decode the raw text of a variable as `Router.find` gives it.

    Styles: simple, label, matrix. Label without explode is `.3,4` as in 3.0.4 and later, not
    `.3.4` as in the table of 3.0.3. Raises ValueError for any other style.
    """
    if style == "simple":
        return _one(shape, _Layout(",", explode, decode))
    if style == "label":
        layout = _Layout("." if explode else ",", explode, decode)
        return _after(".", _one(shape, layout))
    if style == "matrix":
        return _after(";", _matrix(name, shape, _Layout(",", explode, decode)))
    raise _unknown(style, "path")


def header_decoder(name: str, style: str, explode: bool, shape: Shape) -> HeaderDecoder:
    """Decode a header's value, the lines of one name joined by commas; None is `MISSING`.

    Style: simple; raises ValueError for any other. White space around the members of a list is
    no data (RFC 9110, section 5.6.1).
    """
    if style != "simple":
        raise _unknown(style, "header")
    one = _one(shape, _Layout(",", explode, _trim))
    return lambda raw: MISSING if raw is None else one(raw)


def query_decoder(
    name: str,
    style: str,
    explode: bool,
    shape: Shape,
    *,
    allow_empty: bool = False,
    reserved: frozenset[str] = frozenset(),
) -> PairsDecoder:
    """Decode a parameter from what `parse_query` gave.

    Styles: form; spaceDelimited and pipeDelimited, both with explode like form; deepObject,
    always exploded. Raises ValueError for any other. An exploded object takes the names in
    `shape.properties` and, if there is a `shape.additional`, all that are not `reserved` (the
    names of the other parameters). With `allow_empty` (allowEmptyValue) an empty text is ""
    whatever the types, and means "unused": do not check it by the schema.
    """
    if style == "deepObject":
        return _deep_object(name, shape)
    if style not in _QUERY_SEPARATORS:
        raise _unknown(style, "query")
    layout = _Layout(_QUERY_SEPARATORS[style], explode, decode_query)
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
    decoder = _from_pairs(name, shape, _Layout(",", explode, str if verbatim else decode), reserved)
    if verbatim or not explode or not shape.types & _STRUCTURES:
        return decoder
    return lambda pairs: decoder(_split_ampersands(pairs))


def form_decoder(shape: Shape) -> PairsDecoder:
    """Decode a whole form (`application/x-www-form-urlencoded`): each name is a member."""
    return _members(shape, _Layout(",", True, decode_query))


# --- the table ----------------------------------------------------------------------------------

_QUERY_SEPARATORS: Final = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a text holds several values: what separates them, and how each is decoded."""

    separator: str
    explode: bool
    decode: Decode

    def split(self, raw: str) -> list[str]:
        if self.separator == "|":
            raw = raw.replace("%7C", "|").replace("%7c", "|")
        elif self.separator == " ":
            raw = raw.replace("%20", " ").replace("+", " ")
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


def _one(shape: Shape, layout: _Layout, *, whole: bool = False) -> Convert:
    """Decode one raw text; a `whole` one is at most one item of an array."""
    if "array" in shape.types:
        return _array(shape, layout, whole=whole)
    if "object" in shape.types:
        return _object(shape, layout)
    return _primitive(shape.types, layout.decode)


def _primitive(types: frozenset[str], decode: Decode) -> Convert:
    convert = _caster(types)
    return decode if convert is str else lambda raw: convert(decode(raw))


def _array(shape: Shape, layout: _Layout, *, whole: bool) -> Convert:
    item = _item(shape, layout.decode)
    alone = _alternative(shape, layout.decode)
    nullable = "null" in shape.types

    def array(raw: str) -> Any:
        parts = [raw] if whole else layout.split(raw)
        if alone is not None and len(parts) == 1:
            return alone(raw)
        if not raw:
            return None if nullable else []
        return [item(part) for part in parts]

    return array


def _item(shape: Shape, decode: Decode) -> Convert:
    return _primitive((shape.items or ANYTHING).types, decode)


def _alternative(shape: Shape, decode: Decode) -> Convert | None:
    """For a shape that may be a structure or a primitive, the decoder of the primitive."""
    types = shape.types - _STRUCTURES
    return _primitive(types, decode) if types - {"null"} else None


def _object(shape: Shape, layout: _Layout) -> Convert:
    """`R,100,G,200`, or exploded `R=100,G=200`; what is neither is left as it is."""
    members = _members(shape, layout)
    alone = _alternative(shape, layout.decode) or layout.decode
    nullable = "null" in shape.types

    def object_(raw: str) -> Any:
        if not raw:
            return None if nullable else {}
        pairs = layout.pairs(raw)
        return alone(raw) if pairs is None else members(_group(pairs))

    return object_


def _members(shape: Shape, layout: _Layout) -> PairsDecoder:
    """Decode all pairs as the members of one object."""
    known = {name: _several(one, layout) for name, one in shape.properties.items()}
    other = _several(shape.additional or ANYTHING, layout)
    return lambda pairs: {name: known.get(name, other)(raw) for name, raw in pairs.items()}


def _several(shape: Shape, layout: _Layout) -> Callable[[list[str]], Any]:
    """Decode all that was sent for one exploded name."""
    one = _one(shape, layout, whole=True)
    each = _item(shape, layout.decode) if "array" in shape.types else one
    return lambda raw: one(raw[0]) if len(raw) == 1 else [each(text) for text in raw]


def _is_object(shape: Shape) -> bool:
    return "object" in shape.types and "array" not in shape.types


def _from_pairs(name: str, shape: Shape, layout: _Layout, reserved: frozenset[str]) -> PairsDecoder:
    if layout.explode and _is_object(shape):
        return _exploded_object(name, shape, layout, reserved)
    one = _one(shape, layout, whole=layout.explode)
    exploded_array = layout.explode and "array" in shape.types
    each = _item(shape, layout.decode) if exploded_array else one

    def named(pairs: Pairs) -> Any:
        raw = pairs.get(name)
        if raw is None:
            return MISSING
        return one(raw[0]) if len(raw) == 1 else [each(text) for text in raw]

    return named


def _exploded_object(
    name: str, shape: Shape, layout: _Layout, reserved: frozenset[str]
) -> PairsDecoder:
    """The object's members are names beside others; its own name says only that it is empty."""
    members = _members(shape, layout)
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


def _matrix(name: str, shape: Shape, layout: _Layout) -> Convert:
    """`color=1,2`, or exploded `color=1;color=2` and `R=100;G=200`; `color` alone is empty."""
    all_mine = replace(shape, additional=shape.additional or ANYTHING)
    decoder = _from_pairs(name, all_mine, layout, frozenset())
    any_name = layout.explode and _is_object(shape)

    def matrix(raw: str) -> Any:
        halves = [pair.partition("=") for pair in raw.split(";")]
        pairs = _group((decode(key), value) for key, _, value in halves)
        return decoder(pairs) if any_name or pairs.keys() == {name} else MISSING

    return matrix


def _after(prefix: str, decoder: Convert) -> PathDecoder:
    return lambda raw: decoder(raw[1:]) if raw.startswith(prefix) else MISSING


def _trim(raw: str) -> str:
    return raw.strip(" \t")


def _split_ampersands(pairs: Pairs) -> dict[str, list[str]]:
    joined = "&".join(f"{name}={value}" for name, values in pairs.items() for value in values)
    halves = [pair.partition("=") for pair in joined.split("&")]
    return _group((name, value) for name, _, value in halves)


def _unknown(style: str, location: str) -> ValueError:
    return ValueError(f"{location} parameters have no style {style!r}")


# --- deepObject -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Branch:
    """The texts sent for one bracketed name, and what was sent for names below it."""

    texts: list[str] = field(default_factory=list[str])
    below: dict[str, "_Branch"] = field(default_factory=dict[str, "_Branch"])


class _Deep:
    """Reads a branch as its shape says.

    The rule, as OpenAPI leaves it open: `a[b]=1` is a member. An array comes as `a[b]=1&a[b]=2`,
    as `a[b][]=1&a[b][]=2` or with indexes, which give the order and may have holes. Brackets
    that are all empty or indexes are an array only where the shape allows one or says nothing.
    What has a text of its own beside members keeps it under the name "".
    """

    def __init__(self, shape: Shape) -> None:
        layout = _Layout(",", True, decode_query)
        self._types = shape.types
        self._texts = _several(shape, layout)
        self._item = _item(shape, decode_query)
        self._items = _Deep(shape.items) if shape.items else None
        self._known = {name: _Deep(one) for name, one in shape.properties.items()}
        self._other = _Deep(shape.additional) if shape.additional else None

    def read(self, branch: _Branch) -> Any:
        if not branch.below:
            return self._texts(branch.texts)
        may_be_array = "array" in self._types or not self._types
        if may_be_array and all(map(_INDEX, branch.below)):
            return list(self._read_items(branch))
        members = {
            name: (self._known.get(name) or self._other or _DEEP_ANYTHING).read(below)
            for name, below in branch.below.items()
        }
        return {"": self._texts(branch.texts), **members} if branch.texts else members

    def _read_items(self, branch: _Branch) -> Iterable[Any]:
        yield from map(self._item, branch.texts)
        for name in sorted(branch.below, key=_index_order):
            below = branch.below[name]
            if not name:
                yield from map(self._item, below.texts)
                below = _Branch([], below.below)
            if below.texts or below.below:
                yield (self._items or _DEEP_ANYTHING).read(below)


_DEEP_ANYTHING: Final = _Deep(ANYTHING)


def _index_order(name: str) -> tuple[bool, int, str]:
    """Empty brackets, then digits by value, without making numbers of them."""
    digits = name.lstrip("0")
    return bool(name), len(digits), digits


def _deep_object(name: str, shape: Shape) -> PairsDecoder:
    reader = _Deep(shape)
    prefix = name + "["

    def deep(pairs: Pairs) -> Any:
        root = _Branch()
        for key, texts in pairs.items():
            if key.startswith(prefix):
                _grow(root, key[len(name) :], texts)
        return reader.read(root) if root.below else MISSING

    return deep


def _grow(root: _Branch, brackets: str, texts: list[str]) -> None:
    """Add what was sent for `[a][b]`; a name with other characters between is not ours."""
    names = _BRACKETS(brackets)
    if "".join(names) != brackets:
        return
    if len(names) > MAX_DEPTH:
        raise Excessive("levels of brackets", MAX_DEPTH)
    branch = root
    for name in names:
        branch = branch.below.setdefault(name[1:-1], _Branch())
    branch.texts += texts
