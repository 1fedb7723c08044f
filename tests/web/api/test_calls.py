import pytest

from tests.web.house import House
from webpbx.model.call_record import CallRecord, LegRecord
from webpbx.model.cause import Cause


def _record(number: int, *, tenant_id: str = "acme", user_id: str = "anna") -> CallRecord:
    leg = LegRecord(
        f"leg{number}", "101", "browser", "in", started_ms=number, user_id=user_id, mos=4.1, cause=Cause.BUSY
    )
    return CallRecord(
        f"call{number}",
        tenant_id,
        "out",
        started_ms=number,
        answered_ms=number + 5,
        ended_ms=number + 25,
        caller_number="101",
        dialled="030 1234567",
        trunk_id=None,
        route_id="r1",
        destinations=("outside:+49301234567",),
        outcome="busy",
        cause=Cause.BUSY,
        sip_status=486,
        ended_by="callee",
        legs=(leg,),
    )


async def test_a_user_sees_the_own_calls_the_newest_first_and_nobody_else_s(house: House) -> None:
    for number in (1000, 3000, 2000):
        await house.store.tenant("acme").call_records.put(_record(number))
    await house.store.tenant("acme").call_records.put(_record(4000, user_id="bert"))
    await house.store.tenant("beta").call_records.put(_record(5000, tenant_id="beta", user_id="zoe"))
    await house.log_in("anna")
    answer = await house.client.get("/api/v1/calls")
    calls = (await answer.json())["calls"]
    assert [call["id"] for call in calls] == ["call3000", "call2000", "call1000"]
    assert calls[0] == {
        "id": "call3000",
        "direction": "out",
        "started_ms": 3000,
        "answered_ms": 3005,
        "ended_ms": 3025,
        "caller_number": "101",
        "caller_name": None,
        "dialled": "030 1234567",
        "did": None,
        "trunk_id": None,
        "destinations": ["outside:+49301234567"],
        "answered_by": None,
        "outcome": "busy",
        "cause": "busy",
        "sip_status": 486,
        "ended_by": "callee",
        "talk_ms": 20,
        "quality": 4.1,
    }


async def test_older_calls_come_page_by_page(house: House) -> None:
    for number in range(1, 6):
        await house.store.tenant("acme").call_records.put(_record(number))
    await house.log_in("anna")
    first = (await (await house.client.get("/api/v1/calls?limit=2")).json())["calls"]
    next_ = (await (await house.client.get(f"/api/v1/calls?limit=2&before={first[-1]['started_ms']}")).json())["calls"]
    assert [call["id"] for call in first + next_] == ["call5", "call4", "call3", "call2"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=-1", "limit=ten", "limit=", "limit=%D9%A3", "before=1e5", "before=" + "9" * 40],
)
async def test_a_page_that_cannot_be_is_refused(house: House, query: str) -> None:
    await house.log_in("anna")
    answer = await house.client.get(f"/api/v1/calls?{query}")
    assert (answer.status, (await answer.json())["error_id"]) == (400, "bad_request")
