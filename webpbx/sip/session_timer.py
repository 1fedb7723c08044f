"""Session timers: a call that nobody refreshes any more is ended (RFC 4028)."""

from dataclasses import replace
from typing import Final, Protocol

from webpbx.sip.dialog import DialogState
from webpbx.sip.grammar import ParseError, parse_parameters
from webpbx.sip.headers import parse_delta
from webpbx.sip.message import Header, Request, Response, Status
from webpbx.sip.settings import SipSettings
from webpbx.sip.timers import Timers
from webpbx.sip.transaction import ClientTransaction

LEAST: Final = 90
"""No interval may be shorter, in seconds (§5)."""
_LONGEST: Final = 86_400
_EARLY: Final = 32.0
"""The most seconds by which an unrefreshed call ends early (§10)."""
_AGAIN: Final = 10.0
_CONFUSED: Final = frozenset({Status.METHOD_NOT_ALLOWED, Status.NOT_IMPLEMENTED, Status.BAD_EXTENSION})
_GONE: Final = frozenset({Status.REQUEST_TIMEOUT, Status.NO_SUCH_CALL})


class Core(Protocol):
    """What a session timer needs from the user agent."""

    timers: Timers
    settings: SipSettings

    def wall(self) -> float:
        """Return the time of day in seconds, which other processes share."""

    def uniform(self, low: float, high: float) -> float:
        """Return a random number in between."""


class Usage(Protocol):
    """What a session timer needs from its call."""

    dialog: DialogState | None

    @property
    def core(self) -> Core:
        """The user agent."""

    def write(self) -> None:
        """Have the dialog written; nothing waits for it."""

    def send_update(self, headers: list[Header], now: float) -> ClientTransaction | None:
        """Send an UPDATE without a body."""

    def send_same_offer(self, now: float) -> bool:
        """Send a re-INVITE that changes nothing; False when it cannot be now."""

    def expired(self, status: int, reason: str, now: float) -> None:
        """End the call."""


def session_expires(message: Request | Response) -> tuple[int, str] | None:
    """Return the interval and the refresher ("uac", "uas", "") a message names; None when it names no interval."""
    value = message.get("Session-Expires")
    seconds = None if value is None else parse_delta(value)
    if value is None or not seconds:
        return None
    try:
        refresher = parse_parameters(value.partition(";")[2]).get("refresher") if ";" in value else None
    except ParseError:
        refresher = None
    return min(seconds, _LONGEST), (refresher or "").lower()


def refuse_interval(request: Request) -> tuple[int, list[Header]] | None:
    """Return the refusal of an interval that is too short (§9); None when it is long enough, or none is asked for."""
    if request.method not in {"INVITE", "UPDATE"}:
        return None
    wanted = session_expires(request)
    if wanted is None or wanted[0] >= LEAST:
        return None
    return Status.INTERVAL_TOO_SMALL, [("Min-SE", str(LEAST))]


class SessionTimer:
    """Refresh a call at half its interval, or end it when the far end should have and did not."""

    def __init__(self, usage: Usage) -> None:
        self.usage = usage
        self.deadlines: dict[str, float] = {}
        self._least = LEAST
        self._update: ClientTransaction | None = None

    def offer(self) -> list[Header]:
        """Return what an INVITE, re-INVITE or UPDATE of ours says (§7.1, §7.4)."""
        settings, dialog = self.usage.core.settings, self.usage.dialog
        headers = [("Supported", "timer")]
        if not settings.session_interval:
            return headers
        running = dialog.session_interval if dialog is not None else 0
        seconds = max(running or settings.session_interval, self._least)
        refresher = ""
        if running and dialog is not None:
            refresher = ";refresher=uac" if dialog.we_refresh else ";refresher=uas"
        return [*headers, ("Session-Expires", f"{seconds}{refresher}"), ("Min-SE", str(self._least))]

    def agree(self, request: Request, now: float) -> list[Header]:
        """Begin the interval a request asks for, or ours; return what our 2xx says of it (§9)."""
        wanted, knows = session_expires(request), request.has_option("Supported", "timer")
        default = self.usage.core.settings.session_interval
        headers: list[Header] = [("Supported", "timer")]
        if wanted is None and not (knows and default):
            self._begin(0, we_refresh=False, now=now)
            return headers
        least = parse_delta(request.get("Min-SE") or "") or LEAST
        seconds, refresher = wanted or (max(default, least), "uas")
        if refresher not in {"uac", "uas"}:
            refresher = "uac" if knows else "uas"
        self._begin(seconds, we_refresh=refresher == "uas", now=now)
        headers.append(("Session-Expires", f"{seconds};refresher={refresher}"))
        if refresher == "uac" or knows:
            headers.append(("Require", "timer"))
        return headers

    def agreed(self, response: Response, now: float) -> None:
        """Begin the interval that the 2xx to a request of ours says; without one, nobody refreshes (§7.2)."""
        said = session_expires(response)
        if said is None:
            self._begin(0, we_refresh=False, now=now)
        else:
            self._begin(said[0], we_refresh=said[1] != "uas", now=now)

    def _begin(self, seconds: int, *, we_refresh: bool, now: float) -> None:
        usage = self.usage
        self.stop()
        if usage.dialog is None or not (seconds or usage.dialog.session_interval):
            return
        until = usage.core.wall() + seconds if seconds else None
        usage.dialog = replace(usage.dialog, session_interval=seconds, we_refresh=we_refresh, session_deadline=until)
        if seconds:
            self._set(float(seconds), now)

    def resume(self, now: float) -> None:
        """Go on with the interval of a former process; its deadline is the time of day."""
        dialog = self.usage.dialog
        if dialog is not None and dialog.session_deadline is not None and dialog.confirmed:
            left = dialog.session_deadline - self.usage.core.wall()
            self._set(min(max(left, 0.0), float(dialog.session_interval)), now)

    def _set(self, left: float, now: float) -> None:
        dialog, timers = self.usage.dialog, self.usage.core.timers
        if dialog is not None:
            interval = dialog.session_interval
            timers.set(self, "expire", now + max(left - min(_EARLY, interval / 3), 0.0))
            if dialog.we_refresh:
                timers.set(self, "refresh", now + max(left - interval / 2, 0.0))

    def stop(self) -> None:
        """Watch no longer."""
        self.deadlines.clear()
        self._update = None

    def sent(self, transaction: ClientTransaction | None) -> None:
        """Take the UPDATE that answers a challenge for the one that was challenged."""
        self._update = transaction

    def too_small(self, response: Response) -> bool:
        """Take a 422; True when the request may be sent again with the interval it wants (§7.3)."""
        least = parse_delta(response.get("Min-SE") or "")
        if response.status != Status.INTERVAL_TOO_SMALL or least is None or not self._least < least <= _LONGEST:
            return False
        self._least = least
        return True

    def fire(self, letter: str, now: float) -> None:
        """Refresh, by UPDATE where the far end knows it (§7.4), or end what was not refreshed (§10)."""
        dialog = self.usage.dialog
        if dialog is None:
            return
        if letter == "expire":
            self.stop()
            self.usage.expired(Status.REQUEST_TIMEOUT, "the session was not refreshed", now)
        elif dialog.update_allowed:
            self._update = self.usage.send_update(self.offer(), now)
        elif not self.usage.send_same_offer(now):
            self._try_again(now)

    def _try_again(self, now: float) -> None:
        self.usage.core.timers.set(self, "refresh", now + self.usage.core.uniform(_AGAIN / 2, _AGAIN))

    def on_answer(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Hear what became of our UPDATE."""
        if transaction is not self._update or response.is_provisional:
            return
        self._update = None
        if response.is_success:
            self.agreed(response, now)
            self.usage.write()
        elif self.too_small(response):
            self._update = self.usage.send_update(self.offer(), now)
        else:
            self.refused(response.status, now)

    def refused(self, status: int, now: float) -> None:
        """Hear that a refresh of ours failed: in another way, later, or never again."""
        self._update = None
        dialog = self.usage.dialog
        if "expire" not in self.deadlines or dialog is None or not dialog.we_refresh:
            return
        if status in _GONE:
            self.stop()
            self.usage.expired(status, "the far end knows nothing of the call any more", now)
        elif status in _CONFUSED and dialog.update_allowed:
            self.usage.dialog = replace(dialog, update_allowed=False)
            self.fire("refresh", now)
        else:
            self._try_again(now)
