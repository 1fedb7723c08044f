import json

from tests.phone import an_office
from webpbx.calls.live_calls import LiveCall


async def test_a_living_call_comes_back_from_json_as_it_was() -> None:
    async with an_office() as office:
        anna, bert = office.phone("101"), office.phone("102")
        leg = anna.dial("102")
        await bert.rings()
        bert.answer()
        await anna.talks_to(bert)
        await office.until(lambda: any(row["bridge"] for row in office.live_calls.rows.values()))
        live = leg.call.live()
        assert live.bridge == (anna.line.id, bert.line.id)
        assert LiveCall.from_json(json.loads(json.dumps(live.to_json()))) == live
        anna.hang_up()
        await office.quiet()
