import itertools

import numpy as np
import pytest

from tests.media.sound_level import RATE, heard, loudness, power
from webpbx.media.sounds import CODECS
from webpbx.media.tones import CADENCES, UnknownToneError, tone

EVERY_TONE = list(itertools.product(["ringback", "busy", "congestion"], [*CADENCES, "XX"]))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("name", "country"), EVERY_TONE)
def test_a_tone_holds_its_frequencies_and_its_pauses(name: str, country: str, codec: str) -> None:
    cadence = CADENCES.get(country, CADENCES[""])[name]
    rate = RATE[codec]
    pcm = heard(tone(name, country, codec))
    delay = 312 if codec == "opus" else 0  # the encoder's look-ahead
    on, off = (step * rate // 1000 for step in cadence.steps[:2])
    sounding = pcm[delay : delay + on]
    pause = pcm[delay + on + rate // 50 : delay + on + off - rate // 50]
    assert sum(power(sounding, rate, frequency) for frequency in cadence.frequencies) > 0.95
    assert 3000 < loudness(sounding) < 4500  # about -13 dBm0
    assert loudness(pause) < 30


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("name", "country"), EVERY_TONE)
def test_a_tone_lasts_whole_cadences(name: str, country: str, codec: str) -> None:
    period = sum(CADENCES.get(country, CADENCES[""])[name].steps)
    assert tone(name, country, codec).duration_ms % period == 0


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["ringback", "busy", "congestion"])
def test_a_looped_tone_has_no_click_where_it_joins(name: str, codec: str) -> None:
    sound = tone(name, "GB", codec)
    pcm = heard(sound, times=2).astype(int)
    join = len(sound.payloads) * sound.samples_per_frame
    edge = RATE[codec] // 50
    inside = np.max(np.abs(np.diff(pcm[:join])))
    assert np.max(np.abs(np.diff(pcm[join - edge : join + edge]))) <= inside


def test_a_tone_is_made_once() -> None:
    assert tone("busy", "FR", "PCMA") is tone("busy", "FR", "PCMA")


def test_a_country_in_small_letters_is_the_same_country() -> None:
    assert tone("busy", "gb", "PCMA") == tone("busy", "GB", "PCMA")


def test_an_unknown_tone_is_named_in_the_error() -> None:
    with pytest.raises(UnknownToneError, match="whistle") as caught:
        tone("whistle", "DE", "PCMA")
    assert caught.value.error_id == "unknown_tone"
    assert caught.value.details == {"tone": "whistle"}
