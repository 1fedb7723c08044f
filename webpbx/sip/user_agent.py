"""The core of the stack: bytes and time go in, orders to the driver come out (RFC 3261 §8, §12, §16.11)."""

import random as random_source
import time
from collections.abc import Callable, Iterable

from webpbx.sip.admission import Buckets
from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogGone, DialogState, flow_of
from webpbx.sip.dialogs import Dialogs
from webpbx.sip.gate import Gate, Identify
from webpbx.sip.glance import belongs
from webpbx.sip.intake import Intake, Tap
from webpbx.sip.message import Header, Request
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
from webpbx.sip.transport import Address, Flow


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
        self.registrar = registrar
        self.timers = Timers()
        self._persists = persists
        self._random = random or random_source.SystemRandom()
        key = self._random.randbytes(32)
        self._stateless = Stateless(key=key, send=self.send)
        self.counters = self._stateless.counters
        self._buckets = Buckets(settings)
        self._outputs: list[Output] = []
        self._dialogs = Dialogs()
        self._blocked: dict[Flow, dict[str | None, float]] = {}
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
        self._intake = Intake(
            limits=settings.limits,
            trusted=trusted or (lambda _host: False),
            buckets=self._buckets,
            stateless=self._stateless,
            streams=self.streams,
            serving=self._serving,
        )

    # -- the driver's side ---------------------------------------------------------------------------------------

    def receive(self, flow: Flow, data: bytes, now: float) -> None:
        """Take bytes from a peer; nothing is raised, what cannot be served is counted by reason."""
        self._intake.receive(flow, data, now)

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
        self.timers.advance(now)

    def take(self) -> list[Output]:
        """Hand over what is to be done, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def broken(self, remote: Address, now: float) -> None:
        """Take an ICMP error or a closed port: requests waiting for that address fail at once."""
        self.transactions.broken(lambda flow: flow.remote == remote and not flow.is_reliable, now)

    def accept(self, flow: Flow, now: float) -> bool:
        """Take a connection a peer opened; False when it is to be closed again."""
        return self.streams.accept(flow, now, trusted=self._intake.is_trusted(flow))

    def opened(self, flow: Flow, now: float) -> None:
        """Take a connection that a Send asked for."""
        self.streams.opened(flow, now)

    def closed(self, flow: Flow, now: float) -> None:
        """Take the loss of a connection, or that it never came about: requests waiting on it fail at once."""
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

    def block(self, flow: Flow, seconds: float, now: float, *, peer_id: str | None) -> None:
        """Try a proxy last for a while, an hour at most, in the calls of one peer."""
        self._blocked.setdefault(flow, {})[peer_id] = now + min(seconds, 3600.0)

    def is_blocked(self, flow: Flow, now: float, *, peer_id: str | None) -> bool:
        """Tell whether a proxy is tried last."""
        return self._blocked.get(flow, {}).get(peer_id, now) > now

    def unblock(self, flow: Flow) -> None:
        """Try a proxy that has answered in its turn again, whoever it failed."""
        self._blocked.pop(flow, None)

    # -- orders --------------------------------------------------------------------------------------------------

    def invite(self, order: InviteOrder, now: float) -> CallingUsage:
        """Call someone."""
        self.know_sources(order.flows, now)
        usage = CallingUsage(self, session_id=self.token(), order=order)
        self._dialogs.hold(usage)
        usage.start(now)
        return usage

    def adopt(self, state: DialogState, now: float, *, credentials: Credentials | None = None) -> InviteUsage:
        """Take up a call of a former process; `credentials` are for where a call of ours leads, and nobody else."""
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
        self._buckets.know(flow.remote[0], now)
        self.transactions.client(request, flow, query).start(now)

    # -- what is told of it --------------------------------------------------------------------------------------

    @property
    def dialogs(self) -> int:
        """How many calls are up or being set up."""
        return len(self._dialogs)

    @property
    def tap(self) -> Tap | None:
        """Who overhears each message; see trace.py."""
        return self._intake.tap

    @tap.setter
    def tap(self, tap: Tap | None) -> None:
        self._intake.tap = tap

    @property
    def draining(self) -> bool:
        """Whether new calls are turned away, since this process is to end."""
        return self._serving.draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        self._serving.draining = draining
