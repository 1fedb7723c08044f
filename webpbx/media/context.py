import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from webpbx.media.loop import Loop
from webpbx.media.packet import PacketBuffer
from webpbx.media.sound_store import SoundStore


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds."""

    half_open: float = 15.0  # from an offer to the end of its DTLS handshake
    consent: float = 30.0  # without a valid STUN check: stop sending (RFC 7675)
    consent_grace: float = 60.0  # without one: the leg is gone
    media_lost: float = 2.0  # of silence from a far end that had sent
    comfort: float = 1.0  # of sending nothing: one silent frame keeps NATs open
    report: float = 5.0  # between RTCP reports
    latch: float = 1.0  # from a symmetric leg's first packet to when its source is locked
    orphaned: float = 120.0  # without a switch: close all legs


class Ticking(Protocol):
    """What is called at each 20 ms tick until it says it is done."""

    def tick(self, steps: int, now: float) -> bool:
        """Do `steps` ticks' work (more than one: late); True = go on."""
        ...


@dataclass(slots=True)
class Context:
    """What all legs of a worker share."""

    loop: Loop
    sounds: SoundStore
    emit: Callable[[str, str, dict[str, Any]], None]  # leg, kind, data
    timing: Timing = field(default_factory=Timing)
    rng: random.Random = field(default_factory=secrets.SystemRandom)
    receiving: PacketBuffer = field(default_factory=PacketBuffer)
    sending: PacketBuffer = field(default_factory=PacketBuffer)
    dropped: Counter[str] = field(default_factory=Counter)
    ticking: dict[Ticking, None] = field(default_factory=dict)
    packets_in: int = 0
    packets_out: int = 0
