"""A trunk and its provider, two real SIP stacks on loopback; the sound is elsewhere."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from tests.endpoints.site import BERLIN, OUR_DID, SDP, Site, a_site, ended, event_of
from tests.phone import ANNOUNCEMENT, Office
from webpbx.calls.facts import TrunkChanged
from webpbx.calls.leg import LegState
from webpbx.calls.live_calls import LiveCall
from webpbx.endpoints.trunk import Reach
from webpbx.media.errors import NoCodecError
from webpbx.model.cause import Cause
from webpbx.model.trunk import Trunk
from webpbx.sip.auth import Credentials, ha1
from webpbx.sip.message import Request
from webpbx.sip.registrar import Registrar
from webpbx.sip.session_events import Answered, Info, Progress
from webpbx.sip.settings import Peer
from webpbx.sip.transport import Flow


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as site:
        yield site


async def test_a_call_out_rings_is_answered_and_ended_by_the_far_side(site: Site) -> None:
    anna, session = await site.calls_out()
    request = session.request
    assert request is not None
    assert (str(request.uri), str(request.from_.uri)) == ("sip:+4930901820@127.0.0.1", f"sip:{OUR_DID}@127.0.0.1")
    assert request.sdp == b"offer of 127.0.0.1"
    await session.ring()
    await anna.hears("ringback")
    await session.answer(SDP)
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    await session.hang_up()
    assert await anna.ended() is Cause.NORMAL
    await site.office.quiet()
    assert site.office.records()[0].ended_by == "callee"


async def test_a_call_out_that_we_end_is_ended_at_the_far_side(site: Site) -> None:
    anna, session = await site.calls_out()
    await session.answer(SDP)
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    anna.hang_up()
    end = await ended(session)
    assert (end.by, end.q850) == ("remote", 16)
    await site.office.quiet()


async def test_a_caller_who_gives_up_cancels_the_far_side_s_ringing(site: Site) -> None:
    anna, session = await site.calls_out()
    await session.ring()
    await anna.hears("ringback")
    anna.hang_up()
    assert (await ended(session)).status == 487
    await site.office.quiet()
    assert site.office.records()[0].outcome == "cancelled"


async def test_early_media_is_passed_to_the_caller(site: Site) -> None:
    anna, session = await site.calls_out()
    await session.ring(sdp=SDP)
    far = next(leg for leg in site.office.exchange.legs.values() if leg.endpoint is site.line)
    await anna.hears(far.id)
    assert site.office.heard_by(far) is None
    anna.hang_up()
    await site.office.quiet()


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (486, Cause.BUSY),
        (600, Cause.BUSY),
        (603, Cause.DECLINED),
        (404, Cause.UNKNOWN_NUMBER),
        (480, Cause.UNREACHABLE),
        (403, Cause.TRUNK_REFUSED),
        (488, Cause.INCOMPATIBLE_MEDIA),
        (302, Cause.TRUNK_REFUSED),
        (503, Cause.TRUNK_DOWN),
        (500, Cause.FAILED),
    ],
)
async def test_a_refusal_of_the_far_side_keeps_its_meaning(site: Site, status: int, cause: Cause) -> None:
    anna, session = await site.calls_out()
    await session.reject(status)
    assert await anna.ended() is cause
    await site.office.quiet()
    assert site.office.records()[0].sip_status == status


async def test_the_network_s_own_reason_says_more_than_a_vague_status(site: Site) -> None:
    anna, session = await site.calls_out()
    await session.reject(503, q850=17)
    assert await anna.ended() is Cause.BUSY
    await site.office.quiet()


async def test_a_call_that_comes_in_rings_the_user_of_its_number_and_is_answered(site: Site) -> None:
    anna = site.office.phone("101")
    session = await site.provider.call(OUR_DID, site.network)
    leg = await anna.rings()
    assert (leg.peer.number, leg.peer.name) == ("+4915112345678", "Carla Caller")
    assert leg.audio.codecs == ("PCMA", "PCMU")
    progress = await event_of(session, Progress)
    assert progress.status == 180
    anna.answer()
    answered = await event_of(session, Answered)
    assert answered.sdp == b"answer to " + SDP
    await site.office.until(lambda: site.office.heard_by(leg) is not None)
    anna.hang_up()
    assert (await ended(session)).by == "remote"
    await site.office.quiet()
    (record,) = site.office.records()
    assert (record.direction, record.did, record.trunk_id, record.caller_number) == (
        "in",
        OUR_DID,
        "main",
        "+4915112345678",
    )


async def test_the_call_is_written_with_its_dialog_before_the_far_side_hears_of_it(site: Site) -> None:
    site.office.phone("101")
    session = await site.provider.call(OUR_DID, site.network)
    await event_of(session, Progress)
    (row,) = site.office.live_calls.rows.values()
    assert row["legs"][0]["data"]["dialog"]["role"] == "uas"
    await session.hang_up()
    await site.office.quiet()


async def test_what_cannot_be_written_is_not_told(site: Site) -> None:
    site.office.phone("101")
    site.office.live_calls.fails = True
    session = await site.provider.call(OUR_DID, site.network)
    assert (await ended(session)).status == 500
    site.office.live_calls.fails = False
    await site.office.quiet()


async def test_a_caller_who_cancels_ends_the_ringing(site: Site) -> None:
    anna = site.office.phone("101")
    session = await site.provider.call(OUR_DID, site.network)
    await anna.rings()
    await event_of(session, Progress)
    await session.hang_up()
    assert await anna.ended() is Cause.CANCELLED
    await site.office.quiet()


async def test_a_cancel_that_crosses_our_answer_is_a_cancelled_call(site: Site) -> None:
    anna = site.office.phone("101")
    session = await site.provider.call(OUR_DID, site.network)
    leg = await anna.rings()
    await event_of(session, Progress)
    put = site.office.live_calls.put
    writing, written = asyncio.Event(), asyncio.Event()

    async def slowly(call: LiveCall) -> None:
        writing.set()
        await written.wait()
        await put(call)

    site.office.live_calls.put = slowly  # type: ignore[method-assign]
    anna.answer()
    await writing.wait()
    await session.hang_up()
    await site.office.until(lambda: not leg.call.caller.up)
    written.set()
    await site.office.quiet()
    (record,) = site.office.records()
    assert (record.outcome, record.cause) == ("cancelled", Cause.CANCELLED)


@pytest.mark.parametrize(("number", "status"), [("+4930000000", 404), ("101", 404), ("600", 404), (BERLIN, 404)])
async def test_only_our_own_numbers_can_be_reached_from_outside(site: Site, number: str, status: int) -> None:
    session = await site.provider.call(number, site.network)
    assert (await ended(session)).status == status
    await site.office.quiet()


async def test_a_call_to_a_number_that_is_nobody_s_never_becomes_a_call(site: Site) -> None:
    session = await site.provider.call("+4930000000", site.network)
    await ended(session)
    assert [fact for fact in site.office.facts if not isinstance(fact, TrunkChanged)] == []


@pytest.mark.parametrize(
    ("prepare", "status"),
    [
        (lambda _office: None, 480),
        (lambda office: office.phone("101").dial("600"), 486),
    ],
)
async def test_why_nobody_answers_reaches_the_caller_as_a_status(
    site: Site, prepare: Callable[[Office], object], status: int
) -> None:
    prepare(site.office)
    session = await site.provider.call(OUR_DID, site.network)
    assert (await ended(session)).status == status


async def test_a_declined_call_is_declined_outside_too(site: Site) -> None:
    anna = site.office.phone("101")
    session = await site.provider.call(OUR_DID, site.network)
    await anna.rings()
    anna.decline()
    assert (await ended(session)).status == 603
    await site.office.quiet()


async def test_a_trunk_that_is_full_is_busy(site: Site) -> None:
    anna = site.office.phone("101")
    sessions = [await site.provider.call(OUR_DID, site.network) for _ in range(3)]
    await anna.rings()
    assert {(await ended(session)).status for session in sessions[1:]} == {486}
    anna.hang_up()
    await site.office.quiet()


async def test_an_offer_without_a_codec_of_ours_is_refused_before_anybody_picks_up(site: Site) -> None:
    async def refuse(*_: object, **__: object) -> str:
        raise NoCodecError("no codec in common")

    site.office.media.set_remote = refuse  # type: ignore[method-assign]
    anna = site.office.phone("101")
    session = await site.provider.call(OUR_DID, site.network)
    assert (await ended(session)).status == 488
    assert await anna.ended() is Cause.INCOMPATIBLE_MEDIA
    await site.office.quiet()


async def test_a_draining_exchange_asks_the_provider_to_come_again(site: Site) -> None:
    site.office.exchange.drain()
    session = await site.provider.call(OUR_DID, site.network)
    assert (await ended(session)).status == 503


async def test_hold_and_resume_of_the_far_side_are_agreed_to(site: Site) -> None:
    anna, session = await site.calls_out()
    await session.answer(SDP)
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    async with asyncio.timeout(5):
        assert await session.reinvite(SDP + b"a=sendonly\r\n") == b"answer to " + SDP + b"a=sendonly\r\n"
    anna.hang_up()
    await site.office.quiet()


async def test_a_far_side_that_asks_for_our_offer_in_a_call_keeps_the_call(site: Site) -> None:
    anna, session = await site.calls_out()
    await session.answer(SDP)
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    far = next(leg for leg in site.office.exchange.legs.values() if leg.endpoint is site.line)
    line = site.line._lines[far.id]
    assert line.session is not None
    line.session.tell(Answered(SDP))  # what the ACK of a re-INVITE without SDP brings
    line.session.tell(Info(b"5", "application/dtmf"))
    async with asyncio.timeout(5):
        assert await far.keys.get() == "5"
    assert far.state is LegState.ANSWERED
    assert not session.ended
    anna.hang_up()
    await site.office.quiet()


async def test_early_media_that_cannot_be_used_leaves_the_call_ringing(site: Site) -> None:
    set_remote = site.office.media.set_remote

    async def refuse(*_: object, **__: object) -> str:
        raise NoCodecError("no codec in common")

    site.office.media.set_remote = refuse  # type: ignore[method-assign]
    anna, session = await site.calls_out()
    await session.ring(sdp=SDP)
    await session.ring()
    await anna.hears("ringback")
    site.office.media.set_remote = set_remote  # type: ignore[method-assign]
    await session.answer(SDP)
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    anna.hang_up()
    await site.office.quiet()


async def test_a_provider_that_is_believed_down_is_still_asked_in_an_emergency() -> None:
    async with a_site(qualify_interval=0) as site:
        site.line.reach = Lost(site.line.reach)
        anna = site.office.phone("101")
        anna.dial(BERLIN)
        assert await anna.ended() is Cause.TRUNK_DOWN
        anna, session = await site.calls_out("112")
        await session.answer(SDP)
        await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
        anna.hang_up()
        await site.office.quiet()


class Lost:
    """What is known of a provider that is believed to be down."""

    up = False
    routes: tuple[str, ...] = ()
    credentials = None

    def __init__(self, reach: Reach) -> None:
        self.doubt = reach.doubt


async def test_an_emergency_call_does_not_wait_long_for_a_provider_that_says_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        async with a_site(proxies=(f"127.0.0.1:{silent.getsockname()[1]}",), qualify_interval=0) as site:
            anna = site.office.phone("101")
            anna.dial("112")
            await anna.hears(ANNOUNCEMENT)
            anna.hang_up()
            await site.office.quiet()


async def test_a_provider_that_does_not_answer_is_down_and_one_that_does_is_up() -> None:
    async with a_site(proxies=("127.0.0.1:9",)) as site:
        await site.office.until(lambda: any(isinstance(fact, TrunkChanged) for fact in site.office.facts))
        assert site.trunks.states()["acme/main"] == (False, "Nothing listens at 127.0.0.1:9, or no way leads there.")
        anna = site.office.phone("101")
        anna.dial(BERLIN)
        assert await anna.ended() is Cause.TRUNK_DOWN
        await site.office.quiet()
    async with a_site() as site:
        await site.office.until(lambda: any(isinstance(fact, TrunkChanged) for fact in site.office.facts))
        assert site.trunks.states()["acme/main"][0]


def registrar(secret: str = "right") -> Registrar:  # noqa: S107 - a test's
    credentials = Credentials("line1", secret)
    return Registrar(
        realm="provider.test",
        lookup=lambda user, algorithm: (
            ha1(credentials, realm="provider.test", algorithm=algorithm) if user == "line1" else None
        ),
    )


async def test_a_trunk_registers_and_calls_out_with_its_secret() -> None:
    async with a_site(registrar(), mode="register", addresses=(), username="line1", secret="right") as site:
        await site.is_up()
        assert site.trunks.states()["acme/main"] == (True, "Registered.")
        anna, session = await site.calls_out()
        await session.answer(SDP)
        await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
        anna.hang_up()
        await site.office.quiet()


async def test_a_wrong_secret_keeps_the_trunk_down_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async with a_site(registrar(), mode="register", addresses=(), username="line1", secret="wrong-one") as site:
        await site.office.until(lambda: any(isinstance(fact, TrunkChanged) for fact in site.office.facts))
        up, reason = site.trunks.states()["acme/main"]
        assert not up
        assert "refuses our registration" in reason
        assert "wrong-one" not in caplog.text + reason


async def test_a_stranger_s_call_is_no_trunk_s() -> None:
    trunk = Trunk(
        id="x", tenant_id="acme", name="x", mode="address", proxies=("192.0.2.1",), addresses=("192.0.2.0/24",)
    )
    async with a_site(proxies=trunk.proxies, addresses=trunk.addresses) as site:
        request = Request("INVITE", f"sip:{OUR_DID}@127.0.0.1", [("To", f"<sip:{OUR_DID}@127.0.0.1>")])
        near = Flow("UDP", ("127.0.0.1", 5060), ("192.0.2.77", 5060))
        far = Flow("UDP", ("127.0.0.1", 5060), ("198.51.100.1", 5060))
        assert site.trunks.identify(near, request) == Peer("acme/main")
        assert site.trunks.identify(far, request) is None
        assert not site.trunks.trusted("198.51.100.1")


@pytest.mark.parametrize(
    ("body", "kind"), [(b"Signal= 7\r\nDuration= 160\r\n", "application/dtmf-relay"), (b"7", "application/dtmf")]
)
async def test_keys_that_come_in_an_info_are_taken_as_pressed(site: Site, body: bytes, kind: str) -> None:
    anna, session = await site.calls_out()
    await session.answer(SDP)
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    far = next(leg for leg in site.office.exchange.legs.values() if leg.endpoint is site.line)
    line = site.line._lines[far.id]
    assert line.session is not None
    line.session.tell(Info(body, kind))
    line.session.tell(Info(b"Signal=x", "application/dtmf-relay"))
    async with asyncio.timeout(5):
        assert await far.keys.get() == "7"
    anna.hang_up()
    await site.office.quiet()
    assert far.keys.empty()
