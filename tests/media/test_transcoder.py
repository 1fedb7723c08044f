import numpy as np

from tests.media.peers import sine, tone_share
from webpbx.media import g711
from webpbx.media.sounds import encode_pcm
from webpbx.media.transcoder import Transcoder

FRAMES = 50


def opus_packets(hertz: float) -> tuple[bytes, ...]:
    return encode_pcm(sine(hertz, 48000, 960 * FRAMES), 48000, "opus").payloads


def test_opus_becomes_g711_of_the_same_tone_and_length() -> None:
    transcoder = Transcoder(object(), "opus", "PCMA")
    made = [item for seq, payload in enumerate(opus_packets(700)) for item in transcoder.take(payload, seq)]
    assert [samples for _, samples in made] == [160] * FRAMES
    pcm = g711.decode(b"".join(data for data, _ in made), "PCMA")
    assert tone_share(pcm[800:], 8000, 700) > 0.95


def test_sound_above_what_g711_can_carry_does_not_fold_back() -> None:
    transcoder = Transcoder(object(), "opus", "PCMU")
    made = [item for seq, payload in enumerate(opus_packets(6000)) for item in transcoder.take(payload, seq)]
    pcm = g711.decode(b"".join(data for data, _ in made), "PCMU").astype(float)
    assert np.sqrt(np.mean(pcm[800:] ** 2)) < 200  # the tone itself has 5,600


def test_g711_becomes_opus_packets_of_20_ms_however_it_was_cut() -> None:
    transcoder = Transcoder(object(), "PCMU", "opus")
    law = g711.encode(sine(700, 8000, 240 * 20), "PCMU")
    made = [item for seq in range(20) for item in transcoder.take(law[seq * 240 : (seq + 1) * 240], seq)]
    assert all(samples == 960 for _, samples in made)
    assert len(made) >= 28


def test_lost_packets_are_a_gap_in_time_and_odd_ones_do_no_harm() -> None:
    transcoder = Transcoder(object(), "opus", "PCMA")
    packets = opus_packets(700)
    for seq in range(65530, 65536):
        transcoder.take(packets[0], seq)
    assert transcoder.take(packets[1], 3)[0][1] == 160 * 4
    assert transcoder.take(packets[1], 2) == []
    assert transcoder.take(b"", 4) == []
    transcoder.take(b"\xff" * 7, 5)
    assert transcoder.take(packets[2], 6)
