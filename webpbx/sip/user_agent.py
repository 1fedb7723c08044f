"""The core of the stack: bytes and time go in, orders to the driver come out (RFC 3261 §8, §12, §16.11)."""

import logging
import random as random_source
import time
from collections.abc import Callable, Iterable

from webpbx.sip.admission import Buckets
from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogGone, DialogState, flow_of
from webpbx.sip.dialogs import Dialogs
from webpbx.sip.gate import Gate, Identify
from webpbx.sip.glance import belongs
from webpbx.sip.grammar import ParseError, SipError
from webpbx.sip.message import Header, Request, Response
from webpbx.sip.outputs import Close, Event, Output, Persist, Send
from webpbx.sip.query import Query
from webpbx.sip.registrar import Registrar
from webpbx.sip.serving import Serving
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_calling import CallingUsage
from webpbx.sip.session_events import SessionEvent
from webpbx.sip.session_headers import ALLOW
from webpbx.sip.session_order import InviteOrder
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.stateless import Stateless
from webpbx.sip.streams import Streams
from webpbx.sip.subscription import OnSubscribe, Subscriptions
from webpbx.sip.timers import Timers
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
        on_subscribe: OnSubscribe | None = None,
        persists: bool = True,
        random: random_source.Random | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.wall = wall
        events = settings.transfers or on_subscribe is not None
        self.allow = ALLOW + (", REFER" if settings.transfers else "") + (", NOTIFY, SUBSCRIBE" if events else "")
        self.announced: tuple[Header, ...] = (("Allow", self.allow),)
        if settings.transfers:
            self.announced += (("Supported", "replaces"),)
        self.settings = settings
        self.tap: Callable[[Flow, bytes, bool], None] | None = None
        """Overhears each message: the flow, the bytes, and whether they are sent; see trace.py."""
        self.registrar = registrar
        self.timers = Timers()
        self._trusted = trusted
        self._persists = persists
        self._random = random or random_source.SystemRandom()
        key = self._random.randbytes(32)
        self._stateless = Stateless(key=key, send=self.send)
        self.counters = self._stateless.counters
        self._buckets = Buckets(settings)
        self._outputs: list[Output] = []
        self._dialogs = Dialogs()
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
        self.subscriptions = Subscriptions(self, on_subscribe)
        self._serving = Serving(
            core=self,
            gate=Gate(settings=settings, identify=identify, registrar=registrar, key=key, token=self.token),
            buckets=self._buckets,
            stateless=self._stateless,
            streams=self.streams,
            dialogs=self._dialogs,
            registrar=registrar,
            subscriptions=self.subscriptions,
            announce=lambda usage: self._outputs.append(Event(usage, None)),
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
        if self.tap is not None:
            self.tap(flow, data, False)
        try:
            message = read_message(data, flow, self.settings.limits)
            if message is None:
                self._stateless.dropped("keep-alive")
            elif isinstance(message, Response):
                self._on_response(message, now)
            else:
                self._serving.serve(message, flow, now)
        except ParseError as error:
            self._stateless.answer_malformed(error, flow)
        except SipError:
            self._stateless.dropped("unanswerable")
        except Exception as error:  # noqa: BLE001 - no datagram may stop the receiver
            self._stateless.dropped("error")
            log.error("a SIP message from %s could not be served: %r", flow.remote[0], error)  # noqa: TRY400 - peers must not fill the log with traces

    def expects(self, data: bytes) -> bool:
        """Tell at a glance whether a datagram belongs to a call or answers a request of ours."""
        return belongs(data, branches=self.transactions.branches, call_ids=self._dialogs.call_ids)

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
        return any(usage.dialog is not None and usage.dialog.flow == flow for usage in self._dialogs.usages.values())

    # -- what usages need ----------------------------------------------------------------------------------------

    def token(self) -> str:
        """Return 80 random bits as text."""
        return self._random.randbytes(10).hex()

    def uniform(self, low: float, high: float) -> float:
        """Return a random number in between."""
        return self._random.uniform(low, high)

    def send(self, flow: Flow, data: bytes) -> None:
        """Order a message to be sent."""
        if self.tap is not None:
            self.tap(flow, data, True)
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
        self._dialogs.know(usage, state)

    def forget(self, usage: InviteUsage) -> None:
        """Let go of a finished usage."""
        self._dialogs.forget(usage)

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
        self._dialogs.hold(usage)
        usage.start(now)
        return usage

    def adopt(self, state: DialogState, now: float, *, credentials: Credentials | None = None) -> InviteUsage:
        """Take up a call of a former process; `credentials` are for where its flow leads, and for nobody else."""
        self._now = now
        self._buckets.know(state.flow.remote[0], now)
        peer = Peer(state.peer_id) if state.peer_id else None
        usage: InviteUsage | None = None
        if state.role == "uas":
            usage = CalledUsage.adopt(self, state, peer=peer, now=now)
        elif not state.confirmed:
            usage = CallingUsage.adopt(self, state, peer=peer, now=now)
        usage = usage or InviteUsage.take_up(self, state, peer=peer)
        if state.role == "uac":
            usage.credentials, usage.trusted = credentials, frozenset({state.flow.remote})
        self._dialogs.hold(usage)
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

    # -- what came in --------------------------------------------------------------------------------------------

    def _on_response(self, response: Response, now: float) -> None:
        self.counters["response_in", f"{response.status // 100}xx"] += 1
        if len(response.vias) != 1:
            self._stateless.dropped("vias")
            return
        transaction = self.transactions.of_response(response)
        if transaction is not None:
            transaction.receive(response, now)
            return
        usage = self._dialogs.of_response(response)
        if usage is not None and response.is_success and response.cseq.method == "INVITE":
            usage.acknowledge(response.cseq.number)
        else:
            self._stateless.dropped("stray response")

    @property
    def dialogs(self) -> int:
        """How many calls are up or being set up."""
        return len(self._dialogs)

    @property
    def draining(self) -> bool:
        """Whether new calls are turned away, since this process is to end."""
        return self._serving.draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        self._serving.draining = draining
