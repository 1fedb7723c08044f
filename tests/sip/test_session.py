"""Two cores, or a core and a raw peer, on a wire with its own clock."""

from dataclasses import replace

import pytest

from tests.sip.wire import ANSWER, OFFER, Node, Wire, answer_to, invite, other, request, response
from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogGone, DialogState
from webpbx.sip.session import InviteUsage
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_calling import CallingUsage
from webpbx.sip.session_dialog import MOST_KEPT
from webpbx.sip.session_events import Answered, Ended, Info, Progress, ReofferDone, Reoffered

PEER = ("192.0.2.1", 5060)


def talk(us: Node, them: Node) -> tuple[CallingUsage, CalledUsage]:
    """Bring up a call from us to them."""
    ours = us.call(them.address)
    theirs = them.incoming[-1]
    them.do(lambda now: theirs.answer(ANSWER, now))
    us.events.clear()
    them.events.clear()
    return ours, theirs


def test_a_call_rings_is_answered_and_hung_up(wire: Wire, us: Node, them: Node) -> None:
    ours = us.call(them.address)
    theirs = them.incoming[0]
    them.do(theirs.ring)
    them.do(lambda now: theirs.answer(ANSWER, now))
    us.do(lambda now: ours.hang_up(now, q850=16))
    assert us.told == ["180", "answered", "ended local"]
    assert them.events == [Ended(None, "", "remote", 16)]
    assert [line.split()[0] for line in wire.lines()] == [
        *("INVITE", "SIP/2.0", "SIP/2.0", "ACK", "BYE", "SIP/2.0"),
    ]
    assert us.core.dialogs == them.core.dialogs == 0


def test_early_media_brings_its_sdp(us: Node, them: Node) -> None:
    us.call(them.address)
    them.do(lambda now: them.incoming[0].ring(now, sdp=ANSWER))
    assert us.events == [Progress(183, "Session Progress", ANSWER)]


def test_the_called_end_may_hang_up(us: Node, them: Node) -> None:
    _, theirs = talk(us, them)
    them.do(theirs.hang_up)
    assert us.told == ["ended remote"]
    assert them.told == ["ended local"]


@pytest.mark.parametrize("status", [486, 404, 480, 603])
def test_a_refusal_arrives_as_what_it_is(us: Node, them: Node, status: int) -> None:
    us.call(them.address)
    them.do(lambda now: them.incoming[0].reject(status, now, q850=17))
    ended = us.events[-1]
    assert isinstance(ended, Ended)
    assert (ended.status, ended.by, ended.q850) == (status, "remote", 17)
    assert us.core.dialogs == them.core.dialogs == 0


def test_hanging_up_an_unanswered_call_that_came_in_is_480(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(us.incoming[0].hang_up)
    assert response(peer[-1]).status == 480


def test_a_caller_that_hangs_up_cancels(wire: Wire, us: Node, them: Node) -> None:
    ours = us.call(them.address)
    them.do(them.incoming[0].ring)
    us.do(ours.hang_up)
    assert us.told == ["180", "ended local 487"]
    assert them.told == ["ended remote 487"]
    assert wire.lines("CANCEL") == ["CANCEL sip:100@example.com SIP/2.0"]


def test_cancel_waits_for_a_provisional_response(wire: Wire, us: Node) -> None:
    """§9.1"""
    peer = wire.peer()
    ours = us.call(PEER)
    us.do(ours.hang_up)
    assert [request(data).method for data in peer] == ["INVITE"]
    wire.send(answer_to(peer[0], 180), us)
    cancel = request(peer[-1])
    assert cancel.method == "CANCEL"
    assert cancel.via.branch == request(peer[0]).via.branch
    assert not cancel.to.tag


def test_a_200_that_crosses_the_cancel_gets_ack_and_bye(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    ours = us.call(PEER)
    wire.send(answer_to(peer[0], 180), us)
    us.do(ours.hang_up)
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    assert [request(data).method for data in peer] == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert us.told == ["180", "ended local 487"]


def test_every_other_fork_that_answers_gets_ack_and_bye(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    us.call(PEER)
    wire.send(answer_to(peer[0], 180, tag="fork1"), us)
    wire.send(answer_to(peer[0], 180, tag="fork2"), us)
    wire.send(answer_to(peer[0], 200, tag="fork2", body=ANSWER), us)
    wire.send(answer_to(peer[0], 200, tag="fork1", body=ANSWER), us)
    sent = [(request(data).method, request(data).to.tag) for data in peer[1:]]
    assert sent == [("ACK", "fork2"), ("ACK", "fork1"), ("BYE", "fork1")]
    assert us.told == ["180", "180", "answered"]


def test_each_repeated_200_is_acknowledged_again_by_a_new_request(wire: Wire, us: Node) -> None:
    """§13.2.2.4"""
    peer = wire.peer()
    us.call(PEER)
    answer = answer_to(peer[0], 200, body=ANSWER, extra="Record-Route: <sip:192.0.2.1;lr>\r\n")
    for _ in range(3):
        wire.send(answer, us)
    acks = [request(data) for data in peer[1:]]
    assert [ack.method for ack in acks] == ["ACK"] * 3
    assert acks[0].via.branch != request(peer[0]).via.branch
    assert acks[0].cseq.number == request(peer[0]).cseq.number
    assert acks[0].get("Route") == "<sip:192.0.2.1;lr>"
    assert us.told == ["answered"]


def test_a_200_is_repeated_from_t1_to_t2_until_the_ack_then_bye_after_32_seconds(wire: Wire, us: Node) -> None:
    """§13.3.1.4"""
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    wire.sleep(40)
    assert wire.times("SIP/2.0 200")[:8] == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5]
    assert wire.times("BYE")[0] == 0
    assert request(peer[-1]).method == "BYE"
    assert us.told == ["ended error 408"]


def test_an_invite_repeated_after_the_200_gets_the_200_again(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    wire.send(invite(), us)
    assert peer[0] == peer[1]
    assert len(us.incoming) == 1


def test_a_repeated_invite_hears_the_same_180_with_the_same_tag(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(us.incoming[0].ring)
    wire.send(invite(), us)
    assert peer[0] == peer[1]
    assert response(peer[0]).to.tag


def test_an_unanswered_invite_hears_100_within_200_ms(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    assert peer == []
    wire.sleep(0.2)
    assert response(peer[0]).status == 100


def test_180_is_sent_again_every_minute(wire: Wire, us: Node) -> None:
    """§13.3.1.1"""
    wire.peer()
    wire.send(invite(), us)
    us.do(us.incoming[0].ring)
    wire.sleep(130)
    assert wire.times("SIP/2.0 180") == [0, 60, 120]


def test_bye_is_kept_back_until_the_ack(wire: Wire, us: Node) -> None:
    """§15"""
    peer = wire.peer()
    wire.send(invite(), us)
    usage = us.incoming[0]
    us.do(lambda now: usage.answer(ANSWER, now))
    us.do(usage.hang_up)
    assert wire.lines("BYE") == []
    tag = response(peer[0]).to.tag
    wire.send(other("ACK", cseq=1, to_tag=tag), us)
    assert request(peer[-1]).method == "BYE"
    assert us.told == ["ended local"]


def test_bye_is_kept_back_until_the_ack_to_a_reinvite_too(wire: Wire, us: Node) -> None:
    """§15; by another connection it would overtake our 200."""
    peer = wire.peer()
    ours = us.call(PEER)
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    call_id, us_tag = ours.dialog.call_id if ours.dialog else "", request(peer[0]).from_.tag
    again = invite(cseq=7, branch="z9hG4bKagain", call_id=call_id, to_tag=us_tag).replace(b"tag=b1", b"tag=t1")
    wire.send(again, us)
    us.do(lambda now: ours.accept_reoffer(ANSWER, now))
    us.do(ours.hang_up)
    assert [request(data).method for data in peer if not data.startswith(b"SIP/2.0")] == ["INVITE", "ACK"]
    ack = other("ACK", branch="z9hG4bKack", cseq=7, call_id=call_id, to_tag=us_tag, from_tag="t1")
    wire.send(ack, us)
    assert request(peer[-1]).method == "BYE"


def test_a_late_offer_is_answered_in_the_ack(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(body=b""), us)
    us.do(lambda now: us.incoming[0].answer(OFFER, now))
    tag = response(peer[0]).to.tag
    ack = other("ACK", cseq=1, to_tag=tag, extra="Content-Type: application/sdp\r\n", body=ANSWER)
    wire.send(ack, us)
    assert us.events == [Answered(ANSWER)]


def test_an_invite_without_sdp_answers_the_offer_in_its_ack(us: Node, them: Node) -> None:
    ours = us.call(them.address, sdp=None)
    them.do(lambda now: them.incoming[0].answer(OFFER, now))
    assert us.events == [Answered(OFFER)]
    us.do(lambda now: ours.answer(ANSWER, now))
    assert them.events == [Answered(ANSWER)]


def test_hanging_up_instead_of_answering_a_late_offer_is_ack_and_bye(wire: Wire, us: Node, them: Node) -> None:
    ours = us.call(them.address, sdp=None)
    them.do(lambda now: them.incoming[0].answer(OFFER, now))
    us.do(ours.hang_up)
    assert [line.split()[0] for line in wire.lines()[-3:]] == ["ACK", "BYE", "SIP/2.0"]
    assert them.told == ["ended remote"]


def test_ringing_ends_at_the_limit_by_cancel(wire: Wire, us: Node, them: Node) -> None:
    us.call(them.address)
    them.do(them.incoming[0].ring)
    wire.sleep(179)
    assert us.told[-1] == "180"
    wire.sleep(2)
    assert us.told[-1] == "ended error 408"
    assert them.told == ["ended remote 487"]


def test_a_reinvite_changes_the_session_from_either_end(us: Node, them: Node) -> None:
    ours, theirs = talk(us, them)
    us.do(lambda now: ours.reinvite(OFFER, now))
    assert them.events == [Reoffered(OFFER)]
    them.do(lambda now: theirs.accept_reoffer(ANSWER, now))
    assert us.events == [ReofferDone(ANSWER, 200)]
    them.do(lambda now: theirs.reinvite(OFFER, now))
    us.do(lambda now: ours.accept_reoffer(ANSWER, now))
    assert them.events[-1] == ReofferDone(ANSWER, 200)


def test_a_refused_reinvite_leaves_the_call_up(us: Node, them: Node) -> None:
    ours, theirs = talk(us, them)
    us.do(lambda now: ours.reinvite(OFFER, now))
    them.do(lambda now: theirs.refuse_reoffer(488, now))
    assert us.events == [ReofferDone(None, 488)]
    them.do(theirs.hang_up)
    assert us.told[-1] == "ended remote"


def test_a_reinvite_answered_481_ends_the_call(us: Node, them: Node) -> None:
    """RFC 5057"""
    ours, theirs = talk(us, them)
    them.core.forget(theirs)
    us.do(lambda now: ours.reinvite(OFFER, now))
    assert us.told == ["reofferdone", "ended error 481"]


def test_glare_is_491_and_both_try_again(wire: Wire, us: Node, them: Node) -> None:
    """§14.1: the owner of the Call-ID waits 2.1 to 4 s, the other at most 2 s."""
    ours, theirs = talk(us, them)
    ours.reinvite(OFFER, wire.now)
    theirs.reinvite(OFFER, wire.now)
    wire.settle()
    assert len(wire.lines("SIP/2.0 491")) == 2
    wire.sleep(2)
    assert us.told == ["reoffered"]
    us.do(lambda now: ours.accept_reoffer(ANSWER, now))
    wire.sleep(2.1)
    them.do(lambda now: theirs.accept_reoffer(ANSWER, now))
    assert us.told[-1] == them.told[0] == "reofferdone"


def test_an_offer_on_top_of_another_is_500_with_retry_after(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    tag = answered(wire, us, peer)
    wire.send(invite(branch="z9hG4bKr1", cseq=2, to_tag=tag), us)
    wire.send(invite(branch="z9hG4bKr2", cseq=3, to_tag=tag), us)
    refused = response(peer[-1])
    assert refused.status == 500
    assert refused.get("Retry-After") is not None


def answered(wire: Wire, us: Node, peer: list[bytes], extra: str = "") -> str:
    """Bring up a call from the raw peer; return our tag."""
    wire.send(invite(extra=extra), us)
    us.do(lambda now: us.incoming[-1].answer(ANSWER, now))
    tag = response(peer[-1]).to.tag
    wire.send(other("ACK", branch="z9hG4bKack", cseq=1, to_tag=tag), us)
    return tag


def test_a_flood_within_a_call_keeps_no_more_than_the_latest_answers(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    tag = answered(wire, us, peer)
    before = len(us.core.transactions)
    infos = [other("INFO", branch=f"z9hG4bKi{cseq}", cseq=cseq, to_tag=tag) for cseq in range(2, 500)]
    for info in infos:
        wire.send(info, us)
    assert {response(data).status for data in peer[-len(infos) :]} == {200}
    assert len(us.core.transactions) - before == MOST_KEPT
    wire.send(infos[-1], us)
    assert peer[-1] == peer[-2]
    wire.send(infos[0], us)
    assert response(peer[-1]).status == 500
    wire.sleep(33)
    assert len(us.core.transactions) == 0


def test_a_lower_cseq_is_500_and_gaps_are_legal(wire: Wire, us: Node) -> None:
    """§12.2.2"""
    peer = wire.peer()
    tag = answered(wire, us, peer)
    wire.send(other("OPTIONS", branch="z9hG4bKo1", cseq=50, to_tag=tag), us)
    assert response(peer[-1]).status == 200
    wire.send(other("OPTIONS", branch="z9hG4bKo2", cseq=49, to_tag=tag), us)
    assert response(peer[-1]).status == 500


def test_update_without_a_body_only_renews_the_target(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    tag = answered(wire, us, peer)
    wire.send(other("UPDATE", to_tag=tag, extra="Contact: <sip:bob@192.0.2.7:5070>\r\n"), us)
    assert response(peer[-1]).status == 200
    us.do(us.incoming[0].hang_up)
    assert wire.log[-1][2:] == (("192.0.2.7", 5070), "BYE sip:bob@192.0.2.7:5070 SIP/2.0")


def test_update_with_an_offer_is_a_reoffer(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    tag = answered(wire, us, peer)
    wire.send(other("UPDATE", to_tag=tag, extra="Content-Type: application/sdp\r\n", body=OFFER), us)
    assert us.events == [Reoffered(OFFER)]
    us.do(lambda now: us.incoming[0].accept_reoffer(ANSWER, now))
    assert response(peer[-1]).sdp == ANSWER


def test_info_brings_its_body(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    tag = answered(wire, us, peer)
    wire.send(other("INFO", to_tag=tag, extra="Content-Type: application/dtmf-relay\r\n", body=b"Signal=5\r\n"), us)
    assert us.events == [Info(b"Signal=5\r\n", "application/dtmf-relay")]
    assert response(peer[-1]).status == 200


def test_a_repeated_bye_hears_200_never_481(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    tag = answered(wire, us, peer)
    for _ in range(3):
        wire.send(other("BYE", to_tag=tag), us)
    assert [response(data).status for data in peer[-3:]] == [200, 200, 200]
    assert us.told == ["ended remote"]


def test_a_bye_before_the_answer_ends_the_invite_with_487(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(us.incoming[0].ring)
    wire.send(other("BYE", to_tag=response(peer[0]).to.tag), us)
    assert {response(data).status for data in peer[1:]} == {487, 200}


def test_record_route_is_copied_and_used_in_order_when_called(wire: Wire, us: Node) -> None:
    """§12.1.1"""
    peer = wire.peer()
    answered(wire, us, peer, extra="Record-Route: <sip:192.0.2.1;lr>\r\nRecord-Route: <sip:192.0.2.2;lr>\r\n")
    assert response(peer[0]).values("Record-Route") == ["<sip:192.0.2.1;lr>", "<sip:192.0.2.2;lr>"]
    us.do(us.incoming[0].hang_up)
    assert request(peer[-1]).values("Route") == ["<sip:192.0.2.1;lr>", "<sip:192.0.2.2;lr>"]
    assert request(peer[-1]).uri_text == "sip:bob@192.0.2.1:5060"


def test_the_route_set_is_reversed_when_calling(wire: Wire, us: Node) -> None:
    """§12.1.2"""
    peer = wire.peer()
    ours = us.call(PEER)
    extra = "Record-Route: <sip:192.0.2.2;lr>, <sip:192.0.2.1;lr>\r\n"
    wire.send(answer_to(peer[0], 200, extra=extra, body=ANSWER), us)
    us.do(ours.hang_up)
    assert request(peer[-1]).values("Route") == ["<sip:192.0.2.1;lr>", "<sip:192.0.2.2;lr>"]


def test_a_strict_router_gets_itself_as_request_uri(wire: Wire, us: Node) -> None:
    """§12.2.1.1"""
    peer = wire.peer()
    answered(wire, us, peer, extra="Record-Route: <sip:192.0.2.1:5060>\r\n")
    us.do(us.incoming[0].hang_up)
    bye = request(peer[-1])
    assert bye.uri_text == "sip:192.0.2.1:5060"
    assert bye.values("Route") == ["<sip:bob@192.0.2.1:5060>"]


def test_nothing_that_makes_a_dialog_real_is_sent_before_it_is_written(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    us.store_is_slow = True
    wire.send(invite(), us)
    us.do(us.incoming[0].ring)
    assert peer == []
    us.store_catches_up()
    assert response(peer[-1]).status == 180
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    assert len(peer) == 1
    us.store_catches_up()
    assert response(peer[-1]).status == 200


def test_the_first_invite_and_the_ack_wait_for_the_store(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    us.store_is_slow = True
    us.call(PEER)
    assert peer == []
    us.store_catches_up()
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    assert len(peer) == 1
    us.store_catches_up()
    assert request(peer[-1]).method == "ACK"


def test_a_cancel_during_the_write_of_the_answer_wins(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    us.store_is_slow = True
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    wire.send(other("CANCEL", branch="z9hG4bKabc", cseq=1), us)
    us.store_catches_up()
    assert {response(data).status for data in peer} == {200, 487}
    assert response(peer[0]).cseq.method == "CANCEL"
    assert us.told == ["ended remote 487"]


def test_a_dialog_is_deleted_after_its_bye(us: Node, them: Node) -> None:
    ours, _ = talk(us, them)
    us.do(ours.hang_up)
    assert us.written[-1] == DialogGone(ours.id)
    assert them.written[-1] == DialogGone(them.incoming[0].id)


def test_a_store_that_fails_refuses_the_call(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    us.store_is_slow = True
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    us.do(us.incoming[0].not_persisted)
    assert response(peer[-1]).status == 500
    assert us.told == ["ended error 500"]


def reborn(wire: Wire, dead: Node) -> tuple[Node, InviteUsage]:
    """Kill a node and adopt its last written dialog in a new one at the same address."""
    state = [each for each in dead.written if isinstance(each, DialogState)][-1]
    node = wire.node(*dead.address)
    usage = node.core.adopt(DialogState.from_json(state.to_json()), wire.now)
    wire.settle()
    return node, usage


@pytest.mark.parametrize("caller_dies", [True, False])
def test_an_answered_call_outlives_its_process(wire: Wire, us: Node, them: Node, *, caller_dies: bool) -> None:
    ours, theirs = talk(us, them)
    survivor, usage = (them, theirs) if caller_dies else (us, ours)
    node, adopted = reborn(wire, us if caller_dies else them)
    survivor.do(lambda now: usage.reinvite(OFFER, now))
    assert node.told == ["reoffered"]
    node.do(lambda now: adopted.accept_reoffer(ANSWER, now))
    assert survivor.told == ["reofferdone"]
    node.do(adopted.hang_up)
    assert survivor.told[-1] == "ended remote"
    assert node.core.dialogs == 0


def test_the_adopter_skips_ahead_of_every_cseq_sent(wire: Wire, us: Node, them: Node) -> None:
    ours, theirs = talk(us, them)
    us.do(lambda now: ours.reinvite(OFFER, now))
    them.do(lambda now: theirs.accept_reoffer(ANSWER, now))
    node, adopted = reborn(wire, us)
    node.do(adopted.hang_up)
    assert them.told[-1] == "ended remote"


def test_a_bye_from_the_peer_reaches_the_adopter(wire: Wire, us: Node, them: Node) -> None:
    _, theirs = talk(us, them)
    node, _ = reborn(wire, us)
    them.do(theirs.hang_up)
    assert node.told == ["ended remote"]
    assert node.written == [DialogGone(us.written[0].id)]


def test_a_ringing_call_that_came_in_can_be_answered_by_the_adopter(wire: Wire, us: Node, them: Node) -> None:
    us.call(them.address)
    them.do(them.incoming[0].ring)
    node, adopted = reborn(wire, them)
    assert isinstance(adopted, CalledUsage)
    node.do(lambda now: adopted.answer(ANSWER, now))
    assert us.told[-1] == "answered"


def test_an_unacknowledged_200_is_repeated_by_the_adopter(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    first = peer[-1]
    node, _ = reborn(wire, us)
    wire.sleep(0.5)
    assert peer[1:] == [first, first]
    wire.send(other("ACK", cseq=1, to_tag=response(first).to.tag), node)
    wire.sleep(40)
    assert len(peer) == 3


def test_a_ringing_call_of_ours_is_answered_by_the_adopter(wire: Wire, us: Node, them: Node) -> None:
    us.call(them.address)
    them.do(them.incoming[0].ring)
    node, adopted = reborn(wire, us)
    assert len(them.incoming) == 1
    them.do(lambda now: them.incoming[0].answer(ANSWER, now))
    assert node.told == ["180", "answered"]
    node.do(adopted.hang_up)
    assert them.told == ["ended remote"]


def test_dialog_states_are_plain_json(us: Node, them: Node) -> None:
    talk(us, them)
    for state in us.written + them.written:
        assert isinstance(state, DialogState)
        assert DialogState.from_json(state.to_json()) == state


SECRET = Credentials("anna", "geheim", realm="pbx")
CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth", algorithm=SHA-256\r\n'


def test_a_challenged_invite_is_sent_again_with_credentials(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    us.call(PEER, credentials=SECRET)
    wire.send(answer_to(peer[0], 401, extra=CHALLENGE), us)
    first, ack, again = [request(data) for data in peer]
    assert ack.method == "ACK"
    assert ack.via.branch == first.via.branch
    assert again.cseq.number == first.cseq.number + 1
    assert again.call_id == first.call_id
    assert again.via.branch != first.via.branch
    assert (again.get("Authorization") or "").startswith('Digest username="anna"')
    wire.send(answer_to(peer[2], 200, body=ANSWER), us)
    assert request(peer[3]).get("Authorization") == again.get("Authorization")
    assert us.told == ["answered"]


def test_a_wrong_secret_is_not_tried_for_ever(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    us.call(PEER, credentials=SECRET)
    wire.send(answer_to(peer[0], 401, extra=CHALLENGE), us)
    wire.send(answer_to(peer[2], 401, extra=CHALLENGE), us)
    assert us.told == ["ended remote 401"]


def test_a_nonce_is_called_stale_once_and_not_for_ever(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    us.call(PEER, credentials=SECRET)
    stale = CHALLENGE.replace("Digest ", "Digest stale=true, ")
    assert stale != CHALLENGE
    wire.send(answer_to(peer[0], 401, extra=stale), us)
    wire.send(answer_to(peer[2], 401, extra=stale), us)
    wire.send(answer_to(peer[4], 401, extra=stale), us)
    assert us.told == ["ended remote 401"]


@pytest.mark.parametrize("realm", ["elsewhere", "PBX"])
def test_another_realm_gets_no_digest(wire: Wire, us: Node, realm: str) -> None:
    peer = wire.peer()
    us.call(PEER, credentials=SECRET)
    wire.send(answer_to(peer[0], 401, extra=CHALLENGE.replace("pbx", realm)), us)
    assert us.told == ["ended remote 401"]
    assert not any(b"Authorization" in data for data in peer)


@pytest.mark.parametrize("status", [401, 407])
def test_a_caller_that_challenges_our_bye_or_reinvite_gets_no_digest(wire: Wire, us: Node, status: int) -> None:
    peer = wire.peer()
    answered(wire, us, peer)
    usage = us.incoming[0]
    us.do(lambda now: usage.reinvite(OFFER, now))
    challenge = CHALLENGE if status == 401 else CHALLENGE.replace("WWW", "Proxy")
    wire.send(answer_to(peer[-1], status, extra=challenge), us)
    us.do(usage.hang_up)
    wire.send(answer_to(peer[-1], status, extra=challenge), us)
    assert not any(b"Authorization" in data for data in peer)
    assert us.core.dialogs == 0


def test_the_trunk_may_challenge_a_bye_but_not_from_another_address(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    ours = us.call(PEER, credentials=SECRET)
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    us.do(ours.hang_up)
    wire.send(answer_to(peer[-1], 401, extra=CHALLENGE), us)
    assert request(peer[-1]).get("Authorization")
    away = wire.peer("192.0.2.66")
    ours = us.call(PEER, credentials=SECRET)
    wire.send(answer_to(peer[-1], 200, extra="Contact: <sip:evil@192.0.2.66>\r\n", body=ANSWER), us)
    us.do(ours.hang_up)
    wire.send(answer_to(away[-1], 401, extra=CHALLENGE), us, ("192.0.2.66", 5060))
    assert not any(b"Authorization" in data for data in away)


def test_who_takes_a_call_up_answers_the_trunk_s_challenge_as_the_former_process_would(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    us.call(PEER, credentials=SECRET)
    wire.send(answer_to(peer[0], 200, body=ANSWER), us)
    state = [each for each in us.written if isinstance(each, DialogState)][-1]
    after = us.wire.node(*us.address)
    adopted = after.core.adopt(DialogState.from_json(state.to_json()), us.wire.now, credentials=SECRET)
    after.do(adopted.hang_up)
    us.wire.settle()
    wire.send(answer_to(peer[-1], 401, extra=CHALLENGE), after)
    assert request(peer[-1]).method == "BYE"
    assert request(peer[-1]).get("Authorization")


FIRST, SECOND = ("192.0.2.11", 5060), ("192.0.2.12", 5060)


def test_a_503_tries_the_next_proxy_at_once_and_remembers(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.send(answer_to(first[0], 503, extra="Retry-After: 60\r\n"), us, FIRST)
    assert wire.now == 1000.0
    assert request(second[0]).via.branch != request(first[0]).via.branch
    us.call(FIRST, SECOND)
    assert len(second) == 2
    wire.sleep(61)
    us.call(FIRST, SECOND)
    assert request(first[-1]).method == "INVITE"


def test_a_closed_port_tries_the_next_proxy_at_once(wire: Wire, us: Node) -> None:
    second = wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    us.do(lambda now: us.core.broken(FIRST, now))
    assert request(second[0]).method == "INVITE"


def test_silence_tries_the_next_proxy_within_four_seconds(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.sleep(3.5)
    assert len(second) == 1
    wire.send(answer_to(first[0], 180), us, FIRST)
    assert request(first[-1]).method == "CANCEL"
    wire.send(answer_to(second[0], 200, body=ANSWER, tag="s"), us, SECOND)
    assert us.told == ["answered"]


def test_a_late_200_of_a_proxy_given_up_gets_ack_and_bye(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.sleep(4.0)
    extra = "Contact: <sip:100@192.0.2.11:5060>\r\n"
    wire.send(answer_to(first[0], 200, extra=extra, body=ANSWER, tag="f"), us, FIRST)
    assert [request(data).method for data in first[-2:]] == ["ACK", "BYE"]
    wire.send(answer_to(second[0], 200, body=ANSWER, tag="s"), us, SECOND)
    assert us.told == ["answered"]


def test_a_refusal_is_an_answer_and_tries_no_other_proxy(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.send(answer_to(first[0], 486), us, FIRST)
    assert second == []
    assert us.told == ["ended remote 486"]


def test_the_last_proxy_is_waited_for_until_timer_b_or_as_told(wire: Wire, us: Node) -> None:
    wire.peer(*FIRST)
    us.call(FIRST)
    wire.sleep(31.9)
    assert us.told == []
    wire.sleep(0.2)
    assert us.told == ["ended error 408"]
    us.events.clear()
    us.call(FIRST, give_up=3.0)
    wire.sleep(3.0)
    assert us.told == ["ended error 408"]


def test_a_private_contact_of_a_public_peer_is_reached_by_the_flow(wire: Wire, us: Node) -> None:
    public = ("45.10.10.7", 6060)
    peer = wire.peer(*public)
    hidden = invite().replace(b"<sip:bob@192.0.2.1:5060>", b"<sip:bob@10.0.0.5:5060>")
    wire.send(hidden, us, public)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    tag = response(peer[0]).to.tag
    wire.send(other("ACK", cseq=1, to_tag=tag), us, public)
    us.do(us.incoming[0].hang_up)
    assert request(peer[-1]).uri_text == "sip:bob@10.0.0.5:5060"


def test_an_adopted_state_keeps_its_identity(us: Node, them: Node) -> None:
    ours, _ = talk(us, them)
    assert ours.dialog is not None
    assert replace(ours.dialog.adopted(), local_seq=ours.dialog.local_seq) == ours.dialog
