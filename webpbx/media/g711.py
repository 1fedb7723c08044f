"""G.711 by table (ITU-T G.711): whole arrays at once, and law to law without decoding."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 8000
FRAME_SAMPLES: Final = 160  # 20 ms
SILENCE: Final = {"PCMU": b"\xff", "PCMA": b"\xd5"}

_SIGN: Final = 0x80
_ULAW_BIAS: Final = 132
_ULAW_CLIP: Final = 32635


def _ulaw_decoded() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8)
    segment = ((code & 0x70) >> 4).astype(np.int32)
    step = (code & 0x0F).astype(np.int32)
    size = (((step << 3) + _ULAW_BIAS) << segment) - _ULAW_BIAS
    return np.where(code & _SIGN, -size, size).astype(np.int16)


def _alaw_decoded() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment = ((code & 0x70) >> 4).astype(np.int32)
    step = (code & 0x0F).astype(np.int32)
    size = np.where(segment == 0, (step << 4) + 8, ((step << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & _SIGN, size, -size).astype(np.int16)


def _all_samples() -> NDArray[np.int32]:
    """Every 16-bit sample, in the order of its unsigned pattern, so that `view(uint16)` is the index."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _ulaw_encoded() -> NDArray[np.uint8]:
    sample = _all_samples()
    size = np.minimum(np.abs(sample), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.floor(np.log2(size)).astype(np.int32) - 7
    step = (size >> (segment + 3)) & 0x0F
    code = np.where(sample < 0, _SIGN, 0) | (segment << 4) | step
    return np.asarray(code ^ 0xFF, dtype=np.uint8)


def _alaw_encoded() -> NDArray[np.uint8]:
    sample = _all_samples()
    size = np.where(sample < 0, -sample - 1, sample) >> 3
    segment = np.maximum(np.floor(np.log2(np.maximum(size, 1))).astype(np.int32) - 4, 0)
    step = (size >> np.maximum(segment, 1)) & 0x0F
    code = np.where(sample < 0, 0, _SIGN) | (segment << 4) | step
    return np.asarray(code ^ 0x55, dtype=np.uint8)


# law → 256 int16 samples, indexed by the code byte
DECODED: Final = {"PCMU": _ulaw_decoded(), "PCMA": _alaw_decoded()}
# law → 65,536 code bytes, indexed by the sample's unsigned pattern
ENCODED: Final = {"PCMU": _ulaw_encoded(), "PCMA": _alaw_encoded()}

# For bytes.translate: the nearest code of the other law.
ULAW_TO_ALAW: Final = ENCODED["PCMA"][DECODED["PCMU"].view(np.uint16)].tobytes()
ALAW_TO_ULAW: Final = ENCODED["PCMU"][DECODED["PCMA"].view(np.uint16)].tobytes()


def encode(pcm: NDArray[np.int16], law: str) -> bytes:
    """Return one code byte per sample of `pcm`; `law` is "PCMU" or "PCMA"."""
    return ENCODED[law].take(np.ascontiguousarray(pcm).view(np.uint16)).tobytes()


def decode(payload: bytes | bytearray | memoryview, law: str) -> NDArray[np.int16]:
    """Return one sample per code byte of `payload`; `law` is "PCMU" or "PCMA"."""
    return DECODED[law].take(np.frombuffer(payload, dtype=np.uint8))
