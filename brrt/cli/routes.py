"""`brrt routes`: which operation is served where, by what, and within which limits."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from brrt.app import App
from brrt.cli.check import load_app
from brrt.endpoints import Endpoint

EXAMPLES = """\b
Examples:
  brrt routes pets:app
  brrt routes openapi.yaml                # a document alone: 501 everywhere
  brrt routes pets:app | grep 501         # what has no handler yet
"""

# What stands for a handler that does not exist: the status that the operation answers.
NO_HANDLER = "501"


class Route(NamedTuple):
    """One line: a method on a path, and what stands behind it."""

    method: str
    path: str
    operation: str
    handler: str
    limits: str


def routes(
    target: Annotated[
        str, typer.Argument(metavar="TARGET|DOCUMENT", help="module:app, or a document's path.")
    ],
    factory: Annotated[
        bool, typer.Option("--factory", help="TARGET is a function that makes the app.")
    ] = False,
) -> None:
    """List the operations: method, path, operationId, handler and limits.

    In a pipe the columns are separated by tabs.
    """
    console = Console()
    found = list(all_routes(load_app(target, factory=factory)))
    if console.is_terminal:
        console.print(table(found))
    else:
        for route in found:
            print("\t".join(route))


def all_routes(app: App) -> Iterator[Route]:
    """Every operation under each of its base paths, in the document's order."""
    for endpoint in app.endpoints:
        operation = endpoint.operation
        for base in operation.bases:
            path = base + operation.path
            yield Route(operation.method, path, operation.id, _handler(endpoint), _limits(endpoint))


def table(found: list[Route]) -> Table:
    """Routes for a terminal."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    styles = {"method": "cyan", "path": "bold", "handler": "green", "limits": "dim"}
    for name in Route._fields:
        made.add_column(name, style=styles.get(name, ""), overflow="fold")
    for route in found:
        made.add_row(*route)
    return made


def _handler(endpoint: Endpoint) -> str:
    if endpoint.served is None:
        return NO_HANDLER
    function = endpoint.served.registration.function
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '')}:{name}"


def _limits(endpoint: Endpoint) -> str:
    if endpoint.served is None:
        return ""
    limits = endpoint.served.limits
    return f"{limits.workers} workers, {limits.queue_size} queued, {limits.timeout:g} s"
