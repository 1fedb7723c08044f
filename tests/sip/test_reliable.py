"""Reliable provisional responses (RFC 3262), both sides."""

import pytest

from tests.sip.wire import ANSWER, OFFER, Node, Wire, answer_to, invite, other, request, response
from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogState
from webpbx.sip.message import Response
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_events import Answered, Ended, Progress

PEER = ("192.0.2.1", 5060)
SUPPORTED = "Supported: 100rel\r\n"
REQUIRED = "Require: 100rel\r\n"


@pytest.fixture
def wire() -> Wire:
    opened = Wire()
    opened.peer()
    return opened


@pytest.fixture
def us(wire: Wire) -> Node:
    return wire.node()


def called(us: Node, extra: str, *, body: bytes = OFFER) -> CalledUsage:
    us.wire.send(invite(extra=extra, body=body), us)
    return us.incoming[-1]


def heard(us: Node) -> list[Response]:
    return [response(data) for data in us.wire.peer() if data.startswith(b"SIP/2.0")]


def prack(us: Node, to: Response, *, seq: int = 2, rack: str = "", body: bytes = b"") -> Response:
    """Acknowledge a reliable response as the raw peer, and return what we are answered."""
    rack = rack or f"{to.get('RSeq')} 1 INVITE"
    kind = "Content-Type: application/sdp\r\n" if body else ""
    extra = f"RAck: {rack}\r\n{kind}"
    us.wire.send(other("PRACK", branch=f"z9hG4bKp{seq}", cseq=seq, to_tag=to.to.tag, extra=extra, body=body), us)
    return next(each for each in heard(us) if each.cseq.method == "PRACK" and each.cseq.number == seq)


def sent(wire: Wire, method: str) -> list[bytes]:
    return [data for data in wire.peer() if data.startswith(method.encode())]


# -- called ------------------------------------------------------------------------------------------------------


def test_two_of_our_kind_bring_early_media_reliably(us: Node) -> None:
    them = us.wire.node("192.0.2.3")
    us.call(them.address)
    them.do(lambda now: them.incoming[0].ring(now, sdp=ANSWER))
    assert us.events == [Progress(183, "Session Progress", ANSWER)]
    assert len(us.wire.lines("PRACK")) == 1
    them.do(lambda now: them.incoming[0].answer(ANSWER, now))
    us.wire.sleep(40)
    assert us.events[1:] == [Answered(ANSWER)]
    assert len(us.wire.lines("SIP/2.0 183")) == 1


def test_ringing_is_reliable_where_the_caller_requires_it_or_it_bears_sdp(us: Node) -> None:
    for extra, sdp, reliable in [
        ("", ANSWER, False),
        (SUPPORTED, None, False),
        (SUPPORTED, ANSWER, True),
        (REQUIRED, None, True),
    ]:
        us.wire.peer().clear()
        number = len(us.incoming)
        us.wire.send(invite(extra=extra, branch=f"z9hG4bK{number}", call_id=f"c{number}"), us)
        us.do(lambda now, sdp=sdp: us.incoming[-1].ring(now, sdp=sdp))  # type: ignore[misc]
        assert (heard(us)[-1].get("RSeq") is not None) is reliable
        assert (heard(us)[-1].get("Require") == "100rel") is reliable


def test_a_reliable_response_is_sent_again_doubling_until_its_prack(us: Node) -> None:
    usage = called(us, REQUIRED)
    us.do(usage.ring)
    us.wire.sleep(4)
    assert us.wire.times("SIP/2.0 180") == [0.0, 0.5, 1.5, 3.5]
    assert prack(us, heard(us)[-1]).status == 200
    us.wire.sleep(50)
    assert len(us.wire.times("SIP/2.0 180")) == 4


def test_a_call_whose_ringing_is_never_acknowledged_ends_with_504(us: Node) -> None:
    usage = called(us, REQUIRED)
    us.do(usage.ring)
    us.wire.sleep(33)
    assert heard(us)[-1].status == 504
    assert us.events == [Ended(504, "our ringing was never acknowledged", "error")]


def test_one_reliable_response_is_out_at_a_time(us: Node) -> None:
    usage = called(us, REQUIRED)
    us.do(usage.ring)
    us.do(lambda now: usage.ring(now, sdp=ANSWER))
    assert [each.status for each in heard(us)] == [180]
    prack(us, heard(us)[0])
    first, _, second = heard(us)
    assert second.status == 183
    assert int(second.get("RSeq") or 0) == int(first.get("RSeq") or 0) + 1


def test_the_200_waits_for_unacknowledged_sdp(us: Node) -> None:
    usage = called(us, SUPPORTED)
    us.do(lambda now: usage.ring(now, sdp=ANSWER))
    us.do(lambda now: usage.answer(ANSWER, now))
    us.wire.sleep(0.4)
    assert [each.status for each in heard(us)] == [183]
    assert prack(us, heard(us)[0]).status == 200
    assert [(each.status, each.cseq.method) for each in heard(us)[1:]] == [(200, "PRACK"), (200, "INVITE")]


def test_the_200_does_not_wait_for_ringing_alone(us: Node) -> None:
    usage = called(us, REQUIRED)
    us.do(usage.ring)
    us.do(lambda now: usage.answer(ANSWER, now))
    assert [each.status for each in heard(us)] == [180, 200]
    assert prack(us, heard(us)[0]).status == 200
    us.wire.sleep(3)
    assert len(us.wire.lines("SIP/2.0 180")) == 1


@pytest.mark.parametrize("rack", ["1 1 INVITE", "{} 2 INVITE", "{} 1 BYE", "x", "{} 1"])
def test_a_prack_that_acknowledges_nothing_is_answered_481(us: Node, rack: str) -> None:
    usage = called(us, REQUIRED)
    us.do(usage.ring)
    said = heard(us)[0]
    assert prack(us, said, rack=rack.format(said.get("RSeq"))).status == 481
    assert prack(us, said, seq=3).status == 200
    assert prack(us, said, seq=4).status == 481


def test_a_prack_within_an_answered_call_is_answered_481(us: Node) -> None:
    usage = called(us, "")
    us.do(lambda now: usage.answer(ANSWER, now))
    assert prack(us, heard(us)[0], rack="1 1 INVITE").status == 481


def test_a_cancel_ends_the_repeating(us: Node) -> None:
    usage = called(us, REQUIRED)
    us.do(usage.ring)
    us.wire.send(other("CANCEL", branch="z9hG4bKabc", cseq=1), us)
    assert us.told == ["ended remote 487"]
    us.wire.sleep(10)
    assert len(us.wire.lines("SIP/2.0 180")) == 1


def test_a_call_without_an_offer_is_not_rung_reliably(us: Node) -> None:
    usage = called(us, REQUIRED, body=b"")
    us.do(usage.ring)
    assert heard(us) == []
    us.do(lambda now: usage.answer(OFFER, now))
    assert heard(us)[0].status == 200


@pytest.mark.parametrize("acknowledged", [True, False])
def test_the_adopter_of_a_ringing_call_knows_what_was_acknowledged(us: Node, *, acknowledged: bool) -> None:
    usage = called(us, REQUIRED)
    us.do(usage.ring)
    said = heard(us)[0]
    if acknowledged:
        prack(us, said)
    state = [each for each in us.written if isinstance(each, DialogState)][-1]
    after = us.wire.node(*us.address)
    adopted = after.core.adopt(DialogState.from_json(state.to_json()), us.wire.now)
    assert isinstance(adopted, CalledUsage)
    us.wire.settle()
    assert prack(after, said, seq=3).status == (481 if acknowledged else 200)
    after.do(lambda now: adopted.ring(now, sdp=ANSWER))
    assert heard(after)[-1].get("RSeq") == str(int(said.get("RSeq") or 0) + 1)


# -- calling -----------------------------------------------------------------------------------------------------


def reliable(asked: bytes, rseq: int, *, tag: str = "t1", status: int = 180, body: bytes = b"") -> bytes:
    return answer_to(asked, status, tag=tag, extra=f"Require: 100rel\r\nRSeq: {rseq}\r\n", body=body)


def test_a_reliable_response_is_acknowledged_within_its_early_dialog(us: Node) -> None:
    us.call(PEER)
    asked = us.wire.peer()[0]
    assert "100rel" in request(asked).elements("Supported")
    us.wire.send(reliable(asked, 7000), us)
    said = request(sent(us.wire, "PRACK")[0])
    assert (said.get("RAck"), said.cseq.number, said.to.tag) == ("7000 1 INVITE", 2, "t1")
    assert said.uri_text == "sip:100@192.0.2.1:5060"
    us.wire.send(answer_to(sent(us.wire, "PRACK")[0], 200), us)
    us.wire.send(answer_to(asked, 200, body=ANSWER), us)
    assert us.told == ["180", "answered"]
    assert request(sent(us.wire, "ACK")[0]).cseq.number == 1


def test_repeats_and_gaps_are_neither_acknowledged_nor_told(us: Node) -> None:
    us.call(PEER)
    asked = us.wire.peer()[0]
    for rseq in (10, 10, 12, 9, 11, 11, 12):
        us.wire.send(reliable(asked, rseq), us)
    assert [request(data).get("RAck") for data in sent(us.wire, "PRACK")] == [f"{n} 1 INVITE" for n in (10, 11, 12)]
    assert us.told == ["180", "180", "180"]


def test_each_fork_counts_by_itself(us: Node) -> None:
    us.call(PEER)
    asked = us.wire.peer()[0]
    for tag, rseq in (("a", 5), ("b", 90), ("a", 6), ("b", 90)):
        us.wire.send(reliable(asked, rseq, tag=tag), us)
    said = [request(data) for data in sent(us.wire, "PRACK")]
    assert [(each.to.tag, each.get("RAck")) for each in said] == [
        *(("a", "5 1 INVITE"), ("b", "90 1 INVITE"), ("a", "6 1 INVITE")),
    ]
    assert [each.cseq.number for each in said] == [2, 3, 4]


@pytest.mark.parametrize("extra", ["RSeq: 5\r\n", "Require: 100rel\r\n", "Require: 100rel\r\nRSeq: x\r\n"])
def test_what_is_not_reliable_is_told_and_not_acknowledged(us: Node, extra: str) -> None:
    us.call(PEER)
    us.wire.send(answer_to(us.wire.peer()[0], 180, extra=extra), us)
    assert us.told == ["180"]
    assert sent(us.wire, "PRACK") == []


def test_a_challenged_prack_is_sent_again_once_with_our_answer(us: Node) -> None:
    us.call(PEER, credentials=Credentials("anna", "geheim"))
    us.wire.send(reliable(us.wire.peer()[0], 5), us)
    challenge = 'Proxy-Authenticate: Digest realm="r", nonce="n"\r\n'
    for _ in range(2):
        us.wire.send(answer_to(sent(us.wire, "PRACK")[-1], 407, extra=challenge), us)
    first, second = (request(data) for data in sent(us.wire, "PRACK"))
    assert second.get("RAck") == first.get("RAck")
    assert second.get("Proxy-Authorization")


def test_a_call_without_an_offer_does_not_ask_for_reliable_responses(us: Node) -> None:
    us.call(PEER, sdp=None)
    assert "100rel" not in request(us.wire.peer()[0]).elements("Supported")
