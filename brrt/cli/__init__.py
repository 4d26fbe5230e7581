"""The command line: `brrt run`, `brrt check`, `brrt routes`.

A command is a module with one function of its name; here they are put together, and here
alone an error becomes an exit code: 0 for success, 1 for faults, 2 for a wrong command line.
What is printed about errors is said in `reports`.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from brrt import __version__
from brrt.cli import check, routes, run
from brrt.cli.reports import report

EXAMPLES = """\b
Examples:
  brrt check openapi.yaml         # is this document right?
  brrt check pets:app             # ... and do the handlers in pets.py fit?
  brrt routes pets:app            # which operation is served by what
  brrt run pets:app --reload      # serve it, and again when a file changes
  brrt run pets:app --workers 4   # serve it with four processes
"""

application = typer.Typer(
    name="brrt",
    help="An OpenAPI document and async handlers in, a running service out.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # `reports` knows better what is the user's
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command, _examples in (
    (run.run, run.EXAMPLES),
    (check.check, check.EXAMPLES),
    (routes.routes, routes.EXAMPLES),
):
    application.command(epilog=_examples, no_args_is_help=True)(_command)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"brrt {__version__}")
        raise typer.Exit


@application.callback()
def common(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """An OpenAPI document and async handlers in, a running service out."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit. `arguments` are those of the process by default."""
    try:
        application(args=arguments, prog_name="brrt")
    except Exception as error:
        report(error)
        sys.exit(1)
