"""One heap for every timer of the stack; time is handed in."""

import heapq
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TimerValues:
    """Hold the base values all timers are made of, in seconds (§17, table 4)."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def patience(self) -> float:
        """64·T1: how long a transaction is kept up."""
        return 64 * self.t1


class Timed(Protocol):
    """What owns timers: each letter runs until its deadline or until it is dropped from `deadlines`."""

    deadlines: dict[str, float]

    def fire(self, letter: str, now: float) -> None:
        """Act on a timer that has run out."""


_FEW = 1024
"""So many entries are kept without asking whether they are still wanted."""


class Timers:
    """Keep all deadlines of the stack in one heap; dropped ones are passed over when their time comes.

    As they hold on to their owners, they are swept out whenever the heap has doubled since the last time.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed, str]] = []
        self._count = 0
        self._sweep_at = _FEW

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, owner: Timed, letter: str, at: float) -> None:
        """Let `owner.fire(letter)` be called at a time; a timer of that letter starts anew."""
        owner.deadlines[letter] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, owner, letter))
        if len(self._heap) >= self._sweep_at:
            self._heap = [entry for entry in self._heap if entry[2].deadlines.get(entry[3]) == entry[0]]
            heapq.heapify(self._heap)
            self._sweep_at = max(_FEW, 2 * len(self._heap))

    def earliest(self) -> float | None:
        """Return the earliest deadline."""
        heap = self._heap
        while heap and heap[0][2].deadlines.get(heap[0][3]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def advance(self, now: float) -> None:
        """Fire what is due, in order."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, owner, letter = heapq.heappop(heap)
            if owner.deadlines.get(letter) == at:
                del owner.deadlines[letter]
                owner.fire(letter, now)
