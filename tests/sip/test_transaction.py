"""The four machines of §17, with every timer by its letter."""

import random

import pytest

from tests.sip.wire import ANSWER, HOST, Wire, answer_to, invite, other, request, response
from webpbx.sip.query import Query, options_request
from webpbx.sip.transport import Flow

PEER = ("192.0.2.1", 5060)


def ask(wire: Wire) -> list[int]:
    """Send an OPTIONS to the raw peer; return the list its outcome will be in."""
    outcome: list[int] = []
    node = wire.nodes[HOST, 5060]
    flow = Flow("UDP", node.address, PEER)
    asked = options_request(flow, branch="z9hG4bKq1", tag="q", call_id="q", user_agent="webpbx")
    node.core.query(asked, flow, Query(lambda status, _: outcome.append(status)), wire.now)
    wire.settle()
    return outcome


def test_timers_a_and_b_repeat_an_invite_doubling_for_32_seconds(wire: Wire) -> None:
    us = wire.node()
    wire.peer()
    us.call(PEER)
    wire.sleep(60)
    assert wire.times("INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert us.told == ["ended error 408"]


def test_a_provisional_response_stops_timers_a_and_b(wire: Wire) -> None:
    us = wire.node()
    peer = wire.peer()
    us.call(PEER)
    wire.send(answer_to(peer[0], 180), us)
    wire.sleep(100)
    assert wire.times("INVITE") == [0]
    assert us.told == ["180"]


def test_each_repeated_refusal_is_acknowledged_again_for_32_seconds(wire: Wire) -> None:
    """§17.1.1.3, timer D"""
    us = wire.node()
    peer = wire.peer()
    us.call(PEER)
    for _ in range(3):
        wire.send(answer_to(peer[0], 486), us)
    assert [request(data).method for data in peer] == ["INVITE", "ACK", "ACK", "ACK"]
    assert request(peer[1]).via.branch == request(peer[0]).via.branch
    assert request(peer[1]).to.tag == "t1"
    assert us.told == ["ended remote 486"]
    wire.sleep(31)
    wire.send(answer_to(peer[0], 486), us)
    assert len(peer) == 5
    wire.sleep(2)
    wire.send(answer_to(peer[0], 486), us)
    assert len(peer) == 5
    assert len(us.core.transactions) == 0


def test_timers_e_and_f_repeat_other_requests_up_to_t2(wire: Wire) -> None:
    wire.node()
    wire.peer()
    outcome = ask(wire)
    wire.sleep(40)
    assert wire.times("OPTIONS")[:7] == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5]
    assert outcome == [408]


def test_after_a_provisional_response_other_requests_are_repeated_each_t2(wire: Wire) -> None:
    us = wire.node()
    peer = wire.peer()
    ask(wire)
    wire.send(answer_to(peer[0], 100, tag=""), us)
    wire.sleep(10)
    assert wire.times("OPTIONS") == [0, 0.5, 4.5, 8.5]


def test_timer_k_absorbs_late_responses_for_t4(wire: Wire) -> None:
    us = wire.node()
    peer = wire.peer()
    outcome = ask(wire)
    for _ in range(2):
        wire.send(answer_to(peer[0], 200), us)
    assert outcome == [200]
    wire.sleep(5)
    assert len(us.core.transactions) == 0


def test_timers_g_and_h_repeat_a_refusal_for_32_seconds(wire: Wire) -> None:
    us = wire.node()
    wire.peer()
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].reject(486, now))
    wire.sleep(40)
    assert wire.times("SIP/2.0 486") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert len(us.core.transactions) == 0


def test_the_ack_stops_timer_g_and_timer_i_absorbs_its_repeats(wire: Wire) -> None:
    us = wire.node()
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].reject(486, now))
    tag = response(peer[0]).to.tag
    for _ in range(2):
        wire.send(other("ACK", branch="z9hG4bKabc", cseq=1, to_tag=tag), us)
    wire.sleep(4)
    assert len(peer) == 1
    assert us.core.counters["dropped", "stray ACK"] == 0
    wire.sleep(2)
    assert len(us.core.transactions) == 0


def test_timer_j_answers_repeats_for_32_seconds_without_serving_them_again(wire: Wire) -> None:
    us = wire.node()
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    tag = response(peer[0]).to.tag
    wire.send(other("ACK", cseq=1, to_tag=tag), us)
    wire.send(other("BYE", to_tag=tag), us)
    wire.sleep(31)
    wire.send(other("BYE", to_tag=tag), us)
    assert response(peer[-1]).status == 200
    wire.sleep(2)
    wire.send(other("BYE", to_tag=tag), us)
    assert response(peer[-1]).status == 481


def test_timers_l_and_m_keep_the_accepted_states_32_seconds(wire: Wire) -> None:
    """RFC 6026"""
    us, them = wire.node(), wire.node("192.0.2.1")
    us.call(them.address)
    them.do(lambda now: them.incoming[0].answer(ANSWER, now))
    wire.sleep(31)
    assert len(us.core.transactions) == len(them.core.transactions) == 1
    wire.sleep(2)
    assert len(us.core.transactions) == len(them.core.transactions) == 0


def test_a_transport_error_is_503_at_once(wire: Wire) -> None:
    us = wire.node()
    outcome = ask(wire)
    us.do(lambda now: us.core.broken(PEER, now))
    assert outcome == [503]


def test_cancel_of_an_unknown_invite_is_481(wire: Wire) -> None:
    us = wire.node()
    peer = wire.peer()
    wire.send(other("CANCEL", cseq=1), us)
    assert response(peer[0]).status == 481


def test_cancel_is_answered_200_and_the_invite_487(wire: Wire) -> None:
    us = wire.node()
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(us.incoming[0].ring)
    cancel = other("CANCEL", branch="z9hG4bKabc", cseq=1, extra="Reason: Q.850;cause=26\r\n")
    for _ in range(2):
        wire.send(cancel, us)
    answers = [(response(data).status, response(data).cseq.method) for data in peer[1:]]
    assert answers == [(200, "CANCEL"), (487, "INVITE"), (200, "CANCEL")]
    assert response(peer[1]).to.tag == response(peer[2]).to.tag
    assert us.told == ["ended remote 487"]


def test_cancel_from_another_address_changes_nothing(wire: Wire) -> None:
    us = wire.node()
    wire.peer("192.0.2.66")
    wire.send(invite(), us)
    wire.send(other("CANCEL", branch="z9hG4bKabc", cseq=1), us, ("192.0.2.66", 5060))
    assert us.told == []


def test_cancel_after_the_answer_changes_nothing(wire: Wire) -> None:
    us = wire.node()
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    wire.send(other("CANCEL", branch="z9hG4bKabc", cseq=1), us)
    assert response(peer[-1]).status == 200
    assert us.told == []


def test_the_same_branch_from_another_sent_by_is_another_transaction(wire: Wire) -> None:
    """§17.2.3"""
    us = wire.node()
    wire.send(invite(), us)
    wire.send(invite(call_id="c2").replace(b"UDP 192.0.2.1:5060", b"UDP 192.0.2.2:5060"), us)
    assert len(us.incoming) == 2


def test_without_a_magic_cookie_repeats_are_known_by_their_fields(wire: Wire) -> None:
    """§17.2.3, RFC 2543"""
    us = wire.node()
    peer = wire.peer()
    for _ in range(2):
        wire.send(invite(branch="1"), us)
    wire.send(invite(branch="1", call_id="c2"), us)
    assert len(us.incoming) == 2
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    wire.send(other("ACK", branch="1", cseq=1, to_tag=response(peer[-1]).to.tag), us)
    wire.sleep(40)
    assert us.told == []


def test_a_response_with_two_vias_is_dropped(wire: Wire) -> None:
    """§8.1.3.3"""
    us = wire.node()
    peer = wire.peer()
    outcome = ask(wire)
    data = answer_to(peer[0], 200).replace(b"From:", b"Via: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bKx\r\nFrom:", 1)
    wire.send(data, us)
    assert outcome == []
    assert us.core.counters["dropped", "vias"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_calls_get_through_a_wire_that_loses_every_seventh_datagram(wire: Wire, seed: int) -> None:
    source = random.Random(seed)
    us, them = wire.node(), wire.node("192.0.2.1")
    wire.loses = lambda _: source.random() < 0.15
    for number in range(60):
        ours = us.call(them.address)
        wire.sleep(20)
        theirs = them.incoming[number]
        them.do(lambda now, theirs=theirs: theirs.answer(ANSWER, now))  # type: ignore[misc]  # bound here
        wire.sleep(20)
        us.do(ours.hang_up)
        wire.sleep(32)
    assert us.told.count("answered") == 60
    assert them.told == ["ended remote"] * 60
    wire.sleep(70)
    assert us.core.dialogs == them.core.dialogs == len(us.core.transactions) == len(them.core.transactions) == 0
