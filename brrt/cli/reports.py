"""What the command line prints: faults, mistakes, and the user's own tracebacks.

Colours and layout are for terminals; elsewhere the same words come as plain lines.
"""

import importlib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.text import Text

from brrt.cli.targets import Mistake
from brrt.config import SettingError
from brrt.errors import Fault, SpecError

# Frames on the way from our command to the user's module, which tell the user nothing.
_OURS: Final = str(Path(__file__).parent)
_MACHINERY: Final = ("<frozen importlib", importlib.__file__)


def show_faults(faults: Iterable[Fault], console: Console, *, style: str = "red") -> None:
    """Each fault as `file:line:column: message`, with pointer and cure below it."""
    for fault in faults:
        place = ":".join(str(part) for part in (fault.file, fault.line, fault.column) if part)
        head = Text(f"{place}: " if place else "", style="bold")
        console.print(head + Text(fault.message, style=style), soft_wrap=True)
        if fault.pointer:
            console.print(Text(f"    at {fault.pointer}", style="dim"), soft_wrap=True)
        if fault.cure:
            console.print(Text("    cure: ", style="green") + Text(fault.cure), soft_wrap=True)


def count(number: int, noun: str) -> str:
    """`1 fault`, `3 faults`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def report(error: Exception) -> None:
    """Print an error to stderr: a traceback only for what the user's code, or a bug, raised."""
    console = Console(stderr=True)
    if isinstance(error, SpecError):
        show_faults(error.faults, console)
        console.print(Text(count(len(error.faults), "fault"), style="bold red"))
    elif isinstance(error, (Mistake, SettingError)):
        console.print(Text("Error: ", style="bold red") + Text(str(error)), soft_wrap=True)
        if isinstance(error, Mistake) and error.cure:
            console.print(Text(f"    {error.cure}"), soft_wrap=True)
    else:
        users = error.with_traceback(_users_part(error.__traceback__))
        traceback.print_exception(users, file=sys.stderr)


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """The traceback after our last frame and the import machinery's; all of it for our bugs.

    A module that cannot even be parsed has no frame; its place is in the `SyntaxError`.
    """
    frames: list[TracebackType] = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    files = [frame.tb_frame.f_code.co_filename for frame in frames]
    last = max((place for place, file in enumerate(files) if file.startswith(_OURS)), default=-1)
    users = [place for place in range(last + 1, len(frames)) if not _is_machinery(files[place])]
    if users:
        return frames[users[0]]
    return None if last + 1 < len(frames) else frames[0]


def _is_machinery(file: str) -> bool:
    return file.startswith(_MACHINERY)
