"""Calls with sound: tabs are aiortc, the provider a SIP stack with a socket for RTP, the worker the real one."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.endpoints.desk import Desk
from tests.endpoints.site import BERLIN, OUR_DID, Site, a_site, event_of
from tests.endpoints.tab import Tab
from tests.media.peers import Bench, Trunk, eventually
from tests.phone import RealMedia
from webpbx.calls.leg import LegState
from webpbx.model.cause import Cause
from webpbx.sip.session_events import Answered, Ended, Progress

pytestmark = pytest.mark.process


@asynccontextmanager
async def a_sounding_site(folder: Path) -> AsyncIterator[tuple[Site, Desk, Bench]]:
    bench = Bench(folder)
    await bench.start_worker()
    media = RealMedia(folder)
    await media.start()
    try:
        await eventually(media.choose, "the worker is ready")
        async with a_site(media=media) as site:
            yield site, Desk(site.office), bench
            await site.office.quiet()
            await eventually(lambda: not media.workers["0a"].legs, "the worker has no leg left")
    finally:
        await media.close()
        await bench.end_worker()


async def test_two_tabs_hear_each_other_and_a_reload_brings_the_sound_back(tmp_path: Path) -> None:
    async with a_sounding_site(tmp_path) as (_, desk, _):
        anna, bert = Tab(desk, "anna", 500), Tab(desk, "bert", 900)
        await anna.dial("102")
        await anna.hears(425)  # the German ringback
        await bert.take()
        await asyncio.gather(anna.hears(900), bert.hears(500))
        desk.close("anna")
        await anna.browser.close()
        reloaded = Tab(desk, "anna", 700, tab="t2")
        assert desk.calls("anna")[0].attach == "needed"
        reloaded.leg_id = anna.leg_id
        await reloaded.attach(generation=2)
        await asyncio.gather(reloaded.hears(900), bert.hears(700))
        await bert.endpoint.hang_up(bert.leg_id)
        await desk.office.quiet()
        await asyncio.gather(reloaded.browser.close(), bert.browser.close())


async def test_the_echo_number_returns_a_tab_s_own_sound_in_opus(tmp_path: Path) -> None:
    async with a_sounding_site(tmp_path) as (_, desk, _):
        anna = Tab(desk, "anna", 600)
        await anna.dial("600")
        await anna.hears(600)
        await anna.endpoint.digits(anna.leg_id, "#")
        await desk.office.quiet()
        leg = desk.office.records()[0].legs[0]
        assert leg.codec == "opus"
        await anna.browser.close()


async def test_a_busy_number_is_heard_as_busy(tmp_path: Path) -> None:
    async with a_sounding_site(tmp_path) as (site, desk, _):
        object.__setattr__(desk.office.exchange.patience, "tone", 60.0)
        object.__setattr__(desk.office.exchange.patience, "attach", 60.0)
        anna = Tab(desk, "anna", 600)
        await anna.dial(BERLIN)
        session = await site.provider.invited.get()
        await session.reject(486)
        await eventually(lambda: desk.calls("anna")[0].cause is Cause.BUSY, "the page knows")
        await anna.hears(425)
        await anna.endpoint.hang_up(anna.leg_id)
        await desk.office.quiet()
        assert desk.office.records()[0].outcome == "busy"
        await anna.browser.close()


async def test_a_tab_talks_to_the_outside_after_early_media_and_keys_arrive_there(tmp_path: Path) -> None:
    async with a_sounding_site(tmp_path) as (site, desk, _):
        anna, far = Tab(desk, "anna", 600), await Trunk("PCMA", 1000).open()
        await anna.dial(BERLIN)
        session = await site.provider.invited.get()
        assert session.remote_sdp is not None
        far.talk(session.remote_sdp.decode())
        await session.ring(sdp=far.sdp().encode())
        await anna.hears(1000)
        assert not far.hears(600)
        await session.answer(far.sdp().encode())
        await eventually(lambda: far.hears(600), "the far side hears the tab")
        await anna.hears(1000)
        await anna.endpoint.digits(anna.leg_id, "5")
        await eventually(lambda: any(packet[1] & 0x7F == 101 for packet in far.packets), "the key arrives")
        await anna.endpoint.hang_up(anna.leg_id)
        await event_of(session, Ended)
        await asyncio.gather(anna.browser.close(), far.close())


async def test_the_outside_calls_a_tab_and_both_hear_each_other(tmp_path: Path) -> None:
    async with a_sounding_site(tmp_path) as (site, desk, _):
        anna, far = Tab(desk, "anna", 600), await Trunk("PCMU", 1000).open()
        session = await site.provider.call(OUR_DID, site.network, sdp=far.sdp().encode())
        await event_of(session, Progress)
        await anna.take()
        answered = await event_of(session, Answered)
        far.talk(answered.sdp.decode())
        await anna.hears(1000)
        await eventually(lambda: far.hears(600), "the far side hears the tab")
        await session.hang_up()
        assert (await desk.sees("anna", "ended")).cause is Cause.NORMAL
        await asyncio.gather(anna.browser.close(), far.close())


async def test_a_worker_that_is_killed_ends_its_calls_and_its_successor_carries_the_next(tmp_path: Path) -> None:
    async with a_sounding_site(tmp_path) as (site, desk, bench):
        anna, far = Tab(desk, "anna", 600), await Trunk("PCMA", 1000).open()
        await anna.dial(BERLIN)
        session = await site.provider.invited.get()
        await session.answer(far.sdp().encode())
        await desk.office.until(lambda: desk.calls("anna")[0].state == LegState.ANSWERED)
        assert bench.process is not None
        os.kill(bench.process.pid, signal.SIGKILL)
        await bench.process.wait()
        assert (await event_of(session, Ended)).q850 == Cause.MEDIA_LOST.q850
        assert (await desk.sees("anna", "ended")).cause is Cause.MEDIA_LOST
        await desk.office.quiet()
        await bench.start_worker()
        await eventually(desk.office.media.choose, "the next worker is ready")
        again = Tab(desk, "anna", 800)
        await again.dial("600")
        await again.hears(800)
        await again.endpoint.hang_up(again.leg_id)
        await desk.office.quiet()
        await asyncio.gather(anna.browser.close(), again.browser.close(), far.close())
