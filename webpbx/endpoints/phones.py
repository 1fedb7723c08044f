"""All SIP telephones of the switch: who may register, where each is, and whose a call is."""

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from webpbx.calls.call import Call
from webpbx.calls.exchange import Exchange, ShuttingDown
from webpbx.calls.leg import Leg
from webpbx.calls.live_calls import LiveLeg
from webpbx.endpoints.phone import PhoneEndpoint, offered_codecs
from webpbx.endpoints.sip_line import SipEndpoint
from webpbx.model.device import REALM, Device, DeviceBinding
from webpbx.sip.auth import ALGORITHMS
from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.gate import account_of
from webpbx.sip.message import Request
from webpbx.sip.network import SipNetwork
from webpbx.sip.registrar import Binding, Registrar
from webpbx.sip.session_face import Session
from webpbx.sip.uri import SipUri, parse_uri

logger = logging.getLogger(__name__)

KEEP_OPEN_SECONDS = 20.0
"""How often a telephone behind a NAT is sent something, lest the NAT forget it."""
_MD5 = ("MD5",)
_SIP_PORT = 5060


class KeptBindings(Protocol):
    """Where registrations are written, so that a telephone can be called at once after a restart."""

    async def all(self) -> Sequence[DeviceBinding]:
        """Read every registration."""

    async def put(self, username: str, bindings: Sequence[DeviceBinding]) -> None:
        """Write where a telephone is registered now."""


@dataclass(eq=False)
class _Account:
    """A telephone that may register, and its endpoints by contact."""

    device: Device
    exchange: Exchange
    places: dict[str, PhoneEndpoint] = field(default_factory=dict)


class Phones:
    """The telephones of all companies. Make it, open the network with its callbacks, then `start` it."""

    def __init__(
        self,
        kept: KeptBindings,
        *,
        clock: Callable[[], int],
        media_address: str,
        advertised: str | None = None,
        disguise: bytes = b"",
    ) -> None:
        """`clock` gives UTC milliseconds; `disguise` is a key of the installation, see `_algorithms`."""
        self.registrar = Registrar(
            realm=REALM, lookup=self._lookup, on_change=self._changed, algorithms=self._algorithms
        )
        self._kept = kept
        self._clock = clock
        self._media_address = media_address
        self._advertised = advertised
        self._disguise = disguise
        self._network: SipNetwork | None = None
        self._accounts: dict[str, _Account] = {}
        self._of_session: dict[str, PhoneEndpoint] = {}
        self._news = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    # -- what SipNetwork.open is given -------------------------------------------------------------------------

    def claims(self, request: Request) -> bool:
        """Tell whether a request must prove to come from a telephone, whatever its source address says."""
        return request.method == "REGISTER" or account_of(request) in self._accounts

    def on_invite(self, session: Session) -> bool:
        """Take a call that a telephone makes; False when it is none of ours."""
        account = self._accounts.get(session.peer.id) if session.peer is not None else None
        if account is None:
            return False
        self._endpoint(account, offered=offered_codecs(session)).take(session)
        return True

    async def persist(self, state: DialogState | DialogGone) -> None:
        """Have a dialog written with its call, before what makes it real is sent."""
        endpoint = self._of_session.get(state.id)
        if endpoint is not None and isinstance(state, DialogState):
            await endpoint.persist(state)

    # -- life --------------------------------------------------------------------------------------------------

    async def start(self, network: SipNetwork) -> None:
        """Use a network from now on, and hold the registrations that a former life of the switch held.

        `use` has told the telephones before. Of connections nothing is left: their telephones come again by themselves.
        """
        self._network = network
        wall, now = self._clock(), network.now()
        rows = await self._kept.all()
        for row in rows:
            if row.transport == "UDP" and row.expires_ms > wall and row.username in self._accounts:
                flow = network.flow(row.transport, (row.host, row.port))
                expires_at = now + (row.expires_ms - wall) / 1000
                binding = Binding(row.contact, flow, expires_at, row.call_id, row.cseq, row.instance)
                self.registrar.take_up(row.username, binding)
                network.core.know_sources([flow], now)
        since = {(row.username, row.contact): row.since_ms for row in rows}
        for username in {row.username for row in rows}:
            self._changed(username, since=since)
        self._keeping = asyncio.create_task(self._keep(network), name="telephones")

    def use(self, exchange: Exchange) -> None:
        """Let exactly the enabled telephones of the exchange's present settings register."""
        wanted = {device.username: device for device in exchange.snapshot.devices.values() if device.enabled}
        for username, account in tuple(self._accounts.items()):
            if account.exchange is exchange and username not in wanted:
                self._leave(username)
        for username, device in wanted.items():
            account = self._accounts.setdefault(username, _Account(device, exchange))
            account.device = device
            for place in account.places.values():
                place.device = device
                if place.user_id != device.user_id:
                    exchange.unregister(place)
                    place.user_id = device.user_id
                    exchange.register(place)

    def leave(self, exchange: Exchange) -> None:
        """Let the telephones of a company go that is no more."""
        for username, account in tuple(self._accounts.items()):
            if account.exchange is exchange:
                self._leave(username)

    async def close(self) -> None:
        """Stop looking after them; where they are registered stays written."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None

    def states(self) -> dict[str, list[str]]:
        """Tell of each telephone, by user name, from where it is registered."""
        return {
            username: [self._written(place).source for place in account.places.values()]
            for username, account in self._accounts.items()
        }

    def revive(self, live: LiveLeg, call: Call) -> Leg | None:
        """Take up a leg from before a restart, if its telephone is still there."""
        device = call.exchange.snapshot.devices.get(str(live.data.get("device_id")))
        account = self._accounts.get(device.username) if device is not None else None
        return self._endpoint(account).revive(live, call) if account is not None else None

    # -- what the registrar asks and tells ---------------------------------------------------------------------

    def _lookup(self, username: str, algorithm: str) -> str | None:
        account = self._accounts.get(username)
        return account.device.ha1(algorithm) if account is not None else None

    def _algorithms(self, username: str) -> Sequence[str]:
        """Ask older telephones for MD5 alone, and one in four of the names that are nobody's, always the same ones.

        Else whoever tries out names would see by the challenge which of them are older telephones.
        """
        account = self._accounts.get(username)
        if account is not None:
            return _MD5 if account.device.older else ALGORITHMS
        return _MD5 if sha256(self._disguise + username.encode()).digest()[0] % 4 == 0 else ALGORITHMS

    def _changed(self, username: str, *, since: dict[tuple[str, str], int] | None = None) -> None:
        """Ring a telephone where it is registered now, and have that written."""
        account = self._accounts.get(username)
        if account is None or self._network is None:
            return
        before = [place.binding for place in account.places.values() if place.binding is not None]
        bindings = {each.contact: each for each in self.registrar.bindings(username, self._network.now())}
        for contact in tuple(account.places):
            if contact not in bindings:
                account.exchange.unregister(account.places.pop(contact))
                logger.info("telephone %s is registered no more at %s", username, contact)
        for contact, binding in bindings.items():
            if contact in account.places:
                account.places[contact].binding = binding
                continue
            begun = (since or {}).get((username, contact), self._clock())
            place = account.places[contact] = self._endpoint(account, binding=binding, since_ms=begun)
            account.exchange.register(place)
            logger.info("telephone %s is registered at %s", username, self._written(place).source)
        self._follow_connection(username, tuple(bindings.values()))
        self._follow_address(username, before, tuple(bindings.values()))
        self._news.set()
        written = [self._written(place) for place in account.places.values()]
        with contextlib.suppress(ShuttingDown):
            account.exchange.spawn(self._kept.put(username, written), name=f"registration of {username}")

    # -- within ------------------------------------------------------------------------------------------------

    def _endpoint(
        self, account: _Account, *, binding: Binding | None = None, since_ms: int = 0, offered: Sequence[str] = ()
    ) -> PhoneEndpoint:
        if self._network is None:
            raise RuntimeError("start comes first")
        return PhoneEndpoint(
            account.device,
            account.exchange,
            self._network,
            media_address=self._media_address,
            advertised=self._advertised,
            on_session=self._on_session,
            binding=binding,
            since_ms=since_ms,
            offered=offered,
        )

    def _leave(self, username: str) -> None:
        """Take a telephone away; calls that are up with it go on."""
        self.registrar.forget(username)
        account = self._accounts.pop(username)
        for place in account.places.values():
            account.exchange.unregister(place)

    def _follow_connection(self, username: str, bindings: Sequence[Binding]) -> None:
        """Let the calls of a telephone that has connected anew go over its new connection."""
        if len(bindings) != 1 or not bindings[0].flow.is_reliable:
            return
        for endpoint in set(self._of_session.values()):
            if endpoint.device.username == username:
                endpoint.move(bindings[0].flow)

    def _follow_address(self, username: str, before: Sequence[Binding], bindings: Sequence[Binding]) -> None:
        """Let the calls of a telephone that registers by UDP from another address than before go to the new one."""
        for new in bindings:
            for old in before:
                if not new.flow.is_reliable and old.flow != new.flow and _has_moved(old, new):
                    for endpoint in set(self._of_session.values()):
                        if endpoint.device.username == username:
                            endpoint.move(new.flow, left=old.flow)

    def _written(self, place: PhoneEndpoint) -> DeviceBinding:
        binding, network = place.binding, self._network
        if binding is None or network is None:
            raise RuntimeError("a telephone is rung where it is registered")
        left = binding.expires_at - network.now()
        return DeviceBinding(
            username=place.device.username,
            contact=binding.contact,
            transport=binding.flow.transport,
            host=binding.flow.remote[0],
            port=binding.flow.remote[1],
            since_ms=place.since_ms,
            expires_ms=self._clock() + int(left * 1000),
            call_id=binding.call_id,
            cseq=binding.cseq,
            instance=binding.instance,
        )

    async def _keep(self, network: SipNetwork) -> None:
        """Let registrations end in time, and keep the way open to telephones behind a NAT."""
        kept_open_at = network.now()
        while True:
            self._news.clear()
            expires_at = self.registrar.expire(network.now())
            if network.now() >= kept_open_at + KEEP_OPEN_SECONDS:
                kept_open_at = network.now()
                for account in self._accounts.values():
                    for place in account.places.values():
                        if place.binding is not None and _behind_nat(place.binding):
                            network.keep_open(place.binding.flow)
            wake_at = min(kept_open_at + KEEP_OPEN_SECONDS, expires_at or float("inf"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wake_at - network.now(), 0)):
                    await self._news.wait()

    def _on_session(self, session_id: str, endpoint: SipEndpoint | None) -> None:
        if isinstance(endpoint, PhoneEndpoint):
            self._of_session[session_id] = endpoint
        else:
            self._of_session.pop(session_id, None)


def _has_moved(old: Binding, new: Binding) -> bool:
    """Tell whether a later binding is of the same telephone, which keeps its instance, its contact or its Call-ID."""
    if old.call_id == new.call_id:
        return new.cseq > old.cseq
    return old.contact == new.contact or (old.instance is not None and old.instance == new.instance)


def _behind_nat(binding: Binding) -> bool:
    """Tell whether a telephone names another address than the one it is heard from."""
    uri = parse_uri(binding.contact)
    if binding.flow.is_reliable or not isinstance(uri, SipUri):
        return False
    try:
        told = ipaddress.ip_address(uri.host.strip("[]"))
    except ValueError:
        return True
    return (str(told), uri.port or _SIP_PORT) != binding.flow.remote
