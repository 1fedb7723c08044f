"""What becomes of a request that came in: the order of RFC 3261 §8.2, dialog look-up, CANCEL."""

from collections.abc import Callable
from dataclasses import dataclass

from webpbx.sip.admission import KNOWN_METHODS, Buckets, Refusal, refuse_content, refuse_method, unsupported
from webpbx.sip.dialog import DialogState
from webpbx.sip.dialogs import Dialogs
from webpbx.sip.gate import Gate
from webpbx.sip.grammar import ParseError
from webpbx.sip.headers import Replaces
from webpbx.sip.message import Request, Status, response_to
from webpbx.sip.registrar import Registrar
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_core import Core
from webpbx.sip.session_events import UsageState
from webpbx.sip.session_timer import refuse_interval
from webpbx.sip.settings import Peer
from webpbx.sip.stateless import Stateless
from webpbx.sip.streams import Streams
from webpbx.sip.subscription import Subscriptions
from webpbx.sip.transaction import InviteServer
from webpbx.sip.transaction_moves import State
from webpbx.sip.transport import Flow


@dataclass(slots=True, kw_only=True)
class Serving:
    """Serve each request by its transaction, its dialog, or as one that has neither."""

    core: Core
    gate: Gate
    buckets: Buckets
    stateless: Stateless
    streams: Streams
    dialogs: Dialogs
    registrar: Registrar | None
    subscriptions: Subscriptions
    announce: Callable[[InviteUsage], None]
    """Tell of a new call."""
    draining: bool = False

    def serve(self, request: Request, flow: Flow, now: float) -> None:
        """Serve a request."""
        method = request.method
        counted = method if method in KNOWN_METHODS else "other"
        self.stateless.counters["request_in", counted] += 1
        transaction = self.core.transactions.of_request(request)
        if transaction is not None:
            if method != "ACK":
                transaction.repeated()
                return
            if isinstance(transaction, InviteServer) and request.cseq.number == transaction.request.cseq.number:
                transaction.acknowledged(now)
                if transaction.state is not State.ACCEPTED:
                    return
        usage = self.dialogs.of_request(request)
        if method == "ACK":
            if usage is not None and (not request.body or self._belongs(usage.dialog, request, flow)):
                usage.on_ack(request, now)
            else:  # one that answers our offer must come from where the call lives
                self.stateless.dropped("stray ACK")
        elif method == "CANCEL":
            self._on_cancel(request, flow, now)
        elif usage is not None and self._belongs(usage.dialog, request, flow):
            self._in_dialog(usage, request, flow, now)
        elif (watcher := self.subscriptions.of_request(request)) and self._belongs(watcher.dialog, request, flow):
            transaction = self.core.transactions.server(request, flow)
            watcher.keep(transaction)
            watcher.on_request(transaction, now)
        elif usage is not None and usage.dialog is not None and usage.dialog.stays:
            self._from_elsewhere(usage, request, flow, now)
        else:
            self._outside(request, flow, now)

    def _belongs(self, dialog: DialogState | None, request: Request, flow: Flow) -> bool:
        """Tell whether an in-dialog request comes from where the dialog lives, or from someone we know."""
        if dialog is not None and flow.remote[0] == dialog.flow.remote[0]:
            return True
        return self.gate.identify(flow, request) is not None

    def _from_elsewhere(self, usage: InviteUsage, request: Request, flow: Flow, now: float) -> None:
        """Let a telephone whose address has changed go on with its call, once it has proved to be that telephone."""
        account = usage.peer_id or ""
        peer, challenge = self.gate.authenticate(request, flow, now, account=account)
        if peer is None:
            self.stateless.reply(request, flow, Status.UNAUTHORIZED, challenge or [])
        elif peer.id != account:
            self.stateless.reply(request, flow, Status.NO_SUCH_CALL)
        else:
            self.buckets.know(flow.remote[0], now)
            usage.move(flow)
            self._in_dialog(usage, request, flow, now)

    def _on_cancel(self, cancel: Request, flow: Flow, now: float) -> None:
        invite = self.core.transactions.cancelled(cancel)
        if invite is None or invite.flow.remote[0] != flow.remote[0]:
            self.stateless.reply(cancel, flow, Status.NO_SUCH_CALL)
            return
        usage = self.dialogs.of_invite(invite.key) or self.dialogs.of_request(cancel)
        tag = usage.dialog.local_tag if usage is not None and usage.dialog is not None else self.stateless.tag(cancel)
        self.core.transactions.server(cancel, flow).respond(response_to(cancel, Status.OK, tag=tag), now)
        if usage is not None:
            usage.on_cancel(invite, cancel, now)

    def _in_dialog(self, usage: InviteUsage, request: Request, flow: Flow, now: float) -> None:
        refusal = refuse_method(request, allow=self.core.allow, registrar=False)
        if request.method not in self.core.allow.split(", "):
            status, headers = refusal or (Status.METHOD_NOT_ALLOWED, [("Allow", self.core.allow)])
            self.stateless.reply(request, flow, status, headers)
        elif required := unsupported(request, transfers=self.core.settings.transfers):
            self.stateless.reply(request, flow, Status.BAD_EXTENSION, [("Unsupported", ", ".join(required))])
        elif request.method == "REFER" and (refused := self._refuse_refer(usage, request, flow, now)):
            self.stateless.reply(request, flow, *refused)
        else:
            transaction = self.core.transactions.server(request, flow)
            if isinstance(transaction, InviteServer):
                transaction.start(now)
            usage.keep(transaction)
            usage.on_request(transaction, now)

    def _refuse_refer(self, usage: InviteUsage, request: Request, flow: Flow, now: float) -> Refusal | None:
        """Let nobody refer who has not proved to be who the call is with (RFC 3515 §5.1)."""
        peer, challenge = self.gate.authenticate(request, flow, now)
        if peer is None:
            return Status.UNAUTHORIZED, challenge or []
        return (Status.FORBIDDEN, []) if usage.peer is not None and usage.peer.id != peer.id else None

    def _outside(self, request: Request, flow: Flow, now: float) -> None:
        """Serve a request outside any dialog, in the order of §8.2; unknown sources cost no state."""
        transfers = self.core.settings.transfers
        refusal = refuse_method(request, allow=self.core.allow, registrar=self.registrar is not None)
        if request.to.tag and request.method != "REGISTER":
            status, headers = refusal if refusal and refusal[0] == Status.NOT_IMPLEMENTED else (Status.NO_SUCH_CALL, [])
            self.stateless.reply(request, flow, status, headers)
            return
        if refusal is None and request.method == "OPTIONS":
            self._on_options(request, flow)
            return
        peer, challenge = (None, None) if refusal else self.gate.authenticate(request, flow, now)
        if refusal is None and peer is None:
            self.stateless.reply(request, flow, Status.UNAUTHORIZED, challenge or [])
            return
        if peer is not None:
            self.buckets.know(flow.remote[0], now)
        refusal = refusal or refuse_content(request, transfers=transfers) or refuse_interval(request)
        if refusal is None and self.core.transactions.is_merged(request):
            refusal = (Status.LOOP_DETECTED, [])
        if refusal is not None:
            self.stateless.reply(request, flow, *refusal)
        elif request.method == "REGISTER":
            self._on_register(request, flow, peer, now)
        elif request.method == "SUBSCRIBE":
            self.subscriptions.on_subscribe(request, flow, peer, now)
        elif request.method == "REFER":
            self.stateless.reply(request, flow, Status.FORBIDDEN)  # whom should it transfer
        else:
            self._on_invite(request, flow, peer, now)

    def _on_options(self, request: Request, flow: Flow) -> None:
        served: Refusal = Status.OK, [*self.core.announced, ("Accept", "application/sdp")]
        refusal = refuse_content(request, transfers=self.core.settings.transfers)
        self.stateless.reply(request, flow, *(self._busy() if self.draining else refusal or served))

    def _busy(self) -> Refusal:
        return Status.SERVICE_UNAVAILABLE, [("Retry-After", str(self.core.settings.drain_retry_after))]

    def _on_register(self, request: Request, flow: Flow, peer: Peer | None, now: float) -> None:
        if self.registrar is not None and peer is not None:
            response = self.registrar.register(request, flow, peer.id, now)
            if response.is_success and flow.is_reliable:
                bound = [each.expires_at for each in self.registrar.bindings(peer.id, now) if each.flow == flow]
                self.streams.keep(flow, max(bound, default=0.0))
            self.core.transactions.server(request, flow).respond(response, now)

    def _refuse_invite(self, request: Request, peer: Peer | None) -> Refusal | None:
        """Return why no new call can be taken now, if so; a refusal costs no state."""
        settings = self.core.settings
        is_full = len(self.core.transactions) >= settings.max_transactions or len(self.dialogs) >= settings.max_dialogs
        if is_full or (self.draining and not (peer is not None and peer.registered)):
            return self._busy()
        if len(request.body) > settings.limits.sdp:
            return Status.TOO_LARGE, []
        return (peer.refusal, []) if peer is not None and peer.refusal is not None else None

    def _on_invite(self, request: Request, flow: Flow, peer: Peer | None, now: float) -> None:
        refusal, replaced = self._refuse_invite(request, peer), None
        if refusal is None and self.core.settings.transfers:
            replaced, refusal = self._replaced(request)
        if refusal is not None:
            self.stateless.reply(request, flow, *refusal)
            return
        transaction = self.core.transactions.server(request, flow)
        if isinstance(transaction, InviteServer):
            transaction.start(now)
            session_id, replaces = self.core.token(), None if replaced is None else replaced.id
            self.announce(
                CalledUsage(self.core, session_id=session_id, peer=peer, transaction=transaction, replaces=replaces)
            )

    def _replaced(self, request: Request) -> tuple[InviteUsage | None, Refusal | None]:
        """Find the call that an INVITE is to take the place of, or why it cannot (RFC 3891 §3)."""
        values = request.elements("Replaces") if request.get("Replaces") is not None else []
        if not values:
            return None, None
        try:
            replaces = Replaces.parse(", ".join(values))
        except ParseError:
            return None, (Status.BAD_REQUEST, [])
        usage = self.dialogs.replaced(replaces)
        status = _irreplaceable(usage, early_only=replaces.early_only)
        return (usage, None) if status is None else (None, (status, []))


def _irreplaceable(usage: InviteUsage | None, *, early_only: bool) -> int | None:
    """Return why nobody can take a call's place: it is over, or it rings here, or it is answered against the wish."""
    if usage is None or usage.state in {UsageState.INVITED, UsageState.RINGING}:
        return Status.NO_SUCH_CALL
    if usage.ended or usage.state is UsageState.LEAVING:
        return Status.DECLINE
    return Status.BUSY_HERE if early_only and usage.state is not UsageState.CALLING else None
