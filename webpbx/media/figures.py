"""A leg's statistics: what came in over all its incoming streams, and what the far end reports of ours."""

import time
from dataclasses import dataclass
from typing import Any

from webpbx.media import rtcp
from webpbx.media.stream import InStream

LONGEST_TRIP = 10.0  # seconds; more is a clock that was set


@dataclass(slots=True)
class Figures:
    """Counts since the leg began; the stream being received is counted in itself until the next one begins."""

    incoming: InStream | None = None
    octets_in: int = 0
    round_trip: float | None = None  # seconds
    remote_loss: float = 0.0  # 0 to 1, of the far end's last report
    _received_before: int = 0
    _lost_before: int = 0

    def begin(self, ssrc: int, seq: int, clock: int) -> InStream:
        """Begin to count a new incoming stream."""
        if self.incoming is not None:
            self._received_before += self.incoming.received
            self._lost_before += self.incoming.lost
        self.incoming = InStream.begin(ssrc, seq, clock)
        return self.incoming

    def take_rtcp(self, data: bytes, ours: int, now: float) -> None:
        """Take the far end's reports on the stream with the SSRC `ours`, and the times of its own."""
        for report in rtcp.read(data):
            incoming = self.incoming
            if report.ntp_middle is not None and incoming is not None and incoming.ssrc == report.ssrc:
                incoming.sr_middle, incoming.sr_at = report.ntp_middle, now
            for block in report.blocks:
                if block.ssrc != ours:
                    continue
                self.remote_loss = block.fraction_lost / 256
                trip = ((rtcp.middle(time.time()) - block.last_sr - block.delay) & 0xFFFFFFFF) / 65536
                if block.last_sr and trip < LONGEST_TRIP:
                    self.round_trip = trip

    def as_dict(self) -> dict[str, Any]:
        """Return the figures; times in ms."""
        incoming = self.incoming
        return {
            "packets_in": self._received_before + (incoming.received if incoming is not None else 0),
            "octets_in": self.octets_in,
            "lost_in": self._lost_before + (incoming.lost if incoming is not None else 0),
            "jitter_ms": round(incoming.jitter * 1000 / incoming.clock, 2) if incoming is not None else 0.0,
            "round_trip_ms": round(self.round_trip * 1000, 2) if self.round_trip is not None else None,
            "remote_loss": round(self.remote_loss, 4),
        }
