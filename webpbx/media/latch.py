"""From where a leg behind a NAT may send: learnt once, then locked."""

from typing import Any

MAX_CANDIDATES = 8

Address = tuple[Any, ...]


class Latch:
    """Learn one source: the address of the SDP at once, any other by two consecutive packets of one SSRC.

    Whoever sprays single packets does not get in; once locked nobody else does, save the SDP's own address within
    `window` seconds.
    """

    def __init__(self, announced: tuple[str, int], *, window: float) -> None:
        self.source: Address | None = None
        self._announced = announced
        self._window = window
        self._locked_at = 0.0
        self._candidates: dict[Address, tuple[int, int]] = {}

    def admits(self, address: Address, ssrc: int, seq: int, now: float) -> bool:
        """Tell whether a packet with a negotiated payload type may pass, learning from it."""
        if address == self.source:
            return True
        if self.source is not None:
            if address[:2] != self._announced or now - self._locked_at > self._window:
                return False
            self._lock(address, now)
            return True
        if address[:2] == self._announced or self._candidates.get(address) == (ssrc, (seq - 1) & 0xFFFF):
            self._lock(address, now)
            return True
        if len(self._candidates) >= MAX_CANDIDATES and address not in self._candidates:
            self._candidates.pop(next(iter(self._candidates)))
        self._candidates[address] = (ssrc, seq)
        return False

    def _lock(self, address: Address, now: float) -> None:
        self.source = address
        self._locked_at = now
        self._candidates.clear()
