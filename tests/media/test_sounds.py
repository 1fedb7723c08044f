from pathlib import Path

import av
import numpy as np
import pytest

from tests.media.sound_level import RATE, heard, loudness, power
from webpbx.media.rtp import CLOCKS
from webpbx.media.sounds import CODECS, Sound, SoundError, UnknownCodecError, encode_pcm, load_sound
from webpbx.media.tones import chord

SECOND = chord((1000,), 44100, 44100)


def _write(path: Path, codec: str, *, layout: str = "mono", options: dict[str, str] | None = None) -> Path:
    rate = 48000 if codec == "libopus" else 44100
    pcm = chord((1000,), rate, rate)
    channels = 1 if layout == "mono" else 2
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, options=options or {})
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.repeat(pcm, channels).reshape(1, -1), "s16", layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _is_a_second_of_1000_hz(sound: Sound) -> bool:
    rate = RATE[sound.codec]
    pcm = heard(sound)
    return 1000 <= sound.duration_ms <= 1040 and power(pcm[rate // 5 : rate * 4 // 5], rate, 1000) > 0.95


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize(("name", "written"), [("a.wav", "pcm_s16le"), ("a.ogg", "libopus"), ("a.flac", "flac")])
def test_a_sound_file_of_any_kind_keeps_its_tone(
    tmp_path: Path, codec: str, layout: str, name: str, written: str
) -> None:
    sound = load_sound(_write(tmp_path / name, written, layout=layout), codec)
    assert _is_a_second_of_1000_hz(sound)
    assert sound.samples_per_frame == CLOCKS[codec] // 50


def test_an_opus_file_of_20_ms_packets_is_copied_unchanged(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.ogg", "libopus", options={"frame_duration": "20"})
    with av.open(str(path)) as container:
        written = tuple(bytes(packet) for packet in container.demux(audio=0) if packet.size)
    assert load_sound(path, "opus").payloads == written


def test_an_opus_file_of_60_ms_packets_becomes_20_ms_packets(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.ogg", "libopus", options={"frame_duration": "60"})
    assert _is_a_second_of_1000_hz(load_sound(path, "opus"))


@pytest.mark.parametrize("codec", CODECS)
def test_samples_are_encoded_at_the_codecs_rate(codec: str) -> None:
    assert _is_a_second_of_1000_hz(encode_pcm(SECOND, 44100, codec))


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_the_last_frame_is_filled_with_silence(codec: str) -> None:
    sound = encode_pcm(np.full(170, 8000, dtype=np.int16), 8000, codec)
    assert [len(payload) for payload in sound.payloads] == [160, 160]
    assert loudness(heard(sound)[170:]) < 10


def test_a_missing_file_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="absent") as caught:
        load_sound(tmp_path / "absent.wav", "PCMA")
    assert caught.value.error_id == "sound_unreadable"


@pytest.mark.parametrize("content", [b"", b"not a sound", b"RIFF\x24\x00\x00\x00WAVEfmt ", b"OggS" + bytes(100)])
@pytest.mark.parametrize("codec", CODECS)
def test_a_damaged_file_is_a_sound_error(tmp_path: Path, content: bytes, codec: str) -> None:
    path = tmp_path / "damaged.wav"
    path.write_bytes(content)
    with pytest.raises(SoundError):
        load_sound(path, codec)


def test_a_file_without_a_sample_is_a_sound_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    with av.open(str(path), "w") as container:
        container.add_stream("pcm_s16le", rate=8000, layout="mono")
        container.start_encoding()
    with pytest.raises(SoundError):
        load_sound(path, "PCMA")


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(UnknownCodecError, match="G729"):
        encode_pcm(SECOND, 44100, "G729")


def test_no_samples_are_refused() -> None:
    with pytest.raises(SoundError):
        encode_pcm(np.zeros(0, dtype=np.int16), 8000, "opus")
