"""Bridged calls of every kind at once, with sound: tab with trunk, telephone with trunk, tab with tab."""

import asyncio
import itertools
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import KW_ONLY, dataclass, field

from tests.accept.conftest import OUTSIDE, Site
from tests.accept.sounding_provider import CODEC, SoundingProvider
from tests.endpoints.switchboard import Telephone
from tests.lean_client import LeanClient
from tests.pbx import PASSWORD
from tests.socket_phone import SocketPhone
from webpbx.sip.network import Answered, Ended, Peer, Session, SipNetwork

HANG_UP_SECONDS = 10.0


@dataclass
class Bridged:
    """One call, and how each side of it is hung up and hears that it has ended."""

    kind: str
    hang_up: tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]
    """By who called, by who was called."""
    has_ended: tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]


@dataclass
class BridgedCalls:
    """Makes calls of all kinds; their sound is in three processes of its own."""

    site: Site
    browsers: LeanClient
    telephones: LeanClient
    trunks: LeanClient
    provider: SoundingProvider
    stack: AsyncExitStack
    _: KW_ONLY
    pairs: int
    """How many tabs are called by another."""
    tabs: dict[str, SocketPhone] = field(default_factory=dict)
    telephone: Telephone | None = None
    secret: str = ""
    _names: "itertools.count[int]" = field(default_factory=itertools.count)

    # -- people ------------------------------------------------------------------------------------------------

    def hire(self) -> None:
        """Give the company people: `out` who calls outside, `caller` and those whom he calls, and a telephone."""
        command = self.site.pbx.command
        called = [(f"called{number}", str(310 + number)) for number in range(self.pairs)]
        for login, extension in [("out", "300"), ("caller", "301"), *called]:
            words = ("--tenant", "acme", "--login", login, "--name", login.title(), "--extension", extension)
            command("user", "add", *words, secret=PASSWORD)
        told = command("device", "add", "--user", "ben", "--name", "Desk")
        self.username, self.secret = str(told["username"]), str(told["secret"])

    async def sign_in(self) -> None:
        """Open everybody's tab, anew after the switch has died, and register the telephone once."""
        await self.sign_out()
        for login in ("out", "caller", *(f"called{n}" for n in range(self.pairs))):
            tab = self.tabs[login] = SocketPhone(self.site.pbx.url, login, PASSWORD, device=f"device-of-{login}")
            await tab.__aenter__()
            await tab.go_on_duty()
        if self.telephone is None:
            await self._register()

    async def sign_out(self) -> None:
        """Close everybody's tab."""
        for tab in self.tabs.values():
            await tab.__aexit__(None, None, None)

    async def _register(self) -> None:
        invited: asyncio.Queue[Session] = asyncio.Queue()
        network = await SipNetwork.open(
            listen=("127.0.0.1", 0), identify=lambda _flow, _request: Peer("pbx"), on_invite=invited.put_nowait
        )
        self.stack.push_async_callback(network.close)
        self.telephone = Telephone(self.username, network, invited, ("127.0.0.1", self.site.pbx.sip_port))
        await self.telephone.register(secret=self.secret)

    # -- calls -------------------------------------------------------------------------------------------------

    async def tab_with_trunk(self) -> Bridged:
        """Let a tab call the provider."""
        tab, known = self.tabs["out"], set(self.provider.sessions)
        leg = await tab.dial(OUTSIDE)
        await self._speak(tab, leg, codec=CODEC)
        await tab.until(leg, "answered")
        far = next(iter(set(self.provider.sessions) - known))
        return Bridged(
            "tab with trunk",
            (lambda: self.tabs["out"].hang_up(leg), self.provider.sessions[far].hang_up),
            (lambda: self._tab_ended("out", leg), lambda: self._far_ended(far)),
        )

    async def telephone_with_trunk(self) -> Bridged:
        """Let the telephone call the provider."""
        assert self.telephone is not None
        known, name = set(self.provider.sessions), f"telephone-{next(self._names)}"
        offer = await self.telephones.rtp(name, codec=CODEC, tone_hz=700)
        session = await self.telephone.dial(OUTSIDE, sdp=offer.encode(), secret=self.secret)
        while not isinstance(event := await session.next_event(), Answered):
            assert not isinstance(event, Ended), event
        assert event.sdp is not None
        await self.telephones.accept(name, event.sdp.decode())
        far = next(iter(set(self.provider.sessions) - known))

        async def ended() -> None:
            while not isinstance(await session.next_event(), Ended):
                pass
            await self.telephones.hang_up(name)

        return Bridged(
            "telephone with trunk",
            (session.hang_up, self.provider.sessions[far].hang_up),
            (ended, lambda: self._far_ended(far)),
        )

    async def tab_with_tab(self, number: int) -> Bridged:
        """Let one tab call another."""
        caller, called = self.tabs["caller"], self.tabs[f"called{number}"]
        leg = await caller.dial(str(310 + number))
        await self._speak(caller, leg, codec="opus")
        ringing = str((await called.rings())["leg_id"])
        await called.answer(ringing)
        await self._speak(called, ringing, codec="opus")
        await caller.until(leg, "answered")
        return Bridged(
            "tab with tab",
            (lambda: self.tabs["caller"].hang_up(leg), lambda: self.tabs[f"called{number}"].hang_up(ringing)),
            (lambda: self._tab_ended("caller", leg), lambda: self._tab_ended(f"called{number}", ringing)),
        )

    async def _speak(self, tab: SocketPhone, leg: str, *, codec: str) -> None:
        answer = await tab.attach(leg, await self.browsers.browser(leg, codec=codec, tone_hz=600))
        await self.browsers.accept(leg, answer)

    async def _tab_ended(self, login: str, leg: str) -> None:
        ended = await self.tabs[login].until(leg, "ended", seconds=HANG_UP_SECONDS)
        assert ended["cause"] == "normal", ended
        await self.browsers.hang_up(leg)

    async def _far_ended(self, name: str) -> None:
        for _ in range(round(HANG_UP_SECONDS / 0.02)):
            if name not in self.provider.sessions:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"the provider does not hear that {name} has ended")

    # -- what is seen ------------------------------------------------------------------------------------------

    async def counting(self, number: int) -> None:
        """Mark all packets from now on."""
        for client in (self.browsers, self.telephones, self.trunks):
            await client.round(number)

    async def counted(self, number: int) -> tuple[int, int]:
        """Return how many packets of a round were sent, and how many of them did not arrive."""
        await self.counting(0)
        await asyncio.sleep(0.5)  # what is under way
        reports = [await client.report(number) for client in (self.browsers, self.telephones, self.trunks)]
        calls = [call for report in reports for call in report.calls.values()]
        sent = sum(call.sent for call in calls)
        return sent, sent - sum(call.received for call in calls)

    def records(self) -> list[tuple[str, str, str, int]]:
        """Return the calls' records: outcome, cause, who ended it, seconds of talk."""
        sql = "SELECT outcome, cause, ended_by, (ended_ms - answered_ms) / 1000 FROM call_records ORDER BY started_ms"
        with sqlite3.connect(f"file:{self.site.pbx.data}/webpbx.sqlite3?mode=ro", uri=True) as database:
            return list(database.execute(sql))
