import av
import numpy as np
import pytest
from numpy.typing import NDArray

from webpbx.media import g711

FFMPEG = {"PCMU": "pcm_mulaw", "PCMA": "pcm_alaw"}


def _decoded_by_ffmpeg(code: bytes, law: str) -> NDArray[np.int16]:
    codec = av.CodecContext.create(FFMPEG[law], "r")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate = 8000
    codec.layout = "mono"
    frames = codec.decode(av.Packet(code))
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_every_code_decodes_as_ffmpeg_decodes_it(law: str) -> None:
    every_code = bytes(range(256))
    assert g711.decode(every_code, law).tolist() == _decoded_by_ffmpeg(every_code, law).tolist()


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_every_code_survives_decoding_and_encoding(law: str) -> None:
    every_code = bytes(range(256))
    again = g711.encode(g711.decode(every_code, law), law)
    differing = [code for code in every_code if again[code] != code]
    assert differing == ([0x7F] if law == "PCMU" else [])  # u-law has two zeros


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_encoding_picks_a_code_within_half_a_step_of_the_sample(law: str) -> None:
    samples = np.arange(-32000, 32000, 7, dtype=np.int16)
    error = np.abs(g711.decode(g711.encode(samples, law), law).astype(int) - samples)
    assert np.all(error <= np.maximum((np.abs(samples.astype(int)) + 132) / 32, 8))


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_the_loudest_samples_stay_the_loudest(law: str) -> None:
    loudest = np.array([32767, -32768], dtype=np.int16)
    high, low = g711.decode(g711.encode(loudest, law), law).tolist()
    assert (high, low) == ((32124, -32124) if law == "PCMU" else (32256, -32256))


def test_silence_is_the_code_of_zero() -> None:
    zero = np.zeros(1, dtype=np.int16)
    assert {law: g711.encode(zero, law) for law in g711.SILENCE} == g711.SILENCE


def test_a_strided_array_encodes_as_its_copy() -> None:
    stereo = np.arange(-300, 300, dtype=np.int16)
    assert g711.encode(stereo[::2], "PCMA") == g711.encode(stereo[::2].copy(), "PCMA")


def test_translating_between_laws_equals_decoding_and_encoding() -> None:
    every_code = bytes(range(256))
    assert every_code.translate(g711.ULAW_TO_ALAW) == g711.encode(g711.decode(every_code, "PCMU"), "PCMA")
    assert every_code.translate(g711.ALAW_TO_ULAW) == g711.encode(g711.decode(every_code, "PCMA"), "PCMU")


def test_a_second_translation_there_and_back_changes_nothing_more() -> None:
    once = bytes(range(256)).translate(g711.ULAW_TO_ALAW).translate(g711.ALAW_TO_ULAW)
    assert once.translate(g711.ULAW_TO_ALAW).translate(g711.ALAW_TO_ULAW) == once
