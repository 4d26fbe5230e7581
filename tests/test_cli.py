"""The command line as a user meets it: what is typed, what is printed, and the exit code."""

import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from brrt import App, __version__
from brrt.cli import main
from brrt.cli.routes import all_routes, table
from brrt.cli.run import announce

DOCUMENT = """\
openapi: 3.1.0
info: {title: Things, version: "1"}
servers: [{url: /api}]
paths:
  /things/{id}:
    get:
      operationId: getThing
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {"200": {description: ok}}
    delete:
      operationId: deleteThing
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {"204": {description: gone}}
"""

# Three faults, in lines 5, 7 and 9.
BROKEN = """\
openapi: 3.1.0
info: {title: Things, version: "1"}
paths:
  /things/{id}:
    get:
      operationId: getThing
      responses: {"200": {content: {}}}
  /other:
    get: {operationId: getThing, responses: {"200": {description: ok}}}
"""

CODE = """\
from brrt import App, Handlers

handlers = Handlers()

@handlers(workers=4, timeout=2.5)
async def get_thing(id: int):
    return None

def make():
    return App("openapi.yaml", handlers, missing={"deleteThing"})

class Middleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)

app = make()
wrapped = Middleware(app)
other = {"not": "an app"}
"""


class Result(NamedTuple):
    """What a command left behind."""

    code: object
    out: str
    err: str


Brrt = Callable[..., Result]


@pytest.fixture
def brrt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Brrt]:
    """Run a command in a folder with `openapi.yaml` and `things.py`."""
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    (tmp_path / "things.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    modules = set(sys.modules)

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return Result(ended.value.code, *capsys.readouterr())

    yield run
    for name in set(sys.modules) - modules:
        del sys.modules[name]


# check


def test_a_right_document_is_ok(brrt: Brrt) -> None:
    """A document without faults: one line, exit code 0."""
    assert brrt("check", "openapi.yaml") == (0, "ok: 2 operations, 0 handlers\n", "")


@pytest.mark.parametrize(
    "target", [["things:app"], ["things:make", "--factory"], ["things:wrapped"]]
)
def test_a_right_app_is_ok(brrt: Brrt, target: list[str]) -> None:
    """An app, a factory, or an app inside middleware: found in the current folder and checked."""
    assert brrt("check", *target) == (0, "ok: 2 operations, 1 handler\n", "")


def test_all_faults_are_printed(brrt: Brrt, tmp_path: Path) -> None:
    """Every fault has file, line, column, pointer and cure, in one run; the exit code is 1."""
    (tmp_path / "openapi.yaml").write_text(BROKEN)
    code, out, _ = brrt("check", "openapi.yaml")
    assert code == 1
    assert set(re.findall(r"^openapi\.yaml:(\d+):\d+: ", out, re.MULTILINE)) == {"5", "7", "9"}
    assert out.endswith("\n3 faults\n")
    assert "    at #/paths/~1things~1{id}/get/responses/200\n" in out
    assert "    cure: " in out
    assert "Traceback" not in out


def test_faults_of_handlers_are_printed_with_their_lines(brrt: Brrt, tmp_path: Path) -> None:
    """Where the handlers do not fit the document, file and line are those of the user's code."""
    (tmp_path / "things.py").write_text(CODE.replace("(id: int)", "(idd: int)"))
    code, out, _ = brrt("check", "things:app")
    assert code == 1
    assert f"{tmp_path / 'things.py'}:5: " in out
    assert "idd" in out
    assert "Traceback" not in out


def test_what_does_not_prevent_serving_can_be_a_warning(brrt: Brrt, tmp_path: Path) -> None:
    """--no-strict prints breaches of the specification as warnings, and exits with 0."""
    loose = DOCUMENT.replace("schema: {type: integer}", "schema: {required: [a, a]}", 1)
    (tmp_path / "openapi.yaml").write_text(loose)
    assert brrt("check", "openapi.yaml").code == 1
    code, out, _ = brrt("check", "openapi.yaml", "--no-strict")
    assert code == 0
    assert "openapi.yaml:8:" in out
    assert "1 warning" in out


# routes


def test_routes_in_a_pipe_are_columns(brrt: Brrt) -> None:
    """Method, full path, operation, handler and limits, separated by tabs."""
    code, out, _ = brrt("routes", "things:app")
    assert code == 0
    assert out.splitlines() == [
        "GET\t/api/things/{id}\tgetThing\tthings:get_thing\t4 workers, 256 queued, 2.5 s",
        "DELETE\t/api/things/{id}\tdeleteThing\t501\t",
    ]


def test_routes_on_a_terminal_are_a_table(brrt: Brrt) -> None:
    """On a terminal the same has headings and is aligned."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120, no_color=True)
    assert brrt("routes", "things:app").code == 0
    console.print(table(list(all_routes(sys.modules["things"].app))))
    assert isinstance(console.file, io.StringIO)
    lines = [re.sub(r"\x1b\[\d*m", "", line) for line in console.file.getvalue().splitlines()]
    assert lines[0].split() == ["method", "path", "operation", "handler", "limits"]
    assert [line.index("/api") for line in lines[1:]] == [lines[0].index("path")] * 2


# run: what is said at the start


def test_the_start_is_one_line_in_a_log_and_pretty_on_a_terminal(brrt: Brrt) -> None:
    """Operations, handlers and URL are named; title and colours only on a terminal."""
    app = App(DOCUMENT, missing="501")
    plain, pretty = io.StringIO(), io.StringIO()
    announce(app, "http://127.0.0.1:1", Console(file=plain))
    announce(app, "http://127.0.0.1:1", Console(file=pretty, force_terminal=True))
    what = "2 operations, 0 handlers, 2 not implemented (501)"
    assert plain.getvalue() == f"Serving http://127.0.0.1:1: {what}\n"
    assert what in pretty.getvalue()
    assert "Things 1" in pretty.getvalue()


# Mistakes


@pytest.mark.parametrize(
    ("target", "message", "cure"),
    [
        ("things", "'things' does not say module:app", "such as things:app"),
        ("thing:app", "there is no module 'thing'", "did you mean things?"),
        ("quite.else:app", "there is no module 'quite'", "no module of a name like this"),
        ("things:ap", "things has no 'ap'", "did you mean things:app or things:wrapped?"),
        ("things:app.inner", "things has no 'app.inner'", "did you mean things:app"),
        ("things.py:app", "things.py is a file, not a module", "write things:app"),
        ("things:make", "things:make is a function, not an App", "add --factory"),
        ("things:other", "things:other is a dict, not an App", "uvicorn things:other"),
    ],
)
def test_a_wrong_target_is_a_plain_message(
    brrt: Brrt, target: str, message: str, cure: str
) -> None:
    """A slip costs two lines: what is wrong, and what may have been meant."""
    for command in ("run", "check", "routes"):
        code, out, err = brrt(command, target)
        assert (code, out) == (1, "")
        assert message in err
        assert cure in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "things:other", "--factory"], "cannot be called"),
        (["check", "things:Middleware", "--factory"], "missing a required argument: 'app'"),
        (["check", "things:get_thing", "--factory"], "missing a required argument: 'id'"),
        (["check", "things:app", "--no-strict"], "App(..., strict=False)"),
        (["check", "nothing.yaml"], "there is no such file"),
        (["run", "openapi.yaml"], "name the app that serves it"),
        (["run", "things:app", "--reload", "--workers", "2"], "leave --workers away"),
        (["run", "things:app", "--host", "not a host"], "cannot listen on not a host:8000"),
    ],
)
def test_what_cannot_be_done_is_said(brrt: Brrt, arguments: list[str], message: str) -> None:
    """Options that do not go together, and things that are not there, have their own words."""
    code, out, err = brrt(*arguments)
    assert code == 1
    assert message in out + err
    assert "Traceback" not in out + err


def test_a_document_with_faults_is_not_run(brrt: Brrt, tmp_path: Path) -> None:
    """`run` prints the faults that `check` prints, and exits with 1 before it listens."""
    (tmp_path / "openapi.yaml").write_text(BROKEN)
    code, _, err = brrt("run", "things:app")
    assert code == 1
    assert "openapi.yaml:9:" in err
    assert "faults" in err
    assert "Traceback" not in err


def test_a_wrong_setting_is_a_plain_message(brrt: Brrt, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit in the environment that is no number is named."""
    monkeypatch.setenv("BRRT_WORKERS", "many")
    code, _, err = brrt("check", "things:app")
    assert (code, err) == (1, "Error: BRRT_WORKERS='many' is not a valid int\n")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "import nowhere_to_be_found",
            "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        ),
        ("def (", "SyntaxError: invalid syntax"),
    ],
)
def test_an_error_in_the_users_module_is_the_users(
    brrt: Brrt, tmp_path: Path, line: str, error: str
) -> None:
    """What the user's code raises has its traceback, from the user's line on."""
    (tmp_path / "failing.py").write_text(f"\n{line}\n")
    code, _, err = brrt("check", "failing:app")
    assert code == 1
    assert f'"{tmp_path / "failing.py"}", line 2' in err
    assert error in err
    assert "brrt" not in err.replace(str(tmp_path), "")
    assert "importlib" not in err


def test_a_bug_of_ours_has_its_whole_traceback(brrt: Brrt, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that no user's code is part of is shown from our first line on."""
    monkeypatch.setattr("brrt.cli.check.load_document", lambda *_, **__: 1 / 0)
    code, _, err = brrt("check", "openapi.yaml")
    assert code == 1
    assert "ZeroDivisionError" in err


# Help


@pytest.mark.parametrize("command", [[], ["run"], ["check"], ["routes"]])
def test_help_teaches_by_example(brrt: Brrt, command: list[str]) -> None:
    """--help ends with examples that can be typed, each on a line of its own."""
    code, out, _ = brrt(*command, "--help")
    assert code == 0
    examples = out[out.index("Examples:") :]
    assert examples.count("brrt ") >= 3
    assert all(len(line.rstrip()) <= 80 for line in examples.splitlines())


def test_grace_is_an_option_and_a_variable(brrt: Brrt) -> None:
    """The help of `run` says where the grace can come from."""
    assert re.search(r"--grace.*BRRT_GRACE", brrt("run", "--help").out, re.DOTALL)


def test_wrong_options_exit_with_2(brrt: Brrt) -> None:
    """A command line that cannot be understood exits with 2 and names the nearest."""
    code, _, err = brrt("run", "things:app", "--prot", "1")
    assert code == 2
    assert "--port" in err


def test_the_module_is_the_command() -> None:
    """`python -m brrt` is `brrt`."""
    done = subprocess.run(
        [sys.executable, "-m", "brrt", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"brrt {__version__}\n"
