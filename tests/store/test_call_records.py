import dataclasses

from webpbx.model.call_record import CallRecord, LegRecord
from webpbx.model.cause import Cause
from webpbx.store.store import Store


def record(number: int, *users: str) -> CallRecord:
    legs = tuple(
        LegRecord(
            f"l{number}-{user}", "101", "browser", "in", number, user_id=user, cause=Cause.BUSY, loss=0.25, mos=4.2
        )
        for user in users
    )
    return CallRecord(f"c{number}", "acme", "out", number, legs=legs)


async def test_a_record_is_opened_and_written_over_until_the_call_ends(store: Store) -> None:
    records = store.tenant("acme").call_records
    opened = record(1000, "anna-id")
    await records.put(opened)
    assert await records.get("c1000") == opened
    ended = dataclasses.replace(
        opened, answered_ms=2000, ended_ms=3000, caller_number="101", caller_name="Anna", dialled="030 1",
        did="+493023125000", trunk_id="main", route_id="home", destinations=("outside:+493023125001",),
        answered_by="+493023125001", outcome="answered", cause=Cause.NORMAL, sip_status=200, ended_by="callee",
    )  # fmt: skip
    await records.put(ended)
    assert await records.get("c1000") == ended
    assert await records.recent() == [ended]


async def test_a_user_sees_the_calls_they_were_in_newest_first_page_by_page(store: Store) -> None:
    records = store.tenant("acme").call_records
    for number in range(1, 8):
        await records.put(record(number, "anna-id", *(["bert-id"] if number % 2 else [])))
    assert [row.id for row in await records.of_user("bert-id")] == ["c7", "c5", "c3", "c1"]
    first = await records.of_user("anna-id", limit=3)
    assert [row.id for row in first] == ["c7", "c6", "c5"]
    rest = await records.of_user("anna-id", before_ms=first[-1].started_ms)
    assert [row.id for row in rest] == ["c4", "c3", "c2", "c1"]
    assert await records.of_user("carl-id") == []


async def test_a_company_sees_its_own_records_only(store: Store) -> None:
    await store.tenant("acme").call_records.put(record(1, "anna-id"))
    other = store.tenant("other").call_records
    assert await other.get("c1") is None
    assert await other.recent() == []
    assert await other.of_user("anna-id") == []


async def test_calls_that_died_with_the_switch_are_closed_as_interrupted(store: Store) -> None:
    records = store.tenant("acme").call_records
    ended = dataclasses.replace(record(1), ended_ms=2, outcome="busy", cause=Cause.BUSY)
    for row in (ended, record(2), record(3)):
        await records.put(row)
    assert await store.close_interrupted(living={"c3"}) == 1
    assert await records.get("c1") == ended
    dead, living = await records.get("c2"), await records.get("c3")
    assert dead is not None
    assert living is not None
    assert (dead.outcome, dead.cause, dead.ended_by, dead.ended_ms) == (
        "interrupted", Cause.RESTARTED, "system", 1_700_000_000_000,
    )  # fmt: skip
    assert living.ended_ms is None


async def test_calls_are_found_by_a_part_of_a_number_or_name(store: Store) -> None:
    records = store.tenant("acme").call_records
    for number, changes in enumerate(
        (
            {"caller_number": "+4915112345678", "caller_name": "Carla 100%"},
            {"dialled": "+493023125000"},
            {"did": "+4930555101", "answered_by": "101"},
            {"caller_number": "102", "dialled": "103"},
        ),
        1,
    ):
        await records.put(dataclasses.replace(record(number), **changes))  # type: ignore[arg-type]  # values by name

    async def found(text: str, *extensions: str) -> list[str]:
        return [one.id for one in await records.search(text, extensions=extensions)]

    assert await found("") == ["c4", "c3", "c2", "c1"]
    assert await found("0151 123") == ["c1"]
    assert await found("+49 151/123") == ["c1"]
    assert await found("0049151") == ["c1"]
    assert await found("carla") == ["c1"]
    assert await found("100%") == ["c1"]
    assert await found("%") == ["c1"]
    assert await found("_") == []
    assert await found("101") == ["c3"]
    assert await found("Ben", "102", "101") == ["c4", "c3"]
    assert await found("'; DROP TABLE call_records; --") == []


async def test_found_calls_come_by_day_and_page(store: Store) -> None:
    records = store.tenant("acme").call_records
    for number in range(10, 20):
        await records.put(record(number))
    page = await records.search(limit=3, from_ms=12, before_ms=18)
    assert [one.id for one in page] == ["c17", "c16", "c15"]
    assert [one.id for one in await records.search(from_ms=12, before_ms=15)] == ["c14", "c13", "c12"]
    assert await store.tenant("other").call_records.search() == []
