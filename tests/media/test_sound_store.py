import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from webpbx.media.errors import MediaError
from webpbx.media.loop import Loop
from webpbx.media.sound_store import SoundRequest, SoundStore
from webpbx.media.sounds import Sound
from webpbx.media.tones import tone

RINGBACK = SoundRequest("tone", "ringback", "DE", "PCMA")


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def store(loop: Loop) -> Iterator[SoundStore]:
    store = SoundStore(loop)
    yield store
    store.close()


def got(loop: Loop, store: SoundStore, request: SoundRequest) -> Sound | MediaError:
    results: list[Sound | MediaError] = []
    store.get(request, results.append)
    until = time.monotonic() + 30
    while not results and time.monotonic() < until:
        loop.turn()
    return results[0]


@pytest.mark.process
def test_a_tone_is_what_tones_makes_and_is_kept(loop: Loop, store: SoundStore) -> None:
    first = got(loop, store, RINGBACK)
    assert first == tone("ringback", "DE", "PCMA")
    kept: list[Sound | MediaError] = []
    store.get(RINGBACK, kept.append)
    assert kept[0] is first


@pytest.mark.process
def test_what_cannot_be_made_is_told_by_name(loop: Loop, store: SoundStore, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    requests = {
        SoundRequest("tone", "fanfare", "DE", "PCMA"): "unknown_tone",
        SoundRequest("file", str(tmp_path / "empty.wav"), "", "PCMA"): "sound_unreadable",
        SoundRequest("file", str(tmp_path / "missing.wav"), "", "PCMA"): "sound_unreadable",
    }
    for request, error_id in requests.items():
        result = got(loop, store, request)
        assert isinstance(result, MediaError)
        assert result.error_id == error_id


@pytest.mark.process
def test_a_child_that_dies_fails_what_was_asked_and_is_followed_by_another(loop: Loop, store: SoundStore) -> None:
    results: list[Sound | MediaError] = []
    store.get(RINGBACK, results.append)
    store.get(RINGBACK, results.append)
    assert store._child is not None
    store._child.kill()
    while len(results) < 2:
        loop.turn()
    assert all(isinstance(result, MediaError) for result in results)
    assert isinstance(got(loop, store, RINGBACK), Sound)
