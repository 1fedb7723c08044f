from pathlib import Path

import numpy as np
import pytest

from tests.media.sound_level import heard, loudness
from webpbx.demo import compose
from webpbx.demo.phrases import PHRASES
from webpbx.media.sounds import load_sound

FOLDER = Path(__file__).parents[2] / "static" / "sounds" / "demo"


@pytest.mark.parametrize("name", [*PHRASES, "music"])
def test_a_sound_is_there_small_audible_and_can_be_copied_as_it_is(name: str) -> None:
    path = FOLDER / f"{name}.ogg"
    sound = load_sound(path, "opus")
    assert path.stat().st_size < 120_000
    assert max(len(payload) for payload in sound.payloads) < 400
    assert 3 < sound.duration_ms / 1000 < 25
    assert loudness(heard(sound)) > 800


def test_no_sound_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.ogg")} == {*PHRASES, "music"}


@pytest.mark.process
def test_the_music_is_the_one_that_was_composed() -> None:
    composed = compose.music().astype(float)
    played = heard(load_sound(FOLDER / "music.ogg", "opus")).astype(float)
    assert played.size == composed.size
    alike = max(float(np.corrcoef(np.roll(composed, shift), played)[0, 1]) for shift in (0, 312, 648, 960))
    assert alike > 0.9


@pytest.mark.process
def test_the_music_joins_its_beginning_without_a_click() -> None:
    music = compose.music().astype(int)
    assert abs(music[0] - music[-1]) <= np.max(np.abs(np.diff(music)))
