"""Kamailio between us and sipp: every request within a call follows the route set, whoever sends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.peers.first_proxies import listens
from tests.peers.kamailio import kamailio
from tests.peers.stack_house import HERE, SCENARIOS, SDP, free_port, sipp
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Answered, Ended, Peer, Progress, Reoffered, Session, SipNetwork, Way
from webpbx.sip.uri import SipUri

pytestmark = pytest.mark.peer

TRANSPORTS = [("UDP", "UDP"), ("TCP", "TCP"), ("UDP", "TCP"), ("TCP", "UDP")]
"""Ours to the proxy, and the proxy's to sipp; where they differ it records itself twice."""
ENDINGS = ["hangs_up", "is_hung_up"]
PASSED = ["INVITE", "ACK within", *["INVITE within", "ACK within"] * 2, "BYE within"]


@asynccontextmanager
async def stack() -> AsyncIterator[tuple[SipNetwork, asyncio.Queue[Session]]]:
    calls: asyncio.Queue[Session] = asyncio.Queue()
    network = await SipNetwork.open(
        listen=[("UDP", HERE, 0), ("TCP", HERE, 0)],
        identify=lambda _flow, _request: Peer("provider"),
        on_invite=calls.put_nowait,
        trusted=lambda host: host == HERE,
    )
    try:
        yield network, calls
        while network.core.dialogs:  # noqa: ASYNC110 - the answer to our BYE is under way
            await asyncio.sleep(0.01)
    finally:
        await network.close()


def mode(transport: str) -> str:
    return "u1" if transport == "UDP" else "t1"


async def change_and_end(session: Session, ending: str) -> None:
    """Change the session from our side, then from theirs, then end it as the other side expects."""
    assert b"m=audio" in (await session.reinvite(SDP) or b"")
    assert isinstance(event := await session.next_event(), Reoffered)
    assert b"m=audio" in (event.sdp or b"")
    await session.accept_reoffer(SDP)
    if ending == "is_hung_up":
        await session.hang_up()
    ended = await session.next_event()
    assert isinstance(ended, Ended)
    assert ended.by == ("local" if ending == "is_hung_up" else "remote")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("ours", "theirs"), TRANSPORTS)
async def test_a_call_out_follows_the_route_set(tmp_path: Path, ours: str, theirs: str, ending: str) -> None:
    port = free_port()
    scenario = str(SCENARIOS / f"proxied_called_{ending}.xml")
    async with (
        kamailio(tmp_path, next_hop=f"sip:{HERE}:{port};transport={theirs.lower()}") as proxy,
        stack() as (network, _),
        sipp(tmp_path, "-t", mode(theirs), "-sf", scenario, "-p", str(port), "-m", "1") as peer,
    ):
        await listens(port)
        session = await network.invite(
            target=SipUri(HERE, "100", proxy.port),
            proxies=[Way(HERE, proxy.port, ours)],
            from_=NameAddr(SipUri("example.com", "anna")),
            to=NameAddr(SipUri(HERE, "100")),
            sdp=SDP,
        )
        while isinstance(event := await session.next_event(), Progress):
            assert event.status == 180
        assert isinstance(event, Answered)
        await change_and_end(session, ending)
        assert await peer.wait() == 0
        assert sorted(proxy.said) == sorted(PASSED)  # a BYE may overtake the other side's ACK


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("ours", "theirs"), TRANSPORTS)
async def test_a_call_in_follows_the_route_set(tmp_path: Path, ours: str, theirs: str, ending: str) -> None:
    scenario = str(SCENARIOS / f"proxied_calls_{ending}.xml")
    async with stack() as (network, calls):
        us = f"sip:{HERE}:{network.addresses[ours][1]};transport={ours.lower()}"
        async with (
            kamailio(tmp_path, next_hop=us) as proxy,
            sipp(
                *(tmp_path, "-t", mode(theirs), "-sf", scenario, "-p", str(free_port()), "-m", "1"),
                *("-s", "100", f"{HERE}:{proxy.port}"),
            ) as peer,
        ):
            session = await calls.get()
            assert session.request is not None
            assert len(session.request.vias) == 2
            await session.ring()
            await session.answer(SDP)
            await change_and_end(session, ending)
            assert await peer.wait() == 0
            assert sorted(proxy.said) == sorted(PASSED)  # a BYE may overtake the other side's ACK
