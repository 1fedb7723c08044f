"""Provisional responses that must arrive: RSeq, RAck and PRACK (RFC 3262)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from webpbx.sip.grammar import ParseError, number
from webpbx.sip.message import Request, Response, Status
from webpbx.sip.settings import SipSettings
from webpbx.sip.timers import Timers
from webpbx.sip.transaction import ServerTransaction

_FIRST_RSEQ_BELOW: Final = 2**16
_LIMIT: Final = 2**32
_PARTS: Final = 3


def rseq_of(response: Response) -> int | None:
    """Return the number of a response that wants a PRACK; None for any other."""
    value = response.get("RSeq")
    if value is None or response.status == Status.TRYING or not response.has_option("Require", "100rel"):
        return None
    try:
        return number(value, what="RSeq", below=_LIMIT) or None
    except ParseError:
        return None


def rack_of(prack: Request) -> tuple[int, int, str] | None:
    """Return what a PRACK acknowledges: RSeq, the number and the method of CSeq; None when it cannot be read."""
    parts = (prack.get("RAck") or "").split()
    try:
        if len(parts) == _PARTS:
            return number(parts[0], what="RSeq", below=_LIMIT), number(parts[1], what="CSeq"), parts[2]
    except ParseError:
        pass
    return None


class Core(Protocol):
    """What reliable responses need from the user agent."""

    timers: Timers
    settings: SipSettings

    def uniform(self, low: float, high: float) -> float:
        """Return a random number in between."""


@dataclass(frozen=True, slots=True)
class _Provisional:
    number: int
    response: Response


class ReliableResponses:
    """Send an INVITE's reliable 1xx one at a time, each again and again until its PRACK comes (§3)."""

    def __init__(
        self, core: Core, transaction: ServerTransaction, *, never_acknowledged: Callable[[float], None]
    ) -> None:
        self.deadlines: dict[str, float] = {}
        self._core = core
        self._transaction = transaction
        self._never_acknowledged = never_acknowledged
        self._next = int(core.uniform(1, _FIRST_RSEQ_BELOW))
        self._queue: deque[_Provisional] = deque()
        self._out: _Provisional | None = None
        self._then: Callable[[float], None] | None = None
        self._interval = 0.0

    def number(self) -> int:
        """Return the RSeq of the next response."""
        self._next += 1
        return self._next - 1

    def send(self, number: int, response: Response, now: float) -> None:
        """Send a response, or keep it until the one before is acknowledged."""
        self._queue.append(_Provisional(number, response))
        self._advance(now)

    def resume(self, number: int) -> None:
        """Go on after the responses of a former process."""
        self._next = number

    def _advance(self, now: float) -> None:
        if self._out is None and self._queue:
            self._out = self._queue.popleft()
            values = self._core.settings.timers
            self._interval = values.t1
            self._transaction.respond(self._out.response, now)
            self._core.timers.set(self, "resend", now + self._interval)
            self._core.timers.set(self, "unacknowledged", now + values.patience)

    def then(self, deed: Callable[[float], None], now: float) -> None:
        """Answer the call: at once, unless a session description is still unacknowledged."""
        waiting = [self._out, *self._queue]
        if any(each is not None and each.response.sdp is not None for each in waiting):
            self._then = deed
        else:
            self.stop()
            deed(now)

    def acknowledged(self, prack: Request) -> bool:
        """Take a PRACK; False when it acknowledges nothing that is out."""
        out = self._out
        asked = self._transaction.request.cseq
        if out is None or rack_of(prack) != (out.number, asked.number, asked.method):
            return False
        self._out = None
        self.deadlines.clear()
        return True

    def go_on(self, now: float) -> None:
        """Send what waited for a PRACK."""
        self._advance(now)
        if self._out is None and self._then is not None:
            deed, self._then = self._then, None
            deed(now)

    def stop(self) -> None:
        """Send nothing more; a PRACK that is under way is still known."""
        self.deadlines.clear()
        self._queue.clear()
        self._then = None

    def fire(self, letter: str, now: float) -> None:
        """Send it again, or give up (§3)."""
        if letter == "resend":
            self._transaction.repeat_last()
            self._interval *= 2
            self._core.timers.set(self, "resend", now + self._interval)
        else:
            self.stop()
            self._never_acknowledged(now)
