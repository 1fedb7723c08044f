"""The IPv6 torture messages of RFC 5118: rfc5118, each as its text says."""

import pytest

from tests.sip.wire import Node, Wire, request, response
from webpbx.sip.message import Request
from webpbx.sip.parser import parse_message
from webpbx.sip.registrar import Registrar
from webpbx.sip.settings import Peer
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

HERE = "2001:db8::10"
SOURCE = ("2001:db8::9:1", 5060)
SDP_V6 = (
    b"v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed\r\n"
    b"c=IN IP6 2001:db8::20\r\nt=3338481189 3370017201\r\nm=audio 6000 RTP/AVP 2\r\na=rtpmap:2 G726-32/8000\r\n"
)
SDP_BOTH = SDP_V6 + (b"m=video 6024 RTP/AVP 107\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:107 H263-1998/90000\r\n")
SDP_MAPPED = SDP_V6.replace(b"2001:db8::20", b"::ffff:192.0.2.1")


def message(
    method: str,
    uri: str,
    *,
    via: str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
    extra: str = "",
    body: bytes = b"",
) -> bytes:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    contact = "Contact: <sip:user@[2001:db8::9:1]>\r\n" if method in {"INVITE", "REGISTER"} else ""
    head = (
        f"{method} {uri} SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: sip:user@example.com;tag=81x2\r\n"
        f"Via: {via}\r\n{extra}Call-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\n{contact}"
        f"CSeq: 98176 {method}\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def anyone(flow: Flow, asked: Request) -> Peer | None:
    _ = (flow, asked)
    return Peer("user")


def node(wire: Wire) -> Node:
    return wire.node(HERE, identify=anyone, registrar=Registrar(realm="pbx", lookup=lambda _user, _algorithm: None))


def statuses(wire: Wire, data: bytes) -> list[int]:
    us, peer = node(wire), wire.peer(*SOURCE)
    wire.send(data, us, SOURCE)
    wire.sleep(0.2)
    assert not us.core.counters["dropped", "error"]
    return [response(each).status for each in peer]


def test_rfc5118_an_ipv6_reference_is_taken(wire: Wire) -> None:
    assert statuses(wire, message("REGISTER", "sip:[2001:db8::10]")) == [200]


def test_rfc5118_an_ipv6_address_without_brackets_is_400(wire: Wire) -> None:
    assert statuses(wire, message("REGISTER", "sip:2001:db8::10")) == [400]


def test_rfc5118_what_looks_like_a_port_within_brackets_is_none(wire: Wire) -> None:
    data = message("REGISTER", "sip:[2001:db8::10:5070]")
    uri = request(data).uri
    assert isinstance(uri, SipUri)
    assert (uri.host, uri.port) == ("[2001:db8::10:5070]", None)
    assert statuses(wire, data) == [200]


def test_rfc5118_a_port_after_the_brackets_is_one(wire: Wire) -> None:
    data = message("REGISTER", "sip:[2001:db8::10]:5070")
    uri = request(data).uri
    assert isinstance(uri, SipUri)
    assert (uri.host, uri.port) == ("[2001:db8::10]", 5070)
    assert statuses(wire, data) == [200]


@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_rfc5118_received_is_taken_with_and_without_brackets(wire: Wire, received: str) -> None:
    via = f"SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111"
    assert request(message("BYE", "sip:[2001:db8::10]", via=via)).via.parameters["received"] == received
    assert statuses(wire, message("BYE", "sip:[2001:db8::10]", via=via)) == [481]


@pytest.mark.parametrize("body", [SDP_V6, SDP_BOTH, SDP_MAPPED])
def test_rfc5118_descriptions_with_ipv6_mixed_and_mapped_addresses_reach_the_owner(wire: Wire, body: bytes) -> None:
    us = node(wire)
    wire.send(message("INVITE", "sip:user@[2001:db8::10]", body=body), us, SOURCE)
    assert us.incoming[0].request.sdp == body


def test_rfc5118_addresses_of_both_kinds_stand_in_one_messages_headers(wire: Wire) -> None:
    hops = ["SIP/2.0/TCP 192.0.2.0;branch=z9hG4bKvia2", "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19"]
    extra = "".join(f"Via: {hop}\r\n" for hop in hops)
    data = message("BYE", "sip:user@host.example.net", extra=extra)
    assert [hop.host for hop in request(data).vias] == ["[2001:db8::9:1]", "192.0.2.0", "[::ffff:192.0.2.10]"]
    assert statuses(wire, data) == [481]


def test_rfc5118_a_mapped_address_is_an_ipv6_reference(wire: Wire) -> None:
    via = "SIP/2.0/UDP [::ffff:192.0.2.10]:5060;branch=z9hG4bKbh19"
    us, peer = node(wire), wire.peer(*SOURCE)
    wire.send(message("OPTIONS", "sip:user@[::ffff:192.0.2.2]", via=via), us, SOURCE)
    assert response(peer[0]).via.parameters["received"] == SOURCE[0]


def test_rfc5118_the_three_colons_of_an_old_grammar_are_let_be(wire: Wire) -> None:
    data = message("OPTIONS", "sip:user@[2001:db8:::192.0.2.1]")
    assert isinstance(parse_message(data), Request)
    assert statuses(wire, data) == [200]
