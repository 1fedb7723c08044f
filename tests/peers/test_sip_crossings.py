"""Messages that cross on their way or come twice, scripted with sipp: each as RFC 3261 and RFC 5407 say."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from tests.peers.stack_house import HERE, SCENARIOS, SDP, House, Serve, free_port, house, sipp, wait_for_port
from webpbx.sip.network import Ended, Progress, Session

pytestmark = pytest.mark.peer

Deed = Callable[[Session], Coroutine[None, None, None]]


def serving(deed: Deed) -> Serve:
    """Answer, do the deed once the ACK is here, and see the call through."""

    async def serve(us: House, session: Session) -> None:
        await session.ring()
        await session.answer(SDP)
        await deed(session)
        await us.drain_events(session)

    return serve


async def nothing(session: Session) -> None:
    _ = session


async def hang_up(session: Session) -> None:
    await session.hang_up()


async def reinvite(session: Session) -> None:
    assert b"m=audio" in await session.reinvite(SDP)


@pytest.mark.parametrize(
    ("scenario", "deed", "by"),
    [
        ("uac_cancel_crosses_200", nothing, "remote"),
        ("uac_invite_repeated", nothing, "remote"),
        ("uac_bye_repeated", nothing, "remote"),
        ("uac_late_ack", nothing, "remote"),
        ("uac_bye_crosses_bye", hang_up, "local"),
        ("uac_reinvite_crosses_reinvite", reinvite, "remote"),
    ],
)
async def test_sipp_calls_and_messages_cross(tmp_path: Path, scenario: str, deed: Deed, by: str) -> None:
    calls = 5
    async with house(serving(deed)) as us:
        place = f"{HERE}:{us.network.address[1]}"
        file = str(SCENARIOS / f"{scenario}.xml")
        async with sipp(tmp_path, "-sf", file, "-nr", "-m", str(calls), "-r", "10", "-s", "100", place):
            pass
        await asyncio.sleep(0.05)
    assert [ended.by for ended in us.ended] == [by] * calls
    assert us.network.counters["now", "dialogs"] == 0


async def test_a_200_that_crosses_our_cancel_is_acknowledged_and_the_call_ended(tmp_path: Path) -> None:
    port = free_port()
    scenario = str(SCENARIOS / "uas_200_crosses_cancel.xml")
    async with house() as us, sipp(tmp_path, "-sf", scenario, "-nr", "-p", str(port), "-m", "1"):
        await wait_for_port(us, port)
        session = await us.call(port)
        assert isinstance(await session.next_event(), Progress)
        await session.hang_up()
        assert await us.drain_events(session) == [Ended(487, "", "local", None)]
