from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.phone import Office, an_office
from tests.silent_media import SilentMedia
from webpbx.calls.exchange import NoMedia, ShuttingDown
from webpbx.calls.facts import CallEnded, CallStarted, PresenceChanged
from webpbx.media.errors import WorkerLost
from webpbx.model.cause import Cause


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with an_office() as office:
        yield office


async def test_a_call_is_written_before_anybody_is_told_and_its_answer_before_the_caller_is(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    anna.dial("102")
    await bert.rings()
    assert office.story.index("written idle idle") < office.story.index("102 rings")
    bert.answer()
    await anna.talks_to(bert)
    assert office.story.index("written answered answered") < office.story.index("101 answered")
    anna.hang_up()
    await office.quiet()
    assert office.story[-1] == "removed"


async def test_a_call_that_cannot_be_written_is_not_made(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    office.live_calls.fails = True
    anna.dial("102")
    assert await anna.ended() is Cause.FAILED
    assert bert.told == []
    office.live_calls.fails = False
    await office.quiet()


async def test_people_who_talk_go_on_talking_when_the_store_fails(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    anna.dial("102")
    await bert.rings()
    bert.answer()
    await office.until(lambda: "101 answered" in office.story)
    office.live_calls.fails = True
    await anna.talks_to(bert)
    office.live_calls.fails = False
    anna.hang_up()
    await office.quiet()
    assert office.records()[0].outcome == "answered"


async def test_a_running_call_keeps_the_settings_it_began_with(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    leg = anna.dial("102")
    await bert.rings()
    office.exchange.use(replace(office.snapshot, users={}))
    assert leg.call.snapshot is office.snapshot
    bert.answer()
    await anna.talks_to(bert)
    bert.hang_up()
    await office.quiet()
    anna.dial("102")
    assert await anna.ended() is not Cause.BUSY
    await office.quiet()


async def test_a_draining_exchange_takes_no_call_and_waits_for_those_that_are_up(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    anna.dial("102")
    await bert.rings()
    office.exchange.drain()
    with pytest.raises(ShuttingDown):
        office.phone("102").dial("101")
    bert.answer()
    await anna.talks_to(bert)
    bert.hang_up()
    await office.exchange.close(drain_seconds=60)
    assert office.records()[0].cause is Cause.NORMAL


async def test_what_is_still_up_when_the_drain_is_over_ends_by_that_name(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    anna.dial("102")
    await bert.rings()
    bert.answer()
    await anna.talks_to(bert)
    await office.exchange.close(drain_seconds=0.01)
    assert (anna.ends, bert.ends) == ([Cause.SHUTTING_DOWN], [Cause.SHUTTING_DOWN])
    with pytest.raises(ShuttingDown):
        anna.dial("102")


async def test_without_a_media_worker_no_call_is_taken(office: Office) -> None:
    office.media.choose = lambda: None  # type: ignore[method-assign]
    with pytest.raises(NoMedia):
        office.phone("101").dial("102")
    assert office.exchange.calls == {}


async def test_presence_follows_the_telephones(office: Office) -> None:
    seen: list[tuple[str, str]] = []
    anna, bert = office.phone("101"), office.phone("102")
    anna.dial("102")
    await bert.rings()
    bert.answer()
    await anna.talks_to(bert)
    anna.hang_up()
    await office.quiet()
    office.exchange.unregister(bert)
    seen = [(fact.extension, fact.presence) for fact in office.facts if isinstance(fact, PresenceChanged)]
    assert [presence for extension, presence in seen if extension == "102"] == [
        "free",
        "ringing",
        "busy",
        "free",
        "offline",
    ]
    assert [presence for extension, presence in seen if extension == "101"] == ["free", "busy", "free"]


async def test_a_record_is_opened_and_completed_under_one_id(office: Office) -> None:
    anna = office.phone("101")
    anna.dial("600")
    await anna.hears(anna.line.id)
    anna.hang_up()
    await office.quiet()
    started = next(fact.record for fact in office.facts if isinstance(fact, CallStarted))
    ended = next(fact.record for fact in office.facts if isinstance(fact, CallEnded))
    assert started.id == ended.id
    assert (started.ended_ms, started.outcome) == (None, None)
    assert (ended.outcome, ended.cause, [leg.kind for leg in ended.legs]) == ("answered", Cause.NORMAL, ["phone"])


async def test_a_worker_that_refuses_ends_the_call_and_not_the_exchange(office: Office) -> None:
    anna, bert = office.phone("101"), office.phone("102")
    assert isinstance(office.media, SilentMedia)
    office.media.refuse, office.media.failure = {"connect"}, WorkerLost("gone")
    anna.dial("102")
    await bert.rings()
    bert.answer()
    assert await anna.ended() is Cause.MEDIA_LOST
    await office.quiet()
    office.media.refuse = set()
    anna.dial("600")
    await anna.hears(anna.line.id)
    anna.hang_up()
    await office.quiet()


async def test_a_fault_in_an_application_ends_its_call_only(
    office: Office, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = office.phone("101")
    monkeypatch.setattr("webpbx.calls.call.Call.loop_back", lambda _call: 1 // 0)
    anna.dial("600")
    assert await anna.ended() is Cause.FAILED
    await office.quiet()
    assert "failed" in caplog.text
