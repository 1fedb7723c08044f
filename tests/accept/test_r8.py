"""The switch dies (R8): what is heard, that calls go on and end as they should, and that the next call works."""

import asyncio
import time
from contextlib import AsyncExitStack, suppress

import pytest

from tests.accept.bridged_calls import BridgedCalls
from tests.accept.conftest import Site, SoundingCalls, next_call_works
from tests.accept.sounding_provider import SoundingProvider
from tests.lean_client import LeanClient

pytestmark = [pytest.mark.quick, pytest.mark.timeout(900)]


async def test_the_sound_goes_on_while_the_switch_is_dead_and_back(
    sounding_calls: SoundingCalls,
    full: bool,
) -> None:
    site = sounding_calls.site
    await sounding_calls.add(2)
    counting = asyncio.create_task(sounding_calls.lost(1, seconds=3))
    await asyncio.sleep(0.5)
    former = site.pbx.pid("switch")
    began = time.monotonic()
    site.pbx.kill("switch")
    while True:
        try:
            await site.pbx.status()
            break
        except OSError:
            await asyncio.sleep(0.02)
    took = time.monotonic() - began
    sent, lost = await counting
    print(f"back after {took:.2f} s; {lost} of {sent} packets lost")
    assert site.pbx.pid("switch") != former
    assert took < 3 or not full
    assert lost == 0
    await next_call_works(site)


async def test_bridged_calls_of_every_kind_go_on_and_end_as_they_should_each_time_the_switch_dies(
    site: Site,
    full: bool,
) -> None:
    kills, tabs, telephones, pairs = (20, 8, 6, 6) if full else (1, 2, 1, 1)
    async with (
        LeanClient() as browsers,
        LeanClient() as phones,
        LeanClient() as trunks,
        SoundingProvider(site.port, trunks) as provider,
        AsyncExitStack() as stack,
    ):
        calls = BridgedCalls(site, browsers, phones, trunks, provider, stack, pairs=pairs)
        await asyncio.to_thread(calls.hire)
        await calls.sign_in()
        worst, packets = 0.0, 0
        for kill in range(1, kills + 1):
            bridged = [await calls.tab_with_trunk() for _ in range(tabs)]
            bridged += [await calls.telephone_with_trunk() for _ in range(telephones)]
            bridged += [await calls.tab_with_tab(number) for number in range(pairs)]
            await calls.counting(kill)
            await asyncio.sleep(0.5)
            site.pbx.kill("switch")
            took = await all_are_back(site, len(bridged))
            await calls.sign_in()
            await asyncio.sleep(1)
            sent, lost = await calls.counted(kill)
            worst, packets = max(worst, took), packets + sent
            print(f"kill {kill}: {len(bridged)} calls back after {took:.2f} s; {lost} of {sent} packets lost")
            assert lost == 0
            assert took < 3 or not full
            for index, call in enumerate(bridged):
                side = index % 2
                await call.hang_up[side]()
                await call.has_ended[1 - side]()
                await call.has_ended[side]()
            await site.pbx.is_empty()
            records = calls.records()
            assert len(records) == kill * len(bridged)
            for outcome, cause, ended_by, talked in records[-len(bridged) :]:
                assert (outcome, cause) == ("answered", "normal")
                assert ended_by in {"caller", "callee"}
                assert talked >= 1
        print(f"{kills} kills: back after {worst:.2f} s at most, {packets} packets, none lost")
        await calls.sign_out()
    assert provider.failures == []


async def all_are_back(site: Site, calls: int) -> float:
    """Wait until the next switch has taken up so many calls; return how long that took, in seconds."""
    began = time.monotonic()
    while True:
        with suppress(OSError):
            if (await site.pbx.status())["calls"] == calls:
                return time.monotonic() - began
        assert time.monotonic() < began + 30, f"the calls are not back: {site.pbx.said()[-2000:]}"
        await asyncio.sleep(0.02)
