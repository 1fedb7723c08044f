"""Changes of the session: UPDATE before and after the answer, glare, INFO."""

import asyncio

import pytest

from tests.sip.houses import house
from tests.sip.test_session import CHALLENGE, PEER, SECRET, answered, talk
from tests.sip.wire import ANSWER, OFFER, Node, Wire, answer_to, invite, other, request, response
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_calling import CallingUsage
from webpbx.sip.session_events import Answered, Info, Progress, ReofferDone, Reoffered

HOLD = OFFER + b"a=sendonly\r\n"
HELD = ANSWER + b"a=recvonly\r\n"
SDP = "Content-Type: application/sdp\r\n"


def ringing(us: Node, them: Node) -> tuple[CallingUsage, CalledUsage]:
    """Bring a call to ringing whose early media came reliably, so that the offer is answered."""
    ours = us.call(them.address)
    theirs = them.incoming[-1]
    them.do(lambda now: theirs.ring(now, sdp=ANSWER))
    us.events.clear()
    return ours, theirs


def test_an_update_changes_the_session_from_either_end(wire: Wire, us: Node, them: Node) -> None:
    ours, theirs = talk(us, them)
    for near, here, far, there in ((us, ours, them, theirs), (them, theirs, us, ours)):
        near.do(lambda now, here=here: here.update(HOLD, now))  # type: ignore[misc]  # bound now
        assert far.events[-1] == Reoffered(HOLD)
        far.do(lambda now, there=there: there.accept_reoffer(HELD, now))  # type: ignore[misc]  # bound now
        assert near.events[-1] == ReofferDone(HELD, 200)
        assert here.dialog is not None
        assert (here.dialog.local_sdp, here.dialog.remote_sdp) == (HOLD, HELD)
    assert len(wire.lines("UPDATE")) == 2
    assert len(wire.lines("ACK")) == 1


@pytest.mark.parametrize("caller_offers", [True, False])
def test_an_update_changes_the_session_before_the_answer(us: Node, them: Node, *, caller_offers: bool) -> None:
    ours, theirs = ringing(us, them)
    if caller_offers:
        us.do(lambda now: ours.update(HOLD, now))
        assert them.events == [Reoffered(HOLD)]
        them.do(lambda now: theirs.accept_reoffer(HELD, now))
        assert us.events == [ReofferDone(HELD, 200)]
    else:
        them.do(lambda now: theirs.update(HOLD, now))
        assert us.events == [Reoffered(HOLD)]
        us.do(lambda now: ours.accept_reoffer(HELD, now))
        assert them.events == [ReofferDone(HELD, 200)]
    us.events.clear()
    them.do(lambda now: theirs.answer(ANSWER, now))
    assert us.events == [Answered(None)]
    assert ours.dialog is not None
    assert theirs.dialog is not None
    assert ours.dialog.remote_sdp == theirs.dialog.local_sdp == (HELD if caller_offers else HOLD)
    us.do(ours.hang_up)
    assert them.told[-1] == "ended remote"


def test_a_refused_update_leaves_a_ringing_call_as_it_was(us: Node, them: Node) -> None:
    ours, theirs = ringing(us, them)
    us.do(lambda now: ours.update(HOLD, now))
    them.do(lambda now: theirs.refuse_reoffer(488, now))
    assert us.events == [ReofferDone(None, 488)]
    them.do(lambda now: theirs.answer(ANSWER, now))
    assert us.events[-1] == Answered(ANSWER)


def test_there_is_no_update_before_an_answer_that_is_certain(us: Node, them: Node) -> None:
    ours = us.call(them.address)
    them.do(them.incoming[0].ring)
    assert not ours.update(HOLD, 1000.0)
    assert not them.incoming[0].update(HOLD, 1000.0)


def test_a_far_end_that_does_not_know_update_gets_none(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    answered(wire, us, peer, extra="Allow: INVITE, ACK, BYE\r\n")
    assert not us.incoming[0].update(HOLD, wire.now)
    assert wire.lines("UPDATE") == []


def test_an_update_that_meets_our_unanswered_offer_is_491(wire: Wire, us: Node) -> None:
    """RFC 3311 §5.2"""
    peer = wire.peer()
    us.call(PEER)
    wire.send(answer_to(peer[0], 183, body=ANSWER), us)
    tag = request(peer[0]).from_.tag
    call_id = request(peer[0]).call_id
    update = other("UPDATE", to_tag=tag, from_tag="t1", call_id=call_id, cseq=7, extra=SDP, body=OFFER)
    wire.send(update, us)
    assert response(peer[-1]).status == 491
    assert us.told == ["183"]


def test_an_update_on_top_of_their_unanswered_offer_is_500_with_retry_after(wire: Wire, us: Node) -> None:
    """RFC 3311 §5.2"""
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(us.incoming[0].ring)
    tag = response(peer[-1]).to.tag
    wire.send(other("UPDATE", to_tag=tag, extra=SDP, body=OFFER), us)
    assert response(peer[-1]).status == 500
    assert 0 <= int(response(peer[-1]).get("Retry-After") or "") <= 10
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    assert response(peer[-1]).status == 200


def test_an_update_on_top_of_another_is_500_with_retry_after(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    tag = answered(wire, us, peer)
    wire.send(other("UPDATE", branch="z9hG4bKu1", to_tag=tag, extra=SDP, body=OFFER), us)
    for body in (OFFER, b""):
        extra = SDP if body else ""
        data = other("UPDATE", branch=f"z9hG4bKo{len(peer)}", cseq=len(peer) + 3, to_tag=tag, extra=extra, body=body)
        wire.send(data, us)
        assert response(peer[-1]).status == 500
        assert response(peer[-1]).get("Retry-After") is not None
    us.do(lambda now: us.incoming[0].accept_reoffer(ANSWER, now))
    assert (response(peer[-1]).status, response(peer[-1]).sdp) == (200, ANSWER)


@pytest.mark.parametrize(("sdp", "status"), [(OFFER, 500), (b"", 491)])
def test_a_reinvite_before_the_ack_waits_for_what_it_runs_into(wire: Wire, us: Node, sdp: bytes, status: int) -> None:
    """§14.2: their own INVITE is not done, or the offer that our 200 made lacks its answer."""
    peer = wire.peer()
    wire.send(invite(body=sdp), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    tag = response(peer[-1]).to.tag
    wire.send(invite(branch="z9hG4bKagain", cseq=2, to_tag=tag), us)
    assert response(peer[-1]).status == status
    assert (response(peer[-1]).get("Retry-After") is not None) is (status == 500)


def test_an_update_before_the_ack_is_taken_once_there_is_a_session(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    wire.send(other("UPDATE", to_tag=response(peer[-1]).to.tag, extra=SDP, body=HOLD), us)
    assert us.events == [Reoffered(HOLD)]


@pytest.mark.parametrize("ours", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("theirs", ["INVITE", "UPDATE"])
def test_crossing_offers_are_491_and_the_callers_waits_longer(wire: Wire, ours: str, theirs: str) -> None:
    """§14.1: 2.1 to 4 s for the owner of the Call-ID, at most 2 s for the other."""
    for port in range(5060, 5070):
        us, them = wire.node(port=port), wire.node("192.0.2.1", port)
        called, calling = talk(us, them)
        wire.log.clear()
        (called.reinvite if ours == "INVITE" else called.update)(HOLD, wire.now)
        (calling.reinvite if theirs == "INVITE" else calling.update)(OFFER, wire.now)
        wire.settle()
        assert len(wire.lines("SIP/2.0 491")) == 2
        began = wire.now
        wire.sleep(2.0)
        assert us.events == [Reoffered(OFFER)]
        us.do(lambda now, end=called: end.accept_reoffer(ANSWER, now))  # type: ignore[misc]  # bound now
        assert them.told == ["reofferdone"]
        wire.sleep(2.0)
        assert them.events[-1] == Reoffered(HOLD)
        them.do(lambda now, end=calling: end.accept_reoffer(HELD, now))  # type: ignore[misc]  # bound now
        assert us.events[-1] == ReofferDone(HELD, 200)
        tries = {source: at - began for at, source, _, line in wire.log if line.startswith((ours, theirs))}
        assert tries[us.address] >= 2.1


def test_a_500_with_retry_after_is_tried_again_then(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    ours = us.call(PEER)
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    us.do(lambda now: ours.reinvite(HOLD, now))
    wire.send(answer_to(peer[-1], 500, extra="Retry-After: 3\r\n"), us)
    count = len(wire.lines("INVITE"))
    wire.sleep(2.9)
    assert len(wire.lines("INVITE")) == count
    wire.sleep(0.2)
    assert len(wire.lines("INVITE")) == count + 1
    wire.send(answer_to(peer[-1], 500), us)
    assert us.events[-1] == ReofferDone(None, 500)


def test_glare_without_end_is_given_up_and_the_call_goes_on(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    ours = us.call(PEER)
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    us.do(lambda now: ours.reinvite(HOLD, now))
    for _ in range(9):
        wire.send(answer_to(peer[-1], 491), us)
        wire.sleep(4.1)
    assert us.events[-1] == ReofferDone(None, 491)
    us.do(ours.hang_up)
    assert request(peer[-1]).method == "BYE"


def test_each_fork_has_its_own_cseq_and_session(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    ours = us.call(PEER)
    first = request(peer[0])
    for tag in ("fork1", "fork2"):
        reliable = "Require: 100rel\r\nRSeq: 1\r\nAllow: UPDATE, PRACK\r\n"
        wire.send(answer_to(peer[0], 183, tag=tag, extra=reliable, body=ANSWER), us)
    for number, (tag, cseq) in enumerate([("fork1", 50), ("fork2", 4), ("fork1", 51)]):
        data = other(
            "UPDATE", branch=f"z9hG4bKf{number}", call_id=first.call_id, cseq=cseq, to_tag=first.from_.tag, from_tag=tag
        )
        wire.send(data, us)
        assert (tag, response(peer[-1]).status) == (tag, 200)
    wire.send(answer_to(peer[0], 200, tag="fork2", body=ANSWER), us)
    assert ours.dialog is not None
    assert (ours.dialog.remote_tag, ours.dialog.remote_seq) == ("fork2", 4)
    assert [type(event) for event in us.events] == [Progress, Progress, Answered]
    late = other(
        "UPDATE", branch="z9hG4bKlate", call_id=first.call_id, cseq=52, to_tag=first.from_.tag, from_tag="fork1"
    )
    wire.send(late, us)
    assert response(peer[-1]).status == 481


def test_an_info_goes_out_and_hears_its_status(wire: Wire, us: Node, them: Node) -> None:
    ours, _ = talk(us, them)
    heard: list[int] = []
    us.do(lambda now: ours.info(b"Signal=5\r\n", "application/dtmf-relay", heard.append, now))
    assert heard == [200]
    assert them.told == ["info"]
    assert wire.lines("INFO")


def test_an_info_that_finds_no_call_ends_ours(us: Node, them: Node) -> None:
    """RFC 5057"""
    ours, theirs = talk(us, them)
    them.core.forget(theirs)
    heard: list[int] = []
    us.do(lambda now: ours.info(b"x", "text/plain", heard.append, now))
    assert (heard, us.told) == ([481], ["ended error 481"])
    us.do(lambda now: ours.info(b"x", "text/plain", heard.append, now))
    assert heard == [481, 481]


def test_a_challenged_info_is_answered_once_and_for_the_trunk_alone(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    ours = us.call(PEER, credentials=SECRET)
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    heard: list[int] = []
    us.do(lambda now: ours.info(b"x", "text/plain", heard.append, now))
    wire.send(answer_to(peer[-1], 401, extra=CHALLENGE), us)
    again = request(peer[-1])
    assert (again.method, again.body, again.content_type) == ("INFO", b"x", "text/plain")
    assert again.get("Authorization")
    wire.send(answer_to(peer[-1], 401, extra=CHALLENGE), us)
    assert heard == [401]


def test_a_cseq_far_ahead_is_written_again_for_whoever_takes_the_call_up(us: Node, them: Node) -> None:
    ours, _ = talk(us, them)
    for _ in range(120):
        us.do(lambda now: ours.info(b"x", "text/plain", lambda _: None, now))
    written = us.written[-1]
    assert ours.dialog is not None
    assert ours.dialog.local_seq < written.adopted().local_seq  # type: ignore[union-attr]  # the call is up


async def test_over_udp_a_ringing_call_is_updated_and_info_brings_digits_in_order() -> None:
    async with house(("UDP",)) as here, house(("UDP",)) as there:
        ours = await here.call(there.way("UDP"))
        theirs = await there.calls.get()
        await theirs.ring(sdp=ANSWER)
        assert await ours.next_event() == Progress(183, "Session Progress", ANSWER)
        changing = asyncio.create_task(ours.update(HOLD))
        assert await theirs.next_event() == Reoffered(HOLD)
        await theirs.accept_reoffer(HELD)
        assert await changing == HELD
        await theirs.answer(ANSWER)
        assert await ours.next_event() == Answered(None)
        pressed = [asyncio.create_task(ours.info(f"Signal={key}".encode(), "application/dtmf-relay")) for key in "12#"]
        assert await asyncio.gather(*pressed) == [200, 200, 200]
        heard = [await theirs.next_event() for _ in pressed]
        assert [each.body for each in heard if isinstance(each, Info)] == [b"Signal=1", b"Signal=2", b"Signal=#"]
        await there.network.close()
        silent = asyncio.create_task(ours.info(b"x", "text/plain"))
        await asyncio.sleep(0)
        await ours.hang_up()
        assert await silent == 481
        assert await ours.info(b"x", "text/plain") == 481
