"""The demo's music on hold, composed here by arithmetic: nobody else's work, no licence but ours."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48000
BEAT_S: Final = 0.6
BEATS: Final = 32  # eight bars of four
A4_HZ: Final = 440.0

Wave = NDArray[np.float64]

# Bars of (chord as MIDI notes, bass note): C major 7, A minor 7, F major 7, G 6, and a turn through E minor home.
_BARS: Final[tuple[tuple[tuple[int, ...], int], ...]] = (
    ((64, 67, 71, 74), 48),
    ((64, 67, 69, 72), 45),
    ((65, 69, 72, 76), 41),
    ((62, 67, 71, 76), 43),
    ((64, 67, 71, 74), 52),
    ((64, 69, 72, 76), 45),
    ((65, 69, 72, 74), 50),
    ((65, 67, 71, 74), 43),
)
# The melody: beat, MIDI note, length in beats.
_MELODY: Final = (
    (0, 79, 1.5), (1.5, 76, 0.5), (2, 74, 2), (4, 72, 1), (5, 76, 1), (6, 79, 2), (8, 81, 1.5), (9.5, 79, 0.5),
    (10, 76, 2), (12, 74, 1), (13, 71, 1), (14, 74, 2), (16, 79, 1.5), (17.5, 76, 0.5), (18, 74, 2), (20, 76, 1),
    (21, 72, 1), (22, 69, 2), (24, 74, 1), (25, 77, 1), (26, 76, 1), (27, 74, 1), (28, 71, 1.5), (29.5, 74, 0.5),
    (30, 72, 2),
)  # fmt: skip
_ARPEGGIO: Final = (0, 2, 1, 3, 2, 1, 3, 2)  # eighth notes over each bar's chord


def music() -> NDArray[np.int16]:
    """Return 19.2 s of quiet music at `RATE` Hz whose end runs on into its beginning."""
    loop: Wave = np.zeros(round(BEATS * BEAT_S * RATE))
    for bar, (chord, bass) in enumerate(_BARS):
        _lay(loop, 4 * bar, _pluck(bass, 3.6, brightness=0.5) * 0.5)
        _lay(loop, 4 * bar + 2, _pluck(bass + 7, 1.8, brightness=0.4) * 0.3)
        for note in chord:
            _lay(loop, 4 * bar, _pad(note - 12, 4.4) * 0.10)
        for eighth, index in enumerate(_ARPEGGIO):
            _lay(loop, 4 * bar + eighth / 2, _pluck(chord[index], 1.5, brightness=0.6) * 0.22)
    for beat, note, length in _MELODY:
        _lay(loop, beat, _pluck(note, length + 1.0, brightness=0.9) * 0.42)
    return np.asarray(np.rint(loop / np.max(np.abs(loop)) * 12000), dtype=np.int16)


def _lay(loop: Wave, beat: float, sound: Wave) -> None:
    """Add a sound at a beat; what rings past the end rings at the beginning."""
    places = (round(beat * BEAT_S * RATE) + np.arange(sound.size)) % loop.size
    np.add.at(loop, places, sound)


def _hertz(note: int) -> float:
    return float(A4_HZ * 2 ** ((note - 69) / 12))


def _pluck(note: int, beats: float, *, brightness: float) -> Wave:
    """Return a struck bar, like a marimba's: partials that die the sooner the higher they are."""
    time = np.arange(round(beats * BEAT_S * RATE)) / RATE
    sound: Wave = np.zeros(time.size)
    for partial, share in ((1, 1.0), (2, 0.35), (3, 0.12), (4, 0.18)):
        decay = np.exp(-time * (2.2 + 2.0 * (partial - 1)))
        sound += share * brightness ** (partial - 1) * decay * np.sin(2 * np.pi * _hertz(note) * partial * time)
    return sound * _edges(time.size, rise_s=0.006, fall_s=0.08)


def _pad(note: int, beats: float) -> Wave:
    """Return a soft held note: two voices a little apart."""
    time = np.arange(round(beats * BEAT_S * RATE)) / RATE
    hertz = _hertz(note)
    voices = [np.sin(2 * np.pi * hertz * detuned * time) for detuned in (0.998, 1.002, 2.001)]
    return (voices[0] + voices[1] + 0.3 * voices[2]) * _edges(time.size, rise_s=0.5, fall_s=0.6)


def _edges(samples: int, *, rise_s: float, fall_s: float) -> Wave:
    envelope: Wave = np.ones(samples)
    rise, fall = round(rise_s * RATE), round(fall_s * RATE)
    envelope[:rise] = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    envelope[samples - fall :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(fall) / fall)
    return envelope
