import dataclasses

import pytest

from tests.sip.wire import answer_to, invite, other
from tests.web.house import House
from webpbx.model.call_record import CallRecord, LegRecord
from webpbx.model.cause import Cause
from webpbx.model.user import User
from webpbx.sip.trace import Recording, TracedMessage

CAME = invite(call_id="cid", extra='Authorization: Digest username="a", response="5ecret"\r\n').replace(
    b"sip:bob@", b"sip:+4915112345678@"
)


def record(
    call_id: str, *, tenant_id: str = "acme", started_ms: int = 1000, caller: str = "+4915112345678"
) -> CallRecord:
    legs = (
        LegRecord("leg-1", caller, "trunk", "in", started_ms, started_ms + 500, started_ms + 9000, sip_status=200),
        LegRecord("leg-2", "101", "browser", "out", started_ms + 20, user_id="anna", mos=4.25, cause=Cause.NORMAL),
    )
    return CallRecord(
        call_id,
        tenant_id,
        "in",
        started_ms,
        answered_ms=started_ms + 500,
        ended_ms=started_ms + 9000,
        caller_number=caller,
        caller_name="Carla",
        dialled="+493023125101",
        did="+493023125101",
        trunk_id="main",
        destinations=("extension:101",),
        answered_by="101",
        outcome="answered",
        cause=Cause.NORMAL,
        ended_by="callee",
        legs=legs,
    )


async def make_admin(house: House, user: User) -> None:
    users = house.store.tenant(user.tenant_id).users
    await users.remove(user.login)
    await users.add(dataclasses.replace(user, role="admin"))


@pytest.fixture
async def told(house: House) -> House:
    """Anna, who is an administrator here, is signed in; her company has a call with its SIP."""
    acme = house.store.tenant("acme")
    anna = next(user for user in await acme.users.all() if user.login == "anna")
    await make_admin(house, anna)
    await acme.call_records.put(record("call-1"))
    far = ("192.0.2.1", 5060)
    messages = (
        TracedMessage(1000, False, "UDP", far, "cid", CAME),
        TracedMessage(1200, True, "UDP", far, "cid", answer_to(CAME, 180), repeats=1),
        TracedMessage(9000, True, "UDP", far, "cid", other("BYE", call_id="cid")),
    )
    await acme.sip_traces.put("call-1", Recording(messages, {"cid": "leg-1"}), written_ms=9000)
    await house.log_in("anna")
    return house


async def test_an_administrator_sees_all_that_is_known_of_a_call(told: House) -> None:
    answer = await told.client.get("/api/v1/calls/call-1")
    assert answer.status == 200
    call = await answer.json()
    assert (call["caller_name"], call["dialled_name"], call["talk_ms"]) == ("Carla", "Anna Adler", 8500)
    assert (call["cause"], call["fault"], call["q850"], call["ended_by"]) == ("normal", "nobody", 16, "callee")
    assert [(leg["name"], leg["kind"], leg["cause"]) for leg in call["legs"]] == [
        ("Carla", "trunk", None),
        ("Anna Adler", "browser", "normal"),
    ]
    assert "tenant_id" not in call


async def test_the_sip_of_a_call_comes_in_order_without_secrets_and_with_numbers(told: House) -> None:
    answer = await (await told.client.get("/api/v1/calls/call-1/sip")).json()
    came, ringing, bye = answer["messages"]
    assert [message["label"] for message in answer["messages"]] == ["INVITE", "180 Whatever", "BYE"]
    assert came | {"text": "", "bytes": 0} == {
        "at_ms": 1000,
        "sent": False,
        "transport": "UDP",
        "far_end": "192.0.2.1:5060",
        "sip_call_id": "cid",
        "leg_id": "leg-1",
        "label": "INVITE",
        "method": "INVITE",
        "status": None,
        "cseq": 1,
        "sdp": True,
        "why": "",
        "repeats": 0,
        "bytes": 0,
        "text": "",
    }
    assert (ringing["sent"], ringing["status"], ringing["repeats"]) == (True, 180, 1)
    assert bye["sent"]
    assert "5ecret" not in came["text"]
    assert "+4915112345678" in came["text"]


async def test_the_text_to_send_on_is_a_file_with_masked_numbers_unless_they_are_asked_for(told: House) -> None:
    answer = await told.client.get("/api/v1/calls/call-1/sip.txt")
    text = await answer.text()
    assert answer.content_type == "text/plain"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="call-call-1.txt"'
    assert "INVITE (SDP)" in text
    assert "5112345678" not in text
    assert "Carla" not in text.partition("--- 1")[0]
    whole = await (await told.client.get("/api/v1/calls/call-1/sip.txt?numbers=1")).text()
    assert "+4915112345678" in whole
    assert "5ecret" not in whole


async def test_all_calls_of_the_company_are_listed_and_found(told: House) -> None:
    records = told.store.tenant("acme").call_records
    for number in range(2, 6):
        await records.put(record(f"call-{number}", started_ms=number * 10_000, caller=f"+4930000{number}"))
    await told.store.tenant("beta").call_records.put(record("theirs", tenant_id="beta", started_ms=99_000))

    async def ids(query: str) -> list[str]:
        answer = await (await told.client.get(f"/api/v1/calls/all?{query}")).json()
        return [call["id"] for call in answer["calls"]]

    assert await ids("") == ["call-5", "call-4", "call-3", "call-2", "call-1"]
    assert await ids("search=0151") == ["call-1"]
    assert await ids("search=anna") == ["call-5", "call-4", "call-3", "call-2", "call-1"]
    assert await ids("search=bert") == []
    assert await ids("from=20000&before=40000") == ["call-3", "call-2"]
    assert await ids("limit=2") == ["call-5", "call-4"]
    page = await (await told.client.get("/api/v1/calls/all?limit=2&before=20000")).json()
    assert ([call["id"] for call in page["calls"]], page["more"]) == (["call-1"], False)
    first = await (await told.client.get("/api/v1/calls/all?limit=2")).json()
    assert first["more"]
    assert (first["calls"][0]["caller_name"], first["calls"][0]["dialled_name"]) == ("Carla", "Anna Adler")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "before=x", "from=-1", "search=" + "x" * 65])
async def test_a_list_that_cannot_be_is_refused(told: House, query: str) -> None:
    answer = await told.client.get(f"/api/v1/calls/all?{query}")
    assert (answer.status, (await answer.json())["error_id"]) == (400, "bad_request")


PATHS = ("/api/v1/calls/all", "/api/v1/calls/call-1", "/api/v1/calls/call-1/sip", "/api/v1/calls/call-1/sip.txt")


@pytest.mark.parametrize("path", PATHS)
async def test_a_plain_user_may_not_look(told: House, path: str) -> None:
    await told.log_in("bert")
    answer = await told.client.get(path)
    assert (answer.status, (await answer.json())["error_id"]) == (403, "forbidden")


@pytest.mark.parametrize("path", PATHS)
async def test_a_stranger_is_asked_to_sign_in(house: House, path: str) -> None:
    assert (await house.client.get(path)).status == 401


@pytest.mark.parametrize("path", PATHS[1:])
async def test_another_company_s_administrator_finds_no_such_call(told: House, path: str) -> None:
    [zoe] = await told.store.tenant("beta").users.all()
    await make_admin(told, zoe)
    await told.log_in("zoe")
    answer = await told.client.get(path)
    assert (answer.status, (await answer.json())["error_id"]) == (404, "not_found")
    assert (await (await told.client.get("/api/v1/calls/all")).json())["calls"] == []


@pytest.mark.parametrize("call_id", ["nobody", "..%2f..%2fetc", "%00", "a" * 3000, "'%20OR%201=1"])
async def test_an_unknown_call_is_not_found(told: House, call_id: str) -> None:
    answer = await told.client.get(f"/api/v1/calls/{call_id}/sip")
    assert answer.status == 404
