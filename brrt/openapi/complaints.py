"""What a library says of a value that it cannot convert: where in the value, and why.

`UnfitError` is how our own converters say it; msgspec and pydantic have words of their own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# msgspec ends its messages with a place such as " - at `$.pets[0].age`"; it writes `[...]` for
# a member of a dict, whose name it does not tell.
_PLACE = re.compile(r" - at (?:`key` in )?`\$(.*)`$")
_STEP = re.compile(r"(?<![.\[])\.([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong: the steps that lead to it, and a sentence."""

    path: tuple[str, ...]
    text: str


class UnfitError(ValueError):
    """A value that does not fit a hint; all that is wrong with it."""

    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__("; ".join(one.text for one in complaints))
        self.complaints = complaints


def complaints(error: ValueError) -> Iterator[Complaint]:
    """Path and text of all that an error of ours, of pydantic, or else of msgspec has to say."""
    if isinstance(error, UnfitError):
        yield from error.complaints
        return
    details: Any = getattr(error, "errors", None)
    if details is not None:
        for one in details(include_url=False, include_context=False, include_input=False):
            yield Complaint(tuple(str(step) for step in one["loc"]), one["msg"])
        return
    text = str(error)
    place = _PLACE.search(text)
    steps = _STEP.findall(place[1]) if place else []
    path = tuple(key or index for key, index in steps)
    yield Complaint(path, text[: place.start()] if place else text)


def below(step: str | int, error: ValueError) -> list[Complaint]:
    """The complaints of an error, told from one step higher up."""
    return [Complaint((str(step), *one.path), one.text) for one in complaints(error)]
