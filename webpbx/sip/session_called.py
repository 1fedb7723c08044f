"""A call that came in: the answering side of an INVITE (RFC 3261 §13.3)."""

from dataclasses import replace
from typing import Final

from webpbx.sip.dialog import DialogState, called_dialog
from webpbx.sip.message import Header, Request, Response, Status, response_to
from webpbx.sip.offer_answer import Stage, Step
from webpbx.sip.parser import parse_message
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_core import Core
from webpbx.sip.session_events import UsageState
from webpbx.sip.session_headers import SDP, q850_of, reason_headers
from webpbx.sip.session_reliable import ReliableResponses, rack_of, rseq_of
from webpbx.sip.settings import Peer
from webpbx.sip.transaction import InviteServer, ServerTransaction

RING_AGAIN: Final = 60.0
"""Seconds after which a proxy wants to hear 180 again (§13.3.1.1)."""


class CalledUsage(InviteUsage):
    """Ring, answer or reject a call that came in."""

    direction = "in"

    def __init__(
        self,
        core: Core,
        *,
        session_id: str,
        peer: Peer | None,
        transaction: InviteServer,
        replaces: str | None = None,
    ) -> None:
        super().__init__(core, session_id=session_id, peer=peer, state=UsageState.INVITED)
        self.transaction = transaction
        self.replaces = replaces
        """The session whose place it is to take (RFC 3891)."""
        self.request: Request = transaction.request
        self._raw = bytes(transaction.request)
        self.dialog = called_dialog(
            transaction.request,
            transaction.flow,
            session_id=session_id,
            tag=core.token(),
            peer_id=peer.id if peer else None,
            stays=peer is not None and peer.registered,
        )
        core.know(self, self.dialog)
        if self.request.sdp is not None:
            self._offers.step(Step.THEY_OFFER)
        self._reliable = ReliableResponses(core, transaction, never_acknowledged=self._never_acknowledged)

    def _write(self, response: Response, sdp: bytes | None, *, confirmed: bool) -> None:
        """Have the dialog written with what the response to the INVITE will be."""
        if self.dialog is not None:
            self.dialog = replace(
                self.dialog,
                local_sdp=sdp or self.dialog.local_sdp,
                confirmed=confirmed,
                request=self._raw,
                response=bytes(response),
            )
            self.persist()

    def ring(self, now: float, *, sdp: bytes | None = None) -> None:
        """Send 180, or 183 with early media."""
        if self.dialog is None or self.state not in {UsageState.INVITED, UsageState.RINGING} or self.ended:
            return
        required = self.request.has_option("Require", "100rel")
        reliable = required or (sdp is not None and self.request.has_option("Supported", "100rel"))
        if reliable and self.request.sdp is None:  # it would have to bear our offer, and the answer would come in PRACK
            if required:
                return
            reliable = False
        self._move(UsageState.RINGING)
        headers: list[Header] = [*self.core.announced]
        rseq = self._reliable.number() if reliable else None
        if rseq is not None:
            headers += [("Require", "100rel"), ("RSeq", str(rseq))]
        if sdp is not None:
            headers.append(SDP)
        status = Status.RINGING if sdp is None else Status.SESSION_PROGRESS
        response = self._response(self.transaction, status, headers=headers, body=sdp or b"")
        if rseq is not None and sdp is not None:
            self._offers.step(Step.ANSWER)
        self._write(response, sdp, confirmed=False)
        self.perform(lambda at: self._ring(response, rseq, at), now)

    def _ring(self, response: Response, rseq: int | None, now: float) -> None:
        if rseq is None:
            self.transaction.respond(response, now)
        else:
            self._reliable.send(rseq, response, now)
        self._set("180", now + RING_AGAIN)

    def _on_prack(self, transaction: ServerTransaction, now: float) -> None:
        prack = transaction.request
        if self.dialog is None or not self._reliable.acknowledged(prack):
            super()._on_prack(transaction, now)
            return
        rack = rack_of(prack)
        self.dialog = replace(self.dialog, rseq_acknowledged=rack[0] if rack else 0)
        self.write()
        status = Status.OK if prack.sdp is None else Status.NOT_ACCEPTABLE_HERE  # the session is settled already
        transaction.respond(self._response(transaction, status), now)
        self._reliable.go_on(now)

    def _never_acknowledged(self, now: float) -> None:
        """End a call whose ringing nobody acknowledges (RFC 3262 §3)."""
        self._refuse(Status.SERVER_TIMEOUT, now)
        self._end(Status.SERVER_TIMEOUT, "our ringing was never acknowledged", "error")
        self._finish()

    def answer(self, sdp: bytes, now: float) -> None:
        """Send 200 with our answer, or with our offer if theirs is still to come in the ACK."""
        if self.dialog is None or self.ended or not self._move(UsageState.ANSWERED):
            return
        self._drop("180")
        if self._offers.stage is Stage.AGREED and self.dialog.local_sdp is not None:
            sdp = self.dialog.local_sdp  # answered by a reliable 1xx: the 200 says the same again (§13.2.1)
        else:
            self._offers.step(Step.WE_OFFER if self.request.sdp is None else Step.ANSWER)
        headers: list[Header] = [*self.core.announced, *self.timer.agree(self.request, now), SDP]
        response = self._response(self.transaction, Status.OK, headers=headers, body=sdp)
        self.unacked = self.transaction
        self._write(response, sdp, confirmed=True)
        self.perform(lambda at: self._reliable.then(lambda then: self._answer_invite(response, then), at), now)

    def _answer_invite(self, response: Response, now: float) -> None:
        self._answer(self.transaction, response, now)

    def reject(
        self,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        retry_after: int | None = None,
        q850: int | None = None,
    ) -> None:
        """Refuse the call with a status of 300 to 699."""
        if self.state in {UsageState.INVITED, UsageState.RINGING} and not self.ended:
            headers = reason_headers(q850)
            if retry_after is not None:
                headers.append(("Retry-After", str(retry_after)))
            self._refuse(status, now, reason=reason, headers=headers)
            self._end(status, reason or "", "local", q850)
            self._finish()

    def _refuse(
        self, status: int, now: float, *, reason: str | None = None, headers: list[Header] | None = None
    ) -> None:
        self._reliable.stop()
        tag = self.dialog.local_tag if self.dialog else ""
        self.transaction.respond(response_to(self.request, status, reason, tag=tag, headers=headers or ()), now)

    def not_persisted(self, now: float) -> None:
        """Refuse an INVITE whose dialog could not be written."""
        self._refuse(Status.SERVER_ERROR, now)
        super().not_persisted(now)

    def hang_up(self, now: float, *, q850: int | None = None) -> None:
        """Reject an unanswered call with 480, or end an answered one by BYE."""
        if self.state in {UsageState.INVITED, UsageState.RINGING}:
            self.reject(Status.TEMPORARILY_UNAVAILABLE, now, q850=q850)
        else:
            super().hang_up(now, q850=q850)

    def on_cancel(self, invite: ServerTransaction, cancel: Request, now: float) -> None:
        """End an INVITE whose final response has not gone out with 487 (§9.2); later it has no effect."""
        if invite is not self.transaction:
            super().on_cancel(invite, cancel, now)
        elif invite.is_open:
            self._refuse(Status.REQUEST_TERMINATED, now)
            self._end(Status.REQUEST_TERMINATED, "cancelled", "remote", q850_of(cancel))
            self._finish()

    def _on_bye(self, transaction: ServerTransaction, now: float) -> None:
        self._refuse(Status.REQUEST_TERMINATED, now)
        super()._on_bye(transaction, now)

    def fire(self, letter: str, now: float) -> None:
        """Ring again each minute; the rest is the dialog's."""
        if letter == "180":
            self.transaction.repeat_last()
            self._set("180", now + RING_AGAIN)
        else:
            super().fire(letter, now)

    @classmethod
    def adopt(cls, core: Core, state: DialogState, *, peer: Peer | None, now: float) -> "CalledUsage | None":
        """Take up a call that a former process rang or answered; None when nothing but the dialog is left of it."""
        if state.request is None or state.response is None:
            return None
        request, response = parse_message(state.request), parse_message(state.response)
        if not isinstance(request, Request) or not isinstance(response, Response):
            return None
        transaction = core.transactions.server(request, state.flow)
        if not isinstance(transaction, InviteServer):
            return None
        usage = cls(core, session_id=state.id, peer=peer, transaction=transaction)
        usage.dialog = state.adopted()
        core.know(usage, state)
        rseq = rseq_of(response)
        if response.sdp is not None and (rseq is not None or response.is_success):
            usage._offers.step(Step.WE_OFFER if request.sdp is None else Step.ANSWER)
        if response.is_provisional:
            usage._move(UsageState.RINGING)
            if rseq is not None:
                usage._reliable.resume(rseq + 1)
            usage._ring(response, None if rseq == state.rseq_acknowledged else rseq, now)
        else:
            usage._move(UsageState.ANSWERED)
            usage.unacked = transaction
            usage._answer(transaction, response, now)
        return usage
