import asyncio
import contextlib
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError

from tests.web.house import House
from tests.web.page import HELLO, device_of, open_page, refusal, until
from webpbx.web.sockets.phone import NAMESPACE


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:1"])
async def test_a_socket_of_another_site_or_from_nowhere_is_refused_before_it_opens(
    house: House, origin: str | None
) -> None:
    url = house.origin.replace("http:", "ws:") + "/socket.io/?transport=websocket&EIO=4"
    headers = {"Origin": origin} if origin else {}
    async with ClientSession() as client:
        with pytest.raises(WSServerHandshakeError) as refused:
            await client.ws_connect(url, headers=headers)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "query",
    [
        "transport=polling&EIO=4",
        "EIO=4",
        "transport=websocket&EIO=3",
        "transport=websocket&EIO=4&sid=x",
        "transport=websocket&EIO=4&j=0",
        "transport=websocket&EIO=4",
    ],
)
async def test_nothing_but_a_websocket_of_this_protocol_is_served(house: House, query: str) -> None:
    answer = await house.client.get(f"/socket.io/?{query}", headers={"Origin": house.origin})
    assert (answer.status, (await answer.json())["error_id"]) == (400, "bad_request")


@pytest.mark.parametrize("auth", [{}, {"token": "x"}, {"csrf": "x"}, {"token": None, "csrf": None}])
async def test_nobody_gets_no_socket(house: House, auth: dict[str, Any]) -> None:
    assert await refusal(house, auth) == "login_required"


@pytest.mark.parametrize("auth", [{"token": 5}, {"token": "x" * 200}, {"user": "anna"}, {"token": {"$ne": ""}}])
async def test_an_opening_of_another_shape_is_refused(house: House, auth: dict[str, Any]) -> None:
    assert await refusal(house, auth) == "bad_request"


async def test_a_cookie_alone_opens_no_socket_and_with_the_page_s_token_it_does(house: House) -> None:
    answer = await house.log_in()
    cookie = f"sid={answer.cookies['sid'].value}"
    assert await refusal(house, {}, cookie) == "csrf_refused"
    assert await refusal(house, {"csrf": "wrong"}, cookie) == "csrf_refused"
    auth = {"csrf": (await answer.json())["csrf"]}
    async with open_page(house, auth=auth, cookie=cookie) as page:
        assert (await page.send("hello", **HELLO))["user"]["login"] == "anna"


async def test_the_sixth_socket_of_a_user_is_refused_and_a_closed_one_makes_room(house: House) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(open_page(house))
        async with open_page(house) as fifth:
            assert len(house.phone) == 5
            anna = await house.store.users.by_login("anna")
            assert anna is not None
            assert await refusal(house, {"token": await house.sessions.open_tab(anna)}) == "too_many_tabs"
            async with open_page(house, "bert") as other:
                assert (await other.send("hello", **HELLO))["ok"]
            await fifth.send("hello", **HELLO)
        await until(lambda: len(house.phone) <= 4)
        await stack.enter_async_context(open_page(house))


async def test_commands_beyond_the_rate_are_refused_and_do_nothing(house: House) -> None:
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        acks = [await page.send("duty", on=True) for _ in range(60)]
        refused = [ack for ack in acks if ack.get("error_id") == "too_many_requests"]
        assert len(refused) == 21  # a burst of 40, one of which was hello
        assert len(device_of(house).orders) == 39
        house.clock.now += 1
        assert (await page.send("duty", on=True)) == {"ok": True}


async def test_a_flood_ends_the_connection_and_nobody_else_s(house: House) -> None:
    async with open_page(house) as abuser, open_page(house, "bert") as bert:
        await bert.send("hello", **HELLO)
        await abuser.flood(400)
        await asyncio.wait_for(abuser.gone.wait(), 20)
        assert (await bert.send("duty", on=True)) == {"ok": True}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "9",
        "0",
        "2",
        "5",
        "4",
        "45",
        "44",
        "49",
        "4abc",
        "42/phone",
        "42/phone,",
        "42/phone,[",
        "42/phone,{}",
        "42/phone,[]",
        "42/phone,[5]",
        "42/phone,[[1]]",
        '42/phone,["connect",{}]',
        '42/phone,["disconnect"]',
        '42/phone,["nothing",{}]',
        "42/phone," + "[" * 20_000,
        "42/phone,9" + "9" * 400 + '["duty",{}]',
        "43/phone,7",
        "40/phone,{}",
        "451-/phone,[1]",
        b"\x04\x00",
        "x" * 70_000,
    ],
)
async def test_garbage_ends_at_most_its_own_connection_and_leaves_no_traceback(
    house: House, message: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    anna = await house.store.users.by_login("anna")
    assert anna is not None
    token = await house.sessions.open_tab(anna)
    url = house.origin.replace("http:", "ws:") + "/socket.io/?transport=websocket&EIO=4"
    async with ClientSession() as client, open_page(house, "bert") as bert:
        async with client.ws_connect(url, headers={"Origin": house.origin}) as raw:
            assert (await raw.receive_str())[0] == "0"
            await raw.send_str(f'40/phone,{{"token":"{token}"}}')
            assert (await raw.receive_str()).startswith("40/phone,")
            await (raw.send_bytes(message) if isinstance(message, bytes) else raw.send_str(message))
            if message != "43/phone,7":
                while (await asyncio.wait_for(raw.receive(), 20)).type is WSMsgType.TEXT:
                    pass
                assert raw.closed
        await bert.send("hello", **HELLO)
        assert (await bert.send("duty", on=True)) == {"ok": True}
        await until(lambda: len(house.phone) <= 1)
    assert [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []


async def test_a_socket_that_never_signs_in_is_ended(house: House) -> None:
    url = house.origin.replace("http:", "ws:") + "/socket.io/?transport=websocket&EIO=4"
    async with ClientSession() as client, client.ws_connect(url, headers={"Origin": house.origin}) as raw:
        assert (await raw.receive_str())[0] == "0"
        house.clock.now += 9
        house.phone._end_silent_openings()
        house.clock.now += 2
        house.phone._end_silent_openings()
        assert (await asyncio.wait_for(raw.receive(), 20)).type in {WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE}
    assert len(house.phone) == 0


async def test_a_signed_in_socket_is_not_taken_for_one_that_never_did(house: House) -> None:
    async with open_page(house) as page:
        house.clock.now += 60
        house.phone._end_silent_openings()
        assert (await page.send("hello", **HELLO))["ok"]


async def test_what_comes_after_the_cut_signs_nobody_in_and_nothing_is_left_behind(house: House) -> None:
    anna = await house.store.users.by_login("anna")
    assert anna is not None
    token = await house.sessions.open_tab(anna)
    url = house.origin.replace("http:", "ws:") + "/socket.io/?transport=websocket&EIO=4"
    before = len(asyncio.all_tasks())
    async with ClientSession() as client:
        for _ in range(20):
            async with client.ws_connect(url, headers={"Origin": house.origin}) as raw:
                with contextlib.suppress(ConnectionError):
                    for message in (
                        f'40/phone,{{"token":"{token}"}}',
                        "42/phone,[]",
                        f'40/phone,{{"token":"{token}"}}',
                    ) * 2:
                        await raw.send_str(message)
    server = house.phone._server._server
    await until(lambda: not server.eio.sockets)
    await until(lambda: len(asyncio.all_tasks()) <= before + 2)  # the library's own watch, and what ends just now
    assert server.manager.rooms.get(NAMESPACE, {}) == {}
    assert server.environ == {}
    assert len(house.phone) == 0
