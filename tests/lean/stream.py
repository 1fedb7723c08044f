"""One call's RTP: marked packets out, marks counted in."""

import secrets
import struct
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from webpbx.media import g711
from webpbx.media.dtmf import DigitReceiver, digit_packets

MAGIC = b"LEAN"
MARK = struct.Struct("!4sHIQ")  # magic, round, counter, monotonic ns when sent
HEADER = struct.Struct("!BBHII")
FRAME_NS = 20_000_000
BIN_US = 50  # delays are counted in bins of this width
PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "opus": 111}
TIMESTAMP_STEP = {"PCMU": 160, "PCMA": 160, "opus": 960}
REMEMBERED_FRAMES = 50


@dataclass
class Stream:
    """Number, mark and weigh the packets of one call; `tone_hz` rides behind the mark in G.711."""

    codec: str
    tone_hz: int = 0
    event_type: int = 126
    payload_type: int = -1
    ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    sequence: int = field(default_factory=lambda: secrets.randbits(15))
    timestamp: int = field(default_factory=lambda: secrets.randbits(31))
    round: int = 0
    counter: int = 0
    sent: Counter[int] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)
    delays: dict[int, Counter[int]] = field(default_factory=dict)
    unmarked: int = 0
    digits: str = ""
    events: deque[tuple[bytes, int, bool]] = field(default_factory=deque)
    heard: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED_FRAMES))

    def __post_init__(self) -> None:
        if self.payload_type < 0:
            self.payload_type = PAYLOAD_TYPES[self.codec]
        self._digit_receiver = DigitReceiver(48000 if self.codec == "opus" else 8000)
        self._loop = self._tone_loop()

    def _tone_loop(self) -> bytes:
        """Return one second of what follows the marks."""
        if self.codec == "opus":
            return bytes(8000)
        wave = 8000 * np.sin(2 * np.pi * self.tone_hz * np.arange(8000) / 8000)
        return g711.encode(wave.astype(np.int16), self.codec)

    def next_packet(self, now_ns: int) -> bytes:
        """Return the next packet to send: a waiting digit event, else marked sound."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + TIMESTAMP_STEP[self.codec]) & 0xFFFFFFFF
        if self.events:
            payload, timestamp, marker = self.events.popleft()
            return self._packet(payload, timestamp or self.timestamp, self.event_type | (0x80 if marker else 0))
        place = self.counter % 50 * 160
        mark = MARK.pack(MAGIC, self.round, self.counter, now_ns)
        self.counter += 1
        self.sent[self.round] += 1
        return self._packet(mark + self._loop[place + MARK.size : place + 160], self.timestamp, self.payload_type)

    def _packet(self, payload: bytes, timestamp: int, second: int) -> bytes:
        return HEADER.pack(0x80, second, self.sequence, timestamp, self.ssrc) + payload

    def press(self, digits: str) -> None:
        """Queue keys as RFC 4733 events, with a pause after each."""
        step = TIMESTAMP_STEP[self.codec]
        ahead = len(self.events) + 1
        for digit in digits:
            timestamp = (self.timestamp + ahead * step) & 0xFFFFFFFF
            packets = digit_packets(digit, 100, step * 50)
            self.events += [(packet.payload, timestamp, packet.marker) for packet in packets]
            ahead += len(packets)

    def take(self, packet: bytes, now_ns: int) -> None:
        """Count one received RTP packet."""
        first, second, _, timestamp, _ = HEADER.unpack_from(packet)
        start = HEADER.size + 4 * (first & 0x0F)
        if first & 0x10:
            start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
        payload_type = second & 0x7F
        if payload_type == self.event_type:
            for digit in self._digit_receiver.receive(packet[start:], timestamp, now_ns / 1e9):
                self.digits += digit.digit
            return
        payload = packet[start:]
        self.heard.append(payload)
        if len(payload) < MARK.size or payload[:4] != MAGIC:
            self.unmarked += 1
            return
        _, round_, _, sent_ns = MARK.unpack_from(payload)
        self.received[round_] += 1
        self.delays.setdefault(round_, Counter())[(now_ns - sent_ns) // (1000 * BIN_US)] += 1

    def hears(self) -> tuple[float, float]:
        """Return the strongest frequency in Hz of the last second and its loudness (RMS of samples)."""
        if self.codec == "opus" or not self.heard:
            return 0.0, 0.0
        frames = [
            g711.SILENCE[self.codec] * MARK.size + frame[MARK.size :] if frame[:4] == MAGIC else frame
            for frame in self.heard
        ]
        pcm = g711.decode(b"".join(frames), self.codec).astype(float)
        spectrum = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size)))
        return float(np.argmax(spectrum) * 8000 / pcm.size), float(np.sqrt(np.mean(pcm**2)))

    def report(self, round_: int) -> dict[str, Any]:
        """Return this call's counts of one round."""
        hertz, loudness = self.hears()
        return {
            "sent": self.sent[round_],
            "received": self.received[round_],
            "unmarked": self.unmarked,
            "hears_hz": round(hertz, 1),
            "loudness": round(loudness),
            "digits": self.digits,
        }
