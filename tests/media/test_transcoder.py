import numpy as np
import pytest

from tests.media.peers import sine, tone_share
from tests.media.sound_level import RATE, heard, loudness
from webpbx.media import g711
from webpbx.media.rtp import CLOCKS
from webpbx.media.sounds import CODECS, Sound, encode_pcm
from webpbx.media.transcoder import Transcoder

FRAMES = 50


def opus_packets(hertz: float) -> tuple[bytes, ...]:
    return encode_pcm(sine(hertz, 48000, 960 * FRAMES), 48000, "opus").payloads


def test_opus_becomes_g711_of_the_same_tone_and_length() -> None:
    transcoder = Transcoder(object(), "opus", "PCMA")
    made = [item for seq, payload in enumerate(opus_packets(700)) for item in transcoder.take(payload, seq, seq * 960)]
    assert [samples for _, samples in made] == [160] * FRAMES
    pcm = g711.decode(b"".join(data for data, _ in made), "PCMA")
    assert tone_share(pcm[800:], 8000, 700) > 0.95


def test_sound_above_what_g711_can_carry_does_not_fold_back() -> None:
    transcoder = Transcoder(object(), "opus", "PCMU")
    made = [item for seq, payload in enumerate(opus_packets(6000)) for item in transcoder.take(payload, seq, seq * 960)]
    pcm = g711.decode(b"".join(data for data, _ in made), "PCMU").astype(float)
    assert np.sqrt(np.mean(pcm[800:] ** 2)) < 200  # the tone itself has 5,600


def test_g711_becomes_opus_packets_of_20_ms_however_it_was_cut() -> None:
    transcoder = Transcoder(object(), "PCMU", "opus")
    law = g711.encode(sine(700, 8000, 240 * 20), "PCMU")
    made = [item for seq in range(20) for item in transcoder.take(law[seq * 240 : (seq + 1) * 240], seq, seq * 240)]
    assert all(samples == 960 for _, samples in made)
    assert len(made) >= 28


@pytest.mark.process
@pytest.mark.parametrize("codec_in", CODECS)
@pytest.mark.parametrize("codec_out", CODECS)
def test_any_codec_becomes_any_other_of_the_same_tone_and_length(codec_in: str, codec_out: str) -> None:
    transcoder, clock = Transcoder(object(), codec_in, codec_out), CLOCKS[codec_in] // 50
    sound = encode_pcm(sine(700, 48000, 960 * FRAMES), 48000, codec_in)
    made = [item for seq, payload in enumerate(sound.payloads) for item in transcoder.take(payload, seq, seq * clock)]
    units = CLOCKS[codec_out] // 50
    assert [length for _, length in made] == [units] * FRAMES
    pcm = heard(Sound(codec_out, tuple(data for data, _ in made), units))
    assert tone_share(pcm[len(pcm) // 10 :], RATE[codec_out], 700) > 0.95
    assert 0.7 < loudness(pcm[len(pcm) // 10 :]) / loudness(sine(700, 48000, 48000)) < 1.3


def test_the_upper_band_lives_on_between_the_wide_codecs() -> None:
    transcoder = Transcoder(object(), "opus", "G722")
    made = [item for seq, payload in enumerate(opus_packets(6000)) for item in transcoder.take(payload, seq, seq * 960)]
    pcm = heard(Sound("G722", tuple(data for data, _ in made), 160))
    assert tone_share(pcm[1600:], 16000, 6000) > 0.9


def test_sound_above_what_g711_can_carry_does_not_fold_back_from_g722() -> None:
    transcoder = Transcoder(object(), "G722", "PCMU")
    sound = encode_pcm(sine(6000, 16000, 320 * FRAMES), 16000, "G722")
    made = [item for seq, payload in enumerate(sound.payloads) for item in transcoder.take(payload, seq, seq * 160)]
    pcm = g711.decode(b"".join(data for data, _ in made), "PCMU").astype(float)
    assert np.sqrt(np.mean(pcm[800:] ** 2)) < 200  # the tone itself has 5,600


@pytest.mark.parametrize("milliseconds", [10, 30, 40, 60])
def test_g722_packets_of_any_length_become_whole_ones(milliseconds: int) -> None:
    transcoder = Transcoder(object(), "G722", "opus")
    stream = b"".join(encode_pcm(sine(700, 16000, 320 * 60), 16000, "G722").payloads)
    size = milliseconds * 8
    packets = [stream[at : at + size] for at in range(0, len(stream), size)]
    made = [item for seq, payload in enumerate(packets) for item in transcoder.take(payload, seq, seq * size)]
    assert [length for _, length in made] == [960] * 60


def test_lost_packets_are_a_gap_in_time_and_odd_ones_do_no_harm() -> None:
    transcoder = Transcoder(object(), "opus", "PCMA")
    packets = opus_packets(700)
    for seq in range(65530, 65536):
        transcoder.take(packets[0], seq, (seq - 65536) * 960 & 0xFFFFFFFF)
    assert transcoder.take(packets[1], 3, 3 * 960)[0][1] == 160 * 4
    assert transcoder.take(packets[1], 2, 2 * 960) == []
    assert transcoder.take(b"", 4, 4 * 960) == []
    transcoder.take(b"\xff" * 7, 5, 5 * 960)
    assert transcoder.take(packets[2], 6, 6 * 960)


def test_silence_that_was_not_sent_is_a_gap_in_time() -> None:
    transcoder = Transcoder(object(), "PCMU", "opus")
    law = g711.encode(sine(700, 8000, 160), "PCMU")
    assert [transcoder.take(law, seq, seq * 160)[0][1] for seq in range(3)] == [960] * 3
    assert transcoder.take(law, 3, 3 * 160 + 16000)[0][1] == 960 + 96000
    assert transcoder.take(law, 4, 4 * 160 + 16000)[0][1] == 960


def test_a_timestamp_that_leaps_without_sense_is_no_gap() -> None:
    transcoder = Transcoder(object(), "PCMU", "opus")
    law = g711.encode(sine(700, 8000, 160), "PCMU")
    stamps = (0, 160, 3_000_000_000, 3_000_000_160, 10)
    assert [transcoder.take(law, seq, at)[0][1] for seq, at in enumerate(stamps)] == [960] * 5
