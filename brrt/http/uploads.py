"""Multipart bodies in: from ASGI messages to parts, bounded in number, size and time.

The syntax is python-multipart's affair, a file Starlette's `UploadFile`: in memory up to
`spool_size`, on disk beyond it, and written there by a thread. What the parts mean is not known
here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers, UploadFile

from brrt.config import Limits
from brrt.errors import ClientGone, Problem, ServiceUnavailable
from brrt.http.bodies import Receive, in_time, refuse_longer, too_large
from brrt.openapi.parts import IsFile, Part
from brrt.runtime.patience import Patience
from brrt.runtime.tasks import outlast

logger = logging.getLogger("brrt")

# In the place of the parser's own logger, to which each malformed body would write a line.
_SILENCE: Final = logging.Logger("silence", logging.CRITICAL + 1)  # noqa: LOG001 - in no tree
# Bytes of one header of a part: a long file name in several languages fits. There are eight of
# them at the most, which is python-multipart's own bound.
MAX_PART_HEADER: Final = 8_192


async def read_parts(
    receive: Receive,
    headers: Mapping[bytes, bytes],
    is_file: IsFile,
    limits: Limits,
    patience: Patience,
) -> list[Part]:
    """All parts of a request's body.

    `headers` are those of the request, `is_file` says which parts are kept as files, `patience`
    is the time that the body may take. Raises `Problem` 400, 408 and 413, `LifecycleError`, and
    `ClientGone`; no file is left open then.
    """
    refuse_longer(headers.get(b"content-length"), limits.max_upload)
    collector = _Collector(_boundary(headers[b"content-type"]), is_file, limits)
    try:
        await in_time(_take_all(receive, collector.feed, limits.max_upload), patience)
        collector.finish()
    except BaseException:
        collector.close()
        raise
    return collector.parts


async def read_file(
    receive: Receive, headers: Mapping[bytes, bytes], limits: Limits, patience: Patience
) -> list[Part]:
    """A body that is no form, as one file: a list, so that it is closed like the parts of a form.

    Raises `Problem` 408 and 413, `LifecycleError`, and `ClientGone`; no file is left open then.
    """
    refuse_longer(headers.get(b"content-length"), limits.max_upload)
    options = parse_options_header(headers.get(b"content-disposition"))[1]
    kept = {name: headers[name] for name in (b"content-type",) if name in headers}
    name = _text(options.get(b"filename"))
    file = _new_file(name, kept, limits)
    try:
        store = partial(_store, file, limits=limits)
        size = await in_time(_take_all(receive, store, limits.max_upload), patience)
        _rewind(file)
    except BaseException:
        _close(file)
        raise
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    return [Part(None, name, content_type, kept, b"", file, size)]


async def refit_parts(parts: list[Part], is_file: IsFile, limits: Limits) -> None:
    """Make files of the parts that are files to another document, and of no others.

    For a body that came in under a document that has changed since; `parts` is changed in its
    place. Raises `Problem` 413 and 503.
    """
    held = 0
    for place, part in enumerate(parts):
        is_kept = is_file(place, part.name, part.filename)
        if is_kept and part.file is None:
            file = _new_file(part.filename, part.headers, limits)
            parts[place] = replace(part, data=b"", file=file, size=len(part.data))
            await _store(file, part.data, limits)
            _rewind(file)
        elif not is_kept:
            held += part.size if part.file is not None else len(part.data)
            _check_held(held, limits)
            if part.file is not None:
                data = await part.file.read()
                parts[place] = replace(part, data=data, file=None, size=0)
                _close(part.file)


def close_files(parts: list[Part]) -> None:
    """Close the files of some parts. What is on disk is gone then."""
    for part in parts:
        if part.file is not None:
            _close(part.file)


def _close(file: UploadFile) -> None:
    """Close a file. What a full disk did not take is tried once more then, and wanted by nobody."""
    with suppress(OSError):
        file.file.close()


async def _take_all(receive: Receive, take: Callable[[bytes], Awaitable[None]], limit: int) -> int:
    """Hand over a whole body as it comes. Returns its size."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        data = message.get("body", b"")
        size += len(data)
        if size > limit:
            raise too_large(limit)
        await take(data)
        more = message.get("more_body", False)
    return size


def _boundary(content_type: bytes) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise Problem(400, detail="the body is multipart without a boundary")
    return boundary


class _Collector:
    """Collects parts from the parser's callbacks; what goes to files waits for `feed`."""

    def __init__(self, boundary: bytes, is_file: IsFile, limits: Limits) -> None:
        self.parts: list[Part] = []
        self._is_file = is_file
        self._limits = limits
        self._held = 0  # bytes of the parts that are no files
        self._is_over = False
        self._waiting: list[tuple[UploadFile, bytes]] = []
        self._begin()
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._content,
            "on_part_end": self._end,
            "on_end": self._over,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks, max_header_size=MAX_PART_HEADER)
        except FormParserError as error:
            raise _malformed(error) from None
        self._parser.logger = _SILENCE

    async def feed(self, data: bytes) -> None:
        """Parse some bytes, and write what belongs to files."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(error) from None
        waiting, self._waiting = self._waiting, []
        for file, piece in waiting:
            await _store(file, piece, self._limits)

    def close(self) -> None:
        """Close all files, that of an unfinished part included."""
        close_files(self.parts)
        if self._file is not None:
            _close(self._file)

    def finish(self) -> None:
        """The body is complete: so must the last part be. Rewinds the files."""
        if not self._is_over:
            raise Problem(400, detail="the body is multipart that ends before its last boundary")
        for part in self.parts:
            if part.file is not None:
                _rewind(part.file)

    # The parser's callbacks

    def _begin(self) -> None:
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._data = bytearray()
        self._written = 0
        self._file: UploadFile | None = None
        self._names: tuple[str | None, str | None] = (None, None)

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers.setdefault(self._name.lower(), self._value.strip(b" \t"))
        self._name = self._value = b""

    def _headers_end(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition"))[1]
        self._names = _text(options.get(b"name")), _text(options.get(b"filename"))
        if len(self.parts) >= self._limits.max_parts:
            raise Problem(413, detail=f"the body has more than {self._limits.max_parts} parts")
        if self._is_file(len(self.parts), *self._names):
            self._file = _new_file(self._names[1], self._headers, self._limits)

    def _content(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._file is not None:
            self._written += len(piece)
            self._waiting.append((self._file, piece))
            return
        self._held += len(piece)
        _check_held(self._held, self._limits)
        self._data += piece

    def _end(self) -> None:
        name, filename = self._names
        content_type = self._headers.get(b"content-type", b"").decode("latin-1")
        file, self._file = self._file, None
        data = bytes(self._data)
        part = Part(name, filename, content_type, self._headers, data, file, self._written)
        self.parts.append(part)

    def _over(self) -> None:
        self._is_over = True


def _new_file(filename: str | None, headers: Mapping[bytes, bytes], limits: Limits) -> UploadFile:
    spool: Any = SpooledTemporaryFile(max_size=limits.spool_size)  # noqa: SIM115 - outlives this call
    raw = list(headers.items())
    return UploadFile(spool, size=0, filename=filename, headers=Headers(raw=raw))


async def _store(file: UploadFile, piece: bytes, limits: Limits) -> None:
    """Write a piece of a file. Raises `Problem` 503 where that cannot be done."""
    with _disk():
        if (file.size or 0) + len(piece) <= limits.spool_size:
            await file.write(piece)
        else:
            await _store_on_disk(file, piece)


def _rewind(file: UploadFile) -> None:
    """Go to a file's beginning, which writes its last bytes. Raises `Problem` 503 like `_store`."""
    with _disk():
        file.file.seek(0)


@contextmanager
def _disk() -> Generator[None, None, None]:
    """Around what writes to disk. One line for each failure: a log may be on the same disk."""
    try:
        yield
    except OSError as error:
        logger.error("An upload could not be stored: %s", error)  # noqa: TRY400
        raise ServiceUnavailable("the upload could not be stored; try again later") from error


async def _store_on_disk(file: UploadFile, piece: bytes) -> None:
    """A thread that writes goes on when nobody waits any more: so it is waited for.

    It would open again what was closed under its hands.
    """
    writing = asyncio.create_task(file.write(piece), name="brrt upload")
    try:
        await outlast(lambda: () if writing.done() else (writing,))
    finally:
        error = writing.exception()
    if error is not None:
        raise error


def _check_held(size: int, limits: Limits) -> None:
    if size > limits.max_body:
        detail = f"the parts beside files are larger than {limits.max_body} bytes"
        raise Problem(413, detail=detail)


def _text(raw: bytes | None) -> str | None:
    """A name in UTF-8 (RFC 7578, section 5.1), or None where there is none."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Problem(400, detail="the name of a part is not UTF-8") from None


def _malformed(error: FormParserError) -> Problem:
    return Problem(400, detail=f"the body is not valid multipart: {error}")


__all__ = ["UploadFile", "close_files", "read_file", "read_parts", "refit_parts"]
