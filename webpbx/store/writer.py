import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
LARGEST_GROUP = 64  # works that share one commit


@dataclass
class _Order:
    work: Callable[..., Any]
    future: "Future[Any]"
    alone: bool


class Writer:
    """The one thread that writes: works that wait at the same time share a transaction and its one fsync.

    Each work is whole or not at all (a savepoint of its own), and its future is done only after the commit.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Order a work."""
        future: Future[T] = Future()
        self._orders.put(_Order(work, future, alone=False))
        return future

    def submit_alone(self, work: Callable[[], T]) -> "Future[T]":
        """Order a work outside any transaction, as migrations and pragmas need it."""
        future: Future[T] = Future()
        self._orders.put(_Order(work, future, alone=True))
        return future

    def close(self) -> None:
        """Finish what was ordered and end the thread (blocking)."""
        self._orders.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            waiting = [self._orders.get()]
            while len(waiting) < LARGEST_GROUP and not self._orders.empty():  # nobody else takes from the queue
                waiting.append(self._orders.get())
            group: list[_Order] = []
            for order in waiting:
                if order is not None and not order.alone:
                    group.append(order)
                    continue
                self._do_group(group)
                group = []
                if order is None:
                    return
                self._do_alone(order)
            self._do_group(group)

    def _do_alone(self, order: _Order) -> None:
        if order.future.set_running_or_notify_cancel():
            try:
                order.future.set_result(order.work())
            except BaseException as error:  # noqa: BLE001 - whoever awaits it gets it
                order.future.set_exception(error)

    def _do_group(self, group: list[_Order]) -> None:
        group = [order for order in group if order.future.set_running_or_notify_cancel()]
        if not group:
            return
        try:
            outcomes = _transaction(self._connect(), group)
        except BaseException as error:  # noqa: BLE001 - whoever awaits it gets it
            for order in group:
                order.future.set_exception(error)
            return
        for order, (result, fault) in zip(group, outcomes, strict=True):
            if fault is not None:
                order.future.set_exception(fault)
            else:
                order.future.set_result(result)


def _transaction(raw: sqlite3.Connection, group: list[_Order]) -> list[tuple[Any, BaseException | None]]:
    raw.execute("BEGIN IMMEDIATE")
    try:
        outcomes = [_outcome(raw, order) for order in group]
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise
    return outcomes


def _outcome(raw: sqlite3.Connection, order: _Order) -> tuple[Any, BaseException | None]:
    """Do one work in its savepoint; an error that has ended the whole transaction (a full disk) is raised."""
    raw.execute("SAVEPOINT work")
    try:
        result = order.work(raw)
    except BaseException as error:
        if not raw.in_transaction:
            raise
        raw.execute("ROLLBACK TO work")
        raw.execute("RELEASE work")
        return None, error
    raw.execute("RELEASE work")
    return result, None
