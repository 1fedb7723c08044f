"""A telephone whose user does not want to be known, inside and outside."""

import asyncio

import pytest

from tests.endpoints.site import BERLIN, OUR_DID
from tests.endpoints.switchboard import DEVICES, Switchboard
from webpbx.sip.headers import NameAddr
from webpbx.sip.message import Request
from webpbx.sip.uri import SipUri

HIDDEN = NameAddr(SipUri("anonymous.invalid", user="anonymous"), "Anonymous")
OPEN = NameAddr(SipUri("127.0.0.1", user=DEVICES["anna"].username))
WAYS = pytest.mark.parametrize(
    ("caller", "headers"), [(OPEN, {"Privacy": "id"}), (HIDDEN, {})], ids=["Privacy", "anonymous From"]
)


async def goes_out(board: Switchboard, number: str, caller: NameAddr, headers: dict[str, str]) -> Request:
    """Let Anna's telephone call outside and give the INVITE that the provider gets."""
    invited = await board.provider(caller_id_way="pai", addresses=("192.0.2.1",))
    telephone = await board.telephone("anna")
    session = await telephone.dial(number, caller=caller, headers=headers)
    async with asyncio.timeout(5):
        request = (await invited.get()).request
    assert request is not None
    await session.hang_up()
    await board.office.quiet()
    return request


@WAYS
async def test_who_does_not_want_to_be_known_is_nobody_in_the_house(
    board: Switchboard, caller: NameAddr, headers: dict[str, str]
) -> None:
    telephone, bert_s = await board.telephone("anna"), await board.telephone("bert")
    board.desk.open("bert")
    session = await telephone.dial("102", caller=caller, headers=headers)
    request = (await bert_s.rings()).request
    assert request is not None
    assert (request.from_.display, str(request.from_.uri)) == ("Anonymous", "sip:anonymous@127.0.0.1")
    await board.desk.rings("bert")
    assert {(call.number, call.name) for call in board.desk.shown("bert")} == {("", "")}
    await session.hang_up()
    await board.office.quiet()
    (record,) = board.office.records()
    assert (record.caller_number, record.caller_name) == (None, None)
    assert record.legs[0].user_id == "anna"


@WAYS
async def test_who_does_not_want_to_be_known_is_known_to_the_provider_alone(
    board: Switchboard, caller: NameAddr, headers: dict[str, str]
) -> None:
    request = await goes_out(board, BERLIN, caller, headers)
    assert str(request.from_.uri) == "sip:anonymous@anonymous.invalid"
    assert request.get("Privacy") == "id"
    assert request.get("P-Asserted-Identity") == f"<sip:{OUR_DID}@127.0.0.2>"


@WAYS
async def test_who_calls_for_help_is_known(board: Switchboard, caller: NameAddr, headers: dict[str, str]) -> None:
    request = await goes_out(board, "112", caller, headers)
    assert str(request.from_.uri) == f"sip:{OUR_DID}@127.0.0.2"
    assert request.get("Privacy") is None


async def test_who_says_nothing_of_privacy_is_known(board: Switchboard) -> None:
    request = await goes_out(board, BERLIN, OPEN, {})
    assert str(request.from_.uri) == f"sip:{OUR_DID}@127.0.0.2"
    assert request.get("Privacy") is None
