"""YAML to values, through the events of libyaml, and back to lines and columns.

The scalars follow YAML 1.2 with JSON's own numbers, as OpenAPI asks (3.1.1, section 4.2:
"tags MUST be limited to those allowed by YAML's JSON schema ruleset"): only true and false are
booleans (`NO` is Norway), dates stay text, and so do `0o17`, `007`, `1_000` and `12:30:45`.
Keys become strings as they are written (`200:`). Events are flat, so nesting costs no recursion;
depth and size are bounded, size as if every alias were written out.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import yaml

from brrt.errors import Fault
from brrt.openapi.json_values import (
    DEPTH_CURE,
    DEPTH_MESSAGE,
    MAX_DEPTH,
    MAX_NODES,
    SIZE_CURE,
    is_list,
    is_mapping,
)

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {word: word[0] in "tT" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
# Python refuses to read integers of more than 4,300 digits; nobody needs a tenth of that.
_MAX_DIGITS = 400
_TAG = "tag:yaml.org,2002:"
_TAGGED: dict[str, Any] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "null": type(None),
}
_ABSENT: Any = object()
_MERGE = "<<"


class YamlError(ValueError):
    """The text is no YAML that brrt reads; `line` and `column` count from 1."""

    def __init__(self, message: str, cure: str, mark: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure
        self.line: int | None = mark.line + 1 if mark is not None else None
        self.column: int | None = mark.column + 1 if mark is not None else None

    def fault(self, file: str) -> Fault:
        """The same as a fault in `file`."""
        return Fault(self.message, self.cure, file, "", self.line, self.column)


def parse_yaml(text: str) -> tuple[Any, list[YamlError]]:
    """The value of a YAML text, and its duplicate keys (the later one counts).

    Raises `YamlError` for broken, empty, too deep or too large text, for several documents in
    one stream, for unknown tags, and for aliases that contain themselves.
    """
    builder = _Builder()
    for event in _events(text):
        builder.take(event)
    return builder.value, builder.duplicates


def _events(text: str) -> Iterator[Any]:
    documents = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    cure = "keep one document in a file"
                    raise YamlError("a second document begins here", cure, event.start_mark)
            yield event
    except yaml.MarkedYAMLError as error:
        raise _broken(error) from None
    except yaml.YAMLError as error:  # characters that YAML does not allow
        words = str(error).splitlines()[0]
        raise YamlError(f"this is not YAML: {words}", "remove the character") from None
    except UnicodeEncodeError:
        raise YamlError("the text holds half a surrogate pair", "save it as UTF-8") from None
    if not documents:
        raise YamlError("the document is empty", "it needs at least openapi, info and paths")


def _broken(error: yaml.MarkedYAMLError) -> YamlError:
    problem = error.problem or error.context or "unreadable"
    context = f" {error.context}" if error.context and error.problem else ""
    cure = "mend the YAML there"
    mark: Any = error.problem_mark or error.context_mark
    if "cannot start any token" in problem:
        cure = "indent with spaces, not tabs, and quote text that begins with @, ` or %"
    elif "maximum nesting depth" in problem:
        return YamlError(DEPTH_MESSAGE, DEPTH_CURE, mark)
    elif "mapping values are not allowed" in problem:
        cure = "quote text that contains a colon and a space, and check the indentation"
    return YamlError(f"this is not YAML: {problem}{context}", cure, mark)


class _Frame:
    """A container that is still open."""

    __slots__ = ("anchor", "key", "lines", "mark", "merges", "size", "value")

    def __init__(self, value: Any, anchor: str | None, mark: Any) -> None:
        self.value = value
        self.anchor = anchor
        self.mark = mark
        self.size = 1
        self.key: Any = _ABSENT  # None stands for a merge key
        self.lines: dict[str, int] = {}
        self.merges: list[Any] = []


class _Builder:
    """Builds values from events; one open container is one frame."""

    def __init__(self) -> None:
        self.value: Any = None
        self.duplicates: list[YamlError] = []
        self._open: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}

    def take(self, event: Any) -> None:
        """Account for one event; those that open and close the stream say nothing."""
        act = self._ACTS.get(event.__class__)
        if act is not None:
            act(self, event)

    def _scalar(self, event: Any) -> None:
        frame = self._open[-1] if self._open else None
        if frame is not None and type(frame.value) is dict and frame.key is _ABSENT:
            self._begin_pair(frame, event)
            return
        value = _scalar_value(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._add(value, 1, event)

    def _begin_pair(self, frame: _Frame, event: Any) -> None:
        """Note a key, as it is written."""
        key = event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = (key, 1)
        if key == _MERGE and event.implicit[0]:
            frame.key = None
            return
        self._set_key(frame, key, event)

    def _set_key(self, frame: _Frame, key: str, event: Any) -> None:
        """Make a key wait for its value; a repeated one is a fault."""
        line = event.start_mark.line + 1
        first = frame.lines.setdefault(key, line)
        if first != line or key in frame.value:
            message = f"the key {key!r} stands here again; it stood in line {first} before"
            self.duplicates.append(YamlError(message, "keep one of the two", event.start_mark))
        frame.key = key

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None:
            inside = any(frame.anchor == event.anchor for frame in self._open)
            problem = "contains itself" if inside else "has no anchor before it"
            cure = "use $ref for what contains itself" if inside else f"write &{event.anchor} first"
            raise YamlError(f"the alias *{event.anchor} {problem}", cure, event.start_mark)
        frame = self._open[-1] if self._open else None
        if frame is not None and type(frame.value) is dict and frame.key is _ABSENT:
            if not isinstance(known[0], str):
                raise _bad_key(event)
            self._set_key(frame, known[0], event)
            return
        self._add(known[0], known[1], event)

    def _begin(self, event: Any) -> None:
        if self._open:
            frame = self._open[-1]
            if type(frame.value) is dict and frame.key is _ABSENT:
                raise _bad_key(event)
        if len(self._open) >= MAX_DEPTH:
            raise YamlError(DEPTH_MESSAGE, DEPTH_CURE, event.start_mark)
        mapping = type(event) is yaml.MappingStartEvent
        _check_tag(event, "map" if mapping else "seq")
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        value: Any = {} if mapping else []
        self._open.append(_Frame(value, event.anchor, event.start_mark))

    def _end(self, event: Any) -> None:
        frame = self._open.pop()
        for source in frame.merges:
            for key, value in source.items():
                frame.value.setdefault(key, value)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.value, frame.size)
        self._add(frame.value, frame.size, event)

    def _add(self, value: Any, size: int, event: Any) -> None:
        """Put a finished value where it belongs: document, list, or under the waiting key."""
        if not self._open:
            self.value = value
            return
        frame = self._open[-1]
        frame.size += size
        if frame.size > MAX_NODES:
            message = "the document is too large, aliases written out"
            raise YamlError(message, SIZE_CURE, event.start_mark)
        if is_list(frame.value):
            frame.value.append(value)
            return
        key, frame.key = frame.key, _ABSENT
        if key is None:
            frame.merges.extend(_merged(value, event))
        else:
            frame.value[key] = value

    # Of the class and not of each builder, which would be bound to itself by its methods.
    _ACTS: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {
        yaml.ScalarEvent: _scalar,
        yaml.AliasEvent: _alias,
        yaml.MappingStartEvent: _begin,
        yaml.SequenceStartEvent: _begin,
        yaml.MappingEndEvent: _end,
        yaml.SequenceEndEvent: _end,
    }


def _merged(value: Any, event: Any) -> list[dict[str, Any]]:
    """What `<<` brings in: one mapping or a list of them, the earlier winning."""
    sources: list[Any] = value if is_list(value) else [value]
    mappings = [source for source in sources if is_mapping(source)]
    if len(mappings) < len(sources):
        cure = "give << an alias of a mapping, or a list of such"
        raise YamlError("<< takes mappings only", cure, event.start_mark)
    return mappings


def _bad_key(event: Any) -> YamlError:
    return YamlError("a key must be a plain text", "write it as text, in quotes", event.start_mark)


def _check_tag(event: Any, plain: str) -> None:
    if event.tag is not None and event.tag not in ("!", _TAG + plain):
        cure = "remove the tag: OpenAPI documents hold JSON values only"
        raise YamlError(f"the tag {event.tag!r} is unknown", cure, event.start_mark)


def _scalar_value(event: Any) -> Any:
    """A scalar's value by its tag, or by its form where it is plain and untagged."""
    text, tag = event.value, event.tag
    if tag is None or tag == "!":
        return _resolve(text) if event.implicit[0] else text
    kind = tag.removeprefix(_TAG)
    if kind in ("str", "timestamp"):
        return text
    value = _resolve(text)
    if kind not in _TAGGED:
        _check_tag(event, "str")
    if isinstance(value, _TAGGED[kind]) and not (kind == "int" and isinstance(value, bool)):
        return float(value or 0) if kind == "float" else value
    cure = "remove the tag, or mend the value"
    raise YamlError(f"{text!r} does not fit its tag {tag!r}", cure, event.start_mark)


def _resolve(text: str) -> Any:
    first = text[:1]
    if first and (first in "0123456789+-." and len(text) < _MAX_DIGITS):
        if _INTEGER.match(text):
            return int(text)
        if _FLOAT.match(text):
            value = float(text)
            return value if abs(value) != float("inf") else text
        return text
    if text in _NULL:
        return None
    return _BOOLEAN.get(text, text)


class YamlPlaces:
    """Finds pointers in YAML text: one pass over the events notes all places."""

    def __init__(self, text: str) -> None:
        self._places: dict[tuple[str, ...], tuple[int, int]] = {}
        self._path: list[str] = []
        self._counts: list[int] = []
        for event in _events(text):
            self._note(event)

    def find(self, tokens: Sequence[str]) -> tuple[int, int] | None:
        """Line and column of the value, or of the nearest ancestor in the text."""
        path = tuple(tokens)
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path)

    def _note(self, event: Any) -> None:
        """`counts` has, for each open container, the next index, or -1 (key) or -2 (value)."""
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._counts.pop()
            self._leave()
            return
        if not isinstance(event, yaml.NodeEvent):
            return
        mark: Any = event.start_mark
        if self._counts and self._counts[-1] == -1:
            word: Any = getattr(event, "value", "")
            self._path.append(word)
            self._places[tuple(self._path)] = (mark.line + 1, mark.column + 1)
            self._counts[-1] = -2
            return
        if self._counts and self._counts[-1] >= 0:
            self._path.append(str(self._counts[-1]))
            self._counts[-1] += 1
        self._places.setdefault(tuple(self._path), (mark.line + 1, mark.column + 1))
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._counts.append(-1 if isinstance(event, yaml.MappingStartEvent) else 0)
        else:
            self._leave()

    def _leave(self) -> None:
        """A value is complete: its token goes, and a mapping waits for its next key."""
        if self._counts:
            self._path.pop()
            if self._counts[-1] == -2:
                self._counts[-1] = -1
