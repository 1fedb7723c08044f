"""One proxy after another, at the moments of RFC 3263 §4.3, on a clock of the test's own."""

import pytest

from tests.sip.wire import ANSWER, OFFER, Node, Wire, answer_to, request
from webpbx.sip.query import Query, options_request

FIRST, SECOND, THIRD = ("192.0.2.11", 5060), ("192.0.2.12", 5060), ("192.0.2.13", 5060)
FROM_FIRST = "Contact: <sip:100@192.0.2.11:5060>\r\n"


def test_a_silent_proxy_gives_way_before_four_seconds_and_is_sent_nothing_more(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.sleep(3.3)
    assert second == []
    wire.sleep(0.2)
    assert len(second) == 1
    sent = len(first)
    wire.sleep(20)
    assert len(first) == sent


def test_the_call_after_a_silence_begins_at_the_proxy_that_answers_until_the_first_is_tried_again(
    wire: Wire, us: Node
) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.sleep(3.5)
    wire.send(answer_to(second[0], 486), us, SECOND)
    before = len(first)
    us.call(FIRST, SECOND)
    assert len(first) == before
    assert request(second[-1]).method == "INVITE"
    wire.send(answer_to(second[-1], 486), us, SECOND)
    wire.sleep(15)
    us.call(FIRST, SECOND)
    assert len(first) == before + 1


def test_all_silent_proxies_are_tried_in_order_and_the_last_gets_the_rest_of_the_time(wire: Wire, us: Node) -> None:
    for proxy in (FIRST, SECOND, THIRD):
        wire.peer(*proxy)
    us.call(FIRST, SECOND, THIRD)
    wire.sleep(60)
    at = {target: moment for moment, _, target, line in reversed(wire.log) if line.startswith("INVITE")}
    assert [round(at[proxy] - at[FIRST], 1) for proxy in (FIRST, SECOND, THIRD)] == [0.0, 3.4, 6.8]
    assert us.told == ["ended error 408"]


def test_a_proxy_that_tries_is_not_silent_but_may_still_refuse(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.send(answer_to(first[0], 100, tag=""), us, FIRST)
    wire.sleep(20)
    assert second == []
    wire.send(answer_to(first[0], 503), us, FIRST)
    assert request(second[0]).method == "INVITE"


def test_a_call_that_is_given_up_while_the_second_proxy_is_tried_cancels_both(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    ours = us.call(FIRST, SECOND)
    wire.sleep(3.5)
    us.do(ours.hang_up)
    wire.send(answer_to(second[0], 180), us, SECOND)
    wire.send(answer_to(first[0], 180), us, FIRST)
    assert [request(data).method for data in (first[-1], second[-1])] == ["CANCEL", "CANCEL"]


def test_an_answer_that_comes_from_the_first_after_the_second_has_won_gets_ack_and_bye(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.sleep(3.5)
    from_second = FROM_FIRST.replace("0.2.11", "0.2.12")
    wire.send(answer_to(second[0], 200, extra=from_second, body=ANSWER, tag="s"), us, SECOND)
    wire.send(answer_to(first[0], 200, extra=FROM_FIRST, body=ANSWER, tag="f"), us, FIRST)
    ack, bye = (request(data) for data in first[-2:])
    assert (ack.method, bye.method) == ("ACK", "BYE")
    assert ack.cseq.number == request(first[0]).cseq.number
    assert bye.cseq.number > ack.cseq.number
    assert [request(data).method for data in second] == ["INVITE", "ACK"]
    assert us.told == ["answered"]


def test_an_answer_that_comes_after_the_whole_call_is_over_gets_ack_and_bye(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.sleep(3.5)
    wire.send(answer_to(second[0], 486), us, SECOND)
    assert us.told == ["ended remote 486"]
    wire.send(answer_to(first[0], 200, extra=FROM_FIRST, body=ANSWER, tag="f"), us, FIRST)
    assert [request(data).method for data in first[-2:]] == ["ACK", "BYE"]


@pytest.mark.parametrize(("told", "seconds"), [("Retry-After: 60\r\n", 60), ("", 30), ("Retry-After: 5 (busy)\r\n", 5)])
def test_retry_after_says_how_long_a_proxy_is_passed_over(wire: Wire, us: Node, told: str, seconds: float) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    us.call(FIRST, SECOND)
    wire.send(answer_to(first[0], 503, extra=told), us, FIRST)
    wire.send(answer_to(second[-1], 486), us, SECOND)
    wire.sleep(seconds - 0.5)
    before = len(first)
    us.call(FIRST, SECOND)
    wire.send(answer_to(second[-1], 486), us, SECOND)
    assert len(first) == before
    wire.sleep(1)
    us.call(FIRST, SECOND)
    assert request(first[-1]).method == "INVITE"


def test_the_only_proxy_is_asked_although_it_refused_before(wire: Wire, us: Node) -> None:
    first = wire.peer(*FIRST)
    us.call(FIRST)
    wire.send(answer_to(first[0], 503, extra="Retry-After: 60\r\n"), us, FIRST)
    assert us.told == ["ended remote 503"]
    us.call(FIRST)
    assert request(first[-1]).method == "INVITE"


def refuse_for_an_hour(wire: Wire, us: Node, first: list[bytes], second: list[bytes], **order: object) -> None:
    us.call(FIRST, SECOND, **order)
    wire.send(answer_to(first[-1], 503, extra="Retry-After: 3600\r\n"), us, FIRST)
    wire.send(answer_to(second[-1], 486), us, SECOND)
    first.clear()
    second.clear()


def test_a_proxy_that_refused_for_an_hour_is_still_tried_when_the_others_are_dead(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    refuse_for_an_hour(wire, us, first, second)
    ours = us.call(FIRST, SECOND)
    assert (len(first), len(second)) == (0, 1)
    us.do(lambda now: us.core.broken(SECOND, now))
    wire.send(answer_to(first[0], 200, extra=FROM_FIRST, body=ANSWER, tag="f"), us, FIRST)
    assert us.told[-1] == "answered"
    assert not ours.ended


@pytest.mark.parametrize(("status", "begins"), [(200, FIRST), (404, FIRST), (503, SECOND), (408, SECOND)])
def test_a_proxy_that_answers_anything_else_has_its_turn_again(
    wire: Wire, us: Node, status: int, begins: tuple[str, int]
) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    refuse_for_an_hour(wire, us, first, second)
    asked = options_request(us.flow(FIRST), branch="z9hG4bKask", tag="f", call_id="ask", user_agent="us")
    us.do(lambda now: us.core.query(asked, us.flow(FIRST), Query(lambda _status, _response: None), now))
    wire.send(answer_to(first.pop(), status), us, FIRST)
    us.call(FIRST, SECOND)
    assert [bool(first), bool(second)] == [begins == FIRST, begins == SECOND]


def test_a_refusal_of_one_companys_call_does_not_send_another_companys_elsewhere(wire: Wire, us: Node) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    refuse_for_an_hour(wire, us, first, second, peer_id="acme/main")
    us.call(FIRST, SECOND, peer_id="other/main")
    assert (len(first), len(second)) == (1, 0)
    us.call(FIRST, SECOND, peer_id="acme/main")
    assert (len(first), len(second)) == (1, 1)


def test_where_tcp_is_silent_the_next_large_call_begins_by_udp(wire: Wire, us: Node) -> None:
    first, by_udp = wire.peer(*FIRST), us.flow(FIRST)
    order = {"sdp": OFFER + b"a=x\r\n" * 300, "large": {by_udp: by_udp._replace(transport="TCP")}}
    us.call(FIRST, **order)
    assert [request(data).via.transport for data in first] == ["TCP"]
    wire.sleep(3.5)
    wire.send(answer_to(first[-1], 486), us, FIRST)
    first.clear()
    us.call(FIRST, **order)
    assert [request(data).via.transport for data in first] == ["UDP"]


def test_each_try_has_a_branch_of_its_own_and_one_call_id(wire: Wire, us: Node) -> None:
    peers = [wire.peer(*proxy) for proxy in (FIRST, SECOND, THIRD)]
    us.call(FIRST, SECOND, THIRD)
    wire.send(answer_to(peers[0][0], 503), us, FIRST)
    us.do(lambda now: us.core.broken(SECOND, now))
    tries = [request(peer[0]) for peer in peers]
    assert len({each.via.branch for each in tries}) == 3
    assert len({each.call_id for each in tries}) == 1
    assert [each.cseq.number for each in tries] == [1, 2, 3]
