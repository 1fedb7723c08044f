"""baresip against baresip: what the other tests rely on."""

from pathlib import Path

from tests.peers.baresip import Baresip
from tests.tone import seconds_of_tone


async def test_two_telephones_hear_each_others_tones(tmp_path: Path) -> None:
    async with (
        Baresip("+4930999001", folder=tmp_path, hertz=1000) as anna,
        Baresip("+4930999002", folder=tmp_path, hertz=440) as ben,
    ):
        await anna.dial(f"sip:+4930999002@127.0.0.1:{ben.port}")
        await ben.told("CALL_INCOMING")
        await anna.told("CALL_RINGING")
        await ben.answer()
        await anna.told("CALL_ESTABLISHED")
        await ben.told("CALL_ESTABLISHED")
        await anna.hears(lambda wave, rate: seconds_of_tone(wave, 440, rate=rate) > 1, "440 Hz")
        await ben.hears(lambda wave, rate: seconds_of_tone(wave, 1000, rate=rate) > 1, "1000 Hz")
        await anna.hang_up()
        await ben.told("CALL_CLOSED")
        assert seconds_of_tone(*anna.heard()[:1], 1000, rate=anna.heard()[1]) == 0
