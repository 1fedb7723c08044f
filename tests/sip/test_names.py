"""Calls to a provider that is known by name, with the name server there and gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.sip.name_server import NameServer, name_server
from tests.sip.wire import ANSWER, OFFER
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Answered, Peer, Session, SipNetwork, Way
from webpbx.sip.uri import SipUri

HERE = "127.0.0.1"


async def call(us: SipNetwork, *proxies: Way) -> Session:
    return await us.invite(
        target=SipUri("prov.example", "100"),
        proxies=proxies,
        from_=NameAddr(SipUri("example.com", "anna")),
        to=NameAddr(SipUri("prov.example", "100")),
        sdp=OFFER,
    )


@asynccontextmanager
async def pair(
    names: NameServer, *, lifetime: float = 5.0
) -> AsyncIterator[tuple[SipNetwork, SipNetwork, asyncio.Queue[Session]]]:
    """Give us, them, and the calls that came to either."""
    calls: asyncio.Queue[Session] = asyncio.Queue()
    us, them = [
        await SipNetwork.open(
            listen=(HERE, 0),
            identify=lambda _flow, _request: Peer("peer"),
            on_invite=calls.put_nowait,
            trusted=lambda _: True,
            name_servers=names.servers(lifetime=lifetime),
        )
        for _ in range(2)
    ]
    try:
        yield us, them, calls
    finally:
        await us.close()
        await them.close()


async def talk_and_hang_up(ours: Session, calls: asyncio.Queue[Session]) -> None:
    await (await calls.get()).answer(ANSWER)
    while not isinstance(await ours.next_event(), Answered):
        pass
    await ours.hang_up()


async def test_a_provider_known_by_name_is_called_through_srv_and_still_when_the_name_server_is_gone() -> None:
    async with name_server() as names, pair(names) as (us, them, calls):
        port = them.address[1]
        names.zone = [f"_sip._udp.prov.example 5 SRV 1 1 {port} a.prov.example.", "a.prov.example 5 A 127.0.0.1"]
        for _ in range(3):
            await talk_and_hang_up(await call(us, Way("prov.example")), calls)
            names.kill()


@pytest.mark.process
async def test_a_silent_name_server_holds_up_no_other_call_and_no_second_proxy() -> None:
    async with name_server() as names, pair(names, lifetime=0.5) as (us, them, calls):
        names.silent = True
        here = Way(*them.address)
        waiting = asyncio.create_task(call(us, Way("never.example"), here))
        while not names.asked:  # noqa: ASYNC110 - looks into the other side
            await asyncio.sleep(0.001)
        await talk_and_hang_up(await call(us, here), calls)
        assert not waiting.done()
        await talk_and_hang_up(await waiting, calls)
