"""Messages on streams: framing, pings, patience, and what becomes of a connection's requests when it is lost."""

import random

import pytest

from tests.sip.wire import ANSWER, HOST, OFFER, answer_to, invite, other, request, response, trust_all
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.gate import Identify
from webpbx.sip.grammar import ParseError
from webpbx.sip.headers import NameAddr
from webpbx.sip.outputs import Close, Event, Persist, Send
from webpbx.sip.registrar import Registrar
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.session_calling import CallingUsage
from webpbx.sip.session_events import Ended, SessionEvent
from webpbx.sip.session_order import InviteOrder
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.transport import Flow, Framer
from webpbx.sip.uri import parse_uri
from webpbx.sip.user_agent import UserAgent

PEER = ("192.0.2.1", 40001)
OPTIONS = other("OPTIONS").replace(b"/UDP", b"/TCP")


def stream(port: int = 40001, *, host: str = "192.0.2.1", transport: str = "TCP") -> Flow:
    return Flow(transport, (HOST, 5060), (host, port))


class Core:
    """One core whose connections are bytes and lists."""

    def __init__(
        self, *, identify: Identify = trust_all, registrar: Registrar | None = None, known: bool = True
    ) -> None:
        self.now = 1000.0
        self.sent: list[tuple[Flow, bytes]] = []
        self.closed: list[Flow] = []
        self.incoming: list[CalledUsage] = []
        self.events: list[SessionEvent] = []
        self.agent = UserAgent(
            settings=SipSettings(),
            identify=identify,
            registrar=registrar,
            trusted=lambda _: known,
            random=random.Random(1),
        )

    def accept(self, flow: Flow) -> bool:
        return self.agent.accept(flow, self.now)

    def hear(self, data: bytes, flow: Flow | None = None) -> None:
        self.agent.receive(flow or stream(), data, self.now)
        self.settle()

    def lose(self, flow: Flow) -> None:
        self.agent.closed(flow, self.now)
        self.settle()

    def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.agent.timer()) is not None and at <= end:
            self.now = max(at, self.now)
            self.agent.advance(self.now)
            self.settle()
        self.now = end

    def settle(self) -> None:
        while outputs := self.agent.take():
            for output in outputs:
                if isinstance(output, Send):
                    self.sent.append((output.flow, output.data))
                elif isinstance(output, Close):
                    self.closed.append(output.flow)
                elif isinstance(output, Persist):
                    output.usage.persisted(self.now)
                elif isinstance(output, Event) and output.event is not None:
                    self.events.append(output.event)
                elif isinstance(output, Event) and isinstance(output.usage, CalledUsage):
                    self.incoming.append(output.usage)

    def call(self, *flows: Flow, large: dict[Flow, Flow] | None = None, sdp: bytes = OFFER) -> CallingUsage:
        order = InviteOrder(
            target="sip:100@example.com",
            flows=flows,
            from_=NameAddr(parse_uri("sip:anna@example.com")),
            to=NameAddr(parse_uri("sip:100@example.com")),
            sdp=sdp,
            large=large or {},
        )
        usage = self.agent.invite(order, self.now)
        self.settle()
        return usage

    @property
    def answers(self) -> list[int]:
        return [int(data[8:11]) for _, data in self.sent if data.startswith(b"SIP/2.0")]


@pytest.fixture
def core() -> Core:
    opened = Core()
    assert opened.accept(stream())
    return opened


# -- framing -----------------------------------------------------------------------------------------------------


def frames(*pieces: bytes) -> list[bytes]:
    framer = Framer()
    found: list[bytes] = []
    for piece in pieces:
        framer.feed(piece)
        while (message := framer.take()) is not None:
            found.append(message)
    return found


MESSAGE = invite(body=b"v=0\r\n\r\nINVITE a", extra="l2: x\r\n")


def test_two_messages_in_one_read_are_two() -> None:
    assert frames(MESSAGE + OPTIONS) == [MESSAGE, OPTIONS]


def test_a_message_split_anywhere_is_one() -> None:
    for at in range(len(MESSAGE)):
        assert frames(MESSAGE[:at], MESSAGE[at:] + OPTIONS) == [MESSAGE, OPTIONS]


def test_messages_that_come_byte_by_byte_are_whole() -> None:
    both = b"\r\n" + MESSAGE + b"\r\n\r\n" + OPTIONS
    assert frames(*(both[at : at + 1] for at in range(len(both)))) == [MESSAGE, b"", OPTIONS]


@pytest.mark.parametrize("name", [b"Content-Length", b"l", b"CONTENT-LENGTH ", b"L\t"])
def test_the_length_counts_in_any_spelling(name: bytes) -> None:
    spelt = MESSAGE.replace(b"Content-Length", name)
    assert frames(spelt + spelt) == [spelt, spelt]


def test_a_folded_length_counts() -> None:
    folded = MESSAGE.replace(b"Content-Length: ", b"Content-Length:\r\n  ")
    assert frames(folded + folded) == [folded, folded]


@pytest.mark.parametrize(
    "line",
    [b"", b"Content-Length: x\r\n", b"Content-Length: -1\r\n", b"Content-Length: 0\r\nl: 0\r\n", b"l: 99999999\r\n"],
)
def test_without_one_good_length_the_framing_is_lost(line: bytes) -> None:
    with pytest.raises(ParseError):
        frames(OPTIONS.replace(b"Content-Length: 0\r\n", line))


def test_headers_that_never_end_are_not_waited_for() -> None:
    with pytest.raises(ParseError):
        frames(*(b"x" * 1000 for _ in range(70)))


# -- the core ----------------------------------------------------------------------------------------------------


def test_requests_on_a_stream_are_answered_on_it(core: Core) -> None:
    core.hear(OPTIONS + OPTIONS.replace(b"z9hG4bKdef", b"z9hG4bKghi"))
    assert core.answers == [200, 200]
    assert {flow for flow, _ in core.sent} == {stream()}


def test_a_ping_gets_its_pong(core: Core) -> None:
    core.hear(b"\r\n\r\n")
    assert core.sent == [(stream(), b"\r\n")]
    core.hear(b"\r\n")
    assert len(core.sent) == 1


@pytest.mark.parametrize("line", [b"", b"Content-Length: many\r\n"])
def test_a_bad_length_is_answered_400_and_the_connection_closed(core: Core, line: bytes) -> None:
    core.hear(OPTIONS.replace(b"Content-Length: 0\r\n", line) + OPTIONS)
    assert core.answers == [400]
    assert core.closed == [stream()]
    core.hear(OPTIONS)
    assert core.answers == [400]


def test_a_malformed_message_of_good_length_leaves_the_connection_open(core: Core) -> None:
    core.hear(OPTIONS.replace(b"CSeq: 2 OPTIONS", b"CSeq: x") + OPTIONS)
    assert core.answers == [400, 200]
    assert core.closed == []


def test_a_silent_connection_is_closed_after_30_s(core: Core) -> None:
    core.sleep(20)
    core.hear(OPTIONS)
    core.sleep(29)
    assert core.closed == []
    core.sleep(2)
    assert core.closed == [stream()]


def test_a_message_has_10_s_to_arrive(core: Core) -> None:
    core.hear(OPTIONS[:20])
    core.sleep(6)
    core.hear(OPTIONS[20:40])
    core.sleep(3)
    assert core.closed == []
    core.sleep(2)
    assert core.closed == [stream()]


def test_a_connection_that_a_call_lives_on_stays(core: Core) -> None:
    core.hear(invite())
    core.incoming[0].answer(ANSWER, core.now)
    core.settle()
    tag = response(core.sent[-1][1]).to.tag
    core.hear(other("ACK", cseq=1, to_tag=tag))
    core.sleep(600)
    assert core.closed == []
    core.hear(other("BYE", to_tag=tag))
    core.sleep(61)
    assert core.closed == [stream()]


def test_an_address_has_ten_connections_and_another_one_its_own() -> None:
    core = Core(known=False)
    core.accept(stream())
    assert all(core.accept(stream(port)) for port in range(1, 10))
    assert not core.accept(stream(10))
    assert core.accept(stream(10, host="192.0.2.2"))
    core.lose(stream(3))
    assert core.accept(stream(10))


def test_a_provider_may_open_as_many_as_it_likes(core: Core) -> None:
    assert all(core.accept(stream(port)) for port in range(1, 30))


def registered() -> tuple[Core, Registrar]:
    registrar = Registrar(realm="r", lookup=lambda _user, algorithm: ha1(SECRET, realm="r", algorithm=algorithm))
    core = Core(registrar=registrar, identify=lambda _f, _r: Peer("100"), known=False)
    core.accept(stream())
    contact = "Contact: <sip:100@10.0.0.7:5060;transport=tcp>;expires=300\r\n"
    core.hear(other("REGISTER", uri="sip:r", extra=contact))
    assert core.answers == [200]
    return core, registrar


SECRET = Credentials("100", "geheim")


def test_a_registered_connection_stays_and_counts_no_more() -> None:
    core, _ = registered()
    assert all(core.accept(stream(port)) for port in range(1, 11))
    core.sleep(290)
    assert stream() not in core.closed
    core.sleep(70)
    assert stream() in core.closed


def test_a_call_to_a_registered_phone_takes_the_connection_it_opened() -> None:
    core, registrar = registered()
    core.call(registrar.bindings("100", core.now)[0].flow)
    flow, data = core.sent[-1]
    assert flow == stream()
    assert request(data).via.transport == "TCP"
    assert request(data).get("Contact") == f"<sip:{HOST}:5060;transport=tcp>"


def test_a_closed_connection_unbinds_its_phone() -> None:
    core, registrar = registered()
    core.lose(stream())
    assert registrar.bindings("100", core.now) == []


def test_a_stranger_who_asks_too_much_is_closed() -> None:
    core = Core(identify=lambda _f, _r: None, known=False)
    core.accept(stream())
    for number in range(30):
        core.hear(other("INVITE", branch=f"z9hG4bK{number}"))
    assert core.answers == [401] * 20
    assert core.closed == [stream()]


# -- requests of ours --------------------------------------------------------------------------------------------


def test_a_lost_connection_fails_its_requests_with_503_at_once(core: Core) -> None:
    core.call(stream(5060))
    core.lose(stream(5060))
    assert core.events == [Ended(503, "the address refused the packet", "error")]


def test_a_refused_connection_makes_way_for_the_next_proxy_at_once(core: Core) -> None:
    core.call(stream(5060), stream(5062))
    core.lose(stream(5060))
    assert [flow for flow, _ in core.sent] == [stream(5060), stream(5062)]


def test_nothing_is_repeated_on_a_stream_but_the_200(core: Core) -> None:
    core.call(stream(5060))
    core.sleep(25)
    assert len(core.sent) == 1
    core.hear(invite())
    core.incoming[0].answer(ANSWER, core.now)
    core.settle()
    core.sleep(3)
    assert core.answers == [200, 200, 200]


def test_a_refusal_on_a_stream_goes_out_once(core: Core) -> None:
    core.hear(invite())
    core.incoming[0].reject(486, core.now)
    core.sleep(40)
    assert core.answers == [486]
    assert len(core.agent.transactions) == 0


def test_an_answer_whose_connection_is_lost_goes_to_sent_by(core: Core) -> None:
    core.hear(invite())
    core.lose(stream())
    core.incoming[0].answer(ANSWER, core.now)
    core.settle()
    assert core.sent[-1][0] == stream(5060)


def test_a_bye_after_a_lost_connection_goes_to_the_contact(core: Core) -> None:
    core.hear(invite())
    usage = core.incoming[0]
    usage.answer(ANSWER, core.now)
    core.settle()
    core.hear(other("ACK", cseq=1, to_tag=response(core.sent[-1][1]).to.tag))
    core.lose(stream())
    usage.hang_up(core.now)
    core.settle()
    assert core.sent[-1][0] == stream(5060)
    assert core.sent[-1][1].startswith(b"BYE sip:bob@192.0.2.1:5060")


def test_a_request_too_large_for_a_datagram_goes_by_tcp_where_it_may_and_by_udp_if_that_is_refused(core: Core) -> None:
    udp, tcp = stream(5060, transport="UDP"), stream(5060)
    core.call(udp, large={udp: tcp}, sdp=OFFER + b"a=x\r\n" * 300)
    core.lose(tcp)
    core.call(udp, large={udp: tcp})
    assert [flow.transport for flow, _ in core.sent] == ["TCP", "UDP", "UDP"]


def test_sips_is_told_only_to_those_who_said_it(core: Core) -> None:
    flow = stream(transport="TLS")
    core.accept(flow)
    for number, scheme in enumerate([b"sip:", b"sips:"]):
        branch = f"z9hG4bK{number}"
        data = invite(branch=branch, call_id=branch).replace(b"INVITE sip:", b"INVITE " + scheme)
        core.hear(data.replace(b"/UDP", b"/TLS"), flow)
        core.incoming[-1].ring(core.now)
        core.settle()
    said = [response(data).get("Contact") for _, data in core.sent]
    assert said == [f"<sip:{HOST}:5060;transport=tls>", f"<sips:{HOST}:5060>"]


def test_the_answer_to_our_invite_may_come_in_pieces(core: Core) -> None:
    flow = stream(5060)
    core.call(flow)
    core.agent.opened(flow, core.now)
    data = answer_to(core.sent[0][1], 486)
    for at in range(len(data)):
        core.hear(data[at : at + 1], flow)
    assert isinstance(core.events[0], Ended)
    assert core.sent[-1][1].startswith(b"ACK ")
