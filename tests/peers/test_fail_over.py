"""A provider with two proxies, sipp or nobody at the first: what the second and the first then hear."""

import socket
from pathlib import Path

import pytest

from tests.peers.first_proxies import REFUSALS, listens, silent
from tests.peers.stack_house import HERE, SCENARIOS, SDP, House, free_port, house, sipp
from webpbx.sip.headers import NameAddr
from webpbx.sip.network import Answered, Ended, Progress, Session, Way
from webpbx.sip.uri import SipUri

pytestmark = pytest.mark.peer

ANSWERS = str(SCENARIOS / "answer.xml")
NEVER = 1000.0


async def call(us: House, *ways: Way, silence: float) -> Session:
    return await us.network.invite(
        target=SipUri("prov.example", "100"),
        proxies=ways,
        from_=NameAddr(SipUri("example.com", "anna")),
        to=NameAddr(SipUri("prov.example", "100")),
        sdp=SDP,
        timeout_100=silence,
    )


async def is_answered(session: Session) -> bool:
    while not isinstance(event := await session.next_event(), Answered | Ended):
        assert isinstance(event, Progress)
    return isinstance(event, Answered)


@pytest.mark.parametrize("first", REFUSALS)
async def test_a_first_proxy_that_refuses_hands_the_call_to_the_second_without_waiting(
    tmp_path: Path, first: str
) -> None:
    port = free_port()
    async with (
        house() as us,
        sipp(tmp_path, "-sf", ANSWERS, "-p", str(port), "-m", "1"),
        REFUSALS[first](tmp_path) as refuses,
    ):
        await listens(port)
        session = await call(us, refuses, Way(HERE, port), silence=NEVER)
        assert await is_answered(session)
        await session.hang_up()
        await us.drain_events(session)


@pytest.mark.parametrize("late", ["uas_late_ringing", "uas_late_answer"])
async def test_a_first_proxy_that_is_late_hears_the_end_while_the_second_has_the_call(
    tmp_path: Path, late: str
) -> None:
    first, second = free_port(), free_port()
    async with (
        house() as us,
        sipp(tmp_path, "-sf", ANSWERS, "-p", str(second), "-m", "1"),
        sipp(tmp_path, "-sf", str(SCENARIOS / f"{late}.xml"), "-p", str(first), "-m", "1") as slow,
    ):
        await listens(first)
        await listens(second)
        session = await call(us, Way(HERE, first), Way(HERE, second), silence=0.2)
        assert await is_answered(session)
        assert await slow.wait() == 0  # it heard CANCEL and ACK, or ACK and BYE
        assert not us.ended
        await session.hang_up()
        await us.drain_events(session)


async def test_a_silent_first_proxy_hands_the_call_to_the_second_and_is_passed_over_next(tmp_path: Path) -> None:
    port = free_port()
    async with house() as us, sipp(tmp_path, "-sf", ANSWERS, "-p", str(port), "-m", "2"), silent() as first:
        await listens(port)
        for silence in (0.2, NEVER):
            session = await call(us, first, Way(HERE, port), silence=silence)
            assert await is_answered(session)
            await session.hang_up()
            await us.drain_events(session)


async def test_retry_after_keeps_the_next_call_from_the_proxy_that_refused(tmp_path: Path) -> None:
    port = free_port()
    async with (
        house() as us,
        sipp(tmp_path, "-sf", ANSWERS, "-p", str(port), "-m", "2"),
        REFUSALS["503 over UDP"](tmp_path) as first,  # takes one call: a second would fail there
    ):
        await listens(port)
        for _ in range(2):
            session = await call(us, first, Way(HERE, port), silence=NEVER)
            assert await is_answered(session)
            await session.hang_up()
            await us.drain_events(session)


async def test_a_network_that_leads_nowhere_is_a_refusal(tmp_path: Path) -> None:
    port = free_port()
    async with house() as us, sipp(tmp_path, "-sf", ANSWERS, "-p", str(port), "-m", "1"):
        await listens(port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HERE, 0))
            with pytest.raises(OSError, match=r"Invalid argument|unreachable"):
                probe.sendto(b"", ("192.0.2.1", 5060))  # loopback leads to no other network
        session = await call(us, Way("192.0.2.1"), Way(HERE, port), silence=NEVER)
        assert await is_answered(session)
        await session.hang_up()
        await us.drain_events(session)
