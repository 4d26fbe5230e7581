"""What the body of an operation asks of a handler's hints, by the media types it may have.

JSON and forms give what their schema says, streams a list of it, `text/*` a str, and everything
else bytes. Of a range (`*/*`) nothing is asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from brrt.openapi import content
from brrt.openapi.alternatives import Joint, alternatives
from brrt.openapi.composites import array_of
from brrt.openapi.converters import converter
from brrt.openapi.hint_checks import Problem, check_hint
from brrt.openapi.hints import LISTS, Convert, choices, item_of, json_types, name_of, unwrap
from brrt.openapi.models import class_of
from brrt.openapi.operations import Body, MediaType
from brrt.openapi.streams import body_schemas, is_stream

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a form: each schema that it may have, and whether that comes as files.

    `is_certain` says that every request has the member, or gets it by its default.
    """

    schemas: tuple[tuple[Joint, bool], ...]
    is_certain: bool


def form_members(body: Body | None) -> Mapping[str, Member]:
    """The members of a body that can only be a form; else none."""
    if body is None or not all(content.essence(one.name) in _FORMS for one in body.content):
        return {}
    ways = [
        (way, content.is_multipart(content.essence(entry.name)))
        for entry in body.content
        for way in alternatives((entry.schema,) if entry.schema is not None else ()) or ()
    ]
    names = dict.fromkeys(name for way, _ in ways for name in way.applied.properties)
    members: dict[str, Member] = {}
    for name in names:
        found = [(way.member(name), has_files) for way, has_files in ways]
        schemas = tuple((schema, has_files) for schema, has_files in found if schema is not None)
        is_certain = body.required and all(way.guarantees(name) for way, _ in ways)
        members[name] = Member(schemas, is_certain)
    return members


def body_problems(body: Body, hint: Any, files: frozenset[type]) -> list[Problem]:
    """What a body may be that a hint cannot hold."""
    found = (one for entry in body.content for one in _problems(entry, hint, files))
    return list(dict.fromkeys(found))


def _problems(entry: MediaType, hint: Any, files: frozenset[type]) -> Iterator[Problem]:
    name = content.essence(entry.name)
    items = stream_items(entry)
    has_files = content.is_multipart(name)
    schema = (entry.schema,) if entry.schema is not None else ()
    if "*" in name:
        return
    if items is not None:
        yield from _stream_problems(name, hint, items, files, has_files)
    elif content.is_json(name) or content.is_form(name) or has_files or is_stream(name):
        yield from check_hint(hint, schema, files=files, has_files=has_files)
    elif name.startswith("text/"):
        found = check_hint(hint, schema, files=files)
        yield from found or _kind_problems(name, hint, "string", "a text", "str")
    elif bytes not in choices(hint):
        yield from _kind_problems(name, hint, "", "bytes", "bytes")


def _stream_problems(
    name: str, hint: Any, items: Joint, files: frozenset[type], has_files: bool
) -> Iterator[Problem]:
    yield from _kind_problems(name, hint, "array", "a list", "list[...]")
    for one in choices(hint):
        if class_of(one) in LISTS:
            for problem in check_hint(item_of(one), items, files=files, has_files=has_files):
                yield Problem(f"[]{problem.path}", problem.message, problem.cure)


def _kind_problems(name: str, hint: Any, kind: str, what: str, cure: str) -> Iterator[Problem]:
    accepted = json_types(hint)
    if accepted is not None and kind not in accepted:
        message = f"is hinted as {name_of(hint)}, but {name} gives {what}"
        yield Problem("", message, f"hint it as {cure}")


def stream_items(entry: MediaType) -> Joint | None:
    """What holds of each value of a stream; None for a body that is one value."""
    items = body_schemas(entry)[1]
    return (items,) if items is not None else None


def body_converter(body: Body, hint: Any, files: frozenset[type]) -> Convert | None:
    """What makes the handler's value of a body. Raises TypeError as `converter` does."""
    for entry in body.content:
        items = stream_items(entry)
        if items is not None and class_of(unwrap(hint)) in LISTS:
            return partial(array_of, list, converter(item_of(unwrap(hint)), items, files))
        if entry.schema is not None and "*" not in entry.name:
            return converter(hint, (entry.schema,), files)
    return converter(hint, (), files)
