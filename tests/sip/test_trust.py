"""S3 and S4 of the acceptance programme: no digest leaks, nothing unauthenticated is served, no user is told apart."""

import re
from collections import Counter
from collections.abc import Callable

import pytest

from tests.sip.test_session import CHALLENGE, PEER, SECRET, answered, reborn, talk
from tests.sip.test_user_agent import digested, nobody
from tests.sip.wire import ANSWER, OFFER, Node, Wire, answer_to, invite, other, request, response
from webpbx.sip import auth
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.dialog import DialogState
from webpbx.sip.message import Request
from webpbx.sip.registrar import Registrar
from webpbx.sip.session import InviteUsage
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.subscription import Subscriber, message_summary
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

CAROL = SipUri("example.com", "carol")
STRANGER = ("192.0.2.66", 5060)
SDP = "Content-Type: application/sdp\r\n"


def bye(usage: InviteUsage, now: float) -> None:
    usage.hang_up(now)


def reinvite(usage: InviteUsage, now: float) -> None:
    assert usage.reinvite(OFFER, now)


def update(usage: InviteUsage, now: float) -> None:
    assert usage.update(OFFER, now)


def info(usage: InviteUsage, now: float) -> None:
    usage.info(b"Signal=1", "application/dtmf-relay", lambda _: None, now)


def refer(usage: InviteUsage, now: float) -> None:
    usage.transfers.refer(CAROL, now, done=lambda _: None)


def refresh(usage: InviteUsage, now: float) -> None:
    assert usage.send_update([], now) is not None


DEEDS = {"BYE": bye, "INVITE": reinvite, "UPDATE": update, "INFO": info, "REFER": refer, "UPDATE ": refresh}
Deed = Callable[[InviteUsage, float], None]


def challenge(status: int, realm: str = "pbx") -> str:
    line = CHALLENGE.replace('"pbx"', f'"{realm}"')
    return line.replace("WWW-Authenticate", "Proxy-Authenticate") if status == 407 else line


def node(wire: Wire) -> Node:
    return wire.node(settings=SipSettings(transfers=True))


def leaks(wire: Wire) -> list[bytes]:
    return [data for peer in wire.raw.values() for data in peer if b"Authorization" in data]


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("method", DEEDS)
def test_s3_a_caller_that_challenges_us_gets_no_digest(wire: Wire, method: str, status: int) -> None:
    us, peer = node(wire), wire.peer()
    answered(wire, us, peer, extra="Allow: UPDATE\r\n")
    us.do(lambda now: DEEDS[method](us.incoming[0], now))
    assert request(peer[-1]).method == method.strip()
    wire.send(answer_to(peer[-1], status, extra=challenge(status)), us)
    assert leaks(wire) == []


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("method", DEEDS)
@pytest.mark.parametrize(("realm", "away"), [("pbx", True), ("elsewhere", False), ("PBX", False)])
def test_s3_another_address_or_realm_than_the_trunks_gets_no_digest(
    wire: Wire, method: str, realm: str, status: int, *, away: bool
) -> None:
    us, trunk, stranger = node(wire), wire.peer(), wire.peer(*STRANGER)
    ours = us.call(PEER, credentials=SECRET)
    extra = "Allow: UPDATE\r\n" + ("Contact: <sip:evil@192.0.2.66>\r\n" if away else "")
    wire.send(answer_to(trunk[0], 200, extra=extra, body=ANSWER), us)
    us.do(lambda now: DEEDS[method](ours, now))
    asked = (stranger if away else trunk)[-1]
    assert request(asked).method == method.strip()
    wire.send(answer_to(asked, status, extra=challenge(status, realm)), us, STRANGER if away else PEER)
    assert leaks(wire) == []


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("method", DEEDS)
def test_s3_the_trunk_itself_is_answered_once(wire: Wire, method: str, status: int) -> None:
    us, trunk = node(wire), wire.peer()
    ours = us.call(PEER, credentials=SECRET)
    wire.send(answer_to(trunk[0], 200, extra="Allow: UPDATE\r\n", body=ANSWER), us)
    us.do(lambda now: DEEDS[method](ours, now))
    for _ in range(3):
        wire.send(answer_to(trunk[-1], status, extra=challenge(status)), us)
    assert len(leaks(wire)) == 1
    assert leaks(wire)[0].startswith(method.strip().encode())


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("realm", ["elsewhere", "PBX", ""])
def test_s3_an_invite_challenged_for_another_realm_gets_no_digest(wire: Wire, realm: str, status: int) -> None:
    us, trunk = node(wire), wire.peer()
    us.call(PEER, credentials=SECRET)
    wire.send(answer_to(trunk[0], status, extra=challenge(status, realm)), us)
    assert leaks(wire) == []
    assert us.told == [f"ended remote {status}"]


def test_s3_a_prack_challenged_from_elsewhere_gets_no_digest(wire: Wire) -> None:
    us, trunk, stranger = node(wire), wire.peer(), wire.peer(*STRANGER)
    us.call(PEER, credentials=SECRET)
    extra = "Require: 100rel\r\nRSeq: 1\r\nContact: <sip:evil@192.0.2.66>\r\n"
    wire.send(answer_to(trunk[0], 183, extra=extra, body=ANSWER), us)
    assert request(stranger[-1]).method == "PRACK"
    wire.send(answer_to(stranger[-1], 401, extra=CHALLENGE), us, STRANGER)
    assert leaks(wire) == []


@pytest.mark.parametrize("credentials", [SECRET, None])
def test_s3_after_a_restart_the_trunk_alone_is_answered(wire: Wire, credentials: Credentials | None) -> None:
    us, trunk, stranger = node(wire), wire.peer(), wire.peer(*STRANGER)
    for contact, far in (("192.0.2.1", trunk), ("192.0.2.66", stranger)):
        us.call(PEER, credentials=SECRET)
        extra = f"Contact: <sip:100@{contact}:5060>\r\n"
        wire.send(answer_to(trunk[-1], 200, extra=extra, body=ANSWER), us)
        state = next(each for each in reversed(us.written) if hasattr(each, "confirmed"))
        second = wire.node(us.address[0], us.address[1])
        adopted = second.core.adopt(state, wire.now, credentials=credentials)  # type: ignore[arg-type]  # no DialogGone
        second.do(adopted.hang_up)
        wire.send(answer_to(far[-1], 401, extra=CHALLENGE), second, (contact, 5060))
        us = second
    assert [data.split(b" ", 1)[0] for data in leaks(wire)] == ([b"BYE"] if credentials else [])
    assert not any(b"Authorization" in data for data in stranger)


def test_s3_a_challenge_that_comes_after_a_restart_is_answered_with_all_that_was_said(wire: Wire) -> None:
    us, trunk = node(wire), wire.peer()
    said = (("P-Asserted-Identity", "<sip:+4930111@example.com>"), ("Diversion", "<sip:2@h>;reason=user-busy"))
    us.call(PEER, credentials=SECRET, headers=said, routes=("<sip:192.0.2.1;lr>",), contact_user="t1", max_forwards=9)
    state = DialogState.from_json(us.written[-1].to_json())  # type: ignore[union-attr]  # no DialogGone
    second = wire.node(*us.address)
    second.core.adopt(state, wire.now, credentials=SECRET)
    wire.settle()
    first = request(trunk[0])
    wire.send(answer_to(trunk[-1], 401, extra=CHALLENGE), second)
    again = request(trunk[-1])
    for name in ("P-Asserted-Identity", "Diversion", "Route", "Contact", "Max-Forwards", "From", "Call-ID"):
        assert again.get(name) == first.get(name) is not None
    assert (again.sdp, again.cseq.number) == (OFFER, first.cseq.number + 1)
    assert again.get("Authorization")


def test_s3_a_call_that_came_in_never_gets_credentials_by_a_restart(wire: Wire) -> None:
    us, them = node(wire), wire.node("192.0.2.1")
    talk(them, us)
    second, _ = reborn(wire, us)
    usage = next(iter(second.core._dialogs.usages.values()))
    assert (usage.credentials, usage.trusted) == (None, frozenset())


# -- nothing unauthenticated is served ---------------------------------------------------------------------------

METHODS = ["INVITE", "REGISTER", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH", "INFO", "UPDATE", "PRACK", "BYE"]
USERS = {"100": Credentials("100", "geheim"), "101": Credentials("101", "auch geheim")}
EXTRA = "Contact: <sip:bob@192.0.2.1>\r\nEvent: message-summary\r\nRefer-To: <sip:carol@example.com>\r\n"


def lookup(username: str, algorithm: str) -> str | None:
    known = USERS.get(username)
    return None if known is None else ha1(known, realm="pbx", algorithm=algorithm)


class Guarded:
    """A node with everything open that strangers must not reach."""

    def __init__(self, wire: Wire) -> None:
        self.subscribed: list[Subscriber] = []
        self.changed: list[str] = []
        self.registrar = Registrar(realm="pbx", lookup=lookup, on_change=self.changed.append)
        self.node = wire.node(
            identify=nobody,
            registrar=self.registrar,
            on_subscribe=self._present,
            settings=SipSettings(transfers=True, realm="pbx"),
        )

    def _present(self, subscriber: Subscriber) -> bytes:
        self.subscribed.append(subscriber)
        return message_summary(new=1, old=1)

    @property
    def untouched(self) -> bool:
        nothing = not self.node.incoming and not self.subscribed and not self.changed and not self.node.events
        return nothing and len(self.node.core.transactions) == 0 and self.node.core.dialogs == 0


def asking(method: str, *, authorization: str = "", user: str = "100") -> bytes:
    line = f"Authorization: {authorization}\r\n" if authorization else ""
    data = invite(extra=line) if method == "INVITE" else other(method, extra=EXTRA + line)
    return data.replace(b"sip:100@", f"sip:{user}@".encode())


@pytest.mark.parametrize("method", METHODS)
def test_s3_a_stranger_is_served_nothing_and_costs_no_state(wire: Wire, method: str) -> None:
    guarded, peer = Guarded(wire), wire.peer()
    wire.send(asking(method), guarded.node)
    status = response(peer[0]).status
    assert status == {"MESSAGE": 405, "PUBLISH": 405}.get(method, 481 if method in [*METHODS[7:], "NOTIFY"] else 401)
    assert guarded.untouched


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "SUBSCRIBE", "REFER"])
@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.replace('username="100"', 'username="101"'),
        lambda said: said.replace('username="100"', 'username=""'),
        lambda said: said.replace('username="100", ', ""),
        lambda said: re.sub(r'nonce="[^"]*"', 'nonce="1.x.y"', said),
        lambda said: re.sub(r'nonce="(.)', r'nonce="9\1', said),
        lambda said: re.sub(r'response="[^"]*"', 'response=""', said),
        lambda said: re.sub(r'uri="[^"]*"', 'uri="sip:elsewhere"', said),
        lambda said: said.replace('realm="pbx"', 'realm="other"'),
        lambda said: said.replace("qop=auth", "qop=auth-int"),
        lambda said: said.replace(", qop=auth", ""),
        lambda said: said.replace("nc=00000001", "nc=zzzzzzzz"),
        lambda said: said.replace("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        lambda said: said.replace("Digest", "Basic"),
        lambda said: said[:6],
        lambda said: said[:20],
    ],
)
def test_s3_a_forged_answer_is_no_proof(wire: Wire, method: str, change: Callable[[str], str]) -> None:
    guarded, peer = Guarded(wire), wire.peer()
    wire.send(asking(method), guarded.node)
    right = request(digested(asking(method), peer[0], USERS["100"])).get("Authorization") or ""
    forged = change(right)
    assert forged != right
    wire.send(asking(method, authorization=forged).replace(b"branch=z9hG4bK", b"branch=z9hG4bKforged"), guarded.node)
    assert response(peer[-1]).status == 401
    assert guarded.untouched


def test_s3_the_right_answer_is_one_once_and_for_its_method_alone(wire: Wire) -> None:
    guarded, peer = Guarded(wire), wire.peer()
    wire.send(asking("REGISTER"), guarded.node)
    said = request(digested(asking("REGISTER"), peer[0], USERS["100"])).get("Authorization") or ""
    wire.send(asking("SUBSCRIBE", authorization=said), guarded.node)
    assert response(peer[-1]).status == 401
    assert guarded.untouched
    for number, status in enumerate((200, 401)):
        again = asking("REGISTER", authorization=said).replace(b"z9hG4bK", f"z9hG4bK{number}".encode())
        wire.send(again, guarded.node)
        assert response(peer[-1]).status == status
    assert guarded.changed == ["100"]


def by_address(flow: Flow, message: Request) -> Peer | None:
    _ = message
    return Peer("trunk") if flow.remote[0] == "192.0.2.1" else None


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "INVITE", "REFER", "NOTIFY", "SUBSCRIBE", "PRACK"])
def test_s3_whoever_learns_a_calls_tags_cannot_touch_it_from_elsewhere(wire: Wire, method: str) -> None:
    us, peer, stranger = (
        wire.node(identify=by_address, settings=SipSettings(transfers=True)),
        wire.peer(),
        wire.peer(*STRANGER),
    )
    tag = answered(wire, us, peer)
    known = us.incoming[0].dialog
    data = invite(branch="z9hG4bKx", cseq=5, to_tag=tag) if method == "INVITE" else other(method, cseq=5, to_tag=tag)
    wire.send(data, us, STRANGER)
    assert response(stranger[0]).status == 481
    assert us.events == []
    assert us.incoming[0].dialog == known


def telephone_call(wire: Wire) -> tuple[Node, list[bytes], str]:
    """Let telephone 100 call us; give our side, what it hears and our tag."""
    us, peer = Guarded(wire).node, wire.peer()
    wire.send(invite(), us)
    wire.send(digested(invite(), peer[0], USERS["100"]), us)
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    tag = response(peer[-1]).to.tag
    wire.send(other("ACK", cseq=1, to_tag=tag), us)
    return us, peer, tag


def test_s3_a_telephone_whose_address_has_changed_proves_itself_and_ends_its_call(wire: Wire) -> None:
    us, _, tag = telephone_call(wire)
    elsewhere = wire.peer(*STRANGER)
    asked = other("BYE", to_tag=tag)
    wire.send(asked, us, STRANGER)
    assert response(elsewhere[-1]).status == 401
    assert us.told == []
    wire.send(digested(asked, elsewhere[-1], USERS["101"]), us, STRANGER)
    assert response(elsewhere[-1]).status == 481
    wire.send(other("BYE", cseq=3, to_tag=tag, branch="z9hG4bKb3"), us, STRANGER)
    wire.send(digested(other("BYE", cseq=4, to_tag=tag), elsewhere[-1], USERS["100"]), us, STRANGER)
    assert response(elsewhere[-1]).status == 200
    assert us.told == ["ended remote"]


def test_s3_what_is_said_to_a_telephone_follows_it_to_the_address_it_has_proved_itself_from(wire: Wire) -> None:
    us, peer, tag = telephone_call(wire)
    elsewhere = wire.peer(*STRANGER)
    wire.send(invite(cseq=2, to_tag=tag, branch="z9hG4bKi2"), us, STRANGER)
    assert us.incoming[0].dialog is not None
    assert us.incoming[0].dialog.flow.remote == PEER
    again = digested(invite(cseq=3, to_tag=tag), elsewhere[-1], USERS["100"])
    wire.send(again.replace(b"z9hG4bKagain", b"z9hG4bKi3"), us, STRANGER)
    us.do(lambda now: us.incoming[0].accept_reoffer(ANSWER, now))
    wire.send(other("ACK", cseq=3, to_tag=tag), us, STRANGER)
    assert isinstance(us.written[-1], DialogState)
    assert us.written[-1].flow.remote == STRANGER
    before = len(peer)
    us.do(us.incoming[0].hang_up)
    assert request(elsewhere[-1]).method == "BYE"
    assert len(peer) == before


def test_s3_nobody_cancels_or_answers_the_offer_of_anothers_call(wire: Wire) -> None:
    us, peer, stranger = wire.node(identify=by_address), wire.peer(), wire.peer(*STRANGER)
    wire.send(invite(body=b""), us)
    wire.send(other("CANCEL", branch="z9hG4bKabc", cseq=1), us, STRANGER)
    assert response(stranger[-1]).status == 481
    us.do(lambda now: us.incoming[0].answer(OFFER, now))
    tag = response(peer[-1]).to.tag
    ack = other("ACK", cseq=1, to_tag=tag, extra=SDP, body=ANSWER)
    wire.send(ack, us, STRANGER)
    assert us.told == []
    wire.send(ack, us)
    assert us.told == ["answered"]


# -- nobody is told apart ----------------------------------------------------------------------------------------


def shape(data: bytes) -> bytes:
    """Return an answer without what differs each time anyway."""
    data = re.sub(rb'nonce="[^"]*"', b'nonce=""', data)
    return re.sub(rb"(;tag=)[0-9a-f]{20}", rb"\1", re.sub(rb"sip:\w+@", b"sip:@", data))


@pytest.mark.process
@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "SUBSCRIBE", "OPTIONS", "REFER", "MESSAGE", "BYE", "INFO"])
def test_s4_none_of_a_thousand_extensions_is_told_apart_unasked(wire: Wire, method: str) -> None:
    guarded, peer = Guarded(wire), wire.peer()
    for number in range(1000):
        wire.send(asking(method, user=str(number)), guarded.node)
    assert len(peer) == 1000
    assert len({shape(data) for data in peer}) == 1


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "SUBSCRIBE", "REFER"])
@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_s4_a_wrong_secret_takes_the_same_path_for_known_and_unknown_users(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, method: str, algorithm: str
) -> None:
    guarded, peer = Guarded(wire), wire.peer()
    guarded.node.core._serving.gate._authenticator._algorithms = (algorithm,)
    stored = {user: lookup(user, algorithm) for user in USERS}
    guarded.registrar.lookup = lambda user, _: stored.get(user)
    wire.send(asking(method), guarded.node)
    work: Counter[str] = Counter()
    plain = auth._hash

    def counted(name: str, text: str) -> str:
        work[name] += 1
        return plain(name, text)

    taken = set()
    for user in ("100", "101", "102", "nobody", "0"):
        guess = digested(asking(method), peer[0], Credentials(user, "geraten"))
        work.clear()
        with monkeypatch.context() as patch:
            patch.setattr(auth, "_hash", counted)
            wire.send(guess, guarded.node)
        taken.add((work[algorithm], shape(peer[-1])))
    assert len(taken) == 1
    assert next(iter(taken))[0] == 2
    assert guarded.untouched
