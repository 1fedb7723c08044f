"""The SIP stack alone under load (L1, in part): many calls a second, many at once, and calls through 15 % loss."""

import asyncio
import string
from pathlib import Path

import pytest

from tests.lossy_proxy import lossy_proxy
from tests.peers.first_proxies import listens
from tests.peers.stack_house import HERE, SCENARIOS, House, free_port, house, sipp
from webpbx.sip.network import Answered, Ended

pytestmark = [pytest.mark.quick, pytest.mark.timeout(600)]

LOSS = 0.15
TALK_S = 12
"""sipp drops a call whose BYE comes before its ACK: by then 6 ACKs were lost, of a thousand calls in less than one."""
PATIENT = ("-max_invite_retrans", "20", "-max_non_invite_retrans", "20", "-max_retrans", "20")


def scenario(folder: Path, name: str, **words: str) -> str:
    path = folder / f"{name}.xml"
    path.write_text(string.Template((SCENARIOS / path.name).read_text()).safe_substitute(words))
    return str(path)


async def nothing_is_left(us: House) -> None:
    while us.network.core.dialogs or us.kept:  # noqa: ASYNC110 - the last BYEs are under way
        await asyncio.sleep(0.05)


async def call_in(
    us: House, folder: Path, *, calls: int, rate: float, hold_ms: int, port: int, more: tuple[str, ...] = ()
) -> int:
    """Have sipp call; return how many calls were up at most."""
    most = 0
    file = scenario(folder, "call_through_loss", hold=str(hold_ms))
    arguments = ("-sf", file, "-s", "100", "-m", str(calls), "-r", f"{rate:g}", "-l", "5000", *more, f"{HERE}:{port}")
    async with sipp(folder, *arguments) as process:
        while process.returncode is None:
            most = max(most, us.network.core.dialogs)
            await asyncio.sleep(0.02)
    await nothing_is_left(us)
    assert [ended.by for ended in us.ended] == ["remote"] * calls
    return most


async def test_three_thousand_calls_in_at_two_hundred_a_second_fail_none(tmp_path: Path, full: bool) -> None:
    calls, rate = (3000, 200) if full else (150, 50)
    async with house() as us:
        await call_in(us, tmp_path, calls=calls, rate=rate, hold_ms=200, port=us.network.address[1])
        counters = us.network.counters
        print(f"{calls} calls at {rate}/s, {counters['request_in', 'INVITE']} INVITEs")
        assert counters.get(("dropped", "overload"), 0) == 0


async def test_four_hundred_calls_at_once(tmp_path: Path, full: bool) -> None:
    calls, rate, hold = (400, 100, 8000) if full else (50, 50, 2000)
    async with house() as us:
        most = await call_in(us, tmp_path, calls=calls, rate=rate, hold_ms=hold, port=us.network.address[1])
    print(f"{most} calls were up at once")
    assert most == calls


async def test_three_hundred_calls_in_through_loss_all_complete(tmp_path: Path, full: bool) -> None:
    calls, rate = (300, 20) if full else (20, 10)
    async with house() as us, lossy_proxy(us.network.address, loss=LOSS, seed=1) as proxy:
        await call_in(us, tmp_path, calls=calls, rate=rate, hold_ms=TALK_S * 1000, port=proxy.port, more=PATIENT)
        print(f"{proxy.lost} of {proxy.lost + proxy.passed} datagrams were lost")
        assert proxy.lost > calls * 6 * LOSS / 2


async def call_out(us: House, port: int) -> bool:
    session = await us.call(port)
    while not isinstance(event := await session.next_event(), Answered | Ended):
        pass
    await asyncio.sleep(TALK_S)
    await session.hang_up()
    return isinstance(event, Answered)


async def test_two_hundred_calls_out_through_loss_all_complete(tmp_path: Path, full: bool) -> None:
    calls, rate = (200, 20) if full else (15, 10)
    port = free_port()
    async with house() as us, lossy_proxy((HERE, port), loss=LOSS, seed=2) as proxy:
        file = scenario(tmp_path, "answer_through_loss", front=str(proxy.port))
        async with sipp(tmp_path, "-sf", file, "-p", str(port), "-m", str(calls), *PATIENT):
            await listens(port)
            async with asyncio.TaskGroup() as group:
                made = []
                for _ in range(calls):
                    made.append(group.create_task(call_out(us, proxy.port)))
                    await asyncio.sleep(1 / rate)
            assert all(each.result() for each in made)
            await nothing_is_left(us)
        print(f"{proxy.lost} of {proxy.lost + proxy.passed} datagrams were lost")
        assert proxy.lost > calls * 6 * LOSS / 2
