"""The body of a request as its handler wants it: whole, in parts, as a file, or bit by bit.

A reload may come while a body does: what is in hand by then is made into what the new handler
wants, so that nobody has to send it again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from brrt.config import Limits
from brrt.http.bodies import Receive, read_body, refuse_longer, too_large
from brrt.http.intake import Inflow, in_hand
from brrt.http.uploads import close_files, read_file, read_parts, refit_parts
from brrt.openapi.bodies import BodyReader, Data
from brrt.openapi.parts import IsFile, Part
from brrt.running import Run
from brrt.runtime.jobs import Job
from brrt.runtime.pool import Pool

Body: TypeAlias = Data | Inflow
Headers: TypeAlias = Mapping[bytes, bytes]


async def read(
    run: Run,
    pool: Pool,
    reader: BodyReader,
    limits: Limits,
    headers: Headers,
    receive: Receive,
    held: Body | None,
) -> Body:
    """The body of a request. What is `held` was read for a document that has changed since.

    Raises `Problem` 400, 408, 413, 415 and 503, `Shed`, `LifecycleError` and `ClientGone`.
    """
    is_file = reader.accept(headers.get(b"content-type"), headers.get(b"content-encoding"))
    if held is None and is_file is None and reader.how == "whole":  # nearly always
        pool.begin_reading()
        try:
            length = headers.get(b"content-length")
            return await read_body(receive, length, limits.max_body, run.patience)
        finally:
            pool.end_reading()
    return await _Reading(run, pool, reader, limits, headers, receive).read(is_file, held)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A body that does not come whole out of the wire, or not out of the wire at all."""

    run: Run
    pool: Pool
    reader: BodyReader
    limits: Limits
    headers: Headers
    receive: Receive

    async def read(self, is_file: IsFile | None, held: Body | None) -> Body:
        headers, how, limits = self.headers, self.reader.how, self.limits
        if isinstance(held, list) and is_file is None and how != "file":
            held = await self._whole(held)
        if how in ("pieces", "items"):
            refuse_longer(headers.get(b"content-length"), limits.max_upload)
            return self._inflow(self._after(held) if isinstance(held, bytes) else self.receive)
        if isinstance(held, bytes):
            return held if how != "file" else await self._file(self._after(held))
        if isinstance(held, list):
            if is_file is not None:
                await refit_parts(held, is_file, limits)
            return held
        self.pool.begin_reading()
        try:
            return await self._from_client(is_file)
        finally:
            self.pool.end_reading()

    async def _from_client(self, is_file: IsFile | None) -> Data:
        run, headers, limits = self.run, self.headers, self.limits
        if is_file is not None:
            return await read_parts(self.receive, headers, is_file, limits, run.upload_patience)
        if self.reader.how == "file":
            return await self._file(self.receive)
        length = headers.get(b"content-length")
        return await read_body(self.receive, length, limits.max_body, run.patience)

    async def _file(self, receive: Receive) -> list[Part]:
        return await read_file(receive, self.headers, self.limits, self.run.upload_patience)

    def _after(self, held: bytes) -> Receive:
        """What receives a body that is in hand, and then what its client does."""
        return in_hand(held, self.receive)

    def _inflow(self, receive: Receive) -> Inflow:
        limits = self.limits
        intake = self.reader.intake(self.headers.get(b"content-type"), limits.max_body)
        return Inflow(self.reader.name, receive, intake, limits, self.run.stream_patience)

    async def _whole(self, held: list[Part]) -> bytes:
        """The bytes of a body that was kept as a file. Raises `Problem` 413."""
        (part,) = held
        try:
            if part.size > self.limits.max_body and self.reader.how == "whole":
                raise too_large(self.limits.max_body)
            data: bytes = await part.file.read()
            return data
        finally:
            close_files(held)


def release(parts: list[Part], job: Job | None) -> None:
    """Close the files of a request as soon as no handler can read them any more."""
    task = None
    if job is not None:
        task = job.task if job.stream is None else job.stream.task
    if task is None or task.done():
        close_files(parts)
    else:
        done: asyncio.Task[None] = task
        done.add_done_callback(lambda _: close_files(parts))
