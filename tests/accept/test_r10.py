"""The supervisor dies, alone or with all others (R10, in part): what lives is taken over, what died is served again."""

import asyncio

import pytest

from tests.accept.conftest import SoundingCalls, next_call_works

pytestmark = [pytest.mark.quick, pytest.mark.timeout(300)]


async def test_the_death_of_the_supervisor_is_heard_by_nobody_and_the_next_one_takes_over(
    sounding_calls: SoundingCalls,
) -> None:
    site = sounding_calls.site
    await sounding_calls.add(2)
    names = ("switch", "worker-0a", "worker-1a")
    pids = {name: site.pbx.pid(name) for name in names}
    counting = asyncio.create_task(sounding_calls.lost(1, seconds=5))
    await asyncio.sleep(0.2)
    site.pbx.kill("supervisor")
    await asyncio.to_thread(site.pbx.serve)
    sent, lost = await counting
    assert (lost, sent > 500) == (0, True)
    assert {name: site.pbx.pid(name) for name in names} == pids
    await sounding_calls.hang_up()
    await next_call_works(site)


async def test_all_killed_at_once_serve_again_and_close_what_was_up(sounding_calls: SoundingCalls) -> None:
    site = sounding_calls.site
    await sounding_calls.add(1)
    for name in ("supervisor", "switch", "worker-0a", "worker-1a"):
        site.pbx.kill(name)
    await asyncio.to_thread(site.pbx.serve)
    await next_call_works(site)
    await site.pbx.is_empty()
