"""A session changed while it is up or before it is answered: re-INVITE, UPDATE, and glare (§14, RFC 3311)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from webpbx.sip.dialog import DialogState, renewed
from webpbx.sip.headers import parse_delta
from webpbx.sip.message import Header, Request, Response, Status, response_to
from webpbx.sip.offer_answer import Collision, OfferAnswer, Step
from webpbx.sip.session_core import Core
from webpbx.sip.session_events import ReofferDone, Reoffered, SessionEvent, UsageState
from webpbx.sip.session_headers import SDP
from webpbx.sip.session_timer import SessionTimer, refuse_interval
from webpbx.sip.transaction import ClientTransaction, ServerTransaction

_TRIES: Final = 8
"""How often glare is answered with another try."""
_LONGEST_WAIT: Final = 10
"""The longest Retry-After of a 500 that a re-offer waits for, in seconds (§14.2)."""
_UP: Final = frozenset({UsageState.ANSWERED, UsageState.CONFIRMED})
_EARLY: Final = frozenset({UsageState.CALLING, UsageState.INVITED, UsageState.RINGING})


class Usage(Protocol):
    """What a change of the session needs from its call."""

    ended: bool
    state: UsageState
    unacked: ServerTransaction | None
    timer: SessionTimer

    @property
    def core(self) -> Core:
        """The user agent."""

    def tell(self, event: SessionEvent) -> None:
        """Tell the session's owner."""

    def dialog_of(self, tag: str) -> DialogState | None:
        """Return the dialog with the far end of this tag."""

    def renew(self, dialog: DialogState) -> None:
        """Keep a changed dialog."""

    def offers(self, dialog: DialogState) -> OfferAnswer:
        """Return how far that dialog's ends are with their session."""

    def agreed_dialog(self) -> DialogState | None:
        """Return the dialog in which there is a session."""

    def perform(self, deed: Callable[[float], None], now: float) -> None:
        """Do it once what was ordered is written."""

    def persist(self, *, hold: bool = True) -> None:
        """Have the dialog written."""

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        now: float,
        *,
        headers: list[Header] | None = None,
    ) -> None:
        """Answer a request within the dialog."""

    def send_answer(self, transaction: ServerTransaction, sdp: bytes, headers: list[Header], now: float) -> None:
        """Answer an offer, or offer where there was none."""

    def send_within(
        self,
        method: str,
        now: float,
        *,
        dialog: DialogState | None = None,
        headers: list[Header] | None = None,
        body: bytes = b"",
    ) -> ClientTransaction | None:
        """Send a request within the dialog."""

    def acknowledge(self, seq: int) -> None:
        """Send the ACK to a 2xx."""

    def authenticated(self, transaction: ClientTransaction, response: Response, now: float) -> ClientTransaction | None:
        """Answer a challenge, once; None when that cannot be."""

    def expired(self, status: int, reason: str, now: float) -> None:
        """End the call."""


class Reoffer:
    """Offer changes and take offers, one at a time."""

    def __init__(self, usage: Usage) -> None:
        self.deadlines: dict[str, float] = {}
        self.theirs: ServerTransaction | None = None
        """Their offer, until it is accepted or refused."""
        self._usage = usage
        self._sdp: bytes | None = None
        self._method = "INVITE"
        self._ours: ClientTransaction | None = None
        self._tries = 0

    @property
    def is_ours(self) -> bool:
        """Tell whether an offer of ours has no outcome yet."""
        return self._sdp is not None

    # -- ours ----------------------------------------------------------------------------------------------------

    def begin(self, sdp: bytes, method: str, now: float) -> bool:
        """Offer a change; ReofferDone tells the outcome. False when one of either side is under way."""
        usage = self._usage
        dialog = usage.agreed_dialog()
        if method == "INVITE":
            may = usage.state in _UP
        else:
            may = dialog is not None and dialog.update_allowed and usage.offers(dialog).is_agreed
        if not may or usage.ended or self._sdp is not None or self.theirs is not None:
            return False
        self._sdp, self._method, self._tries = sdp, method, 0
        usage.perform(self.go_on, now)
        return True

    def go_on(self, now: float) -> None:
        """Send our offer as soon as it may be: a re-INVITE waits for the ACK to a 2xx of ours (§14.1)."""
        usage, dialog = self._usage, self._usage.agreed_dialog()
        if self._sdp is None or self._ours is not None or self.theirs is not None or usage.ended:
            return
        waits = usage.state is not UsageState.CONFIRMED or usage.unacked is not None
        if dialog is None or "glare" in self.deadlines or (waits and self._method == "INVITE"):
            return
        offers = usage.offers(dialog)
        if offers.is_open:
            return
        offers.step(Step.WE_OFFER)
        timer = usage.timer.offer() if usage.state in _UP else []  # an early session has no timer (RFC 4028 §7)
        headers = [*usage.core.announced, *timer, SDP]
        self._ours = usage.send_within(self._method, now, dialog=dialog, headers=headers, body=self._sdp)

    def owns(self, transaction: ClientTransaction) -> bool:
        """Tell whether a transaction bears our offer."""
        return transaction is self._ours

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Hear the final response to our offer."""
        usage = self._usage
        dialog = usage.dialog_of(transaction.request.to.tag)
        if dialog is None:
            return
        if response.is_success:
            self._agreed(transaction, dialog, response, now)
            return
        again = usage.authenticated(transaction, response, now)
        if again is not None:
            self._ours = again
            return
        self._ours = None
        usage.offers(dialog).step(Step.REFUSE)
        wait = self._wait(dialog, response)
        if wait is not None and self._tries < _TRIES:
            self._tries += 1
            usage.core.timers.set(self, "glare", now + wait)
        elif usage.timer.too_small(response):
            self.go_on(now)
        else:
            self._failed(response.status, now)

    def _wait(self, dialog: DialogState, response: Response) -> float | None:
        """Return how long to wait before another try; None when none is asked for."""
        if response.status == Status.REQUEST_PENDING:
            least, most = (2.1, 4.0) if dialog.role == "uac" else (0.0, 2.0)
            return round(self._usage.core.uniform(least, most), 2)
        said = parse_delta(response.get("Retry-After") or "") if response.status == Status.SERVER_ERROR else None
        return None if said is None or said > _LONGEST_WAIT else float(said)

    def _agreed(self, transaction: ClientTransaction, dialog: DialogState, response: Response, now: float) -> None:
        usage, sdp = self._usage, self._sdp
        dialog = renewed(dialog, response)
        if response.sdp is not None:
            dialog = replace(dialog, local_sdp=sdp, remote_sdp=response.sdp)
        usage.renew(dialog)
        usage.offers(dialog).step(Step.REFUSE if response.sdp is None else Step.ANSWER)
        if transaction.request.method == "INVITE":
            usage.acknowledge(transaction.request.cseq.number)
        self._ours = self._sdp = None
        if usage.state in _UP:
            usage.timer.agreed(response, now)
        usage.persist(hold=False)
        usage.tell(ReofferDone(response.sdp, response.status))

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Hear that our offer got no answer."""
        dialog = self._usage.dialog_of(transaction.request.to.tag)
        if dialog is not None:
            self._usage.offers(dialog).step(Step.REFUSE)
        self._failed(status, now)

    def _failed(self, status: int, now: float) -> None:
        """Tell that nothing changes; a far end that knows nothing of the call ends it (RFC 5057)."""
        usage = self._usage
        self._ours = self._sdp = None
        if not usage.ended:
            usage.tell(ReofferDone(None, status))
        if status in {Status.REQUEST_TIMEOUT, Status.NO_SUCH_CALL} and usage.state not in _EARLY:
            usage.expired(status, "the far end knows nothing of the call any more", now)
        else:
            usage.timer.refused(status, now)

    def fire(self, letter: str, now: float) -> None:
        """Try again after glare."""
        _ = letter
        self.go_on(now)

    # -- theirs --------------------------------------------------------------------------------------------------

    def on_offer(self, transaction: ServerTransaction, now: float) -> None:
        """Take a re-INVITE or UPDATE: glare is 491, one on top of another 500 (§14.2, RFC 3311 §5.2)."""
        request, usage = transaction.request, self._usage
        dialog = usage.dialog_of(request.from_.tag)
        refusal = refuse_interval(request)
        if refusal is not None:
            transaction.respond(response_to(request, refusal[0], headers=refusal[1]), now)
        elif dialog is None or usage.ended or usage.state is UsageState.LEAVING:
            usage.respond(transaction, Status.NO_SUCH_CALL, now)
        elif (collision := self._collision(request, usage.offers(dialog))) is not None:
            again: Header = ("Retry-After", str(int(usage.core.uniform(0, _LONGEST_WAIT + 1))))
            ours = collision is Collision.WITH_OURS
            status = Status.REQUEST_PENDING if ours else Status.SERVER_ERROR
            usage.respond(transaction, status, now, headers=[] if ours else [again])
        elif request.body and (request.sdp is None or len(request.body) > usage.core.settings.limits.sdp):
            status = Status.UNSUPPORTED_MEDIA_TYPE if request.sdp is None else Status.TOO_LARGE
            usage.respond(transaction, status, now, headers=[("Accept", "application/sdp")])
        else:
            self._take(transaction, renewed(dialog, request), now)

    def _collision(self, request: Request, offers: OfferAnswer) -> Collision | None:
        usage = self._usage
        if request.method == "UPDATE":
            pending = self.theirs is not None and (bool(request.body) or self.theirs.request.method == "UPDATE")
            if not request.body:
                return Collision.WITH_THEIRS if pending else None
            return offers.update_collides(early=usage.state in _EARLY, pending=pending)
        ours = usage.state is UsageState.CALLING or (self._ours is not None and self._ours.request.method == "INVITE")
        theirs = self.theirs is not None or usage.unacked is not None or usage.state is not UsageState.CONFIRMED
        return offers.invite_collides(ours_pending=ours, theirs_pending=theirs)

    def _take(self, transaction: ServerTransaction, dialog: DialogState, now: float) -> None:
        usage, request = self._usage, transaction.request
        usage.renew(dialog)
        if request.method == "UPDATE" and not request.body:
            usage.respond(transaction, Status.OK, now, headers=self._agreement(request, now))
            usage.persist(hold=False)
            return
        if request.sdp is not None:
            usage.offers(dialog).step(Step.THEY_OFFER)
        self.theirs = transaction
        usage.tell(Reoffered(request.sdp))

    def accept(self, sdp: bytes, now: float) -> None:
        """Answer their offer, or offer where theirs had no SDP."""
        theirs, self.theirs = self.theirs, None
        usage = self._usage
        dialog = None if theirs is None else usage.dialog_of(theirs.request.from_.tag)
        if theirs is None or dialog is None:
            return
        offered = theirs.request.sdp
        usage.offers(dialog).step(Step.WE_OFFER if offered is None else Step.ANSWER)
        usage.renew(replace(dialog, local_sdp=sdp, remote_sdp=offered or dialog.remote_sdp))
        if theirs.request.method == "INVITE":
            usage.unacked = theirs
        usage.send_answer(theirs, sdp, self._agreement(theirs.request, now), now)
        self.go_on(now)

    def _agreement(self, request: Request, now: float) -> list[Header]:
        """Return what our 2xx says of the session's interval; before the answer there is none."""
        return self._usage.timer.agree(request, now) if self._usage.state in _UP else []

    def refuse(self, status: int, now: float) -> None:
        """Refuse their offer; the call goes on as it was."""
        theirs, self.theirs = self.theirs, None
        if theirs is not None:
            dialog = self._usage.dialog_of(theirs.request.from_.tag)
            if dialog is not None:
                self._usage.offers(dialog).step(Step.REFUSE)
            self._usage.respond(theirs, status, now)

    def stop(self, now: float) -> None:
        """Let it be: the call ends."""
        self.deadlines.clear()
        self._sdp = None
        self.refuse(Status.REQUEST_TERMINATED, now)
