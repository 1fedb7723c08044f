"""Spoilt SIP, live from a trunk's own address (S1b): call after call goes through, and those that are up stay."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.accept.garbage.source import sent
from tests.accept.test_garbage import CALLER, Calls, is_quiet, people, troubles
from tests.lean_client import LeanClient
from tests.pbx import PASSWORD, Pbx
from tests.socket_phone import SocketPhone
from webpbx.demo import directory

pytestmark = pytest.mark.timeout(900)

SEED = 1847
MESSAGES, RATE = 100_000, 1000
SHORT_MESSAGES, SHORT_RATE = 3_000, 300


@pytest.fixture
async def calls(demo: Pbx) -> AsyncIterator[Calls]:
    people(demo)
    async with AsyncExitStack() as stack:
        sound = await stack.enter_async_context(LeanClient())
        yield Calls(demo, sound, stack)


async def call_on(calls: Calls) -> None:
    """Call out and be called, again and again, for ever; a call that fails raises."""
    async with SocketPhone(calls.pbx.url, CALLER, PASSWORD) as phone:
        await phone.go_on_duty()
        while True:
            await calls.call(phone)
            await calls.be_called(phone)
            calls.fresh += 1
            await asyncio.sleep(0.5)


def messages_in(counts: Counter[str]) -> int:
    """Count what was sent, and not what came back or got lost."""
    others = ("came ", "not sent", "never let go")
    return sum(number for kind, number in counts.items() if not kind.startswith(others))


async def test_spoilt_messages_from_a_trunk_harm_no_call(demo: Pbx, calls: Calls, full: bool) -> None:  # noqa: FBT001 - a fixture
    messages, rate = (MESSAGES, RATE) if full else (SHORT_MESSAGES, SHORT_RATE)
    pids = {name: demo.pid(name) for name in ("switch", "worker-0a", "outside")}
    await calls.hold()
    await calls.sound.round(1)
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(call_on(calls))
        counts = Counter[str]()
        while (left := messages - messages_in(counts)) > 0:  # a busy machine sends fewer in the time
            counts += Counter(
                await sent(
                    "sip",
                    target=(demo.address, demo.sip_port),
                    number=directory.COMPANY_ECHO,
                    unknown=f"{directory.BLOCK}199",
                    rate=float(rate),
                    seconds=max(left / rate, 1.0),
                    seed=SEED + left,
                )
            )
        calling.cancel()
    await calls.sound.round(0)
    await asyncio.sleep(0.5)
    heard = (await calls.sound.report(1)).calls
    print(f"seed {SEED}: {messages_in(counts)} messages, {dict(counts)}; {calls.fresh} calls out and in beside them")
    await calls.end()
    await calls.stack.aclose()
    await is_quiet(demo)

    assert {name: demo.pid(name) for name in pids} == pids
    assert troubles(demo) == []
    for _, leg in calls.held:
        report = heard[leg]
        print(f"held call: {report.sent} packets sent, {report.received} came back")
        assert report.received >= 0.99 * report.sent > 0
    assert calls.fresh >= messages / rate // 10
