from pathlib import Path

import numpy as np
import pytest

from tests.tone import listen, read_sound, seconds_of_tone, sine, write_wav


@pytest.mark.parametrize("rate", [8000, 48000])
def test_a_tone_is_told_from_another_from_noise_and_from_silence(rate: int) -> None:
    noise = np.random.default_rng(1).normal(0, 0.3, rate)
    assert listen(sine(1000, seconds=1, rate=rate), 1000, rate=rate).clear
    assert not listen(sine(1000, seconds=1, rate=rate), 440, rate=rate).clear
    assert not listen(noise, 1000, rate=rate).clear
    assert not listen(np.zeros(rate), 1000, rate=rate).clear
    assert not listen(sine(1000, seconds=1, rate=rate, level=0.001), 1000, rate=rate).clear


def test_the_length_of_a_tone_in_a_file_is_heard(tmp_path: Path) -> None:
    wave = np.concatenate([sine(440, seconds=2, rate=8000), np.zeros(8000), sine(1000, seconds=1, rate=8000)])
    sound, rate = read_sound(write_wav(tmp_path / "sound.wav", wave, rate=8000))
    assert seconds_of_tone(sound, 440, rate=rate) == pytest.approx(2)
    assert seconds_of_tone(sound, 1000, rate=rate) == pytest.approx(1)
