"""Is there a tone, and how loud: Goertzel's measure of one frequency."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float64]  # mono, -1 to 1


@dataclass(frozen=True)
class Tone:
    """What was heard of one frequency."""

    share: float  # of the sound's power, 0-1
    rms: float  # of the whole sound, 0-1

    @property
    def clear(self) -> bool:
        """Say whether the tone is what is heard, and loud enough to be meant."""
        return self.share > 0.8 and self.rms > 0.02


def sine(hertz: float, *, seconds: float, rate: int, level: float = 0.5) -> Wave:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def listen(wave: Wave, hertz: float, *, rate: int) -> Tone:
    """Measure a tone in a sound of at least 0.1 s."""
    power = float(np.mean(wave**2)) if wave.size else 0.0
    if power == 0.0:
        return Tone(0.0, 0.0)
    turned = np.exp(-2j * np.pi * hertz * np.arange(wave.size) / rate)
    amplitude = 2 * abs(np.dot(wave, turned)) / wave.size
    return Tone(min(1.0, amplitude**2 / 2 / power), power**0.5)


def loudest_windows(wave: Wave, hertz: float, *, rate: int, seconds: float = 0.2) -> list[Tone]:
    """Measure window by window, so that a tone with a gap or a jump in it is found too."""
    size = int(seconds * rate)
    return [listen(wave[at : at + size], hertz, rate=rate) for at in range(0, wave.size - size + 1, size)]


def seconds_of_tone(wave: Wave, hertz: float, *, rate: int) -> float:
    """Return for how long a tone is clearly heard."""
    return 0.2 * sum(tone.clear for tone in loudest_windows(wave, hertz, rate=rate))


def write_wav(path: Path, wave: Wave, *, rate: int) -> Path:
    """Write mono PCM16."""
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        samples = np.clip(np.rint(wave * 32767), -32768, 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return path


def read_sound(path: Path) -> tuple[Wave, int]:
    """Read the first channel of any sound file and its sampling rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        parts = [frame.to_ndarray() for frame in container.decode(stream)]
        rate = int(stream.rate)
    if not parts:
        return np.zeros(0), rate
    raw = np.concatenate([part.reshape(-1, stream.channels)[:, 0] if part.shape[0] == 1 else part[0] for part in parts])
    return raw / 32768 if raw.dtype == np.int16 else raw.astype(np.float64), rate
