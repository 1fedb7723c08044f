"""What one end of a call says within its dialog: requests, answers, and to whom it gives its credentials."""

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import replace
from weakref import ReferenceType, ref

from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import TARGET_REFRESH, DialogState, dialog_request
from webpbx.sip.message import Header, Request, Response, Status, response_to
from webpbx.sip.session_core import Core, branch
from webpbx.sip.session_headers import challenge_headers
from webpbx.sip.transaction import ClientTransaction, ClientUser, NonInviteServer, ServerTransaction
from webpbx.sip.transport import Address, contact_for, is_secure

MOST_KEPT = 64
"""Answers kept within a dialog; the far end has had its answer before it sends so many further requests."""
_WRITTEN_EACH = 50
"""After so many requests of ours our CSeq is written again; who takes the call up skips ahead by more."""


class DialogUsage(ClientUser, ABC):
    """Hold a dialog and speak within it."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.dialog: DialogState | None = None
        self.credentials: Credentials | None = None
        self.trusted: frozenset[Address] = frozenset()
        """The addresses our credentials are for."""
        self.ended = False
        self._challenged = 0
        self._kept: deque[ReferenceType[NonInviteServer]] = deque()

    @abstractmethod
    def write(self) -> None:
        """Have the dialog written; nothing waits for it."""

    def keep(self, transaction: ServerTransaction) -> None:
        """Keep the answer to a request within the dialog for its repeats, and one from long before no longer."""
        if isinstance(transaction, NonInviteServer):
            self._kept.append(ref(transaction))
            if len(self._kept) > MOST_KEPT and (oldest := self._kept.popleft()()) is not None:
                oldest.overtaken()

    def dialog_of(self, tag: str) -> DialogState | None:
        """Return the dialog with the far end of this tag."""
        return self.dialog if self.dialog is not None and self.dialog.remote_tag == tag else None

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        now: float,
        *,
        headers: list[Header] | None = None,
    ) -> None:
        """Answer a request within the dialog."""
        transaction.respond(self._response(transaction, status, headers=headers), now)

    def _response(
        self, transaction: ServerTransaction, status: int, *, headers: list[Header] | None = None, body: bytes = b""
    ) -> Response:
        request = transaction.request
        lines = list(headers or ())
        if request.method in TARGET_REFRESH and status < Status.MULTIPLE_CHOICES:
            lines = [*(("Record-Route", value) for value in request.values("Record-Route")), *lines]
            contact = contact_for(transaction.flow, secure=is_secure(request.uri_text))
            lines.insert(0, ("Contact", contact))
        tag = self.dialog.local_tag if self.dialog else self.core.token()
        return response_to(request, status, tag=tag, headers=lines, body=body)

    def within(
        self,
        method: str,
        *,
        dialog: DialogState | None = None,
        headers: list[Header] | None = None,
        body: bytes = b"",
    ) -> Request | None:
        """Make our next request within the dialog, or within an early one that shares its CSeq."""
        if self.dialog is None:
            return None
        seq = self.dialog.local_seq + 1
        self.dialog = replace(self.dialog, local_seq=seq)
        if not seq % _WRITTEN_EACH and self.dialog.confirmed and not self.ended:
            self.write()
        lines = [*(headers or ()), ("User-Agent", self.core.settings.user_agent)]
        shape = self.dialog if dialog is None else dialog
        return dialog_request(shape, method, branch=branch(self.core), seq=seq, headers=lines, body=body)

    def send_within(
        self,
        method: str,
        now: float,
        *,
        dialog: DialogState | None = None,
        headers: list[Header] | None = None,
        body: bytes = b"",
    ) -> ClientTransaction | None:
        """Send a request within the dialog through a transaction of its own; its answers come here."""
        return self.launch(self.within(method, dialog=dialog, headers=headers, body=body), self, now, dialog=dialog)

    def launch(
        self, request: Request | None, user: ClientUser, now: float, *, dialog: DialogState | None = None
    ) -> ClientTransaction | None:
        """Send a request that `within` made."""
        way = dialog or self.dialog
        if request is None or way is None:
            return None
        transaction = self.core.transactions.client(request, self.core.way(way), user)
        transaction.start(now)
        return transaction

    def acknowledge(self, seq: int) -> None:
        """Send the ACK to a 2xx, again for each repeat (§13.2.2.4)."""
        if self.dialog is not None:
            request = dialog_request(self.dialog, "ACK", branch=branch(self.core), seq=seq)
            self.core.send(self.core.way(self.dialog), bytes(request))

    def challenged(self, transaction: ClientTransaction, response: Response) -> list[Header] | None:
        """Return what answers a challenge to a request of ours; None to all but a proxy our credentials are for."""
        if self.credentials is None or transaction.flow.remote not in self.trusted:
            return None
        return challenge_headers(response, transaction.request, self.credentials, cnonce=self.core.token())

    def authenticated(self, transaction: ClientTransaction, response: Response, now: float) -> ClientTransaction | None:
        """Answer a challenge, once; None when that cannot be."""
        headers = None if self._challenged else self.challenged(transaction, response)
        if headers is None:
            return None
        self._challenged += 1
        request = transaction.request
        dialog = self.dialog_of(request.to.tag)
        return self.send_within(request.method, now, dialog=dialog, headers=headers, body=request.body)
