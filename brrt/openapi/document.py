"""The document: read, its `$ref` closure collected, checked, and then never changed.

`load` is the only way in. A `Document` is values and their places; what they mean is the
subject of `operations` and later files. Nothing here is asynchronous or fetches anything.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from brrt.errors import Fault, SpecError
from brrt.openapi.json_values import (
    NotJsonError,
    detach,
    elements,
    escape_token,
    is_list,
    is_mapping,
    mapping,
)
from brrt.openapi.judgement import document_version, judge
from brrt.openapi.references import DOCUMENT_URI, Closure
from brrt.openapi.sources import Resource, read, read_file

Source = str | os.PathLike[str] | Mapping[str, Any]
# What tells a place from all others of a document: URI and pointer.
Key = tuple[str, str]

_NAMELESS = "<document>"


@dataclass(frozen=True, slots=True)
class Node:
    """A place in a document: the value there, and where it stands.

    `uri` is of the resource (file); `pointer` is a JSON Pointer (RFC 6901) without percent
    encoding, `""` for the root. Two nodes are equal when they stand at the same place.
    """

    document: "Document" = field(repr=False, compare=False)
    uri: str
    pointer: str
    value: Any = field(repr=False, compare=False)

    def __getitem__(self, key: str | int) -> "Node":
        """The child. Raises `KeyError` or `IndexError` when there is none."""
        if is_list(self.value) and isinstance(key, int):
            return self._child(key, self.value[key])
        return self._child(key, mapping(self.value)[str(key)])

    def get(self, key: str) -> "Node | None":
        """The child, or None when there is none or the value is no mapping."""
        if not is_mapping(self.value) or key not in self.value:
            return None
        return self._child(key, self.value[key])

    def __contains__(self, key: object) -> bool:
        return is_mapping(self.value) and key in self.value

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """Name and node of each child of a mapping, in document order; else nothing."""
        for key, value in mapping(self.value).items():
            yield key, self._child(key, value)

    def elements(self) -> Iterator["Node"]:
        """The elements of a list; of anything else, nothing."""
        for index, value in enumerate(elements(self.value)):
            yield self._child(index, value)

    __iter__ = elements

    def follow(self) -> "Node":
        """The final target when the value is a reference, else this node.

        Chains are followed; siblings of `$ref` are not looked at. `load` has already refused
        what leads nowhere, so this raises `LookupError` for nodes that no check visits only.
        """
        node = self
        seen: set[Key] = set()
        while isinstance(mapping(node.value).get("$ref"), str):
            if node.key in seen:
                raise LookupError(f"{self.fragment} refers to itself")
            seen.add(node.key)
            node = node.target()
        return node

    def target(self) -> "Node":
        """What the `$ref` here names: one step, since what stands beside the next may count too."""
        return self.document.resolve(self.value["$ref"], self.document.base(self))

    @property
    def key(self) -> Key:
        """What tells this place from all others."""
        return self.uri, self.pointer

    @property
    def fragment(self) -> str:
        """The pointer as it stands in messages: `#/paths/~1pets/get`."""
        return f"#{self.pointer}"

    def fault(self, message: str, cure: str = "") -> Fault:
        """A fault at this place, with file, line and column."""
        return self.document.fault(self, message, cure)

    def _child(self, key: str | int, value: Any) -> "Node":
        return Node(self.document, self.uri, f"{self.pointer}/{escape_token(key)}", value)


class Document:
    """A checked OpenAPI document with everything that its references reach.

    `uri` is of the main resource, `version` of the specification, such as `(3, 1)`; `resources`
    maps every URI of the closure to its content, which must not be changed; `files` are the
    paths on disk as they were named (symlinks not resolved), each with the SHA-256 of what was
    read there, for watching; `warnings` is what `strict=False` let pass; `digest` changes when
    any byte of any file does.
    """

    def __init__(
        self, closure: Closure, version: tuple[int, int], warnings: tuple[Fault, ...] = ()
    ) -> None:
        main = closure.main
        closure.seal()
        self._closure = closure
        self.uri = main.uri
        self.version = version
        self.warnings = warnings
        resources = {uri: resource.value for uri, resource in closure.resources.items()}
        self.resources: Mapping[str, Any] = MappingProxyType(resources)
        files = {one.file: one.content for one in closure.resources.values() if one.file}
        digests = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
        self.files: Mapping[Path, str] = MappingProxyType(digests)
        self.digest = _digest(closure)

    @property
    def root(self) -> Node:
        """The whole main resource. It is made anew each time: kept, it would keep the document."""
        return Node(self, self.uri, "", self.resources[self.uri])

    def resolve(self, reference: str, base: str) -> Node:
        """The node that a URI reference names, seen from the resource (or `$id`) `base`.

        Raises `LookupError` when it leads nowhere or out of the closure.
        """
        return Node(self, *self._closure.resolve(reference, base))

    def base(self, node: Node) -> str:
        """What references at this node are relative to: the nearest `$id`, or its resource."""
        return self._closure.base(node.uri, node.pointer)

    def home(self, node: Node) -> Node:
        """The schema resource around a node: the nearest schema with an `$id`, or its file."""
        pointer = self._closure.home(node.uri, node.pointer)[1]
        if not pointer:  # nearly always
            return Node(self, node.uri, "", self.resources[node.uri])
        return self._at(node.uri, pointer)

    def anchors(self, home: Node) -> Iterator[tuple[str, Node]]:
        """Name and node of each anchor in a schema resource, as `home` gives it."""
        base = self.base(home)
        for name, pointer in self._closure.anchors(home.uri, base).items():
            yield name, self._at(home.uri, pointer)

    def _at(self, uri: str, pointer: str) -> Node:
        return Node(self, *self._closure.resolve(f"{uri}#{quote(pointer)}", uri))

    def fault(self, node: Node, message: str, cure: str = "") -> Fault:
        """A fault at `node`, with file, line and column."""
        return self._closure.resources[node.uri].fault(message, cure, node.pointer)

    def __repr__(self) -> str:
        version = ".".join(map(str, self.version))
        return f"<Document {self.uri} OpenAPI {version}, {len(self.resources)} resources>"


def load(
    source: Source, *, base: str | os.PathLike[str] | None = None, strict: bool = True
) -> Document:
    """Read and check an OpenAPI document and everything it refers to.

    `source` is a path (a `PathLike`, or a text without line breaks that does not begin with
    `{`), the text of a document, or a mapping, which is copied. `base` is the folder where
    relative references of texts and mappings start, and which no reference may leave; by
    default the folder of the document. With `strict=False`, what does not prevent serving
    becomes `Document.warnings`.

    Raises `SpecError` with every fault, sorted by file and line.
    """
    main = _main(source)
    closure = Closure(main, _folder(main, base))
    version = document_version(main)
    faults, warnings = judge(closure, version, strict)
    if faults:
        raise SpecError(faults, closure.files)
    return Document(closure, version, warnings)


def _main(source: Source) -> Resource:
    if isinstance(source, Mapping):
        return _main_mapping(source)
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return read(source.encode(errors="surrogatepass"), DOCUMENT_URI, _NAMELESS)
    return _main_file(os.fspath(source))


def _main_mapping(source: Mapping[str, Any]) -> Resource:
    try:
        value = detach(source)
        content = msgspec.json.encode(value, order="sorted")
    except NotJsonError as error:
        fault = Fault(str(error), error.cure, _NAMELESS, f"#{error.pointer}")
        raise SpecError([fault]) from None
    except UnicodeEncodeError:
        message = "a text in the mapping holds half a surrogate pair"
        raise SpecError([Fault(message, "decode it as UTF-8", _NAMELESS)]) from None
    return Resource(DOCUMENT_URI, _NAMELESS, value, content)


def _main_file(name: str) -> Resource:
    if not name.strip():
        raise SpecError([Fault("the document is empty", "give a path, a text or a mapping")])
    if urlsplit(name).scheme in ("http", "https"):
        cure = "download it and give the path of the file"
        raise SpecError([Fault("brrt never fetches a document", cure, name)])
    path = Path(os.path.abspath(name))
    return read_file(path, path.as_uri(), name)


def _folder(main: Resource, base: str | os.PathLike[str] | None) -> Path | None:
    if base is not None:
        folder = Path(os.path.abspath(base))
        if not folder.is_dir():
            message = f"base={os.fspath(base)!r} is not a folder"
            raise SpecError([Fault(message, "give the folder that holds all files", main.name)])
        return folder
    return main.file.parent if main.file is not None else None


def _digest(closure: Closure) -> str:
    """SHA-256 over the bytes of all resources, main first."""
    total = hashlib.sha256()
    for resource in closure.resources.values():
        total.update(f"{len(resource.content)} ".encode())
        total.update(resource.content)
    return total.hexdigest()
