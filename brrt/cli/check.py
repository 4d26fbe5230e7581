"""`brrt check`: the very path that `run` takes, without starting anything."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from brrt.app import App
from brrt.cli.reports import count, show_faults
from brrt.cli.targets import Mistake, Target, is_document, load_document, load_target
from brrt.errors import SpecError

EXAMPLES = """\b
Examples:
  brrt check openapi.yaml
  brrt check openapi.yaml --no-strict   # only what prevents serving it
  brrt check pets:app                   # the document and its handlers
  brrt check pets:make --factory
"""


def check(
    target: Annotated[
        str, typer.Argument(metavar="TARGET|DOCUMENT", help="module:app, or a document's path.")
    ],
    factory: Annotated[
        bool, typer.Option("--factory", help="TARGET is a function that makes the app.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            help="Whether breaches of the specification that would not prevent serving the"
            " document are faults, or warnings only."
        ),
    ] = True,
) -> None:
    """Check a document, or an app with its handlers; print every fault with its place and cure.

    The exit code is 0 when there is no fault, and 1 otherwise.
    """
    console = Console()
    try:
        app = load_app(target, factory=factory, strict=strict)
    except SpecError as error:
        show_faults(error.faults, console)
        console.print(Text(count(len(error.faults), "fault"), style="bold red"))
        raise typer.Exit(1) from None
    warnings = app.document.warnings
    show_faults(warnings, console, style="yellow")
    handlers = sum(endpoint.served is not None for endpoint in app.endpoints)
    counted = [count(len(app.endpoints), "operation"), count(handlers, "handler")]
    if warnings:
        counted.append(count(len(warnings), "warning"))
    console.print(Text("ok", style="bold green") + Text(f": {', '.join(counted)}"))


def load_app(target: str, *, factory: bool, strict: bool = True) -> App:
    """The app of a target, or of a document alone. Raises `SpecError` and `Mistake`."""
    if is_document(target):
        return load_document(target, strict=strict)
    if not strict:
        cure = "an app decides for itself: App(..., strict=False)"
        raise Mistake("--no-strict is for documents", cure)
    return load_target(Target(target, factory)).app
