import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlite_utils
from sqlite_utils.migrations import Migrations

from webpbx.store import database, migrations
from webpbx.store.database import FILE, SHAPE, Database
from webpbx.store.errors import NewerDatabase


def shape(path: Path) -> list[tuple[str, str]]:
    raw = sqlite3.connect(path / FILE)
    rows = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    taken = raw.execute("SELECT name, applied_at FROM _sqlite_migrations ORDER BY id").fetchall()
    raw.close()
    return [*rows, *taken]


async def open_and_close(path: Path) -> None:
    await (await Database.open(path)).close()


async def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    await open_and_close(tmp_path)
    first = shape(tmp_path)
    await open_and_close(tmp_path)
    assert shape(tmp_path) == first
    assert {"tenants", "users", "trunks", "dids", "live_calls", "call_records"} <= {name for name, _ in first}


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    await open_and_close(tmp_path)
    raw = sqlite3.connect(tmp_path / FILE)
    raw.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('webpbx', 'next', 'later')")
    raw.execute(f"PRAGMA user_version = {SHAPE + 1}")
    raw.commit()
    raw.close()
    before = shape(tmp_path)
    with pytest.raises(NewerDatabase, match="newer version"):
        await Database.open(tmp_path)
    assert shape(tmp_path) == before


async def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await open_and_close(tmp_path)
    before = shape(tmp_path)
    steps = Migrations("webpbx")
    for step in migrations.steps._migrations:
        steps(name=step.name)(step.fn)

    @steps()
    def add_a_table(old: sqlite_utils.Database) -> None:
        old.conn.execute("CREATE TABLE half (id TEXT)")

    @steps()
    def then_fail(_: sqlite_utils.Database) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(migrations, "steps", steps)
    monkeypatch.setattr(database, "SHAPE", SHAPE + 2)
    with pytest.raises(RuntimeError, match="power cut"):
        await Database.open(tmp_path)
    assert shape(tmp_path) == before


@pytest.mark.process
def test_processes_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    program = "import asyncio, sys; from pathlib import Path; from webpbx.store.store import Store\n"
    program += (
        "async def main():\n  store = await Store.open(Path(sys.argv[1])); await store.close()\nasyncio.run(main())"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [child.communicate()[1] for child in children]
    assert said == [""] * 4
    assert (tmp_path / "secret.key").stat().st_size == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.key", FILE]


def test_the_number_of_the_shape_is_that_of_its_steps() -> None:
    assert len(migrations.steps._migrations) == SHAPE


async def test_a_trunk_of_the_third_shape_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Migrations("webpbx")
    for step in migrations.steps._migrations[:3]:
        steps(name=step.name)(step.fn)
    with monkeypatch.context() as before:
        before.setattr(migrations, "steps", steps)
        before.setattr(database, "SHAPE", 3)
        await open_and_close(tmp_path)
    raw = sqlite3.connect(tmp_path / FILE)
    raw.execute("INSERT INTO tenants VALUES ('acme', 'Acme', 'DE', 'de', 'Europe/Berlin', '', 'none', 1, 1, 20, '[]')")
    raw.execute(
        """INSERT INTO trunks VALUES ('acme', 'main', 'Main', 'register', '["192.0.2.1"]', '[]', 'u', '', '', '', '',
        '["PCMA"]', 'rfc4733', 'e164', 'DE', '', 30, 30, 300, 1)"""
    )
    raw.commit()
    raw.close()
    await open_and_close(tmp_path)
    raw = sqlite3.connect(tmp_path / FILE)
    row = raw.execute("SELECT transport, tls_authorities, srtp, caller_id_way, ring_limit FROM trunks").fetchone()
    raw.close()
    assert row == ("udp", "", "none", "from", 180)
