"""A call we make: the asking side of an INVITE, over one proxy after another (RFC 3261 §13.2, RFC 3263 §4.3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from webpbx.sip.auth import answer
from webpbx.sip.dialog import DialogState, calling_dialog, dialog_request
from webpbx.sip.headers import CSeq, parse_delta
from webpbx.sip.message import Header, Request, Response, Status
from webpbx.sip.offer_answer import OfferAnswer, Step
from webpbx.sip.parser import parse_message
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_aside import Declined, Prack
from webpbx.sip.session_core import Core, branch
from webpbx.sip.session_events import Answered, Progress, UsageState
from webpbx.sip.session_forks import Fork, Forks
from webpbx.sip.session_headers import SDP, q850_of, reason_headers
from webpbx.sip.session_order import InviteOrder, invite_request, order_of
from webpbx.sip.session_reliable import rseq_of
from webpbx.sip.settings import Peer
from webpbx.sip.transaction import ClientTransaction
from webpbx.sip.transaction_moves import State
from webpbx.sip.transport import DATAGRAM_LIMIT, Flow

_AUTHORIZATIONS = frozenset({"Authorization", "Proxy-Authorization"})


@dataclass(slots=True)
class _Attempt:
    """Hold one way's try: its transaction, and whether a CANCEL is owed or sent."""

    transaction: ClientTransaction
    cancel: bool = False
    cancelled: bool = False
    heard: bool = False
    acks: dict[str, tuple[Flow, bytes]] = field(default_factory=dict)
    rseqs: dict[str, int] = field(default_factory=dict)
    """The last reliable 1xx of each fork."""


class CallingUsage(InviteUsage):
    """Call someone; the first 2xx of all forks and attempts wins."""

    direction = "out"

    def __init__(self, core: Core, *, session_id: str, order: InviteOrder, peer: Peer | None = None) -> None:
        super().__init__(core, session_id=session_id, peer=peer, state=UsageState.CALLING)
        self.order = order
        self.credentials = order.credentials
        self.trusted = frozenset(flow.remote for flow in order.flows)
        self._left: list[Flow] = []
        self._attempt: _Attempt | None = None
        self._attempts: dict[int, _Attempt] = {}
        self._late_offer: ClientTransaction | None = None
        self._forks = Forks(order.sdp)

    # -- early dialogs -------------------------------------------------------------------------------------------

    def _fork(self, response: Response) -> Fork | None:
        """Return the early dialog of a tagged response."""
        if self.dialog is None or not response.to.tag:
            return None
        is_new = response.to.tag not in self._forks
        fork = self._forks.of(self.dialog, response)
        if is_new:
            self.core.know(self, fork.dialog)
        return fork

    def dialog_of(self, tag: str) -> DialogState | None:
        """Return the dialog with the far end of this tag, an early one before the answer."""
        return self._forks.dialog_of(tag) if self.state is UsageState.CALLING else super().dialog_of(tag)

    def renew(self, dialog: DialogState) -> None:
        """Keep a changed dialog."""
        if self.state is UsageState.CALLING:
            self._forks.renew(dialog)
        else:
            super().renew(dialog)

    def offers(self, dialog: DialogState) -> OfferAnswer:
        """Return how far that dialog's ends are with their session."""
        return self._forks.offers(dialog.remote_tag) or super().offers(dialog)

    def agreed_dialog(self) -> DialogState | None:
        """Return the dialog in which there is a session: before the answer, an early one whose 183 was reliable."""
        return self._forks.agreed() if self.state is UsageState.CALLING else super().agreed_dialog()

    # -- starting ------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Send the INVITE the first way; those that failed lately come last, since they may be back."""
        peer_id = self.order.peer_id
        self._left = sorted(self.order.flows, key=lambda flow: self.core.is_blocked(flow, now, peer_id=peer_id))
        if not self._left:
            self._end(Status.SERVICE_UNAVAILABLE, "there is no address to call", "error")
            self._finish()
            return
        order = self.order
        self.dialog = DialogState(
            id=self.id,
            role="uac",
            call_id=self.core.token(),
            local_tag=self.core.token(),
            remote_tag="",
            local=str(order.from_.with_tag("")),
            remote=str(order.to.with_tag("")),
            local_seq=0,
            remote_seq=None,
            invite_seq=0,
            routes=order.routes,
            target=order.target,
            flow=self._left[0],
            peer_id=order.peer_id,
            local_sdp=order.sdp,
            stays=order.stays,
        )
        ways = [way for flow in self._left for way in self._ways(flow)]
        self._left = sorted(ways, key=lambda way: self.core.is_blocked(way, now, peer_id=peer_id))
        self._try_next(now)

    def _ways(self, flow: Flow) -> Iterator[Flow]:
        """Go by TCP first where a datagram would be too large, and by UDP should that be refused (§18.1.1)."""
        large = self.order.large.get(flow)
        if large is not None and len(bytes(self._request(flow, 1, ()))) > DATAGRAM_LIMIT:
            yield large
        yield flow

    def _try_next(self, now: float) -> None:
        self._challenged = 0
        self._invite(self._left.pop(0), now)

    def _invite(self, flow: Flow, now: float, extra: Sequence[Header] = ()) -> None:
        """Send an INVITE once its dialog is written."""
        if self.dialog is None:
            return
        seq = self.dialog.local_seq + 1
        request = self._request(flow, seq, extra)
        self.dialog = replace(self.dialog, local_seq=seq, invite_seq=seq, flow=flow, request=bytes(request))
        self.persist()
        self.perform(lambda at: self._launch(request, flow, at), now)

    def _request(self, flow: Flow, seq: int, extra: Sequence[Header]) -> Request:
        timer = [*self.timer.offer(), ("User-Agent", self.core.settings.user_agent)]
        return invite_request(
            self.order,
            self.dialog,
            flow,
            branch=branch(self.core),
            seq=seq,
            announced=self.core.announced,
            extra=(*timer, *extra),
        )

    def _launch(self, request: Request, flow: Flow, now: float) -> None:
        if self.ended:
            self._finish()
            return
        transaction = self.core.transactions.client(request, flow, self)
        self._attempt = self._attempts[id(transaction)] = _Attempt(transaction)
        self._drop("silence", "C")
        silence = self.order.timeout_100 if self._left else self.order.give_up
        if silence is not None:
            self._set("silence", now + silence)
        transaction.start(now)

    # -- orders --------------------------------------------------------------------------------------------------

    def hang_up(self, now: float, *, q850: int | None = None) -> None:
        """Cancel an unanswered call, or end an answered one by BYE."""
        if self.state is not UsageState.CALLING:
            self.answer(b"", now)  # a late offer that nobody answered still needs its ACK before the BYE
            super().hang_up(now, q850=q850)
            return
        self._q850 = q850
        self._end(Status.REQUEST_TERMINATED, "", "local", q850)
        self._drop("C", "silence")
        if self._attempt is None:
            self._durable.clear()
            self._finish()
        else:
            self._abandon(self._attempt, now)

    def _abandon(self, attempt: _Attempt, now: float) -> None:
        """Owe a CANCEL; it waits for a 1xx (§9.1)."""
        attempt.cancel = True
        transaction = attempt.transaction
        if transaction.state is not State.PROCEEDING or attempt.cancelled:
            return
        attempt.cancelled = True
        request = transaction.request
        kept = {"From", "To", "Call-ID", "Max-Forwards", "Route"}
        headers = [("Via", request.headers[0][1]), *((k, v) for k, v in request.headers if k in kept)]
        headers += [("CSeq", str(CSeq(request.cseq.number, "CANCEL"))), *reason_headers(self._q850)]
        cancel = Request("CANCEL", request.uri_text, headers)
        self.core.transactions.client(cancel, transaction.flow, self).start(now)
        self.core.timers.set(transaction, "B", now + self.core.settings.timers.patience)

    def answer(self, sdp: bytes, now: float) -> None:
        """Answer the offer a 200 brought to an INVITE of ours without SDP: it goes in the ACK."""
        transaction, self._late_offer = self._late_offer, None
        if transaction is not None and self.dialog is not None:
            self.dialog = replace(self.dialog, local_sdp=sdp or None)
            self.offers(self.dialog).step(Step.ANSWER)
            self.perform(lambda at: self._confirm(transaction, sdp, at), now)
            self.perform(self.reoffer.go_on, now)

    def not_persisted(self, now: float) -> None:
        """End a call whose dialog could not be written; an answer that came is still acknowledged, then BYE."""
        if self.state is UsageState.CONFIRMED:
            self._durable.hurry(now)
        super().not_persisted(now)

    # -- responses -----------------------------------------------------------------------------------------------

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Hear a response to an INVITE of ours, or to something within the dialog."""
        attempt = self._attempts.get(id(transaction))
        if attempt is None:
            if transaction.request.method != "CANCEL":
                super().on_response(transaction, response, now)
            return
        attempt.heard = True
        if response.is_success:
            self._on_success(attempt, response, now)
        elif response.is_provisional:
            self._on_progress(attempt, response, now)
        else:
            self._on_refusal(attempt, response, now)

    def _on_progress(self, attempt: _Attempt, response: Response, now: float) -> None:
        if attempt.cancel or self.ended:
            self._abandon(attempt, now)
            return
        self._drop("silence")
        if "C" not in self.deadlines:
            self._set("C", now + self.core.settings.ring_limit)
        if response.status == Status.TRYING or self.dialog is None or self.state is not UsageState.CALLING:
            return
        fork = self._fork(response)
        if fork is not None:
            rseq = rseq_of(response)
            if rseq is not None:
                if attempt.rseqs.get(response.to.tag, rseq - 1) != rseq - 1:
                    return  # a repeat, or out of order: neither acknowledged nor told (RFC 3262 §4)
                attempt.rseqs[response.to.tag] = rseq
                fork.answered_early(response)
                self._prack(fork.dialog, f"{rseq} {response.cseq}", now)
        self.core.emit(self, Progress(response.status, response.reason, response.sdp))

    def _prack(self, early: DialogState, rack: str, now: float) -> None:
        """Acknowledge a reliable 1xx within its early dialog."""
        if self.dialog is not None:
            seq = self.dialog.local_seq + 1
            self.dialog = replace(self.dialog, local_seq=seq)
            prack = dialog_request(early, "PRACK", branch=branch(self.core), seq=seq, headers=[("RAck", rack)])
            self.core.transactions.client(prack, self.core.way(early), Prack(self, early)).start(now)

    def _on_success(self, attempt: _Attempt, response: Response, now: float) -> None:
        tag = response.to.tag
        if tag in attempt.acks:
            self.core.send(*attempt.acks[tag])
            return
        wins = attempt is self._attempt and self.state is UsageState.CALLING and not attempt.cancel and not self.ended
        if self.dialog is None or (self._late_offer is not None and tag == self.dialog.remote_tag):
            return
        dialog = replace(calling_dialog(self.dialog, response), flow=attempt.transaction.flow, confirmed=True)
        if not wins:
            self._decline(attempt, dialog, now)
            return
        fork = self._fork(response)
        self._drop("C", "silence", "B")
        self._move(UsageState.CONFIRMED)
        self.dialog = replace(dialog, remote_sdp=response.sdp, request=None, response=None)
        told = response.sdp
        if fork is not None:
            self.dialog, told = fork.confirmed(self.dialog, response)
        self.core.know(self, self.dialog)
        self.timer.agreed(response, now)
        self.persist()
        if self.order.sdp is None:
            self._late_offer = attempt.transaction
        else:
            self.perform(lambda at: self._confirm(attempt.transaction, b"", at), now)
        self.core.emit(self, Answered(told))
        self.perform(self.reoffer.go_on, now)

    def _confirm(self, transaction: ClientTransaction, sdp: bytes, now: float) -> None:
        """Send the ACK and keep it for repeats of the 200; it bears the INVITE's credentials (§22.1)."""
        _ = now
        attempt = self._attempts.get(id(transaction))
        if self.dialog is not None and attempt is not None:
            attempt.acks[self.dialog.remote_tag] = self._ack(transaction, self.dialog, sdp)
            self.core.send(*attempt.acks[self.dialog.remote_tag])

    def _ack(self, transaction: ClientTransaction, dialog: DialogState, sdp: bytes) -> tuple[Flow, bytes]:
        headers = [header for header in transaction.request.headers if header[0] in _AUTHORIZATIONS]
        if sdp:
            headers.append(SDP)
        seq = transaction.request.cseq.number
        request = dialog_request(dialog, "ACK", branch=branch(self.core), seq=seq, headers=headers, body=sdp)
        return self.core.way(dialog), bytes(request)

    def _decline(self, attempt: _Attempt, dialog: DialogState, now: float) -> None:
        """End a call that was answered too late or by another fork too: ACK and BYE."""
        attempt.acks[dialog.remote_tag] = self._ack(attempt.transaction, dialog, b"")
        self.core.send(*attempt.acks[dialog.remote_tag])
        bye = dialog_request(
            dialog, "BYE", branch=branch(self.core), seq=dialog.local_seq + 1, headers=reason_headers(self._q850)
        )
        declined = Declined(self)
        self.core.transactions.client(bye, self.core.way(dialog), declined).start(now)
        if self.state is UsageState.CALLING and self.ended:
            self._finish()

    def _on_refusal(self, attempt: _Attempt, response: Response, now: float) -> None:
        current = attempt is self._attempt and self.state is UsageState.CALLING
        if response.status == Status.SERVICE_UNAVAILABLE:
            wait = parse_delta(response.get("Retry-After") or "")
            seconds = self.core.settings.blocked_after_503 if wait is None else wait
            self.core.block(attempt.transaction.flow, seconds, now, peer_id=self.order.peer_id)
        if not current:
            return
        if self.ended or attempt.cancel:
            self._finish()
        elif self._answer_challenge(attempt, response, now):
            return
        elif self.timer.too_small(response):
            self._challenged = False
            self._invite(attempt.transaction.flow, now)
        elif response.status == Status.SERVICE_UNAVAILABLE and self._left:
            self._try_next(now)
        else:
            self._end(response.status, response.reason, "remote", q850_of(response))
            self._finish()

    def _answer_challenge(self, attempt: _Attempt, response: Response, now: float) -> bool:
        if response.status not in {Status.UNAUTHORIZED, Status.PROXY_AUTHENTICATION_REQUIRED}:
            return False
        if self.credentials is None:
            return False
        request = attempt.transaction.request
        said = answer(response, request, self.credentials, cnonce=self.core.token())
        if said is None or (self._challenged and not (said.stale and self._challenged == 1)):
            return False  # a nonce may have grown old once; who says so again wants no answer
        self._challenged += 1
        self._invite(attempt.transaction.flow, now, [said.header])
        return True

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Hear silence or a transport error; the next way is tried at once."""
        attempt = self._attempts.get(id(transaction))
        if attempt is None:
            if transaction.request.method != "CANCEL":
                super().on_failure(transaction, status, now)
        elif attempt is self._attempt and self.state is UsageState.CALLING:
            if self._left and not self.ended:
                self._try_next(now)
                return
            words = "no answer came" if status == Status.REQUEST_TIMEOUT else "the address refused the packet"
            self._end(status, words, "error")
            self._finish()

    def fire(self, letter: str, now: float) -> None:
        """Try the next way after silence, cancel at the ring limit."""
        if letter == "silence" and self._attempt is not None:
            attempt = self._attempt
            if self._left:
                attempt.cancel = True
                attempt.transaction.stop_repeating()  # a proxy that comes back must not ring for nobody
                seconds = self.core.settings.blocked_after_silence
                self.core.block(attempt.transaction.flow, seconds, now, peer_id=self.order.peer_id)
                self._try_next(now)
            else:
                attempt.transaction.give_up(now)
        elif letter == "C" and self._attempt is not None:
            self._end(Status.REQUEST_TIMEOUT, "the far end rang too long", "error")
            self._abandon(self._attempt, now)
        else:
            super().fire(letter, now)

    @classmethod
    def adopt(cls, core: Core, state: DialogState, *, peer: Peer | None, now: float) -> "CallingUsage | None":
        """Take up an INVITE of a former process: sent again under its branch, it is answered as a repeat."""
        request = parse_message(state.request) if state.request else None
        if not isinstance(request, Request):
            return None
        usage = cls(core, session_id=state.id, order=order_of(request, state.flow), peer=peer)
        usage.dialog = state
        transaction = core.transactions.client(request, state.flow, usage)
        usage._attempt = usage._attempts[id(transaction)] = _Attempt(transaction, heard=True)
        transaction.start(now)
        return usage
