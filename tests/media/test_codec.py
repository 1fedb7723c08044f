import numpy as np
import pytest

from tests.media.peers import sine, tone_share
from webpbx.media import codec
from webpbx.media.rtp import SILENCE


@pytest.mark.parametrize("name", codec.RATES)
def test_silence_is_silent_whatever_was_heard_before(name: str) -> None:
    decoder = codec.decoder(name)
    rate = codec.RATES[name]
    for payload, _ in codec.encoder(name, rate).encode(sine(500, rate, rate // 2)):
        decoder.decode(payload)
    after = [decoder.decode(SILENCE[name]) for _ in range(10)]
    assert all(len(pcm) == rate // 50 for pcm in after)
    assert np.abs(np.concatenate(after[5:]).astype(int)).max() < 100


@pytest.mark.parametrize("name", ["opus", "G722"])
def test_damaged_packets_are_no_sound_and_do_no_harm(name: str) -> None:
    decoder = codec.decoder(name)
    assert decoder.decode(b"").size == 0
    decoder.decode(b"\xff" * 7)
    (good, _), *_ = codec.encoder(name, codec.RATES[name]).encode(sine(500, codec.RATES[name], 4800))
    assert decoder.decode(good).size == codec.RATES[name] // 50


@pytest.mark.parametrize(("rate_in", "rate_out"), [(48000, 8000), (48000, 16000), (16000, 8000), (8000, 16000)])
@pytest.mark.parametrize("size", [80, 161, 960])
def test_a_stream_resampled_in_pieces_is_the_same_tone_without_a_seam(rate_in: int, rate_out: int, size: int) -> None:
    resampler = codec.Resampler(rate_in, rate_out)
    pcm = sine(1000, rate_in, rate_in)
    made = np.concatenate([resampler.take(pcm[at : at + size]) for at in range(0, rate_in, size)])
    assert abs(len(made) - rate_out) <= 1
    assert tone_share(made[rate_out // 10 :], rate_out, 1000) > 0.999


def test_a_rate_that_stays_is_left_alone() -> None:
    pcm = sine(1000, 8000, 160)
    assert codec.Resampler(8000, 8000).take(pcm) is pcm
