from webpbx.media.latch import Latch

SAID = ("192.0.2.1", 4000)


def test_the_announced_address_is_learnt_at_once() -> None:
    latch = Latch(SAID, window=1.0)
    assert latch.admits(SAID, 1, 1, 0.0)
    assert latch.source == SAID


def test_another_address_needs_two_packets_in_a_row_of_one_stream() -> None:
    latch = Latch(SAID, window=1.0)
    behind = ("198.51.100.7", 9)
    assert not latch.admits(behind, 1, 10, 0.0)
    assert not latch.admits(behind, 2, 11, 0.0)
    assert not latch.admits(behind, 2, 13, 0.0)
    assert latch.admits(behind, 2, 14, 0.0)


def test_once_locked_nobody_else_gets_in_save_the_announced_address_soon_after() -> None:
    latch = Latch(SAID, window=1.0)
    behind, other = ("198.51.100.7", 9), ("198.51.100.8", 9)
    latch.admits(behind, 1, 1, 0.0)
    latch.admits(behind, 1, 2, 0.0)
    assert not latch.admits(other, 1, 3, 0.5)
    assert not latch.admits(other, 1, 4, 0.5)
    assert latch.admits(SAID, 1, 5, 0.9)
    assert not latch.admits(behind, 1, 6, 0.9)


def test_the_announced_address_comes_too_late() -> None:
    latch = Latch(SAID, window=1.0)
    behind = ("198.51.100.7", 9)
    latch.admits(behind, 1, 1, 0.0)
    latch.admits(behind, 1, 2, 0.0)
    assert not latch.admits(SAID, 1, 5, 1.5)


def test_a_spray_does_not_fill_memory() -> None:
    latch = Latch(SAID, window=1.0)
    for number in range(1000):
        assert not latch.admits(("203.0.113.1", number), number, number * 3, 0.0)
    assert len(latch._candidates) == 8
