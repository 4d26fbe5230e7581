r"""Patterns of ECMA-262 in the words of the engine, where the two differ.

JSON Schema 2020-12 (core), section 6.4: patterns are those of ECMA-262 with the `u` flag. The
engine reads most of them as they are; what it would refuse or take for something else is put
differently here: `.`, `[^]`, `[]`, `[\b]`, `\0`, pairs of surrogates, names of groups that are
referred to, and the operators of sets that only Rust knows. A pattern that has no such thing is
returned as it is. Nothing is judged here: a wrong pattern stays wrong.
"""

import re

_DOT = r"[^\n\r\u2028\u2029]"
_TOKEN = re.compile(
    r"""
    (?P<pair> \\u[dD][89abAB][0-9a-fA-F]{2} \\u[dD][c-fC-F][0-9a-fA-F]{2} )
    | (?P<null> \\0 (?!\d) )
    | (?P<name> \\k<(?P<called> \w+ )> )
    | (?P<escape> \\ . )
    | (?P<any> \[\^\] )
    | (?P<none> \[\] )
    | (?P<open> \[ )
    | (?P<close> \] )
    | (?P<group> \( (?: \?<(?P<given> [^\W\d]\w* )> | (?!\?) ) )
    | (?P<set> && | -- | ~~ )
    | (?P<dot> \. )
    """,
    re.VERBOSE | re.DOTALL,
)


def to_engine(pattern: str) -> str:
    """A pattern that means to the engine what this one means to ECMA-262."""
    return _Rewriter(pattern).text


class _Rewriter:
    def __init__(self, pattern: str) -> None:
        self._is_in_class = False
        self._numbers: dict[str, int] = {}
        self._count_groups(pattern)
        self.text = _TOKEN.sub(self._replace, pattern)

    def _count_groups(self, pattern: str) -> None:
        """Groups have numbers by the order of their opening brackets."""
        number = 0
        for found in _TOKEN.finditer(pattern):
            self._step(found)
            if found["group"] and not self._is_in_class:
                number += 1
                if found["given"]:
                    self._numbers[found["given"]] = number
        self._is_in_class = False

    def _step(self, found: re.Match[str]) -> None:
        if found["open"]:
            self._is_in_class = True
        elif found["close"] or found["any"] or found["none"]:
            self._is_in_class = False

    def _replace(self, found: re.Match[str]) -> str:
        inside = self._is_in_class
        self._step(found)
        if found["pair"]:
            return _astral(found["pair"])
        if found["null"]:
            return r"\x00"
        return self._in_class(found) if inside else self._outside(found)

    def _in_class(self, found: re.Match[str]) -> str:
        if found["escape"] == r"\b":
            return r"\x08"
        if found[0].startswith("["):
            return f"\\{found[0]}"
        if found["set"]:
            return "".join(f"\\{one}" for one in found[0])
        return found[0]

    def _outside(self, found: re.Match[str]) -> str:
        if found["dot"]:
            return _DOT
        if found["any"]:
            return r"[\s\S]"
        if found["none"]:
            return r"[^\s\S]"
        number = self._numbers.get(found["called"] or "")
        return f"(?:\\{number})" if number else found[0]


def _astral(pair: str) -> str:
    """Two escapes of surrogates as the one character that they are."""
    high, low = int(pair[2:6], 16), int(pair[8:12], 16)
    return f"\\u{{{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):x}}}"
