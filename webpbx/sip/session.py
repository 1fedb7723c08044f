"""The INVITE usage both ends share: a confirmed dialog, what happens within it, BYE (RFC 3261 §12 to §15)."""

import logging
from collections.abc import Callable
from dataclasses import replace

from webpbx.sip.dialog import DialogGone, DialogState, renewed
from webpbx.sip.durable import Durable
from webpbx.sip.message import Header, Request, Response, Status, response_to
from webpbx.sip.offer_answer import OfferAnswer, Stage, Step
from webpbx.sip.session_aside import Within
from webpbx.sip.session_core import Core
from webpbx.sip.session_dialog import DialogUsage
from webpbx.sip.session_events import MOVES, Answered, Ended, Info, SessionEvent, UsageState
from webpbx.sip.session_headers import SDP, q850_of, reason_headers
from webpbx.sip.session_refer import Transfers
from webpbx.sip.session_reoffer import Reoffer
from webpbx.sip.session_timer import SessionTimer
from webpbx.sip.settings import Peer
from webpbx.sip.transaction import ClientTransaction, ServerTransaction
from webpbx.sip.transport import Flow

log = logging.getLogger(__name__)


class InviteUsage(DialogUsage):
    """Keep one call's signalling at one end; the subclasses add how it begins."""

    direction = "out"

    def __init__(self, core: Core, *, session_id: str, peer: Peer | None, state: UsageState) -> None:
        super().__init__(core)
        self.id = session_id
        self.peer = peer
        self.state = state
        self.deadlines: dict[str, float] = {}
        self.timer = SessionTimer(self)
        self.unacked: ServerTransaction | None = None
        """Their INVITE whose 2xx of ours still lacks its ACK."""
        self.reoffer = Reoffer(self)
        self.transfers = Transfers(self)
        self._durable = Durable()
        self._offers = OfferAnswer()
        self._interval = 0.0
        self._q850: int | None = None

    @classmethod
    def take_up(cls, core: Core, state: DialogState, *, peer: Peer | None) -> "InviteUsage":
        """Take up an answered call of a former process; should its ACK never have gone out, it goes now."""
        usage = cls(core, session_id=state.id, peer=peer, state=UsageState.CONFIRMED)
        usage.direction = "out" if state.role == "uac" else "in"
        usage.dialog = state.adopted()
        usage._offers = OfferAnswer(Stage.AGREED)
        core.know(usage, state)
        if state.role == "uac":
            usage.acknowledge(state.invite_seq)
        return usage

    def _move(self, state: UsageState) -> bool:
        """Change state as MOVES allows; False when it does not."""
        if state not in MOVES[self.state]:
            return False
        log.debug("session %s: %s", self.id, state.value)
        self.state = state
        return True

    def _set(self, letter: str, at: float) -> None:
        self.core.timers.set(self, letter, at)

    def _drop(self, *letters: str) -> None:
        for letter in letters:
            self.deadlines.pop(letter, None)

    def persist(self, *, hold: bool = True) -> None:
        """Write the dialog; what is performed from now on waits until it is durable."""
        if self.dialog is not None and self.core.persist(self, self.dialog) and hold:
            self._durable.wait()

    def perform(self, deed: Callable[[float], None], now: float) -> None:
        """Do it once what was ordered is written."""
        self._durable.perform(deed, now)

    def persisted(self, now: float) -> None:
        """Go on with what waited for the store."""
        self._durable.written(now)

    def not_persisted(self, now: float) -> None:
        """End a call whose state could not be written: what waited for it is never sent.

        Where nothing waits, people talk already, and they go on talking.
        """
        if self.state is UsageState.CONFIRMED and not self._durable.is_awaited:
            self._durable.written(now)
            return
        self._durable.clear()
        self._end(Status.SERVER_ERROR, "the call could not be written down", "error")
        if self.state is UsageState.CONFIRMED:
            self._say_bye(now)
        elif self.state is not UsageState.LEAVING:
            self._finish()

    def _end(self, status: int | None, reason: str, by: str, q850: int | None = None) -> None:
        """Tell the end, once."""
        if not self.ended:
            self.ended = True
            self.tell(Ended(status, reason, by, q850))

    def tell(self, event: SessionEvent) -> None:
        """Tell the session's owner."""
        self.core.emit(self, event)

    def _finish(self) -> None:
        """Let go of everything; nothing of this call is left."""
        if self._move(UsageState.ENDED):
            self.deadlines.clear()
            self.reoffer.deadlines.clear()
            self.timer.stop()
            self._durable.clear()
            if self.dialog is not None:
                self.core.persist(self, DialogGone(self.id))
            self.core.forget(self)

    def hang_up(self, now: float, *, q850: int | None = None) -> None:
        """End the call; BYE waits for the ACK to our 200, that to a re-INVITE too (§15)."""
        self._q850 = q850
        self._end(None, "", "local", q850)
        if self.state is UsageState.CONFIRMED and self.unacked is None:
            self.perform(self._say_bye, now)

    def _say_bye(self, now: float) -> None:
        if self.dialog is not None and self._move(UsageState.LEAVING):
            self._drop("200", "unacked")
            self.timer.stop()
            self.reoffer.stop(now)
            self.transfers.refuse(Status.REQUEST_TERMINATED, now)
            self._challenged = 0
            self.send_within("BYE", now, headers=reason_headers(self._q850))

    # -- the dialog ----------------------------------------------------------------------------------------------

    def renew(self, dialog: DialogState) -> None:
        """Keep a changed dialog."""
        self.dialog = dialog

    @property
    def peer_id(self) -> str | None:
        """Whom the call is with."""
        return self.dialog.peer_id if self.dialog is not None else None

    def move(self, flow: Flow) -> None:
        """Send requests another way from now on: the far end's connection or address has been replaced by a new one."""
        if self.dialog is not None and self.dialog.flow != flow:
            self.dialog = replace(self.dialog, flow=flow)
            if self.dialog.confirmed and not self.ended:
                self.write()

    def offers(self, dialog: DialogState) -> OfferAnswer:
        """Return how far that dialog's ends are with their session."""
        _ = dialog
        return self._offers

    def agreed_dialog(self) -> DialogState | None:
        """Return the dialog in which there is a session."""
        return self.dialog

    # -- changes of the session ----------------------------------------------------------------------------------

    def reinvite(self, sdp: bytes, now: float) -> bool:
        """Offer a changed session; ReofferDone tells the outcome. False when one of either side is under way."""
        self._challenged = 0
        return self.reoffer.begin(sdp, "INVITE", now)

    def update(self, sdp: bytes, now: float) -> bool:
        """Offer a changed session by UPDATE, which may be before the answer too (RFC 3311)."""
        self._challenged = 0
        return self.reoffer.begin(sdp, "UPDATE", now)

    def accept_reoffer(self, sdp: bytes, now: float) -> None:
        """Answer a re-offer, or offer where theirs had no SDP."""
        self.reoffer.accept(sdp, now)

    def refuse_reoffer(self, status: int, now: float) -> None:
        """Refuse a re-offer; the call goes on as it was."""
        self.reoffer.refuse(status, now)
        self.reoffer.go_on(now)

    def send_answer(self, transaction: ServerTransaction, sdp: bytes, headers: list[Header], now: float) -> None:
        """Answer an offer within the dialog, or offer where there was none."""
        response = self._response(transaction, Status.OK, headers=[*self.core.announced, *headers, SDP], body=sdp)
        self.persist()
        self.perform(lambda at: self._answer(transaction, response, at), now)

    def _answer(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        """Send a 2xx; to an INVITE it is sent again until the ACK comes (§13.3.1.4)."""
        transaction.respond(response, now)
        if transaction.request.method == "INVITE":
            values = self.core.settings.timers
            self._interval = values.t1
            self._set("200", now + self._interval)
            self._set("unacked", now + values.patience)

    def info(self, body: bytes, content_type: str, done: Callable[[int], None], now: float) -> None:
        """Send an INFO; `done` hears the status it was answered (RFC 6086)."""
        if self.dialog is None or self.ended or self.state not in {UsageState.ANSWERED, UsageState.CONFIRMED}:
            done(Status.NO_SUCH_CALL)
            return
        request = self.within("INFO", headers=[("Content-Type", content_type)], body=body)
        self.launch(request, Within(self, lambda status, _response, _at: done(status)), now)

    def on_request(self, transaction: ServerTransaction, now: float) -> None:
        """Serve a request within the dialog."""
        request = transaction.request
        dialog = self.dialog_of(request.from_.tag)
        if dialog is None or self.state is UsageState.ENDED:
            transaction.respond(response_to(request, Status.NO_SUCH_CALL, tag=self.core.token()), now)
            return
        if dialog.remote_seq is not None and request.cseq.number <= dialog.remote_seq:
            transaction.respond(response_to(request, Status.SERVER_ERROR), now)
            return
        self.renew(replace(dialog, remote_seq=request.cseq.number))
        serve = {
            "BYE": self._on_bye,
            "INFO": self._on_info,
            "OPTIONS": self._on_options,
            "PRACK": self._on_prack,
            "REFER": self.transfers.on_refer,
            "NOTIFY": self.transfers.on_notify,
            "SUBSCRIBE": self.transfers.on_subscribe,
        }
        serve.get(request.method, self.reoffer.on_offer)(transaction, now)

    def on_cancel(self, invite: ServerTransaction, cancel: Request, now: float) -> None:
        """End a re-INVITE that is still unanswered with 487 (§9.2); the call goes on."""
        _ = cancel
        if invite is self.reoffer.theirs:
            self.refuse_reoffer(Status.REQUEST_TERMINATED, now)

    def _on_bye(self, transaction: ServerTransaction, now: float) -> None:
        transaction.respond(response_to(transaction.request, Status.OK), now)
        self.reoffer.stop(now)
        self.transfers.refuse(Status.REQUEST_TERMINATED, now)
        self._end(None, "", "remote", q850_of(transaction.request))
        self._finish()

    def _on_options(self, transaction: ServerTransaction, now: float) -> None:
        headers = [*self.core.announced, ("Accept", "application/sdp")]
        transaction.respond(response_to(transaction.request, Status.OK, headers=headers), now)

    def _on_info(self, transaction: ServerTransaction, now: float) -> None:
        request = transaction.request
        transaction.respond(response_to(request, Status.OK), now)
        if request.body and not self.ended:
            self.tell(Info(request.body, request.content_type))

    def _on_prack(self, transaction: ServerTransaction, now: float) -> None:
        """Refuse a PRACK that acknowledges nothing (RFC 3262 §3)."""
        transaction.respond(self._response(transaction, Status.NO_SUCH_CALL), now)

    def on_ack(self, request: Request, now: float) -> None:
        """Take the ACK to a 2xx of ours."""
        unacked = self.unacked
        if unacked is None or request.cseq.number != unacked.request.cseq.number or self.dialog is None:
            return
        self.unacked = None
        self._drop("200", "unacked")
        late = unacked.request.sdp is None and request.sdp is not None
        self.dialog = replace(
            self.dialog, request=None, response=None, remote_sdp=request.sdp if late else self.dialog.remote_sdp
        )
        if unacked.request.sdp is None:
            self.offers(self.dialog).step(Step.ANSWER if late else Step.REFUSE)
        self._move(UsageState.CONFIRMED)
        self.persist(hold=False)
        if late and not self.ended:
            self.tell(Answered(request.sdp))
        if self.ended:
            self._say_bye(now)
        else:
            self.reoffer.go_on(now)

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Hear the response to a request of ours within the dialog."""
        if response.is_provisional:
            return
        method = transaction.request.method
        if self.reoffer.owns(transaction):
            self.reoffer.on_response(transaction, response, now)
        elif method == "INVITE" and response.is_success:
            self.acknowledge(transaction.request.cseq.number)
        elif method == "UPDATE":
            self.dialog = renewed(self.dialog, response) if response.is_success else self.dialog
            again = self.authenticated(transaction, response, now)
            if again is not None:
                self.timer.sent(again)
            else:
                self.timer.on_answer(transaction, response, now)
        elif method == "BYE" and self.authenticated(transaction, response, now) is None:
            self._finish()

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Hear that a request of ours got no answer (RFC 5057: 408 ends the dialog, a transport error does not)."""
        if transaction.request.method == "BYE":
            self._finish()
        elif self.reoffer.owns(transaction):
            self.reoffer.on_failure(transaction, status, now)
        elif transaction.request.method == "UPDATE":
            self.timer.refused(status, now)

    def write(self) -> None:
        """Have the dialog written; nothing waits for it."""
        self.persist(hold=False)

    def send_update(self, headers: list[Header], now: float) -> ClientTransaction | None:
        """Send an UPDATE without a body, which leaves the session as it is."""
        self._challenged = False
        return self.send_within("UPDATE", now, headers=headers)

    def send_same_offer(self, now: float) -> bool:
        """Offer the session as it is; False when that cannot be now."""
        sdp = self.dialog.local_sdp if self.dialog is not None else None
        return sdp is not None and self.reinvite(sdp, now)

    def expired(self, status: int, reason: str, now: float) -> None:
        """End a call of which the far end knows nothing any more."""
        self._end(status, reason, "error")
        self._say_bye(now)

    def fire(self, letter: str, now: float) -> None:
        """Repeat our 200, or give up on its ACK."""
        if letter == "200" and self.unacked is not None:
            self.unacked.repeat_last()
            self._interval = min(self._interval * 2, self.core.settings.timers.t2)
            self._set("200", now + self._interval)
        elif letter == "unacked":
            self.unacked = None
            self._drop("200")
            self._end(Status.REQUEST_TIMEOUT, "our answer was never acknowledged", "error")
            self._move(UsageState.CONFIRMED)
            self._say_bye(now)
