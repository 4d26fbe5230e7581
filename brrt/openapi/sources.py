"""Text to values, and the way back: where in the text a JSON pointer stands.

`read` turns the bytes of one file (or a text given by the user) into a `Resource`. Everything
that comes out holds JSON only: dicts with string keys, lists, strings, numbers, booleans, None.
Nothing here knows OpenAPI; `$ref` is an ordinary key. No network, and no exception but
`SpecError` leaves `read`, `read_file` and `detach`. Places are sought only when a fault needs
them. YAML has its own file, `yaml_text`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from json.decoder import scanstring
from pathlib import Path
from typing import Any, Protocol

import msgspec

from brrt.errors import Fault, SpecError
from brrt.openapi.yaml_text import MAX_DEPTH, MAX_NODES, YamlError, YamlPlaces, parse_yaml

_DEPTH_CURE = f"brrt reads at most {MAX_DEPTH} levels; move inner parts to components"
_NODES_CURE = f"brrt reads at most {MAX_NODES:,} values; look for anchors that repeat each other"
_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_BLANK = re.compile(r"[ \t\n\r]*")
_BYTE = re.compile(r" ?\((?:byte|char) (\d+)\)")
_decode_one = json.JSONDecoder().raw_decode


class Places(Protocol):
    """Where values stand in a text."""

    def find(self, tokens: Sequence[str]) -> tuple[int, int] | None:
        """Line and column, from 1, of the value that these pointer tokens lead to."""
        ...


@dataclass(slots=True)
class Resource:
    """One file, text or mapping, parsed.

    `uri` names it absolutely; `name` is what a person calls it (the path as given); `content`
    holds its bytes; `faults` is what could be read all the same (duplicate keys).
    """

    uri: str
    name: str
    value: Any
    content: bytes = b""
    syntax: str = ""
    file: Path | None = None
    faults: tuple[Fault, ...] = ()
    _places: Places | None = field(default=None, repr=False)

    def locate(self, pointer: str) -> tuple[int, int] | None:
        """Line and column of `pointer`, or of its nearest ancestor that stands in the text."""
        if not self.syntax:
            return None
        if self._places is None:
            text = decode(self.content)
            self._places = JsonPlaces(text) if self.syntax == "json" else YamlPlaces(text)
        return self._places.find(split_pointer(pointer))

    def fault(self, message: str, cure: str = "", pointer: str = "") -> Fault:
        """A fault at `pointer` of this resource, with its line and column."""
        line, column = self.locate(pointer) or (None, None)
        return Fault(message, cure, self.name, f"#{pointer}", line, column)


def split_pointer(pointer: str) -> list[str]:
    """The tokens of a JSON pointer, unescaped (RFC 6901, section 4)."""
    tokens = pointer.split("/")[1:]
    if "~" not in pointer:
        return tokens
    return [token.replace("~1", "/").replace("~0", "~") for token in tokens]


def escape_token(token: str | int) -> str:
    """One token of a JSON pointer, escaped (RFC 6901, section 3)."""
    return str(token).replace("~", "~0").replace("/", "~1")


def nearest(word: str, candidates: Sequence[str]) -> str:
    """A clause that names what `word` may have been meant to be, or an empty text."""
    known = sorted(candidates)
    close = get_close_matches(word, known, n=3, cutoff=0.6) or known[:5]
    return ", ".join(repr(name) for name in close)


def read_file(path: Path, uri: str, name: str) -> Resource:
    """Read and parse a file. Raises `SpecError` when it cannot be read or parsed."""
    try:
        if not path.is_file():
            raise SpecError([_missing(path, name)])
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SpecError([Fault(f"the file cannot be read: {reason}", file=name)]) from None
    resource = read(content, uri, name)
    resource.file = path
    return resource


def _missing(path: Path, name: str) -> Fault:
    if path.is_dir():
        return Fault("this is a folder, not a document", "name the file inside it", name)
    if path.exists():
        return Fault("this is not a regular file", "save the document to a file", name)
    folder = path.parent
    if not folder.is_dir():
        return Fault("there is no such file", f"nor is there a folder {folder}", name)
    present = [entry.name for entry in folder.iterdir() if entry.is_file()]
    guess = nearest(path.name, present)
    cure = f"{folder} holds {guess}" if guess else f"{folder} holds no files"
    return Fault("there is no such file", cure, name)


def read(content: bytes, uri: str, name: str) -> Resource:
    """Parse YAML or JSON. Raises `SpecError` for text that is neither, or is too deep."""
    try:
        text = decode(content)
    except UnicodeError as error:
        raise SpecError([_undecodable(content, error, name)]) from None
    start = text.lstrip()
    if not start:
        raise SpecError([Fault("the document is empty", "it needs at least openapi, info", name)])
    if name.lower().endswith(".json"):
        return _read_json(text, content, uri, name)
    if start[0] not in "{[":
        return _read_yaml(text, content, uri, name)
    try:
        return _read_json(text, content, uri, name)
    except SpecError as json_error:
        try:
            return _read_yaml(text, content, uri, name)
        except SpecError as yaml_error:
            raise (json_error if start[1:].lstrip()[:1] == '"' else yaml_error) from None


def decode(content: bytes) -> str:
    """Bytes to text: UTF-8, or what a byte order mark announces (YAML 1.2, section 5.2)."""
    for mark, encoding in _ENCODINGS:
        if content.startswith(mark):
            return content.decode(encoding)
    return content.decode("utf-8")


def _undecodable(content: bytes, error: UnicodeError, name: str) -> Fault:
    start = error.start if isinstance(error, UnicodeDecodeError) else 0
    line = content.count(b"\n", 0, start) + 1
    cure = "save the file as UTF-8"
    return Fault(f"the text is not UTF-8 (byte {start})", cure, name, line=line, column=1)


def _read_yaml(text: str, content: bytes, uri: str, name: str) -> Resource:
    try:
        value, faults = parse_yaml(text)
    except YamlError as error:
        raise SpecError([error.fault(name)]) from None
    resource = Resource(uri, name, value, content, "yaml")
    resource.faults = tuple(fault.fault(name) for fault in faults)
    return resource


def _read_json(text: str, content: bytes, uri: str, name: str) -> Resource:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise SpecError([_broken_json(text, str(error), name)]) from None
    except RecursionError:
        raise SpecError([Fault("the document is nested too deeply", _DEPTH_CURE, name)]) from None
    if _too_deep(value):
        raise SpecError([Fault("the document is nested too deeply", _DEPTH_CURE, name)])
    return Resource(uri, name, value, content, "json")


def _broken_json(text: str, message: str, name: str) -> Fault:
    """What msgspec says, in words; it counts bytes, and the standard library finds some places."""
    line = column = None
    found = _BYTE.search(message)
    if found is not None:
        before = text.encode()[: int(found[1])].decode(errors="replace")
        line, column = _line_and_column(before, len(before))
        message = _BYTE.sub("", message)
    else:
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            message, line, column = error.msg, error.lineno, error.colno
        except RecursionError:
            message = "it is nested too deeply"
    words = message.removeprefix("JSON is malformed: ")
    cure = "mend the JSON there; a YAML document needs a name that ends in .yaml"
    return Fault(f"this is not JSON: {words}", cure, name, line=line, column=column)


def _too_deep(value: Any) -> bool:
    """Whether containers are nested beyond MAX_DEPTH: one level after the other."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for entry in level:
            kind = type(entry)
            if kind is dict:
                inner.extend(entry.values())
            elif kind is list:
                inner.extend(entry)
        if not inner:
            return False
        level = inner
    return True


def detach(value: Any, name: str) -> Any:
    """A deep copy of a mapping given by the user, as JSON. Raises `SpecError`.

    Keys become strings, tuples lists, dates text in ISO 8601 form; anything else that JSON does
    not have is refused, as are cycles and nesting beyond MAX_DEPTH.
    """
    budget = [MAX_NODES]
    try:
        return _detached(value, 0, budget)
    except _Unfit as error:
        cure = error.cure
        raise SpecError([Fault(str(error), cure, name, f"#{error.pointer}")]) from None


class _Unfit(Exception):
    """A value that is no JSON; `pointer` grows while the exception rises."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure
        self.pointer = ""


def _detached(value: Any, depth: int, budget: list[int]) -> Any:
    if value is None or isinstance(value, (str, bool, int, float)):
        return _plain(value)
    budget[0] -= 1
    if depth > MAX_DEPTH:
        raise _Unfit("the document is nested too deeply, or contains itself", _DEPTH_CURE)
    if budget[0] < 0:
        raise _Unfit("the document is too large", _NODES_CURE)
    if isinstance(value, Mapping):
        return {_key(key): _child(key, item, depth, budget) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_child(key, item, depth, budget) for key, item in enumerate(value)]
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    kind = type(value).__name__
    raise _Unfit(f"a value of type {kind} is not JSON", "use strings, numbers, lists and dicts")


def _plain(value: Any) -> Any:
    """A scalar as JSON: members of enumerations and the like lose their class."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise _Unfit(f"{value!r} is not a JSON number", "give a finite number")
        return float(value)
    if isinstance(value, int):
        return int(value)
    return str.__str__(value)


def _key(key: Any) -> str:
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    return str.__str__(key) if isinstance(key, str) else str(key)


def _child(key: Any, value: Any, depth: int, budget: list[int]) -> Any:
    try:
        return _detached(value, depth + 1, budget)
    except _Unfit as error:
        error.pointer = f"/{escape_token(_key(key))}{error.pointer}"
        raise


class JsonPlaces:
    """Finds pointers in JSON text. Values are skipped at C speed; offsets are remembered."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._children: dict[int, dict[str, tuple[int, int]]] = {}

    def find(self, tokens: Sequence[str]) -> tuple[int, int] | None:
        """Line and column of the key (or of the list element) that the tokens lead to."""
        offset = place = _skip(self._text, 0)
        for token in tokens:
            child = self._scan(offset).get(token)
            if child is None:
                break
            place, offset = child
        return _line_and_column(self._text, place)

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
            key, after = scanstring(text, place + 1, True)
            start = _skip(text, _skip(text, after) + 1)
            found[key] = (place, start)
            place = _skip(text, _decode_one(text, start)[1])
            if text[place] == ",":
                place = _skip(text, place + 1)
        return found

    def _elements(self, offset: int) -> dict[str, tuple[int, int]]:
        text, found = self._text, dict[str, tuple[int, int]]()
        place = _skip(text, offset + 1)
        while text[place] != "]":
            found[str(len(found))] = (place, place)
            place = _skip(text, _decode_one(text, place)[1])
            if text[place] == ",":
                place = _skip(text, place + 1)
        return found


def _skip(text: str, offset: int) -> int:
    found = _BLANK.match(text, offset)
    return found.end() if found else offset


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
