"""Calls that come round: each hop is counted, and a loop ends."""

import asyncio
from dataclasses import replace

import pytest

from tests.endpoints.site import BERLIN, CARLA, OUR_DID, SDP, a_site, ended, event_of
from tests.endpoints.switchboard import Switchboard, Telephone, a_switchboard
from webpbx.sip.headers import NameAddr
from webpbx.sip.identity import HOPS_HEADER, diversion_headers, diverted, read_identity
from webpbx.sip.message import Request
from webpbx.sip.session_events import Ended, Progress
from webpbx.sip.session_face import Session
from webpbx.sip.uri import SipUri

FIVE = {"Diversion": "<sip:4915112345678@provider.test>;reason=unconditional;counter=5"}
SIX = {"Diversion": "<sip:4915112345678@provider.test>;reason=unconditional;counter=6"}
SIX_BY_HISTORY = {
    "History-Info": ", ".join(f"<sip:{at}@provider.test?Reason=SIP%3Bcause%3D302>;index={at}" for at in range(1, 8))
}


def forwards(request: Request | None) -> str | None:
    return request.get("Max-Forwards") if request is not None else None


async def sends_on(telephone: Telephone, call: Session, *, names_itself: bool) -> Session:
    """Send a call on as a forwarding telephone does, which may say so and passes nobody's own headers on."""
    request = call.request
    assert request is not None
    headers = {}
    if names_itself:
        by = NameAddr(SipUri("127.0.0.1", user=telephone.username))
        headers = diversion_headers(diverted(read_identity(request), by, limit=99))
        del headers[HOPS_HEADER]
    left = 70 if names_itself else int(request.get("Max-Forwards") or "70")
    return await telephone.dial(BERLIN, headers=headers, max_forwards=left)


async def goes_round(board: Switchboard, *, forwards: int, names_itself: bool) -> tuple[int, int | None]:
    """Let a telephone send on each call that comes back; give how many went out, and how the last was refused."""
    exchange = board.office.exchange
    tenant = replace(exchange.snapshot.tenant, max_outside_calls_per_user=50)
    exchange.use(replace(exchange.snapshot, tenant=tenant))
    invited = await board.provider(max_calls=30)
    telephone = await board.telephone("anna")
    sessions, out = [await telephone.dial(BERLIN, max_forwards=forwards)], 0
    status = None
    while status is None:
        came_out = asyncio.ensure_future(invited.get())
        refused = asyncio.ensure_future(ended(sessions[-1]))
        await asyncio.wait({came_out, refused}, return_when=asyncio.FIRST_COMPLETED)
        if refused.done():
            status = refused.result().status
        else:
            out += 1
            refused.cancel()
            sessions.append(await sends_on(telephone, came_out.result(), names_itself=names_itself))
        came_out.cancel()
    for session in sessions[:-1]:
        await session.hang_up()
    await board.office.quiet()
    return out, status


async def test_a_call_that_comes_back_again_and_again_ends_when_its_hops_are_spent() -> None:
    async with a_switchboard() as board:
        assert await goes_round(board, forwards=3, names_itself=False) == (3, 483)


async def test_a_call_that_comes_back_as_diverted_ends_after_five_times_whatever_max_forwards_says() -> None:
    async with a_switchboard() as board:
        assert await goes_round(board, forwards=70, names_itself=True) == (6, 483)


@pytest.mark.parametrize("headers", [SIX, SIX_BY_HISTORY, {HOPS_HEADER: "6"}], ids=["Diversion", "History", "ours"])
async def test_a_provider_s_call_that_was_sent_on_too_often_is_refused(headers: dict[str, str]) -> None:
    async with a_site() as site:
        site.office.phone("101")
        session = await site.provider.call(OUR_DID, site.network, headers=headers)
        assert (await ended(session)).status == 483
        assert not site.office.exchange.calls


async def test_a_provider_s_call_without_a_hop_left_is_refused() -> None:
    async with a_site() as site:
        site.office.phone("101")
        session = await site.provider.call(OUR_DID, site.network, caller=CARLA, max_forwards=0)
        assert (await ended(session)).status == 483
        assert not site.office.exchange.calls


async def test_a_telephone_s_call_without_a_hop_left_is_refused_and_one_with_one_left_rings() -> None:
    async with a_switchboard() as board:
        telephone = await board.telephone("anna")
        assert (await ended(await telephone.dial("102", max_forwards=0))).status == 483
        bert = board.office.phone("102")
        session = await telephone.dial("102", max_forwards=1)
        await bert.rings()
        await session.hang_up()
        await board.office.quiet()


async def test_a_call_for_help_goes_out_however_often_it_was_sent_on() -> None:
    async with a_switchboard() as board:
        invited = await board.provider()
        telephone = await board.telephone("anna")
        session = await telephone.dial("112", headers=SIX, max_forwards=0)
        assert forwards((await invited.get()).request) == "70"
        await session.hang_up()
        await board.office.quiet()


async def test_a_provider_s_call_reaches_the_telephone_with_one_hop_less_and_its_count_alone() -> None:
    async with a_switchboard() as board:
        await board.provider()
        telephone = await board.telephone("anna")
        provider = await board.telephone("bert", registered=False)
        calling = await provider.network.invite(
            target=SipUri("127.0.0.1", user=OUR_DID),
            proxies=[provider.pbx],
            from_=CARLA,
            to=NameAddr(SipUri("127.0.0.1", user=OUR_DID)),
            sdp=SDP,
            headers=FIVE,
            max_forwards=9,
        )
        session = await telephone.rings()
        request = session.request
        assert request is not None
        assert (forwards(request), read_identity(request).hops) == ("8", 5)
        assert "4915112345678" not in (request.get("Diversion") or "")
        await session.ring()
        assert (await event_of(calling, Progress)).status == 180
        await calling.hang_up()
        await event_of(calling, Ended)
        await board.office.quiet()
