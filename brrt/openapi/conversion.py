"""Checked values into what a handler's hint asks for, and complaints into violations.

A value that fits the schema may still not fit the hint: the client is told where and why.
"""

import re
from collections.abc import Iterable
from typing import Any

from brrt.openapi.binding import Taken
from brrt.openapi.validation import Violation, pointer

# msgspec ends its messages with a place such as " - at `$.pets[0].age`"; it writes `[...]` for
# a member of a dict, whose name it does not tell.
_PLACE = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"(?<![.\[])\.([^.\[\]]+)|\[(\d+)\]")


def convert(
    arguments: dict[str, Any], taken: Taken, location: str, name: str, found: list[Violation]
) -> None:
    """Put the converted value in the place of the value; complaints go to `found`."""
    assert taken.convert is not None
    try:
        arguments[taken.name] = taken.convert(arguments[taken.name])
    except ValueError as error:
        for path, text in _complaints(error):
            message = ": ".join(filter(None, (".".join([name, *path]).strip("."), text)))
            found.append(Violation(location, name, pointer(path), message, "conversion"))


def _complaints(error: ValueError) -> Iterable[tuple[list[str], str]]:
    """Path and text of all that pydantic, or else msgspec, has to say."""
    details: Any = getattr(error, "errors", None)
    if details is not None:
        for one in details(include_url=False, include_context=False, include_input=False):
            yield [str(step) for step in one["loc"]], one["msg"]
        return
    text = str(error)
    place = _PLACE.search(text)
    steps = _STEP.findall(place[1]) if place else []
    yield [key or index for key, index in steps], text[: place.start()] if place else text
