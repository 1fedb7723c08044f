"""The switch dies (R8, in part): what is heard, and that the next call works."""

import asyncio
import time

import pytest

from tests.accept.conftest import SoundingCalls, next_call_works

pytestmark = [pytest.mark.quick, pytest.mark.timeout(300)]


async def test_the_sound_goes_on_while_the_switch_is_dead_and_back(
    sounding_calls: SoundingCalls,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    site = sounding_calls.site
    await sounding_calls.add(2)
    counting = asyncio.create_task(sounding_calls.lost(1, seconds=3))
    await asyncio.sleep(0.5)
    former = site.pbx.pid("switch")
    began = time.monotonic()
    site.pbx.kill("switch")
    while True:
        try:
            await site.pbx.status()
            break
        except OSError:
            await asyncio.sleep(0.02)
    took = time.monotonic() - began
    sent, lost = await counting
    print(f"back after {took:.2f} s; {lost} of {sent} packets lost")
    assert site.pbx.pid("switch") != former
    assert took < (3 if full else 15), "the switch must be back within 3 s, and not be missing on a busy machine"
    assert lost == 0
    await next_call_works(site)
