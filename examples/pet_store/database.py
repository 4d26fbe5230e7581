"""SQLite beside an event loop.

One thread owns the one connection. A call is one function that runs one whole transaction in
that thread, so the loop is never blocked, calls never mix, and a caller that is cancelled in the
middle leaves nothing open: its transaction ends in the thread as if it had been waited for. A
call that is cancelled before its turn is never run.

Nothing here knows what is stored, nor anything of HTTP.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")

# Seconds to wait for another process that writes to the same file.
BUSY_TIMEOUT = 5.0


class Database:
    """A connection and the thread that owns it; made by `open_database`."""

    def __init__(self, thread: ThreadPoolExecutor, connection: sqlite3.Connection) -> None:
        self._thread = thread
        self._connection = connection

    async def query(self, statement: str, **values: object) -> list[sqlite3.Row]:
        """Run one statement, which is a transaction by itself, and fetch its rows."""
        return await self._run(lambda: self._connection.execute(statement, values).fetchall())

    async def read(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run `transaction`; all its queries see the same state."""
        return await self._run(lambda: self._transact("BEGIN", transaction))

    async def write(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run `transaction`: committed when it returns, undone when it raises."""
        return await self._run(lambda: self._transact("BEGIN IMMEDIATE", transaction))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _transact(self, begin: str, transaction: Callable[[sqlite3.Connection], T]) -> T:
        with self._connection:
            self._connection.execute(begin)
            return transaction(self._connection)


@asynccontextmanager
async def open_database(
    path: str, migrations: Sequence[Sequence[str]], seed: Sequence[str]
) -> AsyncGenerator[Database, None]:
    """Open the file at `path` (or ":memory:"), bring it up to date, and close it at the end.

    Raises `sqlite3.Error` if it cannot be opened, or was written by a newer release.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="pet store") as thread:
        connection = await loop.run_in_executor(thread, _connect, path)
        try:
            database = Database(thread, connection)
            await database.write(lambda connection: _migrate(connection, migrations, seed))
            yield database
        finally:
            await loop.run_in_executor(thread, connection.close)


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    deadline = time.monotonic() + BUSY_TIMEOUT
    while not _write_ahead(connection):
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError(f"{path} is locked by another process")
        time.sleep(0.01)
    return connection


def _write_ahead(connection: sqlite3.Connection) -> bool:
    """Switch to the write-ahead log, so that readers and a writer do not wait for each other.

    False if another process is just opening the same new file: for this one statement SQLite does
    not wait by itself.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        primary_code = error.sqlite_errorcode & 0xFF  # sqlite.org/rescode.html, section 3
        if primary_code != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _migrate(
    connection: sqlite3.Connection, migrations: Sequence[Sequence[str]], seed: Sequence[str]
) -> None:
    """Run the steps that this database has not been through, and the seed if it is new."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise sqlite3.DatabaseError(
            f"the database has version {version}, this release knows {len(migrations)}: "
            "update the release, or choose another file"
        )
    for step in migrations[version:]:
        for statement in step:
            connection.execute(statement)
    if version == 0:
        for statement in seed:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(migrations)}")
