"""The core of the stack: bytes and time go in, orders to the driver come out (RFC 3261 §8, §12, §16.11)."""

import logging
import random as random_source
import time
from collections import Counter
from collections.abc import Callable, Iterable

from webpbx.sip.admission import Buckets, refuse_content, refuse_method, unsupported
from webpbx.sip.dialog import DialogGone, DialogKey, DialogState, flow_of
from webpbx.sip.gate import Gate, Identify
from webpbx.sip.glance import belongs
from webpbx.sip.grammar import SDP_LIMIT, ParseError, SipError
from webpbx.sip.message import Header, Request, Response, Status, response_to
from webpbx.sip.outputs import Close, Event, Output, Persist, Send
from webpbx.sip.query import Query
from webpbx.sip.registrar import Registrar
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_calling import CallingUsage, InviteOrder
from webpbx.sip.session_events import SessionEvent
from webpbx.sip.session_headers import ALLOW, METHODS
from webpbx.sip.session_timer import refuse_interval
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.stateless import Stateless
from webpbx.sip.streams import Streams
from webpbx.sip.timers import Timers
from webpbx.sip.transaction import InviteServer, State
from webpbx.sip.transactions import Transactions
from webpbx.sip.transport import PONG, Address, Flow, read_message

log = logging.getLogger(__name__)


class UserAgent:
    """Admit messages, find their transaction and dialog, and serve what has neither yet."""

    def __init__(
        self,
        *,
        settings: SipSettings,
        identify: Identify,
        registrar: Registrar | None = None,
        trusted: Callable[[str], bool] | None = None,
        persists: bool = True,
        random: random_source.Random | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.wall = wall
        self.settings = settings
        self.draining = False
        self.registrar = registrar
        self.timers = Timers()
        self._trusted = trusted
        self._persists = persists
        self._random = random or random_source.SystemRandom()
        key = self._random.randbytes(32)
        self._stateless = Stateless(key=key, send=self.send)
        self.counters = self._stateless.counters
        self._gate = Gate(settings=settings, identify=identify, registrar=registrar, key=key, token=self.token)
        self._buckets = Buckets(settings)
        self._outputs: list[Output] = []
        self._dialogs: dict[DialogKey, InviteUsage] = {}
        self._keys: dict[str, list[DialogKey]] = {}
        self._call_ids: Counter[str] = Counter()
        self._called: dict[tuple[object, ...], InviteUsage] = {}
        self.usages: dict[str, InviteUsage] = {}
        self._blocked: dict[Address, float] = {}
        self._now = 0.0
        self.transactions = Transactions(
            send=self.send, timers=self.timers, values=settings.timers, count_response=self._stateless.count_response
        )
        self.streams = Streams(
            settings=settings,
            timers=self.timers,
            close=lambda flow: self._outputs.append(Close(flow)),
            in_use=self._in_use,
        )

    # -- the driver's side ---------------------------------------------------------------------------------------

    def receive(self, flow: Flow, data: bytes, now: float) -> None:
        """Take bytes from a peer; nothing is raised, what cannot be served is counted by reason."""
        self._now = now
        if flow.is_reliable:
            self._read_stream(flow, data, now)
        elif self._admit(flow, now):
            self._read(flow, data, now)

    def _admit(self, flow: Flow, now: float) -> bool:
        admitted = self._buckets.admit(flow.remote[0], now, trusted=self._is_trusted(flow))
        if not admitted:
            self._stateless.dropped("rate")
        return admitted

    def _is_trusted(self, flow: Flow) -> bool:
        return self._trusted is not None and self._trusted(flow.remote[0])

    def _read_stream(self, flow: Flow, data: bytes, now: float) -> None:
        """Serve the messages that are whole; a stream whose framing is lost is closed (§18.3)."""
        if (stream := self.streams.of(flow)) is None:
            return
        stream.feed(data)
        try:
            while (message := stream.take(now)) is not None:
                if not self._admit(flow, now):
                    if not self.streams.is_kept(stream, now):
                        self.streams.close(stream)
                elif message:
                    self._read(flow, message, now)
                else:
                    self._stateless.dropped("keep-alive")
                    self.send(flow, PONG)
        except ParseError as error:
            self._stateless.answer_malformed(error, flow)
            self.streams.close(stream)

    def _read(self, flow: Flow, data: bytes, now: float) -> None:
        try:
            message = read_message(data, flow)
            if message is None:
                self._stateless.dropped("keep-alive")
            elif isinstance(message, Response):
                self._on_response(message, now)
            else:
                self._on_request(message, flow, now)
        except ParseError as error:
            self._stateless.answer_malformed(error, flow)
        except SipError:
            self._stateless.dropped("unanswerable")
        except Exception as error:  # noqa: BLE001 - no datagram may stop the receiver
            self._stateless.dropped("error")
            log.error("a SIP message from %s could not be served: %r", flow.remote[0], error)  # noqa: TRY400 - peers must not fill the log with traces

    def expects(self, data: bytes) -> bool:
        """Tell at a glance whether a datagram belongs to a call or answers a request of ours."""
        return belongs(data, branches=self.transactions.branches, call_ids=self._call_ids)

    def shed(self) -> None:
        """Count a datagram that was dropped unread, since too many came at once."""
        self._stateless.dropped("overload")

    def timer(self) -> float | None:
        """Return the earliest deadline."""
        return self.timers.earliest()

    def advance(self, now: float) -> None:
        """Fire what is due."""
        self._now = now
        self.timers.advance(now)

    def take(self) -> list[Output]:
        """Hand over what is to be done, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def broken(self, remote: Address, now: float) -> None:
        """Take an ICMP error or a closed port: requests waiting for that address fail at once."""
        self._now = now
        self.transactions.broken(lambda flow: flow.remote == remote and not flow.is_reliable, now)

    def accept(self, flow: Flow, now: float) -> bool:
        """Take a connection a peer opened; False when it is to be closed again."""
        self._now = now
        return self.streams.accept(flow, now, trusted=self._is_trusted(flow))

    def opened(self, flow: Flow, now: float) -> None:
        """Take a connection that a Send asked for."""
        self.streams.opened(flow, now)

    def closed(self, flow: Flow, now: float) -> None:
        """Take the loss of a connection, or that it never came about: requests waiting on it fail at once."""
        self._now = now
        if self.streams.closed(flow) and self.registrar is not None:
            self.registrar.unbind(flow)
        self.transactions.broken(lambda each: each == flow, now)

    def _in_use(self, flow: Flow) -> bool:
        return any(usage.dialog is not None and usage.dialog.flow == flow for usage in self.usages.values())

    # -- what usages need ----------------------------------------------------------------------------------------

    def token(self) -> str:
        """Return 80 random bits as text."""
        return self._random.randbytes(10).hex()

    def uniform(self, low: float, high: float) -> float:
        """Return a random number in between."""
        return self._random.uniform(low, high)

    def send(self, flow: Flow, data: bytes) -> None:
        """Order a message to be sent."""
        self._outputs.append(Send(flow, data))

    def way(self, dialog: DialogState) -> Flow:
        """Return the flow a dialog's next request takes; a lost connection of a peer's is opened towards the peer."""
        flow = dialog.flow
        if flow.is_reliable and (dialog.role == "uac" or self.streams.of(flow) is not None):
            return flow
        return flow_of(dialog)

    def emit(self, usage: InviteUsage, event: SessionEvent) -> None:
        """Order a session's owner to be told."""
        self._outputs.append(Event(usage, event))

    def persist(self, usage: InviteUsage, state: DialogState | DialogGone) -> bool:
        """Order a dialog to be written; True when there is a store to wait for."""
        if self._persists:
            self._outputs.append(Persist(usage, state))
        return self._persists

    def know(self, usage: InviteUsage, state: DialogState) -> None:
        """Let in-dialog requests find the usage."""
        self.usages[usage.id] = usage
        if isinstance(usage, CalledUsage):
            self._called[usage.transaction.key] = usage
        if state.key not in self._dialogs:
            self._dialogs[state.key] = usage
            self._call_ids[state.key[0]] += 1
            self._keys.setdefault(usage.id, []).append(state.key)

    def forget(self, usage: InviteUsage) -> None:
        """Let go of a finished usage."""
        self.usages.pop(usage.id, None)
        if isinstance(usage, CalledUsage):
            self._called.pop(usage.transaction.key, None)
        for key in self._keys.pop(usage.id, ()):
            self._dialogs.pop(key, None)
            self._call_ids[key[0]] -= 1
            if not self._call_ids[key[0]]:
                del self._call_ids[key[0]]

    def block(self, address: Address, seconds: float, now: float) -> None:
        """Pass a proxy over for a while, an hour at most."""
        self._blocked[address] = now + min(seconds, 3600.0)

    def is_blocked(self, address: Address, now: float) -> bool:
        """Tell whether a proxy is passed over."""
        return self._blocked.get(address, now) > now

    # -- orders --------------------------------------------------------------------------------------------------

    def invite(self, order: InviteOrder, now: float) -> CallingUsage:
        """Call someone."""
        self._now = now
        self.know_sources(order.flows, now)
        usage = CallingUsage(self, session_id=self.token(), order=order)
        self.usages[usage.id] = usage
        usage.start(now)
        return usage

    def adopt(self, state: DialogState, now: float) -> InviteUsage:
        """Take up a call of a former process."""
        self._now = now
        self._buckets.know(state.flow.remote[0], now)
        peer = Peer(state.peer_id) if state.peer_id else None
        usage: InviteUsage | None = None
        if state.role == "uas":
            usage = CalledUsage.adopt(self, state, peer=peer, now=now)
        elif not state.confirmed:
            usage = CallingUsage.adopt(self, state, peer=peer, now=now)
        usage = usage or InviteUsage.take_up(self, state, peer=peer)
        self.usages[usage.id] = usage
        usage.timer.resume(now)
        return usage

    def know_sources(self, flows: Iterable[Flow], now: float) -> None:
        """Give the far ends of flows we use buckets of their own."""
        for flow in flows:
            self._buckets.know(flow.remote[0], now)

    def query(self, request: Request, flow: Flow, query: Query, now: float) -> None:
        """Send a request outside any call, REGISTER or OPTIONS."""
        self._now = now
        self._buckets.know(flow.remote[0], now)
        self.transactions.client(request, flow, query).start(now)

    # -- responses -----------------------------------------------------------------------------------------------

    def _on_response(self, response: Response, now: float) -> None:
        self.counters["response_in", f"{response.status // 100}xx"] += 1
        if len(response.vias) != 1:
            self._stateless.dropped("vias")
            return
        transaction = self.transactions.of_response(response)
        if transaction is not None:
            transaction.receive(response, now)
            return
        usage = self._dialogs.get((response.call_id, response.from_.tag, response.to.tag))
        if usage is not None and response.is_success and response.cseq.method == "INVITE":
            usage.acknowledge(response.cseq.number)
        else:
            self._stateless.dropped("stray response")

    # -- requests ------------------------------------------------------------------------------------------------

    def _on_request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        self.counters["request_in", method if method in METHODS or method == "REGISTER" else "other"] += 1
        transaction = self.transactions.of_request(request)
        if transaction is not None:
            if method != "ACK":
                transaction.repeated()
                return
            if isinstance(transaction, InviteServer) and request.cseq.number == transaction.request.cseq.number:
                transaction.acknowledged(now)
                if transaction.state is not State.ACCEPTED:
                    return
        usage = self._dialogs.get((request.call_id, request.to.tag, request.from_.tag)) if request.to.tag else None
        if method == "ACK":
            if usage is not None:
                usage.on_ack(request, now)
            else:
                self._stateless.dropped("stray ACK")
        elif method == "CANCEL":
            self._on_cancel(request, flow, now)
        elif usage is not None and self._belongs(usage, request, flow):
            self._in_dialog(usage, request, flow, now)
        else:
            self._outside(request, flow, now)

    def _belongs(self, usage: InviteUsage, request: Request, flow: Flow) -> bool:
        """Tell whether an in-dialog request comes from where the dialog lives, or from someone we know."""
        dialog = usage.dialog
        if dialog is not None and flow.remote[0] == dialog.flow.remote[0]:
            return True
        return self._gate.identify(flow, request) is not None

    def _on_cancel(self, cancel: Request, flow: Flow, now: float) -> None:
        invite = self.transactions.cancelled(cancel)
        if invite is None or invite.flow.remote[0] != flow.remote[0]:
            self._stateless.reply(cancel, flow, Status.NO_SUCH_CALL)
            return
        usage = self._called.get(invite.key)
        if usage is None and cancel.to.tag:
            usage = self._dialogs.get((cancel.call_id, cancel.to.tag, cancel.from_.tag))
        tag = usage.dialog.local_tag if usage is not None and usage.dialog is not None else self._stateless.tag(cancel)
        self.transactions.server(cancel, flow).respond(response_to(cancel, Status.OK, tag=tag), now)
        if usage is not None:
            usage.on_cancel(invite, cancel, now)

    def _in_dialog(self, usage: InviteUsage, request: Request, flow: Flow, now: float) -> None:
        refusal = refuse_method(request, registrar=False)
        if request.method not in METHODS:
            status, headers = refusal or (Status.METHOD_NOT_ALLOWED, [("Allow", ALLOW)])
            self._stateless.reply(request, flow, status, headers)
        elif required := unsupported(request):
            self._stateless.reply(request, flow, Status.BAD_EXTENSION, [("Unsupported", ", ".join(required))])
        else:
            transaction = self.transactions.server(request, flow)
            if isinstance(transaction, InviteServer):
                transaction.start(now)
            usage.on_request(transaction, now)

    def _outside(self, request: Request, flow: Flow, now: float) -> None:
        """Serve a request outside any dialog, in the order of §8.2; unknown sources cost no state."""
        refusal = refuse_method(request, registrar=self.registrar is not None)
        if request.to.tag and request.method != "REGISTER":
            status, headers = refusal if refusal and refusal[0] == Status.NOT_IMPLEMENTED else (Status.NO_SUCH_CALL, [])
            self._stateless.reply(request, flow, status, headers)
            return
        if refusal is None and request.method == "OPTIONS":
            self._on_options(request, flow)
            return
        peer, challenge = (None, None) if refusal else self._gate.authenticate(request, flow, now)
        if refusal is None and peer is None:
            self._stateless.reply(request, flow, Status.UNAUTHORIZED, challenge or [])
            return
        if peer is not None:
            self._buckets.know(flow.remote[0], now)
        refusal = refusal or refuse_content(request) or refuse_interval(request)
        if refusal is None and self.transactions.is_merged(request):
            refusal = (Status.LOOP_DETECTED, [])
        if refusal is not None:
            self._stateless.reply(request, flow, *refusal)
        elif request.method == "REGISTER":
            self._on_register(request, flow, peer, now)
        else:
            self._on_invite(request, flow, peer, now)

    def _on_options(self, request: Request, flow: Flow) -> None:
        headers = [("Allow", ALLOW), ("Accept", "application/sdp")]
        if self.draining:
            self._stateless.reply(request, flow, *self._busy())
        else:
            self._stateless.reply(request, flow, *(refuse_content(request) or (Status.OK, headers)))

    def _busy(self) -> tuple[int, list[Header]]:
        return Status.SERVICE_UNAVAILABLE, [("Retry-After", str(self.settings.drain_retry_after))]

    def _on_register(self, request: Request, flow: Flow, peer: Peer | None, now: float) -> None:
        if self.registrar is not None and peer is not None:
            response = self.registrar.register(request, flow, peer.id, now)
            if response.is_success and flow.is_reliable:
                bound = [each.expires_at for each in self.registrar.bindings(peer.id, now) if each.flow == flow]
                self.streams.keep(flow, max(bound, default=0.0))
            self.transactions.server(request, flow).respond(response, now)

    def _on_invite(self, request: Request, flow: Flow, peer: Peer | None, now: float) -> None:
        full = len(self.transactions) >= self.settings.max_transactions or len(self.usages) >= self.settings.max_dialogs
        if self.draining or full:
            self._stateless.reply(request, flow, *self._busy())
            return
        if len(request.body) > SDP_LIMIT:
            self._stateless.reply(request, flow, Status.TOO_LARGE)
            return
        if peer is not None and peer.refusal is not None:
            self._stateless.reply(request, flow, peer.refusal)
            return
        transaction = self.transactions.server(request, flow)
        if isinstance(transaction, InviteServer):
            transaction.start(now)
            usage = CalledUsage(self, session_id=self.token(), peer=peer, transaction=transaction)
            self._outputs.append(Event(usage, None))

    @property
    def dialogs(self) -> int:
        """How many calls are up or being set up."""
        return len(self.usages)
