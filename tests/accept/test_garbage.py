"""Garbage from all sides at a running demo: no crash, no traceback, no growth, and calls go on."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tests.accept.garbage.source import sent
from tests.accept.sounding_provider import CODEC, resident_mb
from tests.lean_client import LeanClient
from tests.pbx import PASSWORD, Pbx
from tests.socket_phone import SocketPhone
from webpbx.demo import directory

pytestmark = [pytest.mark.quick, pytest.mark.timeout(1200)]

SEED = 4711
GROWTH_MB = 20.0
HOLDERS = ("hilda", "hugo")
CALLER, MAD, LATE = "carl", "mad", "lena"
EVERY_S = 10.0
SIGNS_OF_TROUBLE = ("Traceback", "could not be served", "error in", " failed")
GUESSING = "to prove that it is"
"""Torture messages with made-up credentials are told of as guessing; that is no trouble of ours."""
FRAGMENT = "a=ice-ufrag:"


@dataclass
class Rates:
    """How long, and how many a second of each kind."""

    seconds: float
    sip: float
    media: float
    web: float


@dataclass
class Watched:
    """A demo under fire: its processes' memory and how late its loops were."""

    pbx: Pbx
    pids: dict[str, int]
    before: dict[str, float] = field(default_factory=dict)
    sizes: list[dict[str, float]] = field(default_factory=list)
    worst_lag_ms: dict[str, float] = field(default_factory=dict)

    def weigh(self) -> dict[str, float]:
        return {name: round(resident_mb(pid), 1) for name, pid in self.pids.items()}

    async def watch(self) -> None:
        """Weigh again and again, for ever."""
        while True:
            self.sizes.append(self.weigh())
            for name, lag in (await lags(self.pbx)).items():
                self.worst_lag_ms[name] = max(self.worst_lag_ms.get(name, 0.0), lag)
            await asyncio.sleep(1)

    def grown(self) -> dict[str, float]:
        """Return by how much each has grown in the end: the least, as checking a password takes 64 MB for a moment."""
        late = [*self.sizes[-len(self.sizes) // 4 :], self.weigh()]
        return {name: round(min(sizes[name] for sizes in late) - before, 1) for name, before in self.before.items()}


async def lags(pbx: Pbx) -> dict[str, float]:
    """Return each loop's p99 and worst lateness of the last minute, in ms."""
    async with aiohttp.ClientSession() as http, http.get(f"{pbx.url.rstrip('/')}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    found = {}
    for line in lines:
        if line.startswith("webpbx_loop_lag_seconds{") and 'quantile="0.5"' not in line:
            name, _, value = line.removeprefix("webpbx_loop_lag_seconds").rpartition(" ")
            found[name] = round(float(value) * 1000, 1)
    return found


def troubles(pbx: Pbx) -> list[str]:
    """Return what it has said that it should not have had to say."""
    lines = pbx.said().splitlines()
    return [line for line in lines if any(sign in line for sign in SIGNS_OF_TROUBLE) and GUESSING not in line]


def people(pbx: Pbx) -> None:
    """Give the demo company some more people, with passwords."""
    for number, login in enumerate((*HOLDERS, CALLER, MAD, LATE), start=121):
        words = ("--tenant", "demo", "--login", login, "--name", login.title(), "--extension", str(number))
        pbx.command("user", "add", *words, secret=PASSWORD)
        if login == CALLER:
            pbx.command("number", "remove", "--tenant", "demo", "--number", directory.COMPANY_BEN)
            did = ("--tenant", "demo", "--number", directory.COMPANY_BEN, "--trunk", "outside")
            pbx.command("number", "add", *did, "--destination", f"extension:{number}")


@dataclass
class Calls:
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

    async def keep_calling(self) -> None:
        """Place fresh calls every ten seconds, for ever; one that fails raises."""
        async with SocketPhone(self.pbx.url, CALLER, PASSWORD) as phone:
            await phone.go_on_duty()
            while True:
                began = time.monotonic()
                await self.call(phone)
                await self.be_called(phone)
                self.fresh += 1
                print(f"fresh call {self.fresh}: out and in, after {time.monotonic() - began:.1f} s")
                await asyncio.sleep(max(EVERY_S - (time.monotonic() - began), 0))

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
        """Hang up the held calls, which are up still."""
        for phone, leg in self.held:
            assert phone.calls[leg]["state"] == "answered", phone.calls[leg]
            await phone.hang_up(leg)
            assert (await phone.until(leg, "ended"))["cause"] == "normal"


@pytest.fixture
async def calls(demo: Pbx) -> AsyncIterator[Calls]:
    people(demo)
    async with AsyncExitStack() as stack:
        sound = await stack.enter_async_context(LeanClient())
        yield Calls(demo, sound, stack)


async def fire(calls: Calls, rates: Rates) -> dict[str, dict[str, int]]:
    """Send garbage of all kinds at once; return the counts of each."""
    pbx = calls.pbx
    host = pbx.address
    common = {"seed": SEED, "seconds": rates.seconds}
    target, number, unknown = (host, pbx.sip_port), directory.COMPANY_ECHO, f"{directory.BLOCK}199"
    ports = {"browser_ports": [pbx.media_port], "trunk_ports": (pbx.trunk_ports, pbx.trunk_ports + 1999)}
    async with asyncio.TaskGroup() as group:
        sip = group.create_task(sent("sip", target=target, number=number, unknown=unknown, rate=rates.sip, **common))
        media = group.create_task(
            sent("media", host=host, fragments=calls.fragments, rate=rates.media, **ports, **common)
        )
        web = group.create_task(sent("web", url=pbx.url, login=MAD, password=PASSWORD, rate=rates.web, **common))
    return {"sip": sip.result(), "media": media.result(), "web": web.result()}


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


async def test_garbage_from_all_sides_harms_no_call_and_leaves_nothing(demo: Pbx, calls: Calls, full: bool) -> None:  # noqa: FBT001 - a fixture
    rates = Rates(600, sip=1000, media=500, web=20) if full else Rates(20, sip=300, media=200, web=10)
    print(f"seed {SEED}, {rates}")
    names = ("switch", "worker-0a", "outside")
    pids = {name: demo.pid(name) for name in names}
    assert demo.supervisor is not None
    watched = Watched(demo, {**pids, "supervisor": demo.supervisor.pid})
    async with SocketPhone(demo.url, LATE, PASSWORD):
        pass  # what the first page starts for good is no leak
    tasks = await is_quiet(demo)
    await calls.hold()
    # What a transaction keeps for repeats goes after 32 s: from then on, whatever grows does so for good.
    warm_up = Rates(40 if full else 5, sip=rates.sip, media=rates.media, web=rates.web)
    await fire(calls, warm_up)
    for _ in range(20):  # the least: a password that is being checked takes 64 MB
        await asyncio.sleep(0.1)
        watched.sizes.append(watched.weigh())
    watched.before = {name: min(sizes[name] for sizes in watched.sizes) for name in watched.pids}
    await calls.sound.round(1)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watched.watch())
        calling = group.create_task(calls.keep_calling())
        counts = await fire(calls, rates)
        for task in (watching, calling):
            task.cancel()
    await calls.sound.round(0)
    await asyncio.sleep(0.5)
    heard = (await calls.sound.report(1)).calls
    for kind, number in counts.items():
        print(kind, number)
    highest = {name: max(sizes[name] for sizes in watched.sizes) for name in watched.pids}
    grown = watched.grown()
    print(f"MB before {watched.before}, grown {grown}, highest {highest}, lag in ms {watched.worst_lag_ms}")

    async with SocketPhone(demo.url, LATE, PASSWORD) as phone:
        await calls.call(phone)
    await calls.end()
    await calls.stack.aclose()
    left = await is_quiet(demo, tasks=tasks)
    print(f"MB after {watched.weigh()}, tasks {tasks} before, {left} after, fresh calls {calls.fresh}")

    assert {name: demo.pid(name) for name in names} == pids
    assert demo.supervisor.poll() is None
    assert troubles(demo) == []
    for _, leg in calls.held:
        report = heard[leg]
        print(f"held call: {report.sent} packets sent, {report.received} came back")
        assert report.sent > rates.seconds * 45
        assert report.received >= 0.99 * report.sent
        assert abs(report.hears_hz - 600) < 10
    assert calls.fresh >= rates.seconds // EVERY_S
    assert {name: growth for name, growth in grown.items() if growth > GROWTH_MB} == {}
