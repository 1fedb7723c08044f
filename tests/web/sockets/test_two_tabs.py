"""The sockets on the real telephone side: two tabs call each other."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from tests.phone import Office, an_office
from tests.web.house import Clock, furnish, parts
from tests.web.page import HELLO, Page, connected
from webpbx.calls.facts import Fact
from webpbx.endpoints.browsers import Browsers
from webpbx.store.passwords import Passwords
from webpbx.store.store import Store
from webpbx.web.assets import Assets
from webpbx.web.sockets.phone import PhoneSockets


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with an_office() as office:
        yield office


@contextlib.asynccontextmanager
async def _two_tabs(office: Office, static: Path) -> AsyncIterator[tuple[Page, Page]]:
    """Sign Anna and Bert in; both tabs have said hello and are on duty."""
    clock = Clock()
    passwords = Passwords(memory_kib=8, rounds=1, lanes=1)
    sockets: list[PhoneSockets] = []

    def emit(fact: Fact) -> None:
        office.emit(fact)
        for one in sockets:
            one.tell(fact)

    office.exchange.emit = emit
    async with await Store.open(None, clock=clock.milliseconds) as store:
        await furnish(store, passwords)
        phones = Browsers(office.exchanges, emit)
        snapshots = {"acme": office.snapshot}
        sessions, phone, app = parts(store, passwords, snapshots, Assets(static), clock, phones=phones)
        sockets.append(phone)
        async with TestServer(app) as server, contextlib.AsyncExitStack() as stack:
            url = str(server.make_url("/")).rstrip("/")
            pages = []
            for login in ("anna", "bert"):
                user = await store.users.by_login(login)
                assert user is not None
                auth = {"token": await sessions.open_tab(user)}
                page = await stack.enter_async_context(connected(url, auth=auth, headers={"Origin": url}))
                assert (await page.send("hello", **HELLO))["ok"]
                assert await page.send("duty", on=True) == {"ok": True}
                pages.append(page)
            yield pages[0], pages[1]
    await passwords.close()


async def _sees(page: Page, state: str) -> dict[str, Any]:
    """Read on until the tab is told of a call in a state; numbers go up one by one."""
    while True:
        event, data = await page.hears()
        if event == "call" and data["call"]["state"] == state:
            call: dict[str, Any] = data["call"]
            return call


async def test_a_call_from_tab_to_tab_is_seen_at_both_ends_from_dialling_to_hanging_up(
    office: Office, static: Path
) -> None:
    async with _two_tabs(office, static) as (anna, bert):
        dialled = await anna.send("dial", number="102")
        ringing = await _sees(bert, "ringing")
        assert (ringing["number"], ringing["direction"], ringing["here"]) == ("101", "in", True)
        attached = await bert.send("attach", leg_id=ringing["leg_id"], sdp="v=0", generation=1)
        assert attached["generation"] == 1
        assert await bert.send("answer", leg_id=ringing["leg_id"]) == {"ok": True}
        assert (await _sees(anna, "answered"))["leg_id"] == dialled["leg_id"]
        snapshot = await anna.send("hello", **HELLO)
        assert [call["leg_id"] for call in snapshot["calls"]] == [dialled["leg_id"]]
        assert snapshot["colleagues"] == [{"extension": "102", "name": "Bert", "presence": "busy"}]
        assert (await bert.send("hang_up", leg_id=dialled["leg_id"])) == {"ok": True}
        assert (await bert.send("answer", leg_id=dialled["leg_id"]))["error_id"] == "gone"
        assert await anna.send("hang_up", leg_id=dialled["leg_id"]) == {"ok": True}
        assert (await _sees(bert, "ended"))["cause"] == "normal"
        await office.quiet()


async def test_a_number_that_does_not_exist_is_a_call_that_says_so(office: Office, static: Path) -> None:
    async with _two_tabs(office, static) as (anna, _):
        leg_id = (await anna.send("dial", number="199"))["leg_id"]
        ended = await _sees(anna, "ended")
        assert (ended["leg_id"], ended["cause"]) == (leg_id, "unknown_number")
        await office.quiet()
