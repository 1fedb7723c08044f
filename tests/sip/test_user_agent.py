"""Admission: who is heard, and what a request is refused with, in the order of §8.2."""

import random
import re

import pytest

from tests.sip.test_parser import mutate
from tests.sip.wire import ANSWER, HOST, OFFER, Wire, answer_to, invite, other, request, response, trust_all
from webpbx.sip.attempts import LIMIT
from webpbx.sip.auth import Credentials, answer, ha1
from webpbx.sip.grammar import Limits
from webpbx.sip.message import Request
from webpbx.sip.registrar import Registrar
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.transport import Flow

PEER = ("192.0.2.1", 5060)


def nobody(flow: Flow, request: Request) -> Peer | None:
    _ = (flow, request)
    return None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (other("FOO"), 501),
        (other("MESSAGE"), 405),
        (other("REGISTER"), 405),
        (other("SUBSCRIBE"), 405),
        (other("REFER"), 405),
        (other("BYE"), 481),
        (other("BYE", to_tag="x"), 481),
        (other("INFO", to_tag="x"), 481),
        (invite(to_tag="x"), 481),
        (other("FOO", to_tag="x"), 501),
        (invite().replace(f"sip:100@{HOST} SIP".encode(), b"foo:bar SIP"), 416),
        (invite(extra="Require: 100rel, nope\r\n"), 420),
        (invite().replace(b"application/sdp", b"text/plain"), 415),
        (invite(extra="Content-Encoding: gzip\r\n"), 415),
        (invite(extra="Accept: text/plain\r\n"), 406),
        (invite(body=b"x" * 20_000), 413),
        (invite().replace(b"SIP/2.0\r\n", b"SIP/9.0\r\n", 1), 505),
        (other("OPTIONS"), 200),
    ],
)
def test_a_request_is_refused_as_the_rfc_says(wire: Wire, data: bytes, status: int) -> None:
    us = wire.node()
    peer = wire.peer()
    for _ in range(2):
        wire.send(data, us)
    assert [response(each).status for each in peer] == [status, status]
    assert peer[0] == peer[1]
    assert response(peer[0]).to.tag or status == 505
    assert len(us.core.transactions) == 0
    assert us.incoming == []


def test_unsupported_names_what_was_required(wire: Wire) -> None:
    us, peer = wire.node(), wire.peer()
    wire.send(invite(extra="Require: 100rel, foo\r\n"), us)
    assert response(peer[0]).get("Unsupported") == "foo"


def test_an_ack_is_never_answered(wire: Wire) -> None:
    us, peer = wire.node(), wire.peer()
    wire.send(other("ACK", to_tag="x"), us)
    wire.send(other("ACK", extra="Content-Length: 9\r\n"), us)
    assert peer == []


def test_a_merged_request_is_482(wire: Wire) -> None:
    """§8.2.2.2"""
    us, peer = wire.node(), wire.peer()
    wire.send(invite(), us)
    wire.send(invite(branch="z9hG4bKother"), us)
    assert response(peer[0]).status == 482
    assert len(us.incoming) == 1


def test_a_call_to_oneself_has_two_dialogs(wire: Wire) -> None:
    us = wire.node()
    ours = us.call(us.address)
    theirs = us.incoming[0]
    us.do(lambda now: theirs.answer(ANSWER, now))
    us.do(ours.hang_up)
    assert us.told == ["answered", "ended local", "ended remote"]
    assert us.core.dialogs == 0


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "REFER", "NOTIFY", "PUBLISH"])
def test_an_unknown_source_gets_nothing_served_and_costs_no_state(wire: Wire, method: str) -> None:
    us, peer = wire.node(identify=nobody), wire.peer()
    data = invite() if method == "INVITE" else other(method)
    for _ in range(2):
        wire.send(data, us)
    assert response(peer[0]).status in {401, 405}
    assert us.incoming == []
    assert len(us.core.transactions) == 0


def test_the_challenge_names_sha256_first(wire: Wire) -> None:
    us, peer = wire.node(identify=nobody), wire.peer()
    wire.send(invite(), us)
    challenges = response(peer[0]).values("WWW-Authenticate")
    assert [line.rsplit("=", 1)[1] for line in challenges] == ["SHA-256", "MD5"]


def test_an_unknown_source_is_answered_options(wire: Wire) -> None:
    us, peer = wire.node(identify=nobody), wire.peer()
    wire.send(other("OPTIONS"), us)
    assert response(peer[0]).status == 200
    assert response(peer[0]).get("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"


def guarding(secret: Credentials) -> Registrar:
    """Make a registrar that knows one user."""

    def lookup(username: str, algorithm: str) -> str | None:
        return ha1(secret, realm="pbx", algorithm=algorithm) if username == secret.username else None

    return Registrar(realm="pbx", lookup=lookup)


def digested(data: bytes, challenged: bytes, credentials: Credentials) -> bytes:
    """Send a request again with the answer to a challenge."""
    said = answer(response(challenged), request(data), credentials, cnonce="cn")
    assert said is not None
    again = data.replace(b"Max-Forwards", f"{said.header[0]}: {said.header[1]}\r\nMax-Forwards".encode(), 1)
    return re.sub(rb"z9hG4bK\w+", b"z9hG4bKagain", again)


def test_a_telephone_proves_itself(wire: Wire) -> None:
    secret = Credentials("anna", "geheim")
    us, peer = wire.node(identify=nobody, registrar=guarding(secret)), wire.peer()
    wire.send(invite(), us)
    assert response(peer[0]).status == 401
    wire.send(digested(invite(), peer[0], Credentials("anna", "falsch")), us)
    assert response(peer[1]).status == 401
    wire.send(digested(invite(), peer[0], Credentials("eve", "geheim")), us)
    assert response(peer[2]).status == 401
    assert us.incoming == []
    wire.send(digested(invite(), peer[0], secret), us)
    assert us.incoming[0].peer == Peer("anna", registered=True)


def test_a_nonce_count_that_does_not_rise_is_stale(wire: Wire) -> None:
    secret = Credentials("anna", "geheim")
    us, peer = wire.node(identify=nobody, registrar=guarding(secret)), wire.peer()
    wire.send(invite(), us)
    wire.send(digested(invite(), peer[0], secret), us)
    replayed = digested(invite(call_id="c1"), peer[0], secret).replace(b"z9hG4bKagain", b"z9hG4bKreplay")
    wire.send(replayed, us)
    assert "stale=true" in (response(peer[-1]).get("WWW-Authenticate") or "")


def test_made_up_answers_in_a_telephones_name_and_address_do_not_lock_it_out(wire: Wire) -> None:
    secret = Credentials("anna", "geheim")
    us, peer = wire.node(identify=nobody, registrar=guarding(secret)), wire.peer()
    wire.send(invite(), us)
    for turn in range(LIMIT):
        made_up = digested(invite(), peer[0], Credentials("anna", "falsch"))
        wire.send(made_up.replace(b'nonce="', b'nonce="%d' % turn), us)
    wire.send(digested(invite(), peer[0], secret), us)
    assert len(us.incoming) == 1


def test_a_nonce_is_stale_after_a_minute(wire: Wire) -> None:
    secret = Credentials("anna", "geheim")
    us, peer = wire.node(identify=nobody, registrar=guarding(secret)), wire.peer()
    wire.send(invite(), us)
    wire.sleep(62)
    wire.send(digested(invite(), peer[0], secret), us)
    assert "stale=true" in (response(peer[-1]).get("WWW-Authenticate") or "")
    assert us.incoming == []


def test_an_unknown_source_over_20_a_second_is_not_heard_for_five_minutes(wire: Wire) -> None:
    us, peer = wire.node(identify=nobody, trusted=None), wire.peer()
    for _ in range(50):
        wire.send(other("OPTIONS"), us)
    assert len(peer) == 20
    wire.sleep(299)
    wire.send(other("OPTIONS"), us)
    assert len(peer) == 20
    wire.sleep(2)
    wire.send(other("OPTIONS"), us)
    assert len(peer) == 21
    assert us.core.counters["dropped", "rate"] == 31


def test_garbage_of_others_does_not_silence_a_source(wire: Wire) -> None:
    us, peer = wire.node(identify=nobody, trusted=None), wire.peer("192.0.2.50")
    for _ in range(50):
        wire.send(b"garbage", us)
    wire.send(other("OPTIONS"), us, ("192.0.2.50", 5060))
    assert response(peer[0]).status == 200


def test_a_peer_that_proved_itself_has_a_bucket_of_its_own(wire: Wire) -> None:
    us, peer = wire.node(identify=trust_all, trusted=None), wire.peer()
    wire.send(invite(), us)
    for _ in range(500):
        wire.send(other("OPTIONS"), us)
    assert len(peer) == 500


def test_a_trusted_address_is_heard_even_when_it_began_with_garbage(wire: Wire) -> None:
    us = wire.node(identify=trust_all, trusted=lambda host: host == "192.0.2.1")
    for _ in range(1000):
        wire.send(b"garbage", us)
    wire.send(invite(), us)
    assert len(us.incoming) == 1
    assert us.core.counters["dropped", "malformed"] == 1000


def test_the_answer_of_a_proxy_we_call_is_heard_whatever_else_it_sends(wire: Wire) -> None:
    us, peer = wire.node(identify=nobody, trusted=None), wire.peer()
    us.call(PEER)
    for _ in range(100):
        wire.send(b"garbage", us)
    wire.send(answer_to(peer[0], 180), us)
    assert us.told == ["180"]


def test_a_request_within_a_dialog_from_a_stranger_is_481(wire: Wire) -> None:
    us = wire.node(identify=lambda flow, _: Peer("trunk") if flow.remote[0] == "192.0.2.1" else None)
    peer, stranger = wire.peer(), wire.peer("192.0.2.66")
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    tag = response(peer[0]).to.tag
    wire.send(other("BYE", to_tag=tag), us, ("192.0.2.66", 5060))
    assert response(stranger[0]).status == 481
    assert us.told == []


def test_draining_answers_503_with_retry_after_and_lets_calls_go_on(wire: Wire) -> None:
    us, peer = wire.node(), wire.peer()
    wire.send(invite(), us)
    us.core.draining = True
    wire.send(invite(branch="z9hG4bKnew", call_id="c2"), us)
    wire.send(other("OPTIONS"), us)
    assert [response(each).status for each in peer] == [503, 503]
    assert response(peer[0]).get("Retry-After") == "10"
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    assert response(peer[-1]).status == 200


@pytest.mark.parametrize("settings", [SipSettings(max_dialogs=1), SipSettings(max_transactions=1)])
def test_a_full_house_answers_503(wire: Wire, settings: SipSettings) -> None:
    us, peer = wire.node(settings=settings), wire.peer()
    wire.send(invite(), us)
    wire.send(invite(branch="z9hG4bKnew", call_id="c2"), us)
    assert response(peer[-1]).status == 503
    assert len(us.incoming) == 1


def test_a_call_that_leads_nowhere_is_refused_at_once_and_costs_no_state(wire: Wire) -> None:
    us, peer = wire.node(identify=lambda _f, _r: Peer("trunk", refusal=404)), wire.peer()
    for _ in range(2):
        wire.send(invite(), us)
    assert [response(data).status for data in peer] == [404, 404]
    assert peer[0] == peer[1]
    assert (len(us.core.transactions), us.incoming) == (0, [])


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0\0\0\0", b"\r\n"])
def test_keep_alives_are_let_be(wire: Wire, data: bytes) -> None:
    us, peer = wire.node(), wire.peer()
    wire.send(data, us)
    assert peer == []
    assert us.core.counters["dropped", "keep-alive"] == 1


def test_responses_go_to_the_source_address_and_rport_else_sent_by(wire: Wire) -> None:
    """§18.2.2, RFC 3581 §4"""
    us = wire.node()
    mapped, sent_by = wire.peer("192.0.2.40", 33333), wire.peer("192.0.2.40", 5060)
    wire.send(other("OPTIONS"), us, ("192.0.2.40", 33333))
    assert response(mapped[0]).via.parameters == {
        "branch": "z9hG4bKdef",
        "rport": "33333",
        "received": "192.0.2.40",
    }
    wire.send(other("OPTIONS").replace(b";rport", b""), us, ("192.0.2.40", 33333))
    assert response(sent_by[0]).via.parameters["received"] == "192.0.2.40"


def test_a_response_never_goes_to_maddr(wire: Wire) -> None:
    us, peer = wire.node(), wire.peer()
    wire.send(other("OPTIONS").replace(b";rport", b";maddr=192.0.2.99"), us)
    assert len(peer) == 1


def test_mutated_requests_of_a_trusted_source_never_harm_a_call(wire: Wire) -> None:
    us, peer = wire.node(), wire.peer()
    wire.send(invite(call_id="good"), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    tag = response(peer[0]).to.tag
    wire.send(other("ACK", call_id="good", cseq=1, to_tag=tag), us)
    source = random.Random(7)
    shapes = [
        invite(),
        other("OPTIONS"),
        other("CANCEL", branch="z9hG4bKabc", cseq=1),
        other("BYE", to_tag="x"),
        other("REGISTER"),
        other("UPDATE", to_tag="x", extra="Content-Type: application/sdp\r\n", body=OFFER),
        answer_to(invite(), 200),
    ]
    for number in range(3_000):
        wire.send(mutate(shapes[number % len(shapes)], source), us)
    assert us.core.counters["dropped", "error"] == 0
    wire.sleep(300)
    wire.send(other("BYE", call_id="good", to_tag=tag, branch="z9hG4bKlast"), us)
    assert response(peer[-1]).status == 200


@pytest.mark.parametrize(
    ("limits", "heard", "malformed"),
    [
        (Limits(message=300), [], 1),
        (Limits(header_lines=5), [], 1),
        (Limits(sdp=20), [413], 0),
        (Limits(), [100], 0),
    ],
)
def test_limits_are_settings(wire: Wire, limits: Limits, heard: list[int], malformed: int) -> None:
    us, peer = wire.node(settings=SipSettings(limits=limits)), wire.peer()
    wire.send(invite(), us)
    wire.sleep(0.2)
    assert [response(each).status for each in peer] == heard
    assert us.core.counters["dropped", "malformed"] == malformed


def test_a_nonce_lives_as_long_as_is_set(wire: Wire) -> None:
    secret = Credentials("anna", "geheim")
    settings = SipSettings(nonce_seconds=5)
    us, peer = wire.node(identify=nobody, registrar=guarding(secret), settings=settings), wire.peer()
    wire.send(invite(), us)
    wire.sleep(7)
    wire.send(digested(invite(), peer[0], secret), us)
    assert "stale=true" in (response(peer[-1]).get("WWW-Authenticate") or "")
