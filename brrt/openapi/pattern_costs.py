r"""What a pattern may cost, found out before any text is matched with it.

The engine follows all ways through a pattern at once, so the time for a character grows with the
places of the pattern that can be alive together: its *width*. Of `^[a-z]{1,9000}$` that is one, as
every text is at one place; of `a{1,9000}b` it is 9,000, as a match may have begun anywhere. What
looks around or refers back is matched by trying instead; there a repetition of what varies in
length is tried in as many ways as there are to part a text.

Both are bounds from above, and counted on the pattern as it is written (ECMA-262).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

# Places that may be alive at once. Each takes up to 25 ns for a byte of text: for these, 1 MiB of
# the worst text takes some 8 s. What real documents have stays under 350.
MAX_WIDTH: Final = 500
# Repetitions of what varies in length that are few enough to be tried one by one.
_FEW: Final = 8
_ENDLESS: Final = float("inf")
_CLASSES: Final = frozenset({r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\p", r"\P"})

_TOKEN = re.compile(
    r"""
    (?P<class> \[ (?: \\. | [^\]\\] )* \] )
    | (?P<look> \( \? <? [=!] )
    | (?P<open> \( (?: \? (?: : | <\w+> ) )? )
    | (?P<close> \) )
    | (?P<bar> \| )
    | (?P<edge> \^ | \$ | \\[bB] )
    | (?P<back> \\[1-9]\d* | \\k<\w+> )
    | (?P<count> (?: [*+?] | \{ (?P<least>\d+) (?P<comma>,(?P<most>\d*))? \} ) \?? )
    | (?P<atom> \\[pPu]\{[^}]*\} | \\u[0-9a-fA-F]{4} | \\x[0-9a-fA-F]{2} | \\c. | \\. | . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a pattern.

    `places` are its characters with all repetitions written out, `width` those that can be alive
    at once for a text that enters it at one moment; `least` and `most` are lengths of what it
    matches. `once` is the same piece without its repetition, `times` the least of these. Of words
    (`is_word`) any number can be looked for at once.
    """

    places: float = 0
    width: float = 0
    least: float = 0
    most: float = 0
    once: "_Piece | None" = None
    times: int = 1
    is_word: bool = False

    @property
    def varies(self) -> bool:
        """Whether it matches texts of different lengths."""
        return self.least != self.most

    def entered(self, spread: float) -> float:
        """The places alive where a text may enter it at `spread` moments beside the first."""
        return min(self.places, (spread + 1) * self.width) if self.places else 0

    def repeated(self, least: int, most: float) -> "_Piece":
        copies = max(least, 1) if most == _ENDLESS else most
        places = copies * self.places
        width = places if self.varies and most > 1 else min(self.width, places)
        longest = most * self.most if self.most else 0
        return _Piece(places, width, least * self.least, longest, self, least)


_ATOM: Final = _Piece(1, 1, 1, 1)
_LETTER: Final = replace(_ATOM, is_word=True)
_EDGE: Final = _Piece(is_word=True)


@dataclass(slots=True)
class _Group:
    """An open group: its alternatives so far, each a row of pieces. `begin` is its place."""

    begin: int = 0
    is_look: bool = False
    rows: list[list[_Piece]] = field(default_factory=lambda: [[]])
    anchored: list[bool] = field(default_factory=lambda: [False])

    def piece(self) -> _Piece:
        """All alternatives as one piece; what only looks matches nothing."""
        rows = [_row(one) for one in self.rows]
        least, most = min(one.least for one in rows), max(one.most for one in rows)
        places, width = _together((one, one.places, one.width) for one in rows)
        length = (0.0, 0.0) if self.is_look else (least, most)
        is_word = len(rows) == 1 and rows[0].is_word
        return _Piece(places, width, *length, is_word=is_word)


def _together(rows: Iterable[tuple[_Piece, float, float]]) -> tuple[float, float]:
    """Places and width of alternatives. Of words only the longest counts."""
    others, words = [0.0, 0.0], [0.0, 0.0]
    for row, places, width in rows:
        if row.is_word:
            words = [max(words[0], places), max(words[1], width)]
        else:
            others = [others[0] + places, others[1] + width]
    return others[0] + words[0], others[1] + words[1]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a pattern may cost. `is_tried`: by trying, in more ways than anybody can wait for."""

    width: float
    is_tried: bool


def cost(pattern: str) -> Cost:
    """The cost of a pattern, which must be one."""
    reader = _Reader()
    for token in _TOKEN.finditer(pattern):
        reader.take(token)
    return reader.cost()


class _Reader:
    def __init__(self) -> None:
        self._open = [_Group()]
        self._last_hard = -1  # where the last token stands that needs trying
        self._nested: list[int] = []  # where repetitions of what varies in length begin
        self._begins: list[int] = [0]  # of the last piece, at each level

    def take(self, token: re.Match[str]) -> None:
        group, kind, begin = self._open[-1], token.lastgroup, token.start()
        if token["look"] or token["back"]:
            self._last_hard = begin
        if token["open"] or token["look"]:
            self._open.append(_Group(begin, bool(token["look"])))
        elif token["close"]:
            if len(self._open) > 1:
                self._open.pop()
                self._put(group.piece(), group.begin)
        elif token["bar"]:
            group.rows.append([])
            group.anchored.append(False)
        elif token["count"]:
            self._repeat(token)
        elif token["edge"]:
            if token["edge"] == "^" and not group.rows[-1]:
                group.anchored[-1] = True
            self._put(_EDGE, begin)
        else:
            assert kind
            self._put(_LETTER if _is_letter(token) else _ATOM, begin)

    def _put(self, piece: _Piece, begin: int) -> None:
        self._open[-1].rows[-1].append(piece)
        self._begins.append(begin)

    def _repeat(self, token: re.Match[str]) -> None:
        row = self._open[-1].rows[-1]
        if not row:
            return
        piece, begin = row.pop(), self._begins[-1]
        least, most = _counts(token)
        if piece.varies and most > _FEW:
            self._nested.append(begin)
        row.append(piece.repeated(least, most))

    def cost(self) -> Cost:
        whole = self._open[0]
        rows = list(zip(map(_row, map(_trimmed, whole.rows)), whole.anchored, strict=True))
        width = _together(
            (row, 0, row.width if is_anchored else row.places) for row, is_anchored in rows
        )[1]
        is_tried = any(begin <= self._last_hard for begin in self._nested)
        return Cost(width, is_tried)


def _is_letter(token: re.Match[str]) -> bool:
    """Whether an atom is one character and no other."""
    text = token["atom"]
    return text is not None and text != "." and text[:2] not in _CLASSES


def _counts(token: re.Match[str]) -> tuple[int, float]:
    sign = token["count"][0]
    if sign != "{":
        return int(sign == "+"), 1 if sign == "?" else _ENDLESS
    least = int(token["least"])
    if token["comma"] is None:
        return least, least
    return least, int(token["most"]) if token["most"] else _ENDLESS


def _row(pieces: list[_Piece]) -> _Piece:
    """Pieces one after the other: the more their beginnings vary, the more is alive of each."""
    alone = width = spread = places = least = most = 0.0
    for one in pieces:
        if spread or one.varies:
            width += one.entered(spread)
        else:  # at one moment a text is nowhere else
            alone = max(alone, one.width)
        spread += one.most - one.least if one.varies else 0
        places += one.places
        least += one.least
        most += one.most
    is_word = all(one.is_word for one in pieces)
    return _Piece(places, max(width, alone), least, most, is_word=is_word)


def _trimmed(pieces: list[_Piece]) -> list[_Piece]:
    """Without what need not be looked at: a match is one as soon as it can end."""
    last = pieces[-1] if pieces else _EDGE
    if last.once is None:
        return pieces
    return [*pieces[:-1], last.once.repeated(last.times, last.times)]
