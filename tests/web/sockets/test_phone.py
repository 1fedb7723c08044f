import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import socketio
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError

from tests.web.house import House, ScriptedCall, ScriptedDevice
from webpbx.errors import WebpbxError
from webpbx.web.sockets.phone import NAMESPACE

HELLO = {"device_id": "d1", "tab_id": "t1", "owner": True, "language": "de"}


class Page:
    """A tab as the real Socket.IO client makes one; what the server sends is kept in order."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.socket.on("*", self._hear, namespace=NAMESPACE)
        self.socket.on("disconnect", self._lose, namespace=NAMESPACE)
        self._ids = 0

    async def _hear(self, event: str, data: Any) -> None:
        await self.told.put((event, data))

    async def _lose(self, _reason: str) -> None:
        self.gone.set()

    async def send(self, event: str, *, id: str | None = None, **fields: Any) -> Any:  # noqa: A002 - the field's name
        self._ids += 1
        return await self.raw(event, {"id": id or f"c{self._ids}", **fields})

    async def raw(self, event: str, *data: Any) -> Any:
        return await self.socket.call(event, data if len(data) != 1 else data[0], namespace=NAMESPACE, timeout=20)

    async def hears(self) -> tuple[str, Any]:
        return await asyncio.wait_for(self.told.get(), 20)


@contextlib.asynccontextmanager
async def _page(
    house: House, login: str = "anna", *, origin: str | None = "", auth: dict[str, Any] | None = None
) -> AsyncIterator[Page]:
    """Open a tab whose user signed in by a bearer token, unless `auth` says otherwise."""
    page = Page()
    headers = {} if origin is None else {"Origin": origin or house.origin}
    if auth is None:
        user = await house.store.users.by_login(login)
        assert user is not None
        auth = {"token": await house.sessions.open_tab(user)}
    try:
        await page.socket.connect(
            house.origin, headers=headers, auth=auth, transports=["websocket"], namespaces=[NAMESPACE], wait_timeout=20
        )
        yield page
    finally:
        await page.socket.shutdown()
        await page.socket.disconnect()


def _device(house: House, user: str = "anna", device: str = "d1") -> ScriptedDevice:
    return house.phones.devices["acme", user, device]


# --- the way in ------------------------------------------------------------------------------------------------


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


async def _refusal(house: House, auth: dict[str, Any], cookie: str = "") -> Any:
    page = Page()
    refused: asyncio.Queue[Any] = asyncio.Queue()
    page.socket.on("connect_error", refused.put, namespace=NAMESPACE)
    headers = {"Origin": house.origin} | ({"Cookie": cookie} if cookie else {})
    with pytest.raises(socketio.exceptions.ConnectionError):
        await page.socket.connect(
            house.origin, headers=headers, auth=auth, transports=["websocket"], namespaces=[NAMESPACE], wait_timeout=20
        )
    await page.socket.disconnect()
    return (await asyncio.wait_for(refused.get(), 20))["data"]["error_id"]


@pytest.mark.parametrize("auth", [{}, {"token": "x"}, {"csrf": "x"}, {"token": None, "csrf": None}])
async def test_nobody_gets_no_socket(house: House, auth: dict[str, Any]) -> None:
    assert await _refusal(house, auth) == "login_required"


@pytest.mark.parametrize("auth", [{"token": 5}, {"token": "x" * 200}, {"user": "anna"}, {"token": {"$ne": ""}}])
async def test_an_opening_of_another_shape_is_refused(house: House, auth: dict[str, Any]) -> None:
    assert await _refusal(house, auth) == "bad_request"


async def test_a_cookie_alone_opens_no_socket_and_with_the_page_s_token_it_does(house: House) -> None:
    answer = await house.log_in()
    cookie = f"sid={answer.cookies['sid'].value}"
    assert await _refusal(house, {}, cookie) == "csrf_refused"
    assert await _refusal(house, {"csrf": "wrong"}, cookie) == "csrf_refused"
    page = Page()
    await page.socket.connect(
        house.origin,
        headers={"Origin": house.origin, "Cookie": cookie},
        auth={"csrf": (await answer.json())["csrf"]},
        transports=["websocket"],
        namespaces=[NAMESPACE],
        wait_timeout=20,
    )
    assert (await page.send("hello", **HELLO))["user"]["login"] == "anna"
    await page.socket.shutdown()
    await page.socket.disconnect()


async def test_the_sixth_socket_of_a_user_is_refused_and_a_closed_one_makes_room(house: House) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(_page(house))
        async with _page(house) as fifth:
            assert len(house.phone) == 5
            anna = await house.store.users.by_login("anna")
            assert anna is not None
            assert await _refusal(house, {"token": await house.sessions.open_tab(anna)}) == "too_many_attempts"
            async with _page(house, "bert") as other:
                assert (await other.send("hello", **HELLO))["ok"]
            await fifth.send("hello", **HELLO)
        while len(house.phone) > 4:
            await asyncio.sleep(0)
        await stack.enter_async_context(_page(house))


# --- commands --------------------------------------------------------------------------------------------------


async def test_hello_brings_the_whole_picture(house: House) -> None:
    house.phones.living = [ScriptedCall("acme", "anna", "leg-a"), ScriptedCall("acme", "bert", "leg-b")]
    async with _page(house) as page:
        assert await page.send("hello", **HELLO) == {
            "ok": True,
            "seq": 0,
            "user": {
                "id": "anna",
                "name": "Anna Adler",
                "extension": "101",
                "login": "anna",
                "role": "user",
                "language": "de",
            },
            "tenant": {"name": "Acme", "country": "DE", "language": "de"},
            "demo": False,
            "duty": False,
            "calls": [{"leg_id": "leg-a", "state": "ringing", "here": True}],
            "colleagues": [{"extension": "102", "name": "Bert Bauer", "presence": "busy"}],
            "settings": {"outside_prefix": "", "outside_prefix_use": "none", "ring_time": 20},
        }
    assert house.phones.owners == [("t1", True)]


async def test_every_command_reaches_the_endpoint_and_is_acknowledged(house: House) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        assert await page.send("duty", on=True) == {"ok": True}
        assert await page.send("dial", number="(030) 12 34-56") == {"ok": True, "leg_id": "leg-2"}
        assert await page.send("answer", leg_id="a") == {"ok": True}
        assert await page.send("attach", leg_id="a", sdp="v=0", generation=3) == {
            "ok": True,
            "sdp": "answer to v=0",
            "generation": 3,
        }
        assert await page.send("mute", leg_id="a", on=True) == {"ok": True}
        assert await page.send("digits", leg_id="a", keys="1*#D") == {"ok": True}
        assert await page.send("quality", leg_id="a", mos=4, loss=0, jitter_ms=1.5, rtt_ms=20) == {"ok": True}
        assert await page.send("hang_up", leg_id="a") == {"ok": True}
        assert (await page.send("hello", **HELLO))["duty"] is True
    assert _device(house).orders == [
        ("duty", True),
        ("dial", "030123456"),
        ("answer", "a"),
        ("attach", "a", "v=0", 3),
        ("mute", "a", True),
        ("digits", "a", "1*#D"),
        ("quality", "a", 4.0, 0.0, 1.5, 20.0),
        ("hang_up", "a"),
    ]


async def test_before_hello_nothing_is_done(house: House) -> None:
    async with _page(house) as page:
        ack = await page.send("dial", number="101")
    assert ack["error_id"] == "bad_request"
    assert house.phones.devices == {}


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("dial", ()),
        ("dial", ("101",)),
        ("dial", (None,)),
        ("dial", ({"number": "101"},)),
        ("dial", ({"id": "c", "number": 101},)),
        ("dial", ({"id": "c", "number": "1" * 65},)),
        ("dial", ({"id": "c", "number": "101", "caller_id": "+49"},)),
        ("dial", ({"id": "c" * 65, "number": "101"},)),
        ("dial", ({"id": "c\n", "number": "101"},)),
        ("dial", ({"id": "c", "number": "101"}, {"id": "d", "number": "102"})),
        ("duty", ({"id": "c", "on": "yes"},)),
        ("duty", ({"id": "c", "on": 1},)),
        ("answer", ({"id": "c", "leg_id": {"a": 1}},)),
        ("attach", ({"id": "c", "leg_id": "a", "sdp": "x" * 16_385, "generation": 1},)),
        ("attach", ({"id": "c", "leg_id": "a", "sdp": "v=0", "generation": -1},)),
        ("attach", ({"id": "c", "leg_id": "a", "sdp": "v=0", "generation": True},)),
        ("digits", ({"id": "c", "leg_id": "a", "keys": ""},)),
        ("digits", ({"id": "c", "leg_id": "a", "keys": "1" * 33},)),
        ("digits", ({"id": "c", "leg_id": "a", "keys": "1\r\n"},)),
        ("digits", ({"id": "c", "leg_id": "a", "keys": "E"},)),
        ("quality", ({"id": "c", "leg_id": "a", "mos": 9, "loss": 0, "jitter_ms": 0, "rtt_ms": 0},)),
        ("quality", ({"id": "c", "leg_id": "a", "mos": "nan", "loss": 0, "jitter_ms": 0, "rtt_ms": 0},)),
        ("hello", ({"id": "c", **HELLO, "device_id": ""},)),
        ("hello", ({"id": "c", **HELLO, "language": "../de"},)),
    ],
)
async def test_an_event_of_another_shape_is_refused_and_does_nothing(house: House, event: str, data: Any) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        ack = await page.raw(event, *data)
        assert ack["error_id"] == "bad_request"
        assert (await page.send("duty", on=False)) == {"ok": True}
    assert _device(house).orders == [("duty", False)]


@pytest.mark.parametrize("number", ["call me", "101;rm", "+", "\u0661\u0660\u0661x", "sip:101@evil.example"])
async def test_what_is_no_number_is_not_dialled(house: House, number: str) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        assert (await page.send("dial", number=number))["error_id"] == "bad_number"
    assert _device(house).orders == []


async def test_a_command_that_is_repeated_acts_once_and_has_the_same_answer(house: House) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        first = await page.send("dial", id="same", number="101")
        again = await page.send("dial", id="same", number="101")
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        later = await page.send("dial", id="same", number="101")
        other = await page.send("dial", id="new", number="101")
    assert first == again == later == {"ok": True, "leg_id": "leg-1"}
    assert other == {"ok": True, "leg_id": "leg-2"}
    assert _device(house).orders == [("dial", "101"), ("dial", "101")]


async def test_a_repeat_while_the_first_is_still_being_done_waits_for_it(house: House) -> None:
    async with _page(house) as page, _page(house) as second:
        await page.send("hello", **HELLO)
        await second.send("hello", **{**HELLO, "tab_id": "t2"})
        may_go = asyncio.Event()
        begun = asyncio.Event()
        device = _device(house)

        async def slow(number: str) -> str:
            device.orders.append(("dial", number))
            begun.set()
            await may_go.wait()
            return "slow-leg"

        device.dial = slow  # type: ignore[method-assign]
        first = asyncio.create_task(page.send("dial", id="same", number="101"))
        await begun.wait()
        again = asyncio.create_task(second.send("dial", id="same", number="101"))
        await second.send("duty", on=False)
        may_go.set()
        assert await first == await again == {"ok": True, "leg_id": "slow-leg"}
    assert device.orders == [("dial", "101"), ("duty", False)]


async def test_another_user_s_command_of_the_same_id_is_another_command(house: House) -> None:
    async with _page(house, "anna") as anna, _page(house, "bert") as bert:
        await anna.send("hello", **HELLO)
        await bert.send("hello", **HELLO)
        await anna.send("dial", id="same", number="1")
        await bert.send("dial", id="same", number="2")
    assert _device(house, "bert").orders == [("dial", "2")]


async def test_a_command_that_fails_is_told_by_id_and_sentence(house: House) -> None:
    class GoneError(WebpbxError):
        error_id = "gone"

    async with _page(house) as page:
        await page.send("hello", **HELLO)
        _device(house).fails = GoneError("This call has ended.", leg_id="a")
        assert await page.send("answer", leg_id="a") == {
            "error_id": "gone",
            "text": "This call has ended.",
            "details": {"leg_id": "a"},
        }


async def test_a_fault_of_ours_is_told_without_its_inside(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        _device(house).fails = ZeroDivisionError("inside")
        ack = await page.send("answer", leg_id="a")
        assert ack["error_id"] == "internal"
        assert "inside" not in str(ack)
        assert "ZeroDivisionError" in caplog.text
        _device(house).fails = None
        assert await page.send("answer", leg_id="b") == {"ok": True}


# --- facts -----------------------------------------------------------------------------------------------------


async def test_a_changed_call_reaches_every_tab_of_its_user_and_nobody_else(house: House) -> None:
    async with _page(house) as one, _page(house) as two, _page(house, "bert") as bert, _page(house, "zoe") as zoe:
        await one.send("hello", **HELLO)
        await two.send("hello", **{**HELLO, "tab_id": "t2", "device_id": "d2"})
        await bert.send("hello", **HELLO)
        await zoe.send("hello", **HELLO)
        house.phone.call_changed(ScriptedCall("acme", "anna", "leg-a"))
        house.phone.presence_changed(tenant_id="acme", extension="101", presence="busy")
        call = {"leg_id": "leg-a", "state": "ringing"}
        assert await one.hears() == ("call", {"seq": 1, "call": {**call, "here": True}})
        assert await two.hears() == ("call", {"seq": 1, "call": {**call, "here": False}})
        presence = {"extension": "101", "presence": "busy"}
        assert await one.hears() == ("presence", {"seq": 2, **presence})
        assert await bert.hears() == ("presence", {"seq": 1, **presence})
        house.phone.notice(tenant_id="beta", user_id="zoe", kind="test", text="Hello.")
        assert await zoe.hears() == ("notice", {"seq": 1, "kind": "test", "text": "Hello."})
        assert bert.told.empty()


async def test_events_are_numbered_without_a_gap_and_a_new_snapshot_says_where_they_stand(house: House) -> None:
    async with _page(house) as page:
        house.phone.presence_changed(tenant_id="acme", extension="101", presence="free")
        assert (await page.send("hello", **HELLO))["seq"] == 0
        for _ in range(50):
            house.phone.presence_changed(tenant_id="acme", extension="101", presence="free")
        again = await page.send("hello", **HELLO)
        house.phone.presence_changed(tenant_id="acme", extension="101", presence="busy")
        heard = [(await page.hears())[1]["seq"] for _ in range(51)]
    assert again["seq"] == 50
    assert heard == list(range(1, 52))


async def test_changed_settings_bring_a_new_snapshot(house: House) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        house.phone.settings_changed("beta")
        house.phone.settings_changed("acme")
        event, snapshot = await page.hears()
    assert (event, snapshot["seq"], snapshot["user"]["login"]) == ("snapshot", 1, "anna")


# --- the way out -----------------------------------------------------------------------------------------------


async def test_a_lost_socket_is_told_to_the_phones(house: House) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        assert len(house.phones.sockets) == 1
    while house.phones.sockets:
        await asyncio.sleep(0)
    assert len(house.phone) == 0
    assert house.phones.left == []


async def test_the_same_tab_on_a_new_socket_replaces_the_old_one(house: House) -> None:
    async with _page(house) as old:
        await old.send("hello", **HELLO)
        async with _page(house) as new:
            await new.send("hello", **HELLO)
            await asyncio.wait_for(old.gone.wait(), 20)
            assert (await new.send("duty", on=True)) == {"ok": True}
            assert len(house.phones.sockets) == 1


async def test_signing_out_ends_the_session_s_sockets_and_then_the_user_s_calls(house: House) -> None:
    bert = await house.store.users.by_login("bert")
    assert bert is not None
    token = await house.sessions.open_tab(bert)
    async with _page(house, "bert") as other, _page(house, auth={"token": token}) as page:
        await page.send("hello", **HELLO)
        await other.send("hello", **{**HELLO, "tab_id": "t2"})
        headers = {"Origin": house.origin, "Authorization": f"Bearer {token}"}
        assert (await house.client.delete("/api/v1/session", json={}, headers=headers)).status == 200
        event, data = await page.hears()
        assert (event, data["kind"]) == ("notice", "signed_out")
        await asyncio.wait_for(page.gone.wait(), 20)
        assert (await other.send("duty", on=True)) == {"ok": True}
        assert house.phones.left == []


async def test_the_last_session_that_ends_takes_the_user_s_calls_with_it(house: House) -> None:
    bert = await house.store.users.by_login("bert")
    assert bert is not None
    token = await house.sessions.open_tab(bert)
    async with _page(house, auth={"token": token}) as page:
        await page.send("hello", **HELLO)
        headers = {"Origin": house.origin, "Authorization": f"Bearer {token}"}
        assert (await house.client.delete("/api/v1/session", json={}, headers=headers)).status == 200
        await asyncio.wait_for(page.gone.wait(), 20)
        while not house.phones.left:
            await asyncio.sleep(0)
    assert house.phones.left == [("acme", "bert")]


async def test_a_session_that_runs_out_ends_its_sockets_and_an_open_page_keeps_one_alive(house: House) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        for _ in range(15):
            house.clock.now += 11 * 3600
            await house.phone._check_sessions()
            assert (await page.send("duty", on=True)) == {"ok": True}
        house.clock.now += 3 * 3600 + 1
        await house.phone._check_sessions()
        await asyncio.wait_for(page.gone.wait(), 20)


# --- abuse -----------------------------------------------------------------------------------------------------


async def test_commands_beyond_the_rate_are_refused_and_do_nothing(house: House) -> None:
    async with _page(house) as page:
        await page.send("hello", **HELLO)
        acks = [await page.send("duty", on=True) for _ in range(60)]
        refused = [ack for ack in acks if ack.get("error_id") == "too_many_attempts"]
        assert len(refused) == 21  # a burst of 40, one of which was hello
        assert len(_device(house).orders) == 39
        house.clock.now += 1
        assert (await page.send("duty", on=True)) == {"ok": True}


async def test_a_flood_ends_the_connection_and_nobody_else_s(house: House) -> None:
    async with _page(house) as abuser, _page(house, "bert") as bert:
        await bert.send("hello", **HELLO)
        with contextlib.suppress(socketio.exceptions.SocketIOError):
            for _ in range(400):
                await abuser.socket.emit("duty", {"id": "c", "on": True}, namespace=NAMESPACE)
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
    async with ClientSession() as client, _page(house, "bert") as bert:
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
        while len(house.phone) > 1:
            await asyncio.sleep(0)
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
    async with _page(house) as page:
        house.clock.now += 60
        house.phone._end_silent_openings()
        assert (await page.send("hello", **HELLO))["ok"]
