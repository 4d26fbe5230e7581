"""Bodies that a handler takes bit by bit, or as a file: which hints ask for that, and when the
document allows it.

What the document says of the whole of a body can only be checked with the whole at hand; so
nothing but sizes may be said of bytes, and nothing but what each item is of a sequence.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from typing import Any, Final, get_args

from brrt.openapi import content
from brrt.openapi.hint_checks import Problem, check_hint
from brrt.openapi.hints import choices, name_of, unwrap
from brrt.openapi.members import all_parts
from brrt.openapi.models import class_of
from brrt.openapi.operations import Body, MediaType
from brrt.openapi.shapes import MISSING
from brrt.openapi.streams import body_schemas, is_stream

_ITERATORS: Final = (AsyncIterator, AsyncIterable, AsyncGenerator)
# Keywords that say nothing of bytes but how many there are; those of texts count characters.
_ANNOTATIONS: Final = frozenset(
    {
        *("$ref", "$comment", "title", "description", "default", "example", "examples"),
        *("deprecated", "externalDocs", "readOnly", "writeOnly", "nullable"),
        *("type", "format", "contentMediaType", "allOf"),
    }
)
_SIZES: Final = frozenset({"minLength", "maxLength"})


def item_hint(hint: Any) -> Any:
    """What a handler takes bit by bit: `X` of `AsyncIterator[X]`; MISSING for any other hint."""
    hint = unwrap(hint)
    if class_of(hint) not in _ITERATORS:
        return MISSING
    return (*get_args(hint), bytes)[0]


def is_file(body: Body, hint: Any, files: frozenset[type]) -> bool:
    """Whether a body that is no form is to come as a file."""
    kinds = {content.essence(one.name) for one in body.content}
    no_form = not any(content.is_form(one) or content.is_multipart(one) for one in kinds)
    return no_form and any(one in files for one in choices(hint))


def file_problems(body: Body, hint: Any) -> Iterator[Problem]:
    """Where a body cannot come as a file."""
    for entry in body.content:
        if not _is_opaque(entry):
            message = f"is hinted as {name_of(hint)}, but {entry.name} is more than bytes"
            yield Problem("", message, "hint it as what the schema says")


def intake_problems(body: Body, item: Any, files: frozenset[type]) -> Iterator[Problem]:
    """Where a body cannot be taken as an iterator of `item`."""
    for entry in body.content:
        if item is bytes:
            yield from _byte_problems(entry)
        else:
            yield from _item_problems(entry, item, files)


def _byte_problems(entry: MediaType) -> Iterator[Problem]:
    if _is_opaque(entry):
        return
    message = f"takes bytes one by one, but the document says of {entry.name} what only shows whole"
    cure = "hint it as what the schema says, or say nothing of it but minLength and maxLength"
    if content.is_multipart(content.essence(entry.name)):
        cure = "take its members as parameters, files as UploadFile"
    elif is_stream(content.essence(entry.name)):
        cure = "hint it as AsyncIterator of what each item is"
    yield Problem("", message, cure)


def _item_problems(entry: MediaType, item: Any, files: frozenset[type]) -> Iterator[Problem]:
    name = content.essence(entry.name)
    if not is_stream(name):
        message = f"takes items one by one, but {name} has none"
        yield Problem("", message, "declare application/jsonl, or hint it as what the schema says")
        return
    whole, items = body_schemas(entry)
    if whole is not None:
        message = f"takes items one by one, but the schema of {name} is of all of them together"
        yield Problem("", message, f"hint it as list[{name_of(item)}], or declare an itemSchema")
    elif items is not None:
        for one in check_hint(item, (items,), files=files):
            yield Problem(f"[]{one.path}", one.message, one.cure)


def _is_opaque(entry: MediaType) -> bool:
    """Whether nothing is said of a body but that it is bytes, and perhaps how many."""
    name = content.essence(entry.name)
    if is_stream(name) or content.is_json(name) or content.is_form(name):
        return False
    if content.is_multipart(name):
        return False
    allowed = _ANNOTATIONS if name.startswith("text/") else _ANNOTATIONS | _SIZES
    said = {key for part in all_parts(entry.schema) for key in part.value}
    return all(key in allowed or key.startswith("x-") for key in said)
