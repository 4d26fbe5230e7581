"""Watching a document on disk: real files, real events, a running app."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from brrt import App, Handlers, watching
from brrt.watching import watch

# Seconds within which a change must have had its effect, on a machine that is busy as well.
PATIENCE = 15.0
# Seconds. Long enough for the halves of one save to fall together, short enough for tests.
DEBOUNCE = 0.05

handlers = Handlers()


@handlers
async def get_thing() -> dict[str, str]:
    return {"name": "thing"}


def document(version: str, path: str = "/thing", schema: str = "type: object") -> str:
    """A document whose version says which one is served."""
    return f"""\
openapi: 3.1.0
info: {{title: Things, version: "{version}"}}
paths:
  {path}:
    get:
      operationId: getThing
      responses:
        "200":
          description: The thing.
          content:
            application/json:
              schema:
                {schema}
"""


BROKEN = document("broken").replace("responses:", "respondes:")


def save(path: Path, text: str) -> None:
    """Write a file, in a folder that may not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def move(path: Path, other: Path) -> None:
    """Rename, over what is there."""
    path.replace(other)


def forget(path: Path) -> None:
    """Delete a file and its folder."""
    path.unlink()
    path.parent.rmdir()


def version(app: App) -> str:
    """The version of the document that is served."""
    return str(app.document.root.value["info"]["version"])


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; a watch has no event to wait for but its effect."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - files and threads set no asyncio.Event
            await asyncio.sleep(0.005)


async def serves(app: App, number: str) -> None:
    """Wait until this version is served."""
    await until(lambda: version(app) == number)


def generation(app: App) -> int:
    """How many snapshots have been published."""
    return app.statistics().generation


@asynccontextmanager
async def watched(path: Path, debounce: float = DEBOUNCE) -> AsyncIterator[App]:
    """A running app, and the watch over its document."""
    app = App(path, handlers)
    async with app:
        task = asyncio.create_task(watch(app, debounce=debounce))
        try:
            yield app
        finally:
            assert not task.done(), task.exception()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A document on disk."""
    path = tmp_path / "release" / "spec" / "openapi.yaml"
    save(path, document("one"))
    return path


async def test_a_changed_document_is_served(spec: Path) -> None:
    """Saving the document serves it, again and again."""
    async with watched(spec) as app:
        for number in ("two", "three", "four"):
            save(spec, document(number))
            await serves(app, number)
        assert generation(app) == 4


async def test_a_change_before_the_watch_began_is_seen(spec: Path) -> None:
    """What changed between reading the document and watching it is not missed."""
    app = App(spec, handlers)
    async with app:
        save(spec, document("two"))
        task = asyncio.create_task(watch(app, debounce=DEBOUNCE))
        await serves(app, "two")
        task.cancel()
        await asyncio.wait([task])


async def test_a_save_by_rename_is_seen(spec: Path) -> None:
    """Atomic replacement and vim's backup-and-write both arrive, and leave the watch awake."""
    async with watched(spec) as app:
        for number in ("two", "three"):
            fresh = spec.with_name(f"{number}.tmp")
            save(fresh, document(number))
            move(fresh, spec)
            await serves(app, number)
        move(spec, spec.with_name("openapi.yaml~"))
        save(spec, document("four"))
        await serves(app, "four")
        save(spec, document("five"))
        await serves(app, "five")


def publish(volume: Path, name: str, text: str) -> None:
    """Do what the kubelet does with a ConfigMap (atomic_writer.go): a folder, a switched link."""
    folder = volume / f"..{name}"
    save(folder / "openapi.yaml", text)
    old = (volume / "..data").resolve() if (volume / "..data").exists() else None
    (volume / "..data_tmp").symlink_to(folder.name)
    (volume / "..data_tmp").replace(volume / "..data")
    if not (volume / "openapi.yaml").is_symlink():
        (volume / "openapi.yaml").symlink_to("..data/openapi.yaml")
    if old is not None:
        forget(old / "openapi.yaml")


async def test_a_switched_link_is_seen(tmp_path: Path) -> None:
    """A Kubernetes ConfigMap, whose `..data` is pointed at another folder, is followed."""
    volume = tmp_path / "volume"
    publish(volume, "2001", document("one"))
    async with watched(volume / "openapi.yaml") as app:
        for number in ("two", "three"):
            publish(volume, number, document(number))
            await serves(app, number)


async def test_a_switched_folder_is_seen(tmp_path: Path) -> None:
    """A deployment that points `current` at another release, or renames folders, is followed."""
    for number in ("one", "two", "three"):
        save(tmp_path / number / "openapi.yaml", document(number))
    current = tmp_path / "current"
    current.symlink_to("one")
    async with watched(current / "openapi.yaml") as app:
        (tmp_path / "next").symlink_to("two")
        move(tmp_path / "next", current)
        await serves(app, "two")
        move(tmp_path / "two", tmp_path / "old")
        move(tmp_path / "three", tmp_path / "two")
        await serves(app, "three")


async def test_several_events_make_one_reload(spec: Path) -> None:
    """A burst of saves is one reload, of the last."""
    async with watched(spec, debounce=0.3) as app:
        for number in range(20):
            save(spec, document(f"burst {number}"))
            await asyncio.sleep(0)
        await serves(app, "burst 19")
        assert generation(app) == 2


async def test_a_half_written_file_is_waited_for(
    spec: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is still growing is not read: no fault is logged, and one reload is made."""
    text = document("two")
    async with watched(spec, debounce=0.5) as app:
        with spec.open("w") as file:
            for place in range(0, len(text), 40):
                file.write(text[place : place + 40])
                file.flush()
                await asyncio.sleep(0.02)
        await serves(app, "two")
        assert generation(app) == 2
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_broken_document_is_reported_and_the_old_one_goes_on(
    spec: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names file and line once, the old document is served, and a mend is seen."""
    async with watched(spec) as app:
        save(spec, BROKEN)
        await until(lambda: "respondes" in caplog.text)
        operation = BROKEN[: BROKEN.index("get:")].count("\n") + 1
        assert f"{spec}:{operation}:5 " in caplog.text
        assert version(app) == "one"
        assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
        save(spec, document("mended"))
        await serves(app, "mended")


async def test_every_file_of_the_closure_is_watched(spec: Path) -> None:
    """A file that is referred to is watched as the document is, in whatever folder it lies."""
    other = spec.parent / "schemas" / "thing.yaml"
    save(other, "type: object\n")
    save(spec, document("one", schema="$ref: schemas/thing.yaml"))
    async with watched(spec) as app:
        assert app.document.files.keys() == {spec, other}
        save(other, "type: object\ndescription: changed\n")
        await until(lambda: generation(app) == 2)


async def test_a_new_reference_is_watched_from_then_on(spec: Path) -> None:
    """After a reload the files of the new document are watched, and no others."""
    other = spec.parent / "schemas" / "thing.yaml"
    save(other, "type: object\n")
    async with watched(spec) as app:
        save(spec, document("two", schema="$ref: schemas/thing.yaml"))
        await serves(app, "two")
        save(other, "type: object\ndescription: changed\n")
        await until(lambda: generation(app) == 3)
        save(spec, document("three"))
        await serves(app, "three")
        assert app.document.files.keys() == {spec}


@pytest.mark.parametrize("first", [None, "type: [object\n", "type: objekt\n"])
async def test_a_broken_reference_is_mended_where_it_is_broken(
    spec: Path, caplog: pytest.LogCaptureFixture, first: str | None
) -> None:
    """A file that a broken document refers to is watched, even one that is not there yet."""
    other = spec.parent / "schemas" / "thing.yaml"
    if first is not None:
        save(other, first)
    async with watched(spec) as app:
        save(spec, document("two", schema="$ref: schemas/thing.yaml"))
        await until(lambda: "Not reloaded" in caplog.text)
        assert version(app) == "one"
        save(other, "type: object\n")
        await serves(app, "two")


async def test_a_document_that_handlers_do_not_fit_is_mended_too(
    spec: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Faults between document and handlers are reported like those of the document."""
    other = spec.parent / "item.yaml"
    save(other, "get: {operationId: stranger, responses: {default: {description: x}}}\n")
    async with watched(spec) as app:
        save(spec, document("two") + "  /other: {$ref: item.yaml}\n")
        await until(lambda: "operation stranger has no handler" in caplog.text)
        save(other, "{}\n")
        await serves(app, "two")


async def test_deleting_and_creating_again_works(
    spec: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file, or all folders above it, may go and come back; the old document is served."""
    async with watched(spec) as app:
        move(spec, spec.with_name("gone.yaml"))
        await until(lambda: "there is no such file" in caplog.text)
        assert version(app) == "one"
        save(spec, document("two"))
        await serves(app, "two")
        caplog.clear()
        shutil.rmtree(spec.parent.parent)
        await until(lambda: "there is no such file" in caplog.text)
        save(spec, document("three"))
        await serves(app, "three")


async def test_what_says_the_same_is_no_change(spec: Path) -> None:
    """Touching a file, writing what it held, and its neighbours' changes reload nothing."""
    async with watched(spec) as app:
        os.utime(spec)
        save(spec, document("one"))
        save(spec.with_name("notes.txt"), "nothing")
        save(spec, document("two"))
        await serves(app, "two")
        assert generation(app) == 2


async def test_a_failure_nobody_foresaw_does_not_end_the_watch(
    spec: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a reload raises is logged with its traceback, and the next change is tried."""

    async def fail() -> None:
        raise ZeroDivisionError

    async with watched(spec) as app:
        with monkeypatch.context() as patch:
            patch.setattr(app, "reload", fail)
            save(spec, document("two"))
            await until(lambda: "ZeroDivisionError" in caplog.text)
        save(spec, document("three"))
        await serves(app, "three")


async def test_a_document_without_files_has_nothing_to_watch(
    spec: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A text or mapping cannot be watched; that is said, and nothing waits for ever."""
    await watch(App(document("one"), handlers))
    assert "Nothing to watch" in caplog.text


async def test_the_watch_ends_when_it_is_cancelled(spec: Path) -> None:
    """A cancelled watch leaves no task, and its thread goes too."""
    before = asyncio.all_tasks()
    async with watched(spec):
        pass
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("there", [True, False])
async def test_the_watch_rests(
    spec: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, there: bool
) -> None:
    """Nothing is read while nothing changes, even where the folders have gone; then it wakes."""
    reads: list[Path] = []
    digest = watching._digest

    def counted(file: Path) -> str:
        reads.append(file)
        return digest(file)

    monkeypatch.setattr(watching, "_digest", counted)
    async with watched(spec) as app:
        if there:
            save(spec, document("two"))
            await serves(app, "two")
        else:
            shutil.rmtree(spec.parent.parent)
            await until(lambda: "there is no such file" in caplog.text)
        await asyncio.sleep(0.5)  # the last look after the reload
        before = len(reads)
        await asyncio.sleep(1.0)
        assert len(reads) == before > 0
        save(spec, document("three"))
        await serves(app, "three")
