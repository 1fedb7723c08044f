"""The two directions of a leg's audio: what it was sent (numbers kept), what came in (statistics kept)."""

import random
from dataclasses import dataclass

MAX_JUMP = 3000  # sequence numbers; a larger step is a new beginning, RFC 3550 appendix A.1
REORDER = 1000
LATE_AFTER_START = 0x4000


class OutStream:
    """Own sequence number, timestamp and SSRC of what a leg hears, for the leg's whole life, whatever the source.

    A source is any object; when it changes, sequence numbers go on by one and timestamps by the time elapsed.
    """

    __slots__ = (
        "_first",
        "_seq_offset",
        "_source",
        "_timestamp_offset",
        "_young",
        "octets",
        "packets",
        "sent_at",
        "seq",
        "ssrc",
        "timestamp",
    )

    def __init__(self, rng: random.Random) -> None:
        self.ssrc = rng.getrandbits(32)
        self.seq = rng.randrange(0x7000)  # far from wrapping: a far end that misses the wrap mistakes SRTP's index
        self.timestamp = rng.getrandbits(32)
        self.sent_at: float | None = None
        self.packets = 0
        self.octets = 0
        self._source: object = None
        self._seq_offset = 0
        self._timestamp_offset = 0
        self._first = 0
        self._young = 0

    def restart(self) -> None:
        """Prepare for a new receiver: come back from high sequence numbers, mark the next packet."""
        self.seq &= 0x7FFF
        self._source = None

    def renew(self, rng: random.Random) -> None:
        """Begin a stream of its own under a new SSRC: the far end counts rollovers from zero after a change of keys."""
        self.ssrc = rng.getrandbits(32)
        self.restart()

    def interrupt(self) -> None:
        """Treat whatever comes next as a new source."""
        self._source = None

    def relay(self, source: object, seq: int, timestamp: int, clock: int, now: float) -> tuple[int, int, bool] | None:
        """Map a source's numbers to ours, gaps kept; third: whether to mark. None = late from before the change."""
        fresh = source is not self._source
        if fresh:
            self._begin(source, clock, now)
            self._seq_offset = self.seq - seq
            self._timestamp_offset = self.timestamp - timestamp
            self._first = seq
            self._young = LATE_AFTER_START
        elif self._young:
            self._young -= 1
            if (seq - self._first) & 0x8000:
                return None
        out_seq = (seq + self._seq_offset) & 0xFFFF
        out_timestamp = (timestamp + self._timestamp_offset) & 0xFFFFFFFF
        if not (out_seq - self.seq) & 0x8000:
            self.seq = out_seq
            self.timestamp = out_timestamp
            self.sent_at = now
        return out_seq, out_timestamp, fresh

    def pass_over(self, source: object, seq: int) -> None:
        """Close the gap that a packet of this source leaves which is not sent on."""
        ahead = (seq + self._seq_offset - self.seq) & 0xFFFF
        if source is self._source and 0 < ahead < REORDER:
            self._seq_offset -= 1

    def advance(self, source: object, samples: int, clock: int, now: float) -> tuple[int, int, bool]:
        """Give the numbers of a source's next packet, `samples` after its last; third: whether to mark."""
        fresh = source is not self._source
        if fresh:
            self._begin(source, clock, now)
        else:
            self.seq = (self.seq + 1) & 0xFFFF
            self.timestamp = (self.timestamp + samples) & 0xFFFFFFFF
            if samples:  # a digit's packets share the timestamp of its beginning
                self.sent_at = now
        return self.seq, self.timestamp, fresh

    def _begin(self, source: object, clock: int, now: float) -> None:
        self._source = source
        self.seq = (self.seq + 1) & 0xFFFF
        elapsed = clock // 50 if self.sent_at is None else max(clock // 50, round((now - self.sent_at) * clock))
        self.timestamp = (self.timestamp + elapsed) & 0xFFFFFFFF
        self.sent_at = now


@dataclass(slots=True)
class InStream:
    """Count one incoming SSRC's packets as RFC 3550 §6.4.1 and appendix A do; `jitter` is in timestamp units."""

    ssrc: int
    first: int  # extended sequence numbers
    highest: int
    clock: int
    received: int = 0
    jitter: float = 0.0
    restarts: int = 0
    _transit: float | None = None
    _reported_expected: int = 0
    _reported_received: int = 0
    sr_middle: int = 0  # middle 32 bits of the last sender report's NTP time
    sr_at: float = 0.0

    @classmethod
    def begin(cls, ssrc: int, seq: int, clock: int) -> "InStream":
        """Begin counting at a packet that `take` is then given."""
        return cls(ssrc, seq, seq - 1, clock)

    def take(self, seq: int, timestamp: int, clock: int, now: float) -> bool:
        """Count a packet; False = its sequence number is out of all order, begin anew."""
        step = (seq - self.highest) & 0xFFFF
        if step < MAX_JUMP:
            self.highest += step
        elif step < 0x10000 - REORDER:
            return False
        self.received += 1
        if clock != self.clock:
            self.clock = clock
            self._transit = None
        transit = now * clock - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < clock:  # else the timestamp wrapped or jumped
                self.jitter += (change - self.jitter) / 16
        self._transit = transit
        return True

    @property
    def expected(self) -> int:
        """Tell how many packets the sequence numbers promise."""
        return self.highest - self.first + 1

    @property
    def lost(self) -> int:
        """Tell how many of them are missing, never less than none."""
        return max(0, self.expected - self.received)

    def fraction_lost(self) -> int:
        """Return the loss since the last asking in 1/256 (RFC 3550 appendix A.3)."""
        expected = self.expected - self._reported_expected
        received = self.received - self._reported_received
        self._reported_expected, self._reported_received = self.expected, self.received
        if expected <= 0 or received >= expected:
            return 0
        return min(255, ((expected - received) << 8) // expected)
