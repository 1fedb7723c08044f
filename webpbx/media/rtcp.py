"""RTCP of our own (RFC 3550 §6): reports built and read; nothing is ever forwarded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from webpbx.media.stream import InStream, OutStream

SR, RR, SDES, BYE = 200, 201, 202, 203
NTP_UNIX = 2208988800
CNAME = b"webpbx"
MAX_PACKETS = 16

_HEADER = struct.Struct("!BBHI")
_BLOCK = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IIIII")


@dataclass(frozen=True, slots=True)
class Block:
    """What the far end says of a stream it hears."""

    ssrc: int
    fraction_lost: int  # 1/256
    lost: int
    jitter: int  # timestamp units
    last_sr: int
    delay: int  # 1/65536 s


@dataclass(frozen=True, slots=True)
class Report:
    """One SR or RR; `ntp_middle` is None in an RR."""

    ssrc: int
    ntp_middle: int | None
    blocks: tuple[Block, ...]


def build(
    out: OutStream, incoming: InStream | None, *, clock: int, now: float, wall: float, bye: bool = False
) -> bytes:
    """Write a compound packet: SR (RR if nothing was sent yet), CNAME, and BYE at the end of a leg.

    `now` is monotonic, `wall` Unix time, both in seconds; `clock` is the outgoing RTP clock in Hz.
    """
    block = _block(incoming, now) if incoming is not None else b""
    count = 1 if block else 0
    if out.sent_at is None:
        report = _packet(RR, count, out.ssrc, block)
    else:
        seconds = wall + NTP_UNIX
        timestamp = (out.timestamp + round((now - out.sent_at) * clock)) & 0xFFFFFFFF
        fraction = int(seconds % 1 * (1 << 32))
        sender = _SENDER.pack(
            int(seconds) & 0xFFFFFFFF, fraction, timestamp, out.packets & 0xFFFFFFFF, out.octets & 0xFFFFFFFF
        )
        report = _packet(SR, count, out.ssrc, sender + block)
    item = b"\x01" + bytes([len(CNAME)]) + CNAME
    described = _packet(SDES, 1, out.ssrc, item + bytes(4 - len(item) % 4))
    return report + described + (_packet(BYE, 1, out.ssrc, b"") if bye else b"")


def middle(wall: float) -> int:
    """Return the middle 32 bits of the NTP time, in 1/65536 s."""
    return int((wall + NTP_UNIX) * 65536) & 0xFFFFFFFF


def read(data: bytes | memoryview) -> Iterator[Report]:
    """Read the reports of a compound packet; what is malformed or of another kind is passed over."""
    at = 0
    for _ in range(MAX_PACKETS):
        if at + _HEADER.size > len(data):
            return
        first, kind, words, ssrc = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):  # noqa: PLR2004 - RTP's version
            return
        if kind in (SR, RR):
            body = at + _HEADER.size
            ntp_middle = None
            if kind == SR and body + _SENDER.size <= end:
                high, low, *_ = _SENDER.unpack_from(data, body)
                ntp_middle = ((high & 0xFFFF) << 16) | (low >> 16)
                body += _SENDER.size
            yield Report(ssrc, ntp_middle, tuple(_blocks(data, body, end, first & 0x1F)))
        at = end


def _blocks(data: bytes | memoryview, at: int, end: int, count: int) -> Iterator[Block]:
    for _ in range(count):
        if at + _BLOCK.size > end:
            return
        ssrc, loss, _, jitter, last_sr, delay = _BLOCK.unpack_from(data, at)
        lost = loss & 0xFFFFFF
        yield Block(ssrc, loss >> 24, lost - (1 << 24) if lost & 0x800000 else lost, jitter, last_sr, delay)
        at += _BLOCK.size


def _block(incoming: InStream, now: float) -> bytes:
    lost = min(incoming.lost, 0x7FFFFF)
    delay = min(round((now - incoming.sr_at) * 65536), 0xFFFFFFFF) if incoming.sr_middle else 0
    return _BLOCK.pack(
        incoming.ssrc,
        (incoming.fraction_lost() << 24) | lost,
        incoming.highest & 0xFFFFFFFF,
        int(incoming.jitter) & 0xFFFFFFFF,
        incoming.sr_middle,
        delay,
    )


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, (4 + len(body)) // 4, ssrc) + body
