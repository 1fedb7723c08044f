"""SQLite: one writer thread, readers apart, every write whole or not at all and on the disk when it returns.

The SQL of the nouns keeps to what PostgreSQL takes as well: `$1, $2` parameters, text ids, integer milliseconds,
JSON as text, `INSERT … ON CONFLICT`.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from webpbx.store.errors import StoreUnusable
from webpbx.store.writer import Writer

T = TypeVar("T")
Row = dict[str, Any]

FILE = "webpbx.sqlite3"
LOCK_PATIENCE = 5.0  # seconds another program's write may take before ours gives up
READERS = 2
SHAPE = 6
"""How many steps of migrations.py the present shape has; a database that says so needs no look at them."""


class Connection:
    """What a piece of database work is handed: SQL in, rows out."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement with $1, $2 … and give its rows by column name."""
        cursor = self._raw.execute(sql, _named(values))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str, *values: Any) -> Row | None:
        """Give the first row, or None."""
        return next(iter(self.rows(sql, *values)), None)

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement and give how many rows it changed."""
        return self._raw.execute(sql, _named(values)).rowcount

    def insert(self, table: str, row: Mapping[str, Any], *, replace: tuple[str, ...] = ()) -> None:
        """Insert a row; with `replace`, the key columns, write over the row of the same key."""
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"  # noqa: S608 - names come from this package
        if replace:
            changes = ", ".join(f"{name} = excluded.{name}" for name in row if name not in replace)
            sql += f" ON CONFLICT ({', '.join(replace)}) DO UPDATE SET {changes}"
        self.run(sql, *row.values())


class Database:
    """The installation's database; `open` makes and migrates it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._opened: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._writer = Writer(self._connection)
        self._readers = ThreadPoolExecutor(READERS, "store-read") if path is not None else None

    @classmethod
    async def open(cls, folder: Path | None) -> Self:
        """Open the database in a data folder, or one in memory; raise StoreUnusable in plain words."""
        database = cls(folder / FILE if folder is not None else None)
        try:
            await database._result(database._writer.submit_alone(database._prepare))
        except BaseException:
            await database.close()
            raise
        return database

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the writer thread, whole or not at all; it is on the disk when this returns."""
        return await self._result(self._writer.submit(lambda raw: work(Connection(raw))))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a reader: it sees one moment of the database."""
        if self._readers is None:
            return await self.write(work)
        return await self._result(self._readers.submit(self._read, work))

    async def close(self) -> None:
        """Finish what was ordered and close the files."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        if self._readers is not None:
            self._readers.shutdown()
        self._writer.close()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _prepare(self) -> None:
        if self._path is not None:
            _prepare_folder(self._path)
        raw = self._connection()
        if self._path is not None:
            raw.execute("PRAGMA journal_mode = WAL")
        if raw.execute("PRAGMA user_version").fetchone()[0] != SHAPE:
            _migrate(raw)

    def _read(self, work: Callable[[Connection], T]) -> T:
        raw = self._connection(read_only=True)
        raw.execute("BEGIN")
        try:
            return work(Connection(raw))
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")

    def _connection(self, *, read_only: bool = False) -> sqlite3.Connection:
        raw: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if raw is None:
            place = str(self._path) if self._path is not None else ":memory:"
            raw = sqlite3.connect(place, timeout=LOCK_PATIENCE, isolation_level=None, check_same_thread=False)
            self._opened.append(raw)
            raw.execute("PRAGMA foreign_keys = ON")
            raw.execute("PRAGMA synchronous = FULL")
            if read_only:
                raw.execute("PRAGMA query_only = ON")  # a write here would be rolled back: better that it fails
            self._local.connection = raw
        return raw

    async def _result(self, future: "Future[T]") -> T:
        try:
            return await asyncio.wrap_future(future)
        except sqlite3.Error as error:
            raise _plain(error, self._path) from error


def _migrate(raw: sqlite3.Connection) -> None:
    """Take the missing steps. What they need is a quarter of the start, which is spared when there are none."""
    import sqlite_utils  # noqa: PLC0415

    from webpbx.store.migrations import migrate  # noqa: PLC0415

    migrate(sqlite_utils.Database(raw))
    raw.execute(f"PRAGMA user_version = {SHAPE}")


def _named(values: tuple[Any, ...]) -> dict[str, Any]:
    return {str(number): value for number, value in enumerate(values, 1)}


def _prepare_folder(path: Path) -> None:
    """Make the data folder (0700) and the database file (0600); SQLite gives its -wal and -shm the same rights."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise StoreUnusable(
            f"The data folder {path.parent} cannot be used ({error.strerror}): choose another with --data, "
            "or give this user the right to write there.",
            path=str(path.parent),
        ) from error


def _plain(error: sqlite3.Error, path: Path | None) -> Exception:
    """Say in a sentence what ails the database file; faults of our own SQL stay what they are."""
    said = str(error).lower()
    place = str(path)
    if "locked" in said or "busy" in said:
        text = f"The database {place} is held by another program: end that program, then try again."
    elif "readonly" in said or "read-only" in said:
        text = f"The database {place} cannot be written: give this user the right to write it and its folder."
    elif "unable to open" in said:
        text = f"The database {place} cannot be opened: see that the folder exists and this user may write there."
    elif "full" in said:
        text = f"The database {place} has no room left on its disk: free some space."
    elif "disk i/o" in said:
        text = f"The disk under the database {place} does not work ({error}): check the disk."
    elif "not a database" in said or "malformed" in said:
        text = f"The database {place} is damaged ({error}): put a backup in its place, or move it away to start anew."
    else:
        return error
    return StoreUnusable(text, path=place)
