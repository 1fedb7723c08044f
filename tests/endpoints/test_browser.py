import itertools
from collections.abc import AsyncIterator

import pytest

from tests.endpoints.desk import Desk
from tests.phone import an_office
from tests.silent_media import Event
from webpbx.calls.leg import LegState
from webpbx.endpoints.browser import MOST_CALLS, BrowserEndpoint
from webpbx.endpoints.browser_errors import BadDigits, BadNumber, BadSdp, Gone, OffLine, Taken, TooManyCalls
from webpbx.model.cause import Cause


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with an_office() as office:
        yield Desk(office)


async def test_one_tab_calls_another_and_both_pages_see_every_step(desk: Desk) -> None:
    anna, calling, bert, ringing = await desk.connected()
    outgoing, incoming = desk.calls("anna")[0], desk.calls("bert")[0]
    assert (outgoing.direction, outgoing.number, outgoing.name, outgoing.state) == ("out", "102", "Bert", "answered")
    assert (incoming.direction, incoming.number, incoming.name, incoming.state) == ("in", "101", "Anna", "answered")
    await anna.hang_up(calling)
    assert (await desk.sees("bert", "ended")).cause is Cause.NORMAL
    await desk.office.quiet()
    assert desk.calls("anna") == desk.calls("bert") == ()
    assert [call.state for call in desk.shown("bert") if call.leg_id == ringing].count("ended") == 1
    assert bert.seats == {}


async def test_a_call_is_written_before_the_page_knows_it_and_an_answer_before_it_counts(desk: Desk) -> None:
    anna, bert = desk.open("anna"), desk.open("bert")
    await anna.dial("102")
    assert desk.office.story[0] == "written idle"
    ringing = await desk.rings("bert")
    assert "written idle idle" in desk.office.story
    desk.office.live_calls.fails = True
    with pytest.raises(OSError, match="no space"):
        await bert.answer(ringing)
    assert desk.calls("bert")[0].state == "ringing"
    desk.office.live_calls.fails = False
    await bert.hang_up(ringing)
    await desk.office.quiet()


async def test_an_answer_is_attached_to_an_offer_in_the_codecs_of_the_call(desk: Desk) -> None:
    anna, calling, bert, ringing = await desk.connected()
    assert await anna.attach(calling, sdp="offer", generation=3) == ("answer to offer", 3)
    assert desk.media.legs[calling].generation == 3
    assert desk.calls("anna")[0].attach == "open"
    with pytest.raises(Taken):
        await anna.attach(calling, sdp="older", generation=2)
    await bert.hang_up(ringing)
    await desk.office.quiet()


async def test_where_a_call_is_and_that_it_is_muted_is_written_for_a_restart(desk: Desk) -> None:
    anna, calling, _, _ = await desk.connected()
    await anna.mute(calling, True)
    mobile = desk.open("anna", device="mobile")
    await mobile.attach(calling, sdp="mobile", generation=1)
    (row,) = desk.office.live_calls.rows.values()
    written = next(leg for leg in row["legs"] if leg["leg_id"] == calling)
    assert (written["muted"], written["data"]["device_id"]) == (True, "mobile")
    desk.office.live_calls.fails = True
    await mobile.mute(calling, False)
    assert not desk.media.legs[calling].muted
    desk.office.live_calls.fails = False
    await mobile.hang_up(calling)
    await desk.office.quiet()


async def test_an_offer_the_worker_cannot_use_is_refused_and_the_call_lives(desk: Desk) -> None:
    anna, calling, _, _ = await desk.connected()
    desk.media.refuse.add("browser_leg")
    with pytest.raises(BadSdp):
        await anna.attach(calling, sdp="nonsense", generation=1)
    desk.media.refuse.clear()
    assert desk.calls("anna")[0].state == "answered"
    await anna.hang_up(calling)
    await desk.office.quiet()


async def test_a_call_outside_is_attached_in_the_trunk_s_codecs(desk: Desk) -> None:
    anna = desk.open("anna")
    calling = await anna.dial("030901820")
    main = desk.office.lines["main"]
    await main.rings()
    assert desk.calls("anna")[0].outside
    main.answer()
    await anna.attach(calling, sdp="offer", generation=1)
    assert desk.media.legs[calling].codecs == ("PCMA", "PCMU")
    await anna.hang_up(calling)
    await desk.office.quiet()


async def test_who_hangs_up_right_after_answering_ends_the_call_and_nothing_has_failed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    anna, bert = desk.open("anna"), desk.open("bert")
    await anna.dial("102")
    ringing = await desk.rings("bert")
    desk.media.refuse.add("connect")  # as the worker does once the leg has gone
    await bert.answer(ringing)
    await bert.hang_up(ringing)
    await desk.office.quiet()
    (record,) = desk.office.records()
    assert record.cause is Cause.NORMAL
    assert "media worker failed" not in caplog.text


async def test_declining_tells_the_caller_so(desk: Desk) -> None:
    anna, bert = desk.open("anna"), desk.open("bert")
    await anna.dial("102")
    await bert.hang_up(await desk.rings("bert"))
    assert (await desk.sees("anna", "ended")).cause is Cause.DECLINED
    await desk.office.quiet()


async def test_a_caller_who_changes_his_mind_leaves_a_cancelled_call(desk: Desk) -> None:
    anna = desk.open("anna")
    desk.open("bert")
    calling = await anna.dial("102")
    await desk.rings("bert")
    await anna.hang_up(calling)
    await anna.hang_up(calling)
    assert (await desk.sees("bert", "ended")).cause is Cause.CANCELLED
    await desk.office.quiet()


async def test_the_reason_is_shown_while_the_busy_tone_sounds(desk: Desk) -> None:
    anna = desk.open("anna")
    leg_id = await anna.dial("999999")
    await desk.office.until(lambda: desk.media.heard_by(leg_id) == "congestion")
    (shown,) = desk.calls("anna")
    assert (shown.state, shown.cause) == ("idle", Cause.UNKNOWN_NUMBER)
    await desk.sees("anna", "ended")
    await desk.office.quiet()


async def test_a_tab_that_never_attaches_is_shown_the_reason_only(desk: Desk) -> None:
    desk.media.attaches_at_once = False
    anna = desk.open("anna")
    await anna.dial("999999")
    assert (await desk.sees("anna", "ended")).cause is Cause.UNKNOWN_NUMBER
    assert not [verb for verb, _ in desk.media.verbs if verb == "tone"]
    await desk.office.quiet()


async def test_reloading_the_page_brings_the_same_call_back(desk: Desk) -> None:
    anna, calling, _, ringing = await desk.connected()
    await anna.attach(calling, sdp="first", generation=1)
    desk.close("anna")
    assert not anna.on_duty
    assert desk.calls("anna")[0].state == "answered"
    again = desk.open("anna", tab="t2")
    assert again is anna
    assert desk.calls("anna")[0].attach == "needed"
    await again.attach(calling, sdp="second", generation=2)
    assert desk.calls("anna")[0].attach == "open"
    assert desk.media.heard_by(calling) == ringing
    await again.hang_up(calling)
    await desk.office.quiet()


async def test_a_tab_that_does_not_come_back_ends_its_call_by_that_name() -> None:
    async with an_office() as office:
        desk = Desk(office, grace=0.01)
        await desk.connected()
        desk.close("anna")
        assert (await desk.sees("anna", "ended")).cause is Cause.LOST_TAB
        assert (await desk.sees("bert", "ended")).cause is Cause.LOST_TAB
        await office.quiet()


async def test_while_one_tab_is_away_the_other_hears_the_hold_sound_and_is_told(desk: Desk) -> None:
    anna, calling, _, ringing = await desk.connected()
    desk.office.exchanges.on_media_event(Event(calling, "media_lost", {"seconds": 2}))
    await desk.office.until(lambda: desk.media.heard_by(ringing) == "hold.wav")
    assert desk.calls("bert")[0].far_media == "lost"
    desk.office.exchanges.on_media_event(Event(calling, "media_back", {}))
    await desk.office.until(lambda: desk.media.heard_by(ringing) == calling)
    assert desk.calls("bert")[0].far_media == "ok"
    await anna.hang_up(calling)
    await desk.office.quiet()


async def test_a_call_that_ends_as_its_hold_sound_begins_is_no_fault(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    anna, calling, _, ringing = await desk.connected()
    desk.media.refuse.add("play")
    desk.office.exchanges.on_media_event(Event(calling, "media_lost", {"seconds": 2}))
    await desk.office.until(lambda: ("play", ringing) in desk.media.verbs)
    await anna.hang_up(calling)
    await desk.office.quiet()
    assert "hold sound" not in caplog.text


async def test_a_leg_the_worker_gave_up_is_put_back_into_its_call_by_the_next_attach(desk: Desk) -> None:
    anna, calling, bert, ringing = await desk.connected()
    await anna.mute(calling, True)
    del desk.media.legs[calling]
    desk.office.exchanges.on_media_event(Event(calling, "gone", {"reason": "half_open"}))
    assert desk.calls("anna")[0].attach == "needed"
    await anna.attach(calling, sdp="again", generation=5)
    assert desk.media.heard_by(calling) == ringing
    assert desk.media.legs[calling].muted
    await bert.hang_up(ringing)
    await desk.office.quiet()


async def test_another_device_takes_a_call_over(desk: Desk) -> None:
    anna, calling, _, ringing = await desk.connected()
    mobile = desk.open("anna", device="mobile")
    await mobile.attach(calling, sdp="mobile", generation=1)
    (call,) = desk.calls("anna")
    assert call.device_id == "mobile"
    assert call.to_json(device_id="laptop")["here"] is False
    assert call.to_json(device_id="mobile")["here"] is True
    assert anna.seats == {}
    desk.close("anna")
    assert desk.media.heard_by(calling) == ringing
    await mobile.hang_up(calling)
    await desk.office.quiet()


async def test_a_call_that_rings_on_several_devices_is_answered_on_one(desk: Desk) -> None:
    anna, laptop, mobile = desk.open("anna"), desk.open("bert"), desk.open("bert", device="mobile")
    await anna.dial("102")
    await desk.office.until(lambda: [call.state for call in desk.calls("bert")] == ["ringing", "ringing"])
    first, second = (call.leg_id for call in desk.calls("bert"))
    with pytest.raises(Taken):
        await mobile.answer(first)
    await laptop.answer(first)
    with pytest.raises((Gone, Taken)):
        await mobile.answer(second)
    ended = next(call for call in desk.shown("bert") if call.leg_id == second and call.state == "ended")
    assert ended.cause is Cause.ANSWERED_ELSEWHERE
    await laptop.hang_up(first)
    await desk.office.quiet()


async def test_mute_and_keys_reach_the_worker_and_the_worst_quality_the_record(desk: Desk) -> None:
    anna, calling, _, _ = await desk.connected()
    await anna.mute(calling, True)
    assert desk.media.legs[calling].muted
    assert desk.calls("anna")[0].muted
    await anna.digits(calling, "1#")
    assert ("push_digits", calling) in desk.media.verbs
    anna.quality(calling, mos=4.1, loss=0.0, jitter_ms=2.0, rtt_ms=20.0)
    anna.quality(calling, mos=3.0, loss=0.1, jitter_ms=9.0, rtt_ms=80.0)
    anna.quality(calling, mos=4.4, loss=0.0, jitter_ms=1.0, rtt_ms=10.0)
    await anna.hang_up(calling)
    await desk.office.quiet()
    leg = next(leg for leg in desk.office.records()[0].legs if leg.id == calling)
    assert (leg.mos, leg.loss, leg.device) == (3.0, 0.1, "laptop")


async def test_what_cannot_be_done_is_said_by_name(desk: Desk) -> None:
    anna = desk.open("anna")
    with pytest.raises(BadNumber):
        await anna.dial("call me")
    with pytest.raises(Gone):
        await anna.answer("nowhere")
    with pytest.raises(BadDigits):
        await anna.digits("nowhere", "x")
    desk.close("anna")
    with pytest.raises(OffLine):
        await anna.dial("102")
    with pytest.raises(OffLine):
        anna.duty(True)


async def test_nobody_has_more_calls_than_anybody_can_use_on_whatever_devices_but_for_an_emergency(desk: Desk) -> None:
    anna = desk.open("anna")
    for number in range(MOST_CALLS):
        await desk.open("anna", device=f"device {number}").dial("600")
    with pytest.raises(TooManyCalls):
        await anna.dial("600")
    await anna.dial("112")
    await desk.office.lines["main"].rings()
    await desk.phones.leave("acme", "anna")
    await desk.office.quiet()


async def test_nobody_touches_another_user_s_call(desk: Desk) -> None:
    anna, calling, bert, ringing = await desk.connected()
    with pytest.raises(Gone):
        await anna.attach(ringing, sdp="steal", generation=9)
    await anna.hang_up(ringing)
    assert desk.calls("bert")[0].state == "answered"
    await bert.hang_up(ringing)
    await desk.office.quiet()
    assert calling not in anna.seats


async def test_signing_out_ends_the_user_s_calls(desk: Desk) -> None:
    await desk.connected()
    await desk.phones.leave("acme", "anna")
    assert (await desk.sees("bert", "ended")).cause is Cause.NORMAL
    await desk.office.quiet()
    assert desk.phones.presence("acme")["101"] == "offline"


async def test_a_worker_that_dies_ends_its_calls_by_that_name_and_the_next_call_works(desk: Desk) -> None:
    await desk.connected()
    desk.media.legs.clear()
    desk.office.exchanges.on_worker_lost("0a", ())
    assert (await desk.sees("anna", "ended")).cause is Cause.MEDIA_LOST
    await desk.office.quiet()
    _, calling, bert, ringing = await desk.connected()
    await bert.hang_up(ringing)
    await desk.office.quiet()
    assert calling


async def test_without_a_worker_there_is_no_call(desk: Desk) -> None:
    desk.media.worker = None
    anna = desk.open("anna")
    with pytest.raises(Exception, match="media worker"):
        await anna.dial("102")


async def attach_until_gone(device: BrowserEndpoint, leg_id: str) -> None:
    for generation in itertools.count(9):
        await device.attach(leg_id, sdp="late", generation=generation)


async def test_an_attach_that_comes_with_the_end_leaves_no_leg_in_the_worker(desk: Desk) -> None:
    anna, calling, bert, ringing = await desk.connected()
    line = desk.office.exchange.legs[calling]
    await bert.hang_up(ringing)
    with pytest.raises(Gone):
        await attach_until_gone(anna, calling)
    await desk.office.quiet()
    assert line.state is LegState.ENDED
