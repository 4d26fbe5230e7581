"""The body of a request as its handler wants it: whole, in parts, as a file, or bit by bit.

A reload may come while a body does: what is in hand by then is made into what the new handler
wants, so that nobody has to send it again.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeAlias

from brrt.config import Limits
from brrt.http.bodies import Receive, read_body, refuse_longer, too_large
from brrt.http.intake import Inflow, in_hand
from brrt.http.uploads import close_files, read_file, read_parts, refit_parts
from brrt.openapi.bodies import BodyReader, Data
from brrt.openapi.parts import IsFile, Part
from brrt.runtime.jobs import Job
from brrt.runtime.patience import Patience
from brrt.runtime.pool import Pool

Body: TypeAlias = Data | Inflow
Headers: TypeAlias = Mapping[bytes, bytes]


class Reading:
    """Reads one body for one handler. Raises `Problem` 400, 408, 413 and 415, and `ClientGone`.

    `patience` is for bodies that are kept in memory, `uploads` for those on disk, `steps` for each
    step of those that the handler reads.
    """

    def __init__(
        self,
        reader: BodyReader,
        limits: Limits,
        headers: Headers,
        receive: Receive,
        patience: tuple[Patience, Patience, Patience],
    ) -> None:
        self._reader = reader
        self._limits = limits
        self._headers = headers
        self._receive = receive
        self._patience, self._uploads, self._steps = patience

    async def read(self, pool: Pool, held: Body | None) -> Body:
        """The body. What is `held` was read for a document that has changed since."""
        headers, how = self._headers, self._reader.how
        kind = headers.get(b"content-type")
        is_file = self._reader.accept(kind, headers.get(b"content-encoding"))
        if isinstance(held, list) and is_file is None and how != "file":
            held = await self._whole(held)
        if how in ("pieces", "items"):
            refuse_longer(headers.get(b"content-length"), self._limits.max_upload)
            return self._inflow(self._after(held) if isinstance(held, bytes) else self._receive)
        if isinstance(held, bytes):
            if how != "file":
                return held
            return await read_file(self._after(held), headers, self._limits, self._uploads)
        if isinstance(held, list):
            if is_file is not None:
                await refit_parts(held, is_file, self._limits)
            return held
        pool.begin_reading()
        try:
            return await self._from_client(is_file)
        finally:
            pool.end_reading()

    async def _from_client(self, is_file: IsFile | None) -> Data:
        receive, headers, limits = self._receive, self._headers, self._limits
        if is_file is not None:
            return await read_parts(receive, headers, is_file, limits, self._uploads)
        if self._reader.how == "file":
            return await read_file(receive, headers, limits, self._uploads)
        length = headers.get(b"content-length")
        return await read_body(receive, length, limits.max_body, self._patience)

    def _after(self, held: bytes) -> Receive:
        """What receives a body that is in hand, and then what its client does."""
        return in_hand(held, self._receive)

    def _inflow(self, receive: Receive) -> Inflow:
        limits = self._limits
        intake = self._reader.intake(self._headers.get(b"content-type"), limits.max_body)
        return Inflow(self._reader.name, receive, intake, limits, self._steps)

    async def _whole(self, held: list[Part]) -> bytes:
        """The bytes of a body that was kept as a file. Raises `Problem` 413."""
        (part,) = held
        try:
            if part.size > self._limits.max_body and self._reader.how == "whole":
                raise too_large(self._limits.max_body)
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
