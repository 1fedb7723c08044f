from collections.abc import AsyncIterator

import pytest

from tests.phone import Office, an_office
from webpbx.calls.leg import LegState
from webpbx.model.cause import Cause


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with an_office() as office:
        yield office


async def test_one_colleague_calls_another_and_they_talk(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    anna.dial("102")
    await bert.rings()
    await anna.hears("ringback")
    assert office.exchange.presence() == {"101": "busy", "102": "ringing"}
    bert.answer()
    await anna.talks_to(bert)
    assert anna.line.state is LegState.ANSWERED
    assert (anna.line.peer.name, bert.line.peer.number) == ("Bert", "101")
    assert anna.line.audio.codecs == bert.line.audio.codecs == ("opus",)
    anna.hang_up()
    assert await bert.ended() is Cause.NORMAL
    await office.quiet()
    (record,) = office.records()
    assert (record.outcome, record.ended_by, record.answered_by) == ("answered", "caller", "102")
    assert office.exchange.presence() == {"101": "free", "102": "free"}


async def test_two_who_share_no_codec_are_translated_for(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    anna.codecs, bert.codecs = ("PCMA", "PCMU"), ("G722",)
    anna.dial("102")
    await bert.rings()
    bert.answer()
    await anna.talks_to(bert)
    assert anna.line.audio.codecs == ("PCMA", "PCMU")
    assert bert.line.audio.codecs == ("G722",)
    anna.hang_up()
    await office.quiet()


async def test_when_the_called_one_hangs_up_the_record_says_so(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    anna.dial("102")
    await bert.rings()
    bert.answer()
    await anna.talks_to(bert)
    bert.hang_up()
    assert await anna.ended() is Cause.NORMAL
    await office.quiet()
    assert office.records()[0].ended_by == "callee"


async def test_a_refusal_reaches_the_caller_by_name_and_as_the_busy_tone(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    leg = anna.dial("102")
    await bert.rings()
    bert.decline()
    await anna.hears("busy")
    assert (leg.cause, leg.state) == (Cause.DECLINED, LegState.RINGING)
    assert await anna.ended() is Cause.DECLINED
    await office.quiet()
    assert office.records()[0].outcome == "busy"


async def test_a_user_who_has_a_call_is_busy(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    bert.dial("600")
    await bert.hears(bert.line.id)
    anna.dial("102")
    assert await anna.ended() is Cause.BUSY
    assert "rings" not in bert.told
    bert.hang_up()
    await office.quiet()


async def test_whoever_calls_himself_is_busy(office: Office) -> None:
    anna = office.phone("101")
    anna.dial("101")
    assert await anna.ended() is Cause.BUSY
    await office.quiet()


async def test_of_two_who_call_a_third_in_one_tick_one_is_told_busy(office: Office) -> None:
    bert = office.phone("102")
    first, second = office.phone("101", on_duty=False), office.phone("101", on_duty=False)
    first.dial("102")
    second.dial("102")
    await bert.rings()
    assert await second.ended() is Cause.BUSY
    first.hang_up()
    await office.quiet()


async def test_nobody_on_duty_is_said_by_that_name(office: Office) -> None:
    office.phone("102", on_duty=False)
    anna = office.phone("101")
    leg = anna.dial("102")
    await anna.hears("congestion")
    assert leg.cause is Cause.NOT_REGISTERED
    assert await anna.ended() is Cause.NOT_REGISTERED
    await office.quiet()


async def test_an_unknown_number_is_a_call_that_ends_by_that_name(office: Office) -> None:
    anna = office.phone("101")
    anna.dial("999999")
    assert await anna.ended() is Cause.UNKNOWN_NUMBER
    await office.quiet()
    assert office.records()[0].outcome == "failed"


async def test_whoever_does_not_answer_in_time_is_rung_no_more() -> None:
    async with an_office() as office:
        object.__setattr__(office.snapshot.tenant, "ring_time", 0.02)
        anna, bert = office.phone("101"), office.phone("102")
        anna.dial("102")
        await bert.rings()
        assert await bert.ended() is Cause.NO_ANSWER
        assert await anna.ended() is Cause.NO_ANSWER
        await office.quiet()
        assert office.records()[0].outcome == "no_answer"


async def test_all_devices_ring_and_the_others_learn_that_one_has_answered(office: Office) -> None:
    anna, desk, laptop = office.phone("101"), office.phone("102"), office.phone("102")
    anna.dial("102")
    await desk.rings()
    await laptop.rings()
    laptop.answer()
    await anna.talks_to(laptop)
    assert await desk.ended() is Cause.ANSWERED_ELSEWHERE
    anna.hang_up()
    await office.quiet()


async def test_of_two_answers_in_one_tick_exactly_one_has_the_call(office: Office) -> None:
    anna, desk, laptop = office.phone("101"), office.phone("102"), office.phone("102")
    anna.dial("102")
    await desk.rings()
    await laptop.rings()
    assert desk.answer()
    assert not laptop.answer()
    await anna.talks_to(desk)
    assert await laptop.ended() is Cause.ANSWERED_ELSEWHERE
    anna.hang_up()
    await office.quiet()


async def test_one_device_that_declines_speaks_for_its_user(office: Office) -> None:
    anna, desk, laptop = office.phone("101"), office.phone("102"), office.phone("102")
    anna.dial("102")
    await desk.rings()
    await laptop.rings()
    desk.decline()
    assert await laptop.ended() is Cause.DECLINED
    assert await anna.ended() is Cause.DECLINED
    await office.quiet()


async def test_a_device_that_answers_before_the_others_are_rung_spares_them(office: Office) -> None:
    anna, eager, slow = office.phone("101"), office.phone("102"), office.phone("102")
    eager.answers_at_once = True
    anna.dial("102")
    await eager.rings()
    await anna.talks_to(eager)
    assert "rings" not in slow.told
    eager.hang_up()
    await office.quiet()


async def test_a_device_that_fails_to_ring_does_not_keep_the_other_from_ringing(office: Office) -> None:
    anna, broken, bert = office.phone("101"), office.phone("102"), office.phone("102")

    async def fail(*_: object) -> None:
        raise OSError("no such tab")

    broken.invite = fail  # type: ignore[method-assign,assignment]
    anna.dial("102")
    await bert.rings()
    bert.answer()
    await anna.talks_to(bert)
    anna.hang_up()
    await office.quiet()


async def test_a_caller_who_goes_before_the_answer_leaves_a_cancelled_call(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    anna.dial("102")
    await bert.rings()
    anna.hang_up()
    assert await bert.ended() is Cause.CANCELLED
    await office.quiet()
    assert office.records()[0].outcome == "cancelled"
