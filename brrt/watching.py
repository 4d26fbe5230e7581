"""Watching a document: a change in any of its files reloads the app.

What is compared is always the content on disk with the content that was read: events only say
when it is worth looking. So renames, links that are switched, several events at once and
events that were missed all come to the same. A broken document changes nothing; the watch
goes on. Who serves is not known here: `watch` belongs to whoever runs it, and ends with it.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType] - it names trio

from brrt.app import App
from brrt.errors import BrrtError, SpecError
from brrt.runtime.tasks import stop

logger = logging.getLogger("brrt")

# Seconds for which files must hold the same before they are read. Editors truncate, write and
# rename within a few milliseconds, and a copy over a network pauses for one round trip; a
# person who waits for the effect does not notice a fifth of a second.
DEBOUNCE: Final = 0.2
# Links that are followed on the way to one file, as Linux does (path_resolution(7)).
MAX_LINKS: Final = 40
# Seconds that the end of a wait for events may take; it is a matter of one thread's next look.
STOP_WAIT: Final = 1.0
# What is known of a file that cannot be read.
_ABSENT: Final = ""

Contents = Mapping[Path, str]


async def watch(app: App, *, debounce: float = DEBOUNCE) -> None:
    """Reload `app` whenever a file of its document changes, until cancelled.

    Every file that the document's references reach is watched, and after each reload those of
    the new document. `debounce` is in seconds: files that still change are waited for, so that
    one save is one reload. A broken document is logged with file and line; then the files that
    it was sought in are watched for a mend, and the app goes on serving the old one.

    Raises `OSError` when the system cannot watch (any more), such as too many watches.
    """
    known: Contents = app.document.files
    if not known:
        logger.warning("Nothing to watch: %s was not read from a file", app.document.uri)
    while known:
        found = await _changed(known, debounce)
        known = await _reload(app, found)


async def _reload(app: App, found: Contents) -> Contents:
    """Reload, and tell what was read for it. `found` was on disk before."""
    while True:
        try:
            await app.reload()
        except SpecError as error:
            unseen = error.files - found.keys()
            if not unseen:
                log_failure(error)
                return found
            # Nobody looked at these before they were read: only a second try is certain.
            found = {**found, **await _read(unseen)}
        except Exception as error:
            log_failure(error)
            return found
        else:
            return app.document.files


def log_failure(error: Exception) -> None:
    """Tell why a reload changed nothing. Only what nobody foresaw has a traceback."""
    known = isinstance(error, BrrtError)
    trace = None if known else error
    logger.error("Not reloaded, the old document goes on: %s", error, exc_info=trace)


async def _changed(known: Contents, debounce: float) -> Contents:
    """Wait until the files hold something else, and have held it for `debounce` seconds."""
    while True:
        await _stirred(known, debounce)
        found = await _settled(known, debounce)
        if found != known:
            return found


async def _stirred(known: Contents, debounce: float) -> None:
    """Wait until something happened to the files, or return at once if it has already."""
    async with aclosing(_events(*_aims(known), debounce)) as events:
        event = asyncio.get_running_loop().create_task(_next(events), name="brrt watch events")
        try:
            await asyncio.sleep(0)  # now it listens: what changes from here on is not missed
            if await _read(known) == known:
                await asyncio.wait((event,))
        finally:
            await stop((event,), STOP_WAIT)
    if not event.cancelled():
        event.result()


def _events(
    folders: Collection[Path], names: Collection[str], debounce: float
) -> AsyncGenerator[Any, None]:
    """Batches of events about these names in these folders."""
    return awatch(
        *folders,
        watch_filter=lambda _, path: Path(path).name in names,
        debounce=round(debounce * 1000),
        recursive=False,
        ignore_permission_denied=True,  # or a folder that has just gone
    )


async def _next(events: AsyncGenerator[Any, None]) -> None:
    await anext(events)


async def _settled(files: Iterable[Path], debounce: float) -> Contents:
    """What files hold, when they have held the same for `debounce` seconds."""
    found = await _read(files)
    while True:
        await asyncio.sleep(debounce)
        again = await _read(files)
        if again == found:
            return found
        found = again


async def _read(files: Iterable[Path]) -> Contents:
    """The digest of each file, read off the event loop."""
    return await asyncio.to_thread(lambda: {file: _digest(file) for file in files})


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else _ABSENT
    except OSError:
        return _ABSENT


def _aims(files: Iterable[Path]) -> tuple[set[Path], set[str]]:
    """The folders to watch for these files, and the names in them that matter."""
    folders, names = set[Path](), set[str]()
    for file in files:
        for step in _steps(file):
            while not step.parent.is_dir() and step.parent != step:
                step = step.parent  # wait for the folder, which is not there (any more)
            folders.add(step.parent)
            names.add(step.name)
    return folders, names


def _steps(file: Path) -> Iterator[Path]:
    """All names on the way to a file whose replacement gives it another content.

    They are each link that is followed, the file where it really is, and its folder. In
    Kubernetes `spec.yaml` is a link to `..data/spec.yaml`, and `..data` a link that is switched.
    """
    path = file
    for _ in range(MAX_LINKS):
        link = next((one for one in reversed((path, *path.parents)) if one.is_symlink()), None)
        if link is None:
            break
        yield link
        target = link.parent / link.readlink() / path.relative_to(link)
        path = Path(os.path.normpath(target))
    yield path
    yield path.parent
