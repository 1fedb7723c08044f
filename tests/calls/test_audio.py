import pytest

from tests.silent_media import SilentMedia
from webpbx.calls.audio import LegAudio
from webpbx.media.errors import MediaError


async def test_a_first_offer_the_worker_cannot_use_leaves_the_leg_to_be_opened_by_what_comes_next() -> None:
    media = SilentMedia()
    audio = LegAudio(media, worker="0a", leg_id="leg", country="DE")
    audio.choose_codecs(("opus",))
    media.refuse.add("browser_leg")
    with pytest.raises(MediaError):
        await audio.attach("nonsense", generation=1)
    media.refuse.clear()
    await audio.open_browser()
    assert "leg" in media.legs
