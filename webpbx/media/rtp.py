"""RTP headers (RFC 3550 §5.1) read and written in place."""

import struct
from dataclasses import dataclass

HEADER = struct.Struct("!BBHII")  # flags, marker and payload type, sequence number, timestamp, SSRC
unpack_header, pack_header = HEADER.unpack_from, HEADER.pack_into
HEADER_SIZE = 12
MARKER = 0x80
FRAME_SECONDS = 0.02
EVENT = "telephone-event"
CLOCKS = {"opus": 48000, "G722": 8000, "PCMU": 8000, "PCMA": 8000}  # G.722's is no misprint: RFC 3551 §4.5.2
# 20 ms each
SILENCE = {"PCMU": b"\xff" * 160, "PCMA": b"\xd5" * 160, "G722": b"\xfc" * 160, "opus": b"\xf8\xff\xfe"}


@dataclass(frozen=True, slots=True)
class Format:
    """A payload type as negotiated: codec name as in `CLOCKS` (or telephone-event) and RTP clock in Hz."""

    payload_type: int
    codec: str
    clock: int


def payload_bounds(view: memoryview, length: int) -> tuple[int, int] | None:
    """Return where the payload begins and ends past CSRCs, extension and padding; None if malformed."""
    first = view[0]
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if first & 0x10:
        if start + 4 > length:
            return None
        start += 4 + 4 * ((view[start + 2] << 8) | view[start + 3])
    end = length
    if first & 0x20 and length > start:
        padding = view[length - 1]
        if padding == 0:
            return None
        end -= padding
    if start > end:
        return None
    return start, end
