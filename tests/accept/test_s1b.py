"""Spoilt SIP, live from a trunk's own address (S1b): call after call goes through, and those that are up stay."""

import asyncio
from collections import Counter

import pytest

from tests.accept.demo_calls import DemoCalls, is_quiet, troubles
from tests.accept.garbage.source import sent
from tests.pbx import Pbx
from webpbx.demo import directory

pytestmark = pytest.mark.timeout(900)

SEED = 1847
EVERY_S = 1.0
MESSAGES, RATE = 100_000, 1000
SHORT_MESSAGES, SHORT_RATE = 3_000, 300


def messages_in(counts: Counter[str]) -> int:
    """Count what was sent, and not what came back or got lost."""
    others = ("came ", "not sent", "never let go")
    return sum(number for kind, number in counts.items() if not kind.startswith(others))


async def test_spoilt_messages_from_a_trunk_harm_no_call(demo: Pbx, demo_calls: DemoCalls, full: bool) -> None:
    messages, rate = (MESSAGES, RATE) if full else (SHORT_MESSAGES, SHORT_RATE)
    pids = {name: demo.pid(name) for name in ("switch", "worker-0a", "outside")}
    await demo_calls.hold()
    await demo_calls.sound.round(1)
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(demo_calls.keep_calling(EVERY_S))
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
    await demo_calls.sound.round(0)
    await asyncio.sleep(0.5)
    heard = (await demo_calls.sound.report(1)).calls
    print(
        f"seed {SEED}: {messages_in(counts)} messages, {dict(counts)}; {demo_calls.fresh} calls out and in beside them"
    )
    await demo_calls.end()
    await is_quiet(demo)

    assert {name: demo.pid(name) for name in pids} == pids
    assert troubles(demo) == []
    demo_calls.assert_kept_their_sound(heard)
    assert demo_calls.fresh >= messages / rate // 10
