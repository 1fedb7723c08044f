"""How a SIP telephone's sound is protected; the sound is elsewhere."""

import pytest

from tests.endpoints.site import ended
from tests.endpoints.switchboard import Switchboard
from webpbx.model.cause import Cause


@pytest.mark.parametrize("makes_the_call", [True, False])
async def test_a_telephone_that_must_encrypt_its_sound_has_no_call_where_keys_could_be_read(
    board: Switchboard,
    makes_the_call: bool,
) -> None:
    telephone, bert = await board.telephone("anna"), board.desk.open("bert")
    board.use({"anna": {"srtp": "require"}})
    if makes_the_call:
        assert (await ended(await telephone.dial("600"))).status == 488
    else:
        await bert.dial("101")
        assert (await board.desk.sees("bert", "ended")).cause is Cause.INCOMPATIBLE_MEDIA
    await board.office.quiet()


async def test_a_telephone_that_must_encrypt_its_sound_calls_for_help_in_the_clear_where_it_cannot(
    board: Switchboard,
) -> None:
    telephone, line = await board.telephone("anna"), board.office.lines["main"]
    board.use({"anna": {"srtp": "require"}})
    session = await telephone.dial("112")
    leg = await line.rings()
    line.answer()
    await board.talks(session)
    assert board.desk.media.legs[leg.call.caller.id].srtp == "offer"
    await session.hang_up()
    await board.office.quiet()


async def test_keys_for_the_sound_are_not_sent_where_they_could_be_read(board: Switchboard) -> None:
    telephone = await board.telephone("anna")
    session = await telephone.dial("600")
    await board.talks(session)
    (leg,) = board.office.exchange.legs
    assert board.desk.media.legs[leg].srtp == "none"
    await session.hang_up()
    await board.office.quiet()
