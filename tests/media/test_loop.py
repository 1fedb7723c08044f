import functools
import socket

import pytest

from webpbx.media.loop import GATHER_FEW_SECONDS, GATHER_MANY_SECONDS, MANY, Loop


def test_timers_are_called_in_the_order_of_their_times_and_cancelled_ones_never() -> None:
    now = [100.0]
    loop = Loop(lambda: now[0])
    called: list[str] = []
    loop.call_at(103.0, lambda: called.append("third"))
    loop.call_at(101.0, lambda: called.append("first"))
    loop.call_at(102.0, lambda: called.append("cancelled")).cancel()
    loop.call_at(102.0, lambda: called.append("second"))
    now[0] = 110.0
    loop.turn()
    assert called == ["first", "second", "third"]
    loop.close()


def test_a_callback_that_fails_is_counted_and_the_others_are_called(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop(lambda: 0.0)
    called: list[str] = []
    loop.call_at(0.0, lambda: called.append(str(1 // 0)))
    loop.call_at(0.0, lambda: called.append("after"))
    loop.turn()
    assert called == ["after"]
    assert loop.errors == 1
    assert "ZeroDivisionError" in caplog.text
    loop.close()


def test_sockets_are_read_while_there_is_something_to_read() -> None:
    loop = Loop()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    received: list[bytes] = []
    loop.add_reader(ours.fileno(), lambda: received.append(ours.recv(100)), media=True)
    for data in (b"1", b"2", b"3"):
        theirs.send(data)
    loop.turn()
    assert received == [b"1", b"2", b"3"]
    loop.remove(ours.fileno())
    loop.remove(ours.fileno())
    for each in (ours, theirs):
        each.close()
    loop.close()


def emptied(ours: socket.socket) -> None:
    ours.recv(100)


def gathered_for(monkeypatch: pytest.MonkeyPatch, pairs: int) -> float:
    """Return how long the loop waits for further packets once so many sockets had some at a time."""
    loop = Loop()
    waits: list[float] = []
    monkeypatch.setattr("webpbx.media.loop.time.sleep", waits.append)
    both = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(pairs)]
    for ours, _ in both:
        loop.add_reader(ours.fileno(), functools.partial(emptied, ours), media=True)
    for _ in range(2):
        for _, theirs in both:
            theirs.send(b"1")
        loop.turn()
    for ours, theirs in both:
        ours.close()
        theirs.close()
    loop.close()
    return waits[-1]


def test_many_ready_sockets_are_waited_for_more_shortly_than_few(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gathered_for(monkeypatch, 1) == GATHER_FEW_SECONDS
    assert gathered_for(monkeypatch, MANY) == GATHER_MANY_SECONDS
