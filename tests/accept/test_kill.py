"""Processes that die (R8, R9, in part): what is heard, what is said, and that the next call works."""

import asyncio
import time

import pytest

from tests.accept.conftest import Site, SoundingCalls
from tests.pbx import ECHO_NUMBER, until

pytestmark = [pytest.mark.quick, pytest.mark.timeout(300)]


async def next_call_works(site: Site) -> None:
    """Call in until it works: right after a restart a call may be told to try again."""
    for _ in range(20):
        counts = await asyncio.to_thread(site.calls("call_and_hang_up", ECHO_NUMBER, calls=1, rate=1).wait)
        if counts.successful == 1:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(counts.unexpected)


async def test_the_death_of_a_media_worker_ends_its_calls_by_name_and_no_others(sounding_calls: SoundingCalls) -> None:
    site, anna = sounding_calls.site, sounding_calls.anna
    await sounding_calls.add(2)  # each worker is given the next call when it has fewer
    used = {}
    for index in range(site.pbx.workers):
        used[index] = (await site.pbx.worker_status(f"worker-{index}a"))["legs"]["rtp"]
    victim = next(index for index, legs in used.items() if legs)
    former = site.pbx.pid(f"worker-{victim}a")
    site.pbx.kill(f"worker-{victim}a")
    ended = await anna.shows(lambda call: call["state"] == "ended", "a call that lost its sound")
    assert ended["cause"] == "media_lost"
    until(lambda: site.pbx.pid(f"worker-{victim}a") != former, "the worker is back")
    still_up = [call for call in anna.calls.values() if call["state"] == "answered"]
    assert len(still_up) == 2 - used[victim]
    await next_call_works(site)


async def test_the_sound_goes_on_while_the_switch_is_dead_and_back(sounding_calls: SoundingCalls) -> None:
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
    assert took < 3, "the switch must be back within 3 s"
    assert lost == 0
    await next_call_works(site)


async def test_the_death_of_the_supervisor_is_heard_by_nobody_and_the_next_one_takes_over(
    sounding_calls: SoundingCalls,
) -> None:
    site = sounding_calls.site
    await sounding_calls.add(2)
    names = ("switch", "worker-0a", "worker-1a")
    pids = {name: site.pbx.pid(name) for name in names}
    counting = asyncio.create_task(sounding_calls.lost(1, seconds=5))
    await asyncio.sleep(0.2)
    site.pbx.kill("supervisor")
    await asyncio.to_thread(site.pbx.serve)
    sent, lost = await counting
    assert (lost, sent > 500) == (0, True)
    assert {name: site.pbx.pid(name) for name in names} == pids
    await sounding_calls.hang_up()
    await next_call_works(site)


async def test_all_killed_at_once_serve_again_and_close_what_was_up(sounding_calls: SoundingCalls) -> None:
    site = sounding_calls.site
    await sounding_calls.add(1)
    for name in ("supervisor", "switch", "worker-0a", "worker-1a"):
        site.pbx.kill(name)
    await asyncio.to_thread(site.pbx.serve)
    await next_call_works(site)
    await site.is_empty()
