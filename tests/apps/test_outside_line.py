import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.phone import ANNOUNCEMENT, Office, an_office
from tests.silent_media import SilentMedia
from webpbx.apps.outside_line import EMERGENCY_RINGS
from webpbx.calls.call import Call
from webpbx.calls.leg import Party
from webpbx.model.cause import Cause
from webpbx.model.destination import ToOutside

BERLIN = "030 901820"


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with an_office() as office:
        yield office


async def test_a_user_talks_to_the_outside_in_the_trunk_s_codecs_under_his_own_number(office: Office) -> None:
    anna, main = office.phone("101"), office.lines["main"]
    anna.dial(BERLIN)
    leg = await main.rings()
    assert leg.party.number == "+4930901820"
    assert main.callers == [Party("+4930901820101", "")]
    leg.ringing()
    await anna.hears("ringback")
    main.answer()
    await anna.talks_to(main)
    assert anna.line.audio.codecs == leg.audio.codecs == ("PCMA", "PCMU")
    main.hang_up()
    assert await anna.ended() is Cause.NORMAL
    await office.quiet()
    (record,) = office.records()
    assert (record.direction, record.trunk_id, record.route_id) == ("out", "main", "r1")


async def test_who_has_no_number_of_his_own_shows_the_trunk_s(office: Office) -> None:
    bert, main = office.phone("102"), office.lines["main"]
    bert.dial(BERLIN)
    await main.rings()
    assert main.callers[0].number == "+4930901820"
    bert.hang_up()
    await office.quiet()


async def test_a_second_trunk_is_offered_its_own_codecs_where_it_knows_none_of_the_first_s(office: Office) -> None:
    anna, main, spare = office.phone("101"), office.lines["main"], office.lines["spare"]
    main.codecs, spare.codecs = ("PCMA",), ("PCMU",)
    anna.dial(BERLIN)
    leg = await main.rings()
    leg.ended(Cause.TRUNK_DOWN)
    assert (await spare.rings()).audio.codecs == ("PCMU",)
    assert anna.line.audio.codecs == ("PCMA",)
    spare.answer()
    await anna.talks_to(spare)
    anna.hang_up()
    await office.quiet()


@pytest.mark.parametrize(("keys", "limit"), [(BERLIN, 42), ("112", EMERGENCY_RINGS)])
async def test_an_outside_number_rings_as_long_as_its_trunk_s_limit_and_an_emergency_on(
    office: Office, monkeypatch: pytest.MonkeyPatch, keys: str, limit: float
) -> None:
    snapshot = office.exchange.snapshot
    main = replace(snapshot.trunks["main"], ring_limit=42)
    office.exchange.use(replace(snapshot, trunks={**snapshot.trunks, "main": main}))
    dial = Call.dial
    limits: list[float] = []

    def hastily(call: Call, invitations: Any, *, timeout: float, **told: Any) -> Any:
        limits.append(timeout)
        return dial(call, invitations, timeout=0.01, **told)

    monkeypatch.setattr(Call, "dial", hastily)
    anna = office.phone("101")
    anna.dial(keys)
    (await office.lines["main"].rings()).ringing()
    assert await anna.ended() is Cause.NO_ANSWER
    assert limits == [limit]
    await office.quiet()


async def test_a_short_number_of_the_country_is_rung_as_it_was_dialled(office: Office) -> None:
    anna, main = office.phone("101"), office.lines["main"]
    anna.dial("116 117")
    assert (await main.rings()).party.number == "116117"
    anna.hang_up()
    await office.quiet()
    (record,) = office.records()
    assert (record.direction, record.route_id) == ("out", "r1")


async def test_what_the_far_side_plays_before_its_answer_is_heard_one_way(office: Office) -> None:
    anna, main = office.phone("101"), office.lines["main"]
    anna.dial(BERLIN)
    leg = await main.rings()
    leg.ringing()
    await anna.hears("ringback")
    leg.early_media()
    await anna.hears(leg.id)
    assert office.heard_by(leg) is None
    main.answer()
    await anna.talks_to(main)
    anna.hang_up()
    await office.quiet()


@pytest.mark.parametrize(
    ("cause", "status", "tone"),
    [
        (Cause.BUSY, 486, "busy"),
        (Cause.DECLINED, 603, "busy"),
        (Cause.UNKNOWN_NUMBER, 404, "congestion"),
    ],
)
async def test_the_far_side_s_refusal_reaches_the_caller_as_it_is(
    office: Office, cause: Cause, status: int, tone: str
) -> None:
    anna = office.phone("101")
    office.lines["main"].refusal = (cause, status)
    leg = anna.dial(BERLIN)
    await anna.hears(tone)
    assert (leg.cause, leg.sip_status) == (cause, status)
    assert await anna.ended() is cause
    assert not office.lines["spare"].invited.is_set()
    await office.quiet()
    assert office.records()[0].sip_status == status


@pytest.mark.parametrize(("cause", "status"), [(Cause.TRUNK_DOWN, 503), (Cause.FAILED, 500), (Cause.TIMEOUT, 408)])
async def test_a_trunk_that_fails_is_followed_by_the_next(office: Office, cause: Cause, status: int) -> None:
    anna, spare = office.phone("101"), office.lines["spare"]
    office.lines["main"].refusal = (cause, status)
    anna.dial(BERLIN)
    await spare.rings()
    spare.answer()
    await anna.talks_to(spare)
    anna.hang_up()
    await office.quiet()
    assert office.records()[0].trunk_id == "spare"


async def test_without_a_route_nobody_calls_out() -> None:
    async with an_office(routed=False) as office:
        anna = office.phone("101")
        anna.dial(BERLIN)
        assert await anna.ended() is Cause.NO_ROUTE
        await office.quiet()


async def test_the_cap_per_user_refuses_the_third_call(office: Office) -> None:
    phones = [office.phone("101") for _ in range(3)]
    for phone in phones:
        phone.dial(BERLIN)
    assert await phones[2].ended() is Cause.CALL_LIMIT
    for phone in phones[:2]:
        phone.hang_up()
    await office.quiet()
    assert office.exchange.outside_use("anna").calls_up == 0


async def test_an_emergency_passes_every_cap_and_needs_no_route() -> None:
    async with an_office(routed=False, max_outside_calls=0, max_outside_calls_per_user=0) as office:
        anna, unrouted = office.phone("101"), office.lines["unrouted"]
        office.lines["main"].up = office.lines["spare"].up = False
        anna.dial("112")
        leg = await unrouted.rings()
        assert (leg.party.number, leg.emergency) == ("112", True)
        unrouted.answer()
        await anna.talks_to(unrouted)
        anna.hang_up()
        await office.quiet()


@pytest.mark.parametrize("keys", ["112", "0112"])
async def test_an_emergency_number_needs_no_outside_prefix_and_may_have_it(keys: str) -> None:
    async with an_office(outside_prefix="0", outside_prefix_use="required") as office:
        anna, main = office.phone("101"), office.lines["main"]
        anna.dial(keys)
        assert (await main.rings()).party.number == "112"
        anna.hang_up()
        await office.quiet()


async def test_an_emergency_tries_every_trunk_that_is_up(office: Office) -> None:
    anna = office.phone("101")
    office.lines["main"].refusal = (Cause.TRUNK_REFUSED, 403)
    office.lines["spare"].refusal = (Cause.UNKNOWN_NUMBER, 404)
    anna.dial("112")
    await office.lines["unrouted"].rings()
    anna.hang_up()
    await office.quiet()


async def test_a_trunk_that_takes_an_emergency_and_never_lets_it_ring_is_followed_by_the_next(office: Office) -> None:
    office.exchange.patience = replace(office.exchange.patience, emergency_rings=0.05)
    anna = office.phone("101")
    anna.dial("112")
    await office.lines["main"].rings()
    ringing = await office.lines["spare"].rings()
    ringing.ringing()
    await anna.hears("ringback")
    await asyncio.sleep(0.1)
    assert ringing.up
    assert not office.lines["unrouted"].invited.is_set()
    anna.hang_up()
    await office.quiet()


async def test_a_trunk_that_says_it_goes_on_keeps_an_emergency_though_it_does_not_ring(office: Office) -> None:
    office.exchange.patience = replace(office.exchange.patience, emergency_rings=0.05)
    anna = office.phone("101")
    anna.dial("112")
    leg = await office.lines["main"].rings()
    leg.progressed = True
    await asyncio.sleep(0.15)
    assert leg.up
    anna.hang_up()
    await office.quiet()


async def test_an_emergency_is_tried_on_a_trunk_believed_down_once_those_believed_up_have_failed(
    office: Office,
) -> None:
    anna = office.phone("101")
    office.lines["main"].up = office.lines["unrouted"].up = False
    office.lines["spare"].refusal = (Cause.TRUNK_DOWN, 503)
    anna.dial("112")
    await office.lines["main"].rings()
    assert office.lines["spare"].invited.is_set()
    assert not office.lines["unrouted"].invited.is_set()
    office.lines["main"].answer()
    await anna.talks_to(office.lines["main"])
    anna.hang_up()
    await office.quiet()


async def test_a_trunk_that_has_filled_up_meanwhile_takes_no_call_that_another_has_failed(office: Office) -> None:
    anna, others = office.phone("101"), [office.phone("102") for _ in range(2)]
    main, spare = office.lines["main"], office.lines["spare"]
    anna.dial(BERLIN)
    failing = await main.rings()
    main.up = False
    for other in others:
        other.dial(BERLIN)
        await spare.rings()
        spare.invited.clear()
    failing.ended(Cause.TRUNK_DOWN, sip_status=503)
    assert await anna.ended() is Cause.TRUNK_DOWN
    assert not spare.invited.is_set()
    for other in others:
        other.hang_up()
    await office.quiet()


async def test_with_no_trunk_that_works_an_emergency_caller_hears_what_to_do(office: Office) -> None:
    assert isinstance(office.media, SilentMedia)
    anna = office.phone("101")
    for line in office.lines.values():
        line.up, line.refusal = False, (Cause.TRUNK_DOWN, 503)
    leg = anna.dial("112")
    await anna.hears(ANNOUNCEMENT)
    assert leg.cause is Cause.EMERGENCY_NO_TRUNK
    office.media.finish(leg.id)
    assert await anna.ended() is Cause.EMERGENCY_NO_TRUNK
    await office.quiet()


async def test_an_emergency_call_is_taken_even_while_the_switch_drains(office: Office) -> None:
    anna = office.phone("101")
    office.exchange.drain()
    anna.dial("112")
    await office.lines["main"].rings()
    anna.hang_up()
    await office.quiet()


async def test_nobody_calls_out_by_calling_in(office: Office) -> None:
    main = office.lines["main"]
    call = office.exchange.call_in(
        main, Party("+4915112345678"), destination=ToOutside("+4930901820"), dialled="x", direction="in"
    )
    await office.quiet()
    assert call.caller.cause is Cause.FORBIDDEN
