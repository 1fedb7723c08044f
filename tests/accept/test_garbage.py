"""Garbage from all sides at a running demo: no crash, no traceback, no growth, and calls go on."""

import asyncio
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.accept.demo_calls import LATE, MAD, DemoCalls, is_quiet, troubles
from tests.accept.garbage.source import sent
from tests.accept.sounding_provider import resident_mb
from tests.pbx import PASSWORD, Pbx
from tests.socket_phone import SocketPhone
from webpbx.demo import directory

pytestmark = [pytest.mark.quick, pytest.mark.timeout(1200)]

SEED = 4711
GROWTH_MB = 20.0
EVERY_S = 10.0


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


async def fire(calls: DemoCalls, rates: Rates) -> dict[str, dict[str, int]]:
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


async def test_garbage_from_all_sides_harms_no_call_and_leaves_nothing(
    demo: Pbx, demo_calls: DemoCalls, full: bool
) -> None:
    rates = Rates(600, sip=1000, media=500, web=20) if full else Rates(20, sip=300, media=200, web=10)
    print(f"seed {SEED}, {rates}")
    names = ("switch", "worker-0a", "outside")
    pids = {name: demo.pid(name) for name in names}
    assert demo.supervisor is not None
    watched = Watched(demo, {**pids, "supervisor": demo.supervisor.pid})
    async with SocketPhone(demo.url, LATE, PASSWORD):
        pass  # what the first page starts for good is no leak
    tasks = await is_quiet(demo)
    await demo_calls.hold()
    # What a transaction keeps for repeats goes after 32 s: from then on, whatever grows does so for good.
    warm_up = Rates(40 if full else 5, sip=rates.sip, media=rates.media, web=rates.web)
    await fire(demo_calls, warm_up)
    for _ in range(20):  # the least: a password that is being checked takes 64 MB
        await asyncio.sleep(0.1)
        watched.sizes.append(watched.weigh())
    watched.before = {name: min(sizes[name] for sizes in watched.sizes) for name in watched.pids}
    await demo_calls.sound.round(1)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watched.watch())
        calling = group.create_task(demo_calls.keep_calling(EVERY_S))
        counts = await fire(demo_calls, rates)
        for task in (watching, calling):
            task.cancel()
    await demo_calls.sound.round(0)
    await asyncio.sleep(0.5)
    heard = (await demo_calls.sound.report(1)).calls
    for kind, number in counts.items():
        print(kind, number)
    highest = {name: max(sizes[name] for sizes in watched.sizes) for name in watched.pids}
    grown = watched.grown()
    print(f"MB before {watched.before}, grown {grown}, highest {highest}, lag in ms {watched.worst_lag_ms}")

    async with SocketPhone(demo.url, LATE, PASSWORD) as phone:
        await demo_calls.call(phone)
    await demo_calls.end()
    left = await is_quiet(demo, tasks=tasks)
    print(f"MB after {watched.weigh()}, tasks {tasks} before, {left} after, fresh calls {demo_calls.fresh}")

    assert {name: demo.pid(name) for name in names} == pids
    assert demo.supervisor.poll() is None
    assert troubles(demo) == []
    demo_calls.assert_kept_their_sound(heard)
    assert demo_calls.fresh >= (rates.seconds // EVERY_S if full else 1)
    assert {name: growth for name, growth in grown.items() if growth > GROWTH_MB} == {}
