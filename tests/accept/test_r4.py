"""A provider's first proxy fails (R4, in part): how long until the second is asked.

Only full runs hold it against the clock.
"""

import asyncio
import socket
from pathlib import Path

import pytest

from tests.peers.first_proxies import REFUSALS, silent
from tests.peers.stack_house import HERE, House, house
from tests.peers.test_fail_over import call
from webpbx.sip.network import Way
from webpbx.sip.registration import SILENCE

pytestmark = [pytest.mark.quick, pytest.mark.timeout(120)]

REFUSED_WITHIN_S = 0.2
SILENT_WITHIN_S = 4.0


async def seconds_until_the_second_is_asked(us: House, first: Way) -> float:
    """Call, with a bare socket as second proxy, and hang up when the INVITE is there."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
        second.bind((HERE, 0))
        second.setblocking(False)
        began = loop.time()
        session = await call(us, first, Way(HERE, second.getsockname()[1]), silence=SILENCE)
        data = await loop.sock_recv(second, 65536)
        took = loop.time() - began
        assert data.startswith(b"INVITE ")
        await session.hang_up()
        return took


@pytest.mark.parametrize("first", REFUSALS)
async def test_a_refusal_is_left_within_200_ms(tmp_path: Path, first: str, full: bool) -> None:
    async with house() as us, REFUSALS[first](tmp_path) as way:
        took = await seconds_until_the_second_is_asked(us, way)
        us.kept.clear()
    print(f"{first}: the second proxy was asked after {took * 1000:.1f} ms")
    assert took < REFUSED_WITHIN_S or not full


async def test_silence_is_left_within_four_seconds(full: bool) -> None:
    async with house() as us, silent() as way:
        took = await seconds_until_the_second_is_asked(us, way)
        us.kept.clear()
    print(f"silence: the second proxy was asked after {took:.3f} s")
    assert took < SILENT_WITHIN_S or not full
