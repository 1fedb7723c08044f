"""The asyncio face of the stack: sockets, sessions to await, timers driven by the loop's clock."""

import asyncio
import logging
import random as random_source
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.gate import Identify
from webpbx.sip.grammar import SipError
from webpbx.sip.headers import NameAddr
from webpbx.sip.message import Request
from webpbx.sip.name_servers import NameServers
from webpbx.sip.outputs import Close, Event, Send
from webpbx.sip.query import NO_WAY, Query, ask, options_request
from webpbx.sip.registrar import Registrar
from webpbx.sip.registration import SILENCE, Registration, RegistrationState
from webpbx.sip.registration_face import RegistrationHandle
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_core import branch
from webpbx.sip.session_events import Answered, Ended, Info, Progress, ReferProgress, Referred, Reoffered
from webpbx.sip.session_face import ReferRefusedError, ReofferRefusedError, Session
from webpbx.sip.session_order import InviteOrder
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.sockets import Listen, Proxy, Sockets
from webpbx.sip.subscription import OnSubscribe, unsolicited_notify
from webpbx.sip.tls import Certificate
from webpbx.sip.transport import PONG, Address, Flow, Way
from webpbx.sip.uri import SipUri, TelUri
from webpbx.sip.user_agent import UserAgent
from webpbx.sip.writing import PersistPort, Writing

log = logging.getLogger(__name__)

__all__ = [
    "Address",
    "Answered",
    "Certificate",
    "Credentials",
    "DialogGone",
    "DialogState",
    "Ended",
    "Flow",
    "Info",
    "Listen",
    "NameAddr",
    "Peer",
    "Progress",
    "ReferProgress",
    "ReferRefusedError",
    "Referred",
    "Registrar",
    "Registration",
    "RegistrationHandle",
    "RegistrationState",
    "ReofferRefusedError",
    "Reoffered",
    "Session",
    "SipError",
    "SipNetwork",
    "SipSettings",
    "SipUri",
    "TelUri",
    "Way",
]

_LINGER_STEP = 0.02


class SipNetwork:
    """Drive the core: sockets, the clock, the store of dialogs, and whoever waits for a session."""

    def __init__(
        self,
        core: UserAgent,
        *,
        on_invite: Callable[[Session], None],
        persist: PersistPort | None,
        clock: Callable[[], float],
        name_servers: NameServers | None = None,
    ) -> None:
        self.core = core
        self._on_invite = on_invite
        self._writing = Writing(persist, self._written)
        self._clock = clock
        self._sockets = Sockets(self, core.settings, name_servers)
        self._sessions: dict[str, Session] = {}
        self._registrations: set[RegistrationHandle] = set()
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = 0.0
        self._closed = False

    @classmethod
    async def open(
        cls,
        *,
        listen: Address | Sequence[Listen],
        settings: SipSettings | None = None,
        identify: Identify,
        on_invite: Callable[[Session], None],
        persist: PersistPort | None = None,
        registrar: Registrar | None = None,
        trusted: Callable[[str], bool] | None = None,
        certificate: Certificate | None = None,
        clock: Callable[[], float] | None = None,
        random: random_source.Random | None = None,
        name_servers: NameServers | None = None,
        reading: bool = True,
        on_subscribe: OnSubscribe | None = None,
    ) -> "SipNetwork":
        """Bind the sockets and begin; raise SipError when an address is taken.

        `listen` is one address for UDP, or one (transport, host, port) or more of "UDP", "TCP", "TLS"; port 0 takes a
        free one, and TLS shows the `certificate`.

        With `reading` False nothing is heard before `read`: whoever takes up the calls of a former process does so
        first, lest a request within one of them be told that there is no such call.

        `identify` names the peer of a request, `trusted` tells by the source address alone, before anything is
        parsed, that a source has a bucket of its own. `persist` None means that no dialog outlives the process;
        `on_subscribe` None that mailboxes cannot be subscribed to.
        """
        core = UserAgent(
            settings=settings or SipSettings(),
            identify=identify,
            registrar=registrar,
            trusted=trusted,
            on_subscribe=on_subscribe,
            persists=persist is not None,
            random=random,
        )
        clock = clock or asyncio.get_running_loop().time
        network = cls(core, on_invite=on_invite, persist=persist, clock=clock, name_servers=name_servers)
        await network._sockets.open(listen, certificate)
        if reading:
            await network.read()
        return network

    async def read(self) -> None:
        """Hear what has come since the sockets were bound, and what comes from now on."""
        await self._sockets.read()

    # -- orders --------------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """The address the first socket is bound to."""
        return self._sockets.address

    @property
    def addresses(self) -> Mapping[str, Address]:
        """The address bound for each transport."""
        return {transport: address for (transport, _), address in self._sockets.local.items()}

    @property
    def counters(self) -> Mapping[tuple[str, str], int]:
        """(kind, what) → how often, and how many transactions, dialogs and timers there are now."""
        now = {
            ("now", "transactions"): len(self.core.transactions),
            ("now", "dialogs"): self.core.dialogs,
            ("now", "timers"): len(self.core.timers),
        }
        return {**self.core.counters, **now}

    async def invite(
        self,
        *,
        target: SipUri | TelUri,
        proxies: Sequence[Proxy],
        from_: NameAddr,
        to: NameAddr,
        sdp: bytes | None,
        credentials: Credentials | None = None,
        headers: Mapping[str, str] | None = None,
        routes: Sequence[str] = (),
        contact_user: str = "",
        timeout_100: float = SILENCE,
        give_up: float | None = None,
        peer_id: str | None = None,
        max_forwards: int = 70,
    ) -> Session:
        """Call someone over the first proxy that answers; the session's events tell the rest.

        Without `sdp` the offer comes with `Answered` and `Session.answer` sends our answer in the ACK. `give_up`
        bounds the silence of the last proxy (Timer B, 32 s, by default). `routes` are Service-Route values.
        """
        flows = await self.flows(proxies)
        order = InviteOrder(
            target=str(target),
            flows=tuple(flows),
            large=self._sockets.large(proxies, flows),
            from_=from_,
            to=to,
            sdp=sdp,
            credentials=credentials,
            headers=tuple((headers or {}).items()),
            routes=tuple(routes),
            contact_user=contact_user,
            timeout_100=timeout_100,
            give_up=give_up,
            peer_id=peer_id,
            max_forwards=max_forwards,
            stays=any(isinstance(proxy, Flow) for proxy in proxies),
        )
        usage = self.core.invite(order, self._clock())
        session = self._sessions[usage.id] = Session(self, usage)
        self.flush()
        return session

    async def register(self, registration: Registration) -> RegistrationHandle:
        """Register at a provider and stay registered until the handle is closed."""
        handle = RegistrationHandle(self, registration)
        self._registrations.add(handle)
        await handle.start()
        return handle

    def forget_registration(self, handle: RegistrationHandle) -> None:
        """Let go of a closed registration."""
        self._registrations.discard(handle)

    async def options(self, address: Proxy, *, timeout: float = 4.0) -> int:  # noqa: ASYNC109 - silence is an answer here
        """Ask a peer whether it is there; return its status, 408 when it was silent, NO_WAY when refused."""
        flows = await self.flows([address])
        if not flows:
            return NO_WAY
        token, core = self.core.token, self.core
        request = options_request(
            flows[0], branch=branch(core), tag=token(), call_id=token(), user_agent=core.settings.user_agent
        )
        return await self._ask(request, flows[0], timeout)

    async def _ask(self, request: Request, flow: Flow, patience: float) -> int:
        def send(query: Query) -> None:
            self.core.query(request, flow, query, self._clock())
            self.flush()

        return await ask(send, timeout=patience)

    def notify(self, aor: str, body: bytes) -> None:
        """Tell whoever subscribed to a mailbox how it stands; `subscription.message_summary` writes the body."""
        self.core.subscriptions.notify(aor, body, self._clock())
        self.flush()

    async def notify_unsolicited(self, contact: SipUri, flow: Flow, aor: NameAddr, body: bytes) -> int:
        """Tell a registered telephone that never subscribed; return the status it answered."""
        request = unsolicited_notify(self.core, contact, flow, aor, body)
        return await self._ask(request, flow, self.core.settings.timers.patience + 1)

    def flow(self, transport: str, remote: Address) -> Flow:
        """Name the way to an address."""
        return self._sockets.flow(transport, remote)

    def keep_open(self, flow: Flow) -> None:
        """Send what nobody answers, so that a NAT on the way goes on letting requests through (RFC 5626 §4.4)."""
        self._sockets.send(flow, PONG)

    def adopt(self, state: DialogState, *, credentials: Credentials | None = None) -> Session:
        """Take up a call of a former process: its peer's requests are served, it can be hung up and re-invited.

        `credentials` answer challenges from where it leads, so they are given for a session only that was `at_proxy`.
        """
        state = replace(state, flow=self._sockets.flow(state.flow.transport, state.flow.remote, state.flow.identity))
        usage = self.core.adopt(state, self._clock(), credentials=credentials)
        session = self._sessions[usage.id] = Session(self, usage)
        self.flush()
        return session

    async def drain(self) -> None:
        """Answer new INVITEs and OPTIONS with 503 and Retry-After from now on; calls that are up go on."""
        self.core.draining = True

    async def close(self, *, linger: float = 0.0) -> None:
        """Close the socket; calls and bindings that are up are left as they are, for who takes them up.

        With `linger`, wait up to so many seconds until the far ends have heard of the calls that we ended.
        """
        patience = self._clock() + linger
        while self.core.transactions.is_parting and self._clock() < patience:  # noqa: ASYNC110 - seen once a life
            await asyncio.sleep(_LINGER_STEP)
        for handle in list(self._registrations):
            await handle.stop()
        self._closed = True
        if self._wake is not None:
            self._wake.cancel()
        await self._writing.finish()
        await self._sockets.close()
        for session in list(self._sessions.values()):
            session.closed()
        self._sessions.clear()

    # -- what sessions and registrations need --------------------------------------------------------------------

    def now(self) -> float:
        """Return the time of the clock handed in."""
        return self._clock()

    async def perform(self, usage: InviteUsage, order: Callable[[float], None]) -> None:
        """Give the core an order and wait until what it had to write is written and sent."""
        order(self._clock())
        self.flush()
        await self._writing.done(usage)

    def _written(self, usage: InviteUsage, error: Exception | None) -> None:
        if not self._closed:
            (usage.persisted if error is None else usage.not_persisted)(self._clock())
        self.flush()

    # -- the driver ----------------------------------------------------------------------------------------------

    async def flows(self, proxies: Sequence[Proxy]) -> list[Flow]:
        """Resolve each address and name the way to it; those nobody knows are left out."""
        return await self._sockets.flows(proxies)

    def refusal(self, flow: Flow) -> str:
        """Say why the last connection of ours that way could not be made; "" when it could, or none was tried."""
        return self._sockets.refusal(flow)

    # -- what the sockets tell -----------------------------------------------------------------------------------

    def heard(self, flow: Flow, data: bytes) -> None:
        """Give the core what a socket read."""
        if not self._closed:
            self.core.receive(flow, data, self._clock())
            self.flush()

    def expects(self, data: bytes) -> bool:
        """Tell at a glance whether a datagram belongs to something under way."""
        return self.core.expects(data)

    def shed(self) -> None:
        """Hear of a datagram that was dropped unread, since too many came at once."""
        self.core.shed()

    def broken(self, remote: Address) -> None:
        """Tell the core of a closed UDP port."""
        if not self._closed:
            self.core.broken(remote, self._clock())
            self.flush()

    def accept(self, flow: Flow) -> bool:
        """Ask the core about a connection that came in."""
        accepted = not self._closed and self.core.accept(flow, self._clock())
        self.flush()
        return accepted

    def opened(self, flow: Flow) -> None:
        """Tell the core of a connection of ours."""
        self.core.opened(flow, self._clock())

    def closed(self, flow: Flow) -> None:
        """Tell the core of a connection that is gone; who is registered over it registers anew."""
        if not self._closed:
            self.core.closed(flow, self._clock())
            for handle in self._registrations:
                handle.lost(flow)
            self.flush()

    def _advance(self) -> None:
        self._wake = None
        self.core.advance(self._clock())
        self.flush()

    def flush(self) -> None:
        """Do what the core ordered, then sleep until its next deadline."""
        while outputs := self.core.take():
            for output in outputs:
                if isinstance(output, Send):
                    self._sockets.send(output.flow, output.data)
                elif isinstance(output, Event):
                    self._tell(output)
                elif isinstance(output, Close):
                    self._sockets.close_flow(output.flow)
                else:
                    self._writing.write(output)
        at = self.core.timer()
        if at is None or self._closed or (self._wake is not None and self._wake_at <= at):
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at = at
        self._wake = asyncio.get_running_loop().call_later(max(at - self._clock(), 0.0), self._advance)

    def _tell(self, event: Event) -> None:
        if event.event is not None:
            session = self._sessions.get(event.usage.id)
            if session is not None:
                session.tell(event.event)
            return
        session = self._sessions[event.usage.id] = Session(self, event.usage)
        try:
            self._on_invite(session)
        except Exception:
            log.exception("an incoming call could not be taken")
            event.usage.hang_up(self._clock())

    def forget(self, session: Session) -> None:
        """Let go of a session that has told its end."""
        self._sessions.pop(session.id, None)
