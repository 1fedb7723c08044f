"""The switch dies while people talk, and another takes their calls up; the worker and the provider live on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.endpoints.desk import Desk
from tests.endpoints.site import BERLIN, OUR_DID, Provider, event_of
from tests.endpoints.tab import Tab
from tests.media.peers import Bench, Trunk, eventually
from tests.phone import Office, RealMedia
from webpbx.calls.restore import Restored, restore
from webpbx.endpoints.trunks import Trunks
from webpbx.model.cause import Cause
from webpbx.sip.network import SipNetwork
from webpbx.sip.session_events import Answered, Ended, Progress
from webpbx.sip.session_face import Session
from webpbx.sip.settings import Peer

pytestmark = pytest.mark.process


class Switch:
    """One life of the switch."""

    def __init__(self, folder: Path, epoch: int, rows: dict[str, dict[str, Any]]) -> None:
        self.media = RealMedia(folder, epoch=epoch)
        self.office = Office(self.media)
        self.office.live_calls.rows = rows
        self.trunks = Trunks(self.office.exchanges, self.office.emit, media_address="127.0.0.1")
        self.desk = Desk(self.office)

    async def start(self, provider: Provider, port: int = 0) -> Restored:
        await self.media.start()
        await eventually(self.media.choose, "the worker is ready")
        await self.office.open()
        self.network = await SipNetwork.open(
            listen=("127.0.0.1", port),
            identify=self.trunks.identify,
            on_invite=self.trunks.on_invite,
            persist=self.trunks.persist,
            trusted=self.trunks.trusted,
        )
        proxy = f"127.0.0.1:{provider.network.address[1]}"
        main = replace(self.office.snapshot.trunks["main"], proxies=(proxy,))
        self.office.exchange.use(replace(self.office.snapshot, trunks={"main": main}))
        self.office.exchange.lines.clear()
        self.trunks.start(self.network)
        await self.trunks.use(self.office.exchange)
        return await restore(
            self.office.live_calls,
            exchanges=self.office.exchanges,
            revivers={"browser": self.desk.phones, "trunk": self.trunks},
            hellos=self.media.hellos,
            media=self.media,
        )

    async def die(self) -> dict[str, dict[str, Any]]:
        """Fall silent towards everybody at once, and give what was written."""
        written = dict(self.office.live_calls.rows)
        await self.network.close()
        await self.media.close()
        await self.close()
        return written

    async def close(self) -> None:
        await self.office.close()
        await self.trunks.close()
        await self.network.close()
        await self.media.close()


class World:
    """What outlives the switch."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.folder = folder
        self.provider = provider
        self.switch = Switch(folder, 1, {})

    async def restart(self) -> Restored:
        port = self.switch.network.address[1]
        rows = await self.switch.die()
        self.switch = Switch(self.folder, 2, rows)
        return await self.switch.start(self.provider, port)

    async def quiet(self) -> None:
        await self.switch.office.quiet()
        await eventually(lambda: not self.switch.media.workers["0a"].legs, "the worker has no leg left")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_provider() as provider:
        bench = Bench(tmp_path)
        await bench.start_worker()
        world = World(tmp_path, provider)
        try:
            await world.switch.start(provider)
            yield world
        finally:
            await world.switch.close()
            await bench.end_worker()


@asynccontextmanager
async def a_provider() -> AsyncIterator[Provider]:
    invited: asyncio.Queue[Session] = asyncio.Queue()
    network = await SipNetwork.open(
        listen=("127.0.0.1", 0), identify=lambda _flow, _request: Peer("webpbx"), on_invite=invited.put_nowait
    )
    try:
        yield Provider(network, invited)
    finally:
        await network.close()


async def call_out(world: World, far: Trunk) -> tuple[Tab, Session]:
    anna = Tab(world.switch.desk, "anna", 600)
    await anna.dial(BERLIN)
    session = await world.provider.invited.get()
    assert session.remote_sdp is not None
    far.talk(session.remote_sdp.decode())
    await session.answer(far.sdp().encode())
    return anna, session


async def call_in(world: World, far: Trunk) -> tuple[Tab, Session]:
    anna = Tab(world.switch.desk, "anna", 600)
    session = await world.provider.call(OUR_DID, world.switch.network, sdp=far.sdp().encode())
    await event_of(session, Progress)
    await anna.take()
    answered = await event_of(session, Answered)
    far.talk(answered.sdp.decode())
    return anna, session


@pytest.mark.parametrize("begin", [call_out, call_in])
async def test_a_call_with_the_outside_goes_on_through_the_death_of_the_switch(
    world: World, begin: Callable[[World, Trunk], Awaitable[tuple[Tab, Session]]]
) -> None:
    far = await Trunk("PCMA", 1000).open()
    anna, session = await begin(world, far)
    await anna.hears(1000)
    await eventually(lambda: far.hears(600), "the far side hears the tab")
    restored = await world.restart()
    assert (restored.taken_up, restored.ended) == (1, 0)
    desk = world.switch.desk
    device = desk.open("anna", tab="t1")
    (call,) = desk.calls("anna")
    assert (call.leg_id, call.state, call.attach) == (anna.leg_id, "answered", "open")
    anna.browser.heard.clear()
    far.packets.clear()
    await anna.hears(1000)
    await eventually(lambda: far.hears(600), "the far side still hears the tab")
    await device.hang_up(anna.leg_id)
    end = await event_of(session, Ended)
    assert (end.by, end.q850) == ("remote", 16)
    await world.quiet()
    (record,) = world.switch.office.records()
    assert (record.outcome, record.trunk_id) == ("answered", "main")
    assert (record.route_id, record.did) == (("r1", None) if record.direction == "out" else (None, OUR_DID))
    await asyncio.gather(anna.browser.close(), far.close())


async def test_the_far_side_can_end_a_call_that_was_taken_up(world: World) -> None:
    far = await Trunk("PCMA", 1000).open()
    anna, session = await call_out(world, far)
    await anna.hears(1000)
    await world.restart()
    await session.hang_up()
    assert (await world.switch.desk.sees("anna", "ended")).cause is Cause.NORMAL
    await world.quiet()
    await asyncio.gather(anna.browser.close(), far.close())


async def test_two_tabs_go_on_talking_and_a_reload_works_after_the_restart(world: World) -> None:
    anna, bert = Tab(world.switch.desk, "anna", 500), Tab(world.switch.desk, "bert", 900)
    await anna.dial("102")
    await bert.take()
    await anna.hears(900)
    restored = await world.restart()
    assert restored.taken_up == 1
    desk = world.switch.desk
    desk.open("bert")
    await anna.browser.close()
    reloaded = Tab(desk, "anna", 700, tab="t2")
    reloaded.leg_id = anna.leg_id
    await reloaded.attach(generation=2)
    await asyncio.gather(reloaded.hears(900), bert.hears(700))
    await reloaded.endpoint.hang_up(reloaded.leg_id)
    await world.quiet()
    await asyncio.gather(reloaded.browser.close(), bert.browser.close())


async def test_a_ringing_call_ends_cleanly_and_by_that_name(world: World) -> None:
    desk = world.switch.desk
    desk.open("anna")
    far = await Trunk("PCMA", 1000).open()
    session = await world.provider.call(OUR_DID, world.switch.network, sdp=far.sdp().encode())
    await event_of(session, Progress)
    restored = await world.restart()
    assert (restored.taken_up, restored.ended) == (0, 1)
    assert (await event_of(session, Ended)).status == 503
    await world.quiet()
    (record,) = world.switch.office.records()
    assert (record.outcome, record.cause) == ("interrupted", Cause.RESTARTED)
    await far.close()


async def test_a_call_that_rings_outside_is_cancelled_there(world: World) -> None:
    anna = Tab(world.switch.desk, "anna", 500)
    await anna.dial(BERLIN)
    session = await world.provider.invited.get()
    await session.ring()
    await anna.hears(425)
    await world.restart()
    assert (await event_of(session, Ended)).status == 487
    await world.quiet()
    await anna.browser.close()


async def test_a_caller_who_heard_himself_is_ended_and_nothing_stays_in_the_worker(world: World) -> None:
    anna = Tab(world.switch.desk, "anna", 500)
    await anna.dial("600")
    await anna.hears(500)
    restored = await world.restart()
    assert (restored.taken_up, restored.ended) == (0, 1)
    await world.quiet()
    assert world.switch.office.records()[0].cause is Cause.RESTARTED
    await anna.browser.close()
