"""Requests of a call that go beside its dialog: the PRACK of an early one, the BYE of one nobody wanted."""

from dataclasses import replace

from webpbx.sip.dialog import DialogState, dialog_request
from webpbx.sip.message import Response
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_core import branch
from webpbx.sip.session_headers import challenge_headers
from webpbx.sip.transaction import ClientTransaction


class Prack:
    """Hear the answer to a PRACK: a challenge is answered once, for a proxy our credentials are for."""

    def __init__(self, usage: InviteUsage, early: DialogState) -> None:
        self._usage = usage
        self._early = early
        self._challenged = False

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Answer a challenge."""
        usage, dialog = self._usage, self._usage.dialog
        credentials = usage.credentials if transaction.flow.remote in usage.trusted else None
        if credentials is None or dialog is None or self._challenged or usage.ended:
            return
        headers = challenge_headers(response, transaction.request, credentials, cnonce=usage.core.token())
        if headers is not None:
            self._challenged = True
            usage.dialog = replace(dialog, local_seq=dialog.local_seq + 1)
            seq = usage.dialog.local_seq
            again = dialog_request(self._early, "PRACK", branch=branch(usage.core), seq=seq, headers=headers)
            usage.core.transactions.client(again, transaction.flow, self).start(now)

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Let it be; the far end ends a call whose ringing is not acknowledged."""


class Declined:
    """Hear the answer to the BYE of a call nobody wanted, and do nothing."""

    def __init__(self, usage: InviteUsage) -> None:
        self.usage = usage

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Let it be."""

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Let it be."""
