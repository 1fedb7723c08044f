"""Call progress tones of the countries (ITU-T E.180 supplement 2), made by arithmetic."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from webpbx.media.errors import MediaError
from webpbx.media.sounds import Sound, encode_pcm, sample_rate

LEVEL_DBM0: Final = -13.0
_FULL_SCALE_DBM0: Final = 3.14  # a sine that just reaches the end of A-law (ITU-T G.711 §4)
_EDGE_S: Final = 0.005
_FRAME_MS: Final = 20


class UnknownToneError(MediaError):
    """A tone of no known name."""

    error_id: ClassVar[str] = "unknown_tone"


@dataclass(frozen=True)
class Cadence:
    """Frequencies in Hz that sound together, and the lengths in ms of on, off, on, off and so forth."""

    frequencies: tuple[int, ...]
    steps: tuple[int, ...]


# A country not listed has ITU-T E.180's own recommendation, under "".
CADENCES: Final[Mapping[str, Mapping[str, Cadence]]] = {
    "": {
        "ringback": Cadence((425,), (1000, 4000)),
        "busy": Cadence((425,), (500, 500)),
        "congestion": Cadence((425,), (250, 250)),
    },
    "DE": {
        "ringback": Cadence((425,), (1000, 4000)),
        "busy": Cadence((425,), (480, 480)),
        "congestion": Cadence((425,), (240, 240)),
    },
    "AT": {
        "ringback": Cadence((420,), (1000, 5000)),
        "busy": Cadence((420,), (400, 400)),
        "congestion": Cadence((420,), (200, 200)),
    },
    "CH": {
        "ringback": Cadence((425,), (1000, 4000)),
        "busy": Cadence((425,), (500, 500)),
        "congestion": Cadence((425,), (200, 200)),
    },
    "GB": {
        "ringback": Cadence((400, 450), (400, 200, 400, 2000)),
        "busy": Cadence((400,), (375, 375)),
        "congestion": Cadence((400,), (400, 350, 225, 525)),
    },
    "US": {
        "ringback": Cadence((440, 480), (2000, 4000)),
        "busy": Cadence((480, 620), (500, 500)),
        "congestion": Cadence((480, 620), (250, 250)),
    },
    "FR": {
        "ringback": Cadence((440,), (1500, 3500)),
        "busy": Cadence((440,), (500, 500)),
        "congestion": Cadence((440,), (250, 250)),
    },
}


@cache
def tone(name: str, country: str, codec: str) -> Sound:
    """Return "ringback", "busy" or "congestion" as heard in `country` (ISO 3166), whole cadences, made to be looped.

    A cadence that does not fill its last 20 ms is repeated until it does. Raises UnknownToneError.
    """
    cadences = CADENCES.get(country.upper(), CADENCES[""])
    if name not in cadences:
        raise UnknownToneError(f"There is no tone {name!r}; use one of {', '.join(cadences)}.", tone=name)
    rate = sample_rate(codec)
    return encode_pcm(_period(cadences[name], rate), rate, codec)


def _period(cadence: Cadence, rate: int) -> NDArray[np.int16]:
    length = sum(cadence.steps)
    parts: list[NDArray[np.int16]] = []
    for _ in range(_FRAME_MS // math.gcd(length, _FRAME_MS)):
        for index, step in enumerate(cadence.steps):
            samples = step * rate // 1000
            sounding = index % 2 == 0
            parts.append(chord(cadence.frequencies, samples, rate) if sounding else np.zeros(samples, dtype=np.int16))
    return np.concatenate(parts)


def chord(frequencies: Sequence[int], samples: int, rate: int, *, level_dbm0: float = LEVEL_DBM0) -> NDArray[np.int16]:
    """Return sines that together have `level_dbm0`, with edges of 5 ms so that they begin and end without a click."""
    time = np.arange(samples) / rate
    each_dbm0 = level_dbm0 - 10 * math.log10(len(frequencies))
    peak = 32767 * 10 ** ((each_dbm0 - _FULL_SCALE_DBM0) / 20)
    wave = peak * np.sum([np.sin(2 * np.pi * frequency * time) for frequency in frequencies], axis=0)
    edge = min(round(_EDGE_S * rate), samples // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    wave[:edge] *= ramp
    wave[samples - edge :] *= ramp[::-1]
    return np.asarray(np.rint(wave), dtype=np.int16)
