"""Load (L1, in part): many calls a second, and many at once with sound."""

import asyncio

import pytest

from tests.accept.conftest import OUTSIDE, Site, SoundingCalls
from tests.accept.sounding_provider import descriptors
from tests.pbx import ECHO_NUMBER

pytestmark = [pytest.mark.quick, pytest.mark.timeout(900)]


def open_descriptors(site: Site) -> dict[str, int]:
    return {name: descriptors(site.pbx.pid(name)) for name in ("switch", "worker-0a", "worker-1a")}


def assert_none_left(site: Site, before: dict[str, int]) -> None:
    """A leak is one descriptor a call or more; a pool may have grown by a few."""
    now = open_descriptors(site)
    assert all(now[name] <= before[name] + 5 for name in before), f"{before} became {now}"


async def test_a_thousand_calls_in_at_fifty_a_second_fail_none_and_leave_nothing(site: Site, full: bool) -> None:
    await asyncio.to_thread(site.calls("call_and_hang_up", ECHO_NUMBER, calls=20, rate=20).wait)  # everything is loaded
    await site.pbx.is_empty()
    before = open_descriptors(site)
    calls, rate = (1000, 50) if full else (150, 25)
    caller = site.calls("call_and_hang_up", ECHO_NUMBER, calls=calls, rate=rate, hold="1000")
    counts = await asyncio.to_thread(caller.wait, seconds=calls / rate + 60)
    assert (counts.successful, counts.failed, counts.current) == (calls, 0, 0), counts.unexpected[-2000:]
    await site.pbx.is_empty()
    assert_none_left(site, before)


async def test_three_hundred_calls_out_fail_none_and_leave_nothing(site: Site, full: bool) -> None:
    provider = site.takes("answer")
    calls = 300 if full else 30
    async with site.anna() as anna:
        before: dict[str, int] = {}
        for number in range(calls):
            leg = await anna.dial(OUTSIDE)
            await anna.until(leg, "answered")
            await anna.hang_up(leg)
            ended = await anna.until(leg, "ended")
            assert ended["cause"] == "normal", f"call {number}: {ended}"
            del anna.calls[leg]
            await asyncio.sleep(0.1)  # a socket may send 20 commands a second
            if number == 4:
                await site.pbx.is_empty()
                before = open_descriptors(site)
        await provider.has_done(calls)
        await site.pbx.is_empty()
        assert_none_left(site, before)
    assert provider.stop().failed == 0


async def test_thirty_calls_with_sound_lose_no_packet(sounding_calls: SoundingCalls, full: bool) -> None:
    calls, seconds = (30, 180) if full else (8, 10)
    await sounding_calls.add(calls)
    await asyncio.sleep(1)
    sent, lost = await sounding_calls.lost(1, seconds=seconds)
    pbx = sounding_calls.site.pbx
    lags = [(await pbx.worker_status(f"worker-{index}a"))["loop_lag_ms"] for index in range(pbx.workers)]
    print(f"{calls} calls, {sent} packets, {lost} lost, worker lag {lags}")
    assert sent > calls * seconds * 90
    assert lost == 0
    if full:  # how late a loop is in ten seconds says more of the machine than of us
        assert all(lag["p99"] < 10 for lag in lags)
    await sounding_calls.hang_up()
    await sounding_calls.site.pbx.is_empty()
