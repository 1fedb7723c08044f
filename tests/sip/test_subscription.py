"""Waiting messages: subscribed to and told unasked (RFC 6665, RFC 3842)."""

import asyncio
from typing import cast

import pytest

from tests.sip.houses import HERE, house
from tests.sip.test_user_agent import digested, guarding, nobody
from tests.sip.wire import HOST, Node, Wire, answer_to, other, request, response
from webpbx.sip.auth import Credentials
from webpbx.sip.headers import NameAddr
from webpbx.sip.settings import Peer
from webpbx.sip.subscription import SUMMARY, Subscriber, message_summary
from webpbx.sip.transport import Flow
from webpbx.sip.uri import SipUri

MWI = "Event: message-summary\r\nContact: <sip:bob@192.0.2.1:5060>\r\n"
TWO = message_summary(new=2, old=8)
NONE = message_summary(new=0, old=10)


def present(subscriber: Subscriber) -> bytes | int:
    return TWO if subscriber.aor == "100" else 404


@pytest.fixture
def us(wire: Wire) -> Node:
    return wire.node(on_subscribe=present)


def subscribe(*, cseq: int = 1, tag: str = "", extra: str = MWI, expires: str = "Expires: 600\r\n") -> bytes:
    return other("SUBSCRIBE", branch=f"z9hG4bKsub{cseq}", cseq=cseq, to_tag=tag, extra=extra + expires)


def states(peer: list[bytes]) -> list[tuple[str, bytes]]:
    asked = [request(data) for data in peer if data.startswith(b"NOTIFY")]
    return [(each.get("Subscription-State") or "", each.body) for each in asked]


def begin(wire: Wire, us: Node) -> tuple[list[bytes], str]:
    """Subscribe, and take the first NOTIFY; return what the peer got, and our tag."""
    peer = wire.peer()
    wire.send(subscribe(), us)
    wire.send(answer_to(peer[-1], 200), us)
    return peer, response(peer[0]).to.tag


def test_a_summary_says_what_waits() -> None:
    assert TWO == b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/0)\r\n"
    account = message_summary(new=0, old=1, account="sip:100@pbx", urgent_old=1)
    assert account == b"Messages-Waiting: no\r\nMessage-Account: sip:100@pbx\r\nVoice-Message: 0/1 (0/1)\r\n"


def test_a_subscriber_is_told_at_once_and_at_each_change(wire: Wire, us: Node) -> None:
    peer, tag = begin(wire, us)
    granted, first = response(peer[0]), request(peer[1])
    assert (granted.status, granted.get("Expires"), bool(granted.contacts)) == (200, "600", True)
    assert (first.get("Event"), first.content_type, first.from_.tag) == ("message-summary", SUMMARY, tag)
    assert len(first.contacts) == 1
    us.do(lambda now: us.core.subscriptions.notify("100", NONE, now))
    us.do(lambda now: us.core.subscriptions.notify("200", TWO, now))
    assert states(peer) == [("active;expires=600", TWO), ("active;expires=600", NONE)]


def test_while_a_notify_is_unanswered_the_latest_state_waits(wire: Wire, us: Node) -> None:
    peer, _ = begin(wire, us)
    for count in (3, 4, 5):
        us.do(lambda now, n=count: us.core.subscriptions.notify("100", message_summary(new=n, old=0), now))  # type: ignore[misc]
    assert len(states(peer)) == 2
    wire.send(answer_to(peer[-1], 200), us)
    assert [body for _, body in states(peer)][1:] == [message_summary(new=n, old=0) for n in (3, 5)]


def test_a_subscription_is_prolonged_ended_and_runs_out(wire: Wire, us: Node) -> None:
    peer, tag = begin(wire, us)
    wire.sleep(500)
    wire.send(subscribe(cseq=2, tag=tag, expires="Expires: 900\r\n"), us)
    wire.send(answer_to(peer[-1], 200), us)
    wire.sleep(500)
    assert len(us.core.subscriptions) == 1
    wire.send(subscribe(cseq=3, tag=tag, expires="Expires: 0\r\n"), us)
    assert states(peer)[-1] == ("terminated;reason=timeout", TWO)
    assert len(us.core.subscriptions) == 0
    wire.send(subscribe(cseq=4, tag=tag), us)
    assert response(peer[-1]).status == 481
    other_peer, _ = begin(wire, us)
    wire.sleep(601)
    assert states(other_peer)[-1][0] == "terminated;reason=timeout"
    assert len(us.core.subscriptions) == 0


def test_asking_once_is_a_subscription_of_no_time(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(subscribe(expires="Expires: 0\r\n"), us)
    assert response(peer[0]).get("Expires") == "0"
    assert states(peer) == [("terminated;reason=timeout", TWO)]
    assert len(us.core.subscriptions) == 0


def test_whoever_does_not_want_to_hear_is_let_go(wire: Wire, us: Node) -> None:
    """RFC 6665 §4.2.2"""
    peer = wire.peer()
    wire.send(subscribe(), us)
    wire.send(answer_to(peer[-1], 481), us)
    assert len(us.core.subscriptions) == 0
    wire.send(subscribe(cseq=2).replace(b"Call-ID: c1", b"Call-ID: c2"), us)
    wire.sleep(33)
    assert len(us.core.subscriptions) == 0


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (subscribe(extra="Event: presence\r\n"), 489),
        (subscribe(extra="Contact: <sip:bob@192.0.2.1>\r\n"), 489),
        (subscribe(expires="Expires: 59\r\n"), 423),
        (subscribe(extra=MWI + "Accept: text/plain\r\n"), 406),
        (subscribe().replace(f"sip:100@{HOST} SIP".encode(), f"sip:999@{HOST} SIP".encode()), 404),
        (subscribe(extra=MWI + "Require: nope\r\n"), 420),
    ],
)
def test_a_subscribe_is_refused_as_the_rfc_says(wire: Wire, us: Node, data: bytes, status: int) -> None:
    peer = wire.peer()
    wire.send(data, us)
    assert [response(each).status for each in peer] == [status]
    assert len(us.core.subscriptions) == 0


def test_what_is_too_short_or_unknown_is_named(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(subscribe(expires="Expires: 1\r\n"), us)
    wire.send(subscribe(cseq=2, extra="Event: presence\r\n"), us)
    assert response(peer[0]).get("Min-Expires") == "60"
    assert response(peer[1]).get("Allow-Events") == "message-summary"


def test_only_who_is_authenticated_may_subscribe(wire: Wire) -> None:
    us, peer = wire.node(identify=nobody, on_subscribe=present), wire.peer()
    wire.send(subscribe(), us)
    assert response(peer[0]).status == 401
    secret = Credentials("100", "geheim")
    asked: list[Subscriber] = []

    def ask(subscriber: Subscriber) -> bytes:
        asked.append(subscriber)
        return TWO

    home = wire.node(port=5070, identify=nobody, registrar=guarding(secret), on_subscribe=ask)
    wire.send(subscribe(), home)
    wire.send(digested(subscribe(), peer[-1], Credentials("100", "falsch")), home)
    assert asked == []
    again = digested(subscribe(), peer[-1], secret).replace(b"z9hG4bKagain", b"z9hG4bKright")
    wire.send(again, home)
    assert asked == [Subscriber("100", Peer("100", registered=True))]


def test_a_stranger_within_a_subscription_hears_481(wire: Wire) -> None:
    us = wire.node(
        identify=lambda flow, _: Peer("phone") if flow.remote[0] == "192.0.2.1" else None, on_subscribe=present
    )
    _, tag = begin(wire, us)
    stranger = wire.peer("192.0.2.66")
    wire.send(subscribe(cseq=2, tag=tag, expires="Expires: 0\r\n"), us, ("192.0.2.66", 5060))
    assert response(stranger[0]).status == 481
    assert len(us.core.subscriptions) == 1


def test_a_telephone_that_moved_is_told_at_its_new_contact(wire: Wire, us: Node) -> None:
    _, tag = begin(wire, us)
    moved = "Event: message-summary\r\nContact: <sip:bob@192.0.2.8:5070>\r\n"
    wire.send(subscribe(cseq=2, tag=tag, extra=moved), us)
    assert wire.log[-1][2:] == (("192.0.2.8", 5070), "NOTIFY sip:bob@192.0.2.8:5070 SIP/2.0")


def test_a_mailbox_that_cannot_be_asked_keeps_no_transaction(wire: Wire) -> None:
    def breaks(subscriber: Subscriber) -> bytes:
        raise OSError(subscriber.aor)

    us, peer = wire.node(on_subscribe=breaks), wire.peer()
    wire.send(subscribe(), us)
    assert (peer, len(us.core.transactions)) == ([], 0)


def test_where_mailboxes_are_not_served_subscribe_is_405(wire: Wire) -> None:
    us, peer = wire.node(), wire.peer()
    wire.send(subscribe(), us)
    assert response(peer[0]).status == 405


class Telephone(asyncio.DatagramProtocol):
    """A telephone's socket: it answers every NOTIFY 200 and keeps what it got."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"NOTIFY"):
            self.transport.sendto(answer_to(data, 200, tag="phone"), addr)
        self.got.put_nowait(data)


async def test_over_udp_a_telephone_hears_of_its_messages_subscribed_and_unasked() -> None:
    async with house(("UDP",), on_subscribe=present) as pbx:
        loop = asyncio.get_running_loop()
        transport, phone = await loop.create_datagram_endpoint(Telephone, local_addr=(HERE, 0))
        port = transport.get_extra_info("sockname")[1]
        asked = subscribe(extra=f"Event: message-summary\r\nContact: <sip:100@{HERE}:{port}>\r\n")
        transport.sendto(asked, pbx.network.address)
        assert response(await phone.got.get()).status == 200
        assert request(await phone.got.get()).body == TWO
        pbx.network.notify("100", NONE)
        assert request(await phone.got.get()).body == NONE
        contact, flow = SipUri(HERE, "100", port), Flow("UDP", pbx.network.address, (HERE, port))
        aor = NameAddr(SipUri("pbx", "100"))
        assert await pbx.network.notify_unsolicited(contact, flow, aor, TWO) == 200
        unasked = request(await phone.got.get())
        assert (unasked.uri_text, unasked.to.tag, unasked.body) == (f"sip:100@{HERE}:{port}", "", TWO)
        assert (unasked.get("Event"), unasked.content_type) == ("message-summary", SUMMARY)
        transport.close()
