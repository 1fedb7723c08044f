from dataclasses import dataclass, field

from tests.phone import Office, an_office
from tests.silent_media import SilentLeg, SilentMedia
from webpbx.calls.restore import restore
from webpbx.model.cause import Cause


@dataclass
class Hello:
    legs: tuple[str, ...] = ()
    bridges: tuple[tuple[str, str], ...] = ()


@dataclass
class Nobody:
    """A reviver that finds nobody."""

    asked: list[str] = field(default_factory=list)

    def revive(self, live: object, call: object) -> None:
        self.asked.append(f"{live is not None and call is not None}")


async def former_life() -> Office:
    """Leave an office in the middle of a conversation, and give it with what it had written."""
    async with an_office() as office:
        anna, bert = office.phone("101"), office.phone("102")
        anna.dial("102")
        await bert.rings()
        bert.answer()
        await anna.talks_to(bert)
        await office.until(lambda: any(row["bridge"] for row in office.live_calls.rows.values()))
        written = dict(office.live_calls.rows)
        anna.hang_up()
        await office.quiet()
    office.live_calls.rows = written
    return office


async def test_a_call_whose_parties_are_gone_is_recorded_as_interrupted_and_its_legs_are_closed() -> None:
    rows = (await former_life()).live_calls.rows
    async with an_office() as office:
        office.live_calls.rows = rows
        assert isinstance(office.media, SilentMedia)
        (row,) = rows.values()
        ids = tuple(leg["leg_id"] for leg in row["legs"])
        office.media.legs.update({leg_id: SilentLeg(()) for leg_id in (*ids, "stranger")})
        restored = await restore(
            office.live_calls,
            exchanges=office.exchanges,
            revivers={"phone": Nobody()},
            hellos={"0a": Hello((*ids, "stranger"), ((ids[0], ids[1]),))},
            media=office.media,
        )
        await office.quiet()
        assert (restored.taken_up, restored.ended, restored.unknown_legs) == (0, 1, 1)
        (record,) = office.records()
        assert (record.outcome, record.cause, record.ended_by) == ("interrupted", Cause.RESTARTED, "system")
        assert (record.caller_number, record.dialled, record.direction) == ("101", "102", "inside")
        assert [leg.user_id for leg in record.legs] == ["anna", "bert"]


async def test_a_call_of_a_company_that_is_no_more_is_forgotten() -> None:
    rows = (await former_life()).live_calls.rows
    for row in rows.values():
        row["tenant_id"] = "gone"
    async with an_office() as office:
        office.live_calls.rows = rows
        assert isinstance(office.media, SilentMedia)
        await restore(office.live_calls, exchanges=office.exchanges, revivers={}, hellos={}, media=office.media)
        await office.quiet()
