"""Session timers (RFC 4028): who refreshes, how, and what ends when nobody does."""

import pytest

from tests.sip.wire import ANSWER, OFFER, Node, Wire, answer_to, invite, other, request, response
from webpbx.sip.auth import Credentials
from webpbx.sip.dialog import DialogState
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_calling import CallingUsage
from webpbx.sip.session_events import Ended
from webpbx.sip.settings import SipSettings

PEER = ("192.0.2.1", 5060)
GONE = Ended(408, "the session was not refreshed", "error")
TIMER = "Supported: timer\r\nAllow: INVITE, UPDATE\r\n"
OLD = "Allow: INVITE, ACK, BYE\r\n"


def talk(us: Node, them: Node) -> tuple[CallingUsage, CalledUsage]:
    ours = us.call(them.address)
    theirs = them.incoming[-1]
    them.do(lambda now: theirs.answer(ANSWER, now))
    return ours, theirs


def sent(peer: list[bytes], method: str) -> list[bytes]:
    return [data for data in peer if data.startswith(method.encode())]


def called(us: Node, extra: str = "") -> tuple[CalledUsage, str]:
    """Answer a call of the raw peer's and return our tag."""
    us.wire.peer()
    us.wire.send(invite(extra=extra), us)
    usage = us.incoming[-1]
    us.do(lambda now: usage.answer(ANSWER, now))
    tag = response(us.wire.peer()[-1]).to.tag
    us.wire.send(other("ACK", branch="z9hG4bKack", cseq=1, to_tag=tag), us)
    return usage, tag


def calling(us: Node, said: str) -> bytes:
    """Have the raw peer answer our call, and return the INVITE."""
    peer = us.wire.peer()
    us.call(PEER)
    asked = sent(peer, "INVITE")[-1]
    us.wire.send(answer_to(asked, 200, extra=said, body=ANSWER), us)
    return asked


def test_two_of_our_kind_refresh_by_update_for_ever(wire: Wire, us: Node) -> None:
    them = wire.node("192.0.2.1")
    ours, theirs = talk(us, them)
    assert (ours.dialog.session_interval, ours.dialog.we_refresh) == (1800, True)  # type: ignore[union-attr]
    assert (theirs.dialog.session_interval, theirs.dialog.we_refresh) == (1800, False)  # type: ignore[union-attr]
    wire.sleep(10 * 3600)
    assert len(wire.lines("UPDATE")) == 40
    assert wire.times("UPDATE")[:3] == [0.0, 900.0, 1800.0]
    assert them.told == []
    assert us.told == ["answered"]


def test_our_invite_asks_for_an_interval(us: Node) -> None:
    asked = request(calling(us, ""))
    assert (asked.get("Session-Expires"), asked.get("Min-SE"), asked.get("Supported")) == ("1800", "90", "timer")


def test_a_peer_without_session_timers_is_never_asked_to_refresh(wire: Wire, us: Node) -> None:
    calling(us, OLD)
    wire.sleep(24 * 3600)
    assert not wire.lines("UPDATE")
    assert us.told == ["answered"]


def test_a_stack_that_is_told_so_asks_for_none(wire: Wire) -> None:
    node = wire.node(settings=SipSettings(session_interval=0))
    assert request(calling(node, "")).get("Session-Expires") is None


def test_a_peer_that_takes_no_update_is_sent_the_same_offer_again(wire: Wire, us: Node) -> None:
    calling(us, OLD + "Session-Expires: 200;refresher=uac\r\nRequire: timer\r\n")
    wire.sleep(101)
    again = sent(wire.peer(), "INVITE")[-1]
    assert request(again).body == OFFER
    assert request(again).get("Session-Expires") == "200;refresher=uac"
    wire.send(answer_to(again, 200, extra="Session-Expires: 200;refresher=uac\r\n", body=ANSWER), us)
    wire.sleep(90)
    assert us.told == ["answered", "reofferdone"]
    assert not wire.lines("BYE")


def test_an_update_that_is_not_understood_gives_way_to_the_same_offer(wire: Wire, us: Node) -> None:
    calling(us, TIMER + "Session-Expires: 200;refresher=uac\r\n")
    wire.sleep(101)
    wire.send(answer_to(sent(wire.peer(), "UPDATE")[0], 501), us)
    assert request(sent(wire.peer(), "INVITE")[-1]).body == OFFER


def test_a_refresh_that_goes_wrong_is_tried_again(wire: Wire, us: Node) -> None:
    calling(us, TIMER + "Session-Expires: 200;refresher=uac\r\n")
    wire.sleep(101)
    wire.send(answer_to(sent(wire.peer(), "UPDATE")[0], 500), us)
    wire.sleep(11)
    updates = sent(wire.peer(), "UPDATE")
    assert len({request(data).cseq.number for data in updates}) == 2


@pytest.mark.parametrize("status", [408, 481])
def test_a_refresh_of_a_call_the_peer_does_not_know_ends_it(wire: Wire, us: Node, status: int) -> None:
    calling(us, TIMER + "Session-Expires: 200;refresher=uac\r\n")
    wire.sleep(101)
    wire.send(answer_to(sent(wire.peer(), "UPDATE")[0], status), us)
    assert us.told[-1] == f"ended error {status}"
    assert sent(wire.peer(), "BYE")


@pytest.mark.parametrize(("interval", "seconds"), [(1800, 1768), (90, 60)])
def test_a_call_the_peer_does_not_refresh_ends_early(wire: Wire, us: Node, interval: int, seconds: int) -> None:
    called(us, f"Session-Expires: {interval};refresher=uac\r\n" + TIMER)
    wire.sleep(seconds - 0.5)
    assert us.events == []
    wire.sleep(1)
    assert us.events == [GONE]
    assert sent(wire.peer(), "BYE")


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_a_refresh_of_the_peers_begins_the_interval_anew(wire: Wire, us: Node, method: str) -> None:
    usage, tag = called(us, "Session-Expires: 200;refresher=uac\r\n" + TIMER)
    wire.sleep(120)
    extra = "Session-Expires: 200;refresher=uac\r\n" + TIMER
    wire.peer().clear()
    if method == "UPDATE":
        wire.send(other("UPDATE", branch="z9hG4bKu", to_tag=tag, extra=extra), us)
    else:
        wire.send(invite(branch="z9hG4bKu", cseq=2, to_tag=tag, extra=extra), us)
        us.do(lambda now: usage.accept_reoffer(ANSWER, now))
        wire.send(other("ACK", branch="z9hG4bKv", to_tag=tag), us)
    assert response(wire.peer()[0]).get("Session-Expires") == "200;refresher=uac"
    us.events.clear()
    wire.sleep(160)
    assert us.events == []
    wire.sleep(10)
    assert us.events == [GONE]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("Session-Expires: 300\r\n" + TIMER, ("300;refresher=uac", "timer")),
        ("Session-Expires: 300;refresher=uas\r\n" + TIMER, ("300;refresher=uas", "timer")),
        ("x: 300;refresher=uas\r\nSupported: 100rel, timer\r\n", ("300;refresher=uas", "timer")),
        ("Session-Expires: 300\r\n", ("300;refresher=uas", None)),
        (TIMER, ("1800;refresher=uas", "timer")),
        ("Min-SE: 3600\r\n" + TIMER, ("3600;refresher=uas", "timer")),
        ("", (None, None)),
        ("Supported:\r\n", (None, None)),
        ("Session-Expires: soon\r\n", (None, None)),
    ],
)
def test_our_answer_names_the_refresher(us: Node, asked: str, said: tuple[str | None, str | None]) -> None:
    us.wire.peer()
    us.wire.send(invite(extra=asked), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    answer = response(us.wire.peer()[-1])
    assert (answer.get("Session-Expires"), answer.get("Require")) == said


@pytest.mark.parametrize("seconds", [1, 89])
def test_an_interval_too_short_is_refused_with_422(wire: Wire, us: Node, seconds: int) -> None:
    wire.peer()
    wire.send(invite(extra=f"Session-Expires: {seconds}\r\n" + TIMER), us)
    refusal = response(wire.peer()[-1])
    assert (refusal.status, refusal.get("Min-SE")) == (422, "90")
    assert us.incoming == []


def test_an_interval_too_short_within_a_call_is_refused_and_the_call_lives(wire: Wire, us: Node) -> None:
    _, tag = called(us)
    wire.send(other("UPDATE", branch="z9hG4bKu", to_tag=tag, extra="Session-Expires: 10\r\n" + TIMER), us)
    assert response(wire.peer()[-1]).status == 422
    assert us.events == []


def test_an_invite_refused_with_422_is_sent_again_as_wanted_once(wire: Wire, us: Node) -> None:
    wire.peer()
    us.call(PEER, credentials=Credentials("a", "b"))
    wire.send(answer_to(wire.peer()[-1], 422, extra="Min-SE: 7200\r\n"), us)
    again = request(sent(wire.peer(), "INVITE")[-1])
    assert (again.get("Session-Expires"), again.get("Min-SE"), again.cseq.number) == ("7200", "7200", 2)
    wire.send(answer_to(sent(wire.peer(), "INVITE")[-1], 422, extra="Min-SE: 7200\r\n"), us)
    assert us.told == ["ended remote 422"]


def test_a_refresh_refused_with_422_is_sent_again_as_wanted(wire: Wire, us: Node) -> None:
    calling(us, TIMER + "Session-Expires: 200;refresher=uac\r\n")
    wire.sleep(101)
    wire.send(answer_to(sent(wire.peer(), "UPDATE")[-1], 422, extra="Min-SE: 400\r\n"), us)
    assert request(sent(wire.peer(), "UPDATE")[-1]).get("Session-Expires") == "400;refresher=uac"


def reborn(wire: Wire, node: Node) -> Node:
    """Kill a node and have another at its address adopt the last dialog it wrote."""
    state = [each for each in node.written if isinstance(each, DialogState)][-1]
    after = wire.node(*node.address)
    after.core.adopt(DialogState.from_json(state.to_json()), wire.now)
    wire.settle()
    return after


def test_the_adopter_refreshes_when_the_dead_process_would_have(wire: Wire, us: Node) -> None:
    talk(us, wire.node("192.0.2.1"))
    wire.sleep(600)
    reborn(wire, us)
    wire.sleep(299)
    assert not wire.lines("UPDATE")
    wire.sleep(2)
    assert len(wire.lines("UPDATE")) == 1


def test_the_adopter_ends_what_the_peer_does_not_refresh(wire: Wire, us: Node) -> None:
    called(us, "Session-Expires: 1800;refresher=uac\r\n" + TIMER)
    wire.sleep(1000)
    del wire.nodes[us.address]
    wire.sleep(700)
    after = reborn(wire, us)
    wire.sleep(67)
    assert after.events == []
    wire.sleep(2)
    assert after.events == [GONE]


def test_hanging_up_ends_the_refreshing(wire: Wire, us: Node) -> None:
    ours, _ = talk(us, wire.node("192.0.2.1"))
    us.do(ours.hang_up)
    wire.sleep(3600)
    assert not wire.lines("UPDATE")
