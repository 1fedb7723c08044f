import asyncio
from typing import Any

import pytest

from tests.web.house import Clock, ScriptedDevice
from webpbx.model.user import User
from webpbx.web.errors import BadRequest
from webpbx.web.sessions import Signed
from webpbx.web.sockets.tab import Emit, Tab

ANNA = Signed(User("anna", "acme", "anna", "Anna"), "bearer", "csrf", "token")


def _tab(emit: Emit) -> Tab:
    return Tab("socket", "engine", ANNA, emit=emit, clock=Clock())


async def test_a_tab_that_does_not_read_is_marked_to_be_cut_and_nothing_more_is_kept_for_it() -> None:
    may_go = asyncio.Event()

    async def stuck(_event: str, _payload: dict[str, Any], _socket: str) -> None:
        await may_go.wait()

    tab = _tab(stuck)
    tab.listen(ScriptedDevice("d"))
    for _ in range(600):
        tab.send("presence", {})
    assert tab.overrun
    assert tab.seq == 500
    quiet = asyncio.create_task(tab.quiet())
    await asyncio.sleep(0)
    await tab.close()
    await quiet


async def test_a_tab_that_could_not_be_told_is_marked_to_be_cut(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_event: str, _payload: dict[str, Any], _socket: str) -> None:
        raise OSError("broken")

    tab = _tab(broken)
    tab.listen(ScriptedDevice("d"))
    tab.send("presence", {})
    await tab.quiet()
    assert tab.overrun
    assert "telling a tab of presence" in caplog.text
    await tab.close()


async def test_before_hello_a_tab_has_no_device_and_is_told_nothing() -> None:
    told: list[str] = []

    async def emit(event: str, _payload: dict[str, Any], _socket: str) -> None:
        told.append(event)

    tab = _tab(emit)
    tab.send("presence", {})
    await tab.quiet()
    assert (told, tab.seq) == ([], 0)
    with pytest.raises(BadRequest):
        _ = tab.device
    await tab.close()
