"""The worker: its legs, its sockets, its 20 ms clock, and the verbs of the control protocol."""

import os
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from webpbx.media.browser_leg import BrowserLeg
from webpbx.media.browser_socket import BrowserSocket, Registry
from webpbx.media.context import Context, Timing
from webpbx.media.dtls import DtlsIdentity
from webpbx.media.dtmf import DIGITS
from webpbx.media.errors import BadRequestError, DrainingError, MediaError, UnknownLegError
from webpbx.media.leg import Leg
from webpbx.media.loop import Loop
from webpbx.media.player import Player
from webpbx.media.rtp import CLOCKS
from webpbx.media.rtp_leg import RtpLeg
from webpbx.media.sound_store import SoundStore
from webpbx.media.tones import CADENCES

TICK = 0.02
TICKS_PER_SECOND = 50
LAG_SAMPLES = 3000  # the last minute
MAX_LEGS = 2000
MAX_ID = 200


class Later:
    """A verb's result that is not there yet."""

    def __init__(self) -> None:
        self._listener: Callable[[MediaError | None], None] | None = None
        self._result: tuple[MediaError | None] | None = None

    def resolve(self, error: MediaError | None) -> None:
        """Give the result; the first one counts."""
        if self._result is None:
            self._result = (error,)
            if self._listener is not None:
                self._listener(error)

    def then(self, listener: Callable[[MediaError | None], None]) -> None:
        """Hand the result to `listener`, at once if it is there."""
        self._listener = listener
        if self._result is not None:
            listener(self._result[0])


class Worker:
    """Hold the legs and do what the switch asks; `emit` hands events to it, `on_idle` hears when a drain is done."""

    def __init__(
        self,
        loop: Loop,
        *,
        name: str,
        addresses: Sequence[tuple[str, str]],
        media_port: int,
        trunk_ports: tuple[int, int],
        emit: Callable[[str, str, dict[str, Any]], None],
        timing: Timing | None = None,
    ) -> None:
        self.name = name
        self.draining = False
        self.on_idle: Callable[[], None] = loop.stop
        self.legs: dict[str, Leg] = {}
        self.context = Context(loop, SoundStore(loop), self._emit, timing or Timing())
        self._report = emit
        self._identity = DtlsIdentity()
        self._registry = Registry(self.context)
        self._trunk_ports = trunk_ports
        self.sockets: list[BrowserSocket] = []
        for address, advertised in addresses:
            port = self.sockets[0].port if self.sockets and not media_port else media_port
            self.sockets.append(
                BrowserSocket(self.context, self._registry, address=address, port=port, advertised=advertised)
            )
        self._buckets: list[dict[Leg, None]] = [{} for _ in range(TICKS_PER_SECOND)]
        self._ticks = 0
        self._due = loop.clock() + TICK
        self._lags = array("d")
        self._worst = 0.0
        loop.call_at(self._due, self._tick)

    # The clock

    def _tick(self) -> None:
        loop = self.context.loop
        now = loop.clock()
        late = now - self._due
        self._note_lag(late)
        steps = 1 + int(late / TICK)  # when late, skip, never burst
        self._due += steps * TICK
        loop.call_at(self._due, self._tick)
        ticking = self.context.ticking
        for each in list(ticking):
            if not each.tick(steps, now):
                ticking.pop(each, None)
        for _ in range(min(steps, TICKS_PER_SECOND)):
            self._ticks += 1
            for leg in list(self._buckets[self._ticks % TICKS_PER_SECOND]):
                leg.maintain(now)

    def _note_lag(self, late: float) -> None:
        self._worst = max(self._worst, late)
        if len(self._lags) < LAG_SAMPLES:
            self._lags.append(late)
        else:
            self._lags[self._ticks % LAG_SAMPLES] = late

    # Events

    def _emit(self, leg_id: str, kind: str, data: dict[str, Any]) -> None:
        if kind == "gone":
            self.context.loop.call_later(0, lambda: self._remove(leg_id))
        self._report(leg_id, kind, data)

    # Legs

    def _leg(self, leg: str) -> Leg:
        found = self.legs.get(leg)
        if found is None:
            raise UnknownLegError(f"There is no leg {leg} here.", leg=leg)
        return found

    def _add(self, leg: Leg) -> None:
        self.legs[leg.id] = leg
        self._buckets[self.context.rng.randrange(TICKS_PER_SECOND)][leg] = None

    def _admit(self, leg: str) -> None:
        if self.draining:
            raise DrainingError("This media worker is about to end and takes no new legs.")
        if len(self.legs) >= MAX_LEGS or not 0 < len(leg) <= MAX_ID:
            raise BadRequestError("This media worker has no room for such a leg.", leg=leg)

    def _remove(self, leg_id: str) -> None:
        leg = self.legs.pop(leg_id, None)
        if leg is None:
            return
        for bucket in self._buckets:
            bucket.pop(leg, None)
        leg.close()
        if self.draining and not self.legs:
            self.on_idle()

    # Verbs

    def browser_leg(
        self, *, leg: str, codecs: Sequence[str] = ("opus",), offer: str | None = None, generation: int = 0
    ) -> dict[str, Any]:
        """Make a browser's leg if it is not there; with an offer, attach its PeerConnection."""
        codecs = _known(codecs)
        found = self.legs.get(leg)
        if found is None:
            self._admit(leg)
            found = BrowserLeg(
                leg,
                self.context,
                registry=self._registry,
                sockets=self.sockets,
                identity=self._identity,
                likely_codec=codecs[0],
            )
            answer = found.attach(offer, codecs, generation) if offer is not None else None
            self._add(found)
            return {"sdp": answer}
        if not isinstance(found, BrowserLeg):
            raise UnknownLegError(f"The leg {leg} is no browser's.", leg=leg)
        return {"sdp": found.attach(offer, codecs, generation) if offer is not None else None}

    def rtp_leg(
        self,
        *,
        leg: str,
        address: str,
        codecs: Sequence[str],
        advertised: str | None = None,
        srtp: str = "none",
        digits: str = "rfc4733",
    ) -> dict[str, Any]:
        """Make a trunk's or telephone's leg if it is not there, and return our offer."""
        found = self.legs.get(leg)
        if found is None:
            self._admit(leg)
            try:
                found = RtpLeg(
                    leg,
                    self.context,
                    address=address,
                    ports=self._trunk_ports,
                    codecs=_known(codecs),
                    advertised=advertised,
                    srtp=srtp,
                    digits=digits,
                )
            except ValueError as error:
                raise BadRequestError(f"{address} is no IP address.", address=address) from error
            self._add(found)
        return {"sdp": self._rtp_leg(leg).offer()}

    def _rtp_leg(self, leg: str) -> RtpLeg:
        found = self._leg(leg)
        if not isinstance(found, RtpLeg):
            raise UnknownLegError(f"The leg {leg} is no RTP leg.", leg=leg)
        return found

    def set_remote(self, *, leg: str, sdp: str, answer: bool, symmetric: bool = False) -> dict[str, Any]:
        """Take the far end's answer, or its offer and return ours."""
        found = self._rtp_leg(leg)
        if answer:
            found.take_answer(sdp, symmetric=symmetric)
            return {"sdp": None}
        return {"sdp": found.take_offer(sdp, symmetric=symmetric)}

    def connect(self, *, a: str, b: str, a_hears: bool = True, b_hears: bool = True) -> dict[str, Any]:
        """Bridge two legs."""
        if a == b:
            raise BadRequestError("A leg is not connected to itself: that is loop_back.")
        self._leg(a).connect(self._leg(b), hears=a_hears, is_heard=b_hears)
        return {}

    def disconnect(self, *, a: str) -> dict[str, Any]:
        """End the bridge a leg is in."""
        self._leg(a).disconnect()
        return {}

    def loop_back(self, *, leg: str) -> dict[str, Any]:
        """Let a leg hear itself."""
        self._leg(leg).loop_back()
        return {}

    def close_leg(self, *, leg: str) -> dict[str, Any]:
        """Close a leg, if it is there."""
        self._remove(leg)
        return {}

    def play(self, *, leg: str, player: str, file: str, loop: bool = False) -> Later:
        """Play a sound file to a leg; done when the sound is ready."""
        return self._play(leg, Player(player, kind="file", name=file, loop=loop))

    def tone(self, *, leg: str, player: str, tone: str, country: str = "DE") -> Later:
        """Play a tone until stopped."""
        if tone not in CADENCES[""]:
            raise BadRequestError(f"There is no tone {tone!r}; use one of {', '.join(CADENCES[''])}.", tone=tone)
        return self._play(leg, Player(player, kind="tone", name=tone, country=country, loop=True))

    def _play(self, leg: str, player: Player) -> Later:
        later = Later()
        self._leg(leg).play(player, later.resolve)
        return later

    def stop(self, *, leg: str, player: str | None = None) -> dict[str, Any]:
        """Stop what a leg is played."""
        self._leg(leg).stop_player(player)
        return {}

    def send_digits(self, *, leg: str, digits: str) -> dict[str, Any]:
        """Send digits to a leg's far end."""
        self._leg(leg).press(_digits(digits))
        return {}

    def push_digits(self, *, leg: str, digits: str) -> dict[str, Any]:
        """Take digits as pressed by a leg's far end."""
        self._leg(leg).push(_digits(digits))
        return {}

    def mute(self, *, leg: str, on: bool) -> dict[str, Any]:
        """Put silence in the place of what a leg says, or no longer."""
        self._leg(leg).muted = on
        return {}

    def stats(self, *, leg: str) -> dict[str, Any]:
        """Return a leg's figures."""
        return self._leg(leg).stats()

    # The whole

    def describe(self) -> dict[str, Any]:
        """Tell what there is, for a switch that just came."""
        bridges = [[leg.id, leg.partner.id] for leg in self.legs.values() if leg.partner is not None]
        return {
            "name": self.name,
            "pid": os.getpid(),
            "draining": self.draining,
            "addresses": [[each.advertised, each.port] for each in self.sockets],
            "legs": list(self.legs),
            "bridges": [pair for pair in bridges if pair[0] < pair[1]],
            "players": [leg.player.id for leg in self.legs.values() if leg.player is not None],
        }

    def status(self) -> dict[str, Any]:
        """Return the worker's counters; lags in ms over the last minute, CPU in s since the start."""
        lags = sorted(self._lags) or [0.0]
        kinds = [leg.kind for leg in self.legs.values()]
        return {
            "name": self.name,
            "pid": os.getpid(),
            "draining": self.draining,
            "legs": {kind: kinds.count(kind) for kind in ("browser", "rtp")},
            "packets_in": self.context.packets_in,
            "packets_out": self.context.packets_out,
            "dropped": dict(self.context.dropped),
            "loop_lag_ms": {
                "p50": round(lags[len(lags) // 2] * 1000, 3),
                "p99": round(lags[len(lags) * 99 // 100] * 1000, 3),
                "max": round(lags[-1] * 1000, 3),
                "worst": round(self._worst * 1000, 3),
            },
            "cpu_seconds": time.process_time(),
            "errors": self.context.loop.errors,
        }

    def drain(self) -> None:
        """Take no new legs and end with the last one."""
        self.draining = True
        if not self.legs:
            self.on_idle()

    def close_legs(self) -> None:
        """Close all legs."""
        for leg in list(self.legs):
            self._remove(leg)

    def close(self) -> None:
        """Close everything."""
        self.close_legs()
        self.context.sounds.close()
        for each in self.sockets:
            each.close()


def _known(codecs: Sequence[str]) -> tuple[str, ...]:
    known = tuple(codec for codec in codecs if codec in CLOCKS)
    if not known:
        raise BadRequestError(f"None of {', '.join(codecs)} is a known codec; there are {', '.join(CLOCKS)}.")
    return known


def _digits(digits: str) -> str:
    if not digits or any(digit not in DIGITS for digit in digits):
        raise BadRequestError("Digits are 0 to 9, *, # and A to D.")
    return digits
