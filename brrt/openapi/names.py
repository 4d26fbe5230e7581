"""The names inside one resource, each with the place that it names.

They are `$id`, `$anchor` and `$dynamicAnchor` of JSON Schema, and `$self` of OpenAPI 3.2.
JSON Schema 2020-12 (core), section 8.2; older drafts as their `$schema` says. Nothing is resolved
here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urljoin

from brrt.openapi.json_values import escape_token, is_list, is_mapping
from brrt.openapi.sources import Resource

_ANCHORS = ("$anchor", "$dynamicAnchor")
# In `$schema`: the draft in which the name of a schema is `id`.
_DRAFT_4 = "json-schema.org/draft-04/"


@dataclass(slots=True)
class Names:
    """The names inside one resource, and the pointers to what they name.

    `anchors` are by the base URI that they stand under, `identifiers` by their absolute URI.
    """

    anchors: dict[tuple[str, str], str]
    identifiers: dict[str, str]


def read_names(resource: Resource, uri: str) -> Names:
    """All names in a resource, which has this URI itself."""
    names = Names({}, {})
    if _may_have_names(resource):
        for pointer, base, value in _named(resource.value, uri):
            _collect(names, pointer, base, value)
    return names


def _may_have_names(resource: Resource) -> bool:
    """Whether a scan for `$id`, `$anchor` and `$self` can find anything."""
    content = resource.content
    if not content:
        return True
    words = (b"$id", b"$anchor", b"$dynamicAnchor", b"$self", _DRAFT_4.encode())
    return any(word in content for word in words)


def _named(value: Any, uri: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every mapping with an `$id`, `$self`, `$anchor` or `$dynamicAnchor`, and its base URI."""
    waiting: list[tuple[str, str, Any, str]] = [("", uri, value, "")]
    seen: set[int] = set()
    while waiting:
        pointer, base, entry, draft = waiting.pop()
        if id(entry) in seen:
            continue
        if is_mapping(entry):
            seen.add(id(entry))
            draft = _draft(entry, draft)
            identifier = _identifier(entry, draft, is_root=not pointer)
            if identifier is not None and not identifier.startswith("#"):
                base = urldefrag(urljoin(base, identifier))[0]
            if identifier is not None or not entry.keys().isdisjoint(_ANCHORS):
                yield pointer, base, {**entry, "$id": identifier}
            children: Any = entry.items()
        elif is_list(entry):
            children = enumerate(entry)
        else:
            continue
        waiting.extend(
            (f"{pointer}/{escape_token(key)}", base, inner, draft) for key, inner in children
        )


def _draft(entry: dict[str, Any], outer: str) -> str:
    """The `$schema` that counts, if it is one of those in which nothing beside `$ref` does."""
    declared = entry.get("$schema")
    if not isinstance(declared, str):
        return outer
    return declared if declared.startswith("http://json-schema.org/draft-0") else ""


def _identifier(entry: dict[str, Any], draft: str, *, is_root: bool) -> str | None:
    """What a schema says that it is called; `$self` is for whole documents of OpenAPI 3.2."""
    if draft and "$ref" in entry:
        return None
    name = "id" if _DRAFT_4 in draft else "$id"
    identifier = entry.get(name, entry.get("$self") if is_root else None)
    return identifier if isinstance(identifier, str) else None


def _collect(names: Names, pointer: str, base: str, value: dict[str, Any]) -> None:
    """Up to draft 7 an identifier that is nothing but a fragment was an anchor."""
    identifier = value["$id"]
    if identifier is not None and not identifier.startswith("#"):
        names.identifiers.setdefault(base, pointer)
    elif identifier:
        names.anchors.setdefault((base, identifier[1:]), pointer)
    for keyword in _ANCHORS:
        anchor = value.get(keyword)
        if isinstance(anchor, str):
            names.anchors.setdefault((base, anchor), pointer)
