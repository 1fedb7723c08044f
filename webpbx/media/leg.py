"""One party's audio: what it says goes to the leg that hears it, what it hears is one stream of its own."""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from webpbx.media import rtcp
from webpbx.media.context import Context
from webpbx.media.dtmf import Digit, DigitReceiver
from webpbx.media.errors import MediaError
from webpbx.media.figures import Figures
from webpbx.media.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from webpbx.media.packet import Outlet, PacketBuffer
from webpbx.media.player import PRESS_MS, KeyPress, Player
from webpbx.media.rtp import EVENT, HEADER_SIZE, MARKER, SILENCE, Format, pack_header, payload_bounds, unpack_header
from webpbx.media.stream import OutStream
from webpbx.media.transcoder import Transcoder

OTHER_LAW = {"PCMU": ("PCMA", ULAW_TO_ALAW), "PCMA": ("PCMU", ALAW_TO_ULAW)}
MAX_KEYS = 64


class Leg(ABC):
    """What browser legs and RTP legs have in common; `outlet` and `transmit_rtcp` are theirs."""

    kind = ""

    def __init__(self, leg_id: str, context: Context) -> None:
        self.id = leg_id
        self.context = context
        self.out = OutStream(context.rng)
        self.outlet: Outlet | None = None  # None: nowhere to send to
        self.partner: Leg | None = None
        self.target: Leg | None = None  # who hears this leg
        self.muted = False
        self.player: Player | None = None
        self.figures = Figures()
        self.source: object = None  # changes when the incoming numbers begin anew
        self.formats: dict[int, Format] = {}  # by payload type, as received
        self.audio: dict[str, Format] = {}  # by codec, as sent
        self.codec: Format | None = None
        self.event: Format | None = None
        self.heard_at: float | None = None
        self.lost = False
        self.expects_media = True
        self.keys: deque[KeyPress] = deque()
        self._digits: DigitReceiver | None = None
        self._event_source: tuple[int, object] = (-1, None)
        self._transcoder: Transcoder | None = None
        self._reported_at = context.loop.clock() - context.rng.random() * context.timing.report

    # What the kinds of leg do in their own way

    @property
    def wants_keys(self) -> bool:
        """Tell whether a key that was heard as tones has to be said to the far end in its own way too."""
        return False

    @property
    def sendable(self) -> bool:
        """Tell whether there is somewhere to send to."""
        return self.outlet is not None

    @abstractmethod
    def transmit_rtcp(self, data: bytes) -> None:
        """Send a compound RTCP packet."""

    # Who hears whom

    def set_formats(self, received: Sequence[Format], sent: Sequence[Format]) -> None:
        """Take what was negotiated; the first audio format of `sent` is what players use."""
        self.formats = {form.payload_type: form for form in received}
        self.audio = {form.codec: form for form in reversed(sent) if form.codec != EVENT}
        self.codec = next((form for form in sent if form.codec != EVENT), None)
        clock = self.codec.clock if self.codec is not None else 0
        self.event = next((form for form in sent if form.codec == EVENT and form.clock == clock), None)

    def connect(self, other: "Leg", *, hears: bool, is_heard: bool) -> None:
        """Bridge with `other`; connecting the same two again changes only who hears whom."""
        for leg, peer in ((self, other), (other, self)):
            if leg.partner is not peer:
                leg.disconnect()
        self.partner, other.partner = other, self
        self.target = other if is_heard else None
        other.target = self if hears else None

    def disconnect(self) -> None:
        """End the bridge or loop this leg is in."""
        partner, self.partner, self.target = self.partner, None, None
        if partner is not None:
            partner.partner = partner.target = None

    def loop_back(self) -> None:
        """Send what this leg says back to it."""
        self.disconnect()
        self.target = self

    # What comes in

    def receive(self, packet: PacketBuffer, length: int, now: float) -> None:
        """Take an RTP packet, decrypted, at the buffer's start, and hand it to whoever hears this leg."""
        view = packet.view
        first, second, seq, timestamp, ssrc = unpack_header(view)
        form = self.formats.get(second & 0x7F)
        if form is None:
            self._pass_over(seq, timestamp, ssrc, now)
            return
        start, end = HEADER_SIZE, length
        if first & 0x3F:
            bounds = payload_bounds(view, length)
            if bounds is None:
                self.context.dropped["malformed"] += 1
                return
            start, end = bounds
        figures = self.figures
        incoming = figures.incoming
        if incoming is None or incoming.ssrc != ssrc or not incoming.take(seq, timestamp, form.clock, now):
            figures.begin(ssrc, seq, form.clock).take(seq, timestamp, form.clock, now)
            self.source = object()
        figures.octets_in += end - start
        if self.heard_at is None or self.lost:
            self._audible(now)
        self.heard_at = now
        if form.codec == EVENT:
            self._receive_event(packet, bytes(view[start:end]), form, seq=seq, timestamp=timestamp, now=now)
        elif (target := self.target) is not None and target.player is None and not target.keys:
            target.hear(self, packet, start, end, form, second & MARKER, seq, timestamp, now)

    def _pass_over(self, seq: int, timestamp: int, ssrc: int, now: float) -> None:
        """Leave out a packet of unknown payload type (comfort noise, say): neither lost nor a sign of silence."""
        self.context.dropped["payload_type"] += 1
        incoming = self.figures.incoming
        if incoming is None or incoming.ssrc != ssrc or not incoming.take(seq, timestamp, incoming.clock, now):
            return
        if self.lost:
            self._audible(now)
        self.heard_at = now
        if self.target is not None:
            self.target.out.pass_over(self.source, seq)

    def hear(  # noqa: PLR0917 - naming nine arguments costs at every packet
        self,
        speaker: "Leg",
        packet: PacketBuffer,
        start: int,
        end: int,
        form: Format,
        marker: int,
        seq: int,
        timestamp: int,
        now: float,
    ) -> None:
        """Send on what `speaker` said, in this leg's own numbers; the payload is changed in place."""
        outlet = self.outlet
        if outlet is None:
            return
        out = self.audio.get(form.codec)
        if out is None:
            law = OTHER_LAW.get(form.codec)
            out = self.audio.get(law[0]) if law is not None else None
            if out is None or law is None:
                self._transcode(speaker, bytes(packet.view[start:end]), form, seq, timestamp, now)
                return
            packet.view[start:end] = bytes(packet.view[start:end]).translate(law[1])
        stream = self.out
        numbers = stream.relay(speaker.source, seq, timestamp, out.clock, now)
        if numbers is None:
            self.context.dropped["late"] += 1
            return
        if speaker.muted:
            silence = SILENCE[out.codec]
            if out.codec != "opus":
                silence = silence[:1] * (end - start)
            end = start + len(silence)
            packet.view[start:end] = silence
        out_seq, out_timestamp, fresh = numbers
        at = start - HEADER_SIZE
        second = out.payload_type | (MARKER if fresh else marker)
        pack_header(packet.view, at, 0x80, second, out_seq, out_timestamp, stream.ssrc)
        stream.packets += 1
        stream.octets += end - start
        outlet(packet, at, end)

    def _transcode(  # noqa: PLR0917 - as `hear`
        self, speaker: "Leg", payload: bytes, form: Format, seq: int, timestamp: int, now: float
    ) -> None:
        out = self.codec
        if out is None:
            return
        if speaker.muted:
            payload = SILENCE[form.codec]
        transcoder = self._transcoder
        if transcoder is None or not transcoder.fits(speaker.source, form.codec, out.codec):
            transcoder = self._transcoder = Transcoder(speaker.source, form.codec, out.codec)
        for made, samples in transcoder.take(payload, seq, timestamp):
            self.speak(transcoder, made, out, samples=samples, now=now)

    # Digits

    def _receive_event(
        self, packet: PacketBuffer, payload: bytes, form: Format, *, seq: int, timestamp: int, now: float
    ) -> None:
        receiver = self._digits
        if receiver is None or receiver.clock_rate != form.clock:
            receiver = self._digits = DigitReceiver(form.clock)
        for digit in receiver.receive(payload, timestamp, now):
            self._pressed(digit)
        if receiver.pressed:
            self.context.ticking[self] = None
        target = self.target
        if target is None or target.event is None or target.player is not None or target.keys or not target.sendable:
            return
        target.hear_event(self, packet, payload, form, seq=seq, timestamp=timestamp, now=now)

    def hear_event(
        self,
        speaker: "Leg",
        packet: PacketBuffer,
        payload: bytes,
        form: Format,
        *,
        seq: int,
        timestamp: int,
        now: float,
    ) -> None:
        """Send on a digit's packet in this leg's own numbers, durations in this leg's clock."""
        out = self.event
        if out is None or len(payload) < 4:  # noqa: PLR2004 - RFC 4733 §2.3
            return
        if form.clock == out.clock and speaker.source is not None:
            numbers = self.out.relay(speaker.source, seq, timestamp, out.clock, now)
        else:
            if self._event_source[0] != timestamp:
                self._event_source = (timestamp, object())
            numbers = self.out.advance(self._event_source[1], 0, out.clock, now)
            duration = int.from_bytes(payload[2:4], "big") * out.clock // form.clock
            payload = payload[:2] + min(duration, 0xFFFF).to_bytes(2, "big")
        if numbers is not None:
            self._send(payload[:4], out, numbers, packet=packet)

    def _pressed(self, digit: Digit, *, heard: bool = False) -> None:
        """Tell of a digit; what was `heard` as tones the other end hears as well, and is told if that is not enough."""
        self.context.emit(self.id, "digit", {"digit": digit.digit, "duration_ms": digit.duration_ms})
        target = self.target
        if target is not None and (target.wants_keys if heard else target.event is None):
            target.press(digit.digit)

    def press(self, digits: str) -> None:
        """Send digits to this leg's far end, one after another."""
        for digit in digits[: MAX_KEYS - len(self.keys)]:
            self.keys.append(KeyPress(digit))
        if self.keys:
            self.context.ticking[self] = None

    def push(self, digits: str) -> None:
        """Take digits as though this leg's far end had pressed them."""
        for digit in digits[:MAX_KEYS]:
            self.context.emit(self.id, "digit", {"digit": digit, "duration_ms": PRESS_MS})
        if self.target is not None:
            self.target.press(digits)

    # What is heard instead of the peer

    def play(self, player: Player, done: Callable[[MediaError | None], None]) -> None:
        """Start `player` in place of any other; `done` hears why it cannot be, or None once it is ready."""
        if self.player is not None and self.player.id == player.id:
            done(None)
            return
        self.stop_player(None)
        self.player = player

        def ready(error: MediaError | None) -> None:
            if error is not None and self.player is player:
                self.player = None
            done(error)

        self.context.ticking[self] = None
        player.prepare(self.codec.codec if self.codec is not None else self.likely_codec, self.context.sounds, ready)

    likely_codec = "opus"

    def stop_player(self, player_id: str | None, reason: str = "stopped") -> None:
        """End the player, if it is the one named or none is named."""
        player = self.player
        if player is not None and player_id in (None, player.id):
            self.player = None
            self.context.emit(self.id, "play_finished", {"player": player.id, "reason": reason})

    def tick(self, steps: int, now: float) -> bool:
        """Send what is due at this 20 ms tick; False = nothing is left to do."""
        receiver = self._digits
        if receiver is not None and receiver.pressed and (digit := receiver.expire(now)) is not None:
            self._pressed(digit)
        form = self.codec
        if form is not None and (self.sendable or self.out.sent_at is not None):
            if self.keys:
                if not self.keys[0].tick(self, form, self.event, now):
                    self.keys.popleft()
            elif self.player is not None and not self.player.tick(self, form, self.context.sounds, steps, now):
                self.stop_player(None, "ended")
        return bool(self.keys) or self.player is not None or (receiver is not None and receiver.pressed)

    def speak(self, source: object, payload: bytes, form: Format, *, samples: int, now: float) -> None:
        """Send one payload as the next of `source`, `samples` after its last."""
        if self.sendable:
            self._send(payload, form, self.out.advance(source, samples, form.clock, now))

    def _send(
        self, payload: bytes, form: Format, numbers: tuple[int, int, bool], packet: PacketBuffer | None = None
    ) -> None:
        outlet = self.outlet
        if outlet is None:
            return
        packet = packet or self.context.sending
        seq, timestamp, fresh = numbers
        second = form.payload_type | (MARKER if fresh else 0)
        pack_header(packet.view, 0, 0x80, second, seq, timestamp, self.out.ssrc)
        end = HEADER_SIZE + len(payload)
        packet.view[HEADER_SIZE:end] = payload
        self.out.packets += 1
        self.out.octets += len(payload)
        outlet(packet, 0, end)

    # Once a second

    def maintain(self, now: float) -> None:
        """Do what is due: reports, comfort frames, and telling that the far end fell silent."""
        timing = self.context.timing
        if self.heard_at is not None and not self.lost and self.expects_media:
            silent = now - self.heard_at
            if silent > timing.media_lost:
                self.lost = True
                self.context.emit(self.id, "media_lost", {"seconds": round(silent, 1)})
        if not self.sendable:
            return
        if now - self._reported_at >= timing.report:
            self._reported_at = now
            self.report(now)
        if self.codec is not None and self.player is None and not self.keys and self._quiet(now, timing.comfort):
            self.speak(self, SILENCE[self.codec.codec], self.codec, samples=0, now=now)
            self.out.interrupt()

    def _quiet(self, now: float, seconds: float) -> bool:
        return self.out.sent_at is None or now - self.out.sent_at >= seconds

    def _audible(self, now: float) -> None:
        first, self.lost = self.heard_at is None, False
        self.first_heard(now) if first else self.context.emit(self.id, "media_back", {})

    def first_heard(self, now: float) -> None:  # noqa: B027 - not every kind needs to
        """Notice the first packet of the leg's life."""

    # Reports

    def report(self, now: float, *, bye: bool = False) -> None:
        """Send an RTCP report."""
        clock = self.codec.clock if self.codec is not None else 8000
        data = rtcp.build(self.out, self.figures.incoming, clock=clock, now=now, wall=time.time(), bye=bye)
        self.transmit_rtcp(data)

    def receive_rtcp(self, data: bytes, now: float) -> None:
        """Take the far end's reports."""
        self.figures.take_rtcp(data, self.out.ssrc, now)

    def stats(self) -> dict[str, Any]:
        """Return this leg's figures; times in ms."""
        return {
            "kind": self.kind,
            "codec": self.codec.codec if self.codec is not None else None,
            "connected": self.sendable,
            **self.figures.as_dict(),
            "packets_out": self.out.packets,
            "octets_out": self.out.octets,
            "media_lost": self.lost,
            "muted": self.muted,
        }

    def close(self) -> None:
        """Leave the bridge and stop everything."""
        self.disconnect()
        self.player = None
        self.keys.clear()
        self.context.ticking.pop(self, None)
