"""Checked values into what a handler's hint asks for, and complaints into violations.

A value that fits the schema may still not fit the hint: the client is told where and why, unless
that would show a secret.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from brrt.openapi.binding import Taken
from brrt.openapi.complaints import Complaint, complaints
from brrt.openapi.json_values import is_list, is_mapping
from brrt.openapi.phrases import MAX_MESSAGE, shorten
from brrt.openapi.secrets import HIDDEN_NAME, Path, Secrets
from brrt.openapi.validation import Violation, pointer

# The way to a value: names of members, and places in arrays.
Steps: TypeAlias = tuple[str | int, ...]

# Values that are looked at for whether a complaint shows one of them.
MAX_LOOKS = 1_000

_UNSAID = "is not what is needed here"


def convert(
    arguments: dict[str, Any],
    taken: Taken,
    location: str,
    name: str,
    found: list[Violation],
    secrets: Callable[[], Iterable[Secrets]] = tuple,
    within: Steps = (),
) -> None:
    """Put the converted value in the place of the value; complaints go to `found`.

    `secrets` tells what is secret in what the value is part of, at the path `within`.
    """
    assert taken.convert is not None
    value = arguments[taken.name]
    try:
        arguments[taken.name] = taken.convert(value)
    except ValueError as error:
        known = list(secrets())
        for one in complaints(error):
            text = _UNSAID if any(_shows(each, within, value, one) for each in known) else one.text
            path = _shown(known, within, _steps(value, one.path))
            place = ".".join([name, *map(str, path)]).strip(".")
            message = shorten(": ".join(filter(None, (place, text))), MAX_MESSAGE)
            found.append(Violation(location, name, pointer(path), message, "conversion"))


def _shown(known: Iterable[Secrets], within: Steps, path: Steps) -> list[str | int]:
    """A path without the names in it that are secret."""
    hidden = {at for each in known for at in each.hidden_steps((*within, *path))}
    return [HIDDEN_NAME if at in hidden else step for at, step in enumerate(path, len(within))]


def _steps(value: Any, path: Iterable[str]) -> Steps:
    """A path with numbers where it leads into arrays."""
    steps: list[str | int] = []
    for step in path:
        if is_list(value) and step.isdecimal():
            steps.append(int(step))
            value = value[int(step)] if int(step) < len(value) else None
        else:
            steps.append(step)
            value = value.get(step) if is_mapping(value) else None
    return tuple(steps)


def _shows(secrets: Secrets, within: Path, value: Any, complaint: Complaint) -> bool:
    """Whether a complaint may show a secret: one at its place, or one that it repeats.

    Libraries leave steps out of a path, or put names of types into it: what does not lead
    through the value is passed over, and then anything below may be meant. The last step may
    name what is missing.
    """
    path, end, strays = within, within, 0
    for step in complaint.path:
        strays += end is not path
        if is_mapping(value) and step in value:
            path, value = (*path, step), value[step]
        elif is_list(value) and step.isdecimal() and int(step) < len(value):
            path, value = (*path, int(step)), value[int(step)]
        else:
            end = (*path, step)
            continue
        end = path
    if secrets.is_secret(path) or secrets.is_secret(end):
        return True
    return secrets.holds_secret(path) and (strays > 0 or _repeats(complaint.text, value))


def _repeats(text: str, value: Any) -> bool:
    """Whether a text shows a text or a number that stands in a value."""
    waiting = [value]
    for _ in range(MAX_LOOKS):
        if not waiting:
            return False
        one = waiting.pop()
        if is_mapping(one):
            waiting.extend(one.values())
        elif is_list(one):
            waiting.extend(one)
        elif isinstance(one, (str, int, float)) and len(str(one)) > 1 and str(one) in text:
            return True
    return True
