from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from webpbx.media import codec as codecs
from webpbx.media.dtmf import DIGITS, Digit, inband
from webpbx.media.tone_digits import ToneListener, ToneReceiver

ROOT = Path(__file__).parents[2]
LOW = {"1": 697, "4": 770, "7": 852, "*": 941}
HIGH = {"1": 1209, "2": 1336, "3": 1477, "A": 1633}
ROWS = ("123A", "456B", "789C", "*0#D")
RATE = 8000


def wave(hertz: float, level_dbm0: float, samples: int, rate: int) -> NDArray[np.float64]:
    """Make a sine; 3.14 dBm0 is full scale."""
    peak = 32767 * 10 ** ((level_dbm0 - 3.14) / 20)
    return np.asarray(peak * np.sin(2 * np.pi * hertz / rate * np.arange(samples) + 1))


def key(
    digit: str,
    milliseconds: int,
    *,
    rate: int = RATE,
    drift: tuple[float, float] = (1.0, 1.0),
    levels: tuple[float, float] = (-10.0, -10.0),
) -> NDArray[np.float64]:
    """Make a key's two tones with hard edges."""
    row = next(row for row in ROWS if digit in row)
    low, high = LOW[row[0]], HIGH[ROWS[0][row.index(digit)]]
    samples = rate * milliseconds // 1000
    return wave(low * drift[0], levels[0], samples, rate) + wave(high * drift[1], levels[1], samples, rate)


def dialled(
    pcm: NDArray[np.float64], *, rate: int = RATE, packet_ms: int = 20, snr_db: float | None = None, seed: int = 1
) -> list[Digit]:
    """Listen to sound packet by packet, with noise so far below its loudest second."""
    chance = np.random.default_rng(seed)
    pcm = np.concatenate((np.zeros(int(chance.integers(0, rate // 50))), pcm, np.zeros(rate // 10)))
    if snr_db is not None:
        loudness = np.sqrt(np.mean(pcm[pcm != 0] ** 2))
        pcm = pcm + chance.standard_normal(pcm.size) * loudness * 10 ** (-snr_db / 20)
    samples = np.clip(pcm, -32768, 32767).astype(np.int16)
    receiver = ToneReceiver(rate)
    size = rate * packet_ms // 1000
    return [digit for at in range(0, len(samples), size) for digit in receiver.receive(samples[at : at + size], 0.0)]


def text(digits: list[Digit]) -> str:
    return "".join(digit.digit for digit in digits)


def in_turn(
    milliseconds: int,
    pause_ms: int,
    *,
    drift: tuple[float, float] = (1.0, 1.0),
    levels: tuple[float, float] = (-10.0, -10.0),
) -> NDArray[np.float64]:
    """Press every key there is."""
    pause = np.zeros(RATE * pause_ms // 1000)
    keys = [key(digit, milliseconds, drift=drift, levels=levels) for digit in DIGITS]
    return np.concatenate([part for pressed in keys for part in (pressed, pause)])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("snr_db", [None, 15.0])
def test_every_key_is_heard_in_40_ms_of_sound_and_40_of_pause(snr_db: float | None, seed: int) -> None:
    assert text(dialled(in_turn(40, 40), snr_db=snr_db, seed=seed)) == DIGITS


@pytest.mark.parametrize("drift", [(1.015, 1.015), (0.985, 0.985), (1.015, 0.985), (0.985, 1.015)])
@pytest.mark.parametrize("snr_db", [None, 15.0])
def test_frequencies_may_be_one_and_a_half_percent_off(drift: tuple[float, float], snr_db: float | None) -> None:
    assert text(dialled(in_turn(40, 40, drift=drift), snr_db=snr_db)) == DIGITS


@pytest.mark.parametrize("drift", [(1.035, 1.035), (0.965, 0.965), (1.0, 1.035), (0.965, 1.0)])
def test_frequencies_three_and_a_half_percent_off_are_no_key(drift: tuple[float, float]) -> None:
    assert dialled(in_turn(100, 60, drift=drift)) == []


@pytest.mark.parametrize("levels", [(-10, -18), (-10, -6), (-3, -3), (-30, -30), (-25, -29)])
@pytest.mark.parametrize("snr_db", [None, 20.0])
def test_twisted_loud_and_quiet_keys_are_heard(levels: tuple[float, float], snr_db: float | None) -> None:
    assert text(dialled(in_turn(50, 50, levels=levels), snr_db=snr_db)) == DIGITS


@pytest.mark.parametrize("levels", [(-10, -24), (-24, -10), (-45, -45)])
def test_what_is_twisted_beyond_reason_or_too_quiet_is_no_key(levels: tuple[float, float]) -> None:
    assert dialled(in_turn(100, 60, levels=levels)) == []


@pytest.mark.parametrize("seed", range(5))
def test_what_is_shorter_than_24_ms_is_no_key(seed: int) -> None:
    assert dialled(in_turn(24, 60), seed=seed) == []


def test_an_interruption_of_10_ms_does_not_make_two_of_one() -> None:
    broken = np.concatenate((key("5", 60), np.zeros(RATE // 100), key("5", 60)))
    assert text(dialled(broken)) == "5"


def test_a_key_is_told_with_its_length() -> None:
    (digit,) = dialled(key("8", 300))
    assert abs(digit.duration_ms - 300) < 20


def test_one_key_right_after_another_ends_the_first() -> None:
    assert text(dialled(np.concatenate((key("1", 80), key("2", 80))))) == "12"


@pytest.mark.parametrize("packet_ms", [10, 20, 30, 40])
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_rate_and_length_of_packets_do_not_matter(rate: int, packet_ms: int) -> None:
    pcm = np.concatenate([part for digit in "159D" for part in (key(digit, 50, rate=rate), np.zeros(rate // 20))])
    assert text(dialled(pcm, rate=rate, packet_ms=packet_ms)) == "159D"


def test_a_stream_that_stops_ends_its_key() -> None:
    receiver = ToneReceiver(RATE)
    assert receiver.receive(key("5", 100).astype(np.int16), 5.0) == []
    assert receiver.pressed == "5"
    assert receiver.expire(5.1) is None
    digit = receiver.expire(5.2)
    assert digit is not None
    assert digit.digit == "5"
    assert receiver.expire(9.0) is None


@pytest.mark.process
@pytest.mark.parametrize("path", sorted((ROOT / "static/sounds").rglob("*.ogg")), ids=lambda path: path.stem)
@pytest.mark.parametrize("gain", [0.3, 1.0, 3.0])
def test_speech_and_music_dial_nothing(path: Path, gain: float) -> None:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    pcm = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(float)
    assert pcm.size > RATE
    assert dialled(pcm * gain) == []


@pytest.mark.process
@pytest.mark.parametrize("seed", range(3))
def test_noise_dials_nothing(seed: int) -> None:
    assert dialled(np.random.default_rng(seed).standard_normal(RATE * 20) * 5000) == []


@pytest.mark.parametrize("codec", codecs.RATES)
def test_keys_as_we_say_them_are_heard_in_any_codec(codec: str) -> None:
    listener = ToneListener()
    payloads = [payload for digit in DIGITS for payload in inband(digit, codec).payloads]
    found = [digit for seq, payload in enumerate(payloads) for digit in listener.take(payload, codec, seq, 0.0)]
    assert text(found) == DIGITS
    assert all(80 <= digit.duration_ms <= 120 for digit in found)


def test_doubled_late_and_lost_packets_and_a_change_of_codec_are_borne() -> None:
    listener = ToneListener()
    found = []
    for start, codec in ((65530, "PCMA"), (1000, "G722")):
        for index, payload in enumerate(inband("7", codec).payloads):
            for seq in (start + index, start + index, start + index - 1):
                found += listener.take(payload if index != 2 else b"", codec, seq & 0xFFFF, 0.0)
    assert text(found) == "77"
