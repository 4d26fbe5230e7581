"""The door of a service that is stormed: its state, and changes without pause, on demand.

It is ASGI around an `App` and answers for itself below `/storm/`, so that what it tells does not
depend on what is being ill-treated:

- `/storm/state`: the process, its tasks by name, its open files, and the changes so far;
- `/storm/begin?change=reload&every=0.05`: begin to change the app, each time when it is due
  whether or not the last change is complete, `TOGETHER` at the most; `/storm/end`: stop that;
- `/storm/disk?bytes=4096`: no file grows beyond this any more; `-1` takes that back.
"""

import asyncio
import json
import os
import re
import resource
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from brrt import App

Change = Callable[[App, int], Awaitable[None]]

PREFIX: Final = "/storm/"
# Changes that are made at once. One takes as long as the slowest request that it has to wait for.
TOGETHER: Final = 8
# Failures that are told.
MOST_FAILURES: Final = 5


class Door:
    """An `App`, which `brrt run` finds as `app`, and what may be done to it, by name."""

    def __init__(self, app: App, changes: Mapping[str, Change]) -> None:
        self.app = app
        self._changes = changes
        self._changing: asyncio.Task[None] | None = None
        self._made = 0
        self._failed: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI 3."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        query = dict(parse_qsl(scope["query_string"].decode()))
        await self._obey(scope["path"].removeprefix(PREFIX), query)
        body = json.dumps(self._state()).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _obey(self, command: str, query: Mapping[str, str]) -> None:
        if command == "begin":
            change, every = self._changes[query["change"]], float(query["every"])
            self._changing = asyncio.create_task(self._change(change, every), name="storm")
        elif command == "end" and self._changing is not None:
            self._changing.cancel()
            await asyncio.wait([self._changing])
        elif command == "disk":
            limit_files(int(query["bytes"]))

    def _state(self) -> dict[str, Any]:
        names = (re.sub(r"\d+", "N", task.get_name()) for task in asyncio.all_tasks())
        return {
            "process": os.getpid(),
            "tasks": Counter(names),
            "files": len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,  # noqa: PTH208, PTH112
            "changes": self._made,
            "failed": self._failed,
        }

    async def _change(self, change: Change, every: float) -> None:
        """Change the app whenever it is due. A cancellation is the end, after the last change."""
        loop, room, count = asyncio.get_running_loop(), asyncio.Semaphore(TOGETHER), 0
        began = loop.time()
        async with asyncio.TaskGroup() as changes:
            try:
                while True:
                    await room.acquire()
                    count += 1
                    changes.create_task(self._change_once(change, count, room), name="storm change")
                    await asyncio.sleep(max(began + count * every - loop.time(), 0))
            except asyncio.CancelledError:
                pass

    async def _change_once(self, change: Change, count: int, room: asyncio.Semaphore) -> None:
        try:
            await change(self.app, count)
            self._made += 1
        except Exception as error:
            if len(self._failed) < MOST_FAILURES:
                self._failed.append(repr(error))
        finally:
            room.release()


def limit_files(size: int) -> None:
    """Let no file grow beyond `size` bytes: to whoever writes, the disk is full (`EFBIG`)."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
