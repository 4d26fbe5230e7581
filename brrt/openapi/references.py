"""The `$ref` closure: which resource and which place a URI reference names.

`Closure` owns the resources of one document. It reads a file the first time something refers
to it, never beyond `base`, and never from a network. `resolve` knows JSON pointers, `$anchor`
and `$id` of JSON Schema 2020-12 and `$self` of OpenAPI 3.2. What is a reference and what only
looks like one is decided in `walk`, not here.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

from brrt.errors import Fault, SpecError
from brrt.openapi.json_values import escape_token, is_list, is_mapping, nearest, split_pointer
from brrt.openapi.names import Names, read_names
from brrt.openapi.sources import Resource, read_file

# The URI of a document that was given as text or as a mapping.
DOCUMENT_URI = "urn:brrt:document"

_BUNDLE = "or bundle the document into one file (npx @redocly/cli bundle)"


class Target(NamedTuple):
    """What a reference leads to: a value, and where it stands."""

    uri: str
    pointer: str
    value: Any


class Unresolvable(LookupError):
    """A reference leads nowhere. `cure` says what may have been meant."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


class Closure:
    """The resources of one document, read as they are referred to.

    `resources` and `faults` (of files that could not be parsed) grow with `resolve`. `folder`
    is where relative references of a text or mapping start, and what no reference leaves.
    """

    def __init__(self, main: Resource, folder: Path | None) -> None:
        self.main = main
        self.folder = folder
        self.resources: dict[str, Resource] = {main.uri: main}
        self.faults: list[Fault] = []
        self._boundary = os.path.realpath(folder) if folder is not None else None
        self._unreadable: dict[str, Unresolvable] = {}
        self._names: dict[str, Names] = {}
        self._sealed = False

    @property
    def files(self) -> set[Path]:
        """The files that were read, and those that were sought in vain."""
        paths = (_file_path(uri) for uri in (*self.resources, *self._unreadable))
        return {path for path in paths if path is not None}

    def seal(self) -> None:
        """Read no more files from here on."""
        self._sealed = True

    def resolve(self, reference: str, base: str) -> Target:
        """The place that a URI reference names, seen from the resource `base`.

        RFC 3986, section 5, for the resource; RFC 6901 or a `$anchor` for the fragment.
        Raises `Unresolvable`.
        """
        absolute, fragment = urldefrag(self._join(base, reference))
        target = self._resource(absolute, reference)
        name = unquote(fragment)
        if not name:
            return target
        if name.startswith("/"):
            return self._point(target, name)
        return self._anchor(target, absolute, name)

    def base(self, uri: str, pointer: str) -> str:
        """What references at this place are relative to: the nearest `$id`, or the resource."""
        return self.home(uri, pointer)[0]

    def home(self, uri: str, pointer: str) -> tuple[str, str]:
        """The nearest `$id` around a place and where it stands, or else the whole resource."""
        names = self._names_of(uri)
        if not names.identifiers:  # nearly always
            return uri, ""
        inside = [
            (len(place), identifier, place)
            for identifier, place in names.identifiers.items()
            if pointer == place or pointer.startswith(f"{place}/")
        ]
        return max(inside)[1:] if inside else (uri, "")

    def anchors(self, uri: str, base: str) -> dict[str, str]:
        """The anchors of one `$id`, or of a resource, each with its pointer."""
        anchors = self._names_of(uri).anchors
        return {name: place for (owner, name), place in anchors.items() if owner == base}

    def _join(self, base: str, reference: str) -> str:
        if base != DOCUMENT_URI or reference.startswith("#"):
            return base + reference if reference.startswith("#") else _joined(base, reference)
        if urlsplit(reference).scheme:
            return reference
        if self.folder is None:
            message = f"{reference!r} is relative, but the document was not read from a file"
            raise Unresolvable(message, "say where its files are: base=folder")
        return _joined(self.folder.as_uri() + "/", reference)

    def _resource(self, uri: str, reference: str) -> Target:
        """The whole resource of this URI, or the schema whose `$id` it is."""
        known = self.resources.get(uri)
        if known is not None:
            return Target(uri, "", known.value)
        for owner in list(self.resources):
            place = self._names_of(owner).identifiers.get(uri)
            if place is not None:
                return self._point(Target(owner, "", self.resources[owner].value), place)
        if uri not in self._unreadable:
            try:
                resource = self._read(uri, reference)
            except Unresolvable as error:
                self._unreadable[uri] = error
            else:
                self.resources[uri] = resource
                return Target(uri, "", resource.value)
        raise self._unreadable[uri]

    def _read(self, uri: str, reference: str) -> Resource:
        if self._sealed:
            raise Unresolvable(f"{reference!r} is not part of the document")
        path = self._path(uri, reference)
        name = os.path.relpath(path) if not self.main.name.startswith("/") else str(path)
        try:
            return read_file(path, uri, name)
        except SpecError as error:
            first = error.faults[0]
            if first.line is None and not path.is_file():
                message = f"{reference!r} cannot be read: {first.message}"
                raise Unresolvable(message, first.cure) from None
            self.faults.extend(error.faults)
            raise Unresolvable(f"{reference!r} cannot be parsed", f"mend {name}") from None

    def _path(self, uri: str, reference: str) -> Path:
        parts = urlsplit(uri)
        if parts.scheme in ("http", "https"):
            message = f"{reference!r} is on a network, and brrt never fetches a document"
            raise Unresolvable(message, f"download it beside the document, {_BUNDLE}")
        if parts.scheme != "file" or parts.netloc:
            message = f"{reference!r} names no file"
            raise Unresolvable(message, f"refer to a file by its relative path, {_BUNDLE}")
        path = Path(url2pathname(parts.path))
        if "\0" in str(path):
            raise Unresolvable(f"{reference!r} names no file", "remove the NUL character")
        real, boundary = os.path.realpath(path), self._boundary
        if boundary is None or os.path.commonpath([real, boundary]) != boundary:
            message = f"{reference!r} leaves the folder of the document, {self.folder}"
            raise Unresolvable(message, "name a folder that holds all files: base=folder")
        return path

    def _point(self, target: Target, pointer: str) -> Target:
        value, path = target.value, target.pointer
        for token in split_pointer(pointer):
            try:
                value = value[_index(token) if is_list(value) else token]
            except (LookupError, TypeError):
                raise self._dangling(target.uri, path, value, token) from None
            path = f"{path}/{escape_token(token)}"
        return Target(target.uri, path, value)

    def _dangling(self, uri: str, path: str, value: Any, token: str) -> Unresolvable:
        name = self.resources[uri].name
        message = f"there is no {token!r} at #{path} of {name}"
        if is_mapping(value) and value:
            return Unresolvable(message, f"there is {nearest(token, list(value))}")
        if is_list(value):
            return Unresolvable(message, f"there are {len(value)} elements, counted from 0")
        return Unresolvable(message, "write it there, or mend the reference")

    def _anchor(self, target: Target, base: str, name: str) -> Target:
        names = self._names_of(target.uri)
        place = names.anchors.get((base, name))
        if place is None:
            known = sorted(anchor for _, anchor in names.anchors)
            message = f"#{name} is no JSON pointer (it has no slash) and there is no such $anchor"
            cure = f"there is {nearest(name, known)}" if known else f"perhaps #/{name} was meant"
            raise Unresolvable(message, cure)
        whole = Target(target.uri, "", self.resources[target.uri].value)
        return self._point(whole, place)

    def _names_of(self, uri: str) -> Names:
        names = self._names.get(uri)
        if names is None:
            names = self._names[uri] = read_names(self.resources[uri], uri)
        return names


def _joined(base: str, reference: str) -> str:
    """RFC 3986, section 5; the names of files are encoded in one way only."""
    absolute, fragment = urldefrag(urljoin(base, reference))
    path = _file_path(absolute)
    if path is not None and path.is_absolute():
        absolute = path.as_uri()
    return f"{absolute}#{fragment}" if fragment else absolute


def _index(step: str) -> int:
    """RFC 6901, section 4: digits without a leading zero."""
    if not step.isascii() or not step.isdecimal() or step[:-1].startswith("0"):
        raise IndexError(step)
    return int(step[:20])


def _file_path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc or "%00" in parts.path:
        return None
    return Path(url2pathname(parts.path))
