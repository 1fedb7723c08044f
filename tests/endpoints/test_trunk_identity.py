"""Who calls and who is shown, over a trunk; two real SIP stacks on loopback."""

from typing import Any

import pytest

from tests.endpoints.site import BERLIN, CARLA, OUR_DID, Site, a_site
from webpbx.calls.leg import Party
from webpbx.sip.headers import NameAddr
from webpbx.sip.message import Request
from webpbx.sip.uri import SipUri

NOBODY = Party("")
ANONYMOUS = NameAddr(SipUri("anonymous.invalid", user="anonymous"), "Anonymous")
ACCOUNT = NameAddr(SipUri("provider.test", user="account7"))
PAI = {"P-Asserted-Identity": '"Paul" <sip:004915199999999@provider.test>'}
RPID = {"Remote-Party-ID": "<sip:015199999999@provider.test>;party=calling;screen=yes"}
PAUL = "+4915199999999"


async def seen(site: Site, caller: NameAddr, headers: dict[str, str]) -> Party:
    """Let somebody call in and give whom Anna sees."""
    anna = site.office.phone("101")
    await site.provider.call(OUR_DID, site.network, caller=caller, headers=headers)
    leg = await anna.rings()
    peer = leg.peer
    anna.decline()
    await site.office.quiet()
    assert site.office.records()[0].caller_number == (peer.number or None)
    return peer


@pytest.mark.parametrize(
    ("caller", "headers", "peer"),
    [
        (CARLA, {}, Party("+4915112345678", "Carla Caller")),
        (CARLA, PAI, Party("+4915112345678", "Carla Caller")),
        (ACCOUNT, PAI, NOBODY),
        (CARLA, {"Privacy": "id"}, NOBODY),
        (ANONYMOUS, PAI, NOBODY),
    ],
    ids=["From", "asserted beside From", "asserted alone", "privacy", "anonymous"],
)
async def test_a_provider_that_is_not_trusted_is_believed_in_from_alone(
    caller: NameAddr, headers: dict[str, str], peer: Party
) -> None:
    async with a_site() as site:
        assert await seen(site, caller, headers) == peer


@pytest.mark.parametrize(
    ("caller", "headers", "peer"),
    [
        (ACCOUNT, PAI, Party(PAUL, "Paul")),
        (ACCOUNT, {"P-Asserted-Identity": "<tel:+4915199999999>"}, Party(PAUL)),
        (ACCOUNT, RPID, Party(PAUL)),
        (CARLA, {}, Party("+4915112345678", "Carla Caller")),
        (ANONYMOUS, PAI, NOBODY),
        (CARLA, PAI | {"Privacy": "id"}, NOBODY),
        (ACCOUNT, {"Remote-Party-ID": RPID["Remote-Party-ID"] + ";privacy=full"}, NOBODY),
    ],
    ids=["PAI", "PAI with tel", "RPID", "nothing asserted", "From anonymous", "privacy", "RPID with privacy"],
)
async def test_a_trusted_provider_is_believed_and_who_hides_stays_hidden(
    caller: NameAddr, headers: dict[str, str], peer: Party
) -> None:
    async with a_site(trust_caller_id=True) as site:
        assert await seen(site, caller, headers) == peer


async def sent(number: str = BERLIN, **changes: Any) -> Request:
    """Let Anna call out and give the INVITE that the provider gets."""
    async with a_site(**changes) as site:
        anna, session = await site.calls_out(number)
        anna.hang_up()
        await site.office.quiet()
        assert session.request is not None
        return session.request


async def test_our_number_is_said_in_from_alone_unless_the_trunk_wants_more() -> None:
    request = await sent()
    assert str(request.from_.uri) == f"sip:{OUR_DID}@127.0.0.1"
    assert [request.get(name) for name in ("P-Asserted-Identity", "Remote-Party-ID", "Privacy")] == [None] * 3


@pytest.mark.parametrize(
    ("number_format", "number"),
    [("e164", OUR_DID), ("international", "00" + OUR_DID[1:]), ("national", "030901820101")],
)
async def test_our_number_is_asserted_in_the_trunk_s_format(number_format: str, number: str) -> None:
    request = await sent(caller_id_way="pai", number_format=number_format)
    assert request.get("P-Asserted-Identity") == f"<sip:{number}@127.0.0.1>"
    assert str(request.from_.uri) == f"sip:{number}@127.0.0.1"


async def test_our_number_is_said_in_remote_party_id_where_that_is_wanted() -> None:
    said = (await sent(caller_id_way="rpid")).get("Remote-Party-ID")
    assert said == f"<sip:{OUR_DID}@127.0.0.1>;party=calling;screen=yes;privacy=off"


async def test_a_trunk_that_hides_our_number_tells_it_to_the_provider_alone() -> None:
    request = await sent(caller_id_way="pai", hide_caller_id=True)
    assert str(request.from_.uri) == "sip:anonymous@anonymous.invalid"
    assert request.get("Privacy") == "id"
    assert request.get("P-Asserted-Identity") == f"<sip:{OUR_DID}@127.0.0.1>"


async def test_an_emergency_call_shows_our_number_whatever_the_trunk_hides() -> None:
    request = await sent("112", caller_id_way="pai", hide_caller_id=True)
    assert str(request.uri) == "sip:112@127.0.0.1"
    assert str(request.from_.uri) == f"sip:{OUR_DID}@127.0.0.1"
    assert request.get("Privacy") is None


async def test_who_has_no_number_at_all_asserts_none() -> None:
    async with a_site(caller_id_default="", caller_id_way="pai", username="account7") as site:
        bert = site.office.phone("102")
        bert.dial(BERLIN)
        session = await site.provider.invited.get()
        assert session.request is not None
        assert str(session.request.from_.uri) == "sip:account7@127.0.0.1"
        assert session.request.get("P-Asserted-Identity") is None
        bert.hang_up()
        await site.office.quiet()


async def test_a_short_number_is_called_as_it_is() -> None:
    request = await sent("116117", number_format="international")
    assert str(request.uri) == "sip:116117@127.0.0.1"
