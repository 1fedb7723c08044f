"""SIPp as a provider that is known by its address: calls in and out, and each way in which they fail."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Company
from tests.pbx import ECHO_NUMBER, PASSWORD, Pbx
from tests.peers.sipp import EVER, Sipp
from tests.socket_phone import SocketPhone

OUTSIDE = "030 12345678"


@dataclass
class Line:
    """A company with a trunk to a provider at `port`."""

    pbx: Pbx
    port: int
    folder: Path

    def calls(self, scenario: str, number: str, *, calls: int = 1, **words: str) -> Sipp:
        """Have the provider call in."""
        remote = f"127.0.0.1:{self.pbx.sip_port}"
        return Sipp(scenario, folder=self.folder, remote=remote, number=number, calls=calls, words=words)

    def takes(self, scenario: str, **words: str) -> Sipp:
        """Have the provider take calls."""
        remote = f"127.0.0.1:{self.pbx.sip_port}"
        return Sipp(scenario, folder=self.folder, remote=remote, port=self.port, calls=EVER, words=words)

    def anna(self) -> SocketPhone:
        return SocketPhone(self.pbx.url, "anna", PASSWORD)


@pytest.fixture
async def line(pbx: Pbx, tmp_path: Path, company_with_trunk: Company) -> AsyncIterator[Line]:
    """Give a served company with a trunk; after the test no leg, call or transaction may be left."""
    pbx.take(company_with_trunk.data)
    pbx.serve()
    yield Line(pbx, company_with_trunk.port, tmp_path)
    await pbx.is_empty()


async def test_calls_in_reach_the_echo(line: Line) -> None:
    caller = line.calls("call_and_hang_up", ECHO_NUMBER, calls=10)
    counts = await asyncio.to_thread(caller.wait)
    assert (counts.successful, counts.failed) == (10, 0), counts.unexpected


@pytest.mark.parametrize(
    ("number", "status"),
    [("+4930555999", "404"), ("12", "404"), ("+4930555101", "480"), ("+49301234567", "404")],
    ids=["a number of no one", "no number", "nobody on duty", "no way through to outside"],
)
async def test_a_call_in_that_leads_nowhere_is_refused_as_what_it_is(line: Line, number: str, status: str) -> None:
    counts = await asyncio.to_thread(line.calls("call_and_be_refused", number, status=status).wait)
    assert (counts.successful, counts.failed) == (1, 0), counts.unexpected


async def test_a_caller_who_gives_up_stops_the_ringing(line: Line) -> None:
    async with line.anna() as anna:
        await anna.go_on_duty()
        caller = line.calls("call_and_cancel", "+4930555101", hold="500")
        call = await anna.rings()
        assert call["outside"]
        assert call["number"] == "+4930999001"
        assert call["name"] == "Otto Outside"
        counts = await asyncio.to_thread(caller.wait)
        ended = await anna.until(call["leg_id"], "ended")
    assert (counts.successful, counts.failed) == (1, 0), counts.unexpected
    assert ended["cause"] == "cancelled"


async def test_a_call_in_is_answered_and_hung_up_by_the_user(line: Line) -> None:
    async with line.anna() as anna:
        await anna.go_on_duty()
        caller = line.calls("call_and_be_hung_up", "+4930555101")
        leg = (await anna.rings())["leg_id"]
        await anna.answer(leg)
        await anna.until(leg, "answered")
        await anna.hang_up(leg)
        ended = await anna.until(leg, "ended")
        counts = await asyncio.to_thread(caller.wait)
    assert (counts.successful, counts.failed) == (1, 0), counts.unexpected
    assert ended["cause"] == "normal"


async def test_a_call_in_is_declined_by_the_user(line: Line) -> None:
    async with line.anna() as anna:
        await anna.go_on_duty()
        caller = line.calls("call_and_be_refused", "+4930555101", status="603")
        await anna.hang_up((await anna.rings())["leg_id"])
        counts = await asyncio.to_thread(caller.wait)
    assert (counts.successful, counts.failed) == (1, 0), counts.unexpected


async def test_a_call_out_is_answered_and_hung_up(line: Line) -> None:
    provider = line.takes("answer")
    async with line.anna() as anna:
        leg = await anna.dial(OUTSIDE)
        await anna.until(leg, "answered")
        await anna.hang_up(leg)
        ended = await anna.until(leg, "ended")
    assert ended["cause"] == "normal"
    assert ended["outside"]
    await provider.has_done(1)
    assert provider.stop().failed == 0


@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [
        ("486", "Busy Here", "busy"),
        ("404", "Not Found", "unknown_number"),
        ("480", "Temporarily Unavailable", "unreachable"),
        ("603", "Decline", "declined"),
        ("403", "Forbidden", "trunk_refused"),
    ],
)
async def test_a_refusal_of_the_provider_reaches_the_user_as_what_it_is(
    line: Line, status: str, reason: str, cause: str
) -> None:
    provider = line.takes("refuse", status=status, reason=reason)
    async with line.anna() as anna:
        leg = await anna.dial(OUTSIDE)
        ended = await anna.until(leg, "ended")
    assert (ended["cause"], ended["sip_status"]) == (cause, int(status))
    await provider.has_done(1)
    assert provider.stop().failed == 0


async def test_a_user_who_gives_up_stops_the_ringing_outside(line: Line) -> None:
    provider = line.takes("ring_until_cancelled")
    async with line.anna() as anna:
        leg = await anna.dial(OUTSIDE)
        await anna.until(leg, "ringing")
        await anna.hang_up(leg)
        ended = await anna.until(leg, "ended")
    assert ended["cause"] == "cancelled"
    await provider.has_done(1)
    assert provider.stop().failed == 0


async def test_an_emergency_call_goes_out_past_every_cap_and_else_names_another_telephone(line: Line) -> None:
    async with line.anna() as anna:
        alone = await anna.until(await anna.dial("112"), "ended", seconds=40)
        assert alone["emergency"]
        assert alone["cause"] == "emergency_no_trunk"
        provider = line.takes("answer")
        leg = await anna.dial("112")
        call = await anna.until(leg, "answered")
        assert call["emergency"]
        await anna.hang_up(leg)
        await anna.until(leg, "ended")
    await provider.has_done(1)
    provider.stop()
