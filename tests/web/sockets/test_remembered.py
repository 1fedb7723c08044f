import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.web.house import Clock
from webpbx.web.sockets.remembered import RememberedCommands


async def _ok() -> Mapping[str, Any]:
    return {"ok": True}


async def test_a_command_is_forgotten_after_five_minutes() -> None:
    clock = Clock()
    remembered = RememberedCommands(clock=clock)
    await remembered.once(("dial", "a"), _ok)
    clock.now += 200
    await remembered.once(("dial", "b"), _ok)
    clock.now += 100
    remembered.forget_old()
    assert len(remembered) == 1
    clock.now += 200
    remembered.forget_old()
    assert len(remembered) == 0


async def test_of_very_many_commands_the_oldest_are_forgotten() -> None:
    remembered = RememberedCommands(clock=Clock())
    for number in range(300):
        await remembered.once(("mute", str(number)), _ok)
    assert len(remembered) == 256


async def test_a_command_still_being_done_is_never_forgotten() -> None:
    clock = Clock()
    remembered = RememberedCommands(clock=clock)
    may_go = asyncio.Event()

    async def slow() -> Mapping[str, Any]:
        await may_go.wait()
        return {"leg_id": "x"}

    first = asyncio.create_task(remembered.once(("dial", "a"), slow))
    await asyncio.sleep(0)
    clock.now += 1000
    remembered.forget_old()
    again = asyncio.create_task(remembered.once(("dial", "a"), _ok))
    await asyncio.sleep(0)
    may_go.set()
    assert await first == await again == {"leg_id": "x"}


async def test_a_command_that_was_cancelled_may_be_tried_again() -> None:
    remembered = RememberedCommands(clock=Clock())
    task = asyncio.create_task(remembered.once(("dial", "a"), lambda: asyncio.sleep(3600, result={})))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await remembered.once(("dial", "a"), _ok) == {"ok": True}
