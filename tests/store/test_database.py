import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from webpbx.store.database import FILE, Connection, Database
from webpbx.store.errors import StoreUnusable

WRITER = """
import asyncio, sys
from pathlib import Path
from webpbx.store.database import Database

async def write():
    database = await Database.open(Path(sys.argv[1]))
    number = int(sys.argv[2])
    while True:
        row = {"call_id": f"c{number}", "node": "n", "tenant_id": "t", "epoch": 1, "started_ms": 1}
        row["body"] = "x" * 3000
        await database.write(lambda connection: connection.insert("live_calls", row))
        print(row["call_id"], flush=True)
        number += 1

asyncio.run(write())
"""


def live_row(call_id: str) -> dict[str, object]:
    return {"call_id": call_id, "node": "n", "tenant_id": "t", "epoch": 1, "started_ms": 1, "body": "{}"}


def acknowledged_before_being_killed(folder: Path, *, first: int, wait_for: int) -> set[str]:
    """Let a child write until so many writes were acknowledged, kill it, and give every acknowledged call id."""
    command = [sys.executable, "-c", WRITER, str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        ids = {writer.stdout.readline().strip() for _ in range(wait_for)}
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().splitlines(keepends=True)
    return ids | {line.strip() for line in rest if line.endswith("\n")}


@pytest.mark.process
async def test_what_was_acknowledged_outlives_a_killed_writer(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for life in range(5):
        acknowledged |= acknowledged_before_being_killed(tmp_path, first=life * 1000, wait_for=10 + 7 * life)
    database = await Database.open(tmp_path)
    rows = await database.read(lambda connection: connection.rows("SELECT call_id, body FROM live_calls"))
    health = await database.read(lambda connection: connection.row("PRAGMA integrity_check"))
    await database.close()
    assert health == {"integrity_check": "ok"}
    assert acknowledged <= {row["call_id"] for row in rows}
    assert len(acknowledged) >= 5 * 10
    assert {row["body"] for row in rows} == {"x" * 3000}


async def test_a_commit_is_on_the_disk_and_foreign_keys_hold(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)

    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [next(iter((connection.row(f"PRAGMA {name}") or {}).values())) for name in names]

    assert await database.write(pragmas) == ["wal", 2, 1]
    assert await database.read(pragmas) == ["wal", 2, 1]
    await database.close()


async def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        database = await Database.open(tmp_path / "data")
        await database.write(lambda connection: connection.insert("live_calls", live_row("c1")))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
        await database.close()
    finally:
        os.umask(old)
    assert modes == dict.fromkeys((FILE, f"{FILE}-wal", f"{FILE}-shm"), 0o600)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("place", ["file", "memory"])
async def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, place: str) -> None:
    database = await Database.open(tmp_path if place == "file" else None)

    def work(connection: Connection) -> None:
        connection.insert("live_calls", live_row("c1"))
        raise KeyError("c1")

    with pytest.raises(KeyError):
        await database.write(work)
    assert await database.read(lambda connection: connection.rows("SELECT * FROM live_calls")) == []
    await database.close()


async def test_readers_see_one_moment_while_a_write_is_under_way(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)
    loop = asyncio.get_running_loop()
    written, go_on = asyncio.Event(), asyncio.Event()

    def work(connection: Connection) -> None:
        connection.insert("live_calls", live_row("c1"))
        loop.call_soon_threadsafe(written.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    write = asyncio.create_task(database.write(work))
    await written.wait()
    count = "SELECT count(*) AS n FROM live_calls"
    assert await database.read(lambda connection: connection.row(count)) == {"n": 0}
    go_on.set()
    await write
    assert await database.read(lambda connection: connection.row(count)) == {"n": 1}
    await database.close()


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)
    with pytest.raises(StoreUnusable, match="cannot be written"):
        await database.read(lambda connection: connection.insert("live_calls", live_row("c1")))
    await database.close()


async def test_a_write_over_replaces_the_row_of_the_same_key() -> None:
    database = await Database.open(None)
    for body in ("first", "second"):
        row = live_row("c1") | {"body": body}
        await database.write(lambda connection, row=row: connection.insert("live_calls", row, replace=("call_id",)))  # type: ignore[misc]
    rows = await database.read(lambda connection: connection.rows("SELECT body FROM live_calls"))
    assert rows == [{"body": "second"}]
    await database.close()


async def test_a_damaged_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this was never a database, and it is long enough to be looked at" * 20)
    with pytest.raises(StoreUnusable, match="is damaged"):
        await Database.open(tmp_path)


async def test_a_database_held_by_another_program_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await Database.open(tmp_path)).close()
    monkeypatch.setattr("webpbx.store.database.LOCK_PATIENCE", 0.05)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnusable, match="held by another program"):
        await Database.open(tmp_path)
    other.close()


async def test_a_folder_that_is_a_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(StoreUnusable, match="cannot be used"):
        await Database.open(tmp_path / "data")


async def test_a_folder_without_the_right_to_write_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(
        "webpbx.store.database.os.open", refuse
    )  # root, who runs many test machines, may write anywhere
    with pytest.raises(StoreUnusable, match="give this user the right"):
        await Database.open(tmp_path)


async def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)

    def work(connection: Connection) -> None:
        connection.rows("PRAGMA max_page_count = 1")
        for number in range(200):
            connection.insert("live_calls", live_row(f"c{number}") | {"body": "x" * 5000})

    with pytest.raises(StoreUnusable, match="no room left"):
        await database.write(work)
    await database.close()


async def test_our_own_mistakes_are_not_called_a_broken_disk() -> None:
    database = await Database.open(None)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await database.read(lambda connection: connection.rows("SELECT * FROM elsewhere"))
    await database.close()
