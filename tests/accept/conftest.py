import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.accept.demo_calls import DemoCalls, hire
from tests.accept.sounding_provider import CODEC, SoundingProvider
from tests.conftest import Company
from tests.lean_client import LeanClient
from tests.pbx import ECHO_NUMBER, PASSWORD, Pbx
from tests.peers.sipp import EVER, Sipp
from tests.socket_phone import SocketPhone

OUTSIDE = "+493012345678"
CALLS_OF_A_USER = 8


@dataclass
class Site:
    """A served company with two media workers and a trunk to a provider at `port`."""

    pbx: Pbx
    port: int
    folder: Path

    @property
    def remote(self) -> str:
        return f"127.0.0.1:{self.pbx.sip_port}"

    def calls(self, scenario: str, number: str, *, calls: int, rate: float, **words: str) -> Sipp:
        """Have the provider call in."""
        return Sipp(
            scenario, folder=self.folder, remote=self.remote, number=number, calls=calls, rate=rate, words=words
        )

    def takes(self, scenario: str, **words: str) -> Sipp:
        """Have the provider take calls."""
        return Sipp(scenario, folder=self.folder, remote=self.remote, port=self.port, calls=EVER, words=words)

    def anna(self) -> SocketPhone:
        return SocketPhone(self.pbx.url, "anna", PASSWORD)

    def colleague(self, number: int) -> SocketPhone:
        """Give the company another person, and the tab where she signs in."""
        login, extension = f"colleague{number}", str(200 + number)
        words = ("--tenant", "acme", "--login", login, "--name", login.title(), "--extension", extension)
        self.pbx.command("user", "add", *words, secret=PASSWORD)
        return SocketPhone(self.pbx.url, login, PASSWORD)


@pytest.fixture
async def site(tmp_path: Path, company_with_trunk: Company) -> AsyncIterator[Site]:
    pbx = Pbx(tmp_path / "pbx", workers=2)
    pbx.take(company_with_trunk.data)
    try:
        pbx.serve()
        yield Site(pbx, company_with_trunk.port, tmp_path)
    finally:
        pbx.stop()


@dataclass
class SoundingCalls:
    """Calls of Anna's and her colleagues' to the provider, with packets both ways from processes of their own."""

    site: Site
    anna: SocketPhone
    browsers: LeanClient
    trunks: LeanClient
    stack: AsyncExitStack
    phones: list[SocketPhone]
    """Anna's, and those of colleagues: a user has eight calls at most."""
    legs: dict[str, SocketPhone] = field(default_factory=dict)
    """Each call's phone, by leg."""

    async def add(self, count: int) -> None:
        """Make so many more calls, each with sound both ways."""
        for _ in range(count):
            phone = await self._phone(len(self.legs) // CALLS_OF_A_USER)
            leg = await phone.dial(OUTSIDE)
            offer = await self.browsers.browser(leg, codec=CODEC, tone_hz=600)
            answer = await phone.attach(leg, offer)
            await self.browsers.accept(leg, answer)
            await phone.until(leg, "answered")
            self.legs[leg] = phone
            await asyncio.sleep(0.2)  # a socket may send 20 commands a second

    async def hang_up(self) -> None:
        """End every call, and see that each ended for no other reason."""
        for leg, phone in self.legs.items():
            await phone.hang_up(leg)
            assert (await phone.until(leg, "ended"))["cause"] == "normal"
            await asyncio.sleep(0.1)

    async def _phone(self, number: int) -> SocketPhone:
        if number == len(self.phones):
            phone = await asyncio.to_thread(self.site.colleague, number)
            self.phones.append(await self.stack.enter_async_context(phone))
        return self.phones[number]

    async def lost(self, number: int, *, seconds: float) -> tuple[int, int]:
        """Count packets for some time: how many were sent and how many of them did not arrive."""
        for client in (self.browsers, self.trunks):
            await client.round(number)
        await asyncio.sleep(seconds)
        for client in (self.browsers, self.trunks):
            await client.round(0)
        await asyncio.sleep(0.5)  # what is under way
        reports = [await client.report(number) for client in (self.browsers, self.trunks)]
        sent = sum(call.sent for report in reports for call in report.calls.values())
        received = sum(call.received for report in reports for call in report.calls.values())
        return sent, sent - received


@pytest.fixture
async def sounding_calls(site: Site) -> AsyncIterator[SoundingCalls]:
    """Give a way to have calls with sound: no call yet."""
    async with (
        LeanClient() as browsers,
        LeanClient() as trunks,
        SoundingProvider(site.port, trunks) as provider,
        site.anna() as anna,
        AsyncExitStack() as stack,
    ):
        yield SoundingCalls(site, anna, browsers, trunks, stack, [anna])
        assert provider.failures == []


async def next_call_works(site: Site) -> None:
    """Call in until it works: right after a restart a call may be told to try again."""
    for _ in range(20):
        counts = await asyncio.to_thread(site.calls("call_and_hang_up", ECHO_NUMBER, calls=1, rate=1).wait)
        if counts.successful == 1:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(counts.unexpected)


@pytest.fixture
async def demo_calls(demo: Pbx) -> AsyncIterator[DemoCalls]:
    """Give a demo's people who call, and a process for their sound: no call yet."""
    hire(demo)
    async with AsyncExitStack() as stack:
        sound = await stack.enter_async_context(LeanClient())
        yield DemoCalls(demo, sound, stack)
