import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from webpbx.store.writer import LARGEST_GROUP, Writer


class Desk:
    """A writer on a table of one column, and the statements its connection was given."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        self._raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._raw.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
        self._raw.set_trace_callback(self.said.append)
        self.writer = Writer(lambda: self._raw)

    def hold(self) -> threading.Event:
        """Keep the writer busy until the event is set, so that what is ordered meanwhile waits."""
        busy, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            busy.set()
            go_on.wait()

        self.writer.submit_alone(wait)
        busy.wait()
        return go_on

    def add(self, number: int, *, then: Exception | None = None) -> "Future[int]":
        def work(raw: sqlite3.Connection) -> int:
            raw.execute("INSERT INTO t VALUES (?)", (number,))
            if then is not None:
                raise then
            return number

        return self.writer.submit(work)

    def numbers(self) -> list[int]:
        return [row[0] for row in self._raw.execute("SELECT n FROM t ORDER BY n")]

    def close(self) -> None:
        self.writer.close()
        self._raw.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "t.sqlite3")
    yield desk
    desk.close()


def test_works_that_wait_share_one_commit(desk: Desk) -> None:
    go_on = desk.hold()
    futures = [desk.add(number) for number in range(10)]
    go_on.set()
    assert [future.result() for future in futures] == list(range(10))
    assert desk.said.count("COMMIT") == 1
    assert desk.numbers() == list(range(10))


def test_a_work_that_fails_takes_no_other_with_it(desk: Desk) -> None:
    go_on = desk.hold()
    futures = [desk.add(1), desk.add(2, then=KeyError("two")), desk.add(3), desk.add(3)]
    go_on.set()
    assert futures[0].result() == 1
    with pytest.raises(KeyError):
        futures[1].result()
    assert futures[2].result() == 3
    with pytest.raises(sqlite3.IntegrityError):
        futures[3].result()
    assert desk.numbers() == [1, 3]


def test_when_the_commit_fails_nobody_is_told_it_was_written(desk: Desk) -> None:
    def end_the_transaction(raw: sqlite3.Connection) -> None:
        raw.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    go_on = desk.hold()
    futures: list[Future[Any]] = [desk.add(1), desk.writer.submit(end_the_transaction), desk.add(2)]
    go_on.set()
    for future in futures:
        with pytest.raises(sqlite3.OperationalError, match="full"):
            future.result()
    assert desk.add(4).result() == 4
    assert desk.numbers() == [4]


def test_a_work_cancelled_while_it_waits_is_not_done(desk: Desk) -> None:
    go_on = desk.hold()
    first, second = desk.add(1), desk.add(2)
    assert first.cancel()
    go_on.set()
    assert second.result() == 2
    assert desk.numbers() == [2]


def test_a_work_alone_comes_in_its_turn_and_outside_any_transaction(desk: Desk) -> None:
    go_on = desk.hold()
    before = desk.add(1)
    seen = desk.writer.submit_alone(lambda: (desk.numbers(), desk._raw.in_transaction))
    desk.add(2)
    go_on.set()
    assert before.result() == 1
    assert seen.result() == ([1], False)


def test_closing_finishes_what_was_ordered(desk: Desk) -> None:
    go_on = desk.hold()
    futures = [desk.add(number) for number in range(3 * LARGEST_GROUP)]
    go_on.set()
    desk.writer.close()
    assert [future.result() for future in futures] == list(range(3 * LARGEST_GROUP))
    assert 3 <= desk.said.count("COMMIT") <= 4
