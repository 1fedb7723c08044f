"""Listening for the tests of sound: decode a Sound, weigh one frequency in it."""

import av
import numpy as np
from numpy.typing import NDArray

from webpbx.media import g711
from webpbx.media.sounds import Sound

RATE = {"opus": 48000, "G722": 16000, "PCMA": 8000, "PCMU": 8000}


def heard(sound: Sound, *, times: int = 1) -> NDArray[np.int16]:
    """Decode a sound played `times` in a row to samples of its own rate."""
    payloads = sound.payloads * times
    if sound.codec in g711.SILENCE:
        return g711.decode(b"".join(payloads), sound.codec)
    decoder = av.CodecContext.create({"opus": "libopus", "G722": "g722"}[sound.codec], "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate = RATE[sound.codec]
    decoder.layout = "mono"
    parts = [frame.to_ndarray() for payload in payloads for frame in decoder.decode(av.Packet(payload))]
    size = RATE[sound.codec] // 50
    pcm = np.concatenate([part.reshape(-1, order="F")[:: max(1, part.size // size)] for part in parts])
    return np.asarray(pcm if pcm.dtype == np.int16 else np.rint(pcm * 32767), dtype=np.int16)


def power(pcm: NDArray[np.int16], rate: int, frequency: float) -> float:
    """Return the share (0-1) of the sound's power that sits at `frequency`, ± 10 Hz or so for a second of sound."""
    wave = pcm.astype(float)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(wave.size))) ** 2
    frequencies = np.fft.rfftfreq(wave.size, 1 / rate)
    near = np.abs(frequencies - frequency) <= max(10.0, 3 * rate / wave.size)
    return float(spectrum[near].sum() / spectrum.sum())


def loudness(pcm: NDArray[np.int16]) -> float:
    """Return the RMS of samples."""
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)))
