"""How a trunk's settings reach the sound, and keys that go beside it; two real SIP stacks on loopback."""

import pytest

from tests.endpoints.site import SDP, Site, a_site, event_of
from tests.phone import Phone
from tests.silent_media import Event, SilentMedia
from webpbx.calls.leg import Leg, LegState
from webpbx.sip.session_events import Info
from webpbx.sip.session_face import Session


async def talking(site: Site) -> tuple[Phone, Session, Leg, SilentMedia]:
    anna, session = await site.calls_out()
    await session.answer(SDP)
    await site.office.until(lambda: anna.line.state is LegState.ANSWERED)
    far = next(leg for leg in site.office.exchange.legs.values() if leg.endpoint is site.line)
    media = site.office.media
    assert isinstance(media, SilentMedia)
    return anna, session, far, media


@pytest.mark.parametrize(("dtmf", "digits"), [("rfc4733", "rfc4733"), ("inband", "inband"), ("info", "none")])
async def test_the_worker_is_told_how_keys_go(dtmf: str, digits: str) -> None:
    async with a_site(dtmf=dtmf) as site:
        anna, _, far, media = await talking(site)
        assert (media.legs[far.id].digits, media.legs[far.id].srtp) == (digits, "none")
        anna.hang_up()
        await site.office.quiet()


async def test_codecs_are_offered_in_the_trunk_s_order_and_never_opus_alone() -> None:
    async with a_site(codecs=("opus", "PCMU", "G722")) as site:
        site.office.phone("101")
        Phone.codecs, before = ("opus", "G722", "PCMA", "PCMU"), Phone.codecs
        try:
            anna, _, far, media = await talking(site)
        finally:
            Phone.codecs = before
        assert media.legs[far.id].codecs == ("opus", "PCMU", "G722")
        anna.hang_up()
        await site.office.quiet()


async def test_keys_go_by_info_one_after_the_other_where_the_provider_wants_that() -> None:
    async with a_site(dtmf="info") as site:
        anna, session, far, media = await talking(site)
        for key in "4*":
            media.on_event(Event(far.id, "digit_out", {"digit": key}))
        for key in "4*":
            info = await event_of(session, Info)
            assert (info.body, info.type) == (f"Signal={key}\r\nDuration=160\r\n".encode(), "application/dtmf-relay")
        anna.hang_up()
        await site.office.quiet()
