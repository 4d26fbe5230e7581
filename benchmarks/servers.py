"""Processes that serve for as long as a measurement lasts: started, waited for, and stopped."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
# Seconds for a server to listen, and for it to end once it was told to.
PATIENCE: Final = 60.0


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pinned(core: int | None) -> list[str]:
    """The prefix that keeps a command on one core, where the system can."""
    if core is None or (os.cpu_count() or 1) < 2 or not shutil.which("taskset"):
        return []
    return ["taskset", "-c", str(core)]


@asynccontextmanager
async def serve(
    arguments: Sequence[str],
    port: int,
    *,
    core: int | None = None,
    environment: Mapping[str, str] | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m *arguments` until the block ends. It listens on `port` when that begins.

    Raises `RuntimeError` if it does not start, or has to be killed at the end.
    """
    process = await asyncio.create_subprocess_exec(
        *pinned(core),
        sys.executable,
        "-m",
        *arguments,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=stdout,
        stderr=stderr,
    )
    try:
        await listening(port, process)
        yield process
    finally:
        await end(process)


async def listening(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until somebody accepts connections. Raises `RuntimeError` if that does not happen."""
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
    raise RuntimeError(f"the server ended with {process.returncode} before it listened")


async def end(process: asyncio.subprocess.Process) -> int:
    """Stop a process by SIGTERM; its exit code. Raises `RuntimeError` if it has to be killed."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            return await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise RuntimeError(f"the server did not stop within {PATIENCE:g} s") from None
