"""The map of the house: which floor each module lives on, and that nobody looks up."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import brrt

PACKAGE = Path(brrt.__file__).parent

# From the ground up. A module imports only from lower floors, or from its own room, where the
# rooms of one floor do not know each other; imports under TYPE_CHECKING count.
FLOORS = {
    "words": {"errors"},
    "settings": {"config"},
    "contract": {"openapi"},
    "runtime": {"runtime"},
    "network": {"network"},
    "edge": {"http", "outbound", "rates", "security"},
    "app": {
        "handlers",
        "allowances",
        "arguments",
        "endpoints",
        "envelope",
        "running",
        "snapshot",
        "exchange",
        "lifespan",
        "options",
        "reading",
        "world",
        "app",
    },
    "doors": {"__init__", "__main__", "watching", "cli", "testing"},
}
LEVELS = {room: level for level, rooms in enumerate(FLOORS.values()) for room in rooms}
# The two hard halves meet in the app and nowhere else.
STRANGERS = {
    "openapi": {"runtime"},
    "runtime": {"openapi", "http"},
    "network": {"openapi", "runtime"},
}
# Words that a room must never speak.
FORBIDDEN = {"openapi": {"asyncio", "starlette", "uvicorn"}, "runtime": {"starlette", "msgspec"}}
UNWANTED = {"utils", "helpers", "common", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """The room that a module of the package belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_lower_floors(path: Path) -> None:
    """Nothing looks up, the two halves do not meet, and no room speaks a foreign language."""
    room = room_of(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert top not in FORBIDDEN.get(room, set()), f"{room} must not import {name}"
        if top == "brrt":
            other = rest.partition(".")[0] or "__init__"
            assert other not in STRANGERS.get(room, set()), f"{room} must not know {other}"
            same_floor = LEVELS[other] == LEVELS[room]
            assert LEVELS[other] < LEVELS[room] or same_floor, f"{room} imports {name} from above"
            assert other == room or not same_floor or room in FLOORS["app"] | FLOORS["doors"]


def test_every_room_has_a_floor() -> None:
    """A new module is put somewhere on purpose, and never into a drawer."""
    rooms = {room_of(path) for path in MODULES}
    assert rooms <= LEVELS.keys()
    assert not {path.stem for path in MODULES} & UNWANTED


def test_there_is_no_import_cycle() -> None:
    """Modules form a tree of knowledge, imports for type checkers included."""
    graph = {module_name(path): set(package_imports(path)) for path in MODULES}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def module_name(path: Path) -> str:
    """`brrt/openapi/routing.py` as `brrt.openapi.routing`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def package_imports(path: Path) -> Iterator[str]:
    """The modules of the package that a file imports."""
    known = {module_name(other) for other in MODULES}
    return (name for name in imports(path) if name in known and name != module_name(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_states_its_rules_and_keeps_its_size(path: Path) -> None:
    """A file says at its head what lives in it, and no function has outgrown its room."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 50, f"{node.name} has {lines} lines"
