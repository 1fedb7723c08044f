"""Digits: RFC 4733 events received and sent, and DTMF as sound (ITU-T Q.23) for lines that have no events."""

import struct
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar, Final

import numpy as np

from webpbx.media.errors import MediaError
from webpbx.media.sounds import Sound, encode_pcm, sample_rate
from webpbx.media.tones import chord

DIGITS: Final = "0123456789*#ABCD"  # the index is the event code (RFC 4733 §3.2)
FRAME_MS: Final = 20
END_REPEATS: Final = 3  # RFC 4733 §2.5.1.4
LOST_AFTER_S: Final = 0.15  # an event that stops coming is over: its end packets are lost
GAP_MS: Final = 60
LEAD_MS: Final = {"G722": 60}  # of silence, in which a decoder that heard something else comes to the encoder's state

_END: Final = 0x80
_VOLUME: Final = 10  # -10 dBm0
_LONGEST: Final = 0xFFFF  # duration field, timestamp units
_REMEMBERED: Final = 16  # finished events whose late repeats are recognised
_PAYLOAD: Final = struct.Struct("!BBH")
LOW: Final = (697, 770, 852, 941)
HIGH: Final = (1209, 1336, 1477, 1633)
KEYPAD: Final = ("123A", "456B", "789C", "*0#D")
_LEVEL_DBM0: Final = -6.0


class UnknownDigitError(MediaError):
    """A digit that no telephone has."""

    error_id: ClassVar[str] = "unknown_digit"


@dataclass(frozen=True)
class Digit:
    """A key that was pressed, one of `DIGITS`."""

    digit: str
    duration_ms: int


@dataclass(frozen=True)
class DigitPacket:
    """One event packet to send `offset_ms` after the first; all of a digit share the first one's timestamp."""

    payload: bytes
    marker: bool
    offset_ms: int


@dataclass
class _Pressed:
    event: int
    timestamp: int  # of the first segment
    segment: int  # timestamp of the newest segment
    duration: int  # of the newest segment, timestamp units
    before: int  # sum of the earlier segments
    heard: float


@dataclass
class DigitReceiver:
    """Turn the event packets of one RTP stream into digits, each exactly once, with packets lost, doubled or late."""

    clock_rate: int
    _pressed: _Pressed | None = None
    _finished: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def receive(self, payload: bytes | bytearray | memoryview, timestamp: int, now: float) -> tuple[Digit, ...]:
        """Take one packet (`now` in s) and return what it completes: its own digit, or one whose end was lost."""
        if len(payload) < _PAYLOAD.size:
            return ()
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        if event >= len(DIGITS) or timestamp in self._finished:
            return ()
        done: list[Digit] = []
        pressed = self._pressed
        if pressed is not None and not self._continues(pressed, event, timestamp):
            done.append(self._release(pressed))
            pressed = None
        if pressed is None:
            pressed = self._pressed = _Pressed(event, timestamp, timestamp, 0, 0, now)
        pressed.duration = max(pressed.duration, duration)
        pressed.heard = now
        if flags & _END:
            done.append(self._release(pressed))
        return tuple(done)

    def expire(self, now: float) -> Digit | None:
        """Return the digit whose end packets never came, once nothing was heard of it for `LOST_AFTER_S`."""
        if self._pressed is None or now - self._pressed.heard < LOST_AFTER_S:
            return None
        return self._release(self._pressed)

    @property
    def pressed(self) -> bool:
        """Whether a key is down, so that `expire` is worth calling."""
        return self._pressed is not None

    @staticmethod
    def _continues(pressed: _Pressed, event: int, timestamp: int) -> bool:
        """Tell a packet of the same event from a new one; a long event goes on in segments (RFC 4733 §2.5.1.3)."""
        if timestamp == pressed.segment:
            return event == pressed.event
        if event == pressed.event and timestamp == (pressed.segment + _LONGEST) & 0xFFFFFFFF:
            pressed.before += _LONGEST
            pressed.segment = timestamp
            pressed.duration = 0
            return True
        return False

    def _release(self, pressed: _Pressed) -> Digit:
        self._pressed = None
        self._finished.append(pressed.timestamp)
        if pressed.segment != pressed.timestamp:
            self._finished.append(pressed.segment)
        units = pressed.before + pressed.duration
        return Digit(DIGITS[pressed.event], units * 1000 // self.clock_rate)


def digit_packets(digit: str, duration_ms: int, clock_rate: int) -> tuple[DigitPacket, ...]:
    """Return the packets of one key press: every 20 ms, the first marked, the end sent three times.

    A press longer than the duration field is cut to it. Raises UnknownDigitError.
    """
    event = _event(digit)
    longest_ms = _LONGEST * 1000 // clock_rate // FRAME_MS * FRAME_MS
    duration_ms = min(max(duration_ms, 2 * FRAME_MS), longest_ms)
    packets = [
        DigitPacket(_payload(event, (offset + FRAME_MS) * clock_rate // 1000), offset == 0, offset)
        for offset in range(0, duration_ms - FRAME_MS, FRAME_MS)
    ]
    end = _payload(event, duration_ms * clock_rate // 1000, _END)
    last = packets[-1].offset_ms
    packets += [DigitPacket(end, marker=False, offset_ms=last + FRAME_MS * (i + 1)) for i in range(END_REPEATS)]
    return tuple(packets)


@cache
def inband(digit: str, codec: str) -> Sound:
    """Return a key press as sound: 100 ms of its two tones and 60 ms of silence, in G.722 before them too.

    Raises UnknownDigitError.
    """
    digit = DIGITS[_event(digit)]
    row = next(index for index, keys in enumerate(KEYPAD) if digit in keys)
    column = KEYPAD[row].index(digit)
    rate = sample_rate(codec)
    sound = chord((LOW[row], HIGH[column]), rate // 10, rate, level_dbm0=_LEVEL_DBM0)
    pauses = (LEAD_MS.get(codec, 0) * rate // 1000, GAP_MS * rate // 1000)
    return encode_pcm(np.pad(sound, pauses), rate, codec)


def _event(digit: str) -> int:
    event = DIGITS.find(digit.upper()) if len(digit) == 1 else -1
    if event < 0:
        raise UnknownDigitError(f"{digit!r} is not a key of a telephone.", digit=digit)
    return event


def _payload(event: int, duration: int, flags: int = 0) -> bytes:
    return _PAYLOAD.pack(event, flags | _VOLUME, duration)
