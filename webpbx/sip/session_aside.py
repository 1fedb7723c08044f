"""Requests of a call whose outcome is somebody's own affair: INFO, REFER, NOTIFY, PRACK, the BYE of a fork."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from webpbx.sip.dialog import DialogState, dialog_request
from webpbx.sip.message import Header, Request, Response, Status
from webpbx.sip.session_core import Core, branch
from webpbx.sip.transaction import ClientTransaction, ClientUser

Done = Callable[[int, Response | None, float], None]


class Sender(Protocol):
    """What such requests need from those who send them."""

    ended: bool

    @property
    def core(self) -> Core:
        """The user agent."""

    def challenged(self, transaction: ClientTransaction, response: Response) -> list[Header] | None:
        """Return what answers a challenge; None when it is not to be answered."""

    def within(
        self,
        method: str,
        *,
        dialog: DialogState | None = None,
        headers: list[Header] | None = None,
        body: bytes = b"",
    ) -> Request | None:
        """Make our next request within the dialog."""

    def launch(
        self, request: Request | None, user: ClientUser, now: float, *, dialog: DialogState | None = None
    ) -> ClientTransaction | None:
        """Send it."""

    def expired(self, status: int, reason: str, now: float) -> None:
        """End the call."""


class Usage(Sender, Protocol):
    """What they need from their call."""

    dialog: DialogState | None


class Within(ClientUser):
    """Wait for the final answer to a request within the dialog; `done` hears it, 408 for silence, 503 for no way."""

    def __init__(self, usage: Sender, done: Done, *, ends_dialog: bool = True) -> None:
        """`ends_dialog`: a far end that knows nothing of the request's dialog has lost the call (RFC 5057 §5)."""
        self._usage = usage
        self._done = done
        self._ends_dialog = ends_dialog
        self._challenged = False

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Answer a challenge, once, or tell the outcome."""
        if response.is_provisional:
            return
        headers = None if self._challenged else self._usage.challenged(transaction, response)
        if headers is None:
            self._tell(response.status, response, now)
            return
        self._challenged = True
        request = transaction.request
        again = self._usage.within(request.method, headers=headers, body=request.body)
        self._usage.launch(again, self, now)

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Tell that there was no answer."""
        _ = transaction
        self._tell(status, None, now)

    def _tell(self, status: int, response: Response | None, now: float) -> None:
        if self._ends_dialog and status in {Status.REQUEST_TIMEOUT, Status.NO_SUCH_CALL} and not self._usage.ended:
            self._usage.expired(status, "the far end knows nothing of the call any more", now)
        self._done(status, response, now)


class Prack:
    """Hear the answer to a PRACK: a challenge is answered once, for a proxy our credentials are for."""

    def __init__(self, usage: Usage, early: DialogState) -> None:
        self._usage = usage
        self._early = early
        self._challenged = False

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Answer a challenge."""
        usage, dialog = self._usage, self._usage.dialog
        if dialog is None or self._challenged or usage.ended:
            return
        headers = usage.challenged(transaction, response)
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

    def __init__(self, usage: Usage) -> None:
        self.usage = usage

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Let it be."""

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Let it be."""
