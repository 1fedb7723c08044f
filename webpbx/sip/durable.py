"""Deeds that wait until the state they rest upon is written (write first, then tell the far end)."""

from collections import deque
from collections.abc import Callable

Deed = Callable[[float], None]


class Durable:
    """Perform deeds in order, each after every write that was ordered before it."""

    def __init__(self) -> None:
        self._waiting = 0
        self._deeds: deque[Deed] = deque()

    def wait(self) -> None:
        """Note that a write was ordered."""
        self._waiting += 1

    @property
    def is_awaited(self) -> bool:
        """Tell whether any deed waits for a write."""
        return bool(self._deeds)

    def perform(self, deed: Deed, now: float) -> None:
        """Do it now, or once what was ordered is written."""
        if self._waiting:
            self._deeds.append(deed)
        else:
            deed(now)

    def written(self, now: float) -> None:
        """Note that a write is done, and do what waited for it."""
        self._waiting = max(self._waiting - 1, 0)
        while self._deeds and not self._waiting:
            self._deeds.popleft()(now)

    def hurry(self, now: float) -> None:
        """Do everything without waiting any longer."""
        self._waiting = 0
        while self._deeds:
            self._deeds.popleft()(now)

    def clear(self) -> None:
        """Let everything go undone."""
        self._waiting = 0
        self._deeds.clear()
