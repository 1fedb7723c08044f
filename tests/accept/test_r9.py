"""A media worker dies (R9, in part): its calls end by name, the others go on, and the next call works."""

import pytest

from tests.accept.conftest import SoundingCalls, next_call_works
from tests.pbx import until

pytestmark = [pytest.mark.quick, pytest.mark.timeout(300)]


async def test_the_death_of_a_media_worker_ends_its_calls_by_name_and_no_others(sounding_calls: SoundingCalls) -> None:
    site, anna = sounding_calls.site, sounding_calls.anna
    await sounding_calls.add(2)  # each worker is given the next call when it has fewer
    used = {}
    for index in range(site.pbx.workers):
        used[index] = (await site.pbx.worker_status(f"worker-{index}a"))["legs"]["rtp"]
    victim = next(index for index, legs in used.items() if legs)
    former = site.pbx.pid(f"worker-{victim}a")
    site.pbx.kill(f"worker-{victim}a")
    ended = await anna.shows(lambda call: call["state"] == "ended", "a call that lost its sound")
    assert ended["cause"] == "media_lost"
    until(lambda: site.pbx.pid(f"worker-{victim}a") != former, "the worker is back")
    still_up = [call for call in anna.calls.values() if call["state"] == "answered"]
    assert len(still_up) == 2 - used[victim]
    await next_call_works(site)
