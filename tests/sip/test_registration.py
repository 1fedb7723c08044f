"""Registering at a provider that is a raw peer, or our own registrar."""

from dataclasses import replace

import pytest

from tests.sip.wire import Node, Wire, answer_to, request
from webpbx.sip.auth import Credentials, RealmPin, ha1
from webpbx.sip.message import Request
from webpbx.sip.registrar import Registrar
from webpbx.sip.registration import Registration, RegistrationClient, RegistrationState
from webpbx.sip.transport import Address, Flow
from webpbx.sip.uri import SipUri

FIRST, SECOND = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
SECRET = Credentials("trunk1", "geheim")
CHALLENGE = 'WWW-Authenticate: Digest realm="prov", nonce="n{0}", qop="auth", algorithm=MD5{1}\r\n'


class Client:
    """A node's registration and the states it told."""

    def __init__(
        self, wire: Wire, *proxies: Address, expires: int = 300, credentials: Credentials | None = SECRET
    ) -> None:
        self.node: Node = wire.node()
        self.wire = wire
        self.told: list[str] = []
        order = Registration(SipUri("prov", "trunk1"), SipUri("prov"), proxies, credentials, "trunk1", expires)
        self.client = RegistrationClient(self.node.core, order, user_agent="webpbx", on_change=self.note)
        self.client.set_flows(tuple(Flow("UDP", self.node.address, proxy) for proxy in proxies), wire.now)
        self.node.do(self.client.start)

    def note(self) -> None:
        self.told.append(f"{self.client.state.value} {self.client.reason}".strip())


def grant(asked: bytes, expires: int | None = None, *, extra: str = "") -> bytes:
    contact = str(request(asked).contacts[0].uri)
    value = f"<{contact}>" + ("" if expires is None else f";expires={expires}")
    return answer_to(asked, 200, extra=f"Contact: {value}\r\n{extra}")


def tries(peer: list[bytes]) -> int:
    """Count the requests, repeats apart."""
    return len({each.cseq.number for each in requests(peer)})


def requests(peer: list[bytes]) -> list[Request]:
    return [request(data) for data in peer]


def test_it_registers_with_digest_and_tells_its_realm(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(answer_to(peer[0], 401, extra=CHALLENGE.format(1, "")), ours.node)
    again = requests(peer)[1]
    assert again.get("Authorization") is not None
    assert (again.cseq.number, again.call_id) == (2, requests(peer)[0].call_id)
    wire.send(grant(peer[1], 300), ours.node)
    assert ours.told == ["registered"]
    assert (ours.client.realm, ours.client.address) == ("prov", FIRST)


def test_it_refreshes_early_by_what_was_granted(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(grant(peer[0], 100), ours.node)
    wire.sleep(79)
    assert tries(peer) == 1
    wire.sleep(1.5)
    assert tries(peer) == 2
    assert requests(peer)[1].get("Expires") == "300"


def test_without_an_expiry_of_its_own_the_contact_has_that_of_the_message(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(grant(peer[0], extra="Expires: 50\r\n"), ours.node)
    wire.sleep(41)
    assert tries(peer) == 2


def test_our_own_contact_is_found_among_others(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(grant(peer[0], 200, extra="Contact: <sip:trunk1@192.0.2.88>;expires=10\r\n"), ours.node)
    wire.sleep(100)
    assert len(peer) == 1


def test_423_is_obeyed(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST, expires=60)
    wire.send(answer_to(peer[0], 423, extra="Min-Expires: 600\r\n"), ours.node)
    assert requests(peer)[1].get("Expires") == "600"
    wire.send(grant(peer[1], 600), ours.node)
    assert ours.told == ["registered"]


def test_a_wrong_secret_says_so_and_is_tried_again_after_a_while(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    for number in range(2):
        wire.send(answer_to(peer[number], 401, extra=CHALLENGE.format(number, "")), ours.node)
    assert ours.told == ["failed 401: wrong secret"]
    wire.sleep(20)
    assert tries(peer) == 2
    wire.sleep(11)
    assert tries(peer) == 3


def test_a_stale_nonce_is_answered_once_more(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(answer_to(peer[0], 401, extra=CHALLENGE.format(1, "")), ours.node)
    wire.send(answer_to(peer[1], 401, extra=CHALLENGE.format(2, ", stale=true")), ours.node)
    wire.send(grant(peer[2], 300), ours.node)
    assert ours.told == ["registered"]


def test_a_challenge_without_a_secret_set_says_so(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST, credentials=None)
    wire.send(answer_to(peer[0], 401, extra=CHALLENGE.format(1, "")), ours.node)
    assert ours.told == ["failed 401: no secret is set"]


def test_only_the_first_realm_that_asked_is_ever_answered(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST, credentials=replace(SECRET, pin=RealmPin(lambda: None)))
    wire.send(answer_to(peer[0], 401, extra=CHALLENGE.format(1, "")), ours.node)
    wire.send(grant(peer[1], 100), ours.node)
    wire.sleep(81)
    wire.send(answer_to(peer[2], 401, extra=CHALLENGE.format(2, "").replace("prov", "evil")), ours.node)
    assert tries(peer) == 3
    assert ours.told[-1] == "failed 401: the realm 'evil' asks for the secret, which is for 'prov' alone"
    assert ours.client.realm == "prov"


def test_a_refusal_says_what_the_provider_said(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(answer_to(peer[0], 403), ours.node)
    assert ours.told == ["failed 403: Whatever"]


def test_refusals_back_off_further_each_time(wire: Wire) -> None:
    wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    peer = wire.raw[FIRST]
    gaps: list[float] = []
    for _ in range(5):
        wire.send(answer_to(peer[-1], 403), ours.node)
        asked = wire.now
        while tries(peer) == len(gaps) + 1:
            wire.sleep(1)
        gaps.append(wire.now - asked)
    assert [22 < gap <= 31 for gap in gaps] == [True, False, False, False, False]
    assert gaps[1] < gaps[2] < gaps[3]
    assert 225 <= gaps[4] <= 301


def test_a_silent_proxy_is_left_after_four_seconds(wire: Wire) -> None:
    wire.peer(*FIRST)
    second = wire.peer(*SECOND)
    ours = Client(wire, FIRST, SECOND)
    wire.sleep(4)
    wire.send(grant(second[0], 300), ours.node, SECOND)
    assert ours.told == ["registered"]
    assert ours.client.address == SECOND


@pytest.mark.parametrize("how", ["503", "closed port"])
def test_a_proxy_that_refuses_is_left_at_once(wire: Wire, how: str) -> None:
    first, second = wire.peer(*FIRST), wire.peer(*SECOND)
    ours = Client(wire, FIRST, SECOND)
    if how == "503":
        wire.send(answer_to(first[0], 503), ours.node)
    else:
        ours.node.do(lambda now: ours.node.core.broken(FIRST, now))
    assert len(second) == 1


def test_a_provider_that_is_away_is_noticed_again_within_15_seconds(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.sleep(120)
    assert ours.told == ["failed the provider does not answer"]
    count = tries(peer)
    for _ in range(16):
        if tries(peer) == count:
            wire.sleep(1)
    assert tries(peer) == count + 1
    wire.send(grant(peer[-1], 300), ours.node)
    assert ours.told[-1] == "registered"


def test_retry_after_is_honoured(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(answer_to(peer[0], 503, extra="Retry-After: 100\r\n"), ours.node)
    wire.sleep(99)
    assert tries(peer) == 1
    wire.sleep(2)
    assert tries(peer) == 2


def test_closing_takes_the_binding_away(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(grant(peer[0], 300), ours.node)
    ours.node.do(ours.client.close)
    assert requests(peer)[1].get("Expires") == "0"
    wire.send(answer_to(peer[1], 401, extra=CHALLENGE.format(1, "")), ours.node)
    assert requests(peer)[2].get("Authorization") is not None
    wire.send(answer_to(peer[2], 200), ours.node)
    assert ours.client.is_gone
    wire.sleep(1000)
    assert len(peer) == 3
    assert ours.client.state is RegistrationState.CLOSED


def test_a_service_route_is_kept_for_calls(wire: Wire) -> None:
    peer = wire.peer(*FIRST)
    ours = Client(wire, FIRST)
    wire.send(grant(peer[0], 300, extra="Service-Route: <sip:a;lr>, <sip:b;lr>\r\n"), ours.node)
    assert ours.client.service_route == ("<sip:a;lr>", "<sip:b;lr>")


def test_our_client_registers_at_our_registrar(wire: Wire) -> None:
    def lookup(username: str, algorithm: str) -> str | None:
        return ha1(SECRET, realm="prov", algorithm=algorithm) if username == "trunk1" else None

    registrar = Registrar(realm="prov", lookup=lookup)
    wire.node(*FIRST, identify=lambda _f, _r: None, registrar=registrar)
    ours = Client(wire, FIRST)
    assert ours.told == ["registered"]
    assert [each.contact for each in registrar.bindings("trunk1", wire.now)] == ["sip:trunk1@192.0.2.9:5060"]
    wire.sleep(2000)
    assert len(registrar.bindings("trunk1", wire.now)) == 1
    ours.node.do(ours.client.close)
    assert registrar.bindings("trunk1", wire.now) == []
