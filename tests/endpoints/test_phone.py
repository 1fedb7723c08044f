"""SIP telephones beside browser tabs and trunks; the sound is elsewhere."""

from dataclasses import replace

import pytest

from tests.endpoints.site import BERLIN, SDP, ended, event_of
from tests.endpoints.switchboard import Switchboard
from tests.phone import ANNOUNCEMENT
from webpbx.endpoints.phone import PhoneEndpoint
from webpbx.model.cause import Cause
from webpbx.model.device import DeviceBinding
from webpbx.sip.network import RegistrationHandle
from webpbx.sip.registration import RegistrationState
from webpbx.sip.session_events import Info, Progress


async def refused(board: Switchboard, handle: RegistrationHandle) -> None:
    await board.office.until(lambda: handle.state is RegistrationState.FAILED)


# -- registering -----------------------------------------------------------------------------------------------------


async def test_a_user_with_a_registered_telephone_is_free_without_a_tab(board: Switchboard) -> None:
    assert board.office.exchange.presence()["101"] == "offline"
    anna = await board.telephone("anna")
    assert board.office.exchange.presence()["101"] == "free"
    (place,) = board.phones.states()["k7f3-101"]
    assert place == f"127.0.0.1:{anna.network.address[1]} UDP"
    await anna.unregister()
    await board.office.until(lambda: board.office.exchange.presence()["101"] == "offline")


async def test_a_wrong_password_does_not_register_and_five_shut_the_right_one_out(board: Switchboard) -> None:
    for _ in range(5):
        anna = await board.telephone("anna", registered=False)
        await refused(board, await anna.register(secret="looking-glass"))
    await refused(board, await (await board.telephone("anna", registered=False)).register())
    await board.telephone("bert")
    assert board.office.exchange.presence() == {"101": "offline", "102": "free"}


async def test_an_older_telephone_is_asked_for_md5_alone(board: Switchboard) -> None:
    algorithms = board.phones.registrar.algorithms
    assert algorithms("k7f3-101") == ("SHA-256", "MD5")
    board.use({"anna": {"older": True}})
    assert algorithms("k7f3-101") == ("MD5",)
    await board.telephone("anna")
    assert board.office.exchange.presence()["101"] == "free"


def test_names_of_nobody_look_like_older_and_newer_telephones_and_always_the_same(board: Switchboard) -> None:
    names = [f"x{number}-101" for number in range(200)]
    asked = [tuple(board.phones.registrar.algorithms(name) or ()) for name in names]
    assert set(asked) == {("MD5",), ("SHA-256", "MD5")}
    assert asked == [tuple(board.phones.registrar.algorithms(name) or ()) for name in names]


@pytest.mark.parametrize("changes", [{"enabled": False}])
async def test_a_telephone_that_may_not_register_any_more_rings_no_more(
    board: Switchboard, changes: dict[str, bool]
) -> None:
    anna = await board.telephone("anna")
    board.use({"anna": changes})
    assert board.office.exchange.presence()["101"] == "offline"
    await refused(board, await anna.register())


async def test_a_telephone_that_is_given_to_somebody_else_rings_for_them(board: Switchboard) -> None:
    telephone = await board.telephone("anna")
    board.use({"anna": {"user_id": "bert"}})
    assert board.office.exchange.presence() == {"101": "offline", "102": "free"}
    await board.desk.open("anna").dial("102")
    await (await telephone.rings()).reject(603)
    await board.office.quiet()


async def test_registrations_are_written_and_a_new_switch_rings_the_telephone_at_once(board: Switchboard) -> None:
    anna = await board.telephone("anna")
    await board.office.until(lambda: bool(board.kept.rows.get("k7f3-101")))
    (row,) = board.kept.rows["k7f3-101"]
    assert (row.transport, row.port, row.since_ms) == ("UDP", anna.network.address[1], 1_700_000_000_000)
    port = board.network.address[1]
    for endpoint in board.office.exchange.endpoints("101"):
        board.office.exchange.unregister(endpoint)
    await board.close()
    board.kept.rows["w4x8-102"] = [
        DeviceBinding("w4x8-102", "sip:w4x8-102@127.0.0.1", "UDP", "127.0.0.1", 5060, 0, 1_700_000_000_000, "c", 1)
    ]
    await board.open(port=port)
    assert board.office.exchange.presence() == {"101": "free", "102": "offline"}
    bert = board.desk.open("bert")
    await bert.dial("101")
    assert (await anna.rings()).direction == "in"
    await board.office.until(lambda: board.kept.rows["w4x8-102"] == [])


# -- being called ----------------------------------------------------------------------------------------------------


async def test_a_tab_calls_a_telephone_and_the_telephone_hangs_up(board: Switchboard) -> None:
    anna, bert = await board.telephone("anna"), board.desk.open("bert")
    await bert.dial("101")
    session = await anna.rings()
    request = session.request
    assert request is not None
    assert (request.from_.display, request.from_.uri.user) == ("Bert", "102")  # type: ignore[union-attr]
    await session.ring()
    assert (await board.desk.sees("bert", "ringing")).number == "101"
    await session.answer(SDP)
    assert (await board.desk.sees("bert", "answered")).number == "101"
    assert board.office.exchange.presence()["101"] == "busy"
    await session.hang_up()
    assert (await board.desk.sees("bert", "ended")).cause is Cause.NORMAL
    await board.office.quiet()
    (record,) = board.office.records()
    assert (record.answered_by, record.ended_by) == ("101", "callee")
    assert [(leg.kind, leg.device) for leg in record.legs] == [("browser", "laptop"), ("phone", "anna-id")]


async def test_all_telephones_and_tabs_of_a_user_ring_and_the_others_hear_that_one_answered(
    board: Switchboard,
) -> None:
    desk, kitchen = await board.telephone("anna"), await board.telephone("kitchen")
    board.desk.open("anna")
    bert = board.desk.open("bert")
    await bert.dial("101")
    at_desk, in_kitchen = await desk.rings(), await kitchen.rings()
    await at_desk.ring()
    await in_kitchen.ring()
    await board.desk.rings("anna")
    await at_desk.answer(SDP)
    end = await ended(in_kitchen)
    assert (end.status, end.q850) == (487, 26)
    assert (await board.desk.sees("anna", "ended")).cause is Cause.ANSWERED_ELSEWHERE
    await board.desk.sees("bert", "answered")
    await at_desk.hang_up()
    await board.office.quiet()
    assert len(board.office.records()) == 1


async def test_a_tab_that_answers_stops_the_telephone(board: Switchboard) -> None:
    telephone, anna, bert = await board.telephone("anna"), board.desk.open("anna"), board.desk.open("bert")
    await bert.dial("101")
    session = await telephone.rings()
    await session.ring()
    await anna.answer(await board.desk.rings("anna"))
    assert (await ended(session)).q850 == 26
    await anna.hang_up(board.desk.calls("anna")[0].leg_id)
    await board.office.quiet()


async def test_a_telephone_that_is_registered_twice_rings_at_both_places(board: Switchboard) -> None:
    one, other = await board.telephone("anna"), await board.telephone("anna")
    assert len(board.phones.states()["k7f3-101"]) == 2
    await board.desk.open("bert").dial("101")
    first, second = await one.rings(), await other.rings()
    await second.answer(SDP)
    assert (await ended(first)).q850 == 26
    await second.hang_up()
    await board.office.quiet()


@pytest.mark.parametrize(
    ("status", "cause"),
    [(486, Cause.BUSY), (603, Cause.DECLINED), (480, Cause.UNREACHABLE), (503, Cause.UNREACHABLE)],
)
async def test_a_telephone_s_refusal_keeps_its_meaning(board: Switchboard, status: int, cause: Cause) -> None:
    anna, bert = await board.telephone("anna"), board.desk.open("bert")
    await bert.dial("101")
    await (await anna.rings()).reject(status)
    assert (await board.desk.sees("bert", "ended")).cause is cause
    await board.office.quiet()


async def test_declining_on_the_telephone_stops_the_tab_too(board: Switchboard) -> None:
    telephone, _, bert = await board.telephone("anna"), board.desk.open("anna"), board.desk.open("bert")
    await bert.dial("101")
    session = await telephone.rings()
    await board.desk.rings("anna")
    await session.reject(603)
    assert (await board.desk.sees("anna", "ended")).cause is Cause.DECLINED
    await board.office.quiet()


async def test_a_telephone_that_has_gone_without_a_word_does_not_keep_the_tab_from_ringing(
    board: Switchboard,
) -> None:
    telephone, anna, bert = await board.telephone("anna"), board.desk.open("anna"), board.desk.open("bert")
    await telephone.network.close()
    await bert.dial("101")
    await anna.answer(await board.desk.rings("anna"))
    await board.desk.sees("bert", "answered")
    await anna.hang_up(board.desk.calls("anna")[0].leg_id)
    await board.office.quiet()


async def test_what_all_speak_is_offered_when_a_tab_and_a_telephone_ring_together(board: Switchboard) -> None:
    telephone = await board.telephone("anna")
    board.desk.open("anna")
    board.use({"anna": {"codecs": ("PCMU",)}})
    await board.desk.open("bert").dial("101")
    session = await telephone.rings()
    await board.desk.rings("anna")
    assert {leg.audio.codecs for leg in board.office.exchange.legs.values()} == {("PCMU",)}
    await session.reject(603)
    await board.office.quiet()


# -- calling ---------------------------------------------------------------------------------------------------------


async def test_a_telephone_calls_a_tab_as_its_user(board: Switchboard) -> None:
    telephone, bert = await board.telephone("anna"), board.desk.open("bert")
    session = await telephone.dial("102")
    leg_id = await board.desk.rings("bert")
    call = board.desk.calls("bert")[0]
    assert (call.number, call.name, call.outside) == ("101", "Anna", False)
    assert (await event_of(session, Progress)).status == 180
    await bert.answer(leg_id)
    await board.talks(session)
    assert board.office.exchange.presence() == {"101": "busy", "102": "busy"}
    await session.hang_up()
    assert (await board.desk.sees("bert", "ended")).cause is Cause.NORMAL
    await board.office.quiet()
    (record,) = board.office.records()
    assert (record.direction, record.caller_number, record.ended_by) == ("inside", "101", "caller")


async def test_a_telephone_calls_a_telephone(board: Switchboard) -> None:
    anna, bert = await board.telephone("anna"), await board.telephone("bert")
    session = await anna.dial("102")
    theirs = await bert.rings()
    await theirs.ring()
    assert (await event_of(session, Progress)).status == 180
    await theirs.answer(SDP)
    await board.talks(session)
    await theirs.hang_up()
    assert (await ended(session)).by == "remote"
    await board.office.quiet()


async def test_a_call_needs_the_password_and_no_registration(board: Switchboard) -> None:
    telephone = await board.telephone("anna", registered=False)
    assert (await ended(await telephone.dial("600", secret="looking-glass"))).status == 401
    session = await telephone.dial("600")
    await board.talks(session)
    await session.hang_up()
    await board.office.quiet()


@pytest.mark.parametrize(
    ("number", "status"), [("999", 404), ("102", 480), ("hello", 404), ("+4930123456", 503), (BERLIN, 503)]
)
async def test_a_call_that_leads_nowhere_is_refused_as_what_it_is(board: Switchboard, number: str, status: int) -> None:
    telephone = await board.telephone("anna")
    board.office.exchange.lines.clear()
    assert (await ended(await telephone.dial(number))).status == status
    await board.office.quiet()


async def test_a_telephone_calls_outside_with_the_number_of_its_user(board: Switchboard) -> None:
    telephone, line = await board.telephone("anna"), board.office.lines["main"]
    session = await telephone.dial(BERLIN)
    leg = await line.rings()
    assert (leg.party.number, line.callers[0].number) == ("+4930901820", "+4930901820101")
    line.answer()
    await board.talks(session)
    line.hang_up()
    await ended(session)
    await board.office.quiet()
    assert board.office.records()[0].direction == "out"


async def test_a_telephone_calls_for_help_while_the_switch_is_being_stopped(board: Switchboard) -> None:
    telephone, line = await board.telephone("anna"), board.office.lines["main"]
    board.office.exchange.drain()
    await board.network.drain()
    assert (await ended(await telephone.dial("102"))).status == 503
    session = await telephone.dial("112")
    leg = await line.rings()
    assert leg.emergency
    line.answer()
    await board.talks(session)
    await session.hang_up()
    await board.office.quiet()


async def test_a_telephone_that_calls_for_help_in_vain_is_told_aloud_to_use_another(board: Switchboard) -> None:
    telephone = await board.telephone("anna")
    board.office.exchange.lines.clear()
    session = await telephone.dial("112")
    progress = await event_of(session, Progress)
    assert (progress.status, progress.sdp) == (183, b"answer to " + SDP)
    (leg,) = board.office.exchange.legs.values()
    await board.office.until(lambda: board.office.heard_by(leg) == ANNOUNCEMENT)
    board.desk.media.finish(leg.id)
    assert (await ended(session)).status == 503
    await board.office.quiet()


@pytest.mark.process
async def test_a_telephone_s_call_goes_over_the_connection_that_has_replaced_its_own(board: Switchboard) -> None:
    telephone = await board.telephone("anna", transport="TCP")
    session = await telephone.dial("600")
    await board.talks(session)
    (place,) = board.phones.states()["k7f3-101"]
    await telephone.loses_its_connection()
    await board.office.until(lambda: board.phones.states()["k7f3-101"] not in ([], [place]))
    (leg,) = board.office.exchange.legs.values()
    leg.ended(Cause.NORMAL)
    assert (await ended(session)).by == "remote"
    await board.office.quiet()


async def test_a_telephone_holds_resumes_and_sends_keys_by_info(board: Switchboard) -> None:
    telephone = await board.telephone("anna")
    session = await telephone.dial("600")
    await board.talks(session)
    for direction in (b"sendonly", b"sendrecv"):
        assert direction in await session.reinvite(SDP + b"a=" + direction + b"\r\n")
    (leg,) = board.office.exchange.legs.values()
    assert isinstance(leg.endpoint, PhoneEndpoint)
    theirs = leg.endpoint._lines[leg.id].session
    assert theirs is not None
    theirs.tell(Info(b"Signal=#\r\nDuration=160\r\n", "application/dtmf-relay"))  # it ends the echo
    assert (await ended(session)).by == "remote"
    await board.office.quiet()


async def test_a_call_s_codecs_are_those_that_the_telephone_offers(board: Switchboard) -> None:
    telephone = await board.telephone("anna")
    session = await telephone.dial("600", sdp=SDP.replace(b"RTP/AVP 8", b"RTP/AVP 0"))
    await board.talks(session)
    (leg,) = board.office.exchange.legs.values()
    assert leg.audio.codecs == ("PCMU",)
    await session.hang_up()
    await board.office.quiet()


async def test_sound_goes_back_to_where_it_comes_from_only_for_a_telephone_behind_a_nat(board: Switchboard) -> None:
    telephone = await board.telephone("anna")
    session = await telephone.dial("600")
    await board.talks(session)
    (leg,) = board.office.exchange.legs.values()
    assert isinstance(leg.endpoint, PhoneEndpoint)
    theirs = leg.endpoint._lines[leg.id].session
    assert theirs is not None
    assert not leg.endpoint.symmetric(theirs, SDP)
    assert leg.endpoint.symmetric(theirs, SDP.replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 192.168.1.5"))
    await session.hang_up()
    await board.office.quiet()


async def test_a_telephone_s_call_is_refused_when_its_user_is_gone(board: Switchboard) -> None:
    telephone = await board.telephone("anna")
    exchange = board.office.exchange
    exchange.use(replace(exchange.snapshot, users={}))
    assert (await ended(await telephone.dial("600"))).status == 403
    await board.office.quiet()
