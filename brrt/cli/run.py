"""`brrt run`: serve an app until a signal says stop."""

import enum
import os
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from brrt.app import App
from brrt.cli.attendance import EarlyHangups
from brrt.cli.reports import count
from brrt.cli.server import Configuration, Settings, bind, serve, url
from brrt.cli.targets import Mistake, Target, is_document, load_target

EXAMPLES = """\b
Examples:
  brrt run pets:app                      # http://127.0.0.1:8000
  brrt run pets:app --reload             # development: code and document
  brrt run pets:app --host 0.0.0.0 --port 80 --workers 4 --watch
  brrt run pets:make --factory           # calls make() to get the app
  BRRT_GRACE=5 brrt run pets:app         # like --grace 5

\b
Signals:
  SIGTERM, SIGINT   finish what was accepted within --grace, exit with 0
  SIGHUP            read the document again; a broken one changes nothing
"""


class LogLevel(enum.StrEnum):
    """What is worth a line in the log."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"
    TRACE = "trace"


def run(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="module:app to serve.")],
    factory: Annotated[
        bool, typer.Option("--factory", help="TARGET is a function that makes the app.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that serve.")] = 1,
    watch: Annotated[
        bool, typer.Option("--watch", help="Reload the document when one of its files changes.")
    ] = False,
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart when code changes, too. For development.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="Least level to log.")] = LogLevel.INFO,
    grace: Annotated[
        float | None,
        typer.Option(
            min=0,
            envvar="BRRT_GRACE",
            help="Seconds that accepted requests may still take at a stop or reload. An app with"
            " Limits(grace=...) decides for itself.",
            show_default="20",
        ),
    ] = None,
) -> None:
    """Serve an app until a signal says stop."""
    if reload and workers > 1:
        raise Mistake("--reload serves with one process", "leave --workers away")
    if is_document(target):
        raise Mistake(f"{target} is a document", "name the app that serves it, as module:app")
    if grace is not None:
        os.environ["BRRT_GRACE"] = str(grace)  # for the processes that we start, too
    EarlyHangups()
    named = Target(target, factory)
    loaded = load_target(named)
    settings = Settings(
        host=host, port=port, workers=workers, watch=watch, reload=reload, log_level=log_level.value
    )
    listener = bind(host, port)
    announce(loaded.app, url(listener), Console(stderr=True))
    here = not reload and workers == 1
    raise typer.Exit(serve(Configuration(named, settings, loaded, here=here), listener))


def announce(app: App, address: str, console: Console) -> None:
    """Say what is served and where: in a few lines on a terminal, in one elsewhere."""
    served = sum(endpoint.served is not None for endpoint in app.endpoints)
    missing = len(app.endpoints) - served
    what = [count(len(app.endpoints), "operation"), count(served, "handler")]
    if missing:
        what.append(f"{missing:,} not implemented (501)")
    if not console.is_terminal:
        console.print(Text(f"Serving {address}: {', '.join(what)}"), soft_wrap=True)
        return
    info = app.document.root.value.get("info", {})
    title = Text(f"{info.get('title', '')} {info.get('version', '')}", style="bold")
    console.print(title, Text(app.document.uri, style="dim"), soft_wrap=True)
    console.print(Text(f"  {address}", style="bold cyan"), soft_wrap=True)
    console.print(Text(f"  {', '.join(what)}"), soft_wrap=True)
