"""The INVITE usage both ends share: a confirmed dialog, re-INVITE, UPDATE, INFO, BYE (RFC 3261 §13 to §15)."""

import logging
from collections.abc import Callable
from dataclasses import replace

from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogGone, DialogState, dialog_request, renewed
from webpbx.sip.durable import Durable
from webpbx.sip.grammar import SDP_LIMIT
from webpbx.sip.message import Header, Request, Response, Status, response_to
from webpbx.sip.session_core import Core, branch
from webpbx.sip.session_events import MOVES, Answered, Ended, Info, ReofferDone, Reoffered, UsageState
from webpbx.sip.session_headers import ALLOW, SDP, challenge_headers, q850_of, reason_headers
from webpbx.sip.session_timer import SessionTimer, refuse_interval
from webpbx.sip.settings import Peer
from webpbx.sip.transaction import ClientTransaction, ClientUser, ServerTransaction
from webpbx.sip.transport import Address, contact_for, is_secure

log = logging.getLogger(__name__)


class InviteUsage(ClientUser):
    """Keep one call's signalling at one end; the subclasses add how it begins."""

    direction = "out"

    def __init__(self, core: Core, *, session_id: str, peer: Peer | None, state: UsageState) -> None:
        self.core = core
        self.id = session_id
        self.peer = peer
        self.state = state
        self.dialog: DialogState | None = None
        self.credentials: Credentials | None = None
        self.trusted: frozenset[Address] = frozenset()
        self.deadlines: dict[str, float] = {}
        self.ended = False
        self.timer = SessionTimer(self)
        self._durable = Durable()
        self._ours: ClientTransaction | None = None
        self._our_offer: bytes | None = None
        self._theirs: ServerTransaction | None = None
        self._unacked: ServerTransaction | None = None
        self._interval = 0.0
        self._challenged = 0
        self._q850: int | None = None

    @classmethod
    def take_up(cls, core: Core, state: DialogState, *, peer: Peer | None) -> "InviteUsage":
        """Take up an answered call of a former process; should its ACK never have gone out, it goes now."""
        usage = cls(core, session_id=state.id, peer=peer, state=UsageState.CONFIRMED)
        usage.direction = "out" if state.role == "uac" else "in"
        usage.dialog = state.adopted()
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

    def _persist(self, *, hold: bool = True) -> None:
        """Write the dialog; what is performed from now on waits until it is durable."""
        if self.dialog is not None and self.core.persist(self, self.dialog) and hold:
            self._durable.wait()

    def _perform(self, action: Callable[[float], None], now: float) -> None:
        self._durable.perform(action, now)

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
            self.core.emit(self, Ended(status, reason, by, q850))

    def _finish(self) -> None:
        """Let go of everything; nothing of this call is left."""
        if self._move(UsageState.ENDED):
            self.deadlines.clear()
            self.timer.stop()
            self._durable.clear()
            if self.dialog is not None:
                self.core.persist(self, DialogGone(self.id))
            self.core.forget(self)

    def hang_up(self, now: float, *, q850: int | None = None) -> None:
        """End the call; BYE waits for the ACK to our 200 (§15)."""
        self._q850 = q850
        self._end(None, "", "local", q850)
        if self.state is UsageState.CONFIRMED:
            self._perform(self._say_bye, now)

    def _say_bye(self, now: float) -> None:
        if self.dialog is not None and self._move(UsageState.LEAVING):
            self._drop("200", "unacked", "glare")
            self.timer.stop()
            self.refuse_reoffer(Status.REQUEST_TERMINATED, now)
            self._challenged = 0
            self._send("BYE", now, headers=reason_headers(self._q850))

    def reinvite(self, sdp: bytes, now: float) -> bool:
        """Offer a changed session; ReofferDone tells the outcome. False when one of either side is under way."""
        is_up = self.state in {UsageState.ANSWERED, UsageState.CONFIRMED} and not self.ended
        if not is_up or self._our_offer is not None or self._theirs is not None:
            return False
        self._our_offer = sdp
        self._challenged = 0
        self._durable.perform(self._send_reinvite, now)
        return True

    def _send_reinvite(self, now: float) -> None:
        """Send our offer; it waits for the ACK to a 2xx of ours (§14.1)."""
        if self.state is not UsageState.CONFIRMED or self._theirs or self._unacked:
            return
        if self._ours is not None or self._our_offer is None:
            return
        self._ours = self._send(
            "INVITE", now, headers=[("Allow", ALLOW), *self.timer.offer(), SDP], body=self._our_offer
        )

    def accept_reoffer(self, sdp: bytes, now: float) -> None:
        """Answer a re-offer, or offer where theirs had no SDP."""
        theirs, self._theirs = self._theirs, None
        if theirs is None or self.dialog is None:
            return
        self.dialog = replace(self.dialog, local_sdp=sdp, remote_sdp=theirs.request.sdp or self.dialog.remote_sdp)
        if theirs.request.method == "INVITE":
            self._unacked = theirs
        headers = [("Allow", ALLOW), *self.timer.agree(theirs.request, now), SDP]
        response = self._response(theirs, Status.OK, headers=headers, body=sdp)
        self._persist()
        self._perform(lambda at: self._answer(theirs, response, at), now)

    def _answer(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        """Send a 2xx; to an INVITE it is sent again until the ACK comes (§13.3.1.4)."""
        transaction.respond(response, now)
        if transaction.request.method == "INVITE":
            values = self.core.settings.timers
            self._interval = values.t1
            self._set("200", now + self._interval)
            self._set("unacked", now + values.patience)

    def refuse_reoffer(self, status: int, now: float) -> None:
        """Refuse a re-offer; the call goes on as it was."""
        theirs, self._theirs = self._theirs, None
        if theirs is not None:
            theirs.respond(self._response(theirs, status), now)

    def _response(
        self, transaction: ServerTransaction, status: int, *, headers: list[Header] | None = None, body: bytes = b""
    ) -> Response:
        request = transaction.request
        lines = list(headers or ())
        if request.method in {"INVITE", "UPDATE"} and status < Status.MULTIPLE_CHOICES:
            lines = [*(("Record-Route", value) for value in request.values("Record-Route")), *lines]
            contact = contact_for(transaction.flow, secure=is_secure(request.uri_text))
            lines.insert(0, ("Contact", contact))
        tag = self.dialog.local_tag if self.dialog else self.core.token()
        return response_to(request, status, tag=tag, headers=lines, body=body)

    def _send(
        self, method: str, now: float, *, headers: list[Header] | None = None, body: bytes = b""
    ) -> ClientTransaction | None:
        """Send a request within the dialog through a transaction of its own."""
        if self.dialog is None:
            return None
        seq = self.dialog.local_seq + 1
        self.dialog = replace(self.dialog, local_seq=seq)
        lines = [*(headers or ()), ("User-Agent", self.core.settings.user_agent)]
        request = dialog_request(self.dialog, method, branch=branch(self.core), seq=seq, headers=lines, body=body)
        transaction = self.core.transactions.client(request, self.core.way(self.dialog), self)
        transaction.start(now)
        return transaction

    def on_request(self, transaction: ServerTransaction, now: float) -> None:
        """Serve a request within the dialog."""
        request = transaction.request
        dialog = self.dialog
        if dialog is None or self.state is UsageState.ENDED:
            transaction.respond(response_to(request, Status.NO_SUCH_CALL, tag=self.core.token()), now)
            return
        if dialog.remote_seq is not None and request.cseq.number <= dialog.remote_seq:
            transaction.respond(response_to(request, Status.SERVER_ERROR), now)
            return
        self.dialog = replace(dialog, remote_seq=request.cseq.number)
        serve = {"BYE": self._on_bye, "INFO": self._on_info, "OPTIONS": self._on_options, "PRACK": self._on_prack}
        serve.get(request.method, self._on_offer)(transaction, now)

    def on_cancel(self, invite: ServerTransaction, cancel: Request, now: float) -> None:
        """End a re-INVITE that is still unanswered with 487 (§9.2); the call goes on."""
        _ = cancel
        if invite is self._theirs:
            self.refuse_reoffer(Status.REQUEST_TERMINATED, now)

    def _on_bye(self, transaction: ServerTransaction, now: float) -> None:
        transaction.respond(response_to(transaction.request, Status.OK), now)
        self.refuse_reoffer(Status.REQUEST_TERMINATED, now)
        self._end(None, "", "remote", q850_of(transaction.request))
        self._finish()

    def _on_options(self, transaction: ServerTransaction, now: float) -> None:
        headers = [("Allow", ALLOW), ("Accept", "application/sdp")]
        transaction.respond(response_to(transaction.request, Status.OK, headers=headers), now)

    def _on_info(self, transaction: ServerTransaction, now: float) -> None:
        request = transaction.request
        transaction.respond(response_to(request, Status.OK), now)
        if request.body and not self.ended:
            self.core.emit(self, Info(request.body, request.content_type))

    def _on_prack(self, transaction: ServerTransaction, now: float) -> None:
        """Refuse a PRACK that acknowledges nothing (RFC 3262 §3)."""
        transaction.respond(self._response(transaction, Status.NO_SUCH_CALL), now)

    def _on_offer(self, transaction: ServerTransaction, now: float) -> None:
        """Take a re-INVITE or UPDATE: glare is 491, one on top of another 500 (§14.2, RFC 3311 §5.2)."""
        request = transaction.request
        refusal = refuse_interval(request)
        if refusal is not None:
            transaction.respond(response_to(request, refusal[0], headers=refusal[1]), now)
        elif self.state is not UsageState.CONFIRMED or self.ended:
            early = self.state is not UsageState.LEAVING and not self.ended
            bare_update = request.method == "UPDATE" and not request.body and early
            status = Status.OK if bare_update else Status.REQUEST_PENDING if early else Status.NO_SUCH_CALL
            transaction.respond(self._response(transaction, status), now)
        elif self._ours is not None:
            transaction.respond(response_to(request, Status.REQUEST_PENDING), now)
        elif self._theirs is not None or self._unacked is not None:
            again: Header = ("Retry-After", str(int(self.core.uniform(0, 10))))
            transaction.respond(response_to(request, Status.SERVER_ERROR, headers=[again]), now)
        elif request.body and (request.sdp is None or len(request.body) > SDP_LIMIT):
            status = Status.UNSUPPORTED_MEDIA_TYPE if request.sdp is None else Status.TOO_LARGE
            transaction.respond(response_to(request, status, headers=[("Accept", "application/sdp")]), now)
        else:
            self.dialog = renewed(self.dialog, request)
            if request.method == "UPDATE" and not request.body:
                headers = self.timer.agree(request, now)
                transaction.respond(self._response(transaction, Status.OK, headers=headers), now)
                self._persist(hold=False)
                return
            self._theirs = transaction
            self.core.emit(self, Reoffered(request.sdp))

    def on_ack(self, request: Request, now: float) -> None:
        """Take the ACK to a 2xx of ours."""
        unacked = self._unacked
        if unacked is None or request.cseq.number != unacked.request.cseq.number or self.dialog is None:
            return
        self._unacked = None
        self._drop("200", "unacked")
        late = unacked.request.sdp is None and request.sdp is not None
        self.dialog = replace(
            self.dialog, request=None, response=None, remote_sdp=request.sdp if late else self.dialog.remote_sdp
        )
        self._move(UsageState.CONFIRMED)
        self._persist(hold=False)
        if late and not self.ended:
            self.core.emit(self, Answered(request.sdp))
        if self.ended:
            self._say_bye(now)
        else:
            self._send_reinvite(now)

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Hear the response to a request of ours within the dialog."""
        if response.is_provisional:
            return
        if transaction.request.method == "INVITE":
            self._on_reinvite_response(transaction, response, now)
        elif transaction.request.method == "UPDATE":
            self.dialog = renewed(self.dialog, response) if response.is_success else self.dialog
            if not self._authenticated(transaction, response, now):
                self.timer.on_answer(transaction, response, now)
        elif transaction.request.method == "BYE" and not self._authenticated(transaction, response, now):
            self._finish()

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Hear that a request of ours got no answer (RFC 5057: 408 ends the dialog, a transport error does not)."""
        if transaction.request.method == "BYE":
            self._finish()
        elif transaction is self._ours:
            self._reoffer_failed(status, now)
        elif transaction.request.method == "UPDATE":
            self.timer.refused(status, now)

    def _on_reinvite_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        if response.is_success and self.dialog is not None:
            self.dialog = renewed(self.dialog, response)
            self.acknowledge(transaction.request.cseq.number)
            if transaction is self._ours:
                self._ours = None
                self.dialog = replace(self.dialog, local_sdp=self._our_offer, remote_sdp=response.sdp)
                self._our_offer = None
                self.timer.agreed(response, now)
                self._persist(hold=False)
                self.core.emit(self, ReofferDone(response.sdp, response.status))
        elif transaction is not self._ours or self._authenticated(transaction, response, now):
            return
        elif response.status == Status.REQUEST_PENDING:
            self._ours = None
            ours = self.dialog is not None and self.dialog.role == "uac"
            self._set("glare", now + (self.core.uniform(2.1, 4.0) if ours else self.core.uniform(0.0, 2.0)))
        elif self.timer.too_small(response):
            self._ours = None
            self._send_reinvite(now)
        else:
            self._reoffer_failed(response.status, now)

    def _reoffer_failed(self, status: int, now: float) -> None:
        self._ours = self._our_offer = None
        if not self.ended:
            self.core.emit(self, ReofferDone(None, status))
        if status in {Status.REQUEST_TIMEOUT, Status.NO_SUCH_CALL}:
            self.expired(status, "the far end knows nothing of the call any more", now)
        else:
            self.timer.refused(status, now)

    def acknowledge(self, seq: int) -> None:
        """Send the ACK to a 2xx, again for each repeat (§13.2.2.4)."""
        if self.dialog is not None:
            request = dialog_request(self.dialog, "ACK", branch=branch(self.core), seq=seq)
            self.core.send(self.core.way(self.dialog), bytes(request))

    def _authenticated(self, transaction: ClientTransaction, response: Response, now: float) -> bool:
        """Answer a challenge to a request of ours, once, and only to a proxy our credentials are for."""
        credentials = self.credentials if transaction.flow.remote in self.trusted and not self._challenged else None
        if credentials is None or self.dialog is None:
            return False
        headers = challenge_headers(response, transaction.request, credentials, cnonce=self.core.token())
        if headers is None:
            return False
        self._challenged += 1
        again = self._send(transaction.request.method, now, headers=headers, body=transaction.request.body)
        if transaction.request.method == "INVITE":
            self._ours = again
        elif transaction.request.method == "UPDATE":
            self.timer.sent(again)
        return True

    def write(self) -> None:
        """Have the dialog written; nothing waits for it."""
        self._persist(hold=False)

    def send_update(self, headers: list[Header], now: float) -> ClientTransaction | None:
        """Send an UPDATE without a body, which leaves the session as it is."""
        self._challenged = False
        return self._send("UPDATE", now, headers=headers)

    def send_same_offer(self, now: float) -> bool:
        """Offer the session as it is; False when that cannot be now."""
        sdp = self.dialog.local_sdp if self.dialog is not None else None
        return sdp is not None and self.reinvite(sdp, now)

    def expired(self, status: int, reason: str, now: float) -> None:
        """End a call of which the far end knows nothing any more."""
        self._end(status, reason, "error")
        self._say_bye(now)

    def fire(self, letter: str, now: float) -> None:
        """Repeat our 200, give up on its ACK, or try again after glare."""
        if letter == "200" and self._unacked is not None:
            self._unacked.repeat_last()
            self._interval = min(self._interval * 2, self.core.settings.timers.t2)
            self._set("200", now + self._interval)
        elif letter == "unacked":
            self._unacked = None
            self._drop("200")
            self._end(Status.REQUEST_TIMEOUT, "our answer was never acknowledged", "error")
            self._move(UsageState.CONFIRMED)
            self._say_bye(now)
        elif letter == "glare":
            if self._theirs or self._unacked:
                self._set("glare", now + self.core.settings.timers.t1)
            self._send_reinvite(now)
