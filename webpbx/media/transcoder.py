"""Opus to G.711 and back, for two legs that have no codec in common; about 0.2 ms a packet, so the exception."""

from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from webpbx.media import g711

OPUS_RATE = 48000
G711_RATE = 8000
RATIO = OPUS_RATE // G711_RATE
TAPS = 96
CUTOFF_HZ = 3500.0
MAX_GAP = 50  # packets; a longer one is a new beginning
MAX_BUFFER = G711_RATE  # samples waiting for a whole frame


class Transcoder:
    """Turn the packets of one source from one codec into another, its lost packets left as gaps in time."""

    def __init__(self, source: object, codec_in: str, codec_out: str) -> None:
        self._key = (source, codec_in, codec_out)
        self._law = codec_out if codec_in == "opus" else codec_in
        self._to_opus = codec_out == "opus"
        self._seq: int | None = None
        self._waiting: NDArray[np.int16] = np.zeros(0, np.int16)
        self._history: NDArray[np.float32] = np.zeros(TAPS - 1, np.float32)
        self._samples = 0
        self._encoder = _encoder() if self._to_opus else None
        self._decoder = None if self._to_opus else _decoder()

    def fits(self, source: object, codec_in: str, codec_out: str) -> bool:
        """Tell whether this transcoder was made for that source and those codecs."""
        return self._key == (source, codec_in, codec_out)

    def take(self, payload: bytes, seq: int) -> list[tuple[bytes, int]]:
        """Return the payloads made of one packet, each with its distance from the last in RTP timestamp units."""
        gap = 1 if self._seq is None else (seq - self._seq) & 0xFFFF
        if not payload or gap == 0 or gap > 0x8000:  # noqa: PLR2004 - half the numbers: doubled or late
            return []  # an empty packet would tell the decoder to end
        self._seq = seq
        made = self._encoded(payload) if self._to_opus else self._decoded(payload)
        lost = gap - 1 if gap <= MAX_GAP else 0
        return [(data, samples * (1 + lost) if index == 0 else samples) for index, (data, samples) in enumerate(made)]

    def _decoded(self, payload: bytes) -> list[tuple[bytes, int]]:
        if self._decoder is None:
            return []
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except av.error.FFmpegError:
            return []
        made = []
        for frame in frames:
            wide = np.asarray(frame.to_ndarray())
            mono = wide.reshape(-1, frame.layout.nb_channels)[:, 0] if not frame.format.is_planar else wide[0]
            narrow = self._narrow(mono)
            made.append((g711.encode(narrow, self._law), len(narrow)))
        return made

    def _narrow(self, wide: NDArray[np.generic]) -> NDArray[np.int16]:
        """Low-pass and take every sixth sample, going on where the last packet ended."""
        scale = 32767.0 if wide.dtype.kind == "f" else 1.0
        samples = np.concatenate((self._history, wide.astype(np.float32) * scale))
        self._history = samples[-(TAPS - 1) :]
        filtered = np.convolve(samples, FILTER, mode="valid")[::RATIO]
        narrow: NDArray[np.int16] = np.clip(filtered, -32768, 32767).astype(np.int16)
        return narrow

    def _encoded(self, payload: bytes) -> list[tuple[bytes, int]]:
        if self._encoder is None:
            return []
        pcm = np.concatenate((self._waiting, g711.decode(payload, self._law)))[-MAX_BUFFER:]
        made = []
        while len(pcm) >= g711.FRAME_SAMPLES:
            frame = av.AudioFrame.from_ndarray(pcm[None, : g711.FRAME_SAMPLES], format="s16", layout="mono")
            pcm = pcm[g711.FRAME_SAMPLES :]
            frame.sample_rate = G711_RATE
            frame.pts = self._samples
            frame.time_base = Fraction(1, G711_RATE)
            self._samples += g711.FRAME_SAMPLES
            made += [(bytes(packet), g711.FRAME_SAMPLES * RATIO) for packet in self._encoder.encode(frame)]
        self._waiting = pcm
        return made


def _low_pass() -> NDArray[np.float32]:
    offsets = np.arange(TAPS) - (TAPS - 1) / 2
    taps = np.sinc(2 * CUTOFF_HZ / OPUS_RATE * offsets) * np.hamming(TAPS)
    low_pass: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return low_pass


FILTER = _low_pass()


def _decoder() -> AudioCodecContext:
    decoder = AudioCodecContext.create("libopus", "r")
    decoder.sample_rate = OPUS_RATE
    decoder.layout = "mono"
    return decoder


def _encoder() -> AudioCodecContext:
    encoder = AudioCodecContext.create("libopus", "w")
    encoder.sample_rate = G711_RATE
    encoder.layout = "mono"
    encoder.format = "s16"
    encoder.bit_rate = 20000
    encoder.options = {"application": "voip", "compression_level": "3"}
    return encoder
