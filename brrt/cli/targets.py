"""From what a user types to what is served: `module:app`, or a document.

A slip of the user is a `Mistake`, which says what may have been meant. What the user's own
code raises while it is imported goes through as it is.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from brrt.app import App
from brrt.errors import BrrtError

Application = Callable[..., Any]

DOCUMENT_SUFFIXES: Final = (".yaml", ".yml", ".json")
# How deep middleware may be nested around an app.
MAX_NESTING: Final = 100


class Mistake(BrrtError):
    """What the user asked for cannot be done; `cure` says what can."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Target:
    """`module:attribute`, and whether it has to be called to get the app."""

    text: str
    factory: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a target leads to: the ASGI app to serve, and the `App` at its heart."""

    application: Application
    app: App


def is_document(text: str) -> bool:
    """Whether this names a document rather than a module."""
    path = Path(text)
    return path.suffix.lower() in DOCUMENT_SUFFIXES or (path.is_file() and path.suffix != ".py")


def load_document(text: str, *, strict: bool = True) -> App:
    """The app that a document alone makes: checked as `run` does it, without handlers.

    Raises `SpecError`.
    """
    return App(Path(text), missing="501", strict=strict)


def load_target(target: Target) -> Loaded:
    """Import what a target names, from the current folder as well. Raises `Mistake`."""
    name, attribute = _split(target.text)
    _see_current_folder()
    found = _attribute(_module(name), attribute)
    application = _made(found, target.text) if target.factory else found
    app = _find_app(application)
    if app is None:
        raise _no_app(application, target)
    return Loaded(application, app)


def _see_current_folder() -> None:
    """Let modules of the current folder be found, as `python -m` and uvicorn do."""
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()


def _split(text: str) -> tuple[str, str]:
    name, _, attribute = text.partition(":")
    if name.endswith(".py") or "/" in name:
        dotted = ".".join(Path(name.removesuffix(".py")).parts).strip(".")
        dotted = dotted.removesuffix(".__init__")
        raise Mistake(f"{name} is a file, not a module", f"write {dotted}:{attribute or 'app'}")
    if not name or not attribute:
        cure = f"such as {name or 'pets'}:app for the app in {(name or 'pets')}.py"
        raise Mistake(f"{text!r} does not say module:app", cure)
    return name, attribute


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise
        raise Mistake(f"there is no module {missing!r}", _near_modules(missing)) from None


def _near_modules(name: str) -> str:
    """What a module that does not exist may have been meant to be."""
    parent, _, last = name.rpartition(".")
    folders = getattr(sys.modules.get(parent), "__path__", None) if parent else [str(Path.cwd())]
    present = [module.name for module in pkgutil.iter_modules(folders)]
    prefix = f"{parent}." if parent else ""
    near = _near(last, present, prefix)
    return near or f"{parent or Path.cwd()} holds no module of a name like this"


def _near(word: str, known: Iterable[str], prefix: str) -> str:
    """A question for what may have been meant; nothing where nothing is near."""
    close = get_close_matches(word, list(known), n=3)
    names = " or ".join(f"{prefix}{name}" for name in close)
    return f"did you mean {names}?" if names else ""


def _attribute(module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise Mistake(f"{module.__name__} has no {name!r}", _near_attributes(module, name))
        found = getattr(found, part)
    return found


def _near_attributes(module: ModuleType, name: str) -> str:
    values: Mapping[str, Any] = vars(module)
    apps = [key for key, value in values.items() if _find_app(value) is not None]
    public = [key for key in values if not key.startswith("_")]
    prefix = f"{module.__name__}:"
    if apps:
        return f"did you mean {' or '.join(prefix + app for app in apps)}?"
    return _near(name, public, prefix) or "there is no App in it"


def _made(factory: Any, text: str) -> Any:
    """What a factory makes. Whatever it raises is the user's."""
    if not callable(factory):
        kind = type(factory).__name__
        raise Mistake(f"{text} is a {kind}, which cannot be called", "leave --factory away")
    try:
        inspect.signature(factory).bind()
    except (TypeError, ValueError) as error:
        cure = "a factory is called without arguments"
        raise Mistake(f"{text} cannot be called: {error}", cure) from None
    return factory()


def _find_app(application: Any) -> App | None:
    """The `App` itself, or the one inside middleware, which keep what they wrap as `app`."""
    for _ in range(MAX_NESTING):
        if isinstance(application, App):
            return application
        application = cast(Any, getattr(application, "app", None))
    return None


def _no_app(found: Any, target: Target) -> Mistake:
    """What to say of an object that holds no App."""
    kind = type(found).__name__
    if inspect.iscoroutine(found):
        found.close()
        return Mistake(f"{target.text} is a coroutine function", "a factory is a plain `def`")
    if inspect.isroutine(found) and not target.factory:
        cure = "if calling it makes the app, add --factory"
        return Mistake(f"{target.text} is a {kind}, not an App", cure)
    cure = f"other ASGI apps are served by `uvicorn {target.text}`"
    return Mistake(f"{target.text} is a {kind}, not an App, and holds none as `.app`", cure)
