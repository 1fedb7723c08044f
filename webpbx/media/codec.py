"""Codecs as samples: a decoder or encoder for one stream, and the change of sampling rate between them."""

from fractions import Fraction
from typing import Final, Protocol, cast

import av
import av.error
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from webpbx.media import g711

RATES: Final = {"opus": 48000, "G722": 16000, "PCMA": 8000, "PCMU": 8000}
OPUS_RATE: Final = 48000
OPUS_BIT_RATE: Final = 24000
FRAMES_PER_SECOND: Final = 50
PASSED: Final = 0.4375  # of the lower rate: 3,500 Hz for 8 kHz
TAPS_PER_RATIO: Final = 16

Pcm = NDArray[np.int16]


class Decoder(Protocol):
    """Decode one stream's packets in their order."""

    def decode(self, payload: bytes) -> Pcm:
        """Return the mono samples of a packet at the codec's rate; none if it is damaged."""


class Encoder(Protocol):
    """Encode one stream."""

    def encode(self, pcm: Pcm) -> list[tuple[bytes, int]]:
        """Take samples and return what they complete: payloads with their lengths in RTP timestamp units."""


def decoder(codec: str) -> Decoder:
    """Make a decoder; its rate is `RATES[codec]`."""
    if codec in g711.SILENCE:
        return _G711(codec)
    return _Decoder({"opus": "libopus", "G722": "g722"}[codec], RATES[codec])


def encoder(codec: str, rate: int) -> Encoder:
    """Make an encoder of samples at `rate`: the codec's own, for Opus any that libopus takes."""
    if codec in g711.SILENCE:
        return _G711(codec)
    return _OpusEncoder(rate) if codec == "opus" else _G722Encoder()


class _G711:
    def __init__(self, law: str) -> None:
        self._law = law

    def decode(self, payload: bytes) -> Pcm:
        return g711.decode(payload, self._law)

    def encode(self, pcm: Pcm) -> list[tuple[bytes, int]]:
        return [(g711.encode(pcm, self._law), len(pcm))] if len(pcm) else []


class _Decoder:
    def __init__(self, name: str, rate: int) -> None:
        self._context = cast("AudioCodecContext", AudioCodecContext.create(name, "r"))
        self._context.sample_rate = rate
        self._context.layout = "mono"

    def decode(self, payload: bytes) -> Pcm:
        if not payload:
            return np.zeros(0, np.int16)  # an empty packet would tell the decoder to end
        try:
            frames = self._context.decode(av.Packet(payload))
        except av.error.FFmpegError:
            return np.zeros(0, np.int16)
        return np.concatenate([_mono(frame) for frame in frames]) if frames else np.zeros(0, np.int16)


def _mono(frame: av.AudioFrame) -> Pcm:
    samples = np.asarray(frame.to_ndarray())
    mono = samples[0] if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)[:, 0]
    scale = 32767.0 if mono.dtype.kind == "f" else 1.0
    pcm: Pcm = np.clip(mono.astype(np.float32) * scale, -32768, 32767).astype(np.int16)
    return pcm


class _Framed:
    """Cut samples into frames of 20 ms for an encoder of FFmpeg."""

    def __init__(self, context: AudioCodecContext, rate: int, units: int) -> None:
        context.sample_rate = rate
        context.layout = "mono"
        context.format = "s16"
        self._context = context
        self._rate = rate
        self._units = units  # of RTP time in a frame
        self._waiting: Pcm = np.zeros(0, np.int16)
        self._samples = 0

    def encode(self, pcm: Pcm) -> list[tuple[bytes, int]]:
        size = self._rate // FRAMES_PER_SECOND
        pcm = np.concatenate((self._waiting, pcm))[-self._rate :]
        made = []
        while len(pcm) >= size:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None, :size]), format="s16", layout="mono")
            pcm = pcm[size:]
            frame.sample_rate = self._rate
            frame.pts = self._samples
            frame.time_base = Fraction(1, self._rate)
            self._samples += size
            made += [(bytes(packet), self._units) for packet in self._context.encode(frame)]
        self._waiting = pcm
        return made


class _OpusEncoder(_Framed):
    def __init__(self, rate: int) -> None:
        context = AudioCodecContext.create("libopus", "w")
        super().__init__(context, rate, OPUS_RATE // FRAMES_PER_SECOND)
        context.bit_rate = OPUS_BIT_RATE
        context.options = {"application": "voip", "compression_level": "3"}


class _G722Encoder(_Framed):
    def __init__(self) -> None:
        # 64 kbit/s at 16 kHz, but an RTP clock of 8 kHz (RFC 3551 §4.5.2)
        super().__init__(AudioCodecContext.create("g722", "w"), RATES["G722"], 8000 // FRAMES_PER_SECOND)


class Resampler:
    """Change a stream's rate by a whole factor, up or down, each call going on where the last one ended."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._up, self._down = max(1, rate_out // rate_in), max(1, rate_in // rate_out)
        ratio = max(self._up, self._down)
        self._taps = _low_pass(ratio) * self._up
        self._history: NDArray[np.float32] = np.zeros(len(self._taps) - 1, np.float32)
        self._waiting: Pcm = np.zeros(0, np.int16)

    def take(self, pcm: Pcm) -> Pcm:
        """Return the samples at the other rate; at most a fraction of a sample waits for the next call."""
        if self._up == self._down:
            return pcm
        if len(self._waiting):
            pcm = np.concatenate((self._waiting, pcm))
        whole = len(pcm) - len(pcm) % self._down
        pcm, self._waiting = pcm[:whole], pcm[whole:]
        if not whole:
            return pcm
        wide = np.zeros(whole * self._up, np.float32)
        wide[:: self._up] = pcm
        samples = np.concatenate((self._history, wide))
        self._history = samples[-len(self._history) :]
        filtered = np.convolve(samples, self._taps, mode="valid")[:: self._down]
        return np.clip(np.rint(filtered), -32768, 32767).astype(np.int16)


def _low_pass(ratio: int) -> NDArray[np.float32]:
    count = TAPS_PER_RATIO * ratio
    offsets = np.arange(count) - (count - 1) / 2
    taps = np.sinc(2 * PASSED / ratio * offsets) * np.hamming(count)
    low_pass: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return low_pass
