"""Files, texts and mappings to values, and from a pointer back to its line and column.

`read` turns the bytes of one file (or a text given by the user) into a `Resource`, whose value
is JSON only, whatever it was written in. Nothing here knows OpenAPI; `$ref` is an ordinary key.
No network, and no exception but `SpecError` leaves `read` and `read_file`. Places are sought
only when a fault needs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from brrt.errors import Fault, SpecError
from brrt.openapi.json_text import JsonError, JsonPlaces, parse_json
from brrt.openapi.json_values import nearest, split_pointer
from brrt.openapi.yaml_text import YamlError, YamlPlaces, parse_yaml

_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Places(Protocol):
    """Where values stand in a text."""

    def find(self, tokens: Sequence[str]) -> tuple[int, int] | None:
        """Line and column, from 1, of the value that these pointer tokens lead to."""
        ...


@dataclass(slots=True)
class Resource:
    """One file, text or mapping, parsed.

    `uri` names it absolutely; `name` is what a person calls it (the path as given); `content`
    holds its bytes; `syntax` is "json", "yaml" or, for a mapping, empty; `faults` are those that
    could be read over (duplicate keys).
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


def read_file(path: Path, uri: str, name: str) -> Resource:
    """Read and parse a file. Raises `SpecError` when it cannot be read or parsed."""
    try:
        if not path.is_file():
            raise SpecError([_missing(path, name)])
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        cure = "check the name and the permissions of the file"
        raise SpecError([Fault(f"the file cannot be read: {reason}", cure, name)]) from None
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
        return Fault("there is no such file", f"there is no folder {folder} either", name)
    guess = nearest(path.name, [entry.name for entry in folder.iterdir() if entry.is_file()])
    cure = f"{folder} holds {guess}" if guess else f"{folder} holds no files"
    return Fault("there is no such file", cure, name)


def read(content: bytes, uri: str, name: str) -> Resource:
    """Parse YAML or JSON. Raises `SpecError` for text that is neither, or is too deep.

    A name that ends in .json means JSON; text that begins with a bracket may be either.
    """
    try:
        text = decode(content)
    except UnicodeError as error:
        raise SpecError([_undecodable(content, error, name)]) from None
    start = text.lstrip()
    if not start:
        cure = "it needs at least openapi, info and paths"
        raise SpecError([Fault("the document is empty", cure, name)])
    try:
        return _parse(text, content, uri, name, start)
    except (JsonError, YamlError) as error:
        raise SpecError([error.fault(name)]) from None


def _parse(text: str, content: bytes, uri: str, name: str, start: str) -> Resource:
    if name.lower().endswith(".json"):
        return Resource(uri, name, parse_json(text), content, "json")
    json_error = None
    if start[0] in "{[":
        try:
            return Resource(uri, name, parse_json(text), content, "json")
        except JsonError as error:
            json_error = error
    try:
        value, repeated = parse_yaml(text)
    except YamlError:
        if json_error is not None and start[1:].lstrip()[:1] == '"':
            raise json_error from None
        raise
    faults = tuple(error.fault(name) for error in repeated)
    return Resource(uri, name, value, content, "yaml", faults=faults)


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
