"""Sounds as packets: what a player copies to a leg, one payload per 20 ms."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final

import av
import av.error
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from webpbx.media import codec as codecs
from webpbx.media.codec import RATES
from webpbx.media.errors import MediaError

OPUS_RATE: Final = 48000
OPUS_FRAME_SAMPLES: Final = 960  # 20 ms at Opus' RTP clock (RFC 7587 §4.1)
OPUS_BIT_RATE: Final = 32000
CODECS: Final = tuple(RATES)


class SoundError(MediaError):
    """A sound file that is missing, damaged, empty or of no known kind."""

    error_id: ClassVar[str] = "sound_unreadable"


class UnknownCodecError(MediaError):
    """A codec that sounds are not made for."""

    error_id: ClassVar[str] = "unknown_codec"


@dataclass(frozen=True)
class Sound:
    """A sound in one codec; `samples_per_frame` is the RTP timestamp step from payload to payload."""

    codec: str
    payloads: tuple[bytes, ...]
    samples_per_frame: int

    @property
    def duration_ms(self) -> int:
        """Length of the sound in milliseconds."""
        return 20 * len(self.payloads)


def sample_rate(codec: str) -> int:
    """Return the rate in Hz at which sounds of `codec` are made; raise UnknownCodecError."""
    if codec not in CODECS:
        raise UnknownCodecError(f"There is no codec {codec!r}; use one of {', '.join(CODECS)}.", codec=codec)
    return RATES[codec]


def load_sound(path: Path, codec: str) -> Sound:
    """Read a sound file in `codec`; Opus files of mono 20 ms packets are copied, all else is encoded anew.

    Raises SoundError for a file that cannot be read or holds no sound.
    """
    rate = sample_rate(codec)
    try:
        payloads = _opus_packets(path) if codec == "opus" else None
        if payloads is None:
            return _encode(_decode_file(path, rate), codec)
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise SoundError(f"The sound file {path} cannot be read: {error}.", path=str(path)) from error
    return Sound("opus", payloads, OPUS_FRAME_SAMPLES)


def encode_pcm(pcm: NDArray[np.int16], rate: int, codec: str) -> Sound:
    """Encode mono samples of `rate` Hz; the last frame is filled up with silence. Raises SoundError when empty."""
    wanted = sample_rate(codec)
    if pcm.size == 0:
        raise SoundError("There is no sound to encode.", codec=codec)
    if rate != wanted:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(pcm, dtype=np.int16).reshape(1, -1), "s16", "mono")
        frame.sample_rate = rate
        pcm = _resample([frame], wanted)
    return _encode(pcm, codec)


def _encode(pcm: NDArray[np.int16], codec: str) -> Sound:
    size = sample_rate(codec) // codecs.FRAMES_PER_SECOND
    pcm = np.pad(pcm, (0, -pcm.size % size))
    if codec == "opus":
        return Sound("opus", tuple(_opus_encoded(pcm)), size)
    encoder = codecs.encoder(codec, sample_rate(codec))
    made = [encoder.encode(pcm[at : at + size])[0] for at in range(0, pcm.size, size)]
    return Sound(codec, tuple(payload for payload, _ in made), made[0][1])


def _decode_file(path: Path, rate: int) -> NDArray[np.int16]:
    with av.open(str(path)) as container:
        pcm = _resample(container.decode(container.streams.audio[0]), rate)
    if pcm.size == 0:
        raise SoundError(f"The sound file {path} holds no sound.", path=str(path))
    return pcm


def _resample(frames: Iterable[AudioFrame], rate: int) -> NDArray[np.int16]:
    resampler = AudioResampler(format="s16", layout="mono", rate=rate)
    parts: list[NDArray[np.int16]] = []
    for frame in frames:
        frame.pts = None  # gaps in a file's clock are not silence to us
        parts += [np.asarray(out.to_ndarray()[0], dtype=np.int16) for out in resampler.resample(frame)]
    parts += [np.asarray(out.to_ndarray()[0], dtype=np.int16) for out in resampler.resample(None)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)


def _opus_encoded(pcm: NDArray[np.int16]) -> Iterator[bytes]:
    """Yield one packet per 960 samples; the encoder's look-ahead (6.5 ms) delays the sound by as much."""
    encoder = AudioCodecContext.create("libopus", "w")
    encoder.sample_rate = OPUS_RATE
    encoder.layout = "mono"
    encoder.format = "s16"
    encoder.bit_rate = OPUS_BIT_RATE
    encoder.time_base = Fraction(1, OPUS_RATE)
    # complexity 5: half the CPU of 10, and no ear tells prompts apart
    encoder.options = {"frame_duration": "20", "application": "audio", "compression_level": "5"}
    frames = pcm.size // OPUS_FRAME_SAMPLES
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(pcm).reshape(1, -1), "s16", "mono")
    frame.sample_rate = OPUS_RATE
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return islice((bytes(packet) for packet in packets), frames)


def _opus_packets(path: Path) -> tuple[bytes, ...] | None:
    """Return a file's packets when they can be sent as they are: Opus, mono, 20 ms each."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        if stream.codec_context.name not in {"opus", "libopus"} or stream.codec_context.channels != 1:
            return None
        packets = tuple(bytes(packet) for packet in container.demux(stream) if packet.size)
    if not packets:
        raise SoundError(f"The sound file {path} holds no sound.", path=str(path))
    return packets if all(_is_20_ms(packet) for packet in packets) else None


def _is_20_ms(packet: bytes) -> bool:
    """Read an Opus packet's TOC byte (RFC 6716 §3.1): configuration, and one frame or several."""
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:  # SILK: 10, 20, 40, 60 ms  # noqa: PLR2004 - the RFC's table
        quarters = (4, 8, 16, 24)[config & 3]
    elif config < 16:  # hybrid: 10, 20 ms  # noqa: PLR2004 - the RFC's table
        quarters = (4, 8)[config & 1]
    else:  # CELT: 2.5, 5, 10, 20 ms
        quarters = (1, 2, 4, 8)[config & 3]
    frames = (1, 2, 2, packet[1] & 0x3F if code == 3 and len(packet) > 1 else 0)[code]  # noqa: PLR2004 - code 3: counted
    return quarters * frames == 8  # noqa: PLR2004 - eight times 2.5 ms
