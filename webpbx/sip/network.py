"""The asyncio face of the stack: one UDP socket, sessions to await, timers driven by the loop's clock."""

import asyncio
import logging
import random as random_source
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.grammar import SipError
from webpbx.sip.headers import NameAddr
from webpbx.sip.message import Response, Status
from webpbx.sip.outputs import Event, Persist, Send
from webpbx.sip.query import Query, options_request
from webpbx.sip.registrar import Registrar
from webpbx.sip.registration import Registration, RegistrationState
from webpbx.sip.registration_face import RegistrationHandle
from webpbx.sip.resolver import Resolver
from webpbx.sip.session import InviteUsage, branch
from webpbx.sip.session_calling import InviteOrder
from webpbx.sip.session_events import Answered, Ended, Info, Progress, Reoffered
from webpbx.sip.session_face import ReofferRefusedError, Session
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.transport import Address, Flow
from webpbx.sip.udp import UdpSocket, local_address_towards
from webpbx.sip.uri import SipUri, TelUri
from webpbx.sip.user_agent import Identify, UserAgent

log = logging.getLogger(__name__)

__all__ = [
    "Address",
    "Answered",
    "Credentials",
    "DialogGone",
    "DialogState",
    "Ended",
    "Flow",
    "Info",
    "NameAddr",
    "Peer",
    "Progress",
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
]

_LINGER_STEP = 0.02
PersistPort = Callable[[DialogState | DialogGone], Awaitable[None]]


class SipNetwork:
    """Drive the core: sockets, the clock, the store of dialogs, and whoever waits for a session."""

    def __init__(
        self,
        core: UserAgent,
        *,
        on_invite: Callable[[Session], None],
        persist: PersistPort | None,
        clock: Callable[[], float],
    ) -> None:
        self.core = core
        self._on_invite = on_invite
        self._persist = persist
        self._clock = clock
        self._udp = UdpSocket(self._received, self._broken, expected=core.expects, on_shed=core.shed)
        self._family = socket.AF_INET
        self._resolver = Resolver(self._family)
        self._sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writes: dict[str, int] = {}
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._registrations: set[RegistrationHandle] = set()
        self._locals: dict[str, str] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = 0.0
        self._closed = False

    @classmethod
    async def open(
        cls,
        *,
        listen: Address,
        settings: SipSettings | None = None,
        identify: Identify,
        on_invite: Callable[[Session], None],
        persist: PersistPort | None = None,
        registrar: Registrar | None = None,
        trusted: Callable[[str], bool] | None = None,
        clock: Callable[[], float] | None = None,
        random: random_source.Random | None = None,
    ) -> "SipNetwork":
        """Bind the socket (port 0 takes a free one) and begin; raise SipError when the address is taken.

        `identify` names the peer of a request, `trusted` tells by the source address alone, before anything is
        parsed, that a source has a bucket of its own. `persist` None means that no dialog outlives the process.
        """
        core = UserAgent(
            settings=settings or SipSettings(),
            identify=identify,
            registrar=registrar,
            trusted=trusted,
            persists=persist is not None,
            random=random,
        )
        clock = clock or asyncio.get_running_loop().time
        network = cls(core, on_invite=on_invite, persist=persist, clock=clock)
        try:
            network._family = await network._udp.open(listen)
        except OSError as error:
            raise SipError(
                f"cannot listen for SIP on {listen[0]}:{listen[1]}: {error.strerror}", listen=listen
            ) from error
        if network._family != socket.AF_INET:
            network._resolver = Resolver(network._family)
        return network

    # -- orders --------------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """The address the socket is bound to."""
        return self._udp.local

    @property
    def counters(self) -> Mapping[tuple[str, str], int]:
        """(kind, what) → how often, and how many transactions and dialogs there are now."""
        now = {("now", "transactions"): len(self.core.transactions), ("now", "dialogs"): self.core.dialogs}
        return {**self.core.counters, **now}

    async def invite(
        self,
        *,
        target: SipUri | TelUri,
        proxies: Sequence[Address],
        from_: NameAddr,
        to: NameAddr,
        sdp: bytes | None,
        credentials: Credentials | None = None,
        headers: Mapping[str, str] | None = None,
        routes: Sequence[str] = (),
        contact_user: str = "",
        timeout_100: float = 4.0,
        give_up: float | None = None,
        peer_id: str | None = None,
    ) -> Session:
        """Call someone over the first proxy that answers; the session's events tell the rest.

        Without `sdp` the offer comes with `Answered` and `Session.answer` sends our answer in the ACK. `give_up`
        bounds the silence of the last proxy (Timer B, 32 s, by default). `routes` are Service-Route values.
        """
        order = InviteOrder(
            target=str(target),
            flows=tuple(await self.flows(proxies)),
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

    async def options(self, address: Address, *, timeout: float = 4.0) -> int:  # noqa: ASYNC109 - silence is an answer here
        """Ask a peer whether it is there; return the status it answered, 408 when it was silent, 503 when refused."""
        flows = await self.flows([address])
        if not flows:
            return Status.SERVICE_UNAVAILABLE
        outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def done(status: int, response: Response | None) -> None:
            _ = response
            if not outcome.done():
                outcome.set_result(status)

        token = self.core.token
        request = options_request(
            flows[0],
            branch=branch(self.core),
            tag=token(),
            call_id=token(),
            user_agent=self.core.settings.user_agent,
        )
        self.core.query(request, flows[0], Query(done), self._clock())
        self.flush()
        try:
            return int(await asyncio.wait_for(outcome, timeout))
        except TimeoutError:
            return Status.REQUEST_TIMEOUT

    def adopt(self, state: DialogState) -> Session:
        """Take up a call of a former process: its peer's requests are served, it can be hung up and re-invited."""
        state = replace(state, flow=self._flow(state.flow.remote))
        usage = self.core.adopt(state, self._clock())
        session = self._sessions[usage.id] = Session(self, usage)
        self.flush()
        return session

    async def drain(self) -> None:
        """Answer new INVITEs and OPTIONS with 503 and Retry-After from now on; calls that are up go on."""
        self.core.draining = True

    async def close(self, *, linger: float = 0.0) -> None:
        """Close the socket; calls and bindings that are up are left as they are, for who takes them up.

        With `linger`, wait up to so many seconds for answers to requests of ours, the BYEs above all.
        """
        patience = self._clock() + linger
        while self.core.transactions.is_waiting and self._clock() < patience:  # noqa: ASYNC110 - seen once a life
            await asyncio.sleep(_LINGER_STEP)
        for handle in list(self._registrations):
            await handle.stop()
        self._closed = True
        if self._wake is not None:
            self._wake.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._resolver.close()
        await self._udp.close()
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
        if usage.id in self._writes:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.setdefault(usage.id, []).append(waiter)
            await waiter

    # -- the driver ----------------------------------------------------------------------------------------------

    async def flows(self, addresses: Sequence[Address]) -> list[Flow]:
        """Resolve each address and name the way to it; those nobody knows are left out."""
        flows: list[Flow] = []
        for host, port in addresses:
            flows += [self._flow(remote) for remote in await self._resolver.addresses(host, port)]
        return list(dict.fromkeys(flows))

    def _flow(self, remote: Address) -> Flow:
        host, port = self._udp.local
        if self.core.settings.advertised:
            host = self.core.settings.advertised
        elif host in {"0.0.0.0", "::"}:
            host = self._local_towards(remote)
        return Flow("UDP", (host, port), remote)

    def _local_towards(self, remote: Address) -> str:
        known = self._locals.get(remote[0])
        if known is None:
            try:
                known = local_address_towards(remote, self._family)
            except OSError:
                return self._udp.local[0]
            if len(self._locals) >= self.core.settings.max_sources:
                self._locals.clear()
            self._locals[remote[0]] = known
        return known

    def _received(self, data: bytes, remote: Address) -> None:
        if not self._closed:
            self.core.receive(self._flow(remote), data, self._clock())
            self.flush()

    def _broken(self, remote: Address) -> None:
        if not self._closed:
            self.core.broken(remote, self._clock())
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
                    self._udp.send(output.data, output.flow.remote)
                elif isinstance(output, Event):
                    self._tell(output)
                else:
                    self._write(output)
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

    def _write(self, order: Persist) -> None:
        task = asyncio.get_running_loop().create_task(self._write_through(order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writes[order.usage.id] = self._writes.get(order.usage.id, 0) + 1

    async def _write_through(self, order: Persist) -> None:
        """Write a dialog, then let go on what waited for it."""
        usage = order.usage
        error: Exception | None = None
        if self._persist is not None:
            try:
                await self._persist(order.state)
            except Exception as failure:  # noqa: BLE001 - whatever the store raises ends the call, not the network
                error = failure
        if error is not None:
            log.error("a call's state could not be written, so the call ends: %r", error)
        if not self._closed:
            (usage.persisted if error is None else usage.not_persisted)(self._clock())
        left = self._writes[usage.id] - 1
        if left:
            self._writes[usage.id] = left
        else:
            del self._writes[usage.id]
        self.flush()
        if usage.id not in self._writes:
            for waiter in self._waiters.pop(usage.id, ()):
                if not waiter.done():
                    waiter.set_result(None)
