from tests.phone import an_office
from webpbx.model.cause import Cause


async def test_the_echo_number_sends_back_what_it_hears_until_hash_is_pressed() -> None:
    async with an_office() as office:
        anna = office.phone("101")
        anna.dial("600")
        await anna.hears(anna.line.id)
        assert anna.line.audio.codecs == ("opus",)
        await anna.press("1#")
        assert await anna.ended() is Cause.NORMAL
        await office.quiet()


async def test_the_echo_can_be_reached_by_its_feature_code() -> None:
    async with an_office() as office:
        anna = office.phone("101")
        anna.dial("*43")
        await anna.hears(anna.line.id)
        anna.hang_up()
        await office.quiet()
        assert office.records()[0].destinations == ("echo",)
