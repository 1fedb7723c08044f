"""Calls of a demo's people that must go on while it is under fire, and what a demo says and keeps meanwhile."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.accept.sounding_provider import CODEC
from tests.lean_client import CallReport, LeanClient
from tests.pbx import PASSWORD, Pbx
from tests.socket_phone import SocketPhone
from webpbx.demo import directory

HOLDERS = ("hilda", "hugo")
CALLER, MAD, LATE = "carl", "mad", "lena"
SIGNS_OF_TROUBLE = ("Traceback", "could not be served", "error in", " failed")
GUESSING = "to prove that it is"
"""Torture messages with made-up credentials are told of as guessing; that is no trouble of ours."""
FRAGMENT = "a=ice-ufrag:"


def hire(pbx: Pbx) -> None:
    """Give the demo company some more people, with passwords."""
    for number, login in enumerate((*HOLDERS, CALLER, MAD, LATE), start=121):
        words = ("--tenant", "demo", "--login", login, "--name", login.title(), "--extension", str(number))
        pbx.command("user", "add", *words, secret=PASSWORD)
        if login == CALLER:
            pbx.command("number", "remove", "--tenant", "demo", "--number", directory.COMPANY_BEN)
            did = ("--tenant", "demo", "--number", directory.COMPANY_BEN, "--trunk", "outside")
            pbx.command("number", "add", *did, "--destination", f"extension:{number}")


@dataclass
class DemoCalls:
    """The calls that must go on: two held with sound, and fresh ones both ways."""

    pbx: Pbx
    sound: LeanClient
    stack: AsyncExitStack
    fragments: list[str] = field(default_factory=list)
    held: list[tuple[SocketPhone, str]] = field(default_factory=list)
    fresh: int = 0

    async def hold(self) -> None:
        """Have two people call the outside echo."""
        for login in HOLDERS:
            phone = await self.stack.enter_async_context(SocketPhone(self.pbx.url, login, PASSWORD))
            self.held.append((phone, await self._call_out(phone)))

    async def keep_calling(self, every_s: float) -> None:
        """Call out and be called every so many seconds, for ever; a call that fails raises."""
        async with SocketPhone(self.pbx.url, CALLER, PASSWORD) as phone:
            await phone.go_on_duty()
            while True:
                began = time.monotonic()
                await self.call(phone)
                await self.be_called(phone)
                self.fresh += 1
                took = time.monotonic() - began
                print(f"fresh call {self.fresh}: out and in, after {took:.1f} s")
                await asyncio.sleep(max(every_s - took, 0))

    async def call(self, phone: SocketPhone) -> None:
        """Call out with sound and hang up."""
        leg = await self._call_out(phone)
        await phone.hang_up(leg)
        ended = await phone.until(leg, "ended")
        assert ended["cause"] == "normal", ended
        await self.sound.hang_up(leg)
        del phone.calls[leg]

    async def be_called(self, phone: SocketPhone) -> None:
        """Be called from outside, answer and hang up."""
        came = await self._call_in()
        assert came["state"] in {"ringing", "answered"}, came
        leg = (await phone.rings())["leg_id"]
        await phone.answer(leg)
        await phone.until(leg, "answered")
        await phone.hang_up(leg)
        ended = await phone.until(leg, "ended")
        assert ended["cause"] == "normal", ended
        del phone.calls[leg]

    async def _call_out(self, phone: SocketPhone) -> str:
        leg = await phone.dial(directory.ECHO)
        answer = await phone.attach(leg, await self.sound.browser(leg, codec=CODEC, tone_hz=600))
        self.fragments += [line.removeprefix(FRAGMENT) for line in answer.splitlines() if line.startswith(FRAGMENT)]
        await self.sound.accept(leg, answer)
        await phone.until(leg, "answered")
        return leg

    async def _call_in(self) -> dict[str, Any]:
        connector = aiohttp.UnixConnector(str(self.pbx.data / "run" / "outside.sock"))
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            http.post("http://outside/call", json={"to": directory.COMPANY_BEN}) as answer,
        ):
            return dict(await answer.json())

    async def end(self) -> None:
        """Hang up the held calls, which are up still, and let all go."""
        for phone, leg in self.held:
            assert phone.calls[leg]["state"] == "answered", phone.calls[leg]
            await phone.hang_up(leg)
            assert (await phone.until(leg, "ended"))["cause"] == "normal"
        await self.stack.aclose()

    def assert_kept_their_sound(self, heard: dict[str, CallReport]) -> None:
        """See that each held call had its packets back, and the tone it sent."""
        for _, leg in self.held:
            report = heard[leg]
            print(f"held call: {report.sent} packets sent, {report.received} came back")
            assert report.received >= 0.99 * report.sent > 0
            assert abs(report.hears_hz - 600) < 10


def troubles(pbx: Pbx) -> list[str]:
    """Return what it has said that it should not have had to say."""
    lines = pbx.said().splitlines()
    return [line for line in lines if any(sign in line for sign in SIGNS_OF_TROUBLE) and GUESSING not in line]


async def is_quiet(pbx: Pbx, *, tasks: int = 1000) -> int:
    """Wait until no call, leg, dialog or more tasks are left: 32 s for the timers, and the grace of lost tabs."""
    for _ in range(180):
        status, worker = await pbx.status(), await pbx.worker_status()
        left = {name: status[name] for name in ("calls", "legs", "dialogs")}
        left["worker's legs"] = sum(worker["legs"].values())
        left["timers"] = status["timers"] // 2_000  # those that run, and fewer than twice as many dead ones
        # The trunk is registered and asked whether it is there: a transaction each may be under way.
        if not any(left.values()) and status["transactions"] <= 4 and status["tasks"] <= tasks:
            return int(status["tasks"])
        await asyncio.sleep(0.5)
    raise AssertionError(f"this is left: {left}, {status['transactions']} transactions, {status['tasks']} tasks")
