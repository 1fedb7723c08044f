import asyncio
from typing import Any

import pytest

from tests.web.house import House, ScriptedCall
from tests.web.page import HELLO, device_of, open_page, until
from webpbx.errors import WebpbxError


async def test_hello_brings_the_whole_picture(house: House) -> None:
    house.phones.living = [ScriptedCall("acme", "anna", "leg-a"), ScriptedCall("acme", "bert", "leg-b")]
    async with open_page(house) as page:
        assert await page.send("hello", **HELLO) == {
            "ok": True,
            "seq": 0,
            "epoch": 7,
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
            "settings": {
                "outside_prefix": "",
                "outside_prefix_use": "none",
                "ring_time": 20,
                "outside_down": False,
                "emergency_pattern": "(?:11[02])",
            },
        }
    assert house.phones.owners == [("t1", True)]


async def test_pages_are_told_once_that_calls_outside_fail_and_that_they_work_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    down: set[str] = set()
    monkeypatch.setattr(house.phone, "_outside_is_down", down.__contains__)
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        for change in (down.add, down.add, down.discard):
            change("acme")
            house.phone.lines_changed("acme")
            house.phone.lines_changed("other")
        told = [await page.hears() for _ in range(2)]
        assert [event for event, _ in told] == ["snapshot", "snapshot"]
        assert [data["settings"]["outside_down"] for _, data in told] == [True, False]


async def test_every_command_reaches_the_endpoint_and_is_acknowledged(house: House) -> None:
    async with open_page(house) as page:
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
    assert device_of(house).orders == [
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
    async with open_page(house) as page:
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
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        ack = await page.raw(event, *data)
        assert ack["error_id"] == "bad_request"
        assert (await page.send("duty", on=False)) == {"ok": True}
    assert device_of(house).orders == [("duty", False)]


@pytest.mark.parametrize("number", ["call me", "101;rm", "+", "\u0661\u0660\u0661x", "sip:101@evil.example"])
async def test_what_is_no_number_is_not_dialled(house: House, number: str) -> None:
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        assert (await page.send("dial", number=number))["error_id"] == "bad_number"
    assert device_of(house).orders == []


async def test_a_command_that_is_repeated_acts_once_and_has_the_same_answer(house: House) -> None:
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        first = await page.send("dial", id="same", number="101")
        again = await page.send("dial", id="same", number="101")
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        later = await page.send("dial", id="same", number="101")
        other = await page.send("dial", id="new", number="101")
    assert first == again == later == {"ok": True, "leg_id": "leg-1"}
    assert other == {"ok": True, "leg_id": "leg-2"}
    assert device_of(house).orders == [("dial", "101"), ("dial", "101")]


async def test_a_repeat_while_the_first_is_still_being_done_waits_for_it(house: House) -> None:
    async with open_page(house) as page, open_page(house) as second:
        await page.send("hello", **HELLO)
        await second.send("hello", **{**HELLO, "tab_id": "t2"})
        may_go = asyncio.Event()
        begun = asyncio.Event()
        device = device_of(house)

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
    async with open_page(house, "anna") as anna, open_page(house, "bert") as bert:
        await anna.send("hello", **HELLO)
        await bert.send("hello", **HELLO)
        await anna.send("dial", id="same", number="1")
        await bert.send("dial", id="same", number="2")
    assert device_of(house, "bert").orders == [("dial", "2")]


async def test_a_command_that_fails_is_told_by_id_and_sentence(house: House) -> None:
    class GoneError(WebpbxError):
        error_id = "gone"

    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        device_of(house).fails = GoneError("This call has ended.", leg_id="a")
        assert await page.send("answer", leg_id="a") == {
            "error_id": "gone",
            "text": "This call has ended.",
            "details": {"leg_id": "a"},
        }


async def test_a_fault_of_ours_is_told_without_its_inside(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        device_of(house).fails = ZeroDivisionError("inside")
        ack = await page.send("answer", leg_id="a")
        assert ack["error_id"] == "internal"
        assert "inside" not in str(ack)
        assert "ZeroDivisionError" in caplog.text
        device_of(house).fails = None
        assert await page.send("answer", leg_id="b") == {"ok": True}


async def test_a_changed_call_reaches_every_tab_of_its_user_and_nobody_else(house: House) -> None:
    async with (
        open_page(house) as one,
        open_page(house) as two,
        open_page(house, "bert") as bert,
        open_page(house, "zoe") as zoe,
    ):
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
        house.phone.presence_changed(tenant_id="beta", extension="101", presence="free")
        assert await zoe.hears() == ("presence", {"seq": 1, "extension": "101", "presence": "free"})
        assert bert.told.empty()


async def test_events_are_numbered_without_a_gap_and_a_new_snapshot_says_where_they_stand(house: House) -> None:
    async with open_page(house) as page:
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
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        house.phone.settings_changed("beta")
        house.phone.settings_changed("acme")
        event, snapshot = await page.hears()
    assert (event, snapshot["seq"], snapshot["user"]["login"]) == ("snapshot", 1, "anna")


async def test_a_lost_socket_is_told_to_the_phones(house: House) -> None:
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        assert len(house.phones.sockets) == 1
    await until(lambda: not house.phones.sockets)
    assert len(house.phone) == 0
    assert house.phones.left == []


async def test_a_server_that_stops_ends_every_socket_and_tells_the_phones(house: House) -> None:
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        await house.app.shutdown()
        await asyncio.wait_for(page.gone.wait(), 20)
    assert house.phones.sockets == {}
    assert len(house.phone) == 0


async def test_the_same_tab_on_a_new_socket_replaces_the_old_one(house: House) -> None:
    async with open_page(house) as old:
        await old.send("hello", **HELLO)
        async with open_page(house) as new:
            await new.send("hello", **HELLO)
            await asyncio.wait_for(old.gone.wait(), 20)
            assert (await new.send("duty", on=True)) == {"ok": True}
            assert len(house.phones.sockets) == 1


async def test_signing_out_ends_the_session_s_sockets_and_then_the_user_s_calls(house: House) -> None:
    bert = await house.store.users.by_login("bert")
    assert bert is not None
    token = await house.sessions.open_tab(bert)
    async with open_page(house, "bert") as other, open_page(house, auth={"token": token}) as page:
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
    async with open_page(house, auth={"token": token}) as page:
        await page.send("hello", **HELLO)
        headers = {"Origin": house.origin, "Authorization": f"Bearer {token}"}
        assert (await house.client.delete("/api/v1/session", json={}, headers=headers)).status == 200
        await asyncio.wait_for(page.gone.wait(), 20)
        await until(lambda: bool(house.phones.left))
    assert house.phones.left == [("acme", "bert")]


async def test_signing_in_anew_as_the_same_user_leaves_the_calls_alone(house: House) -> None:
    answer = await house.log_in()
    cookie, csrf = f"sid={answer.cookies['sid'].value}", (await answer.json())["csrf"]
    async with open_page(house, auth={"csrf": csrf}, cookie=cookie) as page:
        await page.send("hello", **HELLO)
        assert (await house.log_in()).status == 200
        await asyncio.wait_for(page.gone.wait(), 20)
        await until(lambda: len(house.phone._tasks) == 1)
    assert house.phones.left == []


async def test_a_session_that_runs_out_ends_its_sockets_and_an_open_page_keeps_one_alive(house: House) -> None:
    async with open_page(house) as page:
        await page.send("hello", **HELLO)
        for _ in range(15):
            house.clock.now += 11 * 3600
            await house.phone._check_sessions()
            assert (await page.send("duty", on=True)) == {"ok": True}
        house.clock.now += 3 * 3600 + 1
        await house.phone._check_sessions()
        await asyncio.wait_for(page.gone.wait(), 20)
