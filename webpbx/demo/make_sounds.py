"""Make the sound files anew: `python -m webpbx.demo.make_sounds DEMO PROMPTS`. Needs espeak-ng on PATH.

Every file is Ogg Opus, mono, in packets of 20 ms, so that a player copies the packets.
"""

import io
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from webpbx.demo import compose
from webpbx.demo.phrases import PHRASES, PROMPTS

WORDS_PER_MINUTE: Final = "150"
LEAD_S: Final = 0.3
TAIL_S: Final = 0.4
SPEECH_PEAK: Final = 16000
SPEECH_BIT_RATE: Final = 20000
MUSIC_BIT_RATE: Final = 32000
OPUS_RATE: Final = 48000
FRAME: Final = OPUS_RATE // 50


def speak(voice: str, words: str) -> tuple[NDArray[np.int16], int]:
    """Return spoken words as samples, with a breath before and after, and their rate in Hz."""
    command = ["espeak-ng", "-v", voice, "-s", WORDS_PER_MINUTE, "--stdout", words]
    said = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - our own words
    with wave.open(io.BytesIO(said)) as file:
        rate = file.getframerate()
        pcm = np.frombuffer(file.readframes(2**30), dtype="<i2").astype(float)
    pcm *= SPEECH_PEAK / np.max(np.abs(pcm))
    padded = np.pad(pcm, (round(LEAD_S * rate), round(TAIL_S * rate)))
    return np.asarray(np.rint(padded), dtype=np.int16), rate


def write_opus(path: Path, pcm: NDArray[np.int16], rate: int, *, bit_rate: int, loop: bool = False) -> None:
    """Write samples as an Ogg Opus file; of a loop, the second time round, so that its end meets its beginning."""
    frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), "s16", "mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=OPUS_RATE)
    parts = [out.to_ndarray()[0] for step in (frame, None) for out in resampler.resample(step)]
    whole = np.concatenate(parts)
    whole = np.pad(whole, (0, -whole.size % FRAME))
    frames = whole.size // FRAME
    first = frames if loop else 0
    whole = np.tile(whole, 2 if loop else 1)
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=OPUS_RATE, layout="mono", options={"frame_duration": "20"})
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(whole.reshape(1, -1), "s16", "mono")
        frame.sample_rate = OPUS_RATE
        frame.pts = 0
        frame.time_base = Fraction(1, OPUS_RATE)
        packets = [*stream.encode(frame), *stream.encode(None)][first : first + frames]
        for index, packet in enumerate(packets):
            packet.pts = packet.dts = index * FRAME
            container.mux(packet)


def main() -> None:
    """Write the demo's sounds and the telephone system's own into the two folders named on the command line."""
    demo, prompts = map(Path, sys.argv[1:])
    for folder, phrases in ((demo, PHRASES), (prompts, PROMPTS)):
        folder.mkdir(parents=True, exist_ok=True)
        for name, (voice, words) in phrases.items():
            pcm, rate = speak(voice, words)
            write_opus(folder / f"{name}.ogg", pcm, rate, bit_rate=SPEECH_BIT_RATE)
    write_opus(demo / "music.ogg", compose.music(), compose.RATE, bit_rate=MUSIC_BIT_RATE, loop=True)


if __name__ == "__main__":
    main()
