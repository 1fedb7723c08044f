from webpbx.sip.timers import Timers


class Owner:
    def __init__(self) -> None:
        self.deadlines: dict[str, float] = {}
        self.fired: list[tuple[str, float]] = []

    def fire(self, letter: str, now: float) -> None:
        self.fired.append((letter, now))


def test_timers_fire_in_order_and_once() -> None:
    timers, owner = Timers(), Owner()
    timers.set(owner, "B", 32.0)
    timers.set(owner, "A", 0.5)
    assert timers.earliest() == 0.5
    timers.advance(40.0)
    assert owner.fired == [("A", 40.0), ("B", 40.0)]
    assert timers.earliest() is None


def test_a_dropped_timer_and_one_set_anew_do_not_fire() -> None:
    timers, owner = Timers(), Owner()
    timers.set(owner, "A", 1.0)
    timers.set(owner, "A", 2.0)
    timers.set(owner, "B", 1.5)
    del owner.deadlines["B"]
    timers.advance(1.9)
    assert owner.fired == []
    timers.advance(2.0)
    assert owner.fired == [("A", 2.0)]


def test_what_ended_long_before_its_timers_does_not_fill_the_heap() -> None:
    timers = Timers()
    living = Owner()
    timers.set(living, "J", 32.0)
    for _ in range(20_000):
        gone = Owner()
        timers.set(gone, "refresh", 86_400.0)
        gone.deadlines.clear()
    assert len(timers) < 2_000
    timers.advance(32.0)
    assert living.fired == [("J", 32.0)]
