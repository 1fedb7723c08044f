"""Whose call a SIP session is, and what is kept of it, over real stacks on loopback."""

from tests.endpoints.site import OUR_DID, SDP, Site, a_site, ended, event_of
from tests.endpoints.switchboard import Switchboard, a_switchboard
from tests.sip.wire import ANSWER
from webpbx.calls.facts import Fact, SipSessionBegan
from webpbx.calls.leg import LegState
from webpbx.sip.registration import RegistrationState
from webpbx.sip.session_events import Answered
from webpbx.sip.trace import Recorder
from webpbx.sip.trace_view import read


def listening(site: Site | Switchboard) -> Recorder:
    """Have a recorder hear the stack, and claim what the exchange says is its calls'."""
    recorder = Recorder(clock=lambda: 0)
    site.network.core.tap = recorder
    emit = site.office.exchange.emit

    def hear(fact: Fact) -> None:
        emit(fact)
        if isinstance(fact, SipSessionBegan):
            recorder.claim(fact.sip_call_id, fact.sip_tag, call=fact.call_id, leg=fact.leg_id)

    site.office.exchange.emit = hear
    return recorder


def heard(recorder: Recorder, site: Site) -> list[tuple[bool, str, str]]:
    """Give of the one call who spoke, what and to what."""
    sessions = [fact for fact in site.office.facts if isinstance(fact, SipSessionBegan)]
    if not sessions:
        return []
    [began] = sessions
    recording = recorder.of_call(began.call_id)
    assert recording is not None
    assert recording.legs == {began.sip_call_id: began.leg_id}
    return [(one.sent, read(one).label, read(one).method) for one in recording.messages]


async def test_a_call_out_is_kept_from_invite_to_bye() -> None:
    async with a_site() as site:
        await site.is_up()
        recorder = listening(site)
        anna, theirs = await site.calls_out()
        await theirs.answer(ANSWER)
        await site.office.until(lambda: (True, "ACK", "ACK") in heard(recorder, site))
        await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
        anna.hang_up()
        await ended(theirs)
        await site.office.until(lambda: (False, "200 OK", "BYE") in heard(recorder, site))
        said = [one for one in heard(recorder, site) if one[1] != "100 Trying"]
        assert said == [
            (True, "INVITE", "INVITE"),
            (False, "200 OK", "INVITE"),
            (True, "ACK", "ACK"),
            (True, "BYE", "BYE"),
            (False, "200 OK", "BYE"),
        ]


async def test_a_call_in_that_is_given_up_is_kept_with_its_cancel() -> None:
    async with a_site() as site:
        await site.is_up()
        recorder = listening(site)
        site.office.phone("101")
        theirs = await site.provider.call(OUR_DID, site.network)
        await site.office.until(lambda: (True, "180 Ringing", "INVITE") in heard(recorder, site))
        await theirs.hang_up()
        await site.office.until(lambda: (False, "ACK", "ACK") in heard(recorder, site))
        await site.office.quiet()
        said = [one for one in heard(recorder, site) if one[1] != "100 Trying"]
        assert said[0] == (False, "INVITE", "INVITE")
        assert said[1] == (True, "180 Ringing", "INVITE")
        assert (False, "CANCEL", "CANCEL") in said
        assert (True, "487 Request Terminated", "INVITE") in said


async def test_a_number_that_is_nobody_s_is_a_refused_attempt_and_no_call() -> None:
    async with a_site(mode="address", username="", secret="", addresses=("127.0.0.1",)) as site:
        recorder = listening(site)
        theirs = await site.provider.call("+4930999", site.network)
        assert (await ended(theirs)).status == 404
        assert [attempt.status for attempt in recorder.attempts()] == [404]
        assert not [fact for fact in site.office.facts if isinstance(fact, SipSessionBegan)]


async def test_a_call_between_telephones_has_both_its_legs_in_one_trace() -> None:
    async with a_switchboard() as board:
        anna, bert = await board.telephone("anna"), await board.telephone("bert")
        recorder = listening(board)
        session = await anna.dial("102")
        await (await bert.rings()).answer(SDP)
        await event_of(session, Answered)
        calling, called = [fact for fact in board.office.facts if isinstance(fact, SipSessionBegan)]
        recording = recorder.of_call(calling.call_id)
        assert recording is not None
        assert recording.legs == {calling.sip_call_id: calling.leg_id, called.sip_call_id: called.leg_id}
        invites = [one for one in recording.messages if read(one).label == "INVITE"]
        challenged = [(one.sent, one.call_id) for one in invites]
        assert challenged == [
            (False, calling.sip_call_id),  # without a password: 401
            (False, calling.sip_call_id),
            (True, called.sip_call_id),
        ]
        assert not any(b"response=" in read(one).text.encode() and "…" not in read(one).text for one in invites)
        await session.hang_up()
        await board.office.quiet()


async def test_a_telephone_with_a_wrong_password_is_a_refused_attempt_until_the_right_one_comes() -> None:
    async with a_switchboard() as board:
        recorder = listening(board)
        telephone = await board.telephone("anna", registered=False)
        handle = await telephone.register(secret="looking-glass")
        await board.office.until(lambda: handle.state is RegistrationState.FAILED)
        assert [attempt.status for attempt in recorder.attempts()] == [401]
        right = await telephone.register()
        await board.office.until(lambda: right.state is RegistrationState.REGISTERED)
        assert [attempt.status for attempt in recorder.attempts()] == [401]
