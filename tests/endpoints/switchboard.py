"""An office whose people have SIP telephones: real SIP stacks on loopback, the sound is elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.endpoints.desk import Desk
from tests.endpoints.site import SDP, event_of
from tests.phone import Office, an_office
from webpbx.calls.audio import MediaVerbs
from webpbx.calls.leg import LegState
from webpbx.endpoints.phones import Phones
from webpbx.endpoints.sip_callers import SipCallers
from webpbx.endpoints.trunks import Trunks
from webpbx.model.device import REALM, Device, DeviceBinding
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import RegistrationHandle, SipNetwork
from webpbx.sip.registration import Registration, RegistrationState
from webpbx.sip.session_events import Answered
from webpbx.sip.session_face import Session
from webpbx.sip.settings import Peer
from webpbx.sip.transport import Address, Way
from webpbx.sip.uri import SipUri

SECRET = "wonderland"
NOW = 1_700_000_000_000


class KeptInMemory:
    """Where registrations are written."""

    def __init__(self) -> None:
        self.rows: dict[str, Sequence[DeviceBinding]] = {}

    async def all(self) -> Sequence[DeviceBinding]:
        return [row for rows in self.rows.values() for row in rows]

    async def put(self, username: str, bindings: Sequence[DeviceBinding]) -> None:
        await asyncio.sleep(0)
        self.rows[username] = bindings


class Telephone:
    """A SIP telephone on a desk: a SIP stack of its own, driven by the test."""

    def __init__(self, username: str, network: SipNetwork, invited: asyncio.Queue[Session], pbx: Address | Way) -> None:
        self.username = username
        self.credentials = Credentials(username, SECRET)
        self.network = network
        self.invited = invited
        self.pbx = pbx
        self.handle: RegistrationHandle | None = None

    async def register(self, *, secret: str = SECRET) -> RegistrationHandle:
        """Register, whatever comes of it."""
        order = Registration(
            SipUri("127.0.0.1", self.username),
            SipUri("127.0.0.1"),
            (self.pbx,),
            Credentials(self.username, secret),
            contact_user=self.username,
        )
        self.handle = await self.network.register(order)
        return self.handle

    async def unregister(self) -> None:
        assert self.handle is not None
        await self.handle.close()

    async def dial(
        self,
        number: str,
        *,
        sdp: bytes | None = SDP,
        secret: str = SECRET,
        caller: NameAddr | None = None,
        headers: Mapping[str, str] | None = None,
        max_forwards: int = 70,
    ) -> Session:
        return await self.network.invite(
            target=SipUri("127.0.0.1", user=number),
            proxies=[self.pbx],
            from_=caller or NameAddr(SipUri("127.0.0.1", user=self.username), "What the telephone says"),
            headers=headers,
            max_forwards=max_forwards,
            to=NameAddr(SipUri("127.0.0.1", user=number)),
            sdp=sdp,
            credentials=Credentials(self.username, secret),
            contact_user=self.username,
        )

    async def loses_its_connection(self) -> None:
        """Lose the connection to the switch; whoever is registered over it registers anew by itself."""
        (flow,) = await self.network.flows([self.pbx])
        stream = self.network.core.streams.of(flow)
        assert stream is not None
        self.network.core.streams.close(stream)

    async def rings(self) -> Session:
        async with asyncio.timeout(5):
            return await self.invited.get()


class Switchboard:
    """An office with telephones; `anna` and `bert` have one each, `kitchen` is Anna's second."""

    def __init__(self, office: Office, kept: KeptInMemory) -> None:
        self.office = office
        self.kept = kept
        self.desk = Desk(office)
        self.phones: Phones
        self.network: SipNetwork
        self._networks: list[SipNetwork] = []

    async def open(self, *, port: int = 0) -> None:
        """Begin a life of the switch's SIP side."""
        self.phones = Phones(self.kept, clock=lambda: NOW, media_address="127.0.0.1", disguise=b"key")
        self.trunks = Trunks(self.office.exchanges, self.office.emit, media_address="127.0.0.1")
        callers = SipCallers(self.phones, self.trunks)
        self.network = await SipNetwork.open(
            listen=[("UDP", "127.0.0.1", port), ("TCP", "127.0.0.1", 0)],
            identify=callers.identify,
            on_invite=callers.on_invite,
            persist=callers.persist,
            registrar=self.phones.registrar,
        )
        self.trunks.start(self.network)
        self.use({})
        await self.phones.start(self.network)

    def use(self, changes: dict[str, dict[str, Any]]) -> None:
        """Have the telephones with other settings, by their name."""
        devices = {name: replace(device, **changes.get(name, {})) for name, device in DEVICES.items()}
        kept = {device.id: device for device in devices.values()}
        self.office.exchange.use(replace(self.office.exchange.snapshot, devices=kept))
        self.phones.use(self.office.exchange)

    async def telephone(self, name: str, *, registered: bool = True, transport: str = "UDP") -> Telephone:
        """Put a telephone on a desk."""
        invited: asyncio.Queue[Session] = asyncio.Queue()
        network = await SipNetwork.open(
            listen=[(transport, "127.0.0.1", 0)],
            identify=lambda _flow, _request: Peer("pbx"),
            on_invite=invited.put_nowait,
        )
        self._networks.append(network)
        telephone = Telephone(
            DEVICES[name].username, network, invited, Way(*self.network.addresses[transport], transport)
        )
        if registered:
            handle = await telephone.register()
            await self.office.until(lambda: handle.state is RegistrationState.REGISTERED)
        return telephone

    async def provider(self, **changes: Any) -> asyncio.Queue[Session]:
        """Lead the main trunk to a provider, and give the calls that it gets."""
        invited: asyncio.Queue[Session] = asyncio.Queue()
        network = await SipNetwork.open(
            listen=[("UDP", "127.0.0.2", 0)],  # no telephone calls from there
            identify=lambda _flow, _request: Peer("webpbx"),
            on_invite=invited.put_nowait,
        )
        self._networks.append(network)
        exchange, (host, port) = self.office.exchange, network.address
        main = replace(exchange.snapshot.trunks["main"], **{"proxies": (f"{host}:{port}",), **changes})
        exchange.use(replace(exchange.snapshot, trunks={"main": main}))
        exchange.lines.clear()
        await self.trunks.use(exchange)
        return invited

    async def talks(self, session: Session) -> None:
        """Wait until a call is answered, and every leg with it."""
        await event_of(session, Answered)
        legs = self.office.exchange.legs
        await self.office.until(lambda: all(leg.state is LegState.ANSWERED for leg in legs.values()))

    async def close(self) -> None:
        await self.phones.close()
        await self.trunks.close()
        await self.network.close()

    async def clear(self) -> None:
        """Take the telephones away."""
        for network in self._networks:
            await network.close()


def _device(name: str, username: str, user_id: str) -> Device:
    credentials = Credentials(username, SECRET)
    md5, sha256 = (ha1(credentials, realm=REALM, algorithm=algorithm) for algorithm in ("MD5", "SHA-256"))
    return Device(f"{name}-id", "acme", user_id, name, username, md5, sha256)


DEVICES = {
    "anna": _device("anna", "k7f3-101", "anna"),
    "kitchen": _device("kitchen", "p2m9-101", "anna"),
    "bert": _device("bert", "w4x8-102", "bert"),
}


@asynccontextmanager
async def a_switchboard(media: MediaVerbs | None = None) -> AsyncIterator[Switchboard]:
    """Open an office with telephones, and leave nothing of it."""
    async with an_office(media) as office:
        board = Switchboard(office, KeptInMemory())
        await board.open()
        try:
            yield board
        finally:
            await office.exchange.close()
            await board.close()
            await board.clear()
