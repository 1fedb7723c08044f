"""All transactions of the stack, and which of them a message belongs to."""

import logging
from collections import Counter
from collections.abc import Callable

from webpbx.sip.message import Request, Response
from webpbx.sip.timers import Timers, TimerValues
from webpbx.sip.transaction import (
    ClientTransaction,
    ClientUser,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    ServerTransaction,
    Transaction,
)
from webpbx.sip.transport import DATAGRAM_LIMIT, Flow

log = logging.getLogger(__name__)

Send = Callable[[Flow, bytes], None]


_OF_CALLS = frozenset({"INVITE", "CANCEL", "BYE"})


class Transactions:
    """Find the transaction of a message (§17.1.3, §17.2.3) and hold them all."""

    def __init__(
        self, *, send: Send, timers: Timers, values: TimerValues, count_response: Callable[[int], None]
    ) -> None:
        self.send = send
        self.timers = timers
        self.values = values
        self.count_response = count_response
        self.clients: dict[tuple[object, ...], ClientTransaction] = {}
        self.branches: Counter[str] = Counter()
        """Those of requests of ours."""
        self.servers: dict[tuple[object, ...], ServerTransaction] = {}
        self._origins: dict[tuple[object, ...], ServerTransaction] = {}

    def __len__(self) -> int:
        return len(self.clients) + len(self.servers)

    @property
    def is_parting(self) -> bool:
        """Tell whether a BYE or CANCEL of ours, or a cancelled INVITE, is still unanswered."""
        return any(each.is_open and each.request.method in _OF_CALLS for each in self.clients.values())

    def client(self, request: Request, flow: Flow, user: ClientUser) -> ClientTransaction:
        """Make the transaction of a request of ours; its top Via stands first among the headers."""
        key = (request.via.branch, request.method)
        kind = InviteClient if request.method == "INVITE" else NonInviteClient
        transaction = self.clients[key] = kind(self, key, request, flow, user)
        if len(transaction.data) > DATAGRAM_LIMIT and not flow.is_reliable:
            log.info("a %s to %s:%s of %d bytes goes by UDP", request.method, *flow.remote, len(transaction.data))
        self.branches[request.via.branch] += 1
        return transaction

    def server(self, request: Request, flow: Flow) -> ServerTransaction:
        """Make the transaction of a request that came in."""
        key = server_key(request)
        kind = InviteServer if request.method == "INVITE" else NonInviteServer
        transaction = self.servers[key] = kind(self, key, request, flow)
        if not request.to.tag:
            self._origins[_origin(request)] = transaction
        return transaction

    def of_response(self, response: Response) -> ClientTransaction | None:
        """Find the transaction a response belongs to."""
        return self.clients.get((response.via.branch, response.cseq.method))

    def of_request(self, request: Request) -> ServerTransaction | None:
        """Find the transaction a request repeats, or the INVITE's that an ACK acknowledges."""
        return self.servers.get(server_key(request, "INVITE" if request.method == "ACK" else None))

    def cancelled(self, cancel: Request) -> InviteServer | None:
        """Find the INVITE a CANCEL means (§9.2)."""
        found = self.servers.get(server_key(cancel, "INVITE"))
        return found if isinstance(found, InviteServer) else None

    def is_merged(self, request: Request) -> bool:
        """Tell whether the same request came by another way already (§8.2.2.2)."""
        return not request.to.tag and _origin(request) in self._origins

    def broken(self, on: Callable[[Flow], bool], now: float) -> None:
        """Fail the requests of ours on lost flows (§8.1.3.1); answers we owe there take another way (§18.2.2)."""
        for client in [each for each in self.clients.values() if on(each.flow)]:
            client.broken(now)
        for server in [each for each in self.servers.values() if each.flow.is_reliable and on(each.flow)]:
            server.lost()

    def forget(self, transaction: Transaction) -> None:
        """Let a terminated transaction go."""
        if isinstance(transaction, ServerTransaction):
            self.servers.pop(transaction.key, None)
            if not transaction.request.to.tag:
                self._origins.pop(_origin(transaction.request), None)
        elif self.clients.pop(transaction.key, None) is not None:
            branch = transaction.request.via.branch
            self.branches[branch] -= 1
            if not self.branches[branch]:
                del self.branches[branch]


def server_key(request: Request, method: str | None = None) -> tuple[object, ...]:
    """Return what tells transactions apart: branch and sent-by, or RFC 2543's many fields without a magic cookie."""
    via = request.via
    method = method or request.method
    if via.is_unique:
        return via.branch, via.sent_by, method
    return request.uri_text, request.from_.tag, request.call_id, request.cseq.number, str(via), method


def _origin(request: Request) -> tuple[object, ...]:
    return request.call_id, request.from_.tag, request.cseq.number, request.method
