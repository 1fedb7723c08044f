"""REFER and Replaces: on a wire with its own clock, and between networks over UDP."""

import asyncio
import re

import pytest

from tests.sip.houses import HERE, House, house
from tests.sip.test_session import talk
from tests.sip.test_user_agent import digested, guarding, nobody
from tests.sip.wire import ANSWER, HOST, OFFER, Node, Wire, answer_to, invite, other, request, response
from webpbx.sip.auth import Credentials
from webpbx.sip.headers import NameAddr, Replaces
from webpbx.sip.network import Answered, Ended, Progress, ReferProgress, Referred, ReferRefusedError, Session, Way
from webpbx.sip.session_called import CalledUsage
from webpbx.sip.settings import Peer, SipSettings
from webpbx.sip.uri import SipUri

PEER = ("192.0.2.1", 5060)
TRANSFERS = SipSettings(transfers=True)
CAROL = SipUri("example.com", "carol")


@pytest.fixture
def us(wire: Wire) -> Node:
    return wire.node(settings=TRANSFERS)


@pytest.fixture
def them(wire: Wire) -> Node:
    return wire.node("192.0.2.1", settings=TRANSFERS)


def up(wire: Wire, us: Node, peer: list[bytes]) -> tuple[CalledUsage, str]:
    """Bring up a call from the raw peer; return it and our tag."""
    wire.send(invite(), us)
    us.do(lambda now: us.incoming[-1].answer(ANSWER, now))
    tag = response(peer[-1]).to.tag
    wire.send(other("ACK", branch="z9hG4bKack", cseq=1, to_tag=tag), us)
    return us.incoming[-1], tag


def refer(to: str, tag: str, *, cseq: int = 2, extra: str = "") -> bytes:
    line = f"Refer-To: {to}\r\nContact: <sip:bob@192.0.2.1:5060>\r\n{extra}"
    return other("REFER", branch=f"z9hG4bKrefer{cseq}", cseq=cseq, to_tag=tag, extra=line)


def notifies(peer: list[bytes]) -> list[tuple[str, str, bytes]]:
    asked = [request(data) for data in peer if data.startswith(b"NOTIFY")]
    return [(each.get("Event") or "", each.get("Subscription-State") or "", each.body) for each in asked]


def test_a_refer_is_told_accepted_and_its_outcome_notified_at_start_and_end(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    usage, tag = up(wire, us, peer)
    wire.send(refer("<sip:carol@example.com>", tag, extra="Referred-By: <sip:bob@example.org>\r\n"), us)
    assert us.events == [Referred(NameAddr(CAROL), None, NameAddr(SipUri("example.org", "bob")))]
    us.do(usage.transfers.accept)
    assert response(peer[-2]).status == 202
    assert all(each.contacts for each in (response(peer[-2]), request(peer[-1])))
    wire.send(answer_to(peer[-1], 200), us)
    us.do(lambda now: usage.transfers.notify(200, "OK", final=True, now=now))
    assert notifies(peer) == [
        ("refer", "active;expires=300", b"SIP/2.0 100 Trying\r\n"),
        ("refer", "terminated;reason=noresource", b"SIP/2.0 200 OK\r\n"),
    ]
    assert {request(data).content_type for data in peer if data.startswith(b"NOTIFY")} == {"message/sipfrag"}


def test_the_last_word_waits_for_the_answer_to_the_first(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    usage, tag = up(wire, us, peer)
    wire.send(refer("<sip:carol@example.com>", tag), us)
    us.do(usage.transfers.accept)
    first = peer[-1]
    for status, final in ((180, False), (486, True)):
        us.do(lambda now, s=status, f=final: usage.transfers.notify(s, "x", final=f, now=now))  # type: ignore[misc]
    assert len(notifies(peer)) == 1
    wire.send(answer_to(first, 200), us)
    assert notifies(peer)[-1][1:] == ("terminated;reason=noresource", b"SIP/2.0 486 x\r\n")
    wire.send(answer_to(peer[-1], 200), us)
    us.do(lambda now: usage.transfers.notify(200, "OK", final=True, now=now))
    assert len(notifies(peer)) == 2


def test_who_sends_a_caller_away_may_hang_up_and_still_hears_the_end(wire: Wire, us: Node) -> None:
    """RFC 5057 §3"""
    peer = wire.peer()
    usage, tag = up(wire, us, peer)
    wire.send(refer("<sip:carol@example.com>", tag), us)
    us.do(usage.transfers.accept)
    wire.send(answer_to(peer[-1], 200), us)
    wire.send(other("BYE", branch="z9hG4bKbye", cseq=3, to_tag=tag), us)
    assert us.told == ["referred", "ended remote"]
    us.do(lambda now: usage.transfers.notify(200, "OK", final=True, now=now))
    last = request(peer[-1])
    assert (last.method, last.to.tag, last.body) == ("NOTIFY", "b1", b"SIP/2.0 200 OK\r\n")


def test_a_second_refer_is_told_apart_by_its_id(wire: Wire, us: Node) -> None:
    """RFC 3515 §2.4.6"""
    peer = wire.peer()
    usage, tag = up(wire, us, peer)
    for cseq in (2, 3):
        wire.send(refer("<sip:carol@example.com>", tag, cseq=cseq), us)
        us.do(usage.transfers.accept)
    assert [event for event, _, _ in notifies(peer)] == ["refer", "refer;id=3"]


def test_what_is_watched_ends_by_itself_or_by_a_subscribe(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    usage, tag = up(wire, us, peer)
    for cseq in (2, 3):
        wire.send(refer("<sip:carol@example.com>", tag, cseq=cseq), us)
        us.do(usage.transfers.accept)
        wire.send(answer_to(peer[-1], 200), us)
    stop = other("SUBSCRIBE", branch="z9hG4bKs", cseq=4, to_tag=tag, extra="Event: refer;id=3\r\nExpires: 0\r\n")
    wire.send(stop, us)
    assert response(peer[-2]).get("Expires") == "0"
    assert notifies(peer)[-1][:2] == ("refer;id=3", "terminated;reason=timeout")
    wire.send(answer_to(peer[-1], 200), us)
    wire.send(stop.replace(b"4 SUBSCRIBE", b"5 SUBSCRIBE").replace(b"z9hG4bKs", b"z9hG4bKs2"), us)
    assert response(peer[-1]).status == 481
    wire.sleep(301)
    assert notifies(peer)[-1][:2] == ("refer", "terminated;reason=timeout")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("<http://example.com>", 416),
        ("<sip:carol@example.com;method=BYE>", 403),
        ("<sip:carol", 400),
        ("<sip:a@b>, <sip:c@d>", 400),
        ("<sip:carol@example.com?Replaces=x>", 400),
        ("<sip:carol@example.com?Replaces=x%3Bto-tag%3Da%3Bfrom-tag%3Db&Replaces=y%3Bto-tag%3Da%3Bfrom-tag%3Db>", 400),
    ],
)
def test_a_refer_that_leads_nowhere_is_refused(wire: Wire, us: Node, line: str, status: int) -> None:
    peer = wire.peer()
    _, tag = up(wire, us, peer)
    wire.send(refer(line, tag), us)
    assert response(peer[-1]).status == status
    assert us.events == []


def test_a_refer_without_refer_to_is_400_and_one_too_many_comes_again_later(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    usage, tag = up(wire, us, peer)
    wire.send(other("REFER", to_tag=tag), us)
    assert response(peer[-1]).status == 400
    wire.send(refer("<sip:carol@example.com>", tag, cseq=3), us)
    wire.send(refer("<sip:dora@example.com>", tag, cseq=4), us)
    assert (response(peer[-1]).status, response(peer[-1]).get("Retry-After")) == (500, "2")
    us.do(lambda now: usage.transfers.refuse(603, now))
    assert response(peer[-1]).status == 603
    assert notifies(peer) == []


def test_a_refer_to_tells_the_call_to_be_replaced(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    _, tag = up(wire, us, peer)
    escaped = "Replaces=c9%40h%3Bto-tag%3Dt9%3Bfrom-tag%3Df9"
    wire.send(refer(f"<sip:carol@example.com;method=INVITE?{escaped}>", tag), us)
    assert us.events == [Referred(NameAddr(CAROL), Replaces("c9@h", "t9", "f9"))]


SECRET = Credentials("anna", "geheim")


def test_only_who_is_authenticated_may_refer(wire: Wire) -> None:
    """RFC 3515 §5.1"""
    us, peer = wire.node(settings=TRANSFERS, identify=nobody, registrar=guarding(SECRET)), wire.peer()
    wire.send(invite(), us)
    wire.send(digested(invite(), peer[-1], SECRET), us)
    us.do(lambda now: us.incoming[-1].answer(ANSWER, now))
    tag = response(peer[-1]).to.tag
    wire.send(other("ACK", branch="z9hG4bKack", cseq=1, to_tag=tag), us)
    bare = refer("<sip:carol@example.com>", tag)
    wire.send(bare, us)
    assert response(peer[-1]).status == 401
    assert us.events == []
    wire.send(digested(bare, peer[-1], Credentials("anna", "falsch")), us)
    assert response(peer[-1]).status == 401
    wire.send(re.sub(b"z9hG4bKagain", b"z9hG4bKright", digested(bare, peer[-1], SECRET)), us)
    assert us.told == ["referred"]


def test_another_peer_may_not_refer_within_the_call(wire: Wire) -> None:
    def by_port(flow: object, message: object) -> Peer:
        _ = message
        return Peer(str(flow.remote[1]))  # type: ignore[attr-defined]  # a Flow

    us, peer, stranger = wire.node(settings=TRANSFERS, identify=by_port), wire.peer(), wire.peer(port=5099)
    _, tag = up(wire, us, peer)
    wire.send(refer("<sip:carol@example.com>", tag), us, ("192.0.2.1", 5099))
    assert response(stranger[-1]).status == 403
    assert us.events == []


def test_a_refer_outside_any_call_is_403(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(other("REFER", extra="Refer-To: <sip:carol@example.com>\r\n"), us)
    assert response(peer[-1]).status == 403


@pytest.mark.parametrize("header", ["", "Require: replaces\r\n"])
def test_where_transfers_are_not_served_they_are_unknown(wire: Wire, header: str) -> None:
    us, peer = wire.node(), wire.peer()
    _, tag = up(wire, us, peer)
    assert "REFER" not in (response(peer[-1]).get("Allow") or "REFER")
    assert "replaces" not in response(peer[-1]).values("Supported")
    wire.send(refer("<sip:carol@example.com>", tag), us)
    assert response(peer[-1]).status == 405
    data = invite(call_id="c2", branch="z9hG4bKr", extra=f"Replaces: c1;to-tag={tag};from-tag=b1\r\n{header}")
    wire.send(data, us)
    assert len(us.incoming) == (1 if header else 2)
    assert us.incoming[-1].replaces is None


def test_we_refer_and_hear_how_it_goes(us: Node, them: Node) -> None:
    ours, theirs = talk(us, them)
    answers: list[int] = []
    us.do(lambda now: ours.transfers.refer(CAROL, now, done=answers.append, referred_by=NameAddr(CAROL)))
    assert them.events == [Referred(NameAddr(CAROL), None, NameAddr(CAROL))]
    them.do(theirs.transfers.accept)
    assert answers == [202]
    them.do(lambda now: theirs.transfers.notify(503, "Service Unavailable", final=True, now=now))
    assert us.events == [
        ReferProgress(100, "Trying", final=False),
        ReferProgress(503, "Service Unavailable", final=True),
    ]


def test_a_refer_that_was_challenged_is_told_by_its_second_number(wire: Wire, us: Node) -> None:
    trunk = wire.peer()
    ours = us.call(PEER, credentials=Credentials("anna", "geheim", realm="pbx"))
    wire.send(answer_to(trunk[0], 200, body=ANSWER), us)
    answers: list[int] = []
    for number in (1, 2):
        us.do(lambda now: ours.transfers.refer(CAROL, now, done=answers.append))
        challenge = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"\r\n'
        if number == 2:
            wire.send(answer_to(trunk[-1], 401, extra=challenge), us)
            assert request(trunk[-1]).get("Refer-To") == "<sip:carol@example.com>"
        wire.send(answer_to(trunk[-1], 202), us)
    first = request(trunk[0])
    which = request(trunk[-1]).cseq.number
    head = f"Event: refer;id={which}\r\nSubscription-State: terminated\r\nContent-Type: message/sipfrag\r\n"
    notify = other(
        "NOTIFY",
        call_id=first.call_id,
        to_tag=first.from_.tag,
        from_tag="t1",
        extra=head,
        body=b"SIP/2.0 200 OK\r\n",
    )
    wire.send(notify, us)
    assert answers == [202, 202]
    assert us.events[-1] == ReferProgress(200, "OK", final=True)


def test_a_notify_nobody_waits_for_is_481_and_of_another_package_489(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    usage, tag = up(wire, us, peer)
    fragment = "Content-Type: message/sipfrag\r\nSubscription-State: active\r\n"
    body = b"SIP/2.0 200 OK\r\n"

    def notify(cseq: int, event: str, extra: str = fragment) -> int:
        head = f"{event}{extra}"
        wire.send(other("NOTIFY", branch=f"z9hG4bKn{cseq}", cseq=cseq, to_tag=tag, extra=head, body=body), us)
        return response(peer[-1]).status

    assert notify(2, "Event: refer\r\n") == 481
    us.do(lambda now: usage.transfers.refer(CAROL, now, done=lambda _: None))
    assert notify(3, "Event: presence\r\n") == 489
    assert notify(4, "") == 400
    assert notify(5, "Event: refer\r\n", "Content-Type: message/sipfrag\r\n") == 400
    assert notify(6, "Event: refer\r\n", "Content-Type: text/plain\r\nSubscription-State: active\r\n") == 400
    assert us.events == []
    assert notify(7, "Event: refer\r\n") == 200
    assert us.events == [ReferProgress(200, "OK", final=False)]


def test_a_caller_that_challenges_our_refer_gets_no_digest(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    usage, _ = up(wire, us, peer)
    answers: list[int] = []
    us.do(lambda now: usage.transfers.refer(CAROL, now, done=answers.append))
    challenge = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"\r\n'
    wire.send(answer_to(peer[-1], 401, extra=challenge), us)
    assert answers == [401]
    assert not any(b"Authorization" in data for data in peer)


def replacing(replaces: str) -> bytes:
    return invite(call_id="c2", branch="z9hG4bKreplace", extra=f"Require: replaces\r\nReplaces: {replaces}\r\n")


def test_an_invite_takes_the_place_of_an_answered_call(wire: Wire, us: Node) -> None:
    """RFC 3891 §3"""
    peer = wire.peer()
    usage, tag = up(wire, us, peer)
    wire.send(replacing(f"c1;to-tag={tag};from-tag=b1"), us)
    assert us.incoming[-1].replaces == usage.id
    assert us.incoming[-1] is not usage


def test_an_invite_takes_the_place_of_a_call_of_ours_that_rings(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    ours = us.call(PEER)
    wire.send(answer_to(peer[0], 180, tag="far"), us)
    sent = request(peer[0])
    wire.send(replacing(f"{sent.call_id};from-tag=far;to-tag={sent.from_.tag};early-only"), us)
    assert us.incoming[-1].replaces == ours.id


@pytest.mark.parametrize(
    ("shape", "status"),
    [
        ("c1;to-tag={tag};from-tag=other", 481),
        ("c1;to-tag=b1;from-tag={tag}", 481),
        ("c9;to-tag={tag};from-tag=b1", 481),
        ("c1;to-tag={tag};from-tag=b1;early-only", 486),
        ("c1;to-tag={tag}", 400),
        ("c1;to-tag={tag};from-tag=b1\r\nReplaces: c1;to-tag={tag};from-tag=b1", 400),
    ],
)
def test_a_call_whose_place_cannot_be_taken(wire: Wire, us: Node, shape: str, status: int) -> None:
    """RFC 3891 §3"""
    peer = wire.peer()
    _, tag = up(wire, us, peer)
    wire.send(replacing(shape.format(tag=tag)), us)
    assert response(peer[-1]).status == status
    assert len(us.incoming) == 1


def test_nobody_takes_the_place_of_a_call_that_rings_here_or_is_over(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(invite(), us)
    us.do(us.incoming[0].ring)
    tag = response(peer[-1]).to.tag
    wire.send(replacing(f"c1;to-tag={tag};from-tag=b1"), us)
    assert response(peer[-1]).status == 481
    us.do(lambda now: us.incoming[0].answer(ANSWER, now))
    us.do(us.incoming[0].hang_up)
    wire.send(replacing(f"c1;to-tag={tag};from-tag=b1").replace(b"z9hG4bKreplace", b"z9hG4bKlater"), us)
    assert response(peer[-1]).status == 603


# -- over UDP ----------------------------------------------------------------------------------------------------


async def until_over(session: Session) -> Ended:
    while not isinstance(event := await session.next_event(), Ended):
        pass
    return event


async def invite_to(house: House, there: House, *, headers: dict[str, str] | None = None) -> Session:
    return await house.network.invite(
        target=SipUri(HERE, "carol", there.network.address[1]),
        proxies=[there.way("UDP")],
        from_=NameAddr(SipUri(HERE, "bob")),
        to=NameAddr(SipUri(HERE, "carol")),
        sdp=OFFER,
        headers=headers,
    )


async def test_over_udp_a_blind_transfer_reaches_its_target_and_tells_so() -> None:
    async with (
        house(("UDP",), settings=TRANSFERS) as anna,
        house(("UDP",), settings=TRANSFERS) as bob,
        house(("UDP",), settings=TRANSFERS) as carol,
    ):
        ours, theirs = await anna.talk(bob, bob.way("UDP"))
        asking = asyncio.create_task(ours.refer(SipUri(HERE, "carol", carol.network.address[1])))
        referred = await theirs.next_event()
        assert isinstance(referred, Referred)
        await theirs.accept_refer()
        await asking
        assert await ours.next_event() == ReferProgress(100, "Trying", final=False)
        assert isinstance(referred.refer_to.uri, SipUri)
        way = Way(referred.refer_to.uri.host, referred.refer_to.uri.port or 0)
        new = await bob.network.invite(
            target=referred.refer_to.uri,
            proxies=[way],
            from_=NameAddr(SipUri(HERE, "bob")),
            to=referred.refer_to,
            sdp=OFFER,
        )
        called = await carol.calls.get()
        await called.answer(ANSWER)
        assert await new.next_event() == Answered(ANSWER)
        await theirs.notify_refer(200, "OK", final=True)
        assert await ours.next_event() == ReferProgress(200, "OK", final=True)
        await ours.hang_up()
        assert (await until_over(theirs)).by == "remote"
        await new.hang_up()
        assert (await until_over(called)).by == "remote"


async def test_over_udp_an_attended_transfer_takes_the_place_of_the_call_between() -> None:
    async with (
        house(("UDP",), settings=TRANSFERS) as anna,
        house(("UDP",), settings=TRANSFERS) as bob,
        house(("UDP",), settings=TRANSFERS) as carol,
    ):
        to_bob, bobs = await anna.talk(bob, bob.way("UDP"))
        to_carol, carols = await anna.talk(carol, carol.way("UDP"))
        place = SipUri(HERE, "carol", carol.network.address[1])
        asking = asyncio.create_task(to_bob.refer(place, replaces=to_carol.state))
        referred = await bobs.next_event()
        assert isinstance(referred, Referred)
        assert referred.replaces is not None
        await bobs.accept_refer()
        await asking
        new = await invite_to(bob, carol, headers={"Require": "replaces", "Replaces": str(referred.replaces)})
        taking = await carol.calls.get()
        assert taking.replaces == carols.id
        await taking.answer(ANSWER)
        await carols.hang_up()
        assert (await until_over(to_carol)).by == "remote"
        assert await new.next_event() == Answered(ANSWER)
        await bobs.notify_refer(200, "OK", final=True)
        await to_bob.hang_up()
        await until_over(bobs)
        await new.hang_up()
        await until_over(taking)


async def test_over_udp_a_transfer_may_be_declined() -> None:
    async with house(("UDP",), settings=TRANSFERS) as anna, house(("UDP",)) as plain:
        ours, _ = await anna.talk(plain, plain.way("UDP"))
        with pytest.raises(ReferRefusedError) as refused:
            await ours.refer(CAROL)
        assert refused.value.details["status"] == 405


async def test_over_udp_a_ringing_call_is_picked_up_in_the_callers_place() -> None:
    async with house(("UDP",), settings=TRANSFERS) as anna, house(("UDP",), settings=TRANSFERS) as bob:
        ours = await anna.call(bob.way("UDP"))
        theirs = await bob.calls.get()
        await theirs.ring()
        assert isinstance(await ours.next_event(), Progress)
        place = Replaces(theirs.state.call_id, theirs.state.remote_tag, theirs.state.local_tag)
        new = await invite_to(bob, anna, headers={"Replaces": str(place)})
        taking = await anna.calls.get()
        assert taking.replaces == ours.id
        await taking.answer(ANSWER)
        await ours.hang_up()
        assert (await until_over(theirs)).status == 487
        await new.hang_up()


def test_what_is_announced_names_transfers(wire: Wire, us: Node) -> None:
    peer = wire.peer()
    wire.send(other("OPTIONS", uri=f"sip:{HOST}"), us)
    told = response(peer[-1])
    assert told.get("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE"
    assert told.has_option("Supported", "replaces")
