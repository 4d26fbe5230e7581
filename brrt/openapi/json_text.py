"""JSON text to values, and back to lines and columns.

msgspec reads; the standard library only finds places, because it can skip a value at C speed.
Offsets of children are remembered, so many faults in a large document cost little.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Sequence
from json import decoder
from typing import Any

import msgspec

from brrt.errors import Fault
from brrt.openapi.json_values import DEPTH_CURE, DEPTH_MESSAGE, is_too_deep

_BREAK = re.compile(r"\n")
_BLANK = re.compile(r"[ \t\n\r]*")
_BYTE = re.compile(r" ?\(byte (\d+)\)")
_decode_one = json.JSONDecoder().raw_decode
_read_string: Any = vars(decoder)["scanstring"]  # the C function; typeshed does not list it


class JsonError(ValueError):
    """The text is no JSON that brrt reads; `line` and `column` count from 1."""

    def __init__(self, message: str, cure: str, line: int | None, column: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure
        self.line = line
        self.column = column

    def fault(self, file: str) -> Fault:
        """The same as a fault in `file`."""
        return Fault(self.message, self.cure, file, "", self.line, self.column)


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises `JsonError` for broken or too deep text."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _broken(text, str(error)) from None
    except RecursionError:
        raise JsonError(DEPTH_MESSAGE, DEPTH_CURE, None, None) from None
    if is_too_deep(value):
        raise JsonError(DEPTH_MESSAGE, DEPTH_CURE, None, None)
    return value


def _broken(text: str, message: str) -> JsonError:
    """What msgspec says; it counts bytes, and sometimes only the standard library knows."""
    line = column = None
    found = _BYTE.search(message)
    if found is not None:
        before = text.encode(errors="replace")[: int(found[1])].decode(errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = _BYTE.sub("", message)
    else:
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            message, line, column = error.msg, error.lineno, error.colno
        except (ValueError, RecursionError):
            pass
    words = message.removeprefix("JSON is malformed: ")
    cure = "mend the JSON there; a YAML document needs a name that ends in .yaml"
    return JsonError(f"this is not JSON: {words}", cure, line, column)


class JsonPlaces:
    """Finds pointers in JSON text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._children: dict[int, dict[str, tuple[int, int]]] = {}
        self._breaks = [found.start() for found in _BREAK.finditer(text)]

    def find(self, tokens: Sequence[str]) -> tuple[int, int] | None:
        """Line and column of the key (or list element) that the tokens lead to.

        Where the text does not go that far, of the nearest ancestor.
        """
        offset = place = _skip(self._text, 0)
        for token in tokens:
            child = self._scan(offset).get(token)
            if child is None:
                break
            place, offset = child
        line = bisect_left(self._breaks, place)
        return line + 1, place - (self._breaks[line - 1] if line else -1)

    def _scan(self, offset: int) -> dict[str, tuple[int, int]]:
        """Children of the container at `offset`: name -> offsets of its key and of its value."""
        found = self._children.get(offset)
        if found is None:
            opening = self._text[offset : offset + 1]
            try:
                found = self._members(offset) if opening == "{" else {}
                found = self._elements(offset) if opening == "[" else found
            except (ValueError, RecursionError):  # a text that only msgspec reads
                found = {}
            self._children[offset] = found
        return found

    def _members(self, offset: int) -> dict[str, tuple[int, int]]:
        text, found = self._text, dict[str, tuple[int, int]]()
        place = _skip(text, offset + 1)
        while text[place] == '"':
            key, after = _read_string(text, place + 1, True)
            start = _skip(text, _skip(text, after) + 1)
            found[key] = (place, start)
            place = _next(text, start)
        return found

    def _elements(self, offset: int) -> dict[str, tuple[int, int]]:
        text, found = self._text, dict[str, tuple[int, int]]()
        place = _skip(text, offset + 1)
        while text[place] != "]":
            found[str(len(found))] = (place, place)
            place = _next(text, place)
        return found


def _next(text: str, offset: int) -> int:
    """Where the next member begins, or the closing bracket stands."""
    place = _skip(text, _decode_one(text, offset)[1])
    return _skip(text, place + 1) if text[place] == "," else place


def _skip(text: str, offset: int) -> int:
    found = _BLANK.match(text, offset)
    return found.end() if found else offset
