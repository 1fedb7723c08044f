"""The company's side of calls with the outside world: our own SIP stack, and the lean client for the sound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.demo.outside_process import HOST, Outside
from tests.lean_client import LeanClient
from webpbx.demo import directory
from webpbx.demo.account import REALM
from webpbx.sip.auth import Credentials
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import SipNetwork
from webpbx.sip.registration import Registration
from webpbx.sip.registration_face import RegistrationHandle
from webpbx.sip.session_events import Answered, Ended, Info, Progress, Reoffered
from webpbx.sip.session_face import Session
from webpbx.sip.settings import Peer
from webpbx.sip.uri import SipUri

Event = Progress | Answered | Reoffered | Info | Ended


@dataclass
class Company:
    """A customer of the outside world: our SIP stack, and the lean client for its sound."""

    network: SipNetwork
    outside: Outside
    sound: LeanClient
    incoming: asyncio.Queue[Session] = field(default_factory=asyncio.Queue)
    calls: int = 0

    async def register(self, *, secret: str | None = None) -> RegistrationHandle:
        """Register with the account's secret or another one."""
        account = self.outside.account
        host, port = self.outside.sip
        return await self.network.register(
            Registration(
                aor=SipUri(host=REALM, user=account.username),
                registrar=SipUri(host=host, port=port),
                proxies=(self.outside.sip,),
                credentials=Credentials(account.username, secret or account.secret, REALM),
                contact_user=account.username,
            )
        )

    async def dial(self, number: str, *, secret: str | None = None) -> "CompanyCall":
        """Call a number, sending a tone of 700 Hz."""
        self.calls += 1
        name = f"call{self.calls}"
        host, port = self.outside.sip
        session = await self.network.invite(
            target=SipUri(host=host, port=port, user=number),
            proxies=[self.outside.sip],
            from_=NameAddr(SipUri(host=REALM, user=directory.COMPANY_ANNA), display="Anna Adler"),
            to=NameAddr(SipUri(host=REALM, user=number)),
            sdp=(await self.sound.rtp(name, codec="PCMA", tone_hz=700)).encode(),
            credentials=Credentials(self.outside.account.username, secret or self.outside.account.secret, REALM),
        )
        return CompanyCall(session, self.sound, name)

    async def take(self) -> "CompanyCall":
        """Answer the next call that comes in, sending a tone of 700 Hz."""
        session = await asyncio.wait_for(self.incoming.get(), 10)
        self.calls += 1
        name = f"call{self.calls}"
        ours = await self.sound.rtp(name, codec="PCMA", tone_hz=700)
        await session.ring()
        await session.answer(ours.encode())
        await self.sound.accept(name, (session.remote_sdp or b"").decode())
        return CompanyCall(session, self.sound, name)


@dataclass
class CompanyCall:
    """One call of the company's."""

    session: Session
    sound: LeanClient
    name: str

    async def until(self, kind: type[Event]) -> Event:
        """Wait for an event of a kind; what happens before is passed over."""
        async with asyncio.timeout(30):
            while not isinstance(event := await self.session.next_event(), kind):
                assert not isinstance(event, Ended), event
            return event

    async def is_answered(self) -> None:
        """Wait for the answer and let the sound begin."""
        event = await self.until(Answered)
        assert isinstance(event, Answered)
        await self.sound.accept(self.name, (event.sdp or b"").decode())

    async def ends(self) -> Ended:
        """Wait for the end."""
        event = await self.until(Ended)
        assert isinstance(event, Ended)
        return event

    async def hears(self, *, at_least: float, within: float = 10.0) -> None:
        """Wait until the last second was that loud (RMS)."""
        async with asyncio.timeout(within):
            while True:
                if (await self.sound.report(0)).calls[self.name].loudness >= at_least:
                    return
                await asyncio.sleep(0.1)

    async def hears_itself(self) -> None:
        """Wait until its own 700 Hz come back."""
        async with asyncio.timeout(20):
            while True:
                report = (await self.sound.report(0)).calls[self.name]
                if abs(report.hears_hz - 700) < 15 and report.loudness > 3000:
                    return
                await asyncio.sleep(0.1)

    async def hang_up(self) -> None:
        """End the call."""
        await self.session.hang_up()
        assert (await self.ends()).by == "local"


@asynccontextmanager
async def company_of(outside: Outside, *, port: int = 0) -> AsyncIterator[Company]:
    async with LeanClient() as sound:
        incoming: asyncio.Queue[Session] = asyncio.Queue()
        network = await SipNetwork.open(
            listen=(HOST, port),
            identify=lambda flow, _: Peer("outside") if flow.remote == outside.sip else None,
            on_invite=incoming.put_nowait,
        )
        try:
            yield Company(network, outside, sound, incoming)
        finally:
            await network.close()
