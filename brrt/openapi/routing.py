"""Which template a request path matches, and what stands in its variables.

The rules of this file:

* A path is matched in *canonical raw* form (`canonical`): still percent-encoded, so that an
  encoded slash stays inside its segment. The values found are raw too; `parameters` decodes them.
* A template is a tuple of segments, a segment the tuple of its literals: `("pets",)` is static,
  `("", "")` one variable, `("a-", ".", "")` is `a-{x}.{y}`. Values are positional, without names.
* Static comes before in-segment patterns (more literal characters first) before a whole variable,
  and the leftmost segment decides. Where a choice fails, also because the method is missing, the
  next one is tried: `GET /users/me` reaches `/users/{id}` if `/users/me` has only `POST`.
* A variable is never empty. No slashes collapse, no dot segments go, a trailing slash counts.
* A request enters each node at most once, as depth is segment: the cost is bounded by the size
  of the templates, and by the path's length where nothing is ambiguous. `find` only reads.

OpenAPI 3.2, sections "Paths Object" and "Path Templating"; RFC 3986, section 6.2.2.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from string import ascii_letters, digits, hexdigits
from typing import Generic, TypeAlias, TypeVar
from urllib.parse import quote

T = TypeVar("T")
Segment: TypeAlias = tuple[str, ...]
Pick: TypeAlias = Callable[[list[str]], tuple[str, ...]]

VARIABLE: Segment = ("", "")

_UNRESERVED = (ascii_letters + digits + "-._~").encode()
_PLAIN = _UNRESERVED + b"!$&'()*+,;=:@/"  # RFC 3986 pchar without escapes, and the slash
_FOREIGN = re.compile(rb"%[0-9A-Fa-f]{2}|[^" + re.escape(_PLAIN) + rb"]")
_ESCAPE = re.compile("%[0-9A-F]{2}")
_EXPRESSION = re.compile(r"\{([^{}]*)\}")
_FOLD = 0x100  # beyond every character that a canonical path can hold
_UNFOLD = {_FOLD + byte: f"%{byte:02X}" for byte in range(256)}


def canonical(raw: bytes) -> str:
    """The canonical form of ASGI's `raw_path`, up to the first `?` if the server left one in.

    Escapes of unreserved characters are decoded, the hex digits of all others upper-cased, and
    bytes that may not stand in a path escaped (RFC 3986, section 6.2.2). So is the percent sign
    of a malformed escape: `%zz` becomes `%25zz`, which means `%zz` and nothing else.
    """
    if not raw.translate(None, _PLAIN):
        return raw.decode("ascii")
    return _canonical(raw.partition(b"?")[0])


def canonical_from_decoded(path: str) -> str:
    """The canonical form of ASGI's decoded `path`, for servers that give no `raw_path`.

    What was decoded is lost: a slash that was sent as `%2F` separates segments here, and `%25`
    is a percent sign and nothing else.
    """
    return quote(path, safe=_PLAIN, errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class Template:
    """A path template in parts. Two templates with equal `segments` match the same paths."""

    text: str
    segments: tuple[Segment, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Take a template apart; a name may hold anything but braces, slashes included.

        Raises ValueError if it does not start with a slash, its braces do not pair, or a name
        is empty or stands there twice (OpenAPI 3.2, "Path Templating").
        """
        literals, names = _EXPRESSION.split(text)[::2], tuple(_EXPRESSION.findall(text))
        if not text.startswith("/"):
            raise ValueError(f"The template {text} does not start with a slash")
        if "" in names or re.search("[{}]", "".join(literals)):
            raise ValueError(f"The braces of the template {text} do not enclose one name each")
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"The template {text} holds {{{name}}} and {{{name}}} again")
        return cls(text, _segments(literals), names)


class Router(Generic[T]):
    """A tree of segments that finds the target for a method and a path.

    `add` belongs to the build phase; afterwards a router is only read and may be shared.
    """

    __slots__ = ("_depth", "_root", "_static", "_texts")

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._static: dict[str, _Node[T]] = {}
        self._texts: dict[tuple[str, tuple[Segment, ...]], str] = {}
        self._depth = 0

    def __repr__(self) -> str:
        return f"<Router operations={len(self._texts)} depth={self._depth}>"

    def add(self, template: str, method: str, target: T) -> None:
        """Let `method` on `template` (base path included) lead to `target`, which is not None.

        A `GET` also answers `HEAD` until `HEAD` is added itself. Raises ValueError, naming both,
        for the same method on the same template or on one that differs in names only.
        """
        parsed = Template.parse(template)
        self._claim(method, parsed)
        node = self._root
        for segment in parsed.segments:
            node = node.child(segment)
        node.targets[method] = target
        if method == "GET" and ("HEAD", parsed.segments) not in self._texts:
            node.targets["HEAD"] = target
        if parsed.names:
            node.pick = _picker(parsed.segments)
        else:
            self._static["/".join(segment[0] for segment in parsed.segments)] = node
        self._depth = max(self._depth, len(parsed.segments))

    def find(self, method: str, path: str) -> tuple[T, tuple[str, ...]] | None:
        """The target and its raw values in template order, or None: then ask `methods`."""
        node: _Node[T] | None = self._static.get(path)
        if node is not None:
            target = node.targets.get(method)
            if target is not None:
                return target, ()
        segments = path.split("/", self._depth)
        node = self._root
        for segment in segments:
            node = node.literals.get(segment) or node.straight or node.other(segment)
            if node is None:
                break
        else:
            target = node.targets.get(method)
            if target is not None:
                return target, node.pick(segments)
        return self._search(method, segments)

    def methods(self, path: str) -> tuple[str, ...]:
        """The sorted methods of all templates that match; empty is 404, else 405 with `Allow`."""
        nodes = self._walk(path.split("/", self._depth))
        return tuple(sorted({method for node in nodes for method in node.targets}))

    def _claim(self, method: str, template: Template) -> None:
        key = method, template.segments
        if key in self._texts:
            raise ValueError(
                f"{method} {template.text} matches the same paths as {method} {self._texts[key]}"
            )
        self._texts[key] = template.text

    def _search(self, method: str, segments: list[str]) -> tuple[T, tuple[str, ...]] | None:
        """What `find` does where the first choice at each segment leads nowhere."""
        for node in self._walk(segments):
            target = node.targets.get(method)
            if target is not None:
                return target, node.pick(segments)
        return None

    def _walk(self, segments: list[str]) -> "Iterator[_Node[T]]":
        """All nodes that the whole path reaches, in order of precedence; each is entered once."""
        pending = [(self._root, 0)]
        while pending:
            node, depth = pending.pop()
            if depth == len(segments):
                yield node
            else:
                pending += [(child, depth + 1) for child in node.choices(segments[depth])]


class _Node(Generic[T]):
    """One place in the tree: what may follow, and which methods end here."""

    __slots__ = ("literals", "patterns", "pick", "straight", "targets", "variable")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.patterns: list[tuple[Segment, _Node[T]]] = []  # the most specific one last
        self.variable: _Node[T] | None = None
        self.straight: _Node[T] | None = None  # the variable, where no pattern comes before it
        self.targets: dict[str, T] = {}
        self.pick: Pick = lambda segments: ()

    def child(self, segment: Segment) -> "_Node[T]":
        """The node behind `segment`, made if there is none. Build phase only."""
        if len(segment) == 1:
            return self.literals.setdefault(segment[0], _Node())
        if segment == VARIABLE:
            self.literals.setdefault("", _Node())  # a dead end, as no variable is empty
            self.variable = node = self.variable or _Node()
        else:
            node = dict(self.patterns).get(segment) or _Node()
            self.patterns = sorted({**dict(self.patterns), segment: node}.items(), key=_specificity)
        self.straight = None if self.patterns else self.variable
        return node

    def other(self, segment: str) -> "_Node[T] | None":
        """The best child for a segment that is no literal, where `straight` does not know."""
        for pattern, node in reversed(self.patterns):
            if _match(pattern, segment) is not None:
                return node
        return self.variable if segment else None

    def choices(self, segment: str) -> "Iterator[_Node[T]]":
        """The children that `segment` may lead to, the best one last."""
        if segment and self.variable is not None:
            yield self.variable
        for pattern, node in self.patterns:
            if _match(pattern, segment) is not None:
                yield node
        if segment in self.literals:
            yield self.literals[segment]


def _canonical(raw: bytes) -> str:
    return _FOREIGN.sub(lambda found: _REWRITTEN[found[0]], raw).decode("ascii")


def _rewritten() -> dict[bytes, bytes]:
    """What becomes of each escape, and of each byte that has to be one."""
    table = {bytes([byte]): b"%%%02X" % byte for byte in range(256)}
    for high, low in product(hexdigits, repeat=2):
        byte = int(high + low, 16)
        upper = bytes([byte]) if byte in _UNRESERVED else b"%%%02X" % byte
        table[f"%{high}{low}".encode()] = upper
    return table


_REWRITTEN = _rewritten()


def _segments(literals: list[str]) -> tuple[Segment, ...]:
    """The segments of a template, given the literals before, between and after its variables."""
    segments: list[list[str]] = [[]]
    for literal in literals:
        first, *others = _canonical(literal.encode()).split("/")
        segments[-1].append(first)
        segments += [[other] for other in others]
    return tuple(
        (parts[0],) if len(parts) == 1 else tuple(_fold(part) for part in parts)
        for parts in segments
    )


def _specificity(pattern: tuple[Segment, object]) -> tuple[int, int, Segment]:
    """Fewer literal characters, then more variables, come earlier; the text makes it total."""
    literals = pattern[0]
    return sum(map(len, literals)), -len(literals), literals


def _match(literals: Segment, segment: str) -> tuple[str, ...] | None:
    """The values of a pattern such as `{name}.{ext}`, the first as long as it can be, or None.

    Separators are sought from the right, each once, so the cost is linear. Escapes count as one
    character: a literal `2` does not match inside `%2F`.
    """
    folded, first, last = _fold(segment), literals[0], literals[-1]
    start, end = len(first), len(folded) - len(last)
    if start >= end or not folded.startswith(first) or not folded.endswith(last):
        return None
    values: list[str] = []
    for separator in literals[-2:0:-1]:
        position = folded.rfind(separator, start + 1, end - 1)
        if position < 0:
            return None
        values.append(folded[position + len(separator) : end])
        end = position
    values.append(folded[start:end])
    if folded is not segment:
        values = [value.translate(_UNFOLD) for value in values]
    return tuple(values[::-1])


def _fold(text: str) -> str:
    """The text with each escape as one character, which `_UNFOLD` turns back."""
    if "%" not in text:
        return text
    return _ESCAPE.sub(lambda found: chr(_FOLD + int(found[0][1:], 16)), text)


def _picker(template: tuple[Segment, ...]) -> Pick:
    """What takes a template's values out of the segments of a path that matches it."""
    places = [place for place, segment in enumerate(template) if len(segment) > 1]
    if any(template[place] != VARIABLE for place in places):
        patterns = [(place, template[place]) for place in places]
        return lambda segments: tuple(
            value for place, pattern in patterns for value in _match(pattern, segments[place]) or ()
        )
    if len(places) == 1:
        (only,) = places
        return lambda segments: (segments[only],)
    return itemgetter(*places)
