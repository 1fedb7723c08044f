"""An office whose main trunk leads to a provider: two real SIP stacks on loopback."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.phone import Office, Phone, an_office
from webpbx.calls.audio import MediaVerbs
from webpbx.endpoints.trunk import TrunkEndpoint
from webpbx.endpoints.trunks import Trunks
from webpbx.sip.headers import NameAddr
from webpbx.sip.name_servers import NameServers
from webpbx.sip.network import Certificate, SipNetwork
from webpbx.sip.registrar import Registrar
from webpbx.sip.session_events import Ended, SessionEvent
from webpbx.sip.session_face import Session
from webpbx.sip.settings import Peer
from webpbx.sip.sockets import Proxy
from webpbx.sip.uri import SipUri

OUR_DID = "+4930901820101"
BERLIN = "030901820"
CARLA = NameAddr(SipUri("provider.test", user="+4915112345678"), "Carla Caller")
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"


class Provider:
    """The other side of the trunk: a SIP stack of its own, driven by the test."""

    def __init__(self, network: SipNetwork, invited: asyncio.Queue[Session]) -> None:
        self.network = network
        self.invited = invited

    async def call(
        self,
        number: str,
        towards: SipNetwork,
        *,
        caller: NameAddr = CARLA,
        sdp: bytes = SDP,
        way: Proxy | None = None,
        headers: Mapping[str, str] | None = None,
        max_forwards: int = 70,
    ) -> Session:
        return await self.network.invite(
            target=SipUri("127.0.0.1", user=number),
            proxies=[way or towards.address],
            from_=caller,
            headers=headers,
            max_forwards=max_forwards,
            to=NameAddr(SipUri("127.0.0.1", user=number)),
            sdp=sdp,
        )


class Site:
    """An office whose main trunk leads to the provider."""

    def __init__(self, office: Office, trunks: Trunks, network: SipNetwork, provider: Provider) -> None:
        self.office = office
        self.trunks = trunks
        self.network = network
        self.provider = provider

    @property
    def line(self) -> TrunkEndpoint:
        line = self.office.exchange.lines["main"]
        assert isinstance(line, TrunkEndpoint)
        return line

    async def is_up(self) -> None:
        await self.office.until(lambda: self.trunks.states().get("acme/main", (False, ""))[0])

    async def calls_out(self, number: str = BERLIN) -> tuple[Phone, Session]:
        anna = self.office.phone("101")
        anna.dial(number)
        return anna, await self.provider.invited.get()


@asynccontextmanager
async def a_site(
    registrar: Registrar | None = None,
    *,
    media: MediaVerbs | None = None,
    certificate: Certificate | None = None,
    name_servers: NameServers | None = None,
    **changes: Any,
) -> AsyncIterator[Site]:
    """Open an office and its provider; `changes` are made to the trunk's settings."""
    transport = changes.get("transport", "udp").upper()
    async with an_office(media) as office:
        invited: asyncio.Queue[Session] = asyncio.Queue()
        provider_network = await SipNetwork.open(
            listen=[(transport, "127.0.0.1", 0)],
            certificate=certificate,
            identify=lambda _flow, _request: None if registrar else Peer("webpbx"),
            on_invite=invited.put_nowait,
            registrar=registrar,
        )
        provider = Provider(provider_network, invited)
        trunks = Trunks(office.exchanges, office.emit, media_address="127.0.0.1")
        network = await SipNetwork.open(
            listen=[("UDP", "127.0.0.1", 0), ("TCP", "127.0.0.1", 0)],
            identify=trunks.identify,
            on_invite=trunks.on_invite,
            persist=trunks.persist,
            trusted=trunks.trusted,
            name_servers=name_servers,
        )
        host, port = provider_network.address
        main = replace(office.snapshot.trunks["main"], **{"proxies": (f"{host}:{port}",), **changes})
        office.exchange.use(replace(office.snapshot, trunks={"main": main}))
        office.exchange.lines.clear()
        trunks.start(network)
        await trunks.use(office.exchange)
        try:
            yield Site(office, trunks, network, provider)
        finally:
            await office.exchange.close()
            await trunks.close()
            await network.close()
            await provider_network.close()


async def event_of(session: Session, kind: type[SessionEvent]) -> Any:
    """Wait for an event of a kind, whatever comes before."""
    async with asyncio.timeout(5):
        while True:
            event = await session.next_event()
            if isinstance(event, kind):
                return event


async def ended(session: Session) -> Ended:
    event = await event_of(session, Ended)
    assert isinstance(event, Ended)
    return event
